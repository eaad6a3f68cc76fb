/* SPDX-License-Identifier: MIT
 *
 * Is the client's address taken from a header that is exactly right, and from
 * nothing else?
 */
#include "../../src/proxy.h"
#include "block.h"

#define BYTES(literal) {(literal), sizeof(literal) - 1}
#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define TCP4 "\1\2\3\4" "\5\6\7\x8" "\x30\x39" "\x01\xbb" /* 1.2.3.4:12345 to 5.6.7.8:443 */
#define IP6(last) "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0" last
#define TCP6 IP6("\1") IP6("\2") "\xff\xff" "\0\x50"
#define FORTY "----------------------------------------"

/* from: the client, "" when the header says none; NULL: it is no header */
static const struct { struct span bytes; const char *from; } cases[] = {
	/* version 1 */
	{BYTES("PROXY TCP4 192.168.0.1 10.0.0.11 56324 443\r\n"), "192.168.0.1:56324"},
	{BYTES("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"), "255.255.255.255:65535"},
	{BYTES("PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n"), "0.0.0.0:0"},
	{BYTES("PROXY TCP6 fd00::1 fd00::2 4124 443\r\n"), "[fd00::1]:4124"},
	{BYTES("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
	 "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"},
	{BYTES("PROXY TCP6 ::ffff:192.168.0.1 ::1 1 2\r\n"), "192.168.0.1:1"},
	{BYTES("PROXY UNKNOWN\r\n"), ""},
	{BYTES("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"), ""},
	{BYTES("PROXY UNKNOWN  what\tever\r\n"), ""},
	{BYTES("PROXY UNKNOWN " FORTY FORTY "-----------\r\n"), ""},    /* 107 bytes are the most */
	{BYTES("PROXY UNKNOWN " FORTY FORTY "------------\r\n"), NULL},
	{BYTES("PROXY TCP4 192.168.0.1 10.0.0.11 56324 443\n"), NULL},
	{BYTES("PROXY TCP4 192.168.0.1 10.0.0.11 56324 443\r\r\n"), NULL},
	{BYTES("PROXY TCP4 192.168.0.1 10.0.0.11 56324 443 \r\n"), NULL},
	{BYTES("PROXY TCP4 192.168.0.1 10.0.0.11 56324 443 1\r\n"), NULL},
	{BYTES("PROXY TCP4 192.168.0.1 10.0.0.11 56324\r\n"), NULL},
	{BYTES("PROXY TCP4 192.168.0.1 10.0.0.11 56324 \r\n"), NULL},
	{BYTES("PROXY TCP4 192.168.0.1 56324 443\r\n"), NULL},
	{BYTES("PROXY TCP4  192.168.0.1 10.0.0.11 56324 443\r\n"), NULL},
	{BYTES("PROXY  TCP4 192.168.0.1 10.0.0.11 56324 443\r\n"), NULL},
	{BYTES("PROXY\tTCP4 192.168.0.1 10.0.0.11 56324 443\r\n"), NULL},
	{BYTES("PROXY TCP4\t192.168.0.1 10.0.0.11 56324 443\r\n"), NULL},
	{BYTES("PROXY TCP4 192.168.0.1 10.0.0.11 65536 443\r\n"), NULL},
	{BYTES("PROXY TCP4 192.168.0.1 10.0.0.11 1 65536\r\n"), NULL},
	{BYTES("PROXY TCP4 192.168.0.1 10.0.0.11 01 443\r\n"), NULL},
	{BYTES("PROXY TCP4 192.168.0.1 10.0.0.11 -1 443\r\n"), NULL},
	{BYTES("PROXY TCP4 192.168.0.01 10.0.0.11 1 443\r\n"), NULL},
	{BYTES("PROXY TCP4 192.168.0.1 home 1 443\r\n"), NULL},
	{BYTES("PROXY TCP4 fd00::1 fd00::2 1 443\r\n"), NULL},
	{BYTES("PROXY TCP6 192.168.0.1 10.0.0.11 1 443\r\n"), NULL},
	{BYTES("PROXY TCP6 fd00::1 10.0.0.11 1 443\r\n"), NULL},
	{BYTES("PROXY TCP4 ::ffff:192.168.0.1 10.0.0.11 1 443\r\n"), NULL},
	{BYTES("PROXY TCP6 [fd00::1] [fd00::2] 1 443\r\n"), NULL},
	{BYTES("PROXY UDP4 192.168.0.1 10.0.0.11 1 443\r\n"), NULL},
	{BYTES("PROXY tcp4 192.168.0.1 10.0.0.11 1 443\r\n"), NULL},
	{BYTES("PROXY UNKNOWNS\r\n"), NULL},
	{BYTES("PROXY \r\n"), NULL},
	{BYTES("PROXY\r\n"), NULL},
	{BYTES("proxy TCP4 192.168.0.1 10.0.0.11 1 443\r\n"), NULL},
	{BYTES("POST / HTTP/1.1\r\n"), NULL},
	{BYTES("GET / HTTP/1.1\r\n"), NULL},
	/* version 2 */
	{BYTES(SIGNATURE "\x21\x11\0\x0c" TCP4), "1.2.3.4:12345"},
	{BYTES(SIGNATURE "\x21\x11\0\x10" TCP4 "\4\0\1x"), "1.2.3.4:12345"},   /* and something more */
	{BYTES(SIGNATURE "\x21\x21\0\x24" TCP6), "[fd00::1]:65535"},
	{BYTES(SIGNATURE "\x21\x21\0\x24" "\0\0\0\0\0\0\0\0\0\0\xff\xff\1\2\3\4" IP6("\2") "\0\1\0\2"), "1.2.3.4:1"},
	{BYTES(SIGNATURE "\x20\0\0\0"), ""},
	{BYTES(SIGNATURE "\x20\x11\0\x0c" TCP4), ""},                          /* LOCAL: addresses do not count */
	{BYTES(SIGNATURE "\x20\xff\0\3abc"), ""},
	{BYTES(SIGNATURE "\x21\0\0\0"), ""},
	{BYTES(SIGNATURE "\x21\0\0\3abc"), ""},
	{BYTES(SIGNATURE "\x21\x31\0\xd8" FORTY FORTY FORTY FORTY FORTY "----------------"), "unix"},
	{BYTES(SIGNATURE "\x21\x31\0\xd7" FORTY FORTY FORTY FORTY FORTY "---------------"), NULL},
	{BYTES(SIGNATURE "\x21\x11\0\x0b" TCP4), NULL},
	{BYTES(SIGNATURE "\x21\x11\0\0"), NULL},
	{BYTES(SIGNATURE "\x21\x21\0\x0c" TCP4), NULL},
	{BYTES(SIGNATURE "\x21\x12\0\x0c" TCP4), NULL},                        /* datagrams */
	{BYTES(SIGNATURE "\x21\x22\0\x24" TCP6), NULL},
	{BYTES(SIGNATURE "\x21\x10\0\x0c" TCP4), NULL},
	{BYTES(SIGNATURE "\x21\x41\0\x0c" TCP4), NULL},
	{BYTES(SIGNATURE "\x22\x11\0\x0c" TCP4), NULL},
	{BYTES(SIGNATURE "\x11\x11\0\x0c" TCP4), NULL},
	{BYTES(SIGNATURE "\x31\x11\0\x0c" TCP4), NULL},
	{BYTES(SIGNATURE "\xa1\x11\0\x0c" TCP4), NULL},
	{BYTES("\r\n\r\n\0\r\nQUIT\r\x21\x11\0\x0c" TCP4), NULL},
	{BYTES("\r\n\r\nGET / HTTP/1.1\r\n"), NULL},
};

/* At once, with more behind it, and truncated at every byte, which is also
 * byte by byte: a header is never seen before it is whole, and one that is none
 * stays none whatever comes. */
static void every_case_at_every_length(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct text behind = block_text(cases[i].bytes.len + 5);
		bool over = false;

		text_span_add(&behind, cases[i].bytes);
		text_lit(&behind, "GET /");
		for (size_t len = 0; len <= behind.len; len++) {
			struct span bytes = block_of(span_of(behind.at, len));
			struct text from = block_text(64);
			struct net n;
			int got = proxy_read(bytes.at, len, &n);

			if (got > 0) {
				if (n.family != NET_NONE)
					net_write_port(&from, &n);
				if (!cases[i].from || len < cases[i].bytes.len)
					fail_msg("case %zu, %zu bytes: no header yet", i, len);
				assert_int_equal(got, cases[i].bytes.len);
				block_same(text_span(&from), cases[i].from, cases[i].bytes.at);
			} else if (cases[i].from ? got < 0 || len >= cases[i].bytes.len : len >= cases[i].bytes.len && got == 0) {
				fail_msg("case %zu, %zu bytes: %d", i, len, got);
			}
			assert_true(!over || got < 0);
			over = got < 0;
			block_free(bytes);
			free(from.at);
		}
		free(behind.at);
	}
}

/* What is not even a beginning is told at once, not after a timeout. */
static void early(void **state)
{
	struct net n;

	(void)state;
	assert_int_equal(proxy_read("G", 1, &n), -1);
	assert_int_equal(proxy_read("PO", 2, &n), -1);
	assert_int_equal(proxy_read("\r\r", 2, &n), -1);
	assert_int_equal(proxy_read(SIGNATURE "\x41", 13, &n), -1);
	assert_int_equal(proxy_read("PROXY \n", 7, &n), -1);
}

/* However long a header says it is, more than PROXY_MOST is never asked for. */
static void bounded(void **state)
{
	char *at = calloc(1, PROXY_MOST);
	struct net n;

	(void)state;
	assert_non_null(at);
	memcpy(at, SIGNATURE "\x21\x11", 14);
	at[14] = (char)((PROXY_MOST - 16) >> 8);
	at[15] = (char)((PROXY_MOST - 16) & 0xff);
	assert_int_equal(proxy_read(at, PROXY_MOST - 1, &n), 0);
	assert_int_equal(proxy_read(at, PROXY_MOST, &n), PROXY_MOST);
	at[15]++;
	assert_int_equal(proxy_read(at, 16, &n), -1);
	memset(at, '-', PROXY_MOST);
	memcpy(at, "PROXY UNKNOWN ", 14);
	assert_int_equal(proxy_read(at, 106, &n), 0);
	assert_int_equal(proxy_read(at, 107, &n), -1);
	free(at);
}

static struct net address(const char *text, uint16_t port)
{
	struct net n = {.family = NET_NONE};

	if (strcmp(text, "unix") == 0)
		n.family = NET_UNIX;
	else if (*text)
		assert_true(net_read(&n, span_str(text)));
	n.port = port;
	return n;
}

static void writes_what_it_reads(void **state)
{
	static const struct { const char *from, *to, *v1; struct span v2; } both[] = {
		{"1.2.3.4", "5.6.7.8", "PROXY TCP4 1.2.3.4 5.6.7.8 12345 443\r\n", BYTES(SIGNATURE "\x21\x11\0\x0c" TCP4)},
		{"fd00::1", "fd00::2", "PROXY TCP6 fd00::1 fd00::2 12345 443\r\n",
		 BYTES(SIGNATURE "\x21\x21\0\x24" IP6("\1") IP6("\2") "\x30\x39\x01\xbb")},
		{"1.2.3.4", "fd00::2", "PROXY TCP6 ::ffff:1.2.3.4 fd00::2 12345 443\r\n",
		 BYTES(SIGNATURE "\x21\x21\0\x24" "\0\0\0\0\0\0\0\0\0\0\xff\xff\1\2\3\4" IP6("\2") "\x30\x39\x01\xbb")},
		{"fd00::1", "5.6.7.8", "PROXY TCP6 fd00::1 ::ffff:5.6.7.8 12345 443\r\n",
		 BYTES(SIGNATURE "\x21\x21\0\x24" IP6("\1") "\0\0\0\0\0\0\0\0\0\0\xff\xff\5\6\7\x8" "\x30\x39\x01\xbb")},
		{"1.2.3.4", "", "PROXY TCP4 1.2.3.4 0.0.0.0 12345 0\r\n",
		 BYTES(SIGNATURE "\x21\x11\0\x0c" "\1\2\3\4\0\0\0\0\x30\x39\0\0")},
		{"fd00::1", "unix", "PROXY TCP6 fd00::1 :: 12345 0\r\n",
		 BYTES(SIGNATURE "\x21\x21\0\x24" IP6("\1") "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" "\x30\x39\0\0")},
		{"unix", "1.2.3.4", "PROXY UNKNOWN\r\n", BYTES(SIGNATURE "\x21\0\0\0")},
		{"", "", "PROXY UNKNOWN\r\n", BYTES(SIGNATURE "\x21\0\0\0")},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(both); i++) {
		struct net from = address(both[i].from, 12345), to = address(both[i].to, 443), read;

		for (int version = 1; version <= 2; version++) {
			struct span want = version == 1 ? span_str(both[i].v1) : both[i].v2;
			struct text t = block_text(want.len);

			proxy_write(&t, version, &from, &to);
			assert_false(t.full);
			if (!span_is(text_span(&t), want))
				fail_msg("version %d from \"%s\" to \"%s\"", version, both[i].from, both[i].to);
			assert_int_equal(proxy_read(t.at, t.len, &read), t.len);
			assert_int_equal(read.family, from.family == NET_UNIX ? NET_NONE : from.family);
			if (read.family != NET_NONE)
				assert_true(net_same(&read, &from) && read.port == from.port);
			free(t.at);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_case_at_every_length),
		cmocka_unit_test(early),
		cmocka_unit_test(bounded),
		cmocka_unit_test(writes_what_it_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

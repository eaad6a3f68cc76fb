/* SPDX-License-Identifier: MIT
 *
 * Is an address read as everybody else reads it, and not at all where they differ?
 */
#include "../../src/net.h"
#include "block.h"
#include <time.h>

/* What is read and written again; NULL: it is no address. */
static const struct { const char *in, *out; } addresses[] = {
	{"0.0.0.0", "0.0.0.0"},
	{"192.168.1.2", "192.168.1.2"},
	{"255.255.255.255", "255.255.255.255"},
	{"256.0.0.1", NULL}, {"1.2.3", NULL}, {"1.2.3.4.5", NULL}, {"1.2.3.", NULL}, {".1.2.3", NULL}, {"1..2.3", NULL},
	{"01.2.3.4", NULL}, {"1.2.3.04", NULL}, {"00.0.0.0", NULL}, {"0x7f.0.0.1", NULL}, {"127.1", NULL}, {"2130706433", NULL},
	{"1.2.3.4 ", NULL}, {" 1.2.3.4", NULL}, {"1.2.3.4:80", NULL}, {"+1.2.3.4", NULL}, {"-1.2.3.4", NULL},
	{"1.2.3.0000", NULL}, {"999999999999.2.3.4", NULL}, {"", NULL}, {"localhost", NULL},
	{"::", "::"},
	{"::1", "::1"},
	{"1::", "1::"},
	{"fe80::1", "fe80::1"},
	{"0:0:0:0:0:0:0:0", "::"},
	{"1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"},
	{"2001:DB8:0:0:8:800:200C:417A", "2001:db8::8:800:200c:417a"},
	{"1:0:0:2:0:0:0:3", "1:0:0:2::3"},          /* the longer run */
	{"1:0:0:2:3:0:0:4", "1::2:3:0:0:4"},        /* the first of equals (RFC 5952 4.2.3) */
	{"1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7"},     /* one group is not shortened (4.2.2) */
	{"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
	{"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
	{"1:2:3:4:5:6:0:0", "1:2:3:4:5:6::"},
	{"0:0:1::", "0:0:1::"},
	{"001:0002:03::", "1:2:3::"},
	{"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
	{"::ffff:192.168.1.2", "192.168.1.2"},      /* mapped ones are IPv4 */
	{"::FFFF:c0a8:102", "192.168.1.2"},
	{"0:0:0:0:0:ffff:1.2.3.4", "1.2.3.4"},
	{"::fffe:1.2.3.4", "::fffe:102:304"},
	{"1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"},
	{":", NULL}, {":::", NULL}, {"1::2::3", NULL}, {"::1::", NULL}, {"1:2:3:4:5:6:7", NULL}, {"1:2:3:4:5:6:7:8:9", NULL},
	{"1:2:3:4:5:6:7:8::", NULL}, {"::1:2:3:4:5:6:7:8", NULL}, {"1:2:3:4::5:6:7:8", NULL}, /* "::" stands for something */
	{"12345::", NULL}, {"g::", NULL}, {"1:", NULL}, {":1", NULL}, {"1:2:3:4:5:6:7:", NULL}, {":2:3:4:5:6:7:8", NULL},
	{"1.2.3.4::", NULL}, {"::1.2.3.4:5", NULL}, {"1:1.2.3.4::", NULL}, {"::1.2.3", NULL}, {"::01.2.3.4", NULL},
	{"1:2:3:4:5:6:7:1.2.3.4", NULL}, {"::1.2.3.4.5", NULL}, {"::256.1.1.1", NULL}, {"1.2.3.4:1::", NULL},
	{"fe80::1%eth0", NULL}, {"[::1]", NULL}, {"::1/64", NULL}, {"::-1", NULL}, {":: 1", NULL}, {"::+1", NULL}, {"::0x1", NULL},
};

static void reads_and_writes(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(addresses); i++) {
		struct span in = block_of(span_str(addresses[i].in));
		struct text out = block_text(NET_TEXT);
		struct net n, again;

		if (net_read(&n, in) != (addresses[i].out != NULL))
			fail_msg("\"%s\" is%s an address", addresses[i].in, addresses[i].out ? "" : " not");
		if (addresses[i].out) {
			net_write(&out, &n);
			block_same(text_span(&out), addresses[i].out, addresses[i].in);
			assert_int_equal(n.bits, n.family == NET_IP4 ? 32 : 128);
			assert_int_equal(n.port, 0);
			assert_true(net_read(&again, text_span(&out)) && net_same(&n, &again));
		}
		block_free(in);
		free(out.at);
	}
}

/* Cut off anywhere: an address or none, but never a byte behind the end. */
static void truncated(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(addresses); i++)
		for (size_t len = 0; len < strlen(addresses[i].in); len++) {
			struct span in = block_of(span_of(addresses[i].in, len));
			struct net n;

			(void)net_read(&n, in);
			(void)net_read_network(&n, in);
			block_free(in);
		}
}

/* Every pattern of zero groups: what is written is read back as the same. */
static void every_gap(void **state)
{
	(void)state;
	for (unsigned pattern = 0; pattern < 256; pattern++) {
		struct net n = {.family = NET_IP6, .bits = 128}, again;
		struct text t = block_text(NET_TEXT);

		for (int i = 0; i < 8; i++)
			n.ip[2 * i + 1] = (uint8_t)(pattern >> i & 1 ? i + 1 : 0);
		net_write(&t, &n);
		assert_false(t.full);
		if (!net_read(&again, text_span(&t)) || !net_same(&n, &again))
			fail_msg("\"%.*s\"", (int)t.len, t.at);
		free(t.at);
	}
}

static void networks(void **state)
{
	static const struct { const char *in, *out; int bits; } cases[] = {
		{"192.168.1.2", "192.168.1.2", 32},
		{"192.168.255.255/16", "192.168.0.0", 16},
		{"192.168.1.255/25", "192.168.1.128", 25},
		{"10.1.2.3/0", "0.0.0.0", 0},
		{"255.255.255.255/31", "255.255.255.254", 31},
		{"10.1.2.3/32", "10.1.2.3", 32},
		{"fd00:1:2:3::5/64", "fd00:1:2:3::", 64},
		{"fd00::ffff/127", "fd00::fffe", 127},
		{"ff00::/7", "fe00::", 7},
		{"::/0", "::", 0},
		{"::1/128", "::1", 128},
		{"::ffff:192.168.3.4/112", "192.168.0.0", 16},
		{"::ffff:0:0/96", "0.0.0.0", 0},
		{"::ffff:0:0/95", NULL, 0},
		{"10.0.0.0/33", NULL, 0}, {"::/129", NULL, 0}, {"10.0.0.0/", NULL, 0}, {"10.0.0.0/08", NULL, 0},
		{"10.0.0.0/-1", NULL, 0}, {"10.0.0.0/8/8", NULL, 0}, {"/8", NULL, 0}, {"10.0.0.0/ 8", NULL, 0},
		{"10.0.0.0/255.0.0.0", NULL, 0}, {"10/8", NULL, 0}, {"10.0.0.0/256", NULL, 0}, {"", NULL, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct span in = block_of(span_str(cases[i].in));
		struct text out = block_text(NET_TEXT);
		struct net n;

		if (net_read_network(&n, in) != (cases[i].out != NULL))
			fail_msg("\"%s\" is%s a network", cases[i].in, cases[i].out ? "" : " not");
		if (cases[i].out) {
			net_write(&out, &n);
			block_same(text_span(&out), cases[i].out, cases[i].in);
			assert_int_equal(n.bits, cases[i].bits);
		}
		block_free(in);
		free(out.at);
	}
}

static void inside(void **state)
{
	static const struct { const char *address, *network; bool in; } cases[] = {
		{"192.168.1.2", "192.168.0.0/16", true},
		{"192.169.0.0", "192.168.0.0/16", false},
		{"192.168.1.127", "192.168.1.0/25", true},
		{"192.168.1.128", "192.168.1.0/25", false},
		{"1.2.3.4", "0.0.0.0/0", true},
		{"1.2.3.4", "1.2.3.4", true},
		{"1.2.3.5", "1.2.3.4", false},
		{"::ffff:10.1.1.1", "10.0.0.0/8", true},
		{"10.1.1.1", "::ffff:10.0.0.0/104", true},
		{"10.1.1.1", "::/0", false},            /* families do not mix */
		{"::a01:101", "10.0.0.0/8", false},
		{"::1", "0.0.0.0/0", false},
		{"fd00::1", "fc00::/7", true},
		{"fe00::1", "fc00::/7", false},
		{"2001:db8:0:1::1", "2001:db8::/64", false},
		{"2001:db8::1:0:0:1", "2001:db8::/64", true},
		{"::1", "::1", true},
		{"::2", "::1", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct net a, n;

		assert_true(net_read(&a, span_str(cases[i].address)) && net_read_network(&n, span_str(cases[i].network)));
		if (net_in(&a, &n) != cases[i].in || net_in_any(&a, &n, 1) != cases[i].in || net_in_any(&a, &n, 0))
			fail_msg("%s in %s", cases[i].address, cases[i].network);
	}
}

/* Bit by bit: an address with one bit turned is inside exactly if that bit is behind the prefix. */
static void every_prefix_length(void **state)
{
	(void)state;
	for (int family = NET_IP4; family <= NET_IP6; family++) {
		int most = family == NET_IP4 ? 32 : 128;

		for (int bits = 0; bits <= most; bits++)
			for (int turned = 0; turned < most; turned++) {
				struct net n = {.family = (uint8_t)family, .bits = (uint8_t)bits}, a = n;

				a.ip[turned / 8] = (uint8_t)(0x80 >> turned % 8);
				assert_int_equal(net_in(&a, &n), turned >= bits);
			}
	}
}

static void no_address(void **state)
{
	const struct net none = {.family = NET_NONE}, local = {.family = NET_UNIX};
	struct text t = block_text(64);
	struct net all;

	(void)state;
	assert_true(net_read_network(&all, SPAN("0.0.0.0/0")));
	assert_false(net_in(&none, &all) || net_in(&local, &all) || net_in(&none, &none) || net_in(&local, &local));
	assert_true(net_same(&local, &local));
	assert_false(net_same(&local, &none));
	net_write_port(&t, &local);
	text_char(&t, ' ');
	net_write(&t, &none);
	block_same(text_span(&t), "unix unknown", "no address");
	free(t.at);
}

/* --- many networks ------------------------------------------------------- */

enum { MANY = 500 };

/* The next of a fixed row of numbers. */
static uint32_t chance(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

/* Few bits are free, so that many lie in others, beside them, or are the same. */
static struct net some_network(uint32_t *seed)
{
	struct net n = {.family = chance(seed) % 2 ? NET_IP4 : NET_IP6};
	unsigned most = n.family == NET_IP4 ? 32 : 128;

	n.bits = (uint8_t)(chance(seed) % 20 ? most - chance(seed) % 12 : chance(seed) % (most + 1));
	n.ip[0] = 10;
	n.ip[most / 8 - 1] = (uint8_t)chance(seed);
	n.ip[most / 8 - 2] = (uint8_t)(chance(seed) % 16);
	for (unsigned bit = n.bits; bit < most; bit++)
		n.ip[bit / 8] = (uint8_t)(n.ip[bit / 8] & ~(0x80 >> bit % 8));
	return n;
}

static bool in_some(const struct net *address, const struct net *networks, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (net_in(address, &networks[i]))
			return true;
	return false;
}

/* Sorted and thinned out they hold the same addresses as one by one, at their edges, too. */
static void many(void **state)
{
	uint32_t seed = 4711;

	(void)state;
	for (size_t count = 0; count < MANY; count += count < 40 ? 1 : 77) {
		struct net *all = malloc(count * sizeof *all + 1), *sorted = malloc(count * sizeof *all + 1);
		size_t left;

		for (size_t i = 0; i < count; i++)
			all[i] = some_network(&seed);
		if (count)
			memcpy(sorted, all, count * sizeof *all);
		left = net_sort(sorted, count);
		assert_true(left <= count && (left || !count));
		sorted = realloc(sorted, left * sizeof *sorted + 1);
		for (size_t i = 0; i < left; i++)
			for (size_t j = 0; j < left; j++)
				assert_true(i == j || !net_in(&sorted[i], &sorted[j]));
		for (int i = 0; i < 2000; i++) {
			struct net a = some_network(&seed);

			a.bits = i % 2 ? 0 : a.bits; /* those of an address do not count */
			if (net_in_any(&a, sorted, left) != in_some(&a, all, count))
				fail_msg("%zu networks: address %d", count, i);
		}
		free(all);
		free(sorted);
	}
}

static void sorted_as(void **state)
{
	static const struct { const char *in, *out; } cases[] = {
		{"", ""},
		{"10.0.0.0/8", "10.0.0.0/8"},
		{"10.0.0.0/8 10.0.0.0/8", "10.0.0.0/8"},
		{"10.1.0.0/16 10.0.0.0/8 10.0.0.0/16 9.0.0.0/8", "9.0.0.0/8 10.0.0.0/8"},
		{"fd00::/8 192.168.0.0/16 fd00::1 10.0.0.1", "10.0.0.1/32 192.168.0.0/16 fd00::/8"},
		{"1.2.3.4 0.0.0.0/0 ::/0 ::1 255.255.255.255", "0.0.0.0/0 ::/0"},
		{"10.0.0.128/25 10.0.0.0/25", "10.0.0.0/25 10.0.0.128/25"},
		{"200.0.0.1 100.0.0.1 0.0.0.1", "0.0.0.1/32 100.0.0.1/32 200.0.0.1/32"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct span list = span_str(cases[i].in);
		struct text out = block_text(strlen(cases[i].out));
		struct net row[8];
		size_t count = 0;

		while (list.len)
			assert_true(net_read_network(&row[count++], span_cut(&list, ' ')));
		count = net_sort(row, count);
		for (size_t j = 0; j < count; j++) {
			text_str(&out, j ? " " : "");
			net_write(&out, &row[j]);
			text_char(&out, '/');
			text_number(&out, row[j].bits);
		}
		block_same(text_span(&out), cases[i].out, cases[i].in);
		free(out.at);
	}
}

/* A walk through a list of a hundred thousand, a million times, takes many minutes. */
static void very_many(void **state)
{
	enum { VERY_MANY = 100000, ASKED = 1000000, SECONDS = 20 };
	struct net *row = calloc(VERY_MANY, sizeof *row);
	clock_t start = clock();
	size_t in = 0;

	(void)state;
	assert_non_null(row);
	for (uint32_t i = 0; i < VERY_MANY; i++)
		row[i] = (struct net){.family = NET_IP4, .bits = 32, .ip = {(uint8_t)i, (uint8_t)(i >> 8), (uint8_t)(i >> 16), 1}};
	assert_int_equal(net_sort(row, VERY_MANY), VERY_MANY);
	for (uint32_t i = 0; i < ASKED; i++) {
		struct net a = {.family = NET_IP4, .bits = 32, .ip = {(uint8_t)i, (uint8_t)(i >> 8), (uint8_t)(i >> 16), 1}};

		in += net_in_any(&a, row, VERY_MANY);
		assert_true((clock() - start) / CLOCKS_PER_SEC < SECONDS);
	}
	assert_int_equal(in, VERY_MANY);
	free(row);
}

static void with_port(void **state)
{
	static const struct { const char *in, *out; uint16_t port; } cases[] = {
		{"1.2.3.4", "1.2.3.4:80", 80}, {"fd00::1", "[fd00::1]:65535", 65535}, {"::ffff:1.2.3.4", "1.2.3.4:0", 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct text t = block_text(strlen(cases[i].out));
		struct net n;

		assert_true(net_read(&n, span_str(cases[i].in)));
		n.port = cases[i].port;
		net_write_port(&t, &n);
		block_same(text_span(&t), cases[i].out, cases[i].in);
		free(t.at);
	}
}

static void same(void **state)
{
	struct net a, b;

	(void)state;
	assert_true(net_read(&a, SPAN("fe80::1")) && net_read(&b, SPAN("fe80::1")));
	b.port = 80;
	assert_true(net_same(&a, &b));
	b.scope = 2; /* on another interface: another machine */
	assert_false(net_same(&a, &b));
	assert_true(net_read(&a, SPAN("1.2.3.4")) && net_read(&b, SPAN("1.2.3.5")));
	assert_false(net_same(&a, &b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_and_writes),
		cmocka_unit_test(truncated),
		cmocka_unit_test(every_gap),
		cmocka_unit_test(networks),
		cmocka_unit_test(inside),
		cmocka_unit_test(every_prefix_length),
		cmocka_unit_test(no_address),
		cmocka_unit_test(many),
		cmocka_unit_test(sorted_as),
		cmocka_unit_test(very_many),
		cmocka_unit_test(with_port),
		cmocka_unit_test(same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

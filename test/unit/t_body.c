/* SPDX-License-Identifier: MIT
 *
 * t_body - is the payload the same however the bytes come in, and is anything else refused?
 */
#include "../../gateway.h"
#include "../../src/body.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define BYTES(literal) literal, sizeof(literal) - 1

/* How a wire comes in, and how much payload is taken at a time. */
enum cut { AT_ONCE, BYTEWISE, AT_RANDOM, SIPPING, CUTS };

static size_t piece(enum cut cut, size_t left)
{
	size_t n = cut == AT_ONCE || cut == SIPPING ? left : cut == BYTEWISE ? 1 : (size_t)rand() % 9 + 1;
	return n < left ? n : left;
}

static size_t sip(enum cut cut, size_t payload)
{
	return cut == SIPPING && payload ? 1 : cut == AT_RANDOM ? (size_t)rand() % (payload + 1) : payload;
}

struct outcome {
	struct body body;
	char payload[4 * GW_HEAD];
	size_t len;  /* of payload */
	size_t used; /* bytes of the wire that are done with */
	bool ended;  /* what body_end said */
};

/* Gives the body all that is left of a piece, in a block of exactly its size. */
static void give(struct outcome *o, const char *wire, size_t have, enum cut cut)
{
	size_t left = have - o->used, payload;
	char *block = malloc(left ? left : 1);
	memcpy(block, wire + o->used, left);
	size_t n = body_scan(&o->body, block, left, &payload);
	assert_true(n + payload <= left);
	assert_true(!o->body.bad || payload == 0);
	size_t k = sip(cut, payload);
	if (k) {
		memcpy(o->payload + o->len, block + n, k);
		body_take(&o->body, k);
	}
	o->len += k;
	o->used += n + k;
	free(block);
}

static void run_within(struct outcome *o, enum body_kind kind, uint64_t length, uint64_t most, const char *wire, size_t len, enum cut cut)
{
	size_t have = 0;
	body_init(&o->body, kind, length);
	o->body.most = most;
	o->len = o->used = 0;
	while (!body_done(&o->body) && !o->body.bad && (have < len || o->used < have)) {
		if (o->used == have)
			have += piece(cut, len - have);
		give(o, wire, have, cut);
	}
	o->ended = body_end(&o->body);
}

static void run(struct outcome *o, enum body_kind kind, uint64_t length, const char *wire, size_t len, enum cut cut)
{
	run_within(o, kind, length, UINT64_MAX, wire, len, cut);
}

struct row {
	const char *name;
	enum body_kind kind;
	uint64_t length;
	const char *wire;
	size_t len;
	const char *payload;
	size_t rest;     /* bytes behind the body */
	const char *bad; /* part of the reason; NULL: it is fine */
};

#define CHUNKED BODY_CHUNKED, 0

static const struct row rows[] = {
	{"none", BODY_NONE, 0, BYTES("next"), "", 4, NULL},
	{"length", BODY_LENGTH, 5, BYTES("hello"), "hello", 0, NULL},
	{"length and more behind it", BODY_LENGTH, 5, BYTES("helloGET /"), "hello", 5, NULL},
	{"length 0", BODY_LENGTH, 0, BYTES("next"), "", 4, NULL},
	{"length with CRLF in it", BODY_LENGTH, 6, BYTES("\r\n\0\r\n0"), "\r\n\0\r\n0", 0, NULL},
	{"length cut off", BODY_LENGTH, 6, BYTES("hello"), "hello", 0, "ended early"},
	{"length and nothing", BODY_LENGTH, 1, BYTES(""), "", 0, "ended early"},
	{"close", BODY_CLOSE, 0, BYTES("all there is\r\n"), "all there is\r\n", 0, NULL},
	{"close and nothing", BODY_CLOSE, 0, BYTES(""), "", 0, NULL},

	{"one chunk", CHUNKED, BYTES("5\r\nhello\r\n0\r\n\r\n"), "hello", 0, NULL},
	{"two chunks", CHUNKED, BYTES("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"), "hello world", 0, NULL},
	{"no chunk", CHUNKED, BYTES("0\r\n\r\n"), "", 0, NULL},
	{"a request behind it", CHUNKED, BYTES("1\r\na\r\n0\r\n\r\nGET / HTTP/1.1\r\n"), "a", 16, NULL},
	{"CRLF as payload", CHUNKED, BYTES("2\r\n\r\n\r\n0\r\n\r\n"), "\r\n", 0, NULL},
	{"the end as payload", CHUNKED, BYTES("5\r\n0\r\n\r\n\r\n0\r\n\r\n"), "0\r\n\r\n", 0, NULL},
	{"hex in both cases", CHUNKED, BYTES("a\r\n0123456789\r\nB\r\n0123456789a\r\n0\r\n\r\n"), "01234567890123456789a", 0, NULL},
	{"two digits", CHUNKED, BYTES("1F\r\n0123456789abcdef0123456789abcde\r\n0\r\n\r\n"), "0123456789abcdef0123456789abcde", 0, NULL},
	{"leading zeros", CHUNKED, BYTES("0000000000000000000003\r\nabc\r\n000000000000000000\r\n\r\n"), "abc", 0, NULL},
	{"extension", CHUNKED, BYTES("3;a\r\nabc\r\n0;b=c\r\n\r\n"), "abc", 0, NULL},
	{"extensions", CHUNKED, BYTES("3 \t; a = \"b;\\\" c\" ;d\r\nabc\r\n0\r\n\r\n"), "abc", 0, NULL},
	{"extension with hex digits", CHUNKED, BYTES("1;fff=fff\r\na\r\n0\r\n\r\n"), "a", 0, NULL},
	{"extension with obs-text", CHUNKED, BYTES("1;a=\"\xe4\"\r\na\r\n0\r\n\r\n"), "a", 0, NULL},
	{"a trailer", CHUNKED, BYTES("1\r\na\r\n0\r\nA: b\r\n\r\n"), "a", 0, NULL},
	{"trailers", CHUNKED, BYTES("1\r\na\r\n0\r\nA:\r\nB: \tc\xe4\r\nTransfer-Encoding: chunked\r\n\r\nnext"), "a", 4, NULL},

	/* chunk-size overflow */
	{"2^63 - 1", CHUNKED, BYTES("7fffffffffffffff\r\nabc"), "abc", 0, "ended early"},
	{"2^63", CHUNKED, BYTES("8000000000000000\r\nabc"), "", 8, "too large"},
	{"2^64", CHUNKED, BYTES("10000000000000000\r\nabc\r\n0\r\n\r\n"), "", 0, "too large"},
	{"2^64 + 3", CHUNKED, BYTES("10000000000000003\r\nabc\r\n0\r\n\r\n"), "", 0, "too large"},
	{"2^67 and leading zeros", CHUNKED, BYTES("0080000000000000003\r\nabc\r\n0\r\n\r\n"), "", 0, "too large"},
	/* what is no chunk size */
	{"no size", CHUNKED, BYTES("\r\nabc\r\n0\r\n\r\n"), "", 0, "not a hexadecimal"},
	{"only an extension", CHUNKED, BYTES(";a\r\nabc\r\n0\r\n\r\n"), "", 0, "not a hexadecimal"},
	{"no hex digit", CHUNKED, BYTES("g\r\n"), "", 0, "not a hexadecimal"},
	{"hex, then not", CHUNKED, BYTES("3g\r\nabc\r\n"), "", 0, "not a hexadecimal"},
	{"0x", CHUNKED, BYTES("0x3\r\nabc\r\n0\r\n\r\n"), "", 0, "not a hexadecimal"},
	{"minus", CHUNKED, BYTES("-1\r\n"), "", 0, "not a hexadecimal"},
	{"plus", CHUNKED, BYTES("+3\r\nabc\r\n"), "", 0, "not a hexadecimal"},
	{"blank before the size", CHUNKED, BYTES(" 3\r\nabc\r\n0\r\n\r\n"), "", 0, "not a hexadecimal"},
	{"digit group", CHUNKED, BYTES("1_0\r\n"), "", 0, "not a hexadecimal"},
	{"comma", CHUNKED, BYTES("3,a\r\nabc\r\n"), "", 0, "not a hexadecimal"},
	{"NUL behind the size", CHUNKED, BYTES("3\0\r\nabc\r\n"), "", 0, "not a hexadecimal"},
	{"blank behind the size", CHUNKED, BYTES("3 \r\nabc\r\n0\r\n\r\n"), "", 0, "behind a chunk size"},
	{"two sizes", CHUNKED, BYTES("3 4\r\nabc\r\n0\r\n\r\n"), "", 0, "behind a chunk size"},
	{"vertical tab behind the size", CHUNKED, BYTES("3\v\r\nabc\r\n"), "", 0, "not a hexadecimal"},
	/* bare CR and LF, control bytes */
	{"bare LF behind the size", CHUNKED, BYTES("3\nabc\r\n0\r\n\r\n"), "", 0, "not a hexadecimal"},
	{"bare LF behind the last size", CHUNKED, BYTES("3\r\nabc\r\n0\n\r\n"), "abc", 0, "not a hexadecimal"},
	{"bare CR behind the size", CHUNKED, BYTES("3\rabc\r\n0\r\n\r\n"), "", 0, "carriage return and line feed"},
	{"bare LF in an extension", CHUNKED, BYTES("3;a\nabc\r\n0\r\n\r\n"), "", 0, "behind a chunk size"},
	{"bare CR in an extension", CHUNKED, BYTES("3;a\rb\r\nabc\r\n0\r\n\r\n"), "", 0, "carriage return and line feed"},
	{"bare LF in a quoted extension", CHUNKED, BYTES("3;a=\"\n\"\r\nabc\r\n0\r\n\r\n"), "", 0, "behind a chunk size"},
	{"NUL in an extension", CHUNKED, BYTES("3;a\0\r\nabc\r\n"), "", 0, "behind a chunk size"},
	{"DEL in an extension", CHUNKED, BYTES("3;a\x7f\r\nabc\r\n"), "", 0, "behind a chunk size"},
	/* anything but CRLF after a chunk */
	{"nothing behind a chunk", CHUNKED, BYTES("3\r\nabc0\r\n\r\n"), "abc", 0, "carriage return and line feed"},
	{"a longer chunk", CHUNKED, BYTES("3\r\nabcd\r\n0\r\n\r\n"), "abc", 0, "carriage return and line feed"},
	{"bare LF behind a chunk", CHUNKED, BYTES("3\r\nabc\n0\r\n\r\n"), "abc", 0, "carriage return and line feed"},
	{"bare CR behind a chunk", CHUNKED, BYTES("3\r\nabc\r0\r\n\r\n"), "abc", 0, "carriage return and line feed"},
	{"blank behind a chunk", CHUNKED, BYTES("3\r\nabc \r\n0\r\n\r\n"), "abc", 0, "carriage return and line feed"},
	{"two bytes in place of CRLF", CHUNKED, BYTES("3\r\nabcXX0\r\n\r\n"), "abc", 0, "carriage return and line feed"},
	{"CR and something", CHUNKED, BYTES("3\r\nabc\rX0\r\n\r\n"), "abc", 0, "carriage return and line feed"},
	/* trailers */
	{"bare LF as the end", CHUNKED, BYTES("0\r\n\n"), "", 0, "malformed trailer"},
	{"bare CR as the end", CHUNKED, BYTES("0\r\n\rX"), "", 0, "carriage return and line feed"},
	{"bare LF behind a trailer", CHUNKED, BYTES("0\r\nA: b\n\r\n"), "", 0, "malformed trailer"},
	{"bare CR in a trailer", CHUNKED, BYTES("0\r\nA: b\rC\r\n\r\n"), "", 0, "carriage return and line feed"},
	{"NUL in a trailer", CHUNKED, BYTES("0\r\nA: \0\r\n\r\n"), "", 0, "malformed trailer"},
	{"a request as a trailer", CHUNKED, BYTES("0\r\nGET /admin HTTP/1.1\r\nHost: a\r\n\r\n"), "", 0, "malformed trailer"},
	{"trailer without a colon", CHUNKED, BYTES("0\r\nA\r\n\r\n"), "", 0, "malformed trailer"},
	{"trailer without a name", CHUNKED, BYTES("0\r\n: b\r\n\r\n"), "", 0, "malformed trailer"},
	{"blank before the colon of a trailer", CHUNKED, BYTES("0\r\nA : b\r\n\r\n"), "", 0, "malformed trailer"},
	{"continued trailer", CHUNKED, BYTES("0\r\nA: b\r\n c\r\n\r\n"), "", 0, "malformed trailer"},
};

static void same(const struct row *row, const struct outcome *o, enum cut cut)
{
	size_t len = row->len - row->rest;
	if (row->bad ? !o->body.bad || !strstr(o->body.bad->text, row->bad) : o->body.bad != NULL)
		fail_msg("%s (%d): %s", row->name, cut, o->body.bad ? o->body.bad->text : "taken");
	assert_int_equal(o->ended, !row->bad);
	assert_true(!o->body.bad || o->body.bad->status == 400);
	if (row->kind == BODY_CHUNKED) /* broken is not done */
		assert_int_equal(body_done(&o->body), !row->bad);
	if (!row->bad && o->used != len)
		fail_msg("%s (%d): %zu bytes, not %zu", row->name, cut, o->used, len);
	if (row->kind == BODY_LENGTH || row->kind == BODY_CLOSE) { /* may hold NUL */
		assert_int_equal(o->len, len);
		assert_memory_equal(o->payload, row->wire, len);
	} else {
		assert_int_equal(o->len, strlen(row->payload));
		assert_memory_equal(o->payload, row->payload, o->len);
	}
}

static void test_wires(void **state)
{
	static struct outcome o;
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (int round = 0; round < 20; round++)
			for (enum cut cut = AT_ONCE; cut < CUTS; cut++) {
				run(&o, rows[i].kind, rows[i].length, rows[i].wire, rows[i].len, cut);
				same(&rows[i], &o, cut);
			}
}

/* A whole body that lacks its end is never whole. */
static void test_cut_off(void **state)
{
	static struct outcome o;
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (size_t len = 0; len < rows[i].len - rows[i].rest; len++) {
			if (rows[i].bad || rows[i].kind == BODY_CLOSE)
				continue;
			run(&o, rows[i].kind, rows[i].length, rows[i].wire, len, AT_ONCE);
			if (body_done(&o.body) || o.ended || !o.body.bad)
				fail_msg("%s: whole after %zu bytes", rows[i].name, len);
			assert_int_equal(o.used, len);
		}
}

/* Broken and over are for good. */
static void test_for_good(void **state)
{
	struct body b;
	size_t payload;
	(void)state;
	body_init(&b, BODY_CHUNKED, 0);
	assert_int_equal(body_scan(&b, "3\r\nabc", 6, &payload), 3);
	assert_int_equal(payload, 3);
	assert_int_equal(body_scan(&b, "abc", 3, &payload), 0); /* asked again, nothing taken */
	assert_int_equal(payload, 3);
	body_take(&b, 3);
	assert_int_equal(body_scan(&b, "X", 1, &payload), 0);
	assert_non_null(b.bad);
	assert_int_equal(body_scan(&b, "\r\n0\r\n\r\n", 7, &payload), 0);
	assert_int_equal(payload, 0);
	assert_false(body_done(&b));
	assert_false(body_end(&b));

	body_init(&b, BODY_CHUNKED, 0);
	assert_int_equal(body_scan(&b, "0\r\n\r\n5\r\n", 8, &payload), 5);
	assert_true(body_done(&b));
	assert_int_equal(body_scan(&b, "5\r\nabc", 6, &payload), 0);
	assert_int_equal(payload, 0);
	assert_true(body_end(&b));

	body_init(&b, BODY_CLOSE, 0);
	assert_int_equal(body_scan(&b, "abc", 3, &payload), 0);
	assert_int_equal(payload, 3);
	body_take(&b, 2);
	assert_int_equal(body_scan(&b, "c", 1, &payload), 0);
	assert_int_equal(payload, 1);
	assert_false(body_done(&b));
	assert_true(body_end(&b));
	assert_true(body_done(&b));
	assert_int_equal(body_scan(&b, "d", 1, &payload), 0);
	assert_int_equal(payload, 0);
}

/* More than any memory holds passes through. */
static void test_large(void **state)
{
	struct body b;
	size_t payload;
	(void)state;
	body_init(&b, BODY_LENGTH, INT64_MAX);
	assert_int_equal(body_scan(&b, "abc", 3, &payload), 0);
	assert_int_equal(payload, 3);
	body_take(&b, payload);
	assert_true(b.left == INT64_MAX - 3);
	body_init(&b, BODY_CHUNKED, 0);
	assert_int_equal(body_scan(&b, "7fffffffffffffff\r\n", 18, &payload), 18);
	assert_int_equal(payload, 0);
	assert_true(b.left == INT64_MAX);
}

/* A size line may be GW_CHUNK_LINE long, CRLF included; trailers GW_HEAD in all. */
static void test_limits(void **state)
{
	static struct outcome o;
	static char wire[2 * GW_HEAD];
	(void)state;
	for (size_t over = 0; over < 2; over++)
		for (enum cut cut = AT_ONCE; cut < CUTS; cut++)
			for (int digits = 0; digits < 2; digits++) {
				size_t line = GW_CHUNK_LINE - 2 + over;
				memset(wire, digits ? '0' : 'x', line);
				memcpy(wire, "0;", digits ? 1 : 2);
				memcpy(wire + line, "\r\n\r\n", 4);
				run(&o, BODY_CHUNKED, 0, wire, line + 4, cut);
				assert_int_equal(o.ended, !over);
				assert_true(!over || strstr(o.body.bad->text, "line too long"));
			}
	for (size_t over = 0; over < 2; over++)
		for (enum cut cut = AT_ONCE; cut < CUTS; cut++) {
			size_t len = 3;
			memcpy(wire, "0\r\n", 3);
			while (len + 20 < GW_HEAD + over)
				len += (size_t)sprintf(wire + len, "A: b\r\n");
			memcpy(wire + len, "A:", 2);
			memset(wire + len + 2, 'b', 64);
			memcpy(wire + 3 + GW_HEAD + over - 4, "\r\n\r\n", 4);
			run(&o, BODY_CHUNKED, 0, wire, 3 + GW_HEAD + over, cut);
			assert_int_equal(o.ended, !over);
			assert_true(!over || strstr(o.body.bad->text, "section too long"));
		}
	/* the line is counted anew for each chunk */
	size_t len = 0;
	for (int i = 0; i < 2 * GW_CHUNK_LINE / 6; i++)
		len += (size_t)sprintf(wire + len, "1\r\na\r\n");
	len += (size_t)sprintf(wire + len, "0\r\n\r\n");
	run(&o, BODY_CHUNKED, 0, wire, len, AT_ONCE);
	assert_true(o.ended);
}

struct bound_row {
	const char *name;
	uint64_t most;
	const char *wire;
	const char *payload; /* that is taken */
	bool fine;
};

static const struct bound_row bounds[] = {
	{"exactly", 5, "5\r\nhello\r\n0\r\n\r\n", "hello", true},
	{"exactly, in two", 5, "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", "hello", true},
	{"nothing of nothing", 0, "0\r\n\r\n", "", true},
	{"one more", 4, "5\r\nhello\r\n0\r\n\r\n", "", false},
	{"one more, in two", 4, "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", "he", false},
	{"one more, at the end", 4, "4\r\nhell\r\n1\r\no\r\n0\r\n\r\n", "hell", false},
	{"one of nothing", 0, "1\r\na\r\n0\r\n\r\n", "", false},
	{"much more than has come", 4, "7fffffffffffffff\r\na", "", false},
	{"leading zeros are no size", 2, "000002\r\nab\r\n000\r\n\r\n", "ab", true},
};

/* No byte of a chunk that says too much is taken, and what was refused is never done. */
static void test_bounds(void **state)
{
	static struct outcome o;
	(void)state;
	for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++)
		for (int round = 0; round < 20; round++)
			for (enum cut cut = AT_ONCE; cut < CUTS; cut++) {
				const struct bound_row *row = &bounds[i];
				run_within(&o, BODY_CHUNKED, 0, row->most, row->wire, strlen(row->wire), cut);
				if (o.ended != row->fine || body_done(&o.body) != row->fine)
					fail_msg("%s (%d): %s", row->name, cut, o.ended ? "taken" : o.body.bad->text);
				assert_int_equal(o.len, strlen(row->payload));
				assert_memory_equal(o.payload, row->payload, o.len);
				assert_true(row->fine || o.body.bad->status == 413);
			}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wires), cmocka_unit_test(test_cut_off), cmocka_unit_test(test_for_good),
		cmocka_unit_test(test_large), cmocka_unit_test(test_limits), cmocka_unit_test(test_bounds),
	};
	srand(1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

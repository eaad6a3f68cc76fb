/* SPDX-License-Identifier: MIT
 *
 * t_head - which heads are taken, and is each one read the same however it comes in?
 */
#include "../../src/head.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define BYTES(literal) literal, sizeof(literal) - 1

/* A block of exactly these bytes, so that a read past them is seen. */
static char *exact(const char *at, size_t len)
{
	char *block = malloc(len ? len : 1);
	assert_non_null(block);
	memcpy(block, at, len);
	return block;
}

/* Pieces a wire comes in. */
enum cut { AT_ONCE, BYTEWISE, AT_RANDOM, CUTS };

static size_t piece(enum cut cut, size_t left)
{
	size_t n = cut == AT_ONCE ? left : cut == BYTEWISE ? 1 : (size_t)rand() % 9 + 1;
	return n < left ? n : left;
}

/* What head_end says when the wire comes in like this; 0: never an end. */
static size_t end_of(const char *wire, size_t len, enum cut cut)
{
	size_t have = 0, seen = 0, n = 0;
	while (n == 0 && have < len) {
		have += piece(cut, len - have);
		char *block = exact(wire, have);
		n = head_end(block, have, &seen);
		if (n) {
			assert_true(n <= have);
			assert_int_equal(head_end(block, have, &seen), n);
		}
		free(block);
	}
	return n;
}

/* Reads a head in a block of its own; *block is to be freed. */
static const struct refusal *read_head(struct head *h, const char *wire, size_t len, bool response, char **block)
{
	*block = exact(wire, len);
	memset(h, 0xa5, sizeof(*h)); /* nothing may be read that was not set */
	return response ? head_response(h, *block, len) : head_request(h, *block, len);
}

static void put(char *out, size_t size, struct span s)
{
	size_t len = strlen(out);
	assert_true(len + s.len < size);
	for (size_t i = 0; i < s.len; i++)
		out[len + i] = s.at[i];
	out[len + s.len] = 0;
}

/* A head in words: start line, then "|name=value" for each field. */
static void tell(const struct head *h, bool response, char *out, size_t size)
{
	char number[32];
	out[0] = 0;
	if (response) {
		snprintf(number, sizeof(number), "%d %d ", h->version, h->status);
		put(out, size, span_str(number));
		put(out, size, h->reason);
	} else {
		put(out, size, h->name);
		put(out, size, SPAN(" "));
		put(out, size, h->target);
		snprintf(number, sizeof(number), " %d", h->version);
		put(out, size, span_str(number));
	}
	for (unsigned i = 0; i < h->count; i++) {
		put(out, size, SPAN("|"));
		put(out, size, head_name(h, i));
		put(out, size, SPAN("="));
		put(out, size, head_value(h, i));
	}
}

/* --- heads that are taken -------------------------------------------------- */

struct good {
	const char *name;
	const char *wire;
	size_t len;
	const char *told;
	size_t rest; /* bytes behind the head */
};

static const struct good good_requests[] = {
	{"the shortest", BYTES("G / HTTP/1.0\r\n\r\n"), "G / 10", 0},
	{"a plain one", BYTES("GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n"), "GET / 11|Host=127.0.0.1:8080", 0},
	{"blanks around values", BYTES("GET / HTTP/1.1\r\nA:b\r\nC: \t d \t \r\nE:\r\nF: \t \r\n\r\n"), "GET / 11|A=b|C=d|E=|F=", 0},
	{"blanks inside values", BYTES("GET / HTTP/1.1\r\nA: b  c\td \t e f g h i j\tk\r\n\r\n"), "GET / 11|A=b  c\td \t e f g h i j\tk", 0},
	{"colons in a value", BYTES("GET / HTTP/1.1\r\nA::b:c\r\n\r\n"), "GET / 11|A=:b:c", 0},
	{"obs-text in a value", BYTES("GET / HTTP/1.1\r\nA: \xc3\xa4\x80\xff\xc3\xa4\x80\xff\xc3\xa4\x80\xff\r\n\r\n"),
		"GET / 11|A=\xc3\xa4\x80\xff\xc3\xa4\x80\xff\xc3\xa4\x80\xff", 0},
	{"every tchar in a name", BYTES("GET / HTTP/1.1\r\n!#$%&'*+-.^_`|~09azAZ: x\r\n\r\n"), "GET / 11|!#$%&'*+-.^_`|~09azAZ=x", 0},
	{"any token as method", BYTES("M-SEARCH * HTTP/1.1\r\n\r\n"), "M-SEARCH * 11", 0},
	{"one empty line before it", BYTES("\r\nGET / HTTP/1.1\r\nA: b\r\n\r\n"), "GET / 11|A=b", 0},
	{"a body behind it", BYTES("POST / HTTP/1.1\r\nA: b\r\n\r\nC: d\r\n\r\n"), "POST / 11|A=b", 8},
	{"a request behind it", BYTES("GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n"), "GET /1 11", 19},
	{"absolute-form", BYTES("GET http://a:80/b?c HTTP/1.1\r\n\r\n"), "GET http://a:80/b?c 11", 0},
	{"every visible byte in a target", BYTES("GET !\"#$%&'()*+,-./09:;<=>?@AZ[\\]^_`az{|}~ HTTP/1.1\r\n\r\n"),
		"GET !\"#$%&'()*+,-./09:;<=>?@AZ[\\]^_`az{|}~ 11", 0},
	{"repeated fields", BYTES("GET / HTTP/1.1\r\nCookie: a\r\ncookie: b\r\n\r\n"), "GET / 11|Cookie=a|cookie=b", 0},
};

static const struct good good_responses[] = {
	{"the shortest", BYTES("HTTP/1.1 200\r\n\r\n"), "11 200 ", 0},
	{"no reason, but its blank", BYTES("HTTP/1.1 204 \r\n\r\n"), "11 204 ", 0},
	{"a reason of several words", BYTES("HTTP/1.0 404 Not \t F\xf6und!\r\n\r\n"), "10 404 Not \t F\xf6und!", 0},
	{"the least status", BYTES("HTTP/1.1 100 a\r\n\r\n"), "11 100 a", 0},
	{"the highest status", BYTES("HTTP/1.1 599 z\r\n\r\n"), "11 599 z", 0},
	{"an obs-fold", BYTES("HTTP/1.1 200 OK\r\nA: b\r\n c\r\nD: e\r\n\r\n"), "11 200 OK|A=b   c|D=e", 0},
	{"obs-folds one after the other", BYTES("HTTP/1.1 200 OK\r\nA: b\r\n\tc\r\n  d\r\n\r\n"), "11 200 OK|A=b  \tc    d", 0},
	{"an obs-fold before the value", BYTES("HTTP/1.1 200 OK\r\nA:\r\n b\r\n\r\n"), "11 200 OK|A=b", 0},
	{"an obs-fold of blanks only", BYTES("HTTP/1.1 200 OK\r\nA: b\r\n \t \r\n\r\n"), "11 200 OK|A=b", 0},
	{"an obs-fold that looks like a field", BYTES("HTTP/1.1 200 OK\r\nA: b\r\n Content-Length: 5\r\n\r\n"), "11 200 OK|A=b   Content-Length: 5", 0},
	{"a body behind it", BYTES("HTTP/1.1 200 OK\r\nA: b\r\n\r\n\r\n body"), "11 200 OK|A=b", 7},
};

static void taken(const struct good *row, bool response)
{
	static struct head h;
	char told[1024], *block;
	size_t len = row->len - row->rest;
	for (enum cut cut = AT_ONCE; cut < CUTS; cut++)
		if (end_of(row->wire, row->len, cut) != len)
			fail_msg("%s: the end is at %zu, not %zu", row->name, end_of(row->wire, row->len, cut), len);
	const struct refusal *refusal = read_head(&h, row->wire, len, response, &block);
	if (refusal)
		fail_msg("%s: refused: %s", row->name, refusal->text);
	tell(&h, response, told, sizeof(told));
	if (strcmp(told, row->told) != 0)
		fail_msg("%s: read as %s, not as %s", row->name, told, row->told);
	assert_ptr_equal(h.base, block);
	assert_int_equal(h.len, len);
	free(block);
	for (size_t cut = 0; cut < len; cut++) { /* part of a head is no head */
		refusal = read_head(&h, row->wire, cut, response, &block);
		if (!refusal)
			fail_msg("%s: taken although cut off after %zu bytes", row->name, cut);
		free(block);
	}
}

static void test_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good_requests) / sizeof(good_requests[0]); i++)
		taken(&good_requests[i], false);
	for (size_t i = 0; i < sizeof(good_responses) / sizeof(good_responses[0]); i++)
		taken(&good_responses[i], true);
}

/* --- heads that are refused --------------------------------------------------- */

struct bad {
	const char *name;
	const char *wire;
	size_t len;
	int status;
	const char *text; /* part of the reason */
	size_t end;       /* where the head ends when that is before the wire's end */
};

static const struct bad bad_requests[] = {
	/* DESIGN.md 6: bare LF or CR */
	{"bare LF behind the request line", BYTES("GET / HTTP/1.1\nHost: a\r\n\r\n"), 400, "line feed without", 15},
	{"bare LF behind a field", BYTES("GET / HTTP/1.1\r\nA: b\nC: d\r\n\r\n"), 400, "line feed without", 21},
	{"bare LF inside a field name", BYTES("GET / HTTP/1.1\r\nA\nB: c\r\n\r\n"), 400, "line feed without", 18},
	{"bare LF as the empty line", BYTES("GET / HTTP/1.1\r\nA: b\r\n\n"), 400, "line feed without", 0},
	{"LF LF", BYTES("GET / HTTP/1.1\n\n"), 400, "line feed without", 15},
	{"bare LF before the request", BYTES("\nGET / HTTP/1.1\r\n\r\n"), 400, "line feed without", 1},
	{"bare CR in a value", BYTES("GET / HTTP/1.1\r\nA: b\rC: d\r\n\r\n"), 400, "carriage return without", 0},
	{"bare CR far into a value", BYTES("GET / HTTP/1.1\r\nA: 0123456789abcdef\rTransfer-Encoding: chunked\r\n\r\n"), 400, "carriage return without", 0},
	{"bare CR in a name", BYTES("GET / HTTP/1.1\r\nA\rB: c\r\n\r\n"), 400, "carriage return without", 0},
	{"bare CR at the start of a line", BYTES("GET / HTTP/1.1\r\n\rA: b\r\n\r\n"), 400, "carriage return without", 0},
	{"bare CR in the method", BYTES("G\rET / HTTP/1.1\r\n\r\n"), 400, "carriage return without", 0},
	{"bare CR in the target", BYTES("GET /\r HTTP/1.1\r\n\r\n"), 400, "carriage return without", 0},
	{"bare CR behind the version", BYTES("GET / HTTP/1.1\rA: b\r\n\r\n"), 400, "carriage return without", 0},
	{"CR CR LF behind a field", BYTES("GET / HTTP/1.1\r\nA: b\r\r\n\r\n"), 400, "carriage return without", 0},
	{"CR CR LF as the empty line", BYTES("GET / HTTP/1.1\r\nA: b\r\n\r\r\n\r\n"), 400, "carriage return without", 0},
	/* NUL and other control bytes */
	{"NUL in a value", BYTES("GET / HTTP/1.1\r\nA: b\0c\r\n\r\n"), 400, "control byte", 0},
	{"NUL far into a value", BYTES("GET / HTTP/1.1\r\nA: 0123456789\tabcdef\0\r\n\r\n"), 400, "control byte", 0},
	{"NUL in a name", BYTES("GET / HTTP/1.1\r\nA\0B: c\r\n\r\n"), 400, "control byte", 0},
	{"NUL in the target", BYTES("GET /\0 HTTP/1.1\r\n\r\n"), 400, "control byte", 0},
	{"NUL in the method", BYTES("GET\0 / HTTP/1.1\r\n\r\n"), 400, "control byte", 0},
	{"DEL in a value", BYTES("GET / HTTP/1.1\r\nA: b\x7f\r\n\r\n"), 400, "control byte", 0},
	{"DEL in the target", BYTES("GET /\x7f HTTP/1.1\r\n\r\n"), 400, "control byte", 0},
	{"vertical tab in a value", BYTES("GET / HTTP/1.1\r\nA:\v b\r\n\r\n"), 400, "control byte", 0},
	{"form feed before a value", BYTES("GET / HTTP/1.1\r\nTransfer-Encoding:\fchunked\r\n\r\n"), 400, "control byte", 0},
	{"escape in a value", BYTES("GET / HTTP/1.1\r\nA: \x1b[2J\r\n\r\n"), 400, "control byte", 0},
	/* obs-fold */
	{"obs-fold with a blank", BYTES("GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n"), 400, "continued", 0},
	{"obs-fold with a tab", BYTES("GET / HTTP/1.1\r\nA: b\r\n\tc\r\n\r\n"), 400, "continued", 0},
	{"obs-fold with nothing behind it", BYTES("GET / HTTP/1.1\r\nA: b\r\n \r\n\r\n"), 400, "continued", 0},
	{"obs-fold in front of a coding", BYTES("GET / HTTP/1.1\r\nTransfer-Encoding:\r\n chunked\r\n\r\n"), 400, "continued", 0},
	{"blank before the first field", BYTES("GET / HTTP/1.1\r\n A: b\r\n\r\n"), 400, "before the first field", 0},
	{"tab before the first field", BYTES("GET / HTTP/1.1\r\n\tA: b\r\n\r\n"), 400, "before the first field", 0},
	/* blank before the colon */
	{"blank before the colon", BYTES("GET / HTTP/1.1\r\nA : b\r\n\r\n"), 400, "name and colon", 0},
	{"tab before the colon", BYTES("GET / HTTP/1.1\r\nContent-Length\t: 5\r\n\r\n"), 400, "name and colon", 0},
	{"blanks before the colon", BYTES("GET / HTTP/1.1\r\nA \t : b\r\n\r\n"), 400, "name and colon", 0},
	/* field names */
	{"empty field name", BYTES("GET / HTTP/1.1\r\n: b\r\n\r\n"), 400, "without a name", 0},
	{"blank in a name", BYTES("GET / HTTP/1.1\r\nA B: c\r\n\r\n"), 400, "field name", 0},
	{"no colon", BYTES("GET / HTTP/1.1\r\nHost\r\n\r\n"), 400, "without a colon", 0},
	{"a second request line", BYTES("GET / HTTP/1.1\r\nGET /admin HTTP/1.1\r\n\r\n"), 400, "field name", 0},
	{"obs-text in a name", BYTES("GET / HTTP/1.1\r\nH\xf6st: a\r\n\r\n"), 400, "field name", 0},
	{"quote in a name", BYTES("GET / HTTP/1.1\r\n\"A\": b\r\n\r\n"), 400, "field name", 0},
	{"slash in a name", BYTES("GET / HTTP/1.1\r\nA/B: c\r\n\r\n"), 400, "field name", 0},
	{"parenthesis in a name", BYTES("GET / HTTP/1.1\r\nA(: c\r\n\r\n"), 400, "field name", 0},
	/* the request line */
	{"no method", BYTES(" / HTTP/1.1\r\n\r\n"), 400, "method", 0},
	{"blank before the method", BYTES(" GET / HTTP/1.1\r\n\r\n"), 400, "method", 0},
	{"colon in the method", BYTES("GE:T / HTTP/1.1\r\n\r\n"), 400, "method", 0},
	{"method only", BYTES("GET\r\n\r\n"), 400, "method", 0},
	{"no target", BYTES("GET  HTTP/1.1\r\n\r\n"), 400, "target", 0},
	{"nothing behind the method", BYTES("GET \r\n\r\n"), 400, "target", 0},
	{"two blanks behind the method", BYTES("GET  / HTTP/1.1\r\n\r\n"), 400, "target", 0},
	{"tab behind the method", BYTES("GET\t/ HTTP/1.1\r\n\r\n"), 400, "method", 0},
	{"tab in the target", BYTES("GET /\tHTTP/1.1\r\n\r\n"), 400, "target", 0},
	{"obs-text in the target", BYTES("GET /\xc3\xa4 HTTP/1.1\r\n\r\n"), 400, "target", 0},
	{"two blanks behind the target", BYTES("GET /  HTTP/1.1\r\n\r\n"), 400, "version", 0},
	{"blank in the target", BYTES("GET /a b HTTP/1.1\r\n\r\n"), 400, "version", 0},
	{"HTTP/0.9", BYTES("GET /\r\n\r\n"), 400, "version", 0},
	{"no version", BYTES("GET / \r\n\r\n"), 400, "version", 0},
	{"blank behind the version", BYTES("GET / HTTP/1.1 \r\n\r\n"), 400, "version", 0},
	{"word behind the version", BYTES("GET / HTTP/1.1 x\r\n\r\n"), 400, "version", 0},
	{"lower-case version", BYTES("GET / http/1.1\r\n\r\n"), 400, "version", 0},
	{"version of one digit", BYTES("GET / HTTP/1\r\n\r\n"), 400, "version", 0},
	{"version of three digits", BYTES("GET / HTTP/1.10\r\n\r\n"), 400, "version", 0},
	{"version with a comma", BYTES("GET / HTTP/1,1\r\n\r\n"), 400, "version", 0},
	{"version with a leading zero", BYTES("GET / HTTP/01.1\r\n\r\n"), 400, "version", 0},
	{"another protocol", BYTES("GET / RTSP/1.0\r\n\r\n"), 400, "version", 0},
	{"two empty lines before it", BYTES("\r\n\r\nGET / HTTP/1.1\r\n\r\n"), 400, "method", 4},
	{"HTTP/2 preface", BYTES("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 505, "version", 18},
	{"HTTP/1.2", BYTES("GET / HTTP/1.2\r\n\r\n"), 505, "version", 0},
	{"HTTP/0.9 in words", BYTES("GET / HTTP/0.9\r\n\r\n"), 505, "version", 0},
	{"HTTP/3.0", BYTES("GET / HTTP/3.0\r\n\r\n"), 505, "version", 0},
	{"a TLS handshake", BYTES("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"), 400, "control byte", 0},
};

static const struct bad bad_responses[] = {
	{"bare LF behind the status line", BYTES("HTTP/1.1 200 OK\nA: b\r\n\r\n"), 502, "line feed without", 16},
	{"bare LF behind a field", BYTES("HTTP/1.1 200 OK\r\nA: b\n\r\n"), 502, "line feed without", 22},
	{"bare CR in the reason", BYTES("HTTP/1.1 200 O\rK\r\n\r\n"), 502, "carriage return without", 0},
	{"bare CR in a value", BYTES("HTTP/1.1 200 OK\r\nA: b\rSet-Cookie: c\r\n\r\n"), 502, "carriage return without", 0},
	{"NUL in the reason", BYTES("HTTP/1.1 200 O\0K\r\n\r\n"), 502, "control byte", 0},
	{"NUL in a value", BYTES("HTTP/1.1 200 OK\r\nA: \0\r\n\r\n"), 502, "control byte", 0},
	{"NUL in a continued line", BYTES("HTTP/1.1 200 OK\r\nA: b\r\n \0\r\n\r\n"), 502, "control byte", 0},
	{"control byte in a name", BYTES("HTTP/1.1 200 OK\r\nA\x01: b\r\n\r\n"), 502, "control byte", 0},
	{"blank before the first field", BYTES("HTTP/1.1 200 OK\r\n A: b\r\n\r\n"), 502, "before the first field", 0},
	{"blank before the colon", BYTES("HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\n"), 502, "name and colon", 0},
	{"empty field name", BYTES("HTTP/1.1 200 OK\r\n: b\r\n\r\n"), 502, "without a name", 0},
	{"no colon", BYTES("HTTP/1.1 200 OK\r\nA\r\n\r\n"), 502, "without a colon", 0},
	{"blank in a name", BYTES("HTTP/1.1 200 OK\r\nA B: c\r\n\r\n"), 502, "field name", 0},
	{"no status line", BYTES("<html>\r\n\r\n"), 502, "status line", 0},
	{"a longer one that is none", BYTES("<!DOCTYPE html><html><body>\r\n\r\n"), 502, "version", 0},
	{"empty line before it", BYTES("\r\nHTTP/1.1 200 OK\r\n\r\n"), 502, "version", 0},
	{"a request", BYTES("GET / HTTP/1.1\r\n\r\n"), 502, "version", 0},
	{"no status", BYTES("HTTP/1.1\r\nAbc: d\r\n\r\n"), 502, "status line", 0},
	{"status of two digits", BYTES("HTTP/1.1 20 OK\r\n\r\n"), 502, "status line", 0},
	{"status of four digits", BYTES("HTTP/1.1 2000 OK\r\n\r\n"), 502, "status line", 0},
	{"status with a sign", BYTES("HTTP/1.1 -20 OK\r\n\r\n"), 502, "status line", 0},
	{"status 099", BYTES("HTTP/1.1 099 OK\r\n\r\n"), 502, "status line", 0},
	{"status 600", BYTES("HTTP/1.1 600 OK\r\n\r\n"), 502, "status line", 0},
	{"status 000", BYTES("HTTP/1.1 000 OK\r\n\r\n"), 502, "status line", 0},
	{"two blanks before the status", BYTES("HTTP/1.1  200 OK\r\n\r\n"), 502, "status line", 0},
	{"tab before the status", BYTES("HTTP/1.1\t200 OK\r\n\r\n"), 502, "status line", 0},
	{"tab behind the status", BYTES("HTTP/1.1 200\tOK\r\n\r\n"), 502, "status line", 0},
	{"letter in the status", BYTES("HTTP/1.1 2x0 OK\r\n\r\n"), 502, "status line", 0},
	{"HTTP/2.0", BYTES("HTTP/2.0 200 OK\r\n\r\n"), 502, "version", 0},
	{"HTTP/1.2", BYTES("HTTP/1.2 200 OK\r\n\r\n"), 502, "version", 0},
	{"HTTP/1.", BYTES("HTTP/1. 200 OK\r\n\r\n"), 502, "version", 0},
	{"ICY", BYTES("ICY 200 OK\r\n\r\n"), 502, "version", 0},
};

static void refused(const struct bad *row, bool response)
{
	static struct head h;
	char *block;
	size_t end = row->end ? row->end : row->len;
	for (enum cut cut = AT_ONCE; cut < CUTS; cut++)
		if (end_of(row->wire, row->len, cut) != end)
			fail_msg("%s: the end is at %zu, not %zu", row->name, end_of(row->wire, row->len, cut), end);
	const struct refusal *refusal = read_head(&h, row->wire, end, response, &block);
	free(block);
	if (!refusal)
		fail_msg("%s: taken", row->name);
	if (refusal->status != row->status || !strstr(refusal->text, row->text))
		fail_msg("%s: %d %s", row->name, refusal->status, refusal->text);
	for (size_t cut = 0; cut < row->len; cut++) {
		refusal = read_head(&h, row->wire, cut, response, &block);
		free(block);
		if (!refusal && cut > end)
			fail_msg("%s: taken although cut off after %zu bytes", row->name, cut);
	}
}

static void test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad_requests) / sizeof(bad_requests[0]); i++)
		refused(&bad_requests[i], false);
	for (size_t i = 0; i < sizeof(bad_responses) / sizeof(bad_responses[0]); i++)
		refused(&bad_responses[i], true);
}

/* --- every byte in every place -------------------------------------------------- */

static bool is_tchar(int c) /* RFC 9110 5.6.2, letter by letter */
{
	return c && strchr("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", c);
}

static bool is_visible(int c)
{
	return c > 0x20 && c < 0x7f;
}

static bool is_text(int c) /* field-content and HTAB, SP (RFC 9110 5.5) */
{
	return c == '\t' || c == ' ' || is_visible(c) || c >= 0x80;
}

/* Is a head taken with byte c in place of '@'? */
static bool takes(const char *pattern, int c, bool response)
{
	static struct head h;
	char wire[128], *block;
	size_t len = strlen(pattern);
	memcpy(wire, pattern, len);
	*(char *)memchr(wire, '@', len) = (char)c;
	const struct refusal *refusal = read_head(&h, wire, len, response, &block);
	free(block);
	if (refusal)
		assert_true(response ? refusal->status == 502 : refusal->status == 400 || refusal->status == 505);
	return !refusal;
}

static void test_every_byte(void **state)
{
	(void)state;
	for (int c = 0; c < 256; c++) {
		assert_int_equal(takes("G@T / HTTP/1.1\r\nA: b\r\n\r\n", c, false), is_tchar(c));
		assert_int_equal(takes("@ / HTTP/1.1\r\nA: b\r\n\r\n", c, false), is_tchar(c));
		assert_int_equal(takes("GET @ HTTP/1.1\r\nA: b\r\n\r\n", c, false), is_visible(c));
		assert_int_equal(takes("GET /abcdefgh@ HTTP/1.1\r\nA: b\r\n\r\n", c, false), is_visible(c));
		assert_int_equal(takes("GET / HTTP/1.@\r\nA: b\r\n\r\n", c, false), c == '0' || c == '1');
		assert_int_equal(takes("GET / HTTP/1.1\r\n@a: b\r\n\r\n", c, false), is_tchar(c));
		assert_int_equal(takes("GET / HTTP/1.1\r\na@: b\r\n\r\n", c, false), is_tchar(c) || c == ':');
		assert_int_equal(takes("GET / HTTP/1.1\r\nabcdefgh@i: b\r\n\r\n", c, false), is_tchar(c) || c == ':');
		for (int response = 0; response < 2; response++) {
			const char *values[] = {"A: @\r\n\r\n", "A: b@\r\n\r\n", "A:@b\r\n\r\n", "A: 0123456@9abcdef0123456789\r\n\r\n",
				"A: 01234567@9abcdef0123456789\r\n\r\n", "A: 0123456789abcd@fx\r\n\r\n"};
			for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
				char wire[128];
				snprintf(wire, sizeof(wire), "%s\r\n%s", response ? "HTTP/1.1 200 OK" : "GET / HTTP/1.1", values[i]);
				assert_int_equal(takes(wire, c, response), is_text(c));
			}
		}
		assert_int_equal(takes("HTTP/1.1 200 @\r\nA: b\r\n\r\n", c, true), is_text(c));
		assert_int_equal(takes("HTTP/1.1 200 01234567@9\r\nA: b\r\n\r\n", c, true), is_text(c));
		assert_int_equal(takes("HTTP/1.1 200@\r\nA: b\r\n\r\n", c, true), c == ' ');
		assert_int_equal(takes("HTTP/1.1@200\r\nA: b\r\n\r\n", c, true), c == ' ');
		assert_int_equal(takes("HTTP/1.1 @00\r\nA: b\r\n\r\n", c, true), c >= '1' && c <= '5');
	}
}

/* --- limits --------------------------------------------------------------------------- */

static const struct refusal *read_big(const char *wire, size_t len)
{
	static struct head h;
	char *block;
	const struct refusal *refusal = read_head(&h, wire, len, false, &block);
	free(block);
	return refusal;
}

static void test_limits(void **state)
{
	static char wire[GW_HEAD * 2];
	const struct refusal *refusal;
	size_t len;
	(void)state;

	for (int over = 0; over < 2; over++) { /* the target */
		size_t target = (size_t)GW_TARGET + (size_t)over;
		memcpy(wire, "GET ", 4);
		memset(wire + 4, '/', target);
		memcpy(wire + 4 + target, " HTTP/1.1\r\n\r\n", 13);
		refusal = read_big(wire, target + 17);
		assert_int_equal(refusal ? refusal->status : 0, over ? 414 : 0);
	}
	for (int over = 0; over < 2; over++) { /* fields */
		len = (size_t)sprintf(wire, "GET / HTTP/1.1\r\n");
		for (int i = 0; i < GW_FIELDS + over; i++)
			len += (size_t)sprintf(wire + len, "A: b\r\n");
		len += (size_t)sprintf(wire + len, "\r\n");
		refusal = read_big(wire, len);
		assert_int_equal(refusal ? refusal->status : 0, over ? 431 : 0);
	}
	for (int over = 0; over < 2; over++) { /* one name */
		len = (size_t)sprintf(wire, "GET / HTTP/1.1\r\n");
		memset(wire + len, 'a', 255u + (size_t)over);
		len += 255u + (size_t)over;
		len += (size_t)sprintf(wire + len, ": b\r\n\r\n");
		refusal = read_big(wire, len);
		assert_int_equal(refusal ? refusal->status : 0, over ? 431 : 0);
	}
	for (int over = 0; over < 2; over++) { /* the head */
		size_t all = (size_t)GW_HEAD + (size_t)over;
		len = (size_t)sprintf(wire, "GET / HTTP/1.1\r\nA: ");
		memset(wire + len, 'b', all - len - 4);
		memcpy(wire + all - 4, "\r\n\r\n", 4);
		refusal = read_big(wire, all);
		assert_int_equal(refusal ? refusal->status : 0, over ? 431 : 0);
	}
}

/* --- names ------------------------------------------------------------------------------ */

static const struct {
	const char *name;
	enum field_id id;
} names[] = {
	{"Accept", FIELD_ACCEPT}, {"Authorization", FIELD_AUTHORIZATION}, {"Connection", FIELD_CONNECTION},
	{"Content-Length", FIELD_CONTENT_LENGTH}, {"Content-Type", FIELD_CONTENT_TYPE}, {"Cookie", FIELD_COOKIE},
	{"Date", FIELD_DATE}, {"Expect", FIELD_EXPECT}, {"Forwarded", FIELD_FORWARDED}, {"Host", FIELD_HOST},
	{"HTTP2-Settings", FIELD_HTTP2_SETTINGS}, {"Keep-Alive", FIELD_KEEP_ALIVE}, {"Location", FIELD_LOCATION},
	{"Max-Forwards", FIELD_MAX_FORWARDS}, {"Origin", FIELD_ORIGIN}, {"Proxy-Authenticate", FIELD_PROXY_AUTHENTICATE},
	{"Proxy-Authorization", FIELD_PROXY_AUTHORIZATION}, {"Proxy-Connection", FIELD_PROXY_CONNECTION},
	{"Referer", FIELD_REFERER}, {"Sec-Fetch-Mode", FIELD_SEC_FETCH_MODE}, {"Sec-Fetch-Site", FIELD_SEC_FETCH_SITE},
	{"TE", FIELD_TE}, {"Trailer", FIELD_TRAILER}, {"Transfer-Encoding", FIELD_TRANSFER_ENCODING},
	{"Upgrade", FIELD_UPGRADE}, {"User-Agent", FIELD_USER_AGENT}, {"Via", FIELD_VIA}, {"X-Forwarded-For", FIELD_X_FORWARDED_FOR},
	{"X-Forwarded-Host", FIELD_X_FORWARDED_HOST}, {"X-Forwarded-Port", FIELD_X_FORWARDED_PORT},
	{"X-Forwarded-Prefix", FIELD_X_FORWARDED_PREFIX}, {"X-Forwarded-Proto", FIELD_X_FORWARDED_PROTO}, {"X-Real-IP", FIELD_X_REAL_IP},
	{"X-Client-Cert-Subject", FIELD_X_CLIENT_CERT_SUBJECT}, {"Age", FIELD_AGE}, {"Cache-Control", FIELD_CACHE_CONTROL},
	{"CDN-Cache-Control", FIELD_CDN_CACHE_CONTROL}, {"Content-Location", FIELD_CONTENT_LOCATION}, {"ETag", FIELD_ETAG},
	{"Expires", FIELD_EXPIRES}, {"If-Match", FIELD_IF_MATCH}, {"If-Modified-Since", FIELD_IF_MODIFIED_SINCE},
	{"If-None-Match", FIELD_IF_NONE_MATCH}, {"If-Range", FIELD_IF_RANGE}, {"If-Unmodified-Since", FIELD_IF_UNMODIFIED_SINCE},
	{"Last-Modified", FIELD_LAST_MODIFIED}, {"Pragma", FIELD_PRAGMA}, {"Range", FIELD_RANGE}, {"Set-Cookie", FIELD_SET_COOKIE},
	{"Vary", FIELD_VARY}, {"Accept-Encoding", FIELD_ACCEPT_ENCODING}, {"Accept-Language", FIELD_ACCEPT_LANGUAGE},
};

/* head_id, and the parser, which looks names up without asking whether they are tokens. */
static enum field_id id_of(const char *name, size_t len)
{
	static struct head h;
	char wire[300], *block;
	char *alone = exact(name, len);
	enum field_id id = head_id(span_of(alone, len));
	int n = snprintf(wire, sizeof(wire), "GET / HTTP/1.1\r\n%.*s:\r\n\r\n", (int)len, name);
	free(alone);
	if (!read_head(&h, wire, (size_t)n, false, &block))
		assert_int_equal(h.fields[0].id, id);
	free(block);
	return id;
}

static void test_names(void **state)
{
	char name[64];
	(void)state;
	assert_int_equal(sizeof(names) / sizeof(names[0]), FIELD_IDS - 1);
	for (size_t i = 0; i < FIELD_IDS - 1; i++) {
		size_t len = strlen(names[i].name);
		for (size_t k = 0; k <= len; k++) /* a letter in another case */
			for (int change = 0; change < 2 && k < len; change++) {
				memcpy(name, names[i].name, len);
				if (change && ((name[k] | 0x20) >= 'a' && (name[k] | 0x20) <= 'z'))
					name[k] ^= 0x20;
				assert_int_equal(id_of(name, len), names[i].id);
			}
		for (size_t k = 0; k < len; k++) /* any other byte in its place */
			for (int c = 1; c < 256; c++) {
				memcpy(name, names[i].name, len);
				if (span_same(span_of((char[]){(char)c}, 1), span_of(name + k, 1)))
					continue;
				name[k] = (char)c;
				if (head_id(span_of(name, len)) == names[i].id)
					fail_msg("%.*s is taken for %s", (int)len, name, names[i].name);
			}
		memcpy(name, names[i].name, len);
		name[len] = '-';
		assert_int_equal(id_of(name, len + 1), FIELD_OTHER);
		assert_int_not_equal(id_of(name, len - 1), names[i].id);
	}
	assert_int_equal(head_id(span_of(NULL, 0)), FIELD_OTHER);
	assert_int_equal(id_of(BYTES("Content-Length-Of-All-Of-It")), FIELD_OTHER);
	assert_int_equal(id_of(BYTES("Content_Length")), FIELD_OTHER);
}

static void test_methods(void **state)
{
	static const struct {
		const char *name;
		enum method method;
	} rows[] = {
		{"GET", METHOD_GET}, {"HEAD", METHOD_HEAD}, {"POST", METHOD_POST}, {"PUT", METHOD_PUT}, {"DELETE", METHOD_DELETE},
		{"OPTIONS", METHOD_OPTIONS}, {"TRACE", METHOD_TRACE}, {"CONNECT", METHOD_CONNECT}, {"get", METHOD_OTHER},
		{"Get", METHOD_OTHER}, {"GETS", METHOD_OTHER}, {"PATCH", METHOD_OTHER}, {"", METHOD_OTHER}, {"CONNECTS", METHOD_OTHER},
		{"COPY", METHOD_OTHER}, {"ACL", METHOD_OTHER}, {"UNLOCK", METHOD_OTHER}, {"PROPFIND", METHOD_OTHER}, {"SUBSCRI", METHOD_OTHER},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *name = exact(rows[i].name, strlen(rows[i].name));
		assert_int_equal(head_method(span_of(name, strlen(rows[i].name))), rows[i].method);
		free(name);
	}
}

static void test_finding(void **state)
{
	static const char wire[] = "GET / HTTP/1.1\r\nX-One: 1\r\nCookie: a\r\nhost: h\r\ncookie: b\r\nx-one: 2\r\nCOOKIE: c\r\n\r\n";
	static struct head h;
	char *block;
	(void)state;
	assert_null(read_head(&h, wire, sizeof(wire) - 1, false, &block));
	assert_int_equal(h.method, METHOD_GET);
	assert_int_equal(h.count, 6);
	assert_true(head_has(&h, FIELD_HOST));
	assert_false(head_has(&h, FIELD_VIA));
	assert_int_equal(h.first[FIELD_COOKIE], 2);
	assert_true(span_is(head_get(&h, FIELD_COOKIE), SPAN("a")));
	assert_true(span_is(head_get(&h, FIELD_HOST), SPAN("h")));
	assert_null(head_get(&h, FIELD_VIA).at);
	assert_true(h.many >> FIELD_COOKIE & 1);
	assert_false(h.many >> FIELD_HOST & 1);
	free(block);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good), cmocka_unit_test(test_bad), cmocka_unit_test(test_every_byte), cmocka_unit_test(test_limits),
		cmocka_unit_test(test_names), cmocka_unit_test(test_methods), cmocka_unit_test(test_finding),
	};
	srand(1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

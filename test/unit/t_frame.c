/* SPDX-License-Identifier: MIT
 *
 * t_frame - how long is a body, and what belongs to this hop only?
 */
#include "../../src/frame.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static struct head head;
static char *block;

/* Start line and fields without the empty line. */
static void read_head(const char *wire, bool response)
{
	size_t len = strlen(wire);
	free(block);
	block = malloc(len + 2);
	assert_non_null(block);
	memcpy(block, wire, len);
	memcpy(block + len, "\r\n", 2);
	const struct refusal *refusal = response ? head_response(&head, block, len + 2) : head_request(&head, block, len + 2);
	if (refusal)
		fail_msg("%s: %s", wire, refusal->text);
}

static int tear_down(void **state)
{
	(void)state;
	free(block);
	block = NULL;
	return 0;
}

/* "length 5 persist upgrade expect", or "400 reason". */
static const char *tell(const struct frame *f, const struct refusal *refusal)
{
	static char out[160];
	static const char *const kinds[] = {"none", "length", "chunked", "close"};
	if (refusal) {
		snprintf(out, sizeof(out), "%d %s", refusal->status, refusal->text);
		return out;
	}
	int n = snprintf(out, sizeof(out), "%s", kinds[f->kind]);
	if (f->kind == BODY_LENGTH || f->length)
		n += snprintf(out + n, sizeof(out) - (size_t)n, " %llu", (unsigned long long)f->length);
	snprintf(out + n, sizeof(out) - (size_t)n, "%s%s%s", f->persist ? " persist" : "", f->upgrade ? " upgrade" : "", f->expect ? " expect" : "");
	return out;
}

struct row {
	const char *name;
	const char *wire;
	const char *told; /* of a refusal: how it begins */
};

#define H "Host: a\r\n"
#define GET "GET / HTTP/1.1\r\n" H
#define POST "POST / HTTP/1.1\r\n" H
#define OLD "POST / HTTP/1.0\r\n"

static const struct row requests[] = {
	{"no body", GET, "none persist"},
	{"a length", POST "Content-Length: 5\r\n", "length 5 persist"},
	{"length 0", POST "Content-Length: 0\r\n", "length 0 persist"},
	{"leading zeros", POST "Content-Length: 000000000000000000000000000012\r\n", "length 12 persist"},
	{"the largest", POST "Content-Length: 9223372036854775807\r\n", "length 9223372036854775807 persist"},
	{"length of a GET", GET "Content-Length: 5\r\n", "length 5 persist"},
	{"chunked", POST "Transfer-Encoding: chunked\r\n", "chunked persist"},
	{"Chunked", POST "transfer-encoding:\t CHUNKed \r\n", "chunked persist"},

	/* DESIGN.md 6: lengths */
	{"both", POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "400 both"},
	{"both, the other way round", POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "400 both"},
	{"both, one of them odd", POST "Transfer-Encoding: identity\r\nContent-Length: 5\r\n", "400 both"},
	{"both, one of them empty", POST "Transfer-Encoding:\r\nContent-Length: 5\r\n", "400 both"},
	{"both in HTTP/1.0", OLD "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "400 both"},
	{"two lengths", POST "Content-Length: 5\r\nContent-Length: 6\r\n", "400 more than one content-length"},
	{"identical lengths", POST "Content-Length: 5\r\nContent-Length: 5\r\n", "400 more than one content-length"},
	{"identical lengths in other cases", POST "content-length: 5\r\nA: b\r\nCONTENT-LENGTH: 5\r\n", "400 more than one content-length"},
	{"a list of lengths", POST "Content-Length: 5, 5\r\n", "400 malformed content-length"},
	{"empty length", POST "Content-Length:\r\n", "400 malformed content-length"},
	{"plus", POST "Content-Length: +5\r\n", "400 malformed content-length"},
	{"minus", POST "Content-Length: -5\r\n", "400 malformed content-length"},
	{"minus 0", POST "Content-Length: -0\r\n", "400 malformed content-length"},
	{"hex", POST "Content-Length: 0x5\r\n", "400 malformed content-length"},
	{"hex digit", POST "Content-Length: 5a\r\n", "400 malformed content-length"},
	{"point", POST "Content-Length: 5.0\r\n", "400 malformed content-length"},
	{"blank inside", POST "Content-Length: 5 6\r\n", "400 malformed content-length"},
	{"quotes", POST "Content-Length: \"5\"\r\n", "400 malformed content-length"},
	{"digits of another script", POST "Content-Length: \xd9\xa5\r\n", "400 malformed content-length"},
	{"2^63", POST "Content-Length: 9223372036854775808\r\n", "400 malformed content-length"},
	{"2^64", POST "Content-Length: 18446744073709551616\r\n", "400 malformed content-length"},
	{"2^64 + 5", POST "Content-Length: 18446744073709551621\r\n", "400 malformed content-length"},
	{"very long", POST "Content-Length: 99999999999999999999999999999999\r\n", "400 malformed content-length"},

	/* transfer codings */
	{"chunked in HTTP/1.0", OLD "Transfer-Encoding: chunked\r\n", "400 transfer-encoding in HTTP/1.0"},
	{"gzip, chunked", POST "Transfer-Encoding: gzip, chunked\r\n", "501"},
	{"gzip", POST "Transfer-Encoding: gzip\r\n", "501"},
	{"identity", POST "Transfer-Encoding: identity\r\n", "501"},
	{"a coding with parameters", POST "Transfer-Encoding: a;b=c\r\n", "501"},
	{"xchunked", POST "Transfer-Encoding: xchunked\r\n", "501"},
	{"chunked twice", POST "Transfer-Encoding: chunked, chunked\r\n", "400 malformed transfer-encoding"},
	{"chunked not last", POST "Transfer-Encoding: chunked, gzip\r\n", "400 malformed transfer-encoding"},
	{"chunked first and last", POST "Transfer-Encoding: chunked, gzip, chunked\r\n", "400 malformed transfer-encoding"},
	{"chunked with a parameter", POST "Transfer-Encoding: chunked;a=b\r\n", "400 malformed transfer-encoding"},
	{"chunked with a semicolon", POST "Transfer-Encoding: chunked;\r\n", "400 malformed transfer-encoding"},
	{"chunked and a comma", POST "Transfer-Encoding: chunked,\r\n", "400 malformed transfer-encoding"},
	{"a comma and chunked", POST "Transfer-Encoding: , chunked\r\n", "400 malformed transfer-encoding"},
	{"only a comma", POST "Transfer-Encoding: ,\r\n", "400 malformed transfer-encoding"},
	{"empty coding", POST "Transfer-Encoding:\r\n", "400 malformed transfer-encoding"},
	{"chunked in quotes", POST "Transfer-Encoding: \"chunked\"\r\n", "400 malformed transfer-encoding"},
	{"chunked in two words", POST "Transfer-Encoding: chunked chunked\r\n", "400 malformed transfer-encoding"},
	{"obs-text before chunked", POST "Transfer-Encoding: \xa0" "chunked\r\n", "400 malformed transfer-encoding"},
	{"chunked and obs-text", POST "Transfer-Encoding: chunked\x85\r\n", "400 malformed transfer-encoding"},
	{"two fields", POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "400 more than one transfer-encoding"},
	{"two fields, one identity", POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "400 more than one transfer-encoding"},
	{"two fields, a list", POST "Transfer-Encoding: gzip\r\nTransfer-encoding: chunked\r\n", "400 more than one transfer-encoding"},

	/* Host */
	{"no Host", "GET / HTTP/1.1\r\nA: b\r\n", "400 no host"},
	{"two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n", "400 more than one host"},
	{"identical Hosts", "GET / HTTP/1.1\r\nHost: a\r\nA: b\r\nhost: a\r\n", "400 more than one host"},
	{"two Hosts in HTTP/1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n", "400 more than one host"},
	{"empty Host", "GET / HTTP/1.1\r\nHost:\r\n", "400 malformed host"},
	{"a port alone", "GET / HTTP/1.1\r\nHost: :80\r\n", "400 malformed host"},
	{"Host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n", "400 malformed host"},
	{"Host with user information", "GET / HTTP/1.1\r\nHost: a@b\r\n", "400 malformed host"},
	{"Host with a blank", "GET / HTTP/1.1\r\nHost: a b\r\n", "400 malformed host"},
	{"Hosts in a list", "GET / HTTP/1.1\r\nHost: a, b\r\n", "400 malformed host"},
	{"Host with a fragment", "GET / HTTP/1.1\r\nHost: a#b\r\n", "400 malformed host"},
	{"Host with a question mark", "GET / HTTP/1.1\r\nHost: a?b\r\n", "400 malformed host"},
	{"Host with obs-text", "GET / HTTP/1.1\r\nHost: \xc3\xa4\r\n", "400 malformed host"},
	{"Host with two ports", "GET / HTTP/1.1\r\nHost: a:80:80\r\n", "400 malformed host"},
	{"Host with a large port", "GET / HTTP/1.1\r\nHost: a:65536\r\n", "400 malformed host"},
	{"Host with a worded port", "GET / HTTP/1.1\r\nHost: a:http\r\n", "400 malformed host"},
	{"Host as a URL", "GET / HTTP/1.1\r\nHost: http://a/\r\n", "400 malformed host"},
	{"IPv6 without brackets", "GET / HTTP/1.1\r\nHost: ::1\r\n", "400 malformed host"},
	{"brackets open", "GET / HTTP/1.1\r\nHost: [::1\r\n", "400 malformed host"},
	{"IPv6", "GET / HTTP/1.1\r\nHost: [::1]:80\r\n", "none persist"},
	{"IPv4 and port", "GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n", "none persist"},
	{"a name and port", "GET / HTTP/1.1\r\nHost: nas.example.org:8080\r\n", "none persist"},
	{"no Host in HTTP/1.0", "GET / HTTP/1.0\r\n", "none"},
	{"no Host that is one in HTTP/1.0", "GET / HTTP/1.0\r\nHost: a b\r\n", "400 malformed host"},

	/* persistence (RFC 9112 9.3) */
	{"close", GET "Connection: close\r\n", "none"},
	{"Close", GET "connection: CLOSE\r\n", "none"},
	{"close in a list", GET "Connection: keep-alive , Close,foo\r\n", "none"},
	{"close in a second field", GET "Connection: keep-alive\r\nA: b\r\nConnection: close\r\n", "none"},
	{"close behind empty members", GET "Connection: ,, ,close\r\n", "none"},
	{"closed is not close", GET "Connection: closed, xclose, close-not\r\n", "none persist"},
	{"keep-alive", GET "Connection: keep-alive\r\n", "none persist"},
	{"an empty list", GET "Connection:\r\n", "none persist"},
	{"close in quotes: nobody knows", GET "Connection: \"close\"\r\n", "none"},
	{"close and a quote: nobody knows", GET "Connection: \"a, close\r\n", "none"},
	{"close with a parameter: nobody knows", GET "Connection: close;a=b\r\n", "none"},
	{"HTTP/1.0", "GET / HTTP/1.0\r\n" H, "none"},
	{"HTTP/1.0 that would be kept", "GET / HTTP/1.0\r\n" H "Connection: keep-alive\r\n", "none"},
	{"HTTP/1.0 with a length", OLD "Content-Length: 5\r\n", "length 5"},
	{"Proxy-Connection does not count", GET "Proxy-Connection: close\r\n", "none persist"},
	{"32 options", GET "Connection: a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a\r\n", "none persist"},
	{"33 options", GET "Connection: a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a\r\nConnection: a\r\n", "400 too many connection options"},

	/* upgrade */
	{"websocket", GET "Connection: Upgrade\r\nUpgrade: websocket\r\n", "none persist upgrade"},
	{"in a list", GET "Upgrade: websocket\r\nConnection: keep-alive, upgrade\r\n", "none persist upgrade"},
	{"with a version", GET "Connection: upgrade\r\nUpgrade: IRC/6.9, RTA/x11\r\n", "none persist upgrade"},
	{"with a body", POST "Connection: upgrade\r\nUpgrade: tcp\r\nContent-Length: 2\r\n", "length 2 persist upgrade"},
	{"close as well", GET "Connection: upgrade, close\r\nUpgrade: websocket\r\n", "none upgrade"},
	{"not in Connection", GET "Upgrade: websocket\r\n", "none persist"},
	{"not in Connection, but near it", GET "Connection: upgrades\r\nUpgrade: websocket\r\n", "none persist"},
	{"no Upgrade field", GET "Connection: upgrade\r\n", "none persist"},
	{"empty Upgrade field", GET "Connection: upgrade\r\nUpgrade:\r\n", "none persist"},
	{"in HTTP/1.0", "GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: websocket\r\n", "none"},
	{"h2c", GET "Connection: upgrade, http2-settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n", "none persist"},
	{"H2C", GET "Connection: upgrade\r\nUpgrade: H2C\r\n", "none persist"},
	{"h2c in a list", GET "Connection: upgrade\r\nUpgrade: websocket, h2c\r\n", "none persist"},
	{"h2c in a second field", GET "Connection: upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c\r\n", "none persist"},
	{"h2c with a version", GET "Connection: upgrade\r\nUpgrade: h2c/1\r\n", "none persist"},
	{"a draft of h2c", GET "Connection: upgrade\r\nUpgrade: h2c-14\r\n", "none persist"},
	{"HTTP/2.0", GET "Connection: upgrade\r\nUpgrade: HTTP/2.0\r\n", "none persist"},
	{"no token", GET "Connection: upgrade\r\nUpgrade: \"h2c\"\r\n", "none persist"},
	{"no token behind the slash", GET "Connection: upgrade\r\nUpgrade: a/b c\r\n", "none persist"},
	{"two words", GET "Connection: upgrade\r\nUpgrade: websocket h2c\r\n", "none persist"},

	/* Expect */
	{"100-continue", POST "Expect: 100-Continue\r\nContent-Length: 5\r\n", "length 5 persist expect"},
	{"something else", POST "Expect: 100-continued\r\nContent-Length: 5\r\n", "417"},
	{"something else too", POST "Expect: 100-continue, a=b\r\nContent-Length: 5\r\n", "417"},
	{"something else in a second field", POST "Expect: 100-continue\r\nExpect: a\r\nContent-Length: 5\r\n", "417"},
	{"from HTTP/1.0", OLD "Expect: 100-continue\r\nContent-Length: 5\r\n", "length 5"},
};

#define OK "HTTP/1.1 200 OK\r\n"
#define OLD_OK "HTTP/1.0 200 OK\r\n"

struct answer {
	const char *name;
	enum method method;
	const char *wire;
	const char *told;
};

static const struct answer answers[] = {
	{"a length", METHOD_GET, OK "Content-Length: 5\r\n", "length 5 persist"},
	{"length 0", METHOD_GET, OK "Content-Length: 0\r\n", "length 0 persist"},
	{"chunked", METHOD_GET, OK "Transfer-Encoding: chunked\r\n", "chunked persist"},
	{"neither", METHOD_GET, OK, "close"},
	{"neither, and kept", METHOD_GET, OK "Connection: keep-alive\r\n", "close"},
	{"close", METHOD_GET, OK "Content-Length: 5\r\nConnection: close\r\n", "length 5"},
	{"HTTP/1.0", METHOD_GET, OLD_OK "Content-Length: 5\r\n", "length 5"},
	{"HTTP/1.0 that is kept", METHOD_GET, OLD_OK "Content-Length: 5\r\nConnection: Keep-Alive\r\n", "length 5 persist"},
	{"HTTP/1.0 that says both", METHOD_GET, OLD_OK "Content-Length: 5\r\nConnection: Keep-Alive, close\r\n", "length 5"},
	{"unclear options", METHOD_GET, OK "Content-Length: 5\r\nConnection: keep-alive; close\r\n", "length 5"},
	{"error with a body", METHOD_GET, "HTTP/1.1 401 No\r\nContent-Length: 5\r\n", "length 5 persist"},
	{"205 with a length", METHOD_GET, "HTTP/1.1 205 R\r\nContent-Length: 0\r\n", "length 0 persist"},

	/* never a body */
	{"HEAD", METHOD_HEAD, OK, "none persist"},
	{"HEAD with a length", METHOD_HEAD, OK "Content-Length: 5\r\n", "none 5 persist"},
	{"HEAD and chunked", METHOD_HEAD, OK "Transfer-Encoding: chunked\r\n", "none persist"},
	{"304 with a length", METHOD_GET, "HTTP/1.1 304 N\r\nContent-Length: 5\r\n", "none 5 persist"},
	{"304 and chunked", METHOD_GET, "HTTP/1.1 304 N\r\nTransfer-Encoding: chunked\r\n", "none persist"},
	{"204", METHOD_GET, "HTTP/1.1 204 N\r\n", "none persist"},
	{"204 with length 0", METHOD_GET, "HTTP/1.1 204 N\r\nContent-Length: 0\r\n", "none persist"},
	{"204 that says it has one", METHOD_GET, "HTTP/1.1 204 N\r\nContent-Length: 5\r\n", "none 5"},
	{"204 that says chunked", METHOD_GET, "HTTP/1.1 204 N\r\nTransfer-Encoding: chunked\r\n", "none"},
	{"100", METHOD_POST, "HTTP/1.1 100 Continue\r\n", "none persist"},
	{"103", METHOD_GET, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n", "none persist"},
	{"100 that says it has one", METHOD_POST, "HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n", "none 5"},

	/* refused: 502 */
	{"both", METHOD_GET, OK "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "502 both"},
	{"both to HEAD", METHOD_HEAD, OK "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "502 both"},
	{"two lengths", METHOD_GET, OK "Content-Length: 5\r\nContent-Length: 6\r\n", "502 more than one content-length"},
	{"identical lengths", METHOD_GET, OK "Content-Length: 5\r\nContent-Length: 5\r\n", "502 more than one content-length"},
	{"a list of lengths", METHOD_GET, OK "Content-Length: 5, 5\r\n", "502 malformed content-length"},
	{"a length that is none", METHOD_GET, OK "Content-Length: -1\r\n", "502 malformed content-length"},
	{"empty length", METHOD_GET, OK "Content-Length:\r\n", "502 malformed content-length"},
	{"2^63", METHOD_GET, OK "Content-Length: 9223372036854775808\r\n", "502 malformed content-length"},
	{"a length that is none, to HEAD", METHOD_HEAD, OK "Content-Length: x\r\n", "502 malformed content-length"},
	{"a length that is none, with 204", METHOD_GET, "HTTP/1.1 204 N\r\nContent-Length: x\r\n", "502 malformed content-length"},
	{"a length that is none, with 304", METHOD_GET, "HTTP/1.1 304 N\r\nContent-Length: 5 5\r\n", "502 malformed content-length"},
	{"a length that is none, with 100", METHOD_POST, "HTTP/1.1 100 C\r\nContent-Length: 5,\r\n", "502 malformed content-length"},
	{"two codings", METHOD_GET, OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "502 more than one transfer-encoding"},
	{"another coding", METHOD_GET, OK "Transfer-Encoding: gzip, chunked\r\n", "502 transfer-encoding other"},
	{"identity", METHOD_GET, OK "Transfer-Encoding: identity\r\n", "502 transfer-encoding other"},
	{"chunked twice", METHOD_GET, OK "Transfer-Encoding: chunked, chunked\r\n", "502 malformed transfer-encoding"},
	{"chunked in HTTP/1.0", METHOD_GET, OLD_OK "Transfer-Encoding: chunked\r\n", "502 transfer-encoding in"},
	{"another coding, to HEAD", METHOD_HEAD, OK "Transfer-Encoding: gzip\r\n", "502 transfer-encoding other"},

	/* 101 */
	{"a tunnel", METHOD_GET, "HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n", "none upgrade"},
	{"a tunnel that says it has a body", METHOD_GET, "HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 5\r\n", "none 5 upgrade"},
	{"no Upgrade", METHOD_GET, "HTTP/1.1 101 S\r\nConnection: Upgrade\r\n", "502 change of protocol"},
	{"no Connection", METHOD_GET, "HTTP/1.1 101 S\r\nUpgrade: websocket\r\n", "502 change of protocol"},
	{"to h2c", METHOD_GET, "HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n", "502 change of protocol"},
	{"from HTTP/1.0", METHOD_GET, "HTTP/1.0 101 S\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n", "502 change of protocol"},
	{"Upgrade without 101", METHOD_GET, OK "Content-Length: 5\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n", "length 5 persist"},
};

/* The whole text for what is taken, its beginning for a refusal. */
static bool as_told(const char *said, const char *told)
{
	return told[0] >= '1' && told[0] <= '9' ? strncmp(said, told, strlen(told)) == 0 : strcmp(said, told) == 0;
}

static void test_requests(void **state)
{
	struct frame f;
	(void)state;
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		read_head(requests[i].wire, false);
		memset(&f, 0xa5, sizeof(f));
		const char *said = tell(&f, frame_request(&f, &head));
		if (!as_told(said, requests[i].told))
			fail_msg("%s: %s, not %s", requests[i].name, said, requests[i].told);
	}
}

static void test_answers(void **state)
{
	struct frame f;
	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		read_head(answers[i].wire, true);
		memset(&f, 0xa5, sizeof(f));
		const char *said = tell(&f, frame_response(&f, &head, answers[i].method));
		if (!as_told(said, answers[i].told))
			fail_msg("%s: %s, not %s", answers[i].name, said, answers[i].told);
	}
}

/* --- fields of this hop ------------------------------------------------------ */

/* Names of the fields that are not for this hop only, with a blank behind each. */
static void goes_on(const char *wire, bool response, const char *left)
{
	static char out[1024];
	struct frame f;
	size_t len = 0;
	read_head(wire, response);
	const struct refusal *refusal = response ? frame_response(&f, &head, METHOD_GET) : frame_request(&f, &head);
	assert_null(refusal);
	for (unsigned i = 0; i < head.count; i++)
		if (!frame_is_hop(&f, &head, i))
			len += (size_t)snprintf(out + len, sizeof(out) - len, "%.*s ", (int)head_name(&head, i).len, head_name(&head, i).at);
	out[len] = 0;
	assert_string_equal(out, left);
}

static void test_hop(void **state)
{
	(void)state;
	goes_on(GET "Connection: keep-alive\r\nKeep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nProxy-Authorization: a\r\n"
		"TE: trailers\r\nTrailer: A\r\nTransfer-Encoding: chunked\r\nUpgrade: websocket\r\nHTTP2-Settings: AA\r\nA: b\r\n", false, "Host A ");
	goes_on(POST "Content-Length: 5\r\nContent-Type: a\r\nCookie: b\r\nAuthorization: c\r\nExpect: 100-continue\r\n", false,
		"Host Content-Type Cookie Authorization Expect ");
	goes_on(OLD "Content-Length: 5\r\nExpect: 100-continue\r\nA: b\r\n", false, "A "); /* the expectation does not count */
	goes_on(OK "Content-Length: 5\r\nProxy-Authenticate: a\r\nConnection: keep-alive\r\nKeep-Alive: b\r\nDate: c\r\nSet-Cookie: d\r\n", true,
		"Date Set-Cookie ");
	/* named, in any case, in any of several lists, however often they come */
	goes_on(GET "A: 1\r\nX-B: 2\r\nConnection: x-b, close\r\nC: 3\r\nConnection: ,c ,D\r\nx-b: 4\r\nX-Bc: 5\r\nB: 6\r\nd: 7\r\n", false, "Host A X-Bc B ");
	goes_on(OK "A: 1\r\nConnection: a\r\nContent-Length: 0\r\nB: 2\r\n", true, "B ");
	/* an option that is no token names nothing */
	goes_on(GET "A: 1\r\nB: 2\r\nConnection: \"a\", b c, b;d\r\n", false, "Host A B ");
	/* what nobody names away: decisions hang on it */
	goes_on(GET "Via: a\r\nForwarded: b\r\nX-Real-IP: c\r\nX-Forwarded-For: d\r\nX-Forwarded-Host: e\r\nX-Forwarded-Port: f\r\n"
		"X-Forwarded-Prefix: g\r\nX-Forwarded-Proto: h\r\nConnection: host, via, forwarded, x-real-ip, x-forwarded-for, x-forwarded-host, "
		"x-forwarded-port, x-forwarded-prefix, x-forwarded-proto\r\n", false,
		"Host Via Forwarded X-Real-IP X-Forwarded-For X-Forwarded-Host X-Forwarded-Port X-Forwarded-Prefix X-Forwarded-Proto ");
}

/* A bit for each field, the last one too. */
static void test_hop_last(void **state)
{
	static char wire[GW_HEAD];
	struct frame f;
	int n = sprintf(wire, "GET / HTTP/1.1\r\nHost: a\r\nConnection: last\r\n");
	(void)state;
	for (int i = 2; i < GW_FIELDS - 1; i++)
		n += sprintf(wire + n, "A: b\r\n");
	sprintf(wire + n, "Last: c\r\n");
	read_head(wire, false);
	assert_int_equal(head.count, GW_FIELDS);
	assert_null(frame_request(&f, &head));
	for (unsigned i = 0; i < head.count; i++)
		assert_int_equal(frame_is_hop(&f, &head, i), i == 1 || i == GW_FIELDS - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_requests, tear_down), cmocka_unit_test_teardown(test_answers, tear_down),
		cmocka_unit_test_teardown(test_hop, tear_down), cmocka_unit_test_teardown(test_hop_last, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

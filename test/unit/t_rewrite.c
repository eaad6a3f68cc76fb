/* SPDX-License-Identifier: MIT
 *
 * Which head goes out for which head that came in, and can a client put
 * anything into it that is not its to say?
 */
#include "../../src/rewrite.h"
#include "block.h"
#include <stdio.h>

#define CRLF "\r\n"

/* Room for heads in both directions. */
enum { ROOM = GW_HEAD_OUT };

/* --- requests ------------------------------------------------------------------ */

struct asked {
	const char *name;
	const char *in;    /* request line and fields; the empty line is added */
	const char *out;   /* the same */
	const char *peer;  /* NULL: 192.0.2.7 */
	const char *client; /* NULL: the peer */
	const char *prefix; /* of the route; NULL: "/" */
	const char *base;   /* of the target; NULL: none, the prefix is kept */
	const struct edits *edits;
	const char *unix_path; /* of the server; NULL: it is a name */
	const char *subject; /* of the client's certificate */
	const char *fields; /* further ones */
	const char *conditions; /* it validates; NULL: it does not */
	bool trusted, forwarded, no_port, https, hide_authorization, hide_cookies;
	uint8_t proxy; /* version of the PROXY header that went before */
};

#define GET "GET / HTTP/1.1" CRLF "Host: a.example" CRLF
/* What is added between the client's fields and those of the configuration. */
#define FROM(xff, real) "X-Forwarded-For: " xff CRLF "X-Real-IP: " real CRLF
#define ASKED "X-Forwarded-Proto: http" CRLF "X-Forwarded-Host: a.example" CRLF "X-Forwarded-Port: 8080" CRLF
#define ORIGIN FROM("192.0.2.7", "192.0.2.7") ASKED
#define VIA "Via: 1.1 gateway" CRLF
#define OURS ORIGIN VIA

#define EDITS(name, block, ...) \
	static const struct edit name##_at[] = {__VA_ARGS__}; \
	static const struct edits name = {name##_at, COUNT(name##_at), {block, sizeof block - 1}}

EDITS(set_host, "Host: b.example" CRLF, {.name = SPAN("Host"), .value = SPAN("b.example"), .id = FIELD_HOST});
EDITS(set_token, "X-Token: ours" CRLF, {.name = SPAN("X-Token"), .value = SPAN("ours")});
EDITS(no_cookies, "", {.name = SPAN("Cookie"), .remove = true, .id = FIELD_COOKIE});
EDITS(several, "A: 1" CRLF "B: 2" CRLF, {.name = SPAN("A"), .value = SPAN("1")}, {.name = SPAN("C"), .remove = true}, {.name = SPAN("B"), .value = SPAN("2")});

static const struct asked asked[] = {
	{.name = "the plainest", .in = GET, .out = GET OURS},
	{.name = "fields in their order, spelled as they came",
		.in = GET "b: 1" CRLF "A:2" CRLF "b: \t3 " CRLF "Empty:" CRLF, .out = GET "b: 1" CRLF "A: 2" CRLF "b: 3" CRLF "Empty: " CRLF OURS},
	{.name = "any method, in its case", .in = "pRoPfind /a?b HTTP/1.1" CRLF "Host: a.example" CRLF,
		.out = "pRoPfind /a?b HTTP/1.1" CRLF "Host: a.example" CRLF OURS},
	{.name = "Host comes first, wherever it stood", .in = "GET / HTTP/1.1" CRLF "A: b" CRLF "host: a.example" CRLF, .out = GET "A: b" CRLF OURS},
	{.name = "an old client", .in = "GET / HTTP/1.0" CRLF "Host: a.example" CRLF, .out = GET ORIGIN "Via: 1.0 gateway" CRLF},
	{.name = "an old client without Host", .in = "GET / HTTP/1.0" CRLF,
		.out = "GET / HTTP/1.1" CRLF "Host: server.lan:5000" CRLF FROM("192.0.2.7", "192.0.2.7") "X-Forwarded-Proto: http" CRLF "X-Forwarded-Port: 8080" CRLF "Via: 1.0 gateway" CRLF},
	{.name = "an old client without Host, a server behind a socket", .unix_path = "/run/a.sock", .in = "GET / HTTP/1.0" CRLF,
		.out = "GET / HTTP/1.1" CRLF "Host: localhost" CRLF FROM("192.0.2.7", "192.0.2.7") "X-Forwarded-Proto: http" CRLF "X-Forwarded-Port: 8080" CRLF "Via: 1.0 gateway" CRLF},

	/* paths */
	{.name = "prefix kept", .prefix = "/nas/", .in = "GET /nas/x?y=/nas/ HTTP/1.1" CRLF "Host: a.example" CRLF,
		.out = "GET /nas/x?y=/nas/ HTTP/1.1" CRLF "Host: a.example" CRLF OURS},
	{.name = "prefix taken away", .prefix = "/nas/", .base = "/", .in = "GET /nas/x?y=/nas/ HTTP/1.1" CRLF "Host: a.example" CRLF,
		.out = "GET /x?y=/nas/ HTTP/1.1" CRLF "Host: a.example" CRLF ORIGIN "X-Forwarded-Prefix: /nas" CRLF VIA},
	{.name = "prefix replaced", .prefix = "/nas/", .base = "/web/ui/", .in = "GET /nas/ HTTP/1.1" CRLF "Host: a.example" CRLF,
		.out = "GET /web/ui/ HTTP/1.1" CRLF "Host: a.example" CRLF ORIGIN "X-Forwarded-Prefix: /nas" CRLF VIA},
	{.name = "the root replaced", .base = "/web/", .in = "GET /x HTTP/1.1" CRLF "Host: a.example" CRLF,
		.out = "GET /web/x HTTP/1.1" CRLF "Host: a.example" CRLF OURS},
	{.name = "an exact path replaced", .prefix = "/feed", .base = "/rss.xml", .in = "GET /feed?a HTTP/1.1" CRLF "Host: a.example" CRLF,
		.out = "GET /rss.xml?a HTTP/1.1" CRLF "Host: a.example" CRLF ORIGIN "X-Forwarded-Prefix: /feed" CRLF VIA},
	{.name = "normalised", .in = "GET /a/./b/../%7Ec%2f?%7E/../ HTTP/1.1" CRLF "Host: a.example" CRLF,
		.out = "GET /a/~c%2F?%7E/../ HTTP/1.1" CRLF "Host: a.example" CRLF OURS},
	{.name = "asterisk", .base = "/web/", .in = "OPTIONS * HTTP/1.1" CRLF "Host: a.example" CRLF, .out = "OPTIONS * HTTP/1.1" CRLF "Host: a.example" CRLF OURS},
	{.name = "absolute-form", .in = "GET http://a.example/x HTTP/1.1" CRLF "Host: evil.example" CRLF, .out = "GET /x HTTP/1.1" CRLF "Host: a.example" CRLF OURS},

	/* for this hop only (RFC 9110 7.6.1) */
	{.name = "hop-by-hop fields",
		.in = GET "Connection: keep-alive" CRLF "Keep-Alive: 5" CRLF "Proxy-Connection: close" CRLF "Proxy-Authorization: Basic YQ" CRLF "Proxy-Authenticate: Basic" CRLF
			"TE: trailers" CRLF "Trailer: X" CRLF "Upgrade: websocket" CRLF "HTTP2-Settings: AA" CRLF "Accept: a" CRLF,
		.out = GET "Accept: a" CRLF OURS},
	{.name = "fields that Connection names",
		.in = GET "X-a: 1" CRLF "Connection: close, x-A" CRLF "X-Ab: 2" CRLF "X-A: 3" CRLF "Connection: X-c" CRLF "x-C: 4" CRLF, .out = GET "X-Ab: 2" CRLF OURS},
	{.name = "ours cannot be named away", .in = GET "Connection: Host, Via, X-Forwarded-For, X-Real-IP, X-Forwarded-Proto" CRLF, .out = GET OURS},
	{.name = "nor those of the configuration", .edits = &set_token, .in = GET "Connection: X-Token" CRLF "X-Token: theirs" CRLF,
		.out = GET OURS "X-Token: ours" CRLF},
	{.name = "Content-Length cannot be named away", .in = "POST / HTTP/1.1" CRLF "Host: a.example" CRLF "Content-Length: 5" CRLF "Connection: content-length" CRLF,
		.out = "POST / HTTP/1.1" CRLF "Host: a.example" CRLF OURS "Content-Length: 5" CRLF},
	{.name = "Expect of a new client goes on", .in = GET "Expect: 100-Continue" CRLF, .out = GET "Expect: 100-Continue" CRLF OURS},
	{.name = "of an old one it does not count", .in = "GET / HTTP/1.0" CRLF "Host: a.example" CRLF "Expect: 100-continue" CRLF, .out = GET ORIGIN "Via: 1.0 gateway" CRLF},

	/* names */
	{.name = "names that some server reads as others", .in = GET "X.Remote.User: a" CRLF "x!remote: b" CRLF "a~b: c" CRLF "A+B: d" CRLF "A1-b: e" CRLF "*: f" CRLF "a-: g" CRLF, .out = GET "A1-b: e" CRLF "a-: g" CRLF OURS},
	{.name = "underscore names", .in = GET "X_Forwarded_For: 10.0.0.1" CRLF "_: a" CRLF "a_b: c" CRLF "A-b: d" CRLF "Content_Length: 5" CRLF, .out = GET "A-b: d" CRLF OURS},

	/* what was for us */
	{.name = "our Authorization goes", .hide_authorization = true, .in = GET "A: b" CRLF "authorization: Basic YTpi" CRLF "C: d" CRLF, .out = GET "A: b" CRLF "C: d" CRLF OURS},
	{.name = "another one stays", .hide_cookies = true, .in = GET "Authorization: Bearer x" CRLF, .out = GET "Authorization: Bearer x" CRLF OURS},
	{.name = "our cookies go", .hide_cookies = true,
		.in = GET "Cookie: a=b; gateway-login-family=XX; c=d" CRLF "cookie: __Host-gateway-login-family=YY" CRLF "Cookie: e=f" CRLF,
		.out = GET "Cookie: a=b; c=d" CRLF "Cookie: e=f" CRLF OURS},
	{.name = "others stay as they are", .hide_cookies = true, .in = GET "Cookie: a=b;c=d ;; gateway-logi=x;  e" CRLF, .out = GET "Cookie: a=b;c=d ;; gateway-logi=x;  e" CRLF OURS},
	{.name = "nobody logs in here", .in = GET "Cookie: gateway-login-family=XX" CRLF, .out = GET "Cookie: gateway-login-family=XX" CRLF OURS},
	{.name = "who it is", .fields = "X-Remote-User: alice" CRLF, .in = GET "Connection: X-Remote-User" CRLF, .out = GET OURS "X-Remote-User: alice" CRLF},

	/* what is asked for the cache */
	{.name = "conditions and ranges go up", .in = GET "If-None-Match: \"a\"" CRLF "If-Modified-Since: b" CRLF "Range: bytes=0-1" CRLF "If-Range: \"a\"" CRLF,
		.out = GET "If-None-Match: \"a\"" CRLF "If-Modified-Since: b" CRLF "Range: bytes=0-1" CRLF "If-Range: \"a\"" CRLF OURS},
	{.name = "but not when it validates", .conditions = "If-None-Match: \"b\"" CRLF "If-Modified-Since: c" CRLF,
		.in = GET "A: b" CRLF "if-none-MATCH: \"a\"" CRLF "If-Modified-Since: b" CRLF "RANGE: bytes=0-1" CRLF "If-Range: \"a\"" CRLF "If-None-Match: *" CRLF "Accept: c" CRLF,
		.out = GET "A: b" CRLF "Accept: c" CRLF OURS "If-None-Match: \"b\"" CRLF "If-Modified-Since: c" CRLF},
	{.name = "nor when the whole is asked for", .conditions = "", .in = GET "If-None-Match: \"a\"" CRLF "Range: bytes=0-1" CRLF "Ranges: a" CRLF "If-None: b" CRLF,
		.out = GET "Ranges: a" CRLF "If-None: b" CRLF OURS},
	{.name = "ours come behind what the configuration sets", .edits = &set_token, .fields = "X-Remote-User: alice" CRLF, .conditions = "If-None-Match: W/\"b\"" CRLF, .in = GET,
		.out = GET OURS "X-Token: ours" CRLF "X-Remote-User: alice" CRLF "If-None-Match: W/\"b\"" CRLF},

	/* runs of fields that are one copy */
	{.name = "a run ends, another begins", .in = GET "A: 1" CRLF "B: 2" CRLF "C:3" CRLF "D: 4" CRLF "TE: x" CRLF "E: 5" CRLF "F: 6" CRLF "G:  7" CRLF "H: 8 " CRLF "I: 9" CRLF "J:" CRLF "K: " CRLF,
		.out = GET "A: 1" CRLF "B: 2" CRLF "C: 3" CRLF "D: 4" CRLF "E: 5" CRLF "F: 6" CRLF "G: 7" CRLF "H: 8" CRLF "I: 9" CRLF "J: " CRLF "K: " CRLF OURS},
	{.name = "cookies of ours within a run", .hide_cookies = true, .in = GET "A: 1" CRLF "Cookie: gateway-login-x=1" CRLF "B: 2" CRLF "Cookie: c=d; gateway-login-x=1" CRLF "C: 3" CRLF "Cookie: e=f" CRLF,
		.out = GET "A: 1" CRLF "B: 2" CRLF "Cookie: c=d" CRLF "C: 3" CRLF "Cookie: e=f" CRLF OURS},

	/* who says where it came from */
	{.name = "a stranger's word does not count",
		.in = GET "X-Forwarded-For: 10.0.0.1" CRLF "x-real-ip: 10.0.0.1" CRLF "X-FORWARDED-PROTO: https" CRLF "X-Forwarded-Host: evil" CRLF "X-Forwarded-Port: 1" CRLF
			"X-Forwarded-Prefix: /evil" CRLF "Forwarded: for=10.0.0.1" CRLF,
		.out = GET OURS},
	{.name = "nor in the rest of the family",
		.in = GET "X-Forwarded-Ssl: on" CRLF "x-forwarded-USER: root" CRLF "X-Forwarded: a" CRLF "X-Forward: b" CRLF, .out = GET "X-Forwarded: a" CRLF "X-Forward: b" CRLF OURS},
	{.name = "nor about the path", .in = GET "X-Original-URL: /admin/" CRLF "x-rewrite-url: /admin/" CRLF "X-Original: a" CRLF, .out = GET "X-Original: a" CRLF OURS},
	{.name = "which a trusted peer may", .trusted = true, .in = GET "X-Forwarded-Ssl: on" CRLF, .out = GET "X-Forwarded-Ssl: on" CRLF OURS},
	{.name = "not even with forwarded = on", .forwarded = true, .in = GET "Forwarded: for=10.0.0.1" CRLF,
		.out = GET ORIGIN "Forwarded: for=192.0.2.7;proto=http;host=\"a.example\"" CRLF VIA},
	{.name = "a trusted peer's does", .trusted = true, .client = "198.51.100.1",
		.in = GET "X-Forwarded-For: 198.51.100.1" CRLF "X-Forwarded-Proto: https" CRLF "X-Forwarded-Host: b.example" CRLF "X-Forwarded-Port: 443" CRLF,
		.out = GET FROM("198.51.100.1, 192.0.2.7", "198.51.100.1") "X-Forwarded-Proto: https" CRLF "X-Forwarded-Host: b.example" CRLF "X-Forwarded-Port: 443" CRLF VIA},
	{.name = "several fields of it are one list", .trusted = true, .client = "198.51.100.1",
		.in = GET "X-Forwarded-For: 203.0.113.1" CRLF "X-Forwarded-For:" CRLF "A: b" CRLF "x-forwarded-for: 198.51.100.1, 192.0.2.8" CRLF,
		.out = GET "A: b" CRLF FROM("203.0.113.1, 198.51.100.1, 192.0.2.8, 192.0.2.7", "198.51.100.1") ASKED VIA},
	{.name = "a trusted peer that says nothing", .trusted = true, .in = GET "X-Forwarded-Proto:" CRLF, .out = GET OURS},
	{.name = "Forwarded of a trusted peer goes on", .trusted = true, .forwarded = true,
		.in = GET "Forwarded: for=198.51.100.1" CRLF "Forwarded: for=\"[2001:db8::1]\";by=x" CRLF,
		.out = GET ORIGIN "Forwarded: for=198.51.100.1, for=\"[2001:db8::1]\";by=x, for=192.0.2.7;proto=http;host=\"a.example\"" CRLF VIA},
	{.name = "when it is switched on", .trusted = true, .in = GET "Forwarded: for=198.51.100.1" CRLF, .out = GET OURS},
	{.name = "IPv6", .peer = "2001:db8::7", .forwarded = true, .in = GET,
		.out = GET FROM("2001:db8::7", "2001:db8::7") ASKED "Forwarded: for=\"[2001:db8::7]\";proto=http;host=\"a.example\"" CRLF VIA},
	{.name = "a Unix socket has no address (RFC 7239 6.2)", .peer = "unix", .forwarded = true, .in = GET,
		.out = GET FROM("unix", "unix") ASKED "Forwarded: for=unknown;proto=http;host=\"a.example\"" CRLF VIA},
	{.name = "Forwarded without a host", .forwarded = true, .no_port = true, .in = "GET / HTTP/1.0" CRLF,
		.out = "GET / HTTP/1.1" CRLF "Host: server.lan:5000" CRLF FROM("192.0.2.7", "192.0.2.7") "X-Forwarded-Proto: http" CRLF "Forwarded: for=192.0.2.7;proto=http" CRLF "Via: 1.0 gateway" CRLF},
	{.name = "a host with its port, IPv6", .forwarded = true, .in = "GET / HTTP/1.1" CRLF "Host: [2001:db8::1]:8080" CRLF,
		.out = "GET / HTTP/1.1" CRLF "Host: [2001:db8::1]:8080" CRLF FROM("192.0.2.7", "192.0.2.7")
			"X-Forwarded-Proto: http" CRLF "X-Forwarded-Host: [2001:db8::1]:8080" CRLF "X-Forwarded-Port: 8080" CRLF "Forwarded: for=192.0.2.7;proto=http;host=\"[2001:db8::1]:8080\"" CRLF VIA},
	{.name = "prefixes add up", .trusted = true, .prefix = "/nas/", .base = "/", .in = "GET /nas/ HTTP/1.1" CRLF "Host: a.example" CRLF "X-Forwarded-Prefix: /home" CRLF,
		.out = "GET / HTTP/1.1" CRLF "Host: a.example" CRLF ORIGIN "X-Forwarded-Prefix: /home/nas" CRLF VIA},
	{.name = "also when they end in a slash", .trusted = true, .prefix = "/nas/", .base = "/", .in = "GET /nas/ HTTP/1.1" CRLF "Host: a.example" CRLF "X-Forwarded-Prefix: /home/" CRLF,
		.out = "GET / HTTP/1.1" CRLF "Host: a.example" CRLF ORIGIN "X-Forwarded-Prefix: /home/nas" CRLF VIA},
	{.name = "a prefix in front of a kept one", .trusted = true, .prefix = "/nas/", .in = "GET /nas/ HTTP/1.1" CRLF "Host: a.example" CRLF "X-Forwarded-Prefix: /home" CRLF,
		.out = "GET /nas/ HTTP/1.1" CRLF "Host: a.example" CRLF ORIGIN "X-Forwarded-Prefix: /home" CRLF VIA},

	/* TLS */
	{.name = "https", .https = true, .forwarded = true, .in = GET,
		.out = GET FROM("192.0.2.7", "192.0.2.7") "X-Forwarded-Proto: https" CRLF "X-Forwarded-Host: a.example" CRLF "X-Forwarded-Port: 8080" CRLF
			"Forwarded: for=192.0.2.7;proto=https;host=\"a.example\"" CRLF VIA},
	{.name = "absolute-form with the other scheme", .https = true, .in = "GET http://a.example/ HTTP/1.1" CRLF "Host: b.example" CRLF,
		.out = GET FROM("192.0.2.7", "192.0.2.7") "X-Forwarded-Proto: https" CRLF "X-Forwarded-Host: a.example" CRLF "X-Forwarded-Port: 8080" CRLF VIA},
	{.name = "a client's certificate", .subject = "CN=alice,O=\\C3\\A4", .in = GET "A: b" CRLF,
		.out = GET "A: b" CRLF ORIGIN "X-Client-Cert-Subject: CN=alice,O=\\C3\\A4" CRLF VIA},
	{.name = "nobody says it of himself", .in = GET "X-Client-Cert-Subject: CN=alice" CRLF "x-CLIENT-cert-subject:CN=bob" CRLF "X_Client_Cert_Subject: CN=eve" CRLF "A: b" CRLF,
		.out = GET "A: b" CRLF OURS},
	{.name = "nor a trusted peer", .trusted = true, .in = GET "x-client-cert-subject: CN=alice" CRLF "X-Client_Cert-Subject: CN=eve" CRLF, .out = GET OURS},
	{.name = "nor beside ours, nor names ours away", .subject = "CN=alice", .in = GET "Connection: X-Client-Cert-Subject" CRLF "X-Client-Cert-Subject: CN=eve" CRLF,
		.out = GET ORIGIN "X-Client-Cert-Subject: CN=alice" CRLF VIA},
	{.name = "names like it", .in = GET "X-Client-Cert-Subjects: a" CRLF "X-Client-Cert-Subjec: b" CRLF "X-Client-Cert-Issuers: c" CRLF,
		.out = GET "X-Client-Cert-Subjects: a" CRLF "X-Client-Cert-Subjec: b" CRLF "X-Client-Cert-Issuers: c" CRLF OURS},

	/* edits */
	{.name = "another Host", .edits = &set_host, .in = GET "A: b" CRLF, .out = "GET / HTTP/1.1" CRLF "A: b" CRLF OURS "Host: b.example" CRLF},
	{.name = "a field set replaces all of that name", .edits = &set_token, .in = GET "x-token: 1" CRLF "A: b" CRLF "X-TOKEN: 2" CRLF "X-Token2: 3" CRLF,
		.out = GET "A: b" CRLF "X-Token2: 3" CRLF OURS "X-Token: ours" CRLF},
	{.name = "a field is added", .edits = &set_token, .in = GET, .out = GET OURS "X-Token: ours" CRLF},
	{.name = "a field is removed", .edits = &no_cookies, .in = GET "Cookie: a" CRLF "Cookie2: b" CRLF "cookie: c" CRLF, .out = GET "Cookie2: b" CRLF OURS},
	{.name = "several", .edits = &several, .in = GET "C: x" CRLF "B: x" CRLF "D: x" CRLF, .out = GET "D: x" CRLF OURS "A: 1" CRLF "B: 2" CRLF},

	/* bodies */
	{.name = "length", .in = GET "content-length: 0005" CRLF, .out = GET OURS "Content-Length: 5" CRLF},
	{.name = "no length is not length 0", .in = "POST / HTTP/1.1" CRLF "Host: a.example" CRLF, .out = "POST / HTTP/1.1" CRLF "Host: a.example" CRLF OURS},
	{.name = "length 0", .in = GET "Content-Length: 0" CRLF, .out = GET OURS "Content-Length: 0" CRLF},
	{.name = "chunks", .in = GET "Transfer-Encoding: Chunked" CRLF "TE: trailers" CRLF, .out = GET OURS "Transfer-Encoding: chunked" CRLF},

	/* Via, Max-Forwards */
	{.name = "Via stays, ours behind it", .in = GET "Via: 1.0 first, 1.1 gateway" CRLF, .out = GET "Via: 1.0 first, 1.1 gateway" CRLF OURS},
	{.name = "one hop less", .in = "OPTIONS / HTTP/1.1" CRLF "Host: a.example" CRLF "Max-Forwards: 7" CRLF,
		.out = "OPTIONS / HTTP/1.1" CRLF "Host: a.example" CRLF "Max-Forwards: 6" CRLF OURS},
	{.name = "no number", .in = "OPTIONS / HTTP/1.1" CRLF "Host: a.example" CRLF "Max-Forwards: 7x" CRLF, .out = "OPTIONS / HTTP/1.1" CRLF "Host: a.example" CRLF OURS},
	{.name = "counts for OPTIONS only", .in = GET "Max-Forwards: 7" CRLF, .out = GET OURS},

	/* upgrade */
	{.name = "upgrade", .in = GET "Connection: Upgrade, keep-alive" CRLF "Upgrade: websocket" CRLF "Sec-WebSocket-Key: a" CRLF,
		.out = GET "Sec-WebSocket-Key: a" CRLF OURS "Connection: upgrade" CRLF "Upgrade: websocket" CRLF},
	{.name = "upgrade, several protocols", .in = GET "Upgrade: a/1, b" CRLF "Connection: upgrade" CRLF "Upgrade: c" CRLF,
		.out = GET OURS "Connection: upgrade" CRLF "Upgrade: a/1, b" CRLF "Upgrade: c" CRLF},
	{.name = "Upgrade without Connection", .in = GET "Upgrade: websocket" CRLF, .out = GET OURS},
	{.name = "Connection without Upgrade", .in = GET "Connection: upgrade" CRLF, .out = GET OURS},
	{.name = "never HTTP/2", .in = GET "Connection: Upgrade, HTTP2-Settings" CRLF "Upgrade: h2c" CRLF "HTTP2-Settings: AAMAAABk" CRLF, .out = GET OURS},
	{.name = "an old client", .in = "GET / HTTP/1.0" CRLF "Host: a.example" CRLF "Connection: upgrade" CRLF "Upgrade: websocket" CRLF, .out = GET ORIGIN "Via: 1.0 gateway" CRLF},

	/* a connection that began with a PROXY header */
	{.name = "it is one client's", .proxy = 1, .in = GET, .out = GET OURS "Connection: close" CRLF},
	{.name = "also an upgrade", .proxy = 2, .in = GET "Connection: upgrade" CRLF "Upgrade: x" CRLF, .out = GET OURS "Connection: upgrade" CRLF "Upgrade: x" CRLF},
};

/* All that is asked of a request, read from its wire. */
struct request {
	char wire[ROOM], path_room[ROOM];
	struct head head;
	struct frame frame;
	struct path path;
	struct asker asker;
	struct server server;
	struct target target;
	struct route route;
	struct rewrite_up up;
};

static void read_request(struct request *r, const struct asked *row)
{
	struct text room = text_in(r->path_room, sizeof r->path_room);
	int len = snprintf(r->wire, sizeof r->wire, "%s" CRLF, row->in);

	assert_null(head_request(&r->head, r->wire, (size_t)len));
	assert_null(frame_request(&r->frame, &r->head));
	assert_null(path_read(&r->path, r->head.target, r->head.method == METHOD_OPTIONS, &room));
	r->asker = (struct asker){
		.peer = span_str(row->peer ? row->peer : "192.0.2.7"),
		.client = span_str(row->client ? row->client : row->peer ? row->peer : "192.0.2.7"),
		.scheme = row->https ? SPAN("https") : SPAN("http"),
		.subject = span_str(row->subject ? row->subject : ""),
		.port = row->no_port ? 0 : 8080,
		.trusted = row->trusted,
	};
	r->server = (struct server){.name = row->unix_path ? "unix:/run/a.sock" : "server.lan:5000", .path = row->unix_path, .proxy = row->proxy};
	r->target = (struct target){.server = &r->server, .base = span_str(row->base ? row->base : "")};
	r->route = (struct route){.prefix = span_str(row->prefix ? row->prefix : "/"), .targets = &r->target, .target_count = 1};
	r->route.options.forwarded = row->forwarded;
	if (row->edits)
		r->route.options.request = *row->edits;
	r->up = (struct rewrite_up){
		.head = &r->head,
		.frame = &r->frame,
		.path = &r->path,
		.host = r->path.host.len ? r->path.host : head_get(&r->head, FIELD_HOST),
		.route = &r->route,
		.target = &r->target,
		.asker = &r->asker,
		.fields = span_str(row->fields ? row->fields : ""),
		.hide_authorization = row->hide_authorization,
		.hide_cookies = row->hide_cookies,
		.validates = row->conditions != NULL,
		.conditions = span_str(row->conditions ? row->conditions : ""),
	};
}

static void rewrites_requests(void **state)
{
	static struct request r;

	(void)state;
	for (size_t i = 0; i < COUNT(asked); i++) {
		struct text out = block_text(ROOM), want = block_text(ROOM);

		read_request(&r, &asked[i]);
		rewrite_request(&out, &r.up);
		assert_false(out.full);
		text_str(&want, asked[i].out);
		text_lit(&want, CRLF);
		text_char(&want, 0);
		block_same(text_span(&out), want.at, asked[i].name);
		free(out.at);
		free(want.at);
	}
}

/* What goes out is itself a proper request with the same body. */
static void sends_proper_requests(void **state)
{
	static struct request r;
	static struct head again;

	(void)state;
	for (size_t i = 0; i < COUNT(asked); i++) {
		struct text out = block_text(ROOM);
		struct frame frame;
		size_t seen = 0;

		read_request(&r, &asked[i]);
		rewrite_request(&out, &r.up);
		assert_int_equal(head_end(out.at, out.len, &seen), out.len);
		assert_null(head_request(&again, out.at, out.len));
		assert_null(frame_request(&frame, &again));
		assert_int_equal(frame.kind, r.frame.kind);
		assert_true(frame.length == r.frame.length);
		assert_int_equal(frame.upgrade, r.frame.upgrade);
		assert_int_equal(again.version, 11);
		assert_int_equal(rewrite_loops(&again), rewrite_loops(&r.head) + 1);
		free(out.at);
	}
}

static void knows_a_request_that_is_too_long(void **state)
{
	static struct request r;

	(void)state;
	for (size_t i = 0; i < COUNT(asked); i++) {
		size_t need = strlen(asked[i].out) + 2;

		read_request(&r, &asked[i]);
		for (size_t size = 0; size <= need; size++) {
			struct text out = block_text(size);

			rewrite_request(&out, &r.up);
			if (out.full != (size < need))
				fail_msg("%s: %zu bytes are %s", asked[i].name, size, out.full ? "too few" : "enough");
			free(out.at);
		}
	}
}

/* --- asking a log-in server ---------------------------------------------------------- */

/* What it is told of a GET of "/" from a stranger. */
#define CONSULT "GET /verify?rd=x HTTP/1.1" CRLF "Host: server.lan:5000" CRLF
#define ASKS(proto, host, uri, method) \
	"X-Forwarded-Proto: " proto CRLF "X-Forwarded-Host: " host CRLF "X-Forwarded-Uri: " uri CRLF "X-Forwarded-Method: " method CRLF \
	"X-Original-URL: " proto "://" host uri CRLF "X-Original-Method: " method CRLF
#define WHO FROM("192.0.2.7", "192.0.2.7") "X-Forwarded-Port: 8080" CRLF
#define CONSULTED WHO ASKS("http", "a.example", "/", "GET") VIA

static const struct asked consulted[] = {
	{.name = "the plainest", .in = GET, .out = CONSULT CONSULTED},
	{.name = "another method, path and query", .in = "DELETE /a/./b/%7Ec%2f?%7E/../ HTTP/1.1" CRLF "Host: a.example" CRLF,
		.out = CONSULT WHO ASKS("http", "a.example", "/a/b/~c%2F?%7E/../", "DELETE") VIA},
	{.name = "a prefix is not taken away", .prefix = "/nas/", .in = "GET /nas/x HTTP/1.1" CRLF "Host: a.example" CRLF, .out = CONSULT WHO ASKS("http", "a.example", "/nas/x", "GET") VIA},
	{.name = "asterisk", .in = "OPTIONS * HTTP/1.1" CRLF "Host: a.example" CRLF, .out = CONSULT WHO ASKS("http", "a.example", "/", "OPTIONS") VIA},
	{.name = "no path", .base = "", .in = GET, .out = "GET / HTTP/1.1" CRLF "Host: server.lan:5000" CRLF CONSULTED},
	{.name = "a socket", .unix_path = "/run/a.sock", .in = GET, .out = "GET /verify?rd=x HTTP/1.1" CRLF "Host: localhost" CRLF CONSULTED},
	{.name = "one spelling of the host", .in = "GET / HTTP/1.1" CRLF "Host: A.Example.:08443" CRLF, .out = CONSULT WHO ASKS("http", "a.example:8443", "/", "GET") VIA},
	{.name = "also of an absolute-form", .in = "GET http://A.Example./x HTTP/1.1" CRLF "Host: b" CRLF, .out = CONSULT WHO ASKS("http", "a.example", "/x", "GET") VIA},
	{.name = "also of a trusted peer", .trusted = true, .in = GET "X-Forwarded-Host: B.Example." CRLF, .out = CONSULT WHO ASKS("http", "b.example", "/", "GET") VIA},
	{.name = "IPv6", .in = "GET / HTTP/1.1" CRLF "Host: [2001:DB8::1]:8080" CRLF, .out = CONSULT WHO ASKS("http", "[2001:db8::1]:8080", "/", "GET") VIA},
	{.name = "https", .https = true, .in = GET, .out = CONSULT WHO ASKS("https", "a.example", "/", "GET") VIA},

	{.name = "credentials go up", .in = GET "Cookie: a=b" CRLF "Authorization: Bearer c" CRLF "Accept: text/html" CRLF "X-Requested-With: d" CRLF,
		.out = CONSULT "Cookie: a=b" CRLF "Authorization: Bearer c" CRLF "Accept: text/html" CRLF "X-Requested-With: d" CRLF CONSULTED},
	{.name = "but ours", .hide_authorization = true, .hide_cookies = true, .in = GET "Cookie: gateway-login-x=1; a=b" CRLF "Authorization: Basic c" CRLF, .out = CONSULT "Cookie: a=b" CRLF CONSULTED},
	{.name = "nothing about the body", .in = "POST / HTTP/1.1" CRLF "Host: a.example" CRLF "Content-Length: 5" CRLF "content-TYPE: a/b" CRLF "Content-Encoding: gzip" CRLF "Expect: 100-continue" CRLF,
		.out = CONSULT WHO ASKS("http", "a.example", "/", "POST") VIA},
	{.name = "nor of its chunks", .in = "POST / HTTP/1.1" CRLF "Host: a.example" CRLF "Transfer-Encoding: chunked" CRLF "TE: trailers" CRLF "Trailer: a" CRLF,
		.out = CONSULT WHO ASKS("http", "a.example", "/", "POST") VIA},
	{.name = "nothing about the resource", .in = GET "If-None-Match: \"a\"" CRLF "if-modified-since: b" CRLF "If-Match: c" CRLF "If-Range: d" CRLF "range: bytes=0-1" CRLF "Ranges: e" CRLF "Ifs: f" CRLF,
		.out = CONSULT "Ranges: e" CRLF "Ifs: f" CRLF CONSULTED},
	{.name = "hop-by-hop fields", .in = GET "Connection: upgrade, X-A" CRLF "Upgrade: websocket" CRLF "X-A: 1" CRLF "Keep-Alive: 5" CRLF "Sec-WebSocket-Key: a" CRLF,
		.out = CONSULT "Sec-WebSocket-Key: a" CRLF CONSULTED},
	{.name = "nobody says what is asked for",
		.in = GET "X-Forwarded-Uri: /open" CRLF "x-forwarded-METHOD: OPTIONS" CRLF "X-Original-URL: http://a.example/open" CRLF "X-Original-URI: /open" CRLF "X-Original-Method: GET" CRLF "X_Original-URL: x" CRLF
			"X-Forwarded-Prefix: /x" CRLF "X-Forwarded-Host: b" CRLF "X-Forwarded-Proto: https" CRLF "X-Forwarded-Port: 1" CRLF "X-Forwarded-For: 10.0.0.1" CRLF "X-Real-IP: 10.0.0.1" CRLF "X-Forwarded-User: root" CRLF
			"Forwarded: for=10.0.0.1" CRLF "X-Client-Cert-Subject: CN=alice" CRLF,
		.out = CONSULT CONSULTED},
	{.name = "a trusted peer says who asks, but no more", .trusted = true, .client = "198.51.100.1",
		.in = GET "X-Forwarded-For: 198.51.100.1" CRLF "X-Forwarded-Proto: https" CRLF "X-Forwarded-Host: b.example" CRLF "X-Forwarded-Port: 443" CRLF "X-Forwarded-Uri: /open" CRLF "X-Forwarded-Method: HEAD" CRLF
			"X-Original-URL: http://a/open" CRLF "X-Original-URI: /open" CRLF "X-Forwarded-User: root" CRLF "X-Forwarded-Prefix: /x" CRLF,
		.out = CONSULT FROM("198.51.100.1, 192.0.2.7", "198.51.100.1") "X-Forwarded-Port: 443" CRLF ASKS("https", "b.example", "/", "GET") VIA},
	{.name = "nor what is copied from the answer", .in = GET "remote-USER: root" CRLF "Remote-Users: a" CRLF "Remote_User: root" CRLF, .out = CONSULT "Remote-Users: a" CRLF CONSULTED},
	{.name = "no edits", .edits = &set_token, .in = GET "X-Token: theirs" CRLF, .out = CONSULT "X-Token: theirs" CRLF CONSULTED},
	{.name = "a client's certificate", .subject = "CN=alice", .in = GET, .out = CONSULT WHO "X-Client-Cert-Subject: CN=alice" CRLF ASKS("http", "a.example", "/", "GET") VIA},
	{.name = "a connection that is one client's", .proxy = 1, .in = GET, .out = CONSULT CONSULTED "Connection: close" CRLF},
};

static void consults(void **state)
{
	static const struct span copy[] = {{"Remote-User", 11}, {"Authorization", 13}, {"Cookie", 6}};
	static const struct auth auth = {.copy = copy, .copy_count = COUNT(copy)};
	static struct request r;

	(void)state;
	for (size_t i = 0; i < COUNT(consulted); i++) {
		size_t need = strlen(consulted[i].out) + 2;

		read_request(&r, &consulted[i]);
		r.target.base = span_str(consulted[i].base ? consulted[i].base : "/verify?rd=x");
		for (size_t size = 0; size <= need; size++) {
			struct text out = block_text(size);

			rewrite_consult(&out, &r.up, &auth);
			if (out.full != (size < need))
				fail_msg("%s: %zu bytes are %s", consulted[i].name, size, out.full ? "too few" : "enough");
			if (size == need) {
				struct text want = block_text(need + 1);

				text_str(&want, consulted[i].out);
				text_lit(&want, CRLF);
				text_char(&want, 0);
				block_same(text_span(&out), want.at, consulted[i].name);
				free(want.at);
			}
			free(out.at);
		}
	}
}

/* --- responses ------------------------------------------------------------------- */

struct answered {
	const char *name;
	enum method method; /* of the request; 0: GET */
	const char *in;
	const char *out;
	const struct edits *edits;
	const char *hsts;
	const char *fields; /* further ones */
	const char *cache_status;
	bool interim, chunked, close, tunnel;
};

#define DATE "Date: Mon, 23 Nov 2026 09:32:46 GMT" CRLF
#define OK "HTTP/1.1 200 OK" CRLF

#define HSTS "Strict-Transport-Security: max-age=60" CRLF

EDITS(set_hsts, "strict-transport-security: max-age=1" CRLF, {.name = SPAN("strict-transport-security"), .value = SPAN("max-age=1")});
EDITS(no_hsts, "", {.name = SPAN("Strict-Transport-Security"), .remove = true});
EDITS(set_status, "cache-STATUS: none" CRLF, {.name = SPAN("cache-STATUS"), .value = SPAN("none")});
EDITS(no_status, "", {.name = SPAN("Cache-Status"), .remove = true});
EDITS(response_edits, "X-Frame-Options: DENY" CRLF, {.name = SPAN("X-Frame-Options"), .value = SPAN("DENY")}, {.name = SPAN("Server"), .remove = true});

static const struct answered answered[] = {
	{.name = "the plainest", .in = OK "Content-Length: 0" CRLF, .out = OK VIA DATE "Content-Length: 0" CRLF},
	{.name = "its Date stays", .in = OK "date: Mon, 01 Jan 2024 00:00:00 GMT" CRLF "Content-Length: 5" CRLF,
		.out = OK "date: Mon, 01 Jan 2024 00:00:00 GMT" CRLF VIA "Content-Length: 5" CRLF},
	{.name = "no reason, odd reason", .in = "HTTP/1.1 299 " CRLF "Content-Length: 0" CRLF, .out = "HTTP/1.1 299 " CRLF VIA DATE "Content-Length: 0" CRLF},
	{.name = "not even a blank", .in = "HTTP/1.1 299" CRLF "A: b" CRLF "Content-Length: 0" CRLF, .out = "HTTP/1.1 299 " CRLF "A: b" CRLF VIA DATE "Content-Length: 0" CRLF},
	{.name = "no field follows the status line", .in = OK "Content-Length: 0" CRLF "A: b" CRLF, .out = OK "A: b" CRLF VIA DATE "Content-Length: 0" CRLF},
	{.name = "odd reason", .in = "HTTP/1.1 404 No: such \xe4" CRLF "Content-Length: 0" CRLF, .out = "HTTP/1.1 404 No: such \xe4" CRLF VIA DATE "Content-Length: 0" CRLF},
	{.name = "an old server", .close = true, .in = "HTTP/1.0 200 OK" CRLF "Connection: keep-alive" CRLF "Content-Length: 2" CRLF,
		.out = OK "Via: 1.0 gateway" CRLF DATE "Connection: close" CRLF "Content-Length: 2" CRLF},
	{.name = "hop-by-hop fields",
		.in = OK "Connection: X-a, close" CRLF "Keep-Alive: timeout=5" CRLF "X-A: 1" CRLF "Trailer: B" CRLF "Proxy-Authenticate: Basic" CRLF "Upgrade: h2" CRLF
			"Set-Cookie: a" CRLF "Set-Cookie: b" CRLF "Content-Length: 2" CRLF,
		.out = OK "Set-Cookie: a" CRLF "Set-Cookie: b" CRLF VIA DATE "Content-Length: 2" CRLF},
	{.name = "chunks to chunks", .chunked = true, .in = OK "Transfer-Encoding: chunked" CRLF, .out = OK VIA DATE "Transfer-Encoding: chunked" CRLF},
	{.name = "chunks to an old client", .close = true, .in = OK "Transfer-Encoding: chunked" CRLF, .out = OK VIA DATE "Connection: close" CRLF},
	{.name = "close to chunks", .chunked = true, .in = OK, .out = OK VIA DATE "Transfer-Encoding: chunked" CRLF},
	{.name = "close to an old client", .close = true, .in = OK "Connection: close" CRLF, .out = OK VIA DATE "Connection: close" CRLF},
	{.name = "names with an underscore stay: servers are ours", .in = OK "a_b: c" CRLF "Content-Length: 0" CRLF, .out = OK "a_b: c" CRLF VIA DATE "Content-Length: 0" CRLF},

	/* what has no body (RFC 9110 8.6, 9.3.2, 15.4.5) */
	{.name = "HEAD keeps Content-Length", .method = METHOD_HEAD, .in = OK "Content-Length: 1234" CRLF, .out = OK "Content-Length: 1234" CRLF VIA DATE},
	{.name = "HEAD and chunks", .method = METHOD_HEAD, .in = OK "Transfer-Encoding: chunked" CRLF, .out = OK VIA DATE},
	{.name = "304 keeps Content-Length", .in = "HTTP/1.1 304 Not Modified" CRLF "ETag: \"a\"" CRLF "Content-Length: 1234" CRLF,
		.out = "HTTP/1.1 304 Not Modified" CRLF "ETag: \"a\"" CRLF "Content-Length: 1234" CRLF VIA DATE},
	{.name = "204 has none", .in = "HTTP/1.1 204 No Content" CRLF "Content-Length: 5" CRLF, .out = "HTTP/1.1 204 No Content" CRLF VIA DATE},
	{.name = "204 to HEAD has none", .method = METHOD_HEAD, .in = "HTTP/1.1 204 No Content" CRLF "Content-Length: 5" CRLF, .out = "HTTP/1.1 204 No Content" CRLF VIA DATE},
	{.name = "204 has no chunks", .in = "HTTP/1.1 204 No Content" CRLF "Transfer-Encoding: chunked" CRLF, .out = "HTTP/1.1 204 No Content" CRLF VIA DATE},

	/* interim ones: no Date, no edits, never the end of a connection */
	{.name = "100", .interim = true, .in = "HTTP/1.1 100 Continue" CRLF, .out = "HTTP/1.1 100 Continue" CRLF VIA},
	{.name = "103", .interim = true, .in = "HTTP/1.1 103 Early Hints" CRLF "Link: </a.css>" CRLF "Content-Length: 5" CRLF "Connection: close" CRLF,
		.out = "HTTP/1.1 103 Early Hints" CRLF "Link: </a.css>" CRLF VIA},
	{.name = "tunnel", .tunnel = true, .interim = true,
		.in = "HTTP/1.1 101 Switching Protocols" CRLF "Upgrade: websocket" CRLF "Connection: Upgrade" CRLF "Sec-WebSocket-Accept: a" CRLF,
		.out = "HTTP/1.1 101 Switching Protocols" CRLF "Sec-WebSocket-Accept: a" CRLF VIA "Connection: upgrade" CRLF "Upgrade: websocket" CRLF},
	{.name = "tunnel that speaks of a length", .tunnel = true, .interim = true,
		.in = "HTTP/1.1 101 Switching Protocols" CRLF "Upgrade: x" CRLF "Connection: Upgrade" CRLF "Content-Length: 5" CRLF,
		.out = "HTTP/1.1 101 Switching Protocols" CRLF VIA "Connection: upgrade" CRLF "Upgrade: x" CRLF},
	{.name = "a server that offers an upgrade with a plain answer", .in = OK "Connection: upgrade" CRLF "Upgrade: h2c" CRLF "Content-Length: 0" CRLF,
		.out = OK VIA DATE "Content-Length: 0" CRLF},

	/* edits */
	{.name = "edits", .edits = &response_edits, .in = OK "Server: x/1.2" CRLF "x-frame-options: ALLOW" CRLF "Content-Length: 0" CRLF,
		.out = OK VIA DATE "X-Frame-Options: DENY" CRLF "Content-Length: 0" CRLF},
	{.name = "edits and close", .edits = &response_edits, .close = true, .in = OK "Content-Length: 0" CRLF,
		.out = OK VIA DATE "X-Frame-Options: DENY" CRLF "Connection: close" CRLF "Content-Length: 0" CRLF},

	{.name = "further fields", .fields = "Set-Cookie: a=b" CRLF, .edits = &response_edits, .in = OK "Set-Cookie: c=d" CRLF "Content-Length: 0" CRLF,
		.out = OK "Set-Cookie: c=d" CRLF VIA DATE "X-Frame-Options: DENY" CRLF "Set-Cookie: a=b" CRLF "Content-Length: 0" CRLF},

	/* Strict-Transport-Security (RFC 6797 7.1: one field) */
	{.name = "hsts", .hsts = "max-age=60", .in = OK "Content-Length: 0" CRLF, .out = OK VIA DATE HSTS "Content-Length: 0" CRLF},
	{.name = "hsts instead of the server's", .hsts = "max-age=60", .in = OK "STRICT-transport-security: max-age=0" CRLF "A: b" CRLF "Strict-Transport-Security: x" CRLF "Content-Length: 0" CRLF,
		.out = OK "A: b" CRLF VIA DATE HSTS "Content-Length: 0" CRLF},
	{.name = "hsts that is not said", .in = OK "strict-transport-security: max-age=0" CRLF "Content-Length: 0" CRLF,
		.out = OK "strict-transport-security: max-age=0" CRLF VIA DATE "Content-Length: 0" CRLF},
	{.name = "hsts on interim ones", .hsts = "max-age=60", .interim = true, .in = "HTTP/1.1 103 Early Hints" CRLF "Strict-Transport-Security: x" CRLF,
		.out = "HTTP/1.1 103 Early Hints" CRLF "Strict-Transport-Security: x" CRLF VIA},
	{.name = "hsts and other edits", .hsts = "max-age=60", .edits = &response_edits, .in = OK "Content-Length: 0" CRLF,
		.out = OK VIA DATE HSTS "X-Frame-Options: DENY" CRLF "Content-Length: 0" CRLF},
	{.name = "hsts and an edit of that name", .hsts = "max-age=60", .edits = &set_hsts, .in = OK "Strict-Transport-Security: x" CRLF "Content-Length: 0" CRLF,
		.out = OK VIA DATE "strict-transport-security: max-age=1" CRLF "Content-Length: 0" CRLF},
	/* Cache-Status (RFC 9211 2: behind those of others) */
	{.name = "Cache-Status", .cache_status = "gateway; fwd=miss", .in = OK "Content-Length: 0" CRLF, .out = OK VIA DATE "Cache-Status: gateway; fwd=miss" CRLF "Content-Length: 0" CRLF},
	{.name = "Cache-Status behind the server's", .cache_status = "gateway; fwd=miss", .edits = &response_edits, .fields = "A: b" CRLF, .hsts = "max-age=60", .close = true,
		.in = OK "Cache-Status: other; hit" CRLF "Content-Length: 0" CRLF,
		.out = OK "Cache-Status: other; hit" CRLF VIA DATE HSTS "X-Frame-Options: DENY" CRLF "Cache-Status: gateway; fwd=miss" CRLF "A: b" CRLF "Connection: close" CRLF "Content-Length: 0" CRLF},
	{.name = "Cache-Status of the configuration", .cache_status = "gateway; fwd=miss", .edits = &set_status, .in = OK "Cache-Status: other; hit" CRLF "Content-Length: 0" CRLF,
		.out = OK VIA DATE "cache-STATUS: none" CRLF "Content-Length: 0" CRLF},
	{.name = "Cache-Status and its removal", .cache_status = "gateway; fwd=miss", .edits = &no_status, .in = OK "Cache-Status: other; hit" CRLF "Content-Length: 0" CRLF,
		.out = OK VIA DATE "Content-Length: 0" CRLF},
	{.name = "Cache-Status on interim ones", .cache_status = "gateway; fwd=miss", .interim = true, .in = "HTTP/1.1 103 Early Hints" CRLF, .out = "HTTP/1.1 103 Early Hints" CRLF VIA},
	{.name = "HEAD keeps Content-Length within a run", .method = METHOD_HEAD, .in = OK "A: b" CRLF "content-length: 1234" CRLF "C:d" CRLF "E: f" CRLF, .out = OK "A: b" CRLF "content-length: 1234" CRLF "C: d" CRLF "E: f" CRLF VIA DATE},

	{.name = "hsts and its removal", .hsts = "max-age=60", .edits = &no_hsts, .in = OK "Strict-Transport-Security: x" CRLF "Content-Length: 0" CRLF,
		.out = OK VIA DATE "Content-Length: 0" CRLF},
};

struct response {
	char *wire; /* in a block of its size */
	struct head head;
	struct frame frame;
	struct rewrite_down down;
};

static void read_response(struct response *r, const struct answered *row)
{
	static const struct edits none = {0};
	struct text wire = block_text(strlen(row->in) + 2);

	text_str(&wire, row->in);
	text_lit(&wire, CRLF);
	r->wire = wire.at;
	assert_null(head_response(&r->head, r->wire, wire.len));
	assert_null(frame_response(&r->frame, &r->head, row->method ? row->method : METHOD_GET));
	r->down = (struct rewrite_down){
		.head = &r->head,
		.frame = &r->frame,
		.edits = row->edits ? row->edits : row->interim ? NULL : &none,
		.date = SPAN("Mon, 23 Nov 2026 09:32:46 GMT"),
		.hsts = span_str(row->hsts ? row->hsts : ""),
		.fields = span_str(row->fields ? row->fields : ""),
		.cache_status = span_str(row->cache_status ? row->cache_status : ""),
		.chunked = row->chunked,
		.close = row->close,
		.tunnel = row->tunnel,
	};
}

static void rewrites_responses(void **state)
{
	static struct response r;

	(void)state;
	for (size_t i = 0; i < COUNT(answered); i++) {
		size_t need = strlen(answered[i].out) + 2;
		struct text want = block_text(need + 1);

		text_str(&want, answered[i].out);
		text_lit(&want, CRLF);
		text_char(&want, 0);
		read_response(&r, &answered[i]);
		for (size_t size = 0; size <= need; size++) {
			struct text out = block_text(size);

			rewrite_response(&out, &r.down);
			if (out.full != (size < need))
				fail_msg("%s: %zu bytes are %s", answered[i].name, size, out.full ? "too few" : "enough");
			if (size == need)
				block_same(text_span(&out), want.at, answered[i].name);
			free(out.at);
		}
		free(want.at);
		free(r.wire);
	}
}

/* What goes out means the same to the client as what came in meant to us. */
static void sends_proper_responses(void **state)
{
	static struct response r;
	static struct head again;

	(void)state;
	for (size_t i = 0; i < COUNT(answered); i++) {
		struct text out = block_text(ROOM);
		struct frame frame;
		uint8_t kind;
		size_t seen = 0;

		read_response(&r, &answered[i]);
		rewrite_response(&out, &r.down);
		assert_int_equal(head_end(out.at, out.len, &seen), out.len);
		assert_null(head_response(&again, out.at, out.len));
		assert_null(frame_response(&frame, &again, answered[i].method ? answered[i].method : METHOD_GET));
		kind = r.down.chunked ? BODY_CHUNKED : r.frame.kind == BODY_CHUNKED ? BODY_CLOSE : r.frame.kind;
		assert_int_equal(frame.kind, kind);
		assert_true(kind != BODY_LENGTH || frame.length == r.frame.length);
		assert_int_equal(frame.upgrade, r.down.tunnel);
		free(out.at);
		free(r.wire);
	}
}

/* --- Via ---------------------------------------------------------------------------- */

static const struct {
	const char *fields;
	int loops;
} vias[] = {
	{"", 0},
	{"Via: 1.1 gateway" CRLF, 1},
	{"Via: 1.1 gateway, 1.0 GATEWAY (a comment)" CRLF "via: HTTP/1.1 gateway" CRLF, 3},
	{"Via: 1.1 gateways, 1.1 a-gateway, 1.1 gateway:80, gateway, 1.1" CRLF, 0},
	{"Via: 1.1 other (1.1 gateway)" CRLF, 0},
	{"X-Via: 1.1 gateway" CRLF, 0},
	{"Via: ,,1.1 gateway,," CRLF, 1},
	{"Via: 1.1 gateway, 1.1 gateway, 1.1 gateway, 1.1 gateway" CRLF "Via: 1.1 gateway, 1.1 gateway, 1.1 gateway, 1.1 gateway" CRLF, GW_LOOP},
};

static void counts_loops(void **state)
{
	static struct request r;

	(void)state;
	for (size_t i = 0; i < COUNT(vias); i++) {
		struct text in = block_text(500);

		text_lit(&in, GET);
		text_str(&in, vias[i].fields);
		text_char(&in, 0);
		read_request(&r, &(struct asked){.in = in.at});
		if (rewrite_loops(&r.head) != vias[i].loops)
			fail_msg("%s: %d, not %d", vias[i].fields, rewrite_loops(&r.head), vias[i].loops);
		free(in.at);
	}
}

/* --- X-Forwarded-For ------------------------------------------------------------------ */

/* Trusted: 10.0.0.0/8 and fd00::/8. */
static const struct {
	const char *fields;
	const char *client; /* NULL: nothing to go by */
} chains[] = {
	{"", NULL},
	{"X-Forwarded-For: 198.51.100.1" CRLF, "198.51.100.1"},
	{"X-Forwarded-For: 198.51.100.1, 10.0.0.1" CRLF, "198.51.100.1"},
	{"X-Forwarded-For: 198.51.100.1, 10.0.0.1, fd00::1" CRLF, "198.51.100.1"},
	{"X-Forwarded-For: 1.1.1.1, 198.51.100.1" CRLF, "198.51.100.1"}, /* what it said itself */
	{"X-Forwarded-For: 10.0.0.9, 198.51.100.1, 10.0.0.1" CRLF, "198.51.100.1"},
	{"X-Forwarded-For: 1.1.1.1, 10.0.0.1, 198.51.100.1" CRLF, "198.51.100.1"},
	{"X-Forwarded-For: 10.0.0.3, 10.0.0.2, 10.0.0.1" CRLF, "10.0.0.3"}, /* all trusted: the first */
	{"X-Forwarded-For: 10.0.0.1" CRLF, "10.0.0.1"},
	/* several fields are one list (RFC 9110 5.3) */
	{"X-Forwarded-For: 1.1.1.1" CRLF "A: b" CRLF "x-forwarded-for: 198.51.100.1, 10.0.0.1" CRLF, "198.51.100.1"},
	{"X-Forwarded-For: 198.51.100.1" CRLF "X-Forwarded-For: 10.0.0.1" CRLF, "198.51.100.1"},
	{"X-Forwarded-For: 198.51.100.1" CRLF "X-Forwarded-For:" CRLF, "198.51.100.1"},
	{"X-Forwarded-For: ,, 198.51.100.1 ,," CRLF, "198.51.100.1"},
	/* ports and brackets */
	{"X-Forwarded-For: 198.51.100.1:4711" CRLF, "198.51.100.1"},
	{"X-Forwarded-For: 2001:db8::1" CRLF, "2001:db8::1"},
	{"X-Forwarded-For: [2001:db8::1]" CRLF, "2001:db8::1"},
	{"X-Forwarded-For: [2001:db8::1]:4711, [fd00::1]:80" CRLF, "2001:db8::1"},
	{"X-Forwarded-For: ::ffff:198.51.100.1, ::ffff:10.0.0.1" CRLF, "198.51.100.1"},
	/* nonsense, and what stands in front of it, is nobody's word */
	{"X-Forwarded-For: unknown" CRLF, NULL},
	{"X-Forwarded-For: 198.51.100.1, unknown" CRLF, NULL},
	{"X-Forwarded-For: 1.1.1.1, unknown, 198.51.100.1" CRLF, "198.51.100.1"},
	{"X-Forwarded-For: 1.1.1.1, unknown, 10.0.0.2, 10.0.0.1" CRLF, "10.0.0.2"},
	{"X-Forwarded-For: unknown, 198.51.100.1" CRLF, "198.51.100.1"},
	{"X-Forwarded-For: 1.1.1.1, [" CRLF, NULL},
	{"X-Forwarded-For: 1.1.1.1, []" CRLF, NULL},
	{"X-Forwarded-For: 1.1.1.1, :" CRLF, NULL},
	{"X-Forwarded-For: 1.1.1.1, 2.2.2" CRLF, NULL},
	{"X-Forwarded-For: 1.1.1.1, 010.0.0.1" CRLF, NULL},
	{"X-Forwarded-For: 1.1.1.1, 2.2.2.2/8" CRLF, NULL},
	{"X-Forwarded-For: 1.1.1.1, \"2.2.2.2, 10.0.0.1\"" CRLF, NULL},
	{"X-Forwarded-For: 1.1.1.1 2.2.2.2" CRLF, NULL},
	{"X-Forwarded-For: 1.1.1.1, [2001:db8::1" CRLF, NULL},
	{"X-Forwarded-For: 1.1.1.1, [2001:db8::1]x" CRLF, NULL},
	{"X-Forwarded-For: 1.1.1.1, 198.51.100.1:x" CRLF, NULL},
	{"X-Forwarded-For: 1.1.1.1, 198.51.100.1:80:90" CRLF, NULL},
};

static void finds_the_client(void **state)
{
	static struct request r;
	struct net trusted[2];

	(void)state;
	assert_true(net_read_network(&trusted[0], SPAN("10.0.0.0/8")));
	assert_true(net_read_network(&trusted[1], SPAN("fd00::/8")));
	for (size_t i = 0; i < COUNT(chains); i++) {
		struct text in = block_text(500), told = block_text(NET_TEXT);
		struct net client = {.family = NET_UNIX};
		bool found;

		text_lit(&in, GET);
		text_str(&in, chains[i].fields);
		text_char(&in, 0);
		read_request(&r, &(struct asked){.in = in.at});
		found = rewrite_client(&client, &r.head, trusted, 2);
		if (found != (chains[i].client != NULL))
			fail_msg("%s%s", chains[i].fields, found ? "gave a client" : "gave none");
		net_write(&told, &client);
		block_same(text_span(&told), found ? chains[i].client : "unix", chains[i].fields);
		free(in.at);
		free(told.at);
	}
	read_request(&r, &(struct asked){.in = GET "X-Forwarded-For: 1.1.1.1, 2.2.2.2" CRLF});
	struct net client;
	assert_true(rewrite_client(&client, &r.head, NULL, 0));
	assert_int_equal(client.ip[0], 2);
}

/* --- whatever comes in -------------------------------------------------------------------- */

static const char *const pieces[] = {
	"Connection: ", "close", "x", ", ", CRLF, "X-Forwarded-For: ", "10.0.0.1", "Forwarded: ", "Host_: ", "Upgrade: ", "websocket", "Via: ", "1.1 gateway", "A: ", "X: ", "\"", "TE: ", "X-Client-Cert-Subject: ", "X-Client-Cert-Subject",
	"Keep-Alive: ", "X-Real-IP: ", "Cookie: ", "If-None-Match: ", "Range:", "Content-Length: ", "5", "Transfer-Encoding: ", "chunked", "upgrade", "Content-Length", "Host",
};

/* Heads of random parts: what we take, goes out as one proper head that has one
 * Host, one X-Real-IP, and no field for this hop but ours. */
static void random_requests(void **state)
{
	static struct request r;
	static struct head again;
	int taken = 0;

	(void)state;
	for (int round = 0; round < 60000; round++) {
		static char in[4096];
		struct text t = text_in(in, sizeof in), out = text_in((char[ROOM]){0}, ROOM), room = text_in(r.path_room, sizeof r.path_room);
		struct frame frame;

		text_lit(&t, GET);
		for (int i = rand() % 14; i > 0; i--)
			text_str(&t, pieces[(size_t)rand() % COUNT(pieces)]);
		text_lit(&t, CRLF CRLF);
		if (head_request(&r.head, t.at, t.len) || frame_request(&r.frame, &r.head) || path_read(&r.path, r.head.target, false, &room))
			continue;
		taken++;
		read_request(&r, &(struct asked){.in = GET});
		assert_null(head_request(&r.head, t.at, t.len));
		assert_null(frame_request(&r.frame, &r.head));
		r.asker.trusted = rand() % 2;
		r.up.validates = rand() % 2;
		rewrite_request(&out, &r.up);
		assert_false(out.full);
		assert_null(head_request(&again, out.at, out.len));
		assert_null(frame_request(&frame, &again));
		assert_int_equal(frame.kind, r.frame.kind);
		assert_int_equal(frame.upgrade, r.frame.upgrade);
		assert_true(head_has(&again, FIELD_X_REAL_IP) && !(again.many >> FIELD_X_REAL_IP & 1));
		assert_true(span_is(head_get(&again, FIELD_X_REAL_IP), SPAN("192.0.2.7")));
		assert_false(head_has(&again, FIELD_X_CLIENT_CERT_SUBJECT));
		if (r.up.validates)
			assert_false(head_has(&again, FIELD_IF_NONE_MATCH) || head_has(&again, FIELD_RANGE));
		assert_false(head_has(&again, FIELD_TE) || head_has(&again, FIELD_KEEP_ALIVE) || head_has(&again, FIELD_FORWARDED));
		assert_int_equal(head_has(&again, FIELD_CONNECTION), frame.upgrade);
	}
	assert_true(taken > 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rewrites_requests),
		cmocka_unit_test(sends_proper_requests),
		cmocka_unit_test(knows_a_request_that_is_too_long),
		cmocka_unit_test(consults),
		cmocka_unit_test(rewrites_responses),
		cmocka_unit_test(sends_proper_responses),
		cmocka_unit_test(counts_loops),
		cmocka_unit_test(finds_the_client),
		cmocka_unit_test(random_requests),
	};

	srand(1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

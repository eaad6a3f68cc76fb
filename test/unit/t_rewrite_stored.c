/* SPDX-License-Identifier: MIT
 *
 * Which head is kept of an answer, what does a 304 make of it, and which one goes
 * out of the cache?
 */
#include "../../src/rewrite.h"
#include "block.h"

#define CRLF "\r\n"
#define OK "HTTP/1.1 200 OK" CRLF
#define VIA "Via: 1.1 gateway" CRLF
#define NOW "Mon, 23 Nov 2026 09:32:46 GMT"
#define DATE "Date: " NOW CRLF
#define DATED "Date: Sun, 22 Nov 2026 00:00:00 GMT" CRLF

#define EDITS(name, block, ...) \
	static const struct edit name##_at[] = {__VA_ARGS__}; \
	static const struct edits name = {name##_at, COUNT(name##_at), {block, sizeof block - 1}}

EDITS(some_edits, "X-Frame-Options: DENY" CRLF, {.name = SPAN("X-Frame-Options"), .value = SPAN("DENY")}, {.name = SPAN("server"), .remove = true});
EDITS(set_hsts, "strict-transport-security: max-age=1" CRLF, {.name = SPAN("strict-transport-security"), .value = SPAN("max-age=1")});
EDITS(no_status, "", {.name = SPAN("Cache-Status"), .remove = true});
EDITS(no_age, "", {.name = SPAN("age"), .remove = true});
EDITS(set_control, "Cache-Control: no-cache" CRLF, {.name = SPAN("Cache-Control"), .value = SPAN("no-cache"), .id = FIELD_CACHE_CONTROL});
static const struct edits no_edits = {0};
static const struct edits guarded = {NULL, 0, {"Cache-Control: private\r\n", 24}};

/* A head in a block of its size. */
struct wire {
	char *at;
	struct head head;
	struct frame frame;
};

static void read_wire(struct wire *w, const char *lines, enum method method)
{
	struct text t = block_text(strlen(lines) + 2);

	text_str(&t, lines);
	text_lit(&t, CRLF);
	w->at = t.at;
	assert_null(head_response(&w->head, w->at, t.len));
	assert_null(frame_response(&w->frame, &w->head, method));
}

/* --- keeping ----------------------------------------------------------------------- */

struct kept {
	const char *name;
	const char *in, *out; /* without the empty line */
	enum fresh_cookies cookies;
};

static const struct kept kept[] = {
	{.name = "the plainest", .in = OK "Content-Length: 5" CRLF, .out = OK VIA DATE},
	{.name = "its Date stays", .in = OK DATED, .out = OK DATED VIA},
	{.name = "status and reason", .in = "HTTP/1.1 404 No: such \xe4" CRLF DATED, .out = "HTTP/1.1 404 No: such \xe4" CRLF DATED VIA},
	{.name = "no reason", .in = "HTTP/1.1 203 " CRLF DATED, .out = "HTTP/1.1 203 " CRLF DATED VIA},
	{.name = "an old server", .in = "HTTP/1.0 200 OK" CRLF DATED, .out = OK DATED "Via: 1.0 gateway" CRLF},
	{.name = "one spelling of lines", .in = OK "A:1" CRLF "B: \t2 " CRLF "Empty:" CRLF "C: 3" CRLF " 4" CRLF DATED, .out = OK "A: 1" CRLF "B: 2" CRLF "Empty: " CRLF "C: 3   4" CRLF DATED VIA},
	{.name = "Via stays, ours behind it", .in = OK "Via: 1.0 first" CRLF "A: b" CRLF DATED, .out = OK "Via: 1.0 first" CRLF "A: b" CRLF DATED VIA},
	{.name = "what is for this hop (RFC 9111 3.1)",
		.in = OK "Connection: X-a, close" CRLF "Keep-Alive: timeout=5" CRLF "X-A: 1" CRLF "Trailer: B" CRLF "Upgrade: h2" CRLF "Transfer-Encoding: chunked" CRLF "Proxy-Connection: close" CRLF "TE: x" CRLF
			"Proxy-Authenticate: Basic" CRLF "Proxy-Authorization: a" CRLF "A: b" CRLF DATED,
		.out = OK "A: b" CRLF DATED VIA},
	{.name = "a Date that is named away is none", .in = OK "Connection: Date" CRLF DATED "A: b" CRLF, .out = OK "A: b" CRLF VIA DATE},
	{.name = "Via cannot be named away", .in = OK "Connection: Via" CRLF "Via: 1.0 first" CRLF DATED, .out = OK "Via: 1.0 first" CRLF DATED VIA},
	{.name = "Age is written anew", .in = OK "AGE: 5" CRLF "A: b" CRLF "Age: 6" CRLF DATED, .out = OK "A: b" CRLF DATED VIA},
	{.name = "what leads caches stays", .in = OK "Cache-Control: max-age=5" CRLF "Vary: Accept" CRLF "ETag: W/\"a\"" CRLF "Expires: 0" CRLF "CDN-Cache-Control: max-age=9" CRLF "Cache-Status: other; hit" CRLF DATED,
		.out = OK "Cache-Control: max-age=5" CRLF "Vary: Accept" CRLF "ETag: W/\"a\"" CRLF "Expires: 0" CRLF "CDN-Cache-Control: max-age=9" CRLF "Cache-Status: other; hit" CRLF DATED VIA},
	{.name = "what describes the body stays", .in = OK "Content-Type: text/html" CRLF "content-length: 5" CRLF "Content-Encoding: gzip" CRLF DATED, .out = OK "Content-Type: text/html" CRLF "Content-Encoding: gzip" CRLF DATED VIA},
	{.name = "cookies go", .cookies = FRESH_COOKIES_STRIP, .in = OK "Set-Cookie: a=b" CRLF "A: b" CRLF "set-cookie: c=d" CRLF DATED, .out = OK "A: b" CRLF DATED VIA},
	{.name = "unless they are kept", .cookies = FRESH_COOKIES_KEEP, .in = OK "Set-Cookie: a=b" CRLF "A: b" CRLF "set-cookie: c=d" CRLF DATED,
		.out = OK "Set-Cookie: a=b" CRLF "A: b" CRLF "set-cookie: c=d" CRLF DATED VIA},
	{.name = "fields that are not to be kept (RFC 9111 5.2.2.4, 5.2.2.7)", .in = OK "Cache-Control: max-age=5, no-cache=\"X-Who, x-mail\", private=X-Where" CRLF "x-WHO: a" CRLF "X-Mail: b" CRLF "X-Where: c" CRLF "X-Whom: d" CRLF DATED,
		.out = OK "Cache-Control: max-age=5, no-cache=\"X-Who, x-mail\", private=X-Where" CRLF "X-Whom: d" CRLF DATED VIA},
};

static void keeps(void **state)
{
	static struct wire w;

	(void)state;
	for (size_t i = 0; i < COUNT(kept); i++) {
		struct fresh_rule rule = {.mode = FRESH_OBEY, .cookies = (uint8_t)kept[i].cookies};
		size_t need = strlen(kept[i].out);

		read_wire(&w, kept[i].in, METHOD_GET);
		for (size_t size = 0; size <= need; size++) {
			struct text out = block_text(size);

			rewrite_store(&out, &w.head, &w.frame, &rule, SPAN(NOW));
			if (out.full != (size < need))
				fail_msg("%s: %zu bytes are %s", kept[i].name, size, out.full ? "too few" : "enough");
			if (size == need)
				block_same(text_span(&out), kept[i].out, kept[i].name);
			free(out.at);
		}
		free(w.at);
	}
}

/* --- renewing ------------------------------------------------------------------------- */

struct renewed {
	const char *name;
	const char *stored, *in, *out;
	enum fresh_cookies cookies;
};

#define SAME "HTTP/1.1 304 Not Modified" CRLF
#define STORED OK "ETag: \"a\"" CRLF "Cache-Control: max-age=5" CRLF "Content-Type: text/html" CRLF DATED VIA

static const struct renewed renewed[] = {
	{.name = "a 304 that says nothing", .stored = STORED, .in = SAME,
		.out = OK "ETag: \"a\"" CRLF "Cache-Control: max-age=5" CRLF "Content-Type: text/html" CRLF VIA DATE},
	{.name = "the status stays", .stored = "HTTP/1.1 404 Gone fishing" CRLF VIA DATED, .in = SAME DATED, .out = "HTTP/1.1 404 Gone fishing" CRLF VIA DATED},
	{.name = "fields are replaced", .stored = STORED "A: 1" CRLF "a: 2" CRLF "B: 3" CRLF, .in = SAME "cache-control: max-age=9" CRLF "A: 4" CRLF DATE "A: 5" CRLF "C: 6" CRLF,
		.out = OK "ETag: \"a\"" CRLF "Content-Type: text/html" CRLF VIA "B: 3" CRLF "cache-control: max-age=9" CRLF "A: 4" CRLF DATE "A: 5" CRLF "C: 6" CRLF},
	{.name = "names are compared whole", .stored = OK "AB: 1" CRLF "A: 2" CRLF "BA: 3" CRLF DATED, .in = SAME "A: 4" CRLF DATE, .out = OK "AB: 1" CRLF "BA: 3" CRLF "A: 4" CRLF DATE},
	{.name = "freshness that it takes back", .stored = STORED, .in = SAME "Expires: 0" CRLF "CDN-Cache-Control: max-age=1" CRLF "Vary: Accept" CRLF "Last-Modified: x" CRLF DATE,
		.out = OK "ETag: \"a\"" CRLF "Cache-Control: max-age=5" CRLF "Content-Type: text/html" CRLF VIA "Expires: 0" CRLF "CDN-Cache-Control: max-age=1" CRLF "Vary: Accept" CRLF "Last-Modified: x" CRLF DATE},
	{.name = "what describes the body stays (RFC 9111 3.2)", .stored = STORED "Content-Security-Policy: a" CRLF,
		.in = SAME "CONTENT-type: text/plain" CRLF "Content-Length: 0" CRLF "Content-Encoding: gzip" CRLF "Content-Security-Policy: b" CRLF "Content-Location: /b" CRLF "Contents: c" CRLF,
		.out = OK "ETag: \"a\"" CRLF "Cache-Control: max-age=5" CRLF "Content-Type: text/html" CRLF VIA "Content-Security-Policy: a" CRLF "Contents: c" CRLF DATE},
	{.name = "the tag is the body's", .stored = STORED, .in = SAME "etag: \"a-gzip\"" CRLF, .out = OK "ETag: \"a\"" CRLF "Cache-Control: max-age=5" CRLF "Content-Type: text/html" CRLF VIA DATE},
	{.name = "it may become weak", .stored = STORED, .in = SAME "ETag: W/\"a\"" CRLF, .out = OK "ETag: W/\"a\"" CRLF "Cache-Control: max-age=5" CRLF "Content-Type: text/html" CRLF VIA DATE},
	{.name = "but not strong (RFC 9111 4.3.4)", .stored = OK "ETag: W/\"a\"" CRLF DATED VIA, .in = SAME "ETag: \"a\"" CRLF, .out = OK "ETag: W/\"a\"" CRLF VIA DATE},
	{.name = "nor another one", .stored = STORED, .in = SAME "ETag: W/\"ab\"" CRLF, .out = OK "ETag: \"a\"" CRLF "Cache-Control: max-age=5" CRLF "Content-Type: text/html" CRLF VIA DATE},
	{.name = "nor one of this hop", .stored = STORED, .in = SAME "Connection: etag" CRLF "ETag: W/\"a\"" CRLF, .out = OK "ETag: \"a\"" CRLF "Cache-Control: max-age=5" CRLF "Content-Type: text/html" CRLF VIA DATE},
	{.name = "an empty one", .stored = OK "ETag: " CRLF DATED VIA, .in = SAME "ETag: W/" CRLF, .out = OK "ETag: W/" CRLF VIA DATE},
	{.name = "a tag where there was none", .stored = OK "Last-Modified: x" CRLF DATED VIA, .in = SAME "ETag: \"a\"" CRLF, .out = OK "Last-Modified: x" CRLF VIA "ETag: \"a\"" CRLF DATE},
	{.name = "the way of the stored one stays", .stored = OK "Via: 1.0 first" CRLF VIA DATED, .in = SAME "Via: 1.1 second" CRLF DATE, .out = OK "Via: 1.0 first" CRLF VIA DATE},
	{.name = "what is for this hop", .stored = STORED "X-A: 1" CRLF, .in = SAME "Connection: X-A, keep-alive" CRLF "Keep-Alive: a" CRLF "X-A: 2" CRLF "Proxy-Authenticate: a" CRLF "Transfer-Encoding: chunked" CRLF DATE,
		.out = OK "ETag: \"a\"" CRLF "Cache-Control: max-age=5" CRLF "Content-Type: text/html" CRLF VIA "X-A: 1" CRLF DATE},
	{.name = "a Date that is named away is none", .stored = STORED, .in = SAME "Connection: date" CRLF DATED, .out = OK "ETag: \"a\"" CRLF "Cache-Control: max-age=5" CRLF "Content-Type: text/html" CRLF VIA DATE},
	{.name = "Age is written anew", .stored = STORED, .in = SAME "Age: 5" CRLF DATE, .out = OK "ETag: \"a\"" CRLF "Cache-Control: max-age=5" CRLF "Content-Type: text/html" CRLF VIA DATE},
	{.name = "cookies do not come in", .cookies = FRESH_COOKIES_STRIP, .stored = STORED, .in = SAME "Set-Cookie: a=b" CRLF DATE,
		.out = OK "ETag: \"a\"" CRLF "Cache-Control: max-age=5" CRLF "Content-Type: text/html" CRLF VIA DATE},
	{.name = "unless they are kept", .cookies = FRESH_COOKIES_KEEP, .stored = STORED "Set-Cookie: c=d" CRLF, .in = SAME "Set-Cookie: a=b" CRLF DATE,
		.out = OK "ETag: \"a\"" CRLF "Cache-Control: max-age=5" CRLF "Content-Type: text/html" CRLF VIA "Set-Cookie: a=b" CRLF DATE},
	{.name = "a field that is not to be kept any more", .stored = STORED "X-Who: a" CRLF, .in = SAME "Cache-Control: no-cache=\"x-who\"" CRLF "X-Who: b" CRLF DATE,
		.out = OK "ETag: \"a\"" CRLF "Content-Type: text/html" CRLF VIA "Cache-Control: no-cache=\"x-who\"" CRLF DATE},
};

static void renews(void **state)
{
	static struct wire w;

	(void)state;
	for (size_t i = 0; i < COUNT(renewed); i++) {
		struct fresh_rule rule = {.mode = FRESH_OBEY, .cookies = (uint8_t)renewed[i].cookies};
		struct span stored = block_of(span_str(renewed[i].stored));
		size_t need = strlen(renewed[i].out);

		read_wire(&w, renewed[i].in, METHOD_GET);
		for (size_t size = 0; size <= need; size++) {
			struct text out = block_text(size);

			rewrite_refresh(&out, stored, &w.head, &w.frame, &rule, SPAN(NOW));
			if (out.full != (size < need))
				fail_msg("%s: %zu bytes are %s", renewed[i].name, size, out.full ? "too few" : "enough");
			if (size == need)
				block_same(text_span(&out), renewed[i].out, renewed[i].name);
			free(out.at);
		}
		free(w.at);
		block_free(stored);
	}
}

/* The same 304 once more changes nothing, or heads would grow. */
static void renews_to_the_same(void **state)
{
	static struct wire w;

	(void)state;
	for (size_t i = 0; i < COUNT(renewed); i++) {
		struct fresh_rule rule = {.mode = FRESH_OBEY, .cookies = (uint8_t)renewed[i].cookies};
		struct text once = block_text(strlen(renewed[i].out)), twice = block_text(strlen(renewed[i].out));

		read_wire(&w, renewed[i].in, METHOD_GET);
		rewrite_refresh(&once, span_str(renewed[i].stored), &w.head, &w.frame, &rule, SPAN(NOW));
		rewrite_refresh(&twice, text_span(&once), &w.head, &w.frame, &rule, SPAN(NOW));
		assert_false(twice.full);
		assert_int_equal(twice.len, once.len);
		free(w.at);
		free(once.at);
		free(twice.at);
	}
}

/* --- sending ---------------------------------------------------------------------------- */

struct sent {
	const char *name;
	const char *stored; /* NULL: HEAD */
	const char *out;    /* without the empty line */
	enum fresh_part part;
	uint64_t length; /* UINT64_MAX: not known */
	uint64_t first, last;
	int64_t age;
	const struct edits *edits; /* NULL: none */
	const char *hsts, *fields, *cache_status;
	bool chunked, close;
};

#define CONTROL "Cache-Control: max-age=5" CRLF
#define HEAD OK "Server: x" CRLF "ETag: \"a\"" CRLF CONTROL "Content-Type: text/html" CRLF DATED VIA
#define HSTS "Strict-Transport-Security: max-age=60" CRLF
/* All that is said of a representation, and some fields more. */
#define ALL \
	OK "Server: x" CRLF "ETag: \"a\"" CRLF CONTROL "cdn-cache-control: max-age=7" CRLF "Expires: 0" CRLF "Content-Type: text/html" CRLF "Content-Encoding: gzip" CRLF "Content-Language: de" CRLF \
	"Content-Location: /a" CRLF "Last-Modified: x" CRLF "Vary: Accept" CRLF "Accept-Ranges: bytes" CRLF "Content-Range: bytes 0-1/2" CRLF "Content-MD5: y" CRLF "Content-Digest: z" CRLF "Repr-Digest: z" CRLF \
	"Access-Control-Allow-Origin: *" CRLF "Set-Cookie: a=b" CRLF "X-A: b" CRLF "Cache-Status: other; hit" CRLF DATED VIA

static const struct sent sent[] = {
	/* whole */
	{.name = "the plainest", .length = 5, .age = 7, .out = HEAD "Age: 7" CRLF "Content-Length: 5" CRLF},
	{.name = "age 0", .length = 5, .age = 0, .out = HEAD "Age: 0" CRLF "Content-Length: 5" CRLF},
	{.name = "just come", .length = 5, .age = -1, .out = HEAD "Content-Length: 5" CRLF},
	{.name = "large numbers", .length = UINT64_MAX - 1, .age = INT64_MAX, .out = HEAD "Age: 9223372036854775807" CRLF "Content-Length: 18446744073709551614" CRLF},
	{.name = "an empty body", .length = 0, .age = 7, .out = HEAD "Age: 7" CRLF "Content-Length: 0" CRLF},
	{.name = "no known length, in chunks", .length = UINT64_MAX, .age = 7, .chunked = true, .out = HEAD "Age: 7" CRLF "Transfer-Encoding: chunked" CRLF},
	{.name = "no known length, to an old client", .length = UINT64_MAX, .age = 7, .close = true, .out = HEAD "Age: 7" CRLF "Connection: close" CRLF},
	{.name = "known length, and the connection ends", .length = 5, .age = 7, .close = true, .out = HEAD "Age: 7" CRLF "Connection: close" CRLF "Content-Length: 5" CRLF},
	{.name = "all there is", .stored = ALL, .length = 5, .age = 7, .out = ALL "Age: 7" CRLF "Content-Length: 5" CRLF},
	{.name = "another status", .stored = "HTTP/1.1 301 Moved" CRLF "Location: /b" CRLF, .length = 0, .age = 7, .out = "HTTP/1.1 301 Moved" CRLF "Location: /b" CRLF "Age: 7" CRLF "Content-Length: 0" CRLF},
	{.name = "204 speaks of no body (RFC 9110 8.6)", .stored = "HTTP/1.1 204 No Content" CRLF "A: b" CRLF, .length = 0, .age = 7, .out = "HTTP/1.1 204 No Content" CRLF "A: b" CRLF "Age: 7" CRLF},
	{.name = "nor of chunks", .stored = "HTTP/1.1 204 " CRLF, .length = UINT64_MAX, .age = 7, .chunked = true, .out = "HTTP/1.1 204 " CRLF "Age: 7" CRLF},
	{.name = "a reason is no status", .stored = "HTTP/1.1 200 204 " CRLF, .length = 5, .age = 7, .out = "HTTP/1.1 200 204 " CRLF "Age: 7" CRLF "Content-Length: 5" CRLF},

	/* ours */
	{.name = "in their order", .length = 5, .age = 7, .edits = &guarded, .fields = "Set-Cookie: a=b" CRLF, .cache_status = "gateway; hit; ttl=3", .close = true,
		.out = HEAD "Age: 7" CRLF "Cache-Control: private" CRLF "Cache-Status: gateway; hit; ttl=3" CRLF "Set-Cookie: a=b" CRLF "Connection: close" CRLF "Content-Length: 5" CRLF},
	{.name = "Cache-Status behind that of others", .stored = OK "Cache-Status: other; hit" CRLF "A: b" CRLF, .length = 5, .age = 7, .cache_status = "gateway; hit",
		.out = OK "Cache-Status: other; hit" CRLF "A: b" CRLF "Age: 7" CRLF "Cache-Status: gateway; hit" CRLF "Content-Length: 5" CRLF},
	{.name = "Cache-Status that is removed", .stored = OK "Cache-Status: other; hit" CRLF "A: b" CRLF, .length = 5, .age = 7, .cache_status = "gateway; hit", .edits = &no_status,
		.out = OK "A: b" CRLF "Age: 7" CRLF "Content-Length: 5" CRLF},
	{.name = "Age that is removed", .length = 5, .age = 7, .edits = &no_age, .out = HEAD "Content-Length: 5" CRLF},
	{.name = "fields that are replaced and removed", .stored = OK "x-frame-OPTIONS: ALLOW" CRLF "A: b" CRLF "C: d" CRLF "Server: x" CRLF "X-Frame-Options: ALLOW" CRLF "Servers: y" CRLF, .length = 5, .age = 7, .edits = &some_edits,
		.out = OK "A: b" CRLF "C: d" CRLF "Servers: y" CRLF "Age: 7" CRLF "X-Frame-Options: DENY" CRLF "Content-Length: 5" CRLF},
	{.name = "all are", .stored = OK "Server: x" CRLF, .length = 5, .age = 7, .edits = &some_edits, .out = OK "Age: 7" CRLF "X-Frame-Options: DENY" CRLF "Content-Length: 5" CRLF},
	{.name = "the status line is no field", .stored = "HTTP/1.1 200 Server: x" CRLF "A: b" CRLF, .length = 5, .age = 7, .edits = &some_edits, .out = "HTTP/1.1 200 Server: x" CRLF "A: b" CRLF "Age: 7" CRLF "X-Frame-Options: DENY" CRLF "Content-Length: 5" CRLF},
	{.name = "hsts", .length = 5, .age = 7, .hsts = "max-age=60", .out = HEAD "Age: 7" CRLF HSTS "Content-Length: 5" CRLF},
	{.name = "hsts instead of the server's (RFC 6797 7.1)", .stored = OK "A: b" CRLF "strict-TRANSPORT-security: max-age=0" CRLF "C: d" CRLF, .length = 5, .age = 7, .hsts = "max-age=60",
		.out = OK "A: b" CRLF "C: d" CRLF "Age: 7" CRLF HSTS "Content-Length: 5" CRLF},
	{.name = "hsts and an edit of that name", .stored = OK "A: b" CRLF "Strict-Transport-Security: max-age=0" CRLF, .length = 5, .age = 7, .hsts = "max-age=60", .edits = &set_hsts,
		.out = OK "A: b" CRLF "Age: 7" CRLF "strict-transport-security: max-age=1" CRLF "Content-Length: 5" CRLF},

	/* 304 (RFC 9110 15.4.5) */
	{.name = "not modified", .part = FRESH_NOT_MODIFIED, .length = 5, .age = 7, .out = SAME "ETag: \"a\"" CRLF CONTROL DATED VIA "Age: 7" CRLF},
	{.name = "not modified, of all there is", .part = FRESH_NOT_MODIFIED, .stored = ALL, .length = 5, .age = 7,
		.out = SAME "ETag: \"a\"" CRLF CONTROL "cdn-cache-control: max-age=7" CRLF "Expires: 0" CRLF "Content-Location: /a" CRLF "Last-Modified: x" CRLF "Vary: Accept" CRLF
			"Access-Control-Allow-Origin: *" CRLF "Cache-Status: other; hit" CRLF DATED VIA "Age: 7" CRLF},
	{.name = "not modified, and ours", .part = FRESH_NOT_MODIFIED, .length = 5, .age = 7, .edits = &set_control, .hsts = "max-age=60", .fields = "A: b" CRLF, .cache_status = "gateway; hit", .close = true,
		.out = SAME "ETag: \"a\"" CRLF DATED VIA "Age: 7" CRLF HSTS "Cache-Control: no-cache" CRLF "Cache-Status: gateway; hit" CRLF "A: b" CRLF "Connection: close" CRLF},
	{.name = "not modified says nothing of chunks", .part = FRESH_NOT_MODIFIED, .length = UINT64_MAX, .age = -1, .chunked = true, .out = SAME "ETag: \"a\"" CRLF CONTROL DATED VIA},

	/* 206 (RFC 9110 15.3.7) */
	{.name = "a part", .part = FRESH_RANGE, .length = 5, .first = 1, .last = 3, .age = 7,
		.out = "HTTP/1.1 206 Partial Content" CRLF "Server: x" CRLF "ETag: \"a\"" CRLF CONTROL "Content-Type: text/html" CRLF DATED VIA "Age: 7" CRLF "Content-Range: bytes 1-3/5" CRLF "Content-Length: 3" CRLF},
	{.name = "one byte", .part = FRESH_RANGE, .length = UINT64_MAX - 1, .first = UINT64_MAX - 2, .last = UINT64_MAX - 2, .age = 7, .stored = OK,
		.out = "HTTP/1.1 206 Partial Content" CRLF "Age: 7" CRLF "Content-Range: bytes 18446744073709551613-18446744073709551613/18446744073709551614" CRLF "Content-Length: 1" CRLF},
	{.name = "a part has its length, not chunks", .part = FRESH_RANGE, .length = 5, .first = 0, .last = 4, .age = 7, .chunked = true, .close = true, .stored = OK,
		.out = "HTTP/1.1 206 Partial Content" CRLF "Age: 7" CRLF "Connection: close" CRLF "Content-Range: bytes 0-4/5" CRLF "Content-Length: 5" CRLF},
	{.name = "a part is not the whole content", .part = FRESH_RANGE, .stored = ALL, .length = 5, .first = 1, .last = 3, .age = 7,
		.out = "HTTP/1.1 206 Partial Content" CRLF "Server: x" CRLF "ETag: \"a\"" CRLF CONTROL "cdn-cache-control: max-age=7" CRLF "Expires: 0" CRLF "Content-Type: text/html" CRLF "Content-Encoding: gzip" CRLF
			"Content-Language: de" CRLF "Content-Location: /a" CRLF "Last-Modified: x" CRLF "Vary: Accept" CRLF "Accept-Ranges: bytes" CRLF "Repr-Digest: z" CRLF "Access-Control-Allow-Origin: *" CRLF
			"Set-Cookie: a=b" CRLF "X-A: b" CRLF "Cache-Status: other; hit" CRLF DATED VIA "Age: 7" CRLF "Content-Range: bytes 1-3/5" CRLF "Content-Length: 3" CRLF},
	{.name = "a part, and ours", .part = FRESH_RANGE, .length = 5, .first = 1, .last = 3, .age = 7, .edits = &some_edits, .cache_status = "gateway; hit",
		.out = "HTTP/1.1 206 Partial Content" CRLF "ETag: \"a\"" CRLF CONTROL "Content-Type: text/html" CRLF DATED VIA "Age: 7" CRLF "X-Frame-Options: DENY" CRLF "Cache-Status: gateway; hit" CRLF
			"Content-Range: bytes 1-3/5" CRLF "Content-Length: 3" CRLF},

	/* 416 (RFC 9110 15.5.17): nothing by which it could be kept in place of the whole */
	{.name = "a part that is not there", .part = FRESH_UNSATISFIABLE, .stored = ALL, .length = 5, .age = 7,
		.out = "HTTP/1.1 416 Range Not Satisfiable" CRLF "Vary: Accept" CRLF "Access-Control-Allow-Origin: *" CRLF "Cache-Status: other; hit" CRLF DATED VIA "Age: 7" CRLF
			"Content-Range: bytes */5" CRLF "Content-Length: 0" CRLF},
	{.name = "of nothing, and ours", .part = FRESH_UNSATISFIABLE, .length = 0, .age = -1, .hsts = "max-age=60", .close = true, .chunked = true,
		.out = "HTTP/1.1 416 Range Not Satisfiable" CRLF DATED VIA HSTS "Connection: close" CRLF "Content-Range: bytes */0" CRLF "Content-Length: 0" CRLF},
};

static struct rewrite_stored asked_of(const struct sent *row, struct span head)
{
	return (struct rewrite_stored){
		.head = head,
		.part = row->part,
		.length = row->length,
		.first = row->first,
		.last = row->last,
		.age = row->age,
		.edits = row->edits ? row->edits : &no_edits,
		.hsts = span_str(row->hsts ? row->hsts : ""),
		.fields = span_str(row->fields ? row->fields : ""),
		.cache_status = span_str(row->cache_status ? row->cache_status : ""),
		.chunked = row->chunked,
		.close = row->close,
	};
}

static void sends(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(sent); i++) {
		struct span head = block_of(span_str(sent[i].stored ? sent[i].stored : HEAD));
		struct rewrite_stored s = asked_of(&sent[i], head);
		size_t need = strlen(sent[i].out) + 2;
		struct text want = block_text(need + 1);

		text_str(&want, sent[i].out);
		text_lit(&want, CRLF);
		text_char(&want, 0);
		for (size_t size = 0; size <= need; size++) {
			struct text out = block_text(size);

			rewrite_stored(&out, &s);
			if (out.full != (size < need))
				fail_msg("%s: %zu bytes are %s", sent[i].name, size, out.full ? "too few" : "enough");
			if (size == need)
				block_same(text_span(&out), want.at, sent[i].name);
			free(out.at);
		}
		free(want.at);
		block_free(head);
	}
}

/* The body is as long as the client is told, and where the connection goes on it ends. */
static void sends_proper_heads(void **state)
{
	static struct wire w;

	(void)state;
	for (size_t i = 0; i < COUNT(sent); i++) {
		struct rewrite_stored s = asked_of(&sent[i], span_str(sent[i].stored ? sent[i].stored : HEAD));
		bool none = s.part == FRESH_NOT_MODIFIED || span_starts(s.head, SPAN("HTTP/1.1 204"));
		bool known = s.part != FRESH_WHOLE || (!s.chunked && s.length != UINT64_MAX);
		uint64_t length = s.part == FRESH_RANGE ? s.last - s.first + 1 : s.part == FRESH_UNSATISFIABLE ? 0 : s.length;

		if (known && length > INT64_MAX)
			continue; /* frame takes no longer ones */
		read_wire(&w, sent[i].out, METHOD_GET);
		assert_int_equal(w.frame.kind, none ? BODY_NONE : known ? BODY_LENGTH : s.chunked ? BODY_CHUNKED : BODY_CLOSE);
		assert_true(w.frame.kind != BODY_LENGTH || w.frame.length == length);
		assert_int_equal(w.frame.persist, !s.close && w.frame.kind != BODY_CLOSE);
		free(w.at);
	}
}

/* HEAD is answered with it, too: the length is told, and no body is waited for. */
static void answers_head(void **state)
{
	static struct wire w;
	struct rewrite_stored s = {.head = SPAN(HEAD), .length = 5, .age = 7, .edits = &no_edits};
	struct text out = block_text(GW_HEAD_OUT);

	(void)state;
	rewrite_stored(&out, &s);
	out.at[out.len - 2] = 0; /* without the empty line */
	read_wire(&w, out.at, METHOD_HEAD);
	assert_int_equal(w.frame.kind, BODY_NONE);
	assert_true(w.frame.length == 5 && w.frame.persist);
	free(w.at);
	free(out.at);
}

/* What is kept of an answer, renewed and sent, is what the server said. */
static void goes_all_the_way(void **state)
{
	static struct wire w;
	struct fresh_rule rule = {.mode = FRESH_OBEY};
	struct text kept_head = block_text(GW_HEAD_OUT), new_head = block_text(GW_HEAD_OUT), out = block_text(GW_HEAD_OUT);
	struct rewrite_stored s = {.length = 3, .age = 9, .edits = &no_edits};

	(void)state;
	read_wire(&w, OK "ETag:\"a\"" CRLF "Connection: close" CRLF "Content-Length: 3" CRLF "Age: 100" CRLF, METHOD_GET);
	rewrite_store(&kept_head, &w.head, &w.frame, &rule, SPAN("Sun, 22 Nov 2026 00:00:00 GMT"));
	free(w.at);
	read_wire(&w, SAME "ETag: \"a\"" CRLF "X-New: b" CRLF "Via: 1.0 other" CRLF "Age: 50" CRLF, METHOD_GET);
	rewrite_refresh(&new_head, text_span(&kept_head), &w.head, &w.frame, &rule, SPAN(NOW));
	free(w.at);
	s.head = text_span(&new_head);
	rewrite_stored(&out, &s);
	text_char(&out, 0);
	assert_string_equal(out.at, OK "ETag: \"a\"" CRLF VIA "X-New: b" CRLF DATE "Age: 9" CRLF "Content-Length: 3" CRLF CRLF);
	free(kept_head.at);
	free(new_head.at);
	free(out.at);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps),
		cmocka_unit_test(renews),
		cmocka_unit_test(renews_to_the_same),
		cmocka_unit_test(sends),
		cmocka_unit_test(sends_proper_heads),
		cmocka_unit_test(answers_head),
		cmocka_unit_test(goes_all_the_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

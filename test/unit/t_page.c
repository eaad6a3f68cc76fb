/* SPDX-License-Identifier: MIT
 *
 * Is each answer of our own a proper message, and does nothing that a client
 * sent become markup in it?
 */
#include "../../src/page.h"
#include "../../src/frame.h"
#include "block.h"
#include <stdio.h>

enum { ROOM = 12288 };

#define DATE "Mon, 23 Nov 2026 09:32:46 GMT"

/* What page_write made, in a block of that size. */
struct made {
	struct text out;
	struct span head, body;
};

static struct made make(const struct page *p)
{
	struct made m = {.out = block_text(ROOM)};
	struct page dated = *p;

	dated.date = SPAN(DATE);
	dated.id = SPAN("abc234");
	page_write(&m.out, &dated, &m.head, &m.body);
	assert_false(m.out.full);
	return m;
}

static bool holds(struct span s, const char *what)
{
	size_t len = strlen(what);

	for (size_t i = 0; i + len <= s.len; i++)
		if (memcmp(s.at + i, what, len) == 0)
			return true;
	return false;
}

/* Reads it as a server's response: the frame must agree with the body. */
static void is_proper(const struct made *m, const struct page *p)
{
	char *copy = (char *)(uintptr_t)block_of(m->head).at;
	enum method method = p->head_only ? METHOD_HEAD : METHOD_GET;
	struct frame frame;
	struct head head;
	size_t seen = 0;

	assert_int_equal(head_end(copy, m->head.len, &seen), m->head.len);
	assert_null(head_response(&head, copy, m->head.len));
	assert_null(frame_response(&frame, &head, method));
	assert_int_equal(head.status, p->status);
	assert_int_equal(frame.persist, !p->close);
	assert_true(frame.kind == BODY_LENGTH || frame.kind == BODY_NONE);
	assert_int_equal(m->body.len, frame.kind == BODY_LENGTH ? frame.length : 0);
	assert_true(span_is(head_get(&head, FIELD_DATE), SPAN(DATE)));
	assert_true((head.many & ~(uint64_t)1) == 0); /* no known field twice */
	free(copy);
}

static void unmake(struct made *m)
{
	free(m->out.at);
}

/* --- heads, word by word ----------------------------------------------------- */

static const struct edit frame_options = {.name = SPAN("X-Frame-Options"), .value = SPAN("DENY")};
static const struct edits one_edit = {&frame_options, 1, SPAN("X-Frame-Options: DENY\r\n")};

#define LENGTH "\001" /* stands for the digits of some length */

struct row {
	const char *name;
	struct page page;
	const char *head; /* without date and final empty line */
};

static const struct row rows[] = {
	{"not found", {.status = 404}, "404 Not Found\r\nDate: " DATE "\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: " LENGTH "\r\nCache-Control: no-store\r\n"},
	{"and close", {.status = 400, .close = true},
		"400 Bad Request\r\nDate: " DATE "\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: " LENGTH "\r\nCache-Control: no-store\r\nConnection: close\r\n"},
	{"to HEAD", {.status = 404, .head_only = true},
		"404 Not Found\r\nDate: " DATE "\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: " LENGTH "\r\nCache-Control: no-store\r\n"},
	{"busy", {.status = 503},
		"503 Service Unavailable\r\nDate: " DATE "\r\nRetry-After: 1\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: " LENGTH "\r\nCache-Control: no-store\r\n"},
	{"other method", {.status = 405, .allow = SPAN("GET, HEAD")},
		"405 Method Not Allowed\r\nDate: " DATE "\r\nAllow: GET, HEAD\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: " LENGTH "\r\nCache-Control: no-store\r\n"},
	{"OPTIONS *", {.status = 204, .allow = SPAN("GET, HEAD")}, "204 No Content\r\nDate: " DATE "\r\nAllow: GET, HEAD\r\n"},
	{"not modified", {.status = 304}, "304 Not Modified\r\nDate: " DATE "\r\n"},
	{"redirect", {.status = 301, .location = SPAN("/nas/?a=b")},
		"301 Moved Permanently\r\nDate: " DATE "\r\nLocation: /nas/?a=b\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: " LENGTH "\r\n"},
	{"reply", {.status = 200, .type = SPAN("text/plain"), .text = SPAN("hello\n")},
		"200 OK\r\nDate: " DATE "\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n"},
	{"reply to HEAD", {.status = 200, .type = SPAN("text/plain"), .text = SPAN("hello\n"), .head_only = true},
		"200 OK\r\nDate: " DATE "\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n"},
	{"empty reply", {.status = 200, .type = SPAN("text/plain")}, "200 OK\r\nDate: " DATE "\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n"},
	{"reply that has no body", {.status = 204, .type = SPAN("text/plain"), .text = SPAN("hello\n")}, "204 No Content\r\nDate: " DATE "\r\n"},
	{"reply that is an error may be stored", {.status = 410, .type = SPAN("text/plain"), .text = SPAN("gone")},
		"410 Gone\r\nDate: " DATE "\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n"},
	{"status without a phrase", {.status = 599, .type = SPAN("text/plain"), .text = SPAN("?")},
		"599 \r\nDate: " DATE "\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n"},
	{"with a field of the configuration", {.status = 404, .edits = &one_edit},
		"404 Not Found\r\nDate: " DATE "\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: " LENGTH
		"\r\nCache-Control: no-store\r\nX-Frame-Options: DENY\r\n"},
	{"with hsts", {.status = 301, .location = SPAN("/nas/"), .hsts = SPAN("max-age=60; includeSubDomains")},
		"301 Moved Permanently\r\nDate: " DATE "\r\nLocation: /nas/\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: " LENGTH
		"\r\nStrict-Transport-Security: max-age=60; includeSubDomains\r\n"},
	{"hsts without a body", {.status = 204, .hsts = SPAN("max-age=60")}, "204 No Content\r\nDate: " DATE "\r\nStrict-Transport-Security: max-age=60\r\n"},
	{"a link is no redirect", {.status = 400, .link = SPAN("https://a.example/")},
		"400 Bad Request\r\nDate: " DATE "\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: " LENGTH "\r\nCache-Control: no-store\r\n"},
};

static void writes_heads(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct made m = make(&rows[i].page);
		struct text want = block_text(ROOM);
		char digits[24];
		size_t cut = span_find(span_str(rows[i].head), LENGTH[0]);

		text_lit(&want, "HTTP/1.1 ");
		if (rows[i].head[cut]) {
			/* the length of the page, which HEAD is told too */
			struct page full = rows[i].page;
			struct made whole;

			full.head_only = false;
			whole = make(&full);
			snprintf(digits, sizeof digits, "%zu", whole.body.len);
			unmake(&whole);
			text_add(&want, rows[i].head, cut);
			text_str(&want, digits);
			text_str(&want, rows[i].head + cut + 1);
		} else {
			text_str(&want, rows[i].head);
		}
		text_lit(&want, "\r\n");
		text_char(&want, 0);
		block_same(m.head, want.at, rows[i].name);
		is_proper(&m, &rows[i].page);
		free(want.at);
		unmake(&m);
	}
}

/* --- pages --------------------------------------------------------------------- */

static const int statuses[] = {301, 302, 303, 307, 308, 400, 401, 403, 404, 405, 408, 410, 413, 414, 417, 421, 429, 431, 500, 501, 502, 503, 504, 505, 508};

static void says_what_happened(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(statuses); i++) {
		struct page p = {.status = statuses[i], .location = SPAN("/there/")};
		struct made m = make(&p);
		char title[80];

		assert_true(page_reason(p.status)[0]);
		snprintf(title, sizeof title, "<title>%d %s</title>", p.status, page_reason(p.status));
		assert_true(holds(m.body, title));
		assert_true(holds(m.body, "request abc234"));
		assert_true(holds(m.body, "</h1><p>"));
		assert_false(holds(m.body, "</h1><p><p>")); /* some sentence */
		assert_true(holds(m.body, "<a href=\"/there/\">/there/</a>"));
		is_proper(&m, &p);
		unmake(&m);
	}
	assert_string_equal(page_reason(599), "");
	assert_string_equal(page_reason(0), "");
}

static void escapes_the_location(void **state)
{
	struct page p = {.status = 301, .location = SPAN("/\"><script>alert('1')</script>?a=b&c")};
	struct made m = make(&p);

	(void)state;
	assert_true(holds(m.body, "<a href=\"/&quot;&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;?a=b&amp;c\">"));
	assert_false(holds(m.body, "<script"));
	assert_true(holds(m.head, "Location: /\"><script>alert('1')</script>?a=b&c\r\n")); /* it is no markup there */
	unmake(&m);
}

/* Its own sentence stands instead of the one for the status, and a link beside it. */
static void says_what_it_is_told(void **state)
{
	struct page p = {.status = 400, .sentence = "This is an HTTPS port.", .link = SPAN("https://a.example/?\"<a>&b")};
	struct made m = make(&p);

	(void)state;
	is_proper(&m, &p);
	assert_true(holds(m.body, "</h1><p>This is an HTTPS port.<p><a href=\"https://a.example/?&quot;&lt;a&gt;&amp;b\">https://a.example/?&quot;&lt;a&gt;&amp;b</a>"));
	assert_false(holds(m.body, "not proper HTTP"));
	assert_false(holds(m.head, "a.example"));
	unmake(&m);
}

/* Whatever is in a location, of whatever length, the page has room for it or leaves it out. */
static void has_room_for_any_location(void **state)
{
	static char place[GW_HEAD / 2];
	static const char bytes[] = {'a', '"', '&', '<'};

	(void)state;
	for (size_t b = 0; b < COUNT(bytes); b++) {
		memset(place, bytes[b], sizeof place);
		for (size_t len = 1; len <= sizeof place; len += len < 300 ? 1 : 97) {
			struct page p = {.status = 308, .location = span_of(place, len)};
			struct made m = make(&p);

			is_proper(&m, &p);
			assert_int_equal(holds(m.body, "</a>"), holds(m.body, "<a href"));
			assert_true(holds(m.body, "</small></html>\n"));
			assert_true(len > 200 || holds(m.body, "<a href"));
			unmake(&m);
		}
	}
}

/* The text of a configured reply is shown as it stands, where it stands. */
static void does_not_copy_a_reply(void **state)
{
	struct span text = block_of(SPAN("hello <b>"));
	struct page p = {.status = 200, .type = SPAN("text/html"), .text = text};
	struct made m = make(&p);

	(void)state;
	assert_ptr_equal(m.body.at, text.at);
	assert_int_equal(m.body.len, text.len);
	unmake(&m);
	block_free(text);
}

/* A field that the configuration sets or takes away stands instead of ours
 * (config.h), but for those that frame the message. */
static void edits_stand_instead(void **state)
{
	static const struct edit at[] = {
		{.name = SPAN("content-type"), .value = SPAN("text/css"), .id = FIELD_CONTENT_TYPE},
		{.name = SPAN("Cache-Control"), .value = SPAN("max-age=60")},
		{.name = SPAN("retry-after"), .remove = true},
		{.name = SPAN("strict-transport-security"), .remove = true},
	};
	static const struct edits edits = {at, COUNT(at), SPAN("content-type: text/css\r\nCache-Control: max-age=60\r\n")};
	struct page p = {.status = 503, .edits = &edits, .hsts = SPAN("max-age=60")};
	struct made m = make(&p);

	(void)state;
	is_proper(&m, &p);
	assert_true(holds(m.head, "\r\ncontent-type: text/css\r\nCache-Control: max-age=60\r\n"));
	assert_false(holds(m.head, "Content-Type"));
	assert_false(holds(m.head, "no-store"));
	assert_false(holds(m.head, "Retry-After"));
	assert_false(holds(m.head, "Transport"));
	unmake(&m);
}

/* A place too small is known as such at every size. */
static void knows_when_it_is_full(void **state)
{
	struct page p = {.status = 502, .id = SPAN("abc234"), .date = SPAN(DATE), .edits = &one_edit};
	struct made m = make(&p);
	size_t need = m.out.len;

	(void)state;
	for (size_t size = 0; size <= need; size++) {
		struct text out = block_text(size);
		struct span head, body;

		page_write(&out, &p, &head, &body);
		assert_int_equal(out.full, size < need);
		free(out.at);
	}
	unmake(&m);
}

/* --- redirects -------------------------------------------------------------------- */

static const struct {
	const char *prefix, *location, *path, *query, *want;
} redirects[] = {
	{"/old/", "https://a.example/new/", "/old/x/y", "?z=1", "https://a.example/new/x/y?z=1"},
	{"/old/", "https://a.example/new/", "/old/", "", "https://a.example/new/"},
	{"/old/", "https://a.example/new", "/old/x/y", "?z=1", "https://a.example/new"},
	{"/", "https://a.example/", "/x", "?z", "https://a.example/x?z"},
	{"/", "/login", "/x", "", "/login"},
	{"/old/", "/new/", "/old/%2F..;/", "", "/new/%2F..;/"},
	{"/exact", "/", "/exact", "?q", "/?q"},
	{"/old/", "", "/old/x", "?z", ""},
};

static void redirects_on(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(redirects); i++) {
		struct route route = {.prefix = span_str(redirects[i].prefix), .location = span_str(redirects[i].location)};
		struct span path = block_of(span_str(redirects[i].path)), query = block_of(span_str(redirects[i].query));
		size_t need = strlen(redirects[i].want);

		for (size_t size = 0; size <= need; size++) {
			struct text out = block_text(size);

			page_location(&out, &route, path, query);
			assert_int_equal(out.full, size < need);
			if (size == need)
				block_same(text_span(&out), redirects[i].want, redirects[i].path);
			free(out.at);
		}
		block_free(path);
		block_free(query);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_heads),
		cmocka_unit_test(says_what_happened),
		cmocka_unit_test(escapes_the_location),
		cmocka_unit_test(says_what_it_is_told),
		cmocka_unit_test(has_room_for_any_location),
		cmocka_unit_test(does_not_copy_a_reply),
		cmocka_unit_test(edits_stand_instead),
		cmocka_unit_test(knows_when_it_is_full),
		cmocka_unit_test(redirects_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * Is the login page small, whole and harmless, whatever it is to show?
 */
#include "../../src/page.h"
#include "../../src/auth.h"
#include "../../src/session.h"
#include "block.h"

enum { LESS_THAN = 4096, LONGEST = 6144 };

/* The page, in a block of its size and a final zero: free it. */
static char *page_of(const struct login_page *l)
{
	struct text t = block_text(LESS_THAN);
	char *page;

	page_login(&t, l);
	assert_false(t.full);
	assert_true(t.len < LESS_THAN);
	text_char(&t, 0);
	page = (char *)(uintptr_t)block_of(text_span(&t)).at;
	free(t.at);
	return page;
}

static void has(const char *page, const char *what)
{
	if (!strstr(page, what))
		fail_msg("no %s in %s", what, page);
}

static void lacks(const char *page, const char *what)
{
	if (strstr(page, what))
		fail_msg("%s in %s", what, page);
}

static unsigned count_of(const char *page, const char *what)
{
	unsigned count = 0;

	for (page = strstr(page, what); page; page = strstr(page + 1, what))
		count++;
	return count;
}

/* Between these, decoded: what a browser would send, or go to. */
static struct span shown(const char *page, const char *before, const char *after, struct text *room)
{
	static const struct { const char *text; char is; } signs[] = {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&#39;", '\''}};
	const char *at = strstr(page, before), *end;
	size_t start = room->len;

	assert_non_null(at);
	at += strlen(before);
	end = strstr(at, after);
	assert_non_null(end);
	while (at < end) {
		size_t i = 0;

		while (i < COUNT(signs) && strncmp(at, signs[i].text, strlen(signs[i].text)) != 0)
			i++;
		assert_true(i < COUNT(signs) || !strchr("&<>\"'", *at));
		text_char(room, i < COUNT(signs) ? signs[i].is : *at);
		at += i < COUNT(signs) ? strlen(signs[i].text) : 1;
	}
	assert_false(room->full);
	return span_of(room->at + start, room->len - start);
}

#define TO_FIELD "<input type=hidden name=to value=\""
#define USER_FIELD "<input id=user name=user autocomplete=username autocapitalize=none spellcheck=false required value=\""
#define PASSWORD_FIELD "<input id=password name=password type=password autocomplete=current-password required"

/* What every page of ours must be. */
static void is_whole(const char *page)
{
	static const char *const never[] = {"<script", "javascript:", "http:", "https:", "//", "url(", "<img", "<link", "@import", " onclick", " onload", " onerror", "<iframe", "\r"};

	assert_true(strncmp(page, "<!doctype html><html lang=en>", 29) == 0);
	assert_string_equal(page + strlen(page) - 22, "</main></body></html>\n");
	for (size_t i = 0; i < COUNT(never); i++)
		lacks(page, never[i]);
	has(page, "<meta charset=utf-8>");
	has(page, "<meta name=viewport content=\"width=device-width,initial-scale=1\">");
	has(page, "<meta name=color-scheme content=\"light dark\">");
	has(page, "prefers-color-scheme:dark");
	assert_int_equal(count_of(page, "<form"), 1);
	assert_int_equal(count_of(page, "</form>"), 1);
	assert_int_equal(count_of(page, "<p"), count_of(page, "</p>") + count_of(page, "Stay logged in"));
	assert_int_equal(count_of(page, "<style"), count_of(page, "</style>"));
	assert_int_equal(count_of(page, " autofocus>"), count_of(page, "name=password"));
}

/* --- the two pages ---------------------------------------------------------------- */

static void asks_to_log_in(void **state)
{
	struct login_page l = {.site = SPAN("home.example.org"), .to = SPAN("/nas/?a=b&c")};
	char *page = page_of(&l);

	(void)state;
	is_whole(page);
	has(page, "<title>Log in</title>");
	has(page, "<p>home.example.org</p>");
	has(page, "<form method=post action=\"/.gateway/login\">");
	has(page, "<label for=user>User name</label>" USER_FIELD "\" autofocus>");
	has(page, "<label for=password>Password</label>" PASSWORD_FIELD ">");
	has(page, "<button>Log in</button>");
	has(page, TO_FIELD "/nas/?a=b&amp;c\"></form>");
	lacks(page, "<p role=alert>");
	free(page);
}

static void says_what_went_wrong(void **state)
{
	struct login_page l = {.site = SPAN("home.example.org"), .to = SPAN("/"), .name = SPAN("alice"), .wrong = "This is <not> right."};
	char *page = page_of(&l);

	(void)state;
	is_whole(page);
	has(page, "<p role=alert>This is &lt;not&gt; right.</p>");
	has(page, USER_FIELD "alice\">"); /* the password is what is to be typed again */
	has(page, PASSWORD_FIELD " autofocus>");
	free(page);
}

static void asks_to_log_out(void **state)
{
	struct login_page l = {.site = SPAN("home.example.org"), .to = SPAN("/a"), .name = SPAN("alice"), .out = true};
	char *page = page_of(&l);

	(void)state;
	is_whole(page);
	has(page, "<title>Log out</title>");
	has(page, "<p>home.example.org</p>");
	has(page, "<p>You are logged in as alice.</p>");
	has(page, "<form method=post action=\"/.gateway/logout\"><button>");
	has(page, "<a href=\"/a\">Stay logged in</a>");
	lacks(page, "<input");
	free(page);
	l.name = span_of(NULL, 0);
	page = page_of(&l);
	is_whole(page);
	lacks(page, "logged in as");
	free(page);
}

/* Nothing at all to say is a page too. */
static void needs_nothing(void **state)
{
	for (int out = 0; out < 2; out++) {
		struct login_page l = {.out = out};
		char *page = page_of(&l);

		(void)state;
		is_whole(page);
		has(page, out ? "<a href=\"/\">" : TO_FIELD "/\">");
		lacks(page, "<p></p>");
		free(page);
	}
}

/* --- what others chose ------------------------------------------------------------- */

#define EVIL "\"'><script>alert(1)</script>&lt;&"

static void escapes(void **state)
{
	(void)state;
	for (int out = 0; out < 2; out++) {
		struct login_page l = {.site = SPAN(EVIL), .to = SPAN("/" EVIL), .name = SPAN(EVIL), .wrong = EVIL, .out = out};
		char *page = page_of(&l);
		struct text room = block_text(1024);

		lacks(page, "<script");
		lacks(page, "'");
		assert_int_equal(count_of(page, "&quot;&#39;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;lt;&amp;"), 4);
		assert_true(span_is(shown(page, "<p role=alert>", "</p>", &room), SPAN(EVIL)));
		assert_true(span_is(out ? shown(page, "<a href=\"", "\">", &room) : shown(page, TO_FIELD, "\">", &room), SPAN("/" EVIL)));
		free(room.at);
		free(page);
	}
}

/* A place elsewhere is never written, whoever asks for it. */
static void goes_nowhere_else(void **state)
{
	static const char *const rows[] = {"//evil", "/\\evil", "http://evil/", "javascript:alert(1)", "/a b", "/a\r\nb", "evil", "/\xc3\xa4"};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		for (int out = 0; out < 2; out++) {
			struct login_page l = {.site = SPAN("a"), .to = span_str(rows[i]), .out = out};
			char *page = page_of(&l);

			is_whole(page);
			has(page, out ? "<a href=\"/\">" : TO_FIELD "/\">");
			free(page);
		}
}

/* --- what is long ------------------------------------------------------------------------ */

/* Bytes of a form that a browser sends for this. */
static size_t sent(struct span s)
{
	size_t len = 0;

	for (size_t i = 0; i < s.len; i++)
		len += (s.at[i] >= 'a' && s.at[i] <= 'z') || (s.at[i] >= 'A' && s.at[i] <= 'Z') || (s.at[i] >= '0' && s.at[i] <= '9') ||
			strchr("*-._", s.at[i]) ? 1 : 3;
	return len;
}

/* A place of `path` bytes, and behind it a query of so many: c in both. */
static struct span long_place(char *room, size_t path, size_t query, char c)
{
	memset(room, c, path + query);
	room[0] = '/';
	if (query)
		room[path] = '?';
	return span_of(room, path + query);
}

/* The whole place, or its path, or the start of the site: what has room in the page
 * and, with the longest name and password, in the form that comes back. */
static void keeps_to_its_size(void **state)
{
	static const char bytes[] = {'a', '&', '"', '%', '/'};
	static const size_t lengths[] = {1, 2, 100, 300, 330, 340, 500, 1000, 1100, 1200, 1500, 2000, 2500, 3400, LONGEST};
	static char place[2 * LONGEST], name[SESSION_NAME + 1], site[GW_NAME];
	unsigned whole = 0, cut = 0, start = 0;

	(void)state;
	for (size_t b = 0; b < COUNT(bytes); b++)
		for (size_t p = 0; p < COUNT(lengths); p++)
			for (size_t q = 0; q < COUNT(lengths); q++)
				for (int how = 0; how < 4; how++) {
					struct login_page l = {.out = how & 1};
					struct text room = block_text(LESS_THAN);
					struct span got;
					char *page;

					memset(name, bytes[b], sizeof name);
					memset(site, bytes[b], sizeof site);
					if (how & 2) {
						l.name = span_of(name, SESSION_NAME);
						l.site = span_of(site, sizeof site - 1);
						l.wrong = "There were too many log-ins that failed. Please wait a minute, and then try again.";
					}
					l.to = long_place(place, lengths[p], q ? lengths[q] : 0, bytes[b] == '/' ? 'b' : bytes[b]);
					if (bytes[b] == '/' && lengths[p] > 2)
						place[2] = '/';
					page = page_of(&l);
					assert_string_equal(page + strlen(page) - 22, "</main></body></html>\n");
					got = shown(page, l.out ? "<p><a href=\"" : TO_FIELD, "\">", &room);
					assert_true(auth_is_local(got) && sent(got) + 3 * (SESSION_NAME + 255) + 20 <= (GW_HEAD + 1024) / 2);
					if (span_is(got, l.to))
						whole++;
					else if (span_is(got, SPAN("/")))
						start++;
					else if (span_is(got, span_of(place, lengths[p])))
						cut++;
					else
						fail_msg("%.*s is no place that was asked for", (int)got.len, got.at);
					assert_true(l.to.len > 100 || span_is(got, l.to));
					free(page);
					free(room.at);
				}
	assert_true(whole > 50 && cut > 50 && start > 50);
}

/* Within one page the longest that has room is the longest that is shown. */
static void fills_its_room(void **state)
{
	static char place[LESS_THAN];
	size_t longest = 0;

	(void)state;
	for (size_t len = 1; len < sizeof place; len++) {
		struct login_page l = {.site = SPAN("home.example.org"), .to = long_place(place, len, 0, 'a')};
		char *page = page_of(&l);
		struct text room = block_text(LESS_THAN);

		if (shown(page, TO_FIELD, "\">", &room).len == len) {
			assert_int_equal(longest, len - 1);
			longest = len;
			assert_true(strlen(page) < LESS_THAN);
		}
		free(page);
		free(room.at);
	}
	assert_true(longest > 300 && (GW_HEAD < 8192 || longest > 2048));
}

static void leaves_out_what_is_too_long(void **state)
{
	static char name[SESSION_NAME + 1], site[1024], wrong[1024];
	struct login_page l = {.site = span_of(site, sizeof site), .to = SPAN("/a"), .name = span_of(name, sizeof name), .wrong = wrong};
	char *page;

	(void)state;
	memset(name, 'n', sizeof name);
	memset(site, 's', sizeof site);
	memset(wrong, 'w', sizeof wrong - 1);
	page = page_of(&l);
	is_whole(page);
	lacks(page, "nnn");
	lacks(page, "sss");
	lacks(page, "www");
	has(page, TO_FIELD "/a\">");
	free(page);
}

static void knows_when_it_is_full(void **state)
{
	struct login_page l = {.site = SPAN("a"), .to = SPAN("/"), .wrong = "?"};
	char *page = page_of(&l);
	size_t need = strlen(page);

	(void)state;
	for (size_t size = 0; size <= need; size++) {
		struct text t = block_text(size);

		page_login(&t, &l);
		assert_int_equal(t.full, size < need);
		free(t.at);
	}
	free(page);
}

/* --- its fields, and the answer it is sent in ----------------------------------------------- */

static void has_fields(void **state)
{
	static const char *const rows[] = {
		"Cache-Control: no-store\r\n",
		"Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'\r\n",
		"Referrer-Policy: same-origin\r\n",
		"X-Content-Type-Options: nosniff\r\n",
		"X-Frame-Options: DENY\r\n",
	};
	struct text t = block_text(page_login_fields.len + 1);
	size_t len = 0;

	(void)state;
	text_span_add(&t, page_login_fields);
	text_char(&t, 0);
	for (size_t i = 0; i < COUNT(rows); i++) {
		has(t.at, rows[i]);
		len += strlen(rows[i]);
	}
	assert_int_equal(len, page_login_fields.len);
	free(t.at);
}

static void is_sent_with_them(void **state)
{
	static const struct edit at[] = {{.name = SPAN("X-Frame-Options"), .value = SPAN("SAMEORIGIN")}};
	static const struct edits edits = {at, COUNT(at), SPAN("X-Frame-Options: SAMEORIGIN\r\n")};
	struct login_page l = {.site = SPAN("a"), .to = SPAN("/")};

	(void)state;
	for (int with = 0; with < 2; with++) {
		struct page p = {.status = 401, .login = &l, .edits = with ? &edits : NULL};
		struct text t = block_text(12288);
		struct span head, body;
		char *text;

		page_write(&t, &p, &head, &body);
		assert_false(t.full);
		assert_true(span_starts(body, SPAN("<!doctype html>")));
		text = calloc(1, head.len + 1);
		assert_non_null(text);
		memcpy(text, head.at, head.len);
		has(text, "\r\nContent-Type: text/html; charset=utf-8\r\n");
		assert_int_equal(count_of(text, "\r\nCache-Control: no-store\r\n"), 1);
		has(text, "\r\nContent-Security-Policy: default-src 'none';");
		has(text, "\r\nX-Frame-Options: DENY\r\n");
		free(text);
		free(t.at);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(asks_to_log_in),
		cmocka_unit_test(says_what_went_wrong),
		cmocka_unit_test(asks_to_log_out),
		cmocka_unit_test(needs_nothing),
		cmocka_unit_test(escapes),
		cmocka_unit_test(goes_nowhere_else),
		cmocka_unit_test(keeps_to_its_size),
		cmocka_unit_test(fills_its_room),
		cmocka_unit_test(leaves_out_what_is_too_long),
		cmocka_unit_test(knows_when_it_is_full),
		cmocka_unit_test(has_fields),
		cmocka_unit_test(is_sent_with_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

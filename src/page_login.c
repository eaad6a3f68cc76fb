/* SPDX-License-Identifier: MIT
 *
 * page_login - what does the page look like that asks for a password?
 *
 * One file without script, image or link to elsewhere. Nothing that a visitor sent
 * becomes markup in it. Its parts that he chose may be long, so the place to go on
 * to is written last, as far as the rest has left room.
 */
#include "page.h"
#include "auth.h"
#include "session.h"

enum {
	MOST = 4095,      /* bytes of all of it */
	SITE_MOST = 512,  /* as HTML; a longer one is not shown, */
	WRONG_MOST = 256, /* nor a longer sentence */
	/* Of `to` as the form sends it: exchange_form takes half of the least buffer, and
	 * each byte of name and password may be three there. */
	TO_SENT = (GW_HEAD + 1024) / 2 - 1200
};

/* no-referrer would make browsers send "Origin: null" with the form, which is
 * nobody's (Fetch 3.2). */
const struct span page_login_fields = SPAN("Cache-Control: no-store\r\n"
	"Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'\r\n"
	"Referrer-Policy: same-origin\r\n"
	"X-Content-Type-Options: nosniff\r\n"
	"X-Frame-Options: DENY\r\n");

/* Buttons and fields are 44 px high at least, for thumbs; no letter in a field is
 * smaller than 16 px, or phones would zoom in. */
#define STYLE \
	":root{color-scheme:light dark;--back:#f4f4f6;--card:#fff;--text:#1b1b1f;--line:#85858f;--mark:#1f5fbf;--on:#fff;--bad:#b3261e}" \
	"@media(prefers-color-scheme:dark){" \
	":root{--back:#141417;--card:#202025;--text:#ececf1;--line:#8a8a96;--mark:#8ab4f8;--on:#10131a;--bad:#ffb4ab}}" \
	"*{box-sizing:border-box}" \
	"body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1em;background:var(--back);color:var(--text);font:1em/1.5 system-ui,sans-serif}" \
	"main{width:100%;max-width:22em;padding:1.5em;border-radius:.75em;background:var(--card);box-shadow:0 1px 4px #0004}" \
	"h1{margin:0;font-size:1.4em}p{margin:.25em 0 1em;overflow-wrap:anywhere}form+p{margin:1em 0 0}" \
	"[role=alert]{color:var(--bad);font-weight:600}label{display:block;margin-top:1em}" \
	"input,button{width:100%;min-height:2.75em;padding:.5em .75em;border:1px solid var(--line);border-radius:.4em;background:none;color:inherit;font:inherit}" \
	"button{margin-top:1.5em;border:0;background:var(--mark);color:var(--on);font-weight:600;cursor:pointer}" \
	":focus-visible{outline:3px solid var(--mark);outline-offset:2px}a{color:var(--mark)}"

#define END "</main></body></html>\n"

/* --- how long is it, there? ---------------------------------------------------- */

static size_t html_length(struct span s)
{
	char place[8];
	size_t len = 0;

	for (size_t i = 0; i < s.len; i++) {
		struct text t = text_in(place, sizeof place);

		text_html(&t, span_of(s.at + i, 1));
		len += t.len;
	}
	return len;
}

/* What a browser makes of it in a form: all but these are three bytes (URL standard 5.2). */
static size_t form_length(struct span s)
{
	size_t len = 0;

	for (size_t i = 0; i < s.len; i++) {
		char c = s.at[i], low = (char)(c | 0x20);
		bool same = (low >= 'a' && low <= 'z') || (c >= '0' && c <= '9') || c == '*' || c == '-' || c == '.' || c == '_';

		len += same ? 1 : 3;
	}
	return len;
}

/* Where to go on to, in so many bytes: without its query when that is too much, or
 * to the start of the site. */
static struct span place_for(struct span to, size_t room)
{
	struct span path = to;

	path = span_cut(&path, '?');
	if (!auth_is_local(to))
		return SPAN("/");
	if (html_length(to) <= room && form_length(to) <= TO_SENT)
		return to;
	if (html_length(path) <= room && form_length(path) <= TO_SENT)
		return path;
	return SPAN("/");
}

/* --- the two pages ---------------------------------------------------------------- */

/* Writes `to` so that what follows it, of this length, ends within MOST bytes. */
static void place_add(struct text *out, size_t start, struct span to, size_t tail)
{
	size_t used = out->len - start + tail;

	text_html(out, place_for(to, used < MOST ? MOST - used : 0));
}

static void head_add(struct text *out, const char *title, const struct login_page *l)
{
	text_lit(out, "<!doctype html><html lang=en><head><meta charset=utf-8>"
		      "<meta name=viewport content=\"width=device-width,initial-scale=1\">"
		      "<meta name=color-scheme content=\"light dark\"><meta name=robots content=noindex><title>");
	text_str(out, title);
	text_lit(out, "</title><style>" STYLE "</style></head><body><main><h1>");
	text_str(out, title);
	text_lit(out, "</h1>");
	if (l->site.len && html_length(l->site) <= SITE_MOST) {
		text_lit(out, "<p>");
		text_html(out, l->site);
		text_lit(out, "</p>");
	}
	if (l->wrong && html_length(span_str(l->wrong)) <= WRONG_MOST) {
		text_lit(out, "<p role=alert>");
		text_html(out, span_str(l->wrong));
		text_lit(out, "</p>");
	}
}

static void login(struct text *out, const struct login_page *l)
{
	static const struct span tail = SPAN("\"></form>" END);
	struct span name = l->name.len <= SESSION_NAME ? l->name : span_of("", 0);
	size_t start = out->len;

	head_add(out, "Log in", l);
	text_lit(out, "<form method=post action=\"" PAGE_LOGIN "\"><label for=user>User name</label>"
		      "<input id=user name=user autocomplete=username autocapitalize=none spellcheck=false required value=\"");
	text_html(out, name);
	text_str(out, name.len ? "\">" : "\" autofocus>");
	text_lit(out, "<label for=password>Password</label>"
		      "<input id=password name=password type=password autocomplete=current-password required");
	text_str(out, name.len ? " autofocus>" : ">");
	text_lit(out, "<button>Log in</button><input type=hidden name=to value=\"");
	place_add(out, start, l->to, tail.len);
	text_span_add(out, tail);
}

static void logout(struct text *out, const struct login_page *l)
{
	static const struct span tail = SPAN("\">Stay logged in</a>" END);
	size_t start = out->len;

	head_add(out, "Log out", l);
	if (l->name.len && l->name.len <= SESSION_NAME) {
		text_lit(out, "<p>You are logged in as ");
		text_html(out, l->name);
		text_lit(out, ".</p>");
	}
	text_lit(out, "<form method=post action=\"" PAGE_LOGOUT "\"><button>Log out on this device</button></form><p><a href=\"");
	place_add(out, start, l->to, tail.len);
	text_span_add(out, tail);
}

void page_login(struct text *out, const struct login_page *l)
{
	if (!GW_HAS(AUTH))
		return;
	if (l->out)
		logout(out, l);
	else
		login(out, l);
}

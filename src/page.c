/* SPDX-License-Identifier: MIT
 *
 * page - what does gateway itself answer?
 *
 * Knows HTML and status codes. Knows no sockets, no clock and no log.
 */
#include "page.h"

enum {
	LINK_MOST = 256, /* a longer location is not shown on the page; an escaped byte takes up to 6 */
	PAGE_MOST = 1536 + 2 * 6 * LINK_MOST
};
_Static_assert(PAGE_MOST >= 4096, "the login page has room");

struct saying {
	int status;
	const char *reason;
	const char *sentence; /* for the visitor: what happened, and what helps */
};

/* Reason phrases: RFC 9110 section 15, RFC 6585, RFC 8297. */
static const struct saying sayings[] = {
	{100, "Continue", 0},
	{101, "Switching Protocols", 0},
	{200, "OK", 0},
	{201, "Created", 0},
	{202, "Accepted", 0},
	{204, "No Content", 0},
	{205, "Reset Content", 0},
	{301, "Moved Permanently", "This page is at another address now."},
	{302, "Found", "This page is at another address."},
	{303, "See Other", "The answer is at another address."},
	{304, "Not Modified", 0},
	{307, "Temporary Redirect", "This page is at another address for now."},
	{308, "Permanent Redirect", "This page is at another address now."},
	{400, "Bad Request", "Your browser or application sent something that is not proper HTTP."},
	{401, "Unauthorized", "You need to log in to see this."},
	{403, "Forbidden", "You may not see this from where you are."},
	{404, "Not Found", "There is nothing at this address. Please check how it is written."},
	{405, "Method Not Allowed", "This cannot be asked in this way."},
	{408, "Request Timeout", "Your request took too long to arrive. Please try again."},
	{410, "Gone", "This page is gone for good."},
	{413, "Content Too Large", "What you sent is too large."},
	{414, "URI Too Long", "The address of this page is too long."},
	{417, "Expectation Failed", "Your application asked for something that is not supported here."},
	{418, "I'm a Teapot", 0},
	{421, "Misdirected Request", "There is no site of this name here. Please check the address."},
	{429, "Too Many Requests", "Too many requests came from you. Please wait a moment."},
	{431, "Request Header Fields Too Large", "Your browser sent too much with its request. Deleting the cookies of this site may help."},
	{451, "Unavailable For Legal Reasons", 0},
	{500, "Internal Server Error", "Something went wrong here."},
	{501, "Not Implemented", "Your application asked for something that is not supported here."},
	{502, "Bad Gateway", "The server behind this address does not answer properly. Please try again in a moment."},
	{503, "Service Unavailable", "There is no room for your request just now. Please try again in a moment."},
	{504, "Gateway Timeout", "The server behind this address takes too long to answer. Please try again in a moment."},
	{505, "HTTP Version Not Supported", "Your application speaks a version of HTTP that is not supported here."},
	{508, "Loop Detected", "This request came back to where it had been before."},
};

static const struct saying *saying_of(int status)
{
	static const struct saying none = {0, "", 0};

	for (size_t i = 0; i < sizeof sayings / sizeof *sayings; i++)
		if (sayings[i].status == status)
			return &sayings[i];
	return &none;
}

const char *page_reason(int status)
{
	return saying_of(status)->reason;
}

static void html_page(struct text *out, const struct page *p)
{
	const struct saying *say = saying_of(p->status);
	const char *sentence = p->sentence ? p->sentence : say->sentence;
	struct span link = p->location.len ? p->location : p->link;

	text_lit(out, "<!doctype html><html lang=en><meta charset=utf-8>"
		      "<meta name=viewport content=\"width=device-width\"><meta name=color-scheme content=\"light dark\"><title>");
	text_number(out, (uint64_t)p->status);
	text_char(out, ' ');
	text_str(out, say->reason);
	text_lit(out, "</title><style>body{font:1em/1.5 system-ui,sans-serif;max-width:34em;margin:15vh auto;padding:0 1em}"
		      "small{opacity:.6}</style><h1>");
	text_str(out, say->reason);
	text_lit(out, "</h1><p>");
	text_str(out, sentence ? sentence : "");
	if (link.len && link.len <= LINK_MOST) {
		text_lit(out, "<p><a href=\"");
		text_html(out, link);
		text_lit(out, "\">");
		text_html(out, link);
		text_lit(out, "</a>");
	}
	text_lit(out, "<p><small>");
	text_number(out, (uint64_t)p->status);
	text_lit(out, " &middot; request ");
	text_span_add(out, p->id);
	text_lit(out, "</small></html>\n");
}

static bool has_no_body(int status)
{
	return status < 200 || status == 204 || status == 304;
}

/* What the configuration sets or takes away stands instead of ours. It cannot
 * name the fields that frame the message. */
static bool is_edited(const struct page *p, struct span name)
{
	for (size_t i = 0; p->edits && i < p->edits->count; i++)
		if (span_same(p->edits->at[i].name, name))
			return true;
	return false;
}

static void field(struct text *out, const struct page *p, struct span name, struct span value)
{
	if (value.len == 0 || is_edited(p, name))
		return;
	text_span_add(out, name);
	text_lit(out, ": ");
	text_span_add(out, value);
	text_lit(out, "\r\n");
}

static void page_head(struct text *out, const struct page *p, struct span type, size_t length)
{
	text_lit(out, "HTTP/1.1 ");
	text_number(out, (uint64_t)p->status);
	text_char(out, ' ');
	text_str(out, page_reason(p->status));
	text_lit(out, "\r\n");
	field(out, p, SPAN("Date"), p->date);
	field(out, p, SPAN("Location"), p->location);
	field(out, p, SPAN("Allow"), p->allow);
	if (p->status == 503)
		field(out, p, SPAN("Retry-After"), SPAN("1"));
	if (!has_no_body(p->status)) {
		field(out, p, SPAN("Content-Type"), type);
		text_lit(out, "Content-Length: ");
		text_number(out, length);
		text_lit(out, "\r\n");
	}
	/* What we make up on the spot must not stay in anybody's cache. */
	if (p->type.len == 0 && p->status >= 400 && !p->login)
		field(out, p, SPAN("Cache-Control"), SPAN("no-store"));
	field(out, p, SPAN("Strict-Transport-Security"), p->hsts);
	if (p->edits)
		text_span_add(out, p->edits->block);
	text_span_add(out, p->fields);
	if (p->login)
		text_span_add(out, page_login_fields);
	if (p->close)
		text_lit(out, "Connection: close\r\n");
	text_lit(out, "\r\n");
}

void page_write(struct text *out, const struct page *p, struct span *head, struct span *body)
{
	char room[PAGE_MOST];
	struct text html = text_in(room, sizeof room);
	bool empty = p->status == 205; /* it has a length, which is 0 (RFC 9110 15.3.6) */
	bool silent = p->head_only || has_no_body(p->status) || empty;
	size_t length;

	*body = p->text;
	if (p->login)
		page_login(&html, p->login);
	else if (p->type.len == 0)
		html_page(&html, p);
	length = p->type.len ? p->text.len : html.len;
	page_head(out, p, p->type.len ? p->type : SPAN("text/html; charset=utf-8"), empty ? 0 : length);
	*head = text_span(out);
	if (p->type.len == 0 && !silent) {
		text_span_add(out, text_span(&html));
		*body = span_of(out->at + head->len, out->len - head->len);
	}
	if (silent)
		body->len = 0;
}

/* What is put behind the '/' of a location must not begin with another one, nor
 * with what browsers read as one: "//elsewhere" would be a host (RFC 3986 4.2). */
static struct span without_slashes(struct span path)
{
	while (path.len && (path.at[0] == '/' || path.at[0] == '\\'))
		path = span_of(path.at + 1, path.len - 1);
	return path;
}

void page_location(struct text *out, const struct route *r, struct span path, struct span query)
{
	text_span_add(out, r->location);
	if (r->location.len == 0 || r->location.at[r->location.len - 1] != '/')
		return;
	if (path.len >= r->prefix.len)
		text_span_add(out, without_slashes(span_of(path.at + r->prefix.len, path.len - r->prefix.len)));
	text_span_add(out, query);
}

/* SPDX-License-Identifier: MIT
 *
 * rewrite_parts - how is a field written? For all files of rewrite
 *
 * Inline: nearly all of what goes out is written by these.
 */
#ifndef REWRITE_PARTS_H
#define REWRITE_PARTS_H

#include "rewrite.h"
#include "auth.h"

static inline void rewrite_field(struct text *out, struct span name, struct span value)
{
	text_span_add(out, name);
	text_lit(out, ": ");
	text_span_add(out, value);
	text_lit(out, "\r\n");
}

/* Fields go on in runs: what stands there is nearly always what we would write, and
 * lines that follow each other are one copy. A run begins as span_of(h->base, 0), or
 * with the status line; what is written in between, or at the end, comes behind
 * rewrite_flush. */
static inline void rewrite_flush(struct text *out, struct span *run)
{
	text_span_add(out, *run);
	run->len = 0;
}

/* head_response has seen "HTTP/1.1 200 " before a reason. */
static inline struct span rewrite_status_line(struct text *out, const struct head *h)
{
	const size_t before = sizeof "HTTP/1.1 200 " - 1;

	if (h->version == 11 && h->reason.len)
		return span_of(h->reason.at - before, before + h->reason.len + 2);
	text_lit(out, "HTTP/1.1 ");
	text_number(out, h->status);
	text_char(out, ' ');
	text_span_add(out, h->reason);
	text_lit(out, "\r\n");
	return span_of(h->base, 0);
}

static inline void rewrite_pass(struct text *out, struct span *run, const struct head *h, unsigned i)
{
	const struct field *f = &h->fields[i];
	const char *line = h->base + f->name;
	size_t len = f->name_len + 2u + f->value_len;
	bool same = f->value == f->name + f->name_len + 2 && line[f->name_len + 1] == ' ' && line[len] == '\r';

	if (same && run->at + run->len == line) {
		run->len += len + 2;
		return;
	}
	rewrite_flush(out, run);
	if (same)
		*run = span_of(line, len + 2);
	else
		rewrite_field(out, head_name(h, i), head_value(h, i));
}

static inline void rewrite_server_host(struct text *out, const struct server *server)
{
	if (server->path)
		text_lit(out, "localhost");
	else
		text_str(out, server->name);
}

/* What a trusted peer said before, joined as one list (RFC 9110 5.3). */
static inline void rewrite_list_before(struct text *out, const struct head *h, enum field_id id)
{
	for (unsigned i = 0; i < h->count; i++) {
		if (h->fields[i].id != id || h->fields[i].value_len == 0)
			continue;
		text_span_add(out, head_value(h, i));
		text_lit(out, ", ");
	}
}

static inline void rewrite_via(struct text *out, const struct head *h)
{
	if (h->version == 11)
		text_lit(out, "Via: 1.1 " GW_VIA "\r\n");
	else
		text_lit(out, "Via: 1.0 " GW_VIA "\r\n");
}

static inline void rewrite_length(struct text *out, uint64_t length)
{
	text_lit(out, "Content-Length: ");
	text_number(out, length);
	text_lit(out, "\r\n");
}

/* span_same where the lengths nearly always differ. */
static inline bool rewrite_same(struct span a, struct span b)
{
	return a.len == b.len && span_same(a, b);
}

/* Is there an edit for this name? It replaces, or takes away, what came. */
static inline bool rewrite_edited(const struct edits *edits, struct span name)
{
	for (size_t i = 0; i < edits->count; i++)
		if (rewrite_same(edits->at[i].name, name))
			return true;
	return false;
}

#define REWRITE_HSTS SPAN("Strict-Transport-Security")

/* Does something of ours stand instead of the server's field? */
static inline bool rewrite_replaced(const struct edits *edits, struct span hsts, struct span name)
{
	return rewrite_edited(edits, name) || (hsts.len && rewrite_same(name, REWRITE_HSTS));
}

/* What the configuration sets or takes away by a name goes before what we
 * would say by it. */
static inline void rewrite_unless_edited(struct text *out, const struct edits *edits, struct span name, struct span value)
{
	if (!rewrite_edited(edits, name))
		rewrite_field(out, name, value);
}

/* What we add to an answer that is no interim one. */
static inline void rewrite_edits(struct text *out, const struct edits *edits, struct span hsts, struct span cache_status)
{
	if (hsts.len)
		rewrite_unless_edited(out, edits, REWRITE_HSTS, hsts);
	text_span_add(out, edits->block);
	if (cache_status.len)
		rewrite_unless_edited(out, edits, SPAN("Cache-Status"), cache_status);
}

/* Our own cookies are nobody else's business. */
static inline void rewrite_cookies(struct text *out, struct span *run, const struct head *h, unsigned i)
{
	struct span pairs = head_value(h, i);
	size_t len;

	if (!auth_has_own_cookie(pairs)) {
		rewrite_pass(out, run, h, i);
		return;
	}
	rewrite_flush(out, run);
	len = out->len;
	text_span_add(out, head_name(h, i));
	text_lit(out, ": ");
	if (auth_strip_cookies(out, pairs))
		text_lit(out, "\r\n");
	else
		out->len = len;
}

#endif

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

/* A field as it came. What stands there is nearly always what we would write:
 * then it is one copy. */
static inline void rewrite_pass(struct text *out, const struct head *h, unsigned i)
{
	const struct field *f = &h->fields[i];
	const char *line = h->base + f->name;
	size_t len = f->name_len + 2u + f->value_len;

	if (f->value == f->name + f->name_len + 2 && line[f->name_len + 1] == ' ' && line[len] == '\r')
		text_add(out, line, len + 2);
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

/* Our own cookies are nobody else's business. */
static inline void rewrite_cookies(struct text *out, const struct head *h, unsigned i)
{
	struct span pairs = head_value(h, i);
	size_t len = out->len;

	if (!auth_has_own_cookie(pairs)) {
		rewrite_pass(out, h, i);
		return;
	}
	text_span_add(out, head_name(h, i));
	text_lit(out, ": ");
	if (auth_strip_cookies(out, pairs))
		text_lit(out, "\r\n");
	else
		out->len = len;
}

#endif

/* SPDX-License-Identifier: MIT
 *
 * fresh_vary - does a request ask for what an earlier one got? (RFC 9111 4.1)
 */
#include "fresh_parts.h"

bool fresh_vary_forbids(const struct head *answer)
{
	struct span value, name;
	unsigned at = 0;

	while (fresh_next(answer, FIELD_VARY, &at, &value))
		while (span_item(&value, &name)) {
			if (!span_is_token(name) || span_is(name, SPAN("*")))
				return true;
			switch (head_id(name)) {
			case FIELD_FORWARDED:
			case FIELD_X_CLIENT_CERT_SUBJECT:
			case FIELD_X_FORWARDED_FOR:
			case FIELD_X_REAL_IP:
				return true;
			default:
				break;
			}
		}
	return false;
}

/* It is part of the key of every entry. */
static bool is_in_key(struct span name)
{
	switch (head_id(name)) {
	case FIELD_HOST:
	case FIELD_X_FORWARDED_HOST:
	case FIELD_X_FORWARDED_PORT:
	case FIELD_X_FORWARDED_PREFIX:
	case FIELD_X_FORWARDED_PROTO:
		return true;
	default:
		return false;
	}
}

/* Is field number i of this name, which is in lower case? From its end, since names begin alike. */
static inline bool is_named(const struct head *h, unsigned i, struct span lower)
{
	const char *name = h->base + h->fields[i].name;
	size_t n = lower.len;

	if (h->fields[i].name_len != n)
		return false;
	while (n && (name[n - 1] == lower.at[n - 1] || span_lower(name[n - 1]) == lower.at[n - 1]))
		n--;
	return n == 0;
}

static void add_values(struct text *out, const struct head *asked, struct span lower)
{
	bool some = false;

	for (unsigned i = 0; i < asked->count; i++) {
		if (!is_named(asked, i, lower))
			continue;
		text_add(out, some ? ", " : ":", some ? 2 : 1);
		text_span_add(out, head_value(asked, i));
		some = true;
	}
}

static void add_line(struct text *out, const struct head *asked, struct span name)
{
	size_t start = out->len;

	for (size_t i = 0; i < name.len; i++)
		text_char(out, span_lower(name.at[i]));
	if (!out->full)
		add_values(out, asked, span_of(out->at + start, name.len));
	text_char(out, '\n');
}

/* Who cannot read a coding must not get it, whether Vary says so or not: many servers forget that. */
static bool forgets_coding(const struct head *answer)
{
	struct span value, name;
	unsigned at = 0;
	bool coded = false;

	for (unsigned i = 0; i < answer->count; i++)
		coded |= answer->fields[i].id == FIELD_OTHER && span_same(head_name(answer, i), SPAN("Content-Encoding")) &&
			 !span_same(head_value(answer, i), SPAN("identity"));
	while (coded && fresh_next(answer, FIELD_VARY, &at, &value))
		while (span_item(&value, &name))
			coded &= !span_same(name, SPAN("Accept-Encoding"));
	return coded;
}

void fresh_vary(struct text *out, const struct head *asked, const struct head *answer)
{
	struct span value, name;
	unsigned at = 0;

	while (fresh_next(answer, FIELD_VARY, &at, &value))
		while (span_item(&value, &name))
			if (!span_is(name, SPAN("*")) && !is_in_key(name))
				add_line(out, asked, name);
	if (forgets_coding(answer))
		add_line(out, asked, SPAN("accept-encoding"));
}

static bool take(struct span *s, struct span front)
{
	if (!span_starts(*s, front))
		return false;
	*s = span_of(s->at + front.len, s->len - front.len);
	return true;
}

/* line: name, or name:values */
static bool line_matches(struct span line, const struct head *asked)
{
	struct span name = span_cut(&line, ':');
	bool has = line.at > name.at + name.len, some = false;

	for (unsigned i = 0; i < asked->count; i++) {
		if (!is_named(asked, i, name))
			continue;
		if (!has || (some && !take(&line, SPAN(", "))) || !take(&line, head_value(asked, i)))
			return false;
		some = true;
	}
	return has == some && !line.len;
}

bool fresh_vary_matches(struct span vary, const struct head *asked)
{
	while (vary.len)
		if (!line_matches(span_cut(&vary, '\n'), asked))
			return false;
	return true;
}

/* SPDX-License-Identifier: MIT
 *
 * rewrite_stored - which head is kept, and which goes out of the cache?
 *
 * A stored head is text as it goes out, so that a hit is one copy of it. What is
 * said of one message alone is not in it: its age, its framing, what the
 * configuration adds. Knows no arena; whether an answer may be kept, and for how
 * long, is fresh's.
 */
#include "rewrite_parts.h"

/* --- keeping ------------------------------------------------------------------- */

static void date_unless(struct text *out, bool dated, struct span date)
{
	if (!dated)
		rewrite_field(out, SPAN("Date"), date); /* RFC 9110 6.6.1 */
}

void rewrite_store(struct text *out, const struct head *h, const struct frame *f, const struct fresh_rule *rule, struct span date)
{
	bool dated = false; /* not head_has: Connection may have named it away */
	struct span run = rewrite_status_line(out, h);

	for (unsigned i = 0; i < h->count; i++) {
		if (frame_is_hop(f, h, i) || fresh_leaves_out(h, i, rule))
			continue;
		rewrite_pass(out, &run, h, i);
		dated |= h->fields[i].id == FIELD_DATE;
	}
	rewrite_flush(out, &run);
	rewrite_via(out, h);
	date_unless(out, dated, date);
}

/* The next line of a stored head, CRLF included. */
static inline bool next_line(struct span *rest, struct span *line)
{
	const char *end = rest->len ? memchr(rest->at, '\n', rest->len) : NULL;

	if (!end)
		return false;
	*line = span_of(rest->at, (size_t)(end - rest->at) + 1);
	*rest = span_of(end + 1, rest->len - line->len);
	return true;
}

static inline struct span line_name(struct span line)
{
	const char *colon = memchr(line.at, ':', line.len);

	return span_of(line.at, colon ? (size_t)(colon - line.at) : line.len);
}

/* Does this field of a 304 stand for the stored one from now on (RFC 9111 3.2)? Not what
 * tells how to read a body that is not in this message: that a policy names the nonces of
 * another page, or a server means its compressed variant, has been seen. Via is the way
 * that the stored message has come. */
static bool renews(const struct head *h, const struct frame *f, unsigned i)
{
	return h->fields[i].id != FIELD_VIA && !frame_is_hop(f, h, i) && !span_starts_same(head_name(h, i), SPAN("Content-"));
}

static bool is_renewed(const struct head *h, const struct frame *f, struct span name)
{
	for (unsigned i = 0; i < h->count; i++)
		if (rewrite_same(head_name(h, i), name) && renews(h, f, i))
			return true;
	return false;
}

/* The tag stays that of the stored body; a 304 can make it weak, but no better one: servers
 * that compress say it weakly of what they send, and strongly, of the file, in a 304
 * (RFC 9111 4.3.4). */
static void tag_line(struct text *out, struct span line, const struct head *h, const struct frame *f)
{
	struct span tag = head_get(h, FIELD_ETAG);
	size_t before = sizeof "ETag: " - 1;
	struct span ours = span_of(line.at + before, line.len - before - 2);

	if (span_starts(tag, SPAN("W/")) && span_is(span_of(tag.at + 2, tag.len - 2), ours) && renews(h, f, h->first[FIELD_ETAG] - 1u))
		rewrite_field(out, SPAN("ETag"), tag);
	else
		text_span_add(out, line);
}

/* Date is when this was last known to be so. */
void rewrite_refresh(struct text *out, struct span stored, const struct head *h, const struct frame *f, const struct fresh_rule *rule, struct span date)
{
	bool tagged = false, dated = false;
	struct span line, run = span_of(h->base, 0);

	if (next_line(&stored, &line))
		text_span_add(out, line); /* the status stays */
	while (next_line(&stored, &line)) {
		struct span name = line_name(line);

		if (rewrite_same(name, SPAN("ETag"))) {
			tag_line(out, line, h, f);
			tagged = true;
		} else if (!rewrite_same(name, SPAN("Date")) && !is_renewed(h, f, name)) {
			text_span_add(out, line);
		}
	}
	for (unsigned i = 0; i < h->count; i++) {
		if (!renews(h, f, i) || fresh_leaves_out(h, i, rule) || (tagged && h->fields[i].id == FIELD_ETAG))
			continue;
		rewrite_pass(out, &run, h, i);
		dated |= h->fields[i].id == FIELD_DATE;
	}
	rewrite_flush(out, &run);
	date_unless(out, dated, date);
}

/* --- sending ---------------------------------------------------------------------- */

/* What a 304 repeats (RFC 9110 15.4.5): what leads caches on the way, and what the client
 * knows its copy by. The first of them go with a 416, too, which says nothing of the
 * representation: nobody shall keep it in its place. */
static const struct span short_fields[] = {
	{"Date", 4}, {"Vary", 4}, {"Via", 3}, {"Cache-Status", 12},
	{"ETag", 4}, {"Expires", 7}, {"Cache-Control", 13}, {"CDN-Cache-Control", 17}, {"Last-Modified", 13}, {"Content-Location", 16},
};
enum { OF_416 = 4, OF_304 = sizeof short_fields / sizeof *short_fields };

static bool is_short(struct span name, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (rewrite_same(name, short_fields[i]))
			return true;
	return span_starts_same(name, SPAN("Access-Control-")); /* or no script may see the answer */
}

/* Said of the whole content (RFC 9530 2; RFC 9110 14.4), which a part is not. */
static bool is_of_content(struct span name)
{
	return rewrite_same(name, SPAN("Content-Range")) || rewrite_same(name, SPAN("Content-Digest")) || rewrite_same(name, SPAN("Content-MD5"));
}

static bool belongs(enum fresh_part part, struct span name)
{
	switch (part) {
	case FRESH_NOT_MODIFIED:
		return is_short(name, OF_304);
	case FRESH_UNSATISFIABLE:
		return is_short(name, OF_416);
	case FRESH_RANGE:
		return !is_of_content(name);
	default:
		return true;
	}
}

static void status_line(struct text *out, enum fresh_part part, struct span stored)
{
	switch (part) {
	case FRESH_NOT_MODIFIED:
		text_lit(out, "HTTP/1.1 304 Not Modified\r\n");
		break;
	case FRESH_UNSATISFIABLE:
		text_lit(out, "HTTP/1.1 416 Range Not Satisfiable\r\n");
		break;
	case FRESH_RANGE:
		text_lit(out, "HTTP/1.1 206 Partial Content\r\n");
		break;
	default:
		text_span_add(out, stored);
	}
}

/* Lines that stay go out in runs, one copy each. */
static void lines(struct text *out, const struct rewrite_stored *s)
{
	struct span rest = s->head, line, run;
	bool some = s->edits && (s->edits->count || s->hsts.len);

	if (!next_line(&rest, &line))
		return;
	status_line(out, s->part, line);
	run = span_of(rest.at, 0);
	while (next_line(&rest, &line)) {
		struct span name = line_name(line);

		if (belongs(s->part, name) && !(some && rewrite_replaced(s->edits, s->hsts, name))) {
			run.len += line.len;
			continue;
		}
		text_span_add(out, run);
		run = span_of(rest.at, 0);
	}
	text_span_add(out, run);
}

static void age_field(struct text *out, const struct rewrite_stored *s)
{
	if (s->edits && rewrite_edited(s->edits, SPAN("Age")))
		return;
	text_lit(out, "Age: ");
	text_number(out, (uint64_t)s->age);
	text_lit(out, "\r\n");
}

static void content_range(struct text *out, const struct rewrite_stored *s)
{
	text_lit(out, "Content-Range: bytes ");
	if (s->part == FRESH_UNSATISFIABLE) {
		text_char(out, '*');
	} else {
		text_number(out, s->first);
		text_char(out, '-');
		text_number(out, s->last);
	}
	text_char(out, '/');
	text_number(out, s->length);
	text_lit(out, "\r\n");
}

/* "HTTP/1.1 204 ": it must say nothing of a body (RFC 9110 8.6, RFC 9112 6.1). */
static bool has_no_content(struct span head)
{
	return head.len > 12 && memcmp(head.at + 9, "204", 3) == 0;
}

/* How the body ends. A 304 has none, and what it says of a length would be of another answer. */
static void framing_fields(struct text *out, const struct rewrite_stored *s)
{
	if (s->part == FRESH_WHOLE) {
		if (has_no_content(s->head))
			return;
		if (s->chunked)
			text_lit(out, "Transfer-Encoding: chunked\r\n");
		else if (s->length != UINT64_MAX)
			rewrite_length(out, s->length);
	} else if (s->part != FRESH_NOT_MODIFIED) {
		content_range(out, s);
		rewrite_length(out, s->part == FRESH_RANGE ? s->last - s->first + 1 : 0);
	}
}

void rewrite_stored(struct text *out, const struct rewrite_stored *s)
{
	if (s->part == FRESH_WHOLE && !(s->edits && (s->edits->count || s->hsts.len)))
		text_span_add(out, s->head);
	else
		lines(out, s);
	if (s->age >= 0)
		age_field(out, s);
	if (s->edits)
		rewrite_edits(out, s->edits, s->hsts, s->cache_status);
	text_span_add(out, s->fields);
	if (s->close)
		text_lit(out, "Connection: close\r\n");
	framing_fields(out, s);
	text_lit(out, "\r\n");
}

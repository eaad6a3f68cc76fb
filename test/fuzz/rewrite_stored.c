/* SPDX-License-Identifier: MIT
 *
 * rewrite_stored - is what the cache keeps of any answer, renews by another one and
 * sends, always a head of its own, with nothing in it that was for one hop? The
 * first byte says what the route wants, then come both heads.
 */
#include "../../src/rewrite.h"
#include "frame_bytes.h"

static const char now[] = "Mon, 23 Nov 2026 09:32:46 GMT";

struct wire {
	char *at;
	struct head head;
	struct frame frame;
};

/* Bytes read; 0: there is no head that we would take. */
static size_t take(struct wire *w, const uint8_t *at, size_t len)
{
	size_t n = end_of(at, len, len);

	if (n == 0)
		return 0;
	w->at = malloc(n);
	memcpy(w->at, at, n);
	if (!head_response(&w->head, w->at, n) && !frame_response(&w->frame, &w->head, METHOD_GET))
		return n;
	free(w->at);
	return 0;
}

static size_t lines(struct span text)
{
	size_t n = 0;

	while (text.len) {
		span_cut(&text, '\n');
		n++;
	}
	return n;
}

/* Reads a text that ends in its last field. False: it has become longer than what we read. */
static bool again(struct wire *w, struct span text)
{
	size_t n = text.len + 2;

	w->at = malloc(n);
	memcpy(w->at, text.at, text.len);
	memcpy(w->at + text.len, "\r\n", 2);
	CHECK(end_of((uint8_t *)w->at, n, n) == n);
	if (n <= GW_HEAD && lines(text) <= GW_FIELDS + 1) {
		CHECK(!head_response(&w->head, w->at, n) && !frame_response(&w->frame, &w->head, METHOD_GET));
		CHECK(w->head.count == lines(text) - 1);
		return true;
	}
	free(w->at);
	return false;
}

static bool has(const struct head *h, struct span name)
{
	for (unsigned i = 0; i < h->count; i++)
		if (span_same(head_name(h, i), name))
			return true;
	return false;
}

/* Nothing of one hop, of one message, or of one user; ours is in it. */
static void check_kept(const struct wire *w, const struct fresh_rule *rule)
{
	for (unsigned i = 0; i < w->head.count; i++)
		CHECK(!frame_is_hop(&w->frame, &w->head, i));
	CHECK(!head_has(&w->head, FIELD_AGE) && (rule->cookies == FRESH_COOKIES_KEEP || !head_has(&w->head, FIELD_SET_COOKIE)));
	CHECK(head_has(&w->head, FIELD_DATE) && rewrite_loops(&w->head) > 0);
}

static void check_store(const struct wire *in, const struct wire *out, const struct fresh_rule *rule)
{
	unsigned count = 1; /* Via */
	bool dated = false;

	check_kept(out, rule);
	CHECK(out->head.status == in->head.status && span_is(out->head.reason, in->head.reason));
	for (unsigned i = 0; i < in->head.count; i++) {
		bool kept = !frame_is_hop(&in->frame, &in->head, i) && !fresh_leaves_out(&in->head, i, rule);

		count += kept;
		dated |= kept && in->head.fields[i].id == FIELD_DATE;
		CHECK(kept || in->head.fields[i].id == FIELD_DATE || !has(&out->head, head_name(&in->head, i)));
	}
	CHECK(out->head.count == count + !dated);
}

/* What a 304 must not change. */
static void check_refresh(const struct wire *stored, const struct wire *out, const struct fresh_rule *rule)
{
	check_kept(out, rule);
	CHECK(out->head.status == stored->head.status && rewrite_loops(&out->head) == rewrite_loops(&stored->head));
	if (head_has(&stored->head, FIELD_ETAG)) { /* the same, or weaker */
		struct span was = head_get(&stored->head, FIELD_ETAG), is = head_get(&out->head, FIELD_ETAG);

		CHECK(span_is(is, was) || (span_starts(is, SPAN("W/")) && span_is(span_of(is.at + 2, is.len - 2), was)));
	}
	for (unsigned i = 0; i < out->head.count; i++)
		if (span_starts_same(head_name(&out->head, i), SPAN("Content-")))
			CHECK(has(&stored->head, head_name(&out->head, i)));
}

static void check_part(const struct wire *w, const struct rewrite_stored *s)
{
	bool none = s->part == FRESH_NOT_MODIFIED || (s->part == FRESH_WHOLE && (w->head.status == 204 || w->head.status == 304));
	bool length = s->part == FRESH_RANGE || s->part == FRESH_UNSATISFIABLE || !s->chunked;

	CHECK(w->frame.kind == (none ? BODY_NONE : length ? BODY_LENGTH : BODY_CHUNKED));
	CHECK(none || !length || w->frame.length == (s->part == FRESH_RANGE ? 3 : s->part == FRESH_UNSATISFIABLE ? 0 : s->length));
	CHECK(head_has(&w->head, FIELD_CONNECTION) == s->close && !(w->head.many >> FIELD_AGE & 1) && head_has(&w->head, FIELD_AGE));
	CHECK(has(&w->head, SPAN("Content-Range")) || (s->part != FRESH_RANGE && s->part != FRESH_UNSATISFIABLE));
	if (s->edits->count)
		CHECK(!has(&w->head, SPAN("A")) && has(&w->head, SPAN("B")));
}

static void check_stored(struct span head, uint8_t how)
{
	static const struct edit rows[] = {{.name = SPAN("A"), .remove = true}, {.name = SPAN("B"), .value = SPAN("1")}};
	static const struct edits none = {0}, some = {rows, 2, {"B: 1\r\n", 6}};
	static struct wire w;
	struct rewrite_stored s = {.head = head, .length = 10, .first = 5, .last = 7, .age = 3, .edits = how & 1 ? &some : &none, .chunked = how & 2, .close = how & 4};
	struct text out = text_in(malloc(GW_HEAD_OUT), GW_HEAD_OUT);

	if (how & 8) {
		s.hsts = SPAN("max-age=60");
		s.cache_status = SPAN("gateway; hit");
	}
	for (int part = FRESH_WHOLE; part <= FRESH_UNSATISFIABLE; part++) {
		s.part = (enum fresh_part)part;
		out.len = 0;
		rewrite_stored(&out, &s);
		CHECK(!out.full && span_ends_same(text_span(&out), SPAN("\r\n\r\n")));
		if (!again(&w, span_of(out.at, out.len - 2)))
			continue;
		check_part(&w, &s);
		free(w.at);
	}
	free(out.at);
}

static void check_renewed(const struct wire *stored, struct span text, const struct wire *second, const struct fresh_rule *rule, uint8_t how)
{
	static struct wire w;
	struct text out = text_in(malloc(2 * GW_HEAD_OUT), 2 * GW_HEAD_OUT);

	rewrite_refresh(&out, text, &second->head, &second->frame, rule, span_str(now));
	CHECK(!out.full);
	if (again(&w, text_span(&out))) {
		check_refresh(stored, &w, rule);
		check_stored(text_span(&out), how);
		free(w.at);
	}
	free(out.at);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	static struct wire first, second, stored;
	struct fresh_rule rule = {.mode = FRESH_OBEY};
	size_t n;

	if (len == 0)
		return 0;
	rule.cookies = (uint8_t)(at[0] >> 4 & 3) == 2 ? FRESH_COOKIES_KEEP : FRESH_COOKIES_STRIP;
	n = take(&first, at + 1, len - 1);
	if (n == 0)
		return 0;
	if (first.head.status < 200) { /* one that nobody keeps: a 101 is nothing without its fields */
		free(first.at);
		return 0;
	}
	struct text out = text_in(malloc(GW_HEAD_OUT), GW_HEAD_OUT);
	rewrite_store(&out, &first.head, &first.frame, &rule, span_str(now));
	CHECK(!out.full);
	if (again(&stored, text_span(&out))) {
		check_store(&first, &stored, &rule);
		check_stored(text_span(&out), at[0]);
		if (take(&second, at + 1 + n, len - 1 - n)) {
			check_renewed(&stored, text_span(&out), &second, &rule, at[0]);
			free(second.at);
		}
		free(stored.at);
	}
	free(first.at);
	free(out.at);
	return 0;
}

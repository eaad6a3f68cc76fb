/* SPDX-License-Identifier: MIT
 *
 * frame_request - is a request head read the same however it comes in, and
 * once more when it is written down again?
 */
#include "../../src/frame.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

#define MUST(condition) \
	do { \
		if (!(condition)) \
			abort(); \
	} while (0)

/* In pieces of `step` bytes; each in a block that ends where the bytes do. */
static size_t end_of(const uint8_t *at, size_t len, size_t step)
{
	size_t seen = 0, n = 0;
	for (size_t have = 0; n == 0 && have < len;) {
		have = len - have > step ? have + step : len;
		char *block = malloc(have);
		memcpy(block, at, have);
		n = head_end(block, have, &seen);
		MUST(n <= have);
		free(block);
	}
	return n;
}

static void check_span(const struct head *h, struct span s)
{
	MUST(s.at >= h->base && s.at + s.len <= h->base + h->len);
	for (size_t i = 0; i < s.len; i++)
		MUST((uint8_t)s.at[i] >= 0x20 ? s.at[i] != 0x7f : s.at[i] == '\t');
}

static void check_head(const struct head *h)
{
	uint64_t many = 0, had = 0;
	MUST(h->version == 10 || h->version == 11);
	MUST(span_is_token(h->name) && h->target.len && h->target.len <= GW_TARGET && h->count <= GW_FIELDS);
	check_span(h, h->name);
	check_span(h, h->target);
	for (unsigned i = 0; i < h->count; i++) {
		struct span value = head_value(h, i);
		uint64_t bit = (uint64_t)1 << h->fields[i].id;
		check_span(h, head_name(h, i));
		check_span(h, value);
		MUST(span_is_token(head_name(h, i)) && span_trim(value).len == value.len);
		MUST(h->fields[i].id == head_id(head_name(h, i)));
		MUST(had & bit || h->first[h->fields[i].id] == i + 1);
		many |= had & bit;
		had |= bit;
	}
	MUST(h->many == many);
	for (unsigned id = 0; id < FIELD_IDS; id++)
		MUST(!h->first[id] == !(had >> id & 1));
}

static void check_frame(const struct frame *f, const struct head *h)
{
	bool coded = head_has(h, FIELD_TRANSFER_ENCODING), length = head_has(h, FIELD_CONTENT_LENGTH);
	MUST(!(coded && length));
	MUST(f->kind == (coded ? BODY_CHUNKED : length ? BODY_LENGTH : BODY_NONE));
	MUST(!coded || span_same(head_get(h, FIELD_TRANSFER_ENCODING), SPAN("chunked")));
	MUST(f->length <= INT64_MAX);
	MUST(h->version == 11 ? head_has(h, FIELD_HOST) : !f->persist && !f->upgrade && !f->expect && !coded);
	MUST(!f->upgrade || (head_has(h, FIELD_UPGRADE) && head_has(h, FIELD_CONNECTION)));
	for (unsigned i = 0; i < h->count; i++)
		MUST(h->fields[i].id != FIELD_HOST || !frame_is_hop(f, h, i));
}

static size_t put(char *out, size_t n, struct span s)
{
	memcpy(out + n, s.at, s.len);
	return n + s.len;
}

/* What was read, written canonically, is read as the same. */
static void check_again(const struct head *h, const struct frame *f)
{
	static struct head again;
	struct frame g;
	char *out = malloc(h->len);
	size_t n = put(out, 0, h->name);
	n = put(out, n, SPAN(" "));
	n = put(out, n, h->target);
	n = put(out, n, h->version == 11 ? SPAN(" HTTP/1.1\r\n") : SPAN(" HTTP/1.0\r\n"));
	for (unsigned i = 0; i < h->count; i++) {
		n = put(out, n, head_name(h, i));
		n = put(out, n, SPAN(":"));
		n = put(out, n, head_value(h, i));
		n = put(out, n, SPAN("\r\n"));
	}
	n = put(out, n, SPAN("\r\n"));
	MUST(end_of((uint8_t *)out, n, n) == n);
	MUST(!head_request(&again, out, n));
	MUST(span_is(again.name, h->name) && span_is(again.target, h->target) && again.count == h->count && again.method == h->method);
	for (unsigned i = 0; i < h->count; i++)
		MUST(span_is(head_name(&again, i), head_name(h, i)) && span_is(head_value(&again, i), head_value(h, i)));
	MUST(!frame_request(&g, &again));
	MUST(g.kind == f->kind && g.length == f->length && g.persist == f->persist && g.upgrade == f->upgrade && g.expect == f->expect);
	MUST(g.named[0] == f->named[0] && g.named[1] == f->named[1]);
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	static struct head h;
	struct frame f;
	size_t n = end_of(at, len, len);
	MUST(end_of(at, len, 1) == n && end_of(at, len, 7) == n);
	if (n == 0)
		return 0;
	MUST(at[n - 1] == '\n');
	char *block = malloc(n);
	memcpy(block, at, n);
	const struct refusal *refusal = head_request(&h, block, n);
	MUST(memcmp(block, at, n) == 0);
	if (!refusal) {
		MUST(h.base == block && h.len == n);
		check_head(&h);
		refusal = frame_request(&f, &h);
		MUST(refusal || head_end(block, n, &(size_t){0}) == n);
		if (!refusal) {
			check_frame(&f, &h);
			check_again(&h, &f);
		}
	}
	MUST(!refusal || (refusal->status >= 400 && refusal->status <= 505));
	/* A head without its last byte is none, whatever it holds. */
	char *cut = malloc(n);
	memcpy(cut, at, n - 1);
	MUST(head_request(&h, cut, n - 1));
	free(cut);
	free(block);
	return 0;
}

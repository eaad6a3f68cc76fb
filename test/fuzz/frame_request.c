/* SPDX-License-Identifier: MIT
 *
 * frame_request - is a request head read the same however it comes in, and
 * once more when it is written down again?
 */
#include "../../src/frame.h"
#include "frame_bytes.h"

static void check_head(const struct head *h)
{
	uint64_t many = 0, had = 0;
	CHECK(h->version == 10 || h->version == 11);
	CHECK(span_is_token(h->name) && h->target.len && h->target.len <= GW_TARGET && h->count <= GW_FIELDS);
	check_span(h, h->name);
	check_span(h, h->target);
	for (unsigned i = 0; i < h->count; i++) {
		struct span value = head_value(h, i);
		uint64_t bit = (uint64_t)1 << h->fields[i].id;
		check_span(h, head_name(h, i));
		check_span(h, value);
		CHECK(span_is_token(head_name(h, i)) && span_trim(value).len == value.len);
		CHECK(h->fields[i].id == head_id(head_name(h, i)));
		CHECK(had & bit || h->first[h->fields[i].id] == i + 1);
		many |= had & bit;
		had |= bit;
	}
	CHECK(h->many == many);
	for (unsigned id = 0; id < FIELD_IDS; id++)
		CHECK(!h->first[id] == !(had >> id & 1));
}

static void check_frame(const struct frame *f, const struct head *h)
{
	bool coded = head_has(h, FIELD_TRANSFER_ENCODING), length = head_has(h, FIELD_CONTENT_LENGTH);
	CHECK(!(coded && length));
	CHECK(f->kind == (coded ? BODY_CHUNKED : length ? BODY_LENGTH : BODY_NONE));
	CHECK(!coded || span_same(head_get(h, FIELD_TRANSFER_ENCODING), SPAN("chunked")));
	CHECK(f->length <= INT64_MAX);
	CHECK(h->version == 11 ? head_has(h, FIELD_HOST) : !f->persist && !f->upgrade && !f->expect && !coded);
	CHECK(!f->upgrade || (head_has(h, FIELD_UPGRADE) && head_has(h, FIELD_CONNECTION)));
	for (unsigned i = 0; i < h->count; i++)
		CHECK(h->fields[i].id != FIELD_HOST || !frame_is_hop(f, h, i));
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
	CHECK(end_of((uint8_t *)out, n, n) == n);
	CHECK(!head_request(&again, out, n));
	CHECK(span_is(again.name, h->name) && span_is(again.target, h->target) && again.count == h->count && again.method == h->method);
	for (unsigned i = 0; i < h->count; i++)
		CHECK(span_is(head_name(&again, i), head_name(h, i)) && span_is(head_value(&again, i), head_value(h, i)));
	CHECK(!frame_request(&g, &again));
	CHECK(g.kind == f->kind && g.length == f->length && g.persist == f->persist && g.upgrade == f->upgrade && g.expect == f->expect);
	CHECK(g.named[0] == f->named[0] && g.named[1] == f->named[1]);
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	static struct head h;
	struct frame f;
	size_t n = end_of(at, len, len);
	CHECK(end_of(at, len, 1) == n && end_of(at, len, 7) == n);
	if (n == 0)
		return 0;
	CHECK(at[n - 1] == '\n');
	char *block = malloc(n);
	memcpy(block, at, n);
	const struct refusal *refusal = head_request(&h, block, n);
	CHECK(memcmp(block, at, n) == 0);
	if (!refusal) {
		CHECK(h.base == block && h.len == n);
		check_head(&h);
		refusal = frame_request(&f, &h);
		CHECK(refusal || head_end(block, n, &(size_t){0}) == n);
		if (!refusal) {
			check_frame(&f, &h);
			check_again(&h, &f);
		}
	}
	CHECK(!refusal || (refusal->status >= 400 && refusal->status <= 505));
	/* A head without its last byte is none, whatever it holds. */
	char *cut = malloc(n);
	memcpy(cut, at, n - 1);
	CHECK(head_request(&h, cut, n - 1));
	free(cut);
	free(block);
	return 0;
}

/* SPDX-License-Identifier: MIT
 *
 * frame_response - is a response head read the same however it comes in, and
 * once more when it is written down again? The first byte says the method.
 */
#include "../../src/frame.h"
#include "frame_bytes.h"

static void check_head(const struct head *h)
{
	CHECK(h->version == 10 || h->version == 11);
	CHECK(h->status >= 100 && h->status <= 599 && h->count <= GW_FIELDS);
	if (h->reason.len)
		check_span(h, h->reason);
	for (unsigned i = 0; i < h->count; i++) {
		check_span(h, head_name(h, i));
		check_span(h, head_value(h, i));
		CHECK(span_is_token(head_name(h, i)) && span_trim(head_value(h, i)).len == head_value(h, i).len);
		CHECK(h->fields[i].id == head_id(head_name(h, i)));
	}
}

static void check_frame(const struct frame *f, const struct head *h, enum method method)
{
	bool coded = head_has(h, FIELD_TRANSFER_ENCODING), length = head_has(h, FIELD_CONTENT_LENGTH);
	bool none = method == METHOD_HEAD || h->status < 200 || h->status == 204 || h->status == 304;
	CHECK(!(coded && length) && !(coded && h->version == 10));
	CHECK(f->kind == (none ? BODY_NONE : coded ? BODY_CHUNKED : length ? BODY_LENGTH : BODY_CLOSE));
	CHECK(!(f->kind == BODY_CLOSE && f->persist));
	CHECK(f->length <= INT64_MAX && f->upgrade == (h->status == 101) && !f->expect);
}

/* What was read, written canonically, is read as the same; without folds. */
static void check_again(const struct head *h, const struct frame *f, enum method method)
{
	static struct head again;
	struct frame g;
	char *out = malloc((size_t)h->len + 16);
	char status[4] = {(char)('0' + h->status / 100), (char)('0' + h->status / 10 % 10), (char)('0' + h->status % 10), ' '};
	size_t n = put(out, 0, h->version == 11 ? SPAN("HTTP/1.1 ") : SPAN("HTTP/1.0 "));
	n = put(out, n, span_of(status, 4));
	n = put(out, n, h->reason);
	n = put(out, n, SPAN("\r\n"));
	for (unsigned i = 0; i < h->count; i++) {
		n = put(out, n, head_name(h, i));
		n = put(out, n, SPAN(":"));
		n = put(out, n, head_value(h, i));
		n = put(out, n, SPAN("\r\n"));
	}
	n = put(out, n, SPAN("\r\n"));
	CHECK(end_of((uint8_t *)out, n, n) == n);
	if (n > GW_HEAD) { /* the blank behind the status was one byte too many */
		free(out);
		return;
	}
	CHECK(!head_response(&again, out, n));
	CHECK(again.status == h->status && span_is(again.reason, h->reason) && again.count == h->count);
	for (unsigned i = 0; i < h->count; i++)
		CHECK(span_is(head_name(&again, i), head_name(h, i)) && span_is(head_value(&again, i), head_value(h, i)));
	CHECK(!frame_response(&g, &again, method));
	CHECK(g.kind == f->kind && g.length == f->length && g.persist == f->persist && g.upgrade == f->upgrade);
	CHECK(g.named[0] == f->named[0] && g.named[1] == f->named[1]);
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	static struct head h;
	struct frame f;
	if (len == 0)
		return 0;
	enum method method = *at == 'H' ? METHOD_HEAD : METHOD_GET;
	at++;
	len--;
	size_t n = end_of(at, len, len);
	CHECK(end_of(at, len, 1) == n && end_of(at, len, 7) == n);
	if (n == 0)
		return 0;
	char *block = malloc(n);
	memcpy(block, at, n);
	const struct refusal *refusal = head_response(&h, block, n);
	CHECK(!refusal == !head_response(&h, block, n)); /* joined lines stay joined */
	if (!refusal) {
		check_head(&h);
		refusal = frame_response(&f, &h, method);
		if (!refusal) {
			check_frame(&f, &h, method);
			check_again(&h, &f, method);
		}
	}
	CHECK(!refusal || refusal->status == 502);
	free(block);
	return 0;
}

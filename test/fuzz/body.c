/* SPDX-License-Identifier: MIT
 *
 * body - is the payload the same however its bytes come in and are taken? The
 * first byte says the kind, the second the length or how the rest is cut.
 */
#include "../../src/body.h"
#include "check.h"

struct outcome {
	const struct refusal *bad;
	bool done;   /* before the source ended */
	size_t used; /* bytes of the wire done with */
	size_t framing;
	size_t len;  /* of the payload */
	char *payload;
};

/* In pieces of `step` bytes, of which at most `sip` of payload are taken at a time. */
static struct outcome run(enum body_kind kind, uint64_t length, const uint8_t *at, size_t len, size_t step, size_t sip)
{
	struct outcome o = {.payload = malloc(len ? len : 1)};
	struct body b;
	size_t have = 0;
	body_init(&b, kind, length);
	while (!body_done(&b) && !b.bad && (have < len || o.used < have)) {
		size_t payload, n, k;
		if (o.used == have)
			have = len - have > step ? have + step : len;
		char *block = malloc(have - o.used);
		memcpy(block, at + o.used, have - o.used);
		n = body_scan(&b, block, have - o.used, &payload);
		CHECK(n + payload <= have - o.used);
		CHECK(n || payload || b.bad || body_done(&b)); /* it never stands still */
		CHECK(!b.bad || payload == 0);
		k = payload < sip ? payload : sip;
		memcpy(o.payload + o.len, block + n, k);
		body_take(&b, k);
		o.len += k;
		o.framing += n;
		o.used += n + k;
		free(block);
	}
	o.done = body_done(&b);
	o.bad = b.bad;
	CHECK(o.len + o.framing == o.used && !(o.done && o.bad));
	CHECK(body_end(&b) == (!o.bad && (o.done || kind == BODY_CLOSE)));
	return o;
}

static void same(const struct outcome *a, struct outcome b)
{
	CHECK(a->bad == b.bad && a->done == b.done && a->used == b.used && a->len == b.len);
	CHECK(memcmp(a->payload, b.payload, a->len) == 0);
	free(b.payload);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	if (len < 2)
		return 0;
	enum body_kind kind = at[0] == 'n' ? BODY_NONE : at[0] == 'l' ? BODY_LENGTH : at[0] == 'c' ? BODY_CLOSE : BODY_CHUNKED;
	uint64_t length = at[1];
	size_t step = at[1] % 16 + 1u;
	at += 2;
	len -= 2;
	struct outcome whole = run(kind, length, at, len, len, len);
	same(&whole, run(kind, length, at, len, 1, 1));
	same(&whole, run(kind, length, at, len, step, len));
	same(&whole, run(kind, length, at, len, len, step));
	if (kind != BODY_CHUNKED)
		CHECK(whole.framing == 0 && whole.len == (kind == BODY_CLOSE ? len : kind == BODY_NONE ? 0 : length < len ? length : len));
	if (kind == BODY_CHUNKED && whole.done) /* the shortest whole body is five bytes, and ends so */
		CHECK(whole.used >= 5 && memcmp(at + whole.used - 2, "\r\n", 2) == 0);
	free(whole.payload);
	return 0;
}

/* SPDX-License-Identifier: MIT
 *
 * flow - how does one message get from here to there?
 *
 * Knows links and bodies. Knows no heads, routes or clocks.
 *
 * Order on the wire: head, then for every run of payload: line (chunked only),
 * run, tail (chunked only). A run is announced only when its bytes are there,
 * so it is always finished, and a sink that takes part of it finds the rest
 * where it was.
 */
#include "flow.h"

enum { FLOW_ROUNDS = 8 };

static const char last_chunk[] = "\r\n0\r\n\r\n";

void flow_start(struct flow *f, struct link *from, struct link *to, struct span head, enum body_kind kind, uint64_t length, bool chunked)
{
	*f = (struct flow){.from = from, .to = to, .head = head, .chunked = chunked};
	body_init(&f->body, kind, length);
}

void flow_reply(struct flow *f, struct link *to, struct span head, struct span body)
{
	*f = (struct flow){.to = to, .head = head, .fixed = body};
	body_init(&f->body, BODY_NONE, 0);
}

/* Takes framing away until the buffer is payload first, then bytes that do not
 * make sense yet. Payload of one chunk stays where it came; only that of
 * further chunks in the same buffer moves down to it. What is not looked at yet
 * moves once, at the end: a buffer full of the smallest chunks costs no more. */
static void flow_decode(struct flow *f)
{
	struct buf *b = f->from->in;
	uint32_t to = b->at + b->ready; /* where further payload goes */
	uint32_t at = to;               /* bytes from here on are not looked at yet */

	while (at < b->end && !body_done(&f->body) && !f->body.bad) {
		size_t payload;
		size_t framing = body_scan(&f->body, b->data + at, b->end - at, &payload);

		if (framing == 0 && payload == 0)
			break;
		at += (uint32_t)framing;
		if (b->ready == 0)
			b->at = to = at;
		else if (to != at)
			memmove(b->data + to, b->data + at, payload);
		to += (uint32_t)payload;
		at += (uint32_t)payload;
		b->ready += (uint32_t)payload;
		body_take(&f->body, payload);
	}
	if (to != at) {
		memmove(b->data + to, b->data + at, b->end - at);
		b->end -= at - to;
	}
}

static uint32_t flow_ready(const struct flow *f)
{
	return f->from ? f->from->in->ready : 0;
}

static void flow_write_size(struct flow *f, uint32_t size)
{
	char digits[8];
	unsigned count = 0;

	do
		digits[count++] = "0123456789abcdef"[size & 15];
	while (size >>= 4);
	f->line_at = f->line_end = 0;
	while (count)
		f->line[f->line_end++] = digits[--count];
	f->line[f->line_end++] = '\r';
	f->line[f->line_end++] = '\n';
}

/* Everything decoded becomes one chunk, and the end of the body goes with it. */
static void flow_announce(struct flow *f)
{
	bool done = body_done(&f->body);

	if (!f->chunked || f->run || f->tail_len || f->ended)
		return;
	f->run = flow_ready(f);
	if (f->run) {
		flow_write_size(f, f->run);
		f->tail = last_chunk;
		f->tail_len = done ? 7 : 2;
	} else if (done) {
		f->tail = last_chunk + 2;
		f->tail_len = 5;
	}
	f->ended = done;
}

static size_t flow_used(size_t *sent, size_t len)
{
	size_t n = *sent < len ? *sent : len;

	*sent -= n;
	return n;
}

/* The same for a span, which loses what was sent of it. */
static size_t flow_used_span(size_t *sent, struct span *s)
{
	size_t n = flow_used(sent, s->len);

	if (n)
		*s = span_of(s->at + n, s->len - n);
	return n;
}

/* Offers the sink all there is, in one call. False: it took nothing. */
static bool flow_push(struct flow *f)
{
	struct piece pieces[5];
	int count = 0;
	size_t sent, n;
	uint32_t payload;

	flow_announce(f);
	payload = f->chunked ? f->run : flow_ready(f);
	if (f->head.len)
		pieces[count++] = (struct piece){f->head.at, f->head.len};
	if (f->line_end > f->line_at)
		pieces[count++] = (struct piece){f->line + f->line_at, (size_t)(f->line_end - f->line_at)};
	if (payload)
		pieces[count++] = (struct piece){f->from->in->data + f->from->in->at, payload};
	if (f->tail_len)
		pieces[count++] = (struct piece){f->tail, f->tail_len};
	if (f->fixed.len)
		pieces[count++] = (struct piece){f->fixed.at, f->fixed.len};
	if (count == 0)
		return false;
	sent = link_write(f->to, pieces, count);
	if (sent == 0)
		return false;

	flow_used_span(&sent, &f->head);
	f->line_at = (uint8_t)(f->line_at + flow_used(&sent, (size_t)(f->line_end - f->line_at)));
	n = flow_used(&sent, payload);
	if (n) {
		buf_take(f->from->in, (uint32_t)n);
		if (f->chunked)
			f->run -= (uint32_t)n;
		f->sent += n;
	}
	n = flow_used(&sent, f->tail_len);
	if (n)
		f->tail += n;
	f->tail_len = (uint8_t)(f->tail_len - n);
	f->sent += flow_used_span(&sent, &f->fixed);
	return true;
}

bool flow_wants_out(const struct flow *f)
{
	return f->head.len || f->line_end > f->line_at || f->tail_len || f->fixed.len || flow_ready(f) ||
	       (f->chunked && !f->ended && body_done(&f->body));
}

bool flow_wants_in(const struct flow *f)
{
	return f->from && !body_done(&f->body) && !f->body.bad && !f->from->eof && buf_has_room(f->from->in);
}

static enum flow_result flow_state(const struct flow *f)
{
	if (f->to->cut)
		return FLOW_TO_BROKEN;
	if (f->body.bad)
		return FLOW_FROM_BROKEN;
	if (body_done(&f->body))
		return flow_wants_out(f) ? FLOW_WAIT : FLOW_DONE;
	if (f->from->eof && f->from->why)
		return FLOW_FROM_BROKEN;
	return FLOW_WAIT;
}

/* What has come is made out at once, so that flow_wants_out knows of it. */
static void flow_look(struct flow *f)
{
	if (!f->from)
		return;
	flow_decode(f);
	/* an end in order; after a reset even a body that ends with the connection is cut short */
	if (f->from->eof && !f->from->why && buf_raw(f->from->in).len == 0)
		body_end(&f->body);
}

enum flow_result flow_step(struct flow *f)
{
	flow_look(f);
	for (int round = 0; round < FLOW_ROUNDS; round++) {
		bool moved = false;

		if (f->to->writable && flow_wants_out(f))
			moved = flow_push(f);
		if (flow_state(f) != FLOW_WAIT)
			break;
		/* the last round reads nothing: what a step read, it has offered too */
		if (round + 1 < FLOW_ROUNDS && flow_wants_in(f) && f->from->readable) {
			moved = link_fill(f->from) > 0 || f->from->eof;
			flow_look(f);
		}
		if (!moved)
			break;
	}
	return flow_state(f);
}

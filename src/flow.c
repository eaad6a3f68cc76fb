/* SPDX-License-Identifier: MIT
 *
 * flow - how does one message get from here to there?
 *
 * Knows links and bodies. Knows no heads, routes or clocks.
 *
 * Order on the wire: head, then for every run of payload: line (chunked only),
 * run, tail (chunked only). A run is announced only when its bytes are there,
 * so it is always finished, and a sink that takes part of it finds the rest
 * where it was. Its bytes have a budget by then, too: what has none stays in
 * the source's buffer, and nothing is read until there is more.
 */
#include "flow_parts.h"

enum {
	DUCT_MOST = 1 << 18, /* bytes asked of a pipe at once; it takes what it can hold */
	DUCT_LEAST = GW_RECV ? 1 : 1 << 14 /* a rest shorter than that is copied */
};

const char flow_last_chunk[] = "\r\n0\r\n\r\n";

void flow_start(struct flow *f, struct link *from, struct link *to, struct span head, enum body_kind kind, uint64_t length, bool chunked)
{
	*f = (struct flow){.from = from, .to = to, .head = head, .budget = UINT64_MAX, .chunked = chunked};
	body_init(&f->body, kind, length);
}

void flow_reply(struct flow *f, struct link *to, struct span head, struct span body)
{
	*f = (struct flow){.to = to, .head = head, .fixed = body, .budget = UINT64_MAX};
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

/* --- ducts ---------------------------------------------------------------------- */

#define ALL_LENT ((1u << GW_DUCTS) - 1)

/* One that cannot be opened counts as lent for good. */
static void duct_open(struct ducts *ducts, struct duct *d)
{
	if (platform_pipe_open(d->pipe))
		ducts->lent &= ~(1u << (d - ducts->at));
}

void ducts_open(struct ducts *ducts)
{
	*ducts = (struct ducts){.lent = ALL_LENT};
	for (int i = 0; i < GW_DUCTS; i++)
		duct_open(ducts, &ducts->at[i]);
}

static struct duct *duct_borrow(struct ducts *ducts)
{
	for (int i = 0; i < GW_DUCTS; i++) {
		if (ducts->lent >> i & 1)
			continue;
		ducts->lent |= 1u << i;
		return &ducts->at[i];
	}
	return NULL;
}

/* One that still holds bytes of a message given up is made anew. */
static void duct_return(struct ducts *ducts, struct duct *d)
{
	if (d->held == 0) {
		ducts->lent &= ~(1u << (d - ducts->at));
		return;
	}
	platform_close(d->pipe[0]);
	platform_close(d->pipe[1]);
	d->held = 0;
	duct_open(ducts, d);
}

/* Is it a long plain body, and a duct to be had? Then nothing more of it is to
 * come into our memory. */
static bool flow_is_bulk(const struct flow *f)
{
	const struct body *b = &f->body;

	if (!f->ducts || f->sent < GW_DUCT_AFTER || f->from->tls || f->to->tls || f->chunked || (!f->duct && f->ducts->lent == ALL_LENT))
		return false;
	return b->kind == BODY_CLOSE || (b->kind == BODY_LENGTH && (f->duct || b->left >= DUCT_LEAST));
}

/* One load through the pipe. False: nothing moved. */
static bool flow_lift(struct flow *f)
{
	struct duct *d = f->duct;
	size_t moved = 0, gone;

	if (d->held == 0 && f->budget && f->from->readable && !body_done(&f->body)) {
		size_t most = flow_may(f, f->body.kind == BODY_LENGTH && f->body.left < DUCT_MOST ? (uint32_t)f->body.left : DUCT_MOST);

		moved = link_lift(f->from, d->pipe, most);
		body_take(&f->body, moved);
		d->held = (uint32_t)moved;
	}
	if (d->held && f->to->writable) {
		gone = link_drop(f->to, d->pipe, d->held);
		d->held -= (uint32_t)gone;
		f->budget -= gone;
		f->sent += gone;
		moved += gone;
	}
	return moved > 0;
}

void flow_drop(struct flow *f)
{
	if (f->duct)
		duct_return(f->ducts, f->duct);
	f->duct = NULL;
}

/* --- the pump --------------------------------------------------------------------- */

/* Everything decoded becomes one chunk, and the end of the body goes with it. */
static void flow_announce(struct flow *f)
{
	bool done;

	if (!f->chunked || f->run || f->tail_len || f->ended)
		return;
	f->run = flow_may(f, flow_ready(f));
	done = body_done(&f->body) && f->run == flow_ready(f);
	if (f->run) {
		flow_write_size(f, f->run);
		f->tail = flow_last_chunk;
		f->tail_len = done ? 7 : 2;
	} else if (done) {
		f->tail = flow_last_chunk + 2;
		f->tail_len = 5;
	}
	f->ended = done;
}

/* Offers the sink all there is, in one call. False: it took nothing. */
static bool flow_push(struct flow *f)
{
	struct piece pieces[5];
	int count = 0;
	size_t sent, n, fixed;
	uint32_t payload;

	flow_announce(f);
	payload = f->chunked ? f->run : flow_ready(f);
	fixed = f->fixed.len;
	if (f->budget < payload + fixed) { /* there is but one of them */
		payload = flow_may(f, payload);
		fixed = fixed ? (size_t)f->budget : 0;
	}
	if (f->head.len)
		pieces[count++] = (struct piece){f->head.at, f->head.len};
	if (f->line_end > f->line_at)
		pieces[count++] = (struct piece){f->line + f->line_at, (size_t)(f->line_end - f->line_at)};
	if (payload)
		pieces[count++] = (struct piece){f->from->in->data + f->from->in->at, payload};
	if (f->tail_len)
		pieces[count++] = (struct piece){f->tail, f->tail_len};
	if (fixed)
		pieces[count++] = (struct piece){f->fixed.at, fixed};
	if (count == 0 && !link_owes(f->to))
		return false;
	sent = link_write(f->to, pieces, count);
	if (sent == 0)
		return count == 0 && !link_owes(f->to);

	flow_used_span(&sent, &f->head);
	f->line_at = (uint8_t)(f->line_at + flow_used(&sent, (size_t)(f->line_end - f->line_at)));
	n = flow_used(&sent, payload);
	if (n) {
		buf_take(f->from->in, (uint32_t)n);
		if (f->chunked)
			f->run -= (uint32_t)n;
	}
	f->sent += n;
	f->budget -= n;
	n = flow_used(&sent, f->tail_len);
	if (n)
		f->tail += n;
	f->tail_len = (uint8_t)(f->tail_len - n);
	if (fixed) {
		n = flow_used_span(&sent, &f->fixed);
		f->sent += n;
		f->budget -= n;
	}
	return true;
}

/* Something is still to go, may it or not. */
static bool flow_has_more(const struct flow *f)
{
	return f->head.len || f->line_end > f->line_at || f->tail_len || f->fixed.len || flow_ready(f) || (f->duct && f->duct->held) ||
	       (f->chunked && !f->ended && body_done(&f->body)) || link_owes(f->to);
}

bool flow_is_held(const struct flow *f)
{
	return f->budget == 0 && (f->fixed.len || flow_ready(f) || (f->stored && flow_stored_is_there(f)));
}

/* Not only payload, for which there is no budget; what is in a duct had its own. */
static bool flow_has_framing(const struct flow *f)
{
	return f->head.len || f->line_end > f->line_at || f->tail_len || (f->duct && f->duct->held) || !flow_is_held(f) || link_owes(f->to);
}

bool flow_wants_out(const struct flow *f)
{
	if (f->stored)
		return flow_stored_wants_out(f);
	return flow_has_more(f) && (f->budget || flow_has_framing(f));
}

bool flow_wants_in(const struct flow *f)
{
	if (!f->from || f->budget == 0 || body_done(&f->body) || f->body.bad || f->from->eof)
		return false;
	if (flow_is_bulk(f))
		return buf_held(f->from->in) == 0 && !(f->duct && f->duct->held);
	return buf_has_room(f->from->in);
}

static enum flow_result flow_state(const struct flow *f)
{
	if (f->to->cut)
		return FLOW_TO_BROKEN;
	if (f->body.bad)
		return flow_is_held(f) ? FLOW_WAIT : FLOW_FROM_BROKEN;
	if (body_done(&f->body))
		return flow_has_more(f) ? FLOW_WAIT : FLOW_DONE;
	if (f->from->eof && f->from->why)
		return flow_is_held(f) ? FLOW_WAIT : FLOW_FROM_BROKEN;
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

/* Sends, then reads if it may. False: neither was possible. */
static bool flow_copy(struct flow *f, bool read)
{
	bool moved = false;

	if (f->to->writable && flow_wants_out(f))
		moved = flow_push(f);
	if (flow_state(f) != FLOW_WAIT)
		return false;
	if (read && !f->duct && flow_wants_in(f) && f->from->readable) {
		moved = link_fill(f->from) > 0 || f->from->eof;
		flow_look(f);
	}
	return moved;
}

enum flow_result flow_step(struct flow *f)
{
	if (f->stored)
		return flow_stored_step(f);
	flow_look(f);
	for (int round = 0; round < FLOW_ROUNDS; round++) {
		/* the last round reads nothing: what a step read, it has offered too */
		bool read = round + 1 < FLOW_ROUNDS;

		if (!f->duct && f->from && flow_is_bulk(f) && !body_done(&f->body))
			f->duct = duct_borrow(f->ducts);
		if (!(f->duct && buf_held(f->from->in) == 0 && !f->head.len ? flow_lift(f) : flow_copy(f, read)))
			break;
	}
	if (f->duct && f->duct->held == 0) {
		flow_drop(f);
		flow_look(f); /* the end may have come through the duct */
	}
	return flow_state(f);
}

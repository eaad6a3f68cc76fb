/* SPDX-License-Identifier: MIT
 *
 * flow_stored - how does a body get out of the cache?
 *
 * Knows how to read what is stored, or is being stored. Knows no keys and no
 * freshness. The blocks are shown to the sink where they are. There may be
 * nothing to send for a while: then the reader has overtaken the writer, and
 * wants nothing; who steps it again finds out.
 */
#include "flow_parts.h"

/* Shown to the sink in one call. Records have to be computed: a step makes no more of
 * them than of what comes from a server. */
enum { STORED_PIECES = 64, STORED_MOST = 1 << 18, STORED_MOST_TLS = GW_BUFFER };

void flow_stored(struct flow *f, struct link *to, struct span head, struct cache_read *stored, bool chunked)
{
	*f = (struct flow){.to = to, .head = head, .stored = stored, .budget = UINT64_MAX, .chunked = chunked};
	body_init(&f->body, BODY_NONE, 0);
}

bool flow_stored_is_there(const struct flow *f)
{
	struct cache_piece piece;

	if (!GW_HAS(CACHE))
		return false;
	return cache_peek(f->stored, &piece, 1) > 0;
}

/* Before a further run may be announced, all of the last one has to go. */
static bool stored_is_within(const struct flow *f)
{
	return f->run || f->tail_len || f->ended;
}

static bool stored_has_framing(const struct flow *f)
{
	return f->head.len || f->line_end > f->line_at || f->tail_len || (f->chunked && !f->ended && cache_read_done(f->stored)) || link_owes(f->to);
}

bool flow_stored_wants_out(const struct flow *f)
{
	if (!GW_HAS(CACHE))
		return false;
	return stored_has_framing(f) || (f->budget && flow_stored_is_there(f));
}

/* Payload that is there and may go now: bytes, and so many pieces. */
static uint32_t stored_payload(const struct flow *f, struct piece *pieces, int *count)
{
	struct cache_piece there[STORED_PIECES];
	uint32_t most = flow_may(f, stored_is_within(f) ? f->run : f->to->tls ? STORED_MOST_TLS : STORED_MOST), all = 0;
	int n = most ? cache_peek(f->stored, there, STORED_PIECES) : 0;

	*count = 0;
	for (int i = 0; i < n && all < most; i++) {
		size_t len = there[i].len < most - all ? there[i].len : most - all;

		pieces[(*count)++] = (struct piece){there[i].at, len};
		all += (uint32_t)len;
	}
	return all;
}

/* What is there becomes one chunk. That there will be no more may be known only later. */
static void stored_announce(struct flow *f, uint32_t payload)
{
	if (!f->chunked || stored_is_within(f))
		return;
	if (payload) {
		flow_write_size(f, payload);
		f->run = payload;
		f->tail = flow_last_chunk;
		f->tail_len = 2;
	} else if (cache_read_done(f->stored)) {
		f->tail = flow_last_chunk + 2;
		f->tail_len = 5;
		f->ended = true;
	}
}

/* So much has gone. */
static void stored_sent(struct flow *f, size_t sent, uint32_t payload)
{
	size_t n;

	flow_used_span(&sent, &f->head);
	f->line_at = (uint8_t)(f->line_at + flow_used(&sent, (size_t)(f->line_end - f->line_at)));
	n = flow_used(&sent, payload);
	if (n)
		cache_take(f->stored, n);
	if (f->chunked)
		f->run -= (uint32_t)n;
	f->sent += n;
	f->budget -= n;
	n = flow_used(&sent, f->tail_len);
	if (n)
		f->tail += n;
	f->tail_len = (uint8_t)(f->tail_len - n);
}

/* Offers the sink all there is, in one call. False: it took nothing. */
static bool stored_push(struct flow *f)
{
	struct piece pieces[2 + STORED_PIECES + 1], *first = pieces + 2;
	int count;
	size_t sent;
	uint32_t payload = stored_payload(f, first, &count);

	stored_announce(f, payload);
	if (f->tail_len && payload == f->run) /* never behind a run that is not all there */
		first[count++] = (struct piece){f->tail, f->tail_len};
	if (f->line_end > f->line_at) {
		*--first = (struct piece){f->line + f->line_at, (size_t)(f->line_end - f->line_at)};
		count++;
	}
	if (f->head.len) {
		*--first = (struct piece){f->head.at, f->head.len};
		count++;
	}
	if (count == 0 && !link_owes(f->to))
		return false;
	sent = link_write(f->to, first, count);
	if (sent == 0)
		return count == 0 && !link_owes(f->to);
	stored_sent(f, sent, payload);
	return true;
}

static enum flow_result stored_state(const struct flow *f)
{
	if (f->to->cut)
		return FLOW_TO_BROKEN;
	if (cache_read_broken(f->stored) && !f->head.len && !link_owes(f->to))
		return FLOW_FROM_BROKEN;
	return cache_read_done(f->stored) && !stored_has_framing(f) ? FLOW_DONE : FLOW_WAIT;
}

enum flow_result flow_stored_step(struct flow *f)
{
	if (!GW_HAS(CACHE))
		return FLOW_FROM_BROKEN;
	for (int round = 0; round < FLOW_ROUNDS && f->to->writable && stored_push(f); round++) {
		enum flow_result result = stored_state(f);

		if (result != FLOW_WAIT)
			return result;
	}
	return stored_state(f);
}

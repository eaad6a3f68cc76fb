/* SPDX-License-Identifier: MIT
 *
 * exchange_serve - how does a stored answer get to the client?
 *
 * The head is composed anew each time: rules about headers, log-ins and HSTS are those of
 * now. The body goes from the cache into the link as it stands there; if it is still
 * coming, as it comes.
 */
#include "exchange_keep.h"

/* --- what is said of it (RFC 9211) -------------------------------------------------------------------- */

struct span exchange_cache_status(struct exchange *x)
{
	if (!GW_HAS(CACHE))
		return span_of("", 0);

	static const char *const why[] = {"", "bypass", "method", "uri-miss", "vary-miss", "miss", "stale", "request"};
	struct keep *k = x->r.keep;
	struct text t = text_in(k->status_room, sizeof k->status_room);

	if (!k->rule)
		return span_of("", 0);
	text_lit(&t, "gateway; ");
	if (k->fwd == KEEP_FWD_NONE) {
		text_lit(&t, "hit");
	} else {
		text_lit(&t, "fwd=");
		text_str(&t, why[k->fwd]);
	}
	if (k->fwd_status) {
		text_lit(&t, "; fwd-status=");
		text_number(&t, k->fwd_status);
	}
	if (k->stored)
		text_lit(&t, "; stored");
	if (k->collapsed)
		text_lit(&t, "; collapsed");
	if (k->found.pin.entry) {
		int64_t ttl = fresh_ttl(&k->found.stored, x->env->now);

		text_str(&t, ttl < 0 ? "; ttl=-" : "; ttl=");
		text_number(&t, (uint64_t)(ttl < 0 ? -ttl : ttl));
	}
	if (k->detail) {
		text_lit(&t, "; detail=\"");
		text_str(&t, k->detail);
		text_char(&t, '"');
	}
	return text_span(&t);
}

/* --- how it is sent ------------------------------------------------------------------------------ */

/* Has this answer a body on the wire? */
static bool has_body(const struct exchange *x, enum fresh_part part, uint64_t length)
{
	return x->asked.method != METHOD_HEAD && part != FRESH_NOT_MODIFIED && part != FRESH_UNSATISFIABLE && length > 0;
}

static uint16_t status_of(enum fresh_part part, uint16_t stored)
{
	switch (part) {
	case FRESH_NOT_MODIFIED:
		return 304;
	case FRESH_RANGE:
		return 206;
	case FRESH_UNSATISFIABLE:
		return 416;
	default:
		return stored;
	}
}

static void begin(struct exchange *x, uint16_t status)
{
	x->r.up_over = true; /* nothing goes up: what the client sends is its next request */
	x->r.status = status;
	x->r.why = NULL; /* what failed before has been made good */
	x->r.answering = true;
}

/* From first to (not including) end. */
static void begin_body(struct exchange *x, struct span head, uint64_t first, uint64_t end, bool chunked)
{
	struct keep *k = x->r.keep;

	cache_read_begin(&k->read, &x->env->cache, &k->found.pin, first, end);
	flow_stored(&x->r.down_flow, &x->conn->link, head, &k->read, chunked);
	k->look_at = 0;
	exchange_pace(x, &x->r.down_flow);
	exchange_enter(x, EXCHANGE_SERVE);
}

void exchange_serve_body(struct exchange *x, struct span head, bool chunked)
{
	begin(x, x->answered.status);
	begin_body(x, head, 0, UINT64_MAX, chunked);
}

void exchange_serve(struct exchange *x)
{
	struct keep *k = x->r.keep;
	const struct fresh_stored *stored = &k->found.stored;
	struct text out = text_in(x->out, GW_HEAD_OUT);
	struct rewrite_stored s = {
		.head = keep_head(x),
		.length = k->found.length,
		.age = fresh_age(stored, x->env->now),
		.edits = &x->r.route->options.response,
		.hsts = x->r.hsts,
		.fields = x->r.guard ? text_span(&x->r.guard->down) : span_of("", 0),
		.cache_status = exchange_cache_status(x),
	};
	bool body;

	if (k->part || stored->status == 200)
		s.part = fresh_part(&x->asked, stored, span_of(s.head.at + stored->etag_at, stored->etag_len), s.length, &s.first, &s.last);
	if (s.part == FRESH_RANGE && k->found.state != CACHE_WHOLE)
		s.part = FRESH_WHOLE; /* it is still coming */
	body = has_body(x, s.part, s.length);
	s.chunked = body && s.length == UINT64_MAX && x->asked.version >= 11;
	exchange_pass_body_over(x);
	x->r.close |= x->env->draining || (body && s.length == UINT64_MAX && !s.chunked);
	s.close = x->r.close;
	rewrite_stored(&out, &s);
	if (out.full) {
		exchange_abandon(x, "the stored head is too long", EXCHANGE_RESET);
		return;
	}
	begin(x, status_of(s.part, stored->status));
	if (body) {
		begin_body(x, text_span(&out), s.part == FRESH_RANGE ? s.first : 0, s.part == FRESH_RANGE ? s.last + 1 : UINT64_MAX, s.chunked);
		return;
	}
	flow_reply(&x->r.down_flow, &x->conn->link, text_span(&out), span_of("", 0));
	exchange_enter(x, EXCHANGE_REPLY);
}

/* When to look again. Of what this worker writes itself we are told; but not that others wait for us. */
static int64_t look_at(struct exchange *x)
{
	struct keep *k = x->r.keep;

	k->found.state = (uint8_t)cache_state(&x->env->cache, &k->found);
	if (k->found.state == CACHE_WHOLE)
		return 0;
	return x->env->now + (k->found.ours || flow_wants_out(&x->r.down_flow) ? KEEP_LATE_MS : KEEP_LOOK_MS);
}

void exchange_step_serve(struct exchange *x)
{
	if (!GW_HAS(CACHE))
		return;
	if (cache_read_is_late(&x->r.keep->read)) {
		exchange_abandon(x, "too slow for a page that others wait for, too", EXCHANGE_RESET);
		return;
	}
	if (x->conn->link.readable && !exchange_watch_client(x))
		return;
	switch (flow_step(&x->r.down_flow)) {
	case FLOW_WAIT:
		x->r.keep->look_at = look_at(x);
		return;
	case FLOW_DONE:
		exchange_finish(x);
		return;
	case FLOW_FROM_BROKEN:
		/* No last chunk, no orderly end: the client must see the loss. */
		exchange_abandon(x, "the response body broke off", EXCHANGE_RESET);
		return;
	case FLOW_TO_BROKEN:
		exchange_abandon(x, "the client went away", EXCHANGE_CLOSE);
		return;
	}
}

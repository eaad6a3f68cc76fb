/* SPDX-License-Identifier: MIT
 *
 * exchange_answer - what does the server say, and how does it get to the client?
 */
#include "exchange_parts.h"

enum { INTERIMS = 64 }; /* 1xx answers passed on to one request */

static const struct refusal body_broke_off = {400, "the request body broke off"};
static const struct refusal bad_upgrade = {502, "the server changed the protocol unasked"};
static const struct refusal many_interims = {502, "the server sent too many interim responses"};
static const struct refusal long_answer = {502, "the response head is too long"};

static bool is_event_stream(const struct head *h)
{
	return span_starts_same(head_get(h, FIELD_CONTENT_TYPE), SPAN("text/event-stream"));
}

bool exchange_compose_answer(struct exchange *x, bool chunked, bool tunnel, struct span *head)
{
	struct text out = text_in(x->out, GW_HEAD_OUT);
	struct rewrite_down down = {
		.head = &x->answered,
		.frame = &x->r.answer,
		.edits = x->answered.status >= 200 ? &x->r.route->options.response : NULL,
		.date = log_http_date(x->env->clock),
		.hsts = x->r.hsts,
		.fields = x->r.guard && (x->answered.status >= 200 || tunnel) ? text_span(&x->r.guard->down) : span_of("", 0),
		.chunked = chunked,
		.close = x->r.close && x->answered.status >= 200,
		.tunnel = tunnel,
	};

	if (x->r.keep && x->answered.status >= 200)
		down.cache_status = exchange_cache_status(x);
	rewrite_response(&out, &down);
	*head = text_span(&out);
	return !out.full;
}

static void begin_tunnel(struct exchange *x)
{
	struct link *client = &x->conn->link, *server = &x->r.up->link;
	struct span head;

	if (x->r.consulting || !x->r.frame.upgrade || !x->r.answer.upgrade || !x->r.up_over) {
		exchange_server_failed(x, bad_upgrade.status, bad_upgrade.text);
		return;
	}
	if (!exchange_compose_answer(x, false, true, &head)) {
		exchange_server_failed(x, long_answer.status, long_answer.text);
		return;
	}
	x->r.status = 101;
	x->r.answering = true;
	x->r.up_over = false;
	flow_start(&x->r.up_flow, client, server, span_of("", 0), BODY_CLOSE, 0, false);
	flow_start(&x->r.down_flow, server, client, head, BODY_CLOSE, 0, false);
	x->r.up_flow.ducts = x->r.down_flow.ducts = &x->env->ducts;
	exchange_pace(x, &x->r.up_flow);
	exchange_pace(x, &x->r.down_flow);
	exchange_enter(x, EXCHANGE_TUNNEL);
}

static void begin_interim(struct exchange *x)
{
	struct span head;

	x->r.seen = 0;
	if (++x->r.interims > INTERIMS) {
		exchange_server_failed(x, many_interims.status, many_interims.text);
		return;
	}
	if (x->asked.version < 11 || x->r.consulting || x->r.errand)
		return; /* RFC 9110 15.2: not to HTTP/1.0 clients; nor what is not about the answer */
	if (!exchange_compose_answer(x, false, false, &head)) {
		exchange_server_failed(x, long_answer.status, long_answer.text);
		return;
	}
	flow_start(&x->r.down_flow, &x->r.up->link, &x->conn->link, head, BODY_NONE, 0, false);
	x->r.interim = true;
}

static void begin_relay(struct exchange *x)
{
	struct frame *f = &x->r.answer;
	bool unknown_end = f->kind == BODY_CHUNKED || f->kind == BODY_CLOSE;
	bool chunked = unknown_end && x->asked.version >= 11;
	struct span head;

	/* While a request body is still going up nobody knows what it will come to.
	 * It is over when it has gone out, not when its end has been seen. */
	if (x->env->draining || !x->r.up_over || !body_done(&x->r.up_flow.body) || (unknown_end && !chunked))
		x->r.close = true;
	if (!exchange_compose_answer(x, chunked, false, &head)) {
		exchange_server_failed(x, long_answer.status, long_answer.text);
		return;
	}
	x->r.status = x->answered.status;
	x->r.why = NULL; /* what failed before has been made good */
	x->r.answering = true;
	x->r.stream = is_event_stream(&x->answered);
	flow_start(&x->r.down_flow, &x->r.up->link, &x->conn->link, head, f->kind, f->length, chunked);
	x->r.down_flow.ducts = &x->env->ducts;
	exchange_pace(x, &x->r.down_flow);
	exchange_enter(x, EXCHANGE_RELAY);
}

/* A response head is there, x->answered.len bytes long. */
static void take_answer(struct exchange *x)
{
	const struct refusal *why = frame_response(&x->r.answer, &x->answered, x->r.consulting ? METHOD_GET : x->asked.method);

	if (why) {
		exchange_server_failed(x, why->status, why->text);
		return;
	}
	x->back.at += x->answered.len;
	if (x->answered.status >= 200 || x->answered.status == 101) {
		backend_answered(&x->env->backend, x->r.up->peer);
		x->r.answered_us = x->env->now_us;
	}
	if (x->answered.status == 101)
		begin_tunnel(x);
	else if (x->answered.status < 200)
		begin_interim(x);
	else if (x->r.consulting ? !exchange_consult_take(x) : !x->r.keep || !exchange_keep_answer(x))
		begin_relay(x);
}

/* False: none is there yet. */
static bool look_for_answer(struct exchange *x)
{
	struct span raw = buf_raw(&x->back);
	char *at = x->back.data + x->back.at;
	const struct refusal *why;
	size_t len;

	buf_seal(&x->back);
	if (x->r.seen == 0 && head_try_response(&x->answered, at, raw.len)) {
		take_answer(x);
		return true;
	}
	len = head_end(raw.at, raw.len, &x->r.seen);
	if (len > GW_HEAD || (len == 0 && raw.len >= GW_HEAD))
		why = &long_answer;
	else if (len == 0)
		return false;
	else
		why = head_response(&x->answered, at, len);
	if (why)
		exchange_server_failed(x, why->status, why->text);
	else
		take_answer(x);
	return true;
}

/* The server will say no more, and has not said enough. */
static void answer_broke_off(struct exchange *x)
{
	const char *why = x->r.up->link.why;

	if (exchange_link_was_stale(x) && exchange_is_repeatable(x)) {
		exchange_retry_fresh(x);
		return;
	}
	if (!why)
		why = buf_held(&x->back) ? "the server ended within the response head" : "the server ended without an answer";
	exchange_server_failed(x, 502, why);
}

bool exchange_listens_to_server(const struct exchange *x)
{
	return !x->r.interim && (x->r.up_flow.head.len == 0 || x->r.up->link.cut);
}

/* The next response head, if it is there: true if something was done. */
static bool step_answer(struct exchange *x)
{
	struct link *server = &x->r.up->link;

	if (x->r.interim) {
		enum flow_result result = flow_step(&x->r.down_flow);

		if (result == FLOW_TO_BROKEN)
			exchange_abandon(x, "the client went away", EXCHANGE_CLOSE);
		else if (result == FLOW_DONE)
			x->r.interim = false;
		return result != FLOW_WAIT;
	}
	if (!exchange_listens_to_server(x))
		return false;
	if (look_for_answer(x))
		return true;
	if (server->eof) {
		answer_broke_off(x);
		return true;
	}
	if (!server->readable)
		return false;
	if (link_fill(server) > 0)
		x->r.heard = true;
	else if (!server->eof)
		return false;
	return true;
}

/* The request's way up, beside the answer. False: it is all over. */
static bool step_up(struct exchange *x)
{
	if (x->r.up_over)
		return true;
	switch (flow_step(&x->r.up_flow)) {
	case FLOW_WAIT:
		if (x->r.up_flow.body.bad)
			break; /* nobody needs the rest of it */
		return true;
	case FLOW_DONE:
		x->r.up_over = true;
		if (x->r.state == EXCHANGE_AWAIT)
			x->r.window = x->r.moved_at = x->env->now;
		return true;
	case FLOW_TO_BROKEN:
		/* It may have answered before it closed; that is for the other direction to find. */
		x->r.up_over = true;
		return true;
	case FLOW_FROM_BROKEN:
		break;
	}
	if (x->r.answering)
		exchange_abandon(x, x->r.up_flow.body.bad ? x->r.up_flow.body.bad->text : body_broke_off.text, EXCHANGE_RESET);
	else
		exchange_refuse(x, x->r.up_flow.body.bad ? x->r.up_flow.body.bad : &body_broke_off);
	return false;
}

bool exchange_watch_client(struct exchange *x)
{
	struct link *client = &x->conn->link;

	if (!client->readable || !x->r.up_over || !buf_has_room(&x->in) || x->in.ready)
		return true;
	link_fill(client);
	if (!client->why)
		return true;
	exchange_abandon(x, "the client went away", EXCHANGE_CLOSE);
	return false;
}

void exchange_step_await(struct exchange *x)
{
	bool consulting = x->r.consulting;

	if (!step_up(x) || !exchange_watch_client(x))
		return;
	while (x->r.state == EXCHANGE_AWAIT && step_answer(x))
		;
	if (consulting && !x->r.consulting && x->r.state == EXCHANGE_AWAIT)
		exchange_step_await(x); /* the request itself is on its way now */
}

/* A server that has no use for the body of such a request may have left it unread, and
 * take it for the next request (RFC 9110 9.3.1). */
static bool has_odd_body(const struct exchange *x)
{
	const struct frame *f = &x->r.frame;

	if (x->r.consulting || f->kind == BODY_NONE || (f->kind == BODY_LENGTH && f->length == 0))
		return false;
	return x->asked.method == METHOD_GET || x->asked.method == METHOD_HEAD || x->asked.method == METHOD_OPTIONS || x->asked.method == METHOD_DELETE;
}

/* Is the link in a state in which the next request may be sent on it? (Some
 * servers stop reading HTTP once they were asked for an upgrade.) */
static bool server_link_is_clean(const struct exchange *x)
{
	const struct upstream *up = x->r.up;

	return !has_odd_body(x) && x->r.answer.persist && (x->r.consulting || !x->r.frame.upgrade) && x->r.up_over && body_done(&x->r.up_flow.body) && !flow_wants_out(&x->r.up_flow) &&
	       buf_held(&x->back) == 0 && link_is_open(&up->link) && !up->link.cut && !up->peer->server->proxy;
}

void exchange_leave_server(struct exchange *x)
{
	if (!server_link_is_clean(x)) {
		exchange_drop_server(x);
		return;
	}
	backend_return(&x->env->backend, x->r.up, x->env->now);
	x->r.up = NULL;
}

void exchange_step_relay(struct exchange *x)
{
	if (!step_up(x) || !exchange_watch_client(x))
		return;
	switch (flow_step(&x->r.down_flow)) {
	case FLOW_WAIT:
		return;
	case FLOW_DONE:
		exchange_leave_server(x);
		exchange_finish(x);
		return;
	case FLOW_FROM_BROKEN:
		/* No last chunk, no orderly end: the client must see the loss. */
		exchange_abandon(x, x->r.down_flow.body.bad ? x->r.down_flow.body.bad->text : "the response body broke off", EXCHANGE_RESET);
		return;
	case FLOW_TO_BROKEN:
		exchange_abandon(x, "the client went away", EXCHANGE_CLOSE);
		return;
	}
}

void exchange_step_reply(struct exchange *x)
{
	switch (flow_step(&x->r.down_flow)) {
	case FLOW_WAIT:
		return;
	case FLOW_DONE:
		exchange_finish(x);
		return;
	default:
		exchange_abandon(x, "the client went away", EXCHANGE_CLOSE);
	}
}

/* One way of a tunnel. False: the tunnel is broken. */
static bool step_way(struct flow *f)
{
	if (f->to->shut)
		return true;
	switch (flow_step(f)) {
	case FLOW_WAIT:
		return true;
	case FLOW_DONE:
		link_finish(f->to);
		return true;
	default:
		return false;
	}
}

/* A way whose sink is gone ends the other one, too; but what has come there and only
 * waits for its budget still goes. */
static bool outlives(struct flow *broken, const struct flow *other)
{
	if (!broken->to->cut || !flow_is_held(other))
		return false;
	body_init(&broken->body, BODY_NONE, 0); /* nothing more of it is read */
	return true;
}

static bool step_both_ways(struct exchange *x)
{
	struct flow *up = &x->r.up_flow, *down = &x->r.down_flow;
	bool up_goes = step_way(up), down_goes = step_way(down);

	/* The end that we sent a client over TLS is the end of what comes from it, too. */
	if (up_goes && down_goes && down->to->shut && down->to->eof)
		up_goes = step_way(up);
	if (!up_goes)
		return down_goes && (down->to->shut || outlives(up, down));
	return down_goes || outlives(down, up);
}

void exchange_step_tunnel(struct exchange *x)
{
	if (!step_both_ways(x))
		exchange_abandon(x, "the tunnel broke", EXCHANGE_RESET);
	else if ((x->r.up_flow.to->shut || x->r.up_flow.to->cut) && x->r.down_flow.to->shut)
		exchange_over(x, EXCHANGE_CLOSE);
}

/* SPDX-License-Identifier: MIT
 *
 * exchange_time - has this request waited too long, and for whom?
 */
#include "exchange_parts.h"

enum {
	LEAST_RATE = 64,       /* bytes a second that a slow client must send or take ... */
	LEAST_BYTES = 3840,    /* ... but never more than this in one window */
	SLOW_MS = 1000,        /* a client that was too slow for so long gives way, when places run out */
	SLOW_RATE = 1024,      /* bytes a second that are not too slow */
	SILENT_MS = 60000,     /* so does a tunnel or an event stream that was silent for so long */
	JOIN_MS = 5000,        /* who waits for another one's answer asks for himself after so long */
	HALF_CLOSED_MS = 10000 /* nothing need move for so long once a client, or an end of a tunnel, has closed */
};

static const struct refusal late_head = {408, "the request head took too long"};
static const struct refusal gave_way = {408, "too slow or silent while others were waiting"};
static const struct refusal late_body = {408, "the request body took too long"};

/* Whom are we waiting for? */
static bool client_takes_nothing(const struct exchange *x)
{
	bool sending = x->r.state == EXCHANGE_REPLY || x->r.state == EXCHANGE_SERVE || x->r.state == EXCHANGE_RELAY || x->r.state == EXCHANGE_TUNNEL || x->r.interim;

	return sending && flow_wants_out(&x->r.down_flow);
}

static bool client_sends_nothing(const struct exchange *x)
{
	return (x->r.state == EXCHANGE_AWAIT || x->r.state == EXCHANGE_RELAY) && !x->r.up_over && !flow_wants_out(&x->r.up_flow);
}

/* A client that has closed its end most often has gone altogether, and only a
 * write would tell; but one that asked by way of a pipe wants its answer. */
static bool ends_soon(const struct exchange *x)
{
	return x->conn->link.eof || (x->r.state == EXCHANGE_TUNNEL && x->r.up->link.eof);
}

static int64_t patience(const struct exchange *x)
{
	const struct options *o = x->r.route ? &x->r.route->options : NULL;
	int64_t ms;

	if (x->r.state == EXCHANGE_REPLY || client_takes_nothing(x))
		return x->env->config->send_timeout;
	if (x->r.state == EXCHANGE_TUNNEL)
		return ends_soon(x) && o->tunnel_timeout > HALF_CLOSED_MS ? HALF_CLOSED_MS : o->tunnel_timeout;
	if (client_sends_nothing(x) && !x->r.stream)
		return o->body_timeout;
	if (x->r.state == EXCHANGE_AWAIT)
		ms = x->r.up_over ? o->response_timeout : o->body_timeout;
	else
		ms = x->r.stream ? o->tunnel_timeout : o->body_timeout;
	return ends_soon(x) && ms > HALF_CLOSED_MS ? HALF_CLOSED_MS : ms;
}

/* What other workers write is looked at from time to time. */
static int64_t or_look(const struct exchange *x, int64_t due)
{
	int64_t at = x->r.keep ? x->r.keep->look_at : 0;

	return at && at < due ? at : due;
}

int64_t exchange_deadline(const struct exchange *x)
{
	switch (x->r.state) {
	case EXCHANGE_HEAD:
	case EXCHANGE_FORM:
		return x->r.since + x->env->config->head_timeout;
	case EXCHANGE_VERIFY:
		return x->r.since + VERIFY_MS;
	case EXCHANGE_PAUSE:
		return x->r.guard->until;
	case EXCHANGE_CONNECT:
		return x->r.since + x->r.route->options.connect_timeout;
	case EXCHANGE_JOIN:
		return or_look(x, x->r.since + JOIN_MS);
	default:
		return x->r.held_since ? exchange_pace_due(x) : or_look(x, x->r.window + patience(x));
	}
}

/* Has enough moved since the window began? A client must keep a least rate,
 * so that a trickle cannot hold a place; a server may be as slow as it likes
 * as long as it is not silent. */
static bool was_moving(struct exchange *x)
{
	int64_t ms = patience(x);
	uint64_t least = (uint64_t)ms * LEAST_RATE / 1000;
	uint64_t bytes = exchange_moved(x) - x->r.moved;
	bool client = x->r.state != EXCHANGE_TUNNEL && (client_takes_nothing(x) || (client_sends_nothing(x) && !x->r.stream));

	x->r.moved = exchange_moved(x);
	if (client) {
		x->r.window = x->env->now;
		return bytes >= (least < LEAST_BYTES ? least : LEAST_BYTES);
	}
	x->r.window = x->r.moved_at;
	return x->r.moved_at + ms > x->env->now;
}

static void expire_connect(struct exchange *x)
{
	struct peer *peer = backend_peer(&x->env->backend, x->r.target);

	if (!x->r.up) {
		exchange_server_failed(x, 504, "the server's name took too long to resolve");
		return;
	}
	exchange_drop_server(x);
	if (++x->r.address < peer->count)
		exchange_connect(x);
	else
		exchange_server_failed(x, 504, "connecting took too long");
}

void exchange_expire(struct exchange *x)
{
	switch (x->r.state) {
	case EXCHANGE_HEAD:
		if (buf_held(&x->in) && !x->conn->greeting)
			exchange_refuse(x, &late_head);
		else
			exchange_over(x, EXCHANGE_CLOSE);
		break;
	case EXCHANGE_FORM:
		exchange_refuse(x, &late_body);
		break;
	case EXCHANGE_VERIFY:
	case EXCHANGE_PAUSE:
		break; /* the step finds out */
	case EXCHANGE_CONNECT:
		expire_connect(x);
		break;
	case EXCHANGE_JOIN:
		if (x->r.since + JOIN_MS <= x->env->now)
			exchange_go_alone(x);
		break;
	default:
		if (x->r.held_since || x->r.window + patience(x) > x->env->now)
			break;
		if (was_moving(x))
			return;
		if (x->conn->link.eof)
			exchange_abandon(x, "the client went away", EXCHANGE_CLOSE);
		else if (client_takes_nothing(x))
			exchange_abandon(x, "the client took nothing for too long", EXCHANGE_RESET);
		else if (x->r.state == EXCHANGE_FILL)
			exchange_break_fill(x);
		else if (x->r.state == EXCHANGE_SERVE)
			exchange_abandon(x, "the rest of what is being stored took too long", EXCHANGE_RESET);
		else if (x->r.state == EXCHANGE_TUNNEL)
			exchange_abandon(x, "the tunnel was silent for too long", EXCHANGE_CLOSE);
		else if (x->r.state == EXCHANGE_RELAY)
			exchange_abandon(x, client_sends_nothing(x) ? late_body.text : "the server was silent for too long", EXCHANGE_RESET);
		else if (client_sends_nothing(x))
			exchange_refuse(x, &late_body);
		else
			exchange_server_failed(x, 504, "the server took too long to answer");
	}
	exchange_step(x);
}

static bool waits_for_client(const struct exchange *x)
{
	switch (x->r.state) {
	case EXCHANGE_HEAD:
	case EXCHANGE_FORM:
		return true;
	case EXCHANGE_AWAIT:
	case EXCHANGE_RELAY:
	case EXCHANGE_REPLY:
	case EXCHANGE_SERVE:
		return client_takes_nothing(x) || (client_sends_nothing(x) && !x->r.stream);
	default:
		return false;
	}
}

bool exchange_is_slow(struct exchange *x)
{
	int64_t ms;
	bool slow;

	if (x->r.state == EXCHANGE_HEAD || x->r.state == EXCHANGE_FORM || x->r.state == EXCHANGE_PAUSE)
		return x->env->now - x->r.since >= SLOW_MS;
	if (x->r.held_since)
		return false; /* it is us who are slow */
	if (ends_soon(x))
		return x->env->now - x->r.moved_at >= SLOW_MS;
	if (x->r.state == EXCHANGE_TUNNEL || (x->r.state == EXCHANGE_RELAY && x->r.stream))
		return x->env->now - x->r.moved_at >= SILENT_MS;
	ms = x->env->now - x->r.pace_at;
	if (ms < SLOW_MS)
		return false;
	slow = ms < 4 * SLOW_MS && waits_for_client(x) && (exchange_moved(x) - x->r.pace) * 1000 < (uint64_t)ms * SLOW_RATE;
	if (!slow) {
		x->r.pace_at = x->env->now;
		x->r.pace = exchange_moved(x);
	}
	return slow;
}

void exchange_give_way(struct exchange *x)
{
	if (x->r.answering) {
		exchange_abandon(x, gave_way.text, x->r.state == EXCHANGE_TUNNEL ? EXCHANGE_CLOSE : EXCHANGE_RESET);
		return;
	}
	if (x->r.state == EXCHANGE_PAUSE)
		exchange_cut_pause(x);
	else
		exchange_refuse(x, &gave_way);
	exchange_step(x);
	if (x->r.state != EXCHANGE_OVER) /* it does not even take that */
		exchange_abandon(x, gave_way.text, EXCHANGE_RESET);
}

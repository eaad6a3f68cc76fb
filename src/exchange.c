/* SPDX-License-Identifier: MIT
 *
 * exchange - what happens to one request?
 *
 * Knows the course of a request from its first byte to its line in the log.
 * Decides nothing about grammar, lengths, routes or heads itself, and knows
 * neither poll nor descriptors.
 *
 * Buffers: `in` holds the request head until the end, since the log and a
 * second attempt need it; what follows it is body, then a next request. `out`
 * holds one composed head at a time: the request's until it is sent, then the
 * response's. A response is not looked at before.
 */
#include "exchange_parts.h"

/* --- life ------------------------------------------------------------------- */

enum { ALIGN = 16 };

static size_t aligned(size_t size)
{
	return (size + ALIGN - 1) / ALIGN * ALIGN;
}

size_t exchange_bytes(const struct config *c)
{
	return aligned(sizeof(struct exchange)) + 2 * aligned(c->buffer + 1) + aligned(GW_HEAD_OUT) + aligned(GW_TARGET) +
	       (c->guards ? aligned(sizeof(struct guard)) : 0) + (c->cache ? aligned(sizeof(struct keep)) : 0);
}

void exchange_next(struct exchange *x)
{
	memset(&x->r, 0, sizeof x->r);
	x->r.state = EXCHANGE_HEAD;
	x->r.since = x->env->now;
	x->r.began_us = x->env->now_us;
	x->r.client = x->conn->peer;
}

struct exchange *exchange_open(void *memory, struct env *env, struct conn *conn)
{
	struct exchange *x = memory;
	char *data = (char *)memory + aligned(sizeof *x);
	size_t buffer = aligned(env->config->buffer + 1);

	x->env = env;
	x->conn = conn;
	buf_init(&x->in, data, env->config->buffer);
	buf_init(&x->back, data + buffer, env->config->buffer);
	x->out = data + 2 * buffer;
	x->path_room = x->out + aligned(GW_HEAD_OUT);
	data = x->path_room + aligned(GW_TARGET);
	x->guard_room = env->config->guards ? (struct guard *)(void *)data : NULL;
	data += env->config->guards ? aligned(sizeof(struct guard)) : 0;
	x->keep_room = env->config->cache ? (struct keep *)(void *)data : NULL;
	conn->link.in = &x->in;
	exchange_next(x);
	return x;
}

void exchange_drop_server(struct exchange *x)
{
	if (x->r.up)
		backend_close(&x->env->backend, x->r.up);
	x->r.up = NULL;
}

void exchange_close(struct exchange *x)
{
	exchange_drop_server(x);
	if (x->r.keep)
		exchange_keep_end(x);
	if (x->r.guard)
		exchange_leave_queue(x);
	x->conn->link.in = NULL;
}

void exchange_enter(struct exchange *x, enum exchange_state state)
{
	x->r.state = (uint8_t)state;
	x->r.since = x->r.window = x->r.moved_at = x->env->now;
}

/* --- from outside ----------------------------------------------------------------------- */

uint64_t exchange_moved(const struct exchange *x)
{
	return x->r.up_flow.sent + x->r.down_flow.sent;
}

void exchange_step(struct exchange *x)
{
	uint64_t before = exchange_moved(x);
	uint8_t state;

	if (x->r.paced)
		exchange_pace_before(x);
	do {
		state = x->r.state;
		switch (state) {
		case EXCHANGE_HEAD:
			exchange_step_head(x);
			break;
		case EXCHANGE_FORM:
			exchange_step_form(x);
			break;
		case EXCHANGE_VERIFY:
			exchange_step_verify(x);
			break;
		case EXCHANGE_PAUSE:
			exchange_step_pause(x);
			break;
		case EXCHANGE_JOIN:
			exchange_step_join(x);
			break;
		case EXCHANGE_SERVE:
			exchange_step_serve(x);
			break;
		case EXCHANGE_FILL:
			exchange_step_fill(x);
			break;
		case EXCHANGE_CONNECT:
			exchange_step_connect(x);
			break;
		case EXCHANGE_AWAIT:
			exchange_step_await(x);
			break;
		case EXCHANGE_RELAY:
			exchange_step_relay(x);
			break;
		case EXCHANGE_REPLY:
			exchange_step_reply(x);
			break;
		case EXCHANGE_TUNNEL:
			exchange_step_tunnel(x);
			break;
		}
	} while (x->r.state != state || exchange_connect_has_news(x));
	if (exchange_moved(x) != before)
		x->r.moved_at = x->env->now;
	if (x->r.paced)
		exchange_pace_after(x);
}

/* Is the client's socket of interest beyond what the flows want of it? */
static bool watches_client(const struct exchange *x)
{
	return x->r.up_over && buf_has_room(&x->in) && !x->in.ready;
}

short exchange_wants_client(const struct exchange *x)
{
	const struct link *client = &x->conn->link;

	if (x->r.errand)
		return 0;
	switch (x->r.state) {
	case EXCHANGE_HEAD:
	case EXCHANGE_FORM:
		return link_watch(client, true, false);
	case EXCHANGE_AWAIT:
		return link_watch(client, x->r.up_over ? watches_client(x) : flow_wants_in(&x->r.up_flow), x->r.interim);
	case EXCHANGE_RELAY:
		return link_watch(client, x->r.up_over ? watches_client(x) : flow_wants_in(&x->r.up_flow), flow_wants_out(&x->r.down_flow));
	case EXCHANGE_REPLY:
		return link_watch(client, false, true);
	case EXCHANGE_JOIN:
		return link_watch(client, watches_client(x), false);
	case EXCHANGE_SERVE:
		return link_watch(client, watches_client(x), flow_wants_out(&x->r.down_flow));
	case EXCHANGE_TUNNEL:
		return link_watch(client, flow_wants_in(&x->r.up_flow), flow_wants_out(&x->r.down_flow));
	default:
		return 0;
	}
}

short exchange_wants_server(const struct exchange *x)
{
	const struct link *server = &x->r.up->link;

	switch (x->r.state) {
	case EXCHANGE_CONNECT:
		return link_watch(server, false, false);
	case EXCHANGE_FILL:
		return link_watch(server, !x->r.keep->stalled && buf_has_room(&x->back), false);
	case EXCHANGE_AWAIT:
		return link_watch(server, exchange_listens_to_server(x), !x->r.up_over && flow_wants_out(&x->r.up_flow));
	case EXCHANGE_RELAY:
	case EXCHANGE_TUNNEL:
		return link_watch(server, flow_wants_in(&x->r.down_flow), !x->r.up_over && flow_wants_out(&x->r.up_flow));
	default:
		return 0;
	}
}

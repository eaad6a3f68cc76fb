/* SPDX-License-Identifier: MIT
 *
 * exchange_server - which server gets this request, and what if it fails?
 */
#include "exchange_parts.h"
#include "proxy.h"

static const struct refusal head_too_long = {431, "the head is too long"};

static bool is_idempotent(enum method method)
{
	switch (method) {
	case METHOD_GET:
	case METHOD_HEAD:
	case METHOD_OPTIONS:
	case METHOD_PUT:
	case METHOD_DELETE:
		return true;
	default:
		return false;
	}
}

bool exchange_is_repeatable(const struct exchange *x)
{
	if (x->r.state == EXCHANGE_CONNECT)
		return true;
	if (x->r.heard || x->r.consulting)
		return !x->r.heard;
	return is_idempotent(x->asked.method) && x->r.up_flow.sent == 0 && x->r.frame.kind != BODY_CHUNKED && !x->r.frame.upgrade;
}

bool exchange_choose(struct exchange *x)
{
	const struct route *route = x->r.route;
	const struct target *t;

	if (x->r.consulting) /* there is one, and nobody answers in its place */
		return false;
	if (x->r.tries >= route->options.tries)
		return false;
	t = backend_choose(&x->env->backend, route, x->r.tried, x->env->now);
	if (!t)
		return false;
	x->r.target = t;
	x->r.tried |= 1u << (t - route->targets);
	x->r.tries++;
	x->r.address = 0;
	return true;
}

/* Nothing of the body has gone: it will be looked at anew. */
static void forget_attempt(struct exchange *x)
{
	x->in.ready = 0;
	x->r.up_flow = (struct flow){0};
}

void exchange_server_failed(struct exchange *x, int status, const char *why)
{
	struct peer *peer = backend_peer(&x->env->backend, x->r.target);
	bool repeatable = exchange_is_repeatable(x);

	backend_failed(&x->env->backend, peer, &x->r.route->options, why, x->env->now);
	exchange_drop_server(x);
	if (x->r.consulting)
		why = exchange_consult_why(x, why);
	x->r.why = why;
	if (repeatable && exchange_choose(x)) {
		forget_attempt(x);
		x->r.fresh = false;
		exchange_connect(x);
		return;
	}
	exchange_no_server(x, status, why);
}

void exchange_no_server(struct exchange *x, int status, const char *why)
{
	if (!x->r.keep || !exchange_rescue(x, why))
		exchange_refuse_text(x, status, why);
}

bool exchange_link_was_stale(const struct exchange *x)
{
	return x->r.up->reused && !x->r.heard && x->r.up->link.eof;
}

void exchange_retry_fresh(struct exchange *x)
{
	exchange_drop_server(x);
	forget_attempt(x);
	x->r.fresh = true;
	exchange_connect(x);
}

/* The PROXY header that a new connection begins with, if its server wants one. */
static void write_proxy(struct exchange *x, struct text *out)
{
	struct net local = {0};

	if (!x->r.target->server->proxy)
		return;
	platform_local(x->conn->link.fd, &local);
	proxy_write(out, x->r.target->server->proxy, &x->r.client, &local);
}

/* Connected: with TLS the PROXY header goes in clear, and then hands are shaken. */
static void shake_hands(struct exchange *x, struct upstream *up)
{
	struct text out = text_in(x->out, GW_HEAD_OUT);

	if (x->env->shakes == 0) { /* the next turn's: keys take long */
		x->conn->now = true;
		return;
	}
	x->env->shakes--;
	if (!up->prefaced) {
		write_proxy(x, &out);
		if (out.len && !link_preface(&up->link, text_span(&out)))
			up->link.why = "the PROXY header could not be sent";
		up->prefaced = true;
	}
	link_shake(&up->link);
}

static void write_request(struct exchange *x, struct text *out)
{
	struct rewrite_up rewrite = {
		.head = &x->asked,
		.frame = &x->r.frame,
		.path = &x->r.path,
		.host = x->r.host,
		.route = x->r.route,
		.target = x->r.target,
		.asker = &x->r.asker,
		.fields = x->r.guard ? text_span(&x->r.guard->up) : span_of("", 0),
		.hide_authorization = x->r.hide_authorization,
		.hide_cookies = x->env->config->users_count > 0,
	};

	if (x->r.keep && x->r.keep->validates) {
		rewrite.validates = true;
		rewrite.conditions = text_span(&x->r.keep->conditions);
	}
	rewrite_request(out, &rewrite);
}

/* The request's way up, body and all. */
static void start_up(struct exchange *x, struct span head)
{
	struct frame *f = &x->r.frame;

	flow_start(&x->r.up_flow, &x->conn->link, &x->r.up->link, head, f->kind, f->length, f->kind == BODY_CHUNKED);
	x->r.up_flow.ducts = &x->env->ducts;
	exchange_pace(x, &x->r.up_flow);
	if (x->r.route->options.max_body)
		x->r.up_flow.body.most = x->r.route->options.max_body;
}

static void send_request(struct exchange *x)
{
	struct text out = text_in(x->out, GW_HEAD_OUT);
	struct upstream *up = x->r.up;

	if (!up->link.tls)
		write_proxy(x, &out);
	if (x->r.consulting)
		exchange_consult_write(x, &out);
	else
		write_request(x, &out);
	if (out.full) {
		exchange_refuse(x, &head_too_long);
		return;
	}
	x->back.at = x->back.end = x->back.ready = x->back.keep = 0;
	up->link.in = &x->back;
	if (x->r.consulting)
		flow_reply(&x->r.up_flow, &up->link, text_span(&out), span_of("", 0));
	else
		start_up(x, text_span(&out));
	x->r.up_over = x->r.heard = false;
	x->r.seen = 0;
	x->r.asked_us = x->env->now_us;
	exchange_enter(x, EXCHANGE_AWAIT);
}

/* Who may pass is not to be read from what a server has said out of turn, either. */
static bool must_not_fail(const struct exchange *x)
{
	return x->r.consulting || !is_idempotent(x->asked.method) || x->r.frame.kind != BODY_NONE;
}

void exchange_connect(struct exchange *x)
{
	struct backend *b = &x->env->backend;
	struct peer *peer = backend_peer(b, x->r.target);
	bool fresh = x->r.fresh || x->r.address || x->r.target->server->proxy;

	exchange_enter(x, EXCHANGE_CONNECT);
	x->r.up = backend_borrow(b, peer, x->r.address, fresh, x->env->now);
	/* What must not be sent twice is not tried on a link that may be dead. */
	while (x->r.up && x->r.up->reused && must_not_fail(x) && platform_peek(x->r.up->link.fd) != PLATFORM_WAIT) {
		exchange_drop_server(x);
		x->r.up = backend_borrow(b, peer, x->r.address, fresh, x->env->now);
	}
	if (x->r.up && x->r.up->reused)
		send_request(x);
}

void exchange_step_connect(struct exchange *x)
{
	struct backend *b = &x->env->backend;
	struct peer *peer = backend_peer(b, x->r.target);
	struct upstream *up = x->r.up;

	if (!up) {
		if (peer->count == 0 && peer->why[0]) {
			backend_resolve_soon(peer, x->env->now);
			exchange_server_failed(x, 502, "the server's name does not resolve");
		} else if (peer->count || peer->server->path) {
			x->r.up = backend_borrow(b, peer, x->r.address, true, x->env->now);
			if (!x->r.up)
				exchange_no_server(x, 503, "no place for a further link to a server");
		}
		return;
	}
	if (up->link.phase == LINK_SHAKING)
		shake_hands(x, up);
	if (up->link.phase == LINK_OPEN) {
		backend_greeted(up, x->env->now);
		peer->at = (uint8_t)(peer->count ? (peer->at + x->r.address) % peer->count : 0);
		send_request(x);
	} else if (up->link.why) {
		const char *why = up->link.why;

		exchange_drop_server(x);
		if (++x->r.address < peer->count) {
			exchange_connect(x);
			return;
		}
		backend_resolve_soon(peer, x->env->now);
		exchange_server_failed(x, 502, why);
	}
}

bool exchange_connect_has_news(const struct exchange *x)
{
	const struct upstream *up = x->r.up;
	const struct peer *peer;

	if (x->r.state != EXCHANGE_CONNECT)
		return false;
	if (up)
		return up->link.why || up->link.phase == LINK_OPEN;
	peer = &x->env->backend.peers[x->r.target->server->number];
	return peer->count || peer->why[0] || peer->server->path;
}

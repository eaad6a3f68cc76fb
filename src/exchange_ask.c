/* SPDX-License-Identifier: MIT
 *
 * exchange_ask - what is asked, and whose is it?
 *
 * From the first byte of a request to a server that is to be asked, or to an
 * answer of our own.
 */
#include "exchange_parts.h"
#include "proxy.h"
#include "route.h"

static const struct refusal head_too_long = {431, "the head is too long"};
static const struct refusal target_too_long = {414, "the request target is too long"};
static const struct refusal broke_off = {400, "the request broke off"};
static const struct refusal bad_host = {400, "the host is not one"};
static const struct refusal no_site = {421, "no site of this name"};
static const struct refusal no_route = {404, "no route for this path"};
static const struct refusal not_allowed = {403, "not allowed from this address, or in another reading of the path"};
static const struct refusal bad_method = {405, "this method is not for us"};
static const struct refusal loop = {508, "the request came back to us"};

/* --- asking ------------------------------------------------------------------------ */

static void know_client(struct exchange *x)
{
	struct conn *conn = x->conn;
	struct span peer = span_of(conn->text, conn->text_len);
	const struct config *c = x->env->config;

	if (conn->link.tls) {
		x->r.suite = tls_suite(conn->link.tls);
		x->r.resumed = tls_resumed(conn->link.tls);
	}
	x->r.asker = (struct asker){peer, peer, conn->link.tls ? SPAN("https") : SPAN("http"), conn->port, conn->trusted, span_of("", 0)};
	if (conn->trusted && rewrite_client(&x->r.client, &x->asked, c->trusted, c->trusted_count)) {
		struct text text = text_in(x->r.client_text, sizeof x->r.client_text);

		net_write(&text, &x->r.client);
		x->r.asker.client = text_span(&text);
	}
}

static void redirect(struct exchange *x, int status, struct span location)
{
	struct page page = {.status = status, .location = location};

	if (x->r.route)
		page.edits = &x->r.route->options.response;
	exchange_reply(x, &page);
}

/* "/nas" was asked for, "/nas/" is the place. */
static void redirect_to_slash(struct exchange *x)
{
	char room[2 * GW_TARGET + 2];
	struct text location = text_in(room, sizeof room);
	bool safe = x->asked.method == METHOD_GET || x->asked.method == METHOD_HEAD;

	text_span_add(&location, x->r.path.path);
	text_char(&location, '/');
	text_span_add(&location, x->r.path.query);
	redirect(x, safe ? 301 : 308, text_span(&location));
}

/* The route answers by itself. */
static void reply_route(struct exchange *x)
{
	const struct route *route = x->r.route;
	char room[2 * GW_TARGET + 512];
	struct text location = text_in(room, sizeof room);
	struct page page = {.status = route->status, .type = route->type, .text = route->text, .edits = &route->options.response};

	if (route->kind == ROUTE_REPLY) {
		exchange_reply(x, &page);
		return;
	}
	page_location(&location, route, x->r.path.path, x->r.path.query);
	if (location.full)
		exchange_refuse(x, &target_too_long);
	else
		redirect(x, route->status, text_span(&location));
}

/* RFC 9110 7.6.2: the last one that may answer is us. */
static bool is_last_hop(const struct head *h)
{
	uint64_t hops;

	return h->method == METHOD_OPTIONS && span_number(head_get(h, FIELD_MAX_FORWARDS), &hops) && hops == 0;
}

/* Host and path; NULL, or why not. */
static const struct refusal *know_target(struct exchange *x)
{
	const struct head *h = &x->asked;
	struct text room = text_in(x->path_room, GW_TARGET);
	const struct refusal *why = path_read(&x->r.path, h->target, h->method == METHOD_OPTIONS, &room);

	if (why)
		return why;
	if (x->r.path.host.len) {
		/* absolute-form: its authority replaces Host (RFC 9112 3.2.2) */
		unsigned port;

		x->r.host = x->r.path.host;
		return path_host(x->r.host, &x->r.frame.name, &port) ? NULL : &bad_host;
	}
	x->r.host = head_get(h, FIELD_HOST);
	return NULL;
}

static void find_route(struct exchange *x)
{
	struct path path = x->r.path;
	struct asked asked = {&x->asked, &path, x->r.frame.name, &x->r.client};
	struct guards guards;
	bool slash = false;

	if (span_is(path.path, SPAN("*")))
		path.path = SPAN("/"); /* OPTIONS *: whoever is responsible for all */
	x->r.site = route_site(x->conn->listener, asked.host);
	if (!x->r.site) {
		exchange_refuse(x, &no_site);
		return;
	}
	if (x->conn->listener->special && exchange_answer_before(x, path.path))
		return;
	x->r.route = route_find(x->r.site, &asked, &slash);
	if (!x->r.route) {
		if (slash)
			redirect_to_slash(x);
		else
			exchange_refuse(x, &no_route);
		return;
	}
	if (x->r.route->options.checks && exchange_is_over_limit(x))
		return;
	if (!route_allows(x->r.route, &asked, &guards))
		exchange_refuse(x, &not_allowed);
	else if (GW_HAS(AUTH) && x->guard_room)
		exchange_guard(x, &guards);
	else
		exchange_go_on(x);
}

void exchange_go_on(struct exchange *x)
{
	if (x->r.route->kind != ROUTE_PROXY) {
		reply_route(x);
	} else if (is_last_hop(&x->asked)) {
		struct page page = {.status = 204, .allow = METHODS};

		exchange_reply(x, &page);
	} else if (!x->keep_room || !exchange_keep(x)) {
		exchange_ask_server(x);
	}
}

void exchange_ask_server(struct exchange *x)
{
	if (exchange_choose(x))
		exchange_connect(x);
	else
		exchange_no_server(x, 502, "no server");
}

/* The request head is there and well-formed. */
static void take_request(struct exchange *x)
{
	const struct head *h = &x->asked;
	const struct refusal *why;

	know_client(x);
	why = frame_request(&x->r.frame, h);
	if (!why && (h->method == METHOD_CONNECT || h->method == METHOD_TRACE))
		why = &bad_method;
	if (!why)
		why = know_target(x);
	if (!why && head_has(h, FIELD_VIA) && rewrite_loops(h) >= GW_LOOP)
		why = &loop;
	x->r.close = !x->r.frame.persist;
	if (why)
		exchange_refuse(x, why);
	else
		find_route(x);
}

/* --- the head of a request ------------------------------------------------------------ */

bool exchange_greet(struct env *env, struct conn *conn, const struct net *from)
{
	const struct config *c = env->config;

	conn->greeting = false;
	if (from->family != NET_NONE) {
		struct text text = text_in(conn->text, sizeof conn->text);

		conn->peer = *from;
		net_write(&text, from);
		conn->text_len = (uint8_t)text.len;
		conn->trusted = net_in_any(from, c->trusted, c->trusted_count);
	}
	conn->counted = share_peer_in(env->share, env->slot_number, &conn->peer, 0, c->per_client);
	return conn->counted;
}

/* The PROXY header that comes before anything else. */
static bool take_greeting(struct exchange *x)
{
	struct conn *conn = x->conn;
	struct span raw = buf_raw(&x->in);
	struct net from;
	int len = proxy_read(raw.at, raw.len, &from);

	if (len > 0) {
		x->in.at += (uint32_t)len;
		if (!exchange_greet(x->env, conn, &from)) {
			exchange_over(x, EXCHANGE_CLOSE);
			return false;
		}
		x->r.client = conn->peer;
		return true;
	}
	if (len < 0)
		log_say(x->env->error, LOG_WARN, "no PROXY header from %.*s", (int)conn->text_len, conn->text);
	if (len < 0 || conn->link.eof)
		exchange_over(x, EXCHANGE_CLOSE);
	return false;
}

/* What has come of the head so far is all there will be, or too much. */
static bool head_cannot_end(struct exchange *x, struct span raw)
{
	if (raw.len >= GW_HEAD) {
		exchange_refuse(x, memchr(raw.at, '\n', raw.len) ? &head_too_long : &target_too_long);
		return true;
	}
	if (!x->conn->link.eof)
		return false;
	if (raw.len == 0 || x->conn->link.why)
		exchange_over(x, EXCHANGE_CLOSE);
	else
		exchange_refuse(x, &broke_off);
	return true;
}

static bool accept_head(struct exchange *x, size_t len)
{
	x->in.at += (uint32_t)len;
	x->in.keep = x->in.at;
	take_request(x);
	return false;
}

/* Everything but the next read: true if that is worth a try. */
static bool take_head(struct exchange *x)
{
	const struct refusal *why;
	struct span raw;
	size_t len;

	if (x->conn->greeting && !take_greeting(x))
		return x->r.state == EXCHANGE_HEAD;
	raw = buf_raw(&x->in);
	buf_seal(&x->in);
	if (x->r.seen == 0 && head_try_request(&x->asked, raw.at, raw.len))
		return accept_head(x, x->asked.len);
	len = head_end(raw.at, raw.len, &x->r.seen);
	if (len > GW_HEAD) {
		exchange_refuse(x, &head_too_long);
		return false;
	}
	if (len == 0)
		return !head_cannot_end(x, raw);
	why = head_request(&x->asked, raw.at, len);
	if (why) {
		exchange_refuse(x, why);
		return false;
	}
	return accept_head(x, len);
}

void exchange_step_head(struct exchange *x)
{
	struct link *client = &x->conn->link;

	if (buf_held(&x->in) == 0 && client->readable)
		link_fill(client);
	while (take_head(x) && client->readable)
		if (link_fill(client) == 0 && !client->eof)
			return;
}

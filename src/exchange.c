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
#include "exchange.h"
#include "page.h"
#include "proxy.h"
#include "record.h"
#include "route.h"

enum {
	INTERIMS = 64,         /* 1xx answers passed on to one request */
	LEAST_RATE = 64,       /* bytes a second that a slow client must send or take ... */
	LEAST_BYTES = 3840,    /* ... but never more than this in one window */
	HALF_CLOSED_MS = 30000 /* a server may be silent so long to a client that sends no more */
};

#define METHODS SPAN("GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS")

static const struct refusal head_too_long = {431, "the head is too long"};
static const struct refusal target_too_long = {414, "the request target is too long"};
static const struct refusal broke_off = {400, "the request broke off"};
static const struct refusal body_broke_off = {400, "the request body broke off"};
static const struct refusal bad_host = {400, "the host is not one"};
static const struct refusal no_site = {421, "no site of this name"};
static const struct refusal no_route = {404, "no route for this path"};
static const struct refusal not_allowed = {403, "not allowed from this address, or in another reading of the path"};
static const struct refusal bad_method = {405, "this method is not for us"};
static const struct refusal loop = {508, "the request came back to us"};
static const struct refusal late_head = {408, "the request head took too long"};
static const struct refusal late_body = {408, "the request body took too long"};
static const struct refusal bad_upgrade = {502, "the server changed the protocol unasked"};
static const struct refusal many_interims = {502, "the server sent too many interim responses"};
static const struct refusal long_answer = {502, "the response head is too long"};

static void connect_next(struct exchange *x);

/* --- life ------------------------------------------------------------------- */

enum { ALIGN = 16 };

static size_t aligned(size_t size)
{
	return (size + ALIGN - 1) / ALIGN * ALIGN;
}

size_t exchange_bytes(const struct config *c)
{
	return aligned(sizeof(struct exchange)) + 2 * aligned(c->buffer + 1) + aligned(GW_HEAD_OUT) + aligned(GW_TARGET);
}

static void begin(struct exchange *x)
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
	conn->link.in = &x->in;
	begin(x);
	return x;
}

static void drop_server(struct exchange *x)
{
	if (x->r.up)
		backend_close(&x->env->backend, x->r.up);
	x->r.up = NULL;
}

void exchange_next(struct exchange *x)
{
	begin(x);
}

void exchange_close(struct exchange *x)
{
	drop_server(x);
	x->conn->link.in = NULL;
}

static void enter(struct exchange *x, enum exchange_state state)
{
	x->r.state = (uint8_t)state;
	x->r.since = x->r.window = x->r.moved_at = x->env->now;
}

/* --- the end ------------------------------------------------------------------ */

/* Short enough to be read out on the telephone: 40 bits, letters that are not mistaken. */
static struct span request_id(struct exchange *x)
{
	static const char letters[] = "0123456789abcdefghjkmnpqrstvwxyz";
	uint64_t z;

	if (x->r.id[0] == 0) {
		/* a finaliser of splitmix64: numbers in a row look unlike each other */
		z = x->env->id_seed + ++x->env->id_count * 0x9e3779b97f4a7c15u;
		z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
		z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
		z ^= z >> 31;
		for (size_t i = 0; i < sizeof x->r.id; i++, z >>= 5)
			x->r.id[i] = letters[z & 31];
	}
	return span_of(x->r.id, sizeof x->r.id);
}

static void write_record(struct exchange *x)
{
	const struct head *h = &x->asked;
	bool parsed = x->in.keep > 0; /* else the head was never understood */
	struct record record = {
		.client = x->r.asker.client.len ? x->r.asker.client : span_of(x->conn->text, x->conn->text_len),
		.time = log_time(x->env->clock),
		.iso_time = log_iso(x->env->clock),
		.id = request_id(x),
		.server = x->r.target ? x->r.target->server->name : NULL,
		.why = x->r.why,
		.bytes = x->r.down_flow.sent,
		.took_us = x->env->now_us - x->r.began_us,
		.server_us = x->r.answered_us ? x->r.answered_us - x->r.asked_us : -1,
		.status = x->r.status,
	};
	struct text *line;

	if (parsed) {
		record.method = h->name;
		record.target = h->target;
		record.host = x->r.host;
		record.referer = head_get(h, FIELD_REFERER);
		record.agent = head_get(h, FIELD_USER_AGENT);
		record.version = h->version;
	}
	line = log_begin(x->env->access);
	if (!line)
		return;
	record_write(line, &record, x->env->config->log_format);
	log_end(x->env->access);
}

static void over(struct exchange *x, enum exchange_end end)
{
	struct share_slot *slot = x->env->slot;

	flow_drop(&x->r.up_flow);
	flow_drop(&x->r.down_flow);
	drop_server(x);
	x->r.state = EXCHANGE_OVER;
	x->r.end = (uint8_t)end;
	if (x->r.status == 0)
		return; /* there was no request */
	share_add(&slot->requests);
	if (x->r.status >= 500 && x->r.why)
		share_add(&slot->failed);
	else if (x->r.why)
		share_add(&slot->refused);
	if (x->env->access->kind != LOG_OFF)
		write_record(x);
}

/* The client gets no (further) answer: it is gone, or must see that something is missing. */
static void abandon(struct exchange *x, const char *why, enum exchange_end end)
{
	if (x->r.status == 0)
		x->r.status = 499; /* as nginx logs a client that left */
	if (!x->r.why)
		x->r.why = why;
	over(x, end);
}

/* Has the whole request been taken out of the connection? */
static bool request_is_read(const struct exchange *x)
{
	return x->in.keep > 0 && body_done(&x->r.up_flow.body);
}

/* The message to the client is complete. */
static void finish(struct exchange *x)
{
	struct link *client = &x->conn->link;

	if (!x->r.close) {
		over(x, EXCHANGE_QUIET);
		buf_restart(&x->in);
		if (buf_held(&x->in))
			x->r.end = EXCHANGE_NEXT;
		else if (client->eof)
			x->r.end = EXCHANGE_CLOSE;
		return;
	}
	/* Closing with unread bytes would reset the connection, and the client
	 * might lose the answer with it (RFC 9112 9.6). */
	over(x, request_is_read(x) && buf_held(&x->in) == 0 ? EXCHANGE_CLOSE : EXCHANGE_LINGER);
}

/* --- replies of our own --------------------------------------------------------- */

/* The body of a request that is answered here is not wanted: if it has come
 * with the head it is passed over, else the connection ends with the answer. */
static void pass_body_over(struct exchange *x)
{
	struct frame *f = &x->r.frame;

	if (x->r.up_flow.sent || x->r.up_flow.from) {
		x->r.close |= !body_done(&x->r.up_flow.body) || x->in.ready;
		return;
	}
	body_init(&x->r.up_flow.body, f->kind, f->length);
	if (f->kind == BODY_LENGTH && f->length <= buf_held(&x->in)) {
		x->in.at += (uint32_t)f->length;
		body_init(&x->r.up_flow.body, BODY_NONE, 0);
	} else if (f->kind != BODY_NONE) {
		x->r.close = true;
	}
}

static void reply(struct exchange *x, struct page *page)
{
	struct text out = text_in(x->out, GW_HEAD_OUT);
	struct span head, body;

	drop_server(x);
	if (x->in.keep)
		pass_body_over(x);
	else
		x->r.close = true;
	if (x->env->draining)
		x->r.close = true;
	page->close = x->r.close;
	page->head_only = x->in.keep && x->asked.method == METHOD_HEAD;
	page->id = request_id(x);
	page->date = log_http_date(x->env->clock);
	page_write(&out, page, &head, &body);
	if (out.full) {
		abandon(x, "our own answer is too long", EXCHANGE_RESET);
		return;
	}
	x->r.status = (uint16_t)page->status;
	x->r.answering = true;
	flow_reply(&x->r.down_flow, &x->conn->link, head, body);
	enter(x, EXCHANGE_REPLY);
}

static void refuse(struct exchange *x, const struct refusal *why)
{
	struct page page = {.status = why->status};

	x->r.why = why->text;
	/* A message that was not understood has no known end. */
	if (why->status == 400 || why->status == 408 || why->status == 501)
		x->r.close = true;
	if (why->status == 405)
		page.allow = METHODS;
	reply(x, &page);
}

static void refuse_text(struct exchange *x, int status, const char *text)
{
	struct refusal why = {status, text};

	refuse(x, &why);
}

/* --- servers --------------------------------------------------------------------- */

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

/* May the request be sent once more, to this server or another? RFC 9110 9.2.2:
 * when nobody has seen any of it, or when seeing it twice changes nothing. */
static bool is_repeatable(const struct exchange *x)
{
	if (x->r.state == EXCHANGE_CONNECT)
		return true;
	if (x->r.heard)
		return false;
	return is_idempotent(x->asked.method) && x->r.up_flow.sent == 0 && x->r.frame.kind != BODY_CHUNKED && !x->r.frame.upgrade;
}

static bool choose_next(struct exchange *x)
{
	const struct route *route = x->r.route;
	const struct target *t;

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

/* This server is not to be had for this request. */
static void server_failed(struct exchange *x, int status, const char *why)
{
	struct peer *peer = backend_peer(&x->env->backend, x->r.target);
	bool repeatable = is_repeatable(x);

	backend_failed(&x->env->backend, peer, &x->r.route->options, why, x->env->now);
	drop_server(x);
	x->r.why = why;
	if (repeatable && choose_next(x)) {
		x->in.ready = 0; /* none of it has gone; it will be looked at anew */
		x->r.fresh = false;
		connect_next(x);
		return;
	}
	refuse_text(x, status, why);
}

/* An idle link may have ended in the very moment it was lent: nobody has done
 * anything wrong, and the same server is asked again on a new one. */
static bool link_was_stale(const struct exchange *x)
{
	return x->r.up->reused && !x->r.heard && x->r.up->link.eof;
}

static void retry_fresh(struct exchange *x)
{
	drop_server(x);
	x->in.ready = 0;
	x->r.fresh = true;
	connect_next(x);
}

static void send_request(struct exchange *x)
{
	struct text out = text_in(x->out, GW_HEAD_OUT);
	struct frame *f = &x->r.frame;
	struct upstream *up = x->r.up;
	struct rewrite_up rewrite = {
		.head = &x->asked,
		.frame = f,
		.path = &x->r.path,
		.host = x->r.host,
		.route = x->r.route,
		.target = x->r.target,
		.asker = &x->r.asker,
	};

	if (x->r.target->server->proxy) {
		struct net local = {0};

		platform_local(x->conn->link.fd, &local);
		proxy_write(&out, x->r.target->server->proxy, &x->r.client, &local);
	}
	rewrite_request(&out, &rewrite);
	if (out.full) {
		refuse(x, &head_too_long);
		return;
	}
	x->back.at = x->back.end = x->back.ready = x->back.keep = 0;
	up->link.in = &x->back;
	flow_start(&x->r.up_flow, &x->conn->link, &up->link, text_span(&out), f->kind, f->length, f->kind == BODY_CHUNKED);
	x->r.up_flow.ducts = &x->env->ducts;
	x->r.up_over = x->r.heard = false;
	x->r.seen = 0;
	x->r.asked_us = x->env->now_us;
	enter(x, EXCHANGE_AWAIT);
}

/* A link to the chosen server: an idle one, or one in the making. */
static void connect_next(struct exchange *x)
{
	struct backend *b = &x->env->backend;
	struct peer *peer = backend_peer(b, x->r.target);
	bool fresh = x->r.fresh || x->r.address || x->r.target->server->proxy;

	enter(x, EXCHANGE_CONNECT);
	x->r.up = backend_borrow(b, peer, x->r.address, fresh);
	/* What must not be sent twice is not tried on a link that may be dead. */
	while (x->r.up && x->r.up->reused && !is_idempotent(x->asked.method) && platform_peek(x->r.up->link.fd) != PLATFORM_WAIT) {
		drop_server(x);
		x->r.up = backend_borrow(b, peer, x->r.address, fresh);
	}
	if (x->r.up && x->r.up->reused)
		send_request(x);
}

static void step_connect(struct exchange *x)
{
	struct backend *b = &x->env->backend;
	struct peer *peer = backend_peer(b, x->r.target);
	struct upstream *up = x->r.up;

	if (!up) {
		if (peer->count == 0 && peer->why[0]) {
			backend_resolve_soon(peer, x->env->now);
			server_failed(x, 502, "the server's name does not resolve");
		} else if (peer->count || peer->server->path) {
			x->r.up = backend_borrow(b, peer, x->r.address, true);
			if (!x->r.up)
				refuse_text(x, 503, "no place for a further link to a server");
		}
		return;
	}
	if (up->link.phase == LINK_OPEN) {
		peer->at = (uint8_t)(peer->count ? (peer->at + x->r.address) % peer->count : 0);
		send_request(x);
	} else if (up->link.why) {
		const char *why = up->link.why;

		drop_server(x);
		if (++x->r.address < peer->count) {
			connect_next(x);
			return;
		}
		backend_resolve_soon(peer, x->env->now);
		server_failed(x, 502, why);
	}
}

/* --- asking ------------------------------------------------------------------------ */

static void know_client(struct exchange *x)
{
	struct conn *conn = x->conn;
	struct span peer = span_of(conn->text, conn->text_len);
	const struct config *c = x->env->config;

	x->r.asker = (struct asker){peer, peer, SPAN("http"), conn->port, conn->trusted};
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
	reply(x, &page);
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
		reply(x, &page);
		return;
	}
	page_location(&location, route, x->r.path.path, x->r.path.query);
	if (location.full)
		refuse(x, &target_too_long);
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
	bool slash = false;

	if (span_is(path.path, SPAN("*")))
		path.path = SPAN("/"); /* OPTIONS *: whoever is responsible for all */
	x->r.site = route_site(x->conn->listener, asked.host);
	if (!x->r.site) {
		refuse(x, &no_site);
		return;
	}
	x->r.route = route_find(x->r.site, &asked, &slash);
	if (!x->r.route) {
		if (slash)
			redirect_to_slash(x);
		else
			refuse(x, &no_route);
		return;
	}
	if (!route_allows(x->r.route, &asked)) {
		refuse(x, &not_allowed);
	} else if (x->r.route->kind != ROUTE_PROXY) {
		reply_route(x);
	} else if (is_last_hop(&x->asked)) {
		struct page page = {.status = 204, .allow = METHODS};

		reply(x, &page);
	} else if (choose_next(x)) {
		connect_next(x);
	} else {
		refuse_text(x, 502, "no server");
	}
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
		refuse(x, why);
	else
		find_route(x);
}

/* --- the head of a request ------------------------------------------------------------ */

/* The PROXY header that comes before anything else. */
static bool take_greeting(struct exchange *x)
{
	struct conn *conn = x->conn;
	struct span raw = buf_raw(&x->in);
	struct net from;
	int len = proxy_read(raw.at, raw.len, &from);

	if (len > 0) {
		x->in.at += (uint32_t)len;
		conn->greeting = false;
		if (from.family != NET_NONE) {
			struct text text = text_in(conn->text, sizeof conn->text);

			conn->peer = x->r.client = from;
			net_write(&text, &from);
			conn->text_len = (uint8_t)text.len;
			conn->trusted = net_in_any(&from, x->env->config->trusted, x->env->config->trusted_count);
		}
		conn->counted = share_peer_in(x->env->share, x->env->slot_number, &conn->peer, x->env->config->per_client);
		if (!conn->counted) {
			over(x, EXCHANGE_CLOSE);
			return false;
		}
		return true;
	}
	if (len < 0)
		log_say(x->env->error, LOG_WARN, "no PROXY header from %.*s", (int)conn->text_len, conn->text);
	if (len < 0 || conn->link.eof)
		over(x, EXCHANGE_CLOSE);
	return false;
}

/* What has come of the head so far is all there will be, or too much. */
static bool head_cannot_end(struct exchange *x, struct span raw)
{
	if (raw.len >= GW_HEAD) {
		refuse(x, memchr(raw.at, '\n', raw.len) ? &head_too_long : &target_too_long);
		return true;
	}
	if (!x->conn->link.eof)
		return false;
	if (raw.len == 0 || x->conn->link.why)
		over(x, EXCHANGE_CLOSE);
	else
		refuse(x, &broke_off);
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
		refuse(x, &head_too_long);
		return false;
	}
	if (len == 0)
		return !head_cannot_end(x, raw);
	why = head_request(&x->asked, raw.at, len);
	if (why) {
		refuse(x, why);
		return false;
	}
	return accept_head(x, len);
}

static void step_head(struct exchange *x)
{
	struct link *client = &x->conn->link;

	if (buf_held(&x->in) == 0 && client->readable)
		link_fill(client);
	while (take_head(x) && client->readable)
		if (link_fill(client) == 0 && !client->eof)
			return;
}

/* --- the answer ------------------------------------------------------------------------ */

static bool is_event_stream(const struct head *h)
{
	return span_starts_same(head_get(h, FIELD_CONTENT_TYPE), SPAN("text/event-stream"));
}

/* Composes the response head into x->out; false if it does not fit. */
static bool compose_answer(struct exchange *x, bool chunked, bool tunnel, struct span *head)
{
	struct text out = text_in(x->out, GW_HEAD_OUT);
	struct rewrite_down down = {
		.head = &x->answered,
		.frame = &x->r.answer,
		.edits = x->answered.status >= 200 ? &x->r.route->options.response : NULL,
		.date = log_http_date(x->env->clock),
		.chunked = chunked,
		.close = x->r.close && x->answered.status >= 200,
		.tunnel = tunnel,
	};

	rewrite_response(&out, &down);
	*head = text_span(&out);
	return !out.full;
}

static void begin_tunnel(struct exchange *x)
{
	struct link *client = &x->conn->link, *server = &x->r.up->link;
	struct span head;

	if (!x->r.frame.upgrade || !x->r.answer.upgrade || !body_done(&x->r.up_flow.body)) {
		server_failed(x, bad_upgrade.status, bad_upgrade.text);
		return;
	}
	if (!compose_answer(x, false, true, &head)) {
		server_failed(x, long_answer.status, long_answer.text);
		return;
	}
	x->r.status = 101;
	x->r.answering = true;
	x->r.up_over = false;
	flow_start(&x->r.up_flow, client, server, span_of("", 0), BODY_CLOSE, 0, false);
	flow_start(&x->r.down_flow, server, client, head, BODY_CLOSE, 0, false);
	x->r.up_flow.ducts = x->r.down_flow.ducts = &x->env->ducts;
	enter(x, EXCHANGE_TUNNEL);
}

static void begin_interim(struct exchange *x)
{
	struct span head;

	x->r.seen = 0;
	if (++x->r.interims > INTERIMS) {
		server_failed(x, many_interims.status, many_interims.text);
		return;
	}
	if (x->asked.version < 11)
		return; /* RFC 9110 15.2: not to HTTP/1.0 clients */
	if (!compose_answer(x, false, false, &head)) {
		server_failed(x, long_answer.status, long_answer.text);
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

	/* While a request body is still going up nobody knows what it will come to. */
	if (x->env->draining || !body_done(&x->r.up_flow.body) || (unknown_end && !chunked))
		x->r.close = true;
	if (!compose_answer(x, chunked, false, &head)) {
		server_failed(x, long_answer.status, long_answer.text);
		return;
	}
	x->r.status = x->answered.status;
	x->r.why = NULL; /* what failed before has been made good */
	x->r.answering = true;
	x->r.stream = is_event_stream(&x->answered);
	flow_start(&x->r.down_flow, &x->r.up->link, &x->conn->link, head, f->kind, f->length, chunked);
	x->r.down_flow.ducts = &x->env->ducts;
	enter(x, EXCHANGE_RELAY);
}

/* A response head is there, x->answered.len bytes long. */
static void take_answer(struct exchange *x)
{
	const struct refusal *why = frame_response(&x->r.answer, &x->answered, x->asked.method);

	if (why) {
		server_failed(x, why->status, why->text);
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
	else
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
		server_failed(x, why->status, why->text);
	else
		take_answer(x);
	return true;
}

/* The server will say no more, and has not said enough. */
static void answer_broke_off(struct exchange *x)
{
	const char *why = x->r.up->link.why;

	if (link_was_stale(x) && is_repeatable(x)) {
		retry_fresh(x);
		return;
	}
	if (!why)
		why = buf_held(&x->back) ? "the server ended within the response head" : "the server ended without an answer";
	server_failed(x, 502, why);
}

/* x->out holds one head at a time: an answer waits until the request's has gone. */
static bool listens_to_server(const struct exchange *x)
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
			abandon(x, "the client went away", EXCHANGE_CLOSE);
		else if (result == FLOW_DONE)
			x->r.interim = false;
		return result != FLOW_WAIT;
	}
	if (!listens_to_server(x))
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
		abandon(x, body_broke_off.text, EXCHANGE_CLOSE);
	else
		refuse(x, x->r.up_flow.body.bad ? x->r.up_flow.body.bad : &body_broke_off);
	return false;
}

/* With nothing left to send, the client's socket is still looked at: it may
 * have gone, or sent its next request. False: it has gone. */
static bool watch_client(struct exchange *x)
{
	struct link *client = &x->conn->link;

	if (!client->readable || !x->r.up_over || !buf_has_room(&x->in) || x->in.ready)
		return true;
	link_fill(client);
	if (!client->why)
		return true;
	abandon(x, "the client went away", EXCHANGE_CLOSE);
	return false;
}

static void step_await(struct exchange *x)
{
	if (!step_up(x) || !watch_client(x))
		return;
	while (x->r.state == EXCHANGE_AWAIT && step_answer(x))
		;
}

/* Is the link in a state in which the next request may be sent on it? */
static bool server_link_is_clean(const struct exchange *x)
{
	const struct upstream *up = x->r.up;

	return x->r.answer.persist && x->r.up_over && body_done(&x->r.up_flow.body) && !flow_wants_out(&x->r.up_flow) &&
	       buf_held(&x->back) == 0 && link_is_open(&up->link) && !up->link.cut && !up->peer->server->proxy;
}

static void step_relay(struct exchange *x)
{
	if (!step_up(x) || !watch_client(x))
		return;
	switch (flow_step(&x->r.down_flow)) {
	case FLOW_WAIT:
		return;
	case FLOW_DONE:
		if (server_link_is_clean(x)) {
			backend_return(&x->env->backend, x->r.up, x->env->now);
			x->r.up = NULL;
		}
		finish(x);
		return;
	case FLOW_FROM_BROKEN:
		/* No last chunk, no orderly end: the client must see the loss. */
		abandon(x, x->r.down_flow.body.bad ? x->r.down_flow.body.bad->text : "the response body broke off", EXCHANGE_RESET);
		return;
	case FLOW_TO_BROKEN:
		abandon(x, "the client went away", EXCHANGE_CLOSE);
		return;
	}
}

static void step_reply(struct exchange *x)
{
	switch (flow_step(&x->r.down_flow)) {
	case FLOW_WAIT:
		return;
	case FLOW_DONE:
		finish(x);
		return;
	default:
		abandon(x, "the client went away", EXCHANGE_CLOSE);
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

static void step_tunnel(struct exchange *x)
{
	if (!step_way(&x->r.up_flow) || !step_way(&x->r.down_flow))
		abandon(x, "the tunnel broke", EXCHANGE_RESET);
	else if (x->r.up_flow.to->shut && x->r.down_flow.to->shut)
		over(x, EXCHANGE_CLOSE);
}

/* --- from outside ----------------------------------------------------------------------- */

static uint64_t moved(const struct exchange *x)
{
	return x->r.up_flow.sent + x->r.down_flow.sent;
}

void exchange_step(struct exchange *x)
{
	uint64_t before = moved(x);
	uint8_t state;

	do {
		state = x->r.state;
		switch (state) {
		case EXCHANGE_HEAD:
			step_head(x);
			break;
		case EXCHANGE_CONNECT:
			step_connect(x);
			break;
		case EXCHANGE_AWAIT:
			step_await(x);
			break;
		case EXCHANGE_RELAY:
			step_relay(x);
			break;
		case EXCHANGE_REPLY:
			step_reply(x);
			break;
		case EXCHANGE_TUNNEL:
			step_tunnel(x);
			break;
		}
	} while (x->r.state != state);
	if (moved(x) != before)
		x->r.moved_at = x->env->now;
}

/* Is the client's socket of interest beyond what the flows want of it? */
static bool watches_client(const struct exchange *x)
{
	return x->r.up_over && buf_has_room(&x->in) && !x->in.ready;
}

short exchange_wants_client(const struct exchange *x)
{
	const struct link *client = &x->conn->link;

	switch (x->r.state) {
	case EXCHANGE_HEAD:
		return link_watch(client, true, false);
	case EXCHANGE_AWAIT:
		return link_watch(client, x->r.up_over ? watches_client(x) : flow_wants_in(&x->r.up_flow), x->r.interim);
	case EXCHANGE_RELAY:
		return link_watch(client, x->r.up_over ? watches_client(x) : flow_wants_in(&x->r.up_flow), flow_wants_out(&x->r.down_flow));
	case EXCHANGE_REPLY:
		return link_watch(client, false, true);
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
	case EXCHANGE_AWAIT:
		return link_watch(server, listens_to_server(x), !x->r.up_over && flow_wants_out(&x->r.up_flow));
	case EXCHANGE_RELAY:
	case EXCHANGE_TUNNEL:
		return link_watch(server, flow_wants_in(&x->r.down_flow), !x->r.up_over && flow_wants_out(&x->r.up_flow));
	default:
		return 0;
	}
}

/* Whom are we waiting for? */
static bool client_takes_nothing(const struct exchange *x)
{
	bool sending = x->r.state == EXCHANGE_REPLY || x->r.state == EXCHANGE_RELAY || x->r.state == EXCHANGE_TUNNEL || x->r.interim;

	return sending && flow_wants_out(&x->r.down_flow);
}

static bool client_sends_nothing(const struct exchange *x)
{
	return (x->r.state == EXCHANGE_AWAIT || x->r.state == EXCHANGE_RELAY) && !x->r.up_over && !flow_wants_out(&x->r.up_flow);
}

static int64_t patience(const struct exchange *x)
{
	const struct options *o = x->r.route ? &x->r.route->options : NULL;
	int64_t ms;

	if (x->r.state == EXCHANGE_REPLY || client_takes_nothing(x))
		return x->env->config->send_timeout;
	if (x->r.state == EXCHANGE_TUNNEL)
		return o->tunnel_timeout;
	if (client_sends_nothing(x) && !x->r.stream)
		return o->body_timeout;
	if (x->r.state == EXCHANGE_AWAIT)
		ms = x->r.up_over ? o->response_timeout : o->body_timeout;
	else
		ms = x->r.stream ? o->tunnel_timeout : o->body_timeout;
	if (x->conn->link.eof && x->r.stream && ms > HALF_CLOSED_MS)
		ms = HALF_CLOSED_MS;
	return ms;
}

int64_t exchange_deadline(const struct exchange *x)
{
	switch (x->r.state) {
	case EXCHANGE_HEAD:
		return x->r.since + x->env->config->head_timeout;
	case EXCHANGE_CONNECT:
		return x->r.since + x->r.route->options.connect_timeout;
	default:
		return x->r.window + patience(x);
	}
}

/* Has enough moved since the window began? A client must keep a least rate,
 * so that a trickle cannot hold a place; a server may be as slow as it likes
 * as long as it is not silent. */
static bool was_moving(struct exchange *x)
{
	int64_t ms = patience(x);
	uint64_t least = (uint64_t)ms * LEAST_RATE / 1000;
	uint64_t bytes = moved(x) - x->r.moved;
	bool client = x->r.state != EXCHANGE_TUNNEL && (client_takes_nothing(x) || (client_sends_nothing(x) && !x->r.stream));

	x->r.moved = moved(x);
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
		server_failed(x, 504, "the server's name took too long to resolve");
		return;
	}
	drop_server(x);
	if (++x->r.address < peer->count)
		connect_next(x);
	else
		server_failed(x, 504, "connecting took too long");
}

void exchange_expire(struct exchange *x)
{
	switch (x->r.state) {
	case EXCHANGE_HEAD:
		if (buf_held(&x->in) && !x->conn->greeting)
			refuse(x, &late_head);
		else
			over(x, EXCHANGE_CLOSE);
		break;
	case EXCHANGE_CONNECT:
		expire_connect(x);
		break;
	default:
		if (was_moving(x))
			return;
		if (client_takes_nothing(x))
			abandon(x, "the client took nothing for too long", EXCHANGE_RESET);
		else if (x->r.state == EXCHANGE_TUNNEL)
			abandon(x, "the tunnel was silent for too long", EXCHANGE_CLOSE);
		else if (x->r.state == EXCHANGE_RELAY)
			abandon(x, client_sends_nothing(x) ? late_body.text : "the server was silent for too long", EXCHANGE_RESET);
		else if (client_sends_nothing(x))
			refuse(x, &late_body);
		else
			server_failed(x, 504, "the server took too long to answer");
	}
	exchange_step(x);
}

/* SPDX-License-Identifier: MIT
 *
 * exchange_fill - how does a body get into the cache?
 *
 * An errand is an exchange without a client: its connection has no socket. It takes over the
 * rest of a body from the request that asked for it, or validates what is stale
 * behind the back of one that was answered with it.
 */
#include "exchange_keep.h"

enum {
	ROUNDS = 8,        /* buffers read in one step, at most */
	STALL_MS = 2000,   /* readers who hold up others for so long have to leave */
	UNREAD_MS = 10000  /* what nobody reads is fetched no longer than that, unless its end is known: it may have none */
};

/* --- the body --------------------------------------------------------------------------- */

/* Payload to the front of the buffer. False: there is none yet. */
static bool find_payload(struct buf *b, struct body *body)
{
	while (b->ready == 0 && b->at < b->end && !body_done(body) && !body->bad) {
		size_t payload, framing = body_scan(body, b->data + b->at, b->end - b->at, &payload);

		b->at += (uint32_t)framing;
		b->ready = (uint32_t)payload;
		body_take(body, payload);
		if (framing == 0 && payload == 0)
			break;
	}
	return b->ready > 0;
}

bool exchange_fill_some(struct exchange *x)
{
	struct keep *k = x->r.keep;
	struct body *body = &x->r.down_flow.body;
	struct buf *b = &x->back;

	k->stalled = false;
	while (find_payload(b, body)) {
		char *at;
		size_t len;

		cache_room(&x->env->cache, &k->fill, &at, &len);
		if (len == 0) {
			k->stalled = true;
			return false;
		}
		if (len > b->ready)
			len = b->ready;
		memcpy(at, b->data + b->at, len);
		cache_put(&x->env->cache, &k->fill, len);
		buf_take(b, (uint32_t)len);
		x->r.down_flow.sent += len;
		x->env->cache_moved = true;
	}
	return body_done(body);
}

void exchange_break_fill(struct exchange *x)
{
	if (!GW_HAS(CACHE))
		return;
	keep_end_fill(x, CACHE_BROKEN);
	exchange_over(x, EXCHANGE_CLOSE);
}

static void finish_fill(struct exchange *x)
{
	keep_end_fill(x, CACHE_WHOLE);
	exchange_leave_server(x);
	exchange_over(x, EXCHANGE_CLOSE);
}

/* The server says no more. True: it has said all. */
static bool has_ended(struct exchange *x)
{
	return !x->r.up->link.why && body_end(&x->r.down_flow.body);
}

/* Is it fetched for nobody, and more than may be stored, or for too long, or when we are to end? */
static bool is_in_vain(struct exchange *x)
{
	struct keep *k = x->r.keep;

	if (cache_fill_is_read(&x->env->cache, &k->fill)) {
		k->unread_since = 0;
		return false;
	}
	if (k->unread_since == 0)
		k->unread_since = x->env->now;
	return k->fill.too_long || x->env->draining || (k->fill.length == UINT64_MAX && k->unread_since + UNREAD_MS <= x->env->now);
}

/* The slowest reader has to go on. */
static void wait_for_room(struct exchange *x)
{
	struct keep *k = x->r.keep;

	if (k->stalled_since == 0)
		k->stalled_since = x->env->now;
	else if (k->stalled_since + STALL_MS <= x->env->now)
		cache_hurry(&x->env->cache, &k->fill);
	k->look_at = x->env->now + KEEP_LOOK_MS;
	x->r.window = x->r.moved_at = x->env->now; /* it is not the server who is slow */
}

void exchange_step_fill(struct exchange *x)
{
	struct keep *k = x->r.keep;
	struct link *server = &x->r.up->link;

	if (!GW_HAS(CACHE))
		return;
	k->look_at = 0;
	for (int round = 0; round < ROUNDS; round++) {
		if (exchange_fill_some(x)) {
			finish_fill(x);
			return;
		}
		if (x->r.down_flow.body.bad || is_in_vain(x)) {
			exchange_break_fill(x);
			return;
		}
		if (k->stalled) {
			wait_for_room(x);
			return;
		}
		k->stalled_since = 0;
		if (server->eof) {
			if (has_ended(x))
				finish_fill(x);
			else
				exchange_break_fill(x);
			return;
		}
		/* the last round reads nothing: what a step read, it has written too */
		if (round + 1 == ROUNDS || !server->readable || (link_fill(server) == 0 && !server->eof)) {
			k->look_at = k->unread_since && k->fill.length == UINT64_MAX ? k->unread_since + UNREAD_MS : 0;
			return;
		}
	}
}

/* --- errands ------------------------------------------------------------------------------- */

struct exchange *exchange_errand(struct exchange *x)
{
	struct env *env = x->env;
	struct exchange *e;
	struct conn *c;
	void *memory;

	if (env->conns->lent == env->conns->count || env->exchanges->lent == env->exchanges->count)
		return NULL;
	c = pool_borrow(env->conns);
	memory = pool_borrow(env->exchanges);
	*c = (struct conn){.link = {.fd = -1}, .listener = x->conn->listener, .since = env->now};
	env->cache_moved = true;
	list_append(env->busy, &c->node);
	e = c->exchange = exchange_open(memory, env, c);
	e->r.errand = true;
	e->r.up_over = true;
	e->r.site = x->r.site;
	e->r.route = x->r.route;
	e->r.target = x->r.target;
	e->r.client = x->r.client;
	keep_begin(e);
	e->r.keep->asker = x->r.keep->asker;
	e->r.keep->cached = true;
	return e;
}

/* What has come of the body goes along, the link to the server, and what is written. */
void exchange_hand_over(struct exchange *x, struct exchange *e)
{
	uint32_t held = buf_held(&x->back);

	memcpy(e->back.data, x->back.data + x->back.at, held);
	e->back.end = held;
	x->back.at = x->back.end;
	e->r.up = x->r.up;
	e->r.up->link.in = &e->back;
	x->r.up = NULL;
	e->r.answer = x->r.answer;
	e->r.down_flow.body = x->r.down_flow.body;
	flow_reply(&e->r.up_flow, &e->r.up->link, span_of("", 0), span_of("", 0)); /* the request has gone */
	e->r.keep->fill = x->r.keep->fill;
	x->r.keep->fill.entry = CACHE_NONE;
	exchange_enter(e, EXCHANGE_FILL);
	exchange_step_fill(e);
}

/* --- behind a client's back ------------------------------------------------------------------ */

/* The same bytes, where the copy has them. */
static struct span moved(struct span s, const char *from, size_t size, const char *to)
{
	if (s.at >= from && s.at < from + size)
		s.at = to + (s.at - from);
	return s;
}

/* What a client wants of caches, and what it has already: not of one that asks for all. */
static bool is_wish(enum field_id id)
{
	switch (id) {
	case FIELD_CACHE_CONTROL:
	case FIELD_IF_MODIFIED_SINCE:
	case FIELD_IF_NONE_MATCH:
	case FIELD_IF_RANGE:
	case FIELD_PRAGMA:
	case FIELD_RANGE:
		return true;
	default:
		return false;
	}
}

/* From a head without those fields. Nothing that Connection names is left in it that goes up (keep_is_plain). */
static void copy_fields(struct head *to, const struct head *from, struct frame *frame)
{
	memset(to->first, 0, sizeof to->first);
	to->many = 0;
	to->count = 0;
	for (unsigned i = 0; i < from->count; i++) {
		const struct field *f = &from->fields[i];

		if (is_wish(f->id))
			continue;
		to->fields[to->count++] = *f;
		if (to->first[f->id])
			to->many |= UINT64_C(1) << f->id;
		else
			to->first[f->id] = to->count;
	}
	frame->names = false;
	memset(frame->named, 0, sizeof frame->named);
}

/* The request of x becomes that of e: a GET, and nothing of the client's connection in it. */
static void copy_request(struct exchange *e, const struct exchange *x)
{
	size_t len = x->in.keep;
	const struct conn *from = x->conn;
	struct conn *conn = e->conn;

	memcpy(e->in.data, x->in.data, len);
	e->in.at = e->in.end = e->in.keep = (uint32_t)len;
	e->asked = x->asked;
	e->asked.base = e->in.data + (x->asked.base - x->in.data);
	e->asked.method = METHOD_GET;
	e->asked.name = SPAN("GET");
	e->asked.target = moved(x->asked.target, x->in.data, len, e->in.data);
	memcpy(e->path_room, x->path_room, GW_TARGET);
	e->r.path = x->r.path;
	e->r.path.path = moved(moved(x->r.path.path, x->in.data, len, e->in.data), x->path_room, GW_TARGET, e->path_room);
	e->r.path.query = moved(moved(x->r.path.query, x->in.data, len, e->in.data), x->path_room, GW_TARGET, e->path_room);
	e->r.host = moved(x->r.host, x->in.data, len, e->in.data);
	e->r.frame = x->r.frame;
	copy_fields(&e->asked, &x->asked, &e->r.frame);
	e->r.frame.name = moved(x->r.frame.name, x->in.data, len, e->in.data);
	e->r.hide_authorization = x->r.hide_authorization;
	memcpy(conn->text, from->text, sizeof conn->text);
	memcpy(e->r.client_text, x->r.client_text, sizeof e->r.client_text);
	e->r.asker = x->r.asker;
	e->r.asker.peer = moved(x->r.asker.peer, from->text, sizeof from->text, conn->text);
	e->r.asker.client = moved(moved(x->r.asker.client, from->text, sizeof from->text, conn->text), x->r.client_text, sizeof x->r.client_text, e->r.client_text);
	conn->peer = from->peer;
	conn->text_len = from->text_len;
	conn->trusted = from->trusted;
}

bool exchange_may_send_errand(const struct exchange *x)
{
	return x->r.asker.subject.len == 0 && !(x->r.guard && x->r.guard->up.len);
}

/* Is it for us to validate it? Then the promise is ours. */
static bool promise(struct exchange *x, struct cache_fill *fill)
{
	struct env *env = x->env;
	struct text room = text_in(x->out, GW_HEAD_OUT);
	struct cache_key key = keep_key(x, &room);
	uint32_t reader = keep_reader(env);

	if (cache_begin(&env->cache, &key, reader, env->now, fill))
		return true;
	keep_return_reader(env, reader);
	return false;
}

void exchange_validate_behind(struct exchange *x)
{
	struct cache_fill fill;
	struct exchange *e;

	if (!promise(x, &fill))
		return;
	e = exchange_errand(x);
	if (!e) {
		cache_fill_end(&x->env->cache, &fill, CACHE_BROKEN, x->env->now);
		keep_return_reader(x->env, fill.reader);
		return;
	}
	e->r.keep->fill = fill;
	copy_request(e, x);
	cache_pin_also(&x->env->cache, &x->r.keep->found, keep_reader(x->env), &e->r.keep->found);
	e->r.keep->may_store = true;
	keep_set_conditions(e);
	e->r.up_over = false;
	exchange_ask_server(e);
	exchange_step(e);
}

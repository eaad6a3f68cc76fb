/* SPDX-License-Identifier: MIT
 *
 * worker_conn - how do connections come, wait and go?
 *
 * Places are few: of connections, of exchanges. Who has been quiet longest, or is
 * slow, gives way when there is none left.
 */
#include "worker_parts.h"

enum {
	ACCEPTS = 32,        /* connections taken from one listener in one turn */
	PIPELINED = 16,      /* requests of one connection answered in one turn */
	ACCEPT_PAUSE = 1000, /* ms without accepting when descriptors have run out */
	COMPLAINT_MS = 10000 /* the same complaint is not logged more often */
};

/* --- connections ------------------------------------------------------------------------ */

/* Where a quiet connection is parked: who has still to begin with TLS needs no
 * exchange for that, and is heard when there is none, too. */
static int park_of(const struct worker *w, const struct conn *c)
{
	return c->secure && w->house >= 0 ? w->house : w->park;
}

static void unpark(const struct worker *w, const struct conn *c)
{
	if (c->state == CONN_PARKED && w->park >= 0)
		platform_unpark(park_of(w, c), c->link.fd);
}

void worker_move(struct worker *w, struct conn *c, enum conn_state to)
{
	unpark(w, c);
	list_remove(&w->lists[c->state], &c->node);
	c->state = (uint8_t)to;
	c->since = w->env.now;
	list_append(&w->lists[to], &c->node);
}

struct conn *worker_first(const struct worker *w, enum conn_state state)
{
	struct node *n = list_first(&w->lists[state]);

	return n ? LIST_OF(n, struct conn, node) : NULL;
}

void worker_close(struct worker *w, struct conn *c)
{
	unpark(w, c);
	list_remove(&w->lists[c->state], &c->node);
	if (c->counted)
		share_peer_out(w->env.share, w->env.slot_number, &c->peer, 0);
	link_close(&c->link);
	pool_return(pool_owns(&w->conns, c) ? &w->conns : &w->errand_conns, c);
}

static void give_back(struct worker *w, struct conn *c)
{
	exchange_close(c->exchange);
	pool_return(pool_owns(&w->exchanges, c->exchange) ? &w->exchanges : &w->errands, c->exchange);
	c->exchange = NULL;
}

void worker_settle(struct worker *w, struct conn *c)
{
	struct exchange *x = c->exchange;
	enum exchange_end end;

	for (int i = 0; x->r.state == EXCHANGE_OVER && x->r.end == EXCHANGE_NEXT; i++) {
		if (i == PIPELINED) {
			w->again = true; /* others first */
			return;
		}
		exchange_next(x);
		exchange_step(x);
	}
	if (x->r.state != EXCHANGE_OVER) {
		if (exchange_is_quiet(x)) {
			give_back(w, c);
			worker_move(w, c, CONN_FRESH);
		}
		return;
	}
	end = x->r.end;
	give_back(w, c);
	switch (end) {
	case EXCHANGE_QUIET:
		worker_move(w, c, CONN_FRESH);
		break;
	case EXCHANGE_LINGER:
		link_finish(&c->link);
		worker_move(w, c, CONN_LINGER);
		break;
	case EXCHANGE_RESET:
		link_reset(&c->link);
		worker_close(w, c);
		break;
	default:
		worker_close(w, c);
	}
}

struct conn *worker_slow_one(const struct worker *w)
{
	const struct list *busy = &w->lists[CONN_BUSY];

	for (struct node *n = list_first(busy); n; n = list_next(busy, n)) {
		struct conn *c = LIST_OF(n, struct conn, node);

		if (exchange_is_slow(c->exchange))
			return c;
	}
	return NULL;
}

static void *exchange_place(struct worker *w)
{
	void *place = pool_borrow(&w->exchanges);
	struct conn *slow;

	if (place || !(slow = worker_slow_one(w)))
		return place;
	exchange_give_way(slow->exchange);
	worker_settle(w, slow);
	return pool_borrow(&w->exchanges);
}

void worker_complain(struct worker *w, const char *what)
{
	if (w->env.now < w->complaint_at)
		return;
	w->complaint_at = w->env.now + COMPLAINT_MS;
	log_say(w->env.error, LOG_WARN, "%s", what);
}

bool worker_waits_for_place(const struct worker *w, const struct conn *c)
{
	return w->exchanges.lent == w->exchanges.count && platform_peek(c->link.fd) > 0;
}

/* --- waking ------------------------------------------------------------------------------ */

/* A quiet connection has something to say. Without a free exchange its bytes wait in the kernel. */
void worker_wake(struct worker *w, struct conn *c)
{
	void *memory;

	if (c->secure && !worker_begins_secure(w, c))
		return;
	memory = exchange_place(w);
	if (!memory)
		return;
	worker_move(w, c, CONN_BUSY);
	c->waits_since = 0;
	c->link.readable = true;
	c->exchange = exchange_open(memory, &w->env, c);
	exchange_step(c->exchange);
	worker_settle(w, c);
}

/* What a client still sends after our last word is thrown away. */
void worker_linger(struct worker *w, struct conn *c)
{
	if (!link_waste(&c->link))
		worker_close(w, c);
}

/* All exchanges are lent. Who has waited for one too long is told so, with what
 * can be said without one. */
void worker_send_away(struct worker *w, struct conn *c)
{
	static const char sorry[] = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nContent-Length: 48\r\n"
				    "Retry-After: 5\r\nConnection: close\r\n\r\n"
				    "There is no room for your request just now. 503\n";
	struct piece piece = {sorry, sizeof sorry - 1};

	link_write(&c->link, &piece, 1);
	link_finish(&c->link);
	share_add(&w->env.slot->requests);
	share_add(&w->env.slot->failed);
	worker_move(w, c, CONN_LINGER);
}

/* --- accepting ---------------------------------------------------------------------------- */

/* Who gives way to a new connection: the one that has been quiet longest. Who has
 * been quiet for less than a moment may have its request on the way; who waits
 * for an exchange has sent it. Then one of many that wait for a handshake. NULL: nobody. */
static struct conn *quietest(const struct worker *w)
{
	const struct list *parked = &w->lists[CONN_PARKED];
	int looks = LOOKS;

	for (struct node *n = list_first(parked); n && looks--; n = list_next(parked, n)) {
		struct conn *c = LIST_OF(n, struct conn, node);

		if (!worker_waits_for_place(w, c))
			return c;
	}
	return worker_surplus(w);
}

bool worker_has_place(const struct worker *w)
{
	return w->conns.lent < w->conns.count || w->lists[CONN_PARKED].count || w->lists[CONN_WAITING].count;
}

/* May this peer have a connection here? Sets what is to be known of it. */
static bool admit(struct worker *w, struct conn *c)
{
	const struct config *config = w->env.config;
	struct text text = text_in(c->text, sizeof c->text);

	net_write(&text, &c->peer);
	c->text_len = (uint8_t)text.len;
	c->trusted = net_in_any(&c->peer, config->trusted, config->trusted_count);
	if (c->listener->proxy) {
		c->greeting = true;
		if (!c->trusted && c->peer.family != NET_UNIX)
			worker_complain(w, "a peer that is not trusted came to a listener for the PROXY protocol");
		return c->trusted || c->peer.family == NET_UNIX;
	}
	c->counted = share_peer_in(w->env.share, w->env.slot_number, &c->peer, 0, config->per_client);
	if (!c->counted)
		worker_complain(w, "an address has more connections than per_client allows");
	return c->counted;
}

static bool accept_one(struct worker *w, size_t number)
{
	const struct listener *l = &w->env.config->listeners[number];
	struct net peer;
	struct conn *c, *old = NULL;
	int fd;

	if (w->conns.lent == w->conns.count && !(old = quietest(w))) {
		w->accept_at = w->env.now + CROWDED_MS;
		return false;
	}
	fd = platform_accept(w->given->listeners[number], &peer);
	if (fd < 0) {
		if (fd == PLATFORM_BROKEN && (old = quietest(w))) {
			worker_close(w, old);
			return true; /* its descriptor serves the next try */
		}
		if (fd == PLATFORM_BROKEN) {
			worker_complain(w, platform_why());
			w->accept_at = w->env.now + ACCEPT_PAUSE;
		}
		return false;
	}
	if (old)
		worker_close(w, old);
	c = pool_borrow(&w->conns);
	*c = (struct conn){.listener = l, .peer = peer, .since = w->env.now, .state = CONN_FRESH, .port = l->address.port, .secure = l->tls};
	link_open(&c->link, fd);
	list_append(&w->lists[CONN_FRESH], &c->node);
	if (!admit(w, c))
		worker_close(w, c);
	return true;
}

void worker_accept(struct worker *w, size_t number)
{
	for (int i = 0; i < ACCEPTS && w->env.now >= w->accept_at; i++)
		if (!accept_one(w, number))
			return;
}

/* --- those whose time has come ----------------------------------------------------------------- */

int64_t worker_tick_quiet(struct worker *w)
{
	int64_t now = w->env.now, idle = w->env.draining ? FRESH_MS : w->env.config->idle_timeout;
	int64_t due = INT64_MAX;
	struct conn *c;

	for (int state = CONN_FRESH; state <= CONN_PARKED; state++) {
		while ((c = worker_first(w, state)) && c->since + idle <= now)
			if (worker_waits_for_place(w, c))
				worker_move(w, c, CONN_FRESH);
			else
				worker_close(w, c);
		if (c && c->since + idle < due)
			due = c->since + idle;
	}
	while ((c = worker_first(w, CONN_FRESH))) {
		int64_t since = c->since;

		if (since + FRESH_MS > now) {
			if (since + FRESH_MS < due)
				due = since + FRESH_MS;
			break;
		}
		if (w->park >= 0 && !platform_park(park_of(w, c), c->link.fd, c))
			break;
		worker_move(w, c, CONN_PARKED);
		c->since = since;
	}
	return due;
}

int64_t worker_tick_lingering(struct worker *w)
{
	int64_t patience = w->env.config->linger_timeout;
	struct conn *c;

	while ((c = worker_first(w, CONN_LINGER)) && c->since + patience <= w->env.now)
		worker_close(w, c);
	return c ? c->since + patience : INT64_MAX;
}

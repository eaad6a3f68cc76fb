/* SPDX-License-Identifier: MIT
 *
 * worker_shake - how does a connection begin with TLS?
 *
 * It takes a context with its first byte, and has a place among few while hands
 * are being shaken; it needs no exchange for that. Who finds no place waits in
 * order, without being watched: its bytes stay in the kernel.
 */
#include "worker_parts.h"
#include "proxy.h"
#include "route.h"

enum {
	HASHES = 256,
	FAIR_MS = 250,  /* a handshake may take so long, whoever else may want its place */
	SLOW_MS = 2000, /* a handshake that takes longer, or a quarter of its time, gives way to others */
	SAY_MS = 1000,  /* failed ones are not logged more often */
	PEEK = 536      /* the longest PROXY header */
};

/* --- what TLS asks of us --------------------------------------------------------------- */

/* Without a name it is [site *], or the first one that has a certificate. */
static const struct tls_site *site_named(void *listener, struct span name)
{
	const struct listener *l = listener;
	const struct site *site = route_site(l, name);

	for (size_t i = 0; !name.len && !site && i < l->site_count; i++)
		if (l->sites[i]->tls.count)
			site = l->sites[i];
	return site && site->tls.count ? &site->tls : NULL;
}

static void save_session(void *user, const struct tls_session *session)
{
	const struct worker *w = user;

	share_session_save(w->env.share, w->env.slot_number, session, w->env.now);
}

static bool find_session(void *user, const unsigned char id[32], struct tls_session *session)
{
	const struct worker *w = user;

	return share_session_find(w->env.share, id, session, w->env.now);
}

bool worker_open_tls(struct worker *w, void *const memory[TLS_TERMS])
{
	const struct tls_hooks hooks = {.site = site_named, .save = save_session, .find = find_session, .user = w};
	unsigned char seed[32];

	if (!GW_HAS(TLS))
		return true;
	if (!platform_random(seed, sizeof seed))
		return false;
	w->env.tls = w->env.backend.tls = tls_open(&w->env.config->tls, memory, &hooks, seed);
	span_wipe(seed, sizeof seed);
	return true;
}

/* --- TLS begins ---------------------------------------------------------------------------- */

/* As tls hands it back to the hooks. */
static void *listener_of(const struct conn *c)
{
	return (void *)(uintptr_t)c->listener;
}

static void drop_shaking(struct worker *w, struct conn *c, const char *why)
{
	if (w->env.now >= w->shaking_at) {
		w->shaking_at = w->env.now + SAY_MS;
		log_say(w->env.error, LOG_NOTICE, "TLS handshake with %.*s on %s failed: %s", (int)c->text_len, c->text, c->listener->text, why);
	}
	worker_close(w, c);
}

void worker_shake(struct worker *w, struct conn *c)
{
	if (!GW_HAS(TLS))
		return;
	link_shake(&c->link);
	if (c->link.why || c->link.eof) {
		drop_shaking(w, c, c->link.why ? c->link.why : "the client went away");
	} else if (c->link.phase == LINK_OPEN) {
		c->secure = false;
		worker_move(w, c, CONN_FRESH);
	}
}

static bool gives_way(const struct worker *w, const struct conn *c)
{
	return c->link.tls && !worker_waits_for_place(w, c);
}

/* Is there a place for a handshake, and a context for the connection? A quiet
 * connection gives way for that, the longest quiet of those that are looked at. */
static bool has_secure_place(struct worker *w)
{
	struct list *parked = &w->lists[CONN_PARKED];
	int looks = 4 * LOOKS; /* plain ones are passed over */

	if (!tls_may_shake(w->env.tls))
		return false;
	if (tls_may_accept(w->env.tls))
		return true;
	for (struct node *n = list_first(parked); n && looks--; n = list_next(parked, n)) {
		struct conn *c = LIST_OF(n, struct conn, node);

		if (!gives_way(w, c))
			continue;
		worker_close(w, c);
		return true;
	}
	worker_complain(w, "all places for TLS connections are taken: others wait ('tls_clients' in the configuration)");
	return false;
}

static void begin_secure(struct worker *w, struct conn *c, struct tls *t)
{
	link_secure(&c->link, t);
	worker_move(w, c, CONN_SHAKING); /* its first step is one of the next turn's */
	c->link.readable = true;
}

/* The PROXY header in clear before TLS; it comes in one piece (PROXY protocol,
 * 2: a receiver may insist on that). False: it has not come, or is none, and the
 * connection is gone. */
static bool read_greeting(struct worker *w, struct conn *c, const char *at, size_t len)
{
	char waste[PEEK];
	struct net from;
	int used = proxy_read(at, len, &from);

	if (used <= 0 || platform_recv(c->link.fd, waste, (size_t)used) != used) {
		worker_complain(w, "no PROXY header before TLS, or not in one piece");
		worker_close(w, c);
		return false;
	}
	if (!exchange_greet(&w->env, c, &from)) {
		worker_close(w, c);
		return false;
	}
	return true;
}

bool worker_begins_secure(struct worker *w, struct conn *c)
{
	if (!GW_HAS(TLS))
		return true;

	char at[PEEK];
	long len = platform_look(c->link.fd, at, sizeof at);
	struct tls *t;

	if (len > 0 && c->greeting) {
		if (!read_greeting(w, c, at, (size_t)len))
			return false;
		len = platform_look(c->link.fd, at, sizeof at);
	}
	if (len == PLATFORM_WAIT)
		return false;
	if (len <= 0) {
		worker_close(w, c);
		return false;
	}
	if ((at[0] >= 'A' && at[0] <= 'Z') || at[0] == '\r' || at[0] == '\n') {
		worker_move(w, c, CONN_FRESH);
		c->secure = false;
		return true;
	}
	t = w->lists[CONN_WAITING].count ? NULL : tls_accept(w->env.tls, listener_of(c));
	if (t)
		begin_secure(w, c, t);
	else
		worker_move(w, c, CONN_WAITING);
	return false;
}

/* --- whose turn it is ------------------------------------------------------------------------ */

/* How many places each address has, by a hash of it: few addresses must not keep
 * all others out. Of IPv6 the first half counts, which is one customer's. */
struct shares {
	uint64_t seed;
	uint16_t places[HASHES];
};

static uint16_t *share_of(struct shares *s, const struct net *address)
{
	size_t bytes = address->family == NET_IP6 ? 8 : 4;
	uint64_t hash = s->seed;

	for (size_t i = 0; i < bytes; i++)
		hash = (hash ^ address->ip[i]) * 0x100000001b3u;
	return &s->places[(hash ^ hash >> 32) % HASHES];
}

static struct shares count_shares(const struct worker *w)
{
	struct shares s = {.seed = w->env.id_seed};
	const struct list *shaking = &w->lists[CONN_SHAKING];

	for (struct node *n = list_first(shaking); n; n = list_next(shaking, n))
		++*share_of(&s, &LIST_OF(n, struct conn, node)->peer);
	return s;
}

/* The first of those whose address has the fewest places; NULL: nobody waits. */
static struct conn *next_waiting(const struct worker *w)
{
	const struct list *waiting = &w->lists[CONN_WAITING];
	struct shares s = count_shares(w);
	struct conn *best = NULL;
	unsigned least = UINT16_MAX;

	for (struct node *n = list_first(waiting); n && least; n = list_next(waiting, n)) {
		struct conn *c = LIST_OF(n, struct conn, node);
		unsigned places = *share_of(&s, &c->peer);

		if (!best || places < least) {
			best = c;
			least = places;
		}
	}
	return best;
}

/* A handshake that gives way to this one: one that takes long; or one of an
 * address that has more than a quarter of all places, when the newcomer's has
 * not. NULL: none yet. */
static struct conn *slow_shaking(const struct worker *w, const struct conn *newcomer)
{
	const struct list *shaking = &w->lists[CONN_SHAKING];
	int64_t slow = w->env.now - earlier(SLOW_MS, w->env.config->handshake_timeout / 4);
	struct shares s = count_shares(w);
	unsigned quarter = w->env.config->tls.handshakes / 4;
	bool small = *share_of(&s, &newcomer->peer) < quarter;

	for (struct node *n = list_first(shaking); n; n = list_next(shaking, n)) {
		struct conn *c = LIST_OF(n, struct conn, node);

		if (c->since <= slow || (small && *share_of(&s, &c->peer) > quarter && c->since + FAIR_MS <= w->env.now))
			return c;
	}
	return NULL;
}

/* Is there a place, if somebody slow gives way? */
static bool make_secure_place(struct worker *w, const struct conn *newcomer)
{
	struct conn *slow;

	if (has_secure_place(w))
		return true;
	slow = slow_shaking(w, newcomer);
	if (slow)
		drop_shaking(w, slow, "it was slow while others were waiting");
	return slow && has_secure_place(w);
}

void worker_serve_waiting(struct worker *w)
{
	struct conn *c;

	if (!GW_HAS(TLS))
		return;
	while (w->lists[CONN_WAITING].count && (c = next_waiting(w)) && make_secure_place(w, c))
		begin_secure(w, c, tls_accept(w->env.tls, listener_of(c)));
}

struct conn *worker_surplus(const struct worker *w)
{
	const struct list *waiting = &w->lists[CONN_WAITING];
	struct shares s = {.seed = w->env.id_seed};
	struct conn *most = NULL;
	int looks = LOOKS;

	if (!GW_HAS(TLS))
		return NULL;
	for (struct node *n = list_first(waiting); n && looks--; n = list_next(waiting, n)) {
		struct conn *c = LIST_OF(n, struct conn, node);

		if (++*share_of(&s, &c->peer) > (most ? *share_of(&s, &most->peer) : 0))
			most = c;
	}
	return most;
}

/* Handshakes have a time of their own, from their first byte on. */
int64_t worker_tick_shaking(struct worker *w)
{
	int64_t patience = w->env.config->handshake_timeout, due = INT64_MAX;
	struct conn *c;

	if (!GW_HAS(TLS))
		return INT64_MAX;
	for (int state = CONN_WAITING; state <= CONN_SHAKING; state++) {
		while ((c = worker_first(w, state)) && c->since + patience <= w->env.now)
			drop_shaking(w, c, "it took too long");
		if (c)
			due = earlier(due, c->since + patience);
	}
	if (w->lists[CONN_WAITING].count)
		due = earlier(due, w->env.now + CROWDED_MS);
	return due;
}

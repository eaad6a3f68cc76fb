/* SPDX-License-Identifier: MIT
 *
 * backend - which server, is it alive, is a link to it idle?
 *
 * Knows servers and their links. Knows no HTTP.
 */
#include "backend.h"
#include <inttypes.h>

enum {
	FRESH_MS = 1000,         /* an idle link is watched so long before it is parked */
	RESOLVE_PATIENCE = 30000, /* a look-up without an answer is tried again after that */
	RESOLVE_EACH = 10000,    /* ... or after that for each server, if it is more */
	RESOLVE_PAUSE = 1000,    /* least time between two look-ups of a name */
	PENALTY_DOUBLINGS = 5,
	SESSION_MS = 86400000    /* a TLS session is resumed for a day */
};

size_t backend_links(const struct config *c)
{
	size_t idle = c->server_count * c->idle_links;

	/* Idle links are closed to make room: twice the requests are enough. */
	return c->requests + (idle < c->requests ? idle : c->requests) + (c->cache ? GW_ERRANDS : 0);
}

void backend_init(struct backend *b, const struct config *c, struct log *log, int offload, int park, void *peers, void *turns, void *links)
{
	*b = (struct backend){.config = c, .log = log, .offload = offload, .park = park, .peers = peers, .turns = turns};
	pool_init(&b->links, links, sizeof(struct upstream), (uint32_t)backend_links(c));
	list_init(&b->fresh);
	list_init(&b->parked);
	for (size_t i = 0; i < c->server_count; i++) {
		struct peer *p = &b->peers[i];

		*p = (struct peer){.server = &c->servers[i], .resolve_at = INT64_MAX};
		list_init(&p->idle);
		if (p->server->host) {
			p->resolve_at = 0;
		} else {
			p->addresses[0] = p->server->address;
			p->count = 1;
		}
	}
}

/* --- which one ----------------------------------------------------------- */

/* Smooth weighted round robin: each turn everybody who may play gains its
 * weight, the richest is chosen and pays the sum. Servers whose turns were
 * missed do not come back all at once. */
static const struct target *play(struct backend *b, const struct route *r, uint32_t tried, bool backup, int64_t now)
{
	int32_t sum = 0;
	int best = -1;

	for (int i = 0; i < r->target_count; i++) {
		const struct target *t = &r->targets[i];
		int32_t *turn = &b->turns[r->group + i];

		if ((tried >> i & 1) || t->backup != backup || backend_peer(b, t)->out_until > now)
			continue;
		*turn += t->weight;
		sum += t->weight;
		if (best < 0 || *turn > b->turns[r->group + best])
			best = i;
	}
	if (best < 0)
		return NULL;
	b->turns[r->group + best] -= sum;
	return &r->targets[best];
}

static const struct target *soonest(struct backend *b, const struct route *r, uint32_t tried)
{
	const struct target *best = NULL;

	for (int i = 0; i < r->target_count; i++) {
		const struct target *t = &r->targets[i];

		if (tried >> i & 1)
			continue;
		if (!best || backend_peer(b, t)->out_until < backend_peer(b, best)->out_until)
			best = t;
	}
	return best;
}

const struct target *backend_choose(struct backend *b, const struct route *r, uint32_t tried, int64_t now)
{
	const struct target *t;

	if (r->target_count == 1)
		return tried & 1 ? NULL : r->targets;
	t = play(b, r, tried, false, now);
	if (!t)
		t = play(b, r, tried, true, now);
	return t ? t : soonest(b, r, tried);
}

/* --- links ---------------------------------------------------------------- */

static void unlist(struct backend *b, struct upstream *u)
{
	list_remove(&u->peer->idle, &u->idle);
	list_remove(u->parked ? &b->parked : &b->fresh, &u->quiet);
	if (u->parked)
		platform_unpark(b->park, u->link.fd);
	u->parked = false;
}

static struct upstream *oldest_idle(struct backend *b)
{
	struct node *n = list_first(&b->parked);

	if (!n)
		n = list_first(&b->fresh);
	return n ? LIST_OF(n, struct upstream, quiet) : NULL;
}

void backend_close(struct backend *b, struct upstream *u)
{
	link_close(&u->link);
	pool_return(&b->links, u);
}

static void close_idle(struct backend *b, struct upstream *u)
{
	unlist(b, u);
	backend_close(b, u);
}

/* The link that has been idle longest goes. */
static bool make_room(struct backend *b)
{
	struct upstream *old = oldest_idle(b);

	if (old)
		close_idle(b, old);
	return old;
}

static struct upstream *connect_to(struct backend *b, struct peer *p, unsigned attempt, int64_t now)
{
	const struct net *address = &p->addresses[p->count ? (p->at + attempt) % p->count : 0];
	struct upstream *u;
	struct tls *tls = NULL;
	int fd;

	if (p->count == 0 && !p->server->path)
		return NULL;
	if (b->links.lent == b->links.count && !make_room(b))
		return NULL;
	fd = platform_connect(address, p->server->path);
	if (fd == PLATFORM_BROKEN && make_room(b))
		fd = platform_connect(address, p->server->path);
	if (fd == PLATFORM_BROKEN)
		return NULL; /* that is no fault of the server */
	if (now >= p->session_until)
		p->session.policy = 0;
	if (p->server->tls && fd >= 0 && !(tls = tls_connect(b->tls, p->server->tls, &p->session))) {
		platform_close(fd);
		return NULL;
	}
	u = pool_borrow(&b->links);
	*u = (struct upstream){.peer = p};
	link_connect(&u->link, fd);
	if (tls)
		link_secure(&u->link, tls);
	return u;
}

struct upstream *backend_borrow(struct backend *b, struct peer *p, unsigned attempt, bool fresh, int64_t now)
{
	struct node *n = fresh ? NULL : list_last(&p->idle);
	struct upstream *u;

	if (!n)
		return connect_to(b, p, attempt, now);
	u = LIST_OF(n, struct upstream, idle);
	unlist(b, u);
	u->reused = true;
	u->link.readable = false;
	return u;
}

void backend_greeted(struct upstream *u, int64_t now)
{
	if (u->link.tls && !tls_resumed(u->link.tls))
		u->peer->session_until = now + SESSION_MS;
}

void backend_return(struct backend *b, struct upstream *u, int64_t now)
{
	struct peer *p = u->peer;

	if (p->idle.count >= b->config->idle_links || link_is_midway(&u->link)) {
		backend_close(b, u);
		return;
	}
	u->link.in = NULL;
	u->since = now;
	list_append(&p->idle, &u->idle);
	list_append(&b->fresh, &u->quiet);
}

void backend_idle_event(struct backend *b, struct upstream *u)
{
	close_idle(b, u);
}

/* --- health ---------------------------------------------------------------- */

void backend_failed(struct backend *b, struct peer *p, const struct options *o, const char *why, int64_t now)
{
	unsigned further;

	/* Many requests may have been under way when it went down: that is one failure. */
	if (p->out_until > now)
		return;
	p->fails++;
	if (o->max_fails == 0 || p->fails < (unsigned)o->max_fails)
		return;
	further = p->fails - (unsigned)o->max_fails;
	if (further > PENALTY_DOUBLINGS)
		further = PENALTY_DOUBLINGS;
	p->out_until = now + (o->fail_timeout << further);
	if (p->fails == (unsigned)o->max_fails)
		log_say(b->log, LOG_WARN, "server %s is left out: %s", p->server->name, why);
}

void backend_answered(struct backend *b, struct peer *p)
{
	if (p->fails == 0)
		return;
	if (p->out_until)
		log_say(b->log, LOG_NOTICE, "server %s answers again", p->server->name);
	p->fails = 0;
	p->out_until = 0;
}

/* --- names ------------------------------------------------------------------ */

static void ask_for_name(struct backend *b, struct peer *p, int64_t now)
{
	struct offload_job job = {.id = p->server->number, .port = p->server->address.port};
	size_t len = strlen(p->server->host);
	int64_t patience = RESOLVE_PATIENCE;

	if (len >= sizeof job.name)
		len = sizeof job.name - 1; /* the configuration has refused such a name */
	memcpy(job.name, p->server->host, len);
	p->resolving = platform_pair_send(b->offload, &job, sizeof job, -1);
	/* names are looked up one after another, and a dead name server costs each its time */
	if (patience < RESOLVE_EACH * (int64_t)b->config->server_count)
		patience = RESOLVE_EACH * (int64_t)b->config->server_count;
	p->resolve_at = now + (p->resolving ? patience : RESOLVE_PAUSE);
}

void backend_resolve_soon(struct peer *p, int64_t now)
{
	if (!p->server->host || p->resolving)
		return;
	if (p->resolve_at > now + RESOLVE_PAUSE)
		p->resolve_at = now + RESOLVE_PAUSE;
}

static bool same_addresses(const struct peer *p, const struct offload_answer *a)
{
	if (p->count != a->count)
		return false;
	for (uint32_t i = 0; i < a->count; i++)
		if (!net_same(&p->addresses[i], &a->addresses[i]))
			return false;
	return true;
}

/* The last good addresses stay until there are new ones. */
static void take_answer(struct backend *b, const struct offload_answer *a, int64_t now)
{
	struct peer *p = &b->peers[a->id];

	p->resolving = false;
	p->resolve_at = now + b->config->resolve_interval;
	if (a->count == 0) {
		bool news = p->why[0] == 0;

		memcpy(p->why, a->why, sizeof p->why);
		p->why[sizeof p->why - 1] = 0;
		if (p->why[0] == 0)
			memcpy(p->why, "no address", sizeof "no address");
		if (news)
			log_say(b->log, LOG_WARN, "cannot resolve %s: %s%s", p->server->host, p->why, p->count ? " (the old addresses stay in use)" : "");
		return;
	}
	p->why[0] = 0;
	if (same_addresses(p, a))
		return;
	memcpy(p->addresses, a->addresses, a->count * sizeof *a->addresses);
	p->count = (uint8_t)a->count;
	p->at = 0;
}

bool backend_resolved(struct backend *b, int64_t now)
{
	struct offload_answer answer;
	int passed;
	bool any = false;

	while (platform_pair_recv(b->offload, &answer, sizeof answer, &passed) == (long)sizeof answer) {
		if (answer.id >= b->config->server_count || answer.count > GW_ADDRESSES)
			continue;
		take_answer(b, &answer, now);
		any = true;
	}
	return any;
}

/* --- time -------------------------------------------------------------------- */

static int64_t park_links(struct backend *b, int64_t now)
{
	struct node *n;

	while ((n = list_first(&b->fresh))) {
		struct upstream *u = LIST_OF(n, struct upstream, quiet);

		if (u->since + FRESH_MS > now)
			return b->park >= 0 ? u->since + FRESH_MS : INT64_MAX;
		if (b->park < 0 || !platform_park(b->park, u->link.fd, u))
			return INT64_MAX;
		list_remove(&b->fresh, n);
		list_append(&b->parked, n);
		u->parked = true;
	}
	return INT64_MAX;
}

int64_t backend_tick(struct backend *b, int64_t now)
{
	struct upstream *u;
	int64_t due;

	while ((u = oldest_idle(b)) && u->since + b->config->link_timeout <= now)
		close_idle(b, u);
	due = park_links(b, now);
	u = oldest_idle(b);
	if (u && u->since + b->config->link_timeout < due)
		due = u->since + b->config->link_timeout;
	for (size_t i = 0; i < b->config->server_count; i++) {
		struct peer *p = &b->peers[i];

		if (p->resolve_at <= now)
			ask_for_name(b, p, now);
		if (p->resolve_at < due)
			due = p->resolve_at;
	}
	return due;
}

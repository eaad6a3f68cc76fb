/* SPDX-License-Identifier: MIT
 *
 * backend - which server, is it alive, is a link to it idle?
 *
 * One worker's view of all servers. A server that fails max_fails times in a
 * row is left out for fail_timeout, twice as long when it then fails again (at
 * most 32 times), and is whole again with its first answer.
 */
#ifndef BACKEND_H
#define BACKEND_H

#include "config.h"
#include "link.h"
#include "list.h"
#include "log.h"
#include "offload.h"
#include "pool.h"

/* A link to a server, lent to an exchange or idle. */
struct upstream {
	struct link link;
	struct node idle;   /* in peer->idle, the newest last */
	struct node quiet;  /* in backend->fresh or backend->parked, the newest last */
	struct peer *peer;
	int64_t since;      /* idle from then on, monotonic ms */
	bool reused;        /* it has carried a request before */
	bool parked;
	bool prefaced;      /* with TLS: the PROXY header has gone before it */
};

/* What this worker knows of one server. */
struct peer {
	const struct server *server;
	struct net addresses[GW_ADDRESSES];
	uint8_t count;       /* of addresses; 0: not known yet */
	uint8_t at;          /* the address that connected last */
	bool resolving;      /* a job is under way */
	int64_t resolve_at;  /* when to look the name up (again), or give a job up; INT64_MAX: never */
	struct list idle;
	uint32_t fails;      /* failures in a row */
	int64_t out_until;   /* left out before then; 0: not */
	char why[96];        /* of the last failed look-up; empty: none */
	struct tls_session session; /* the last one, to be resumed */
	int64_t session_until; /* monotonic ms; then its certificate is looked at anew */
};

struct backend {
	const struct config *config;
	struct log *log;
	int offload;         /* descriptor */
	int park;            /* descriptor, or -1 */
	struct tls_kit *tls; /* NULL: no server speaks it */
	struct peer *peers;  /* by server->number */
	int32_t *turns;      /* smooth weighted round robin, by route->group + target */
	struct pool links;   /* of struct upstream */
	struct list fresh;   /* idle links that are watched */
	struct list parked;  /* idle links that are parked */
};

/* Memory beside the struct itself: peers, turns, links. */
size_t backend_links(const struct config *c);
void backend_init(struct backend *b, const struct config *c, struct log *log, int offload, int park, void *peers, void *turns, void *links);

/* The target whose turn it is, of those whose bit in tried is not set; NULL:
 * all were tried. Servers that are left out come last, the one that is due first. */
const struct target *backend_choose(struct backend *b, const struct route *r, uint32_t tried, int64_t now);

/* An idle link to the server if there is one and fresh is not set, else one
 * being made to the address number `attempt` after the one that worked last.
 * NULL: no address is known (see peer->why), or no place. */
struct upstream *backend_borrow(struct backend *b, struct peer *p, unsigned attempt, bool fresh, int64_t now);
/* Hands have been shaken with this server. */
void backend_greeted(struct upstream *u, int64_t now);
/* Back among the idle ones. */
void backend_return(struct backend *b, struct upstream *u, int64_t now);
void backend_close(struct backend *b, struct upstream *u);

static inline struct peer *backend_peer(struct backend *b, const struct target *t)
{
	return &b->peers[t->server->number];
}

/* The server did not do what it should. */
void backend_failed(struct backend *b, struct peer *p, const struct options *o, const char *why, int64_t now);
void backend_answered(struct backend *b, struct peer *p);

/* An idle link has something to say: it ended, or speaks out of turn. */
void backend_idle_event(struct backend *b, struct upstream *u);
/* Looks names up that are due, closes and parks links whose time has come; the
 * next time something is due. */
int64_t backend_tick(struct backend *b, int64_t now);
/* Name not known yet, or wrong since connecting failed: look again soon. */
void backend_resolve_soon(struct peer *p, int64_t now);
/* Takes answers of the offload process in. True: some peer has changed. */
bool backend_resolved(struct backend *b, int64_t now);

#endif

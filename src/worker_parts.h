/* SPDX-License-Identifier: MIT
 *
 * worker_parts - what the files of worker ask of each other
 *
 * A connection is in the list of its state. It is freed by worker_close and by
 * worker_settle, which closes those whose last request is over, and nowhere else.
 */
#ifndef WORKER_PARTS_H
#define WORKER_PARTS_H

#include "worker.h"
#include "exchange.h"

enum {
	FRESH_MS = 1000,  /* a quiet connection is watched so long before it is parked */
	CROWDED_MS = 250, /* with all exchanges lent, the slow and the waiting are looked for so often */
	LOOKS = 32        /* parked connections looked at for one that gives way */
};

enum conn_state {
	CONN_BUSY,    /* it has an exchange */
	CONN_FRESH,   /* quiet since a moment ago */
	CONN_PARKED,  /* quiet */
	CONN_WAITING, /* it has begun with TLS, and waits for a place for its handshake */
	CONN_SHAKING, /* it has one */
	CONN_LINGER,  /* it has had its last answer */
	CONN_STATES
};

/* Who waits for what: sections of one array. */
enum section { SECTION_OWN, SECTION_LINKS, SECTION_BUSY, SECTION_FRESH, SECTION_SHAKING, SECTION_LINGER, SECTION_LISTENERS, SECTION_END };

struct worker {
	struct env env;
	const struct worker_given *given;
	struct pool conns;
	struct pool exchanges;
	struct pool errands, errand_conns; /* exchanges without a client, and what they have for a connection */
	struct list lists[CONN_STATES]; /* by enum conn_state; quiet ones in the order of since */
	struct watch *watches;
	void **owners;            /* of each watch */
	size_t count;             /* of watches */
	size_t starts[SECTION_END + 1];
	int park;                 /* for quiet connections and links: descriptor, or -1 */
	int house;                /* the same for our own descriptors, which are hardly ever heard of */
	bool listening;           /* listeners are in house */
	int64_t due;              /* the earliest deadline of a busy connection */
	int64_t accept_at;        /* no accepting before */
	int64_t drain_at;         /* the end of draining */
	int64_t crowd_at;         /* with all exchanges lent: when to look at those who wait */
	int64_t complaint_at;
	int64_t shaking_at;       /* no failed handshake is logged before */
	bool again;               /* something is to be done without waiting */
	bool quit;
};

static inline int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* worker_memory.c */
/* All that the worker ever takes; false: there is not so much (platform_why). */
bool worker_allocate(struct worker *w);

/* worker_conn.c */
void worker_move(struct worker *w, struct conn *c, enum conn_state to);
/* The one that has been longest in this state; NULL. */
struct conn *worker_first(const struct worker *w, enum conn_state state);
void worker_close(struct worker *w, struct conn *c);
/* What has become of a connection after its exchange took a step. */
void worker_settle(struct worker *w, struct conn *c);
/* One whose client is too slow to keep its place when others wait; NULL. */
struct conn *worker_slow_one(const struct worker *w);
/* A quiet connection has something to say. */
void worker_wake(struct worker *w, struct conn *c);
/* One that has had its last answer still sends something. */
void worker_linger(struct worker *w, struct conn *c);
/* Says it to people, but not again and again. */
void worker_complain(struct worker *w, const char *what);
/* Has this quiet connection sent a request that no exchange was free for? */
bool worker_waits_for_place(const struct worker *w, const struct conn *c);
/* It has waited for one too long. */
void worker_send_away(struct worker *w, struct conn *c);
/* Is there a place for a new connection, or somebody who gives way? */
bool worker_has_place(const struct worker *w);
/* Takes new ones from one listener. */
void worker_accept(struct worker *w, size_t number);
/* Quiet connections: closed when their time is over, parked before. While
 * draining, one that has been quiet for a moment gets no further request. */
int64_t worker_tick_quiet(struct worker *w);
/* Closes those that have had their time to read; the same. */
int64_t worker_tick_lingering(struct worker *w);

/* worker_shake.c */
/* False: there are no random numbers, which keys depend on. */
bool worker_open_tls(struct worker *w, void *const memory[TLS_TERMS]);
/* The first bytes on a port for TLS. True: they are a plain request, which is to
 * be answered as such, so that its sender learns what is wrong. */
bool worker_begins_secure(struct worker *w, struct conn *c);
/* One step of a handshake; afterwards the connection is as any other, but for
 * what goes over it. */
void worker_shake(struct worker *w, struct conn *c);
/* Those who wait take what has become free. A quiet connection may be closed for
 * them, so no watch may name one any more. */
void worker_serve_waiting(struct worker *w);
/* Of those who wait one whose address has many there; NULL: nobody waits. */
struct conn *worker_surplus(const struct worker *w);
/* Ends handshakes whose time has come; when the next one's does. */
int64_t worker_tick_shaking(struct worker *w);

#endif

/* SPDX-License-Identifier: MIT
 *
 * share - what do the workers share?
 *
 * One anonymous mapping made by the supervisor before the first fork; it
 * outlives workers and reloads. Nothing in it is a pointer. Each worker writes
 * only its own slot and reads all, so there is no lock: what counts is the sum.
 */
#ifndef SHARE_H
#define SHARE_H

#include "../gateway.h"
#include "net.h"
#include "tls.h"
#include <stdatomic.h>

#define SHARE_SLOTS (2 * GW_WORKERS) /* those draining after a reload count too */
#define SHARE_PEERS 1024             /* places in a slot's table of client addresses */

struct share_peer {
	_Atomic uint64_t key;   /* hash of the address (IPv6: of its /64); 0: free */
	_Atomic uint32_t count; /* connections open now */
};

struct share_slot {
	_Atomic uint32_t pid;       /* 0: free; set by the supervisor */
	_Atomic uint64_t requests;  /* answered, since start */
	_Atomic uint64_t refused;   /* of those, refused by ourselves (4xx) */
	_Atomic uint64_t failed;    /* of those, failed on the server's side (5xx by us) */
	_Atomic uint32_t connections; /* from clients, open now */
	_Atomic uint32_t active;    /* requests under way */
	struct share_peer peers[SHARE_PEERS];
};

#define SHARE_SESSIONS 1024          /* TLS sessions kept for resumption */
#define SHARE_SESSION_MS 86400000    /* one lives no longer than a day */

struct share_kept { /* what an entry holds */
	struct tls_session session;
	int64_t until; /* monotonic ms; 0: free */
};

/* Words of 32 bits: some machines have no larger ones that processes may share. */
struct share_session {
	_Atomic uint32_t mark; /* odd: being written; its upper byte is the writer's slot, the rest counts */
	_Atomic uint32_t words[sizeof(struct share_kept) / 4];
};

struct share {
	struct share_session sessions[SHARE_SESSIONS];
	uint64_t seed; /* of the hashes */
	_Atomic uint64_t requests, refused, failed; /* of workers that are gone */
	struct share_slot slots[SHARE_SLOTS];
};

/* One more, on a counter that only this worker writes. */
static inline void share_add(_Atomic uint64_t *counter)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1, memory_order_relaxed);
}

/* NULL: no memory. */
struct share *share_make(void);
/* Takes a free slot for a new worker, -1: none; share_leave gives it back: what
 * the worker had open is forgotten, what it answered goes into the sums. Both
 * are the supervisor's. */
int share_join(struct share *s);
void share_leave(struct share *s, int slot);
/* One more connection of this address; false (and nothing counted) if that makes
 * more than most over all slots. NET_UNIX is never counted, nor is anything when
 * most is 0. A table full of others counts nothing and says true: a flood from
 * many addresses must not lock out strangers; then the other limits hold. */
bool share_peer_in(struct share *s, int slot, const struct net *peer, uint32_t most);
void share_peer_out(struct share *s, int slot, const struct net *peer);

/* Sessions without a lock: who finds an entry being written passes it over, and
 * share_leave mends what a worker that died has left half-written. The oldest of
 * the few places where an id may stand gives way. */
void share_session_save(struct share *s, int slot, const struct tls_session *session, int64_t now);
bool share_session_find(const struct share *s, const unsigned char id[32], struct tls_session *session, int64_t now);

#endif

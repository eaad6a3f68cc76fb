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
	_Atomic uint32_t tag;   /* of the address (IPv6: of its /64); 0: free */
	_Atomic uint32_t count; /* connections open now */
};

struct share_slot {
	_Atomic uint32_t pid;       /* 0: free; set by the supervisor */
	_Atomic size_t requests;    /* answered, since start */
	_Atomic size_t refused;     /* of those, refused by ourselves (4xx) */
	_Atomic size_t failed;      /* of those, failed on the server's side (5xx by us) */
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

/* Who failed to log in, and how often. Words of 32 bits without a lock: two
 * workers that count in the same moment may count one, which is the price. A full
 * group of places forgets its oldest. */
#define SHARE_FAILURES 1024
#define SHARE_FRIENDS 128
struct share_failure {
	_Atomic uint32_t tag;   /* of the client's network, or of the user; 0: free */
	_Atomic uint32_t count; /* failures in a row */
	_Atomic uint32_t at;    /* the last one, monotonic s */
};

#define SHARE_BUCKETS 2048
struct share_bucket {
	_Atomic uint32_t tag;     /* of the client's network and the rule; 0: free */
	_Atomic uint32_t full_at; /* it is full again then, 1/16 ms, in a circle */
};

struct share {
	struct share_failure failures[SHARE_FAILURES];
	struct share_failure friends[SHARE_FRIENDS]; /* networks from which a user has logged in */
	struct share_bucket buckets[SHARE_BUCKETS];
	struct share_session sessions[SHARE_SESSIONS];
	uint64_t seed; /* of the hashes */
	_Atomic size_t requests, refused, failed; /* of workers that are gone */
	struct share_slot slots[SHARE_SLOTS];
};

/* One more, on a counter that only this worker writes. */
static inline void share_add(_Atomic size_t *counter)
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
/* One more connection of this address (rule 0), or one more request of it under
 * this rule (see struct crowd); false (and nothing counted) if that makes
 * more than most over all slots. NET_UNIX is never counted, nor is anything when
 * most is 0. A table full of others counts nothing and says true: a flood from
 * many addresses must not lock out strangers; then the other limits hold. */
bool share_peer_in(struct share *s, int slot, const struct net *peer, uint16_t rule, uint32_t most);
void share_peer_out(struct share *s, int slot, const struct net *peer, uint16_t rule);

/* One more request of this client under this rule: burst of them may pass at once, and
 * one more for each interval (1/16 ms). A bucket holds what fills in 37 hours, at most.
 * 0: it may pass; else the milliseconds until one may, and nothing was counted.
 * NET_UNIX may always. A full group of buckets forgets the one that is full first. */
struct limit_rate { uint32_t interval, burst; };
uint32_t share_rate(struct share *s, const struct net *client, uint16_t rule, struct limit_rate rate, int64_t now_us);

/* --- failed log-ins ---------------------------------------------------------- */

/* Who tries: this client (its IPv4 address, its IPv6 /64; over NET_UNIX only the user
 * counts) as this user of that [users]. */
struct share_login {
	const struct net *client;
	uint16_t users;
	struct span name;
};

/* Milliseconds until it may try (again); 0: now. After 10 failures of a network it
 * is a minute, doubled with each further one up to an hour. After 20 failures of a
 * user from anywhere it is 10 s, up to a minute; but not for a network from
 * which this user has logged in before. A failure is forgotten after an hour, or
 * as long as it bars if that is more. */
int64_t share_login_wait(const struct share *s, const struct share_login *l, int64_t now);
/* How well is this client known? As far as is remembered. */
enum share_standing {
	SHARE_SUSPECT,  /* its network has failed of late */
	SHARE_STRANGER, /* it has not */
	SHARE_FRIEND    /* this user has logged in from there before */
};
enum share_standing share_login_standing(const struct share *s, const struct share_login *l, int64_t now);
/* It tries now, and counts as failed until share_login_good, so that many at a time
 * are no way round. */
void share_login_try(struct share *s, const struct share_login *l, int64_t now);
/* The milliseconds that its answer is to be held back should it fail, this one counted
 * already: 0 for the first two failures, then 1, 2, 4, 4, ... s. */
int64_t share_login_hold(const struct share *s, const struct share_login *l, int64_t now);
/* Nobody has looked at what it tried: it counts no more. */
void share_login_untry(struct share *s, const struct share_login *l);
/* The password was right: this user begins anew, and this network is a friend of theirs.
 * The network is forgiven as many failures as the user had: those at other names stay, or
 * who has a password could guess at all others for ever. */
void share_login_good(struct share *s, const struct share_login *l, int64_t now);

/* Sessions without a lock: who finds an entry being written passes it over, and
 * share_leave mends what a worker that died has left half-written. The oldest of
 * the few places where an id may stand gives way. */
void share_session_save(struct share *s, int slot, const struct tls_session *session, int64_t now);
bool share_session_find(const struct share *s, const unsigned char id[32], struct tls_session *session, int64_t now);

#endif

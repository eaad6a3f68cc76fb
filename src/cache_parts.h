/* SPDX-License-Identifier: MIT
 *
 * cache_parts - what lies where in the arena, for the files of cache and its tests
 *
 *   struct cache | slots | ledger | buckets | links | map of free blocks | ghosts | blocks
 *
 * An entry is a chain of blocks that reads as one stream of bytes: struct cache_entry,
 * key, Vary text, head text, body. A head that came later (with a 304) has a chain of its own.
 *
 * Who dies holding the lock leaves things half done. cache_mend relies on this order:
 * a record in the ledger is written by its own slot alone; a chain's last link is 0
 * before the block is linked to; what changes in an entry that others may have
 * pinned stands between changing = true and false. STEP() keeps the compiler to it.
 */
#ifndef CACHE_PARTS_H
#define CACHE_PARTS_H

#include "cache.h"

#define STEP() atomic_signal_fence(memory_order_seq_cst)

enum {
	CACHE_LEAST = 16,      /* blocks: with fewer it is not worth having */
	CACHE_VARIANTS = 16,   /* stored responses of one key */
	CACHE_SAME_URL = 64,   /* entries of one URL: they share a bucket, and strangers may make them */
	CACHE_EPOCHS = 64,     /* a power of two */
	CACHE_GHOST_WAYS = 4
};
#define CACHE_NOBODY UINT32_MAX

enum cache_queue { CACHE_SMALL, CACHE_MAIN, CACHE_QUEUES, CACHE_NO_QUEUE = CACHE_QUEUES };

/* A place in a chain; at GW_BLOCK: behind its last byte, the next one is in the block linked to. */
struct cache_place {
	uint32_t block, at;
};

struct cache_entry {
	_Atomic uint32_t state;    /* enum cache_state */
	_Atomic uint32_t produced; /* bytes of the body that are there, modulo 2^32 */
	_Atomic uint32_t pins;     /* readers, and who writes it */
	_Atomic uint32_t head_block; /* head.block, for who looks without the lock whether there is another head */
	_Atomic uint32_t window;   /* too long to be kept: it may hold so many blocks; 0: it is not */
	uint32_t chain;            /* the next one of its bucket */
	uint32_t newer, older;     /* neighbours in its queue */
	uint32_t filler;           /* slot of who writes it, or CACHE_NOBODY */
	uint32_t last;             /* block of its chain */
	uint32_t blocks;           /* it holds in all */
	uint32_t key_len, url_len;
	uint32_t vary_len, head_len;
	struct cache_place vary, head, body; /* where they begin; of a promise body alone is set: there the rest will go */
	uint32_t own;              /* the chain of a head that came later */
	uint32_t spare;            /* the one before it, which somebody may be reading; gone with the last pin */
	uint32_t front;            /* window: number of the first byte behind those that were given back, modulo 2^32 */
	uint32_t object;           /* bytes its body may have */
	uint8_t queue;             /* enum cache_queue */
	uint8_t used;              /* 0 to 3: hits since its queue last looked */
	bool indexed;              /* false: nobody finds it any more, and it goes with the last pin */
	bool known;                /* length was known with the head */
	bool changing;             /* not to be trusted, should its writer die now */
	bool kept;                 /* cache_mend's */
	uint64_t hash;             /* of the URL */
	uint64_t length;           /* of the body; UINT64_MAX: not known yet */
	int64_t until;             /* CACHE_PASS: remembered; else: held (cache_hold) */
	struct fresh_stored stored;
};
_Static_assert(sizeof(struct cache_entry) + 32 <= GW_BLOCK, "an entry and the beginning of its key fit into a block");

struct cache_record { /* the ledger: what one reader of one slot has */
	uint32_t entry;        /* pinned to read */
	_Atomic uint32_t done; /* bytes of its body that were taken, modulo 2^32 */
	uint32_t fill;         /* being written */
	_Atomic uint32_t late; /* 1: too slow for the others */
};

struct cache_slot {
	_Atomic uint32_t pid; /* 0: nobody's */
	_Atomic uint32_t counts[CACHE_COUNTS]; /* written by this worker alone; the rest is in the arena's */
};

struct cache_list { /* a queue */
	uint32_t newest, oldest;
	uint32_t blocks, entries;
};

struct cache_ghost { /* was thrown out of the small queue */
	uint32_t mark; /* of its hash; 0: nothing */
	uint32_t at;   /* number of its throwing out */
};

struct cache {
	_Atomic uint32_t lock; /* pid of who has it */
	uint32_t slots, readers;
	uint32_t blocks;      /* numbers 1 to this one */
	uint32_t bucket_mask, ghost_mask; /* numbers less one, of buckets and of groups of ghosts */
	uint32_t free;        /* blocks */
	uint32_t hint;        /* the map's words before this one have no free block */
	uint32_t idle;        /* blocks of queued entries that nobody has pinned */
	uint32_t thrown;      /* ghosts so far */
	uint32_t mended;      /* take-overs so far */
	struct cache_list queues[CACHE_QUEUES];
	size_t ledger_at, buckets_at, links_at, map_at, ghosts_at, blocks_at; /* bytes from here */
	size_t size;
	_Atomic uint32_t epochs[CACHE_EPOCHS]; /* of URLs, by hash: counts what made them invalid */
	uint64_t keys[2];     /* of the hash */
	int64_t clock;        /* the latest now that anybody has told */
	uint64_t counts[CACHE_COUNTS];
	struct cache_slot slot[]; /* slots */
};

/* --- where things are --------------------------------------------------------- */

static inline void *cache_at(const struct cache *c, size_t offset)
{
	return (char *)(uintptr_t)c + offset;
}

static inline struct cache_record *cache_record(const struct cache *c, uint32_t slot, uint32_t reader)
{
	return (struct cache_record *)cache_at(c, c->ledger_at) + (size_t)slot * c->readers + reader;
}

static inline uint32_t *cache_bucket(const struct cache *c, uint64_t hash)
{
	return (uint32_t *)cache_at(c, c->buckets_at) + ((uint32_t)hash & c->bucket_mask);
}

/* The block after each one in its chain, 0 at its end. */
static inline uint32_t *cache_links(const struct cache *c)
{
	return cache_at(c, c->links_at);
}

static inline char *cache_block(const struct cache *c, uint32_t number)
{
	return (char *)cache_at(c, c->blocks_at) + (size_t)(number - 1) * GW_BLOCK;
}

static inline struct cache_entry *cache_entry(const struct cache *c, uint32_t number)
{
	return (struct cache_entry *)(void *)cache_block(c, number);
}

static inline bool cache_is_block(const struct cache *c, uint32_t number)
{
	return number - 1 < c->blocks;
}

static inline uint32_t cache_state_of(const struct cache_entry *e)
{
	return atomic_load_explicit(&e->state, memory_order_acquire);
}

static inline void cache_set_state(struct cache_entry *e, enum cache_state state)
{
	atomic_store_explicit(&e->state, (uint32_t)state, memory_order_release);
}

static inline uint32_t cache_pins(const struct cache_entry *e)
{
	return atomic_load_explicit(&e->pins, memory_order_relaxed);
}

static inline bool cache_has_head(const struct cache_entry *e)
{
	uint32_t state = cache_state_of(e);

	return state == CACHE_FILLING || state == CACHE_WHOLE;
}

/* --- the lock: cache.c ---------------------------------------------------------- */

/* False: a living process does not let go of it. */
bool cache_lock(struct cache *c, uint32_t pid);
/* Waits until it has it; dead: a process that is known to be none any more, or 0. */
void cache_lock_must(struct cache *c, uint32_t pid, uint32_t dead);
void cache_unlock(struct cache *c);
static inline void cache_tick(struct cache *c, int64_t now)
{
	if (now > c->clock)
		c->clock = now;
}

/* From here on all of it under the lock, but for what only reads chains. */

/* --- blocks and chains: cache_block.c ---------------------------------------------- */

/* So many are free; entries are thrown out for them. False: those in use leave too few, and none was. */
bool cache_have(struct cache *c, uint32_t count);
/* A chain of count blocks, which must be free; best behind the block near. *last is its end. */
uint32_t cache_cut(struct cache *c, uint32_t count, uint32_t near, uint32_t *last);
/* Appends count blocks to its chain. False: there are too few. */
bool cache_extend(struct cache *c, struct cache_entry *e, uint32_t count);
void cache_free_block(struct cache *c, uint32_t block);
/* Of a chain; the number of blocks. */
uint32_t cache_free_chain(struct cache *c, uint32_t block);
bool cache_block_is_free(const struct cache *c, uint32_t block);
/* Makes a map in which all are free; takes one out of it, false: it was not free. */
void cache_map_fill(struct cache *c);
bool cache_map_claim(struct cache *c, uint32_t block);
/* Moves on in the chain. The contiguous bytes there, at most len; 0: its end. */
size_t cache_run(const struct cache *c, struct cache_place *p, size_t len, char **at);
void cache_write(const struct cache *c, struct cache_place *p, struct span s);
/* Are the next bytes these? */
bool cache_reads(const struct cache *c, struct cache_place p, struct span s);
/* Bytes that lie in one block, as most do; NULL: they do not. */
static inline char *cache_straight(const struct cache *c, struct cache_place p, size_t len)
{
	return len <= GW_BLOCK - p.at ? cache_block(c, p.block) + p.at : NULL;
}
static inline struct cache_place cache_key_place(uint32_t entry)
{
	return (struct cache_place){entry, sizeof(struct cache_entry)};
}

/* --- entries: cache_entry.c -------------------------------------------------------- */

uint64_t cache_hash(const struct cache *c, struct span url);
/* A new one with a key, in no index, with room for it; CACHE_NONE: there is none. */
uint32_t cache_make(struct cache *c, uint64_t hash, size_t key_len, size_t url_len);
bool cache_has_key(const struct cache *c, uint32_t entry, const struct cache_key *k, uint64_t hash);
bool cache_same_key(const struct cache *c, uint32_t a, uint32_t b);
void cache_index(struct cache *c, uint32_t entry);
void cache_unindex(struct cache *c, uint32_t entry);
/* Out of the index and its queue; gone when nobody has it pinned. */
void cache_drop(struct cache *c, uint32_t entry);
void cache_hold_pin(struct cache *c, uint32_t entry);
void cache_release_pin(struct cache *c, uint32_t entry);
/* The Vary text in one piece: in place, or copied to room (CACHE_VARY bytes). */
struct span cache_vary(const struct cache *c, const struct cache_entry *e, char *room);
void cache_set_head(struct cache_entry *e, struct cache_place at, size_t len);
void cache_describe(const struct cache_user *u, uint32_t entry, struct cache_found *found);
/* Who writes it lets go of it: it is CACHE_BROKEN, or CACHE_PASS. */
void cache_break(struct cache *c, uint32_t entry, enum cache_state how, int64_t now);
/* A CACHE_PASS with the key of this one, if there is room and nobody is asking by now. */
void cache_mark_pass(struct cache *c, uint32_t entry, int64_t now);

/* --- queues: cache_queue.c ------------------------------------------------------------ */

void cache_enqueue(struct cache *c, uint32_t entry, enum cache_queue queue);
void cache_dequeue(struct cache *c, uint32_t entry);
/* It has been thrown out a short while ago. Asked once: it is forgotten then. */
bool cache_was_thrown(struct cache *c, uint64_t hash);
/* Throws one out; false: all are pinned. */
bool cache_evict(struct cache *c);

/* --- mending: cache_mend.c ---------------------------------------------------------------- */

/* The lock was taken over from this process. */
void cache_mend(struct cache *c, uint32_t dead);

#endif

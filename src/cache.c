/* SPDX-License-Identifier: MIT
 *
 * cache - what do we already have? Setting up, joining, and the lock.
 *
 * The lock is one word. Whoever is alone pays two atomic operations for it and no
 * system call; who waits spins a little, then gives way to others, and from time
 * to time asks whether its owner still lives.
 */
#include "cache_parts.h"
#include "../platform/platform.h"

/* --- setting up -------------------------------------------------------------- */

struct shape { /* of an arena with so many blocks */
	size_t ledger, buckets, links, map, ghosts, blocks, end;
	uint32_t bucket_count, ghost_groups;
};

static size_t rounded(size_t n, size_t to)
{
	return (n + to - 1) / to * to;
}

static uint32_t power_of_two(uint32_t least)
{
	uint32_t n = 1;

	while (n < least)
		n *= 2;
	return n;
}

/* A bucket for two blocks, a ghost for two: entries of one block are rare. */
static void shape_of(struct shape *s, uint32_t blocks, uint32_t slots, uint32_t readers)
{
	s->bucket_count = power_of_two(blocks / 2);
	s->ghost_groups = power_of_two(blocks / 2 / CACHE_GHOST_WAYS);
	s->ledger = rounded(sizeof(struct cache) + slots * sizeof(struct cache_slot), 64);
	s->buckets = rounded(s->ledger + (size_t)slots * readers * sizeof(struct cache_record), 64);
	s->links = s->buckets + s->bucket_count * sizeof(uint32_t);
	s->map = s->links + ((size_t)blocks + 1) * sizeof(uint32_t);
	s->ghosts = s->map + ((size_t)blocks + 31) / 32 * sizeof(uint32_t);
	s->blocks = rounded(s->ghosts + (size_t)s->ghost_groups * CACHE_GHOST_WAYS * sizeof(struct cache_ghost), 64);
	s->end = s->blocks + (size_t)blocks * GW_BLOCK;
}

/* As many blocks as fit: the sum grows with them, so halving the step finds it. */
static uint32_t fitting(struct shape *s, size_t size, uint32_t slots, uint32_t readers)
{
	const size_t most = (size_t)(UINT32_MAX / 2) / GW_BLOCK; /* counts of bytes stay below 2^31 */
	size_t fit = size / GW_BLOCK < most ? size / GW_BLOCK : most;
	uint32_t blocks = 0, step = power_of_two((uint32_t)fit + 1);

	if (slots == 0 || readers == 0 || slots > size / readers)
		return 0;
	for (; step; step /= 2) {
		if (blocks + step > fit)
			continue;
		shape_of(s, blocks + step, slots, readers);
		if (s->end <= size)
			blocks += step;
	}
	shape_of(s, blocks, slots, readers);
	return blocks >= CACHE_LEAST ? blocks : 0;
}

size_t cache_blocks_of(size_t size, uint32_t slots, uint32_t readers)
{
	struct shape s;

	return (size_t)fitting(&s, size, slots, readers) * GW_BLOCK;
}

/* Two numbers of one: the finalizer of a good generator is enough for that. */
static uint64_t spread(uint64_t x)
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

void cache_init(struct cache *c, size_t size, uint32_t slots, uint32_t readers, uint64_t seed)
{
	struct shape s;

	c->blocks = fitting(&s, size, slots, readers);
	c->slots = slots;
	c->readers = readers;
	c->size = size;
	c->bucket_mask = s.bucket_count - 1;
	c->ghost_mask = s.ghost_groups - 1;
	c->ledger_at = s.ledger;
	c->buckets_at = s.buckets;
	c->links_at = s.links;
	c->map_at = s.map;
	c->ghosts_at = s.ghosts;
	c->blocks_at = s.blocks;
	c->keys[0] = spread(seed);
	c->keys[1] = spread(c->keys[0] ^ seed);
	c->clock = INT64_MIN;
	cache_map_fill(c);
}

size_t cache_block_count(const struct cache *c)
{
	return c->blocks;
}

bool cache_join(struct cache_user *u, struct cache *c, uint32_t slot, uint32_t readers, uint32_t pid)
{
	u->arena = NULL;
	u->slot = slot;
	u->pid = pid;
	if (!c || slot >= c->slots || readers > c->readers)
		return false;
	atomic_store(&c->slot[slot].pid, pid);
	u->arena = c;
	return true;
}

/* --- the lock ----------------------------------------------------------------- */

enum {
	SPINS = 100,       /* looks at the word before a turn gives way */
	TURNS_ASK = 100,   /* turns until the first question whether its owner lives, and between two */
	TURNS_MOST = 2000  /* turns of who can do without it */
};

static inline bool grab(struct cache *c, uint32_t from, uint32_t pid)
{
	return atomic_compare_exchange_strong_explicit(&c->lock, &from, pid, memory_order_acquire, memory_order_relaxed);
}

static bool spin(struct cache *c, uint32_t pid)
{
	int i;

	for (i = 0; i < SPINS; i++)
		if (atomic_load_explicit(&c->lock, memory_order_relaxed) == 0 && grab(c, 0, pid))
			return true;
	return false;
}

/* Of several who find out that it is dead one gets the word. */
static bool inherit(struct cache *c, uint32_t pid, uint32_t dead, bool ask)
{
	uint32_t owner = atomic_load_explicit(&c->lock, memory_order_relaxed);

	if (owner == 0 || (owner != dead && (!ask || platform_alive(owner))))
		return false;
	if (!grab(c, owner, pid))
		return false;
	cache_mend(c, owner);
	return true;
}

static bool wait_for(struct cache *c, uint32_t pid, uint32_t dead, bool must)
{
	uint32_t turn;

	for (turn = 1; must || turn < TURNS_MOST; turn++) {
		if (spin(c, pid) || inherit(c, pid, dead, turn % TURNS_ASK == 0))
			return true;
		platform_yield();
	}
	return false;
}

bool cache_lock(struct cache *c, uint32_t pid)
{
	return grab(c, 0, pid) || wait_for(c, pid, 0, false);
}

void cache_lock_must(struct cache *c, uint32_t pid, uint32_t dead)
{
	if (!grab(c, 0, pid))
		wait_for(c, pid, dead, true);
}

void cache_unlock(struct cache *c)
{
	atomic_store_explicit(&c->lock, 0, memory_order_release);
}

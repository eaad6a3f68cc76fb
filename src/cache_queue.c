/* SPDX-License-Identifier: MIT
 *
 * cache_queue - what goes first when room is needed? (S3-FIFO)
 *
 * New entries stand in a small queue that holds about a tenth of the blocks. Who was
 * asked for again while in it goes on to the main queue, the others out,
 * remembered for a while as ghosts: who comes back soon begins in the main queue.
 * There a hit is another round. Hits only count; nothing moves until room is needed.
 */
#include "cache_parts.h"

enum { SMALL_PART = 10 /* of all blocks is the small queue */, AGAIN = 2 /* hits in the small queue that lead on */ };

/* --- the lists --------------------------------------------------------------------- */

void cache_enqueue(struct cache *c, uint32_t entry, enum cache_queue queue)
{
	struct cache_list *q = &c->queues[queue];
	struct cache_entry *e = cache_entry(c, entry);

	e->queue = (uint8_t)queue;
	e->newer = CACHE_NONE;
	e->older = q->newest;
	if (q->newest)
		cache_entry(c, q->newest)->newer = entry;
	else
		q->oldest = entry;
	q->newest = entry;
	q->blocks += e->blocks;
	q->entries++;
	if (cache_pins(e) == 0)
		c->idle += e->blocks;
}

void cache_dequeue(struct cache *c, uint32_t entry)
{
	struct cache_entry *e = cache_entry(c, entry);
	struct cache_list *q;

	if (e->queue == CACHE_NO_QUEUE)
		return;
	q = &c->queues[e->queue];
	if (e->newer)
		cache_entry(c, e->newer)->older = e->older;
	else
		q->newest = e->older;
	if (e->older)
		cache_entry(c, e->older)->newer = e->newer;
	else
		q->oldest = e->newer;
	q->blocks -= e->blocks;
	q->entries--;
	if (cache_pins(e) == 0)
		c->idle -= e->blocks;
	e->queue = CACHE_NO_QUEUE;
}

static void requeue(struct cache *c, uint32_t entry, enum cache_queue queue)
{
	cache_dequeue(c, entry);
	cache_enqueue(c, entry, queue);
}

/* --- ghosts ------------------------------------------------------------------------- */

static struct cache_ghost *group_of(const struct cache *c, uint64_t hash)
{
	return (struct cache_ghost *)cache_at(c, c->ghosts_at) + (size_t)((uint32_t)hash & c->ghost_mask) * CACHE_GHOST_WAYS;
}

static uint32_t mark_of(uint64_t hash)
{
	return (uint32_t)(hash >> 32) | 1;
}

/* As many count as there are entries in the main queue. */
static bool haunts(const struct cache *c, const struct cache_ghost *g)
{
	return g->mark && c->thrown - g->at <= c->queues[CACHE_MAIN].entries;
}

static void remember(struct cache *c, uint64_t hash)
{
	struct cache_ghost *g = group_of(c, hash), *oldest = g;
	int i;

	for (i = 0; i < CACHE_GHOST_WAYS; i++) {
		if (!g[i].mark || g[i].mark == mark_of(hash)) {
			oldest = &g[i];
			break;
		}
		if (c->thrown - g[i].at > c->thrown - oldest->at)
			oldest = &g[i];
	}
	*oldest = (struct cache_ghost){mark_of(hash), ++c->thrown};
}

bool cache_was_thrown(struct cache *c, uint64_t hash)
{
	struct cache_ghost *g = group_of(c, hash);
	bool does;
	int i;

	for (i = 0; i < CACHE_GHOST_WAYS; i++) {
		if (g[i].mark != mark_of(hash))
			continue;
		does = haunts(c, &g[i]);
		g[i].mark = 0;
		return does;
	}
	return false;
}

/* --- throwing out --------------------------------------------------------------------- */

static void throw(struct cache *c, uint32_t entry)
{
	struct cache_entry *e = cache_entry(c, entry);

	if (cache_state_of(e) == CACHE_WHOLE) {
		c->counts[CACHE_EVICTED]++;
		if (e->queue == CACHE_SMALL)
			remember(c, e->hash);
	}
	cache_drop(c, entry);
}

/* Each entry is looked at once; those that are pinned are passed over. */
static bool evict_small(struct cache *c)
{
	struct cache_list *q = &c->queues[CACHE_SMALL];
	uint32_t left, entry;
	struct cache_entry *e;

	for (left = q->entries; left; left--) {
		entry = q->oldest;
		e = cache_entry(c, entry);
		if (cache_pins(e)) {
			requeue(c, entry, CACHE_SMALL);
		} else if (e->used >= AGAIN && cache_state_of(e) == CACHE_WHOLE) {
			e->used = 0;
			requeue(c, entry, CACHE_MAIN);
		} else {
			throw(c, entry);
			return true;
		}
	}
	return false;
}

/* Three rounds take all that was used from an entry, the fourth throws it out. */
static bool evict_main(struct cache *c)
{
	struct cache_list *q = &c->queues[CACHE_MAIN];
	uint32_t entry;
	uint64_t left;
	struct cache_entry *e;

	for (left = 4 * (uint64_t)q->entries; left; left--) {
		entry = q->oldest;
		e = cache_entry(c, entry);
		if (cache_pins(e)) {
			requeue(c, entry, CACHE_MAIN);
		} else if (e->used) {
			e->used--;
			requeue(c, entry, CACHE_MAIN);
		} else {
			throw(c, entry);
			return true;
		}
	}
	return false;
}

bool cache_evict(struct cache *c)
{
	if (c->queues[CACHE_SMALL].blocks >= c->blocks / SMALL_PART && evict_small(c))
		return true;
	return evict_main(c) || evict_small(c);
}

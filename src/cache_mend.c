/* SPDX-License-Identifier: MIT
 *
 * cache_mend - what did a process leave behind that is no more?
 *
 * Its records in the ledger, and perhaps the lock. In the latter case any structure may be
 * half changed. Certain is only what living workers have in the ledger; map, index and
 * queues are made anew from the chains of those entries, which are walked
 * without trust: a block belongs to the first that claims it.
 */
#include "cache_parts.h"
#include "../platform/platform.h"

static bool is_living(const struct cache *c, uint32_t slot)
{
	return atomic_load_explicit(&c->slot[slot].pid, memory_order_relaxed) != 0;
}

/* --- a slot whose worker is gone, in an arena that is in order --------------------------------- */

static void release(struct cache *c, uint32_t slot)
{
	uint32_t i, entry, fill;

	for (i = 0; i < c->readers; i++) {
		struct cache_record *r = cache_record(c, slot, i);

		entry = r->entry;
		fill = r->fill;
		r->entry = r->fill = CACHE_NONE;
		if (fill)
			cache_break(c, fill, CACHE_BROKEN, c->clock);
		if (entry)
			cache_release_pin(c, entry);
	}
	for (i = 0; i < CACHE_COUNTS; i++) {
		c->counts[i] += atomic_load_explicit(&c->slot[slot].counts[i], memory_order_relaxed);
		atomic_store_explicit(&c->slot[slot].counts[i], 0, memory_order_relaxed);
	}
	atomic_store_explicit(&c->slot[slot].pid, 0, memory_order_relaxed);
}

void cache_leave(struct cache *c, uint32_t slot, uint32_t pid)
{
	if (!c || slot >= c->slots)
		return;
	cache_lock_must(c, (uint32_t)platform_pid(), pid);
	release(c, slot);
	cache_unlock(c);
}

/* --- an arena that is not ---------------------------------------------------------------------- */

/* Nobody's any more; whose fills these were is found out by their having no writer. */
static void clear_slot(struct cache *c, uint32_t dead)
{
	uint32_t slot, i;

	for (slot = 0; slot < c->slots; slot++) {
		if (atomic_load_explicit(&c->slot[slot].pid, memory_order_relaxed) != dead)
			continue;
		for (i = 0; i < c->readers; i++) {
			struct cache_record *r = cache_record(c, slot, i);

			r->entry = r->fill = CACHE_NONE;
		}
		atomic_store_explicit(&c->slot[slot].pid, 0, memory_order_relaxed);
	}
}

typedef void visit(struct cache *c, uint32_t entry, uint32_t filler);

/* Each entry that a living worker has, once for each time it has it. */
static void each(struct cache *c, visit *v)
{
	uint32_t slot, i;

	for (slot = 0; slot < c->slots; slot++) {
		if (!is_living(c, slot))
			continue;
		for (i = 0; i < c->readers; i++) {
			const struct cache_record *r = cache_record(c, slot, i);

			if (cache_is_block(c, r->entry))
				v(c, r->entry, CACHE_NOBODY);
			if (cache_is_block(c, r->fill))
				v(c, r->fill, slot);
		}
	}
}

static void clear(struct cache *c, uint32_t entry, uint32_t filler)
{
	struct cache_entry *e = cache_entry(c, entry);

	(void)filler;
	atomic_store_explicit(&e->pins, 0, memory_order_relaxed);
	e->filler = CACHE_NOBODY;
	e->kept = false;
	cache_map_claim(c, entry);
}

static void count(struct cache *c, uint32_t entry, uint32_t filler)
{
	struct cache_entry *e = cache_entry(c, entry);

	atomic_store_explicit(&e->pins, cache_pins(e) + 1, memory_order_relaxed);
	if (filler != CACHE_NOBODY)
		e->filler = filler;
}

/* The rest of a chain behind this block, which is claimed already. False: it ran into
 * what is another's, and was cut there. */
static bool claim_rest(struct cache *c, struct cache_entry *e, uint32_t block, uint32_t *last)
{
	uint32_t *links = cache_links(c);

	e->blocks++;
	for (; links[block]; block = links[block], e->blocks++) {
		if (!cache_map_claim(c, links[block])) {
			links[block] = CACHE_NONE;
			*last = block;
			return false;
		}
	}
	*last = block;
	return true;
}

static bool claim_head(struct cache *c, struct cache_entry *e, uint32_t *chain)
{
	uint32_t last;

	if (*chain == CACHE_NONE)
		return true;
	if (!cache_map_claim(c, *chain)) {
		*chain = CACHE_NONE;
		return false;
	}
	return claim_rest(c, e, *chain, &last);
}

/* Goes on as it was, but not to be found unless all of it is certain. */
static void keep(struct cache *c, uint32_t entry, uint32_t filler)
{
	struct cache_entry *e = cache_entry(c, entry);
	enum cache_queue queue = e->queue == CACHE_MAIN ? CACHE_MAIN : CACHE_SMALL;
	uint32_t state = cache_state_of(e);
	bool sound = e->indexed && !e->changing;

	(void)filler;
	if (e->kept)
		return;
	e->kept = true;
	e->blocks = 0;
	e->indexed = e->changing = false;
	e->queue = CACHE_NO_QUEUE;
	sound &= claim_rest(c, e, entry, &e->last);
	sound &= claim_head(c, e, &e->own);
	sound &= claim_head(c, e, &e->spare);
	if (e->filler == CACHE_NOBODY && (state == CACHE_PROMISED || state == CACHE_FILLING))
		cache_set_state(e, CACHE_BROKEN);
	else if (sound && state != CACHE_BROKEN) {
		cache_index(c, entry);
		if (state != CACHE_PROMISED)
			cache_enqueue(c, entry, queue);
	}
}

void cache_mend(struct cache *c, uint32_t dead)
{
	clear_slot(c, dead);
	memset(c->queues, 0, sizeof c->queues);
	memset(cache_at(c, c->buckets_at), 0, ((size_t)c->bucket_mask + 1) * sizeof(uint32_t));
	cache_map_fill(c);
	c->idle = 0;
	each(c, clear);
	each(c, count);
	each(c, keep);
	c->mended++;
}

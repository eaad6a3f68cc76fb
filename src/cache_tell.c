/* SPDX-License-Identifier: MIT
 *
 * cache_tell - how is the cache doing, and is it in order?
 */
#include "cache_parts.h"

/* --- counting ------------------------------------------------------------------------------- */

void cache_note(struct cache_user *u, enum cache_count what)
{
	_Atomic uint32_t *count;
	uint32_t n;

	if (!u->arena)
		return;
	count = &u->arena->slot[u->slot].counts[what];
	n = atomic_load_explicit(count, memory_order_relaxed) + 1;
	atomic_store_explicit(count, n, memory_order_relaxed);
	if (n < UINT32_C(1) << 31)
		return;
	cache_lock_must(u->arena, u->pid, 0);
	u->arena->counts[what] += n;
	atomic_store_explicit(count, 0, memory_order_relaxed);
	cache_unlock(u->arena);
}

static uint64_t body_bytes(const struct cache_entry *e)
{
	return cache_state_of(e) == CACHE_WHOLE ? e->length : atomic_load_explicit(&e->produced, memory_order_relaxed);
}

static void copy_url(const struct cache *c, uint32_t entry, struct cache_top *top)
{
	struct cache_place p = cache_key_place(entry);
	size_t left = cache_entry(c, entry)->url_len, done = 0, n;
	char *at;

	if (left > sizeof top->url - 1)
		left = sizeof top->url - 1;
	while (left && (n = cache_run(c, &p, left, &at))) {
		memcpy(top->url + done, at, n);
		done += n;
		left -= n;
	}
	top->url[done] = 0;
}

static void rank(const struct cache *c, uint32_t entry, struct cache_report *r)
{
	uint32_t bytes = (uint32_t)body_bytes(cache_entry(c, entry));
	int i = r->tops;

	if (i == CACHE_TOP && r->top[i - 1].bytes >= bytes)
		return;
	if (i < CACHE_TOP)
		r->tops++;
	else
		i--;
	for (; i > 0 && r->top[i - 1].bytes < bytes; i--)
		r->top[i] = r->top[i - 1];
	r->top[i].bytes = bytes;
	copy_url(c, entry, &r->top[i]);
}

static void sum_counts(const struct cache *c, struct cache_report *r)
{
	uint32_t slot;
	int i;

	for (i = 0; i < CACHE_COUNTS; i++) {
		r->counts[i] = c->counts[i];
		for (slot = 0; slot < c->slots; slot++)
			r->counts[i] += atomic_load_explicit(&c->slot[slot].counts[i], memory_order_relaxed);
	}
}

void cache_report(struct cache_user *u, struct cache_report *r)
{
	struct cache *c = u->arena;
	const uint32_t *buckets;
	uint32_t i, entry;

	*r = (struct cache_report){.tops = 0};
	if (!c)
		return;
	buckets = cache_at(c, c->buckets_at);
	cache_lock_must(c, u->pid, 0);
	r->size = c->size;
	r->blocks = c->blocks;
	r->block_bytes = GW_BLOCK;
	r->blocks_used = c->blocks - c->free;
	sum_counts(c, r);
	for (i = 0; i <= c->bucket_mask; i++) {
		for (entry = buckets[i]; entry; entry = cache_entry(c, entry)->chain) {
			if (!cache_has_head(cache_entry(c, entry)))
				continue;
			r->entries++;
			r->bytes += body_bytes(cache_entry(c, entry));
			rank(c, entry, r);
		}
	}
	cache_unlock(c);
}

/* --- is it in order? ------------------------------------------------------------------------------ */

enum { SEEN = 1, ENTRY = 2 }; /* of a block */

/* Marks the blocks of a chain and counts them. */
static const char *mark_chain(const struct cache *c, unsigned char *seen, uint32_t block, uint32_t *count, uint32_t *last)
{
	for (; block; block = cache_links(c)[block]) {
		if (!cache_is_block(c, block))
			return "a chain leads out of the arena";
		if (seen[block - 1])
			return "a block is in two chains";
		if (cache_block_is_free(c, block))
			return "a block of a chain is free";
		seen[block - 1] = SEEN;
		*last = block;
		++*count;
	}
	return NULL;
}

static uint32_t pins_in_ledger(const struct cache *c, uint32_t entry)
{
	const struct cache_record *r = cache_record(c, 0, 0);
	size_t i;
	uint32_t count = 0;

	for (i = 0; i < (size_t)c->slots * c->readers; i++)
		count += (uint32_t)(r[i].entry == entry) + (uint32_t)(r[i].fill == entry);
	return count;
}

static const char *check_state(const struct cache_entry *e)
{
	uint32_t state = cache_state_of(e);
	bool queued = e->queue != CACHE_NO_QUEUE;

	if (state > CACHE_PASS)
		return "an entry has no state";
	if (e->indexed && state == CACHE_BROKEN)
		return "a broken entry is in the index";
	if (queued != (e->indexed && state != CACHE_PROMISED))
		return "an entry is in a queue and not in the index, or the other way";
	if ((e->filler != CACHE_NOBODY) != (state == CACHE_PROMISED || state == CACHE_FILLING))
		return "an entry is being written by nobody";
	if (e->changing)
		return "an entry is half changed";
	return NULL;
}

static const char *check_entry(const struct cache *c, unsigned char *seen, uint32_t entry)
{
	const struct cache_entry *e = cache_entry(c, entry);
	uint32_t count = 0, last = 0, other;
	const char *why = mark_chain(c, seen, entry, &count, &last);

	if (!why && last != e->last)
		why = "an entry has another last block";
	if (!why)
		why = mark_chain(c, seen, e->own, &count, &other);
	if (!why)
		why = mark_chain(c, seen, e->spare, &count, &other);
	if (!why && count != e->blocks)
		why = "an entry has another number of blocks";
	if (!why && cache_pins(e) != pins_in_ledger(c, entry))
		why = "an entry has pins that are not in the ledger, or the other way";
	if (!why && e->spare && cache_pins(e) == 0)
		why = "an entry that nobody has pinned has a spare head";
	if (!why)
		why = check_state(e);
	seen[entry - 1] |= ENTRY;
	return why;
}

static const char *check_index(const struct cache *c, unsigned char *seen, uint32_t *queued)
{
	const uint32_t *buckets = cache_at(c, c->buckets_at);
	const char *why = NULL;
	uint32_t i, entry;

	for (i = 0; i <= c->bucket_mask; i++) {
		for (entry = buckets[i]; entry && !why; entry = cache_entry(c, entry)->chain) {
			if (!cache_is_block(c, entry))
				return "the index leads out of the arena";
			why = check_entry(c, seen, entry);
			if (!why && (!cache_entry(c, entry)->indexed || cache_bucket(c, cache_entry(c, entry)->hash) != &buckets[i]))
				why = "an entry is in the wrong place of the index";
			*queued += cache_entry(c, entry)->queue != CACHE_NO_QUEUE;
		}
	}
	return why;
}

/* Entries that are not in the index, but pinned. */
static const char *check_ledger(const struct cache *c, unsigned char *seen)
{
	const struct cache_record *r = cache_record(c, 0, 0);
	const char *why = NULL;
	size_t i, j;

	for (i = 0; i < (size_t)c->slots * c->readers; i++) {
		const uint32_t entries[] = {r[i].entry, r[i].fill};

		for (j = 0; j < 2 && !why; j++) {
			if (!entries[j])
				continue;
			if (!cache_is_block(c, entries[j]))
				return "the ledger leads out of the arena";
			if (seen[entries[j] - 1] & ENTRY)
				continue;
			if (cache_entry(c, entries[j])->indexed)
				return "an entry is not where the index says";
			why = check_entry(c, seen, entries[j]);
		}
	}
	return why;
}

static const char *check_queue(const struct cache *c, enum cache_queue queue, const unsigned char *seen, uint32_t *idle)
{
	const struct cache_list *q = &c->queues[queue];
	uint32_t entry, newer = CACHE_NONE, blocks = 0, entries = 0;
	const struct cache_entry *e;

	for (entry = q->newest; entry; entry = e->older) {
		if (!cache_is_block(c, entry) || !(seen[entry - 1] & ENTRY) || entries++ == c->blocks)
			return "a queue leads to what is not an entry";
		e = cache_entry(c, entry);
		if (e->newer != newer || e->queue != queue)
			return "a queue is torn";
		newer = entry;
		blocks += e->blocks;
		if (cache_pins(e) == 0)
			*idle += e->blocks;
	}
	if (q->oldest != newer || q->blocks != blocks || q->entries != entries)
		return "a queue has another end, or another size";
	return NULL;
}

static const char *check_blocks(const struct cache *c, const unsigned char *seen)
{
	uint32_t block, free = 0;

	for (block = 1; block <= c->blocks; block++) {
		bool is_free = cache_block_is_free(c, block);

		free += is_free;
		if (is_free == (seen[block - 1] != 0))
			return "a block is nobody's and not free";
		if (is_free && (block - 1) / 32 < c->hint)
			return "a free block is before the hint";
	}
	return free == c->free ? NULL : "another number of blocks is free";
}

static const char *check(const struct cache *c, unsigned char *seen)
{
	uint32_t queued = 0, idle = 0;
	const char *why;

	memset(seen, 0, c->blocks);
	why = check_index(c, seen, &queued);
	if (!why)
		why = check_ledger(c, seen);
	if (!why)
		why = check_queue(c, CACHE_SMALL, seen, &idle);
	if (!why)
		why = check_queue(c, CACHE_MAIN, seen, &idle);
	if (!why && c->queues[CACHE_SMALL].entries + c->queues[CACHE_MAIN].entries != queued)
		why = "an entry of the index is in no queue";
	if (!why && idle != c->idle)
		why = "another number of blocks is idle";
	return why ? why : check_blocks(c, seen);
}

const char *cache_check(struct cache_user *u, unsigned char *seen)
{
	const char *why;

	if (!u->arena)
		return NULL;
	cache_lock_must(u->arena, u->pid, 0);
	why = check(u->arena, seen);
	cache_unlock(u->arena);
	return why;
}

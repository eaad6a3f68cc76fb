/* SPDX-License-Identifier: MIT
 *
 * cache_fill - how does a response get in?
 *
 * With a known length all blocks are there with the head. Otherwise they come as the
 * body does; when that becomes too long, or no room can be made, the entry is taken out of the
 * index and its blocks go round: what all readers have taken is written anew.
 */
#include "cache_parts.h"

enum {
	AT_A_TIME = 4, /* blocks for a body of unknown length */
	RUN_MOST = 65536, /* bytes of room at once */
	WINDOW_LEAST = 2 /* blocks, so that one can be written while another is read */
};

/* --- the head ------------------------------------------------------------------------------ */

static uint64_t most_of(const struct cache *c, uint64_t object)
{
	uint64_t all = (uint64_t)c->blocks * GW_BLOCK;

	if (object == 0)
		return all / 8;
	return object < all ? object : all;
}

/* Blocks, besides those it has, for vary, head, and a body as long or as is enough for a beginning. */
static bool reserve(struct cache *c, struct cache_entry *e, size_t text, uint64_t length)
{
	uint64_t need = text + (length == UINT64_MAX ? 0 : length), room = GW_BLOCK - e->body.at, count = 0;

	if (need > room)
		count = (need - room + GW_BLOCK - 1) / GW_BLOCK;
	if (length == UINT64_MAX)
		count += WINDOW_LEAST;
	return count <= c->blocks && cache_extend(c, e, (uint32_t)count);
}

/* Who had the same key and Vary goes, and leaves its place in the queues; so does the least used of too many. */
static enum cache_queue replace(struct cache *c, uint32_t entry, struct span vary)
{
	struct cache_entry *e = cache_entry(c, entry), *other;
	enum cache_queue queue = CACHE_NO_QUEUE;
	uint32_t at, next, least = CACHE_NONE, count = 0;
	char room[CACHE_VARY];

	for (at = *cache_bucket(c, e->hash); at; at = next) {
		other = cache_entry(c, at);
		next = other->chain;
		if (at == entry || !cache_has_head(other) || !cache_same_key(c, at, entry))
			continue;
		if (span_is(cache_vary(c, other, room), vary)) {
			queue = other->queue;
			e->used = other->used;
			cache_drop(c, at);
		} else {
			if (!least || other->used <= cache_entry(c, least)->used)
				least = at;
			count++;
		}
	}
	if (count >= CACHE_VARIANTS)
		cache_drop(c, least);
	return queue;
}

static void write_head(struct cache *c, struct cache_entry *e, struct span vary, struct span head)
{
	struct cache_place at = e->body;

	e->vary = at;
	e->vary_len = (uint32_t)vary.len;
	cache_write(c, &at, vary);
	cache_set_head(e, at, head.len);
	cache_write(c, &at, head);
	e->body = at;
	e->front = GW_BLOCK - at.at;
}

/* It goes to where it was found, but before all others of its key. */
static void publish(struct cache *c, uint32_t entry, struct span vary)
{
	struct cache_entry *e = cache_entry(c, entry);
	enum cache_queue queue = CACHE_NO_QUEUE;

	if (e->indexed) {
		queue = replace(c, entry, vary);
		cache_unindex(c, entry);
		if (queue == CACHE_NO_QUEUE)
			queue = cache_was_thrown(c, e->hash) ? CACHE_MAIN : CACHE_SMALL;
	}
	cache_set_state(e, CACHE_FILLING);
	if (queue != CACHE_NO_QUEUE) {
		cache_index(c, entry);
		cache_enqueue(c, entry, queue);
	}
}

static void end(struct cache_user *u, struct cache_fill *f, enum cache_state how, int64_t now)
{
	struct cache *c = u->arena;

	cache_record(c, u->slot, f->reader)->fill = CACHE_NONE;
	STEP();
	cache_break(c, f->entry, how, now);
	f->entry = CACHE_NONE;
}

static bool head_fits(const struct cache_fill *f, struct span vary, uint64_t length, uint64_t most)
{
	return f->entry != CACHE_NONE && vary.len <= CACHE_VARY && (length == UINT64_MAX || length <= most);
}

bool cache_fill_head(struct cache_user *u, struct cache_fill *f, const struct fresh_stored *s, struct span vary, struct span head, uint64_t length, uint64_t object, int64_t now)
{
	struct cache *c = u->arena;
	struct cache_entry *e;
	uint64_t most;

	if (!c || f->entry == CACHE_NONE)
		return false;
	most = most_of(c, object);
	e = cache_entry(c, f->entry);
	cache_lock_must(c, u->pid, 0);
	cache_tick(c, now);
	if (!head_fits(f, vary, length, most) || !reserve(c, e, vary.len + head.len, length)) {
		end(u, f, vary.len > CACHE_VARY ? CACHE_BROKEN : CACHE_PASS, now); /* a long Vary is this request's alone */
		cache_unlock(c);
		return false;
	}
	write_head(c, e, vary, head);
	e->stored = *s;
	e->length = length;
	e->known = length != UINT64_MAX;
	e->object = (uint32_t)most;
	publish(c, f->entry, vary);
	f->block = e->body.block;
	f->at = e->body.at;
	f->length = length;
	cache_unlock(c);
	return true;
}

/* --- the body ---------------------------------------------------------------------------- */

/* Nobody finds it from here on; its blocks go round. */
static void open_window(struct cache *c, struct cache_fill *f)
{
	struct cache_entry *e = cache_entry(c, f->entry);
	bool indexed = e->indexed;

	f->too_long = true;
	atomic_store_explicit(&e->window, e->blocks, memory_order_release);
	cache_drop(c, f->entry);
	if (indexed)
		cache_mark_pass(c, f->entry, c->clock);
}

/* Bytes of the body that are there and that its slowest reader has not taken. */
static uint32_t behind(const struct cache *c, uint32_t entry)
{
	uint32_t produced = atomic_load_explicit(&cache_entry(c, entry)->produced, memory_order_relaxed), most = 0, slot, i;

	for (slot = 0; slot < c->slots; slot++) {
		if (atomic_load_explicit(&c->slot[slot].pid, memory_order_relaxed) == 0)
			continue;
		for (i = 0; i < c->readers; i++) {
			const struct cache_record *r = cache_record(c, slot, i);
			uint32_t left = produced - atomic_load_explicit(&r->done, memory_order_acquire);

			if (r->entry == entry && left > most)
				most = left;
		}
	}
	return most;
}

/* A block goes back when all of it and one byte more has been taken: then no reader
 * stands at its end, on the way to the next one. The first block, with the head, stays. */
static void give_back(struct cache *c, uint32_t entry)
{
	struct cache_entry *e = cache_entry(c, entry);
	uint32_t *links = cache_links(c), *from = &links[e->body.block], block;
	uint32_t produced = atomic_load_explicit(&e->produced, memory_order_relaxed), left = behind(c, entry);

	for (; (block = *from) != CACHE_NONE; e->front += GW_BLOCK) {
		int32_t past = (int32_t)(produced - e->front - GW_BLOCK); /* bytes behind its end that came; the writer's has none */

		if (past <= 0 || (uint32_t)past <= left)
			return;
		*from = links[block];
		STEP();
		cache_free_block(c, block);
		e->blocks--;
	}
}

/* The readers of an entry that have at least so many bytes still to take; with late, they are told. */
static uint32_t laggards(const struct cache *c, const struct cache_fill *f, uint32_t most, bool late)
{
	uint32_t slot, i, count = 0;

	for (slot = 0; slot < c->slots; slot++) {
		if (atomic_load_explicit(&c->slot[slot].pid, memory_order_relaxed) == 0)
			continue;
		for (i = 0; i < c->readers; i++) {
			struct cache_record *r = cache_record(c, slot, i);

			if (r->entry != f->entry || (uint32_t)f->done - atomic_load_explicit(&r->done, memory_order_acquire) < most)
				continue;
			count++;
			if (late)
				atomic_store_explicit(&r->late, 1, memory_order_relaxed);
		}
	}
	return count;
}

void cache_hurry(struct cache_user *u, const struct cache_fill *f)
{
	struct cache *c = u->arena;
	uint32_t most;

	if (!c || f->entry == CACHE_NONE || !f->too_long || !cache_lock(c, u->pid))
		return;
	most = behind(c, f->entry) / 2;
	if (most && laggards(c, f, most, false) < laggards(c, f, 0, false))
		laggards(c, f, most, true);
	cache_unlock(c);
}

static bool more(struct cache_user *u, struct cache_fill *f)
{
	struct cache *c = u->arena;
	struct cache_entry *e = cache_entry(c, f->entry);
	bool got;

	if (!cache_lock(c, u->pid))
		return false;
	got = !f->too_long && (cache_extend(c, e, AT_A_TIME) || cache_extend(c, e, 1));
	if (!got) {
		if (!f->too_long)
			open_window(c, f);
		give_back(c, f->entry);
		got = e->blocks < atomic_load_explicit(&e->window, memory_order_relaxed) && cache_extend(c, e, 1);
	}
	cache_unlock(c);
	return got;
}

static bool step(const struct cache *c, struct cache_fill *f)
{
	uint32_t next = cache_links(c)[f->block];

	if (!cache_is_block(c, next))
		return false;
	f->block = next;
	f->at = 0;
	return true;
}

void cache_room(struct cache_user *u, struct cache_fill *f, char **at, size_t *len)
{
	const struct cache *c = u->arena;
	uint64_t left;
	uint32_t block;
	size_t n;

	*at = NULL;
	*len = 0;
	if (!c || f->entry == CACHE_NONE)
		return;
	left = f->length == UINT64_MAX ? RUN_MOST : f->length - f->done;
	if (left == 0)
		return;
	if (f->at == GW_BLOCK && !step(c, f) && !(more(u, f) && step(c, f)))
		return;
	*at = cache_block(c, f->block) + f->at;
	n = GW_BLOCK - f->at;
	for (block = f->block; n < left && cache_links(c)[block] == block + 1; block++)
		n += GW_BLOCK;
	*len = n < left ? n : (size_t)left;
}

void cache_put(struct cache_user *u, struct cache_fill *f, size_t len)
{
	struct cache *c = u->arena;
	struct cache_place p = {f->block, f->at};
	struct cache_entry *e;
	char *at;
	size_t n;

	if (!c || f->entry == CACHE_NONE)
		return;
	e = cache_entry(c, f->entry);
	for (; len && (n = cache_run(c, &p, len, &at)); len -= n)
		f->done += n;
	f->block = p.block;
	f->at = p.at;
	atomic_store_explicit(&e->produced, (uint32_t)f->done, memory_order_release);
	if (f->length == UINT64_MAX && !f->too_long && f->done > e->object) {
		cache_lock_must(c, u->pid, 0);
		open_window(c, f);
		cache_unlock(c);
	}
}

/* --- the end ------------------------------------------------------------------------------- */

/* Blocks behind the last byte go back. */
static void trim(struct cache *c, struct cache_entry *e, const struct cache_fill *f)
{
	uint32_t *links = cache_links(c), rest = links[f->block], count;

	links[f->block] = CACHE_NONE;
	e->last = f->block;
	STEP();
	count = cache_free_chain(c, rest);
	e->blocks -= count;
	if (e->queue != CACHE_NO_QUEUE)
		c->queues[e->queue].blocks -= count;
}

void cache_fill_done(struct cache_user *u, struct cache_fill *f)
{
	struct cache *c = u->arena;
	struct cache_entry *e;

	if (!c || f->entry == CACHE_NONE)
		return;
	e = cache_entry(c, f->entry);
	cache_lock_must(c, u->pid, 0);
	if (cache_state_of(e) != CACHE_FILLING || (e->known && f->done != e->length)) {
		end(u, f, CACHE_BROKEN, c->clock);
	} else {
		cache_record(c, u->slot, f->reader)->fill = CACHE_NONE;
		trim(c, e, f);
		if (!e->known) /* otherwise others may be reading it */
			e->length = f->done;
		e->filler = CACHE_NOBODY;
		if (e->indexed)
			c->counts[CACHE_STORED]++;
		cache_set_state(e, CACHE_WHOLE);
		cache_release_pin(c, f->entry);
		f->entry = CACHE_NONE;
	}
	cache_unlock(c);
}

void cache_fill_end(struct cache_user *u, struct cache_fill *f, enum cache_state how, int64_t now)
{
	if (!u->arena || f->entry == CACHE_NONE)
		return;
	cache_lock_must(u->arena, u->pid, 0);
	cache_tick(u->arena, now);
	end(u, f, how, now);
	cache_unlock(u->arena);
}

bool cache_fill_is_read(const struct cache_user *u, const struct cache_fill *f)
{
	return u->arena && f->entry != CACHE_NONE && cache_pins(cache_entry(u->arena, f->entry)) > 1;
}

/* SPDX-License-Identifier: MIT
 *
 * cache_look - is it there, who brings it, and how is it with what is pinned?
 */
#include "cache_parts.h"

/* --- the ledger ------------------------------------------------------------------------ */

static bool is_free_reader(const struct cache_user *u, uint32_t reader)
{
	return reader < u->arena->readers && !cache_record(u->arena, u->slot, reader)->entry;
}

static void pin(struct cache_user *u, uint32_t entry, uint32_t reader, struct cache_found *found)
{
	struct cache_record *r = cache_record(u->arena, u->slot, reader);

	r->entry = entry;
	atomic_store_explicit(&r->done, 0, memory_order_relaxed);
	atomic_store_explicit(&r->late, 0, memory_order_relaxed);
	STEP();
	cache_hold_pin(u->arena, entry);
	found->pin = (struct cache_pin){entry, reader};
	cache_describe(u, entry, found);
}

void cache_unpin(struct cache_user *u, struct cache_pin *p)
{
	struct cache *c = u->arena;
	struct cache_record *r;

	if (!c || p->entry == CACHE_NONE)
		return;
	cache_lock_must(c, u->pid, 0);
	r = cache_record(c, u->slot, p->reader);
	if (r->entry == p->entry) {
		r->entry = CACHE_NONE;
		STEP();
		cache_release_pin(c, p->entry);
	}
	cache_unlock(c);
	p->entry = CACHE_NONE;
}

/* --- looking ---------------------------------------------------------------------------- */

static bool is_fit(const struct cache *c, const struct cache_entry *e, const struct head *asked)
{
	char room[CACHE_VARY];

	return fresh_vary_matches(cache_vary(c, e, room), asked);
}

static uint32_t find(const struct cache *c, const struct cache_key *k, uint64_t hash, const struct head *asked, bool *others)
{
	uint32_t entry;
	const struct cache_entry *e;

	for (entry = *cache_bucket(c, hash); entry; entry = e->chain) {
		e = cache_entry(c, entry);
		if (!cache_has_head(e) || !cache_has_key(c, entry, k, hash))
			continue;
		if (is_fit(c, e, asked))
			return entry;
		*others = true;
	}
	return CACHE_NONE;
}

bool cache_look(struct cache_user *u, const struct cache_key *k, const struct head *asked, uint32_t reader, int64_t now, struct cache_found *found)
{
	struct cache *c = u->arena;
	struct cache_entry *e;
	uint64_t hash;
	uint32_t entry;

	found->pin.entry = CACHE_NONE;
	found->others = false;
	if (!c || !is_free_reader(u, reader))
		return false;
	hash = cache_hash(c, span_of(k->text.at, k->url));
	if (!cache_lock(c, u->pid))
		return false;
	cache_tick(c, now);
	entry = find(c, k, hash, asked, &found->others);
	if (entry) {
		e = cache_entry(c, entry);
		e->used = (uint8_t)(e->used < 3 ? e->used + 1 : 3);
		pin(u, entry, reader, found);
		found->held = e->until > now;
	}
	cache_unlock(c);
	return entry != CACHE_NONE;
}

/* --- promises ------------------------------------------------------------------------------ */

/* Who waits for this key, or knows that it is not stored; CACHE_NONE. A PASS that is over goes. */
static uint32_t find_promise(struct cache *c, const struct cache_key *k, uint64_t hash, int64_t now)
{
	uint32_t entry, next;

	for (entry = *cache_bucket(c, hash); entry; entry = next) {
		const struct cache_entry *e = cache_entry(c, entry);

		next = e->chain;
		if (cache_has_head(e) || !cache_has_key(c, entry, k, hash))
			continue;
		if (cache_state_of(e) == CACHE_PROMISED || e->until > now)
			return entry;
		cache_drop(c, entry);
	}
	return CACHE_NONE;
}

/* Too many entries of one URL: of those that nobody has pinned the one goes that was used least, and of several the oldest. */
static void thin_out(struct cache *c, uint64_t hash)
{
	uint32_t entry, least = CACHE_NONE, count = 0;

	for (entry = *cache_bucket(c, hash); entry; entry = cache_entry(c, entry)->chain) {
		const struct cache_entry *e = cache_entry(c, entry);

		if (e->hash != hash)
			continue;
		count++;
		if (cache_pins(e) == 0 && (!least || e->used <= cache_entry(c, least)->used))
			least = entry;
	}
	if (count >= CACHE_SAME_URL && least)
		cache_drop(c, least);
}

static bool lead(struct cache_user *u, const struct cache_key *k, uint64_t hash, uint32_t reader, struct cache_fill *f)
{
	struct cache *c = u->arena;
	struct cache_record *r = cache_record(c, u->slot, reader);
	struct cache_entry *e;
	uint32_t entry;

	if (r->fill)
		return false;
	thin_out(c, hash);
	entry = cache_make(c, hash, k->text.len, k->url);
	if (!entry)
		return false;
	e = cache_entry(c, entry);
	cache_write(c, &e->body, k->text);
	e->filler = u->slot;
	r->fill = entry;
	STEP();
	cache_hold_pin(c, entry);
	cache_set_state(e, CACHE_PROMISED);
	cache_index(c, entry);
	*f = (struct cache_fill){.entry = entry, .reader = reader, .length = UINT64_MAX};
	return true;
}

enum cache_promise cache_promise(struct cache_user *u, const struct cache_key *k, uint32_t reader, int64_t now, struct cache_fill *fill, struct cache_found *found)
{
	struct cache *c = u->arena;
	enum cache_promise who = CACHE_ALONE;
	uint64_t hash;
	uint32_t entry;

	fill->entry = found->pin.entry = CACHE_NONE;
	if (!c || reader >= c->readers)
		return CACHE_ALONE;
	hash = cache_hash(c, span_of(k->text.at, k->url));
	if (!cache_lock(c, u->pid))
		return CACHE_ALONE;
	cache_tick(c, now);
	entry = find_promise(c, k, hash, now);
	if (!entry) {
		if (lead(u, k, hash, reader, fill))
			who = CACHE_LEAD;
	} else if (cache_state_of(cache_entry(c, entry)) == CACHE_PROMISED && is_free_reader(u, reader)) {
		pin(u, entry, reader, found);
		who = CACHE_JOIN;
	}
	cache_unlock(c);
	return who;
}

bool cache_begin(struct cache_user *u, const struct cache_key *k, uint32_t reader, int64_t now, struct cache_fill *fill)
{
	struct cache *c = u->arena;
	uint64_t hash;
	uint32_t entry;
	bool ours = false;

	fill->entry = CACHE_NONE;
	if (!c || reader >= c->readers)
		return false;
	hash = cache_hash(c, span_of(k->text.at, k->url));
	if (!cache_lock(c, u->pid))
		return false;
	cache_tick(c, now);
	entry = find_promise(c, k, hash, now);
	if (entry && cache_state_of(cache_entry(c, entry)) == CACHE_PASS) {
		cache_drop(c, entry);
		entry = CACHE_NONE;
	}
	if (!entry)
		ours = lead(u, k, hash, reader, fill);
	cache_unlock(c);
	return ours;
}

/* --- how is it with it? --------------------------------------------------------------------- */

/* A head that is there may be replaced any moment (cache_refresh), so it is copied under the
 * lock. Of a promise found->head is 0: its first one is news, too. The state is read once:
 * what is returned must be what is described. */
enum cache_state cache_state(const struct cache_user *u, struct cache_found *found)
{
	struct cache *c = u->arena;
	const struct cache_entry *e;
	uint32_t state;

	if (!c || found->pin.entry == CACHE_NONE)
		return CACHE_BROKEN;
	e = cache_entry(c, found->pin.entry);
	state = cache_state_of(e);
	if ((state == CACHE_FILLING || state == CACHE_WHOLE) && atomic_load_explicit(&e->head_block, memory_order_acquire) != found->head) {
		if (!cache_lock(c, u->pid))
			return found->state;
		cache_describe(u, found->pin.entry, found);
		cache_unlock(c);
		return found->state;
	}
	if (state == CACHE_WHOLE)
		found->length = e->length;
	found->state = (uint8_t)state;
	return state;
}

void cache_pin_also(struct cache_user *u, const struct cache_found *from, uint32_t reader, struct cache_found *found)
{
	found->pin.entry = CACHE_NONE;
	if (!u->arena || from->pin.entry == CACHE_NONE || !is_free_reader(u, reader))
		return;
	cache_lock_must(u->arena, u->pid, 0);
	pin(u, from->pin.entry, reader, found);
	cache_unlock(u->arena);
}

void cache_follow(struct cache_user *u, const struct cache_fill *f, uint32_t reader, struct cache_found *found)
{
	found->pin.entry = CACHE_NONE;
	if (!u->arena || f->entry == CACHE_NONE || !is_free_reader(u, reader))
		return;
	cache_lock_must(u->arena, u->pid, 0);
	pin(u, f->entry, reader, found);
	cache_unlock(u->arena);
}

bool cache_fits(const struct cache_user *u, const struct cache_found *found, const struct head *asked)
{
	return is_fit(u->arena, cache_entry(u->arena, found->pin.entry), asked);
}

void cache_head(const struct cache_user *u, const struct cache_found *found, struct text *out)
{
	struct cache_place p = {found->head, found->head_at};
	size_t left = found->head_len, n;
	char *at = cache_straight(u->arena, p, left);

	if (at) {
		text_add(out, at, left);
		return;
	}
	while (left && (n = cache_run(u->arena, &p, left, &at))) {
		text_add(out, at, n);
		left -= n;
	}
	if (left)
		out->full = true;
}

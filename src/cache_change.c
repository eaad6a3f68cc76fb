/* SPDX-License-Identifier: MIT
 *
 * cache_change - what is known better by now, and what must not be found any more?
 */
#include "cache_parts.h"

/* --- one entry that is pinned ------------------------------------------------------------ */

enum { SPARE_MOST = 16 }; /* blocks of heads that somebody may still be reading */

static uint32_t chain_length(const struct cache *c, uint32_t block, uint32_t *last)
{
	uint32_t count = 0;

	for (*last = block; block && count <= SPARE_MOST; block = cache_links(c)[block], count++)
		*last = block;
	return count;
}

/* The head so far stays where it is: somebody may be reading it, as far as its length. Those that
 * came later and are replaced hang together, and go when nobody has the entry pinned. */
static bool set_head(struct cache *c, struct cache_entry *e, const struct fresh_stored *s, struct span head)
{
	uint32_t count = (uint32_t)((head.len + GW_BLOCK - 1) / GW_BLOCK), first = CACHE_NONE, last, own_last;
	struct cache_place at;

	if (chain_length(c, e->spare, &last) + chain_length(c, e->own, &own_last) > SPARE_MOST || head.len == 0 || head.len > (size_t)c->blocks * GW_BLOCK || !cache_have(c, count))
		return false;
	first = cache_cut(c, count, e->last, &last);
	at = (struct cache_place){first, 0};
	cache_write(c, &at, head);
	e->changing = true;
	STEP();
	if (e->own) {
		cache_links(c)[own_last] = e->spare;
		STEP();
		e->spare = e->own;
	}
	STEP();
	e->own = first;
	cache_set_head(e, (struct cache_place){first, 0}, head.len);
	e->stored = *s;
	e->until = INT64_MIN;
	e->blocks += count;
	c->queues[e->queue].blocks += count;
	STEP();
	e->changing = false;
	return true;
}

bool cache_refresh(struct cache_user *u, const struct cache_found *found, const struct fresh_stored *s, struct span head)
{
	struct cache *c = u->arena;
	struct cache_entry *e;
	bool done;

	if (!c || found->pin.entry == CACHE_NONE)
		return false;
	e = cache_entry(c, found->pin.entry);
	cache_lock_must(c, u->pid, 0);
	done = e->indexed && cache_state_of(e) == CACHE_WHOLE && set_head(c, e, s, head);
	if (done) {
		cache_unindex(c, found->pin.entry);
		cache_index(c, found->pin.entry);
	} else {
		cache_drop(c, found->pin.entry);
	}
	cache_unlock(c);
	return done;
}

void cache_forget(struct cache_user *u, const struct cache_found *found)
{
	if (!u->arena || found->pin.entry == CACHE_NONE)
		return;
	cache_lock_must(u->arena, u->pid, 0);
	cache_drop(u->arena, found->pin.entry);
	cache_unlock(u->arena);
}

void cache_hold(struct cache_user *u, const struct cache_found *found, int64_t now)
{
	if (!u->arena || found->pin.entry == CACHE_NONE)
		return;
	cache_lock_must(u->arena, u->pid, 0);
	cache_tick(u->arena, now);
	cache_entry(u->arena, found->pin.entry)->until = now + CACHE_HOLD_MS;
	cache_unlock(u->arena);
}

/* --- all of a URL, or of several ------------------------------------------------------------ */

uint32_t cache_invalidate(struct cache_user *u, struct span url)
{
	struct cache *c = u->arena;
	uint32_t entry, next, count = 0;
	uint64_t hash;

	if (!c)
		return 0;
	hash = cache_hash(c, url);
	cache_lock_must(c, u->pid, 0);
	atomic_fetch_add_explicit(&c->epochs[hash % CACHE_EPOCHS], 1, memory_order_relaxed);
	for (entry = *cache_bucket(c, hash); entry; entry = next) {
		const struct cache_entry *e = cache_entry(c, entry);

		next = e->chain;
		if (e->hash != hash || e->url_len != url.len || !cache_reads(c, cache_key_place(entry), url))
			continue;
		count += cache_has_head(e);
		cache_drop(c, entry);
	}
	cache_unlock(c);
	return count;
}

/* Bytes of scheme and authority: up to the path. */
static size_t origin_len(struct span url)
{
	size_t i, slashes = 0;

	for (i = 0; i < url.len; i++)
		if ((url.at[i] == '/' && ++slashes == 3) || url.at[i] == '?')
			break;
	return i;
}

static bool begins(const struct cache *c, uint32_t entry, struct span prefix, size_t origin)
{
	struct cache_place p = cache_key_place(entry);
	struct span front = span_of(prefix.at, origin), part;
	size_t n;
	char *at;

	while (front.len && (n = cache_run(c, &p, front.len, &at))) {
		part = span_of(front.at, n);
		if (!span_same(part, span_of(at, n)))
			return false;
		front = span_of(front.at + n, front.len - n);
	}
	return cache_reads(c, p, span_of(prefix.at + origin, prefix.len - origin));
}

uint32_t cache_purge(struct cache_user *u, struct span prefix, bool whole_url)
{
	struct cache *c = u->arena;
	size_t origin = origin_len(prefix);
	uint32_t *buckets, i, entry, next, count = 0;

	if (!c)
		return 0;
	buckets = cache_at(c, c->buckets_at);
	cache_lock_must(c, u->pid, 0);
	for (i = 0; i < CACHE_EPOCHS; i++)
		atomic_fetch_add_explicit(&c->epochs[i], 1, memory_order_relaxed);
	for (i = 0; i <= c->bucket_mask; i++) {
		for (entry = buckets[i]; entry; entry = next) {
			const struct cache_entry *e = cache_entry(c, entry);

			next = e->chain;
			if (e->url_len < prefix.len || (whole_url && e->url_len != prefix.len) || !begins(c, entry, prefix, origin))
				continue;
			count += cache_has_head(e);
			cache_drop(c, entry);
		}
	}
	cache_unlock(c);
	return count;
}

uint32_t cache_epoch(const struct cache_user *u, struct span url)
{
	const struct cache *c = u->arena;

	return c ? atomic_load_explicit(&c->epochs[cache_hash(c, url) % CACHE_EPOCHS], memory_order_relaxed) : 0;
}

/* SPDX-License-Identifier: MIT
 *
 * cache_read - which bytes of a body are there, and which have gone?
 *
 * Without the lock: what is pinned stays, bytes are written before `produced`
 * counts them, and links before bytes. What a reader has taken it tells in the
 * ledger, for a writer whose blocks go round.
 */
#include "cache_parts.h"

static inline struct cache_entry *entry_of(const struct cache_read *r)
{
	return cache_entry(r->user->arena, r->entry);
}

static inline struct cache_place place_of(const struct cache_read *r)
{
	return r->block ? (struct cache_place){r->block, r->at} : entry_of(r)->body;
}

static uint32_t there(const struct cache_read *r)
{
	uint32_t n = atomic_load_explicit(&entry_of(r)->produced, memory_order_acquire) - (uint32_t)r->done;

	return n < r->end - r->done ? n : (uint32_t)(r->end - r->done);
}

/* Who has taken bytes of what goes round cannot begin once more. */
static bool is_lost(const struct cache_entry *e, const struct cache_record *record)
{
	return atomic_load_explicit(&e->window, memory_order_acquire) && atomic_load_explicit(&record->done, memory_order_relaxed);
}

void cache_read_begin(struct cache_read *r, struct cache_user *u, const struct cache_pin *pin, uint64_t first, uint64_t end)
{
	const struct cache_entry *e;

	*r = (struct cache_read){.user = u, .entry = pin->entry, .reader = pin->reader, .end = end};
	if (!u->arena || r->entry == CACHE_NONE)
		return;
	e = entry_of(r);
	if (is_lost(e, cache_record(u->arena, u->slot, r->reader))) {
		r->entry = CACHE_NONE;
		return;
	}
	if ((cache_state_of(e) == CACHE_WHOLE || e->known) && r->end > e->length)
		r->end = e->length;
	if (first > r->end)
		first = r->end;
	if (first)
		cache_take(r, first);
}

/* From block on, where `at` begins: bytes in blocks that lie side by side. */
static size_t joined(const struct cache *c, struct cache_place *p, size_t len)
{
	const uint32_t *links = cache_links(c);
	size_t n = GW_BLOCK - p->at;

	while (n < len && links[p->block] == p->block + 1) {
		p->block++;
		n += GW_BLOCK;
	}
	p->at = GW_BLOCK;
	return n < len ? n : len;
}

int cache_peek(const struct cache_read *r, struct cache_piece *pieces, int count)
{
	const struct cache *c = r->user->arena;
	struct cache_place p;
	size_t left;
	int n = 0;

	if (!c || r->entry == CACHE_NONE)
		return 0;
	p = place_of(r);
	for (left = there(r); left && n < count; n++) {
		if (p.at == GW_BLOCK) {
			p = (struct cache_place){cache_links(c)[p.block], 0};
			if (!cache_is_block(c, p.block))
				break;
		}
		pieces[n].at = cache_block(c, p.block) + p.at;
		pieces[n].len = joined(c, &p, left);
		left -= pieces[n].len;
	}
	return n;
}

void cache_take(struct cache_read *r, uint64_t len)
{
	const struct cache *c = r->user->arena;
	struct cache_place p;
	size_t n;
	char *at;

	if (!c || r->entry == CACHE_NONE)
		return;
	p = place_of(r);
	if (len <= GW_BLOCK - p.at) {
		p.at += (uint32_t)len;
		r->done += len;
		len = 0;
	}
	for (; len && (n = cache_run(c, &p, len < GW_BLOCK ? (size_t)len : GW_BLOCK, &at)); len -= n)
		r->done += n;
	r->block = p.block;
	r->at = p.at;
	atomic_store_explicit(&cache_record(c, r->user->slot, r->reader)->done, (uint32_t)r->done, memory_order_release);
}

bool cache_read_is_late(const struct cache_read *r)
{
	return r->user->arena && r->entry != CACHE_NONE && atomic_load_explicit(&cache_record(r->user->arena, r->user->slot, r->reader)->late, memory_order_relaxed);
}

/* The state first: what came before it was set has been counted then. */
bool cache_read_done(const struct cache_read *r)
{
	if (!r->user->arena || r->entry == CACHE_NONE)
		return false;
	return r->done >= r->end || (cache_state_of(entry_of(r)) == CACHE_WHOLE && there(r) == 0);
}

bool cache_read_broken(const struct cache_read *r)
{
	uint32_t state;

	if (!r->user->arena || r->entry == CACHE_NONE)
		return true;
	state = cache_state_of(entry_of(r));
	return (state == CACHE_BROKEN || state == CACHE_PASS) && r->done < r->end && there(r) == 0;
}

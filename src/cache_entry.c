/* SPDX-License-Identifier: MIT
 *
 * cache_entry - how is an entry made, found by its key, held, and given back?
 *
 * Entries with the same URL share a bucket, the newest first: an unsafe request makes
 * all of them invalid, whatever else their keys say.
 */
#include "cache_parts.h"

/* --- hash: SipHash-1-3 (Aumasson, Bernstein), its keys from the seed --------------------- */

struct sip {
	uint64_t a, b, c, d;
};

static inline uint64_t turned(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

static inline void sip_round(struct sip *s)
{
	s->a += s->b;
	s->c += s->d;
	s->b = turned(s->b, 13) ^ s->a;
	s->d = turned(s->d, 16) ^ s->c;
	s->a = turned(s->a, 32);
	s->c += s->b;
	s->a += s->d;
	s->b = turned(s->b, 17) ^ s->c;
	s->d = turned(s->d, 21) ^ s->a;
	s->c = turned(s->c, 32);
}

static inline void sip_word(struct sip *s, uint64_t word)
{
	s->d ^= word;
	sip_round(s);
	s->a ^= word;
}

uint64_t cache_hash(const struct cache *c, struct span url)
{
	struct sip s = {c->keys[0] ^ 0x736f6d6570736575, c->keys[1] ^ 0x646f72616e646f6d,
		c->keys[0] ^ 0x6c7967656e657261, c->keys[1] ^ 0x7465646279746573};
	uint64_t word, last = (uint64_t)url.len << 56;
	size_t left = url.len;
	const char *at = url.at;

	for (; left >= sizeof word; left -= sizeof word, at += sizeof word) {
		memcpy(&word, at, sizeof word);
		sip_word(&s, word);
	}
	word = 0;
	if (left)
		memcpy(&word, at, left);
	sip_word(&s, word ^ last);
	s.c ^= 0xff;
	sip_round(&s);
	sip_round(&s);
	sip_round(&s);
	return s.a ^ s.b ^ s.c ^ s.d;
}

/* --- making ------------------------------------------------------------------------- */

uint32_t cache_make(struct cache *c, uint64_t hash, size_t key_len, size_t url_len)
{
	size_t need = (sizeof(struct cache_entry) + key_len + GW_BLOCK - 1) / GW_BLOCK;
	struct cache_entry *e;
	uint32_t entry, last;

	if (need > c->blocks || !cache_have(c, (uint32_t)need))
		return CACHE_NONE;
	entry = cache_cut(c, (uint32_t)need, 0, &last);
	e = cache_entry(c, entry);
	memset(e, 0, sizeof *e);
	e->filler = CACHE_NOBODY;
	e->last = last;
	e->blocks = (uint32_t)need;
	e->key_len = (uint32_t)key_len;
	e->url_len = (uint32_t)url_len;
	e->queue = CACHE_NO_QUEUE;
	e->hash = hash;
	e->length = UINT64_MAX;
	e->until = INT64_MIN;
	e->body = cache_key_place(entry);
	return entry;
}

bool cache_has_key(const struct cache *c, uint32_t entry, const struct cache_key *k, uint64_t hash)
{
	const struct cache_entry *e = cache_entry(c, entry);

	return e->hash == hash && e->key_len == k->text.len && e->url_len == k->url &&
	       cache_reads(c, cache_key_place(entry), k->text);
}

/* Keys begin at the same place of their blocks, so they run alike. */
bool cache_same_key(const struct cache *c, uint32_t a, uint32_t b)
{
	const struct cache_entry *x = cache_entry(c, a), *y = cache_entry(c, b);
	struct cache_place p = cache_key_place(a), q = cache_key_place(b);
	size_t left = x->key_len, n;
	char *one, *other;

	if (x->hash != y->hash || x->key_len != y->key_len || x->url_len != y->url_len)
		return false;
	while (left && (n = cache_run(c, &p, left, &one))) {
		if (cache_run(c, &q, left, &other) != n || memcmp(one, other, n) != 0)
			return false;
		left -= n;
	}
	return left == 0;
}

static void give_back(struct cache *c, uint32_t entry)
{
	struct cache_entry *e = cache_entry(c, entry);

	cache_free_chain(c, e->own);
	cache_free_chain(c, e->spare);
	cache_free_chain(c, entry);
}

/* --- the index ---------------------------------------------------------------------------- */

void cache_index(struct cache *c, uint32_t entry)
{
	struct cache_entry *e = cache_entry(c, entry);
	uint32_t *bucket = cache_bucket(c, e->hash);

	e->chain = *bucket;
	e->indexed = true;
	STEP();
	*bucket = entry;
}

void cache_unindex(struct cache *c, uint32_t entry)
{
	struct cache_entry *e = cache_entry(c, entry);
	uint32_t *at = cache_bucket(c, e->hash);

	e->indexed = false;
	STEP();
	while (*at != entry)
		at = &cache_entry(c, *at)->chain;
	*at = e->chain;
}

void cache_drop(struct cache *c, uint32_t entry)
{
	struct cache_entry *e = cache_entry(c, entry);

	if (!e->indexed)
		return;
	cache_unindex(c, entry);
	cache_dequeue(c, entry);
	if (cache_pins(e) == 0)
		give_back(c, entry);
}

/* --- pins ------------------------------------------------------------------------------------ */

void cache_hold_pin(struct cache *c, uint32_t entry)
{
	struct cache_entry *e = cache_entry(c, entry);
	uint32_t pins = cache_pins(e);

	if (pins == 0 && e->queue != CACHE_NO_QUEUE)
		c->idle -= e->blocks;
	atomic_store_explicit(&e->pins, pins + 1, memory_order_relaxed);
}

static void drop_spare(struct cache *c, struct cache_entry *e)
{
	uint32_t spare = e->spare, count;

	e->spare = CACHE_NONE;
	STEP();
	count = cache_free_chain(c, spare);
	e->blocks -= count;
	if (e->queue != CACHE_NO_QUEUE)
		c->queues[e->queue].blocks -= count;
}

void cache_release_pin(struct cache *c, uint32_t entry)
{
	struct cache_entry *e = cache_entry(c, entry);
	uint32_t pins = cache_pins(e) - 1;

	atomic_store_explicit(&e->pins, pins, memory_order_relaxed);
	if (pins)
		return;
	if (e->spare)
		drop_spare(c, e);
	if (!e->indexed)
		give_back(c, entry);
	else if (e->queue != CACHE_NO_QUEUE)
		c->idle += e->blocks;
}

void cache_break(struct cache *c, uint32_t entry, enum cache_state how, int64_t now)
{
	struct cache_entry *e = cache_entry(c, entry);
	bool pass = how == CACHE_PASS && e->indexed;

	e->filler = CACHE_NOBODY;
	if (pass && cache_state_of(e) == CACHE_PROMISED) {
		e->until = now + CACHE_PASS_MS;
		cache_set_state(e, how);
		cache_enqueue(c, entry, CACHE_SMALL);
	} else {
		cache_drop(c, entry);
		cache_set_state(e, how);
		if (pass)
			cache_mark_pass(c, entry, now);
	}
	cache_release_pin(c, entry);
}

/* --- what is known of it --------------------------------------------------------------------- */

struct span cache_vary(const struct cache *c, const struct cache_entry *e, char *room)
{
	struct cache_place p = e->vary;
	size_t done = 0, n;
	char *at = cache_straight(c, p, e->vary_len);

	if (at)
		return span_of(at, e->vary_len);
	while (done < e->vary_len && (n = cache_run(c, &p, e->vary_len - done, &at))) {
		memcpy(room + done, at, n);
		done += n;
	}
	return span_of(room, done);
}

void cache_set_head(struct cache_entry *e, struct cache_place at, size_t len)
{
	e->head = at;
	e->head_len = (uint32_t)len;
	atomic_store_explicit(&e->head_block, at.block, memory_order_release);
}

void cache_describe(const struct cache_user *u, uint32_t entry, struct cache_found *found)
{
	const struct cache_entry *e = cache_entry(u->arena, entry);

	found->stored = e->stored;
	found->state = (uint8_t)cache_state_of(e);
	found->ours = e->filler == u->slot;
	found->held = false;
	found->head = e->head.block;
	found->head_at = e->head.at;
	found->head_len = e->head_len;
	found->length = e->length;
}

/* The key as it is in another entry's chain. */
static void copy_key(struct cache *c, uint32_t to, uint32_t from)
{
	struct cache_place source = cache_key_place(from), *target = &cache_entry(c, to)->body;
	size_t left = cache_entry(c, to)->key_len, n;
	char *at;

	while (left && (n = cache_run(c, &source, left, &at))) {
		cache_write(c, target, span_of(at, n));
		left -= n;
	}
}

/* The CACHE_PROMISED or CACHE_PASS of the same key; there is one at most. */
static uint32_t find_promise(const struct cache *c, uint32_t entry)
{
	uint32_t at;

	for (at = *cache_bucket(c, cache_entry(c, entry)->hash); at; at = cache_entry(c, at)->chain)
		if (!cache_has_head(cache_entry(c, at)) && cache_same_key(c, at, entry))
			return at;
	return CACHE_NONE;
}

void cache_mark_pass(struct cache *c, uint32_t entry, int64_t now)
{
	const struct cache_entry *e = cache_entry(c, entry);
	uint32_t mark = find_promise(c, entry);

	if (mark) {
		if (cache_state_of(cache_entry(c, mark)) == CACHE_PASS)
			cache_entry(c, mark)->until = now + CACHE_PASS_MS;
		return;
	}
	mark = cache_make(c, e->hash, e->key_len, e->url_len);
	if (!mark)
		return;
	copy_key(c, mark, entry);
	cache_set_state(cache_entry(c, mark), CACHE_PASS);
	cache_entry(c, mark)->until = now + CACHE_PASS_MS;
	cache_index(c, mark);
	cache_enqueue(c, mark, CACHE_SMALL);
}

/* SPDX-License-Identifier: MIT
 *
 * cache_block - which blocks are free, and how does one read and write along a chain?
 *
 * Free blocks are bits of a map, not a list: it gives out the lowest, so that
 * chains come out in one piece where they can, it tells a block that is freed
 * twice, and it can be made anew from the chains alone.
 */
#include "cache_parts.h"

static inline uint32_t *map_word(const struct cache *c, uint32_t block)
{
	return (uint32_t *)cache_at(c, c->map_at) + (block - 1) / 32;
}

static inline uint32_t map_bit(uint32_t block)
{
	return UINT32_C(1) << (block - 1) % 32;
}

bool cache_block_is_free(const struct cache *c, uint32_t block)
{
	return cache_is_block(c, block) && (*map_word(c, block) & map_bit(block));
}

bool cache_map_claim(struct cache *c, uint32_t block)
{
	if (!cache_block_is_free(c, block))
		return false;
	*map_word(c, block) &= ~map_bit(block);
	c->free--;
	return true;
}

void cache_map_fill(struct cache *c)
{
	uint32_t *words = cache_at(c, c->map_at);
	uint32_t rest = c->blocks % 32;

	memset(words, 0xff, (size_t)(c->blocks / 32) * sizeof *words);
	if (rest)
		words[c->blocks / 32] = (UINT32_C(1) << rest) - 1;
	c->free = c->blocks;
	c->hint = 0;
}

static uint32_t lowest_bit(uint32_t word)
{
	uint32_t n = 0, width = 16;

	for (; width; width /= 2) {
		if (!(word & ((UINT32_C(1) << width) - 1))) {
			word >>= width;
			n += width;
		}
	}
	return n;
}

/* There is one. */
static uint32_t take_block(struct cache *c, uint32_t near)
{
	const uint32_t *words = cache_at(c, c->map_at);
	uint32_t block = near + 1;

	if (!cache_map_claim(c, block)) {
		while (!words[c->hint])
			c->hint++;
		block = c->hint * 32 + lowest_bit(words[c->hint]) + 1;
		cache_map_claim(c, block);
	}
	return block;
}

void cache_free_block(struct cache *c, uint32_t block)
{
	uint32_t word = (block - 1) / 32;

	*map_word(c, block) |= map_bit(block);
	c->free++;
	if (word < c->hint)
		c->hint = word;
}

uint32_t cache_free_chain(struct cache *c, uint32_t block)
{
	const uint32_t *links = cache_links(c);
	uint32_t count = 0;

	for (; block; block = links[block], count++)
		cache_free_block(c, block);
	return count;
}

bool cache_have(struct cache *c, uint32_t count)
{
	if (count > c->free + c->idle)
		return false;
	while (c->free < count)
		if (!cache_evict(c))
			return false;
	return true;
}

uint32_t cache_cut(struct cache *c, uint32_t count, uint32_t near, uint32_t *last)
{
	uint32_t *links = cache_links(c);
	uint32_t first = take_block(c, near), block = first, next;

	links[first] = 0;
	while (--count) {
		next = take_block(c, block);
		links[next] = 0;
		links[block] = next;
		block = next;
	}
	*last = block;
	return first;
}

bool cache_extend(struct cache *c, struct cache_entry *e, uint32_t count)
{
	uint32_t first, last;

	if (count == 0)
		return true;
	if (!cache_have(c, count))
		return false;
	first = cache_cut(c, count, e->last, &last);
	STEP();
	cache_links(c)[e->last] = first;
	e->last = last;
	e->blocks += count;
	if (e->queue != CACHE_NO_QUEUE)
		c->queues[e->queue].blocks += count;
	return true;
}

/* --- along a chain --------------------------------------------------------------- */

size_t cache_run(const struct cache *c, struct cache_place *p, size_t len, char **at)
{
	size_t n;

	if (p->at == GW_BLOCK) {
		uint32_t next = cache_links(c)[p->block];

		if (!cache_is_block(c, next))
			return 0;
		*p = (struct cache_place){next, 0};
	}
	n = GW_BLOCK - p->at < len ? GW_BLOCK - p->at : len;
	*at = cache_block(c, p->block) + p->at;
	p->at += (uint32_t)n;
	return n;
}

void cache_write(const struct cache *c, struct cache_place *p, struct span s)
{
	char *at;
	size_t n;

	while (s.len && (n = cache_run(c, p, s.len, &at))) {
		memcpy(at, s.at, n);
		s.at += n;
		s.len -= n;
	}
}

bool cache_reads(const struct cache *c, struct cache_place p, struct span s)
{
	char *at = cache_straight(c, p, s.len);
	size_t n;

	if (at && s.len)
		return memcmp(at, s.at, s.len) == 0;
	while (s.len && (n = cache_run(c, &p, s.len, &at))) {
		if (memcmp(at, s.at, n) != 0)
			return false;
		s.at += n;
		s.len -= n;
	}
	return s.len == 0;
}

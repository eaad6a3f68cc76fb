/* SPDX-License-Identifier: MIT
 *
 * supervisor_store - in which memory does a configuration keep answers?
 */
#include "supervisor_store.h"
#include "../platform/platform.h"
#include "share.h"
#include "worker.h"

#include <stdlib.h>

/* Room for reloads to come: the workers that serve, that start, and some that still drain. */
enum { GENERATIONS = 5 };

static uint32_t at_most(uint32_t n, uint32_t most)
{
	return n < most ? n : most;
}

/* A new worker gets the first free slot of share: with so many none of them is beyond. */
static uint32_t least_slots(const struct config *c, uint32_t busy)
{
	return at_most(busy + (uint32_t)c->workers, SHARE_SLOTS);
}

static uint32_t good_slots(const struct config *c, uint32_t busy)
{
	uint32_t slots = at_most(GENERATIONS * (uint32_t)c->workers, SHARE_SLOTS), least = least_slots(c, busy);

	return slots > least ? slots : least;
}

static bool fits(const struct store *s, const struct config *c, uint32_t busy)
{
	return s && s->size == c->cache && s->slots >= least_slots(c, busy) && s->readers >= worker_cache_readers(c);
}

/* The file of the configuration is right, and the machine or the number of workers is
 * too small for it: then it is better to serve without than not at all. */
static struct store *refuse(struct store *s, const struct config *c, struct text *error, const char *why)
{
	text_format(error, "nothing is kept: cannot have %llu bytes for the cache: %s", (unsigned long long)c->cache, why);
	free(s);
	return NULL;
}

static struct store *make(const struct config *c, uint32_t busy, struct text *error)
{
	struct store *s = calloc(1, sizeof *s);
	uint64_t seed;

	if (!s || (size_t)c->cache != c->cache)
		return refuse(s, c, error, "out of memory");
	s->size = (size_t)c->cache;
	s->slots = good_slots(c, busy);
	s->readers = worker_cache_readers(c);
	if (!cache_blocks_of(s->size, s->slots, s->readers))
		return refuse(s, c, error, "that is too little for so many workers and requests");
	s->cache = platform_memory(s->size, true);
	if (!s->cache)
		return refuse(s, c, error, platform_why());
	platform_random(&seed, sizeof seed);
	cache_init(s->cache, s->size, s->slots, s->readers, seed);
	s->seen = calloc(cache_block_count(s->cache) + 1, 1);
	return s;
}

struct store *store_open(struct store **all, struct store *serving, const struct config *c, uint32_t busy, struct text *error)
{
	struct store *s;

	if (!GW_HAS(CACHE))
		return NULL;
	if (!c->cache)
		return NULL;
	if (fits(serving, c, busy)) {
		serving->users++;
		return serving;
	}
	s = make(c, busy, error);
	if (!s)
		return NULL;
	s->users = 1;
	s->next = *all;
	*all = s;
	return s;
}

void store_close(struct store **all, struct store *s)
{
	if (!GW_HAS(CACHE))
		return;
	if (!s || --s->users)
		return;
	while (*all != s)
		all = &(*all)->next;
	*all = s->next;
	platform_memory_free(s->cache, s->size);
	free(s->seen);
	free(s);
}

void store_leave(struct store *s, int slot, long pid)
{
	if (!GW_HAS(CACHE))
		return;
	if (s && slot >= 0 && (uint32_t)slot < s->slots)
		cache_leave(s->cache, (uint32_t)slot, (uint32_t)pid);
}

void store_forget(struct store *all, const struct store *own)
{
	if (!GW_HAS(CACHE))
		return;
	for (; all; all = all->next) {
		if (all == own)
			continue;
		platform_memory_free(all->cache, all->size);
		all->cache = NULL;
	}
}

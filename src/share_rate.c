/* SPDX-License-Identifier: MIT
 *
 * share_rate - has this client sent more requests than it may?
 *
 * A bucket is known by the time at which it will be full again (the generic cell
 * rate algorithm of ITU-T I.371): empty is as far ahead as all its requests take,
 * each request moves it on by one. So one word is all that changes, and workers
 * that race exchange it until each has had its turn.
 *
 * Time is in a circle of 74 hours. What is further ahead than a bucket can be is
 * long past, and full. After exactly so many hours of silence a full bucket
 * looks like an empty one, for as long as that takes to fill.
 */
#include "share_parts.h"

enum {
	PLACES_EACH = 8,
	CLAIMS = 8,                /* attempts at a place: each that fails was somebody else's success */
	UNITS = 16,                /* a millisecond */
	AHEAD = 10000 * UNITS,     /* that the time of another worker's turn may be ahead of ours */
	MOST = INT32_MAX - AHEAD   /* that a bucket may take to fill: 37 hours */
};
_Static_assert(SHARE_BUCKETS % PLACES_EACH == 0, "whole groups of places");

/* Until it is full. */
static uint32_t missing(uint32_t full_at, uint32_t now, uint32_t most)
{
	uint32_t left = full_at - now;

	return left <= most + AHEAD ? left : 0;
}

/* The one to be forgotten for a new one: a free place, or the one that is full
 * first; one that is full says nothing. */
static struct share_bucket *fullest(struct share_bucket *group, uint32_t now)
{
	struct share_bucket *best = &group[0];
	int i;

	for (i = 0; i < PLACES_EACH; i++) {
		if (atomic_load(&group[i].tag) == 0)
			return &group[i];
		if (missing(atomic_load(&group[i].full_at), now, MOST) < missing(atomic_load(&best->full_at), now, MOST))
			best = &group[i];
	}
	return best;
}

/* Its bucket; a new one is full before it has its name, so that nobody begins with what
 * another one took. NULL: in this very moment all places go to others. */
static struct share_bucket *bucket(struct share *s, uint64_t key, uint32_t now)
{
	struct share_bucket *group = &s->buckets[(uint32_t)key % (SHARE_BUCKETS / PLACES_EACH) * PLACES_EACH], *b;
	uint32_t tag, full_at;
	int i, k;

	for (i = 0; i < CLAIMS; i++) {
		for (k = 0; k < PLACES_EACH; k++)
			if (atomic_load(&group[k].tag) == share_tag(key))
				return &group[k];
		b = fullest(group, now);
		tag = atomic_load(&b->tag);
		full_at = atomic_load(&b->full_at);
		if (tag == share_tag(key))
			return b;
		if (atomic_compare_exchange_strong(&b->full_at, &full_at, now) && atomic_compare_exchange_strong(&b->tag, &tag, share_tag(key)))
			return b;
	}
	return NULL;
}

/* How long all of it takes to fill; it holds one request at least. */
static uint32_t depth(uint32_t interval, uint32_t burst)
{
	uint64_t all = (uint64_t)interval * burst;

	if (all > MOST)
		return MOST;
	return burst ? (uint32_t)all : interval;
}

uint32_t share_rate(struct share *s, const struct net *client, uint16_t rule, struct limit_rate rate, int64_t now_us)
{
	uint32_t now = (uint32_t)((uint64_t)now_us * UNITS / 1000), each = rate.interval < MOST ? rate.interval : MOST;
	uint32_t most = depth(each, rate.burst), seen, left;
	struct share_bucket *b;

	if (!share_is_counted(client))
		return 0;
	b = bucket(s, share_key(s, client, rule), now);
	if (!b)
		return 0;
	seen = atomic_load(&b->full_at);
	do {
		left = missing(seen, now, most);
		if (left > most - each)
			return (left - (most - each) + UNITS - 1) / UNITS;
	} while (!atomic_compare_exchange_weak(&b->full_at, &seen, now + left + each));
	return 0;
}

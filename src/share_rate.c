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

struct found { /* a place, as it was */
	struct share_bucket *bucket;
	uint32_t tag, full_at;
};

/* Its own bucket, or the one to be forgotten for it: a free one, or the one that is
 * full first; one that is full says nothing. */
static struct found choose(struct share_bucket *group, uint32_t tag, uint32_t now)
{
	struct found best = {0}, f;
	int i;

	for (i = 0; i < PLACES_EACH; i++) {
		f.bucket = &group[i];
		f.full_at = atomic_load(&group[i].full_at); /* first: what the tag says was so then */
		f.tag = atomic_load(&group[i].tag);
		if (f.tag == tag)
			return f;
		if (!best.bucket || (best.tag && (f.tag == 0 || missing(f.full_at, now, MOST) < missing(best.full_at, now, MOST))))
			best = f;
	}
	return best;
}

/* Full before it has its name, so that nobody begins with what another one took.
 * False: somebody else was there meanwhile. */
static bool take(const struct found *f, uint32_t tag, uint32_t now)
{
	uint32_t full_at = f->full_at, before = f->tag;

	return atomic_compare_exchange_strong(&f->bucket->full_at, &full_at, now) && atomic_compare_exchange_strong(&f->bucket->tag, &before, tag);
}

/* NULL: in this very moment all places go to others. */
static struct share_bucket *bucket(struct share *s, uint64_t key, uint32_t now)
{
	struct share_bucket *group = &s->buckets[(uint32_t)key % (SHARE_BUCKETS / PLACES_EACH) * PLACES_EACH];
	uint32_t tag = share_tag(key);
	int i;

	for (i = 0; i < CLAIMS; i++) {
		struct found f = choose(group, tag, now);

		if (f.tag == tag || take(&f, tag, now))
			return f.bucket;
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

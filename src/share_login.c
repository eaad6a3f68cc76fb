/* SPDX-License-Identifier: MIT
 *
 * share_login - who failed to log in, and how long must they wait?
 *
 * A network, or a user, may stand in PLACES_EACH places side by side. Who takes a
 * place for another one first sets its count to 0, so that nobody ever begins with
 * somebody else's failures. The time is written before the count and read after it.
 */
#include "share_parts.h"

enum {
	PLACES_EACH = 8,
	CLAIMS = 8,        /* attempts at a place: each that fails was somebody else's success */
	FORGET_S = 3600,
	COUNT_MOST = 1000, /* nothing grows with a count from here on */
	HOLD_AFTER = 2,    /* failures of a network that are answered at once */
	HOLD_MS = 1000,
	HOLD_DOUBLED = 2   /* times at most */
};
_Static_assert(SHARE_FAILURES % PLACES_EACH == 0 && SHARE_FRIENDS % PLACES_EACH == 0, "whole groups of places");

/* After so many failures, so many seconds, doubled with each further one. */
struct bar {
	uint32_t after, first, most;
};
static const struct bar network_bar = {10, 60, 3600}, user_bar = {20, 10, 60};

/* --- one place ---------------------------------------------------------------- */

/* In a circle; what another worker has just written may be a moment ahead of us. */
static uint32_t age(const struct share_failure *e, uint32_t second)
{
	uint32_t past = second - atomic_load(&e->at);

	return past > INT32_MAX ? 0 : past;
}

static uint32_t failures(const struct share_failure *e, uint32_t second)
{
	uint32_t count = e ? atomic_load(&e->count) : 0;

	return count && age(e, second) < FORGET_S ? count : 0;
}

static int64_t barred(const struct share_failure *e, const struct bar *bar, int64_t now)
{
	uint32_t second = (uint32_t)(now / 1000), count = failures(e, second), past;
	uint32_t seconds = bar->first;
	int64_t left;

	if (count < bar->after)
		return 0;
	for (; count > bar->after && seconds < bar->most; count--)
		seconds *= 2;
	if (seconds > bar->most)
		seconds = bar->most;
	past = age(e, second);
	left = ((int64_t)seconds - past) * 1000 - now % 1000;
	return left > 0 ? left : 0;
}

/* --- groups of places ------------------------------------------------------------- */

static size_t first_place(size_t places, uint64_t key)
{
	return (size_t)((uint32_t)key % (places / PLACES_EACH) * PLACES_EACH);
}

static const struct share_failure *look(const struct share_failure *table, size_t places, uint64_t key)
{
	const struct share_failure *group = table + first_place(places, key);
	int i;

	for (i = 0; i < PLACES_EACH; i++)
		if (atomic_load(&group[i].tag) == share_tag(key))
			return &group[i];
	return NULL;
}

struct found { /* a place, as it was */
	struct share_failure *place;
	uint32_t tag, count, age;
};

/* The count first: when the tag says that the place is free, so it was then. */
static struct found read_place(struct share_failure *e, uint32_t second)
{
	struct found f = {.place = e, .count = atomic_load(&e->count)};

	f.age = age(e, second);
	f.tag = atomic_load(&e->tag);
	return f;
}

/* Its own place, or the one to be forgotten for it: a free one, or else the oldest; of
 * those of the same second the one with the fewest failures. */
static struct found choose(struct share_failure *group, uint32_t tag, uint32_t second)
{
	struct found best = {0}, f;
	int i;

	for (i = 0; i < PLACES_EACH; i++) {
		f = read_place(&group[i], second);
		if (f.tag == tag)
			return f;
		if (f.tag == 0)
			f.age = UINT32_MAX;
		if (!best.place || f.age > best.age || (f.age == best.age && f.count < best.count))
			best = f;
	}
	return best;
}

/* Takes a place for this tag. False: somebody else was there meanwhile. */
static bool take(const struct found *f, uint32_t tag, uint32_t second)
{
	uint32_t count = f->count, before = f->tag;

	if (!atomic_compare_exchange_strong(&f->place->count, &count, 0))
		return false;
	atomic_store(&f->place->at, second); /* it is not the oldest any more */
	return atomic_compare_exchange_strong(&f->place->tag, &before, tag);
}

/* Its place, taken from another one if need be. NULL: in this very moment all
 * of them go to others. */
static struct share_failure *place(struct share_failure *table, size_t places, uint64_t key, uint32_t second)
{
	struct share_failure *group = table + first_place(places, key);
	uint32_t tag = share_tag(key);
	int i;

	for (i = 0; i < CLAIMS; i++) {
		struct found f = choose(group, tag, second);

		if (f.tag == tag || take(&f, tag, second))
			return f.place;
	}
	return NULL;
}

/* One failure more; how many there are now. */
static uint32_t fail(struct share_failure *table, size_t places, uint64_t key, uint32_t second)
{
	struct share_failure *e = place(table, places, key, second);
	uint32_t count;

	if (!e)
		return 1;
	count = atomic_load(&e->count);
	if (count && age(e, second) >= FORGET_S && atomic_compare_exchange_strong(&e->count, &count, 0))
		count = 0;
	atomic_store(&e->at, second);
	return count < COUNT_MOST ? atomic_fetch_add(&e->count, 1) + 1 : count;
}

/* So many failures fewer, as far as there are any. */
static void take_back(struct share *s, uint64_t key, uint32_t times)
{
	const struct share_failure *found = look(s->failures, SHARE_FAILURES, key);
	struct share_failure *e;
	uint32_t count;

	if (!found)
		return;
	e = &s->failures[found - s->failures];
	count = atomic_load(&e->count);
	while (count && !atomic_compare_exchange_weak(&e->count, &count, count > times ? count - times : 0))
		;
}

/* --- log-ins ---------------------------------------------------------------------- */

static uint64_t user_key(const struct share *s, const struct share_login *l)
{
	uint64_t key = share_mix((uint64_t)l->users << 32 | l->name.len, s->seed), word;
	size_t at, len;

	for (at = 0; at < l->name.len; at += len) {
		len = l->name.len - at;
		if (len > sizeof word)
			len = sizeof word;
		word = 0;
		memcpy(&word, l->name.at + at, len);
		key = share_mix(key ^ word, s->seed);
	}
	return key;
}

static uint64_t friend_key(const struct share *s, const struct share_login *l)
{
	return share_mix(share_key(s, l->client, 0) ^ user_key(s, l), s->seed);
}

static bool is_friend(const struct share *s, const struct share_login *l)
{
	return share_is_counted(l->client) && look(s->friends, SHARE_FRIENDS, friend_key(s, l));
}

/* Clients without an address are all one: nothing that one of them did is another's. */
enum share_standing share_login_standing(const struct share *s, const struct share_login *l, int64_t now)
{
	const struct share_failure *network;

	if (is_friend(s, l))
		return SHARE_FRIEND;
	if (!share_is_counted(l->client))
		return SHARE_STRANGER;
	network = look(s->failures, SHARE_FAILURES, share_key(s, l->client, 0));
	return failures(network, (uint32_t)(now / 1000)) ? SHARE_SUSPECT : SHARE_STRANGER;
}

int64_t share_login_wait(const struct share *s, const struct share_login *l, int64_t now)
{
	int64_t network = 0, user = 0;

	if (share_is_counted(l->client))
		network = barred(look(s->failures, SHARE_FAILURES, share_key(s, l->client, 0)), &network_bar, now);
	if (!is_friend(s, l))
		user = barred(look(s->failures, SHARE_FAILURES, user_key(s, l)), &user_bar, now);
	return network > user ? network : user;
}

static int64_t hold(uint32_t count)
{
	uint32_t doubled;

	if (count <= HOLD_AFTER)
		return 0;
	doubled = count - HOLD_AFTER - 1;
	return (int64_t)HOLD_MS << (doubled < HOLD_DOUBLED ? doubled : HOLD_DOUBLED);
}

void share_login_try(struct share *s, const struct share_login *l, int64_t now)
{
	uint32_t second = (uint32_t)(now / 1000);

	fail(s->failures, SHARE_FAILURES, user_key(s, l), second);
	if (share_is_counted(l->client))
		fail(s->failures, SHARE_FAILURES, share_key(s, l->client, 0), second);
}

int64_t share_login_hold(const struct share *s, const struct share_login *l, int64_t now)
{
	uint64_t key = share_is_counted(l->client) ? share_key(s, l->client, 0) : user_key(s, l);

	return hold(failures(look(s->failures, SHARE_FAILURES, key), (uint32_t)(now / 1000)));
}

void share_login_untry(struct share *s, const struct share_login *l)
{
	take_back(s, user_key(s, l), 1);
	if (share_is_counted(l->client))
		take_back(s, share_key(s, l->client, 0), 1);
}

void share_login_good(struct share *s, const struct share_login *l, int64_t now)
{
	uint32_t second = (uint32_t)(now / 1000), own = failures(look(s->failures, SHARE_FAILURES, user_key(s, l)), second);
	struct share_failure *e;

	take_back(s, user_key(s, l), own);
	if (!share_is_counted(l->client))
		return;
	take_back(s, share_key(s, l->client, 0), own);
	e = place(s->friends, SHARE_FRIENDS, friend_key(s, l), second);
	if (e)
		atomic_store(&e->at, second);
}

/* SPDX-License-Identifier: MIT
 *
 * Does the right one go when room is needed? What is pinned stays, what is asked for
 * again outlasts what is asked for once, and in all it is better than
 * throwing out what was not used for longest.
 */
#include "cache_made.h"

static const char *key_of(const char *kind, uint32_t n)
{
	static char key[80];

	snprintf(key, sizeof key, "https://a/%s/%u\n80", kind, (unsigned)n);
	return key;
}

/* A block each: head and key are short. */
static bool ask(struct made *m, const char *kind, uint32_t n, uint64_t len)
{
	struct cache_found found;
	struct cache_key k = made_key(key_of(kind, n));

	if (cache_look(&m->u[0], &k, made_plain(), 0, 0, &found)) {
		made_unpin(m, &found);
		return true;
	}
	assert_true(made_store(m, key_of(kind, n), n, len));
	return false;
}

static void what_is_pinned_stays(void **state)
{
	struct made m;
	struct cache_found found[5];
	struct cache_read r;
	uint32_t i;

	(void)state;
	made_arena(&m, 40);
	for (i = 0; i < 5; i++) {
		ask(&m, "pinned", i, 3);
		assert_true(made_look(&m, key_of("pinned", i), i + 1, &found[i]));
	}
	for (i = 0; i < 300; i++) {
		ask(&m, "other", i, i % 7 * GW_BLOCK / 4);
		made_check(&m, "a store");
	}
	assert_true(m.c->counts[CACHE_EVICTED] > 200);
	for (i = 0; i < 5; i++) {
		cache_read_begin(&r, &m.u[0], &found[i].pin, 0, UINT64_MAX);
		assert_int_equal(made_take(&r, i, UINT64_MAX, SIZE_MAX), 3);
		assert_int_equal(made_number(&m.u[0], &found[i]), i);
		made_unpin(&m, &found[i]);
		assert_int_equal(made_read(&m, key_of("pinned", i), 3), i); /* and is found */
	}
	made_all_idle(&m);
	made_free(&m);
}

static void all_pinned(void **state)
{
	struct made m;
	struct cache_found found[MADE_READERS];
	struct cache_fill f;
	struct cache_key k = made_key("https://a/more\n");
	uint32_t i;

	(void)state;
	made_arena(&m, MADE_READERS);
	for (i = 0; i < MADE_READERS; i++) {
		assert_true(made_store(&m, key_of("x", i), i, 0));
		assert_true(made_look(&m, key_of("x", i), i, &found[i]));
	}
	assert_int_equal(m.c->free, 0);
	assert_false(cache_begin(&m.u[1], &k, 0, 0, &f));
	assert_int_equal(cache_promise(&m.u[1], &k, 0, 0, &f, &(struct cache_found){.held = 0}), CACHE_ALONE);
	made_check(&m, "no room");
	assert_false(cache_refresh(&m.u[0], &found[0], &made_stored, SPAN("1 ")));
	made_check(&m, "no room for a head");
	made_unpin(&m, &found[1]);
	made_unpin(&m, &found[2]);
	assert_true(cache_begin(&m.u[1], &k, 0, 0, &f));
	assert_false(cache_fill_head(&m.u[1], &f, &made_stored, SPAN(""), SPAN("1 "), 3 * GW_BLOCK, UINT64_MAX, 0));
	made_check(&m, "no room for a body");
	for (i = 0; i < MADE_READERS; i++)
		made_unpin(&m, &found[i]);
	/* What did not fit has thrown out nothing; the promise took one block. */
	assert_int_equal(m.c->counts[CACHE_EVICTED], 1);
	made_all_idle(&m);
	made_free(&m);
}

/* A crawl of ten times the cache. */
static void scan(void **state)
{
	struct made m;
	uint32_t i, round, left = 0;

	(void)state;
	made_arena(&m, 400);
	for (round = 0; round < 6; round++)
		for (i = 0; i < 200; i++)
			ask(&m, "hot", i, 10);
	for (i = 0; i < 4000; i++)
		ask(&m, "scan", i, 10);
	made_check(&m, "a scan");
	for (i = 0; i < 200; i++)
		left += ask(&m, "hot", i, 10);
	assert_true(left >= 190);
	made_all_idle(&m);
	made_free(&m);
}

/* What comes back soon after it was thrown out begins in the main queue. */
static void ghosts(void **state)
{
	struct made m;
	struct cache_found found;
	uint32_t i;

	(void)state;
	made_arena(&m, 100);
	for (i = 0; i < 50; i++) {
		ask(&m, "hot", i, 10);
		ask(&m, "hot", i, 10);
		ask(&m, "hot", i, 10);
	}
	ask(&m, "ghost", 0, 10);
	for (i = 0; i < 80; i++)
		ask(&m, "once", i, 10);
	assert_false(ask(&m, "ghost", 0, 10));
	made_check(&m, "a ghost");
	assert_true(made_look(&m, key_of("ghost", 0), 1, &found));
	assert_int_equal(cache_entry(m.c, found.pin.entry)->queue, CACHE_MAIN);
	made_unpin(&m, &found);
	made_all_idle(&m);
	made_free(&m);
}

/* As many are remembered as there are entries in the main queue, not more. */
static void old_ghosts(void **state)
{
	struct made m;
	struct cache_found found;
	uint32_t i, round, late;

	(void)state;
	for (late = 0; late < 2; late++) {
		made_arena(&m, 100);
		for (round = 0; round < 3; round++)
			for (i = 0; i < 10; i++)
				ask(&m, "hot", i, 10);
		ask(&m, "ghost", 0, 10);
		for (i = 0; i < 89 + (late ? 15 : 5); i++)
			ask(&m, "once", i, 10);
		assert_int_equal(m.c->queues[CACHE_MAIN].entries, 10);
		assert_false(ask(&m, "ghost", 0, 10));
		assert_true(made_look(&m, key_of("ghost", 0), 1, &found));
		assert_int_equal(cache_entry(m.c, found.pin.entry)->queue, late ? CACHE_SMALL : CACHE_MAIN);
		made_unpin(&m, &found);
		made_all_idle(&m);
		made_free(&m);
	}
}

/* In the main queue each hit is worth a round. */
static void rounds(void **state)
{
	struct made m;
	uint32_t i, j, there[2] = {0, 0};

	(void)state;
	made_arena(&m, 60);
	for (i = 0; i < 20; i++)
		for (j = 0; j < 3; j++)
			ask(&m, "page", i, 10);
	for (i = 0; i < 60; i++)
		ask(&m, "once", i, 10); /* all pages are in the main queue now */
	for (i = 0; i < 20; i++)
		for (j = 0; j < (i % 2 ? 3 : 1); j++)
			ask(&m, "page", i, 10);
	for (i = 0; i < 130; i++) /* these, too, and some have to go */
		for (j = 0; j < 3; j++)
			ask(&m, "new", i, 10);
	for (i = 0; i < 20; i++)
		there[i % 2] += made_read(&m, key_of("page", i), 10) == i;
	if (there[0] >= there[1] || there[1] != 10)
		fail_msg("%u and %u", (unsigned)there[0], (unsigned)there[1]);
	made_all_idle(&m);
	made_free(&m);
}

/* What is fetched anew keeps the place of the one before it. */
static void renewed(void **state)
{
	struct made m;
	struct cache_found found;
	uint32_t i;

	(void)state;
	made_arena(&m, 100);
	for (i = 0; i < 3; i++)
		ask(&m, "hot", 0, 10);
	for (i = 0; i < 200; i++)
		ask(&m, "once", i, 10);
	assert_true(made_store(&m, key_of("hot", 0), 1, 10));
	assert_true(made_look(&m, key_of("hot", 0), 1, &found));
	assert_int_equal(cache_entry(m.c, found.pin.entry)->queue, CACHE_MAIN);
	made_unpin(&m, &found);
	made_all_idle(&m);
	made_free(&m);
}

/* --- beside plain LRU ------------------------------------------------------------------------ */

enum { PAGES = 3000, CACHED = PAGES / 10, ASKED = 40000 };

struct lru {
	uint32_t used[PAGES]; /* number of the request, 0: it is not there */
	uint32_t held;
};

static bool ask_lru(struct lru *l, uint32_t page, uint32_t number)
{
	bool hit = l->used[page] != 0;
	uint32_t i, oldest = 0;

	l->used[page] = number;
	if (hit || ++l->held <= CACHED)
		return hit;
	for (i = 0; i < PAGES; i++)
		if (l->used[i] && (!l->used[oldest] || l->used[i] < l->used[oldest]))
			oldest = i;
	l->used[oldest] = 0;
	l->held--;
	return false;
}

/* n to the power of -0.9 without a library for it: by halving, 2^0.9 = 1.866. */
static double weight(uint32_t n)
{
	double w = 1;

	for (; n >= 2; n /= 2)
		w /= 1.866065983 * (n % 2 ? 1 + 0.9 / (double)n : 1);
	return w;
}

static void better_than_lru(void **state)
{
	static double sums[PAGES];
	static struct lru l;
	struct made m;
	double sum = 0;
	uint64_t random = 77;
	uint32_t i, hits = 0, lru_hits = 0;

	(void)state;
	made_arena(&m, CACHED);
	for (i = 0; i < PAGES; i++)
		sums[i] = sum += weight(i + 1);
	for (i = 1; i <= ASKED; i++) {
		double at = sum * made_random(&random, 1u << 30) / (1u << 30);
		uint32_t low = 0, high = PAGES - 1;

		while (low < high) {
			uint32_t middle = (low + high) / 2;

			if (sums[middle] < at)
				low = middle + 1;
			else
				high = middle;
		}
		hits += ask(&m, "page", low, 10);
		lru_hits += ask_lru(&l, low, i);
	}
	made_check(&m, "all");
	if (hits < lru_hits + ASKED / 50)
		fail_msg("%u hits, LRU %u of %u", (unsigned)hits, (unsigned)lru_hits, (unsigned)ASKED);
	made_all_idle(&m);
	made_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_pinned_stays),
		cmocka_unit_test(all_pinned),
		cmocka_unit_test(scan),
		cmocka_unit_test(ghosts),
		cmocka_unit_test(old_ghosts),
		cmocka_unit_test(rounds),
		cmocka_unit_test(renewed),
		cmocka_unit_test(better_than_lru),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

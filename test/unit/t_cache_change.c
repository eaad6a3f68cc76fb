/* SPDX-License-Identifier: MIT
 *
 * Is what has changed changed for all, and what must not be found not found? Does
 * the cache tell what it holds?
 */
#include "cache_made.h"

static void refreshes(void **state)
{
	struct made m;
	struct cache_found old, found, third;
	struct fresh_stored s = made_stored;
	int i;

	(void)state;
	made_arena(&m, 60);
	assert_true(made_store(&m, "https://a/r\n", 1, 3 * GW_BLOCK));
	assert_true(made_look(&m, "https://a/r\n", 1, &old));
	assert_true(made_look(&m, "https://a/r\n", 2, &found));
	s.lifetime = 99;
	assert_true(cache_refresh(&m.u[0], &found, &s, SPAN("2 " MADE_HEAD)));
	made_check(&m, "a first 304");
	assert_int_equal(made_number(&m.u[0], &old), 1);
	assert_int_equal(old.stored.lifetime, 60);
	assert_int_equal(made_number(&m.u[0], &found), 1); /* a copy; until it asks */
	assert_int_equal(cache_state(&m.u[0], &found), CACHE_WHOLE);
	assert_int_equal(found.stored.lifetime, 99);
	assert_int_equal(made_number(&m.u[0], &found), 2);
	assert_true(made_look(&m, "https://a/r\n", 3, &third));
	assert_int_equal(third.stored.lifetime, 99);
	assert_int_equal(made_number(&m.u[0], &third), 2);
	assert_true(cache_refresh(&m.u[0], &third, &s, SPAN("3 " MADE_HEAD)));
	made_check(&m, "a second 304");
	assert_int_equal(made_number(&m.u[0], &old), 1);
	assert_int_equal(made_number(&m.u[0], &third), 2);
	/* All so far are pinned, and there is no end to it: when they are too many it is forgotten, and read to the end. */
	for (i = 4; i < 100 && cache_refresh(&m.u[0], &third, &s, SPAN("4 " MADE_HEAD)); i++)
		made_check(&m, "a 304 more");
	made_check(&m, "a 304 too many");
	assert_in_range(i, 12, 30);
	assert_int_equal(made_number(&m.u[0], &old), 1);
	assert_int_equal(made_number(&m.u[0], &third), 2);
	made_unpin(&m, &old);
	made_unpin(&m, &found);
	made_unpin(&m, &third);
	assert_int_equal(made_read(&m, "https://a/r\n", 0), UINT32_MAX);
	made_all_idle(&m);
	made_free(&m);
}

/* One after the other, as often as one likes. */
static void refreshes_in_turn(void **state)
{
	struct made m;
	struct cache_found found;
	char head[3 * GW_BLOCK];
	uint32_t i;

	(void)state;
	made_arena(&m, 60);
	assert_true(made_store(&m, "https://a/r\n", 0, 0));
	for (i = 1; i < 40; i++) {
		int len = snprintf(head, sizeof head, "%u " MADE_HEAD, (unsigned)i);

		memset(head + len, 'x', sizeof head - (size_t)len);
		assert_true(made_look(&m, "https://a/r\n", 2, &found));
		assert_int_equal(made_number(&m.u[0], &found), i - 1);
		assert_true(cache_refresh(&m.u[0], &found, &made_stored, span_of(head, (size_t)len + i * GW_BLOCK / 16)));
		made_check(&m, "a 304");
		made_unpin(&m, &found);
		made_check(&m, "a 304 that is over");
		assert_int_equal(made_read(&m, "https://a/r\n", 0), i);
	}
	assert_true(made_look(&m, "https://a/r\n", 2, &found));
	assert_false(cache_refresh(&m.u[0], &found, &made_stored, span_of(head, 60 * GW_BLOCK)));
	made_unpin(&m, &found);
	assert_false(made_look(&m, "https://a/r\n", 2, &found));
	made_all_idle(&m);
	made_free(&m);
}

static void refreshes_only_what_is_there(void **state)
{
	struct made m;
	struct cache_found found;
	struct cache_key k = made_key("https://a/r\n");
	struct cache_fill f;

	(void)state;
	made_arena(&m, 60);
	assert_true(made_store(&m, "https://a/r\n", 0, 10));
	assert_true(made_look(&m, "https://a/r\n", 2, &found));
	assert_int_equal(cache_invalidate(&m.u[1], SPAN("https://a/r")), 1);
	assert_false(cache_refresh(&m.u[0], &found, &made_stored, SPAN("1 " MADE_HEAD)));
	made_unpin(&m, &found);
	assert_true(cache_begin(&m.u[0], &k, 0, 0, &f));
	assert_true(cache_fill_head(&m.u[0], &f, &made_stored, SPAN(""), SPAN("7 "), 10, 0, 0));
	assert_true(made_look(&m, "https://a/r\n", 2, &found));
	assert_false(cache_refresh(&m.u[0], &found, &made_stored, SPAN("1 " MADE_HEAD)));
	made_unpin(&m, &found);
	cache_fill_end(&m.u[0], &f, CACHE_BROKEN, 0);
	made_all_idle(&m);
	made_free(&m);
}

/* The newest of two that fit is the one that was confirmed last (RFC 9111 4.1). */
static void confirmed_is_newest(void **state)
{
	struct made m;
	struct cache_found found;

	(void)state;
	made_arena(&m, 60);
	assert_true(made_store_with(&m.u[0], 0, "https://a/r\n", 1, 10, true, "accept\n", 0));
	assert_true(made_look(&m, "https://a/r\n", 2, &found));
	assert_true(made_store_with(&m.u[0], 0, "https://a/r\n", 2, 10, true, "user-agent\n", 0));
	assert_int_equal(made_read(&m, "https://a/r\n", 10), 2);
	assert_true(cache_refresh(&m.u[0], &found, &made_stored, SPAN("3 " MADE_HEAD)));
	made_unpin(&m, &found);
	assert_true(made_look(&m, "https://a/r\n", 2, &found));
	assert_int_equal(made_number(&m.u[0], &found), 3);
	made_unpin(&m, &found);
	made_all_idle(&m);
	made_free(&m);
}

static void forgets_and_holds(void **state)
{
	struct made m;
	struct cache_found found;
	struct cache_key k = made_key("https://a/f\n");

	(void)state;
	made_arena(&m, 60);
	assert_true(made_store(&m, "https://a/f\n", 1, 10));
	assert_true(cache_look(&m.u[0], &k, made_plain(), 0, 1000, &found));
	cache_hold(&m.u[0], &found, 1000);
	made_unpin(&m, &found);
	assert_true(cache_look(&m.u[1], &k, made_plain(), 0, 1000 + CACHE_HOLD_MS - 1, &found));
	assert_true(found.held);
	cache_unpin(&m.u[1], &found.pin);
	assert_true(cache_look(&m.u[1], &k, made_plain(), 0, 1000 + CACHE_HOLD_MS, &found));
	assert_false(found.held);
	cache_hold(&m.u[1], &found, 10000);
	assert_true(cache_refresh(&m.u[1], &found, &made_stored, SPAN("3 " MADE_HEAD)));
	cache_unpin(&m.u[1], &found.pin);
	assert_true(cache_look(&m.u[1], &k, made_plain(), 0, 10001, &found));
	assert_false(found.held);
	cache_forget(&m.u[1], &found);
	cache_forget(&m.u[1], &found);
	made_check(&m, "forgetting");
	assert_int_equal(made_number(&m.u[1], &found), 3);
	cache_unpin(&m.u[1], &found.pin);
	assert_false(made_look(&m, "https://a/f\n", 1, &found));
	made_all_idle(&m);
	made_free(&m);
}

static void invalidates_what_is_written(void **state)
{
	struct made m;
	struct cache_found a, b;
	struct cache_read r;
	struct cache_key k = made_key("https://a/i\n80");
	struct cache_fill promised, f, other;

	(void)state;
	made_arena(&m, 110);
	/* A promise: its fill goes to who waited, and is not kept. */
	assert_int_equal(cache_promise(&m.u[0], &k, 0, 0, &promised, &a), CACHE_LEAD);
	assert_int_equal(cache_promise(&m.u[1], &k, 0, 0, &other, &b), CACHE_JOIN);
	assert_int_equal(cache_invalidate(&m.u[2], SPAN("https://a/i")), 0);
	made_check(&m, "no more a promise");
	assert_int_equal(cache_promise(&m.u[2], &k, 0, 0, &other, &a), CACHE_LEAD);
	cache_fill_end(&m.u[2], &other, CACHE_BROKEN, 0);
	assert_true(cache_fill_head(&m.u[0], &promised, &made_stored, SPAN(""), SPAN("6 " MADE_HEAD), 2000, 0, 0));
	made_check(&m, "a head that nobody finds");
	assert_false(cache_look(&m.u[2], &k, made_plain(), 0, 0, &a));
	assert_int_equal(cache_state(&m.u[1], &b), CACHE_FILLING);
	cache_read_begin(&r, &m.u[1], &b.pin, 0, UINT64_MAX);
	assert_int_equal(made_put(&m.u[0], &promised, 6, 2000), 2000);
	assert_int_equal(made_take(&r, 6, UINT64_MAX, 500), 2000);
	cache_fill_done(&m.u[0], &promised);
	assert_true(cache_read_done(&r));
	cache_unpin(&m.u[1], &b.pin);
	assert_false(cache_look(&m.u[2], &k, made_plain(), 0, 0, &a));
	assert_int_equal(m.c->counts[CACHE_STORED], 0);
	assert_int_equal(m.c->free, m.c->blocks);
	/* One whose body is coming. */
	assert_true(cache_begin(&m.u[0], &k, 0, 0, &f));
	assert_true(cache_fill_head(&m.u[0], &f, &made_stored, SPAN(""), SPAN("6 " MADE_HEAD), UINT64_MAX, 0, 0));
	assert_true(cache_look(&m.u[2], &k, made_plain(), 0, 0, &a));
	assert_int_equal(cache_invalidate(&m.u[2], SPAN("https://a/i")), 1);
	assert_int_equal(cache_invalidate(&m.u[2], SPAN("https://a/i")), 0);
	assert_false(cache_look(&m.u[1], &k, made_plain(), 0, 0, &b));
	assert_int_equal(made_put(&m.u[0], &f, 6, 3000), 3000);
	cache_fill_done(&m.u[0], &f);
	assert_int_equal(cache_state(&m.u[2], &a), CACHE_WHOLE);
	cache_read_begin(&r, &m.u[2], &a.pin, 0, UINT64_MAX);
	assert_int_equal(made_take(&r, 6, UINT64_MAX, 500), 3000);
	cache_unpin(&m.u[2], &a.pin);
	assert_int_equal(m.c->free, m.c->blocks);
	/* And one that ended as a PASS after it had been forgotten: nobody remembers. */
	assert_int_equal(cache_promise(&m.u[0], &k, 0, 0, &promised, &a), CACHE_LEAD);
	cache_invalidate(&m.u[2], SPAN("https://a/i"));
	cache_fill_end(&m.u[0], &promised, CACHE_PASS, 0);
	assert_int_equal(cache_promise(&m.u[0], &k, 0, 0, &promised, &a), CACHE_LEAD);
	cache_fill_end(&m.u[0], &promised, CACHE_BROKEN, 0);
	made_all_idle(&m);
	made_free(&m);
}

static void invalidates_that_url_alone(void **state)
{
	static const char *const keys[] = {"https://a/x\n1", "https://a/x\n2", "https://a/x/\n1", "https://a/\n1", "https://a/x?y\n1", "https://b/x\n1"};
	struct made m;
	uint32_t i;

	(void)state;
	made_arena(&m, 60);
	for (i = 0; i < COUNT(keys); i++)
		assert_true(made_store(&m, keys[i], i, 10));
	assert_int_equal(cache_invalidate(&m.u[0], SPAN("https://a/x")), 2);
	for (i = 0; i < COUNT(keys); i++)
		assert_int_equal(made_read(&m, keys[i], 10), i < 2 ? UINT32_MAX : i);
	made_all_idle(&m);
	made_free(&m);
}

static void purges(void **state)
{
	static const char *const keys[] = {"https://a.example/x\n1", "https://a.example/x\n2", "https://a.example/X\n1", "https://a.example/x/y\n1", "https://a.example/x?y\n1", "http://a.example/x\n1", "https://a.example:8443/x\n1"};
	static const struct { const char *prefix; bool whole; unsigned gone; /* bit each */ } cases[] = {
		{"", false, 0x7f}, {"", true, 0},
		{"https://a.example/x", true, 0x03}, {"HTTPS://A.example/x", true, 0x03}, {"https://a.example/X", true, 0x04},
		{"https://a.example/x", false, 0x1b}, {"https://a.example", false, 0x5f}, {"https://a.example/", false, 0x1f},
		{"https://A", false, 0x5f}, {"http", false, 0x7f}, {"https://a.example/x/y", true, 0x08}, {"https://a.example/x/y/z", false, 0},
		{"https://a.example/x\n1", true, 0}, {"https://a.example/x\n1", false, 0}, {"HTTP://a.EXAMPLE/x", false, 0x20},
	};
	struct made m;
	unsigned gone;
	size_t i;
	uint32_t j;

	(void)state;
	made_arena(&m, 60);
	for (i = 0; i < COUNT(cases); i++) {
		struct span prefix = block_of(span_str(cases[i].prefix));
		uint32_t want = 0;

		for (j = 0, gone = 0; j < COUNT(keys); j++) {
			assert_true(made_store(&m, keys[j], j, 10));
			want += cases[i].gone >> j & 1;
		}
		assert_int_equal(cache_purge(&m.u[0], prefix, cases[i].whole), want);
		for (j = 0; j < COUNT(keys); j++)
			gone |= (made_read(&m, keys[j], 10) == UINT32_MAX) * (1u << j);
		if (gone != cases[i].gone)
			fail_msg("case %zu: %x", i, gone);
		block_free(prefix);
	}
	made_all_idle(&m);
	made_free(&m);
}

/* Who asked before a change can see that there was one. */
static void epochs(void **state)
{
	static const struct cache_user none = {.arena = NULL};
	struct made m;
	struct span a = SPAN("https://a/x"), b;
	uint32_t before, other;
	char url[40];
	int i;

	(void)state;
	made_arena(&m, 60);
	before = cache_epoch(&m.u[0], a);
	for (i = 0; i < 50; i++) { /* a URL that does not share its number */
		b = span_of(url, (size_t)snprintf(url, sizeof url, "https://a/%d", i));
		other = cache_epoch(&m.u[0], b);
		cache_invalidate(&m.u[0], b);
		assert_int_not_equal(cache_epoch(&m.u[1], b), other);
		if (cache_epoch(&m.u[0], a) == before)
			break;
		before = cache_epoch(&m.u[0], a);
	}
	assert_true(i < 50);
	assert_true(made_store(&m, "https://a/x\n", 1, 10));
	assert_int_equal(cache_epoch(&m.u[2], a), before);
	cache_invalidate(&m.u[1], a);
	assert_int_not_equal(cache_epoch(&m.u[2], a), before);
	before = cache_epoch(&m.u[0], a);
	cache_purge(&m.u[1], SPAN("https://A/"), false);
	assert_int_not_equal(cache_epoch(&m.u[0], a), before);
	assert_int_equal(cache_epoch(&none, a), 0);
	made_all_idle(&m);
	made_free(&m);
}

static void reports(void **state)
{
	struct made m;
	struct cache_report r;
	char key[300];
	uint32_t i;

	(void)state;
	made_arena(&m, 200);
	for (i = 0; i < 15; i++) {
		snprintf(key, sizeof key, "https://a/%0*u\n80", i == 14 ? 200 : 2, i);
		assert_true(made_store(&m, key, i, 100 * (i * 7 % 15)));
	}
	cache_note(&m.u[0], CACHE_HITS);
	cache_note(&m.u[1], CACHE_HITS);
	cache_note(&m.u[1], CACHE_STALE);
	atomic_store(&m.c->slot[2].counts[CACHE_HITS], INT32_MAX);
	cache_note(&m.u[2], CACHE_HITS);
	cache_note(&m.u[2], CACHE_HITS);
	cache_report(&m.u[3], &r);
	assert_int_equal(r.size, m.size);
	assert_int_equal(r.blocks, 200);
	assert_int_equal(r.block_bytes, GW_BLOCK);
	assert_int_equal(r.blocks_used, 200 - m.c->free);
	assert_int_equal(r.entries, 15);
	assert_int_equal(r.bytes, 100 * 15 * 14 / 2);
	assert_int_equal(r.counts[CACHE_HITS], UINT64_C(3) + (UINT64_C(1) << 31));
	assert_int_equal(r.counts[CACHE_STALE], 1);
	assert_int_equal(r.counts[CACHE_STORED], 15);
	assert_int_equal(r.tops, CACHE_TOP);
	for (i = 0; i < CACHE_TOP; i++)
		assert_int_equal(r.top[i].bytes, 1400 - 100 * i);
	assert_string_equal(r.top[0].url, "https://a/02");
	for (i = 0; i < CACHE_TOP && strlen(r.top[i].url) < 20; i++)
		;
	assert_true(i < CACHE_TOP); /* the long one is number 14: 98 % 15 = 8 */
	assert_int_equal(strlen(r.top[i].url), sizeof r.top[i].url - 1);
	cache_leave(m.c, 1, 1);
	cache_leave(m.c, 2, 1);
	cache_report(&m.u[3], &r);
	assert_int_equal(r.counts[CACHE_HITS], UINT64_C(3) + (UINT64_C(1) << 31));
	made_all_idle(&m);
	made_free(&m);
}

/* Each kind of disorder is found: what checks everything else must itself be checked. */
static void checks_find(void **state)
{
	struct made m;
	struct cache_found found;
	struct cache_entry *e;
	uint32_t entry, was;

#define FINDS(what, wrong) (was = (what), (what) = (wrong), assert_non_null(cache_check(&m.u[0], m.seen)), (what) = was, made_check(&m, #what))
	(void)state;
	made_arena(&m, 60);
	assert_true(made_store(&m, "https://a/x\n1", 1, 4 * GW_BLOCK));
	assert_true(made_store(&m, "https://a/y\n1", 1, 10));
	assert_true(made_look(&m, "https://a/x\n1", 1, &found));
	entry = found.pin.entry;
	e = cache_entry(m.c, entry);
	FINDS(cache_links(m.c)[entry], 0);
	FINDS(cache_links(m.c)[entry], 61);
	FINDS(cache_links(m.c)[e->last], entry);
	FINDS(cache_links(m.c)[e->last], 50);
	FINDS(m.c->free, m.c->free + 1);
	FINDS(m.c->hint, 2);
	FINDS(m.c->idle, 0);
	FINDS(*(uint32_t *)cache_at(m.c, m.c->map_at), UINT32_MAX);
	FINDS(*(uint32_t *)cache_at(m.c, m.c->map_at), *(uint32_t *)cache_at(m.c, m.c->map_at) & ~(UINT32_C(1) << 31));
	FINDS(*cache_bucket(m.c, e->hash), 0);
	FINDS(*cache_bucket(m.c, e->hash), 61);
	FINDS(*cache_bucket(m.c, e->hash + 1), entry);
	FINDS(e->last, entry);
	FINDS(e->blocks, e->blocks + 1);
	FINDS(e->spare, 50);
	FINDS(e->newer, 50);
	FINDS(e->filler, 0);
	FINDS(m.c->queues[CACHE_SMALL].entries, 3);
	FINDS(m.c->queues[CACHE_SMALL].blocks, 0);
	FINDS(m.c->queues[CACHE_SMALL].oldest, 0);
	FINDS(m.c->queues[CACHE_SMALL].newest, 0);
	FINDS(m.c->queues[CACHE_SMALL].newest, 61);
	FINDS(cache_record(m.c, 0, 1)->entry, 0);
	FINDS(cache_record(m.c, 0, 1)->entry, 61);
	FINDS(cache_record(m.c, 1, 2)->fill, entry);
	e->changing = true;
	assert_non_null(cache_check(&m.u[0], m.seen));
	e->changing = false;
	e->indexed = false;
	assert_non_null(cache_check(&m.u[0], m.seen));
	e->indexed = true;
	cache_set_state(e, CACHE_BROKEN);
	assert_non_null(cache_check(&m.u[0], m.seen));
	cache_set_state(e, CACHE_WHOLE);
	made_unpin(&m, &found);
	made_all_idle(&m);
	made_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refreshes),
		cmocka_unit_test(refreshes_in_turn),
		cmocka_unit_test(refreshes_only_what_is_there),
		cmocka_unit_test(confirmed_is_newest),
		cmocka_unit_test(forgets_and_holds),
		cmocka_unit_test(invalidates_what_is_written),
		cmocka_unit_test(invalidates_that_url_alone),
		cmocka_unit_test(purges),
		cmocka_unit_test(epochs),
		cmocka_unit_test(reports),
		cmocka_unit_test(checks_find),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

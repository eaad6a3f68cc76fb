/* SPDX-License-Identifier: MIT
 *
 * Which arena does a generation get, and how long does it stay?
 */
#include "../../src/supervisor_store.h"
#include "cache_made.h"

static struct store *all;

static struct config wants(uint64_t cache, int workers, uint32_t requests)
{
	return (struct config){.cache = cache, .workers = workers, .requests = requests};
}

static struct store *opens_beside(struct store *serving, uint32_t busy, struct config c)
{
	struct text error = block_text(300);
	struct store *s = store_open(&all, serving, &c, busy, &error);

	if (!s || error.len)
		fail_msg("%.*s", (int)error.len, error.at);
	assert_non_null(s->cache);
	assert_true(s->size == c.cache);
	assert_non_null(s->seen);
	free(error.at);
	return s;
}

static struct store *opens(struct store *serving, struct config c)
{
	return opens_beside(serving, serving ? (uint32_t)c.workers : 0, c);
}

static bool is_mapped(const void *at, size_t size)
{
	return msync((void *)(uintptr_t)at, size, MS_ASYNC) == 0;
}

static uint32_t count_of(void)
{
	uint32_t count = 0;

	for (const struct store *s = all; s; s = s->next)
		count++;
	return count;
}

static struct cache_user joins(const struct store *s, uint32_t slot)
{
	struct cache_user u;

	assert_true(cache_join(&u, s->cache, slot, s->readers, (uint32_t)platform_pid()));
	return u;
}

static void a_reload_keeps_it(void **state)
{
	struct store *first = opens(NULL, wants(1 << 20, 4, 32)), *second;
	struct cache_user u = joins(first, 0);

	(void)state;
	assert_true(made_store_with(&u, 0, "http://a/\n", 1, 100, true, "", 1000));
	second = opens(first, wants(1 << 20, 4, 32));
	assert_ptr_equal(second, first);
	store_close(&all, first);
	assert_ptr_equal(opens(second, wants(1 << 20, 2, 16)), second); /* fewer find room in it, too */
	store_close(&all, second);
	assert_int_equal(cache_purge(&u, SPAN("http://a/"), true), 1);
	assert_null(cache_check(&u, second->seen));
	store_close(&all, second);
	assert_null(all);
}

static void what_does_not_fit_is_replaced(void **state)
{
	static const struct { uint64_t cache; int workers; uint32_t requests; } others[] = {
		{2 << 20, 2, 16}, {512 << 10, 2, 16}, {1 << 20, 6, 16}, {1 << 20, 2, 17},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(others); i++) {
		struct store *old = opens(NULL, wants(1 << 20, 2, 16)), *young, *again;
		struct cache *cache = old->cache;
		size_t size = old->size;

		young = opens(old, wants(others[i].cache, others[i].workers, others[i].requests));
		assert_ptr_not_equal(young, old);
		assert_int_equal(count_of(), 2);
		assert_true(is_mapped(cache, size)); /* the old generation goes on with it */
		again = opens(young, wants(1 << 20, 2, 16)); /* what it holds may have become invalid since */
		assert_ptr_not_equal(again->cache, cache);
		store_close(&all, again);
		store_close(&all, old);
		assert_false(is_mapped(cache, size));
		store_close(&all, young);
		assert_null(all);
	}
}

static void it_goes_with_the_last(void **state)
{
	struct store *s = opens(NULL, wants(1 << 20, 1, 8));
	struct cache *cache = s->cache;

	(void)state;
	opens(s, wants(1 << 20, 1, 8));
	opens(s, wants(1 << 20, 1, 8));
	store_close(&all, s);
	store_close(&all, s);
	assert_ptr_equal(all, s);
	assert_true(is_mapped(cache, 1 << 20));
	store_close(&all, s);
	assert_null(all);
	assert_false(is_mapped(cache, 1 << 20));
	store_close(&all, NULL);
}

static void nothing_is_kept(void **state)
{
	struct text error = block_text(300);
	struct config none = wants(0, 1, 8), small = wants(20000, 32, 4096);
	struct store *s = opens(NULL, wants(1 << 20, 1, 8));

	(void)state;
	assert_null(store_open(&all, s, &none, 0, &error));
	assert_int_equal(error.len, 0);
	assert_null(store_open(&all, s, &small, 0, &error));
	block_same(text_span(&error), "nothing is kept: cannot have 20000 bytes for the cache: that is too little for so many workers and requests", "small");
	assert_int_equal(s->users, 1);
	store_close(&all, s);
	store_leave(NULL, 0, 1);
	free(error.at);
}

/* Old workers and those that died and began anew have slots as well. */
static void slots_for_reloads(void **state)
{
	struct store *s = opens(NULL, wants(1 << 20, 2, 16));

	(void)state;
	assert_int_equal(s->slots, 10);
	assert_int_equal(s->readers, 2 * (16 + GW_ERRANDS));
	store_close(&all, s);
	s = opens(NULL, wants(4 << 20, 32, 16));
	assert_int_equal(s->slots, 64); /* there are no more */
	assert_ptr_equal(opens_beside(s, 64, wants(4 << 20, 32, 16)), s);
	store_close(&all, s);
	store_close(&all, s);
}

/* A worker without a slot there would answer without the cache, and not hear of what
 * others make void: no new one may be beyond. */
static void every_worker_has_a_slot(void **state)
{
	struct store *s = opens_beside(NULL, 0, wants(1 << 20, 1, 8)), *other;

	(void)state;
	assert_int_equal(s->slots, 5);
	assert_ptr_equal(opens_beside(s, 4, wants(1 << 20, 1, 8)), s);
	assert_ptr_equal(opens_beside(s, 1, wants(1 << 20, 4, 8)), s); /* a worker more empties nothing */
	other = opens_beside(s, 5, wants(1 << 20, 1, 8));
	assert_ptr_not_equal(other, s);
	assert_int_equal(other->slots, 6);
	store_close(&all, other);
	other = opens_beside(s, 2, wants(1 << 20, 4, 8));
	assert_ptr_not_equal(other, s);
	assert_int_equal(other->slots, 20);
	store_close(&all, other);
	while (all)
		store_close(&all, s);
}

static void the_dead_leave_it(void **state)
{
	struct store *s = opens(NULL, wants(1 << 20, 1, 8));
	struct cache_user dead = joins(s, 4), u = joins(s, 0);
	struct cache_key k = made_key("http://a/\n");
	struct cache_fill fill, other;
	struct cache_found found;

	(void)state;
	dead.pid = 12345;
	assert_int_equal(cache_promise(&dead, &k, 0, 1000, &fill, &found), CACHE_LEAD);
	assert_int_equal(cache_promise(&u, &k, 0, 1000, &other, &found), CACHE_JOIN);
	assert_int_equal(cache_state(&u, &found), CACHE_PROMISED);
	store_leave(s, 5, 12345); /* a slot that has no cache */
	store_leave(s, -1, 12345);
	assert_int_equal(cache_state(&u, &found), CACHE_PROMISED);
	store_leave(s, 4, 12345);
	assert_int_equal(cache_state(&u, &found), CACHE_BROKEN);
	cache_unpin(&u, &found.pin);
	assert_null(cache_check(&u, s->seen));
	store_close(&all, s);
}

static void a_child_forgets_the_others(void **state)
{
	struct store *old = opens(NULL, wants(1 << 20, 1, 8)), *own = opens(old, wants(2 << 20, 1, 8));
	struct cache *gone = old->cache;

	(void)state;
	store_forget(all, own);
	assert_null(old->cache);
	assert_false(is_mapped(gone, 1 << 20));
	assert_true(is_mapped(own->cache, 2 << 20));
	gone = own->cache;
	store_forget(all, NULL); /* a helper */
	assert_false(is_mapped(gone, 2 << 20));
	store_close(&all, own);
	store_close(&all, old);
	assert_null(all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reload_keeps_it),
		cmocka_unit_test(what_does_not_fit_is_replaced),
		cmocka_unit_test(it_goes_with_the_last),
		cmocka_unit_test(nothing_is_kept),
		cmocka_unit_test(slots_for_reloads),
		cmocka_unit_test(every_worker_has_a_slot),
		cmocka_unit_test(the_dead_leave_it),
		cmocka_unit_test(a_child_forgets_the_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

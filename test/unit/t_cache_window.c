/* SPDX-License-Identifier: MIT
 *
 * What is too long to be kept goes through: to its slowest reader too, whole, in
 * as many blocks as it may have; and nobody finds it afterwards.
 */
#include "cache_made.h"

enum { OBJECT = 6 * GW_BLOCK, LONG = 100 * GW_BLOCK + 33 };

struct stream {
	struct made m;
	struct cache_key k;
	struct cache_fill f;
};

static void begin(struct stream *s, uint32_t blocks)
{
	made_arena(&s->m, blocks);
	s->k = made_key("https://a/long\n");
	assert_true(cache_begin(&s->m.u[0], &s->k, 0, 1000, &s->f));
	assert_true(cache_fill_head(&s->m.u[0], &s->f, &made_stored, SPAN(""), SPAN("3 " MADE_HEAD), UINT64_MAX, OBJECT, 1000));
}

static void follow(struct stream *s, uint32_t slot, struct cache_found *found, struct cache_read *r)
{
	assert_true(cache_look(&s->m.u[slot], &s->k, made_plain(), 1, 1000, found));
	cache_read_begin(r, &s->m.u[slot], &found->pin, 0, UINT64_MAX);
}

static uint64_t put(struct stream *s, uint64_t most)
{
	uint64_t n = made_put(&s->m.u[0], &s->f, 3, most < LONG - s->f.done ? most : LONG - s->f.done);

	made_check(&s->m, "a put");
	return n;
}

/* Exactly as much as is allowed is kept, one byte more is not. */
static void limit(void **state)
{
	struct stream s;
	struct cache_found found;
	uint64_t more;

	(void)state;
	for (more = 0; more < 2; more++) {
		begin(&s, 60);
		assert_int_equal(put(&s, OBJECT), OBJECT);
		assert_false(s.f.too_long);
		assert_int_equal(put(&s, more), more);
		assert_int_equal(s.f.too_long, more);
		assert_int_equal(cache_look(&s.m.u[0], &s.k, made_plain(), 1, 1000, &found), !more);
		made_unpin(&s.m, &found);
		cache_fill_done(&s.m.u[0], &s.f);
		assert_int_equal(made_read(&s.m, "https://a/long\n", OBJECT), more ? UINT32_MAX : 3);
		assert_int_equal(cache_promise(&s.m.u[0], &s.k, 0, 1000, &s.f, &found), more ? CACHE_ALONE : CACHE_LEAD);
		cache_fill_end(&s.m.u[0], &s.f, CACHE_BROKEN, 1000);
		made_all_idle(&s.m);
		made_free(&s.m);
	}
}

/* One reader keeps up, one takes what it wants now and then, one comes from another worker. */
static void slow_readers(void **state)
{
	struct stream s;
	struct cache_found a, b;
	struct cache_read fast, slow;
	uint64_t got = 0, late = 0, random = 9, held = 0;
	uint32_t most = 0;

	(void)state;
	begin(&s, 60);
	follow(&s, 0, &a, &fast);
	follow(&s, 1, &b, &slow);
	while (!cache_read_done(&slow)) {
		uint64_t n = put(&s, made_random(&random, 3 * GW_BLOCK));

		held += n == 0 && s.f.done < LONG && s.f.done > 0;
		if (s.f.entry && s.f.done == LONG)
			cache_fill_done(&s.m.u[0], &s.f);
		got += made_take(&fast, 3, UINT64_MAX, GW_BLOCK / 2 + 1);
		if (made_random(&random, 3) == 0)
			late += made_take(&slow, 3, made_random(&random, 3 * GW_BLOCK), 100);
		if (cache_entry(s.m.c, a.pin.entry)->blocks > most)
			most = cache_entry(s.m.c, a.pin.entry)->blocks;
		made_check(&s.m, "a take");
	}
	assert_int_equal(got, LONG);
	assert_int_equal(late, LONG);
	assert_true(cache_read_done(&fast));
	assert_true(held > 0);
	assert_in_range(most, OBJECT / GW_BLOCK, OBJECT / GW_BLOCK + 6);
	assert_int_equal(made_number(&s.m.u[1], &b), 3);
	cache_unpin(&s.m.u[0], &a.pin);
	cache_unpin(&s.m.u[1], &b.pin);
	made_all_idle(&s.m);
	made_free(&s.m);
}

/* Who has a pin and has not begun holds everything; when it lets go it goes on. */
static void who_waits_holds_it(void **state)
{
	struct stream s;
	struct cache_found a, b;
	struct cache_read r, again;

	(void)state;
	begin(&s, 60);
	follow(&s, 0, &a, &r);
	assert_true(cache_look(&s.m.u[2], &s.k, made_plain(), 5, 1000, &b));
	assert_true(put(&s, LONG) < LONG);
	made_take(&r, 3, UINT64_MAX, GW_BLOCK);
	assert_int_equal(put(&s, LONG), 0);
	assert_true(s.f.too_long);
	cache_unpin(&s.m.u[2], &b.pin);
	assert_true(put(&s, LONG) > 0);
	cache_read_begin(&again, &s.m.u[0], &a.pin, 0, UINT64_MAX); /* what has gone is gone */
	assert_true(cache_read_broken(&again));
	assert_false(cache_read_done(&again));
	cache_unpin(&s.m.u[0], &a.pin);
	put(&s, LONG);
	assert_int_equal(s.f.done, LONG);
	cache_fill_end(&s.m.u[0], &s.f, CACHE_BROKEN, 1000);
	made_all_idle(&s.m);
	made_free(&s.m);
}

/* Who is much slower than the others is told to leave; who is alone, or not so slow, is not. */
static void late_readers(void **state)
{
	struct stream s;
	struct cache_found a, b, c;
	struct cache_read fast, slow, middling;

	(void)state;
	begin(&s, 60);
	follow(&s, 0, &a, &fast);
	assert_int_equal(put(&s, OBJECT), OBJECT);
	cache_hurry(&s.m.u[0], &s.f); /* it is not too long yet: nobody holds anything up */
	assert_false(cache_read_is_late(&fast));
	follow(&s, 1, &b, &slow);
	follow(&s, 2, &c, &middling);
	assert_true(put(&s, LONG) < LONG);
	cache_hurry(&s.m.u[0], &s.f); /* all are as slow */
	assert_false(cache_read_is_late(&fast) || cache_read_is_late(&slow) || cache_read_is_late(&middling));
	made_take(&fast, 3, UINT64_MAX, GW_BLOCK);
	made_take(&middling, 3, OBJECT * 3 / 4, GW_BLOCK);
	made_take(&slow, 3, GW_BLOCK / 4, GW_BLOCK);
	assert_int_equal(put(&s, LONG), 0);
	cache_hurry(&s.m.u[0], &s.f);
	assert_true(cache_read_is_late(&slow));
	assert_false(cache_read_is_late(&fast) || cache_read_is_late(&middling));
	cache_unpin(&s.m.u[1], &b.pin);
	assert_true(put(&s, LONG) > 0);
	cache_unpin(&s.m.u[2], &c.pin);
	cache_hurry(&s.m.u[0], &s.f); /* who reads alone may be as slow as he likes */
	assert_false(cache_read_is_late(&fast));
	cache_unpin(&s.m.u[0], &a.pin);
	/* The place in the ledger is another's now. */
	assert_true(made_store_with(&s.m.u[1], 0, "https://a/x\n", 1, 5, true, "", 0));
	s.k = made_key("https://a/x\n");
	follow(&s, 1, &b, &slow);
	assert_false(cache_read_is_late(&slow));
	cache_unpin(&s.m.u[1], &b.pin);
	cache_fill_end(&s.m.u[0], &s.f, CACHE_BROKEN, 1000);
	made_all_idle(&s.m);
	made_free(&s.m);
}

/* Nobody reads it: it runs through. */
static void no_reader(void **state)
{
	struct stream s;

	(void)state;
	begin(&s, 60);
	assert_int_equal(put(&s, LONG), LONG);
	assert_false(cache_fill_is_read(&s.m.u[0], &s.f));
	cache_fill_done(&s.m.u[0], &s.f);
	made_all_idle(&s.m);
	made_free(&s.m);
}

/* All else is pinned: what there is goes round. */
static void no_room(void **state)
{
	struct stream s;
	struct cache_found a, other;
	struct cache_read r;
	uint64_t got = 0;

	(void)state;
	made_arena(&s.m, 20);
	assert_true(made_store_with(&s.m.u[0], 0, "https://a/other\n", 8, 14 * GW_BLOCK, false, "", 0) == false);
	made_free(&s.m);
	made_arena(&s.m, 20);
	s.k = made_key("https://a/other\n");
	assert_true(cache_begin(&s.m.u[0], &s.k, 0, 0, &s.f));
	assert_true(cache_fill_head(&s.m.u[0], &s.f, &made_stored, SPAN(""), SPAN("8 " MADE_HEAD), 14 * GW_BLOCK, UINT64_MAX, 0));
	assert_int_equal(made_put(&s.m.u[0], &s.f, 8, 14 * GW_BLOCK), 14 * GW_BLOCK);
	cache_fill_done(&s.m.u[0], &s.f);
	assert_true(made_look(&s.m, "https://a/other\n", 3, &other));

	s.k = made_key("https://a/long\n");
	assert_true(cache_begin(&s.m.u[0], &s.k, 0, 0, &s.f));
	assert_true(cache_fill_head(&s.m.u[0], &s.f, &made_stored, SPAN(""), SPAN("3 " MADE_HEAD), UINT64_MAX, UINT64_MAX, 0));
	follow(&s, 0, &a, &r);
	while (got < LONG) {
		assert_true(put(&s, LONG) > 0 || s.f.done == LONG);
		got += made_take(&r, 3, UINT64_MAX, 77);
	}
	assert_true(s.f.too_long);
	cache_fill_done(&s.m.u[0], &s.f);
	assert_true(cache_read_done(&r));
	cache_unpin(&s.m.u[0], &a.pin);
	/* A beginning of another one finds no room at all, and is no more. */
	assert_true(cache_begin(&s.m.u[0], &s.k, 0, CACHE_PASS_MS * 2, &s.f));
	assert_false(cache_fill_head(&s.m.u[0], &s.f, &made_stored, SPAN(""), SPAN("3 " MADE_HEAD), 6 * GW_BLOCK, UINT64_MAX, 0));
	made_check(&s.m, "no room");
	made_unpin(&s.m, &other);
	assert_int_equal(made_read(&s.m, "https://a/other\n", 14 * GW_BLOCK), 8);
	made_all_idle(&s.m);
	made_free(&s.m);
}

/* The writer's worker dies; the others see it. */
static void writer_dies(void **state)
{
	struct stream s;
	struct cache_found b;
	struct cache_read r;

	(void)state;
	begin(&s, 60);
	follow(&s, 1, &b, &r);
	put(&s, LONG);
	assert_true(s.f.too_long);
	cache_leave(s.m.c, 0, s.m.u[0].pid);
	made_check(&s.m, "leaving");
	assert_false(cache_read_broken(&r));
	assert_true(made_take(&r, 3, UINT64_MAX, 1000) > 0);
	assert_true(cache_read_broken(&r));
	cache_unpin(&s.m.u[1], &b.pin);
	made_all_idle(&s.m);
	made_free(&s.m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limit),
		cmocka_unit_test(slow_readers),
		cmocka_unit_test(who_waits_holds_it),
		cmocka_unit_test(late_readers),
		cmocka_unit_test(no_reader),
		cmocka_unit_test(no_room),
		cmocka_unit_test(writer_dies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

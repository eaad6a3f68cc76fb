/* SPDX-License-Identifier: MIT
 *
 * Does every block have one borrower at most, and is what nobody needs untouched?
 */
#include "../../src/pool.h"
#include "block.h"

/* Memory of exactly what the pool asks for, zeroed. */
static void *make(struct pool *p, size_t size, uint32_t count)
{
	void *memory = calloc(1, pool_bytes(size, count) ? pool_bytes(size, count) : 1);

	assert_non_null(memory);
	pool_init(p, memory, size, count);
	return memory;
}

static void sizes(void **state)
{
	(void)state;
	assert_int_equal(pool_bytes(1, 1), 16);
	assert_int_equal(pool_bytes(16, 3), 48);
	assert_int_equal(pool_bytes(17, 3), 96);
	assert_int_equal(pool_bytes(0, 2), 32); /* a free block still holds a pointer */
	assert_int_equal(pool_bytes(100, 0), 0);
	assert_true(pool_bytes(SIZE_MAX / 2, 3) == SIZE_MAX); /* not some small number */
	assert_true(pool_bytes(SIZE_MAX - 3, 1) == SIZE_MAX);
	assert_true(pool_bytes(SIZE_MAX, 2) == SIZE_MAX);
}

static void lends_each_block_once(void **state)
{
	enum { N = 50, SIZE = 37 };
	struct pool p;
	char *memory = make(&p, SIZE, N), *blocks[N];

	(void)state;
	for (int i = 0; i < N; i++) {
		blocks[i] = pool_borrow(&p);
		assert_non_null(blocks[i]);
		assert_int_equal((uintptr_t)blocks[i] % 16, (uintptr_t)memory % 16);
		memset(blocks[i], i + 1, SIZE); /* all of it is the borrower's */
	}
	assert_null(pool_borrow(&p));
	assert_int_equal(p.lent, N);
	for (int i = 0; i < N; i++)
		for (int k = 0; k < SIZE; k++)
			assert_int_equal(blocks[i][k], i + 1);
	free(memory);
}

static void lends_the_warm_one_first(void **state)
{
	struct pool p;
	void *memory = make(&p, 64, 8);
	void *a = pool_borrow(&p), *b = pool_borrow(&p), *c = pool_borrow(&p);

	(void)state;
	pool_return(&p, a);
	pool_return(&p, c);
	assert_int_equal(p.lent, 1);
	assert_ptr_equal(pool_borrow(&p), c);
	assert_ptr_equal(pool_borrow(&p), a);
	assert_true(pool_borrow(&p) != b);
	assert_int_equal(p.fresh, 4);
	free(memory);
}

static void does_not_touch_what_nobody_needs(void **state)
{
	struct pool p;
	char *memory = make(&p, 32, 10);

	(void)state;
	memset(memory, 0x5a, pool_bytes(32, 10));
	for (int i = 0; i < 100; i++) {
		void *a = pool_borrow(&p), *b = pool_borrow(&p);

		pool_return(&p, i % 2 ? a : b);
		pool_return(&p, i % 2 ? b : a);
	}
	assert_int_equal(p.fresh, 2);
	for (int i = 64; i < 320; i++)
		assert_int_equal(memory[i], 0x5a);
	free(memory);
}

/* Against a list of who has what, with a fixed seed. */
static void any_order(void **state)
{
	enum { N = 16 };
	struct pool p;
	void *memory = make(&p, 48, N), *out[N];
	unsigned count = 0, seed = 1;

	(void)state;
	for (int turn = 0; turn < 20000; turn++) {
		seed = seed * 1103515245 + 12345;
		if (seed >> 16 & 1) {
			void *block = pool_borrow(&p);

			assert_int_equal(block == NULL, count == N);
			if (!block)
				continue;
			for (unsigned i = 0; i < count; i++)
				assert_true(out[i] != block);
			out[count++] = block;
		} else if (count) {
			unsigned i = (seed >> 17) % count;

			pool_return(&p, out[i]);
			out[i] = out[--count];
		}
		assert_int_equal(p.lent, count);
	}
	free(memory);
}

static void an_empty_pool(void **state)
{
	struct pool p;
	void *memory = make(&p, 48, 0);

	(void)state;
	assert_null(pool_borrow(&p));
	free(memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes),
		cmocka_unit_test(lends_each_block_once),
		cmocka_unit_test(lends_the_warm_one_first),
		cmocka_unit_test(does_not_touch_what_nobody_needs),
		cmocka_unit_test(any_order),
		cmocka_unit_test(an_empty_pool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

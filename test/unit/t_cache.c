/* SPDX-License-Identifier: MIT
 *
 * Is what was stored found, whole and byte for byte; and is every block owned
 * exactly once afterwards?
 */
#include "cache_made.h"

static const uint64_t lengths[] = {0, 1, GW_BLOCK / 2, GW_BLOCK - 1, GW_BLOCK, GW_BLOCK + 1, 2 * GW_BLOCK - 1, 2 * GW_BLOCK, 2 * GW_BLOCK + 1, 5 * GW_BLOCK + 7};

static void sizes(void **state)
{
	struct made m;
	size_t size, last = 0;

	(void)state;
	for (size = 0; size < 400000; size += 777) {
		size_t bytes = cache_blocks_of(size, 4, 24);

		assert_true(bytes < size || bytes == 0);
		assert_true(bytes >= last);
		last = bytes;
	}
	assert_true(last > 380000 / 10 * 9);
	assert_int_equal(cache_blocks_of(1000, 4, 24), 0);
	assert_int_equal(cache_blocks_of(SIZE_MAX / 4, 0, 24), 0);
	assert_int_equal(cache_blocks_of(1 << 20, 4, 0), 0);
	made_arena(&m, CACHE_LEAST);
	made_all_idle(&m);
	made_free(&m);
}

static void stores_and_finds(void **state)
{
	struct made m;
	struct cache_found found;
	size_t i;
	int known;

	(void)state;
	made_arena(&m, 200);
	for (known = 0; known < 2; known++) {
		for (i = 0; i < COUNT(lengths); i++) {
			assert_true(made_store_with(&m.u[0], 3, "https://a/b\n80\n", (uint32_t)i, lengths[i], known, "", 7));
			made_check(&m, "a store");
			assert_int_equal(made_read(&m, "https://a/b\n80\n", lengths[i]), i);
			made_check(&m, "a read");
			assert_int_equal(made_read(&m, "https://a/b\n81\n", 0), UINT32_MAX);
			assert_int_equal(made_read(&m, "https://a/c\n80\n", 0), UINT32_MAX);
		}
	}
	assert_true(made_look(&m, "https://a/b\n80\n", 2, &found));
	assert_int_equal(found.stored.lifetime, 60);
	assert_false(found.ours || found.held);
	made_unpin(&m, &found);
	made_all_idle(&m);
	made_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes),
		cmocka_unit_test(stores_and_finds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

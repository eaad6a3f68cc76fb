/* SPDX-License-Identifier: MIT
 *
 * Does a ring hold the order it was given, and is what left it in no list?
 */
#include "../../src/list.h"
#include "block.h"

enum { THINGS = 12 };

struct thing {
	int before;
	struct node first; /* two lists at once, at different places of the thing */
	struct node second;
	int number;
};

static void starts_empty(void **state)
{
	struct list l;

	(void)state;
	list_init(&l);
	assert_int_equal(l.count, 0);
	assert_null(list_first(&l));
	assert_null(list_last(&l));
}

static void keeps_the_order(void **state)
{
	struct thing things[3] = {{0}};
	struct list l;

	(void)state;
	list_init(&l);
	for (int i = 0; i < 3; i++) {
		things[i].number = i;
		assert_null(things[i].second.next); /* in no list yet */
		list_append(&l, &things[i].second);
		assert_non_null(things[i].second.next);
		assert_ptr_equal(list_last(&l), &things[i].second);
		assert_ptr_equal(list_first(&l), &things[0].second);
	}
	assert_int_equal(LIST_OF(list_first(&l), struct thing, second)->number, 0);
	assert_ptr_equal(LIST_OF(list_last(&l), struct thing, second), &things[2]);
	assert_ptr_equal(list_next(&l, &things[0].second), &things[1].second);
	assert_ptr_equal(list_next(&l, &things[1].second), &things[2].second);
	assert_null(list_next(&l, &things[2].second));
}

/* Compares the ring, walked both ways, with a plain row. */
static void same(const struct list *l, struct thing *const *row, size_t count)
{
	const struct node *n = list_first(l);

	assert_int_equal(l->count, count);
	for (size_t i = 0; i < count; i++, n = list_next(l, n)) {
		assert_ptr_equal(n, &row[i]->first);
		assert_ptr_equal(n->next->prev, n);
		assert_ptr_equal(n->prev->next, n);
	}
	assert_null(n);
	assert_ptr_equal(list_last(l), count ? &row[count - 1]->first : NULL);
}

/* Appending and removing at the front, in the middle and at the end, at random. */
static void holds_what_a_row_holds(void **state)
{
	struct thing things[THINGS] = {{0}}, *row[THINGS];
	struct list l;
	size_t count = 0;

	(void)state;
	list_init(&l);
	for (int round = 0; round < 20000; round++) {
		struct thing *t = &things[rand() % THINGS];

		if (t->first.next) {
			size_t i = 0;

			while (row[i] != t)
				i++;
			memmove(row + i, row + i + 1, (--count - i) * sizeof *row);
			list_remove(&l, &t->first);
			assert_null(t->first.next);
			assert_null(t->first.prev);
		} else {
			row[count++] = t;
			list_append(&l, &t->first);
		}
		same(&l, row, count);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(starts_empty),
		cmocka_unit_test(keeps_the_order),
		cmocka_unit_test(holds_what_a_row_holds),
	};

	srand(1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

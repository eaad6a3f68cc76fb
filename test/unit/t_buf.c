/* SPDX-License-Identifier: MIT
 *
 * Does a buffer make all the room there is, and does no held byte ever change?
 */
#include "../../src/buf.h"
#include "block.h"

static struct buf make(uint32_t size)
{
	struct buf b;
	char *data = malloc(size);

	assert_non_null(data);
	buf_init(&b, data, size);
	return b;
}

static void in_order(const struct buf *b)
{
	assert_true(b->keep <= b->at);
	assert_true(b->at + b->ready <= b->end);
	assert_true(b->end <= b->size);
}

static void starts_empty(void **state)
{
	struct buf b = make(7);

	(void)state;
	assert_int_equal(buf_held(&b), 0);
	assert_int_equal(buf_raw(&b).len, 0);
	assert_true(buf_has_room(&b));
	assert_int_equal(buf_room(&b), 7);
	free(b.data);
}

struct row {
	const char *name;
	uint32_t keep, at, ready, end; /* of a buffer of ten bytes, "0123456789" */
	uint32_t room;                 /* what buf_room makes of it */
	const char *held;              /* in the end: kept bytes, '|', bytes not used up */
};

static const struct row rows[] = {
	{"all free", 0, 0, 0, 0, 10, "|"},
	{"some held", 0, 0, 2, 4, 6, "|0123"},
	{"full", 0, 0, 4, 10, 0, "|0123456789"},
	{"full and used up", 0, 10, 0, 10, 10, "|"},
	{"used up in the middle", 0, 5, 0, 5, 10, "|"},
	{"used up behind a head", 3, 5, 0, 5, 7, "012|"},
	{"nothing behind a head", 3, 3, 0, 3, 7, "012|"},
	{"held behind a head", 3, 3, 1, 6, 4, "012|345"},
	{"full behind a head", 3, 3, 7, 10, 0, "012|3456789"},
	{"half used up, room left: nothing moves", 0, 4, 1, 8, 2, "|4567"},
	{"half used up, no room left", 0, 4, 1, 10, 4, "|456789"},
	{"half used up behind a head", 3, 8, 2, 10, 5, "012|89"},
	{"one byte left", 3, 9, 0, 10, 6, "012|9"},
	{"head fills it all", 10, 10, 0, 10, 0, "0123456789|"},
};

static void makes_room(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct row *row = &rows[i];
		struct buf b = make(10);
		struct text told = block_text(11);

		memcpy(b.data, "0123456789", 10);
		b.keep = row->keep, b.at = row->at, b.ready = row->ready, b.end = row->end;
		/* a head that leaves no place at all is the one case that has_room calls room */
		if (row->keep < 10)
			assert_int_equal(buf_has_room(&b), row->room > 0);
		assert_int_equal(buf_room(&b), row->room);
		in_order(&b);
		assert_int_equal(b.ready, row->ready);
		text_add(&told, b.data, b.keep);
		text_char(&told, '|');
		text_add(&told, b.data + b.at, buf_held(&b));
		block_same(text_span(&told), row->held, row->name);
		free(told.at);
		free(b.data);
	}
}

static void takes_payload_only(void **state)
{
	struct buf b = make(10);

	(void)state;
	memcpy(b.data, "0123456789", 10);
	b.end = 8;
	b.ready = 5;
	block_same(buf_raw(&b), "567", "raw");
	buf_take(&b, 2);
	assert_int_equal(b.ready, 3);
	assert_int_equal(buf_held(&b), 6);
	block_same(buf_raw(&b), "567", "raw after a take");
	buf_take(&b, 3);
	assert_int_equal(b.ready, 0);
	block_same(buf_raw(&b), "567", "raw after all was taken");
	free(b.data);
}

static void restarts(void **state)
{
	struct buf b = make(10);

	(void)state;
	memcpy(b.data, "0123456789", 10);
	b.keep = 3, b.at = 6, b.ready = 0, b.end = 10;
	buf_restart(&b);
	assert_int_equal(b.keep, 0);
	assert_int_equal(b.at, 0);
	block_same(buf_raw(&b), "6789", "restart");
	b.at = 4;
	buf_restart(&b);
	assert_int_equal(buf_held(&b), 0);
	assert_int_equal(buf_room(&b), 10);
	free(b.data);
}

/* What goes in comes out, in order, whatever sizes it is taken in. */
static void is_a_pipe(void **state)
{
	(void)state;
	for (uint32_t size = 1; size < 40; size++) {
		struct buf b = make(size + 3);
		unsigned char next_in = 0, next_out = 0;

		memcpy(b.data, "abc", 3); /* a head */
		b.keep = b.at = b.end = 3;
		for (int round = 0; round < 500; round++) {
			uint32_t room = buf_room(&b), n;

			assert_int_equal(room == 0, !buf_has_room(&b));
			assert_true(room <= size - buf_held(&b));
			n = (uint32_t)rand() % (room + 1);
			for (uint32_t i = 0; i < n; i++)
				b.data[b.end++] = (char)next_in++;
			b.ready += (uint32_t)rand() % (buf_held(&b) - b.ready + 1);
			n = (uint32_t)rand() % (b.ready + 1);
			for (uint32_t i = 0; i < n; i++)
				assert_int_equal((unsigned char)b.data[b.at + i], next_out++);
			buf_take(&b, n);
			in_order(&b);
			assert_int_equal((unsigned char)(next_in - next_out), (unsigned char)buf_held(&b));
		}
		assert_memory_equal(b.data, "abc", 3);
		free(b.data);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(starts_empty),
		cmocka_unit_test(makes_room),
		cmocka_unit_test(takes_payload_only),
		cmocka_unit_test(restarts),
		cmocka_unit_test(is_a_pipe),
	};

	srand(1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * arena - where does all of a configuration live, until it goes as a whole?
 *
 * Used at start and at a reload only. Reading a configuration allocates in a
 * hundred places; one long jump to the reader's beginning answers for all of
 * them, so that a reload without memory costs the reload and nothing else.
 */
#include "config_arena.h"
#include <stdalign.h>
#include <stdlib.h>

enum { ARENA_BLOCK = 4000 }; /* most configurations need a few */

struct arena_block {
	struct arena_block *before;
	size_t used, size;
	alignas(max_align_t) char at[];
};

struct arena *arena_open(size_t most)
{
	struct arena *a = calloc(1, sizeof *a);

	if (a)
		a->left = most;
	return a;
}

static void arena_grow(struct arena *a, size_t size)
{
	struct arena_block *b = NULL;

	if (size < ARENA_BLOCK)
		size = ARENA_BLOCK;
	if (size <= a->left)
		b = calloc(1, sizeof *b + size);
	if (!b)
		longjmp(a->none, 1);
	a->left -= size;
	b->size = size;
	b->before = a->last;
	a->last = b;
}

void *arena_take(struct arena *a, size_t size)
{
	size_t step = alignof(max_align_t);
	void *at;

	if (size > a->left + ARENA_BLOCK)
		longjmp(a->none, 1);
	size = (size + step - 1) / step * step;
	if (!a->last || size > a->last->size - a->last->used)
		arena_grow(a, size);
	at = a->last->at + a->last->used;
	a->last->used += size;
	return at;
}

struct span arena_span(struct arena *a, struct span s)
{
	char *at = arena_take(a, s.len + 1);

	if (s.len)
		memcpy(at, s.at, s.len);
	return span_of(at, s.len);
}

const char *arena_format(struct arena *a, const char *format, ...)
{
	char room[255];
	struct text t = text_in(room, sizeof room);
	va_list list;

	va_start(list, format);
	text_values(&t, format, list);
	va_end(list);
	return arena_span(a, text_span(&t)).at;
}

void arena_close(struct arena *a)
{
	struct arena_block *b = a ? a->last : NULL;

	while (b) {
		struct arena_block *before = b->before;

		span_wipe(b->at, b->used);
		free(b);
		b = before;
	}
	if (a)
		free(a->spare);
	free(a);
}

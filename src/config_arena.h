/* SPDX-License-Identifier: MIT
 *
 * arena - where does all of a configuration live, until it goes as a whole?
 */
#ifndef CONFIG_ARENA_H
#define CONFIG_ARENA_H

#include "text.h"
#include <setjmp.h>

struct arena_block;

struct arena {
	struct arena_block *last;
	size_t left; /* bytes in all that may still be taken from the system */
	void *spare; /* from malloc, for what is not secret and may be large: goes when the arena does, or earlier */
	jmp_buf none; /* arena_take goes there when there is no memory: to be set before the first one */
};

/* NULL: no memory. */
struct arena *arena_open(size_t most);
/* Zeroed and aligned for anything. Does not come back when there is no memory. */
void *arena_take(struct arena *a, size_t size);
/* A copy, with a zero behind it. */
struct span arena_span(struct arena *a, struct span s);
/* As text_format, at most 255 bytes, zero-ended. */
const char *arena_format(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Wipes all of it first: there are private keys in a configuration. */
void arena_close(struct arena *a);

#define ARENA_NEW(a, type) ((type *)arena_take((a), sizeof(type)))
#define ARENA_ROW(a, type, count) ((type *)arena_take((a), (count) * sizeof(type)))

#endif

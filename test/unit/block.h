/* SPDX-License-Identifier: MIT
 *
 * block - inputs in heap blocks of exactly their size, so that ASan sees one
 * byte too many; and texts to compare with.
 */
#ifndef BLOCK_H
#define BLOCK_H

#include "../../src/text.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* A copy that ends where its bytes end; free(block.at) when done. */
static inline struct span block_of(struct span s)
{
	char *at = malloc(s.len ? s.len : 1);

	assert_non_null(at);
	if (s.len)
		memcpy(at, s.at, s.len);
	return span_of(at, s.len);
}

static inline void block_free(struct span s)
{
	free((void *)(uintptr_t)s.at);
}

/* A text over a heap block of exactly this size. */
static inline struct text block_text(size_t size)
{
	char *at = malloc(size ? size : 1);

	assert_non_null(at);
	return text_in(at, size);
}

static inline void block_same(struct span got, const char *want, const char *of)
{
	if (!span_is(got, span_str(want)))
		fail_msg("of \"%s\": got \"%.*s\", not \"%s\"", of, (int)got.len, got.at, want);
}

#define COUNT(array) (sizeof(array) / sizeof *(array))

#endif

/* SPDX-License-Identifier: MIT
 *
 * frame_bytes - heads of both kinds as bytes: how they come in, and go out again.
 */
#ifndef FRAME_BYTES_H
#define FRAME_BYTES_H

#include "../../src/head.h"
#include "check.h"

/* In pieces of `step` bytes; each in a block that ends where the bytes do. */
static inline size_t end_of(const uint8_t *at, size_t len, size_t step)
{
	size_t seen = 0, n = 0;
	for (size_t have = 0; n == 0 && have < len;) {
		have = len - have > step ? have + step : len;
		char *block = malloc(have);
		memcpy(block, at, have);
		n = head_end(block, have, &seen);
		CHECK(n <= have);
		free(block);
	}
	return n;
}

/* It lies inside the head and holds what a line may hold. */
static inline void check_span(const struct head *h, struct span s)
{
	CHECK(s.at >= h->base && s.at + s.len <= h->base + h->len);
	for (size_t i = 0; i < s.len; i++)
		CHECK((uint8_t)s.at[i] >= 0x20 ? s.at[i] != 0x7f : s.at[i] == '\t');
}

static inline size_t put(char *out, size_t n, struct span s)
{
	if (s.len)
		memcpy(out + n, s.at, s.len);
	return n + s.len;
}

#endif

/* SPDX-License-Identifier: MIT
 *
 * flow_parts - what the sources of flow know of each other
 *
 * For flow*.c alone.
 */
#ifndef FLOW_PARTS_H
#define FLOW_PARTS_H

#include "flow.h"

enum { FLOW_ROUNDS = 8 };

extern const char flow_last_chunk[]; /* CRLF, the last chunk: what stands behind a run, and the end */

/* Of a flow from the cache: the same as flow_step and flow_wants_out. */
enum flow_result flow_stored_step(struct flow *f);
bool flow_stored_wants_out(const struct flow *f);
/* There is payload, may it go or not. */
bool flow_stored_is_there(const struct flow *f);

/* Of so many bytes, those that may go. */
static inline uint32_t flow_may(const struct flow *f, uint32_t len)
{
	return f->budget < len ? (uint32_t)f->budget : len;
}

static inline void flow_write_size(struct flow *f, uint32_t size)
{
	char digits[8];
	unsigned count = 0;

	do
		digits[count++] = "0123456789abcdef"[size & 15];
	while (size >>= 4);
	f->line_at = f->line_end = 0;
	while (count)
		f->line[f->line_end++] = digits[--count];
	f->line[f->line_end++] = '\r';
	f->line[f->line_end++] = '\n';
}

static inline size_t flow_used(size_t *sent, size_t len)
{
	size_t n = *sent < len ? *sent : len;

	*sent -= n;
	return n;
}

/* The same for a span, which loses what was sent of it. */
static inline size_t flow_used_span(size_t *sent, struct span *s)
{
	size_t n = flow_used(sent, s->len);

	if (n)
		*s = span_of(s->at + n, s->len - n);
	return n;
}

#endif

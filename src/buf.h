/* SPDX-License-Identifier: MIT
 *
 * buf - what came in and was not used up yet?
 *
 *   0 ........ keep ........ at ......... at + ready ........ end ...... size
 *     held: a     used up       payload,         as it came        room
 *     head that   (free to      ready to go on
 *     spans see   be moved over)
 *
 * Always keep <= at, at + ready <= end <= size. Bytes before keep never move.
 */
#ifndef BUF_H
#define BUF_H

#include "span.h"

struct buf {
	char *data;
	uint32_t size;
	uint32_t keep;
	uint32_t at;
	uint32_t ready;
	uint32_t end;
};

static inline void buf_init(struct buf *b, char *data, uint32_t size)
{
	*b = (struct buf){.data = data, .size = size};
}

/* Bytes that are not used up, payload and raw. */
static inline uint32_t buf_held(const struct buf *b)
{
	return b->end - b->at;
}

/* Puts a zero behind the last byte: data has one byte more than size for it. */
static inline void buf_seal(struct buf *b)
{
	b->data[b->end] = 0;
}

/* The bytes as they came, behind the payload. */
static inline struct span buf_raw(const struct buf *b)
{
	return span_of(b->data + b->at + b->ready, b->end - b->at - b->ready);
}

/* Room behind end; makes some by moving what is held down to keep when there is none. */
static inline uint32_t buf_room(struct buf *b)
{
	if (b->at == b->end) {
		b->at = b->end = b->keep;
	} else if (b->end == b->size && b->at > b->keep) {
		memmove(b->data + b->keep, b->data + b->at, b->end - b->at);
		b->end -= b->at - b->keep;
		b->at = b->keep;
	}
	return b->size - b->end;
}

/* Is there room, or could there be? Moves nothing. */
static inline bool buf_has_room(const struct buf *b)
{
	return b->end < b->size || b->at > b->keep || b->at == b->end;
}

/* len bytes of payload have gone. */
static inline void buf_take(struct buf *b, uint32_t len)
{
	b->at += len;
	b->ready -= len;
}

/* Forgets keep: what is not used up moves to the front. */
static inline void buf_restart(struct buf *b)
{
	uint32_t held = buf_held(b);

	if (held)
		memmove(b->data, b->data + b->at, held);
	b->keep = b->at = b->ready = 0;
	b->end = held;
}

#endif

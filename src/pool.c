/* SPDX-License-Identifier: MIT
 *
 * pool - who has which fixed block?
 *
 * Blocks [0, fresh) were lent at least once; those of them that are not out
 * now form the list that begins at `free`. Blocks [fresh, count) are untouched.
 */
#include "pool.h"

#define ALIGN ((size_t)16)

/* From one block to the next; also holds the link of a free one. */
static size_t stride(size_t size)
{
	return size > SIZE_MAX - ALIGN ? SIZE_MAX : size ? (size + ALIGN - 1) / ALIGN * ALIGN : ALIGN;
}

size_t pool_bytes(size_t size, uint32_t count)
{
	size_t step = stride(size);

	if (count && step > SIZE_MAX / count)
		return SIZE_MAX; /* more than there can be: whoever asks for it gets none */
	return step * count;
}

void pool_init(struct pool *p, void *memory, size_t size, uint32_t count)
{
	*p = (struct pool){.memory = memory, .size = stride(size), .count = count};
}

void *pool_borrow(struct pool *p)
{
	void *block = p->free;

	if (block)
		p->free = *(void **)block;
	else if (p->fresh < p->count)
		block = p->memory + p->size * p->fresh++;
	else
		return NULL;
	p->lent++;
	return block;
}

void pool_return(struct pool *p, void *block)
{
	*(void **)block = p->free;
	p->free = block;
	p->lent--;
}

/* SPDX-License-Identifier: MIT
 *
 * pool - who has which fixed block?
 *
 * Blocks of one size in one piece of memory that the caller gives, zeroed and
 * aligned to 16. The block returned last is lent first (it is warm), and a
 * block never lent is never touched, so that memory nobody needs costs no
 * page. A block's content is whatever its last borrower left, except that its
 * first pointer's worth of bytes is the pool's while it is free.
 */
#ifndef POOL_H
#define POOL_H

#include <stddef.h>
#include <stdint.h>

struct pool {
	char *memory;
	void *free;     /* last returned block; each one points to the next */
	size_t size;    /* bytes from one block to the next */
	uint32_t count; /* blocks in all */
	uint32_t fresh; /* blocks from here on were never lent */
	uint32_t lent;  /* blocks out now */
};

/* What pool_init needs, in bytes. */
size_t pool_bytes(size_t size, uint32_t count);
void pool_init(struct pool *p, void *memory, size_t size, uint32_t count);
/* NULL when all are lent. */
void *pool_borrow(struct pool *p);
void pool_return(struct pool *p, void *block);

/* Is it a block of this pool? */
static inline int pool_owns(const struct pool *p, const void *block)
{
	return (const char *)block >= p->memory && (const char *)block < p->memory + p->size * p->count;
}

#endif

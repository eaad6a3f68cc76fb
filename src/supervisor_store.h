/* SPDX-License-Identifier: MIT
 *
 * supervisor_store - in which memory does a configuration keep answers?
 *
 * The arena of the cache outlives reloads as long as it fits what is configured.
 * One that does not is replaced, and stays until the last generation that uses it
 * is gone.
 */
#ifndef SUPERVISOR_STORE_H
#define SUPERVISOR_STORE_H

#include "cache.h"
#include "config.h"

struct store {
	struct store *next;
	struct cache *cache;     /* shared with the workers */
	size_t size;
	uint32_t slots, readers; /* it was made for so many */
	unsigned char *seen;     /* for cache_check; NULL: there was no memory for that */
	int users;               /* generations */
};

/* The store of one more generation, beside which so many workers are busy: the one that serves until then (NULL: none does) if it
 * fits, else a new one. NULL, and if that is not what was configured, why is in *error.
 * No other one is taken up again: in the meantime it has not heard what became invalid. */
struct store *store_open(struct store **all, struct store *serving, const struct config *c, uint32_t busy, struct text *error);
/* One generation less; the last one frees it. NULL is fine. */
void store_close(struct store **all, struct store *s);
/* The worker that had this slot of share is gone. NULL is fine. */
void store_leave(struct store *s, int slot, long pid);
/* In a child: what is not its own is no longer to be seen. own: NULL for none. */
void store_forget(struct store *all, const struct store *own);

#endif

/* SPDX-License-Identifier: MIT
 *
 * worker - the poll loop: what runs, and when?
 */
#ifndef WORKER_H
#define WORKER_H

#include "cache.h"
#include "config.h"
#include "log.h"
#include "share.h"

/* What the supervisor gives a worker; all of it is made before the fork. */
struct worker_given {
	const struct config *config;
	struct share *share;
	int slot;             /* in share */
	struct cache *cache;  /* NULL: there is none */
	const int *listeners; /* descriptors, one for each config->listeners */
	int control;          /* pair to the supervisor: one datagram a command, see below */
	int offload;          /* pair to the offload process for names */
	int passwords;        /* pair to the one for passwords; -1: there is none */
	struct log *access;
	struct log *error;
};

/* Supervisor to worker. Its end of the pair closed means WORKER_QUIT. */
enum { WORKER_DRAIN = 'd' /* drain_timeout is left */, WORKER_RETIRE = 'o' /* reload_timeout is */, WORKER_QUIT = 'q', WORKER_ACCESS_LOG = 'a' /* with a descriptor */, WORKER_ERROR_LOG = 'e' /* with one */ };
/* Worker to supervisor, once, when it is about to accept. */
enum { WORKER_READY = 'r' };

/* What one worker allocates with this configuration, before it accepts: the
 * number of terms (at most room are written). Their sum is all it ever takes. */
struct memory_term {
	const char *what;
	size_t count, size; /* bytes = count * size */
};
size_t worker_memory(const struct config *c, struct memory_term *terms, size_t room);

/* So many readers of the cache (cache.h) may one worker have at a time. */
static inline uint32_t worker_cache_readers(const struct config *c)
{
	return 2 * (c->requests + GW_ERRANDS);
}

/* Runs until drained or told to quit; returns the exit status of the process. */
int worker_run(const struct worker_given *given);

#endif

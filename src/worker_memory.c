/* SPDX-License-Identifier: MIT
 *
 * worker_memory - what does a worker take, and how is it cut up?
 */
#include "worker_parts.h"

/* A route that keeps answers may fetch some without a client. */
static size_t errands(const struct config *c)
{
	return c->cache ? GW_ERRANDS : 0;
}

static size_t watch_count(const struct config *c)
{
	return 8 + c->listener_count + 2 * (size_t)c->requests + c->clients + backend_links(c) + errands(c);
}

enum { OWN_TERMS = 9, TERMS = OWN_TERMS + TLS_TERMS };

size_t worker_memory(const struct config *c, struct memory_term *terms, size_t room)
{
	const struct memory_term own[OWN_TERMS] = {
		{"connections from clients", c->clients, pool_bytes(sizeof(struct conn), 1)},
		{"requests with their buffers", c->requests, pool_bytes(exchange_bytes(c), 1)},
		{"links to servers", backend_links(c), pool_bytes(sizeof(struct upstream), 1)},
		{"servers", c->server_count, sizeof(struct peer)},
		{"targets", c->target_count, sizeof(int32_t)},
		{"watched descriptors", watch_count(c), sizeof(struct watch) + sizeof(void *)},
		{"readers of the cache", c->cache ? worker_cache_readers(c) : 0, sizeof(uint32_t)},
		{"errands for the cache", errands(c), pool_bytes(exchange_bytes(c), 1)},
		{"their connections", errands(c), pool_bytes(sizeof(struct conn), 1)},
	};
	struct tls_term tls[TLS_TERMS];

	tls_terms(&c->tls, tls);
	for (size_t i = 0; i < OWN_TERMS + TLS_TERMS && i < room; i++)
		terms[i] = i < OWN_TERMS ? own[i] : (struct memory_term){tls[i - OWN_TERMS].what, tls[i - OWN_TERMS].count, tls[i - OWN_TERMS].size};
	return OWN_TERMS + TLS_TERMS;
}

enum { ALIGN = 64 };

static size_t aligned(size_t bytes)
{
	return (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

/* All memory in one piece, cut up in the order of the terms. */
bool worker_allocate(struct worker *w)
{
	const struct config *c = w->given->config;
	struct memory_term terms[TERMS];
	size_t count = worker_memory(c, terms, TERMS), sum = 0;
	char *at[TERMS], *memory;

	for (size_t i = 0; i < count; i++)
		sum += aligned(terms[i].count * terms[i].size);
	memory = platform_memory(sum, false);
	if (!memory)
		return false;
	for (size_t i = 0; i < count; i++) {
		at[i] = memory;
		memory += aligned(terms[i].count * terms[i].size);
	}
	pool_init(&w->conns, at[0], sizeof(struct conn), c->clients);
	pool_init(&w->exchanges, at[1], exchange_bytes(c), c->requests);
	backend_init(&w->env.backend, c, w->given->error, w->given->offload, w->park, at[3], at[4], at[2]);
	w->watches = (struct watch *)(void *)at[5];
	w->owners = (void **)(void *)(w->watches + watch_count(c));
	w->env.readers = (uint32_t *)(void *)at[6];
	pool_init(&w->errands, at[7], exchange_bytes(c), (uint32_t)errands(c));
	pool_init(&w->errand_conns, at[8], sizeof(struct conn), (uint32_t)errands(c));
	return terms[OWN_TERMS].count == 0 || worker_open_tls(w, (void **)at + OWN_TERMS);
}

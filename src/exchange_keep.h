/* SPDX-License-Identifier: MIT
 *
 * exchange_keep - what the files about the cache ask of each other
 */
#ifndef EXCHANGE_KEEP_H
#define EXCHANGE_KEEP_H

#include "exchange_parts.h"

enum {
	KEEP_OTHERS = 2048, /* bytes of a key besides the URL and who asks */
	KEEP_VARY = 1024, /* bytes of what a Vary asks for that are looked at */
	KEEP_LATE_MS = 250, /* whether a slow reader holds up others is looked at so often */
	KEEP_LOOK_MS = 10 /* what other workers write is looked at so often */
};

/* exchange_keep.c */
/* Begins r.keep. */
struct keep *keep_begin(struct exchange *x);
/* A number for a pin or a fill: each exchange has two at most, and there are so many. */
uint32_t keep_reader(struct env *env);
void keep_return_reader(struct env *env, uint32_t reader);
void keep_unpin(struct exchange *x);
/* What it writes is not going to be whole, or not to be stored. */
void keep_end_fill(struct exchange *x, enum cache_state how);
/* What is pinned is to be validated: by what it has to be recognised by. */
void keep_set_conditions(struct exchange *x);
/* The head text of what is pinned: where a server's answer would stand. */
struct span keep_head(struct exchange *x);

/* exchange_key.c */
/* The key under which its answer is stored, in out; out->full: it is too long to be. */
struct cache_key keep_key(struct exchange *x, struct text *out);
/* May a cache have a say in this request? What must not change an answer that others get, but
 * goes up all the same, keeps it from them. */
bool keep_is_plain(const struct exchange *x);
/* enum fresh_asker */
uint8_t keep_asker(struct exchange *x);
/* The server gets the host as the key has it. */
void keep_one_host(struct exchange *x);
/* What the key and the server get of the query. */
void keep_reduce_query(struct exchange *x);
/* A host in one spelling (RFC 9110 4.2.3): lower case, and no port where the scheme says it.
 * out->full: it is none. */
void keep_write_host(struct text *out, struct span scheme, struct span host);
/* "https://host", and the whole URL. Of a GET that may be cached the host has that spelling already. */
void keep_write_origin(struct text *out, const struct exchange *x);
void keep_write_url(struct text *out, const struct exchange *x);

/* exchange_void.c */
/* An unsafe method has been answered without an error (RFC 9111 4.4). */
void keep_invalidate(struct exchange *x);

#endif

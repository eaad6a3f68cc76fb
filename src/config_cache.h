/* SPDX-License-Identifier: MIT
 *
 * cache - what is kept of a route's answers?
 */
#ifndef CONFIG_CACHE_H
#define CONFIG_CACHE_H

#include "config_tls.h"

/* Before anybody has spoken: nothing is kept. */
struct cache_rule cache_standard(void);
/* Bytes of the whole cache; said once. */
uint64_t cache_size(struct draft *d);
/* What `own` says goes over what is in *rule; called once for each level. size: of the whole cache. */
void cache_inherit(struct draft *d, struct cache_rule *rule, const struct level *own, uint64_t size);
/* The rule of a route whose targets, conditions, edits and auth are built, with its identity.
 * wish: how its https servers are known. NULL: it keeps nothing. */
const struct cache_rule *cache_of(struct faults *f, const struct cache_rule *rule, const struct route *r, const struct tls_wish *wish);
/* Warns of what this level says about a cache that no route in it has. */
void cache_warn(struct faults *f, const struct level *own);
/* Does one of these routes keep anything? */
bool cache_is_kept(const struct route *routes, size_t count);
/* After all routes: there is no cache if none keeps anything, and whoever said how large it is hears that. */
void cache_settle(struct draft *d, struct config *c);

#endif

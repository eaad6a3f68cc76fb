/* SPDX-License-Identifier: MIT
 *
 * print - the parts of what `gateway check` prints
 */
#ifndef CONFIG_PRINT_H
#define CONFIG_PRINT_H

#include "config.h"

/* Who shows what, and how long still; nothing when no site answers on TLS. */
void print_certs(const struct config *c, struct text *out);
/* "open", "restricted, password (auth=family require=alice), limit=10/s burst=10", ... */
void print_access(const struct options *o, struct text *out);
/* The end of that, behind `before`; nothing where there is no limit. */
void print_limits(const struct options *o, struct text *out, const char *before);
/* ", cache=10m,force"; nothing for NULL. */
void print_cache(const struct cache_rule *rule, struct text *out);
/* "kept as the server says, else 10m; ...": all of it, for people. */
void print_cache_words(const struct cache_rule *rule, struct text *out);
/* As a size is written in a configuration: "64k". */
void print_size(struct text *out, uint64_t bytes);
/* Which [users] are asked for somewhere, and how many each has. */
void print_users(const struct config *c, struct text *out);

#endif

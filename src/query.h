/* SPDX-License-Identifier: MIT
 *
 * query - which parameters of a query count?
 *
 * Names and values are compared as they stand; nothing is decoded.
 */
#ifndef QUERY_H
#define QUERY_H

#include "text.h"

enum { QUERY_SORTED = 64 }; /* with more parameters than this, all stay in their order */

/* Writes the query ("?a=1&b=2", or empty) without the parameters that are named in drop
 * ("utm_*": any that begin so; else the whole name), with sort ordered by name, those of
 * the same name in their old order. Nothing left: nothing is written, not even '?'. An empty
 * query that was there ("?") stays unless something was dropped from it. What is
 * written is never longer than what was given. */
void query_reduce(struct text *out, struct span query, const struct span *drop, size_t drop_count, bool sort);

#endif

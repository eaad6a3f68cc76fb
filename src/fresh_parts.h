/* SPDX-License-Identifier: MIT
 *
 * fresh_parts - what the files of fresh tell each other.
 */
#ifndef FRESH_PARTS_H
#define FRESH_PARTS_H

#include "fresh.h"

/* --- directives (fresh_control.c) ------------------------------------------------- */

enum fresh_word {
	WORD_OTHER,
	WORD_IMMUTABLE,
	WORD_MAX_AGE,
	WORD_MAX_STALE,
	WORD_MIN_FRESH,
	WORD_MUST_REVALIDATE,
	WORD_MUST_UNDERSTAND,
	WORD_NO_CACHE,
	WORD_NO_STORE,
	WORD_ONLY_IF_CACHED,
	WORD_PRIVATE,
	WORD_PROXY_REVALIDATE,
	WORD_PUBLIC,
	WORD_S_MAXAGE,
	WORD_STALE_ERROR,
	WORD_STALE_WHILE,
	WORDS
};
enum fresh_word fresh_word(struct span name);

enum { FRESH_NAMES = 4 }; /* lists of field names kept; more of them: none of the response is stored */

/* What a response says of caches, be it in Cache-Control or in CDN-Cache-Control. */
struct fresh_control {
	int32_t max_age, s_maxage, stale_while, stale_error; /* -1: not said */
	bool targeted;   /* CDN-Cache-Control said it: Cache-Control and Expires count for nothing */
	bool no_store, no_cache, private_all, public_all;
	bool must_revalidate, proxy_revalidate, must_understand, immutable;
	bool shared;     /* it allows a shared cache to answer requests with Authorization (RFC 9111 3.5) */
	uint8_t count;
	struct span names[FRESH_NAMES]; /* of no-cache="..." and private="...": token lists */
};
void fresh_control(struct fresh_control *c, const struct head *answer);
/* False, and *c is as if nothing was said: no CDN-Cache-Control, an empty or a malformed one (RFC 9213 2.1). */
bool fresh_targeted(struct fresh_control *c, const struct head *answer);
void fresh_control_none(struct fresh_control *c);
/* A list of field names, nothing else, and at least one. */
bool fresh_is_names(struct span list);
/* Digits as seconds, at most FRESH_LONG; -1: they are not digits. */
int32_t fresh_seconds(struct span digits);

/* --- validators (fresh_part.c) ------------------------------------------------------ */

/* An entity-tag (RFC 9110 8.8.3)? */
bool fresh_is_etag(struct span s);

/* --- Vary (fresh_vary.c) -------------------------------------------------------------- */

/* Does it say * or something that we cannot compare, or name what gateway writes of the client itself? */
bool fresh_vary_forbids(const struct head *answer);

/* --- fields ------------------------------------------------------------------------------ */

/* The next field with this id; *at is 0 before the first. */
static inline bool fresh_next(const struct head *h, enum field_id id, unsigned *at, struct span *value)
{
	unsigned n = h->first[id];

	if (*at) {
		if (!(h->many >> id & 1))
			return false;
		for (n = *at + 1; n <= h->count && h->fields[n - 1].id != id; n++)
			;
	}
	if (n == 0 || n > h->count)
		return false;
	*at = n;
	*value = head_value(h, n - 1);
	return true;
}

/* The value of a field that is there once; empty when there is none, or several. */
static inline struct span fresh_single(const struct head *h, enum field_id id)
{
	return h->many >> id & 1 ? span_of(NULL, 0) : head_get(h, id);
}

#endif

/* SPDX-License-Identifier: MIT
 *
 * span - how do we look at bytes we do not own?
 *
 * A span never owns; it dies with the next call on its source. Letters are
 * ASCII whatever the locale says.
 */
#ifndef SPAN_H
#define SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
	const char *at;
	size_t len;
};

#define SPAN(literal) ((struct span){(literal), sizeof(literal) - 1})

static inline struct span span_of(const char *at, size_t len)
{
	return (struct span){at, len};
}

static inline struct span span_str(const char *zero_ended)
{
	return (struct span){zero_ended, strlen(zero_ended)};
}

static inline bool span_is(struct span a, struct span b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

static inline char span_lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

static inline bool span_is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Equal but for the case of ASCII letters. */
bool span_same(struct span a, struct span b);
/* As memcmp; of two that begin alike the shorter one comes first. */
int span_order(struct span a, struct span b);
bool span_starts(struct span whole, struct span start);
bool span_starts_same(struct span whole, struct span start);
bool span_ends_same(struct span whole, struct span end);
/* Position of c, or whole.len. */
size_t span_find(struct span whole, char c);
/* Without SP and HTAB at both ends (OWS, RFC 9110 5.6.3). */
struct span span_trim(struct span s);
/* Cuts everything before the first c off *rest and returns it; c goes too.
 * Without c, all of *rest. */
struct span span_cut(struct span *rest, char c);
/* The next member of a comma-separated list (RFC 9110 5.6.1), trimmed; commas
 * inside quoted strings do not separate; empty members are passed over. False
 * at the end of the list. */
bool span_item(struct span *list, struct span *item);
/* Digits only, at least one, no overflow of 64 bits. */
bool span_number(struct span digits, uint64_t *value);
/* A token (RFC 9110 5.6.2): at least one tchar, nothing else. */
bool span_is_token(struct span s);
/* Value of a hex digit, or -1. */
int span_hex(char c);
/* Zeroes a secret that nobody will read again, which memset may leave undone. */
void span_wipe(void *at, size_t len);

#endif

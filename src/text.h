/* SPDX-License-Identifier: MIT
 *
 * text - how do we write bytes into a place of fixed size?
 *
 * Nothing is ever written past size; what does not fit sets full, and stays
 * set, so that the caller asks once at the end. No byte is a final zero.
 */
#ifndef TEXT_H
#define TEXT_H

#include "span.h"
#include <stdarg.h>

struct text {
	char *at;
	size_t len;
	size_t size;
	bool full;
};

static inline struct text text_in(char *at, size_t size)
{
	return (struct text){at, 0, size, false};
}

static inline struct span text_span(const struct text *t)
{
	return (struct span){t->at, t->len};
}

static inline void text_add(struct text *t, const char *at, size_t len)
{
	if (len > t->size - t->len) {
		t->full = true;
		return;
	}
	memcpy(t->at + t->len, at, len);
	t->len += len;
}

static inline void text_span_add(struct text *t, struct span s)
{
	if (s.len)
		text_add(t, s.at, s.len);
}

/* For string literals. */
#define text_lit(t, literal) text_add((t), (literal), sizeof(literal) - 1)

static inline void text_char(struct text *t, char c)
{
	text_add(t, &c, 1);
}

void text_str(struct text *t, const char *zero_ended);
void text_number(struct text *t, uint64_t value);
/* Lower-case hex without leading zeros. */
void text_hex(struct text *t, uint64_t value);
/* Text for HTML: & < > " ' as references. */
void text_html(struct text *t, struct span s);
/* Text for a log line in quotes: " \ and bytes outside 0x20..0x7e as \xHH. */
void text_quoted(struct text *t, struct span s);
/* Text for a JSON string, without its quotes; bytes over 0x7e as \u00HH. */
void text_json(struct text *t, struct span s);
/* Base64 without padding (RFC 4648 4 and 5); last: what stands for 62 and 63. */
#define TEXT_BASE64 "+/"
#define TEXT_BASE64_URL "-_"
void text_base64(struct text *t, struct span bytes, const char last[2]);
/* Value of one character, or -1. */
int text_sextet(char c, const char last[2]);
/* The bytes back. False: other characters, or bits that are not zero behind the last
 * byte: every byte string has one spelling. What was added until then stays. */
bool text_from_base64(struct text *t, struct span s, const char last[2]);
/* Like printf, for start-up and messages, not for the hot path: %s, %.*s, and %d, %u,
 * %x with l, ll or z; a width may stand before them, and '-' or 0 before that. All of it or nothing. */
void text_format(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same, as much as there is room for. */
void text_values(struct text *t, const char *format, va_list list) __attribute__((format(printf, 2, 0)));
/* part / whole with one digit behind the point. */
void text_tenths(struct text *t, uint64_t part, uint64_t whole);

#endif

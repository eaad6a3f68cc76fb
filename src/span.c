/* SPDX-License-Identifier: MIT
 *
 * span - how do we look at bytes we do not own?
 *
 * No span is dereferenced or moved when it is empty: {NULL, 0} is a span too.
 */
#include "span.h"

/* Equal but for bit 0x20, and then only where the other bits make a letter. */
static inline bool same_byte(char a, char b)
{
	unsigned char x = (unsigned char)a;
	unsigned char y = (unsigned char)b;
	unsigned char low = x | 0x20;

	return x == y || ((x ^ y) == 0x20 && low >= 'a' && low <= 'z');
}

static bool same_bytes(const char *a, const char *b, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!same_byte(a[i], b[i]))
			return false;
	return true;
}

int span_order(struct span a, struct span b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int order = len ? memcmp(a.at, b.at, len) : 0;

	if (order == 0 && a.len != b.len)
		order = a.len < b.len ? -1 : 1;
	return order;
}

bool span_same(struct span a, struct span b)
{
	return a.len == b.len && same_bytes(a.at, b.at, a.len);
}

bool span_starts(struct span whole, struct span start)
{
	return start.len == 0 || (start.len <= whole.len && memcmp(whole.at, start.at, start.len) == 0);
}

bool span_starts_same(struct span whole, struct span start)
{
	return start.len <= whole.len && same_bytes(whole.at, start.at, start.len);
}

bool span_ends_same(struct span whole, struct span end)
{
	return end.len == 0 || (end.len <= whole.len && same_bytes(whole.at + (whole.len - end.len), end.at, end.len));
}

size_t span_find(struct span whole, char c)
{
	const char *found = whole.len ? memchr(whole.at, c, whole.len) : NULL;

	return found ? (size_t)(found - whole.at) : whole.len;
}

struct span span_trim(struct span s)
{
	while (s.len && span_is_blank(s.at[0])) {
		s.at++;
		s.len--;
	}
	while (s.len && span_is_blank(s.at[s.len - 1]))
		s.len--;
	return s;
}

/* Drops the first n bytes. */
static inline void skip(struct span *s, size_t n)
{
	if (n) {
		s->at += n;
		s->len -= n;
	}
}

struct span span_cut(struct span *rest, char c)
{
	size_t n = span_find(*rest, c);
	struct span front = span_of(rest->at, n);

	skip(rest, n < rest->len ? n + 1 : n);
	return front;
}

/* Bytes up to the next comma that separates, or all. A quoted string that is
 * not closed goes on to the end: nothing in it can pass for a member. */
static size_t item_length(struct span list)
{
	bool quoted = false;
	size_t i;

	for (i = 0; i < list.len; i++) {
		char c = list.at[i];

		if (c == '"')
			quoted = !quoted;
		else if (c == '\\' && quoted && i + 1 < list.len)
			i++;
		else if (c == ',' && !quoted)
			break;
	}
	return i;
}

bool span_item(struct span *list, struct span *item)
{
	while (list->len) {
		size_t n = item_length(*list);

		*item = span_trim(span_of(list->at, n));
		skip(list, n < list->len ? n + 1 : n);
		if (item->len)
			return true;
	}
	return false;
}

bool span_number(struct span digits, uint64_t *value)
{
	uint64_t v = 0;

	if (digits.len == 0)
		return false;
	for (size_t i = 0; i < digits.len; i++) {
		unsigned d = (unsigned char)digits.at[i] - (unsigned)'0';

		if (d > 9 || v > UINT64_MAX / 10 || v * 10 > UINT64_MAX - d)
			return false;
		v = v * 10 + d;
	}
	*value = v;
	return true;
}

/* tchar, one bit a byte: ! # $ % & ' * + - . ^ _ ` | ~ DIGIT ALPHA */
static const uint32_t tchars[8] = {0, 0x03ff6cfa, 0xc7fffffe, 0x57ffffff};

bool span_is_token(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned c = (unsigned char)s.at[i];

		if (!(tchars[c >> 5] >> (c & 31) & 1))
			return false;
	}
	return s.len != 0;
}

int span_hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

void span_wipe(void *at, size_t len)
{
	memset(at, 0, len);
	__asm__ volatile("" : : "r"(at) : "memory");
}

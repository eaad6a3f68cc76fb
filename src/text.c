/* SPDX-License-Identifier: MIT
 *
 * text - how do we write bytes into a place of fixed size?
 *
 * The escapes share one loop: runs of harmless bytes are added whole, each
 * other byte becomes what the format's own function makes of it.
 */
#include "text.h"
#include <stdarg.h>
#include <stdio.h>

static const char digits[] = "0123456789abcdef";

void text_str(struct text *t, const char *zero_ended)
{
	text_span_add(t, span_str(zero_ended));
}

#define TEN(d) d "0" d "1" d "2" d "3" d "4" d "5" d "6" d "7" d "8" d "9"
static const char pairs[] = TEN("0") TEN("1") TEN("2") TEN("3") TEN("4") TEN("5") TEN("6") TEN("7") TEN("8") TEN("9");

/* Two digits a division: each message that goes through has a number or two. */
void text_number(struct text *t, uint64_t value)
{
	char place[20]; /* 2^64 - 1 has 20 digits; filled from the end */
	size_t i = sizeof place;

	for (; value >= 10; value /= 100)
		memcpy(place + (i -= 2), pairs + 2 * (value % 100), 2);
	if (value || i == sizeof place)
		place[--i] = digits[value];
	text_add(t, place + i, sizeof place - i);
}

void text_hex(struct text *t, uint64_t value)
{
	char place[16];
	size_t i = sizeof place;

	do {
		place[--i] = digits[value & 15];
		value >>= 4;
	} while (value);
	text_add(t, place + i, sizeof place - i);
}

typedef bool harmless(char c);
typedef void add_special(struct text *t, char c);

static inline void add_escaped(struct text *t, struct span s, harmless *is_harmless, add_special *add)
{
	size_t run = 0; /* harmless bytes not added yet begin here */

	for (size_t i = 0; i < s.len; i++) {
		if (is_harmless(s.at[i]))
			continue;
		text_add(t, s.at + run, i - run);
		add(t, s.at[i]);
		run = i + 1;
	}
	if (run < s.len)
		text_add(t, s.at + run, s.len - run);
}

static void add_hex2(struct text *t, char c)
{
	text_char(t, digits[(unsigned char)c >> 4]);
	text_char(t, digits[c & 15]);
}

static bool html_harmless(char c)
{
	return c != '&' && c != '<' && c != '>' && c != '"' && c != '\'';
}

static void html_special(struct text *t, char c)
{
	switch (c) {
	case '&':
		text_lit(t, "&amp;");
		break;
	case '<':
		text_lit(t, "&lt;");
		break;
	case '>':
		text_lit(t, "&gt;");
		break;
	case '"':
		text_lit(t, "&quot;");
		break;
	default:
		text_lit(t, "&#39;");
	}
}

void text_html(struct text *t, struct span s)
{
	add_escaped(t, s, html_harmless, html_special);
}

static bool quoted_harmless(char c)
{
	return c >= 0x20 && c <= 0x7e && c != '"' && c != '\\';
}

static void quoted_special(struct text *t, char c)
{
	text_lit(t, "\\x");
	add_hex2(t, c);
}

void text_quoted(struct text *t, struct span s)
{
	add_escaped(t, s, quoted_harmless, quoted_special);
}

static void json_special(struct text *t, char c)
{
	if (c == '"' || c == '\\') {
		text_char(t, '\\');
		text_char(t, c);
	} else {
		text_lit(t, "\\u00");
		add_hex2(t, c);
	}
}

void text_json(struct text *t, struct span s)
{
	add_escaped(t, s, quoted_harmless, json_special);
}

/* 0 to 61 of base64. */
static const char alnum[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

static void add_sextet(struct text *t, unsigned value, const char last[2])
{
	text_char(t, value < 62 ? alnum[value] : last[value - 62]);
}

void text_base64(struct text *t, struct span bytes, const char last[2])
{
	uint32_t bits = 0;
	unsigned held = 0; /* bits that are not written yet */

	for (size_t i = 0; i < bytes.len; i++) {
		bits = bits << 8 | (unsigned char)bytes.at[i];
		for (held += 8; held >= 6; held -= 6)
			add_sextet(t, bits >> (held - 6) & 63, last);
	}
	if (held)
		add_sextet(t, bits << (6 - held) & 63, last);
}

int text_sextet(char c, const char last[2])
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == last[0] ? 62 : c == last[1] ? 63 : -1;
}

bool text_from_base64(struct text *t, struct span s, const char last[2])
{
	uint32_t bits = 0;
	unsigned held = 0; /* bits that are not a byte yet */

	for (size_t i = 0; i < s.len; i++) {
		int value = text_sextet(s.at[i], last);

		if (value < 0)
			return false;
		bits = bits << 6 | (uint32_t)value;
		held += 6;
		if (held >= 8) {
			held -= 8;
			text_char(t, (char)(bits >> held & 0xff));
		}
	}
	return held < 6 && (bits & ((1u << held) - 1)) == 0;
}

/* vsnprintf wants a place for a final zero, which we may not have; so it works
 * in a place of its own, and that bounds what one call can add. */
void text_format(struct text *t, const char *format, ...)
{
	char place[2048];
	va_list list;
	int n;

	va_start(list, format);
	n = vsnprintf(place, sizeof place, format, list);
	va_end(list);
	if (n < 0 || (size_t)n >= sizeof place)
		t->full = true;
	else
		text_add(t, place, (size_t)n);
}

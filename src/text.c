/* SPDX-License-Identifier: MIT
 *
 * text - how do we write bytes into a place of fixed size?
 *
 * The escapes share one loop: runs of harmless bytes are added whole, each
 * other byte becomes what the format's own function makes of it.
 */
#include "text.h"

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

/* --- formats ---------------------------------------------------------------- */

static void add_some(struct text *t, const char *at, size_t len)
{
	size_t room = t->size - t->len;

	t->full |= len > room;
	if (len)
		text_add(t, at, len < room ? len : room);
}

/* How a value stands: in so many columns at least, from the left or from the right. */
struct column {
	size_t width;
	bool left;
	char fill;
};

static void add_column(struct text *t, const struct column *c, struct span s)
{
	if (c->left)
		add_some(t, s.at, s.len);
	for (size_t i = s.len; i < c->width; i++)
		add_some(t, &c->fill, 1);
	if (!c->left)
		add_some(t, s.at, s.len);
}

static void add_number(struct text *t, const struct column *c, char kind, uint64_t value)
{
	char room[24];
	struct text number = text_in(room, sizeof room);

	if (kind == 'd' && (int64_t)value < 0) {
		text_char(&number, '-');
		value = 0 - value;
	}
	(kind == 'x' ? text_hex : text_number)(&number, value);
	add_column(t, c, text_span(&number));
}

static size_t read_width(const char **format)
{
	size_t width = 0;

	for (; **format >= '0' && **format <= '9'; ++*format)
		width = width * 10 + (size_t)(**format - '0');
	return width;
}

/* libc's brings 10 KB along, most of it for numbers with a fraction. */
void text_values(struct text *t, const char *format, va_list list)
{
	for (;;) {
		struct column c = {.fill = ' '};
		size_t most = SIZE_MAX, n = strcspn(format, "%");
		const char *at;
		int wide = 0; /* letters l; -1: z */

		add_some(t, format, n);
		if (!format[n])
			return;
		format += n + 1;
		if ((c.left = *format == '-'))
			format++;
		if (*format == '0')
			c.fill = '0';
		c.width = read_width(&format);
		if (*format == '.') {
			most = (size_t)va_arg(list, int);
			format += 2; /* it is ".*" */
		}
		for (; *format == 'l'; format++)
			wide++;
		if (*format == 'z') {
			wide = -1;
			format++;
		}
		switch (*format++) {
		case 's':
			at = va_arg(list, const char *);
			add_column(t, &c, span_of(at, most ? strnlen(at, most) : 0));
			break;
		case 'd':
			add_number(t, &c, 'd', (uint64_t)(wide > 1 ? va_arg(list, long long) : wide ? va_arg(list, long) : va_arg(list, int)));
			break;
		case 'u':
		case 'x':
			add_number(t, &c, format[-1], wide > 1 ? va_arg(list, unsigned long long) : wide < 0 ? va_arg(list, size_t)
				: wide ? va_arg(list, unsigned long) : va_arg(list, unsigned));
			break;
		default:
			add_some(t, "%", 1);
		}
	}
}

void text_format(struct text *t, const char *format, ...)
{
	struct text new = {t->at + t->len, 0, t->size - t->len, false};
	va_list list;

	va_start(list, format);
	text_values(&new, format, list);
	va_end(list);
	if (new.full)
		t->full = true;
	else
		t->len += new.len;
}

/* As printf does it: of two that are as near, the even one. */
void text_tenths(struct text *t, uint64_t part, uint64_t whole)
{
	uint64_t tenths = part * 10 / whole, rest = part * 10 % whole;

	tenths += rest > whole - rest || (rest == whole - rest && tenths % 2);
	text_number(t, tenths / 10);
	text_char(t, '.');
	text_number(t, tenths % 10);
}

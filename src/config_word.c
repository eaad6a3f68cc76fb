/* SPDX-License-Identifier: MIT
 *
 * word - what does a value say: which words, how long, how much, how many?
 *
 * Knows spelling only. Which words mean something is key's.
 */
#include "config_word.h"

/* at[0] follows a backslash inside quotes; 0: stands for nothing. */
static char escaped(char c)
{
	switch (c) {
	case '"':
	case '\\':
		return c;
	case 'n':
		return '\n';
	case 't':
		return '\t';
	default:
		return 0;
	}
}

/* Copies one word to `to`, which has room for all of s. Bytes of s used, or 0 after a fault. */
static size_t unquote(struct faults *f, int line, struct span s, char *to, size_t *len)
{
	bool quoted = false;
	size_t i;

	*len = 0;
	for (i = 0; i < s.len && (quoted || !span_is_blank(s.at[i])); i++) {
		char c = s.at[i];

		if (c == '"') {
			quoted = !quoted;
			continue;
		}
		if (quoted && c == '\\') {
			c = i + 1 < s.len ? escaped(s.at[++i]) : 0;
			if (!c) {
				fault_at(f, line, "'%.*s': inside quotes a backslash stands before \" \\ n or t", SHOW(s));
				return 0;
			}
		}
		to[(*len)++] = c;
	}
	if (quoted) {
		fault_at(f, line, "'%.*s': the quotes are not closed (a ';' after a blank begins a comment, even there)", SHOW(s));
		return 0;
	}
	return i;
}

bool word_next(struct faults *f, int line, struct span *rest, struct span *word)
{
	size_t used, len;
	char *to;

	*rest = span_trim(*rest);
	if (!rest->len)
		return false;
	if (rest->at[0] == '#') {
		fault_at(f, line, "'%.*s': inside a line a comment begins with ';'", SHOW(*rest));
		return false;
	}
	to = arena_take(f->arena, rest->len + 1);
	used = unquote(f, line, *rest, to, &len);
	if (!used)
		return false;
	*word = span_of(to, len);
	*rest = span_of(rest->at + used, rest->len - used);
	return true;
}

bool word_item(struct span *rest, struct span *item)
{
	size_t i = 0;

	while (i < rest->len && (span_is_blank(rest->at[i]) || rest->at[i] == ','))
		i++;
	*rest = span_of(rest->at + i, rest->len - i);
	for (i = 0; i < rest->len && !span_is_blank(rest->at[i]) && rest->at[i] != ','; i++)
		;
	*item = span_of(rest->at, i);
	*rest = span_of(rest->at + i, rest->len - i);
	return item->len != 0;
}

/* Digits, then the unit. */
static bool split_unit(struct span s, int64_t *number, struct span *unit)
{
	size_t n = 0;
	uint64_t value;

	while (n < s.len && s.at[n] >= '0' && s.at[n] <= '9')
		n++;
	if (!span_number(span_of(s.at, n), &value) || value > INT32_MAX)
		return false;
	*number = (int64_t)value;
	*unit = span_of(s.at + n, s.len - n);
	return true;
}

bool word_time(struct span s, int64_t *ms)
{
	static const struct {
		struct span name;
		int64_t ms;
	} units[] = {{{"ms", 2}, 1},        {{"s", 1}, 1000},      {{"m", 1}, 60000},           {{"h", 1}, 3600000},
		     {{"d", 1}, 86400000}, {{"w", 1}, 604800000}, {{"y", 1}, INT64_C(31536000000)}};
	struct span unit;

	if (!split_unit(s, ms, &unit))
		return false;
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (span_is(unit, units[i].name)) {
			*ms = *ms > INT64_MAX / units[i].ms ? INT64_MAX : *ms * units[i].ms;
			return true;
		}
	return false;
}

bool word_size(struct span s, int64_t *bytes)
{
	struct span unit;

	if (!split_unit(s, bytes, &unit))
		return false;
	if (span_same(unit, SPAN("k")))
		*bytes *= 1024;
	else if (span_same(unit, SPAN("M")))
		*bytes *= 1024 * 1024;
	else if (span_same(unit, SPAN("G")))
		*bytes *= 1024 * 1024 * 1024;
	else
		return unit.len == 0;
	return true;
}

bool word_number(struct span s, int64_t *value)
{
	struct span unit;

	return split_unit(s, value, &unit) && unit.len == 0;
}

bool word_flag(struct span s, int64_t *value)
{
	*value = span_is(s, SPAN("on"));
	return *value || span_is(s, SPAN("off"));
}

enum { WORD_LONG = 40 }; /* no right word is as long */

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Optimal string alignment, row by row: d[i][j] of the first i and j letters. */
unsigned word_distance(struct span a, struct span b)
{
	unsigned d[WORD_LONG + 1][WORD_LONG + 1];

	if (a.len > WORD_LONG || b.len > WORD_LONG)
		return WORD_LONG;
	for (size_t i = 0; i <= a.len; i++) {
		for (size_t j = 0; j <= b.len; j++) {
			if (i == 0 || j == 0) {
				d[i][j] = (unsigned)(i + j);
				continue;
			}
			d[i][j] = least(least(d[i - 1][j], d[i][j - 1]) + 1, d[i - 1][j - 1] + (a.at[i - 1] != b.at[j - 1]));
			if (i > 1 && j > 1 && a.at[i - 1] == b.at[j - 2] && a.at[i - 2] == b.at[j - 1])
				d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
		}
	}
	return d[a.len][b.len];
}

bool word_is_near(unsigned distance, struct span word)
{
	return distance <= 2 ? distance < word.len : distance <= word.len / 3;
}

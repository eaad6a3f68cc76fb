/* SPDX-License-Identifier: MIT
 *
 * Does what was said not to count go, and nothing else?
 */
#include "../../src/query.h"
#include "../../gateway.h"
#include "block.h"
#include <stdio.h>

enum { DROPS = 4 };

/* What is dropped, as cache_key would say it, without the '-'. */
static const struct { const char *query, *drop, *rest, *sorted; } cases[] = {
	/* nothing is said */
	{"", "", "", ""},
	{"?", "", "?", "?"},
	{"?a", "", "?a", "?a"},
	{"?b=2&a=1", "", "?b=2&a=1", "?a=1&b=2"},
	{"?&", "", "?&", "?&"},
	{"?a&", "", "?a&", "?&a"},
	{"?&&a", "", "?&&a", "?&&a"},
	/* whole names */
	{"?fbclid=1", "fbclid", "", ""},
	{"?fbclid", "fbclid", "", ""},
	{"?fbclid=", "fbclid", "", ""},
	{"?a=1&fbclid=2", "fbclid", "?a=1", "?a=1"},
	{"?fbclid=2&a=1", "fbclid", "?a=1", "?a=1"},
	{"?b&fbclid=2&a=1", "fbclid", "?b&a=1", "?a=1&b"},
	{"?fbclid=1&fbclid=2&fbclid", "fbclid", "", ""},
	{"?fbclid2=1&fbcli=2&xfbclid=3", "fbclid", "?fbclid2=1&fbcli=2&xfbclid=3", "?fbcli=2&fbclid2=1&xfbclid=3"},
	{"?a=fbclid&b=c=fbclid", "fbclid", "?a=fbclid&b=c=fbclid", "?a=fbclid&b=c=fbclid"},
	{"?FBCLID=1", "fbclid", "?FBCLID=1", "?FBCLID=1"},         /* nothing is guessed: */
	{"?%66bclid=1", "fbclid", "?%66bclid=1", "?%66bclid=1"},   /* a server may tell these apart */
	{"?a;fbclid=1", "fbclid", "?a;fbclid=1", "?a;fbclid=1"},
	{"?fbclid=1;a=2", "fbclid", "", ""},
	{"?fbclid=1?a=2", "fbclid", "", ""},
	{"?+fbclid=1", "fbclid", "?+fbclid=1", "?+fbclid=1"},
	/* all that begin so */
	{"?utm_source=1&a&utm_=2&utm=3&utm_x", "utm_*", "?a&utm=3", "?a&utm=3"},
	{"?a_*=1&a_b=1", "a_*", "", ""},
	{"?utm_s=1&x=1&fbclid=2&y=3", "utm_* fbclid", "?x=1&y=3", "?x=1&y=3"},
	{"?a=1&&b", "*", "", ""},
	{"?", "*", "", ""},
	{"?a*=1&a=1", "a**", "?a=1", "?a=1"},
	/* what is left of empty ones */
	{"?fbclid=1&", "fbclid", "", ""},
	{"?&fbclid=1", "fbclid", "", ""},
	{"?&fbclid=1&", "fbclid", "?&", "?&"},
	{"?", "fbclid", "?", "?"},
	{"?=1&b=2", "b", "?=1", "?=1"},
	/* order: by name, whatever the value; equals as they were */
	{"?a=2&b=1&a=1", "", "?a=2&b=1&a=1", "?a=2&a=1&b=1"},
	{"?ab=1&a=2&a&abc&a=1", "", "?ab=1&a=2&a&abc&a=1", "?a=2&a&a=1&ab=1&abc"},
	{"?b&a=%26&A", "", "?b&a=%26&A", "?A&a=%26&b"},
	{"?a-=1&a=2", "", "?a-=1&a=2", "?a=2&a-=1"}, /* '-' is before '=' */
	{"?z&y&x&w", "x", "?z&y&w", "?w&y&z"},
};

static size_t take_drops(const char *text, struct span drop[DROPS])
{
	struct span rest = span_str(text);
	size_t count = 0;

	while (rest.len)
		drop[count++] = block_of(span_cut(&rest, ' '));
	return count;
}

static void check(struct span query, const struct span *drop, size_t count, bool sort, const char *want)
{
	struct span at = block_of(query);
	struct text out = block_text(2 + query.len), again = block_text(2 + query.len);

	text_lit(&out, "/x");
	query_reduce(&out, at, drop, count, sort);
	assert_false(out.full); /* never longer than what was given */
	assert_memory_equal(out.at, "/x", 2);
	if (want)
		block_same(span_of(out.at + 2, out.len - 2), want, "a query");
	/* what is reduced once is reduced */
	query_reduce(&again, span_of(out.at + 2, out.len - 2), drop, count, sort);
	assert_true(span_is(text_span(&again), span_of(out.at + 2, out.len - 2)));
	block_free(at);
	free(out.at);
	free(again.at);
}

static void reduces(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct span drop[DROPS], query = span_str(cases[i].query);
		size_t count = take_drops(cases[i].drop, drop);

		check(query, drop, count, false, cases[i].rest);
		check(query, drop, count, true, cases[i].sorted);
		for (size_t len = 0; len < query.len; len++) {
			check(span_of(query.at, len), drop, count, false, NULL);
			check(span_of(query.at, len), drop, count, true, NULL);
		}
		while (count)
			block_free(drop[--count]);
	}
}

/* With every number of parameters around the most that are sorted. */
static void sorts_few_and_leaves_many(void **state)
{
	char place[GW_TARGET];

	(void)state;
	for (unsigned count = QUERY_SORTED - 2; count <= QUERY_SORTED + 2; count++) {
		struct text query = text_in(place, sizeof place), out = block_text(sizeof place);
		const struct span drop[] = {SPAN("dropped")};

		text_lit(&query, "?dropped");
		for (unsigned i = count; i; i--)
			text_format(&query, "&p%03u=%u", i, count - i);
		query_reduce(&out, text_span(&query), drop, 1, true);
		assert_int_equal(out.len, query.len - sizeof "dropped");
		for (unsigned i = 0; i < count; i++) {
			struct span rest = span_of(out.at + 1, out.len - 1), parameter = rest;
			unsigned name;

			for (unsigned j = 0; j <= i; j++)
				parameter = span_cut(&rest, '&');
			assert_int_equal(sscanf(parameter.at, "p%3u=", &name), 1);
			assert_int_equal(name, count <= QUERY_SORTED ? i + 1 : count - i);
		}
		free(out.at);
	}
}

/* As many as a target holds, of one byte and of none. */
static void takes_the_longest(void **state)
{
	static char place[GW_TARGET];
	const struct span drop[] = {SPAN("a*"), SPAN("b")};

	(void)state;
	place[0] = '?';
	memset(place + 1, '&', sizeof place - 1);
	check(span_of(place, sizeof place), drop, 2, true, NULL);
	for (size_t i = 1; i < sizeof place; i += 2)
		place[i] = "abc"[i / 2 % 3];
	check(span_of(place, sizeof place), drop, 2, true, NULL);
	memset(place + 1, 'a', sizeof place - 1);
	check(span_of(place, sizeof place), drop, 2, true, "");
}

/* A place that is too small is told, whatever part it ends in. */
static void tells_of_no_room(void **state)
{
	const struct span query = SPAN("?bb=2&aa=1&x&cc"), drop[] = {SPAN("x")};

	(void)state;
	for (size_t size = 0; size <= sizeof "?bb=2&aa=1&cc" - 1; size++)
		for (int sort = 0; sort < 2; sort++) {
			struct text out = block_text(size);

			query_reduce(&out, query, drop, 1, sort);
			assert_int_equal(out.full, size < sizeof "?bb=2&aa=1&cc" - 1);
			free(out.at);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reduces),
		cmocka_unit_test(sorts_few_and_leaves_many),
		cmocka_unit_test(takes_the_longest),
		cmocka_unit_test(tells_of_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * query - any bytes as a query. The first line has the names that are dropped,
 * with blanks between them; a first byte '<' sorts. What stays was there before,
 * as often as it was.
 */
#include "../../src/query.h"
#include "check.h"

enum { DROPS = 16 };

/* The same parameters in another order have the same sum. */
static unsigned long sum(struct span query, size_t *count)
{
	unsigned long all = 0, one = 5381;

	*count = query.len != 0;
	for (size_t i = 1; i < query.len; i++) {
		if (query.at[i] == '&') {
			all += one;
			one = 5381;
			++*count;
		} else {
			one = one * 33 + (unsigned char)query.at[i];
		}
	}
	return all + one;
}

static struct span reduce(struct span query, const struct span *drop, size_t count, bool sort, char *place)
{
	struct text out = text_in(place, query.len);

	query_reduce(&out, query, drop, count, sort);
	CHECK(!out.full && (!out.len || out.at[0] == '?'));
	return text_span(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct span rest = span_of((const char *)at, len), names = span_cut(&rest, '\n'), drop[DROPS], once, twice;
	bool sort = names.len && names.at[0] == '<';
	char *query = malloc(rest.len + 1), *first = malloc(rest.len + 1), *second = malloc(rest.len + 1);
	size_t count = 0, before, after;

	CHECK(query && first && second);
	names = span_of(names.at + sort, names.len - sort);
	while (names.len && count < DROPS)
		drop[count++] = span_cut(&names, ' ');
	query[0] = '?';
	if (rest.len)
		memcpy(query + 1, rest.at, rest.len);
	once = reduce(span_of(query, rest.len + 1), drop, count, sort, first);
	twice = reduce(once, drop, count, sort, second);
	CHECK(span_is(once, twice));
	once = reduce(span_of(query, rest.len + 1), drop, 0, sort, first);
	CHECK(sum(once, &after) == sum(span_of(query, rest.len + 1), &before) && before == after);
	free(query);
	free(first);
	free(second);
	return 0;
}

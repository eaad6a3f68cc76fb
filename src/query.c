/* SPDX-License-Identifier: MIT
 *
 * query - which parameters of a query count?
 *
 * A parameter ends at '&' and nothing else; one without a name is one, too.
 */
#include "query.h"

/* Between two '&', and at both ends. False at the end. */
static bool next(struct span *rest, struct span *parameter)
{
	size_t end;

	if (!rest->at)
		return false;
	end = span_find(*rest, '&');
	*parameter = span_of(rest->at, end);
	*rest = end == rest->len ? span_of(NULL, 0) : span_of(rest->at + end + 1, rest->len - end - 1);
	return true;
}

static struct span name_of(struct span parameter)
{
	return span_of(parameter.at, span_find(parameter, '='));
}

static bool is_dropped(struct span name, const struct span *drop, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct span d = drop[i];

		if (d.len && d.at[d.len - 1] == '*' ? span_starts(name, span_of(d.at, d.len - 1)) : span_is(name, d))
			return true;
	}
	return false;
}

/* What stays, in its order; at most room of it are written. The number of all. */
static size_t gather(struct span query, const struct span *drop, size_t drop_count, struct span *kept, size_t room)
{
	struct span rest = span_of(query.at + 1, query.len - 1), parameter;
	size_t count = 0;

	while (next(&rest, &parameter)) {
		if (is_dropped(name_of(parameter), drop, drop_count))
			continue;
		if (count < room)
			kept[count] = parameter;
		count++;
	}
	return count;
}

/* Insertion sort: it keeps the order of equals, and there are few. */
static void order(struct span *at, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		struct span moved = at[i];
		size_t to = i;

		for (; to && span_order(name_of(moved), name_of(at[to - 1])) < 0; to--)
			at[to] = at[to - 1];
		at[to] = moved;
	}
}

static void add(struct text *out, size_t number, struct span parameter)
{
	text_char(out, number ? '&' : '?');
	text_span_add(out, parameter);
}

/* All that stays, in its order. */
static void add_rest(struct text *out, struct span query, const struct span *drop, size_t drop_count)
{
	struct span rest = span_of(query.at + 1, query.len - 1), parameter;
	size_t number = 0;

	while (next(&rest, &parameter))
		if (!is_dropped(name_of(parameter), drop, drop_count))
			add(out, number++, parameter);
}

void query_reduce(struct text *out, struct span query, const struct span *drop, size_t drop_count, bool sort)
{
	struct span kept[QUERY_SORTED];
	size_t begin = out->len, count;

	if (!query.len || (!drop_count && !sort)) {
		text_span_add(out, query);
		return;
	}
	count = gather(query, drop, drop_count, kept, QUERY_SORTED);
	if (sort && count <= QUERY_SORTED) {
		order(kept, count);
		for (size_t i = 0; i < count; i++)
			add(out, i, kept[i]);
	} else {
		add_rest(out, query, drop, drop_count);
	}
	if (out->len == begin + 1 && query.len > 1)
		out->len = begin;
}

/* SPDX-License-Identifier: MIT
 *
 * exchange_void - which stored answers does an unsafe method make void? (RFC 9111 4.4)
 *
 * Those of its own URL, and of Location and Content-Location of the same origin,
 * as each route of the site keeps them.
 */
#include "exchange_keep.h"
#include "query.h"

/* Is it of the same origin? Then *to is what stands behind the authority, or a relative reference. */
static bool is_of_origin(struct span *to, const struct exchange *x)
{
	char ours_room[GW_NAME + 16], theirs_room[GW_NAME + 16];
	struct text ours = text_in(ours_room, sizeof ours_room), theirs = text_in(theirs_room, sizeof theirs_room);
	struct span scheme = x->r.asker.scheme, rest = *to;
	size_t end = 0;

	if (span_starts_same(rest, scheme) && rest.len > scheme.len && rest.at[scheme.len] == ':')
		rest = span_of(rest.at + scheme.len + 1, rest.len - scheme.len - 1);
	if (!span_starts(rest, SPAN("//"))) /* relative, unless it names some other scheme */
		return rest.at == to->at && span_find(rest, ':') >= span_find(rest, '/');
	rest = span_of(rest.at + 2, rest.len - 2);
	while (end < rest.len && !strchr("/?#", rest.at[end]))
		end++;
	keep_write_host(&ours, scheme, x->r.host);
	keep_write_host(&theirs, scheme, span_of(rest.at, end));
	*to = span_of(rest.at + end, rest.len - end);
	return !theirs.full && span_is(text_span(&ours), text_span(&theirs));
}

/* The URL of this origin that a reference means (RFC 3986 5.2), in out; false: it is of another one, or none. */
static bool resolve(const struct exchange *x, struct span to, struct text *out)
{
	char raw_room[GW_TARGET], path_room[GW_TARGET];
	struct text raw = text_in(raw_room, sizeof raw_room), room = text_in(path_room, sizeof path_room);
	struct span base = x->r.path.path;
	struct path path;

	keep_write_origin(out, x);
	if (!is_of_origin(&to, x))
		return false;
	if (to.len == 0 || to.at[0] != '/') {
		while (to.len && to.at[0] != '?' && to.at[0] != '#' && base.len && base.at[base.len - 1] != '/')
			base.len--;
		text_span_add(&raw, base);
	}
	text_span_add(&raw, span_of(to.at, span_find(to, '#')));
	if (raw.full || path_read(&path, text_span(&raw), false, &room))
		return false;
	text_span_add(out, path.path);
	text_span_add(out, path.query);
	return !out->full;
}

/* This URL, and what it is reduced to for any route of the site. */
static void invalidate(struct exchange *x, struct text *url, struct span query)
{
	const struct site *site = x->r.site;
	char room[GW_TARGET];
	struct text copy = text_in(room, sizeof room);

	cache_invalidate(&x->env->cache, text_span(url));
	url->len -= query.len;
	text_span_add(&copy, query); /* it may stand where the reduced one is to go */
	query = text_span(&copy);
	for (size_t i = 0; i < site->route_count && query.len; i++) {
		const struct cache_rule *rule = site->routes[i]->options.cache;
		struct text reduced = *url;

		if (!rule || (rule->drop_count == 0 && !rule->sort))
			continue;
		query_reduce(&reduced, query, rule->drop, rule->drop_count, rule->sort);
		cache_invalidate(&x->env->cache, text_span(&reduced));
	}
}

static void invalidate_field(struct exchange *x, enum field_id id)
{
	struct text url = text_in(x->out, GW_HEAD_OUT);
	size_t at;

	if (!head_has(&x->answered, id) || !resolve(x, head_get(&x->answered, id), &url))
		return;
	at = span_find(text_span(&url), '?');
	invalidate(x, &url, span_of(x->out + at, url.len - at));
}

void keep_invalidate(struct exchange *x)
{
	struct text url = text_in(x->out, GW_HEAD_OUT);

	keep_write_url(&url, x);
	if (!url.full)
		invalidate(x, &url, x->r.path.query);
	invalidate_field(x, FIELD_LOCATION);
	invalidate_field(x, FIELD_CONTENT_LOCATION);
}

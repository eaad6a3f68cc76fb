/* SPDX-License-Identifier: MIT
 *
 * exchange_key - by what is an answer found again, and who may get it?
 *
 * Whatever a client can say that changes the answer, and that others would not
 * have said, must stand in the key, or keep the request from the cache.
 */
#include "exchange_keep.h"
#include "auth.h"
#include "query.h"

/* --- the key ------------------------------------------------------------------------ */

static void write_url(struct text *out, const struct exchange *x)
{
	text_span_add(out, x->r.asker.scheme);
	text_lit(out, "://");
	text_span_add(out, x->r.host);
	text_span_add(out, x->r.path.path);
	text_span_add(out, x->r.path.query);
}

/* What a trusted peer may say of where the request came to, or where it is to go, and what is passed on. */
static bool says_where(enum field_id id, struct span name)
{
	if (id == FIELD_X_FORWARDED_FOR || id == FIELD_X_REAL_IP || id == FIELD_X_CLIENT_CERT_SUBJECT)
		return false;
	return head_is_origin(id) || (id == FIELD_OTHER && rewrite_is_believed(name));
}

static void write_origin(struct text *out, const struct head *h)
{
	for (unsigned i = 0; i < h->count; i++) {
		if (!says_where(h->fields[i].id, head_name(h, i)))
			continue;
		text_span_add(out, head_name(h, i));
		text_char(out, ':');
		text_span_add(out, head_value(h, i));
		text_char(out, '\n');
	}
}

/* Cookies without our own. */
static bool write_cookies(struct text *out, const struct exchange *x)
{
	const struct head *h = &x->asked;
	bool any = false;

	for (unsigned i = 0; i < h->count; i++) {
		if (h->fields[i].id != FIELD_COOKIE)
			continue;
		any |= auth_strip_cookies(out, head_value(h, i));
		text_char(out, '\n');
	}
	return any;
}

/* Who asks, by all that a server could know them by. */
static void write_asker(struct text *out, const struct exchange *x)
{
	const struct guard *g = x->r.guard;

	if (head_has(&x->asked, FIELD_AUTHORIZATION))
		text_span_add(out, head_get(&x->asked, FIELD_AUTHORIZATION));
	text_char(out, '\n');
	write_cookies(out, x);
	text_char(out, '\n');
	if (g && g->user) {
		text_str(out, g->users->label);
		text_char(out, ':');
		text_span_add(out, g->user->name);
	}
	text_char(out, '\n');
	if (g)
		text_span_add(out, text_span(&g->up));
	text_span_add(out, x->r.asker.subject);
}

struct cache_key keep_key(struct exchange *x, struct text *out)
{
	const struct cache_rule *rule = x->r.keep->rule;
	struct cache_key key;

	write_url(out, x);
	key.url = out->len;
	text_char(out, '\n');
	text_number(out, x->r.asker.port);
	text_char(out, '\n');
	text_span_add(out, rule->identity);
	text_char(out, '\n');
	if (x->r.asker.trusted)
		write_origin(out, &x->asked);
	if (rule->fresh.mode == FRESH_FORCE)
		write_asker(out, x);
	key.text = text_span(out);
	return key;
}

/* --- what has no place in a cache --------------------------------------------------------- */

/* Some applications take the method or the host from these. */
static bool is_override(struct span name)
{
	static const struct span names[] = {{"X-Host", 6}, {"X-HTTP-Method", 13}, {"X-Original-Host", 15}, {"X-Method-Override", 17}, {"X-HTTP-Host-Override", 20}, {"X-HTTP-Method-Override", 22}};

	if (span_lower(name.at[0]) != 'x')
		return false;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (span_same(name, names[i]))
			return true;
	return false;
}

/* Whoever names a field in Connection keeps it from the server, whose Vary may be about it. */
static bool names_away(const struct frame *f, const struct head *h)
{
	for (unsigned i = 0; i < h->count; i++)
		if ((f->named[i / 64] >> i % 64 & 1) && h->fields[i].id != FIELD_TE && h->fields[i].id != FIELD_KEEP_ALIVE)
			return true;
	return false;
}

bool keep_is_plain(const struct exchange *x)
{
	const struct head *h = &x->asked;
	const struct frame *f = &x->r.frame;

	if (f->kind != BODY_NONE && !(f->kind == BODY_LENGTH && f->length == 0))
		return false;
	if (f->upgrade || f->expect || x->r.host.len == 0 || head_has(h, FIELD_IF_MATCH) || head_has(h, FIELD_IF_UNMODIFIED_SINCE))
		return false;
	if (f->names && names_away(f, h))
		return false;
	for (unsigned i = 0; i < h->count; i++)
		if (h->fields[i].id == FIELD_OTHER && is_override(head_name(h, i)))
			return false;
	return true;
}

uint8_t keep_asker(struct exchange *x)
{
	struct text room = text_in(x->out, GW_HEAD_OUT);
	const struct guard *g = x->r.guard;

	if (x->r.keep->rule->fresh.mode == FRESH_FORCE)
		return FRESH_ANYBODY; /* the key says who it is */
	if (head_has(&x->asked, FIELD_AUTHORIZATION) || x->r.asker.subject.len || (g && (g->asks.count || g->user || g->up.len)))
		return FRESH_AUTHORISED;
	return head_has(&x->asked, FIELD_COOKIE) && write_cookies(&room, x) ? FRESH_COOKIE : FRESH_ANYBODY;
}

/* Behind the path, in its room: both together are no longer than the target was. */
static struct span reduce(struct exchange *x, const struct cache_rule *rule, struct span query)
{
	struct text room = text_in(x->path_room + GW_TARGET - query.len, query.len);

	query_reduce(&room, query, rule->drop, rule->drop_count, rule->sort);
	return text_span(&room);
}

void keep_reduce_query(struct exchange *x)
{
	const struct cache_rule *rule = x->r.keep->rule;

	if (x->r.path.query.len && (rule->drop_count || rule->sort))
		x->r.path.query = reduce(x, rule, x->r.path.query);
}

/* --- what an unsafe method makes void -------------------------------------------------------- */

/* Is it the same origin? Then *to is what stands behind the authority, or a relative reference. */
static bool is_of_origin(struct span *to, struct span origin)
{
	if (span_starts_same(*to, origin) && (to->len == origin.len || strchr("/?#", to->at[origin.len]))) {
		*to = span_of(to->at + origin.len, to->len - origin.len);
		return true;
	}
	return span_find(*to, ':') >= span_find(*to, '/') && !span_starts(*to, SPAN("//"));
}

/* The URL of this origin that a reference means (RFC 3986 5.2), in out; false: it is of another one, or none. */
static bool resolve(const struct exchange *x, struct span to, struct text *out)
{
	char raw_room[GW_TARGET], path_room[GW_TARGET];
	struct text raw = text_in(raw_room, sizeof raw_room), room = text_in(path_room, sizeof path_room);
	struct span base = x->r.path.path;
	struct path path;

	text_span_add(out, x->r.asker.scheme);
	text_lit(out, "://");
	text_span_add(out, x->r.host);
	if (!is_of_origin(&to, text_span(out)))
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

static void invalidate_field(struct exchange *x, enum field_id id)
{
	struct text url = text_in(x->out, GW_HEAD_OUT);

	if (head_has(&x->answered, id) && resolve(x, head_get(&x->answered, id), &url))
		cache_invalidate(&x->env->cache, text_span(&url));
}

void keep_invalidate(struct exchange *x)
{
	const struct cache_rule *rule = x->r.keep->rule;
	struct span query = x->r.path.query;
	struct text url = text_in(x->out, GW_HEAD_OUT);

	write_url(&url, x);
	cache_invalidate(&x->env->cache, text_span(&url));
	if (rule && query.len && (rule->drop_count || rule->sort)) {
		url.len -= query.len;
		text_span_add(&url, reduce(x, rule, query));
		cache_invalidate(&x->env->cache, text_span(&url));
	}
	invalidate_field(x, FIELD_LOCATION);
	invalidate_field(x, FIELD_CONTENT_LOCATION);
}

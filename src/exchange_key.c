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

/* A host in one spelling (RFC 9110 4.2.3): lower case, and no port where the scheme says it. */
static void write_host(struct text *out, struct span scheme, struct span host)
{
	unsigned port = 0, standard = span_is(scheme, SPAN("https")) ? 443 : 80;
	struct span name;

	if (!path_host(host, &name, &port)) {
		out->full = true;
		return;
	}
	if (name.len > 1 && name.at[name.len - 1] == '.')
		name.len--;
	for (size_t i = 0; i < name.len; i++)
		text_char(out, span_lower(name.at[i]));
	if (port && port != standard) {
		text_char(out, ':');
		text_number(out, port);
	}
}

static void write_origin(struct text *out, const struct exchange *x)
{
	text_span_add(out, x->r.asker.scheme);
	text_lit(out, "://");
	write_host(out, x->r.asker.scheme, x->r.host);
}

static void write_url(struct text *out, const struct exchange *x)
{
	write_origin(out, x);
	text_span_add(out, x->r.path.path);
	text_span_add(out, x->r.path.query);
}

/* What of a request may differ without the answer being another one, as long as its Vary does
 * not say so: what all browsers say, and what is looked at elsewhere. */
static bool is_harmless(enum field_id id)
{
	switch (id) {
	case FIELD_ACCEPT:
	case FIELD_AUTHORIZATION:
	case FIELD_CACHE_CONTROL:
	case FIELD_CONNECTION:
	case FIELD_CONTENT_LENGTH:
	case FIELD_COOKIE:
	case FIELD_EXPECT:
	case FIELD_HOST:
	case FIELD_HTTP2_SETTINGS:
	case FIELD_IF_MODIFIED_SINCE:
	case FIELD_IF_NONE_MATCH:
	case FIELD_IF_RANGE:
	case FIELD_KEEP_ALIVE:
	case FIELD_MAX_FORWARDS:
	case FIELD_PRAGMA:
	case FIELD_PROXY_AUTHORIZATION:
	case FIELD_PROXY_CONNECTION:
	case FIELD_RANGE:
	case FIELD_REFERER:
	case FIELD_SEC_FETCH_MODE:
	case FIELD_SEC_FETCH_SITE:
	case FIELD_TE:
	case FIELD_TRAILER:
	case FIELD_TRANSFER_ENCODING:
	case FIELD_UPGRADE:
	case FIELD_USER_AGENT:
	case FIELD_VIA:
	case FIELD_X_CLIENT_CERT_SUBJECT: /* ours to say, as are the next two */
	case FIELD_X_FORWARDED_FOR:
	case FIELD_X_REAL_IP:
		return true;
	default:
		return false;
	}
}

/* The same of fields that nobody else asks for by name. */
static bool is_harmless_name(struct span name)
{
	static const struct span names[] = {{"DNT", 3}, {"Priority", 8}, {"Purpose", 7}, {"Save-Data", 9}, {"Upgrade-Insecure-Requests", 25}, {"traceparent", 11}, {"tracestate", 10}};

	if (span_starts_same(name, SPAN("Accept-")) || span_starts_same(name, SPAN("Sec-")))
		return true;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (span_same(name, names[i]))
			return true;
	return false;
}

/* All others that go up: tokens, keys, names of users, paths and hosts in fields of anybody's
 * invention. Who sends one gets what was made for those who send the same. */
static void write_others(struct text *out, const struct exchange *x)
{
	const struct head *h = &x->asked;

	for (unsigned i = 0; i < h->count; i++) {
		enum field_id id = h->fields[i].id;

		if (id == FIELD_OTHER ? is_harmless_name(head_name(h, i)) : is_harmless(id))
			continue;
		if (!x->r.asker.trusted && (head_is_origin(id) || rewrite_is_believed(head_name(h, i))))
			continue; /* it does not go up */
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
	write_others(out, x);
	if (out->len - key.url > KEEP_OTHERS)
		out->full = true;
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

/* The server gets the spelling of the key, where that can be had in place. */
void keep_one_host(struct exchange *x)
{
	char *at = x->in.data + (x->r.host.at - x->in.data);
	struct text out = text_in(at, x->r.host.len);

	write_host(&out, x->r.asker.scheme, x->r.host);
	x->r.host.len = out.len;
}

void keep_reduce_query(struct exchange *x)
{
	const struct cache_rule *rule = x->r.keep->rule;

	if (x->r.path.query.len && (rule->drop_count || rule->sort))
		x->r.path.query = reduce(x, rule, x->r.path.query);
}

/* --- what an unsafe method makes void -------------------------------------------------------- */

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
	write_host(&ours, scheme, x->r.host);
	write_host(&theirs, scheme, span_of(rest.at, end));
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

	write_origin(out, x);
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

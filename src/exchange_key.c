/* SPDX-License-Identifier: MIT
 *
 * exchange_key - by what is an answer found again, and who may get it?
 *
 * Whatever a client can say that changes the answer, and that others would not
 * have said, must stand in the key, or keep the request from the cache.
 */
#include "exchange_keep.h"
#include "auth.h"
#include "credential.h"
#include "query.h"

/* --- the key ------------------------------------------------------------------------ */

void keep_write_host(struct text *out, struct span scheme, struct span host)
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

void keep_write_origin(struct text *out, const struct exchange *x)
{
	text_span_add(out, x->r.asker.scheme);
	text_lit(out, "://");
	keep_write_host(out, x->r.asker.scheme, x->r.host);
}

void keep_write_url(struct text *out, const struct exchange *x)
{
	if (x->r.keep->cached) {
		text_span_add(out, x->r.asker.scheme);
		text_lit(out, "://");
		text_span_add(out, x->r.host);
	} else {
		keep_write_origin(out, x);
	}
	text_span_add(out, x->r.path.path);
	text_span_add(out, x->r.path.query);
}

/* What of a request may differ without the answer being another one, as long as its Vary does
 * not say so: what all browsers say, and what is looked at elsewhere. */
#define BIT(id) (UINT64_C(1) << FIELD_##id)
#define HARMLESS (BIT(ACCEPT) | BIT(ACCEPT_ENCODING) | BIT(ACCEPT_LANGUAGE) | BIT(AUTHORIZATION) | BIT(CACHE_CONTROL) | BIT(CONNECTION) | BIT(CONTENT_LENGTH) | BIT(COOKIE) | BIT(EXPECT) | \
		  BIT(HOST) | BIT(HTTP2_SETTINGS) | BIT(IF_MODIFIED_SINCE) | BIT(IF_NONE_MATCH) | BIT(IF_RANGE) | BIT(KEEP_ALIVE) | \
		  BIT(MAX_FORWARDS) | BIT(PRAGMA) | BIT(PROXY_AUTHORIZATION) | BIT(PROXY_CONNECTION) | BIT(RANGE) | BIT(REFERER) | \
		  BIT(SEC_FETCH_MODE) | BIT(SEC_FETCH_SITE) | BIT(TE) | BIT(TRAILER) | BIT(TRANSFER_ENCODING) | BIT(UPGRADE) | \
		  BIT(USER_AGENT) | BIT(VIA) | BIT(X_CLIENT_CERT_SUBJECT) | BIT(X_FORWARDED_FOR) | BIT(X_REAL_IP))

/* Numbers of requests, by which proxies find them again in their logs. */
static bool is_trace_name(struct span name)
{
	static const struct span names[] = {{"b3", 2}, {"CF-Ray", 6}, {"baggage", 7}, {"tracestate", 10}, {"traceparent", 11}, {"sentry-trace", 12}, {"X-Request-ID", 12}, {"X-Amzn-Trace-Id", 15}, {"X-Correlation-ID", 16}, {"X-Cloud-Trace-Context", 21}};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (span_same(name, names[i]))
			return true;
	return span_starts_same(name, SPAN("X-B3-"));
}

/* Nothing that would mean anything in a page that shows it. */
static bool is_trace_value(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (memchr("<>\"'&\\`(){}", s.at[i], 11))
			return false;
	return s.len <= 256;
}

/* Of fields that nobody else asks for by name. */
static bool is_harmless_name(struct span name)
{
	switch (span_lower(name.at[0])) {
	case 'a':
		return span_same(name, SPAN("Accept-Charset"));
	case 'd':
		return span_same(name, SPAN("DNT"));
	case 'p':
		return span_same(name, SPAN("Priority")) || span_same(name, SPAN("Purpose"));
	case 's':
		return span_starts_same(name, SPAN("Sec-Fetch-")) || span_starts_same(name, SPAN("Sec-CH-")) || span_same(name, SPAN("Save-Data")) ||
		       span_same(name, SPAN("Sec-GPC")) || span_same(name, SPAN("Sec-Purpose"));
	case 'u':
		return span_same(name, SPAN("Upgrade-Insecure-Requests"));
	default:
		return false;
	}
}

/* A trusted proxy tells the client's address in one of these, too. */
static bool is_address_name(struct span name)
{
	return span_same(name, SPAN("CF-Connecting-IP")) || span_same(name, SPAN("True-Client-IP")) || span_same(name, SPAN("X-Client-IP"));
}

static bool counts(const struct exchange *x, unsigned i)
{
	const struct head *h = &x->asked;
	enum field_id id = h->fields[i].id;
	struct span name = head_name(h, i);

	if (id != FIELD_OTHER)
		return !(HARMLESS >> id & 1) && (x->r.asker.trusted || !head_is_origin(id));
	if (is_harmless_name(name) || (is_trace_name(name) && is_trace_value(head_value(h, i))))
		return false;
	return x->r.asker.trusted ? !is_address_name(name) : !rewrite_is_believed(name); /* which does not go up */
}

/* All others that go up: tokens, keys, names of users, paths and hosts in fields of anybody's
 * invention. Who sends one gets what was made for those who send the same. */
static void write_others(struct text *out, const struct exchange *x)
{
	const struct head *h = &x->asked;

	for (unsigned i = 0; i < h->count; i++) {
		if (!counts(x, i))
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

/* Credentials are not to lie in shared memory, so their SHA-256 does. */
static void hash_asker(struct text *out, const struct exchange *x)
{
	size_t at = out->len;
	unsigned char hash[32];
	struct span asker;

	write_asker(out, x);
	if (out->full)
		return;
	asker = span_of(out->at + at, out->len - at);
	credential_hash(hash, asker);
	span_wipe(out->at + at, asker.len);
	out->len = at;
	text_base64(out, span_of((const char *)hash, sizeof hash), TEXT_BASE64_URL);
}

struct cache_key keep_key(struct exchange *x, struct text *out)
{
	const struct cache_rule *rule = x->r.keep->rule;
	struct cache_key key;

	keep_write_url(out, x);
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
		hash_asker(out, x);
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

/* What stands behind the name of a host: a port as we would write it, or nothing? */
static bool is_plain_rest(struct span rest, struct span scheme)
{
	if (rest.len == 0)
		return true;
	return rest.len > 2 && rest.at[0] == ':' && rest.at[1] != '0' && !span_is(rest, SPAN(":80")) && (rest.len != 4 || !span_is(scheme, SPAN("https")));
}

/* The server gets the spelling of the key; no other one is longer, so it has room in place. */
void keep_one_host(struct exchange *x)
{
	char *at = x->in.data + (x->r.host.at - x->in.data);
	size_t len = x->r.frame.name.len;
	struct text out = text_in(at, x->r.host.len);

	if (is_plain_rest(span_of(at + len, x->r.host.len - len), x->r.asker.scheme)) { /* as nearly always */
		for (size_t i = 0; i < len; i++)
			at[i] = span_lower(at[i]);
		return;
	}
	keep_write_host(&out, x->r.asker.scheme, x->r.host);
	x->r.host.len = out.len;
}

/* It goes behind the path, in its room: both together are no longer than the target was. */
void keep_reduce_query(struct exchange *x)
{
	const struct cache_rule *rule = x->r.keep->rule;
	struct span query = x->r.path.query;
	struct text room = text_in(x->path_room + GW_TARGET - query.len, query.len);

	if (query.len == 0 || (rule->drop_count == 0 && !rule->sort))
		return;
	query_reduce(&room, query, rule->drop, rule->drop_count, rule->sort);
	x->r.path.query = text_span(&room);
}

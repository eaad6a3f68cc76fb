/* SPDX-License-Identifier: MIT
 *
 * route - which site and route does a request belong to, and may it pass?
 *
 * Knows sites, paths, conditions and networks. config has put the routes of a
 * site into the order to try, so that the first one that fits is the one.
 */
#include "route_parts.h"

/* --- sites --------------------------------------------------------------- */

/* How well does one of a site's names fit? 0: not at all, then "*", then
 * wildcards by their length, then the name itself. */
static size_t fit(struct span name, struct span host)
{
	if (name.at[0] != '*')
		return span_same(name, host) ? SIZE_MAX : 0;
	if (name.len == 1)
		return 1;
	name = span_of(name.at + 1, name.len - 1);
	return host.len > name.len && span_ends_same(host, name) ? name.len : 0;
}

const struct site *route_site(const struct listener *l, struct span host)
{
	const struct site *best = NULL;
	size_t best_fit = 0;

	for (size_t i = 0; i < l->site_count; i++) {
		const struct site *s = l->sites[i];

		for (size_t j = 0; j < s->host_count; j++) {
			size_t n = fit(s->hosts[j], host);

			if (n == SIZE_MAX)
				return s;
			if (n > best_fit) {
				best = s;
				best_fit = n;
			}
		}
	}
	return best;
}

/* --- conditions ------------------------------------------------------------ */

/* Methods are case-sensitive (RFC 9110 9.1). */
static bool lists_method(struct span list, struct span method)
{
	struct span item;

	while (span_item(&list, &item))
		if (span_is(item, method))
			return true;
	return false;
}

static bool fits(const struct when *w, struct span value)
{
	return w->any || span_is(value, w->value);
}

/* Who the client says it has a certificate of is not heard: that goes nowhere. */
static bool has_header(const struct when *w, const struct head *h)
{
	for (unsigned i = 0; i < h->count; i++)
		if (h->fields[i].id != FIELD_X_CLIENT_CERT_SUBJECT && span_same(head_name(h, i), w->name) && fits(w, head_value(h, i)))
			return true;
	return false;
}

/* Cookie pairs; quotes around a value are not the value (RFC 6265 4.1.1). */
static bool has_crumb(const struct when *w, struct span pairs)
{
	while (pairs.len) {
		struct span value = span_cut(&pairs, ';');
		struct span name = span_trim(span_cut(&value, '='));

		value = span_trim(value);
		if (value.len > 1 && value.at[0] == '"' && value.at[value.len - 1] == '"')
			value = span_of(value.at + 1, value.len - 2);
		if (span_is(name, w->name) && fits(w, value))
			return true;
	}
	return false;
}

static bool has_cookie(const struct when *w, const struct head *h)
{
	for (unsigned i = 0; i < h->count; i++)
		if (h->fields[i].id == FIELD_COOKIE && has_crumb(w, head_value(h, i)))
			return true;
	return false;
}

/* The next byte as a server reads it: "%61" is 'a', "+" is a blank. */
static char decoded(struct span *rest)
{
	char c = rest->at[0];
	size_t len = 1;

	if (c == '+') {
		c = ' ';
	} else if (c == '%' && rest->len > 2 && span_hex(rest->at[1]) >= 0 && span_hex(rest->at[2]) >= 0) {
		c = (char)(span_hex(rest->at[1]) << 4 | span_hex(rest->at[2]));
		len = 3;
	}
	*rest = span_of(rest->at + len, rest->len - len);
	return c;
}

static bool same_decoded(struct span sent, struct span plain)
{
	size_t i = 0;

	while (sent.len && i < plain.len)
		if (decoded(&sent) != plain.at[i++])
			return false;
	return sent.len == 0 && i == plain.len;
}

static bool has_query(const struct when *w, struct span query)
{
	struct span pairs = query.len ? span_of(query.at + 1, query.len - 1) : query;

	while (pairs.len) {
		struct span value = span_cut(&pairs, '&');
		struct span name = span_cut(&value, '=');

		if (same_decoded(name, w->name) && (w->any || same_decoded(value, w->value)))
			return true;
	}
	return false;
}

static bool holds(const struct when *w, const struct asked *a)
{
	switch (w->kind) {
	case WHEN_METHOD:
		return lists_method(w->value, a->head->name);
	case WHEN_HEADER:
		return has_header(w, a->head);
	case WHEN_COOKIE:
		return head_has(a->head, FIELD_COOKIE) && has_cookie(w, a->head);
	case WHEN_QUERY:
		return has_query(w, a->path->query);
	default:
		return net_in_any(a->client, w->networks, w->network_count);
	}
}

const struct when *route_obstacle(const struct route *r, const struct asked *a)
{
	for (size_t i = 0; i < r->when_count; i++)
		if (!holds(&r->when[i], a))
			return &r->when[i];
	return NULL;
}

/* --- routes ----------------------------------------------------------------- */

enum route_cover route_cover(const struct route *r, struct span path)
{
	struct span prefix = r->prefix;

	if (prefix.at[prefix.len - 1] != '/')
		return span_is(path, prefix) ? COVER_FULL : COVER_NONE;
	if (path_under(path, prefix))
		return COVER_FULL;
	prefix.len--;
	return span_is(path, prefix) ? COVER_SLASH : COVER_NONE;
}

const struct route *route_of(const struct site *s, const struct asked *a, struct span path, enum route_cover *how)
{
	for (size_t i = 0; i < s->route_count; i++) {
		const struct route *r = s->routes[i];

		*how = route_cover(r, path);
		if (*how != COVER_NONE && !route_obstacle(r, a))
			return r;
	}
	*how = COVER_NONE;
	return NULL;
}

const struct route *route_find(const struct site *s, const struct asked *a, bool *slash)
{
	enum route_cover how;
	const struct route *r = route_of(s, a, a->path->path, &how);

	*slash = how == COVER_SLASH;
	return *slash ? NULL : r;
}

/* --- before any route ---------------------------------------------------------- */

enum { TOKEN_MOST = 128 };

/* base64url without padding (RFC 8555 8.3): no dot, no slash, nothing encoded. */
static bool is_token(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.at[i], low = span_lower(c);

		if (!(low >= 'a' && low <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '_')
			return false;
	}
	return s.len && s.len <= TOKEN_MOST;
}

bool route_is_challenge(struct span path, struct span *token)
{
	const struct span prefix = SPAN("/.well-known/acme-challenge/");

	if (!span_starts(path, prefix))
		return false;
	*token = span_of(path.at + prefix.len, path.len - prefix.len);
	if (!is_token(*token))
		token->len = 0;
	return true;
}

void route_https(struct text *out, struct span host, unsigned port, struct span path, struct span query)
{
	text_lit(out, "https://");
	text_span_add(out, host);
	if (port != 443) {
		text_char(out, ':');
		text_number(out, port);
	}
	text_span_add(out, path);
	text_span_add(out, query);
}

/* --- access ------------------------------------------------------------------ */

static bool permits(const struct options *o, const struct net *client)
{
	if (net_in_any(client, o->deny, o->deny_count))
		return false;
	return !o->allow_count || net_in_any(client, o->allow, o->allow_count);
}

/* A server behind a prefix shows what lies below it and nothing else. (A prefix
 * with encoded bytes looks different in a decoded reading: it confines nothing.) */
static bool confines(const struct route *r)
{
	struct span p = r->prefix;

	return r->kind == ROUTE_PROXY && p.len > 1 && p.at[p.len - 1] == '/' && span_find(p, '%') == p.len;
}

bool route_has_readings(const struct route *r, const struct asked *a)
{
	return !a->path->plain && (r->site->guarded || confines(r));
}

bool route_permits(const struct route *r, const struct net *client)
{
	return permits(&r->options, client);
}

bool route_add_guard(struct guards *g, const struct auth *auth, const struct net *client)
{
	if (!auth || net_in_any(client, auth->open_to, auth->open_to_count))
		return true;
	for (size_t i = 0; i < g->count; i++)
		if (g->at[i] == auth)
			return true;
	if (g->count == ROUTE_GUARDS)
		return false;
	g->at[g->count++] = auth;
	return true;
}

const struct route *route_forbidden(const struct route *r, const struct asked *a, struct guards *g, struct text *room, struct span *reading)
{
	for (unsigned number = 1; path_reading(a->path->path, number, room, reading); number++) {
		enum route_cover how;
		const struct route *other = route_of(r->site, a, *reading, &how);

		if (other && (!permits(&other->options, a->client) || !route_add_guard(g, other->options.auth, a->client)))
			return other;
		if (confines(r) && !path_under(*reading, r->prefix))
			return r;
	}
	return NULL;
}

bool route_allows(const struct route *r, const struct asked *a, struct guards *guards)
{
	char place[GW_TARGET];
	struct text room = text_in(place, sizeof place);
	struct span reading;

	guards->count = 0;
	if (!permits(&r->options, a->client))
		return false;
	route_add_guard(guards, r->options.auth, a->client);
	if (!route_has_readings(r, a))
		return true;
	return !route_forbidden(r, a, guards, &room, &reading) && !room.full;
}

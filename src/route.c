/* SPDX-License-Identifier: MIT
 *
 * route - which site and route does a request belong to, and may it pass?
 *
 * Knows sites, paths, conditions and networks. config has put the routes of a
 * site into the order to try, so that the first one that fits is the one.
 */
#include "route.h"
#include "auth.h"
#include "config_print.h"

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

/* The first condition that does not hold, or NULL. */
static const struct when *obstacle(const struct route *r, const struct asked *a)
{
	for (size_t i = 0; i < r->when_count; i++)
		if (!holds(&r->when[i], a))
			return &r->when[i];
	return NULL;
}

/* --- routes ----------------------------------------------------------------- */

enum cover { COVER_NONE, COVER_SLASH /* but for the final slash */, COVER_FULL };

static enum cover cover(const struct route *r, struct span path)
{
	struct span prefix = r->prefix;

	if (prefix.at[prefix.len - 1] != '/')
		return span_is(path, prefix) ? COVER_FULL : COVER_NONE;
	if (path_under(path, prefix))
		return COVER_FULL;
	prefix.len--;
	return span_is(path, prefix) ? COVER_SLASH : COVER_NONE;
}

/* The route of this reading of the path. */
static const struct route *find(const struct site *s, const struct asked *a, struct span path, enum cover *how)
{
	for (size_t i = 0; i < s->route_count; i++) {
		const struct route *r = s->routes[i];

		*how = cover(r, path);
		if (*how != COVER_NONE && !obstacle(r, a))
			return r;
	}
	*how = COVER_NONE;
	return NULL;
}

const struct route *route_find(const struct site *s, const struct asked *a, bool *slash)
{
	enum cover how;
	const struct route *r = find(s, a, a->path->path, &how);

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

/* Has the path other readings, and do they matter? */
static bool has_readings(const struct route *r, const struct asked *a)
{
	return !a->path->plain && (r->site->guarded || confines(r));
}

bool route_permits(const struct route *r, const struct net *client)
{
	return permits(&r->options, client);
}

/* One more to satisfy, unless it is among them or everybody may pass from there.
 * False: they are too many. */
static bool add_guard(struct guards *g, const struct auth *auth, const struct net *client)
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

/* The first other reading of the path that falls under a route which does not
 * permit this client: that route; or that leads out of the route's own prefix:
 * the route itself. A path with more readings than we can hold is refused as if
 * it were one. NULL: there is none; then the guards of all are in *g. */
static const struct route *forbidden_reading(const struct route *r, const struct asked *a, struct guards *g, struct text *room, struct span *reading)
{
	for (unsigned number = 1; path_reading(a->path->path, number, room, reading); number++) {
		enum cover how;
		const struct route *other = find(r->site, a, *reading, &how);

		if (other && (!permits(&other->options, a->client) || !add_guard(g, other->options.auth, a->client)))
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
	add_guard(guards, r->options.auth, a->client);
	if (!has_readings(r, a))
		return true;
	return !forbidden_reading(r, a, guards, &room, &reading) && !room.full;
}

/* --- explain ------------------------------------------------------------------- */

static void say(struct text *out, const char *what, struct span which, const char *then)
{
	text_str(out, what);
	text_span_add(out, which);
	text_str(out, then);
}

static void say_route(struct text *out, const struct route *r, const char *then)
{
	text_lit(out, "route ");
	text_str(out, r->label);
	if (r->line)
		text_format(out, " (line %d)", r->line);
	text_lit(out, ": ");
	text_str(out, then);
}

static void explain_site(struct text *out, const struct listener *l, const struct site *s, struct span host)
{
	say(out, "host ", host, " on ");
	text_str(out, l->text);
	if (!s) {
		text_lit(out, ": no site answers to this name: 421\n");
		return;
	}
	say(out, ": [site ", span_str(s->label), "]");
	if (s->line)
		text_format(out, " (line %d)", s->line);
	for (size_t i = 0; i < s->host_count; i++)
		say(out, i ? ", " : ", which answers to ", s->hosts[i], "");
	text_char(out, '\n');
}

/* Every route that was in question, up to the one. */
static void explain_routes(struct text *out, const struct site *s, const struct asked *a, const struct route *found)
{
	for (size_t i = 0; i < s->route_count; i++) {
		const struct route *r = s->routes[i];
		const struct when *not;

		if (cover(r, a->path->path) == COVER_NONE)
			continue;
		not = obstacle(r, a);
		if (!not) {
			say_route(out, r, !found ? "a slash is missing at the end: redirect\n" : r->when_count ? "its conditions hold\n" : "the longest that fits\n");
			return;
		}
		say_route(out, r, "");
		say(out, "when=", not->text, " does not hold\n");
	}
	text_lit(out, "no route fits: 404\n");
}

static void explain_access(struct text *out, const struct route *r, const struct asked *a)
{
	const struct options *o = &r->options;
	struct guards guards = {.count = 0};
	char place[GW_TARGET];
	struct text room = text_in(place, sizeof place);
	struct span reading;
	const struct route *other = NULL;

	text_lit(out, "client ");
	net_write(out, a->client);
	if (!permits(o, a->client)) {
		text_str(out, net_in_any(a->client, o->deny, o->deny_count) ? ": in deny: 403\n" : ": not in allow: 403\n");
		return;
	}
	add_guard(&guards, o->auth, a->client);
	if (has_readings(r, a))
		other = forbidden_reading(r, a, &guards, &room, &reading);
	if (other == r) {
		say(out, ": a server might read this path as ", reading, ", outside of this route: 403\n");
	} else if (other) {
		say(out, ": a server might read this path as ", reading, ", and there ");
		say_route(out, other, permits(&other->options, a->client) ? "asks for one log-in too many: 403\n" : "does not permit it: 403\n");
	} else if (room.full) {
		text_lit(out, ": a server might read this path in more ways than can be looked at: 403\n");
	} else {
		text_str(out, o->allow_count || o->deny_count || o->auth ? ": permitted\n" : ": everybody is permitted\n");
	}
}

static void say_names(struct text *out, const struct span *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		text_str(out, i == 0 ? "" : i + 1 < count ? ", " : " or ");
		text_span_add(out, names[i]);
	}
}

/* What is asked before anything goes to the server. */
static void say_auth(struct text *out, const struct auth *auth)
{
	if (auth->ask) {
		say(out, "asks ", span_str(auth->ask->text), " first: with 2xx the request goes on");
		for (size_t i = 0; i < auth->copy_count; i++)
			say(out, i ? ", " : ", with its ", auth->copy[i], "");
		text_lit(out, "; any other answer goes to the client\n");
		return;
	}
	text_lit(out, "asks for the password of ");
	if (auth->require_count)
		say_names(out, auth->require, auth->require_count);
	else
		text_lit(out, "anybody");
	say(out, " in [users ", span_str(auth->users->label), "]");
	if (auth->users->line)
		text_format(out, " (line %d)", auth->users->line);
	text_str(out, auth->form ? ", on a page; who has a session is not asked\n" : ", in the browser's dialog; who has a session is not asked\n");
}

/* Further log-ins that other readings of the path ask for. */
static void explain_readings(struct text *out, const struct route *r, const struct asked *a, struct guards *g)
{
	char place[GW_TARGET];
	struct text room = text_in(place, sizeof place);
	struct span reading;

	for (unsigned number = 1; path_reading(a->path->path, number, &room, &reading); number++) {
		enum cover how;
		const struct route *other = find(r->site, a, reading, &how);
		size_t before = g->count;

		if (!other || !add_guard(g, other->options.auth, a->client) || g->count == before)
			continue;
		say(out, "a server might read this path as ", reading, ", and there ");
		say_route(out, other, "");
		say_auth(out, other->options.auth);
	}
}

/* For a request that route_allows. False: nobody can log in there. */
static bool explain_login(struct text *out, const struct route *r, const struct asked *a)
{
	const struct auth *auth = r->options.auth;
	struct guards g = {.count = 0};

	add_guard(&g, auth, a->client);
	if (g.count)
		say_auth(out, auth);
	else if (auth)
		say(out, "in open_to: ", auth->ask ? span_str(auth->ask->text) : SPAN("no password"), auth->ask ? " is not asked\n" : " is asked for\n");
	if (has_readings(r, a))
		explain_readings(out, r, a, &g);
	for (size_t i = 1; i < g.count; i++)
		if (g.at[i]->users != g.at[0]->users || g.at[i]->ask != g.at[0]->ask) {
			text_lit(out, "these are different log-ins, and nobody has both: 403\n");
			return false;
		}
	return true;
}

static void explain_limits(struct text *out, const struct options *o)
{
	if (!o->limit && !o->crowd && !o->max_body && !o->bandwidth)
		return;
	print_limits(o, out, "with ");
	text_char(out, '\n');
}

static void explain_target(struct text *out, const struct route *r, const struct target *t, const struct path *path)
{
	struct span rest = path->path;

	text_lit(out, "goes to ");
	if (t->server->tls)
		text_lit(out, "https://");
	else if (!t->server->path)
		text_lit(out, "http://");
	text_str(out, t->server->name);
	if (t->server->path)
		text_char(out, ':');
	if (t->base.len) {
		text_span_add(out, t->base);
		rest = span_of(rest.at + r->prefix.len, rest.len - r->prefix.len);
	}
	text_span_add(out, rest);
	text_span_add(out, path->query);
	if (t->weight != 1)
		text_format(out, " weight=%u", t->weight);
	if (t->backup)
		text_lit(out, " backup");
	text_char(out, '\n');
}

static void explain_end(struct text *out, const struct route *r, const struct path *path)
{
	if (r->kind == ROUTE_REPLY)
		text_format(out, "is answered here: %u\n", r->status);
	if (r->kind == ROUTE_REDIRECT) {
		text_format(out, "is redirected (%u) to ", r->status);
		text_span_add(out, r->location);
		if (r->location.at[r->location.len - 1] == '/') {
			text_add(out, path->path.at + r->prefix.len, path->path.len - r->prefix.len);
			text_span_add(out, path->query);
		}
		text_char(out, '\n');
	}
	for (size_t i = 0; i < r->target_count; i++)
		explain_target(out, r, &r->targets[i], path);
}

/* Paths that gateway answers itself where there is a login page. */
static bool is_own(struct span path)
{
	return span_is(path, SPAN(PAGE_LOGIN)) || span_is(path, SPAN(PAGE_LOGOUT));
}

/* What is answered before any route is looked for; true: that is all. */
static bool explain_before(struct text *out, const struct listener *l, const struct site *s, const struct asked *a)
{
	struct span token;

	if (s->acme_dir && route_is_challenge(a->path->path, &token)) {
		say(out, "path ", a->path->path, token.len ? ": an ACME challenge, answered from " : ": no name of an ACME challenge: 404\n");
		say(out, token.len ? s->acme_dir : "", SPAN(""), token.len ? "\n" : "");
		return true;
	}
	if (l->redirect) {
		bool safe = a->head->method == METHOD_GET || a->head->method == METHOD_HEAD;

		text_str(out, safe ? "is redirected (301) to " : "is redirected (308) to ");
		route_https(out, a->host, l->https_port, a->path->path, a->path->query);
		text_char(out, '\n');
		return true;
	}
	if (s->tls.client_ca && !l->tls) {
		text_lit(out, "this site asks for client certificates, and here nobody can show one: 403\n");
		return true;
	}
	if (s->tls.client_ca)
		text_lit(out, "the client must show a certificate\n");
	if (!s->form || !is_own(a->path->path))
		return false;
	say(out, "path ", a->path->path, ": where people log in and out, answered here\n");
	return true;
}

void route_explain(const struct listener *l, const struct asked *a, struct text *out)
{
	const struct site *s = route_site(l, a->host);
	const struct route *r;
	struct guards guards;
	bool slash;

	explain_site(out, l, s, a->host);
	if (!s || explain_before(out, l, s, a))
		return;
	r = route_find(s, a, &slash);
	say(out, "path ", a->path->path, "\n");
	explain_routes(out, s, a, r);
	if (!r)
		return;
	explain_access(out, r, a);
	if (!route_allows(r, a, &guards))
		return;
	explain_limits(out, &r->options);
	if (explain_login(out, r, a))
		explain_end(out, r, a->path);
}

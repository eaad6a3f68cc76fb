/* SPDX-License-Identifier: MIT
 *
 * route_explain - how does a request find its way, in words?
 *
 * Asks what route.c asks, and says what comes of it.
 */
#include "route_parts.h"
#include "auth.h"
#include "config_print.h"
#include "query.h"

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

		if (route_cover(r, a->path->path) == COVER_NONE)
			continue;
		not = route_obstacle(r, a);
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
	if (!route_permits(r, a->client)) {
		text_str(out, net_in_any(a->client, o->deny, o->deny_count) ? ": in deny: 403\n" : ": not in allow: 403\n");
		return;
	}
	route_add_guard(&guards, o->auth, a->client);
	if (route_has_readings(r, a))
		other = route_forbidden(r, a, &guards, &room, &reading);
	if (other == r) {
		say(out, ": a server might read this path as ", reading, ", outside of this route: 403\n");
	} else if (other) {
		say(out, ": a server might read this path as ", reading, ", and there ");
		say_route(out, other, route_permits(other, a->client) ? "asks for one log-in too many: 403\n" : "does not permit it: 403\n");
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
		enum route_cover how;
		const struct route *other = route_of(r->site, a, reading, &how);
		size_t before = g->count;

		if (!other || !route_add_guard(g, other->options.auth, a->client) || g->count == before)
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

	route_add_guard(&g, auth, a->client);
	if (g.count)
		say_auth(out, auth);
	else if (auth)
		say(out, "in open_to: ", auth->ask ? span_str(auth->ask->text) : SPAN("no password"), auth->ask ? " is not asked\n" : " is asked for\n");
	if (route_has_readings(r, a))
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

static bool is_cached(const struct route *r, const struct asked *a)
{
	return r->options.cache && (a->head->method == METHOD_GET || a->head->method == METHOD_HEAD);
}

/* What this request may get from the cache, or leave in it. */
static void explain_cache(struct text *out, const struct route *r, const struct asked *a)
{
	const struct cache_rule *rule = r->options.cache;

	if (!rule)
		return;
	text_lit(out, "cache: ");
	if (!is_cached(r, a)) {
		text_lit(out, "only GET and HEAD are answered from it\n");
		return;
	}
	print_cache_words(rule, out);
	text_char(out, '\n');
	if (rule->fresh.mode == FRESH_FORCE)
		return;
	if (head_has(a->head, FIELD_AUTHORIZATION) || r->options.auth || r->site->tls.client_ca)
		text_lit(out, "cache: who logs in gets from it what the server gives to all: public, s-maxage or must-revalidate\n");
	else if (head_has(a->head, FIELD_COOKIE))
		text_lit(out, "cache: with a Cookie only what the server gives a lifetime, or calls public\n");
}

/* The query as it goes up: what does not count is not sent. */
static void say_query(struct text *out, const struct route *r, const struct asked *a)
{
	const struct cache_rule *rule = r->options.cache;

	if (is_cached(r, a))
		query_reduce(out, a->path->query, rule->drop, rule->drop_count, rule->sort);
	else
		text_span_add(out, a->path->query);
}

static void explain_target(struct text *out, const struct route *r, const struct target *t, const struct asked *a)
{
	struct span rest = a->path->path;

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
	say_query(out, r, a);
	if (t->weight != 1)
		text_format(out, " weight=%u", t->weight);
	if (t->backup)
		text_lit(out, " backup");
	text_char(out, '\n');
}

static void explain_end(struct text *out, const struct route *r, const struct asked *a)
{
	const struct path *path = a->path;

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
		explain_target(out, r, &r->targets[i], a);
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
	if (!explain_login(out, r, a))
		return;
	explain_cache(out, r, a);
	explain_end(out, r, a);
}

/* SPDX-License-Identifier: MIT
 *
 * build - what follows from a draft?
 *
 * Puts gateway, sites and routes into their final tables and inherits options
 * along the way.
 */
#include "config_build.h"
#include "config_auth.h"
#include "config_cache.h"
#include "config_files.h"
#include "config_network.h"
#include "config_option.h"
#include "config_session.h"
#include "config_users.h"
#include "config_where.h"
#include "../platform/platform.h"
#include <stdlib.h>

#define HSTS_LONGEST (INT64_C(10) * 365 * 86400 * 1000)

/* --- [gateway] -------------------------------------------------------------- */

static int64_t number(const struct level *l, enum key_id id)
{
	return level_number(l, id, key_of(id)->standard);
}

static const char *text_of(const struct level *l, enum key_id id, const char *otherwise)
{
	const struct setting *s = level_get(l, id);

	return s ? s->text.at : otherwise;
}

static const char *log_target(struct faults *f, const struct level *l, enum key_id id)
{
	static const struct span names[] = {{"stderr", 6}, {"syslog", 6}, {"off", 3}};
	const struct setting *s = level_get(l, id);
	const char *near = "";

	if (!s || span_find(s->text, '/') < s->text.len)
		return s ? s->text.at : "stderr";
	for (size_t i = 0; i < 3; i++) {
		if (span_is(s->text, names[i]))
			return s->text.at;
		if (word_is_near(word_distance(s->text, names[i]), names[i]))
			near = names[i].at;
	}
	if (*near)
		fault_at(f, s->line, "%s: unknown word '%s' (did you mean '%s'?)", s->key->name.at, s->text.at, near);
	else
		fault_at(f, s->line, "%s: '%s' is neither stderr, syslog, off nor a file with a '/' in its path", s->key->name.at, s->text.at);
	return "stderr";
}

static enum log_format log_format(struct faults *f, const struct level *l)
{
	const struct setting *s = level_get(l, KEY_LOG_FORMAT);

	if (!s || span_is(s->text, SPAN("combined")))
		return LOG_COMBINED;
	if (!span_is(s->text, SPAN("json")))
		fault_at(f, s->line, "log_format: '%s' is neither combined nor json", s->text.at);
	return LOG_JSON;
}

static void take_numbers(struct config *c, const struct level *l)
{
	c->workers = (int)number(l, KEY_WORKERS);
	c->clients = (uint32_t)number(l, KEY_CLIENTS);
	c->requests = (uint32_t)number(l, KEY_REQUESTS);
	c->per_client = (uint32_t)number(l, KEY_PER_CLIENT);
	c->idle_links = (uint32_t)number(l, KEY_IDLE_LINKS);
	c->buffer = (uint32_t)number(l, KEY_BUFFER);
	c->head_timeout = number(l, KEY_HEAD_TIMEOUT);
	c->idle_timeout = number(l, KEY_IDLE_TIMEOUT);
	c->handshake_timeout = number(l, KEY_HANDSHAKE_TIMEOUT);
	c->link_timeout = number(l, KEY_LINK_TIMEOUT);
	c->send_timeout = number(l, KEY_SEND_TIMEOUT);
	c->linger_timeout = number(l, KEY_LINGER_TIMEOUT);
	c->drain_timeout = number(l, KEY_DRAIN_TIMEOUT);
	c->reload_timeout = number(l, KEY_RELOAD_TIMEOUT);
	c->resolve_interval = number(l, KEY_RESOLVE_INTERVAL);
}

/* NULL: only who has a certificate or a session to keep there needs one. */
static const char *standard_state(struct arena *a)
{
	const char *home = platform_home();
	size_t size;
	struct text path;

	if (platform_is_root())
		return "/var/lib/gateway";
	if (!home)
		return NULL;
	size = strlen(home) + sizeof "/.local/state/gateway";
	path = text_in(arena_take(a, size + 1), size);
	text_str(&path, home);
	text_lit(&path, "/.local/state/gateway");
	return path.at;
}

static void take_gateway(struct draft *d, struct config *c)
{
	const struct level *l = &d->gateway;

	take_numbers(c, l);
	c->user = text_of(l, KEY_USER, NULL);
	c->group = text_of(l, KEY_GROUP, NULL);
	c->access_log = log_target(d->faults, l, KEY_ACCESS_LOG);
	c->error_log = log_target(d->faults, l, KEY_ERROR_LOG);
	c->state = text_of(l, KEY_STATE, NULL);
	if (!c->state)
		c->state = standard_state(d->faults->arena);
	c->log_format = (uint8_t)log_format(d->faults, l);
	network_rows(d, l, KEY_TRUSTED, &c->trusted, &c->trusted_count, 0);
}

/* --- sites -------------------------------------------------------------------- */

static size_t count_items(const struct level *l, enum key_id id)
{
	struct span list, item;
	size_t count = 0;

	for (const struct setting *s = level_get(l, id); s; s = level_more(s))
		for (list = s->text; word_item(&list, &item);)
			count++;
	return count;
}

static void take_hosts(struct faults *f, struct site *site, const struct draft_site *d)
{
	struct span *hosts = ARENA_ROW(f->arena, struct span, count_items(&d->level, KEY_HOST) + 1);
	const struct setting *s = level_get(&d->level, KEY_HOST);
	struct span list, item;

	site->hosts = hosts;
	if (!s)
		site->host_count = where_host(f, d->line, d->label, hosts);
	for (; s; s = level_more(s))
		for (list = s->text; word_item(&list, &item);)
			site->host_count += where_host(f, s->line, item, &hosts[site->host_count]);
}

/* "1y includeSubDomains preload" as the field's value (RFC 6797 6.1). */
static struct span compose_hsts(struct faults *f, const struct setting *s)
{
	struct text t = text_in(arena_take(f->arena, 80), 80);
	struct span rest = s->text, word;
	bool subdomains = false, preload = false;
	int64_t ms = 0;

	if (span_is(s->text, SPAN("off")) || !word_next(f, s->line, &rest, &word))
		return span_of(NULL, 0);
	if (!word_time(word, &ms) || ms % 1000 || ms > HSTS_LONGEST)
		fault_at(f, s->line, "hsts: '%.*s' is neither off nor a time such as 180d or 1y, at most 10y", SHOW(word));
	while (word_next(f, s->line, &rest, &word)) {
		if (span_same(word, SPAN("includeSubDomains")))
			subdomains = true;
		else if (span_same(word, SPAN("preload")))
			preload = true;
		else
			fault_at(f, s->line, "hsts: unknown word '%.*s': there are includeSubDomains and preload", SHOW(word));
	}
	text_lit(&t, "max-age=");
	text_number(&t, (uint64_t)ms / 1000);
	text_str(&t, subdomains ? "; includeSubDomains" : "");
	text_str(&t, preload ? "; preload" : "");
	return text_span(&t);
}

static const struct setting *inner(const struct draft_site *s, const struct draft *d, enum key_id id)
{
	const struct setting *own = level_get(&s->level, id);

	return own ? own : level_get(&d->gateway, id);
}

static void take_site(struct draft *d, struct site *site, const struct draft_site *s)
{
	const struct setting *hsts = inner(s, d, KEY_HSTS), *acme = inner(s, d, KEY_ACME_DIR);

	site->label = s->label.at;
	site->line = s->line;
	site->acme_dir = acme ? acme->text.at : NULL;
	if (hsts)
		site->hsts = compose_hsts(d->faults, hsts);
	take_hosts(d->faults, site, s);
}

static void take_sites(struct draft *d, struct config *c)
{
	size_t i = 0;

	for (const struct draft_site *s = d->sites; s; s = s->next)
		c->site_count++;
	c->sites = ARENA_ROW(d->faults->arena, struct site, c->site_count);
	for (const struct draft_site *s = d->sites; s; s = s->next)
		take_site(d, &c->sites[i++], s);
	if (!c->site_count && !d->faults->count)
		fault_at(d->faults, 0, "there is no site: add [site *] with a line such as '/ = http://192.168.1.2:8080'%s",
			 level_get(&d->gateway, KEY_LISTEN) ? "" : ", and [gateway] with 'listen = :80'");
}

/* --- routes and servers ---------------------------------------------------------- */

struct build {
	struct draft *draft;
	struct config *config;
	struct build_route *routes; /* of all sites, in the order of the file */
	struct target *targets;     /* room for all */
};

/* What the level below inherits. */
struct heritage {
	struct options options;
	struct tls_wish wish;
	struct auth_said auth;
	struct cache_rule cache;
};

static struct heritage inherit(struct build *b, const struct heritage *outer, const struct level *own, bool leaf)
{
	struct heritage h = {
		option_inherit(b->draft, &outer->options, own),
		option_wish(b->draft->faults, &outer->wish, own),
		outer->auth,
		outer->cache,
	};
	struct options *o = &h.options;

	cache_inherit(b->draft, &h.cache, own, b->config->cache);
	auth_inherit(b->draft, b->config, &h.auth, own, &h.wish, leaf, o);
	o->checks = o->auth || o->limit || o->crowd || o->max_body || o->bandwidth;
	return h;
}

const struct server *build_server(struct config *c, const struct server *s)
{
	struct server *new = &c->servers[c->server_count];

	for (size_t i = 0; i < c->server_count; i++)
		if (where_same_server(&c->servers[i], s))
			return &c->servers[i];
	*new = *s;
	new->number = (uint16_t)c->server_count++;
	return new;
}

/* Groups stand one behind the other, in the order of c->routes. */
static void take_targets(struct build *b, struct route *r, struct build_target *targets, const struct tls_wish *wish)
{
	struct target *row = b->targets + b->config->target_count;

	r->targets = row;
	r->group = (uint16_t)b->config->target_count;
	for (struct build_target *t = targets; t; t = t->next, row++) {
		*row = t->target;
		if (t->https)
			t->server.tls = tls_build_server(b->draft, wish, &t->server);
		row->server = build_server(b->config, &t->server);
	}
	b->config->target_count += r->target_count;
}

/* Conditional ones in the order of the file; then exact ones, which match one
 * path only; then the longest prefix. */
static int by_turn(const void *one, const void *other)
{
	const struct route *a = *(struct route *const *)one;
	const struct route *b = *(struct route *const *)other;
	bool a_exact = a->prefix.at[a->prefix.len - 1] != '/';
	bool b_exact = b->prefix.at[b->prefix.len - 1] != '/';

	if (!a->when_count != !b->when_count)
		return a->when_count ? -1 : 1;
	if (!a->when_count && a_exact != b_exact)
		return a_exact ? -1 : 1;
	if (!a->when_count && a->prefix.len != b->prefix.len)
		return a->prefix.len > b->prefix.len ? -1 : 1;
	return a->number < b->number ? -1 : 1;
}

static void take_route(struct build *b, const struct build_route *made, struct site *site, const struct heritage *outer)
{
	struct route *r = &b->config->routes[b->config->route_count];
	struct heritage own = inherit(b, outer, &made->level, true);

	*r = made->route;
	r->site = site;
	r->number = (uint16_t)b->config->route_count++;
	r->options = own.options;
	if (r->options.auth || r->options.allow_count)
		option_keep_private(b->draft->faults, r->line, &r->options);
	take_targets(b, r, made->targets, &own.wish);
	r->options.cache = cache_of(b->draft->faults, &own.cache, r, &own.wish);
	if (!r->options.cache)
		cache_warn(b->draft->faults, &made->level);
	site->guarded |= r->options.allow_count || r->options.deny_count;
	site->route_count++;
}

/* Its routes stand from `first` on. */
static void sort_routes(struct arena *a, struct site *site, struct route *first)
{
	struct route **turns = ARENA_ROW(a, struct route *, site->route_count + 1);

	for (size_t i = 0; i < site->route_count; i++)
		turns[i] = &first[i];
	qsort(turns, site->route_count, sizeof *turns, by_turn);
	site->routes = turns;
}

static void take_site_routes(struct build *b, const struct draft_site *s, struct site *site, const struct heritage *gateway)
{
	struct faults *f = b->draft->faults;
	struct heritage own = inherit(b, gateway, &s->level, false);
	struct route *first = &b->config->routes[b->config->route_count];

	for (const struct build_route *r = b->routes; r; r = r->next)
		if (r->site == s)
			take_route(b, r, site, &own);
	if (!cache_is_kept(first, site->route_count))
		cache_warn(f, &s->level);
	sort_routes(f->arena, site, first);
	b->config->guards |= auth_mark_site(f->arena, site);
	if (s->routed)
		return;
	if (f->file)
		fault_at(f, s->line, "[site %s] has no route: add a line such as '/ = http://192.168.1.2:8080'", site->label);
	else if (!f->count)
		fault_at(f, 0, "there is no route: add a word such as /=http://192.168.1.2:8080");
}

static size_t is_asked(const struct level *l)
{
	const struct setting *s = level_get(l, KEY_AUTH);

	return s && auth_asks(s->text);
}

/* What gateway tells servers about users, no client may tell them: not on another
 * route, either, which may lead to the same server. */
static void take_routes(struct build *b)
{
	struct faults *f = b->draft->faults;
	struct config *c = b->config;
	struct heritage standard = {.options = option_standard(), .auth = auth_standard(), .cache = cache_standard()}, gateway;
	const struct draft_site *s = b->draft->sites;
	size_t routes = 0, targets = 0, asked = is_asked(&b->draft->gateway);

	for (const struct build_route *r = b->routes; r; r = r->next) {
		routes++;
		targets += r->route.target_count;
		asked += is_asked(&r->level);
		option_hide(f, &standard.options, &r->level);
	}
	for (; s; s = s->next) {
		asked += is_asked(&s->level);
		option_hide(f, &standard.options, &s->level);
	}
	option_hide(f, &standard.options, &b->draft->gateway);
	c->routes = ARENA_ROW(f->arena, struct route, routes + 1);
	c->servers = ARENA_ROW(f->arena, struct server, targets + asked);
	b->targets = ARENA_ROW(f->arena, struct target, targets + 1);
	gateway = inherit(b, &standard, &b->draft->gateway, false);
	s = b->draft->sites;
	for (size_t i = 0; i < c->site_count; i++, s = s->next)
		take_site_routes(b, s, &c->sites[i], &gateway);
}

/* --- TLS ------------------------------------------------------------------------------ */

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static size_t count_https(const struct config *c)
{
	size_t count = 0;

	for (size_t i = 0; i < c->server_count; i++)
		count += c->servers[i].tls != NULL;
	return count;
}

static void count_accepted(struct faults *f, const struct level *l, struct config *c)
{
	const struct setting *s = level_get(l, KEY_TLS_CLIENTS);

	if (s && s->number > c->clients)
		fault_at(f, s->line, "tls_clients: '%s' is more than 'clients', %u", s->text.at, c->clients);
	c->tls.accepted = s ? (uint32_t)s->number : c->clients;
	c->tls.handshakes = least((uint32_t)number(l, KEY_HANDSHAKES), c->tls.accepted);
	c->tls.buffers = c->requests;
}

/* Listeners and servers are there; whether some site asks for certificates has been
 * found with its files. */
static void count_tls(struct faults *f, const struct level *l, struct config *c)
{
	uint64_t servers = count_https(c), idle = servers * c->idle_links;
	bool accepts = false;

	for (size_t i = 0; i < c->listener_count; i++)
		accepts |= c->listeners[i].tls;
	if (accepts)
		count_accepted(f, l, c);
	if (servers) {
		uint32_t asking = c->requests + (c->cache ? GW_ERRANDS : 0);

		c->tls.connected = asking + (idle < c->requests ? (uint32_t)idle : c->requests);
		c->tls.greetings = asking;
		c->tls.buffers += asking;
	}
	c->tls.large = least(8, c->tls.buffers);
}

/* --- all -------------------------------------------------------------------------- */

/* No product of these may come near what a size_t of 32 bits holds. */
static void check_memory(struct faults *f, const struct level *l, const struct config *c)
{
	const struct setting *cache = c->cache ? level_get(l, KEY_CACHE) : NULL;
	const char *with = cache ? ", with cache = " : "", *size = cache ? cache->text.at : "";
	struct tls_term tls[TLS_TERMS];
	uint64_t bytes = (uint64_t)c->requests * (2 * (uint64_t)c->buffer + 65536);

	tls_terms(&c->tls, tls);
	for (size_t i = 0; i < TLS_TERMS; i++)
		bytes += (uint64_t)tls[i].count * tls[i].size;
	bytes += (uint64_t)c->clients * 512 + (uint64_t)c->idle_links * c->server_count * 512 + c->cache;
	if (bytes <= INT32_MAX)
		return;
	if (c->tls.accepted)
		fault_at(f, 0, "clients = %u, requests = %u, buffer = %u, idle_links = %u, tls_clients = %u and handshakes = %u take more than 2 GB together%s%s",
			 c->clients, c->requests, c->buffer, c->idle_links, c->tls.accepted, c->tls.handshakes, with, size);
	else
		fault_at(f, 0, "clients = %u, requests = %u, buffer = %u and idle_links = %u take more than 2 GB together%s%s", c->clients, c->requests,
			 c->buffer, c->idle_links, with, size);
}

/* Worked out here, so that most requests need ask one question. */
static void mark_special(struct config *c)
{
	for (size_t i = 0; i < c->listener_count; i++) {
		struct listener *l = &c->listeners[i];

		l->special = l->tls || l->redirect;
		for (size_t j = 0; j < l->site_count; j++)
			l->special |= l->sites[j]->acme_dir || l->sites[j]->tls.client_ca || l->sites[j]->form;
	}
}

struct config *build_config(struct draft *d)
{
	struct build b = {.draft = d, .config = ARENA_NEW(d->faults->arena, struct config)};

	take_gateway(d, b.config);
	b.config->cache = cache_size(d);
	take_sites(d, b.config);
	users_read(d, b.config);
	b.routes = build_routes(d);
	take_routes(&b);
	cache_settle(d, b.config);
	build_listeners(d, b.config);
	tls_build_sites(d, b.config);
	session_watch(d, b.config);
	files_list(d, b.config);
	mark_special(b.config);
	count_tls(d->faults, &d->gateway, b.config);
	check_memory(d->faults, &d->gateway, b.config);
	return b.config;
}

/* SPDX-License-Identifier: MIT
 *
 * build_listen - which sockets are there, and which sites answer on each?
 *
 * Sites with a `listen` of their own answer there and nowhere else, all others
 * on those of [gateway].
 */
#include "config_build.h"
#include "config_where.h"

struct site_at {
	const struct site *site;
	struct site_at *next;
};

struct build_listener {
	struct listener listener;
	struct site_at *sites;
	struct site_at **end;
	struct build_listener *next;
};

struct build_listeners {
	struct faults *faults;
	struct build_listener *all;
	struct build_listener **end;
	size_t count;
};

/* --- sockets ------------------------------------------------------------ */

/* What may stand behind the address. */
static bool read_listen_words(struct faults *f, int line, struct span rest, struct listener *l)
{
	struct span word;
	bool good = true;

	while (word_next(f, line, &rest, &word)) {
		const char *hint = where_listen_hint(word);

		if (where_listen_word(word, l)) {
			good &= !key_is_missing(f, line, word, l->tls || l->redirect ? GW_TLS : 0);
			continue;
		}
		good = false;
		if (hint)
			fault_at(f, line, "listen: unknown word '%.*s' (did you mean '%s'?)", SHOW(word), hint);
		else
			fault_at(f, line, "listen: unknown word '%.*s'; one address stands in a line", SHOW(word));
	}
	if (l->tls && l->redirect)
		fault_at(f, line, "listen: '%s' is either 'tls' or a 'redirect' to it", l->text);
	return good && !(l->tls && l->redirect);
}

static void agree_on(struct faults *f, int line, const struct listener *old, bool before, bool now, const char *word)
{
	if (before != now)
		fault_at(f, line, "listen: '%s' is already in line %d, but %s '%s'", old->text, old->line, before ? "with" : "without", word);
}

static bool agrees(struct faults *f, int line, const struct listener *old, const struct listener *new)
{
	if (where_same_listen(old, new)) {
		agree_on(f, line, old, old->proxy, new->proxy, "proxy");
		agree_on(f, line, old, old->tls, new->tls, "tls");
		agree_on(f, line, old, old->redirect, new->redirect, "redirect");
		return true;
	}
	if (where_overlap(old, new))
		fault_at(f, line, "listen: '%s' takes connections that '%s' in line %d takes, too", new->text, old->text, old->line);
	return false;
}

/* NULL after a fault. */
static struct build_listener *take_listen(struct build_listeners *b, const struct setting *s)
{
	struct build_listener *new;
	struct span rest = s->text, word;
	struct listener l;

	if (!word_next(b->faults, s->line, &rest, &word) || !where_listen(b->faults, s->line, word, &l))
		return NULL;
	if (!read_listen_words(b->faults, s->line, rest, &l))
		return NULL;
	for (struct build_listener *old = b->all; old; old = old->next)
		if (agrees(b->faults, s->line, &old->listener, &l))
			return old;
	new = ARENA_NEW(b->faults->arena, struct build_listener);
	new->listener = l;
	new->end = &new->sites;
	*b->end = new;
	b->end = &new->next;
	b->count++;
	return new;
}

/* --- who answers where --------------------------------------------------- */

static bool share_host(const struct site *a, const struct site *b, struct span *host)
{
	for (size_t i = 0; i < a->host_count; i++)
		for (size_t j = 0; j < b->host_count; j++)
			if (span_is(a->hosts[i], b->hosts[j])) {
				*host = a->hosts[i];
				return true;
			}
	return false;
}

static void add_site(struct build_listeners *b, struct build_listener *l, const struct site *site)
{
	struct site_at *at = ARENA_NEW(b->faults->arena, struct site_at);
	struct span host;

	for (const struct site_at *other = l->sites; other; other = other->next) {
		if (other->site == site)
			return; /* the same address twice */
		if (share_host(other->site, site, &host))
			fault_at(b->faults, site->line, "host '%.*s' on '%s' belongs to the site in line %d already", SHOW(host), l->listener.text,
				 other->site->line);
	}
	at->site = site;
	*l->end = at;
	l->end = &at->next;
	l->listener.site_count++;
}

/* Those of [gateway] have been taken before: the same words find them again. */
static void add_sites(struct build_listeners *b, const struct draft *d, struct config *c)
{
	const struct draft_site *s = d->sites;

	for (size_t i = 0; i < c->site_count; i++, s = s->next) {
		const struct setting *own = level_get(&s->level, KEY_LISTEN);
		const struct setting *l = own ? own : level_get(&d->gateway, KEY_LISTEN);

		if (!l && b->faults->file)
			fault_at(b->faults, 0, "nothing listens: add 'listen = :80' to [gateway]");
		else if (!l && !b->faults->count)
			fault_at(b->faults, 0, "nothing listens: begin with an address such as :8080");
		for (; l; l = level_more(l)) {
			struct build_listener *at = take_listen(b, l);

			if (at)
				add_site(b, at, &c->sites[i]);
		}
	}
}

/* --- what TLS demands ------------------------------------------------------ */

static bool answers(const struct build_listener *l, const struct site *site)
{
	for (const struct site_at *at = l->sites; at; at = at->next)
		if (at->site == site)
			return true;
	return false;
}

/* Where a browser finds the site by https, on this port or (0) on any; 0: nowhere. */
static uint16_t https_port(const struct build_listeners *b, const struct site *site, uint16_t port)
{
	for (const struct build_listener *l = b->all; l; l = l->next)
		if (l->listener.tls && l->listener.address.port && (!port || l->listener.address.port == port) && answers(l, site))
			return l->listener.address.port;
	return 0;
}

static uint16_t choose_port(const struct build_listeners *b, const struct build_listener *l)
{
	uint16_t port = 0;

	for (const struct site_at *at = l->sites; at; at = at->next) {
		if (https_port(b, at->site, 443))
			return 443;
		if (!port)
			port = https_port(b, at->site, 0);
	}
	return port;
}

/* A redirect knows one port, and all its sites have to be there. */
static void lead(struct build_listeners *b, struct build_listener *l)
{
	struct faults *f = b->faults;
	uint16_t port = choose_port(b, l);

	l->listener.https_port = port;
	if (!port && l->sites)
		fault_at(f, l->listener.line, "listen: '%s' redirects to https, but nothing answers there: add '%s:443 tls'", l->listener.text,
			 f->file ? "listen = " : "");
	for (const struct site_at *at = l->sites; port && at; at = at->next) {
		uint16_t other = https_port(b, at->site, 0);

		if (!other)
			fault_at(f, l->listener.line, "listen: '%s' redirects to https, but [site %s] answers on no 'tls' listener", l->listener.text,
				 at->site->label);
		else if (!https_port(b, at->site, port))
			fault_at(f, l->listener.line, "listen: '%s' redirects to port %u, but [site %s] has https on port %u", l->listener.text, port,
				 at->site->label, other);
	}
}

/* What means nothing without TLS. (Certificates that no site uses are tls's.) */
static void warn_plain(struct build_listeners *b, const struct draft *d, const struct config *c, bool some)
{
	static const enum key_id ids[] = {KEY_CERT, KEY_KEY, KEY_HSTS};
	const struct draft_site *s = d->sites;

	for (size_t i = 0; i < sizeof ids / sizeof *ids && !some; i++) {
		const struct setting *said = level_get(&d->gateway, ids[i]);

		if (said && !span_is(said->text, SPAN("off")))
			fault_warn(b->faults, said->line, "'%s' is for 'tls' listeners, and there is none: add 'listen = :443 tls'",
				   said->key->name.at);
	}
	for (size_t i = 0; i < c->site_count; i++, s = s->next) {
		const struct setting *hsts = level_get(&s->level, KEY_HSTS);

		if (hsts && !c->sites[i].secure && c->sites[i].hsts.len)
			fault_warn(b->faults, hsts->line, "'hsts' is for 'tls' listeners, and [site %s] answers on none", c->sites[i].label);
	}
}

/* True: somebody listens for TLS. */
static bool take_secure(const struct build_listeners *b, struct config *c)
{
	bool some = false;

	for (const struct build_listener *l = b->all; l; l = l->next) {
		for (const struct site_at *at = l->sites; at; at = at->next)
			c->sites[at->site - c->sites].secure |= l->listener.tls;
		some |= l->listener.tls;
	}
	return some;
}

static void check_redirects(struct build_listeners *b)
{
	for (struct build_listener *l = b->all; l; l = l->next)
		if (l->listener.redirect)
			lead(b, l);
}

/* --- all ---------------------------------------------------------------------- */

static void finish(struct build_listeners *b, struct config *c)
{
	c->listeners = ARENA_ROW(b->faults->arena, struct listener, b->count);
	for (struct build_listener *l = b->all; l; l = l->next) {
		if (l->listener.proxy && !l->listener.path && !c->trusted_count)
			fault_at(b->faults, l->listener.line, "listen: 'proxy' takes connections from 'trusted' peers only, and [gateway] names none");
		const struct site **row = ARENA_ROW(b->faults->arena, const struct site *, l->listener.site_count + 1);
		size_t n = 0;

		for (const struct site_at *at = l->sites; at; at = at->next)
			row[n++] = at->site;
		l->listener.sites = row;
		if (!n && c->site_count)
			fault_at(b->faults, l->listener.line, "listen: no site answers on '%s', since each has a 'listen' of its own", l->listener.text);
		c->listeners[c->listener_count++] = l->listener;
	}
}

void build_listeners(struct draft *d, struct config *c)
{
	struct build_listeners b = {.faults = d->faults};
	size_t faults = d->faults->count;
	bool some;

	b.end = &b.all;
	for (const struct setting *l = level_get(&d->gateway, KEY_LISTEN); l; l = level_more(l))
		take_listen(&b, l);
	add_sites(&b, d, c);
	some = take_secure(&b, c);
	if (d->faults->count == faults) { /* else what is missing may stand in a line that could not be read */
		check_redirects(&b);
		warn_plain(&b, d, c, some);
	}
	finish(&b, c);
}

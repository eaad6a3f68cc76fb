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
		if (span_is(word, SPAN("proxy"))) {
			l->proxy = true;
			continue;
		}
		good = false;
		if (!key_is_later(f, line, word))
			fault_at(f, line, "listen: unknown word '%.*s'%s", SHOW(word),
				 word_is_near(word_distance(word, SPAN("proxy")), SPAN("proxy")) ? " (did you mean 'proxy'?)" : "; one address stands in a line");
	}
	return good;
}

static bool agrees(struct faults *f, int line, const struct listener *old, const struct listener *new)
{
	if (where_same_listen(old, new)) {
		if (old->proxy != new->proxy)
			fault_at(f, line, "listen: '%s' is already in line %d, but %s 'proxy'", new->text, old->line, old->proxy ? "with" : "without");
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

	b.end = &b.all;
	for (const struct setting *l = level_get(&d->gateway, KEY_LISTEN); l; l = level_more(l))
		take_listen(&b, l);
	add_sites(&b, d, c);
	finish(&b, c);
}

/* SPDX-License-Identifier: MIT
 *
 * supervisor_answer - what is said to who asks a running gateway?
 */
#include "supervisor_answer.h"
#include "control.h"
#include "path.h"
#include "query.h"
#include "route.h"

#include <inttypes.h>

enum { LONGEST = sizeof "https://:65535" + GW_NAME + GW_TARGET }; /* URL that anything is kept of */

/* We have no slot there: we neither read nor write what is kept. */
static struct cache_user user_of(const struct store *s)
{
	return (struct cache_user){s->cache, s->slots, (uint32_t)platform_pid()};
}

/* --- the report --------------------------------------------------------------- */

static void write_percent(struct text *out, uint64_t part, uint64_t whole)
{
	text_tenths(out, 100 * part, whole ? whole : 1);
	text_lit(out, " %");
}

/* Of requests that it could have answered: what went past it on purpose does not count. */
static void write_ratio(struct text *out, const uint64_t *counts)
{
	uint64_t spared = counts[CACHE_HITS] + counts[CACHE_STALE] + counts[CACHE_COLLAPSED];
	uint64_t all = spared + counts[CACHE_MISSES] + counts[CACHE_EXPIRED];

	text_lit(out, "hit ratio  ");
	write_percent(out, spared, all);
	text_format(out, " (%" PRIu64 " of %" PRIu64 " requests)\n", spared, all);
}

static void write_counts(struct text *out, const uint64_t *counts)
{
	static const char *const names[CACHE_COUNTS] = {
		[CACHE_HITS] = "hits", [CACHE_MISSES] = "misses", [CACHE_EXPIRED] = "expired", [CACHE_STALE] = "stale",
		[CACHE_COLLAPSED] = "collapsed", [CACHE_BYPASSED] = "bypassed", [CACHE_STORED] = "stored", [CACHE_EVICTED] = "evicted",
	};

	text_lit(out, "counts    ");
	for (int i = 0; i < CACHE_COUNTS; i++)
		text_format(out, "%s %s %" PRIu64, i ? "," : "", names[i], counts[i]);
	text_char(out, '\n');
}

static void report(const struct answerer *a, struct text *out)
{
	struct cache_user u = user_of(a->serving);
	struct cache_report r = {0};

	cache_report(&u, &r);
	text_format(out, "entries    %" PRIu32 ", with %" PRIu64 " bytes of bodies\n", r.entries, r.bytes);
	text_format(out, "memory     %zu bytes: %zu of %zu blocks of %zu bytes are in use (", r.size, r.blocks_used, r.blocks, r.block_bytes);
	write_percent(out, r.blocks_used, r.blocks);
	text_lit(out, ")\n");
	write_ratio(out, r.counts);
	write_counts(out, r.counts);
	if (r.tops)
		text_lit(out, "largest\n");
	for (int i = 0; i < r.tops; i++) {
		text_format(out, "%10" PRIu32 "  ", r.top[i].bytes);
		text_quoted(out, span_str(r.top[i].url));
		text_char(out, '\n');
	}
}

static void check(const struct answerer *a, struct text *out)
{
	struct cache_user u = user_of(a->serving);
	const char *wrong;

	if (!a->serving->seen) {
		text_lit(out, "cannot: there was no memory to check the cache with\n");
		return;
	}
	wrong = cache_check(&u, a->serving->seen);
	text_str(out, wrong ? "cannot: the cache is not in order: " : "consistent");
	text_str(out, wrong ? wrong : "");
	text_char(out, '\n');
}

/* --- purging -------------------------------------------------------------------- */

struct purge {
	const struct answerer *answerer;
	struct path url;
	struct span name; /* its host: without port, and without a final dot */
	unsigned port;    /* 0: that of its scheme */
	bool whole;       /* false: all URLs that begin so */
	uint32_t removed;
};

static unsigned standard_port(const struct purge *p)
{
	return p->url.secure ? 443 : 80;
}

static void remove_url(struct purge *p, struct span url)
{
	for (struct store *s = p->answerer->all; s; s = s->next) {
		struct cache_user u = user_of(s);

		p->removed += cache_purge(&u, url, p->whole);
	}
}

/* Of the same host: how clients may have written it. */
static void remove_spelled(struct purge *p, bool dot, unsigned port, struct span query)
{
	char room[LONGEST];
	struct text url = text_in(room, sizeof room);

	text_str(&url, p->url.secure ? "https://" : "http://");
	text_span_add(&url, p->name);
	if (dot)
		text_char(&url, '.');
	if (port) {
		text_char(&url, ':');
		text_number(&url, port);
	}
	text_span_add(&url, p->url.path);
	text_span_add(&url, query);
	if (!url.full)
		remove_url(p, text_span(&url));
}

static void remove_with(struct purge *p, struct span query)
{
	for (int dot = 0; dot < 2; dot++) {
		remove_spelled(p, dot, p->port, query);
		if (!p->port)
			remove_spelled(p, dot, standard_port(p), query);
	}
}

static bool answers_to(const struct config *c, const struct site *s, struct span name)
{
	for (size_t i = 0; i < c->listener_count; i++)
		if (route_site(&c->listeners[i], name) == s)
			return true;
	return false;
}

static bool covers(const struct route *r, struct span path)
{
	return r->prefix.at[r->prefix.len - 1] == '/' ? path_under(path, r->prefix) : span_is(path, r->prefix);
}

/* Does this route keep the URL under another query? */
static bool reduces(const struct purge *p, const struct route *r)
{
	const struct cache_rule *rule = r->options.cache;

	return rule && (rule->drop_count || rule->sort) && covers(r, p->url.path) && answers_to(p->answerer->config, r->site, p->name);
}

/* As conditions decide between routes, which nobody knows of a URL, each one's way counts. */
static void remove_reduced(struct purge *p)
{
	const struct config *c = p->answerer->config;
	const struct cache_rule *last = NULL;
	char room[LONGEST];

	for (size_t i = 0; i < c->route_count; i++) {
		const struct cache_rule *rule = c->routes[i].options.cache;
		struct text query = text_in(room, sizeof room);

		if (rule == last || !reduces(p, &c->routes[i]))
			continue;
		last = rule;
		query_reduce(&query, p->url.query, rule->drop, rule->drop_count, rule->sort);
		if (!span_is(text_span(&query), p->url.query))
			remove_with(p, text_span(&query));
	}
}

static void mistake(struct text *out, const char *what, struct span value)
{
	text_lit(out, "mistake: ");
	text_str(out, what);
	text_lit(out, ": '");
	text_quoted(out, value);
	text_lit(out, "'\n");
}

/* NULL, or what is wrong with it. */
static const char *read_url(struct purge *p, struct span url, struct text *room)
{
	const struct refusal *why;

	if (!span_starts_same(url, SPAN("http://")) && !span_starts_same(url, SPAN("https://")))
		return "a URL begins with http:// or https://; this does not";
	if (url.len > LONGEST)
		return "nothing is kept of so long a URL";
	why = path_read(&p->url, url, false, room);
	if (why)
		return why->text;
	if (!path_host(p->url.host, &p->name, &p->port) || !p->name.len)
		return "a URL names a host; this does not";
	if (p->port == standard_port(p))
		p->port = 0;
	return NULL;
}

static void purge(const struct answerer *a, struct span url, bool whole, struct text *out)
{
	struct purge p = {.answerer = a, .whole = whole};
	char place[LONGEST];
	struct text room = text_in(place, sizeof place);
	const char *wrong = read_url(&p, url, &room);

	if (wrong) {
		mistake(out, wrong, url);
		return;
	}
	remove_with(&p, p.url.query);
	if (whole && p.url.query.len)
		remove_reduced(&p);
	text_format(out, "%" PRIu32 " removed\n", p.removed);
}

/* --- words ------------------------------------------------------------------------ */

void answer_write(const struct answerer *a, struct span line, struct text *out)
{
	struct span rest = line, verb, word = {NULL, 0}, more;
	bool one, two;

	control_word(&rest, &verb);
	one = control_word(&rest, &word);
	two = control_word(&rest, &more);
	if (!GW_HAS(CACHE) || !a->serving)
		text_lit(out, "cannot: nothing is kept: no route has 'cache'\n");
	else if (span_is(verb, SPAN("cache")) && !one)
		report(a, out);
	else if (span_is(verb, SPAN("cache")) && span_is(word, SPAN("check")) && !two)
		check(a, out);
	else if (span_is(verb, SPAN("purge")) && one && !two)
		purge(a, word, true, out);
	else if (span_is(verb, SPAN("purge-prefix")) && one && !two)
		purge(a, word, false, out);
	else
		mistake(out, "this cannot be asked", line);
}

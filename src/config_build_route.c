/* SPDX-License-Identifier: MIT
 *
 * build_route - which routes follow from the lines, and where does each lead?
 *
 * Knows targets, their words and conditions. Knows no inheritance: that is
 * option's.
 */
#include "config_build.h"
#include "config_network.h"
#include "config_option.h"
#include "config_where.h"

/* --- conditions ---------------------------------------------------------- */

static bool read_methods(struct faults *f, const struct draft_word *w, struct when *when)
{
	struct span list = when->value, item;
	bool some = false;

	when->kind = WHEN_METHOD;
	while (span_item(&list, &item)) {
		if (!span_is_token(item)) {
			fault_at(f, w->line, "when: '%.*s' is not a method", SHOW(item));
			return false;
		}
		some = true;
	}
	if (!some)
		fault_at(f, w->line, "when=%.*s: expected methods, as in when=method:POST,PUT", SHOW(w->text));
	return some;
}

static bool read_from(struct draft *d, const struct draft_word *w, struct when *when)
{
	struct faults *f = d->faults;
	struct span list = when->value, word;
	struct net *networks;

	when->kind = WHEN_FROM;
	when->network_count = network_list(d, w->line, when->value, NULL);
	if (!word_item(&list, &word)) {
		fault_at(f, w->line, "when=%.*s: expected an address or network, as in when=from:192.168.0.0/16", SHOW(w->text));
		return false;
	}
	networks = ARENA_ROW(f->arena, struct net, when->network_count + 1);
	network_list(d, w->line, when->value, networks);
	when->networks = networks;
	when->network_count = net_sort(networks, when->network_count);
	return true;
}

/* NAME, or NAME and its value behind the separator. */
static bool read_named(struct faults *f, const struct draft_word *w, struct when *when, enum when_kind kind, char separator)
{
	struct span rest = when->value;

	when->kind = (uint8_t)kind;
	when->any = span_find(rest, separator) == rest.len;
	when->name = span_cut(&rest, separator);
	when->value = rest;
	if (kind == WHEN_QUERY ? when->name.len != 0 : span_is_token(when->name))
		return true;
	fault_at(f, w->line, "when=%.*s: '%.*s' is not a name", SHOW(w->text), SHOW(when->name));
	return false;
}

static bool read_when(struct draft *d, const struct draft_word *w, struct when *when)
{
	struct faults *f = d->faults;
	struct span rest = w->text;
	struct span kind = span_cut(&rest, ':');

	*when = (struct when){.value = rest, .text = w->text};
	if (span_is(kind, SPAN("method")))
		return read_methods(f, w, when);
	if (span_is(kind, SPAN("from")))
		return read_from(d, w, when);
	if (span_is(kind, SPAN("header")))
		return read_named(f, w, when, WHEN_HEADER, ':');
	if (span_is(kind, SPAN("cookie")))
		return read_named(f, w, when, WHEN_COOKIE, '=');
	if (span_is(kind, SPAN("query")))
		return read_named(f, w, when, WHEN_QUERY, '=');
	fault_at(f, w->line, "unknown condition '%.*s': there are method:, header:, cookie:, query: and from:", SHOW(w->text));
	return false;
}

static void read_conditions(struct draft *all, const struct draft_route *d, struct route *r)
{
	struct when *row;
	size_t count = 0;

	for (const struct draft_word *w = d->words; w; w = w->next)
		count += w->key && w->key->id == KEY_WHEN;
	if (!count)
		return;
	row = ARENA_ROW(all->faults->arena, struct when, count);
	count = 0;
	for (const struct draft_word *w = d->words; w; w = w->next)
		if (w->key && w->key->id == KEY_WHEN)
			count += read_when(all, w, &row[count]);
	r->when = row;
	r->when_count = count;
}

static bool has_condition(const struct route *r, struct span text)
{
	for (size_t i = 0; i < r->when_count; i++)
		if (span_is(r->when[i].text, text))
			return true;
	return false;
}

static bool same_conditions(const struct route *a, const struct route *b)
{
	if (a->when_count != b->when_count)
		return false;
	for (size_t i = 0; i < a->when_count; i++)
		if (!has_condition(b, a->when[i].text) || !has_condition(a, b->when[i].text))
			return false;
	return true;
}

/* --- where it leads ------------------------------------------------------------ */

/* One route leads to one thing: a reply, a redirect or a group of servers. */
static bool leads_only(struct faults *f, struct build_route *b, const struct draft_word *w, enum route_kind kind)
{
	if (b->to.len && (kind != ROUTE_PROXY || b->route.kind != ROUTE_PROXY)) {
		fault_at(f, w->line, "'%.*s': the route leads to '%.*s' already, %s %d", SHOW(w->text), SHOW(b->to), f->file ? "in line" : "by word",
			 b->to_line);
		return false;
	}
	b->to = w->text;
	b->to_line = w->line;
	b->route.kind = (uint8_t)kind;
	return true;
}

static void read_reply(struct faults *f, struct build_route *b, const struct draft_word *w)
{
	struct span code = span_of(w->text.at + 6, w->text.len - 6);
	uint64_t status;

	if (!leads_only(f, b, w, ROUTE_REPLY))
		return;
	if (!span_number(code, &status) || status < 200 || status > 599)
		fault_at(f, w->line, "'%.*s': '%.*s' is not a status from 200 to 599", SHOW(w->text), SHOW(code));
	else
		b->route.status = (uint16_t)status;
}

static void read_redirect(struct faults *f, struct build_route *b, const struct draft_word *w)
{
	if (leads_only(f, b, w, ROUTE_REDIRECT))
		where_redirect(f, w->line, span_of(w->text.at + 9, w->text.len - 9), &b->route.location);
}

/* A path behind a prefix ends in '/', too, so that "/app" + "x" is not "/appx". */
static struct span whole_base(struct faults *f, const struct route *r, struct span base)
{
	char *at;

	if (!base.len || r->prefix.at[r->prefix.len - 1] != '/' || base.at[base.len - 1] == '/')
		return base;
	at = arena_take(f->arena, base.len + 2);
	memcpy(at, base.at, base.len);
	at[base.len] = '/';
	return span_of(at, base.len + 1);
}

/* NULL after a fault. */
static struct build_target *read_target(struct faults *f, struct build_route *b, const struct draft_word *w)
{
	struct build_target *t = ARENA_NEW(f->arena, struct build_target);
	struct span base = {NULL, 0};

	if (!where_target(f, w->line, w->text, &t->server, &base) || !leads_only(f, b, w, ROUTE_PROXY))
		return NULL;
	t->target.base = whole_base(f, &b->route, base);
	t->target.weight = 1;
	t->target.text = w->text.at;
	t->https = span_starts(w->text, SPAN("https://"));
	*b->end = t;
	b->end = &t->next;
	if (b->route.target_count++ == GW_TARGETS)
		fault_at(f, w->line, "'%.*s': more than %d targets in one group", SHOW(w->text), GW_TARGETS);
	return t;
}

/* weight=, proxy= and backup belong to the target before them. */
static void target_word(struct faults *f, struct build_target *t, const struct draft_word *w, const struct key *key)
{
	int64_t n;

	if (key->id == KEY_BACKUP) {
		t->target.backup = true;
	} else if (key->id == KEY_WEIGHT) {
		if (key_read(f, w->line, key, w->text, &n))
			t->target.weight = (uint16_t)n;
	} else if (span_is(w->text, SPAN("v1"))) {
		t->server.proxy = 1;
	} else if (span_is(w->text, SPAN("v2"))) {
		t->server.proxy = 2;
	} else {
		fault_at(f, w->line, "proxy: '%.*s' is neither v1 nor v2", SHOW(w->text));
	}
}

static bool is_of_target(const struct key *key)
{
	return key->id == KEY_WEIGHT || key->id == KEY_PROXY || key->id == KEY_BACKUP;
}

/* "cache=10m force": two words of one value. */
static bool is_forced(const struct draft_word *w)
{
	return w->key && w->key->id == KEY_CACHE && w->next && !w->next->key && span_is(w->next->text, SPAN("force"));
}

static struct span with_force(struct faults *f, const struct draft_word *w)
{
	const struct span force = SPAN(" force");
	struct text t = text_in(arena_take(f->arena, w->text.len + force.len), w->text.len + force.len);

	text_span_add(&t, w->text);
	text_span_add(&t, force);
	return text_span(&t);
}

static void add_words(struct faults *f, struct build_route *b, const struct draft_route *d)
{
	struct build_target *t = NULL;
	bool lost = false; /* the target before was a fault; what belongs to it is none */

	for (const struct draft_word *w = d->words; w; w = w->next) {
		const struct key *key = w->key;

		if (!key && span_is(w->text, SPAN("backup")))
			key = key_of(KEY_BACKUP);
		if (key && is_of_target(key)) {
			if (t)
				target_word(f, t, w, key);
			else if (!lost)
				fault_at(f, w->line, "'%s' belongs behind the target that it is about", key->name.at);
		} else if (key) {
			if (key->id != KEY_WHEN)
				level_add(&b->level, f, w->line, key, is_forced(w) ? with_force(f, w) : w->text);
			if (is_forced(w))
				w = w->next;
		} else if (span_starts(w->text, SPAN("reply:"))) {
			read_reply(f, b, w);
		} else if (span_starts(w->text, SPAN("redirect:"))) {
			read_redirect(f, b, w);
		} else {
			t = read_target(f, b, w);
			lost = !t;
		}
	}
}

/* --- what its words must agree on ------------------------------------------------ */

static void only_for(struct faults *f, const struct build_route *b, enum key_id id, enum route_kind kind, const char *what)
{
	const struct setting *s = level_get(&b->level, id);

	if (s && b->route.kind != kind)
		fault_at(f, s->line, "'%s' is for %s only", s->key->name.at, what);
}

static void check_reply(struct faults *f, struct build_route *b)
{
	const struct setting *text = level_get(&b->level, KEY_TEXT_OF);
	const struct setting *type = level_get(&b->level, KEY_TYPE);
	unsigned status = b->route.status;

	if (type)
		for (size_t i = 0; i < type->text.len; i++)
			if (type->text.at[i] < ' ' || type->text.at[i] > '~') {
				fault_at(f, type->line, "type: '%.*s' is not a media type such as text/html", SHOW(type->text));
				break;
			}
	if (type && !text)
		fault_at(f, type->line, "'type' says what 'text' is; there is no 'text'");
	if (text && (status == 204 || status == 205 || status == 304))
		fault_at(f, text->line, "an answer with status %u has no text", status);
	if (text) {
		b->route.text = text->text;
		b->route.type = type ? type->text : SPAN("text/plain; charset=utf-8");
	}
}

static void check_redirect(struct faults *f, struct build_route *b)
{
	const struct setting *s = level_get(&b->level, KEY_STATUS);
	int64_t status = level_number(&b->level, KEY_STATUS, key_of(KEY_STATUS)->standard);

	if (status >= 304 && status <= 306)
		fault_at(f, s->line, "status: '%d' is none of 301, 302, 303, 307 and 308", (int)status);
	b->route.status = (uint16_t)status;
}

static void check_group(struct faults *f, const struct build_route *b)
{
	bool in_turn = false;

	for (const struct build_target *t = b->targets; t; t = t->next)
		in_turn |= !t->target.backup;
	if (b->targets && !in_turn)
		fault_at(f, b->route.line, "route '%s': every target is a backup", b->route.label);
}

/* What is inherited may pass by a route; what is said in it has a meaning there. */
static void check_https(struct faults *f, const struct build_route *b)
{
	static const enum key_id ids[] = {KEY_VERIFY, KEY_VERIFY_NAME, KEY_CA, KEY_CLIENT_CERT, KEY_CLIENT_KEY};

	const struct setting *auth = level_get(&b->level, KEY_AUTH);

	for (const struct build_target *t = b->targets; t; t = t->next)
		if (t->https)
			return;
	if (auth && span_starts(auth->text, SPAN("https://")))
		return;
	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
		const struct setting *s = level_get(&b->level, ids[i]);

		if (s)
			fault_at(f, s->line, "'%s' is for https:// targets only", s->key->name.at);
	}
}

static void check_route(struct faults *f, struct build_route *b)
{
	if (!b->to.len && !b->bad)
		fault_at(f, b->route.line, "route '%s' leads nowhere: a target is missing, such as http://192.168.1.2:8080", b->route.label);
	if (!b->to.len)
		return;
	only_for(f, b, KEY_TEXT_OF, ROUTE_REPLY, "reply:");
	only_for(f, b, KEY_TYPE, ROUTE_REPLY, "reply:");
	only_for(f, b, KEY_STATUS, ROUTE_REDIRECT, "redirect:");
	for (int id = KEY_CACHE; id <= KEY_STALE_ERROR; id++)
		only_for(f, b, (enum key_id)id, ROUTE_PROXY, "servers' answers");
	if (!b->bad)
		check_https(f, b);
	if (b->route.kind == ROUTE_REPLY)
		check_reply(f, b);
	else if (b->route.kind == ROUTE_REDIRECT)
		check_redirect(f, b);
	else
		check_group(f, b);
}

/* --- all routes -------------------------------------------------------------------- */

/* The site that a [route] names, by label or by one of its hosts. */
static bool find_site(struct draft *d, struct draft_route *r)
{
	if (r->site)
		return true;
	if (!r->site_name.len || !r->path.len) {
		fault_at(d->faults, r->line, "[route %.*s] has no '%s ='", SHOW(r->label), r->site_name.len ? "path" : "site");
		return false;
	}
	for (struct draft_site *s = d->sites; s; s = s->next)
		if (span_same(s->label, r->site_name))
			r->site = s;
	if (!r->site)
		fault_at(d->faults, r->line, "[route %.*s]: there is no [site %.*s]", SHOW(r->label), SHOW(r->site_name));
	return r->site != NULL;
}

static struct build_route *find_equal(struct build_route *all, const struct draft_site *site, const struct route *r)
{
	for (; all; all = all->next)
		if (all->site == site && span_is(all->route.prefix, r->prefix) && same_conditions(&all->route, r))
			return all;
	return NULL;
}

struct build_route *build_routes(struct draft *d)
{
	struct build_route *all = NULL, **end = &all;

	for (struct draft_route *r = d->routes; r; r = r->next) {
		size_t faults;
		struct build_route *b;
		struct route route = {.label = r->label.at, .line = r->line};

		if (!find_site(d, r))
			continue;
		r->site->routed = true;
		if (!where_path(d->faults, r->line, r->path, &route.prefix))
			continue;
		read_conditions(d, r, &route);
		b = find_equal(all, r->site, &route);
		if (!b) {
			b = ARENA_NEW(d->faults->arena, struct build_route);
			b->site = r->site;
			b->route = route;
			b->end = &b->targets;
			*end = b;
			end = &b->next;
		}
		faults = d->faults->count;
		add_words(d->faults, b, r);
		b->bad |= r->bad || d->faults->count > faults;
	}
	for (struct build_route *b = all; b; b = b->next)
		check_route(d->faults, b);
	return all;
}

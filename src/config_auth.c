/* SPDX-License-Identifier: MIT
 *
 * auth - who may pass, after gateway, site and route have spoken?
 */
#include "config_auth.h"
#include "config_build.h"
#include "config_network.h"
#include "config_users.h"
#include "config_where.h"

/* One level while it is read. */
struct reading {
	struct draft *draft;
	struct config *config;
	const struct level *own;
	const struct tls_wish *wish;
	struct auth *said;
	bool *lost;
};

struct auth_said auth_standard(void)
{
	return (struct auth_said){.auth.session = key_of(KEY_SESSION)->standard / 1000};
}

/* --- whom to ask ------------------------------------------------------------ */

bool auth_asks(struct span value)
{
	if (!GW_HAS(AUTH))
		return false;
	return span_starts(value, SPAN("http://")) || span_starts(value, SPAN("https://")) || span_starts(value, SPAN("unix:"));
}

static bool is_query(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.at[i] <= ' ' || s.at[i] > '~' || strchr("#\"<>\\", s.at[i]))
			return false;
	return true;
}

/* The path asked for, with the query that some of these servers want to be told. */
static struct span whole_path(struct arena *a, struct span base, struct span query)
{
	struct text t = text_in(arena_take(a, base.len + query.len + 2), base.len + query.len + 1);

	text_span_add(&t, base.len ? base : SPAN("/"));
	text_span_add(&t, query);
	return text_span(&t);
}

static void take_ask(struct reading *r, const struct setting *auth)
{
	struct faults *f = r->draft->faults;
	size_t end = span_find(auth->text, '?');
	struct span url = span_of(auth->text.at, end), query = span_of(auth->text.at + end, auth->text.len - end);
	struct target *target = ARENA_NEW(f->arena, struct target);
	struct server server;
	struct span base;

	*r->lost = true;
	if (!where_target(f, auth->line, url, &server, &base))
		return;
	if (!is_query(query) || query.len > GW_TARGET / 2) {
		fault_at(f, auth->line, "auth: '%.*s': a byte in it has to be percent-encoded, or it is too long", SHOW(query));
		return;
	}
	if (span_starts(url, SPAN("https://")) && !(server.tls = tls_build_server(r->draft, r->wish, &server)))
		return;
	*target = (struct target){.weight = 1, .text = auth->text.at, .base = whole_path(f->arena, base, query)};
	target->server = build_server(r->config, &server);
	r->said->ask = target;
	*r->lost = false;
}

/* Names are those of one [users], and fields those of one server's answers. */
static void take_auth(struct reading *r, const struct setting *auth)
{
	struct auth *said = r->said;

	said->users = NULL;
	said->ask = NULL;
	said->require = said->copy = NULL;
	said->require_count = said->copy_count = 0;
	*r->lost = false;
	if (span_is(auth->text, SPAN("none")))
		return;
	if (auth_asks(auth->text)) {
		take_ask(r, auth);
		return;
	}
	said->users = users_of(r->draft, r->config, auth);
	*r->lost = !said->users;
}

/* --- what goes with it --------------------------------------------------------- */

/* Names end at blanks outside of quotes, and at commas. NULL: only counts. */
static size_t read_names(struct reading *r, const struct setting *s, struct span *to)
{
	struct span rest = s->text, word, name;
	size_t count = 0;

	while (word_next(r->draft->faults, s->line, &rest, &word))
		while (span_item(&word, &name)) {
			if (to)
				to[count] = name;
			count++;
		}
	return count;
}

static void check_names(struct reading *r, const struct setting *s, const struct span *names, size_t count)
{
	struct faults *f = r->draft->faults;
	const struct users *users = r->said->users;

	if (!count)
		fault_at(f, s->line, "require: '%s' names nobody", s->text.at);
	if (!users || !users_are_known(r->draft, users))
		return;
	for (size_t i = 0; i < count; i++)
		if (!users_find(users, names[i]))
			fault_at(f, s->line, "require: there is no '%.*s' in [users %s]%s", SHOW(names[i]), users->label,
				 users_hint(f->arena, users, names[i]));
}

static void take_require(struct reading *r)
{
	const struct setting *first = level_get(r->own, KEY_REQUIRE);
	struct span *row;
	size_t count = 0;

	if (!first)
		return;
	for (const struct setting *s = first; s; s = level_more(s))
		count += read_names(r, s, NULL);
	r->said->require = row = ARENA_ROW(r->draft->faults->arena, struct span, count + 1);
	r->said->require_count = 0;
	for (const struct setting *s = first; s; s = level_more(s)) {
		count = read_names(r, s, row + r->said->require_count);
		check_names(r, s, row + r->said->require_count, count);
		r->said->require_count += count;
	}
}

/* That they are names of fields has been looked at with what is hidden from clients. */
static void take_copy(struct reading *r)
{
	const struct setting *first = level_get(r->own, KEY_COPY);
	struct span *row, list, name;
	size_t count = 0;

	if (!first)
		return;
	for (const struct setting *s = first; s; s = level_more(s))
		for (list = s->text; word_item(&list, &name);)
			count++;
	if (!count)
		fault_at(r->draft->faults, first->line, "copy: '%s' names no field", first->text.at);
	r->said->copy = row = ARENA_ROW(r->draft->faults->arena, struct span, count + 1);
	r->said->copy_count = 0;
	for (const struct setting *s = first; s; s = level_more(s))
		for (list = s->text; word_item(&list, &name);)
			row[r->said->copy_count++] = name;
}

static void take_open_to(struct reading *r)
{
	const struct setting *s = level_get(r->own, KEY_OPEN_TO);

	if (s && span_is(s->text, SPAN("none")) && !level_more(s)) {
		r->said->open_to = NULL;
		r->said->open_to_count = 0;
	} else {
		network_rows(r->draft, r->own, KEY_OPEN_TO, &r->said->open_to, &r->said->open_to_count, 0);
	}
}

static void take_login(struct reading *r)
{
	static const struct span words[] = {{"basic", 5}, {"form", 4}};
	const struct setting *s = level_get(r->own, KEY_LOGIN);

	if (!s)
		return;
	for (size_t i = 0; i < 2; i++)
		if (span_is(s->text, words[i])) {
			r->said->form = i;
			return;
		}
	for (size_t i = 0; i < 2; i++)
		if (word_is_near(word_distance(s->text, words[i]), words[i])) {
			fault_at(r->draft->faults, s->line, "login: unknown word '%s' (did you mean '%s'?)", s->text.at, words[i].at);
			return;
		}
	fault_at(r->draft->faults, s->line, "login: '%s' is neither basic nor form", s->text.at);
}

static void take_rest(struct reading *r)
{
	const struct setting *header = level_get(r->own, KEY_USER_HEADER), *session = level_get(r->own, KEY_SESSION);

	take_login(r);
	if (header)
		r->said->user_header = span_is(header->text, SPAN("none")) ? SPAN("") : header->text;
	if (session)
		r->said->session = session->number / 1000;
}

/* --- what must agree ---------------------------------------------------------------- */

/* What is inherited may pass by a level; what is said there has a meaning there. */
static void check(const struct reading *r, bool leaf)
{
	static const struct { enum key_id id; bool users, ask, waits; } keys[] = {
		{KEY_REQUIRE, true, false, false}, {KEY_COPY, false, true, false}, {KEY_OPEN_TO, true, true, true},
		{KEY_LOGIN, true, false, true},    {KEY_SESSION, true, false, true}, {KEY_USER_HEADER, true, false, true},
	};
	struct faults *f = r->draft->faults;

	for (size_t i = 0; i < sizeof keys / sizeof *keys && !*r->lost; i++) {
		const struct setting *s = level_get(r->own, keys[i].id);

		if (!s)
			continue;
		if (r->said->ask && !keys[i].ask)
			fault_at(f, s->line, "'%s' is about the users of a [users NAME], but here 'auth' asks %s", s->key->name.at, r->said->ask->text);
		else if (r->said->users && !keys[i].users)
			fault_at(f, s->line, "'%s' is for an 'auth' that asks a server, but here it is [users %s]", s->key->name.at,
				 r->said->users->label);
		else if (!r->said->ask && !r->said->users && (leaf || !keys[i].waits))
			fault_at(f, s->line, "'%s' goes with an 'auth', and there is none here", s->key->name.at);
	}
}

static bool writes(const struct auth *a, struct span field)
{
	for (size_t i = 0; i < a->copy_count; i++)
		if (span_same(a->copy[i], field))
			return true;
	return a->user_header.len && span_same(a->user_header, field);
}

/* A field with two values, one of them ours, is one that somebody misreads. */
static void check_edits(const struct reading *r, const struct auth *a)
{
	for (const struct setting *s = level_get(r->own, KEY_REQUEST_HEADER); s; s = level_more(s)) {
		struct span rest = s->text;
		struct span name = span_trim(span_cut(&rest, ':'));

		if (writes(a, name))
			fault_at(r->draft->faults, s->line, "request_header: '%.*s' is written by '%s'", SHOW(name),
				 a->ask ? "copy" : "user_header");
	}
}

/* --- all -------------------------------------------------------------------------------- */

static bool says_something(const struct level *own)
{
	static const enum key_id ids[] = {KEY_AUTH, KEY_REQUIRE, KEY_OPEN_TO, KEY_LOGIN, KEY_SESSION, KEY_USER_HEADER, KEY_COPY};

	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
		if (level_get(own, ids[i]))
			return true;
	return false;
}

/* As it holds here; what waits for another kind of `auth` further in is left out. */
static const struct auth *make(struct arena *a, const struct auth *said)
{
	struct auth *made = ARENA_NEW(a, struct auth);

	*made = *said;
	if (said->ask) {
		made->form = false;
		made->user_header = SPAN("");
	}
	return made;
}

void auth_inherit(struct draft *d, struct config *c, struct auth_said *said, const struct level *own, const struct tls_wish *wish, bool leaf,
		  struct options *o)
{
	if (!GW_HAS(AUTH))
		return;

	struct reading r = {d, c, own, wish, &said->auth, &said->lost};
	const struct setting *auth = level_get(own, KEY_AUTH);

	if (says_something(own)) {
		if (auth)
			take_auth(&r, auth);
		take_require(&r);
		take_copy(&r);
		take_open_to(&r);
		take_rest(&r);
		check(&r, leaf);
		o->auth = r.said->users || r.said->ask ? make(d->faults->arena, r.said) : NULL;
	}
	if (o->auth)
		check_edits(&r, o->auth);
}

static bool has_users(const struct site *site, const struct users *const *row, const struct users *u)
{
	for (size_t i = 0; i < site->users_count; i++)
		if (row[i] == u)
			return true;
	return false;
}

bool auth_mark_site(struct arena *a, struct site *site)
{
	if (!GW_HAS(AUTH))
		return false;

	const struct users **row = ARENA_ROW(a, const struct users *, site->route_count + 1);
	bool asks = false;

	site->users = row;
	for (size_t i = 0; i < site->route_count; i++) {
		const struct auth *auth = site->routes[i]->options.auth;

		if (!auth)
			continue;
		asks = site->guarded = true;
		site->form |= auth->form;
		if (auth->users && !has_users(site, row, auth->users))
			row[site->users_count++] = auth->users;
	}
	return asks;
}

/* SPDX-License-Identifier: MIT
 *
 * draft - what did the user write, section by section?
 *
 * Knows where things stand. What they mean together is build's.
 */
#include "config_draft.h"
#include "config_lines.h"
#include "config_where.h"

struct reading {
	struct draft *draft;
	enum place place;         /* of the current section; 0: its name was a fault, or it is a [users] */
	struct draft_users *users; /* of that; NULL: keys are passed over */
	struct level *level;      /* of [gateway] or a [site] */
	struct draft_site *site;
	struct draft_route *route; /* of a [route], or of the last line that began one */
	bool begun;               /* some section has begun */
	bool to;                  /* in a [route], the key above was `to` */
};

void draft_init(struct draft *d, struct faults *f)
{
	*d = (struct draft){.faults = f};
	d->sites_end = &d->sites;
	d->routes_end = &d->routes;
	d->users_end = &d->users;
}

static struct draft_site *add_site(struct draft *d, int line, struct span label)
{
	struct draft_site *s = ARENA_NEW(d->faults->arena, struct draft_site);

	s->label = arena_span(d->faults->arena, label);
	s->line = line;
	*d->sites_end = s;
	d->sites_end = &s->next;
	return s;
}

static struct draft_route *add_route(struct draft *d, int line, struct draft_site *site, struct span label)
{
	struct draft_route *r = ARENA_NEW(d->faults->arena, struct draft_route);

	r->site = site;
	r->label = arena_span(d->faults->arena, label);
	r->line = line;
	r->end = &r->words;
	*d->routes_end = r;
	d->routes_end = &r->next;
	return r;
}

/* The text is in the arena already. */
static void add_word(struct draft *d, struct draft_route *r, int line, const struct key *key, struct span text)
{
	struct draft_word *w = ARENA_NEW(d->faults->arena, struct draft_word);

	*w = (struct draft_word){.key = key, .text = text, .line = line};
	*r->end = w;
	r->end = &w->next;
}

/* Is it "name=..."? A target has other bytes before any '='. */
static bool split_option(struct span word, struct span *name, struct span *value)
{
	size_t n = 0;

	while (n < word.len && ((word.at[n] >= 'a' && word.at[n] <= 'z') || word.at[n] == '_' || word.at[n] == '-'))
		n++;
	if (!n || n == word.len || word.at[n] != '=')
		return false;
	*name = span_of(word.at, n);
	*value = span_of(word.at + n + 1, word.len - n - 1);
	return true;
}

static void take_word(struct draft *d, struct draft_route *r, int line, struct span word)
{
	const struct key *key = NULL;
	struct span name, value = word;

	if (split_option(word, &name, &value)) {
		key = key_find(d->faults, line, name, IN_LINE);
		if (!key)
			return;
		if (!value.len || key->kind == KEY_BARE) {
			fault_at(d->faults, line, value.len ? "'%.*s' takes no value" : "'%.*s' has no value", SHOW(name));
			return;
		}
	}
	add_word(d, r, line, key, value);
}

static void take_words(struct draft *d, struct draft_route *r, int line, struct span value)
{
	size_t faults = d->faults->count;
	struct span word;
	bool some = false;

	while (word_next(d->faults, line, &value, &word)) {
		take_word(d, r, line, word);
		some = true;
	}
	if (!some && !value.len)
		fault_at(d->faults, line, "'%.*s' leads nowhere: a target is missing, such as http://192.168.1.2:8080", SHOW(r->label));
	r->bad |= d->faults->count > faults;
}

/* --- sections ------------------------------------------------------------ */

static void begin_site(struct reading *r, int line, struct span label)
{
	struct faults *f = r->draft->faults;

	if (!label.len) {
		fault_at(f, line, "[site] needs a name: [site home.example.org], or [site *] for all names");
		return;
	}
	for (const struct draft_site *s = r->draft->sites; s; s = s->next)
		if (span_same(s->label, label))
			fault_at(f, line, "[site %.*s] is already in line %d", SHOW(label), s->line);
	r->place = IN_SITE;
	r->site = add_site(r->draft, line, label);
	r->level = &r->site->level;
}

static void begin_route(struct reading *r, int line, struct span label)
{
	struct faults *f = r->draft->faults;

	if (!label.len) {
		fault_at(f, line, "[route] needs a name: [route LABEL]");
		return;
	}
	for (const struct draft_route *o = r->draft->routes; o; o = o->next)
		if (!o->site && span_is(o->label, label))
			fault_at(f, line, "[route %.*s] is already in line %d", SHOW(label), o->line);
	r->place = IN_ROUTE;
	r->route = add_route(r->draft, line, NULL, label);
}

/* Labels stand in cookies' names and in realms. */
static bool is_label(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = span_lower(s.at[i]);

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
			return false;
	}
	return s.len && s.len <= USERS_LABEL;
}

static struct draft_users *add_users(struct draft *d, int line, struct span label)
{
	struct draft_users *u = ARENA_NEW(d->faults->arena, struct draft_users);

	u->label = arena_span(d->faults->arena, label);
	u->line = line;
	u->end = &u->first;
	*d->users_end = u;
	d->users_end = &u->next;
	return u;
}

/* Two that differ in case alone would be mistaken for each other. */
static void begin_users(struct reading *r, int line, struct span label)
{
	struct faults *f = r->draft->faults;

	r->users = add_users(r->draft, line, label);
	if (key_is_missing(f, line, SPAN("[users]"), GW_AUTH))
		return;
	if (!label.len)
		fault_at(f, line, "[users] needs a name: [users family]");
	else if (!is_label(label))
		fault_at(f, line, "[users %.*s]: a name has letters, digits, '-' and '_', at most %d", SHOW(label), USERS_LABEL);
	else if (span_is(label, SPAN("none")))
		fault_at(f, line, "[users none]: 'auth = none' asks nobody for a password; choose another name");
	for (const struct draft_users *u = r->draft->users; u != r->users; u = u->next)
		if (span_same(u->label, label))
			fault_at(f, line, "[users %.*s] is already in line %d", SHOW(label), u->line);
}

static void unknown_section(struct reading *r, int line, struct span kind, struct span label)
{
	static const struct span names[] = {{"gateway", 7}, {"site", 4}, {"route", 5}, {"users", 5}};
	struct faults *f = r->draft->faults;

	if (key_is_later(f, line, kind))
		return;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (word_is_near(word_distance(kind, names[i]), names[i])) {
			fault_at(f, line, "unknown section '%.*s' (did you mean '%.*s'?)", SHOW(kind), SHOW(names[i]));
			return;
		}
	fault_at(f, line, "unknown section '%.*s%s%.*s': there are [gateway], [site NAME], [route NAME] and [users NAME]", SHOW(kind), label.len ? " " : "",
		 SHOW(label));
}

static void begin_section(struct reading *r, int line, struct span name)
{
	struct span label = name;
	struct span kind = span_cut(&label, ' ');

	label = span_trim(label);
	r->place = 0;
	r->route = NULL;
	r->users = NULL;
	r->begun = true;
	if (!name.at)
		return;
	if (span_is(kind, SPAN("site"))) {
		begin_site(r, line, label);
	} else if (span_is(kind, SPAN("route"))) {
		begin_route(r, line, label);
	} else if (span_is(kind, SPAN("users"))) {
		begin_users(r, line, label);
	} else if (!span_is(kind, SPAN("gateway"))) {
		unknown_section(r, line, kind, label);
	} else if (label.len) {
		fault_at(r->draft->faults, line, "[gateway] has no name, not '%.*s'", SHOW(label));
	} else {
		r->place = IN_GATEWAY;
		r->level = &r->draft->gateway;
	}
}

/* --- keys ------------------------------------------------------------------- */

/* A key's value is the rest of its line; quotes around all of it may stand there
 * as they do around a word of a route. {NULL, 0} after a fault. */
static struct span whole_value(struct faults *f, int line, struct span value)
{
	struct span word;

	if (!value.len || value.at[0] != '"')
		return arena_span(f->arena, value);
	if (!word_next(f, line, &value, &word))
		return span_of(NULL, 0);
	if (!value.len)
		return word;
	fault_at(f, line, "'%.*s' after the closing quote", SHOW(span_trim(value)));
	return span_of(NULL, 0);
}

/* site, path and to; all else is an option as it might stand in a line. */
static void route_key(struct reading *r, const struct line *l, const struct key *key, struct span value)
{
	struct faults *f = r->draft->faults;
	struct span *once = key->id == KEY_SITE ? &r->route->site_name : key->id == KEY_PATH ? &r->route->path : NULL;

	if (!value.len)
		fault_at(f, l->number, "'%s' has no value", key->name.at);
	else if (once && once->len)
		fault_at(f, l->number, "'%s' is already set: '%.*s'", key->name.at, SHOW(*once));
	else if (once)
		*once = value;
	else if (key->id == KEY_TO)
		take_words(r->draft, r->route, l->number, l->value);
	else
		add_word(r->draft, r->route, l->number, key, value);
}

/* Names are the users', so no key is unknown here. */
static void take_user(struct reading *r, const struct line *l)
{
	struct faults *f = r->draft->faults;
	struct draft_user *u = ARENA_NEW(f->arena, struct draft_user);

	u->name = arena_span(f->arena, l->name);
	u->value = whole_value(f, l->number, l->value);
	u->line = l->number;
	r->users->bad |= !u->value.at;
	if (!u->value.at)
		return;
	*r->users->end = u;
	r->users->end = &u->next;
}

static void take_key(struct reading *r, const struct line *l)
{
	struct draft *d = r->draft;
	const struct key *key;
	struct span value;

	r->to = false;
	if (r->place != IN_ROUTE)
		r->route = NULL;
	if (r->place == IN_SITE && l->name.at[0] == '/') {
		r->route = add_route(d, l->number, r->site, l->name);
		r->route->path = r->route->label;
		take_words(d, r->route, l->number, l->value);
		return;
	}
	if (l->name.at[0] == '/') {
		fault_at(d->faults, l->number, "route '%.*s' does not stand in a [site]", SHOW(l->name));
		return;
	}
	key = key_find(d->faults, l->number, l->name, r->place);
	if (!key)
		return;
	r->to = key->id == KEY_TO;
	if (r->to)
		value = l->value;
	else if (key->id == KEY_REQUIRE) /* quotes stand around one name of several */
		value = arena_span(d->faults->arena, l->value);
	else
		value = whole_value(d->faults, l->number, l->value);
	if (!value.at)
		return;
	if (r->place == IN_ROUTE)
		route_key(r, l, key, value);
	else
		level_add(r->level, d->faults, l->number, key, value);
}

static void take_more(struct reading *r, const struct line *l)
{
	if (r->route && (r->place == IN_SITE || r->to))
		take_words(r->draft, r->route, l->number, l->value);
	else
		fault_at(r->draft->faults, l->number, "'%.*s' is indented, but the line above is no route", SHOW(l->value));
}

static void take_line(void *user, const struct line *l)
{
	struct reading *r = user;

	if (l->kind == LINE_SECTION) {
		begin_section(r, l->number, l->name);
	} else if (l->kind == LINE_LOST) {
		if (r->place == IN_SITE)
			r->site->routed = true;
		if (r->users)
			r->users->bad = true;
	} else if (r->users && l->kind == LINE_KEY) {
		take_user(r, l);
	} else if (!r->place && !r->users) {
		if (!r->begun && l->kind == LINE_KEY)
			fault_at(r->draft->faults, l->number, "'%.*s' stands in no section: begin with [gateway] or [site NAME]", SHOW(l->name));
	} else if (l->kind == LINE_MORE) {
		take_more(r, l);
	} else {
		take_key(r, l);
	}
}

void draft_text(struct draft *d, struct span text)
{
	struct reading r = {.draft = d};

	lines_read(d->faults, text, take_line, &r);
}

/* --- the command line -------------------------------------------------------- */

static void take_command_route(struct draft *d, int number, struct span word, struct draft_route **route)
{
	struct span rest = word;
	struct span path = span_cut(&rest, '=');

	*route = add_route(d, number, d->sites, path);
	(*route)->path = (*route)->label;
	(*route)->bad = !rest.len;
	if (rest.len)
		take_word(d, *route, number, rest);
	else
		fault_at(d->faults, number, "'%.*s' leads nowhere: expected PATH=TARGET, such as /=http://192.168.1.2:8080", SHOW(word));
}

static bool is_address(struct span word)
{
	uint64_t number;

	return span_find(word, ':') < word.len || span_number(word, &number);
}

/* An address and the words that belong to it, as they would stand in a file.
 * Number of words used up. */
static int take_command_listen(struct draft *d, int number, int count, char *const *words)
{
	struct listener l;
	struct text t;
	size_t len = 0;
	int used = 1;

	while (used < count && (where_listen_word(span_str(words[used]), &l) || where_listen_hint(span_str(words[used]))))
		used++;
	for (int i = 0; i < used; i++)
		len += strlen(words[i]) + 1;
	t = text_in(arena_take(d->faults->arena, len), len);
	for (int i = 0; i < used; i++) {
		text_str(&t, i ? " " : "");
		text_str(&t, words[i]);
	}
	level_add(&d->gateway, d->faults, number, key_of(KEY_LISTEN), text_span(&t));
	return used;
}

void draft_words(struct draft *d, int count, char *const *words)
{
	struct draft_route *route = NULL;

	add_site(d, 0, SPAN("*"));
	for (int i = 0; i < count; i++) {
		struct span word = arena_span(d->faults->arena, span_str(words[i]));

		if (word.len && word.at[0] == '/')
			take_command_route(d, i + 1, word, &route);
		else if (route)
			take_word(d, route, i + 1, word);
		else if (is_address(word))
			i += take_command_listen(d, i + 1, count - i, words + i) - 1;
		else
			fault_at(d->faults, i + 1, "'%.*s' is neither an address to listen on, as :8080, nor a route, as /nas/=http://192.168.1.2:5000/",
				 SHOW(word));
	}
}

/* SPDX-License-Identifier: MIT
 *
 * cache - what is kept of a route's answers?
 *
 * `cache` is a size in [gateway], where all of it stands, and says elsewhere what is
 * kept: the one must not be taken for the other.
 */
#include "config_cache.h"

enum {
	NAMES = 32,            /* parameters that one cache_key drops: each is looked for in every query */
	SECOND = 1000,         /* ms */
	LIFE_MOST = 365 * 86400 /* s */
};
#define SIZE_LEAST (64 * 1024)
#define SIZE_MOST (INT64_C(1) << 30)
#define SIZE_STANDARD (4 * 1024 * 1024)

struct cache_rule cache_standard(void)
{
	return (struct cache_rule){.fresh = {.mode = FRESH_OFF, .cookies = FRESH_COOKIES_REFUSE}};
}

/* --- how much in all ---------------------------------------------------------- */

/* Size or time, they have words of one form: "10m" is ten minutes. */
static bool is_time(struct span s)
{
	int64_t ms;

	return word_time(s, &ms);
}

/* A number alone might be either. */
static bool is_size(struct span s)
{
	int64_t bytes, number;

	return word_size(s, &bytes) && !word_number(s, &number);
}

uint64_t cache_size(struct draft *d)
{
	if (!GW_HAS(CACHE))
		return 0;

	const struct setting *s = level_get(&d->gateway, KEY_CACHE);
	struct span word = {NULL, 0}, rest;
	int64_t bytes = 0;

	if (!s)
		return SIZE_STANDARD;
	rest = s->text;
	word_item(&rest, &word);
	if (span_is(word, SPAN("on")) || span_is(word, SPAN("off")) || is_time(word))
		fault_at(d->faults, s->line, "cache: in [gateway] it is the size of the whole cache, such as 4M; '%.*s' belongs in a [site], in a [route] or behind a target",
			 SHOW(s->text));
	else if (!word_size(s->text, &bytes))
		fault_at(d->faults, s->line, "cache: '%.*s' is not a size such as 512k or 4M", SHOW(s->text));
	else if (bytes < SIZE_LEAST || bytes > SIZE_MOST)
		fault_at(d->faults, s->line, "cache: '%.*s' is not from 64k to 1G", SHOW(s->text));
	else
		return (uint64_t)bytes;
	return SIZE_MOST;
}

/* --- on, off, TIME, TIME force -------------------------------------------------- */

#define FORMS "on, off, a time such as 10m, or 'TIME force'"

static bool read_life(struct faults *f, const struct setting *s, struct span word, int32_t *life)
{
	int64_t ms;

	if (!word_time(word, &ms)) {
		fault_at(f, s->line, is_size(word) ? "cache: '%.*s' is a size, and that stands in [gateway]; here it is " FORMS : "cache: '%.*s' is none of " FORMS,
			 SHOW(word));
		return false;
	}
	if (ms % SECOND || ms < SECOND || ms / SECOND > LIFE_MOST) {
		fault_at(f, s->line, "cache: '%.*s' is not a number of seconds from 1s to 1y", SHOW(word));
		return false;
	}
	*life = (int32_t)(ms / SECOND);
	return true;
}

/* What stands behind the first word. */
static bool read_force(struct faults *f, const struct setting *s, struct span rest, struct fresh_rule *rule)
{
	struct span word;

	while (word_item(&rest, &word)) {
		if (!span_is(word, SPAN("force"))) {
			fault_at(f, s->line, "cache: unknown word '%.*s': behind a time there is force", SHOW(word));
			return false;
		}
		if (rule->mode != FRESH_GIVE) {
			fault_at(f, s->line, rule->mode == FRESH_FORCE ? "cache: force is said twice" : "cache: 'force' stands behind a time, as in '10m force'");
			return false;
		}
		rule->mode = FRESH_FORCE;
	}
	return true;
}

static bool read_mode(struct faults *f, const struct setting *s, struct fresh_rule *rule)
{
	struct span rest = s->text, word = {NULL, 0};

	word_item(&rest, &word);
	rule->lifetime = 0;
	if (span_is(word, SPAN("off")))
		rule->mode = FRESH_OFF;
	else if (span_is(word, SPAN("on")))
		rule->mode = FRESH_OBEY;
	else if (read_life(f, s, word, &rule->lifetime))
		rule->mode = FRESH_GIVE;
	else
		return false;
	return read_force(f, s, rest, rule);
}

/* After a fault something is kept, so that what goes with it is not called idle, too. */
static void take_mode(struct faults *f, struct fresh_rule *rule, const struct level *own)
{
	const struct setting *s = level_get(own, KEY_CACHE);

	if (s && !read_mode(f, s, rule))
		rule->mode = FRESH_OBEY;
}

/* --- what counts in a query -------------------------------------------------------- */

/* Is that a name as it can stand in a query, '*' at its end or not? */
static bool is_name(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.at[i] <= ' ' || s.at[i] > '~' || strchr("&=#\"<>", s.at[i]) || (s.at[i] == '*' && i + 1 < s.len))
			return false;
	return s.len != 0;
}

static void read_key_word(struct faults *f, const struct setting *s, struct span word, struct cache_rule *rule, struct span *row)
{
	struct span name = span_of(word.at + 1, word.len - 1);

	if (span_is(word, SPAN("sort")))
		rule->sort = true;
	else if (word.at[0] != '-')
		fault_at(f, s->line, "cache_key: unknown word '%.*s': there are -NAME for a parameter that does not count, sort, or none", SHOW(word));
	else if (!is_name(name))
		fault_at(f, s->line, "cache_key: '%.*s': a parameter is -NAME, or -NAME* for all that begin so", SHOW(word));
	else if (rule->drop_count == NAMES)
		fault_at(f, s->line, "cache_key: '%.*s': more than %d parameters", SHOW(word), NAMES);
	else
		row[rule->drop_count++] = name;
}

/* All that this level says, instead of all that is said further out. */
static void take_key(struct faults *f, struct cache_rule *rule, const struct level *own)
{
	const struct setting *first = level_get(own, KEY_CACHE_KEY);
	struct span *row, rest, word;

	if (!first)
		return;
	row = ARENA_ROW(f->arena, struct span, NAMES);
	rule->drop = row;
	rule->drop_count = 0;
	rule->sort = false;
	if (span_is(first->text, SPAN("none")) && !level_more(first))
		return;
	for (const struct setting *s = first; s; s = level_more(s))
		for (rest = s->text; word_item(&rest, &word);)
			read_key_word(f, s, word, rule, row);
}

/* --- the other ones ------------------------------------------------------------------ */

static bool read_choice(struct faults *f, const struct setting *s, const struct span *words, uint8_t count, uint8_t *value)
{
	const char *near = NULL;

	for (uint8_t i = 0; i < count; i++) {
		if (span_is(s->text, words[i])) {
			*value = i;
			return true;
		}
		if (!near && word_is_near(word_distance(s->text, words[i]), words[i]))
			near = words[i].at;
	}
	if (near)
		fault_at(f, s->line, "%s: unknown word '%.*s' (did you mean '%s'?)", s->key->name.at, SHOW(s->text), near);
	return false;
}

static void take_choices(struct faults *f, struct fresh_rule *rule, const struct level *own)
{
	static const struct span ignored[] = {{"none", 4}, {"reload", 6}};
	static const struct span cookies[] = {[FRESH_COOKIES_REFUSE] = {"refuse", 6}, [FRESH_COOKIES_STRIP] = {"strip", 5}, [FRESH_COOKIES_KEEP] = {"keep", 4}};
	const struct setting *ignore = level_get(own, KEY_CACHE_IGNORE), *cookie = level_get(own, KEY_CACHE_COOKIES);
	size_t faults = f->count;
	uint8_t value = 0;

	if (ignore && read_choice(f, ignore, ignored, 2, &value))
		rule->ignore_reload = value;
	else if (ignore && f->count == faults)
		fault_at(f, ignore->line, "cache_ignore: '%.*s' is neither reload nor none", SHOW(ignore->text));
	faults = f->count;
	if (cookie && read_choice(f, cookie, cookies, 3, &value))
		rule->cookies = value;
	else if (cookie && f->count == faults)
		fault_at(f, cookie->line, "cache_cookies: '%.*s' is none of refuse, strip and keep", SHOW(cookie->text));
}

static int32_t seconds(struct faults *f, const struct level *own, enum key_id id, int32_t otherwise)
{
	const struct setting *s = level_get(own, id);

	if (!s)
		return otherwise;
	if (s->number % SECOND)
		fault_at(f, s->line, "%s: '%.*s' is not a number of seconds", s->key->name.at, SHOW(s->text));
	return (int32_t)(s->number / SECOND);
}

static void take_object(struct draft *d, struct cache_rule *rule, const struct level *own, uint64_t size)
{
	const struct setting *s = level_get(own, KEY_CACHE_OBJECT);
	const struct setting *all = level_get(&d->gateway, KEY_CACHE);

	if (!s)
		return;
	rule->object = (uint64_t)s->number;
	if (rule->object > size / 2)
		fault_at(d->faults, s->line, "cache_object: '%.*s' is more than half of the whole cache, which has %s ('cache' in [gateway])", SHOW(s->text),
			 all ? all->text.at : "4M");
}

void cache_inherit(struct draft *d, struct cache_rule *rule, const struct level *own, uint64_t size)
{
	struct faults *f = d->faults;

	if (!GW_HAS(CACHE))
		return;
	if (own != &d->gateway)
		take_mode(f, &rule->fresh, own);
	take_object(d, rule, own, size);
	take_key(f, rule, own);
	take_choices(f, &rule->fresh, own);
	rule->fresh.stale_while = seconds(f, own, KEY_STALE_WHILE, rule->fresh.stale_while);
	rule->fresh.stale_error = seconds(f, own, KEY_STALE_ERROR, rule->fresh.stale_error);
}

/* --- whose answer it is ----------------------------------------------------------------- */

enum { HASH = 32 };

/* Parts one behind the other: no other row of parts comes to the same. */
struct identity {
	unsigned char hash[HASH];
};

static void mix(struct identity *i, struct span part)
{
	unsigned char both[2 * HASH];

	memcpy(both, i->hash, HASH);
	credential_hash(both + HASH, part);
	credential_hash(i->hash, span_of((const char *)both, sizeof both));
}

static void mix_named(struct identity *i, const char *name, struct span part)
{
	mix(i, span_str(name));
	mix(i, part);
}

static void mix_number(struct identity *i, const char *name, uint64_t number)
{
	char room[24];
	struct text t = text_in(room, sizeof room);

	text_number(&t, number);
	mix_named(i, name, text_span(&t));
}

static void mix_targets(struct identity *i, const struct route *r)
{
	for (size_t j = 0; j < r->target_count; j++) {
		mix_named(i, "target", span_str(r->targets[j].text));
		mix_number(i, "proxy", r->targets[j].server->proxy);
	}
}

/* As whom we ask, and whom we take for the server. */
static void mix_wish(struct identity *i, const struct tls_wish *w)
{
	const struct setting *const said[] = {w->verify, w->verify_name, w->ca, w->client_cert};

	for (size_t j = 0; j < sizeof said / sizeof *said; j++)
		mix_named(i, "tls", said[j] ? said[j]->text : SPAN(""));
}

static void mix_edits(struct identity *i, const struct edits *e)
{
	for (size_t j = 0; j < e->count; j++)
		if (e->at[j].remove)
			mix_named(i, "without", e->at[j].name);
	mix_named(i, "with", e->block);
}

/* A user is one of somebody's. */
static void mix_auth(struct identity *i, const struct auth *a)
{
	if (!a)
		return;
	mix_named(i, a->ask ? "ask" : "users", span_str(a->ask ? a->ask->text : a->users->label));
	mix_named(i, "user_header", a->user_header);
	for (size_t j = 0; j < a->copy_count; j++)
		mix_named(i, "copy", a->copy[j]);
}

/* What was kept under another rule, with its cookies or for longer, is no answer of this one. */
static void mix_rule(struct identity *i, const struct fresh_rule *rule)
{
	mix_number(i, "mode", rule->mode);
	mix_number(i, "lifetime", (uint64_t)rule->lifetime);
	mix_number(i, "cookies", rule->cookies);
}

static struct span identity_of(struct arena *a, const struct route *r, const struct cache_rule *rule, const struct tls_wish *wish)
{
	const size_t size = (4 * HASH + 2) / 3;
	struct text t = text_in(arena_take(a, size), size);
	struct identity i = {{0}};

	mix_named(&i, "site", span_str(r->site->label));
	mix_named(&i, "prefix", r->prefix);
	for (size_t j = 0; j < r->when_count; j++)
		mix_named(&i, "when", r->when[j].text);
	mix_targets(&i, r);
	mix_wish(&i, wish);
	mix_edits(&i, &r->options.request);
	mix_auth(&i, r->options.auth);
	mix_rule(&i, &rule->fresh);
	text_base64(&t, span_of((const char *)i.hash, HASH), TEXT_BASE64_URL);
	return text_span(&t);
}

const struct cache_rule *cache_of(struct faults *f, const struct cache_rule *rule, const struct route *r, const struct tls_wish *wish)
{
	struct cache_rule *made;

	if (!GW_HAS(CACHE))
		return NULL;
	if (rule->fresh.mode == FRESH_OFF || r->kind != ROUTE_PROXY)
		return NULL;
	made = ARENA_NEW(f->arena, struct cache_rule);
	*made = *rule;
	made->identity = identity_of(f->arena, r, made, wish);
	return made;
}

/* --- what does nothing -------------------------------------------------------------------- */

/* With faults, who knows what there would be. */
void cache_warn(struct faults *f, const struct level *own)
{
	static const enum key_id ids[] = {KEY_CACHE_OBJECT, KEY_CACHE_KEY, KEY_CACHE_IGNORE, KEY_CACHE_COOKIES, KEY_STALE_WHILE, KEY_STALE_ERROR};

	if (!GW_HAS(CACHE))
		return;
	for (size_t i = 0; i < sizeof ids / sizeof *ids && !f->count; i++) {
		const struct setting *s = level_get(own, ids[i]);

		if (s)
			fault_warn(f, s->line, "'%s' does nothing: no answer is kept here without 'cache = on' or a time, as in 'cache = 10m'",
				   s->key->name.at);
	}
}

bool cache_is_kept(const struct route *routes, size_t count)
{
	if (!GW_HAS(CACHE))
		return true;
	for (size_t i = 0; i < count; i++)
		if (routes[i].options.cache)
			return true;
	return false;
}

void cache_settle(struct draft *d, struct config *c)
{
	if (!GW_HAS(CACHE))
		return;

	const struct setting *s = level_get(&d->gateway, KEY_CACHE);

	if (cache_is_kept(c->routes, c->route_count))
		return;
	c->cache = 0;
	cache_warn(d->faults, &d->gateway);
	if (s && !d->faults->count)
		fault_warn(d->faults, s->line, "'cache' says how much, but no route keeps anything: 'cache = on' or a time, as in 'cache = 10m', is missing in the [site] or behind the target");
}

/* SPDX-License-Identifier: MIT
 *
 * key - which keys are there, where may they stand, and what may they say?
 *
 * The one table of the language. Knows nothing of what follows from a key.
 */
#include "config_key.h"
#include "../gateway.h"

enum {
	SECOND = 1000,
	HOUR = 3600 * SECOND,
	ROUTE = IN_ROUTE | IN_LINE,
	ALL = IN_GATEWAY | IN_SITE | IN_ROUTE | IN_LINE
};
#define DAY (INT64_C(24) * HOUR)
#define YEAR (365 * DAY)

#define K(name) {(name), sizeof(name) - 1}

static const struct key keys[KEYS] = {
	{K("listen"), KEY_LISTEN, KEY_TEXT, IN_GATEWAY | IN_SITE, true, 0, 0, 0},
	{K("trusted"), KEY_TRUSTED, KEY_TEXT, IN_GATEWAY, true, 0, 0, 0},
	{K("workers"), KEY_WORKERS, KEY_NUMBER, IN_GATEWAY, false, 1, GW_WORKERS, 1},
	{K("clients"), KEY_CLIENTS, KEY_NUMBER, IN_GATEWAY, false, 1, 1000000, GW_CLIENTS},
	{K("tls_clients"), KEY_TLS_CLIENTS, KEY_NUMBER, IN_GATEWAY | KEY_FOR(TLS), false, 1, 1000000, 0}, /* 0: as many as clients */
	{K("handshakes"), KEY_HANDSHAKES, KEY_NUMBER, IN_GATEWAY | KEY_FOR(TLS), false, 1, 100000, 32},
	{K("requests"), KEY_REQUESTS, KEY_NUMBER, IN_GATEWAY, false, 1, 100000, GW_REQUESTS},
	{K("per_client"), KEY_PER_CLIENT, KEY_NUMBER, IN_GATEWAY, false, 1, 1000000, 64},
	{K("idle_links"), KEY_IDLE_LINKS, KEY_NUMBER, IN_GATEWAY, false, 0, 10000, 32},
	{K("buffer"), KEY_BUFFER, KEY_SIZE, IN_GATEWAY, false, GW_HEAD + 1024, 1 << 24, GW_BUFFER},
	{K("user"), KEY_USER, KEY_TEXT, IN_GATEWAY, false, 0, 0, 0},
	{K("group"), KEY_GROUP, KEY_TEXT, IN_GATEWAY, false, 0, 0, 0},
	{K("access_log"), KEY_ACCESS_LOG, KEY_TEXT, IN_GATEWAY, false, 0, 0, 0},
	{K("error_log"), KEY_ERROR_LOG, KEY_TEXT, IN_GATEWAY, false, 0, 0, 0},
	{K("log_format"), KEY_LOG_FORMAT, KEY_TEXT, IN_GATEWAY, false, 0, 0, 0},
	{K("head_timeout"), KEY_HEAD_TIMEOUT, KEY_TIME, IN_GATEWAY, false, 1, HOUR, 10 * SECOND},
	{K("handshake_timeout"), KEY_HANDSHAKE_TIMEOUT, KEY_TIME, IN_GATEWAY | KEY_FOR(TLS), false, 1, HOUR, 10 * SECOND},
	{K("idle_timeout"), KEY_IDLE_TIMEOUT, KEY_TIME, IN_GATEWAY, false, 1, YEAR, 60 * SECOND},
	{K("link_timeout"), KEY_LINK_TIMEOUT, KEY_TIME, IN_GATEWAY, false, 1, YEAR, 60 * SECOND},
	{K("send_timeout"), KEY_SEND_TIMEOUT, KEY_TIME, IN_GATEWAY, false, 1, YEAR, 60 * SECOND},
	{K("linger_timeout"), KEY_LINGER_TIMEOUT, KEY_TIME, IN_GATEWAY, false, 0, HOUR, 5 * SECOND},
	{K("drain_timeout"), KEY_DRAIN_TIMEOUT, KEY_TIME, IN_GATEWAY, false, 0, YEAR, 60 * SECOND},
	{K("reload_timeout"), KEY_RELOAD_TIMEOUT, KEY_TIME, IN_GATEWAY, false, 0, YEAR, HOUR},
	{K("resolve_interval"), KEY_RESOLVE_INTERVAL, KEY_TIME, IN_GATEWAY, false, SECOND, YEAR, 60 * SECOND},
	{K("host"), KEY_HOST, KEY_TEXT, IN_SITE, true, 0, 0, 0},
	{K("state"), KEY_STATE, KEY_TEXT, IN_GATEWAY, false, 0, 0, 0},
	{K("cert"), KEY_CERT, KEY_TEXT, IN_GATEWAY | IN_SITE | KEY_FOR(TLS), true, 0, 0, 0},
	{K("key"), KEY_KEY, KEY_TEXT, IN_GATEWAY | IN_SITE | KEY_FOR(TLS), true, 0, 0, 0},
	{K("client_ca"), KEY_CLIENT_CA, KEY_TEXT, IN_GATEWAY | IN_SITE | KEY_FOR(TLS), false, 0, 0, 0},
	{K("hsts"), KEY_HSTS, KEY_TEXT, IN_GATEWAY | IN_SITE | KEY_FOR(TLS), false, 0, 0, 0},
	{K("acme_dir"), KEY_ACME_DIR, KEY_TEXT, IN_GATEWAY | IN_SITE | KEY_FOR(TLS), false, 0, 0, 0},
	{K("site"), KEY_SITE, KEY_TEXT, IN_ROUTE, false, 0, 0, 0},
	{K("path"), KEY_PATH, KEY_TEXT, IN_ROUTE, false, 0, 0, 0},
	{K("to"), KEY_TO, KEY_TEXT, IN_ROUTE, true, 0, 0, 0},
	{K("when"), KEY_WHEN, KEY_TEXT, ROUTE, true, 0, 0, 0},
	{K("text"), KEY_TEXT_OF, KEY_TEXT, ROUTE, false, 0, 0, 0},
	{K("type"), KEY_TYPE, KEY_TEXT, ROUTE, false, 0, 0, 0},
	{K("status"), KEY_STATUS, KEY_NUMBER, ROUTE, false, 301, 308, 302},
	{K("weight"), KEY_WEIGHT, KEY_NUMBER, IN_LINE, true, 1, 1000, 1},
	{K("backup"), KEY_BACKUP, KEY_BARE, IN_LINE, true, 0, 0, 0},
	{K("proxy"), KEY_PROXY, KEY_TEXT, IN_LINE, true, 0, 0, 0},
	{K("header"), KEY_HEADER, KEY_TEXT, ALL, true, 0, 0, 0},
	{K("request_header"), KEY_REQUEST_HEADER, KEY_TEXT, ALL, true, 0, 0, 0},
	{K("allow"), KEY_ALLOW, KEY_TEXT, ALL, true, 0, 0, 0},
	{K("deny"), KEY_DENY, KEY_TEXT, ALL, true, 0, 0, 0},
	{K("connect_timeout"), KEY_CONNECT_TIMEOUT, KEY_TIME, ALL, false, 1, HOUR, 3 * SECOND},
	{K("response_timeout"), KEY_RESPONSE_TIMEOUT, KEY_TIME, ALL, false, 1, YEAR, 60 * SECOND},
	{K("body_timeout"), KEY_BODY_TIMEOUT, KEY_TIME, ALL, false, 1, YEAR, 60 * SECOND},
	{K("tunnel_timeout"), KEY_TUNNEL_TIMEOUT, KEY_TIME, ALL, false, 1, YEAR, HOUR},
	{K("fail_timeout"), KEY_FAIL_TIMEOUT, KEY_TIME, ALL, false, 1, HOUR, 10 * SECOND},
	{K("max_fails"), KEY_MAX_FAILS, KEY_NUMBER, ALL, false, 0, 1000, 3},
	{K("tries"), KEY_TRIES, KEY_NUMBER, ALL, false, 1, GW_TARGETS, 3},
	{K("forwarded"), KEY_FORWARDED, KEY_FLAG, ALL, false, 0, 0, 0},
	{K("verify"), KEY_VERIFY, KEY_TEXT, ALL | KEY_FOR(TLS), false, 0, 0, 0},
	{K("verify_name"), KEY_VERIFY_NAME, KEY_TEXT, ALL | KEY_FOR(TLS), false, 0, 0, 0},
	{K("ca"), KEY_CA, KEY_TEXT, ALL | KEY_FOR(TLS), false, 0, 0, 0},
	{K("client_cert"), KEY_CLIENT_CERT, KEY_TEXT, ALL | KEY_FOR(TLS), false, 0, 0, 0},
	{K("client_key"), KEY_CLIENT_KEY, KEY_TEXT, ALL | KEY_FOR(TLS), false, 0, 0, 0},
	{K("auth"), KEY_AUTH, KEY_TEXT, ALL | KEY_FOR(AUTH), false, 0, 0, 0},
	{K("require"), KEY_REQUIRE, KEY_TEXT, ALL | KEY_FOR(AUTH), true, 0, 0, 0},
	{K("open_to"), KEY_OPEN_TO, KEY_TEXT, ALL | KEY_FOR(AUTH), true, 0, 0, 0},
	{K("login"), KEY_LOGIN, KEY_TEXT, ALL | KEY_FOR(AUTH), false, 0, 0, 0},
	{K("session"), KEY_SESSION, KEY_TIME, ALL | KEY_FOR(AUTH), false, 60 * SECOND, YEAR, 30 * DAY},
	{K("user_header"), KEY_USER_HEADER, KEY_TEXT, ALL | KEY_FOR(AUTH), false, 0, 0, 0},
	{K("copy"), KEY_COPY, KEY_TEXT, ALL | KEY_FOR(AUTH), true, 0, 0, 0},
	{K("limit"), KEY_LIMIT, KEY_TEXT, ALL, false, 0, 0, 0},
	{K("burst"), KEY_BURST, KEY_NUMBER, ALL, false, 1, 1000000, 0}, /* 0: as many as the limit's number */
	{K("connections"), KEY_CONNECTIONS, KEY_NUMBER, ALL, false, 0, 1000000, 0},
	{K("max_body"), KEY_MAX_BODY, KEY_SIZE, ALL, false, 0, INT64_C(1) << 50, 0},
	{K("bandwidth"), KEY_BANDWIDTH, KEY_TEXT, ALL, false, 0, 0, 0},
	{K("cache"), KEY_CACHE, KEY_TEXT, ALL | KEY_FOR(CACHE), false, 0, 0, 0},
	{K("cache_object"), KEY_CACHE_OBJECT, KEY_SIZE, ALL | KEY_FOR(CACHE), false, 1024, 1 << 30, 0}, /* 0: an eighth of the cache */
	{K("cache_key"), KEY_CACHE_KEY, KEY_TEXT, ALL | KEY_FOR(CACHE), true, 0, 0, 0},
	{K("cache_ignore"), KEY_CACHE_IGNORE, KEY_TEXT, ALL | KEY_FOR(CACHE), false, 0, 0, 0},
	{K("cache_cookies"), KEY_CACHE_COOKIES, KEY_TEXT, ALL | KEY_FOR(CACHE), false, 0, 0, 0},
	{K("stale_while_revalidate"), KEY_STALE_WHILE, KEY_TIME, ALL | KEY_FOR(CACHE), false, 0, YEAR, 0},
	{K("stale_if_error"), KEY_STALE_ERROR, KEY_TIME, ALL | KEY_FOR(CACHE), false, 0, YEAR, 0},
};

/* What CONFIG.md names and this version cannot do. */
static const struct span later[] = {
	K("rewrite"), K("inject"), K("replace"), K("rescue"), K("reload"), K("file:"), K("mock:"), K("status:"), K("metrics:"),
};

const struct key *key_of(enum key_id id)
{
	return &keys[id];
}

bool key_is_later(struct faults *f, int line, struct span word)
{
	bool is_later = false;

	for (size_t i = 0; i < sizeof later / sizeof *later; i++)
		is_later |= span_is(word, later[i]);
	if (is_later)
		fault_at(f, line, "'%.*s' is not available in this version", SHOW(word));
	return is_later;
}

const char *config_feature(unsigned feature)
{
	static const char *const names[] = {"tls", "auth", "cache", "explain"};
	int at = 0;

	while (feature >> at != 1)
		at++;
	return names[at];
}

bool key_is_missing(struct faults *f, int line, struct span word, unsigned feature)
{
	if ((feature & ~(unsigned)(GW_FEATURES)) == 0)
		return false;
	fault_at(f, line, "'%.*s' needs the feature '%s', which this build leaves out (gateway -V tells what is in)", SHOW(word), config_feature(feature));
	return true;
}

static const char *place_name(unsigned places)
{
	if (places & IN_GATEWAY)
		return "in [gateway]";
	if (places & IN_SITE)
		return "in a [site]";
	return places & IN_LINE ? "behind a target" : "in a [route]";
}

const char *key_hint(struct faults *f, struct span name, enum place where)
{
	const struct key *nearest = NULL;
	unsigned least = 0;

	for (size_t i = 0; i < KEYS; i++) {
		unsigned distance = word_distance(name, keys[i].name);

		if ((keys[i].places & where) && (!nearest || distance < least)) {
			nearest = &keys[i];
			least = distance;
		}
	}
	if (!nearest || !word_is_near(least, nearest->name))
		return "";
	return arena_format(f->arena, least ? " (did you mean '%.*s'?)" : " ('%.*s=' needs a value)", SHOW(nearest->name));
}

const struct key *key_find(struct faults *f, int line, struct span name, enum place where)
{
	const char *what = where == IN_LINE ? "word" : "key";

	for (size_t i = 0; i < KEYS; i++) {
		if (!span_is(name, keys[i].name))
			continue;
		if (key_is_missing(f, line, name, KEY_NEEDS(&keys[i])))
			return NULL;
		if (keys[i].places & where)
			return &keys[i];
		fault_at(f, line, "'%.*s' does not belong %s, but %s", SHOW(name), place_name(where), place_name(keys[i].places));
		return NULL;
	}
	if (!key_is_later(f, line, name))
		fault_at(f, line, "unknown %s '%.*s'%s", what, SHOW(name), key_hint(f, name, where));
	return NULL;
}

/* A number of that kind as the user would write it. */
static const char *show(struct arena *a, const struct key *key, int64_t value)
{
	static const char *const units[] = {"ms", "s", "m", "h", "d", "y"};
	static const int factors[] = {1000, 60, 60, 24, 365};
	const char *unit = "";
	int64_t v = value;

	if (key->kind == KEY_TIME) {
		int i = 0;

		while (i < 5 && v && v % factors[i] == 0)
			v /= factors[i++];
		unit = units[i];
	} else if (key->kind == KEY_SIZE && v % (1024 * 1024) == 0) {
		v /= 1024 * 1024;
		unit = "M";
	} else if (key->kind == KEY_SIZE && v % 1024 == 0) {
		v /= 1024;
		unit = "k";
	}
	return arena_format(a, "%lld%s", (long long)v, unit);
}

static bool read_number(struct faults *f, int line, const struct key *key, struct span s, int64_t *value)
{
	bool good = false;

	if (key->kind == KEY_TIME && !(good = word_time(s, value)))
		fault_at(f, line, "%s: '%.*s' is not a time such as 500ms, 10s, 5m, 1h or 1d", key->name.at, SHOW(s));
	if (key->kind == KEY_SIZE && !(good = word_size(s, value)))
		fault_at(f, line, "%s: '%.*s' is not a size such as 9000, 64k or 4M", key->name.at, SHOW(s));
	if (key->kind == KEY_NUMBER && !(good = word_number(s, value)))
		fault_at(f, line, "%s: '%.*s' is not a number from %s to %s", key->name.at, SHOW(s), show(f->arena, key, key->low),
			 show(f->arena, key, key->high));
	if (good && (*value < key->low || *value > key->high)) {
		fault_at(f, line, "%s: '%.*s' is not from %s to %s", key->name.at, SHOW(s), show(f->arena, key, key->low), show(f->arena, key, key->high));
		good = false;
	}
	return good;
}

bool key_read(struct faults *f, int line, const struct key *key, struct span s, int64_t *value)
{
	if (key->kind == KEY_BARE) {
		fault_at(f, line, "'%s' takes no value", key->name.at);
		return false;
	}
	if (!s.len) {
		fault_at(f, line, "'%s' has no value", key->name.at);
		return false;
	}
	if (key->kind == KEY_FLAG) {
		if (word_flag(s, value))
			return true;
		fault_at(f, line, "%s: '%.*s' is neither on nor off", key->name.at, SHOW(s));
		return false;
	}
	return key->kind == KEY_TEXT || read_number(f, line, key, s, value);
}

void level_add(struct level *l, struct faults *f, int line, const struct key *key, struct span value)
{
	const struct setting *before = key->many ? NULL : level_get(l, key->id);
	struct setting *s = ARENA_NEW(f->arena, struct setting);

	if (before) {
		fault_at(f, line, "'%s' is already set %s %d", key->name.at, f->file ? "in line" : "by word", before->line);
		return;
	}
	if (!key_read(f, line, key, value, &s->number))
		return;
	s->key = key;
	s->line = line;
	s->text = arena_span(f->arena, value);
	if (!l->end)
		l->end = &l->first;
	*l->end = s;
	l->end = &s->next;
}

static const struct setting *with_key(const struct setting *s, enum key_id id)
{
	while (s && s->key->id != id)
		s = s->next;
	return s;
}

const struct setting *level_get(const struct level *l, enum key_id id)
{
	return with_key(l->first, id);
}

const struct setting *level_more(const struct setting *s)
{
	return with_key(s->next, s->key->id);
}

int64_t level_number(const struct level *l, enum key_id id, int64_t otherwise)
{
	const struct setting *s = level_get(l, id);

	return s ? s->number : otherwise;
}

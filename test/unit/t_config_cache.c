/* SPDX-License-Identifier: MIT
 *
 * Is what is said of the cache read as it is meant, inherited, and told from what
 * another route keeps?
 */
#include "config_made.h"
#include <stdio.h>

#define G "[gateway]\nlisten = :80\n"           /* lines 1 and 2 */
#define A G "[site *]\n/a/ = http://a\n"        /* up to line 4 */
#define R G "[site *]\n/r/ = reply:200 "        /* in line 4 */
#define HASH "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEl8"
#define FAMILY "[users family]\nalice = " HASH "\n"

/* What it is elsewhere than in [gateway], and what that is there. */
#define FORMS "on, off, a time such as 10m, or 'TIME force'\n"
#define ELSEWHERE "belongs in a [site], in a [route] or behind a target\n"
#define WHOLE "f:3: cache: in [gateway] it is the size of the whole cache, such as 4M; "

static const struct config_mistake mistakes[] = {
	/* the size of all */
	{G "cache = on\n[site *]\n/ = http://a\n", WHOLE "'on' " ELSEWHERE},
	{G "cache = off\n[site *]\n/ = http://a\n", WHOLE "'off' " ELSEWHERE},
	{G "cache = 10m\n[site *]\n/ = http://a\n", WHOLE "'10m' " ELSEWHERE}, /* not ten megabytes */
	{G "cache = 10m force\n[site *]\n/ = http://a\n", WHOLE "'10m force' " ELSEWHERE},
	{G "cache = much\n[site *]\n/ = http://a\n", "f:3: cache: 'much' is not a size such as 512k or 4M\n"},
	{G "cache = 4M force\n[site *]\n/ = http://a\n", "f:3: cache: '4M force' is not a size such as 512k or 4M\n"},
	{G "cache = 65535\n[site *]\n/ = http://a\n", "f:3: cache: '65535' is not from 64k to 1G\n"},
	{G "cache = 1025M\n[site *]\n/ = http://a\n", "f:3: cache: '1025M' is not from 64k to 1G\n"},
	{G "cache = 1G\ncache = 1G\n[site *]\n/ = http://a\n", "f:4: 'cache' is already set in line 3\n"},
	{G "cache = 1G\nrequests = 20000\n[site *]\n/ = http://a cache=on\n",
	 "f: clients = 512, requests = 20000, buffer = 16384 and idle_links = 32 take more than 2 GB together, with cache = 1G\n"},
	/* what is kept */
	{A "cache = 4M\n", "f:5: cache: '4M' is a size, and that stands in [gateway]; here it is " FORMS},
	{A "cache = 64k\n", "f:5: cache: '64k' is a size, and that stands in [gateway]; here it is " FORMS},
	{A "cache = 10\n", "f:5: cache: '10' is none of " FORMS},
	{A "cache = yes\n", "f:5: cache: 'yes' is none of " FORMS},
	{A "cache = force\n", "f:5: cache: 'force' is none of " FORMS},
	{A "cache = ,\n", "f:5: cache: '' is none of " FORMS},
	{A "cache =\n", "f:5: 'cache' has no value\n"},
	{A "cache = 0s\n", "f:5: cache: '0s' is not a number of seconds from 1s to 1y\n"},
	{A "cache = 500ms\n", "f:5: cache: '500ms' is not a number of seconds from 1s to 1y\n"},
	{A "cache = 1500ms\n", "f:5: cache: '1500ms' is not a number of seconds from 1s to 1y\n"},
	{A "cache = 366d\n", "f:5: cache: '366d' is not a number of seconds from 1s to 1y\n"},
	{A "cache = 2147483647y\n", "f:5: cache: '2147483647y' is not a number of seconds from 1s to 1y\n"},
	{A "cache = 10m fource\n", "f:5: cache: unknown word 'fource': behind a time there is force\n"},
	{A "cache = 10m force force\n", "f:5: cache: force is said twice\n"},
	{A "cache = on force\n", "f:5: cache: 'force' stands behind a time, as in '10m force'\n"},
	{A "cache = off, force\n", "f:5: cache: 'force' stands behind a time, as in '10m force'\n"},
	{A "/b/ = http://b cache=on force\n", "f:5: cache: 'force' stands behind a time, as in '10m force'\n"},
	{A "/b/ = http://b cache=on cache=off\n", "f:5: 'cache' is already set in line 5\n"},
	{A "/b/ = http://b cache=10m,force,now\n", "f:5: cache: unknown word 'now': behind a time there is force\n"},
	{A "chache = on\n", "f:5: unknown key 'chache' (did you mean 'cache'?)\n"},
	{A "cache_cookie = keep\n", "f:5: unknown key 'cache_cookie' (did you mean 'cache_cookies'?)\n"},
	/* how long one may be */
	{A "cache_object = 1023\n", "f:5: cache_object: '1023' is not from 1k to 1024M\n"},
	{A "cache_object = long\n", "f:5: cache_object: 'long' is not a size such as 9000, 64k or 4M\n"},
	{A "cache_object = 3M\n", "f:5: cache_object: '3M' is more than half of the whole cache, which has 4M ('cache' in [gateway])\n"},
	{G "cache = 100k\n[site *]\ncache = on\n/ = http://a cache_object=51k\n",
	 "f:6: cache_object: '51k' is more than half of the whole cache, which has 100k ('cache' in [gateway])\n"},
	/* its key */
	{A "cache_key = utm_*\n", "f:5: cache_key: unknown word 'utm_*': there are -NAME for a parameter that does not count, sort, or none\n"},
	{A "cache_key = -a none\n", "f:5: cache_key: unknown word 'none': there are -NAME for a parameter that does not count, sort, or none\n"},
	{A "cache_key = none\ncache_key = -a\n", "f:5: cache_key: unknown word 'none': there are -NAME for a parameter that does not count, sort, or none\n"},
	{A "cache_key = -\n", "f:5: cache_key: '-': a parameter is -NAME, or -NAME* for all that begin so\n"},
	{A "cache_key = -a=b\n", "f:5: cache_key: '-a=b': a parameter is -NAME, or -NAME* for all that begin so\n"},
	{A "cache_key = -a&b\n", "f:5: cache_key: '-a&b': a parameter is -NAME, or -NAME* for all that begin so\n"},
	{A "cache_key = -*_id\n", "f:5: cache_key: '-*_id': a parameter is -NAME, or -NAME* for all that begin so\n"},
	{A "cache_key = -a**\n", "f:5: cache_key: '-a**': a parameter is -NAME, or -NAME* for all that begin so\n"},
	{A "cache_key = -\xc3\xa4\n", "f:5: cache_key: '-\xc3\xa4': a parameter is -NAME, or -NAME* for all that begin so\n"},
	{A "cache_key = -a -b -c -d -e -f -g -h -i -j -k -l -m -n -o -p\ncache_key = -a -b -c -d -e -f -g -h -i -j -k -l -m -n -o -p -q\n",
	 "f:6: cache_key: '-q': more than 32 parameters\n"},
	/* the others */
	{A "cache_ignore = relaod\n", "f:5: cache_ignore: unknown word 'relaod' (did you mean 'reload'?)\n"},
	{A "cache_ignore = everything\n", "f:5: cache_ignore: 'everything' is neither reload nor none\n"},
	{A "cache_cookies = stripp\n", "f:5: cache_cookies: unknown word 'stripp' (did you mean 'strip'?)\n"},
	{A "cache_cookies = on\n", "f:5: cache_cookies: 'on' is none of refuse, strip and keep\n"},
	{A "stale_if_error = 500ms\n", "f:5: stale_if_error: '500ms' is not a number of seconds\n"},
	{A "stale_while_revalidate = 1\n", "f:5: stale_while_revalidate: '1' is not a time such as 500ms, 10s, 5m, 1h or 1d\n"},
	{A "stale_if_error = 53w\n", "f:5: stale_if_error: '53w' is not from 0ms to 1y\n"},
	/* where there is nothing to keep */
	{R "cache=on\n", "f:4: 'cache' is for servers' answers only\n"},
	{R "cache=off\n", "f:4: 'cache' is for servers' answers only\n"},
	{R "cache=10m force\n", "f:4: 'cache' is for servers' answers only\n"},
	{R "cache_object=1k\n", "f:4: 'cache_object' is for servers' answers only\n"},
	{R "cache_key=sort\n", "f:4: 'cache_key' is for servers' answers only\n"},
	{R "cache_ignore=reload\n", "f:4: 'cache_ignore' is for servers' answers only\n"},
	{R "cache_cookies=keep\n", "f:4: 'cache_cookies' is for servers' answers only\n"},
	{R "stale_while_revalidate=1m\n", "f:4: 'stale_while_revalidate' is for servers' answers only\n"},
	{R "stale_if_error=1m\n", "f:4: 'stale_if_error' is for servers' answers only\n"},
	{G "[site *]\n/r/ = redirect:/a/ cache=1h\n", "f:4: 'cache' is for servers' answers only\n"},
	/* no warning of what would be idle stands beside a fault */
	{A "cache = much\ncache_key = sort\n", "f:5: cache: 'much' is none of " FORMS},
	{G "cache = 4M\n[site *]\n/ = http://a cache=much cache_key=sort\n", "f:5: cache: 'much' is none of " FORMS},
	{G "cache = 4M\n[site *]\n/ = http://a cahce=on\n", "f:5: unknown word 'cahce' (did you mean 'cache'?)\n"},
};

static void tells_every_mistake(void **state)
{
	(void)state;
	config_refuses(mistakes, COUNT(mistakes));
}

#define IDLE " does nothing: no answer is kept here without 'cache = on' or a time, as in 'cache = 10m'\n"
#define NOBODY "warning: 'cache' says how much, but no route keeps anything: 'cache = on' or a time, as in 'cache = 10m', is missing in the [site] or behind the target\n"

static const struct { const char *text, *said; } warnings[] = {
	{A, ""},
	{G "cache = 1M\n[site *]\n/a/ = http://a cache=on\n", ""},
	{G "cache = 1M\n[site *]\n/a/ = http://a\n", "f:3: " NOBODY},
	{G "cache = 1M\n[site *]\ncache = on\n/a/ = reply:200\n", "f:3: " NOBODY},
	{G "cache = 1M\n[site *]\ncache = on\n/a/ = http://a cache=off\n", "f:3: " NOBODY},
	{A "cache_key = sort\n", "f:5: warning: 'cache_key'" IDLE},
	{A "cache_key = none\n", "f:5: warning: 'cache_key'" IDLE},
	{A "cache = off\nstale_if_error = 1h\n", "f:6: warning: 'stale_if_error'" IDLE},
	{G "[site *]\n/a/ = http://a cache_object=1k cache_ignore=reload\n", "f:4: warning: 'cache_object'" IDLE "f:4: warning: 'cache_ignore'" IDLE},
	{G "stale_while_revalidate = 1s\ncache_cookies = strip\n[site *]\n/ = http://a\n",
	 "f:3: warning: 'stale_while_revalidate'" IDLE "f:4: warning: 'cache_cookies'" IDLE},
	/* they wait for whoever is further in, */
	{G "cache_cookies = strip\n[site a]\n/ = http://a\n[site b]\n/ = http://b cache=on\n", ""},
	{A "cache_cookies = strip\n/b/ = http://b cache=on\n", ""},
	/* and another site's cache is none of ours */
	{A "cache_cookies = strip\n[site b]\n/ = http://b cache=on\n", "f:5: warning: 'cache_cookies'" IDLE},
	{A "cache = on\n/b/ = http://b cache=off cache_key=-a\n", "f:6: warning: 'cache_key'" IDLE},
};

static void tells_what_is_idle(void **state)
{
	static struct said said;

	(void)state;
	for (size_t i = 0; i < COUNT(warnings); i++) {
		struct config *c = config_made(&said, warnings[i].text);

		assert_non_null(c);
		block_same(text_span(&said.text), warnings[i].said, warnings[i].text);
		config_free(c);
	}
}

static void reads_the_size(void **state)
{
	static const struct { const char *said; uint64_t bytes; } cases[] = {
		{"", 4 << 20}, {"cache = 64k\n", 65536}, {"cache = 65536\n", 65536}, {"cache = 10M\n", 10 << 20}, {"cache = 1G\n", 1 << 30},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		for (int on = 0; on < 2; on++) {
			char text[200];
			struct config *c;

			snprintf(text, sizeof text, G "%s[site *]\n/ = http://a cache=%s\n", cases[i].said, on ? "on" : "off");
			c = config_right(text);
			assert_int_equal(c->cache, on ? cases[i].bytes : 0);
			config_free(c);
		}
}

/* Behind a target, and as a site's key; both spellings of two words. */
static void reads_what_is_kept(void **state)
{
	static const struct { const char *said; uint8_t mode; int32_t lifetime; } cases[] = {
		{"off", FRESH_OFF, 0},
		{"on", FRESH_OBEY, 0},
		{"1s", FRESH_GIVE, 1},
		{"1000ms", FRESH_GIVE, 1},
		{"10m", FRESH_GIVE, 600},
		{"1y", FRESH_GIVE, 31536000},
		{"10m force", FRESH_FORCE, 600},
		{"10m,force", FRESH_FORCE, 600},
		{"10m  , force", FRESH_FORCE, 600},
		{"\"10m force\"", FRESH_FORCE, 600},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		for (int place = 0; place < 3; place++) {
			static const char *const places[] = {G "[site *]\ncache = %s\n/ = http://a tries=2\n", G "[site *]\n/ = http://a cache=%s tries=2\n",
							     G "[site *]\n[route x]\nsite = *\npath = /\nto = http://a\ncache = %s\ntries = 2\n"};
			char text[200];
			struct config *c;
			const struct cache_rule *rule;

			if (place == 1 && strstr(cases[i].said, "  "))
				continue;
			snprintf(text, sizeof text, places[place], cases[i].said);
			c = config_right(text);
			rule = c->routes[0].options.cache;
			assert_int_equal(rule ? rule->fresh.mode : FRESH_OFF, cases[i].mode);
			assert_int_equal(rule ? rule->fresh.lifetime : 0, cases[i].lifetime);
			assert_int_equal(c->routes[0].options.tries, 2);
			assert_false(c->routes[0].options.checks);
			config_free(c);
		}
}

static void reads_words_of_a_command(void **state)
{
	static char *words[] = {":8080", "/=http://a", "cache=10m", "force", "tries=2"};
	static struct said said;
	struct config *c;

	(void)state;
	said.text = text_in(said.room, sizeof said.room);
	c = config_words(COUNT(words), words, said_add, &said);
	assert_non_null(c);
	assert_int_equal(c->cache, 4 << 20);
	assert_int_equal(c->routes[0].options.cache->fresh.mode, FRESH_FORCE);
	assert_int_equal(c->routes[0].options.tries, 2);
	config_free(c);
}

static void drops(const struct cache_rule *rule, const char *names, bool sort)
{
	char room[200];
	struct text t = text_in(room, sizeof room);

	for (size_t i = 0; i < rule->drop_count; i++) {
		text_str(&t, i ? " " : "");
		text_span_add(&t, rule->drop[i]);
	}
	block_same(text_span(&t), names, "cache_key");
	assert_int_equal(rule->sort, sort);
}

/* The innermost holds, each key for itself; what waits is there when `cache` comes. */
static void inherits(void **state)
{
	struct config *c = config_right(
		G "cache = 8M\ncache_object = 2M\ncache_key = -utm_* -fbclid\nstale_if_error = 1d\n"
		"[site a]\ncache = 10m force\ncache_ignore = reload\nstale_while_revalidate = 30s\n"
		"/a/ = http://a\n"
		"/b/ = http://b cache=on cache_key=sort cache_cookies=strip cache_ignore=none stale_if_error=0s\n"
		"/c/ = http://c cache=off\n/d/ = reply:200\n/e/ = redirect:/a/\n"
		"[site b]\ncache_cookies = keep\ncache_key = sort\ncache_key = -a,-b*\n"
		"/a/ = http://a\n"
		"/b/ = http://b cache=1h cache_object=1k cache_cookies=refuse cache_key=none\n"
		"/c/ = http://c cache=on\n");
	const struct cache_rule *rules[8];

	(void)state;
	assert_int_equal(c->cache, 8 << 20);
	assert_int_equal(c->route_count, COUNT(rules));
	for (size_t i = 0; i < COUNT(rules); i++)
		rules[i] = c->routes[i].options.cache;
	assert_true(rules[0] && rules[1] && !rules[2] && !rules[3] && !rules[4] && !rules[5] && rules[6] && rules[7]);

	assert_int_equal(rules[0]->fresh.mode, FRESH_FORCE);
	assert_int_equal(rules[0]->fresh.lifetime, 600);
	assert_int_equal(rules[0]->fresh.cookies, FRESH_COOKIES_REFUSE);
	assert_true(rules[0]->fresh.ignore_reload);
	assert_int_equal(rules[0]->fresh.stale_while, 30);
	assert_int_equal(rules[0]->fresh.stale_error, 86400);
	assert_int_equal(rules[0]->object, 2 << 20);
	drops(rules[0], "utm_* fbclid", false);

	assert_int_equal(rules[1]->fresh.mode, FRESH_OBEY);
	assert_int_equal(rules[1]->fresh.lifetime, 0);
	assert_int_equal(rules[1]->fresh.cookies, FRESH_COOKIES_STRIP);
	assert_false(rules[1]->fresh.ignore_reload);
	assert_int_equal(rules[1]->fresh.stale_while, 30);
	assert_int_equal(rules[1]->fresh.stale_error, 0);
	drops(rules[1], "", true);

	assert_int_equal(rules[6]->fresh.mode, FRESH_GIVE);
	assert_int_equal(rules[6]->fresh.lifetime, 3600);
	assert_int_equal(rules[6]->fresh.cookies, FRESH_COOKIES_REFUSE);
	assert_int_equal(rules[6]->object, 1024);
	drops(rules[6], "", false);

	assert_int_equal(rules[7]->fresh.mode, FRESH_OBEY);
	assert_int_equal(rules[7]->fresh.cookies, FRESH_COOKIES_KEEP);
	assert_int_equal(rules[7]->fresh.stale_error, 86400);
	drops(rules[7], "a b*", true);
	config_free(c);
}

/* --- identity --------------------------------------------------------------------- */

#define SAME_A "[site a]\nhost = a\ncache = 10m\n/x/ = http://a/b/\n"
#define SAME G SAME_A

/* The identity of the first route. */
static void identity(const char *text, char to[64])
{
	struct config *c = config_right(text);
	struct span s = c->routes[0].options.cache->identity;

	assert_int_equal(s.len, 43);
	for (size_t i = 0; i < s.len; i++)
		assert_true(text_sextet(s.at[i], TEXT_BASE64_URL) >= 0);
	memcpy(to, s.at, s.len);
	to[s.len] = '\0';
	config_free(c);
}

/* What asks the server for something else. */
static const char *const others[] = {
	G "[site b]\nhost = a\ncache = 10m\n/x/ = http://a/b/\n",
	G "[site a]\nhost = a\ncache = 10m\n/y/ = http://a/b/\n",
	G "[site a]\nhost = a\ncache = 10m\n/x/ = http://a/c/\n",
	G "[site a]\nhost = a\ncache = 10m\n/x/ = http://a\n",
	G "[site a]\nhost = a\ncache = 10m\n/x/ = http://a:81/b/\n",
	G "[site a]\nhost = a\ncache = 10m\n/x/ = http://a/b/ http://a/b/\n",
	G "[site a]\nhost = a\ncache = 10m\n/x/ = http://a/b/ http://c/b/\n",
	G "[site a]\nhost = a\ncache = 10m\n/x/ = http://c/b/ http://a/b/\n",
	G "[site a]\nhost = a\ncache = 10m\n/x/ = https://a/b/ verify=off\n",
	G "[site a]\nhost = a\ncache = 10m\n/x/ = https://a/b/ verify=off verify_name=c\n",
	G "[site a]\nhost = a\ncache = 10m\n/x/ = http://a/b/ proxy=v1\n",
	G "[site a]\nhost = a\ncache = 10m\n/x/ = http://a/b/ when=query:x\n",
	G "[site a]\nhost = a\ncache = 10m\n/x/ = http://a/b/ when=query:x when=query:y\n",
	G "[site a]\nhost = a\ncache = 10m\n/x/ = http://a/b/ when=method:GET\n",
	SAME "request_header = A: b\n",
	SAME "request_header = A: c\n",
	SAME "request_header = -A\n",
	SAME "request_header = A: b\nrequest_header = B: b\n",
	G "state = .\n" SAME_A "auth = family\n" FAMILY,
	G "state = .\n" SAME_A "auth = familie\n[users familie]\nalice = " HASH "\n",
	G "state = .\n" SAME_A "auth = family\nuser_header = X-User\n" FAMILY,
	SAME "auth = http://127.0.0.1/a\n",
	SAME "auth = http://127.0.0.1/b\n",
	SAME "auth = http://127.0.0.1/a\ncopy = X-User\n",
	SAME "auth = http://127.0.0.1/a\ncopy = X-User, X-Group\n",
	/* and what may be kept of it */
	G "[site a]\nhost = a\ncache = on\n/x/ = http://a/b/\n",
	G "[site a]\nhost = a\ncache = 11m\n/x/ = http://a/b/\n",
	G "[site a]\nhost = a\ncache = 10m force\n/x/ = http://a/b/\n",
	SAME "cache_cookies = keep\n",
};

/* What leaves it as it is. */
static const char *const same[] = {
	SAME,
	"; a line more\n" SAME,
	G "cache = 8M\n" SAME_A,
	G "workers = 2\n" SAME_A,
	G SAME_A "/y/ = http://c\n[site b]\n/ = http://b\n",
	G "[site a]\nhost = a\n/x/ = http://a/b/ cache=10m\n",
	G "[site a]\nhost = a aa\ncache = 10m\n/x/ = http://a/b/\n",
	G "[site a]\nhost = a\ncache = 10m\n/x/ = http://a/b/ weight=3\n",
	SAME "header = A: b\n",
	SAME "tries = 2\nconnect_timeout = 1s\nlimit = 10/s\n",
	SAME "allow = 10.0.0.0/8\n",
	SAME "cache_object = 1k\ncache_key = sort -a\nstale_if_error = 1h\n", /* the key holds the query that is left */
};

static void tells_routes_apart(void **state)
{
	static char all[COUNT(others) + 1][64];
	char one[64];

	(void)state;
	identity(SAME, all[COUNT(others)]);
	for (size_t i = 0; i < COUNT(same); i++) {
		identity(same[i], one);
		if (strcmp(one, all[COUNT(others)]) != 0)
			fail_msg("another identity:\n%s", same[i]);
	}
	for (size_t i = 0; i < COUNT(others); i++)
		identity(others[i], all[i]);
	for (size_t i = 0; i <= COUNT(others); i++)
		for (size_t j = 0; j < i; j++)
			if (strcmp(all[i], all[j]) == 0)
				fail_msg("one identity:\n%s\n%s", others[j], i < COUNT(others) ? others[i] : SAME);
}

/* --- what is printed ------------------------------------------------------------------ */

static const struct { const char *said, *column; } columns[] = {
	{"cache=on", "open, cache=on"},
	{"cache=off", "open"},
	{"cache=90s", "open, cache=90s"},
	{"cache=60m", "open, cache=1h"},
	{"cache=10m force", "open, cache=10m,force"},
	{"cache=14d,force limit=10/s", "open, limit=10/s burst=10, cache=14d,force"},
	{"allow=10.0.0.1 cache=1y", "restricted, cache=1y"},
};

static void prints_what_is_kept(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(columns); i++) {
		struct text file = block_text(1024), out = block_text(1024), want = block_text(1024);
		struct config *c;

		text_format(&file, G "[site *]\n/ = http://a %s\n", columns[i].said);
		text_char(&file, 0);
		text_format(&want, "http://*/ -> http://a/  %s\n", columns[i].column);
		text_char(&want, 0);
		c = config_right(file.at);
		config_print(c, &out);
		out.len = span_find(text_span(&out), '\n') + 1;
		block_same(text_span(&out), want.at, columns[i].said);
		config_free(c);
		free(file.at);
		free(out.at);
		free(want.at);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_every_mistake),
		cmocka_unit_test(tells_what_is_idle),
		cmocka_unit_test(reads_the_size),
		cmocka_unit_test(reads_what_is_kept),
		cmocka_unit_test(reads_words_of_a_command),
		cmocka_unit_test(inherits),
		cmocka_unit_test(tells_routes_apart),
		cmocka_unit_test(prints_what_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

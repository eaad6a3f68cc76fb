/* SPDX-License-Identifier: MIT
 *
 * What is said to who asks, and which entries does a purge meet?
 */
#include "../../src/supervisor_answer.h"
#include "cache_made.h"
#include "config_made.h"

static const char plain[] =
	"[gateway]\nlisten = :80\n[site a.example]\nhost = a.example, *.b.example\ncache = on\ncache_key = -utm_* -fbclid\n"
	"/ = http://192.0.2.1/\n/sorted/ = http://192.0.2.1/ cache_key=sort\n/raw/ = http://192.0.2.1/ cache_key=none\n"
	"[site other]\ncache = on\ncache_key = -id\n/ = http://192.0.2.1/\n/exact = http://192.0.2.1/ cache_key=-v\n/under/ = http://192.0.2.1/ cache_key=-w\n";

struct asked_here {
	struct config *config;
	struct store *stores;
	struct answerer answerer;
	struct cache_user user;
};

static struct cache_user joins(const struct store *s)
{
	struct cache_user u;

	assert_true(cache_join(&u, s->cache, 0, s->readers, (uint32_t)platform_pid()));
	return u;
}

static void begin(struct asked_here *a)
{
	struct text error = block_text(300);

	*a = (struct asked_here){.config = config_right(plain)};
	a->config->cache = 1 << 20;
	a->answerer = (struct answerer){.config = a->config, .serving = store_open(&a->stores, NULL, a->config, 0, &error)};
	a->answerer.all = a->stores;
	assert_non_null(a->stores);
	a->user = joins(a->stores);
	free(error.at);
}

static void end(struct asked_here *a)
{
	assert_null(cache_check(&a->user, a->stores->seen));
	store_close(&a->stores, a->answerer.serving);
	assert_null(a->stores);
	config_free(a->config);
}

static void keep(struct cache_user *u, const char *url, uint64_t len)
{
	char key[400];

	snprintf(key, sizeof key, "%s\n80\nidentity\n", url);
	assert_true(made_store_with(u, 0, key, 1, len, true, "", 1000));
}

/* In a block of exactly its size. */
static void answers(const struct asked_here *a, const char *line, const char *want)
{
	struct span block = block_of(span_str(line));
	struct text out = block_text(8192);

	answer_write(&a->answerer, block, &out);
	block_same(text_span(&out), want, line);
	block_free(block);
	free(out.at);
}

/* --- purging ----------------------------------------------------------------------- */

static const struct { const char *line, *kept; bool gone; } purges[] = {
	{"purge http://a.example/x", "http://a.example/x", true},
	{"purge http://a.example/x", "http://a.example/x/", false},
	{"purge http://a.example/x", "http://a.example/x?q", false},
	{"purge http://a.example/x", "https://a.example/x", false},
	{"purge http://a.example/x", "http://b.example/x", false},
	{"purge http://a.example/x", "http://a.example/X", false},
	{"purge https://a.example/x", "https://a.example/x", true},
	{"purge https://a.example/x", "http://a.example/x", false},
	/* the host: case, ports, a final dot */
	{"purge HTTP://A.Example/x", "http://a.example/x", true},
	{"purge http://a.example/x", "http://A.EXAMPLE/x", true},
	{"purge http://a.example:80/x", "http://a.example/x", true},
	{"purge http://a.example/x", "http://a.example:80/x", true},
	{"purge http://a.example:443/x", "http://a.example/x", false},
	{"purge http://a.example:443/x", "http://a.example:443/x", true},
	{"purge https://a.example:443/x", "https://a.example/x", true},
	{"purge https://a.example/x", "https://a.example:443/x", true},
	{"purge https://a.example:80/x", "https://a.example/x", false},
	{"purge http://a.example:8080/x", "http://a.example:8080/x", true},
	{"purge http://a.example:8080/x", "http://a.example/x", false},
	{"purge http://a.example/x", "http://a.example:8080/x", false},
	{"purge http://a.example/x", "http://a.example./x", true},
	{"purge http://a.example./x", "http://a.example/x", true},
	{"purge http://a.example:80/x", "http://a.example.:80/x", true},
	{"purge http://[FD00::1]:8080/x", "http://[fd00::1]:8080/x", true},
	{"purge http://192.0.2.7/x", "http://192.0.2.7/x", true},
	/* the path as requests have theirs */
	{"purge http://a.example", "http://a.example/", true},
	{"purge http://a.example?q", "http://a.example/?q", true},
	{"purge http://a.example/a/../%78", "http://a.example/x", true},
	{"purge http://a.example/%2f%c3", "http://a.example/%2F%C3", true},
	/* the query: as it is, and as any route of that site and path keeps it */
	{"purge http://a.example/x?q=1", "http://a.example/x?q=1", true},
	{"purge http://a.example/x?q=1", "http://a.example/x?q=2", false},
	{"purge http://a.example/x?q=1", "http://a.example/x", false},
	{"purge http://a.example/x?utm_id=1&q=1&fbclid=2", "http://a.example/x?q=1", true},
	{"purge http://a.example/x?utm_id=1", "http://a.example/x", true},
	{"purge http://a.example/x?utm_id=1", "http://a.example/x?utm_id=1", true},
	{"purge http://a.example/x?b&a", "http://a.example/x?a&b", false},
	{"purge http://a.example/sorted/x?b&a", "http://a.example/sorted/x?a&b", true},
	{"purge http://a.example/sorted/?b&utm_q&a", "http://a.example/sorted/?a&b&utm_q", true},
	{"purge http://x.b.example/x?fbclid=7", "http://x.b.example/x", true},
	{"purge http://a.example/x?id=1", "http://a.example/x", false},
	{"purge http://other/x?id=1&utm_q=2", "http://other/x?utm_q=2", true},
	{"purge http://other/x?utm_q=2", "http://other/x", false},
	{"purge http://nobody.example/x?id=1&utm_q=1", "http://nobody.example/x", false},
	{"purge http://other/exact?v=1&w=1", "http://other/exact?w=1", true},
	{"purge http://other/exact/?v=1", "http://other/exact/", false},
	{"purge http://other/under/x?w=1", "http://other/under/x", true},
	{"purge http://other/underneath?w=1", "http://other/underneath", false},
	/* prefixes */
	{"purge-prefix http://a.example/im", "http://a.example/img/1?q", true},
	{"purge-prefix http://A.example:80/im", "http://a.example/im", true},
	{"purge-prefix http://a.example/im", "http://a.example:80/image", true},
	{"purge-prefix http://a.example/im", "http://a.example/IMG", false},
	{"purge-prefix http://a.example/im", "http://a.example/i", false},
	{"purge-prefix http://a.example/im", "http://a.example.org/img", false},
	{"purge-prefix http://a.example/im", "https://a.example/img", false},
	{"purge-prefix http://a.example", "http://a.example/", true},
	{"purge-prefix http://a.example", "http://a.example/any?thing", true},
	{"purge-prefix http://a.example", "http://a.example.org/", false},
	{"purge-prefix http://a.example/x?q=", "http://a.example/x?q=12", true},
	{"purge-prefix http://a.example/x?q=", "http://a.example/x?p=12", false},
	{"purge-prefix http://a.example/x?utm_", "http://a.example/x", false},
	{"  purge   http://a.example/x\t", "http://a.example/x", true},
};

static void purges_what_is_meant(void **state)
{
	struct asked_here a;

	(void)state;
	begin(&a);
	for (size_t i = 0; i < COUNT(purges); i++) {
		char told[600];
		uint32_t left;

		keep(&a.user, "http://bystander.example/", 10);
		keep(&a.user, purges[i].kept, 10);
		answers(&a, purges[i].line, purges[i].gone ? "1 removed\n" : "0 removed\n");
		left = cache_purge(&a.user, span_str(purges[i].kept), true);
		snprintf(told, sizeof told, "%s and %s", purges[i].line, purges[i].kept);
		if (left != !purges[i].gone)
			fail_msg("%s: %u left", told, (unsigned)left);
		assert_int_equal(cache_purge(&a.user, SPAN("http://"), false), 1); /* who stood by */
	}
	end(&a);
}

static void counts_all_that_go(void **state)
{
	struct asked_here a;
	struct config larger;
	struct store *young;
	struct cache_user other;
	struct text error = block_text(300);

	(void)state;
	begin(&a);
	keep(&a.user, "http://a.example/x?q", 10);
	keep(&a.user, "http://a.example/x?q&utm_a", 10);
	keep(&a.user, "http://A.example./x?q", 10);
	keep(&a.user, "http://a.example:80/x?q", 10);
	answers(&a, "purge http://a.example/x?q&utm_a", "4 removed\n");
	answers(&a, "purge http://a.example/x?q&utm_a", "0 removed\n");

	/* what an older configuration still answers from, too */
	larger = *a.config;
	larger.cache *= 2;
	young = store_open(&a.stores, a.stores, &larger, 1, &error);
	assert_ptr_not_equal(young, a.answerer.serving);
	a.answerer.all = a.stores;
	other = joins(young);
	for (int i = 0; i < 2; i++) {
		keep(&a.user, "http://a.example/x", 10);
		keep(&other, "http://a.example/x", 10);
		answers(&a, i ? "purge http://a.example/x" : "purge-prefix http://a.example/", "2 removed\n");
	}
	store_close(&a.stores, young);
	free(error.at);
	end(&a);
}

/* As long as a request may have it. */
static void purges_the_longest(void **state)
{
	struct asked_here a;
	char key[GW_TARGET + 300], line[GW_TARGET + 300], host[200];
	int len;

	(void)state;
	begin(&a);
	memset(host, 'h', sizeof host);
	memcpy(host, "http://", 7);
	host[70] = host[140] = '.';
	len = snprintf(key, sizeof key, "%.*s:8080/%0*d\n80\nidentity\n", (int)sizeof host, host, GW_TARGET - 1, 1);
	assert_in_range(len, 1, (int)sizeof key - 1);
	for (int i = 0; i < 2; i++) {
		assert_true(made_store_with(&a.user, 0, key, 1, 10, true, "", 1000));
		snprintf(line, sizeof line, "%s %.*s", i ? "purge-prefix" : "purge", (int)span_find(span_str(key), '\n'), key);
		answers(&a, line, "1 removed\n");
	}
	end(&a);
}

/* --- what is none ------------------------------------------------------------------- */

static const struct { const char *line, *answer; } mistakes[] = {
	{"", "mistake: this cannot be asked: ''\n"},
	{"caches", "mistake: this cannot be asked: 'caches'\n"},
	{"cache checks", "mistake: this cannot be asked: 'cache checks'\n"},
	{"cache check check", "mistake: this cannot be asked: 'cache check check'\n"},
	{"check", "mistake: this cannot be asked: 'check'\n"},
	{"purge", "mistake: this cannot be asked: 'purge'\n"},
	{"purge-prefix", "mistake: this cannot be asked: 'purge-prefix'\n"},
	{"purge http://a/ http://b/", "mistake: this cannot be asked: 'purge http://a/ http://b/'\n"},
	{"Purge http://a/", "mistake: this cannot be asked: 'Purge http://a/'\n"},
	{"purge \x1b[2J", "mistake: a URL begins with http:// or https://; this does not: '\\x1b[2J'\n"},
	{"purge /x", "mistake: a URL begins with http:// or https://; this does not: '/x'\n"},
	{"purge a.example/x", "mistake: a URL begins with http:// or https://; this does not: 'a.example/x'\n"},
	{"purge ftp://a.example/x", "mistake: a URL begins with http:// or https://; this does not: 'ftp://a.example/x'\n"},
	{"purge-prefix http:", "mistake: a URL begins with http:// or https://; this does not: 'http:'\n"},
};

static void says_what_is_wrong(void **state)
{
	static const char *const refused[] = {
		"http://", "http:///x", "https://?x", "http://a b", "http://a.example/%zz", "http://a.example/%00", "http://a.example/x#part",
		"http://user@a.example/", "http://a.example:99999/", "http://a.example:x/", "http://a.example/../x", "http://a\\b/", "http://.../", "http://[::1/",
	};
	struct asked_here a;
	char line[GW_TARGET + 500];

	(void)state;
	begin(&a);
	keep(&a.user, "http://a.example/x", 10);
	for (size_t i = 0; i < COUNT(mistakes); i++)
		answers(&a, mistakes[i].line, mistakes[i].answer);
	for (size_t i = 0; i <= COUNT(refused); i++) {
		struct text out = block_text(8192);
		size_t len;

		if (i < COUNT(refused))
			len = (size_t)snprintf(line, sizeof line, "purge %s", refused[i]);
		else
			len = (size_t)snprintf(line, sizeof line, "purge http://a.example/%0*d", GW_TARGET + 300, 1);
		answer_write(&a.answerer, span_of(line, len), &out);
		if (!span_starts(text_span(&out), SPAN("mistake: ")) || out.at[out.len - 1] != '\n' || span_find(text_span(&out), '\n') != out.len - 1)
			fail_msg("%.*s: %.*s", (int)len, line, (int)out.len, out.at);
		free(out.at);
	}
	assert_int_equal(cache_purge(&a.user, SPAN("http://"), false), 1);
	a.answerer.serving = NULL;
	answers(&a, "cache", "cannot: nothing is kept: no route has 'cache'\n");
	answers(&a, "purge http://a/", "cannot: nothing is kept: no route has 'cache'\n");
	a.answerer.serving = a.stores;
	end(&a);
}

/* --- reports --------------------------------------------------------------------------- */

static void has(struct text *out, const char *words)
{
	text_char(out, 0);
	if (!strstr(out->at, words))
		fail_msg("where is '%s' in: %s", words, out->at);
	out->len--;
}

static void tells_how_it_is(void **state)
{
	struct asked_here a;
	struct text out = block_text(8192);
	char url[300];
	size_t lines = 0;

	(void)state;
	begin(&a);
	answers(&a, "cache check", "consistent\n");
	answer_write(&a.answerer, SPAN("cache"), &out);
	has(&out, "entries    0, with 0 bytes of bodies\n");
	has(&out, "hit ratio  0.0 % (0 of 0 requests)\n");
	assert_null(memchr(out.at, 0, out.len));
	for (unsigned i = 0; i < 12; i++) {
		snprintf(url, sizeof url, "http://a.example/%u%s", i, i == 11 ? "\x1b]\xff" : "");
		keep(&a.user, url, 1000 + i);
	}
	for (int i = 0; i < CACHE_COUNTS; i++)
		for (int j = 0; j <= i; j++)
			cache_note(&a.user, (enum cache_count)i);
	out.len = 0;
	answer_write(&a.answerer, SPAN("cache"), &out);
	has(&out, "entries    12, with 12066 bytes of bodies\n");
	has(&out, "memory     1048576 bytes: 24 of ");
	/* hits 1, misses 2, expired 3, stale 4, collapsed 5, bypassed 6 */
	has(&out, "hit ratio  66.7 % (10 of 15 requests)\n");
	has(&out, "counts     hits 1, misses 2, expired 3, stale 4, collapsed 5, bypassed 6, stored ");
	has(&out, "largest\n      1011  http://a.example/11\\x1b]\\xff\n      1010  http://a.example/10\n");
	for (size_t i = 0; i < out.len; i++)
		lines += out.at[i] == '\n';
	assert_int_equal(lines, 5 + 10);
	answers(&a, "cache check", "consistent\n");
	free(out.at);
	end(&a);
}

static void tells_what_is_not_in_order(void **state)
{
	struct asked_here a;
	struct text out = block_text(8192);
	uint32_t free_blocks;

	(void)state;
	begin(&a);
	free_blocks = a.stores->cache->free--;
	answer_write(&a.answerer, SPAN("cache check"), &out);
	has(&out, "cannot: the cache is not in order: ");
	a.stores->cache->free = free_blocks;
	answers(&a, "cache check", "consistent\n");
	free(out.at);
	end(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(purges_what_is_meant),
		cmocka_unit_test(counts_all_that_go),
		cmocka_unit_test(purges_the_longest),
		cmocka_unit_test(says_what_is_wrong),
		cmocka_unit_test(tells_how_it_is),
		cmocka_unit_test(tells_what_is_not_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * May what is stored be used, for this client, now? To the millisecond.
 */
#include "fresh_made.h"

static const struct fresh_rule obey = {.mode = FRESH_OBEY}, ignore = {.mode = FRESH_OBEY, .ignore_reload = true};

/* --- what the client wants (RFC 9111 5.2.1) --------------------------------------------- */

static const char *tell(const struct fresh_wish *w)
{
	static char out[160];
	int n = snprintf(out, sizeof out, "%s%s%s", w->no_cache ? "no-cache " : "", w->no_store ? "no-store " : "", w->only_if_cached ? "only-if-cached " : "");

	if (w->max_age >= 0)
		n += snprintf(out + n, sizeof out - (size_t)n, "max-age %d ", (int)w->max_age);
	if (w->min_fresh)
		n += snprintf(out + n, sizeof out - (size_t)n, "min-fresh %d ", (int)w->min_fresh);
	if (w->max_stale >= 0)
		n += snprintf(out + n, sizeof out - (size_t)n, "max-stale %d ", (int)w->max_stale);
	if (n)
		out[n - 1] = 0;
	return out;
}

static void read_wish(struct fresh_wish *w, const char *asked, const struct fresh_rule *rule)
{
	struct made m;

	made_request(&m, "GET", asked);
	memset(w, 0x55, sizeof *w);
	fresh_wish(w, &m.head, rule);
	made_free(&m);
}

static const struct {
	const char *asked, *want, *ignored; /* ignored: with cache_ignore = reload */
} wishes[] = {
	{"", "", ""},
	{"Accept: a" N, "", ""},
	{CC N, "", ""},
	{CC "foo, bar=\"no-cache\"" N, "", ""},
	/* 5.2.1.1 max-age */
	{CC "max-age=0" N, "max-age 0", ""},
	{CC "Max-Age=\"60\"" N, "max-age 60", ""},
	{CC "max-age=60, max-age=50" N, "max-age 50", ""},
	{CC "max-age=60" N CC "max-age=50" N CC "max-age=70" N, "max-age 50", ""},
	{CC "max-age=99999999999999999999" N, "max-age 2147483647", ""},
	{CC "max-age" N, "max-age 0", ""},
	{CC "max-age=x" N, "max-age 0", ""},
	{CC "max-age=-1" N, "max-age 0", ""},
	{CC "max-age=1.5" N, "max-age 0", ""},
	{CC "max-age= 5" N, "max-age 0", ""},
	{CC "max-age=60; foo" N, "max-age 0", ""},
	/* 5.2.1.2 max-stale */
	{CC "max-stale" N, "max-stale 2147483647", "max-stale 2147483647"},
	{CC "max-stale=10" N, "max-stale 10", "max-stale 10"},
	{CC "max-stale=0" N, "max-stale 0", "max-stale 0"},
	{CC "max-stale, max-stale=10" N, "max-stale 10", "max-stale 10"},
	{CC "max-stale=10, max-stale" N, "max-stale 10", "max-stale 10"},
	{CC "max-stale=x" N, "", ""},
	{CC "max-stale=" N, "", ""},
	{CC "max-stale; foo" N, "", ""},
	{CC "max-stale=99999999999" N, "max-stale 2147483647", "max-stale 2147483647"},
	/* 5.2.1.3 min-fresh */
	{CC "min-fresh=10" N, "min-fresh 10", ""},
	{CC "min-fresh=10, min-fresh=20, min-fresh=5" N, "min-fresh 20", ""},
	{CC "min-fresh=x" N, "min-fresh 2147483647", ""},
	{CC "min-fresh" N, "min-fresh 2147483647", ""},
	{CC "min-fresh=0" N, "", ""},
	/* 5.2.1.4, 5.2.1.5, 5.2.1.7 */
	{CC "no-cache" N, "no-cache", ""},
	{CC "NO-CACHE, max-age=0" N, "no-cache max-age 0", ""},
	{CC "no-cache=foo" N, "no-cache", ""},
	{CC "foo=\"bar, no-cache" N, "no-cache", ""},
	{CC "no-store" N, "no-store", "no-store"},
	{CC "only-if-cached" N, "only-if-cached", "only-if-cached"},
	{CC "only-if-cached, no-cache, no-store, min-fresh=1, max-stale=2, max-age=3" N, "no-cache no-store only-if-cached max-age 3 min-fresh 1 max-stale 2",
	 "no-store only-if-cached max-stale 2"},
	{CC "immutable, public, private" N, "", ""},
	/* 5.4 Pragma */
	{"Pragma: no-cache" N, "no-cache", ""},
	{"Pragma: foo=\"no-cache\", No-Cache" N, "no-cache", ""},
	{"Pragma: foo=\"no-cache\"" N, "", ""},
	{"Pragma: no-cache" N CC "foo" N, "", ""},
	{"Pragma: no-store, max-age=0" N, "", ""},
};

static void reads_wishes(void **state)
{
	struct fresh_wish w;

	(void)state;
	for (size_t i = 0; i < COUNT(wishes); i++) {
		read_wish(&w, wishes[i].asked, &obey);
		block_same(span_str(tell(&w)), wishes[i].want, wishes[i].asked);
		read_wish(&w, wishes[i].asked, &ignore);
		block_same(span_str(tell(&w)), wishes[i].ignored, wishes[i].asked);
	}
}

/* --- may it be used (RFC 9111 4) ------------------------------------------------------------ */

#define BORN (-5000) /* monotonic clocks begin where they like */

static const char uses[][10] = {"hit", "stale", "behind", "validate", "foreign"};

static void expect(const struct fresh_stored *s, const char *asked, enum fresh_asker asker, int64_t age, const char *want)
{
	struct fresh_wish w;
	enum fresh_use got;

	read_wish(&w, asked, &obey);
	got = fresh_use(s, &w, asker, s->born + age);
	if (strcmp(uses[got], want) != 0)
		fail_msg("%s at %lld ms: %s, not %s", asked, (long long)age, uses[got], want);
}

/* Until when (ms) is it this, and what is it then? */
struct edge {
	const char *asked;
	int64_t until; /* the first ms that it is not; -1: never */
	const char *before, *after;
};

static void check_edges(const struct fresh_stored *s, const struct edge *edges, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (edges[i].until > 0) {
			expect(s, edges[i].asked, FRESH_ANYBODY, 0, edges[i].before);
			expect(s, edges[i].asked, FRESH_ANYBODY, edges[i].until - 1, edges[i].before);
		}
		expect(s, edges[i].asked, FRESH_ANYBODY, edges[i].until, edges[i].after);
		expect(s, edges[i].asked, FRESH_ANYBODY, edges[i].until + 1000000000, edges[i].after);
	}
}

static void is_fresh_until(void **state)
{
	static const struct edge edges[] = {
		{"", 60000, "hit", "validate"},
		{CC "max-age=60" N, 60000, "hit", "validate"},
		{CC "max-age=61" N, 60000, "hit", "validate"},
		{CC "max-age=10" N, 10001, "hit", "validate"}, /* 5.2.1.1: no more than */
		{CC "max-age=0" N, 0, "hit", "validate"},
		{CC "min-fresh=10" N, 50001, "hit", "validate"}, /* 5.2.1.3: at least */
		{CC "min-fresh=60" N, 1, "hit", "validate"},
		{CC "min-fresh=61" N, 0, "hit", "validate"},
		{CC "no-cache" N, 0, "hit", "validate"},
		{CC "no-store" N, 60000, "hit", "validate"}, /* 5.2.1.5: not about what is stored already */
		{CC "only-if-cached" N, 60000, "hit", "validate"},
	};
	static const struct fresh_stored s = {.born = BORN, .lifetime = 60, .status = 200};
	struct fresh_stored immutable = s;

	(void)state;
	check_edges(&s, edges, COUNT(edges));
	/* RFC 8246 2.1: a reload is no sign that validation is necessary, no-cache is */
	immutable.immutable = true;
	expect(&immutable, CC "max-age=0" N, FRESH_ANYBODY, 59999, "hit");
	expect(&immutable, CC "max-age=10" N, FRESH_ANYBODY, 59999, "hit");
	expect(&immutable, CC "max-age=0" N, FRESH_ANYBODY, 60000, "validate");
	expect(&immutable, CC "no-cache" N, FRESH_ANYBODY, 0, "validate");
	expect(&immutable, CC "min-fresh=10" N, FRESH_ANYBODY, 50001, "validate");
}

/* RFC 9111 5.2.1.2, RFC 5861 3 */
static void is_stale_until(void **state)
{
	static const struct fresh_stored plain = {.born = BORN, .lifetime = 60}, behind = {.born = BORN, .lifetime = 60, .stale_while = 20},
					 never = {.born = BORN, .lifetime = 60, .no_stale = true};

	(void)state;
	expect(&plain, CC "max-stale=10" N, FRESH_ANYBODY, 59999, "hit");
	expect(&plain, CC "max-stale=10" N, FRESH_ANYBODY, 60000, "stale");
	expect(&plain, CC "max-stale=10" N, FRESH_ANYBODY, 70000, "stale");
	expect(&plain, CC "max-stale=10" N, FRESH_ANYBODY, 70001, "validate");
	expect(&plain, CC "max-stale=0" N, FRESH_ANYBODY, 60001, "validate");
	expect(&plain, CC "max-stale=0" N, FRESH_ANYBODY, 60000, "stale");
	expect(&plain, CC "max-stale" N, FRESH_ANYBODY, 1000000000, "stale");
	expect(&plain, CC "max-stale=99999999999999" N, FRESH_ANYBODY, 1000000000, "stale");
	expect(&plain, CC "max-stale, max-age=70" N, FRESH_ANYBODY, 70000, "stale");
	expect(&plain, CC "max-stale, max-age=70" N, FRESH_ANYBODY, 70001, "validate");
	expect(&plain, CC "max-stale, min-fresh=1" N, FRESH_ANYBODY, 59001, "validate");
	expect(&plain, CC "max-stale, no-cache" N, FRESH_ANYBODY, 60000, "validate");
	expect(&behind, "", FRESH_ANYBODY, 59999, "hit");
	expect(&behind, "", FRESH_ANYBODY, 60000, "behind");
	expect(&behind, "", FRESH_ANYBODY, 79999, "behind");
	expect(&behind, "", FRESH_ANYBODY, 80000, "validate");
	expect(&behind, CC "max-stale=30" N, FRESH_ANYBODY, 70000, "behind");
	expect(&behind, CC "max-stale=30" N, FRESH_ANYBODY, 80000, "stale");
	expect(&behind, CC "max-age=60" N, FRESH_ANYBODY, 60001, "validate");
	expect(&behind, CC "min-fresh=1" N, FRESH_ANYBODY, 60000, "validate");
	expect(&behind, CC "no-cache" N, FRESH_ANYBODY, 60000, "validate");
	expect(&never, CC "max-stale" N, FRESH_ANYBODY, 59999, "hit");
	expect(&never, CC "max-stale" N, FRESH_ANYBODY, 60000, "validate"); /* RFC 9111 4.2.4 */
}

static void is_validated_always(void **state)
{
	static const struct fresh_stored s = {.born = BORN, .lifetime = 60, .stale_while = 9, .stale_error = 9, .validate = true};
	struct fresh_wish w;

	(void)state;
	expect(&s, "", FRESH_ANYBODY, 0, "validate");
	expect(&s, CC "max-stale" N, FRESH_ANYBODY, 60000, "validate");
	read_wish(&w, CC "max-stale" N, &obey);
	assert_false(fresh_on_error(&s, &w, BORN));
}

static void is_for_whom(void **state)
{
	static const struct {
		bool all, told;
		const char *want[3];
	} rows[] = {
		{false, false, {"hit", "foreign", "foreign"}},
		{false, true, {"hit", "hit", "foreign"}},
		{true, false, {"hit", "foreign", "hit"}},
		{true, true, {"hit", "hit", "hit"}},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct fresh_stored s = {.born = BORN, .lifetime = 60, .for_all = rows[i].all, .told = rows[i].told};

		for (int asker = FRESH_ANYBODY; asker <= FRESH_AUTHORISED; asker++)
			expect(&s, "", (enum fresh_asker)asker, 0, rows[i].want[asker]);
		s.validate = true; /* what is not for him he does not validate */
		for (int asker = FRESH_ANYBODY; asker <= FRESH_AUTHORISED; asker++)
			expect(&s, CC "no-cache" N, (enum fresh_asker)asker, 0, strcmp(rows[i].want[asker], "hit") == 0 ? "validate" : "foreign");
	}
}

/* RFC 5861 4 */
static void is_used_on_error(void **state)
{
	static const struct {
		const char *asked;
		bool no_stale;
		int64_t age;
		bool want;
	} rows[] = {
		{"", false, 0, true},
		{"", false, 60000, true},
		{"", false, 159999, true},
		{"", false, 160000, false},
		{"", true, 59999, true},
		{"", true, 60000, false},
		{CC "no-cache" N, false, 0, false},
		{CC "max-age=0" N, false, 0, true}, /* what it prefers is not to be had */
		{CC "max-age=0" N, false, 100000, true},
		{CC "min-fresh=100" N, false, 10000, true},
		{CC "max-stale" N, false, 160000, false},
	};
	struct fresh_wish w;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct fresh_stored s = {.born = BORN, .lifetime = 60, .stale_error = 100, .no_stale = rows[i].no_stale};

		read_wish(&w, rows[i].asked, &obey);
		if (fresh_on_error(&s, &w, BORN + rows[i].age) != rows[i].want)
			fail_msg("%s at %lld ms", rows[i].asked, (long long)rows[i].age);
		s.stale_error = 0;
		if (fresh_on_error(&s, &w, BORN + rows[i].age) != (rows[i].want && rows[i].age < 60000))
			fail_msg("%s at %lld ms without stale-if-error", rows[i].asked, (long long)rows[i].age);
	}
}

static void tells_age(void **state)
{
	static const struct fresh_stored s = {.born = BORN, .lifetime = 60}, longest = {.born = -(int64_t)FRESH_LONG * 1000, .lifetime = FRESH_LONG};

	(void)state;
	assert_int_equal(fresh_age(&s, BORN), 0);
	assert_int_equal(fresh_age(&s, BORN - 1), 0);
	assert_int_equal(fresh_age(&s, BORN + 999), 0);
	assert_int_equal(fresh_age(&s, BORN + 1000), 1);
	assert_int_equal(fresh_age(&s, BORN + 59999), 59);
	assert_int_equal(fresh_ttl(&s, BORN), 60);
	assert_int_equal(fresh_ttl(&s, BORN + 59999), 1); /* fresh to the end */
	assert_int_equal(fresh_ttl(&s, BORN + 60000), 0);
	assert_int_equal(fresh_ttl(&s, BORN + 61000), -1);
	assert_true(fresh_age(&longest, 1000) == (int64_t)FRESH_LONG + 1);
	assert_int_equal(fresh_ttl(&longest, 1000), -1);
	expect(&longest, "", FRESH_ANYBODY, (int64_t)FRESH_LONG * 1000 - 1, "hit");
	expect(&longest, "", FRESH_ANYBODY, (int64_t)FRESH_LONG * 1000, "validate");
}

/* What fresh_store makes of an answer, as time goes by. */
static void ages_as_it_came(void **state)
{
	static const struct fresh_times t = {CLOCK, 1000000, 1002500};
	struct made request, response;
	struct fresh_wish w;
	struct fresh_stored s;

	(void)state;
	made_request(&request, "GET", "");
	made_response(&response, 200, CC "max-age=60" N "Age: 10" N);
	assert_null(fresh_store(&s, &request.head, FRESH_ANYBODY, &response.head, &obey, &t));
	read_wish(&w, "", &obey);
	assert_int_equal(fresh_age(&s, t.answered), 12); /* 10 and the 2.5 that it took */
	assert_int_equal(fresh_ttl(&s, t.answered), 48);
	assert_int_equal(fresh_use(&s, &w, FRESH_ANYBODY, 1049999), FRESH_HIT);
	assert_int_equal(fresh_use(&s, &w, FRESH_ANYBODY, 1050000), FRESH_VALIDATE);
	made_free(&request);
	made_free(&response);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_wishes),
		cmocka_unit_test(is_fresh_until),
		cmocka_unit_test(is_stale_until),
		cmocka_unit_test(is_validated_always),
		cmocka_unit_test(is_for_whom),
		cmocka_unit_test(is_used_on_error),
		cmocka_unit_test(tells_age),
		cmocka_unit_test(ages_as_it_came),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

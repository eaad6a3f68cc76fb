/* SPDX-License-Identifier: MIT
 *
 * Are limits read as they are meant, counted where they are said, and given up
 * where they end?
 */
#include "config_made.h"
#include <stdio.h>

#define G "[gateway]\nlisten = :80\n"      /* lines 1 and 2 */
#define A G "[site *]\n/a/ = http://a\n"   /* up to line 4 */
#define RATE " is neither off nor a rate such as 10/s, 100/m or 1000/h, at most 1000/s\n"
#define BYTES " is neither off nor a rate from 1k/s to 1024G/s, such as 1M/s\n"

static const struct config_mistake mistakes[] = {
	{A "limit = 10\n", "f:5: limit: '10'" RATE},
	{A "limit = 10/\n", "f:5: limit: '10/'" RATE},
	{A "limit = /s\n", "f:5: limit: '/s'" RATE},
	{A "limit = 10/d\n", "f:5: limit: '10/d'" RATE},
	{A "limit = 10/s/s\n", "f:5: limit: '10/s/s'" RATE},
	{A "limit = 0/s\n", "f:5: limit: '0/s'" RATE},
	{A "limit = -1/s\n", "f:5: limit: '-1/s'" RATE},
	{A "limit = 1001/s\n", "f:5: limit: '1001/s'" RATE},
	{A "limit = 60001/m\n", "f:5: limit: '60001/m'" RATE},
	{A "limit = 3600001/h\n", "f:5: limit: '3600001/h'" RATE},
	{A "limit = on\n", "f:5: limit: 'on'" RATE},
	{A "limit = 10/s brust=3\n", "f:5: limit: unknown word 'brust=3': there is burst=\n"},
	{A "limit = 10/s burst=0\n", "f:5: burst: '0' is not from 1 to 1000000\n"},
	{A "limit = 10/s burst=\n", "f:5: 'burst' has no value\n"},
	{A "limit = 10/s burst=1 burst=2\n", "f:5: limit: burst is said twice\n"},
	{A "limit = 10/s burst=1\nburst = 2\n", "f:5: limit: burst is said twice\n"},
	{A "limit = 1/h burst=25\n", "f:5: limit: at 1/h a burst of 25 would be possible once in more than a day; at most 24\n"},
	{A "burst = 2\n", "f:5: 'burst' belongs to a 'limit', and there is none beside it\n"},
	{A "limit = off\nburst = 2\n", "f:6: 'burst' belongs to a 'limit', and that is off\n"},
	{A "limit = off burst=2\n", "f:5: limit: 'off'" RATE},
	{G "[site *]\n/a/ = http://a \"limit= \"\n", "f:4: limit: ' '" RATE},
	{A "connections = 1000001\n", "f:5: connections: '1000001' is not from 0 to 1000000\n"},
	{A "max_body = many\n", "f:5: max_body: 'many' is not a size such as 9000, 64k or 4M\n"},
	{A "bandwidth = 1M\n", "f:5: bandwidth: '1M'" BYTES},
	{A "bandwidth = /s\n", "f:5: bandwidth: '/s'" BYTES},
	{A "bandwidth = s\n", "f:5: bandwidth: 's'" BYTES},
	{A "bandwidth = 1023/s\n", "f:5: bandwidth: '1023/s'" BYTES},
	{A "bandwidth = 1025G/s\n", "f:5: bandwidth: '1025G/s'" BYTES},
	{A "bandwidth = 1M/m\n", "f:5: bandwidth: '1M/m'" BYTES},
	{G "[site *]\n/a/ = http://a burst=2\n", "f:4: 'burst' belongs to a 'limit', and there is none beside it\n"},
};

static void tells_every_mistake(void **state)
{
	(void)state;
	config_refuses(mistakes, COUNT(mistakes));
}

static void reads_limits(void **state)
{
	static const struct { const char *said, *text; uint32_t interval, burst; } cases[] = {
		{"10/s", "10/s burst=10", 1600, 10},
		{"10/s burst=20", "10/s burst=20", 1600, 20},
		{"1/s burst=1", "1/s burst=1", 16000, 1},
		{"1000/s", "1000/s burst=1000", 16, 1000},
		{"3/s", "3/s burst=3", 5333, 3},
		{"7/s", "7/s burst=7", 2286, 7}, /* the nearest */
		{"60/m", "60/m burst=60", 16000, 60},
		{"60000/m burst=5", "60000/m burst=5", 16, 5},
		{"1/h", "1/h burst=1", 57600000, 1},
		{"1/h burst=24", "1/h burst=24", 57600000, 24},
		{"3600000/h burst=1000000", "3600000/h burst=1000000", 16, 1000000},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[200];
		struct config *c;
		const struct limit *l;

		snprintf(text, sizeof text, A "limit = %s\n", cases[i].said);
		c = config_right(text);
		l = c->routes[0].options.limit;
		assert_non_null(l);
		assert_true(c->routes[0].options.checks);
		block_same(l->text, cases[i].text, cases[i].said);
		assert_int_equal(l->interval, cases[i].interval);
		assert_int_equal(l->burst, cases[i].burst);
		assert_int_equal(l->number, 1);
		config_free(c);
	}
}

static void reads_bytes(void **state)
{
	struct config *c = config_right(G "max_body = 10M\nbandwidth = 1M/s\n[site *]\n/a/ = http://a\n/b/ = http://b max_body=0 bandwidth=off\n"
					"/c/ = http://c max_body=10G bandwidth=1024/s\n");

	(void)state;
	assert_int_equal(c->routes[0].options.max_body, 10 << 20);
	assert_int_equal(c->routes[0].options.bandwidth, 1 << 20);
	assert_true(c->routes[0].options.checks);
	assert_int_equal(c->routes[1].options.max_body, 0);
	assert_int_equal(c->routes[1].options.bandwidth, 0);
	assert_false(c->routes[1].options.checks);
	assert_int_equal(c->routes[2].options.max_body, INT64_C(10) << 30);
	assert_int_equal(c->routes[2].options.bandwidth, 1024);
	config_free(c);
}

/* One number for each that is said, none twice; those who inherit share it. */
static void counts_where_it_is_said(void **state)
{
	struct config *c = config_right(G "limit = 10/s\nconnections = 4\n"
					"[site a]\nlimit = 5/s burst=6\n/a/ = http://a\n/b/ = http://b limit=2/s burst=3\n/c/ = http://c limit=off\n"
					"[site b]\n/a/ = http://a\n/b/ = http://b connections=0\n/c/ = http://c limit=off connections=9\n");
	static const struct { const char *text; uint32_t most; } want[] = {
		{"5/s burst=6", 4}, {"2/s burst=3", 4}, {NULL, 4}, {"10/s burst=10", 4}, {"10/s burst=10", 0}, {NULL, 9},
	};
	const void *said[16] = {NULL};

	(void)state;
	assert_int_equal(c->route_count, COUNT(want));
	for (size_t i = 0; i < COUNT(want); i++) {
		const struct options *o = &c->routes[i].options;

		assert_int_equal(o->limit != NULL, want[i].text != NULL);
		if (o->limit)
			block_same(o->limit->text, want[i].text, c->routes[i].label);
		assert_int_equal(o->crowd ? o->crowd->most : 0, want[i].most);
		for (int j = 0; j < 2; j++) {
			const void *rule = j ? (const void *)o->crowd : (const void *)o->limit;
			unsigned number = j ? (o->crowd ? o->crowd->number : 0) : (o->limit ? o->limit->number : 0);

			assert_true(number < COUNT(said));
			assert_true(!rule || (number && (!said[number] || said[number] == rule)));
			said[number] = number ? rule : NULL;
		}
	}
	assert_ptr_equal(c->routes[3].options.limit, c->routes[4].options.limit);
	assert_ptr_equal(c->routes[0].options.crowd, c->routes[3].options.crowd);
	config_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_every_mistake),
		cmocka_unit_test(reads_limits),
		cmocka_unit_test(reads_bytes),
		cmocka_unit_test(counts_where_it_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

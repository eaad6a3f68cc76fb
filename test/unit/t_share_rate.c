/* SPDX-License-Identifier: MIT
 *
 * Does each client get as many requests as its bucket holds, and one more for
 * each interval, whoever counts?
 */
#include "share_made.h"

enum { EACH = 8, GROUPS = SHARE_BUCKETS / EACH };

#define NOW ((int64_t)7777000000) /* us */

struct rate_case {
	const char *text;
	struct limit_rate rate;
};

static const struct rate_case cases[] = {
	{"1000/s", {16, 1000}},
	{"1000/s burst=1", {16, 1}},
	{"10/s burst=20", {1600, 20}},
	{"3/s", {5333, 3}},
	{"1/s", {16000, 1}},
	{"7/m burst=30", {137142, 30}},
	{"1/h", {57600000, 1}},
	{"1/h burst=30", {57600000, 30}},
};

static uint32_t ask(struct share *s, const struct net *client, struct limit_rate rate, int64_t now)
{
	return share_rate(s, client, 1, rate, now);
}

/* How many pass in this moment. */
static uint32_t pass(struct share *s, const struct net *client, uint16_t rule, struct limit_rate rate, int64_t now)
{
	uint32_t count = 0;

	while (share_rate(s, client, rule, rate, now) == 0 && count < 100000)
		count++;
	return count;
}

static int64_t us(struct limit_rate rate, uint32_t intervals) /* rounded up */
{
	return ((int64_t)rate.interval * intervals * 1000 + 15) / 16;
}

static void exact_numbers(void **state)
{
	struct net client = client4(1);
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct limit_rate rate = cases[i].rate;
		struct share *s = made_share();
		uint32_t wait;

		if (pass(s, &client, 1, rate, NOW) != rate.burst)
			fail_msg("%s: not the whole bucket", cases[i].text);
		wait = ask(s, &client, rate, NOW);
		assert_int_equal(wait, (rate.interval + 15) / 16);
		assert_true(ask(s, &client, rate, NOW + us(rate, 1) - 125) > 0); /* two units before */
		assert_int_equal(pass(s, &client, 1, rate, NOW + us(rate, 1)), 1);
		assert_int_equal(pass(s, &client, 1, rate, NOW + us(rate, 1 + rate.burst / 2)), rate.burst / 2);
		assert_int_equal(pass(s, &client, 1, rate, NOW + us(rate, 1 + rate.burst / 2 + rate.burst)), rate.burst);
		assert_int_equal(pass(s, &client, 1, rate, NOW + us(rate, 1 + rate.burst / 2 + 3 * rate.burst)), rate.burst); /* no more than it holds */
		made_free(s);
	}
}

/* A model with all the time there is: requests at random moments, over the end
 * of the circle. */
static void as_the_model_says(void **state)
{
	static const int64_t starts[] = {0, 1, NOW, (int64_t)268435456 * 1000 - 3000000, (int64_t)268435456 * 8000 - 2000000};
	struct net client = client4(1);
	size_t i, k;
	int n;

	(void)state;
	for (i = 0; i < COUNT(cases) * COUNT(starts); i++) {
		struct limit_rate rate = cases[i % COUNT(cases)].rate;
		struct share *s = made_share();
		int64_t now_us = starts[i / COUNT(cases)], full_at = 0, depth = (int64_t)rate.interval * rate.burst;
		uint64_t random = 88172645463325252u + i;

		for (n = 0; n < 5000; n++) {
			int64_t now, debt, late;
			uint32_t wait;

			random ^= random << 13;
			random ^= random >> 7;
			random ^= random << 17;
			k = random % 4;
			now_us += k == 0 ? 0 : k == 3 && random >> 40 & 1 ? us(rate, 1) * (int64_t)(random >> 50 & 7) : (int64_t)((random >> 20) % ((uint64_t)us(rate, 1) + 1));
			now = now_us * 2 / 125;
			debt = full_at > now ? full_at - now : 0;
			late = debt + rate.interval - depth;
			wait = ask(s, &client, rate, now_us);
			if (wait != (late > 0 ? (uint64_t)(late + 15) / 16 : 0))
				fail_msg("%s: step %d: wait %u ms, not %lld units", cases[i % COUNT(cases)].text, n, wait, (long long)late);
			if (late <= 0)
				full_at = now + debt + rate.interval;
		}
		made_free(s);
	}
}

/* When the time that was said has passed, one passes. */
static void the_wait_is_enough(void **state)
{
	struct net client = client4(1);
	size_t i;
	int64_t late;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		for (late = 0; late < 2000; late += 61) {
			struct share *s = made_share();
			uint32_t wait;

			pass(s, &client, 1, cases[i].rate, NOW);
			wait = ask(s, &client, cases[i].rate, NOW + late);
			if (late < us(cases[i].rate, 1) - 125)
				assert_true(wait > 0);
			if (wait)
				assert_int_equal(ask(s, &client, cases[i].rate, NOW + late + (int64_t)wait * 1000), 0);
			made_free(s);
		}
	}
}

static void who_is_who(void **state)
{
	const struct limit_rate rate = {1600, 5};
	struct share *s = made_share();
	struct net a = client4(1), b = client4(2), c = client6(1, 1), neighbour = client6(1, 2), d = client6(2, 1), port = a;

	(void)state;
	assert_int_equal(pass(s, &a, 1, rate, NOW), 5);
	assert_int_equal(pass(s, &a, 2, rate, NOW), 5);
	assert_int_equal(pass(s, &b, 1, rate, NOW), 5);
	port.port = 99;
	assert_int_equal(pass(s, &port, 1, rate, NOW), 0);
	assert_int_equal(pass(s, &c, 1, rate, NOW), 5);
	assert_int_equal(pass(s, &neighbour, 1, rate, NOW), 0);
	assert_int_equal(pass(s, &d, 1, rate, NOW), 5);
	assert_int_equal(pass(s, &client_local, 1, rate, NOW), 100000);
	made_free(s);
}

/* --- time ------------------------------------------------------------------------- */

/* Another worker's turn began later than ours: an empty bucket is empty all the same. */
static void a_clock_that_is_behind(void **state)
{
	struct net client = client4(1);
	size_t i;
	int64_t behind;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		for (behind = 0; behind <= 5000000; behind += 12345) {
			struct share *s = made_share();

			pass(s, &client, 1, cases[i].rate, NOW);
			if (pass(s, &client, 1, cases[i].rate, NOW - behind) != 0)
				fail_msg("%s: more, %lld us before", cases[i].text, (long long)behind);
			made_free(s);
		}
	}
}

static struct share_bucket *only_bucket(struct share *s)
{
	struct share_bucket *found = NULL;
	int i;

	for (i = 0; i < SHARE_BUCKETS; i++) {
		if (atomic_load(&s->buckets[i].tag) == 0)
			continue;
		assert_null(found);
		found = &s->buckets[i];
	}
	assert_non_null(found);
	return found;
}

/* Whatever stands there, nobody waits longer than a bucket takes to give one. */
static void nonsense_is_full(void **state)
{
	struct net client = client4(1);
	uint32_t now = (uint32_t)(NOW * 2 / 125);
	size_t i, k;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct limit_rate rate = cases[i].rate;
		const uint32_t depth = rate.interval * rate.burst, ahead = 10000 * 16;
		const uint32_t full[] = {now, now - 1, now - 12345, now + depth + ahead + 1, now + INT32_MAX + 1u};
		const uint32_t empty[] = {now + depth, now + depth + 1, now + depth + ahead};

		for (k = 0; k < COUNT(full); k++) {
			struct share *s = made_share();

			ask(s, &client, rate, NOW);
			atomic_store(&only_bucket(s)->full_at, full[k]);
			assert_int_equal(pass(s, &client, 1, rate, NOW), rate.burst);
			made_free(s);
		}
		for (k = 0; k < COUNT(empty); k++) {
			struct share *s = made_share();

			ask(s, &client, rate, NOW);
			atomic_store(&only_bucket(s)->full_at, empty[k]);
			assert_true(ask(s, &client, rate, NOW) >= (rate.interval + 15) / 16);
			assert_in_range(ask(s, &client, rate, NOW), 1, (rate.interval + ahead + 15) / 16);
			made_free(s);
		}
	}
}

/* More than a bucket can hold: it holds what 37 hours fill, and at least one. */
static void odd_rates(void **state)
{
	static const struct limit_rate odd[] = {{57600000, 1000}, {57600000, 0xffffffff}, {0xffffffff, 1}, {0xffffffff, 0xffffffff}, {1600, 0}};
	static const uint32_t holds[] = {37, 37, 1, 1, 1};
	struct net client = client4(1);
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(odd); i++) {
		struct share *s = made_share();

		assert_int_equal(pass(s, &client, 1, odd[i], NOW), holds[i]);
		assert_true(ask(s, &client, odd[i], NOW) > 0);
		made_free(s);
	}
}

/* --- full tables ----------------------------------------------------------------------- */

static void the_fullest_is_forgotten(void **state)
{
	const struct limit_rate rate = {16000, 10};
	struct share *s = made_share();
	struct net clients[EACH], other;
	uint32_t number = 0, i, k;

	(void)state;
	for (i = 0; i < EACH; i++) {
		clients[i] = client_in(s, 3, GROUPS, 1, &number);
		for (k = 0; k < 10 - i; k++) /* the last one has taken least */
			assert_int_equal(ask(s, &clients[i], rate, NOW), 0);
	}
	other = client_in(s, 3, GROUPS, 1, &number);
	assert_int_equal(pass(s, &other, 1, rate, NOW), 10); /* nothing inherited */
	for (i = 0; i < EACH - 1; i++)
		assert_int_equal(pass(s, &clients[i], 1, rate, NOW), i);
	assert_int_equal(pass(s, &other, 1, rate, NOW), 0);
	made_free(s);
}

/* Strangers who ask once each take nobody's place who is being held. */
static void a_flood(void **state)
{
	const struct limit_rate rate = {16000, 20};
	struct share *s = made_share();
	struct net held = client4(1), client;
	uint32_t i;

	(void)state;
	assert_int_equal(pass(s, &held, 1, rate, NOW), 20);
	for (i = 2; i < 20 * SHARE_BUCKETS; i++) {
		client = client4(i);
		assert_int_equal(ask(s, &client, rate, NOW), 0);
	}
	assert_int_equal(pass(s, &held, 1, rate, NOW), 0);
	made_free(s);
}

/* --- races --------------------------------------------------------------------------------- */

struct tally {
	_Atomic uint32_t passed;
	_Atomic uint32_t millisecond; /* the racers' clock: each pushes it on */
};
static struct tally *tally;

enum { BURST = 5000, TURNS = 20000 };

static void ask_now(struct share *s, int number)
{
	const struct limit_rate rate = {16, BURST};
	struct net client = client4(1);
	int i;

	(void)number;
	for (i = 0; i < TURNS; i++)
		if (ask(s, &client, rate, NOW) == 0)
			atomic_fetch_add(&tally->passed, 1);
}

static void no_request_too_many(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < 10; i++) {
		struct share *s = made_share();

		atomic_store(&tally->passed, 0);
		race(s, ask_now);
		assert_int_equal(atomic_load(&tally->passed), BURST);
		made_free(s);
	}
}

/* Time goes by, for some a little later than for others. */
static void ask_on(struct share *s, int number)
{
	const struct limit_rate rate = {160, 50}; /* one in ten milliseconds */
	struct net client = client4(1);
	int i;

	for (i = 0; i < TURNS; i++) {
		int64_t now = NOW + (int64_t)atomic_load(&tally->millisecond) * 1000 - number * 700;

		if (ask(s, &client, rate, now) == 0)
			atomic_fetch_add(&tally->passed, 1);
		if (i % 50 == 0) /* nobody who is held up falls ten seconds behind */
			atomic_fetch_add(&tally->millisecond, 1);
	}
}

static void no_request_too_many_over_time(void **state)
{
	struct share *s = made_share();
	uint32_t due;

	(void)state;
	atomic_store(&tally->passed, 0);
	atomic_store(&tally->millisecond, 0);
	race(s, ask_on);
	due = 50 + atomic_load(&tally->millisecond) / 10;
	assert_in_range(atomic_load(&tally->passed), due * 9 / 10, due);
	made_free(s);
}

static void ask_as_many(struct share *s, int number)
{
	const struct limit_rate rate = {16000, 3};
	uint32_t at = (uint32_t)number << 28;
	struct net clients[12];
	int i;

	for (i = 0; i < (int)COUNT(clients); i++)
		clients[i] = client_in(s, 9, GROUPS, 1, &at);
	for (i = 0; i < TURNS; i++)
		ask(s, &clients[i % (int)COUNT(clients)], rate, NOW + i);
}

static void a_group_that_is_fought_over(void **state)
{
	struct share *s = made_share();
	struct net client = client4(1);
	char room[64];
	struct text how = text_in(room, sizeof room);
	long pid, ended;
	int i;

	(void)state;
	race(s, ask_as_many);
	for (i = 0; i < 20; i++) { /* whoever is killed, wherever */
		pid = platform_fork();
		assert_true(pid >= 0);
		if (pid == 0)
			for (;;)
				ask_as_many(s, 3);
		ask_as_many(s, 0);
		platform_kill(pid);
		while (!platform_reap(&ended, &how))
			platform_poll(NULL, 0, 1);
	}
	assert_int_equal(pass(s, &client, 1, (struct limit_rate){16000, 3}, NOW), 3);
	made_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exact_numbers),
		cmocka_unit_test(as_the_model_says),
		cmocka_unit_test(the_wait_is_enough),
		cmocka_unit_test(who_is_who),
		cmocka_unit_test(a_clock_that_is_behind),
		cmocka_unit_test(nonsense_is_full),
		cmocka_unit_test(odd_rates),
		cmocka_unit_test(the_fullest_is_forgotten),
		cmocka_unit_test(a_flood),
		cmocka_unit_test(no_request_too_many),
		cmocka_unit_test(no_request_too_many_over_time),
		cmocka_unit_test(a_group_that_is_fought_over),
	};

	tally = platform_memory(sizeof *tally, true);
	return tally ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}

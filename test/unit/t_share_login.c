/* SPDX-License-Identifier: MIT
 *
 * Does who guesses passwords wait ever longer, and nobody else?
 */
#include "share_made.h"

enum { GROUPS = SHARE_FAILURES / 8, HOUR = 3600000 };

#define NOW ((int64_t)50000000) /* a full second */

static struct share_login login(const struct net *client, uint16_t users, const char *name)
{
	return (struct share_login){.client = client, .users = users, .name = span_str(name)};
}

/* So many failures of one network, each as another user. */
static int64_t fail_network(struct share *s, const struct net *client, int times, int64_t now)
{
	static int number;
	char name[32];
	int64_t hold = 0;

	while (times-- > 0) {
		struct text t = text_in(name, sizeof name);
		struct share_login l = {.client = client};

		text_format(&t, "user%d", number++);
		l.name = text_span(&t);
		share_login_try(s, &l, now);
		hold = share_login_hold(s, &l, now);
		assert_true(share_login_hold(s, &l, now) == hold); /* it is only asked, not counted */
	}
	return hold;
}

/* So many failures of one user, each from another network. */
static void fail_user(struct share *s, uint16_t users, const char *name, int times, int64_t now)
{
	static uint32_t number = 0x0a000000;

	while (times-- > 0) {
		struct net c = client4(number++);
		struct share_login l = login(&c, users, name);

		share_login_try(s, &l, now);
	}
}

static int64_t wait_of(struct share *s, const struct net *client, const char *name, int64_t now)
{
	struct share_login l = login(client, 0, name);

	return share_login_wait(s, &l, now);
}

/* --- numbers -------------------------------------------------------------------- */

static void a_network_waits(void **state)
{
	static const int64_t seconds[] = {[10] = 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600};
	struct net client = client4(1), other = client4(2);
	int count;

	(void)state;
	for (count = 0; count < (int)COUNT(seconds); count++) {
		struct share *s = made_share();

		fail_network(s, &client, count, NOW);
		assert_int_equal(wait_of(s, &client, "alice", NOW), seconds[count] * 1000);
		assert_int_equal(wait_of(s, &other, "alice", NOW), 0);
		if (seconds[count]) {
			assert_int_equal(wait_of(s, &client, "alice", NOW + 1), seconds[count] * 1000 - 1);
			assert_int_equal(wait_of(s, &client, "alice", NOW + seconds[count] * 1000 - 1), 1);
		}
		assert_int_equal(wait_of(s, &client, "alice", NOW + seconds[count] * 1000), 0);
		made_free(s);
	}
}

static void a_user_waits(void **state)
{
	static const int64_t seconds[] = {[20] = 10, 20, 40, 60, 60, 60};
	struct net client = client4(1);
	int count;

	(void)state;
	for (count = 0; count < (int)COUNT(seconds); count++) {
		struct share *s = made_share();
		struct share_login elsewhere = login(&client, 1, "alice");

		fail_user(s, 0, "alice", count, NOW);
		assert_int_equal(wait_of(s, &client, "alice", NOW), seconds[count] * 1000);
		assert_int_equal(wait_of(s, &client, "alice", NOW + seconds[count] * 1000), 0);
		assert_int_equal(wait_of(s, &client, "alic", NOW), 0);
		assert_int_equal(wait_of(s, &client, "alice2", NOW), 0);
		assert_int_equal(wait_of(s, &client, "", NOW), 0);
		assert_int_equal(share_login_wait(s, &elsewhere, NOW), 0);
		made_free(s);
	}
}

/* What is longer counts. */
static void both_wait(void **state)
{
	struct share *s = made_share();
	struct net client = client4(1);

	(void)state;
	fail_user(s, 0, "alice", 30, NOW);
	fail_network(s, &client, 10, NOW - 30000);
	assert_int_equal(wait_of(s, &client, "alice", NOW), 60000);
	assert_int_equal(wait_of(s, &client, "bob", NOW), 30000);
	made_free(s);
}

static void answers_are_held_back(void **state)
{
	static const int64_t held[] = {0, 0, 1000, 2000, 4000, 4000, 4000, 4000};
	struct share *s = made_share();
	struct net client = client4(1), other = client4(2);
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(held); i++)
		assert_int_equal(fail_network(s, &client, 1, NOW), held[i]);
	assert_int_equal(fail_network(s, &other, 1, NOW), 0);
	made_free(s);
}

/* --- who is who ------------------------------------------------------------------- */

static void networks(void **state)
{
	struct share *s = made_share();
	struct net a = client6(1, 1), neighbour = client6(1, 2), b = client6(2, 1), port = client4(9);

	(void)state;
	fail_network(s, &a, 5, NOW);
	fail_network(s, &neighbour, 5, NOW);
	assert_int_equal(wait_of(s, &a, "x", NOW), 60000);
	assert_int_equal(wait_of(s, &neighbour, "x", NOW), 60000);
	assert_int_equal(wait_of(s, &b, "x", NOW), 0);
	fail_network(s, &port, 10, NOW);
	port.port = 7;
	assert_int_equal(wait_of(s, &port, "x", NOW), 60000);
	made_free(s);
}

/* Behind a Unix socket everybody has the same address: only users count. */
static void without_address(void **state)
{
	struct share *s = made_share();
	struct share_login l = login(&client_local, 0, "alice");
	int i;

	(void)state;
	fail_network(s, &client_local, 40, NOW);
	assert_int_equal(wait_of(s, &client_local, "alice", NOW), 0);
	share_login_good(s, &l, NOW); /* and nobody is a friend */
	for (i = 0; i < 20; i++)
		share_login_try(s, &l, NOW);
	assert_int_equal(wait_of(s, &client_local, "alice", NOW), 10000);
	share_login_good(s, &l, NOW);
	assert_int_equal(wait_of(s, &client_local, "alice", NOW), 0);
	made_free(s);
}

/* Every length, and every byte of it. */
static void names(void **state)
{
	struct share *s = made_share();
	struct net client = client4(1);
	char bytes[40];
	size_t len, i;

	(void)state;
	memset(bytes, 'a', sizeof bytes);
	for (len = 0; len <= sizeof bytes; len++) {
		struct span name = block_of(span_of(bytes, len));
		struct share_login l = {.client = &client, .name = name};
		char *at = (char *)(uintptr_t)name.at;

		memset(s->failures, 0, sizeof s->failures);
		for (i = 0; i < 20; i++)
			share_login_try(s, &(struct share_login){.client = &client_local, .name = name}, NOW);
		assert_int_equal(share_login_wait(s, &l, NOW), 10000);
		for (i = 0; i < len; i++) {
			at[i] ^= 1;
			assert_int_equal(share_login_wait(s, &l, NOW), 0);
			at[i] ^= 1;
		}
		l.name.len = len ? len - 1 : 0;
		assert_int_equal(share_login_wait(s, &l, NOW), len ? 0 : 10000);
		memset(at, 0, len); /* nor do zero bytes make one name another */
		memset(s->failures, 0, sizeof s->failures);
		for (i = 0; i < 20; i++)
			share_login_try(s, &(struct share_login){.client = &client_local, .name = name}, NOW);
		assert_int_equal(share_login_wait(s, &l, NOW), len ? 0 : 10000);
		block_free(name);
	}
	made_free(s);
}

/* --- who was right ------------------------------------------------------------------- */

static void begins_anew(void **state)
{
	struct share *s = made_share();
	struct net client = client4(1), other = client4(2);
	struct share_login l = login(&client, 0, "alice");
	int i;

	(void)state;
	fail_user(s, 0, "alice", 17, NOW);
	for (i = 0; i < 10; i++)
		share_login_try(s, &l, NOW);
	assert_int_equal(wait_of(s, &client, "alice", NOW), 60000);
	assert_int_equal(wait_of(s, &other, "alice", NOW), 60000);
	share_login_good(s, &l, NOW);
	assert_int_equal(wait_of(s, &client, "alice", NOW), 0);
	assert_int_equal(wait_of(s, &other, "alice", NOW), 0);
	assert_int_equal(fail_network(s, &client, 1, NOW), 0);
	assert_int_equal(fail_network(s, &client, 1, NOW), 0);
	assert_int_equal(fail_network(s, &client, 1, NOW), 1000);
	made_free(s);
}

/* Their own failures, and nobody else's: what a housemate guesses at others stays counted. */
static void the_own_are_forgiven(void **state)
{
	struct share *s = made_share();
	struct net client = client4(1);
	struct share_login alice = login(&client, 0, "alice"), bob = login(&client, 0, "bob");
	int i, guesses = 0;

	(void)state;
	while (guesses < 40 && share_login_wait(s, &bob, NOW) == 0) {
		share_login_try(s, &bob, NOW);
		guesses++;
		for (i = 0; i < 2; i++) { /* mistyped once, then right */
			share_login_try(s, &alice, NOW);
			if (i)
				share_login_good(s, &alice, NOW);
		}
	}
	assert_int_equal(guesses, 10);
	assert_int_equal(share_login_wait(s, &bob, NOW), 60000);
	share_login_good(s, &alice, NOW); /* that was not counted, as in a session */
	assert_int_equal(share_login_wait(s, &bob, NOW), 60000);
	assert_int_equal(fail_network(s, &client, 1, NOW), 4000);
	made_free(s);
}

static void mistyped_thrice(void **state)
{
	struct share *s = made_share();
	struct net client = client4(1);
	struct share_login l = login(&client, 0, "alice");
	int i;

	(void)state;
	for (i = 0; i < 4; i++)
		share_login_try(s, &l, NOW);
	assert_int_equal(share_login_standing(s, &l, NOW), SHARE_SUSPECT);
	share_login_good(s, &l, NOW);
	assert_int_equal(share_login_hold(s, &l, NOW), 0);
	assert_int_equal(share_login_standing(s, &(struct share_login){.client = &client, .name = SPAN("bob")}, NOW), SHARE_STRANGER);
	made_free(s);
}

/* Nobody looked: as if it had not tried. */
static void untried(void **state)
{
	struct share *s = made_share();
	struct net client = client4(1), other = client4(2);
	struct share_login l = login(&client, 0, "alice"), local = login(&client_local, 0, "alice"), none = login(&other, 0, "bob");
	int i;

	(void)state;
	for (i = 0; i < 10; i++)
		share_login_try(s, &l, NOW);
	share_login_untry(s, &none); /* never below nothing */
	share_login_untry(s, &l);
	assert_int_equal(wait_of(s, &client, "x", NOW), 0);
	share_login_try(s, &l, NOW);
	assert_int_equal(wait_of(s, &client, "x", NOW), 60000);
	for (i = 0; i < 12; i++)
		share_login_untry(s, &l);
	assert_int_equal(share_login_hold(s, &l, NOW), 0);
	for (i = 0; i < 20; i++)
		share_login_try(s, &local, NOW);
	assert_int_equal(wait_of(s, &other, "alice", NOW), 10000);
	share_login_untry(s, &local);
	assert_int_equal(wait_of(s, &other, "alice", NOW), 0);
	assert_int_equal(wait_of(s, &client, "x", NOW), 0);
	made_free(s);
}

/* A friend is locked out by nobody else's guesses, but by its own. */
static void friends(void **state)
{
	struct share *s = made_share();
	struct net home = client4(1), stranger = client4(2);
	struct share_login l = login(&home, 0, "alice"), elsewhere = login(&home, 1, "alice");

	(void)state;
	share_login_try(s, &l, NOW);
	share_login_good(s, &l, NOW);
	fail_user(s, 0, "alice", 25, NOW + HOUR);
	fail_user(s, 0, "bob", 25, NOW + HOUR);
	fail_user(s, 1, "alice", 25, NOW + HOUR);
	assert_int_equal(wait_of(s, &home, "alice", NOW + HOUR), 0);
	assert_int_equal(wait_of(s, &home, "bob", NOW + HOUR), 60000);
	assert_int_equal(share_login_wait(s, &elsewhere, NOW + HOUR), 60000);
	assert_int_equal(wait_of(s, &stranger, "alice", NOW + HOUR), 60000);
	fail_network(s, &home, 10, NOW + HOUR);
	assert_int_equal(wait_of(s, &home, "alice", NOW + HOUR), 60000);
	made_free(s);
}

/* Many users log in from many places: the latest are friends, and who comes again stays one. */
static void friends_give_way(void **state)
{
	enum { EACH = 8, FRIEND_GROUPS = SHARE_FRIENDS / EACH, MANY = 3 * SHARE_FRIENDS };
	struct share *s = made_share();
	struct net home = client4(0x7f000001);
	struct share_login again = login(&home, 0, "alice");
	int i, kept = 0;

	(void)state;
	share_login_good(s, &again, NOW);
	for (i = 0; i < MANY; i++) {
		struct net c = client4((uint32_t)i + 1);
		struct share_login l = login(&c, 0, "alice");

		share_login_good(s, &l, NOW + i * 1000);
		if (i % 30)
			continue;
		fail_user(s, 0, "alice", 20, NOW + i * 1000);
		assert_int_equal(wait_of(s, &home, "alice", NOW + i * 1000), 0);
		share_login_good(s, &again, NOW + i * 1000);
	}
	fail_user(s, 0, "alice", 20, NOW + MANY * 1000);
	for (i = 0; i < MANY; i++) {
		struct net c = client4((uint32_t)i + 1);
		bool is_friend = wait_of(s, &c, "alice", NOW + MANY * 1000) == 0;

		kept += is_friend;
		if (i == MANY - 1)
			assert_true(is_friend);
		if (i < EACH)
			assert_false(is_friend);
	}
	assert_in_range(kept, SHARE_FRIENDS * 9 / 10, SHARE_FRIENDS);
	assert_int_equal(wait_of(s, &home, "alice", NOW + MANY * 1000), 0);
	made_free(s);
}

/* --- time ------------------------------------------------------------------------------ */

static void failures_are_forgotten(void **state)
{
	struct share *s = made_share();
	struct net client = client4(1);

	(void)state;
	fail_network(s, &client, 9, NOW);
	assert_int_equal(fail_network(s, &client, 1, NOW + HOUR - 1), 4000);
	assert_int_equal(wait_of(s, &client, "x", NOW + HOUR - 1), 59001); /* counted in whole seconds */
	assert_int_equal(fail_network(s, &client, 1, NOW + 2 * HOUR), 0); /* an hour after the last one */
	assert_int_equal(fail_network(s, &client, 1, NOW + 2 * HOUR), 0);
	assert_int_equal(fail_network(s, &client, 1, NOW + 2 * HOUR), 1000);
	assert_int_equal(wait_of(s, &client, "x", NOW + 2 * HOUR), 0);
	made_free(s);
}

/* All of it holds where 32 bits of seconds begin anew. */
static void a_circle_of_seconds(void **state)
{
	const int64_t end = ((int64_t)UINT32_MAX + 1) * 1000;
	struct net client = client4(1);
	int64_t before;

	(void)state;
	for (before = 0; before <= 60000; before += 1000) {
		struct share *s = made_share();

		fail_network(s, &client, 10, end - before);
		assert_int_equal(wait_of(s, &client, "x", end - before), 60000);
		assert_int_equal(wait_of(s, &client, "x", end), 60000 - before);
		assert_int_equal(wait_of(s, &client, "x", end - before + 60000), 0);
		assert_int_equal(fail_network(s, &client, 1, end), 4000);
		assert_int_equal(fail_network(s, &client, 1, end + HOUR), 0);
		made_free(s);
	}
}

/* Another worker's turn began a moment later than ours. */
static void a_clock_that_is_behind(void **state)
{
	struct share *s = made_share();
	struct net client = client4(1);

	(void)state;
	fail_network(s, &client, 10, NOW + 3000);
	assert_int_equal(wait_of(s, &client, "x", NOW), 60000);
	assert_int_equal(fail_network(s, &client, 1, NOW), 4000);
	made_free(s);
}

/* --- full tables -------------------------------------------------------------------------- */

static void the_oldest_is_forgotten(void **state)
{
	enum { EACH = 8 };
	struct share *s = made_share();
	struct net clients[3 * EACH];
	uint32_t number = 0;
	int i, k;

	(void)state;
	for (i = 0; i < 3 * EACH; i++) {
		clients[i] = client_in(s, 5, GROUPS, 0, &number);
		for (k = 0; k < 10; k++)
			share_login_try(s, &(struct share_login){.client = &clients[i], .name = SPAN("nobody")}, NOW + i * 1000);
		for (k = 0; k <= i; k++)
			assert_int_equal(wait_of(s, &clients[k], "x", NOW + i * 1000) > 0, k + EACH > i);
	}
	/* who comes again is the youngest */
	share_login_try(s, &(struct share_login){.client = &clients[2 * EACH], .name = SPAN("nobody")}, NOW + 30000);
	for (i = 0; i < EACH - 1; i++)
		share_login_try(s, &(struct share_login){.client = &clients[i], .name = SPAN("nobody")}, NOW + 31000);
	assert_true(wait_of(s, &clients[2 * EACH], "x", NOW + 31000) > 0);
	made_free(s);
}

/* In one second: those who tried once do not displace who tried often. */
static void the_worst_is_kept(void **state)
{
	struct share *s = made_share();
	uint32_t number = 0;
	struct net worst = client_in(s, 5, GROUPS, 0, &number), other;
	int i;

	(void)state;
	fail_network(s, &worst, 10, NOW);
	for (i = 0; i < 100; i++) {
		other = client_in(s, 5, GROUPS, 0, &number);
		share_login_try(s, &(struct share_login){.client = &other, .name = SPAN("nobody")}, NOW);
		share_login_try(s, &(struct share_login){.client = &other, .name = SPAN("nobody")}, NOW);
	}
	assert_true(wait_of(s, &worst, "x", NOW) > 0);
	assert_int_equal(wait_of(s, &other, "x", NOW), 0);
	made_free(s);
}

static void a_flood(void **state)
{
	struct share *s = made_share();
	struct net client;
	uint32_t i, used = 0;

	(void)state;
	for (i = 1; i <= 20 * SHARE_FAILURES; i++) {
		client = client4(i);
		assert_int_equal(fail_network(s, &client, 1, NOW + i), 0);
		assert_int_equal(wait_of(s, &client, "x", NOW + i), 0); /* nobody inherits */
	}
	for (i = 0; i < SHARE_FAILURES; i++) {
		used += atomic_load(&s->failures[i].tag) != 0;
		assert_in_range(atomic_load(&s->failures[i].count), 0, 1);
	}
	assert_int_equal(used, SHARE_FAILURES);
	made_free(s);
}

static void counts_nearly_all(void **state)
{
	struct share *s = made_share();
	struct net client;
	uint32_t i, barred = 0;
	int k;

	(void)state;
	for (i = 1; i <= 300; i++) {
		client = client4(i);
		for (k = 0; k < 10; k++)
			share_login_try(s, &(struct share_login){.client = &client, .name = SPAN("nobody")}, NOW);
	}
	for (i = 1; i <= 300; i++) {
		client = client4(i);
		barred += wait_of(s, &client, "x", NOW) > 0;
	}
	assert_in_range(barred, 290, 300);
	made_free(s);
}

/* --- races ------------------------------------------------------------------------------------ */

enum { NETWORKS = 100, TRIES = 40 };

/* One after the other, so that all meet at each. */
static void try_in_turn(struct share *s, int number)
{
	uint32_t i;
	int k;

	(void)number;
	for (i = 1; i <= NETWORKS; i++) {
		struct net client = client4(i);
		struct share_login l = {.client = &client, .users = (uint16_t)i, .name = SPAN("alice")};

		for (k = 0; k < TRIES; k++)
			share_login_try(s, &l, NOW);
	}
}

static uint32_t sum_of(const struct share *s)
{
	uint32_t sum = 0, i;

	for (i = 0; i < SHARE_FAILURES; i++)
		sum += atomic_load(&s->failures[i].count);
	return sum;
}

/* From an empty table on, in which there is a place for each network and each user. */
static void no_failure_is_lost(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < 20; i++) {
		struct share *s = made_share();

		race(s, try_in_turn);
		assert_int_equal(sum_of(s), 2 * RACERS * NETWORKS * TRIES);
		made_free(s);
	}
}

/* Nor one that is taken back, or one too many. */
static void try_and_untry(struct share *s, int number)
{
	struct net client = client4(1);
	struct share_login l = {.client = &client, .name = SPAN("alice")};
	int i;

	(void)number;
	for (i = 0; i < 20000; i++) {
		share_login_try(s, &l, NOW);
		share_login_untry(s, &l);
	}
}

static void all_are_taken_back(void **state)
{
	struct share *s = made_share();

	(void)state;
	race(s, try_and_untry);
	assert_int_equal(sum_of(s), 0);
	made_free(s);
}

/* Far more than there are places for, in one group. */
static void try_as_many(struct share *s, int number)
{
	uint32_t at = (uint32_t)number << 28;
	struct net clients[12];
	int i;

	for (i = 0; i < (int)COUNT(clients); i++)
		clients[i] = client_in(s, 9, GROUPS, 0, &at);
	for (i = 0; i < 30000; i++) {
		struct share_login l = {.client = &clients[i % (int)COUNT(clients)], .name = SPAN("alice")};

		share_login_try(s, &l, NOW + i);
		share_login_wait(s, &l, NOW + i);
		if (i % 50 == 0)
			share_login_good(s, &l, NOW + i);
	}
}

static void a_group_that_is_fought_over(void **state)
{
	struct share *s = made_share();
	struct net client = client4(1);
	int i, k, twins = 0;

	(void)state;
	race(s, try_as_many);
	for (i = 9 * 8; i < 10 * 8; i++)
		for (k = i + 1; k < 10 * 8; k++)
			twins += atomic_load(&s->failures[i].tag) == atomic_load(&s->failures[k].tag);
	assert_in_range(twins, 0, 1);
	assert_in_range(sum_of(s), 1, RACERS * 30000 * 2);
	fail_network(s, &client, 10, NOW + HOUR); /* and all goes on */
	assert_int_equal(wait_of(s, &client, "x", NOW + HOUR), 60000);
	made_free(s);
}

/* A worker that is killed anywhere leaves nothing that others wait for. */
static void the_killed_are_no_harm(void **state)
{
	struct share *s = made_share();
	char room[64];
	struct text how = text_in(room, sizeof room);
	long pid, ended;
	int i;

	(void)state;
	for (i = 0; i < 20; i++) {
		struct net client = client4(1000 + (uint32_t)i);

		pid = platform_fork();
		assert_true(pid >= 0);
		if (pid == 0)
			for (;;)
				try_as_many(s, 3);
		try_in_turn(s, 0);
		platform_kill(pid);
		while (!platform_reap(&ended, &how))
			platform_poll(NULL, 0, 1);
		fail_network(s, &client, 10, NOW);
		assert_int_equal(wait_of(s, &client, "x", NOW), 60000);
	}
	made_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_network_waits),
		cmocka_unit_test(a_user_waits),
		cmocka_unit_test(both_wait),
		cmocka_unit_test(answers_are_held_back),
		cmocka_unit_test(networks),
		cmocka_unit_test(without_address),
		cmocka_unit_test(names),
		cmocka_unit_test(begins_anew),
		cmocka_unit_test(the_own_are_forgiven),
		cmocka_unit_test(mistyped_thrice),
		cmocka_unit_test(untried),
		cmocka_unit_test(friends),
		cmocka_unit_test(friends_give_way),
		cmocka_unit_test(failures_are_forgotten),
		cmocka_unit_test(a_circle_of_seconds),
		cmocka_unit_test(a_clock_that_is_behind),
		cmocka_unit_test(the_oldest_is_forgotten),
		cmocka_unit_test(the_worst_is_kept),
		cmocka_unit_test(a_flood),
		cmocka_unit_test(counts_nearly_all),
		cmocka_unit_test(no_failure_is_lost),
		cmocka_unit_test(all_are_taken_back),
		cmocka_unit_test(a_group_that_is_fought_over),
		cmocka_unit_test(the_killed_are_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

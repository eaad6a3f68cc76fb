/* SPDX-License-Identifier: MIT
 *
 * Does the sum over all workers hold, also while they race? Is a session found
 * whole or not at all?
 */
#include "share_made.h"

static struct net ip4(uint32_t number)
{
	return (struct net){.family = NET_IP4, .bits = 32, .port = (uint16_t)(number * 7 + 1),
		.ip = {10, (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number}};
}

static struct net ip6(uint8_t network, uint8_t host)
{
	return (struct net){.family = NET_IP6, .bits = 128, .ip = {0xfd, 0, 0, 0, 0, 0, 0, network, 1, 2, 3, 4, 5, 6, 7, host}};
}

static int joined(struct share *s)
{
	int slot = share_join(s);

	assert_in_range(slot, 0, SHARE_SLOTS - 1);
	return slot;
}

static void slots(void **state)
{
	struct share *s = share_make();
	bool seen[SHARE_SLOTS] = {false};
	int i;

	(void)state;
	assert_non_null(s);
	for (i = 0; i < SHARE_SLOTS; i++) {
		int slot = joined(s);

		assert_false(seen[slot]);
		seen[slot] = true;
	}
	assert_int_equal(share_join(s), -1);
	share_leave(s, 17);
	assert_int_equal(share_join(s), 17);
	assert_int_equal(share_join(s), -1);
	made_free(s);
}

static void counts_over_workers(void **state)
{
	struct share *s = share_make();
	struct net a = ip4(1), again = ip4(1), b = ip4(2);
	int one = joined(s), two = joined(s);

	(void)state;
	again.port = 9; /* ports do not count */
	assert_true(share_peer_in(s, one, &a, 0, 3));
	assert_true(share_peer_in(s, two, &again, 0, 3));
	assert_true(share_peer_in(s, two, &a, 0, 3));
	assert_false(share_peer_in(s, one, &a, 0, 3));
	assert_false(share_peer_in(s, two, &a, 0, 3));
	assert_false(share_peer_in(s, two, &a, 0, 3)); /* a refusal leaves nothing */
	assert_true(share_peer_in(s, one, &b, 0, 3));
	share_peer_out(s, two, &a, 0);
	assert_true(share_peer_in(s, one, &a, 0, 3));
	assert_false(share_peer_in(s, one, &a, 0, 3));
	assert_true(share_peer_in(s, one, &a, 0, 4));
	made_free(s);
}

static void networks(void **state)
{
	struct share *s = share_make();
	struct net a = ip6(1, 1), neighbour = ip6(1, 2), b = ip6(2, 1), local = {.family = NET_UNIX};
	int slot = joined(s), i;

	(void)state;
	assert_true(share_peer_in(s, slot, &a, 0, 1));
	assert_false(share_peer_in(s, slot, &neighbour, 0, 1));
	assert_true(share_peer_in(s, slot, &b, 0, 1));
	share_peer_out(s, slot, &neighbour, 0);
	assert_true(share_peer_in(s, slot, &neighbour, 0, 1));
	for (i = 0; i < 10; i++)
		assert_true(share_peer_in(s, slot, &local, 0, 1));
	share_peer_out(s, slot, &local, 0);
	for (i = 0; i < 10; i++)
		assert_true(share_peer_in(s, slot, &a, 0, 0)); /* no limit */
	made_free(s);
}

static void assert_empty(struct share *s, int slot)
{
	int i;

	for (i = 0; i < SHARE_PEERS; i++) {
		assert_true(atomic_load(&s->slots[slot].peers[i].tag) == 0);
		assert_int_equal(atomic_load(&s->slots[slot].peers[i].count), 0);
	}
}

static void leaves_nothing(void **state)
{
	struct share *s = share_make();
	struct net a = ip4(5);
	int slot = joined(s), other = joined(s);

	(void)state;
	assert_true(share_peer_in(s, slot, &a, 0, 2));
	assert_true(share_peer_in(s, slot, &a, 0, 2));
	assert_false(share_peer_in(s, other, &a, 0, 2));
	atomic_store(&s->slots[slot].requests, 10);
	atomic_store(&s->slots[slot].refused, 3);
	atomic_store(&s->slots[slot].failed, 2);
	atomic_store(&s->slots[slot].connections, 2);
	atomic_store(&s->slots[slot].active, 1);
	share_leave(s, slot);
	assert_empty(s, slot);
	assert_int_equal(atomic_load(&s->requests), 10);
	assert_int_equal(atomic_load(&s->refused), 3);
	assert_int_equal(atomic_load(&s->failed), 2);
	assert_int_equal(atomic_load(&s->slots[slot].requests), 0);
	assert_int_equal(atomic_load(&s->slots[slot].connections), 0);
	assert_int_equal(atomic_load(&s->slots[slot].active), 0);
	assert_int_equal(atomic_load(&s->slots[slot].pid), 0);
	assert_true(share_peer_in(s, other, &a, 0, 2));
	made_free(s);
}

/* More addresses than there are places: strangers still come in, those counted
 * are still held, and when all have gone nothing is left. */
static void a_flood_locks_nobody_out(void **state)
{
	enum { FLOOD = 4 * SHARE_PEERS };
	struct share *s = share_make();
	struct net held = ip4(0), peer;
	int slot = joined(s);
	uint32_t i;

	(void)state;
	assert_true(share_peer_in(s, slot, &held, 0, 1));
	for (i = 1; i < FLOOD; i++) {
		peer = ip4(i);
		assert_true(share_peer_in(s, slot, &peer, 0, 1));
	}
	assert_false(share_peer_in(s, slot, &held, 0, 1));
	for (i = 0; i < FLOOD; i++) {
		peer = ip4(i);
		share_peer_out(s, slot, &peer, 0);
		share_peer_out(s, slot, &peer, 0); /* one too many takes nothing from others */
	}
	assert_empty(s, slot);
	made_free(s);
}

/* What a table can hold it must hold for nearly all: 300 addresses, each once. */
static void counts_nearly_all(void **state)
{
	struct share *s = share_make();
	int slot = joined(s), uncounted = 0;
	struct net peer;
	uint32_t i;

	(void)state;
	for (i = 0; i < 300; i++) {
		peer = ip4(i);
		assert_true(share_peer_in(s, slot, &peer, 0, 1));
	}
	for (i = 0; i < 300; i++) {
		peer = ip4(i);
		uncounted += share_peer_in(s, slot, &peer, 0, 1);
	}
	assert_in_range(uncounted, 0, 20);
	made_free(s);
}

/* --- sessions ----------------------------------------------------------------- */

/* All of it follows from id and turn, so that a mixture of two is seen. Ids with
 * the same low byte of group stand in the same places. */
static struct tls_session session_of(uint32_t group, uint32_t number, uint64_t turn)
{
	struct tls_session t = {.policy = turn};
	uint64_t x = turn * 0x9e3779b97f4a7c15u + number;
	size_t i;

	memcpy(t.id, &group, 4);
	memcpy(t.id + 4, &number, 4);
	for (i = 8; i < sizeof t.id; i++)
		t.id[i] = (unsigned char)(number + i);
	for (i = 0; i < sizeof t.secret; i++) {
		x = x * 6364136223846793005u + 1442695040888963407u;
		t.secret[i] = (unsigned char)(x >> 56);
	}
	return t;
}

static bool finds(struct share *s, const struct tls_session *expected, int64_t now)
{
	struct tls_session found;

	memset(&found, 0xa5, sizeof found);
	if (!share_session_find(s, expected->id, &found, now))
		return false;
	assert_memory_equal(&found, expected, sizeof found);
	return true;
}

static int sessions_in(struct share *s, int64_t now)
{
	int count = 0, i;
	struct share_kept kept;

	for (i = 0; i < SHARE_SESSIONS; i++) {
		memcpy(&kept, (void *)s->sessions[i].words, sizeof kept);
		assert_false(atomic_load(&s->sessions[i].mark) & 1);
		count += kept.until > now;
	}
	return count;
}

static void keeps_sessions(void **state)
{
	struct share *s = share_make();
	struct tls_session a = session_of(1, 1, 7), other = session_of(1, 2, 7), almost = a;

	(void)state;
	assert_false(finds(s, &a, 5000));
	share_session_save(s, 0, &a, 5000);
	assert_true(finds(s, &a, 5000));
	assert_true(finds(s, &a, 5000 + SHARE_SESSION_MS - 1));
	assert_false(finds(s, &a, 5000 + SHARE_SESSION_MS));
	assert_false(finds(s, &other, 5000));
	almost.id[31] ^= 1;
	assert_false(finds(s, &almost, 5000));
	memset(other.id, 0, sizeof other.id); /* as free places have it */
	assert_false(finds(s, &other, 5000));
	a = session_of(1, 1, 8); /* the same id once more replaces it */
	share_session_save(s, 1, &a, 6000);
	assert_true(finds(s, &a, 6000));
	assert_int_equal(sessions_in(s, 6000), 1);
	made_free(s);
}

static void the_oldest_gives_way(void **state)
{
	enum { EACH = 4 };
	struct share *s = share_make();
	struct tls_session t;
	uint32_t i, k;

	(void)state;
	for (i = 0; i < 20; i++) {
		t = session_of(3, i, i);
		share_session_save(s, 0, &t, 1000 + i);
		for (k = 0; k <= i; k++) {
			t = session_of(3, k, k);
			assert_int_equal(finds(s, &t, 1000 + i), k + EACH > i);
		}
	}
	made_free(s);
}

/* Random ids find their way to all places; what is full stays within its bounds. */
static void many_sessions(void **state)
{
	struct share *s = share_make();
	struct tls_session t;
	uint32_t i;
	int found = 0;

	(void)state;
	for (i = 0; i < 4 * SHARE_SESSIONS; i++) {
		t = session_of(i * 2654435761u, i, 1);
		share_session_save(s, 0, &t, 1000 + i);
		assert_true(finds(s, &t, 1000 + i));
	}
	for (i = 0; i < 4 * SHARE_SESSIONS; i++) {
		t = session_of(i * 2654435761u, i, 1);
		found += finds(s, &t, 9000);
	}
	assert_int_equal(found, sessions_in(s, 9000));
	assert_in_range(found, SHARE_SESSIONS * 9 / 10, SHARE_SESSIONS);
	made_free(s);
}

/* The entry of the only session there is, as a writer of this slot left it. */
static struct share_session *tear(struct share *s, uint32_t slot)
{
	int i;

	for (i = 0; i < SHARE_SESSIONS; i++) {
		uint32_t mark = atomic_load(&s->sessions[i].mark);

		if (mark == 0)
			continue;
		atomic_store(&s->sessions[i].mark, (mark & 0xffffff) + 1 + (slot << 24));
		return &s->sessions[i];
	}
	fail_msg("there is no session");
	return NULL;
}

static void passes_over_the_half_written(void **state)
{
	struct share *s = share_make();
	struct tls_session a = session_of(5, 1, 1), t;
	struct share_session *torn;
	uint32_t i;

	(void)state;
	share_session_save(s, 9, &a, 1000);
	torn = tear(s, 9);
	assert_false(finds(s, &a, 1000));
	for (i = 10; i < 20; i++) { /* three places are left */
		t = session_of(5, i, 1);
		share_session_save(s, 8, &t, 1000 + i);
		assert_true(finds(s, &t, 1000 + i));
	}
	assert_true(atomic_load(&torn->mark) & 1);
	share_leave(s, 8); /* it was not this one */
	assert_true(atomic_load(&torn->mark) & 1);
	share_leave(s, 9);
	assert_false(atomic_load(&torn->mark) & 1);
	assert_false(finds(s, &a, 1000)); /* free, not half of something */
	assert_int_equal(sessions_in(s, 1000), 3);
	share_session_save(s, 8, &a, 1000);
	assert_true(finds(s, &a, 1000));
	assert_int_equal(sessions_in(s, 1000), 4);
	made_free(s);
}

/* With all its places torn a session is not kept, and nothing hangs. */
static void no_place_is_no_fault(void **state)
{
	struct share *s = share_make();
	struct tls_session a = session_of(6, 1, 1);
	int i;

	(void)state;
	for (i = 0; i < SHARE_SESSIONS; i++)
		atomic_store(&s->sessions[i].mark, (uint32_t)63 << 24 | 0xffffff);
	share_session_save(s, 0, &a, 1000);
	assert_false(finds(s, &a, 1000));
	share_leave(s, 63); /* also where the count begins anew */
	share_session_save(s, 0, &a, 1000);
	assert_true(finds(s, &a, 1000));
	assert_int_equal(sessions_in(s, 1000), 1);
	made_free(s);
}

/* --- races ------------------------------------------------------------------ */

enum { WORKERS = 4, MOST = 1, TURNS = 100000, HOLD = 50 };

struct track { /* what is open by what the workers were told */
	_Atomic int open, most, admitted;
};

static void hammer(struct share *s, struct track *t, int slot)
{
	struct net peer = ip4(9);
	int i, k, now, most;

	for (i = 0; i < TURNS; i++) {
		if (!share_peer_in(s, slot, &peer, 0, MOST))
			continue;
		now = atomic_fetch_add(&t->open, 1) + 1;
		for (k = 0; k < HOLD && now <= MOST; k++) /* one more may come in while we are */
			now = atomic_load(&t->open);
		most = atomic_load(&t->most);
		while (now > most && !atomic_compare_exchange_weak(&t->most, &most, now))
			;
		atomic_fetch_add(&t->admitted, 1);
		atomic_fetch_sub(&t->open, 1);
		share_peer_out(s, slot, &peer, 0);
	}
}

static void never_more_than_most(void **state)
{
	struct share *s = share_make();
	struct track *t = platform_memory(sizeof *t, true);
	int slots_of[WORKERS], i;
	long pid;

	(void)state;
	for (i = 0; i < WORKERS; i++)
		slots_of[i] = joined(s);
	for (i = 0; i < WORKERS; i++) {
		pid = platform_fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			hammer(s, t, slots_of[i]);
			_exit(0);
		}
	}
	await_racers(WORKERS);
	assert_in_range(atomic_load(&t->most), 1, MOST);
	assert_true(atomic_load(&t->admitted) > 0); /* how many is the scheduler's affair */
	for (i = 0; i < WORKERS; i++)
		assert_empty(s, slots_of[i]);
	munmap(t, sizeof *t);
	made_free(s);
}

enum { IDS = 6 }; /* more than there are places for */

/* Saves and finds in turns; 0: it never saw a mixture, and it did see some. */
static int swap_sessions(struct share *s, int slot, uint64_t turns)
{
	struct tls_session t, expected;
	uint64_t turn, found = 0;

	for (turn = 0; turn < turns; turn++) {
		t = session_of(4, (uint32_t)(turn * 2654435761u >> 16) % IDS, turn << 8 | (uint64_t)slot);
		share_session_save(s, slot, &t, 1000 + (int64_t)(turn & 0xffff));
		t = session_of(4, (uint32_t)turn % IDS, 0);
		if (!share_session_find(s, t.id, &t, 1000))
			continue;
		found++;
		expected = session_of(4, (uint32_t)turn % IDS, t.policy);
		if (memcmp(&t, &expected, sizeof t) != 0)
			return 1;
	}
	return found ? 0 : 2;
}

static void never_mixes_sessions(void **state)
{
	struct share *s = share_make();
	int i;

	(void)state;
	for (i = 0; i < WORKERS; i++) {
		long pid = platform_fork();

		assert_true(pid >= 0);
		if (pid == 0)
			_exit(swap_sessions(s, i, TURNS));
	}
	await_racers(WORKERS);
	assert_int_equal(sessions_in(s, 1000), 4); /* nothing is left half-written */
	made_free(s);
}

/* Killed anywhere: what it leaves is mended, whatever others do meanwhile. */
static void the_killed_leave_nothing_torn(void **state)
{
	struct share *s = share_make();
	char room[64];
	struct text how = text_in(room, sizeof room);
	long pid, ended;
	int i;

	(void)state;
	for (i = 0; i < 40; i++) {
		pid = platform_fork();
		assert_true(pid >= 0);
		if (pid == 0)
			_exit(swap_sessions(s, 7, UINT64_MAX));
		assert_int_equal(swap_sessions(s, 8, 1000 + (uint64_t)i * 100), 0);
		platform_kill(pid);
		while (!platform_reap(&ended, &how))
			platform_poll(NULL, 0, 1);
		assert_int_equal(ended, pid);
		share_leave(s, 7);
		assert_in_range(sessions_in(s, 1000), 3, 4);
	}
	made_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slots),
		cmocka_unit_test(counts_over_workers),
		cmocka_unit_test(networks),
		cmocka_unit_test(leaves_nothing),
		cmocka_unit_test(a_flood_locks_nobody_out),
		cmocka_unit_test(counts_nearly_all),
		cmocka_unit_test(keeps_sessions),
		cmocka_unit_test(the_oldest_gives_way),
		cmocka_unit_test(many_sessions),
		cmocka_unit_test(passes_over_the_half_written),
		cmocka_unit_test(no_place_is_no_fault),
		cmocka_unit_test(never_more_than_most),
		cmocka_unit_test(never_mixes_sessions),
		cmocka_unit_test(the_killed_leave_nothing_torn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * Does the sum over all workers hold, also while they race?
 */
#include "../../src/share.h"
#include "../../platform/platform.h"
#include "block.h"

#include <sys/mman.h>
#include <unistd.h>

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

static void let_go(struct share *s)
{
	munmap(s, sizeof *s);
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
	let_go(s);
}

static void counts_over_workers(void **state)
{
	struct share *s = share_make();
	struct net a = ip4(1), again = ip4(1), b = ip4(2);
	int one = joined(s), two = joined(s);

	(void)state;
	again.port = 9; /* ports do not count */
	assert_true(share_peer_in(s, one, &a, 3));
	assert_true(share_peer_in(s, two, &again, 3));
	assert_true(share_peer_in(s, two, &a, 3));
	assert_false(share_peer_in(s, one, &a, 3));
	assert_false(share_peer_in(s, two, &a, 3));
	assert_false(share_peer_in(s, two, &a, 3)); /* a refusal leaves nothing */
	assert_true(share_peer_in(s, one, &b, 3));
	share_peer_out(s, two, &a);
	assert_true(share_peer_in(s, one, &a, 3));
	assert_false(share_peer_in(s, one, &a, 3));
	assert_true(share_peer_in(s, one, &a, 4));
	let_go(s);
}

static void networks(void **state)
{
	struct share *s = share_make();
	struct net a = ip6(1, 1), neighbour = ip6(1, 2), b = ip6(2, 1), local = {.family = NET_UNIX};
	int slot = joined(s), i;

	(void)state;
	assert_true(share_peer_in(s, slot, &a, 1));
	assert_false(share_peer_in(s, slot, &neighbour, 1));
	assert_true(share_peer_in(s, slot, &b, 1));
	share_peer_out(s, slot, &neighbour);
	assert_true(share_peer_in(s, slot, &neighbour, 1));
	for (i = 0; i < 10; i++)
		assert_true(share_peer_in(s, slot, &local, 1));
	share_peer_out(s, slot, &local);
	for (i = 0; i < 10; i++)
		assert_true(share_peer_in(s, slot, &a, 0)); /* no limit */
	let_go(s);
}

static void assert_empty(struct share *s, int slot)
{
	int i;

	for (i = 0; i < SHARE_PEERS; i++) {
		assert_true(atomic_load(&s->slots[slot].peers[i].key) == 0);
		assert_int_equal(atomic_load(&s->slots[slot].peers[i].count), 0);
	}
}

static void leaves_nothing(void **state)
{
	struct share *s = share_make();
	struct net a = ip4(5);
	int slot = joined(s), other = joined(s);

	(void)state;
	assert_true(share_peer_in(s, slot, &a, 2));
	assert_true(share_peer_in(s, slot, &a, 2));
	assert_false(share_peer_in(s, other, &a, 2));
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
	assert_true(share_peer_in(s, other, &a, 2));
	let_go(s);
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
	assert_true(share_peer_in(s, slot, &held, 1));
	for (i = 1; i < FLOOD; i++) {
		peer = ip4(i);
		assert_true(share_peer_in(s, slot, &peer, 1));
	}
	assert_false(share_peer_in(s, slot, &held, 1));
	for (i = 0; i < FLOOD; i++) {
		peer = ip4(i);
		share_peer_out(s, slot, &peer);
		share_peer_out(s, slot, &peer); /* one too many takes nothing from others */
	}
	assert_empty(s, slot);
	let_go(s);
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
		assert_true(share_peer_in(s, slot, &peer, 1));
	}
	for (i = 0; i < 300; i++) {
		peer = ip4(i);
		uncounted += share_peer_in(s, slot, &peer, 1);
	}
	assert_in_range(uncounted, 0, 20);
	let_go(s);
}

/* --- races ------------------------------------------------------------------ */

enum { WORKERS = 4, MOST = 1, TURNS = 100000, HOLD = 50 };

struct track { /* what is open by what the workers were told */
	_Atomic int open, most, admitted;
};

static void race(struct share *s, struct track *t, int slot)
{
	struct net peer = ip4(9);
	int i, k, now, most;

	for (i = 0; i < TURNS; i++) {
		if (!share_peer_in(s, slot, &peer, MOST))
			continue;
		now = atomic_fetch_add(&t->open, 1) + 1;
		for (k = 0; k < HOLD && now <= MOST; k++) /* one more may come in while we are */
			now = atomic_load(&t->open);
		most = atomic_load(&t->most);
		while (now > most && !atomic_compare_exchange_weak(&t->most, &most, now))
			;
		atomic_fetch_add(&t->admitted, 1);
		atomic_fetch_sub(&t->open, 1);
		share_peer_out(s, slot, &peer);
	}
}

static void never_more_than_most(void **state)
{
	struct share *s = share_make();
	struct track *t = platform_memory(sizeof *t, true);
	char room[64];
	struct text how = text_in(room, sizeof room);
	int slots_of[WORKERS], i;
	long pid;

	(void)state;
	for (i = 0; i < WORKERS; i++)
		slots_of[i] = joined(s);
	for (i = 0; i < WORKERS; i++) {
		pid = platform_fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			race(s, t, slots_of[i]);
			_exit(0);
		}
	}
	for (i = 0; i < WORKERS;) {
		how.len = 0;
		if (platform_reap(&pid, &how)) {
			assert_true(span_is(text_span(&how), SPAN("exit status 0")));
			i++;
		} else {
			platform_poll(NULL, 0, 5);
		}
	}
	assert_in_range(atomic_load(&t->most), 1, MOST);
	assert_true(atomic_load(&t->admitted) > 0); /* how many is the scheduler's affair */
	for (i = 0; i < WORKERS; i++)
		assert_empty(s, slots_of[i]);
	munmap(t, sizeof *t);
	let_go(s);
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
		cmocka_unit_test(never_more_than_most),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * share - what do the workers share?
 *
 * A peer may stand in PLACES_EACH places of a slot's table, side by side, found
 * by its hash; there are no chains, so a place is freed by writing 0. Only the
 * slot's own worker writes there. What another one reads a moment too early or
 * too late makes a count wrong by one for that moment, which is the price of
 * having no lock.
 */
#include "share.h"
#include "../platform/platform.h"

enum { PLACES_EACH = 16 };
_Static_assert(SHARE_PEERS % PLACES_EACH == 0, "whole groups of places");

struct share *share_make(void)
{
	struct share *s = platform_memory(sizeof *s, true);

	if (s)
		platform_random(&s->seed, sizeof s->seed);
	return s;
}

int share_join(struct share *s)
{
	int i;

	for (i = 0; i < SHARE_SLOTS; i++) {
		if (atomic_load(&s->slots[i].pid) == 0) {
			atomic_store(&s->slots[i].pid, 1); /* taken; the supervisor knows the pid after the fork */
			return i;
		}
	}
	return -1;
}

void share_leave(struct share *s, int slot)
{
	struct share_slot *gone = &s->slots[slot];
	int i;

	for (i = 0; i < SHARE_PEERS; i++) {
		atomic_store_explicit(&gone->peers[i].key, 0, memory_order_relaxed);
		atomic_store_explicit(&gone->peers[i].count, 0, memory_order_relaxed);
	}
	atomic_store(&gone->connections, 0);
	atomic_store(&gone->active, 0);
	atomic_fetch_add(&s->requests, atomic_exchange(&gone->requests, 0));
	atomic_fetch_add(&s->refused, atomic_exchange(&gone->refused, 0));
	atomic_fetch_add(&s->failed, atomic_exchange(&gone->failed, 0));
	atomic_store(&gone->pid, 0);
}

/* Both steps can be undone, so two networks never have the same key; the seed
 * keeps strangers from choosing which places they share. */
static uint64_t mix(uint64_t x, uint64_t seed)
{
	x ^= seed;
	x = (x ^ (x >> 33)) * 0xff51afd7ed558ccdu;
	x = (x ^ (x >> 29)) + seed;
	x = (x ^ (x >> 32)) * 0xc4ceb9fe1a85ec53u;
	return x ^ (x >> 33);
}

static uint64_t key_of(const struct share *s, const struct net *peer)
{
	uint64_t bits = 0, key;
	int i, bytes = peer->family == NET_IP4 ? 4 : 8;

	for (i = 0; i < bytes; i++)
		bits = bits << 8 | peer->ip[i];
	if (peer->family == NET_IP4)
		bits |= (uint64_t)1 << 63; /* 8000::/16 is nobody's */
	key = mix(bits, s->seed);
	return key ? key : 1;
}

/* The place of this key among its own few, or of key 0 a free one; NULL. */
static struct share_peer *find(struct share_slot *slot, uint64_t key, uint64_t wanted)
{
	struct share_peer *first = &slot->peers[key % (SHARE_PEERS / PLACES_EACH) * PLACES_EACH];
	int i;

	for (i = 0; i < PLACES_EACH; i++)
		if (atomic_load(&first[i].key) == wanted)
			return &first[i];
	return NULL;
}

static uint32_t sum(struct share *s, uint64_t key)
{
	const struct share_peer *p;
	uint32_t total = 0;
	int i;

	for (i = 0; i < SHARE_SLOTS; i++) {
		if (atomic_load_explicit(&s->slots[i].pid, memory_order_relaxed) == 0)
			continue;
		p = find(&s->slots[i], key, key);
		if (p)
			total += atomic_load(&p->count);
	}
	return total;
}

static void drop(struct share_peer *p)
{
	uint32_t count = atomic_load(&p->count);

	if (count > 0)
		atomic_store(&p->count, count - 1);
	if (count <= 1)
		atomic_store(&p->key, 0);
}

static bool is_counted(const struct net *peer)
{
	return peer->family == NET_IP4 || peer->family == NET_IP6;
}

/* Counted first and summed then: of two workers at the limit, both may refuse,
 * but never both admit. */
bool share_peer_in(struct share *s, int slot, const struct net *peer, uint32_t most)
{
	struct share_peer *p;
	uint64_t key;

	if (!is_counted(peer) || most == 0)
		return true;
	key = key_of(s, peer);
	p = find(&s->slots[slot], key, key);
	if (!p) {
		p = find(&s->slots[slot], key, 0);
		if (!p)
			return true;
		atomic_store(&p->count, 0);
		atomic_store(&p->key, key);
	}
	atomic_store(&p->count, atomic_load(&p->count) + 1);
	if (sum(s, key) <= most)
		return true;
	drop(p);
	return false;
}

void share_peer_out(struct share *s, int slot, const struct net *peer)
{
	struct share_peer *p;
	uint64_t key;

	if (!is_counted(peer))
		return;
	key = key_of(s, peer);
	p = find(&s->slots[slot], key, key);
	if (p)
		drop(p);
}

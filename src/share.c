/* SPDX-License-Identifier: MIT
 *
 * share - what do the workers share?
 *
 * A peer may stand in PLACES_EACH places of a slot's table, side by side, found
 * by its hash; there are no chains, so a place is freed by writing 0. Only the
 * slot's own worker writes there. What another one reads a moment too early or
 * too late makes a count wrong by one for that moment, which is the price of
 * having no lock.
 *
 * A session may stand in SESSION_PLACES places, found by its id. Anybody writes
 * there: who makes the even mark odd owns the entry until the mark is even
 * again, and one step further. Who reads looks at the mark before and after.
 */
#include "share_parts.h"
#include "../platform/platform.h"

enum { PLACES_EACH = 16, SESSION_PLACES = 4, SLOT_SHIFT = 24 };
_Static_assert(SHARE_PEERS % PLACES_EACH == 0, "whole groups of places");
_Static_assert(SHARE_SESSIONS % SESSION_PLACES == 0, "whole groups of places");
_Static_assert(sizeof(struct share_kept) == sizeof(struct tls_session) + 8, "no padding: all of it is compared and copied");
_Static_assert(sizeof(struct share_kept) % 4 == 0, "whole words");
_Static_assert(SHARE_SLOTS <= 256, "a slot is a byte of the mark");

#define SHARE_WORDS (sizeof(struct share_kept) / 4)

struct share *share_make(void)
{
	struct share *s = platform_memory(sizeof *s, true);

	if (s)
		platform_random(&s->seed, sizeof s->seed);
	return s;
}

/* --- sessions -------------------------------------------------------------- */

static bool is_being_written(uint32_t mark)
{
	return mark & 1;
}

/* The next mark that this slot puts: odd after even, even after odd. */
static uint32_t next_mark(uint32_t mark, int slot)
{
	return ((mark + 1) & (((uint32_t)1 << SLOT_SHIFT) - 1)) | (uint32_t)slot << SLOT_SHIFT;
}

/* Takes an entry for writing; false: somebody else writes there, or just did. */
static bool take(struct share_session *e, uint32_t mark, int slot)
{
	if (is_being_written(mark)
	    || !atomic_compare_exchange_strong_explicit(&e->mark, &mark, next_mark(mark, slot), memory_order_acquire, memory_order_relaxed))
		return false;
	atomic_thread_fence(memory_order_release); /* who sees a word of ours sees our mark */
	return true;
}

static void fill(struct share_session *e, const struct share_kept *kept)
{
	uint32_t words[SHARE_WORDS];
	size_t i;

	memcpy(words, kept, sizeof words);
	for (i = 0; i < SHARE_WORDS; i++)
		atomic_store_explicit(&e->words[i], words[i], memory_order_relaxed);
}

static void let_go(struct share_session *e, int slot)
{
	uint32_t mark = atomic_load_explicit(&e->mark, memory_order_relaxed);

	atomic_store_explicit(&e->mark, next_mark(mark, slot), memory_order_release);
}

/* False: what was read may be of two sessions. */
static bool look(const struct share_session *e, struct share_kept *kept, uint32_t *mark)
{
	uint32_t words[SHARE_WORDS];
	size_t i;

	*mark = atomic_load_explicit(&e->mark, memory_order_acquire);
	if (is_being_written(*mark))
		return false;
	for (i = 0; i < SHARE_WORDS; i++)
		words[i] = atomic_load_explicit(&e->words[i], memory_order_relaxed);
	atomic_thread_fence(memory_order_acquire);
	memcpy(kept, words, sizeof words);
	return atomic_load_explicit(&e->mark, memory_order_relaxed) == *mark;
}

/* The first of its places. The ids are random, and ours. */
static size_t first_place(const unsigned char id[32])
{
	uint32_t bits;

	memcpy(&bits, id, sizeof bits);
	return bits % (SHARE_SESSIONS / SESSION_PLACES) * SESSION_PLACES;
}

/* The place of the same id, or else the oldest; those being written are passed over. */
void share_session_save(struct share *s, int slot, const struct tls_session *session, int64_t now)
{
	struct share_kept kept, new = {.session = *session, .until = now + SHARE_SESSION_MS};
	struct share_session *group = &s->sessions[first_place(session->id)], *place = NULL;
	uint32_t mark, place_mark = 0;
	int64_t oldest = INT64_MAX;
	int i;

	for (i = 0; i < SESSION_PLACES; i++) {
		if (!look(&group[i], &kept, &mark))
			continue;
		if (memcmp(kept.session.id, session->id, sizeof session->id) == 0)
			kept.until = INT64_MIN;
		if (kept.until < oldest) {
			oldest = kept.until;
			place = &group[i];
			place_mark = mark;
		}
	}
	if (!place || !take(place, place_mark, slot))
		return;
	fill(place, &new);
	let_go(place, slot);
}

bool share_session_find(const struct share *s, const unsigned char id[32], struct tls_session *session, int64_t now)
{
	const struct share_session *group = &s->sessions[first_place(id)];
	struct share_kept kept;
	uint32_t mark;
	int i;

	for (i = 0; i < SESSION_PLACES; i++) {
		if (!look(&group[i], &kept, &mark) || memcmp(kept.session.id, id, sizeof kept.session.id) != 0)
			continue;
		if (now >= kept.until)
			return false;
		*session = kept.session;
		return true;
	}
	return false;
}

/* The owner has died: nobody else touches an entry with an odd mark. */
static void mend_sessions(struct share *s, int slot)
{
	static const struct share_kept nothing;
	uint32_t mark;
	int i;

	for (i = 0; i < SHARE_SESSIONS; i++) {
		mark = atomic_load_explicit(&s->sessions[i].mark, memory_order_relaxed);
		if (!is_being_written(mark) || mark >> SLOT_SHIFT != (uint32_t)slot)
			continue;
		fill(&s->sessions[i], &nothing);
		let_go(&s->sessions[i], slot);
	}
}

/* --- slots ----------------------------------------------------------------- */

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

	mend_sessions(s, slot);

	for (i = 0; i < SHARE_PEERS; i++) {
		atomic_store_explicit(&gone->peers[i].tag, 0, memory_order_relaxed);
		atomic_store_explicit(&gone->peers[i].count, 0, memory_order_relaxed);
	}
	atomic_store(&gone->connections, 0);
	atomic_store(&gone->active, 0);
	atomic_fetch_add(&s->requests, atomic_exchange(&gone->requests, 0));
	atomic_fetch_add(&s->refused, atomic_exchange(&gone->refused, 0));
	atomic_fetch_add(&s->failed, atomic_exchange(&gone->failed, 0));
	atomic_store(&gone->pid, 0);
}

/* --- peers ------------------------------------------------------------------ */

uint64_t share_mix(uint64_t x, uint64_t seed)
{
	x ^= seed;
	x = (x ^ (x >> 33)) * 0xff51afd7ed558ccdu;
	x = (x ^ (x >> 29)) + seed;
	x = (x ^ (x >> 32)) * 0xc4ceb9fe1a85ec53u;
	return x ^ (x >> 33);
}

bool share_is_counted(const struct net *client)
{
	return client->family == NET_IP4 || client->family == NET_IP6;
}

uint64_t share_key(const struct share *s, const struct net *client, uint16_t rule)
{
	uint64_t bits = 0, key;
	int i, bytes = client->family == NET_IP4 ? 4 : 8;

	for (i = 0; i < bytes; i++)
		bits = bits << 8 | client->ip[i];
	if (client->family == NET_IP4)
		bits |= (uint64_t)1 << 63; /* 8000::/16 is nobody's */
	key = share_mix(bits, s->seed);
	if (rule)
		key = share_mix(key ^ rule, s->seed);
	return key ? key : 1;
}

/* Among the few places of this key the one with this tag, or with 0 a free one; NULL. */
static struct share_peer *find(struct share_slot *slot, uint64_t key, uint32_t tag)
{
	struct share_peer *first = &slot->peers[(uint32_t)key % (SHARE_PEERS / PLACES_EACH) * PLACES_EACH];
	int i;

	for (i = 0; i < PLACES_EACH; i++)
		if (atomic_load(&first[i].tag) == tag)
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
		p = find(&s->slots[i], key, share_tag(key));
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
		atomic_store(&p->tag, 0);
}

/* Counted first and summed then: of two workers at the limit, both may refuse,
 * but never both admit. */
bool share_peer_in(struct share *s, int slot, const struct net *peer, uint16_t rule, uint32_t most)
{
	struct share_peer *p;
	uint64_t key;

	if (!share_is_counted(peer) || most == 0)
		return true;
	key = share_key(s, peer, rule);
	p = find(&s->slots[slot], key, share_tag(key));
	if (!p) {
		p = find(&s->slots[slot], key, 0);
		if (!p)
			return true;
		atomic_store(&p->count, 0);
		atomic_store(&p->tag, share_tag(key));
	}
	atomic_store(&p->count, atomic_load(&p->count) + 1);
	if (sum(s, key) <= most)
		return true;
	drop(p);
	return false;
}

void share_peer_out(struct share *s, int slot, const struct net *peer, uint16_t rule)
{
	struct share_peer *p;
	uint64_t key;

	if (!share_is_counted(peer))
		return;
	key = share_key(s, peer, rule);
	p = find(&s->slots[slot], key, share_tag(key));
	if (p)
		drop(p);
}

/* SPDX-License-Identifier: MIT
 *
 * tls_pair - a client and a server of our own tls, joined in memory.
 *
 * For unit tests and fuzz targets alone. Blocks that have gone back to a pool
 * are filled with POISON, and looked at later: bytes that change there were
 * written by somebody who had given them back, and those who read there see
 * bytes that make no sense. What cannot be is an abort.
 */
#ifndef TLS_PAIR_H
#define TLS_PAIR_H

#include "../../src/tls_parts.h"
#include "credential_made.h"
#include <stdio.h>
#include <stdlib.h>

#define PAIR_CHECK(what) ((what) ? (void)0 : (fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #what), abort()))

enum { PAIR_POOLS = 7, PAIR_BLOCKS = 8, PAIR_KEPT = 8, POISON = 0xaa, PAIR_NOW = 1795500000 /* the made certificates are good then */ };

/* --- certificates ------------------------------------------------------------ */

/* What credentials and authorities are made in; it is never too much for a test. */
struct made_memory {
	struct made_memory *next;
	size_t bytes;
};

static inline void *made_take(void *user, size_t bytes)
{
	struct made_memory **all = user, *m = calloc(1, sizeof *m + bytes + 16);

	PAIR_CHECK(m);
	m->next = *all;
	*all = m;
	return m + 1;
}

static struct made_memory *made_all;

static inline const struct credential *made_credential(const char *certs, const char *key)
{
	const char *why = NULL;
	enum credential_side side;
	struct credential *c = credential_read(span_str(certs), span_str(key), (struct credential_memory){made_take, &made_all}, &why, &side);

	PAIR_CHECK(c);
	return c;
}

static inline const struct trust *made_trust(const char *pem)
{
	const char *why = NULL;
	struct trust *t = trust_read(span_str(pem), (struct credential_memory){made_take, &made_all}, &why);

	PAIR_CHECK(t);
	return t;
}

static inline void made_free(void)
{
	while (made_all) {
		struct made_memory *next = made_all->next;

		free(made_all);
		made_all = next;
	}
}

/* --- a kit, and the sites of its listeners --------------------------------------- */

struct pair_site {
	const char *name; /* "": for those who ask for none, and for any other */
	struct tls_site site;
};

struct pair_kit {
	struct tls_kit *kit;
	void *memory[TLS_TERMS];
	struct pair_site sites[4];
	size_t site_count;
	struct tls_session kept[PAIR_KEPT];
	size_t kept_count;
	unsigned saves, finds, hits;
	bool poisoned[PAIR_POOLS][PAIR_BLOCKS];
	bool as_left; /* no poison: what is left in blocks is to be seen */
	unsigned looks;
};

static inline const struct tls_site *pair_site(void *listener, struct span name)
{
	struct pair_kit *k = listener;

	for (size_t i = 0; i < k->site_count; i++)
		if (k->sites[i].name[0] == 0 || span_same(name, span_str(k->sites[i].name)))
			return &k->sites[i].site;
	return NULL;
}

static inline void pair_save(void *user, const struct tls_session *session)
{
	struct pair_kit *k = user;

	k->kept[k->kept_count++ % PAIR_KEPT] = *session;
	k->saves++;
}

static inline bool pair_find(void *user, const unsigned char id[32], struct tls_session *session)
{
	struct pair_kit *k = user;

	k->finds++;
	for (size_t i = 0; i < k->kept_count && i < PAIR_KEPT; i++) {
		if (memcmp(k->kept[i].id, id, sizeof k->kept[i].id) != 0)
			continue;
		*session = k->kept[i];
		k->hits++;
		return true;
	}
	return false;
}

static const struct tls_counts pair_counts = {
	.accepted = 2, .handshakes = 2, .connected = 2, .greetings = 2, .buffers = 2, .large = 2, .subjects = true,
};

/* The same random numbers for the same seed. */
static inline struct pair_kit *pair_kit_open(const struct tls_counts *counts, unsigned char seed)
{
	struct pair_kit *k = calloc(1, sizeof *k);
	struct tls_hooks hooks = {.site = pair_site, .save = pair_save, .find = pair_find, .user = k};
	struct tls_term terms[TLS_TERMS];
	unsigned char random[32];

	PAIR_CHECK(k);
	memset(random, seed, sizeof random);
	tls_terms(counts, terms);
	for (size_t i = 0; i < TLS_TERMS; i++) {
		PAIR_CHECK(terms[i].count <= PAIR_BLOCKS);
		k->memory[i] = calloc(terms[i].count ? terms[i].count : 1, terms[i].size ? terms[i].size : 1); /* of exactly that size: ASan sees one more */
		PAIR_CHECK(k->memory[i]);
	}
	k->kit = tls_open(counts, k->memory, &hooks, random);
	PAIR_CHECK(k->kit);
	tls_clock(k->kit, PAIR_NOW);
	return k;
}

static inline void pair_kit_close(struct pair_kit *k)
{
	for (size_t i = 0; i < TLS_TERMS; i++)
		free(k->memory[i]);
	free(k);
}

static inline struct tls_site *pair_add_site(struct pair_kit *k, const char *name, const struct credential *const *credentials, size_t count)
{
	struct pair_site *s = &k->sites[k->site_count++];

	PAIR_CHECK(k->site_count <= sizeof k->sites / sizeof *k->sites);
	*s = (struct pair_site){name, {.credentials = credentials, .count = count, .policy = k->site_count}};
	return &s->site;
}

/* --- blocks that were given back --------------------------------------------------- */

static inline struct pool *pair_pool(const struct pair_kit *k, size_t i)
{
	struct tls_kit *kit = k->kit;
	struct pool *const pools[PAIR_POOLS] = {&kit->in, &kit->out, &kit->large, &kit->handshakes, &kit->greetings, &kit->accepted, &kit->connected};

	return pools[i];
}

static inline bool pair_is_poison(const unsigned char *at, size_t len)
{
	return len == 0 || (at[0] == POISON && memcmp(at, at + 1, len - 1) == 0);
}

static inline void pair_spoilt(size_t pool, const unsigned char *at, size_t len)
{
	size_t n = 0;

	while (n < len && at[n] == POISON)
		n++;
	fprintf(stderr, "a block of pool %zu that was given back has changed at %zu\n", pool, n + sizeof(void *));
	abort();
}

/* To be called after every single call that may have lent something or given it back. Fills
 * what is free and was not filled before; thorough: and looks at all else that is free. */
static inline void pair_poison(struct pair_kit *k, bool thorough)
{
	for (size_t i = 0; i < PAIR_POOLS && !k->as_left; i++) {
		struct pool *p = pair_pool(k, i);
		bool is_free[PAIR_BLOCKS] = {false};

		for (void *block = p->free; block; block = *(void **)block) {
			size_t n = (size_t)((char *)block - p->memory) / p->size;
			unsigned char *at = (unsigned char *)block + sizeof(void *);
			size_t len = p->size - sizeof(void *);

			PAIR_CHECK(n < p->count && !is_free[n]); /* given back twice */
			is_free[n] = true;
			if (!k->poisoned[i][n])
				memset(at, POISON, len);
			else if (thorough && !pair_is_poison(at, len))
				pair_spoilt(i, at, len);
			k->poisoned[i][n] = true;
		}
		for (size_t n = 0; n < p->count; n++)
			k->poisoned[i][n] = k->poisoned[i][n] && is_free[n];
	}
}

static inline void pair_look(struct pair_kit *k)
{
	pair_poison(k, ++k->looks % 64 == 0);
}

static inline uint32_t pair_lent(const struct pair_kit *k)
{
	uint32_t lent = 0;

	for (size_t i = 0; i < PAIR_POOLS; i++)
		lent += pair_pool(k, i)->lent;
	return lent;
}

/* Of record buffers alone, and of those for handshakes. */
static inline uint32_t pair_buffers_lent(const struct pair_kit *k)
{
	return k->kit->in.lent + k->kit->out.lent + k->kit->large.lent + k->kit->handshakes.lent + k->kit->greetings.lent;
}

/* --- bytes between them --------------------------------------------------------------- */

enum { WIRE = 1 << 17 };

/* One way between two ends; it holds what has been sent and not read yet, and counts. */
struct pair_wire {
	unsigned char at[WIRE];
	size_t from, to;
	size_t all;   /* bytes that were ever put in */
	size_t limit; /* bytes that ever come out; 0: all */
	size_t out;   /* that came out */
};

static inline size_t wire_held(const struct pair_wire *w)
{
	size_t held = w->to - w->from;

	if (w->limit && w->out + held > w->limit)
		held = w->limit - w->out;
	return held;
}

static inline void wire_put(struct pair_wire *w, const void *at, size_t len)
{
	if (w->from) {
		memmove(w->at, w->at + w->from, w->to - w->from);
		w->to -= w->from;
		w->from = 0;
	}
	PAIR_CHECK(len <= WIRE - w->to);
	memcpy(w->at + w->to, at, len);
	w->to += len;
	w->all += len;
}

static inline void wire_take(struct pair_wire *w, size_t len)
{
	PAIR_CHECK(len <= wire_held(w));
	w->from += len;
	w->out += len;
}

enum pair_cut { CUT_NONE, CUT_BYTES, CUT_RANDOM, CUT_AHEAD /* as link reads: what is wanted and what is sure to come, in one */, PAIR_CUTS };

static inline size_t pair_cut(enum pair_cut cut, size_t len)
{
	size_t n = cut == CUT_BYTES ? 1 : cut == CUT_RANDOM ? (size_t)rand() % 700 + 1 : len;

	return n < len ? n : len;
}

struct pair {
	struct pair_kit *kit;
	struct tls *client, *server;
	struct pair_wire up, down;
	struct tls_session session; /* that the client keeps */
};

/* One piece of records leaves; false: there is none, or no room on the wire. */
static inline bool pair_send(struct pair_kit *k, struct tls *t, struct pair_wire *w, enum pair_cut cut)
{
	const void *at;
	size_t len = tls_record_peek(t, &at);

	if (len == 0 || w->to - w->from > WIRE / 2)
		return false;
	len = pair_cut(cut, len);
	wire_put(w, at, len);
	tls_record_sent(t, len);
	tls_rest(t);
	pair_look(k);
	return true;
}

static inline size_t pair_room(struct pair_kit *k, struct tls *t, void **at, size_t want)
{
	size_t room = tls_room(t, at, want);

	pair_look(k);
	return room;
}

static inline void pair_finish(struct pair_kit *k, struct tls *t)
{
	tls_finish(t);
	pair_look(k);
}

static inline size_t pair_give(struct pair_kit *k, struct tls *t, const unsigned char *at, size_t len)
{
	void *to;
	size_t room = tls_record_room(t, &to);

	pair_look(k);
	if (room > len)
		room = len;
	if (room) {
		memcpy(to, at, room);
		tls_record_came(t, room);
	}
	tls_rest(t);
	pair_look(k);
	return room;
}

/* One piece of records is read; false: there is none, or they are not wanted now. */
static inline bool pair_read(struct pair_kit *k, struct tls *t, struct pair_wire *w, enum pair_cut cut)
{
	size_t held = wire_held(w), n, ahead;
	void *to;

	if (held == 0)
		return false;
	if (cut == CUT_AHEAD && !tls_is_open(t)) {
		n = tls_record_room(t, &to);
		pair_look(k);
		ahead = tls_record_ahead(t);
		if (n == 0)
			return false;
		n = n + ahead < held ? n + ahead : held;
		for (size_t given = 0, len; given < n; given += len) {
			len = pair_give(k, t, w->at + w->from, n - given);
			if (len == 0)
				return false; /* its own records are in the way, or it has failed */
			wire_take(w, len);
		}
		return true;
	}
	n = pair_give(k, t, w->at + w->from, pair_cut(cut, held));
	wire_take(w, n);
	return n > 0;
}

/* All that goes by itself, both ways. */
static inline void pair_run(struct pair *p, enum pair_cut cut)
{
	bool moved;

	do {
		moved = false;
		while (p->client && pair_send(p->kit, p->client, &p->up, cut))
			moved = true;
		while (p->server && tls_record_peek(p->server, &(const void *){NULL}) == 0 && pair_read(p->kit, p->server, &p->up, cut))
			moved = true;
		while (p->server && pair_send(p->kit, p->server, &p->down, cut))
			moved = true;
		while (p->client && tls_record_peek(p->client, &(const void *){NULL}) == 0 && pair_read(p->kit, p->client, &p->down, cut))
			moved = true;
	} while (moved);
}

static inline void pair_open(struct pair *p, struct pair_kit *k, const struct tls_server *server, const struct tls_session *session)
{
	memset(p, 0, sizeof *p);
	p->kit = k;
	if (session)
		p->session = *session;
	p->server = tls_accept(k->kit, k);
	p->client = tls_connect(k->kit, server, &p->session);
	PAIR_CHECK(p->server && p->client);
	pair_look(k);
}

static inline void pair_end(struct pair *p, struct tls **end)
{
	if (*end)
		tls_close(*end);
	*end = NULL;
	pair_poison(p->kit, true);
}

/* Nothing is left lent; the session stays. */
static inline void pair_close(struct pair *p)
{
	pair_end(p, &p->client);
	pair_end(p, &p->server);
	PAIR_CHECK(pair_lent(p->kit) == 0);
}

#endif

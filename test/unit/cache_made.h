/* SPDX-License-Identifier: MIT
 *
 * cache_made - arenas, requests, bodies whose bytes tell where they belong, and
 * whole exchanges in one call, for tests of cache.
 */
#ifndef CACHE_MADE_H
#define CACHE_MADE_H

#include "../../src/cache_parts.h"
#include "../../platform/platform.h"
#include "block.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MADE_SLOTS = 4, MADE_READERS = 24 };

struct made {
	size_t size;
	struct cache *c;
	unsigned char *seen;
	struct cache_user u[MADE_SLOTS];
};

/* An arena of exactly so many blocks, shared with children; slot 0 to 3 have joined. */
static inline void made_arena(struct made *m, uint32_t blocks)
{
	int i;

	m->size = (size_t)blocks * GW_BLOCK;
	while (cache_blocks_of(m->size, MADE_SLOTS, MADE_READERS) < (size_t)blocks * GW_BLOCK)
		m->size += 8;
	m->c = platform_memory(m->size, true);
	m->seen = malloc(blocks);
	assert_non_null(m->c);
	assert_non_null(m->seen);
	cache_init(m->c, m->size, MADE_SLOTS, MADE_READERS, 0x0123456789abcdef);
	assert_int_equal(cache_block_count(m->c), blocks);
	for (i = 0; i < MADE_SLOTS; i++)
		assert_true(cache_join(&m->u[i], m->c, (uint32_t)i, MADE_READERS, (uint32_t)(i == 0 ? platform_pid() : 1)));
}

static inline void made_check(struct made *m, const char *after)
{
	const char *why = cache_check(&m->u[0], m->seen);

	if (why)
		fail_msg("after %s: %s", after, why);
}

static inline void made_free(struct made *m)
{
	made_check(m, "the end");
	free(m->seen);
	munmap(m->c, m->size);
}

/* Everything has been given back: what is left can be thrown out. */
static inline void made_all_idle(struct made *m)
{
	made_check(m, "all");
	assert_int_equal(m->c->free + m->c->idle, m->c->blocks);
	cache_purge(&m->u[0], span_of("", 0), false);
	made_check(m, "purge");
	assert_int_equal(m->c->free, m->c->blocks);
}

/* "URL LF rest"; all of it static or the caller's. */
static inline struct cache_key made_key(const char *text)
{
	struct cache_key k = {span_str(text), 0};

	k.url = span_find(k.text, '\n');
	return k;
}

/* A request with these field lines, in place (zero-ended, CRLF each). */
static inline void made_asked(struct head *h, char *room, size_t size, const char *fields)
{
	int n = snprintf(room, size, "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", fields);

	assert_true(n > 0 && (size_t)n < size);
	assert_null(head_request(h, room, (size_t)n));
}

static inline const struct head *made_plain(void)
{
	static struct head h;
	static char room[100];

	if (!h.base)
		made_asked(&h, room, sizeof room, "");
	return &h;
}

/* The byte at this place of body number n. */
static inline char made_byte(uint32_t n, uint64_t at)
{
	uint64_t x = (at + 1) * 0x9e3779b97f4a7c15 + n * UINT64_C(0xbf58476d1ce4e5b9);

	return (char)(x >> 56);
}

static const struct fresh_stored made_stored = {.born = 5, .lifetime = 60, .status = 200, .for_all = true};
#define MADE_HEAD "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"

/* Bytes of body n, as many as there is room for, at most len; returns how many. */
static inline uint64_t made_put(struct cache_user *u, struct cache_fill *f, uint32_t n, uint64_t len)
{
	uint64_t done = 0;
	size_t room, i;
	char *at;

	while (done < len) {
		cache_room(u, f, &at, &room);
		if (room == 0)
			break;
		if (room > len - done)
			room = (size_t)(len - done);
		for (i = 0; i < room; i++)
			at[i] = made_byte(n, f->done + i);
		cache_put(u, f, room);
		done += room;
	}
	return done;
}

/* Promises, writes and ends it; the head begins with n. False: it was not to be had, or not to be stored. */
static inline bool made_store_with(struct cache_user *u, uint32_t reader, const char *key, uint32_t n, uint64_t len, bool known, const char *vary, int64_t now)
{
	struct cache_key k = made_key(key);
	struct cache_fill f;
	char head[100];
	int head_len = snprintf(head, sizeof head, "%u %s", (unsigned)n, MADE_HEAD);

	if (!cache_begin(u, &k, reader, now, &f))
		return false;
	if (!cache_fill_head(u, &f, &made_stored, span_str(vary), span_of(head, (size_t)head_len), known ? len : UINT64_MAX, 0, now))
		return false;
	assert_int_equal(made_put(u, &f, n, len), len);
	cache_fill_done(u, &f);
	assert_int_equal(f.entry, CACHE_NONE);
	return !f.too_long;
}

static inline bool made_store(struct made *m, const char *key, uint32_t n, uint64_t len)
{
	return made_store_with(&m->u[0], 0, key, n, len, true, "", 1000);
}

static inline bool made_look(struct made *m, const char *key, uint32_t reader, struct cache_found *found)
{
	struct cache_key k = made_key(key);

	return cache_look(&m->u[0], &k, made_plain(), reader, 1000, found);
}

static inline void made_unpin(struct made *m, struct cache_found *found)
{
	cache_unpin(&m->u[0], &found->pin);
}

/* Takes what is there, at most `most` bytes in pieces of at most `step`; each must be of body n. */
static inline uint64_t made_take(struct cache_read *r, uint32_t n, uint64_t most, size_t step)
{
	struct cache_piece pieces[3];
	uint64_t done = 0;
	size_t i, len;

	while (done < most && cache_peek(r, pieces, 3) > 0) {
		len = pieces[0].len < step ? pieces[0].len : step;
		if (len > most - done)
			len = (size_t)(most - done);
		for (i = 0; i < len; i++)
			assert_int_equal(((const char *)pieces[0].at)[i], made_byte(n, r->done + i));
		cache_take(r, len);
		done += len;
	}
	return done;
}

/* Which body does the head belong to? */
static inline uint32_t made_number(struct cache_user *u, const struct cache_found *found)
{
	char room[4 * GW_BLOCK];
	struct text t = text_in(room, sizeof room - 1);
	unsigned n;

	cache_head(u, found, &t);
	assert_false(t.full);
	room[t.len] = 0;
	assert_int_equal(sscanf(room, "%u ", &n), 1);
	assert_non_null(strstr(room, MADE_HEAD));
	return n;
}

/* Is it there, whole and right? Returns its number, UINT32_MAX: it is not there. */
static inline uint32_t made_read(struct made *m, const char *key, uint64_t len)
{
	struct cache_found found;
	struct cache_read r;
	uint32_t n;

	if (!made_look(m, key, 1, &found))
		return UINT32_MAX;
	n = made_number(&m->u[0], &found);
	assert_int_equal(found.state, CACHE_WHOLE);
	assert_int_equal(found.length, len);
	cache_read_begin(&r, &m->u[0], &found.pin, 0, UINT64_MAX);
	assert_int_equal(made_take(&r, n, UINT64_MAX, SIZE_MAX), len);
	assert_true(cache_read_done(&r));
	assert_false(cache_read_broken(&r));
	made_unpin(m, &found);
	return n;
}

/* The same numbers in each run. */
static inline uint32_t made_random(uint64_t *state, uint32_t below)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((*state >> 33) % below);
}

#endif

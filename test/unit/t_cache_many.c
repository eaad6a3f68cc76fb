/* SPDX-License-Identifier: MIT
 *
 * Do several workers at once get what was stored, whole or told to be broken, while
 * one or the other is killed? Real processes; whoever dies holding the lock
 * is found out by the others or by who reaps it.
 */
#include "cache_made.h"

#include <signal.h>
#include <sys/wait.h>

enum { WORKERS = MADE_SLOTS, KEYS = 12, KILLS = 30, BLOCKS = 90, HURRY_MS = 60000 };

struct shared { /* beside the arena */
	_Atomic uint32_t next; /* number of the next body */
	_Atomic uint32_t stop;
	_Atomic uint32_t hits, joins, leads, broken, wrong;
};

struct crowd {
	struct made m;
	struct shared *shared;
};

static uint64_t length_of(uint32_t n)
{
	return n * UINT64_C(7919) % (5 * GW_BLOCK);
}

/* --- a worker ----------------------------------------------------------------------- */

struct hammer {
	struct cache_user *u;
	struct shared *shared;
	uint64_t random;
};

static void wrong(struct hammer *w)
{
	atomic_fetch_add(&w->shared->wrong, 1);
}

/* To its end, or until it breaks; who waits too long is told that something hangs. */
static void read_all(struct hammer *w, struct cache_found *found)
{
	struct cache_read r;
	struct cache_piece piece;
	char head[100];
	struct text t = text_in(head, sizeof head - 1);
	int64_t until = platform_now() + HURRY_MS;
	unsigned n = 0;
	size_t i;

	cache_head(w->u, found, &t);
	head[t.len] = 0;
	if (t.full || sscanf(head, "%u ", &n) != 1)
		wrong(w);
	cache_read_begin(&r, w->u, &found->pin, 0, UINT64_MAX);
	while (!cache_read_done(&r) && !cache_read_broken(&r)) {
		if (cache_peek(&r, &piece, 1) == 0) {
			platform_yield();
			if (platform_now() > until) {
				wrong(w);
				break;
			}
			continue;
		}
		for (i = 0; i < piece.len; i += 13)
			if (((const char *)piece.at)[i] != made_byte(n, r.done + i))
				wrong(w);
		cache_take(&r, piece.len);
	}
	if (cache_read_done(&r) && r.done != length_of(n))
		wrong(w);
	atomic_fetch_add(cache_read_done(&r) ? &w->shared->hits : &w->shared->broken, 1);
	cache_unpin(w->u, &found->pin);
}

static void write_all(struct hammer *w, struct cache_fill *f)
{
	uint32_t n = atomic_fetch_add(&w->shared->next, 1);
	uint64_t len = length_of(n);
	char head[100];
	int head_len = snprintf(head, sizeof head, "%u %s", (unsigned)n, MADE_HEAD);
	uint32_t how = made_random(&w->random, 10);

	atomic_fetch_add(&w->shared->leads, 1);
	if (how < 3)
		platform_poll(NULL, 0, 1); /* others come and wait */
	if (how == 0) {
		cache_fill_end(w->u, f, CACHE_PASS, 0);
		return;
	}
	if (!cache_fill_head(w->u, f, &made_stored, SPAN(""), span_of(head, (size_t)head_len), how < 6 ? len : UINT64_MAX, 3 * GW_BLOCK, 0))
		return;
	while (f->done < len) {
		uint64_t step = made_random(&w->random, GW_BLOCK) + 1;

		if (made_put(w->u, f, n, step < len - f->done ? step : len - f->done) == 0) {
			if (!cache_fill_is_read(w->u, f))
				break;
			platform_yield(); /* it goes round, and a reader is slow */
		}
		if (made_random(&w->random, 60) == 0) {
			cache_fill_end(w->u, f, CACHE_BROKEN, 0);
			return;
		}
	}
	if (f->done == len)
		cache_fill_done(w->u, f);
	else
		cache_fill_end(w->u, f, CACHE_BROKEN, 0);
}

static void wait_and_read(struct hammer *w, struct cache_found *found)
{
	int64_t until = platform_now() + HURRY_MS;
	enum cache_state state;

	atomic_fetch_add(&w->shared->joins, 1);
	while ((state = cache_state(w->u, found)) == CACHE_PROMISED) {
		platform_yield();
		if (platform_now() > until) {
			wrong(w);
			break;
		}
	}
	if (state == CACHE_FILLING || state == CACHE_WHOLE)
		read_all(w, found);
	else
		cache_unpin(w->u, &found->pin);
}

static void one(struct hammer *w)
{
	char text[60];
	uint32_t n = made_random(&w->random, KEYS), reader = made_random(&w->random, MADE_READERS);
	struct cache_key k;
	struct cache_found found;
	struct cache_fill f;
	int64_t now = (int64_t)made_random(&w->random, 1000) * CACHE_PASS_MS;

	snprintf(text, sizeof text, "https://a/%u\n%u", (unsigned)n / 2, (unsigned)n);
	k = made_key(text);
	if (made_random(&w->random, 40) == 0) {
		cache_invalidate(w->u, span_of(k.text.at, k.url));
	} else if (cache_look(w->u, &k, made_plain(), reader, now, &found)) {
		if (made_random(&w->random, 20) == 0)
			cache_forget(w->u, &found);
		read_all(w, &found);
	} else {
		switch (cache_promise(w->u, &k, reader, now, &f, &found)) {
		case CACHE_LEAD:
			write_all(w, &f);
			break;
		case CACHE_JOIN:
			wait_and_read(w, &found);
			break;
		case CACHE_ALONE:
			break;
		}
	}
}

static long start(struct crowd *o, uint32_t slot, uint64_t seed)
{
	long pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		struct cache_user u;
		struct hammer w = {&u, o->shared, seed};

		if (!cache_join(&u, o->m.c, slot, MADE_READERS, (uint32_t)getpid()))
			wrong(&w);
		while (!atomic_load(&o->shared->stop))
			one(&w);
		_exit(0);
	}
	return pid;
}

/* --- who watches them ---------------------------------------------------------------- */

static void begin(struct crowd *o)
{
	uint32_t i;

	made_plain(); /* made once, for the children too */
	made_arena(&o->m, BLOCKS);
	for (i = 0; i < WORKERS; i++)
		cache_leave(o->m.c, i, (uint32_t)getpid());
	o->shared = platform_memory(sizeof *o->shared, true);
	assert_non_null(o->shared);
}

static void reap(long pid, int wanted)
{
	int status = 0;

	assert_int_equal(waitpid((pid_t)pid, &status, 0), pid);
	assert_int_equal(wanted ? WTERMSIG(status) : WEXITSTATUS(status), wanted);
	assert_int_equal(WIFSIGNALED(status) != 0, wanted != 0);
}

/* Everything has happened often enough. */
static bool is_enough(const struct shared *s)
{
	return atomic_load(&s->hits) > 500 && atomic_load(&s->joins) > 10 && atomic_load(&s->leads) > 500 && atomic_load(&s->broken) > 10;
}

static void end(struct crowd *o, const long *pids)
{
	int64_t until = platform_now() + HURRY_MS;
	uint32_t i;

	while (!is_enough(o->shared) && platform_now() < until)
		platform_poll(NULL, 0, 10);
	atomic_store(&o->shared->stop, 1);
	for (i = 0; i < WORKERS; i++) {
		reap(pids[i], 0);
		cache_leave(o->m.c, i, (uint32_t)pids[i]);
	}
	o->m.u[0].pid = (uint32_t)getpid();
	assert_int_equal(atomic_load(&o->m.c->lock), 0);
	assert_int_equal(atomic_load(&o->shared->wrong), 0);
	assert_true(is_enough(o->shared));
	made_all_idle(&o->m);
	made_free(&o->m);
	munmap(o->shared, sizeof *o->shared);
}

static void all_live(void **state)
{
	struct crowd o;
	long pids[WORKERS];
	uint32_t i;

	(void)state;
	begin(&o);
	for (i = 0; i < WORKERS; i++)
		pids[i] = start(&o, i, i + 1);
	end(&o, pids);
}

/* The others go on before anybody says that it has left: they find out for themselves. */
static void some_die(void **state)
{
	struct crowd o;
	long pids[WORKERS];
	uint64_t random = 5;
	uint32_t i, kills;

	(void)state;
	begin(&o);
	for (i = 0; i < WORKERS; i++)
		pids[i] = start(&o, i, i + 1);
	for (kills = 0; kills < KILLS; kills++) {
		platform_poll(NULL, 0, 20 + (int)made_random(&random, 10));
		i = made_random(&random, WORKERS);
		platform_kill(pids[i]);
		reap(pids[i], SIGKILL);
		platform_poll(NULL, 0, (int)made_random(&random, 10));
		cache_leave(o.m.c, i, (uint32_t)pids[i]);
		pids[i] = start(&o, i, 1000 + kills);
	}
	end(&o, pids);
}

/* A pid that is nobody's: it was ours a moment ago. */
static uint32_t dead_pid(void)
{
	long pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(0);
	reap(pid, 0);
	return (uint32_t)pid;
}

/* Everything that can be made anew is scribbled on; what we have pinned goes on. */
static void lock_of_the_dead(void **state)
{
	struct made m;
	struct cache_user dead;
	struct cache_found found, half;
	struct cache_fill f, ours;
	struct cache_read r;
	struct cache_key k = made_key("https://a/half\n"), mine = made_key("https://a/mine\n");
	int by_leave;

	(void)state;
	for (by_leave = 0; by_leave < 2; by_leave++) {
		made_arena(&m, 60);
		assert_true(cache_join(&dead, m.c, 1, MADE_READERS, dead_pid()));
		assert_true(made_store(&m, "https://a/x\n1", 1, 7 * GW_BLOCK));
		assert_true(made_store(&m, "https://a/y\n1", 2, 10));
		assert_true(made_look(&m, "https://a/x\n1", 5, &found));
		assert_true(cache_begin(&dead, &k, 0, 0, &f));
		assert_true(cache_fill_head(&dead, &f, &made_stored, SPAN(""), SPAN("4 " MADE_HEAD), UINT64_MAX, 0, 0));
		assert_int_equal(made_put(&dead, &f, 4, 100), 100);
		assert_true(cache_look(&m.u[0], &k, made_plain(), 2, 0, &half));
		assert_true(cache_begin(&m.u[0], &mine, 0, 0, &ours));
		made_check(&m, "all alive");
		atomic_store(&m.c->lock, dead.pid);
		memset(cache_at(m.c, m.c->map_at), 0x55, 4);
		memset(cache_at(m.c, m.c->buckets_at), 0x55, (m.c->bucket_mask + 1) * sizeof(uint32_t));
		memset(m.c->queues, 0x55, sizeof m.c->queues);
		m.c->free = m.c->idle = 1;
		m.c->hint = 1;
		cache_entry(m.c, found.pin.entry)->newer = 9999;
		cache_entry(m.c, found.pin.entry)->blocks = 9999;
		cache_entry(m.c, found.pin.entry)->pins = 5;
		cache_record(m.c, 1, 3)->entry = 9999;
		if (by_leave)
			cache_leave(m.c, 1, dead.pid);
		else
			assert_int_equal(made_read(&m, "https://a/y\n1", 10), UINT32_MAX);
		assert_int_equal(m.c->mended, 1);
		made_check(&m, "mending");
		assert_int_equal(cache_state(&m.u[0], &half), CACHE_BROKEN);
		cache_read_begin(&r, &m.u[0], &half.pin, 0, UINT64_MAX);
		assert_int_equal(made_take(&r, 4, UINT64_MAX, 1000), 100);
		assert_true(cache_read_broken(&r));
		made_unpin(&m, &half);
		made_unpin(&m, &found);
		assert_int_equal(made_read(&m, "https://a/x\n1", 7 * GW_BLOCK), 1); /* it was pinned, so it is still there */
		assert_true(cache_fill_head(&m.u[0], &ours, &made_stored, SPAN(""), SPAN("5 " MADE_HEAD), 10, 0, 0));
		assert_int_equal(made_put(&m.u[0], &ours, 5, 10), 10);
		cache_fill_done(&m.u[0], &ours);
		assert_int_equal(made_read(&m, "https://a/mine\n", 10), 5);
		cache_leave(m.c, 1, dead.pid);
		made_all_idle(&m);
		made_free(&m);
	}
}

/* Chains that make no sense: a block belongs to one, and nothing loops. */
static void mends_torn_chains(void **state)
{
	struct made m;
	struct cache_found a, b;
	uint32_t kind, pid = dead_pid();

	(void)state;
	for (kind = 0; kind < 5; kind++) {
		struct cache_entry *e;

		made_arena(&m, 60);
		assert_true(made_store(&m, "https://a/a\n1", 1, 5 * GW_BLOCK));
		assert_true(made_store(&m, "https://a/b\n1", 2, 5 * GW_BLOCK));
		assert_true(made_look(&m, "https://a/a\n1", 1, &a));
		assert_true(made_look(&m, "https://a/b\n1", 2, &b));
		e = cache_entry(m.c, a.pin.entry);
		if (kind == 0)
			cache_links(m.c)[a.pin.entry] = 60000;
		else if (kind == 1)
			cache_links(m.c)[e->last] = a.pin.entry;
		else if (kind == 2)
			cache_links(m.c)[e->last] = b.pin.entry;
		else if (kind == 3)
			e->spare = cache_links(m.c)[b.pin.entry];
		else
			e->changing = true;
		atomic_store(&m.c->lock, pid);
		made_check(&m, "mending"); /* takes the lock */
		assert_int_equal(m.c->mended, 1);
		made_unpin(&m, &a);
		made_check(&m, "one");
		made_unpin(&m, &b);
		/* Who claims a block first has it. */
		assert_int_equal(made_read(&m, "https://a/a\n1", 5 * GW_BLOCK), kind == 3 ? 1 : UINT32_MAX);
		assert_int_equal(made_read(&m, "https://a/b\n1", 5 * GW_BLOCK), kind == 3 ? UINT32_MAX : 2);
		made_all_idle(&m);
		made_free(&m);
	}
}

/* Who lives and does not let go is waited for, but not by those who can do without. */
static void lock_of_the_living(void **state)
{
	struct made m;
	struct cache_found found;
	struct cache_fill f;
	struct cache_key k = made_key("https://a/x\n1");

	(void)state;
	made_arena(&m, 60);
	assert_true(made_store(&m, "https://a/x\n1", 1, 10));
	atomic_store(&m.c->lock, 1);
	assert_false(made_look(&m, "https://a/x\n1", 1, &found));
	assert_int_equal(cache_promise(&m.u[0], &k, 0, 0, &f, &found), CACHE_ALONE);
	assert_false(cache_begin(&m.u[0], &k, 0, 0, &f));
	assert_int_equal(atomic_load(&m.c->lock), 1);
	atomic_store(&m.c->lock, 0);
	assert_int_equal(made_read(&m, "https://a/x\n1", 10), 1);
	assert_int_equal(m.c->mended, 0);
	made_all_idle(&m);
	made_free(&m);
}

static void leaves(void **state)
{
	struct made m;
	struct cache_found found, wait;
	struct cache_fill f;
	struct cache_key k = made_key("https://a/x\n1"), p = made_key("https://a/p\n1");

	(void)state;
	made_arena(&m, 60);
	assert_true(made_store(&m, "https://a/x\n1", 1, 10));
	assert_true(cache_look(&m.u[2], &k, made_plain(), 7, 0, &found));
	assert_int_equal(cache_promise(&m.u[2], &p, 8, 0, &f, &wait), CACHE_LEAD);
	assert_int_equal(cache_promise(&m.u[0], &p, 1, 0, &f, &wait), CACHE_JOIN);
	cache_leave(m.c, 2, 1);
	made_check(&m, "leaving");
	assert_int_equal(cache_state(&m.u[0], &wait), CACHE_BROKEN);
	made_unpin(&m, &wait);
	assert_int_equal(m.c->free + m.c->idle, m.c->blocks);
	assert_int_equal(made_read(&m, "https://a/x\n1", 10), 1);
	cache_leave(m.c, 2, 1);
	cache_leave(m.c, MADE_SLOTS, 1);
	made_all_idle(&m);
	made_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(leaves),
		cmocka_unit_test(lock_of_the_living),
		cmocka_unit_test(lock_of_the_dead),
		cmocka_unit_test(mends_torn_chains),
		cmocka_unit_test(all_live),
		cmocka_unit_test(some_die),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

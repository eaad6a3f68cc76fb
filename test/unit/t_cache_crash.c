/* SPDX-License-Identifier: MIT
 *
 * Is everything in order again, wherever a worker dies? A child does one thing after
 * the other, one instruction at a time; after each the arena as it is then is
 * copied, the copy is told that the child is dead, and then everything must
 * be there that another worker had pinned, and nothing else be lost for ever.
 */
#include "cache_made.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

enum { BLOCKS = 36, WHOLE = 3 * GW_BLOCK, BODY = 8 * GW_BLOCK, OUTSIDE = 100 /* instructions between two looks without the lock */ };

struct scene {
	struct made m;
	struct made copy;
	struct cache_found whole, old, wait; /* pinned by slot 0; wait: for the child's promise */
	struct cache_fill promise;           /* of the child, slot 1 */
	uint32_t looks, locked;
	char *last; /* the arena when it was looked at */
	char body[BODY]; /* of number 9: what the child writes */
};

/* --- what the child does ---------------------------------------------------------- */

typedef void deed(struct scene *s);

/* In few instructions. */
static void put(struct scene *s, struct cache_fill *f, uint64_t len)
{
	size_t room;
	char *at;

	while (f->done < len) {
		cache_room(&s->m.u[1], f, &at, &room);
		if (room == 0)
			return;
		if (room > len - f->done)
			room = (size_t)(len - f->done);
		memcpy(at, s->body + f->done, room);
		cache_put(&s->m.u[1], f, room);
	}
}

static void fill(struct scene *s, uint64_t length)
{
	struct cache_user *u = &s->m.u[1];

	if (cache_fill_head(u, &s->promise, &made_stored, SPAN(""), SPAN("9 " MADE_HEAD), length, 4 * GW_BLOCK, 0))
		put(s, &s->promise, 3 * GW_BLOCK);
	cache_fill_done(u, &s->promise);
}

static void fill_known(struct scene *s)
{
	fill(s, 3 * GW_BLOCK);
}

static void fill_unknown(struct scene *s)
{
	fill(s, UINT64_MAX);
}

static void fill_refused(struct scene *s)
{
	fill(s, 5 * GW_BLOCK);
}

static void fill_broken(struct scene *s)
{
	fill(s, 4 * GW_BLOCK);
}

/* Nobody else reads it but who has not begun: blocks go round as far as they may. */
static void fill_too_long(struct scene *s)
{
	struct cache_key k = made_key("https://a/long\n");
	struct cache_user *u = &s->m.u[1];
	struct cache_fill f;

	if (!cache_begin(u, &k, 3, 0, &f))
		return;
	if (cache_fill_head(u, &f, &made_stored, SPAN(""), SPAN("9 " MADE_HEAD), UINT64_MAX, 2 * GW_BLOCK, 0))
		put(s, &f, BODY);
	cache_fill_end(u, &f, CACHE_PASS, 0);
}

/* The same key and Vary as what slot 0 has pinned. */
static void replace(struct scene *s)
{
	made_store_with(&s->m.u[1], 3, "https://a/whole\n", 8, 100, true, "", 0);
}

static void look(struct scene *s)
{
	struct cache_key k = made_key("https://a/whole\n");
	struct cache_found found;

	if (cache_look(&s->m.u[1], &k, made_plain(), 4, 0, &found))
		cache_unpin(&s->m.u[1], &found.pin);
}

static void refresh(struct scene *s)
{
	struct cache_key k = made_key("https://a/whole\n");
	struct fresh_stored stored = made_stored;
	struct cache_found found;
	int i;

	stored.lifetime = 77;
	for (i = 0; i < 3; i++) {
		if (cache_look(&s->m.u[1], &k, made_plain(), 4, 0, &found)) {
			cache_refresh(&s->m.u[1], &found, &stored, SPAN("7 " MADE_HEAD));
			cache_unpin(&s->m.u[1], &found.pin);
		}
	}
}

static void purge(struct scene *s)
{
	cache_purge(&s->m.u[1], SPAN(""), false);
}

static void give_up(struct scene *s)
{
	cache_fill_end(&s->m.u[1], &s->promise, CACHE_PASS, 0);
}

/* --- what must hold then ---------------------------------------------------------- */

static bool is_pinned_right(struct made *m, const struct cache_found *found, uint32_t reader)
{
	struct cache_read r;
	struct cache_pin pin = {found->pin.entry, reader};

	if (made_number(&m->u[0], found) != 1)
		return false;
	cache_read_begin(&r, &m->u[0], &pin, 0, UINT64_MAX);
	return made_take(&r, 1, UINT64_MAX, SIZE_MAX) == WHOLE && cache_read_done(&r);
}

/* What the child was writing goes on nowhere; what it had written is whole. */
static void check_wait(struct made *m, struct cache_found *found)
{
	enum cache_state state = cache_state(&m->u[0], found);
	struct cache_read r;
	uint64_t n;

	assert_true(state == CACHE_BROKEN || state == CACHE_WHOLE || state == CACHE_PASS);
	if (found->state == CACHE_PASS || found->head == CACHE_NONE)
		return;
	cache_read_begin(&r, &m->u[0], &found->pin, 0, UINT64_MAX);
	n = made_take(&r, 9, UINT64_MAX, SIZE_MAX);
	assert_true(n == 3 * GW_BLOCK || cache_read_broken(&r));
}

/* Since the last look; in words, for memcmp under ASan looks at each byte. */
static bool has_changed(struct scene *s)
{
	uint64_t *now = (uint64_t *)(void *)s->m.c, *then = (uint64_t *)(void *)s->last, differs = 0;
	size_t i;

	for (i = 0; i < s->m.size / sizeof *now; i++)
		differs |= now[i] ^ then[i];
	if (differs)
		memcpy(s->last, s->m.c, s->m.size);
	return differs != 0;
}

/* What is found has the head that belongs to it. */
static void check_found(struct made *m)
{
	struct cache_found found;

	if (!made_look(m, "https://a/whole\n", 6, &found))
		return;
	assert_int_equal(found.stored.lifetime == 77, made_number(&m->u[0], &found) == 7);
	made_unpin(m, &found);
}

static void afterwards(struct scene *s, const char *name)
{
	struct made *m = &s->copy;
	struct cache_found whole = s->whole, old = s->old, wait = s->wait;

	memcpy(m->c, s->m.c, s->m.size);
	if (s->looks++ % 2) { /* another worker may be the first to find out */
		cache_lock_must(m->c, m->u[0].pid, s->m.u[1].pid);
		cache_unlock(m->c);
	}
	cache_leave(m->c, 1, s->m.u[1].pid);
	made_check(m, name);
	assert_true(is_pinned_right(m, &whole, 1));
	assert_true(is_pinned_right(m, &old, 2));
	check_wait(m, &wait);
	check_found(m);
	cache_unpin(&m->u[0], &whole.pin);
	cache_unpin(&m->u[0], &old.pin);
	cache_unpin(&m->u[0], &wait.pin);
	made_check(m, name);
	assert_true(made_store(m, "https://a/new\n", 6, 2 * GW_BLOCK));
	assert_int_equal(made_read(m, "https://a/new\n", 2 * GW_BLOCK), 6);
	made_all_idle(m);
}

static void set(struct scene *s)
{
	struct cache_key k = made_key("https://a/promised\n");
	struct cache_fill f;
	uint32_t i;
	char key[40];

	made_plain();
	made_arena(&s->m, BLOCKS);
	made_arena(&s->copy, BLOCKS);
	s->last = malloc(s->m.size);
	assert_non_null(s->last);
	for (i = 0; i < BODY; i++)
		s->body[i] = made_byte(9, i);
	s->copy.u[0].pid = s->m.u[0].pid;
	for (i = 0; i < BLOCKS; i++) { /* no block is free: everything throws something out */
		snprintf(key, sizeof key, "https://a/%u\n", (unsigned)i);
		assert_true(made_store(&s->m, key, i, 50));
	}
	assert_true(made_store_with(&s->m.u[0], 0, "https://a/old\n", 1, WHOLE, true, "", 0));
	assert_true(made_look(&s->m, "https://a/old\n", 2, &s->old));
	cache_invalidate(&s->m.u[0], SPAN("https://a/old"));
	assert_true(made_store_with(&s->m.u[0], 0, "https://a/whole\n", 1, WHOLE, true, "", 0));
	assert_true(made_look(&s->m, "https://a/whole\n", 1, &s->whole));
	assert_int_equal(cache_promise(&s->m.u[1], &k, 5, 0, &s->promise, &s->wait), CACHE_LEAD);
	assert_int_equal(cache_promise(&s->m.u[0], &k, 3, 0, &f, &s->wait), CACHE_JOIN);
	s->wait.head = CACHE_NONE;
	s->looks = s->locked = 0;
}

static long start(struct scene *s, deed *d)
{
	long pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		s->m.u[1].pid = (uint32_t)getpid();
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
			_exit(77);
		raise(SIGSTOP);
		d(s);
		_exit(0);
	}
	s->m.u[1].pid = (uint32_t)pid;
	cache_join(&s->m.u[1], s->m.c, 1, MADE_READERS, (uint32_t)pid);
	return pid;
}

static void free_scene(struct scene *s)
{
	munmap(s->m.c, s->m.size);
	munmap(s->copy.c, s->copy.size);
	free(s->last);
	free(s->m.seen);
	free(s->copy.seen);
}

static void step_through(const char *name, deed *d)
{
	static struct scene s;
	uint32_t steps = 0;
	int status;
	long pid;

	set(&s);
	pid = start(&s, d);
	for (;;) {
		assert_int_equal(waitpid((pid_t)pid, &status, 0), pid);
		if (WIFEXITED(status))
			break;
		assert_true(WIFSTOPPED(status));
		if (atomic_load(&s.m.c->lock) == s.m.u[1].pid) {
			s.locked++;
			if (has_changed(&s))
				afterwards(&s, name);
		} else if (steps++ % OUTSIDE == 0) {
			afterwards(&s, name);
		}
		assert_int_equal(ptrace(PTRACE_SINGLESTEP, (pid_t)pid, NULL, NULL), 0);
	}
	if (WEXITSTATUS(status) == 77)
		skip(); /* not here */
	assert_int_equal(WEXITSTATUS(status), 0);
	afterwards(&s, name);
	assert_true(s.locked > 50);
	free_scene(&s);
}

/* Where the one who waits is: before, in, or behind cache_state. In the copy's memory, which both see. */
static _Atomic uint32_t *phase_of(struct scene *s)
{
	return (_Atomic uint32_t *)(void *)cache_block(s->copy.c, 1);
}

static void wait_for_head(struct scene *s)
{
	struct cache_found found = s->wait;
	enum cache_state state;

	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
		_exit(77);
	raise(SIGSTOP);
	atomic_store(phase_of(s), 1);
	state = cache_state(&s->m.u[0], &found);
	atomic_store(phase_of(s), 2);
	if (state == CACHE_PROMISED)
		_exit(found.head != CACHE_NONE);
	_exit(state != CACHE_FILLING || found.head == CACHE_NONE || found.stored.status != 200);
}

/* Somebody waits for a head, which comes between two of his instructions: he
 * sees all of it or nothing. False: he was done before that. */
static bool comes_between(struct scene *s, uint32_t steps)
{
	int status;
	bool waits;
	long pid;

	atomic_store(phase_of(s), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		wait_for_head(s);
	assert_int_equal(waitpid((pid_t)pid, &status, 0), pid);
	if (WIFEXITED(status))
		skip(); /* not here */
	while (atomic_load(phase_of(s)) == 0 || (steps && atomic_load(phase_of(s)) == 1)) {
		steps -= atomic_load(phase_of(s));
		assert_int_equal(ptrace(PTRACE_SINGLESTEP, (pid_t)pid, NULL, NULL), 0);
		assert_int_equal(waitpid((pid_t)pid, &status, 0), pid);
	}
	waits = atomic_load(phase_of(s)) == 1;
	if (waits)
		assert_true(cache_fill_head(&s->m.u[1], &s->promise, &made_stored, SPAN(""), SPAN("9 " MADE_HEAD), 10, 0, 0));
	assert_int_equal(ptrace(PTRACE_CONT, (pid_t)pid, NULL, NULL), 0);
	assert_int_equal(waitpid((pid_t)pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	return waits;
}

static void news_between(void **state)
{
	static struct scene s;
	uint32_t steps = 0;
	bool waited = true;

	(void)state;
	for (; waited; steps++) {
		set(&s);
		waited = comes_between(&s, steps);
		free_scene(&s);
	}
	assert_true(steps > 15);
}

#define CRASH(name) static void in_##name(void **state) { (void)state; step_through(#name, name); }
CRASH(fill_known)
CRASH(fill_unknown)
CRASH(fill_refused)
CRASH(fill_broken)
CRASH(fill_too_long)
CRASH(replace)
CRASH(look)
CRASH(refresh)
CRASH(purge)
CRASH(give_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_fill_known),
		cmocka_unit_test(in_fill_unknown),
		cmocka_unit_test(in_fill_refused),
		cmocka_unit_test(in_fill_broken),
		cmocka_unit_test(in_fill_too_long),
		cmocka_unit_test(in_replace),
		cmocka_unit_test(in_look),
		cmocka_unit_test(in_refresh),
		cmocka_unit_test(in_purge),
		cmocka_unit_test(in_give_up),
		cmocka_unit_test(news_between),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

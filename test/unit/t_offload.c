/* SPDX-License-Identifier: MIT
 *
 * Does every job get its answer, and nothing else one? The process itself runs,
 * with two workers' sockets.
 */
#include "../../src/offload.h"
#include "../../platform/platform.h"
#include "block.h"

#include <unistd.h>

static int worker[2]; /* our ends */
static long process;

static int start(void **state)
{
	int pairs[2][2], theirs[2];

	(void)state;
	if (!platform_pair(pairs[0]) || !platform_pair(pairs[1]))
		return 1;
	process = platform_fork();
	if (process == 0) {
		theirs[0] = pairs[0][1];
		theirs[1] = pairs[1][1];
		platform_close(pairs[0][0]);
		platform_close(pairs[1][0]);
		_exit(offload_run(theirs, 2));
	}
	worker[0] = pairs[0][0];
	worker[1] = pairs[1][0];
	platform_close(pairs[0][1]);
	platform_close(pairs[1][1]);
	return process < 0;
}

/* It ends by itself when all workers have gone. */
static int stop(void **state)
{
	int64_t until = platform_now() + 10000;
	char room[64];
	struct text how = text_in(room, sizeof room);
	long pid = 0;

	(void)state;
	platform_close(worker[0]);
	platform_close(worker[1]);
	while (!platform_reap(&pid, &how) && platform_now() < until)
		platform_poll(NULL, 0, 5);
	if (pid == 0)
		platform_kill(process);
	return pid != process || !span_is(text_span(&how), SPAN("exit status 0"));
}

static struct offload_job job_for(uint32_t id, const char *name)
{
	struct offload_job job = {.id = id, .port = 8080};

	strcpy(job.name, name);
	return job;
}

static void put(int fd, const void *at, size_t len, int pass)
{
	struct watch w = {.fd = fd, .want = PLATFORM_OUT};

	assert_int_equal(platform_poll(&w, 1, 10000), 1);
	assert_true(platform_pair_send(fd, at, len, pass));
}

static void ask(int fd, uint32_t id, const char *name)
{
	struct offload_job job = job_for(id, name);

	put(fd, &job, sizeof job, -1);
}

static bool answered(int fd, int64_t ms)
{
	struct watch w = {.fd = fd, .want = PLATFORM_IN};

	return platform_poll(&w, 1, ms) == 1;
}

static struct offload_answer answer_of(int fd)
{
	struct offload_answer answer;
	int passed;

	assert_true(answered(fd, 10000));
	assert_int_equal(platform_pair_recv(fd, &answer, sizeof answer, &passed), sizeof answer);
	return answer;
}

static void answers(void **state)
{
	struct offload_answer a;

	(void)state;
	ask(worker[0], 77, "127.0.0.9");
	a = answer_of(worker[0]);
	assert_int_equal(a.id, 77);
	assert_int_equal(a.count, 1);
	assert_int_equal(a.addresses[0].family, NET_IP4);
	assert_int_equal(a.addresses[0].ip[3], 9);
	assert_int_equal(a.addresses[0].port, 8080);
	ask(worker[0], 78, "localhost");
	a = answer_of(worker[0]);
	assert_int_equal(a.id, 78);
	assert_in_range(a.count, 1, GW_ADDRESSES);
}

static void says_why_not(void **state)
{
	struct offload_answer a;

	(void)state;
	ask(worker[0], 5, "no..name");
	a = answer_of(worker[0]);
	assert_int_equal(a.id, 5);
	assert_int_equal(a.count, 0);
	assert_true(a.why[0]);
	assert_non_null(memchr(a.why, 0, sizeof a.why));
}

static void answers_whom_it_was_asked_by(void **state)
{
	uint32_t i;

	(void)state;
	for (i = 0; i < 30; i++) {
		ask(worker[0], i, "127.0.0.1");
		ask(worker[1], 1000 + i, "127.0.0.1");
	}
	for (i = 0; i < 30; i++) { /* in order, each to its own */
		assert_int_equal(answer_of(worker[1]).id, 1000 + i);
		assert_int_equal(answer_of(worker[0]).id, i);
	}
}

static void drops_what_is_no_job(void **state)
{
	struct {
		struct offload_job job;
		char more[64];
	} raw;
	size_t len;

	(void)state;
	memset(&raw, 'a', sizeof raw);
	put(worker[0], &raw.job, sizeof raw.job, -1); /* the name does not end */
	raw.job = job_for(1, "127.0.0.1");
	for (len = 1; len < sizeof raw; len++)
		if (len != sizeof raw.job)
			put(worker[0], &raw, len, -1);
	ask(worker[0], 2, "");
	put(worker[0], &raw.job, sizeof raw.job, worker[1]); /* descriptors are closed */
	assert_int_equal(answer_of(worker[0]).id, 1);
	assert_false(answered(worker[0], 20));
}

static void one_worker_left(void **state)
{
	(void)state;
	platform_close(worker[0]);
	worker[0] = -1;
	ask(worker[1], 3, "127.0.0.1");
	assert_int_equal(answer_of(worker[1]).id, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers),
		cmocka_unit_test(says_why_not),
		cmocka_unit_test(answers_whom_it_was_asked_by),
		cmocka_unit_test(drops_what_is_no_job),
		cmocka_unit_test(one_worker_left),
	};

	return cmocka_run_group_tests(tests, start, stop);
}

/* SPDX-License-Identifier: MIT
 *
 * Does every job get its answer, and nothing else one? The process itself runs,
 * with two workers' sockets.
 */
#include "../../src/offload.h"
#include "../../platform/platform.h"
#include "block.h"

#include <sys/resource.h>
#include <unistd.h>

static int worker[2]; /* our ends */
static long process;

static int start_with(int (*run)(const int *sockets, int count))
{
	int pairs[2][2], theirs[2];

	if (!platform_pair(pairs[0]) || !platform_pair(pairs[1]))
		return 1;
	process = platform_fork();
	if (process == 0) {
		theirs[0] = pairs[0][1];
		theirs[1] = pairs[1][1];
		platform_close(pairs[0][0]);
		platform_close(pairs[1][0]);
		_exit(run(theirs, 2));
	}
	worker[0] = pairs[0][0];
	worker[1] = pairs[1][0];
	platform_close(pairs[0][1]);
	platform_close(pairs[1][1]);
	return process < 0;
}

static int start(void **state)
{
	(void)state;
	return start_with(offload_run);
}

static int start_passwords(void **state)
{
	(void)state;
	return start_with(offload_run_passwords);
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

/* --- passwords ------------------------------------------------------------------------ */

/* Of "right". */
#define APR1 "$apr1$saltsalt$S.4SHjbjuljtTxlMAnDS//"
#define TAIL "r4j7z8gOqxO9zYH/VSQ4MPgAu/GTg0.tIK5o0K3dXowoILt/JRmXmiqFa26mKioMH3Fwhg6qaU0XTibPpoJ8z." /* of nothing that is asked here */

static struct offload_password_job password_job(uint32_t id, const char *hash, const char *password)
{
	struct offload_password_job job;

	memset(&job, 0, sizeof job);
	job.id = id;
	job.hash_len = (uint16_t)strlen(hash);
	job.password_len = (uint16_t)strlen(password);
	memcpy(job.hash, hash, job.hash_len);
	memcpy(job.password, password, job.password_len);
	return job;
}

static void ask_password(int fd, uint32_t id, const char *hash, const char *password)
{
	struct offload_password_job job = password_job(id, hash, password);

	put(fd, &job, sizeof job, -1);
}

static void assert_verdict(int fd, uint32_t id, bool right)
{
	struct offload_password_answer answer;
	int passed;

	assert_true(answered(fd, 60000));
	assert_int_equal(platform_pair_recv(fd, &answer, sizeof answer, &passed), sizeof answer);
	assert_int_equal(answer.id, id);
	assert_int_equal(answer.right, right);
}

static void knows_right_from_wrong(void **state)
{
	(void)state;
	ask_password(worker[0], 1, APR1, "right");
	ask_password(worker[0], 2, APR1, "wrong");
	ask_password(worker[1], 3, APR1, "");
	ask_password(worker[1], 4, APR1, "right");
	assert_verdict(worker[0], 1, true);
	assert_verdict(worker[0], 2, false);
	assert_verdict(worker[1], 3, false);
	assert_verdict(worker[1], 4, true);
}

/* Hashes that are none, or would take for ever, have no password; all bytes of a
 * job that may be there are looked at, and no other. */
static void answers_to_any_hash(void **state)
{
	struct offload_password_job job;

	(void)state;
	ask_password(worker[0], 1, "", "");
	ask_password(worker[0], 2, "right", "right");
	ask_password(worker[0], 3, "$6$rounds=999999999$saltsalt$" TAIL, "right");
	ask_password(worker[0], 4, "$2b$31$abcdefghijklmnopqrstuuabcdefghijklmnopqrstuvwxyz01234", "right");
	job = password_job(5, "$y$", "");
	job.hash_len = sizeof job.hash;
	job.password_len = sizeof job.password;
	memset(job.hash + 3, 'j', sizeof job.hash - 3);
	memset(job.password, 'p', sizeof job.password);
	put(worker[0], &job, sizeof job, -1);
	job = password_job(6, APR1, "right");
	job.password_len++; /* a zero byte */
	put(worker[0], &job, sizeof job, -1);
	for (uint32_t id = 1; id <= 6; id++)
		assert_verdict(worker[0], id, false);
}

static void drops_what_is_no_password_job(void **state)
{
	static const uint16_t lengths[][2] = {{PASSWORD_HASH + 1, 1}, {1, PASSWORD_MOST + 1}, {0xffff, 0xffff}};
	struct {
		struct offload_password_job job;
		char more[64];
	} raw;

	(void)state;
	memset(&raw, 'a', sizeof raw);
	put(worker[0], &raw.job, sizeof raw.job, -1);
	for (size_t i = 0; i < COUNT(lengths); i++) {
		raw.job = password_job(1, APR1, "right");
		raw.job.hash_len = lengths[i][0];
		raw.job.password_len = lengths[i][1];
		put(worker[0], &raw.job, sizeof raw.job, -1);
	}
	raw.job = password_job(1, APR1, "right");
	for (size_t len = 1; len < sizeof raw; len++)
		if (len != sizeof raw.job)
			put(worker[0], &raw, len, -1);
	put(worker[0], &raw.job, sizeof raw.job, worker[1]); /* descriptors are closed */
	assert_verdict(worker[0], 1, true);
	assert_false(answered(worker[0], 20));
}

/* Dear jobs of one worker do not keep another waiting until all are done. */
static void takes_turns(void **state)
{
	enum { DEAR = 8 };
	uint32_t id = 0;

	(void)state;
	for (; id < DEAR; id++)
		ask_password(worker[0], id, "$6$rounds=50000$saltsalt$" TAIL, "wrong");
	ask_password(worker[1], 99, APR1, "right");
	assert_verdict(worker[1], 99, true);
	for (id = 0; answered(worker[0], 0); id++)
		assert_verdict(worker[0], id, false);
	assert_in_range(id, 0, DEAR - 1);
	for (; id < DEAR; id++)
		assert_verdict(worker[0], id, false);
}

/* The one who asked for what takes long has gone when it is answered. */
static void outlives_who_asked(void **state)
{
	(void)state;
	ask_password(worker[0], 1, "$6$rounds=20000$saltsalt$" TAIL, "wrong");
	ask_password(worker[0], 2, APR1, "wrong");
	platform_close(worker[0]);
	worker[0] = -1;
	ask_password(worker[1], 3, APR1, "right");
	assert_verdict(worker[1], 3, true);
}

static void gives_way(void **state)
{
	(void)state;
	ask_password(worker[1], 1, APR1, "right");
	assert_verdict(worker[1], 1, true);
	assert_true(getpriority(PRIO_PROCESS, (id_t)process) >= 10);
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
	const struct CMUnitTest passwords[] = {
		cmocka_unit_test(knows_right_from_wrong),
		cmocka_unit_test(answers_to_any_hash),
		cmocka_unit_test(drops_what_is_no_password_job),
		cmocka_unit_test(takes_turns),
		cmocka_unit_test(outlives_who_asked),
		cmocka_unit_test(gives_way),
	};

	return cmocka_run_group_tests(tests, start, stop) + cmocka_run_group_tests(passwords, start_passwords, stop);
}

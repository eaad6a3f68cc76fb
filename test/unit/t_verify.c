/* SPDX-License-Identifier: MIT
 *
 * Is a password right only when that very password was said to be, and is it
 * asked once?
 */
#include "../../src/verify.h"
#include "../../platform/platform.h"
#include "block.h"

#include <unistd.h>

#define NOW ((int64_t)1000000)

struct asker {
	struct verify v;
	int process; /* the other end: we are the password process */
};

static void open_asker(struct asker *a)
{
	int pair[2];

	assert_true(platform_pair(pair));
	assert_true(verify_init(&a->v, pair[0]));
	a->process = pair[1];
}

static void close_asker(struct asker *a)
{
	platform_close(a->v.passwords);
	platform_close(a->process);
}

static struct verify_tag tag_of(const struct asker *a, const char *name, const char *hash, const char *password)
{
	struct verify_tag tag;

	verify_tag(&a->v, &tag, span_str(name), span_str(hash), span_str(password));
	return tag;
}

/* As who logs in does: the password is its own name. */
static bool ask(struct asker *a, const char *password, int64_t now)
{
	struct verify_tag tag = tag_of(a, "alice", "$5$hash", password);

	return verify_ask(&a->v, &tag, SPAN("$5$hash"), span_str(password), now);
}

static enum verdict look(const struct asker *a, const char *password, int64_t now)
{
	struct verify_tag tag = tag_of(a, "alice", "$5$hash", password);

	return verify_look(&a->v, &tag, now);
}

static bool has_job(const struct asker *a)
{
	struct watch w = {.fd = a->process, .want = PLATFORM_IN};

	return platform_poll(&w, 1, 0) == 1;
}

static struct offload_password_job next_job(const struct asker *a)
{
	struct offload_password_job job;
	int passed;

	assert_int_equal(platform_pair_recv(a->process, &job, sizeof job, &passed), sizeof job);
	return job;
}

static void answer(const struct asker *a, uint32_t id, uint32_t right)
{
	struct offload_password_answer said = {.id = id, .right = right};

	assert_true(platform_pair_send(a->process, &said, sizeof said, -1));
}

static void numbered(char room[32], int number)
{
	struct text t = text_in(room, 31);

	text_format(&t, "password %d", number);
	room[t.len] = 0;
}

/* --- tags -------------------------------------------------------------------------- */

static void tags(void **state)
{
	struct asker a, b;
	struct verify_tag tag, same, others[6];
	size_t i;

	(void)state;
	open_asker(&a);
	open_asker(&b);
	tag = tag_of(&a, "alice", "hash", "secret");
	same = tag_of(&a, "alice", "hash", "secret");
	assert_memory_equal(&tag, &same, sizeof tag);
	others[0] = tag_of(&a, "alicf", "hash", "secret");
	others[1] = tag_of(&a, "alice", "hasi", "secret");
	others[2] = tag_of(&a, "alice", "hash", "secre");
	others[3] = tag_of(&a, "aliceh", "ash", "secret");
	others[4] = tag_of(&a, "alice", "hashs", "ecret");
	others[5] = tag_of(&b, "alice", "hash", "secret"); /* nobody else can make it */
	for (i = 0; i < COUNT(others); i++)
		assert_memory_not_equal(&tag, &others[i], sizeof tag);
	assert_int_not_equal(a.v.id, b.v.id);
	close_asker(&a);
	close_asker(&b);
}

/* A tag that was never made is not known, whatever it is. */
static void nothing_is_known_at_first(void **state)
{
	static const struct verify_tag zero;
	struct asker a;

	(void)state;
	open_asker(&a);
	assert_int_equal(verify_look(&a.v, &zero, NOW), VERIFY_UNKNOWN);
	assert_int_equal(look(&a, "secret", NOW), VERIFY_UNKNOWN);
	assert_false(verify_answered(&a.v));
	close_asker(&a);
}

/* --- a job and its answer -------------------------------------------------------------- */

static void asks_and_learns(void **state)
{
	struct offload_password_job job;
	struct asker a;

	(void)state;
	open_asker(&a);
	assert_true(ask(&a, "secret", NOW));
	assert_int_equal(look(&a, "secret", NOW), VERIFY_ASKED);
	assert_int_equal(look(&a, "other", NOW), VERIFY_UNKNOWN);
	job = next_job(&a);
	assert_true(span_is(span_of(job.hash, job.hash_len), SPAN("$5$hash")));
	assert_true(span_is(span_of(job.password, job.password_len), SPAN("secret")));
	assert_false(verify_answered(&a.v));
	answer(&a, job.id, 1);
	assert_true(verify_answered(&a.v));
	assert_false(verify_answered(&a.v));
	assert_int_equal(look(&a, "secret", NOW), VERIFY_RIGHT);
	assert_true(ask(&a, "other", NOW));
	answer(&a, next_job(&a).id, 0);
	assert_true(verify_answered(&a.v));
	assert_int_equal(look(&a, "other", NOW), VERIFY_WRONG);
	assert_int_equal(look(&a, "secret", NOW + 1000 * VERIFY_MS), VERIFY_RIGHT);
	assert_int_equal(look(&a, "third", NOW), VERIFY_UNKNOWN);
	close_asker(&a);
}

static void asked_once(void **state)
{
	struct asker a;
	int i;

	(void)state;
	open_asker(&a);
	for (i = 0; i < 100; i++)
		assert_true(ask(&a, "secret", NOW + i));
	next_job(&a);
	assert_false(has_job(&a));
	close_asker(&a);
}

/* All jobs of a worker fit between two turns of the process, and no more are taken. */
static void no_more_than_enough(void **state)
{
	struct asker a;
	char password[32];
	int i;

	(void)state;
	open_asker(&a);
	for (i = 0; i < VERIFY_JOBS; i++) {
		numbered(password, i);
		assert_true(verify_has_place(&a.v, 0, NOW));
		assert_int_equal(verify_has_place(&a.v, 4, NOW), i + 4 < VERIFY_JOBS);
		assert_true(ask(&a, password, NOW));
	}
	assert_false(verify_has_place(&a.v, 0, NOW));
	assert_false(ask(&a, "one more", NOW));
	assert_true(ask(&a, "password 3", NOW)); /* it is asked already */
	answer(&a, next_job(&a).id, 0);
	assert_true(verify_answered(&a.v));
	assert_true(verify_has_place(&a.v, 0, NOW));
	assert_true(ask(&a, "one more", NOW));
	assert_false(ask(&a, "and one", NOW));
	close_asker(&a);
}

static void passwords_of_all_lengths(void **state)
{
	struct offload_password_job job;
	struct verify_tag tag;
	struct asker a;
	char bytes[PASSWORD_MOST + 40];
	size_t len;

	(void)state;
	open_asker(&a);
	memset(bytes, 'x', sizeof bytes);
	for (len = 0; len <= sizeof bytes; len++) {
		struct span password = block_of(span_of(bytes, len)), hash = block_of(span_of(bytes, len < PASSWORD_HASH ? len : 0));

		verify_tag(&a.v, &tag, SPAN("alice"), hash, password);
		assert_true(verify_ask(&a.v, &tag, hash, password, NOW));
		job = next_job(&a);
		assert_true(span_is(span_of(job.hash, job.hash_len), hash));
		if (len <= PASSWORD_MOST)
			assert_true(span_is(span_of(job.password, job.password_len), password));
		else /* a zero byte, which is wrong */
			assert_true(job.password_len == 1 && job.password[0] == 0);
		answer(&a, job.id, 0);
		assert_true(verify_answered(&a.v));
		block_free(password);
		block_free(hash);
	}
	assert_false(verify_ask(&a.v, &tag, span_of(bytes, PASSWORD_HASH), SPAN("x"), NOW));
	assert_false(has_job(&a));
	close_asker(&a);
}

/* --- answers that are none ---------------------------------------------------------------- */

static void other_ids_are_dropped(void **state)
{
	struct asker a;
	uint32_t id;

	(void)state;
	open_asker(&a);
	answer(&a, 0, 1);
	answer(&a, a.v.id, 1);
	answer(&a, a.v.id + 1, 1);
	assert_false(verify_answered(&a.v));
	assert_true(ask(&a, "secret", NOW));
	id = next_job(&a).id;
	answer(&a, id - 1, 1);
	answer(&a, id + 1, 1);
	answer(&a, 0, 1);
	assert_false(verify_answered(&a.v));
	assert_int_equal(look(&a, "secret", NOW), VERIFY_ASKED);
	answer(&a, id, 0);
	answer(&a, id, 1); /* once is enough */
	assert_true(verify_answered(&a.v));
	assert_int_equal(look(&a, "secret", NOW), VERIFY_WRONG);
	assert_true(verify_has_place(&a.v, 0, NOW));
	close_asker(&a);
}

/* Nothing but 1 says that it is right. */
static void other_words_are_no(void **state)
{
	static const uint32_t words[] = {0, 3, 256, 0xffffffff};
	struct asker a;
	char password[32];
	size_t i;

	(void)state;
	open_asker(&a);
	for (i = 0; i < COUNT(words); i++) {
		numbered(password, (int)i);
		assert_true(ask(&a, password, NOW));
		answer(&a, next_job(&a).id, words[i]);
		assert_true(verify_answered(&a.v));
		assert_int_equal(look(&a, password, NOW), VERIFY_WRONG);
	}
	close_asker(&a);
}

/* What could not be computed is neither right nor wrong: it may be asked again. */
static void what_failed_is_unknown(void **state)
{
	struct asker a;

	(void)state;
	open_asker(&a);
	assert_true(ask(&a, "secret", NOW));
	assert_int_equal(look(&a, "secret", NOW), VERIFY_ASKED);
	answer(&a, next_job(&a).id, 2);
	assert_true(verify_answered(&a.v));
	assert_int_equal(look(&a, "secret", NOW), VERIFY_UNKNOWN);
	assert_true(verify_has_place(&a.v, VERIFY_JOBS - 1, NOW));
	assert_true(ask(&a, "secret", NOW));
	answer(&a, next_job(&a).id, 1);
	assert_true(verify_answered(&a.v));
	assert_int_equal(look(&a, "secret", NOW), VERIFY_RIGHT);
	close_asker(&a);
}

static void other_lengths_are_dropped(void **state)
{
	struct {
		struct offload_password_answer answer;
		char more[8];
	} raw = {{0, 1}, {0}};
	struct asker a;
	size_t len;
	int before[2], after[2];

	(void)state;
	open_asker(&a);
	assert_true(platform_pair(before));
	platform_close(before[0]);
	platform_close(before[1]);
	assert_true(ask(&a, "secret", NOW));
	raw.answer.id = next_job(&a).id;
	for (len = 1; len <= sizeof raw; len++)
		if (len != sizeof raw.answer)
			assert_true(platform_pair_send(a.process, &raw, len, -1));
	assert_false(verify_answered(&a.v));
	assert_int_equal(look(&a, "secret", NOW), VERIFY_ASKED);
	assert_true(platform_pair_send(a.process, &raw, sizeof raw.answer, a.process)); /* descriptors are closed */
	assert_true(verify_answered(&a.v));
	assert_int_equal(look(&a, "secret", NOW), VERIFY_RIGHT);
	assert_true(platform_pair(after));
	assert_memory_equal(before, after, sizeof before);
	platform_close(after[0]);
	platform_close(after[1]);
	close_asker(&a);
}

static void nobody_to_ask(void **state)
{
	struct asker a;

	(void)state;
	assert_true(verify_init(&a.v, -1));
	assert_false(ask(&a, "secret", NOW));
	assert_int_equal(look(&a, "secret", NOW), VERIFY_UNKNOWN);
	assert_false(verify_answered(&a.v));
	open_asker(&a);
	platform_close(a.process);
	assert_false(ask(&a, "secret", NOW));
	assert_false(verify_answered(&a.v));
	assert_true(verify_has_place(&a.v, 0, NOW));
	platform_close(a.v.passwords);
}

/* --- time ------------------------------------------------------------------------------------ */

static void not_answered_in_time(void **state)
{
	struct asker a;
	uint32_t first;

	(void)state;
	open_asker(&a);
	assert_true(ask(&a, "secret", NOW));
	first = next_job(&a).id;
	assert_int_equal(look(&a, "secret", NOW + VERIFY_MS - 1), VERIFY_ASKED);
	assert_int_equal(look(&a, "secret", NOW + VERIFY_MS), VERIFY_UNKNOWN);
	assert_true(ask(&a, "secret", NOW + VERIFY_MS)); /* once more */
	assert_int_equal(look(&a, "secret", NOW + VERIFY_MS), VERIFY_ASKED);
	assert_int_not_equal(next_job(&a).id, first);
	answer(&a, first, 1); /* late, but of this very password */
	verify_answered(&a.v);
	assert_int_equal(look(&a, "secret", NOW + VERIFY_MS), VERIFY_RIGHT);
	close_asker(&a);
}

/* The place is another job's by then: its answer must not be taken for that one. */
static void too_late(void **state)
{
	uint32_t ids[VERIFY_JOBS];
	struct asker a;
	char password[32];
	int i;

	(void)state;
	open_asker(&a);
	for (i = 0; i < VERIFY_JOBS; i++) {
		numbered(password, i);
		assert_true(ask(&a, password, NOW));
		ids[i] = next_job(&a).id;
	}
	for (i = 0; i < VERIFY_JOBS; i++) {
		numbered(password, 100 + i);
		assert_true(ask(&a, password, NOW + VERIFY_MS));
	}
	assert_false(verify_has_place(&a.v, 0, NOW + VERIFY_MS));
	for (i = 0; i < VERIFY_JOBS; i++)
		answer(&a, ids[i], 1);
	assert_false(verify_answered(&a.v));
	for (i = 0; i < VERIFY_JOBS; i++) {
		numbered(password, i);
		assert_int_equal(look(&a, password, NOW + VERIFY_MS), VERIFY_UNKNOWN);
		numbered(password, 100 + i);
		assert_int_equal(look(&a, password, NOW + VERIFY_MS), VERIFY_ASKED);
	}
	close_asker(&a);
}

/* --- what is kept ----------------------------------------------------------------------------- */

static void rings(void **state)
{
	struct asker a;
	char password[32];
	int right, kept, i, k;

	(void)state;
	for (right = 0; right <= 1; right++) {
		kept = right ? VERIFY_RIGHT_KEPT : VERIFY_WRONG_KEPT;
		open_asker(&a);
		assert_true(ask(&a, "of the other ring", NOW));
		answer(&a, next_job(&a).id, !right);
		for (i = 0; i < 3 * kept; i++) {
			numbered(password, i);
			assert_true(ask(&a, password, NOW));
			answer(&a, next_job(&a).id, (uint32_t)right);
			assert_true(verify_answered(&a.v));
			for (k = 0; k <= i; k++) {
				numbered(password, k);
				assert_int_equal(look(&a, password, NOW), k + kept <= i ? VERIFY_UNKNOWN : right ? VERIFY_RIGHT : VERIFY_WRONG);
			}
		}
		assert_int_equal(look(&a, "of the other ring", NOW), right ? VERIFY_WRONG : VERIFY_RIGHT);
		close_asker(&a);
	}
}

/* --- with the process itself ---------------------------------------------------------------------- */

static void await(struct verify *v)
{
	struct watch w = {.fd = v->passwords, .want = PLATFORM_IN};

	do
		assert_int_equal(platform_poll(&w, 1, 20000), 1);
	while (!verify_answered(v));
}

static void a_real_one(void **state)
{
	static const unsigned char salt[16] = "sixteen bytes of";
	struct text hash = block_text(PASSWORD_HASH);
	struct verify_tag right, wrong, long_one;
	char room[64], bytes[PASSWORD_MOST + 1];
	struct text how = text_in(room, sizeof room);
	struct span name = SPAN("alice"), h;
	struct verify v;
	int pair[2];
	long pid, ended;

	(void)state;
	memset(bytes, 'x', sizeof bytes);
	assert_true(password_make(&hash, span_of(bytes, PASSWORD_MOST), salt));
	h = text_span(&hash);
	assert_true(platform_pair(pair));
	pid = platform_fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		platform_close(pair[0]);
		_exit(offload_run_passwords(&pair[1], 1));
	}
	platform_close(pair[1]);
	assert_true(verify_init(&v, pair[0]));
	verify_tag(&v, &right, name, h, span_of(bytes, PASSWORD_MOST));
	verify_tag(&v, &wrong, name, h, span_of(bytes, 5));
	verify_tag(&v, &long_one, name, h, span_of(bytes, sizeof bytes));
	assert_true(verify_ask(&v, &right, h, span_of(bytes, PASSWORD_MOST), NOW));
	assert_true(verify_ask(&v, &wrong, h, span_of(bytes, 5), NOW));
	assert_true(verify_ask(&v, &long_one, h, span_of(bytes, sizeof bytes), NOW));
	while (verify_look(&v, &long_one, NOW) == VERIFY_ASKED)
		await(&v);
	assert_int_equal(verify_look(&v, &right, NOW), VERIFY_RIGHT);
	assert_int_equal(verify_look(&v, &wrong, NOW), VERIFY_WRONG);
	assert_int_equal(verify_look(&v, &long_one, NOW), VERIFY_WRONG);
	platform_close(pair[0]);
	while (!platform_reap(&ended, &how))
		platform_poll(NULL, 0, 2);
	assert_int_equal(ended, pid);
	free(hash.at);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tags),
		cmocka_unit_test(nothing_is_known_at_first),
		cmocka_unit_test(asks_and_learns),
		cmocka_unit_test(asked_once),
		cmocka_unit_test(no_more_than_enough),
		cmocka_unit_test(passwords_of_all_lengths),
		cmocka_unit_test(other_ids_are_dropped),
		cmocka_unit_test(other_words_are_no),
		cmocka_unit_test(what_failed_is_unknown),
		cmocka_unit_test(other_lengths_are_dropped),
		cmocka_unit_test(nobody_to_ask),
		cmocka_unit_test(not_answered_in_time),
		cmocka_unit_test(too_late),
		cmocka_unit_test(rings),
		cmocka_unit_test(a_real_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * verify - is this the right password, as far as we know by now?
 */
#include "verify.h"
#include "../platform/platform.h"

_Static_assert((VERIFY_RIGHT_KEPT & (VERIFY_RIGHT_KEPT - 1)) == 0 && (VERIFY_WRONG_KEPT & (VERIFY_WRONG_KEPT - 1)) == 0,
	       "a count that begins anew goes on at the ring's start");

bool verify_init(struct verify *v, int passwords)
{
	if (!GW_HAS(AUTH))
		return true;
	memset(v, 0, sizeof *v);
	v->passwords = passwords;
	/* Answers to a worker before us may still come: nobody can tell our ids from its. */
	return platform_random(v->key, sizeof v->key) && platform_random(&v->id, sizeof v->id);
}

void verify_tag(const struct verify *v, struct verify_tag *tag, struct span name, struct span hash, struct span password)
{
	const struct span parts[] = {name, hash, password};

	session_tag(tag->bytes, v->key, parts, sizeof parts / sizeof parts[0]);
}

/* In a ring that so many went into. */
static bool has(const struct verify_tag *ring, uint32_t places, uint32_t count, const struct verify_tag *tag)
{
	uint32_t i;

	for (i = 0; i < places && i < count; i++)
		if (session_same_tag(ring[i].bytes, tag->bytes))
			return true;
	return false;
}

static const struct verify_job *pending(const struct verify *v, const struct verify_tag *tag, int64_t now)
{
	int i;

	for (i = 0; i < VERIFY_JOBS; i++)
		if (v->jobs[i].until > now && session_same_tag(v->jobs[i].tag.bytes, tag->bytes))
			return &v->jobs[i];
	return NULL;
}

enum verdict verify_look(const struct verify *v, const struct verify_tag *tag, int64_t now)
{
	if (has(v->right, VERIFY_RIGHT_KEPT, v->right_count, tag))
		return VERIFY_RIGHT;
	if (has(v->wrong, VERIFY_WRONG_KEPT, v->wrong_count, tag))
		return VERIFY_WRONG;
	return pending(v, tag, now) ? VERIFY_ASKED : VERIFY_UNKNOWN;
}

static bool send_job(const struct verify *v, uint32_t id, struct span hash, struct span password)
{
	struct offload_password_job job;
	bool sent;

	if (hash.len >= sizeof job.hash)
		return false;
	memset(&job, 0, sizeof job);
	job.id = id;
	job.hash_len = (uint16_t)hash.len;
	memcpy(job.hash, hash.at, hash.len);
	if (password.len > sizeof job.password) {
		job.password_len = 1; /* a zero byte is as wrong, and as quickly so */
	} else {
		job.password_len = (uint16_t)password.len;
		if (password.len)
			memcpy(job.password, password.at, password.len);
	}
	sent = platform_pair_send(v->passwords, &job, sizeof job, -1);
	span_wipe(&job, sizeof job);
	return sent;
}

/* Of those that nobody waits for any more the one whose answer is least likely to
 * come: VERIFY_JOBS if there is none. */
static int free_place(const struct verify *v, int64_t now)
{
	int i, best = VERIFY_JOBS;

	for (i = 0; i < VERIFY_JOBS; i++)
		if (v->jobs[i].until <= now && (best == VERIFY_JOBS || v->jobs[i].until < v->jobs[best].until))
			best = i;
	return best;
}

bool verify_has_place(const struct verify *v, unsigned spare, int64_t now)
{
	unsigned free = 0;

	for (int i = 0; i < VERIFY_JOBS; i++)
		free += v->jobs[i].until <= now;
	return free > spare;
}

bool verify_ask(struct verify *v, const struct verify_tag *tag, struct span hash, struct span password, int64_t now)
{
	int place = free_place(v, now);

	if (pending(v, tag, now))
		return true;
	if (place == VERIFY_JOBS || !send_job(v, v->id + 1, hash, password))
		return false;
	v->jobs[place] = (struct verify_job){.tag = *tag, .id = ++v->id, .until = now + VERIFY_MS};
	return true;
}

/* An answer that comes too late is still true. */
static bool learn(struct verify *v, const struct offload_password_answer *answer)
{
	int i;

	for (i = 0; i < VERIFY_JOBS; i++) {
		struct verify_job *job = &v->jobs[i];

		if (job->until == 0 || job->id != answer->id)
			continue;
		if (answer->right == 1)
			v->right[v->right_count++ % VERIFY_RIGHT_KEPT] = job->tag;
		else if (answer->right != 2) /* of that nothing is known */
			v->wrong[v->wrong_count++ % VERIFY_WRONG_KEPT] = job->tag;
		memset(job, 0, sizeof *job);
		return true;
	}
	return false;
}

bool verify_answered(struct verify *v)
{
	struct {
		struct offload_password_answer answer;
		char more; /* a datagram that reaches this is too long */
	} room;
	bool any = false;
	int passed;
	long len;

	if (!GW_HAS(AUTH))
		return false;
	while ((len = platform_pair_recv(v->passwords, &room, sizeof room, &passed)) > 0) {
		platform_close(passed);
		if (len == (long)sizeof room.answer && learn(v, &room.answer))
			any = true;
	}
	return any;
}

/* SPDX-License-Identifier: MIT
 *
 * offload - the processes that do what would block: looking up names, and hashing
 * passwords.
 *
 * Workers are not trusted: they talk to strangers. A job that is not one is
 * dropped.
 */
#include "offload.h"
#include "../platform/platform.h"

enum { ANSWER_MS = 1000 }; /* a worker that takes no answer for so long gets none */

static void send_answer(int fd, const void *answer, size_t len)
{
	struct watch room = {.fd = fd, .want = PLATFORM_OUT};

	if (platform_poll(&room, 1, ANSWER_MS) == 1)
		platform_pair_send(fd, answer, len, -1);
}

/* The next datagram; what it hands over is closed. False: the socket is closed. */
static bool next_job(int fd, void *at, size_t size, long *len)
{
	int passed;

	*len = platform_pair_recv(fd, at, size, &passed);
	platform_close(passed);
	return *len != 0 && *len != PLATFORM_BROKEN;
}

/* --- names -------------------------------------------------------------------------- */

static bool is_job(const struct offload_job *job, long len)
{
	return len == (long)sizeof *job && job->name[0] && memchr(job->name, 0, sizeof job->name);
}

static void add_why(struct offload_answer *answer, const char *why)
{
	size_t len = strlen(why);

	if (len >= sizeof answer->why)
		len = sizeof answer->why - 1;
	memcpy(answer->why, why, len);
}

static void resolve(int fd, const struct offload_job *job)
{
	struct offload_answer answer;
	const char *why = "";
	int count;

	memset(&answer, 0, sizeof answer);
	answer.id = job->id;
	count = platform_resolve(job->name, job->port, answer.addresses, GW_ADDRESSES, &why);
	answer.count = (uint32_t)count;
	if (count == 0)
		add_why(&answer, why);
	send_answer(fd, &answer, sizeof answer);
}

/* One job of one worker: the others get their turn. False: its socket is closed. */
static bool serve_name(int fd)
{
	struct {
		struct offload_job job;
		char more; /* a datagram that reaches this is too long */
	} room;
	long len;

	if (!next_job(fd, &room, sizeof room, &len))
		return false;
	if (is_job(&room.job, len))
		resolve(fd, &room.job);
	return true;
}

/* --- passwords ------------------------------------------------------------------------ */

static bool is_password_job(const struct offload_password_job *job, long len)
{
	return len == (long)sizeof *job && job->hash_len <= sizeof job->hash && job->password_len <= sizeof job->password;
}

static void look(int fd, const struct offload_password_job *job)
{
	struct offload_password_answer answer = {.id = job->id};

	switch (password_look(span_of(job->hash, job->hash_len), span_of(job->password, job->password_len))) {
	case PASSWORD_RIGHT: answer.right = 1; break;
	case PASSWORD_WRONG: answer.right = 0; break;
	case PASSWORD_FAILED: answer.right = 2; break;
	}
	send_answer(fd, &answer, sizeof answer);
}

static bool serve_password(int fd)
{
	struct {
		struct offload_password_job job;
		char more;
	} room;
	long len;
	bool open = next_job(fd, &room, sizeof room, &len);

	if (open && is_password_job(&room.job, len))
		look(fd, &room.job);
	span_wipe(&room, sizeof room);
	return open;
}

/* --- until all workers have gone --------------------------------------------------------- */

static int run(const int *sockets, int count, bool (*serve)(int fd))
{
	struct watch watches[GW_WORKERS];
	int open = 0, i;

	for (i = 0; i < count && i < GW_WORKERS; i++)
		if (sockets[i] >= 0)
			watches[open++] = (struct watch){.fd = sockets[i], .want = PLATFORM_IN};
	while (open > 0) {
		platform_poll(watches, (size_t)open, -1);
		for (i = open; i-- > 0;)
			if (watches[i].got && !serve(watches[i].fd))
				watches[i] = watches[--open];
	}
	return 0;
}

int offload_run(const int *sockets, int count)
{
	return run(sockets, count, serve_name);
}

int offload_run_passwords(const int *sockets, int count)
{
	platform_nice();
	return run(sockets, count, serve_password);
}

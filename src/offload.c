/* SPDX-License-Identifier: MIT
 *
 * offload - the process that does what would block: looking up names.
 *
 * Workers are not trusted: they talk to strangers. A job that is not one is
 * dropped.
 */
#include "offload.h"
#include "../platform/platform.h"

enum { ANSWER_MS = 1000 }; /* a worker that takes no answer for so long gets none */

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

static void send_answer(int fd, const struct offload_answer *answer)
{
	struct watch room = {.fd = fd, .want = PLATFORM_OUT};

	if (platform_poll(&room, 1, ANSWER_MS) == 1)
		platform_pair_send(fd, answer, sizeof *answer, -1);
}

static void work(int fd, const struct offload_job *job)
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
	send_answer(fd, &answer);
}

/* One job of one worker: the others get their turn. False: its socket is closed. */
static bool serve(int fd)
{
	struct {
		struct offload_job job;
		char more; /* a datagram that reaches this is too long */
	} room;
	int passed;
	long len = platform_pair_recv(fd, &room, sizeof room, &passed);

	platform_close(passed);
	if (len == 0 || len == PLATFORM_BROKEN)
		return false;
	if (is_job(&room.job, len))
		work(fd, &room.job);
	return true;
}

int offload_run(const int *sockets, int count)
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

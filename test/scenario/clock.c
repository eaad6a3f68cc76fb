/* SPDX-License-Identifier: MIT
 *
 * clock - what if time had gone on?
 *
 * To be loaded before the C library (LD_PRELOAD): all clocks of a program and of
 * its children are ahead by an offset that stands in the file CLOCK_FILE, where a
 * test changes it. Who waits in poll() then comes back at once, as if that time had
 * passed, and says so in the same file: see harness.Clock, which knows its layout.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { PROCESSES = 250, SLICE_MS = 5 };

static struct shared {
	_Atomic int64_t ahead;        /* ns */
	_Atomic uint32_t steps;       /* so often it was changed */
	uint32_t unused;
	struct {
		_Atomic uint32_t pid;     /* 0: free */
		_Atomic uint32_t steps;   /* as many of them had happened when it last began to wait */
	} process[PROCESSES];
} none, *shared = &none;

static int (*true_gettime)(clockid_t, struct timespec *);
static int (*true_poll)(struct pollfd *, nfds_t, int);

__attribute__((constructor)) static void begin(void)
{
	const char *name = getenv("CLOCK_FILE");
	int fd = name ? open(name, O_RDWR | O_CLOEXEC) : -1;
	void *at = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (at != MAP_FAILED)
		shared = at;
	if (fd >= 0)
		close(fd);
}

static void find(void)
{
	if (!true_gettime)
		true_gettime = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
	if (!true_poll)
		true_poll = (int (*)(struct pollfd *, nfds_t, int))dlsym(RTLD_NEXT, "poll");
}

int clock_gettime(clockid_t which, struct timespec *t)
{
	int64_t ns;
	int code;

	find();
	code = true_gettime(which, t);
	if (code != 0 || which == CLOCK_PROCESS_CPUTIME_ID || which == CLOCK_THREAD_CPUTIME_ID)
		return code;
	ns = t->tv_nsec + shared->ahead % 1000000000;
	t->tv_sec += (time_t)(shared->ahead / 1000000000 + ns / 1000000000);
	t->tv_nsec = (long)(ns % 1000000000);
	return 0;
}

time_t time(time_t *t)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (t)
		*t = now.tv_sec;
	return now.tv_sec;
}

int gettimeofday(struct timeval *restrict t, void *restrict zone)
{
	struct timespec now;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &now);
	t->tv_sec = now.tv_sec;
	t->tv_usec = (suseconds_t)(now.tv_nsec / 1000);
	return 0;
}

/* What this process has seen; NULL: there is no room. */
static _Atomic uint32_t *mine(void)
{
	uint32_t pid = (uint32_t)getpid();

	for (uint32_t i = 0; i < PROCESSES; i++) {
		uint32_t free = 0;

		if (shared->process[i].pid == pid || atomic_compare_exchange_strong(&shared->process[i].pid, &free, pid))
			return &shared->process[i].steps;
	}
	return NULL;
}

/* In slices, so that a step is noticed. */
int poll(struct pollfd *fds, nfds_t count, int ms)
{
	_Atomic uint32_t *seen = mine();
	uint32_t steps = shared->steps;
	int found;

	find();
	if (seen)
		*seen = steps;
	for (;;) {
		int slice = ms < 0 || ms > SLICE_MS ? SLICE_MS : ms;

		found = true_poll(fds, count, slice);
		if (found != 0 || shared->steps != steps)
			return found;
		if (ms >= 0 && (ms -= slice) <= 0)
			return 0;
	}
}

/* SPDX-License-Identifier: MIT
 *
 * linux - what Linux can do beyond POSIX: one call where others need three,
 * parking in epoll, splicing, and rights that cannot come back
 */
#define _GNU_SOURCE
#include "system.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <unistd.h>

const char *const system_log_paths[] = {"/dev/log", NULL};

int system_socket(int family, int type)
{
	return socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/* TCP_NODELAY comes from the listener. */
int system_accept(int listener, struct sockaddr *peer, socklen_t *len)
{
	return accept4(listener, peer, len, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

/* accept(2): errors that the connection had already are told here. */
bool system_accept_again(int error)
{
	switch (error) {
	case ECONNABORTED:
	case EPROTO:
	case ENOPROTOOPT:
	case ENETDOWN:
	case ENETUNREACH:
	case EHOSTDOWN:
	case EHOSTUNREACH:
	case ENONET:
	case EPERM: /* a firewall rule */
		return true;
	default:
		return false;
	}
}

void *system_memory(size_t bytes, bool shared)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | (shared ? MAP_SHARED : MAP_PRIVATE), -1, 0);

	return at == MAP_FAILED ? NULL : at;
}

void system_memory_free(void *at, size_t bytes)
{
	munmap(at, bytes);
}

bool system_groups(const char *user, gid_t gid)
{
	return (user ? initgroups(user, gid) : setgroups(1, &gid)) == 0;
}

void system_harden(void)
{
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

bool system_random(void *at, size_t len)
{
	char *to = at;
	ssize_t n;

	while (len) {
		n = getrandom(to, len, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		to += n;
		len -= (size_t)n;
	}
	return true;
}

/* Works for pipes and terminals; a socket refuses and takes MSG_DONTWAIT instead. */
int system_reopen(int fd)
{
	char path[32] = "";
	struct text t = text_in(path, sizeof path - 1);

	text_format(&t, "/proc/self/fd/%d", fd);
	return open(path, O_WRONLY | O_APPEND | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
}

/* --- splice ------------------------------------------------------------ */

enum { PIPE_SIZE = 1 << 18 };

bool platform_pipe_open(int ends[2])
{
	if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) < 0) {
		system_failed();
		return false;
	}
	/* A place in a pipe holds one piece of a packet: the 16 that there are at
	 * first are full too soon. It is a wish; where it is not granted, 16 do. */
	fcntl(ends[1], F_SETPIPE_SZ, PIPE_SIZE);
	return true;
}

static long move(int from, int to, size_t len)
{
	ssize_t n;

	do
		n = splice(from, NULL, to, NULL, len, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	while (n < 0 && errno == EINTR);
	return n >= 0 ? (long)n : system_failed();
}

long platform_pipe_fill(int from, int ends[2], size_t len)
{
	return move(from, ends[1], len);
}

long platform_pipe_drain(int ends[2], int to, size_t len)
{
	return move(ends[0], to, len);
}

/* --- parking ------------------------------------------------------------ */

int platform_park_open(void)
{
	int park = epoll_create1(EPOLL_CLOEXEC);

	if (park < 0)
		system_failed();
	return park;
}

/* EPOLLRDHUP: a peer that only says goodbye wakes us too. */
bool platform_park(int park, int fd, void *who)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data = {.ptr = who}};

	if (epoll_ctl(park, EPOLL_CTL_ADD, fd, &event) == 0)
		return true;
	system_failed();
	return false;
}

void platform_unpark(int park, int fd)
{
	struct epoll_event unused = {0};

	epoll_ctl(park, EPOLL_CTL_DEL, fd, &unused);
}

int platform_parked(int park, void **who, int count)
{
	struct epoll_event events[64];
	int found, i;

	if (count > 64)
		count = 64;
	found = epoll_wait(park, events, count, 0);
	for (i = 0; i < found; i++)
		who[i] = events[i].data.ptr;
	return found < 0 ? 0 : found;
}

/* --- processes ---------------------------------------------------------- */

/* To be called after the rights were dropped: that clears the wish. */
void platform_follow_parent(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
}

void platform_title(const char *title)
{
	prctl(PR_SET_NAME, title, 0, 0, 0);
}

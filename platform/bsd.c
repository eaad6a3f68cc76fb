/* SPDX-License-Identifier: MIT
 *
 * bsd - the same with what every Unix has: fcntl after the fact, no parking,
 * no splicing
 *
 * Also builds on Linux (PLATFORM=posix), where it is tested.
 */
#undef _POSIX_C_SOURCE /* MAP_ANON and setgroups are hidden behind it */
#undef _XOPEN_SOURCE
#define _DEFAULT_SOURCE
#define _DARWIN_C_SOURCE
#define __BSD_VISIBLE 1
#include "system.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/mman.h>
#include <unistd.h>

const char *const system_log_paths[] = {"/var/run/log", "/var/run/syslog", "/dev/log", NULL};

int system_socket(int family, int type)
{
	return system_mark(socket(family, type, 0));
}

/* Whether TCP_NODELAY is inherited differs: set it once more. On a Unix socket
 * that fails, and nobody minds. */
int system_accept(int listener, struct sockaddr *peer, socklen_t *len)
{
	int fd = accept(listener, peer, len), on = 1;

	if (fd < 0 || system_mark(fd) < 0)
		return -1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	return fd;
}

bool system_accept_again(int error)
{
	return error == ECONNABORTED || error == EPROTO || error == ENETDOWN || error == ENETUNREACH
	       || error == EHOSTUNREACH || error == EPERM;
}

void *system_memory(size_t bytes, bool shared)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_ANON | (shared ? MAP_SHARED : MAP_PRIVATE), -1, 0);

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
}

bool system_random(void *at, size_t len)
{
	(void)at, (void)len;
	return false;
}

int system_reopen(int fd)
{
	(void)fd;
	return -1;
}

bool platform_pipe_open(int ends[2])
{
	ends[0] = ends[1] = -1;
	return false;
}

long platform_pipe_fill(int from, int ends[2], size_t len)
{
	(void)from, (void)ends, (void)len;
	return PLATFORM_BROKEN;
}

long platform_pipe_drain(int ends[2], int to, size_t len)
{
	(void)ends, (void)to, (void)len;
	return PLATFORM_BROKEN;
}

int platform_park_open(void)
{
	return -1;
}

bool platform_park(int park, int fd, void *who)
{
	(void)park, (void)fd, (void)who;
	return false;
}

void platform_unpark(int park, int fd)
{
	(void)park, (void)fd;
}

int platform_parked(int park, void **who, int count)
{
	(void)park, (void)who, (void)count;
	return 0;
}

/* A worker sees its control pair end instead. */
void platform_follow_parent(void)
{
}

void platform_title(const char *title)
{
	(void)title;
}

/* SPDX-License-Identifier: MIT
 *
 * system - what posix*.c ask of linux.c or bsd.c, and of each other
 *
 * Only these files include this. What is not in POSIX.1-2008 is behind it, so
 * that posix*.c compile anywhere. Failures leave errno set.
 */
#ifndef SYSTEM_H
#define SYSTEM_H

#include "platform.h"

#include <sys/socket.h>
#include <sys/types.h>

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* SIGPIPE is ignored anyway, see platform_signals */
#endif
#ifndef MSG_DONTWAIT
#define MSG_DONTWAIT 0 /* poll was asked before */
#endif

/* As socket, accept and socketpair, but non-blocking and close-on-exec. An
 * accepted TCP connection has TCP_NODELAY. */
int system_socket(int family, int type);
int system_accept(int listener, struct sockaddr *peer, socklen_t *len);
/* Anonymous memory, NULL on failure. */
void *system_memory(size_t bytes, bool shared);
void system_memory_free(void *at, size_t bytes);
/* Supplementary groups: those of the user, or with NULL only gid. */
bool system_groups(const char *user, gid_t gid);
/* No exec gives rights back from here on. */
void system_harden(void);
bool system_random(void *at, size_t len); /* false: it has no call for that, or none that works */
/* What fd refers to, opened once more for writing without waiting; -1. */
int system_reopen(int fd);
/* Did this error of accept concern one connection only, now gone? */
bool system_accept_again(int error);
/* Keep errno for platform_why: WAIT, or BROKEN; -1; false. */
long system_failed(void);
int system_fail(void);
bool system_refuse(void);
const char *system_words(int error); /* lower case and for people */
enum { SYSTEM_NO_FILE = -1 }; /* an errno of our own: it is no regular file */
/* fcntl: non-blocking, close-on-exec; -1 (and fd closed) on failure. */
int system_mark(int fd);
/* Paths of the system log's socket, the first that is there is taken. */
extern const char *const system_log_paths[];

#endif

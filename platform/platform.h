/* SPDX-License-Identifier: MIT
 *
 * platform - what does this operating system do differently?
 *
 * errno, #ifdef and system headers stay behind this header. Descriptors made
 * here are non-blocking and close-on-exec. Calls that fail return -1 or false;
 * platform_why then says why in words.
 */
#ifndef PLATFORM_H
#define PLATFORM_H

#include "../src/net.h"

/* --- time ------------------------------------------------------------ */

int64_t platform_now(void);       /* monotonic ms; for deadlines */
int64_t platform_now_us(void);    /* monotonic us; for durations in logs */
int64_t platform_clock(void);     /* seconds since 1970 */

/* --- bytes in and out ------------------------------------------------- */

enum { PLATFORM_WAIT = -1, PLATFORM_BROKEN = -2 }; /* would block; failed for good */

struct piece { /* same layout as struct iovec; posix.c checks that */
	const void *at;
	size_t len;
};

/* Bytes moved, 0 at the end of the stream, or PLATFORM_WAIT / PLATFORM_BROKEN.
 * EINTR is handled inside. No SIGPIPE. */
long platform_recv(int fd, void *at, size_t len);
long platform_send(int fd, const struct piece *pieces, int count);
/* One byte ahead without taking it: 1 there is some, 0 end, WAIT nothing yet. */
long platform_peek(int fd);
/* Bytes ahead without taking them, as platform_recv. */
long platform_look(int fd, void *at, size_t len);
void platform_close(int fd);
/* We send no more; the peer sees the end of the stream. */
void platform_shutdown(int fd);
/* Closing will reset the connection instead of ending it in order. */
void platform_reset(int fd);

/* Plain bytes from socket to socket without touching them (Linux: splice
 * through a pipe). pipe_open: false where there is no such thing. */
bool platform_pipe_open(int pipe[2]);
long platform_pipe_fill(int from, int pipe[2], size_t len);
long platform_pipe_drain(int pipe[2], int to, size_t len);

/* --- connections ------------------------------------------------------ */

/* Prints why to *error on failure. Backlog 511, SO_REUSEADDR; with both, one
 * IPv6 socket takes IPv4 as well. An old Unix socket nobody answers on is
 * replaced. TCP_NODELAY is inherited by what it accepts where the system does that. */
int platform_listen(const struct net *address, const char *path, bool both, struct text *error);
/* The same at this path, for nobody but who we run as (mode 0600). */
int platform_listen_own(const char *path, struct text *error);
/* A connection, or PLATFORM_WAIT (none there) or PLATFORM_BROKEN (out of
 * descriptors or memory: stop accepting for a while). A connection that died
 * in the queue is passed over. */
int platform_accept(int listener, struct net *peer);
/* The address the client connected to. */
bool platform_local(int fd, struct net *address);
/* A connection that is being made (or is made already): a descriptor, or -1, or
 * PLATFORM_BROKEN when this process has no descriptor or memory for one. */
int platform_connect(const struct net *address, const char *path);
/* After it became writable: NULL, or why it failed. */
const char *platform_connected(int fd);
/* Words for the last failure of a call above. Static text. */
const char *platform_why(void);

/* --- waiting ----------------------------------------------------------- */

enum { PLATFORM_IN = 1, PLATFORM_OUT = 4 }; /* POLLIN, POLLOUT; posix.c checks that */

struct watch { /* same layout as struct pollfd; posix.c checks that */
	int fd;
	short want;
	short got; /* errors and hang-ups come as PLATFORM_IN | PLATFORM_OUT, and PLATFORM_GONE when both ways are dead */
};
enum { PLATFORM_GONE = 0x18 }; /* POLLERR | POLLHUP */

/* Waits at most ms (-1: for ever). Number of watches with something, 0 also on a signal. */
int platform_poll(struct watch *watches, size_t count, int64_t ms);

/* Parked descriptors: quiet ones that cost nothing a turn. On Linux an epoll
 * descriptor that is itself watched with PLATFORM_IN; -1 means this system has
 * none and the caller watches all itself. */
int platform_park_open(void);
bool platform_park(int park, int fd, void *who);
void platform_unpark(int park, int fd);
/* Those that have something, at most count; they stay parked. */
int platform_parked(int park, void **who, int count);

/* --- processes ---------------------------------------------------------- */

/* Anonymous memory, zeroed, a page is only there once it is touched; NULL. */
void *platform_memory(size_t bytes, bool shared);
/* Gives it back, in this process; NULL is fine. */
void platform_memory_free(void *at, size_t bytes);
/* Raises the limit of open descriptors to at least count. */
bool platform_descriptors(size_t count);
/* A pair of connected sockets that keep datagram boundaries. */
bool platform_pair(int pair[2]);
bool platform_pair_send(int fd, const void *at, size_t len, int pass); /* pass: a descriptor to hand over, or -1 */
long platform_pair_recv(int fd, void *at, size_t len, int *passed);    /* as platform_recv; *passed -1 when none */
/* Random bytes. False: the system has none, platform_why; then they will do for
 * identifiers and table seeds, but never for keys. */
bool platform_random(void *at, size_t len);
/* crypt(3), where this build has it (make CRYPT=): the hash of this password in the
 * manner of setting, zero-ended, in room. False: it has not, or does not know the scheme. */
bool platform_crypt(const char *password, const char *setting, char *room, size_t size);
/* Can it do what this hash or setting begins with ("$2b$")? Takes a moment, no more. */
bool platform_crypt_knows(const char *hash);
/* This process gives way to others. */
void platform_nice(void);
/* A line from the terminal, without echo, after the prompt; or from standard input when
 * that is no terminal (then without a prompt). Without its line end, zero-ended; the
 * length, PLATFORM_BROKEN: the end of input, too long, or interrupted. */
long platform_ask(const char *prompt, char *room, size_t size);
/* All of it to standard output or standard error; waits until they have it. */
enum platform_stream { PLATFORM_OUTPUT = 1, PLATFORM_ERROR = 2 };
bool platform_print(enum platform_stream to, struct span s);
/* Is standard input a terminal? */
bool platform_has_terminal(void);
/* Drops to user and group for good, all ids and groups. Names or numbers. NULL, or why not. */
const char *platform_become(const char *user, const char *group);
/* Are there such a user and group? NULL, or why not. */
const char *platform_knows(const char *user, const char *group);
/* This process ends when its parent does (Linux); otherwise nothing. */
void platform_follow_parent(void);
void platform_title(const char *title); /* process name in ps, where that is easy */
bool platform_is_root(void);
long platform_pid(void);

/* A new process: 0 in the child (where the signals below are ignored), its pid
 * in the parent, -1. */
long platform_fork(void);
/* One child that has ended, without waiting; how: "exit status 1", "signal 11
 * (segmentation fault)". */
bool platform_reap(long *pid, struct text *how);
void platform_kill(long pid); /* at once, it cannot refuse */
/* Is there such a process? One that has ended is there until its parent has reaped it, but not for that parent. */
bool platform_alive(uint32_t pid);
void platform_yield(void); /* another process may run first */

enum { PLATFORM_CHILD = 'c', PLATFORM_RELOAD = 'h', PLATFORM_STOP = 't', PLATFORM_REOPEN = 'u' };
/* From now on signals are letters on the descriptor that this returns: CHLD, HUP,
 * TERM and INT, USR1. SIGPIPE is ignored, in the children too. */
int platform_signals(void);
int platform_signal(int fd); /* the next letter, 0: none */

/* --- files, logs and names ------------------------------------------------ */

/* The beginning of a regular file: bytes read, at most size; PLATFORM_BROKEN, also
 * when there is something else of that name. Waits for nobody. */
long platform_read(const char *path, void *at, size_t size);
/* The same, or all that a pipe gives whose descriptor is what the path names
 * (/dev/stdin, /dev/fd/3). Waits for that, but not for ever. */
long platform_read_given(const char *path, void *at, size_t size);

/* A regular file in a directory, by one name without a slash, and not by a link:
 * bytes read, at most size; PLATFORM_BROKEN (not there, or something else). */
long platform_read_in(const char *directory, const char *name, void *at, size_t size);
/* Writes a file that nobody else may read (mode 0600), whole or not at all: it
 * takes its name when it is on the disk. False: platform_why. */
bool platform_keep(const char *path, const void *at, size_t len);
/* The only lock on this file, which is made (0600) when it is not there and is not
 * removed again; waits at most so long for who has it. A descriptor: closing it, or the
 * process's end, gives the lock back. -1: platform_why. */
int platform_lock(const char *path, int64_t ms);
/* The directory and those above it, mode 0700, unless it is there. */
bool platform_directory(const char *path);
/* Nobody but who owns the file may read or write it. */
bool platform_is_private(const char *path);
/* A number that is another one when the file has changed; 0: it is not there. */
uint64_t platform_stamp(const char *path);
/* Addresses of this machine's interfaces, no loopback, no IPv6 of the link alone; at most room. */
size_t platform_addresses(struct net *to, size_t room);
/* The name of this machine; empty when it has none. */
void platform_name(struct text *name);
/* The home directory of who runs this; NULL: unknown. */
const char *platform_home(void);

/* A file to append to, made with mode 0640 when it is not there. */
int platform_append(const char *path);
/* Standard error as a descriptor of our own; non-blocking only where that does
 * not change it for the others who have it. */
int platform_stderr(void);
/* A socket to the system's log, one datagram a message. */
int platform_syslog(void);
/* Will writing to it wait? Asked once for each descriptor. */
enum platform_kind {
	PLATFORM_FILE,   /* regular: no, and it takes all */
	PLATFORM_SOCKET, /* not if told so with each call */
	PLATFORM_QUICK,  /* no: it is non-blocking */
	PLATFORM_SLOW    /* it may, if it is not asked before */
};
enum platform_kind platform_kind(int fd);
/* As platform_send, to any kind of descriptor, and never waits: what is not a
 * file is given at most PLATFORM_LINE bytes, as much as a pipe takes in one piece. */
enum { PLATFORM_LINE = 4096 }; /* PIPE_BUF of the usual systems */
long platform_write(int fd, const void *at, size_t len, enum platform_kind kind);
/* Seconds that local time is ahead of UTC at that time. */
long platform_zone(int64_t seconds);
/* Looks a name up; waits for it, so this is for offload only. Number of distinct
 * addresses in the order to try (RFC 6724), at most room; 0: *why in words. */
int platform_resolve(const char *name, uint16_t port, struct net *to, int room, const char **why);

#endif

/* SPDX-License-Identifier: MIT
 *
 * posix - time, sockets and waiting, as far as POSIX.1-2008 can say it
 *
 * Knows errno and sockaddrs, and keeps both to platform. Knows no HTTP and no
 * configuration.
 */
#include "system.h"

#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

_Static_assert(sizeof(struct piece) == sizeof(struct iovec), "piece is iovec");
_Static_assert(offsetof(struct piece, at) == offsetof(struct iovec, iov_base), "piece is iovec");
_Static_assert(offsetof(struct piece, len) == offsetof(struct iovec, iov_len), "piece is iovec");
_Static_assert(sizeof(struct watch) == sizeof(struct pollfd), "watch is pollfd");
_Static_assert(offsetof(struct watch, fd) == offsetof(struct pollfd, fd), "watch is pollfd");
_Static_assert(offsetof(struct watch, want) == offsetof(struct pollfd, events), "watch is pollfd");
_Static_assert(offsetof(struct watch, got) == offsetof(struct pollfd, revents), "watch is pollfd");
_Static_assert(PLATFORM_IN == POLLIN && PLATFORM_OUT == POLLOUT, "poll's own bits");
_Static_assert(PLATFORM_GONE == (POLLERR | POLLHUP), "poll's own bits");

static int last_error; /* errno of the last call that failed */

/* --- errors ---------------------------------------------------------- */

/* Lower case and for people; strerror only for what nobody expects. */
const char *system_words(int error)
{
	switch (error) {
	case EACCES: return "permission denied";
	case EPERM: return "not permitted";
	case EADDRINUSE: return "address already in use";
	case EADDRNOTAVAIL: return "this machine does not have that address";
	case EAFNOSUPPORT: return "this system does not have that kind of address";
	case ECONNREFUSED: return "connection refused";
	case ECONNRESET: return "connection reset";
	case ECONNABORTED: return "connection aborted";
	case EPIPE: return "connection closed by the other side";
	case ETIMEDOUT: return "no answer in time";
	case EHOSTUNREACH: return "no route to host";
	case ENETUNREACH: return "network unreachable";
	case ENOENT: return "no such file or directory";
	case ENOTDIR: return "a part of the path is not a directory";
	case EISDIR: return "is a directory";
	case SYSTEM_NO_FILE: return "is not a regular file";
	case EROFS: return "read-only file system";
	case ENOSPC: return "no space left";
	case ENAMETOOLONG: return "name too long";
	case EMFILE: return "out of descriptors (limit of the process)";
	case ENFILE: return "out of descriptors (limit of the system)";
	case ENOMEM: return "out of memory";
	case ENOBUFS: return "out of socket buffers";
	case EAGAIN: return "temporarily out of resources";
	default: return strerror(error);
	}
}

const char *platform_why(void)
{
	return system_words(last_error);
}

static bool would_wait(int error)
{
	return error == EAGAIN || error == EWOULDBLOCK;
}

long system_failed(void)
{
	if (would_wait(errno))
		return PLATFORM_WAIT;
	last_error = errno;
	return PLATFORM_BROKEN;
}

int system_fail(void)
{
	last_error = errno;
	return -1;
}

bool system_refuse(void)
{
	system_fail();
	return false;
}

/* Closes without disturbing errno, then fails. */
static int fail_close(int fd)
{
	last_error = errno;
	close(fd);
	return -1;
}

int system_mark(int fd)
{
	int flags;

	if (fd < 0)
		return -1;
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return fail_close(fd);
	return fd;
}

/* --- time ------------------------------------------------------------ */

int64_t platform_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t platform_now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t platform_clock(void)
{
	return (int64_t)time(NULL);
}

/* Days from 1 January of year 0 to that of y, in the Gregorian calendar. */
static int64_t days_before(int64_t y)
{
	return 365 * y + (y + 3) / 4 - (y + 99) / 100 + (y + 399) / 400;
}

static int64_t seconds_of(const struct tm *t)
{
	int64_t days = days_before((int64_t)t->tm_year + 1900) - days_before(1970) + t->tm_yday;

	return ((days * 24 + t->tm_hour) * 60 + t->tm_min) * 60 + t->tm_sec;
}

/* tm_gmtoff is not POSIX: read the local time as if it were UTC. */
long platform_zone(int64_t seconds)
{
	time_t at = (time_t)seconds;
	struct tm local;

	if (!localtime_r(&at, &local))
		return 0;
	return (long)(seconds_of(&local) - seconds);
}

/* --- bytes in and out ------------------------------------------------- */

long platform_recv(int fd, void *at, size_t len)
{
	ssize_t n;

	do
		n = recv(fd, at, len, 0);
	while (n < 0 && errno == EINTR);
	return n >= 0 ? (long)n : system_failed();
}

long platform_send(int fd, const struct piece *pieces, int count)
{
	struct msghdr message = {0};
	ssize_t n;

	message.msg_iov = (struct iovec *)(uintptr_t)pieces;
	message.msg_iovlen = (unsigned)count;
	do
		n = count == 1 ? send(fd, pieces->at, pieces->len, MSG_NOSIGNAL) : sendmsg(fd, &message, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n >= 0 ? (long)n : system_failed();
}

long platform_look(int fd, void *at, size_t len)
{
	ssize_t n;

	do
		n = recv(fd, at, len, MSG_PEEK);
	while (n < 0 && errno == EINTR);
	return n >= 0 ? (long)n : system_failed();
}

long platform_peek(int fd)
{
	char byte;

	return platform_look(fd, &byte, 1);
}

void platform_close(int fd)
{
	if (fd >= 0)
		close(fd);
}

void platform_shutdown(int fd)
{
	shutdown(fd, SHUT_WR);
}

void platform_reset(int fd)
{
	struct linger now = {.l_onoff = 1, .l_linger = 0};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

/* --- addresses -------------------------------------------------------- */

union address {
	struct sockaddr any;
	struct sockaddr_in ip4;
	struct sockaddr_in6 ip6;
	struct sockaddr_un local;
	struct sockaddr_storage room;
};

/* 0: the path is too long for a socket; ENAMETOOLONG. */
static socklen_t to_unix(union address *a, const char *path)
{
	memset(a, 0, sizeof *a);
	if (strlen(path) >= sizeof a->local.sun_path) {
		errno = ENAMETOOLONG;
		return 0;
	}
	a->local.sun_family = AF_UNIX;
	strcpy(a->local.sun_path, path);
	return sizeof a->local;
}

/* 0: there is no such address; EAFNOSUPPORT. */
static socklen_t to_system(union address *a, const struct net *n)
{
	memset(a, 0, sizeof *a);
	if (n->family == NET_IP4) {
		a->ip4.sin_family = AF_INET;
		a->ip4.sin_port = htons(n->port);
		memcpy(&a->ip4.sin_addr, n->ip, 4);
		return sizeof a->ip4;
	}
	if (n->family == NET_IP6) {
		a->ip6.sin6_family = AF_INET6;
		a->ip6.sin6_port = htons(n->port);
		a->ip6.sin6_scope_id = n->scope;
		memcpy(&a->ip6.sin6_addr, n->ip, 16);
		return sizeof a->ip6;
	}
	errno = EAFNOSUPPORT;
	return 0;
}

static void from_ip6(struct net *n, const struct sockaddr_in6 *from)
{
	const unsigned char *ip = (const unsigned char *)&from->sin6_addr;

	n->port = ntohs(from->sin6_port);
	if (IN6_IS_ADDR_V4MAPPED(&from->sin6_addr)) {
		n->family = NET_IP4;
		n->bits = 32;
		memcpy(n->ip, ip + 12, 4);
		return;
	}
	n->family = NET_IP6;
	n->bits = 128;
	n->scope = from->sin6_scope_id;
	memcpy(n->ip, ip, 16);
}

static void from_system(struct net *n, const struct sockaddr *any)
{
	const struct sockaddr_in *ip4 = (const struct sockaddr_in *)(const void *)any;

	memset(n, 0, sizeof *n);
	if (any->sa_family == AF_INET) {
		n->family = NET_IP4;
		n->bits = 32;
		n->port = ntohs(ip4->sin_port);
		memcpy(n->ip, &ip4->sin_addr, 4);
	} else if (any->sa_family == AF_INET6) {
		from_ip6(n, (const struct sockaddr_in6 *)(const void *)any);
	} else if (any->sa_family == AF_UNIX) {
		n->family = NET_UNIX;
	}
}

/* Nobody else reaches it, or only with a zone that differs from machine to machine. */
static bool is_local(const struct net *n)
{
	static const unsigned char own[16] = {[15] = 1};

	if (n->family == NET_IP4)
		return n->ip[0] == 127;
	return memcmp(n->ip, own, 16) == 0 || (n->ip[0] == 0xfe && (n->ip[1] & 0xc0) == 0x80);
}

/* Once each: an address of a point-to-point link may stand on several. */
static size_t add_interface(struct net *to, size_t count, const struct sockaddr *any)
{
	struct net new;
	size_t i;

	from_system(&new, any);
	if ((new.family != NET_IP4 && new.family != NET_IP6) || is_local(&new))
		return count;
	for (i = 0; i < count; i++)
		if (net_same(&to[i], &new))
			return count;
	to[count] = new;
	return count + 1;
}

size_t platform_addresses(struct net *to, size_t room)
{
	struct ifaddrs *list, *entry;
	size_t count = 0;

	if (getifaddrs(&list) != 0)
		return 0;
	for (entry = list; entry && count < room; entry = entry->ifa_next)
		if (entry->ifa_addr)
			count = add_interface(to, count, entry->ifa_addr);
	freeifaddrs(list);
	return count;
}

static void no_delay(int fd)
{
	int on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/* --- listening -------------------------------------------------------- */

enum { BACKLOG = 511 };

static int explain(struct text *error, const struct net *address, const char *path, const char *why)
{
	text_lit(error, "cannot listen on ");
	if (path) {
		text_lit(error, "unix:");
		text_str(error, path);
	} else {
		net_write_port(error, address);
	}
	text_lit(error, ": ");
	text_str(error, why);
	if (last_error == EACCES && !path && address->port < 1024)
		text_lit(error, " (run as root, or choose a port over 1023)");
	if (last_error == EADDRINUSE)
		text_str(error, path ? " (another program listens there, or the file is no socket)" : " (another program listens there)");
	return -1;
}

/* A socket file that nobody answers on is left over from a run that was killed. */
static void remove_stale(const char *path, const union address *a, socklen_t len)
{
	struct stat st;
	int fd;

	if (lstat(path, &st) != 0 || !S_ISSOCK(st.st_mode))
		return;
	fd = system_socket(AF_UNIX, SOCK_STREAM);
	if (fd < 0)
		return;
	if (connect(fd, &a->any, len) != 0 && errno == ECONNREFUSED)
		unlink(path);
	close(fd);
}

/* Nobody may connect before mode says who. */
static int bind_unix(int fd, const union address *a, socklen_t len)
{
	mode_t before = umask(S_IRWXG | S_IRWXO | S_IXUSR);
	int status = bind(fd, &a->any, len);

	umask(before);
	return status;
}

static int listen_unix(const char *path, mode_t mode)
{
	union address a;
	socklen_t len = to_unix(&a, path);
	int fd;

	if (len == 0)
		return system_fail();
	remove_stale(path, &a, len);
	fd = system_socket(AF_UNIX, SOCK_STREAM);
	if (fd < 0)
		return system_fail();
	if (bind_unix(fd, &a, len) != 0)
		return fail_close(fd);
	if (chmod(path, mode) != 0 || listen(fd, BACKLOG) != 0) {
		fail_close(fd);
		unlink(path);
		return -1;
	}
	return fd;
}

static int listen_ip(const struct net *address, bool both)
{
	union address a;
	socklen_t len = to_system(&a, address);
	int on = 1, only = !both, fd;

	if (len == 0)
		return system_fail();
	fd = system_socket(a.any.sa_family, SOCK_STREAM);
	if (fd < 0)
		return system_fail();
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (address->family == NET_IP6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only) != 0)
		return fail_close(fd);
	no_delay(fd);
	if (bind(fd, &a.any, len) != 0 || listen(fd, BACKLOG) != 0)
		return fail_close(fd);
	return fd;
}

/* At a path everybody on this machine may connect, as with nginx: who may reach
 * it is the directory's business. */
int platform_listen(const struct net *address, const char *path, bool both, struct text *error)
{
	struct net any4 = {.family = NET_IP4, .bits = 32, .port = address ? address->port : 0};
	int fd = path ? listen_unix(path, 0666) : listen_ip(address, both);

	/* Both, on a machine without IPv6: then IPv4 alone is what there is. */
	if (fd < 0 && !path && both && (last_error == EAFNOSUPPORT || last_error == EADDRNOTAVAIL))
		fd = listen_ip(&any4, false);
	return fd >= 0 ? fd : explain(error, address, path, system_words(last_error));
}

int platform_listen_own(const char *path, struct text *error)
{
	static const struct net local = {.family = NET_UNIX};
	int fd = listen_unix(path, 0600);

	return fd >= 0 ? fd : explain(error, &local, path, system_words(last_error));
}

int platform_accept(int listener, struct net *peer)
{
	union address a;
	socklen_t len;
	int fd;

	do {
		len = sizeof a;
		a.any.sa_family = AF_UNSPEC;
		fd = system_accept(listener, &a.any, &len);
	} while (fd < 0 && (errno == EINTR || system_accept_again(errno)));
	if (fd < 0)
		return (int)system_failed();
	from_system(peer, &a.any);
	return fd;
}

bool platform_local(int fd, struct net *address)
{
	union address a;
	socklen_t len = sizeof a;

	a.any.sa_family = AF_UNSPEC;
	if (getsockname(fd, &a.any, &len) != 0)
		return system_refuse();
	from_system(address, &a.any);
	return true;
}

/* Of something here, not at the other end. */
static bool is_shortage(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;
}

int platform_connect(const struct net *address, const char *path)
{
	union address a;
	socklen_t len = path ? to_unix(&a, path) : to_system(&a, address);
	int fd;

	if (len == 0)
		return system_fail();
	fd = system_socket(a.any.sa_family, SOCK_STREAM);
	if (fd < 0) {
		system_fail();
		return is_shortage(last_error) ? PLATFORM_BROKEN : -1;
	}
	if (!path)
		no_delay(fd);
	/* After EINTR the connection is made all the same. */
	if (connect(fd, &a.any, len) != 0 && errno != EINPROGRESS && errno != EINTR)
		return fail_close(fd);
	return fd;
}

const char *platform_connected(int fd)
{
	int error = 0;
	socklen_t len = sizeof error;

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
		error = errno;
	if (error)
		last_error = error;
	return error ? system_words(error) : NULL;
}

/* --- waiting ----------------------------------------------------------- */

int platform_poll(struct watch *watches, size_t count, int64_t ms)
{
	int wait = ms < 0 ? -1 : ms > INT_MAX ? INT_MAX : (int)ms;
	int found = poll((struct pollfd *)watches, (nfds_t)count, wait);
	int left = found;
	size_t i;

	if (found < 0) {
		for (i = 0; i < count; i++)
			watches[i].got = 0;
		return 0;
	}
	for (i = 0; left > 0 && i < count; i++) {
		if (!watches[i].got)
			continue;
		left--;
		if (watches[i].got & (POLLERR | POLLHUP | POLLNVAL))
			watches[i].got |= PLATFORM_IN | PLATFORM_OUT;
	}
	return found;
}

/* --- pairs ------------------------------------------------------------ */

/* SOCK_SEQPACKET keeps boundaries and shows the end when the other side is closed. */
bool platform_pair(int pair[2])
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) != 0)
		return system_refuse();
	if (system_mark(pair[0]) < 0) {
		close(pair[1]);
		return false;
	}
	if (system_mark(pair[1]) < 0) {
		close(pair[0]);
		return false;
	}
	return true;
}

union passing { /* one control message with one descriptor */
	struct cmsghdr head;
	char room[64];
};

/* CMSG_LEN and CMSG_SPACE are younger than POSIX.1-2008. */
static void put_descriptor(struct msghdr *m, union passing *p, int fd)
{
	memset(p, 0, sizeof *p);
	m->msg_control = p;
	m->msg_controllen = sizeof p->room;
	p->head.cmsg_level = SOL_SOCKET;
	p->head.cmsg_type = SCM_RIGHTS;
	p->head.cmsg_len = (unsigned)(CMSG_DATA(&p->head) - (unsigned char *)p) + (unsigned)sizeof fd;
	m->msg_controllen = p->head.cmsg_len;
	memcpy(CMSG_DATA(&p->head), &fd, sizeof fd);
}

bool platform_pair_send(int fd, const void *at, size_t len, int pass)
{
	struct iovec data = {.iov_base = (void *)(uintptr_t)at, .iov_len = len};
	struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};
	union passing control;
	ssize_t n;

	if (pass >= 0)
		put_descriptor(&message, &control, pass);
	do
		n = sendmsg(fd, &message, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		last_error = errno;
	return n == (ssize_t)len;
}

static int take_descriptor(struct msghdr *m)
{
	struct cmsghdr *head = CMSG_FIRSTHDR(m);
	int fd;

	if (!head || head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
		return -1;
	memcpy(&fd, CMSG_DATA(head), sizeof fd);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	return fd;
}

long platform_pair_recv(int fd, void *at, size_t len, int *passed)
{
	struct iovec data = {.iov_base = at, .iov_len = len};
	union passing control;
	struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};
	ssize_t n;

	*passed = -1;
	do {
		message.msg_control = &control;
		message.msg_controllen = sizeof control.room;
		n = recvmsg(fd, &message, 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return system_failed();
	*passed = take_descriptor(&message);
	return (long)n;
}

/* --- logs and names --------------------------------------------------------- */

int platform_syslog(void)
{
	union address a;
	int fd = system_socket(AF_UNIX, SOCK_DGRAM);
	size_t i;

	if (fd < 0)
		return system_fail();
	for (i = 0; system_log_paths[i]; i++)
		if (connect(fd, &a.any, to_unix(&a, system_log_paths[i])) == 0)
			return fd;
	return fail_close(fd);
}

/* Linux calls a machine without a name "(none)". */
void platform_name(struct text *name)
{
	char room[256] = "";

	if (gethostname(room, sizeof room - 1) == 0 && room[0] != '(')
		text_str(name, room);
}

static int add_address(struct net *to, int count, const struct addrinfo *entry, uint16_t port)
{
	struct net new;
	int i;

	from_system(&new, entry->ai_addr);
	new.port = port;
	if (new.family != NET_IP4 && new.family != NET_IP6)
		return count;
	for (i = 0; i < count; i++)
		if (net_same(&to[i], &new) && to[i].scope == new.scope)
			return count;
	to[count] = new;
	return count + 1;
}

/* AI_ADDRCONFIG stays off: with it "localhost" has no address on a machine that
 * is not on a network. */
int platform_resolve(const char *name, uint16_t port, struct net *to, int room, const char **why)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *list, *entry;
	int error = getaddrinfo(name, NULL, &hints, &list), count = 0;

	if (error) {
		*why = error == EAI_SYSTEM ? system_words(errno) : gai_strerror(error);
		return 0;
	}
	for (entry = list; entry && count < room; entry = entry->ai_next)
		count = add_address(to, count, entry, port);
	freeaddrinfo(list);
	if (count == 0)
		*why = "the name has no address";
	return count;
}

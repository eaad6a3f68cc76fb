/* SPDX-License-Identifier: MIT
 *
 * load - what does a server do with exactly so many requests?
 *
 *   load PORT                        takes commands from standard input, one a line
 *   load first PORT PATH COMMAND...  starts a server, prints ms from fork to its first answer
 *
 * Commands; each is answered by "ok SECONDS" or "failed WHY":
 *   open N            N connections (those there were are closed)
 *   run N PATH LEN    N requests over them, one at a time on each; every
 *                     answer must be a 200 with LEN bytes
 *   idle N PATH LEN   N more connections that do one request each and stay
 *   drop              closes the idle ones
 *   down PATH LEN     one download of LEN bytes on a connection of its own
 *   up PATH LEN       one upload
 *
 * Work is counted, not timed, so that two servers are given the same.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ACTIVE 1024
#define IDLE 8192
#define BULK (256 * 1024)

struct connection {
	int fd;
	size_t len; /* bytes of the answer so far, in `in` */
	char in[8192];
};

static struct connection active[ACTIVE];
static int active_count;
static int idle[IDLE];
static int idle_count;
static struct sockaddr_in server;
static char request[1024];
static size_t request_len;
static size_t body_len;   /* expected of each answer */
static const char *why;   /* the first failure */
static char bulk[BULK];

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool fails(const char *reason)
{
	if (!why)
		why = reason;
	return false;
}

static int dial(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int on = 1;

	if (fd < 0 || connect(fd, (struct sockaddr *)&server, sizeof(server)) != 0) {
		if (fd >= 0)
			close(fd);
		fails("cannot connect");
		return -1;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

/* Length of a whole 200 answer in these bytes, its body of `want` bytes
 * included; 0: more is needed; -1: it is another. head_only: the head will do. */
static long answer(char *at, size_t len, uint64_t want, bool head_only)
{
	at[len] = 0;
	char *end = strstr(at, "\r\n\r\n");
	if (!end)
		return 0;
	if (strncmp(at, "HTTP/1.1 200", 12) != 0) {
		static char other[64];
		snprintf(other, sizeof(other), "answered %.40s", at);
		fails(strtok(other, "\r"));
		return -1;
	}
	char *field = strcasestr(at, "\r\nContent-Length:");
	if (!field || field > end || strtoull(field + 17, NULL, 10) != want) {
		fails("an answer has another length");
		return -1;
	}
	long head = end + 4 - at;
	if (head_only)
		return head;
	return len - (size_t)head < want ? 0 : head + (long)want;
}

/* Takes what is there. 1: the answer is whole; 0: not yet; -1: failure. */
static int take(struct connection *c)
{
	ssize_t n = recv(c->fd, c->in + c->len, sizeof(c->in) - 1 - c->len, 0);
	if (n <= 0) {
		fails(n ? "a connection broke" : "a connection was closed");
		return -1;
	}
	c->len += (size_t)n;
	long whole = answer(c->in, c->len, body_len, false);
	if (whole <= 0)
		return (int)whole;
	if ((size_t)whole != c->len) {
		fails("bytes after an answer");
		return -1;
	}
	c->len = 0;
	return 1;
}

static bool ask(int fd)
{
	return send(fd, request, request_len, MSG_NOSIGNAL) == (ssize_t)request_len || fails("cannot send");
}

static void compose(const char *path, size_t len)
{
	request_len = (size_t)snprintf(request, sizeof(request),
		"GET %s HTTP/1.1\r\nHost: bench.example.org\r\nUser-Agent: load/1.0\r\n"
		"Accept: */*\r\nAccept-Encoding: gzip, deflate\r\n\r\n", path);
	body_len = len;
}

static bool open_all(int count)
{
	while (active_count > 0)
		close(active[--active_count].fd);
	while (active_count < count && active_count < ACTIVE) {
		struct connection *c = &active[active_count];
		c->fd = dial();
		c->len = 0;
		if (c->fd < 0)
			return false;
		active_count++;
	}
	return true;
}

static bool run(long count)
{
	struct epoll_event events[64];
	int set = epoll_create1(EPOLL_CLOEXEC);
	long asked = 0, done = 0;
	bool good = active_count > 0;

	for (int i = 0; i < active_count; i++) {
		struct epoll_event e = {.events = EPOLLIN, .data.ptr = &active[i]};
		epoll_ctl(set, EPOLL_CTL_ADD, active[i].fd, &e);
		if (asked < count && good) {
			good = ask(active[i].fd);
			asked++;
		}
	}
	while (good && done < count) {
		int n = epoll_wait(set, events, 64, 10000);
		if (n <= 0)
			good = fails("no answer for 10 s");
		for (int i = 0; i < n && good; i++) {
			int state = take(events[i].data.ptr);
			done += state == 1;
			good = state >= 0;
			if (state == 1 && asked < count) {
				good = ask(((struct connection *)events[i].data.ptr)->fd);
				asked++;
			}
		}
	}
	close(set);
	return good;
}

static bool add_idle(int count)
{
	static struct connection c;

	for (int i = 0; i < count && idle_count < IDLE; i++) {
		int state = 0;
		c.fd = dial();
		c.len = 0;
		if (c.fd < 0 || !ask(c.fd))
			return false;
		while (state == 0)
			state = take(&c);
		if (state < 0)
			return false;
		idle[idle_count++] = c.fd;
	}
	return true;
}

static bool drop(void)
{
	while (idle_count > 0)
		close(idle[--idle_count]);
	return true;
}

/* Reads a head whose body has `want` bytes; *over: bytes behind the head, in bulk. */
static bool read_head(int fd, uint64_t want, uint64_t *over)
{
	size_t len = 0;
	long head = 0;

	while (head == 0) {
		ssize_t n = recv(fd, bulk + len, sizeof(bulk) - 1 - len, 0);
		if (n <= 0)
			return fails("no whole head came");
		len += (size_t)n;
		head = answer(bulk, len, want, true);
	}
	*over = head > 0 ? len - (size_t)head : 0;
	return head > 0;
}

static bool down(const char *path, uint64_t len)
{
	uint64_t got = 0;
	int fd = dial();

	compose(path, 0);
	bool good = fd >= 0 && ask(fd) && read_head(fd, len, &got);
	while (good && got < len) {
		ssize_t n = recv(fd, bulk, sizeof(bulk), 0);
		if (n <= 0)
			good = fails("the download broke off");
		else
			got += (uint64_t)n;
	}
	if (good && got != len)
		good = fails("too many bytes");
	if (fd >= 0)
		close(fd);
	return good;
}

static bool up(const char *path, uint64_t len)
{
	uint64_t sent = 0, over;
	int fd = dial();
	int n = snprintf(bulk, sizeof(bulk), "PUT %s HTTP/1.1\r\nHost: bench.example.org\r\n"
		"Content-Length: %llu\r\n\r\n", path, (unsigned long long)len);
	bool good = fd >= 0 && send(fd, bulk, (size_t)n, MSG_NOSIGNAL) == n;

	memset(bulk, 'u', sizeof(bulk));
	while (good && sent < len) {
		size_t part = len - sent < sizeof(bulk) ? (size_t)(len - sent) : sizeof(bulk);
		ssize_t k = send(fd, bulk, part, MSG_NOSIGNAL);
		if (k <= 0)
			good = fails("the upload broke off");
		else
			sent += (uint64_t)k;
	}
	good = good && read_head(fd, 3, &over);
	if (fd >= 0)
		close(fd);
	return good;
}

static bool obey(char *line)
{
	char word[16] = "", path[512] = "/";
	long count = 0;
	unsigned long long len = 0;

	sscanf(line, "%15s", word);
	if (strcmp(word, "open") == 0 && sscanf(line, "%*s %ld", &count) == 1)
		return open_all((int)count);
	if (strcmp(word, "run") == 0 && sscanf(line, "%*s %ld %511s %llu", &count, path, &len) == 3) {
		compose(path, len);
		return run(count);
	}
	if (strcmp(word, "idle") == 0 && sscanf(line, "%*s %ld %511s %llu", &count, path, &len) == 3) {
		compose(path, len);
		return add_idle((int)count);
	}
	if (strcmp(word, "drop") == 0)
		return drop();
	if (strcmp(word, "down") == 0 && sscanf(line, "%*s %511s %llu", path, &len) == 2)
		return down(path, len);
	if (strcmp(word, "up") == 0 && sscanf(line, "%*s %511s %llu", path, &len) == 2)
		return up(path, len);
	return fails("unknown command");
}

/* From fork to the first answer, in ms. */
static int first(const char *path, char **command)
{
	static struct connection c;
	double start = now();
	pid_t child = fork();

	if (child == 0) {
		execvp(command[0], command);
		_exit(127);
	}
	int state = 0;
	while (state != 1 && now() - start < 10) {
		c.len = 0;
		c.fd = dial();
		if (c.fd < 0) {
			usleep(50);
			continue;
		}
		compose(path, 1024);
		state = ask(c.fd) ? 0 : -1;
		while (state == 0)
			state = take(&c);
		close(c.fd);
	}
	double took = now() - start;
	kill(child, SIGTERM);
	waitpid(child, NULL, 0);
	if (state == 1)
		printf("%.3f\n", took * 1000);
	return state == 1 ? 0 : 1;
}

int main(int argc, char **argv)
{
	bool is_first = argc > 4 && strcmp(argv[1], "first") == 0;
	static char line[1024];

	if (argc < 2)
		return 2;
	server = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[is_first ? 2 : 1])),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	if (is_first)
		return first(argv[3], argv + 4);
	while (fgets(line, sizeof(line), stdin)) {
		double start = now();
		why = NULL;
		if (obey(line))
			printf("ok %.6f\n", now() - start);
		else
			printf("failed %s\n", why ? why : "for no reason");
		fflush(stdout);
	}
	return 0;
}

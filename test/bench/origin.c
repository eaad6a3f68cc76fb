/* SPDX-License-Identifier: MIT
 *
 * origin - a server that costs as little as one can
 *
 *   origin PORT     on 127.0.0.1
 *
 * GET /1k answers 1,024 bytes, GET /bytes/N answers N, GET /stored/N N that may be
 * stored for a year, GET /served how many of these there were; any other method's body
 * (Content-Length only) is swallowed and answered with 3 bytes. Keep-alive
 * always. It trusts its client: this is half of a measuring device.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define BLOCK (256 * 1024)

struct connection {
	uint64_t coming; /* bytes of the request body to swallow */
	uint64_t going;  /* bytes of the answer's body to send */
	size_t len;      /* of what is in `in` */
	bool counts;     /* a body was swallowed and must be answered */
	char in[4096];
};

static struct connection *connections[65536]; /* by descriptor */
static char zeros[BLOCK];
static char sink[BLOCK];
static int set;
static unsigned long served; /* of what may be stored */

static void forget(int fd)
{
	free(connections[fd]);
	connections[fd] = NULL;
	close(fd);
}

static void want(int fd, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.fd = fd};
	epoll_ctl(set, EPOLL_CTL_MOD, fd, &e);
}

static bool reply(int fd, const char *more, uint64_t len, const char *body, size_t body_len)
{
	static char out[2048];
	int n = snprintf(out, sizeof(out), "HTTP/1.1 200 OK\r\nServer: origin\r\n"
		"Date: Mon, 23 Nov 2026 09:32:46 GMT\r\nContent-Type: application/octet-stream\r\n"
		"Last-Modified: Sun, 22 Nov 2026 10:00:00 GMT\r\nETag: \"6380a1b2-400\"\r\n"
		"%sContent-Length: %llu\r\n\r\n", more, (unsigned long long)len);

	memcpy(out + n, body, body_len);
	return send(fd, out, (size_t)n + body_len, MSG_NOSIGNAL) == (ssize_t)((size_t)n + body_len);
}

/* Sends what the socket takes of a long body. */
static bool pour(int fd, struct connection *c)
{
	while (c->going > 0) {
		ssize_t n = send(fd, zeros, c->going < BLOCK ? (size_t)c->going : BLOCK, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0)
			break;
		c->going -= (uint64_t)n;
	}
	want(fd, c->going > 0 ? EPOLLOUT : EPOLLIN);
	return true;
}

/* Answers the request whose head ends at `end`. */
static bool answer(int fd, struct connection *c, const char *end)
{
	size_t head = (size_t)(end + 4 - c->in);
	char *length = strcasestr(c->in, "\r\nContent-Length:");

	if (strncmp(c->in, "GET /1k ", 8) == 0) {
		c->len = 0;
		return reply(fd, "", 1024, zeros, 1024);
	}
	if (strncmp(c->in, "GET /bytes/", 11) == 0 || strncmp(c->in, "GET /stored/", 12) == 0) {
		bool stored = c->in[5] == 's';
		c->going = strtoull(c->in + (stored ? 12 : 11), NULL, 10);
		c->len = 0;
		served += stored;
		return reply(fd, stored ? "Cache-Control: public, max-age=31536000\r\n" : "", c->going, zeros, 0) && pour(fd, c);
	}
	if (strncmp(c->in, "GET /served ", 12) == 0) {
		char count[24];
		int n = snprintf(count, sizeof(count), "%lu\n", served);
		c->len = 0;
		return reply(fd, "", (uint64_t)n, count, (size_t)n);
	}
	c->coming = length && length < end ? strtoull(length + 17, NULL, 10) : 0;
	c->coming -= c->len - head;
	c->len = 0;
	c->counts = true;
	return true;
}

static bool swallow(int fd, struct connection *c)
{
	while (c->coming > 0) {
		ssize_t n = recv(fd, sink, BLOCK, MSG_DONTWAIT);
		if (n < 0)
			return true;
		if (n == 0)
			return false;
		c->coming -= (uint64_t)n;
	}
	c->counts = false;
	return reply(fd, "", 3, "ok\n", 3);
}

static bool step(int fd, struct connection *c)
{
	if (c->going > 0)
		return pour(fd, c);
	if (c->counts)
		return swallow(fd, c);
	ssize_t n = recv(fd, c->in + c->len, sizeof(c->in) - 1 - c->len, MSG_DONTWAIT);
	if (n <= 0)
		return false;
	c->len += (size_t)n;
	c->in[c->len] = 0;
	char *end = strstr(c->in, "\r\n\r\n");
	if (!end)
		return c->len < sizeof(c->in) - 1;
	if (!answer(fd, c, end))
		return false;
	return c->counts ? swallow(fd, c) : true;
}

static void welcome(int listener)
{
	int on = 1;
	int fd = accept(listener, NULL, NULL);
	if (fd < 0)
		return;
	connections[fd] = calloc(1, sizeof(struct connection));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
	epoll_ctl(set, EPOLL_CTL_ADD, fd, &e);
}

int main(int argc, char **argv)
{
	struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argc > 1 ? argv[1] : "0")),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct rlimit most = {16384, 16384};
	struct epoll_event events[64];
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	int on = 1;

	setrlimit(RLIMIT_NOFILE, &most);
	memset(zeros, 'd', sizeof(zeros));
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listener, (struct sockaddr *)&here, sizeof(here)) != 0 || listen(listener, 4096) != 0) {
		perror("origin");
		return 1;
	}
	set = epoll_create1(0);
	struct epoll_event e = {.events = EPOLLIN, .data.fd = listener};
	epoll_ctl(set, EPOLL_CTL_ADD, listener, &e);
	for (;;) {
		int n = epoll_wait(set, events, 64, -1);
		for (int i = 0; i < n; i++) {
			int fd = events[i].data.fd;
			if (fd == listener)
				welcome(listener);
			else if (!step(fd, connections[fd]))
				forget(fd);
		}
	}
}

/* SPDX-License-Identifier: MIT
 *
 * floor - what would a proxy cost that does not think?
 *
 *   floor PORT ORIGIN-PORT [BUFFER]
 *
 * A relay of bytes in one poll() loop: each client has an origin connection of
 * its own, nothing is parsed, nothing is kept. No proxy that waits with poll()
 * and moves bytes with recv() and send() costs less than this.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAIRS 4096

/* Side 0 is the client, 1 the origin. What came from side s waits in held[s]. */
struct pair {
	int fd[2];
	size_t at[2], end[2];
	char *held[2]; /* borrowed only while something waits */
};

static struct pair pairs[PAIRS];
static struct pollfd watches[1 + 2 * PAIRS];
static int count;
static size_t size = 65536;
static char *shared; /* for bytes that go on at once */

static void open_pair(int listener, const struct sockaddr_in *origin)
{
	struct pair *p = &pairs[count];
	int on = 1;

	memset(p, 0, sizeof(*p));
	p->fd[0] = accept(listener, NULL, NULL);
	p->fd[1] = socket(AF_INET, SOCK_STREAM, 0);
	if (p->fd[0] < 0 || connect(p->fd[1], (const struct sockaddr *)origin, sizeof(*origin)) != 0)
		exit(1);
	for (int s = 0; s < 2; s++)
		setsockopt(p->fd[s], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	count++;
}

static void close_pair(int i)
{
	for (int s = 0; s < 2; s++) {
		close(pairs[i].fd[s]);
		free(pairs[i].held[s]);
	}
	pairs[i] = pairs[--count];
}

/* Sends what waits from side s; keeps the rest. */
static bool push(struct pair *p, int s)
{
	ssize_t n = send(p->fd[!s], p->held[s] + p->at[s], p->end[s] - p->at[s], MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n > 0)
		p->at[s] += (size_t)n;
	if (p->at[s] < p->end[s])
		return true;
	free(p->held[s]);
	p->held[s] = NULL;
	return true;
}

static bool pull(struct pair *p, int s)
{
	ssize_t n = recv(p->fd[s], shared, size, MSG_DONTWAIT);
	if (n <= 0)
		return false;
	ssize_t k = send(p->fd[!s], shared, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (k == n)
		return true;
	p->held[s] = malloc(size);
	p->at[s] = k > 0 ? (size_t)k : 0;
	p->end[s] = (size_t)n;
	memcpy(p->held[s], shared, (size_t)n);
	return true;
}

static void watch(void)
{
	for (int i = 0; i < count; i++) {
		const struct pair *p = &pairs[i];
		for (int s = 0; s < 2; s++) {
			struct pollfd *w = &watches[1 + 2 * i + s];
			w->fd = p->fd[s];
			w->events = (short)((p->held[s] ? 0 : POLLIN) | (p->held[!s] ? POLLOUT : 0));
			w->revents = 0;
		}
	}
}

static bool step(struct pair *p, const struct pollfd *w)
{
	bool good = true;

	for (int s = 0; s < 2; s++) {
		if (!w[s].revents)
			continue;
		if (p->held[!s] && (w[s].revents & POLLOUT))
			good = push(p, !s) && good;
		if (!p->held[s] && (w[s].revents & (POLLIN | POLLHUP | POLLERR)))
			good = pull(p, s) && good;
	}
	return good;
}

int main(int argc, char **argv)
{
	struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in origin = here;
	struct rlimit most = {16384, 16384};
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	int on = 1;

	if (argc < 3)
		return 2;
	here.sin_port = htons((uint16_t)atoi(argv[1]));
	origin.sin_port = htons((uint16_t)atoi(argv[2]));
	if (argc > 3)
		size = (size_t)atol(argv[3]);
	shared = malloc(size);
	setrlimit(RLIMIT_NOFILE, &most);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listener, (struct sockaddr *)&here, sizeof(here)) != 0 || listen(listener, 4096) != 0) {
		perror("floor");
		return 1;
	}
	watches[0] = (struct pollfd){.fd = listener, .events = POLLIN};
	for (;;) {
		watch();
		poll(watches, 1 + 2 * (nfds_t)count, -1);
		for (int i = count - 1; i >= 0; i--)
			if (!step(&pairs[i], &watches[1 + 2 * i]))
				close_pair(i);
		if (watches[0].revents && count < PAIRS)
			open_pair(listener, &origin);
		watches[0].revents = 0;
	}
}

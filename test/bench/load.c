/* SPDX-License-Identifier: MIT
 *
 * load - what does a server do with exactly so many requests?
 *
 *   load PORT                        takes commands from standard input, one a line
 *   load PORT tls                    the same over TLS 1.2: X25519 and AES-128-GCM only, no tickets
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
 *   shake N K PATH LEN   N connections with one request each, K at a time, each
 *                     with a full TLS handshake
 *   resume N K PATH LEN  the same, each resuming the session of one before them
 *
 * Work is counted, not timed, so that two servers are given the same.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
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
#define ANSWER (160 * 1024) /* the longest of `run`; memory that is not used is none */

struct way {
	int fd;
	SSL *tls; /* NULL: plain */
};

struct connection {
	struct way way;
	size_t len; /* bytes of the answer so far, in `in` */
	char in[ANSWER];
};

static struct connection active[ACTIVE];
static int active_count;
static struct way idle[IDLE];
static int idle_count;
static SSL_CTX *tls;         /* NULL: plain connections */
static SSL_SESSION *session; /* to be resumed; NULL: full handshakes */
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

/* --- the way to the server: a socket, with TLS around it or without ------------- */

static void way_close(struct way *w)
{
	if (w->tls) {
		SSL_shutdown(w->tls); /* without it OpenSSL takes the session for spoilt */
		SSL_free(w->tls);
	}
	if (w->fd >= 0)
		close(w->fd);
	*w = (struct way){.fd = -1};
	ERR_clear_error(); /* or SSL_get_error blames the next connection */
}

static bool uses_x25519(SSL *one)
{
	EVP_PKEY *key = NULL;
	bool yes = SSL_get_peer_tmp_key(one, &key) == 1 && EVP_PKEY_get_id(key) == EVP_PKEY_X25519;

	EVP_PKEY_free(key);
	return yes;
}

/* 1: hands are shaken, as was wanted; 0: not yet; -1: failure. */
static int way_shake(struct way *w)
{
	int n = SSL_connect(w->tls);

	if (n != 1) {
		if (SSL_get_error(w->tls, n) == SSL_ERROR_WANT_READ)
			return 0;
		fails("a TLS handshake failed");
		return -1;
	}
	if (!SSL_session_reused(w->tls) != !session)
		fails(session ? "a session was not resumed" : "a session was resumed");
	else if (!session && !uses_x25519(w->tls))
		fails("the server did not choose X25519");
	else
		return 1;
	return -1;
}

/* Connects; the handshake is still to come. */
static bool way_dial(struct way *w)
{
	int on = 1;

	*w = (struct way){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
	if (w->fd < 0 || connect(w->fd, (struct sockaddr *)&server, sizeof(server)) != 0) {
		way_close(w);
		return fails("cannot connect");
	}
	setsockopt(w->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (!tls)
		return true;
	w->tls = SSL_new(tls);
	return w->tls && SSL_set_fd(w->tls, w->fd) && SSL_set_tlsext_host_name(w->tls, "bench.example.org") &&
		(!session || SSL_set_session(w->tls, session));
}

static bool way_open(struct way *w)
{
	return way_dial(w) && (!tls || way_shake(w) == 1);
}

/* Bytes; 0: none are there yet; -1: failure, or the server has closed. */
static ssize_t way_recv(struct way *w, void *at, size_t size)
{
	ssize_t n = w->tls ? SSL_read(w->tls, at, (int)size) : recv(w->fd, at, size, 0);

	if (n <= 0 && w->tls && SSL_get_error(w->tls, (int)n) == SSL_ERROR_WANT_READ)
		return 0;
	if (n > 0)
		return n;
	fails(n ? "a connection broke" : "a connection was closed");
	return -1;
}

static bool way_send(struct way *w, const char *at, size_t len)
{
	while (len > 0) {
		ssize_t n = w->tls ? SSL_write(w->tls, at, (int)len) : send(w->fd, at, len, MSG_NOSIGNAL);
		if (n <= 0)
			return fails("cannot send");
		at += n;
		len -= (size_t)n;
	}
	return true;
}

/* What every server of a comparison can do is all that is offered. */
static bool tls_begin(void)
{
	tls = SSL_CTX_new(TLS_client_method());
	if (!tls)
		return false;
	SSL_CTX_set_verify(tls, SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_options(tls, SSL_OP_NO_TICKET | SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
	return SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION) && SSL_CTX_set_max_proto_version(tls, TLS1_2_VERSION) &&
		SSL_CTX_set_cipher_list(tls, "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256") &&
		SSL_CTX_set1_groups_list(tls, "X25519:P-256") && /* the latter is for the certificate */
		SSL_CTX_set1_sigalgs_list(tls, "ECDSA+SHA256:RSA+SHA256");
}

/* --- requests ------------------------------------------------------------------- */

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
	ssize_t n = way_recv(&c->way, c->in + c->len, sizeof(c->in) - 1 - c->len);
	if (n <= 0)
		return (int)n;
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

static bool ask(struct way *w)
{
	return way_send(w, request, request_len);
}

static void compose(const char *path, size_t len)
{
	request_len = (size_t)snprintf(request, sizeof(request),
		"GET %s HTTP/1.1\r\nHost: bench.example.org\r\nUser-Agent: load/1.0\r\n"
		"Accept: */*\r\nAccept-Encoding: gzip, deflate\r\n\r\n", path);
	body_len = len;
}

static void close_all(void)
{
	while (active_count > 0)
		way_close(&active[--active_count].way);
}

static bool open_all(int count)
{
	close_all();
	while (active_count < count && active_count < ACTIVE) {
		struct connection *c = &active[active_count++];
		c->len = 0;
		if (!way_open(&c->way))
			return false;
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
		epoll_ctl(set, EPOLL_CTL_ADD, active[i].way.fd, &e);
		if (asked < count && good) {
			good = ask(&active[i].way);
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
				good = ask(&((struct connection *)events[i].data.ptr)->way);
				asked++;
			}
		}
	}
	close(set);
	return good;
}

/* One request on a connection of its own, which stays open. */
static bool once(struct connection *c)
{
	int state = 0;

	c->len = 0;
	if (!way_open(&c->way) || !ask(&c->way))
		return false;
	while (state == 0)
		state = take(c);
	return state > 0;
}

static bool add_idle(int count)
{
	static struct connection c;

	for (int i = 0; i < count && idle_count < IDLE; i++) {
		bool good = once(&c);
		idle[idle_count++] = c.way;
		if (!good)
			return false;
	}
	return true;
}

static bool drop(void)
{
	while (idle_count > 0)
		way_close(&idle[--idle_count]);
	return true;
}

/* --- handshakes ------------------------------------------------------------------- */

/* 1: the handshake and the request are done; 0: not yet; -1: failure. */
static int shake_step(struct connection *c)
{
	if (SSL_is_init_finished(c->way.tls))
		return take(c);
	int state = way_shake(&c->way);
	if (state == 1)
		return ask(&c->way) ? 0 : -1;
	return state;
}

static bool shake_begin(struct connection *c, int set)
{
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};

	c->len = 0;
	return way_dial(&c->way) && fcntl(c->way.fd, F_SETFL, O_NONBLOCK) == 0 &&
		epoll_ctl(set, EPOLL_CTL_ADD, c->way.fd, &e) == 0 && shake_step(c) >= 0;
}

static bool shake(long count, int width)
{
	struct epoll_event events[64];
	int set = epoll_create1(EPOLL_CLOEXEC);
	long begun = 0, done = 0;
	bool good = tls && width <= ACTIVE;

	close_all();
	for (; good && begun < width && begun < count; begun++)
		good = shake_begin(&active[active_count++], set);
	while (good && done < count) {
		int n = epoll_wait(set, events, 64, 10000);
		if (n <= 0)
			good = fails("no answer for 10 s");
		for (int i = 0; i < n && good; i++) {
			struct connection *c = events[i].data.ptr;
			int state = shake_step(c);
			good = state >= 0;
			if (state != 1)
				continue;
			done++;
			way_close(&c->way);
			if (begun < count && good) {
				good = shake_begin(c, set);
				begun++;
			}
		}
	}
	close_all();
	close(set);
	return good;
}

static bool resume(long count, int width)
{
	static struct connection c;
	bool good = tls && once(&c);

	if (good)
		session = SSL_get1_session(c.way.tls);
	way_close(&c.way);
	good = good && shake(count, width);
	SSL_SESSION_free(session);
	session = NULL;
	return good;
}

/* --- long bodies ------------------------------------------------------------------ */

/* Reads a head whose body has `want` bytes; *over: bytes behind the head, in bulk. */
static bool read_head(struct way *w, uint64_t want, uint64_t *over)
{
	size_t len = 0;
	long head = 0;

	while (head == 0) {
		ssize_t n = way_recv(w, bulk + len, sizeof(bulk) - 1 - len);
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
	struct way w;

	compose(path, 0);
	bool good = way_open(&w) && ask(&w) && read_head(&w, len, &got);
	while (good && got < len) {
		ssize_t n = way_recv(&w, bulk, sizeof(bulk));
		if (n <= 0)
			good = fails("the download broke off");
		else
			got += (uint64_t)n;
	}
	if (good && got != len)
		good = fails("too many bytes");
	way_close(&w);
	return good;
}

static bool up(const char *path, uint64_t len)
{
	uint64_t sent = 0, over;
	struct way w;
	int n = snprintf(bulk, sizeof(bulk), "PUT %s HTTP/1.1\r\nHost: bench.example.org\r\n"
		"Content-Length: %llu\r\n\r\n", path, (unsigned long long)len);
	bool good = way_open(&w) && way_send(&w, bulk, (size_t)n);

	memset(bulk, 'u', sizeof(bulk));
	while (good && sent < len) {
		size_t part = len - sent < sizeof(bulk) ? (size_t)(len - sent) : sizeof(bulk);
		good = way_send(&w, bulk, part);
		sent += part;
	}
	good = good && read_head(&w, 3, &over);
	way_close(&w);
	return good;
}

static bool obey(char *line)
{
	char word[16] = "", path[512] = "/";
	long count = 0;
	int width = 0;
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
	if (sscanf(line, "%*s %ld %d %511s %llu", &count, &width, path, &len) == 4) {
		compose(path, len);
		if (strcmp(word, "shake") == 0)
			return shake(count, width);
		if (strcmp(word, "resume") == 0)
			return resume(count, width);
	}
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
		if (!way_open(&c.way)) {
			usleep(50);
			continue;
		}
		compose(path, 1024);
		state = ask(&c.way) ? 0 : -1;
		while (state == 0)
			state = take(&c);
		way_close(&c.way);
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
	signal(SIGPIPE, SIG_IGN); /* SSL_write knows no MSG_NOSIGNAL */
	if (argc > 2 && strcmp(argv[2], "tls") == 0 && !tls_begin())
		return 2;
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

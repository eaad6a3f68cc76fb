/* SPDX-License-Identifier: MIT
 *
 * Do the calls do what platform.h says, on this system? Real sockets, on
 * loopback addresses and in a directory of our own.
 */
#include "../../platform/platform.h"
#include "block.h"

#include <stdio.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const struct net loopback = {.family = NET_IP4, .bits = 32, .ip = {127, 0, 0, 1}};
static char directory[] = "/tmp/gateway-test-XXXXXX";

static const char *in_directory(const char *name)
{
	static char path[200];

	snprintf(path, sizeof path, "%s/%s", directory, name);
	return path;
}

static bool is_ready(int fd, short want)
{
	struct watch w = {.fd = fd, .want = want};
	int64_t until = platform_now() + 5000;

	while (platform_now() < until)
		if (platform_poll(&w, 1, 5000) == 1) /* 0 on a signal too */
			return true;
	return false;
}

/* A listener on a free port; *at is where it listens. */
static int listen_free(const struct net *address, bool both, struct net *at)
{
	struct text error = block_text(300);
	int fd = platform_listen(address, NULL, both, &error);

	assert_true(fd >= 0);
	assert_int_equal(error.len, 0);
	assert_true(platform_local(fd, at));
	free(error.at);
	return fd;
}

struct pair {
	int client, server;
};

static struct pair connect_to(int listener, const struct net *at, const char *path, struct net *peer)
{
	struct pair p = {.client = platform_connect(at, path)};

	assert_true(p.client >= 0);
	assert_true(is_ready(listener, PLATFORM_IN));
	p.server = platform_accept(listener, peer);
	assert_true(p.server >= 0);
	assert_true(is_ready(p.client, PLATFORM_OUT));
	assert_null(platform_connected(p.client));
	return p;
}

static struct pair connected(void)
{
	struct net at, peer;
	int listener = listen_free(&loopback, false, &at);
	struct pair p = connect_to(listener, &at, NULL, &peer);

	platform_close(listener);
	return p;
}

static void close_pair(struct pair p)
{
	platform_close(p.client);
	platform_close(p.server);
}

static void send_str(int fd, const char *s)
{
	struct piece p = {s, strlen(s)};

	assert_int_equal(platform_send(fd, &p, 1), (long)p.len);
}

/* --- connections ----------------------------------------------------------- */

static void accepts(void **state)
{
	struct net at, peer, own;
	int listener = listen_free(&loopback, false, &at);
	struct pair p;

	(void)state;
	assert_int_equal(platform_accept(listener, &peer), PLATFORM_WAIT);
	p = connect_to(listener, &at, NULL, &peer);
	assert_int_equal(peer.family, NET_IP4);
	assert_int_equal(peer.bits, 32);
	assert_memory_equal(peer.ip, loopback.ip, 16);
	assert_true(platform_local(p.client, &own));
	assert_int_equal(own.port, peer.port);
	assert_true(platform_local(p.server, &own));
	assert_int_equal(own.port, at.port);
	assert_true(fcntl(p.server, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(p.server, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(platform_accept(listener, &peer), PLATFORM_WAIT);
	close_pair(p);
	platform_close(listener);
}

static void moves_bytes(void **state)
{
	struct pair p = connected();
	struct piece pieces[3] = {{"one ", 4}, {"two", 3}, {" three", 6}};
	char room[32];

	(void)state;
	assert_int_equal(platform_recv(p.server, room, sizeof room), PLATFORM_WAIT);
	assert_int_equal(platform_peek(p.server), PLATFORM_WAIT);
	assert_int_equal(platform_send(p.client, pieces, 3), 13);
	assert_true(is_ready(p.server, PLATFORM_IN));
	assert_int_equal(platform_peek(p.server), 1);
	assert_int_equal(platform_recv(p.server, room, sizeof room), 13);
	assert_memory_equal(room, "one two three", 13);
	platform_shutdown(p.client);
	assert_true(is_ready(p.server, PLATFORM_IN));
	assert_int_equal(platform_peek(p.server), 0);
	assert_int_equal(platform_recv(p.server, room, sizeof room), 0);
	send_str(p.server, "still"); /* the other way is open */
	assert_true(is_ready(p.client, PLATFORM_IN));
	assert_int_equal(platform_recv(p.client, room, sizeof room), 5);
	close_pair(p);
}

static void looks_without_taking(void **state)
{
	struct pair p = connected();
	char room[8] = "";

	(void)state;
	assert_int_equal(platform_look(p.server, room, sizeof room), PLATFORM_WAIT);
	send_str(p.client, "twelve bytes");
	assert_true(is_ready(p.server, PLATFORM_IN));
	assert_int_equal(platform_look(p.server, room, 5), 5);
	assert_memory_equal(room, "twelv\0\0", 8);
	assert_int_equal(platform_look(p.server, room, sizeof room), 8);
	assert_memory_equal(room, "twelve b", 8);
	assert_int_equal(platform_recv(p.server, room, sizeof room), 8);
	assert_memory_equal(room, "twelve b", 8);
	assert_int_equal(platform_recv(p.server, room, sizeof room), 4);
	platform_shutdown(p.client);
	assert_true(is_ready(p.server, PLATFORM_IN));
	assert_int_equal(platform_look(p.server, room, sizeof room), 0);
	close_pair(p);
}

static void a_full_socket_waits(void **state)
{
	struct pair p = connected();
	static char block[65536];
	struct piece piece = {block, sizeof block};
	long n, total = 0;

	(void)state;
	while ((n = platform_send(p.client, &piece, 1)) > 0)
		total += n;
	assert_int_equal(n, PLATFORM_WAIT);
	assert_true(total > 0);
	close_pair(p);
}

static void resets(void **state)
{
	struct pair p = connected();
	struct watch w = {.fd = p.server, .want = PLATFORM_IN};
	struct piece piece = {"x", 1};
	char byte;

	(void)state;
	platform_reset(p.client);
	platform_close(p.client);
	assert_int_equal(platform_poll(&w, 1, 5000), 1);
	assert_int_equal(w.got & (PLATFORM_IN | PLATFORM_OUT), PLATFORM_IN | PLATFORM_OUT);
	assert_true(w.got & PLATFORM_GONE);
	assert_int_equal(platform_recv(p.server, &byte, 1), PLATFORM_BROKEN);
	assert_string_equal(platform_why(), "connection reset");
	assert_int_equal(platform_send(p.server, &piece, 1), PLATFORM_BROKEN); /* and no SIGPIPE */
	assert_int_equal(platform_send(p.server, &piece, 1), PLATFORM_BROKEN);
	platform_close(p.server);
}

static void refused(void **state)
{
	struct net at;
	int fd;

	(void)state;
	platform_close(listen_free(&loopback, false, &at));
	fd = platform_connect(&at, NULL);
	assert_true(fd >= 0);
	assert_true(is_ready(fd, PLATFORM_OUT));
	assert_string_equal(platform_connected(fd), "connection refused");
	platform_close(fd);
}

/* Whatever the machine has of IPv6, an IPv4 client of `both` is an IPv4 client. */
static void both_families(void **state)
{
	struct net any = {.family = NET_IP6, .bits = 128}, at, peer, own;
	int listener = listen_free(&any, true, &at);
	struct net to = loopback;
	struct pair p;

	(void)state;
	to.port = at.port;
	p = connect_to(listener, &to, NULL, &peer);
	assert_true(net_same(&peer, &loopback));
	assert_true(platform_local(p.server, &own));
	assert_true(net_same(&own, &loopback));
	close_pair(p);
	platform_close(listener);
}

static void six_alone(void **state)
{
	struct net any = {.family = NET_IP6, .bits = 128}, at, to = loopback;
	struct text error = block_text(300);
	int listener = platform_listen(&any, NULL, false, &error), fd;

	(void)state;
	free(error.at);
	if (listener < 0) {
		assert_string_equal(platform_why(), "this system does not have that kind of address");
		return;
	}
	assert_true(platform_local(listener, &at));
	to.port = at.port;
	fd = platform_connect(&to, NULL);
	assert_true(fd >= 0 && is_ready(fd, PLATFORM_OUT));
	assert_non_null(platform_connected(fd));
	platform_close(fd);
	platform_close(listener);
}

static void assert_refuses(const struct net *address, const char *path, const char *words)
{
	struct text error = block_text(400);

	assert_int_equal(platform_listen(address, path, false, &error), -1);
	text_char(&error, 0);
	if (strncmp(error.at, "cannot listen on ", 17) != 0 || !strstr(error.at, words))
		fail_msg("%s: where is '%s'?", error.at, words);
	free(error.at);
}

static void says_why_it_cannot_listen(void **state)
{
	struct net at, elsewhere = {.family = NET_IP4, .bits = 32, .port = 8080, .ip = {192, 0, 2, 1}};
	int listener = listen_free(&loopback, false, &at);
	char longer[200];

	(void)state;
	assert_refuses(&at, NULL, "address already in use");
	assert_refuses(&at, NULL, "127.0.0.1:");
	assert_refuses(&elsewhere, NULL, "192.0.2.1:8080: this machine does not have that address");
	memset(longer, 'x', sizeof longer);
	longer[0] = '/';
	longer[sizeof longer - 1] = 0;
	assert_refuses(NULL, longer, "name too long");
	assert_refuses(NULL, "/nonexistent/socket", "unix:/nonexistent/socket: no such file");
	platform_close(listener);
}

/* --- Unix sockets ------------------------------------------------------------ */

static int listen_unix(const char *path)
{
	struct text error = block_text(300);
	int fd = platform_listen(NULL, path, false, &error);

	if (fd < 0)
		fail_msg("%.*s", (int)error.len, error.at);
	free(error.at);
	return fd;
}

static void unix_sockets(void **state)
{
	const char *path = in_directory("socket");
	int listener = listen_unix(path);
	struct net peer;
	struct stat st;
	struct pair p;

	(void)state;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0666);
	p = connect_to(listener, NULL, path, &peer);
	assert_int_equal(peer.family, NET_UNIX);
	assert_true(platform_local(p.server, &peer));
	assert_int_equal(peer.family, NET_UNIX);
	assert_refuses(NULL, path, "address already in use"); /* somebody answers there */
	close_pair(p);
	platform_close(listener);
	assert_int_equal(platform_connect(NULL, path), -1);
	assert_string_equal(platform_why(), "connection refused");
	platform_close(listen_unix(path)); /* nobody does any more */
	unlink(path);
}

/* Whatever the umask is, and it stays what it is. */
static void a_socket_of_ones_own(void **state)
{
	const char *path = in_directory("own");
	struct text error = block_text(300);
	mode_t before = umask(0);
	int listener = platform_listen_own(path, &error);
	struct net peer;
	struct stat st;

	(void)state;
	assert_true(listener >= 0);
	assert_int_equal(umask(before), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	close_pair(connect_to(listener, NULL, path, &peer));
	assert_int_equal(platform_listen_own(path, &error), -1);
	assert_true(error.len > 0); /* somebody answers there */
	platform_close(listener);
	error.len = 0;
	listener = platform_listen_own(path, &error);
	assert_true(listener >= 0);
	assert_int_equal(error.len, 0);
	platform_close(listener);
	unlink(path);
	assert_int_equal(platform_listen_own("/nonexistent/own", &error), -1);
	block_same(text_span(&error), "cannot listen on unix:/nonexistent/own: no such file or directory", "no directory");
	free(error.at);
}

static void other_files_stay(void **state)
{
	const char *path = in_directory("file");
	int fd = open(path, O_CREAT | O_WRONLY, 0600);
	struct stat st;

	(void)state;
	close(fd);
	assert_refuses(NULL, path, "address already in use");
	assert_int_equal(stat(path, &st), 0);
	assert_true(S_ISREG(st.st_mode));
	unlink(path);
}

/* --- limits --------------------------------------------------------------------- */

static void out_of_descriptors(void **state)
{
	struct net at, peer;
	int listener = listen_free(&loopback, false, &at), client = platform_connect(&at, NULL), fd;
	struct rlimit before, few;

	(void)state;
	assert_true(is_ready(listener, PLATFORM_IN));
	getrlimit(RLIMIT_NOFILE, &before);
	few = before;
	few.rlim_cur = (rlim_t)client + 1;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	fd = platform_accept(listener, &peer);
	setrlimit(RLIMIT_NOFILE, &before);
	assert_int_equal(fd, PLATFORM_BROKEN);
	assert_non_null(strstr(platform_why(), "out of descriptors"));
	fd = platform_accept(listener, &peer); /* it has waited */
	assert_true(fd >= 0);
	platform_close(fd);
	platform_close(client);
	platform_close(listener);
}

static void raises_the_limit(void **state)
{
	struct rlimit before, now;

	(void)state;
	getrlimit(RLIMIT_NOFILE, &before);
	now = before;
	now.rlim_cur = 64;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
	assert_true(platform_descriptors(100));
	getrlimit(RLIMIT_NOFILE, &now);
	assert_int_equal(now.rlim_cur, 100);
	assert_true(platform_descriptors(70)); /* never lower */
	getrlimit(RLIMIT_NOFILE, &now);
	assert_int_equal(now.rlim_cur, 100);
	setrlimit(RLIMIT_NOFILE, &before);
}

/* --- waiting ----------------------------------------------------------------------- */

static void polls(void **state)
{
	struct pair p = connected();
	struct watch w[3] = {{.fd = p.client, .want = PLATFORM_IN}, {.fd = -1, .want = PLATFORM_IN}, {.fd = p.server, .want = PLATFORM_IN}};
	int64_t began = platform_now();

	(void)state;
	assert_int_equal(platform_poll(w, 3, 30), 0);
	assert_true(platform_now() - began >= 29);
	assert_int_equal(platform_poll(w, 3, 0), 0);
	send_str(p.client, "x");
	assert_int_equal(platform_poll(w, 3, -1), 1);
	assert_int_equal(w[0].got, 0);
	assert_int_equal(w[1].got, 0);
	assert_int_equal(w[2].got, PLATFORM_IN);
	w[0].want = PLATFORM_OUT;
	assert_int_equal(platform_poll(w, 3, (int64_t)1 << 40), 2);
	assert_int_equal(w[0].got, PLATFORM_OUT);
	close_pair(p);
}

static void parks(void **state)
{
	int park = platform_park_open();
	struct pair p = connected(), q = connected();
	struct watch w = {.fd = park, .want = PLATFORM_IN};
	void *who[4];

	(void)state;
	if (park < 0) { /* then the caller must be told so every time */
		assert_false(platform_park(park, p.server, &p));
		assert_int_equal(platform_parked(park, who, 4), 0);
	} else {
		assert_true(platform_park(park, p.server, &p));
		assert_true(platform_park(park, q.server, &q));
		assert_int_equal(platform_parked(park, who, 4), 0);
		assert_int_equal(platform_poll(&w, 1, 0), 0);
		send_str(q.client, "x");
		assert_int_equal(platform_poll(&w, 1, 5000), 1);
		assert_int_equal(platform_parked(park, who, 4), 1);
		assert_ptr_equal(who[0], &q);
		assert_int_equal(platform_parked(park, who, 4), 1); /* it stays */
		platform_unpark(park, q.server);
		assert_int_equal(platform_parked(park, who, 4), 0);
		platform_shutdown(p.client);
		assert_int_equal(platform_poll(&w, 1, 5000), 1);
		assert_int_equal(platform_parked(park, who, 4), 1);
		assert_ptr_equal(who[0], &p);
		platform_close(park);
	}
	close_pair(p);
	close_pair(q);
}

static void splices(void **state)
{
	struct pair p = connected(), q = connected();
	int ends[2];
	char room[16];

	(void)state;
	if (!platform_pipe_open(ends)) {
		assert_int_equal(ends[0], -1);
	} else {
		assert_int_equal(platform_pipe_fill(p.server, ends, 100), PLATFORM_WAIT);
		send_str(p.client, "through");
		assert_true(is_ready(p.server, PLATFORM_IN));
		assert_int_equal(platform_pipe_fill(p.server, ends, 4), 4);
		assert_int_equal(platform_pipe_fill(p.server, ends, 100), 3);
		assert_int_equal(platform_pipe_drain(ends, q.client, 7), 7);
		assert_true(is_ready(q.server, PLATFORM_IN));
		assert_int_equal(platform_recv(q.server, room, sizeof room), 7);
		assert_memory_equal(room, "through", 7);
		platform_shutdown(p.client);
		assert_true(is_ready(p.server, PLATFORM_IN));
		assert_int_equal(platform_pipe_fill(p.server, ends, 100), 0);
		platform_close(ends[0]);
		platform_close(ends[1]);
	}
	close_pair(p);
	close_pair(q);
}

/* --- pairs ---------------------------------------------------------------------------- */

static void pairs_keep_boundaries(void **state)
{
	int pair[2], passed = 77;
	char room[16];

	(void)state;
	assert_true(platform_pair(pair));
	assert_int_equal(platform_pair_recv(pair[1], room, sizeof room, &passed), PLATFORM_WAIT);
	assert_int_equal(passed, -1);
	assert_true(platform_pair_send(pair[0], "abc", 3, -1));
	assert_true(platform_pair_send(pair[0], "de", 2, -1));
	assert_int_equal(platform_pair_recv(pair[1], room, sizeof room, &passed), 3);
	assert_int_equal(platform_pair_recv(pair[1], room, sizeof room, &passed), 2);
	assert_memory_equal(room, "de", 2);
	platform_close(pair[0]);
	assert_int_equal(platform_pair_recv(pair[1], room, sizeof room, &passed), 0);
	assert_false(platform_pair_send(pair[1], "x", 1, -1));
	platform_close(pair[1]);
}

static void pairs_pass_descriptors(void **state)
{
	int pair[2], ends[2], passed;
	char letter;

	(void)state;
	assert_true(platform_pair(pair));
	assert_int_equal(pipe(ends), 0);
	assert_true(platform_pair_send(pair[0], "f", 1, ends[1]));
	close(ends[1]);
	assert_int_equal(platform_pair_recv(pair[1], &letter, 1, &passed), 1);
	assert_int_equal(letter, 'f');
	assert_true(passed >= 0);
	assert_true(fcntl(passed, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(write(passed, "!", 1), 1);
	assert_int_equal(read(ends[0], &letter, 1), 1);
	assert_int_equal(letter, '!');
	close(passed);
	assert_int_equal(read(ends[0], &letter, 1), 0); /* it was the last one */
	close(ends[0]);
	platform_close(pair[0]);
	platform_close(pair[1]);
}

/* --- processes -------------------------------------------------------------------------- */

static void assert_ended(long pid, const char *expected)
{
	struct text how = block_text(100);
	int64_t until = platform_now() + 10000;
	long ended = 0;

	while (!platform_reap(&ended, &how) && platform_now() < until)
		platform_poll(NULL, 0, 5);
	assert_int_equal(ended, pid);
	text_char(&how, 0);
	assert_string_equal(how.at, expected);
	free(how.at);
}

static long assert_fork(void)
{
	long pid = platform_fork();

	assert_true(pid >= 0);
	return pid;
}

static void tells_how_it_ended(void **state)
{
	long pid = assert_fork();

	(void)state;
	if (pid == 0)
		_exit(3);
	assert_ended(pid, "exit status 3");
	pid = assert_fork();
	if (pid == 0)
		for (;;)
			pause();
	assert_true(platform_alive((uint32_t)pid));
	platform_kill(pid);
	while (platform_alive((uint32_t)pid)) /* a dead child is none before anybody has waited for it */
		platform_yield();
	assert_ended(pid, "signal 9 (killed)");
	assert_false(platform_alive((uint32_t)pid));
	assert_false(platform_alive(0));
	assert_true(platform_alive(1)); /* another user's, as a rule */
	platform_yield();
}

static void shares_memory(void **state)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *shared = platform_memory(page * 3, true), *own = platform_memory(page, false);
	long pid;

	(void)state;
	assert_non_null(shared);
	assert_non_null(own);
	for (size_t i = 0; i < page * 3; i++)
		assert_int_equal(shared[i], 0);
	pid = assert_fork();
	if (pid == 0) {
		shared[page] = own[0] = 'x';
		_exit(0);
	}
	assert_ended(pid, "exit status 0");
	assert_int_equal(shared[page], 'x');
	assert_int_equal(own[0], 0);
	platform_memory_free(shared, page * 3);
	platform_memory_free(own, page);
	platform_memory_free(NULL, page);
	assert_int_equal(msync(shared, page * 3, MS_ASYNC), -1); /* nothing is there any more */
	assert_null(platform_memory(SIZE_MAX / 2, false));
	assert_string_equal(platform_why(), "out of memory");
}

/* Each exit status names the promise that was broken. */
static int drop_rights(void)
{
	gid_t groups[64];
	int count, i;

	if (platform_become("65534", NULL) != NULL)
		return 1;
	if (getuid() != 65534 || geteuid() != 65534 || getgid() == 0 || getegid() == 0)
		return 2;
	if (setuid(0) == 0 || setgid(0) == 0 || platform_is_root())
		return 3;
	count = getgroups(64, groups);
	for (i = 0; i < count; i++)
		if (groups[i] == 0)
			return 4;
	return platform_become("0", NULL) ? 0 : 5;
}

static void drops_rights(void **state)
{
	long pid = assert_fork();

	(void)state;
	if (pid == 0)
		_exit(getuid() == 0 ? drop_rights() : platform_become("0", NULL) ? 0 : 6);
	assert_ended(pid, "exit status 0");
	assert_null(platform_knows(NULL, NULL));
	assert_null(platform_knows("root", "0"));
	assert_string_equal(platform_knows("no-such-user-here", NULL), "no such user");
	assert_string_equal(platform_knows("root", "no-such-group-here"), "no such group");
	assert_string_equal(platform_knows("-1", NULL), "no such user");
	assert_string_equal(platform_knows("0x0", NULL), "no such user");
	assert_string_equal(platform_knows("99999999999", NULL), "no such user");
}

static int next_signal(int fd)
{
	assert_true(is_ready(fd, PLATFORM_IN));
	return platform_signal(fd);
}

static void signals_are_letters(void **state)
{
	int fd = platform_signals();
	long pid;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(platform_signal(fd), 0);
	raise(SIGHUP);
	assert_int_equal(next_signal(fd), PLATFORM_RELOAD);
	raise(SIGTERM);
	assert_int_equal(next_signal(fd), PLATFORM_STOP);
	raise(SIGINT);
	assert_int_equal(next_signal(fd), PLATFORM_STOP);
	raise(SIGUSR1);
	assert_int_equal(next_signal(fd), PLATFORM_REOPEN);
	raise(SIGPIPE);
	pid = assert_fork();
	if (pid == 0) { /* ignores them all, and tells its parent nothing */
		raise(SIGHUP);
		raise(SIGTERM);
		raise(SIGINT);
		raise(SIGUSR1);
		raise(SIGPIPE);
		_exit(0);
	}
	assert_int_equal(next_signal(fd), PLATFORM_CHILD);
	assert_int_equal(platform_signal(fd), 0);
	assert_ended(pid, "exit status 0");
	signal(SIGCHLD, SIG_DFL);
}

static void knows_its_pid(void **state)
{
	long own = platform_pid(), pid;

	(void)state;
	assert_int_equal(own, getpid());
	pid = assert_fork();
	if (pid == 0)
		_exit(platform_pid() == getpid() ? 0 : 1);
	assert_ended(pid, "exit status 0");
}

/* --- files ---------------------------------------------------------------------------------- */

static void put_file(const char *path, const char *content)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, strlen(content)), (ssize_t)strlen(content));
	close(fd);
}

static void reads_in_a_directory_alone(void **state)
{
	static const char *const others[] = {"", ".", "..", "../outside", "a/b", "/etc/passwd", "a/", "missing", "link", "fifo", "inside"};
	char inside[200], room[16];
	size_t i;

	(void)state;
	put_file(in_directory("outside"), "secret");
	snprintf(inside, sizeof inside, "%s", in_directory("challenges"));
	assert_int_equal(mkdir(inside, 0700), 0);
	put_file(in_directory("challenges/token"), "answer");
	assert_int_equal(mkdir(in_directory("challenges/inside"), 0700), 0);
	assert_int_equal(symlink("../outside", in_directory("challenges/link")), 0);
	assert_int_equal(mkfifo(in_directory("challenges/fifo"), 0600), 0);
	assert_int_equal(platform_read_in(inside, "token", room, sizeof room), 6);
	assert_memory_equal(room, "answer", 6);
	assert_int_equal(platform_read_in(inside, "token", room, 3), 3);
	for (i = 0; i < COUNT(others); i++)
		if (platform_read_in(inside, others[i], room, sizeof room) != PLATFORM_BROKEN)
			fail_msg("\"%s\" was read", others[i]);
	assert_int_equal(platform_read_in(in_directory("nowhere"), "token", room, sizeof room), PLATFORM_BROKEN);
	assert_string_equal(platform_why(), "no such file or directory");
	assert_int_equal(platform_read_in(in_directory("outside"), "token", room, sizeof room), PLATFORM_BROKEN);
	unlink(in_directory("challenges/token"));
	unlink(in_directory("challenges/link"));
	unlink(in_directory("challenges/fifo"));
	rmdir(in_directory("challenges/inside"));
	rmdir(inside);
	unlink(in_directory("outside"));
}

/* A FIFO, with or without somebody who writes, must not hang who reads: the
 * supervisor looks at files again and again. */
static void reads_files_alone(void **state)
{
	static const struct { const char *name, *why; } others[] = {
		{"fifo", "is not a regular file"}, {"inside", "is a directory"}, {"missing", "no such file or directory"},
	};
	char room[16];
	int writer;

	(void)state;
	put_file(in_directory("file"), "content");
	assert_int_equal(mkfifo(in_directory("fifo"), 0600), 0);
	assert_int_equal(mkdir(in_directory("inside"), 0700), 0);
	assert_int_equal(platform_read(in_directory("file"), room, sizeof room), 7);
	assert_int_equal(platform_read_given(in_directory("file"), room, 3), 3);
	alarm(5); /* instead of for ever */
	for (size_t i = 0; i < COUNT(others); i++) {
		assert_int_equal(platform_read(in_directory(others[i].name), room, sizeof room), PLATFORM_BROKEN);
		assert_string_equal(platform_why(), others[i].why);
		assert_int_equal(platform_read_given(in_directory(others[i].name), room, sizeof room), PLATFORM_BROKEN);
		assert_string_equal(platform_why(), others[i].why);
	}
	writer = open(in_directory("fifo"), O_RDWR);
	assert_true(writer >= 0);
	assert_int_equal(write(writer, "x", 1), 1);
	assert_int_equal(platform_read(in_directory("fifo"), room, sizeof room), PLATFORM_BROKEN);
	assert_int_equal(platform_read("/dev/zero", room, sizeof room), PLATFORM_BROKEN);
	alarm(0);
	close(writer);
	unlink(in_directory("file"));
	unlink(in_directory("fifo"));
	rmdir(in_directory("inside"));
}

static void write_slowly(int fd)
{
	struct timespec pause = {.tv_nsec = 50000000};

	for (int i = 0; i < 4; i++) {
		nanosleep(&pause, NULL);
		if (write(fd, "part", 4) != 4)
			_exit(1);
	}
	_exit(0);
}

/* A descriptor that we were given may be a pipe: all that comes, as it comes. */
static void reads_what_a_pipe_gives(void **state)
{
	char room[32], path[32];
	int ends[2];
	long pid;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
	pid = assert_fork();
	if (pid == 0) {
		close(ends[0]);
		write_slowly(ends[1]);
	}
	close(ends[1]);
	assert_int_equal(platform_read(path, room, sizeof room), PLATFORM_BROKEN);
	assert_string_equal(platform_why(), "is not a regular file");
	assert_int_equal(platform_read_given(path, room, sizeof room), 16);
	assert_memory_equal(room, "partpartpartpart", 16);
	assert_int_equal(platform_read_given(path, room, sizeof room), 0);
	assert_ended(pid, "exit status 0");
	close(ends[0]);
}

static int files_in(const char *path)
{
	DIR *d = opendir(path);
	int count = -2; /* . and .. */

	assert_non_null(d);
	while (readdir(d))
		count++;
	closedir(d);
	return count;
}

static void keeps_whole_or_not_at_all(void **state)
{
	char place[200], room[16];
	const char *path;
	struct stat st;

	(void)state;
	snprintf(place, sizeof place, "%s", in_directory("kept"));
	assert_true(platform_directory(place));
	path = in_directory("kept/file");
	assert_true(platform_keep(path, "first, longer", 13));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_true(platform_keep(path, "second", 6));
	assert_int_equal(platform_read(path, room, sizeof room), 6);
	assert_memory_equal(room, "second", 6);
	assert_int_equal(files_in(place), 1);
	path = in_directory("kept/directory");
	assert_int_equal(mkdir(path, 0700), 0);
	assert_false(platform_keep(path, "x", 1)); /* the last step fails, and nothing is left over */
	assert_int_equal(files_in(place), 2);
	assert_false(platform_keep("/nonexistent/file", "x", 1));
	assert_string_equal(platform_why(), "no such file or directory");
	rmdir(path);
	unlink(in_directory("kept/file"));
	rmdir(place);
}

/* One at a time, and whoever dies with it gives it back. */
static void locks(void **state)
{
	char path[200], room[64];
	struct text how = text_in(room, sizeof room);
	long pid, ended;
	int fd, ready[2];
	int64_t since;
	struct stat st;
	char byte;

	(void)state;
	snprintf(path, sizeof path, "%s", in_directory("lock"));
	assert_int_equal(pipe(ready), 0);
	pid = platform_fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (platform_lock(path, 0) < 0 || write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	since = platform_now();
	assert_int_equal(platform_lock(path, 100), -1);
	assert_string_equal(platform_why(), "no answer in time");
	assert_in_range(platform_now() - since, 100, 5000);
	platform_kill(pid);
	fd = platform_lock(path, 5000);
	assert_true(fd >= 0);
	while (!platform_reap(&ended, &how))
		platform_poll(NULL, 0, 1);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	platform_close(fd);
	fd = platform_lock(path, 0);
	assert_true(fd >= 0);
	platform_close(fd);
	close(ready[0]);
	close(ready[1]);
	unlink(path);
	assert_int_equal(symlink("/nonexistent", path), 0);
	assert_int_equal(platform_lock(path, 0), -1);
	unlink(path);
}

static int keep_too_much(const char *path)
{
	struct rlimit little = {.rlim_cur = 4, .rlim_max = 4};

	signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &little) != 0)
		return 2;
	return platform_keep(path, "more than four", 14) ? 3 : 0;
}

/* The disk is full in the middle: what was there stays as it was. */
static void keeps_the_old_one(void **state)
{
	char place[200], room[16];
	const char *path;
	long pid;

	(void)state;
	snprintf(place, sizeof place, "%s", in_directory("kept"));
	assert_true(platform_directory(place));
	path = in_directory("kept/file");
	assert_true(platform_keep(path, "old", 3));
	pid = assert_fork();
	if (pid == 0)
		_exit(keep_too_much(path));
	assert_ended(pid, "exit status 0");
	assert_int_equal(platform_read(path, room, sizeof room), 3);
	assert_int_equal(files_in(place), 1);
	unlink(path);
	rmdir(place);
}

static void makes_directories(void **state)
{
	struct stat st;

	(void)state;
	assert_true(platform_directory(in_directory("a//b/c/")));
	assert_int_equal(stat(in_directory("a/b"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(chmod(in_directory("a/b/c"), 0755), 0);
	assert_true(platform_directory(in_directory("a/b/c"))); /* it is there: nothing changes */
	assert_int_equal(stat(in_directory("a/b/c"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0755);
	assert_true(platform_directory("/"));
	assert_false(platform_directory(""));
	put_file(in_directory("a/file"), "");
	assert_false(platform_directory(in_directory("a/file")));
	assert_string_equal(platform_why(), "a part of the path is not a directory");
	assert_false(platform_directory(in_directory("a/file/b")));
	unlink(in_directory("a/file"));
	rmdir(in_directory("a/b/c"));
	rmdir(in_directory("a/b"));
	rmdir(in_directory("a"));
}

static uint64_t stamped(uint64_t before)
{
	uint64_t now = platform_stamp(in_directory("link"));

	assert_true(now != 0);
	assert_true(now != before);
	assert_true(platform_stamp(in_directory("link")) == now);
	return now;
}

static void stamps_change_with_the_file(void **state)
{
	char from[200];
	struct timespec then[2] = {{.tv_sec = 1000}, {.tv_sec = 1000, .tv_nsec = 1}};
	uint64_t stamp;

	(void)state;
	assert_true(platform_stamp(in_directory("file")) == 0);
	put_file(in_directory("file"), "one");
	assert_int_equal(symlink("file", in_directory("link")), 0);
	stamp = stamped(0);
	put_file(in_directory("file"), "three");
	stamp = stamped(stamp);
	utimensat(AT_FDCWD, in_directory("file"), then, 0);
	stamp = stamped(stamp);
	then[1].tv_nsec = 2;
	utimensat(AT_FDCWD, in_directory("file"), then, 0);
	stamp = stamped(stamp);
	put_file(in_directory("new"), "three");
	snprintf(from, sizeof from, "%s", in_directory("new"));
	assert_int_equal(rename(from, in_directory("file")), 0);
	stamp = stamped(stamp);
	put_file(in_directory("other"), "three");
	unlink(in_directory("link"));
	assert_true(platform_stamp(in_directory("link")) == 0);
	assert_int_equal(symlink("other", in_directory("link")), 0);
	stamped(stamp);
	unlink(in_directory("file"));
	unlink(in_directory("other"));
	assert_true(platform_stamp(in_directory("link")) == 0); /* it leads nowhere */
	unlink(in_directory("link"));
}

/* What the machine has differs; what must not be among it does not. */
static void tells_its_addresses(void **state)
{
	struct net found[64];
	size_t count = platform_addresses(found, 64), i, k;

	(void)state;
	assert_true(count <= 64);
	for (i = 0; i < count; i++) {
		assert_true(found[i].family == NET_IP4 || found[i].family == NET_IP6);
		assert_int_equal(found[i].port, 0);
		assert_false(found[i].family == NET_IP4 && found[i].ip[0] == 127);
		assert_false(found[i].family == NET_IP6 && found[i].ip[0] == 0xfe && (found[i].ip[1] & 0xc0) == 0x80);
		for (k = 0; k < i; k++)
			assert_false(net_same(&found[i], &found[k]));
	}
	assert_true(platform_addresses(found, 1) == (count ? 1 : 0));
	assert_int_equal(platform_addresses(found, 0), 0);
}

static void tells_who_it_is(void **state)
{
	struct text name = block_text(300), little = block_text(0);
	char before[200];

	(void)state;
	platform_name(&name);
	for (size_t i = 0; i < name.len; i++)
		assert_true(name.at[i] != 0 && name.at[i] != '(');
	platform_name(&little);
	assert_int_equal(little.full, name.len > 0);
	snprintf(before, sizeof before, "%s", getenv("HOME") ? getenv("HOME") : "/");
	setenv("HOME", "/home/of/test", 1);
	assert_string_equal(platform_home(), "/home/of/test");
	setenv("HOME", "not-a-path", 1);
	assert_true(!platform_home() || platform_home()[0] == '/');
	unsetenv("HOME");
	assert_true(!platform_home() || platform_home()[0] == '/');
	setenv("HOME", before, 1);
	free(name.at);
	free(little.at);
}

/* --- logs and names ------------------------------------------------------------------------ */

static void writes_files(void **state)
{
	const char *path = in_directory("log");
	int fd = platform_append(path);
	char room[16];
	struct stat st;

	(void)state;
	assert_int_equal(platform_kind(fd), PLATFORM_FILE);
	assert_int_equal(platform_write(fd, "one\n", 4, PLATFORM_FILE), 4);
	platform_close(fd);
	fd = platform_append(path);
	assert_int_equal(platform_write(fd, "two\n", 4, PLATFORM_FILE), 4);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	platform_close(fd);
	assert_int_equal(platform_read(path, room, sizeof room), 8);
	assert_memory_equal(room, "one\ntwo\n", 8);
	unlink(path);
	assert_int_equal(platform_append("/nonexistent/log"), -1);
	assert_string_equal(platform_why(), "no such file or directory");
}

/* A blocking pipe that nobody reads: a write that blocked would hang the test. */
static void never_waits_for_a_pipe(void **state)
{
	static char block[2 * PLATFORM_LINE];
	int ends[2];
	long n;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(platform_kind(ends[1]), PLATFORM_SLOW);
	assert_int_equal(platform_write(ends[1], block, sizeof block, PLATFORM_SLOW), PLATFORM_LINE);
	while ((n = platform_write(ends[1], block, sizeof block, PLATFORM_SLOW)) > 0)
		;
	assert_int_equal(n, PLATFORM_WAIT);
	assert_true(read(ends[0], block, PLATFORM_LINE) > 0);
	assert_true(platform_write(ends[1], block, 100, PLATFORM_SLOW) > 0);
	close(ends[0]);
	assert_int_equal(platform_write(ends[1], block, 1, PLATFORM_SLOW), PLATFORM_BROKEN);
	close(ends[1]);
}

/* The same for a socket that is not ours alone, and for a non-blocking pipe. */
static void never_waits_for_others(void **state)
{
	static char block[PLATFORM_LINE];
	int ends[2], i;
	long n;

	(void)state;
	for (i = 0; i < 2; i++) {
		if (i == 0)
			assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
		else
			assert_int_equal(pipe(ends), 0);
		if (i == 1)
			fcntl(ends[1], F_SETFL, O_NONBLOCK);
		enum platform_kind kind = platform_kind(ends[1]);

		assert_int_equal(kind, i ? PLATFORM_QUICK : PLATFORM_SOCKET);
		while ((n = platform_write(ends[1], block, sizeof block, kind)) > 0)
			;
		assert_int_equal(n, PLATFORM_WAIT);
		close(ends[0]);
		assert_int_equal(platform_write(ends[1], block, 1, kind), PLATFORM_BROKEN);
		close(ends[1]);
	}
}

static void resolves(void **state)
{
	struct net found[4];
	const char *why = NULL;
	int count = platform_resolve("localhost", 80, found, 4, &why), i, k;

	(void)state;
	assert_true(count >= 1 && count <= 4);
	for (i = 0; i < count; i++) {
		assert_int_equal(found[i].port, 80);
		assert_true(found[i].family == NET_IP4 ? found[i].ip[0] == 127 : found[i].ip[15] == 1);
		for (k = 0; k < i; k++)
			assert_false(net_same(&found[i], &found[k]));
	}
	assert_int_equal(platform_resolve("127.0.0.3", 8, found, 1, &why), 1);
	assert_int_equal(found[0].ip[3], 3);
	assert_null(why);
	assert_int_equal(platform_resolve("no..name", 80, found, 4, &why), 0);
	assert_true(why && why[0]);
}

static void local_time(void **state)
{
	(void)state;
	assert_int_equal(platform_zone(0), 19800); /* as main set it */
	assert_int_equal(platform_zone(1709164800), 19800); /* 29 February 2024 */
	assert_int_equal(platform_zone(1798761599), 19800); /* 31 December 2026: the year differs */
	assert_int_equal(platform_zone(951782400 - 3600), 19800);
}

static void random_differs(void **state)
{
	char a[32] = {0}, b[32] = {0}, zero[32] = {0};

	(void)state;
	platform_random(a, sizeof a);
	platform_random(b, sizeof b);
	assert_memory_not_equal(a, b, sizeof a);
	assert_memory_not_equal(a, zero, sizeof a);
	assert_memory_not_equal(a + 24, zero, 8);
}

/* Whatever this build knows it does, and says of nothing else that it does. */
static void hashes_what_it_knows(void **state)
{
	static const char *const unknown[] = {"", "$", "$$", "$2b", "ab", "abcdefghijklm", "$2z$04$abcdefghijklmnopqrstuu", "$nothing$abc", "*0"};
	static const char made[] = "$2b$04$abcdefghijklmnopqrstuuB/GrfUOm5dtrEiT8lcouu5XB5ftbWLi";
	char room[sizeof made];

	(void)state;
	for (size_t i = 0; i < COUNT(unknown); i++) {
		assert_false(platform_crypt_knows(unknown[i]));
		assert_false(platform_crypt("word", unknown[i], room, sizeof room));
	}
	for (int again = 0; again < 2; again++)
		assert_int_equal(platform_crypt_knows("$2b$"), platform_crypt("word", made, room, sizeof room));
	if (!platform_crypt_knows("$2b$"))
		return;
	assert_string_equal(room, made);
	assert_false(platform_crypt("word", made, room, sizeof room - 1));
	assert_false(platform_crypt("word", "$2b$04$short", room, sizeof room));
}

static void gives_way(void **state)
{
	long pid = assert_fork();

	(void)state;
	if (pid == 0) {
		int before = getpriority(PRIO_PROCESS, 0);

		platform_nice();
		if (getpriority(PRIO_PROCESS, 0) < 10 || getpriority(PRIO_PROCESS, 0) < before)
			_exit(1);
		setpriority(PRIO_PROCESS, 0, 15);
		platform_nice(); /* takes nothing back */
		_exit(getpriority(PRIO_PROCESS, 0) == 15 ? 0 : 2);
	}
	assert_ended(pid, "exit status 0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepts),
		cmocka_unit_test(moves_bytes),
		cmocka_unit_test(looks_without_taking),
		cmocka_unit_test(a_full_socket_waits),
		cmocka_unit_test(resets),
		cmocka_unit_test(refused),
		cmocka_unit_test(both_families),
		cmocka_unit_test(six_alone),
		cmocka_unit_test(says_why_it_cannot_listen),
		cmocka_unit_test(unix_sockets),
		cmocka_unit_test(a_socket_of_ones_own),
		cmocka_unit_test(other_files_stay),
		cmocka_unit_test(out_of_descriptors),
		cmocka_unit_test(raises_the_limit),
		cmocka_unit_test(polls),
		cmocka_unit_test(parks),
		cmocka_unit_test(splices),
		cmocka_unit_test(pairs_keep_boundaries),
		cmocka_unit_test(pairs_pass_descriptors),
		cmocka_unit_test(tells_how_it_ended),
		cmocka_unit_test(shares_memory),
		cmocka_unit_test(drops_rights),
		cmocka_unit_test(signals_are_letters), /* from here on SIGPIPE is ignored */
		cmocka_unit_test(knows_its_pid),
		cmocka_unit_test(hashes_what_it_knows),
		cmocka_unit_test(gives_way),
		cmocka_unit_test(reads_in_a_directory_alone),
		cmocka_unit_test(reads_files_alone),
		cmocka_unit_test(reads_what_a_pipe_gives),
		cmocka_unit_test(keeps_whole_or_not_at_all),
		cmocka_unit_test(locks),
		cmocka_unit_test(keeps_the_old_one),
		cmocka_unit_test(makes_directories),
		cmocka_unit_test(stamps_change_with_the_file),
		cmocka_unit_test(tells_its_addresses),
		cmocka_unit_test(tells_who_it_is),
		cmocka_unit_test(writes_files),
		cmocka_unit_test(never_waits_for_a_pipe),
		cmocka_unit_test(never_waits_for_others),
		cmocka_unit_test(resolves),
		cmocka_unit_test(local_time),
		cmocka_unit_test(random_differs),
	};
	int failed;

	setenv("TZ", "XYZ-5:30", 1);
	if (!mkdtemp(directory))
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(directory);
	return failed;
}

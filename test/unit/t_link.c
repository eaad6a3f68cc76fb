/* SPDX-License-Identifier: MIT
 *
 * Does a link read and write what the system takes, keep its first failure,
 * and never ask for what can never come?
 */
#include "../../src/link.h"
#include "../../gateway.h"
#include "block.h"
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

struct wire {
	struct link link;
	struct buf in;
	int far; /* the other end; blocking */
};

static void open_wire(struct wire *w, uint32_t size)
{
	int pair[2];
	char *data = malloc(size);

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(fcntl(pair[0], F_SETFL, O_NONBLOCK), 0);
	assert_non_null(data);
	buf_init(&w->in, data, size);
	link_open(&w->link, pair[0]);
	w->link.in = &w->in;
	w->far = pair[1];
}

static void close_wire(struct wire *w)
{
	link_close(&w->link);
	assert_int_equal(w->link.phase, LINK_CLOSED);
	assert_int_equal(w->link.fd, -1);
	link_close(&w->link); /* once more does no harm */
	if (w->far >= 0)
		close(w->far);
	free(w->in.data);
}

/* What poll says of the link now, for these wishes. */
static short poll_link(struct link *l, bool in, bool out, int64_t ms)
{
	struct watch watch = {.fd = l->fd, .want = link_watch(l, in, out)};

	platform_poll(&watch, 1, ms);
	link_polled(l, watch.got);
	return watch.got;
}

static void reads_what_is_there(void **state)
{
	struct wire w;

	(void)state;
	open_wire(&w, 8);
	assert_true(link_is_open(&w.link));
	assert_true(w.link.readable); /* an accepted connection has often sent something already */
	assert_int_equal(link_fill(&w.link), 0);
	assert_false(w.link.readable);
	assert_false(w.link.eof);
	assert_null(w.link.why);

	assert_int_equal(write(w.far, "hello", 5), 5);
	assert_int_equal(poll_link(&w.link, true, false, 1000) & PLATFORM_IN, PLATFORM_IN);
	assert_true(w.link.readable);
	while (w.in.end < 5)
		assert_true(link_fill(&w.link) > 0);
	block_same(buf_raw(&w.in), "hello", "first");
	if (!GW_RECV)
		assert_false(w.link.readable); /* a short read has emptied the socket */

	assert_int_equal(write(w.far, " world", 6), 6);
	w.link.readable = true;
	while (w.in.end < 8)
		assert_true(link_fill(&w.link) > 0);
	block_same(buf_raw(&w.in), "hello wo", "full");
	assert_true(w.link.readable); /* no room is no news of the socket */
	assert_int_equal(link_fill(&w.link), 0);
	assert_true(w.link.readable);
	w.in.at = 8;
	assert_true(link_fill(&w.link) > 0);
	close_wire(&w);
}

static void sees_the_end(void **state)
{
	struct wire w;

	(void)state;
	open_wire(&w, 8);
	assert_int_equal(write(w.far, "a", 1), 1);
	shutdown(w.far, SHUT_WR);
	assert_int_equal(link_fill(&w.link), 1);
	assert_int_equal(poll_link(&w.link, true, false, 1000) & PLATFORM_IN, PLATFORM_IN);
	assert_int_equal(link_fill(&w.link), 0);
	assert_true(w.link.eof);
	assert_null(w.link.why); /* an end in order is no failure */
	assert_false(link_is_open(&w.link));
	/* a poll for more would return at once, for ever */
	assert_int_equal(link_watch(&w.link, true, false), 0);
	assert_int_equal(link_watch(&w.link, true, true), PLATFORM_OUT);
	/* the other way still works */
	struct piece piece = {"b", 1};
	char byte = 0;
	assert_int_equal(link_write(&w.link, &piece, 1), 1);
	assert_int_equal(read(w.far, &byte, 1), 1);
	assert_int_equal(byte, 'b');
	close_wire(&w);
}

static void sees_a_reset(void **state)
{
	struct wire w;
	struct piece piece = {"never read", 10};

	(void)state;
	open_wire(&w, 8);
	assert_int_equal(link_write(&w.link, &piece, 1), 10);
	close(w.far); /* with bytes unread: a reset */
	w.far = -1;
	assert_int_equal(link_fill(&w.link), 0);
	assert_true(w.link.eof);
	assert_non_null(w.link.why);
	assert_false(link_is_open(&w.link));
	close_wire(&w);
}

/* Pieces go in order, and a link that takes no more says how far it came. */
static void writes_pieces(void **state)
{
	enum { MUCH = 3000000 };
	static char much[MUCH], got[MUCH + 8];
	struct piece pieces[] = {{"head", 4}, {much, MUCH}, {"tail", 4}};
	struct wire w;
	size_t sent, have = 0;

	(void)state;
	for (size_t i = 0; i < MUCH; i++)
		much[i] = (char)rand();
	open_wire(&w, 8);
	sent = link_write(&w.link, pieces, 3);
	assert_true(sent > 4 && sent < MUCH);
	assert_false(w.link.writable);
	assert_int_equal(link_write(&w.link, pieces, 3), 0);
	assert_false(w.link.cut);
	assert_null(w.link.why);
	assert_int_equal(poll_link(&w.link, false, true, 0), 0);
	assert_false(w.link.writable);
	while (have < sent) {
		long n = read(w.far, got + have, sent - have);

		assert_true(n > 0);
		have += (size_t)n;
	}
	assert_int_equal(poll_link(&w.link, false, true, 1000) & PLATFORM_OUT, PLATFORM_OUT);
	assert_true(w.link.writable);
	assert_memory_equal(got, "head", 4);
	assert_memory_equal(got + 4, much, sent - 4);
	assert_int_equal(link_write(&w.link, &pieces[2], 1), 4);
	assert_true(w.link.writable); /* it took all */
	assert_int_equal(read(w.far, got, 8), 4);
	assert_memory_equal(got, "tail", 4);
	close_wire(&w);
}

/* After a failed write everything is taken and goes nowhere; reading goes on. */
static void reads_on_after_a_cut(void **state)
{
	struct piece pieces[] = {{"abc", 3}, {"def", 3}};
	struct wire w;

	(void)state;
	open_wire(&w, 8);
	assert_int_equal(write(w.far, "answer", 6), 6);
	shutdown(w.far, SHUT_RD); /* our writes fail from here on */
	assert_int_equal(link_write(&w.link, pieces, 2), 6);
	assert_true(w.link.cut);
	assert_non_null(w.link.why);
	assert_false(w.link.eof);
	assert_int_equal(link_write(&w.link, pieces, 2), 6);
	assert_int_equal(link_watch(&w.link, false, true), 0);
	assert_int_equal(link_watch(&w.link, true, true), PLATFORM_IN);
	while (w.in.end < 6)
		assert_true(link_fill(&w.link) > 0);
	block_same(buf_raw(&w.in), "answer", "cut");
	close_wire(&w);
}

static void finishes(void **state)
{
	struct piece piece = {"late", 4};
	struct wire w;
	char byte;

	(void)state;
	open_wire(&w, 8);
	link_finish(&w.link);
	assert_true(w.link.shut);
	assert_int_equal(read(w.far, &byte, 1), 0);
	assert_int_equal(link_write(&w.link, &piece, 1), 4); /* goes nowhere, and nobody waits for it */
	assert_null(w.link.why);
	link_finish(&w.link);
	assert_int_equal(write(w.far, "x", 1), 1);
	w.link.readable = true;
	assert_int_equal(link_fill(&w.link), 1);
	close_wire(&w);
}

static int listen_here(struct net *at)
{
	struct text error = block_text(200);
	int fd;

	assert_true(net_read(at, SPAN("127.0.0.1")));
	at->port = 0;
	fd = platform_listen(at, NULL, false, &error);
	assert_true(fd >= 0);
	assert_true(platform_local(fd, at));
	assert_int_not_equal(at->port, 0);
	free(error.at);
	return fd;
}

static void connects(void **state)
{
	struct piece piece = {"hello", 5};
	char room[8], got[8];
	struct net at, peer;
	struct buf in;
	struct link l;
	int listener = listen_here(&at), far;

	(void)state;
	link_connect(&l, platform_connect(&at, NULL));
	buf_init(&in, room, sizeof room);
	l.in = &in;
	assert_int_equal(l.phase, LINK_CONNECTING);
	assert_false(link_is_open(&l));
	/* until then nothing comes and nothing goes, whatever is wished */
	assert_int_equal(link_watch(&l, false, false), PLATFORM_OUT);
	assert_int_equal(link_watch(&l, true, true), PLATFORM_OUT);
	assert_int_equal(link_write(&l, &piece, 1), 0);
	assert_int_equal(link_fill(&l), 0);
	assert_false(l.eof);
	link_polled(&l, 0);
	assert_int_equal(l.phase, LINK_CONNECTING);
	poll_link(&l, false, false, 1000);
	assert_int_equal(l.phase, LINK_OPEN);
	assert_true(link_is_open(&l));
	assert_true(l.writable);
	assert_int_equal(link_write(&l, &piece, 1), 5);
	struct watch watch = {.fd = listener, .want = PLATFORM_IN};
	assert_int_equal(platform_poll(&watch, 1, 1000), 1);
	far = platform_accept(listener, &peer);
	assert_true(far >= 0);
	watch.fd = far;
	assert_int_equal(platform_poll(&watch, 1, 1000), 1);
	assert_int_equal(read(far, got, 5), 5);
	assert_memory_equal(got, "hello", 5);
	link_close(&l);
	close(far);
	close(listener);
}

static void cannot_connect(void **state)
{
	struct net at;
	struct link l;

	(void)state;
	close(listen_here(&at)); /* nobody is there any more */
	link_connect(&l, platform_connect(&at, NULL));
	if (!l.why) {
		assert_int_equal(link_watch(&l, true, true), PLATFORM_OUT);
		poll_link(&l, true, true, 1000);
	}
	assert_non_null(l.why);
	assert_false(link_is_open(&l));
	assert_int_equal(l.phase, LINK_CONNECTING);
	assert_int_equal(link_watch(&l, true, true), 0); /* no use asking again */
	link_close(&l);

	link_connect(&l, platform_connect(&(struct net){.family = NET_UNIX}, "/nonexistent/socket"));
	assert_true(l.fd < 0);
	assert_non_null(l.why);
	assert_int_equal(link_watch(&l, true, true), 0);
	link_close(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_is_there),
		cmocka_unit_test(sees_the_end),
		cmocka_unit_test(sees_a_reset),
		cmocka_unit_test(writes_pieces),
		cmocka_unit_test(reads_on_after_a_cut),
		cmocka_unit_test(finishes),
		cmocka_unit_test(connects),
		cmocka_unit_test(cannot_connect),
	};

	srand(1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * Does a link read and write what the system takes, keep its first failure,
 * and never ask for what can never come? And all that once more with TLS?
 */
#include "../../src/link.h"
#include "../../gateway.h"
#include "block.h"
#include "tls_pair.h"
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
	assert_true(link_waste(&w.link));
	assert_int_equal(write(w.far, "yz", 2), 2);
	assert_true(link_waste(&w.link));
	assert_true(link_waste(&w.link)); /* there is nothing, but there may be */
	assert_int_equal(buf_held(&w.in), 1);
	shutdown(w.far, SHUT_WR);
	assert_false(link_waste(&w.link));
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

/* --- TLS ---------------------------------------------------------------------- */

static unsigned reads; /* calls */

/* Stands in for libc's, to be counted. */
ssize_t recv(int fd, void *at, size_t len, int flags)
{
	(void)flags;
	reads++;
	return read(fd, at, len);
}

/* A link with TLS, and at the other end of its socket an engine that a test
 * can make do anything. */
struct secure {
	struct pair_kit *k;
	struct far_end {
		int fd;
		struct tls *t;
		struct tls_session session;
	} far;
	struct link link;
	struct buf in;
};

static const struct credential *shown[1];
static const struct tls_server anybody = {.verify = TLS_VERIFY_OFF, .name = "a.test"};

static void open_secure(struct secure *s, uint32_t size, bool accepts)
{
	int pair[2];
	char *data = malloc(size);

	*s = (struct secure){.k = pair_kit_open(&pair_counts, 3)};
	pair_add_site(s->k, "a.test", shown, 1);
	assert_non_null(data);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(fcntl(pair[i], F_SETFL, O_NONBLOCK), 0);
	buf_init(&s->in, data, size);
	link_open(&s->link, pair[0]);
	s->link.in = &s->in;
	s->far.fd = pair[1];
	s->far.t = accepts ? tls_connect(s->k->kit, &anybody, &s->far.session) : tls_accept(s->k->kit, s->k);
	link_secure(&s->link, accepts ? tls_accept(s->k->kit, s->k) : tls_connect(s->k->kit, &anybody, &s->far.session));
	assert_non_null(s->far.t);
	assert_non_null(s->link.tls);
}

static void close_far(struct secure *s)
{
	if (s->far.t)
		tls_close(s->far.t);
	s->far.t = NULL;
	if (s->far.fd >= 0)
		close(s->far.fd);
	s->far.fd = -1;
}

static void close_secure(struct secure *s)
{
	link_close(&s->link);
	assert_null(s->link.tls);
	assert_int_equal(s->link.fd, -1);
	close_far(s);
	assert_int_equal(pair_lent(s->k), 0);
	pair_poison(s->k, true);
	pair_kit_close(s->k);
	free(s->in.data);
}

static void far_send(struct secure *s)
{
	struct piece piece;

	while ((piece.len = tls_record_peek(s->far.t, &piece.at)) > 0) {
		long sent = platform_send(s->far.fd, &piece, 1);

		if (sent <= 0)
			break;
		tls_record_sent(s->far.t, (size_t)sent);
	}
}

/* Reads until there is nothing, or plaintext that nobody takes. *end: the stream has ended. */
static void far_read(struct secure *s, bool *end)
{
	void *at;
	size_t room;
	long got;

	*end = false;
	while ((room = tls_record_room(s->far.t, &at)) > 0) {
		got = platform_recv(s->far.fd, at, room);
		*end = got == 0 || got == PLATFORM_BROKEN;
		if (got <= 0)
			return;
		tls_record_came(s->far.t, (size_t)got);
		far_send(s);
	}
}

static void far_step(struct secure *s)
{
	bool end;

	far_send(s);
	far_read(s, &end);
	far_send(s);
}

static void far_say(struct secure *s, const char *at, size_t len)
{
	void *room;

	for (size_t n; len; len -= n, at += n) {
		n = tls_room(s->far.t, &room, len);
		assert_true(n > 0);
		if (n > len)
			n = len;
		memcpy(room, at, n);
		tls_put(s->far.t, n);
		tls_flush(s->far.t);
		far_send(s);
	}
	tls_rest(s->far.t);
}

static size_t far_hear(struct secure *s, char *to, size_t size)
{
	const void *at;
	size_t got = 0, n;
	bool end;

	do {
		far_read(s, &end);
		n = tls_peek(s->far.t, &at);
		assert_true(n <= size - got);
		if (n) {
			memcpy(to + got, at, n);
			tls_take(s->far.t, n);
		}
		got += n;
	} while (n);
	tls_rest(s->far.t);
	return got;
}

/* What the far end finds when it reads to the end: did we say close_notify? */
static bool far_was_told(struct secure *s)
{
	char waste[1000];
	bool end = false;

	while (!end && !tls_was_closed(s->far.t) && !tls_is_over(s->far.t)) {
		far_read(s, &end);
		far_hear(s, waste, sizeof waste);
	}
	return tls_was_closed(s->far.t);
}

/* As the worker does it: polls, steps. While hands are being shaken wishes are nothing. */
static void shake_hands(struct secure *s)
{
	for (int turns = 0; s->link.phase == LINK_SHAKING && !s->link.why; turns++) {
		short want = link_watch(&s->link, true, true);

		assert_true(turns < 50);
		assert_false(link_is_open(&s->link));
		assert_int_equal(want, link_owes(&s->link) ? PLATFORM_OUT : PLATFORM_IN);
		assert_int_equal(link_watch(&s->link, false, false), want);
		assert_int_equal(link_fill(&s->link), 0);
		assert_int_equal(link_write(&s->link, &(struct piece){"early", 5}, 1), 0);
		link_shake(&s->link);
		if (s->far.t)
			far_step(s);
		poll_link(&s->link, false, false, 0);
	}
}

static void open_shaken(struct secure *s, uint32_t size, bool accepts)
{
	open_secure(s, size, accepts);
	shake_hands(s);
	far_step(s);
	assert_null(s->link.why);
	assert_int_equal(s->link.phase, LINK_OPEN);
	assert_true(link_is_open(&s->link));
	assert_true(tls_is_open(s->far.t));
	assert_false(link_is_midway(&s->link) || link_owes(&s->link) || link_holds(&s->link));
	assert_int_equal(link_watch(&s->link, false, false), 0);
	assert_int_equal(link_watch(&s->link, true, false), PLATFORM_IN);
	assert_int_equal(link_watch(&s->link, true, true), PLATFORM_IN | PLATFORM_OUT);
}

/* All that there is for a buffer that is emptied each time. */
static size_t fill_all(struct secure *s, char *to, size_t size)
{
	size_t got = 0, n;

	do {
		short want = link_watch(&s->link, true, false);
		bool now = want & LINK_NOW;

		assert_true(now == (link_holds(&s->link) && !s->link.eof));
		poll_link(&s->link, true, false, 0);
		n = link_fill(&s->link);
		if (now)
			assert_true(n > 0); /* it said that there was something */
		assert_int_equal(n, buf_raw(&s->in).len);
		assert_true(n <= size - got);
		memcpy(to + got, buf_raw(&s->in).at, n);
		got += n;
		s->in.at = s->in.end;
	} while (n);
	assert_false(link_holds(&s->link));
	return got;
}

static void speaks_tls(void **state)
{
	char heard[100];

	(void)state;
	for (int accepts = 0; accepts < 2; accepts++) {
		struct secure s;

		open_shaken(&s, 100, accepts);
		far_say(&s, "from afar", 9);
		assert_int_equal(fill_all(&s, heard, sizeof heard), 9);
		assert_memory_equal(heard, "from afar", 9);
		struct piece pieces[] = {{"to ", 3}, {"", 0}, {"those ", 6}, {"afar", 4}};
		assert_int_equal(link_write(&s.link, pieces, 4), 13);
		assert_true(s.link.writable);
		assert_int_equal(far_hear(&s, heard, sizeof heard), 13);
		assert_memory_equal(heard, "to those afar", 13);
		assert_int_equal(pair_buffers_lent(s.k), 0);
		close_secure(&s);
	}
}

static void fills_small_buffers_with_tls(void **state)
{
	static char said[9000], heard[9000];

	(void)state;
	for (size_t i = 0; i < sizeof said; i++)
		said[i] = (char)rand();
	for (uint32_t size = 1; size < 5000; size = size * 3 + 1) {
		struct secure s;
		size_t n;

		open_shaken(&s, size, true);
		far_say(&s, said, sizeof said);
		poll_link(&s.link, true, false, 1000);
		n = link_fill(&s.link);
		assert_true(n > 0 && n <= size);
		if (n == size && size < 4000) {
			assert_true(link_holds(&s.link) && link_is_midway(&s.link) && s.link.readable);
			assert_int_equal(link_watch(&s.link, true, false), PLATFORM_IN | LINK_NOW);
			assert_int_equal(link_watch(&s.link, false, true), PLATFORM_OUT); /* not wanted now */
			assert_int_equal(link_fill(&s.link), 0); /* no room */
			assert_true(link_holds(&s.link));
		}
		memcpy(heard, buf_raw(&s.in).at, n);
		s.in.at = s.in.end;
		n += fill_all(&s, heard + n, sizeof heard - n);
		assert_int_equal(n, sizeof said);
		assert_memory_equal(heard, said, sizeof said);
		assert_false(link_is_midway(&s.link));
		assert_int_equal(s.k->kit->in.lent, 0);
		tls_rest(s.far.t);
		assert_int_equal(pair_buffers_lent(s.k), 0);
		close_secure(&s);
	}
}

static void writes_more_than_goes_with_tls(void **state)
{
	enum { MUCH = 3000000 };
	static char much[MUCH], got[MUCH];
	size_t sent = 0, have = 0;
	unsigned full = 0;
	struct secure s;

	(void)state;
	for (size_t i = 0; i < MUCH; i++)
		much[i] = (char)rand();
	open_shaken(&s, 8, true);
	while (sent < MUCH) {
		struct piece pieces[] = {{much + sent, (MUCH - sent) / 2}, {much + sent + (MUCH - sent) / 2, MUCH - sent - (MUCH - sent) / 2}};
		size_t n = link_write(&s.link, pieces, 2);

		sent += n;
		if (sent == MUCH)
			break;
		full++;
		assert_null(s.link.why);
		assert_false(s.link.cut || s.link.writable);
		assert_true(link_owes(&s.link)); /* a part of a record: it must go on, whatever is wished */
		assert_true(link_is_midway(&s.link));
		assert_int_equal(link_watch(&s.link, false, false), PLATFORM_OUT);
		assert_int_equal(link_watch(&s.link, true, false), PLATFORM_IN | PLATFORM_OUT);
		assert_int_equal(link_write(&s.link, pieces, 2), 0);
		assert_int_equal(poll_link(&s.link, false, false, 0) & PLATFORM_OUT, 0);
		have += far_hear(&s, got + have, MUCH - have);
		assert_int_equal(poll_link(&s.link, false, false, 1000) & PLATFORM_OUT, PLATFORM_OUT);
		assert_true(s.link.writable);
		assert_false(link_owes(&s.link)); /* polling has sent it */
	}
	assert_true(full > 2);
	while (link_owes(&s.link)) {
		have += far_hear(&s, got + have, MUCH - have);
		poll_link(&s.link, false, false, 1000);
	}
	have += far_hear(&s, got + have, MUCH - have);
	assert_int_equal(have, MUCH);
	assert_memory_equal(got, much, MUCH);
	assert_false(link_is_midway(&s.link));
	assert_int_equal(pair_buffers_lent(s.k), 0);
	close_secure(&s);
}

/* What is wanted while a part of a record is there: more of it, and nothing now. */
static void waits_for_whole_records(void **state)
{
	char record[200], heard[100];
	struct secure s;
	const void *at;
	void *room;
	size_t len;

	(void)state;
	for (size_t cut = 1; cut < 40; cut += 3) {
		open_shaken(&s, 100, true);
		assert_true(tls_room(s.far.t, &room, 10) >= 10);
		memcpy(room, "0123456789", 10);
		tls_put(s.far.t, 10);
		tls_flush(s.far.t);
		len = tls_record_peek(s.far.t, &at);
		assert_true(len < sizeof record);
		memcpy(record, at, len);
		tls_record_sent(s.far.t, len);
		if (cut >= len) {
			close_secure(&s);
			break;
		}
		assert_int_equal(write(s.far.fd, record, cut), (ssize_t)cut);
		poll_link(&s.link, true, false, 1000);
		assert_int_equal(link_fill(&s.link), 0);
		assert_false(s.link.eof || s.link.readable || link_holds(&s.link));
		assert_true(link_is_midway(&s.link));
		assert_null(s.link.why);
		assert_int_equal(link_watch(&s.link, true, false), PLATFORM_IN);
		assert_int_equal(poll_link(&s.link, true, false, 0), 0); /* nothing that would be had again at once */
		assert_int_equal(write(s.far.fd, record + cut, len - cut), (ssize_t)(len - cut));
		assert_int_equal(fill_all(&s, heard, sizeof heard), 10);
		assert_memory_equal(heard, "0123456789", 10);
		assert_false(link_is_midway(&s.link));
		close_secure(&s);
	}
}

/* Several records in one read, and the beginning of another. */
static void reads_many_records_at_once(void **state)
{
	char heard[100];
	struct secure s;

	(void)state;
	open_shaken(&s, 100, true);
	for (int i = 0; i < 8; i++)
		far_say(&s, "abcdefgh", 8);
	reads = 0;
	assert_int_equal(fill_all(&s, heard, sizeof heard), 64);
	for (int i = 0; i < 64; i++)
		assert_int_equal(heard[i], "abcdefgh"[i % 8]);
	assert_true(reads <= 8);
	close_secure(&s);
}

static void tells_the_end_from_a_loss(void **state)
{
	char heard[100];
	struct secure s;

	(void)state;
	for (int told = 0; told < 2; told++) {
		for (int half = 0; half < 2; half++) {
			open_shaken(&s, 100, true);
			far_say(&s, "last words", 10);
			if (told) {
				tls_finish(s.far.t);
				far_send(&s);
			} else if (half) {
				assert_int_equal(write(s.far.fd, "\x17\x03\x03", 3), 3);
			}
			if (!told || half)
				shutdown(s.far.fd, SHUT_WR);
			assert_int_equal(fill_all(&s, heard, sizeof heard), 10);
			poll_link(&s.link, true, false, 0);
			link_fill(&s.link);
			assert_true(s.link.eof);
			assert_false(link_is_open(&s.link));
			assert_true(told == !s.link.why);
			assert_int_equal(link_watch(&s.link, true, false), 0);
			if (told)
				assert_true(far_was_told(&s)); /* an answer in kind */
			close_secure(&s);
		}
	}
}

static void finishes_with_tls(void **state)
{
	struct piece piece = {"the end", 7};
	char heard[100];
	struct secure s;

	(void)state;
	open_shaken(&s, 100, true);
	assert_int_equal(link_write(&s.link, &piece, 1), 7);
	link_finish(&s.link);
	assert_true(s.link.shut);
	assert_null(s.link.why);
	assert_int_equal(link_write(&s.link, &piece, 1), 7); /* goes nowhere */
	assert_false(link_owes(&s.link) || link_holds(&s.link) || link_is_midway(&s.link));
	assert_true(s.link.eof);
	assert_int_equal(link_fill(&s.link), 0);
	assert_int_equal(link_watch(&s.link, true, true) & PLATFORM_IN, 0);
	assert_int_equal(far_hear(&s, heard, sizeof heard), 7);
	assert_true(link_waste(&s.link));
	assert_true(far_was_told(&s));
	/* what still comes is nobody's, until it ends */
	assert_int_equal(write(s.far.fd, "whatever", 8), 8);
	link_finish(&s.link);
	assert_true(link_waste(&s.link));
	assert_int_equal(link_fill(&s.link), 0);
	assert_int_equal(buf_held(&s.in), 0);
	close_far(&s);
	assert_false(link_waste(&s.link));
	close_secure(&s);
}

static void closes_with_tls(void **state)
{
	enum { CLOSE, RESET, OPENING, WORDS_UNREAD, CUT, WAYS };
	struct secure s;

	(void)state;
	for (int way = 0; way < WAYS; way++) {
		if (way == OPENING)
			open_secure(&s, 100, true);
		else
			open_shaken(&s, 100, true);
		if (way == WORDS_UNREAD) {
			far_say(&s, "nobody hears this", 17);
			s.in.keep = s.in.at = s.in.end = s.in.size - 1;
			poll_link(&s.link, true, false, 1000);
			assert_int_equal(link_fill(&s.link), 1);
			assert_true(link_holds(&s.link));
		}
		if (way == CUT)
			s.link.cut = true;
		if (way == RESET)
			link_reset(&s.link);
		link_close(&s.link);
		if (way == OPENING)
			assert_false(tls_is_open(s.far.t));
		else
			assert_true(far_was_told(&s) == (way == CLOSE || way == WORDS_UNREAD));
		close_secure(&s);
	}
}

/* A peer that is gone: what is written is taken and goes nowhere. */
static void loses_its_peer_with_tls(void **state)
{
	static char much[100000];
	struct piece piece = {much, sizeof much};
	struct secure s;

	(void)state;
	open_shaken(&s, 100, true);
	close_far(&s);
	while (!s.link.cut)
		assert_true(link_write(&s.link, &piece, 1) > 0);
	assert_non_null(s.link.why);
	assert_int_equal(link_write(&s.link, &piece, 1), sizeof much);
	assert_false(link_owes(&s.link));
	assert_int_equal(link_watch(&s.link, false, true), 0);
	close_secure(&s);
}

/* --- hands that are not shaken ----------------------------------------------------- */

static void is_over(const struct secure *s)
{
	if (!s->link.why && !s->link.eof)
		fail_msg("it goes on waiting");
	assert_false(link_is_open(&s->link));
	if (s->link.why)
		assert_int_equal(link_watch(&s->link, true, true), 0);
}

static void says_why_hands_were_not_shaken(void **state)
{
	enum { WRONG_NAME, GARBAGE, GONE, GONE_MIDWAY, NOTIFIED, ALERTED, WAYS };
	static const char *const why[] = {
		"the client asked for a name that is no site's", "TLS: this is not TLS 1.2",
		"the connection ended during the TLS handshake", "the connection ended during the TLS handshake",
		"the connection was closed during the TLS handshake",
		"TLS: the peer says handshake_failure: nothing in common, or it wants a certificate",
	};
	unsigned char said[64];
	struct secure s;

	(void)state;
	for (int way = 0; way < WAYS; way++) {
		open_secure(&s, 100, true);
		if (way == WRONG_NAME) {
			s.k->sites[0].name = "b.test";
		} else {
			tls_close(s.far.t);
			s.far.t = NULL;
		}
		if (way == GARBAGE)
			assert_int_equal(write(s.far.fd, "GET / HTTP/1.1\r\n\r\n", 18), 18);
		else if (way == NOTIFIED)
			assert_int_equal(write(s.far.fd, "\x15\x03\x01\x00\x02\x01\x00", 7), 7);
		else if (way == ALERTED)
			assert_int_equal(write(s.far.fd, "\x15\x03\x01\x00\x02\x02\x28", 7), 7);
		else if (way == GONE_MIDWAY)
			assert_int_equal(write(s.far.fd, "\x16\x03\x01\x01\x00\x01", 6), 6);
		if (way == GONE || way == GONE_MIDWAY)
			shutdown(s.far.fd, SHUT_WR);
		/* the far end's step would read what we say last */
		if (s.far.t)
			far_send(&s);
		for (int i = 0; i < 8 && !s.link.why && !s.link.eof; i++) {
			poll_link(&s.link, true, true, 0);
			link_shake(&s.link);
		}
		is_over(&s);
		assert_string_equal(s.link.why, why[way]);
		if (way == WRONG_NAME) {
			assert_int_equal(read(s.far.fd, said, sizeof said), 7);
			assert_memory_equal(said, "\x15\x03\x03\x00\x02\x02\x70", 7);
		}
		close_secure(&s);
	}
}

/* Who sends nothing but empty records, without end, does not keep us for ever. */
static void does_not_read_for_ever(void **state)
{
	static unsigned char empty[5 * 20000];
	size_t all = 0;
	struct secure s;

	(void)state;
	for (size_t i = 0; i < sizeof empty; i += 5)
		memcpy(empty + i, "\x16\x03\x01\x00", 5);
	open_secure(&s, 100, true);
	assert_true(write(s.far.fd, empty, sizeof empty) > 50000);
	reads = 0;
	link_shake(&s.link);
	assert_true(reads <= 64);
	assert_true(s.link.why || s.link.readable);
	close_secure(&s);

	open_shaken(&s, 100, true);
	for (int i = 0; i < 1000; i++) {
		br_ssl_engine_context *e = s.far.t->eng;
		unsigned char room[64], *record;
		size_t start = 5, end = sizeof room, len = 0;

		e->out.vtable->max_plaintext(&e->out.vtable, &start, &end);
		record = e->out.vtable->encrypt(&e->out.vtable, 23, BR_TLS12, room + start, &len);
		memcpy(empty + all, record, len);
		all += len;
	}
	assert_int_equal(write(s.far.fd, empty, all), (ssize_t)all);
	far_say(&s, "at last", 7);
	s.link.readable = true;
	reads = 0;
	assert_int_equal(link_fill(&s.link), 0);
	assert_true(reads <= 64);
	assert_null(s.link.why);
	assert_true(s.link.readable);
	for (int i = 0; i < 1000 && buf_held(&s.in) == 0; i++)
		link_fill(&s.link);
	block_same(buf_raw(&s.in), "at last", "the words behind");
	close_secure(&s);
}

/* Our record waits for a peer that wants to renegotiate and does not read: whatever
 * becomes of it, poll has no news that nobody can take. */
static void does_not_spin_at_a_renegotiation(void **state)
{
	static char much[3000000];
	struct piece piece = {much, sizeof much};
	struct secure s;
	unsigned turns = 0;

	(void)state;
	open_shaken(&s, 100, true);
	assert_true(link_write(&s.link, &piece, 1) < sizeof much);
	assert_true(link_owes(&s.link));
	for (int i = 0; i < 3; i++) {
		br_ssl_engine_context *e = s.far.t->eng;
		unsigned char room[128] = {0}, *record;
		size_t start = 5, end = sizeof room, len = 44;

		e->out.vtable->max_plaintext(&e->out.vtable, &start, &end);
		memcpy(room + start, "\x01\x00\x00\x28\x03\x03", 6); /* a ClientHello of 40 bytes */
		record = e->out.vtable->encrypt(&e->out.vtable, 22, BR_TLS12, room + start, &len);
		assert_int_equal(write(s.far.fd, record, len), (ssize_t)len);
	}
	while (poll_link(&s.link, true, false, 0) & PLATFORM_IN) {
		assert_true(turns++ < 10);
		link_fill(&s.link);
	}
	close_secure(&s);
}

/* --- connecting --------------------------------------------------------------------- */

static void connects_with_tls(void **state)
{
	struct piece piece = {"hello", 5};
	struct net at, peer;
	struct secure s;
	char data[100], first[6];
	int listener = listen_here(&at);

	(void)state;
	s = (struct secure){.k = pair_kit_open(&pair_counts, 3)};
	pair_add_site(s.k, "a.test", shown, 1);
	link_connect(&s.link, platform_connect(&at, NULL));
	link_secure(&s.link, tls_connect(s.k->kit, &anybody, &s.far.session));
	buf_init(&s.in, data, sizeof data);
	s.link.in = &s.in;
	assert_int_equal(s.link.phase, LINK_CONNECTING);
	assert_int_equal(link_watch(&s.link, true, true), PLATFORM_OUT);
	link_shake(&s.link); /* too early: nothing happens */
	assert_int_equal(s.link.phase, LINK_CONNECTING);
	assert_int_equal(link_write(&s.link, &piece, 1), 0);
	poll_link(&s.link, false, false, 1000);
	assert_int_equal(s.link.phase, LINK_SHAKING);
	assert_true(link_preface(&s.link, SPAN("PROXY\n"))); /* in clear, before anything else */
	assert_int_equal(link_watch(&s.link, true, false), PLATFORM_OUT); /* our hello is to go first */
	struct watch watch = {.fd = listener, .want = PLATFORM_IN};
	assert_int_equal(platform_poll(&watch, 1, 1000), 1);
	s.far.fd = platform_accept(listener, &peer);
	assert_true(s.far.fd >= 0);
	s.far.t = tls_accept(s.k->kit, s.k);
	assert_non_null(s.far.t);
	link_shake(&s.link);
	watch.fd = s.far.fd;
	assert_int_equal(platform_poll(&watch, 1, 1000), 1);
	assert_int_equal(platform_recv(s.far.fd, first, sizeof first), sizeof first);
	assert_memory_equal(first, "PROXY\n", 6);
	for (int i = 0; i < 1000 && s.link.phase == LINK_SHAKING && !s.link.why; i++) {
		far_step(&s);
		poll_link(&s.link, false, false, 10);
		link_shake(&s.link);
	}
	assert_true(link_is_open(&s.link));
	assert_int_equal(link_write(&s.link, &piece, 1), 5);
	watch.fd = s.far.fd;
	assert_int_equal(platform_poll(&watch, 1, 1000), 1);
	while (!tls_is_open(s.far.t))
		far_step(&s);
	assert_int_equal(far_hear(&s, data, sizeof data), 5);
	assert_memory_equal(data, "hello", 5);
	link_close(&s.link);
	close_far(&s);
	assert_int_equal(pair_lent(s.k), 0);
	pair_kit_close(s.k);
	close(listener);
}

static int make_credentials(void **state)
{
	(void)state;
	shown[0] = made_credential(MADE_EC, MADE_EC_KEY);
	return 0;
}

static int free_credentials(void **state)
{
	(void)state;
	made_free();
	return 0;
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
		cmocka_unit_test(speaks_tls),
		cmocka_unit_test(fills_small_buffers_with_tls),
		cmocka_unit_test(writes_more_than_goes_with_tls),
		cmocka_unit_test(waits_for_whole_records),
		cmocka_unit_test(reads_many_records_at_once),
		cmocka_unit_test(tells_the_end_from_a_loss),
		cmocka_unit_test(finishes_with_tls),
		cmocka_unit_test(closes_with_tls),
		cmocka_unit_test(loses_its_peer_with_tls),
		cmocka_unit_test(says_why_hands_were_not_shaken),
		cmocka_unit_test(does_not_read_for_ever),
		cmocka_unit_test(does_not_spin_at_a_renegotiation),
		cmocka_unit_test(connects_with_tls),
	};

	srand(1);
	return cmocka_run_group_tests(tests, make_credentials, free_credentials);
}

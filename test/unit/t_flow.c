/* SPDX-License-Identifier: MIT
 *
 * Does every message get there whole, however it comes in and however little
 * the sink takes; does one that is not whole never look whole; and does a flow
 * that waits always wait for something that can come?
 */
#include "../../src/flow.h"
#include "../../gateway.h"
#include "block.h"
#include "tls_pair.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* --- the system, as stingy as a test wants it -------------------------------- */

static size_t taken_most = SIZE_MAX; /* bytes that one write takes; 0: it would block */
static int reset;                    /* the end of a stream is a reset */
static size_t ration;                /* payload bytes that the budget gets at a time, at most; 0: there is none */
static unsigned reads, writes, splices; /* calls */
static size_t bytes_read, bytes_written;

static ssize_t take(int fd, const struct iovec *pieces, size_t count)
{
	struct iovec less[8];
	size_t left = taken_most;
	ssize_t n;
	int used = 0;

	writes++;
	for (size_t i = 0; i < count && left; i++) {
		less[used] = pieces[i];
		if (less[used].iov_len > left)
			less[used].iov_len = left;
		left -= less[used++].iov_len;
	}
	if (taken_most == 0) {
		errno = EAGAIN;
		return -1;
	}
	n = writev(fd, less, used);
	if (n > 0)
		bytes_written += (size_t)n;
	return n;
}

/* These and splice stand in for libc's: links meet no other system than this one. */
ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
	(void)flags;
	return take(fd, m->msg_iov, (size_t)m->msg_iovlen);
}

ssize_t send(int fd, const void *at, size_t len, int flags)
{
	struct iovec piece = {(void *)(uintptr_t)at, len};

	(void)flags;
	return take(fd, &piece, 1);
}

ssize_t recv(int fd, void *at, size_t len, int flags)
{
	ssize_t n = read(fd, at, len);

	(void)flags;
	reads++;
	if (n > 0)
		bytes_read += (size_t)n;
	if (n == 0 && reset) {
		errno = ECONNRESET;
		return -1;
	}
	return n;
}

/* Where the system has it: socket to pipe, pipe to socket. */
ssize_t splice(int from, long long *from_at, int to, long long *to_at, size_t len, unsigned flags)
{
	static char room[32768];
	struct pollfd ready = {.fd = to, .events = POLLOUT};
	struct stat about;
	bool lifts = fstat(to, &about) == 0 && S_ISFIFO(about.st_mode);
	size_t most = lifts ? sizeof room : taken_most;
	ssize_t n;

	(void)from_at, (void)to_at, (void)flags;
	splices++;
	if (most == 0 || poll(&ready, 1, 0) != 1) {
		errno = EAGAIN;
		return -1;
	}
	n = read(from, room, len < most ? len < sizeof room ? len : sizeof room : most < sizeof room ? most : sizeof room);
	if (n == 0 && reset && lifts) {
		errno = ECONNRESET;
		return -1;
	}
	if (n <= 0)
		return n;
	*(lifts ? &bytes_read : &bytes_written) += (size_t)n;
	if (write(to, room, (size_t)n) != n) {
		assert_int_equal(errno, EPIPE); /* ready for little is ready for this */
		return -1;
	}
	return n;
}

/* --- a flow between two links --------------------------------------------------- */

#define HEAD "HTTP/1.1 200 OK\r\nSome: field\r\n\r\n"
#define KEPT "kept head"

enum { MOST = 16384 };

struct bench {
	struct link from, to;
	struct buf in;
	struct flow flow;
	int source, sink; /* the far ends; -1: closed */
	char out[64 * MOST];
	size_t out_len;
	struct span head; /* in a block of its size */
};

static void pair(struct link *l, int *far)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(fcntl(ends[i], F_SETFL, O_NONBLOCK), 0);
	link_open(l, ends[0]);
	*far = ends[1];
}

/* A buffer with room for that many bytes behind a head that spans look at. */
static void set_up(struct bench *b, uint32_t room)
{
	uint32_t keep = sizeof KEPT - 1;
	char *data = malloc(keep + room);

	assert_non_null(data);
	pair(&b->from, &b->source);
	pair(&b->to, &b->sink);
	buf_init(&b->in, data, keep + room);
	memcpy(data, KEPT, keep);
	b->in.keep = b->in.at = b->in.end = keep;
	b->from.in = &b->in;
	b->out_len = 0;
	b->head = block_of(SPAN(HEAD));
	taken_most = SIZE_MAX;
	reset = 0;
	reads = writes = splices = 0;
	bytes_read = bytes_written = 0;
}

static void close_far(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void tear_down(struct bench *b)
{
	assert_memory_equal(b->in.data, KEPT, sizeof KEPT - 1); /* never moved */
	link_close(&b->from);
	link_close(&b->to);
	close_far(&b->source);
	close_far(&b->sink);
	free(b->in.data);
	block_free(b->head);
}

static void drain(struct bench *b)
{
	ssize_t n;

	while (b->sink >= 0 && (n = read(b->sink, b->out + b->out_len, sizeof b->out - b->out_len)) > 0)
		b->out_len += (size_t)n;
}

/* What a flow that waits may be found in. */
static void may_wait(const struct bench *b)
{
	const struct flow *f = &b->flow;
	short in = link_watch(&b->from, flow_wants_in(f), false);
	short out = link_watch(&b->to, false, flow_wants_out(f));

	if (f->budget == 0) {
		assert_false(flow_wants_in(f));
	} else {
		if (!flow_wants_in(f) && !flow_wants_out(f))
			fail_msg("it waits for nothing: a stall");
		if (!in && !out)
			fail_msg("it waits for what can never come: a stall");
	}
	assert_true(b->in.keep <= b->in.at && b->in.at + b->in.ready <= b->in.end && b->in.end <= b->in.size);
	assert_false(b->to.cut);
}

/* Of whom nothing is wanted poll is not asked: it would tell of an end all the same. */
static void poll_both(struct watch watches[2])
{
	for (int i = 0; i < 2; i++)
		if (!watches[i].want)
			watches[i].fd = -1;
	platform_poll(watches, 2, 0);
}

/* As the worker does it: asks poll for what is wanted, and steps. A turn that
 * poll had news for gets something done, or it would be had again at once, for
 * ever. *quiet: there was no news. */
static enum flow_result turn(struct bench *b, bool *quiet)
{
	struct flow *f = &b->flow;
	struct watch watches[2] = {
		{.fd = b->from.fd, .want = link_watch(&b->from, flow_wants_in(f), false)},
		{.fd = b->to.fd, .want = link_watch(&b->to, false, flow_wants_out(f))},
	};
	size_t before = bytes_read + bytes_written;
	bool eof = b->from.eof;
	enum flow_result result;

	poll_both(watches);
	*quiet = !(watches[0].got || watches[1].got);
	link_polled(&b->from, watches[0].got);
	link_polled(&b->to, watches[1].got);
	result = flow_step(f);
	if (result == FLOW_WAIT) {
		may_wait(b);
		if (!*quiet && taken_most && bytes_read + bytes_written == before && b->from.eof == eof)
			fail_msg("poll had news, and nothing came of it: a busy loop");
	}
	return result;
}

/* --- what goes in, and what must come out ------------------------------------------ */

enum cut { AT_ONCE, BYTEWISE, AT_RANDOM, CUTS };
enum sip { ALL, ONE, SOME, SIPS, GULPS };

static size_t piece_of(enum cut cut, size_t left)
{
	size_t n = cut == AT_ONCE ? left : cut == BYTEWISE ? 1 : (size_t)rand() % 30 + 1;

	return n < left ? n : left;
}

static size_t sip_of(enum sip sip)
{
	if (sip == GULPS)
		return rand() % 3 ? (size_t)rand() % 60000 : 0;
	return sip == ALL ? SIZE_MAX : sip == ONE ? 1 : (size_t)rand() % 12;
}

struct way {
	const char *name;
	enum body_kind kind;
	bool chunked; /* on the way out */
};

static const struct way ways[] = {
	{"nothing", BODY_NONE, false},
	{"length to length", BODY_LENGTH, false},
	{"length to chunks", BODY_LENGTH, true},
	{"chunks to chunks", BODY_CHUNKED, true},
	{"chunks to close", BODY_CHUNKED, false},
	{"close to chunks", BODY_CLOSE, true},
	{"close to close", BODY_CLOSE, false},
};

/* The payload as it comes in; *behind: bytes of the next message. */
static size_t encode(char *wire, const struct way *way, const char *payload, size_t len, size_t *behind)
{
	struct text t = text_in(wire, 8 * MOST);

	if (way->kind == BODY_CHUNKED) {
		for (size_t i = 0, n; i < len; i += n) {
			n = (size_t)rand() % 40 + 1;
			if (n > len - i)
				n = len - i;
			text_str(&t, rand() % 4 ? "" : "00");
			text_hex(&t, n);
			text_str(&t, rand() % 4 ? "\r\n" : " ;ext=\"a\"\r\n");
			text_add(&t, payload + i, n);
			text_lit(&t, "\r\n");
		}
		text_str(&t, rand() % 2 ? "0\r\n\r\n" : "000;last\r\nTrailer: x\r\n\r\n");
	} else if (way->kind != BODY_NONE) {
		text_add(&t, payload, len);
	}
	*behind = 0;
	if (way->kind != BODY_CLOSE) {
		*behind = t.len;
		text_lit(&t, "GET /next HTTP/1.1\r\n");
		*behind = t.len - *behind;
	}
	assert_false(t.full);
	return t.len;
}

/* Reads strictly what we send: chunks without extensions, no trailers. Payload
 * that came, and whether its end did. */
struct read_back {
	const char *at;
	size_t left;
	char payload[8 * MOST];
	size_t len;
	unsigned chunks;
	bool whole;
};

static bool read_back_chunk(struct read_back *r)
{
	size_t size = 0, digits = 0;

	while (digits < r->left && span_hex(r->at[digits]) >= 0)
		size = size * 16 + (size_t)span_hex(r->at[digits++]);
	if (digits == 0 || r->left < digits + 2 + (size ? 1 : 0))
		return false;
	assert_memory_equal(r->at + digits, "\r\n", 2);
	r->at += digits + 2, r->left -= digits + 2;
	if (size == 0) {
		r->whole = r->left >= 2;
		if (r->whole) {
			assert_memory_equal(r->at, "\r\n", 2);
			r->left -= 2;
		}
		return false;
	}
	r->chunks++;
	if (size > r->left)
		size = r->left;
	memcpy(r->payload + r->len, r->at, size);
	r->len += size, r->at += size, r->left -= size;
	if (r->left < 2)
		return false;
	assert_memory_equal(r->at, "\r\n", 2);
	r->at += 2, r->left -= 2;
	return true;
}

static void read_back(struct read_back *r, const struct bench *b, bool chunked)
{
	r->len = r->chunks = 0;
	r->whole = false;
	assert_true(b->out_len >= sizeof HEAD - 1);
	assert_memory_equal(b->out, HEAD, sizeof HEAD - 1);
	r->at = b->out + sizeof HEAD - 1;
	r->left = b->out_len - (sizeof HEAD - 1);
	if (chunked) {
		while (read_back_chunk(r))
			;
		return;
	}
	memcpy(r->payload, r->at, r->left);
	r->len = r->left;
}

static void same(struct read_back *r, const struct bench *b, const struct way *way, const char *payload, size_t len)
{
	read_back(r, b, way->chunked);
	if (r->len != len || memcmp(r->payload, payload, len) != 0)
		fail_msg("%s: %zu bytes of payload came out, not %zu", way->name, r->len, len);
	assert_true(b->flow.sent == len);
	assert_int_equal(r->whole, way->chunked);
	assert_int_equal(r->left, way->chunked ? 0 : len);
}

/* --- whole messages --------------------------------------------------------------- */

static void random_bytes(char *at, size_t len)
{
	for (size_t i = 0; i < len; i++)
		at[i] = (char)rand();
}

/* Now and then there is a little more that may go. */
static void grant(struct bench *b, uint64_t *granted)
{
	size_t more = rand() % 2 ? (size_t)rand() % (ration + 1) : 0;

	b->flow.budget += more;
	*granted += more;
}

/* Runs a flow that gets all of the wire, cut like this, into a sink that takes
 * this little a time. */
static enum flow_result run(struct bench *b, const struct way *way, const char *wire, size_t len, uint64_t length, enum cut cut, enum sip sip)
{
	size_t given = 0, idle = 0;
	uint64_t granted = 0;
	enum flow_result result;

	flow_start(&b->flow, &b->from, &b->to, b->head, way->kind, length, way->chunked);
	if (ration)
		b->flow.budget = 0;
	do {
		size_t n = piece_of(cut, len - given);
		bool quiet;

		if (n) {
			ssize_t took = write(b->source, wire + given, n);

			given += took > 0 ? (size_t)took : 0;
		}
		if (given == len && way->kind == BODY_CLOSE)
			close_far(&b->source);
		taken_most = sip_of(sip);
		if (ration)
			grant(b, &granted);
		result = turn(b, &quiet);
		if (ration)
			assert_true(b->flow.sent + b->flow.budget == granted);
		drain(b);
		idle = quiet && given == len && b->flow.budget ? idle + 1 : 0;
		if (idle > 3)
			fail_msg("%s: it waits, and all has been given", way->name);
	} while (result == FLOW_WAIT);
	return result;
}

static void one_message(const struct way *way, size_t len, uint32_t room, enum cut cut, enum sip sip)
{
	static struct bench b;
	static struct read_back r;
	static char payload[MOST], wire[8 * MOST];
	size_t behind, wire_len, rest;

	random_bytes(payload, len);
	if (way->kind == BODY_NONE)
		len = 0;
	wire_len = encode(wire, way, payload, len, &behind);
	set_up(&b, room);
	if (run(&b, way, wire, wire_len, len, cut, sip) != FLOW_DONE)
		fail_msg("%s: %zu bytes, room %u, cut %d, sip %d: broken", way->name, len, (unsigned)room, cut, sip);
	same(&r, &b, way, payload, len);
	/* what stands behind the body is the next message, untouched */
	rest = buf_held(&b.in);
	assert_int_equal(b.in.ready, 0);
	assert_true(rest <= behind);
	assert_memory_equal(b.in.data + b.in.at, wire + wire_len - behind, rest);
	if (behind)
		assert_int_equal(bytes_read, wire_len - behind + rest);
	assert_false(flow_wants_in(&b.flow));
	assert_false(flow_wants_out(&b.flow));
	assert_int_equal(flow_step(&b.flow), FLOW_DONE); /* and stays so */
	tear_down(&b);
}

static void every_way(void **state)
{
	static const size_t lengths[] = {0, 1, 15, 16, 17, 255, 256, 600};
	static const uint32_t rooms[] = {1, 7, 64, 4096};

	(void)state;
	for (size_t w = 0; w < COUNT(ways); w++)
		for (size_t l = 0; l < COUNT(lengths); l++)
			for (size_t r = 0; r < COUNT(rooms); r++)
				for (enum cut cut = AT_ONCE; cut < CUTS; cut++)
					for (enum sip sip = ALL; sip < SIPS; sip++)
						one_message(&ways[w], lengths[l], rooms[r], cut, sip);
}

static void every_way_at_random(void **state)
{
	(void)state;
	for (int round = 0; round < 1500; round++)
		one_message(&ways[(size_t)rand() % COUNT(ways)], (size_t)rand() % MOST % (1u << rand() % 15), 1 + (uint32_t)rand() % (1u << rand() % 13),
			AT_RANDOM, (enum sip)(rand() % SIPS));
}

/* --- what it costs ------------------------------------------------------------------ */

struct wire_row {
	const char *name;
	const char *in;
	bool chunked;
	const char *out;
};

static const struct wire_row at_once[] = {
	{"three chunks are one, and the end goes with it", "1\r\na\r\n2;x\r\nbc\r\n3\r\ndef\r\n0\r\n\r\n", true, "6\r\nabcdef\r\n0\r\n\r\n"},
	{"seventeen bytes", "8\r\n01234567\r\n9\r\n89abcdefg\r\n0\r\n\r\n", true, "11\r\n0123456789abcdefg\r\n0\r\n\r\n"},
	{"no chunk", "0\r\n\r\n", true, "0\r\n\r\n"},
	{"trailers stay here", "1\r\na\r\n0\r\nA: b\r\n\r\n", true, "1\r\na\r\n0\r\n\r\n"},
	{"chunks to an old client", "1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", false, "abc"},
};

static void several_chunks_become_one(void **state)
{
	static struct bench b;

	(void)state;
	for (size_t i = 0; i < COUNT(at_once); i++) {
		const struct wire_row *row = &at_once[i];
		size_t len = strlen(row->in);
		struct text want = block_text(200);

		set_up(&b, GW_RECV ? 300 : 100);
		text_lit(&want, HEAD);
		text_str(&want, row->out);
		memcpy(b.in.data + b.in.end, row->in, len); /* it came with the head */
		b.in.end += (uint32_t)len;
		flow_start(&b.flow, &b.from, &b.to, b.head, BODY_CHUNKED, 0, row->chunked);
		assert_int_equal(flow_step(&b.flow), FLOW_DONE);
		drain(&b);
		if (!span_is(span_of(b.out, b.out_len), text_span(&want)))
			fail_msg("%s: got \"%.*s\"", row->name, (int)b.out_len, b.out);
		assert_int_equal(writes, 1); /* one call for head, chunk and end */
		assert_int_equal(reads, 0);
		free(want.at);
		tear_down(&b);
	}
}

/* Nothing waits for more to come: a token stream goes on as it comes. */
static void goes_on_as_it_comes(void **state)
{
	static struct bench b;
	bool quiet;

	(void)state;
	set_up(&b, 100);
	flow_start(&b.flow, &b.from, &b.to, b.head, BODY_CHUNKED, 0, true);
	assert_int_equal(turn(&b, &quiet), FLOW_WAIT);
	drain(&b);
	assert_int_equal(b.out_len, sizeof HEAD - 1); /* the head does not wait for the body */
	for (int i = 0; i < 5; i++) {
		b.out_len = 0;
		assert_int_equal(write(b.source, "4\r\ndata\r\n", 9), 9);
		do
			assert_int_equal(turn(&b, &quiet), FLOW_WAIT);
		while (!quiet);
		drain(&b);
		if (!GW_RECV)
			block_same(span_of(b.out, b.out_len), "4\r\ndata\r\n", "a token");
	}
	b.out_len = 0;
	assert_int_equal(write(b.source, "0\r\n\r\n", 5), 5);
	while (turn(&b, &quiet) == FLOW_WAIT)
		;
	drain(&b);
	block_same(span_of(b.out, b.out_len), "0\r\n\r\n", "the end");
	tear_down(&b);
}

/* A sink that takes nothing: the source is read until the buffer is full, then left alone. */
static void stops_reading(void **state)
{
	static struct bench b;
	static char much[MOST];
	bool quiet;

	(void)state;
	for (int chunked = 0; chunked < 2; chunked++) {
		set_up(&b, 500);
		assert_int_equal(write(b.source, much, sizeof much), sizeof much);
		flow_start(&b.flow, &b.from, &b.to, b.head, BODY_LENGTH, sizeof much, chunked);
		taken_most = 0;
		do
			assert_int_equal(turn(&b, &quiet), FLOW_WAIT);
		while (flow_wants_in(&b.flow));
		assert_int_equal(bytes_read, 500);
		assert_true(flow_wants_out(&b.flow));
		for (int i = 0; i < 3; i++)
			assert_int_equal(turn(&b, &quiet), FLOW_WAIT);
		assert_int_equal(bytes_read, 500);
		assert_int_equal(bytes_written, 0);
		taken_most = SIZE_MAX;
		while (turn(&b, &quiet) == FLOW_WAIT)
			drain(&b);
		assert_true(b.flow.sent == sizeof much);
		tear_down(&b);
	}
}

/* One step moves a few buffers full at most, so that others get their turn. */
static void leaves_others_their_turn(void **state)
{
	static struct bench b;
	static char much[MOST];

	(void)state;
	set_up(&b, 100);
	assert_int_equal(write(b.source, much, sizeof much), sizeof much);
	flow_start(&b.flow, &b.from, &b.to, b.head, BODY_CLOSE, 0, false);
	assert_int_equal(flow_step(&b.flow), FLOW_WAIT);
	assert_true(bytes_read > 0 && bytes_read <= 1000);
	tear_down(&b);
}

/* --- messages that break off ----------------------------------------------------------- */

/* Payload in these first bytes of a wire. */
static size_t payload_in(enum body_kind kind, const char *wire, size_t len)
{
	struct body body;
	size_t used = 0, all = 0, payload;

	body_init(&body, kind, INT64_MAX);
	while (used < len) {
		size_t n = body_scan(&body, wire + used, len - used, &payload);

		if (n + payload == 0)
			break;
		body_take(&body, payload);
		used += n + payload;
		all += payload;
	}
	return all;
}

static void never_looks_whole(const struct bench *b, const struct way *way, const char *payload, size_t len)
{
	static struct read_back r;

	read_back(&r, b, way->chunked);
	assert_false(r.whole);
	assert_int_equal(r.len, len);
	assert_memory_equal(r.payload, payload, len);
	if (way->chunked && b->out_len >= 5)
		assert_memory_not_equal(b->out + b->out_len - 5, "0\r\n\r\n", 5);
}

/* Steps on until it is over; the sink takes that little. */
static enum flow_result finish(struct bench *b, enum sip sip)
{
	enum flow_result result;
	bool quiet;
	int turns = 0;

	do {
		taken_most = sip_of(sip);
		result = turn(b, &quiet);
		drain(b);
		assert_true(++turns < 100000);
	} while (result == FLOW_WAIT);
	return result;
}

/* The source ends, in order or by a reset, after every number of bytes. Whoever
 * ends with the connection is whole when it ends in order, and only then. */
static void ends_too_early(void **state)
{
	static struct bench b;
	static char payload[80], wire[8 * MOST];

	(void)state;
	for (size_t w = 1; w < COUNT(ways); w++)
		for (int by_reset = 0; by_reset < 2; by_reset++) {
			const struct way *way = &ways[w];
			size_t behind, len;

			if (way->kind == BODY_CLOSE && !by_reset)
				continue;
			random_bytes(payload, sizeof payload);
			len = encode(wire, way, payload, sizeof payload, &behind) - behind;
			for (size_t cut = 0; cut < len + (way->kind == BODY_CLOSE); cut++)
				for (uint32_t room = 9; room < 200; room += 60) {
					set_up(&b, room);
					assert_int_equal(write(b.source, wire, cut), cut);
					close_far(&b.source);
					reset = by_reset;
					flow_start(&b.flow, &b.from, &b.to, b.head, way->kind, sizeof payload, way->chunked);
					if (finish(&b, ALL) != FLOW_FROM_BROKEN)
						fail_msg("%s: not broken after %zu bytes", way->name, cut);
					never_looks_whole(&b, way, payload, payload_in(way->kind, wire, cut));
					assert_int_equal(flow_step(&b.flow), FLOW_FROM_BROKEN);
					tear_down(&b);
				}
		}
}

/* The same into a sink that takes little: less may have come out, never an end. */
static void ends_too_early_for_a_slow_sink(void **state)
{
	static struct bench b;
	static struct read_back r;
	static char payload[300], wire[8 * MOST];

	(void)state;
	for (int round = 0; round < 2000; round++) {
		const struct way *way = &ways[1 + (size_t)rand() % (COUNT(ways) - 1)];
		size_t behind, len, cut;

		random_bytes(payload, sizeof payload);
		len = encode(wire, way, payload, sizeof payload, &behind) - behind;
		cut = (size_t)rand() % len;
		set_up(&b, 1 + (uint32_t)rand() % 100);
		assert_int_equal(write(b.source, wire, cut), cut);
		close_far(&b.source);
		reset = way->kind == BODY_CLOSE || rand() % 2;
		flow_start(&b.flow, &b.from, &b.to, b.head, way->kind, sizeof payload, way->chunked);
		assert_int_equal(finish(&b, SOME), FLOW_FROM_BROKEN);
		if (b.out_len >= sizeof HEAD - 1) {
			read_back(&r, &b, way->chunked);
			assert_false(r.whole);
			assert_true(r.len <= payload_in(way->kind, wire, cut));
			assert_memory_equal(r.payload, payload, r.len);
		}
		tear_down(&b);
	}
}

static const char *const nonsense[] = {
	"3\r\nabcX", "3\r\nabc\r\nx\r\n", "3\r\nabc\r\n0\r\n\rX", "3\r\nabc\r\n\r\n", "3\r\nabc\n0\r\n\r\n", "3\r\nabc\r\n0\r\nno field\r\n\r\n",
};

/* Broken chunks: what was good goes out, nothing behind it does. */
static void speaks_nonsense(void **state)
{
	static struct bench b;

	(void)state;
	for (size_t i = 0; i < COUNT(nonsense); i++)
		for (int chunked = 0; chunked < 2; chunked++)
			for (uint32_t room = 1; room < 40; room++) {
				struct way way = {nonsense[i], BODY_CHUNKED, chunked};

				set_up(&b, room);
				assert_true(write(b.source, nonsense[i], strlen(nonsense[i])) > 0);
				flow_start(&b.flow, &b.from, &b.to, b.head, BODY_CHUNKED, 0, chunked);
				assert_int_equal(finish(&b, ALL), FLOW_FROM_BROKEN);
				assert_non_null(b.flow.body.bad);
				assert_false(flow_wants_in(&b.flow)); /* no more of that */
				never_looks_whole(&b, &way, "abc", 3);
				tear_down(&b);
			}
}

/* What was good goes out even when the break comes with the last bytes that one
 * step reads, and behind a chunk that the sink would not take before. */
static void sends_what_was_good(void **state)
{
	static struct bench b;
	static char payload[400], wire[420];
	static const struct way way = {"broken behind full buffers", BODY_CHUNKED, true};

	(void)state;
	random_bytes(payload, sizeof payload);
	for (size_t len = 1; len < sizeof payload; len++)
		for (size_t blocked = 0; blocked < 40; blocked += 13) {
			struct text t = text_in(wire, sizeof wire);
			bool quiet;

			text_hex(&t, len);
			text_lit(&t, "\r\n");
			text_add(&t, payload, len);
			text_lit(&t, "nonsense");
			if (blocked > t.len)
				continue;
			set_up(&b, 37);
			flow_start(&b.flow, &b.from, &b.to, b.head, BODY_CHUNKED, 0, true);
			taken_most = 0;
			if (blocked) {
				assert_int_equal(write(b.source, wire, blocked), blocked);
				if (turn(&b, &quiet) == FLOW_FROM_BROKEN)
					blocked = t.len; /* and the sink had no room */
			}
			if (t.len > blocked) {
				assert_int_equal(write(b.source, wire + blocked, t.len - blocked), t.len - blocked);
				assert_int_equal(finish(&b, ALL), FLOW_FROM_BROKEN);
				never_looks_whole(&b, &way, payload, len);
			}
			tear_down(&b);
		}
}

/* A source that cannot be written to any more may still give a whole answer,
 * but not one that ends with the connection: its end may be the same failure. */
static void answers_on_a_cut_link(void **state)
{
	static struct bench b;
	struct piece piece = {"more of the request", 19};

	(void)state;
	for (size_t w = 1; w < COUNT(ways); w++) {
		static char wire[8 * MOST];
		size_t behind, len = encode(wire, &ways[w], "early answer", 12, &behind) - behind;

		set_up(&b, 100);
		assert_int_equal(write(b.source, wire, len), len);
		close_far(&b.source);
		link_write(&b.from, &piece, 1);
		assert_true(b.from.cut);
		flow_start(&b.flow, &b.from, &b.to, b.head, ways[w].kind, 12, ways[w].chunked);
		assert_int_equal(finish(&b, SOME), ways[w].kind == BODY_CLOSE ? FLOW_FROM_BROKEN : FLOW_DONE);
		tear_down(&b);
	}
}

/* --- what may go ------------------------------------------------------------------- */

static void every_way_in_rations(void **state)
{
	static const size_t lengths[] = {0, 1, 16, 17, 255, 600};
	static const uint32_t rooms[] = {1, 7, 64, 4096};
	static const size_t rations[] = {1, 20, 300};

	(void)state;
	for (size_t w = 0; w < COUNT(ways); w++)
		for (size_t l = 0; l < COUNT(lengths); l++)
			for (size_t r = 0; r < COUNT(rooms); r++)
				for (enum cut cut = AT_ONCE; cut < CUTS; cut++)
					for (enum sip sip = ALL; sip < SIPS; sip++) {
						ration = rations[(size_t)rand() % COUNT(rations)];
						one_message(&ways[w], lengths[l], rooms[r], cut, sip);
					}
	ration = 0;
}

/* Turns until nothing happens any more. */
static enum flow_result settle(struct bench *b)
{
	enum flow_result result;
	bool quiet;

	do {
		result = turn(b, &quiet);
		drain(b);
	} while (result == FLOW_WAIT && !quiet);
	return result;
}

/* As much as may go is there, and the rest is not; then the rest comes, too. */
static void stops_at_its_budget(void **state)
{
	static struct bench b;
	static struct read_back r;
	static char payload[60], wire[8 * MOST];

	(void)state;
	for (size_t w = 1; w < COUNT(ways); w++)
		for (size_t budget = 0; budget < sizeof payload; budget++)
			for (uint32_t room = 1; room < 200; room += 33) {
				const struct way *way = &ways[w];
				size_t behind, len, before;

				random_bytes(payload, sizeof payload);
				len = encode(wire, way, payload, sizeof payload, &behind);
				set_up(&b, room);
				assert_int_equal(write(b.source, wire, len), len);
				if (way->kind == BODY_CLOSE)
					close_far(&b.source);
				flow_start(&b.flow, &b.from, &b.to, b.head, way->kind, sizeof payload, way->chunked);
				b.flow.budget = budget;
				assert_int_equal(settle(&b), FLOW_WAIT);
				never_looks_whole(&b, way, payload, budget);
				assert_false(flow_wants_in(&b.flow) || flow_wants_out(&b.flow));
				before = bytes_read + bytes_written;
				b.from.readable = b.to.writable = true; /* whatever poll says */
				assert_int_equal(flow_step(&b.flow), FLOW_WAIT);
				assert_int_equal(bytes_read + bytes_written, before);
				b.flow.budget = sizeof payload - budget + 1; /* the end is looked for while more may come */
				assert_int_equal(settle(&b), FLOW_DONE);
				assert_int_equal(b.flow.budget, 1);
				same(&r, &b, way, payload, sizeof payload);
				tear_down(&b);
			}
}

/* Of a message that breaks off, too, what was good waits for its budget: only then
 * it is broken, and never whole. */
static void breaks_off_when_it_has_gone(void **state)
{
	static struct bench b;
	static char payload[60], wire[8 * MOST];

	(void)state;
	for (size_t w = 1; w < COUNT(ways); w++)
		for (size_t budget = 0; budget < 20; budget++) {
			const struct way *way = &ways[w];
			size_t behind, len;

			random_bytes(payload, sizeof payload);
			len = encode(wire, way, payload, sizeof payload, &behind);
			while (payload_in(way->kind, wire, len) >= 30)
				len--;
			set_up(&b, 4096);
			assert_int_equal(write(b.source, wire, len), len);
			close_far(&b.source);
			reset = 1;
			flow_start(&b.flow, &b.from, &b.to, b.head, way->kind, sizeof payload, way->chunked);
			b.flow.budget = budget + 1;
			assert_int_equal(settle(&b), FLOW_WAIT);
			link_fill(&b.from); /* it learns of its end by another way than this one */
			assert_non_null(b.from.why);
			assert_int_equal(settle(&b), FLOW_WAIT);
			never_looks_whole(&b, way, payload, budget + 1);
			b.flow.budget = 100;
			assert_int_equal(settle(&b), FLOW_FROM_BROKEN);
			never_looks_whole(&b, way, payload, 29);
			tear_down(&b);
		}
}

static void nonsense_waits_its_turn(void **state)
{
	static struct bench b;
	static const struct way way = {"nonsense", BODY_CHUNKED, true};

	(void)state;
	for (size_t budget = 0; budget < 4; budget++) {
		set_up(&b, 100);
		assert_int_equal(write(b.source, "4\r\ndatanonsense", 15), 15);
		flow_start(&b.flow, &b.from, &b.to, b.head, BODY_CHUNKED, 0, true);
		b.flow.budget = budget;
		assert_int_equal(settle(&b), FLOW_WAIT);
		assert_true(GW_RECV || !budget || b.flow.body.bad);
		never_looks_whole(&b, &way, "data", budget);
		b.flow.budget = 5;
		assert_int_equal(settle(&b), FLOW_FROM_BROKEN);
		never_looks_whole(&b, &way, "data", 4);
		tear_down(&b);
	}
}

/* What is no payload goes without a budget: head, the end of a chunk, the last one. */
static void framing_needs_no_budget(void **state)
{
	static struct bench b;
	static const char wire[] = "4\r\ndata\r\n0\r\n\r\n";

	(void)state;
	for (size_t most = 1; most < 9; most++) {
		set_up(&b, 100);
		assert_int_equal(write(b.source, wire, sizeof wire - 1), sizeof wire - 1);
		flow_start(&b.flow, &b.from, &b.to, b.head, BODY_CHUNKED, 0, true);
		b.flow.budget = 4;
		taken_most = most;
		if (GW_RECV) /* the end is looked for while more may come */
			b.flow.budget = 5;
		assert_int_equal(finish(&b, most % 2 ? ONE : SOME), FLOW_DONE);
		block_same(span_of(b.out, b.out_len), HEAD "4\r\ndata\r\n0\r\n\r\n", "one chunk");
		tear_down(&b);
	}
	set_up(&b, 100);
	flow_start(&b.flow, &b.from, &b.to, b.head, BODY_NONE, 0, false);
	b.flow.budget = 0;
	assert_true(flow_wants_out(&b.flow));
	assert_int_equal(finish(&b, ONE), FLOW_DONE);
	tear_down(&b);
	set_up(&b, 100);
	flow_reply(&b.flow, &b.to, b.head, SPAN("from memory"));
	b.flow.budget = 4;
	assert_int_equal(settle(&b), FLOW_WAIT);
	block_same(span_of(b.out, b.out_len), HEAD "from", "a part");
	assert_false(flow_wants_out(&b.flow));
	b.flow.budget = 7;
	assert_int_equal(settle(&b), FLOW_DONE);
	block_same(span_of(b.out, b.out_len), HEAD "from memory", "all");
	tear_down(&b);
}

/* A chunk that says more than may come is broken, and no byte of it goes on. */
static void chunks_are_bounded(void **state)
{
	static struct bench b;
	static const struct way way = {"bounded", BODY_CHUNKED, true};
	static const char wire[] = "4\r\nabcd\r\n4\r\nefgh\r\n0\r\n\r\n";

	(void)state;
	for (uint64_t most = 0; most < 10; most++)
		for (uint32_t room = 1; room < 60; room += 7) {
			set_up(&b, room);
			assert_int_equal(write(b.source, wire, sizeof wire - 1), sizeof wire - 1);
			flow_start(&b.flow, &b.from, &b.to, b.head, BODY_CHUNKED, 0, true);
			b.flow.body.most = most;
			if (most >= 8) {
				assert_int_equal(finish(&b, ALL), FLOW_DONE);
			} else {
				assert_int_equal(finish(&b, ALL), FLOW_FROM_BROKEN);
				assert_int_equal(b.flow.body.bad->status, 413);
				never_looks_whole(&b, &way, "abcd", most / 4 * 4);
			}
			tear_down(&b);
		}
}

/* --- a sink that goes -------------------------------------------------------------------- */

static void sink_goes(void **state)
{
	static struct bench b;
	static char payload[200], wire[8 * MOST];

	(void)state;
	for (size_t w = 0; w < COUNT(ways); w++)
		for (size_t took = 0; took < 150; took++) {
			const struct way *way = &ways[w];
			size_t behind, len;
			bool quiet;

			random_bytes(payload, sizeof payload);
			len = encode(wire, way, payload, sizeof payload, &behind);
			set_up(&b, 64);
			assert_int_equal(write(b.source, wire, len), len);
			flow_start(&b.flow, &b.from, &b.to, b.head, way->kind, sizeof payload, way->chunked);
			while (bytes_written < took && (way->kind != BODY_NONE || took < sizeof HEAD - 1)) {
				taken_most = 1;
				b.to.writable = true;
				assert_int_equal(turn(&b, &quiet), FLOW_WAIT);
			}
			if (way->kind == BODY_NONE && took >= sizeof HEAD - 1)
				took = 150; /* it has gone out */
			else {
				close_far(&b.sink);
				assert_int_equal(finish(&b, ALL), FLOW_TO_BROKEN);
				assert_non_null(b.to.why);
				assert_int_equal(flow_step(&b.flow), FLOW_TO_BROKEN);
			}
			tear_down(&b);
		}
}

/* --- from memory ---------------------------------------------------------------------------- */

static void replies(void **state)
{
	static struct bench b;

	(void)state;
	for (size_t len = 0; len < 600; len += 1 + len / 3)
		for (enum sip sip = ALL; sip < SIPS; sip++) {
			static char text[600];
			struct span body;

			random_bytes(text, len);
			body = block_of(span_of(text, len));
			set_up(&b, 16);
			memcpy(b.in.data + b.in.end, "next", 4);
			b.in.end += 4;
			flow_reply(&b.flow, &b.to, b.head, body);
			assert_true(flow_wants_out(&b.flow));
			assert_false(flow_wants_in(&b.flow));
			assert_int_equal(finish(&b, sip), FLOW_DONE);
			assert_int_equal(b.out_len, sizeof HEAD - 1 + len);
			assert_memory_equal(b.out, HEAD, sizeof HEAD - 1);
			assert_memory_equal(b.out + sizeof HEAD - 1, text, len);
			assert_true(b.flow.sent == len);
			assert_true(sip != ALL || writes == 1);
			assert_int_equal(buf_held(&b.in), 4);
			assert_int_equal(reads, 0);
			block_free(body);
			tear_down(&b);
		}
	set_up(&b, 16);
	flow_reply(&b.flow, &b.to, b.head, SPAN("text"));
	close_far(&b.sink);
	assert_int_equal(finish(&b, ALL), FLOW_TO_BROKEN);
	tear_down(&b);
}

/* Both ways of a tunnel over the same two links: bytes that came with the heads
 * go first, each way ends by itself. */
static void tunnels(void **state)
{
	static struct bench b;
	static const struct way raw = {"tunnel", BODY_CLOSE, false};
	char room[16];
	struct buf back;
	struct flow other;
	bool quiet;

	(void)state;
	set_up(&b, 16);
	buf_init(&back, room, sizeof room);
	b.to.in = &back;
	memcpy(b.in.data + b.in.end, "early", 5);
	b.in.end += 5;
	flow_start(&b.flow, &b.from, &b.to, b.head, raw.kind, 0, raw.chunked);
	flow_start(&other, &b.to, &b.from, span_of("", 0), BODY_CLOSE, 0, false);
	assert_int_equal(turn(&b, &quiet), FLOW_WAIT);
	assert_int_equal(flow_step(&other), FLOW_WAIT);
	assert_true(flow_wants_in(&other) && !flow_wants_out(&other));
	drain(&b);
	block_same(span_of(b.out, b.out_len), HEAD "early", "the first bytes");
	close_far(&b.source);
	assert_int_equal(finish(&b, ALL), FLOW_DONE);
	/* the other way lives on, and finds its sink gone only when it writes */
	assert_int_equal(flow_step(&other), FLOW_WAIT);
	assert_int_equal(write(b.sink, "late", 4), 4);
	b.to.readable = true;
	assert_int_equal(flow_step(&other), FLOW_TO_BROKEN);
	tear_down(&b);
}

/* --- long bodies, through pipes ----------------------------------------------------------------- */

enum { SCALE = GW_RECV ? 64 : 1, LONG = GW_DUCT_AFTER + 400000 / SCALE, FLOWS = GW_DUCTS + 4 };

static const size_t further[] = {0, 1, 16383, 16384, 16385, 65536, 200000 / SCALE, 400000 / SCALE};

/* Not one that is shared: each long body has bytes of its own. */
static char *long_payload(size_t len)
{
	char *payload = malloc(len + 4);

	assert_non_null(payload);
	random_bytes(payload, len);
	memcpy(payload + len, "next", 4); /* of the message behind it */
	return payload;
}

static void open_ducts(struct ducts *ducts)
{
	ducts_open(ducts);
	if (ducts->lent)
		skip(); /* no pipes here: flows copy, as above */
}

static void close_ducts(struct ducts *ducts)
{
	assert_int_equal(ducts->lent, 0); /* all have come back */
	for (int i = 0; i < GW_DUCTS; i++) {
		assert_int_equal(ducts->at[i].held, 0);
		platform_close(ducts->at[i].pipe[0]);
		platform_close(ducts->at[i].pipe[1]);
	}
}

static const struct way long_ways[] = {{"long length", BODY_LENGTH, false}, {"long close", BODY_CLOSE, false}};

static void start_long(struct bench *b, struct ducts *ducts, const struct way *way, size_t length)
{
	flow_start(&b->flow, &b->from, &b->to, b->head, way->kind, length, way->chunked);
	b->flow.ducts = ducts;
}

/* Gives as much of the wire as the socket takes, at most a random piece. */
static void give(struct bench *b, const char *wire, size_t len, size_t *given)
{
	size_t left = len - *given, n = (size_t)rand() % 90000;
	ssize_t took = left ? write(b->source, wire + *given, n < left ? n : left) : 0;

	*given += took > 0 ? (size_t)took : 0;
}

static void long_message(struct ducts *ducts, const struct way *way, size_t len, enum sip sip)
{
	static struct bench b;
	char *payload = long_payload(len);
	size_t given = 0, wire = way->kind == BODY_LENGTH ? len + 4 : len;
	enum flow_result result;
	bool quiet;

	set_up(&b, 16384);
	start_long(&b, ducts, way, len);
	do {
		give(&b, payload, wire, &given);
		if (given == wire && way->kind == BODY_CLOSE)
			close_far(&b.source);
		taken_most = sip_of(sip);
		result = turn(&b, &quiet);
		drain(&b);
	} while (result == FLOW_WAIT);
	assert_int_equal(result, FLOW_DONE);
	assert_int_equal(b.out_len, sizeof HEAD - 1 + len);
	assert_memory_equal(b.out, HEAD, sizeof HEAD - 1);
	assert_memory_equal(b.out + sizeof HEAD - 1, payload, len);
	assert_true(b.flow.sent == len);
	/* not one byte of what is behind it went into the pipe */
	assert_int_equal(bytes_read, len + buf_held(&b.in));
	assert_memory_equal(b.in.data + b.in.at, "next", buf_held(&b.in));
	assert_true(splices > 0 || len < GW_DUCT_AFTER + 200000 / SCALE);
	assert_null(b.flow.duct);
	tear_down(&b);
	free(payload);
}

/* Through pipes as little as otherwise: what they lift they may also drop. */
static void long_bodies_in_rations(void **state)
{
	static struct bench b;
	struct ducts ducts;
	unsigned lifted = 0;

	(void)state;
	open_ducts(&ducts);
	for (int round = 0; round < 20; round++)
		for (size_t w = 0; w < COUNT(long_ways); w++) {
			char *payload = long_payload(LONG);
			size_t given = 0;
			uint64_t granted = 0;
			enum flow_result result;
			bool quiet;

			ration = (round % 2 ? 90000 : 3000) / SCALE;
			set_up(&b, 16384);
			start_long(&b, &ducts, &long_ways[w], LONG);
			b.flow.budget = 0;
			do {
				give(&b, payload, LONG, &given);
				if (given == LONG)
					close_far(&b.source);
				taken_most = sip_of(round % 4 ? GULPS : ALL);
				grant(&b, &granted);
				result = turn(&b, &quiet);
				assert_true(b.flow.sent + b.flow.budget == granted);
				assert_true(!b.flow.duct || b.flow.duct->held <= b.flow.budget);
				drain(&b);
				assert_true(b.out_len <= sizeof HEAD - 1 + granted);
			} while (result == FLOW_WAIT);
			assert_int_equal(result, FLOW_DONE);
			assert_int_equal(b.out_len, sizeof HEAD - 1 + LONG);
			assert_memory_equal(b.out + sizeof HEAD - 1, payload, LONG);
			lifted += splices;
			tear_down(&b);
			free(payload);
		}
	ration = 0;
	assert_true(lifted > 0); /* or this tests nothing */
	close_ducts(&ducts);
}

static void long_bodies(void **state)
{
	struct ducts ducts;
	int before = dup(0), after;

	(void)state;
	close(before);
	open_ducts(&ducts);
	for (size_t w = 0; w < COUNT(long_ways); w++)
		for (size_t i = 0; i < COUNT(further); i++) {
			long_message(&ducts, &long_ways[w], GW_DUCT_AFTER + further[i], ALL);
			long_message(&ducts, &long_ways[w], GW_DUCT_AFTER + further[i], GULPS);
		}
	close_ducts(&ducts);
	after = dup(0);
	close(after);
	assert_int_equal(after, before); /* no descriptor was left open */
}

/* More long bodies than pipes: who has none copies, and nobody waits for one. */
static void more_than_there_are_pipes(void **state)
{
	struct bench *b[FLOWS];
	char *payload[FLOWS];
	size_t given[FLOWS] = {0};
	struct ducts ducts;
	int going = FLOWS;
	uint32_t all_lent = 0;

	(void)state;
	open_ducts(&ducts);
	for (int i = 0; i < FLOWS; i++) {
		payload[i] = long_payload(LONG);
		b[i] = malloc(sizeof *b[i]);
		assert_non_null(b[i]);
		set_up(b[i], 16384);
		start_long(b[i], &ducts, &long_ways[i % 2], LONG);
	}
	while (going) {
		int i = rand() % FLOWS;
		enum flow_result result;
		bool quiet;

		if (!b[i])
			continue;
		give(b[i], payload[i], LONG, &given[i]);
		if (given[i] == LONG)
			close_far(&b[i]->source);
		taken_most = sip_of(GULPS);
		result = turn(b[i], &quiet);
		all_lent |= ducts.lent;
		drain(b[i]);
		if (result == FLOW_WAIT)
			continue;
		assert_int_equal(result, FLOW_DONE);
		assert_int_equal(b[i]->out_len, sizeof HEAD - 1 + LONG);
		assert_memory_equal(b[i]->out + sizeof HEAD - 1, payload[i], LONG);
		tear_down(b[i]);
		free(b[i]);
		free(payload[i]);
		b[i] = NULL;
		going--;
	}
	assert_int_equal(all_lent, (1u << GW_DUCTS) - 1); /* or this tests nothing */
	close_ducts(&ducts);
}

/* A long body that breaks off: what was good has gone out, and it is broken. */
static void long_bodies_break_off(void **state)
{
	static struct bench b;
	struct ducts ducts;

	(void)state;
	open_ducts(&ducts);
	for (int round = 0; round < 30; round++)
		for (size_t w = 0; w < COUNT(long_ways); w++) {
			size_t len = GW_DUCT_AFTER + (size_t)rand() % (300000 / SCALE), given = 0;
			char *payload = long_payload(len);
			enum sip sip = round % 2 ? GULPS : ALL;
			enum flow_result result;
			bool quiet;

			set_up(&b, 16384);
			reset = long_ways[w].kind == BODY_CLOSE || round % 3 == 0;
			start_long(&b, &ducts, &long_ways[w], INT64_MAX);
			do {
				give(&b, payload, len, &given);
				if (given == len)
					close_far(&b.source);
				taken_most = sip_of(sip);
				result = turn(&b, &quiet);
				drain(&b);
			} while (result == FLOW_WAIT);
			assert_int_equal(result, FLOW_FROM_BROKEN);
			assert_true(b.out_len <= sizeof HEAD - 1 + len);
			assert_memory_equal(b.out + sizeof HEAD - 1, payload, b.out_len - (sizeof HEAD - 1));
			if (sip == ALL)
				assert_int_equal(b.out_len, sizeof HEAD - 1 + len);
			flow_drop(&b.flow);
			tear_down(&b);
			free(payload);
		}
	close_ducts(&ducts);
}

/* A sink that goes while bytes for it are in the pipe: they never turn up in
 * somebody else's message. */
static void leaves_nothing_in_a_pipe(void **state)
{
	static struct bench b;
	struct ducts ducts;
	int stuck = 0;

	(void)state;
	open_ducts(&ducts);
	for (int round = 0; round < 3 * GW_DUCTS; round++) {
		char *payload = long_payload(LONG);
		size_t given = 0;
		bool quiet;

		set_up(&b, 16384);
		start_long(&b, &ducts, &long_ways[round % 2], LONG);
		while (!b.flow.duct) {
			give(&b, payload, LONG - 1, &given);
			taken_most = bytes_written < GW_DUCT_AFTER + 20000 / SCALE ? SIZE_MAX : 0;
			assert_int_equal(turn(&b, &quiet), FLOW_WAIT);
			drain(&b);
			if (!taken_most && !b.flow.duct && given == LONG - 1)
				break;
		}
		if (b.flow.duct) {
			stuck++;
			assert_true(b.flow.duct->held > 0);
			assert_true(flow_wants_out(&b.flow));
			assert_false(flow_wants_in(&b.flow));
		}
		close_far(&b.sink);
		assert_int_equal(finish(&b, ALL), FLOW_TO_BROKEN);
		flow_drop(&b.flow);
		flow_drop(&b.flow); /* once more does no harm */
		assert_int_equal(ducts.lent, 0);
		tear_down(&b);
		free(payload);
		long_message(&ducts, &long_ways[round % 2], LONG, ALL);
	}
	assert_true(stuck > GW_DUCTS);
	close_ducts(&ducts);
}

/* Pipes that cannot be opened are none: all is copied. */
static void does_without_pipes(void **state)
{
	struct ducts none = {.lent = (1u << GW_DUCTS) - 1};
	static struct bench b;
	char *payload = long_payload(LONG);
	size_t given = 0;
	enum flow_result result;
	bool quiet;

	(void)state;
	set_up(&b, 16384);
	start_long(&b, &none, &long_ways[0], LONG);
	do {
		give(&b, payload, LONG, &given);
		taken_most = sip_of(GULPS);
		result = turn(&b, &quiet);
		drain(&b);
	} while (result == FLOW_WAIT);
	assert_int_equal(result, FLOW_DONE);
	assert_int_equal(splices, 0);
	assert_memory_equal(b.out + sizeof HEAD - 1, payload, LONG);
	tear_down(&b);
	free(payload);
}

/* --- through TLS ----------------------------------------------------------------------------- */

/* The far ends of a bench whose links have TLS. */
struct far_end {
	struct pair_kit *kit; /* its own: ours has as many buffers as an exchange may use */
	struct tls *t;        /* NULL: this end is plain */
	struct tls_session session;
};

enum { FROM = 1, TO = 2 };

static const struct credential *shown[1];
static const struct tls_server anybody = {.verify = TLS_VERIFY_OFF, .name = "a.test"};

/* Records that there are, both ways; plaintext goes to out as long as it has room. *end: there will be no more. */
static void far_pump(const struct far_end *e, int fd, char *out, size_t *out_len, size_t size, bool *end)
{
	const void *at;
	void *to;
	size_t len;
	ssize_t n;

	while ((len = tls_record_peek(e->t, &at)) > 0 && (n = write(fd, at, len)) > 0)
		tls_record_sent(e->t, (size_t)n);
	while ((len = tls_record_room(e->t, &to)) > 0) {
		n = read(fd, to, len);
		*end = n == 0;
		if (n <= 0)
			break;
		tls_record_came(e->t, (size_t)n);
		while ((len = tls_peek(e->t, &at)) > 0) {
			assert_true(len <= size - *out_len);
			memcpy(out + *out_len, at, len);
			*out_len += len;
			tls_take(e->t, len);
		}
	}
	while ((len = tls_record_peek(e->t, &at)) > 0 && (n = write(fd, at, len)) > 0)
		tls_record_sent(e->t, (size_t)n);
	tls_rest(e->t);
}

/* Plaintext to be sent by the far end; as much as it takes. */
static size_t far_put(const struct far_end *e, const char *at, size_t len)
{
	void *room;
	size_t n = len ? tls_room(e->t, &room, len) : 0;

	if (n > len)
		n = len;
	if (n) {
		memcpy(room, at, n);
		tls_put(e->t, n);
		tls_flush(e->t);
	}
	return n;
}

struct secure_bench {
	struct bench b;
	struct pair_kit *kit;
	struct far_end source, sink;
};

static void secure(struct secure_bench *s, struct link *l, struct far_end *e, int fd)
{
	char none[1];
	size_t len = 0;
	bool end, accepts = e == &s->source;

	e->kit = pair_kit_open(&pair_counts, 5);
	pair_add_site(e->kit, "", shown, 1);
	e->t = accepts ? tls_connect(e->kit->kit, &anybody, &e->session) : tls_accept(e->kit->kit, e->kit);
	link_secure(l, accepts ? tls_accept(s->kit->kit, s->kit) : tls_connect(s->kit->kit, &anybody, &e->session));
	for (int i = 0; l->phase == LINK_SHAKING || !tls_is_open(e->t); i++) {
		assert_true(i < 20);
		far_pump(e, fd, none, &len, 0, &end);
		l->readable = true;
		link_shake(l);
		assert_null(l->why);
	}
}

static void set_up_secure(struct secure_bench *s, uint32_t room, int which)
{
	set_up(&s->b, room);
	s->kit = pair_kit_open(&pair_counts, 6);
	pair_add_site(s->kit, "", shown, 1);
	s->source = s->sink = (struct far_end){.kit = NULL};
	if (which & FROM)
		secure(s, &s->b.from, &s->source, s->b.source);
	if (which & TO)
		secure(s, &s->b.to, &s->sink, s->b.sink);
	reads = writes = 0;
	bytes_read = bytes_written = 0;
}

static void close_far_end(struct far_end *e)
{
	if (!e->t)
		return;
	tls_close(e->t);
	e->t = NULL;
	assert_int_equal(pair_lent(e->kit), 0);
	pair_kit_close(e->kit);
}

static void tear_down_secure(struct secure_bench *s)
{
	tear_down(&s->b);
	close_far_end(&s->source);
	close_far_end(&s->sink);
	assert_int_equal(pair_lent(s->kit), 0);
	pair_kit_close(s->kit);
}

static void drain_secure(struct secure_bench *s)
{
	struct bench *b = &s->b;
	bool end;

	if (s->sink.t)
		far_pump(&s->sink, b->sink, b->out, &b->out_len, sizeof b->out, &end);
	else
		drain(b);
}

/* Some of the wire goes to the link; at its end the source closes, in order or not. */
static void give_secure(struct secure_bench *s, const char *wire, size_t len, size_t *given, enum cut cut, bool close, bool in_order)
{
	struct bench *b = &s->b;
	size_t n = piece_of(cut, len - *given), none = 0;
	bool end;

	if (b->source < 0)
		return;
	if (!s->source.t) {
		ssize_t took = n ? write(b->source, wire + *given, n) : 0;

		*given += took > 0 ? (size_t)took : 0;
	} else {
		*given += tls_record_peek(s->source.t, &(const void *){NULL}) ? 0 : far_put(&s->source, wire + *given, n);
		if (*given == len && close && in_order)
			tls_finish(s->source.t);
		far_pump(&s->source, b->source, NULL, &none, 0, &end);
		close = close && tls_record_peek(s->source.t, &(const void *){NULL}) == 0;
	}
	if (*given == len && close)
		close_far(&b->source);
}

/* A number that is another one when something has moved, be it only out of a record. */
static size_t moved(const struct secure_bench *s)
{
	const struct bench *b = &s->b;

	return bytes_read + bytes_written + (size_t)b->flow.sent + buf_held(&b->in) + b->from.eof + b->to.cut +
	       (b->from.tls ? 100000 * tls_peek(b->from.tls, &(const void *){NULL}) : 0);
}

/* As turn, but plaintext may move without a byte on a socket. */
static enum flow_result turn_secure(struct secure_bench *s, bool *quiet)
{
	struct bench *b = &s->b;
	struct flow *f = &b->flow;
	short in = link_watch(&b->from, flow_wants_in(f), false), out = link_watch(&b->to, false, flow_wants_out(f));
	struct watch watches[2] = {{.fd = b->from.fd, .want = in & ~LINK_NOW}, {.fd = b->to.fd, .want = out & ~LINK_NOW}};
	size_t before = moved(s);
	enum flow_result result;

	poll_both(watches);
	*quiet = !(watches[0].got || watches[1].got || (in & LINK_NOW));
	link_polled(&b->from, watches[0].got);
	link_polled(&b->to, watches[1].got);
	result = flow_step(f);
	if (result == FLOW_WAIT) {
		may_wait(b);
		if (!*quiet && taken_most && moved(s) == before)
			fail_msg("there was news, and nothing came of it: a busy loop");
	}
	return result;
}

/* Gives all of the wire, and steps until it is over. in_order: with a close_notify, where there is TLS. */
static enum flow_result run_secure(struct secure_bench *s, const struct way *way, const char *wire, size_t len, uint64_t length, enum cut cut, enum sip sip,
				   bool close, bool in_order)
{
	struct bench *b = &s->b;
	size_t given = 0, idle = 0;
	uint64_t granted = 0;
	enum flow_result result;

	flow_start(&b->flow, &b->from, &b->to, b->head, way->kind, length, way->chunked);
	if (ration)
		b->flow.budget = 0;
	do {
		bool quiet;

		give_secure(s, wire, len, &given, cut, close, in_order);
		taken_most = sip_of(sip);
		if (ration)
			grant(b, &granted);
		result = turn_secure(s, &quiet);
		if (ration)
			assert_true(b->flow.sent + b->flow.budget == granted);
		drain_secure(s);
		idle = quiet && given == len && taken_most && b->flow.budget ? idle + 1 : 0;
		if (idle > 5)
			fail_msg("%s: it waits, and all has been given", way->name);
	} while (result == FLOW_WAIT);
	taken_most = SIZE_MAX;
	drain_secure(s);
	return result;
}

static void one_secure_message(int which, const struct way *way, size_t len, uint32_t room, enum cut cut, enum sip sip)
{
	static struct secure_bench s;
	static struct read_back r;
	static char payload[MOST], wire[8 * MOST];
	size_t behind, wire_len;

	random_bytes(payload, len);
	if (way->kind == BODY_NONE)
		len = 0;
	wire_len = encode(wire, way, payload, len, &behind);
	set_up_secure(&s, room, which);
	if (run_secure(&s, way, wire, wire_len, len, cut, sip, way->kind == BODY_CLOSE, true) != FLOW_DONE)
		fail_msg("%s: %zu bytes, room %u, cut %d, sip %d: broken", way->name, len, (unsigned)room, cut, sip);
	same(&r, &s.b, way, payload, len);
	assert_false(flow_wants_in(&s.b.flow) || flow_wants_out(&s.b.flow) || link_owes(&s.b.to));
	assert_false(link_is_midway(&s.b.to)); /* what has gone needs no buffer */
	tear_down_secure(&s);
}

static void every_way_through_tls(void **state)
{
	static const size_t lengths[] = {0, 1, 600, 9000};
	static const uint32_t rooms[] = {1, 64, 4096};

	(void)state;
	for (int which = FROM; which <= (FROM | TO); which++)
		for (size_t w = 0; w < COUNT(ways); w++)
			for (size_t l = 0; l < COUNT(lengths); l++) {
				size_t i = (size_t)rand();

				/* the smallest room and bites of one byte take long */
				one_secure_message(which, &ways[w], lengths[l], lengths[l] > 600 ? 4096 : rooms[i % COUNT(rooms)],
						   lengths[l] > 600 ? AT_RANDOM : (enum cut)(i / 3 % CUTS), lengths[l] > 600 ? SOME : (enum sip)(i / 9 % SIPS));
				one_secure_message(which, &ways[w], lengths[l], 4096, AT_ONCE, ALL);
				ration = lengths[l] / 3 + 1;
				one_secure_message(which, &ways[w], lengths[l], lengths[l] > 600 ? 4096 : rooms[i % COUNT(rooms)], AT_RANDOM, SOME);
				ration = 0;
			}
}

/* Only a close_notify says that a body which ends with the connection is whole. */
static void ends_too_early_through_tls(void **state)
{
	static struct secure_bench s;
	static char payload[80], wire[8 * MOST];

	(void)state;
	for (size_t w = 1; w < COUNT(ways); w++)
		for (int in_order = 0; in_order < 2; in_order++)
			for (size_t part = 0; part < 4; part++) {
				const struct way *way = &ways[w];
				size_t behind, len, cut;
				bool whole = way->kind == BODY_CLOSE && in_order;

				random_bytes(payload, sizeof payload);
				len = encode(wire, way, payload, sizeof payload, &behind) - behind;
				cut = len * part / 4;
				set_up_secure(&s, 50, FROM | TO);
				if (run_secure(&s, way, wire, cut, sizeof payload, AT_RANDOM, ALL, true, in_order) != (whole ? FLOW_DONE : FLOW_FROM_BROKEN))
					fail_msg("%s: %zu bytes, %d", way->name, cut, in_order);
				if (!whole)
					never_looks_whole(&s.b, way, payload, payload_in(way->kind, wire, cut));
				tear_down_secure(&s);
			}
}

/* Pipes know nothing of records: long bodies are copied when either end has TLS. */
static void long_bodies_through_tls(void **state)
{
	static struct secure_bench s;
	enum { MUCH = GW_DUCT_AFTER + 300000 };
	char *payload = long_payload(MUCH);
	struct ducts ducts;

	(void)state;
	open_ducts(&ducts);
	for (int which = FROM; which <= (FROM | TO); which++) {
		struct bench *b = &s.b;
		size_t given = 0;
		enum flow_result result;
		bool quiet;

		set_up_secure(&s, 16384, which);
		start_long(b, &ducts, &long_ways[0], MUCH);
		splices = 0;
		do {
			give_secure(&s, payload, MUCH, &given, AT_ONCE, false, false);
			taken_most = sip_of(GULPS);
			result = turn_secure(&s, &quiet);
			drain_secure(&s);
			/* an exchange never has more than one of each for both its links */
			assert_true(s.kit->kit->in.lent + s.kit->kit->out.lent <= 4);
		} while (result == FLOW_WAIT);
		assert_int_equal(result, FLOW_DONE);
		assert_int_equal(b->out_len, sizeof HEAD - 1 + MUCH);
		assert_memory_equal(b->out + sizeof HEAD - 1, payload, MUCH);
		assert_int_equal(splices, 0);
		tear_down_secure(&s);
	}
	close_ducts(&ducts);
	free(payload);
}

/* What came in the same record stays: it is the next message. */
static void leaves_the_next_message_in_its_record(void **state)
{
	static struct secure_bench s;
	static const struct way way = {"length", BODY_LENGTH, false};
	static const char wire[] = "0123456789GET /next";
	char rest[20];
	size_t len = 0;

	(void)state;
	for (uint32_t room = 1; room < 30; room++) {
		set_up_secure(&s, room, FROM);
		assert_int_equal(run_secure(&s, &way, wire, sizeof wire - 1, 10, AT_ONCE, ALL, false, false), FLOW_DONE);
		assert_int_equal(s.b.out_len, sizeof HEAD - 1 + 10);
		for (len = 0; len < 9;) {
			uint32_t held = buf_held(&s.b.in);

			assert_true(held || link_holds(&s.b.from));
			if (held == 0) {
				assert_int_equal(link_watch(&s.b.from, true, false), PLATFORM_IN | LINK_NOW);
				assert_true(link_is_midway(&s.b.from));
				held = (uint32_t)link_fill(&s.b.from);
			}
			memcpy(rest + len, s.b.in.data + s.b.in.at, held);
			len += held;
			s.b.in.at = s.b.in.end;
		}
		assert_int_equal(len, 9);
		assert_memory_equal(rest, "GET /next", 9);
		assert_false(link_holds(&s.b.from) || link_is_midway(&s.b.from));
		tear_down_secure(&s);
	}
}

/* The sink is gone, with a record on its way to it. */
static void secure_sink_goes(void **state)
{
	static struct secure_bench s;
	static char payload[9000];

	(void)state;
	for (size_t took = 0; took < 6000; took += 1 + took / 2) {
		bool quiet;
		enum flow_result result;
		int turns = 0;

		set_up_secure(&s, 4096, TO);
		flow_start(&s.b.flow, &s.b.from, &s.b.to, s.b.head, BODY_LENGTH, 100 * sizeof payload, false);
		assert_int_equal(write(s.b.source, payload, sizeof payload), sizeof payload);
		while (bytes_written < took) {
			taken_most = took - bytes_written;
			s.b.to.writable = true;
			assert_int_equal(turn_secure(&s, &quiet), FLOW_WAIT);
		}
		taken_most = SIZE_MAX;
		close_far(&s.b.sink);
		do {
			assert_true(write(s.b.source, payload, 100) == 100);
			result = turn_secure(&s, &quiet);
		} while (result == FLOW_WAIT && ++turns < 100);
		assert_int_equal(result, FLOW_TO_BROKEN);
		assert_non_null(s.b.to.why);
		tear_down_secure(&s);
	}
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
		cmocka_unit_test(every_way),
		cmocka_unit_test(every_way_at_random),
		cmocka_unit_test(every_way_in_rations),
		cmocka_unit_test(stops_at_its_budget),
		cmocka_unit_test(breaks_off_when_it_has_gone),
		cmocka_unit_test(nonsense_waits_its_turn),
		cmocka_unit_test(framing_needs_no_budget),
		cmocka_unit_test(chunks_are_bounded),
		cmocka_unit_test(several_chunks_become_one),
		cmocka_unit_test(goes_on_as_it_comes),
		cmocka_unit_test(stops_reading),
		cmocka_unit_test(leaves_others_their_turn),
		cmocka_unit_test(ends_too_early),
		cmocka_unit_test(ends_too_early_for_a_slow_sink),
		cmocka_unit_test(speaks_nonsense),
		cmocka_unit_test(sends_what_was_good),
		cmocka_unit_test(answers_on_a_cut_link),
		cmocka_unit_test(sink_goes),
		cmocka_unit_test(replies),
		cmocka_unit_test(tunnels),
		cmocka_unit_test(long_bodies),
		cmocka_unit_test(long_bodies_in_rations),
		cmocka_unit_test(more_than_there_are_pipes),
		cmocka_unit_test(long_bodies_break_off),
		cmocka_unit_test(leaves_nothing_in_a_pipe),
		cmocka_unit_test(every_way_through_tls),
		cmocka_unit_test(ends_too_early_through_tls),
		cmocka_unit_test(long_bodies_through_tls),
		cmocka_unit_test(leaves_the_next_message_in_its_record),
		cmocka_unit_test(secure_sink_goes),
		cmocka_unit_test(does_without_pipes),
	};

	signal(SIGPIPE, SIG_IGN); /* writev knows no MSG_NOSIGNAL */
	srand(1);
	return cmocka_run_group_tests(tests, make_credentials, free_credentials);
}

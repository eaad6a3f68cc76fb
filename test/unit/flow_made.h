/* SPDX-License-Identifier: MIT
 *
 * flow_made - a flow between two sockets whose system gives and takes as a test
 * wants it, messages of all kinds, and what must come out.
 */
#ifndef FLOW_MADE_H
#define FLOW_MADE_H

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

static inline ssize_t take(int fd, const struct iovec *pieces, size_t count)
{
	struct iovec less[80];
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

static inline void pair(struct link *l, int *far)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(fcntl(ends[i], F_SETFL, O_NONBLOCK), 0);
	link_open(l, ends[0]);
	*far = ends[1];
}

/* A buffer with room for that many bytes behind a head that spans look at. */
static inline void set_up(struct bench *b, uint32_t room)
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

static inline void close_far(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static inline void tear_down(struct bench *b)
{
	assert_memory_equal(b->in.data, KEPT, sizeof KEPT - 1); /* never moved */
	link_close(&b->from);
	link_close(&b->to);
	close_far(&b->source);
	close_far(&b->sink);
	free(b->in.data);
	block_free(b->head);
}

static inline void drain(struct bench *b)
{
	ssize_t n;

	while (b->sink >= 0 && (n = read(b->sink, b->out + b->out_len, sizeof b->out - b->out_len)) > 0)
		b->out_len += (size_t)n;
}

/* What a flow that waits may be found in. */
static inline void may_wait(const struct bench *b)
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
static inline void poll_both(struct watch watches[2])
{
	for (int i = 0; i < 2; i++)
		if (!watches[i].want)
			watches[i].fd = -1;
	platform_poll(watches, 2, 0);
}

/* As the worker does it: asks poll for what is wanted, and steps. A turn that
 * poll had news for gets something done, or it would be had again at once, for
 * ever. *quiet: there was no news. */
static inline enum flow_result turn(struct bench *b, bool *quiet)
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

static inline size_t piece_of(enum cut cut, size_t left)
{
	size_t n = cut == AT_ONCE ? left : cut == BYTEWISE ? 1 : (size_t)rand() % 30 + 1;

	return n < left ? n : left;
}

static inline size_t sip_of(enum sip sip)
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
static inline size_t encode(char *wire, const struct way *way, const char *payload, size_t len, size_t *behind)
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
	char payload[64 * MOST];
	size_t len;
	unsigned chunks;
	bool whole;
};

static inline bool read_back_chunk(struct read_back *r)
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

static inline void read_back(struct read_back *r, const struct bench *b, bool chunked)
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

static inline void same(struct read_back *r, const struct bench *b, const struct way *way, const char *payload, size_t len)
{
	read_back(r, b, way->chunked);
	if (r->len != len || memcmp(r->payload, payload, len) != 0)
		fail_msg("%s: %zu bytes of payload came out, not %zu", way->name, r->len, len);
	assert_true(b->flow.sent == len);
	assert_int_equal(r->whole, way->chunked);
	assert_int_equal(r->left, way->chunked ? 0 : len);
}

/* --- whole messages --------------------------------------------------------------- */

static inline void random_bytes(char *at, size_t len)
{
	for (size_t i = 0; i < len; i++)
		at[i] = (char)rand();
}

/* Now and then there is a little more that may go. */
static inline void grant(struct bench *b, uint64_t *granted)
{
	size_t more = rand() % 2 ? (size_t)rand() % (ration + 1) : 0;

	b->flow.budget += more;
	*granted += more;
}

/* Runs a flow that gets all of the wire, cut like this, into a sink that takes
 * this little a time. */
static inline enum flow_result run(struct bench *b, const struct way *way, const char *wire, size_t len, uint64_t length, enum cut cut, enum sip sip)
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

static inline void one_message(const struct way *way, size_t len, uint32_t room, enum cut cut, enum sip sip)
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

/* Steps on until it is over; the sink takes that little. */
static inline enum flow_result finish(struct bench *b, enum sip sip)
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

/* Payload in these first bytes of a wire. */
static inline size_t payload_in(enum body_kind kind, const char *wire, size_t len)
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

static inline void never_looks_whole(const struct bench *b, const struct way *way, const char *payload, size_t len)
{
	static struct read_back r;

	read_back(&r, b, way->chunked);
	assert_false(r.whole);
	assert_int_equal(r.len, len);
	assert_memory_equal(r.payload, payload, len);
	if (way->chunked && b->out_len >= 5)
		assert_memory_not_equal(b->out + b->out_len - 5, "0\r\n\r\n", 5);
}

/* --- long ones --------------------------------------------------------------------- */

enum { SCALE = GW_RECV ? 64 : 1, LONG = GW_DUCT_AFTER + 400000 / SCALE, FLOWS = GW_DUCTS + 4 };

static const size_t further[] = {0, 1, 16383, 16384, 16385, 65536, 200000 / SCALE, 400000 / SCALE};

/* Not one that is shared: each long body has bytes of its own. */
static inline char *long_payload(size_t len)
{
	char *payload = malloc(len + 4);

	assert_non_null(payload);
	random_bytes(payload, len);
	memcpy(payload + len, "next", 4); /* of the message behind it */
	return payload;
}

static inline void open_ducts(struct ducts *ducts)
{
	ducts_open(ducts);
	if (ducts->lent)
		skip(); /* no pipes here: flows copy, as above */
}

static inline void close_ducts(struct ducts *ducts)
{
	assert_int_equal(ducts->lent, 0); /* all have come back */
	for (int i = 0; i < GW_DUCTS; i++) {
		assert_int_equal(ducts->at[i].held, 0);
		platform_close(ducts->at[i].pipe[0]);
		platform_close(ducts->at[i].pipe[1]);
	}
}

static const struct way long_ways[] = {{"long length", BODY_LENGTH, false}, {"long close", BODY_CLOSE, false}};

static inline void start_long(struct bench *b, struct ducts *ducts, const struct way *way, size_t length)
{
	flow_start(&b->flow, &b->from, &b->to, b->head, way->kind, length, way->chunked);
	b->flow.ducts = ducts;
}

#endif

/* SPDX-License-Identifier: MIT
 *
 * Does every message get there whole, however it comes in and however little
 * the sink takes; does one that is not whole never look whole; and does a flow
 * that waits always wait for something that can come?
 */
#include "flow_made.h"

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
	};

	signal(SIGPIPE, SIG_IGN); /* writev knows no MSG_NOSIGNAL */
	srand(1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

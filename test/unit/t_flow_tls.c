/* SPDX-License-Identifier: MIT
 *
 * Does a message arrive through TLS as it does in clear?
 */
#include "flow_secure.h"

/* --- through TLS ----------------------------------------------------------------------------- */

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_way_through_tls),
		cmocka_unit_test(ends_too_early_through_tls),
		cmocka_unit_test(long_bodies_through_tls),
		cmocka_unit_test(leaves_the_next_message_in_its_record),
		cmocka_unit_test(secure_sink_goes),
	};

	signal(SIGPIPE, SIG_IGN); /* writev knows no MSG_NOSIGNAL */
	srand(1);
	return cmocka_run_group_tests(tests, make_credentials, free_credentials);
}

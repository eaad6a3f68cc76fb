/* SPDX-License-Identifier: MIT
 *
 * Does a long body arrive, also where it goes through a pipe of the system, and is
 * nothing of it left there?
 */
#include "flow_made.h"

/* --- long bodies, through pipes ----------------------------------------------------------------- */

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
			start_long(&b, &ducts, &long_ways[w], PTRDIFF_MAX);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(long_bodies),
		cmocka_unit_test(long_bodies_in_rations),
		cmocka_unit_test(more_than_there_are_pipes),
		cmocka_unit_test(long_bodies_break_off),
		cmocka_unit_test(leaves_nothing_in_a_pipe),
		cmocka_unit_test(does_without_pipes),
	};

	signal(SIGPIPE, SIG_IGN); /* writev knows no MSG_NOSIGNAL */
	srand(1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * Does a body get out of the cache whole, however it came in, however little the
 * sink takes; does one that breaks never look whole; and does a reader that has
 * overtaken the writer want nothing until there is more?
 */
#include "flow_secure.h"

enum { SLOTS = 2, READERS = 4, SIZE = 1 << 20, WRITER = 3, NOW = 1000 };

/* --- an arena ---------------------------------------------------------------------- */

struct shelf {
	struct cache *arena;
	struct cache_user user;
	struct cache_fill fill;
	unsigned char *seen;
};

static const struct head any_request; /* no Vary asks for any of its fields */

static struct cache_key key_of(const char *url)
{
	return (struct cache_key){.text = span_str(url), .url = strlen(url)};
}

static void open_shelf(struct shelf *s, size_t size)
{
	*s = (struct shelf){.arena = calloc(1, size)}; /* of that size: ASan sees one more */
	assert_non_null(s->arena);
	cache_init(s->arena, size, SLOTS, READERS, 1);
	assert_true(cache_join(&s->user, s->arena, 0, READERS, (uint32_t)platform_pid()));
	s->seen = malloc(cache_block_count(s->arena) + 1);
	assert_non_null(s->seen);
}

static void check_shelf(struct shelf *s)
{
	const char *wrong = cache_check(&s->user, s->seen);

	if (wrong)
		fail_msg("the arena: %s", wrong);
}

static void close_shelf(struct shelf *s)
{
	check_shelf(s);
	free(s->seen);
	free(s->arena);
}

/* A head is there, and a body will come. */
static void begin_fill(struct shelf *s, const char *url, uint64_t length, uint64_t object)
{
	struct fresh_stored stored = {.born = NOW, .lifetime = 100, .status = 200};
	struct cache_key key = key_of(url);

	assert_true(cache_begin(&s->user, &key, WRITER, NOW, &s->fill));
	assert_true(cache_fill_head(&s->user, &s->fill, &stored, SPAN(""), SPAN(HEAD), length, object, NOW));
}

/* As much of it as there is room for. */
static size_t put_some(struct shelf *s, const char *at, size_t len)
{
	size_t done = 0, room;
	char *to;

	while (done < len) {
		cache_room(&s->user, &s->fill, &to, &room);
		if (room == 0)
			break;
		if (room > len - done)
			room = len - done;
		memcpy(to, at + done, room);
		cache_put(&s->user, &s->fill, room);
		done += room;
	}
	return done;
}

static void store(struct shelf *s, const char *url, const char *at, size_t len)
{
	begin_fill(s, url, len, 0);
	assert_int_equal(put_some(s, at, len), len);
	cache_fill_done(&s->user, &s->fill);
}

/* --- one who reads ------------------------------------------------------------------- */

struct reader {
	struct secure_bench s; /* .b.from is nobody's */
	struct cache_found found;
	struct cache_read read;
	bool chunked;
	uint64_t granted;
};

static void open_reader(struct reader *r, struct shelf *shelf, uint32_t number, const char *url, uint64_t first, uint64_t end, bool chunked, bool secure)
{
	struct cache_key key = key_of(url);

	set_up_secure(&r->s, 1, secure ? TO : 0);
	assert_true(cache_look(&shelf->user, &key, &any_request, number, NOW, &r->found));
	cache_read_begin(&r->read, &shelf->user, &r->found.pin, first, end);
	flow_stored(&r->s.b.flow, &r->s.b.to, r->s.b.head, &r->read, chunked);
	r->chunked = chunked;
	r->granted = 0;
	if (ration)
		r->s.b.flow.budget = 0;
}

static void close_reader(struct reader *r, struct shelf *shelf)
{
	cache_unpin(&shelf->user, &r->found.pin);
	tear_down_secure(&r->s);
	check_shelf(shelf);
}

/* As the worker does it. What poll has news for gets something done, and nobody waits
 * for what can come only with time. */
static enum flow_result turn_reader(struct reader *r, enum sip sip, bool *quiet)
{
	struct bench *b = &r->s.b;
	struct flow *f = &b->flow;
	struct watch watches[2] = {{.fd = b->from.fd}, {.fd = b->to.fd, .want = link_watch(&b->to, false, flow_wants_out(f))}};
	size_t before = bytes_written;
	enum flow_result result;

	assert_false(flow_wants_in(f));
	if (ration)
		grant(b, &r->granted);
	taken_most = sip_of(sip);
	poll_both(watches);
	*quiet = !watches[1].got;
	link_polled(&b->to, watches[1].got);
	result = flow_step(f);
	if (ration)
		assert_true(f->sent + f->budget == r->granted);
	if (result == FLOW_WAIT && !*quiet && taken_most && bytes_written == before)
		fail_msg("poll had news, and nothing came of it: a busy loop");
	taken_most = SIZE_MAX;
	drain_secure(&r->s);
	return result;
}

/* Until it is over, or waits for more to be put or granted. */
static enum flow_result read_on(struct reader *r, enum sip sip)
{
	const struct flow *f = &r->s.b.flow;
	enum flow_result result;
	int turns = 0;
	bool quiet;

	do {
		result = turn_reader(r, sip, &quiet);
		if (++turns > 400000)
			fail_msg("it never ends: %zu bytes are out", r->s.b.out_len);
	} while (result == FLOW_WAIT && (flow_wants_out(f) || (ration && flow_is_held(f))));
	return result;
}

static void is_whole(struct reader *r, const char *payload, size_t len)
{
	static struct read_back back;
	struct way way = {"stored", BODY_LENGTH, r->chunked};

	same(&back, &r->s.b, &way, payload, len);
	assert_false(flow_wants_out(&r->s.b.flow) || flow_is_held(&r->s.b.flow) || link_owes(&r->s.b.to));
	assert_int_equal(flow_step(&r->s.b.flow), FLOW_DONE); /* and stays so */
}

/* --- what is there whole ----------------------------------------------------------------- */

static const size_t lengths[] = {0, 1, 15, 16, 17, GW_BLOCK - 100, GW_BLOCK - 1, GW_BLOCK, GW_BLOCK + 1, 5000, 70 * GW_BLOCK, 100000};

static void every_length(void **state)
{
	static struct reader r;
	struct shelf s;
	char *payload = long_payload(100000);

	(void)state;
	for (size_t i = 0; i < COUNT(lengths); i++) {
		open_shelf(&s, SIZE);
		store(&s, "https://a.test/", payload, lengths[i]);
		for (int how = 0; how < 16; how++) {
			enum sip sip = lengths[i] > 1100 ? (how & 4 ? ALL : GULPS) : how & 4 ? ONE : SOME;

			ration = how & 8 ? lengths[i] / 3 + 1 : 0;
			open_reader(&r, &s, 0, "https://a.test/", 0, UINT64_MAX, how & 1, how & 2);
			if (read_on(&r, sip) != FLOW_DONE)
				fail_msg("%zu bytes, %d: not done", lengths[i], how);
			is_whole(&r, payload, lengths[i]);
			close_reader(&r, &s);
		}
		ration = 0;
		close_shelf(&s);
	}
	free(payload);
}

static void every_range(void **state)
{
	static struct reader r;
	enum { LEN = 4 * GW_BLOCK + 100 };
	char *payload = long_payload(LEN);
	struct shelf s;

	(void)state;
	open_shelf(&s, SIZE);
	store(&s, "https://a.test/", payload, LEN);
	for (int i = 0; i < 400; i++) {
		size_t first = i < 20 ? 0 : (size_t)rand() % LEN, end = i % 20 == 0 ? LEN : first + 1 + (size_t)rand() % (LEN - first);

		open_reader(&r, &s, 0, "https://a.test/", first, end, false, i % 3 == 0);
		assert_int_equal(read_on(&r, i % 2 ? GULPS : ALL), FLOW_DONE);
		is_whole(&r, payload + first, end - first);
		close_reader(&r, &s);
	}
	close_shelf(&s);
	free(payload);
}

/* A hit is one call: head, all blocks. */
static void costs_one_call(void **state)
{
	static struct reader r;
	enum { LEN = 30000 };
	char *payload = long_payload(LEN);
	struct shelf s;

	(void)state;
	open_shelf(&s, SIZE);
	store(&s, "https://a.test/", payload, LEN);
	open_reader(&r, &s, 0, "https://a.test/", 0, UINT64_MAX, false, false);
	assert_int_equal(flow_step(&r.s.b.flow), FLOW_DONE);
	assert_int_equal(writes, 1);
	assert_int_equal(reads, 0);
	drain(&r.s.b);
	is_whole(&r, payload, LEN);
	close_reader(&r, &s);
	close_shelf(&s);
	free(payload);
}

/* One step sends a part of a long one at most, however much the sink would take. */
static void leaves_others_their_turn(void **state)
{
	static struct reader r;
	enum { LEN = 900000, LEAST_STEPS = LEN / (8 * GW_BUFFER) };
	char *payload = long_payload(LEN);
	struct shelf s;
	int steps = 0;

	(void)state;
	open_shelf(&s, 2 * SIZE);
	begin_fill(&s, "https://a.test/", LEN, LEN);
	assert_int_equal(put_some(&s, payload, LEN), LEN);
	cache_fill_done(&s.user, &s.fill);
	open_reader(&r, &s, 0, "https://a.test/", 0, UINT64_MAX, false, true);
	for (enum flow_result result = FLOW_WAIT; result == FLOW_WAIT; steps++) {
		r.s.b.to.writable = true;
		result = flow_step(&r.s.b.flow);
		drain_secure(&r.s);
	}
	assert_true(steps > LEAST_STEPS);
	is_whole(&r, payload, LEN);
	close_reader(&r, &s);
	close_shelf(&s);
	free(payload);
}

/* --- what is still coming -------------------------------------------------------------------- */

/* Three read at their own pace what is being written; one comes later. how: whole, or broken at
 * the end of what was put. */
static void one_that_comes(size_t len, bool known, size_t breaks_at, bool secure)
{
	static struct reader readers[3];
	struct shelf s;
	char *payload = long_payload(len);
	size_t put = 0, all = breaks_at < len ? breaks_at : len;
	bool over = false, done[3] = {false};
	int opened = 0, open = 3, turns = 0;

	open_shelf(&s, SIZE);
	begin_fill(&s, "https://a.test/", known ? len : UINT64_MAX, 0);
	while (open) {
		size_t n = rand() % 3 ? (size_t)rand() % (rand() % 4 ? 300 : 5000) : 0;

		assert_true(++turns < 400000);
		n = n < all - put ? n : all - put;
		assert_int_equal(put_some(&s, payload + put, n), n);
		put += n;
		if (opened < 3 && (opened == 0 || rand() % 4 == 0) && !over) {
			open_reader(&readers[opened], &s, (uint32_t)opened, "https://a.test/", 0, UINT64_MAX, !known || opened == 1, secure && opened == 2);
			opened++;
		}
		if (put == all && opened == 3 && !over) {
			over = true;
			if (all == len)
				cache_fill_done(&s.user, &s.fill);
			else
				cache_fill_end(&s.user, &s.fill, CACHE_BROKEN, NOW);
		}
		for (int i = 0; i < opened; i++) {
			struct reader *r = &readers[i];
			enum flow_result result;
			bool quiet;

			if (done[i])
				continue;
			result = turn_reader(r, i == 1 && len < 2000 ? SOME : GULPS, &quiet);
			if (result == FLOW_WAIT)
				continue;
			assert_true(over || (known && r->s.b.flow.sent == len));
			assert_int_equal(result, all == len ? FLOW_DONE : FLOW_FROM_BROKEN);
			if (all == len)
				is_whole(r, payload, len);
			else
				never_looks_whole(&r->s.b, &(struct way){"broken", BODY_LENGTH, r->chunked}, payload, all);
			done[i] = true;
			open--;
		}
	}
	for (int i = 0; i < 3; i++)
		close_reader(&readers[i], &s);
	close_shelf(&s);
	free(payload);
}

static void goes_on_as_it_comes(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(lengths); i++)
		for (int how = 0; how < 8; how++) {
			ration = how & 4 ? lengths[i] / 3 + 1 : 0;
			one_that_comes(lengths[i], how & 1, SIZE_MAX, how & 2);
		}
	ration = 0;
}

static void breaks_in_the_middle(void **state)
{
	(void)state;
	for (size_t i = 1; i < COUNT(lengths); i++)
		for (int how = 0; how < 8; how++) {
			ration = how & 4 ? lengths[i] / 3 + 1 : 0;
			one_that_comes(lengths[i], how & 1, (size_t)rand() % lengths[i], how & 2);
		}
	ration = 0;
}

/* Who has overtaken the writer wants nothing, writes nothing, and goes on with each byte. */
static void waits_for_the_writer(void **state)
{
	static struct reader r;
	static const char *const out[] = {"4\r\ndata\r\n", "3\r\nfor\r\n", "1\r\n!\r\n"};
	static const char *const in[] = {"data", "for", "!"};
	struct shelf s;
	unsigned wrote;

	(void)state;
	open_shelf(&s, SIZE);
	begin_fill(&s, "https://a.test/", UINT64_MAX, 0);
	open_reader(&r, &s, 0, "https://a.test/", 0, UINT64_MAX, true, false);
	assert_true(flow_wants_out(&r.s.b.flow)); /* the head does not wait for the body */
	for (size_t i = 0; i <= COUNT(in); i++) {
		assert_int_equal(read_on(&r, ALL), FLOW_WAIT);
		block_same(span_of(r.s.b.out, r.s.b.out_len), i ? out[i - 1] : HEAD, "what has come");
		r.s.b.out_len = 0;
		wrote = writes;
		assert_false(flow_wants_out(&r.s.b.flow) || flow_wants_in(&r.s.b.flow) || flow_is_held(&r.s.b.flow));
		assert_int_equal(flow_step(&r.s.b.flow), FLOW_WAIT);
		assert_int_equal(writes, wrote);
		if (i == COUNT(in))
			break;
		assert_int_equal(put_some(&s, in[i], strlen(in[i])), strlen(in[i]));
		assert_true(flow_wants_out(&r.s.b.flow));
	}
	cache_fill_done(&s.user, &s.fill);
	assert_true(flow_wants_out(&r.s.b.flow));
	assert_int_equal(flow_step(&r.s.b.flow), FLOW_DONE);
	assert_int_equal(writes, wrote + 1);
	drain(&r.s.b);
	block_same(span_of(r.s.b.out, r.s.b.out_len), "0\r\n\r\n", "the end");
	close_reader(&r, &s);
	close_shelf(&s);
}

/* Longer than may be stored: what has been read makes room, and the slowest reader holds the writer up. */
static void too_long_goes_through(void **state)
{
	static struct reader readers[2];
	enum { LEN = 700000, OBJECT = 65536 };
	char *payload = long_payload(LEN);
	struct shelf s;
	size_t put = 0;
	bool held_up = false, quiet;

	(void)state;
	for (int ends = 0; ends < 2; ends++) {
		int open = 2, turns = 0;
		bool done[2] = {false, false};

		open_shelf(&s, SIZE);
		begin_fill(&s, "https://a.test/", UINT64_MAX, OBJECT);
		for (int i = 0; i < 2; i++)
			open_reader(&readers[i], &s, (uint32_t)i, "https://a.test/", 0, UINT64_MAX, true, false);
		for (put = 0; open;) {
			size_t n = LEN - put < 40000 ? LEN - put : 40000, took = put_some(&s, payload + put, n);

			assert_true(++turns < 100000);
			held_up |= took < n;
			put += took;
			if (put == LEN && s.fill.entry != CACHE_NONE) {
				if (ends)
					cache_fill_done(&s.user, &s.fill);
				else
					cache_fill_end(&s.user, &s.fill, CACHE_BROKEN, NOW);
				s.fill.entry = CACHE_NONE;
			}
			for (int i = 0; i < 2; i++) {
				if (done[i] || (i && rand() % 4))
					continue; /* the second one is slow */
				if (turn_reader(&readers[i], GULPS, &quiet) == FLOW_WAIT)
					continue;
				assert_int_equal(put, LEN);
				if (ends)
					is_whole(&readers[i], payload, LEN);
				else
					never_looks_whole(&readers[i].s.b, &(struct way){"broken", BODY_LENGTH, true}, payload, LEN);
				done[i] = true;
				open--;
			}
		}
		assert_true(held_up);
		for (int i = 0; i < 2; i++)
			close_reader(&readers[i], &s);
		close_shelf(&s);
	}
	free(payload);
}

/* --- what holds it up, and what ends it ------------------------------------------------------- */

static void keeps_to_its_budget(void **state)
{
	static struct reader r;
	struct shelf s;

	(void)state;
	for (int chunked = 0; chunked < 2; chunked++) {
		struct flow *f = &r.s.b.flow;

		open_shelf(&s, SIZE);
		store(&s, "https://a.test/", "0123456789", 10);
		open_reader(&r, &s, 0, "https://a.test/", 0, UINT64_MAX, chunked, false);
		f->budget = 0;
		assert_true(flow_is_held(f) && flow_wants_out(f)); /* the head needs none */
		assert_int_equal(read_on(&r, ALL), FLOW_WAIT);
		block_same(span_of(r.s.b.out, r.s.b.out_len), HEAD, "no payload");
		assert_true(flow_is_held(f) && !flow_wants_out(f));
		r.s.b.out_len = 0;
		f->budget = 4;
		assert_true(!flow_is_held(f) && flow_wants_out(f));
		assert_int_equal(read_on(&r, ALL), FLOW_WAIT);
		block_same(span_of(r.s.b.out, r.s.b.out_len), chunked ? "4\r\n0123\r\n" : "0123", "four bytes");
		r.s.b.out_len = 0;
		f->budget = 6;
		assert_int_equal(read_on(&r, ALL), FLOW_DONE); /* the end needs none */
		block_same(span_of(r.s.b.out, r.s.b.out_len), chunked ? "6\r\n456789\r\n0\r\n\r\n" : "456789", "the rest");
		assert_true(f->sent == 10 && f->budget == 0 && !flow_is_held(f));
		close_reader(&r, &s);
		close_shelf(&s);
	}
}

static void sink_goes(void **state)
{
	static struct reader r;
	char *payload = long_payload(100000);
	struct shelf s;
	bool quiet;

	(void)state;
	open_shelf(&s, SIZE);
	store(&s, "https://a.test/", payload, 100000);
	for (int how = 0; how < 4; how++) {
		enum flow_result result;

		open_reader(&r, &s, 0, "https://a.test/", 0, UINT64_MAX, how & 1, how & 2);
		taken_most = 5000;
		r.s.b.to.writable = true;
		assert_int_equal(flow_step(&r.s.b.flow), FLOW_WAIT);
		close_far(&r.s.b.sink);
		r.s.b.to.writable = true;
		taken_most = SIZE_MAX;
		result = flow_step(&r.s.b.flow);
		for (int i = 0; i < 10 && result == FLOW_WAIT; i++)
			result = turn_reader(&r, ALL, &quiet);
		assert_int_equal(result, FLOW_TO_BROKEN);
		assert_non_null(r.s.b.to.why);
		close_reader(&r, &s);
	}
	close_shelf(&s);
	free(payload);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_length),
		cmocka_unit_test(every_range),
		cmocka_unit_test(costs_one_call),
		cmocka_unit_test(leaves_others_their_turn),
		cmocka_unit_test(goes_on_as_it_comes),
		cmocka_unit_test(breaks_in_the_middle),
		cmocka_unit_test(waits_for_the_writer),
		cmocka_unit_test(too_long_goes_through),
		cmocka_unit_test(keeps_to_its_budget),
		cmocka_unit_test(sink_goes),
	};

	signal(SIGPIPE, SIG_IGN); /* writev knows no MSG_NOSIGNAL */
	srand(1);
	return cmocka_run_group_tests(tests, make_credentials, free_credentials);
}

/* SPDX-License-Identifier: MIT
 *
 * Does cache do the same as a simple model of it, whatever comes in whatever order? In a
 * large arena what the model has must be found; in a small one what is
 * found must be in the model. All is checked after each step.
 */
#include "cache_made.h"

enum {
	URLS = 4,
	KEYS = 2 * URLS, /* two of each URL */
	VARIANTS = 3,
	FILLS = 6,
	READS = 10,
	STEPS = 12000,
	TICK = 100 /* ms a step */
};

struct place { /* what there is of one key and variant */
	bool there;
	uint32_t n; /* of the body, and of the fill that made it */
	uint32_t head;
};

struct fill {
	struct cache_fill f;
	uint32_t n, key, variant;
	uint64_t total;
	bool open, headed, indexed;
};

struct read {
	struct cache_found found;
	struct cache_read r;
	uint32_t n, head, key, variant;
	uint64_t taken;
	bool open, waits; /* for a head */
};

struct model {
	struct made m;
	uint64_t random;
	uint32_t next; /* number of the next body, and of the next head */
	int64_t now;
	uint64_t object;
	bool strict;
	struct place places[KEYS][VARIANTS];
	int promised[KEYS]; /* number of the fill that others find, or -1 */
	int64_t pass[KEYS]; /* until then */
	struct fill fills[FILLS];
	struct read reads[READS];
	uint32_t hits, wholes, windows, refreshes;
	uint64_t lengths[1 << 16]; /* of bodies that became whole */
};

static char key_texts[KEYS][3 * GW_BLOCK];
static struct head asked[VARIANTS];
static char asked_room[VARIANTS][100];
static const char *const varies[VARIANTS] = {"accept:v0\n", "accept:v1\n", "accept:v2\n"};

static void make_texts(void)
{
	static const char *const fields[VARIANTS] = {"Accept: v0\r\n", "Accept: v1\r\n", "Accept: v2\r\n"};
	int i;

	for (i = 0; i < KEYS; i++) {
		memset(key_texts[i], 'k', sizeof key_texts[i]);
		snprintf(key_texts[i], sizeof key_texts[i], "https://h/%0*d\n%d", i / 2 == 1 ? 2 * GW_BLOCK : 5, i / 2, i % 2);
	}
	for (i = 0; i < VARIANTS; i++)
		made_asked(&asked[i], asked_room[i], sizeof asked_room[i], fields[i]);
}

static uint32_t roll(struct model *o, uint32_t below)
{
	return made_random(&o->random, below);
}

/* Slots 0 and 1 write, 2 and 3 read, so that each has its own places in the ledger. */
static struct cache_user *writer(struct model *o, uint32_t i)
{
	return &o->m.u[i % 2];
}

static struct cache_user *reader(struct model *o, uint32_t i)
{
	return &o->m.u[2 + i % 2];
}

/* --- writing ------------------------------------------------------------------- */

static void start(struct model *o, uint32_t i)
{
	struct fill *f = &o->fills[i];
	uint32_t key = roll(o, KEYS);
	struct cache_key k = made_key(key_texts[key]);
	bool could = cache_begin(writer(o, i), &k, i, o->now, &f->f);

	if (o->strict)
		assert_int_equal(could, o->promised[key] < 0);
	else
		assert_true(!could || o->promised[key] < 0);
	if (o->promised[key] < 0)
		o->pass[key] = INT64_MIN; /* whoever begins anew forgets that, also if there is no room then */
	if (!could)
		return;
	assert_true(o->next < COUNT(o->lengths));
	*f = (struct fill){.f = f->f, .n = o->next++, .key = key, .variant = roll(o, VARIANTS), .open = true, .indexed = true};
	o->promised[key] = (int)i;
}

/* Nobody finds what this one writes. */
static void leave_index(struct model *o, struct fill *f)
{
	struct place *p = &o->places[f->key][f->variant];

	if (p->there && p->n == f->n)
		p->there = false;
	if (!f->headed && f->indexed)
		o->promised[f->key] = -1;
	f->indexed = false;
}

/* Unless somebody is asking by now. */
static void passed(struct model *o, uint32_t key)
{
	if (o->promised[key] < 0)
		o->pass[key] = o->now + CACHE_PASS_MS;
}

static void stopped(struct model *o, struct fill *f, bool pass)
{
	bool was = f->indexed;

	leave_index(o, f);
	if (pass && was)
		passed(o, f->key);
	assert_int_equal(f->f.entry, CACHE_NONE);
	f->open = false;
}

static void replace(struct model *o, const struct fill *by)
{
	uint32_t i;

	for (i = 0; i < FILLS; i++)
		if (o->fills[i].open && o->fills[i].headed && o->fills[i].key == by->key && o->fills[i].variant == by->variant)
			o->fills[i].indexed = false;
}

static void head(struct model *o, uint32_t i)
{
	struct fill *f = &o->fills[i];
	char text[2 * GW_BLOCK];
	int len = snprintf(text, sizeof text, "%u %s", (unsigned)f->n, MADE_HEAD);
	size_t head_len = roll(o, 4) ? (size_t)len : (size_t)len + roll(o, GW_BLOCK);
	bool known = roll(o, 2);

	memset(text + len, 'x', sizeof text - (size_t)len);
	f->total = roll(o, 3) ? roll(o, 3 * GW_BLOCK) : roll(o, 12 * GW_BLOCK);
	if (!cache_fill_head(writer(o, i), &f->f, &made_stored, span_str(varies[f->variant]), span_of(text, head_len), known ? f->total : UINT64_MAX, o->object, o->now)) {
		assert_true(!o->strict || (known && f->total > o->object));
		stopped(o, f, true);
		return;
	}
	assert_true(!known || f->total <= o->object);
	if (f->indexed) {
		replace(o, f);
		o->promised[f->key] = -1;
		o->places[f->key][f->variant] = (struct place){true, f->n, f->n};
	}
	f->headed = true;
}

static void put(struct model *o, uint32_t i)
{
	struct fill *f = &o->fills[i];
	uint64_t left = f->total - f->f.done, want = roll(o, 2 * GW_BLOCK) + 1, put;
	bool was_long = f->f.too_long;

	if (want > left)
		want = left;
	put = made_put(writer(o, i), &f->f, f->n, want);
	if (f->f.too_long && !was_long) {
		assert_true(!o->strict || f->f.done > o->object);
		if (f->indexed)
			passed(o, f->key);
		leave_index(o, f);
		o->windows++;
	}
	assert_true(put == want || f->f.too_long);
	if (f->f.done == f->total) {
		cache_fill_done(writer(o, i), &f->f);
		o->lengths[f->n] = f->total;
		f->open = false;
		o->wholes++;
	}
}

static void write_step(struct model *o, uint32_t i)
{
	struct fill *f = &o->fills[i];

	if (!f->open) {
		start(o, i);
	} else if (roll(o, 20) == 0) {
		bool pass = roll(o, 2);

		cache_fill_end(writer(o, i), &f->f, pass ? CACHE_PASS : CACHE_BROKEN, o->now);
		stopped(o, f, pass);
	} else if (!f->headed) {
		head(o, i);
	} else {
		put(o, i);
	}
}

/* --- reading ------------------------------------------------------------------------ */

static void opened(struct model *o, uint32_t i)
{
	struct read *r = &o->reads[i];

	r->open = true;
	r->waits = false;
	r->taken = 0;
	r->head = made_number(reader(o, i), &r->found);
	cache_read_begin(&r->r, reader(o, i), &r->found.pin, 0, UINT64_MAX);
}

static void look(struct model *o, uint32_t i)
{
	struct read *r = &o->reads[i];
	const struct place *p;
	struct cache_key k;

	r->key = roll(o, KEYS);
	r->variant = roll(o, VARIANTS);
	k = made_key(key_texts[r->key]);
	p = &o->places[r->key][r->variant];
	if (!cache_look(reader(o, i), &k, &asked[r->variant], i, o->now, &r->found)) {
		assert_false(o->strict && p->there);
		return;
	}
	assert_true(p->there);
	opened(o, i);
	assert_int_equal(r->head, p->head);
	r->n = p->n;
	o->hits++;
}

static void join(struct model *o, uint32_t i)
{
	struct read *r = &o->reads[i];
	uint32_t key = roll(o, KEYS);
	struct cache_key k = made_key(key_texts[key]);
	struct cache_fill f;

	switch (cache_promise(reader(o, i), &k, i, o->now, &f, &r->found)) {
	case CACHE_JOIN:
		assert_true(o->promised[key] >= 0);
		*r = (struct read){.found = r->found, .key = key, .open = true, .waits = true,
			.n = o->fills[o->promised[key]].n, .variant = o->fills[o->promised[key]].variant};
		break;
	case CACHE_LEAD:
		assert_true(o->promised[key] < 0);
		assert_false(o->strict && o->pass[key] > o->now);
		cache_fill_end(reader(o, i), &f, CACHE_BROKEN, o->now);
		break;
	case CACHE_ALONE:
		assert_true(!o->strict || (o->promised[key] < 0 && o->pass[key] > o->now));
		break;
	}
}

static void closed(struct model *o, uint32_t i)
{
	struct read *r = &o->reads[i];

	if (!r->waits)
		assert_int_equal(made_number(reader(o, i), &r->found), r->head);
	cache_unpin(reader(o, i), &r->found.pin);
	r->open = false;
}

/* A 304: the model's head is another one, and readers so far keep theirs. */
static void refresh(struct model *o, uint32_t i)
{
	struct read *r = &o->reads[i];
	struct place *p = &o->places[r->key][r->variant];
	char text[100];
	uint32_t n = o->next++;
	bool whole = cache_state(reader(o, i), &r->found) == CACHE_WHOLE, is_current = p->there && p->n == r->n && whole;

	snprintf(text, sizeof text, "%u %s", (unsigned)n, MADE_HEAD);
	r->head = made_number(reader(o, i), &r->found);
	if (cache_refresh(reader(o, i), &r->found, &made_stored, span_str(text))) {
		assert_true(is_current || !o->strict);
		assert_int_equal(cache_state(reader(o, i), &r->found), CACHE_WHOLE);
		assert_int_equal(made_number(reader(o, i), &r->found), n);
		r->head = p->head = n;
		o->refreshes++;
	} else if (p->there && p->n == r->n) {
		p->there = false; /* filling, or two heads are pinned */
	}
}

static void read_step(struct model *o, uint32_t i)
{
	struct read *r = &o->reads[i];
	enum cache_state state;

	if (!r->open) {
		if (roll(o, 3))
			look(o, i);
		else
			join(o, i);
	} else if (r->waits) {
		state = cache_state(reader(o, i), &r->found);
		if (state == CACHE_FILLING || state == CACHE_WHOLE) {
			assert_true(cache_fits(reader(o, i), &r->found, &asked[r->variant]));
			assert_false(cache_fits(reader(o, i), &r->found, &asked[(r->variant + 1) % VARIANTS]));
			opened(o, i);
		} else if (state != CACHE_PROMISED) {
			closed(o, i);
		}
	} else if (roll(o, 30) == 0) {
		closed(o, i);
	} else if (roll(o, 20) == 0 && cache_state(reader(o, i), &r->found) == CACHE_WHOLE && !cache_entry(o->m.c, r->found.pin.entry)->window) {
		refresh(o, i);
	} else {
		r->taken += made_take(&r->r, r->n, roll(o, 2 * GW_BLOCK) + 1, roll(o, 400) + 1);
		if (cache_read_done(&r->r)) {
			assert_int_equal(r->taken, o->lengths[r->n]);
			closed(o, i);
		} else if (cache_read_broken(&r->r)) {
			closed(o, i);
		}
	}
}

/* --- changing ------------------------------------------------------------------------- */

static uint32_t forget_key(struct model *o, uint32_t key)
{
	uint32_t count = 0, v;

	for (v = 0; v < VARIANTS; v++) {
		count += o->places[key][v].there;
		o->places[key][v].there = false;
	}
	for (v = 0; v < FILLS; v++)
		if (o->fills[v].open && o->fills[v].key == key)
			leave_index(o, &o->fills[v]);
	o->pass[key] = INT64_MIN;
	return count;
}

static void change_step(struct model *o)
{
	uint32_t key = roll(o, KEYS) & ~1u, count, all;
	struct span url = span_of(key_texts[key], made_key(key_texts[key]).url);

	if (roll(o, 10) == 0) {
		url = span_of(url.at, roll(o, 2) ? 0 : 9);
		count = cache_purge(&o->m.u[0], url, false);
		for (all = 0, key = 0; key < KEYS; key++)
			all += forget_key(o, key);
	} else {
		count = roll(o, 2) ? cache_invalidate(&o->m.u[0], url) : cache_purge(&o->m.u[0], url, true);
		all = forget_key(o, key);
		all += forget_key(o, key + 1);
	}
	if (o->strict)
		assert_int_equal(count, all);
	else
		assert_true(count <= all);
}

static void finish(struct model *o)
{
	uint32_t i;

	for (i = 0; i < FILLS; i++)
		if (o->fills[i].open)
			cache_fill_end(writer(o, i), &o->fills[i].f, CACHE_BROKEN, o->now);
	for (i = 0; i < READS; i++)
		if (o->reads[i].open)
			closed(o, i);
	made_all_idle(&o->m);
	made_free(&o->m);
}

static void run(uint32_t blocks, uint64_t seed, bool strict)
{
	static struct model o;
	char name[60];
	uint32_t i, step;

	o = (struct model){.random = seed, .strict = strict, .object = 6 * GW_BLOCK};
	made_arena(&o.m, blocks);
	for (i = 0; i < KEYS; i++) {
		o.promised[i] = -1;
		o.pass[i] = INT64_MIN;
	}
	for (step = 0; step < STEPS; step++, o.now += TICK) {
		i = roll(&o, 100);
		if (i < 45)
			write_step(&o, roll(&o, FILLS));
		else if (i < 98)
			read_step(&o, roll(&o, READS));
		else
			change_step(&o);
		snprintf(name, sizeof name, "step %u of seed %u", (unsigned)step, (unsigned)seed);
		made_check(&o.m, name);
	}
	if (strict)
		assert_int_equal(o.m.c->counts[CACHE_EVICTED], 0);
	else
		assert_true(o.m.c->counts[CACHE_EVICTED] > 0);
	assert_true(o.hits > 200 && o.wholes > 500 && o.windows > 20 && o.refreshes > 5);
	finish(&o);
}

static void with_room(void **state)
{
	uint64_t seed;

	(void)state;
	for (seed = 1; seed <= 4; seed++)
		run(900, seed, true);
}

static void without_room(void **state)
{
	static const uint32_t blocks[] = {20, 27, 33, 40, 50};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(blocks); i++)
		run(blocks[i], 100 + i, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(with_room),
		cmocka_unit_test(without_room),
	};

	make_texts();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * Is what was stored found, whole and byte for byte, by whom it is for; and is
 * every block owned exactly once afterwards?
 */
#include "cache_made.h"

static const uint64_t lengths[] = {0, 1, GW_BLOCK / 2, GW_BLOCK - 1, GW_BLOCK, GW_BLOCK + 1, 2 * GW_BLOCK - 1, 2 * GW_BLOCK, 2 * GW_BLOCK + 1, 5 * GW_BLOCK + 7};

static void sizes(void **state)
{
	struct made m;
	size_t size, last = 0;

	(void)state;
	for (size = 0; size < 400000; size += 777) {
		size_t bytes = cache_blocks_of(size, 4, 24);

		assert_true(bytes < size || bytes == 0);
		assert_true(bytes >= last);
		last = bytes;
	}
	assert_true(last > 380000 / 10 * 9);
	assert_int_equal(cache_blocks_of(1000, 4, 24), 0);
	assert_int_equal(cache_blocks_of(1 << 20, 0, 24), 0);
	assert_int_equal(cache_blocks_of(1 << 20, 4, 0), 0);
	assert_int_equal(cache_blocks_of(1 << 20, UINT32_MAX, UINT32_MAX), 0);
	assert_true(cache_blocks_of(SIZE_MAX, 4, 24) < UINT32_MAX);
	made_arena(&m, CACHE_LEAST);
	assert_int_equal(cache_blocks_of(m.size - 8, MADE_SLOTS, MADE_READERS), 0);
	made_all_idle(&m);
	made_free(&m);
}

static void joins(void **state)
{
	struct cache_user u;
	struct made m;

	(void)state;
	made_arena(&m, 50);
	assert_false(cache_join(&u, m.c, MADE_SLOTS, 1, 1));
	assert_null(u.arena);
	assert_false(cache_join(&u, m.c, 0, MADE_READERS + 1, 1));
	assert_null(u.arena);
	assert_false(cache_join(&u, NULL, 0, 1, 1));
	assert_true(cache_join(&u, m.c, MADE_SLOTS - 1, 1, 1));
	made_free(&m);
}

static void stores_and_finds(void **state)
{
	struct made m;
	struct cache_found found;
	size_t i;
	int known;

	(void)state;
	made_arena(&m, 200);
	for (known = 0; known < 2; known++) {
		for (i = 0; i < COUNT(lengths); i++) {
			assert_true(made_store_with(&m.u[0], 3, "https://a/b\n80\n", (uint32_t)i, lengths[i], known, "", 7));
			made_check(&m, "a store");
			assert_int_equal(made_read(&m, "https://a/b\n80\n", lengths[i]), i);
			made_check(&m, "a read");
			assert_int_equal(made_read(&m, "https://a/b\n81\n", 0), UINT32_MAX);
			assert_int_equal(made_read(&m, "https://a/c\n80\n", 0), UINT32_MAX);
		}
	}
	assert_true(made_look(&m, "https://a/b\n80\n", 2, &found));
	assert_int_equal(found.stored.lifetime, 60);
	assert_int_equal(found.stored.status, 200);
	assert_false(found.ours || found.held);
	made_unpin(&m, &found);
	assert_int_equal(found.pin.entry, CACHE_NONE);
	made_unpin(&m, &found); /* once more is nothing */
	made_all_idle(&m);
	made_free(&m);
}

/* The same bytes, cut between URL and the rest elsewhere, are another key. */
static void url_is_part_of_the_key(void **state)
{
	struct made m;
	struct cache_found found;
	struct cache_key k = made_key("https://a/b\nx\ny");

	(void)state;
	made_arena(&m, 50);
	assert_true(made_store(&m, "https://a/b\nx\ny", 1, 10));
	k.url += 2;
	assert_false(cache_look(&m.u[0], &k, made_plain(), 1, 0, &found));
	k.url -= 2;
	assert_true(cache_look(&m.u[0], &k, made_plain(), 1, 0, &found));
	made_unpin(&m, &found);
	made_free(&m);
}

/* Keys, Vary and heads of every length around the ends of blocks. */
static void edges(void **state)
{
	struct made m;
	char key[3 * GW_BLOCK], head[3 * GW_BLOCK], vary[400], got[3 * GW_BLOCK];
	size_t len;

	(void)state;
	made_arena(&m, 200);
	memset(head, 'h', sizeof head);
	for (len = 20; len < sizeof key - 1; len++) {
		struct cache_key k;
		struct cache_fill f;
		struct cache_found found;
		struct text t = block_text(len);
		size_t vary_len = len % 300;
		struct head asked;
		char room[1000];

		memset(key, 'k', len);
		key[12] = '\n';
		k = (struct cache_key){block_of(span_of(key, len)), 12};
		assert_true(cache_begin(&m.u[0], &k, 0, 0, &f));
		memset(vary, 'v', sizeof vary);
		memcpy(vary, "accept:", 7);
		vary[7 + vary_len] = '\n';
		assert_true(cache_fill_head(&m.u[0], &f, &made_stored, span_of(vary, 8 + vary_len), span_of(head, len), 3, 0, 0));
		assert_int_equal(made_put(&m.u[0], &f, 9, 3), 3);
		cache_fill_done(&m.u[0], &f);
		made_check(&m, "an edge");
		assert_false(cache_look(&m.u[0], &k, made_plain(), 1, 0, &found));
		vary[7 + vary_len] = 0;
		snprintf(got, sizeof got, "Accept: %s\r\n", vary + 7);
		made_asked(&asked, room, sizeof room, got);
		assert_true(cache_look(&m.u[0], &k, &asked, 1, 0, &found));
		assert_int_equal(found.head_len, len);
		cache_head(&m.u[0], &found, &t);
		assert_true(!t.full && t.len == len && memcmp(t.at, head, len) == 0);
		t.size--;
		t.len = 0;
		cache_head(&m.u[0], &found, &t);
		assert_true(t.full);
		made_unpin(&m, &found);
		free(t.at);
		((char *)(uintptr_t)k.text.at)[len - 1]++;
		assert_false(cache_look(&m.u[0], &k, &asked, 1, 0, &found));
		block_free(k.text);
	}
	made_all_idle(&m);
	made_free(&m);
}

static void ranges(void **state)
{
	const uint64_t len = 4 * GW_BLOCK + 100;
	struct made m;
	struct cache_found found;
	struct cache_read r;
	uint64_t first, end, rest;

	(void)state;
	made_arena(&m, 50);
	assert_true(made_store(&m, "u\n", 5, len));
	assert_true(made_look(&m, "u\n", 1, &found));
	for (first = 0; first <= len + 1; first += first < 3 ? 1 : GW_BLOCK / 3 - 1) {
		for (end = first; end <= len + 3; end += 333) {
			rest = first < len ? (end < len ? end : len) - first : 0;
			cache_read_begin(&r, &m.u[0], &found.pin, first, end);
			assert_int_equal(made_take(&r, 5, UINT64_MAX, first % 2 ? 7 : SIZE_MAX), rest);
			assert_true(cache_read_done(&r));
			assert_false(cache_read_broken(&r));
		}
	}
	made_unpin(&m, &found);
	made_free(&m);
}

/* A fresh arena gives out blocks side by side: one piece, whatever the length. */
static void pieces_are_joined(void **state)
{
	struct made m;
	struct cache_found found;
	struct cache_read r;
	struct cache_piece p[2];

	(void)state;
	made_arena(&m, 100);
	assert_true(made_store_with(&m.u[0], 0, "v\n", 4, 8 * GW_BLOCK, true, "", 0));
	assert_true(made_look(&m, "v\n", 1, &found));
	cache_read_begin(&r, &m.u[0], &found.pin, 0, UINT64_MAX);
	assert_int_equal(cache_peek(&r, p, 2), 1);
	assert_int_equal(p[0].len, 8 * GW_BLOCK);
	cache_take(&r, GW_BLOCK);
	assert_int_equal(cache_peek(&r, p, 2), 1);
	assert_int_equal(p[0].len, 7 * GW_BLOCK);
	made_unpin(&m, &found);
	made_free(&m);
}

static void promises(void **state)
{
	struct made m;
	struct cache_key k = made_key("https://a/p\n"), other = made_key("https://a/q\n");
	struct cache_fill f, second;
	struct cache_found a, b;
	struct cache_read r;

	(void)state;
	made_arena(&m, 50);
	assert_int_equal(cache_promise(&m.u[0], &k, 0, 100, &f, &a), CACHE_LEAD);
	assert_false(cache_fill_is_read(&m.u[0], &f));
	assert_int_equal(cache_promise(&m.u[1], &k, 0, 100, &second, &a), CACHE_JOIN);
	assert_int_equal(cache_promise(&m.u[0], &k, 1, 100, &second, &b), CACHE_JOIN);
	assert_int_equal(cache_promise(&m.u[0], &k, 1, 100, &second, &(struct cache_found){.held = 0}), CACHE_ALONE); /* that reader has a pin */
	assert_false(cache_begin(&m.u[2], &k, 0, 100, &second));
	assert_int_equal(cache_promise(&m.u[0], &other, 0, 100, &second, &(struct cache_found){.held = 0}), CACHE_ALONE); /* that one writes already */
	assert_false(cache_begin(&m.u[0], &other, 0, 100, &second));
	assert_true(cache_fill_is_read(&m.u[0], &f));
	assert_true(b.ours);
	assert_false(a.ours);
	assert_int_equal(cache_state(&m.u[1], &a), CACHE_PROMISED);
	assert_false(cache_look(&m.u[2], &k, made_plain(), 0, 100, &(struct cache_found){.held = 0}));
	made_check(&m, "joining");
	assert_true(cache_fill_head(&m.u[0], &f, &made_stored, SPAN(""), SPAN("5 " MADE_HEAD), UINT64_MAX, 0, 100));
	assert_int_equal(cache_state(&m.u[1], &a), CACHE_FILLING);
	assert_int_equal(a.length, UINT64_MAX);
	assert_int_equal(a.stored.status, 200);
	assert_int_equal(made_number(&m.u[1], &a), 5);
	assert_true(cache_fits(&m.u[1], &a, made_plain()));
	assert_int_equal(made_put(&m.u[0], &f, 5, 10), 10);
	cache_read_begin(&r, &m.u[1], &a.pin, 0, UINT64_MAX);
	assert_int_equal(made_take(&r, 5, UINT64_MAX, SIZE_MAX), 10);
	assert_false(cache_read_done(&r) || cache_read_broken(&r));
	assert_int_equal(made_put(&m.u[0], &f, 5, GW_BLOCK), GW_BLOCK);
	cache_fill_done(&m.u[0], &f);
	assert_false(cache_read_done(&r));
	assert_int_equal(made_take(&r, 5, UINT64_MAX, SIZE_MAX), GW_BLOCK);
	assert_true(cache_read_done(&r));
	assert_int_equal(cache_state(&m.u[1], &a), CACHE_WHOLE);
	assert_int_equal(a.length, GW_BLOCK + 10);
	assert_int_equal(cache_state(&m.u[0], &b), CACHE_WHOLE);
	cache_unpin(&m.u[1], &a.pin);
	cache_unpin(&m.u[0], &b.pin);
	made_all_idle(&m);
	made_free(&m);
}

static void follows(void **state)
{
	struct made m;
	struct cache_key k = made_key("https://a/p\n");
	struct cache_fill f = {.entry = CACHE_NONE};
	struct cache_found a, b;

	(void)state;
	made_arena(&m, 50);
	cache_follow(&m.u[0], &f, 0, &a);
	assert_int_equal(a.pin.entry, CACHE_NONE);
	assert_int_equal(cache_promise(&m.u[0], &k, 0, 100, &f, &a), CACHE_LEAD);
	assert_true(cache_fill_head(&m.u[0], &f, &made_stored, SPAN(""), SPAN("5 " MADE_HEAD), 3, 0, 100));
	cache_follow(&m.u[0], &f, 0, &a); /* its own place in the ledger is for writing */
	assert_int_equal(a.pin.entry, f.entry);
	assert_int_equal(a.length, 3);
	assert_true(a.ours);
	assert_true(cache_fill_is_read(&m.u[0], &f));
	cache_pin_also(&m.u[0], &a, 0, &b); /* that one has a pin */
	assert_int_equal(b.pin.entry, CACHE_NONE);
	cache_pin_also(&m.u[0], &a, 4, &b);
	assert_int_equal(b.pin.entry, f.entry);
	assert_int_equal(b.length, 3);
	made_check(&m, "two pins");
	cache_unpin(&m.u[0], &a.pin);
	cache_pin_also(&m.u[0], &a, 4, &a);
	assert_int_equal(a.pin.entry, CACHE_NONE);
	assert_true(cache_fill_is_read(&m.u[0], &f));
	cache_unpin(&m.u[0], &b.pin);
	assert_false(cache_fill_is_read(&m.u[0], &f));
	cache_fill_end(&m.u[0], &f, CACHE_BROKEN, 100);
	made_all_idle(&m);
	made_free(&m);
}

static void passes(void **state)
{
	struct made m;
	struct cache_key k = made_key("https://a/p\n");
	struct cache_fill f;
	struct cache_found a;

	(void)state;
	made_arena(&m, 50);
	assert_int_equal(cache_promise(&m.u[0], &k, 0, 100, &f, &a), CACHE_LEAD);
	assert_int_equal(cache_promise(&m.u[1], &k, 0, 100, &(struct cache_fill){.done = 0}, &a), CACHE_JOIN);
	cache_fill_end(&m.u[0], &f, CACHE_PASS, 100);
	assert_int_equal(f.entry, CACHE_NONE);
	assert_int_equal(cache_state(&m.u[1], &a), CACHE_PASS);
	made_check(&m, "a pass");
	cache_unpin(&m.u[1], &a.pin);
	made_check(&m, "an unpinned pass");
	assert_int_equal(cache_promise(&m.u[1], &k, 0, 100 + CACHE_PASS_MS - 1, &f, &a), CACHE_ALONE);
	assert_int_equal(cache_promise(&m.u[1], &k, 0, 100 + CACHE_PASS_MS, &f, &a), CACHE_LEAD);
	cache_fill_end(&m.u[1], &f, CACHE_PASS, 100);
	assert_true(cache_begin(&m.u[1], &k, 0, 101, &f)); /* who knows better may */
	cache_fill_end(&m.u[1], &f, CACHE_BROKEN, 101);
	cache_fill_end(&m.u[1], &f, CACHE_BROKEN, 101); /* once more is nothing */
	assert_int_equal(cache_promise(&m.u[1], &k, 0, 101, &f, &a), CACHE_LEAD);
	cache_fill_end(&m.u[1], &f, CACHE_BROKEN, 101);
	made_all_idle(&m);
	assert_int_equal(m.c->counts[CACHE_EVICTED], 0);
	made_free(&m);
}

static void breaks(void **state)
{
	struct made m;
	struct cache_key k = made_key("https://a/p\n");
	struct cache_fill f;
	struct cache_found a;
	struct cache_read r;
	enum cache_state how;

	(void)state;
	made_arena(&m, 50);
	for (how = CACHE_BROKEN; how <= CACHE_PASS; how++) {
		assert_true(cache_begin(&m.u[0], &k, 0, 100, &f));
		assert_true(cache_fill_head(&m.u[0], &f, &made_stored, SPAN(""), SPAN("5 " MADE_HEAD), 100, 0, 100));
		assert_true(cache_look(&m.u[1], &k, made_plain(), 0, 100, &a));
		assert_int_equal(a.state, CACHE_FILLING);
		cache_read_begin(&r, &m.u[1], &a.pin, 0, UINT64_MAX);
		assert_int_equal(made_put(&m.u[0], &f, 5, 99), 99);
		cache_fill_end(&m.u[0], &f, how, 100);
		assert_false(cache_read_broken(&r)); /* what there was comes first */
		assert_int_equal(made_take(&r, 5, UINT64_MAX, SIZE_MAX), 99);
		assert_true(cache_read_broken(&r));
		assert_false(cache_read_done(&r));
		assert_int_equal(cache_state(&m.u[1], &a), how);
		assert_false(made_look(&m, "https://a/p\n", 1, &a));
		made_check(&m, "a break");
		cache_unpin(&m.u[1], &(struct cache_pin){r.entry, 0});
		made_check(&m, "a break that is over");
		assert_int_equal(cache_promise(&m.u[1], &k, 0, 100, &f, &a), how == CACHE_PASS ? CACHE_ALONE : CACHE_LEAD);
		cache_fill_end(&m.u[1], &f, CACHE_BROKEN, 100);
	}
	made_all_idle(&m);
	made_free(&m);
}

/* A known length that did not come in full is never whole. */
static void short_is_broken(void **state)
{
	struct made m;
	struct cache_key k = made_key("u\n");
	struct cache_fill f;
	struct cache_found a;
	char *at;
	size_t len;

	(void)state;
	made_arena(&m, 50);
	assert_true(cache_begin(&m.u[0], &k, 0, 100, &f));
	assert_true(cache_fill_head(&m.u[0], &f, &made_stored, SPAN(""), SPAN("5 " MADE_HEAD), 100, 0, 100));
	assert_int_equal(made_put(&m.u[0], &f, 5, 99), 99);
	cache_follow(&m.u[0], &f, 1, &a);
	cache_room(&m.u[0], &f, &at, &len);
	assert_int_equal(len, 1);
	cache_fill_done(&m.u[0], &f);
	assert_int_equal(cache_state(&m.u[0], &a), CACHE_BROKEN);
	cache_unpin(&m.u[0], &a.pin);
	assert_false(made_look(&m, "u\n", 1, &a));
	made_all_idle(&m);
	made_free(&m);
}

static void too_long(void **state)
{
	static const struct { uint64_t length, object; size_t vary; bool fits; } cases[] = {
		{100, 100, 0, true}, {101, 100, 0, false}, {UINT64_MAX - 1, 0, 0, false}, {UINT64_MAX - 1, UINT64_MAX, 0, false},
		{100 * GW_BLOCK / 8, 0, 0, true}, {100 * GW_BLOCK / 8 + 1, 0, 0, false},
		{100 * GW_BLOCK, UINT64_MAX, 0, false}, {98 * GW_BLOCK, UINT64_MAX, 0, true},
		{5, 0, CACHE_VARY, true}, {5, 0, CACHE_VARY + 1, false},
	};
	struct made m;
	struct cache_key k = made_key("u\n");
	struct cache_fill f;
	struct cache_found a;
	char vary[CACHE_VARY + 1];
	size_t i;

	(void)state;
	made_arena(&m, 100);
	memset(vary, 'v', sizeof vary);
	for (i = 0; i < COUNT(cases); i++) {
		assert_true(cache_begin(&m.u[0], &k, 0, 100, &f));
		if (cache_fill_head(&m.u[0], &f, &made_stored, span_of(vary, cases[i].vary), SPAN("5 "), cases[i].length, cases[i].object, 100) != cases[i].fits)
			fail_msg("case %zu", i);
		assert_int_equal(f.entry != CACHE_NONE, cases[i].fits);
		made_check(&m, "a head");
		if (!cases[i].fits)
			assert_int_equal(cache_promise(&m.u[0], &k, 0, 100, &f, &a), cases[i].vary ? CACHE_LEAD : CACHE_ALONE);
		cache_fill_end(&m.u[0], &f, CACHE_BROKEN, 100);
		cache_purge(&m.u[0], SPAN(""), false);
		assert_int_equal(m.c->free, m.c->blocks);
	}
	made_free(&m);
}

static void variants(void **state)
{
	struct made m;
	struct cache_key k = made_key("https://a/v\n");
	struct cache_found found;
	struct head asked;
	char room[200], vary[40], field[60];
	int i;

	(void)state;
	made_arena(&m, 100);
	for (i = 0; i < CACHE_VARIANTS + 3; i++) {
		snprintf(vary, sizeof vary, "accept:%d\n", i);
		assert_true(made_store_with(&m.u[0], 0, "https://a/v\n", (uint32_t)i, 10, true, vary, 0));
		made_check(&m, "a variant");
	}
	for (i = 0; i < CACHE_VARIANTS + 3; i++) {
		snprintf(field, sizeof field, "Accept: %d\r\n", i);
		made_asked(&asked, room, sizeof room, field);
		assert_int_equal(cache_look(&m.u[0], &k, &asked, 0, 0, &found), i >= 3);
		if (i >= 3)
			assert_int_equal(made_number(&m.u[0], &found), i);
		made_unpin(&m, &found);
	}
	/* Who was used less goes first. */
	made_asked(&asked, room, sizeof room, "Accept: 3\r\n");
	assert_true(cache_look(&m.u[0], &k, &asked, 0, 0, &found));
	made_unpin(&m, &found);
	assert_true(made_store_with(&m.u[0], 0, "https://a/v\n", 50, 10, true, "accept:50\n", 0));
	assert_true(cache_look(&m.u[0], &k, &asked, 0, 0, &found));
	made_unpin(&m, &found);
	made_asked(&asked, room, sizeof room, "Accept: 4\r\n");
	assert_false(cache_look(&m.u[0], &k, &asked, 0, 0, &found));
	/* One of the same Vary goes in its place; of two that fit the newer one comes. */
	assert_true(made_store_with(&m.u[0], 0, "https://a/v\n", 77, 10, true, "accept:9\n", 0));
	assert_true(made_store_with(&m.u[0], 0, "https://a/v\n", 78, 10, true, "user-agent\n", 0));
	made_asked(&asked, room, sizeof room, "Accept: 9\r\n");
	assert_true(cache_look(&m.u[0], &k, &asked, 0, 0, &found));
	assert_int_equal(made_number(&m.u[0], &found), 78);
	assert_true(cache_fits(&m.u[0], &found, &asked));
	made_asked(&asked, room, sizeof room, "Accept: 9\r\nUser-Agent: x\r\n");
	assert_false(cache_fits(&m.u[0], &found, &asked));
	made_unpin(&m, &found);
	assert_true(cache_look(&m.u[0], &k, &asked, 0, 0, &found));
	assert_int_equal(made_number(&m.u[0], &found), 77);
	made_unpin(&m, &found);
	assert_int_equal(cache_invalidate(&m.u[0], SPAN("https://a/v")), CACHE_VARIANTS);
	made_all_idle(&m);
	made_free(&m);
}

/* Strangers may make keys that differ behind the URL; they get no longer chain for it. */
static void one_url_has_so_many_entries(void **state)
{
	struct made m;
	char key[60];
	int i;

	(void)state;
	made_arena(&m, 300);
	for (i = 0; i < 200; i++) {
		snprintf(key, sizeof key, "https://a/v\n%d\n", i);
		assert_true(made_store(&m, key, (uint32_t)i, 10));
		assert_int_equal(made_read(&m, key, 10), i);
	}
	made_check(&m, "many");
	assert_int_equal(cache_invalidate(&m.u[0], SPAN("https://a/v")), CACHE_SAME_URL);
	made_all_idle(&m);
	made_free(&m);
}

/* Without an arena everything says no, and nothing falls. */
static void without(void **state)
{
	struct cache_user u = {.arena = NULL};
	struct cache_key k = made_key("u\n");
	struct cache_found found;
	struct cache_fill f;
	struct cache_report report;
	struct cache_read r;
	char *at;
	size_t len;

	(void)state;
	assert_false(cache_look(&u, &k, made_plain(), 0, 0, &found));
	assert_int_equal(cache_promise(&u, &k, 0, 0, &f, &found), CACHE_ALONE);
	assert_int_equal(f.entry, CACHE_NONE);
	assert_false(cache_begin(&u, &k, 0, 0, &f));
	assert_false(cache_fill_head(&u, &f, &made_stored, SPAN(""), SPAN(""), 0, 0, 0));
	cache_follow(&u, &f, 0, &found);
	cache_room(&u, &f, &at, &len);
	assert_int_equal(len, 0);
	cache_put(&u, &f, 0);
	cache_fill_done(&u, &f);
	cache_fill_end(&u, &f, CACHE_BROKEN, 0);
	assert_false(cache_fill_is_read(&u, &f));
	assert_false(cache_refresh(&u, &found, &made_stored, SPAN("x")));
	cache_forget(&u, &found);
	cache_hold(&u, &found, 0);
	cache_unpin(&u, &found.pin);
	assert_int_equal(cache_state(&u, &found), CACHE_BROKEN);
	cache_read_begin(&r, &u, &found.pin, 0, 1);
	assert_int_equal(cache_peek(&r, &(struct cache_piece){NULL, 0}, 1), 0);
	assert_true(cache_read_broken(&r));
	assert_false(cache_read_done(&r));
	assert_int_equal(cache_invalidate(&u, SPAN("u")), 0);
	assert_int_equal(cache_purge(&u, SPAN(""), false), 0);
	cache_note(&u, CACHE_HITS);
	cache_report(&u, &report);
	assert_int_equal(report.blocks, 0);
	assert_null(cache_check(&u, NULL));
	cache_leave(NULL, 0, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes),
		cmocka_unit_test(joins),
		cmocka_unit_test(stores_and_finds),
		cmocka_unit_test(url_is_part_of_the_key),
		cmocka_unit_test(edges),
		cmocka_unit_test(ranges),
		cmocka_unit_test(pieces_are_joined),
		cmocka_unit_test(promises),
		cmocka_unit_test(follows),
		cmocka_unit_test(passes),
		cmocka_unit_test(breaks),
		cmocka_unit_test(short_is_broken),
		cmocka_unit_test(too_long),
		cmocka_unit_test(variants),
		cmocka_unit_test(one_url_has_so_many_entries),
		cmocka_unit_test(without),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

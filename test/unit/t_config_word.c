/* SPDX-License-Identifier: MIT
 *
 * Are words, times and sizes read as they are meant, and is the nearest word
 * the nearest?
 */
#include "../../src/config_word.h"
#include "block.h"

static const struct { const char *text; int64_t ms; } times[] = {
	{"0ms", 0}, {"500ms", 500}, {"10s", 10000}, {"5m", 300000}, {"1h", 3600000}, {"2d", 172800000}, {"2w", 1209600000},
	{"1y", INT64_C(31536000000)}, {"292471208y", INT64_C(9223372015488000000)}, {"292471209y", INT64_MAX}, {"2147483647y", INT64_MAX}, {"2147483647h", INT64_C(7730941129200000)},
	{"", -1}, {"10", -1}, {"s", -1}, {"10 s", -1}, {"10sec", -1}, {"10S", -1}, {"-1s", -1}, {"1.5h", -1}, {"2147483648s", -1}, {"1h30m", -1},
};

static const struct { const char *text; int64_t bytes; } sizes[] = {
	{"0", 0}, {"9000", 9000}, {"64k", 65536}, {"64K", 65536}, {"4M", 4194304}, {"4m", 4194304}, {"2147483647M", INT64_C(2251799812636672)}, {"4G", INT64_C(4294967296)}, {"2147483647G", INT64_C(2305843008139952128)},
	{"", -1}, {"k", -1}, {"4 M", -1}, {"4MB", -1}, {"4GB", -1}, {"4T", -1}, {"-4", -1}, {"0x10", -1}, {"99999999999999999999999", -1},
};

static void reads_times_and_sizes(void **state)
{
	int64_t n;

	(void)state;
	for (size_t i = 0; i < COUNT(times); i++) {
		struct span s = block_of(span_str(times[i].text));

		assert_int_equal(word_time(s, &n) ? n : -1, times[i].ms);
		block_free(s);
	}
	for (size_t i = 0; i < COUNT(sizes); i++) {
		struct span s = block_of(span_str(sizes[i].text));

		assert_int_equal(word_size(s, &n) ? n : -1, sizes[i].bytes);
		block_free(s);
	}
	assert_true(word_flag(SPAN("on"), &n) && n == 1);
	assert_true(word_flag(SPAN("off"), &n) && n == 0);
	assert_false(word_flag(SPAN("ON"), &n));
	assert_false(word_number(SPAN("12k"), &n));
}

/* Words joined by '|'; "!": a fault at that place. */
static const struct { const char *text, *words; } values[] = {
	{"", ""},
	{"  a\t b  ", "a|b|"},
	{"\"a b\" c", "a b|c|"},
	{"x=\"a b\"c", "x=a bc|"},
	{"\"\" a", "|a|"},
	{"\"a\\\"b\\\\c\\n\\t\"", "a\"b\\c\n\t|"},
	{"a\\b", "a\\b|"},
	{"a \"b", "a|!"},
	{"\"a\\", "!"},
	{"\"a\\x\"", "!"},
	{"a # b", "a|!"},
	{"a#b", "a#b|"},
};

static void splits_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(values); i++) {
		struct arena *a = arena_open(100000);
		struct faults f = {.arena = a, .file = "f"};
		struct span value = block_of(span_str(values[i].text)), rest = value, word;
		struct text out = block_text(64);

		while (word_next(&f, 1, &rest, &word)) {
			text_span_add(&out, word);
			text_char(&out, '|');
		}
		if (f.count)
			text_char(&out, '!');
		block_same(text_span(&out), values[i].words, values[i].text);
		free(out.at);
		block_free(value);
		arena_close(a);
	}
}

static void splits_lists(void **state)
{
	struct span rest = SPAN(" a,b , c\td,,"), item;
	char room[32];
	struct text out = text_in(room, sizeof room);

	(void)state;
	while (word_item(&rest, &item)) {
		text_span_add(&out, item);
		text_char(&out, '|');
	}
	block_same(text_span(&out), "a|b|c|d|", "list");
}

static const struct { const char *a, *b; unsigned distance; } pairs[] = {
	{"", "", 0}, {"a", "a", 0}, {"", "abc", 3}, {"abc", "", 3}, {"listen", "listn", 1}, {"listn", "listen", 1}, {"lisetn", "listen", 1},
	{"kisten", "listen", 1}, {"ab", "ba", 1}, {"ca", "abc", 3}, {"weight", "height", 1}, {"abcd", "wxyz", 4},
};

static void measures_distance(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(pairs); i++) {
		struct span a = block_of(span_str(pairs[i].a)), b = block_of(span_str(pairs[i].b));

		assert_int_equal(word_distance(a, b), pairs[i].distance);
		block_free(a);
		block_free(b);
	}
	assert_int_equal(word_distance(SPAN("a1234567890123456789012345678901234567890"), SPAN("a")), 40); /* too long to look at */
	assert_true(word_is_near(2, SPAN("host")));
	assert_false(word_is_near(2, SPAN("to")));
	assert_false(word_is_near(3, SPAN("listen")));
	assert_true(word_is_near(3, SPAN("request_header")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_times_and_sizes),
		cmocka_unit_test(splits_words),
		cmocka_unit_test(splits_lists),
		cmocka_unit_test(measures_distance),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * Does span look at the right bytes, and at no other?
 */
#include "block.h"

static const struct span nothing = {NULL, 0};

static void same_but_for_case(void **state)
{
	static const struct { const char *a, *b; bool same, starts, ends; } cases[] = {
		{"", "", true, true, true},
		{"Content-Length", "content-lENGTH", true, true, true},
		{"Host", "Hos", false, true, false},
		{"Hos", "Host", false, false, false},
		{"xyz", "YZ", false, false, true},
		{"a", "", false, true, true},
		{"[", "{", false, false, false},   /* differ by bit 0x20, but are no letters */
		{"@", "`", false, false, false},
		{"^", "~", false, false, false},
		{"\r", "-", false, false, false},
		{"\xe4", "\xc4", false, false, false}, /* letters are ASCII */
		{"0", "\x10", false, false, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct span a = block_of(span_str(cases[i].a));
		struct span b = block_of(span_str(cases[i].b));

		if (span_same(a, b) != cases[i].same || span_starts_same(a, b) != cases[i].starts ||
		    span_ends_same(a, b) != cases[i].ends || span_same(b, a) != cases[i].same)
			fail_msg("\"%s\" and \"%s\"", cases[i].a, cases[i].b);
		block_free(a);
		block_free(b);
	}
}

static void every_pair_of_bytes(void **state)
{
	(void)state;
	for (int x = 0; x < 256; x++)
		for (int y = 0; y < 256; y++) {
			char a = (char)x, b = (char)y;

			assert_int_equal(span_same(span_of(&a, 1), span_of(&b, 1)), span_lower(a) == span_lower(b));
		}
}

static void starts_minds_case(void **state)
{
	(void)state;
	assert_true(span_starts(SPAN("/nas/x"), SPAN("/nas/")));
	assert_true(span_starts(SPAN("/nas/"), SPAN("/nas/")));
	assert_true(span_starts(SPAN("x"), nothing));
	assert_true(span_starts(nothing, nothing));
	assert_false(span_starts(SPAN("/NAS/x"), SPAN("/nas/")));
	assert_false(span_starts(SPAN("/nas"), SPAN("/nas/")));
	assert_false(span_starts(nothing, SPAN("/")));
}

static void empty_spans_are_spans(void **state)
{
	struct span rest = nothing, item;

	(void)state;
	assert_true(span_same(nothing, SPAN("")));
	assert_true(span_is(nothing, SPAN("")));
	assert_true(span_ends_same(nothing, nothing));
	assert_int_equal(span_find(nothing, 'x'), 0);
	assert_int_equal(span_trim(nothing).len, 0);
	assert_int_equal(span_cut(&rest, 'x').len, 0);
	assert_false(span_item(&rest, &item));
	assert_false(span_is_token(nothing));
}

static void find_and_cut(void **state)
{
	struct span s = block_of(SPAN("a=b=c")), rest = s;

	(void)state;
	assert_int_equal(span_find(s, '='), 1);
	assert_int_equal(span_find(s, 'c'), 4);
	assert_int_equal(span_find(s, 'x'), 5);
	block_same(span_cut(&rest, '='), "a", "a=b=c");
	block_same(rest, "b=c", "a=b=c");
	block_same(span_cut(&rest, '='), "b", "b=c");
	block_same(span_cut(&rest, '='), "c", "c");
	assert_int_equal(rest.len, 0);
	assert_int_equal(span_cut(&rest, '=').len, 0);
	block_free(s);
}

static void trim_takes_blanks_only(void **state)
{
	static const struct { const char *whole, *trimmed; } cases[] = {
		{"", ""}, {" \t ", ""}, {" a", "a"}, {"a\t ", "a"}, {"\t a b \t", "a b"}, {"\ra\n", "\ra\n"}, {"a", "a"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct span s = block_of(span_str(cases[i].whole));

		block_same(span_trim(s), cases[i].trimmed, cases[i].whole);
		block_free(s);
	}
}

static void items_of_lists(void **state)
{
	static const struct { const char *list, *joined; } cases[] = {
		{"", ""},
		{" , ,\t,", ""},
		{"a", "a|"},
		{"a,b", "a|b|"},
		{" close , Keep-Alive\t,,x ", "close|Keep-Alive|x|"},
		{"\"a,b\",c", "\"a,b\"|c|"},
		{"x=\"a\\\",b\", c", "x=\"a\\\",b\"|c|"},
		{"a\\,b", "a\\|b|"},           /* a backslash means nothing outside of quotes */
		{"\"open, a", "\"open, a|"},   /* nothing in it passes for a member */
		{"a, \"open\\", "a|\"open\\|"},
		{"\"\"", "\"\"|"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct span s = block_of(span_str(cases[i].list)), rest = s, item;
		char place[64];
		struct text joined = text_in(place, sizeof place);

		while (span_item(&rest, &item)) {
			text_span_add(&joined, item);
			text_char(&joined, '|');
		}
		block_same(text_span(&joined), cases[i].joined, cases[i].list);
		assert_int_equal(rest.len, 0);
		block_free(s);
	}
}

static void numbers(void **state)
{
	static const struct { const char *digits; bool good; uint64_t value; } cases[] = {
		{"0", true, 0},
		{"007", true, 7},
		{"18446744073709551615", true, UINT64_MAX},
		{"0000000000000000000018446744073709551615", true, UINT64_MAX},
		{"18446744073709551616", false, 0},
		{"18446744073709551620", false, 0},
		{"99999999999999999999", false, 0},
		{"184467440737095516150", false, 0},
		{"", false, 0}, {"-1", false, 0}, {"+1", false, 0}, {" 1", false, 0}, {"1 ", false, 0},
		{"0x10", false, 0}, {"1,1", false, 0}, {"1.0", false, 0}, {"/", false, 0}, {":", false, 0},
		{"\xb1", false, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct span s = block_of(span_str(cases[i].digits));
		uint64_t value = 4711;

		if (span_number(s, &value) != cases[i].good || value != (cases[i].good ? cases[i].value : 4711))
			fail_msg("\"%s\"", cases[i].digits);
		block_free(s);
	}
}

static void every_byte_of_a_token(void **state)
{
	(void)state;
	for (int x = 0; x < 256; x++) {
		char c = (char)x;
		char word[3] = {'a', (char)x, 'z'};
		bool want = x && x < 128 && strchr("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", x);

		assert_int_equal(span_is_token(span_of(&c, 1)), want);
		assert_int_equal(span_is_token(span_of(word, 3)), want);
	}
}

static void every_hex_digit(void **state)
{
	(void)state;
	for (int x = 0; x < 256; x++) {
		const char *lower = "0123456789abcdef", *upper = "0123456789ABCDEF";
		const char *l = x ? strchr(lower, x) : NULL, *u = x ? strchr(upper, x) : NULL;

		assert_int_equal(span_hex((char)x), l ? l - lower : u ? u - upper : -1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_but_for_case),
		cmocka_unit_test(every_pair_of_bytes),
		cmocka_unit_test(starts_minds_case),
		cmocka_unit_test(empty_spans_are_spans),
		cmocka_unit_test(find_and_cut),
		cmocka_unit_test(trim_takes_blanks_only),
		cmocka_unit_test(items_of_lists),
		cmocka_unit_test(numbers),
		cmocka_unit_test(every_byte_of_a_token),
		cmocka_unit_test(every_hex_digit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * Is nothing ever written past the place, and is what does not fit told?
 */
#include "block.h"

#include <limits.h>
#include <stdio.h>

static void numbers_and_hex(void **state)
{
	static const struct { uint64_t value; const char *decimal, *hex; } cases[] = {
		{0, "0", "0"}, {9, "9", "9"}, {10, "10", "a"}, {99, "99", "63"}, {100, "100", "64"}, {105, "105", "69"}, {255, "255", "ff"}, {1000, "1000", "3e8"}, {1005, "1005", "3ed"}, {4096, "4096", "1000"},
		{10500, "10500", "2904"}, {99999, "99999", "1869f"}, {100000, "100000", "186a0"}, {10000000000000000000u, "10000000000000000000", "8ac7230489e80000"},
		{UINT64_MAX, "18446744073709551615", "ffffffffffffffff"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct text d = block_text(strlen(cases[i].decimal));
		struct text h = block_text(strlen(cases[i].hex));

		text_number(&d, cases[i].value);
		text_hex(&h, cases[i].value);
		block_same(text_span(&d), cases[i].decimal, cases[i].decimal);
		block_same(text_span(&h), cases[i].hex, cases[i].hex);
		assert_false(d.full || h.full);
		free(d.at);
		free(h.at);
	}
}

static void escapes(void **state)
{
	static const struct { struct span in; const char *html, *quoted, *json; } cases[] = {
		{{"", 0}, "", "", ""},
		{{"plain text", 10}, "plain text", "plain text", "plain text"},
		{{"<a href='x\"y'>&", 15}, "&lt;a href=&#39;x&quot;y&#39;&gt;&amp;", "<a href='x\\x22y'>&", "<a href='x\\\"y'>&"},
		{{"\\n\n\r\t", 5}, "\\n\n\r\t", "\\x5cn\\x0a\\x0d\\x09", "\\\\n\\u000a\\u000d\\u0009"},
		{{"\0\x1f\x7f\x80\xff", 5}, NULL, "\\x00\\x1f\\x7f\\x80\\xff", "\\u0000\\u001f\\u007f\\u0080\\u00ff"},
		{{"\x1b[31m~", 6}, "\x1b[31m~", "\\x1b[31m~", "\\u001b[31m~"},
		{{"\"\"", 2}, "&quot;&quot;", "\\x22\\x22", "\\\"\\\""},
		{{"</script>", 9}, "&lt;/script&gt;", "</script>", "</script>"},
	};
	void (*const all[3])(struct text *, struct span) = {text_html, text_quoted, text_json};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *wants[3] = {cases[i].html, cases[i].quoted, cases[i].json};
		struct span in = block_of(cases[i].in);

		for (int k = 0; k < 3; k++) {
			struct text t = block_text(wants[k] ? strlen(wants[k]) : 5);

			all[k](&t, in);
			assert_false(t.full);
			if (wants[k])
				block_same(text_span(&t), wants[k], cases[i].in.at);
			else
				assert_true(span_is(text_span(&t), in));
			free(t.at);
		}
		block_free(in);
	}
}

static void add_everything(struct text *t)
{
	text_add(t, "abc", 3);
	text_char(t, '.');
	text_str(t, "def");
	text_lit(t, "ghi");
	text_span_add(t, span_of(NULL, 0));
	text_number(t, 1234567890);
	text_hex(t, 0xdeadbeef);
	text_html(t, SPAN("<x>&"));
	text_quoted(t, SPAN("\"\\"));
	text_json(t, SPAN("\"\n"));
	text_format(t, "%s %d", "format", -5);
}

/* In each place that is too small: bytes up to its end at most (ASan looks), full is set. */
static void nothing_past_the_end(void **state)
{
	struct text whole = block_text(200);

	(void)state;
	add_everything(&whole);
	assert_false(whole.full);
	block_same(text_span(&whole), "abc.defghi1234567890deadbeef&lt;x&gt;&amp;\\x22\\x5c\\\"\\u000aformat -5", "everything");
	for (size_t size = 0; size <= whole.len; size++) {
		struct text t = block_text(size);

		add_everything(&t);
		assert_int_equal(t.full, size < whole.len);
		assert_true(t.len <= size);
		free(t.at);
	}
	free(whole.at);
}

static void full_stays(void **state)
{
	struct text t = block_text(4);

	(void)state;
	text_lit(&t, "12345");
	assert_true(t.full);
	assert_int_equal(t.len, 0);
	text_lit(&t, "1234");
	assert_true(t.full);
	block_same(text_span(&t), "1234", "what still fits");
	free(t.at);
}

static void some(struct text *t, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	text_values(t, format, list);
	va_end(list);
}

/* Whatever we have a format for, as libc writes it. */
#define AS_LIBC(...) \
	do { \
		char made[200]; \
		struct text t = block_text((size_t)snprintf(made, sizeof made, __VA_ARGS__)); \
		text_format(&t, __VA_ARGS__); \
		assert_false(t.full); \
		block_same(text_span(&t), made, made); \
		free(t.at); \
	} while (0)

static void as_libc(void **state)
{
	struct text t = block_text(4);

	(void)state;
	AS_LIBC("%s", "");
	AS_LIBC("%d %d %d", 0, INT_MAX, INT_MIN);
	AS_LIBC("%ld %ld", LONG_MAX, LONG_MIN);
	AS_LIBC("%lld %lld|%lu", LLONG_MAX, LLONG_MIN, ULONG_MAX);
	AS_LIBC("%u %llu %zu 0x%02x %02x %x", UINT_MAX, ULLONG_MAX, SIZE_MAX, 7u, 255u, UINT_MAX);
	AS_LIBC("%.*s|%.*s|%.*s", 3, "abcdef", 0, "abc", 9, "abc");
	AS_LIBC("%-8s|%8s|%3s|%9llu|%35lu|%-4d|", "abc", "abc", "abcdef", 12ull, 34ul, -1);
	AS_LIBC("100 %% of %s%%", "it");
	some(&t, "%s-%d", "abc", 12);
	assert_true(t.full);
	block_same(text_span(&t), "abc-", "what fits");
	free(t.at);
}

static void tenths(void **state)
{
	static const struct { uint64_t part, whole; } rows[] = {{0, 1}, {100, 1}, {625, 100}, {1225, 100}, {6666, 100}, {99950, 1000}, {99949, 1000}, {8526320, 1000000}};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char made[40];
		struct text t = block_text((size_t)snprintf(made, sizeof made, "%.1f", (double)rows[i].part / (double)rows[i].whole));

		text_tenths(&t, rows[i].part, rows[i].whole);
		block_same(text_span(&t), made, made);
		free(t.at);
	}
}

static void long_formats(void **state)
{
	struct text t = block_text(4096);

	(void)state;
	text_format(&t, "%4095s", "x");
	assert_int_equal(t.len, 4095);
	assert_false(t.full);
	text_format(&t, "%2s", "x"); /* all of it or nothing */
	assert_int_equal(t.len, 4095);
	assert_true(t.full);
	free(t.at);
}

/* RFC 4648 10, without padding; and that each byte string has one spelling. */
static void base64(void **state)
{
	static const struct { struct span bytes; const char *plain, *url; } rows[] = {
		{{"", 0}, "", ""}, {SPAN("f"), "Zg", "Zg"}, {SPAN("fo"), "Zm8", "Zm8"}, {SPAN("foo"), "Zm9v", "Zm9v"},
		{SPAN("foob"), "Zm9vYg", "Zm9vYg"}, {SPAN("fooba"), "Zm9vYmE", "Zm9vYmE"}, {SPAN("foobar"), "Zm9vYmFy", "Zm9vYmFy"},
		{SPAN("\xfb\xff\xfe\0\x10\x83"), "+//+ABCD", "-__-ABCD"},
	};
	static const char *const none[] = {"Z", "A", "AAAAA", "Zm9vY", "Zh", "Zm9", "Zg=", "Zg==", " Zg", "Zg\n", "-_8A", "Zg,", "\xc3\xa4" "AA"};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		for (int url = 0; url < 2; url++) {
			const char *last = url ? TEXT_BASE64_URL : TEXT_BASE64, *want = url ? rows[i].url : rows[i].plain;
			struct text t = block_text(strlen(want)), back = block_text(rows[i].bytes.len);
			struct span in = block_of(rows[i].bytes);

			text_base64(&t, in, last);
			block_same(text_span(&t), want, want);
			assert_true(text_from_base64(&back, text_span(&t), last));
			assert_true(span_is(text_span(&back), in));
			assert_false(t.full || back.full);
			free(t.at);
			free(back.at);
			block_free(in);
		}
	for (size_t i = 0; i < COUNT(none); i++) {
		struct span in = block_of(span_str(none[i]));
		struct text t = block_text(in.len);

		if (text_from_base64(&t, in, TEXT_BASE64))
			fail_msg("%s is taken", none[i]);
		block_free(in);
		free(t.at);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_and_hex),
		cmocka_unit_test(escapes),
		cmocka_unit_test(nothing_past_the_end),
		cmocka_unit_test(full_stays),
		cmocka_unit_test(as_libc), cmocka_unit_test(tenths), cmocka_unit_test(long_formats),
		cmocka_unit_test(base64),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

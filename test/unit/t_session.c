/* SPDX-License-Identifier: MIT
 *
 * Does a cookie prove a session only while nothing of what it is bound to has
 * changed, and only in the one spelling that it was written in?
 */
#include "../../src/session.h"
#include "block.h"

static const unsigned char key[SESSION_KEY] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
	17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31};

#define SINCE INT64_C(1795426366)

static struct session_bond bond(void)
{
	return (struct session_bond){key, SPAN("home"), SPAN("gateway-login-family"), SPAN("$5$salt$hash"), 2};
}

/* The value for this name, in a block of its size: free it. */
static struct span value_of(const struct session_bond *b, struct span name, int64_t since)
{
	char place[SESSION_TEXT];
	struct text t = text_in(place, sizeof place);

	session_write(&t, b, name, since);
	assert_false(t.full);
	return block_of(text_span(&t));
}

/* --- keyed hashes ------------------------------------------------------------- */

static struct span hex(struct text *t, const unsigned char *at, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (at[i] < 16)
			text_char(t, '0');
		text_hex(t, at[i]);
	}
	return text_span(t);
}

/* What another program's HMAC-SHA-256 says of the same bytes. */
static void tags_are_known_ones(void **state)
{
	const struct span parts[] = {SPAN("ab"), {NULL, 0}, SPAN("c")};
	unsigned char tag[SESSION_TAG];
	struct text t = block_text(2 * SESSION_TAG);

	(void)state;
	session_tag(tag, key, NULL, 0);
	block_same(hex(&t, tag, sizeof tag), "d38b42096d80f45f826b44a9d5607de7", "no part");
	t.len = 0;
	session_tag(tag, key, parts, COUNT(parts));
	block_same(hex(&t, tag, sizeof tag), "2602c67dbb615282c1872641a631d8f2", "three parts");
	free(t.at);
}

/* No byte can move from one part to the next, and no part can vanish. */
static void parts_are_apart(void **state)
{
	static const struct span rows[][3] = {
		{SPAN("ab"), SPAN("c"), SPAN("")},
		{SPAN("a"), SPAN("bc"), SPAN("")},
		{SPAN("abc"), SPAN(""), SPAN("")},
		{SPAN(""), SPAN("abc"), SPAN("")},
		{SPAN(""), SPAN(""), SPAN("abc")},
		{SPAN("ab"), SPAN(""), SPAN("c")},
	};
	unsigned char tags[COUNT(rows) + 1][SESSION_TAG];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		session_tag(tags[i], key, rows[i], 3);
	session_tag(tags[COUNT(rows)], key, rows[0], 2);
	for (size_t i = 0; i < COUNT(tags); i++)
		for (size_t k = 0; k < i; k++)
			if (session_same_tag(tags[i], tags[k]))
				fail_msg("%zu and %zu are the same", i, k);
}

static void same_tags_are_the_same(void **state)
{
	unsigned char a[SESSION_TAG], b[SESSION_TAG];

	(void)state;
	memset(a, 0x5a, sizeof a);
	memcpy(b, a, sizeof b);
	assert_true(session_same_tag(a, b));
	for (size_t i = 0; i < SESSION_TAG; i++)
		for (int bit = 0; bit < 8; bit++) {
			b[i] ^= (unsigned char)(1 << bit);
			assert_false(session_same_tag(a, b));
			assert_false(session_same_tag(b, a));
			b[i] ^= (unsigned char)(1 << bit);
		}
}

/* --- values of cookies ------------------------------------------------------------- */

static void value_is_a_known_one(void **state)
{
	struct session_bond b = bond();
	struct span value = value_of(&b, SPAN("alice"), SINCE);

	(void)state;
	block_same(value, "AQAAAABrBAg-YWxpY2Um8-K-Q5Ynp4uzVim8tJjf", "alice");
	block_free(value);
}

static void comes_back(void **state)
{
	static const int64_t times[] = {0, 1, SINCE, SESSION_LATEST};
	struct session_bond b = bond();
	char name[SESSION_NAME];

	(void)state;
	for (size_t i = 0; i < sizeof name; i++)
		name[i] = (char)(i * 7 + 1); /* any bytes */
	for (size_t len = 1; len <= sizeof name; len++)
		for (size_t i = 0; i < COUNT(times); i++) {
			struct span value = value_of(&b, span_of(name, len), times[i]);
			struct session s;

			assert_true(session_read(&s, value));
			assert_true(s.since == times[i]);
			assert_true(span_is(span_of(s.name, s.name_len), span_of(name, len)));
			assert_true(session_holds(&s, &b));
			for (size_t n = 0; n < value.len; n++)
				assert_true(value.at[n] == '-' || value.at[n] == '_' || (value.at[n] >= '0' && value.at[n] <= '9') ||
					    ((value.at[n] | 0x20) >= 'a' && (value.at[n] | 0x20) <= 'z'));
			block_free(value);
		}
}

static void names_have_a_length(void **state)
{
	static const char name[SESSION_NAME + 1] = {'a'};
	struct session_bond b = bond();
	struct text t = block_text(SESSION_TEXT);

	(void)state;
	session_write(&t, &b, span_of(name, 0), SINCE);
	assert_true(t.full);
	t.full = false;
	session_write(&t, &b, span_of(name, sizeof name), SINCE);
	assert_true(t.full);
	t.full = false;
	session_write(&t, &b, span_of(name, sizeof name - 1), SINCE);
	assert_false(t.full);
	free(t.at);
}

static void knows_when_it_is_full(void **state)
{
	struct session_bond b = bond();
	struct span value = value_of(&b, SPAN("alice"), SINCE);

	(void)state;
	for (size_t size = 0; size <= value.len; size++) {
		struct text t = block_text(size);

		session_write(&t, &b, SPAN("alice"), SINCE);
		assert_int_equal(t.full, size < value.len);
		free(t.at);
	}
	block_free(value);
}

/* --- what ends a session ----------------------------------------------------------- */

static void is_bound(void **state)
{
	struct session_bond b = bond(), others[9];
	unsigned char other_key[SESSION_KEY];
	struct span value = value_of(&b, SPAN("alice"), SINCE);
	struct session s;

	(void)state;
	memcpy(other_key, key, sizeof key);
	other_key[SESSION_KEY - 1] ^= 1;
	for (size_t i = 0; i < COUNT(others); i++)
		others[i] = b;
	others[0].key = other_key;
	others[1].place = SPAN("hom");
	others[2].place = SPAN("");
	others[3].cookie = SPAN("__Host-gateway-login-family");
	others[4].hash = SPAN("$5$salt$hasi");
	others[5].hash = SPAN("");
	others[6].logouts = 3;
	others[7].logouts = 2 | UINT64_C(1) << 32;
	others[8].place = SPAN("homeg"); /* a byte moves from the next part */
	others[8].cookie = SPAN("ateway-login-family");
	assert_true(session_read(&s, value));
	assert_true(session_holds(&s, &b));
	for (size_t i = 0; i < COUNT(others); i++)
		if (session_holds(&s, &others[i]))
			fail_msg("%zu holds", i);
	s.since++;
	assert_false(session_holds(&s, &b));
	s.since--;
	s.name[0] = 'A';
	assert_false(session_holds(&s, &b));
	s.name[0] = 'a';
	s.name_len--;
	assert_false(session_holds(&s, &b));
	s.name_len++;
	assert_true(session_holds(&s, &b));
	block_free(value);
}

/* A byte of it is another one: it is no value, or proves nothing. */
static void is_not_forged(void **state)
{
	struct session_bond b = bond();

	(void)state;
	for (size_t len = 1; len <= 3; len++) { /* each number of bits at the end */
		struct span value = value_of(&b, span_of("bob", len), SINCE);
		char *at = (char *)(uintptr_t)value.at;
		unsigned read = 0;

		for (size_t i = 0; i < value.len; i++)
			for (int c = 0; c < 256; c++) {
				char was = at[i];
				struct session s;

				at[i] = (char)c;
				if (c != (unsigned char)was && session_read(&s, value)) {
					read++;
					assert_false(session_holds(&s, &b));
				}
				at[i] = was;
			}
		assert_true(read > value.len); /* there was something to prove */
		block_free(value);
	}
}

/* Values that are none, cut off at any byte among them. */
static void refuses(void **state)
{
	static const char *const rows[] = {
		"", "A", "AQ", "AQ==", "alice", "=", "gateway",
		"AQAAAABrA-M-YWxpY2U", /* no tag */
		"AgAAAABrA-M-YWxpY2WHh4eHh4eHh4eHh4eHh4eH", /* another form */
		"AYAAAABrA-M-YWxpY2WHh4eHh4eHh4eHh4eHh4eH", /* before 1970 */
		"AQAAAQAAAAABYWxpY2WHh4eHh4eHh4eHh4eHh4eH", /* too late */
		"AX__________YWxpY2WHh4eHh4eHh4eHh4eHh4eH",
		"Af__________YWxpY2WHh4eHh4eHh4eHh4eHh4eH",
		"AQAAAABrA-M-h4eHh4eHh4eHh4eHh4eHhw", /* nobody */
		"AQAAAABrA+M+YWxpY2WHh4eHh4eHh4eHh4eHh4eH", /* the other alphabet */
		"AQAAAABrA-M-YWxpY2WHh4eHh4eHh4eHh4eHh4eH=",
		"AQAAAABrA-M-YWxpY2WHh4eHh4eHh4eHh4eHh4eH\n",
		" AQAAAABrA-M-YWxpY2WHh4eHh4eHh4eHh4eHh4eH",
		"AQAAAABrA-M-YWxpY2VihIeHh4eHh4eHh4eHh4eHh", /* bits behind the last byte, one too few */
		"AQAAAABrA-M-YWxpY2ViYoeHh4eHh4eHh4eHh4eHhx",
	};
	/* The rows are as these, but for what they tell. */
	static const char *const controls[] = {"AQAAAABrA-M-YWxpY2WHh4eHh4eHh4eHh4eHh4eH", "AQAAAABrA-M-YWxpY2ViYoeHh4eHh4eHh4eHh4eHhw"};
	struct session_bond b = bond();
	struct span value;
	struct session s;
	char big[SESSION_TEXT + 4];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct span row = block_of(span_str(rows[i]));

		if (session_read(&s, row))
			fail_msg("%s is taken", rows[i]);
		block_free(row);
	}
	for (size_t i = 0; i < COUNT(controls); i++) {
		value = block_of(span_str(controls[i]));
		assert_true(session_read(&s, value) && s.name_len == 5 + i && !session_holds(&s, &b));
		block_free(value);
	}
	memset(big, 'A', sizeof big);
	big[1] = 'Q';
	for (size_t len = 0; len <= sizeof big; len++) {
		value = block_of(span_of(big, len));
		assert_int_equal(session_read(&s, value), len >= 35 && len <= SESSION_TEXT && len % 4 != 1);
		block_free(value);
	}
	value = value_of(&b, SPAN("alice"), SINCE);
	for (size_t len = 0; len < value.len; len++) { /* the name may be shorter, but then nothing is proven */
		struct span part = block_of(span_of(value.at, len));

		assert_false(session_read(&s, part) && session_holds(&s, &b));
		block_free(part);
	}
	block_free(value);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tags_are_known_ones),
		cmocka_unit_test(parts_are_apart),
		cmocka_unit_test(same_tags_are_the_same),
		cmocka_unit_test(value_is_a_known_one),
		cmocka_unit_test(comes_back),
		cmocka_unit_test(names_have_a_length),
		cmocka_unit_test(knows_when_it_is_full),
		cmocka_unit_test(is_bound),
		cmocka_unit_test(is_not_forged),
		cmocka_unit_test(refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

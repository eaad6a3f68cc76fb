/* SPDX-License-Identifier: MIT
 *
 * session - any bytes as the value of a session's cookie, and as a name. What is
 * taken has one spelling, and what was not written with the key proves nothing.
 */
#include "../../src/session.h"
#include "check.h"

static const unsigned char key[SESSION_KEY] = {1};

static void check_value(struct span value, const struct session_bond *b)
{
	char place[SESSION_TEXT], bytes[SESSION_TEXT];
	struct text text = text_in(place, sizeof place), plain = text_in(bytes, sizeof bytes);
	struct session s;

	if (!session_read(&s, value))
		return;
	CHECK(s.name_len >= 1 && s.name_len <= SESSION_NAME && s.since >= 0 && s.since <= SESSION_LATEST);
	CHECK(value.len <= SESSION_TEXT);
	/* No other value says the same. */
	text_char(&plain, 1);
	for (int shift = 56; shift >= 0; shift -= 8)
		text_char(&plain, (char)(s.since >> shift & 0xff));
	text_add(&plain, s.name, s.name_len);
	text_add(&plain, (const char *)s.tag, SESSION_TAG);
	text_base64(&text, text_span(&plain), TEXT_BASE64_URL);
	CHECK(!plain.full && !text.full && span_is(text_span(&text), value));
	/* It holds if it is what we write, and only then. */
	text.len = 0;
	session_write(&text, b, span_of(s.name, s.name_len), s.since);
	CHECK(!text.full && session_holds(&s, b) == span_is(text_span(&text), value));
}

static void check_name(struct span name, struct session_bond b)
{
	char *place = malloc(SESSION_TEXT);
	struct text text = text_in(place, SESSION_TEXT);
	struct session s;

	CHECK(place);
	session_write(&text, &b, name, (int64_t)name.len);
	CHECK(text.full == (name.len == 0 || name.len > SESSION_NAME));
	if (!text.full) {
		CHECK(session_read(&s, text_span(&text)) && s.since == (int64_t)name.len);
		CHECK(span_is(span_of(s.name, s.name_len), name) && session_holds(&s, &b));
		b.logouts++;
		CHECK(!session_holds(&s, &b));
	}
	free(place);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct span bytes = span_of((const char *)at, len);
	struct session_bond b = {key, SPAN("home"), SPAN("gateway-login-family"), SPAN("$5$salt$hash"), 0};

	check_value(bytes, &b);
	check_name(bytes, b);
	return 0;
}

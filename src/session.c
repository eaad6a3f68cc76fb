/* SPDX-License-Identifier: MIT
 *
 * session - whose session does this cookie prove?
 *
 * Knows the bytes of a cookie's value, and BearSSL's HMAC. Knows no clock, no
 * request and no list of users. The value is base64url of
 *
 *	form (1 byte) | since (8, the highest first) | name | tag (SESSION_TAG)
 *
 * and each value has one spelling only.
 */
#include "session.h"
#include <bearssl.h>

enum {
	FORM = 1, /* of these bytes; another one is a session of another gateway */
	SINCE_AT = 1,
	NAME_AT = SINCE_AT + 8,
	LEAST = NAME_AT + 1 + SESSION_TAG,
	MOST = NAME_AT + SESSION_NAME + SESSION_TAG
};

_Static_assert((4 * MOST + 2) / 3 == SESSION_TEXT, "the longest value has room");

/* --- keyed hashes ------------------------------------------------------------ */

static void write_number(unsigned char at[8], uint64_t value)
{
	for (int i = 7; i >= 0; i--) {
		at[i] = (unsigned char)value;
		value >>= 8;
	}
}

static uint64_t read_number(const unsigned char at[8])
{
	uint64_t value = 0;

	for (int i = 0; i < 8; i++)
		value = value << 8 | at[i];
	return value;
}

/* Each part goes behind its length, so that no bytes can move from one to the next.
 * HMAC may be cut to half of its length (RFC 2104 5). */
void session_tag(unsigned char tag[SESSION_TAG], const unsigned char key[SESSION_KEY], const struct span *parts, size_t count)
{
	br_hmac_key_context kc;
	br_hmac_context hmac;
	unsigned char len[8];

	br_hmac_key_init(&kc, &br_sha256_vtable, key, SESSION_KEY);
	br_hmac_init(&hmac, &kc, SESSION_TAG);
	for (size_t i = 0; i < count; i++) {
		write_number(len, parts[i].len);
		br_hmac_update(&hmac, len, sizeof len);
		if (parts[i].len)
			br_hmac_update(&hmac, parts[i].at, parts[i].len);
	}
	br_hmac_out(&hmac, tag);
	span_wipe(&kc, sizeof kc);
	span_wipe(&hmac, sizeof hmac); /* the end of the last part may be in there, a password */
}

/* The compiler knows nothing of `differ` between two bytes, so that it cannot stop early. */
bool session_same_tag(const unsigned char a[SESSION_TAG], const unsigned char b[SESSION_TAG])
{
	unsigned differ = 0;

	for (size_t i = 0; i < SESSION_TAG; i++) {
		differ |= (unsigned)(a[i] ^ b[i]);
		__asm__ volatile("" : "+r"(differ));
	}
	return differ == 0;
}

/* All that a session says, and all that it is bound to. */
static void tag_session(unsigned char tag[SESSION_TAG], const struct session_bond *b, struct span name, int64_t since)
{
	unsigned char numbers[1 + 8 + 8] = {FORM};
	const struct span parts[] = {SPAN("session"), span_of((const char *)numbers, sizeof numbers), b->place, b->cookie, name, b->hash};

	write_number(numbers + 1, (uint64_t)since);
	write_number(numbers + 9, b->logouts);
	session_tag(tag, b->key, parts, sizeof parts / sizeof *parts);
}

/* --- values of cookies -------------------------------------------------------------- */

void session_write(struct text *out, const struct session_bond *b, struct span name, int64_t since)
{
	char place[MOST];
	struct text bytes = text_in(place, sizeof place);
	unsigned char number[8], tag[SESSION_TAG];

	if (name.len == 0 || name.len > SESSION_NAME) {
		out->full = true;
		return;
	}
	write_number(number, (uint64_t)since);
	tag_session(tag, b, name, since);
	text_char(&bytes, FORM);
	text_add(&bytes, (const char *)number, sizeof number);
	text_span_add(&bytes, name);
	text_add(&bytes, (const char *)tag, sizeof tag);
	text_base64(out, text_span(&bytes), TEXT_BASE64_URL);
}

bool session_read(struct session *s, struct span value)
{
	char place[MOST];
	struct text bytes = text_in(place, sizeof place);
	uint64_t since;

	if (value.len > SESSION_TEXT || !text_from_base64(&bytes, value, TEXT_BASE64_URL) || bytes.len < LEAST || place[0] != FORM)
		return false;
	since = read_number((const unsigned char *)place + SINCE_AT);
	if (since > SESSION_LATEST)
		return false;
	s->since = (int64_t)since;
	s->name_len = bytes.len - NAME_AT - SESSION_TAG;
	memcpy(s->name, place + NAME_AT, s->name_len);
	memcpy(s->tag, place + NAME_AT + s->name_len, SESSION_TAG);
	return true;
}

bool session_holds(const struct session *s, const struct session_bond *b)
{
	unsigned char tag[SESSION_TAG];

	tag_session(tag, b, span_of(s->name, s->name_len), s->since);
	return session_same_tag(tag, s->tag);
}

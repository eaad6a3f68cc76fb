/* SPDX-License-Identifier: MIT
 *
 * auth - any bytes as what a request says about its sender. What is read is read
 * whole and in one way, and what is ours does not pass.
 *
 * The first byte says which of the readers gets the others: 'b' Basic credentials, 'c' a
 * Cookie field, 'f' a form, 'l' a place to go on to, 'o' field lines; any other: each.
 */
#include "../../src/auth.h"
#include "check.h"

/* Room of exactly that size. */
static struct text room_of(size_t size)
{
	char *at = malloc(size ? size : 1);

	CHECK(at);
	return text_in(at, size);
}

static bool is_inside(const struct text *room, struct span s)
{
	return s.len == 0 || (s.at >= room->at && s.at + s.len <= room->at + room->len);
}

/* --- Basic credentials ----------------------------------------------------------- */

/* Written again, name and password are the same credentials but for padding, and
 * are read as the same. */
static void check_basic_again(const struct auth_basic *b, struct span credentials)
{
	struct text plain = room_of(b->name.len + 1 + b->password.len), text = room_of(credentials.len + 4), room = room_of(plain.size);
	struct auth_basic again;
	struct span digits = credentials;

	text_span_add(&plain, b->name);
	text_char(&plain, ':');
	text_span_add(&plain, b->password);
	text_lit(&text, "Basic ");
	text_base64(&text, text_span(&plain), TEXT_BASE64);
	CHECK(!plain.full && !text.full);
	while (digits.len && digits.at[digits.len - 1] == '=')
		digits.len--;
	CHECK(span_ends_same(digits, span_of(text.at + 6, text.len - 6)));
	CHECK(auth_basic(&again, text_span(&text), &room));
	CHECK(span_is(again.name, b->name) && span_is(again.password, b->password));
	free(plain.at);
	free(text.at);
	free(room.at);
}

static void check_basic(struct span credentials)
{
	struct text room = room_of(credentials.len);
	struct auth_basic b;

	if (auth_basic(&b, credentials, &room)) {
		CHECK(is_inside(&room, b.name) && is_inside(&room, b.password) && b.name.len + 1 + b.password.len == room.len);
		CHECK(span_find(b.name, ':') == b.name.len && span_find(b.name, '\0') == b.name.len);
		check_basic_again(&b, credentials);
	} else {
		CHECK(room.len == 0);
	}
	CHECK(!room.full);
	free(room.at);
}

/* --- cookies ------------------------------------------------------------------------- */

static void check_cookies(struct span pairs)
{
	struct text out = room_of(2 * pairs.len + 2), again = room_of(2 * pairs.len + 2);
	bool some = auth_strip_cookies(&out, pairs), more;

	CHECK(!out.full && some == (out.len != 0));
	CHECK(!auth_has_own_cookie(text_span(&out)));
	more = auth_strip_cookies(&again, text_span(&out));
	CHECK(more == some && span_is(text_span(&again), text_span(&out)));
	free(out.at);
	free(again.at);
}

/* Where the readers agree: each cookie of ours that is found is one that is taken away. */
static void check_found(const struct head *h, struct span name)
{
	struct span value;
	unsigned at = 0, before = 0, count = 0;
	bool own = false;

	for (unsigned i = 0; i < h->count; i++)
		own |= h->fields[i].id == FIELD_COOKIE && auth_has_own_cookie(head_value(h, i));
	while (auth_cookie(h, name, &at, &value)) {
		CHECK(at > before && at <= h->len);
		CHECK(value.len == 0 || (value.at > h->base && value.at + value.len < h->base + h->len));
		CHECK(span_find(value, ';') == value.len);
		CHECK(own || !auth_is_own_cookie(name));
		before = at;
		CHECK(count++ < h->len);
	}
}

/* --- what browsers say ------------------------------------------------------------------ */

/* A head around the bytes, if it is one. */
static void check_head(struct span before, struct span bytes, struct span after)
{
	struct text wire = room_of(before.len + bytes.len + after.len);
	struct head h;

	text_span_add(&wire, before);
	text_span_add(&wire, bytes);
	text_span_add(&wire, after);
	if (!head_request(&h, wire.at, wire.len)) {
		bool foreign = auth_is_foreign(&h, SPAN("https"), SPAN("a.example"));

		check_found(&h, SPAN("gateway-login-x"));
		check_found(&h, SPAN("a"));
		CHECK(!auth_is_foreign(&h, SPAN("https"), SPAN("A.example:443")) == !foreign);
		CHECK(foreign || head_has(&h, FIELD_SEC_FETCH_SITE) || !(head_has(&h, FIELD_ORIGIN) || head_has(&h, FIELD_REFERER)) ||
		      auth_is_foreign(&h, SPAN("https"), SPAN("b.example")));
		CHECK(!foreign || head_has(&h, FIELD_SEC_FETCH_SITE) || head_has(&h, FIELD_ORIGIN) || head_has(&h, FIELD_REFERER));
		CHECK(!auth_is_navigation(&h) || head_has(&h, FIELD_ACCEPT));
	}
	free(wire.at);
}

/* --- forms ------------------------------------------------------------------------------- */

/* Put behind itself it has every name twice, or none. */
static void check_twice(struct span body, struct span name)
{
	struct text twice = room_of(2 * body.len + 1), room = room_of(2 * body.len + 1);
	struct span value;

	text_span_add(&twice, body);
	text_char(&twice, '&');
	text_span_add(&twice, body);
	CHECK(!auth_form(text_span(&twice), name, &room, &value) && room.len == 0);
	free(twice.at);
	free(room.at);
}

static void check_form(struct span body, struct span name)
{
	struct text room = room_of(body.len), little;
	struct span value, cut;

	if (auth_form(body, name, &room, &value)) {
		CHECK(is_inside(&room, value) && value.len == room.len && value.len < body.len + 1);
		CHECK(span_find(value, '\0') == value.len);
		little = room_of(value.len ? value.len - 1 : 0);
		CHECK(auth_form(body, name, &little, &cut) == (value.len == 0));
		free(little.at);
	}
	CHECK(!room.full);
	free(room.at);
	check_twice(body, name);
}

/* --- places ------------------------------------------------------------------------------- */

/* What browsers make of it: tabs and line ends go, '\' is '/' (URL standard 4.4). */
static void check_local(struct span to)
{
	struct text seen = room_of(to.len);

	if (auth_is_local(to)) {
		for (size_t i = 0; i < to.len; i++)
			if (to.at[i] != '\t' && to.at[i] != '\n' && to.at[i] != '\r')
				text_char(&seen, to.at[i] == '\\' ? '/' : to.at[i]);
		CHECK(seen.len == to.len && seen.at[0] == '/' && (seen.len < 2 || seen.at[1] != '/'));
		for (size_t i = 0; i < to.len; i++)
			CHECK(to.at[i] > 0x20 && to.at[i] < 0x7f);
	}
	free(seen.at);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct span bytes = span_of((const char *)at, len), rest = bytes;
	char which = len ? bytes.at[0] : 0;
	bool all = !which || !strchr("bcflo", which);

	if (!all)
		rest = span_of(bytes.at + 1, len - 1);
	if (all || which == 'b')
		check_basic(rest);
	if (all || which == 'c') {
		check_cookies(rest);
		check_head(SPAN("GET / HTTP/1.1\r\nCookie: "), rest, SPAN("\r\n\r\n"));
	}
	if (all || which == 'f') {
		check_form(rest, SPAN("user"));
		check_form(rest, SPAN("to"));
	}
	if (all || which == 'l')
		check_local(rest);
	if (all || which == 'o')
		check_head(SPAN("POST / HTTP/1.1\r\n"), rest, SPAN("\r\n"));
	return 0;
}

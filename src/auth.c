/* SPDX-License-Identifier: MIT
 *
 * auth - what does a request say about who sends it, and what may it be answered?
 *
 * Knows RFC 7617, RFC 4648, RFC 6265, the form encoding of the URL standard and
 * Fetch Metadata. Knows no users, no keys and no clock. Where two servers could
 * read the same bytes differently, nothing is read.
 */
#include "auth.h"
#include "path.h"
#include "session.h"

/* --- Basic credentials --------------------------------------------------------- */

/* Padding may be left out, but not be wrong (RFC 4648 3.2). */
static bool cut_padding(struct span *text)
{
	size_t len = text->len, pads = 0;

	while (pads < 2 && pads < len && text->at[len - 1 - pads] == '=')
		pads++;
	if (pads && len % 4)
		return false;
	text->len -= pads;
	return true;
}

static bool has_control(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.at[i] < ' ' || s.at[i] == 0x7f)
			return true;
	return false;
}

const char *auth_refuse_name(struct span name)
{
	if (!name.len)
		return "is no name";
	if (name.len > SESSION_NAME)
		return "is too long for a name: at most 128 bytes";
	if (span_is_blank(name.at[0]) || span_is_blank(name.at[name.len - 1]))
		return "begins or ends with a blank";
	if (has_control(name))
		return "holds a control byte";
	return span_find(name, ':') < name.len ? "holds a colon" : NULL;
}

/* Without the name of the scheme and the blanks behind it (RFC 9110 11.4). */
static bool cut_scheme(struct span *credentials)
{
	struct span scheme = span_cut(credentials, ' ');

	while (credentials->len && credentials->at[0] == ' ')
		span_cut(credentials, ' ');
	return span_same(scheme, SPAN("Basic"));
}

bool auth_basic(struct auth_basic *b, struct span credentials, struct text *room)
{
	size_t start = room->len;

	if (cut_scheme(&credentials) && cut_padding(&credentials) &&
	    text_from_base64(room, credentials, TEXT_BASE64) && !room->full) {
		struct span all = span_of(room->at + start, room->len - start);
		size_t colon = span_find(all, ':');

		b->password = all;
		b->name = span_cut(&b->password, ':');
		if (colon < all.len && !has_control(b->name))
			return true;
	}
	room->len = start;
	return false;
}

/* --- cookies -------------------------------------------------------------------- */

/* Takes the pair at the front, which ends at the next ';' wherever that stands: no
 * server we know keeps one inside quotes together. A pair without '=' is a name. */
static bool next_pair(struct span *pairs, struct span *name, struct span *value)
{
	if (!pairs->len)
		return false;
	*value = span_cut(pairs, ';');
	*name = span_trim(span_cut(value, '='));
	return true;
}

static struct span unquoted(struct span value)
{
	value = span_trim(value);
	if (value.len >= 2 && value.at[0] == '"' && value.at[value.len - 1] == '"')
		return span_of(value.at + 1, value.len - 2);
	return value;
}

bool auth_cookie(const struct head *h, struct span name, unsigned *at, struct span *value)
{
	unsigned i = h->first[FIELD_COOKIE];

	for (; i && i <= h->count; i++) {
		struct span pairs = head_value(h, i - 1), found;
		unsigned begin = h->fields[i - 1].value, end = begin + h->fields[i - 1].value_len;

		if (h->fields[i - 1].id != FIELD_COOKIE || *at > end)
			continue;
		if (*at > begin)
			pairs = span_of(h->base + *at, end - *at);
		while (next_pair(&pairs, &found, value))
			if (span_is(found, name)) {
				*at = end - (unsigned)pairs.len;
				*value = unquoted(*value);
				return true;
			}
	}
	return false;
}

bool auth_is_own_cookie(struct span name)
{
	return span_starts(name, SPAN(AUTH_COOKIE)) || span_starts(name, SPAN(AUTH_COOKIE_SECURE));
}

bool auth_strip_cookies(struct text *out, struct span pairs)
{
	bool some = false;

	while (pairs.len) {
		struct span pair = span_trim(span_cut(&pairs, ';')), rest = pair;

		if (!pair.len || auth_is_own_cookie(span_trim(span_cut(&rest, '='))))
			continue;
		if (some)
			text_lit(out, "; ");
		text_span_add(out, pair);
		some = true;
	}
	return some;
}

bool auth_has_own_cookie(struct span pairs)
{
	struct span name, value;

	while (next_pair(&pairs, &name, &value))
		if (auth_is_own_cookie(name))
			return true;
	return false;
}

/* --- what browsers say ------------------------------------------------------------ */

/* The one such field; several say nothing that can be relied on. */
static bool only(const struct head *h, enum field_id id, struct span *value)
{
	*value = head_get(h, id);
	return !(h->many >> id & 1);
}

static bool accepts_html(const struct head *h)
{
	for (unsigned i = h->first[FIELD_ACCEPT]; i && i <= h->count; i++) {
		struct span list = head_value(h, i - 1), item;

		if (h->fields[i - 1].id != FIELD_ACCEPT)
			continue;
		while (span_item(&list, &item))
			if (span_same(span_trim(span_cut(&item, ';')), SPAN("text/html")))
				return true;
	}
	return false;
}

bool auth_is_navigation(const struct head *h)
{
	struct span mode;

	if (head_has(h, FIELD_SEC_FETCH_MODE) && !(only(h, FIELD_SEC_FETCH_MODE, &mode) && span_is(mode, SPAN("navigate"))))
		return false;
	return accepts_html(h);
}

bool auth_is_fetch(const struct head *h)
{
	return head_has(h, FIELD_SEC_FETCH_MODE);
}

/* Port of an authority that names none. */
static unsigned usual_port(struct span scheme, unsigned port)
{
	return port ? port : span_same(scheme, SPAN("https")) ? 443 : 80;
}

static bool same_authority(struct span scheme, struct span a, struct span b)
{
	struct span name, other;
	unsigned port, other_port;

	return path_host(a, &name, &port) && path_host(b, &other, &other_port) && span_same(name, other) &&
		usual_port(scheme, port) == usual_port(scheme, other_port);
}

/* Does this URL begin with that origin (RFC 6454 4)? An Origin is one without a path. */
static bool is_of_origin(struct span url, struct span scheme, struct span host, bool with_path)
{
	struct span authority;

	if (!span_starts_same(url, scheme))
		return false;
	url = span_of(url.at + scheme.len, url.len - scheme.len);
	if (!span_starts(url, SPAN("://")))
		return false;
	url = span_of(url.at + 3, url.len - 3);
	authority = with_path ? span_cut(&url, '/') : url;
	return same_authority(scheme, authority, host);
}

bool auth_is_foreign(const struct head *h, struct span scheme, struct span host)
{
	struct span said;

	if (head_has(h, FIELD_SEC_FETCH_SITE))
		return !only(h, FIELD_SEC_FETCH_SITE, &said) || !(span_is(said, SPAN("same-origin")) || span_is(said, SPAN("none")));
	if (head_has(h, FIELD_ORIGIN))
		return !only(h, FIELD_ORIGIN, &said) || !is_of_origin(said, scheme, host, false);
	if (head_has(h, FIELD_REFERER))
		return !only(h, FIELD_REFERER, &said) || !is_of_origin(said, scheme, host, true);
	return false;
}

/* --- forms -------------------------------------------------------------------------- */

/* Takes one byte off the front. -1: a '%' without two hex digits, or a zero byte. */
static int next_byte(struct span *text)
{
	char c = text->at[0];
	int high, low;

	if (c != '%') {
		*text = span_of(text->at + 1, text->len - 1);
		return c == '+' ? ' ' : c ? (unsigned char)c : -1;
	}
	if (text->len < 3)
		return -1;
	high = span_hex(text->at[1]);
	low = span_hex(text->at[2]);
	*text = span_of(text->at + 3, text->len - 3);
	return high < 0 || low < 0 || (high | low) == 0 ? -1 : high << 4 | low;
}

/* Decoded, is it this name? */
static bool is_named(struct span text, struct span name)
{
	size_t i;

	for (i = 0; text.len && i < name.len; i++)
		if (next_byte(&text) != (unsigned char)name.at[i])
			return false;
	return !text.len && i == name.len;
}

static bool form_decode(struct text *out, struct span text)
{
	while (text.len) {
		int c = next_byte(&text);

		if (c < 0)
			return false;
		text_char(out, (char)c);
	}
	return !out->full;
}

/* How often is it there? *value is the last one, not decoded. */
static unsigned form_find(struct span body, struct span name, struct span *value)
{
	unsigned count = 0;

	while (body.len) {
		struct span pair = span_cut(&body, '&'), pair_name = span_cut(&pair, '=');

		if (!is_named(pair_name, name))
			continue;
		*value = pair;
		count++;
	}
	return count;
}

bool auth_form(struct span body, struct span name, struct text *room, struct span *value)
{
	size_t start = room->len;
	struct span raw;

	if (form_find(body, name, &raw) == 1 && form_decode(room, raw)) {
		*value = span_of(room->at + start, room->len - start);
		return true;
	}
	room->len = start;
	return false;
}

/* --- where to go on to ------------------------------------------------------------------ */

bool auth_is_local(struct span to)
{
	if (!to.len || to.at[0] != '/')
		return false;
	if (to.len > 1 && (to.at[1] == '/' || to.at[1] == '\\'))
		return false;
	for (size_t i = 1; i < to.len; i++)
		if (to.at[i] <= ' ' || to.at[i] > '~')
			return false;
	return true;
}

/* SPDX-License-Identifier: MIT
 *
 * fresh_targeted - what does CDN-Cache-Control say? (RFC 9213, RFC 8941)
 *
 * A Dictionary, parsed as RFC 8941 4.2 does it: one wrong byte and all of the
 * field counts as not there. Its lines are parsed one by one, so that a string
 * cannot go on in the next one. Only what directives are made of is kept.
 */
#include "fresh_parts.h"

enum type {
	TYPE_TRUE,
	TYPE_FALSE,
	TYPE_INTEGER,
	TYPE_STRING,
	TYPE_OTHER /* that no directive has: Decimal, Token, Byte Sequence, Inner List */
};

struct item {
	struct span text; /* of TYPE_INTEGER its digits, of TYPE_STRING what is between the quotes */
	uint8_t type;
	bool negative;
};

/* --- bytes ------------------------------------------------------------------------ */

/* The byte at the front, 0 at the end: no field holds one. */
static char front(struct span s)
{
	return s.len ? s.at[0] : 0;
}

static void skip(struct span *s, size_t n)
{
	*s = span_of(s->at + n, s->len - n);
}

static bool take(struct span *s, char c)
{
	if (front(*s) != c)
		return false;
	skip(s, 1);
	return true;
}

static void skip_spaces(struct span *s)
{
	while (take(s, ' '))
		;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_letter(char c)
{
	return is_lower(span_lower(c));
}

/* --- items (RFC 8941 4.2.3) ---------------------------------------------------------- */

static size_t count_digits(struct span s)
{
	size_t n = 0;

	while (n < s.len && is_digit(s.at[n]))
		n++;
	return n;
}

/* 4.2.4: at most 15 digits, or 12, a dot and at most 3. */
static bool take_number(struct span *s, struct item *item)
{
	size_t whole, part;

	item->negative = take(s, '-');
	whole = count_digits(*s);
	item->text = span_of(s->at, whole);
	item->type = TYPE_INTEGER;
	skip(s, whole);
	if (whole == 0 || whole > 15)
		return false;
	if (!take(s, '.'))
		return true;
	part = count_digits(*s);
	skip(s, part);
	item->type = TYPE_OTHER;
	return whole <= 12 && part >= 1 && part <= 3;
}

/* 4.2.5 */
static bool take_string(struct span *s, struct item *item)
{
	size_t n = 0;

	skip(s, 1);
	for (; n < s->len && s->at[n] != '"'; n++) {
		if (s->at[n] == '\\' && (++n == s->len || (s->at[n] != '"' && s->at[n] != '\\')))
			return false;
		if (s->at[n] < ' ' || s->at[n] > '~')
			return false;
	}
	if (n == s->len)
		return false;
	item->text = span_of(s->at, n);
	item->type = TYPE_STRING;
	skip(s, n + 1);
	return true;
}

/* 4.2.6 */
static bool take_token(struct span *s, struct item *item)
{
	size_t n = 1;

	while (n < s->len && (s->at[n] == ':' || s->at[n] == '/' || span_is_token(span_of(s->at + n, 1))))
		n++;
	item->type = TYPE_OTHER;
	skip(s, n);
	return true;
}

/* 4.2.7: a parser may refuse what is not Base64, and this one does. */
static bool take_bytes(struct span *s, struct item *item)
{
	size_t n = 1, pads;

	while (n < s->len && (is_letter(s->at[n]) || is_digit(s->at[n]) || s->at[n] == '+' || s->at[n] == '/'))
		n++;
	skip(s, n);
	for (pads = 0; pads < 2 && take(s, '='); pads++)
		;
	item->type = TYPE_OTHER;
	return take(s, ':');
}

/* 4.2.8 */
static bool take_boolean(struct span *s, struct item *item)
{
	skip(s, 1);
	item->type = front(*s) == '1' ? TYPE_TRUE : TYPE_FALSE;
	return take(s, '1') || take(s, '0');
}

static bool take_bare(struct span *s, struct item *item)
{
	char c = front(*s);

	if (c == '-' || is_digit(c))
		return take_number(s, item);
	if (c == '"')
		return take_string(s, item);
	if (c == '*' || is_letter(c))
		return take_token(s, item);
	if (c == ':')
		return take_bytes(s, item);
	return c == '?' && take_boolean(s, item);
}

/* 4.2.3.3 */
static bool take_key(struct span *s, struct span *key)
{
	size_t n = 0;

	if (front(*s) != '*' && !is_lower(front(*s)))
		return false;
	while (n < s->len && (is_lower(s->at[n]) || is_digit(s->at[n]) || (s->at[n] && strchr("_-.*", s->at[n]))))
		n++;
	*key = span_of(s->at, n);
	skip(s, n);
	return true;
}

/* 4.2.3.2; they mean nothing here (RFC 9213 2.1). */
static bool take_parameters(struct span *s)
{
	struct item item;
	struct span key;

	while (take(s, ';')) {
		skip_spaces(s);
		if (!take_key(s, &key) || (take(s, '=') && !take_bare(s, &item)))
			return false;
	}
	return true;
}

/* 4.2.1.2 */
static bool take_inner_list(struct span *s, struct item *item)
{
	skip(s, 1);
	for (;;) {
		skip_spaces(s);
		if (take(s, ')')) {
			item->type = TYPE_OTHER;
			return take_parameters(s);
		}
		if (!take_bare(s, item) || !take_parameters(s) || (front(*s) != ' ' && front(*s) != ')'))
			return false;
	}
}

/* 4.2.2, one member */
static bool take_member(struct span *s, struct span *key, struct item *item)
{
	*item = (struct item){.type = TYPE_TRUE};
	if (!take_key(s, key))
		return false;
	if (take(s, '=')) {
		if (front(*s) == '(')
			return take_inner_list(s, item);
		if (!take_bare(s, item))
			return false;
	}
	return take_parameters(s);
}

/* --- directives ------------------------------------------------------------------------ */

/* What has another type than the directive's is not consumed (RFC 9213 2.1). Of a key
 * that is there twice the last one counts (RFC 8941 3.2), so each is set anew. */
static void set_seconds(int32_t *slot, const struct item *item)
{
	*slot = item->type != TYPE_INTEGER ? -1 : item->negative ? 0 : fresh_seconds(item->text);
}

enum { PRIVATE_NAMES, NO_CACHE_NAMES }; /* their places in control.names */

static void set_about(struct fresh_control *c, bool *all, int place, const struct item *item)
{
	bool names = item->type == TYPE_STRING && fresh_is_names(item->text);

	*all = item->type == TYPE_TRUE || (item->type == TYPE_STRING && !names);
	c->names[place] = names ? item->text : span_of(NULL, 0);
}

static void set(struct fresh_control *c, struct span key, const struct item *item)
{
	bool said = item->type == TYPE_TRUE;

	switch (fresh_word(key)) {
	case WORD_MAX_AGE:
		set_seconds(&c->max_age, item);
		break;
	case WORD_S_MAXAGE:
		set_seconds(&c->s_maxage, item);
		break;
	case WORD_STALE_WHILE:
		set_seconds(&c->stale_while, item);
		break;
	case WORD_STALE_ERROR:
		set_seconds(&c->stale_error, item);
		break;
	case WORD_NO_CACHE:
		set_about(c, &c->no_cache, NO_CACHE_NAMES, item);
		break;
	case WORD_PRIVATE:
		set_about(c, &c->private_all, PRIVATE_NAMES, item);
		break;
	case WORD_NO_STORE:
		c->no_store = said;
		break;
	case WORD_MUST_REVALIDATE:
		c->must_revalidate = said;
		break;
	case WORD_PROXY_REVALIDATE:
		c->proxy_revalidate = said;
		break;
	case WORD_PUBLIC:
		c->public_all = said;
		break;
	case WORD_MUST_UNDERSTAND:
		c->must_understand = said;
		break;
	case WORD_IMMUTABLE:
		c->immutable = item->type != TYPE_FALSE; /* an argument has no meaning (RFC 8246 2) */
		break;
	default:
		break;
	}
}

/* One field line as a whole dictionary (RFC 8941 4.2.2); an empty one is none. */
static bool read_line(struct fresh_control *c, struct span s)
{
	struct item item;
	struct span key;

	skip_spaces(&s);
	while (take_member(&s, &key, &item)) {
		set(c, key, &item);
		s = span_trim(s);
		if (!s.len)
			return true;
		if (!take(&s, ','))
			return false;
		s = span_trim(s);
	}
	return false;
}

bool fresh_targeted(struct fresh_control *c, const struct head *answer)
{
	struct span value;
	unsigned at = 0;

	fresh_control_none(c);
	while (fresh_next(answer, FIELD_CDN_CACHE_CONTROL, &at, &value))
		if (!read_line(c, value)) {
			fresh_control_none(c);
			return false;
		}
	if (!at)
		return false;
	c->targeted = true;
	c->count = 2;
	c->shared = c->s_maxage >= 0 || c->must_revalidate;
	return true;
}

/* SPDX-License-Identifier: MIT
 *
 * fresh_control - what do Cache-Control and Pragma say? (RFC 9111 5.2, 5.4; 5861, 8246)
 *
 * Cache-Control is read so that nothing that forbids is lost and nothing crooked
 * allows: servers write ';' for ',', forget quotes, say things twice. A list is
 * taken apart at each ';' too, and what stands beside one forbids, but gives
 * nothing; a quote that is not closed hides nothing.
 */
#include "fresh_parts.h"

static const struct {
	struct span name;
	uint8_t word;
} words[] = {
	{{"no-cache", 8}, WORD_NO_CACHE}, /* what clients say comes first */
	{{"max-age", 7}, WORD_MAX_AGE},
	{{"no-store", 8}, WORD_NO_STORE},
	{{"max-stale", 9}, WORD_MAX_STALE},
	{{"min-fresh", 9}, WORD_MIN_FRESH},
	{{"only-if-cached", 14}, WORD_ONLY_IF_CACHED},
	{{"public", 6}, WORD_PUBLIC},
	{{"private", 7}, WORD_PRIVATE},
	{{"s-maxage", 8}, WORD_S_MAXAGE},
	{{"must-revalidate", 15}, WORD_MUST_REVALIDATE},
	{{"proxy-revalidate", 16}, WORD_PROXY_REVALIDATE},
	{{"must-understand", 15}, WORD_MUST_UNDERSTAND},
	{{"immutable", 9}, WORD_IMMUTABLE},
	{{"stale-while-revalidate", 22}, WORD_STALE_WHILE},
	{{"stale-if-error", 14}, WORD_STALE_ERROR},
};

enum fresh_word fresh_word(struct span name)
{
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (words[i].name.len == name.len && span_same(words[i].name, name))
			return (enum fresh_word)words[i].word;
	return WORD_OTHER;
}

int32_t fresh_seconds(struct span digits)
{
	int64_t value = 0;

	for (size_t i = 0; i < digits.len; i++) {
		unsigned d = (unsigned char)digits.at[i] - (unsigned)'0';

		if (d > 9)
			return -1;
		value = value * 10 + d;
		if (value > FRESH_LONG)
			value = FRESH_LONG; /* RFC 9111 1.2.2 */
	}
	return digits.len ? (int32_t)value : -1;
}

bool fresh_is_names(struct span list)
{
	struct span name;
	bool some = false;

	while (list.len) {
		name = span_trim(span_cut(&list, ','));
		if (name.len && !span_is_token(name))
			return false;
		some |= name.len != 0;
	}
	return some;
}

/* --- one directive after the other -------------------------------------------------- */

struct list {
	struct span rest;
	bool crooked;  /* a ';' came before */
	bool unquoted; /* a quote was not closed: from there on they mean nothing */
};

struct directive {
	struct span name, value;
	bool has_value;
	bool crooked; /* no directive as RFC 9111 5.2 has them */
};

/* Where the quoted string that begins at i ends, or 0: nowhere. */
static size_t closing_quote(struct span s, size_t i)
{
	for (i++; i < s.len && s.at[i] != '"'; i++)
		if (s.at[i] == '\\')
			i++;
	return i < s.len ? i : 0;
}

static size_t member_length(struct list *l)
{
	size_t i = 0, end;

	for (; i < l->rest.len && l->rest.at[i] != ',' && l->rest.at[i] != ';'; i++) {
		if (l->rest.at[i] != '"' || l->unquoted)
			continue;
		end = closing_quote(l->rest, i);
		if (end)
			i = end;
		else
			l->unquoted = true;
	}
	return i;
}

/* Only the token that it begins with is its name; then something is odd about it. */
static struct span token_at_front(struct span s)
{
	size_t n = 0;

	while (n < s.len && span_is_token(span_of(s.at + n, 1)))
		n++;
	return span_of(s.at, n);
}

static void take_apart(struct directive *d, struct span member)
{
	size_t equals = span_find(member, '=');

	d->has_value = equals < member.len;
	d->value = span_of(member.at + member.len, 0);
	d->name = span_of(member.at, equals);
	if (d->has_value)
		d->value = span_of(member.at + equals + 1, member.len - equals - 1);
	if (!span_is_token(d->name)) {
		d->name = token_at_front(member);
		d->crooked = true;
	}
	if (d->value.len && d->value.at[0] == '"') {
		if (closing_quote(d->value, 0) == d->value.len - 1)
			d->value = span_of(d->value.at + 1, d->value.len - 2);
		else
			d->crooked = true;
	}
}

static bool next_directive(struct list *l, struct directive *d)
{
	while (l->rest.len) {
		size_t n = member_length(l);
		struct span member = span_trim(span_of(l->rest.at, n));
		bool last = n == l->rest.len;

		l->crooked |= !last && l->rest.at[n] == ';';
		l->rest = span_of(l->rest.at + n + !last, l->rest.len - n - !last);
		d->crooked = l->crooked || l->unquoted;
		if (member.len) {
			take_apart(d, member);
			return true;
		}
	}
	return false;
}

/* Is it there as it is meant to be, without an argument? */
static bool is_plain(const struct directive *d)
{
	return !d->crooked && !d->has_value;
}

/* -1: no number. */
static int32_t seconds_of(const struct directive *d)
{
	return d->crooked ? -1 : fresh_seconds(d->value);
}

/* The least that was said; what is no number is 0. */
static void least(int32_t *slot, int32_t seconds)
{
	if (seconds < 0)
		seconds = 0;
	if (*slot < 0 || seconds < *slot)
		*slot = seconds;
}

/* --- what the client wants ------------------------------------------------------------ */

static void max_stale(struct fresh_wish *w, const struct directive *d)
{
	int32_t seconds = d->has_value ? seconds_of(d) : d->crooked ? -1 : FRESH_LONG;

	if (seconds >= 0)
		least(&w->max_stale, seconds);
}

static void min_fresh(struct fresh_wish *w, const struct directive *d)
{
	int32_t seconds = seconds_of(d);

	if (seconds < 0)
		seconds = FRESH_LONG;
	if (seconds > w->min_fresh)
		w->min_fresh = seconds;
}

static void wish(struct fresh_wish *w, const struct directive *d)
{
	switch (fresh_word(d->name)) {
	case WORD_NO_CACHE:
		w->no_cache = true;
		break;
	case WORD_NO_STORE:
		w->no_store = true;
		break;
	case WORD_ONLY_IF_CACHED:
		w->only_if_cached = true;
		break;
	case WORD_MAX_AGE:
		least(&w->max_age, seconds_of(d));
		break;
	case WORD_MIN_FRESH:
		min_fresh(w, d);
		break;
	case WORD_MAX_STALE:
		max_stale(w, d);
		break;
	default:
		break;
	}
}

static bool pragma_no_cache(const struct head *h)
{
	struct directive d;
	struct span value;
	unsigned at = 0;

	while (fresh_next(h, FIELD_PRAGMA, &at, &value)) {
		struct list l = {value, false, false};

		while (next_directive(&l, &d))
			if (fresh_word(d.name) == WORD_NO_CACHE)
				return true;
	}
	return false;
}

static void read_wishes(struct fresh_wish *w, const struct head *asked)
{
	struct directive d;
	struct span value;
	unsigned at = 0;

	while (fresh_next(asked, FIELD_CACHE_CONTROL, &at, &value)) {
		struct list l = {value, false, false};

		while (next_directive(&l, &d))
			wish(w, &d);
	}
}

void fresh_wish(struct fresh_wish *w, const struct head *asked, const struct fresh_rule *rule)
{
	*w = (struct fresh_wish){.max_age = -1, .max_stale = -1};
	if (head_has(asked, FIELD_CACHE_CONTROL))
		read_wishes(w, asked);
	else if (head_has(asked, FIELD_PRAGMA))
		w->no_cache = pragma_no_cache(asked); /* RFC 9111 5.4 */
	else
		return;
	if (rule->ignore_reload) {
		w->no_cache = false;
		w->max_age = -1;
		w->min_fresh = 0;
	}
}

/* --- what the server says ---------------------------------------------------------------- */

void fresh_control_none(struct fresh_control *c)
{
	memset(c, 0, sizeof *c);
	c->max_age = c->s_maxage = c->stale_while = c->stale_error = -1;
}

/* no-cache and private: about the fields that they name, or else about all of it. */
static void about(struct fresh_control *c, bool *all, const struct directive *d)
{
	if (!d->has_value || d->crooked || !fresh_is_names(d->value) || c->count == FRESH_NAMES)
		*all = true;
	else
		c->names[c->count++] = d->value;
}

static void hear(struct fresh_control *c, const struct directive *d)
{
	switch (fresh_word(d->name)) {
	case WORD_MAX_AGE:
		least(&c->max_age, seconds_of(d));
		break;
	case WORD_S_MAXAGE:
		least(&c->s_maxage, seconds_of(d));
		c->shared |= seconds_of(d) >= 0;
		break;
	case WORD_STALE_WHILE:
		least(&c->stale_while, seconds_of(d));
		break;
	case WORD_STALE_ERROR:
		least(&c->stale_error, seconds_of(d));
		break;
	case WORD_NO_CACHE:
		about(c, &c->no_cache, d);
		break;
	case WORD_PRIVATE:
		about(c, &c->private_all, d);
		break;
	case WORD_NO_STORE:
		c->no_store = true;
		break;
	case WORD_MUST_REVALIDATE:
		c->must_revalidate = true;
		c->shared |= is_plain(d);
		break;
	case WORD_PROXY_REVALIDATE:
		c->proxy_revalidate = true;
		break;
	case WORD_PUBLIC:
		c->public_all |= is_plain(d);
		break;
	case WORD_MUST_UNDERSTAND:
		c->must_understand |= is_plain(d);
		break;
	case WORD_IMMUTABLE:
		c->immutable |= !d->crooked; /* an argument has no meaning (RFC 8246 2) */
		break;
	default:
		break;
	}
}

void fresh_control(struct fresh_control *c, const struct head *answer)
{
	struct directive d;
	struct span value;
	unsigned at = 0;

	if (fresh_targeted(c, answer))
		return;
	while (fresh_next(answer, FIELD_CACHE_CONTROL, &at, &value)) {
		struct list l = {value, false, false};

		while (next_directive(&l, &d))
			hear(c, &d);
	}
	/* No RFC says what Pragma means in a response; servers mean this. */
	if (!head_has(answer, FIELD_CACHE_CONTROL) && head_has(answer, FIELD_PRAGMA))
		c->no_cache = pragma_no_cache(answer);
}

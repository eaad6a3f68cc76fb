/* SPDX-License-Identifier: MIT
 *
 * fresh - may this be stored, is it still fresh?
 *
 * Knows RFC 9111 sections 3 and 4 and what extends them. What fields say is read
 * by the files beside this one; here it is weighed. In doubt it is not stored, or
 * the server is asked.
 */
#include "fresh_parts.h"

enum { DAY = 86400, HEURISTIC_PART = 10 };

/* --- which responses may be stored at all ------------------------------------------- */

/* Final, understood (RFC 9111 3), and about nothing but the target. */
static bool may_be_kept(unsigned status)
{
	switch (status) {
	case 200:
	case 203:
	case 204:
	case 300:
	case 301:
	case 302:
	case 303:
	case 307:
	case 308:
	case 404:
	case 405:
	case 410:
	case 414:
	case 451:
	case 501:
		return true;
	default:
		return false;
	}
}

/* Those that need not say so (RFC 9110 15.1). */
static bool is_heuristic(unsigned status)
{
	switch (status) {
	case 302:
	case 303:
	case 307:
	case 451:
		return false;
	default:
		return may_be_kept(status);
	}
}

static bool asks_no_store(const struct head *asked)
{
	static const struct fresh_rule none = {.mode = FRESH_OBEY};
	struct fresh_wish w;

	fresh_wish(&w, asked, &none);
	return w.no_store;
}

/* --- when -------------------------------------------------------------------------------- */

/* What a clock shows that runs: one that was never set shows less than this day. */
#define CLOCK_SET 978307200 /* 2001-01-01 */

/* The moment that a field names; false: none, or several. */
static bool moment_of(const struct head *answer, enum field_id id, int64_t clock, int64_t *seconds)
{
	return fresh_date(fresh_single(answer, id), clock, seconds);
}

static bool date_of(const struct head *answer, int64_t clock, int64_t *date)
{
	return moment_of(answer, FIELD_DATE, clock, date) && *date >= CLOCK_SET;
}

static int32_t at_most(int64_t seconds, int32_t most)
{
	return seconds < 0 ? 0 : seconds > most ? most : (int32_t)seconds;
}

/* The first of a list counts (RFC 9111 5.1); what is no number does not. */
static int32_t age_of(const struct head *answer)
{
	struct span list = head_get(answer, FIELD_AGE), first;

	return span_item(&list, &first) ? fresh_seconds(first) : -1;
}

/* Has it come through a cache that need not know Age? */
static bool came_by_old_cache(const struct head *answer)
{
	struct span value, hop;
	unsigned at = 0;

	while (fresh_next(answer, FIELD_VIA, &at, &value))
		while (span_item(&value, &hop))
			if (span_starts(hop, SPAN("1.0 ")) || span_starts_same(hop, SPAN("HTTP/1.0 ")))
				return true;
	return false;
}

/* When its age was 0 (RFC 9111 4.2.3). */
static int64_t born(const struct head *answer, const struct fresh_times *t)
{
	int64_t age = age_of(answer), date, at;

	at = t->asked - (age > 0 ? age : 0) * 1000; /* corrected_age_value */
	if (came_by_old_cache(answer) && t->clock >= GW_BUILT && date_of(answer, t->clock, &date)) {
		int64_t apparent = t->answered - at_most(t->clock - date, FRESH_LONG) * (int64_t)1000;

		if (apparent < at)
			at = apparent;
	}
	return at;
}

/* --- how long it is fresh ------------------------------------------------------------------ */

/* Seconds from Date to the earliest Expires; what is no date is past (RFC 9111 5.3). */
static int32_t expires(const struct head *answer, const struct fresh_stored *s, const struct fresh_times *t)
{
	struct span value;
	unsigned at = 0;
	int64_t least = INT64_MAX, date, moment;

	if (!date_of(answer, t->clock, &date) && t->clock < GW_BUILT)
		return 0; /* neither clock can be right */
	while (fresh_next(answer, FIELD_EXPIRES, &at, &value)) {
		if (!fresh_date(value, t->clock, &moment))
			return 0;
		if (moment < least)
			least = moment;
	}
	return at_most(least - s->date, FRESH_LONG);
}

/* What the server itself has said (RFC 9111 4.2.1); -1: nothing. */
static int32_t lifetime_said(const struct fresh_control *c, const struct head *answer, const struct fresh_stored *s, const struct fresh_times *t)
{
	if (c->s_maxage >= 0)
		return c->s_maxage;
	if (c->max_age >= 0)
		return c->max_age;
	if (!c->targeted && head_has(answer, FIELD_EXPIRES))
		return expires(answer, s, t);
	return -1;
}

/* RFC 9111 4.2.2. Images of small devices have files from 1970: that says nothing. */
static int32_t lifetime_guessed(const struct fresh_stored *s, const struct fresh_rule *rule)
{
	if (rule->mode == FRESH_GIVE && s->status < 400) /* what is an error now may be none soon */
		return rule->lifetime;
	return s->modified >= CLOCK_SET ? at_most((s->date - s->modified) / HEURISTIC_PART, DAY) : 0;
}

static void set_stale(struct fresh_stored *s, const struct fresh_control *c, const struct fresh_rule *rule)
{
	s->no_stale = c->must_revalidate || c->proxy_revalidate || c->s_maxage >= 0;
	s->stale_while = s->stale_error = 0;
	if (s->no_stale || s->validate)
		return; /* RFC 9111 4.2.4 */
	s->stale_while = c->stale_while >= 0 ? c->stale_while : s->lifetime ? rule->stale_while : 0;
	s->stale_error = c->stale_error >= 0 ? c->stale_error : rule->stale_error;
}

/* Could it ever be used? Servers answer 304 for what would be a 2xx only (RFC 9110 13.2.1). */
static bool is_useful(const struct fresh_stored *s, const struct head *answer, int64_t now)
{
	int32_t stale = s->stale_while > s->stale_error ? s->stale_while : s->stale_error;

	if (s->status < 300 && (s->modified || fresh_is_etag(fresh_single(answer, FIELD_ETAG))))
		return true;
	return !s->validate && fresh_ttl(s, now) + stale > 0;
}

/* --- may it be stored? ---------------------------------------------------------------------- */

static void set_common(struct fresh_stored *s, const struct head *answer, const struct fresh_times *t)
{
	memset(s, 0, sizeof *s);
	s->status = answer->status;
	if (!date_of(answer, t->clock, &s->date))
		s->date = t->clock;
	if (!moment_of(answer, FIELD_LAST_MODIFIED, t->clock, &s->modified) || s->modified < 0)
		s->modified = 0;
}

/* What forbids it whatever lifetime it has, when the server is obeyed (RFC 9111 3). */
static const char *forbidden(const struct fresh_control *c, const struct head *answer, const struct fresh_rule *rule)
{
	if (c->no_store && !c->must_understand) /* which we do, or are not here (5.2.2.3) */
		return "no-store";
	if (c->private_all)
		return "private";
	if (head_has(answer, FIELD_SET_COOKIE) && rule->cookies == FRESH_COOKIES_REFUSE)
		return "Set-Cookie";
	return NULL;
}

/* RFC 9111 3.5; and what came for a Cookie without a word about caching is personal. */
static const char *not_for_others(const struct fresh_stored *s, enum fresh_asker asker)
{
	if (asker == FRESH_AUTHORISED && !s->for_all)
		return "Authorization";
	return asker == FRESH_COOKIE && !s->told ? "Cookie" : NULL;
}

static const char *obey(struct fresh_stored *s, enum fresh_asker asker, const struct head *answer, const struct fresh_rule *rule, const struct fresh_times *t)
{
	struct fresh_control c;
	const char *why;
	int32_t said;
	bool guess;

	fresh_control(&c, answer);
	why = forbidden(&c, answer, rule);
	if (why)
		return why;
	said = lifetime_said(&c, answer, s, t);
	guess = is_heuristic(s->status) || c.public_all;
	if (said < 0 && !guess)
		return "no lifetime";
	s->born = born(answer, t);
	s->lifetime = said >= 0 ? said : lifetime_guessed(s, rule);
	s->validate = c.no_cache;
	s->immutable = c.immutable && said > 0;
	/* That it must be validated says who may have it only if it is, or if its lifetime was said. */
	s->for_all = c.public_all || (c.shared && (said >= 0 || c.no_cache));
	s->told = c.public_all || said > 0;
	set_stale(s, &c, rule);
	why = not_for_others(s, asker);
	if (!why && !is_useful(s, answer, t->answered))
		why = "no lifetime";
	return why;
}

static void force(struct fresh_stored *s, const struct fresh_rule *rule, const struct fresh_times *t)
{
	s->born = t->answered;
	s->lifetime = rule->lifetime;
	s->stale_while = rule->stale_while;
	s->stale_error = rule->stale_error;
	s->for_all = s->told = true;
}

const char *fresh_store(struct fresh_stored *s, const struct head *asked, enum fresh_asker asker, const struct head *answer,
			const struct fresh_rule *rule, const struct fresh_times *t)
{
	if (rule->mode == FRESH_OFF)
		return "off";
	if (!may_be_kept(answer->status))
		return "status";
	if (asks_no_store(asked))
		return "no-store asked";
	if (fresh_vary_forbids(answer))
		return "Vary";
	set_common(s, answer, t);
	if (rule->mode == FRESH_FORCE && (answer->status >= 400 || !is_heuristic(answer->status)))
		return "status"; /* an error, or the way to a log-in page */
	if (rule->mode != FRESH_FORCE)
		return obey(s, asker, answer, rule, t);
	force(s, rule, t);
	return NULL;
}

/* --- which fields of it --------------------------------------------------------------------- */

static bool is_proxys_own(const struct head *answer, unsigned i)
{
	switch (answer->fields[i].id) {
	case FIELD_PROXY_AUTHENTICATE:
	case FIELD_PROXY_AUTHORIZATION:
		return true;
	default:
		return span_same(head_name(answer, i), SPAN("Proxy-Authentication-Info"));
	}
}

static bool is_named(const struct head *answer, struct span name)
{
	struct fresh_control c;

	if (!head_has(answer, FIELD_CACHE_CONTROL) && !head_has(answer, FIELD_CDN_CACHE_CONTROL))
		return false;
	fresh_control(&c, answer);
	for (unsigned n = 0; n < c.count; n++)
		while (c.names[n].len)
			if (span_same(span_trim(span_cut(&c.names[n], ',')), name))
				return true;
	return false;
}

bool fresh_leaves_out(const struct head *answer, unsigned i, const struct fresh_rule *rule)
{
	if (answer->fields[i].id == FIELD_AGE || is_proxys_own(answer, i))
		return true;
	if (answer->fields[i].id == FIELD_SET_COOKIE && rule->cookies != FRESH_COOKIES_KEEP)
		return true;
	return rule->mode != FRESH_FORCE && is_named(answer, head_name(answer, i));
}

/* --- may it be used? --------------------------------------------------------------------------- */

static inline int64_t ms_of(int32_t seconds)
{
	return (int64_t)seconds * 1000;
}

int64_t fresh_age(const struct fresh_stored *s, int64_t now)
{
	return now > s->born ? (now - s->born) / 1000 : 0;
}

int64_t fresh_ttl(const struct fresh_stored *s, int64_t now)
{
	return s->lifetime - fresh_age(s, now);
}

/* It is fresh; is it fresh enough for the client (RFC 9111 5.2.1)? max-age=0 is a reload: no
 * age is little enough. */
static inline bool suits(const struct fresh_stored *s, const struct fresh_wish *w, int64_t age, int64_t left)
{
	if (w->max_age >= 0 && (w->max_age == 0 || age > ms_of(w->max_age)) && !(s->immutable && left > 0))
		return false;
	return w->min_fresh == 0 || left >= ms_of(w->min_fresh);
}

enum fresh_use fresh_use(const struct fresh_stored *s, const struct fresh_wish *w, enum fresh_asker asker, int64_t now)
{
	int64_t age = now - s->born, left = ms_of(s->lifetime) - age;

	if ((asker == FRESH_AUTHORISED && !s->for_all) || (asker == FRESH_COOKIE && !s->told))
		return FRESH_FOREIGN;
	if (s->validate || w->no_cache || !suits(s, w, age, left))
		return FRESH_VALIDATE;
	if (left > 0)
		return FRESH_HIT;
	if (s->no_stale)
		return FRESH_VALIDATE;
	if (-left < ms_of(s->stale_while))
		return FRESH_HIT_BEHIND;
	return w->max_stale >= 0 && -left <= ms_of(w->max_stale) ? FRESH_HIT_STALE : FRESH_VALIDATE;
}

bool fresh_on_error(const struct fresh_stored *s, const struct fresh_wish *w, int64_t now)
{
	int64_t left = ms_of(s->lifetime) - (now - s->born);

	if (s->validate || w->no_cache)
		return false;
	return left > 0 || (!s->no_stale && -left < ms_of(s->stale_error));
}

/* SPDX-License-Identifier: MIT
 *
 * limit - how much may one client ask for?
 *
 * Who says a limit begins a count of his own: routes that inherit one share it.
 */
#include "config_limit.h"

enum {
	MOST_A_SECOND = 1000,
	SECOND = 16000,                 /* in units of struct limit */
	FILLS = 24 * 60 * 60            /* s until a bucket is full again, at most */
};
#define BANDWIDTH_LEAST 1024
#define BANDWIDTH_MOST (INT64_C(1) << 40)

/* --- requests ---------------------------------------------------------------- */

struct rate {
	int64_t number;  /* of requests */
	int64_t seconds; /* in so many */
};

/* "10/s", "100/m", "1000/h" */
static bool read_rate(struct span s, struct rate *r)
{
	struct span number = span_cut(&s, '/');

	r->seconds = span_is(s, SPAN("s")) ? 1 : span_is(s, SPAN("m")) ? 60 : span_is(s, SPAN("h")) ? 3600 : 0;
	return word_number(number, &r->number) && r->number > 0 && r->number <= MOST_A_SECOND * r->seconds;
}

/* What stands behind the rate. False after a fault. */
static bool read_burst(struct faults *f, const struct setting *s, struct span rest, int64_t *burst)
{
	struct span word;

	while (word_next(f, s->line, &rest, &word)) {
		if (!span_starts(word, SPAN("burst="))) {
			fault_at(f, s->line, "limit: unknown word '%.*s': there is burst=", SHOW(word));
			return false;
		}
		if (*burst) {
			fault_at(f, s->line, "limit: burst is said twice");
			return false;
		}
		if (!key_read(f, s->line, key_of(KEY_BURST), span_of(word.at + 6, word.len - 6), burst))
			return false;
	}
	return true;
}

static struct span compose(struct arena *a, struct span rate, int64_t burst)
{
	size_t size = rate.len + 32;
	struct text t = text_in(arena_take(a, size), size);

	text_span_add(&t, rate);
	text_lit(&t, " burst=");
	text_number(&t, (uint64_t)burst);
	return text_span(&t);
}

static const struct limit *make_limit(struct draft *d, int line, struct span text, const struct rate *r, int64_t burst)
{
	int64_t interval = (SECOND * r->seconds + r->number / 2) / r->number;
	int64_t most = (int64_t)SECOND * FILLS / interval;
	struct limit *new = ARENA_NEW(d->faults->arena, struct limit);

	if (burst > most)
		fault_at(d->faults, line, "limit: at %.*s a burst of %lld would be possible once in more than a day; at most %lld", SHOW(text), (long long)burst,
			 (long long)most);
	new->interval = (uint32_t)interval;
	new->burst = (uint32_t)burst;
	new->number = ++d->rules;
	new->text = compose(d->faults->arena, text, burst);
	return new;
}

/* NULL: there is none, or it was a fault. */
static const struct limit *read_limit(struct draft *d, const struct setting *s, const struct setting *burst_key)
{
	int64_t burst = burst_key ? burst_key->number : 0;
	struct span rest = s->text, word = rest;
	struct rate rate;

	if (span_is(s->text, SPAN("off"))) {
		if (burst_key)
			fault_at(d->faults, burst_key->line, "'burst' belongs to a 'limit', and that is off");
		return NULL;
	}
	if (!word_next(d->faults, s->line, &rest, &word) || !read_rate(word, &rate)) {
		fault_at(d->faults, s->line, "limit: '%.*s' is neither off nor a rate such as 10/s, 100/m or 1000/h, at most %d/s", SHOW(word), MOST_A_SECOND);
		return NULL;
	}
	if (!read_burst(d->faults, s, rest, &burst))
		return NULL;
	return make_limit(d, s->line, word, &rate, burst ? burst : rate.number);
}

static void inherit_limit(struct draft *d, struct options *o, const struct level *own)
{
	const struct setting *limit = level_get(own, KEY_LIMIT), *burst = level_get(own, KEY_BURST);

	if (limit)
		o->limit = read_limit(d, limit, burst);
	else if (burst)
		fault_at(d->faults, burst->line, "'burst' belongs to a 'limit', and there is none beside it");
}

/* --- requests at a time, and bytes ------------------------------------------------ */

static void inherit_crowd(struct draft *d, struct options *o, const struct level *own)
{
	const struct setting *s = level_get(own, KEY_CONNECTIONS);
	struct crowd *new;

	if (!s)
		return;
	o->crowd = NULL;
	if (!s->number)
		return;
	new = ARENA_NEW(d->faults->arena, struct crowd);
	*new = (struct crowd){(uint32_t)s->number, ++d->rules};
	o->crowd = new;
}

static void inherit_bandwidth(struct faults *f, struct options *o, const struct level *own)
{
	const struct setting *s = level_get(own, KEY_BANDWIDTH);
	int64_t bytes = 0;

	if (!s)
		return;
	o->bandwidth = 0;
	if (span_is(s->text, SPAN("off")))
		return;
	if (s->text.len < 2 || !span_ends_same(s->text, SPAN("/s")) || !word_size(span_of(s->text.at, s->text.len - 2), &bytes) ||
	    bytes < BANDWIDTH_LEAST || bytes > BANDWIDTH_MOST)
		fault_at(f, s->line, "bandwidth: '%.*s' is neither off nor a rate from 1k/s to 1024G/s, such as 1M/s", SHOW(s->text));
	o->bandwidth = (uint64_t)bytes;
}

void limit_inherit(struct draft *d, struct options *o, const struct level *own)
{
	inherit_limit(d, o, own);
	inherit_crowd(d, o, own);
	inherit_bandwidth(d->faults, o, own);
	o->max_body = (uint64_t)level_number(own, KEY_MAX_BODY, (int64_t)o->max_body);
}

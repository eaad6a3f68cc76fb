/* SPDX-License-Identifier: MIT
 *
 * exchange_limit - is this one request too many, or too large?
 *
 * Who asks is the client, as trusted proxies name it, not the connection: behind
 * a proxy all clients share that. What is counted is counted in share, over all
 * workers.
 */
#include "exchange_parts.h"

static const struct refusal too_often = {429, "more requests than limit allows"};
static const struct refusal too_many = {429, "more requests at a time than connections allows"};
static const struct refusal too_large = {413, "the request body is larger than max_body"};

/* May be tried again after so many ms. */
static void refuse_for_now(struct exchange *x, const struct refusal *why, uint32_t ms)
{
	char room[40];
	struct text fields = text_in(room, sizeof room);
	struct page page = {.status = why->status};

	if (exchange_is_misdialled(x)) {
		exchange_refuse(x, why);
		return;
	}
	text_lit(&fields, "Retry-After: ");
	text_number(&fields, ((uint64_t)ms + 999) / 1000);
	text_lit(&fields, "\r\n");
	page.fields = text_span(&fields);
	x->r.why = why->text;
	exchange_reply(x, &page);
}

static bool is_too_often(struct exchange *x, const struct limit *limit)
{
	struct limit_rate rate = {limit->interval, limit->burst};
	uint32_t wait = share_rate(x->env->share, &x->r.client, limit->number, rate, x->env->now_us);

	if (wait)
		refuse_for_now(x, &too_often, wait);
	return wait > 0;
}

static bool is_one_too_many(struct exchange *x, const struct crowd *crowd)
{
	if (!x->r.crowded)
		x->r.crowded = share_peer_in(x->env->share, x->env->slot_number, &x->r.client, crowd->number, crowd->most);
	if (!x->r.crowded)
		refuse_for_now(x, &too_many, 1000);
	return !x->r.crowded;
}

bool exchange_is_over_limit(struct exchange *x)
{
	const struct options *o = &x->r.route->options;

	if (o->limit && is_too_often(x, o->limit))
		return true;
	if (o->max_body && x->r.frame.kind == BODY_LENGTH && x->r.frame.length > o->max_body) {
		exchange_refuse(x, &too_large);
		return true;
	}
	return o->crowd && is_one_too_many(x, o->crowd);
}

void exchange_leave_crowd(struct exchange *x)
{
	share_peer_out(x->env->share, x->env->slot_number, &x->r.client, x->r.route->options.crowd->number);
	x->r.crowded = false;
}

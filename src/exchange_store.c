/* SPDX-License-Identifier: MIT
 *
 * exchange_store - what does the server's answer mean for the cache?
 *
 * It may say that what we have still holds, be stored, or make room for what is
 * stale. Once it is to be stored, its body goes into the cache and all clients read it
 * there, the one that asked for it too: so one that is slow, or leaves, hinders nobody.
 */
#include "exchange_keep.h"

static const struct refusal long_answer = {502, "the response head is too long"};

static bool is_failure(int status)
{
	return status == 500 || status == 502 || status == 503 || status == 504;
}

/* --- may it be stored? ------------------------------------------------------------------- */

static struct fresh_times times_of(const struct exchange *x)
{
	return (struct fresh_times){.clock = x->env->clock, .asked = x->r.asked_us / 1000, .answered = x->env->now};
}

/* Does Vary name a field that is not the client's to set: what the server is told about
 * users stands there, and no later request can be compared by it? */
static bool varies_by_ours(const struct exchange *x)
{
	const struct edits *edits = &x->r.route->options.request;
	const struct head *h = &x->answered;
	struct span list, name;

	for (unsigned i = 0; i < h->count && edits->count; i++) {
		if (h->fields[i].id != FIELD_VARY)
			continue;
		list = head_value(h, i);
		while (span_item(&list, &name))
			for (size_t n = 0; n < edits->count; n++)
				if (edits->at[n].remove && span_same(edits->at[n].name, name))
					return true;
	}
	return false;
}

/* Events and moving pictures: each client's begin when it comes. */
static bool is_endless(const struct head *h)
{
	struct span type = head_get(h, FIELD_CONTENT_TYPE);

	return span_starts_same(type, SPAN("text/event-stream")) || span_starts_same(type, SPAN("multipart/x-mixed-replace"));
}

/* NULL: it may be stored. Static text. */
static const char *why_not(struct exchange *x, struct fresh_stored *s)
{
	struct fresh_times times = times_of(x);

	if (is_endless(&x->answered))
		return "a stream";
	if (varies_by_ours(x))
		return "Vary";
	return fresh_store(s, &x->asked, x->r.keep->asker, &x->answered, &x->r.keep->rule->fresh, &times);
}

/* --- nothing new (RFC 9111 4.3) -------------------------------------------------------- */

/* Is this 304 about another representation than the one we asked about? */
static bool is_about_another(struct exchange *x)
{
	const struct fresh_stored *s = &x->r.keep->found.stored;
	struct span theirs = head_get(&x->answered, FIELD_ETAG);
	struct text room = text_in(x->out, GW_HEAD_OUT);

	if (theirs.len == 0 || s->etag_len == 0)
		return false;
	cache_head(&x->env->cache, &x->r.keep->found, &room);
	return !fresh_same_etag(theirs, span_of(room.at + s->etag_at, s->etag_len));
}

/* What Vary asks of later requests, by this head text (status line and fields). False: nobody can tell. */
static bool read_vary(struct exchange *x, struct text *head, struct text *out)
{
	text_lit(head, "\r\n");
	if (head->full || head->len > GW_HEAD || head_response(&x->answered, head->at, head->len))
		return false;
	fresh_vary(out, &x->asked, &x->answered);
	return !out->full;
}

/* The stored head with what the 304 says anew; its Age counts, but is not stored. False:
 * it is not to be kept any longer. */
static bool refresh(struct exchange *x)
{
	struct keep *k = x->r.keep;
	char vary_room[2][KEEP_VARY];
	struct text vary[2] = {text_in(vary_room[0], KEEP_VARY), text_in(vary_room[1], KEEP_VARY)};
	struct text old = text_in(x->out, GW_HEAD_OUT / 2), new = text_in(x->out + GW_HEAD_OUT / 2, GW_HEAD_OUT / 2);
	struct fresh_stored s;
	struct span head;

	cache_head(&x->env->cache, &k->found, &old);
	rewrite_refresh(&new, text_span(&old), &x->answered, &x->r.answer, &k->rule->fresh, log_http_date(x->env->clock));
	head = text_span(&new);
	if (head_has(&x->answered, FIELD_AGE)) {
		text_lit(&new, "Age: ");
		text_span_add(&new, head_get(&x->answered, FIELD_AGE));
		text_lit(&new, "\r\n");
	}
	/* the key of what is stored must not change under it */
	if (!read_vary(x, &old, &vary[0]) || !read_vary(x, &new, &vary[1]) || !span_is(text_span(&vary[0]), text_span(&vary[1])))
		return false;
	if (why_not(x, &s))
		return false;
	fresh_validators(&s, head);
	return cache_refresh(&x->env->cache, &k->found, &s, head);
}

static void take_not_modified(struct exchange *x)
{
	struct keep *k = x->r.keep;

	if (is_about_another(x)) {
		cache_forget(&x->env->cache, &k->found);
		keep_unpin(x);
		k->validates = false;
		exchange_retry_fresh(x); /* without conditions */
		return;
	}
	if (!refresh(x)) { /* it is good for this once */
		cache_forget(&x->env->cache, &k->found);
		k->found.stored.born = x->env->now;
	}
	cache_state(&x->env->cache, &k->found);
	keep_end_fill(x, CACHE_BROKEN); /* who waited looks again */
	exchange_leave_server(x);
	k->word = "revalidated";
	if (x->r.errand)
		exchange_over(x, EXCHANGE_CLOSE);
	else
		exchange_serve(x);
}

/* --- something stale is better than nothing (RFC 5861 4) -------------------------------- */

bool exchange_rescue(struct exchange *x, const char *why)
{
	struct keep *k = x->r.keep;

	if (!GW_HAS(CACHE))
		return false;
	if (k->found.pin.entry == CACHE_NONE || k->stored || x->r.interim)
		return false;
	cache_hold(&x->env->cache, &k->found, x->env->now);
	if (x->r.errand || !fresh_on_error(&k->found.stored, &k->wish, x->env->now))
		return false;
	keep_end_fill(x, CACHE_BROKEN);
	exchange_drop_server(x);
	k->detail = why;
	k->word = "stale";
	cache_note(&x->env->cache, CACHE_STALE);
	exchange_serve(x);
	return true;
}

/* --- something new ------------------------------------------------------------------------ */

static uint64_t length_of(const struct frame *f)
{
	if (f->kind == BODY_NONE)
		return 0;
	return f->kind == BODY_LENGTH ? f->length : UINT64_MAX;
}

/* The place for it in the cache: promised already, or to be had now. */
static bool take_place(struct exchange *x)
{
	struct keep *k = x->r.keep;
	struct text room = text_in(x->out, GW_HEAD_OUT);
	struct cache_key key;
	uint32_t reader;

	if (k->fill.entry)
		return true;
	key = keep_key(x, &room);
	if (room.full)
		return false;
	reader = keep_reader(x->env);
	if (!cache_begin(&x->env->cache, &key, reader, x->env->now, &k->fill)) {
		k->fill.entry = CACHE_NONE;
		keep_return_reader(x->env, reader);
		return false;
	}
	/* what was asked for before a change may be from before it */
	if (cache_epoch(&x->env->cache, span_of(key.text.at, key.url)) == k->epoch)
		return true;
	keep_end_fill(x, CACHE_BROKEN);
	return false;
}

/* Head and Vary stand in x->out until they are in the cache. */
static bool write_head(struct exchange *x, struct fresh_stored *s)
{
	struct keep *k = x->r.keep;
	struct text head = text_in(x->out, GW_HEAD_OUT), vary;

	rewrite_store(&head, &x->answered, &x->r.answer, &k->rule->fresh, log_http_date(x->env->clock));
	if (head.full || head.len > GW_HEAD)
		return false;
	fresh_validators(s, text_span(&head));
	vary = text_in(x->out + head.len, GW_HEAD_OUT - head.len);
	fresh_vary(&vary, &x->asked, &x->answered);
	if (vary.full)
		return false;
	if (!cache_fill_head(&x->env->cache, &k->fill, s, text_span(&vary), text_span(&head), length_of(&x->r.answer), k->rule->object, x->env->now)) {
		keep_return_reader(x->env, k->fill.reader); /* it has ended that already */
		x->env->cache_moved = true;
		return false;
	}
	x->env->cache_moved = true;
	return true;
}

/* Who asked reads what is written. */
static void follow(struct exchange *x)
{
	struct keep *k = x->r.keep;

	keep_unpin(x);
	k->stored = true;
	if (!x->r.errand)
		cache_follow(&x->env->cache, &k->fill, keep_reader(x->env), &k->found);
}

/* The client's head is composed from what the server said, not from what is stored. */
static void answer(struct exchange *x)
{
	bool unknown = length_of(&x->r.answer) == UINT64_MAX, chunked = unknown && x->asked.version >= 11;
	struct span head;

	exchange_pass_body_over(x);
	x->r.close |= x->env->draining || (unknown && !chunked);
	if (exchange_compose_answer(x, chunked, false, &head))
		exchange_serve_body(x, head, chunked);
	else
		exchange_refuse(x, &long_answer);
}

/* Its own condition has not gone up, ours has: does it fit the new answer? */
static bool is_what_the_client_has(struct exchange *x)
{
	const struct fresh_stored *s = &x->r.keep->found.stored;
	struct text head = text_in(x->out, GW_HEAD_OUT);
	uint64_t first, last;

	if (s->status != 200)
		return false;
	cache_head(&x->env->cache, &x->r.keep->found, &head);
	return fresh_part(&x->asked, s, span_of(head.at + s->etag_at, s->etag_len), x->r.keep->found.length, &first, &last) == FRESH_NOT_MODIFIED;
}

/* False: it cannot be, and nothing has been taken. */
static bool store(struct exchange *x, struct fresh_stored *s)
{
	const struct frame *f = &x->r.answer;
	struct keep *k = x->r.keep;
	bool whole = f->kind == BODY_NONE || (f->kind == BODY_LENGTH && f->length <= buf_held(&x->back));
	struct exchange *errand = NULL;

	if (!take_place(x))
		return false;
	if (!whole && !x->r.errand && !(errand = exchange_errand(x)))
		return false;
	if (!write_head(x, s)) {
		if (errand)
			exchange_over(errand, EXCHANGE_CLOSE);
		return false;
	}
	follow(x);
	body_init(&x->r.down_flow.body, f->kind, f->length);
	if (errand) {
		exchange_hand_over(x, errand);
	} else if (!whole) {
		exchange_enter(x, EXCHANGE_FILL);
		return true;
	} else if (exchange_fill_some(x)) {
		keep_end_fill(x, CACHE_WHOLE);
		exchange_leave_server(x);
	}
	if (x->r.errand) {
		exchange_over(x, EXCHANGE_CLOSE);
		return true;
	}
	k->found.state = (uint8_t)cache_state(&x->env->cache, &k->found);
	if (k->validates && is_what_the_client_has(x))
		exchange_serve(x);
	else
		answer(x);
	return true;
}

static uint64_t most_of(const struct exchange *x)
{
	return x->r.keep->rule->object ? x->r.keep->rule->object : x->env->config->cache / 8;
}

/* It is not stored. Is that so for all who ask, then nobody waits for the next one; else who has waited tries. */
static void tell_others(struct exchange *x)
{
	struct keep *k = x->r.keep;
	uint64_t length = length_of(&x->r.answer);
	bool for_all = k->detail && k->asker == FRESH_ANYBODY && !is_failure(x->answered.status);

	if (!k->detail)
		k->detail = length != UINT64_MAX && length > most_of(x) ? "too long" : "no room";
	if (for_all)
		take_place(x); /* known before already, it is remembered for longer */
	keep_end_fill(x, for_all ? CACHE_PASS : CACHE_BROKEN);
}

/* Does this answer say how it is with what was asked for, not with the one who asked? */
static bool is_about_target(int status)
{
	return status < 400 || status == 404 || status == 410;
}

bool exchange_keep_answer(struct exchange *x)
{
	struct keep *k = x->r.keep;
	int status = x->answered.status;
	struct fresh_stored s;

	if (!GW_HAS(CACHE))
		return false;
	if (k->invalidates && status < 400)
		keep_invalidate(x);
	k->fwd_status = (uint16_t)status;
	if (!k->cached)
		return false;
	if (k->validates && status == 304) {
		take_not_modified(x);
		return true;
	}
	if (is_failure(status) && exchange_rescue(x, NULL))
		return true;
	if (k->may_store && x->r.up_over) {
		k->detail = why_not(x, &s);
		if (!k->detail && store(x, &s))
			return true;
		tell_others(x);
	}
	if (k->found.pin.entry && x->asked.method == METHOD_GET && is_about_target(status))
		cache_forget(&x->env->cache, &k->found);
	keep_end_fill(x, CACHE_BROKEN);
	keep_unpin(x);
	if (x->r.errand)
		exchange_over(x, EXCHANGE_CLOSE);
	return x->r.errand;
}

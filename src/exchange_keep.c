/* SPDX-License-Identifier: MIT
 *
 * exchange_keep - is there an answer already, or is somebody getting it?
 *
 * Between who may pass and which server is asked. An exchange has at most two
 * holds on the cache: what it has pinned to send, validate or wait for, and what it writes.
 */
#include "exchange_keep.h"

enum { JOINS = 2 }; /* times that a request waits for others before it asks for itself */

/* --- holds ----------------------------------------------------------------------------- */

struct keep *keep_begin(struct exchange *x)
{
	struct keep *k = x->keep_room;

	memset(k, 0, offsetof(struct keep, conditions_room));
	k->rule = x->r.route->options.cache;
	x->r.keep = k;
	return k;
}

uint32_t keep_reader(struct env *env)
{
	return env->readers[--env->reader_count];
}

void keep_return_reader(struct env *env, uint32_t reader)
{
	env->readers[env->reader_count++] = reader;
}

void keep_unpin(struct exchange *x)
{
	struct cache_pin *pin = &x->r.keep->found.pin;
	uint32_t reader = pin->reader;

	if (pin->entry == CACHE_NONE)
		return;
	if (x->r.keep->found.state != CACHE_WHOLE)
		x->env->cache_moved = true;
	cache_unpin(&x->env->cache, pin);
	pin->entry = CACHE_NONE;
	keep_return_reader(x->env, reader);
}

void keep_end_fill(struct exchange *x, enum cache_state how)
{
	struct cache_fill *f = &x->r.keep->fill;

	if (f->entry == CACHE_NONE)
		return;
	if (how == CACHE_WHOLE)
		cache_fill_done(&x->env->cache, f);
	else
		cache_fill_end(&x->env->cache, f, how, x->env->now);
	f->entry = CACHE_NONE;
	keep_return_reader(x->env, f->reader);
	x->env->cache_moved = true;
}

void exchange_keep_end(struct exchange *x)
{
	if (!GW_HAS(CACHE))
		return;
	keep_end_fill(x, CACHE_BROKEN);
	keep_unpin(x);
}

struct span keep_head(struct exchange *x)
{
	struct text text = text_in(x->back.data, x->back.size);

	cache_head(&x->env->cache, &x->r.keep->found, &text);
	return text_span(&text);
}

void keep_set_conditions(struct exchange *x)
{
	struct keep *k = x->r.keep;
	const struct fresh_stored *s = &k->found.stored;
	struct text *t = &k->conditions;
	struct span head = keep_head(x);

	*t = text_in(k->conditions_room, sizeof k->conditions_room);
	if (s->etag_len) {
		text_lit(t, "If-None-Match: ");
		text_add(t, head.at + s->etag_at, s->etag_len);
		text_lit(t, "\r\n");
	}
	if (s->modified_len) {
		text_lit(t, "If-Modified-Since: ");
		text_add(t, head.at + s->modified_at, s->modified_len);
		text_lit(t, "\r\n");
	}
	k->validates = t->len && !t->full;
}

/* --- asking the server ---------------------------------------------------------------------- */

static bool is_conditional(const struct exchange *x)
{
	return head_has(&x->asked, FIELD_IF_NONE_MATCH) || head_has(&x->asked, FIELD_IF_MODIFIED_SINCE);
}

/* Would others do with the answer, and is it worth their while to wait for it? Who insists on
 * a fresh one neither waits nor is waited for, and what is to be validated by each is. */
static bool may_lead(const struct exchange *x)
{
	const struct keep *k = x->r.keep;

	if (!k->may_store || k->joins >= JOINS || k->wish.no_cache || k->wish.max_age >= 0)
		return false;
	if (k->found.pin.entry)
		return !k->found.stored.validate && k->found.stored.lifetime > 0 && (k->validates || !is_conditional(x));
	return k->asker == FRESH_ANYBODY && !is_conditional(x); /* what others get is most often theirs alone */
}

/* Nothing that is stored will do. True: it waits for another one's answer. */
static bool ask(struct exchange *x, const struct cache_key *key)
{
	struct keep *k = x->r.keep;
	struct cache_found other;
	uint32_t reader;

	k->may_store = x->asked.method == METHOD_GET && !k->wish.no_store && (!k->part || k->validates);
	k->epoch = cache_epoch(&x->env->cache, span_of(key->text.at, key->url));
	if (!may_lead(x))
		return false;
	reader = keep_reader(x->env);
	switch (cache_promise(&x->env->cache, key, reader, x->env->now, &k->fill, &other)) {
	case CACHE_LEAD:
		return false;
	case CACHE_JOIN:
		keep_unpin(x);
		k->found = other;
		k->joins++;
		k->validates = false;
		x->r.up_over = true; /* as long as it waits */
		exchange_enter(x, EXCHANGE_JOIN);
		return true;
	default:
		k->fill.entry = CACHE_NONE;
		keep_return_reader(x->env, reader);
		return false;
	}
}

/* --- looking ----------------------------------------------------------------------------------- */

/* What is pinned, as far as this request goes. In the middle of a body that is still coming nobody can begin. */
static enum fresh_use use_of(const struct exchange *x)
{
	const struct keep *k = x->r.keep;
	enum fresh_use use;

	if (k->part && k->found.state != CACHE_WHOLE)
		return FRESH_FOREIGN;
	use = fresh_use(&k->found.stored, &k->wish, k->asker, x->env->now);
	return use == FRESH_VALIDATE && k->found.state != CACHE_WHOLE ? FRESH_FOREIGN : use;
}

static void serve_as(struct exchange *x, const char *word, enum cache_count count)
{
	struct keep *k = x->r.keep;

	k->collapsed = k->joins > 0;
	k->fwd = !k->collapsed ? KEEP_FWD_NONE : k->fwd == KEEP_FWD_STALE ? KEEP_FWD_STALE : KEEP_FWD_URI;
	k->word = k->collapsed ? "collapsed" : word;
	cache_note(&x->env->cache, k->collapsed ? CACHE_COLLAPSED : count);
	exchange_serve(x);
}

/* Something is pinned. True: that is the answer. */
static bool use(struct exchange *x)
{
	struct keep *k = x->r.keep;

	enum fresh_use how = use_of(x);

	if (how == FRESH_HIT_BEHIND && !k->found.held && !exchange_may_send_errand(x))
		how = FRESH_VALIDATE;
	switch (how) {
	case FRESH_HIT:
		serve_as(x, "hit", CACHE_HITS);
		return true;
	case FRESH_HIT_STALE:
		serve_as(x, "stale", CACHE_STALE);
		return true;
	case FRESH_HIT_BEHIND:
		if (!k->found.held)
			exchange_validate_behind(x);
		serve_as(x, "stale", CACHE_STALE);
		return true;
	case FRESH_VALIDATE:
		if (k->wish.no_store) { /* what it brings must leave no trace */
			keep_unpin(x);
			return false;
		}
		if (k->joins && k->found.held && fresh_on_error(&k->found.stored, &k->wish, x->env->now)) {
			serve_as(x, "stale", CACHE_STALE); /* the server has just failed the one we waited for */
			return true;
		}
		k->fwd = fresh_ttl(&k->found.stored, x->env->now) > 0 ? KEEP_FWD_REQUEST : KEEP_FWD_STALE;
		k->word = "expired";
		keep_set_conditions(x);
		return false;
	default:
		keep_unpin(x);
		k->fwd = KEEP_FWD_MISS;
		return false;
	}
}

/* Only what is stored was asked for (RFC 9111 5.2.1.7). */
static void refuse(struct exchange *x)
{
	char room[KEEP_STATUS + 32 + GW_COPIED / 2];
	struct text fields = text_in(room, sizeof room);
	struct page page = {.status = 504};

	x->r.why = "only what is stored was asked for, and nothing is";
	text_lit(&fields, "Cache-Status: ");
	text_span_add(&fields, exchange_cache_status(x));
	text_lit(&fields, "\r\n");
	if (x->r.guard)
		text_span_add(&fields, text_span(&x->r.guard->down));
	page.fields = text_span(&fields);
	exchange_reply(x, &page);
}

/* True: it is answered, or waits for another one's answer. */
static bool look(struct exchange *x)
{
	struct keep *k = x->r.keep;
	struct text room = text_in(x->out, GW_HEAD_OUT);
	struct cache_key key = keep_key(x, &room);
	uint32_t reader;

	k->fwd = KEEP_FWD_URI;
	k->word = "miss";
	k->may_store = false;
	if (room.full)
		return false;
	reader = keep_reader(x->env);
	if (!cache_look(&x->env->cache, &key, &x->asked, reader, x->env->now, &k->found)) {
		k->found.pin.entry = CACHE_NONE;
		k->fwd = k->found.others ? KEEP_FWD_VARY : KEEP_FWD_URI;
		keep_return_reader(x->env, reader);
	} else if (use(x)) {
		return true;
	}
	if (k->wish.only_if_cached) {
		refuse(x);
		return true;
	}
	if (ask(x, &key))
		return true;
	cache_note(&x->env->cache, k->found.pin.entry ? CACHE_EXPIRED : CACHE_MISSES);
	return false;
}

/* Changes nothing, as its registration says; of one that is not known nobody knows (RFC 9111 4.4). */
static bool is_safe(const struct head *h)
{
	switch (h->method) {
	case METHOD_GET:
	case METHOD_HEAD:
	case METHOD_OPTIONS:
		return true;
	case METHOD_OTHER:
		return span_is(h->name, SPAN("PROPFIND")) || span_is(h->name, SPAN("REPORT")) || span_is(h->name, SPAN("SEARCH")) || span_is(h->name, SPAN("QUERY"));
	default:
		return false;
	}
}

bool exchange_keep(struct exchange *x)
{
	const struct cache_rule *rule = x->r.route->options.cache;
	enum method method = x->asked.method;
	struct keep *k;

	if (!GW_HAS(CACHE))
		return false;
	if (!x->env->cache.arena || (!rule && is_safe(&x->asked)))
		return false;
	k = keep_begin(x);
	k->invalidates = !is_safe(&x->asked);
	if (!rule)
		return false;
	if ((method != METHOD_GET && method != METHOD_HEAD) || !keep_is_plain(x)) {
		k->fwd = method == METHOD_GET || method == METHOD_HEAD ? KEEP_FWD_BYPASS : KEEP_FWD_METHOD;
		k->word = "bypass";
		cache_note(&x->env->cache, CACHE_BYPASSED);
		return false;
	}
	k->cached = true;
	k->part = head_has(&x->asked, FIELD_RANGE) && method == METHOD_GET;
	fresh_wish(&k->wish, &x->asked, &rule->fresh);
	k->asker = keep_asker(x);
	keep_one_host(x);
	keep_reduce_query(x);
	return look(x);
}

/* --- waiting for another one's answer -------------------------------------------------------------- */

void exchange_step_join(struct exchange *x)
{
	if (!GW_HAS(CACHE))
		return;

	struct keep *k = x->r.keep;
	enum cache_state state = cache_state(&x->env->cache, &k->found);

	if (state == CACHE_PROMISED) {
		if (!exchange_watch_client(x))
			return;
		k->look_at = k->found.ours ? 0 : x->env->now + KEEP_LOOK_MS;
		return;
	}
	k->look_at = 0;
	k->found.state = (uint8_t)state;
	if ((state == CACHE_FILLING || state == CACHE_WHOLE) && cache_fits(&x->env->cache, &k->found, &x->asked) && use_of(x) == FRESH_HIT) {
		serve_as(x, "collapsed", CACHE_COLLAPSED);
		return;
	}
	keep_unpin(x);
	if (!look(x))
		exchange_ask_server(x);
}

void exchange_go_alone(struct exchange *x)
{
	if (!GW_HAS(CACHE))
		return;
	x->r.keep->joins = JOINS;
	x->r.keep->look_at = 0;
	keep_unpin(x);
	if (!look(x))
		exchange_ask_server(x);
}

bool exchange_is_needed(const struct exchange *x)
{
	if (!GW_HAS(CACHE))
		return false;
	return x->r.errand && x->r.state == EXCHANGE_FILL && cache_fill_is_read(&x->env->cache, &x->r.keep->fill);
}

bool exchange_waits_for_cache(const struct exchange *x)
{
	if (!GW_HAS(CACHE))
		return false;
	switch (x->r.state) {
	case EXCHANGE_JOIN:
		return true;
	case EXCHANGE_SERVE:
		return !flow_wants_out(&x->r.down_flow);
	case EXCHANGE_FILL: /* for room, and for the news that nobody reads it any more */
		return true;
	default:
		return false;
	}
}

/* SPDX-License-Identifier: MIT
 *
 * worker - the poll loop: what runs, and when?
 *
 * Owns all connections and lends them exchanges. Each turn everybody who is
 * active says what it waits for and until when; one poll; each takes a step.
 * The quiet ones are parked and cost nothing a turn. Connections are freed in
 * settle and conn_close, nowhere else.
 */
#include "worker_parts.h"

enum {
	PARKED = 64,       /* parked connections woken in one turn */
	CROWD_MS = 10000,  /* a request waits so long for an exchange, then it is sent away */
	SHAKES = 4,        /* steps of handshakes with servers in one turn */
	SHAKING_US = 2000  /* handshakes get so much of a turn, but always one step: the key of an RSA one takes long */
};

/* --- listening ------------------------------------------------------------------------------ */

static bool accepts(const struct worker *w)
{
	return !w->env.draining && w->env.now >= w->accept_at && worker_has_place(w);
}

/* Listeners come and go in house as we accept or not. */
static void set_listening(struct worker *w, bool listening)
{
	if (w->house < 0 || listening == w->listening)
		return;
	for (size_t i = 0; i < w->env.config->listener_count; i++) {
		int fd = w->given->listeners[i];

		if (!listening)
			platform_unpark(w->house, fd);
		else if (!platform_park(w->house, fd, (void *)&w->given->listeners[i]))
			worker_complain(w, platform_why());
	}
	w->listening = listening;
}

/* --- commands -------------------------------------------------------------------------------- */

static void begin_draining(struct worker *w, int64_t ms)
{
	if (w->env.draining) {
		w->drain_at = earlier(w->drain_at, w->env.now + ms);
		return;
	}
	/* who is in the queue already has been promised an answer */
	for (size_t i = 0; i < w->env.config->listener_count; i++)
		worker_accept(w, i);
	set_listening(w, false);
	/* our copies only: who calls now is another worker's, or refused when there is none */
	for (size_t i = 0; i < w->env.config->listener_count; i++)
		platform_close(w->given->listeners[i]);
	w->env.draining = true;
	w->env.cache_moved = true; /* errands without a reader end */
	w->drain_at = w->env.now + ms;
}

static void obey(struct worker *w)
{
	char command;
	int passed;
	long len;

	while ((len = platform_pair_recv(w->given->control, &command, 1, &passed)) > 0) {
		if (command == WORKER_DRAIN)
			begin_draining(w, w->env.config->drain_timeout);
		else if (command == WORKER_RETIRE)
			begin_draining(w, w->env.config->reload_timeout);
		else if (command == WORKER_QUIT)
			w->quit = true;
		else if (command == WORKER_ACCESS_LOG && passed >= 0)
			log_use(w->env.access, passed);
		else if (command == WORKER_ERROR_LOG && passed >= 0)
			log_use(w->env.error, passed);
	}
	if (len != PLATFORM_WAIT)
		w->quit = true; /* the supervisor is gone */
}

/* --- one turn: who waits for what ---------------------------------------------------------------- */

static void watch(struct worker *w, int fd, short want, void *owner)
{
	if (want == 0)
		return;
	w->watches[w->count] = (struct watch){.fd = fd, .want = want};
	w->owners[w->count++] = owner;
}

/* One link of a busy connection. What has come already is as good as an event. */
static void watch_link(struct worker *w, struct conn *c, int fd, short want)
{
	if (want & LINK_NOW)
		w->again = c->now = true;
	watch(w, fd, (short)(want & ~LINK_NOW), c);
}

static void watch_busy(struct worker *w)
{
	struct list *busy = &w->lists[CONN_BUSY];

	w->due = INT64_MAX;
	for (struct node *n = list_first(busy); n; n = list_next(busy, n)) {
		struct conn *c = LIST_OF(n, struct conn, node);
		struct exchange *x = c->exchange;
		int64_t deadline;

		if (x->r.state == EXCHANGE_OVER)
			continue; /* its next request is taken in this turn anyway */
		w->again |= c->now;
		watch_link(w, c, c->link.fd, exchange_wants_client(x));
		if (x->r.up)
			watch_link(w, c, x->r.up->link.fd, exchange_wants_server(x));
		deadline = exchange_deadline(x);
		if (deadline < w->due)
			w->due = deadline;
	}
}

/* all: else those alone that have to begin with TLS */
static void watch_list(struct worker *w, enum conn_state state, bool all)
{
	for (struct node *n = list_first(&w->lists[state]); n; n = list_next(&w->lists[state], n)) {
		struct conn *c = LIST_OF(n, struct conn, node);

		if (all || c->secure)
			watch(w, c->link.fd, PLATFORM_IN, c);
	}
}

static void watch_shaking(struct worker *w)
{
	struct list *shaking = &w->lists[CONN_SHAKING];

	for (struct node *n = list_first(shaking); n; n = list_next(shaking, n)) {
		struct conn *c = LIST_OF(n, struct conn, node);

		watch(w, c->link.fd, link_watch(&c->link, true, false), c);
	}
}

static void watch_links(struct worker *w)
{
	struct list *fresh = &w->env.backend.fresh;

	for (struct node *n = list_first(fresh); n; n = list_next(fresh, n)) {
		struct upstream *u = LIST_OF(n, struct upstream, quiet);

		watch(w, u->link.fd, PLATFORM_IN, u);
	}
}

/* A turn of a busy gateway then costs one descriptor for all that is ours. */
static void open_house(struct worker *w)
{
	w->house = platform_park_open();
	if (w->house < 0)
		return;
	if (platform_park(w->house, w->given->control, (void *)&w->given->control) &&
	    platform_park(w->house, w->given->offload, (void *)&w->given->offload) &&
	    (w->given->passwords < 0 || platform_park(w->house, w->given->passwords, (void *)&w->given->passwords)))
		return;
	platform_close(w->house);
	w->house = -1;
}

static void watch_own(struct worker *w, bool free_exchange)
{
	if (w->house >= 0) {
		watch(w, w->house, PLATFORM_IN, NULL);
	} else {
		watch(w, w->given->control, PLATFORM_IN, NULL);
		watch(w, w->given->offload, PLATFORM_IN, NULL);
		if (w->given->passwords >= 0)
			watch(w, w->given->passwords, PLATFORM_IN, NULL);
	}
	/* Parked clients must wait for an exchange; links to servers can wait with them. */
	if (w->park >= 0 && (w->lists[CONN_PARKED].count || w->env.backend.parked.count) && free_exchange)
		watch(w, w->park, PLATFORM_IN, NULL);
	if (w->env.access->lines.len)
		watch(w, w->env.access->fd, PLATFORM_OUT, NULL);
	if (w->env.error->lines.len)
		watch(w, w->env.error->fd, PLATFORM_OUT, NULL);
}

static void watch_all(struct worker *w)
{
	bool free_exchange = w->exchanges.lent < w->exchanges.count || worker_slow_one(w);

	w->count = 0;
	w->starts[SECTION_OWN] = w->count;
	watch_own(w, free_exchange);
	w->starts[SECTION_LINKS] = w->count;
	watch_links(w);
	w->starts[SECTION_BUSY] = w->count;
	watch_busy(w);
	w->starts[SECTION_FRESH] = w->count;
	watch_list(w, CONN_FRESH, free_exchange);
	if (w->park < 0)
		watch_list(w, CONN_PARKED, free_exchange);
	w->starts[SECTION_SHAKING] = w->count;
	watch_shaking(w);
	w->starts[SECTION_LINGER] = w->count;
	watch_list(w, CONN_LINGER, true);
	w->starts[SECTION_LISTENERS] = w->count;
	set_listening(w, accepts(w));
	if (accepts(w) && w->house < 0)
		for (size_t i = 0; i < w->env.config->listener_count; i++)
			watch(w, w->given->listeners[i], PLATFORM_IN, NULL);
	w->starts[SECTION_END] = w->count;
}

/* --- one turn: what has happened ------------------------------------------------------------------- */

static void step_busy(struct worker *w, struct conn *c)
{
	exchange_step(c->exchange);
	worker_settle(w, c);
}

/* Both watches of a connection stand side by side: it learns of both, then takes one step. */
static void polled_busy(struct worker *w)
{
	size_t i = w->starts[SECTION_BUSY], end = w->starts[SECTION_BUSY + 1];

	while (i < end) {
		struct conn *c = w->owners[i];
		bool any = c->now;

		c->now = false;
		for (; i < end && w->owners[i] == c; i++) {
			const struct watch *at = &w->watches[i];

			if (at->got == 0)
				continue;
			any = true;
			link_polled(at->fd == c->link.fd ? &c->link : &c->exchange->r.up->link, at->got);
		}
		if (any)
			step_busy(w, c);
	}
}

static void polled_links(struct worker *w)
{
	for (size_t i = w->starts[SECTION_LINKS]; i < w->starts[SECTION_LINKS + 1]; i++)
		if (w->watches[i].got)
			backend_idle_event(&w->env.backend, w->owners[i]);
}

static void polled_list(struct worker *w, enum section section, void act(struct worker *, struct conn *))
{
	for (size_t i = w->starts[section]; i < w->starts[section + 1]; i++) {
		struct conn *c = w->owners[i];

		if (w->watches[i].got == 0)
			continue;
		link_polled(&c->link, w->watches[i].got);
		act(w, c);
	}
}

/* In the order in which they began, until their time is up: the others are
 * polled again in the next turn. */
static void polled_shaking(struct worker *w)
{
	int64_t until = w->env.now_us + SHAKING_US;
	struct conn *c;

	for (size_t i = w->starts[SECTION_SHAKING]; i < w->starts[SECTION_SHAKING + 1]; i++) {
		if (w->watches[i].got == 0)
			continue;
		c = w->owners[i];
		link_polled(&c->link, w->watches[i].got);
		worker_shake(w, c);
		if (platform_now_us() >= until)
			break;
	}
}

/* Those of the parked that have something. Links that have ended go at once. */
static int polled_parked(struct worker *w, void **who)
{
	int count = platform_parked(w->park, who, PARKED), conns = 0;

	for (int i = 0; i < count; i++)
		if (pool_owns(&w->conns, who[i]))
			who[conns++] = who[i];
		else
			backend_idle_event(&w->env.backend, who[i]);
	return conns;
}

/* What they wait for has become known. */
static void step_those(struct worker *w, bool wait(const struct exchange *))
{
	struct list *busy = &w->lists[CONN_BUSY];
	struct node *n, *next;

	for (n = list_first(busy); n; n = next) {
		struct conn *c = LIST_OF(n, struct conn, node);

		next = list_next(busy, n);
		if (wait(c->exchange))
			step_busy(w, c);
	}
}

static bool waits_for_name(const struct exchange *x)
{
	return x->r.state == EXCHANGE_CONNECT && !x->r.up;
}

static void names_known(struct worker *w)
{
	if (backend_resolved(&w->env.backend, w->env.now))
		step_those(w, waits_for_name);
}

static bool waits_for_password(const struct exchange *x)
{
	return x->r.state == EXCHANGE_VERIFY;
}

static void passwords_known(struct worker *w)
{
	if (verify_answered(&w->env.verify))
		step_those(w, waits_for_password);
}

/* What was written may be what others wait for, who then write themselves; and errands that
 * have begun or ended are nobody's to poll: a further turn sees to them. */
static void cache_known(struct worker *w)
{
	if (!w->env.cache_moved)
		return;
	w->env.cache_moved = false;
	step_those(w, exchange_waits_for_cache);
	w->again = true;
}

static bool polled(const struct worker *w, int fd)
{
	for (size_t i = w->starts[SECTION_OWN]; i < w->starts[SECTION_OWN + 1]; i++)
		if (w->watches[i].fd == fd)
			return w->watches[i].got != 0;
	return false;
}

static void polled_listeners(struct worker *w)
{
	size_t start = w->starts[SECTION_LISTENERS];

	for (size_t i = start; i < w->starts[SECTION_LISTENERS + 1]; i++)
		if (w->watches[i].got)
			worker_accept(w, i - start);
}

static void polled_house(struct worker *w)
{
	const int *listeners = w->given->listeners;
	void *who[PARKED];
	int count = platform_parked(w->house, who, PARKED);
	bool command = false;

	for (int i = 0; i < count; i++)
		if (pool_owns(&w->conns, who[i]))
			worker_wake(w, who[i]);
	for (int i = 0; i < count; i++) {
		if (pool_owns(&w->conns, who[i]))
			continue;
		if (who[i] == &w->given->control)
			command = true;
		else if (who[i] == &w->given->offload)
			names_known(w);
		else if (who[i] == &w->given->passwords)
			passwords_known(w);
		else
			worker_accept(w, (size_t)((const int *)who[i] - listeners));
	}
	if (command)
		obey(w);
}

static void look_at_crowd(struct worker *w)
{
	void *who[PARKED];
	int count;

	if (w->exchanges.lent < w->exchanges.count || w->park < 0 || w->env.now < w->crowd_at)
		return;
	w->crowd_at = w->env.now + CROWDED_MS;
	count = platform_parked(w->park, who, PARKED);
	for (int i = 0; i < count; i++) {
		struct conn *c = who[i];

		if (!pool_owns(&w->conns, c))
			continue;
		worker_complain(w, "all places for requests are taken: others wait ('requests' in the configuration)");
		if (c->waits_since == 0)
			c->waits_since = w->env.now;
		else if (c->waits_since + CROWD_MS <= w->env.now)
			worker_send_away(w, c);
	}
}

/* --- one turn: whose time has come ------------------------------------------------------------------- */

static void expire_busy(struct worker *w)
{
	struct list *busy = &w->lists[CONN_BUSY];
	struct node *n, *next;

	if (w->env.now < w->due && !w->again)
		return;
	w->again = false;
	for (n = list_first(busy); n; n = next) {
		struct conn *c = LIST_OF(n, struct conn, node);

		next = list_next(busy, n);
		if (c->exchange->r.state != EXCHANGE_OVER) {
			if (exchange_deadline(c->exchange) > w->env.now)
				continue;
			exchange_expire(c->exchange);
		}
		worker_settle(w, c);
	}
}

/* Closes and parks what is due; when something is due next. */
static int64_t tick(struct worker *w)
{
	int64_t due = earlier(earlier(worker_tick_quiet(w), worker_tick_shaking(w)), worker_tick_lingering(w));

	due = earlier(due, backend_tick(&w->env.backend, w->env.now));
	if (w->env.draining)
		due = earlier(due, w->drain_at);
	if (w->accept_at > w->env.now)
		due = earlier(due, w->accept_at);
	if (w->exchanges.lent == w->exchanges.count)
		due = earlier(due, w->env.now + CROWDED_MS);
	return due;
}

/* For poll: ms, -1: for ever. */
static int64_t wait_until(const struct worker *w, int64_t due)
{
	if (w->again || due <= w->env.now)
		return 0;
	return due == INT64_MAX ? -1 : due - w->env.now;
}

static void set_clock(struct worker *w, int64_t seconds)
{
	w->env.clock = seconds;
	if (w->env.tls)
		tls_clock(w->env.tls, seconds);
}

static void look_at_clock(struct worker *w)
{
	int64_t second = w->env.now / 1000;

	w->env.now_us = platform_now_us();
	w->env.now = w->env.now_us / 1000;
	/* the date is asked for only when it can have changed much */
	if (w->env.now / 1000 != second || w->env.clock == 0)
		set_clock(w, platform_clock());
}

/* The order matters: a link that has ended must not be lent, and nobody may be
 * closed while a watch still names him: a busy one by waking another, a quiet
 * one by accepting, which both make room. */
static void look_at_watches(struct worker *w)
{
	void *parked[PARKED];
	int count = 0;

	polled_links(w);
	if (w->park >= 0 && polled(w, w->park))
		count = polled_parked(w, parked);
	polled_busy(w);
	for (int i = 0; i < count; i++)
		worker_wake(w, parked[i]);
	polled_list(w, SECTION_FRESH, worker_wake);
	polled_shaking(w);
	polled_list(w, SECTION_LINGER, worker_linger);
	if (w->house >= 0) {
		if (polled(w, w->house))
			polled_house(w);
		return;
	}
	if (polled(w, w->given->offload))
		names_known(w);
	if (w->given->passwords >= 0 && polled(w, w->given->passwords))
		passwords_known(w);
	polled_listeners(w);
	if (polled(w, w->given->control))
		obey(w);
}

/* Clients of other workers read what it fetches. */
static bool has_needed_errand(const struct worker *w)
{
	const struct list *busy = &w->lists[CONN_BUSY];

	if (w->errands.lent)
		for (struct node *n = list_first(busy); n; n = list_next(busy, n))
			if (exchange_is_needed(LIST_OF(n, struct conn, node)->exchange))
				return true;
	return false;
}

static bool goes_on(const struct worker *w)
{
	if (w->quit)
		return false;
	return !w->env.draining || ((w->conns.lent > 0 || has_needed_errand(w)) && w->env.now < w->drain_at);
}

static void turn(struct worker *w)
{
	int64_t due = tick(w);
	bool any;

	if (!goes_on(w))
		return; /* the last quiet connection has just been closed */
	watch_all(w);
	w->env.shakes = SHAKES;
	any = platform_poll(w->watches, w->count, wait_until(w, earlier(due, w->due))) > 0;
	look_at_clock(w);
	if (any || w->again)
		look_at_watches(w);
	expire_busy(w);
	cache_known(w);
	look_at_crowd(w);
	worker_serve_waiting(w);
	atomic_store_explicit(&w->env.slot->connections, w->conns.lent, memory_order_relaxed);
	atomic_store_explicit(&w->env.slot->active, w->exchanges.lent, memory_order_relaxed);
	log_flush(w->env.access);
	log_flush(w->env.error);
}

/* Where nobody logs in no random numbers are needed. */
static bool open_verify(struct worker *w)
{
	return verify_init(&w->env.verify, w->given->passwords) || w->given->passwords < 0;
}

static void join_cache(struct worker *w)
{
	uint32_t readers = worker_cache_readers(w->env.config);

	if (!w->given->cache || !cache_join(&w->env.cache, w->given->cache, (uint32_t)w->given->slot, readers, (uint32_t)platform_pid()))
		return;
	for (uint32_t i = 0; i < readers; i++)
		w->env.readers[w->env.reader_count++] = i;
}

int worker_run(const struct worker_given *given)
{
	static struct worker w;
	char ready = WORKER_READY;

	w.given = given;
	w.env = (struct env){
		.config = given->config,
		.access = given->access,
		.error = given->error,
		.share = given->share,
		.slot = &given->share->slots[given->slot],
		.slot_number = given->slot,
	};
	for (int i = 0; i < CONN_STATES; i++)
		list_init(&w.lists[i]);
	w.env.conns = &w.errand_conns;
	w.env.exchanges = &w.errands;
	w.env.busy = &w.lists[CONN_BUSY];
	w.park = platform_park_open();
	open_house(&w);
	if (!worker_allocate(&w) || !open_verify(&w)) {
		log_say(given->error, LOG_ERROR, "cannot begin: %s", platform_why());
		log_flush(given->error);
		return 1;
	}
	join_cache(&w);
	ducts_open(&w.env.ducts);
	platform_random(&w.env.id_seed, sizeof w.env.id_seed);
	look_at_clock(&w);
	platform_pair_send(given->control, &ready, 1, -1);
	while (goes_on(&w))
		turn(&w);
	log_flush(given->access);
	log_flush(given->error);
	return 0;
}

/* SPDX-License-Identifier: MIT
 *
 * worker - the poll loop: what runs, and when?
 *
 * Owns all connections and lends them exchanges. Each turn everybody who is
 * active says what it waits for and until when; one poll; each takes a step.
 * The quiet ones are parked and cost nothing a turn. Connections are freed in
 * settle and conn_close, nowhere else.
 */
#include "worker.h"
#include "exchange.h"
#include "proxy.h"
#include "route.h"

enum {
	FRESH_MS = 1000,     /* a quiet connection is watched so long before it is parked */
	ACCEPTS = 32,        /* connections taken from one listener in one turn */
	PIPELINED = 16,      /* requests of one connection answered in one turn */
	LOOKS = 32,          /* parked connections looked at for one that gives way */
	PARKED = 64,         /* parked connections woken in one turn */
	CROWDED_MS = 250,    /* with all exchanges lent, the slow and the waiting are looked for so often */
	CROWD_MS = 10000,    /* a request waits so long for an exchange, then it is sent away */
	SHAKING_US = 2000,   /* handshakes get so much of a turn, but always one step: the key of an RSA one takes long */
	SHAKING_SLOW_MS = 2000, /* a handshake that takes longer, or a quarter of its time, gives way to others */
	ACCEPT_PAUSE = 1000, /* ms without accepting when descriptors have run out */
	COMPLAINT_MS = 10000, /* the same complaint is not logged more often */
	SHAKING_SAY_MS = 1000, /* nor are failed handshakes */
	PEEK = 536           /* the longest PROXY header */
};

enum conn_state {
	CONN_BUSY,    /* it has an exchange */
	CONN_FRESH,   /* quiet since a moment ago */
	CONN_PARKED,  /* quiet */
	CONN_WAITING, /* it has begun with TLS, and waits for a place for its handshake */
	CONN_SHAKING, /* it has one */
	CONN_LINGER,  /* it has had its last answer */
	CONN_STATES
};

/* Who waits for what: sections of one array. */
enum section { SECTION_OWN, SECTION_LINKS, SECTION_BUSY, SECTION_FRESH, SECTION_SHAKING, SECTION_LINGER, SECTION_LISTENERS, SECTION_END };

struct worker {
	struct env env;
	const struct worker_given *given;
	struct pool conns;
	struct pool exchanges;
	struct list lists[CONN_STATES]; /* by enum conn_state; quiet ones in the order of since */
	struct watch *watches;
	void **owners;            /* of each watch */
	size_t count;             /* of watches */
	size_t starts[SECTION_END + 1];
	int park;                 /* for quiet connections and links: descriptor, or -1 */
	int house;                /* the same for our own descriptors, which are hardly ever heard of */
	bool listening;           /* listeners are in house */
	int64_t due;              /* the earliest deadline of a busy connection */
	int64_t accept_at;        /* no accepting before */
	int64_t drain_at;         /* the end of draining */
	int64_t crowd_at;         /* with all exchanges lent: when to look at those who wait */
	int64_t complaint_at;
	int64_t shaking_at;       /* no failed handshake is logged before */
	bool again;               /* something is to be done without waiting */
	bool quit;
};

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* --- memory ------------------------------------------------------------------------- */

static size_t watch_count(const struct config *c)
{
	return 8 + c->listener_count + 2 * (size_t)c->requests + c->clients + backend_links(c);
}

enum { OWN_TERMS = 6, TERMS = OWN_TERMS + TLS_TERMS };

size_t worker_memory(const struct config *c, struct memory_term *terms, size_t room)
{
	const struct memory_term own[OWN_TERMS] = {
		{"connections from clients", c->clients, pool_bytes(sizeof(struct conn), 1)},
		{"requests with their buffers", c->requests, pool_bytes(exchange_bytes(c), 1)},
		{"links to servers", backend_links(c), pool_bytes(sizeof(struct upstream), 1)},
		{"servers", c->server_count, sizeof(struct peer)},
		{"targets", c->target_count, sizeof(int32_t)},
		{"watched descriptors", watch_count(c), sizeof(struct watch) + sizeof(void *)},
	};
	struct tls_term tls[TLS_TERMS];

	tls_terms(&c->tls, tls);
	for (size_t i = 0; i < OWN_TERMS + TLS_TERMS && i < room; i++)
		terms[i] = i < OWN_TERMS ? own[i] : (struct memory_term){tls[i - OWN_TERMS].what, tls[i - OWN_TERMS].count, tls[i - OWN_TERMS].size};
	return OWN_TERMS + TLS_TERMS;
}

enum { ALIGN = 64 };

static size_t aligned(size_t bytes)
{
	return (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

/* --- what TLS asks of us --------------------------------------------------------------- */

/* Without a name it is [site *], or the first one that has a certificate. */
static const struct tls_site *site_named(void *listener, struct span name)
{
	const struct listener *l = listener;
	const struct site *site = route_site(l, name);

	for (size_t i = 0; !name.len && !site && i < l->site_count; i++)
		if (l->sites[i]->tls.count)
			site = l->sites[i];
	return site && site->tls.count ? &site->tls : NULL;
}

static void save_session(void *user, const struct tls_session *session)
{
	const struct worker *w = user;

	share_session_save(w->env.share, w->env.slot_number, session, w->env.now);
}

static bool find_session(void *user, const unsigned char id[32], struct tls_session *session)
{
	const struct worker *w = user;

	return share_session_find(w->env.share, id, session, w->env.now);
}

static void open_tls(struct worker *w, void *const memory[TLS_TERMS])
{
	const struct tls_hooks hooks = {.site = site_named, .save = save_session, .find = find_session, .user = w};
	unsigned char seed[32];

	platform_random(seed, sizeof seed);
	w->env.tls = w->env.backend.tls = tls_open(&w->env.config->tls, memory, &hooks, seed);
}

/* All memory in one piece, cut up in the order of the terms. */
static bool allocate(struct worker *w)
{
	const struct config *c = w->given->config;
	struct memory_term terms[TERMS];
	size_t count = worker_memory(c, terms, TERMS), sum = 0;
	char *at[TERMS], *memory;

	for (size_t i = 0; i < count; i++)
		sum += aligned(terms[i].count * terms[i].size);
	memory = platform_memory(sum, false);
	if (!memory)
		return false;
	for (size_t i = 0; i < count; i++) {
		at[i] = memory;
		memory += aligned(terms[i].count * terms[i].size);
	}
	pool_init(&w->conns, at[0], sizeof(struct conn), c->clients);
	pool_init(&w->exchanges, at[1], exchange_bytes(c), c->requests);
	backend_init(&w->env.backend, c, w->given->error, w->given->offload, w->park, at[3], at[4], at[2]);
	w->watches = (struct watch *)(void *)at[5];
	w->owners = (void **)(void *)(w->watches + watch_count(c));
	if (terms[OWN_TERMS].count)
		open_tls(w, (void **)at + OWN_TERMS);
	return true;
}

/* --- connections ------------------------------------------------------------------------ */

/* Where a quiet connection is parked: who has still to begin with TLS needs no
 * exchange for that, and is heard when there is none, too. */
static int park_of(const struct worker *w, const struct conn *c)
{
	return c->secure && w->house >= 0 ? w->house : w->park;
}

static void unpark(const struct worker *w, const struct conn *c)
{
	if (c->state == CONN_PARKED && w->park >= 0)
		platform_unpark(park_of(w, c), c->link.fd);
}

static void move(struct worker *w, struct conn *c, enum conn_state to)
{
	unpark(w, c);
	list_remove(&w->lists[c->state], &c->node);
	c->state = (uint8_t)to;
	c->since = w->env.now;
	list_append(&w->lists[to], &c->node);
}

static struct conn *first(const struct worker *w, enum conn_state state)
{
	struct node *n = list_first(&w->lists[state]);

	return n ? LIST_OF(n, struct conn, node) : NULL;
}

static void conn_close(struct worker *w, struct conn *c)
{
	unpark(w, c);
	list_remove(&w->lists[c->state], &c->node);
	if (c->counted)
		share_peer_out(w->env.share, w->env.slot_number, &c->peer);
	link_close(&c->link);
	pool_return(&w->conns, c);
}

static void give_back(struct worker *w, struct conn *c)
{
	exchange_close(c->exchange);
	pool_return(&w->exchanges, c->exchange);
	c->exchange = NULL;
}

/* What has become of a connection after its exchange took a step. */
static void settle(struct worker *w, struct conn *c)
{
	struct exchange *x = c->exchange;
	enum exchange_end end;

	for (int i = 0; x->r.state == EXCHANGE_OVER && x->r.end == EXCHANGE_NEXT; i++) {
		if (i == PIPELINED) {
			w->again = true; /* others first */
			return;
		}
		exchange_next(x);
		exchange_step(x);
	}
	if (x->r.state != EXCHANGE_OVER) {
		if (exchange_is_quiet(x)) {
			give_back(w, c);
			move(w, c, CONN_FRESH);
		}
		return;
	}
	end = x->r.end;
	give_back(w, c);
	switch (end) {
	case EXCHANGE_QUIET:
		move(w, c, CONN_FRESH);
		break;
	case EXCHANGE_LINGER:
		link_finish(&c->link);
		move(w, c, CONN_LINGER);
		break;
	case EXCHANGE_RESET:
		link_reset(&c->link);
		conn_close(w, c);
		break;
	default:
		conn_close(w, c);
	}
}

/* One whose client is too slow to keep its place when others wait; NULL. */
static struct conn *slow_one(const struct worker *w)
{
	const struct list *busy = &w->lists[CONN_BUSY];

	for (struct node *n = list_first(busy); n; n = list_next(busy, n)) {
		struct conn *c = LIST_OF(n, struct conn, node);

		if (exchange_is_slow(c->exchange))
			return c;
	}
	return NULL;
}

static void *exchange_place(struct worker *w)
{
	void *place = pool_borrow(&w->exchanges);
	struct conn *slow;

	if (place || !(slow = slow_one(w)))
		return place;
	exchange_give_way(slow->exchange);
	settle(w, slow);
	return pool_borrow(&w->exchanges);
}

static void complain(struct worker *w, const char *what)
{
	if (w->env.now < w->complaint_at)
		return;
	w->complaint_at = w->env.now + COMPLAINT_MS;
	log_say(w->env.error, LOG_WARN, "%s", what);
}

/* Has this quiet connection sent a request that no exchange was free for? */
static bool waits_for_place(const struct worker *w, const struct conn *c)
{
	return w->exchanges.lent == w->exchanges.count && platform_peek(c->link.fd) > 0;
}

/* --- TLS begins ---------------------------------------------------------------------------- */

/* As tls hands it back to the hooks. */
static void *listener_of(const struct conn *c)
{
	return (void *)(uintptr_t)c->listener;
}

static void drop_shaking(struct worker *w, struct conn *c, const char *why)
{
	if (w->env.now >= w->shaking_at) {
		w->shaking_at = w->env.now + SHAKING_SAY_MS;
		log_say(w->env.error, LOG_NOTICE, "TLS handshake with %.*s on %s failed: %s", (int)c->text_len, c->text, c->listener->text, why);
	}
	conn_close(w, c);
}

/* One step of a handshake; afterwards the connection is as any other, but for
 * what goes over it. */
static void shake(struct worker *w, struct conn *c)
{
	link_shake(&c->link);
	if (c->link.why || c->link.eof) {
		drop_shaking(w, c, c->link.why ? c->link.why : "the client went away");
	} else if (c->link.phase == LINK_OPEN) {
		c->secure = false;
		move(w, c, CONN_FRESH);
	}
}

static bool gives_way(const struct worker *w, const struct conn *c)
{
	return c->link.tls && !waits_for_place(w, c);
}

/* Is there a place for a handshake, and a context for the connection? A quiet
 * connection gives way for that, the longest quiet of those that are looked at. */
static bool has_secure_place(struct worker *w)
{
	struct list *parked = &w->lists[CONN_PARKED];
	int looks = LOOKS;

	if (!tls_may_greet(w->env.tls))
		return false;
	if (tls_may_accept(w->env.tls))
		return true;
	for (struct node *n = list_first(parked); n && looks--; n = list_next(parked, n)) {
		struct conn *c = LIST_OF(n, struct conn, node);

		if (!gives_way(w, c))
			continue;
		conn_close(w, c);
		return true;
	}
	complain(w, "all places for TLS connections are taken: others wait ('tls_clients' in the configuration)");
	return false;
}

static void begin_secure(struct worker *w, struct conn *c, struct tls *t)
{
	link_secure(&c->link, t);
	move(w, c, CONN_SHAKING);
	c->link.readable = true;
	shake(w, c);
}

/* The PROXY header in clear before TLS; it comes in one piece (PROXY protocol,
 * 2: a receiver may insist on that). False: it has not come, or is none, and the
 * connection is gone. */
static bool read_greeting(struct worker *w, struct conn *c, const char *at, size_t len)
{
	char waste[PEEK];
	struct net from;
	int used = proxy_read(at, len, &from);

	if (used <= 0 || platform_recv(c->link.fd, waste, (size_t)used) != used) {
		complain(w, "no PROXY header before TLS, or not in one piece");
		conn_close(w, c);
		return false;
	}
	if (!exchange_greet(&w->env, c, &from)) {
		conn_close(w, c);
		return false;
	}
	return true;
}

/* The first bytes on a port for TLS. True: they are a plain request, which is to
 * be answered as such, so that its sender learns what is wrong. */
static bool begins_secure(struct worker *w, struct conn *c)
{
	char at[PEEK];
	long len = platform_look(c->link.fd, at, sizeof at);
	struct tls *t;

	if (len > 0 && c->greeting) {
		if (!read_greeting(w, c, at, (size_t)len))
			return false;
		len = platform_look(c->link.fd, at, sizeof at);
	}
	if (len == PLATFORM_WAIT)
		return false;
	if (len <= 0) {
		conn_close(w, c);
		return false;
	}
	if ((at[0] >= 'A' && at[0] <= 'Z') || at[0] == '\r' || at[0] == '\n') {
		move(w, c, CONN_FRESH);
		c->secure = false;
		return true;
	}
	t = w->lists[CONN_WAITING].count ? NULL : tls_accept(w->env.tls, listener_of(c));
	if (t)
		begin_secure(w, c, t);
	else
		move(w, c, CONN_WAITING);
	return false;
}

/* When the handshake that began first gives way to those who wait. */
static int64_t slow_shaking_at(const struct worker *w)
{
	const struct conn *c = first(w, CONN_SHAKING);
	int64_t patience = earlier(SHAKING_SLOW_MS, w->env.config->handshake_timeout / 4);

	return c ? c->since + patience : INT64_MAX;
}

static void hurry_shaking(struct worker *w)
{
	while (!tls_may_greet(w->env.tls) && slow_shaking_at(w) <= w->env.now)
		drop_shaking(w, first(w, CONN_SHAKING), "it was slow while others were waiting");
}

/* Those who wait take what has become free. A quiet connection may be closed for
 * them, so no watch may name one any more. */
static void serve_waiting(struct worker *w)
{
	struct conn *c;

	if (w->lists[CONN_WAITING].count)
		hurry_shaking(w);
	while ((c = first(w, CONN_WAITING)) && has_secure_place(w))
		begin_secure(w, c, tls_accept(w->env.tls, listener_of(c)));
}

/* --- waking ------------------------------------------------------------------------------ */

/* A quiet connection has something to say. Without a free exchange its bytes wait in the kernel. */
static void wake(struct worker *w, struct conn *c)
{
	void *memory;

	if (c->secure && !begins_secure(w, c))
		return;
	memory = exchange_place(w);
	if (!memory)
		return;
	move(w, c, CONN_BUSY);
	c->waits_since = 0;
	c->link.readable = true;
	c->exchange = exchange_open(memory, &w->env, c);
	exchange_step(c->exchange);
	settle(w, c);
}

/* What a client still sends after our last word is thrown away. */
static void linger(struct worker *w, struct conn *c)
{
	char room[4096];
	struct buf waste;

	c->link.in = &waste;
	for (int i = 0; i < 16; i++) {
		buf_init(&waste, room, sizeof room);
		if (link_fill(&c->link) == 0)
			break;
	}
	c->link.in = NULL;
	if (c->link.eof)
		conn_close(w, c);
}

/* --- accepting ---------------------------------------------------------------------------- */

/* Who gives way to a new connection: the one that has been quiet longest. Who has
 * been quiet for less than a moment may have its request on the way; who waits
 * for an exchange has sent it. NULL: nobody. */
static struct conn *quietest(const struct worker *w)
{
	const struct list *parked = &w->lists[CONN_PARKED];
	int looks = LOOKS;

	for (struct node *n = list_first(parked); n && looks--; n = list_next(parked, n)) {
		struct conn *c = LIST_OF(n, struct conn, node);

		if (!waits_for_place(w, c))
			return c;
	}
	return NULL;
}

static bool has_place(const struct worker *w)
{
	return w->conns.lent < w->conns.count || w->lists[CONN_PARKED].count;
}

/* May this peer have a connection here? Sets what is to be known of it. */
static bool admit(struct worker *w, struct conn *c)
{
	const struct config *config = w->env.config;
	struct text text = text_in(c->text, sizeof c->text);

	net_write(&text, &c->peer);
	c->text_len = (uint8_t)text.len;
	c->trusted = net_in_any(&c->peer, config->trusted, config->trusted_count);
	if (c->listener->proxy) {
		c->greeting = true;
		if (!c->trusted && c->peer.family != NET_UNIX)
			complain(w, "a peer that is not trusted came to a listener for the PROXY protocol");
		return c->trusted || c->peer.family == NET_UNIX;
	}
	c->counted = share_peer_in(w->env.share, w->env.slot_number, &c->peer, config->per_client);
	if (!c->counted)
		complain(w, "an address has more connections than per_client allows");
	return c->counted;
}

static bool accept_one(struct worker *w, size_t number)
{
	const struct listener *l = &w->env.config->listeners[number];
	struct net peer;
	struct conn *c, *old = NULL;
	int fd;

	if (w->conns.lent == w->conns.count && !(old = quietest(w))) {
		w->accept_at = w->env.now + CROWDED_MS;
		return false;
	}
	fd = platform_accept(w->given->listeners[number], &peer);
	if (fd < 0) {
		if (fd == PLATFORM_BROKEN && (old = quietest(w))) {
			conn_close(w, old);
			return true; /* its descriptor serves the next try */
		}
		if (fd == PLATFORM_BROKEN) {
			complain(w, platform_why());
			w->accept_at = w->env.now + ACCEPT_PAUSE;
		}
		return false;
	}
	if (old)
		conn_close(w, old);
	c = pool_borrow(&w->conns);
	*c = (struct conn){.listener = l, .peer = peer, .since = w->env.now, .state = CONN_FRESH, .port = l->address.port, .secure = l->tls};
	link_open(&c->link, fd);
	list_append(&w->lists[CONN_FRESH], &c->node);
	if (!admit(w, c))
		conn_close(w, c);
	return true;
}

static void accept_some(struct worker *w, size_t number)
{
	for (int i = 0; i < ACCEPTS && w->env.now >= w->accept_at; i++)
		if (!accept_one(w, number))
			return;
}

static bool accepts(const struct worker *w)
{
	return !w->env.draining && w->env.now >= w->accept_at && has_place(w);
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
			complain(w, platform_why());
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
		accept_some(w, i);
	set_listening(w, false);
	/* our copies only: who calls now is another worker's, or refused when there is none */
	for (size_t i = 0; i < w->env.config->listener_count; i++)
		platform_close(w->given->listeners[i]);
	w->env.draining = true;
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
	    platform_park(w->house, w->given->offload, (void *)&w->given->offload))
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
	bool free_exchange = w->exchanges.lent < w->exchanges.count || slow_one(w);

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
	settle(w, c);
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
		shake(w, c);
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

/* Names have become known: those who wait for one go on. */
static void names_known(struct worker *w)
{
	struct list *busy = &w->lists[CONN_BUSY];
	struct node *n, *next;

	if (!backend_resolved(&w->env.backend, w->env.now))
		return;
	for (n = list_first(busy); n; n = next) {
		struct conn *c = LIST_OF(n, struct conn, node);

		next = list_next(busy, n);
		if (c->exchange->r.state == EXCHANGE_CONNECT && !c->exchange->r.up)
			step_busy(w, c);
	}
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
			accept_some(w, i - start);
}

static void polled_house(struct worker *w)
{
	const int *listeners = w->given->listeners;
	void *who[PARKED];
	int count = platform_parked(w->house, who, PARKED);
	bool command = false;

	for (int i = 0; i < count; i++)
		if (pool_owns(&w->conns, who[i]))
			wake(w, who[i]);
	for (int i = 0; i < count; i++) {
		if (pool_owns(&w->conns, who[i]))
			continue;
		if (who[i] == &w->given->control)
			command = true;
		else if (who[i] == &w->given->offload)
			names_known(w);
		else
			accept_some(w, (size_t)((const int *)who[i] - listeners));
	}
	if (command)
		obey(w);
}

/* All exchanges are lent. Who has waited for one too long is told so, with what
 * can be said without one. */
static void send_away(struct worker *w, struct conn *c)
{
	static const char sorry[] = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nContent-Length: 48\r\n"
				    "Retry-After: 5\r\nConnection: close\r\n\r\n"
				    "There is no room for your request just now. 503\n";
	struct piece piece = {sorry, sizeof sorry - 1};

	link_write(&c->link, &piece, 1);
	link_finish(&c->link);
	share_add(&w->env.slot->requests);
	share_add(&w->env.slot->failed);
	move(w, c, CONN_LINGER);
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
		complain(w, "all places for requests are taken: others wait ('requests' in the configuration)");
		if (c->waits_since == 0)
			c->waits_since = w->env.now;
		else if (c->waits_since + CROWD_MS <= w->env.now)
			send_away(w, c);
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
		settle(w, c);
	}
}

/* Quiet connections: closed when their time is over, parked before. While
 * draining, one that has been quiet for a moment gets no further request. */
static int64_t tick_quiet(struct worker *w)
{
	int64_t now = w->env.now, idle = w->env.draining ? FRESH_MS : w->env.config->idle_timeout;
	int64_t due = INT64_MAX;
	struct conn *c;

	for (int state = CONN_FRESH; state <= CONN_PARKED; state++) {
		while ((c = first(w, state)) && c->since + idle <= now)
			if (waits_for_place(w, c))
				move(w, c, CONN_FRESH);
			else
				conn_close(w, c);
		if (c && c->since + idle < due)
			due = c->since + idle;
	}
	while ((c = first(w, CONN_FRESH))) {
		int64_t since = c->since;

		if (since + FRESH_MS > now) {
			if (since + FRESH_MS < due)
				due = since + FRESH_MS;
			break;
		}
		if (w->park >= 0 && !platform_park(park_of(w, c), c->link.fd, c))
			break;
		move(w, c, CONN_PARKED);
		c->since = since;
	}
	return due;
}

static int64_t tick_lingering(struct worker *w)
{
	int64_t patience = w->env.config->linger_timeout;
	struct conn *c;

	while ((c = first(w, CONN_LINGER)) && c->since + patience <= w->env.now)
		conn_close(w, c);
	return c ? c->since + patience : INT64_MAX;
}

/* Handshakes have a time of their own, from their first byte on. */
static int64_t tick_shaking(struct worker *w)
{
	int64_t patience = w->env.config->handshake_timeout, due = INT64_MAX;
	struct conn *c;

	for (int state = CONN_WAITING; state <= CONN_SHAKING; state++) {
		while ((c = first(w, state)) && c->since + patience <= w->env.now)
			drop_shaking(w, c, "it took too long");
		if (c)
			due = earlier(due, c->since + patience);
	}
	if (w->lists[CONN_WAITING].count)
		due = earlier(due, slow_shaking_at(w));
	return due;
}

/* Closes and parks what is due; when something is due next. */
static int64_t tick(struct worker *w)
{
	int64_t due = earlier(earlier(tick_quiet(w), tick_shaking(w)), tick_lingering(w));

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
		wake(w, parked[i]);
	polled_list(w, SECTION_FRESH, wake);
	polled_shaking(w);
	polled_list(w, SECTION_LINGER, linger);
	if (w->house >= 0) {
		if (polled(w, w->house))
			polled_house(w);
		return;
	}
	if (polled(w, w->given->offload))
		names_known(w);
	polled_listeners(w);
	if (polled(w, w->given->control))
		obey(w);
}

static bool goes_on(const struct worker *w)
{
	if (w->quit)
		return false;
	return !w->env.draining || (w->conns.lent > 0 && w->env.now < w->drain_at);
}

static void turn(struct worker *w)
{
	int64_t due = tick(w);
	bool any;

	if (!goes_on(w))
		return; /* the last quiet connection has just been closed */
	watch_all(w);
	any = platform_poll(w->watches, w->count, wait_until(w, earlier(due, w->due))) > 0;
	look_at_clock(w);
	if (any || w->again)
		look_at_watches(w);
	expire_busy(w);
	look_at_crowd(w);
	serve_waiting(w);
	atomic_store_explicit(&w->env.slot->connections, w->conns.lent, memory_order_relaxed);
	atomic_store_explicit(&w->env.slot->active, w->exchanges.lent, memory_order_relaxed);
	log_flush(w->env.access);
	log_flush(w->env.error);
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
	w.park = platform_park_open();
	open_house(&w);
	if (!allocate(&w)) {
		log_say(given->error, LOG_ERROR, "cannot allocate memory: %s", platform_why());
		log_flush(given->error);
		return 1;
	}
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

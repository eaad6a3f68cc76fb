/* SPDX-License-Identifier: MIT
 *
 * Is it the right server's turn, is a failing one left out for the right time,
 * and does every link stand in one place only?
 */
#include "../../src/backend.h"
#include "block.h"
#include <stdio.h>
#include <unistd.h>

enum { MOST = 8, SECOND = 1000 };

/* A worker's backend with its configuration, memory in blocks of their size. */
struct bench {
	struct config config;
	struct server servers[MOST];
	struct target targets[MOST];
	struct route route;
	struct backend b;
	struct log log;
	int offload; /* the far end of b.offload */
	int listener;
	struct net at; /* of the listener: all literal servers are there */
	void *peers, *turns, *links;
};

static void listen_here(struct bench *e)
{
	struct text error = block_text(200);

	assert_true(net_read(&e->at, SPAN("127.0.0.1")));
	e->at.port = 0;
	e->listener = platform_listen(&e->at, NULL, false, &error);
	assert_true(e->listener >= 0);
	assert_true(platform_local(e->listener, &e->at));
	free(error.at);
}

/* One group of so many servers at a literal address, weight 1 each; what a test
 * wants otherwise it changes before start(). */
static void prepare(struct bench *e, int servers)
{
	*e = (struct bench){.offload = -1};
	listen_here(e);
	e->config = (struct config){
		.servers = e->servers,
		.server_count = (size_t)servers,
		.target_count = (size_t)servers,
		.requests = 4,
		.idle_links = 3,
		.link_timeout = 60 * SECOND,
		.resolve_interval = 60 * SECOND,
	};
	for (int i = 0; i < servers; i++) {
		static const char *const names[MOST] = {"a", "b", "c", "d", "e", "f", "g", "h"};

		e->servers[i] = (struct server){.name = names[i], .address = e->at, .number = (uint16_t)i};
		e->targets[i] = (struct target){.server = &e->servers[i], .weight = 1};
	}
	e->route = (struct route){.targets = e->targets, .target_count = (uint16_t)servers};
	e->route.options.max_fails = 3;
	e->route.options.fail_timeout = 10 * SECOND;
}

static void start(struct bench *e)
{
	int pair[2], park = platform_park_open();

	assert_true(platform_pair(pair));
	e->offload = pair[1];
	e->peers = calloc(e->config.server_count, sizeof(struct peer));
	e->turns = calloc(e->config.target_count + e->route.group, sizeof(int32_t));
	e->links = calloc(1, pool_bytes(sizeof(struct upstream), (uint32_t)backend_links(&e->config)));
	assert_true(e->peers && e->turns && e->links);
	assert_true(log_open(&e->log, "/dev/null"));
	backend_init(&e->b, &e->config, &e->log, pair[0], park, e->peers, e->turns, e->links);
}

static void stop(struct bench *e)
{
	struct node *n;

	while ((n = list_first(&e->b.fresh)) || (n = list_first(&e->b.parked)))
		backend_idle_event(&e->b, LIST_OF(n, struct upstream, quiet));
	assert_int_equal(e->b.links.lent, 0); /* no link was lost */
	assert_int_equal(e->b.fresh.count, 0);
	assert_int_equal(e->b.parked.count, 0);
	for (size_t i = 0; i < e->config.server_count; i++)
		assert_int_equal(e->b.peers[i].idle.count, 0);
	platform_close(e->b.offload);
	platform_close(e->b.park);
	close(e->offload);
	close(e->listener);
	log_close(&e->log);
	free(e->peers);
	free(e->turns);
	free(e->links);
}

/* How many lines of the log hold this? Forgets them. */
static int told(struct bench *e, const char *what)
{
	int count = 0;

	for (size_t i = 0; i + strlen(what) <= e->log.lines.len; i++)
		count += memcmp(e->log.lines.at + i, what, strlen(what)) == 0;
	log_forget(&e->log);
	return count;
}

/* --- whose turn it is ------------------------------------------------------------ */

/* The servers that the next requests go to, by their letters. */
static const char *order(struct bench *e, int requests, uint32_t tried, int64_t now)
{
	static char letters[1000];
	int i;

	for (i = 0; i < requests; i++) {
		const struct target *t = backend_choose(&e->b, &e->route, tried, now);

		letters[i] = t ? t->server->name[0] : '-';
	}
	letters[i] = 0;
	return letters;
}

struct weights {
	const char *name;
	uint16_t weights[MOST]; /* over 1000: a backup, with the rest as its weight */
	uint32_t tried;
	const char *order;
};

static const struct weights weights[] = {
	{"one", {1}, 0, "aaaa"},
	{"two", {1, 1}, 0, "abababab"},
	{"three", {1, 1, 1}, 0, "abcabcabc"},
	{"smooth: the heavy one is spread", {5, 1, 1}, 0, "aabacaaaabacaa"},
	{"4:2:1", {4, 2, 1}, 0, "abacabaabacaba"},
	{"equal but not 1", {7, 7}, 0, "abab"},
	{"far apart", {3, 100}, 0, "bbbbbbbbbbbbbbbbb"},
	{"the second was tried", {1, 1, 1}, 2, "acacac"},
	{"one is left", {5, 1, 1}, 3, "cccc"},
	{"all were tried", {1, 1, 1}, 7, "----"},
	{"the only one was tried", {1}, 1, "--"},
	{"a backup waits", {1, 1001, 2}, 0, "caccaccac"},
	{"a backup when the others were tried", {1, 1001, 2}, 5, "bbb"},
	{"two backups by their weights", {1, 1002, 1001}, 1, "bcbbcb"},
	{"only backups", {1001, 1001}, 0, "abab"},
};

static void takes_turns(void **state)
{
	static struct bench e;

	(void)state;
	for (size_t i = 0; i < COUNT(weights); i++) {
		const struct weights *row = &weights[i];
		int count = 0;

		while (row->weights[count])
			count++;
		prepare(&e, count);
		e.route.group = 3; /* other routes come first */
		for (int k = 0; k < count; k++) {
			e.targets[k].backup = row->weights[k] > 1000;
			e.targets[k].weight = row->weights[k] % 1000;
		}
		start(&e);
		const char *got = order(&e, (int)strlen(row->order), row->tried, 0);
		if (strcmp(got, row->order) != 0)
			fail_msg("%s: %s, not %s", row->name, got, row->order);
		assert_int_equal(((int32_t *)e.turns)[0], 0); /* of another route */
		stop(&e);
	}
}

/* Over many requests each one gets its share, whatever the weights. */
static void gives_each_its_share(void **state)
{
	static struct bench e;

	(void)state;
	for (int round = 0; round < 50; round++) {
		int count = rand() % (MOST - 1) + 2, got[MOST] = {0}, sum = 0;

		prepare(&e, count);
		for (int k = 0; k < count; k++)
			sum += e.targets[k].weight = (uint16_t)(rand() % 20 + 1);
		start(&e);
		for (int i = 0; i < 3 * sum; i++)
			got[backend_choose(&e.b, &e.route, 0, 0)->server->number]++;
		for (int k = 0; k < count; k++)
			assert_int_equal(got[k], 3 * e.targets[k].weight);
		stop(&e);
	}
}

/* --- health --------------------------------------------------------------------------- */

static void fail_times(struct bench *e, int server, int times, int64_t now)
{
	for (int i = 0; i < times; i++)
		backend_failed(&e->b, &e->b.peers[server], &e->route.options, "it hurts", now);
}

static void leaves_out_who_fails(void **state)
{
	static struct bench e;

	(void)state;
	prepare(&e, 2);
	start(&e);
	fail_times(&e, 0, 2, 0);
	assert_string_equal(order(&e, 4, 0, 0), "abab");
	assert_int_equal(told(&e, "left out"), 0);
	fail_times(&e, 0, 1, 0);
	assert_string_equal(order(&e, 4, 0, 0), "bbbb");
	assert_string_equal(order(&e, 4, 0, 10 * SECOND - 1), "bbbb");
	assert_int_equal(told(&e, "server a is left out: it hurts"), 1);
	/* then it is tried again, and answers */
	assert_non_null(strchr(order(&e, 4, 0, 10 * SECOND), 'a'));
	backend_answered(&e.b, &e.b.peers[0]);
	assert_int_equal(told(&e, "server a answers again"), 1);
	assert_int_equal(e.b.peers[0].fails, 0);
	backend_answered(&e.b, &e.b.peers[0]);
	assert_int_equal(told(&e, "again"), 0);
	/* whole: it takes three failures again */
	fail_times(&e, 0, 2, 20 * SECOND);
	assert_non_null(strchr(order(&e, 4, 0, 20 * SECOND), 'a'));
	/* and an answer between them counts */
	backend_answered(&e.b, &e.b.peers[0]);
	fail_times(&e, 0, 2, 20 * SECOND);
	assert_non_null(strchr(order(&e, 4, 0, 20 * SECOND), 'a'));
	assert_int_equal(told(&e, "server"), 0);
	stop(&e);
}

/* A server left out while others had its turns does not get them all at once. */
static void comes_back_gently(void **state)
{
	static struct bench e;

	(void)state;
	prepare(&e, 2);
	start(&e);
	fail_times(&e, 0, 3, 0);
	order(&e, 500, 0, 0);
	backend_answered(&e.b, &e.b.peers[0]);
	assert_null(strstr(order(&e, 20, 0, 0), "aaa"));
	stop(&e);
}

static void grows(void **state)
{
	static const int64_t out_s[] = {10, 20, 40, 80, 160, 320, 320, 320};
	static struct bench e;
	int64_t now = 5;

	(void)state;
	prepare(&e, 2);
	start(&e);
	fail_times(&e, 0, 2, now);
	for (size_t i = 0; i < COUNT(out_s); i++) {
		fail_times(&e, 0, 1, now);
		assert_true(e.b.peers[0].out_until == now + out_s[i] * SECOND);
		now = e.b.peers[0].out_until;
	}
	assert_int_equal(told(&e, "left out"), 1); /* said once */
	stop(&e);
}

/* Many requests that were under way when it went down are one failure of it,
 * not many further ones. */
static void counts_one_outage_once(void **state)
{
	static struct bench e;

	(void)state;
	prepare(&e, 2);
	start(&e);
	fail_times(&e, 0, 100, 0);
	assert_true(e.b.peers[0].out_until == 10 * SECOND);
	fail_times(&e, 0, 100, 10 * SECOND);
	assert_true(e.b.peers[0].out_until == 30 * SECOND);
	stop(&e);
}

static void may_be_told_not_to(void **state)
{
	static struct bench e;

	(void)state;
	prepare(&e, 2);
	e.route.options.max_fails = 0;
	start(&e);
	fail_times(&e, 0, 100, 0);
	assert_string_equal(order(&e, 4, 0, 0), "abab");
	stop(&e);
}

static void asks_somebody_when_all_are_out(void **state)
{
	static struct bench e;

	(void)state;
	prepare(&e, 3);
	e.targets[2].backup = true;
	start(&e);
	fail_times(&e, 0, 3, 5);
	assert_string_equal(order(&e, 3, 0, 5), "bbb");
	fail_times(&e, 1, 3, 3);
	assert_string_equal(order(&e, 3, 0, 5), "ccc"); /* the backup */
	fail_times(&e, 2, 3, 4);
	/* all are out: the one that is due first, then the next */
	assert_string_equal(order(&e, 3, 0, 5), "bbb");
	assert_string_equal(order(&e, 3, 2, 5), "ccc");
	assert_string_equal(order(&e, 3, 6, 5), "aaa");
	assert_string_equal(order(&e, 3, 7, 5), "---");
	/* a group of one is asked whatever it did */
	e.route.target_count = 1;
	assert_string_equal(order(&e, 3, 0, 5), "aaa");
	stop(&e);
}

/* --- links -------------------------------------------------------------------------------- */

/* A link to the server that is open, as after a request. */
static struct upstream *borrow_open(struct bench *e, int server)
{
	struct upstream *u = backend_borrow(&e->b, &e->b.peers[server], 0, false, 0);
	struct watch watch;

	assert_non_null(u);
	if (u->link.phase == LINK_CONNECTING) {
		watch = (struct watch){.fd = u->link.fd, .want = PLATFORM_OUT};
		assert_int_equal(platform_poll(&watch, 1, 1000), 1);
		link_polled(&u->link, watch.got);
	}
	assert_true(link_is_open(&u->link));
	return u;
}

static void lends_the_newest(void **state)
{
	static struct bench e;
	struct upstream *u[3];

	(void)state;
	prepare(&e, 2);
	start(&e);
	for (int i = 0; i < 3; i++) {
		u[i] = borrow_open(&e, 0);
		assert_false(u[i]->reused);
		assert_ptr_equal(u[i]->peer, &e.b.peers[0]);
	}
	assert_int_equal(e.b.peers[0].idle.count, 0);
	for (int i = 0; i < 3; i++)
		backend_return(&e.b, u[i], i);
	assert_int_equal(e.b.peers[0].idle.count, 3);
	assert_int_equal(e.b.fresh.count, 3);
	assert_null(u[0]->link.in); /* it has no buffer while it is quiet */

	u[0]->link.readable = true; /* whatever was: poll says it when something is there */
	for (int i = 2; i >= 0; i--) {
		struct upstream *lent = backend_borrow(&e.b, &e.b.peers[0], 0, false, 0);

		assert_ptr_equal(lent, u[i]);
		assert_true(lent->reused);
		assert_false(lent->link.readable);
		assert_null(lent->idle.next);
		assert_null(lent->quiet.next);
	}
	/* nobody else's */
	backend_return(&e.b, u[0], 3);
	u[0] = backend_borrow(&e.b, &e.b.peers[1], 0, false, 0);
	assert_false(u[0]->reused);
	assert_ptr_equal(u[0]->peer, &e.b.peers[1]);
	backend_close(&e.b, u[0]);
	/* nor when a fresh one is asked for */
	u[0] = backend_borrow(&e.b, &e.b.peers[0], 0, true, 0);
	assert_false(u[0]->reused);
	for (int i = 0; i < 3; i++)
		backend_close(&e.b, u[i]);
	stop(&e);
}

static void keeps_so_many_idle(void **state)
{
	static struct bench e;
	struct upstream *u[4];

	(void)state;
	for (uint32_t most = 0; most < 4; most++) {
		prepare(&e, 2);
		e.config.idle_links = most;
		start(&e);
		for (int i = 0; i < 4; i++)
			u[i] = borrow_open(&e, 0);
		for (uint32_t i = 0; i < 4; i++) {
			backend_return(&e.b, u[i], i);
			assert_int_equal(e.b.peers[0].idle.count, i < most ? i + 1 : most);
			assert_int_equal(e.b.links.lent, 3 - i + (i < most ? i + 1 : most));
		}
		stop(&e);
	}
}

/* With no place left the longest idle one makes room, parked or not; with
 * nobody idle there is none. */
static void makes_room(void **state)
{
	static struct bench e;
	struct upstream *u[MOST], *other;
	uint32_t all;

	(void)state;
	prepare(&e, 3);
	start(&e);
	all = (uint32_t)backend_links(&e.config);
	assert_int_equal(all, 8); /* four requests, and as many idle ones at most */
	for (uint32_t i = 0; i < all; i++)
		u[i] = borrow_open(&e, (int)(i / 3));
	assert_null(backend_borrow(&e.b, &e.b.peers[0], 0, false, 0));
	assert_int_equal(e.b.links.lent, all);
	backend_return(&e.b, u[4], 1);
	backend_return(&e.b, u[0], 800);
	backend_tick(&e.b, 1500); /* parks the first, but not the second */
	if (e.b.park >= 0) {
		assert_true(u[4]->parked);
		assert_false(u[0]->parked);
	}
	other = backend_borrow(&e.b, &e.b.peers[2], 0, false, 0);
	assert_ptr_equal(other, u[4]); /* its place */
	assert_ptr_equal(other->peer, &e.b.peers[2]);
	assert_false(other->parked);
	assert_int_equal(e.b.peers[1].idle.count, 0);
	assert_int_equal(e.b.peers[0].idle.count, 1);
	assert_ptr_equal(backend_borrow(&e.b, &e.b.peers[0], 0, true, 0), u[0]);
	assert_int_equal(e.b.peers[0].idle.count, 0);
	assert_null(backend_borrow(&e.b, &e.b.peers[0], 0, true, 0));
	for (uint32_t i = 0; i < all; i++)
		backend_close(&e.b, u[i]);
	stop(&e);
}

static void parks_and_closes_in_time(void **state)
{
	static struct bench e;
	struct upstream *a, *b;

	(void)state;
	prepare(&e, 1);
	start(&e);
	assert_true(backend_tick(&e.b, 0) == INT64_MAX);
	a = borrow_open(&e, 0);
	b = borrow_open(&e, 0);
	backend_return(&e.b, a, 100);
	backend_return(&e.b, b, 700);
	if (e.b.park < 0) { /* this system parks nothing */
		assert_true(backend_tick(&e.b, 5000) == 60100);
		stop(&e);
		return;
	}
	assert_true(backend_tick(&e.b, 1099) == 1100);
	assert_int_equal(e.b.fresh.count, 2);
	assert_true(backend_tick(&e.b, 1100) == 1700);
	assert_true(a->parked);
	assert_false(b->parked);
	assert_true(backend_tick(&e.b, 1700) == 60100);
	assert_int_equal(e.b.parked.count, 2);
	/* a parked one is lent and comes back like any other */
	assert_ptr_equal(backend_borrow(&e.b, &e.b.peers[0], 0, false, 0), b);
	assert_false(b->parked);
	backend_return(&e.b, b, 2000);
	assert_true(backend_tick(&e.b, 2000) == 3000);
	backend_tick(&e.b, 3000);
	assert_true(b->parked);
	assert_true(backend_tick(&e.b, 60099) == 60100);
	assert_int_equal(e.b.peers[0].idle.count, 2);
	assert_true(backend_tick(&e.b, 60100) == 62000);
	assert_int_equal(e.b.peers[0].idle.count, 1);
	assert_true(backend_tick(&e.b, 62000) == INT64_MAX);
	assert_int_equal(e.b.links.lent, 0);
	stop(&e);
}

/* The server ends an idle link, watched or parked. */
static void forgets_who_ended(void **state)
{
	static struct bench e;

	(void)state;
	for (int parked = 0; parked < 2; parked++) {
		struct upstream *u;
		struct net from;
		int far;

		prepare(&e, 1);
		start(&e);
		u = borrow_open(&e, 0);
		far = platform_accept(e.listener, &from);
		assert_true(far >= 0);
		backend_return(&e.b, u, 0);
		if (parked) {
			void *who = NULL;
			struct watch watch = {.fd = e.b.park, .want = PLATFORM_IN};

			backend_tick(&e.b, 1000);
			if (e.b.park < 0 || !u->parked) {
				close(far);
				stop(&e);
				return;
			}
			assert_int_equal(platform_poll(&watch, 1, 0), 0);
			close(far);
			assert_int_equal(platform_poll(&watch, 1, 1000), 1);
			assert_int_equal(platform_parked(e.b.park, &who, 1), 1);
			assert_ptr_equal(who, u);
			backend_idle_event(&e.b, u);
			assert_int_equal(platform_poll(&watch, 1, 0), 0); /* it is parked no more */
		} else {
			close(far);
			backend_idle_event(&e.b, u);
		}
		assert_int_equal(e.b.links.lent, 0);
		assert_int_equal(e.b.peers[0].idle.count, 0);
		u = backend_borrow(&e.b, &e.b.peers[0], 0, false, 0);
		assert_false(u->reused);
		backend_close(&e.b, u);
		stop(&e);
	}
}

/* A connection that fails at once is a link with a reason, not no link. */
static void says_why_it_cannot_connect(void **state)
{
	static struct bench e;
	struct upstream *u;

	(void)state;
	prepare(&e, 1);
	e.servers[0].path = "/nonexistent/socket";
	e.servers[0].address = (struct net){.family = NET_UNIX};
	start(&e);
	u = backend_borrow(&e.b, &e.b.peers[0], 0, false, 0);
	assert_non_null(u);
	assert_non_null(u->link.why);
	assert_false(link_is_open(&u->link));
	assert_int_equal(e.b.links.lent, 1);
	backend_close(&e.b, u);
	stop(&e);
}

/* Links lent, returned, closed, ended and timed out at random: every one of
 * them stands where it says, and none is lost. */
static void holds_together(void **state)
{
	static struct bench e;
	struct upstream *lent[64];
	int count = 0;
	int64_t now = 0;

	(void)state;
	prepare(&e, 3);
	e.config.link_timeout = 5000;
	start(&e);
	for (int round = 0; round < 3000; round++) {
		struct peer *p = &e.b.peers[rand() % 3];
		struct upstream *u;
		size_t idle = 0;

		now += rand() % 300;
		switch (rand() % 6) {
		case 0:
		case 1:
			if (count < 4 && (u = backend_borrow(&e.b, p, 0, rand() % 4 == 0, 0)))
				lent[count++] = u;
			break;
		case 2:
		case 3:
			if (count)
				backend_return(&e.b, lent[--count], now);
			break;
		case 4:
			if (count)
				backend_close(&e.b, lent[--count]);
			else if (list_first(&p->idle))
				backend_idle_event(&e.b, LIST_OF(list_first(&p->idle), struct upstream, idle));
			break;
		default:
			assert_true(backend_tick(&e.b, now) > now);
		}
		for (int i = 0; i < 3; i++) {
			assert_true(e.b.peers[i].idle.count <= 3);
			idle += e.b.peers[i].idle.count;
		}
		assert_int_equal(idle, e.b.fresh.count + e.b.parked.count);
		assert_int_equal(e.b.links.lent, idle + (size_t)count);
		/* the queue of connections is not what is tested here */
		struct net from;
		int far = platform_accept(e.listener, &from);
		platform_close(far);
	}
	while (count)
		backend_close(&e.b, lent[--count]);
	stop(&e);
}

/* --- names ------------------------------------------------------------------------------------- */

static bool asked(struct bench *e, struct offload_job *job)
{
	int passed;

	return platform_pair_recv(e->offload, job, sizeof *job, &passed) == (long)sizeof *job;
}

/* The answer to a job: addresses with blanks between them, or (with '!') why not. */
static void answer(struct bench *e, uint32_t id, const char *text)
{
	struct offload_answer a = {.id = id};
	struct span rest = span_str(text);

	if (text[0] == '!')
		snprintf(a.why, sizeof a.why, "%s", text + 1);
	else
		while (rest.len) {
			assert_true(net_read(&a.addresses[a.count], span_cut(&rest, ' ')));
			a.addresses[a.count++].port = 80;
		}
	assert_true(platform_pair_send(e->offload, &a, sizeof a, -1));
}

static void prepare_names(struct bench *e)
{
	prepare(e, 3);
	for (int i = 1; i < 3; i++) {
		e->servers[i].host = i == 1 ? "one.example" : "two.example";
		e->servers[i].address = (struct net){.port = (uint16_t)(80 + i)};
	}
	start(e);
}

static bool knows(const struct peer *p, const char *addresses)
{
	char room[400];
	struct text t = text_in(room, sizeof room);

	for (unsigned i = 0; i < p->count; i++) {
		text_str(&t, i ? " " : "");
		net_write(&t, &p->addresses[i]);
	}
	return span_is(text_span(&t), span_str(addresses));
}

static void asks_for_names(void **state)
{
	static struct bench e;
	struct offload_job job;
	struct peer *one, *two;

	(void)state;
	prepare_names(&e);
	one = &e.b.peers[1], two = &e.b.peers[2];
	assert_true(knows(&e.b.peers[0], "127.0.0.1")); /* a literal one needs nobody */
	assert_int_equal(one->count, 0);
	assert_null(backend_borrow(&e.b, one, 0, false, 0)); /* no address yet */
	assert_int_equal(e.b.links.lent, 0);
	backend_tick(&e.b, 1);
	assert_true(asked(&e, &job));
	assert_int_equal(job.id, 1);
	assert_int_equal(job.port, 81);
	assert_string_equal(job.name, "one.example");
	assert_true(asked(&e, &job));
	assert_int_equal(job.id, 2);
	assert_string_equal(job.name, "two.example");
	assert_false(asked(&e, &job));
	/* once, while it is under way */
	assert_true(backend_tick(&e.b, 2) == 30001);
	backend_resolve_soon(one, 2);
	backend_tick(&e.b, 30000);
	assert_false(asked(&e, &job));
	assert_false(backend_resolved(&e.b, 5000));
	answer(&e, 2, "10.0.0.2 fd00::2");
	assert_true(backend_resolved(&e.b, 5000));
	assert_true(knows(two, "10.0.0.2 fd00::2"));
	assert_int_equal(one->count, 0);
	/* an answer that never comes is asked for again */
	backend_tick(&e.b, 30001);
	assert_true(asked(&e, &job));
	assert_int_equal(job.id, 1);
	assert_false(asked(&e, &job));
	answer(&e, 1, "10.0.0.1");
	assert_true(backend_resolved(&e.b, 31000));
	assert_true(knows(one, "10.0.0.1"));
	/* and both again at the interval, each in its time */
	assert_true(backend_tick(&e.b, 64999) == 65000);
	assert_false(asked(&e, &job));
	backend_tick(&e.b, 65000);
	assert_true(asked(&e, &job));
	assert_int_equal(job.id, 2);
	assert_false(asked(&e, &job));
	backend_tick(&e.b, 91000);
	assert_true(asked(&e, &job));
	assert_int_equal(job.id, 1);
	stop(&e);
}

static void keeps_the_last_good_ones(void **state)
{
	static struct bench e;
	struct peer *one;

	(void)state;
	prepare_names(&e);
	one = &e.b.peers[1];
	backend_tick(&e.b, 0);
	answer(&e, 1, "!no such name");
	assert_true(backend_resolved(&e.b, 10));
	assert_int_equal(one->count, 0);
	assert_string_equal(one->why, "no such name");
	assert_int_equal(told(&e, "cannot resolve one.example: no such name\n"), 1);
	answer(&e, 1, "!no such name");
	backend_resolved(&e.b, 20);
	assert_int_equal(told(&e, "cannot"), 0); /* said once */
	answer(&e, 1, "10.0.0.1 10.0.0.2");
	backend_resolved(&e.b, 30);
	assert_string_equal(one->why, "");
	one->at = 1; /* the second one connected */
	answer(&e, 1, "10.0.0.1 10.0.0.2");
	backend_resolved(&e.b, 40);
	assert_int_equal(one->at, 1); /* nothing has changed */
	answer(&e, 1, "!server is down");
	backend_resolved(&e.b, 50);
	assert_true(knows(one, "10.0.0.1 10.0.0.2"));
	assert_int_equal(told(&e, "(the old addresses stay in use)"), 1);
	answer(&e, 1, "10.0.0.2 10.0.0.3 10.0.0.4");
	backend_resolved(&e.b, 60);
	assert_true(knows(one, "10.0.0.2 10.0.0.3 10.0.0.4"));
	assert_int_equal(one->at, 0);
	answer(&e, 1, "10.0.0.5"); /* fewer than at */
	one->at = 2;
	backend_resolved(&e.b, 70);
	assert_true(knows(one, "10.0.0.5"));
	assert_int_equal(one->at, 0);
	/* without a reason there is one all the same */
	answer(&e, 2, "");
	backend_resolved(&e.b, 80);
	assert_string_equal(e.b.peers[2].why, "no address");
	stop(&e);
}

static void asks_again_soon(void **state)
{
	static struct bench e;
	struct offload_job job;
	struct peer *one;

	(void)state;
	prepare_names(&e);
	one = &e.b.peers[1];
	backend_tick(&e.b, 0);
	while (asked(&e, &job))
		;
	answer(&e, 1, "10.0.0.1");
	answer(&e, 2, "10.0.0.2");
	backend_resolved(&e.b, 0);
	backend_resolve_soon(one, 5000);
	backend_resolve_soon(one, 5900); /* does not put it off */
	assert_true(backend_tick(&e.b, 5999) == 6000);
	assert_false(asked(&e, &job));
	backend_tick(&e.b, 6000);
	assert_true(asked(&e, &job));
	assert_int_equal(job.id, 1);
	assert_false(asked(&e, &job));
	/* never a literal address, nor before it is due anyway */
	backend_resolve_soon(&e.b.peers[0], 7000);
	backend_resolve_soon(&e.b.peers[2], 59500);
	assert_true(e.b.peers[0].resolve_at == INT64_MAX);
	assert_true(e.b.peers[2].resolve_at == 60000);
	stop(&e);
}

/* An offload process that is gone costs a try a second, not the loop. */
static void lives_without_offload(void **state)
{
	static struct bench e;

	(void)state;
	prepare_names(&e);
	close(e.offload);
	e.offload = -1;
	assert_true(backend_tick(&e.b, 0) == 1000);
	assert_false(e.b.peers[1].resolving);
	assert_true(backend_tick(&e.b, 999) == 1000);
	assert_true(backend_tick(&e.b, 1000) == 2000);
	assert_false(backend_resolved(&e.b, 1000));
	stop(&e);
}

/* Answers that are none are passed over, and what comes behind them is not. */
static void drops_nonsense(void **state)
{
	static struct bench e;
	struct offload_answer a = {.id = 77, .count = 1};

	(void)state;
	prepare_names(&e);
	backend_tick(&e.b, 0);
	assert_true(platform_pair_send(e.offload, &a, sizeof a, -1)); /* no such server */
	a = (struct offload_answer){.id = 1, .count = GW_ADDRESSES + 1};
	assert_true(platform_pair_send(e.offload, &a, sizeof a, -1));
	a = (struct offload_answer){.id = 1};
	memset(a.why, 'x', sizeof a.why); /* no final zero */
	assert_true(platform_pair_send(e.offload, &a, sizeof a, -1));
	answer(&e, 2, "10.0.0.2");
	assert_true(backend_resolved(&e.b, 0));
	assert_int_equal(e.b.peers[1].count, 0);
	assert_int_equal(strlen(e.b.peers[1].why), sizeof a.why - 1);
	assert_true(knows(&e.b.peers[2], "10.0.0.2"));
	stop(&e);
}

/* Attempts go round the addresses, beginning with the one that worked last. */
static void tries_all_addresses(void **state)
{
	static struct bench e;
	struct peer *p;

	(void)state;
	prepare(&e, 1);
	start(&e);
	p = &e.b.peers[0];
	/* only the middle one listens: where a link got to shows which was taken */
	p->addresses[1] = e.at;
	assert_true(net_read(&p->addresses[0], SPAN("127.0.0.2")));
	assert_true(net_read(&p->addresses[2], SPAN("127.0.0.3")));
	p->addresses[0].port = p->addresses[2].port = e.at.port;
	p->count = 3;
	for (uint8_t at = 0; at < 3; at++)
		for (unsigned attempt = 0; attempt < 7; attempt++) {
			struct upstream *u;

			p->at = at;
			u = backend_borrow(&e.b, p, attempt, false, 0);
			assert_non_null(u);
			if (!u->link.why) {
				struct watch watch = {.fd = u->link.fd, .want = PLATFORM_OUT};

				assert_int_equal(platform_poll(&watch, 1, 1000), 1);
				link_polled(&u->link, watch.got);
			}
			if (link_is_open(&u->link) != ((at + attempt) % 3 == 1))
				fail_msg("attempt %u from %d", attempt, at);
			backend_close(&e.b, u);
		}
	stop(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_turns),
		cmocka_unit_test(gives_each_its_share),
		cmocka_unit_test(leaves_out_who_fails),
		cmocka_unit_test(comes_back_gently),
		cmocka_unit_test(grows),
		cmocka_unit_test(counts_one_outage_once),
		cmocka_unit_test(may_be_told_not_to),
		cmocka_unit_test(asks_somebody_when_all_are_out),
		cmocka_unit_test(lends_the_newest),
		cmocka_unit_test(keeps_so_many_idle),
		cmocka_unit_test(makes_room),
		cmocka_unit_test(parks_and_closes_in_time),
		cmocka_unit_test(forgets_who_ended),
		cmocka_unit_test(says_why_it_cannot_connect),
		cmocka_unit_test(holds_together),
		cmocka_unit_test(asks_for_names),
		cmocka_unit_test(keeps_the_last_good_ones),
		cmocka_unit_test(asks_again_soon),
		cmocka_unit_test(lives_without_offload),
		cmocka_unit_test(drops_nonsense),
		cmocka_unit_test(tries_all_addresses),
	};

	srand(1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

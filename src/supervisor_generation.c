/* SPDX-License-Identifier: MIT
 *
 * supervisor_generation - the processes of one configuration: when do they start
 * and end?
 */
#include "supervisor_child.h"
#include "../platform/platform.h"
#include "worker.h"

#include <stdlib.h>

enum {
	START_MS = 30000,  /* workers that are not ready by then never will be */
	PAUSE_FIRST_MS = 100,
	PAUSE_MOST_MS = 10000,
	LONG_LIFE_MS = 60000 /* a process that lived so long starts with the first pause again */
};

static int workers_of(const struct generation *g)
{
	return g->config->workers;
}

/* --- birth ------------------------------------------------------------------ */

static bool open_logs(struct generation *g, struct text *error)
{
	const char *target = g->config->error_log;
	bool open = log_open(&g->error, target);

	if (open) {
		target = g->config->access_log;
		open = log_open(&g->access, target);
	}
	if (!open)
		text_format(error, "cannot open the log %s: %s", target, platform_why());
	return open;
}

static void init(struct generation *g, struct config *c)
{
	int i, k;

	g->config = c;
	g->state = GENERATION_STARTING;
	g->kill_at = GENERATION_NEVER;
	for (k = 0; k < HELPERS; k++)
		g->helpers[k].again = GENERATION_NEVER;
	g->access.fd = g->error.fd = -1;
	for (i = 0; i < GW_WORKERS; i++) {
		struct place *p = &g->places[i];

		p->control = p->slot = -1;
		for (k = 0; k < HELPERS; k++)
			p->jobs[k][0] = p->jobs[k][1] = -1;
		p->child.again = GENERATION_NEVER;
	}
}

/* Asked here, so that a wrong name is one message and not a dying worker. */
static bool knows_user(const struct generation *g, struct text *error)
{
	const struct config *c = g->config;
	const char *why = platform_is_root() ? platform_knows(c->user, c->group) : NULL;

	if (why)
		text_format(error, "cannot run as user %s, group %s: %s", c->user ? c->user : "(unchanged)",
			    c->group ? c->group : "(of the user)", why);
	return !why;
}

static bool open_pairs(struct generation *g, struct text *error)
{
	int i, k;

	for (i = 0; i < workers_of(g); i++) {
		for (k = 0; k < HELPERS; k++) {
			if (child_has_helper(g, (enum helper)k) && !platform_pair(g->places[i].jobs[k])) {
				text_format(error, "cannot make a socket pair: %s", platform_why());
				return false;
			}
		}
	}
	return true;
}

static uint32_t busy_workers(const struct family *f)
{
	uint32_t count = 0;

	for (int i = 0; i < SHARE_SLOTS; i++)
		count += atomic_load(&f->share->slots[i].pid) != 0;
	return count;
}

/* What was kept before a reload is kept after it, if it fits. */
static void open_store(struct family *f, struct generation *g)
{
	char room[256] = "";
	struct text why = text_in(room, sizeof room - 1);
	struct generation *serving = f->all;

	while (serving && serving->state != GENERATION_SERVING)
		serving = serving->next;
	g->store = store_open(&f->stores, serving ? serving->store : NULL, g->config, busy_workers(f), &why);
	if (why.len)
		log_say(&g->error, LOG_WARN, "%s", room);
}

struct generation *generation_make(struct family *f, struct config *c, struct text *error)
{
	struct generation *g = calloc(1, sizeof *g);
	int *listeners = calloc(c->listener_count + 1, sizeof *listeners);

	if (!g || !listeners) {
		text_lit(error, "out of memory");
		free(g);
		free(listeners);
		config_free(c);
		return NULL;
	}
	init(g, c);
	g->listeners = listeners;
	g->next = f->all;
	f->all = g;
	if (knows_user(g, error) && open_logs(g, error) && sockets_open(&f->sockets, c, g->listeners, error) && open_pairs(g, error)) {
		open_store(f, g);
		return g;
	}
	generation_free(f, g);
	return NULL;
}

bool generation_start(struct family *f, struct generation *g, struct text *error)
{
	const char *why = NULL;
	int i;

	g->start_by = platform_now() + START_MS;
	for (i = 0; !why && i < HELPERS; i++)
		if (child_has_helper(g, (enum helper)i) && !child_start_helper(f, g, (enum helper)i))
			why = platform_why();
	for (i = 0; !why && i < workers_of(g); i++)
		why = child_start_worker(f, g, i);
	if (why)
		text_format(error, "cannot start a process: %s", why);
	return !why;
}

/* --- deaths and successors ------------------------------------------------------ */

static void plan_again(struct child *c, int64_t now)
{
	if (now - c->born >= LONG_LIFE_MS)
		c->pause = 0;
	c->pause = c->pause == 0 ? PAUSE_FIRST_MS : c->pause * 2;
	if (c->pause > PAUSE_MOST_MS)
		c->pause = PAUSE_MOST_MS;
	c->again = now + c->pause;
}

static struct place *place_of(struct generation *g, long pid)
{
	int i;

	for (i = 0; i < workers_of(g); i++)
		if (g->places[i].child.pid == pid)
			return &g->places[i];
	return NULL;
}

static bool is_fine(struct span how)
{
	return span_is(how, SPAN("exit status 0"));
}

/* kill_at has passed, or was never waited for. */
static bool was_killed(const struct generation *g)
{
	return g->state == GENERATION_DRAINING && g->kill_at == GENERATION_NEVER;
}

static void replace(struct generation *g, const char *what, struct child *c, long pid, struct span how)
{
	plan_again(c, platform_now());
	log_say(&g->error, LOG_ERROR, "%s %ld died: %.*s; the next one starts in %ld ms", what, pid, (int)how.len,
		how.at, (long)c->pause);
}

static void worker_ended(struct family *f, struct generation *g, struct place *p, struct span how, bool *failed)
{
	long pid = p->child.pid;

	*failed = g->state == GENERATION_STARTING;
	p->child.pid = 0;
	p->ready = false;
	platform_close(p->control);
	p->control = -1;
	child_leave_share(f, g, p, pid);
	if (*failed)
		return; /* the supervisor tells it */
	if (g->state == GENERATION_SERVING)
		replace(g, "worker", &p->child, pid, how);
	else if (!is_fine(how) && !was_killed(g))
		log_say(&g->error, LOG_WARN, "worker %ld ended: %.*s", pid, (int)how.len, how.at);
}

static bool has_workers(const struct generation *g)
{
	int i;

	for (i = 0; i < workers_of(g); i++)
		if (g->places[i].child.pid)
			return true;
	return false;
}

/* Nobody asks them any more. */
static void end_helpers(struct generation *g)
{
	int k;

	for (k = 0; k < HELPERS; k++) {
		g->helpers[k].again = GENERATION_NEVER;
		platform_kill(g->helpers[k].pid);
	}
}

static bool needs_helpers(const struct generation *g)
{
	return g->state != GENERATION_DRAINING || (has_workers(g) && !was_killed(g));
}

static bool helper_ended(struct generation *g, long pid, struct span how)
{
	int k;

	for (k = 0; k < HELPERS; k++) {
		struct child *c = &g->helpers[k];

		if (c->pid != pid)
			continue;
		c->pid = 0;
		if (needs_helpers(g))
			replace(g, child_what((enum helper)k), c, pid, how);
		return true;
	}
	return false;
}

bool generation_ended(struct family *f, struct generation *g, long pid, struct span how, bool *failed)
{
	struct place *p = place_of(g, pid);

	*failed = false;
	if (p)
		worker_ended(f, g, p, how, failed);
	else if (!helper_ended(g, pid, how))
		return false;
	if (!needs_helpers(g))
		end_helpers(g);
	return true;
}

void generation_revive(struct family *f, struct generation *g, int64_t now)
{
	const char *why;
	int i;

	if (!needs_helpers(g))
		return;
	for (i = 0; i < HELPERS; i++)
		if (now >= g->helpers[i].again && !child_start_helper(f, g, (enum helper)i))
			plan_again(&g->helpers[i], now);
	for (i = 0; i < workers_of(g); i++) {
		struct child *c = &g->places[i].child;

		if (now < c->again)
			continue;
		why = child_start_worker(f, g, i);
		if (why) {
			plan_again(c, now);
			log_say(&g->error, LOG_ERROR, "cannot start a worker: %s; next try in %ld ms", why, (long)c->pause);
		}
	}
}

/* --- states ---------------------------------------------------------------------- */

bool generation_is_ready(const struct generation *g)
{
	int i;

	for (i = 0; i < workers_of(g); i++)
		if (!g->places[i].ready)
			return false;
	return true;
}

static bool has_helpers(const struct generation *g)
{
	int k;

	for (k = 0; k < HELPERS; k++)
		if (g->helpers[k].pid)
			return true;
	return false;
}

bool generation_is_over(const struct generation *g)
{
	return g->state == GENERATION_DRAINING && !has_workers(g) && !has_helpers(g);
}

static void tell(struct generation *g, char command, int pass)
{
	int i;

	for (i = 0; i < workers_of(g); i++) {
		struct place *p = &g->places[i];

		if (p->control >= 0 && !platform_pair_send(p->control, &command, 1, pass))
			log_say(&g->error, LOG_WARN, "worker %ld does not listen: %s", p->child.pid, platform_why());
	}
}

/* Nobody is started again from here on. */
static void end(struct generation *g, char command, int64_t kill_at)
{
	int i;

	g->state = GENERATION_DRAINING;
	g->kill_at = kill_at;
	for (i = 0; i < workers_of(g); i++)
		g->places[i].child.again = GENERATION_NEVER;
	tell(g, command, -1);
	if (!has_workers(g))
		end_helpers(g);
}

void generation_drain(struct generation *g, int64_t now, int64_t ms)
{
	end(g, WORKER_DRAIN, now + ms);
}

void generation_retire(struct generation *g, int64_t now, int64_t ms)
{
	end(g, WORKER_RETIRE, now + ms);
}

void generation_quit(struct generation *g, int64_t now, int64_t ms)
{
	end(g, WORKER_QUIT, now + ms);
}

void generation_kill(struct generation *g)
{
	int i;

	g->state = GENERATION_DRAINING;
	g->kill_at = GENERATION_NEVER;
	for (i = 0; i < workers_of(g); i++) {
		g->places[i].child.again = GENERATION_NEVER;
		platform_kill(g->places[i].child.pid);
	}
	end_helpers(g);
}

void generation_hear(struct place *p)
{
	char letter = 0;
	int passed;
	long n = platform_pair_recv(p->control, &letter, 1, &passed);

	platform_close(passed);
	if (n == 1 && letter == WORKER_READY)
		p->ready = true;
	if (n == 0 || n == PLATFORM_BROKEN) { /* it is dying: SIGCHLD tells the rest */
		platform_close(p->control);
		p->control = -1;
	}
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

int64_t generation_deadline(const struct generation *g)
{
	int64_t due = GENERATION_NEVER;
	int i;

	for (i = 0; i < HELPERS; i++)
		due = earlier(due, g->helpers[i].again);
	if (g->state == GENERATION_STARTING)
		due = earlier(due, g->start_by);
	if (g->state == GENERATION_DRAINING)
		due = earlier(due, g->kill_at);
	for (i = 0; i < workers_of(g); i++)
		due = earlier(due, g->places[i].child.again);
	return due;
}

/* --- logs and the end ------------------------------------------------------------------ */

static void reopen(struct generation *g, struct log *l, const char *target, char command)
{
	int fd;

	if (l->kind != LOG_FILE || strcmp(target, "stderr") == 0)
		return;
	fd = platform_append(target);
	if (fd < 0) {
		log_say(&g->error, LOG_ERROR, "cannot reopen the log %s: %s; the old one goes on", target, platform_why());
		return;
	}
	tell(g, command, fd);
	log_use(l, fd);
}

void generation_reopen(struct generation *g)
{
	reopen(g, &g->access, g->config->access_log, WORKER_ACCESS_LOG);
	reopen(g, &g->error, g->config->error_log, WORKER_ERROR_LOG);
}

void generation_free(struct family *f, struct generation *g)
{
	struct generation **at = &f->all;
	int i, k;

	while (*at != g)
		at = &(*at)->next;
	*at = g->next;
	for (i = 0; i < workers_of(g); i++) {
		platform_close(g->places[i].control);
		for (k = 0; k < HELPERS; k++) {
			platform_close(g->places[i].jobs[k][0]);
			platform_close(g->places[i].jobs[k][1]);
		}
	}
	log_close(&g->access);
	log_close(&g->error);
	store_close(&f->stores, g->store);
	config_free(g->config);
	free(g->listeners);
	free(g);
}

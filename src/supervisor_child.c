/* SPDX-License-Identifier: MIT
 *
 * supervisor_child - how does a process of a configuration begin?
 *
 * Children are forked, not executed: they begin with all that the supervisor
 * has open and close what is not theirs first.
 */
#include "supervisor_child.h"
#include "../platform/platform.h"
#include "offload.h"
#include "worker.h"

#include <stdlib.h>

/* --- helpers -------------------------------------------------------------- */

static const struct {
	const char *title; /* at most 15 letters: Linux cuts it there */
	const char *what;
	int (*run)(const int *sockets, int count);
} helpers[HELPERS] = {
	[HELPER_NAMES] = {"gateway-offload", "offload process", offload_run},
	[HELPER_PASSWORDS] = {"gateway-login", "password process", offload_run_passwords},
};

bool child_has_helper(const struct generation *g, enum helper kind)
{
	return kind != HELPER_PASSWORDS || g->config->users_count;
}

const char *child_what(enum helper kind)
{
	return helpers[kind].what;
}

/* --- children ------------------------------------------------------------- */

/* What of generation g a child of `own` closes: the worker of this place, or else (NULL)
 * this helper; HELPERS: it is none. */
static void leave(struct generation *g, const struct generation *own, const struct place *place, enum helper helper)
{
	int i, k;

	for (i = 0; i < g->config->workers; i++) {
		struct place *p = &g->places[i];

		platform_close(p->control);
		for (k = 0; k < HELPERS; k++) {
			if (p != place)
				platform_close(p->jobs[k][0]);
			if (g != own || k != (int)helper)
				platform_close(p->jobs[k][1]);
		}
	}
	log_forget(&g->access);
	log_forget(&g->error);
	if (g != own) {
		platform_close(g->access.fd);
		platform_close(g->error.fd);
	}
}

static void leave_others(struct family *f, const struct generation *own, const struct place *place, enum helper helper)
{
	struct generation *g;

	for (g = f->all; g; g = g->next)
		leave(g, own, place, helper);
	sockets_leave(f->sockets, own->listeners, place ? own->config->listener_count : 0);
	control_leave(&f->control);
	store_forget(f->stores, place ? own->store : NULL);
}

/* A child has no business with the keys of other configurations, and helpers,
 * which read what name servers and strangers say, with any. */
static void forget(struct family *f, const struct generation *kept)
{
	struct generation *g;

	for (g = f->all; g; g = g->next) {
		if (g == kept)
			continue;
		config_free(g->config);
		g->config = NULL;
	}
}

/* Rights are dropped before a byte of a stranger is read. Not root means none
 * to drop; the supervisor has said so. */
static bool drop_rights(struct generation *g)
{
	const struct config *c = g->config;
	bool root = platform_is_root();
	const char *why = platform_become(root ? c->user : NULL, root ? c->group : NULL);

	if (why) {
		log_say(&g->error, LOG_ERROR, "cannot become user %s, group %s: %s", c->user ? c->user : "(unchanged)",
			c->group ? c->group : "(of the user)", why);
		log_flush(&g->error);
		return false;
	}
	platform_follow_parent();
	return true;
}

static int be_worker(struct family *f, struct generation *g, int number, int control)
{
	const struct place *p = &g->places[number];
	struct worker_given given = {
		.config = g->config, .share = f->share, .slot = p->slot, .cache = g->store ? g->store->cache : NULL,
		.listeners = g->listeners,
		.control = control, .offload = p->jobs[HELPER_NAMES][0], .passwords = p->jobs[HELPER_PASSWORDS][0],
		.access = &g->access, .error = &g->error,
	};

	leave_others(f, g, p, HELPERS);
	forget(f, g);
	platform_title("gateway-worker");
	return drop_rights(g) ? worker_run(&given) : 1;
}

static int be_helper(struct family *f, struct generation *g, enum helper kind)
{
	int sockets[GW_WORKERS], count = g->config->workers, i;

	leave_others(f, g, NULL, kind);
	for (i = 0; i < count; i++)
		sockets[i] = g->places[i].jobs[kind][1];
	platform_title(helpers[kind].title);
	if (!drop_rights(g))
		return 1;
	forget(f, NULL);
	return helpers[kind].run(sockets, count);
}

static void began(struct child *c, long pid)
{
	c->pid = pid;
	c->born = platform_now();
	c->again = GENERATION_NEVER;
}

bool child_start_helper(struct family *f, struct generation *g, enum helper kind)
{
	long pid = platform_fork();

	if (pid == 0)
		_Exit(be_helper(f, g, kind));
	if (pid > 0)
		began(&g->helpers[kind], pid);
	return pid > 0;
}

static bool fork_worker(struct family *f, struct generation *g, int number)
{
	struct place *p = &g->places[number];
	int pair[2];
	long pid;

	if (!platform_pair(pair))
		return false;
	p->control = pair[0];
	p->ready = false;
	pid = platform_fork();
	if (pid == 0)
		_Exit(be_worker(f, g, number, pair[1]));
	platform_close(pair[1]);
	if (pid > 0) {
		began(&p->child, pid);
		atomic_store(&f->share->slots[p->slot].pid, (uint32_t)pid);
		return true;
	}
	platform_close(p->control);
	p->control = -1;
	return false;
}

/* What it kept is left before the slot may be another one's. */
void child_leave_share(struct family *f, struct generation *g, struct place *p, long pid)
{
	if (pid)
		store_leave(g->store, p->slot, pid);
	if (p->slot >= 0)
		share_leave(f->share, p->slot);
	p->slot = -1;
}

const char *child_start_worker(struct family *f, struct generation *g, int number)
{
	struct place *p = &g->places[number];

	p->slot = share_join(f->share);
	if (p->slot < 0)
		return "too many workers of earlier configurations are still draining";
	if (fork_worker(f, g, number))
		return NULL;
	child_leave_share(f, g, p, 0);
	return platform_why();
}

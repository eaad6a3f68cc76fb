/* SPDX-License-Identifier: MIT
 *
 * supervisor - which processes run, and with which configuration?
 *
 * The policy alone: generations start and end their processes themselves. The
 * loop sleeps in poll until a signal, a word of a worker, or the next deadline.
 */
#include "supervisor.h"
#include "../platform/platform.h"
#include "supervisor_answer.h"
#include "supervisor_certs.h"
#include "supervisor_generation.h"

#include <stdlib.h>

enum {
	KILL_MS = 1000,  /* after drain_timeout or reload_timeout, which workers keep themselves */
	RETIRED = 4,     /* generations that may take their time; the oldest of more is hurried */
	QUIT_MS = 500,   /* for last words after a second SIGTERM */
	LOG_RETRY_MS = 200,
	SAY = 512,       /* bytes of one message */
	HEARD = 16384    /* of all that one configuration has to say */
};

struct supervisor {
	struct family family;
	supervisor_load *load;
	void *user;
	struct certs certs; /* of what serves */
	bool renewing;   /* what began last has the same configuration with other files: certificates, users, networks */
	bool clock_told; /* that it is wrong */
	int signals; /* descriptor */
	int stops;   /* SIGTERM and SIGINT so far */
	int status;  /* exit status to be */
};

/* --- saying ---------------------------------------------------------------- */

static struct generation *in_state(struct supervisor *s, enum generation_state state)
{
	struct generation *g = s->family.all;

	while (g && g->state != state)
		g = g->next;
	return g;
}

/* The log that people look at: of what serves, or else of what last did. */
static struct generation *speaker(struct supervisor *s)
{
	struct generation *g = in_state(s, GENERATION_SERVING);

	return g ? g : s->family.all;
}

static void print(const char *format, const char *value)
{
	char room[2048];
	struct text t = text_in(room, sizeof room);

	text_format(&t, format, value);
	platform_print(PLATFORM_ERROR, text_span(&t));
}

/* Before there is a log, and when the log is elsewhere, stderr hears it. Some
 * messages were made for stderr and name us already. */
static void say(struct supervisor *s, enum log_level level, const char *message)
{
	struct generation *g = speaker(s);

	if (strncmp(message, "gateway: ", 9) == 0)
		message += 9;
	if (g) {
		log_say(&g->error, level, "%s", message);
		log_flush(&g->error);
	}
	if (!g || (level == LOG_ERROR && strcmp(g->config->error_log, "stderr") != 0))
		print("gateway: %s\n", message);
}

/* Where the word stands that makes a message no more than a warning; NULL. */
static const char *warning_in(const char *message)
{
	return strstr(message, ": warning: ");
}

/* Messages of the configuration begin with file:line already. */
static void say_config(void *user, const char *message)
{
	struct supervisor *s = user;

	if (speaker(s))
		say(s, warning_in(message) ? LOG_WARN : LOG_ERROR, message);
	else
		print("%s\n", message);
}

/* Zero-ended for say; cut when it is too long. */
static const char *ended(struct text *t)
{
	if (t->len == t->size)
		t->len--;
	t->at[t->len] = 0;
	return t->at;
}

static void say_ready(struct generation *g)
{
	const struct config *c = g->config;
	char room[SAY];
	struct text list = text_in(room, sizeof room);
	size_t i;

	for (i = 0; i < c->listener_count; i++)
		text_format(&list, "%s%s", i ? ", " : "", c->listeners[i].text);
	log_say(&g->error, LOG_NOTICE, "ready: gateway %s, %d worker%s, listening on %s", GW_VERSION, c->workers,
		c->workers == 1 ? "" : "s", ended(&list));
	log_flush(&g->error);
}

/* --- rights and limits ------------------------------------------------------ */

/* Open at once in one worker: clients, links to servers, pipes of long bodies,
 * idle links, and some for the house. */
static size_t descriptors(const struct config *c)
{
	return (size_t)c->clients + 3 * (size_t)c->requests + (c->cache ? GW_ERRANDS : 0) + (size_t)c->idle_links * c->server_count + c->listener_count
	       + 64;
}

static void check_clock(struct supervisor *s, const struct config *c)
{
	char room[SAY];
	struct text message = text_in(room, sizeof room);

	if (s->clock_told || !certs_clock_is_wrong() || !(c->tls.accepted || c->tls.connected))
		return;
	s->clock_told = true;
	text_lit(&message, "the clock shows ");
	text_span_add(&message, log_iso(platform_clock()));
	text_lit(&message, ", before this program was made: certificates are taken as if it were ");
	text_span_add(&message, log_iso(GW_BUILT));
	say(s, LOG_WARN, ended(&message));
}

static void check_system(struct supervisor *s, const struct config *c)
{
	char room[SAY];
	struct text message = text_in(room, sizeof room);

	check_clock(s, c);
	if (!platform_descriptors(descriptors(c))) {
		text_format(&message, "cannot raise the limit of open descriptors to %lu: %s; lower clients or idle_links",
			    (unsigned long)descriptors(c), platform_why());
		say(s, LOG_WARN, ended(&message));
	}
	if (platform_is_root() && !c->user)
		say(s, LOG_WARN, "workers run as root: give them a user of their own (user = nobody)");
	if (!platform_is_root() && (c->user || c->group))
		say(s, LOG_NOTICE, "user and group are ignored: gateway was not started as root");
}

/* --- being asked -------------------------------------------------------------- */

/* Who keeps nothing cannot be asked anything. Without it all else works. */
static void open_control(struct supervisor *s, const struct generation *g)
{
	char room[SAY];
	struct text why = text_in(room, sizeof room);

	if (!g->store)
		control_close(&s->family.control);
	else if (!g->config->state)
		say(s, LOG_WARN, "the cache cannot be asked or purged without a place for that: add 'state = DIRECTORY' to [gateway]");
	else if (!control_open(&s->family.control, g->config->state, &why)) {
		text_lit(&why, "; so the cache cannot be asked or purged ('state' in [gateway] names another directory)");
		say(s, LOG_WARN, ended(&why));
	}
}

static void answer(void *user, struct span line, struct text *out)
{
	struct supervisor *s = user;
	struct generation *g = speaker(s);
	struct answerer a = {.config = g->config, .serving = g->store, .all = s->family.stores};

	answer_write(&a, line, out);
}

/* --- generations -------------------------------------------------------------- */

static void tidy_sockets(struct supervisor *s)
{
	struct generation *g;

	sockets_doubt(s->family.sockets);
	for (g = s->family.all; g; g = g->next)
		if (g->state != GENERATION_DRAINING)
			sockets_need(s->family.sockets, g->listeners, g->config->listener_count);
	sockets_tidy(&s->family.sockets);
}

static void drain(struct generation *g)
{
	generation_drain(g, platform_now(), g->config->drain_timeout + KILL_MS);
}

static void hurry(struct generation *g)
{
	if (g->kill_at > platform_now() + g->config->drain_timeout + KILL_MS && g->kill_at != GENERATION_NEVER)
		drain(g);
}

/* What an old configuration still carries goes on. Each costs its memory, though:
 * of many the oldest has to hurry. */
static void retire(struct supervisor *s, struct generation *old)
{
	struct generation *g;
	int count = 0;

	generation_retire(old, platform_now(), old->config->reload_timeout + KILL_MS);
	for (g = s->family.all; g; g = g->next)
		if (g->state == GENERATION_DRAINING && ++count > RETIRED)
			hurry(g);
}

/* A configuration that cannot start changes nothing; the very first one is the
 * end of the program. */
static void give_up(struct supervisor *s, struct generation *g, const char *why)
{
	char room[SAY];
	struct text message = text_in(room, sizeof room);
	bool first = !in_state(s, GENERATION_SERVING);

	generation_kill(g);
	if (s->renewing)
		certs_refused(&s->certs, platform_now());
	text_format(&message, "%s%s", why, first ? "" : "; the configuration that runs goes on");
	say(s, LOG_ERROR, ended(&message));
	if (first && !s->stops)
		s->status = s->stops = 1;
	tidy_sockets(s);
}

/* Takes the configuration. False, after saying why: there is no such generation. */
static bool begin(struct supervisor *s, struct config *c)
{
	char room[SAY];
	struct text error = text_in(room, sizeof room);
	struct generation *g;

	if (!config_complete(c, &error)) {
		say(s, LOG_ERROR, ended(&error));
		config_free(c);
		return false;
	}
	if (error.len) {
		say(s, LOG_WARN, ended(&error));
		error.len = 0;
	}
	g = generation_make(&s->family, c, &error);
	if (!g) {
		say(s, LOG_ERROR, ended(&error));
		tidy_sockets(s);
		return false;
	}
	check_system(s, c);
	if (!generation_start(&s->family, g, &error))
		give_up(s, g, ended(&error));
	return true;
}

static void promote(struct supervisor *s, struct generation *young)
{
	struct generation *old = in_state(s, GENERATION_SERVING);

	young->state = GENERATION_SERVING;
	if (!certs_begin(&s->certs, young->config, platform_now()))
		say(s, LOG_WARN, "out of memory: changed files are not noticed: certificates, users, networks");
	if (old)
		retire(s, old);
	certs_say(young->config, &young->error);
	open_control(s, young);
	say_ready(young);
	tidy_sockets(s);
}

/* A second SIGHUP before the first one's workers are ready counts alone. */
static void reload(struct supervisor *s)
{
	struct generation *starting = in_state(s, GENERATION_STARTING);
	struct config *c;

	if (s->stops)
		return;
	s->renewing = false;
	c = s->load(s->user, say_config, s);
	if (!c) {
		say(s, LOG_ERROR, "the configuration is not taken; the one that runs goes on");
		return;
	}
	if (starting && in_state(s, GENERATION_SERVING))
		drain(starting); /* those that were ready may have taken a connection */
	else if (starting) /* nothing serves yet: let it become what is replaced */
		starting->state = GENERATION_SERVING;
	if (!begin(s, c))
		say(s, LOG_ERROR, "the configuration is not taken; the one that runs goes on");
}

/* --- files that it names -------------------------------------------------------------- */

static void hear(void *heard, const char *message)
{
	text_add(heard, message, strlen(message) + 1);
}

/* What there is against them: faults, or else all warnings. */
static void refuse(struct supervisor *s, const struct text *heard, bool faults)
{
	char room[HEARD];
	struct text line;
	const char *at = heard->at, *warning;

	for (; at < heard->at + heard->len; at += strlen(at) + 1) {
		warning = warning_in(at);
		if (faults && warning)
			continue;
		line = text_in(room, sizeof room);
		text_lit(&line, "files changed, but ");
		text_add(&line, at, warning ? (size_t)(warning - at) : 0);
		text_str(&line, warning ? warning + sizeof ": warning" - 1 : at);
		text_lit(&line, ": the old ones stay in use");
		say(s, LOG_ERROR, ended(&line));
	}
}

/* The same configuration with what its files are now. A new warning is as good
 * as a fault here: the file may be half-written, or the wrong one. */
static void renew(struct supervisor *s)
{
	char room[HEARD], more[HEARD];
	struct text heard = text_in(room, sizeof room), news = text_in(more, sizeof more);
	struct config *c = config_again(s->certs.config, hear, &heard);
	const char *at;

	if (!c || config_news(c, s->certs.config, hear, &news)) {
		refuse(s, c ? &news : &heard, !c);
		config_free(c);
		certs_refused(&s->certs, platform_now());
		return;
	}
	say(s, LOG_NOTICE, "files changed: loading them anew");
	for (at = heard.at; at < heard.at + heard.len; at += strlen(at) + 1)
		say_config(s, at);
	s->renewing = true;
	if (begin(s, c))
		return;
	say(s, LOG_ERROR, "files changed, but cannot be taken: the old ones stay in use");
	certs_refused(&s->certs, platform_now());
}

/* While another configuration starts nothing is looked at: it will begin anew. */
static bool minds_certs(struct supervisor *s)
{
	return !s->stops && s->certs.config && !in_state(s, GENERATION_STARTING);
}

static void keep_certs(struct supervisor *s, int64_t now)
{
	if (!minds_certs(s))
		return;
	certs_remind(&s->certs, &speaker(s)->error, now);
	if (certs_changed(&s->certs, now))
		renew(s);
}

/* --- the end --------------------------------------------------------------------- */

static void stop(struct supervisor *s)
{
	struct generation *g;

	s->stops++;
	certs_end(&s->certs);
	control_close(&s->family.control);
	say(s, LOG_NOTICE, s->stops == 1 ? "stopping: requests under way are finished first" : "stopping at once");
	for (g = s->family.all; g; g = g->next) {
		if (s->stops > 1)
			generation_quit(g, platform_now(), QUIT_MS);
		else if (g->state == GENERATION_STARTING)
			generation_kill(g);
		else if (g->state == GENERATION_SERVING)
			drain(g);
		else
			hurry(g);
	}
	tidy_sockets(s); /* none is needed: who calls now is refused, not left waiting */
}

/* --- the loop -------------------------------------------------------------------- */

static void reap(struct supervisor *s)
{
	char room[SAY], line[SAY];
	struct text how = text_in(room, sizeof room), message;
	struct generation *g;
	bool failed;
	long pid;

	while (platform_reap(&pid, &how)) {
		failed = false;
		for (g = s->family.all; g; g = g->next)
			if (generation_ended(&s->family, g, pid, text_span(&how), &failed))
				break;
		if (failed) {
			message = text_in(line, sizeof line);
			text_format(&message, "worker %ld ended while starting: %.*s", pid, (int)how.len, how.at);
			give_up(s, g, ended(&message));
		}
		how.len = 0;
	}
}

static void take_signals(struct supervisor *s)
{
	struct generation *g;
	int letter;

	while ((letter = platform_signal(s->signals))) {
		if (letter == PLATFORM_CHILD)
			reap(s);
		else if (letter == PLATFORM_RELOAD)
			reload(s);
		else if (letter == PLATFORM_STOP)
			stop(s);
		else if (letter == PLATFORM_REOPEN)
			for (g = s->family.all; g; g = g->next)
				generation_reopen(g);
	}
}

static void keep_times(struct supervisor *s, struct generation *g, int64_t now)
{
	if (g->state == GENERATION_STARTING && generation_is_ready(g))
		promote(s, g);
	if (g->state == GENERATION_STARTING && now >= g->start_by)
		give_up(s, g, "workers did not start in time");
	if (g->state == GENERATION_DRAINING && now >= g->kill_at) {
		log_say(&g->error, LOG_WARN, "workers did not end in time and are killed");
		generation_kill(g);
	}
	generation_revive(&s->family, g, now);
}

/* What is due; then logs are written and what is over is freed. */
static void turn(struct supervisor *s)
{
	int64_t now = platform_now();
	struct generation *g, *next;

	control_step(&s->family.control, now, answer, s);
	for (g = s->family.all; g; g = next) {
		next = g->next;
		keep_times(s, g, now);
		if (generation_is_over(g))
			generation_free(&s->family, g);
	}
	keep_certs(s, now);
}

static int64_t wait_ms(struct supervisor *s)
{
	int64_t now = platform_now(), due = minds_certs(s) ? certs_due(&s->certs) : GENERATION_NEVER, at = control_due(&s->family.control);
	struct generation *g;

	if (at < due)
		due = at;
	for (g = s->family.all; g; g = g->next) {
		at = generation_deadline(g);
		if (log_flush(&g->error) && at > now + LOG_RETRY_MS)
			at = now + LOG_RETRY_MS;
		if (at < due)
			due = at;
	}
	if (due == GENERATION_NEVER)
		return -1;
	return due > now ? due - now : 0;
}

static void sleep_and_listen(struct supervisor *s)
{
	struct watch watches[1 + SHARE_SLOTS + CONTROL_WATCHES];
	struct place *places[1 + SHARE_SLOTS];
	struct generation *g;
	size_t count = 1, i;

	watches[0] = (struct watch){.fd = s->signals, .want = PLATFORM_IN};
	for (g = s->family.all; g; g = g->next) {
		for (i = 0; i < (size_t)g->config->workers && count <= SHARE_SLOTS; i++) {
			if (g->places[i].control < 0)
				continue;
			places[count] = &g->places[i];
			watches[count++] = (struct watch){.fd = g->places[i].control, .want = PLATFORM_IN};
		}
	}
	if (platform_poll(watches, count + control_watches(&s->family.control, watches + count), wait_ms(s)) <= 0)
		return;
	for (i = 1; i < count; i++)
		if (watches[i].got)
			generation_hear(places[i]);
}

int supervisor_run(supervisor_load *load, void *user)
{
	static struct supervisor s; /* too large for a small stack */
	struct config *c = load(user, say_config, &s);

	if (!c)
		return 2;
	s.load = load;
	s.user = user;
	control_init(&s.family.control);
	s.signals = platform_signals();
	s.family.share = share_make();
	if (s.signals < 0 || !s.family.share) {
		print("gateway: cannot start: %s\n", platform_why());
		config_free(c);
		return 1;
	}
	if (!begin(&s, c))
		return 1;
	while (s.family.all) {
		sleep_and_listen(&s);
		take_signals(&s);
		turn(&s);
	}
	return s.status;
}

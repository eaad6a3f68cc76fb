/* SPDX-License-Identifier: MIT
 *
 * session - what does gateway keep about sessions?
 *
 * In the state directory: the key that proves them, and for each user who was
 * logged out everywhere how often that was. A session holds with the number that
 * it began with.
 */
#include "config_session.h"
#include "config_files.h"
#include "config_users.h"
#include "../platform/platform.h"
#include <stdlib.h>

#define KEY_FILE "session.key"
#define LOGOUTS "logouts"
#define LOGOUTS_LOCK "logouts.lock"

enum {
	LOGOUTS_MOST = 1024 * 1024,
	LOCK_MS = 10000 /* a lock that is held for so long is not of one who writes a line */
};

/* STATE/NAME */
static const char *path_of(struct arena *a, const struct config *c, const char *name)
{
	size_t size = strlen(c->state) + strlen(name) + 1;
	struct text path = text_in(arena_take(a, size + 1), size);

	text_str(&path, c->state);
	text_char(&path, '/');
	text_str(&path, name);
	return path.at;
}

void session_watch(struct draft *d, const struct config *c)
{
	if (!GW_HAS(AUTH))
		return;
	if (!c->users_count)
		return;
	if (c->state)
		files_watch(d, path_of(d->faults->arena, c, LOGOUTS));
	else
		fault_at(d->faults, c->users[0].line, "[users %s]: log-ins need a place for their key: add 'state = DIRECTORY' to [gateway]",
			 c->users[0].label);
}

/* --- the key -------------------------------------------------------------------- */

enum found {
	FOUND, FOUND_NONE,
	FOUND_BAD, /* cut off, or what a disk leaves of a file when the power fails: all zeros */
	FOUND_UNREADABLE
};

static bool is_key(const unsigned char *at, long len)
{
	unsigned char any = 0;

	for (long i = 0; i < len; i++)
		any |= at[i];
	return len == SESSION_KEY && any;
}

static enum found load_key(struct arena *a, struct config *c)
{
	unsigned char room[SESSION_KEY + 1];
	long len = platform_read_in(c->state, KEY_FILE, room, sizeof room);

	bool good = is_key(room, len);

	if (good)
		memcpy(c->key, room, SESSION_KEY);
	span_wipe(room, sizeof room);
	if (len < 0)
		return platform_stamp(path_of(a, c, KEY_FILE)) ? FOUND_UNREADABLE : FOUND_NONE;
	return good ? FOUND : FOUND_BAD;
}

static bool make_directory(const struct config *c, struct text *error)
{
	if (platform_directory(c->state))
		return true;
	text_format(error, "gateway: cannot make the directory %s: %s ('state' in [gateway] names another one)", c->state, platform_why());
	return false;
}

static bool make_key(struct arena *a, const struct config *c, struct text *error)
{
	const char *path = path_of(a, c, KEY_FILE);
	unsigned char key[SESSION_KEY];
	bool good;

	if (!make_directory(c, error))
		return false;
	good = platform_random(key, sizeof key);
	if (!good)
		text_format(error, "gateway: cannot make a key for sessions: %s", platform_why());
	else if (!(good = platform_keep(path, key, sizeof key)))
		text_format(error, "gateway: cannot write %s: %s ('state' in [gateway] names another directory)", path, platform_why());
	span_wipe(key, sizeof key);
	return good;
}

/* What lies there in the end is what the next start will find, whoever wrote it. */
static bool take_key(struct arena *a, struct config *c, struct text *error)
{
	enum found first = load_key(a, c), found = first;

	if (first == FOUND_NONE || first == FOUND_BAD) {
		if (!make_key(a, c, error))
			return false;
		found = load_key(a, c);
	}
	if (found == FOUND && first == FOUND_BAD)
		text_format(error, "gateway: %s/" KEY_FILE " was no key and is made anew: all have to log in again", c->state);
	else if (found == FOUND && !platform_is_private(path_of(a, c, KEY_FILE)))
		text_format(error, "gateway: others may read %s/" KEY_FILE ", and so log in as anybody: remove it and start gateway again, for a new one", c->state);
	else if (found != FOUND)
		text_format(error, "gateway: cannot read %s/" KEY_FILE ": %s", c->state, platform_why());
	return found == FOUND;
}

/* --- who has been logged out ------------------------------------------------------ */

/* "NAME NUMBER"; a name may hold blanks. */
static bool read_line(struct span line, struct span *name, uint64_t *number)
{
	size_t at = line.len;

	while (at && line.at[at - 1] != ' ')
		at--;
	if (at < 2)
		return false;
	*name = span_of(line.at, at - 1);
	return span_number(span_of(line.at + at, line.len - at), number);
}

/* *text is in memory from malloc, in *room: the caller frees it. */
static bool load_logouts(const struct config *c, char **room, struct span *text, struct text *error)
{
	long len;
	uint64_t stamp;
	char path[1024];
	struct text t = text_in(path, sizeof path - 1);

	*room = malloc(LOGOUTS_MOST + 1);
	if (!*room) {
		text_lit(error, "gateway: not enough memory for the list of those who were logged out");
		return false;
	}
	text_format(&t, "%s/" LOGOUTS, c->state);
	path[t.len] = '\0';
	len = platform_read_in(c->state, LOGOUTS, *room, LOGOUTS_MOST + 1);
	*text = span_of(*room, len < 0 ? 0 : (size_t)len);
	if (len >= 0 && len <= LOGOUTS_MOST)
		return true;
	stamp = platform_stamp(path);
	if (len < 0 && !stamp)
		return true;
	text_format(error, "gateway: cannot read %s: %s", path, len < 0 ? platform_why() : "it is larger than 1 MB");
	return false;
}

/* A line that says nothing may have been one that ends sessions: none is passed over. */
static bool take_logouts(struct config *c, struct span text, struct text *error)
{
	struct span name;
	uint64_t number;
	int line = 1;

	for (; text.len; line++) {
		if (!read_line(span_cut(&text, '\n'), &name, &number)) {
			text_format(error, "gateway: %s/" LOGOUTS ":%d: expected NAME NUMBER", c->state, line);
			return false;
		}
		for (size_t i = 0; i < c->users_count; i++) {
			struct user *u = users_find(&c->users[i], name);

			if (u)
				u->logouts = number;
		}
	}
	return true;
}

bool session_complete(struct arena *a, struct config *c, struct text *error)
{
	if (!GW_HAS(AUTH))
		return true;

	char said[1200], *room;
	struct text why = text_in(said, sizeof said);
	struct span text;
	bool good;

	if (!c->users_count)
		return true;
	if (!take_key(a, c, error))
		return false;
	good = load_logouts(c, &room, &text, &why) && take_logouts(c, text, &why);
	free(room);
	if (!good) {
		error->len = 0;
		text_span_add(error, text_span(&why));
	}
	return good;
}

/* --- logging out ------------------------------------------------------------------- */

static bool is_known(const struct config *c, struct span name, struct text *error)
{
	const char *hint = "";

	for (size_t i = 0; i < c->users_count; i++)
		if (users_find(&c->users[i], name))
			return true;
	for (size_t i = 0; i < c->users_count && !*hint; i++)
		hint = users_hint(c->arena, &c->users[i], name);
	text_lit(error, "gateway: nobody who may log in has the name '");
	text_quoted(error, name);
	text_char(error, '\'');
	text_str(error, hint);
	return false;
}

/* All lines but the one of this name, and that one with the next number behind them. */
static bool write_logouts(const struct config *c, struct span name, struct span text, struct text *error)
{
	size_t size = text.len + name.len + 32;
	char *at = malloc(size);
	struct text out = text_in(at, size);
	struct span other;
	uint64_t number, next = 1;
	const char *path = path_of(c->arena, c, LOGOUTS);
	bool good = false;

	while (at && text.len) {
		struct span line = span_cut(&text, '\n');

		if (read_line(line, &other, &number) && span_is(other, name)) {
			next = number + 1;
			continue;
		}
		text_span_add(&out, line);
		text_char(&out, '\n');
	}
	if (at) {
		text_span_add(&out, name);
		text_char(&out, ' ');
		text_number(&out, next);
		text_char(&out, '\n');
		good = !out.full && platform_keep(path, out.at, out.len);
	}
	if (!good)
		text_format(error, "gateway: cannot write %s: %s", path, at ? platform_why() : "out of memory");
	free(at);
	return good;
}

/* Who writes holds the lock since before it read, or of two at a time one is lost. */
static bool log_out(const struct config *c, struct span name, struct text *error)
{
	const char *path = path_of(c->arena, c, LOGOUTS_LOCK);
	int lock = platform_lock(path, LOCK_MS);
	struct span text;
	char *room = NULL;
	bool good;

	if (lock < 0) {
		text_format(error, "gateway: cannot lock %s: %s", path, platform_why());
		return false;
	}
	good = load_logouts(c, &room, &text, error) && write_logouts(c, name, text, error);
	free(room);
	platform_close(lock);
	return good;
}

bool config_logout(const struct config *c, struct span name, struct text *error, bool *mistake)
{
	struct arena *a = c->arena;

	*mistake = false;
	if (setjmp(a->none)) {
		text_lit(error, "gateway: not enough memory for the configuration");
		return false;
	}
	if (!is_known(c, name, error)) {
		*mistake = true;
		return false;
	}
	return make_directory(c, error) && log_out(c, name, error);
}

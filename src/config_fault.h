/* SPDX-License-Identifier: MIT
 *
 * fault - what is wrong with this configuration, and where?
 */
#ifndef CONFIG_FAULT_H
#define CONFIG_FAULT_H

#include "config_arena.h"

struct fault;

/* A certificate, wherever the configuration names it. */
struct dated {
	struct dated *next;
	int line;
	struct span what; /* "[site x]: cert a.pem" */
	int64_t from, until; /* seconds since 1970 */
};

struct faults {
	struct arena *arena;
	const char *file; /* NULL: words of the command line; a line is then a word's number */
	struct fault *first; /* by line, those of one line as they were found; warnings among them */
	struct dated *dated;
	size_t count;
	size_t warnings;
};

/* "file:line: what is wrong"; line 0: the file as a whole. Control bytes are shown as '?'. */
void fault_at(struct faults *f, int line, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* "file:line: warning: ...": the configuration is taken all the same. */
void fault_warn(struct faults *f, int line, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The same, and behind it what may be another thing next time. */
void fault_warn_of(struct faults *f, int line, struct span more, const char *format, ...) __attribute__((format(printf, 4, 5)));
/* A certificate, called by the format: warns if it is not good now. */
void fault_days(struct faults *f, int line, const struct dated *d, int64_t now, const char *format, ...) __attribute__((format(printf, 5, 6)));
/* One message, cut after 1535 bytes. */
void fault_tell(void (*say)(void *user, const char *message), void *user, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* All of them and all warnings, in order. */
void fault_say(const struct faults *f, void (*say)(void *user, const char *message), void *user);
/* Says the warnings that were not there before, and how many they are. That a
 * certificate is not good now is none if the one before is not, either. */
size_t fault_news(const struct faults *f, const struct faults *before, int64_t now, void (*say)(void *user, const char *message), void *user);

/* For %.*s */
#define SHOW(span) (int)(span).len, (span).at

#endif

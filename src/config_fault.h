/* SPDX-License-Identifier: MIT
 *
 * fault - what is wrong with this configuration, and where?
 */
#ifndef CONFIG_FAULT_H
#define CONFIG_FAULT_H

#include "config_arena.h"

struct fault;

struct faults {
	struct arena *arena;
	const char *file; /* NULL: words of the command line; a line is then a word's number */
	struct fault *first; /* by line, those of one line as they were found; warnings among them */
	size_t count;
	size_t warnings;
};

/* "file:line: what is wrong"; line 0: the file as a whole. Control bytes are shown as '?'. */
void fault_at(struct faults *f, int line, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* "file:line: warning: ...": the configuration is taken all the same. */
void fault_warn(struct faults *f, int line, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* All of them and all warnings, in order. */
void fault_say(const struct faults *f, void (*say)(void *user, const char *message), void *user);

/* For %.*s */
#define SHOW(span) (int)(span).len, (span).at

#endif

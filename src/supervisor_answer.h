/* SPDX-License-Identifier: MIT
 *
 * supervisor_answer - what is said to who asks a running gateway?
 *
 *   cache                report of what is kept
 *   cache check          "consistent", or what is wrong with the arena
 *   purge URL            "N removed": what is kept of this URL
 *   purge-prefix URL     the same of all URLs that begin so
 *
 * The answer begins with "mistake: " when there is no such word or URL, and with
 * "cannot: " when it cannot be done.
 */
#ifndef SUPERVISOR_ANSWER_H
#define SUPERVISOR_ANSWER_H

#include "supervisor_store.h"

struct answerer {
	const struct config *config; /* that serves */
	struct store *serving;       /* its store; NULL: it keeps nothing */
	struct store *all;           /* older ones are used by requests under way */
};

void answer_write(const struct answerer *a, struct span line, struct text *out);

#endif

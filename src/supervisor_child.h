/* SPDX-License-Identifier: MIT
 *
 * supervisor_child - how does a process of a configuration begin?
 */
#ifndef SUPERVISOR_CHILD_H
#define SUPERVISOR_CHILD_H

#include "supervisor_generation.h"

bool child_has_helper(const struct generation *g, enum helper kind);
/* What it is called in the log. */
const char *child_what(enum helper kind);
bool child_start_helper(struct family *f, struct generation *g, enum helper kind);
/* NULL, or why not. */
const char *child_start_worker(struct family *f, struct generation *g, int number);
/* The worker of this place has ended; pid 0: it was none. */
void child_leave_share(struct family *f, struct generation *g, struct place *p, long pid);

#endif

/* SPDX-License-Identifier: MIT
 *
 * users - who is in each [users], and what is the hash of their password?
 */
#ifndef CONFIG_USERS_H
#define CONFIG_USERS_H

#include "config_draft.h"

/* All [users], with those that their files name. */
void users_read(struct draft *d, struct config *c);
/* The [users] that an `auth` names: from now on it is one of c->users. NULL after a fault. */
const struct users *users_of(struct draft *d, struct config *c, const struct setting *auth);
/* May all names be known that are in it? Not when some are in a file, or were a fault. */
bool users_are_known(const struct draft *d, const struct users *u);
/* The nearest name of them: " (did you mean '...'?)" or "". In the arena. */
const char *users_hint(struct arena *a, const struct users *u, struct span name);

#endif

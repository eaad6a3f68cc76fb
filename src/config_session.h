/* SPDX-License-Identifier: MIT
 *
 * session - what does gateway keep about sessions?
 */
#ifndef CONFIG_SESSION_H
#define CONFIG_SESSION_H

#include "config_draft.h"

/* Where somebody logs in there must be a place to keep what follows from it, and a
 * log-out elsewhere is to be seen. */
void session_watch(struct draft *d, const struct config *c);
/* The key, made if it is not there, and who has been logged out. False: why is in *error. */
bool session_complete(struct arena *a, struct config *c, struct text *error);

#endif

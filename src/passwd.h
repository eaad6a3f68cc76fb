/* SPDX-License-Identifier: MIT
 *
 * passwd - how does a user get a line for [users]?
 */
#ifndef PASSWD_H
#define PASSWD_H

#include "text.h"

/* Asks for a password, twice on a terminal, once from a pipe, and writes
 * "NAME = HASH". NULL, or why not (static text); *mistake: it is the user's. */
const char *passwd_line(struct text *line, struct span name, bool *mistake);
/* NULL: a key of [users] may be this name. Else why not, in words that follow it. */
const char *passwd_name(struct span name);

#endif

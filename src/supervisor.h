/* SPDX-License-Identifier: MIT
 *
 * supervisor - which processes run, and with which configuration?
 *
 * Owns the listening sockets and the logs, keeps the rights it started with.
 * Signals: HUP loads the configuration anew, TERM and INT drain (a second one
 * ends at once), USR1 reopens the logs.
 */
#ifndef SUPERVISOR_H
#define SUPERVISOR_H

#include "config.h"

/* How a configuration is made, the first time and at each HUP: from a file or
 * from words of the command line. */
typedef struct config *supervisor_load(void *user, config_say *say, void *say_user);

/* Runs in the foreground until it is told to end. Exit status of the program. */
int supervisor_run(supervisor_load *load, void *user);

#endif

/* SPDX-License-Identifier: MIT
 *
 * supervisor_sockets - which listening sockets are open, and which still needed?
 *
 * A socket lives as long as some configuration that serves asks for its
 * address, so that a reload loses no connection waiting in its queue.
 */
#ifndef SUPERVISOR_SOCKETS_H
#define SUPERVISOR_SOCKETS_H

#include "config.h"

struct kept { /* one listening socket */
	struct kept *next;
	int fd;
	struct net address;
	char *path; /* of a Unix socket: our copy; or NULL */
	bool both;
	bool needed; /* while sockets are being tidied */
};

/* A descriptor for each listener of the configuration: one that is open already
 * or a new one. False, with why in *error: sockets_tidy closes what is new. */
bool sockets_open(struct kept **all, const struct config *c, int *descriptors, struct text *error);
/* Three steps: none is needed, these are, the others are closed (and the files
 * of Unix sockets removed). */
void sockets_doubt(struct kept *all);
void sockets_need(struct kept *all, const int *descriptors, size_t count);
void sockets_tidy(struct kept **all);
/* In a child: closes all but these, and removes no file. */
void sockets_leave(const struct kept *all, const int *descriptors, size_t count);

#endif

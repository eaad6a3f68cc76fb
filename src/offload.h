/* SPDX-License-Identifier: MIT
 *
 * offload - the process that does what would block: looking up names.
 *
 * Workers send one datagram a job and get one datagram an answer. The process
 * ends when the supervisor does (all its sockets are closed) or kills it.
 */
#ifndef OFFLOAD_H
#define OFFLOAD_H

#include "../gateway.h"
#include "net.h"

struct offload_job {
	uint32_t id; /* comes back with the answer */
	uint16_t port;
	char name[GW_NAME]; /* final zero included */
};

struct offload_answer {
	uint32_t id;
	uint32_t count;  /* 0: why says what went wrong */
	struct net addresses[GW_ADDRESSES]; /* in the order to try (RFC 6724) */
	char why[96];
};

/* Serves all these sockets (one a worker, -1 allowed) until they are closed. */
int offload_run(const int *sockets, int count);

#endif

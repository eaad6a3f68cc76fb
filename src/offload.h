/* SPDX-License-Identifier: MIT
 *
 * offload - the processes that do what would block: looking up names, and hashing
 * passwords.
 *
 * There is one for each, since a dead name server must not keep people from logging
 * in. Workers send one datagram a job and get one datagram an answer. A process
 * ends when the supervisor does (all its sockets are closed) or kills it.
 */
#ifndef OFFLOAD_H
#define OFFLOAD_H

#include "../gateway.h"
#include "net.h"
#include "password.h"

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

struct offload_password_job {
	uint32_t id;
	uint16_t hash_len, password_len;
	char hash[PASSWORD_HASH];
	char password[PASSWORD_MOST];
};

struct offload_password_answer {
	uint32_t id;
	uint32_t right; /* 1: it is the password; 0: it is not; 2: it could not be computed */
};

/* Serves all these sockets (one a worker, -1 allowed) until they are closed. */
int offload_run(const int *sockets, int count);
/* The same for passwords: one job of each worker in turn. */
int offload_run_passwords(const int *sockets, int count);

#endif

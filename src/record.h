/* SPDX-License-Identifier: MIT
 *
 * record - how is a request told in the access log?
 *
 * Combined format, so that what reads nginx's and Apache's logs reads ours,
 * and behind it: host, server, seconds in all, seconds until the server's
 * answer, request id, in quotes why it failed, and what the cache did.
 */
#ifndef RECORD_H
#define RECORD_H

#include "config.h"

enum { RECORD_MOST = 8192 }; /* longest line, whatever was asked */

struct record {
	struct span client, time, iso_time, method, target, host, referer, agent, id;
	struct span user;   /* who has logged in; empty: nobody */
	const char *server; /* NULL: none was asked */
	const char *why;    /* NULL: nothing failed */
	const char *cache;  /* what it had to do with the answer: "hit", "miss", ...; NULL: nothing */
	const char *tls;    /* version and suite; NULL: plain */
	uint64_t bytes;     /* of the body that the client was sent */
	int64_t took_us, server_us; /* server_us < 0: no answer came */
	int status;
	uint8_t version;
	bool tls_resumed;
};

void record_write(struct text *out, const struct record *r, enum log_format format);

#endif

/* SPDX-License-Identifier: MIT
 *
 * frame - how long is this body, may the connection live on, which fields are
 * hop-by-hop? (RFC 9112 6.3, 9; RFC 9110 7.6.1)
 */
#ifndef FRAME_H
#define FRAME_H

#include "body.h"
#include "head.h"

struct frame {
	struct span name;   /* of a request: Host without port and final dot; empty: none was given */
	uint64_t length;    /* of BODY_LENGTH; with BODY_NONE what Content-Length said of another answer (HEAD, 304) */
	uint64_t named[2];  /* bit per field number: Connection names it */
	uint8_t kind;       /* enum body_kind */
	bool persist;       /* the connection may live on after this message */
	bool upgrade;       /* it asks for (request) or makes (101) a change of protocol */
	bool expect;        /* Expect: 100-continue */
};

/* 400: conflicting, repeated or malformed lengths, Transfer-Encoding in
 * HTTP/1.0, bad Host or not exactly one in HTTP/1.1, too many connection
 * options; 501 for transfer codings other than chunked; 417 for an unknown
 * expectation. HTTP/2 in any spelling is no upgrade. */
const struct refusal *frame_request(struct frame *f, const struct head *h);

/* What the answer to a request with this method means. All refusals 502, also
 * for a 101 that is no upgrade. Whoever looks for 1xx reads the next head too. */
const struct refusal *frame_response(struct frame *f, const struct head *h, enum method method);

/* Is field number i for this hop only? Content-Length is: whoever sends the
 * message frames it. So is an expectation that does not count. Host, Via and
 * the fields that say where a request came from cannot be named away. */
bool frame_is_hop(const struct frame *f, const struct head *h, unsigned i);

#endif

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
	bool names;         /* Connection names some field */
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

/* Fields for one hop, whatever Connection says: a bit for each id. Length and codings
 * are among them, for whoever sends the message on frames it anew, and trailers,
 * which are dropped, so that nobody announces them. */
#define FRAME_BIT(id) ((uint64_t)1 << (id))
#define FRAME_HOP                                                                                               \
	(FRAME_BIT(FIELD_CONNECTION) | FRAME_BIT(FIELD_CONTENT_LENGTH) | FRAME_BIT(FIELD_HTTP2_SETTINGS) |       \
	 FRAME_BIT(FIELD_KEEP_ALIVE) | FRAME_BIT(FIELD_PROXY_AUTHENTICATE) | FRAME_BIT(FIELD_PROXY_AUTHORIZATION) | \
	 FRAME_BIT(FIELD_PROXY_CONNECTION) | FRAME_BIT(FIELD_TE) | FRAME_BIT(FIELD_TRAILER) |                    \
	 FRAME_BIT(FIELD_TRANSFER_ENCODING) | FRAME_BIT(FIELD_UPGRADE))

/* Is field number i for this hop only? Content-Length is: whoever sends the
 * message frames it. So is an expectation that does not count. Host, Via and
 * the fields that say where a request came from cannot be named away. Inline:
 * asked for every field that goes on. */
static inline bool frame_is_hop(const struct frame *f, const struct head *h, unsigned i)
{
	unsigned id = h->fields[i].id;

	if ((FRAME_HOP | FRAME_BIT(FIELD_EXPECT)) >> id & 1)
		return id != FIELD_EXPECT || !f->expect; /* ours to send only when it counts */
	return f->names && (f->named[i / 64] >> i % 64 & 1);
}

#endif

/* SPDX-License-Identifier: MIT
 *
 * body - which of these bytes are payload, and where does the body end?
 *
 * Knows RFC 9112 sections 6 and 7. Knows no sockets, heads or routes. It looks
 * at bytes it does not own; the caller says when they are gone.
 *
 * Use: n = body_scan(b, at, len, &payload): the first n bytes are framing and
 * done with, the next `payload` bytes are payload. Hand over k <= payload of
 * them, say body_take(b, k), and scan again from behind them. The body is over
 * when body_done, and broken (for good) when b->bad is set. When the source
 * ends, body_end says whether it may.
 */
#ifndef BODY_H
#define BODY_H

#include "refusal.h"
#include "span.h"

enum body_kind {
	BODY_NONE,
	BODY_LENGTH,
	BODY_CHUNKED,
	BODY_CLOSE /* ends with the connection; also both ways of a tunnel */
};

struct body {
	uint64_t left;     /* payload bytes to come: of the body, or of this chunk */
	uint64_t most;     /* payload bytes that chunks may still announce; body_init sets UINT64_MAX */
	const struct refusal *bad; /* 400, 413 for more than most; whoever reads a response makes it 502 */
	uint16_t line;     /* bytes of the current chunk or trailer line so far; bounded */
	uint16_t trailers; /* bytes of the trailer section so far; bounded by GW_HEAD */
	uint8_t kind;      /* enum body_kind */
	uint8_t state;     /* private: which byte comes next */
};

void body_init(struct body *b, enum body_kind kind, uint64_t length);
size_t body_scan(struct body *b, const char *at, size_t len, size_t *payload);
void body_take(struct body *b, size_t len);
/* The source has ended. False, with bad set, if the body was not complete. */
bool body_end(struct body *b);
bool body_done(const struct body *b);

#endif

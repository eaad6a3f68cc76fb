/* SPDX-License-Identifier: MIT
 *
 * flow - how does one message get from here to there?
 *
 * A head that is composed already, then a body: from a link, or from memory.
 * Requests, responses, replies of our own and both ways of a tunnel are flows;
 * only the framing differs. Body bytes go from the source's buffer to the sink
 * without a copy; a long plain body does not even come into our memory where
 * the system can move it from socket to socket. Back-pressure is a full buffer:
 * a flow that cannot write does not ask to read.
 */
#ifndef FLOW_H
#define FLOW_H

#include "../gateway.h"
#include "body.h"
#include "cache.h"
#include "link.h"

/* A pipe of the kernel, through which a long plain body goes from socket to
 * socket without coming into our memory. A worker's flows share a few; a flow
 * has one only while there are bytes in it. Without one it copies. */
struct duct {
	int pipe[2];
	uint32_t held; /* bytes in it now */
};

struct ducts {
	struct duct at[GW_DUCTS];
	uint32_t lent; /* bit for each */
};

/* Opens the pipes; where the system has no such thing, all flows copy. */
void ducts_open(struct ducts *ducts);

struct flow {
	struct link *from; /* NULL: from memory */
	struct link *to;
	struct span head;  /* what is left to send of the composed head */
	struct span fixed; /* what is left to send of a body in memory */
	struct cache_read *stored; /* the body comes from the cache, as it gets there; NULL: it does not */
	struct body body;  /* what comes in */
	uint64_t sent;     /* payload bytes that the sink took */
	struct ducts *ducts; /* to lend one from; NULL: never */
	struct duct *duct; /* lent now, or NULL */
	uint64_t budget;   /* payload bytes that may still go; flow_start and flow_reply set UINT64_MAX */
	uint32_t run;      /* payload bytes of the chunk that is announced, still to go */
	bool chunked;      /* it goes out in chunks */
	bool ended;        /* the last chunk is on its way */
	uint8_t line_at, line_end; /* what is left of line */
	uint8_t tail_len;  /* what is left of tail */
	const char *tail;  /* goes behind the run: CRLF, the last chunk too */
	char line[12];     /* chunk-size line that goes before the run */
};

enum flow_result {
	FLOW_WAIT, /* for the source or the sink (see flow_wants_*), or for more budget */
	FLOW_DONE, /* everything has gone out */
	FLOW_FROM_BROKEN, /* the source ended too early or sent nonsense; what was good has gone out as far as the sink took it, and the budget was waited for */
	FLOW_TO_BROKEN /* the sink is gone */
};

/* From a link, whose buffer is from->in. */
void flow_start(struct flow *f, struct link *from, struct link *to, struct span head, enum body_kind kind, uint64_t length, bool chunked);
/* From memory. */
void flow_reply(struct flow *f, struct link *to, struct span head, struct span body);
/* From the cache. The source is broken when what is being filled there breaks. */
void flow_stored(struct flow *f, struct link *to, struct span head, struct cache_read *stored, bool chunked);
/* Gives back what was lent. The flow is not to be stepped again. */
void flow_drop(struct flow *f);
/* Moves what can be moved now; reads at most a few buffers full, so that one
 * flow does not keep the others waiting. */
enum flow_result flow_step(struct flow *f);
/* Of a flow that was started. Without budget it wants nothing but to send what is
 * no payload. */
bool flow_wants_in(const struct flow *f);
bool flow_wants_out(const struct flow *f);
/* Payload is here that lacks nothing but a budget. */
bool flow_is_held(const struct flow *f);

#endif

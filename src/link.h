/* SPDX-License-Identifier: MIT
 *
 * link - how do bytes get in and out of one connection?
 *
 * Connecting (and, with TLS, handshaking) is its private matter: until then
 * nothing comes and nothing goes, and link_watch asks for what it needs. The
 * first failure is kept in why. After a failed write the link takes all that is
 * written without sending it, but still reads: an early answer may be there.
 * With TLS what was written may wait in a record: link_owes says so, and the
 * link sends it whenever it is polled. What has come may wait in one, too: then
 * link_watch asks for LINK_NOW, and nobody may sleep.
 */
#ifndef LINK_H
#define LINK_H

#include "../gateway.h"
#include "../platform/platform.h"
#include "buf.h"
#include "tls.h"

enum link_phase { LINK_CLOSED, LINK_CONNECTING, LINK_SHAKING /* connected; TLS hands are being shaken */, LINK_OPEN, LINK_OVER /* with TLS: finished, and what comes is nobody's */ };

struct link {
	struct buf *in;   /* where received bytes go; lent by the owner, NULL while quiet */
	struct tls *tls;  /* NULL: plain */
	const char *why;  /* the first failure, static text; NULL: none */
	int fd;
	uint8_t phase;    /* enum link_phase */
	bool readable;    /* a read is worth trying: poll said so, and no read came up short since */
	bool writable;    /* the same for writing */
	bool eof;         /* the peer sends no more */
	bool shut;        /* we send no more */
	bool cut;         /* a write failed: what is written goes nowhere */
};

/* An accepted connection. It has most often sent its first bytes already. */
void link_open(struct link *l, int fd);
/* A connection being made; a negative fd is a failure already. */
void link_connect(struct link *l, int fd);
/* Makes it TLS from here on: to be called when it is open or connecting, before
 * any byte. The link owns t. */
void link_secure(struct link *l, struct tls *t);
/* Goes on with the handshake; afterwards the phase is LINK_OPEN, or why is set,
 * or it waits. */
void link_shake(struct link *l);
/* Sends bytes of plain text before the handshake; they are few. False: they did not all go. */
bool link_preface(struct link *l, struct span bytes);
/* With TLS says close_notify first, if that can be done without waiting. */
void link_close(struct link *l);

/* What to wait for: PLATFORM_IN, PLATFORM_OUT, or 0; with LINK_NOW something that
 * is wanted is there already. */
enum { LINK_NOW = 0x4000 };
short link_watch(const struct link *l, bool want_in, bool want_out);
/* Takes in what poll said, and finishes connecting. */
void link_polled(struct link *l, short got);

/* Reads once into l->in; the bytes that came. Sets eof or why when that is the news. */
size_t link_fill(struct link *l);
/* Sends pieces; the bytes that went, fewer than all when the link takes no more now. */
size_t link_write(struct link *l, const struct piece *pieces, int count);
/* The same through a pipe, for plain links: from the socket into it, and out of
 * it into a socket. Only into an empty pipe: then what stops it is the socket. */
size_t link_lift(struct link *l, int pipe[2], size_t len);
size_t link_drop(struct link *l, int pipe[2], size_t len);
/* We send no more. With TLS that is close_notify and ends both ways: TLS 1.2 knows
 * no half-closed connections (RFC 5246 7.2.1). */
void link_finish(struct link *l);
/* Throws away what still comes, as it comes; false: that has ended. */
bool link_waste(struct link *l);
/* Closing will end it so that the peer sees that something is missing. */
void link_reset(struct link *l);

static inline bool link_is_secure(const struct link *l)
{
	return GW_HAS(TLS) && l->tls;
}

/* With TLS, both: asked through the two below. */
bool link_tls_holds(const struct link *l);
bool link_tls_owes(const struct link *l);

/* Bytes that came and are not in a buffer of ours yet. */
static inline bool link_holds(const struct link *l)
{
	return link_is_secure(l) && link_tls_holds(l);
}

/* A part of a record has come, or is still to go: who is quiet must not be that. */
static inline bool link_is_midway(const struct link *l)
{
	return link_is_secure(l) && tls_is_midway(l->tls);
}

/* Written, but not gone yet. */
static inline bool link_owes(const struct link *l)
{
	return link_is_secure(l) && link_tls_owes(l);
}

static inline bool link_is_open(const struct link *l)
{
	return l->phase == LINK_OPEN && !l->why && !l->eof;
}

#endif

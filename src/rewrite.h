/* SPDX-License-Identifier: MIT
 *
 * rewrite - which head goes out?
 *
 * Heads are composed anew from parsed values; nothing is copied through
 * unparsed (RFC 9110 7.6). Ours are added last, so that a client can neither
 * name them away nor put its own in their place.
 */
#ifndef REWRITE_H
#define REWRITE_H

#include "config.h"
#include "frame.h"
#include "path.h"

/* Who asks, and how: the same for all requests of a connection, but for client. */
struct asker {
	struct span peer;   /* text of the address that is connected to us, or "unix" */
	struct span client; /* text of the address that the request is from, as trusted proxies say */
	struct span scheme; /* "http" or "https" */
	uint16_t port;      /* that the client connected to; 0: not known */
	bool trusted;       /* the peer may speak for others */
	struct span subject; /* of the certificate that the site asked for; empty: it did not */
};

struct rewrite_up {
	const struct head *head;
	const struct frame *frame;
	const struct path *path;
	struct span host; /* Host as it goes up, port included; empty: the client gave none */
	const struct route *route;
	const struct target *target;
	const struct asker *asker;
	struct span fields;      /* further ones, ready to send; those of these names have been edited away */
	bool hide_authorization; /* it was for us */
	bool hide_cookies;       /* some may be ours */
};

/* The request head for this target. out->full: it was too long. */
void rewrite_request(struct text *out, const struct rewrite_up *up);

/* The head of a request that asks up->target, which is auth->ask, whether this one
 * may go on: a GET without a body of the path that was configured. It says what
 * is asked for as X-Forwarded-* and X-Original-*, which nobody else may; the
 * host of that in one spelling, so that rules about hosts hold. Edits, route and
 * fields of up count for nothing. */
void rewrite_consult(struct text *out, const struct rewrite_up *up, const struct auth *auth);

struct rewrite_down {
	const struct head *head;
	const struct frame *frame;
	const struct edits *edits; /* NULL for an interim response: it says no hsts either */
	struct span date;          /* to add when there is none */
	struct span hsts;          /* Strict-Transport-Security, instead of the server's; empty: not said */
	struct span fields;        /* further ones, ready to send */
	bool chunked;              /* the body goes out in chunks */
	bool close;                /* the connection ends after it */
	bool tunnel;               /* this is the 101 that begins a tunnel */
};

void rewrite_response(struct text *out, const struct rewrite_down *down);

/* How often does our own pseudonym stand in Via already? */
int rewrite_loops(const struct head *h);

/* The address that a request is from: X-Forwarded-For read from its end, past
 * all addresses that are trusted. Only to be asked when the peer is trusted. */
bool rewrite_client(struct net *client, const struct head *h, const struct net *trusted, size_t count);

#endif

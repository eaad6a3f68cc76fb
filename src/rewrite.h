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
#include "fresh.h"
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
	bool validates;          /* it asks whether what we have stored still holds: the client's own conditions and ranges stay here, and ... */
	struct span conditions;  /* ... these go up, ready to send */
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
	struct span cache_status;  /* our member of Cache-Status (RFC 9211), behind those of others; empty: not said */
	bool chunked;              /* the body goes out in chunks */
	bool close;                /* the connection ends after it */
	bool tunnel;               /* this is the 101 that begins a tunnel */
};

void rewrite_response(struct text *out, const struct rewrite_down *down);

/* --- what the cache keeps and sends (rewrite_stored.c) ------------------------------ */

/* The head text of a response as it is stored: status line, then "Name: value CRLF" for each
 * field that is neither for this hop nor left out (fresh_leaves_out) nor Content-Length; Via with our
 * own behind it, and Date if there was none. No empty line. */
void rewrite_store(struct text *out, const struct head *h, const struct frame *f, const struct fresh_rule *rule, struct span date);
/* The same of a stored head text whose validation was answered with this 304 (RFC 9111 3.2): its
 * fields replace those of the same name, but for Content-*, Via, what is for this hop, and an ETag that is
 * not the stored one in weak. stored holds no part of out. */
void rewrite_refresh(struct text *out, struct span stored, const struct head *h, const struct frame *f, const struct fresh_rule *rule, struct span date);

struct rewrite_stored {
	struct span head;          /* as rewrite_store wrote it */
	enum fresh_part part;
	uint64_t length;           /* of the whole body; UINT64_MAX: not known yet */
	uint64_t first, last;      /* of FRESH_RANGE */
	int64_t age;               /* s; negative: no Age (it has just come from the server) */
	const struct edits *edits; /* as in struct rewrite_down, as are the following */
	struct span hsts;
	struct span fields;
	struct span cache_status;
	bool chunked;
	bool close;
};
/* The head of an answer from the cache. 304 has the fields of RFC 9110 15.4.5 and what identifies
 * it; 206 Content-Range; 416 no body and Content-Range with the length. */
void rewrite_stored(struct text *out, const struct rewrite_stored *s);

/* The rest of the X-Forwarded family (-User, -Ssl, ...) is believed by some
 * applications too, and some frameworks take the path from a field rather than from
 * the request line, past all that is decided by paths: who is not trusted cannot say it. */
bool rewrite_is_believed(struct span name);

/* How often does our own pseudonym stand in Via already? */
int rewrite_loops(const struct head *h);

/* The address that a request is from: X-Forwarded-For read from its end, past
 * all addresses that are trusted. Only to be asked when the peer is trusted. */
bool rewrite_client(struct net *client, const struct head *h, const struct net *trusted, size_t count);

#endif

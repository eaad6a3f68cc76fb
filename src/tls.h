/* SPDX-License-Identifier: MIT
 *
 * tls - what must be true before plaintext passes?
 *
 * One TLS 1.2 connection, either side, as bytes in and bytes out: it knows no
 * socket. link moves the bytes. Record buffers are lent only while there are
 * bytes in them: a quiet connection costs its context alone.
 */
#ifndef TLS_H
#define TLS_H

#include "credential.h"
#include "pool.h"

/* How a site shows itself to clients. */
struct tls_site {
	const struct credential *const *credentials; /* one of each kind at most that is used: the first RSA, the first EC */
	size_t count;               /* 0: this site has no TLS */
	const struct trust *client_ca; /* clients must show a certificate of one of these; NULL: need not */
	uint64_t policy;            /* sessions are resumed under the same policy only; never 0 */
};

enum tls_verify { TLS_VERIFY_CA, TLS_VERIFY_PIN, TLS_VERIFY_OFF };

/* How a server shows itself to us, and we to it. */
struct tls_server {
	uint8_t verify;              /* enum tls_verify */
	unsigned char pin[32];       /* TLS_VERIFY_PIN: SHA-256 of SubjectPublicKeyInfo */
	const char *name;            /* that its certificate must be for: a DNS name, which is sent as SNI, or an address */
	bool literal;                /* name is an address */
	const struct trust *trust;   /* TLS_VERIFY_CA */
	const struct credential *credential; /* that we show if asked; NULL: none */
};

/* A session as it is kept for resumption. */
struct tls_session {
	unsigned char id[32];
	uint64_t policy;          /* of the site it was made at */
	unsigned char secret[56]; /* version, suite and master secret */
};

/* What all connections of a worker have in common, and whom they ask. */
struct tls_hooks {
	/* The site for a name that a client asked for (empty: it asked for none) on
	 * this listener; NULL: there is no such site. */
	const struct tls_site *(*site)(void *listener, struct span name);
	void (*save)(void *user, const struct tls_session *session);
	bool (*find)(void *user, const unsigned char id[32], struct tls_session *session);
	void *user; /* of save and find */
};

struct tls_counts {
	uint32_t accepted;   /* connections from clients at a time */
	uint32_t handshakes; /* of clients at a time; the others wait */
	uint32_t connected;  /* connections to servers at a time */
	uint32_t greetings;  /* handshakes with servers at a time */
	uint32_t buffers;    /* connections that have bytes in records at a time, for each direction */
	uint32_t large;      /* output buffers of full size, for long answers */
	bool subjects;       /* some site asks for client certificates */
};

enum { TLS_TERMS = 8 };
/* Bytes and number of each kind of block, in the order in which tls_open wants them. */
struct tls_term {
	const char *what;
	size_t count, size;
};
void tls_terms(const struct tls_counts *counts, struct tls_term terms[TLS_TERMS]);

struct tls_kit;
/* memory: one block for each term. seed: random bytes, which make the random
 * numbers of all connections. NULL: out of memory. */
struct tls_kit *tls_open(const struct tls_counts *counts, void *const memory[TLS_TERMS], const struct tls_hooks *hooks, const unsigned char seed[32]);
/* The time for certificates of others, seconds since 1970; to be set now and then. */
void tls_clock(struct tls_kit *kit, int64_t seconds);

struct tls;

/* A connection from a client; NULL: no place (see tls_may_accept), nothing has
 * been taken. */
struct tls *tls_accept(struct tls_kit *kit, void *listener);
bool tls_may_accept(const struct tls_kit *kit);  /* is there a context left? */
bool tls_may_shake(const struct tls_kit *kit);   /* is there a handshake left? */
/* A connection to a server; resumes *session if it has a policy other than 0,
 * and puts the new one there when the handshake is over. NULL: no place. */
struct tls *tls_connect(struct tls_kit *kit, const struct tls_server *server, struct tls_session *session);
/* Wipes it and gives back all it has. */
void tls_close(struct tls *t);

/* --- records ------------------------------------------------------------- */

/* Where record bytes go, as many as the current record or its header lacks and
 * there is room for; 0: it takes none now, plaintext or records are in the way. */
size_t tls_record_room(struct tls *t, void **at);
/* Bytes beyond those that may be read with them since they are sure to be wanted:
 * while hands are being shaken, what the rest of that takes at least; then any number. */
size_t tls_record_ahead(const struct tls *t);
/* Bytes of a record held that is not whole yet: so much plaintext at most is in it. */
size_t tls_record_part(const struct tls *t);
void tls_record_came(struct tls *t, size_t len);
/* Record bytes to send; 0: none. */
size_t tls_record_peek(struct tls *t, const void **at);
void tls_record_sent(struct tls *t, size_t len);

/* --- plaintext: nothing before the handshake is over ------------------------ */

size_t tls_peek(const struct tls *t, const void **at);
void tls_take(struct tls *t, size_t len);
/* Room for plaintext; want says how much there is to come. 0: send records first. */
size_t tls_room(struct tls *t, void **at, size_t want);
void tls_put(struct tls *t, size_t len);
/* What was put is to become a record now. */
void tls_flush(struct tls *t);
/* close_notify; nothing can be put any more. */
void tls_finish(struct tls *t);
/* To be called after a burst of calls above: lends buffers back that are empty. */
void tls_rest(struct tls *t);

/* --- how it stands ------------------------------------------------------------ */

bool tls_is_open(const struct tls *t);       /* the handshake is over, plaintext may pass */
bool tls_is_over(const struct tls *t);       /* closed in order or failed: nothing comes and nothing goes any more */
/* It has a buffer, since it holds plaintext or a part of a record, either way; to be asked after tls_rest. */
bool tls_is_midway(const struct tls *t);
/* Why it failed, static text; NULL: it has not, or the peer closed it in order. */
const char *tls_why(const struct tls *t);
/* The peer said close_notify. */
bool tls_was_closed(const struct tls *t);

/* Of a connection from a client, when it is open. */
const struct tls_site *tls_site(const struct tls *t);
bool tls_named(const struct tls *t);         /* the client asked for a name (SNI) */
struct span tls_subject(const struct tls *t); /* of its certificate, RFC 4514; empty: none was asked for */
/* Of any that is open, for people: "TLSv1.2 ECDHE-ECDSA-CHACHA20-POLY1305". */
const char *tls_suite(const struct tls *t);
bool tls_resumed(const struct tls *t);

/* Of a connection to a server: the SHA-256 of the key that it showed (for pin). */
const unsigned char *tls_server_key(const struct tls *t);

#endif

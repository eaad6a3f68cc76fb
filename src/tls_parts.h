/* SPDX-License-Identifier: MIT
 *
 * tls_parts - what the files of tls ask of each other
 *
 * A connection is one block: struct tls, then BearSSL's context. While hands are
 * being shaken it has a struct shake; then record buffers are lent to it as
 * bytes come and go (tls.c says when).
 */
#ifndef TLS_PARTS_H
#define TLS_PARTS_H

#include "credential_look.h"
#include "tls.h"
#include "../gateway.h"

enum {
	SHAKE_IN = 2048,   /* records in clear are taken in pieces, but a ClientHello most often fits in one */
	SHAKE_OUT = 2133,  /* 2048 bytes of a record: most flights in one or two */
	RECORD_IN = 16416, /* the longest record of an AEAD suite, and its header */
	RECORD_OUT = 4181, /* 4096 bytes in a record: three quarters of the speed for a quarter of the room */
	RECORD_LARGE = 16469,
	OUT_SMALL = 4096,
	OUT_LARGE = 16384
};

/* How we look at the certificates of a peer: BearSSL's own verifier where its
 * chain counts, else only its key; and the first certificate itself, for what
 * BearSSL does not look at (addresses, pins, the subject). */
struct witness {
	const br_x509_class *vtable; /* first: BearSSL sees this */
	struct tls *tls;
	bool first;                  /* the certificate that is being fed is the peer's own */
	bool chain;                  /* the authorities count */
	uint16_t len;                /* of cert; GW_PEER_CERT + 1: too long */
	const br_x509_pkey *key;
	union {
		br_x509_minimal_context chain;
		br_x509_decoder_context key;
	} look;
	unsigned char cert[GW_PEER_CERT];
};

struct shake {
	unsigned char in[SHAKE_IN];
	unsigned char out[SHAKE_OUT];
	struct witness witness; /* last: without client certificates the block ends before it */
};

struct tls {
	br_ssl_engine_context *eng;
	struct tls_kit *kit;
	struct shake *shake;           /* NULL: hands have been shaken */
	unsigned char *in;             /* lent; NULL */
	unsigned char *out;            /* the same */
	bool large;                    /* out is a large one */
	bool accepted;                 /* from a client; else to a server */
	bool resumed;
	bool finished;                 /* nothing more is put */
	bool greeted;                  /* the first record of a client has come */
	uint16_t held;                 /* bytes of that which BearSSL has not been told of */
	uint8_t last_len;              /* of last, when it is to be sent */
	unsigned char last[7];         /* an alert in clear that BearSSL does not send */
	const char *why;
	/* from a client */
	const br_ssl_server_policy_class *policy; /* BearSSL sees these two */
	const br_ssl_session_cache_class *cache;
	void *listener;
	const struct tls_site *site;
	const struct credential *credential; /* chosen */
	uint64_t session_policy;       /* of the session that is resumed */
	char *subject;                 /* GW_SUBJECT bytes; NULL: nobody asks for certificates */
	uint16_t subject_len;
	/* to a server */
	const struct tls_server *server;
	struct tls_session *session;
	unsigned char key[32];         /* hash of the server's key */
};

struct tls_kit {
	struct pool accepted, handshakes, connected, greetings, in, out, large;
	struct tls_hooks hooks;
	bool subjects;
	int64_t clock;                 /* seconds since 1970 */
	br_hmac_drbg_context random;
	br_ssl_server_context server;  /* templates: a connection begins as a copy */
	br_ssl_client_context client;
	br_rsa_pkcs1_sign rsa_sign;
	br_ecdsa_sign ec_sign;
};

static inline br_ssl_server_context *tls_server_context(struct tls *t)
{
	return (br_ssl_server_context *)(void *)(t + 1);
}

static inline br_ssl_client_context *tls_client_context(struct tls *t)
{
	return (br_ssl_client_context *)(void *)(t + 1);
}

/* tls_kit.c */
/* Sets what all connections have in common in a kit that is zeroed. */
void tls_prepare(struct tls_kit *kit);

/* tls_site.c: the classes that BearSSL calls for a server's decisions. */
extern const br_ssl_server_policy_class tls_policy_class;
extern const br_ssl_session_cache_class tls_cache_class;
void tls_session_put(struct tls_session *session, const br_ssl_session_parameters *p);
void tls_session_get(const struct tls_session *session, br_ssl_session_parameters *p);
/* Is what the client resumed what it asks for? Else sets why. */
void tls_check_resumed(struct tls *t);

/* tls_witness.c */
void tls_watch_clients(struct tls *t, const struct trust *trust);
void tls_watch_server(struct tls *t);

/* tls_words.c: static text */
const char *tls_error_text(int error);
const char *tls_suite_text(unsigned suite);
/* The alert that tells the peer of it (RFC 5246 7.2.2). */
uint8_t tls_error_alert(int error);

#endif

/* SPDX-License-Identifier: MIT
 *
 * credential - which certificate do we show, with which key, and whom do we trust?
 *
 * Reads PEM texts. What is made lives in memory of the caller's, and holds a
 * private key: the caller wipes it when it goes. tls looks inside.
 */
#ifndef CREDENTIAL_H
#define CREDENTIAL_H

#include "cert.h"

/* Zeroed memory, aligned for anything, that lives as long as what is made. */
struct credential_memory {
	void *(*take)(void *user, size_t bytes);
	void *user;
};

struct credential; /* a chain of certificates and the private key of the first */

enum credential_side { CREDENTIAL_CERT, CREDENTIAL_KEY };

/* From a file of certificates (in any order; those that do not belong to the
 * chain are left out) and a file with the key, PKCS#1, SEC1 or PKCS#8; both may
 * be the same text, and other objects in them are passed over. NULL: *why says
 * what is wrong in a few words that follow the file's name ("is empty"), *side
 * with which of the two; certs comes first. Nothing has been taken then, unless
 * memory was short. RSA of 2048 to 4096 bits, P-256, P-384, P-521. */
struct credential *credential_read(struct span certs, struct span key, struct credential_memory memory, const char **why, enum credential_side *side);
/* The first certificate. */
const struct cert *credential_cert(const struct credential *c);
size_t credential_chain_length(const struct credential *c);
/* Does the chain end in a certificate that others must know already: self-issued
 * itself, one of two or more, or one whose root stands in the file? A leaf alone
 * that another has issued is most often a file without its chain. */
bool credential_is_whole(const struct credential *c);
/* "RSA-2048", "P-256". */
const char *credential_kind(const struct credential *c);
bool credential_is_rsa(const struct credential *c);

struct trust; /* certification authorities */

/* All certificates of a PEM text with an RSA or EC key; *why when there is none.
 * One that is no authority (basicConstraints; version 1 and issued by itself is
 * one) is trusted itself alone. */
struct trust *trust_read(struct span pem, struct credential_memory memory, const char **why);
size_t trust_count(const struct trust *t);

/* SHA-256. Of a certificate: its fingerprint; of cert.key: its pin. */
void credential_hash(unsigned char hash[32], struct span of);
/* The fingerprint of the first certificate, as others show it: "AA:BB:...". */
void credential_write_fingerprint(struct text *t, const struct credential *c);

#endif

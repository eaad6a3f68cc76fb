/* SPDX-License-Identifier: MIT
 *
 * credential_look - what is inside of a credential, in BearSSL's words?
 *
 * For credential and tls alone. All pointers point into the memory that the
 * caller of credential_read or trust_read gave, and nothing changes any more.
 */
#ifndef CREDENTIAL_LOOK_H
#define CREDENTIAL_LOOK_H

#include "credential.h"
#include <bearssl.h>

struct credential {
	const br_x509_certificate *chain; /* the leaf first, in the order in which it is sent */
	size_t chain_len;
	uint8_t key_type;                 /* BR_KEYTYPE_RSA or BR_KEYTYPE_EC: which of the two below */
	uint8_t issuer_key_type;          /* the same, of the key that signed the leaf */
	br_rsa_private_key rsa;
	br_ec_private_key ec;
	struct cert cert;                 /* the leaf */
	bool whole;                       /* see credential_is_whole */
	char kind[16];                    /* "RSA-2048", "P-256" */
};

struct trust {
	const br_x509_trust_anchor *anchors;
	size_t count;
};

#endif

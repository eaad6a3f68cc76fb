/* SPDX-License-Identifier: MIT
 *
 * selfsign - how does a site get a certificate when it has none?
 */
#ifndef SELFSIGN_H
#define SELFSIGN_H

#include "net.h"

struct selfsign {
	const struct span *names; /* DNS names, "*.example.org" too; the first one is the common name */
	size_t name_count;
	const struct net *addresses;
	size_t address_count;
	int64_t from, until;      /* validity, seconds since 1970 */
};

/* A new P-256 key and a certificate for it, signed by itself: serverAuth, no
 * authority. PEM: the key (SEC1), then the certificate. seed: 32 random bytes.
 * NULL, or why not. */
const char *selfsign_make(struct text *pem, const struct selfsign *what, const unsigned char seed[32]);

#endif

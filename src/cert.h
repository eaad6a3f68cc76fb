/* SPDX-License-Identifier: MIT
 *
 * cert - what does this certificate say?
 *
 * Reads X.509 certificates (RFC 5280) in DER, as much as a proxy shows or
 * compares. It checks no signature: that is BearSSL's. Spans point into the DER.
 */
#ifndef CERT_H
#define CERT_H

#include "net.h"

struct cert {
	struct span der;     /* all of it */
	struct span issuer;  /* Name, DER with its tag */
	struct span subject; /* the same */
	struct span key;     /* SubjectPublicKeyInfo, DER with its tag: what a pin is the hash of (RFC 7469 2.4) */
	struct span names;   /* content of subjectAltName; empty: there is none */
	int64_t from, until; /* validity, seconds since 1970 */
	uint8_t version;     /* 1 to 3; before 3 nothing says whether it may sign certificates */
	bool ca;             /* basicConstraints says that it may sign certificates */
	uint8_t uses;        /* enum cert_use of extKeyUsage; 0: there is none, it is for all */
};

enum cert_use { CERT_FOR_SERVERS = 1, CERT_FOR_CLIENTS = 2, CERT_FOR_OTHERS = 4 };

/* NULL, or why it is none. Bytes behind the certificate are a fault. */
const char *cert_read(struct cert *c, struct span der);

enum cert_name { CERT_DNS, CERT_IP /* four or sixteen bytes */, CERT_OTHER };
/* The next one of c->names, which is cut off *names; false: no more (or not well-formed). */
bool cert_next_name(struct span *names, enum cert_name *kind, struct span *value);

/* Is it for this use, as far as it says (RFC 5280 4.2.1.12)? */
static inline bool cert_may(const struct cert *c, enum cert_use use)
{
	return !c->uses || c->uses & use;
}

/* Is it for this host? A name is compared with dNSName alone (RFC 6125 6.4: no
 * commonName, a wildcard is the whole leftmost label and stands for one label),
 * an address literal (IPv6 without brackets) with iPAddress alone. */
bool cert_is_for(const struct cert *c, struct span host);
/* Is every name under this wildcard ("*.example.org") covered? */
bool cert_is_for_wildcard(const struct cert *c, struct span host);

/* A Name as text, RFC 4514 in the order of the DER reversed: "CN=alice,O=Example".
 * Control bytes and bytes outside of ASCII are escaped, so that it can stand in a header field.
 * t->full: it does not fit, or is not well-formed, and what is written must not be used. */
void cert_write_name(struct text *t, struct span name);
/* The last commonName of a Name, raw; empty: none. */
struct span cert_common_name(struct span name);
/* Did it sign itself, going by its names? */
static inline bool cert_is_self_issued(const struct cert *c)
{
	return span_is(c->issuer, c->subject);
}

#endif

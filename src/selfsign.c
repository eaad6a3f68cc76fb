/* SPDX-License-Identifier: MIT
 *
 * selfsign - how does a site get a certificate when it has none?
 *
 * DER is written from its end to its beginning: what an element holds is there
 * before its length must be said.
 */
#include "selfsign.h"
#include <bearssl.h>

enum {
	DER_BOOLEAN = 0x01, DER_INTEGER = 0x02, DER_BITS = 0x03, DER_OCTETS = 0x04, DER_OID = 0x06,
	DER_UTF8 = 0x0c, DER_UTC_TIME = 0x17, DER_TIME = 0x18, DER_SEQUENCE = 0x30, DER_SET = 0x31,
	DER_0 = 0xa0, DER_1 = 0xa1, DER_EXTENSIONS = 0xa3, DER_DNS_NAME = 0x82, DER_IP_ADDRESS = 0x87
};

enum {
	CERT_MOST = 16384, /* as credential reads them */
	KEY_MOST = 160,
	SIGNATURE_MOST = 80,
	POINT = 65,        /* uncompressed, on P-256 */
	COMMON_NAME = 64   /* longest (RFC 5280, ub-common-name) */
};

#define YEAR_2050 INT64_C(2524608000)
#define YEAR_10000 INT64_C(253402300800)

/* --- DER, from the end -------------------------------------------------------- */

struct der {
	unsigned char *begin, *at; /* the place; what is written begins at at */
	size_t len;                /* of what is written */
	bool full;
};

static struct der der_in(unsigned char *place, size_t size)
{
	return (struct der){.begin = place, .at = place + size};
}

static void der_add(struct der *d, const void *bytes, size_t len)
{
	if (d->full || len > (size_t)(d->at - d->begin)) {
		d->full = true;
		return;
	}
	d->at -= len;
	d->len += len;
	memcpy(d->at, bytes, len);
}

static void der_byte(struct der *d, unsigned value)
{
	unsigned char byte = (unsigned char)value;

	der_add(d, &byte, 1);
}

/* What was written since there were so many bytes becomes one element. */
static void der_wrap(struct der *d, unsigned tag, size_t since)
{
	size_t len = d->len - since;

	der_byte(d, (unsigned)(len & 0xff));
	if (len > 0xff)
		der_byte(d, (unsigned)(len >> 8));
	if (len > 0x7f)
		der_byte(d, len > 0xff ? 0x82 : 0x81);
	der_byte(d, tag);
}

static void der_element(struct der *d, unsigned tag, struct span content)
{
	size_t since = d->len;

	der_add(d, content.at, content.len);
	der_wrap(d, tag, since);
}

static void der_bits(struct der *d, const void *bytes, size_t len)
{
	size_t since = d->len;

	der_add(d, bytes, len);
	der_byte(d, 0); /* no unused bits */
	der_wrap(d, DER_BITS, since);
}

/* --- what stands in it (RFC 5280 4.1) -------------------------------------------- */

/* Content of the object identifiers. */
#define OID(content) {(content), sizeof(content) - 1}
static const struct span oid_common_name = OID("\x55\x04\x03");
static const struct span oid_key_usage = OID("\x55\x1d\x0f");
static const struct span oid_names = OID("\x55\x1d\x11");
static const struct span oid_constraints = OID("\x55\x1d\x13");
static const struct span oid_purposes = OID("\x55\x1d\x25");
static const struct span oid_server_auth = OID("\x2b\x06\x01\x05\x05\x07\x03\x01");
static const struct span oid_ec_key = OID("\x2a\x86\x48\xce\x3d\x02\x01");
static const struct span oid_p256 = OID("\x2a\x86\x48\xce\x3d\x03\x01\x07");
static const struct span oid_ecdsa_sha256 = OID("\x2a\x86\x48\xce\x3d\x04\x03\x02");

static void der_name(struct der *d, struct span common_name)
{
	size_t since = d->len;

	der_element(d, DER_UTF8, common_name);
	der_element(d, DER_OID, oid_common_name);
	der_wrap(d, DER_SEQUENCE, since);
	der_wrap(d, DER_SET, since);
	der_wrap(d, DER_SEQUENCE, since);
}

static void der_signature_kind(struct der *d)
{
	size_t since = d->len;

	der_element(d, DER_OID, oid_ecdsa_sha256);
	der_wrap(d, DER_SEQUENCE, since);
}

static void two(struct text *t, unsigned value)
{
	text_char(t, (char)('0' + value / 10 % 10));
	text_char(t, (char)('0' + value % 10));
}

/* YYYYMMDDHHMMSSZ; before 2050 without the century (4.1.2.5). Days are counted
 * in eras of 400 years that begin on March 1st. */
static void der_time(struct der *d, int64_t seconds)
{
	unsigned day = (unsigned)(seconds / 86400) + 719468, rest = (unsigned)(seconds % 86400);
	unsigned era = day / 146097, of_era = day % 146097;
	unsigned year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	unsigned of_year = of_era - (365 * year + year / 4 - year / 100);
	unsigned march = (5 * of_year + 2) / 153; /* months since March */
	char room[16];
	struct text t = text_in(room, sizeof room);

	year += 400 * era + (march >= 10);
	if (seconds >= YEAR_2050)
		two(&t, year / 100);
	two(&t, year);
	two(&t, march < 10 ? march + 3 : march - 9);
	two(&t, of_year - (153 * march + 2) / 5 + 1);
	two(&t, rest / 3600);
	two(&t, rest / 60 % 60);
	two(&t, rest % 60);
	text_char(&t, 'Z');
	der_element(d, seconds >= YEAR_2050 ? DER_TIME : DER_UTC_TIME, text_span(&t));
}

static void der_validity(struct der *d, const struct selfsign *what)
{
	size_t since = d->len;

	der_time(d, what->until);
	der_time(d, what->from);
	der_wrap(d, DER_SEQUENCE, since);
}

static void der_key(struct der *d, const unsigned char point[POINT])
{
	size_t since = d->len, kind;

	der_bits(d, point, POINT);
	kind = d->len;
	der_element(d, DER_OID, oid_p256);
	der_element(d, DER_OID, oid_ec_key);
	der_wrap(d, DER_SEQUENCE, kind);
	der_wrap(d, DER_SEQUENCE, since);
}

/* The value that was written since then becomes an extension. */
static void der_extension(struct der *d, struct span oid, bool critical, size_t since)
{
	der_wrap(d, DER_OCTETS, since);
	if (critical)
		der_element(d, DER_BOOLEAN, SPAN("\xff"));
	der_element(d, DER_OID, oid);
	der_wrap(d, DER_SEQUENCE, since);
}

static void der_names(struct der *d, const struct selfsign *what)
{
	size_t since = d->len;

	for (size_t i = what->address_count; i-- > 0;) {
		const struct net *n = &what->addresses[i];

		if (n->family == NET_IP4 || n->family == NET_IP6)
			der_element(d, DER_IP_ADDRESS, span_of((const char *)n->ip, n->family == NET_IP4 ? 4 : 16));
	}
	for (size_t i = what->name_count; i-- > 0;)
		der_element(d, DER_DNS_NAME, what->names[i]);
	if (d->len == since)
		return; /* an empty list is none (4.2.1.6) */
	der_wrap(d, DER_SEQUENCE, since);
	der_extension(d, oid_names, false, since);
}

static void der_extensions(struct der *d, const struct selfsign *what)
{
	size_t since = d->len, one;

	der_names(d, what);
	one = d->len;
	der_element(d, DER_OID, oid_server_auth);
	der_wrap(d, DER_SEQUENCE, one);
	der_extension(d, oid_purposes, false, one);
	one = d->len;
	der_element(d, DER_BITS, SPAN("\x07\x80")); /* digitalSignature, and seven unused bits */
	der_extension(d, oid_key_usage, true, one);
	one = d->len;
	der_wrap(d, DER_SEQUENCE, one); /* no authority: the default, which DER leaves out */
	der_extension(d, oid_constraints, true, one);
	der_wrap(d, DER_SEQUENCE, since);
	der_wrap(d, DER_EXTENSIONS, since);
}

/* The name of a certificate that was made for no name, or one that is too long for it. */
static struct span common_name(const struct selfsign *what)
{
	if (what->name_count && what->names[0].len && what->names[0].len <= COMMON_NAME)
		return what->names[0];
	return SPAN("gateway");
}

/* TBSCertificate: all that is signed. */
static void der_content(struct der *d, const struct selfsign *what, const unsigned char point[POINT], const unsigned char serial[16])
{
	size_t since = d->len, version;

	der_extensions(d, what);
	der_key(d, point);
	der_name(d, common_name(what));
	der_validity(d, what);
	der_name(d, common_name(what));
	der_signature_kind(d);
	der_element(d, DER_INTEGER, span_of((const char *)serial, 16));
	version = d->len;
	der_element(d, DER_INTEGER, SPAN("\x02")); /* 3 */
	der_wrap(d, DER_0, version);
	der_wrap(d, DER_SEQUENCE, since);
}

/* ECPrivateKey (RFC 5915 3). */
static void der_secret(struct der *d, const br_ec_private_key *key, const unsigned char point[POINT])
{
	size_t since = d->len, one = d->len;

	der_bits(d, point, POINT);
	der_wrap(d, DER_1, one);
	one = d->len;
	der_element(d, DER_OID, oid_p256);
	der_wrap(d, DER_0, one);
	der_element(d, DER_OCTETS, span_of((const char *)key->x, key->xlen));
	der_element(d, DER_INTEGER, SPAN("\x01"));
	der_wrap(d, DER_SEQUENCE, since);
}

/* --- making it ---------------------------------------------------------------------- */

struct making {
	br_hmac_drbg_context random;
	br_ec_private_key key;
	unsigned char secret[BR_EC_KBUF_PRIV_MAX_SIZE];
	unsigned char point[BR_EC_KBUF_PUB_MAX_SIZE];
	unsigned char key_der[KEY_MOST];
	unsigned char cert_der[CERT_MOST];
};

static bool make_key(struct making *m, const unsigned char seed[32])
{
	const br_ec_impl *impl = br_ec_get_default();

	br_hmac_drbg_init(&m->random, &br_sha256_vtable, seed, 32);
	return br_ec_keygen(&m->random.vtable, impl, &m->key, m->secret, BR_EC_secp256r1) &&
	       br_ec_compute_pub(impl, NULL, m->point, &m->key) == POINT;
}

/* Of what is in d; its length, 0: it cannot be signed. */
static size_t sign(const struct der *d, const br_ec_private_key *key, unsigned char signature[SIGNATURE_MOST])
{
	br_sha256_context sha;
	unsigned char hash[br_sha256_SIZE];

	br_sha256_init(&sha);
	br_sha256_update(&sha, d->at, d->len);
	br_sha256_out(&sha, hash);
	return br_ecdsa_sign_asn1_get_default()(br_ec_get_default(), &br_sha256_vtable, hash, key, signature);
}

/* The signature stands behind what it signs, but can be made only after it: so
 * that is written first, and then moved to the beginning of the place. */
static bool make_cert(struct making *m, const struct selfsign *what, struct der *cert)
{
	struct der content = der_in(m->cert_der, sizeof m->cert_der);
	unsigned char serial[16], signature[SIGNATURE_MOST];
	size_t len;

	br_hmac_drbg_generate(&m->random, serial, sizeof serial);
	serial[0] = (unsigned char)((serial[0] & 0x3f) | 0x40); /* positive, and of full length */
	der_content(&content, what, m->point, serial);
	if (content.full || content.len > sizeof m->cert_der / 2)
		return false;
	len = sign(&content, &m->key, signature);
	memmove(m->cert_der, content.at, content.len);
	*cert = der_in(m->cert_der + content.len, sizeof m->cert_der - content.len);
	der_bits(cert, signature, len);
	der_signature_kind(cert);
	der_add(cert, m->cert_der, content.len);
	der_wrap(cert, DER_SEQUENCE, 0);
	return len && !cert->full;
}

/* The encoder ends its text with a zero, which is not kept. */
static bool add_pem(struct text *pem, const struct der *d, const char *kind)
{
	size_t len = br_pem_encode(NULL, d->at, d->len, kind, BR_PEM_LINE64);

	if (len + 1 > pem->size - pem->len) {
		pem->full = true;
		return false;
	}
	br_pem_encode(pem->at + pem->len, d->at, d->len, kind, BR_PEM_LINE64);
	pem->len += len;
	return true;
}

const char *selfsign_make(struct text *pem, const struct selfsign *what, const unsigned char seed[32])
{
	struct making m;
	struct der key, cert;
	const char *why = NULL;

	if (what->from < 0 || what->until < what->from || what->until >= YEAR_10000)
		return "its dates cannot be written";
	if (!make_key(&m, seed)) {
		why = "no key can be made";
		goto out;
	}
	key = der_in(m.key_der, sizeof m.key_der);
	der_secret(&key, &m.key, m.point);
	if (!make_cert(&m, what, &cert))
		why = "it has too many names";
	else if (key.full || !add_pem(pem, &key, "EC PRIVATE KEY") || !add_pem(pem, &cert, "CERTIFICATE"))
		why = "it does not fit";
out:
	span_wipe(&m, sizeof m);
	return why;
}

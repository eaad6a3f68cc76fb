/* SPDX-License-Identifier: MIT
 *
 * credential - which certificate do we show, with which key, and whom do we trust?
 *
 * What is only looked at stays on the stack, and is wiped there; memory is
 * taken for what is kept alone, since callers try each certificate with each key.
 */
#include "credential_look.h"
#include "credential_pem.h"

enum {
	CERT_MOST = 16384, /* bytes of a certificate: some hundred names */
	KEY_MOST = 8192,   /* of a private key: RSA-4096 has 2,400, the rest is for a word about larger ones */
	CHAIN_MOST = 10,
	RSA_LEAST_BITS = 2048, RSA_MOST_BITS = 4096 /* BearSSL does no more */
};

static const char no_memory[] = "out of memory";
static const char no_kind[] = "is of a kind that is not supported; use EC (P-256, P-384, P-521) or RSA";

/* A copy that stays; NULL: out of memory. */
static void *keep(struct credential_memory memory, const void *at, size_t len)
{
	void *copy = memory.take(memory.user, len ? len : 1);

	if (copy && len)
		memcpy(copy, at, len);
	return copy;
}


/* --- certificates --------------------------------------------------------------- */

static bool is_cert(const struct pem *o)
{
	return span_is(o->kind, SPAN("CERTIFICATE")) || span_is(o->kind, SPAN("X509 CERTIFICATE"));
}

static const char *read_cert(struct cert *c, const struct pem *o, unsigned char place[CERT_MOST])
{
	size_t len;
	const char *why = pem_decode(o, place, CERT_MOST, &len);

	return why ? why : cert_read(c, span_of((const char *)place, len));
}

/* Cuts the next readable certificate off *pem; it lives in place. */
static bool next_cert(struct span *pem, struct cert *c, unsigned char place[CERT_MOST])
{
	const char *why;
	struct pem o;

	while (pem_find(pem, &o, &why))
		if (is_cert(&o) && !read_cert(c, &o, place))
			return true;
	return false;
}

/* Is the text whole, and is there a certificate in it? NULL: yes. */
static const char *check_certs(struct span pem, unsigned char place[CERT_MOST], size_t *count)
{
	const char *why, *fault = NULL;
	struct span rest = pem;
	struct cert c;
	struct pem o;

	*count = 0;
	while (pem_find(&rest, &o, &why)) {
		const char *bad = is_cert(&o) ? read_cert(&c, &o, place) : NULL;

		*count += is_cert(&o) && !bad;
		if (bad)
			fault = bad;
	}
	if (why || *count)
		return why;
	return fault ? fault : pem_nothing(pem, "has no certificate in it");
}

/* --- private keys ------------------------------------------------------------------ */

struct secret {
	/* The decoder takes EC keys of up to 3 * BR_X509_BUFSIZE_KEY bytes into a
	 * buffer of 3 * BR_X509_BUFSIZE_SIG: the few too many land behind it. */
	br_skey_decoder_context decoder;
	unsigned char behind[3 * (BR_X509_BUFSIZE_KEY - BR_X509_BUFSIZE_SIG)];
	/* Modulus or point, to be compared with a certificate's. */
	unsigned char open[RSA_MOST_BITS / 8 + 1];
	size_t open_len;
};

static bool is_key(const struct pem *o)
{
	return span_ends_same(o->kind, SPAN("PRIVATE KEY"));
}

static bool is_encrypted(const struct pem *o)
{
	return o->encrypted || span_starts_same(o->kind, SPAN("ENCRYPTED "));
}

/* Big-endian, as all numbers are here; n has room for both lengths. BearSSL has
 * this too, but says 0 of the factors of RSA-4096. */
static void multiply(unsigned char *n, const unsigned char *p, size_t plen, const unsigned char *q, size_t qlen)
{
	memset(n, 0, plen + qlen);
	for (size_t i = plen; i-- > 0;) {
		unsigned carry = 0;

		for (size_t j = qlen; j-- > 0;) {
			carry += n[i + j + 1] + (unsigned)p[i] * q[j];
			n[i + j + 1] = (unsigned char)carry;
			carry >>= 8;
		}
		n[i] = (unsigned char)carry;
	}
}

/* Of a number without its leading zeros. */
static size_t strip(const unsigned char **at, size_t len)
{
	while (len && !**at) {
		++*at;
		len--;
	}
	return len;
}

static bool find_modulus(struct secret *s, const br_rsa_private_key *key)
{
	const unsigned char *p = key->p, *q = key->q, *n = s->open;
	size_t plen = strip(&p, key->plen), qlen = strip(&q, key->qlen);

	if (!plen || !qlen || plen + qlen > sizeof s->open)
		return false;
	multiply(s->open, p, plen, q, qlen);
	s->open_len = strip(&n, plen + qlen);
	memmove(s->open, n, s->open_len);
	return s->open_len == (key->n_bitlen + 7) / 8;
}

static const char *check_rsa(struct secret *s)
{
	const br_rsa_private_key *key = br_skey_decoder_get_rsa(&s->decoder);

	if (key->n_bitlen < RSA_LEAST_BITS)
		return "is an RSA key of less than 2048 bits";
	if (key->n_bitlen > RSA_MOST_BITS)
		return "is an RSA key of more than 4096 bits";
	return find_modulus(s, key) ? NULL : "is a damaged RSA key";
}

/* 1 to the order of the curve less 1: BearSSL's signer would fail with any other,
 * at each handshake. */
static bool is_on(const br_ec_impl *impl, const br_ec_private_key *key)
{
	size_t order_len, len;
	const unsigned char *order = impl->order(key->curve, &order_len), *x = key->x;

	len = strip(&x, key->xlen);
	return len && (len < order_len || (len == order_len && memcmp(x, order, len) < 0));
}

static const char *check_ec(struct secret *s)
{
	const br_ec_private_key *key = br_skey_decoder_get_ec(&s->decoder);
	const br_ec_impl *impl = br_ec_get_default();

	if (!is_on(impl, key))
		return "is a damaged EC key";
	s->open_len = br_ec_compute_pub(impl, NULL, s->open, key);
	return s->open_len ? NULL : "is an EC key of a curve that is not supported";
}

static const char *check_secret(struct secret *s)
{
	switch (br_skey_decoder_last_error(&s->decoder)) {
	case 0:
		return br_skey_decoder_key_type(&s->decoder) == BR_KEYTYPE_RSA ? check_rsa(s) : check_ec(s);
	case BR_ERR_X509_UNSUPPORTED:
		return no_kind;
	case BR_ERR_X509_LIMIT_EXCEEDED:
		return "is too large: RSA keys have 4096 bits at most";
	default:
		return "is damaged: not a private key";
	}
}

static bool is_known(const struct pem *o)
{
	return span_is(o->kind, SPAN("PRIVATE KEY")) || span_is(o->kind, SPAN("EC PRIVATE KEY")) || span_is(o->kind, SPAN("RSA PRIVATE KEY"));
}

static const char *read_secret(struct secret *s, const struct pem *o)
{
	unsigned char place[KEY_MOST];
	const char *why;
	size_t len;

	if (is_encrypted(o))
		return "is encrypted; openssl pkey -in FILE -out FILE decrypts it";
	if (!is_known(o))
		return no_kind; /* OPENSSH, DSA */
	why = pem_decode(o, place, sizeof place, &len);
	if (!why) {
		br_skey_decoder_init(&s->decoder);
		br_skey_decoder_push(&s->decoder, place, len);
		why = check_secret(s);
	}
	span_wipe(place, sizeof place);
	return why;
}

/* --- a key and its certificate ----------------------------------------------------------- */

static bool is_public(const struct secret *s, const br_x509_pkey *key)
{
	const unsigned char *open = key->key_type == BR_KEYTYPE_RSA ? key->key.rsa.n : key->key.ec.q;
	size_t len = key->key_type == BR_KEYTYPE_RSA ? key->key.rsa.nlen : key->key.ec.qlen;

	if (key->key_type != br_skey_decoder_key_type(&s->decoder))
		return false;
	/* The curve is the same then, too: no two have points of one length. */
	return len == s->open_len && memcmp(open, s->open, len) == 0;
}

/* The certificate of this key, and which kind of key signed it. */
static bool find_leaf(struct span pem, const struct secret *s, struct cert *leaf, uint8_t *signer, unsigned char place[CERT_MOST])
{
	br_x509_decoder_context decoder;
	const br_x509_pkey *key;

	while (next_cert(&pem, leaf, place)) {
		br_x509_decoder_init(&decoder, NULL, NULL);
		br_x509_decoder_push(&decoder, leaf->der.at, leaf->der.len);
		key = br_x509_decoder_get_pkey(&decoder);
		if (key && is_public(s, key)) {
			*signer = (uint8_t)br_x509_decoder_get_signer_key_type(&decoder);
			return true;
		}
	}
	return false;
}

static bool is_among(const br_x509_certificate *chain, size_t len, struct span der)
{
	for (size_t i = 0; i < len; i++)
		if (chain[i].data_len == der.len && memcmp(chain[i].data, der.at, der.len) == 0)
			return true;
	return false;
}

/* The certificate of the last one's issuer. One that issued itself is a root:
 * who trusts it has it, and who does not is not helped by it. */
static bool find_issuer(struct span pem, struct span issuer, const br_x509_certificate *chain, size_t len, struct cert *c,
			unsigned char place[CERT_MOST])
{
	while (next_cert(&pem, c, place))
		if (span_is(c->subject, issuer) && !cert_is_self_issued(c) && !is_among(chain, len, c->der))
			return true;
	return false;
}

/* Is the root that issued this one there? Then the file lacks nothing, although
 * the root is not sent. */
static bool has_root(struct span pem, struct span issuer, unsigned char place[CERT_MOST])
{
	struct cert c;

	while (next_cert(&pem, &c, place))
		if (span_is(c.subject, issuer) && cert_is_self_issued(&c))
			return true;
	return false;
}

static bool keep_cert(br_x509_certificate *to, const struct cert *c, struct credential_memory memory)
{
	to->data = keep(memory, c->der.at, c->der.len);
	to->data_len = c->der.len;
	return to->data != NULL;
}

/* From the leaf, which is in place, upwards. */
static bool keep_chain(struct credential *made, struct span pem, const struct cert *leaf, struct credential_memory memory,
		       unsigned char place[CERT_MOST])
{
	br_x509_certificate chain[CHAIN_MOST];
	struct cert c = *leaf, last;
	size_t n = 0;

	do {
		if (!keep_cert(&chain[n], &c, memory))
			return false;
		cert_read(&last, span_of((const char *)chain[n].data, chain[n].data_len));
		if (!n++)
			made->cert = last;
	} while (n < CHAIN_MOST && !cert_is_self_issued(&last) && find_issuer(pem, last.issuer, chain, n, &c, place));
	made->chain = keep(memory, chain, n * sizeof *chain);
	made->chain_len = n;
	made->whole = n > 1 || cert_is_self_issued(&last) || has_root(pem, last.issuer, place);
	return made->chain != NULL;
}

static unsigned char *keep_number(struct credential_memory memory, const unsigned char *at, size_t *len)
{
	*len = strip(&at, *len);
	return keep(memory, at, *len);
}

static bool keep_rsa(br_rsa_private_key *to, const br_rsa_private_key *from, struct credential_memory memory)
{
	*to = *from;
	to->p = keep_number(memory, from->p, &to->plen);
	to->q = keep_number(memory, from->q, &to->qlen);
	to->dp = keep_number(memory, from->dp, &to->dplen);
	to->dq = keep_number(memory, from->dq, &to->dqlen);
	to->iq = keep_number(memory, from->iq, &to->iqlen);
	return to->p && to->q && to->dp && to->dq && to->iq;
}

static bool keep_ec(br_ec_private_key *to, const br_ec_private_key *from, struct credential_memory memory)
{
	*to = *from;
	to->x = keep_number(memory, from->x, &to->xlen);
	return to->x != NULL;
}

static void name_kind(struct credential *made)
{
	struct text t = text_in(made->kind, sizeof made->kind - 1);

	if (made->key_type == BR_KEYTYPE_RSA) {
		text_lit(&t, "RSA-");
		text_number(&t, made->rsa.n_bitlen);
	} else {
		text_str(&t, made->ec.curve == BR_EC_secp256r1 ? "P-256" : made->ec.curve == BR_EC_secp384r1 ? "P-384" : "P-521");
	}
	made->kind[t.len] = 0;
}

static bool keep_secret(struct credential *made, const struct secret *s, struct credential_memory memory)
{
	made->key_type = (uint8_t)br_skey_decoder_key_type(&s->decoder);
	if (made->key_type == BR_KEYTYPE_RSA && !keep_rsa(&made->rsa, br_skey_decoder_get_rsa(&s->decoder), memory))
		return false;
	if (made->key_type == BR_KEYTYPE_EC && !keep_ec(&made->ec, br_skey_decoder_get_ec(&s->decoder), memory))
		return false;
	name_kind(made);
	return true;
}

static struct credential *make(struct span pem, const struct secret *s, struct credential_memory memory, unsigned char place[CERT_MOST],
			       const char **why)
{
	struct credential *made;
	struct cert leaf;
	uint8_t signer;

	*why = "does not belong to the certificate";
	if (!find_leaf(pem, s, &leaf, &signer, place))
		return NULL;
	*why = no_memory;
	made = memory.take(memory.user, sizeof *made);
	if (!made || !keep_chain(made, pem, &leaf, memory, place) || !keep_secret(made, s, memory))
		return NULL;
	made->issuer_key_type = signer;
	*why = NULL;
	return made;
}

struct credential *credential_read(struct span certs, struct span key, struct credential_memory memory, const char **why, enum credential_side *side)
{
	unsigned char place[CERT_MOST];
	struct credential *made = NULL;
	const char *end = NULL, *fault = NULL;
	struct span rest = key;
	struct secret secret;
	struct pem o;
	size_t count;

	*side = CREDENTIAL_CERT;
	*why = check_certs(certs, place, &count);
	if (*why)
		return NULL;
	*side = CREDENTIAL_KEY;
	/* One file may hold the keys of several certificates. */
	while (!made && pem_find(&rest, &o, &end)) {
		if (!is_key(&o))
			continue;
		fault = read_secret(&secret, &o);
		if (!fault)
			made = make(certs, &secret, memory, place, &fault);
		span_wipe(&secret, sizeof secret);
	}
	*why = made ? NULL : end ? end : fault ? fault : pem_nothing(key, "has no private key in it");
	return made;
}

const struct cert *credential_cert(const struct credential *c)
{
	return &c->cert;
}

size_t credential_chain_length(const struct credential *c)
{
	return c->chain_len;
}

bool credential_is_whole(const struct credential *c)
{
	return c->whole;
}

const char *credential_kind(const struct credential *c)
{
	return c->kind;
}

bool credential_is_rsa(const struct credential *c)
{
	return c->key_type == BR_KEYTYPE_RSA;
}

/* --- authorities --------------------------------------------------------------------------- */

static bool keep_key(br_x509_pkey *to, const br_x509_pkey *from, struct credential_memory memory)
{
	*to = *from;
	if (from->key_type == BR_KEYTYPE_EC) {
		to->key.ec.q = keep(memory, from->key.ec.q, from->key.ec.qlen);
		return to->key.ec.q != NULL;
	}
	to->key.rsa.n = keep(memory, from->key.rsa.n, from->key.rsa.nlen);
	to->key.rsa.e = keep(memory, from->key.rsa.e, from->key.rsa.elen);
	return to->key.rsa.n && to->key.rsa.e;
}

/* Without the flag BearSSL trusts this certificate alone, and none that it has
 * signed. Before version 3 roots cannot say that they are some. */
static bool is_authority(const struct cert *c)
{
	return c->ca || (c->version < 3 && cert_is_self_issued(c));
}

/* False: out of memory. A key that BearSSL cannot use is passed over. */
static bool add_anchor(br_x509_trust_anchor *rows, size_t *count, const struct cert *c, struct credential_memory memory)
{
	br_x509_trust_anchor *to = &rows[*count];
	br_x509_decoder_context decoder;
	const br_x509_pkey *key;

	br_x509_decoder_init(&decoder, NULL, NULL);
	br_x509_decoder_push(&decoder, c->der.at, c->der.len);
	key = br_x509_decoder_get_pkey(&decoder);
	if (!key)
		return true;
	to->dn.data = keep(memory, c->subject.at, c->subject.len);
	to->dn.len = c->subject.len;
	to->flags = is_authority(c) ? BR_X509_TA_CA : 0;
	if (!to->dn.data || !keep_key(&to->pkey, key, memory))
		return false;
	++*count;
	return true;
}

struct trust *trust_read(struct span pem, struct credential_memory memory, const char **why)
{
	unsigned char place[CERT_MOST];
	br_x509_trust_anchor *rows;
	struct trust *trust;
	struct cert c;
	size_t most;

	*why = check_certs(pem, place, &most);
	if (*why)
		return NULL;
	*why = no_memory;
	trust = memory.take(memory.user, sizeof *trust);
	rows = trust ? memory.take(memory.user, most * sizeof *rows) : NULL;
	if (!rows)
		return NULL;
	while (next_cert(&pem, &c, place))
		if (!add_anchor(rows, &trust->count, &c, memory))
			return NULL;
	trust->anchors = rows;
	*why = trust->count ? NULL : "has no certificate with an RSA or EC key";
	return trust->count ? trust : NULL;
}

size_t trust_count(const struct trust *t)
{
	return t->count;
}

void credential_hash(unsigned char hash[32], struct span of)
{
	br_sha256_context sha;

	br_sha256_init(&sha);
	br_sha256_update(&sha, of.at, of.len);
	br_sha256_out(&sha, hash);
}

void credential_write_fingerprint(struct text *t, const struct credential *c)
{
	static const char digits[] = "0123456789ABCDEF";
	unsigned char hash[32];

	credential_hash(hash, c->cert.der);
	for (size_t i = 0; i < sizeof hash; i++) {
		if (i)
			text_char(t, ':');
		text_char(t, digits[hash[i] >> 4]);
		text_char(t, digits[hash[i] & 15]);
	}
}

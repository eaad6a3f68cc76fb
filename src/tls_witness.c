/* SPDX-License-Identifier: MIT
 *
 * tls_witness - is the peer who it must be?
 *
 * A chain is BearSSL's to check; names, addresses, pins and the subject are
 * ours, in the peer's own certificate, of which a copy is kept meanwhile.
 */
#include "tls_parts.h"

enum { DAY = 86400, DAYS_TO_1970 = 719528 /* BearSSL counts from the year 0 */ };

#define WITNESS(ctx) ((struct witness *)(void *)(ctx))

static void witness_start_chain(const br_x509_class **ctx, const char *name)
{
	struct witness *w = WITNESS(ctx);

	(void)name; /* we compare it ourselves: BearSSL knows no addresses */
	w->first = true;
	w->len = 0;
	w->key = NULL;
	if (w->chain)
		w->look.chain.vtable->start_chain(&w->look.chain.vtable, NULL);
	else
		br_x509_decoder_init(&w->look.key, NULL, NULL);
}

static void witness_start_cert(const br_x509_class **ctx, uint32_t length)
{
	struct witness *w = WITNESS(ctx);

	if (w->chain)
		w->look.chain.vtable->start_cert(&w->look.chain.vtable, length);
}

static void keep(struct witness *w, const unsigned char *at, size_t len)
{
	if (w->len > GW_PEER_CERT || len > (size_t)(GW_PEER_CERT - w->len)) {
		w->len = GW_PEER_CERT + 1;
		return;
	}
	memcpy(w->cert + w->len, at, len);
	w->len = (uint16_t)(w->len + len);
}

static void witness_append(const br_x509_class **ctx, const unsigned char *at, size_t len)
{
	struct witness *w = WITNESS(ctx);

	if (w->first)
		keep(w, at, len);
	if (w->chain)
		w->look.chain.vtable->append(&w->look.chain.vtable, at, len);
	else if (w->first)
		br_x509_decoder_push(&w->look.key, at, len);
}

static void witness_end_cert(const br_x509_class **ctx)
{
	struct witness *w = WITNESS(ctx);

	if (w->chain)
		w->look.chain.vtable->end_cert(&w->look.chain.vtable);
	w->first = false;
}

/* --- what counts --------------------------------------------------------------------- */

static unsigned look_at_chain(struct witness *w)
{
	unsigned error = w->look.chain.vtable->end_chain(&w->look.chain.vtable), usages;

	if (error)
		return error;
	w->key = w->look.chain.vtable->get_pkey(&w->look.chain.vtable, &usages);
	if (!w->tls->accepted || usages & BR_KEYTYPE_SIGN)
		return 0; /* many servers' certificates say what they did with RSA key exchange */
	w->tls->why = "the client's certificate is not for signatures (keyUsage)"; /* RFC 5246 7.4.6 */
	return BR_ERR_X509_FORBIDDEN_KEY_USAGE;
}

static unsigned look_at_key(struct witness *w)
{
	w->key = br_x509_decoder_get_pkey(&w->look.key);
	return w->key ? 0 : (unsigned)br_x509_decoder_last_error(&w->look.key);
}

/* A client: who it is goes to the backend, which must not take it for one who
 * was not asked. Who has a certificate for something else is no client. */
static unsigned take_subject(struct witness *w, const struct cert *c)
{
	struct text subject = text_in(w->tls->subject, GW_SUBJECT);

	if (!cert_may(c, CERT_FOR_CLIENTS)) {
		w->tls->why = "the client's certificate is not for clients (extendedKeyUsage)";
		return BR_ERR_X509_UNSUPPORTED;
	}
	cert_write_name(&subject, c->subject);
	if (subject.full) {
		w->tls->why = "the subject of the client's certificate is too long";
		return BR_ERR_X509_LIMIT_EXCEEDED;
	}
	if (!subject.len) {
		w->tls->why = "the client's certificate has no subject";
		return BR_ERR_X509_INVALID_VALUE;
	}
	w->tls->subject_len = (uint16_t)subject.len;
	return 0;
}

static unsigned check_server(struct witness *w, const struct cert *c)
{
	const struct tls_server *s = w->tls->server;

	credential_hash(w->tls->key, c->key);
	if (s->verify == TLS_VERIFY_PIN && memcmp(w->tls->key, s->pin, sizeof s->pin) != 0) {
		w->tls->why = "the server's key is not the pinned one";
		return BR_ERR_X509_NOT_TRUSTED;
	}
	if (s->verify == TLS_VERIFY_CA && !cert_is_for(c, span_str(s->name))) {
		w->tls->why = "the server's certificate is for another name";
		return BR_ERR_X509_BAD_SERVER_NAME;
	}
	if (s->verify == TLS_VERIFY_CA && !cert_may(c, CERT_FOR_SERVERS)) {
		w->tls->why = "the server's certificate is not for servers (extendedKeyUsage)";
		return BR_ERR_X509_UNSUPPORTED;
	}
	return 0;
}

static unsigned witness_end_chain(const br_x509_class **ctx)
{
	struct witness *w = WITNESS(ctx);
	unsigned error = w->chain ? look_at_chain(w) : look_at_key(w);
	struct cert c;

	if (!error && w->len > GW_PEER_CERT) {
		w->tls->why = "the peer's certificate is too long";
		error = BR_ERR_X509_LIMIT_EXCEEDED;
	}
	if (!error && cert_read(&c, span_of((const char *)w->cert, w->len))) {
		w->tls->why = "the peer's certificate cannot be read";
		error = BR_ERR_X509_INVALID_VALUE;
	}
	if (!error)
		error = w->tls->accepted ? take_subject(w, &c) : check_server(w, &c);
	if (error)
		w->key = NULL;
	return error;
}

static const br_x509_pkey *witness_get_key(const br_x509_class *const *ctx, unsigned *usages)
{
	if (usages)
		*usages = BR_KEYTYPE_SIGN;
	return ((const struct witness *)(const void *)ctx)->key;
}

static const br_x509_class witness_class = {
	sizeof(struct witness), witness_start_chain, witness_start_cert, witness_append, witness_end_cert, witness_end_chain, witness_get_key,
};

/* --- setting it up ---------------------------------------------------------------------- */

static void witness_trusts(struct witness *w, const struct trust *trust, int64_t clock)
{
	br_x509_minimal_context *m = &w->look.chain;

	w->chain = true;
	br_x509_minimal_init(m, &br_sha256_vtable, trust->anchors, trust->count);
	br_x509_minimal_set_hash(m, br_sha256_ID, &br_sha256_vtable);
	br_x509_minimal_set_hash(m, br_sha384_ID, &br_sha384_vtable);
	br_x509_minimal_set_hash(m, br_sha512_ID, &br_sha512_vtable);
	br_x509_minimal_set_rsa(m, br_rsa_pkcs1_vrfy_get_default());
	br_x509_minimal_set_ecdsa(m, br_ec_get_default(), br_ecdsa_vrfy_asn1_get_default());
	br_x509_minimal_set_time(m, (uint32_t)(clock / DAY + DAYS_TO_1970), (uint32_t)(clock % DAY));
}

static struct witness *witness_of(struct tls *t)
{
	struct witness *w = &t->shake->witness;

	w->vtable = &witness_class;
	w->tls = t;
	w->chain = false;
	br_ssl_engine_set_x509(t->eng, &w->vtable);
	return w;
}

void tls_watch_clients(struct tls *t, const struct trust *trust)
{
	witness_trusts(witness_of(t), trust, t->kit->clock);
	br_ssl_server_set_trust_anchor_names_alt(tls_server_context(t), trust->anchors, trust->count);
}

void tls_watch_server(struct tls *t)
{
	struct witness *w = witness_of(t);

	if (t->server->verify == TLS_VERIFY_CA)
		witness_trusts(w, t->server->trust, t->kit->clock);
}

/* SPDX-License-Identifier: MIT
 *
 * tls_site - as which site do we show ourselves, and which sessions go on?
 *
 * BearSSL calls these while it reads a ClientHello. It looks a session up before
 * it has come to the name that the client asks for, so we look ahead: a session
 * never leads from one site to another (one that asks for client certificates
 * has none at all). When all is over that is compared once more.
 */
#include "tls_parts.h"

#define OF_POLICY(pctx) ((struct tls *)(void *)((char *)(void *)(pctx) - offsetof(struct tls, policy)))
#define OF_CACHE(ctx) ((struct tls *)(void *)((char *)(void *)(ctx) - offsetof(struct tls, cache)))

static const struct tls_site *site_asked_for(const struct tls *t)
{
	return t->kit->hooks.site(t->listener, span_str(br_ssl_engine_get_server_name(t->eng)));
}

/* --- which certificate -------------------------------------------------------- */

/* The best hash function that client and we have in common, for signatures of
 * one kind: the first bits of a set. 0: none. */
static int choose_hash(uint32_t set)
{
	static const int order[] = {br_sha256_ID, br_sha384_ID, br_sha512_ID};

	for (size_t i = 0; i < sizeof order / sizeof *order; i++)
		if (set >> order[i] & 1)
			return order[i];
	return 0;
}

/* Can the client make use of it, with a suite of this kind? The hash to sign with; 0: no. */
static int usable(const br_ssl_server_context *sc, const struct credential *c, unsigned kind)
{
	uint32_t hashes = br_ssl_server_get_client_hashes(sc);

	if (kind == BR_SSLKEYX_ECDHE_RSA)
		return c->key_type == BR_KEYTYPE_RSA ? choose_hash(hashes & 0xff) : 0;
	if (kind != BR_SSLKEYX_ECDHE_ECDSA || c->key_type != BR_KEYTYPE_EC)
		return 0;
	if (!(br_ssl_server_get_client_curves(sc) >> c->ec.curve & 1))
		return 0;
	return choose_hash(hashes >> 8 & 0xff);
}

static bool choose_credential(struct tls *t, const br_ssl_server_context *sc, br_ssl_server_choices *choices)
{
	size_t count;
	const br_suite_translated *suites = br_ssl_server_get_client_suites(sc, &count);

	for (size_t i = 0; i < count; i++) {
		for (size_t j = 0; j < t->site->count; j++) {
			const struct credential *c = t->site->credentials[j];
			int hash = usable(sc, c, suites[i][1] >> 12);

			if (!hash)
				continue;
			t->credential = c;
			choices->cipher_suite = suites[i][0];
			choices->algo_id = 0xff00 + (unsigned)hash;
			choices->chain = c->chain;
			choices->chain_len = c->chain_len;
			return true;
		}
	}
	return false;
}

static int policy_choose(const br_ssl_server_policy_class **pctx, const br_ssl_server_context *sc, br_ssl_server_choices *choices)
{
	struct tls *t = OF_POLICY(pctx);

	memset(choices, 0, sizeof *choices);
	t->session_policy = 0; /* the client could not go on with it */
	t->site = site_asked_for(t);
	if (!t->site) {
		t->why = "the client asked for a name that is no site's";
		return 0;
	}
	if (!choose_credential(t, sc, choices)) {
		t->why = "the client can use none of the site's certificates";
		return 0;
	}
	if (t->site->client_ca)
		tls_watch_clients(t, t->site->client_ca);
	return 1;
}

/* Suites with static keys are not ours. */
static uint32_t policy_keyx(const br_ssl_server_policy_class **pctx, unsigned char *data, size_t *len)
{
	(void)pctx;
	(void)data;
	(void)len;
	return 0;
}

static const unsigned char *hash_oid(unsigned id)
{
	return id == br_sha256_ID ? BR_HASH_OID_SHA256 : id == br_sha384_ID ? BR_HASH_OID_SHA384 : BR_HASH_OID_SHA512;
}

/* data: the hash value, then the signature. */
static size_t policy_sign(const br_ssl_server_policy_class **pctx, unsigned algo_id, unsigned char *data, size_t hash_len, size_t len)
{
	struct tls *t = OF_POLICY(pctx);
	const struct credential *c = t->credential;
	unsigned id = algo_id & 0xff;
	unsigned char hash[64];
	size_t size;

	if (hash_len > sizeof hash)
		return 0;
	memcpy(hash, data, hash_len);
	if (c->key_type == BR_KEYTYPE_RSA) {
		size = (c->rsa.n_bitlen + 7) >> 3;
		return size <= len && t->kit->rsa_sign(hash_oid(id), hash, hash_len, &c->rsa, data) ? size : 0;
	}
	if (len < 139) /* of P-521, in ASN.1 */
		return 0;
	return t->kit->ec_sign(br_ec_get_default(), br_ssl_engine_get_hash(t->eng, (int)id), hash, &c->ec, data);
}

const br_ssl_server_policy_class tls_policy_class = {sizeof(struct tls), policy_choose, policy_keyx, policy_sign};

/* --- sessions --------------------------------------------------------------------- */

struct secret { /* what of a session must be kept: tls_session's secret */
	uint16_t version, suite;
	unsigned char master[48];
};

_Static_assert(sizeof(struct secret) <= sizeof(((struct tls_session *)0)->secret), "a session does not fit");

void tls_session_put(struct tls_session *session, const br_ssl_session_parameters *p)
{
	struct secret secret = {.version = p->version, .suite = p->cipher_suite};

	memcpy(session->id, p->session_id, sizeof session->id);
	memcpy(secret.master, p->master_secret, sizeof secret.master);
	memcpy(session->secret, &secret, sizeof secret);
	span_wipe(&secret, sizeof secret);
}

void tls_session_get(const struct tls_session *session, br_ssl_session_parameters *p)
{
	struct secret secret;

	memcpy(&secret, session->secret, sizeof secret);
	memcpy(p->session_id, session->id, sizeof p->session_id);
	p->session_id_len = sizeof session->id;
	p->version = secret.version;
	p->cipher_suite = secret.suite;
	memcpy(p->master_secret, secret.master, sizeof secret.master);
	span_wipe(&secret, sizeof secret);
}

static void cache_save(const br_ssl_session_cache_class **ctx, br_ssl_server_context *sc, const br_ssl_session_parameters *p)
{
	struct tls *t = OF_CACHE(ctx);
	struct tls_session session = {.policy = t->site->policy};

	(void)sc;
	if (t->site->client_ca)
		return;
	tls_session_put(&session, p);
	t->kit->hooks.save(t->kit->hooks.user, &session);
	span_wipe(&session, sizeof session);
}

/* What is before the next so many bytes of a message; false: it ends before. */
static bool skip(const unsigned char **at, size_t *left, size_t bytes)
{
	if (bytes > *left)
		return false;
	*at += bytes;
	*left -= bytes;
	return true;
}

/* The same for a vector with a length of one or two bytes before it (RFC 5246 4.3). */
static bool skip_vector(const unsigned char **at, size_t *left, size_t bytes, struct span *content)
{
	const unsigned char *length = *at;
	size_t len;

	if (!skip(at, left, bytes))
		return false;
	len = bytes == 1 ? length[0] : (size_t)length[0] << 8 | length[1];
	*content = span_of((const char *)*at, len);
	return skip(at, left, len);
}

/* server_name of the ClientHello whose rest, from cipher_suites on, is at hand;
 * empty: it has none. False: it is not all there (or not well-formed, which
 * BearSSL will find). RFC 6066 3. */
static bool look_for_name(const unsigned char *at, size_t left, struct span *name)
{
	struct span vector;

	*name = span_of("", 0);
	if (!skip_vector(&at, &left, 2, &vector) || !skip_vector(&at, &left, 1, &vector))
		return false;
	if (left == 0)
		return true;
	if (!skip_vector(&at, &left, 2, &vector))
		return false;
	at = (const unsigned char *)vector.at;
	left = vector.len;
	while (left) {
		const unsigned char *type = at;

		if (!skip(&at, &left, 2) || !skip_vector(&at, &left, 2, &vector))
			return false;
		if (type[0] || type[1])
			continue;
		at = (const unsigned char *)vector.at;
		left = vector.len;
		return skip(&at, &left, 3) && skip_vector(&at, &left, 2, name); /* length of the list, host_name */
	}
	return true;
}

static bool is_of_this_site(const struct tls *t, const struct tls_session *session)
{
	const struct tls_site *site;
	struct span name;

	if (!look_for_name(t->eng->hbuf_in, t->eng->hlen_in, &name))
		return false;
	site = t->kit->hooks.site(t->listener, name);
	return site && !site->client_ca && site->policy == session->policy;
}

static int cache_load(const br_ssl_session_cache_class **ctx, br_ssl_server_context *sc, br_ssl_session_parameters *p)
{
	struct tls *t = OF_CACHE(ctx);
	struct tls_session session;

	(void)sc;
	if (!t->kit->hooks.find(t->kit->hooks.user, p->session_id, &session))
		return 0;
	if (is_of_this_site(t, &session)) {
		tls_session_get(&session, p);
		t->session_policy = session.policy;
	}
	span_wipe(&session, sizeof session);
	return t->session_policy != 0;
}

const br_ssl_session_cache_class tls_cache_class = {sizeof(struct tls), cache_save, cache_load};

void tls_check_resumed(struct tls *t)
{
	if (!t->session_policy)
		return;
	t->resumed = true;
	t->site = site_asked_for(t);
	if (!t->site || t->site->client_ca || t->site->policy != t->session_policy)
		t->why = "the client brought the session of another site";
}

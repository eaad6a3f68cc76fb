/* SPDX-License-Identifier: MIT
 *
 * tls_kit - what do all TLS connections of a worker have in common?
 *
 * Algorithms, memory and random numbers. BearSSL picks the fastest implementation
 * that this processor has, once, here.
 */
#include "tls_parts.h"

enum { TERM_KIT, TERM_ACCEPTED, TERM_HANDSHAKES, TERM_CONNECTED, TERM_GREETINGS, TERM_IN, TERM_OUT, TERM_LARGE };

/* --- memory ---------------------------------------------------------------- */

static size_t accepted_size(const struct tls_counts *c)
{
	return sizeof(struct tls) + sizeof(br_ssl_server_context) + (c->subjects ? GW_SUBJECT : 0);
}

static size_t handshake_size(const struct tls_counts *c)
{
	return c->subjects ? sizeof(struct shake) : offsetof(struct shake, witness);
}

static struct tls_term term(const char *what, uint32_t count, size_t size)
{
	return (struct tls_term){what, count, count ? pool_bytes(size, 1) : 0};
}

void tls_terms(const struct tls_counts *c, struct tls_term terms[TLS_TERMS])
{
	terms[TERM_KIT] = term("TLS in common", c->accepted || c->connected, sizeof(struct tls_kit));
	terms[TERM_ACCEPTED] = term("TLS connections from clients", c->accepted, accepted_size(c));
	terms[TERM_HANDSHAKES] = term("TLS handshakes with clients", c->handshakes, handshake_size(c));
	terms[TERM_CONNECTED] = term("TLS connections to servers", c->connected, sizeof(struct tls) + sizeof(br_ssl_client_context));
	terms[TERM_GREETINGS] = term("TLS handshakes with servers", c->greetings, sizeof(struct shake));
	terms[TERM_IN] = term("TLS records that come", c->buffers, RECORD_IN);
	terms[TERM_OUT] = term("TLS records that go", c->buffers, RECORD_OUT);
	terms[TERM_LARGE] = term("TLS records of long answers", c->large, RECORD_LARGE);
}

struct tls_kit *tls_open(const struct tls_counts *c, void *const memory[TLS_TERMS], const struct tls_hooks *hooks, const unsigned char seed[32])
{
	struct tls_kit *kit = memory[TERM_KIT];

	memset(kit, 0, sizeof *kit);
	kit->hooks = *hooks;
	kit->subjects = c->subjects;
	kit->clock = GW_BUILT;
	pool_init(&kit->accepted, memory[TERM_ACCEPTED], accepted_size(c), c->accepted);
	pool_init(&kit->handshakes, memory[TERM_HANDSHAKES], handshake_size(c), c->handshakes);
	pool_init(&kit->connected, memory[TERM_CONNECTED], sizeof(struct tls) + sizeof(br_ssl_client_context), c->connected);
	pool_init(&kit->greetings, memory[TERM_GREETINGS], sizeof(struct shake), c->greetings);
	pool_init(&kit->in, memory[TERM_IN], RECORD_IN, c->buffers);
	pool_init(&kit->out, memory[TERM_OUT], RECORD_OUT, c->buffers);
	pool_init(&kit->large, memory[TERM_LARGE], RECORD_LARGE, c->large);
	br_hmac_drbg_init(&kit->random, &br_sha256_vtable, seed, 32);
	tls_prepare(kit);
	return kit;
}

void tls_clock(struct tls_kit *kit, int64_t seconds)
{
	kit->clock = seconds > GW_BUILT ? seconds : GW_BUILT;
}

/* --- algorithms --------------------------------------------------------------- */

/* RFC 7905 and RFC 5289: forward secrecy and authenticated encryption, nothing
 * else. In software AES is several times slower than ChaCha20, and not safe from
 * those who measure it. */
static void set_suites(br_ssl_engine_context *eng)
{
	static const uint16_t aes_first[] = {
		BR_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, BR_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
		BR_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, BR_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
		BR_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, BR_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	};
	static const uint16_t chacha_first[] = {
		BR_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, BR_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
		BR_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, BR_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
		BR_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, BR_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	};
	bool aes = br_aes_x86ni_ctr_get_vtable() || br_aes_pwr8_ctr_get_vtable();

	br_ssl_engine_set_suites(eng, aes ? aes_first : chacha_first, sizeof aes_first / sizeof *aes_first);
}

static void set_engine(br_ssl_engine_context *eng)
{
	br_ssl_engine_set_versions(eng, BR_TLS12, BR_TLS12);
	set_suites(eng);
	br_ssl_engine_set_default_ec(eng);
	br_ssl_engine_set_default_ecdsa(eng);
	br_ssl_engine_set_default_rsavrfy(eng);
	br_ssl_engine_set_default_aes_gcm(eng);
	br_ssl_engine_set_default_chapol(eng);
	br_ssl_engine_set_hash(eng, br_sha256_ID, &br_sha256_vtable);
	br_ssl_engine_set_hash(eng, br_sha384_ID, &br_sha384_vtable);
	br_ssl_engine_set_hash(eng, br_sha512_ID, &br_sha512_vtable);
	br_ssl_engine_set_prf_sha256(eng, &br_tls12_sha256_prf);
	br_ssl_engine_set_prf_sha384(eng, &br_tls12_sha384_prf);
	/* every engine is given random bytes from ours; it is not to ask the system for more */
	eng->rng_os_rand_done = 1;
}

/* No names for ALPN: a session resumed with others would make BearSSL 0.6 read
 * behind its table. */
void tls_prepare(struct tls_kit *kit)
{
	br_ssl_server_zero(&kit->server);
	set_engine(&kit->server.eng);
	br_ssl_engine_set_all_flags(&kit->server.eng, BR_OPT_ENFORCE_SERVER_PREFERENCES | BR_OPT_NO_RENEGOTIATION);
	br_ssl_client_zero(&kit->client);
	set_engine(&kit->client.eng);
	br_ssl_engine_set_all_flags(&kit->client.eng, BR_OPT_NO_RENEGOTIATION);
	kit->rsa_sign = br_rsa_pkcs1_sign_get_default();
	kit->ec_sign = br_ecdsa_sign_asn1_get_default();
}

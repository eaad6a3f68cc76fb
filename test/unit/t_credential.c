/* SPDX-License-Identifier: MIT
 *
 * Is each shape in which openssl and people store certificates and keys read,
 * and is what cannot be used refused with a word that helps?
 */
#include "../../src/credential_look.h"
#include "../../src/credential_pem.h"
#include "block.h"
#include "credential_made.h"

/* --- memory that ends where it was asked to end ---------------------------- */

struct store {
	void *taken[4096];
	size_t count;
	size_t most; /* takes that are granted */
};

static void *store_take(void *user, size_t bytes)
{
	struct store *s = user;

	if (s->count >= s->most || s->count == COUNT(s->taken))
		return NULL;
	s->taken[s->count] = calloc(1, bytes);
	return s->taken[s->count++];
}

static struct credential_memory store_of(struct store *s)
{
	*s = (struct store){.most = COUNT(s->taken)};
	return (struct credential_memory){store_take, s};
}

static void store_free(struct store *s)
{
	for (size_t i = 0; i < s->count; i++)
		free(s->taken[i]);
	s->count = 0;
}

static struct store store;

/* Of copies that end where the texts end; so it must not point into them. */
static struct credential *read_both(struct span certs, struct span key, const char **why, enum credential_side *side)
{
	struct span c = block_of(certs), k = block_of(key);
	struct credential *made = credential_read(c, k, store_of(&store), why, side);

	block_free(c);
	block_free(k);
	assert_int_equal(!made, *why != NULL);
	return made;
}

/* --- what is read ---------------------------------------------------------------- */

static char *cn_of(const br_x509_certificate *x, char room[64])
{
	struct cert c;
	struct span cn;

	assert_null(cert_read(&c, span_of((const char *)x->data, x->data_len)));
	cn = cert_common_name(c.subject);
	assert_true(cn.len < 64);
	memcpy(room, cn.at, cn.len);
	room[cn.len] = 0;
	return room;
}

static const struct {
	const char *what, *certs, *key, *kind;
	const char *chain[3];
} good[] = {
	{"EC", MADE_EC MADE_INTER, MADE_EC_KEY, "P-256", {"not-this.example.net", "Example Intermediate"}},
	{"PKCS#8", MADE_EC, MADE_EC_KEY8, "P-256", {"not-this.example.net"}},
	{"RSA", MADE_RSA, MADE_RSA_KEY, "RSA-2048", {"example.org"}},
	{"RSA PKCS#8", MADE_RSA, MADE_RSA_KEY8, "RSA-2048", {"example.org"}},
	{"RSA-4096", MADE_RSA4096, MADE_RSA4096_KEY, "RSA-4096", {"rsa4096"}}, /* of which BearSSL cannot compute the modulus */
	{"P-384", MADE_P384, MADE_P384_KEY, "P-384", {"p384"}},
	{"P-521", MADE_P521, MADE_P521_KEY, "P-521", {"p521"}},
	{"out of order", MADE_ROOT MADE_INTER MADE_EC, MADE_EC_KEY, "P-256", {"not-this.example.net", "Example Intermediate"}},
	{"in order, with root", MADE_EC MADE_INTER MADE_ROOT, MADE_EC_KEY, "P-256", {"not-this.example.net", "Example Intermediate"}},
	{"root alone behind it", MADE_EC MADE_ROOT, MADE_EC_KEY, "P-256", {"not-this.example.net"}},
	{"others between", MADE_P384 MADE_INTER MADE_RSA MADE_V1 MADE_EC MADE_ED, MADE_EC_KEY, "P-256", {"not-this.example.net", "Example Intermediate"}},
	{"RSA of two", MADE_EC MADE_RSA MADE_INTER, MADE_RSA_KEY, "RSA-2048", {"example.org", "Example Intermediate"}},
	{"twice", MADE_EC MADE_EC MADE_INTER MADE_INTER, MADE_EC_KEY, "P-256", {"not-this.example.net", "Example Intermediate"}},
	{"in a circle", MADE_CROSS_A MADE_CROSS_B, MADE_CROSS_KEY, "P-256", {"Cross A", "Cross B"}},
	{"issued by itself, and by another", MADE_CROSS_SELF MADE_CROSS_A MADE_CROSS_B, MADE_CROSS_KEY, "P-256", {"Cross A"}},
	{"all in one", MADE_EC_KEY MADE_EC MADE_INTER, MADE_EC_KEY MADE_EC MADE_INTER, "P-256", {"not-this.example.net", "Example Intermediate"}},
	{"keys of others first", MADE_EC, MADE_OTHER_KEY MADE_P384_KEY MADE_RSA_KEY MADE_ED_KEY MADE_EC_KEY_ENCRYPTED MADE_EC_KEY, "P-256",
	 {"not-this.example.net"}},
	{"words between", "Bag Attributes\n    localKeyID: 01\nsubject=CN = x\n" MADE_EC "\n-- \nissuer\n" MADE_INTER "the end", "key:\n" MADE_EC_KEY "\n\n",
	 "P-256", {"not-this.example.net", "Example Intermediate"}},
	{"byte order mark", "\xef\xbb\xbf" MADE_EC, "\xef\xbb\xbf" MADE_EC_KEY, "P-256", {"not-this.example.net"}},
	{"other objects", "-----BEGIN DH PARAMETERS-----\nAAAA\n-----END DH PARAMETERS-----\n" MADE_EC, "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n" MADE_EC_KEY,
	 "P-256", {"not-this.example.net"}},
	{"a broken one beside it", "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n" MADE_EC, MADE_EC_KEY, "P-256", {"not-this.example.net"}},
};

static void check_good(size_t i, struct span certs, struct span key)
{
	enum credential_side side;
	const char *why;
	struct credential *made = read_both(certs, key, &why, &side);
	size_t n = 0;
	char room[64];

	if (!made)
		fail_msg("%s: %s", good[i].what, why);
	while (n < 3 && good[i].chain[n])
		n++;
	assert_int_equal(credential_chain_length(made), n);
	for (size_t k = 0; k < n; k++)
		assert_string_equal(cn_of(&made->chain[k], room), good[i].chain[k]);
	assert_string_equal(credential_kind(made), good[i].kind);
	assert_int_equal(credential_is_rsa(made), good[i].kind[0] == 'R');
	assert_true(credential_cert(made)->der.at == (const char *)made->chain[0].data);
	store_free(&store);
}

static void reads(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(good); i++)
		check_good(i, span_str(good[i].certs), span_str(good[i].key));
}

/* The text with other ends of lines, or other blanks. */
static struct span with_ends(const char *text, const char *line_end)
{
	struct text t = block_text(strlen(text) * 3 + 1);

	for (; *text; text++)
		if (*text == '\n')
			text_str(&t, line_end);
		else
			text_char(&t, *text);
	return text_span(&t);
}

static void line_ends(void **state)
{
	static const char *ends[] = {"\r\n", "\r", "\n\n", " \n", "\t\r\n"};

	(void)state;
	for (size_t e = 0; e < COUNT(ends); e++)
		for (size_t i = 0; i < COUNT(good); i++) {
			struct span certs = with_ends(good[i].certs, ends[e]), key = with_ends(good[i].key, ends[e]);

			check_good(i, certs, key);
			block_free(certs);
			block_free(key);
		}
}

/* Files that somebody wrote without the last newline, and joined. */
static void no_newline(void **state)
{
	(void)state;
	check_good(0, span_of(MADE_EC MADE_INTER, sizeof MADE_EC MADE_INTER - 2), span_of(MADE_EC_KEY, sizeof MADE_EC_KEY - 2));
	{
		struct text t = block_text(4096);

		text_add(&t, MADE_EC, sizeof MADE_EC - 2);
		text_add(&t, MADE_INTER, sizeof MADE_INTER - 2);
		text_add(&t, MADE_EC_KEY, sizeof MADE_EC_KEY - 2);
		check_good(0, text_span(&t), text_span(&t));
		free(t.at);
	}
}

/* A key that came through is the one that the certificate was made for. */
static void key_signs(void **state)
{
	enum credential_side side;
	const char *why;
	unsigned char hash[32] = {1, 2, 3}, signature[256], out[32];
	struct credential *made = read_both(SPAN(MADE_EC), SPAN(MADE_EC_KEY8), &why, &side);
	br_x509_decoder_context decoder;
	size_t len;

	(void)state;
	br_x509_decoder_init(&decoder, NULL, NULL);
	br_x509_decoder_push(&decoder, made->chain[0].data, made->chain[0].data_len);
	len = br_ecdsa_sign_asn1_get_default()(br_ec_get_default(), &br_sha256_vtable, hash, &made->ec, signature);
	assert_true(len > 0);
	assert_true(br_ecdsa_vrfy_asn1_get_default()(br_ec_get_default(), hash, 32, &br_x509_decoder_get_pkey(&decoder)->key.ec, signature, len));
	assert_int_equal(made->issuer_key_type, BR_KEYTYPE_EC);
	store_free(&store);

	made = read_both(SPAN(MADE_RSA), SPAN(MADE_RSA_KEY), &why, &side);
	br_x509_decoder_init(&decoder, NULL, NULL);
	br_x509_decoder_push(&decoder, made->chain[0].data, made->chain[0].data_len);
	assert_true(br_rsa_pkcs1_sign_get_default()(BR_HASH_OID_SHA256, hash, 32, &made->rsa, signature));
	assert_true(br_rsa_pkcs1_vrfy_get_default()(signature, 256, BR_HASH_OID_SHA256, 32, &br_x509_decoder_get_pkey(&decoder)->key.rsa, out));
	assert_memory_equal(out, hash, 32);
	assert_int_equal(made->issuer_key_type, BR_KEYTYPE_EC);
	store_free(&store);
}

static void whole(void **state)
{
	static const struct { const char *certs, *key; bool whole; } chains[] = {
		{MADE_EC, MADE_EC_KEY, false},
		{MADE_EC MADE_ROOT, MADE_EC_KEY, false},
		{MADE_EC MADE_INTER, MADE_EC_KEY, true},
		{MADE_P384, MADE_P384_KEY, true},
	};
	enum credential_side side;
	const char *why;

	(void)state;
	for (size_t i = 0; i < COUNT(chains); i++) {
		assert_int_equal(credential_is_whole(read_both(span_str(chains[i].certs), span_str(chains[i].key), &why, &side)), chains[i].whole);
		store_free(&store);
	}
}

/* --- what is refused ------------------------------------------------------------- */

#define NO_MATCH "does not belong to the certificate"
#define ENCRYPTED "is encrypted; openssl pkey -in FILE -out FILE decrypts it"
#define NO_KIND "is of a kind that is not supported; use EC (P-256, P-384, P-521) or RSA"
#define BROKEN "breaks off in the middle"
#define DAMAGED "is damaged: no base64 where it should be"
#define CERT(body) "-----BEGIN CERTIFICATE-----\n" body "-----END CERTIFICATE-----\n"
#define KEY(body) "-----BEGIN PRIVATE KEY-----\n" body "-----END PRIVATE KEY-----\n"

static const struct {
	const char *certs, *key;
	enum credential_side side;
	const char *why;
} bad[] = {
	{"", MADE_EC_KEY, CREDENTIAL_CERT, "is empty"},
	{"\n \r\n", MADE_EC_KEY, CREDENTIAL_CERT, "is empty"},
	{"hello\n", MADE_EC_KEY, CREDENTIAL_CERT, "has no certificate in it"},
	{MADE_EC_KEY, MADE_EC_KEY, CREDENTIAL_CERT, "has no certificate in it"},
	{MADE_EC_KEY, MADE_EC, CREDENTIAL_CERT, "has no certificate in it"}, /* the one for the other */
	{"0\x82\x01\xf5\x30\x82", MADE_EC_KEY, CREDENTIAL_CERT, "is DER or PKCS#12, not PEM; openssl converts it"},
	{"\xff\xfe-", MADE_EC_KEY, CREDENTIAL_CERT, "is UTF-16, not PEM; save it as plain text"},
	{CERT("MAA=\n"), MADE_EC_KEY, CREDENTIAL_CERT, "is not a certificate"},
	{CERT(""), MADE_EC_KEY, CREDENTIAL_CERT, "is not a certificate"},
	{CERT("MAA\n"), MADE_EC_KEY, CREDENTIAL_CERT, DAMAGED},
	{CERT("M=A=\n"), MADE_EC_KEY, CREDENTIAL_CERT, DAMAGED},
	{CERT("MAA=MAA=\n"), MADE_EC_KEY, CREDENTIAL_CERT, DAMAGED},
	{CERT("MA==\nMAAA\n"), MADE_EC_KEY, CREDENTIAL_CERT, DAMAGED},
	{CERT("M===\n"), MADE_EC_KEY, CREDENTIAL_CERT, DAMAGED},
	{CERT("====\n"), MADE_EC_KEY, CREDENTIAL_CERT, DAMAGED},
	{CERT("MAA=\n=\n"), MADE_EC_KEY, CREDENTIAL_CERT, DAMAGED},
	{CERT("MA.=\n"), MADE_EC_KEY, CREDENTIAL_CERT, DAMAGED},
	{CERT("MAA\xc3\n"), MADE_EC_KEY, CREDENTIAL_CERT, DAMAGED},
	{MADE_EC "-----BEGIN CERTIFICATE-----\nMAA=\n", MADE_EC_KEY, CREDENTIAL_CERT, BROKEN},
	{MADE_EC "-----BEGIN CERTIFICATE-----\n", MADE_EC_KEY, CREDENTIAL_CERT, BROKEN},
	{MADE_EC "-----BEGIN CERTIF", MADE_EC_KEY, CREDENTIAL_CERT, BROKEN},
	{MADE_EC "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE--", MADE_EC_KEY, CREDENTIAL_CERT, BROKEN},
	{MADE_EC "-----BEGIN CERTIFICATE-----\nMAA=\n-----END X-----\n", MADE_EC_KEY, CREDENTIAL_CERT, BROKEN},
	{"-----BEGIN CERTIFICATE-----\nMAA=\n" MADE_EC, MADE_EC_KEY, CREDENTIAL_CERT, BROKEN}, /* one begins in the other */

	{MADE_EC, "", CREDENTIAL_KEY, "is empty"},
	{MADE_EC, "hello\n", CREDENTIAL_KEY, "has no private key in it"},
	{MADE_EC, MADE_EC, CREDENTIAL_KEY, "has no private key in it"},
	{MADE_EC, "-----BEGIN PUBLIC KEY-----\nMAA=\n-----END PUBLIC KEY-----\n", CREDENTIAL_KEY, "has no private key in it"},
	{MADE_EC, "0\x82\x01\xf5\x30\x82", CREDENTIAL_KEY, "is DER or PKCS#12, not PEM; openssl converts it"},
	{MADE_EC, "0\x03\x02\x01\x01", CREDENTIAL_KEY, "is DER or PKCS#12, not PEM; openssl converts it"}, /* an EC key is short */
	{MADE_EC, MADE_OTHER_KEY, CREDENTIAL_KEY, NO_MATCH},
	{MADE_EC, MADE_RSA_KEY, CREDENTIAL_KEY, NO_MATCH},
	{MADE_RSA, MADE_EC_KEY, CREDENTIAL_KEY, NO_MATCH},
	{MADE_P384, MADE_EC_KEY, CREDENTIAL_KEY, NO_MATCH},
	{MADE_INTER MADE_ROOT, MADE_EC_KEY, CREDENTIAL_KEY, NO_MATCH}, /* the leaf is missing */
	{MADE_ED, MADE_EC_KEY, CREDENTIAL_KEY, NO_MATCH},
	{MADE_EC, MADE_EC_KEY8_ENCRYPTED, CREDENTIAL_KEY, ENCRYPTED},
	{MADE_EC, MADE_EC_KEY_ENCRYPTED, CREDENTIAL_KEY, ENCRYPTED},
	{MADE_ED, MADE_ED_KEY, CREDENTIAL_KEY, NO_KIND},
	{MADE_EC, MADE_K1_KEY, CREDENTIAL_KEY, NO_KIND},
	{MADE_EC, MADE_RSA1024_KEY, CREDENTIAL_KEY, "is an RSA key of less than 2048 bits"},
	{MADE_EC, "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\n-----END OPENSSH PRIVATE KEY-----\n", CREDENTIAL_KEY,
	 NO_KIND},
	{MADE_EC, MADE_RSA4096_KEY, CREDENTIAL_KEY, NO_MATCH},
	{MADE_RSA, MADE_RSA4096_KEY, CREDENTIAL_KEY, NO_MATCH},
	{MADE_EC, KEY("MAA=\n"), CREDENTIAL_KEY, "is damaged: not a private key"},
	{MADE_EC, KEY("MA!=\n"), CREDENTIAL_KEY, DAMAGED},
	{MADE_EC, "-----BEGIN EC PRIVATE KEY-----\nMHcC\n", CREDENTIAL_KEY, BROKEN},
};

static void refuses(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		enum credential_side side;
		const char *why;

		if (read_both(span_str(bad[i].certs), span_str(bad[i].key), &why, &side))
			fail_msg("%zu: is read, not: %s", i, bad[i].why);
		if (strcmp(why, bad[i].why) != 0 || side != bad[i].side)
			fail_msg("%zu: %s: '%s', not '%s'", i, side == CREDENTIAL_CERT ? "cert" : "key", why, bad[i].why);
		assert_int_equal(store.count, 0); /* nothing is taken for what comes to nothing */
	}
}

/* A key in another's numbers: 0, the order of P-256 itself, and what is too long. */
static void keys_out_of_range(void **state)
{
	static const char head[] = "\x30\x77\x02\x01\x01\x04\x20", tail[] = "\xa0\x0a\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
	static const unsigned char order[32] = {0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};

	(void)state;
	for (int which = 0; which < 3; which++) {
		unsigned char der[64] = {0}, pem[256];
		size_t len = 7 + 32 + 12;
		enum credential_side side;
		const char *why;

		memcpy(der, head, 7);
		der[1] = (unsigned char)(len - 2);
		if (which)
			memcpy(der + 7, order, 32);
		if (which == 2)
			der[7 + 31]--; /* the largest that is one */
		memcpy(der + 7 + 32, tail, 12);
		len = br_pem_encode(pem, der, len, "EC PRIVATE KEY", 0);
		assert_null(read_both(SPAN(MADE_EC), span_of((char *)pem, len), &why, &side));
		assert_string_equal(why, which == 2 ? NO_MATCH : "is a damaged EC key");
	}
}

/* BearSSL's decoder takes more bytes of such a key than it has room for. */
static void key_of_1560_bytes(void **state)
{
	static unsigned char der[1590], pem[4096];
	static const char head[] = "\x30\x82\x06\x2d\x02\x01\x01\x04\x82\x06\x18", tail[] = "\xa0\x0a\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
	enum credential_side side;
	const char *why;
	size_t len = 11 + 1560 + 12;

	(void)state;
	memset(der, 1, sizeof der);
	memcpy(der, head, 11);
	der[3] = (unsigned char)(len - 4);
	memcpy(der + 11 + 1560, tail, 12);
	len = br_pem_encode(pem, der, len, "EC PRIVATE KEY", 0);
	assert_null(read_both(SPAN(MADE_EC), span_of((char *)pem, len), &why, &side));
	assert_string_equal(why, "is a damaged EC key");
}

static void truncated(void **state)
{
	static const char text[] = MADE_EC_KEY MADE_EC MADE_INTER;
	const size_t two = sizeof MADE_EC_KEY MADE_EC - 1;

	(void)state;
	for (size_t len = 0; len < sizeof text - 1; len++) {
		enum credential_side side;
		const char *why;
		struct credential *made = read_both(span_of(text, len), span_of(text, len), &why, &side);

		/* Between two objects nobody sees that something is missing, nor up to
		 * the next one's "-----BEGIN "; and an end needs no newline. */
		if (made)
			assert_true(len >= two - 1 && (len < two + 11 || len == sizeof text - 2));
		else
			assert_true(len < two - 1 || (len >= two + 11 && len < sizeof text - 2));
		store_free(&store);
	}
}

static void no_memory(void **state)
{
	struct span text = SPAN(MADE_RSA_KEY MADE_RSA MADE_INTER);
	enum credential_side side;
	const char *why;
	size_t most = 0;

	(void)state;
	for (;; most++) {
		struct credential_memory m = store_of(&store);
		struct credential *made;

		store.most = most;
		made = credential_read(text, text, m, &why, &side);
		store_free(&store);
		if (made)
			break;
		assert_string_equal(why, "out of memory");
	}
	assert_int_equal(most, 9); /* itself, two certificates, their row, five numbers */
}

/* --- authorities ------------------------------------------------------------------------ */

static struct trust *trust_both(const char *text, const char **why)
{
	struct span pem = block_of(span_str(text));
	struct trust *t = trust_read(pem, store_of(&store), why);

	block_free(pem);
	assert_int_equal(!t, *why != NULL);
	return t;
}

static void trusts(void **state)
{
	const char *why;
	struct trust *t = trust_both(MADE_ROOT MADE_ED "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n" MADE_V1 MADE_EC_KEY MADE_RSA MADE_P384 MADE_SELF, &why);
	struct cert c;

	(void)state;
	assert_non_null(t);
	assert_int_equal(trust_count(t), 5); /* not Ed25519, not what is none */
	assert_int_equal(t->anchors[0].flags, BR_X509_TA_CA);
	assert_int_equal(t->anchors[0].pkey.key_type, BR_KEYTYPE_EC);
	assert_int_equal(t->anchors[0].pkey.key.ec.curve, BR_EC_secp256r1);
	assert_int_equal(t->anchors[0].pkey.key.ec.qlen, 65);
	assert_int_equal(t->anchors[1].flags, BR_X509_TA_CA); /* version 1, issued by itself */
	assert_int_equal(t->anchors[2].flags, 0);             /* no authority: trusted itself alone */
	assert_int_equal(t->anchors[2].pkey.key_type, BR_KEYTYPE_RSA);
	assert_int_equal(t->anchors[2].pkey.key.rsa.nlen, 256);
	assert_int_equal(t->anchors[2].pkey.key.rsa.elen, 3);
	assert_int_equal(t->anchors[3].flags, BR_X509_TA_CA);
	assert_int_equal(t->anchors[4].flags, 0);             /* nor does it become one by issuing itself */
	memset(&c, 0, sizeof c);
	block_same(cert_common_name(span_of((char *)t->anchors[0].dn.data, t->anchors[0].dn.len)), "Example Root", "ROOT");
	store_free(&store);
}

/* BearSSL takes a chain that a credential sends, under an anchor that was read here. */
static void verifies(void **state)
{
	static const struct { const char *trusted, *certs, *key; unsigned want; } cases[] = {
		{MADE_ROOT, MADE_EC MADE_INTER, MADE_EC_KEY, 0},
		{MADE_ROOT, MADE_EC, MADE_EC_KEY, BR_ERR_X509_NOT_TRUSTED},
		{MADE_INTER, MADE_EC, MADE_EC_KEY, 0},
		{MADE_EC, MADE_EC, MADE_EC_KEY, 0},
		{MADE_EC, MADE_RSA MADE_INTER, MADE_RSA_KEY, BR_ERR_X509_NOT_TRUSTED},
		{MADE_P384, MADE_P384, MADE_P384_KEY, 0},
		{MADE_SELF, MADE_SELF, MADE_CROSS_KEY, 0},
		{MADE_SELF, MADE_EC, MADE_EC_KEY, BR_ERR_X509_NOT_TRUSTED},
		{MADE_V1, MADE_P384, MADE_P384_KEY, BR_ERR_X509_NOT_TRUSTED},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		static struct store more;
		enum credential_side side;
		const char *why;
		struct trust *trust = trust_read(span_str(cases[i].trusted), store_of(&more), &why);
		struct credential *made = read_both(span_str(cases[i].certs), span_str(cases[i].key), &why, &side);
		br_x509_minimal_context x;
		const br_x509_class **class = &x.vtable;
		unsigned got;

		br_x509_minimal_init_full(&x, trust->anchors, trust->count);
		br_x509_minimal_set_time(&x, 740309, 0); /* 2026-11-24 */
		(*class)->start_chain(class, NULL);
		for (size_t k = 0; k < made->chain_len; k++) {
			(*class)->start_cert(class, (uint32_t)made->chain[k].data_len);
			(*class)->append(class, made->chain[k].data, made->chain[k].data_len);
			(*class)->end_cert(class);
		}
		got = (*class)->end_chain(class);
		if (got != cases[i].want)
			fail_msg("%zu: %u, not %u", i, got, cases[i].want);
		store_free(&store);
		store_free(&more);
	}
}

static void trusts_nothing(void **state)
{
	static const struct { const char *text, *why; } texts[] = {
		{"", "is empty"},
		{MADE_EC_KEY, "has no certificate in it"},
		{MADE_ED, "has no certificate with an RSA or EC key"},
		{CERT("MAA=\n"), "is not a certificate"},
		{MADE_ROOT "-----BEGIN CERTIFICATE-----\nMAA=\n", BROKEN},
		{"0\x82\x01\xf5\x30\x82", "is DER or PKCS#12, not PEM; openssl converts it"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		const char *why;

		assert_null(trust_both(texts[i].text, &why));
		assert_string_equal(why, texts[i].why);
		store_free(&store);
	}
}

static void trust_without_memory(void **state)
{
	const char *why;
	size_t most = 0;

	(void)state;
	for (;; most++) {
		struct credential_memory m = store_of(&store);
		struct trust *t;

		store.most = most;
		t = trust_read(SPAN(MADE_ROOT MADE_RSA), m, &why);
		store_free(&store);
		if (t)
			break;
		assert_string_equal(why, "out of memory");
	}
	assert_int_equal(most, 7);
}

/* --- hashes and objects -------------------------------------------------------------------- */

static void hashes(void **state)
{
	static const unsigned char print[32] = {0x18, 0xeb, 0x46, 0xb0, 0x13, 0xef, 0x2f, 0x1d, 0x99, 0x60, 0xfc, 0x97, 0x77, 0x0d, 0x94, 0x30,
		0xac, 0xaf, 0x10, 0x2b, 0x17, 0x29, 0xf8, 0x15, 0x75, 0x18, 0x77, 0x2f, 0x3c, 0x0d, 0x76, 0xc1};
	static const unsigned char pin[32] = {0x85, 0xcb, 0x4d, 0xef, 0x77, 0x29, 0x78, 0x07, 0x56, 0x41, 0xee, 0x14, 0x1e, 0x57, 0x8c, 0xca,
		0x63, 0x43, 0x80, 0xa7, 0xda, 0x8f, 0x50, 0xa4, 0xb4, 0x76, 0x89, 0x13, 0xc0, 0x7c, 0xf1, 0x0a};
	enum credential_side side;
	const char *why;
	const struct credential *made = read_both(SPAN(MADE_EC), SPAN(MADE_EC_KEY), &why, &side);
	unsigned char hash[32];

	(void)state; /* both as openssl x509 -fingerprint, and -pubkey with sha256sum, say it */
	credential_hash(hash, credential_cert(made)->der);
	assert_memory_equal(hash, print, 32);
	credential_hash(hash, credential_cert(made)->key);
	assert_memory_equal(hash, pin, 32);
	store_free(&store);
}

/* The next object of a PEM text, decoded. */
static bool next_object(struct span *text, struct span *kind, struct span *bytes, unsigned char *room, size_t size, const char **why)
{
	struct pem object;
	size_t len;

	if (!pem_find(text, &object, why))
		return false;
	*why = pem_decode(&object, room, size, &len);
	*kind = object.kind;
	*bytes = span_of((const char *)room, len);
	return !*why;
}

static void objects(void **state)
{
	struct span rest = SPAN("-----BEGIN A-----\nAQID\n-----END A-----\nx\n-----BEGIN B C-----\nName: x\n\nAQ==\n-----END B C----------BEGIN D-----\n-----END D-----");
	struct span kind, bytes;
	unsigned char room[3];
	const char *why;

	(void)state;
	assert_true(next_object(&rest, &kind, &bytes, room, sizeof room, &why));
	block_same(kind, "A", "A");
	block_same(bytes, "\1\2\3", "A");
	assert_true(next_object(&rest, &kind, &bytes, room, sizeof room, &why));
	block_same(kind, "B C", "B C");
	block_same(bytes, "\1", "B C");
	assert_true(next_object(&rest, &kind, &bytes, room, sizeof room, &why));
	block_same(kind, "D", "D");
	assert_int_equal(bytes.len, 0);
	assert_false(next_object(&rest, &kind, &bytes, room, sizeof room, &why));
	assert_null(why);
	rest = SPAN("-----BEGIN A-----\nAQIDBA==\n-----END A-----\n");
	assert_false(next_object(&rest, &kind, &bytes, room, sizeof room, &why));
	assert_string_equal(why, "is too large");
	rest = SPAN("-----BEGIN A-----\nAQID\n");
	assert_false(next_object(&rest, &kind, &bytes, room, sizeof room, &why));
	assert_string_equal(why, BROKEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads),
		cmocka_unit_test(line_ends),
		cmocka_unit_test(no_newline),
		cmocka_unit_test(key_signs),
		cmocka_unit_test(whole),
		cmocka_unit_test(refuses),
		cmocka_unit_test(keys_out_of_range),
		cmocka_unit_test(key_of_1560_bytes),
		cmocka_unit_test(truncated),
		cmocka_unit_test(no_memory),
		cmocka_unit_test(trusts),
		cmocka_unit_test(verifies),
		cmocka_unit_test(trusts_nothing),
		cmocka_unit_test(trust_without_memory),
		cmocka_unit_test(hashes),
		cmocka_unit_test(objects),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * credential - any bytes as a PEM text of certificates, keys and authorities.
 * Nothing that is kept points into the text, and all that is kept is whole.
 */
#include "../../src/credential_look.h"
#include "../../src/credential_pem.h"
#include "check.h"

/* Blocks of exactly their size, so that one byte too many is seen. */
struct store {
	void *taken[1024];
	size_t count;
};

static void *take(void *user, size_t bytes)
{
	struct store *s = user;

	if (s->count == sizeof s->taken / sizeof *s->taken)
		return NULL;
	s->taken[s->count] = calloc(1, bytes);
	return s->taken[s->count++];
}

static void forget(struct store *s)
{
	while (s->count)
		free(s->taken[--s->count]);
}

static unsigned sum; /* so that each byte is read */

static void read_all(const unsigned char *at, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sum += at[i];
}

static void check_credential(const struct credential *c)
{
	struct cert cert;

	CHECK(c->chain_len >= 1 && credential_chain_length(c) == c->chain_len);
	for (size_t i = 0; i < c->chain_len; i++) {
		CHECK(!cert_read(&cert, span_of((const char *)c->chain[i].data, c->chain[i].data_len)));
		CHECK(i == 0 || !cert_is_self_issued(&cert));
	}
	CHECK(credential_cert(c)->der.at == (const char *)c->chain[0].data);
	CHECK(c->key_type == BR_KEYTYPE_RSA || c->key_type == BR_KEYTYPE_EC);
	CHECK(strlen(credential_kind(c)) < sizeof c->kind);
	if (c->key_type == BR_KEYTYPE_EC) {
		read_all(c->ec.x, c->ec.xlen);
		return;
	}
	read_all(c->rsa.p, c->rsa.plen);
	read_all(c->rsa.q, c->rsa.qlen);
	read_all(c->rsa.dp, c->rsa.dplen);
	read_all(c->rsa.dq, c->rsa.dqlen);
	read_all(c->rsa.iq, c->rsa.iqlen);
}

static void check_trust(const struct trust *t)
{
	CHECK(t->count >= 1 && trust_count(t) == t->count);
	for (size_t i = 0; i < t->count; i++) {
		const br_x509_trust_anchor *a = &t->anchors[i];

		read_all(a->dn.data, a->dn.len);
		if (a->pkey.key_type == BR_KEYTYPE_EC) {
			read_all(a->pkey.key.ec.q, a->pkey.key.ec.qlen);
			continue;
		}
		CHECK(a->pkey.key_type == BR_KEYTYPE_RSA);
		read_all(a->pkey.key.rsa.n, a->pkey.key.rsa.nlen);
		read_all(a->pkey.key.rsa.e, a->pkey.key.rsa.elen);
	}
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

static void check_objects(struct span text)
{
	size_t size = text.len / 4 * 3 + 3;
	unsigned char *room = malloc(size);
	struct span kind, bytes;
	const char *why;

	CHECK(room);
	while (next_object(&text, &kind, &bytes, room, size, &why))
		CHECK(!why && bytes.len <= size);
	free(room);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	char *copy = malloc(len ? len : 1);
	struct span text = span_of(copy, len);
	struct store store = {.count = 0}, more = {.count = 0};
	enum credential_side side;
	const char *why;
	const struct credential *c;
	const struct trust *t;

	CHECK(copy);
	if (len)
		memcpy(copy, at, len);
	check_objects(text);
	c = credential_read(text, text, (struct credential_memory){take, &store}, &why, &side);
	CHECK(!c == (why != NULL));
	t = trust_read(text, (struct credential_memory){take, &more}, &why);
	CHECK(!t == (why != NULL));
	free(copy);
	if (c)
		check_credential(c);
	if (t)
		check_trust(t);
	forget(&store);
	forget(&more);
	return 0;
}

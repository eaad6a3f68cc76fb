/* SPDX-License-Identifier: MIT
 *
 * Is what is made a certificate that others take, for the names that were asked for?
 */
#include "../../src/selfsign.h"
#include "../../src/cert.h"
#include "block.h"
#include <bearssl.h>

static const unsigned char seed[32] = "0123456789abcdef0123456789abcde";

/* What a PEM text holds, by BearSSL's decoder: nothing here may depend on ours. */
struct objects {
	unsigned char bytes[4][20000];
	size_t len[4], count;
	char kind[4][32];
};

static void objects_add(void *user, const void *bytes, size_t len)
{
	struct objects *o = user;

	assert_true(o->len[o->count] + len <= sizeof o->bytes[0]);
	memcpy(o->bytes[o->count] + o->len[o->count], bytes, len);
	o->len[o->count] += len;
}

static void objects_read(struct objects *o, struct span pem)
{
	br_pem_decoder_context decoder;
	int event;

	memset(o, 0, sizeof *o);
	br_pem_decoder_init(&decoder);
	while (pem.len) {
		size_t n = br_pem_decoder_push(&decoder, pem.at, pem.len);

		pem = span_of(pem.at + n, pem.len - n);
		event = br_pem_decoder_event(&decoder);
		assert_int_not_equal(event, BR_PEM_ERROR);
		if (event == BR_PEM_BEGIN_OBJ) {
			assert_true(o->count < 4 && strlen(br_pem_decoder_name(&decoder)) < sizeof o->kind[0]);
			strcpy(o->kind[o->count], br_pem_decoder_name(&decoder));
			br_pem_decoder_setdest(&decoder, objects_add, o);
		} else if (event == BR_PEM_END_OBJ) {
			o->count++;
		}
	}
}

static struct objects made;
static struct cert cert;

/* Makes one and reads it: two objects, a key and a certificate. */
static void make(const struct selfsign *what, const unsigned char with[32])
{
	struct text pem = block_text(60000);
	const char *why = selfsign_make(&pem, what, with);

	assert_null(why);
	assert_false(pem.full);
	objects_read(&made, text_span(&pem));
	assert_int_equal(made.count, 2);
	assert_string_equal(made.kind[0], "EC PRIVATE KEY");
	assert_string_equal(made.kind[1], "CERTIFICATE");
	why = cert_read(&cert, span_of((char *)made.bytes[1], made.len[1]));
	if (why)
		fail_msg("%s", why);
	free(pem.at);
}

static const struct span names[] = {SPAN("home.example.org"), SPAN("*.example.org"), SPAN("localhost")};
static const struct net addresses[] = {
	{.family = NET_IP4, .bits = 32, .ip = {192, 168, 1, 2}},
	{.family = NET_UNIX},
	{.family = NET_IP6, .bits = 128, .ip = {0xfd, [15] = 1}},
	{.family = NET_IP6, .bits = 128, .ip = {0xfe, 0x80, [15] = 1}, .scope = 3},
};
static const struct selfsign usual = {names, COUNT(names), addresses, COUNT(addresses), 1795305600, 2110665600};

static void says_what_was_asked(void **state)
{
	char room[128];
	struct text t = text_in(room, sizeof room);

	(void)state;
	make(&usual, seed);
	assert_int_equal(cert.version, 3);
	assert_false(cert.ca);
	assert_true(cert_is_self_issued(&cert));
	assert_int_equal(cert.from, 1795305600);
	assert_int_equal(cert.until, 2110665600);
	cert_write_name(&t, cert.subject);
	block_same(text_span(&t), "CN=home.example.org", "subject");
	assert_true(cert_is_for(&cert, SPAN("home.example.org")));
	assert_true(cert_is_for(&cert, SPAN("x.example.org")));
	assert_true(cert_is_for_wildcard(&cert, SPAN("*.example.org")));
	assert_true(cert_is_for(&cert, SPAN("localhost")));
	assert_true(cert_is_for(&cert, SPAN("192.168.1.2")));
	assert_true(cert_is_for(&cert, SPAN("fd00::1")));
	assert_true(cert_is_for(&cert, SPAN("fe80::1")));
	assert_false(cert_is_for(&cert, SPAN("0.0.0.0"))); /* the one without an address */
	assert_false(cert_is_for(&cert, SPAN("example.org")));
}

/* The key belongs to it, and the signature is right: BearSSL says so. */
static unsigned verify(const char *name, uint32_t days)
{
	br_x509_decoder_context decoder;
	br_x509_minimal_context x;
	const br_x509_class **class = &x.vtable;
	br_x509_trust_anchor anchor = {.flags = BR_X509_TA_CA};

	br_x509_decoder_init(&decoder, NULL, NULL);
	br_x509_decoder_push(&decoder, made.bytes[1], made.len[1]);
	assert_int_equal(br_x509_decoder_last_error(&decoder), 0);
	assert_int_equal(br_x509_decoder_isCA(&decoder), 0);
	anchor.pkey = *br_x509_decoder_get_pkey(&decoder);
	anchor.dn.data = (unsigned char *)(uintptr_t)cert.subject.at;
	anchor.dn.len = cert.subject.len;
	br_x509_minimal_init_full(&x, &anchor, 1);
	br_x509_minimal_set_time(&x, days, 0);
	(*class)->start_chain(class, name);
	(*class)->start_cert(class, (uint32_t)made.len[1]);
	(*class)->append(class, made.bytes[1], made.len[1]);
	(*class)->end_cert(class);
	return (*class)->end_chain(class); /* as issued by the anchor: so its signature is checked */
}

static void verifies(void **state)
{
	(void)state;
	make(&usual, seed);
	assert_int_equal(verify("home.example.org", 740309), 0);
	assert_int_equal(verify("x.example.org", 740309), 0);
	assert_int_equal(verify("example.net", 740309), BR_ERR_X509_BAD_SERVER_NAME);
	assert_int_equal(verify("localhost", 730000), BR_ERR_X509_EXPIRED);
	made.bytes[1][made.len[1] - 1] ^= 1;
	assert_int_equal(verify("localhost", 740309), BR_ERR_X509_NOT_TRUSTED);
}

static void key_belongs(void **state)
{
	br_skey_decoder_context key;
	unsigned char point[BR_EC_KBUF_PUB_MAX_SIZE];

	(void)state;
	make(&usual, seed);
	br_skey_decoder_init(&key);
	br_skey_decoder_push(&key, made.bytes[0], made.len[0]);
	assert_int_equal(br_skey_decoder_last_error(&key), 0);
	assert_int_equal(br_skey_decoder_key_type(&key), BR_KEYTYPE_EC);
	assert_int_equal(br_skey_decoder_get_ec(&key)->curve, BR_EC_secp256r1);
	assert_int_equal(br_ec_compute_pub(br_ec_get_default(), NULL, point, br_skey_decoder_get_ec(&key)), 65);
	assert_memory_equal(cert.key.at + cert.key.len - 65, point, 65);
	assert_memory_equal(made.bytes[0] + made.len[0] - 65, point, 65); /* in the key itself too (RFC 5915) */
}

/* Another seed, another key and number; the same, the same. */
static void depends_on_seed(void **state)
{
	static struct objects first;
	unsigned char other[32];

	(void)state;
	memcpy(other, seed, 32);
	other[31] ^= 1;
	make(&usual, seed);
	first = made;
	make(&usual, seed);
	assert_memory_equal(first.bytes[1], made.bytes[1], made.len[1]);
	make(&usual, other);
	assert_memory_not_equal(first.bytes[0] + 7, made.bytes[0] + 7, 32);
	assert_memory_not_equal(first.bytes[1] + 17, made.bytes[1] + 17, 16); /* serial number */
}

/* RFC 5280 4.1.2.2 and 4.2.1: a number of 16 bytes that is positive, and the bytes of each extension. */
static void extensions(void **state)
{
	static const struct span want[] = {
		SPAN("\x30\x0c\x06\x03\x55\x1d\x13\x01\x01\xff\x04\x02\x30\x00"),
		SPAN("\x30\x0e\x06\x03\x55\x1d\x0f\x01\x01\xff\x04\x04\x03\x02\x07\x80"),
		SPAN("\x30\x13\x06\x03\x55\x1d\x25\x04\x0c\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01"),
	};
	unsigned found = 0;

	(void)state;
	make(&usual, seed);
	assert_memory_equal(made.bytes[1] + 8, "\xa0\x03\x02\x01\x02\x02\x10", 7);
	assert_true(made.bytes[1][15] >= 0x40 && made.bytes[1][15] < 0x80);
	for (size_t i = 0; i < made.len[1]; i++)
		for (size_t k = 0; k < COUNT(want); k++)
			if (made.len[1] - i >= want[k].len && memcmp(made.bytes[1] + i, want[k].at, want[k].len) == 0)
				found |= 1u << k;
	assert_int_equal(found, 7);
}

static void dates(void **state)
{
	static const int64_t times[] = {0, 1, 86399, 951782400 /* 2000-02-29 */, 951868800, 1709164800, 1735689599, 1735689600, 1795438661, 2524607999,
		2524608000, 4107542399, 4107542400, 253402300799};
	struct selfsign what = usual;

	(void)state;
	for (size_t i = 0; i < COUNT(times); i++)
		for (size_t k = i; k < COUNT(times); k++) {
			what.from = times[i];
			what.until = times[k];
			make(&what, seed);
			assert_int_equal(cert.from, times[i]);
			assert_int_equal(cert.until, times[k]);
			/* UTCTime through 2049 (RFC 5280 4.1.2.5) */
			assert_int_equal(cert.issuer.at[cert.issuer.len + 2], times[i] < 2524608000 ? 0x17 : 0x18);
		}
}

static void refuses(void **state)
{
	static const struct { int64_t from, until; } wrong[] = {{-1, 5}, {5, 4}, {0, 253402300800}};
	struct text pem = block_text(4096);

	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++) {
		struct selfsign what = usual;

		what.from = wrong[i].from;
		what.until = wrong[i].until;
		assert_non_null(selfsign_make(&pem, &what, seed));
		assert_int_equal(pem.len, 0);
	}
	free(pem.at);
}

/* For each size of the place, whole or not at all; what stands there stays. */
static void room(void **state)
{
	struct text all = block_text(4096);

	(void)state;
	assert_null(selfsign_make(&all, &usual, seed));
	for (size_t size = 0; size < all.len + 3; size++) {
		struct text t = block_text(size);
		const char *why = selfsign_make(&t, &usual, seed);

		if (size > all.len)
			assert_true(!why && !t.full && span_is(text_span(&t), text_span(&all)));
		else
			assert_true(why && t.full);
		free(t.at);
		if (size == 3)
			size = all.len - 400;
	}
	free(all.at);
}

/* Lengths on both sides of each form of a DER length, and names beyond all measure. */
static void many_names(void **state)
{
	static struct span many[1000];
	static char texts[1000][24];
	struct text pem = block_text(60000);
	struct selfsign what = {.names = many, .from = 0, .until = 1};

	(void)state;
	for (size_t i = 0; i < COUNT(many); i++) {
		struct text t = text_in(texts[i], sizeof texts[i]);

		text_format(&t, "n%zu.example.org", i);
		many[i] = text_span(&t);
	}
	for (what.name_count = 0; what.name_count < 30; what.name_count++) {
		make(&what, seed);
		for (size_t i = 0; i < 30; i++)
			assert_int_equal(cert_is_for(&cert, many[i]), i < what.name_count);
	}
	what.name_count = 300;
	make(&what, seed);
	assert_true(cert_is_for(&cert, many[299]));
	what.name_count = 1000;
	assert_string_equal(selfsign_make(&pem, &what, seed), "it has too many names");
	assert_int_equal(pem.len, 0);
	free(pem.at);
}

/* Without a name, or with one that is too long for a common name. */
static void common_names(void **state)
{
	static const char length[] = "a.123456789.123456789.123456789.123456789.123456789.123456789.123";
	struct span one = span_of(length, 64);
	struct selfsign what = {.names = &one, .name_count = 1, .from = 0, .until = 1};

	(void)state;
	make(&what, seed);
	assert_true(span_is(cert_common_name(cert.subject), one));
	one.len = 65;
	make(&what, seed);
	block_same(cert_common_name(cert.subject), "gateway", "a long one");
	assert_true(cert_is_for(&cert, one));
	what.name_count = 0;
	make(&what, seed);
	block_same(cert_common_name(cert.subject), "gateway", "none");
	assert_int_equal(cert.names.len, 0);
	what.addresses = addresses;
	what.address_count = 1;
	make(&what, seed);
	assert_true(cert_is_for(&cert, SPAN("192.168.1.2")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_what_was_asked),
		cmocka_unit_test(verifies),
		cmocka_unit_test(key_belongs),
		cmocka_unit_test(depends_on_seed),
		cmocka_unit_test(extensions),
		cmocka_unit_test(dates),
		cmocka_unit_test(refuses),
		cmocka_unit_test(room),
		cmocka_unit_test(many_names),
		cmocka_unit_test(common_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

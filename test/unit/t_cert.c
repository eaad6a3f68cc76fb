/* SPDX-License-Identifier: MIT
 *
 * Does a certificate say what openssl says that it says, and is one that is
 * not well-formed none?
 */
#include "../../src/cert.h"
#include "block.h"
#include <stdio.h>

/* MADE_EC of credential_made.h: CN=not-this.example.net, from 2026-11-23 12:57:41
 * to 2051-07-15 12:57:41, DNS:Example.org, DNS:*.example.org, IP:192.168.1.2,
 * IP:fd00::1, email:a@example.org, DNS:nas. */
static const char leaf[] =
	"308201f53082019ca00302010202141212c68d460fc3072a0f08431ddcd2dc56c1cd59300a06082a8648ce3d04030230313110300e060355040a0c07"
	"4578616d706c65311d301b06035504030c144578616d706c6520496e7465726d6564696174653020170d3236313132333132353734315a180f323035"
	"31303731353132353734315a301f311d301b06035504030c146e6f742d746869732e6578616d706c652e6e65743059301306072a8648ce3d02010608"
	"2a8648ce3d03010703420004789a5d38989aca01a8d724919178c0f655e57b31891d310b7978d5067f87010f1a0a38228d57346845755475a5e306ed"
	"d235610383068d3718e7660a6b8c7c0fa381a130819e30090603551d130402300030510603551d11044a3048820b4578616d706c652e6f7267820d2a"
	"2e6578616d706c652e6f72678704c0a801028710fd000000000000000000000000000001810d61406578616d706c652e6f726782036e6173301d0603"
	"551d0e04160414accf8dec54c471693bb5fe40c679be080f7479c1301f0603551d23041830168014f36be023a97d811847040537aa5240c0f7bf1874"
	"300a06082a8648ce3d0403020347003044022079b9e4e385564cb4f1e0c16239274c29dc5fd33141964c2d837f6bcb8ecf20f2022011ab09acf58952"
	"ef8974d40e3f32faeeb6039de16337ffbb22e731bf15fad6ec";

/* MADE_V1: C=DE, CN=Old Root; version 1, issued by itself. */
static const char old[] =
	"3082013c3081e3021466d56751967cfde0d9bbb71927d1dd6a14652823300a06082a8648ce3d0403023020310b30090603550406130244453111300f"
	"06035504030c084f6c6420526f6f743020170d3236313132333132353734315a180f32303631303231323132353734315a3020310b30090603550406"
	"130244453111300f06035504030c084f6c6420526f6f743059301306072a8648ce3d020106082a8648ce3d03010703420004cd42d9a1fb5caaf40630"
	"39e90e1a3a24a9fadbe985c4c778712a3b63ebd53e5281bfd931d01f579baa688e44e4137dad37ccca185b6ceb9b771dc6fb1dfb5739300a06082a86"
	"48ce3d0403020348003045022100c2f2bf46c39ed2707b5e9b3187dde0828115dff7724db46a1d5b74a1eeb1fa3c0220164e6c06f24a52ce2eea75bf"
	"a5494b6fe149f93af8d62d4ef011b5223fb2716b";

/* Hex digits, blanks between them or not, as bytes in a block; block_free it. */
static struct span bytes_of(const char *hex)
{
	char *at = malloc(strlen(hex) / 2 + 1);
	size_t len = 0;

	assert_non_null(at);
	for (; *hex; hex++) {
		if (*hex == ' ')
			continue;
		assert_true(span_hex(hex[0]) >= 0 && span_hex(hex[1]) >= 0);
		at[len++] = (char)(span_hex(hex[0]) << 4 | span_hex(hex[1]));
		hex++;
	}
	at = realloc(at, len ? len : 1);
	assert_non_null(at);
	return span_of(at, len);
}

static size_t place_of(struct span in, struct span what)
{
	for (size_t i = 0; i + what.len <= in.len; i++)
		if (memcmp(in.at + i, what.at, what.len) == 0)
			return i;
	fail_msg("'%.*s' is not there", (int)what.len, what.at);
	return 0;
}

static void put(struct span in, size_t at, const char *bytes, size_t len)
{
	assert_true(at + len <= in.len);
	memcpy((char *)(uintptr_t)in.at + at, bytes, len);
}

/* Everything that reads a certificate, so that a byte too many is seen. */
static void use(struct span der)
{
	char room[64];
	struct text t = text_in(room, sizeof room);
	struct span names, value;
	enum cert_name kind;
	struct cert c;

	if (cert_read(&c, der))
		return;
	for (names = c.names; cert_next_name(&names, &kind, &value);)
		assert_true(value.len == 0 || (value.at >= der.at && value.at + value.len <= der.at + der.len));
	assert_int_equal(names.len, 0);
	(void)cert_is_for(&c, SPAN("a.example.org"));
	(void)cert_is_for(&c, SPAN("fd00::2"));
	(void)cert_is_for_wildcard(&c, SPAN("*.example.net"));
	(void)cert_common_name(c.subject);
	cert_write_name(&t, c.subject);
}

/* --- a certificate --------------------------------------------------------- */

static void reads(void **state)
{
	struct span der = bytes_of(leaf);
	struct cert c;

	(void)state;
	assert_null(cert_read(&c, der));
	assert_true(span_is(c.der, der));
	assert_int_equal(c.version, 3);
	assert_int_equal(c.from, 1795438661);
	assert_int_equal(c.until, 2573038661);
	assert_false(c.ca);
	assert_false(cert_is_self_issued(&c));
	block_same(cert_common_name(c.subject), "not-this.example.net", "leaf");
	block_same(cert_common_name(c.issuer), "Example Intermediate", "leaf");
	assert_int_equal(c.key.len, 91); /* P-256, tag and length included */
	assert_int_equal((unsigned char)c.key.at[0], 0x30);
	assert_int_equal((unsigned char)c.subject.at[0], 0x30);
	block_free(der);
}

static void reads_old(void **state)
{
	struct span der = bytes_of(old);
	struct cert c;

	(void)state;
	assert_null(cert_read(&c, der));
	assert_int_equal(c.version, 1);
	assert_int_equal(c.until, 2875438661);
	assert_true(cert_is_self_issued(&c));
	assert_false(c.ca);
	assert_int_equal(c.names.len, 0);
	assert_false(cert_is_for(&c, SPAN("Old Root"))); /* no common name */
	block_free(der);
}

static void truncated(void **state)
{
	struct span der = bytes_of(leaf);
	struct cert c;

	(void)state;
	for (size_t len = 0; len < der.len; len++) {
		struct span part = block_of(span_of(der.at, len));

		assert_non_null(cert_read(&c, part));
		block_free(part);
	}
	block_free(der);
}

static void one_byte_more(void **state)
{
	struct span der = bytes_of(leaf);
	char *more = malloc(der.len + 1);
	struct cert c;

	(void)state;
	assert_non_null(more);
	memcpy(more, der.at, der.len);
	more[der.len] = 0;
	assert_non_null(cert_read(&c, span_of(more, der.len + 1)));
	assert_null(cert_read(&c, span_of(more, der.len)));
	free(more);
	block_free(der);
}

/* A length that has a zero before it, or more bytes than it needs (X.690 10.1). */
static void long_length(void **state)
{
	struct span der = bytes_of(old);
	char *more = malloc(der.len + 1);
	struct cert c;

	(void)state;
	assert_non_null(more);
	assert_memory_equal(der.at, "\x30\x82\x01\x3c", 4);
	memcpy(more, "\x30\x83\x00\x01\x3c", 5);
	memcpy(more + 5, der.at + 4, der.len - 4);
	assert_non_null(cert_read(&c, span_of(more, der.len + 1)));
	free(more);
	block_free(der);
}

/* Each byte becomes each other one that matters: whatever it says then, it says no byte of somebody else's. */
static void damaged(void **state)
{
	static const unsigned char values[] = {0, 1, 2, 3, 4, 6, 0x0c, 0x17, 0x30, 0x31, 0x7f, 0x80, 0x81, 0x82, 0x83, 0x84, 0xa0, 0xa3, 0xff};
	struct span der = bytes_of(leaf);

	(void)state;
	for (size_t i = 0; i < der.len; i++) {
		char was = der.at[i];

		for (size_t v = 0; v < COUNT(values); v++) {
			put(der, i, (const char *)&values[v], 1);
			use(der);
		}
		for (int bit = 0; bit < 8; bit++) {
			char flipped = (char)(was ^ 1 << bit);

			put(der, i, &flipped, 1);
			use(der);
		}
		put(der, i, &was, 1);
	}
	block_free(der);
}

/* The dates of the leaf are replaced by others of the same length. */
static const struct { const char *utc; int64_t seconds; } utc_times[] = {
	{"700101000000Z", 0}, {"700101000001Z", 1}, {"691231235959Z", -1},
	{"500101000000Z", -631152000}, {"491231235959Z", 2524607999}, /* 1950 and 2049 (RFC 5280 4.1.2.5.1) */
	{"000229000000Z", 951782400}, {"000301000000Z", 951868800}, {"241231235959Z", 1735689599},
	{"261123125741Z", 1795438661}, {"991231235959Z", 946684799},
};
static const struct { const char *full; int64_t seconds; } full_times[] = {
	{"20500101000000Z", 2524608000}, {"19700101000000Z", 0}, {"20000229120000Z", 951825600}, {"20240229235959Z", 1709251199},
	{"99991231235959Z", 253402300799}, {"00000101000000Z", -62167219200}, {"21000228235959Z", 4107542399},
};
static const char *no_utc_times[] = {
	"010229000000Z", "000230000000Z", "991301000000Z", "990001000000Z", "990100000000Z", "990132000000Z", "990431000000Z", "990101240000Z",
	"990101006000Z", "990101000060Z", "9901010000000", "990101000000z", "99 101000000Z", "-90101000000Z", "99010100000aZ", "9901010000Z+0",
	"990101000000+", "99010100000.Z",
};
static const char *no_full_times[] = {
	"19000229000000Z", "21000229000000Z", "20231301000000Z", "2023010100000.Z", "20230101000000 ", "2023010100+0000", "x0230101000000Z",
};

static void times(void **state)
{
	struct span der = bytes_of(leaf);
	size_t from = place_of(der, SPAN("261123125741Z")), until = place_of(der, SPAN("20510715125741Z"));
	struct cert c;

	(void)state;
	for (size_t i = 0; i < COUNT(utc_times); i++) {
		put(der, from, utc_times[i].utc, 13);
		assert_null(cert_read(&c, der));
		if (c.from != utc_times[i].seconds)
			fail_msg("%s: %lld", utc_times[i].utc, (long long)c.from);
	}
	for (size_t i = 0; i < COUNT(full_times); i++) {
		put(der, until, full_times[i].full, 15);
		assert_null(cert_read(&c, der));
		if (c.until != full_times[i].seconds)
			fail_msg("%s: %lld", full_times[i].full, (long long)c.until);
	}
	for (size_t i = 0; i < COUNT(no_full_times); i++) {
		put(der, until, no_full_times[i], 15);
		if (!cert_read(&c, der))
			fail_msg("%s is a time", no_full_times[i]);
	}
	put(der, until, "20510715125741Z", 15);
	for (size_t i = 0; i < COUNT(no_utc_times); i++) {
		put(der, from, no_utc_times[i], 13);
		if (!cert_read(&c, der))
			fail_msg("%s is a time", no_utc_times[i]);
	}
	block_free(der);
}

/* --- well-formed or not -------------------------------------------------------- */

/* Serial number, algorithm, issuer, dates, subject, key: as short as they can be. */
#define SERIAL "020101 "
#define MIDDLE "3000 3000 301e170d3730303130313030303030305a170d3730303130313030303030305a 3000 3000 "
#define V3 "a003020102 "
#define SAN "06 03 551d11 "
#define BC "06 03 551d13 "
#define EKU "06 03 551d25 "

static const struct { const char *tbs; bool ok, ca; const char *names; } shapes[] = {
	{SERIAL MIDDLE, true, false, ""},
	{"a003020100" SERIAL MIDDLE, true, false, ""}, /* version 1, said although it is the default */
	{"a003020101" SERIAL MIDDLE, true, false, ""},
	{V3 SERIAL MIDDLE, true, false, ""},
	{"a003020103" SERIAL MIDDLE, false, false, ""}, /* version 4 */
	{"a0030201ff" SERIAL MIDDLE, false, false, ""},
	{"a00402020002" SERIAL MIDDLE, false, false, ""},
	{"a0050201020500" SERIAL MIDDLE, false, false, ""},
	{V3 MIDDLE, false, false, ""}, /* no serial number */
	{V3 SERIAL "3000 3000 301e170d3730303130313030303030305a170d3730303130313030303030305a 3000", false, false, ""}, /* no key */
	{V3 SERIAL "3000 3000 300f170d3730303130313030303030305a 3000 3000", false, false, ""}, /* one date */
	{V3 SERIAL MIDDLE "810100", true, false, ""},
	{V3 SERIAL MIDDLE "810100820100", true, false, ""},
	{V3 SERIAL MIDDLE "820100810100", false, false, ""},
	{V3 SERIAL MIDDLE "0500", false, false, ""},
	{V3 SERIAL MIDDLE "a300", false, false, ""},
	{V3 SERIAL MIDDLE "a3023000", true, false, ""},
	{V3 SERIAL MIDDLE "a30430000500", false, false, ""},
	{V3 SERIAL MIDDLE "a3023000 0500", false, false, ""},
	{SERIAL MIDDLE "a3023000", false, false, ""}, /* version 1 has no extensions */
	/* basicConstraints */
	{V3 SERIAL MIDDLE "a30d 300b 3009" BC "04 02 3000", true, false, ""},
	{V3 SERIAL MIDDLE "a310 300e 300c" BC "04 05 3003 0101ff", true, true, ""},
	{V3 SERIAL MIDDLE "a310 300e 300c" BC "04 05 3003 010101", true, true, ""},
	{V3 SERIAL MIDDLE "a310 300e 300c" BC "04 05 3003 010100", true, false, ""},
	{V3 SERIAL MIDDLE "a313 3011 300f" BC "04 08 3006 0101ff 020100", true, true, ""},
	{V3 SERIAL MIDDLE "a313 3011 300f" BC "0101ff 04 05 3003 0101ff", true, true, ""},
	{V3 SERIAL MIDDLE "a30f 300d 300b" BC "04 04 3002 0100", false, false, ""},          /* BOOLEAN of no byte */
	{V3 SERIAL MIDDLE "a311 300f 300d" BC "04 06 3004 0102ffff", false, false, ""},      /* of two */
	{V3 SERIAL MIDDLE "a312 3010 300e" BC "04 07 3005 0101ff 0500", false, false, ""},
	{V3 SERIAL MIDDLE "a311 300f 300d" BC "04 05 3003 0101ff 00", false, false, ""},
	{V3 SERIAL MIDDLE "a318 3016 3009" BC "04 02 3000 3009" BC "04 02 3000", false, false, ""}, /* twice */
	{V3 SERIAL MIDDLE "a30b 3009 3007" BC "0400", false, false, ""},
	/* subjectAltName */
	{V3 SERIAL MIDDLE "a310 300e 300c" SAN "04 05 3003 820161", true, false, "a"},
	{V3 SERIAL MIDDLE "a313 3011 300f" SAN "04 08 3006 820161 820162", true, false, "a,b"},
	{V3 SERIAL MIDDLE "a313 3011 300f" SAN "04 08 3006 810161 820162", true, false, "?,b"},
	{V3 SERIAL MIDDLE "a30d 300b 3009" SAN "04 02 3000", false, false, ""},               /* empty */
	{V3 SERIAL MIDDLE "a310 300e 300c" SAN "04 05 3003 820261", false, false, ""},        /* too long for what is around it */
	{V3 SERIAL MIDDLE "a310 300e 300c" SAN "04 05 3002 820161", false, false, ""},
	{V3 SERIAL MIDDLE "a310 300e 300c" SAN "04 05 3103 820161", false, false, ""},
	{V3 SERIAL MIDDLE "a31e 301c 300c" SAN "04 05 3003 820161 300c" SAN "04 05 3003 820162", false, false, ""}, /* twice */
	{V3 SERIAL MIDDLE "a30f 300d 300b" SAN "04 04 3080 0000", false, false, ""},          /* of indefinite length */
	{V3 SERIAL MIDDLE "a311 300f 300d" SAN "04 06 308103 820161", false, false, ""},      /* length not in its shortest form */
	{V3 SERIAL MIDDLE "a310 300e 300c" SAN "04 05 3003 9f0161", false, false, ""},        /* tag of two bytes */
	/* extKeyUsage: what it must look like; see uses */
	{V3 SERIAL MIDDLE "a311 300f 300d" EKU "04 06 3004 06022a03", true, false, ""},
	{V3 SERIAL MIDDLE "a30d 300b 3009" EKU "04 02 3000", false, false, ""},               /* empty */
	{V3 SERIAL MIDDLE "a311 300f 300d" EKU "04 06 3004 04022a03", false, false, ""},
	{V3 SERIAL MIDDLE "a311 300f 300d" EKU "04 06 3004 06032a03", false, false, ""},
	{V3 SERIAL MIDDLE "a320 301e 300d" EKU "04 06 3004 06022a03 300d" EKU "04 06 3004 06022a03", false, false, ""}, /* twice */
	/* others are passed over, but have to be some */
	{V3 SERIAL MIDDLE "a30b 3009 3007 06 03 551d0f 0400", true, false, ""},
	{V3 SERIAL MIDDLE "a309 3007 3005 06 03 551d0f", false, false, ""},
	{V3 SERIAL MIDDLE "a306 3004 3002 0400", false, false, ""},
};

/* The names of a certificate, comma between them; an address as "#", others as "?". */
static void list_names(struct text *t, const struct cert *c)
{
	struct span names = c->names, value;
	enum cert_name kind;

	while (cert_next_name(&names, &kind, &value)) {
		if (t->len)
			text_char(t, ',');
		if (kind == CERT_DNS)
			text_span_add(t, value);
		else
			text_char(t, kind == CERT_IP ? '#' : '?');
	}
}

static struct span wrapped(const char *tbs)
{
	char hex[1024];
	struct span inner = bytes_of(tbs);
	struct text t = text_in(hex, sizeof hex - 1);

	assert_true(inner.len < 240);
	text_format(&t, "3081%02x 3081%02x %s 3000 030100", (unsigned)inner.len + 8, (unsigned)inner.len, tbs);
	if (inner.len < 0x80) {
		t.len = 0;
		text_format(&t, inner.len + 7 < 0x80 ? "30%02x 30%02x %s 3000 030100" : "3081%02x 30%02x %s 3000 030100", (unsigned)inner.len + 7,
			    (unsigned)inner.len, tbs);
	}
	hex[t.len] = 0;
	block_free(inner);
	return bytes_of(hex);
}

static void well_formed(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(shapes); i++) {
		struct span der = wrapped(shapes[i].tbs);
		char room[64];
		struct text names = text_in(room, sizeof room);
		struct cert c;
		const char *why = cert_read(&c, der);

		if (!why != shapes[i].ok)
			fail_msg("%s: %s", shapes[i].tbs, why ? why : "is one");
		if (!why) {
			assert_int_equal(c.ca, shapes[i].ca);
			list_names(&names, &c);
			block_same(text_span(&names), shapes[i].names, shapes[i].tbs);
		}
		block_free(der);
	}
}

static const struct { const char *oids; bool servers, clients; } uses[] = {
	{"06 08 2b06010505070301", true, false},
	{"06 08 2b06010505070302", false, true},
	{"06 08 2b06010505070301 06 08 2b06010505070302", true, true},
	{"06 08 2b06010505070303", false, false},
	{"06 08 2b06010505070303 06 08 2b06010505070302", false, true},
	{"06 04 551d2500", true, true},
	{"06 08 2b06010505070302 06 04 551d2500", true, true},
	{"06 03 551d25", false, false},
	{"06 07 2b060105050703", false, false},
	{"06 09 2b0601050507030201", false, false},
	{"06 00", false, false},
};

static void knows_uses(void **state)
{
	struct span der = bytes_of(leaf);
	struct cert c;

	(void)state;
	assert_null(cert_read(&c, der));
	assert_true(cert_may(&c, CERT_FOR_SERVERS) && cert_may(&c, CERT_FOR_CLIENTS)); /* it does not say */
	block_free(der);
	for (size_t i = 0; i < COUNT(uses); i++) {
		struct span oids = bytes_of(uses[i].oids);
		unsigned n = (unsigned)oids.len;
		char tbs[512];

		block_free(oids);
		snprintf(tbs, sizeof tbs, V3 SERIAL MIDDLE "a3%02x 30%02x 30%02x" EKU "04%02x 30%02x %s", n + 13, n + 11, n + 9, n + 2, n, uses[i].oids);
		der = wrapped(tbs);
		assert_null(cert_read(&c, der));
		if (cert_may(&c, CERT_FOR_SERVERS) != uses[i].servers || cert_may(&c, CERT_FOR_CLIENTS) != uses[i].clients)
			fail_msg("%s: %d", uses[i].oids, c.uses);
		block_free(der);
	}
}

/* What encloses all: tag, length in its shortest form, nothing that is left over. */
static const char *no_certs[] = {
	"", "30", "3000", "3080", "30800000", "3081", "308100", "30820000", "3083000000", "308400000000", "30ff", "1f8100", "3f", "05 00",
	"30 02 3000", "30 04 3000 3000", "30 07 3000 3000 030100", "30 05 3000 3000 ff",
};

static void none(void **state)
{
	struct cert c;

	(void)state;
	for (size_t i = 0; i < COUNT(no_certs); i++) {
		struct span der = bytes_of(no_certs[i]);

		assert_non_null(cert_read(&c, der));
		block_free(der);
	}
}

/* --- whom it is for ---------------------------------------------------------------- */

static const struct { const char *host; bool is_for; } hosts[] = {
	{"example.org", true}, {"EXAMPLE.ORG", true}, {"example.org.", true}, {"nas", true}, {"a.example.org", true}, {"A.EXAMPLE.org", true},
	{"a-b_c.example.org", true}, {"a.example.org.", true},
	{"a.b.example.org", false}, {".example.org", false}, {"example.com", false}, {"xexample.org", false}, {"aexample.org", false},
	{"*.example.org", false}, {"*", false}, {"", false}, {".", false}, {"org", false}, {"not-this.example.net", false}, {"nas.", true},
	{"nas.example.org", true}, {"a@example.org", false}, {"example.org..", false}, {"example.org\n", false},
	{"192.168.1.2", true}, {"192.168.1.3", false}, {"fd00::1", true}, {"FD00:0:0::1", true}, {"fd00::2", false}, {"::ffff:192.168.1.2", true},
	{"192.168.1.2.", false}, {"[fd00::1]", false}, {"192.168.1.2.example.org", false},
};

static void is_for(void **state)
{
	struct span der = bytes_of(leaf);
	struct cert c;

	(void)state;
	assert_null(cert_read(&c, der));
	for (size_t i = 0; i < COUNT(hosts); i++) {
		struct span host = block_of(span_str(hosts[i].host));

		if (cert_is_for(&c, host) != hosts[i].is_for)
			fail_msg("it is%s for '%s'", hosts[i].is_for ? " not" : "", hosts[i].host);
		block_free(host);
	}
	assert_true(cert_is_for_wildcard(&c, SPAN("*.example.org")));
	assert_true(cert_is_for_wildcard(&c, SPAN("*.Example.ORG.")));
	assert_false(cert_is_for_wildcard(&c, SPAN("*.a.example.org")));
	assert_false(cert_is_for_wildcard(&c, SPAN("*.org")));
	assert_false(cert_is_for_wildcard(&c, SPAN("example.org")));
	assert_false(cert_is_for_wildcard(&c, SPAN("*")));
	assert_false(cert_is_for_wildcard(&c, SPAN("")));
	block_free(der);
}

/* Of a single name. */
static const struct { const char *name, *host; bool is_for; } patterns[] = {
	{"82 05 2a2e6c616e", "nas.lan", true},                  /* *.lan */
	{"82 05 2a2e6c616e", "lan", false},
	{"82 05 2a2e6c616e", ".lan", false},
	{"82 01 2a", "nas", false},                             /* * */
	{"82 02 2a2e", "nas.", false},                          /* *. */
	{"82 02 2a2e", "nas", false},
	{"82 02 2a2e", "nas..", false},
	{"82 06 612a2e6c616e", "ab.lan", false},                /* a*.lan */
	{"82 07 612e2a2e6c616e", "a.b.lan", false},             /* a.*.lan */
	{"82 07 2a2e2a2e6c616e", "a.b.lan", false},             /* *.*.lan */
	{"82 04 6e617300", "nas", false},                       /* a zero behind it */
	{"82 07 6e6173002e6c61", "nas", false},
	{"82 09 3132372e302e302e31", "127.0.0.1", false},       /* an address written as a name */
	{"82 09 2a2e302e302e3120 ", "127.0.0.1", false},
	{"87 04 7f000001", "127.0.0.1", true},
	{"87 05 7f00000100", "127.0.0.1", false},
	{"87 08 7f000001ffffffff", "127.0.0.1", false},         /* as in name constraints */
	{"87 10 00000000000000000000ffff7f000001", "127.0.0.1", true}, /* mapped, as net has it */
	{"87 10 00000000000000000000000000000001", "::1", true},
	{"87 04 00000001", "::1", false},
	{"86 03 6e6173", "nas", false},                         /* a URI */
	{"a2 03 6e6173", "nas", false},                         /* constructed: no dNSName */
};

static void one_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(patterns); i++) {
		struct span names = bytes_of(patterns[i].name), host = block_of(span_str(patterns[i].host));
		struct cert c = {.names = names};

		if (cert_is_for(&c, host) != patterns[i].is_for)
			fail_msg("%s is%s for %s", patterns[i].name, patterns[i].is_for ? " not" : "", patterns[i].host);
		block_free(names);
		block_free(host);
	}
}

static void names_of_all_kinds(void **state)
{
	struct span der = bytes_of(leaf);
	char room[128];
	struct text t = text_in(room, sizeof room);
	struct cert c;

	(void)state;
	assert_null(cert_read(&c, der));
	list_names(&t, &c);
	block_same(text_span(&t), "Example.org,*.example.org,#,#,?,nas", "leaf");
	block_free(der);
}

/* --- Names --------------------------------------------------------------------------- */

/* NULL: it is none that can be written. */
static const struct { const char *der, *text, *cn; } texts[] = {
	{"3000", "", ""},
	{"30223110300e060355040a0c074578616d706c65310e300c06035504030c05616c696365", "CN=alice,O=Example", "alice"},
	{"3081ac310b3009060355040613024445310a300806035504080c0153310a300806035504070c014c310b300906035504090c025374310a3008060355040a0c014f"
	 "310b3009060355040b0c024f5531133011060a0992268993f22c64011916036f726731173015060a0992268993f22c64011916076578616d706c653111300f06"
	 "0a0992268993f22c6401010c01753112301006092a864886f70d0109011603614062310a300806035504030c0178",
	 "CN=x,emailAddress=a@b,UID=u,DC=example,DC=org,OU=OU,O=O,STREET=St,L=L,ST=S,C=DE", "x"},
	{"301d311b300806035504030c0161300f060a0992268993f22c6401010c0137", "CN=a+UID=7", "a"},
	{"302731253023060355040a0c1c4dc3bc6c6c65722c2053c3b6686e65202b2022436f223b203c613e5c",
	 "O=M\\C3\\BCller\\, S\\C3\\B6hne \\+ \\\"Co\\\"\\; \\<a\\>\\\\", ""},
	{"3034310b300906035504030c022361310e300c060355040a0c052061206220310a3008060355040b0c01203109300706035504070c00",
	 "L=,OU=\\ ,O=\\ a b\\ ,CN=\\#a", "#a"},
	/* nothing that ends a line, a string or a field */
	{"301b3119301706035504030c10610d0a582d41646d696e3a2031007f09", "CN=a\\0D\\0AX-Admin: 1\\00\\7F\\09", NULL},
	{"300d310b300906035504031e0200e4", "CN=#1E0200E4", ""},          /* BMPString */
	{"300f310d300b06035504031404636166e9", "CN=caf\\E9", "caf\xe9"}, /* TeletexString */
	{"301b310b3009060355040513023132310c300a06035504030c03613d62", "CN=a=b,2.5.4.5=#13023132", "a=b"},
	{"3042310f300d06086086480186f842010c0178310c300a06052a8648ff7f0c0178310730050601000c0031083006060288370500310e300506014f050030050601500500",
	 "1.39=#0500+2.0=#0500,2.999=#0500,0.0=#0C00,1.2.840.16383=#0C0178,2.16.840.1.113730.1=#0C0178", ""},
	{"302b310e300c06035504030c056669727374310a3008060355040a0c016f310d300b06035504030c046c617374", "CN=last,O=o,CN=first", "last"},
	/* not well-formed */
	{"", NULL, ""},
	{"3100", NULL, ""},
	{"30023100", NULL, ""},                         /* a set of nothing */
	{"30023000", NULL, ""},
	{"300000", NULL, ""},
	{"300a3108300606035504030c", NULL, ""},         /* cut off */
	{"300b3109300706035504030c01", NULL, ""},
	{"300b3109300706035504030c0161", NULL, ""},     /* lengths too short */
	{"300e310c300a06035504030c016105", NULL, ""},
	{"300d310b300906035504030c02610500", NULL, ""},
	{"30093107300506000c0161", NULL, ""},           /* identifier of no byte */
	{"300b3109300706022a860c0161", NULL, ""},       /* that does not end */
	{"300b3109300706022a800c0161", NULL, ""},
	{"300c310a300806032a80010c0161", NULL, ""},     /* with a leading zero */
	{"30163114301206 0d 2affffffffffffffffffff7f01 0c0161", NULL, ""}, /* a number of more than 63 bits */
};

static void writes_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct span name = bytes_of(texts[i].der);
		char room[256];
		struct text t = text_in(room, sizeof room);

		cert_write_name(&t, name);
		if (t.full != !texts[i].text)
			fail_msg("%s: '%.*s'", texts[i].der, (int)t.len, t.at);
		if (texts[i].text) {
			block_same(text_span(&t), texts[i].text, texts[i].der);
			for (size_t k = 0; k < t.len; k++)
				assert_true(t.at[k] >= 0x20 && t.at[k] <= 0x7e);
		}
		if (texts[i].cn)
			block_same(cert_common_name(name), texts[i].cn, texts[i].der);
		block_free(name);
	}
}

static void names_cut_off(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct span name = bytes_of(texts[i].der);

		for (size_t len = 0; texts[i].text && len < name.len; len++) {
			struct span part = block_of(span_of(name.at, len));
			char room[256];
			struct text t = text_in(room, sizeof room);

			cert_write_name(&t, part);
			assert_true(t.full);
			(void)cert_common_name(part);
			block_free(part);
		}
		block_free(name);
	}
}

/* Whatever does not fit is said to be too much, for each size. */
static void too_long(void **state)
{
	struct span name = bytes_of(texts[1].der);
	size_t want = strlen(texts[1].text);

	(void)state;
	for (size_t size = 0; size <= want; size++) {
		struct text t = block_text(size);

		cert_write_name(&t, name);
		assert_int_equal(t.full, size < want);
		free(t.at);
	}
	block_free(name);
}

/* 33 parts: nobody's name, and more than is kept. */
static void too_many(void **state)
{
	char hex[2048] = "3082018c", room[1024];
	struct text t = text_in(room, sizeof room);
	struct span name;

	(void)state;
	for (int i = 0; i < 33; i++)
		strcat(hex, "310a300806035504030c0161");
	name = bytes_of(hex);
	cert_write_name(&t, name);
	assert_true(t.full);
	block_free(name);
	memcpy(hex, "30820180", 8);
	hex[8 + 32 * 24] = 0;
	name = bytes_of(hex);
	t = text_in(room, sizeof room);
	cert_write_name(&t, name);
	assert_false(t.full);
	assert_int_equal(t.len, 32 * 5 - 1);
	block_free(name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads),
		cmocka_unit_test(reads_old),
		cmocka_unit_test(truncated),
		cmocka_unit_test(one_byte_more),
		cmocka_unit_test(long_length),
		cmocka_unit_test(damaged),
		cmocka_unit_test(times),
		cmocka_unit_test(well_formed),
		cmocka_unit_test(knows_uses),
		cmocka_unit_test(none),
		cmocka_unit_test(is_for),
		cmocka_unit_test(one_name),
		cmocka_unit_test(names_of_all_kinds),
		cmocka_unit_test(writes_names),
		cmocka_unit_test(names_cut_off),
		cmocka_unit_test(too_long),
		cmocka_unit_test(too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

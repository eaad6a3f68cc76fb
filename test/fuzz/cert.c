/* SPDX-License-Identifier: MIT
 *
 * cert - any bytes as a certificate, as the names in one, and as a Name. What
 * is written of a Name can stand in a header field, and it is written or not,
 * whatever room there is.
 */
#include "../../src/cert.h"
#include "check.h"

static void check_inside(struct span part, struct span whole)
{
	CHECK(part.len == 0 || (part.at >= whole.at && part.at + part.len <= whole.at + whole.len));
}

static void check_name(struct span name)
{
	char room[512];
	struct text t = text_in(room, sizeof room);
	struct span cn = cert_common_name(name);

	check_inside(cn, name);
	cert_write_name(&t, name);
	CHECK(t.len <= sizeof room);
	for (size_t i = 0; i < t.len; i++)
		CHECK(room[i] >= 0x20 && room[i] <= 0x7e);
	if (!t.full && t.len > 0) {
		char *less = malloc(t.len);
		struct text again = text_in(less, t.len);

		CHECK(less);
		cert_write_name(&again, name);
		CHECK(!again.full && span_is(text_span(&t), text_span(&again)));
		again = text_in(less, t.len - 1);
		cert_write_name(&again, name);
		CHECK(again.full);
		free(less);
	}
}

/* A name or an address that stands there is one that it is for. */
static void check_names(struct span of)
{
	struct cert c = {.names = of};
	struct span names = of, value;
	enum cert_name kind;

	while (cert_next_name(&names, &kind, &value)) {
		struct net n = {.family = value.len == 4 ? NET_IP4 : NET_IP6, .bits = value.len == 4 ? 32 : 128};
		char room[NET_TEXT];
		struct text t = text_in(room, sizeof room);

		check_inside(value, of);
		CHECK(names.len < of.len);
		if (kind == CERT_IP) {
			CHECK(value.len == 4 || value.len == 16);
			memcpy(n.ip, value.at, value.len);
			CHECK(net_unmap(&n));
			net_write(&t, &n);
			CHECK(cert_is_for(&c, text_span(&t)));
		} else if (kind == CERT_DNS && value.len && value.at[0] != '*' && value.at[value.len - 1] != '.' && !net_read(&n, value)) {
			CHECK(cert_is_for(&c, value));
		} else if (kind == CERT_DNS && span_starts(value, SPAN("*.")) && value.len > 2 && value.at[value.len - 1] != '.') {
			CHECK(cert_is_for_wildcard(&c, value));
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct span der = span_of((const char *)at, len);
	struct cert c;

	check_name(der);
	check_names(der);
	if (cert_read(&c, der))
		return 0;
	CHECK(c.version >= 1 && c.version <= 3);
	CHECK(c.from >= -62167219200 && c.until <= 253402300799);
	check_inside(c.issuer, der);
	check_inside(c.subject, der);
	check_inside(c.key, der);
	check_inside(c.names, der);
	check_name(c.issuer);
	check_name(c.subject);
	check_names(c.names);
	return 0;
}

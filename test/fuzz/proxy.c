/* SPDX-License-Identifier: MIT
 *
 * proxy - any bytes as a PROXY header. It is seen when it is whole and not
 * before, and what was read is what is read again after it was written.
 */
#include "../../src/proxy.h"
#include "check.h"

/* Of a part of the bytes, in a block of exactly its size. */
static int read_part(const char *at, size_t len)
{
	char *part = malloc(len ? len : 1);
	struct net from;
	int got;

	CHECK(part);
	memcpy(part, at, len);
	got = proxy_read(part, len, &from);
	free(part);
	return got;
}

static void check_round_trip(const struct net *from, const struct net *to)
{
	char place[256];

	for (int version = 1; version <= 2; version++) {
		struct text t = text_in(place, sizeof place);
		struct net again;

		proxy_write(&t, version, from, to);
		CHECK(!t.full);
		CHECK(proxy_read(t.at, t.len, &again) == (int)t.len);
		if (from->family == NET_IP4 || from->family == NET_IP6)
			CHECK(net_same(&again, from) && again.port == from->port && again.bits == from->bits);
		else
			CHECK(again.family == NET_NONE);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	const char *bytes = (const char *)at;
	const struct net tos[] = {
		{.family = NET_IP4, .bits = 32, .port = 443, .ip = {192, 168, 1, 1}},
		{.family = NET_IP6, .bits = 128, .port = 65535, .ip = {0xfd, [15] = 1}},
		{.family = NET_NONE},
	};
	struct net from;
	int got = proxy_read(bytes, len, &from);

	CHECK(got >= -1 && got <= PROXY_MOST && got <= (int)len);
	CHECK(got != 0 || len < PROXY_MOST);
	/* Nothing is a header before its last byte; what is none stays none. */
	for (size_t part = 0; part < len && part < PROXY_MOST; part++) {
		int of_part = read_part(bytes, part);

		CHECK(got <= 0 || of_part == (part < (size_t)got ? 0 : got));
		CHECK(got != 0 || of_part == 0);
		CHECK(got >= 0 || of_part <= 0);
	}
	if (got <= 0)
		return 0;
	for (size_t i = 0; i < sizeof tos / sizeof *tos; i++)
		check_round_trip(&from, &tos[i]);
	return 0;
}

/* SPDX-License-Identifier: MIT
 *
 * pin - which key does this server show?
 *
 * For the command line alone: it waits, and takes its memory as it goes.
 */
#include "pin.h"
#include "link.h"
#include "../gateway.h"

#include <stdlib.h>

enum { PATIENCE_MS = 10000 };

static const struct tls_counts counts = {.connected = 1, .greetings = 1, .buffers = 1};

static bool find_nothing(void *user, const unsigned char id[32], struct tls_session *session)
{
	(void)user;
	(void)id;
	(void)session;
	return false;
}

/* In one block, which is *memory. NULL: there is none. */
static struct tls_kit *open_kit(void **memory)
{
	static const struct tls_hooks hooks = {.find = find_nothing};
	struct tls_term terms[TLS_TERMS];
	struct tls_kit *kit;
	void *at[TLS_TERMS];
	unsigned char seed[32];
	size_t sum = 0;
	char *next;

	tls_terms(&counts, terms);
	for (size_t i = 0; i < TLS_TERMS; i++)
		sum += terms[i].count * terms[i].size;
	next = *memory = calloc(1, sum);
	if (!next)
		return NULL;
	for (size_t i = 0; i < TLS_TERMS; i++) {
		at[i] = next;
		next += terms[i].count * terms[i].size;
	}
	if (!platform_random(seed, sizeof seed))
		return NULL;
	kit = tls_open(&counts, at, &hooks, seed);
	span_wipe(seed, sizeof seed);
	return kit;
}

/* Until hands are shaken. NULL, or why they are not. */
static const char *shake(struct link *l)
{
	int64_t until = platform_now() + PATIENCE_MS;

	while (!l->why && l->phase != LINK_OPEN) {
		struct watch watch = {.fd = l->fd, .want = link_watch(l, true, false)};
		int64_t left = until - platform_now();

		if (left <= 0)
			return l->phase == LINK_CONNECTING ? "connecting took too long" : "the TLS handshake took too long";
		if (platform_poll(&watch, 1, left) > 0)
			link_polled(l, watch.got);
		link_shake(l);
	}
	return l->why;
}

static const char *ask(struct tls_kit *kit, const struct net *address, const struct tls_server *server, unsigned char pin[32])
{
	struct tls_session session = {.policy = 0};
	struct link l;
	const char *why;

	link_connect(&l, platform_connect(address, NULL));
	if (!l.why)
		link_secure(&l, tls_connect(kit, server, &session));
	why = shake(&l);
	if (!why)
		memcpy(pin, tls_server_key(l.tls), 32);
	link_close(&l);
	return why;
}

const char *pin_of(unsigned char pin[32], struct span host, uint16_t port)
{
	struct net addresses[GW_ADDRESSES];
	char name[GW_NAME];
	struct tls_server server = {.verify = TLS_VERIFY_OFF, .name = name};
	const char *why = "no memory, or no random numbers";
	void *memory;
	struct tls_kit *kit;
	int count = 1;

	if (host.len >= sizeof name)
		return "the name is too long";
	memcpy(name, host.at, host.len);
	name[host.len] = 0;
	server.literal = net_read(&addresses[0], host);
	addresses[0].port = port;
	if (!server.literal)
		count = platform_resolve(name, port, addresses, GW_ADDRESSES, &why);
	kit = count ? open_kit(&memory) : NULL;
	if (!kit)
		return why;
	for (int i = 0; i < count && why; i++)
		why = ask(kit, &addresses[i], &server, pin);
	free(memory);
	return why;
}

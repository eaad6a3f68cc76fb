/* SPDX-License-Identifier: MIT
 *
 * share_parts - what the files of share ask of each other
 */
#ifndef SHARE_PARTS_H
#define SHARE_PARTS_H

#include "share.h"

/* Both steps can be undone, so two networks never have the same key; the seed
 * keeps strangers from choosing which places they share. */
uint64_t share_mix(uint64_t x, uint64_t seed);
/* Has it an address that says who it is? Who comes over a Unix socket has none. */
bool share_is_counted(const struct net *client);
/* Of an IPv4 address, or of an IPv6 /64, under this rule; never 0. */
uint64_t share_key(const struct share *s, const struct net *client, uint16_t rule);

/* What of a key stands in a table whose groups are chosen by its lower half. */
static inline uint32_t share_tag(uint64_t key)
{
	uint32_t tag = (uint32_t)(key >> 32);

	return tag ? tag : 1;
}

#endif

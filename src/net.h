/* SPDX-License-Identifier: MIT
 *
 * net - which address is it, and is it in this network?
 *
 * Addresses as values, without system headers; platform turns them into
 * sockaddrs. An IPv4-mapped IPv6 address is always kept as IPv4.
 */
#ifndef NET_H
#define NET_H

#include "text.h"

enum net_family { NET_NONE, NET_IP4, NET_IP6, NET_UNIX };

struct net {
	uint8_t family; /* enum net_family */
	uint8_t bits;   /* of a network: prefix length; of an address: 32 or 128 */
	uint16_t port;  /* host order */
	uint32_t scope; /* IPv6 zone index, 0: none */
	uint8_t ip[16]; /* network order; IPv4 in the first four */
};

#define NET_TEXT 46 /* longest text of an address without port */

/* "192.168.1.2", "fd00::1"; false for anything else (no names, no brackets, no zone). */
bool net_read(struct net *n, struct span text);
/* The same with an optional "/bits"; bits behind the prefix are cleared. */
bool net_read_network(struct net *n, struct span text);
/* The address alone; IPv6 in the form of RFC 5952. "unix", "unknown" for the
 * families without one. */
void net_write(struct text *t, const struct net *n);
/* Also the port; IPv6 in brackets. */
void net_write_port(struct text *t, const struct net *n);
/* Makes an IPv4-mapped IPv6 address or network IPv4; anything else stays. False
 * for a network that holds more than mapped addresses. */
bool net_unmap(struct net *n);
bool net_in(const struct net *address, const struct net *network);
/* Networks in the order that net_in_any wants; those that lie in another one are
 * left out. How many are left. */
size_t net_sort(struct net *networks, size_t count);
/* In one of them? They are as net_sort left them, and may be very many. */
bool net_in_any(const struct net *address, const struct net *networks, size_t count);
/* Same family, address and zone; ports do not count. */
bool net_same(const struct net *a, const struct net *b);

#endif

/* SPDX-License-Identifier: MIT
 *
 * proxy - what does a PROXY protocol header say? (haproxy's proxy-protocol.txt,
 * version 1 and 2)
 */
#ifndef PROXY_H
#define PROXY_H

#include "net.h"
#include "text.h"

#define PROXY_MOST 2048 /* bytes of the longest header that is taken */

/* Reads a header of either version at the start of these bytes.
 * > 0: its length; *from is set, family NET_NONE for LOCAL, UNKNOWN and UNSPEC
 *   0: more bytes are needed, never more than PROXY_MOST in all
 *  -1: this is no PROXY header, or one for datagrams */
int proxy_read(const char *at, size_t len, struct net *from);

/* Writes one: version 1 or 2. Mixed families are written as IPv6. Without an
 * IP address of the client it says UNKNOWN (2: UNSPEC); without one of ours, zeros. */
void proxy_write(struct text *t, int version, const struct net *from, const struct net *to);

#endif

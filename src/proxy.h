/* SPDX-License-Identifier: MIT
 *
 * proxy - what does a PROXY protocol header say? (haproxy's proxy-protocol.txt,
 * version 1 and 2)
 */
#ifndef PROXY_H
#define PROXY_H

#include "net.h"
#include "text.h"

/* Reads a header of either version at the start of these bytes.
 * > 0: its length; *from is set, family NET_NONE for LOCAL and UNKNOWN
 *   0: more bytes are needed
 *  -1: this is no PROXY header */
int proxy_read(const char *at, size_t len, struct net *from);

/* Writes one: version 1 or 2. Mixed families are written as IPv6. */
void proxy_write(struct text *t, int version, const struct net *from, const struct net *to);

#endif

/* SPDX-License-Identifier: MIT
 *
 * option - what holds for a route, after gateway, site and route have spoken?
 */
#ifndef CONFIG_OPTION_H
#define CONFIG_OPTION_H

#include "config.h"
#include "config_tls.h"

/* Before anybody has spoken. */
struct options option_standard(void);
/* What `own` says goes over what `outer` says. Called once for each level, so
 * that its faults are told once. */
struct options option_inherit(struct faults *f, const struct options *outer, const struct level *own);
/* The same for https servers. A `ca` of its own is to be checked against, whatever
 * `verify` said further out; and a certificate has its key beside it. */
struct tls_wish option_wish(struct faults *f, const struct tls_wish *outer, const struct level *own);
/* "192.168.0.0/16, fd00::/8": how many; they are written to `to` unless it is NULL,
 * and faults are told only then. */
size_t option_networks(struct faults *f, int line, struct span list, struct net *to);
/* All networks of a key, behind the first `before` that stand in the row already;
 * without any the row stays as it is. */
void option_network_rows(struct faults *f, const struct level *own, enum key_id id, const struct net **at, size_t *count, size_t before);

#endif

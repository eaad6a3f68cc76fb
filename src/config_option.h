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
struct options option_inherit(struct draft *d, const struct options *outer, const struct level *own);
/* Takes away from what clients send all fields by which `own` lets servers hear of users
 * (user_header, copy), but Authorization: that is often a login of the server's own. */
void option_hide(struct faults *f, struct options *o, const struct level *own);
/* Answers of a route that not everybody may see are for no cache that many share,
 * unless `header` says something else of Cache-Control. */
void option_keep_private(struct faults *f, int line, struct options *o);
/* The same for https servers. A `ca` of its own is to be checked against, whatever
 * `verify` said further out; and a certificate has its key beside it. */
struct tls_wish option_wish(struct faults *f, const struct tls_wish *outer, const struct level *own);

#endif

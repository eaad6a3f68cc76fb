/* SPDX-License-Identifier: MIT
 *
 * tls - which certificates, keys and authorities do the files hold that this
 * configuration names?
 */
#ifndef CONFIG_TLS_H
#define CONFIG_TLS_H

#include "config_draft.h"

/* What a route said about its https servers: settings, NULL where nothing was said.
 * client_key is the one said beside client_cert. */
struct tls_wish {
	const struct setting *verify, *verify_name, *ca, *client_cert, *client_key;
};

/* For one route's https target. NULL after a fault. Equal wishes for equal names
 * give the same pointer. */
const struct tls_server *tls_build_server(struct draft *d, const struct tls_wish *wish, const struct server *s);
/* After sites, routes and listeners are built (site.secure is set): loads what the
 * sites' cert, key and client_ca name; sites that answer on TLS and name none get
 * the path of one of their own. */
void tls_build_sites(struct draft *d, struct config *c);

#endif

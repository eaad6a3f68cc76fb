/* SPDX-License-Identifier: MIT
 *
 * auth - who may pass, after gateway, site and route have spoken?
 */
#ifndef CONFIG_AUTH_H
#define CONFIG_AUTH_H

#include "config_tls.h"

/* What has been said down to some level. With neither users nor ask it waits for an
 * `auth` further in, and nobody is asked. */
struct auth_said {
	struct auth auth;
	bool lost; /* whom `auth` means was a fault: what goes with it is none */
};

struct auth_said auth_standard(void);
/* What `own` says goes over what `said` holds. wish: the level's, for an https server
 * that is asked. leaf: no level is further in, so that what is said must mean
 * something here. Sets o->auth; called once for each level. */
void auth_inherit(struct draft *d, struct config *c, struct auth_said *said, const struct level *own, const struct tls_wish *wish, bool leaf,
		  struct options *o);
/* Is it an `auth` that asks a server? */
bool auth_asks(struct span value);
/* After its routes are built: users, form, guarded. True: some route asks who it is. */
bool auth_mark_site(struct arena *a, struct site *site);

#endif

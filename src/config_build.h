/* SPDX-License-Identifier: MIT
 *
 * build - what follows from a draft?
 */
#ifndef CONFIG_BUILD_H
#define CONFIG_BUILD_H

#include "config_draft.h"

/* Only to be used when no fault was found. */
struct config *build_config(struct draft *d);

/* --- build's own parts ------------------------------------------------- */

/* A target while its group is put together. */
struct build_target {
	struct server server; /* not yet merged with its equals, and without tls */
	bool https;
	struct target target;
	struct build_target *next;
};

/* A route while it is put together from one line or several. */
struct build_route {
	struct draft_site *site;
	struct route route; /* what is known of it by now */
	struct level level;
	struct span to; /* what it leads to, as written; empty: nothing yet */
	int to_line;
	bool bad; /* some word of it was a fault: that it leads nowhere is none */
	struct build_target *targets;
	struct build_target **end;
	struct build_route *next;
};

/* Routes of all sites in the order of the file; drafts for the same path under
 * the same conditions are one. */
struct build_route *build_routes(struct draft *d);

/* The server of the configuration that is this one. There is room for all that routes
 * lead to and that an `auth` asks. */
const struct server *build_server(struct config *c, const struct server *s);

/* The sockets, and which of the config's sites (their drafts are in the same
 * order) answers on which. */
void build_listeners(struct draft *d, struct config *c);

#endif

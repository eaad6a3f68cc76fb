/* SPDX-License-Identifier: MIT
 *
 * route - which site and route does a request belong to, and may it pass?
 */
#ifndef ROUTE_H
#define ROUTE_H

#include "config.h"
#include "path.h"

struct asked {
	const struct head *head;
	const struct path *path; /* its target taken apart, normalised */
	struct span host;        /* without port, as it came */
	const struct net *client;
};

/* NULL: no site of this listener answers to the name (421). */
const struct site *route_site(const struct listener *l, struct span host);

/* NULL: no route (404). *slash: the path is a route's prefix but for the final
 * slash; the answer is a redirect to path + "/". */
const struct route *route_find(const struct site *s, const struct asked *a, bool *slash);

/* Is it the path of an ACME challenge (RFC 8555 8.3)? Then *token is the name of
 * its file, or empty when it cannot be one. To be asked with a normalised path. */
bool route_is_challenge(struct span path, struct span *token);

/* "https://host[:port]/path?query"; host without port, IPv6 with its brackets. */
void route_https(struct text *out, struct span host, unsigned port, struct span path, struct span query);

/* allow and deny of the route itself. */
bool route_permits(const struct route *r, const struct net *client);

/* Whom a request has to satisfy: what the route asks for, and what every route asks
 * for that another reading of the path falls under. Who is exempt by open_to is
 * not in it. */
enum { ROUTE_GUARDS = 4 };
struct guards {
	const struct auth *at[ROUTE_GUARDS]; /* each once */
	size_t count;
};

/* allow and deny of the route, and of every route that another reading of the
 * path falls under (DESIGN.md 6). Also false when there are too many guards. */
bool route_allows(const struct route *r, const struct asked *a, struct guards *guards);

/* One line a step, for `gateway explain`. */
void route_explain(const struct listener *l, const struct asked *a, struct text *out);

#endif

/* SPDX-License-Identifier: MIT
 *
 * route_parts - what the files of route ask of each other
 */
#ifndef ROUTE_PARTS_H
#define ROUTE_PARTS_H

#include "route.h"

enum route_cover { COVER_NONE, COVER_SLASH /* but for the final slash */, COVER_FULL };
enum route_cover route_cover(const struct route *r, struct span path);
/* The first condition that does not hold, or NULL. */
const struct when *route_obstacle(const struct route *r, const struct asked *a);
/* The route of this reading of the path. */
const struct route *route_of(const struct site *s, const struct asked *a, struct span path, enum route_cover *how);
/* Has the path other readings, and do they matter? */
bool route_has_readings(const struct route *r, const struct asked *a);
/* One more to satisfy, unless it is among them or everybody may pass from there.
 * False: they are too many. */
bool route_add_guard(struct guards *g, const struct auth *auth, const struct net *client);
/* The first other reading of the path that falls under a route which does not
 * permit this client: that route; or that leads out of the route's own prefix:
 * the route itself. A path with more readings than we can hold is refused as if
 * it were one. NULL: there is none; then the guards of all are in *g. */
const struct route *route_forbidden(const struct route *r, const struct asked *a, struct guards *g, struct text *room, struct span *reading);

#endif

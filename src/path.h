/* SPDX-License-Identifier: MIT
 *
 * path - which path does a request target mean, and what else might a backend
 * read in it? (RFC 3986 5.2.4, 6.2.2; DESIGN.md 6)
 */
#ifndef PATH_H
#define PATH_H

#include "refusal.h"
#include "text.h"

struct path {
	struct span host;  /* authority of an absolute-form target, else empty */
	struct span path;  /* normalised; begins with '/', or is "*" */
	struct span query; /* with its '?', or empty */
	bool secure;       /* absolute-form with https: */
	bool plain;        /* path holds no % \ ; or double slash: one reading only */
};

/* Takes a target apart. Percent-encoded unreserved characters are decoded, hex
 * digits made upper case, dot segments resolved; all that in `room`, of which it
 * needs as much as the path is long (room->len is left where it was when nothing
 * had to change: then path points into the target, which is the common case).
 * 400: a path that escapes the root, %00 (also as %2500) or another control byte,
 * a fragment, a bad percent-encoding, neither origin-, absolute- nor (with
 * is_options) asterisk-form, or a path that can be read in so many ways that
 * trying all is an attack on our time. 414: no room. */
const struct refusal *path_read(struct path *p, struct span target, bool is_options, struct text *room);

/* The readings of a normalised path that a backend might have: %2F, %5C and \ as
 * a slash, // as one or as the start of an authority, ;params dropped, decoded
 * once more, twice, cut at a "..", and all of these together. Number 0 is the
 * path itself; false when `number` is past the last one. Each one is in normal
 * form. A reading that escapes the root is held at the root. It is made behind
 * room->len, which stays; path.len bytes must be free there, or room->full is
 * set and the answer is false. */
bool path_reading(struct span path, unsigned number, struct text *room, struct span *reading);

/* Is `prefix` (ends with '/') a prefix of path by whole segments? "/nas/"
 * covers "/nas/x" and "/nas/", not "/nas" and not "/nasty". */
bool path_under(struct span path, struct span prefix);

/* A Host value or authority: name, IPv4 or [IPv6], then optionally ":port".
 * *name is without port and without a final dot, IPv6 with its brackets; *port
 * is 0 when there is none; false if it is neither. */
bool path_host(struct span value, struct span *name, unsigned *port);

#endif

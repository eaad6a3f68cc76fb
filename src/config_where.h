/* SPDX-License-Identifier: MIT
 *
 * where - which server, socket or path does this word name?
 */
#ifndef CONFIG_WHERE_H
#define CONFIG_WHERE_H

#include "config.h"
#include "config_fault.h"

enum { UNIX_PATH = 103 }; /* longest path of a Unix socket that every system takes */

/* All of them: false after a fault. What they make is in the arena. */

/* "http://HOST[:PORT][/PATH]", "https://..." or "unix:/SOCKET[:/PATH]". Server without
 * number, proxy and tls; base is empty when there is no path. */
bool where_target(struct faults *f, int line, struct span word, struct server *server, struct span *base);
/* ":80", "192.168.1.1:80", "[::1]:80" or "unix:/run/a.sock": text, address, path and both. */
bool where_listen(struct faults *f, int line, struct span word, struct listener *l);
/* What may stand behind it: "tls", "redirect", "proxy". False: that is no such word. */
bool where_listen_word(struct span word, struct listener *l);
/* The nearest of them; NULL: none is near. */
const char *where_listen_hint(struct span word);
/* The path of a route or of a target's URL, normalised as requests' paths are;
 * bytes outside of ASCII are percent-encoded. Only what can be read in one way. */
bool where_path(struct faults *f, int line, struct span word, struct span *path);
/* A name that a site answers to, lower case: "home.example.org", "*.example.org", "*". */
bool where_host(struct faults *f, int line, struct span word, struct span *host);
/* Where a redirect leads: an http(s) URL or a path on the same site. */
bool where_redirect(struct faults *f, int line, struct span word, struct span *location);

/* One server under two spellings? */
bool where_same_server(const struct server *a, const struct server *b);
/* One socket? */
bool where_same_listen(const struct listener *a, const struct listener *b);
/* Would one socket take what the other one asks for? */
bool where_overlap(const struct listener *a, const struct listener *b);

#endif

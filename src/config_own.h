/* SPDX-License-Identifier: MIT
 *
 * own - which certificates has gateway made for itself?
 */
#ifndef CONFIG_OWN_H
#define CONFIG_OWN_H

#include "config.h"
#include "config_arena.h"

/* Room for the PEM text of a site's own certificate and its key. */
size_t own_size(const struct site *site);
/* Takes what is in the site's own file, if that is a certificate with its key, for
 * all its hosts, and lasts until then. */
bool own_load(struct arena *a, struct site *site, int64_t until);

enum { OWN_REST = 30 * 86400 /* seconds that it must last to be used again */ };

#endif

/* SPDX-License-Identifier: MIT
 *
 * network - which networks does a list name, in its line and in files?
 */
#ifndef CONFIG_NETWORK_H
#define CONFIG_NETWORK_H

#include "config_draft.h"

/* "192.168.0.0/16, fd00::/8 ./others.txt": how many. They are written to `to` unless
 * it is NULL. A word that begins with '/' or './' is a file with one network a
 * line. Faults of words are told with `to`, those of files without. */
size_t network_list(struct draft *d, int line, struct span list, struct net *to);
/* All networks of a key, behind the first `before` that stand in the row already, as
 * net_sort leaves them. Where the key is not said the row stays as it is. */
void network_rows(struct draft *d, const struct level *own, enum key_id id, const struct net **at, size_t *count, size_t before);

#endif

/* SPDX-License-Identifier: MIT
 *
 * limit - how much may one client ask for?
 */
#ifndef CONFIG_LIMIT_H
#define CONFIG_LIMIT_H

#include "config_draft.h"

/* limit, connections, max_body and bandwidth, as `own` says; what it does not say stays. */
void limit_inherit(struct draft *d, struct options *o, const struct level *own);

#endif

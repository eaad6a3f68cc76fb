/* SPDX-License-Identifier: MIT
 *
 * print - the parts of what `gateway check` prints
 */
#ifndef CONFIG_PRINT_H
#define CONFIG_PRINT_H

#include "config.h"

/* Who shows what, and how long still; nothing when no site answers on TLS. */
void print_certs(const struct config *c, struct text *out);

#endif

/* SPDX-License-Identifier: MIT
 *
 * link_tls - how do bytes get through TLS?
 *
 * What link.c asks of link_tls.c, and the other way round.
 */
#ifndef LINK_TLS_H
#define LINK_TLS_H

#include "link.h"

/* As link_fill and link_write, for an open link with TLS; all: bytes of all pieces. */
size_t link_tls_fill(struct link *l, struct buf *b);
size_t link_tls_write(struct link *l, const struct piece *pieces, int count, size_t all);
/* Says close_notify as far as that goes without waiting; the rest is plain. */
void link_tls_end(struct link *l);

/* link.c: keeps why the last call of platform failed. */
void link_fail(struct link *l);
/* A read brought no byte: nothing is there now, or the end, or a failure. */
void link_read_nothing(struct link *l, long got);

#endif

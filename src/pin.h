/* SPDX-License-Identifier: MIT
 *
 * pin - which key does this server show?
 */
#ifndef PIN_H
#define PIN_H

#include "net.h"

/* Shakes hands with the server and takes the SHA-256 of its public key: what
 * verify=pin:sha256:... compares (RFC 7469 2.4). host: a name or an address, a
 * literal IPv6 one without brackets. Waits, ten seconds at most for each address
 * that the name has. NULL, or why there is none. */
const char *pin_of(unsigned char pin[32], struct span host, uint16_t port);

#endif

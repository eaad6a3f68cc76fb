/* SPDX-License-Identifier: MIT
 *
 * check - what every fuzz target needs: its name, and a way to object.
 */
#ifndef CHECK_H
#define CHECK_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

#define CHECK(what) ((what) ? (void)0 : (fprintf(stderr, "%s: not true: %s\n", __FILE__, #what), abort()))

#endif

/* SPDX-License-Identifier: MIT
 *
 * lines - which sections, keys and values stand in this file?
 */
#ifndef CONFIG_LINES_H
#define CONFIG_LINES_H

#include "config_fault.h"

enum line_kind {
	LINE_SECTION, /* name: what stands between the brackets; {NULL, 0}: that was a fault */
	LINE_KEY,     /* name and value */
	LINE_MORE,    /* value: an indented line that goes on with the key above */
	LINE_LOST     /* it was a fault */
};

struct line {
	uint8_t kind; /* enum line_kind */
	int number;
	struct span name, value; /* only for the duration of the call */
};

typedef void line_take(void *user, const struct line *l);

/* Hands over the lines of a file, in order. What is no line at all becomes a
 * fault, and the next one is read. */
void lines_read(struct faults *f, struct span text, line_take *take, void *user);

#endif

/* SPDX-License-Identifier: MIT
 *
 * word - what does a value say: which words, how long, how much, how many?
 */
#ifndef CONFIG_WORD_H
#define CONFIG_WORD_H

#include "config_fault.h"

/* The next word of a value: words end at blanks outside of double quotes, the
 * quotes go; inside them \" \\ \n \t stand for a byte. False at the end, and
 * after a fault. */
bool word_next(struct faults *f, int line, struct span *rest, struct span *word);
/* The next member of a list whose members end at blanks or commas. */
bool word_item(struct span *rest, struct span *item);

/* False: not such a thing; the caller knows how to say so. */
bool word_time(struct span s, int64_t *ms);   /* "500ms", "10s", "5m", "1h", "2d", "2w", "1y" (of 365 days) */
bool word_size(struct span s, int64_t *bytes); /* "9000", "64k", "4M", "1G" */
bool word_number(struct span s, int64_t *value);
bool word_flag(struct span s, int64_t *value); /* "on" or "off" */

/* How far is a from b? Letters added, left out, changed, or exchanged with
 * their neighbour. */
unsigned word_distance(struct span a, struct span b);
/* Is a slip of the finger enough to get from one to the other? */
bool word_is_near(unsigned distance, struct span word);

#endif

/* SPDX-License-Identifier: MIT
 *
 * verify - is this the right password, as far as we know by now?
 *
 * One worker's view. What was right, and what was wrong, is kept as a keyed hash for
 * a while, so that a page of a hundred requests costs one look. What is not known
 * is asked of the password process, the same thing once however many wait for it.
 */
#ifndef VERIFY_H
#define VERIFY_H

#include "offload.h"
#include "session.h"

enum {
	VERIFY_RIGHT_KEPT = 64,  /* the oldest gives way */
	VERIFY_WRONG_KEPT = 32,
	VERIFY_JOBS = 16,        /* asked at a time */
	VERIFY_MS = 20000        /* an answer that takes longer is not waited for */
};

enum verdict {
	VERIFY_RIGHT,
	VERIFY_WRONG,
	VERIFY_ASKED,   /* the answer is on its way */
	VERIFY_UNKNOWN  /* it has not been asked, or not been answered in time, or could not be computed */
};

struct verify_tag {
	unsigned char bytes[SESSION_TAG];
};

struct verify_job {
	struct verify_tag tag;
	uint32_t id;
	int64_t until; /* given up then, monotonic ms; 0: free */
};

struct verify {
	int passwords; /* descriptor; -1: nobody to ask */
	uint32_t id;   /* of the last job */
	uint32_t right_count, wrong_count; /* that went into the rings so far */
	unsigned char key[SESSION_KEY];
	struct verify_tag right[VERIFY_RIGHT_KEPT], wrong[VERIFY_WRONG_KEPT]; /* rings */
	struct verify_job jobs[VERIFY_JOBS];
};

/* False: there are no random numbers to make the key of. */
bool verify_init(struct verify *v, int passwords);
/* What stands for this name with this password against this hash, and for nothing else. */
void verify_tag(const struct verify *v, struct verify_tag *tag, struct span name, struct span hash, struct span password);
enum verdict verify_look(const struct verify *v, const struct verify_tag *tag, int64_t now);
/* May one more job be asked, and so many places stay free? */
bool verify_has_place(const struct verify *v, unsigned spare, int64_t now);
/* False: the process has enough to do, or does not listen. */
bool verify_ask(struct verify *v, const struct verify_tag *tag, struct span hash, struct span password, int64_t now);
/* Takes answers in. True: there were some. */
bool verify_answered(struct verify *v);

#endif

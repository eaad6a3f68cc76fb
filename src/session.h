/* SPDX-License-Identifier: MIT
 *
 * session - whose session does this cookie prove?
 *
 * A session is what its cookie says: a user's name, when it began, and a keyed
 * hash (HMAC-SHA-256) over these and over all that must still be as it was then.
 * Nothing is stored, so nothing runs full.
 */
#ifndef SESSION_H
#define SESSION_H

#include "text.h"

#define SESSION_LATEST (INT64_C(1) << 40) /* no session begins later: what lasts is added without asking */

enum {
	SESSION_KEY = 32,
	SESSION_TAG = 16,  /* bytes of a keyed hash, as far as we keep it */
	SESSION_NAME = 128, /* longest user name */
	SESSION_TEXT = (4 * (1 + 8 + SESSION_NAME + SESSION_TAG) + 2) / 3 /* longest value of a cookie */
};

/* What a session is bound to: with any of these changed it is over. */
struct session_bond {
	const unsigned char *key; /* SESSION_KEY bytes */
	struct span place;        /* where it holds: the site's label */
	struct span cookie;       /* the name of its cookie */
	struct span hash;         /* of the user's password */
	uint64_t logouts;         /* of this user, so far */
};

/* What a cookie claims; nothing of it is proven yet. */
struct session {
	int64_t since;            /* it began, seconds since 1970: 0 to SESSION_LATEST */
	size_t name_len;
	char name[SESSION_NAME];
	unsigned char tag[SESSION_TAG];
};

/* base64url without padding. */
void session_write(struct text *out, const struct session_bond *b, struct span name, int64_t since);
/* False: that is no value of ours. */
bool session_read(struct session *s, struct span value);
/* Is it proven? Compared in constant time. How long a session lasts is the caller's. */
bool session_holds(const struct session *s, const struct session_bond *b);

/* A keyed hash of several byte strings, each with its length, for tables that must
 * not hold what is hashed. */
void session_tag(unsigned char tag[SESSION_TAG], const unsigned char key[SESSION_KEY], const struct span *parts, size_t count);
/* In constant time. */
bool session_same_tag(const unsigned char a[SESSION_TAG], const unsigned char b[SESSION_TAG]);

#endif

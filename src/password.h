/* SPDX-License-Identifier: MIT
 *
 * password - is this the password that this hash was made of?
 *
 * SHA-256-crypt ($5$), SHA-512-crypt ($6$), Apache's $apr1$ and the older $1$ in
 * every build; bcrypt, yescrypt and scrypt where the build has a crypt(3) that knows
 * them.
 * All of it takes long, on purpose: never to be called where others wait.
 */
#ifndef PASSWORD_H
#define PASSWORD_H

#include "text.h"

enum {
	PASSWORD_MOST = 255, /* bytes of a password; a longer one, or one with a zero byte in it, is wrong */
	PASSWORD_HASH = 192  /* bytes of a hash and its final zero */
};

/* NULL: a hash that this build can check. Else why not, static text in words that
 * can follow a colon and say what to do: "is no hash but plain text: 'gateway passwd
 * USER' makes a line with one", "is bcrypt, which this build ...". Also for one that
 * would take minutes ($5$rounds=999999999). */
const char *password_refuse(struct span hash);

/* Compared in constant time; what the password was is wiped from our memory. A
 * hash that password_refuse refuses has no password, and bcrypt none of more than
 * 72 bytes, which is all that it looks at. */
enum password_answer {
	PASSWORD_WRONG,
	PASSWORD_RIGHT,
	PASSWORD_FAILED /* crypt(3) made nothing of it: there is not enough memory, most likely */
};
enum password_answer password_look(struct span hash, struct span password);
static inline bool password_is(struct span hash, struct span password)
{
	return password_look(hash, password) == PASSWORD_RIGHT;
}
/* Bytes that a look at this hash takes for a moment; 0: next to nothing, as all but
 * yescrypt and scrypt do. */
uint64_t password_memory(struct span hash);

/* A hash of the strongest scheme that this build has and that looks at all of this
 * password. salt: random bytes. False:
 * the password is empty, too long or has a zero byte, or the library failed. */
bool password_make(struct text *hash, struct span password, const unsigned char salt[16]);

#endif

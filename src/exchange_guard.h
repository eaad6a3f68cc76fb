/* SPDX-License-Identifier: MIT
 *
 * exchange_guard - what the files that find out who sends a request ask of each other
 *
 * r.guard has been begun, and says whose credentials count.
 */
#ifndef EXCHANGE_GUARD_H
#define EXCHANGE_GUARD_H

#include "exchange_parts.h"
#include "auth.h"

/* exchange_session.c */
/* May this user pass, as far as `require` goes? */
bool guard_satisfies(const struct guard *g, const struct user *user);
/* The user of a session that the request shows a cookie of, and that may pass; NULL. */
const struct user *guard_session(const struct exchange *x);
/* g->user has logged in: the answer brings the cookie. */
void guard_begin_session(struct exchange *x);

/* exchange_look.c */
enum looked {
	LOOKED_RIGHT,
	LOOKED_WRONG,  /* not to be told before g->until */
	LOOKED_WAITS,  /* the state is EXCHANGE_VERIFY */
	LOOKED_BARRED, /* too many have failed */
	LOOKED_FULL,   /* there is no place to ask the password process */
	LOOKED_LATE    /* it has not answered in time */
};
/* Are g->name and g->password right? user: who has that name, or NULL, which takes as
 * long. The password is wiped. */
enum looked guard_look(struct exchange *x, const struct user *user);
/* The same once more, while EXCHANGE_VERIFY lasts. */
enum looked guard_look_again(struct exchange *x, const struct user *user);
struct share_login guard_login(const struct exchange *x);

/* exchange_challenge.c */
/* Who may not pass is told so: nobody has logged in; nobody is who he says he is
 * (a line in the error log); it is somebody else; it has been tried too often (another). */
void guard_say_nobody(struct exchange *x);
void guard_say_wrong(struct exchange *x);
void guard_say_forbidden(struct exchange *x);
void guard_say_too_many(struct exchange *x);

#endif

/* SPDX-License-Identifier: MIT
 *
 * auth - what does a request say about who sends it, and what may it be answered?
 *
 * Credentials (RFC 7617), cookies (RFC 6265), the form of the login page, and
 * what browsers say about where a request comes from. Looks at bytes only: it
 * proves nothing and decides about nobody.
 */
#ifndef AUTH_H
#define AUTH_H

#include "head.h"
#include "text.h"

/* The user-id and the password of "Basic ..." credentials, decoded into room.
 * False: another scheme, or not well-formed (bad base64, no colon, control bytes
 * in the name). */
struct auth_basic {
	struct span name, password; /* in room */
};
bool auth_basic(struct auth_basic *b, struct span credentials, struct text *room);
/* NULL: a user may have this name. Else why not, in words that follow it. */
const char *auth_refuse_name(struct span name);

/* Gateway's own places on each site where people log in by its page. */
#define PAGE_LOGIN "/.gateway/login"   /* takes the form */
#define PAGE_LOGOUT "/.gateway/logout" /* ends the session on this device */

/* The next cookie of this name, over all Cookie fields, quotes taken off the value
 * (RFC 6265 4.1.1). *at is 0 at first, and then where to look for the next one, so
 * that a thousand of them are one pass. False: no further one. */
bool auth_cookie(const struct head *h, struct span name, unsigned *at, struct span *value);

/* All cookies of our own begin so, the second where TLS carries them. */
#define AUTH_COOKIE "gateway-login-"
#define AUTH_COOKIE_SECURE "__Host-gateway-login-"
bool auth_is_own_cookie(struct span name);
/* A Cookie field's value without our own cookies. False: nothing is left of it. */
bool auth_strip_cookies(struct text *out, struct span pairs);
/* Is there one of ours among them? */
bool auth_has_own_cookie(struct span pairs);

/* Does a person look at the answer? A browser's navigation does (Sec-Fetch-Mode, where
 * it is sent, is navigate), if it accepts text/html by name. */
bool auth_is_navigation(const struct head *h);
/* Is it a request of a browser that says so (Sec-Fetch-Mode is there)? */
bool auth_is_fetch(const struct head *h);
/* May this POST have come from a page of another origin? By Sec-Fetch-Site, else
 * Origin, else Referer, against the scheme and host that it was sent to. Without
 * any of these it is no browser's. */
bool auth_is_foreign(const struct head *h, struct span scheme, struct span host);

/* A field of an application/x-www-form-urlencoded body, decoded into room ("+" is a
 * blank, %XX a byte). False: it is not there, is there twice, or does not fit. */
bool auth_form(struct span body, struct span name, struct text *room, struct span *value);

/* A place on this site that a browser may be sent to: one slash at the start and no
 * other or '\' behind it, no control bytes, no blanks, visible ASCII only. */
bool auth_is_local(struct span to);

#endif

/* SPDX-License-Identifier: MIT
 *
 * page - what does gateway itself answer?
 *
 * Small pages for people, when there is no one else to ask: errors, redirects,
 * replies from the configuration.
 */
#ifndef PAGE_H
#define PAGE_H

#include "config.h"

/* What the login page says, in less than 4 KB. */
struct login_page {
	struct span site;  /* whose it is, for the visitor: the host; shown as text */
	struct span to;    /* where it goes on to: a path and query of this site */
	struct span name;  /* of the user, when one was given already; empty */
	const char *wrong; /* a sentence: what went wrong; NULL: nothing yet */
	bool out;          /* it asks whether to log out instead */
};

struct page {
	int status;
	const char *sentence; /* for the visitor, instead of the one for this status; NULL */
	struct span location; /* of a redirect; empty: none */
	struct span link;     /* shown on the page like a location, but nobody is sent there; empty: none */
	struct span allow;    /* Allow of a 405 or an answer to OPTIONS; empty: none */
	struct span type, text; /* of a reply; without type: the page for this status */
	const struct edits *edits; /* or NULL */
	struct span fields;   /* further ones, ready to send: "Name: value CRLF"... */
	const struct login_page *login; /* the page asks to log in; NULL: it does not */
	struct span hsts;     /* Strict-Transport-Security; empty: not said */
	struct span id;       /* of the request; the visitor may quote it */
	struct span date;
	bool close;           /* the connection ends after it */
	bool head_only;       /* it answers HEAD */
};

/* Composes the head, and behind it the page. The body is that page, or the text
 * of a configured reply, which is not copied. */
void page_write(struct text *out, const struct page *p, struct span *head, struct span *body);

/* The login page itself (page_login.c). */
void page_login(struct text *out, const struct login_page *l);
/* Fields that it is to be sent with: Content-Security-Policy and such. */
extern const struct span page_login_fields;

/* The standard reason phrase, "" for a status without one. */
const char *page_reason(int status);

/* The target of a redirect route for this request. */
void page_location(struct text *out, const struct route *r, struct span path, struct span query);

#endif

/* SPDX-License-Identifier: MIT
 *
 * pem - where are the objects of a PEM text, and which bytes do they hold?
 * (RFC 7468; header lines as in RFC 1421)
 */
#ifndef CREDENTIAL_PEM_H
#define CREDENTIAL_PEM_H

#include "span.h"

struct pem {
	struct span kind;  /* "CERTIFICATE" */
	struct span body;  /* the lines between BEGIN and END */
	bool encrypted;    /* by a header line, as old keys are */
};

/* Cuts the next object off *text; what stands between objects is passed over.
 * False: there is no more (*why is NULL then), or the last one is broken off. */
bool pem_find(struct span *text, struct pem *object, const char **why);
/* Its bytes to room; NULL, or why not. */
const char *pem_decode(const struct pem *object, unsigned char *room, size_t size, size_t *len);
/* Why there is nothing in a text without an object; otherwise if nobody knows. */
const char *pem_nothing(struct span text, const char *otherwise);

#endif

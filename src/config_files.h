/* SPDX-License-Identifier: MIT
 *
 * files - what is in the files that a configuration names?
 */
#ifndef CONFIG_FILES_H
#define CONFIG_FILES_H

#include "config_draft.h"

/* A file of certificates and keys, read once however often it is named. */
struct file {
	const char *path;
	uint64_t stamp;   /* before it was read: a change after that is seen as one */
	const char *why;  /* "cannot be read: ..."; NULL: it is of use */
	struct span text; /* of one that may hold a key */
	const struct trust *trust; /* of one that holds authorities */
	const struct net *networks; /* of one that holds networks; config_network's, which asks for it once */
	size_t network_count;
	unsigned char hash[32];    /* of its text, then */
	struct file *next;
};

/* A certificate tried with a key. */
struct pair {
	const struct file *cert, *key; /* both have been read */
	const struct credential *credential; /* NULL: they are no pair */
	const char *why;               /* then: "does not belong to the certificate" */
	enum credential_side side;     /* then: which of the two it is about */
	struct pair *next;
};

/* For certificates with their chain, and for keys: at most 64 KB. */
const struct file *files_small(struct draft *d, const char *path);
/* For certification authorities: at most 1 MB. */
const struct file *files_bundle(struct draft *d, const char *path);
/* Read line by line, at most 1 MB. The text is there until the next file is read, and
 * empty if this one has been read before. */
struct file *files_lines(struct draft *d, struct span path, struct span *text);
/* It is read elsewhere, and may not be there yet: only its changes are to be seen. */
void files_watch(struct draft *d, const char *path);
/* The authorities that this system knows; NULL: no file with some is where systems have it. */
const struct file *files_system(struct draft *d);
#define FILES_SYSTEM "/etc/ssl/certs/ca-certificates.crt, /etc/ssl/cert.pem, /etc/pki/tls/certs/ca-bundle.crt"

const struct pair *files_pair(struct draft *d, const struct file *cert, const struct file *key);

/* The list that config_tls_server keeps with the files. */
struct tls_made;
struct tls_made **files_servers(struct draft *d);

/* All that have been asked for, each once, in c->files and c->stamps. */
void files_list(struct draft *d, struct config *c);

/* In the arena: what credential_read and trust_read take. */
struct credential_memory files_memory(struct arena *a);

/* The time for certificates: now, but never before this program was made. */
int64_t files_clock(void);

/* A host of a site as it stands in certificates: IPv6 without its brackets. */
struct span files_bare(struct span host);
/* Is it for this host of a site, which may be a wildcard or "*"? */
bool files_is_for(const struct cert *cert, struct span host);

#endif

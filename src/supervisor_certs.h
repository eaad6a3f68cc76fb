/* SPDX-License-Identifier: MIT
 *
 * supervisor_certs - what becomes of certificates while they are in use?
 *
 * Their files change and their days run out. Files of users and networks are
 * watched with theirs. Where there is neither a file nor a certificate, nothing
 * is ever due.
 */
#ifndef SUPERVISOR_CERTS_H
#define SUPERVISOR_CERTS_H

#include "config.h"
#include "log.h"

#define CERTS_NEVER INT64_MAX

struct certs { /* those of one configuration; zeroed: of none */
	const struct config *config;
	uint64_t *stamps;  /* of config->files, as loaded or tried last, and behind them as just seen */
	int gone;          /* looks in a row that found a file missing */
	int64_t look_at;   /* at the files; monotonic ms, CERTS_NEVER */
	int64_t again_at;  /* to be tried then; looked at with the files */
	int64_t remind_at; /* of days left */
};

/* The configuration must stay until the next begin or the end. False: no memory
 * to watch the files with. */
bool certs_begin(struct certs *k, const struct config *c, int64_t now);
void certs_end(struct certs *k);
/* When something is due; CERTS_NEVER. */
int64_t certs_due(const struct certs *k);
/* Looks at the files if that is due. True: they are others than those loaded or
 * tried last, and count as tried from here on. */
bool certs_changed(struct certs *k, int64_t now);
/* Says what runs out, if that is due. */
void certs_remind(struct certs *k, struct log *log, int64_t now);
/* What they are now was not taken: it is to be tried again after a while, changed
 * or not, for what hinders it may be something else (their day has not come yet). */
void certs_refused(struct certs *k, int64_t now);

/* What people have to know when a configuration begins: fingerprints of
 * certificates that we made ourselves, and what runs out. */
void certs_say(const struct config *c, struct log *log);
/* Is the clock wrong beyond doubt? Then certificates count from GW_BUILT on. */
bool certs_clock_is_wrong(void);

#endif

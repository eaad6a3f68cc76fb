/* SPDX-License-Identifier: MIT
 *
 * supervisor_certs - what becomes of certificates while they are in use?
 */
#include "supervisor_certs.h"
#include "../platform/platform.h"

#include <stdlib.h>

enum {
	LOOK_MS = 9000, /* so that what changes is in use within ten seconds */
	PATIENCE = 6, /* looks that a missing file is waited for */
	DAY = 86400,
	WARN_DAYS = 14
};
#define AGAIN_MS ((int64_t)3600 * 1000)
#define REMIND_MS ((int64_t)DAY * 1000)

/* --- time ------------------------------------------------------------------ */

bool certs_clock_is_wrong(void)
{
	return platform_clock() < GW_BUILT;
}

static int64_t clock_now(void)
{
	return certs_clock_is_wrong() ? GW_BUILT : platform_clock();
}

/* --- saying ------------------------------------------------------------------ */

/* All that are in use; NULL: none, or no memory to say anything about them. */
static struct config_cert *list(const struct config *c, size_t *count)
{
	struct config_cert *certs;

	*count = config_certs(c, NULL, 0);
	certs = *count ? calloc(*count, sizeof *certs) : NULL;
	if (certs)
		config_certs(c, certs, *count);
	return certs;
}

static void say_own(const struct config_cert *c, struct log *log)
{
	char room[3 * 32];
	struct text print = text_in(room, sizeof room);

	credential_write_fingerprint(&print, c->credential);
	log_say(log, LOG_NOTICE, "site %s: self-signed certificate, SHA-256 %.*s, in %s", c->site->label, (int)print.len, print.at, c->file);
}

static void say_days(const struct config_cert *c, struct log *log)
{
	const struct cert *cert = credential_cert(c->credential);
	int64_t now = clock_now(), days = (cert->until - now) / DAY;
	char room[64] = "";
	struct text date = text_in(room, sizeof room - 1);

	text_span_add(&date, log_iso(cert->from > now ? cert->from : cert->until));
	if (cert->from > now)
		log_say(log, LOG_WARN, "site %s: the certificate in %s is not valid before %s", c->site->label, c->file, room);
	else if (cert->until < now)
		log_say(log, LOG_WARN, "site %s: the certificate in %s expired on %s", c->site->label, c->file, room);
	else if (days <= WARN_DAYS)
		log_say(log, LOG_WARN, "site %s: the certificate in %s expires in %d day%s, on %s", c->site->label, c->file, (int)days,
			days == 1 ? "" : "s", room);
}

/* A certificate that several sites show is told of with the first one. */
static bool is_first(const struct config_cert *certs, size_t i)
{
	size_t k;

	for (k = 0; k < i; k++)
		if (certs[k].credential == certs[i].credential)
			return false;
	return true;
}

static void say_all(const struct config *c, struct log *log, bool own)
{
	size_t count, i;
	struct config_cert *certs = list(c, &count);

	for (i = 0; certs && i < count; i++) {
		if (own && certs[i].own)
			say_own(&certs[i], log);
		if (is_first(certs, i))
			say_days(&certs[i], log);
	}
	free(certs);
	log_flush(log);
}

void certs_say(const struct config *c, struct log *log)
{
	if (!GW_HAS(TLS))
		return;
	say_all(c, log, true);
}

/* --- watching ------------------------------------------------------------------ */

bool certs_begin(struct certs *k, const struct config *c, int64_t now)
{
	certs_end(k);
	k->config = c;
	if (config_certs(c, NULL, 0))
		k->remind_at = now + REMIND_MS;
	if (c->file_count == 0)
		return true;
	k->stamps = calloc(c->file_count, 2 * sizeof *k->stamps);
	if (!k->stamps)
		return false;
	memcpy(k->stamps, c->stamps, c->file_count * sizeof *k->stamps);
	k->look_at = now + LOOK_MS;
	return true;
}

void certs_end(struct certs *k)
{
	free(k->stamps);
	*k = (struct certs){.look_at = CERTS_NEVER, .again_at = CERTS_NEVER, .remind_at = CERTS_NEVER};
}

int64_t certs_due(const struct certs *k)
{
	if (!k->config)
		return CERTS_NEVER;
	return k->look_at < k->remind_at ? k->look_at : k->remind_at;
}

/* A file that is gone is most often about to be there again: only when it stays
 * away is its absence tried, so that somebody hears of it. */
bool certs_changed(struct certs *k, int64_t now)
{
	size_t count, i;
	uint64_t *seen;
	bool gone = false;

	if (!k->config || now < k->look_at)
		return false;
	k->look_at = now + LOOK_MS;
	count = k->config->file_count;
	seen = k->stamps + count;
	for (i = 0; i < count; i++) {
		seen[i] = platform_stamp(k->config->files[i]);
		gone |= seen[i] == 0 && k->stamps[i] != 0;
	}
	k->gone = gone ? k->gone + 1 : 0;
	if (gone && k->gone < PATIENCE)
		return false;
	if (now < k->again_at && memcmp(k->stamps, seen, count * sizeof *seen) == 0)
		return false;
	memcpy(k->stamps, seen, count * sizeof *seen);
	k->gone = 0;
	k->again_at = CERTS_NEVER;
	return true;
}

void certs_refused(struct certs *k, int64_t now)
{
	if (!GW_HAS(TLS))
		return;
	k->again_at = now + AGAIN_MS;
}

void certs_remind(struct certs *k, struct log *log, int64_t now)
{
	if (!GW_HAS(TLS))
		return;
	if (!k->config || now < k->remind_at)
		return;
	k->remind_at = now + REMIND_MS;
	say_all(k->config, log, false);
}

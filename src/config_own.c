/* SPDX-License-Identifier: MIT
 *
 * own - which certificates has gateway made for itself?
 *
 * A site that answers on TLS and was given no certificate gets one: made once,
 * kept in the state directory, used again until it no longer fits.
 */
#include "config_own.h"
#include "config_files.h"
#include "config_session.h"
#include "selfsign.h"
#include "../platform/platform.h"

enum { DAY = 86400, LASTS = 3650 * DAY, ADDRESSES = 16, OWN_MOST = 65536 /* bytes of such a file, as of all others */ };

/* --- what is there -------------------------------------------------------------- */

size_t own_size(const struct site *site)
{
	size_t size = 4096 + 64 * ADDRESSES;

	for (size_t i = 0; i < site->host_count; i++)
		size += 2 * (site->hosts[i].len + 8);
	return size;
}

/* Nothing of the text is left anywhere: the key is in it. Its length is not asked
 * of the site: it may have been made for more hosts than there are now. */
static const struct credential *load(struct arena *a, const char *path)
{
	char text[OWN_MOST];
	long len = platform_read(path, text, sizeof text);
	struct span all = span_of(text, len < 0 ? 0 : (size_t)len);
	const struct credential *c;
	enum credential_side side;
	const char *why;

	c = all.len ? credential_read(all, all, files_memory(a), &why, &side) : NULL;
	span_wipe(text, all.len);
	return c;
}

bool own_load(struct arena *a, struct site *site, int64_t until)
{
	const struct credential **row = ARENA_ROW(a, const struct credential *, 1);
	const char **files;

	row[0] = load(a, site->own);
	if (!row[0] || credential_cert(row[0])->until < until)
		return false;
	for (size_t i = 0; i < site->host_count; i++)
		if (!files_is_for(credential_cert(row[0]), site->hosts[i]))
			return false;
	files = ARENA_ROW(a, const char *, 1);
	files[0] = site->own;
	site->cert_files = files;
	site->tls.credentials = row;
	site->tls.count = 1;
	return true;
}

/* --- making one ------------------------------------------------------------------- */

struct making {
	struct span *names;
	size_t name_count;
	struct net *addresses;
	size_t address_count;
};

/* What its machine calls itself is no more than a guess at what clients call it. */
static void add_machine(struct arena *a, struct making *m)
{
	char *room = arena_take(a, GW_NAME);
	struct text name = text_in(room, GW_NAME);

	platform_name(&name);
	for (size_t i = 0; i < name.len; i++) {
		room[i] = span_lower(room[i]);
		if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789.-", room[i]) || !room[i])
			name.full = true;
	}
	if (name.len && !name.full && !span_is(text_span(&name), SPAN("localhost")))
		m->names[m->name_count++] = text_span(&name);
	m->names[m->name_count++] = SPAN("localhost");
}

static struct making what_for(struct arena *a, const struct site *site)
{
	struct making m = {
		.names = ARENA_ROW(a, struct span, site->host_count + 2),
		.addresses = ARENA_ROW(a, struct net, ADDRESSES + site->host_count),
	};
	bool all = false;

	for (size_t i = 0; i < site->host_count; i++) {
		if (span_is(site->hosts[i], SPAN("*")))
			all = true;
		else if (net_read(&m.addresses[m.address_count], files_bare(site->hosts[i])))
			m.address_count++;
		else
			m.names[m.name_count++] = site->hosts[i];
	}
	if (all)
		add_machine(a, &m);
	m.address_count += platform_addresses(m.addresses + m.address_count, ADDRESSES);
	return m;
}

/* Is it on the disk now? From the day on which this program was made, so that a
 * client whose clock is right accepts it even if ours is not. */
static bool make(struct arena *a, const struct site *site, struct text *error)
{
	struct making m = what_for(a, site);
	struct selfsign what = {
		.names = m.names, .name_count = m.name_count, .addresses = m.addresses, .address_count = m.address_count,
		.from = GW_BUILT - DAY, .until = files_clock() + LASTS,
	};
	size_t size = own_size(site);
	struct text pem = text_in(arena_take(a, size), size);
	unsigned char seed[32];
	const char *why;

	why = platform_random(seed, sizeof seed) ? selfsign_make(&pem, &what, seed) : platform_why();
	span_wipe(seed, sizeof seed);
	if (!why && pem.full)
		why = "its names are too long";
	if (why)
		text_format(error, "gateway: cannot make a certificate for [site %s]: %s", site->label, why);
	else if (!platform_keep(site->own, pem.at, pem.len))
		text_format(error, "gateway: cannot write %s: %s ('state' in [gateway] names another directory)", site->own, platform_why());
	else
		return true;
	return false;
}

/* False: *error is set. */
static bool make_and_load(struct arena *a, const struct config *c, struct site *site, struct text *error)
{
	if (!platform_directory(c->state)) {
		text_format(error, "gateway: cannot make the directory %s: %s ('state' in [gateway] names another one)", c->state, platform_why());
		return false;
	}
	if (!make(a, site, error))
		return false;
	if (own_load(a, site, INT64_MIN))
		return true;
	text_format(error, "gateway: %s is not the certificate that was written there", site->own);
	return false;
}

/* Somebody else may have made it by now, and what lies there in the end is what
 * the next start will find, so that is what we take. An old one, where no new one
 * can be written, is better than no gateway. */
static bool complete_site(struct arena *a, const struct config *c, struct site *site, struct text *error)
{
	size_t len = error->len;

	if (own_load(a, site, files_clock() + OWN_REST) || make_and_load(a, c, site, error))
		return true;
	if (!own_load(a, site, INT64_MIN))
		return false;
	error->len = len;
	return true;
}

static bool complete_all(struct arena *a, struct config *c, struct text *error)
{
	for (size_t i = 0; i < c->site_count; i++) {
		struct site *site = &c->sites[i];

		if (GW_HAS(TLS) && site->own && !site->tls.count && !complete_site(a, c, site, error))
			return false;
	}
	return true;
}

bool config_complete(struct config *c, struct text *error)
{
	struct arena *a = c->arena;

	if (setjmp(a->none)) {
		text_lit(error, "gateway: not enough memory for the configuration");
		return false;
	}
	return complete_all(a, c, error) && session_complete(a, c, error);
}

/* --- all that are in use ------------------------------------------------------------- */

size_t config_certs(const struct config *c, struct config_cert *certs, size_t room)
{
	size_t count = 0;

	for (size_t i = 0; i < c->site_count; i++) {
		const struct site *site = &c->sites[i];

		for (size_t j = 0; j < site->tls.count; j++, count++)
			if (count < room)
				certs[count] = (struct config_cert){site, site->tls.credentials[j], site->cert_files[j], site->own != NULL};
	}
	return count;
}

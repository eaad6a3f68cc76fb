/* SPDX-License-Identifier: MIT
 *
 * tls - which certificates, keys and authorities do the files hold that this
 * configuration names?
 *
 * What cannot work is a fault. What works, but not as it was meant (a certificate
 * that has expired, or is for somebody else), is a warning: a router must come
 * up with it, or nobody could renew it.
 */
#include "config_tls.h"
#include "config_files.h"
#include "config_own.h"
#include "../platform/platform.h"

/* A path as it was said. */
struct named {
	const char *path;
	int line;
	struct named *next;
};

/* A certificate that a block has named. */
struct held {
	const char *path;
	int line;
	const struct credential *credential;
	struct held *next;
};

/* [gateway] or a [site] while its certificates are loaded. */
struct block {
	const char *name; /* "[site x]" */
	struct named *certs, *keys;
	struct held *held;
};

/* --- certificates and their keys ---------------------------------------------------- */

static struct named *paths_of(struct faults *f, const struct level *l, enum key_id id)
{
	struct named *first = NULL, **end = &first;
	struct span rest, word;

	for (const struct setting *s = level_get(l, id); s; s = level_more(s))
		for (rest = s->text; word_next(f, s->line, &rest, &word);) {
			struct named *n = ARENA_NEW(f->arena, struct named);

			n->path = word.at;
			n->line = s->line;
			*end = n;
			end = &n->next;
		}
	return first;
}

/* The first key that fits; else *why in words, empty when there is nothing to
 * say: a key that cannot be read is told elsewhere. */
static const struct credential *find_key(struct draft *d, const struct file *cert, const struct named *keys, struct text *why, bool *lost)
{
	for (; keys; keys = keys->next) {
		const struct file *key = files_small(d, keys->path);
		const struct pair *p;

		*lost |= key->why != NULL;
		if (key->why)
			continue;
		p = files_pair(d, cert, key);
		if (p->credential)
			return p->credential;
		text_format(why, "%s key %s %s", why->len ? "," : ":", key->path, p->why);
	}
	return NULL;
}

static bool holds_key(const struct file *f)
{
	return strstr(f->text.at, "PRIVATE KEY-----") != NULL;
}

/* The one in its own file comes last: where others are named, they are meant. */
static const struct credential *load_credential(struct draft *d, const struct file *cert, const struct block *b, const struct block *outer,
						struct text *why)
{
	const struct pair *itself = files_pair(d, cert, cert);
	const struct credential *found;
	bool lost = false;

	if (!itself->credential && itself->side == CREDENTIAL_CERT) {
		text_char(why, ' ');
		text_str(why, itself->why);
		return NULL;
	}
	found = find_key(d, cert, b->keys, why, &lost);
	if (!found && outer)
		found = find_key(d, cert, outer->keys, why, &lost);
	if (!found)
		found = itself->credential;
	if (!found && holds_key(cert))
		text_format(why, "%s the private key in it %s", why->len ? "," : ":", itself->why);
	else if (!found && !why->len && !lost)
		text_lit(why, ": there is no private key for it; add 'key = FILE'");
	return found;
}

static void warn_about(struct faults *f, const struct block *b, const struct held *h)
{
	const struct cert *cert = credential_cert(h->credential);
	char room[128];
	struct text issuer = text_in(room, sizeof room);

	fault_days(f, h->line, &(struct dated){.from = cert->from, .until = cert->until}, files_clock(), "%s: cert %s", b->name, h->path);
	if (!cert_may(cert, CERT_FOR_SERVERS))
		fault_warn(f, h->line, "%s: cert %s is not for servers (extendedKeyUsage): clients may refuse it", b->name, h->path);
	if (credential_is_whole(h->credential))
		return;
	text_lit(&issuer, ", ");
	cert_write_name(&issuer, cert->issuer);
	fault_warn_of(f, h->line, text_span(&issuer),
		      "%s: cert %s has no chain: give the file with the full chain, since clients may not know its issuer", b->name, h->path);
}

static struct held *load_cert(struct draft *d, const struct block *b, const struct block *outer, const struct named *n)
{
	struct faults *f = d->faults;
	const struct file *file = files_small(d, n->path);
	struct held *h = ARENA_NEW(f->arena, struct held);
	char room[400];
	struct text why = text_in(room, sizeof room);

	if (file->why) {
		fault_at(f, n->line, "%s: cert %s %s", b->name, n->path, file->why);
		return NULL;
	}
	h->path = n->path;
	h->line = n->line;
	h->credential = load_credential(d, file, b, outer, &why);
	if (!h->credential && why.full && !why.len)
		text_lit(&why, ": no key fits");
	if (h->credential)
		warn_about(f, b, h);
	else if (why.len)
		fault_at(f, n->line, "%s: cert %s%.*s", b->name, n->path, (int)why.len, why.at);
	return h->credential ? h : NULL;
}

static void load_block(struct draft *d, struct block *b, const struct block *outer, const struct level *l)
{
	struct faults *f = d->faults;
	struct held **end = &b->held;

	b->certs = paths_of(f, l, KEY_CERT);
	b->keys = paths_of(f, l, KEY_KEY);
	for (const struct named *n = b->keys; n; n = n->next)
		if (files_small(d, n->path)->why)
			fault_at(f, n->line, "%s: key %s %s", b->name, n->path, files_small(d, n->path)->why);
	if (b->keys && !b->certs && outer)
		fault_at(f, b->keys->line, "%s: key %s: there is no 'cert' here that it could belong to", b->name, b->keys->path);
	for (const struct named *n = b->certs; n; n = n->next) {
		*end = load_cert(d, b, outer, n);
		if (*end)
			end = &(*end)->next;
	}
}

/* --- sites -------------------------------------------------------------------------------- */

struct sites {
	struct draft *draft;
	struct config *config;
	struct block gateway;
};

static const char *block_name(struct arena *a, const char *site)
{
	char room[GW_NAME];
	struct text name = text_in(room, sizeof room);

	text_lit(&name, "[site ");
	text_str(&name, site);
	text_char(&name, ']');
	return arena_span(a, text_span(&name)).at;
}

/* The first of its hosts that the certificate is not for; NULL: it is for all. */
static const struct span *left_out(const struct cert *cert, const struct site *site)
{
	for (size_t i = 0; i < site->host_count; i++)
		if (!files_is_for(cert, site->hosts[i]))
			return &site->hosts[i];
	return NULL;
}

static bool is_for_all(const struct site *site)
{
	for (size_t i = 0; i < site->host_count; i++)
		if (span_is(site->hosts[i], SPAN("*")))
			return true;
	return false;
}

/* Is it for all names that the other one is for? Then only their keys differ. */
static bool is_twin(const struct cert *cert, const struct cert *of)
{
	struct span names = of->names, name;
	enum cert_name kind;

	while (cert_next_name(&names, &kind, &name))
		if (kind == CERT_DNS && !files_is_for(cert, name))
			return false;
	return true;
}

/* One of each kind of key is enough: false, there is one. */
static bool wear(struct site *site, const struct credential **row, const char **files, const struct held *h)
{
	for (size_t i = 0; i < site->tls.count; i++)
		if (credential_is_rsa(row[i]) == credential_is_rsa(h->credential))
			return false;
	row[site->tls.count] = h->credential;
	files[site->tls.count++] = h->path;
	return true;
}

/* Its own, whatever they are for: the user knows best. */
static void wear_own(struct faults *f, struct site *site, const struct block *b, const struct credential **row, const char **files)
{
	for (const struct held *h = b->held; h; h = h->next) {
		const struct span *host = left_out(credential_cert(h->credential), site);

		if (host)
			fault_warn(f, h->line, "%s: cert %s is not for '%.*s'", b->name, h->path, SHOW(*host));
		if (!wear(site, row, files, h))
			fault_warn(f, h->line, "%s: cert %s is not used: an earlier one has the same kind of key", b->name, h->path);
	}
}

/* Of those for all sites the ones that fit. With "*" each fits, so the first one
 * says for which names the other kind must be. */
static void wear_common(const struct sites *all, struct site *site, const struct block *b, const struct credential **row, const char **files)
{
	for (const struct held *h = all->gateway.held; h; h = h->next) {
		const struct cert *cert = credential_cert(h->credential);

		if (left_out(cert, site))
			continue;
		if (site->tls.count && is_for_all(site) && !is_twin(cert, credential_cert(row[0])))
			continue;
		wear(site, row, files, h);
	}
	if (all->gateway.held && !site->tls.count)
		fault_warn(all->draft->faults, site->line, "%s: no 'cert' of [gateway] is for %s '%.*s': it gets a self-signed one", b->name,
			   site->host_count > 1 ? "all its hosts, such as" : "its host", SHOW(site->hosts[0]));
}

/* STATE/LABEL.pem: no label leaves the directory, and no two share a file. */
static const char *own_path(const struct sites *all, const struct site *site)
{
	const struct config *c = all->config;
	size_t size = strlen(c->state) + strlen(site->label) + sizeof "/-65535.pem", stem;
	char *at = arena_take(all->draft->faults->arena, size + 1);
	struct text path = text_in(at, size);
	unsigned turn = 1;

	text_str(&path, c->state);
	text_char(&path, '/');
	for (const char *i = site->label; *i; i++)
		text_char(&path, *i == '*' ? '_' : *i == '/' ? '-' : span_lower(*i));
	stem = path.len;
	text_lit(&path, ".pem");
	for (const struct site *other = c->sites; other < site; other++)
		if (other->own && strcmp(other->own, at) == 0) {
			memset(at + stem, 0, size - stem);
			path.len = stem;
			text_format(&path, "-%u.pem", ++turn);
			other = c->sites - 1;
		}
	return at;
}

static void give_own(const struct sites *all, struct site *site, const struct block *b)
{
	if (!all->config->state) {
		fault_at(all->draft->faults, site->line, "%s: has no 'cert', and one made for it needs a place: add 'state = DIRECTORY' to [gateway]",
			 b->name);
		return;
	}
	site->own = own_path(all, site);
	own_load(all->draft->faults->arena, site, files_clock() + OWN_REST);
}

/* --- clients' certificates ------------------------------------------------------------------ */

static bool answers_plainly(const struct config *c, const struct site *site, const char **where)
{
	for (size_t i = 0; i < c->listener_count; i++)
		for (size_t j = 0; j < c->listeners[i].site_count; j++)
			if (c->listeners[i].sites[j] == site && !c->listeners[i].tls && !c->listeners[i].redirect) {
				*where = c->listeners[i].text;
				return true;
			}
	return false;
}

/* NULL: no client has to show one. */
static const struct file *take_client_ca(const struct sites *all, struct site *site, const struct level *own, const struct block *b)
{
	struct faults *f = all->draft->faults;
	const struct setting *mine = level_get(own, KEY_CLIENT_CA);
	const struct setting *s = mine ? mine : level_get(&all->draft->gateway, KEY_CLIENT_CA);
	const struct file *file;
	const char *where;

	if (!s || span_is(s->text, SPAN("none")))
		return NULL;
	if (!site->secure && mine)
		fault_at(f, s->line, "%s: client_ca: the site answers on no listener with 'tls', and asks nobody for a certificate", b->name);
	else if (!site->secure && answers_plainly(all->config, site, &where)) /* a secure one refuses who comes there */
		fault_warn(f, site->line, "%s: client_ca: on '%s' the site answers without TLS, and asks nobody for a certificate: 'client_ca = none' if that is meant",
			   b->name, where);
	file = files_bundle(all->draft, s->text.at);
	if (file->why)
		fault_at(f, s->line, "%s: client_ca %s %s", mine ? b->name : "[gateway]", s->text.at, file->why);
	return file->why ? NULL : file;
}

static void add_part(struct text *t, struct span s)
{
	text_span_add(t, s);
	text_char(t, '\0');
}

/* Sessions are for a site as it is now: other hosts or other authorities, and
 * none of them is resumed (RFC 6066 3 for the names). */
static uint64_t policy_of(struct arena *a, const struct site *site, const struct file *client_ca)
{
	size_t size = strlen(site->label) + 1 + 32;
	unsigned char hash[32];
	struct text t;
	uint64_t policy = 0;

	for (size_t i = 0; i < site->host_count; i++)
		size += site->hosts[i].len + 1;
	t = text_in(arena_take(a, size), size);
	add_part(&t, span_str(site->label));
	for (size_t i = 0; i < site->host_count; i++)
		add_part(&t, site->hosts[i]);
	if (client_ca)
		text_add(&t, (const char *)client_ca->hash, sizeof client_ca->hash);
	credential_hash(hash, text_span(&t));
	for (size_t i = 0; i < 8; i++)
		policy = policy << 8 | hash[i];
	return policy ? policy : 1;
}

/* --- all sites --------------------------------------------------------------------------------- */

static void secure_site(const struct sites *all, struct site *site, const struct level *own, const struct block *b)
{
	struct arena *a = all->draft->faults->arena;
	const struct credential **row = ARENA_ROW(a, const struct credential *, 2);
	const char **files = ARENA_ROW(a, const char *, 2);
	const struct file *client_ca = take_client_ca(all, site, own, b);

	if (!site->secure)
		return;
	site->tls.credentials = row;
	site->cert_files = files;
	site->tls.client_ca = client_ca ? client_ca->trust : NULL;
	site->tls.policy = policy_of(a, site, client_ca);
	all->config->tls.subjects |= client_ca != NULL;
	if (b->certs) /* some may be faults, and then there is no configuration */
		wear_own(all->draft->faults, site, b, row, files);
	else
		wear_common(all, site, b, row, files);
	if (!site->tls.count && !b->certs)
		give_own(all, site, b);
}

void tls_build_sites(struct draft *d, struct config *c)
{
	struct sites all = {.draft = d, .config = c, .gateway = {.name = "[gateway]"}};
	const struct draft_site *s = d->sites;

	if (!GW_HAS(TLS))
		return;
	load_block(d, &all.gateway, NULL, &d->gateway);
	for (size_t i = 0; i < c->site_count; i++, s = s->next) {
		struct block b = {.name = block_name(d->faults->arena, c->sites[i].label)};

		load_block(d, &b, &all.gateway, &s->level);
		if (c->sites[i].host_count)
			secure_site(&all, &c->sites[i], &s->level, &b);
		if (b.certs && !c->sites[i].secure)
			fault_warn(d->faults, b.certs->line, "%s: cert %s is not used: the site answers on no listener with 'tls'", b.name, b.certs->path);
	}
}

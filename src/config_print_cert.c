/* SPDX-License-Identifier: MIT
 *
 * print_cert - which certificate does a site show, and how long is it good?
 *
 * For people, within 120 columns unless a label is very long.
 */
#include "config_files.h"
#include "config_print.h"

enum { DAY = 86400, CELL = 80, NAMES = 34, COLUMNS = 5, WIDEST = 38 /* a longer cell moves what stands behind it */ };

/* A site with one of its certificates, or without while it is not made yet. */
struct shown {
	const struct site *site;
	const struct credential *credential; /* NULL: not made yet */
	const char *file;
};

struct row {
	struct text cell[COLUMNS];
	char room[COLUMNS][CELL];
};

/* --- cells ---------------------------------------------------------------------- */

/* Adds a name if it fits; from the first one on that does not, they are counted. */
static void add_name(struct text *t, struct span name, size_t *more)
{
	size_t need = name.len + (t->len ? 1 : 0);

	if (*more || (t->len && t->len + need > NAMES)) {
		(*more)++;
		return;
	}
	if (t->len)
		text_char(t, ' ');
	text_quoted(t, span_of(name.at, name.len < NAMES ? name.len : NAMES));
}

static void add_address(struct text *t, struct span ip, size_t *more)
{
	struct net n = {.family = ip.len == 4 ? NET_IP4 : NET_IP6};
	char room[NET_TEXT];
	struct text address = text_in(room, sizeof room);

	if (ip.len != 4 && ip.len != 16)
		return;
	memcpy(n.ip, ip.at, ip.len);
	net_write(&address, &n);
	add_name(t, text_span(&address), more);
}

static void write_more(struct text *t, size_t more)
{
	if (more)
		text_format(t, " +%zu", more);
}

static void write_names(struct text *t, const struct cert *cert)
{
	struct span names = cert->names, name;
	enum cert_name kind;
	size_t more = 0;

	while (cert_next_name(&names, &kind, &name))
		if (kind == CERT_DNS)
			add_name(t, name, &more);
		else if (kind == CERT_IP)
			add_address(t, name, &more);
	write_more(t, more);
	if (!t->len)
		text_lit(t, "no host");
}

static void write_hosts(struct text *t, const struct site *site)
{
	size_t more = 0;

	for (size_t i = 0; i < site->host_count; i++)
		add_name(t, site->hosts[i], &more);
	write_more(t, more);
}

static void write_issuer(struct text *t, const struct cert *cert)
{
	struct span name = cert_common_name(cert->issuer);

	if (cert_is_self_issued(cert))
		text_lit(t, "itself");
	else if (name.len)
		text_quoted(t, span_of(name.at, name.len < 20 ? name.len : 20));
	else
		text_lit(t, "(no name)");
}

static void write_days(struct text *t, const struct cert *cert)
{
	int64_t now = files_clock();

	if (cert->until < now)
		text_format(t, "EXPIRED %lld days ago", (long long)((now - cert->until) / DAY));
	else if (cert->from > now)
		text_format(t, "good in %lld days", (long long)((cert->from - now + DAY - 1) / DAY));
	else
		text_number(t, (uint64_t)((cert->until - now) / DAY));
}

static void row_init(struct row *r)
{
	for (size_t i = 0; i < COLUMNS; i++)
		r->cell[i] = text_in(&r->room[i][0], CELL);
}

static void write_row(struct row *r, const struct shown *s)
{
	row_init(r);
	text_str(&r->cell[0], s->site->label);
	if (!s->credential) {
		write_hosts(&r->cell[1], s->site);
		text_lit(&r->cell[2], "itself");
		text_lit(&r->cell[3], "P-256");
		text_lit(&r->cell[4], "will be made at first start");
		return;
	}
	write_names(&r->cell[1], credential_cert(s->credential));
	write_issuer(&r->cell[2], credential_cert(s->credential));
	text_str(&r->cell[3], credential_kind(s->credential));
	write_days(&r->cell[4], credential_cert(s->credential));
}

/* --- rows ------------------------------------------------------------------------- */

typedef void see(void *user, const struct shown *s);

static void each(const struct config *c, see *see_it, void *user)
{
	for (size_t i = 0; i < c->site_count; i++) {
		const struct site *site = &c->sites[i];

		for (size_t j = 0; j < site->tls.count; j++)
			see_it(user, &(struct shown){site, site->tls.credentials[j], site->cert_files[j]});
		if (site->own && !site->tls.count)
			see_it(user, &(struct shown){site, NULL, site->own});
	}
}

struct table {
	struct text *out;
	size_t width[COLUMNS];
	size_t rows;
};

static void widen(struct table *t, const struct row *r)
{
	for (size_t i = 0; i < COLUMNS; i++)
		if (r->cell[i].len > t->width[i] && r->cell[i].len <= WIDEST)
			t->width[i] = r->cell[i].len;
}

static void measure(void *user, const struct shown *s)
{
	struct table *t = user;
	struct row r;

	write_row(&r, s);
	widen(t, &r);
	t->rows++;
}

static void print_row(const struct table *t, const struct row *r)
{
	for (size_t i = 0; i < COLUMNS; i++) {
		text_lit(t->out, "  ");
		text_span_add(t->out, text_span(&r->cell[i]));
		for (size_t have = r->cell[i].len; i + 1 < COLUMNS && have < t->width[i]; have++)
			text_char(t->out, ' ');
	}
	text_char(t->out, '\n');
}

static void print_fingerprint(struct text *out, const struct credential *c)
{
	text_lit(out, "      SHA-256 ");
	credential_write_fingerprint(out, c);
	text_char(out, '\n');
}

static void print_notes(struct text *out, const struct shown *s)
{
	if (s->credential && strcmp(credential_kind(s->credential), "RSA-4096") == 0)
		text_lit(out, "      RSA-4096 is slow on small machines: RSA-2048 takes a ninth of its time, P-256 far less\n");
	if (s->credential && s->site->own)
		print_fingerprint(out, s->credential);
	if (s->site->tls.client_ca)
		text_format(out, "      clients must show a certificate of %s\n",
			    trust_count(s->site->tls.client_ca) == 1 ? "the authority in client_ca" : "one of the authorities in client_ca");
}

static void print_shown(void *user, const struct shown *s)
{
	const struct table *t = user;
	struct row r;

	write_row(&r, s);
	print_row(t, &r);
	text_lit(t->out, "      ");
	text_str(t->out, s->file);
	if (s->site->own)
		text_str(t->out, s->credential ? ", self-signed, made by gateway" : "");
	else
		text_format(t->out, ", chain of %zu", credential_chain_length(s->credential));
	text_char(t->out, '\n');
	print_notes(t->out, s);
}

void print_certs(const struct config *c, struct text *out)
{
	static const char *const titles[COLUMNS] = {"site", "for", "issued by", "key", "days left"};
	struct table t = {.out = out};
	struct row head;

	if (!GW_HAS(TLS))
		return;
	each(c, measure, &t);
	if (!t.rows)
		return;
	row_init(&head);
	for (size_t i = 0; i < COLUMNS; i++)
		text_str(&head.cell[i], titles[i]);
	widen(&t, &head);
	text_lit(out, "\ncertificates:\n");
	print_row(&t, &head);
	each(c, print_shown, &t);
}

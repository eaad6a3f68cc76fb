/* SPDX-License-Identifier: MIT
 *
 * tls_server - how do we know that it is the right server, and what do we show it?
 */
#include "config_tls.h"
#include "config_files.h"

/* Those made by now, so that equal ones are one. */
struct tls_made {
	struct tls_server server;
	struct tls_made *next;
};

struct wanted {
	struct draft *draft;
	const struct tls_wish *wish;
	const struct server *server;
	struct tls_server made;
};

/* --- the server's name --------------------------------------------------------------- */

/* Without a dot at its end: neither certificates nor SNI have one (RFC 6066 3). */
static bool read_name(struct arena *a, struct span s, struct tls_server *to)
{
	char *name = arena_take(a, s.len + NET_TEXT + 1);
	struct net literal;

	if (net_read(&literal, s)) {
		struct text t = text_in(name, NET_TEXT);

		net_write(&t, &literal);
		to->name = name;
		to->literal = true;
		return true;
	}
	if (s.len && s.at[s.len - 1] == '.')
		s.len--;
	if (!s.len || s.len >= GW_NAME || s.at[0] == '.')
		return false;
	for (size_t i = 0; i < s.len; i++) {
		char c = span_lower(s.at[i]);

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.'))
			return false;
		name[i] = c;
	}
	to->name = name;
	return true;
}

static bool take_name(struct wanted *w)
{
	struct arena *a = w->draft->faults->arena;
	const struct setting *said = w->wish->verify_name;
	char room[NET_TEXT];
	struct text address = text_in(room, sizeof room);

	if (said) {
		if (read_name(a, said->text, &w->made))
			return true;
		fault_at(w->draft->faults, said->line, "verify_name: '%s' is not a host name or an address", said->text.at);
		return false;
	}
	net_write(&address, &w->server->address);
	if (read_name(a, w->server->host ? span_str(w->server->host) : text_span(&address), &w->made))
		return true;
	if (w->made.verify != TLS_VERIFY_CA) { /* nothing is compared with it, and it is not sent */
		w->made.name = "";
		w->made.literal = true;
		return true;
	}
	fault_at(w->draft->faults, 0, "https://%s: a certificate cannot be for this name: add 'verify_name = NAME'", w->server->name);
	return false;
}

/* --- pins ------------------------------------------------------------------------------ */

/* 64 digits; colons may stand between pairs of them, as many programs print it. */
static bool read_hex(struct span s, unsigned char pin[32])
{
	size_t digits = 0;

	for (size_t i = 0; i < s.len; i++) {
		int digit = span_hex(s.at[i]);

		if (s.at[i] == ':' && digits % 2 == 0 && digits && i + 1 < s.len && s.at[i + 1] != ':')
			continue;
		if (digit < 0 || digits == 64)
			return false;
		pin[digits / 2] = (unsigned char)(digits % 2 ? pin[digits / 2] | digit : digit << 4);
		digits++;
	}
	return digits == 64;
}

static bool read_base64(struct span s, unsigned char pin[32])
{
	struct text bytes = text_in((char *)pin, 32);

	if (s.len == 44 && s.at[43] == '=')
		s.len--;
	return text_from_base64(&bytes, s, TEXT_BASE64) && !bytes.full && bytes.len == 32;
}

/* --- how it is verified -------------------------------------------------------------------- */

static bool take_pin(struct wanted *w, const struct setting *said)
{
	struct span pin = span_of(said->text.at + sizeof "pin:sha256:" - 1, said->text.len - (sizeof "pin:sha256:" - 1));

	w->made.verify = TLS_VERIFY_PIN;
	if (read_hex(pin, w->made.pin) || read_base64(pin, w->made.pin))
		return true;
	fault_at(w->draft->faults, said->line, "verify: '%s': a SHA-256 has 64 hex digits or 44 characters of base64 ('gateway pin https://%s' prints it)",
		 said->text.at, w->server->name);
	return false;
}

static bool take_authorities(struct wanted *w)
{
	struct faults *f = w->draft->faults;
	const struct setting *ca = w->wish->ca, *verify = w->wish->verify;
	const struct file *file = ca ? files_bundle(w->draft, ca->text.at) : files_system(w->draft);

	w->made.verify = TLS_VERIFY_CA;
	if (file && !file->why) {
		w->made.trust = file->trust;
		return true;
	}
	if (file)
		fault_at(f, ca ? ca->line : 0, "ca %s %s", file->path, file->why);
	else
		fault_at(f, verify ? verify->line : 0,
			 "https://%s: this system has no file of certification authorities (%s): install ca-certificates, or say ca=FILE, or "
			 "verify=pin:sha256:... ('gateway pin https://%s' prints it)",
			 w->server->name, FILES_SYSTEM, w->server->name);
	return false;
}

static bool take_verify(struct wanted *w)
{
	const struct setting *said = w->wish->verify;

	if (!said || span_is(said->text, SPAN("ca")))
		return take_authorities(w);
	if (span_is(said->text, SPAN("off"))) {
		w->made.verify = TLS_VERIFY_OFF;
		return true;
	}
	if (span_starts(said->text, SPAN("pin:sha256:")))
		return take_pin(w, said);
	fault_at(w->draft->faults, said->line, "verify: '%s' is none of ca, off and pin:sha256:HASH", said->text.at);
	return false;
}

/* --- what we show it ------------------------------------------------------------------------- */

/* False after a fault. */
static bool is_readable(struct wanted *w, const struct setting *said, const struct file *file)
{
	if (file->why)
		fault_at(w->draft->faults, said->line, "%s %s %s", said->key->name.at, said->text.at, file->why);
	return !file->why;
}

static void warn_about(struct faults *f, const struct setting *said, const struct cert *cert)
{
	fault_days(f, said->line, &(struct dated){.from = cert->from, .until = cert->until}, files_clock(), "client_cert %s", said->text.at);
	if (!cert_may(cert, CERT_FOR_CLIENTS))
		fault_warn(f, said->line, "client_cert %s is not for clients (extendedKeyUsage): servers may refuse it", said->text.at);
}

static bool take_credential(struct wanted *w)
{
	struct faults *f = w->draft->faults;
	const struct setting *cert = w->wish->client_cert, *key = w->wish->client_key;
	const struct file *cert_file = cert ? files_small(w->draft, cert->text.at) : NULL;
	const struct file *key_file = key ? files_small(w->draft, key->text.at) : cert_file;
	const struct pair *pair;

	if (!cert)
		return true;
	if (!is_readable(w, cert, cert_file) || !is_readable(w, key ? key : cert, key_file))
		return false;
	pair = files_pair(w->draft, cert_file, key_file);
	w->made.credential = pair->credential;
	if (!pair->credential && pair->side == CREDENTIAL_CERT)
		fault_at(f, cert->line, "client_cert %s %s", cert->text.at, pair->why);
	else if (!pair->credential && key)
		fault_at(f, key->line, "client_key %s %s", key->text.at, pair->why);
	else if (!pair->credential)
		fault_at(f, cert->line, "client_cert %s %s (client_key names a file of its own for the key)", cert->text.at, pair->why);
	else
		warn_about(f, cert, credential_cert(pair->credential));
	return pair->credential != NULL;
}

/* --- all ----------------------------------------------------------------------------------------- */

static bool same(const struct tls_server *a, const struct tls_server *b)
{
	return a->verify == b->verify && memcmp(a->pin, b->pin, sizeof a->pin) == 0 && strcmp(a->name, b->name) == 0 && a->literal == b->literal &&
	       a->trust == b->trust && a->credential == b->credential;
}

static const struct tls_server *keep(struct draft *d, const struct tls_server *made)
{
	struct tls_made **all = files_servers(d), *new;

	for (const struct tls_made *i = *all; i; i = i->next)
		if (same(&i->server, made))
			return &i->server;
	new = ARENA_NEW(d->faults->arena, struct tls_made);
	new->server = *made;
	new->next = *all;
	*all = new;
	return &new->server;
}

const struct tls_server *tls_build_server(struct draft *d, const struct tls_wish *wish, const struct server *s)
{
	if (!GW_HAS(TLS))
		return NULL;

	struct wanted w = {.draft = d, .wish = wish, .server = s};
	bool verify = take_verify(&w), name = take_name(&w), credential = take_credential(&w);

	return name && verify && credential ? keep(d, &w.made) : NULL;
}

/* SPDX-License-Identifier: MIT
 *
 * exchange_before - what is answered before any route is looked for?
 *
 * Plain requests on a port for TLS, requests for another site than the TLS
 * handshake was for, ACME challenges, redirects to https, sites that ask for
 * client certificates, and the login page's own paths.
 */
#include "exchange_parts.h"
#include "route.h"

static const struct refusal https_port = {400, "plain HTTP on an HTTPS port"};
static const struct refusal no_host = {400, "no host to redirect to"};
static const struct refusal long_target = {414, "the request target is too long"};
static const struct refusal no_challenge = {404, "no such ACME challenge"};
static const struct refusal no_certificate = {403, "this site asks for client certificates, which need https"};

static bool is_safe(const struct head *h)
{
	return h->method == METHOD_GET || h->method == METHOD_HEAD;
}

/* --- one connection, several sites (RFC 9110 15.5.20) --------------------------- */

/* Another name than in the handshake may have asked for less: for no client
 * certificate, above all. Who named no site may go to all but those. */
static bool is_misdirected(const struct exchange *x)
{
	const struct tls *tls = x->conn->link.tls;

	return tls && tls_site(tls) != &x->r.site->tls && (tls_named(tls) || x->r.site->tls.client_ca);
}

static void refuse_misdirected(struct exchange *x)
{
	struct page page = {.status = 421, .sentence = "This connection was made for another site. Please try again."};

	x->r.site = NULL; /* it has no part in this */
	x->r.why = "the TLS handshake was for another site";
	exchange_reply(x, &page);
}

/* --- challenges (RFC 8555 8.3) ----------------------------------------------------- */

enum { CHALLENGE_MOST = 1024 };

/* uacme and hooks write into the directory itself; certbot --webroot and acme.sh -w
 * below it, as in a document root. Bytes read, at most CHALLENGE_MOST; 0: none. */
static size_t read_challenge(const char *dir, struct span token, char *to)
{
	char name[130], below[1024];
	struct text name_text = text_in(name, sizeof name), below_text = text_in(below, sizeof below);
	long len;

	text_span_add(&name_text, token);
	text_char(&name_text, 0);
	text_str(&below_text, dir);
	text_lit(&below_text, "/.well-known/acme-challenge");
	text_char(&below_text, 0);
	if (name_text.full)
		return 0;
	len = platform_read_in(dir, name, to, CHALLENGE_MOST + 1);
	if (len < 0 && !below_text.full)
		len = platform_read_in(below, name, to, CHALLENGE_MOST + 1);
	return len > 0 && len <= CHALLENGE_MOST ? (size_t)len : 0;
}

/* The text stands where a server's answer would. */
static void answer_challenge(struct exchange *x, struct span token)
{
	struct page page = {.status = 200, .type = SPAN("text/plain")};

	if (!is_safe(&x->asked)) {
		x->r.why = "an ACME challenge is asked for with GET";
		page = (struct page){.status = 405, .allow = SPAN("GET, HEAD")};
		exchange_reply(x, &page);
		return;
	}
	page.text = span_of(x->back.data, token.len ? read_challenge(x->r.site->acme_dir, token, x->back.data) : 0);
	if (page.text.len)
		exchange_reply(x, &page);
	else
		exchange_refuse(x, &no_challenge);
}

/* --- redirects to https --------------------------------------------------------------- */

static void redirect(struct exchange *x, struct span path)
{
	char room[GW_TARGET + GW_NAME + 32];
	struct text location = text_in(room, sizeof room);
	struct page page = {.status = is_safe(&x->asked) ? 301 : 308};

	if (x->r.frame.name.len == 0) {
		exchange_refuse(x, &no_host); /* HTTP/1.0 */
		return;
	}
	route_https(&location, x->r.frame.name, x->conn->listener->https_port, path, x->r.path.query);
	page.location = text_span(&location);
	if (location.full)
		exchange_refuse(x, &long_target);
	else
		exchange_reply(x, &page);
}

/* --- all -------------------------------------------------------------------------------- */

bool exchange_answer_before(struct exchange *x, struct span path)
{
	const struct site *site = x->r.site;
	struct span token;

	if (exchange_is_misdialled(x)) {
		exchange_refuse(x, &https_port);
		return true;
	}
	if (is_misdirected(x)) {
		refuse_misdirected(x);
		return true;
	}
	if (x->conn->link.tls)
		x->r.hsts = site->hsts; /* never without it (RFC 6797 7.2) */
	if (site->acme_dir && route_is_challenge(path, &token)) {
		answer_challenge(x, token);
	} else if (x->conn->listener->redirect) {
		redirect(x, path);
	} else if (site->tls.client_ca && !x->conn->link.tls) {
		exchange_refuse(x, &no_certificate);
	} else {
		if (site->tls.client_ca)
			x->r.asker.subject = tls_subject(x->conn->link.tls);
		return site->form && exchange_answer_form(x, path);
	}
	return true;
}

/* SPDX-License-Identifier: MIT
 *
 * Do our own client and server understand each other however the bytes come,
 * does neither open for one who must not come in, and is every buffer given back
 * and left alone afterwards?
 */
#include "../../src/selfsign.h"
#include "block.h"
#include "pem.h"
#include "tls_pair.h"
#include "uses.h"

#define NOT_OPEN(p) (!tls_is_open((p)->server) && !tls_is_open((p)->client))

static const struct credential *ec[1], *rsa[1], *both[2], *another[1], *guest;
static const struct trust *root, *guests;
static struct pair pair; /* too large for a stack */

static const struct tls_server by_ca = {.verify = TLS_VERIFY_CA, .name = "example.org"};

static struct tls_server trusting(const char *name)
{
	struct tls_server s = by_ca;

	s.name = name;
	s.trust = root;
	return s;
}

static struct pair_kit *open_kit(const struct credential *const *credentials, size_t count)
{
	struct pair_kit *k = pair_kit_open(&pair_counts, 1);

	pair_add_site(k, "example.org", credentials, count);
	return k;
}

static void same_text(const char *got, const char *want)
{
	if (!got || !want ? got != want : strcmp(got, want) != 0)
		fail_msg("got \"%s\", not \"%s\"", got ? got : "(none)", want ? want : "(none)");
}

static void is_open(const struct pair *p)
{
	same_text(tls_why(p->server), NULL);
	same_text(tls_why(p->client), NULL);
	assert_true(tls_is_open(p->server) && tls_is_open(p->client));
	assert_false(tls_is_over(p->server) || tls_is_over(p->client));
	assert_int_equal(pair_buffers_lent(p->kit), 0); /* quiet ones have nothing */
}

static bool has_bytes(const void *in, size_t len, const void *what, size_t what_len)
{
	const unsigned char *at = in;

	for (size_t i = 0; i + what_len <= len; i++)
		if (memcmp(at + i, what, what_len) == 0)
			return true;
	return false;
}

/* A few bytes there and back. */
static void says_hello(struct pair *p)
{
	struct tls *from = p->client, *to = p->server;

	for (int i = 0; i < 2; i++) {
		void *room;
		const void *at;

		assert_true(pair_room(p->kit, from, &room, 5) >= 5);
		memcpy(room, "hello", 5);
		tls_put(from, 5);
		tls_flush(from);
		pair_run(p, CUT_NONE);
		assert_int_equal(tls_peek(to, &at), 5);
		assert_memory_equal(at, "hello", 5);
		tls_take(to, 5);
		tls_rest(from);
		tls_rest(to);
		pair_poison(p->kit, true);
		from = p->server;
		to = p->client;
	}
	assert_int_equal(pair_buffers_lent(p->kit), 0);
}

/* --- hands ----------------------------------------------------------------------- */

static void shakes_hands(void **state)
{
	struct tls_server server = trusting("example.org");
	unsigned char pin[32];

	(void)state;
	for (int kind = 0; kind < 3; kind++) {
		for (enum pair_cut cut = CUT_NONE; cut < PAIR_CUTS; cut++) {
			const struct credential **shown = kind == 0 ? ec : kind == 1 ? rsa : both;
			struct pair_kit *k = open_kit(shown, kind == 2 ? 2 : 1);

			pair_open(&pair, k, &server, NULL);
			assert_true(NOT_OPEN(&pair));
			assert_int_equal(tls_peek(pair.server, &(const void *){NULL}), 0);
			assert_int_equal(pair_room(k, pair.server, &(void *){NULL}, 1), 0);
			pair_run(&pair, cut);
			is_open(&pair);
			assert_ptr_equal(tls_site(pair.server), &k->sites[0].site);
			assert_true(tls_named(pair.server));
			assert_int_equal(tls_subject(pair.server).len, 0);
			assert_false(tls_resumed(pair.server) || tls_resumed(pair.client));
			same_text(tls_suite(pair.server), tls_suite(pair.client));
			assert_non_null(strstr(tls_suite(pair.server), kind == 1 ? "ECDHE-RSA-" : "ECDHE-ECDSA-"));
			credential_hash(pin, credential_cert(kind == 1 ? rsa[0] : ec[0])->key);
			assert_memory_equal(tls_server_key(pair.client), pin, sizeof pin);
			assert_int_equal(k->saves, 1);
			assert_int_not_equal(pair.session.policy, 0);
			says_hello(&pair);
			pair_close(&pair);
			pair_kit_close(k);
		}
	}
}

static void knows_six_suites(void **state)
{
	static const struct {
		uint16_t suite;
		const char *text;
	} suites[] = {
		{BR_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, "TLSv1.2 ECDHE-ECDSA-AES128-GCM-SHA256"},
		{BR_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, "TLSv1.2 ECDHE-RSA-AES128-GCM-SHA256"},
		{BR_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, "TLSv1.2 ECDHE-ECDSA-AES256-GCM-SHA384"},
		{BR_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, "TLSv1.2 ECDHE-RSA-AES256-GCM-SHA384"},
		{BR_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, "TLSv1.2 ECDHE-ECDSA-CHACHA20-POLY1305"},
		{BR_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, "TLSv1.2 ECDHE-RSA-CHACHA20-POLY1305"},
	};
	struct tls_server server = trusting("example.org");

	(void)state;
	for (size_t i = 0; i < COUNT(suites); i++) {
		struct pair_kit *k = open_kit(both, 2);
		struct tls_session session = {0};

		br_ssl_engine_set_suites(&k->kit->client.eng, &suites[i].suite, 1);
		for (int resumed = 0; resumed < 2; resumed++) {
			pair_open(&pair, k, &server, &session);
			pair_run(&pair, CUT_AHEAD);
			is_open(&pair);
			same_text(tls_suite(pair.server), suites[i].text);
			assert_int_equal(tls_resumed(pair.server), resumed);
			says_hello(&pair);
			session = pair.session;
			pair_close(&pair);
		}
		pair_kit_close(k);
	}
}

static void shows_the_site_that_was_asked_for(void **state)
{
	static const struct {
		const char *name; /* the client's */
		size_t site;
		bool literal;
	} cases[] = {
		{"nas", 0, false}, {"EXAMPLE.org", 1, false}, {"a.example.org", 2, false}, {"192.168.1.2", 2, true},
	};
	struct pair_kit *k = pair_kit_open(&pair_counts, 1);

	(void)state;
	pair_add_site(k, "nas", ec, 1);
	pair_add_site(k, "example.org", rsa, 1);
	pair_add_site(k, "", both, 2);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct tls_server server = trusting(cases[i].name);

		server.literal = cases[i].literal;
		pair_open(&pair, k, &server, NULL);
		pair_run(&pair, CUT_NONE);
		is_open(&pair);
		assert_ptr_equal(tls_site(pair.server), &k->sites[cases[i].site].site);
		assert_int_equal(tls_named(pair.server), !cases[i].literal);
		pair_close(&pair);
	}
	pair_kit_close(k);
}

/* A certificate of our own, as a site has it that was given none. */
static void takes_its_own_certificate(void **state)
{
	struct span names[] = {SPAN("home.test")};
	struct selfsign what = {.names = names, .name_count = 1, .from = GW_BUILT - 86400, .until = GW_BUILT + 86400 * 3650};
	unsigned char seed[32] = {7};
	struct text pem = block_text(4096);
	const struct credential *own[1];
	struct tls_server server = {.verify = TLS_VERIFY_PIN, .name = "home.test"};
	struct pair_kit *k;
	char text[4097];

	(void)state;
	same_text(selfsign_make(&pem, &what, seed), NULL);
	memcpy(text, pem.at, pem.len);
	text[pem.len] = 0;
	own[0] = made_credential(text, text);
	k = pair_kit_open(&pair_counts, 1);
	pair_add_site(k, "", own, 1);
	credential_hash(server.pin, credential_cert(own[0])->key);
	pair_open(&pair, k, &server, NULL);
	pair_run(&pair, CUT_RANDOM);
	is_open(&pair);
	says_hello(&pair);
	pair_close(&pair);
	pair_kit_close(k);
	free(pem.at);
}

/* A certificate of which no copy can be kept is refused, be it of no interest; one
 * that is nearly as long goes through many records of a handshake. */
static void takes_certificates_up_to_a_length(void **state)
{
	static char names[170][41], text[24000];
	struct tls_server server = {.verify = TLS_VERIFY_OFF, .name = "home.test"};
	unsigned char seed[32] = {8};
	struct span spans[COUNT(names)];

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		snprintf(names[i], sizeof names[i], "a-rather-long-name-of-a-host-%03zu.test", i);
		spans[i] = span_str(names[i]);
	}
	for (size_t count = 130; count <= COUNT(names); count += COUNT(names) - 130) {
		struct selfsign what = {.names = spans, .name_count = count, .from = GW_BUILT - 86400, .until = GW_BUILT + 86400 * 3650};
		struct text pem = text_in(text, sizeof text - 1);
		const struct credential *own[1];
		struct pair_kit *k = pair_kit_open(&pair_counts, 1);
		size_t len;

		same_text(selfsign_make(&pem, &what, seed), NULL);
		text[pem.len] = 0;
		own[0] = made_credential(text, text);
		len = credential_cert(own[0])->der.len;
		pair_add_site(k, "", own, 1);
		pair_open(&pair, k, &server, NULL);
		pair_run(&pair, CUT_NONE);
		if (count == 130) {
			assert_true(len > GW_PEER_CERT - 1500 && len <= GW_PEER_CERT);
			is_open(&pair);
		} else {
			assert_true(len > GW_PEER_CERT);
			assert_true(NOT_OPEN(&pair));
			same_text(tls_why(pair.client), "the peer's certificate is too long");
		}
		pair_close(&pair);
		pair_kit_close(k);
	}
}

/* --- sessions ------------------------------------------------------------------------ */

static void resumes(void **state)
{
	struct tls_server server = trusting("example.org");
	struct pair_kit *k = open_kit(ec, 1);
	struct tls_session session = {0};
	unsigned char key[32];

	(void)state;
	for (enum pair_cut cut = CUT_NONE; cut < PAIR_CUTS; cut++) {
		bool resumed = session.policy;

		pair_open(&pair, k, &server, &session);
		pair_run(&pair, cut);
		is_open(&pair);
		assert_int_equal(tls_resumed(pair.server), resumed);
		assert_int_equal(tls_resumed(pair.client), resumed);
		assert_ptr_equal(tls_site(pair.server), &k->sites[0].site);
		assert_true(tls_named(pair.server));
		memset(key, 0, sizeof key);
		if (resumed)
			assert_memory_equal(tls_server_key(pair.client), key, sizeof key); /* it showed none */
		says_hello(&pair);
		session = pair.session;
		pair_close(&pair);
	}
	/* and what is resumed once can be resumed once more */
	for (int i = 0; i < 2; i++) {
		pair_open(&pair, k, &server, &session);
		pair_run(&pair, CUT_AHEAD);
		is_open(&pair);
		assert_true(tls_resumed(pair.server) && tls_resumed(pair.client));
		session = pair.session;
		pair_close(&pair);
	}
	pair_kit_close(k);
}

/* A session that must not go on leads to another full handshake, not to a failure. */
static void does_not_resume(void **state)
{
	struct tls_server server = trusting("example.org"), elsewhere = trusting("nas"), unnamed = trusting("192.168.1.2");
	struct tls_session session = {0};
	enum { FIRST, FORGOTTEN, OTHER_POLICY, OTHER_SITE, NO_NAME_GIVEN, FOR_GUESTS, OTHER_SUITE, CASES };
	static const uint16_t only[] = {BR_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384};
	struct pair_kit *k = pair_kit_open(&pair_counts, 1);

	(void)state;
	unnamed.literal = true;
	pair_add_site(k, "example.org", ec, 1);
	pair_add_site(k, "", both, 2);
	for (int i = FIRST; i < CASES; i++) {
		struct tls_session fresh = session;
		const struct tls_server *to = i == OTHER_SITE ? &elsewhere : i == NO_NAME_GIVEN ? &unnamed : &server;
		unsigned saves = k->saves;

		if (i == FORGOTTEN)
			fresh.id[0] ^= 1;
		k->sites[0].site.policy = i == OTHER_POLICY ? 77 : 1;
		k->sites[0].site.client_ca = i == FOR_GUESTS ? guests : NULL;
		server.credential = i == FOR_GUESTS ? guest : NULL;
		if (i == OTHER_SUITE)
			br_ssl_engine_set_suites(&k->kit->client.eng, only, 1);
		pair_open(&pair, k, to, &fresh);
		pair_run(&pair, CUT_NONE);
		is_open(&pair);
		assert_false(tls_resumed(pair.server) || tls_resumed(pair.client));
		assert_ptr_equal(tls_site(pair.server), &k->sites[to == &server ? 0 : 1].site);
		assert_int_equal(k->saves - saves, i != FOR_GUESTS); /* those keep none */
		says_hello(&pair);
		if (i == FIRST)
			session = pair.session;
		pair_close(&pair);
	}
	assert_true(k->hits >= CASES - 2);
	pair_kit_close(k);
}

/* The last look, when all is over: what was looked at ahead is not what it came to. */
static void fails_with_the_session_of_another_site(void **state)
{
	struct tls_server server = trusting("example.org");
	struct tls_session session;

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct pair_kit *k = open_kit(ec, 1);

		pair_open(&pair, k, &server, NULL);
		pair_run(&pair, CUT_NONE);
		is_open(&pair);
		session = pair.session;
		pair_close(&pair);
		pair_open(&pair, k, &server, &session);
		while (pair_send(k, pair.client, &pair.up, CUT_NONE))
			;
		while (pair_read(k, pair.server, &pair.up, CUT_NONE)) /* the ClientHello */
			;
		if (i == 0)
			k->sites[0].site.policy = 2;
		else if (i == 1)
			k->sites[0].site.client_ca = guests;
		else
			k->site_count = 0;
		pair_run(&pair, CUT_NONE);
		assert_false(tls_is_open(pair.server));
		assert_true(tls_is_over(pair.server));
		same_text(tls_why(pair.server), "the client brought the session of another site");
		assert_int_equal(tls_peek(pair.server, &(const void *){NULL}), 0);
		pair_close(&pair);
		pair_kit_close(k);
	}
}

/* BearSSL 0.6 dies of a session that goes on with a list of ALPN names of which
 * it has none. */
static void survives_foreign_protocols(void **state)
{
	static const char *ours[] = {"http/1.1"}, *foreign[] = {"foo", "h2"};
	struct tls_server server = trusting("example.org");
	struct pair_kit *k = open_kit(ec, 1);
	struct tls_session session = {0};

	(void)state;
	for (int i = 0; i < 3; i++) {
		br_ssl_engine_set_protocol_names(&k->kit->client.eng, i == 0 ? ours : foreign, i == 0 ? 1 : 2);
		pair_open(&pair, k, &server, &session);
		assert_true(pair_send(k, pair.client, &pair.up, CUT_NONE));
		assert_true(has_bytes(pair.up.at, pair.up.to, i == 0 ? "\x08http/1.1" : "\x03" "foo\x02h2", i == 0 ? 9 : 7));
		pair_run(&pair, CUT_AHEAD);
		is_open(&pair);
		assert_int_equal(tls_resumed(pair.server), i > 0);
		assert_null(br_ssl_engine_get_selected_protocol(pair.client->eng));
		says_hello(&pair);
		session = pair.session;
		pair_close(&pair);
	}
	pair_kit_close(k);
}

/* Who cuts a hello into records, or says a very long one, may come in; a session
 * goes on only when the name can be seen beside it. */
static void reads_hellos_in_many_records(void **state)
{
	static const size_t pieces[] = {1, 2, 4, 5, 39, 100, 10000};
	static char names[20][201];
	const char *list[COUNT(names)];
	struct tls_server server = trusting("example.org");
	struct pair_kit *k = open_kit(ec, 1);
	struct tls_session session = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		memset(names[i], 'a' + (int)i, 200);
		list[i] = names[i];
	}
	for (int large = 0; large < 2; large++) {
		if (large)
			br_ssl_engine_set_protocol_names(&k->kit->client.eng, list, COUNT(list));
		for (size_t i = 0; i < COUNT(pieces); i++) {
			static unsigned char hello[8000];
			size_t len = 0;

			pair_open(&pair, k, &server, &session);
			while (pair_send(k, pair.client, &pair.up, CUT_NONE))
				;
			while (wire_held(&pair.up)) { /* out of its records */
				const unsigned char *at = pair.up.at + pair.up.from;
				size_t part = (size_t)at[3] << 8 | at[4];

				memcpy(hello + len, at + 5, part);
				len += part;
				wire_take(&pair.up, 5 + part);
			}
			assert_true(large == (len > 4000));
			for (size_t at = 0, n; at < len; at += n) { /* and into others */
				n = pieces[i] < len - at ? pieces[i] : len - at;
				wire_put(&pair.up, (unsigned char[]){22, 3, 1, (unsigned char)(n >> 8), (unsigned char)n}, 5);
				wire_put(&pair.up, hello + at, n);
			}
			pair_run(&pair, i % 2 ? CUT_NONE : CUT_AHEAD);
			is_open(&pair);
			assert_int_equal(tls_resumed(pair.server), !large && session.policy && pieces[i] >= len);
			says_hello(&pair);
			session = pair.session;
			pair_close(&pair);
		}
	}
	pair_kit_close(k);
}

/* --- who must not come in ---------------------------------------------------------------- */

/* The alert in clear that is on its way down, or 0. */
static unsigned alert_on(const struct pair_wire *w)
{
	const unsigned char *at = w->at + w->to - 7;

	if (w->to < 7 || at[0] != 21 || at[1] != 3 || at[3] != 0 || at[4] != 2)
		return 0;
	assert_int_equal(at[5], 2);
	return at[6];
}

static void refuses_unknown_names(void **state)
{
	static const unsigned char alert[7] = {21, 3, 3, 0, 2, 2, 112};
	struct tls_server server = trusting("elsewhere.net"), unnamed = trusting("192.168.1.2");

	(void)state;
	unnamed.literal = true;
	for (enum pair_cut cut = CUT_NONE; cut < PAIR_CUTS; cut++) {
		struct pair_kit *k = open_kit(ec, 1);

		pair_open(&pair, k, cut == CUT_AHEAD ? &unnamed : &server, NULL);
		while (pair_send(k, pair.client, &pair.up, cut))
			;
		while (pair_read(k, pair.server, &pair.up, cut))
			;
		assert_false(tls_is_over(pair.server)); /* it has something to say */
		while (pair_send(k, pair.server, &pair.down, cut))
			;
		assert_int_equal(wire_held(&pair.down), sizeof alert);
		assert_memory_equal(pair.down.at + pair.down.from, alert, sizeof alert);
		assert_true(tls_is_over(pair.server));
		assert_false(tls_was_closed(pair.server));
		same_text(tls_why(pair.server), "the client asked for a name that is no site's");
		pair_run(&pair, cut);
		same_text(tls_why(pair.client), "TLS: the peer has no such name");
		assert_true(tls_is_over(pair.client));
		assert_true(NOT_OPEN(&pair));
		pair_close(&pair);
		pair_kit_close(k);
	}
}

static void asks_clients_for_certificates(void **state)
{
	static const struct {
		int shown; /* 0: nothing, 1: of an authority, 2: of itself */
		const char *server_why, *client_why;
		unsigned alert;
	} cases[] = {
		{1, NULL, NULL, 0},
		{0, "TLS: the client showed no certificate", "TLS: the peer says handshake_failure: nothing in common, or it wants a certificate", 40},
		{2, "TLS: the peer's certificate is not from an authority that is trusted here", "TLS: the peer does not know who issued our certificate", 48},
	};
	struct tls_server server = trusting("example.org");

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct pair_kit *k = open_kit(both, 2);

		k->sites[0].site.client_ca = guests;
		server.credential = cases[i].shown == 0 ? NULL : cases[i].shown == 1 ? guest : another[0];
		pair_open(&pair, k, &server, NULL);
		pair_run(&pair, (enum pair_cut)i);
		same_text(tls_why(pair.server), cases[i].server_why);
		same_text(tls_why(pair.client), cases[i].client_why);
		assert_int_equal(alert_on(&pair.down), cases[i].alert);
		if (!cases[i].server_why) {
			is_open(&pair);
			block_same(tls_subject(pair.server), "CN=c.test", "the guest");
			assert_ptr_equal(tls_site(pair.server), &k->sites[0].site);
			says_hello(&pair);
		} else {
			assert_true(NOT_OPEN(&pair));
			assert_true(tls_is_over(pair.server) && tls_is_over(pair.client));
			assert_int_equal(tls_subject(pair.server).len, 0);
		}
		assert_int_equal(k->saves, 0);
		pair_close(&pair);
		pair_kit_close(k);
	}
	/* where nobody asks, the same credential is not shown */
	struct pair_kit *k = open_kit(ec, 1);
	server.credential = guest;
	pair_open(&pair, k, &server, NULL);
	pair_run(&pair, CUT_NONE);
	is_open(&pair);
	assert_int_equal(tls_subject(pair.server).len, 0);
	pair_close(&pair);
	pair_kit_close(k);
}

/* RFC 5280 4.2.1.12: what it is not for it is not taken for, though it is of the
 * right authority: who has a server's key is no client. */
static void minds_what_certificates_are_for(void **state)
{
	static const char not_clients[] = "the client's certificate is not for clients (extendedKeyUsage)";
	static const char not_servers[] = "the server's certificate is not for servers (extendedKeyUsage)";
	static const struct {
		const char *pem, *as_client, *as_server; /* why it is refused; NULL: it is not */
		unsigned alert; /* to the client */
	} cases[] = {
		{USE_ALL USE_KEY, NULL, NULL, 0},
		{USE_CLIENT USE_KEY, NULL, not_servers, 0},
		{USE_SERVER USE_KEY, not_clients, NULL, 43},
		{USE_TWO USE_KEY, NULL, NULL, 0},
		{USE_ANY USE_KEY, NULL, NULL, 0},
		{USE_CODE USE_KEY, not_clients, not_servers, 43},
		{USE_AGREE USE_KEY, "the client's certificate is not for signatures (keyUsage)", NULL, 42},
		{USE_SIGN USE_KEY, NULL, NULL, 0},
		{USE_NOBODY USE_KEY, "the client's certificate has no subject", NULL, 42},
	};
	const struct trust *authority = made_trust(USE_CA);

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct credential *shown[] = {made_credential(cases[i].pem, cases[i].pem)};
		struct tls_server server = trusting("example.org");
		struct pair_kit *k = open_kit(both, 2);

		k->sites[0].site.client_ca = authority;
		server.credential = shown[0];
		pair_open(&pair, k, &server, NULL);
		pair_run(&pair, (enum pair_cut)(i % PAIR_CUTS));
		same_text(tls_why(pair.server), cases[i].as_client);
		assert_int_equal(alert_on(&pair.down), cases[i].alert);
		assert_true(cases[i].as_client ? NOT_OPEN(&pair) : tls_is_open(pair.server));
		pair_close(&pair);
		pair_kit_close(k);

		k = open_kit(shown, 1);
		server = trusting("example.org");
		server.trust = authority;
		for (uint8_t verify = TLS_VERIFY_CA; verify <= TLS_VERIFY_OFF; verify++) {
			if (verify == TLS_VERIFY_PIN)
				continue;
			server.verify = verify;
			pair_open(&pair, k, &server, NULL);
			pair_run(&pair, (enum pair_cut)(i % PAIR_CUTS));
			same_text(tls_why(pair.client), verify == TLS_VERIFY_CA ? cases[i].as_server : NULL);
			assert_true(tls_why(pair.client) ? NOT_OPEN(&pair) : tls_is_open(pair.client));
			pair_close(&pair);
		}
		pair_kit_close(k);
	}
}

/* A good certificate of somebody else's, and its key is not there to sign with. */
static void wants_the_key_of_the_certificate(void **state)
{
	struct tls_server server = trusting("example.org");
	struct credential thief = *guest;
	struct pair_kit *k = open_kit(ec, 1);

	(void)state;
	thief.ec = another[0]->ec;
	server.credential = &thief;
	k->sites[0].site.client_ca = guests;
	pair_open(&pair, k, &server, NULL);
	pair_run(&pair, CUT_NONE);
	assert_true(NOT_OPEN(&pair));
	same_text(tls_why(pair.server), "TLS: a signature is wrong");
	assert_int_equal(alert_on(&pair.down), 51);
	pair_close(&pair);

	/* the same on the other side */
	struct credential fake = *ec[0];
	const struct credential *shown[] = {&fake};
	fake.ec = another[0]->ec;
	k->sites[0].site = (struct tls_site){.credentials = shown, .count = 1, .policy = 1};
	server.credential = NULL;
	server.verify = TLS_VERIFY_OFF;
	pair_open(&pair, k, &server, NULL);
	pair_run(&pair, CUT_NONE);
	assert_true(NOT_OPEN(&pair));
	same_text(tls_why(pair.client), "TLS: a signature is wrong");
	pair_close(&pair);
	pair_kit_close(k);
}

static void verifies_servers(void **state)
{
	enum { OWN = 1, LATE = 2, EARLY = 4, LITERAL = 8, GUESTS = 16 };
	static const struct {
		uint8_t verify;
		const char *name;
		int flags;
		const char *why; /* NULL: it opens */
	} cases[] = {
		{TLS_VERIFY_CA, "example.org", 0, NULL},
		{TLS_VERIFY_CA, "Www.Example.Org", 0, NULL},
		{TLS_VERIFY_CA, "192.168.1.2", LITERAL, NULL},
		{TLS_VERIFY_CA, "fd00::1", LITERAL, NULL},
		{TLS_VERIFY_CA, "192.168.1.3", LITERAL, "the server's certificate is for another name"},
		{TLS_VERIFY_CA, "example.net", 0, "the server's certificate is for another name"},
		{TLS_VERIFY_CA, "a.b.example.org", 0, "the server's certificate is for another name"},
		{TLS_VERIFY_CA, "not-this.example.net", 0, "the server's certificate is for another name"}, /* its commonName */
		{TLS_VERIFY_CA, "example.org", LATE, "TLS: the peer's certificate has expired, or is not valid yet"},
		{TLS_VERIFY_CA, "example.org", EARLY, "TLS: the peer's certificate has expired, or is not valid yet"},
		{TLS_VERIFY_CA, "example.org", GUESTS, "TLS: the peer's certificate is not from an authority that is trusted here"},
		{TLS_VERIFY_CA, "a.test", OWN, "TLS: the peer's certificate is not from an authority that is trusted here"},
		{TLS_VERIFY_PIN, "example.org", 0, NULL},
		{TLS_VERIFY_PIN, "whatever.it.is", LATE, NULL}, /* the key is all that counts */
		{TLS_VERIFY_PIN, "example.org", OWN, "the server's key is not the pinned one"},
		{TLS_VERIFY_OFF, "a.test", OWN, NULL},
		{TLS_VERIFY_OFF, "10.0.0.1", OWN | LITERAL | LATE, NULL},
	};
	br_ssl_session_parameters old = {.session_id_len = 32, .version = BR_TLS12, .cipher_suite = BR_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256};
	struct tls_session session = {.policy = 1};
	unsigned char key[32];

	(void)state;
	tls_session_put(&session, &old); /* that the server does not know */
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct credential **shown = cases[i].flags & OWN ? another : ec;
		struct pair_kit *k = pair_kit_open(&pair_counts, 1);
		struct tls_server server = trusting(cases[i].name);

		pair_add_site(k, "", shown, 1);
		server.verify = cases[i].verify;
		server.literal = cases[i].flags & LITERAL;
		server.trust = cases[i].verify != TLS_VERIFY_CA ? NULL : cases[i].flags & GUESTS ? guests : root;
		credential_hash(server.pin, credential_cert(ec[0])->key);
		if (cases[i].flags & LATE)
			tls_clock(k->kit, credential_cert(ec[0])->until + 1);
		if (cases[i].flags & EARLY)
			tls_clock(k->kit, 0); /* the day it was built: the certificate is younger */
		pair_open(&pair, k, &server, &session);
		pair_run(&pair, (enum pair_cut)(i % PAIR_CUTS));
		if (cases[i].why ? tls_is_open(pair.client) : !tls_is_open(pair.client))
			fail_msg("case %zu, %s: %s", i, cases[i].name, tls_why(pair.client) ? tls_why(pair.client) : "open");
		same_text(tls_why(pair.client), cases[i].why);
		if (cases[i].why) {
			assert_false(tls_is_open(pair.server));
			assert_non_null(tls_why(pair.server)); /* it was told */
			assert_int_equal(pair.session.policy, 0);
		} else {
			credential_hash(key, credential_cert(shown[0])->key);
			assert_memory_equal(tls_server_key(pair.client), key, sizeof key);
			says_hello(&pair);
		}
		pair_close(&pair);
		pair_kit_close(k);
	}
}

static void refuses_old_versions(void **state)
{
	struct tls_server server = trusting("example.org");
	struct pair_kit *k = open_kit(ec, 1);

	(void)state;
	br_ssl_engine_set_versions(&k->kit->client.eng, BR_TLS10, BR_TLS11);
	pair_open(&pair, k, &server, NULL);
	pair_run(&pair, CUT_NONE);
	assert_true(NOT_OPEN(&pair));
	same_text(tls_why(pair.server), "TLS: the peer does not speak TLS 1.2");
	assert_int_equal(alert_on(&pair.down), 70);
	pair_close(&pair);
	pair_kit_close(k);
}

#define SOME_WORDS "words that nobody understands here "
#define WORDS SOME_WORDS SOME_WORDS SOME_WORDS SOME_WORDS SOME_WORDS SOME_WORDS SOME_WORDS SOME_WORDS /* 0x101 at least */

static void refuses_what_is_no_tls(void **state)
{
	static const char *const sent[] = {
		"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "\x16\x02\x01.......", "\x80\x2e\x01\x03\x01......", "\x17\x03\x03\x01\x01" WORDS,
		"\x16\x03\x03\x7f\xff", "\x18\x03\x03\x01\x01" WORDS, "\x14\x03\x03\x01\x01" WORDS,
	};
	struct tls_server server = trusting("example.org");

	(void)state;
	for (size_t i = 0; i < COUNT(sent); i++) {
		for (enum pair_cut cut = CUT_NONE; cut < PAIR_CUTS; cut++) {
			struct pair_kit *k = open_kit(ec, 1);

			pair_open(&pair, k, &server, NULL);
			pair_end(&pair, &pair.client);
			wire_put(&pair.up, sent[i], strlen(sent[i]));
			pair_run(&pair, cut);
			assert_false(tls_is_open(pair.server));
			assert_true(tls_is_over(pair.server));
			assert_non_null(tls_why(pair.server));
			assert_int_equal(pair.down.to, 7); /* it says why */
			assert_int_not_equal(alert_on(&pair.down), 0);
			pair_close(&pair);
			pair_kit_close(k);
		}
	}
}

/* --- broken off, or changed --------------------------------------------------------------- */

/* A handshake of which so many bytes arrive; a resumed one if there is a session. */
static void cut_off(struct pair_kit *k, const struct tls_session *session, size_t up, size_t down)
{
	struct tls_server server = trusting("example.org");

	pair_open(&pair, k, &server, session);
	pair.up.limit = up;
	pair.down.limit = down;
	pair_run(&pair, up % 2 ? CUT_AHEAD : CUT_NONE);
}

static void opens_only_for_all_of_it(void **state)
{
	struct pair_kit *k = open_kit(ec, 1);
	struct tls_session session = {0};

	(void)state;
	for (int resumed = 0; resumed < 2; resumed++) {
		size_t up, down;

		if (resumed) { /* a session that is still kept */
			cut_off(k, &session, 0, 0);
			session = pair.session;
			pair_close(&pair);
		}
		cut_off(k, &session, 0, 0);
		is_open(&pair);
		assert_int_equal(tls_resumed(pair.server), resumed);
		up = pair.up.all;
		down = pair.down.all;
		pair_close(&pair);
		for (size_t n = 1; n < up; n++) {
			cut_off(k, &session, n, 0);
			assert_false(tls_is_open(pair.server) || tls_is_over(pair.server));
			same_text(tls_why(pair.server), NULL);
			assert_false(!resumed && tls_is_open(pair.client));
			pair_close(&pair);
		}
		for (size_t n = 1; n < down; n++) {
			cut_off(k, &session, 0, n);
			assert_false(tls_is_open(pair.client) || tls_is_over(pair.client));
			same_text(tls_why(pair.client), NULL);
			assert_false(resumed && tls_is_open(pair.server));
			pair_close(&pair);
		}
	}
	pair_kit_close(k);
}

/* One bit anywhere, and never do both ends open; nor the one that was lied to. */
static void opens_only_for_the_truth(void **state)
{
	struct tls_server server = trusting("example.org");
	struct pair_kit *k = open_kit(ec, 1);
	size_t lengths[2];

	(void)state;
	pair_open(&pair, k, &server, NULL);
	pair_run(&pair, CUT_NONE);
	lengths[0] = pair.up.all;
	lengths[1] = pair.down.all;
	pair_close(&pair);
	for (int down = 0; down < 2; down++) {
		for (size_t n = 0; n < lengths[down]; n++) {
			struct pair_wire *w = down ? &pair.down : &pair.up;
			bool version;

			pair_open(&pair, k, &server, NULL);
			w->limit = n; /* 0 is all: then the first byte is changed on its way */
			if (n)
				pair_run(&pair, CUT_NONE);
			else
				while (pair_send(k, pair.client, &pair.up, CUT_NONE) || (down && pair_read(k, pair.server, &pair.up, CUT_NONE)) ||
				       (down && pair_send(k, pair.server, &pair.down, CUT_NONE)))
					;
			assert_true(w->to > w->from);
			version = n == 1 || n == 2; /* of the first record: it says little (RFC 5246 E.1) */
			w->at[w->from] ^= 1;
			w->limit = 0;
			pair_run(&pair, CUT_NONE);
			if (!version && tls_is_open(pair.client) && tls_is_open(pair.server))
				fail_msg("both are open, with byte %zu changed on the way %s", n, down ? "down" : "up");
			if (!version && tls_is_open(down ? pair.client : pair.server))
				fail_msg("it believes what is not true: byte %zu on the way %s", n, down ? "down" : "up");
			pair_close(&pair);
		}
	}
	pair_kit_close(k);
}

/* --- records of one's own making ------------------------------------------------------------- */

/* An encrypted record of any type, behind what this end has sent. */
static void send_record(struct pair_wire *w, struct tls *from, int type, const void *at, size_t len)
{
	br_ssl_engine_context *e = from->eng;
	unsigned char room[17000], *record;
	size_t start = 5, end = sizeof room;

	e->out.vtable->max_plaintext(&e->out.vtable, &start, &end);
	assert_true(len <= end - start);
	memcpy(room + start, at, len);
	record = e->out.vtable->encrypt(&e->out.vtable, type, BR_TLS12, room + start, &len);
	wire_put(w, record, len);
}

/* The next record on the wire, made readable for those whom BearSSL does not let
 * see it; its type. */
static int open_record(struct pair_wire *w, struct tls *to, unsigned char *room, size_t *len)
{
	br_ssl_engine_context *e = to->eng;
	unsigned char *at = w->at + w->from, *plain;
	size_t payload;

	assert_true(w->to - w->from > 5);
	payload = (size_t)at[3] << 8 | at[4];
	*len = payload;
	plain = e->in.vtable->decrypt(&e->in.vtable, at[0], BR_TLS12, at + 5, len);
	assert_non_null(plain);
	memcpy(room, plain, *len);
	wire_take(w, 5 + payload);
	return at[0];
}

/* A ClientHello as a message; much of it need not make sense. */
static size_t client_hello(unsigned char *at)
{
	size_t len = 60;

	memset(at, 0, len + 4);
	at[0] = 1;
	at[3] = (unsigned char)len;
	at[4] = at[5] = 3;
	return len + 4;
}

static void hears(struct tls *t, const char *what)
{
	const void *at;

	assert_int_equal(tls_peek(t, &at), strlen(what));
	assert_memory_equal(at, what, strlen(what));
	tls_take(t, strlen(what));
	tls_rest(t);
}

/* Again and again, in one record and in many: it is told no, and all goes on. */
static void does_not_renegotiate(void **state)
{
	struct tls_server server = trusting("example.org");
	struct pair_kit *k = open_kit(ec, 1);
	unsigned char hello[100], alert[64];
	size_t len, got;

	(void)state;
	pair_open(&pair, k, &server, NULL);
	pair_run(&pair, CUT_NONE);
	is_open(&pair);
	for (int i = 0; i < 6; i++) {
		len = client_hello(hello);
		for (size_t at = 0, n; at < len; at += n) {
			n = i % 2 ? len - at : (size_t)rand() % 20 + 1;
			if (n > len - at)
				n = len - at;
			send_record(&pair.up, pair.client, 22, hello + at, n);
		}
		send_record(&pair.up, pair.client, 23, "still here", 10);
		while (pair_read(k, pair.server, &pair.up, i % 3 ? CUT_NONE : CUT_BYTES))
			;
		assert_true(tls_is_open(pair.server));
		hears(pair.server, "still here");
		while (pair_send(k, pair.server, &pair.down, CUT_NONE))
			;
		assert_int_equal(open_record(&pair.down, pair.client, alert, &got), 21);
		assert_int_equal(got, 2);
		assert_int_equal(alert[0], 1); /* a warning */
		assert_int_equal(alert[1], 100);
		assert_int_equal(wire_held(&pair.down), 0);
		assert_int_equal(pair_buffers_lent(k), 0);
		says_hello(&pair);
	}
	/* BearSSL's client takes the no for the end */
	len = client_hello(hello);
	send_record(&pair.up, pair.client, 22, hello, len);
	pair_run(&pair, CUT_NONE);
	same_text(tls_why(pair.client), "TLS: the peer does not renegotiate");
	same_text(tls_why(pair.server), NULL);
	pair_close(&pair);
	pair_kit_close(k);
}

/* While our own record waits to be sent, the no cannot be said. Whatever then
 * becomes of the connection: it is over, or it can go on; it does not stop. */
static void does_not_stop_at_a_renegotiation(void **state)
{
	struct tls_server server = trusting("example.org");
	struct pair_kit *k = open_kit(ec, 1);
	unsigned char hello[100];
	size_t len = client_hello(hello);
	void *room, *to;
	const void *at;

	(void)state;
	pair_open(&pair, k, &server, NULL);
	pair_run(&pair, CUT_NONE);
	is_open(&pair);
	assert_true(pair_room(k, pair.server, &room, 4) >= 4);
	memcpy(room, "long", 4);
	tls_put(pair.server, 4);
	tls_flush(pair.server); /* and nobody takes it */
	tls_rest(pair.server);
	for (int i = 0; i < 2; i++)
		send_record(&pair.up, pair.client, 22, hello, len);
	send_record(&pair.up, pair.client, 23, "still here", 10);
	while (pair_read(k, pair.server, &pair.up, CUT_NONE))
		;
	if (!tls_is_over(pair.server) && tls_peek(pair.server, &at) == 0)
		assert_true(tls_record_room(pair.server, &to) > 0);
	/* what was to be sent can be sent, and then it goes on */
	while (pair_send(k, pair.server, &pair.down, CUT_NONE))
		;
	while (pair_read(k, pair.server, &pair.up, CUT_NONE))
		;
	if (!tls_is_over(pair.server)) {
		assert_true(tls_is_open(pair.server));
		hears(pair.server, "still here");
	}
	pair_close(&pair);
	pair_kit_close(k);
}

/* --- not a byte too early ----------------------------------------------------------------------- */

/* Reads as link does while hands are being shaken: exactly what is wanted and is
 * sure to come. Whatever stands behind must not be among it. */
static void read_ahead(struct pair_kit *k, struct tls *t, struct pair_wire *w)
{
	while (!tls_is_open(t) && !tls_is_over(t) && tls_record_peek(t, &(const void *){NULL}) == 0)
		if (!pair_read(k, t, w, CUT_AHEAD))
			break;
}

static const uint16_t one_suite[3] = {
	BR_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, BR_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, BR_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
};

/* The peer's last flight and its first plaintext in one stream, in both kinds of
 * handshakes; in a full one the client is not even allowed to (RFC 7918). */
static void takes_no_plaintext_early(void **state)
{
	struct tls_server server = trusting("example.org");

	(void)state;
	for (size_t suite = 0; suite < 3; suite++) {
		struct pair_kit *k = open_kit(ec, 1);
		struct tls_session session = {0}, made = {0};

		br_ssl_engine_set_suites(&k->kit->client.eng, &one_suite[suite], 1);
		for (int resumed = 0; resumed < 2; resumed++, session = made) {
			for (size_t part = 0; part < 140; part += suite ? 9 : 1) {
				size_t size = part % 2 ? 1 : 20;
				struct tls *early, *reader;
				struct pair_wire *w;
				static const char words[] = "early words, not many";

				pair_open(&pair, k, &server, &session);
				for (int i = 0; i < 3; i++) {
					while (pair_send(k, pair.client, &pair.up, CUT_NONE))
						;
					if (i < 2 && !(resumed && i == 1))
						read_ahead(k, pair.server, &pair.up);
					if (!(resumed ? i == 0 : i < 1))
						continue;
					while (pair_send(k, pair.server, &pair.down, CUT_NONE))
						;
					read_ahead(k, pair.client, &pair.down);
				}
				/* now the Finished of who speaks first is sent, and not read */
				early = pair.client;
				reader = pair.server;
				w = &pair.up;
				if (!resumed)
					assert_false(tls_is_open(early));
				else
					assert_true(tls_is_open(early));
				assert_false(tls_is_open(reader));
				send_record(w, early, 23, words, size);
				send_record(w, early, 23, words, size);
				w->limit = part ? w->out + part : 0; /* it comes in two pieces */
				read_ahead(k, reader, w);
				w->limit = 0;
				read_ahead(k, reader, w);
				/* all of the Finished, nothing else: the next byte is one of a header */
				assert_int_equal(wire_held(w), 2 * (size + (suite == 0 ? 21 : 29)));
				while (pair_send(k, reader, &pair.down, CUT_NONE))
					;
				assert_true(tls_is_open(reader));
				same_text(tls_why(reader), NULL);
				for (int i = 0; i < 2; i++) {
					const void *at;

					while (tls_peek(reader, &at) == 0)
						assert_true(pair_read(k, reader, w, CUT_NONE));
					assert_int_equal(tls_peek(reader, &at), size);
					assert_memory_equal(at, words, size);
					tls_take(reader, size);
					tls_rest(reader);
				}
				pair_run(&pair, CUT_NONE);
				is_open(&pair);
				assert_int_equal(tls_resumed(reader), resumed);
				made = pair.session;
				pair_close(&pair);
			}
		}
		pair_kit_close(k);
	}
}

/* The same the other way: a server that speaks first, right behind its Finished. */
static void takes_no_plaintext_early_from_servers(void **state)
{
	struct tls_server server = trusting("example.org");

	(void)state;
	for (size_t suite = 0; suite < 3; suite++) {
		struct pair_kit *k = open_kit(ec, 1);

		br_ssl_engine_set_suites(&k->kit->client.eng, &one_suite[suite], 1);
		pair_open(&pair, k, &server, NULL);
		for (int i = 0; i < 2; i++) {
			while (pair_send(k, pair.client, &pair.up, CUT_NONE))
				;
			read_ahead(k, pair.server, &pair.up);
			while (pair_send(k, pair.server, &pair.down, CUT_NONE))
				;
			if (i == 0)
				read_ahead(k, pair.client, &pair.down);
		}
		assert_true(tls_is_open(pair.server));
		assert_false(tls_is_open(pair.client));
		send_record(&pair.down, pair.server, 23, "welcome", 7);
		read_ahead(k, pair.client, &pair.down);
		assert_true(tls_is_open(pair.client));
		assert_int_equal(wire_held(&pair.down), 7 + (suite == 0 ? 21 : 29));
		pair_run(&pair, CUT_NONE);
		hears(pair.client, "welcome");
		is_open(&pair);
		pair_close(&pair);
		pair_kit_close(k);
	}
}

/* --- plaintext -------------------------------------------------------------------------------------- */

static unsigned char pattern(size_t i, unsigned way)
{
	return (unsigned char)(i * 7 + i / 251 + way * 101);
}

struct talk {
	struct tls *t;
	size_t size, sent, got; /* size: both ways */
	unsigned way;
	bool flushed;
};

static void talk_put(struct pair_kit *k, struct talk *me)
{
	unsigned char *room;
	size_t n = pair_room(k, me->t, (void **)(void *)&room, me->size - me->sent);

	tls_rest(me->t);
	pair_look(k);
	if (me->sent == me->size || pair_room(k, me->t, (void **)(void *)&room, me->size - me->sent) == 0)
		return;
	n = (size_t)rand() % (n < 3000 ? n : rand() % 2 ? n : 3000) + 1;
	if (n > me->size - me->sent)
		n = me->size - me->sent;
	for (size_t i = 0; i < n; i++)
		room[i] = pattern(me->sent + i, me->way);
	tls_put(me->t, n);
	me->sent += n;
	tls_rest(me->t);
	pair_look(k);
}

static void talk_take(struct pair_kit *k, struct talk *me)
{
	const unsigned char *at;
	size_t n = tls_peek(me->t, (const void **)(void *)&at);

	tls_rest(me->t);
	pair_look(k);
	if (n == 0)
		return;
	n = (size_t)rand() % n + 1;
	for (size_t i = 0; i < n; i++)
		if (at[i] != pattern(me->got + i, !me->way))
			fail_msg("byte %zu of %zu is wrong", me->got + i, me->size);
	tls_take(me->t, n);
	me->got += n;
	tls_rest(me->t);
	pair_look(k);
}

static void talk(struct pair *p, size_t size, enum pair_cut cut)
{
	struct talk ends[2] = {{p->client, size, 0, 0, 0, false}, {p->server, size, 0, 0, 1, false}};
	unsigned quiet = 0;

	while (ends[0].got < size || ends[1].got < size) {
		size_t before = ends[0].got + ends[1].got + p->up.all + p->down.all;

		for (int i = 0; i < 2; i++) {
			struct talk *me = &ends[i];
			struct pair_wire *out = i ? &p->down : &p->up, *in = i ? &p->up : &p->down;

			talk_put(p->kit, me);
			if (me->sent == size || rand() % 4 == 0) {
				tls_flush(me->t);
				tls_rest(me->t);
				pair_look(p->kit);
			}
			for (int n = cut == CUT_BYTES ? 500 : rand() % 4; n && pair_send(p->kit, me->t, out, cut); n--)
				;
			for (int n = cut == CUT_BYTES ? 500 : rand() % 4; n && pair_read(p->kit, me->t, in, cut); n--)
				;
			talk_take(p->kit, me);
		}
		quiet = before == ends[0].got + ends[1].got + p->up.all + p->down.all ? quiet + 1 : 0;
		if (quiet > 100)
			fail_msg("it stalls at %zu and %zu of %zu", ends[0].got, ends[1].got, size);
	}
	pair_run(p, cut);
	is_open(p);
	assert_int_equal(tls_peek(p->client, &(const void *){NULL}) + tls_peek(p->server, &(const void *){NULL}), 0);
}

static void carries_plaintext(void **state)
{
	static const size_t sizes[] = {0, 1, 2, 15, 16, 17, 511, 512, 4095, 4096, 4097, 5000, 8192, 16383, 16384, 16385, 20000, 40000};
	struct tls_server server = trusting("example.org");

	(void)state;
	for (size_t suite = 0; suite < 3; suite++) {
		struct pair_kit *k = open_kit(ec, 1);

		br_ssl_engine_set_suites(&k->kit->client.eng, &one_suite[suite], 1);
		for (enum pair_cut cut = CUT_NONE; cut < CUT_AHEAD; cut++) {
			pair_open(&pair, k, &server, NULL);
			pair_run(&pair, cut);
			is_open(&pair);
			for (size_t i = 0; i < COUNT(sizes); i++)
				if (cut != CUT_BYTES || sizes[i] <= 5000)
					talk(&pair, sizes[i], cut);
			talk(&pair, (size_t)rand() % 40000, CUT_NONE);
			pair_close(&pair);
		}
		pair_kit_close(k);
	}
}

/* Puts as much as there is room for, until all is on the wire. */
static void send_much(struct pair *p, struct tls *from, struct pair_wire *w, size_t size)
{
	unsigned char *room;
	size_t n;

	for (size_t sent = 0; sent < size; sent += n) {
		n = pair_room(p->kit, from, (void **)(void *)&room, size - sent);
		assert_true(n > 0);
		if (n > size - sent)
			n = size - sent;
		for (size_t i = 0; i < n; i++)
			room[i] = pattern(sent + i, 1);
		tls_put(from, n);
		if (sent + n == size)
			tls_flush(from);
		while (pair_send(p->kit, from, w, CUT_NONE))
			;
	}
}

/* Longest record on the wire, without its header. */
static size_t longest(const struct pair_wire *w)
{
	size_t most = 0, len;

	for (size_t at = w->from; at < w->to; at += 5 + len) {
		assert_true(w->to - at >= 5);
		len = (size_t)w->at[at + 3] << 8 | w->at[at + 4];
		if (len > most)
			most = len;
	}
	return most;
}

static void receive_much(struct pair *p, struct tls *to, struct pair_wire *w, size_t size)
{
	const unsigned char *at;
	size_t got = 0, n;

	while (got < size) {
		while ((n = tls_peek(to, (const void **)(void *)&at)) == 0)
			assert_true(pair_read(p->kit, to, w, CUT_NONE));
		for (size_t i = 0; i < n; i++)
			assert_int_equal(at[i], pattern(got + i, 1));
		tls_take(to, n);
		tls_rest(to);
		pair_look(p->kit);
		got += n;
	}
	assert_int_equal(got, size);
	assert_int_equal(wire_held(w), 0);
}

/* A client that asks for short records gets them, in the handshake and later, though
 * the buffers are larger (RFC 6066 4). */
static void keeps_records_short(void **state)
{
	struct tls_server server = trusting("example.org");

	(void)state;
	for (unsigned log = 9; log <= 12; log++) {
		struct pair_kit *k = open_kit(ec, 1);
		size_t most = (size_t)1 << log;

		pair_open(&pair, k, &server, NULL);
		/* ours does not ask: it is made to say its hello once more */
		static unsigned char in[4096 + 325], out[4096 + 85];
		br_ssl_engine_set_buffers_bidi(pair.client->eng, in, most + 325, out, sizeof out);
		br_ssl_client_reset(tls_client_context(pair.client), "example.org", 0);
		while (pair_send(k, pair.client, &pair.up, CUT_NONE))
			;
		while (pair_read(k, pair.server, &pair.up, CUT_NONE))
			;
		while (pair_send(k, pair.server, &pair.down, CUT_NONE))
			;
		assert_true(longest(&pair.down) <= most);
		pair_run(&pair, CUT_NONE);
		is_open(&pair);
		for (size_t size = 300; size < 40000; size += 19000) {
			send_much(&pair, pair.server, &pair.down, size);
			assert_true(longest(&pair.down) <= most + 24);
			assert_true(size < most || longest(&pair.down) >= most + 16);
			receive_much(&pair, pair.client, &pair.down, size);
		}
		is_open(&pair);
		pair_close(&pair);
		pair_kit_close(k);
	}
}

static void borrows_large_buffers(void **state)
{
	struct tls_counts counts = pair_counts;
	struct tls_server server = trusting("example.org");
	struct pair_kit *k;
	void *room;

	(void)state;
	counts.large = 1;
	k = pair_kit_open(&counts, 1);
	pair_add_site(k, "", ec, 1);
	pair_open(&pair, k, &server, NULL);
	pair_run(&pair, CUT_NONE);
	is_open(&pair);

	assert_int_equal(pair_room(k, pair.server, &room, 4096), 4096); /* that is what a small one is for */
	assert_int_equal(k->kit->large.lent, 0);
	assert_int_equal(k->kit->out.lent, 1);
	assert_int_equal(pair_room(k, pair.server, &room, 4097), 16384); /* an empty small one is changed for it */
	assert_int_equal(k->kit->large.lent, 1);
	assert_int_equal(k->kit->out.lent, 0);
	assert_int_equal(pair_room(k, pair.client, &room, 100000), 4096); /* it was the last one */
	tls_rest(pair.client);
	tls_rest(pair.server);
	assert_int_equal(pair_buffers_lent(k), 0);

	assert_int_equal(pair_room(k, pair.server, &room, 10), 4096);
	memcpy(room, "0123456789", 10);
	tls_put(pair.server, 10);
	assert_int_equal(pair_room(k, pair.server, &room, 100000), 4086); /* what is in it stays in it */
	tls_flush(pair.server);
	pair_run(&pair, CUT_NONE);
	hears(pair.client, "0123456789");
	pair_poison(k, true);

	send_much(&pair, pair.server, &pair.down, 40000);
	assert_int_equal(longest(&pair.down), 16384 + (strstr(tls_suite(pair.server), "CHACHA") ? 16 : 24));
	receive_much(&pair, pair.client, &pair.down, 40000);
	is_open(&pair);
	pair_close(&pair);
	pair_kit_close(k);
}

/* --- the end ---------------------------------------------------------------------------------------- */

static void ends_in_order(void **state)
{
	struct tls_server server = trusting("example.org");
	enum { CLIENT = 1, SERVER = 2, BEFORE = 4 /* words are on the way */, UNTAKEN = 8 /* words of the other are there */ };

	(void)state;
	for (int who = 1; who < 16; who++) {
		struct pair_kit *k = open_kit(ec, 1);
		struct tls *ends[2];
		void *room;
		const void *at;

		if (!(who & 3)) {
			pair_kit_close(k);
			continue;
		}
		pair_open(&pair, k, &server, NULL);
		pair_run(&pair, CUT_NONE);
		is_open(&pair);
		ends[0] = pair.client;
		ends[1] = pair.server;
		for (int i = 0; i < 2; i++) {
			if (!(who & UNTAKEN) || !(who & (i ? CLIENT : SERVER)))
				continue;
			assert_true(pair_room(k, ends[i], &room, 4) >= 4);
			memcpy(room, "lost", 4);
			tls_put(ends[i], 4);
			tls_flush(ends[i]);
			pair_run(&pair, CUT_NONE);
			assert_int_equal(tls_peek(ends[!i], &at), 4);
		}
		for (int i = 0; i < 2; i++) {
			if (!(who & (i ? SERVER : CLIENT)))
				continue;
			if (who & BEFORE) {
				assert_true(pair_room(k, ends[i], &room, 4) >= 4);
				memcpy(room, "last", 4);
				tls_put(ends[i], 4);
			}
			pair_finish(k, ends[i]);
			tls_rest(ends[i]);
			pair_look(k);
			assert_int_equal(pair_room(k, ends[i], &room, 1), 0);
			assert_int_equal(tls_peek(ends[i], &at), 0);
			pair_finish(k, ends[i]); /* once is enough */
		}
		for (int i = 0; i < 2; i++) {
			const char *heard = who & BEFORE && !(who & (i ? SERVER : CLIENT)) ? "last" : NULL;

			if (!heard)
				continue;
			while (pair_send(k, ends[!i], i ? &pair.up : &pair.down, CUT_NONE))
				;
			assert_true(pair_read(k, ends[i], i ? &pair.up : &pair.down, CUT_NONE));
			while (pair_read(k, ends[i], i ? &pair.up : &pair.down, CUT_NONE))
				;
			assert_false(tls_was_closed(ends[i])); /* words first */
			hears(ends[i], heard);
		}
		pair_run(&pair, (enum pair_cut)(who % 3));
		for (int i = 0; i < 2; i++) {
			assert_true(tls_is_over(ends[i]));
			assert_true(tls_was_closed(ends[i]));
			assert_false(tls_is_open(ends[i]));
			same_text(tls_why(ends[i]), NULL);
			assert_int_equal(tls_record_room(ends[i], &room), 0);
			assert_int_equal(pair_room(k, ends[i], &room, 1), 0);
			assert_int_equal(tls_peek(ends[i], &at), 0);
			tls_rest(ends[i]);
		}
		assert_int_equal(wire_held(&pair.up) + wire_held(&pair.down), 0);
		assert_int_equal(pair_buffers_lent(k), 0);
		pair_close(&pair);
		pair_kit_close(k);
	}
}

static void tells_failures_from_ends(void **state)
{
	struct tls_server server = trusting("example.org");

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct pair_kit *k = open_kit(ec, 1);

		pair_open(&pair, k, &server, NULL);
		pair_run(&pair, CUT_NONE);
		is_open(&pair);
		if (i == 0)
			send_record(&pair.up, pair.client, 21, "\x02\x50", 2);
		else if (i == 1)
			send_record(&pair.up, pair.client, 20, "\x01", 1);
		else
			send_record(&pair.up, pair.client, 23, "text", 4);
		if (i == 2)
			pair.up.at[pair.up.to - 1] ^= 1;
		pair_run(&pair, CUT_NONE);
		assert_true(tls_is_over(pair.server));
		assert_false(tls_was_closed(pair.server));
		assert_int_equal(tls_peek(pair.server, &(const void *){NULL}), 0);
		same_text(tls_why(pair.server), i == 0   ? "TLS: the peer had an internal error"
						: i == 1 ? "TLS: a message came out of turn"
							 : "TLS: a record is damaged");
		assert_int_equal(pair_buffers_lent(k), 0);
		pair_close(&pair);
		pair_kit_close(k);
	}
}

/* A close_notify where the handshake should go on: the end, and nobody waits for more. */
static void may_be_closed_while_shaking(void **state)
{
	struct tls_server server = trusting("example.org");
	struct pair_kit *k = open_kit(ec, 1);

	(void)state;
	pair_open(&pair, k, &server, NULL);
	pair_end(&pair, &pair.client);
	wire_put(&pair.up, "\x15\x03\x01\x00\x02\x01\x00", 7);
	pair_run(&pair, CUT_NONE);
	assert_false(tls_is_open(pair.server));
	assert_true(tls_is_over(pair.server));
	assert_true(tls_was_closed(pair.server));
	pair_close(&pair);
	pair_kit_close(k);
}

/* --- when there is no more ------------------------------------------------------------------------------ */

static void counts_places(void **state)
{
	struct tls_counts counts = pair_counts;
	struct tls_server server = trusting("example.org");
	struct tls_session session = {0};
	struct pair_kit *k;
	struct tls *a, *b, *c;

	(void)state;
	counts.handshakes = counts.greetings = 1;
	k = pair_kit_open(&counts, 1);
	assert_true(tls_may_accept(k->kit) && tls_may_shake(k->kit));
	a = tls_accept(k->kit, k);
	assert_non_null(a);
	assert_true(tls_may_accept(k->kit));
	assert_false(tls_may_shake(k->kit));
	assert_null(tls_accept(k->kit, k));
	b = tls_connect(k->kit, &server, &session);
	assert_non_null(b);
	assert_null(tls_connect(k->kit, &server, &session));
	assert_int_equal(pair_lent(k), 4);
	tls_close(a);
	tls_close(b);
	assert_int_equal(pair_lent(k), 0);
	pair_poison(k, true);
	pair_kit_close(k);

	counts = pair_counts;
	counts.accepted = counts.connected = 1;
	k = pair_kit_open(&counts, 1);
	a = tls_accept(k->kit, k);
	b = tls_connect(k->kit, &server, &session);
	assert_non_null(a);
	assert_non_null(b);
	assert_false(tls_may_accept(k->kit));
	assert_true(tls_may_shake(k->kit));
	assert_null(tls_accept(k->kit, k));
	assert_null(tls_connect(k->kit, &server, &session));
	assert_int_equal(pair_lent(k), 4); /* nothing has been taken */
	tls_close(a);
	c = tls_accept(k->kit, k);
	assert_non_null(c);
	tls_close(c);
	tls_close(b);
	assert_int_equal(pair_lent(k), 0);
	pair_kit_close(k);
}

static void does_without_buffers(void **state)
{
	static struct pair other;
	struct tls_counts counts = pair_counts;
	struct tls_server server = trusting("example.org");
	struct pair_kit *k;
	void *room;

	(void)state;
	counts.buffers = 2;
	counts.large = 0;
	k = pair_kit_open(&counts, 1);
	pair_add_site(k, "", ec, 1);
	pair_open(&pair, k, &server, NULL);
	pair_run(&pair, CUT_NONE);
	pair_open(&other, k, &server, NULL);
	pair_run(&other, CUT_NONE);
	is_open(&other);
	/* one pair holds all of both kinds: half a record has come, half a record is to go */
	send_record(&pair.up, pair.client, 23, "half", 4);
	pair_give(k, pair.server, pair.up.at + pair.up.from, 7);
	pair_give(k, pair.server, pair.up.at + pair.up.from + 5, 7);
	send_record(&pair.down, pair.server, 23, "half", 4);
	pair_give(k, pair.client, pair.down.at + pair.down.from, 5);
	assert_int_equal(k->kit->in.lent, 2);
	assert_true(pair_room(k, pair.server, &room, 5000) == 4096);
	tls_put(pair.server, 1);
	assert_true(pair_room(k, pair.client, &room, 5000) == 4096);
	tls_put(pair.client, 1);
	tls_rest(pair.server);
	tls_rest(pair.client);
	assert_int_equal(k->kit->out.lent, 2);
	/* no room is no failure: it can wait */
	assert_int_equal(pair_room(k, other.server, &room, 1), 0);
	assert_false(tls_is_over(other.server));
	/* bytes that have nowhere to go are one */
	assert_int_equal(tls_record_room(other.server, &room), 0);
	assert_true(tls_is_over(other.server));
	assert_false(tls_was_closed(other.server));
	same_text(tls_why(other.server), "no TLS buffer is left");
	pair_finish(k, other.client); /* cannot be said: it is closed all the same */
	assert_int_equal(tls_record_peek(other.client, &(const void *){NULL}), 0);
	pair_end(&other, &other.client);
	pair_end(&other, &other.server);
	assert_int_equal(pair_buffers_lent(k), 4);
	/* those that have some live on */
	pair.down.from = pair.down.to = pair.up.from = pair.up.to = 0;
	assert_true(tls_is_open(pair.server) && tls_is_open(pair.client));
	pair_close(&pair);
	pair_kit_close(k);
}

/* --- secrets ----------------------------------------------------------------------------------------------- */

static bool remembers(const struct pair_kit *k, const void *secret, size_t len)
{
	struct tls_term terms[TLS_TERMS];

	tls_terms(&pair_counts, terms);
	for (size_t i = 0; i < TLS_TERMS; i++)
		if (has_bytes(k->memory[i], terms[i].count * terms[i].size, secret, len))
			return true;
	return false;
}

/* Is the first block all zero, but for what the pool writes? */
static bool wiped(const struct pool *p, size_t len)
{
	assert_int_equal(p->lent, 0);
	assert_int_equal(p->fresh, 1);
	for (size_t i = sizeof(void *); i < len; i++)
		if (p->memory[i])
			return false;
	return true;
}

static void forgets_secrets(void **state)
{
	struct tls_server server = trusting("example.org");
	struct pair_kit *k = open_kit(ec, 1);
	unsigned char master[48];

	(void)state;
	k->as_left = true;
	pair_open(&pair, k, &server, NULL);
	pair_run(&pair, CUT_NONE);
	is_open(&pair);
	/* the blocks that hands were shaken in: what went through them, too */
	assert_true(wiped(&k->kit->handshakes, offsetof(struct shake, witness)));
	assert_true(wiped(&k->kit->greetings, sizeof(struct shake)));
	memcpy(master, pair.server->eng->session.master_secret, sizeof master);
	assert_memory_equal(master, pair.client->eng->session.master_secret, sizeof master);
	assert_true(remembers(k, master, sizeof master));
	tls_close(pair.server);
	tls_close(pair.client);
	assert_false(remembers(k, master, sizeof master));
	pair_kit_close(k);
}

static int make_credentials(void **state)
{
	(void)state;
	ec[0] = both[1] = made_credential(MADE_EC MADE_INTER, MADE_EC_KEY);
	rsa[0] = both[0] = made_credential(MADE_RSA MADE_INTER, MADE_RSA_KEY);
	another[0] = made_credential(pem_a, pem_a_key);
	guest = made_credential(pem_c, pem_c_key);
	root = made_trust(MADE_ROOT);
	guests = made_trust(pem_root);
	return 0;
}

static int free_credentials(void **state)
{
	(void)state;
	made_free();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shakes_hands),
		cmocka_unit_test(knows_six_suites),
		cmocka_unit_test(shows_the_site_that_was_asked_for),
		cmocka_unit_test(takes_its_own_certificate),
		cmocka_unit_test(takes_certificates_up_to_a_length),
		cmocka_unit_test(resumes),
		cmocka_unit_test(does_not_resume),
		cmocka_unit_test(fails_with_the_session_of_another_site),
		cmocka_unit_test(survives_foreign_protocols),
		cmocka_unit_test(reads_hellos_in_many_records),
		cmocka_unit_test(refuses_unknown_names),
		cmocka_unit_test(asks_clients_for_certificates),
		cmocka_unit_test(minds_what_certificates_are_for),
		cmocka_unit_test(wants_the_key_of_the_certificate),
		cmocka_unit_test(verifies_servers),
		cmocka_unit_test(refuses_old_versions),
		cmocka_unit_test(refuses_what_is_no_tls),
		cmocka_unit_test(opens_only_for_all_of_it),
		cmocka_unit_test(opens_only_for_the_truth),
		cmocka_unit_test(does_not_renegotiate),
		cmocka_unit_test(does_not_stop_at_a_renegotiation),
		cmocka_unit_test(takes_no_plaintext_early),
		cmocka_unit_test(takes_no_plaintext_early_from_servers),
		cmocka_unit_test(carries_plaintext),
		cmocka_unit_test(keeps_records_short),
		cmocka_unit_test(borrows_large_buffers),
		cmocka_unit_test(ends_in_order),
		cmocka_unit_test(tells_failures_from_ends),
		cmocka_unit_test(may_be_closed_while_shaking),
		cmocka_unit_test(counts_places),
		cmocka_unit_test(does_without_buffers),
		cmocka_unit_test(forgets_secrets),
	};

	srand(1);
	return cmocka_run_group_tests(tests, make_credentials, free_credentials);
}

/* SPDX-License-Identifier: MIT
 *
 * Is TLS where the words say, is what makes no sense told, and what does each
 * https server inherit? (What stands in files of certificates is t_config_tls's.)
 */
#include "config_made.h"
#include <stdio.h>

#define G "[gateway]\nlisten = :80 redirect\nlisten = :443 tls\nstate = /nowhere\n" /* lines 1 to 4 */
#define S G "[site *]\n"                                                              /* up to line 5 */
#define A S "/a/ = https://a verify=off\n"                                            /* up to line 6 */

static const struct { const char *text, *said; } mistakes[] = {
	/* listeners */
	{A "[site b]\nlisten = :81 tsl\n/ = reply:204\n", "f:8: listen: unknown word 'tsl' (did you mean 'tls'?)\n"},
	{A "[site b]\nlisten = :81 redirct\n/ = reply:204\n", "f:8: listen: unknown word 'redirct' (did you mean 'redirect'?)\n"},
	{A "[site b]\nlisten = :81 https\n/ = reply:204\n", "f:8: listen: unknown word 'https'; one address stands in a line\n"},
	{A "[site b]\nlisten = :81 redirect tls\n/ = reply:204\n", "f:8: listen: ':81' is either 'tls' or a 'redirect' to it\n"},
	{A "[site b]\nlisten = :443\n/ = reply:204\n", "f:8: listen: ':443' is already in line 3, but with 'tls'\n"},
	{A "[site b]\nlisten = :80\n/ = reply:204\n", "f:8: listen: ':80' is already in line 2, but with 'redirect'\n"},
	{A "[site b]\nlisten = :81\nlisten = :81 tls\n/ = reply:204\n", "f:9: listen: ':81' is already in line 8, but without 'tls'\n"},
	{A "[site b]\nlisten = :81\nlisten = :81 redirect\n/ = reply:204\n", "f:9: listen: ':81' is already in line 8, but without 'redirect'\n"},
	{"[gateway]\nlisten = :443 tls proxy\n[site *]\n/ = reply:204\n",
	 "f:2: listen: 'proxy' takes connections from 'trusted' peers only, and [gateway] names none\n"},
	/* redirects */
	{"[gateway]\nlisten = :80 redirect\n[site *]\n/ = reply:204\n",
	 "f:2: listen: ':80' redirects to https, but nothing answers there: add 'listen = :443 tls'\n"},
	{"[gateway]\nlisten = :80 redirect\nlisten = :81\n[site *]\n/ = reply:204\n",
	 "f:2: listen: ':80' redirects to https, but nothing answers there: add 'listen = :443 tls'\n"},
	{"[gateway]\nlisten = :80 redirect\nlisten = unix:/run/a tls\n[site *]\n/ = reply:204\n",
	 "f:2: listen: ':80' redirects to https, but nothing answers there: add 'listen = :443 tls'\n"},
	{A "[site b]\nlisten = :80 redirect\n/ = reply:204\n", "f:2: listen: ':80' redirects to https, but [site b] answers on no 'tls' listener\n"},
	{A "[site b]\nlisten = :80 redirect\nlisten = :8443 tls\n/ = reply:204\n",
	 "f:2: listen: ':80' redirects to port 443, but [site b] has https on port 8443\n"},
	{A "[site b]\nlisten = :8080 redirect\nlisten = :443 tls\n/ = reply:204\n[site c]\nlisten = :8080 redirect\nlisten = :8443 tls\n/ = reply:204\n",
	 "f:8: listen: ':8080' redirects to port 443, but [site c] has https on port 8443\n"},
	/* a listener that could not be read is all that is told */
	{"[gateway]\nlisten = :80 redirect\nlisten = :443 tsl\nhsts = 1y\n[site *]\n/ = reply:204\n",
	 "f:3: listen: unknown word 'tsl' (did you mean 'tls'?)\n"},
	/* keys */
	{A "[gateway]\ncret = x\n", "f:8: unknown key 'cret' (did you mean 'cert'?)\n"},
	{A "[gateway]\nverify_nmae = x\n", "f:8: unknown key 'verify_nmae' (did you mean 'verify_name'?)\n"},
	{A "tls_clients = 4\n", "f:7: 'tls_clients' does not belong in a [site], but in [gateway]\n"},
	{A "state = /x\n", "f:7: 'state' does not belong in a [site], but in [gateway]\n"},
	{A "[route r]\nsite = *\npath = /r\nto = reply:204\ncert = x\n", "f:11: 'cert' does not belong in a [route], but in [gateway]\n"},
	{A "[gateway]\nstate = /y\n", "f:8: 'state' is already set in line 4\n"},
	{A "client_ca = none\nclient_ca = none\n", "f:8: 'client_ca' is already set in line 7\n"},
	{A "cert =\n", "f:7: 'cert' has no value\n"},
	{A "[gateway]\ntls_clients = 513\n", "f:8: tls_clients: '513' is more than 'clients', 512\n"},
	{A "[gateway]\ntls_clients = 0\n", "f:8: tls_clients: '0' is not from 1 to 1000000\n"},
	{A "[gateway]\nhandshakes = 0\n", "f:8: handshakes: '0' is not from 1 to 100000\n"},
	{A "[gateway]\nhandshake_timeout = 2h\n", "f:8: handshake_timeout: '2h' is not from 1ms to 1h\n"},
	{A "[gateway]\nclients = 1000000\ntls_clients = 1000\n", NULL},
	{A "[gateway]\nclients = 500000\n",
	 "f: clients = 500000, requests = 128, buffer = 16384, idle_links = 32, tls_clients = 500000 and handshakes = 32 take more than 2 GB together\n"},
	/* hsts */
	{A "hsts = 1\n", "f:7: hsts: '1' is neither off nor a time such as 180d or 1y, at most 10y\n"},
	{A "hsts = on\n", "f:7: hsts: 'on' is neither off nor a time such as 180d or 1y, at most 10y\n"},
	{A "hsts = 500ms\n", "f:7: hsts: '500ms' is neither off nor a time such as 180d or 1y, at most 10y\n"},
	{A "hsts = 11y\n", "f:7: hsts: '11y' is neither off nor a time such as 180d or 1y, at most 10y\n"},
	{A "hsts = 1y preload subdomains\n", "f:7: hsts: unknown word 'subdomains': there are includeSubDomains and preload\n"},
	{A "hsts = off preload\n", "f:7: hsts: 'off' is neither off nor a time such as 180d or 1y, at most 10y\n"},
	/* https targets */
	{S "/ = https://\n", "f:6: 'https://': '' is neither a name nor an address\n"},
	{S "/ = https://a:0 verify=off\n", "f:6: 'https://a:0': port '0' is not a number from 1 to 65535\n"},
	{S "/ = https://a/?b verify=off\n", "f:6: '/?b': '?', '//', '\\', ';', %2F, %5C and %25 are not possible in this path\n"},
	{S "/ = https://u@a verify=off\n", "f:6: 'https://u@a': a target holds no user name; 'request_header = Authorization: ...' sends one\n"},
	{S "/ = https:a verify=off\n", "f:6: 'https:a' is not a target: those begin with http://, https://, unix:, redirect: or reply:\n"},
	{S "/ = https://a verify=of\n", "f:6: verify: 'of' is none of ca, off and pin:sha256:HASH\n"},
	{S "/ = https://a verfy=off\n", "f:6: unknown word 'verfy' (did you mean 'verify'?)\n"},
	{S "/ = https://a verify=off verify=ca\n", "f:6: 'verify' is already set in line 6\n"},
	{S "/ = http://a verify=off\n", "f:6: 'verify' is for https:// targets only\n"},
	{S "/ = unix:/a verify_name=b\n", "f:6: 'verify_name' is for https:// targets only\n"},
	{S "/ = reply:204 ca=/x\n", "f:6: 'ca' is for https:// targets only\n"},
	{S "/ = redirect:/a client_cert=/x\n", "f:6: 'client_cert' is for https:// targets only\n"},
	{A "[route r]\nsite = *\npath = /r\nto = http://b\nclient_cert = /x\nclient_key = /y\n",
	 "f:11: 'client_cert' is for https:// targets only\nf:12: 'client_key' is for https:// targets only\n"},
	{S "/ = https://a verify=off ca=/x\n", "f:6: 'ca' is for verify=ca, not for verify=off\n"},
	{S "/ = https://a verify=off client_key=/x\n", "f:6: 'client_key' is the key of a 'client_cert', and there is none beside it\n"},
	{A "[gateway]\nclient_key = /x\n", "f:8: 'client_key' is the key of a 'client_cert', and there is none beside it\n"},
};

static void tells_every_mistake(void **state)
{
	static struct said said;

	(void)state;
	for (size_t i = 0; i < COUNT(mistakes); i++) {
		struct config *c = config_made(&said, mistakes[i].text);

		if (!!c != !mistakes[i].said)
			fail_msg("%s: %.*s", mistakes[i].text, (int)said.text.len, said.text.at);
		if (mistakes[i].said)
			block_same(text_span(&said.text), mistakes[i].said, mistakes[i].text);
		config_free(c);
	}
}

/* What is odd is told, and taken. */
static const struct { const char *text, *said; } warnings[] = {
	{"[gateway]\nlisten = :80\nhsts = 1y\n[site *]\n/ = reply:204\n",
	 "f:3: warning: 'hsts' is for 'tls' listeners, and there is none: add 'listen = :443 tls'\n"},
	{"[gateway]\nlisten = :80\nhsts = off\n[site *]\n/ = reply:204\n", ""},
	{A "[site b]\nlisten = :81\nhsts = 1y\n/ = reply:204\n", "f:9: warning: 'hsts' is for 'tls' listeners, and [site b] answers on none\n"},
	{A "[site b]\nlisten = :81\nhsts = off\n/ = reply:204\n", ""},
	{A "[gateway]\nhsts = 1y\n[site b]\nlisten = :81\n/ = reply:204\n", ""},
};

static void tells_every_warning(void **state)
{
	static struct said said;

	(void)state;
	for (size_t i = 0; i < COUNT(warnings); i++) {
		struct config *c = config_made(&said, warnings[i].text);

		assert_non_null(c);
		block_same(text_span(&said.text), warnings[i].said, warnings[i].text);
		assert_int_equal(c->warnings, *warnings[i].said != '\0');
		config_free(c);
	}
}

/* Faults do not hide warnings, each stands once and in its line, and a flood of them ends. */
static void warnings_among_faults(void **state)
{
	static struct said said;
	static char text[65536];
	struct config *c;
	size_t len, lines = 0;

	(void)state;
	assert_null(config_made(&said, "[gateway]\nlisten = :80\nhsts = 1y\nworker = 2\n[site *]\n/ = reply:204\nhsts = 1d\nhots = x\n"));
	block_same(text_span(&said.text),
		   "f:3: warning: 'hsts' is for 'tls' listeners, and there is none: add 'listen = :443 tls'\n"
		   "f:4: unknown key 'worker' (did you mean 'workers'?)\n"
		   "f:7: warning: 'hsts' is for 'tls' listeners, and [site *] answers on none\n"
		   "f:8: unknown key 'hots' (did you mean 'host'?)\n", "both");
	len = (size_t)snprintf(text, sizeof text, "[gateway]\nlisten = :80\n");
	for (int i = 0; i < 150; i++)
		len += (size_t)snprintf(text + len, sizeof text - len, "[site a%d]\n/ = reply:204\nhsts = 1y\n", i);
	c = config_made(&said, text);
	assert_non_null(c);
	for (size_t i = 0; i < said.text.len; i++)
		lines += said.room[i] == '\n';
	assert_int_equal(lines, 100);
	assert_int_equal(c->warnings, 100);
	config_free(c);
}

static const struct listener *listener_of(const struct config *c, const char *text)
{
	for (size_t i = 0; i < c->listener_count; i++)
		if (strcmp(c->listeners[i].text, text) == 0)
			return &c->listeners[i];
	fail_msg("no listener %s", text);
	return NULL;
}

static void listeners(void **state)
{
	struct config *c = config_right("[gateway]\ntrusted = 127.0.0.1\nlisten = :80 redirect proxy\nlisten = :81\nlisten = :8443 tls\n"
					"listen = [::1]:443 proxy tls\nlisten = unix:/a tls\nstate = /nowhere\n"
					"[site *]\n/ = reply:204\n"
					"[site b]\nlisten = :83 redirect\nlisten = :8444 tls\nlisten = :8445 tls\n/ = reply:204\n"
					"[site c]\nlisten = :82\n/ = reply:204\n");

	(void)state;
	assert_true(listener_of(c, ":80")->redirect && listener_of(c, ":80")->proxy && !listener_of(c, ":80")->tls);
	assert_int_equal(listener_of(c, ":80")->https_port, 443); /* not the first one */
	assert_false(listener_of(c, ":81")->tls || listener_of(c, ":81")->redirect);
	assert_true(listener_of(c, ":8443")->tls && !listener_of(c, ":8443")->proxy && !listener_of(c, ":8443")->redirect);
	assert_true(listener_of(c, "[::1]:443")->tls && listener_of(c, "[::1]:443")->proxy);
	assert_true(listener_of(c, "unix:/a")->tls);
	assert_int_equal(listener_of(c, ":83")->https_port, 8444); /* the first one of its site */
	assert_true(c->sites[0].secure && c->sites[1].secure && !c->sites[2].secure);
	assert_string_equal(c->state, "/nowhere");
	config_free(c);
}

static void hsts(void **state)
{
	struct config *c = config_right(G "hsts = 180d\nacme_dir = /srv/acme\n[site a]\n/ = reply:204\n[site b]\n/ = reply:204\nhsts = off\nacme_dir = /b\n"
					  "[site c]\n/ = reply:204\nhsts = 1y preload IncludeSubdomains\n[site d]\n/ = reply:204\nhsts = 0s\n");

	(void)state;
	block_same(c->sites[0].hsts, "max-age=15552000", "a");
	block_same(c->sites[1].hsts, "", "b");
	block_same(c->sites[2].hsts, "max-age=31536000; includeSubDomains; preload", "c");
	block_same(c->sites[3].hsts, "max-age=0", "d"); /* browsers are to forget it (RFC 6797 6.1.1) */
	assert_string_equal(c->sites[0].acme_dir, "/srv/acme");
	assert_string_equal(c->sites[1].acme_dir, "/b");
	config_free(c);
	c = config_right("[gateway]\nlisten = :80\n[site *]\n/ = reply:204\n");
	assert_null(c->sites[0].acme_dir);
	assert_int_equal(c->sites[0].hsts.len, 0);
	config_free(c);
}

/* How many of each kind are enough. */
static void counts(void **state)
{
	static const struct tls_counts none;
	struct config *c = config_right("[gateway]\nlisten = :80\n[site *]\n/ = http://a\n");

	(void)state;
	assert_memory_equal(&c->tls, &none, sizeof none);
	assert_int_equal(c->handshake_timeout, 10000);
	config_free(c);
	c = config_right(G "handshake_timeout = 5s\n[site *]\n/ = http://a\n");
	assert_int_equal(c->tls.accepted, GW_CLIENTS);
	assert_int_equal(c->tls.handshakes, GW_CLIENTS < 32 ? GW_CLIENTS : 32);
	assert_int_equal(c->tls.connected, 0);
	assert_int_equal(c->tls.greetings, 0);
	assert_int_equal(c->tls.buffers, GW_REQUESTS);
	assert_int_equal(c->tls.large, 8);
	assert_false(c->tls.subjects);
	assert_int_equal(c->handshake_timeout, 5000);
	config_free(c);
	c = config_right(G "clients = 40\ntls_clients = 12\nrequests = 3\nidle_links = 1\n[site *]\n/ = http://a https://b\nverify = off\n");
	assert_int_equal(c->tls.accepted, 12);
	assert_int_equal(c->tls.handshakes, 12); /* not more than there are connections */
	assert_int_equal(c->tls.connected, 3 + 1);
	assert_int_equal(c->tls.greetings, 3);
	assert_int_equal(c->tls.buffers, 6);
	assert_int_equal(c->tls.large, 6);
	config_free(c);
	c = config_right("[gateway]\nlisten = :80\nrequests = 5\nhandshakes = 2\n[site *]\n/ = https://a https://b\nverify = off\n");
	assert_int_equal(c->tls.accepted, 0);
	assert_int_equal(c->tls.handshakes, 0);
	assert_int_equal(c->tls.connected, 10); /* idle links of two servers, but no more than requests */
	assert_int_equal(c->tls.buffers, 5);
	config_free(c);
}

/* The innermost word holds, for each target of a route; equal ones are one server. */
static void inheritance(void **state)
{
	struct config *c = config_right(G "verify = off\nverify_name = all\n"
					  "[site a]\n/ = https://x https://X:443/y http://x:443 https://x:444\n/n/ = https://x verify_name=route\n"
					  "[site b]\nverify_name = site\n/ = https://x\n"
					  "/p/ = https://x verify=pin:sha256:0000000000000000000000000000000000000000000000000000000000000001\n"
					  "[site c]\nverify_name = all\n/ = https://x proxy=v1 https://[::1] https://10.0.0.1:81/a\n");
	const struct server *at[10];

	(void)state;
	assert_int_equal(c->target_count, 10);
	for (size_t i = 0, n = 0; i < c->route_count; i++)
		for (size_t j = 0; j < c->routes[i].target_count; j++)
			at[n++] = c->routes[i].targets[j].server;
	assert_int_equal(at[0]->tls->verify, TLS_VERIFY_OFF);
	assert_string_equal(at[0]->tls->name, "all");
	assert_int_equal(at[0]->address.port, 443);
	assert_ptr_equal(at[0], at[1]);
	assert_null(at[2]->tls); /* the same port by http is another server */
	assert_ptr_not_equal(at[3], at[0]);
	assert_ptr_equal(at[3]->tls, at[0]->tls);
	assert_int_equal(at[3]->address.port, 444);
	assert_string_equal(at[4]->tls->name, "route");
	assert_ptr_not_equal(at[4], at[0]);
	assert_string_equal(at[5]->tls->name, "site");
	assert_int_equal(at[6]->tls->verify, TLS_VERIFY_PIN);
	assert_int_equal(at[6]->tls->pin[31], 1);
	assert_string_equal(at[6]->tls->name, "site");
	assert_ptr_equal(at[7]->tls, at[0]->tls);
	assert_ptr_not_equal(at[7], at[0]); /* another PROXY header */
	assert_int_equal(at[8]->address.family, NET_IP6);
	assert_int_equal(at[9]->address.port, 81);
	config_free(c);
}

static const struct { const char *words[6], *said; } commands[] = {
	{{":8443", "tls", "proxy", "/=reply:204"}, "word 1: listen: 'proxy' takes connections from 'trusted' peers only, and [gateway] names none\n"},
	{{":8443", "tsl", "/=reply:204"}, "word 1: listen: unknown word 'tsl' (did you mean 'tls'?)\n"},
	{{":8443", "moon", "/=reply:204"}, "word 2: 'moon' is neither an address to listen on, as :8080, nor a route, as /nas/=http://192.168.1.2:5000/\n"},
	{{":80", "redirect", "/=reply:204"}, "word 1: listen: ':80' redirects to https, but nothing answers there: add ':443 tls'\n"},
	{{"tls", ":8443", "/=reply:204"}, "word 1: 'tls' is neither an address to listen on, as :8080, nor a route, as /nas/=http://192.168.1.2:5000/\n"},
	{{":80", "/=http://a", "tls"}, "word 3: unknown word 'tls'\n"},
};

static struct config *from_words(struct said *s, const char *const words[6])
{
	char *copy[6];
	int count = 0;

	s->text = text_in(s->room, sizeof s->room);
	for (; count < 6 && words[count]; count++)
		copy[count] = (char *)(uintptr_t)words[count];
	return config_words(count, copy, said_add, s);
}

static void command_line(void **state)
{
	static const char *const apart[6] = {":8080", "redirect", "[::1]:8443", "tls", "/=https://a", "verify=off"};
	static const char *const together[6] = {":8080 redirect", ":8443  tls", "/=https://a", "verify=off"};
	static struct said said;
	struct config *c;

	(void)state;
	for (int i = 0; i < 2; i++) {
		c = from_words(&said, i ? together : apart);
		if (!c)
			fail_msg("%.*s", (int)said.text.len, said.text.at);
		assert_int_equal(c->listener_count, 2);
		assert_true(c->listeners[0].redirect && c->listeners[1].tls);
		assert_int_equal(c->listeners[0].https_port, 8443);
		assert_int_equal(c->routes[0].targets[0].server->tls->verify, TLS_VERIFY_OFF);
		config_free(c);
	}
	for (size_t i = 0; i < COUNT(commands); i++) {
		assert_null(from_words(&said, commands[i].words));
		block_same(text_span(&said.text), commands[i].said, commands[i].words[0]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_every_mistake),
		cmocka_unit_test(tells_every_warning),
		cmocka_unit_test(warnings_among_faults),
		cmocka_unit_test(listeners),
		cmocka_unit_test(hsts),
		cmocka_unit_test(counts),
		cmocka_unit_test(inheritance),
		cmocka_unit_test(command_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

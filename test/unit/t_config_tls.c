/* SPDX-License-Identifier: MIT
 *
 * Does each certificate find its key and each site its certificate, is every
 * wrong file told, and are certificates of our own made once and used again?
 */
#include "config_made.h"
#include "pem.h"
#include "uses.h"
#include "../../platform/platform.h"
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define G "[gateway]\nlisten = :443 tls\nstate = st\n"         /* lines 1 to 3 */
#define A G "[site a.test]\n/ = reply:204\n"                   /* up to line 5 */
#define H G "[site *]\n/ = "                                   /* line 5, to be ended */

/* --- a directory with files ------------------------------------------------------ */

static char home[] = "/tmp/gateway-test-XXXXXX";

static void put(const char *name, const char *one, const char *other)
{
	FILE *f = fopen(name, "w");

	assert_non_null(f);
	assert_true(fputs(one, f) >= 0 && fputs(other, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void put_large(const char *name, size_t size)
{
	FILE *f = fopen(name, "w");

	assert_non_null(f);
	while (size--)
		fputc('\n', f);
	assert_int_equal(fclose(f), 0);
}

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(home) || chdir(home))
		return -1;
	put("a.crt", pem_a, "");
	put("a.key", pem_a_key, "");
	put("a.pem", pem_a_key, pem_a);
	put("locked.key", pem_a_locked, "");
	put("locked.pem", pem_a_locked, pem_a);
	put("r.crt", pem_r, "");
	put("r.key", pem_r_key, "");
	put("c.crt", pem_c, "");
	put("c.key", pem_c_key, "");
	put("c.pem", pem_c_key, pem_c);
	put("root.crt", pem_root, "");
	put("both.crt", pem_root, pem_a);
	put("old.crt", pem_old, "");
	put("new.crt", pem_new, "");
	put("old.key", pem_old_key, "");
	put("use_client.pem", USE_CLIENT USE_KEY, USE_CA);
	put("use_server.pem", USE_SERVER USE_KEY, "");
	put("empty.crt", "", "");
	put("torn.crt", "-----BEGIN CERTIFICATE-----\nMIIB\n", "");
	put_large("large.crt", 65537);
	put_large("large.ca", 1048577);
	return mkfifo("fifo", 0600) || mkdir("dir", 0700);
}

static int tear_down(void **state)
{
	char command[100];

	(void)state;
	snprintf(command, sizeof command, "rm -rf %s", home);
	return chdir("/") || system(command);
}

/* --- what is told ---------------------------------------------------------------------- */

static const struct { const char *text, *said; } mistakes[] = {
	{A "cert = x.crt\n", "f:6: [site a.test]: cert x.crt cannot be read: no such file or directory\n"},
	{A "cert = dir\n", "f:6: [site a.test]: cert dir cannot be read: is a directory\n"},
	{A "cert = fifo\n", "f:6: [site a.test]: cert fifo cannot be read: is not a regular file\n"},
	{A "cert = a.crt\nkey = fifo\n", "f:7: [site a.test]: key fifo cannot be read: is not a regular file\n"},
	{A "cert = a.pem\nclient_ca = fifo\n", "f:7: [site a.test]: client_ca fifo cannot be read: is not a regular file\n"},
	{A "cert = empty.crt\n", "f:6: [site a.test]: cert empty.crt is empty\n"},
	{A "cert = torn.crt\nkey = a.key\n", "f:6: [site a.test]: cert torn.crt breaks off in the middle\n"},
	{A "cert = a.key\n", "f:6: [site a.test]: cert a.key has no certificate in it\n"},
	{A "cert = large.crt\n", "f:6: [site a.test]: cert large.crt is larger than 64 KB\n"},
	{A "cert = a.crt\n", "f:6: [site a.test]: cert a.crt: there is no private key for it; add 'key = FILE'\n"},
	{A "cert = a.crt\nkey = r.key\n", "f:6: [site a.test]: cert a.crt: key r.key does not belong to the certificate\n"},
	{A "cert = a.crt\nkey = r.key c.key\n",
	 "f:6: [site a.test]: cert a.crt: key r.key does not belong to the certificate, key c.key does not belong to the certificate\n"},
	{A "cert = a.crt\nkey = a.crt\n", "f:6: [site a.test]: cert a.crt: key a.crt has no private key in it\n"},
	{A "cert = a.crt\nkey = locked.key\n",
	 "f:6: [site a.test]: cert a.crt: key locked.key is encrypted; openssl pkey -in FILE -out FILE decrypts it\n"},
	{A "cert = locked.pem\n",
	 "f:6: [site a.test]: cert locked.pem: the private key in it is encrypted; openssl pkey -in FILE -out FILE decrypts it\n"},
	{A "cert = a.crt\nkey = x.key\n", "f:7: [site a.test]: key x.key cannot be read: no such file or directory\n"},
	{A "key = a.key\n", "f:6: [site a.test]: key a.key: there is no 'cert' here that it could belong to\n"},
	{A "[gateway]\ncert = a.crt\nkey = r.key\n", "f:7: [gateway]: cert a.crt: key r.key does not belong to the certificate\n"},
	{A "cert = a.crt c.crt\nkey = a.key\n", "f:6: [site a.test]: cert c.crt: key a.key does not belong to the certificate\n"},
	/* authorities */
	{A "cert = a.pem\nclient_ca = x.crt\n", "f:7: [site a.test]: client_ca x.crt cannot be read: no such file or directory\n"},
	{A "cert = a.pem\nclient_ca = a.key\n", "f:7: [site a.test]: client_ca a.key has no certificate in it\n"},
	{A "cert = a.pem\nclient_ca = large.ca\n", "f:7: [site a.test]: client_ca large.ca is larger than 1 MB\n"},
	{A "[gateway]\nclient_ca = x.crt\n", "f:7: [gateway]: client_ca x.crt cannot be read: no such file or directory\n"},
	{"[gateway]\nlisten = :80\n[site a]\nclient_ca = root.crt\n/ = reply:204\n",
	 "f:4: [site a]: client_ca: the site answers on no listener with 'tls', and asks nobody for a certificate\n"},
	/* servers */
	{H "https://a ca=x.crt\n", "f:5: ca x.crt cannot be read: no such file or directory\n"},
	{H "https://a ca=a.key\n", "f:5: ca a.key has no certificate in it\n"},
	{H "https://a verify=on\n", "f:5: verify: 'on' is none of ca, off and pin:sha256:HASH\n"},
	{H "https://a:81 verify=pin:sha256:00\n",
	 "f:5: verify: 'pin:sha256:00': a SHA-256 has 64 hex digits or 44 characters of base64 ('gateway pin https://a:81' prints it)\n"},
	{H "https://a verify=off verify_name=a/b\n", "f:5: verify_name: 'a/b' is not a host name or an address\n"},
	{H "https://a verify=off client_cert=a.crt\n",
	 "f:5: client_cert a.crt has no private key in it (client_key names a file of its own for the key)\n"},
	{H "https://a verify=off client_cert=a.crt client_key=c.key\n", "f:5: client_key c.key does not belong to the certificate\n"},
	{H "https://a verify=off client_cert=a.key\n", "f:5: client_cert a.key has no certificate in it\n"},
	{H "https://a verify=off client_cert=x.crt\n", "f:5: client_cert x.crt cannot be read: no such file or directory\n"},
};

static void faults_name_file_block_and_cause(void **state)
{
	static struct said said;

	(void)state;
	for (size_t i = 0; i < COUNT(mistakes); i++) {
		assert_null(config_made(&said, mistakes[i].text));
		block_same(text_span(&said.text), mistakes[i].said, mistakes[i].text);
	}
}

/* Days change with the calendar: an asterisk stands for a number. */
static bool is_like(struct span got, const char *want)
{
	size_t i = 0;

	for (; *want; want++)
		if (*want == '*' && want[1] == ' ') {
			if (i == got.len || got.at[i] < '0' || got.at[i] > '9')
				return false;
			while (i < got.len && got.at[i] >= '0' && got.at[i] <= '9')
				i++;
		} else if (i == got.len || got.at[i++] != *want) {
			return false;
		}
	return i == got.len;
}

static const struct { const char *text, *said; } warnings[] = {
	{A "cert = a.pem\n", ""},
	{A "cert = old.crt\nkey = old.key\n", "f:6: warning: [site a.test]: cert old.crt has expired * days ago\n"},
	{A "cert = new.crt\nkey = old.key\n", "f:6: warning: [site a.test]: cert new.crt is not valid yet, but in * days\n"},
	{A "host = a.test c.test\ncert = a.pem\n", "f:7: warning: [site a.test]: cert a.pem is not for 'c.test'\n"},
	{A "host = a.test *.b.test\ncert = a.pem\n", ""},
	{A "host = *.c.test\ncert = a.pem\n", "f:7: warning: [site a.test]: cert a.pem is not for '*.c.test'\n"},
	{A "host = c.test\ncert = c.pem\n",
	 "f:7: warning: [site a.test]: cert c.pem has no chain: give the file with the full chain, since clients may not know its issuer, CN=Home "
	 "Root,O=Home\n"},
	{A "cert = a.pem old.crt\nkey = old.key\n",
	 "f:6: warning: [site a.test]: cert old.crt has expired * days ago\n"
	 "f:6: warning: [site a.test]: cert old.crt is not used: an earlier one has the same kind of key\n"},
	{A "[gateway]\ncert = r.crt\nkey = r.key\n", ""},
	{A "host = a.test d.test\n[gateway]\ncert = r.crt\nkey = r.key\n",
	 "f:4: warning: [site a.test]: no 'cert' of [gateway] is for all its hosts, such as 'a.test': it gets a self-signed one\n"},
	{"[gateway]\nlisten = :80\n[site a.test]\ncert = a.pem\n/ = reply:204\n",
	 "f:4: warning: [site a.test]: cert a.pem is not used: the site answers on no listener with 'tls'\n"},
	{A "cert = a.pem\nclient_ca = root.crt\n[gateway]\nlisten = :80\n",
	 ""}, /* it refuses who comes there */
	{"[gateway]\nlisten = :443 tls\nclient_ca = root.crt\n[site a]\nlisten = :80\n/ = reply:204\n[site a.test]\ncert = a.pem\n/ = reply:204\n",
	 "f:4: warning: [site a]: client_ca: on ':80' the site answers without TLS, and asks nobody for a certificate: 'client_ca = none' if that is "
	 "meant\n"},
	{"[gateway]\nlisten = :443 tls\nclient_ca = root.crt\n[site a]\nlisten = :80\nclient_ca = none\n/ = reply:204\n[site a.test]\ncert = a.pem\n/ = reply:204\n", ""},
	{A "cert = a.pem\nclient_ca = root.crt\n[gateway]\nlisten = :80 redirect\n", ""},
	{A "cert = use_server.pem\nhost = example.org\n", "f:6: warning: [site a.test]: cert use_server.pem has no chain: give the file with the full "
	 "chain, since clients may not know its issuer, CN=Uses Root\n"},
	{A "cert = use_client.pem\nhost = example.org\n",
	 "f:6: warning: [site a.test]: cert use_client.pem is not for servers (extendedKeyUsage): clients may refuse it\n"},
	{H "https://a verify=off client_cert=use_client.pem\n", ""},
	{H "https://a verify=off client_cert=use_server.pem\n",
	 "f:5: warning: client_cert use_server.pem is not for clients (extendedKeyUsage): servers may refuse it\n"},
	{H "https://a verify=off client_cert=old.crt client_key=old.key\n", "f:5: warning: client_cert old.crt has expired * days ago\n"},
};

static void warnings_do_not_stop_it(void **state)
{
	static struct said said;

	(void)state;
	for (size_t i = 0; i < COUNT(warnings); i++) {
		struct config *c = config_made(&said, warnings[i].text);
		size_t lines = 0;

		if (!is_like(text_span(&said.text), warnings[i].said))
			fail_msg("of \"%s\": said \"%.*s\"", warnings[i].text, (int)said.text.len, said.text.at);
		assert_non_null(c);
		for (const char *at = warnings[i].said; *at; at++)
			lines += *at == '\n';
		assert_int_equal(c->warnings, lines);
		config_free(c);
	}
}

/* --- who wears what ------------------------------------------------------------------------ */

/* The files of a site's certificates, and where one of our own would be. */
static const struct { const char *text, *worn[3]; } choices[] = {
	{A "cert = a.crt\nkey = a.key\n", {"a.crt"}},
	{A "cert = both.crt\nkey = a.key\n", {"both.crt"}},
	{A "cert = a.crt r.crt\nkey = r.key a.key\n", {"a.crt", "r.crt"}},
	{A "cert = r.crt\ncert = a.crt\nkey = a.key\nkey = r.key\n", {"r.crt", "a.crt"}},
	{A "cert = r.crt a.pem\nkey = r.key\n", {"r.crt", "a.pem"}},
	{A "cert = a.crt\n[gateway]\nkey = r.key a.key\n", {"a.crt"}},
	{A "host = a.test x.b.test\n[gateway]\ncert = c.pem a.pem r.crt\nkey = r.key\n", {"a.pem", "r.crt"}},
	{A "host = c.test\n[gateway]\ncert = a.pem r.crt c.pem\nkey = r.key\n", {"c.pem"}},
	{A "host = a.b.test\n[gateway]\ncert = a.pem\n", {"a.pem"}},
	{A "host = x.a.b.test\n[gateway]\ncert = a.pem\n", {NULL}},
	{A "host = *\n[gateway]\ncert = a.pem r.crt\nkey = r.key\n", {"a.pem", "r.crt"}},
	{A "host = *\n[gateway]\ncert = c.pem r.crt\nkey = r.key\n", {"c.pem"}},
	{A "cert = a.pem\n[gateway]\ncert = r.crt\nkey = r.key\n", {"a.pem"}},
	{A, {NULL}},
};

static void each_site_wears_what_fits(void **state)
{
	static struct said said;

	(void)state;
	for (size_t i = 0; i < COUNT(choices); i++) {
		struct config *c = config_made(&said, choices[i].text);
		const struct site *site;
		struct config_cert certs[3];
		size_t count = 0;

		if (!c)
			fail_msg("of \"%s\": %.*s", choices[i].text, (int)said.text.len, said.text.at);
		site = &c->sites[0];
		while (choices[i].worn[count])
			count++;
		assert_int_equal(site->tls.count, count);
		assert_int_equal(config_certs(c, certs, 3), count);
		for (size_t j = 0; j < count; j++) {
			assert_string_equal(site->cert_files[j], choices[i].worn[j]);
			assert_ptr_equal(certs[j].credential, site->tls.credentials[j]);
			assert_ptr_equal(certs[j].site, site);
			assert_false(certs[j].own);
		}
		assert_int_equal(site->own != NULL, count == 0);
		assert_int_not_equal(site->tls.policy, 0);
		config_free(c);
	}
}

static bool has_file(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->file_count; i++)
		if (strcmp(c->files[i], name) == 0)
			return true;
	return false;
}

static void files_are_listed_once(void **state)
{
	struct config *c = config_right(A "cert = a.crt r.crt\nkey = a.key r.key\nclient_ca = root.crt\n"
					  "[site *]\ncert = a.crt\nkey = a.key\nclient_ca = a.crt\n/ = https://x ca=root.crt\n");

	(void)state;
	assert_int_equal(c->file_count, 5);
	assert_true(has_file(c, "a.crt") && has_file(c, "a.key") && has_file(c, "r.crt") && has_file(c, "r.key") && has_file(c, "root.crt"));
	assert_ptr_equal(c->sites[0].tls.credentials[0], c->sites[1].tls.credentials[0]);
	assert_ptr_equal(c->sites[0].tls.client_ca, c->servers[0].tls->trust);
	assert_ptr_not_equal(c->sites[0].tls.client_ca, c->sites[1].tls.client_ca);
	assert_true(c->tls.subjects);
	config_free(c);
}

static uint64_t policy(const char *text)
{
	struct config *c = config_right(text);
	uint64_t p = c->sites[0].tls.policy;

	config_free(c);
	return p;
}

static void a_policy_is_label_hosts_and_authorities(void **state)
{
	uint64_t plain = policy(A "cert = a.pem\n");

	(void)state;
	assert_int_equal(policy(A "cert = r.crt\nkey = r.key\n"), plain);
	assert_int_not_equal(policy(A "host = a.test x.b.test\ncert = a.pem\n"), plain);
	assert_int_not_equal(policy(A "cert = a.pem\nclient_ca = root.crt\n"), plain);
	assert_int_not_equal(policy(A "cert = a.pem\nclient_ca = root.crt\n"), policy(A "cert = a.pem\nclient_ca = a.crt\n"));
	assert_int_not_equal(policy(G "[site x]\nhost = a.test\n/ = reply:204\ncert = a.pem\n"), plain);
}

static void client_ca_can_be_taken_back(void **state)
{
	struct config *c = config_right(A "cert = a.pem\nclient_ca = none\n[site b.test]\n/ = reply:204\n[gateway]\nclient_ca = root.crt\n");

	(void)state;
	assert_null(c->sites[0].tls.client_ca);
	assert_int_equal(trust_count(c->sites[1].tls.client_ca), 1);
	config_free(c);
}

/* --- our own ------------------------------------------------------------------------------------ */

static void fingerprint(struct config *c, size_t site, unsigned char hash[32])
{
	assert_int_equal(c->sites[site].tls.count, 1);
	credential_hash(hash, credential_cert(c->sites[site].tls.credentials[0])->der);
}

static struct config *completed(const char *text)
{
	struct config *c = config_right(text);
	char room[300];
	struct text error = text_in(room, sizeof room);

	if (!config_complete(c, &error))
		fail_msg("%.*s", (int)error.len, error.at);
	return c;
}

static void one_is_made_and_used_again(void **state)
{
	unsigned char first[32], again[32];
	struct config *c = config_right(A);
	const struct cert *cert;
	struct config_cert certs[1];
	struct stat kept;

	(void)state;
	assert_string_equal(c->sites[0].own, "st/a.test.pem");
	assert_int_equal(c->sites[0].tls.count, 0); /* it is not check that makes it */
	assert_int_not_equal(stat("st", &kept), 0);
	config_free(c);
	c = completed(A);
	assert_int_equal(stat("st/a.test.pem", &kept), 0);
	assert_int_equal(kept.st_mode & 0777, 0600);
	assert_string_equal(credential_kind(c->sites[0].tls.credentials[0]), "P-256");
	cert = credential_cert(c->sites[0].tls.credentials[0]);
	assert_true(cert_is_for(cert, SPAN("a.test")));
	assert_false(cert_is_for(cert, SPAN("localhost")));
	assert_int_equal(cert->from, GW_BUILT - 86400);
	assert_in_range(cert->until - platform_clock(), 3649 * 86400, UINT32_MAX);
	assert_int_equal(config_certs(c, certs, 1), 1);
	assert_true(certs[0].own);
	fingerprint(c, 0, first);
	config_free(c);
	c = config_right(A);
	fingerprint(c, 0, again);
	assert_memory_equal(first, again, 32);
	config_free(c);
	c = config_right(A "host = a.test d.test\n"); /* it does not fit any more */
	assert_int_equal(c->sites[0].tls.count, 0);
	config_free(c);
	c = completed(A "host = a.test *.d.test 192.168.7.7\n");
	cert = credential_cert(c->sites[0].tls.credentials[0]);
	assert_true(cert_is_for(cert, SPAN("a.test")));
	assert_true(cert_is_for_wildcard(cert, SPAN("*.d.test")));
	assert_true(cert_is_for(cert, SPAN("192.168.7.7")));
	fingerprint(c, 0, again);
	assert_memory_not_equal(first, again, 32);
	config_free(c);
	assert_int_equal(unlink("st/a.test.pem"), 0);
}

/* Made for many hosts of which few are left: a long file for a small site. */
static void it_outlives_its_hosts(void **state)
{
	unsigned char first[32], again[32];
	char text[8192] = A "host = a.test\n";
	struct config *c;

	(void)state;
	for (int i = 0; i < 120; i++)
		snprintf(text + strlen(text), sizeof text - strlen(text), "host = host-with-a-long-name-%d.d.test\n", i);
	c = completed(text);
	fingerprint(c, 0, first);
	config_free(c);
	c = config_right(A);
	fingerprint(c, 0, again);
	assert_memory_equal(first, again, 32);
	config_free(c);
	assert_int_equal(unlink("st/a.test.pem"), 0);
}

static void what_is_there_is_taken_only_if_it_is_good(void **state)
{
	static const char *const bad[] = {"", pem_a, pem_a_key, "garbage"};
	struct config *c;

	(void)state;
	config_free(completed(A)); /* the directory is there */
	put("st/a.test.pem", pem_a_key, pem_a);
	c = config_right(A);
	assert_true(cert_is_for(credential_cert(c->sites[0].tls.credentials[0]), SPAN("192.168.1.1")));
	config_free(c);
	put("st/a.test.pem", pem_old_key, pem_old);
	c = config_right(A);
	assert_int_equal(c->sites[0].tls.count, 0);
	config_free(c);
	for (size_t i = 0; i < COUNT(bad); i++) {
		put("st/a.test.pem", bad[i], "");
		c = config_right(A);
		assert_int_equal(c->sites[0].tls.count, 0);
		config_free(c);
		c = completed(A);
		assert_int_equal(c->sites[0].tls.count, 1);
		config_free(c);
	}
	assert_int_equal(unlink("st/a.test.pem"), 0);
}

/* Between reading the configuration and completing it, somebody else has started. */
static void two_at_a_time_agree(void **state)
{
	unsigned char one[32], other[32];
	struct config *a = config_right(A), *b = config_right(A);
	char room[300];
	struct text error = text_in(room, sizeof room);

	(void)state;
	assert_true(config_complete(a, &error));
	assert_true(config_complete(b, &error));
	fingerprint(a, 0, one);
	fingerprint(b, 0, other);
	assert_memory_equal(one, other, 32);
	config_free(a);
	config_free(b);
	assert_int_equal(unlink("st/a.test.pem"), 0);
}

static void names_of_files_stay_in_the_directory(void **state)
{
	struct config *c = completed(H "reply:204\n[site ../x]\nhost = x.test\n/ = reply:204\n[site _]\nhost = y.test\n/ = reply:204\n"
				       "[site -]\nhost = z.test\n/ = reply:204\n");
	const struct cert *cert = credential_cert(c->sites[0].tls.credentials[0]);

	(void)state;
	assert_string_equal(c->sites[0].own, "st/_.pem");
	assert_string_equal(c->sites[1].own, "st/..-x.pem");
	assert_string_equal(c->sites[2].own, "st/_-2.pem");
	assert_string_equal(c->sites[3].own, "st/-.pem");
	assert_true(cert_is_for(cert, SPAN("localhost")));
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(c->sites[i].tls.count, 1);
	config_free(c);
}

static void a_state_that_cannot_be_written_is_told(void **state)
{
	struct config *c = config_right("[gateway]\nlisten = :443 tls\nstate = a.crt/st\n[site a.test]\n/ = reply:204\n");
	char room[300];
	struct text error = text_in(room, sizeof room);

	(void)state;
	assert_false(config_complete(c, &error));
	block_same(text_span(&error), "gateway: cannot make the directory a.crt/st: a part of the path is not a directory ('state' in [gateway] names another one)", "state");
	config_free(c);
}

/* On a disk that is full: limits hold for root, too. */
static bool complete_on_a_full_disk(struct config *c, struct text *error)
{
	struct rlimit before, none;
	bool good;

	assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	none = before;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	good = config_complete(c, error);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	return good;
}

static void an_old_one_is_better_than_none(void **state)
{
	char room[300];
	struct text error = text_in(room, sizeof room);
	struct config *c;

	(void)state;
	put("st/a.test.pem", pem_old_key, pem_old);
	c = config_right(A);
	assert_int_equal(c->sites[0].tls.count, 0);
	assert_true(complete_on_a_full_disk(c, &error));
	assert_int_equal(c->sites[0].tls.count, 1);
	assert_int_equal(error.len, 0);
	config_free(c);
	c = config_right(A "host = c.test\n"); /* for which it is not */
	assert_false(complete_on_a_full_disk(c, &error));
	assert_true(span_starts(text_span(&error), SPAN("gateway: cannot write st/a.test.pem: ")));
	config_free(c);
	assert_int_equal(unlink("st/a.test.pem"), 0);
}

/* --- servers --------------------------------------------------------------------------------------- */

#define HEX "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define COLONS "00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F"
#define BASE64 "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"

static const struct tls_server *server_of(const struct config *c, size_t target)
{
	return c->routes[0].targets[target].server->tls;
}

static void pins_are_read(void **state)
{
	static const char *const good[] = {HEX, COLONS, BASE64, BASE64 "="};
	static const char *const bad[] = {HEX "0", HEX ":", "0" COLONS, BASE64 "==", BASE64 "A", "", ":" HEX, "0:" HEX,
					  "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh-"};
	static struct said said;
	char text[400];

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		struct config *c;

		snprintf(text, sizeof text, H "https://a verify=pin:sha256:%s\n", good[i]);
		c = config_right(text);
		assert_int_equal(server_of(c, 0)->verify, TLS_VERIFY_PIN);
		for (unsigned j = 0; j < 32; j++)
			assert_int_equal(server_of(c, 0)->pin[j], j);
		assert_null(server_of(c, 0)->trust);
		config_free(c);
	}
	for (size_t i = 0; i < COUNT(bad); i++) {
		snprintf(text, sizeof text, H "https://a verify=pin:sha256:%s\n", bad[i]);
		if (config_made(&said, text))
			fail_msg("'%s' is no pin", bad[i]);
	}
}

static void names_are_those_of_certificates(void **state)
{
	static const struct { const char *target, *name; bool literal; } names[] = {
		{"https://nas.lan", "nas.lan", false},
		{"https://NAS.lan.:81", "nas.lan", false},
		{"https://192.168.1.2:5001", "192.168.1.2", true},
		{"https://[fd00:0::1]:5001", "fd00::1", true},
		{"https://192.168.1.2 verify_name=Nas.lan.", "nas.lan", false},
		{"https://nas.lan verify_name=fd00:0::1", "fd00::1", true},
		{"https://[fe80::1%lo]:5001", "", true}, /* in no certificate, and nothing is verified */
	};
	char text[200];

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		struct config *c;

		snprintf(text, sizeof text, H "%s verify=off\n", names[i].target);
		c = config_right(text);
		assert_string_equal(server_of(c, 0)->name, names[i].name);
		assert_int_equal(server_of(c, 0)->literal, names[i].literal);
		config_free(c);
	}
}

static void equal_wishes_are_one(void **state)
{
	struct config *c = config_right(G "[site *]\n/a/ = https://x verify=pin:sha256:" HEX "\n/b/ = https://x verify=pin:sha256:" BASE64 "\n"
					  "/c/ = https://x ca=root.crt client_cert=a.pem\n"
					  "/d/ = https://x ca=root.crt client_cert=a.pem client_key=a.pem verify=ca\n"
					  "/e/ = https://x ca=a.crt client_cert=a.pem\n/f/ = https://x ca=root.crt\n");
	const struct tls_server *tls[6] = {NULL};

	(void)state;
	for (size_t i = 0; i < 6; i++)
		tls[c->routes[i].label[1] - 'a'] = c->routes[i].targets[0].server->tls;
	assert_ptr_equal(tls[0], tls[1]);
	assert_ptr_equal(tls[2], tls[3]);
	for (size_t i = 2; i < 6; i++)
		for (size_t j = 0; j < i; j++)
			if (i != 3 || j != 2)
				assert_ptr_not_equal(tls[i], tls[j]);
	assert_int_equal(tls[2]->verify, TLS_VERIFY_CA);
	assert_int_equal(trust_count(tls[2]->trust), 1);
	assert_true(cert_is_for(credential_cert(tls[2]->credential), SPAN("a.test")));
	config_free(c);
}

/* Only where it is needed; a machine may have none. */
static void the_systems_authorities_are_read_if_needed(void **state)
{
	static struct said said;
	struct config *c = config_right(H "https://a https://b verify=off\n/b/ = https://b ca=root.crt\n");

	(void)state;
	assert_int_equal(c->file_count, 1);
	config_free(c);
	c = config_made(&said, H "https://a\n/b/ = https://b verify=ca\n/c/ = https://a verify=off\n");
	if (!c) {
		assert_true(span_starts(text_span(&said.text), SPAN("f: https://a: this system has no file of certification authorities (")));
		return;
	}
	assert_int_equal(c->file_count, 1);
	assert_true(trust_count(c->servers[0].tls->trust) > 1);
	assert_ptr_equal(c->servers[0].tls->trust, c->servers[1].tls->trust);
	assert_ptr_equal(c->servers[2].tls->trust, NULL);
	config_free(c);
}

/* --- what check prints ----------------------------------------------------------------------------------- */

static bool holds(struct span text, const char *want)
{
	struct span part = span_str(want);

	for (; text.len >= part.len; text = span_of(text.at + 1, text.len - 1))
		if (span_starts(text, part))
			return true;
	return false;
}

static void check_shows_certificates(void **state)
{
	static const char *const lines[] = {
		"https://a.test/     -> reply:204 ", "https://nas.lan/ verify=off", "https://192.168.1.2:81/ verify=ca verify_name=nas",
		"https://nas.lan/ verify=pin", "listen :443 (IPv4 and IPv6, TLS): a.test", "listen :80 (IPv4 and IPv6, redirects to https): a.test",
		"\n  site    for                          issued by  key       days left\n",
		"\n  a.test  a.test *.b.test 192.168.1.1  itself     P-256     3",
		"\n      a.pem, chain of 1\n      clients must show a certificate of the authority in client_ca\n  a.test  a.test *.b.test",
		"itself     RSA-2048  3", "\n  old     a.test                       itself     P-256     EXPIRED ",
		"\n  c       c.test                       Home Root  P-256     3",
		"\n  *       *                            itself     P-256     will be made at first start\n      st/_.pem\n",
	};
	struct text out = block_text(8192);
	struct config *c;

	(void)state;
	unlink("st/_.pem");
	c = config_right(A "cert = a.pem r.crt\nkey = r.key\nclient_ca = root.crt\n"
			   "[site old]\ncert = old.crt\nkey = old.key\nhost = a.test.old\n/ = https://nas.lan verify=off\n"
			   "[site c]\nhost = c.test\ncert = c.pem\n/ = https://192.168.1.2:81 verify_name=nas ca=root.crt\n"
			   "[site *]\n/ = https://nas.lan verify=pin:sha256:" HEX "\n"
			   "[gateway]\nlisten = :80 redirect\n");
	config_print(c, &out);
	for (size_t i = 0; i < COUNT(lines); i++)
		if (!holds(text_span(&out), lines[i])) {
			printf("%.*s", (int)out.len, out.at);
			fail_msg("no \"%s\"", lines[i]);
		}
	config_free(c);
	free(out.at);
}

/* Many names are counted, not shown. */
static void check_stays_narrow(void **state)
{
	struct config *c = config_right(A "host = a.test another-name.test a-third-name.test x.test\n");
	struct text out = block_text(8192);

	(void)state;
	config_print(c, &out);
	if (!holds(text_span(&out), "\n  a.test  a.test another-name.test +2  itself     P-256  will be made at first start\n")) {
		printf("%.*s", (int)out.len, out.at);
		fail();
	}
	config_free(c);
	free(out.at);
}

static void check_shows_our_own(void **state)
{
	struct config *c = completed(H "reply:204\n");
	struct text out = block_text(8192);
	const char *at;

	(void)state;
	config_print(c, &out);
	text_char(&out, '\0');
	assert_true(holds(text_span(&out), "\n      st/_.pem, self-signed, made by gateway\n      SHA-256 "));
	at = strstr(out.at, "SHA-256 ");
	assert_int_equal(strcspn(at + 8, "\n"), 95);
	assert_int_equal(strspn(at + 8, "0123456789ABCDEF:"), 95);
	for (const char *line = out.at; line; line = strchr(line, '\n'))
		assert_in_range(strcspn(++line, "\n"), 0, 120);
	config_free(c);
	free(out.at);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(faults_name_file_block_and_cause),
		cmocka_unit_test(warnings_do_not_stop_it),
		cmocka_unit_test(each_site_wears_what_fits),
		cmocka_unit_test(files_are_listed_once),
		cmocka_unit_test(a_policy_is_label_hosts_and_authorities),
		cmocka_unit_test(client_ca_can_be_taken_back),
		cmocka_unit_test(one_is_made_and_used_again),
		cmocka_unit_test(it_outlives_its_hosts),
		cmocka_unit_test(what_is_there_is_taken_only_if_it_is_good),
		cmocka_unit_test(two_at_a_time_agree),
		cmocka_unit_test(names_of_files_stay_in_the_directory),
		cmocka_unit_test(a_state_that_cannot_be_written_is_told),
		cmocka_unit_test(an_old_one_is_better_than_none),
		cmocka_unit_test(pins_are_read),
		cmocka_unit_test(names_are_those_of_certificates),
		cmocka_unit_test(equal_wishes_are_one),
		cmocka_unit_test(the_systems_authorities_are_read_if_needed),
		cmocka_unit_test(check_shows_certificates),
		cmocka_unit_test(check_stays_narrow),
		cmocka_unit_test(check_shows_our_own),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}

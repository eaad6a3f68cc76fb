/* SPDX-License-Identifier: MIT
 *
 * Are networks in files taken as those in lines are, and is every wrong line told?
 */
#include "config_made.h"
#include "../../platform/platform.h"
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define G "[gateway]\nlisten = :80\n"      /* lines 1 and 2 */
#define A G "[site *]\n/a/ = http://a\n"   /* up to line 4 */

static char home[] = "/tmp/gateway-test-XXXXXX";

static void put(const char *name, const char *text)
{
	FILE *f = fopen(name, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void put_lines(const char *name, const char *line, size_t count)
{
	FILE *f = fopen(name, "w");

	assert_non_null(f);
	while (count--)
		fputs(line, f);
	assert_int_equal(fclose(f), 0);
}

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(home) || chdir(home))
		return -1;
	put("lan", "# at home\n192.168.0.0/16\n\n \t\n  10.0.0.0/8\t# the other one\r\nfd00::/8 ; and this\n;\n#\n10.1.0.0/16");
	put("cut", "10.0.0.0/8");
	put("empty", "");
	put("blank", "# nobody\n\n");
	put("wrong", "10.0.0.0/8\n\n10.0.0.0/33 # too long\nlan\r\n1.2.3.4 5.6.7.8\n\x1b[2J\n");
	put_lines("large", "10.0.0.0/8\n", 1048576 / 11 + 1);
	put_lines("full", "10.10.10.10/16\n", 1048576 / 15);
	return mkdir("dir", 0700);
}

static int tear_down(void **state)
{
	char command[100];

	(void)state;
	snprintf(command, sizeof command, "rm -rf %s", home);
	return chdir("/") || system(command);
}

static const struct config_mistake mistakes[] = {
	{A "deny = ./none\n", "f:5: file ./none cannot be read: no such file or directory\n"},
	{A "deny = ./dir\n", "f:5: file ./dir cannot be read: is a directory\n"},
	{A "deny = ./large\n", "f:5: file ./large is larger than 1 MB\n"},
	{A "deny = lan\n", "f:5: 'lan' is not an address or a network such as 192.168.0.0/16\n"},
	{A "deny = ../lan\n", "f:5: '../lan' is not an address or a network such as 192.168.0.0/16\n"},
	{A "allow = 1.2.3.4 ./wrong x\ndeny = ./wrong\n",
	 "f:5: file ./wrong:3: '10.0.0.0/33' is not an address or a network such as 192.168.0.0/16\n"
	 "f:5: file ./wrong:4: 'lan' is not an address or a network such as 192.168.0.0/16\n"
	 "f:5: file ./wrong:5: '1.2.3.4 5.6.7.8' is not an address or a network such as 192.168.0.0/16\n"
	 "f:5: file ./wrong:6: '?[2J' is not an address or a network such as 192.168.0.0/16\n"
	 "f:5: 'x' is not an address or a network such as 192.168.0.0/16\n"},
	{A "[gateway]\ntrusted = ./wrong\n",
	 "f:6: file ./wrong:3: '10.0.0.0/33' is not an address or a network such as 192.168.0.0/16\n"
	 "f:6: file ./wrong:4: 'lan' is not an address or a network such as 192.168.0.0/16\n"
	 "f:6: file ./wrong:5: '1.2.3.4 5.6.7.8' is not an address or a network such as 192.168.0.0/16\n"
	 "f:6: file ./wrong:6: '?[2J' is not an address or a network such as 192.168.0.0/16\n"},
	{A "/b/ = http://b deny=./none\n", "f:5: file ./none cannot be read: no such file or directory\n"},
	{A "/b/ = http://b when=from:./none\n", "f:5: file ./none cannot be read: no such file or directory\n"},
	{A "/b/ = http://b when=from:,\n", "f:5: when=from:,: expected an address or network, as in when=from:192.168.0.0/16\n"},
};

static void tells_every_mistake(void **state)
{
	(void)state;
	config_refuses(mistakes, COUNT(mistakes));
}

static void same_networks(const struct net *at, size_t count, const char *want)
{
	char room[512];
	struct text t = text_in(room, sizeof room);

	for (size_t i = 0; i < count; i++) {
		text_str(&t, i ? " " : "");
		net_write(&t, &at[i]);
		text_char(&t, '/');
		text_number(&t, at[i].bits);
	}
	block_same(text_span(&t), want, "networks");
}

#define LAN "10.0.0.0/8 192.168.0.0/16 fd00::/8"

static void takes_files(void **state)
{
	struct config *c = config_right("[gateway]\nlisten = :80\ntrusted = 172.16.0.0/12 ./lan\ndeny = 11.0.0.0/8\n"
					"[site *]\ndeny = ./cut 11.1.1.1\n"
					"/a/ = http://a allow=./lan\n"
					"/b/ = http://b when=from:./lan,8.8.8.8 deny=./blank\n"
					"/c/ = http://c deny=./full\n");
	const struct route *r = c->routes;

	(void)state;
	same_networks(c->trusted, c->trusted_count, "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 fd00::/8");
	same_networks(r[0].options.allow, r[0].options.allow_count, LAN);
	same_networks(r[0].options.deny, r[0].options.deny_count, "10.0.0.0/8 11.0.0.0/8");
	same_networks(r[1].when[0].networks, r[1].when[0].network_count, "8.8.8.8/32 " LAN);
	same_networks(r[1].options.deny, r[1].options.deny_count, "10.0.0.0/8 11.0.0.0/8");
	same_networks(r[2].options.deny, r[2].options.deny_count, "10.0.0.0/8 11.0.0.0/8");
	config_free(c);
}

/* Named at three levels and in two spellings, but read once each and watched. */
static void watches_files(void **state)
{
	char path[100];
	char text[600];
	struct config *c;

	(void)state;
	snprintf(path, sizeof path, "%s/lan", home);
	snprintf(text, sizeof text, G "allow = ./lan\ntrusted = %s\n[site *]\nallow = ./lan\n/ = http://a allow=./lan deny=./cut\n", path);
	c = config_right(text);
	assert_int_equal(c->file_count, 3);
	for (size_t i = 0; i < c->file_count; i++) {
		assert_int_equal(c->stamps[i], platform_stamp(c->files[i]));
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(c->files[i], c->files[j]);
	}
	config_free(c);
}

/* Files can run empty. Then nobody is allowed, which is not the same as everybody;
 * and what was said further out does not come back. */
static void empty_files(void **state)
{
	struct net client;
	struct config *c = config_right(G "allow = ./lan\ntrusted = ./empty\n[site *]\n"
					"/a/ = http://a allow=./empty\n/b/ = http://b deny=./empty when=from:./blank\n");
	const struct options *o = &c->routes[0].options;

	(void)state;
	assert_true(net_read(&client, SPAN("10.0.0.1")));
	assert_int_not_equal(o->allow_count, 0);
	assert_false(net_in_any(&client, o->allow, o->allow_count));
	assert_int_equal(c->trusted_count, 0);
	same_networks(c->routes[1].options.allow, c->routes[1].options.allow_count, LAN);
	assert_int_equal(c->routes[1].options.deny_count, 0);
	assert_int_equal(c->routes[1].when_count, 1);
	assert_int_equal(c->routes[1].when[0].network_count, 0);
	config_free(c);
}

/* As many as fit into a file, at every level: none of them is in memory twice for a
 * route that says nothing of its own. */
static void fifty_thousand(void **state)
{
	FILE *f = fopen("many", "w");
	struct net in = {.family = NET_IP4, .bits = 32, .ip = {1, 7, 7, 0}}, out = {.family = NET_IP4, .bits = 32, .ip = {1, 7, 7, 1}};
	struct config *c;

	(void)state;
	assert_non_null(f);
	for (unsigned i = 50000; i-- > 0;)
		fprintf(f, "1.%u.%u.0\n", i >> 8, i & 255);
	assert_int_equal(fclose(f), 0);
	c = config_right(G "deny = ./many\n[site *]\nallow = ./many\n/a/ = http://a\n/b/ = http://b\n/c/ = http://c deny=8.8.8.8\n");
	assert_int_equal(c->routes[0].options.deny_count, 50000);
	assert_ptr_equal(c->routes[0].options.deny, c->routes[1].options.deny);
	assert_ptr_equal(c->routes[0].options.allow, c->routes[2].options.allow);
	assert_int_equal(c->routes[2].options.deny_count, 50001);
	assert_true(net_in_any(&in, c->routes[2].options.deny, c->routes[2].options.deny_count));
	assert_false(net_in_any(&out, c->routes[2].options.deny, c->routes[2].options.deny_count));
	config_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_every_mistake),
		cmocka_unit_test(takes_files),
		cmocka_unit_test(watches_files),
		cmocka_unit_test(empty_files),
		cmocka_unit_test(fifty_thousand),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}

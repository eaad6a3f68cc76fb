/* SPDX-License-Identifier: MIT
 *
 * Does `gateway check` say in one line a route who may pass, in the words of the file?
 */
#include "config_made.h"
#include <stdio.h>
#include <unistd.h>

#define G "[gateway]\nlisten = :80\n"
#define HASH "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEl8"
#define FAMILY "[users family]\nalice = " HASH "\nbob = " HASH "\n"

static char home[] = "/tmp/gateway-test-XXXXXX";

static void put(const char *name, const char *text)
{
	FILE *f = fopen(name, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(home) || chdir(home))
		return -1;
	put("one", "carol:" HASH "\n");
	put("two", "dave:" HASH "\nerin:" HASH "\n");
	put("none", "# nobody yet\n");
	put("many", "10.0.0.0/8\n172.16.0.0/12\n192.168.0.0/16\nfd00::/8\n");
	return 0;
}

static int tear_down(void **state)
{
	char command[100];

	(void)state;
	snprintf(command, sizeof command, "rm -rf %s", home);
	return chdir("/") || system(command);
}

/* What stands behind a route's target, by what is said behind it. */
static const struct { const char *said, *column; } columns[] = {
	{"", "open"},
	{"allow=10.0.0.0/8", "restricted"},
	{"deny=./many", "restricted"},
	{"auth=none", "open"},
	{"auth=family", "password (auth=family)"},
	{"auth=family require=bob", "password (auth=family require=bob)"},
	{"auth=family require=bob,alice login=form", "login page (auth=family require=bob,alice)"},
	{"auth=family login=form", "login page (auth=family)"},
	{"auth=family open_to=192.168.0.0/16,fd00::1,::/0,10.1.1.1", "password (auth=family), open_to=10.1.1.1,192.168.0.0/16,::/0"},
	{"auth=family open_to=./many", "password (auth=family), open_to=4 networks"},
	{"auth=family deny=10.0.0.1", "restricted, password (auth=family)"},
	{"auth=http://127.0.0.1:9091/api/verify copy=Remote-User", "asks http://127.0.0.1:9091/api/verify"},
	{"auth=unix:/run/a.sock:/verify?rd=/x open_to=127.0.0.1", "asks unix:/run/a.sock:/verify?rd=/x, open_to=127.0.0.1"},
	{"limit=10/s", "open, limit=10/s burst=10"},
	{"limit=10/s burst=20", "open, limit=10/s burst=20"},
	{"limit=off connections=0 max_body=0 bandwidth=off", "open"},
	{"connections=7", "open, connections=7"},
	{"max_body=10M", "open, max_body=10M"},
	{"max_body=1000", "open, max_body=1000"},
	{"max_body=1536k", "open, max_body=1536k"},
	{"max_body=2048G", "open, max_body=2048G"},
	{"bandwidth=1024/s", "open, bandwidth=1k/s"},
	{"auth=family allow=10.0.0.0/8 limit=1/h connections=2 max_body=3k bandwidth=4M/s",
	 "restricted, password (auth=family), limit=1/h burst=1, connections=2, max_body=3k, bandwidth=4M/s"},
};

static void says_who_may_pass(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(columns); i++) {
		struct text file = block_text(1024), out = block_text(1024), want = block_text(1024);
		struct config *c;

		text_format(&file, G "state = .\n[site *]\n/ = http://a %s\n" FAMILY, columns[i].said);
		text_char(&file, 0);
		text_format(&want, "http://*/ -> http://a/  %s\n", columns[i].column);
		text_char(&want, 0);
		c = config_right(file.at);
		config_print(c, &out);
		out.len = span_find(text_span(&out), '\n') + 1;
		block_same(text_span(&out), want.at, columns[i].said);
		config_free(c);
		free(file.at);
		free(out.at);
		free(want.at);
	}
}

static const struct { const char *users, *said; } families[] = {
	{FAMILY, "users family: 2 users\n"},
	{"[users family]\nalice = " HASH "\n", "users family: 1 user\n"},
	{"[users family]\nfile = ./none\n", "users family: 0 users: nobody can log in\n"},
	{"[users family]\nfile = ./two\n", "users family: 2 users, 2 in ./two\n"},
	{FAMILY "file = ./one\n", "users family: 3 users, 1 in ./one\n"},
	{FAMILY "file = ./two\nfile = ./one\n", "users family: 5 users, 1 in ./one, 2 in ./two\n"},
};

static void says_who_there_is(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(families); i++) {
		struct text file = block_text(1024), out = block_text(1024);
		struct config *c;
		size_t at = 0;

		text_format(&file, G "state = .\n[site *]\n/ = http://a auth=family\n%s", families[i].users);
		text_char(&file, 0);
		c = config_right(file.at);
		config_print(c, &out);
		assert_false(out.full);
		while (!span_starts(span_of(out.at + at, out.len - at), SPAN("users")))
			assert_true(++at < out.len);
		block_same(span_of(out.at + at, out.len - at), families[i].said, families[i].users);
		config_free(c);
		free(file.at);
		free(out.at);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_who_may_pass),
		cmocka_unit_test(says_who_there_is),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}

/* SPDX-License-Identifier: MIT
 *
 * When have the files of certificates changed, and what is said of their days?
 */
#include "../../src/supervisor_certs.h"
#include "../../platform/platform.h"
#include "../../src/selfsign.h"
#include "config_made.h"

#include <stdio.h>
#include <unistd.h>

enum { DAY = 86400, PERIOD = 10000 /* ms within which a change is seen */ };

static char directory[] = "/tmp/gateway-certs-XXXXXX";

static const char *in_directory(const char *name)
{
	static char path[200];

	snprintf(path, sizeof path, "%s/%s", directory, name);
	return path;
}

/* --- files that change --------------------------------------------------------- */

struct watched {
	struct config config;
	char paths[2][200];
	const char *files[2];
	uint64_t stamps[2];
	struct certs certs;
	int64_t now;
};

static void put(struct watched *w, int which, const char *content)
{
	assert_true(platform_keep(w->paths[which], content, strlen(content)));
}

/* As the supervisor sleeps: until what is due, but not before. */
static bool next_look(struct watched *w)
{
	int64_t due = certs_due(&w->certs);

	assert_true(due > w->now && due <= w->now + PERIOD);
	w->now = due - 1;
	assert_false(certs_changed(&w->certs, w->now));
	w->now = due;
	return certs_changed(&w->certs, w->now);
}

static struct watched *watched(void)
{
	struct watched *w = calloc(1, sizeof *w);
	int i;

	assert_non_null(w);
	w->now = 5000;
	for (i = 0; i < 2; i++) {
		snprintf(w->paths[i], sizeof w->paths[i], "%s", in_directory(i ? "one" : "two"));
		put(w, i, "first");
		w->files[i] = w->paths[i];
		w->stamps[i] = platform_stamp(w->paths[i]);
	}
	w->config = (struct config){.files = w->files, .stamps = w->stamps, .file_count = 2};
	assert_true(certs_begin(&w->certs, &w->config, w->now));
	return w;
}

static void end_watch(struct watched *w)
{
	certs_end(&w->certs);
	assert_true(certs_due(&w->certs) == CERTS_NEVER);
	unlink(w->paths[0]);
	unlink(w->paths[1]);
	free(w);
}

static void sees_each_change_once(void **state)
{
	struct watched *w = watched();
	int i;

	(void)state;
	assert_false(next_look(w));
	for (i = 0; i < 2; i++) {
		put(w, i, "second");
		assert_true(next_look(w));
		assert_false(next_look(w));
	}
	put(w, 0, "third");
	put(w, 1, "third");
	assert_true(next_look(w));
	assert_false(next_look(w));
	end_watch(w);
}

/* Changed after it was read and before the watch began. */
static void misses_nothing_in_between(void **state)
{
	struct watched *w = watched();

	(void)state;
	put(w, 0, "second");
	assert_true(certs_begin(&w->certs, &w->config, w->now));
	assert_true(next_look(w));
	end_watch(w);
}

static void waits_for_what_is_gone(void **state)
{
	struct watched *w = watched();
	int looks = 0;

	(void)state;
	unlink(w->paths[0]);
	assert_false(next_look(w));
	put(w, 1, "new"); /* the other one has to wait too: it could not be loaded alone */
	assert_false(next_look(w));
	put(w, 0, "new");
	assert_true(next_look(w));
	assert_false(next_look(w));
	unlink(w->paths[1]);
	while (!next_look(w))
		assert_true(++looks < 10);
	assert_in_range(looks, 3, 6); /* then somebody has to hear of it, once */
	for (looks = 0; looks < 10; looks++)
		assert_false(next_look(w));
	put(w, 0, "newer"); /* what is known to be gone holds nothing up */
	assert_true(next_look(w));
	put(w, 1, "back");
	assert_true(next_look(w));
	assert_false(next_look(w));
	end_watch(w);
}

static void nothing_is_never_due(void **state)
{
	struct certs none = {0};
	struct config nothing = {0};

	(void)state;
	assert_true(certs_due(&none) == CERTS_NEVER);
	assert_false(certs_changed(&none, INT64_MAX));
	assert_true(certs_begin(&none, &nothing, 1000));
	assert_true(certs_due(&none) == CERTS_NEVER);
	assert_false(certs_changed(&none, INT64_MAX - 1));
	certs_end(&none);
}

/* --- days ----------------------------------------------------------------------- */

static int64_t clock_now(void)
{
	int64_t now = platform_clock();

	return now > GW_BUILT ? now : GW_BUILT;
}

/* A certificate and its key in one file. */
static void make(const char *name, int64_t from, int64_t until)
{
	struct span names[] = {SPAN("a.test"), SPAN("b.test")};
	struct selfsign what = {.names = names, .name_count = 2, .from = from, .until = until};
	struct text pem = block_text(4000);
	unsigned char seed[32];

	platform_random(seed, sizeof seed);
	assert_null(selfsign_make(&pem, &what, seed));
	assert_false(pem.full);
	assert_true(platform_keep(in_directory(name), pem.at, pem.len));
	free(pem.at);
}

static struct config *load(void)
{
	static struct said said;
	char text[600];
	struct config *c;

	snprintf(text, sizeof text, "[gateway]\nlisten = 127.0.0.1:8443 tls\nstate = %s\n"
		"[site a.test]\ncert = %s/made.pem\n/ = reply:200\n[site b.test]\ncert = %s/made.pem\n/ = reply:200\n",
		directory, directory, directory);
	c = config_made(&said, text);
	if (!c)
		fail_msg("%.*s", (int)said.text.len, said.text.at);
	return c;
}

struct told {
	const char *what;
	int64_t from, until; /* seconds from now */
	const char *expected; /* before the date; NULL: nothing */
	bool date_is_from;
};

static const struct told days[] = {
	{"far away", -DAY, 100 * DAY, NULL, false},
	{"15 days and a half", -DAY, 15 * DAY + DAY / 2, NULL, false},
	{"14 days and a half", -DAY, 14 * DAY + DAY / 2, " expires in 14 days, on ", false},
	{"a day and a half", -DAY, DAY + DAY / 2, " expires in 1 day, on ", false},
	{"half a day", -DAY, DAY / 2, " expires in 0 days, on ", false},
	{"over", -3 * DAY, -DAY, " expired on ", false},
	{"to come", DAY, 3 * DAY, " is not valid before ", true},
};

static struct span said_in_log(char room[8192])
{
	long len = platform_read(in_directory("log"), room, 8191);

	assert_true(len >= 0);
	room[len] = 0;
	return span_of(room, (size_t)len);
}

static void assert_told(const struct told *t, struct span said, int64_t now)
{
	char expected[300];
	struct span date = log_iso(now + (t->date_is_from ? t->from : t->until));
	const char *first;

	if (!t->expected) {
		assert_int_equal(said.len, 0);
		return;
	}
	snprintf(expected, sizeof expected, " warning: site a.test: the certificate in %s/made.pem%s%.*s\n", directory, t->expected,
		(int)date.len, date.at);
	first = strstr(said.at, expected);
	if (!first || strlen(first) != strlen(expected)) /* and not for b.test again */
		fail_msg("%s: said \"%s\", not \"%s\"", t->what, said.at, expected);
}

static void tells_days(void **state)
{
	static struct log log;
	char room[8192];
	struct config *c;
	int64_t now;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(days); i++) {
		now = clock_now();
		make("made.pem", now + days[i].from, now + days[i].until);
		c = load();
		unlink(in_directory("log"));
		assert_true(log_open(&log, in_directory("log")));
		certs_say(c, &log);
		assert_told(&days[i], said_in_log(room), now);
		log_close(&log);
		config_free(c);
	}
	unlink(in_directory("log"));
	unlink(in_directory("made.pem"));
}

static void reminds_once_a_day(void **state)
{
	static struct log log;
	char room[8192];
	struct config *c;
	struct certs k = {0};
	int64_t now = clock_now();

	(void)state;
	make("made.pem", now - DAY, now + 3 * DAY);
	c = load();
	assert_true(log_open(&log, in_directory("log")));
	assert_true(certs_begin(&k, c, 1000));
	certs_remind(&k, &log, 1000 + (int64_t)DAY * 1000 - 1);
	assert_int_equal(said_in_log(room).len, 0);
	certs_remind(&k, &log, 1000 + (int64_t)DAY * 1000);
	assert_non_null(strstr(said_in_log(room).at, "expires in"));
	certs_remind(&k, &log, 1001 + (int64_t)DAY * 1000);
	assert_null(strstr(strstr(room, "expires in") + 1, "expires in"));
	log_close(&log);
	certs_end(&k);
	config_free(c);
	unlink(in_directory("log"));
	unlink(in_directory("made.pem"));
}

/* What has run out since it was loaded is no fault of a new file. */
static void expects_what_has_run_out(void **state)
{
	struct config *c;
	struct certs k = {0};
	int64_t now = clock_now();

	(void)state;
	make("made.pem", now - 3 * DAY, now - DAY);
	c = load();
	assert_int_equal(c->warnings, 2); /* one for each site that names it */
	assert_true(certs_begin(&k, c, 1000));
	assert_int_equal(certs_warnings(&k), 2);
	k.since = now - 2 * DAY;
	c->warnings = 0; /* as it was then */
	assert_int_equal(certs_warnings(&k), 2);
	k.since = now - 4 * DAY; /* then it was as bad already */
	assert_int_equal(certs_warnings(&k), 0);
	certs_end(&k);
	config_free(c);
	unlink(in_directory("made.pem"));
}

/* The text it was made from is gone, and so is the one before it. */
static void loads_the_same_again(void **state)
{
	static struct said said;
	struct config *first, *second, *third;

	(void)state;
	make("made.pem", clock_now() - DAY, clock_now() + 100 * DAY);
	first = load();
	said.text = text_in(said.room, sizeof said.room);
	second = config_again(first, said_add, &said);
	assert_non_null(second);
	config_free(first);
	third = config_again(second, said_add, &said);
	assert_non_null(third);
	config_free(second);
	assert_int_equal(said.text.len, 0);
	assert_int_equal(third->site_count, 2);
	assert_string_equal(third->file, "f");
	assert_int_equal(third->file_count, 1);
	assert_true(third->stamps[0] == platform_stamp(third->files[0]));
	unlink(in_directory("made.pem"));
	assert_null(config_again(third, said_add, &said));
	assert_true(said.text.len > 4 && memcmp(said.text.at, "f:5: ", 5) == 0);
	config_free(third);
}

/* --- certificates of our own ------------------------------------------------------- */

static void tells_fingerprints(void **state)
{
	static const char text[] = "[gateway]\nlisten = 127.0.0.1:8443 tls\nstate = %s\n[site own.test]\n/ = reply:200\n";
	static struct said said;
	static struct log log;
	char source[300], room[8192], why[300];
	struct text error = text_in(why, sizeof why);
	const char *at;
	struct config *c;
	struct certs k = {0};
	int i;

	(void)state;
	snprintf(source, sizeof source, text, directory);
	c = config_made(&said, source);
	assert_non_null(c);
	assert_true(config_complete(c, &error));
	assert_true(log_open(&log, in_directory("log")));
	certs_say(c, &log);
	said_in_log(room);
	at = strstr(room, " notice: site own.test: self-signed certificate, SHA-256 ");
	assert_non_null(at);
	at = strstr(at, "SHA-256 ") + 8;
	for (i = 0; i < 95; i++)
		assert_true(i % 3 == 2 ? at[i] == ':' : span_hex(at[i]) >= 0 && span_lower(at[i]) == (at[i] > '9' ? at[i] + 32 : at[i]));
	assert_memory_equal(at + 95, ", in ", 5);
	assert_non_null(strstr(at, "/own.test.pem\n"));
	assert_null(strstr(at, "expire"));
	assert_true(certs_begin(&k, c, 1000)); /* no file to look at; in ten years it will be over */
	assert_true(certs_due(&k) == 1000 + (int64_t)DAY * 1000);
	certs_end(&k);
	log_close(&log);
	config_free(c);
	unlink(in_directory("own.test.pem"));
	unlink(in_directory("log"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sees_each_change_once),
		cmocka_unit_test(misses_nothing_in_between),
		cmocka_unit_test(waits_for_what_is_gone),
		cmocka_unit_test(nothing_is_never_due),
		cmocka_unit_test(tells_days),
		cmocka_unit_test(reminds_once_a_day),
		cmocka_unit_test(expects_what_has_run_out),
		cmocka_unit_test(loads_the_same_again),
		cmocka_unit_test(tells_fingerprints),
	};
	int failed;

	if (!mkdtemp(directory))
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(directory);
	return failed;
}

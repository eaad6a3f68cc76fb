/* SPDX-License-Identifier: MIT
 *
 * When have the files of certificates changed, and what is said of their days?
 */
#include "../../src/supervisor_certs.h"
#include "../../platform/platform.h"
#include "../../src/selfsign.h"
#include "config_made.h"
#include "credential_made.h"
#include "pem.h"

#include <stdio.h>
#include <time.h>
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

/* What hinders may be over after a while, though no file has changed. */
static void tries_again_what_was_refused(void **state)
{
	struct watched *w = watched();
	int64_t began = w->now;

	(void)state;
	put(w, 0, "second");
	assert_true(next_look(w));
	certs_refused(&w->certs, w->now);
	while (!next_look(w))
		assert_true(w->now < began + 2 * 3600 * 1000);
	assert_true(w->now > began + 1800 * 1000); /* it was said already */
	assert_false(next_look(w)); /* taken this time */
	certs_refused(&w->certs, w->now);
	put(w, 0, "third");
	assert_true(next_look(w)); /* at once, and then it has been tried */
	while (w->now < began + 3 * 3600 * 1000)
		assert_false(next_look(w));
	end_watch(w);
}

/* --- what is new ------------------------------------------------------------------ */

struct shape { /* of a certificate, days from now */
	int from, until;
	const char *host;
};

static const struct shape good = {-1, 100, "a.test"}, bad = {-9, -2, "a.test"}, worse = {-9, -5, "a.test"}, early = {3, 100, "a.test"},
			  foreign = {-1, 100, "x.test"};

static const struct {
	const char *what;
	const struct shape *before[2], *after[2]; /* the site's; a server's client_cert */
	const char *news[2]; /* ends of messages; NULL: no more */
} renewals[] = {
	{"all is well", {&good, &good}, {&good, &good}, {NULL}},
	{"the site's has expired", {&good, &good}, {&bad, &good}, {"f:6: warning: [site a.test]: cert one.pem has expired 2 days ago"}},
	{"the site's is not valid yet", {&good, &good}, {&early, &good}, {"f:6: warning: [site a.test]: cert one.pem is not valid yet, but in 3 days"}},
	{"the site's is for another host", {&good, &good}, {&foreign, &good}, {"f:6: warning: [site a.test]: cert one.pem is not for 'a.test'"}},
	{"it has been for another one", {&foreign, &good}, {&foreign, &good}, {NULL}},
	{"the client's has expired", {&good, &good}, {&good, &bad}, {"f:7: warning: client_cert two.pem has expired 2 days ago"}},
	{"it had before", {&good, &bad}, {&good, &worse}, {NULL}},
	{"it had not begun", {&good, &early}, {&good, &bad}, {NULL}},
	{"one is mended", {&bad, &worse}, {&good, &worse}, {NULL}},
	{"one is mended, and another spoilt", {&good, &bad}, {&foreign, &good}, {"f:6: warning: [site a.test]: cert one.pem is not for 'a.test'"}},
	{"both spoilt", {&good, &good}, {&bad, &bad},
	 {"f:6: warning: [site a.test]: cert one.pem has expired 2 days ago", "f:7: warning: client_cert two.pem has expired 2 days ago"}},
};

static void make_for(const char *name, const struct shape *s)
{
	struct span host = span_str(s->host);
	struct selfsign what = {.names = &host, .name_count = 1, .from = clock_now() + s->from * DAY - 60, .until = clock_now() + s->until * DAY - 60};
	struct text pem = block_text(4000);
	unsigned char seed[32];

	platform_random(seed, sizeof seed);
	assert_null(selfsign_make(&pem, &what, seed));
	assert_true(platform_keep(name, pem.at, pem.len));
	free(pem.at);
}

static struct config *pair_of(struct said *said, const struct shape *const shapes[2])
{
	make_for("one.pem", shapes[0]);
	make_for("two.pem", shapes[1]);
	return config_made(said, "[gateway]\nlisten = 127.0.0.1:8443 tls\nstate = .\n\n[site a.test]\ncert = one.pem\n"
				 "/ = https://x verify=off client_cert=two.pem\n");
}

static void tells_what_is_new(void **state)
{
	static struct said said;
	size_t i, n;

	(void)state;
	assert_int_equal(chdir(directory), 0);
	for (i = 0; i < COUNT(renewals); i++) {
		struct config *before = pair_of(&said, renewals[i].before), *after = pair_of(&said, renewals[i].after);
		char expected[400] = "";

		assert_true(before && after);
		for (n = 0; n < 2 && renewals[i].news[n]; n++)
			snprintf(expected + strlen(expected), sizeof expected - strlen(expected), "%s\n", renewals[i].news[n]);
		said.text = text_in(said.room, sizeof said.room);
		assert_int_equal(config_news(after, before, said_add, &said), n);
		block_same(text_span(&said.text), expected, renewals[i].what);
		config_free(before);
		config_free(after);
	}
	unlink("one.pem");
	unlink("two.pem");
}

/* It was good when it was loaded and is over now: no fault of a new file, neither
 * of this one nor of another. */
static void knows_what_has_run_out(void **state)
{
	static struct said said;
	struct config *before, *after;
	struct timespec while_it_ends = {.tv_nsec = 50000000};
	int64_t end;

	(void)state;
	assert_int_equal(chdir(directory), 0);
	make_for("two.pem", &good);
	end = clock_now() + 3;
	make("one.pem", clock_now() - DAY, end);
	before = config_made(&said, "[gateway]\nlisten = 127.0.0.1:8443 tls\nstate = .\n[site a.test]\ncert = one.pem\n/ = https://x verify=off client_cert=two.pem\n");
	assert_non_null(before);
	assert_int_equal(before->warnings, 1); /* our own is none for a client */
	while (clock_now() <= end)
		nanosleep(&while_it_ends, NULL);
	make_for("two.pem", &good);
	make("one.pem", clock_now() - 3 * DAY, clock_now() - 2 * DAY);
	after = config_again(before, said_add, &said);
	assert_non_null(after);
	assert_int_equal(after->warnings, 2);
	assert_int_equal(config_news(after, before, said_add, &said), 0);
	config_free(before);
	config_free(after);
	unlink("one.pem");
	unlink("two.pem");
}

/* Another authority of the same file without its chain is nothing new. */
static void knows_warnings_again(void **state)
{
	static const char text[] = "[gateway]\nlisten = 127.0.0.1:8443 tls\ncert = one.pem\nstate = .\n[site *]\n/ = reply:204\n";
	static const char *const files[] = {MADE_EC MADE_EC_KEY, NULL, MADE_RSA MADE_RSA_KEY};
	static struct said said;
	struct config *loaded[3];
	size_t i;

	(void)state;
	assert_int_equal(chdir(directory), 0);
	for (i = 0; i < 3; i++) {
		char room[8192];
		struct text pem = text_in(room, sizeof room);

		text_str(&pem, files[i] ? files[i] : pem_c);
		text_str(&pem, files[i] ? "" : pem_c_key);
		assert_true(platform_keep("one.pem", pem.at, pem.len));
		loaded[i] = config_made(&said, text);
		assert_non_null(loaded[i]);
		assert_non_null(memchr(said.room, 'f', said.text.len)); /* it has no chain */
		assert_int_equal(loaded[i]->warnings, 1);
		assert_int_equal(config_news(loaded[i], loaded[0], said_add, &said), 0);
	}
	for (i = 0; i < 3; i++)
		config_free(loaded[i]);
	unlink("one.pem");
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
		cmocka_unit_test(tries_again_what_was_refused),
		cmocka_unit_test(tells_what_is_new),
		cmocka_unit_test(knows_what_has_run_out),
		cmocka_unit_test(knows_warnings_again),
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

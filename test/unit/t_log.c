/* SPDX-License-Identifier: MIT
 *
 * Is every line whole, is what is lost counted, and does a log never wait?
 */
#include "../../src/log.h"
#include "../../platform/platform.h"
#include "block.h"

#include <stdio.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char directory[] = "/tmp/gateway-test-XXXXXX";
static struct log log_a; /* large, and not to be copied */

static const char *in_directory(const char *name)
{
	static char path[200];

	snprintf(path, sizeof path, "%s/%s", directory, name);
	return path;
}

static void add(struct log *l, const char *line)
{
	text_str(log_begin(l), line);
	log_end(l);
}

/* All that a descriptor has to give, zero-ended. */
static const char *all_of(int fd)
{
	static char room[1 << 17];
	size_t len = 0;
	ssize_t n;

	while ((n = read(fd, room + len, sizeof room - 1 - len)) > 0)
		len += (size_t)n;
	room[len] = 0;
	return room;
}

static const char *file_text(const char *path)
{
	int fd = open(path, O_RDONLY);
	const char *text;

	assert_true(fd >= 0);
	text = all_of(fd);
	close(fd);
	return text;
}

/* A log into a pipe that does not make its writer wait, as log_open's. */
static int open_pipe(struct log *l)
{
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	assert_true(log_open(l, in_directory("unused")));
	unlink(in_directory("unused"));
	log_use(l, ends[1]);
	assert_int_not_equal(l->target, PLATFORM_FILE);
	return ends[0];
}

/* --- writing ---------------------------------------------------------------- */

static void writes_a_file(void **state)
{
	const char *path = in_directory("a.log");

	(void)state;
	assert_true(log_open(&log_a, path));
	assert_int_equal(log_a.target, PLATFORM_FILE);
	assert_false(log_flush(&log_a));
	add(&log_a, "first");
	add(&log_a, "second");
	assert_string_equal(file_text(path), ""); /* at most once a turn */
	assert_false(log_flush(&log_a));
	assert_string_equal(file_text(path), "first\nsecond\n");
	add(&log_a, "third");
	log_close(&log_a);
	assert_string_equal(file_text(path), "first\nsecond\nthird\n");
	add(&log_a, "nobody hears this");
	assert_false(log_flush(&log_a));
	unlink(path);
}

static void goes_on_with_another_file(void **state)
{
	char old[200];
	const char *path = in_directory("b.log");

	(void)state;
	snprintf(old, sizeof old, "%s.1", path);
	assert_true(log_open(&log_a, path));
	add(&log_a, "one");
	assert_int_equal(rename(path, old), 0);
	log_use(&log_a, platform_append(path));
	add(&log_a, "two");
	add(&log_a, "forgotten");
	log_a.lines.len -= strlen("forgotten\n");
	log_close(&log_a);
	assert_string_equal(file_text(old), "one\n");
	assert_string_equal(file_text(path), "two\n");
	unlink(old);
	unlink(path);
}

static void off_and_failure(void **state)
{
	(void)state;
	assert_true(log_open(&log_a, "off"));
	add(&log_a, "x");
	log_say(&log_a, LOG_ERROR, "x");
	assert_false(log_flush(&log_a));
	assert_int_equal(log_a.lost, 0);
	assert_false(log_open(&log_a, "/nonexistent/x.log"));
	assert_string_equal(platform_why(), "no such file or directory");
	log_close(&log_a);
}

static void forgets(void **state)
{
	const char *path = in_directory("c.log");

	(void)state;
	assert_true(log_open(&log_a, path));
	add(&log_a, "the parent's");
	log_forget(&log_a);
	add(&log_a, "the child's");
	log_close(&log_a);
	assert_string_equal(file_text(path), "the child's\n");
	unlink(path);
}

/* --- lost lines ----------------------------------------------------------------- */

/* One byte a line: the most lines that fit. */
static unsigned fill(struct log *l, unsigned line_len)
{
	unsigned before = l->lost, lines = 0;
	char line[1024];

	memset(line, 'x', line_len);
	line[line_len] = 0;
	while (l->lost == before && lines < 100000) {
		add(l, line);
		lines++;
	}
	return lines - 1;
}

static void tells_what_was_lost(void **state)
{
	const char *path = in_directory("d.log"), *text;
	unsigned kept;
	char *last;

	(void)state;
	assert_true(log_open(&log_a, path));
	kept = fill(&log_a, 99);
	assert_true(kept * 100 > GW_LOG_BUFFER - 8448 - 100);
	add(&log_a, "Q");
	log_say(&log_a, LOG_ERROR, "Q");
	assert_int_equal(log_a.lost, 3);
	assert_true(log_flush(&log_a)); /* the word about it */
	assert_false(log_flush(&log_a));
	text = file_text(path);
	assert_null(strchr(text, 'Q'));
	last = strstr(text, " warning: 3 log lines lost\n");
	assert_non_null(last);
	assert_int_equal(log_a.lost, 0);
	log_close(&log_a);
	unlink(path);
}

/* A reader that stopped: lines are lost, time is not; then it goes on. */
static void never_waits(void **state)
{
	int from = open_pipe(&log_a), turns;
	const char *text;

	(void)state;
	for (turns = 0; turns < 80; turns++) {
		fill(&log_a, 99);
		log_flush(&log_a);
	}
	assert_true(log_flush(&log_a));
	assert_true(log_a.lost > 30);
	text = all_of(from);
	assert_true(strlen(text) >= 4096);
	while (log_flush(&log_a))
		text = all_of(from);
	text = all_of(from);
	assert_non_null(strstr(text, "log lines lost\n"));
	assert_int_equal(log_a.lost, 0);
	log_close(&log_a);
	close(from);
}

/* Others write to the same pipe: what is written at once ends with a line. */
static void pipes_get_whole_lines(void **state)
{
	int from = open_pipe(&log_a), len;
	const char *text;

	(void)state;
	for (len = 1; len < 1000; len = len * 3 + 1) {
		unsigned left = fill(&log_a, (unsigned)len) * (unsigned)(len + 1);

		log_a.lost = 0;
		do {
			log_flush(&log_a);
			text = all_of(from);
			assert_in_range(strlen(text), len + 1, GW_LOG_BUFFER);
			assert_int_equal(strlen(text) % (unsigned)(len + 1), 0);
			assert_int_equal(text[strlen(text) - 1], '\n');
			left -= (unsigned)strlen(text);
		} while (left);
		assert_false(log_flush(&log_a));
	}
	log_close(&log_a);
	close(from);
}

static void a_reader_that_left(void **state)
{
	int from = open_pipe(&log_a);

	(void)state;
	close(from);
	add(&log_a, "one");
	add(&log_a, "two");
	assert_false(log_flush(&log_a));
	assert_int_equal(log_a.lost, 2);
	log_close(&log_a);
}

/* --- lines ------------------------------------------------------------------------ */

static void long_lines_end(void **state)
{
	const char *path = in_directory("e.log"), *text;
	struct text *line;
	int i;

	(void)state;
	assert_true(log_open(&log_a, path));
	line = log_begin(&log_a);
	for (i = 0; i < GW_LOG_BUFFER; i++)
		text_char(line, 'x');
	assert_true(line->full);
	log_end(&log_a);
	assert_int_equal(log_a.lines.len, GW_LOG_BUFFER);
	log_flush(&log_a);
	text = file_text(path);
	assert_int_equal(strlen(text), GW_LOG_BUFFER);
	assert_int_equal(text[GW_LOG_BUFFER - 1], '\n');
	add(&log_a, "next");
	log_close(&log_a);
	assert_string_equal(file_text(path) + GW_LOG_BUFFER, "next\n");
	unlink(path);
}

static void says(void **state)
{
	const char *path = in_directory("f.log"), *text;
	char expected[100], longer[5000];

	(void)state;
	assert_true(log_open(&log_a, path));
	log_say(&log_a, LOG_ERROR, "a %s %d", "b\n2026-01-01T00:00:00Z gateway[1] error: forged\r\t\x1b[2J\x7f", 7);
	memset(longer, 'y', sizeof longer);
	longer[sizeof longer - 1] = 0;
	log_say(&log_a, LOG_WARN, "%s", longer);
	log_say(&log_a, LOG_NOTICE, "%s", "end");
	log_close(&log_a);
	text = file_text(path);
	assert_int_equal(text[4], '-');
	assert_int_equal(text[19], 'Z');
	snprintf(expected, sizeof expected, " gateway[%ld] error: a b?2026", (long)getpid());
	assert_memory_equal(text + 20, expected, strlen(expected));
	text = strchr(text, '\n') - 9;
	assert_memory_equal(text, "???[2J? 7\n", 10);
	text = strchr(text + 10, '\n');
	assert_non_null(text);
	assert_int_equal(text[-1], 'y');
	assert_non_null(strstr(text, "] notice: end\n"));
	assert_null(strchr(strstr(text, "end\n") + 4, '\n'));
	unlink(path);
}

/* --- syslog ------------------------------------------------------------------------- */

static void syslog_datagrams(void **state)
{
	char room[200], expected[100];
	int pair[2], passed, i;
	long n;

	(void)state;
	assert_true(log_open(&log_a, "off"));
	assert_true(platform_pair(pair));
	log_a.kind = LOG_SYSLOG;
	log_a.fd = pair[0];
	add(&log_a, "GET / 200");
	log_say(&log_a, LOG_ERROR, "it %s", "broke");
	log_say(&log_a, LOG_WARN, "w");
	log_say(&log_a, LOG_NOTICE, "n");
	assert_false(log_flush(&log_a));
	for (i = 0; i < 4; i++) {
		static const char *const lines[] = {"<30>gateway[%ld]: GET / 200", "<27>gateway[%ld]: it broke", "<28>gateway[%ld]: w", "<29>gateway[%ld]: n"};

		n = platform_pair_recv(pair[1], room, sizeof room - 1, &passed);
		assert_true(n > 0);
		room[n] = 0;
		text_format(&(struct text){expected, 0, sizeof expected, false}, lines[i], (long)getpid());
		assert_memory_equal(room, expected, (size_t)n);
	}
	assert_int_equal(platform_pair_recv(pair[1], room, sizeof room, &passed), PLATFORM_WAIT);
	log_close(&log_a);
	platform_close(pair[1]);
}

/* A stopped system log: what it takes is sent in order, nothing twice. */
static void syslog_waits_for_room(void **state)
{
	char room[200], line[20];
	int pair[2], passed, sent = 0, got = 0, turn;
	const char *tail;

	(void)state;
	assert_true(log_open(&log_a, "off"));
	assert_true(platform_pair(pair));
	log_a.kind = LOG_SYSLOG;
	log_a.fd = pair[0];
	do {
		snprintf(line, sizeof line, "line %d", sent++);
		add(&log_a, line);
		log_flush(&log_a);
	} while (log_a.lines.len == 0 && sent < 100000);
	assert_true(sent < 100000);
	for (turn = 0; turn < 100000 && got < sent; turn++) {
		long n = platform_pair_recv(pair[1], room, sizeof room - 1, &passed);

		if (n > 0) {
			room[n] = 0;
			tail = strstr(room, "]: ");
			snprintf(line, sizeof line, "line %d", got++);
			assert_string_equal(tail + 3, line);
		}
		log_flush(&log_a);
	}
	assert_int_equal(got, sent);
	assert_int_equal(log_a.lost, 0);
	log_close(&log_a);
	platform_close(pair[1]);
}

/* --- times ------------------------------------------------------------------------------ */

static void assert_time(struct span got, const char *expected)
{
	if (!span_is(got, span_str(expected)))
		fail_msg("'%.*s', not '%s'", (int)got.len, got.at, expected);
}

static void times(void **state)
{
	static const struct {
		int64_t at;
		const char *http, *iso, *local;
	} cases[] = {
		{0, "Thu, 01 Jan 1970 00:00:00 GMT", "1970-01-01T00:00:00Z", "01/Jan/1970:05:30:00 +0530"},
		{784111777, "Sun, 06 Nov 1994 08:49:37 GMT", "1994-11-06T08:49:37Z", "06/Nov/1994:14:19:37 +0530"},
		{951868799, "Tue, 29 Feb 2000 23:59:59 GMT", "2000-02-29T23:59:59Z", "01/Mar/2000:05:29:59 +0530"},
		{1709251199, "Thu, 29 Feb 2024 23:59:59 GMT", "2024-02-29T23:59:59Z", "01/Mar/2024:05:29:59 +0530"},
		{1798761599, "Thu, 31 Dec 2026 23:59:59 GMT", "2026-12-31T23:59:59Z", "01/Jan/2027:05:29:59 +0530"},
		{4107542400, "Mon, 01 Mar 2100 00:00:00 GMT", "2100-03-01T00:00:00Z", "01/Mar/2100:05:30:00 +0530"},
		{4107542399, "Sun, 28 Feb 2100 23:59:59 GMT", "2100-02-28T23:59:59Z", "01/Mar/2100:05:29:59 +0530"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		assert_time(log_http_date(cases[i].at), cases[i].http);
		assert_time(log_iso(cases[i].at), cases[i].iso);
		assert_time(log_time(cases[i].at), cases[i].local);
		assert_time(log_http_date(cases[i].at), cases[i].http); /* the kept one */
	}
}

/* libc counts days in another way. */
static void times_as_libc(void **state)
{
	uint64_t x = 88172645463325252u;
	char expected[40];
	int i;

	(void)state;
	for (i = 0; i < 20000; i++) {
		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		time_t at = (time_t)(x % 8000000000u);
		struct tm t;

		gmtime_r(&at, &t);
		strftime(expected, sizeof expected, "%a, %d %b %Y %H:%M:%S GMT", &t);
		assert_time(log_http_date(at), expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_a_file),
		cmocka_unit_test(goes_on_with_another_file),
		cmocka_unit_test(off_and_failure),
		cmocka_unit_test(forgets),
		cmocka_unit_test(tells_what_was_lost),
		cmocka_unit_test(never_waits),
		cmocka_unit_test(pipes_get_whole_lines),
		cmocka_unit_test(a_reader_that_left),
		cmocka_unit_test(long_lines_end),
		cmocka_unit_test(says),
		cmocka_unit_test(syslog_datagrams),
		cmocka_unit_test(syslog_waits_for_room),
		cmocka_unit_test(times),
		cmocka_unit_test(times_as_libc),
	};
	int failed;

	setenv("TZ", "XYZ-5:30", 1);
	if (!mkdtemp(directory) || platform_signals() < 0)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(directory);
	return failed;
}

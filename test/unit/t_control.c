/* SPDX-License-Identifier: MIT
 *
 * Is everybody who asks a running gateway answered, and nobody waited for?
 * Real sockets, in a directory of our own; the clock is the test's.
 */
#include "../../src/control.h"
#include "block.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[] = "/tmp/gateway-control-XXXXXX";
static struct control k;
static int64_t now;
static int asked; /* lines that were answered */

static const char *in_directory(const char *name)
{
	static char path[200];

	snprintf(path, sizeof path, "%s/%s", directory, name);
	return path;
}

/* "<LINE>", or whatever many bytes the line asks for. */
static void echo(void *user, struct span line, struct text *out)
{
	uint64_t many;

	assert_ptr_equal(user, &k);
	asked++;
	if (span_number(line, &many)) {
		while (many--)
			text_char(out, 'x');
		return;
	}
	text_char(out, '<');
	text_span_add(out, line);
	text_lit(out, ">\n");
}

static void step(void)
{
	control_step(&k, now, echo, &k);
}

static void open_here(void)
{
	struct text error = block_text(300);

	control_init(&k);
	now = 1000;
	asked = 0;
	if (!control_open(&k, directory, &error))
		fail_msg("%.*s", (int)error.len, error.at);
	free(error.at);
}

/* Nothing must be left of whom it has spoken to. */
static void close_here(void)
{
	struct watch watches[CONTROL_WATCHES];

	step();
	assert_int_equal(control_watches(&k, watches), 1);
	assert_true(control_due(&k) == CONTROL_NEVER);
	control_close(&k);
	assert_int_equal(control_watches(&k, watches), 0);
	assert_int_equal(access(in_directory("control"), F_OK), -1);
}

static int call(void)
{
	int fd = platform_connect(NULL, in_directory("control"));

	assert_true(fd >= 0);
	step();
	return fd;
}

static void say(int fd, struct span s)
{
	struct piece piece = {s.at, s.len};

	if (s.len)
		assert_int_equal(platform_send(fd, &piece, 1), s.len);
	step();
}

/* All that it says until it hangs up. */
static void hears(int fd, const char *want)
{
	struct text got = block_text(2 * CONTROL_MOST);
	long n;

	while ((n = platform_recv(fd, got.at + got.len, got.size - got.len)) > 0)
		got.len += (size_t)n;
	assert_int_equal(n, 0);
	block_same(text_span(&got), want, "what was heard");
	free(got.at);
	platform_close(fd);
}

static void hears_nothing_yet(int fd)
{
	assert_int_equal(platform_peek(fd), PLATFORM_WAIT);
}

/* --- lines ----------------------------------------------------------------------- */

static const struct { const char *line, *answer; } lines[] = {
	{"cache\n", "<cache>\n"},
	{"purge https://a.example/x?y\n", "<purge https://a.example/x?y>\n"},
	{"\n", "<>\n"},
	{"\r\n", "<>\n"},
	{"cache\r\n", "<cache>\n"},
	{"\r\r\n", "<\r>\n"},
	{"  two  words\t\n", "<  two  words\t>\n"},
};

static void lines_are_answered(void **state)
{
	(void)state;
	open_here();
	for (size_t i = 0; i < COUNT(lines); i++) {
		struct span line = span_str(lines[i].line);

		for (size_t part = 1; part <= line.len; part++) {
			int fd = call();

			for (size_t at = 0; at < line.len; at += part)
				say(fd, span_of(line.at + at, line.len - at < part ? line.len - at : part));
			hears(fd, lines[i].answer);
		}
	}
	close_here();
}

static void half_a_line_is_none(void **state)
{
	(void)state;
	open_here();
	for (size_t i = 0; i < COUNT(lines); i++)
		for (size_t cut = 0; lines[i].line[cut] != '\n'; cut++) {
			int fd = call();

			say(fd, span_of(lines[i].line, cut));
			hears_nothing_yet(fd);
			platform_shutdown(fd);
			step();
			hears(fd, "");
		}
	assert_int_equal(asked, 0);
	close_here();
}

static void the_first_line_counts(void **state)
{
	int fd;

	(void)state;
	open_here();
	fd = call();
	say(fd, SPAN("one\ntwo\n"));
	hears(fd, "<one>\n");
	assert_int_equal(asked, 1);
	fd = call(); /* a zero byte is a byte */
	say(fd, SPAN("a\0b"));
	say(fd, SPAN("\n"));
	platform_close(fd);
	assert_int_equal(asked, 2);
	close_here();
}

static void lines_have_an_end(void **state)
{
	static char longest[CONTROL_MOST + 1];
	char said[80];
	int fd;

	(void)state;
	open_here();
	memset(longest, '1', sizeof longest);
	memset(longest, '0', CONTROL_MOST - 5);
	fd = call(); /* all zeros, and "1111": a number of bytes */
	say(fd, span_of(longest, CONTROL_MOST - 1));
	hears_nothing_yet(fd);
	say(fd, SPAN("\n"));
	assert_int_equal(asked, 1);
	platform_close(fd);
	for (size_t len = CONTROL_MOST; len <= CONTROL_MOST + 1; len++) {
		fd = call();
		say(fd, span_of(longest, len));
		snprintf(said, sizeof said, "mistake: a line may have %d bytes\n", CONTROL_MOST - 1);
		assert_int_equal(platform_recv(fd, longest, sizeof longest), strlen(said));
		assert_memory_equal(longest, said, strlen(said));
		platform_close(fd);
		memset(longest, '1', sizeof longest);
	}
	assert_int_equal(asked, 1);
	close_here();
}

static void answers_have_an_end(void **state)
{
	static char got[2 * CONTROL_MOST];
	char line[32];
	int fd;

	(void)state;
	open_here();
	snprintf(line, sizeof line, "%d\n", CONTROL_MOST + 10);
	fd = call();
	say(fd, span_str(line));
	assert_int_equal(platform_recv(fd, got, sizeof got), CONTROL_MOST);
	assert_int_equal(got[CONTROL_MOST - 2], 'x');
	assert_int_equal(got[CONTROL_MOST - 1], '\n');
	platform_close(fd);
	close_here();
}

/* --- the slow and the many --------------------------------------------------------- */

static void nobody_is_waited_for(void **state)
{
	int64_t began;
	int fd;

	(void)state;
	open_here();
	fd = call();
	began = now;
	assert_true(control_due(&k) == began + CONTROL_MS);
	for (; now < began + CONTROL_MS; now += 1000) {
		say(fd, SPAN("x"));
		hears_nothing_yet(fd);
		assert_true(control_due(&k) == began + CONTROL_MS); /* a byte a second wins no time */
	}
	now = began + CONTROL_MS - 1;
	step();
	hears_nothing_yet(fd);
	now++;
	step();
	hears(fd, "");
	assert_int_equal(asked, 0);
	close_here();
}

static void a_few_at_a_time(void **state)
{
	int fds[2 * CONTROL_PEERS];
	struct watch watches[CONTROL_WATCHES];

	(void)state;
	open_here();
	for (int i = 0; i < 2 * CONTROL_PEERS; i++) {
		fds[i] = call();
		assert_int_equal(control_watches(&k, watches), i < CONTROL_PEERS - 1 ? i + 2 : CONTROL_PEERS);
		now += 10;
	}
	say(fds[CONTROL_PEERS], SPAN("late\n"));
	hears_nothing_yet(fds[CONTROL_PEERS]);
	say(fds[1], SPAN("early\n")); /* its place is free, and the next one is served */
	hears(fds[1], "<early>\n");
	hears(fds[CONTROL_PEERS], "<late>\n");
	for (int i = CONTROL_PEERS + 1; i < 2 * CONTROL_PEERS; i++)
		say(fds[i], SPAN("more\n"));
	now += CONTROL_MS; /* those that say nothing go */
	step();
	step();
	for (int i = 0; i < CONTROL_PEERS; i++)
		if (i != 1)
			hears(fds[i], "");
	for (int i = CONTROL_PEERS + 1; i < 2 * CONTROL_PEERS; i++)
		hears(fds[i], "<more>\n");
	close_here();
}

/* Does not read, with hardly any room in between. */
static void an_answer_waits_for_room(void **state)
{
	static char got[CONTROL_MOST];
	struct watch watches[CONTROL_WATCHES];
	int small = 1, fd;
	size_t len = 0;
	long n;

	(void)state;
	open_here();
	fd = call();
	assert_int_equal(setsockopt(k.peers[0].fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
	say(fd, SPAN("8000\n"));
	assert_int_equal(control_watches(&k, watches), 2);
	assert_int_equal(watches[0].fd, k.peers[0].fd);
	assert_int_equal(watches[0].want, PLATFORM_OUT);
	do {
		n = platform_recv(fd, got + len, sizeof got - len);
		len += n > 0 ? (size_t)n : 0;
		step();
	} while (n > 0);
	assert_int_equal(n, 0);
	assert_int_equal(len, 8000);
	assert_int_equal(asked, 1);
	platform_close(fd);

	fd = call();
	assert_int_equal(setsockopt(k.peers[0].fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
	say(fd, SPAN("8000\n"));
	now += CONTROL_MS;
	step(); /* half of it, or none: the time is over */
	platform_close(fd);
	close_here();
}

/* Or it would be asked to accept again and again. */
static void without_descriptors_it_pauses(void **state)
{
	struct watch watches[CONTROL_WATCHES];
	struct rlimit before, none;
	int fd;

	(void)state;
	open_here();
	fd = platform_connect(NULL, in_directory("control"));
	assert_true(fd >= 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = (rlim_t)k.fd;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	step();
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(control_watches(&k, watches), 0);
	assert_true(control_due(&k) > now && control_due(&k) <= now + CONTROL_MS);
	say(fd, SPAN("x\n"));
	hears_nothing_yet(fd);
	now = control_due(&k);
	step();
	hears(fd, "<x>\n");
	close_here();
}

static void who_leaves_is_forgotten(void **state)
{
	int fd;

	(void)state;
	open_here();
	platform_close(call());
	fd = call();
	say(fd, SPAN("hal"));
	platform_close(fd);
	fd = platform_connect(NULL, in_directory("control")); /* asks, and does not stay for the answer */
	assert_true(fd >= 0);
	assert_int_equal(platform_send(fd, &(struct piece){"x\n", 2}, 1), 2);
	platform_close(fd);
	step();
	assert_int_equal(asked, 1);
	close_here();
}

/* --- the file ------------------------------------------------------------------------ */

static void nobody_else_may_ask(void **state)
{
	mode_t before = umask(0);
	struct stat st;

	(void)state;
	open_here();
	umask(before);
	assert_int_equal(stat(in_directory("control"), &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0600);
	close_here();
}

static void it_moves_with_the_state_directory(void **state)
{
	struct text error = block_text(300);
	char deep[200], old[200];
	int fd, listener;

	(void)state;
	open_here();
	listener = k.fd;
	assert_true(control_open(&k, directory, &error)); /* a reload */
	assert_int_equal(k.fd, listener);
	snprintf(old, sizeof old, "%s", in_directory("control"));
	snprintf(deep, sizeof deep, "%s", in_directory("deep/er"));
	fd = call();
	assert_true(control_open(&k, deep, &error));
	assert_int_equal(access(old, F_OK), -1);
	say(fd, SPAN("still\n"));
	hears(fd, "<still>\n"); /* who was connected gets the answer */
	assert_int_equal(platform_connect(NULL, old), -1);
	assert_int_equal(access(in_directory("deep/er/control"), F_OK), 0);
	assert_true(control_open(&k, directory, &error));
	assert_int_equal(error.len, 0);
	rmdir(deep);
	rmdir(in_directory("deep"));
	close_here();
	free(error.at);
}

static void what_is_there_already(void **state)
{
	struct text error = block_text(300);
	static struct control other;
	int fd;

	(void)state;
	open_here();
	control_init(&other);
	assert_false(control_open(&other, directory, &error)); /* ours answers there */
	assert_true(error.len > 0);
	assert_int_equal(other.fd, -1);
	control_close(&other);
	fd = call();
	say(fd, SPAN("x\n"));
	hears(fd, "<x>\n");

	platform_close(k.fd); /* as if it had been killed */
	control_init(&k);
	error.len = 0;
	assert_true(control_open(&other, directory, &error));
	control_close(&other);

	assert_true(control_open(&k, directory, &error));
	unlink(in_directory("control"));
	assert_true(control_open(&other, directory, &error));
	control_close(&k); /* the file is another's now */
	assert_int_equal(access(in_directory("control"), F_OK), 0);
	unlink(in_directory("control"));
	assert_true(control_open(&other, directory, &error)); /* a reload makes it anew */
	assert_int_equal(access(in_directory("control"), F_OK), 0);
	control_close(&other);
	assert_int_equal(access(in_directory("control"), F_OK), -1);
	assert_int_equal(error.len, 0);
	free(error.at);
}

static void assert_cannot(const char *where, const char *words)
{
	struct text error = block_text(600);

	control_init(&k);
	assert_false(control_open(&k, where, &error));
	assert_int_equal(k.fd, -1);
	text_char(&error, 0);
	if (!strstr(error.at, words) || !strstr(error.at, where))
		fail_msg("%s: where is '%s'?", error.at, words);
	free(error.at);
}

static void says_why_not(void **state)
{
	char longer[CONTROL_PATH + 1];
	FILE *file = fopen(in_directory("file"), "w");

	(void)state;
	fclose(file);
	assert_cannot(in_directory("file"), "not a directory");
	unlink(in_directory("file"));
	mkdir(in_directory("control"), 0700);
	assert_cannot(directory, "address already in use");
	rmdir(in_directory("control"));
	memset(longer, 'x', sizeof longer);
	longer[0] = '/';
	longer[sizeof longer - 1] = 0;
	assert_cannot(longer, "name too long");
}

static void a_child_leaves(void **state)
{
	int fd, listener, peer;

	(void)state;
	open_here();
	fd = call();
	listener = k.fd;
	peer = k.peers[0].fd;
	control_leave(&k);
	assert_int_equal(fcntl(listener, F_GETFD), -1);
	assert_int_equal(fcntl(peer, F_GETFD), -1);
	assert_int_equal(access(in_directory("control"), F_OK), 0);
	control_close(&k);
	assert_int_equal(access(in_directory("control"), F_OK), 0);
	unlink(in_directory("control"));
	platform_close(fd);
}

/* --- words --------------------------------------------------------------------------- */

static void words(void **state)
{
	struct span block = block_of(SPAN("  one\ttwo  three ")), line = block, word;

	(void)state;
	assert_true(control_word(&line, &word));
	block_same(word, "one", "first");
	assert_true(control_word(&line, &word));
	block_same(word, "two", "second");
	assert_true(control_word(&line, &word));
	block_same(word, "three", "third");
	assert_false(control_word(&line, &word));
	assert_int_equal(word.len, 0);
	assert_false(control_word(&line, &word));
	block_free(block);
}

/* --- the other end --------------------------------------------------------------------- */

/* A gateway in a process of its own, until it is killed. */
static long begin(void)
{
	struct watch watches[CONTROL_WATCHES];
	long pid;

	open_here();
	pid = platform_fork();
	assert_true(pid >= 0);
	while (pid == 0) {
		platform_poll(watches, control_watches(&k, watches), 1000);
		control_step(&k, platform_now(), echo, &k);
	}
	return pid;
}

static void end(long pid)
{
	char room[64];
	struct text how = text_in(room, sizeof room);
	long reaped;

	platform_kill(pid);
	while (!platform_reap(&reaped, &how))
		continue;
	control_close(&k);
}

static void asks(void **state)
{
	static char room[CONTROL_MOST];
	struct text answer = text_in(room, sizeof room);
	char path[200];
	long pid = begin();

	(void)state;
	snprintf(path, sizeof path, "%s", in_directory("control"));
	assert_null(control_ask(path, SPAN("cache check"), &answer));
	block_same(text_span(&answer), "<cache check>\n", "the answer");
	answer.len = 0;
	assert_string_equal(control_ask(path, SPAN("100"), &answer), "the answer broke off"); /* no line end */
	answer = text_in(room, 50);
	assert_string_equal(control_ask(path, SPAN("100"), &answer), "the answer is too long");
	answer.len = 0;
	assert_string_equal(control_ask(in_directory("nothing"), SPAN("cache"), &answer), "no such file or directory");
	end(pid);
	assert_string_equal(control_ask(path, SPAN("cache"), &answer), "no such file or directory");
}

static int make_directory(void **state)
{
	(void)state;
	return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
	(void)state;
	return rmdir(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_answered),
		cmocka_unit_test(half_a_line_is_none),
		cmocka_unit_test(the_first_line_counts),
		cmocka_unit_test(lines_have_an_end),
		cmocka_unit_test(answers_have_an_end),
		cmocka_unit_test(nobody_is_waited_for),
		cmocka_unit_test(a_few_at_a_time),
		cmocka_unit_test(an_answer_waits_for_room),
		cmocka_unit_test(without_descriptors_it_pauses),
		cmocka_unit_test(who_leaves_is_forgotten),
		cmocka_unit_test(nobody_else_may_ask),
		cmocka_unit_test(it_moves_with_the_state_directory),
		cmocka_unit_test(what_is_there_already),
		cmocka_unit_test(says_why_not),
		cmocka_unit_test(a_child_leaves),
		cmocka_unit_test(words),
		cmocka_unit_test(asks),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}

/* SPDX-License-Identifier: MIT
 *
 * Is a password asked for as it should be, by a pipe and on a terminal? The
 * terminal is a pseudo-terminal, at whose other end we type.
 */
#define _XOPEN_SOURCE 700
#include "../../src/passwd.h"
#include "../../src/password.h"
#include "../../platform/platform.h"
#include "block.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static void names(void **state)
{
	static const char *const good[] = {"alice", "a", "a.b-c_d", "alice@example.org", "\303\244nne", "file", "$", "a;b", "a/b", "a#b"};
	static const char *const bad[] = {"/alice", "[alice", ";alice", "#alice", "al ice", " alice", "alice\t", "al:ice", "al=ice", "al\001ice", "al\177ice", "al\nice", ""};
	char room[51];

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++)
		if (passwd_name(span_str(good[i])))
			fail_msg("'%s' %s", good[i], passwd_name(span_str(good[i])));
	for (size_t i = 0; i < COUNT(bad); i++)
		if (!passwd_name(span_str(bad[i])))
			fail_msg("'%s' is taken", bad[i]);
	memset(room, 'a', sizeof room);
	assert_null(passwd_name(span_of(room, 49)));
	assert_non_null(passwd_name(span_of(room, 50)));
	assert_non_null(passwd_name(SPAN("a\0b")));
}

/* --- a process that asks -------------------------------------------------------------- */

struct asking {
	long pid;
	int said;         /* what it says at the end: the line, or why there is none */
	char room[1024];
	struct text text; /* of said */
	bool mistake;
};

static void ask_and_tell(int to)
{
	char room[300];
	struct text line = text_in(room, sizeof room);
	bool mistake = false;
	const char *why = passwd_line(&line, SPAN("alice"), &mistake);
	struct span said = why ? span_str(why) : text_span(&line);

	_exit(write(to, said.at, said.len) != (ssize_t)said.len ? 99 : mistake ? 2 : why ? 1 : 0);
}

/* name: of a terminal, that becomes the one of the process; NULL: in is its input. */
static void start(struct asking *a, int in, const char *name)
{
	int out[2];

	assert_int_equal(pipe(out), 0);
	fflush(NULL);
	a->pid = platform_fork();
	assert_true(a->pid >= 0);
	if (a->pid == 0) {
		alarm(30); /* whatever happens, it ends */
		if (name) {
			setsid();
			in = open(name, O_RDWR);
			dup2(in, 2);
		}
		dup2(in, 0);
		ask_and_tell(out[1]);
	}
	close(out[1]);
	a->said = out[0];
	a->text = text_in(a->room, sizeof a->room);
}

/* Its end. */
static void finish(struct asking *a)
{
	char c;
	int status;

	while (read(a->said, &c, 1) == 1)
		text_char(&a->text, c);
	close(a->said);
	assert_int_equal(waitpid((pid_t)a->pid, &status, 0), a->pid);
	assert_true(WIFEXITED(status));
	assert_in_range(WEXITSTATUS(status), 0, 2);
	a->mistake = WEXITSTATUS(status) == 2;
}

static void assert_line(const struct asking *a, struct span password)
{
	struct span line = text_span(&a->text), name = span_cut(&line, ' ');

	assert_false(a->mistake);
	assert_true(span_is(name, SPAN("alice")));
	assert_true(span_starts(line, SPAN("= $")));
	assert_true(password_is(span_of(line.at + 2, line.len - 2), password));
}

static void assert_why(const struct asking *a, const char *why)
{
	assert_true(a->mistake);
	block_same(text_span(&a->text), why, "passwd_line");
}

/* --- by a pipe --------------------------------------------------------------------------- */

static void pipe_in(struct asking *a, struct span input)
{
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], input.at, input.len), input.len);
	close(ends[1]); /* before there is a child that has it too */
	start(a, ends[0], NULL);
	close(ends[0]);
	finish(a);
}

static void reads_one_line(void **state)
{
	struct asking a;

	(void)state;
	pipe_in(&a, SPAN("secret\n"));
	assert_line(&a, SPAN("secret"));
	pipe_in(&a, SPAN("secret"));
	assert_line(&a, SPAN("secret"));
	pipe_in(&a, SPAN("p\303\244ss word \r\n"));
	assert_line(&a, SPAN("p\303\244ss word "));
	pipe_in(&a, SPAN("first\nsecond\n"));
	assert_line(&a, SPAN("first"));
}

static void refuses_what_is_no_password(void **state)
{
	char room[2000];
	struct asking a;

	(void)state;
	pipe_in(&a, SPAN(""));
	assert_why(&a, "no password was given");
	pipe_in(&a, SPAN("\n"));
	assert_why(&a, "an empty password is none");
	pipe_in(&a, SPAN("\r\n"));
	assert_why(&a, "an empty password is none");
	pipe_in(&a, SPAN("a\0b\n"));
	assert_why(&a, "the password has a zero byte in it");
	memset(room, 'a', sizeof room);
	pipe_in(&a, span_of(room, 256));
	assert_why(&a, "the password is too long: at most 255 bytes");
	pipe_in(&a, span_of(room, sizeof room));
	assert_why(&a, "no password was given");
	pipe_in(&a, span_of(room, 255));
	assert_line(&a, span_of(room, 255));
}

/* --- on a terminal --------------------------------------------------------------------------- */

struct terminal {
	int ours, theirs;
	struct asking asking;
	char room[4096]; /* what is to be seen */
	struct text seen;
	struct termios before;
};

static void open_terminal(struct terminal *t)
{
	t->ours = posix_openpt(O_RDWR | O_NOCTTY);
	assert_true(t->ours >= 0);
	assert_int_equal(grantpt(t->ours), 0);
	assert_int_equal(unlockpt(t->ours), 0);
	t->theirs = open(ptsname(t->ours), O_RDWR | O_NOCTTY);
	assert_true(t->theirs >= 0);
	assert_int_equal(tcgetattr(t->theirs, &t->before), 0);
	assert_true(t->before.c_lflag & ECHO);
	t->seen = text_in(t->room, sizeof t->room);
	start(&t->asking, -1, ptsname(t->ours));
}

static bool has(const struct terminal *t, const char *words)
{
	struct span seen = text_span(&t->seen), w = span_str(words);

	for (; seen.len >= w.len; seen.at++, seen.len--)
		if (span_starts(seen, w))
			return true;
	return false;
}

static void look(struct terminal *t, int64_t ms)
{
	struct watch w = {.fd = t->ours, .want = PLATFORM_IN};
	char c;

	if (platform_poll(&w, 1, ms) == 1 && read(t->ours, &c, 1) == 1)
		text_char(&t->seen, c);
}

static void type_after(struct terminal *t, const char *prompt, const char *keys)
{
	int64_t until = platform_now() + 10000;

	while (!has(t, prompt) && platform_now() < until)
		look(t, 100);
	assert_true(has(t, prompt));
	assert_int_equal(write(t->ours, keys, strlen(keys)), strlen(keys));
}

/* The terminal is as it was. */
static void close_terminal(struct terminal *t)
{
	struct termios after;

	finish(&t->asking);
	for (struct watch w = {.fd = t->ours, .want = PLATFORM_IN}; platform_poll(&w, 1, 0) == 1;)
		look(t, 0);
	assert_int_equal(tcgetattr(t->theirs, &after), 0);
	assert_int_equal(after.c_lflag, t->before.c_lflag);
	close(t->ours);
	close(t->theirs);
}

static void asks_twice(void **state)
{
	struct terminal t;

	(void)state;
	open_terminal(&t);
	type_after(&t, "password for alice: ", "secret\n");
	type_after(&t, "once more for alice: ", "secret\n");
	close_terminal(&t);
	assert_line(&t.asking, SPAN("secret"));
	assert_false(has(&t, "secret"));
}

static void takes_back_what_was_mistyped(void **state)
{
	struct terminal t;

	(void)state;
	open_terminal(&t);
	type_after(&t, "password for alice: ", "secrt\177et\n");
	type_after(&t, "once more for alice: ", "wrong\025secret\n");
	close_terminal(&t);
	assert_line(&t.asking, SPAN("secret"));
}

static void the_two_differ(void **state)
{
	struct terminal t;

	(void)state;
	open_terminal(&t);
	type_after(&t, "password for alice: ", "secret\n");
	type_after(&t, "once more for alice: ", "Secret\n");
	close_terminal(&t);
	assert_why(&t.asking, "the two are not the same");
	assert_false(has(&t, "ecret"));
	open_terminal(&t);
	type_after(&t, "password for alice: ", "\n");
	close_terminal(&t);
	assert_why(&t.asking, "an empty password is none");
}

/* ^C, ^Z, ^\ and ^D: nobody is left with a terminal that is mute. */
static void gives_the_terminal_back(void **state)
{
	static const char *const keys[] = {"\003", "\032", "\034", "\004", "half a word\003"};
	struct terminal t;

	(void)state;
	for (size_t i = 0; i < COUNT(keys); i++) {
		open_terminal(&t);
		type_after(&t, "password for alice: ", keys[i]);
		close_terminal(&t);
		assert_why(&t.asking, "no password was given");
		open_terminal(&t);
		type_after(&t, "password for alice: ", "secret\n");
		type_after(&t, "once more for alice: ", keys[i]);
		close_terminal(&t);
		assert_why(&t.asking, "no password was given");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(reads_one_line),
		cmocka_unit_test(refuses_what_is_no_password),
		cmocka_unit_test(asks_twice),
		cmocka_unit_test(takes_back_what_was_mistyped),
		cmocka_unit_test(the_two_differ),
		cmocka_unit_test(gives_the_terminal_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT
 *
 * posix_ask - a line that nobody looking on may read
 *
 * Whatever happens while echo is off, it is on again when we leave: signals that
 * would end or stop the process end the question instead.
 */
#include "system.h"

#include <errno.h>
#include <signal.h>
#include <sys/select.h>
#include <termios.h>
#include <unistd.h>

static const int ending[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
enum { ENDING = sizeof ending / sizeof ending[0] };

bool platform_has_terminal(void)
{
	return isatty(STDIN_FILENO) == 1;
}

/* --- a line, byte by byte: what is behind it is not ours ----------------------- */

/* Signals come through here and nowhere else. */
static bool wait_for_byte(const sigset_t *before)
{
	fd_set set;

	FD_ZERO(&set);
	FD_SET(STDIN_FILENO, &set);
	return pselect(STDIN_FILENO + 1, &set, NULL, NULL, NULL, before) == 1;
}

/* A last line need not end in a line end. */
static long read_line(char *room, size_t size, const sigset_t *before)
{
	size_t len = 0;
	ssize_t n = 0;
	char c = 0;

	while (len < size) {
		if (before && !wait_for_byte(before))
			return PLATFORM_BROKEN;
		n = read(STDIN_FILENO, &c, 1);
		if (n < 0 && errno == EINTR && !before)
			continue;
		if (n < 0 || (n == 0 && len == 0))
			return PLATFORM_BROKEN;
		if (n == 0 || c == '\n')
			break;
		room[len++] = c;
	}
	if (len == size)
		return PLATFORM_BROKEN;
	if (n && len && room[len - 1] == '\r')
		len--;
	room[len] = 0;
	return (long)len;
}

/* --- on a terminal --------------------------------------------------------------- */

bool platform_print(enum platform_stream to, struct span s)
{
	while (s.len) {
		ssize_t n = write((int)to, s.at, s.len);

		if (n < 0 && errno != EINTR)
			return system_refuse();
		if (n > 0)
			s = span_of(s.at + n, s.len - (size_t)n);
	}
	return true;
}

static void on_signal(int number)
{
	(void)number; /* it ends pselect, that is all */
}

static void catch_signals(struct sigaction *before)
{
	struct sigaction action = {.sa_handler = on_signal};

	sigemptyset(&action.sa_mask);
	for (int i = 0; i < ENDING; i++)
		sigaction(ending[i], &action, &before[i]);
}

static void release_signals(const struct sigaction *before)
{
	for (int i = 0; i < ENDING; i++)
		sigaction(ending[i], &before[i], NULL);
}

/* TCSAFLUSH takes away what was typed too early, and what is left of a line that
 * was too long. */
static long ask_terminal(const char *prompt, char *room, size_t size, const struct termios *loud, const sigset_t *before)
{
	struct termios quiet = *loud;
	long len;

	quiet.c_lflag &= (tcflag_t)~(ECHO | ECHONL);
	quiet.c_lflag |= ICANON;
	if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) != 0)
		return PLATFORM_BROKEN;
	platform_print(PLATFORM_ERROR, span_str(prompt));
	len = read_line(room, size, before);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, loud);
	platform_print(PLATFORM_ERROR, SPAN("\n"));
	return len;
}

long platform_ask(const char *prompt, char *room, size_t size)
{
	struct sigaction actions[ENDING];
	struct termios loud;
	sigset_t blocked, before;
	long len;

	if (tcgetattr(STDIN_FILENO, &loud) != 0)
		return read_line(room, size, NULL);
	sigemptyset(&blocked);
	for (int i = 0; i < ENDING; i++)
		sigaddset(&blocked, ending[i]);
	sigprocmask(SIG_BLOCK, &blocked, &before);
	catch_signals(actions);
	len = ask_terminal(prompt, room, size, &loud, &before);
	release_signals(actions);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return len;
}

/* SPDX-License-Identifier: MIT
 *
 * posix_process - memory, rights and signals of a process, as far as POSIX can
 * say it
 */
#include "system.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- memory and limits ---------------------------------------------------- */

void *platform_memory(size_t bytes, bool shared)
{
	void *at = system_memory(bytes, shared);

	if (!at)
		system_fail();
	return at;
}

void platform_memory_free(void *at, size_t bytes)
{
	if (at)
		system_memory_free(at, bytes);
}

bool platform_descriptors(size_t count)
{
	struct rlimit limit;
	rlim_t most;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return system_refuse();
	if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= count)
		return true;
	most = limit.rlim_max;
	limit.rlim_cur = count;
	if (most != RLIM_INFINITY && most < count)
		limit.rlim_max = count; /* root may */
	if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
		return true;
	system_fail();
	limit.rlim_cur = limit.rlim_max = most; /* better than nothing */
	setrlimit(RLIMIT_NOFILE, &limit);
	return false;
}

static bool random_from_file(char *to, size_t len)
{
	int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t n = 1;

	if (fd < 0)
		return false;
	while (len && n > 0) {
		n = read(fd, to, len);
		if (n < 0 && errno == EINTR) {
			n = 1;
		} else if (n > 0) {
			to += n;
			len -= (size_t)n;
		}
	}
	close(fd);
	return len == 0;
}

/* For identifiers on a system that gives no randomness: better than a constant. */
static void random_from_clock(unsigned char *at, size_t len)
{
	uint64_t x = (uint64_t)platform_now_us() ^ ((uint64_t)getpid() << 40) ^ (uint64_t)(uintptr_t)at;

	while (len--) {
		x = x * 6364136223846793005u + 1442695040888963407u;
		*at++ = (unsigned char)(x >> 56);
	}
}

bool platform_random(void *at, size_t len)
{
	if (system_random(at, len) || random_from_file(at, len))
		return true;
	system_fail();
	random_from_clock(at, len);
	return false;
}

/* --- rights ------------------------------------------------------------ */

static bool number(const char *text, unsigned long *value)
{
	char *end;

	errno = 0;
	*value = strtoul(text, &end, 10);
	return text[0] >= '0' && text[0] <= '9' && *end == 0 && errno == 0 && *value < 0xffffffffu;
}

struct identity {
	uid_t uid;
	gid_t gid;
	const char *name; /* NULL: a number that no name belongs to */
};

static const char *find_user(struct identity *who, const char *user)
{
	unsigned long id;
	const struct passwd *entry = number(user, &id) ? getpwuid((uid_t)id) : getpwnam(user);

	if (!entry && !number(user, &id))
		return "no such user";
	who->uid = entry ? entry->pw_uid : (uid_t)id;
	who->gid = entry ? entry->pw_gid : (gid_t)id;
	who->name = entry ? entry->pw_name : NULL;
	return NULL;
}

static const char *find_group(struct identity *who, const char *group)
{
	unsigned long id;
	const struct group *entry;

	if (number(group, &id)) {
		who->gid = (gid_t)id;
		return NULL;
	}
	entry = getgrnam(group);
	if (!entry)
		return "no such group";
	who->gid = entry->gr_gid;
	return NULL;
}

static const char *find(struct identity *who, const char *user, const char *group)
{
	const char *why = user ? find_user(who, user) : NULL;

	return why || !group ? why : find_group(who, group);
}

const char *platform_knows(const char *user, const char *group)
{
	struct identity who;

	return find(&who, user, group);
}

const char *platform_become(const char *user, const char *group)
{
	struct identity who = {.uid = getuid(), .gid = getgid()};
	const char *why = find(&who, user, group);

	if (why)
		return why;
	if (user || group) {
		/* Groups first: afterwards we may no longer. */
		if (!system_groups(who.name, who.gid) || setgid(who.gid) != 0 || setuid(who.uid) != 0)
			return system_words(errno);
		if (getuid() != who.uid || geteuid() != who.uid || getgid() != who.gid || getegid() != who.gid)
			return "the system kept some of the old rights";
		if (user && who.uid != 0 && setuid(0) == 0)
			return "the way back to root is open";
	}
	system_harden();
	return NULL;
}

bool platform_is_root(void)
{
	return geteuid() == 0;
}

const char *platform_home(void)
{
	const char *home = getenv("HOME");
	const struct passwd *entry;

	if (home && home[0] == '/')
		return home;
	entry = getpwuid(geteuid());
	return entry && entry->pw_dir && entry->pw_dir[0] == '/' ? entry->pw_dir : NULL;
}

/* --- processes ---------------------------------------------------------- */

static int signal_pipe[2] = {-1, -1};
static const int signals[] = {SIGCHLD, SIGHUP, SIGTERM, SIGINT, SIGUSR1};
static const char letters[] = {PLATFORM_CHILD, PLATFORM_RELOAD, PLATFORM_STOP, PLATFORM_STOP, PLATFORM_REOPEN};
enum { SIGNALS = sizeof letters };

static long own_pid; /* 0: not asked yet */

long platform_pid(void)
{
	if (!own_pid)
		own_pid = (long)getpid();
	return own_pid;
}

static void on_signal(int number)
{
	int error = errno, i;

	for (i = 0; i < SIGNALS; i++)
		if (signals[i] == number && write(signal_pipe[1], &letters[i], 1) < 0)
			continue; /* full: enough letters are waiting already */
	errno = error;
}

static void handle(int number, void (*handler)(int))
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};

	sigemptyset(&action.sa_mask);
	sigaction(number, &action, NULL);
}

int platform_signals(void)
{
	int i;

	if (pipe(signal_pipe) != 0)
		return system_fail();
	if (system_mark(signal_pipe[0]) < 0 || system_mark(signal_pipe[1]) < 0)
		return -1;
	for (i = 0; i < SIGNALS; i++)
		handle(signals[i], on_signal);
	handle(SIGPIPE, SIG_IGN);
	return signal_pipe[0];
}

int platform_signal(int fd)
{
	char letter;

	return read(fd, &letter, 1) == 1 ? letter : 0;
}

static void become_child(void)
{
	int i;

	own_pid = 0;
	for (i = 0; i < SIGNALS; i++)
		handle(signals[i], signals[i] == SIGCHLD ? SIG_DFL : SIG_IGN);
	platform_close(signal_pipe[0]);
	platform_close(signal_pipe[1]);
	signal_pipe[0] = signal_pipe[1] = -1;
}

/* Signals wait until the child has its own mind about them: otherwise it would
 * put letters into our pipe. */
long platform_fork(void)
{
	sigset_t all, before;
	pid_t pid;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	pid = fork();
	if (pid < 0)
		system_fail();
	if (pid == 0)
		become_child();
	sigprocmask(SIG_SETMASK, &before, NULL);
	return (long)pid;
}

static const char *signal_words(int number)
{
	switch (number) {
	case SIGSEGV: return " (segmentation fault)";
	case SIGBUS: return " (bus error)";
	case SIGILL: return " (illegal instruction)";
	case SIGFPE: return " (arithmetic error)";
	case SIGABRT: return " (aborted)";
	case SIGKILL: return " (killed)";
	case SIGTERM: return " (terminated)";
	case SIGSYS: return " (forbidden system call)";
	default: return "";
	}
}

bool platform_reap(long *pid, struct text *how)
{
	int status;
	pid_t ended = waitpid(-1, &status, WNOHANG);

	if (ended <= 0)
		return false;
	*pid = (long)ended;
	if (WIFSIGNALED(status))
		text_format(how, "signal %d%s", WTERMSIG(status), signal_words(WTERMSIG(status)));
	else
		text_format(how, "exit status %d", WEXITSTATUS(status));
	return true;
}

/* A tenth of a processor that all want, and all of one that nobody else does. */
void platform_nice(void)
{
	enum { NICE = 10 };

	if (getpriority(PRIO_PROCESS, 0) < NICE)
		setpriority(PRIO_PROCESS, 0, NICE);
}

void platform_kill(long pid)
{
	if (pid > 1)
		kill((pid_t)pid, SIGKILL);
}

/* Who may not be asked (EPERM) is there. */
bool platform_alive(uint32_t pid)
{
	siginfo_t ended = {0};

	/* a child of ours that nobody has waited for yet is a process still, but will do nothing more */
	if (pid && pid <= INT32_MAX && waitid(P_PID, (id_t)pid, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 && ended.si_pid == (pid_t)pid)
		return false;
	return pid && pid <= INT32_MAX && (kill((pid_t)pid, 0) == 0 || errno != ESRCH);
}

void platform_yield(void)
{
	sched_yield();
}

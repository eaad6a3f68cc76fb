/* SPDX-License-Identifier: MIT
 *
 * posix_files - files, and the descriptors of logs, as far as POSIX can say it
 */
#include "system.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	PATH_ROOM = 1024,
	QUIET_MS = 30000, /* a pipe that gives nothing for so long has nothing to give */
	LOCK_MS = 10      /* between two attempts at a lock */
};

/* --- reading ------------------------------------------------------------- */

/* Only what is no regular file makes anybody wait. */
static bool gives_soon(int fd)
{
	struct pollfd ready = {.fd = fd, .events = POLLIN};
	int n;

	do
		n = poll(&ready, 1, QUIET_MS);
	while (n < 0 && errno == EINTR);
	if (n == 0)
		errno = ETIMEDOUT;
	return n > 0;
}

/* To the end or until it is full, then closes. */
static long read_all(int fd, void *at, size_t size, bool is_pipe)
{
	size_t len = 0;
	ssize_t n;

	do {
		n = is_pipe && !gives_soon(fd) ? -1 : read(fd, (char *)at + len, size - len);
		if (n > 0)
			len += (size_t)n;
	} while ((n > 0 && len < size) || (n < 0 && (errno == EINTR || errno == EAGAIN)));
	if (n < 0)
		system_fail();
	close(fd);
	return n < 0 ? PLATFORM_BROKEN : (long)len;
}

/* Who opens it must not have waited: a FIFO may be what bears that name. */
static bool is_regular(int fd)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return false;
	errno = S_ISDIR(st.st_mode) ? EISDIR : SYSTEM_NO_FILE;
	return S_ISREG(st.st_mode);
}

/* Closes what is none. */
static long read_regular(int fd, void *at, size_t size)
{
	if (is_regular(fd))
		return read_all(fd, at, size, false);
	system_fail();
	close(fd);
	return PLATFORM_BROKEN;
}

static int open_to_read(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	return fd >= 0 ? fd : system_fail();
}

long platform_read(const char *path, void *at, size_t size)
{
	int fd = open_to_read(path);

	return fd < 0 ? PLATFORM_BROKEN : read_regular(fd, at, size);
}

/* A descriptor that somebody gave us, and not a name in some directory. */
static bool is_descriptor(const char *path)
{
	static const char *const places[] = {"/dev/stdin", "/dev/fd/", "/proc/self/fd/"};

	for (size_t i = 0; i < sizeof places / sizeof *places; i++)
		if (strncmp(path, places[i], strlen(places[i])) == 0)
			return true;
	return false;
}

long platform_read_given(const char *path, void *at, size_t size)
{
	int fd = open_to_read(path);

	if (fd < 0)
		return PLATFORM_BROKEN;
	if (!is_descriptor(path) || is_regular(fd) || errno == EISDIR)
		return read_regular(fd, at, size);
	return read_all(fd, at, size, true);
}

/* Non-blocking: a FIFO of that name must not hang us. No link is followed: who
 * may write into the directory does not choose among all files of the machine. */
static int open_in(const char *directory, const char *name)
{
	int above = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd, error;

	if (above < 0)
		return -1;
	fd = openat(above, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW);
	error = errno;
	close(above);
	errno = error;
	return fd;
}

static bool is_one_name(const char *name)
{
	return name[0] && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

long platform_read_in(const char *directory, const char *name, void *at, size_t size)
{
	int fd = -1;

	errno = ENOENT;
	if (is_one_name(name))
		fd = open_in(directory, name);
	if (fd < 0)
		return system_fail(), PLATFORM_BROKEN;
	return read_regular(fd, at, size);
}

bool platform_is_private(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && !(st.st_mode & (S_IRWXG | S_IRWXO));
}

static uint64_t mix(uint64_t sum, uint64_t more)
{
	sum = (sum ^ more) * 0x9e3779b97f4a7c15u;
	return sum ^ (sum >> 32);
}

/* Links are followed: what certbot's live/ points to is what counts. */
uint64_t platform_stamp(const char *path)
{
	struct stat st;
	uint64_t sum = 0;

	if (stat(path, &st) != 0)
		return 0;
	sum = mix(sum, (uint64_t)st.st_mtim.tv_sec);
	sum = mix(sum, (uint64_t)st.st_mtim.tv_nsec);
	sum = mix(sum, (uint64_t)st.st_ctim.tv_sec);
	sum = mix(sum, (uint64_t)st.st_ctim.tv_nsec);
	sum = mix(sum, (uint64_t)st.st_size);
	sum = mix(sum, (uint64_t)st.st_ino);
	sum = mix(sum, (uint64_t)st.st_dev);
	return sum ? sum : 1;
}

/* --- keeping --------------------------------------------------------------- */

/* Errors of the disk may come as late as with the last call. */
static bool fill(int fd, const char *at, size_t len)
{
	bool good = true;
	ssize_t n;

	while (good && len) {
		n = write(fd, at, len);
		if (n > 0) {
			at += n;
			len -= (size_t)n;
		} else if (n == 0 || errno != EINTR) {
			good = false;
		}
	}
	good = good && fsync(fd) == 0;
	if (!good)
		system_fail();
	if (close(fd) != 0 && good)
		good = system_refuse();
	return good;
}

/* The name itself is on the disk when its directory is; where a directory
 * cannot be synced, that is no fault. */
static void sync_above(const char *path)
{
	char above[PATH_ROOM];
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) : 0;
	int fd;

	memcpy(above, path, len);
	above[len] = 0;
	fd = open(!slash ? "." : len ? above : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		fsync(fd);
		close(fd);
	}
}

bool platform_keep(const char *path, const void *at, size_t len)
{
	char room[PATH_ROOM];
	struct text new = text_in(room, sizeof room - 1);
	uint64_t number;
	int fd;

	platform_random(&number, sizeof number);
	text_str(&new, path);
	text_lit(&new, ".new-");
	text_hex(&new, number);
	room[new.len] = 0;
	if (new.full) {
		errno = ENAMETOOLONG;
		return system_refuse();
	}
	fd = open(room, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0600);
	if (fd < 0)
		return system_refuse();
	if (!fill(fd, at, len)) {
		unlink(room);
		return false;
	}
	if (rename(room, path) != 0) {
		system_fail();
		unlink(room);
		return false;
	}
	sync_above(path);
	return true;
}

/* The system can wait for a lock itself, but not for a time. */
static bool get_lock(int fd, int64_t until)
{
	struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	while (fcntl(fd, F_SETLK, &all) != 0) {
		if (errno != EACCES && errno != EAGAIN && errno != EINTR)
			return false;
		if (platform_now() >= until) {
			errno = ETIMEDOUT;
			return false;
		}
		poll(NULL, 0, LOCK_MS);
	}
	return true;
}

int platform_lock(const char *path, int64_t ms)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK, 0600);

	if (fd < 0) {
		system_fail();
		return -1;
	}
	if (get_lock(fd, platform_now() + ms))
		return fd;
	system_fail();
	close(fd);
	return -1;
}

static bool is_directory(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Asked before, since a directory that is there answers mkdir with errors of
 * several kinds; and afterwards, since another process may have been faster. */
static bool make_directory(const char *path)
{
	int error;

	if (is_directory(path) || mkdir(path, 0700) == 0)
		return true;
	error = errno == EEXIST ? ENOTDIR : errno;
	if (is_directory(path))
		return true;
	errno = error;
	return system_refuse();
}

bool platform_directory(const char *path)
{
	char room[PATH_ROOM];
	size_t len = strlen(path), i;

	if (len >= sizeof room) {
		errno = ENAMETOOLONG;
		return system_refuse();
	}
	for (i = 1; i < len; i++) {
		if (path[i] != '/')
			continue;
		memcpy(room, path, i);
		room[i] = 0;
		if (!make_directory(room))
			return false;
	}
	return make_directory(path);
}

/* --- logs ------------------------------------------------------------------ */

int platform_append(const char *path)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);

	return fd >= 0 ? fd : system_fail();
}

enum platform_kind platform_kind(int fd)
{
	struct stat st = {0};
	int flags = fcntl(fd, F_GETFL);

	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return PLATFORM_FILE;
	if (flags >= 0 && flags & O_NONBLOCK)
		return PLATFORM_QUICK;
	return S_ISSOCK(st.st_mode) && MSG_DONTWAIT != 0 ? PLATFORM_SOCKET : PLATFORM_SLOW;
}

int platform_stderr(void)
{
	int fd = platform_kind(2) == PLATFORM_FILE ? -1 : system_reopen(2);

	if (fd < 0)
		fd = fcntl(2, F_DUPFD_CLOEXEC, 3);
	return fd >= 0 ? fd : system_fail();
}

static bool takes_now(int fd)
{
	struct pollfd ready = {.fd = fd, .events = POLLOUT};

	return poll(&ready, 1, 0) == 1;
}

static ssize_t write_some(int fd, const void *at, size_t len, enum platform_kind kind)
{
	if (kind == PLATFORM_FILE)
		return write(fd, at, len);
	if (len > PLATFORM_LINE)
		len = PLATFORM_LINE;
	if (kind == PLATFORM_SOCKET)
		return send(fd, at, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (kind == PLATFORM_SLOW && !takes_now(fd)) {
		errno = EAGAIN;
		return -1;
	}
	return write(fd, at, len);
}

long platform_write(int fd, const void *at, size_t len, enum platform_kind kind)
{
	ssize_t n;

	do
		n = write_some(fd, at, len, kind);
	while (n < 0 && errno == EINTR);
	return n >= 0 ? (long)n : system_failed();
}

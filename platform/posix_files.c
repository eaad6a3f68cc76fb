/* SPDX-License-Identifier: MIT
 *
 * posix_files - files and descriptors of logs, as far as POSIX can say it
 */
#include "system.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

long platform_read(const char *path, void *at, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	size_t len = 0;
	ssize_t n;

	if (fd < 0)
		return system_fail(), PLATFORM_BROKEN;
	do {
		n = read(fd, (char *)at + len, size - len);
		if (n > 0)
			len += (size_t)n;
	} while ((n > 0 && len < size) || (n < 0 && errno == EINTR));
	if (n < 0)
		system_fail();
	close(fd);
	return n < 0 ? PLATFORM_BROKEN : (long)len;
}

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

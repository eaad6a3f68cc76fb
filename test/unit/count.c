/* SPDX-License-Identifier: MIT
 *
 * count - does a worker allocate once it runs?
 *
 * Linked into build/gateway-count. A process is a worker from worker_run on,
 * and it runs from its first platform_poll on; every allocation after that,
 * by gateway or inside libc, ends it with a message that names the call. The
 * supervisor and the offload process may allocate. Takes malloc's place under
 * glibc; elsewhere the C library's own calls go unseen.
 */
#include "../../platform/platform.h"
#include "../../src/worker.h"
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

int __real_worker_run(const struct worker_given *given);
int __wrap_worker_run(const struct worker_given *given);
int __real_platform_poll(struct watch *watches, size_t count, int64_t ms);
int __wrap_platform_poll(struct watch *watches, size_t count, int64_t ms);
void *__real_platform_memory(size_t bytes, bool shared);
void *__wrap_platform_memory(size_t bytes, bool shared);

void *__libc_malloc(size_t len);
void *__libc_calloc(size_t count, size_t len);
void *__libc_realloc(void *at, size_t len);
void *__libc_memalign(size_t align, size_t len);

static bool is_worker, runs;

static void refuse(const char *call)
{
	static const char text[] = "gateway-count: a running worker called ";

	if (!runs)
		return;
	runs = false;
	if (write(2, text, sizeof(text) - 1) < 0 || write(2, call, strlen(call)) < 0 || write(2, "\n", 1) < 0)
		_exit(99);
	abort();
}

/* Between them only: what follows the loop is the end of the process. */
int __wrap_worker_run(const struct worker_given *given)
{
	is_worker = true;
	int code = __real_worker_run(given);
	is_worker = runs = false;
	return code;
}

int __wrap_platform_poll(struct watch *watches, size_t count, int64_t ms)
{
	runs = is_worker;
	return __real_platform_poll(watches, count, ms);
}

void *__wrap_platform_memory(size_t bytes, bool shared)
{
	refuse("platform_memory");
	return __real_platform_memory(bytes, shared);
}

void *malloc(size_t len)
{
	refuse("malloc");
	return __libc_malloc(len);
}

void *calloc(size_t count, size_t len)
{
	refuse("calloc");
	return __libc_calloc(count, len);
}

void *realloc(void *at, size_t len)
{
	refuse("realloc");
	return __libc_realloc(at, len);
}

void *aligned_alloc(size_t align, size_t len)
{
	refuse("aligned_alloc");
	return __libc_memalign(align, len);
}

int posix_memalign(void **at, size_t align, size_t len)
{
	refuse("posix_memalign");
	*at = __libc_memalign(align, len);
	return *at ? 0 : ENOMEM;
}

/* SPDX-License-Identifier: MIT
 *
 * fortified - what do archives made with _FORTIFY_SOURCE miss in this libc?
 *
 * Distributions build theirs so, for glibc, which has these functions; musl does
 * not. Only a static build with musl and such archives has this file in it.
 */
#include <stdlib.h>
#include <string.h>

void *__memcpy_chk(void *to, const void *from, size_t len, size_t room);
void *__memmove_chk(void *to, const void *from, size_t len, size_t room);
void *__memset_chk(void *to, int byte, size_t len, size_t room);

void *__memcpy_chk(void *to, const void *from, size_t len, size_t room)
{
	if (len > room)
		abort();
	return memcpy(to, from, len);
}

void *__memmove_chk(void *to, const void *from, size_t len, size_t room)
{
	if (len > room)
		abort();
	return memmove(to, from, len);
}

void *__memset_chk(void *to, int byte, size_t len, size_t room)
{
	if (len > room)
		abort();
	return memset(to, byte, len);
}

/* SPDX-License-Identifier: MIT
 *
 * posix_crypt - crypt(3), where the build has it (GW_CRYPT, see the Makefile)
 *
 * Of musl's it takes bcrypt alone (GW_BCRYPT): the rest of what that library knows
 * gateway computes itself, and it would be 16 KB more.
 *
 * What it knows differs from library to library, and none of them says so: each
 * scheme is tried once, at the lowest cost there is.
 */
#define _XOPEN_SOURCE 700
#define _DEFAULT_SOURCE
#include "system.h"

#include <unistd.h>

#if defined GW_BCRYPT
char *__crypt_blowfish(const char *password, const char *setting, char *hash);

static const char *hash_of(const char *password, const char *setting)
{
	static char hash[64]; /* 60 characters */

	return strncmp(setting, "$2", 2) == 0 ? __crypt_blowfish(password, setting, hash) : NULL;
}
#elif defined GW_CRYPT
static const char *hash_of(const char *password, const char *setting)
{
	return crypt(password, setting);
}
#else
static const char *hash_of(const char *password, const char *setting)
{
	(void)password, (void)setting;
	return NULL;
}
#endif

/* Length of "$2b$"; 0: that is no setting of this kind. */
static size_t scheme_of(const char *setting)
{
	const char *end = setting[0] == '$' ? strchr(setting + 1, '$') : NULL;

	return end ? (size_t)(end - setting) + 1 : 0;
}

/* A library that does not know a scheme returns NULL, "*0", "*1", or what DES
 * makes of it. */
bool platform_crypt(const char *password, const char *setting, char *room, size_t size)
{
	size_t scheme = scheme_of(setting), len;
	const char *hash = scheme ? hash_of(password, setting) : NULL;

	if (!hash || strncmp(hash, setting, scheme) != 0)
		return false;
	len = strlen(hash);
	if (len >= size)
		return false;
	memcpy(room, hash, len + 1);
	return true;
}

bool platform_crypt_knows(const char *hash)
{
	static struct {
		const char *setting;
		bool tried, known;
	} schemes[] = {
		{.setting = "$2a$04$abcdefghijklmnopqrstuu"},
		{.setting = "$2b$04$abcdefghijklmnopqrstuu"},
		{.setting = "$2y$04$abcdefghijklmnopqrstuu"},
		{.setting = "$y$j75$abcdefgh"},
		{.setting = "$gy$j75$abcdefgh"},
		{.setting = "$7$26..../....abcdefgh"},
	};
	char room[256];

	for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
		if (strncmp(hash, schemes[i].setting, scheme_of(schemes[i].setting)) != 0)
			continue;
		if (!schemes[i].tried)
			schemes[i].known = platform_crypt("", schemes[i].setting, room, sizeof room);
		schemes[i].tried = true;
		return schemes[i].known;
	}
	return false;
}

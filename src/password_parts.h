/* SPDX-License-Identifier: MIT
 *
 * password_parts - what does a hash consist of, and how is one computed here?
 *
 * For password*.c alone.
 */
#ifndef PASSWORD_PARTS_H
#define PASSWORD_PARTS_H

#include "password.h"
#include <bearssl.h>

enum {
	PASSWORD_SHA_SALT = 16, PASSWORD_MD5_SALT = 8, /* characters of salt at most */
	PASSWORD_SHA256_TEXT = 43, PASSWORD_SHA512_TEXT = 86, PASSWORD_MD5_TEXT = 22
};

/* The alphabet of crypt(3), which is not that of RFC 4648. */
extern const char password_letters[65];

/* Bits as characters, the low ones first; returns where the next one goes. */
char *password_letters_add(char *to, uint32_t bits, unsigned count);
/* Groups of three bytes, four characters each, one of each third of the digest: byte
 * j of group i is digest[i + third * ((j + turn * i) % 3)]. */
char *password_letters_groups(char *to, const unsigned char *digest, unsigned groups, unsigned third, unsigned turn);

/* What stands behind the last $: 43 characters with br_sha256_vtable, 86 with
 * br_sha512_vtable. The salt has at most 16 bytes, the password at most PASSWORD_MOST. */
void password_sha(char *to, const br_hash_class *sha, uint32_t rounds, struct span salt, struct span password);

/* 22 characters; magic is "$1$" or "$apr1$", the salt has at most 8 bytes. */
void password_md5(char *to, struct span magic, struct span salt, struct span password);

#endif

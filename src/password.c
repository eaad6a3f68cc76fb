/* SPDX-License-Identifier: MIT
 *
 * password - is this the password that this hash was made of?
 *
 * Whoever can write a hash can choose what it costs to look at it; so each is
 * taken apart before anything is computed, also those that crypt(3) will see.
 */
#include "../gateway.h"
#include "password_parts.h"
#include "../platform/platform.h"

/* The dearest that are taken: about 5 s on a slow ARM, and the 656,000 rounds of
 * Python's passlib. */
enum {
	ROUNDS_USUAL = 5000, ROUNDS_LEAST = 1000, ROUNDS_MOST = 1000000,
	BCRYPT_LEAST = 4, BCRYPT_MOST = 14,
	MEMORY_MOST = 1 << 25 /* bytes, of yescrypt and scrypt */
};

enum {
	ROUNDS_MADE = 50000, /* of ours: as dear as bcrypt's 10 */
	BCRYPT_BYTES = 72    /* bcrypt looks at no more of a password */
};

const char password_letters[65] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

char *password_letters_add(char *to, uint32_t bits, unsigned count)
{
	for (; count; count--, bits >>= 6)
		*to++ = password_letters[bits & 63];
	return to;
}

char *password_letters_groups(char *to, const unsigned char *digest, unsigned groups, unsigned third, unsigned turn)
{
	for (unsigned i = 0; i < groups; i++) {
		uint32_t bits = 0;

		for (unsigned j = 0; j < 3; j++)
			bits = bits << 8 | digest[i + third * ((j + turn * i) % 3)];
		to = password_letters_add(to, bits, 4);
	}
	return to;
}

/* Value of a letter, or 64. */
static unsigned letter(char c)
{
	return (unsigned)span_find(span_of(password_letters, 64), c);
}

static bool are_letters(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (letter(s.at[i]) > 63)
			return false;
	return true;
}

/* --- what a hash says ------------------------------------------------------------ */

#define MAKE "'gateway passwd USER' makes one that works"
#define MAKE_ELSE "'gateway passwd USER' or 'openssl passwd -6' makes one that works"
#define NO_CRYPT(name) "is " name ", for which this build has no crypt(3): " MAKE_ELSE
#define NOT_WHOLE(name) "is " name " that is cut off or mistyped: " MAKE
#define TOO_DEAR(name, most) "is " name " that takes too long to check (at most " most "): " MAKE

enum kind { SHA256, SHA512, MD5, BCRYPT, YESCRYPT, SCRYPT };

struct scheme {
	struct span begins;
	uint8_t kind;       /* enum kind */
	uint8_t salt, tail; /* characters: of the salt at most, and of what is behind it */
	const char *not_whole, *too_dear, *no_crypt;
};

static const struct scheme schemes[] = {
	{{"$5$", 3}, SHA256, PASSWORD_SHA_SALT, PASSWORD_SHA256_TEXT, NOT_WHOLE("SHA-256-crypt"), TOO_DEAR("SHA-256-crypt", "rounds=1000000"), NULL},
	{{"$6$", 3}, SHA512, PASSWORD_SHA_SALT, PASSWORD_SHA512_TEXT, NOT_WHOLE("SHA-512-crypt"), TOO_DEAR("SHA-512-crypt", "rounds=1000000"), NULL},
	{{"$1$", 3}, MD5, PASSWORD_MD5_SALT, PASSWORD_MD5_TEXT, NOT_WHOLE("MD5-crypt"), NULL, NULL},
	{{"$apr1$", 6}, MD5, PASSWORD_MD5_SALT, PASSWORD_MD5_TEXT, NOT_WHOLE("$apr1$"), NULL, NULL},
	{{"$2a$", 4}, BCRYPT, 22, 31, NOT_WHOLE("bcrypt"), TOO_DEAR("bcrypt", "$2b$14$"), NO_CRYPT("bcrypt")},
	{{"$2b$", 4}, BCRYPT, 22, 31, NOT_WHOLE("bcrypt"), TOO_DEAR("bcrypt", "$2b$14$"), NO_CRYPT("bcrypt")},
	{{"$2y$", 4}, BCRYPT, 22, 31, NOT_WHOLE("bcrypt"), TOO_DEAR("bcrypt", "$2y$14$"), NO_CRYPT("bcrypt")},
	{{"$y$", 3}, YESCRYPT, 86, 43, NOT_WHOLE("yescrypt"), TOO_DEAR("yescrypt", "32 MB, $y$jAT$"), NO_CRYPT("yescrypt")},
	{{"$gy$", 4}, YESCRYPT, 86, 43, NOT_WHOLE("gost-yescrypt"), TOO_DEAR("gost-yescrypt", "32 MB, $gy$jAT$"), NO_CRYPT("gost-yescrypt")},
	{{"$7$", 3}, SCRYPT, 86, 43, NOT_WHOLE("scrypt"), TOO_DEAR("scrypt", "32 MB, $7$BU..../....$"), NO_CRYPT("scrypt")},
};

struct parts {
	const struct scheme *scheme;
	uint32_t rounds;
	uint64_t memory; /* bytes */
	struct span salt, tail;
};

static const struct scheme *scheme_of(struct span hash)
{
	for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++)
		if (span_starts(hash, schemes[i].begins))
			return &schemes[i];
	return NULL;
}

/* SALT$TAIL, as all but bcrypt end. The salt of ours may be anything visible. */
static bool read_salt(struct parts *p, struct span rest)
{
	size_t end = span_find(rest, '$');

	if (end == rest.len || end > p->scheme->salt)
		return false;
	p->salt = span_of(rest.at, end);
	p->tail = span_of(rest.at + end + 1, rest.len - end - 1);
	for (size_t i = 0; i < end; i++)
		if (rest.at[i] <= ' ' || rest.at[i] > '~' || rest.at[i] == ':')
			return false;
	return p->tail.len == p->scheme->tail && are_letters(p->tail);
}

/* rounds=N$ before the salt; fewer than a thousand are a thousand. */
static const char *read_sha(struct parts *p, struct span rest)
{
	uint64_t rounds = ROUNDS_USUAL;
	struct span digits;

	if (span_starts(rest, SPAN("rounds="))) {
		rest = span_of(rest.at + 7, rest.len - 7);
		digits = span_cut(&rest, '$');
		if (!span_number(digits, &rounds))
			return digits.len > 19 ? p->scheme->too_dear : p->scheme->not_whole;
	}
	if (!read_salt(p, rest))
		return p->scheme->not_whole;
	if (rounds > ROUNDS_MOST)
		return p->scheme->too_dear;
	p->rounds = rounds < ROUNDS_LEAST ? ROUNDS_LEAST : (uint32_t)rounds;
	return NULL;
}

static const char *read_md5(struct parts *p, struct span rest)
{
	return read_salt(p, rest) ? NULL : p->scheme->not_whole;
}

/* NN$, 22 characters of salt, 31. */
static const char *read_bcrypt(struct parts *p, struct span rest)
{
	const struct scheme *s = p->scheme;
	uint64_t cost;

	if (rest.len != 3u + s->salt + s->tail || rest.at[2] != '$' || !span_number(span_of(rest.at, 2), &cost) || cost < BCRYPT_LEAST)
		return s->not_whole;
	p->salt = span_of(rest.at + 3, s->salt);
	p->tail = span_of(rest.at + 3 + s->salt, s->tail);
	if (!are_letters(p->salt) || !are_letters(p->tail))
		return s->not_whole;
	return cost > BCRYPT_MOST ? s->too_dear : NULL;
}

/* False: more than is taken. */
static bool take_memory(struct parts *p, unsigned log2_n, uint32_t r)
{
	if (log2_n > 20 || r == 0 || r > 1024)
		return false;
	p->memory = ((uint64_t)r * 128) << log2_n;
	return p->memory <= MEMORY_MOST;
}

/* Three letters and $: j (yescrypt as its authors advise), then the size in two
 * letters. More letters would be further costs, that no tool sets. */
static const char *read_yescrypt(struct parts *p, struct span rest)
{
	unsigned n, r;

	if (rest.len < 4 || rest.at[0] != 'j' || rest.at[3] != '$')
		return p->scheme->not_whole;
	n = letter(rest.at[1]);
	r = letter(rest.at[2]);
	if (n > 47 || r > 47 || !read_salt(p, span_of(rest.at + 4, rest.len - 4)) || !are_letters(p->salt))
		return p->scheme->not_whole;
	return take_memory(p, n + 1, r + 1) ? NULL : p->scheme->too_dear;
}

/* Five letters, the low bits first. */
static uint32_t letters_value(const char *at)
{
	uint32_t value = 0;

	for (unsigned i = 5; i-- > 0;)
		value = value << 6 | (letter(at[i]) & 63);
	return value;
}

/* One letter of size, five, and five of how often: once. */
static const char *read_scrypt(struct parts *p, struct span rest)
{
	if (rest.len < 11 || !are_letters(span_of(rest.at, 11)) || !read_salt(p, span_of(rest.at + 11, rest.len - 11)) || !are_letters(p->salt))
		return p->scheme->not_whole;
	if (letters_value(rest.at + 6) != 1 || !take_memory(p, letter(rest.at[0]), letters_value(rest.at + 1)))
		return p->scheme->too_dear;
	return NULL;
}

/* What is no hash at all. */
static const char *why_none(struct span hash)
{
	if (hash.len == 0)
		return "is empty: 'gateway passwd USER' makes a line with a hash";
	if (hash.at[0] == '$')
		return "is a hash of a kind that gateway does not know: " MAKE_ELSE;
	if (hash.at[0] == '{')
		return "is a bare checksum in the manner of LDAP ({SHA}), which anybody guesses who sees it: " MAKE;
	if (hash.len == 13 && are_letters(hash))
		return "is DES, which looks at eight characters and is guessed in hours (or plain text): " MAKE;
	return "is plain text: 'gateway passwd USER' makes a line with a hash";
}

static const char *read_hash(struct parts *p, struct span hash)
{
	struct span rest;

	*p = (struct parts){.scheme = scheme_of(hash)};
	if (!p->scheme)
		return why_none(hash);
	if (hash.len >= PASSWORD_HASH)
		return p->scheme->not_whole;
	rest = span_of(hash.at + p->scheme->begins.len, hash.len - p->scheme->begins.len);
	switch (p->scheme->kind) {
	case SHA256:
	case SHA512: return read_sha(p, rest);
	case MD5: return read_md5(p, rest);
	case BCRYPT: return read_bcrypt(p, rest);
	case YESCRYPT: return read_yescrypt(p, rest);
	default: return read_scrypt(p, rest);
	}
}

const char *password_refuse(struct span hash)
{
	struct parts p;
	const char *why = read_hash(&p, hash);

	if (why || !p.scheme->no_crypt || platform_crypt_knows(p.scheme->begins.at))
		return why;
	return p.scheme->no_crypt;
}

uint64_t password_memory(struct span hash)
{
	struct parts p;

	return read_hash(&p, hash) ? 0 : p.memory;
}

/* --- looking ------------------------------------------------------------------------ */

static bool is_possible(struct span password)
{
	return password.len <= PASSWORD_MOST && (password.len == 0 || !memchr(password.at, 0, password.len));
}

/* bcrypt would take any end of what is longer: one password, one spelling. */
static bool is_whole(const struct scheme *s, struct span password)
{
	return s->kind != BCRYPT || password.len <= BCRYPT_BYTES;
}

static bool is_same(const char *a, const char *b, size_t len)
{
	unsigned char differ = 0;

	while (len--)
		differ |= (unsigned char)(*a++ ^ *b++);
	return differ == 0;
}

/* By crypt(3): setting is a hash, or the beginning of one. Length of what is made, 0: nothing. */
static size_t make_with_crypt(char made[PASSWORD_HASH], struct span setting, struct span password)
{
	char word[PASSWORD_MOST + 1], like[PASSWORD_HASH];
	bool fine;

	memcpy(like, setting.at, setting.len);
	like[setting.len] = 0;
	if (password.len)
		memcpy(word, password.at, password.len);
	word[password.len] = 0;
	fine = platform_crypt(word, like, made, PASSWORD_HASH);
	span_wipe(word, sizeof word);
	return fine ? strlen(made) : 0;
}

/* What this password has behind the salt; its length, 0: there is none. */
static size_t make_tail(char made[PASSWORD_HASH], const struct parts *p, struct span hash, struct span password)
{
	size_t len, tail = p->scheme->tail;

	switch (p->scheme->kind) {
	case SHA256: password_sha(made, &br_sha256_vtable, p->rounds, p->salt, password); return tail;
	case SHA512: password_sha(made, &br_sha512_vtable, p->rounds, p->salt, password); return tail;
	case MD5: password_md5(made, p->scheme->begins, p->salt, password); return tail;
	default: break;
	}
	len = make_with_crypt(made, hash, password);
	if (len < tail)
		return 0;
	memmove(made, made + len - tail, tail);
	return tail;
}

enum password_answer password_look(struct span hash, struct span password)
{
	struct parts p;
	char made[PASSWORD_HASH];
	size_t len;
	bool right;

	if (!GW_HAS(AUTH))
		return PASSWORD_WRONG;
	if (read_hash(&p, hash) || !is_possible(password) || !is_whole(p.scheme, password))
		return PASSWORD_WRONG;
	len = make_tail(made, &p, hash, password);
	right = len == p.tail.len && is_same(made, p.tail.at, len);
	span_wipe(made, sizeof made);
	if (len == 0)
		return PASSWORD_FAILED;
	return right ? PASSWORD_RIGHT : PASSWORD_WRONG;
}

/* --- making --------------------------------------------------------------------------- */

/* 16 bytes as 22 letters of bcrypt's own alphabet, the high bits first. */
static void add_bcrypt_salt(struct text *t, const unsigned char salt[16])
{
	static const char letters[] = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

	for (unsigned i = 0; i < 22; i++) {
		unsigned byte = i * 6 / 8, shift = i * 6 % 8;
		unsigned two = (unsigned)salt[byte] << 8 | (byte < 15 ? salt[byte + 1] : 0u);

		text_char(t, letters[two >> (10 - shift) & 63]);
	}
}

static bool make_bcrypt(struct text *hash, struct span password, const unsigned char salt[16])
{
	char setting[32], made[PASSWORD_HASH];
	struct text t = text_in(setting, sizeof setting);
	size_t len;

	if (password.len > BCRYPT_BYTES || !platform_crypt_knows("$2b$"))
		return false;
	text_lit(&t, "$2b$10$");
	add_bcrypt_salt(&t, salt);
	len = make_with_crypt(made, text_span(&t), password);
	if (password_refuse(span_of(made, len)))
		return false;
	text_add(hash, made, len);
	return true;
}

static void make_sha(struct text *hash, struct span password, const unsigned char salt[16])
{
	char letters[PASSWORD_SHA_SALT], tail[PASSWORD_SHA512_TEXT];

	for (unsigned i = 0; i < sizeof letters; i++)
		letters[i] = password_letters[salt[i] & 63];
	password_sha(tail, &br_sha512_vtable, ROUNDS_MADE, span_of(letters, sizeof letters), password);
	text_lit(hash, "$6$rounds=");
	text_number(hash, ROUNDS_MADE);
	text_char(hash, '$');
	text_add(hash, letters, sizeof letters);
	text_char(hash, '$');
	text_add(hash, tail, sizeof tail);
}

bool password_make(struct text *hash, struct span password, const unsigned char salt[16])
{
	if (password.len == 0 || !is_possible(password))
		return false;
	if (!make_bcrypt(hash, password, salt))
		make_sha(hash, password, salt);
	return !hash->full;
}

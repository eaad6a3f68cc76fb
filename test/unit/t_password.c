/* SPDX-License-Identifier: MIT
 *
 * Is what other programs made of a password taken with it and with no other? And
 * is what is no hash, or would take for ever, refused with the right words?
 */
#include "../../src/password.h"
#include "../../platform/platform.h"
#include "block.h"

#include <sys/resource.h>
#include <unistd.h>

struct made {
	const char *hash, *password;
	unsigned times; /* the password is that so often */
};

static const struct made own[] = {
	/* openssl passwd -5, -6, -apr1, -1 */
	{"$5$s$oCJQ8pz2oyl6hgzly.hQ0W7Sgcl8Kr7EadnBpVm7huD", "secret", 1},
	{"$5$oX.PkL/KcYcTbuPb$UdA.S5LWxUzjbB.dFTqeEl32SjExeSHhPMPGBAmKFfB", "", 1},
	{"$5$./zZ09aA$SoM5BLDlqGWfKgil4yvB3hLaFN6rmBsym7wyUbQdaNC", "p\303\244ssw\303\266rd-\320\272\320\273\321\216\321\207", 1},
	{"$5$saltsalt$caSWtCEiScQIZQgN4.n0/MXmgkTVzerldXUxCcuuvc2", "a", 255},
	{"$6$s$0ONk7Cb6vQHj.WRVKbGZ0Y86yhuLam11L92a6wziCUwhPAmO1YdgYIoxpvS.wNpwTsZveSEo7dJ07No6GUEhX0", "secret", 1},
	{"$6$6y3r36r3j8eCf7ri$Ly5XqehU7.ZWZjMNHf/STksogR1Ut7LEcYuO3fc1c.1ApFffCwFYXV6RHK86vG7j4n2weX4qvMp0ZAxVgwRE7/", "", 1},
	{"$6$./zZ09aA$eTVE4vL3z1fq8mqSJM4I7oXlOmv9QhBod7/vu3ppBqgx.u44QYK8LJBGpf0tAwAY.gW7EAej18TqBSg9w2laK.", "p\303\244ssw\303\266rd-\320\272\320\273\321\216\321\207", 1},
	{"$6$saltsalt$BKQW8N9CIw87L2UAvLS2OPr2ezGcQSIjcGZpgF22UrA2iauAzGWyKc61WrYO20bpG4osQhGGZgdJGkQirgWXW0", "a", 255},
	{"$apr1$s$UoSp2veMyXxx3bp9uljYO/", "secret", 1},
	{"$apr1$salt.lt/$x5Z6GzOWvxfRBw84pgHK20", "", 1},
	{"$apr1$./zZ09aA$dWj06KKYTEoU2P2HUFhyy0", "p\303\244ssw\303\266rd-\320\272\320\273\321\216\321\207", 1},
	{"$apr1$saltsalt$gNdHNwXjgaNM1EEvP4F40.", "a", 255},
	{"$1$s$g6MVG540q1A9FJTwmPkOH0", "secret", 1},
	{"$1$salt.lt/$PujYyyVqPa4ss.r9opeN71", "", 1},
	{"$1$./zZ09aA$wTrzJ4278mczgBJnWpY5j.", "p\303\244ssw\303\266rd-\320\272\320\273\321\216\321\207", 1},
	{"$1$saltsalt$FStq9d8W2NY21JQ3BViio0", "a", 255},
	{"$5$0123456789abcdef$gj3iB79au4N5fPkK/f2BTa7MsWkn/32w2IVjyT.vuH8", "sixteen of salt", 1},
	{"$6$0123456789abcdef$SS5XrTmx5iV/EGnPRQpSYOQzHMExohMVOf4cjXCFJL82DBsga7OL07wMGxt0IKzzJ.BZIx/Vx3eDToDnmd8LX1", "sixteen of salt", 1},
	{"$5$rounds=1000$saltsalt$SoUvjQ6NfH1TTEMrXtRF3CoNtekp6Fmjbl1Ioptc7y4", "rounds", 1},
	{"$5$rounds=1001$saltsalt$.xU3.DumiHzwhP07wXXaaQYhXxus2tKeX5buXH/IH53", "rounds", 1},
	{"$5$rounds=5000$saltsalt$ImkN50JERtwtZbPAPo.7wl6Rn.Vmg7wBrcGsKgJVGN4", "rounds", 1},
	{"$6$rounds=1000$saltsalt$onLYvqGHmca1aTCvcGxiOF2YS4txgwgLfJA0e/HdmuCnSA8UEVAVFzkgbABQwQ6WtTOUzRnrgwQUwcuassCvM.", "rounds", 1},
	{"$6$rounds=1001$saltsalt$mYVL/9.bN9QC.oVosLPeRi4MZWp8VXF/0v7RXRTQ/M0ZZAyUNTRNuv7cnk0Ss4C7ChgCOu53NZa4EBetGVurY.", "rounds", 1},
	{"$6$rounds=5000$saltsalt$sswO58CxiOcZS8kIFY6TZXTyW6Bw0HetyXMEHz8CawkmD7SbevpG.d2JG1G9gcLGLq6Qhq4hvMS87/yuFoDjW0", "rounds", 1},
	{"$apr1$saltsalt$//ymEvfNw22OXV2m3OZ/y/", "p", 15},
	{"$apr1$saltsalt$q55DDk4cTu/tgOQg5MGDu.", "p", 16},
	{"$apr1$saltsalt$1qttOuFUxtfyGyrYZqoy01", "p", 17},
	{"$apr1$saltsalt$lSzBsG7TGhWLR8YzbZXrA1", "p", 33},
	{"$1$saltsalt$EpSBu3moSLmQMwhpR0c8j1", "p", 15},
	{"$1$saltsalt$u9y8nHpOtHSrm9uLfwS1t1", "p", 16},
	{"$1$saltsalt$4CifdL6ScBKFHqeT3RzUX0", "p", 17},
	{"$1$saltsalt$477bGygW9wNjTAQlu2Yx7/", "p", 33},
	{"$5$saltsalt$oXvcmaK1kDzQR5gamdTCqsNgTkoWx4BGRZMsCV03t79", "p", 31},
	{"$5$saltsalt$QWEbIWTu4WEYDDVD7g3VCOQWVfvEuMESDpEMyW8.9j5", "p", 32},
	{"$5$saltsalt$FIKihu.UIbFKWkqiw8YYJ6nRZ6cO6rV8DXeZXvYkEU.", "p", 33},
	{"$5$saltsalt$dkV77p.KlnGKE.VL0SDncgukd/VLJtddFfB7qqmwFm6", "p", 63},
	{"$5$saltsalt$jQo9Zo6OgIDUufdFA.OzFNIOgGd1UUGwDWOqvQxbcOB", "p", 64},
	{"$5$saltsalt$vKrkVtHSyX.aXkciJNTJIj7qMEnlsJy6XIk0qLcadx3", "p", 65},
	{"$5$saltsalt$800.80qdxUoEglqcEfzaKK9T9NU4gLVxwIi7t9gOOF3", "p", 129},
	{"$6$saltsalt$xMhy4DMjSVOw5KL8IHZ.lfIIheXObFpedRMpJKfcwXJcMlbFtmNKW9/Imv7a881HZYa.lLRohfFTirU4XiBcP.", "p", 31},
	{"$6$saltsalt$N03R4Xpr6uZSJLlr/s1vcqh0ZQOKzEixdb6VViIB/RHKTjJK.KCuYdNknIbkZsU5elNo97MOm9zzZy6IN2aYe0", "p", 32},
	{"$6$saltsalt$HaQqAewD7FVz/5hpT/xK8UXNhFKGzuUXhfsnQGwzSLAWuELnTyB9Wl.gFkar/pJx4rxgtfHBXCf0/aRtxEErA/", "p", 33},
	{"$6$saltsalt$2rijkjq1y9oMDGIJU3F6fa3OmNm7px2oVMKR/s5aVoRs9lHoCnNnwQ/Lx8zv3dkGKyQIX2hZhMXmLn28TbvZK1", "p", 63},
	{"$6$saltsalt$1hq4o9PVzxg0FdsYj1y.TGRVUADcPZloj3fqD812UmpaefO.IYnvg4R2OIA7OtAGDB/uFjkRY4zy.RNJshQCU.", "p", 64},
	{"$6$saltsalt$jKs3leh557T2BMrcNOlvn5.VvlQUKQdbJVSz6iG2UhfuTR7Kwe9/kLvxZ9Dw7idshtz/mqTAFgcTEGQZCGb3l1", "p", 65},
	{"$6$saltsalt$fWgd51f1lQ2Rmp/LmcYA8Da6fJSJALhGoWmFdTYHTwqfIyxqrnecRaNQN4v.xJErMIskS4GKYQrTZmvkMkTDF.", "p", 129},
	/* mkpasswd */
	{"$5$f9t/gvq7PqRJvquZ$CC9TsuVXbiJMTbPO/yYAeZOodD/rOoi8IQoumdS1Mg.", "from mkpasswd", 1},
	{"$6$6rrq5k3vuiLBTzLy$Ri/RCY65ac0piKsUnI1g0xCFJWepe1oLvrNCQn/dIWX9YV9L0diNpOs2AvYTNGAqkaiKLrt4r6.gzuZy.KwD7.", "from mkpasswd", 1},
	{"$1$5.krL0/t$HNZU1IFDJTiKAENaZGhgW/", "from mkpasswd", 1},
	{"$5$rounds=1234$73TEvTqJG3w0bGzH$t64pofq3F7bUlrt/sK4QQmCLEJXbsI7GyfS4b4d.Yj3", "from mkpasswd", 1},
	{"$6$rounds=1234$iAcGl4QJnzmBboLD$ej8C8IEjkmg8/fG.LVmD2W29yANkTec4aQNyUSDfNJYzq7gsYkE151wWGbkEo.nU62XizUGk3v.0Bze189PW.0", "from mkpasswd", 1},
	/* htpasswd */
	{"$apr1$SGcNN8wq$zP/F1JAWQhguohum4ewUX1", "from htpasswd", 1},
	{"$5$rounds=1000$0ujgBgOiSn7gOYEt$GRszVVND8g0kmdnd6zSwrr/Nlc66GqyYjWUR7ZgGer7", "from htpasswd", 1},
	{"$6$t6aAp.Pm4QRTQvx1$wd/Nlg6/loN6SiD.0OsNiKOVmQBtrX1MLqjksjgTx./Cm/8kA.yMfOVjH.DJbLSeP.580DwQlrLA9wNpMydPQ/", "from htpasswd", 1},
};

static const struct made by_crypt[] = {
	{"$2y$04$0bd4V6OSQeJrVgKO.P9VkumHhIIk4wMQ6CyKJ7/6cINyqqYLh9XH2", "from htpasswd", 1},
	{"$2y$05$1HZ/9S.LIKJlt0eMNBwKeusg.EAhm.CeUuQTE7drixQF4E9bU1wae", "from htpasswd", 1},
	{"$2b$05$wrBcCibUx9XwzWVGzAd9eOMRPhP.beqB3PV9pvNw0IcGlXJssVXZG", "p\303\244ssw\303\266rd", 1},
	{"$2a$05$/tbgutSNPETJDQibHgVZheeniirHpHUrIyv3MubskmCSeNIQ5159K", "p\303\244ssw\303\266rd", 1},
	{"$2b$05$eA9nfPzh7gy/YYji6k9HdeVrKLbKv0zRPalAF7wwTlnSE9ZFWooXi", "", 1},
	{"$y$j75$.f5axd4nqexWSoMwSt4I31$/PVA6dNWY1xriL9fnzcGknbBERfeaOMiJp/EqPJjLdA", "from mkpasswd", 1},
	{"$gy$j75$sh/Z4LeppBFrqhXvuMMeS/$tA7TDhbF0qNB4QZztGumYO4kRcQ28pDk4i.Hi8uRme2", "from mkpasswd", 1},
	{"$y$j9T$rxx7PrDqbKlW4I9XEu5Y9.$I7QKqlgYd5M2aCDzs2Z1miPRkUj6gwwl7V6yvHEMy5/", "from mkpasswd", 1},
	{"$7$BU..../....OtpWzc1iDzTbxspmNec8g0$L1EUtqjMsPIE5tfoIbb4AglutAUudJgr9lyenZriBx.", "from mkpasswd", 1},
};

static bool is(struct span hash, struct span password)
{
	struct span h = block_of(hash), p = block_of(password);
	bool right = password_is(h, p);

	block_free(h);
	block_free(p);
	return right;
}

static const char *why_not(struct span hash)
{
	struct span h = block_of(hash);
	const char *why = password_refuse(h);

	block_free(h);
	return why;
}

static struct span password_of(const struct made *m, char room[300])
{
	struct text t = text_in(room, 300);

	for (unsigned i = 0; i < m->times; i++)
		text_str(&t, m->password);
	return text_span(&t);
}

/* The password with one byte changed (the first, the middle, the last), one less,
 * and one more. */
static void assert_nearly_wrong(struct span hash, struct span password)
{
	char room[300];

	memcpy(room, password.at, password.len);
	for (size_t i = 0; i < 3 && password.len; i++) {
		char *at = &room[(password.len - 1) * i / 2];

		*at ^= 1;
		assert_false(is(hash, span_of(room, password.len)));
		*at ^= 1;
	}
	if (password.len)
		assert_false(is(hash, span_of(room, password.len - 1)));
	room[password.len] = 'x';
	assert_false(is(hash, span_of(room, password.len + 1)));
}

static void assert_made(const struct made *m)
{
	char room[300];
	struct span password = password_of(m, room), hash = span_str(m->hash);
	const char *why = why_not(hash);

	if (why)
		fail_msg("%s %s", m->hash, why);
	if (!is(hash, password))
		fail_msg("%s is not of \"%s\" (%u)", m->hash, m->password, m->times);
	assert_nearly_wrong(hash, password);
}

static void takes_what_others_made(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(own); i++)
		assert_made(&own[i]);
}

static void takes_what_crypt_knows(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(by_crypt); i++) {
		const char *why;

		if (platform_crypt_knows(by_crypt[i].hash)) {
			assert_made(&by_crypt[i]);
			continue;
		}
		why = why_not(span_str(by_crypt[i].hash));
		assert_non_null(why);
		assert_non_null(strstr(why, "this build has no crypt(3)"));
		assert_false(is(span_str(by_crypt[i].hash), span_str(by_crypt[i].password)));
	}
}

/* Each character of a hash counts, and so does its length. */
static void a_changed_hash_is_another(void **state)
{
	static const char *const hashes[] = {
		"$5$rounds=1000$salt$rj3h7T..9Gau5/Q8rIUKW9QAFHin8a14mtfiJMRC1QD", "$6$rounds=1000$salt$EHYW.LHILWR6p..YTmk0WjzIriSl.sGw9FRfhH/GRhgLbnPx1ShpiLkQphlHNev5YKrT1GN.NPFcPg5ybx.2q/",
		"$apr1$salt$MVjX33ozsQ7p7OnljxODO1", "$1$salt$WnpH56LdXTU22S4H.kuWD/",
	};
	static const char more[] = {'.', '$', '=', '\n', 0};
	char room[PASSWORD_HASH];

	(void)state;
	for (size_t i = 0; i < COUNT(hashes); i++) {
		struct span hash = span_str(hashes[i]);

		assert_true(is(hash, SPAN("word")));
		for (size_t j = 0; j < hash.len; j++) {
			memcpy(room, hash.at, hash.len);
			room[j] = room[j] == 'x' ? 'y' : 'x';
			assert_false(is(span_of(room, hash.len), SPAN("word")));
			assert_non_null(why_not(span_of(hash.at, j)));
			assert_false(is(span_of(hash.at, j), SPAN("word")));
		}
		memcpy(room, hash.at, hash.len);
		for (size_t j = 0; j < COUNT(more); j++) {
			room[hash.len] = more[j];
			assert_non_null(why_not(span_of(room, hash.len + 1)));
		}
	}
}

/* Passwords of many lengths, with salt of all lengths, as crypt(3) hashes them. */
static void agrees_with_crypt(void **state)
{
	static const struct {
		const char *scheme;
		size_t salt;
	} schemes[] = {{"$5$rounds=1000$", 16}, {"$6$rounds=1000$", 16}, {"$1$", 8}};
	char password[PASSWORD_MOST + 1], made[PASSWORD_HASH], room[64];

	(void)state;
	for (size_t i = 0; i < COUNT(schemes); i++) {
		for (size_t len = 0; len <= PASSWORD_MOST; len += len < 70 ? 1 : 5) {
			struct text setting = text_in(room, sizeof room);

			text_str(&setting, schemes[i].scheme);
			text_add(&setting, "aZ./09xyAzBYcXdW", 1 + len % schemes[i].salt);
			text_add(&setting, "$", 2); /* and its zero */
			for (size_t j = 0; j < len; j++)
				password[j] = (char)(1 + (j * 7 + len) % 255);
			password[len] = 0;
			if (!platform_crypt(password, setting.at, made, sizeof made))
				break; /* not in this build */
			assert_true(is(span_str(made), span_of(password, len)));
		}
	}
}

/* --- what is refused --------------------------------------------------------------------- */

static const struct {
	const char *hash, *why; /* words in it; NULL: it is taken */
} refusals[] = {
	{"", "is empty"},
	{"secret", "is plain text"},
	{"*", "is plain text"},
	{"x$6$", "is plain text"},
	{"abcdefghijklm", "is DES"},
	{"abcdefghijkl:", "is plain text"},
	{"{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=", "checksum"},
	{"{PLAIN}secret", "checksum"},
	{"$", "does not know"},
	{"$6", "does not know"},
	{"$2x$05$abcdefghijklmnopqrstuuabcdefghijklmnopqrstuvwxyz01234", "does not know"},
	{"$3$$878d8014606cda29677a44efa1353fc7", "does not know"},
	{"$md5,rounds=86830$y.iP.2QM$$iwCk7/i7LOxOXa/PKAqAG0", "does not know"},
	{"$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA", "does not know"},
	{"$APR1$salt$MVjX33ozsQ7p7OnljxODO1", "does not know"},
	/* lengths and characters */
	{"$5$", "SHA-256-crypt that is cut off"},
	{"$6$salt", "SHA-512-crypt that is cut off"},
	{"$6$salt$", "SHA-512-crypt that is cut off"},
	{"$5$salt$EHYW.LHILWR6p..YTmk0WjzIriSl.sGw9FRfhH/GRhgLbnPx1ShpiLkQphlHNev5YKrT1GN.NPFcPg5ybx.2q/", "SHA-256-crypt that is cut off"},
	{"$6$salt$rj3h7T..9Gau5/Q8rIUKW9QAFHin8a14mtfiJMRC1QD", "SHA-512-crypt that is cut off"},
	{"$5$0123456789abcdefg$rj3h7T..9Gau5/Q8rIUKW9QAFHin8a14mtfiJMRC1QD", "SHA-256-crypt that is cut off"},
	{"$5$sa:t$rj3h7T..9Gau5/Q8rIUKW9QAFHin8a14mtfiJMRC1QD", "SHA-256-crypt that is cut off"},
	{"$5$sa t$rj3h7T..9Gau5/Q8rIUKW9QAFHin8a14mtfiJMRC1QD", "SHA-256-crypt that is cut off"},
	{"$5$s\303\244t$rj3h7T..9Gau5/Q8rIUKW9QAFHin8a14mtfiJMRC1QD", "SHA-256-crypt that is cut off"},
	{"$5$sa!t$rj3h7T..9Gau5/Q8rIUKW9QAFHin8a14mtfiJMRC1QD", NULL},
	{"$5$$rj3h7T..9Gau5/Q8rIUKW9QAFHin8a14mtfiJMRC1QD", NULL},
	{"$apr1$123456789$MVjX33ozsQ7p7OnljxODO1", "$apr1$ that is cut off"},
	{"$apr1$$MVjX33ozsQ7p7OnljxODO1", NULL},
	{"$1$salt$WnpH56LdXTU22S4H.kuWD/=", "MD5-crypt that is cut off"},
	{"$1$salt$$WnpH56LdXTU22S4H.kuWD/", "MD5-crypt that is cut off"},
	/* rounds */
	{"$5$rounds=$salt$rj3h7T..9Gau5/Q8rIUKW9QAFHin8a14mtfiJMRC1QD", "SHA-256-crypt that is cut off"},
	{"$5$rounds=-1$salt$rj3h7T..9Gau5/Q8rIUKW9QAFHin8a14mtfiJMRC1QD", "SHA-256-crypt that is cut off"},
	{"$5$rounds=1e3$salt$rj3h7T..9Gau5/Q8rIUKW9QAFHin8a14mtfiJMRC1QD", "SHA-256-crypt that is cut off"},
	{"$5$rounds=1000", "SHA-256-crypt that is cut off"},
	{"$5$rounds=0$salt$rj3h7T..9Gau5/Q8rIUKW9QAFHin8a14mtfiJMRC1QD", NULL},
	{"$5$rounds=1000000$salt$rj3h7T..9Gau5/Q8rIUKW9QAFHin8a14mtfiJMRC1QD", NULL},
	{"$5$rounds=1000001$salt$rj3h7T..9Gau5/Q8rIUKW9QAFHin8a14mtfiJMRC1QD", "SHA-256-crypt that takes too long"},
	{"$6$rounds=999999999$salt$EHYW.LHILWR6p..YTmk0WjzIriSl.sGw9FRfhH/GRhgLbnPx1ShpiLkQphlHNev5YKrT1GN.NPFcPg5ybx.2q/", "SHA-512-crypt that takes too long"},
	{"$6$rounds=18446744073709551617$salt$EHYW.LHILWR6p..YTmk0WjzIriSl.sGw9FRfhH/GRhgLbnPx1ShpiLkQphlHNev5YKrT1GN.NPFcPg5ybx.2q/", "SHA-512-crypt that takes too long"},
	{"$6$rounds=4294968296$salt$EHYW.LHILWR6p..YTmk0WjzIriSl.sGw9FRfhH/GRhgLbnPx1ShpiLkQphlHNev5YKrT1GN.NPFcPg5ybx.2q/", "SHA-512-crypt that takes too long"},
	/* others */
	{"$2b$03$abcdefghijklmnopqrstuuabcdefghijklmnopqrstuvwxyz01234", "bcrypt that is cut off"},
	{"$2b$4$abcdefghijklmnopqrstuuabcdefghijklmnopqrstuvwxyz012345", "bcrypt that is cut off"},
	{"$2b$04$abcdefghijklmnopqrstuuabcdefghijklmnopqrstuvwxyz0123", "bcrypt that is cut off"},
	{"$2b$04$abcdefghijklmnopqrstuuabcdefghijklmnopqrstuvwxyz0123$", "bcrypt that is cut off"},
	{"$2y$15$abcdefghijklmnopqrstuuabcdefghijklmnopqrstuvwxyz01234", "bcrypt that takes too long"},
	{"$2a$31$abcdefghijklmnopqrstuuabcdefghijklmnopqrstuvwxyz01234", "bcrypt that takes too long"},
	{"$2a$99$abcdefghijklmnopqrstuuabcdefghijklmnopqrstuvwxyz01234", "bcrypt that takes too long"},
	{"$y$jBT$salt$rj3h7T..9Gau5/Q8rIUKW9QAFHin8a14mtfiJMRC1QD", "yescrypt that takes too long"},
	{"$y$jjj$salt$rj3h7T..9Gau5/Q8rIUKW9QAFHin8a14mtfiJMRC1QD", "yescrypt that takes too long"},
	{"$y$jzT$salt$rj3h7T..9Gau5/Q8rIUKW9QAFHin8a14mtfiJMRC1QD", "yescrypt that is cut off"},
	{"$y$j$salt$rj3h7T..9Gau5/Q8rIUKW9QAFHin8a14mtfiJMRC1QD", "yescrypt that is cut off"},
	{"$y$j9T/$salt$rj3h7T..9Gau5/Q8rIUKW9QAFHin8a14mtfiJMRC1QD", "yescrypt that is cut off"},
	{"$y$.9T$salt$rj3h7T..9Gau5/Q8rIUKW9QAFHin8a14mtfiJMRC1QD", "yescrypt that is cut off"},
	{"$y$j9T$salt", "yescrypt that is cut off"},
	{"$gy$jBT$salt$rj3h7T..9Gau5/Q8rIUKW9QAFHin8a14mtfiJMRC1QD", "gost-yescrypt that takes too long"},
	{"$7$CU..../....salt$rj3h7T..9Gau5/Q8rIUKW9QAFHin8a14mtfiJMRC1QD", "scrypt that takes too long"},
	{"$7$BV..../....salt$rj3h7T..9Gau5/Q8rIUKW9QAFHin8a14mtfiJMRC1QD", "scrypt that takes too long"},
	{"$7$C...../....salt$rj3h7T..9Gau5/Q8rIUKW9QAFHin8a14mtfiJMRC1QD", "scrypt that takes too long"},
	{"$7$BU....0....salt$rj3h7T..9Gau5/Q8rIUKW9QAFHin8a14mtfiJMRC1QD", "scrypt that takes too long"},
	{"$7$zzzzzz/....salt$rj3h7T..9Gau5/Q8rIUKW9QAFHin8a14mtfiJMRC1QD", "scrypt that takes too long"},
	{"$7$CU..../...", "scrypt that is cut off"},
};

static void refuses_with_reasons(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(refusals); i++) {
		const char *why = why_not(span_str(refusals[i].hash));

		if (!why != !refusals[i].why || (why && !strstr(why, refusals[i].why)))
			fail_msg("%s %s", refusals[i].hash, why ? why : "is taken");
		if (why) {
			assert_false(is(span_str(refusals[i].hash), SPAN("")));
			assert_false(is(span_str(refusals[i].hash), span_str(refusals[i].hash)));
		}
	}
}

/* What is refused is refused at once: this would take a day. */
static void refuses_without_computing(void **state)
{
	int64_t since = platform_now();

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		assert_false(is(SPAN("$6$rounds=999999999$salt$EHYW.LHILWR6p..YTmk0WjzIriSl.sGw9FRfhH/GRhgLbnPx1ShpiLkQphlHNev5YKrT1GN.NPFcPg5ybx.2q/"), SPAN("word")));
	assert_true(platform_now() - since < 5000);
}

static void tells_what_memory_it_takes(void **state)
{
	static const struct {
		const char *hash;
		unsigned kilobytes;
	} hashes[] = {
		{"$y$j75$.f5axd4nqexWSoMwSt4I31$/PVA6dNWY1xriL9fnzcGknbBERfeaOMiJp/EqPJjLdA", 1024},
		{"$y$j9T$rxx7PrDqbKlW4I9XEu5Y9.$I7QKqlgYd5M2aCDzs2Z1miPRkUj6gwwl7V6yvHEMy5/", 16384},
		{"$gy$jAT$salt$rj3h7T..9Gau5/Q8rIUKW9QAFHin8a14mtfiJMRC1QD", 32768},
		{"$7$BU..../....OtpWzc1iDzTbxspmNec8g0$L1EUtqjMsPIE5tfoIbb4AglutAUudJgr9lyenZriBx.", 32768},
		{"$y$jBT$salt$rj3h7T..9Gau5/Q8rIUKW9QAFHin8a14mtfiJMRC1QD", 0}, /* is not taken */
		{"$2b$05$eA9nfPzh7gy/YYji6k9HdeVrKLbKv0zRPalAF7wwTlnSE9ZFWooXi", 0},
		{"$5$saltsalt$oXvcmaK1kDzQR5gamdTCqsNgTkoWx4BGRZMsCV03t79", 0},
		{"", 0}, {"secret", 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(hashes); i++)
		assert_int_equal(password_memory(span_str(hashes[i].hash)), (uint64_t)hashes[i].kilobytes * 1024);
}

/* In a process that may have no more memory: that is not the same as wrong. */
static void too_little_memory_is_not_wrong(void **state)
{
	static const struct span hash = {"$y$j9T$rxx7PrDqbKlW4I9XEu5Y9.$I7QKqlgYd5M2aCDzs2Z1miPRkUj6gwwl7V6yvHEMy5/", 73};
	char room[64];
	struct text how = text_in(room, sizeof room);
	long pid, ended;

	(void)state;
	if (!platform_crypt_knows("$y$"))
		return; /* not in this build */
	assert_int_equal(password_look(hash, SPAN("from mkpasswd")), PASSWORD_RIGHT);
	assert_int_equal(password_look(hash, SPAN("x")), PASSWORD_WRONG);
	pid = platform_fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct rlimit none = {0, 0};

		setrlimit(RLIMIT_AS, &none);
		_exit(password_look(hash, SPAN("from mkpasswd")) == PASSWORD_FAILED ? 0 : 1);
	}
	while (!platform_reap(&ended, &how))
		platform_poll(NULL, 0, 1);
	assert_true(span_is(text_span(&how), SPAN("exit status 0")));
}

static void long_hashes(void **state)
{
	static const char *const begins[] = {"$y$j75$", "$gy$j75$", "$7$26..../....", "$6$", "$2b$04$", "{SHA}", "a"};
	char room[2 * PASSWORD_HASH];

	(void)state;
	memset(room, 'a', sizeof room);
	for (size_t i = 0; i < COUNT(begins); i++) {
		memcpy(room, begins[i], strlen(begins[i]));
		for (size_t len = 100; len <= sizeof room; len++) {
			assert_non_null(why_not(span_of(room, len)));
			assert_false(is(span_of(room, len), SPAN("a")));
		}
	}
}

/* A salt as long as it may be; one more is not taken. */
static void long_salts(void **state)
{
	char room[PASSWORD_HASH + 64];

	(void)state;
	for (unsigned n = 86; n <= 87; n++) {
		struct text t = text_in(room, sizeof room);
		const char *why;

		text_lit(&t, "$y$j75$");
		for (unsigned i = 0; i < n; i++)
			text_char(&t, 'a');
		text_lit(&t, "$rj3h7T..9Gau5/Q8rIUKW9QAFHin8a14mtfiJMRC1QD");
		why = why_not(text_span(&t));
		assert_true(n == 87 ? why && strstr(why, "cut off") : !why || strstr(why, "no crypt(3)"));
		assert_false(is(text_span(&t), SPAN("a")));
	}
}

static void passwords_that_are_none(void **state)
{
	char room[PASSWORD_MOST + 1];

	(void)state;
	memset(room, 'a', sizeof room);
	assert_true(is(SPAN("$6$salt$jbI7Hm0yvoiwb2BXLc/nEAhahYxrcJbOJhL8LBb4CQmxeBjJ8zEInPJhyPJD2CCVIcwKK1jQGr98sIBEclutG1"), span_of(room, PASSWORD_MOST)));
	assert_false(is(SPAN("$6$salt$jbI7Hm0yvoiwb2BXLc/nEAhahYxrcJbOJhL8LBb4CQmxeBjJ8zEInPJhyPJD2CCVIcwKK1jQGr98sIBEclutG1"), span_of(room, PASSWORD_MOST + 1)));
	assert_true(is(SPAN("$apr1$salt$MVjX33ozsQ7p7OnljxODO1"), SPAN("word")));
	assert_false(is(SPAN("$apr1$salt$MVjX33ozsQ7p7OnljxODO1"), SPAN("word\0")));
	assert_false(is(SPAN("$apr1$salt$MVjX33ozsQ7p7OnljxODO1"), SPAN("word\0x")));
	assert_false(is(SPAN("$apr1$salt$MVjX33ozsQ7p7OnljxODO1"), SPAN("\0")));
	assert_false(is(SPAN("$apr1$salt$MVjX33ozsQ7p7OnljxODO1"), SPAN("")));
	assert_false(password_is(SPAN("$apr1$salt$MVjX33ozsQ7p7OnljxODO1"), span_of(NULL, 0)));
}

/* --- making ---------------------------------------------------------------------------- */

static const unsigned char salt[16] = {0xff, 0x00, 0x7f, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13};

static void make(struct text *hash, struct span password, const unsigned char with[16])
{
	struct span p = block_of(password);

	assert_true(password_make(hash, p, with));
	block_free(p);
}

static void makes_what_it_takes(void **state)
{
	static const char *const passwords[] = {"a", "p\303\244ssw\303\266rd; b:c=d"};
	char room[PASSWORD_HASH];

	(void)state;
	for (size_t i = 0; i < COUNT(passwords); i++) {
		struct text hash = text_in(room, sizeof room);

		make(&hash, span_str(passwords[i]), salt);
		assert_null(why_not(text_span(&hash)));
		assert_true(is(text_span(&hash), span_str(passwords[i])));
		assert_nearly_wrong(text_span(&hash), span_str(passwords[i]));
		assert_true(span_starts(text_span(&hash), platform_crypt_knows("$2b$") ? SPAN("$2b$10$") : SPAN("$6$rounds=50000$")));
	}
}

/* bcrypt would see 72 bytes of it, and take any end. */
static void no_byte_of_a_long_password_is_lost(void **state)
{
	static const size_t lengths[] = {71, 72, 73, 254, 255};
	char room[PASSWORD_HASH], password[PASSWORD_MOST];

	(void)state;
	memset(password, 'p', sizeof password);
	for (size_t i = 0; i < COUNT(lengths); i++) {
		struct text hash = text_in(room, sizeof room);

		make(&hash, span_of(password, lengths[i]), salt);
		assert_true(is(text_span(&hash), span_of(password, lengths[i])));
		assert_nearly_wrong(text_span(&hash), span_of(password, lengths[i]));
	}
}

/* Not what others made of a longer one either: there is one spelling of a password. */
static void bcrypt_has_one_spelling(void **state)
{
	static const char setting[] = "$2b$04$abcdefghijklmnopqrstuu";
	char made[PASSWORD_HASH], password[PASSWORD_MOST + 1];

	(void)state;
	memset(password, 'p', PASSWORD_MOST);
	password[PASSWORD_MOST] = 0;
	if (!platform_crypt(password, setting, made, sizeof made))
		return; /* not in this build */
	for (size_t len = 70; len <= PASSWORD_MOST; len++)
		assert_true(is(span_str(made), span_of(password, len)) == (len == 72));
}

/* With a short password and with one that bcrypt is too short for. */
static void each_byte_of_salt_counts(void **state)
{
	char rooms[2][PASSWORD_HASH], password[80];
	unsigned char other[16];

	(void)state;
	memset(password, 'p', sizeof password);
	for (size_t len = 8; len <= sizeof password; len += 72) {
		for (size_t i = 0; i < sizeof other; i += 5) {
			struct text a = text_in(rooms[0], sizeof rooms[0]), b = text_in(rooms[1], sizeof rooms[1]);

			memcpy(other, salt, sizeof other);
			other[i] ^= 1;
			make(&a, span_of(password, len), salt);
			make(&b, span_of(password, len), other);
			assert_false(span_is(text_span(&a), text_span(&b)));
			assert_true(is(text_span(&b), span_of(password, len)));
		}
	}
}

static void makes_nothing_of_nothing(void **state)
{
	char room[PASSWORD_HASH], password[PASSWORD_MOST + 1];
	struct text hash = text_in(room, sizeof room), small = block_text(59);

	(void)state;
	memset(password, 'p', sizeof password);
	assert_false(password_make(&hash, SPAN(""), salt));
	assert_false(password_make(&hash, SPAN("a\0b"), salt));
	assert_false(password_make(&hash, span_of(password, sizeof password), salt));
	assert_int_equal(hash.len, 0);
	assert_false(password_make(&small, SPAN("secret"), salt));
	free(small.at);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_what_others_made),
		cmocka_unit_test(takes_what_crypt_knows),
		cmocka_unit_test(a_changed_hash_is_another),
		cmocka_unit_test(agrees_with_crypt),
		cmocka_unit_test(refuses_with_reasons),
		cmocka_unit_test(refuses_without_computing),
		cmocka_unit_test(tells_what_memory_it_takes),
		cmocka_unit_test(too_little_memory_is_not_wrong),
		cmocka_unit_test(long_hashes),
		cmocka_unit_test(long_salts),
		cmocka_unit_test(passwords_that_are_none),
		cmocka_unit_test(makes_what_it_takes),
		cmocka_unit_test(no_byte_of_a_long_password_is_lost),
		cmocka_unit_test(bcrypt_has_one_spelling),
		cmocka_unit_test(each_byte_of_salt_counts),
		cmocka_unit_test(makes_nothing_of_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

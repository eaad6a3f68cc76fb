/* SPDX-License-Identifier: MIT
 *
 * password - any bytes as a hash, and what follows the first line end as a
 * password. What is refused has no password and costs nothing; what is taken and
 * is cheap is computed, and answers the same twice.
 */
#include "../../src/password.h"
#include "check.h"

/* Would the one who fuzzes wait for it? crypt(3) is not ours to test. */
static bool is_cheap(struct span hash)
{
	uint64_t rounds = 5000;
	struct span rest = span_of(hash.at + 3, hash.len - 3), digits;

	if (span_starts(hash, SPAN("$1$")) || span_starts(hash, SPAN("$apr1$")))
		return true;
	if (!span_starts(hash, SPAN("$5$")) && !span_starts(hash, SPAN("$6$")))
		return false;
	if (span_starts(rest, SPAN("rounds="))) {
		rest = span_of(rest.at + 7, rest.len - 7);
		digits = span_cut(&rest, '$');
		CHECK(span_number(digits, &rounds));
	}
	return rounds <= 5000;
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct span password = span_of((const char *)at, len), hash = span_cut(&password, '\n');
	char *copy = malloc(hash.len + 1), *word = malloc(password.len + 1);
	const char *why;
	bool right;

	CHECK(copy && word);
	memcpy(copy, hash.at, hash.len);
	if (password.len)
		memcpy(word, password.at, password.len);
	hash = span_of(copy, hash.len);
	password = span_of(word, password.len);
	why = password_refuse(hash);
	CHECK(!why || (why[0] && !strchr(why, '\n')));
	if (why) {
		CHECK(!password_is(hash, password));
	} else if (is_cheap(hash)) {
		CHECK(hash.len < PASSWORD_HASH);
		right = password_is(hash, password);
		CHECK(right == password_is(hash, password));
		CHECK(!right || (password.len <= PASSWORD_MOST && (password.len == 0 || !memchr(word, 0, password.len))));
	}
	free(copy);
	free(word);
	return 0;
}

/* SPDX-License-Identifier: MIT
 *
 * passwd - how does a user get a line for [users]?
 */
#include "passwd.h"
#include "auth.h"
#include "password.h"
#include "../platform/platform.h"

enum {
	NAME_MOST = 49,  /* a key of the configuration has no more */
	TYPED_MOST = 1024 /* to tell that it is too long, it must be read */
};

const char *passwd_name(struct span name)
{
	const char *why = auth_refuse_name(name);

	if (why)
		return why;
	if (name.len > NAME_MOST)
		return "is too long: a name has at most 49 bytes";
	if (strchr("/[;#", name.at[0]))
		return "begins with a character that means something else in a configuration (/ [ ; #)";
	for (size_t i = 0; i < name.len; i++)
		if (span_is_blank(name.at[i]) || name.at[i] == '=')
			return "has a blank or a '=' in it";
	return NULL;
}

/* --- asking ------------------------------------------------------------------------ */

static const char *check(struct span password)
{
	if (password.len == 0)
		return "an empty password is none";
	if (password.len > PASSWORD_MOST)
		return "the password is too long: at most 255 bytes";
	if (memchr(password.at, 0, password.len))
		return "the password has a zero byte in it";
	return NULL;
}

/* prompt: "password for ", then the name. */
static const char *ask_once(char typed[TYPED_MOST], struct span *password, const char *prompt, struct span name)
{
	char room[32 + NAME_MOST];
	struct text t = text_in(room, sizeof room);
	long len;

	text_str(&t, prompt);
	text_span_add(&t, name);
	text_add(&t, ": ", 3); /* with its zero */
	len = t.full ? PLATFORM_BROKEN : platform_ask(room, typed, TYPED_MOST);
	if (len < 0)
		return "no password was given";
	*password = span_of(typed, (size_t)len);
	return NULL;
}

static const char *ask(char typed[2][TYPED_MOST], struct span *password, struct span name)
{
	const char *why = ask_once(typed[0], password, "password for ", name);
	struct span again;

	if (!why)
		why = check(*password);
	if (why || !platform_has_terminal())
		return why;
	why = ask_once(typed[1], &again, "once more for ", name);
	if (why || span_is(*password, again))
		return why;
	return "the two are not the same";
}

const char *passwd_line(struct text *line, struct span name, bool *mistake)
{
	char typed[2][TYPED_MOST];
	unsigned char salt[16];
	struct span password;
	const char *why = ask(typed, &password, name);

	*mistake = why != NULL;
	if (!why && !platform_random(salt, sizeof salt))
		why = "there are no random numbers to make the salt of";
	if (!why) {
		text_span_add(line, name);
		text_lit(line, " = ");
		if (!password_make(line, password, salt) || line->full)
			why = "no hash can be made";
	}
	span_wipe(typed, sizeof typed);
	return why;
}

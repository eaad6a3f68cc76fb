/* SPDX-License-Identifier: MIT
 *
 * config_made - a configuration for a test, or what was said against it.
 */
#ifndef CONFIG_MADE_H
#define CONFIG_MADE_H

#include "../../src/config.h"
#include "block.h"

/* Messages, one a line. */
struct said {
	struct text text;
	char room[65536];
};

static inline void said_add(void *user, const char *message)
{
	struct said *s = user;

	text_str(&s->text, message);
	text_char(&s->text, '\n');
}

static inline struct config *config_made(struct said *s, const char *text)
{
	struct span block = block_of(span_str(text));
	struct config *c;

	s->text = text_in(s->room, sizeof s->room);
	c = config_text("f", block, said_add, s);
	block_free(block); /* nothing of it may be looked at any more */
	return c;
}

/* For one that must be right. */
static inline struct config *config_right(const char *text)
{
	static struct said said;
	struct config *c = config_made(&said, text);

	if (!c)
		fail_msg("%.*s", (int)said.text.len, said.text.at);
	return c;
}

/* What must be refused, each with all of these words. */
struct config_mistake {
	const char *text, *said;
};

static inline void config_refuses(const struct config_mistake *rows, size_t count)
{
	static struct said said;

	for (size_t i = 0; i < count; i++) {
		assert_null(config_made(&said, rows[i].text));
		block_same(text_span(&said.text), rows[i].said, rows[i].text);
	}
}

#endif

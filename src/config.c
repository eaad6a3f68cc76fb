/* SPDX-License-Identifier: MIT
 *
 * config - what did the user ask for?
 *
 * Reads, drafts and builds, in this order; a fault anywhere lets the rest run,
 * so that all of them are told in one go, and then there is no configuration.
 */
#include "config.h"
#include "config_build.h"
#include "config_files.h"
#include "../platform/platform.h"
#include <stdlib.h>

enum {
	/* A target takes nine bytes at least ("http://a "), so that all numbers of
	 * routes, servers and targets stay within 16 bits. */
	CONFIG_TEXT = 256 * 1024,
	CONFIG_MEMORY = 32 * 1024 * 1024
};

struct source {
	const char *file;      /* NULL: words */
	struct span text;
	int count;
	char *const *words;    /* they live as long as the program */
};

static struct config *finish(struct arena *a, struct faults *f, struct config *c, config_say *say, void *user)
{
	struct faults *heard = ARENA_NEW(a, struct faults);

	*heard = *f;
	fault_say(f, say, user);
	if (f->count) {
		arena_close(a);
		return NULL;
	}
	c->file = f->file ? f->file : "the command line";
	c->warnings = f->warnings;
	c->heard = heard;
	c->arena = a;
	return c;
}

/* In the arena, for config_again. */
static const struct source *keep(struct arena *a, const struct source *from)
{
	struct source *kept = ARENA_NEW(a, struct source);

	*kept = *from;
	if (from->file) {
		kept->file = arena_span(a, span_str(from->file)).at;
		kept->text = arena_span(a, from->text);
	}
	return kept;
}

static struct config *make(const struct source *given, config_say *say, void *user)
{
	struct arena *a = arena_open(CONFIG_MEMORY);
	struct faults f = {.arena = a};
	const struct source *from;
	struct config *c;
	struct draft d;

	if (!a) {
		say(user, "gateway: not enough memory for the configuration");
		return NULL;
	}
	if (setjmp(a->none)) {
		say(user, "gateway: not enough memory for the configuration");
		arena_close(a);
		return NULL;
	}
	from = keep(a, given);
	f.file = from->file;
	draft_init(&d, &f);
	if (from->file)
		draft_text(&d, from->text);
	else
		draft_words(&d, from->count, from->words);
	c = build_config(&d);
	c->source = from;
	return finish(a, &f, c, say, user);
}

struct config *config_again(const struct config *c, config_say *say, void *user)
{
	return make(c->source, say, user);
}

size_t config_news(const struct config *c, const struct config *before, config_say *say, void *user)
{
	return fault_news(c->heard, before->heard, files_clock(), say, user);
}

struct config *config_text(const char *file, struct span text, config_say *say, void *user)
{
	struct source from = {.file = file, .text = text};

	return make(&from, say, user);
}

static void say_file(config_say *say, void *user, const char *file, const char *why)
{
	fault_tell(say, user, "gateway: cannot read %s: %s", file, why);
}

struct config *config_load(const char *file, config_say *say, void *user)
{
	char *text = malloc(CONFIG_TEXT + 1);
	long len = text ? platform_read_given(file, text, CONFIG_TEXT + 1) : 0;
	struct config *c = NULL;

	if (!text)
		say_file(say, user, file, "out of memory");
	else if (len < 0)
		say_file(say, user, file, platform_why());
	else if (len > CONFIG_TEXT)
		say_file(say, user, file, "a configuration has at most 256 KB");
	else
		c = config_text(file, span_of(text, (size_t)len), say, user);
	free(text);
	return c;
}

struct config *config_words(int count, char **words, config_say *say, void *user)
{
	struct source from = {.count = count, .words = words};
	size_t len = 0;

	for (int i = 0; i < count; i++)
		len += strlen(words[i]);
	if (len > CONFIG_TEXT) {
		say_file(say, user, "the command line", "more than 256 KB");
		return NULL;
	}
	return make(&from, say, user);
}

void config_free(struct config *c)
{
	if (c)
		arena_close(c->arena);
}

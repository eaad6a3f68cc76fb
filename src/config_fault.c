/* SPDX-License-Identifier: MIT
 *
 * fault - what is wrong with this configuration, and where?
 *
 * Faults are found in several passes and told by line.
 */
#include "config_fault.h"
#include <stdarg.h>
#include <stdio.h>

enum { FAULTS_SHOWN = 100, FAULT_TEXT = 512 };

struct fault {
	struct fault *next;
	int line;
	struct span text;
};

static void add(struct faults *f, int line, struct span text)
{
	struct fault *new = ARENA_NEW(f->arena, struct fault);
	struct fault **at = &f->first;

	for (; *at && (*at)->line <= line; at = &(*at)->next)
		if ((*at)->line == line && span_is((*at)->text, text))
			return;
	new->line = line;
	new->text = arena_span(f->arena, text);
	new->next = *at;
	*at = new;
}

/* What a word holds must not move a terminal's cursor. */
static size_t clean(char *at, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)at[i] < ' ' || at[i] == 0x7f)
			at[i] = '?';
	return len;
}

void fault_at(struct faults *f, int line, const char *format, ...)
{
	char text[FAULT_TEXT];
	va_list list;
	int n;

	if (f->count++ >= FAULTS_SHOWN)
		return;
	va_start(list, format);
	n = vsnprintf(text, sizeof text, format, list);
	va_end(list);
	add(f, line, span_of(text, clean(text, n < 0 ? 0 : (size_t)n < sizeof text ? (size_t)n : sizeof text - 1)));
}

void fault_say(const struct faults *f, void (*say)(void *user, const char *message), void *user)
{
	char line[FAULT_TEXT + 1024];

	for (const struct fault *i = f->first; i; i = i->next) {
		if (!f->file && i->line)
			snprintf(line, sizeof line, "word %d: %s", i->line, i->text.at);
		else if (!f->file)
			snprintf(line, sizeof line, "%s", i->text.at);
		else if (i->line)
			snprintf(line, sizeof line, "%s:%d: %s", f->file, i->line, i->text.at);
		else
			snprintf(line, sizeof line, "%s: %s", f->file, i->text.at);
		say(user, line);
	}
	if (f->count > FAULTS_SHOWN) {
		snprintf(line, sizeof line, "%s: %zu more mistakes are not shown", f->file ? f->file : "gateway", f->count - FAULTS_SHOWN);
		say(user, line);
	}
}

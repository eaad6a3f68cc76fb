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

/* False: it has been told already. */
static bool add(struct faults *f, int line, struct span text)
{
	struct fault *new = ARENA_NEW(f->arena, struct fault);
	struct fault **at = &f->first;

	for (; *at && (*at)->line <= line; at = &(*at)->next)
		if ((*at)->line == line && span_is((*at)->text, text))
			return false;
	new->line = line;
	new->text = arena_span(f->arena, text);
	new->next = *at;
	*at = new;
	return true;
}

/* What a word holds must not move a terminal's cursor. */
static struct span clean(char *at, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)at[i] < ' ' || at[i] == 0x7f)
			at[i] = '?';
	return span_of(at, len);
}

static struct span compose(char *at, size_t size, const char *format, va_list list)
{
	int n = vsnprintf(at, size, format, list);

	return clean(at, n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1);
}

void fault_at(struct faults *f, int line, const char *format, ...)
{
	char text[FAULT_TEXT];
	va_list list;

	if (f->count++ >= FAULTS_SHOWN)
		return;
	va_start(list, format);
	add(f, line, compose(text, sizeof text, format, list));
	va_end(list);
}

void fault_warn(struct faults *f, int line, const char *format, ...)
{
	char text[FAULT_TEXT] = "warning: ";
	size_t mark = strlen(text);
	va_list list;

	if (f->warnings >= FAULTS_SHOWN)
		return;
	va_start(list, format);
	compose(text + mark, sizeof text - mark, format, list);
	va_end(list);
	f->warnings += add(f, line, span_str(text));
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

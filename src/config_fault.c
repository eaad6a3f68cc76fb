/* SPDX-License-Identifier: MIT
 *
 * fault - what is wrong with this configuration, and where?
 *
 * Faults are found in several passes and told by line.
 */
#include "config_fault.h"

enum { FAULTS_SHOWN = 100, FAULT_TEXT = 512, FAULT_LINE = FAULT_TEXT + 1024, DAY = 86400 };

struct fault {
	struct fault *next;
	int line;
	struct span text;
	size_t same; /* bytes of text that are the same when it is told again; the others may be */
	const struct dated *dated; /* it is about the days of this one; NULL */
};

/* NULL: it has been told already. */
static struct fault *add(struct faults *f, int line, struct span text)
{
	struct fault *new = ARENA_NEW(f->arena, struct fault);
	struct fault **at = &f->first;

	for (; *at && (*at)->line <= line; at = &(*at)->next)
		if ((*at)->line == line && span_is((*at)->text, text))
			return NULL;
	new->line = line;
	new->text = arena_span(f->arena, text);
	new->same = text.len;
	new->next = *at;
	*at = new;
	return new;
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
	struct text t = text_in(at, size - 1);

	text_values(&t, format, list);
	return clean(at, t.len);
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

static struct fault *warn(struct faults *f, int line, struct span what, struct span more)
{
	char room[FAULT_TEXT];
	struct text text = text_in(room, sizeof room - 1);
	struct fault *new;

	if (f->warnings >= FAULTS_SHOWN)
		return NULL;
	text_lit(&text, "warning: ");
	text_add(&text, what.at, what.len < text.size - text.len ? what.len : text.size - text.len);
	text_add(&text, more.at, more.len < text.size - text.len ? more.len : text.size - text.len);
	new = add(f, line, clean(room, text.len));
	if (!new)
		return NULL;
	f->warnings++;
	new->same = text.len - (more.len < text.len ? more.len : text.len);
	return new;
}

void fault_warn(struct faults *f, int line, const char *format, ...)
{
	char text[FAULT_TEXT];
	va_list list;

	va_start(list, format);
	warn(f, line, compose(text, sizeof text, format, list), SPAN(""));
	va_end(list);
}

void fault_warn_of(struct faults *f, int line, struct span more, const char *format, ...)
{
	char text[FAULT_TEXT];
	va_list list;

	va_start(list, format);
	warn(f, line, compose(text, sizeof text, format, list), more);
	va_end(list);
}

static void warn_days(struct faults *f, const struct dated *d, int64_t now)
{
	char room[80];
	struct text more = text_in(room, sizeof room);
	struct fault *new;

	if (d->until < now)
		text_format(&more, " has expired %lld days ago", (long long)((now - d->until) / DAY));
	else if (d->from > now)
		text_format(&more, " is not valid yet, but in %lld days", (long long)((d->from - now + DAY - 1) / DAY));
	else
		return;
	new = warn(f, d->line, d->what, text_span(&more));
	if (new)
		new->dated = d;
}

void fault_days(struct faults *f, int line, const struct dated *d, int64_t now, const char *format, ...)
{
	struct dated *kept = ARENA_NEW(f->arena, struct dated);
	char text[FAULT_TEXT];
	va_list list;

	*kept = *d;
	va_start(list, format);
	kept->what = arena_span(f->arena, compose(text, sizeof text, format, list));
	va_end(list);
	kept->line = line;
	kept->next = f->dated;
	f->dated = kept;
	warn_days(f, kept, now);
}

void fault_tell(void (*say)(void *user, const char *message), void *user, const char *format, ...)
{
	char line[FAULT_LINE];
	struct text t = text_in(line, sizeof line - 1);
	va_list list;

	va_start(list, format);
	text_values(&t, format, list);
	va_end(list);
	line[t.len] = 0;
	say(user, line);
}

static void say_one(const struct faults *f, const struct fault *i, void (*say)(void *user, const char *message), void *user)
{
	if (!f->file && i->line)
		fault_tell(say, user, "word %d: %s", i->line, i->text.at);
	else if (!f->file)
		say(user, i->text.at);
	else if (i->line)
		fault_tell(say, user, "%s:%d: %s", f->file, i->line, i->text.at);
	else
		fault_tell(say, user, "%s: %s", f->file, i->text.at);
}

void fault_say(const struct faults *f, void (*say)(void *user, const char *message), void *user)
{
	for (const struct fault *i = f->first; i; i = i->next)
		say_one(f, i, say, user);
	if (f->count > FAULTS_SHOWN)
		fault_tell(say, user, "%s: %zu more mistakes are not shown", f->file ? f->file : "gateway", f->count - FAULTS_SHOWN);
}

/* --- compared with what was told before -------------------------------------- */

static bool was_good(const struct dated *before, const struct dated *d, int64_t now)
{
	while (before && (before->line != d->line || !span_is(before->what, d->what)))
		before = before->next;
	return !before || (before->from <= now && now <= before->until);
}

static bool was_told(const struct fault *before, const struct fault *i)
{
	struct span text = span_of(i->text.at, i->same);

	while (before && (before->line != i->line || !span_is(span_of(before->text.at, before->same), text)))
		before = before->next;
	return before != NULL;
}

size_t fault_news(const struct faults *f, const struct faults *before, int64_t now, void (*say)(void *user, const char *message), void *user)
{
	size_t count = 0;

	for (const struct fault *i = f->first; i; i = i->next) {
		if (i->dated ? !was_good(before->dated, i->dated, now) : was_told(before->first, i))
			continue;
		say_one(f, i, say, user);
		count++;
	}
	return count;
}

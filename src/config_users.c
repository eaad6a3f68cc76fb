/* SPDX-License-Identifier: MIT
 *
 * users - who is in each [users], and what is the hash of their password?
 *
 * Names and hashes stand in the configuration itself, or in files as htpasswd
 * writes them. No message shows what stands in place of a hash: it may be a
 * password.
 */
#include "config_users.h"
#include "auth.h"
#include "config_files.h"
#include <stdlib.h>

/* One [users] while it is read. */
struct reading {
	struct draft *draft;
	struct draft_users *from;
	struct users *made;
};

/* Where something stands: in the configuration, or in a file that it names in this line. */
struct spot {
	int line;
	const char *file; /* NULL: in the configuration */
	int file_line;
};

/* --- one user ------------------------------------------------------------ */

/* "file a.htpasswd:3: ", or nothing for a line of the configuration. */
static const char *show_spot(char *room, size_t size, const struct spot *at)
{
	struct text t = text_in(room, size - 1);

	if (at->file)
		text_format(&t, "file %s:%d: ", at->file, at->file_line);
	room[t.len] = '\0';
	return room;
}

static void add_user(struct reading *r, const struct spot *at, struct span name, struct span hash)
{
	struct faults *f = r->draft->faults;
	struct user *u = &r->made->at[r->made->count];
	char spot[400];
	const char *why = auth_refuse_name(name);

	show_spot(spot, sizeof spot, at);
	if (why) {
		fault_at(f, at->line, "%s'%.*s' %s", spot, SHOW(name), why);
		return;
	}
	why = hash.len ? password_refuse(hash) : "has no hash: 'gateway passwd USER' prints a line with one";
	if (!why && hash.len >= PASSWORD_HASH)
		why = "has a hash that is too long";
	if (why) {
		fault_at(f, at->line, "%s%.*s %s", spot, SHOW(name), why);
		return;
	}
	u->name = arena_span(f->arena, name);
	u->hash = arena_span(f->arena, hash);
	u->file = at->file;
	u->line = at->file ? at->file_line : at->line;
	r->made->count++;
}

static void make_room(struct reading *r, size_t more)
{
	struct user *row = ARENA_ROW(r->draft->faults->arena, struct user, r->made->count + more);

	if (r->made->count)
		memcpy(row, r->made->at, r->made->count * sizeof *row);
	r->made->at = row;
}

/* --- files --------------------------------------------------------------------- */

/* The next line that is neither empty nor a comment. */
static bool next_line(struct span *text, int *number, struct span *line)
{
	while (text->len) {
		*line = span_cut(text, '\n');
		++*number;
		if (*number == 1 && span_starts(*line, SPAN("\xef\xbb\xbf")))
			*line = span_of(line->at + 3, line->len - 3);
		if (line->len && line->at[line->len - 1] == '\r')
			line->len--;
		*line = span_trim(*line);
		if (line->len && line->at[0] != '#')
			return true;
	}
	return false;
}

/* "NAME:HASH"; what stands behind a second colon is a remark. */
static void take_line(struct reading *r, const struct spot *at, struct span line)
{
	struct span name = span_cut(&line, ':');
	char spot[400];

	if (!line.len)
		fault_at(r->draft->faults, at->line, "%sexpected NAME:HASH", show_spot(spot, sizeof spot, at));
	else
		add_user(r, at, name, span_trim(span_cut(&line, ':')));
}

static void take_lines(struct reading *r, int line, const char *path, struct span text)
{
	struct spot at = {.line = line, .file = path};
	struct span rest = text, one;
	size_t count = 0;

	while (next_line(&rest, &at.file_line, &one))
		count++;
	make_room(r, count);
	at.file_line = 0;
	while (next_line(&text, &at.file_line, &one))
		take_line(r, &at, one);
}

/* Its text is there no more, but what another [users] found in it is. */
static bool take_again(struct reading *r, const char *path)
{
	const struct draft_users *other = r->draft->users;
	size_t count = 0;

	for (; other != r->from; other = other->next) {
		for (size_t i = 0; i < other->made.count; i++)
			count += other->made.at[i].file == path;
		if (count)
			break;
	}
	if (!count)
		return false;
	make_room(r, count);
	for (size_t i = 0; i < other->made.count; i++)
		if (other->made.at[i].file == path)
			r->made->at[r->made->count++] = other->made.at[i];
	return true;
}

static bool is_file(const struct draft_user *u)
{
	return span_is(u->name, SPAN("file")) && !span_starts(u->value, SPAN("$"));
}

static void take_file(struct reading *r, const struct draft_user *u)
{
	struct faults *f = r->draft->faults;
	struct file *file;
	struct span text;

	for (const struct draft_user *before = r->from->first; before != u; before = before->next)
		if (is_file(before) && span_is(before->value, u->value)) {
			fault_at(f, u->line, "file %s is already in line %d", u->value.at, before->line);
			return;
		}
	if (!u->value.len) {
		fault_at(f, u->line, "'file' has no value");
		return;
	}
	r->from->filed = true;
	file = files_lines(r->draft, u->value, &text);
	if (file->why)
		fault_at(f, u->line, "file %s %s", file->path, file->why);
	else if (text.len || !take_again(r, file->path))
		take_lines(r, u->line, file->path, text);
	span_wipe((void *)text.at, text.len); /* it will not be read again, and may hold passwords */
}

/* --- one [users] ------------------------------------------------------------------ */

/* Those of one name in the order of their lines, the configuration's first. */
static int by_place(const void *one, const void *other)
{
	const struct user *a = one, *b = other;
	int order = span_order(a->name, b->name);

	if (order)
		return order;
	if (!a->file != !b->file)
		return a->file ? 1 : -1;
	order = a->file ? strcmp(a->file, b->file) : 0;
	return order ? order : a->line < b->line ? -1 : 1;
}

/* The line of the configuration that it comes from. */
static int line_of(const struct draft_users *from, const struct user *u)
{
	if (!u->file)
		return u->line;
	for (const struct draft_user *i = from->first; i; i = i->next)
		if (is_file(i) && strcmp(i->value.at, u->file) == 0)
			return i->line;
	return from->line;
}

static void tell_twice(struct reading *r, const struct user *first, const struct user *again)
{
	struct faults *f = r->draft->faults;
	struct spot at = {line_of(r->from, again), again->file, again->line};
	char spot[400];

	if (first->file && line_of(r->from, first) > at.line) { /* files are not sorted by their turn */
		tell_twice(r, again, first);
		return;
	}
	show_spot(spot, sizeof spot, &at);
	if (!again->file)
		fault_at(f, at.line, "%.*s is already in line %d", SHOW(again->name), first->line);
	else
		fault_at(f, at.line, "%s%.*s is already in %s:%d", spot, SHOW(again->name), first->file ? first->file : f->file, first->line);
}

static void sort(struct reading *r)
{
	struct users *u = r->made;

	if (u->count < 2)
		return;
	qsort(u->at, u->count, sizeof *u->at, by_place);
	for (size_t i = 1; i < u->count; i++)
		if (span_is(u->at[i - 1].name, u->at[i].name))
			tell_twice(r, &u->at[i - 1], &u->at[i]);
}

static struct span cookie_name(struct arena *a, struct span prefix, struct span label)
{
	size_t size = prefix.len + label.len;
	struct text t = text_in(arena_take(a, size + 1), size);

	text_span_add(&t, prefix);
	text_span_add(&t, label);
	return text_span(&t);
}

static void read_users(struct draft *d, struct draft_users *from)
{
	struct reading r = {.draft = d, .from = from, .made = &from->made};
	struct faults *f = d->faults;
	size_t faults = f->count, count = 0;

	from->made.label = from->label.at;
	from->made.line = from->line;
	from->made.cookie = cookie_name(f->arena, SPAN(AUTH_COOKIE), from->label);
	from->made.secure_cookie = cookie_name(f->arena, SPAN(AUTH_COOKIE_SECURE), from->label);
	for (const struct draft_user *u = from->first; u; u = u->next)
		count += !is_file(u);
	make_room(&r, count);
	for (const struct draft_user *u = from->first; u; u = u->next)
		if (!is_file(u))
			add_user(&r, &(struct spot){.line = u->line}, u->name, u->value);
	for (const struct draft_user *u = from->first; u; u = u->next)
		if (is_file(u))
			take_file(&r, u);
	sort(&r);
	if (!from->first && !from->bad)
		fault_at(f, from->line, "[users %s] has nobody in it: 'gateway passwd alice' prints a line for alice, 'file = PATH' names a file",
			 from->label.at);
	from->bad |= f->count > faults;
}

/* --- all of them -------------------------------------------------------------------- */

void users_read(struct draft *d, struct config *c)
{
	size_t count = 0;

	if (!GW_HAS(AUTH))
		return;
	for (struct draft_users *u = d->users; u; u = u->next) {
		read_users(d, u);
		count++;
	}
	c->users = ARENA_ROW(d->faults->arena, struct users, count + 1);
}

static const char *label_hint(struct draft *d, struct span label)
{
	struct span nearest = SPAN("none");
	unsigned least = word_distance(label, nearest);

	if (span_is(label, SPAN("off")))
		least = 1;
	for (const struct draft_users *u = d->users; u; u = u->next)
		if (word_distance(label, u->label) < least) {
			least = word_distance(label, u->label);
			nearest = u->label;
		}
	if (!word_is_near(least, nearest))
		return "";
	return arena_format(d->faults->arena, " (did you mean '%.*s'?)", SHOW(nearest));
}

const struct users *users_of(struct draft *d, struct config *c, const struct setting *auth)
{
	struct draft_users *u = d->users;
	const char *hint;

	while (u && !span_is(u->label, auth->text))
		u = u->next;
	if (!u) {
		hint = label_hint(d, auth->text);
		fault_at(d->faults, auth->line, "auth: there is no [users %.*s]%s", SHOW(auth->text),
			 *hint ? hint : ": expected the name of a [users NAME], 'none', or a server to ask, as in http://127.0.0.1:9091/api/verify");
		return NULL;
	}
	if (!u->place) {
		u->made.number = (uint16_t)c->users_count;
		u->place = &c->users[c->users_count];
		c->users[c->users_count++] = u->made;
	}
	return u->place;
}

bool users_are_known(const struct draft *d, const struct users *u)
{
	for (const struct draft_users *i = d->users; i; i = i->next)
		if (i->place == u)
			return !i->filed && !i->bad;
	return false;
}

const char *users_hint(struct arena *a, const struct users *u, struct span name)
{
	const struct user *nearest = NULL;
	unsigned least = 0;

	for (size_t i = 0; i < u->count; i++) {
		unsigned distance = word_distance(name, u->at[i].name);

		if (!nearest || distance < least) {
			nearest = &u->at[i];
			least = distance;
		}
	}
	if (!nearest || !word_is_near(least, nearest->name))
		return "";
	return arena_format(a, " (did you mean '%.*s'?)", SHOW(nearest->name));
}

struct user *users_find(const struct users *u, struct span name)
{
	size_t low = 0, high = u->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = span_order(name, u->at[middle].name);

		if (!order)
			return &u->at[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

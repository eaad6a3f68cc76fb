/* SPDX-License-Identifier: MIT
 *
 * files - what is in the files that a configuration names?
 *
 * Everything is read into the arena, which is wiped when it goes: there are
 * private keys among it. Knows no sites and no servers.
 */
#include "config_files.h"
#include "../platform/platform.h"
#include <stdlib.h>

enum { SMALL = 64 * 1024, BUNDLE = 1024 * 1024 };

struct files {
	struct file *small, *bundles, *lines;
	struct pair *pairs;
	char *small_room; /* where small ones are read to, one after the other; bundles, in the arena's spare */
	struct tls_made *servers;
	const struct file *system;
	bool system_tried;
};

static struct files *files_of(struct draft *d)
{
	if (!d->files)
		d->files = ARENA_NEW(d->faults->arena, struct files);
	return d->files;
}

static void *take(void *arena, size_t bytes)
{
	return arena_take(arena, bytes);
}

struct credential_memory files_memory(struct arena *a)
{
	return (struct credential_memory){take, a};
}

int64_t files_clock(void)
{
	int64_t now = platform_clock();

	return now > GW_BUILT ? now : GW_BUILT;
}

/* --- reading ----------------------------------------------------------------- */

static struct file *find(struct file *f, const char *path)
{
	while (f && strcmp(f->path, path) != 0)
		f = f->next;
	return f;
}

static struct file *add(struct arena *a, struct file **to, const char *path)
{
	struct file *f = ARENA_NEW(a, struct file);

	f->path = path;
	f->stamp = platform_stamp(path);
	while (*to)
		to = &(*to)->next;
	*to = f;
	return f;
}

static const char *unreadable(struct arena *a)
{
	char room[128];
	struct text why = text_in(room, sizeof room);

	text_lit(&why, "cannot be read: ");
	text_str(&why, platform_why());
	return arena_span(a, text_span(&why)).at;
}

/* The text is in the room until the next one is read. */
static bool read_file(struct arena *a, struct file *f, char *room, size_t most, struct span *text)
{
	long len = platform_read(f->path, room, most + 1);

	if (len < 0)
		f->why = unreadable(a);
	else if ((size_t)len > most)
		f->why = most == SMALL ? "is larger than 64 KB" : "is larger than 1 MB";
	*text = span_of(room, len < 0 ? 0 : (size_t)len);
	return !f->why;
}

const struct file *files_small(struct draft *d, const char *path)
{
	struct arena *a = d->faults->arena;
	struct files *files = files_of(d);
	struct file *f = find(files->small, path);
	struct span text;

	if (f)
		return f;
	f = add(a, &files->small, path);
	if (!files->small_room)
		files->small_room = arena_take(a, SMALL + 1);
	if (read_file(a, f, files->small_room, SMALL, &text))
		f->text = arena_span(a, text);
	return f;
}

/* Up to BUNDLE bytes, into the spare. */
static bool read_large(struct arena *a, struct file *f, struct span *text)
{
	if (!a->spare)
		a->spare = malloc(BUNDLE + 1);
	if (!a->spare)
		longjmp(a->none, 1);
	return read_file(a, f, a->spare, BUNDLE, text);
}

const struct file *files_bundle(struct draft *d, const char *path)
{
	struct arena *a = d->faults->arena;
	struct files *files = files_of(d);
	struct file *f = find(files->bundles, path);
	struct span text;

	if (f)
		return f;
	f = add(a, &files->bundles, path);
	if (read_large(a, f, &text)) {
		f->trust = trust_read(text, files_memory(a), &f->why);
		credential_hash(f->hash, text);
	}
	return f;
}

struct file *files_lines(struct draft *d, struct span path, struct span *text)
{
	struct arena *a = d->faults->arena;
	struct files *files = files_of(d);
	const char *at = arena_span(a, path).at;
	struct file *f = find(files->lines, at);

	*text = SPAN("");
	if (f)
		return f;
	f = add(a, &files->lines, at);
	if (!read_large(a, f, text))
		*text = SPAN("");
	return f;
}

void files_watch(struct draft *d, const char *path)
{
	struct files *files = files_of(d);

	if (!find(files->lines, path))
		add(d->faults->arena, &files->lines, path);
}

const struct file *files_system(struct draft *d)
{
	struct files *files = files_of(d);
	struct span list = SPAN(FILES_SYSTEM), path;

	while (!files->system_tried && !files->system && span_item(&list, &path)) {
		const char *at = arena_span(d->faults->arena, path).at;

		if (platform_stamp(at) && files_bundle(d, at)->trust)
			files->system = files_bundle(d, at);
	}
	files->system_tried = true;
	return files->system;
}

const struct pair *files_pair(struct draft *d, const struct file *cert, const struct file *key)
{
	struct files *files = files_of(d);
	struct pair *p = files->pairs;

	while (p && (p->cert != cert || p->key != key))
		p = p->next;
	if (p)
		return p;
	p = ARENA_NEW(d->faults->arena, struct pair);
	*p = (struct pair){.cert = cert, .key = key, .next = files->pairs};
	p->credential = credential_read(cert->text, key->text, files_memory(d->faults->arena), &p->why, &p->side);
	files->pairs = p;
	return p;
}

struct tls_made **files_servers(struct draft *d)
{
	return &files_of(d)->servers;
}

/* Is it in one of the first lists already? */
static bool is_listed(struct file *const lists[], size_t count, const char *path)
{
	for (size_t i = 0; i < count; i++)
		if (find(lists[i], path))
			return true;
	return false;
}

void files_list(struct draft *d, struct config *c)
{
	enum { LISTS = 3 };
	struct arena *a = d->faults->arena;
	const struct files *files = files_of(d);
	struct file *const lists[LISTS] = {files->small, files->bundles, files->lines};
	const char **paths;
	uint64_t *stamps;
	size_t count = 0;

	for (size_t i = 0; i < LISTS; i++)
		for (const struct file *f = lists[i]; f; f = f->next)
			count++;
	c->files = paths = ARENA_ROW(a, const char *, count + 1);
	c->stamps = stamps = ARENA_ROW(a, uint64_t, count + 1);
	for (size_t i = 0; i < LISTS; i++)
		for (const struct file *f = lists[i]; f; f = f->next) {
			if (is_listed(lists, i, f->path))
				continue;
			paths[c->file_count] = f->path;
			stamps[c->file_count++] = f->stamp;
		}
	free(a->spare); /* there is no file left to read */
	a->spare = NULL;
}

/* --- for whom ---------------------------------------------------------------- */

struct span files_bare(struct span host)
{
	return host.len > 2 && host.at[0] == '[' ? span_of(host.at + 1, host.len - 2) : host;
}

bool files_is_for(const struct cert *cert, struct span host)
{
	host = files_bare(host);
	if (span_is(host, SPAN("*")))
		return true;
	return span_starts(host, SPAN("*.")) ? cert_is_for_wildcard(cert, host) : cert_is_for(cert, host);
}

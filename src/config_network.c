/* SPDX-License-Identifier: MIT
 *
 * network - which networks does a list name, in its line and in files?
 *
 * Lists of addresses that others publish have a hundred thousand lines: a file is
 * read once, however many sites and routes name it.
 */
#include "config_network.h"
#include "config_files.h"

#define NO_NETWORK "'%.*s' is not an address or a network such as 192.168.0.0/16"

/* --- files ------------------------------------------------------------------ */

static bool is_file(struct span word)
{
	return span_starts(word, SPAN("/")) || span_starts(word, SPAN("./"));
}

/* What stands in a line: published lists have comments behind '#' or ';', also
 * behind a network. */
static struct span next_line(struct span *rest)
{
	struct span line = span_cut(rest, '\n');

	line.len = span_find(line, '#');
	line.len = span_find(line, ';');
	if (line.len && line.at[line.len - 1] == '\r')
		line.len--;
	return span_trim(line);
}

static size_t count_lines(struct span text)
{
	size_t count = 0;

	while (text.len)
		count += next_line(&text).len != 0;
	return count;
}

static void read_lines(struct faults *f, int line, struct file *file, struct span text, struct net *to)
{
	for (int number = 1; text.len; number++) {
		struct span word = next_line(&text);

		if (word.len && !net_read_network(&to[file->network_count++], word))
			fault_at(f, line, "file %s:%d: " NO_NETWORK, file->path, number, SHOW(word));
	}
}

/* Its faults are told where it is named first. */
static const struct file *read_file(struct draft *d, int line, struct span path)
{
	struct arena *a = d->faults->arena;
	struct span text;
	struct file *file = files_lines(d, path, &text);
	struct net *row;

	if (file->networks)
		return file;
	row = ARENA_ROW(a, struct net, count_lines(text) + 1);
	file->networks = row;
	if (file->why)
		fault_at(d->faults, line, "file %s %s", file->path, file->why);
	else
		read_lines(d->faults, line, file, text, row);
	return file;
}

/* --- lists -------------------------------------------------------------------- */

static void take_file(const struct file *file, struct net *to)
{
	if (to && file->network_count)
		memcpy(to, file->networks, file->network_count * sizeof *to);
}

size_t network_list(struct draft *d, int line, struct span list, struct net *to)
{
	struct span word;
	size_t count = 0;

	while (word_item(&list, &word)) {
		if (is_file(word)) {
			const struct file *file = read_file(d, line, word);

			take_file(file, to ? to + count : NULL);
			count += file->network_count;
			continue;
		}
		if (to && !net_read_network(&to[count], word))
			fault_at(d->faults, line, NO_NETWORK, SHOW(word));
		count++;
	}
	return count;
}

static bool names_none(struct span list)
{
	struct span word;

	return !word_item(&list, &word);
}

void network_rows(struct draft *d, const struct level *own, enum key_id id, const struct net **at, size_t *count, size_t before)
{
	size_t more = 0;
	struct net *row;

	if (!level_get(own, id))
		return;
	for (const struct setting *s = level_get(own, id); s; s = level_more(s)) {
		if (names_none(s->text))
			fault_at(d->faults, s->line, "%s: '%.*s' names no address", s->key->name.at, SHOW(s->text));
		more += network_list(d, s->line, s->text, NULL);
	}
	row = ARENA_ROW(d->faults->arena, struct net, before + more + 1);
	if (before)
		memcpy(row, *at, before * sizeof *row);
	for (const struct setting *s = level_get(own, id); s; s = level_more(s))
		before += network_list(d, s->line, s->text, row + before);
	*at = row;
	*count = net_sort(row, before);
}

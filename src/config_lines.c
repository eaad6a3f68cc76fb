/* SPDX-License-Identifier: MIT
 *
 * lines - which sections, keys and values stand in this file?
 *
 * inih takes the lines apart. It also cuts what is too long without a word,
 * takes ':' for '=', ignores what follows a ']' and joins whatever is
 * indented, each as it was built; so the reader below looks at each line
 * first, names what would be misread, and gives inih an empty line instead.
 */
#include "config_lines.h"
#include <ini.h>

enum { INI_NAME = 49 }; /* longest section or key that inih keeps whole */

struct reader {
	struct faults *faults;
	struct span rest;  /* of the file */
	int number;        /* of the current line */
	uint8_t kind;      /* enum line_kind of the current line */
	bool key_above;    /* an indented line has something to go on with */
	bool lost;         /* the key above was a fault: what goes on with it is none */
	line_take *take;
	void *user;
};

/* Without the comment (a ';' behind a blank; some builds of inih leave it on
 * indented lines) and without what is blank at the end. */
static struct span before_comment(struct span s)
{
	for (size_t i = 1; i < s.len; i++)
		if (s.at[i] == ';' && span_is_blank(s.at[i - 1]))
			s.len = i;
	while (s.len && (span_is_blank(s.at[s.len - 1]) || s.at[s.len - 1] == '\r'))
		s.len--;
	return s;
}

static size_t first_of(struct span s, const char *bytes)
{
	for (size_t i = 0; i < s.len; i++)
		if (strchr(bytes, s.at[i]))
			return i;
	return s.len;
}

static bool is_text(struct reader *r, struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.at[i];

		if ((c < ' ' && c != '\t') || c == 0x7f) {
			fault_at(r->faults, r->number, "control byte 0x%02x in column %zu", c, i + 1);
			return false;
		}
	}
	return true;
}

/* What stands between the brackets; {NULL, 0} after a fault. */
static struct span section_name(struct reader *r, struct span s)
{
	struct span none = {NULL, 0};
	size_t end = span_find(s, ']');
	struct span name, behind;

	if (end == s.len) {
		fault_at(r->faults, r->number, "']' is missing after '%.*s'", SHOW(span_trim(s)));
		return none;
	}
	name = span_trim(span_of(s.at + 1, end - 1));
	behind = span_trim(span_of(s.at + end + 1, s.len - end - 1));
	if (name.len > INI_NAME) {
		fault_at(r->faults, r->number, "the name of a section holds at most %d characters, '%.*s' has %zu; 'host =' takes longer ones",
			 INI_NAME, SHOW(name), name.len);
		return none;
	}
	if (behind.len) {
		fault_at(r->faults, r->number, "'%.*s' after ']': a key stands on a line of its own", SHOW(behind));
		return none;
	}
	return name;
}

static bool check_section(struct reader *r, struct span s)
{
	struct line l = {.kind = LINE_SECTION, .number = r->number, .name = section_name(r, s)};

	r->kind = LINE_SECTION;
	r->key_above = r->lost = false;
	r->take(r->user, &l);
	return l.name.at != NULL;
}

static bool check_key(struct reader *r, struct span s)
{
	size_t separator;
	struct span name;

	r->lost = true;
	separator = first_of(s, "=:");
	name = span_trim(span_of(s.at, separator));
	if (separator == s.len || s.at[separator] != '=' || !name.len) {
		fault_at(r->faults, r->number, "expected 'key = value', not '%.*s'", SHOW(span_trim(s)));
		return false;
	}
	if (name.len > INI_NAME) {
		fault_at(r->faults, r->number, "a key holds at most %d characters: '%.*s' has %zu%s", INI_NAME, SHOW(name), name.len,
			 name.at[0] == '/' ? "; write it as 'path =' in a [route]" : "");
		return false;
	}
	r->kind = LINE_KEY;
	r->key_above = true;
	r->lost = false;
	return true;
}

/* A further target is "scheme:..."; all else that is indented is a mistake that
 * inih would glue to the line above. */
static bool check_more(struct reader *r, struct span s)
{
	size_t end = first_of(s, ":= \t");

	if (r->lost)
		return false;
	if (end == s.len || s.at[end] != ':') {
		fault_at(r->faults, r->number, "'%.*s' is indented: only a further target of the route above may be",
			 SHOW(span_of(s.at, end ? end : 1)));
		return false;
	}
	if (!r->key_above) {
		fault_at(r->faults, r->number, "'%.*s' is indented, but there is no route above that it could belong to", SHOW(s));
		return false;
	}
	r->kind = LINE_MORE;
	return true;
}

/* Is this a line that inih will read as we do, in that many bytes? */
static bool check(struct reader *r, struct span raw, size_t room)
{
	struct span s = span_trim(raw);

	if (!s.len || s.at[0] == ';' || s.at[0] == '#')
		return false;
	if (!is_text(r, raw))
		return false;
	if (raw.len > room) {
		r->lost = true;
		fault_at(r->faults, r->number,
			 "line of %zu characters; at most %zu can be read: more targets may follow on indented lines, more options in a [route]",
			 raw.len, room);
		return false;
	}
	if (s.at != raw.at)
		return check_more(r, s);
	return s.at[0] == '[' ? check_section(r, s) : check_key(r, s);
}

/* As fgets; the end of a line is always "\n", and none is longer than inih takes. */
static char *read_line(char *at, int size, void *stream)
{
	struct reader *r = stream;
	struct span raw;
	size_t room = size > 2 ? (size_t)size - 2 : 0;
	size_t faults = r->faults->count;

	if (!r->rest.len)
		return NULL;
	raw = span_cut(&r->rest, '\n');
	if (r->number++ == 0 && span_starts(raw, SPAN("\xef\xbb\xbf")))
		raw = span_of(raw.at + 3, raw.len - 3);
	raw = before_comment(raw);
	if (!check(r, raw, room)) {
		raw.len = 0;
		if (r->faults->count > faults)
			r->take(r->user, &(struct line){.kind = LINE_LOST, .number = r->number});
	}
	if (raw.len)
		memcpy(at, raw.at, raw.len);
	at[raw.len] = '\n';
	at[raw.len + 1] = '\0';
	return at;
}

static int take_value(void *user, const char *section, const char *name, const char *value)
{
	struct reader *r = user;
	struct line l = {.kind = r->kind, .number = r->number};

	(void)section;
	if (!name || !value || r->kind == LINE_SECTION)
		return 1;
	l.name = span_str(name);
	l.value = span_str(value);
	r->take(r->user, &l);
	return 1;
}

void lines_read(struct faults *f, struct span text, line_take *take, void *user)
{
	struct reader r = {.faults = f, .rest = text, .take = take, .user = user};
	int bad = ini_parse_stream(read_line, &r, take_value, &r);

	if (bad)
		fault_at(f, bad > 0 ? bad : 0, "this line cannot be read");
}

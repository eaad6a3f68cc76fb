/* SPDX-License-Identifier: MIT
 *
 * fresh_part - what of a stored response is asked for? (RFC 9110 8.8, 13, 14)
 */
#include "fresh_parts.h"

#define STRONG_AFTER 60 /* s between Last-Modified and Date that make it a strong validator (RFC 9110 8.8.2.2) */

/* --- entity-tags (RFC 9110 8.8.3) -------------------------------------------------- */

/* Takes one off the front. etagc may be '"' not and blank not, but ',' and '\' it may. */
static bool take_etag(struct span *s, struct span *etag)
{
	size_t n = span_starts(*s, SPAN("W/")) ? 2 : 0;

	if (n >= s->len || s->at[n] != '"')
		return false;
	for (n++; n < s->len && s->at[n] != '"'; n++)
		if ((unsigned char)s->at[n] <= ' ' || s->at[n] == 0x7f)
			return false;
	if (n == s->len)
		return false;
	*etag = span_of(s->at, n + 1);
	*s = span_of(s->at + n + 1, s->len - n - 1);
	return true;
}

bool fresh_is_etag(struct span s)
{
	struct span etag;

	return take_etag(&s, &etag) && !s.len;
}

static bool is_weak(struct span etag)
{
	return span_starts(etag, SPAN("W/"));
}

static struct span opaque(struct span etag)
{
	return is_weak(etag) ? span_of(etag.at + 2, etag.len - 2) : etag;
}

bool fresh_same_etag(struct span a, struct span b)
{
	return span_is(opaque(a), opaque(b));
}

/* Is it in this list? What comes behind something that is no entity-tag does not count. */
static bool list_has(struct span list, struct span etag)
{
	struct span one;

	for (;;) {
		while (list.len && (list.at[0] == ',' || span_is_blank(list.at[0])))
			list = span_of(list.at + 1, list.len - 1);
		if (!take_etag(&list, &one))
			return false;
		if (list.len && list.at[0] != ',' && !span_is_blank(list.at[0]))
			return false;
		if (etag.len && fresh_same_etag(one, etag))
			return true;
	}
}

/* RFC 9110 13.1.2 */
static bool is_known(const struct head *asked, struct span etag)
{
	struct span value;
	unsigned at = 0;

	if (span_is(fresh_single(asked, FIELD_IF_NONE_MATCH), SPAN("*")))
		return true;
	while (fresh_next(asked, FIELD_IF_NONE_MATCH, &at, &value))
		if (list_has(value, etag))
			return true;
	return false;
}

/* RFC 9110 13.1.3, RFC 9111 4.3.2 */
static bool is_unmodified(const struct head *asked, const struct fresh_stored *s)
{
	int64_t since;

	return fresh_date(fresh_single(asked, FIELD_IF_MODIFIED_SINCE), s->date, &since) && (s->modified ? s->modified : s->date) <= since;
}

/* Is what the client has a part of the same bytes (RFC 9110 13.1.5)? */
static bool is_same(const struct head *asked, const struct fresh_stored *s, struct span etag)
{
	struct span value = fresh_single(asked, FIELD_IF_RANGE);
	int64_t modified;

	if (fresh_is_etag(value))
		return !is_weak(value) && span_is(value, etag);
	return s->modified && s->modified <= s->date - STRONG_AFTER && fresh_date(value, s->date, &modified) && modified == s->modified;
}

/* --- ranges (RFC 9110 14.1) ----------------------------------------------------------- */

/* A position; more than 64 bits are as good as the largest. */
static bool position(struct span digits, uint64_t *value)
{
	if (span_number(digits, value))
		return true;
	*value = UINT64_MAX;
	for (size_t i = 0; i < digits.len; i++)
		if (digits.at[i] < '0' || digits.at[i] > '9')
			return false;
	return digits.len != 0;
}

/* The last so many bytes. Of an empty body that is all of it (RFC 9110 14.1.2). */
static enum fresh_part suffix(struct span digits, uint64_t length, uint64_t *first, uint64_t *last)
{
	uint64_t count;

	if (!position(digits, &count))
		return FRESH_WHOLE;
	if (count == 0)
		return FRESH_UNSATISFIABLE;
	if (length == 0)
		return FRESH_WHOLE;
	*first = count < length ? length - count : 0;
	*last = length - 1;
	return FRESH_RANGE;
}

static enum fresh_part range(struct span value, uint64_t length, uint64_t *first, uint64_t *last)
{
	struct span unit = span_cut(&value, '='), from;
	uint64_t begin, end = UINT64_MAX;

	if (!span_same(unit, SPAN("bytes")) || span_find(value, '-') == value.len)
		return FRESH_WHOLE;
	from = span_cut(&value, '-');
	if (!from.len)
		return suffix(value, length, first, last);
	if (!position(from, &begin) || (value.len && !position(value, &end)) || end < begin)
		return FRESH_WHOLE;
	if (begin >= length)
		return FRESH_UNSATISFIABLE;
	*first = begin;
	*last = end < length ? end : length - 1;
	return FRESH_RANGE;
}

/* RFC 9110 13.2.2 */
enum fresh_part fresh_part(const struct head *asked, const struct fresh_stored *s, struct span etag, uint64_t length, uint64_t *first, uint64_t *last)
{
	if (s->status != 200 || (asked->method != METHOD_GET && asked->method != METHOD_HEAD))
		return FRESH_WHOLE;
	if (head_has(asked, FIELD_IF_NONE_MATCH)) {
		if (is_known(asked, etag))
			return FRESH_NOT_MODIFIED;
	} else if (head_has(asked, FIELD_IF_MODIFIED_SINCE) && is_unmodified(asked, s)) {
		return FRESH_NOT_MODIFIED;
	}
	if (!head_has(asked, FIELD_RANGE) || asked->method != METHOD_GET || length == UINT64_MAX)
		return FRESH_WHOLE;
	if (head_has(asked, FIELD_IF_RANGE) && !is_same(asked, s, etag))
		return FRESH_WHOLE;
	return range(fresh_single(asked, FIELD_RANGE), length, first, last);
}

/* --- what is known of a stored head ------------------------------------------------------ */

/* Where the value is that this line has; len 0 if another field is in it, or it had been found before. */
struct place {
	size_t at, len;
	unsigned count;
};

static void find_in_line(struct place *p, struct span text, struct span line, struct span name)
{
	struct span value = line;

	if (!span_starts_same(line, name))
		return;
	value = span_trim(span_of(line.at + name.len, line.len - name.len));
	p->count++;
	p->at = (size_t)(value.at - text.at);
	p->len = value.len;
}

static bool is_usable(const struct place *p)
{
	return p->count == 1 && p->at + p->len <= UINT16_MAX;
}

void fresh_validators(struct fresh_stored *s, struct span head_text)
{
	struct place etag = {0, 0, 0}, modified = {0, 0, 0};
	struct span rest = head_text, line;

	while (rest.len) {
		line = span_cut(&rest, '\n');
		if (line.len && line.at[line.len - 1] == '\r')
			line.len--;
		find_in_line(&etag, head_text, line, SPAN("ETag:"));
		find_in_line(&modified, head_text, line, SPAN("Last-Modified:"));
	}
	s->etag_at = s->etag_len = s->modified_at = s->modified_len = 0;
	if (is_usable(&etag) && fresh_is_etag(span_of(head_text.at + etag.at, etag.len))) {
		s->etag_at = (uint16_t)etag.at;
		s->etag_len = (uint16_t)etag.len;
	}
	if (is_usable(&modified) && s->modified) {
		s->modified_at = (uint16_t)modified.at;
		s->modified_len = (uint16_t)modified.len;
	}
}

/* SPDX-License-Identifier: MIT
 *
 * pem - where are the objects of a PEM text, and which bytes do they hold?
 *
 * BearSSL has a decoder. It loses the last object of a file without a final
 * newline, and all of a file that begins with a byte order mark, and says
 * nothing; files that people join with cat are worse. So this one is our own.
 */
#include "credential_pem.h"
#include "credential.h"

static const char broken_off[] = "breaks off in the middle";
static const char no_base64[] = "is damaged: no base64 where it should be";

static const struct span begin = {"-----BEGIN ", 11}, end = {"-----END ", 9}, dashes = {"-----", 5};

static struct span behind(struct span s, size_t n)
{
	return span_of(s.at + n, s.len - n);
}

/* A line without its end, which may be LF, CRLF or CR; cut off *text. */
static struct span cut_line(struct span *text)
{
	size_t n = 0;
	struct span line;

	while (n < text->len && text->at[n] != '\n' && text->at[n] != '\r')
		n++;
	line = span_of(text->at, n);
	*text = behind(*text, n < text->len ? n + 1 : n);
	return line;
}

/* The kind in a BEGIN line. What follows its dashes stays in *text: two files
 * joined without a newline have the next BEGIN there. */
static bool take_kind(struct span *text, struct span *kind)
{
	struct span rest = behind(*text, begin.len), line = rest;

	line = cut_line(&line);
	for (size_t n = 0; n + dashes.len <= line.len; n++)
		if (span_starts(behind(line, n), dashes)) {
			*kind = span_of(line.at, n);
			*text = behind(rest, n + dashes.len);
			return true;
		}
	return false;
}

static bool take_end(struct span *text, struct span kind)
{
	struct span rest;

	if (!span_starts(*text, end))
		return false;
	rest = behind(*text, end.len);
	if (!span_starts(rest, kind) || !span_starts(behind(rest, kind.len), dashes))
		return false;
	*text = behind(rest, kind.len + dashes.len);
	return true;
}

static bool find_begin(struct span *text)
{
	if (span_starts(*text, SPAN("\xef\xbb\xbf")))
		*text = behind(*text, 3);
	while (text->len && !span_starts(*text, begin))
		(void)cut_line(text);
	return text->len > 0;
}

/* A header line has a colon, base64 has none. */
static bool is_header(struct span line)
{
	return span_find(line, ':') < line.len;
}

static bool says_encrypted(struct span line)
{
	return span_starts_same(line, SPAN("Proc-Type:")) && span_ends_same(span_trim(line), SPAN("ENCRYPTED"));
}

bool pem_find(struct span *text, struct pem *o, const char **why)
{
	*why = NULL;
	*o = (struct pem){0};
	if (!find_begin(text))
		return false;
	*why = broken_off;
	if (!take_kind(text, &o->kind))
		return false;
	o->body = span_of(text->at, 0);
	while (text->len && !span_starts(*text, end)) {
		if (span_starts(*text, begin))
			return false;
		o->encrypted |= says_encrypted(cut_line(text));
		o->body.len = (size_t)(text->at - o->body.at);
	}
	if (!take_end(text, o->kind))
		return false;
	*why = NULL;
	return true;
}

/* --- base64 (RFC 4648 4) -------------------------------------------------- */

struct bits {
	unsigned char *at;
	size_t len, size;
	uint32_t value; /* the last 24 bits count */
	unsigned count, pad; /* characters in the group that is begun; '=' among them */
};

static bool add_digit(struct bits *b, char c)
{
	int value = c == '=' ? 0 : text_sextet(c, TEXT_BASE64);

	if (value < 0 || (b->pad && c != '='))
		return false; /* also what follows the padding of the group before */
	if (c == '=' && (b->count < 2 || ++b->pad > 2))
		return false;
	b->value = b->value << 6 | (uint32_t)value;
	b->count++;
	return true;
}

/* A group of four characters is complete. */
static bool add_group(struct bits *b)
{
	unsigned bytes = 3 - b->pad;

	if (bytes > b->size - b->len)
		return false;
	for (unsigned i = 0; i < bytes; i++)
		b->at[b->len++] = (unsigned char)(b->value >> (16 - 8 * i));
	b->count = 0;
	return true;
}

static const char *add_line(struct bits *b, struct span line)
{
	for (size_t i = 0; i < line.len; i++) {
		if (span_is_blank(line.at[i]))
			continue;
		if (!add_digit(b, line.at[i]))
			return no_base64;
		if (b->count == 4 && !add_group(b))
			return "is too large";
	}
	return NULL;
}

const char *pem_decode(const struct pem *o, unsigned char *room, size_t size, size_t *len)
{
	struct bits b = {.at = room, .size = size};
	struct span rest = o->body;
	const char *why = NULL;

	while (!why && rest.len) {
		struct span line = cut_line(&rest);

		if (!is_header(line))
			why = add_line(&b, line);
	}
	*len = b.len;
	return !why && b.count ? no_base64 : why;
}

/* --- nothing in it ------------------------------------------------------------ */

static bool is_blank(struct span text)
{
	while (text.len)
		if (span_trim(cut_line(&text)).len)
			return false;
	return true;
}

/* A SEQUENCE that may go to the end of the file. */
static bool is_der(struct span text)
{
	size_t second = text.len > 2 ? (unsigned char)text.at[1] : 0;

	return text.len > 2 && text.at[0] == 0x30 && (second == text.len - 2 || (second >= 0x80 && second <= 0x84));
}

const char *pem_nothing(struct span text, const char *otherwise)
{
	if (is_blank(text))
		return "is empty";
	if (is_der(text))
		return "is DER or PKCS#12, not PEM; openssl converts it";
	if (span_starts(text, SPAN("\xff\xfe")) || span_starts(text, SPAN("\xfe\xff")))
		return "is UTF-16, not PEM; save it as plain text";
	return otherwise;
}

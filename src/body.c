/* SPDX-License-Identifier: MIT
 *
 * body - which of these bytes are payload, and where does the body end?
 *
 * Knows RFC 9112 sections 6 and 7, a byte at a time. Knows no sockets, heads
 * or routes, and keeps no byte: what it remembers is the state and two counts.
 */
#include "body.h"
#include "../gateway.h"

_Static_assert(GW_CHUNK_LINE < UINT16_MAX && GW_HEAD < UINT16_MAX, "body counts them in 16 bits");

/* Which byte comes next? Only chunked bodies have more than the first. */
enum {
	SIZE_FIRST, /* the first hex digit of a chunk size */
	SIZE,       /* another digit, or what may follow the size */
	EXT_BLANK,  /* blanks that only a ';' may follow */
	EXT,        /* the rest of a chunk extension */
	SIZE_LF,    /* the LF of the size line */
	DATA,       /* payload, or with left == 0 the CR behind it */
	DATA_LF,    /* the LF behind the payload */
	TRAILER,    /* the first byte of a trailer line, or CR of the empty one */
	TRAILER_NAME,
	TRAILER_VALUE,
	TRAILER_LF, /* the LF of a trailer line */
	LAST_LF,    /* the LF that ends the body */
	OVER
};

static const struct refusal no_size = {400, "chunk size is not a hexadecimal number"};
static const struct refusal big_size = {400, "chunk size too large"};
static const struct refusal bad_extension = {400, "byte not allowed behind a chunk size"};
static const struct refusal long_line = {400, "chunk-size line too long"};
static const struct refusal no_crlf = {400, "carriage return and line feed expected in a chunked body"};
static const struct refusal bad_trailer = {400, "malformed trailer field"};
static const struct refusal long_trailers = {400, "trailer section too long"};
static const struct refusal cut_off = {400, "body ended early"};
static const struct refusal too_much = {413, "the request body is larger than max_body"};

void body_init(struct body *b, enum body_kind kind, uint64_t length)
{
	*b = (struct body){.most = UINT64_MAX, .kind = (uint8_t)kind, .state = SIZE_FIRST};
	if (kind == BODY_LENGTH)
		b->left = length;
}

/* HTAB, SP, VCHAR, obs-text: what values, reasons and quoted strings hold. */
static bool is_text(char c)
{
	return (uint8_t)c >= 0x20 ? c != 0x7f : c == '\t';
}

static const struct refusal *size_digit(struct body *b, int digit)
{
	if (b->left >> 59) /* times 16 it would not fit into 63 bits */
		return &big_size;
	b->left = b->left * 16 + (uint64_t)digit;
	b->state = SIZE;
	return NULL;
}

/* Behind the digits: chunk-ext or CR. Blanks are taken only before a ';'
 * (RFC 9112 7.1.1). */
static const struct refusal *size_byte(struct body *b, char c)
{
	int digit = span_hex(c);
	if (digit >= 0 && b->state <= SIZE)
		return size_digit(b, digit);
	if (b->state == SIZE_FIRST)
		return &no_size;
	if (c == '\r' && b->state != EXT_BLANK)
		b->state = SIZE_LF;
	else if (b->state == EXT)
		return is_text(c) ? NULL : &bad_extension;
	else if (c == ';')
		b->state = EXT;
	else if (span_is_blank(c))
		b->state = EXT_BLANK;
	else
		return b->state == SIZE ? &no_size : &bad_extension;
	return NULL;
}

/* One byte of "name: value CRLF"..., CRLF. A line that is no field might be
 * the next request to somebody else, so it is not passed over. */
static const struct refusal *trailer_byte(struct body *b, char c)
{
	if (++b->trailers > GW_HEAD)
		return &long_trailers;
	switch (b->state) {
	case TRAILER:
		if (c == '\r') {
			b->state = LAST_LF;
			return NULL;
		}
		b->state = TRAILER_NAME;
		return span_is_token(span_of(&c, 1)) ? NULL : &bad_trailer;
	case TRAILER_NAME:
		if (c == ':')
			b->state = TRAILER_VALUE;
		else if (!span_is_token(span_of(&c, 1)))
			return &bad_trailer;
		return NULL;
	case TRAILER_VALUE:
		if (c == '\r')
			b->state = TRAILER_LF;
		else if (!is_text(c))
			return &bad_trailer;
		return NULL;
	case TRAILER_LF:
		b->state = TRAILER;
		return c == '\n' ? NULL : &no_crlf;
	default: /* LAST_LF */
		if (c != '\n')
			return &no_crlf;
		b->state = OVER; /* only now: a broken body is never done */
		return NULL;
	}
}

/* The LF of a size line: only now is the size beyond doubt. */
static const struct refusal *size_end(struct body *b, char c)
{
	b->state = b->left ? DATA : TRAILER;
	if (c != '\n')
		return &no_crlf;
	if (b->left > b->most)
		return &too_much;
	b->most -= b->left;
	return NULL;
}

/* One byte of framing: any state but OVER, and DATA only at its end. */
static const struct refusal *framing_byte(struct body *b, char c)
{
	switch (b->state) {
	case SIZE_LF:
		return size_end(b, c);
	case DATA:
		b->state = DATA_LF;
		return c == '\r' ? NULL : &no_crlf;
	case DATA_LF:
		b->state = SIZE_FIRST;
		b->line = 0;
		return c == '\n' ? NULL : &no_crlf;
	case SIZE_FIRST:
	case SIZE:
	case EXT_BLANK:
	case EXT:
		if (++b->line >= GW_CHUNK_LINE) /* the LF is one byte more */
			return &long_line;
		return size_byte(b, c);
	default:
		return trailer_byte(b, c);
	}
}

static size_t scan_chunked(struct body *b, const char *at, size_t len, size_t *payload)
{
	size_t i = 0;
	while (i < len && b->state != OVER && !(b->state == DATA && b->left)) {
		b->bad = framing_byte(b, at[i]);
		if (b->bad)
			return i;
		i++;
	}
	if (b->state == DATA)
		*payload = b->left < len - i ? (size_t)b->left : len - i;
	return i;
}

size_t body_scan(struct body *b, const char *at, size_t len, size_t *payload)
{
	*payload = 0;
	if (b->bad)
		return 0;
	switch (b->kind) {
	case BODY_LENGTH:
		*payload = b->left < len ? (size_t)b->left : len;
		return 0;
	case BODY_CHUNKED:
		return scan_chunked(b, at, len, payload);
	case BODY_CLOSE:
		*payload = b->state == OVER ? 0 : len;
		return 0;
	default:
		return 0;
	}
}

void body_take(struct body *b, size_t len)
{
	if (b->kind != BODY_CLOSE)
		b->left -= len;
}

bool body_end(struct body *b)
{
	if (b->kind == BODY_CLOSE)
		b->state = OVER;
	if (!b->bad && !body_done(b))
		b->bad = &cut_off;
	return !b->bad;
}

bool body_done(const struct body *b)
{
	switch (b->kind) {
	case BODY_NONE:
		return true;
	case BODY_LENGTH:
		return b->left == 0;
	default:
		return b->state == OVER;
	}
}

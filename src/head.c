/* SPDX-License-Identifier: MIT
 *
 * head - is this a well-formed start line and field section?
 *
 * Knows the grammar of RFC 9112 sections 2 to 5 and the names in enum field_id.
 * Knows no meaning, no sockets and no routes. Its loops do not ask for the end:
 * a byte that ends them all stands there, see look_at_end and head_try_request.
 */
#include "head.h"

_Static_assert(GW_HEAD <= UINT16_MAX, "offsets in struct field are 16 bits wide");
_Static_assert(GW_FIELDS <= 128, "struct frame has a bit for each field");
_Static_assert(FIELD_IDS <= 64, "head.many has a bit for each id");

#define NAME_MAX_BYTES 255 /* field.name_len is one byte */

/* --- which byte may stand where ----------------------------------------- */

enum {
	TCHAR = 1,   /* in a token: methods, field names (RFC 9110 5.6.2) */
	VISIBLE = 2, /* in a request target; which of them mean what is path's */
	TEXT = 4,    /* in a value or reason: HTAB, SP, VCHAR, obs-text (RFC 9110 5.5) */
	PLAIN = 8    /* in a name that everybody reads alike: letters, digits, '-' */
};

#define N 0
#define T TEXT
#define V (TEXT | VISIBLE)
#define C (TEXT | VISIBLE | TCHAR)
#define P (TEXT | VISIBLE | TCHAR | PLAIN)

static const uint8_t classes[256] = {
	N, N, N, N, N, N, N, N, N, T, N, N, N, N, N, N, /* only HTAB */
	N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N,
	T, C, V, C, C, C, C, C, V, V, C, C, V, P, C, V, /*   ! " # $ % & ' ( ) * + , - . / */
	P, P, P, P, P, P, P, P, P, P, V, V, V, V, V, V, /* 0 1 2 3 4 5 6 7 8 9 : ; < = > ? */
	V, P, P, P, P, P, P, P, P, P, P, P, P, P, P, P, /* @ A B C D E F G H I J K L M N O */
	P, P, P, P, P, P, P, P, P, P, P, V, V, V, C, C, /* P Q R S T U V W X Y Z [ \ ] ^ _ */
	C, P, P, P, P, P, P, P, P, P, P, P, P, P, P, P, /* ` a b c d e f g h i j k l m n o */
	P, P, P, P, P, P, P, P, P, P, P, V, C, V, C, N, /* p q r s t u v w x y z { | } ~ DEL */
	T, T, T, T, T, T, T, T, T, T, T, T, T, T, T, T,
	T, T, T, T, T, T, T, T, T, T, T, T, T, T, T, T,
	T, T, T, T, T, T, T, T, T, T, T, T, T, T, T, T,
	T, T, T, T, T, T, T, T, T, T, T, T, T, T, T, T,
	T, T, T, T, T, T, T, T, T, T, T, T, T, T, T, T,
	T, T, T, T, T, T, T, T, T, T, T, T, T, T, T, T,
	T, T, T, T, T, T, T, T, T, T, T, T, T, T, T, T,
	T, T, T, T, T, T, T, T, T, T, T, T, T, T, T, T,
};

#undef N
#undef T
#undef V
#undef C
#undef P

static inline bool is(char c, unsigned class)
{
	return (classes[(uint8_t)c] & class) != 0;
}

/* The first byte that is not of this class. A head ends in LF, which is of no
 * class: that is what ends the loop, so that no step asks for the end. Four
 * bytes a turn, since half of reading a head is this loop over names. */
static inline const char *skip(const char *p, unsigned class)
{
	for (;; p += 4) {
		if (!is(p[0], class))
			return p;
		if (!is(p[1], class))
			return p + 1;
		if (!is(p[2], class))
			return p + 2;
		if (!is(p[3], class))
			return p + 3;
	}
}

#define EACH(byte) (UINT64_MAX / 255 * (byte)) /* this byte in all places of a word */

/* The top bit of each byte that is a control: under 0x20, or 0x7f. No sum
 * carries into the next byte. */
static inline uint64_t controls(uint64_t w)
{
	uint64_t seven = w & EACH(0x7f);
	return (~(seven + EACH(0x60)) | (seven + EACH(1))) & ~w & EACH(0x80);
}

/* Which byte of the word in memory is the first with its top bit set? */
static inline int first_byte(uint64_t w)
{
	const uint16_t one = 1;
	uint8_t low;
	memcpy(&low, &one, 1);
	return (low ? __builtin_ctzll(w) : __builtin_clzll(w)) / 8;
}

/* The same for TEXT, which is most of a head: eight bytes at a time until one
 * of them is a control. */
static inline const char *skip_text(const char *p, const char *end)
{
	while (end - p >= 8) {
		uint64_t w;
		memcpy(&w, p, 8);
		w = controls(w);
		if (!w) {
			p += 8;
			continue;
		}
		p += first_byte(w);
		if (*p != '\t')
			return p;
		p++;
	}
	return skip(p, TEXT);
}

/* --- names that somebody asks for ---------------------------------------- */

static const struct known {
	char name[22];
	uint8_t id;
} known[] = {
	{"", FIELD_OTHER}, /* the list for lengths that no name has is empty */
	{"te", FIELD_TE},
	{"age", FIELD_AGE},
	{"via", FIELD_VIA},
	{"date", FIELD_DATE},
	{"etag", FIELD_ETAG},
	{"host", FIELD_HOST},
	{"vary", FIELD_VARY},
	{"range", FIELD_RANGE},
	{"accept", FIELD_ACCEPT},
	{"cookie", FIELD_COOKIE},
	{"expect", FIELD_EXPECT},
	{"origin", FIELD_ORIGIN},
	{"pragma", FIELD_PRAGMA},
	{"expires", FIELD_EXPIRES},
	{"referer", FIELD_REFERER},
	{"trailer", FIELD_TRAILER},
	{"upgrade", FIELD_UPGRADE},
	{"if-match", FIELD_IF_MATCH},
	{"if-range", FIELD_IF_RANGE},
	{"location", FIELD_LOCATION},
	{"forwarded", FIELD_FORWARDED},
	{"x-real-ip", FIELD_X_REAL_IP},
	{"connection", FIELD_CONNECTION},
	{"keep-alive", FIELD_KEEP_ALIVE},
	{"set-cookie", FIELD_SET_COOKIE},
	{"user-agent", FIELD_USER_AGENT},
	{"content-type", FIELD_CONTENT_TYPE},
	{"max-forwards", FIELD_MAX_FORWARDS},
	{"authorization", FIELD_AUTHORIZATION},
	{"cache-control", FIELD_CACHE_CONTROL},
	{"if-none-match", FIELD_IF_NONE_MATCH},
	{"last-modified", FIELD_LAST_MODIFIED},
	{"content-length", FIELD_CONTENT_LENGTH},
	{"http2-settings", FIELD_HTTP2_SETTINGS},
	{"sec-fetch-mode", FIELD_SEC_FETCH_MODE},
	{"sec-fetch-site", FIELD_SEC_FETCH_SITE},
	{"accept-encoding", FIELD_ACCEPT_ENCODING},
	{"accept-language", FIELD_ACCEPT_LANGUAGE},
	{"x-forwarded-for", FIELD_X_FORWARDED_FOR},
	{"content-location", FIELD_CONTENT_LOCATION},
	{"proxy-connection", FIELD_PROXY_CONNECTION},
	{"x-forwarded-host", FIELD_X_FORWARDED_HOST},
	{"x-forwarded-port", FIELD_X_FORWARDED_PORT},
	{"cdn-cache-control", FIELD_CDN_CACHE_CONTROL},
	{"if-modified-since", FIELD_IF_MODIFIED_SINCE},
	{"transfer-encoding", FIELD_TRANSFER_ENCODING},
	{"x-forwarded-proto", FIELD_X_FORWARDED_PROTO},
	{"proxy-authenticate", FIELD_PROXY_AUTHENTICATE},
	{"x-forwarded-prefix", FIELD_X_FORWARDED_PREFIX},
	{"if-unmodified-since", FIELD_IF_UNMODIFIED_SINCE},
	{"proxy-authorization", FIELD_PROXY_AUTHORIZATION},
	{"x-client-cert-subject", FIELD_X_CLIENT_CERT_SUBJECT},
};

/* Those of one length: known[from .. to). The unit test asks for every name. */
static const struct {
	uint8_t from, to;
} by_length[] = {
	[2] = {1, 2}, [3] = {2, 4}, [4] = {4, 8}, [5] = {8, 9}, [6] = {9, 14}, [7] = {14, 18},
	[8] = {18, 21}, [9] = {21, 23}, [10] = {23, 27}, [12] = {27, 29}, [13] = {29, 33}, [14] = {33, 37},
	[15] = {37, 40}, [16] = {40, 44}, [17] = {44, 48}, [18] = {48, 50}, [19] = {50, 52}, [21] = {52, 53},
};

/* All bytes in lower case, as far as tchars can become letters, digits or '-':
 * of all tchars only the letter itself becomes a letter with bit 0x20 set. */
static inline uint64_t lower8(const char *at)
{
	uint64_t w;
	memcpy(&w, at, 8);
	return w | EACH(0x20);
}

static inline uint32_t lower4(const char *at)
{
	uint32_t w;
	memcpy(&w, at, 4);
	return w | (uint32_t)EACH(0x20);
}

/* Is the token the same as this name of known[], of the same length (at most
 * 24)? The words compared overlap. */
static inline bool same_token(const char *token, const char *name, size_t len)
{
	if (len >= 8)
		return lower8(token) == lower8(name) && lower8(token + len - 8) == lower8(name + len - 8) &&
			(len <= 16 || lower8(token + 8) == lower8(name + 8));
	if (len >= 4)
		return lower4(token) == lower4(name) && lower4(token + len - 4) == lower4(name + len - 4);
	return (token[len - 2] | 0x20) == name[len - 2] && (token[len - 1] | 0x20) == name[len - 1]; /* the first is known */
}

/* head_id for a name that is a token already: once for every field that comes in. */
static inline enum field_id token_id(const char *token, size_t len)
{
	unsigned i, to;
	if (len >= sizeof(by_length) / sizeof(by_length[0]))
		return FIELD_OTHER;
	to = by_length[len].to;
	for (i = by_length[len].from; i < to; i++)
		if (known[i].name[0] == (token[0] | 0x20) && same_token(token, known[i].name, len))
			return (enum field_id)known[i].id;
	return FIELD_OTHER;
}

enum field_id head_id(struct span name)
{
	size_t i;
	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (span_same(span_str(known[i].name), name))
			return (enum field_id)known[i].id;
	return FIELD_OTHER;
}

enum method head_method(struct span name)
{
	switch (name.len) {
	case 3:
		return !memcmp(name.at, "GET", 3) ? METHOD_GET : !memcmp(name.at, "PUT", 3) ? METHOD_PUT : METHOD_OTHER;
	case 4:
		return !memcmp(name.at, "POST", 4) ? METHOD_POST : !memcmp(name.at, "HEAD", 4) ? METHOD_HEAD : METHOD_OTHER;
	case 5:
		return !memcmp(name.at, "TRACE", 5) ? METHOD_TRACE : METHOD_OTHER;
	case 6:
		return !memcmp(name.at, "DELETE", 6) ? METHOD_DELETE : METHOD_OTHER;
	case 7:
		return !memcmp(name.at, "OPTIONS", 7) ? METHOD_OPTIONS : !memcmp(name.at, "CONNECT", 7) ? METHOD_CONNECT : METHOD_OTHER;
	default:
		return METHOD_OTHER;
	}
}

/* --- what is wrong -------------------------------------------------------- */

enum fault {
	FINE,
	BARE_CR,
	BARE_LF,
	CONTROL,
	CUT_OFF,
	TOO_LONG,
	NO_METHOD,
	NO_TARGET,
	LONG_TARGET,
	NO_VERSION,
	OTHER_VERSION,
	NO_STATUS,
	LEADING_BLANK,
	OBS_FOLD,
	NO_NAME,
	NAME_BYTE,
	LONG_NAME,
	BLANK_BEFORE_COLON,
	NO_COLON,
	MANY_FIELDS
};

#define SAID(status, text) {{status, text}, {502, text}} /* of a request, of a response */

static const struct refusal faults[][2] = {
	[BARE_CR] = SAID(400, "carriage return without line feed in the head"),
	[BARE_LF] = SAID(400, "line feed without carriage return in the head"),
	[CONTROL] = SAID(400, "control byte in the head"),
	[CUT_OFF] = SAID(400, "head does not end with one empty line"),
	[TOO_LONG] = SAID(431, "head too long"),
	[NO_METHOD] = SAID(400, "malformed method"),
	[NO_TARGET] = SAID(400, "malformed request target"),
	[LONG_TARGET] = SAID(414, "request target too long"),
	[NO_VERSION] = SAID(400, "malformed HTTP version"),
	[OTHER_VERSION] = SAID(505, "HTTP version is neither 1.0 nor 1.1"),
	[NO_STATUS] = SAID(400, "malformed status line"),
	[LEADING_BLANK] = SAID(400, "blank before the first field"),
	[OBS_FOLD] = SAID(400, "field continued on the next line"),
	[NO_NAME] = SAID(400, "field without a name"),
	[NAME_BYTE] = SAID(400, "byte not allowed in a field name"),
	[LONG_NAME] = SAID(431, "field name too long"),
	[BLANK_BEFORE_COLON] = SAID(400, "blank between field name and colon"),
	[NO_COLON] = SAID(400, "field line without a colon"),
	[MANY_FIELDS] = SAID(431, "too many fields"),
};

static const struct refusal *said(enum fault fault, bool response)
{
	return fault == FINE ? NULL : &faults[fault][response];
}

/* The byte at p stopped a scan. One that may stand nowhere is named; any other
 * is wrong only here. */
static enum fault fault_at(const char *p, enum fault here)
{
	if (*p == '\n')
		return BARE_LF;
	if (*p == '\r')
		return p[1] == '\n' ? here : BARE_CR;
	return is(*p, TEXT) ? here : CONTROL;
}

static enum fault fault_in_name(const struct head *h, const char *name, const char *p)
{
	enum fault fault;
	if (span_is_blank(*p) && p == name)
		return h->count ? OBS_FOLD : LEADING_BLANK;
	if (*p == ':')
		return NO_NAME;
	fault = fault_at(p, *p == '\r' ? NO_COLON : NAME_BYTE);
	if (fault != NAME_BYTE || !span_is_blank(*p))
		return fault;
	while (span_is_blank(*p))
		p++;
	return *p == ':' ? BLANK_BEFORE_COLON : NAME_BYTE;
}

bool head_name_is_plain(const struct head *h, unsigned i)
{
	const char *name = h->base + h->fields[i].name;

	return skip(name, PLAIN) == name + h->fields[i].name_len; /* a colon ends it */
}

/* --- where the head ends --------------------------------------------------- */

size_t head_end(const char *at, size_t len, size_t *seen)
{
	const char *p = at + *seen, *end = at + len;
	while (p < end && (p = memchr(p, '\n', (size_t)(end - p)))) {
		*seen = (size_t)(p - at); /* asked again we say the same */
		if (p == at || p[-1] != '\r')
			return *seen + 1;
		/* One empty line may come before a request (RFC 9112 2.2): only with
		 * something before it does an empty line end the head. */
		if (p - at >= 2 && p[-2] == '\n')
			return *seen + 1;
		p++;
	}
	*seen = len;
	return 0;
}

/* --- the field section ------------------------------------------------------ */

/* value .. stop is text and not trimmed yet: only SP and HTAB are not above SP. */
static inline void keep_field(struct head *h, const char *name, size_t name_len, const char *value, const char *stop)
{
	unsigned id = token_id(name, name_len), number = h->count;
	struct field *f = &h->fields[number];
	while (value < stop && (uint8_t)*value <= ' ')
		value++;
	while (value < stop && (uint8_t)stop[-1] <= ' ')
		stop--;
	f->name = (uint16_t)(name - h->base);
	f->name_len = (uint8_t)name_len;
	f->value = (uint16_t)(value - h->base);
	f->value_len = (uint16_t)(stop - value);
	f->id = (uint8_t)id;
	h->count = (uint8_t)++number;
	if (!h->first[id])
		h->first[id] = (uint8_t)number;
	else
		h->many |= (uint64_t)1 << id;
}

/* The next byte at p is the first of a field line or of the empty line, behind
 * which the head ends: that sets its length. With fold, which is the head again, continued
 * lines are joined in place. */
static inline enum fault read_fields(struct head *h, const char *p, const char *end, char *fold)
{
	while (*p != '\r') {
		const char *name = p, *value;
		size_t name_len;
		p = skip(p, TCHAR);
		name_len = (size_t)(p - name);
		if (*p != ':' || name_len == 0)
			return fault_in_name(h, name, p);
		if (name_len > NAME_MAX_BYTES)
			return LONG_NAME;
		if (h->count == GW_FIELDS)
			return MANY_FIELDS;
		value = ++p;
		if (*p == ' ')
			value = ++p; /* nearly always; the others go in keep_field */
		while (p = skip_text(p, end), *p == '\r' && p[1] == '\n' && fold && span_is_blank(p[2]))
			fold[p - h->base] = fold[p + 1 - h->base] = ' ';
		if (*p != '\r' || p[1] != '\n')
			return fault_at(p, CONTROL);
		keep_field(h, name, name_len, value, p);
		p += 2;
	}
	h->len = (uint32_t)(p + 2 - h->base);
	return p[1] == '\n' ? FINE : BARE_CR;
}

/* --- the start line ---------------------------------------------------------- */

#define VERSION_LEN 8 /* HTTP/x.y */

/* Sets h->version; the bytes from p to end are enough. */
static inline enum fault read_version(struct head *h, const char *p)
{
	if (memcmp(p, "HTTP/1.", 7) == 0 && (p[7] == '1' || p[7] == '0')) {
		h->version = (uint8_t)(10 + p[7] - '0');
		return FINE;
	}
	if (memcmp(p, "HTTP/", 5) == 0 && p[5] >= '0' && p[5] <= '9' && p[6] == '.' && p[7] >= '0' && p[7] <= '9')
		return OTHER_VERSION;
	return NO_VERSION;
}

/* Method SP target SP version CRLF (RFC 9112 3); *at is moved behind it. */
static inline enum fault read_request_line(struct head *h, const char **at)
{
	const char *p = *at, *start = p;
	p = skip(p, TCHAR);
	if (p == start || *p != ' ')
		return fault_at(p, NO_METHOD);
	h->name = span_of(start, (size_t)(p - start));
	h->method = (uint8_t)head_method(h->name);
	start = ++p;
	p = skip(p, VISIBLE);
	if (p == start || *p != ' ')
		return fault_at(p, *p == '\r' && p != start ? NO_VERSION : NO_TARGET);
	h->target = span_of(start, (size_t)(p - start));
	if (h->target.len > GW_TARGET)
		return LONG_TARGET;
	start = ++p;
	p = skip(p, VISIBLE);
	if (*p != '\r' || p[1] != '\n')
		return fault_at(p, NO_VERSION);
	if (p - start != VERSION_LEN)
		return NO_VERSION;
	*at = p + 2;
	return read_version(h, start);
}

/* Version SP status [SP reason] CRLF (RFC 9112 4). The SP is asked for even
 * without a reason; servers that leave it out are taken nevertheless. */
static inline enum fault read_status_line(struct head *h, const char **at, const char *end)
{
	const char *p = *at;
	enum fault fault;
	int i;
	if (end - p < VERSION_LEN + 6) /* SP, three digits, CRLF */
		return NO_STATUS;
	fault = read_version(h, p);
	if (fault)
		return fault;
	p += VERSION_LEN;
	if (*p++ != ' ')
		return NO_STATUS;
	for (i = 0; i < 3; i++, p++) {
		if (*p < '0' || *p > '9')
			return fault_at(p, NO_STATUS);
		h->status = (uint16_t)(h->status * 10 + (*p - '0'));
	}
	if (h->status < 100 || h->status > 599)
		return NO_STATUS;
	if (*p == ' ') {
		const char *reason = ++p;
		p = skip_text(p, end);
		h->reason = span_of(reason, (size_t)(p - reason));
	}
	if (*p != '\r' || p[1] != '\n')
		return fault_at(p, NO_STATUS);
	*at = p + 2;
	return FINE;
}

/* --- the whole ----------------------------------------------------------------- */

/* All but the fields, which are not read beyond count. */
static inline void begin(struct head *h, const char *at)
{
	memset(h, 0, offsetof(struct head, fields));
	h->base = at;
}

static inline enum fault read_request(struct head *h, const char *at, const char *end)
{
	enum fault fault;
	begin(h, at);
	if (at[0] == '\r' && at[1] == '\n')
		at += 2; /* one empty line before it (RFC 9112 2.2) */
	fault = read_request_line(h, &at);
	return fault ? fault : read_fields(h, at, end, NULL);
}

static inline enum fault read_response(struct head *h, char *at, const char *end)
{
	const char *p = at;
	enum fault fault;
	begin(h, at);
	fault = read_status_line(h, &p, end);
	return fault ? fault : read_fields(h, p, end, at);
}

/* What head_end has measured ends in four bytes that stop every loop above: a
 * line that is not the empty one ends before the last CRLF. */
static enum fault look_at_end(const char *at, size_t len)
{
	if (len > GW_HEAD)
		return TOO_LONG;
	if (len >= 4 && memcmp(at + len - 4, "\r\n\r\n", 4) == 0)
		return FINE;
	return len && at[len - 1] == '\n' && (len == 1 || at[len - 2] != '\r') ? BARE_LF : CUT_OFF;
}

const struct refusal *head_request(struct head *h, const char *at, size_t len)
{
	enum fault fault = look_at_end(at, len);
	if (!fault)
		fault = read_request(h, at, at + len);
	if (!fault && h->len != len)
		fault = CUT_OFF;
	return said(fault, false);
}

const struct refusal *head_response(struct head *h, char *at, size_t len)
{
	enum fault fault = look_at_end(at, len);
	if (!fault)
		fault = read_response(h, at, at + len);
	if (!fault && h->len != len)
		fault = CUT_OFF;
	return said(fault, true);
}

/* Here it is the zero behind the last byte that stops every loop. */
bool head_try_request(struct head *h, const char *at, size_t len)
{
	return len >= 4 && !read_request(h, at, at + len) && h->len <= GW_HEAD;
}

bool head_try_response(struct head *h, char *at, size_t len)
{
	return len >= 4 && !read_response(h, at, at + len) && h->len <= GW_HEAD;
}

/* SPDX-License-Identifier: MIT
 *
 * head - is this a well-formed start line and field section? (RFC 9112 2-5)
 *
 * Looks at bytes in a buffer it does not own. Knows grammar only; what lengths
 * and connections mean is frame's, where it goes is route's.
 */
#ifndef HEAD_H
#define HEAD_H

#include "../gateway.h"
#include "refusal.h"
#include "span.h"

/* The fields that somebody in gateway asks for by name. */
enum field_id {
	FIELD_OTHER,
	FIELD_ACCEPT,
	FIELD_ACCEPT_ENCODING,
	FIELD_ACCEPT_LANGUAGE,
	FIELD_AGE,
	FIELD_AUTHORIZATION,
	FIELD_CACHE_CONTROL,
	FIELD_CDN_CACHE_CONTROL,
	FIELD_CONNECTION,
	FIELD_CONTENT_LENGTH,
	FIELD_CONTENT_LOCATION,
	FIELD_CONTENT_TYPE,
	FIELD_COOKIE,
	FIELD_DATE,
	FIELD_ETAG,
	FIELD_EXPECT,
	FIELD_EXPIRES,
	FIELD_FORWARDED,
	FIELD_HOST,
	FIELD_HTTP2_SETTINGS,
	FIELD_IF_MATCH,
	FIELD_IF_MODIFIED_SINCE,
	FIELD_IF_NONE_MATCH,
	FIELD_IF_RANGE,
	FIELD_IF_UNMODIFIED_SINCE,
	FIELD_KEEP_ALIVE,
	FIELD_LAST_MODIFIED,
	FIELD_LOCATION,
	FIELD_MAX_FORWARDS,
	FIELD_ORIGIN,
	FIELD_PRAGMA,
	FIELD_PROXY_AUTHENTICATE,
	FIELD_PROXY_AUTHORIZATION,
	FIELD_PROXY_CONNECTION,
	FIELD_RANGE,
	FIELD_REFERER,
	FIELD_SEC_FETCH_MODE,
	FIELD_SEC_FETCH_SITE,
	FIELD_SET_COOKIE,
	FIELD_TE,
	FIELD_TRAILER,
	FIELD_TRANSFER_ENCODING,
	FIELD_UPGRADE,
	FIELD_USER_AGENT,
	FIELD_VARY,
	FIELD_VIA,
	FIELD_X_CLIENT_CERT_SUBJECT,
	FIELD_X_FORWARDED_FOR,
	FIELD_X_FORWARDED_HOST,
	FIELD_X_FORWARDED_PORT,
	FIELD_X_FORWARDED_PREFIX,
	FIELD_X_FORWARDED_PROTO,
	FIELD_X_REAL_IP,
	FIELD_IDS
};

enum method { METHOD_OTHER, METHOD_GET, METHOD_HEAD, METHOD_POST, METHOD_PUT, METHOD_DELETE, METHOD_OPTIONS, METHOD_TRACE, METHOD_CONNECT };

struct field {
	uint16_t name, value; /* offsets from head.base */
	uint16_t value_len;
	uint8_t name_len;
	uint8_t id; /* enum field_id */
};

struct head {
	const char *base;
	uint32_t len;    /* bytes up to and including the empty line */
	uint8_t version; /* 10 or 11 */
	uint8_t method;  /* enum method */
	uint16_t status; /* of a response */
	struct span name;   /* the method as text */
	struct span target; /* of a request, as it came */
	struct span reason; /* of a response */
	uint8_t first[FIELD_IDS]; /* number of the first such field plus 1; 0: there is none */
	uint8_t count;
	uint64_t many; /* bit 1 << id: there is more than one */
	struct field fields[GW_FIELDS]; /* only count of them are set */
};

/* How long is the head at the start of these bytes, its empty line included?
 * 0: it goes on after len. *seen (0 at first) remembers how far we looked, so
 * that a head that trickles in is looked at once. A line that does not end in
 * CRLF ends the head there, so that the parser refuses it without waiting. One
 * empty line at the start is part of the head (RFC 9112 2.2). */
size_t head_end(const char *at, size_t len, size_t *seen);

/* at[0..len) is what head_end measured. On NULL *h is set and points into at;
 * otherwise *h is not to be used. 400, 414 (target over GW_TARGET), 431 (over
 * GW_HEAD, GW_FIELDS or a name over 255), 505. Values are trimmed. Methods are
 * any token. Target: visible ASCII only, one SP before and after. One empty
 * line before the request line is passed over. */
const struct refusal *head_request(struct head *h, const char *at, size_t len);

/* The same for a response; every refusal has status 502. An obs-fold is taken
 * as one value with the line break inside turned to spaces (RFC 9112 5.2):
 * that is why at is not const. */
const struct refusal *head_response(struct head *h, char *at, size_t len);

/* The same without looking for the end first, for the head that came whole, as
 * nearly all do: bytes may follow it. at[len] must be there and be zero. False:
 * it goes on behind len, or is not well-formed; *h is not to be used, and
 * head_end and the calls above say which. */
bool head_try_request(struct head *h, const char *at, size_t len);
bool head_try_response(struct head *h, char *at, size_t len);

static inline struct span head_name(const struct head *h, unsigned i)
{
	return span_of(h->base + h->fields[i].name, h->fields[i].name_len);
}

static inline struct span head_value(const struct head *h, unsigned i)
{
	return span_of(h->base + h->fields[i].value, h->fields[i].value_len);
}

static inline bool head_has(const struct head *h, enum field_id id)
{
	return h->first[id] != 0;
}

/* Value of the first such field; {NULL, 0} when there is none. */
static inline struct span head_get(const struct head *h, enum field_id id)
{
	return h->first[id] ? head_value(h, h->first[id] - 1u) : span_of(0, 0);
}

/* Does it say where a request came from, or from whom? Only gateway and trusted
 * peers may, and of a certificate gateway alone. */
static inline bool head_is_origin(enum field_id id)
{
	switch (id) {
	case FIELD_FORWARDED:
	case FIELD_X_CLIENT_CERT_SUBJECT:
	case FIELD_X_FORWARDED_FOR:
	case FIELD_X_FORWARDED_HOST:
	case FIELD_X_FORWARDED_PORT:
	case FIELD_X_FORWARDED_PREFIX:
	case FIELD_X_FORWARDED_PROTO:
	case FIELD_X_REAL_IP:
		return true;
	default:
		return false;
	}
}

/* Does everybody read this field's name alike? '_' reads as '-' in a CGI backend, and
 * in some of them so does every byte that is neither letter nor digit. */
bool head_name_is_plain(const struct head *h, unsigned i);

/* FIELD_OTHER when nobody asks for this name. */
enum field_id head_id(struct span name);
enum method head_method(struct span name);

#endif

/* SPDX-License-Identifier: MIT
 *
 * frame - how long is this body, may the connection live on, which fields are
 * hop-by-hop?
 *
 * Knows what RFC 9110 and 9112 let a head say of its message and its
 * connection. Knows no bytes of bodies, no sockets and no routes. What two
 * readers could take in two ways is refused, not repaired.
 */
#include "frame.h"
#include "path.h"

/* More names in Connection than anybody sends; looking each up costs time. */
#define MOST_OPTIONS 32

enum fault {
	FINE,
	BOTH_LENGTHS,
	MANY_LENGTHS,
	BAD_LENGTH,
	MANY_CODINGS,
	BAD_CODING,
	OTHER_CODING,
	OLD_CODING,
	NO_HOST,
	MANY_HOSTS,
	BAD_HOST,
	MANY_OPTIONS,
	BAD_EXPECT,
	BAD_SWITCH
};

#define SAID(status, text) {{status, text}, {502, text}} /* of a request, of a response */

static const struct refusal faults[][2] = {
	[BOTH_LENGTHS] = SAID(400, "both content-length and transfer-encoding"),
	[MANY_LENGTHS] = SAID(400, "more than one content-length"),
	[BAD_LENGTH] = SAID(400, "malformed content-length"),
	[MANY_CODINGS] = SAID(400, "more than one transfer-encoding"),
	[BAD_CODING] = SAID(400, "malformed transfer-encoding"),
	[OTHER_CODING] = SAID(501, "transfer-encoding other than chunked"),
	[OLD_CODING] = SAID(400, "transfer-encoding in HTTP/1.0"),
	[NO_HOST] = SAID(400, "no host field"),
	[MANY_HOSTS] = SAID(400, "more than one host field"),
	[BAD_HOST] = SAID(400, "malformed host field"),
	[MANY_OPTIONS] = SAID(400, "too many connection options"),
	[BAD_EXPECT] = SAID(417, "expectation other than 100-continue"),
	[BAD_SWITCH] = SAID(400, "change of protocol without a fitting upgrade field"),
};

static const struct refusal *said(enum fault fault, bool response)
{
	return fault == FINE ? NULL : &faults[fault][response];
}

/* --- lengths (RFC 9112 6) -------------------------------------------------- */

/* "chunked" alone is taken. Anything else is refused; the difference is only
 * whether somebody could have meant it. */
static enum fault read_coding(struct span value)
{
	bool chunked = false, other = false;
	if (span_same(value, SPAN("chunked")))
		return FINE;
	if (value.len == 0 || value.at[value.len - 1] == ',')
		return BAD_CODING;
	while (value.len) {
		struct span coding = span_trim(span_cut(&value, ','));
		bool bare = span_find(coding, ';') == coding.len;
		struct span name = span_trim(span_cut(&coding, ';'));
		if (!span_is_token(name) || chunked)
			return BAD_CODING; /* chunked was not the last */
		chunked = span_same(name, SPAN("chunked"));
		if (chunked && !bare)
			return BAD_CODING; /* it has no parameters */
		other = other || !chunked;
	}
	return other ? OTHER_CODING : BAD_CODING;
}

/* Both kinds of message: sets f->kind to BODY_CHUNKED, or BODY_LENGTH with
 * f->length, and leaves it when the head says neither. */
static enum fault read_lengths(struct frame *f, const struct head *h)
{
	if (head_has(h, FIELD_TRANSFER_ENCODING)) {
		enum fault fault;
		if (head_has(h, FIELD_CONTENT_LENGTH))
			return BOTH_LENGTHS;
		if (h->version < 11)
			return OLD_CODING;
		if (h->many & FRAME_BIT(FIELD_TRANSFER_ENCODING))
			return MANY_CODINGS;
		fault = read_coding(head_get(h, FIELD_TRANSFER_ENCODING));
		if (fault)
			return fault;
		f->kind = BODY_CHUNKED;
	} else if (head_has(h, FIELD_CONTENT_LENGTH)) {
		if (h->many & FRAME_BIT(FIELD_CONTENT_LENGTH))
			return MANY_LENGTHS; /* identical ones too: others may read only one */
		if (!span_number(head_get(h, FIELD_CONTENT_LENGTH), &f->length) || f->length > INT64_MAX)
			return BAD_LENGTH;
		f->kind = BODY_LENGTH;
	}
	return FINE;
}

/* --- connection options (RFC 9110 7.6.1) ------------------------------------- */

struct options {
	bool close, keep_alive, upgrade;
	bool broken; /* some member is no token: nobody knows what was meant */
};

/* What becomes of these is not the client's to say: we read them ourselves, and
 * rewrite decides who may send them. */
static inline bool is_kept(enum field_id id)
{
	return id == FIELD_HOST || id == FIELD_VIA || head_is_origin(id);
}

/* Marks every field with this name. */
static void name_fields(struct frame *f, const struct head *h, struct span name)
{
	unsigned i;
	for (i = 0; i < h->count; i++)
		if (h->fields[i].name_len == name.len && !is_kept((enum field_id)h->fields[i].id) && span_same(head_name(h, i), name)) {
			f->named[i / 64] |= (uint64_t)1 << i % 64;
			f->names = true;
		}
}

static void read_option(struct frame *f, const struct head *h, struct span option, struct options *o)
{
	if (span_same(option, SPAN("keep-alive")))
		o->keep_alive = true;
	else if (span_same(option, SPAN("close")))
		o->close = true;
	else if (span_same(option, SPAN("upgrade")))
		o->upgrade = true;
	else if (span_is_token(option))
		name_fields(f, h, option);
	else
		o->broken = true;
}

static enum fault read_connection(struct frame *f, const struct head *h, struct options *o)
{
	unsigned i, count = 0;
	if (!head_has(h, FIELD_CONNECTION))
		return FINE;
	for (i = h->first[FIELD_CONNECTION] - 1u; i < h->count; i++) {
		struct span list = head_value(h, i);
		if (h->fields[i].id != FIELD_CONNECTION)
			continue;
		while (list.len) {
			struct span option = span_trim(span_cut(&list, ','));
			if (option.len == 0)
				continue;
			if (++count > MOST_OPTIONS)
				return MANY_OPTIONS;
			read_option(f, h, option, o);
		}
		if (!(h->many & FRAME_BIT(FIELD_CONNECTION)))
			break;
	}
	return FINE;
}

/* protocol-name ["/" version]. HTTP/2 inside a tunnel would be requests that
 * nobody checks, so it never goes up under any of its names. */
static bool may_switch_to(struct span protocol)
{
	struct span name = span_cut(&protocol, '/');
	if (!span_is_token(name) || (protocol.len && !span_is_token(protocol)))
		return false;
	return !span_starts_same(name, SPAN("h2")) && !span_same(name, SPAN("http"));
}

/* Is there an Upgrade field, and may all that it lists be switched to? */
static bool upgrade_is_fit(const struct head *h)
{
	bool some = false;
	unsigned i;
	if (!head_has(h, FIELD_UPGRADE))
		return false;
	for (i = 0; i < h->count; i++) {
		struct span list = head_value(h, i);
		if (h->fields[i].id != FIELD_UPGRADE)
			continue;
		while (list.len) {
			if (!may_switch_to(span_trim(span_cut(&list, ','))))
				return false;
			some = true;
		}
	}
	return some;
}

/* --- the rest of a request ------------------------------------------------------ */

/* RFC 9112 3.2. A name that is empty means no authority, which http does not
 * allow (RFC 9110 4.2.1). */
static enum fault read_host(struct frame *f, const struct head *h)
{
	unsigned port;
	if (!head_has(h, FIELD_HOST))
		return h->version < 11 ? FINE : NO_HOST;
	if (h->many & FRAME_BIT(FIELD_HOST))
		return MANY_HOSTS;
	return path_host(head_get(h, FIELD_HOST), &f->name, &port) && f->name.len ? FINE : BAD_HOST;
}

/* RFC 9110 10.1.1; from HTTP/1.0 clients it does not count. */
static enum fault read_expect(struct frame *f, const struct head *h)
{
	unsigned i;
	if (!head_has(h, FIELD_EXPECT))
		return FINE;
	for (i = 0; i < h->count; i++) {
		struct span list = head_value(h, i);
		if (h->fields[i].id != FIELD_EXPECT)
			continue;
		while (list.len) {
			if (!span_same(span_trim(span_cut(&list, ',')), SPAN("100-continue")))
				return BAD_EXPECT;
			f->expect = h->version >= 11;
		}
	}
	return FINE;
}

static enum fault read_request(struct frame *f, const struct head *h)
{
	struct options o = {0};
	enum fault fault;
	*f = (struct frame){.kind = BODY_NONE};
	if ((fault = read_host(f, h)) != FINE || (fault = read_lengths(f, h)) != FINE)
		return fault;
	if ((fault = read_connection(f, h, &o)) != FINE || (fault = read_expect(f, h)) != FINE)
		return fault;
	/* A proxy does not keep connections of HTTP/1.0 clients (RFC 9112 9.3). */
	f->persist = h->version >= 11 && !o.close && !o.broken;
	f->upgrade = h->version >= 11 && o.upgrade && !o.broken && upgrade_is_fit(h);
	return FINE;
}

/* --- a response --------------------------------------------------------------------- */

/* Whatever it says of lengths (RFC 9112 6.3). */
static bool has_no_body(const struct head *h, enum method method)
{
	return method == METHOD_HEAD || h->status < 200 || h->status == 204 || h->status == 304;
}

/* Which body it is, once the lengths are read. */
static void settle_body(struct frame *f, const struct head *h, enum method method)
{
	bool said_body = f->kind == BODY_CHUNKED || f->length > 0;
	if (has_no_body(h, method)) {
		f->kind = BODY_NONE;
		/* HEAD and 304 may say what a GET would get. From others it is a mistake, and
		 * what comes next may be a body all the same (RFC 9112 6.1, RFC 9110 8.6). */
		if (said_body && method != METHOD_HEAD && h->status != 304)
			f->persist = false;
	} else if (!head_has(h, FIELD_CONTENT_LENGTH) && f->kind != BODY_CHUNKED) {
		f->kind = BODY_CLOSE;
		f->persist = false;
	}
}

static enum fault read_response(struct frame *f, const struct head *h, enum method method)
{
	struct options o = {0};
	enum fault fault;
	*f = (struct frame){.kind = BODY_NONE};
	if ((fault = read_lengths(f, h)) != FINE || (fault = read_connection(f, h, &o)) != FINE)
		return fault;
	f->persist = !o.close && !o.broken && (h->version >= 11 || o.keep_alive);
	settle_body(f, h, method);
	if (h->status == 101) {
		if (h->version < 11 || !o.upgrade || !upgrade_is_fit(h))
			return BAD_SWITCH;
		f->upgrade = true;
		f->persist = false;
	}
	return FINE;
}

/* --- the whole -------------------------------------------------------------------------- */

const struct refusal *frame_request(struct frame *f, const struct head *h)
{
	return said(read_request(f, h), false);
}

const struct refusal *frame_response(struct frame *f, const struct head *h, enum method method)
{
	return said(read_response(f, h, method), true);
}

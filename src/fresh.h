/* SPDX-License-Identifier: MIT
 *
 * fresh - may this be stored, is it still fresh? (RFC 9111; 5861, 8246, 9213)
 *
 * Also: is a stored response what this request asks for, or does it need less
 * of it (RFC 9110 13 and 14)? Pure: the clock is an argument. Durations are
 * seconds, moments monotonic ms unless they say otherwise.
 */
#ifndef FRESH_H
#define FRESH_H

#include "head.h"
#include "text.h"

#define FRESH_LONG INT32_MAX /* seconds: a longer lifetime counts as this one (RFC 9111 1.2.2) */

/* What a route says of its cache. */
enum fresh_mode {
	FRESH_OFF,
	FRESH_OBEY,   /* cache = on: what the server says holds */
	FRESH_GIVE,   /* cache = 10m: who says nothing gets this lifetime */
	FRESH_FORCE   /* cache = 10m force: all get it, whatever they say */
};
enum fresh_cookies {
	FRESH_COOKIES_REFUSE, /* a response with Set-Cookie is not stored (FRESH_FORCE: as STRIP) */
	FRESH_COOKIES_STRIP,  /* it is, without that field */
	FRESH_COOKIES_KEEP    /* it is, with it */
};
struct fresh_rule {
	uint8_t mode;    /* enum fresh_mode */
	uint8_t cookies; /* enum fresh_cookies */
	bool ignore_reload; /* cache_ignore = reload: what clients ask of freshness counts for nothing */
	int32_t lifetime;     /* of FRESH_GIVE and FRESH_FORCE */
	int32_t stale_while;  /* stale_while_revalidate of servers that do not say one, for what has a lifetime; 0: none */
	int32_t stale_error;  /* stale_if_error, the same */
};

/* --- what the client wants (RFC 9111 5.2.1) ------------------------------------- */

struct fresh_wish {
	bool no_cache, no_store, only_if_cached;
	int32_t max_age;   /* -1: not said */
	int32_t min_fresh; /* 0: not said */
	int32_t max_stale; /* -1: not said; FRESH_LONG: any */
};
/* Pragma: no-cache counts when there is no Cache-Control. A directive that makes no
 * sense: the more careful reading (max-age=x is 0). With rule->ignore_reload
 * no_cache, max_age, min_fresh are as if not said. */
void fresh_wish(struct fresh_wish *w, const struct head *asked, const struct fresh_rule *rule);

/* --- what may be stored (RFC 9111 3) ---------------------------------------------- */

/* Of a stored response; lives in the shared arena. */
struct fresh_stored {
	int64_t born;          /* when its age was 0 (RFC 9111 4.2.3); may be negative */
	int64_t modified;      /* Last-Modified, s since 1970; 0: none that can be read */
	int64_t date;          /* Date, or when it came, s since 1970 */
	int32_t lifetime;      /* 0: stale from the start */
	int32_t stale_while;   /* it may be sent so long after that, while it is validated; 0: not */
	int32_t stale_error;   /* the same when validating fails */
	uint16_t status;
	uint16_t etag_at, etag_len;         /* value of ETag in its head text, quotes and W/ included; len 0: none */
	uint16_t modified_at, modified_len; /* the same of Last-Modified, as it came */
	bool for_all;          /* a request with credentials may be answered with it, or may have brought it (RFC 9111 3.5); by must-revalidate only if its lifetime was said, too */
	bool told;             /* the server itself has given it a lifetime over 0, or public: requests with a Cookie may be answered with it */
	bool validate;         /* never without validation (no-cache) */
	bool no_stale;         /* never stale (must-revalidate, proxy-revalidate, s-maxage) */
	bool immutable;        /* while it is fresh a client's max-age asks for nothing newer (RFC 8246 2.1) */
};

/* Who asks, as far as it matters to what may be shared. */
enum fresh_asker {
	FRESH_ANYBODY,
	FRESH_COOKIE,     /* with a Cookie of the server's own: what it gets without a word about caching may be personal */
	FRESH_AUTHORISED  /* with Authorization, a session of ours, a certificate */
};

struct fresh_times {
	int64_t clock;    /* s since 1970, when the response came */
	int64_t asked;    /* when the request went out */
	int64_t answered; /* when the response head was there */
};

/* NULL: it may be stored, and *s is set, but for etag_*, modified_* (see fresh_validators).
 * Else why not, static text of one to three words ("no-store", "private",
 * "Set-Cookie", "status", "no lifetime", ...). The request was a GET without
 * Range and without a body; its no-store counts too.
 * Order of what is obeyed: rule FORCE; CDN-Cache-Control (RFC 9213: when it is there
 * and well-formed it alone counts, and Expires does not); Cache-Control; Expires;
 * rule GIVE; heuristics: 10 % of Date - Last-Modified, at most a day, for the status
 * codes of RFC 9110 15.1 - with validators a response may be stored without any
 * lifetime, to be validated (told false, lifetime 0).
 * Conflicting or repeated directives: the more careful one. Statuses that may be
 * stored at all: 200 203 204 300 301 302 303 307 308 404 405 410 414 451 501; never 206,
 * 304 or one that may be about the request's other fields (400, 431, ...). GIVE, as heuristics do, is for
 * those of 15.1, and for what is said to be public. Vary: * is not stored, whatever the rule,
 * nor is a Vary that names a field which gateway itself writes from who the client is
 * (X-Forwarded-For, X-Real-IP, Forwarded, X-Client-Cert-Subject).
 * A Date from before 2001 is of a server without a clock: it counts as none, and for heuristics so does a
 * Last-Modified. Its age is what Age says and the
 * time that the answer took, whatever the two clocks show (RFC 9111 4.2.3 leaves that choice); only behind
 * a cache of HTTP/1.0 (Via) does Date count. With FORCE it is new when it comes, for_all and told: the key holds who asks. */
const char *fresh_store(struct fresh_stored *s, const struct head *asked, enum fresh_asker asker, const struct head *answer,
			const struct fresh_rule *rule, const struct fresh_times *t);

/* Is this field of the answer left out of what is stored? Age, Set-Cookie unless kept, what
 * no-cache="..." or private="..." names (not with FORCE), Proxy-Authenticate and its like (RFC 9111 3.1).
 * What is for one hop only is frame's to say. */
bool fresh_leaves_out(const struct head *answer, unsigned i, const struct fresh_rule *rule);

/* Sets etag_* and modified_* for this head text: a status line and field lines as
 * "Name: value CRLF", as they are stored. */
void fresh_validators(struct fresh_stored *s, struct span head_text);

/* --- Vary (RFC 9111 4.1) -------------------------------------------------------- */

/* Writes what must be equal in a later request, "" when Vary asks for nothing: for each
 * field named a line of its name in lower case, then ':' and its values, trimmed and
 * joined by ", ", when the request has it; LF ends each. Names that are part of the
 * key anyway (Host, X-Forwarded-Proto/-Host/-Port/-Prefix) are left out. out->full: too long. */
void fresh_vary(struct text *out, const struct head *asked, const struct head *answer);
/* Does this request say the same? */
bool fresh_vary_matches(struct span vary, const struct head *asked);

/* --- what may be used (RFC 9111 4) ------------------------------------------------ */

enum fresh_use {
	FRESH_HIT,         /* as it is */
	FRESH_HIT_STALE,   /* the same, though stale: the client takes it (max-stale) */
	FRESH_HIT_BEHIND,  /* stale-while-revalidate: as it is, and somebody validates it */
	FRESH_VALIDATE,    /* the server is to be asked first */
	FRESH_FOREIGN      /* not for this asker: as if it were not there */
};
enum fresh_use fresh_use(const struct fresh_stored *s, const struct fresh_wish *w, enum fresh_asker asker, int64_t now);
/* The server could not be asked, or failed (500, 502, 503, 504): may it be used (RFC 5861 4)? */
bool fresh_on_error(const struct fresh_stored *s, const struct fresh_wish *w, int64_t now);
int64_t fresh_age(const struct fresh_stored *s, int64_t now); /* at least 0 */
int64_t fresh_ttl(const struct fresh_stored *s, int64_t now); /* negative: stale since */

/* --- what of it is asked for (RFC 9110 13.2.2, 14) --------------------------------- */

enum fresh_part {
	FRESH_WHOLE,
	FRESH_NOT_MODIFIED,   /* 304 */
	FRESH_RANGE,          /* 206 */
	FRESH_UNSATISFIABLE   /* 416 */
};
/* etag and modified are those of the stored response (status 200, a GET or HEAD); length its body's.
 * If-None-Match (weak comparison) goes before If-Modified-Since; a Range counts for
 * GET only, one range of bytes only (several, or nonsense: WHOLE), and with If-Range
 * only if that is the same strong validator (or exactly this Last-Modified, which must
 * be at least a minute older than date). On FRESH_RANGE *first and *last are offsets, last included.
 * A stored response without Last-Modified was modified at its date (RFC 9111 4.3.2). length UINT64_MAX,
 * not known yet: no ranges. If-Match and If-Unmodified-Since are the server's to answer: who asks
 * them does not come here. */
enum fresh_part fresh_part(const struct head *asked, const struct fresh_stored *s, struct span etag, uint64_t length, uint64_t *first, uint64_t *last);

/* Do two entity tags name the same, weak or not (RFC 9110 8.8.3.2)? */
bool fresh_same_etag(struct span a, struct span b);

/* HTTP-date in its three forms (RFC 9110 5.6.7), s since 1970; false: it is none. A year
 * of two digits more than 50 years ahead of clock is of the past. */
bool fresh_date(struct span s, int64_t clock, int64_t *seconds);

#endif

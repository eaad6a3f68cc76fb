/* SPDX-License-Identifier: MIT
 *
 * key - which keys are there, where may they stand, and what may they say?
 */
#ifndef CONFIG_KEY_H
#define CONFIG_KEY_H

#include "config_word.h"

/* Where a key may stand. */
enum place {
	IN_GATEWAY = 1, /* [gateway] */
	IN_SITE = 2,    /* [site LABEL] */
	IN_ROUTE = 4,   /* [route LABEL] */
	IN_LINE = 8     /* a word "name=value" behind a target */
};

/* Of struct key's places: the feature (GW_TLS ...; 0: none), and its opposite. */
#define KEY_NEEDS(key) ((unsigned)(key)->places >> 4)
#define KEY_FOR(feature) (GW_##feature << 4)

enum key_kind { KEY_TEXT, KEY_TIME, KEY_SIZE, KEY_NUMBER, KEY_FLAG, KEY_BARE /* a word without value */ };

enum key_id {
	KEY_LISTEN,
	KEY_TRUSTED,
	KEY_WORKERS,
	KEY_CLIENTS,
	KEY_TLS_CLIENTS,
	KEY_HANDSHAKES,
	KEY_REQUESTS,
	KEY_PER_CLIENT,
	KEY_IDLE_LINKS,
	KEY_BUFFER,
	KEY_USER,
	KEY_GROUP,
	KEY_ACCESS_LOG,
	KEY_ERROR_LOG,
	KEY_LOG_FORMAT,
	KEY_HEAD_TIMEOUT,
	KEY_HANDSHAKE_TIMEOUT,
	KEY_IDLE_TIMEOUT,
	KEY_LINK_TIMEOUT,
	KEY_SEND_TIMEOUT,
	KEY_LINGER_TIMEOUT,
	KEY_DRAIN_TIMEOUT,
	KEY_RELOAD_TIMEOUT,
	KEY_RESOLVE_INTERVAL,
	KEY_HOST,
	KEY_STATE,
	KEY_CERT,
	KEY_KEY,
	KEY_CLIENT_CA,
	KEY_HSTS,
	KEY_ACME_DIR,
	KEY_SITE,
	KEY_PATH,
	KEY_TO,
	KEY_WHEN,
	KEY_TEXT_OF,
	KEY_TYPE,
	KEY_STATUS,
	KEY_WEIGHT,
	KEY_BACKUP,
	KEY_PROXY,
	KEY_HEADER,
	KEY_REQUEST_HEADER,
	KEY_ALLOW,
	KEY_DENY,
	KEY_CONNECT_TIMEOUT,
	KEY_RESPONSE_TIMEOUT,
	KEY_BODY_TIMEOUT,
	KEY_TUNNEL_TIMEOUT,
	KEY_FAIL_TIMEOUT,
	KEY_MAX_FAILS,
	KEY_TRIES,
	KEY_FORWARDED,
	KEY_VERIFY,
	KEY_VERIFY_NAME,
	KEY_CA,
	KEY_CLIENT_CERT,
	KEY_CLIENT_KEY,
	KEY_AUTH,
	KEY_REQUIRE,
	KEY_OPEN_TO,
	KEY_LOGIN,
	KEY_SESSION,
	KEY_USER_HEADER,
	KEY_COPY,
	KEY_LIMIT,
	KEY_BURST,
	KEY_CONNECTIONS,
	KEY_MAX_BODY,
	KEY_BANDWIDTH,
	KEY_CACHE,
	KEY_CACHE_OBJECT,
	KEY_CACHE_KEY,
	KEY_CACHE_IGNORE,
	KEY_CACHE_COOKIES,
	KEY_STALE_WHILE,
	KEY_STALE_ERROR,
	KEYS
};

struct key {
	struct span name;
	uint8_t id;     /* enum key_id */
	uint8_t kind;   /* enum key_kind */
	uint8_t places; /* enum place, any of them, and the feature that it needs (KEY_NEEDS) */
	bool many;      /* may be said several times; all count */
	int64_t low, high; /* of numbers; times in ms, sizes in bytes */
	int64_t standard;  /* when nobody says anything */
};

/* True (and said): this word needs a feature that the build has not (0: none is needed). */
bool key_is_missing(struct faults *f, int line, struct span word, unsigned feature);

/* One key as it was said. */
struct setting {
	const struct key *key;
	int line;
	int64_t number;   /* of all kinds that are numbers */
	struct span text; /* as it was written */
	struct setting *next;
};

/* What one section or route said, in the order of the file. */
struct level {
	struct setting *first;
	struct setting **end; /* NULL while there is none */
};

const struct key *key_of(enum key_id id);
/* NULL after a fault that names the nearest right one, or the place where it belongs. */
const struct key *key_find(struct faults *f, int line, struct span name, enum place where);
/* The nearest word that may stand there: ", did you mean '...'?" or "". In the arena. */
const char *key_hint(struct faults *f, struct span name, enum place where);
/* True, after a fault, for a word that a later version will know. */
bool key_is_later(struct faults *f, int line, struct span word);

/* Is it a value for this key? *value is set for kinds that are numbers. False after a fault. */
bool key_read(struct faults *f, int line, const struct key *key, struct span s, int64_t *value);

/* Reads the value and adds it to the level; a fault for a wrong value, and for
 * a second one where only one can count. */
void level_add(struct level *l, struct faults *f, int line, const struct key *key, struct span value);
/* NULL: it was not said. The next one with the same key: level_more. */
const struct setting *level_get(const struct level *l, enum key_id id);
const struct setting *level_more(const struct setting *s);
int64_t level_number(const struct level *l, enum key_id id, int64_t otherwise);

#endif

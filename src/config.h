/* SPDX-License-Identifier: MIT
 *
 * config - what did the user ask for?
 *
 * Made once from a file or from command-line words, then never changed; all of
 * it lives in one arena and goes with config_free. Everything that can be
 * worked out before the first request is worked out here. Times are ms.
 */
#ifndef CONFIG_H
#define CONFIG_H

#include "../gateway.h"
#include "fresh.h"
#include "head.h"
#include "password.h"
#include "session.h"
#include "tls.h"

/* A server that requests are sent to. The same authority named in several
 * places of the file is one server: its idle links and its health are shared. */
struct server {
	const char *name;  /* as the user wrote it: "192.168.1.2:5000", "unix:/run/a.sock"; for logs */
	const char *host;  /* to be resolved; NULL for a Unix socket or a literal address */
	const char *path;  /* of a Unix socket, or NULL */
	struct net address; /* when host and path are NULL; its port always */
	uint16_t number;   /* place in config.servers */
	uint8_t proxy;     /* PROXY protocol version to begin connections with; 0: none */
	const struct tls_server *tls; /* NULL: http */
};

struct target {
	const struct server *server;
	struct span base;  /* path that stands for the route's prefix; empty: the prefix is kept */
	uint16_t weight;   /* 1..1000 */
	bool backup;
	const char *text;  /* the URL as the user wrote it */
};

enum when_kind { WHEN_METHOD, WHEN_HEADER, WHEN_COOKIE, WHEN_QUERY, WHEN_FROM };

/* One condition; all of a route's must hold. */
struct when {
	uint8_t kind; /* enum when_kind */
	bool any;     /* only the presence of name is asked for */
	struct span name;
	struct span value; /* WHEN_METHOD: comma-separated list */
	const struct net *networks; /* WHEN_FROM: the client is in one of them */
	size_t network_count;
	struct span text; /* as the user wrote it: "query:mock=1" */
};

/* A field to set on a message, or, with remove, one to take away: the message's
 * own fields of this name go either way. */
struct edit {
	struct span name;
	struct span value;
	bool remove;
	enum field_id id;
};

/* An inner level replaces what an outer one says of the same name. */
struct edits {
	const struct edit *at;
	size_t count;
	struct span block; /* all that are set, ready to send: "Name: value CRLF"... */
};

/* --- who may pass ----------------------------------------------------------- */

struct user {
	struct span name;  /* visible bytes and blanks, no colon; at most SESSION_NAME */
	struct span hash;  /* password_refuse has nothing against it; ends in a zero */
	uint64_t logouts;  /* so far; config_complete reads them from the state directory */
	const char *file;  /* it stands there; NULL: in the configuration itself */
	int line;          /* there */
};

enum { USERS_LABEL = 32 };

/* A [users LABEL]. */
struct users {
	const char *label;  /* a token of at most USERS_LABEL bytes; also the realm */
	struct span cookie, secure_cookie; /* names of the session's cookie, without and with TLS: AUTH_COOKIE and label */
	struct user *at;    /* by name, each once */
	size_t count;       /* 0: nobody can log in (its file is empty) */
	uint16_t number;    /* place in config.users */
	int line;
};

/* NULL: there is nobody of that name. */
struct user *users_find(const struct users *u, struct span name);

/* Who may pass, with all that was said about it at one level. Two routes with the
 * same pointer ask for the same. */
struct auth {
	const struct users *users;   /* NULL: ask is asked */
	const struct target *ask;    /* forward-auth: this server says; its base is the path asked for. NULL: users */
	const struct span *require;  /* names of users that may pass; empty: all of users */
	size_t require_count;
	const struct net *open_to;   /* from there everybody may */
	size_t open_to_count;
	const struct span *copy;     /* fields of ask's answer that the server gets; Set-Cookie goes to the client */
	size_t copy_count;
	struct span user_header;     /* tells the server the user's name; empty: nothing does */
	int64_t session;             /* s that a session lasts */
	bool form;                   /* a page asks for the password, not the browser */
};

/* How many requests of one client: a bucket that holds burst and fills by one an interval. */
struct limit {
	uint32_t interval; /* between two requests in the long run, 1/16 ms */
	uint32_t burst;    /* so many at once */
	uint16_t number;   /* of this rule, from 1 on, among all limits and crowds */
	struct span text;  /* "10/s burst=20" */
};

/* How many requests of one client at a time. */
struct crowd {
	uint32_t most;
	uint16_t number; /* the same */
};

/* What a route keeps of its answers. */
struct cache_rule {
	struct fresh_rule fresh;
	uint64_t object;          /* bytes of the longest body that is stored; 0: an eighth of the cache */
	const struct span *drop;  /* parameters of a query that neither the key nor the server gets: names, '*' at the end for any rest */
	size_t drop_count;
	bool sort;                /* the order of parameters counts for nothing: key and server get them sorted by name */
	struct span identity;     /* what tells this route's answers from another's: its targets, conditions and request fields; survives a reload that leaves them as they are */
};

/* What can be said for all, for a site or for a route; each level inherits from the one above. */
struct options {
	struct edits request; /* request_header */
	struct edits response; /* header */
	const struct net *allow, *deny; /* empty allow: everybody; deny goes first. The innermost allow holds, deny adds up */
	size_t allow_count, deny_count;
	int64_t connect_timeout;  /* one connection attempt to one address */
	int64_t response_timeout; /* from the whole request sent to the response head */
	int64_t body_timeout;     /* between two parts of a body, both directions */
	int64_t tunnel_timeout;   /* of a quiet tunnel or event stream */
	int64_t fail_timeout;     /* a failing server is first left out for so long */
	int max_fails;            /* failures in a row until then; 0: never left out */
	int tries;                /* servers tried for one request, at most */
	bool forwarded;           /* send Forwarded (RFC 7239) too */
	bool checks;              /* one of the following is set */
	bool secret;              /* response.block keeps answers out of shared caches */
	const struct auth *auth;  /* NULL: nobody needs to log in */
	const struct limit *limit; /* NULL: none */
	const struct crowd *crowd; /* NULL: none */
	const struct cache_rule *cache; /* NULL: nothing is kept */
	uint64_t max_body;        /* payload bytes of a request; 0: any number */
	uint64_t bandwidth;       /* payload bytes a second, each way; 0: any number */
};

enum route_kind { ROUTE_PROXY, ROUTE_REDIRECT, ROUTE_REPLY };

struct route {
	const struct site *site;
	struct span prefix; /* normalised; begins and ends with '/' unless exact */
	const struct when *when;
	size_t when_count;
	const struct target *targets;
	uint16_t target_count;
	uint16_t number;       /* place in config.routes, counted over all sites */
	uint16_t group;        /* first target's number, counted over all targets of the configuration */
	uint8_t kind;          /* enum route_kind */
	uint16_t status;       /* of a redirect or a reply */
	struct span location;  /* of a redirect: URL; keeps the rest of the path when it ends in '/' */
	struct span text;      /* of a reply: its body */
	struct span type;      /* of a reply: its Content-Type; empty: the page for the status */
	struct options options;
	const char *label;     /* what the user wrote before '=', for tables and logs */
	int line;              /* in the file */
};

struct site {
	const char *label;
	const struct span *hosts; /* lower case, without port; "*.x" matches any labels before .x; "*" all */
	size_t host_count;
	struct route *const *routes; /* in the order to try: conditional ones in file order, then longest prefix first */
	size_t route_count;
	bool guarded; /* some route here has allow, deny or auth: every reading of a path counts */
	const struct users *const *users; /* that some route here asks for */
	size_t users_count;
	bool form;    /* some route here has a login page */
	bool secure;  /* it answers on some listener with TLS */
	struct tls_site tls;
	const char *const *cert_files; /* where each of tls.credentials comes from */
	struct span hsts; /* "max-age=31536000; includeSubDomains"; empty: not said */
	const char *own;  /* file of the certificate that we make for it ourselves; NULL: it has been given one, or needs none */
	const char *acme_dir; /* where challenges are answered from; NULL */
	int line;
};

struct listener {
	const char *text;     /* as the user wrote it, for messages and tables */
	struct net address;   /* NET_UNIX: see path */
	const char *path;     /* of a Unix socket */
	bool both;            /* IPv6 socket that takes IPv4 too */
	bool proxy;           /* a PROXY header comes first, from trusted peers */
	bool tls;
	bool redirect;        /* everything but ACME challenges goes to https */
	uint16_t https_port;  /* of a redirect: where that is */
	bool special;         /* something may be answered before any route: of the two above, or of a site's acme_dir, client_ca or form */
	const struct site *const *sites; /* that answer here */
	size_t site_count;
	int line;
};

enum log_format { LOG_COMBINED, LOG_JSON };

struct config {
	const char *file;
	struct listener *listeners;
	size_t listener_count;
	struct site *sites;
	size_t site_count;
	struct route *routes;
	size_t route_count;
	struct server *servers;
	size_t server_count;
	size_t target_count; /* over all routes */
	struct users *users;
	size_t users_count;
	bool guards;         /* some route asks who it is: exchanges need room for that */
	unsigned char key[SESSION_KEY]; /* of all sessions; config_complete reads it from the state directory, or makes it there */
	const struct net *trusted;
	size_t trusted_count;

	int workers;
	uint32_t clients;  /* connections from clients, per worker */
	uint32_t requests; /* requests at a time, per worker */
	struct tls_counts tls; /* per worker; all 0 when nobody speaks TLS */
	uint32_t per_client; /* connections of one address (IPv6: /64) */
	uint32_t idle_links; /* idle links kept to one server, per worker */
	uint32_t buffer;   /* bytes; at least GW_HEAD + 1024 */
	uint64_t cache;    /* bytes of the cache, all of it; 0: no route keeps anything */
	const char *user, *group; /* or NULL */
	const char *access_log; /* "stderr", "off", "syslog" or a file */
	const char *error_log;  /* the same */
	uint8_t log_format;     /* enum log_format */
	int64_t head_timeout;   /* from a request's first byte to its head's last */
	int64_t idle_timeout;   /* of a client connection between requests */
	int64_t handshake_timeout; /* of TLS with a client; waiting for a place may take as long */
	int64_t link_timeout;   /* of an idle link to a server */
	int64_t send_timeout;   /* a client takes nothing for so long */
	int64_t linger_timeout; /* RFC 9112 9.6 */
	int64_t drain_timeout;  /* what is under way when gateway ends */
	int64_t reload_timeout; /* what old workers still carry after a reload */
	int64_t resolve_interval; /* names are looked up again */

	const char *state;      /* directory for what gateway keeps, certificates of its own for one */
	const char *const *files; /* with certificates, keys, users, networks: a reload is due when one changes */
	const uint64_t *stamps;   /* platform_stamp of each, just before it was read */
	size_t file_count;
	size_t warnings;        /* said while it was loaded: it may run, but something will not work as meant */

	void *arena;                 /* private */
	const struct source *source; /* private */
	const struct faults *heard;  /* private */
};

/* Reads a file. NULL: messages ("file:line: ...", one a line, all of them) went
 * to the function; there is no partial configuration. */
typedef void config_say(void *user, const char *message);
struct config *config_load(const char *file, config_say *say, void *user);

/* From command-line words: ":8080 /nas/=http://192.168.1.2:5000/ ...". */
struct config *config_words(int count, char **words, config_say *say, void *user);

/* From the same text or words once more, whatever the file is by now; what its
 * certificates and keys are by now is what is new. */
struct config *config_again(const struct config *c, config_say *say, void *user);

/* Says what one made again warns of and the one before does not, and how many that
 * are. That a certificate has expired does not count when the one before has, too. */
size_t config_news(const struct config *c, const struct config *before, config_say *say, void *user);

/* Wipes what it held: there are private keys among it. */
void config_free(struct config *c);

/* Makes what is not there yet in c->state, certificates of its own and the key of
 * sessions, and reads who was logged out. False: why is in *error; the configuration
 * cannot run. True with words in *error: it can, but that should be known. Started twice at a time, one finds what the other has made. */
bool config_complete(struct config *c, struct text *error);

/* Ends all sessions of this user, in all [users] that know the name: once more in
 * the file of logouts in c->state. False: why is in *error, and *mistake says
 * whether it is the caller's (nobody has that name). */
bool config_logout(const struct config *c, struct span name, struct text *error, bool *mistake);

/* One certificate in use, for check and for the log. */
struct config_cert {
	const struct site *site;
	const struct credential *credential;
	const char *file;
	bool own; /* made by us */
};
/* Number of certificates in use; at most room are written. */
size_t config_certs(const struct config *c, struct config_cert *certs, size_t room);

/* The same from memory; the name is for messages. */
struct config *config_text(const char *file, struct span text, config_say *say, void *user);

/* What `gateway check` prints: public URL -> backend URL, then the listeners. */
void config_print(const struct config *c, struct text *out);

/* The name of a feature (GW_TLS ...). */
const char *config_feature(unsigned feature);

#endif

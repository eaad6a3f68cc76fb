/* SPDX-License-Identifier: MIT
 *
 * exchange - what happens to one request?
 *
 * An exchange is lent to a connection when a request's first byte is there and
 * goes back when nothing of a further one has come. A state is a thing it waits
 * for; everything between two waits is a row of calls.
 *
 * What is asked for most often stands first in each struct, flags before all: the
 * nearer it is, the shorter the instruction that gets it.
 */
#ifndef EXCHANGE_H
#define EXCHANGE_H

#include "backend.h"
#include "cache.h"
#include "flow.h"
#include "path.h"
#include "rewrite.h"
#include "share.h"
#include "route.h"
#include "verify.h"

/* What all exchanges of a worker have in common. */
struct env {
	const struct config *config;
	struct log *access, *error;
	struct share *share;
	struct share_slot *slot; /* of this worker in share */
	struct tls_kit *tls; /* NULL: nobody speaks it */
	uint32_t verifying; /* exchanges that have asked the password process */
	uint32_t pausing;   /* those that wait for the moment to say that it was wrong */
	int slot_number;
	int shakes;       /* steps of TLS handshakes with servers that this turn may still take */
	bool cache_moved; /* something was written to the cache: others of this worker may have waited for it */
	bool draining;    /* connections end with their next answer */
	struct pool *conns, *exchanges; /* for errands: places of their own, one of each */
	struct list *busy;  /* connections with an exchange */
	struct cache_user cache; /* no arena: nothing is kept */
	uint32_t *readers;       /* numbers of the cache's readers that nobody has */
	uint32_t reader_count;   /* so many */
	int64_t now;      /* monotonic ms, as of this turn */
	int64_t now_us;
	int64_t clock;    /* seconds since 1970, as of this turn */
	uint64_t id_seed; /* of request ids */
	uint64_t id_count;
	struct backend backend;
	struct verify verify;
	struct ducts ducts;
};

/* A connection from a client. Cheap: thousands may be quiet. */
struct conn {
	struct link link;
	struct node node;          /* in the worker's list for its state */
	struct exchange *exchange; /* NULL while quiet */
	const struct listener *listener;
	int64_t since;             /* of its state, monotonic ms */
	struct net peer;           /* who is connected, or whom a PROXY header named */
	uint16_t port;             /* it connected to; 0: not known */
	int64_t waits_since;       /* for an exchange; 0: it does not */
	int64_t paced_at;          /* when budgets were last filled, ms; 0: it has none yet */
	uint64_t up_budget, down_budget; /* what the last request left of them */
	uint8_t state;             /* the worker's */
	bool counted;              /* in share's table of addresses */
	bool trusted;              /* the peer may say for whom it speaks */
	bool greeting;             /* a PROXY header is to come first */
	bool secure;               /* TLS is to begin */
	bool now;                  /* it can go on without waiting */
	uint8_t text_len;
	char text[NET_TEXT];       /* of peer, without port */
};

enum exchange_state {
	EXCHANGE_HEAD,    /* the rest of the request head */
	EXCHANGE_FORM,    /* the rest of a login page's form */
	EXCHANGE_VERIFY,  /* the password process */
	EXCHANGE_PAUSE,   /* the moment to say that a password was wrong */
	EXCHANGE_JOIN,    /* another request, which asks the server for the same */
	EXCHANGE_CONNECT, /* a link to a server, or its name */
	EXCHANGE_AWAIT,   /* the response head; the request body may still go up */
	EXCHANGE_RELAY,   /* the rest of the response; the same */
	EXCHANGE_REPLY,   /* the client taking a reply of our own */
	EXCHANGE_SERVE,   /* the client taking a body from the cache, and that body getting there */
	EXCHANGE_FILL,    /* an errand: the rest of a body that goes into the cache */
	EXCHANGE_TUNNEL,  /* bytes either way */
	EXCHANGE_OVER     /* nothing: see end */
};

enum exchange_end {
	EXCHANGE_QUIET,  /* the connection may live on, nothing of a next request is there */
	EXCHANGE_NEXT,   /* it lives on, and something of the next request is there */
	EXCHANGE_CLOSE,  /* it ends at once */
	EXCHANGE_LINGER, /* it ends after the client has read all (RFC 9112 9.6) */
	EXCHANGE_RESET   /* it ends so that the client sees that something is missing */
};

/* What is to be known of who sends a request, and what waits on that: exchanges have
 * room for it where the configuration guards anything. exchange_guard begins it anew. */
struct guard {
	bool inside;               /* it may pass already: only whose the credentials are is open */
	bool by_form;              /* they came in a form, else in Authorization */
	bool counted;              /* as a try, until it turns out right */
	bool queued;               /* counted in env->verifying */
	bool pauses;               /* counted in env->pausing */
	const struct users *users; /* whose credentials count */
	const struct user *user;   /* who has logged in; NULL: nobody */
	struct span name, password; /* as they were given, in `back` */
	struct span to;            /* of a form: where to go on to; the same */
	int64_t until;             /* a wrong one is not answered before, ms */
	struct verify_tag tag;     /* of the credentials that are looked at */
	struct guards asks;        /* all to be satisfied */
	struct text up, down;      /* fields that the server, that the client gets, in the rooms below */
	char up_room[GW_COPIED];
	char down_room[GW_COPIED / 2];
};

/* Why the server is asked although there is a cache (RFC 9211 2.2). */
enum keep_fwd { KEEP_FWD_NONE, KEEP_FWD_BYPASS, KEEP_FWD_METHOD, KEEP_FWD_URI, KEEP_FWD_VARY, KEEP_FWD_MISS /* what there is is not for the one who asks */, KEEP_FWD_STALE, KEEP_FWD_REQUEST };

enum { KEEP_CONDITIONS = 640, KEEP_STATUS = 192 };

/* What a request has to do with the cache: exchanges have room for it where a route
 * keeps anything. exchange_keep begins it anew. */
struct keep {
	uint16_t fwd_status;      /* what the server said; 0: nothing */
	uint8_t asker;            /* enum fresh_asker */
	uint8_t fwd;              /* enum keep_fwd */
	uint8_t joins;            /* how often it has waited for others */
	bool cached;              /* the request is one that a cache may answer: key and query are settled */
	bool may_store;           /* the answer may be kept */
	bool invalidates;         /* an unsafe method: what we have of this URL is void */
	bool validates;           /* the server is asked whether found still holds */
	bool collapsed;           /* it shares the answer to another request */
	bool stored;              /* the answer is being kept */
	bool stalled;             /* nothing can be written now: the slowest reader has to go on */
	bool part;                /* a Range is asked for */
	uint32_t epoch;           /* of the URL, when the server was asked (cache_epoch) */
	const struct cache_rule *rule;
	const char *word;         /* for the log */
	const char *detail;       /* why it was not stored; NULL */
	struct cache_found found; /* pinned: what is sent, validated, or waited for */
	struct cache_fill fill;   /* what is written */
	struct cache_read read;   /* of found, on its way to the client */
	struct fresh_wish wish;
	int64_t stalled_since;    /* no room to write, ms; 0: there is */
	int64_t unread_since;     /* nobody reads what is written, ms; 0: somebody does */
	int64_t look_at;          /* when to look again whether others have got on, ms; 0: we are told */
	struct text conditions;   /* for the server, in the room below */
	char conditions_room[KEEP_CONDITIONS];
	char status_room[KEEP_STATUS]; /* the member of Cache-Status */
};

/* What is of one request only: zeroed whole. */
struct request {
	uint8_t state;        /* enum exchange_state */
	uint8_t end;          /* enum exchange_end */
	bool close;           /* no further request on this connection */
	bool stream;          /* an event stream: may be silent for long */
	bool interim;         /* a 1xx head is on its way down */
	bool fresh;           /* no idle link for this attempt */
	bool up_over;         /* no more of the request goes up: done, or the server takes no more */
	bool heard;           /* this server has answered, a byte at least */
	bool resumed;         /* the TLS session was */
	bool hide_authorization; /* it was for us */
	bool errand;          /* nobody waits for it at the other end: it fetches for the cache */
	bool consulting;      /* up is the server that says who may pass (forward-auth) */
	bool crowded;         /* counted for route->options.crowd */
	bool paced;           /* its flows have budgets */
	bool answering;       /* a final head has been composed: nothing else may be answered */
	uint8_t interims;     /* 1xx answers so far */
	uint8_t tries;        /* servers asked */
	uint8_t address;      /* attempts at addresses of this server */
	uint16_t status;      /* for the log */
	size_t seen;          /* head_end's */
	uint32_t tried;       /* bit for each target asked */
	const char *why;      /* it failed; for the log */
	const char *suite;    /* of TLS; NULL: plain */
	const struct site *site;
	const struct route *route;
	const struct target *target;
	struct guard *guard;  /* NULL: the request is not guarded */
	struct keep *keep;    /* NULL: its route keeps nothing */
	struct upstream *up;
	struct span host;     /* as it goes up */
	struct span hsts;     /* Strict-Transport-Security of the answer; empty: none */
	int64_t since;        /* of the state, ms */
	int64_t window;       /* start of the span of time in which something must move */
	int64_t moved_at;     /* when something last moved */
	uint64_t moved;       /* bytes, at the start of the window */
	int64_t pace_at;      /* when exchange_is_slow last looked */
	uint64_t pace;        /* bytes that had moved then */
	int64_t held_since;   /* a flow waits for its budget, ms; 0: none does */
	int64_t began_us;     /* for the log */
	int64_t asked_us;
	int64_t answered_us;
	struct net client;    /* the request is from, as trusted proxies say */
	struct asker asker;
	struct frame frame;   /* of the request */
	struct frame answer;  /* of the response */
	struct path path;
	struct flow up_flow, down_flow;
	char client_text[NET_TEXT];
	char id[8];           /* empty (0) until it is asked for */
};

struct exchange {
	struct env *env;
	struct conn *conn;
	struct request r;
	struct buf in;        /* from the client: the request head stays at its front */
	struct buf back;      /* from the server */
	struct head asked;    /* of this request, in `in` */
	struct head answered; /* of this response, in `back` */
	char *out;            /* a composed head on its way, either way: GW_HEAD_OUT */
	char *path_room;      /* a normalised path: GW_TARGET */
	struct guard *guard_room; /* NULL: nothing is guarded */
	struct keep *keep_room;   /* NULL: nothing is kept */
};

/* Bytes of memory of one exchange, buffers included. */
size_t exchange_bytes(const struct config *c);
/* `memory` is a block of that many bytes, not yet used (or used by another exchange before). */
struct exchange *exchange_open(void *memory, struct env *env, struct conn *conn);
/* After EXCHANGE_NEXT: begins with what is there. */
void exchange_next(struct exchange *x);
/* An errand that others wait for: they read what it fetches. */
bool exchange_is_needed(const struct exchange *x);
/* What was waited for in the cache may be there. */
bool exchange_waits_for_cache(const struct exchange *x);
/* Gives back what it has borrowed. The connection stays as it is. */
void exchange_close(struct exchange *x);

/* A PROXY header has said from whom the connection is. False: that address has
 * too many already. */
bool exchange_greet(struct env *env, struct conn *conn, const struct net *from);

/* Goes on as far as it can without waiting. Afterwards, if the state is
 * EXCHANGE_OVER, r.end says what is to become of the connection. */
void exchange_step(struct exchange *x);

/* Nothing of a request has come: the exchange can be given back. */
static inline bool exchange_is_quiet(const struct exchange *x)
{
	return x->r.state == EXCHANGE_HEAD && buf_held(&x->in) == 0 && !link_is_midway(&x->conn->link);
}

/* What to wait for, on the client's link and (if there is one) the server's. */
short exchange_wants_client(const struct exchange *x);
short exchange_wants_server(const struct exchange *x);
/* When it has waited too long, monotonic ms. */
int64_t exchange_deadline(const struct exchange *x);
/* The deadline has come: ends it, tries elsewhere, or sees that it was moving. */
void exchange_expire(struct exchange *x);

/* Does it hold its place only because the client is slow? To be asked several
 * times a second while places are short, since the pace is taken from call to
 * call. It may then be made to give way, and is over. */
bool exchange_is_slow(struct exchange *x);
void exchange_give_way(struct exchange *x);

#endif

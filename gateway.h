/* SPDX-License-Identifier: MIT
 *
 * gateway - how big is this gateway, and what does it cost in memory?
 *
 * Every limit that is not in the configuration stands here, once. A build for
 * a very small machine changes this file; GW_TINY is the test build with the
 * smallest limits that still do the work, so that every edge is walked over.
 */
#ifndef GATEWAY_H
#define GATEWAY_H

#define GW_VERSION "0.1.0"
#define GW_VIA "gateway" /* our pseudonym in Via (RFC 9110 7.6.3) */
#define GW_BUILT 1795392000 /* seconds since 1970: no clock is right that shows less (2026-11-23) */

/* What this build can do (make FEATURES="tls cache"): constants, so that the compiler
 * and the linker drop what is left out. The Makefile knows the numbers, config_key
 * the names. */
#define GW_TLS 1     /* HTTPS on both sides */
#define GW_AUTH 2    /* passwords, log-ins, forward-auth */
#define GW_CACHE 4
#define GW_EXPLAIN 8 /* explain, and what check prints of the routes */
#ifndef GW_FEATURES
#define GW_FEATURES (GW_TLS | GW_AUTH | GW_CACHE | GW_EXPLAIN)
#endif
#define GW_HAS(feature) (((GW_FEATURES) & GW_##feature) != 0)

#ifdef GW_TINY
#define GW_BUFFER 3072 /* default of `buffer`: bytes of one exchange's buffer */
#define GW_HEAD 2048   /* longest head, start line and empty line included */
#define GW_TARGET 1024 /* longest request target */
#define GW_FIELDS 48   /* fields in one head */
#define GW_DUCT_AFTER 64 /* payload bytes after which a body counts as long */
#define GW_BLOCK 256   /* bytes of a block of the cache */
#define GW_RECV 1      /* bytes asked of the kernel in one read; 0: all room */
#define GW_CLIENTS 16  /* default of `clients` */
#define GW_REQUESTS 8  /* default of `requests` */
#define GW_ERRANDS 4   /* places beside `requests` for what is fetched into the cache without a client */
#else
#define GW_BUFFER 16384
#define GW_HEAD 8192
#define GW_TARGET 6144
#define GW_FIELDS 100
#define GW_DUCT_AFTER 131072
#define GW_BLOCK 1024
#define GW_RECV 0
#define GW_CLIENTS 512
#define GW_REQUESTS 128
#define GW_ERRANDS 16
#endif

#define GW_HEAD_OUT (GW_HEAD + 4096) /* a head as we send it: theirs and our fields */
#define GW_CHUNK_LINE 256            /* longest chunk-size line with extensions */
#define GW_ADDRESSES 8               /* addresses kept of one backend name */
#define GW_TARGETS 32                /* servers in one balanced group */
#define GW_DUCTS 8                   /* pipes for long bodies, per worker: two descriptors each */
#define GW_WORKERS 32                /* most workers of one configuration */
#define GW_NAME 256                  /* host name and its final zero */
#define GW_PEER_CERT 6144            /* longest certificate of a peer's own (not of its authorities) */
#define GW_SUBJECT 512               /* longest subject of a client's certificate, as text */
#define GW_COPIED 4096               /* fields that a log-in brings with it, for the server, a token among them; half of it for the client */
#define GW_LOOP 8                    /* our own Via this often is a loop (508) */
#define GW_LOG_BUFFER 32768         /* log bytes held while the log cannot be written */

#endif

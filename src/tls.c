/* SPDX-License-Identifier: MIT
 *
 * tls - what must be true before plaintext passes?
 *
 * Knows BearSSL's engine. Knows no sockets, no clock, no configuration.
 *
 * Whose buffers: while hands are being shaken the engine has those of struct
 * shake. Then it has none, but two bytes that stand for them, and is lent real
 * ones as soon as bytes are to be put into one; tls_rest takes back what is
 * empty. BearSSL has no call for that, so ibuf and obuf are set from here. It
 * is safe when the engine has no byte in the buffer and none announced:
 *
 *   input   ixa == 0, ixb == 0, ixc == 5: it waits for the first byte of a header
 *   output  oxa == oxc, oxa < oxb: it gathers plaintext, and has none
 *
 * Both are lent before record bytes are taken: an alert may answer them.
 */
#include "tls_parts.h"

enum { IO_FAILED = 0, IO_IN = 1, IO_INOUT = 3 }; /* BearSSL's iomode */

enum {
	FINISHED = 37,         /* least length of a Finished record in our suites */
	LAST_FLIGHT = 6 + FINISHED, /* and of the ChangeCipherSpec before it */
	HANDSHAKE = 22,
	CHANGE_CIPHER_SPEC = 20, /* types of records */
	APPLICATION_DATA = 23,
	NO_NAME = 112          /* alert unrecognized_name (RFC 6066 3) */
};

static unsigned char no_input[1], no_output[1]; /* different: equal ones would mean one buffer for both ways */

/* --- buffers ------------------------------------------------------------------ */

static bool input_is_empty(const br_ssl_engine_context *e)
{
	return e->ixa == 0 && e->ixb == 0 && e->ixc == 5;
}

static bool output_is_empty(const br_ssl_engine_context *e)
{
	return e->oxa == e->oxc && e->oxa < e->oxb;
}

/* As BearSSL prepares a buffer for plaintext that is to come. */
static void prepare_output(struct tls *t, unsigned char *at, size_t len, unsigned most)
{
	br_ssl_engine_context *e = t->eng;
	size_t start = 5, end = len - 5;

	if (e->peer_log_max_frag_len && most > 1u << e->peer_log_max_frag_len)
		most = 1u << e->peer_log_max_frag_len; /* the client asked for no longer ones (RFC 6066 4) */
	e->obuf = at;
	e->obuf_len = len;
	e->max_frag_len = (uint16_t)most;
	e->out.vtable->max_plaintext(&e->out.vtable, &start, &end);
	if (end - start > most)
		end = start + most;
	e->oxa = e->oxc = start;
	e->oxb = end;
}

static void return_output(struct tls *t)
{
	if (t->out)
		pool_return(t->large ? &t->kit->large : &t->kit->out, t->out);
	t->out = NULL;
	t->large = false;
	t->eng->obuf = no_output;
}

static bool lend_output(struct tls *t, size_t want)
{
	bool small = t->out && !t->large;

	if (t->shake || (t->out && !(small && want > OUT_SMALL && output_is_empty(t->eng))))
		return true;
	if (want > OUT_SMALL) {
		unsigned char *large = pool_borrow(&t->kit->large);

		if (large) {
			return_output(t);
			t->out = large;
			t->large = true;
			prepare_output(t, large, RECORD_LARGE, OUT_LARGE);
			return true;
		}
	}
	if (small)
		return true;
	t->out = pool_borrow(&t->kit->out);
	if (t->out)
		prepare_output(t, t->out, RECORD_OUT, OUT_SMALL);
	return t->out;
}

static void return_input(struct tls *t)
{
	if (t->in)
		pool_return(&t->kit->in, t->in);
	t->in = NULL;
	t->eng->ibuf = no_input;
}

static bool lend_input(struct tls *t)
{
	if (t->shake || t->in)
		return true;
	t->in = pool_borrow(&t->kit->in);
	if (!t->in)
		return false;
	t->eng->ibuf = t->in;
	t->eng->ibuf_len = RECORD_IN;
	return true;
}

void tls_rest(struct tls *t)
{
	br_ssl_engine_context *e = t->eng;

	if (t->shake)
		return;
	if (e->iomode == IO_FAILED || ((e->iomode == IO_IN || e->iomode == IO_INOUT) && input_is_empty(e)))
		return_input(t);
	if (e->iomode == IO_FAILED || (e->iomode == IO_INOUT && output_is_empty(e)))
		return_output(t);
}

/* --- life -------------------------------------------------------------------------- */

static void return_shake(struct tls *t)
{
	if (!t->shake)
		return;
	if (t->accepted) {
		span_wipe(t->shake, offsetof(struct shake, witness));
		pool_return(&t->kit->handshakes, t->shake);
	} else {
		span_wipe(t->shake, sizeof *t->shake);
		pool_return(&t->kit->greetings, t->shake);
	}
	t->shake = NULL;
	t->eng->x509ctx = NULL;
	t->eng->ibuf = no_input;
	t->eng->obuf = no_output;
}

static struct tls *new_tls(struct tls_kit *kit, struct pool *pool, struct pool *shakes)
{
	struct shake *shake = pool_borrow(shakes);
	struct tls *t = shake ? pool_borrow(pool) : NULL;

	if (!t) {
		if (shake)
			pool_return(shakes, shake);
		return NULL;
	}
	*t = (struct tls){.kit = kit, .shake = shake};
	t->eng = (br_ssl_engine_context *)(void *)(t + 1); /* first in both contexts */
	return t;
}

static void begin(struct tls *t)
{
	br_ssl_engine_context *e = t->eng;
	unsigned char entropy[32];

	br_ssl_engine_set_buffers_bidi(e, t->shake->in, SHAKE_IN, t->shake->out, SHAKE_OUT);
	e->max_frag_len = 2048;
	e->log_max_frag_len = 14; /* as client: do not ask for short records */
	br_hmac_drbg_generate(&t->kit->random, entropy, sizeof entropy);
	br_ssl_engine_inject_entropy(e, entropy, sizeof entropy);
	span_wipe(entropy, sizeof entropy);
}

bool tls_may_accept(const struct tls_kit *kit)
{
	return kit->accepted.lent < kit->accepted.count;
}

bool tls_may_shake(const struct tls_kit *kit)
{
	return kit->handshakes.lent < kit->handshakes.count;
}

struct tls *tls_accept(struct tls_kit *kit, void *listener)
{
	struct tls *t = new_tls(kit, &kit->accepted, &kit->handshakes);
	br_ssl_server_context *s;

	if (!t)
		return NULL;
	s = tls_server_context(t);
	t->accepted = true;
	t->listener = listener;
	t->policy = &tls_policy_class;
	t->cache = &tls_cache_class;
	if (kit->subjects)
		t->subject = (char *)(s + 1);
	*s = kit->server;
	br_ssl_server_set_policy(s, &t->policy);
	br_ssl_server_set_cache(s, &t->cache);
	begin(t);
	br_ssl_server_reset(s);
	t->eng->version_out = BR_TLS12; /* of alerts before there is one in common */
	return t;
}

static void keep_session(struct tls *t)
{
	br_ssl_session_parameters p;

	br_ssl_engine_get_session_parameters(t->eng, &p);
	t->resumed = t->session->policy && memcmp(p.session_id, t->session->id, sizeof t->session->id) == 0;
	t->session->policy = p.session_id_len == sizeof t->session->id;
	tls_session_put(t->session, &p);
	span_wipe(&p, sizeof p);
}

static void show_credential(struct tls *t, const struct credential *c)
{
	br_ssl_client_context *cc = tls_client_context(t);

	if (c->key_type == BR_KEYTYPE_RSA)
		br_ssl_client_set_single_rsa(cc, c->chain, c->chain_len, &c->rsa, t->kit->rsa_sign);
	else
		br_ssl_client_set_single_ec(cc, c->chain, c->chain_len, &c->ec, BR_KEYTYPE_SIGN, c->issuer_key_type, br_ec_get_default(),
					    t->kit->ec_sign);
}

struct tls *tls_connect(struct tls_kit *kit, const struct tls_server *server, struct tls_session *session)
{
	if (!GW_HAS(TLS))
		return NULL;

	struct tls *t = new_tls(kit, &kit->connected, &kit->greetings);
	br_ssl_client_context *c;

	if (!t)
		return NULL;
	c = tls_client_context(t);
	t->server = server;
	t->session = session;
	*c = kit->client;
	tls_watch_server(t);
	if (server->credential)
		show_credential(t, server->credential);
	begin(t);
	if (session->policy) {
		br_ssl_session_parameters p;

		tls_session_get(session, &p);
		br_ssl_engine_set_session_parameters(t->eng, &p);
		span_wipe(&p, sizeof p);
	}
	br_ssl_client_reset(c, server->literal ? "" : server->name, session->policy != 0);
	return t;
}

void tls_close(struct tls *t)
{
	struct tls_kit *kit = t->kit;
	bool accepted = t->accepted;

	return_shake(t);
	return_input(t);
	return_output(t);
	if (accepted)
		span_wipe(t, sizeof *t + sizeof(br_ssl_server_context));
	else
		span_wipe(t, sizeof *t + sizeof(br_ssl_client_context));
	pool_return(accepted ? &kit->accepted : &kit->connected, t);
}

/* --- what has become of it ----------------------------------------------------------- */

static void fail(struct tls *t, const char *why)
{
	if (!t->why)
		t->why = why;
	t->eng->iomode = IO_FAILED;
}

/* BearSSL falls silent at most failures; while that can be done in clear, the
 * peer is told. */
static void say_last(struct tls *t, uint8_t alert)
{
	if (!alert || t->last_len || !t->shake || t->eng->out.vtable != &br_sslrec_out_clear_vtable)
		return;
	memcpy(t->last, (unsigned char[]){21, 3, 3, 0, 2, 2, alert}, sizeof t->last);
	t->last_len = sizeof t->last;
}

static void end_shaking(struct tls *t)
{
	size_t len;

	if (!(t->eng->application_data & 1) || br_ssl_engine_sendrec_buf(t->eng, &len) || !input_is_empty(t->eng))
		return;
	if (t->accepted)
		tls_check_resumed(t);
	else
		keep_session(t);
	if (t->why)
		t->eng->iomode = IO_FAILED;
	return_shake(t);
}

/* BearSSL says no to a renegotiation as soon as it can send, and reads nothing
 * but plaintext until then: a second one would wait for ever. */
static bool is_stuck(const br_ssl_engine_context *e)
{
	return e->application_data == 1 && e->record_type_in != APPLICATION_DATA && e->ixa != e->ixb;
}

static void look(struct tls *t)
{
	int error;

	if (t->eng->iomode != IO_FAILED) {
		/* it would say handshake_failure; what is the matter is said better */
		if (t->shake && t->accepted && t->why && !t->site)
			say_last(t, NO_NAME);
		if (t->shake)
			end_shaking(t);
		else if (is_stuck(t->eng))
			fail(t, "TLS: the peer renegotiates again and again");
		return;
	}
	error = br_ssl_engine_last_error(t->eng);
	if (error == BR_ERR_OK)
		return;
	if (error < BR_ERR_RECV_FATAL_ALERT)
		say_last(t, tls_error_alert(error));
	if (!t->why)
		t->why = tls_error_text(error);
	if (t->session)
		t->session->policy = 0;
}

bool tls_is_open(const struct tls *t)
{
	return !t->shake && t->eng->iomode != IO_FAILED;
}

bool tls_is_over(const struct tls *t)
{
	return t->eng->iomode == IO_FAILED && !t->last_len;
}

bool tls_is_midway(const struct tls *t)
{
	return t->in || t->out;
}

const char *tls_why(const struct tls *t)
{
	return t->why;
}

bool tls_was_closed(const struct tls *t)
{
	return t->eng->shutdown_recv;
}

/* --- records ---------------------------------------------------------------------------- */

size_t tls_record_room(struct tls *t, void **at)
{
	size_t len;

	if (t->last_len || t->eng->iomode == IO_FAILED)
		return 0;
	if (!lend_input(t) || !lend_output(t, 0)) {
		fail(t, "no TLS buffer is left");
		return 0;
	}
	*at = br_ssl_engine_recvrec_buf(t->eng, &len);
	if (!*at)
		return 0;
	*at = (unsigned char *)*at + t->held;
	return len - t->held;
}

/* Before its Finished has come, the peer must send at least a ChangeCipherSpec
 * and that. Reading so far never takes a byte of what follows. */
size_t tls_record_ahead(const struct tls *t)
{
	const br_ssl_engine_context *e = t->eng;
	size_t least = e->incrypt ? FINISHED : LAST_FLIGHT;

	if (!t->shake)
		return SIZE_MAX;
	if (e->ixa + e->ixc <= 5) /* in a header, which counts as part of it */
		return least - 5;
	if (e->incrypt)
		return 0;
	return e->record_type_in == CHANGE_CIPHER_SPEC ? FINISHED : LAST_FLIGHT;
}

size_t tls_record_part(const struct tls *t)
{
	return t->eng->ixa == t->eng->ixb ? t->eng->ixa + t->held : 0;
}

/* A ClientHello is given to BearSSL as one piece if it fits: tls_site.c looks ahead
 * in it. Len: what has come now, then what is given. False: not yet. */
static bool hello_is_whole(struct tls *t, size_t *len)
{
	size_t room;

	if (t->eng->ixa + t->eng->ixc <= 5 || t->eng->record_type_in != HANDSHAKE) /* its header, or none at all */
		return true;
	br_ssl_engine_recvrec_buf(t->eng, &room);
	t->held = (uint16_t)(t->held + *len);
	if (t->held < room)
		return false;
	*len = t->held;
	t->held = 0;
	t->greeted = true;
	return true;
}

void tls_record_came(struct tls *t, size_t len)
{
	if (t->accepted && !t->greeted && !hello_is_whole(t, &len))
		return;
	br_ssl_engine_recvrec_ack(t->eng, len);
	look(t);
}

size_t tls_record_peek(struct tls *t, const void **at)
{
	size_t len;

	if (t->last_len) {
		*at = t->last + sizeof t->last - t->last_len;
		return t->last_len;
	}
	*at = br_ssl_engine_sendrec_buf(t->eng, &len);
	return *at ? len : 0;
}

void tls_record_sent(struct tls *t, size_t len)
{
	if (t->last_len) {
		t->last_len = (uint8_t)(t->last_len - len);
		if (!t->last_len)
			fail(t, "TLS: the handshake failed");
		return;
	}
	br_ssl_engine_sendrec_ack(t->eng, len);
	look(t);
}

/* --- plaintext ----------------------------------------------------------------------------- */

size_t tls_peek(const struct tls *t, const void **at)
{
	size_t len;

	if (t->shake)
		return 0;
	*at = br_ssl_engine_recvapp_buf(t->eng, &len);
	return *at ? len : 0;
}

void tls_take(struct tls *t, size_t len)
{
	br_ssl_engine_recvapp_ack(t->eng, len);
}

size_t tls_room(struct tls *t, void **at, size_t want)
{
	size_t len;

	if (t->shake || t->finished || t->eng->iomode == IO_FAILED || !lend_output(t, want))
		return 0;
	*at = br_ssl_engine_sendapp_buf(t->eng, &len);
	return *at ? len : 0;
}

void tls_put(struct tls *t, size_t len)
{
	br_ssl_engine_sendapp_ack(t->eng, len);
}

void tls_flush(struct tls *t)
{
	if (!t->shake && t->out)
		br_ssl_engine_flush(t->eng, 0);
}

void tls_finish(struct tls *t)
{
	const void *at;
	size_t len;

	if (t->finished || !tls_is_open(t) || !lend_output(t, 0) || !lend_input(t))
		return;
	t->finished = true;
	/* it would never close with plaintext that nobody has taken */
	while ((len = tls_peek(t, &at)) > 0)
		tls_take(t, len);
	br_ssl_engine_close(t->eng);
}

/* --- who is there ------------------------------------------------------------------------------ */

const struct tls_site *tls_site(const struct tls *t)
{
	return t->site;
}

bool tls_named(const struct tls *t)
{
	return t->eng->server_name[0] != 0;
}

struct span tls_subject(const struct tls *t)
{
	return span_of(t->subject, t->subject_len);
}

const char *tls_suite(const struct tls *t)
{
	return tls_suite_text(t->eng->session.cipher_suite);
}

bool tls_resumed(const struct tls *t)
{
	return t->resumed;
}

const unsigned char *tls_server_key(const struct tls *t)
{
	return t->key;
}

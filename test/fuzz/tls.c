/* SPDX-License-Identifier: MIT
 *
 * tls - any bytes as what a client sends to our server end, or a server to our
 * client end.
 *
 * Input: a byte of flags, a byte that says how the stream is cut, with SESSION a
 * struct tls_session that our server keeps, then the stream. All random numbers
 * of ours are the same each time, so a handshake that was recorded once is
 * understood to its end when it is played again. To record one: build with
 * -DRECORD, then `tls FLAGS CUT FILE [SESSION]` speaks over standard input and
 * output; what came goes to FILE, and with SESSION the session of an
 * earlier recording of that name (FILE.session) is kept.
 */
#include "../unit/tls_pair.h"
#include "check.h"

enum {
	CLIENT = 1,    /* we are the client */
	RSA = 2,       /* our server has an RSA certificate, not an EC one */
	GUESTS = 4,    /* it wants to see certificates */
	NAMED = 8,     /* it has a site of that name alone */
	SESSION = 16,
	DEAF = 32,     /* the peer takes none of our records once hands have been shaken */
	TALKS = 64,    /* we say much; else what we have heard */
	FINISHES = 128 /* we close when something has been heard */
};

struct end {
	struct pair_kit *k;
	struct tls *t;
	struct tls_session session;
	uint8_t flags;
	size_t heard, said;
	void (*out)(const void *at, size_t len); /* where our records go */
};

static const struct credential *shown[2];
static const struct trust *guests;

static const struct tls_server anybody = {.verify = TLS_VERIFY_OFF, .name = "example.org"};

static void open_end(struct end *e, uint8_t flags, const struct tls_session *kept)
{
	static const struct tls_counts counts = {
		.accepted = 1, .handshakes = 1, .connected = 1, .greetings = 1, .buffers = 1, .large = 1, .subjects = true,
	};
	struct tls_site *site;

	if (!guests) {
		shown[0] = made_credential(MADE_EC MADE_INTER, MADE_EC_KEY);
		shown[1] = made_credential(MADE_RSA MADE_INTER, MADE_RSA_KEY);
		guests = made_trust(MADE_ROOT);
	}
	*e = (struct end){.k = pair_kit_open(&counts, 1), .flags = flags};
	site = pair_add_site(e->k, flags & NAMED ? "example.org" : "", &shown[flags & RSA ? 1 : 0], 1);
	if (flags & GUESTS)
		site->client_ca = guests;
	if (kept)
		pair_save(e->k, kept);
	e->t = flags & CLIENT ? tls_connect(e->k->kit, &anybody, &e->session) : tls_accept(e->k->kit, e->k);
	CHECK(e->t);
	pair_look(e->k);
}

static void close_end(struct end *e)
{
	tls_close(e->t);
	pair_poison(e->k, true);
	CHECK(pair_lent(e->k) == 0);
	pair_kit_close(e->k);
}

/* --- what we do ------------------------------------------------------------------- */

static void rest(struct end *e)
{
	tls_rest(e->t);
	pair_look(e->k);
}

static void send_records(struct end *e)
{
	const void *at;
	size_t len;

	while (!(e->flags & DEAF && tls_is_open(e->t)) && (len = tls_record_peek(e->t, &at)) > 0) {
		len = len > 1000 ? 1000 : len;
		e->out(at, len);
		tls_record_sent(e->t, len);
		rest(e);
	}
}

static void say(struct end *e, size_t len)
{
	void *room;

	while (len > 0) {
		size_t n = pair_room(e->k, e->t, &room, len);

		if (n == 0)
			break;
		n = n < len ? n : len;
		memset(room, 'a', n);
		tls_put(e->t, n);
		e->said += n;
		len -= n;
		if (len == 0)
			tls_flush(e->t);
		rest(e);
		send_records(e);
	}
	rest(e);
}

static void hear(struct end *e)
{
	const unsigned char *at;
	size_t len;

	while ((len = tls_peek(e->t, (const void **)(void *)&at)) > 0) {
		volatile unsigned char last = at[len - 1]; /* it can be read to its end */

		(void)last;
		CHECK(tls_is_open(e->t) && len <= OUT_LARGE);
		len = len > 999 ? 999 : len;
		tls_take(e->t, len);
		e->heard += len;
		rest(e);
		say(e, e->flags & TALKS ? 20 * len : len);
	}
	if (e->heard && e->flags & FINISHES) {
		pair_finish(e->k, e->t);
		rest(e);
	}
}

static void look(struct end *e)
{
	const void *at;
	void *to;
	bool sends = tls_record_peek(e->t, &at) > 0;

	CHECK(!(tls_is_open(e->t) && tls_is_over(e->t)));
	CHECK(e->heard == 0 || !e->t->shake);
	if (tls_is_over(e->t)) {
		CHECK(!sends && tls_peek(e->t, &at) == 0 && tls_record_room(e->t, &to) == 0 && pair_room(e->k, e->t, &to, 1) == 0);
		CHECK(tls_why(e->t) || tls_was_closed(e->t) || e->flags & FINISHES);
	} else if (!sends || tls_is_open(e->t)) {
		/* it waits, so there is something that it can wait for */
		CHECK(sends || tls_peek(e->t, &at) > 0 || tls_was_closed(e->t) || tls_record_room(e->t, &to) > 0);
		CHECK(tls_was_closed(e->t) || tls_record_room(e->t, &to) > 0);
	}
	rest(e);
	if (!e->t->shake && !sends && tls_record_part(e->t) == 0)
		CHECK(pair_buffers_lent(e->k) == 0);
}

/* Bytes from the peer. False: no more are wanted. */
static bool hear_records(struct end *e, const unsigned char *at, size_t len)
{
	bool shaking = !tls_is_open(e->t);

	while (len > 0 && !tls_is_over(e->t)) {
		size_t n = pair_give(e->k, e->t, at, len);

		if (n == 0)
			return false;
		at += n;
		len -= n;
		send_records(e);
		if (shaking && tls_is_open(e->t) && e->flags & CLIENT)
			say(e, 20);
		shaking = shaking && !tls_is_open(e->t);
		hear(e);
		send_records(e);
		look(e);
	}
	return !tls_is_over(e->t);
}

/* --- fuzzing ----------------------------------------------------------------------------- */

/* What we send is well-formed, whatever it is about. */
static struct {
	unsigned char head[5];
	size_t got, left;
} record;

static void check_records(const void *bytes, size_t len)
{
	const unsigned char *at = bytes;

	for (size_t n; len; at += n, len -= n) {
		if (record.got < sizeof record.head) {
			n = 1;
			record.head[record.got++] = *at;
			record.left = (size_t)record.head[3] << 8 | record.head[4];
			continue;
		}
		CHECK(record.head[0] >= 20 && record.head[0] <= 23 && record.head[1] == 3 && record.head[2] == 3);
		CHECK(record.left > 0 && record.left <= OUT_LARGE + 24);
		n = len;
		if (record.left <= len) {
			n = record.left;
			record.got = 0;
			continue;
		}
		record.left -= n;
	}
}

/* What we keep is what we made: it is of our version and one of our suites. */
static bool is_ours(const struct tls_session *session)
{
	br_ssl_session_parameters p;

	tls_session_get(session, &p);
	return p.version == BR_TLS12 && strchr(tls_suite_text(p.cipher_suite), ' ') && session->policy == 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct tls_session kept;
	struct end e;
	unsigned cut;
	size_t used = 2;

	if (len < 2)
		return 0;
	cut = at[1];
	if (at[0] & SESSION) {
		if (len < used + sizeof kept)
			return 0;
		memcpy(&kept, at + used, sizeof kept);
		used += sizeof kept;
		if (!is_ours(&kept))
			return 0;
	}
	open_end(&e, at[0], at[0] & SESSION ? &kept : NULL);
	memset(&record, 0, sizeof record);
	e.out = check_records;
	send_records(&e);
	for (size_t n; used < len; used += n) {
		n = len - used;
		if (at[1]) {
			size_t most;

			cut = cut * 1103515245 + 12345;
			most = (cut >> 16 & (cut & 1u << 28 ? 2047 : 63)) + 1;
			n = most < n ? most : n;
		}
		if (!hear_records(&e, at + used, n))
			break;
	}
	pair_finish(e.k, e.t);
	e.flags &= (uint8_t)~DEAF;
	send_records(&e);
	close_end(&e);
	return 0;
}

/* --- recording --------------------------------------------------------------------------- */

#ifdef RECORD
#include <unistd.h>

static FILE *open_file(const char *name, const char *ending, const char *mode)
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof path, "%s%s", name, ending);
	file = fopen(path, mode);
	CHECK(file);
	return file;
}

static void write_out(const void *at, size_t len)
{
	CHECK(write(1, at, len) == (ssize_t)len);
}

int main(int argc, char **argv)
{
	unsigned char bytes[4096], head[2];
	struct tls_session kept;
	struct end e;
	FILE *to, *session;
	ssize_t n;

	CHECK(argc == 4 || argc == 5);
	head[0] = (unsigned char)(atoi(argv[1]) | (argc == 5 ? SESSION : 0));
	head[1] = (unsigned char)atoi(argv[2]);
	to = open_file(argv[3], "", "wb");
	fwrite(head, 1, sizeof head, to);
	if (argc == 5) {
		session = open_file(argv[4], ".session", "rb");
		CHECK(fread(&kept, 1, sizeof kept, session) == sizeof kept);
		fclose(session);
		fwrite(&kept, 1, sizeof kept, to);
	}
	open_end(&e, head[0], argc == 5 ? &kept : NULL);
	e.out = write_out;
	send_records(&e);
	while ((n = read(0, bytes, sizeof bytes)) > 0) {
		fwrite(bytes, 1, (size_t)n, to);
		if (!hear_records(&e, bytes, (size_t)n))
			break;
	}
	fprintf(stderr, "%s: %s, %zu bytes heard%s\n", argv[3], tls_why(e.t) ? tls_why(e.t) : tls_suite(e.t), e.heard,
		tls_resumed(e.t) ? ", resumed" : "");
	fclose(to);
	if (e.k->saves > (argc == 5)) {
		session = open_file(argv[3], ".session", "wb");
		fwrite(&e.k->kept[e.k->kept_count - 1], 1, sizeof kept, session);
		fclose(session);
	}
	close_end(&e);
	return 0;
}
#endif

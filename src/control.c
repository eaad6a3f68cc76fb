/* SPDX-License-Identifier: MIT
 *
 * control - how is a running gateway asked something?
 */
#include "control.h"

#include <stdio.h>

enum {
	PAUSE_MS = 1000, /* after accepting failed for good: no descriptor, no memory */
	ASK_MS = 10000   /* that who asks waits for the answer */
};

void control_path(struct text *path, const char *directory)
{
	text_str(path, directory);
	text_lit(path, "/control");
}

/* --- listening -------------------------------------------------------------- */

void control_init(struct control *k)
{
	k->fd = -1;
	k->path[0] = 0;
	k->stamp = 0;
	k->accept_at = 0;
	for (int i = 0; i < CONTROL_PEERS; i++)
		k->peers[i].fd = -1;
}

/* The file may have been removed, and another gateway's be there instead. */
static bool is_ours(const struct control *k)
{
	return k->fd >= 0 && platform_stamp(k->path) == k->stamp;
}

bool control_open(struct control *k, const char *directory, struct text *error)
{
	char room[CONTROL_PATH] = "";
	struct text path = text_in(room, sizeof room - 1);

	control_path(&path, directory);
	if (!path.full && strcmp(room, k->path) == 0 && is_ours(k))
		return true;
	control_close(k);
	if (path.full) {
		text_format(error, "cannot listen on %s/control: name too long", directory);
		return false;
	}
	if (!platform_directory(directory)) {
		text_format(error, "cannot make the directory %s: %s", directory, platform_why());
		return false;
	}
	k->fd = platform_listen_own(room, error);
	if (k->fd < 0)
		return false;
	memcpy(k->path, room, sizeof room);
	k->stamp = platform_stamp(room);
	return true;
}

void control_close(struct control *k)
{
	if (is_ours(k))
		remove(k->path);
	platform_close(k->fd);
	k->fd = -1;
	k->path[0] = 0;
}

static void hang_up(struct control_peer *p)
{
	platform_close(p->fd);
	p->fd = -1;
}

void control_leave(struct control *k)
{
	platform_close(k->fd);
	k->fd = -1;
	for (int i = 0; i < CONTROL_PEERS; i++)
		hang_up(&k->peers[i]);
}

static struct control_peer *free_place(struct control *k)
{
	for (int i = 0; i < CONTROL_PEERS; i++)
		if (k->peers[i].fd < 0)
			return &k->peers[i];
	return NULL;
}

/* --- what is waited for -------------------------------------------------------- */

size_t control_watches(const struct control *k, struct watch *watches)
{
	size_t count = 0;

	for (int i = 0; i < CONTROL_PEERS; i++) {
		const struct control_peer *p = &k->peers[i];

		if (p->fd >= 0)
			watches[count++] = (struct watch){.fd = p->fd, .want = p->answering ? PLATFORM_OUT : PLATFORM_IN};
	}
	if (k->fd >= 0 && !k->accept_at && count < CONTROL_PEERS)
		watches[count++] = (struct watch){.fd = k->fd, .want = PLATFORM_IN};
	return count;
}

int64_t control_due(const struct control *k)
{
	int64_t due = k->fd >= 0 && k->accept_at ? k->accept_at : CONTROL_NEVER;

	for (int i = 0; i < CONTROL_PEERS; i++)
		if (k->peers[i].fd >= 0 && k->peers[i].until < due)
			due = k->peers[i].until;
	return due;
}

/* --- one connection -------------------------------------------------------------- */

/* The end of the first line, once it is there; SIZE_MAX. */
static size_t line_end(const struct control_peer *p)
{
	size_t n = span_find(span_of(p->at, p->len), '\n');

	return n < p->len ? n : SIZE_MAX;
}

/* True: a line is there, or as much as there is room for. */
static bool read_line(struct control_peer *p)
{
	long n;

	while (line_end(p) == SIZE_MAX && p->len < sizeof p->at) {
		n = platform_recv(p->fd, p->at + p->len, sizeof p->at - p->len);
		if (n == PLATFORM_WAIT)
			return false;
		if (n <= 0) { /* half a line is none */
			hang_up(p);
			return false;
		}
		p->len += (size_t)n;
	}
	return true;
}

static void write_answer(struct control_peer *p, control_answer *answer, void *user)
{
	char room[CONTROL_MOST];
	struct text out = text_in(room, sizeof room);
	size_t end = line_end(p);

	if (end == SIZE_MAX)
		text_format(&out, "mistake: a line may have %d bytes\n", CONTROL_MOST - 1);
	else
		answer(user, span_of(p->at, end && p->at[end - 1] == '\r' ? end - 1 : end), &out);
	if (out.full)
		room[out.len - 1] = '\n';
	memcpy(p->at, room, out.len);
	p->len = out.len;
	p->sent = 0;
	p->answering = true;
}

static void send_answer(struct control_peer *p)
{
	while (p->sent < p->len) {
		struct piece piece = {p->at + p->sent, p->len - p->sent};
		long n = platform_send(p->fd, &piece, 1);

		if (n == PLATFORM_WAIT)
			return;
		if (n < 0)
			break;
		p->sent += (size_t)n;
	}
	hang_up(p);
}

static void serve(struct control_peer *p, int64_t now, control_answer *answer, void *user)
{
	if (now >= p->until) {
		hang_up(p);
		return;
	}
	if (!p->answering && read_line(p))
		write_answer(p, answer, user);
	if (p->fd >= 0 && p->answering)
		send_answer(p);
}

static bool take_one(struct control *k, struct control_peer *p, int64_t now)
{
	struct net nobody;
	int fd = platform_accept(k->fd, &nobody);

	if (fd == PLATFORM_BROKEN)
		k->accept_at = now + PAUSE_MS;
	if (fd < 0)
		return false;
	p->fd = fd;
	p->until = now + CONTROL_MS;
	p->answering = false;
	p->len = p->sent = 0;
	return true;
}

void control_step(struct control *k, int64_t now, control_answer *answer, void *user)
{
	struct control_peer *p;

	for (int i = 0; i < CONTROL_PEERS; i++)
		if (k->peers[i].fd >= 0)
			serve(&k->peers[i], now, answer, user);
	if (k->accept_at && now >= k->accept_at)
		k->accept_at = 0;
	for (int i = 0; i < CONTROL_PEERS && k->fd >= 0 && !k->accept_at; i++) {
		p = free_place(k);
		if (!p || !take_one(k, p, now))
			break;
		serve(p, now, answer, user);
	}
}

bool control_word(struct span *line, struct span *word)
{
	while (line->len && span_is_blank(line->at[0]))
		*line = span_of(line->at + 1, line->len - 1);
	word->at = line->at;
	for (word->len = 0; word->len < line->len; word->len++)
		if (span_is_blank(line->at[word->len]))
			break;
	*line = span_of(line->at + word->len, line->len - word->len);
	return word->len > 0;
}

/* --- the other end --------------------------------------------------------------- */

static bool wait_for(int fd, short want, int64_t until)
{
	struct watch w = {.fd = fd, .want = want};
	int64_t now;

	while ((now = platform_now()) < until)
		if (platform_poll(&w, 1, until - now) > 0)
			return true;
	return false;
}

static const char *send_all(int fd, struct span s, int64_t until)
{
	while (s.len) {
		struct piece piece = {s.at, s.len};
		long n = platform_send(fd, &piece, 1);

		if (n == PLATFORM_BROKEN)
			return platform_why();
		if (n == PLATFORM_WAIT && !wait_for(fd, PLATFORM_OUT, until))
			return "no answer in time";
		if (n > 0)
			s = span_of(s.at + n, s.len - (size_t)n);
	}
	return NULL;
}

static const char *receive_all(int fd, struct text *answer, int64_t until)
{
	long n;

	while (answer->len < answer->size) {
		n = platform_recv(fd, answer->at + answer->len, answer->size - answer->len);
		if (n == PLATFORM_BROKEN)
			return platform_why();
		if (n == PLATFORM_WAIT && !wait_for(fd, PLATFORM_IN, until))
			return "no answer in time";
		if (n == 0)
			return answer->len && answer->at[answer->len - 1] == '\n' ? NULL : "the answer broke off";
		if (n > 0)
			answer->len += (size_t)n;
	}
	return "the answer is too long";
}

const char *control_ask(const char *path, struct span line, struct text *answer)
{
	int64_t until = platform_now() + ASK_MS;
	struct net local = {.family = NET_UNIX};
	int fd = platform_connect(&local, path);
	const char *why;

	if (fd < 0)
		return platform_why();
	why = send_all(fd, line, until);
	if (!why)
		why = send_all(fd, SPAN("\n"), until);
	if (!why)
		why = receive_all(fd, answer, until);
	platform_close(fd);
	return why;
}

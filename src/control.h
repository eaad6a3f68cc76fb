/* SPDX-License-Identifier: MIT
 *
 * control - how is a running gateway asked something?
 *
 * At a Unix socket in the state directory, which only who runs it may connect to:
 * a line of words comes, a text goes back, and that is all. Knows sockets and
 * lines; what the words mean is the caller's. Nobody who connects is waited for.
 */
#ifndef CONTROL_H
#define CONTROL_H

#include "../platform/platform.h"

enum {
	CONTROL_PEERS = 4,   /* connections at a time; others wait in the queue */
	CONTROL_MOST = 8192, /* bytes of a line with its end, and of an answer */
	CONTROL_PATH = 256,
	CONTROL_MS = 5000,   /* that one connection may take, for all */
	CONTROL_WATCHES = 1 + CONTROL_PEERS
};

#define CONTROL_NEVER INT64_MAX

struct control_peer {
	int fd;          /* -1: nobody */
	int64_t until;   /* closed then; monotonic ms */
	bool answering;  /* at holds the answer, of which sent bytes are gone */
	size_t len, sent;
	char at[CONTROL_MOST];
};

struct control {
	int fd;            /* that listens; -1: none does */
	char path[CONTROL_PATH];
	uint64_t stamp;    /* of the file that we have made at path */
	int64_t accept_at; /* no accepting before; 0: now */
	struct control_peer peers[CONTROL_PEERS];
};

/* DIRECTORY/control */
void control_path(struct text *path, const char *directory);

void control_init(struct control *k);
/* Listens in this directory, which is made when it is not there, and nowhere else any
 * more. Where it does already, nothing changes. False: why is in *error; it listens nowhere. */
bool control_open(struct control *k, const char *directory, struct text *error);
/* Listens no more and removes the file, if it is still ours. Who is connected gets an answer. */
void control_close(struct control *k);
/* In a child: closes all, and removes nothing. */
void control_leave(struct control *k);

/* What is to be watched: how many of CONTROL_WATCHES. */
size_t control_watches(const struct control *k, struct watch *watches);
/* When something is due; CONTROL_NEVER. */
int64_t control_due(const struct control *k);
/* Writes the answer to a line, which comes without its end; the answer ends with one. */
typedef void control_answer(void *user, struct span line, struct text *answer);
/* Does what can be done without waiting. */
void control_step(struct control *k, int64_t now, control_answer *answer, void *user);

/* The next word of a line, which blanks separate; false: there is none. */
bool control_word(struct span *line, struct span *word);

/* The other end, for the command line: asks who listens at this path, and waits for the
 * whole answer. NULL, or why there is none. */
const char *control_ask(const char *path, struct span line, struct text *answer);

#endif

/* SPDX-License-Identifier: MIT
 *
 * supervisor_generation - the processes of one configuration: how do they start
 * and end?
 *
 * A generation is STARTING until all its workers are ready, SERVING until a
 * newer one does, DRAINING until its workers have ended. There may be several
 * that drain, at most one of the others each. It owns its configuration and its
 * logs. Sockets and the shared mapping belong to the family.
 */
#ifndef SUPERVISOR_GENERATION_H
#define SUPERVISOR_GENERATION_H

#include "control.h"
#include "log.h"
#include "share.h"
#include "supervisor_sockets.h"
#include "supervisor_store.h"

enum generation_state { GENERATION_STARTING, GENERATION_SERVING, GENERATION_DRAINING };

struct child {
	long pid;      /* 0: not running */
	int64_t born;  /* monotonic ms */
	int64_t again; /* when to start it again; GENERATION_NEVER */
	int64_t pause; /* the last pause before a start; grows from death to death */
};

#define GENERATION_NEVER INT64_MAX

enum helper { HELPER_NAMES, HELPER_PASSWORDS, HELPERS }; /* the processes of offload.h */

struct place { /* of a worker: its process may be replaced */
	struct child child;
	int control; /* our end of the pair to it; -1: not running */
	int jobs[HELPERS][2]; /* its pair with each helper: both ends stay open here for their successors; -1: there is none */
	int slot;    /* in share; -1: none */
	bool ready;
};

struct generation {
	struct generation *next;
	struct config *config;
	int *listeners; /* descriptors, one for each config->listeners */
	struct store *store; /* where its workers keep answers; NULL: nowhere */
	struct log access, error;
	struct child helpers[HELPERS];
	struct place places[GW_WORKERS]; /* config->workers of them */
	uint8_t state;    /* enum generation_state */
	int64_t start_by; /* STARTING: given up then */
	int64_t kill_at;  /* DRAINING: those left are killed then; GENERATION_NEVER: they were */
};

struct family { /* what all generations share */
	struct generation *all; /* youngest first */
	struct kept *sockets;
	struct share *share;
	struct store *stores;
	struct control control;
};

/* Opens logs and sockets; takes the configuration, also when it fails. NULL:
 * why is in *error, and sockets may have to be tidied. */
struct generation *generation_make(struct family *f, struct config *c, struct text *error);
/* Starts helpers and workers. False: why is in *error; to be given up. */
bool generation_start(struct family *f, struct generation *g, struct text *error);
/* Starts again those whose pause is over. */
void generation_revive(struct family *f, struct generation *g, int64_t now);
/* All workers have said that they are ready. */
bool generation_is_ready(const struct generation *g);
/* Nothing of it runs any more. */
bool generation_is_over(const struct generation *g);
/* Workers shall end: requests first, until ms have passed. Retired ones have
 * made room for others and may take their time. */
void generation_drain(struct generation *g, int64_t now, int64_t ms);
void generation_retire(struct generation *g, int64_t now, int64_t ms);
/* Workers shall end at once; those that do not are killed after ms. */
void generation_quit(struct generation *g, int64_t now, int64_t ms);
void generation_kill(struct generation *g);
/* A process of this generation has ended: true if it was one. `how` is for the
 * log. *failed: it was a worker that had not become ready. */
bool generation_ended(struct family *f, struct generation *g, long pid, struct span how, bool *failed);
/* Reads what the worker at this place says. */
void generation_hear(struct place *p);
/* When something is due; GENERATION_NEVER. */
int64_t generation_deadline(const struct generation *g);
/* Opens log files anew and hands them to the workers. */
void generation_reopen(struct generation *g);
/* Takes it out of the list and frees all of it; it is over. */
void generation_free(struct family *f, struct generation *g);

#endif

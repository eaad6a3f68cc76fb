/* SPDX-License-Identifier: MIT
 *
 * draft - what did the user write, section by section?
 *
 * Everything as it was said, with its line; what follows from it is build's.
 */
#ifndef CONFIG_DRAFT_H
#define CONFIG_DRAFT_H

#include "config.h"
#include "config_key.h"

/* A target, a bare word, or an option of a route. */
struct draft_word {
	const struct key *key; /* NULL: a target or a bare word */
	struct span text;
	int line;
	struct draft_word *next;
};

/* One line of a site with those that continue it, or one [route]. */
struct draft_route {
	struct draft_site *site; /* NULL in a [route] until site is looked up */
	struct span site_name;   /* of a [route] */
	struct span path;
	struct span label; /* of a [route], else the path */
	int line;
	bool bad; /* some word of it was a fault, and is not among the words */
	struct draft_word *words;
	struct draft_word **end;
	struct draft_route *next;
};

struct draft_site {
	struct span label;
	int line;
	bool routed; /* some route is its, or might be: a line could not be read */
	struct level level;
	struct draft_site *next;
};

/* A line of a [users LABEL]: a user, or (by the name of "file") where some are. */
struct draft_user {
	struct span name, value;
	int line;
	struct draft_user *next;
};

struct draft_users {
	struct span label;
	int line;
	bool bad; /* some line of it was a fault, and is not among the users */
	struct draft_user *first;
	struct draft_user **end;
	struct users made;         /* config_users' own: with whom its files name, */
	bool filed;                /* if there are some, */
	const struct users *place; /* and where it stands in config.users; NULL: nobody asks for it */
	struct draft_users *next;
};

struct draft {
	struct faults *faults;
	struct level gateway;
	struct draft_site *sites;
	struct draft_site **sites_end;
	struct draft_route *routes; /* of all sites, in the order of the file */
	struct draft_route **routes_end;
	struct draft_users *users;
	struct draft_users **users_end;
	uint16_t rules; /* limits and crowds by now: the last one's number */
	struct files *files; /* certificates and keys read by now; NULL: none. Private to config_files */
};

void draft_init(struct draft *d, struct faults *f);
/* The text of a file. */
void draft_text(struct draft *d, struct span text);
/* Words of a command line: listeners, each with its words, then PATH=TARGET with the words that belong to it. */
void draft_words(struct draft *d, int count, char *const *words);

#endif

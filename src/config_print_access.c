/* SPDX-License-Identifier: MIT
 *
 * config_print_access - who may pass, and how much may they ask for?
 *
 * In the words of the configuration, so that what is printed can be looked up there.
 */
#include "config_print.h"

enum { NETWORKS_SHOWN = 3 };

/* --- lists --------------------------------------------------------------- */

static void write_networks(struct text *out, const struct net *at, size_t count)
{
	for (size_t i = 0; i < count && count <= NETWORKS_SHOWN; i++) {
		text_str(out, i ? "," : "");
		net_write(out, &at[i]);
		if (at[i].bits != (at[i].family == NET_IP4 ? 32 : 128)) {
			text_char(out, '/');
			text_number(out, at[i].bits);
		}
	}
	if (count > NETWORKS_SHOWN) {
		text_number(out, count);
		text_lit(out, " networks");
	}
}

static void write_names(struct text *out, const struct span *at, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		text_str(out, i ? "," : "");
		text_span_add(out, at[i]);
	}
}

void print_size(struct text *out, uint64_t bytes)
{
	static const char units[] = " kMG";
	size_t unit = 0;

	while (unit < 3 && bytes && bytes % 1024 == 0) {
		bytes /= 1024;
		unit++;
	}
	text_number(out, bytes);
	if (unit)
		text_char(out, units[unit]);
}

/* --- one route -------------------------------------------------------------- */

static void write_auth(struct text *out, const struct auth *a)
{
	if (a->ask) {
		text_lit(out, "asks ");
		text_str(out, a->ask->text);
	} else {
		text_str(out, a->form ? "login page (auth=" : "password (auth=");
		text_str(out, a->users->label);
		if (a->require_count)
			text_lit(out, " require=");
		write_names(out, a->require, a->require_count);
		text_char(out, ')');
	}
	if (a->open_to_count) {
		text_lit(out, ", open_to=");
		write_networks(out, a->open_to, a->open_to_count);
	}
}

void print_limits(const struct options *o, struct text *out, const char *before)
{
	const char *between = before;

	if (o->limit) {
		text_str(out, between);
		text_lit(out, "limit=");
		text_span_add(out, o->limit->text);
		between = ", ";
	}
	if (o->crowd) {
		text_str(out, between);
		text_lit(out, "connections=");
		text_number(out, o->crowd->most);
		between = ", ";
	}
	if (o->max_body) {
		text_str(out, between);
		text_lit(out, "max_body=");
		print_size(out, o->max_body);
		between = ", ";
	}
	if (o->bandwidth) {
		text_str(out, between);
		text_lit(out, "bandwidth=");
		print_size(out, o->bandwidth);
		text_lit(out, "/s");
	}
}

void print_access(const struct options *o, struct text *out)
{
	bool restricted = o->allow_count || o->deny_count;

	if (restricted || !o->auth)
		text_str(out, restricted ? "restricted" : "open");
	if (restricted && o->auth)
		text_lit(out, ", ");
	if (o->auth)
		write_auth(out, o->auth);
	print_limits(o, out, ", ");
	print_cache(o->cache, out);
}

/* --- users --------------------------------------------------------------------- */

static size_t count_in(const struct users *u, const char *file)
{
	size_t count = 0;

	for (size_t i = 0; i < u->count; i++)
		count += u->at[i].file == file;
	return count;
}

/* Is this user the first one of his file? */
static bool is_first(const struct users *u, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (u->at[j].file == u->at[i].file)
			return false;
	return true;
}

static void print_users_of(const struct users *u, struct text *out)
{
	text_lit(out, "users ");
	text_str(out, u->label);
	text_lit(out, ": ");
	text_number(out, u->count);
	text_str(out, u->count == 1 ? " user" : " users");
	for (size_t i = 0; i < u->count; i++) {
		if (!u->at[i].file || !is_first(u, i))
			continue;
		text_lit(out, ", ");
		text_number(out, count_in(u, u->at[i].file));
		text_lit(out, " in ");
		text_str(out, u->at[i].file);
	}
	text_str(out, u->count ? "\n" : ": nobody can log in\n");
}

void print_users(const struct config *c, struct text *out)
{
	if (!GW_HAS(AUTH))
		return;
	for (size_t i = 0; i < c->users_count; i++)
		print_users_of(&c->users[i], out);
}

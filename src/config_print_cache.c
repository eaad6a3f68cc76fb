/* SPDX-License-Identifier: MIT
 *
 * config_print_cache - what is kept of a route's answers?
 */
#include "config_print.h"

/* As word_time reads it. */
static void write_time(struct text *out, int32_t seconds)
{
	static const struct { int32_t seconds; char name; } units[] = {{365 * 86400, 'y'}, {86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
	size_t unit = 0;

	while (seconds % units[unit].seconds)
		unit++;
	text_number(out, (uint64_t)(seconds / units[unit].seconds));
	text_char(out, units[unit].name);
}

void print_cache(const struct cache_rule *rule, struct text *out)
{
	if (!GW_HAS(CACHE))
		return;
	if (!rule)
		return;
	text_lit(out, ", cache=");
	if (rule->fresh.mode == FRESH_OBEY)
		text_lit(out, "on");
	else
		write_time(out, rule->fresh.lifetime);
	if (rule->fresh.mode == FRESH_FORCE)
		text_lit(out, ",force");
}

/* --- in words ------------------------------------------------------------------ */

static void say_mode(const struct fresh_rule *rule, struct text *out)
{
	if (rule->mode == FRESH_FORCE) {
		text_lit(out, "kept for ");
		write_time(out, rule->lifetime);
		text_lit(out, ", whatever the server says, for each log-in and cookie apart");
		return;
	}
	text_lit(out, "kept as the server says");
	if (rule->mode == FRESH_GIVE) {
		text_lit(out, ", else ");
		write_time(out, rule->lifetime);
	}
}

static void say_key(const struct cache_rule *rule, struct text *out)
{
	for (size_t i = 0; i < rule->drop_count; i++) {
		text_str(out, i ? ", " : "; without ");
		text_span_add(out, rule->drop[i]);
	}
	if (rule->drop_count)
		text_lit(out, " in the query");
	if (rule->sort)
		text_lit(out, "; parameters in any order");
}

static void say_cookies(const struct fresh_rule *rule, struct text *out)
{
	if (rule->cookies == FRESH_COOKIES_KEEP)
		text_lit(out, "; with its Set-Cookie");
	else if (rule->cookies == FRESH_COOKIES_STRIP || rule->mode == FRESH_FORCE)
		text_lit(out, "; without its Set-Cookie");
	else
		text_lit(out, "; not with Set-Cookie");
}

static void say_stale(const char *before, int32_t seconds, const char *behind, struct text *out)
{
	if (!seconds)
		return;
	text_str(out, before);
	write_time(out, seconds);
	text_str(out, behind);
}

void print_cache_words(const struct cache_rule *rule, struct text *out)
{
	if (!GW_HAS(CACHE))
		return;
	say_mode(&rule->fresh, out);
	say_key(rule, out);
	say_cookies(&rule->fresh, out);
	if (rule->object) {
		text_lit(out, "; at most ");
		print_size(out, rule->object);
	}
	if (rule->fresh.ignore_reload)
		text_lit(out, "; a client's reload counts for nothing");
	say_stale("; ", rule->fresh.stale_while, " longer while the server is asked anew", out);
	say_stale("; ", rule->fresh.stale_error, " longer when it fails", out);
}

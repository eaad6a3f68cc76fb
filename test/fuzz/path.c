/* SPDX-License-Identifier: MIT
 *
 * path - any bytes as a request target and as a Host. What is taken is in
 * normal form, what is in normal form stays as it is, and so is each reading.
 */
#include "../../src/path.h"
#include "../../gateway.h"
#include "check.h"

static void check_normal(struct span path)
{
	CHECK(path.len > 0 && path.at[0] == '/');
	for (size_t i = 0; i < path.len; i++) {
		struct span rest = span_of(path.at + i, path.len - i), segment = rest;

		CHECK(path.at[i] > 0x20 && path.at[i] < 0x7f && path.at[i] != '?' && path.at[i] != '#');
		CHECK(path.at[i] != '%' || (rest.len >= 3 && span_hex(rest.at[1]) >= 0 && span_hex(rest.at[2]) >= 0));
		if (path.at[i] != '/')
			continue;
		segment = span_of(rest.at + 1, rest.len - 1);
		segment = span_cut(&segment, '/');
		CHECK(!span_is(segment, SPAN(".")) && !span_is(segment, SPAN("..")));
	}
}

static void check_readings(struct span path, bool plain, char *place)
{
	struct text room = text_in(place, path.len);
	struct span reading;
	unsigned n;

	for (n = 0; path_reading(path, n, &room, &reading); n++) {
		CHECK(n > 0 || reading.at == path.at);
		CHECK(reading.len <= path.len);
		check_normal(reading);
	}
	CHECK(!room.full && room.len == 0);
	CHECK(n >= 1 && n < 2000);
	CHECK(!plain || n == 1);
}

static bool has_double(struct span path)
{
	for (size_t i = 1; i < path.len; i++)
		if (path.at[i] == '/' && path.at[i - 1] == '/')
			return true;
	return false;
}

static void check_target(struct span target, bool is_options)
{
	char *place = malloc(target.len + 1), *more = malloc(target.len + 1);
	struct text room = text_in(place, target.len), second = text_in(more, target.len);
	struct path p, again;

	CHECK(place && more);
	if (!path_read(&p, target, is_options, &room)) {
		CHECK(!room.full && room.len <= target.len);
		if (is_options && span_is(p.path, SPAN("*")))
			goto out;
		check_normal(p.path);
		CHECK(!path_read(&again, p.path, false, &second));
		CHECK(span_is(again.path, p.path) && second.len == 0);
		CHECK(again.plain == p.plain && again.query.len == 0);
		CHECK(p.plain == (span_find(p.path, '%') == p.path.len && span_find(p.path, ';') == p.path.len &&
				  span_find(p.path, '\\') == p.path.len && !has_double(p.path)));
		CHECK(p.query.len == 0 || p.query.at[0] == '?');
		check_readings(p.path, p.plain, more);
	}
out:
	free(place);
	free(more);
}

static void check_host(struct span value)
{
	struct span name, again;
	unsigned port, none;

	if (!path_host(value, &name, &port))
		return;
	CHECK(port <= 65535 && name.len > 0 && name.len < GW_NAME && name.at == value.at && name.len <= value.len);
	CHECK(path_host(name, &again, &none) && none == 0 && span_is(name, again));
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	struct span bytes = span_of((const char *)at, len);

	check_target(bytes, false);
	check_target(bytes, true);
	check_host(bytes);
	return 0;
}

/* SPDX-License-Identifier: MIT
 *
 * fresh_made - heads for tests of fresh: field lines in, a parsed head out, in a
 * block of its size.
 */
#ifndef FRESH_MADE_H
#define FRESH_MADE_H

#include "../../src/fresh.h"
#include "block.h"
#include <stdio.h>

#define CLOCK 1798761600                          /* s since 1970 */
#define DATE "Date: Fri, 01 Jan 2027 00:00:00 GMT\r\n" /* the same */
#define CC "Cache-Control: "
#define CDN "CDN-Cache-Control: "
#define N "\r\n"

struct made {
	struct head head;
	char *wire;
};

static inline void made_head(struct made *m, const char *line, const char *fields, bool response)
{
	size_t len = strlen(line) + strlen(fields) + 4;
	char *wire = malloc(len + 1);
	const struct refusal *refusal;

	assert_non_null(wire);
	snprintf(wire, len + 1, "%s\r\n%s\r\n", line, fields);
	m->wire = (char *)(uintptr_t)block_of(span_of(wire, len)).at;
	free(wire);
	refusal = response ? head_response(&m->head, m->wire, len) : head_request(&m->head, m->wire, len);
	if (refusal)
		fail_msg("%s: %s", fields, refusal->text);
}

static inline void made_request(struct made *m, const char *method, const char *fields)
{
	char line[64];

	snprintf(line, sizeof line, "%s / HTTP/1.1", method);
	made_head(m, line, fields, false);
}

static inline void made_response(struct made *m, int status, const char *fields)
{
	char line[64];

	snprintf(line, sizeof line, "HTTP/1.1 %d Said", status);
	made_head(m, line, fields, true);
}

static inline void made_free(struct made *m)
{
	free(m->wire);
}

#endif

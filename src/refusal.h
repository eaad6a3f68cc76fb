/* SPDX-License-Identifier: MIT
 *
 * refusal - why is a message not taken?
 *
 * Pure code returns NULL (fine) or one of its constant refusals. The text goes
 * to the log and to the page that the client sees: lower case, no full stop,
 * naming the thing.
 */
#ifndef REFUSAL_H
#define REFUSAL_H

struct refusal {
	int status; /* what the client is told */
	const char *text;
};

#endif

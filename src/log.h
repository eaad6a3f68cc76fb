/* SPDX-License-Identifier: MIT
 *
 * log - how is it said?
 *
 * Lines are collected in one buffer a log and written at most once a turn. A
 * log that takes nothing (a stopped pipe) costs lines, which are counted and
 * told later, never time.
 */
#ifndef LOG_H
#define LOG_H

#include "../gateway.h"
#include "text.h"

enum log_kind { LOG_OFF, LOG_FILE, LOG_SYSLOG };

struct log {
	int fd;
	uint8_t kind;       /* enum log_kind */
	uint8_t target;     /* of LOG_FILE: enum platform_kind */
	uint32_t lost;      /* lines that found no room */
	struct text lines;  /* over buffer */
	char buffer[GW_LOG_BUFFER];
};

/* target: "stderr", "off", "syslog" or a path. False: see platform_why. Called by
 * the supervisor. A log holds a pointer to itself: it is not to be copied. */
bool log_open(struct log *l, const char *target);
/* Goes on with another descriptor (the file was opened anew), which is ours from
 * here on; what is there is written to the old one if that takes it. */
void log_use(struct log *l, int fd);
/* Writes what it can and closes; nothing is said there any more. */
void log_close(struct log *l);
/* Forgets lines not written yet: in a child, whose parent writes them. */
void log_forget(struct log *l);
/* A text to write one line into (without its end), then log_end. Room for at
 * least 8 KB is there, or the line is lost. */
struct text *log_begin(struct log *l);
void log_end(struct log *l);
/* The error log: "DATE gateway[PID] LEVEL: message". */
enum log_level { LOG_ERROR, LOG_WARN, LOG_NOTICE };
void log_say(struct log *l, enum log_level level, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Writes what is there if the log takes it now; true if something is left over.
 * One call (syslog: one a line); what is no file takes more than one when it
 * could not keep up otherwise. */
bool log_flush(struct log *l);
/* The time in the three forms that are needed, made once a second. seconds:
 * since 1970. "23/Nov/2026:09:32:46 +0000" */
struct span log_time(int64_t seconds);
/* "Mon, 23 Nov 2026 09:32:46 GMT" (IMF-fixdate, RFC 9110 5.6.7) */
struct span log_http_date(int64_t seconds);
/* "2026-11-23T09:32:46Z" */
struct span log_iso(int64_t seconds);

#endif

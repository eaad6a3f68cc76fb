/* SPDX-License-Identifier: MIT
 *
 * log - how is it said?
 *
 * lines.size stops one byte before the buffer does, so that a line that found
 * room can always be ended. libc's syslog() is not used: it allocates.
 */
#include "log.h"
#include "../platform/platform.h"

enum {
	LINE_ROOM = 8448, /* that much is there when a line begins: record's longest, and a head */
	DATAGRAMS = 64,   /* syslog messages in one flush, at most */
	DAEMON = 3 << 3,  /* syslog: facility, and severities below */
	INFO = 6
};

static const struct {
	const char *name;
	int severity;
} levels[] = {
	[LOG_ERROR] = {"error", 3},
	[LOG_WARN] = {"warning", 4},
	[LOG_NOTICE] = {"notice", 5},
};

/* --- opening ------------------------------------------------------------ */

bool log_open(struct log *l, const char *target)
{
	l->kind = LOG_FILE;
	l->lost = 0;
	l->lines = text_in(l->buffer, sizeof l->buffer - 1);
	l->fd = -1;
	platform_zone(platform_clock()); /* libc reads its time zone now and never again */
	if (strcmp(target, "off") == 0) {
		l->kind = LOG_OFF;
		return true;
	}
	if (strcmp(target, "syslog") == 0) {
		l->kind = LOG_SYSLOG;
		l->fd = platform_syslog();
	} else if (strcmp(target, "stderr") == 0) {
		l->fd = platform_stderr();
	} else {
		l->fd = platform_append(target);
	}
	if (l->fd >= 0)
		l->target = (uint8_t)platform_kind(l->fd);
	return l->fd >= 0;
}

void log_use(struct log *l, int fd)
{
	log_flush(l);
	platform_close(l->fd);
	l->fd = fd;
	l->target = (uint8_t)platform_kind(fd);
}

void log_close(struct log *l)
{
	log_flush(l);
	platform_close(l->fd);
	l->fd = -1;
	l->kind = LOG_OFF;
}

void log_forget(struct log *l)
{
	l->lines.len = 0;
	l->lost = 0;
}

/* --- lines ---------------------------------------------------------------- */

static void add_tag(struct log *l, int severity)
{
	text_char(&l->lines, '<');
	text_number(&l->lines, (uint64_t)(DAEMON | severity));
	text_lit(&l->lines, ">gateway[");
	text_number(&l->lines, (uint64_t)platform_pid());
	text_lit(&l->lines, "]: ");
}

static bool has_room(struct log *l)
{
	if (l->kind == LOG_OFF)
		return false;
	l->lines.full = false;
	if (l->lines.size - l->lines.len >= LINE_ROOM)
		return true;
	l->lost++;
	return false;
}

static struct text nowhere; /* takes nothing: size 0 */

struct text *log_begin(struct log *l)
{
	nowhere = text_in(NULL, 0);
	if (!has_room(l))
		return &nowhere;
	if (l->kind == LOG_SYSLOG)
		add_tag(l, INFO);
	return &l->lines;
}

/* A lost line left lines as it was: at its start, or behind a line's end. */
void log_end(struct log *l)
{
	if (l->lines.len > 0 && l->lines.at[l->lines.len - 1] != '\n')
		l->lines.at[l->lines.len++] = '\n';
	l->lines.full = false;
}

static void add_head(struct log *l, enum log_level level)
{
	if (l->kind == LOG_SYSLOG) {
		add_tag(l, levels[level].severity);
		return;
	}
	text_span_add(&l->lines, log_iso(platform_clock()));
	text_lit(&l->lines, " gateway[");
	text_number(&l->lines, (uint64_t)platform_pid());
	text_lit(&l->lines, "] ");
	text_str(&l->lines, levels[level].name);
	text_lit(&l->lines, ": ");
}

/* Messages hold names and reasons that came from elsewhere: none of it may look
 * like a line of its own. */
static void make_one_line(char *at, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if ((unsigned char)at[i] < ' ' || at[i] == 0x7f)
			at[i] = '?';
}

static void say(struct log *l, enum log_level level, const char *format, va_list values)
{
	struct text line;

	add_head(l, level);
	line = text_in(l->lines.at + l->lines.len, LINE_ROOM - 257); /* the head is shorter than that */
	text_values(&line, format, values);
	l->lines.len += line.len;
	make_one_line(line.at, line.len);
	log_end(l);
}

void log_say(struct log *l, enum log_level level, const char *format, ...)
{
	va_list values;

	if (!has_room(l))
		return;
	va_start(values, format);
	say(l, level, format, values);
	va_end(values);
}

/* --- writing ---------------------------------------------------------------- */

static void took(struct log *l, size_t len)
{
	l->lines.len -= len;
	memmove(l->lines.at, l->lines.at + len, l->lines.len);
}

/* Bytes up to and including the last line end among the first `most`; all of
 * them when there is none. */
static size_t whole_lines(const struct text *t, size_t most)
{
	size_t n = t->len < most ? t->len : most;
	size_t end = n;

	while (end > 0 && t->at[end - 1] != '\n')
		end--;
	return end ? end : n;
}

static void lose_all(struct log *l)
{
	size_t i;

	for (i = 0; i < l->lines.len; i++)
		l->lost += l->lines.at[i] == '\n';
	l->lines.len = 0;
}

static long write_once(struct log *l)
{
	size_t len = l->target == PLATFORM_FILE ? l->lines.len : whole_lines(&l->lines, PLATFORM_LINE);
	long n = platform_write(l->fd, l->lines.at, len, l->target);

	if (n > 0)
		took(l, (size_t)n);
	if (n == PLATFORM_BROKEN) /* disk full, reader gone */
		lose_all(l);
	return n;
}

/* Under load a turn can bring more lines than one write to a pipe takes. */
static bool flush_file(struct log *l)
{
	long n;

	do
		n = write_once(l);
	while (n > 0 && l->lines.len > sizeof l->buffer / 2);
	return n > 0;
}

/* The system's log may have been restarted: its socket is another one then. */
static long send_again(struct log *l, const struct piece *line)
{
	platform_close(l->fd);
	l->fd = platform_syslog();
	return l->fd < 0 ? PLATFORM_BROKEN : platform_send(l->fd, line, 1);
}

static bool flush_syslog(struct log *l)
{
	size_t done = 0, len;
	long n = 0;
	int i;

	for (i = 0; i < DATAGRAMS && done < l->lines.len; i++) {
		len = span_find(span_of(l->lines.at + done, l->lines.len - done), '\n');
		struct piece line = {l->lines.at + done, len};
		n = l->fd < 0 ? PLATFORM_BROKEN : platform_send(l->fd, &line, 1);
		if (n == PLATFORM_BROKEN)
			n = send_again(l, &line);
		if (n < 0)
			break;
		done += len + 1;
	}
	took(l, done);
	if (n == PLATFORM_BROKEN)
		lose_all(l);
	return n >= 0;
}

bool log_flush(struct log *l)
{
	bool wrote;

	if (l->kind == LOG_OFF || l->lines.len == 0)
		return false;
	wrote = l->kind == LOG_SYSLOG ? flush_syslog(l) : flush_file(l);
	if (wrote && l->lost && has_room(l)) {
		uint32_t lost = l->lost;

		l->lost = 0;
		log_say(l, LOG_WARN, "%lu log lines lost", (unsigned long)lost);
	}
	return l->lines.len > 0;
}

/* --- times ---------------------------------------------------------------- */

struct calendar {
	int year, month, day; /* month 0 is January */
	int hour, minute, second;
	int weekday; /* 0 is Sunday */
};

static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
static const char weekdays[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

/* Divides so that the rest is never negative. */
static int64_t split(int64_t *value, int64_t by)
{
	int64_t rest = *value % by;

	if (rest < 0)
		rest += by;
	*value = (*value - rest) / by;
	return rest;
}

/* gmtime without its time zone files and locks. A year starts in March here, so
 * that the leap day is its last. */
static struct calendar calendar_of(int64_t seconds)
{
	struct calendar c;
	int64_t days, era, day_of_era, year, day;

	c.second = (int)split(&seconds, 60);
	c.minute = (int)split(&seconds, 60);
	c.hour = (int)split(&seconds, 24);
	days = seconds;
	day = days + 4; /* 1 January 1970 was a Thursday */
	c.weekday = (int)split(&day, 7);
	era = days + 719468; /* days since 1 March of year 0 */
	day_of_era = split(&era, 146097);
	year = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	day = day_of_era - (365 * year + year / 4 - year / 100);
	c.month = (int)((5 * day + 2) / 153);
	c.day = (int)(day - (153 * c.month + 2) / 5 + 1);
	c.month = (c.month + 2) % 12;
	c.year = (int)(era * 400 + year) + (c.month < 2);
	return c;
}

static void add_padded(struct text *t, int value, int digits)
{
	char room[8];
	int i;

	for (i = digits; i-- > 0; value /= 10)
		room[i] = (char)('0' + value % 10);
	text_add(t, room, (size_t)digits);
}

static void add_clock(struct text *t, const struct calendar *c)
{
	add_padded(t, c->hour, 2);
	text_char(t, ':');
	add_padded(t, c->minute, 2);
	text_char(t, ':');
	add_padded(t, c->second, 2);
}

/* Such as 23/Nov/2025. */
static void add_date(struct text *t, const struct calendar *c, char between)
{
	add_padded(t, c->day, 2);
	text_char(t, between);
	text_add(t, months[c->month], 3);
	text_char(t, between);
	add_padded(t, c->year, 4);
}

struct stamp { /* one form of one second; size 0: never made */
	int64_t seconds;
	struct text text;
	char room[40];
};

/* True when the text has to be made anew; it is empty then. */
static bool is_stale(struct stamp *s, int64_t seconds)
{
	if (s->text.size && s->seconds == seconds)
		return false;
	s->seconds = seconds;
	s->text = text_in(s->room, sizeof s->room);
	return true;
}

struct span log_time(int64_t seconds)
{
	static struct stamp s;
	struct calendar c;
	long zone;

	if (!is_stale(&s, seconds))
		return text_span(&s.text);
	zone = platform_zone(seconds);
	c = calendar_of(seconds + zone);
	add_date(&s.text, &c, '/');
	text_char(&s.text, ':');
	add_clock(&s.text, &c);
	text_char(&s.text, ' ');
	text_char(&s.text, zone < 0 ? '-' : '+');
	zone = zone < 0 ? -zone : zone;
	add_padded(&s.text, (int)(zone / 3600 * 100 + zone / 60 % 60), 4);
	return text_span(&s.text);
}

struct span log_http_date(int64_t seconds)
{
	static struct stamp s;
	struct calendar c;

	if (!is_stale(&s, seconds))
		return text_span(&s.text);
	c = calendar_of(seconds);
	text_add(&s.text, weekdays[c.weekday], 3);
	text_lit(&s.text, ", ");
	add_date(&s.text, &c, ' ');
	text_char(&s.text, ' ');
	add_clock(&s.text, &c);
	text_lit(&s.text, " GMT");
	return text_span(&s.text);
}

struct span log_iso(int64_t seconds)
{
	static struct stamp s;
	struct calendar c;

	if (!is_stale(&s, seconds))
		return text_span(&s.text);
	c = calendar_of(seconds);
	add_padded(&s.text, c.year, 4);
	text_char(&s.text, '-');
	add_padded(&s.text, c.month + 1, 2);
	text_char(&s.text, '-');
	add_padded(&s.text, c.day, 2);
	text_char(&s.text, 'T');
	add_clock(&s.text, &c);
	text_char(&s.text, 'Z');
	return text_span(&s.text);
}

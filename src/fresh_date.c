/* SPDX-License-Identifier: MIT
 *
 * fresh_date - which moment does an HTTP-date mean? (RFC 9110 5.6.7)
 *
 * Letters in any case, GMT and nothing else (RFC 9111 4.2). The day of the week
 * must be one; whether it is the right one nobody needs to know.
 */
#include "fresh.h"

enum { HOUR = 3600, DAY = 24 * HOUR };
#define YEARS_50 ((int64_t)50 * 31556952) /* s, of the mean Gregorian year */

struct moment {
	unsigned year, month, day, hour, minute, second; /* month 0 to 11 */
};

static const char months[12][4] = {"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"};
static const struct span days[7] = {{"sunday", 6}, {"monday", 6}, {"tuesday", 7}, {"wednesday", 9}, {"thursday", 8}, {"friday", 6}, {"saturday", 8}};

/* text in lower case */
static inline bool take(struct span *s, struct span text)
{
	if (s->len < text.len)
		return false;
	for (size_t i = 0; i < text.len; i++)
		if (span_lower(s->at[i]) != text.at[i])
			return false;
	*s = span_of(s->at + text.len, s->len - text.len);
	return true;
}

static bool take_digits(struct span *s, size_t n, unsigned *value)
{
	unsigned v = 0;

	if (s->len < n)
		return false;
	for (size_t i = 0; i < n; i++) {
		unsigned d = (unsigned char)s->at[i] - (unsigned)'0';

		if (d > 9)
			return false;
		v = v * 10 + d;
	}
	*s = span_of(s->at + n, s->len - n);
	*value = v;
	return true;
}

static bool take_month(struct span *s, unsigned *month)
{
	for (*month = 0; *month < 12; ++*month)
		if (take(s, span_of(months[*month], 3)))
			return true;
	return false;
}

static bool take_time(struct span *s, struct moment *m)
{
	return take_digits(s, 2, &m->hour) && take(s, SPAN(":")) && take_digits(s, 2, &m->minute) && take(s, SPAN(":")) &&
	       take_digits(s, 2, &m->second);
}

/* The name of a day; *whole: all of it, not three letters. */
static bool take_weekday(struct span *s, bool *whole)
{
	for (size_t i = 0; i < 7; i++) {
		*whole = take(s, days[i]);
		if (*whole || take(s, span_of(days[i].at, 3)))
			return true;
	}
	return false;
}

/* Sun, 06 Nov 1994 08:49:37 GMT, behind the comma */
static bool imf_fixdate(struct span *s, struct moment *m)
{
	return take_digits(s, 2, &m->day) && take(s, SPAN(" ")) && take_month(s, &m->month) && take(s, SPAN(" ")) &&
	       take_digits(s, 4, &m->year) && take(s, SPAN(" ")) && take_time(s, m) && take(s, SPAN(" gmt"));
}

/* Sunday, 06-Nov-94 08:49:37 GMT, behind the comma; the year without its century */
static bool rfc850_date(struct span *s, struct moment *m)
{
	return take_digits(s, 2, &m->day) && take(s, SPAN("-")) && take_month(s, &m->month) && take(s, SPAN("-")) &&
	       take_digits(s, 2, &m->year) && take(s, SPAN(" ")) && take_time(s, m) && take(s, SPAN(" gmt"));
}

/* Sun Nov  6 08:49:37 1994, behind the day of the week */
static bool asctime_date(struct span *s, struct moment *m)
{
	return take_month(s, &m->month) && take(s, SPAN(" ")) &&
	       (take(s, SPAN(" ")) ? take_digits(s, 1, &m->day) : take_digits(s, 2, &m->day)) && take(s, SPAN(" ")) &&
	       take_time(s, m) && take(s, SPAN(" ")) && take_digits(s, 4, &m->year);
}

static bool is_leap(unsigned year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* From the beginning of year 0 to that of 1970. */
#define DAYS_TO_1970 719528

static int64_t seconds_of(const struct moment *m)
{
	static const uint16_t before[12] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
	unsigned y = m->year;
	int64_t day = (int64_t)y * 365 + (y + 3) / 4 - (y + 99) / 100 + (y + 399) / 400; /* leap days of the years before */

	day += (int64_t)before[m->month] + (m->month > 1 && is_leap(y)) + m->day - 1;
	return (day - DAYS_TO_1970) * DAY + (int64_t)m->hour * HOUR + m->minute * 60 + m->second;
}

/* There is such a day and such a time; 60: a leap second. */
static bool exists(const struct moment *m)
{
	static const uint8_t lengths[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return m->day >= 1 && m->day <= lengths[m->month] + (unsigned)(m->month == 1 && is_leap(m->year)) && m->hour < 24 &&
	       m->minute < 60 && m->second <= 60;
}

/* The last year with these two digits that is not more than 50 years ahead. */
static void find_century(struct moment *m, int64_t clock)
{
	for (m->year += 9900; m->year >= 100 && seconds_of(m) > clock + YEARS_50; m->year -= 100)
		;
}

bool fresh_date(struct span s, int64_t clock, int64_t *seconds)
{
	struct moment m;
	bool whole, read, century = false;

	if (!take_weekday(&s, &whole))
		return false;
	if (take(&s, SPAN(", "))) {
		century = whole;
		read = whole ? rfc850_date(&s, &m) : imf_fixdate(&s, &m);
	} else {
		read = !whole && take(&s, SPAN(" ")) && asctime_date(&s, &m);
	}
	if (!read || s.len)
		return false;
	if (century)
		find_century(&m, clock);
	if (!exists(&m))
		return false;
	*seconds = seconds_of(&m);
	return true;
}

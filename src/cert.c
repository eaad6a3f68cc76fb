/* SPDX-License-Identifier: MIT
 *
 * cert - what does this certificate say?
 *
 * DER is read strictly (X.690 10): one-byte tags, definite lengths in their
 * shortest form, nothing behind the last element. A reader cuts what it took
 * off its span, so that it can never look behind the end of what encloses it.
 */
#include "cert.h"

enum {
	DER_BOOLEAN = 0x01, DER_INTEGER = 0x02, DER_BITS = 0x03, DER_OCTETS = 0x04, DER_OID = 0x06,
	DER_UTF8 = 0x0c, DER_PRINTABLE = 0x13, DER_TELETEX = 0x14, DER_IA5 = 0x16,
	DER_UTC_TIME = 0x17, DER_TIME = 0x18, DER_SEQUENCE = 0x30, DER_SET = 0x31,
	DER_VERSION = 0xa0, DER_ISSUER_ID = 0x81, DER_SUBJECT_ID = 0x82, DER_EXTENSIONS = 0xa3, /* context-specific in TBSCertificate */
	DER_DNS_NAME = 0x82, DER_IP_ADDRESS = 0x87 /* and in GeneralName */
};

static const char no_cert[] = "is not a certificate";

/* --- DER ------------------------------------------------------------------ */

/* The length at s[1]: its value, and how many bytes tag and length have; false: none that DER allows. */
static bool read_length(struct span s, size_t *head, size_t *value)
{
	const unsigned char *at = (const unsigned char *)s.at;
	size_t n, v = 0;

	if (s.len < 2)
		return false;
	*head = 2;
	*value = at[1];
	if (at[1] < 0x80)
		return true;
	n = at[1] & 0x7f;
	if (n < 1 || n > 3 || s.len < 2 + n || at[2] == 0)
		return false; /* 16 MiB are more than TLS can carry */
	for (size_t i = 0; i < n; i++)
		v = v << 8 | at[2 + i];
	*head = 2 + n;
	*value = v;
	return v >= 0x80;
}

/* Cuts the next element off *from, whatever it is. */
static bool take_any(struct span *from, unsigned *tag, struct span *whole, struct span *content)
{
	size_t head, len;

	if (!read_length(*from, &head, &len) || len > from->len - head)
		return false;
	*tag = (unsigned char)from->at[0];
	if ((*tag & 0x1f) == 0x1f)
		return false; /* tags of several bytes: X.509 has none */
	*whole = span_of(from->at, head + len);
	*content = span_of(from->at + head, len);
	*from = span_of(from->at + head + len, from->len - head - len);
	return true;
}

static bool next_is(struct span from, unsigned tag)
{
	return from.len > 0 && (unsigned char)from.at[0] == tag;
}

/* Cuts off an element of this kind; nothing happens if it is of another one. */
static bool take(struct span *from, unsigned tag, struct span *content)
{
	struct span whole;
	unsigned any;

	return next_is(*from, tag) && take_any(from, &any, &whole, content);
}

/* The same with tag and length. */
static bool take_whole(struct span *from, unsigned tag, struct span *whole)
{
	struct span content;
	unsigned any;

	return next_is(*from, tag) && take_any(from, &any, whole, &content);
}

/* All of it is one element of this kind. */
static bool is_one(struct span all, unsigned tag, struct span *content)
{
	return take(&all, tag, content) && all.len == 0;
}

/* --- time (RFC 5280 4.1.2.5) ------------------------------------------------- */

/* The next two digits, or -1. */
static int two(struct span *s)
{
	int value = -1;

	if (s->len >= 2 && s->at[0] >= '0' && s->at[0] <= '9' && s->at[1] >= '0' && s->at[1] <= '9')
		value = (s->at[0] - '0') * 10 + (s->at[1] - '0');
	*s = s->len >= 2 ? span_of(s->at + 2, s->len - 2) : span_of(s->at, 0);
	return value;
}

/* Days from 1970-01-01. Years begin in March here: the leap day is a year's last
 * one. They are counted from 400 before Christ, so that none is negative. */
static int64_t days(int year, int month, int day)
{
	int y = (month > 2 ? year : year - 1) + 400;
	int day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

	return (int64_t)365 * y + y / 4 - y / 100 + y / 400 + day_of_year - 719468 - 146097;
}

static int month_length(int year, int month)
{
	if (month == 2)
		return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28;
	return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

/* What follows the year: MMDDHHMMSSZ. */
static bool read_rest_of_time(struct span s, int year, int64_t *seconds)
{
	int month = two(&s), day = two(&s), hour = two(&s), minute = two(&s), second = two(&s);

	if (month < 1 || month > 12 || day < 1 || day > month_length(year, month))
		return false;
	if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59 || !span_is(s, SPAN("Z")))
		return false;
	*seconds = ((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
	return true;
}

static bool take_time(struct span *from, int64_t *seconds)
{
	int century = -1, year;
	struct span s;

	if (take(from, DER_TIME, &s))
		century = two(&s);
	else if (!take(from, DER_UTC_TIME, &s))
		return false;
	else if (s.len > 0)
		century = s.at[0] >= '5' ? 19 : 20; /* 1950 to 2049 */
	year = two(&s);
	return century >= 0 && year >= 0 && read_rest_of_time(s, century * 100 + year, seconds);
}

/* --- extensions (RFC 5280 4.2) -------------------------------------------------- */

static const struct span oid_names = {"\x55\x1d\x11", 3};       /* subjectAltName, 2.5.29.17 */
static const struct span oid_constraints = {"\x55\x1d\x13", 3}; /* basicConstraints, 2.5.29.19 */
static const struct span oid_uses = {"\x55\x1d\x25", 3};        /* extKeyUsage, 2.5.29.37 */
static const struct span oid_any_use = {"\x55\x1d\x25\x00", 4}; /* anyExtendedKeyUsage */
static const struct span oid_servers = {"\x2b\x06\x01\x05\x05\x07\x03\x01", 8}; /* id-kp-serverAuth */
static const struct span oid_clients = {"\x2b\x06\x01\x05\x05\x07\x03\x02", 8}; /* id-kp-clientAuth */

static bool read_names(struct cert *c, struct span value)
{
	struct span names, whole, content;
	unsigned tag;

	if (c->names.len || !is_one(value, DER_SEQUENCE, &names) || !names.len)
		return false;
	c->names = names;
	while (names.len)
		if (!take_any(&names, &tag, &whole, &content))
			return false;
	return true;
}

static bool read_constraints(struct cert *c, struct span value)
{
	struct span fields, ca, most;

	if (!is_one(value, DER_SEQUENCE, &fields))
		return false;
	if (take(&fields, DER_BOOLEAN, &ca)) {
		if (ca.len != 1)
			return false;
		c->ca = ca.at[0] != 0; /* DER says 0xff, but some say 1, and BearSSL takes that */
	}
	(void)take(&fields, DER_INTEGER, &most);
	return fields.len == 0;
}

static bool read_uses(struct cert *c, struct span value)
{
	struct span uses, one;

	if (c->uses || !is_one(value, DER_SEQUENCE, &uses) || !uses.len)
		return false;
	while (uses.len) {
		if (!take(&uses, DER_OID, &one))
			return false;
		if (span_is(one, oid_any_use))
			c->uses |= CERT_FOR_SERVERS | CERT_FOR_CLIENTS | CERT_FOR_OTHERS;
		else
			c->uses |= span_is(one, oid_servers) ? CERT_FOR_SERVERS : span_is(one, oid_clients) ? CERT_FOR_CLIENTS : CERT_FOR_OTHERS;
	}
	return true;
}

static bool read_extension(struct cert *c, struct span fields, bool *constrained)
{
	struct span oid, critical, value;

	if (!take(&fields, DER_OID, &oid))
		return false;
	(void)take(&fields, DER_BOOLEAN, &critical);
	if (!take(&fields, DER_OCTETS, &value) || fields.len)
		return false;
	if (span_is(oid, oid_names))
		return read_names(c, value);
	if (span_is(oid, oid_uses))
		return read_uses(c, value);
	if (!span_is(oid, oid_constraints))
		return true;
	if (*constrained)
		return false; /* an extension stands there once (4.2) */
	*constrained = true;
	return read_constraints(c, value);
}

static bool read_extensions(struct cert *c, struct span field)
{
	bool constrained = false;
	struct span list, one;

	if (!is_one(field, DER_SEQUENCE, &list))
		return false;
	while (list.len)
		if (!take(&list, DER_SEQUENCE, &one) || !read_extension(c, one, &constrained))
			return false;
	return true;
}

/* --- the certificate (RFC 5280 4.1) ----------------------------------------------- */

static bool take_version(struct span *tbs, uint8_t *version)
{
	struct span field, number;

	*version = 1;
	if (!next_is(*tbs, DER_VERSION))
		return true;
	if (!take(tbs, DER_VERSION, &field) || !is_one(field, DER_INTEGER, &number) || number.len != 1)
		return false;
	*version = (uint8_t)(number.at[0] + 1);
	return *version >= 1 && *version <= 3;
}

static bool take_validity(struct span *tbs, struct cert *c)
{
	struct span s;

	return take(tbs, DER_SEQUENCE, &s) && take_time(&s, &c->from) && take_time(&s, &c->until) && !s.len;
}

static const char *read_tbs(struct cert *c, struct span tbs)
{
	struct span serial, algorithm, id, extensions;

	if (!take_version(&tbs, &c->version) || !take(&tbs, DER_INTEGER, &serial) || !take(&tbs, DER_SEQUENCE, &algorithm))
		return no_cert;
	if (!take_whole(&tbs, DER_SEQUENCE, &c->issuer))
		return "has no issuer";
	if (!take_validity(&tbs, c))
		return "has no valid dates";
	if (!take_whole(&tbs, DER_SEQUENCE, &c->subject) || !take_whole(&tbs, DER_SEQUENCE, &c->key))
		return "has no subject or no key";
	(void)take(&tbs, DER_ISSUER_ID, &id);
	(void)take(&tbs, DER_SUBJECT_ID, &id);
	if (c->version == 3 && take(&tbs, DER_EXTENSIONS, &extensions) && !read_extensions(c, extensions))
		return "has malformed extensions";
	return tbs.len ? "has something behind its extensions" : NULL;
}

const char *cert_read(struct cert *c, struct span der)
{
	struct span all, tbs, algorithm, signature;

	*c = (struct cert){.der = der};
	if (!is_one(der, DER_SEQUENCE, &all) || !take(&all, DER_SEQUENCE, &tbs))
		return no_cert;
	if (!take(&all, DER_SEQUENCE, &algorithm) || !take(&all, DER_BITS, &signature) || all.len)
		return no_cert;
	return read_tbs(c, tbs);
}

/* --- whom it is for (RFC 6125 6.4) --------------------------------------------------- */

bool cert_next_name(struct span *names, enum cert_name *kind, struct span *value)
{
	struct span whole;
	unsigned tag;

	if (!take_any(names, &tag, &whole, value))
		return false;
	*kind = CERT_OTHER;
	if (tag == DER_DNS_NAME)
		*kind = CERT_DNS;
	else if (tag == DER_IP_ADDRESS && (value->len == 4 || value->len == 16))
		*kind = CERT_IP;
	return true;
}

static bool is_address(struct span value, const struct net *address)
{
	struct net n = {.family = value.len == 4 ? NET_IP4 : NET_IP6, .bits = value.len == 4 ? 32 : 128};

	memcpy(n.ip, value.at, value.len);
	return net_unmap(&n) && net_same(&n, address);
}

/* "*.example.org" stands for one label more; "*" and "a*.example.org" for nothing. */
static bool is_name(struct span pattern, struct span host)
{
	size_t dot = span_find(host, '.');

	if (span_same(pattern, host))
		return true;
	if (!span_starts(pattern, SPAN("*.")) || pattern.len < 3 || dot == 0 || dot == host.len)
		return false;
	return span_same(span_of(pattern.at + 1, pattern.len - 1), span_of(host.at + dot, host.len - dot));
}

/* "example.org." is example.org, said with its root. */
static struct span without_root(struct span host)
{
	if (host.len > 1 && host.at[host.len - 1] == '.')
		host.len--;
	return host;
}

bool cert_is_for(const struct cert *c, struct span host)
{
	struct span names = c->names, value;
	enum cert_name kind;
	struct net address;
	bool literal = net_read(&address, host);

	host = without_root(host);
	if (!host.len || host.at[0] == '*')
		return false;
	while (cert_next_name(&names, &kind, &value)) {
		if (literal && kind == CERT_IP && is_address(value, &address))
			return true;
		if (!literal && kind == CERT_DNS && is_name(value, host))
			return true;
	}
	return false;
}

bool cert_is_for_wildcard(const struct cert *c, struct span host)
{
	struct span names = c->names, value;
	enum cert_name kind;

	host = without_root(host);
	while (span_starts(host, SPAN("*.")) && cert_next_name(&names, &kind, &value))
		if (kind == CERT_DNS && span_same(value, host))
			return true;
	return false;
}

/* --- names of people (RFC 4514) ---------------------------------------------------------- */

enum { NAME_PARTS = 32 }; /* relative names in a Name: more than any has */

static const struct attribute {
	struct span oid;
	struct span name;
} attributes[] = {
	{{"\x55\x04\x03", 3}, {"CN", 2}},
	{{"\x55\x04\x06", 3}, {"C", 1}},
	{{"\x55\x04\x07", 3}, {"L", 1}},
	{{"\x55\x04\x08", 3}, {"ST", 2}},
	{{"\x55\x04\x09", 3}, {"STREET", 6}},
	{{"\x55\x04\x0a", 3}, {"O", 1}},
	{{"\x55\x04\x0b", 3}, {"OU", 2}},
	{{"\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x01", 10}, {"UID", 3}},
	{{"\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19", 10}, {"DC", 2}},
	{{"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01", 9}, {"emailAddress", 12}},
};

struct pair {
	struct span oid;
	unsigned tag;
	struct span whole, value; /* the value, with and without its tag and length */
};

/* AttributeTypeAndValue, off the content of a RelativeDistinguishedName. */
static bool take_pair(struct span *set, struct pair *p)
{
	struct span fields;

	return take(set, DER_SEQUENCE, &fields) && take(&fields, DER_OID, &p->oid) && p->oid.len &&
	       take_any(&fields, &p->tag, &p->whole, &p->value) && !fields.len;
}

static bool is_text(unsigned tag)
{
	return tag == DER_UTF8 || tag == DER_PRINTABLE || tag == DER_IA5 || tag == DER_TELETEX;
}

static void write_hex(struct text *t, char c)
{
	static const char digits[] = "0123456789ABCDEF";

	text_char(t, digits[(unsigned char)c >> 4]);
	text_char(t, digits[c & 15]);
}

/* RFC 4514 2.4. All bytes that are not printable ASCII go as hex: no line ends,
 * and nothing that a reader could take for another character, in a header field. */
static void write_text(struct text *t, struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.at[i];
		bool edge = (c == ' ' && (i == 0 || i + 1 == s.len)) || (c == '#' && i == 0);

		if (c < 0x20 || c > 0x7e) {
			text_char(t, '\\');
			write_hex(t, c);
			continue;
		}
		if (edge || c == '"' || c == '+' || c == ',' || c == ';' || c == '<' || c == '>' || c == '\\')
			text_char(t, '\\');
		text_char(t, c);
	}
}

/* Dotted numbers (X.690 8.19); one that has more than 63 bits is taken for malformed. */
static void write_oid(struct text *t, struct span oid)
{
	uint64_t number = 0;
	bool first = true;

	for (size_t i = 0; i < oid.len; i++) {
		unsigned byte = (unsigned char)oid.at[i];

		if (number >> 56 || (number == 0 && byte == 0x80))
			break;
		number = number << 7 | (byte & 0x7f);
		if (byte & 0x80)
			continue;
		if (first) {
			unsigned root = number < 40 ? 0 : number < 80 ? 1 : 2;

			text_number(t, root);
			number -= 40 * root;
		}
		first = false;
		text_char(t, '.');
		text_number(t, number);
		number = 0;
		if (i + 1 == oid.len)
			return;
	}
	t->full = true;
}

static void write_pair(struct text *t, const struct pair *p)
{
	const struct span *name = NULL;

	for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++)
		if (span_is(p->oid, attributes[i].oid))
			name = &attributes[i].name;
	if (name)
		text_span_add(t, *name);
	else
		write_oid(t, p->oid);
	text_char(t, '=');
	if (name && is_text(p->tag)) {
		write_text(t, p->value);
		return;
	}
	text_char(t, '#');
	for (size_t i = 0; i < p->whole.len; i++)
		write_hex(t, p->whole.at[i]);
}

static bool write_set(struct text *t, struct span set)
{
	struct pair p;

	if (!set.len)
		return false;
	for (bool first = true; set.len; first = false) {
		if (!take_pair(&set, &p))
			return false;
		if (!first)
			text_char(t, '+');
		write_pair(t, &p);
	}
	return true;
}

void cert_write_name(struct text *t, struct span name)
{
	struct span sets[NAME_PARTS], list;
	size_t n = 0;

	if (!is_one(name, DER_SEQUENCE, &list)) {
		t->full = true;
		return;
	}
	while (list.len)
		if (n == NAME_PARTS || !take(&list, DER_SET, &sets[n++])) {
			t->full = true;
			return;
		}
	for (size_t i = n; i-- > 0;) {
		if (!write_set(t, sets[i]))
			t->full = true;
		if (i)
			text_char(t, ',');
	}
}

struct span cert_common_name(struct span name)
{
	struct span list, set, found = {"", 0};
	struct pair p;

	if (!is_one(name, DER_SEQUENCE, &list))
		return found;
	while (take(&list, DER_SET, &set))
		while (take_pair(&set, &p))
			if (span_is(p.oid, attributes[0].oid) && is_text(p.tag))
				found = p.value;
	return found;
}

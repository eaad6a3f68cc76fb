/* SPDX-License-Identifier: MIT
 *
 * gateway - the program: options and subcommands
 *
 * Exit status: 0 fine, 1 the system refused, 2 your mistake.
 */
#include "gateway.h"
#include "platform/platform.h"
#include "src/config.h"
#include "src/control.h"
#include "src/frame.h"
#include "src/passwd.h"
#include "src/pin.h"
#include "src/route.h"
#include "src/supervisor.h"
#include "src/worker.h"

#include <inttypes.h>
#include <stdlib.h>

enum { FINE = 0, SYSTEM = 1, MISTAKE = 2 };

#define FILE_HERE "gateway.ini"
#define FILE_SYSTEM "/etc/gateway/gateway.ini"

static const char help[] =
	"gateway " GW_VERSION ", a reverse proxy: several servers under one host name, also over HTTPS\n"
	"\n"
	"  gateway [-c FILE]              run (in the foreground)\n"
	"  gateway LISTEN ROUTE...        run without a file, as in\n"
	"                                 gateway :8080 /nas/=http://192.168.1.2:5000/\n"
	"  gateway [-c FILE] check        check the file; print its routes, certificates\n"
	"                                 and the memory that they take; status 2 when\n"
	"                                 there is a warning (a certificate has expired)\n"
	"  gateway [-c FILE] explain URL  say which site, route and backend URL a request\n"
	"                                 meets, and why\n"
	"      -H 'NAME: VALUE'           with this field (again for more)\n"
	"      --method METHOD            with this method instead of GET\n"
	"      --from ADDRESS             from this client instead of 127.0.0.1\n"
	"  gateway pin URL                ask the server at an https:// URL for its key, and\n"
	"                                 print what to write behind it: verify=pin:...\n"
	"  gateway passwd USER            ask for a password (or read one line of standard\n"
	"                                 input), and print the line for [users]\n"
	"  gateway [-c FILE] logout USER  end all sessions of this user, on every device,\n"
	"                                 within ten seconds\n"
	"  gateway [-c FILE] cache        what the running gateway keeps: entries, bytes, hit\n"
	"                                 ratio, the largest ones\n"
	"  gateway [-c FILE] cache check  is its memory in order?\n"
	"  gateway [-c FILE] purge URL    the running gateway forgets what it keeps of this URL\n"
	"      --prefix URL               of all URLs that begin so\n"
	"  gateway -h | -V                print this text | the version\n"
	"\n"
	"FILE is " FILE_HERE " in the current directory, else " FILE_SYSTEM ".\n"
	"\n"
	"Signals: HUP loads the file anew (a wrong one changes nothing), TERM ends after\n"
	"the requests under way, a second TERM at once, USR1 opens log files anew.\n"
	"Exit status: 0 fine, 1 the system refused, 2 your mistake.\n";

/* --- the command line ------------------------------------------------------------- */

struct command {
	const char *file;     /* -c, or NULL */
	const char *name;     /* subcommand, or NULL */
	char **words;         /* what is neither option nor subcommand */
	int count;
	const char *method;
	const char *from;
	const char *prefix;   /* --prefix, or NULL */
	struct text fields;   /* -H, each with its CRLF */
};

/* Cut when it is longer than any that are meant to be read. */
static bool put(enum platform_stream to, const char *format, va_list list)
{
	char room[4096];
	struct text t = text_in(room, sizeof room);

	text_values(&t, format, list);
	if (t.full)
		room[sizeof room - 1] = '\n';
	return platform_print(to, text_span(&t));
}

static bool __attribute__((format(printf, 1, 2))) tell(const char *format, ...)
{
	va_list list;
	bool done;

	va_start(list, format);
	done = put(PLATFORM_OUTPUT, format, list);
	va_end(list);
	return done;
}

static void __attribute__((format(printf, 1, 2))) complain(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	put(PLATFORM_ERROR, format, list);
	va_end(list);
}

static int mistake(const char *what, const char *value)
{
	complain("gateway: %s '%s'; gateway -h tells what there is\n", what, value);
	return MISTAKE;
}

/* A subcommand. */
struct verb {
	const char *name;
	int (*run)(struct command *c);
	unsigned needs; /* a feature, or 0 */
};

static const struct verb *verb_of(const char *word);

static bool is_explain(const struct command *c)
{
	return c->name && strcmp(c->name, "explain") == 0;
}

/* Where the value of this option goes; NULL: no such option here. */
static const char **value_of(struct command *c, const char *option)
{
	if (strcmp(option, "-c") == 0)
		return &c->file;
	if (c->name && strcmp(c->name, "purge") == 0 && strcmp(option, "--prefix") == 0)
		return &c->prefix;
	if (is_explain(c) && strcmp(option, "--method") == 0)
		return &c->method;
	if (is_explain(c) && strcmp(option, "--from") == 0)
		return &c->from;
	return NULL;
}

/* An option and its value; -H may come several times. */
static int take_option(struct command *c, const char *option, const char *value)
{
	const char **to = value_of(c, option);
	bool field = is_explain(c) && strcmp(option, "-H") == 0;

	if (!to && !field)
		return mistake("unknown option", option);
	if (!value)
		return mistake("nothing follows the option", option);
	if (to) {
		*to = value;
		return FINE;
	}
	text_str(&c->fields, value);
	text_lit(&c->fields, "\r\n");
	return FINE;
}

static int take_word(struct command *c, char *word)
{
	if (!c->name && c->count == 0 && verb_of(word)) {
		c->name = word;
		return FINE;
	}
	if (!c->name && c->count == 0 && !strpbrk(word, ":/="))
		return mistake("unknown command", word);
	c->words[c->count++] = word;
	return FINE;
}

/* FINE, or that a mistake was told. Words are gathered at the front of argv. */
static int read_arguments(struct command *c, int argc, char **argv)
{
	int i, status = FINE;

	c->words = argv;
	for (i = 1; i < argc && status == FINE; i++) {
		if (argv[i][0] != '-' || !argv[i][1]) {
			status = take_word(c, argv[i]);
		} else {
			status = take_option(c, argv[i], argv[i + 1]);
			i++;
		}
	}
	return status;
}

/* --- the configuration --------------------------------------------------------------- */

static bool is_there(const char *path)
{
	char byte;

	return platform_read(path, &byte, 1) >= 0;
}

static const char *file_of(const struct command *c)
{
	if (c->file)
		return c->file;
	return is_there(FILE_HERE) ? FILE_HERE : FILE_SYSTEM;
}

static struct config *load(void *user, config_say *say, void *say_user)
{
	struct command *c = user;

	if (c->count && !c->name)
		return config_words(c->count, c->words, say, say_user);
	return config_load(c->file, say, say_user);
}

static void say(void *user, const char *message)
{
	(void)user;
	complain("%s\n", message);
}

/* --- check --------------------------------------------------------------------------- */

/* Writes what the function writes, however much that is. */
static bool print(void (*write)(const void *what, struct text *out), const void *what)
{
	size_t size = 16384;
	struct text out = {.full = true};

	while (out.full) {
		free(out.at);
		size *= 2;
		out = text_in(malloc(size), size);
		if (!out.at) {
			complain("gateway: out of memory\n");
			return false;
		}
		write(what, &out);
	}
	platform_print(PLATFORM_OUTPUT, text_span(&out));
	free(out.at);
	return true;
}

static void write_config(const void *what, struct text *out)
{
	config_print(what, out);
}

static void print_term(const char *what, uint64_t count, uint64_t size)
{
	tell("  %-32s %9" PRIu64 " x %9" PRIu64 " = %12" PRIu64 "\n", what, count, size, count * size);
}

/* Not taken at start, but whenever the dearest hash is looked at. */
static void print_password_memory(const struct config *c)
{
	uint64_t most = 0;

	for (size_t i = 0; i < c->users_count; i++)
		for (size_t j = 0; j < c->users[i].count; j++)
			if (password_memory(c->users[i].at[j].hash) > most)
				most = password_memory(c->users[i].at[j].hash);
	if (most)
		tell("the password process: up to %" PRIu64 " MB more while it looks at a password\n", (most + (1 << 19)) >> 20);
}

static void print_memory(const struct config *c)
{
	struct memory_term terms[64];
	size_t count = worker_memory(c, terms, 64), i;
	uint64_t worker = 2 * sizeof(struct log), all;
	char room[24];
	struct text mega = text_in(room, sizeof room);

	tell("\nmemory in bytes, taken at start and never more (program, stack and configuration aside):\n");
	for (i = 0; i < count && i < 64; i++) {
		print_term(terms[i].what, terms[i].count, terms[i].size);
		worker += (uint64_t)terms[i].count * terms[i].size;
	}
	print_term("log buffers", 2, sizeof(struct log));
	all = worker * c->workers + sizeof(struct share) + c->cache;
	print_term("workers", c->workers, worker);
	print_term("shared by all", 1, sizeof(struct share));
	if (c->cache)
		print_term("cache, shared by all", 1, c->cache);
	text_tenths(&mega, all, 1000000);
	tell("  %-32s %35" PRIu64 " (%.*s MB)\n", "together", all, (int)mega.len, mega.at);
	if (GW_HAS(AUTH))
		print_password_memory(c);
}

/* It would run with warnings, too, but who asks wants to know. */
static int tell_verdict(const struct config *c)
{
	if (!c->warnings) {
		tell("\n%s is fine\n", c->file);
		return FINE;
	}
	tell("\n%s would run, with %zu warning%s\n", c->file, c->warnings, c->warnings == 1 ? "" : "s");
	return MISTAKE;
}

static int check(struct command *c)
{
	struct config *config;
	const char *unknown;
	int status;

	if (c->count)
		return mistake("check takes no word", c->words[0]);
	config = load(c, say, NULL);
	if (!config)
		return MISTAKE;
	unknown = platform_knows(config->user, config->group);
	if (unknown) {
		complain("%s: cannot run as user %s, group %s: %s\n", config->file, config->user ? config->user : "(unchanged)",
			config->group ? config->group : "(of the user)", unknown);
		config_free(config);
		return MISTAKE;
	}
	if (GW_HAS(EXPLAIN) && !print(write_config, config))
		return SYSTEM;
	print_memory(config);
	status = tell_verdict(config);
	config_free(config);
	return status;
}

/* --- explain --------------------------------------------------------------------------- */

struct question {
	const struct listener *listener;
	struct asked asked;
	struct head head;
	struct path path;
	struct net client;
	unsigned port; /* of the URL; 0: it names none */
	const char *scheme; /* of the URL: "http", "https"; NULL: it names none */
	char request[GW_HEAD + 1];
	char room[GW_TARGET + 1];
};

static void write_route(const void *what, struct text *out)
{
	const struct question *q = what;

	route_explain(q->listener, &q->asked, out);
}

/* Takes "scheme://authority" off the URL; without a scheme the authority is what
 * is before the first slash. */
static struct span take_authority(struct span *url, struct question *q)
{
	struct span authority = *url;

	q->port = 0;
	q->scheme = NULL;
	if (span_starts_same(*url, SPAN("http://")))
		q->port = 80, q->scheme = "http", authority = span_of(url->at + 7, url->len - 7);
	else if (span_starts_same(*url, SPAN("https://")))
		q->port = 443, q->scheme = "https", authority = span_of(url->at + 8, url->len - 8);
	*url = authority;
	authority.len = span_find(authority, '/');
	if (span_find(authority, '?') < authority.len)
		authority.len = span_find(authority, '?');
	*url = span_of(url->at + authority.len, url->len - authority.len);
	return authority;
}

static int refused(const struct refusal *why)
{
	tell("refused before any route is looked for: %d, %s\n", why->status, why->text);
	return FINE;
}

/* What a client would send for this URL. */
static bool write_request(struct question *q, const struct command *c, struct span authority, struct span rest)
{
	struct text t = text_in(q->request, sizeof q->request);
	size_t seen = 0;

	text_str(&t, c->method);
	text_char(&t, ' ');
	if (rest.len == 0 || rest.at[0] != '/')
		text_char(&t, '/');
	text_span_add(&t, rest);
	text_lit(&t, " HTTP/1.1\r\nHost: ");
	text_span_add(&t, authority);
	text_lit(&t, "\r\n");
	text_span_add(&t, text_span(&c->fields));
	text_lit(&t, "\r\n");
	return !t.full && head_end(t.at, t.len, &seen) == t.len;
}

static const struct refusal *read_request(struct question *q)
{
	struct text room = text_in(q->room, sizeof q->room);
	struct frame frame;
	size_t seen = 0, len = head_end(q->request, strlen(q->request), &seen);
	const struct refusal *why = head_request(&q->head, q->request, len);
	unsigned port;

	if (!why)
		why = frame_request(&frame, &q->head);
	if (!why)
		why = path_read(&q->path, q->head.target, q->head.method == METHOD_OPTIONS, &room);
	if (why)
		return why;
	if (path_host(head_get(&q->head, FIELD_HOST), &q->asked.host, &port) && port)
		q->port = port;
	q->asked.head = &q->head;
	q->asked.path = &q->path;
	q->asked.client = &q->client;
	return NULL;
}

static bool has_port(const struct listener *l, unsigned port)
{
	return l->address.family != NET_UNIX && l->address.port == port;
}

/* Does the URL speak as this listener does? */
static bool has_scheme(const struct listener *l, const struct question *q)
{
	return !q->scheme || l->tls == (strcmp(q->scheme, "https") == 0);
}

/* The listener with the URL's port; otherwise the first one of its scheme, or of
 * all, and we say so. */
static const struct listener *listener_for(const struct config *config, const struct question *q)
{
	const struct listener *found = NULL, *l;
	size_t i;

	for (i = 0; i < config->listener_count; i++) {
		l = &config->listeners[i];
		if (has_port(l, q->port))
			return l;
		if (!found && has_scheme(l, q))
			found = l;
	}
	if (!found)
		found = &config->listeners[0];
	if (q->port)
		tell("no listener has port %u; as if it came to %s:\n", q->port, found->text);
	return found;
}

/* The port is right and the scheme is wrong. */
static bool explain_scheme(const struct question *q)
{
	const struct listener *l = q->listener;

	if (has_scheme(l, q) || !has_port(l, q->port))
		return false;
	if (l->tls)
		tell("plain HTTP on %s, which is an HTTPS port: 400\n", l->text);
	else
		tell("TLS on %s, which speaks plain HTTP: no connection comes about\n", l->text);
	return true;
}

static int explain_with(struct question *q, const struct command *c, const struct config *config)
{
	struct span url = span_str(c->words[0]), authority = take_authority(&url, q);
	const struct refusal *why;

	if (!net_read(&q->client, span_str(c->from)))
		return mistake("this is no address:", c->from);
	if (authority.len == 0)
		return mistake("a URL names a host, as in http://home.example.org/nas/; this does not:", c->words[0]);
	if (c->fields.full || !write_request(q, c, authority, url))
		return mistake("too long, or not one request:", c->words[0]);
	why = read_request(q);
	if (why)
		return refused(why);
	q->listener = listener_for(config, q);
	if (explain_scheme(q))
		return FINE;
	return print(write_route, q) ? FINE : SYSTEM;
}

static int explain(struct command *c)
{
	static struct question question; /* too large for a small stack */
	struct config *config;
	int status;

	if (c->count != 1)
		return mistake("one URL must follow", c->name);
	config = load(c, say, NULL);
	if (!config)
		return MISTAKE;
	status = explain_with(&question, c, config);
	config_free(config);
	return status;
}

/* --- pin -------------------------------------------------------------------------------- */

/* The line alone, so that it can be pasted behind a target. */
static int pin(struct command *c)
{
	struct span url = span_str(c->count == 1 ? c->words[0] : ""), authority, host;
	unsigned char key[32];
	unsigned port;
	const char *why;
	static struct question q; /* too large for a small stack */

	if (c->count != 1 || !span_starts_same(url, SPAN("https://")))
		return mistake("one https:// URL must follow", c->name);
	authority = take_authority(&url, &q);
	if (!path_host(authority, &host, &port))
		return mistake("a URL names a host, as in https://192.168.1.2:5001; this does not:", c->words[0]);
	if (host.len > 1 && host.at[0] == '[')
		host = span_of(host.at + 1, host.len - 2);
	why = pin_of(key, host, (uint16_t)(port ? port : 443));
	if (why) {
		complain("gateway: cannot tell the key of %s: %s\n", c->words[0], why);
		return SYSTEM;
	}
	tell("verify=pin:sha256:");
	for (size_t i = 0; i < sizeof key; i++)
		tell("%02x", key[i]);
	return tell("\n") ? FINE : SYSTEM;
}

/* --- passwd ----------------------------------------------------------------------------- */

/* The line alone, so that it can be sent into a file. */
static int passwd(struct command *c)
{
	static char room[512];
	struct text line = text_in(room, sizeof room);
	struct span name = span_str(c->count == 1 ? c->words[0] : "");
	const char *why;
	bool wrong = true;

	if (c->count != 1)
		return mistake("one user name must follow", c->name);
	why = passwd_name(name);
	if (why) {
		complain("gateway: the name '%s' %s\n", c->words[0], why);
		return MISTAKE;
	}
	why = passwd_line(&line, name, &wrong);
	if (why) {
		complain("gateway: no line for %s: %s\n", c->words[0], why);
		return wrong ? MISTAKE : SYSTEM;
	}
	return tell("%.*s\n", (int)line.len, line.at) ? FINE : SYSTEM;
}

/* --- logout ----------------------------------------------------------------------------- */

static int logout(struct command *c)
{
	static char room[2048];
	struct text error = text_in(room, sizeof room);
	struct config *config;
	bool done, told = false, wrong = true;

	if (c->count != 1)
		return mistake("one user name must follow", c->name);
	config = load(c, say, NULL);
	if (!config)
		return MISTAKE;
	done = config_logout(config, span_str(c->words[0]), &error, &wrong);
	if (!done)
		complain("%.*s\n", (int)error.len, error.at);
	else
		told = tell("the sessions of %s end within ten seconds\n", c->words[0]);
	config_free(config);
	if (done)
		return told ? FINE : SYSTEM;
	return wrong ? MISTAKE : SYSTEM;
}

/* --- cache and purge ---------------------------------------------------------------------- */

/* Prints the answer, or says why it is none. */
static int tell_answer(struct span answer)
{
	static const struct { struct span begins; int status; } kinds[] = {{{"mistake: ", 9}, MISTAKE}, {{"cannot: ", 8}, SYSTEM}};

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		size_t n = kinds[i].begins.len;

		if (!span_starts(answer, kinds[i].begins))
			continue;
		complain("gateway: %.*s", (int)(answer.len - n), answer.at + n);
		return kinds[i].status;
	}
	return platform_print(PLATFORM_OUTPUT, answer) ? FINE : SYSTEM;
}

/* Asks the gateway that runs with this configuration. */
static int ask_running(const struct config *config, struct span line)
{
	static char room[CONTROL_MOST];
	char place[CONTROL_PATH] = "";
	struct text answer = text_in(room, sizeof room), path = text_in(place, sizeof place - 1);
	const char *why;

	if (!config->state) {
		complain("gateway: %s names no 'state' directory, where a running gateway could be asked\n", config->file);
		return MISTAKE;
	}
	control_path(&path, config->state);
	why = path.full ? "name too long" : control_ask(place, line, &answer);
	if (!why)
		return tell_answer(text_span(&answer));
	complain("gateway: cannot ask a running gateway at %s/control: %s%s\n", config->state, why,
		config->cache ? "" : "; and no route of this configuration has 'cache'");
	return SYSTEM;
}

/* What the configuration warns of has been said when gateway began with it. */
static void say_faults(void *user, const char *message)
{
	if (!strstr(message, ": warning: "))
		say(user, message);
}

static int ask(struct command *c, const char *verb, const char *word)
{
	char room[CONTROL_MOST];
	struct text line = text_in(room, sizeof room - 1);
	struct config *config;
	int status;

	text_str(&line, verb);
	text_char(&line, ' ');
	text_str(&line, word);
	if (line.full)
		return mistake("too long:", word);
	config = load(c, say_faults, NULL);
	if (!config)
		return MISTAKE;
	status = ask_running(config, text_span(&line));
	config_free(config);
	return status;
}

static int cache(struct command *c)
{
	if (c->count > 1 || (c->count == 1 && strcmp(c->words[0], "check") != 0))
		return mistake("'check' may follow cache, and nothing else:", c->words[c->count - 1]);
	return ask(c, "cache", c->count ? "check" : "");
}

/* One word of one line, or it would be another request than the one that was meant. */
static bool is_url(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.at[i] <= ' ' || s.at[i] == 0x7f)
			return false;
	return span_starts_same(s, SPAN("http://")) || span_starts_same(s, SPAN("https://"));
}

static int purge(struct command *c)
{
	const char *url = c->prefix ? c->prefix : c->count ? c->words[0] : "";

	if (c->count + (c->prefix != NULL) != 1)
		return mistake("one URL must follow", c->name);
	if (!is_url(span_str(url)))
		return mistake("a URL begins with http:// or https:// and has no blanks; this does not:", url);
	return ask(c, c->prefix ? "purge-prefix" : "purge", url);
}

/* --- main ------------------------------------------------------------------------------- */

#define VERB(name, feature) {#name, GW_HAS(feature) ? name : NULL, GW_##feature}

static const struct verb *verb_of(const char *word)
{
	static const struct verb verbs[] = {
		VERB(cache, CACHE), {"check", check, 0}, VERB(explain, EXPLAIN), VERB(logout, AUTH),
		VERB(passwd, AUTH), VERB(pin, TLS), {"probe", NULL, 0}, VERB(purge, CACHE),
	};

	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (strcmp(word, verbs[i].name) == 0)
			return &verbs[i];
	return NULL;
}

static int obey(const struct verb *v, struct command *c)
{
	if (v->run)
		return v->run(c);
	if (v->needs)
		complain("gateway: '%s' needs the feature '%s', which this build leaves out (gateway -V tells what is in)\n", v->name,
			config_feature(v->needs));
	else
		complain("gateway: '%s' is not available in this version\n", v->name);
	return MISTAKE;
}

static int run(struct command *c)
{
	if (c->count && c->file) {
		complain("gateway: either -c FILE or words, not both: '%s'\n", c->words[0]);
		return MISTAKE;
	}
	return supervisor_run(load, c);
}

static bool is_asked(int argc, char **argv, const char *brief, const char *full)
{
	return argc > 1 && (strcmp(argv[1], brief) == 0 || strcmp(argv[1], full) == 0);
}

static int tell_version(void)
{
	tell("gateway " GW_VERSION "\nfeatures:");
	for (unsigned feature = 1; feature <= GW_EXPLAIN; feature <<= 1)
		if ((GW_FEATURES) & feature)
			tell(" %s", config_feature(feature));
	return tell("%s\n", GW_HAS(AUTH) && platform_crypt_knows("$2b$") ? " bcrypt" : "") ? FINE : SYSTEM;
}

int main(int argc, char **argv)
{
	static char fields[GW_HEAD];
	struct command c = {.method = "GET", .from = "127.0.0.1", .fields = text_in(fields, sizeof fields)};
	int status;

	if (is_asked(argc, argv, "-h", "--help"))
		return platform_print(PLATFORM_OUTPUT, span_of(help, sizeof help - 1)) ? FINE : SYSTEM;
	if (is_asked(argc, argv, "-V", "--version"))
		return tell_version();
	status = read_arguments(&c, argc, argv);
	if (status != FINE)
		return status;
	if (!c.count || c.name)
		c.file = file_of(&c);
	return c.name ? obey(verb_of(c.name), &c) : run(&c);
}

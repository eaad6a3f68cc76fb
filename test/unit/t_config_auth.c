/* SPDX-License-Identifier: MIT
 *
 * Who may pass: are users read from everywhere, is each level's word heard, is every
 * mistake told, and is what must be kept of sessions made once and used again?
 */
#include "config_made.h"
#include "../../src/config_users.h"
#include "../../platform/platform.h"
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define A1 "$apr1$4Up1.aar$NLGtbECMsOlrFNw4qhfh2."
#define A2 "$5$saltsalt$xQZPWwpbUaCQF9DiIiaDYwvxAwtDh8YpOHOHATh6NKB"
#define A6 "$6$saltsalt$TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0Y77vwPZN.Pq.H91p5hVO1"
#define G "[gateway]\nlisten = :80\nstate = st\n"                      /* lines 1 to 3 */
#define F "[users f]\nalice = " A1 "\nbob = " A6 "\n"                 /* three lines */
#define S G F "[site a]\n"                                             /* site in line 7 */
#define PLAIN "is plain text: 'gateway passwd USER' makes a line with a hash"

/* --- a directory with files --------------------------------------------------- */

static char home[] = "/tmp/gateway-test-XXXXXX";

static void put_bytes(const char *name, struct span text)
{
	FILE *f = fopen(name, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text.at, 1, text.len, f), text.len);
	assert_int_equal(fclose(f), 0);
}

static void put(const char *name, const char *text)
{
	put_bytes(name, span_str(text));
}

static void put_large(const char *name, size_t size)
{
	struct text t = block_text(size);

	memset(t.at, '\n', size);
	put_bytes(name, span_of(t.at, size));
	free(t.at);
}

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(home) || chdir(home))
		return -1;
	put("good", "# those of the house\r\n\r\ncarl:" A1 "\r\n  dora:" A6 ":Dora Doe  \n\n #x:y\nanna maria:" A1);
	put("bom", "\xef\xbb\xbf" "carl:" A1 "\n");
	put("plain", "carl:" A1 "\ndora:secret\nemil\nfred:\n:" A1 "\ngu\tn:" A1 "\nhal :" A1 "\n");
	put("twice", "carl:" A1 "\nalice:" A1 "\ncarl:" A6 "\n");
	put("empty", "# nobody\n");
	put("nets", "10.0.0.0/8\n");
	put_large("large", 1024 * 1024 + 1);
	return mkdir("dir", 0700);
}

static int tear_down(void **state)
{
	char command[100];

	(void)state;
	snprintf(command, sizeof command, "rm -rf %s", home);
	return chdir("/") || system(command);
}

/* --- what is told --------------------------------------------------------------- */

#define R "/ = reply:204\n"
#define LABEL32 "abcdefghijklmnopqrstuvwxyz-_0123"

static const struct { const char *text, *said; } mistakes[] = {
	/* sections */
	{G "[users]\nalice = " A1 "\n[site a]\n" R, "f:4: [users] needs a name: [users family]\n"},
	{G "[users a b]\nalice = " A1 "\n[site a]\n" R, "f:4: [users a b]: a name has letters, digits, '-' and '_', at most 32\n"},
	{G "[users " LABEL32 "4]\nalice = " A1 "\n[site a]\n" R, "f:4: [users " LABEL32 "4]: a name has letters, digits, '-' and '_', at most 32\n"},
	{G "[users none]\nalice = " A1 "\n[site a]\n" R, "f:4: [users none]: 'auth = none' asks nobody for a password; choose another name\n"},
	{G F "[site a]\n" R "[users F]\nx = " A1 "\n", "f:9: [users F] is already in line 4\n"},
	{G "[users f]\n[site a]\n" R, "f:4: [users f] has nobody in it: 'gateway passwd alice' prints a line for alice, 'file = PATH' names a file\n"},
	{G "[users f]\nalice\n[site a]\n" R, "f:5: expected 'key = value', not 'alice'\n"},
	{G "[users f]\nalice = " A1 "\n  http://x\n[site a]\n" R, "f:6: 'http://x' is indented, but the line above is no route\n"},
	/* users */
	{G "[users f]\nalice = secret\n[site a]\n" R, "f:5: alice " PLAIN "\n"},
	{G "[users f]\nalice =\n[site a]\n" R, "f:5: alice has no hash: 'gateway passwd USER' prints a line with one\n"},
	{G "[users f]\nalice = " A1 "\nbob = " A1 "\nalice = " A6 "\n[site a]\n" R, "f:7: alice is already in line 5\n"},
	/* files */
	{G "[users f]\nfile = none\n[site a]\n" R, "f:5: file none cannot be read: no such file or directory\n"},
	{G "[users f]\nfile = dir\n[site a]\n" R, "f:5: file dir cannot be read: is a directory\n"},
	{G "[users f]\nfile =\n[site a]\n" R, "f:5: 'file' has no value\n"},
	{G "[users f]\nfile = good\nfile = good\n[site a]\n" R, "f:6: file good is already in line 5\n"},
	{G "[users f]\nfile = large\n[site a]\n" R, "f:5: file large is larger than 1 MB\n"},
	{G "[users f]\nfile = plain\n[site a]\n" R,
	 "f:5: file plain:2: dora " PLAIN "\n"
	 "f:5: file plain:3: expected NAME:HASH\n"
	 "f:5: file plain:4: expected NAME:HASH\n"
	 "f:5: file plain:5: '' is no name\n"
	 "f:5: file plain:6: 'gu?n' holds a control byte\n"
	 "f:5: file plain:7: 'hal ' begins or ends with a blank\n"},
	{G "[users f]\nalice = " A1 "\nfile = twice\n[site a]\n" R,
	 "f:6: file twice:2: alice is already in f:5\n"
	 "f:6: file twice:3: carl is already in twice:1\n"},
	{G "[users f]\nfile = good\nfile = bom\n[site a]\n" R, "f:6: file bom:1: carl is already in good:3\n"},
	/* auth */
	{G "[users family]\nalice = " A1 "\n[site a]\n" R "auth = Famly\n", "f:8: auth: there is no [users Famly] (did you mean 'family'?)\n"},
	{S R "auth = family\n", "f:9: auth: there is no [users family]: expected the name of a [users NAME], 'none', or a server to ask, as in "
	 "http://127.0.0.1:9091/api/verify\n"},
	{S R "auth = off\n", "f:9: auth: there is no [users off] (did you mean 'none'?)\n"},
	{S R "auth = nome\n", "f:9: auth: there is no [users nome] (did you mean 'none'?)\n"},
	{S R "auth = f\nauth = f\n", "f:10: 'auth' is already set in line 9\n"},
	{S R "auth = http://a/x#y\n", "f:9: '/x#y': fragment in the target\n"},
	{S R "auth = http://a/x?y=<z>\n", "f:9: auth: '?y=<z>': a byte in it has to be percent-encoded, or it is too long\n"},
	{S R "auth = http://a:0/\n", "f:9: 'http://a:0/': port '0' is not a number from 1 to 65535\n"},
	/* what goes with it */
	{S R "auth = f\nrequire = alice bop\n", "f:10: require: there is no 'bop' in [users f] (did you mean 'bob'?)\n"},
	{S R "auth = f\nrequire = ,\n", "f:10: require: ',' names nobody\n"},
	{S R "require = alice\n", "f:9: 'require' goes with an 'auth', and there is none here\n"},
	{S R "copy = Remote-User\n", "f:9: 'copy' goes with an 'auth', and there is none here\n"},
	{S "/ = reply:204 open_to=10.0.0.0/8\n", "f:8: 'open_to' goes with an 'auth', and there is none here\n"},
	{S "auth = f\n/ = reply:204 auth=none login=form\n", "f:9: 'login' goes with an 'auth', and there is none here\n"},
	{S "auth = f\n/ = reply:204 copy=Remote-User\n", "f:9: 'copy' is for an 'auth' that asks a server, but here it is [users f]\n"},
	{S "auth = http://a/\n/ = reply:204 login=form session=1h user_header=X require=alice\n",
	 "f:9: 'require' is about the users of a [users NAME], but here 'auth' asks http://a/\n"
	 "f:9: 'login' is about the users of a [users NAME], but here 'auth' asks http://a/\n"
	 "f:9: 'session' is about the users of a [users NAME], but here 'auth' asks http://a/\n"
	 "f:9: 'user_header' is about the users of a [users NAME], but here 'auth' asks http://a/\n"},
	{S "/ = reply:204 login=form\nrequire = alice\n[gateway]\nauth = x\n",
	 "f:11: auth: there is no [users x]: expected the name of a [users NAME], 'none', or a server to ask, as in http://127.0.0.1:9091/api/verify\n"},
	{S R "auth = f\nlogin = from\n", "f:10: login: unknown word 'from' (did you mean 'form'?)\n"},
	{S R "auth = f\nlogin = dialogue\n", "f:10: login: 'dialogue' is neither basic nor form\n"},
	{S R "auth = f\nsession = 59s\n", "f:10: session: '59s' is not from 1m to 1y\n"},
	{S R "auth = f\nopen_to = 10.0.0.0/33\n", "f:10: '10.0.0.0/33' is not an address or a network such as 192.168.0.0/16\n"},
	/* fields */
	{S R "auth = f\nuser_header = X Y\n", "f:10: user_header: 'X Y' is not a field name\n"},
	{S R "auth = f\nuser_header = X-Forwarded-For\n", "f:10: user_header: 'X-Forwarded-For' is written by gateway itself\n"},
	{S R "auth = f\nuser_header = Connection\n", "f:10: user_header: 'Connection' is written by gateway itself\n"},
	{S R "auth = f\nuser_header = host\n", "f:10: user_header: 'host' is written by gateway itself\n"},
	{S R "auth = f\nuser_header = Cookie\n", "f:10: user_header: 'Cookie' is what clients and servers tell each other\n"},
	{S R "auth = f\nuser_header = Authorization\n", "f:10: user_header: 'Authorization' is what clients and servers tell each other\n"},
	{S R "auth = http://a\ncopy = Remote-User, Via, Content-Length\n",
	 "f:10: copy: 'Via' is written by gateway itself\nf:10: copy: 'Content-Length' is written by gateway itself\n"},
	{S R "auth = http://a\ncopy = ,\n", "f:10: copy: ',' names no field\n"},
	{S R "auth = f\nuser_header = X-User\nrequest_header = x-user: admin\n", "f:11: request_header: 'x-user' is written by 'user_header'\n"},
	{S "auth = http://a\ncopy = X-A X-B\n/ = reply:204 request_header=\"X-B: 1\"\n", "f:10: request_header: 'X-B' is written by 'copy'\n"},
	/* no place to keep the key: only without a home, which t_config cannot take away */
};

static void every_mistake_is_told(void **state)
{
	static struct said said;

	(void)state;
	for (size_t i = 0; i < COUNT(mistakes); i++) {
		assert_null(config_made(&said, mistakes[i].text));
		block_same(text_span(&said.text), mistakes[i].said, mistakes[i].text);
	}
}

/* Nobody uses it: that is no mistake, and nothing is made ready for it. */
static void users_may_be_there_for_nobody(void **state)
{
	struct config *c = config_right(S R);

	(void)state;
	assert_int_equal(c->users_count, 0);
	assert_false(c->guards);
	assert_int_equal(c->file_count, 0);
	config_free(c);
}

/* --- users ------------------------------------------------------------------------- */

static void show_users(struct text *t, const struct users *u)
{
	text_format(t, "%s %.*s %.*s:", u->label, (int)u->cookie.len, u->cookie.at, (int)u->secure_cookie.len, u->secure_cookie.at);
	for (size_t i = 0; i < u->count; i++) {
		assert_int_equal(u->at[i].hash.at[u->at[i].hash.len], 0);
		assert_null(password_refuse(u->at[i].hash));
		assert_int_equal(u->at[i].logouts, 0);
		assert_ptr_equal(users_find(u, u->at[i].name), &u->at[i]);
		text_format(t, " %.*s=%.*s", (int)u->at[i].name.len, u->at[i].name.at, 4, u->at[i].hash.at);
	}
}

static const struct { const char *text, *users; } everybody[] = {
	{F, "f gateway-login-f __Host-gateway-login-f: alice=$apr bob=$6$s"},
	{"[users f]\nzoe = " A6 "\nb c = " A1 "\nb = " A1 "\nB = " A1 "\nfile = $5$saltsalt$xQZPWwpbUaCQF9DiIiaDYwvxAwtDh8YpOHOHATh6NKB\n",
	 "f gateway-login-f __Host-gateway-login-f: B=$apr b=$apr b c=$apr file=$5$s zoe=$6$s"},
	{"[users f]\nbob = " A1 "\nfile = good\n", "f gateway-login-f __Host-gateway-login-f: anna maria=$apr bob=$apr carl=$apr dora=$6$s"},
	{"[users f]\nfile = \"bom\"\n", "f gateway-login-f __Host-gateway-login-f: carl=$apr"},
	{"[users f]\nfile = empty\n", "f gateway-login-f __Host-gateway-login-f:"},
	/* a file that two know */
	{"[users e]\nfile = good\n[users f]\nbob = " A1 "\nfile = good\n",
	 "f gateway-login-f __Host-gateway-login-f: anna maria=$apr bob=$apr carl=$apr dora=$6$s"},
};

static void users_come_from_everywhere(void **state)
{
	static char text[4096], room[4096];

	(void)state;
	for (size_t i = 0; i < COUNT(everybody); i++) {
		struct text t = text_in(room, sizeof room);
		struct config *c;

		snprintf(text, sizeof text, "%s%s[site a]\n" R "auth = f\n", G, everybody[i].text);
		c = config_right(text);
		assert_int_equal(c->users_count, 1);
		assert_int_equal(c->users[0].number, 0);
		assert_null(users_find(&c->users[0], SPAN("nobody")));
		assert_null(users_find(&c->users[0], SPAN("")));
		show_users(&t, &c->users[0]);
		block_same(text_span(&t), everybody[i].users, text);
		config_free(c);
	}
}

static bool is_listed(const struct config *c, const char *file)
{
	for (size_t i = 0; i < c->file_count; i++)
		if (strcmp(c->files[i], file) == 0)
			return true;
	return false;
}

/* Those that nobody asks for, too: a mistake in them is told at once. */
static void files_are_watched(void **state)
{
	struct config *c = config_right(G "[users f]\nfile = good\n[users g]\nfile = good\n[users h]\nfile = bom\n[site a]\n" R "auth = f\n");

	(void)state;
	assert_int_equal(c->file_count, 3);
	assert_true(is_listed(c, "good"));
	assert_true(is_listed(c, "bom"));
	assert_true(is_listed(c, "st/logouts")); /* which is not there yet */
	config_free(c);
}

/* As many as the file takes, in a time that no start notices. */
static void many_users_load(void **state)
{
	enum { MANY = 10000 };
	size_t size = MANY * (sizeof A1 + 20);
	struct text t = block_text(size);
	struct config *c;

	(void)state;
	for (unsigned i = 0; i < MANY; i++)
		text_format(&t, "user-%u:%s\n", (i * 7919u) % MANY, A1);
	assert_false(t.full);
	put_bytes("many", text_span(&t));
	c = config_right(G "[users f]\nfile = many\n[site a]\n" R "auth = f\n");
	assert_int_equal(c->users[0].count, MANY);
	assert_int_equal(users_find(&c->users[0], SPAN("user-7919"))->line, 2);
	assert_non_null(users_find(&c->users[0], SPAN("user-9999")));
	assert_null(users_find(&c->users[0], SPAN("user-10000")));
	config_free(c);
	free(t.at);
}

/* A file that is cut anywhere gives whole users or a message, never half a hash. */
static void files_may_end_anywhere(void **state)
{
	static const char text[] = "carl:" A1 "\r\ndora:" A6 ":x\n";
	static struct said said;

	(void)state;
	for (size_t i = 0; i < sizeof text; i++) {
		struct config *c;

		put_bytes("cut", span_of(text, i));
		c = config_made(&said, G "[users f]\nfile = cut\n[site a]\n" R "auth = f\n");
		assert_true((c != NULL) == (said.text.len == 0));
		for (size_t k = 0; c && k < c->users[0].count; k++)
			assert_null(password_refuse(c->users[0].at[k].hash));
		config_free(c);
	}
}

static void names_have_limits(void **state)
{
	static struct said said;
	static char text[1024];
	char name[SESSION_NAME + 2];
	struct config *c;

	(void)state;
	memset(name, 'n', sizeof name);
	for (size_t len = SESSION_NAME; len <= SESSION_NAME + 1; len++) {
		snprintf(text, sizeof text, "%.*s:%s\n", (int)len, name, A1);
		put("long", text);
		c = config_made(&said, G "[users f]\nfile = long\n[site a]\n" R "auth = f\n");
		assert_true((c != NULL) == (len == SESSION_NAME));
		config_free(c);
	}
}

/* --- levels ---------------------------------------------------------------------------- */

static void show_names(struct text *t, const char *what, const struct span *at, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		text_str(t, i ? "," : what);
		text_span_add(t, at[i]);
	}
}

static void show_auth(struct text *t, const struct auth *a)
{
	if (!a) {
		text_lit(t, "open");
		return;
	}
	assert_true(!a->users != !a->ask);
	if (a->users) {
		text_str(t, a->users->label);
	} else {
		text_str(t, a->ask->server->name);
		text_span_add(t, a->ask->base);
	}
	show_names(t, " require=", a->require, a->require_count);
	show_names(t, " copy=", a->copy, a->copy_count);
	for (size_t i = 0; i < a->open_to_count; i++) {
		text_str(t, i ? "," : " open_to=");
		net_write(t, &a->open_to[i]);
	}
	if (a->user_header.len)
		show_names(t, " header=", &a->user_header, 1);
	if (a->session != 30 * 86400)
		text_format(t, " session=%ld", (long)a->session);
	if (a->form)
		text_lit(t, " form");
}

static void show_hidden(struct text *t, const struct edits *e)
{
	bool some = false;

	for (size_t i = 0; i < e->count; i++)
		if (e->at[i].remove) {
			text_str(t, some ? "," : " -");
			text_span_add(t, e->at[i].name);
			some = true;
		}
	for (size_t i = 0; i < e->count; i++)
		if (!e->at[i].remove) {
			text_lit(t, " +");
			text_span_add(t, e->at[i].name);
		}
}

static const struct { const char *text, *want; } levels[] = {
	{S R, "/ open\n"},
	{S R "auth = f\n", "/ f\n"},
	{S R "auth = f\n/x/ = reply:204\n/y/ = reply:204 auth=none\n/z/ = reply:204 require=bob\n",
	 "/ f\n/x/ f\n/y/ open\n/z/ f require=bob\n"},
	{S R "[gateway]\nauth = f\nrequire = alice\n", "/ f require=alice\n"},
	/* another auth, other names */
	{S R "auth = f\n[gateway]\nauth = f\nrequire = alice\n", "/ f\n"},
	{S R "require = bob, \"alice\"\nrequire = alice\n[gateway]\nauth = f\nrequire = alice\n", "/ f require=bob,alice,alice\n"},
	{S "/ = reply:204 auth=f require=alice,bob\n", "/ f require=alice,bob\n"},
	/* what is said further out waits for an auth */
	{S R "/b/ = reply:204 auth=f\n[gateway]\nlogin = form\nsession = 1h\nuser_header = X-User\nopen_to = 10.0.0.1 10.0.0.2\n",
	 "/ open -X-User\n/b/ f open_to=10.0.0.1,10.0.0.2 header=X-User session=3600 form -X-User\n"},
	{S R "login = basic\nsession = 1m\nuser_header = none\nopen_to = none\n[gateway]\nauth = f\nlogin = form\nsession = 1h\nuser_header = X-User\nopen_to = ::1\n",
	 "/ f session=60 -X-User\n"},
	{S R "open_to = 10.0.0.0/8\n[gateway]\nauth = f\nopen_to = 192.168.0.0/16\n", "/ f open_to=10.0.0.0\n"},
	{S "auth = f\nopen_to = ./nets\n/ = reply:204 login=form\n", "/ f open_to=10.0.0.0 form\n"},
	/* and passes by one that asks a server */
	{S "auth = http://a:9091/api/verify\ncopy = Remote-User Remote-Groups\n" R "/b/ = reply:204 auth=f\n[gateway]\nlogin = form\nuser_header = X-User\n",
	 "/ a:9091/api/verify copy=Remote-User,Remote-Groups -X-User,Remote-Groups,Remote-User\n"
	 "/b/ f header=X-User form -X-User,Remote-Groups,Remote-User\n"},
	{S R "auth = http://a\n", "/ a/\n"},
	{S R "auth = http://a/x?rd=https://b/&y=%20\n", "/ a/x?rd=https://b/&y=%20\n"},
	{S R "auth = unix:/run/auth.sock:/check\n", "/ unix:/run/auth.sock/check\n"},
	{S R "auth = unix:/run/auth.sock\n", "/ unix:/run/auth.sock/\n"},
	/* no client says who it is: nowhere */
	{S R "[site b]\n/b/ = reply:204 auth=f user_header=X-User\n[site c]\n/c/ = reply:204\n", "/ open -X-User\n/b/ f header=X-User -X-User\n/c/ open -X-User\n"},
	/* unless gateway itself says it there */
	{S R "/b/ = reply:204 auth=f user_header=X-User\nrequest_header = X-User: guest\n", "/ open +X-User\n/b/ f header=X-User -X-User\n"},
	{S "auth = f\nuser_header = X-User\n/ = reply:204 auth=none request_header=\"X-User: guest\"\n", "/ open +X-User\n"},
	/* credentials are hidden where they are copied, cookies for the client nowhere */
	{S "auth = http://a\ncopy = Authorization Set-Cookie\n" R "[site b]\n/b/ = reply:204\n", "/ a/ copy=Authorization,Set-Cookie -Authorization\n/b/ open\n"},
	{S R "auth = f\nrequire = \"alice\" bob\n", "/ f require=alice,bob\n"},
	/* a [route] says the same */
	{S R "auth = f\n[route r]\nsite = a\npath = /r/\nto = reply:204\nrequire = alice\nlogin = form\n", "/ f\n/r/ f require=alice form\n"},
	/* names that a file may have by tomorrow */
	{G "[users f]\nfile = good\n[site a]\n" R "auth = f\nrequire = \"anna maria\", zacharias\n/b/ = reply:204\n[route r]\nsite = a\npath = /r/\nto = reply:204\nrequire = \"anna maria\"\n", "/ f require=anna maria,zacharias\n/b/ f require=anna maria,zacharias\n/r/ f require=anna maria\n"},
};

static void each_level_is_heard(void **state)
{
	static char room[4096];

	(void)state;
	for (size_t i = 0; i < COUNT(levels); i++) {
		struct text t = text_in(room, sizeof room);
		struct config *c = config_right(levels[i].text);

		for (size_t k = 0; k < c->route_count; k++) {
			const struct options *o = &c->routes[k].options;

			text_span_add(&t, c->routes[k].prefix);
			text_char(&t, ' ');
			show_auth(&t, o->auth);
			show_hidden(&t, &o->request);
			text_char(&t, '\n');
			assert_true(o->checks == (o->auth != NULL));
		}
		block_same(text_span(&t), levels[i].want, levels[i].text);
		config_free(c);
	}
}

/* Two routes with the same pointer ask for the same. */
static void what_is_inherited_is_one(void **state)
{
	struct config *c = config_right(S "auth = f\n" R "/b/ = reply:204 header=\"X: y\"\n/c/ = reply:204 session=1d\n");

	(void)state;
	assert_ptr_equal(c->routes[0].options.auth, c->routes[1].options.auth);
	assert_ptr_not_equal(c->routes[0].options.auth, c->routes[2].options.auth);
	config_free(c);
}

static void servers_that_are_asked_are_servers(void **state)
{
	struct config *c = config_right(S "/ = http://a:81 auth=http://a:81/check\n/b/ = reply:204 auth=https://b verify=off\n"
					  "/c/ = reply:204 auth=http://d\n");

	(void)state;
	assert_int_equal(c->server_count, 3);
	assert_ptr_equal(c->routes[0].options.auth->ask->server, c->routes[0].targets[0].server);
	assert_non_null(c->routes[1].options.auth->ask->server->tls);
	assert_int_equal(c->routes[1].options.auth->ask->server->tls->verify, TLS_VERIFY_OFF);
	assert_int_equal(c->routes[1].options.auth->ask->server->address.port, 443);
	assert_ptr_equal(c->routes[2].options.auth->ask->server, &c->servers[2]);
	assert_null(c->servers[2].tls);
	assert_int_equal(c->target_count, 1);
	assert_true(c->tls.connected > 0);
	assert_int_equal(c->users_count, 0);
	assert_true(c->guards);
	assert_int_equal(c->file_count, 0); /* no sessions, no log-outs */
	config_free(c);
}

static void sites_know_what_they_ask(void **state)
{
	struct config *c = config_right(G F "[users g]\nx = " A1 "\n[site a]\n" R "/b/ = reply:204 auth=g\n/c/ = reply:204 auth=f\n/d/ = reply:204 auth=g\n"
					  "[site b]\nlisten = :81\nauth = f\nlogin = form\n" R "[site c]\nlisten = :82\nauth = http://a\n" R
					  "[site d]\nlisten = :83\n" R);
	const struct site *s = c->sites;

	(void)state;
	assert_int_equal(c->users_count, 2); /* in the order in which they are asked for */
	assert_string_equal(c->users[0].label, "g");
	assert_int_equal(c->users[1].number, 1);
	assert_int_equal(s[0].users_count, 2);
	assert_true(s[0].guarded && !s[0].form);
	assert_int_equal(s[1].users_count, 1);
	assert_string_equal(s[1].users[0]->label, "f");
	assert_true(s[1].guarded && s[1].form);
	assert_int_equal(s[2].users_count, 0);
	assert_true(s[2].guarded && !s[2].form);
	assert_true(!s[3].guarded && !s[3].form && !s[3].users_count);
	assert_false(c->listeners[0].special);
	assert_true(c->listeners[1].special);
	assert_false(c->listeners[2].special);
	assert_true(c->guards);
	config_free(c);
}

/* --- what is kept ------------------------------------------------------------------------ */

#define KEPT S R "auth = f\n"

/* And it says so. */
static struct config *completed(const char *text, const char *said)
{
	char room[1024];
	struct text error = text_in(room, sizeof room);
	struct config *c = config_right(text);

	if (!config_complete(c, &error))
		fail_msg("%.*s", (int)error.len, error.at);
	block_same(text_span(&error), said, text);
	return c;
}

static struct config *complete(const char *text)
{
	return completed(text, "");
}

static void refused(const char *text, const char *why)
{
	char room[1024];
	struct text error = text_in(room, sizeof room);
	struct config *c = config_right(text);

	assert_false(config_complete(c, &error));
	block_same(text_span(&error), why, text);
	config_free(c);
}

static void the_key_is_made_once(void **state)
{
	static const unsigned char zero[SESSION_KEY];
	struct config *c = config_right(KEPT);
	unsigned char key[SESSION_KEY];
	struct stat st;

	(void)state;
	assert_int_equal(platform_stamp("st"), 0); /* a check makes nothing */
	config_free(c);
	c = complete(KEPT);
	memcpy(key, c->key, sizeof key);
	assert_memory_not_equal(key, zero, sizeof key);
	config_free(c);
	assert_int_equal(stat("st/session.key", &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(st.st_size, SESSION_KEY);
	c = complete(KEPT);
	assert_memory_equal(c->key, key, sizeof key);
	config_free(c);
}

static const char remade[] = "gateway: st/session.key was no key and is made anew: all have to log in again";

/* What no key is, is replaced, and that is told; so is a key that others may read. */
static void the_key_is_made_anew(void **state)
{
	static const unsigned char zero[SESSION_KEY + 1];
	static const size_t lengths[] = {0, 31, SESSION_KEY, SESSION_KEY + 1};
	struct config *c;

	(void)state;
	for (size_t i = 0; i < COUNT(lengths); i++) {
		assert_true(platform_keep("st/session.key", zero, lengths[i]));
		c = completed(KEPT, remade);
		assert_memory_not_equal(c->key, zero, SESSION_KEY);
		config_free(c);
	}
	put("st/session.key", "short");
	config_free(completed(KEPT, remade));
	config_free(complete(KEPT));
	assert_int_equal(chmod("st/session.key", 0640), 0);
	c = completed(KEPT, "gateway: others may read st/session.key, and so log in as anybody: remove it and start gateway again, for a new one");
	config_free(c);
	put("st/logouts", "x");
	refused(KEPT, "gateway: st/logouts:1: expected NAME NUMBER");
	assert_int_equal(remove("st/logouts"), 0);
	assert_int_equal(chmod("st/session.key", 0600), 0);
}

static void nobody_asks_no_key(void **state)
{
	struct config *c;

	(void)state;
	assert_int_equal(remove("st/session.key"), 0);
	c = complete(S R "auth = http://a\n");
	config_free(c);
	assert_int_equal(platform_stamp("st/session.key"), 0);
}

static void what_cannot_be_kept_is_told(void **state)
{
	(void)state;
	put("f", "");
	refused("[gateway]\nlisten = :80\nstate = f/st\n" F "[site a]\n" R "auth = f\n",
		"gateway: cannot make the directory f/st: a part of the path is not a directory ('state' in [gateway] names another one)");
	assert_int_equal(mkdir("odd", 0700) || mkdir("odd/session.key", 0700), 0);
	refused("[gateway]\nlisten = :80\nstate = odd\n" F "[site a]\n" R "auth = f\n", "gateway: cannot read odd/session.key: is a directory");
	assert_int_equal(rmdir("odd/session.key") || mkdir("odd/logouts", 0700), 0);
	refused("[gateway]\nlisten = :80\nstate = odd\n" F "[site a]\n" R "auth = f\n", "gateway: cannot read odd/logouts: is a directory");
}

static uint64_t logouts(const struct config *c, const char *name)
{
	return users_find(&c->users[0], span_str(name))->logouts;
}

static void logout(const struct config *c, const char *name, bool good, const char *want)
{
	char room[1024];
	struct text error = text_in(room, sizeof room);
	bool mistake = !good;

	assert_true(config_logout(c, span_str(name), &error, &mistake) == good);
	block_same(text_span(&error), want, name);
	assert_true(mistake == (!good && *want));
}

#define TWO G "[users f]\nalice = " A1 "\nfile = good\n[site a]\n" R "auth = f\n"

static void log_outs_count(void **state)
{
	struct config *c = complete(TWO);
	char text[200] = "";
	struct stat st;

	(void)state;
	remove("st/logouts");
	logout(c, "alice", true, "");
	logout(c, "anna maria", true, "");
	logout(c, "alice", true, "");
	assert_int_equal(platform_read("st/logouts", text, sizeof text - 1), 21);
	assert_string_equal(text, "anna maria 1\nalice 2\n");
	assert_int_equal(stat("st/logouts", &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(logouts(c, "alice"), 0); /* it was made before */
	config_free(c);
	c = complete(TWO);
	assert_int_equal(logouts(c, "alice"), 2);
	assert_int_equal(logouts(c, "anna maria"), 1);
	assert_int_equal(logouts(c, "carl"), 0);
	logout(c, "alcie", false, "gateway: nobody who may log in has the name 'alcie' (did you mean 'alice'?)");
	logout(c, "x\"\n", false, "gateway: nobody who may log in has the name 'x\\x22\\x0a'");
	config_free(c);
}

/* One that cannot be read may be the one that ends a session. */
static void log_outs_that_cannot_be_read_are_told(void **state)
{
	static const char *const lines[] = {"alice", "alice ", " 1", "alice x", "alice -1", "alice 99999999999999999999", "", "carl 1\nalice"};
	char want[100], text[100];
	struct config *c;

	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++) {
		snprintf(text, sizeof text, "%s\n", lines[i]);
		put("st/logouts", text);
		snprintf(want, sizeof want, "gateway: st/logouts:%d: expected NAME NUMBER", i + 1 == COUNT(lines) ? 2 : 1);
		refused(TWO, want);
	}
	put("st/logouts", "gone 7\nalice 3");
	c = complete(TWO);
	assert_int_equal(logouts(c, "alice"), 3);
	logout(c, "carl", true, "");
	config_free(c);
	memset(text, 0, sizeof text);
	assert_int_equal(platform_read("st/logouts", text, sizeof text - 1), 22);
	assert_string_equal(text, "gone 7\nalice 3\ncarl 1\n"); /* also of those who are not there now */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_mistake_is_told),
		cmocka_unit_test(users_may_be_there_for_nobody),
		cmocka_unit_test(users_come_from_everywhere),
		cmocka_unit_test(files_are_watched),
		cmocka_unit_test(many_users_load),
		cmocka_unit_test(files_may_end_anywhere),
		cmocka_unit_test(names_have_limits),
		cmocka_unit_test(each_level_is_heard),
		cmocka_unit_test(what_is_inherited_is_one),
		cmocka_unit_test(servers_that_are_asked_are_servers),
		cmocka_unit_test(sites_know_what_they_ask),
		cmocka_unit_test(the_key_is_made_once),
		cmocka_unit_test(the_key_is_made_anew),
		cmocka_unit_test(nobody_asks_no_key),
		cmocka_unit_test(what_cannot_be_kept_is_told),
		cmocka_unit_test(log_outs_count),
		cmocka_unit_test(log_outs_that_cannot_be_read_are_told),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}

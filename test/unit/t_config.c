/* SPDX-License-Identifier: MIT
 *
 * Is every mistake told, at its place and with a way out, and does a right file
 * mean what it says?
 */
#include "config_made.h"
#include <stdio.h>

#define G "[gateway]\nlisten = :80\n"  /* lines 1 and 2 */
#define S G "[site *]\n"               /* up to line 3 */
#define A S "/a/ = http://a\n"         /* up to line 4 */

static const struct config_mistake mistakes[] = {
	/* sections */
	{"", "f: there is no site: add [site *] with a line such as '/ = http://192.168.1.2:8080', and [gateway] with 'listen = :80'\n"},
	{"listen = :80\n" A, "f:1: 'listen' stands in no section: begin with [gateway] or [site NAME]\n"},
	{A "[gatewya]\n", "f:5: unknown section 'gatewya' (did you mean 'gateway'?)\n"},
	{A "[server x]\n", "f:5: unknown section 'server x': there are [gateway], [site NAME], [route NAME] and [users NAME]\n"},
	{A "[]\n", "f:5: unknown section '': there are [gateway], [site NAME], [route NAME] and [users NAME]\n"},
	{A "[user family]\n", "f:5: unknown section 'user' (did you mean 'users'?)\n"},
	{A "[gateway x]\n", "f:5: [gateway] has no name, not 'x'\n"},
	{A "[site]\n/ = http://x\n", "f:5: [site] needs a name: [site home.example.org], or [site *] for all names\n"},
	{A "[site b\n/ = http://x\n", "f:5: ']' is missing after '[site b'\n"},
	{A "[site b] / = http://x\n", "f:5: '/ = http://x' after ']': a key stands on a line of its own\n"},
	{A "[site b ;]\n", "f:5: ']' is missing after '[site b'\n"},
	{A "[site a1234567890123456789012345678901234567890.long]\n",
	 "f:5: the name of a section holds at most 49 characters, 'site a1234567890123456789012345678901234567890.long' has 51; 'host =' takes longer ones\n"},
	{A "[site *]\n/ = http://x\n", "f:5: [site *] is already in line 3\nf:5: host '*' on ':80' belongs to the site in line 3 already\n"},
	{A "[site b]\n", "f:5: [site b] has no route: add a line such as '/ = http://192.168.1.2:8080'\n"},
	{A "[site b]\n/ = ftp://x\n", "f:6: 'ftp://x' is not a target: those begin with http://, https://, unix:, redirect: or reply:\n"},
	/* lines */
	{A "listen :81\n", "f:5: expected 'key = value', not 'listen :81'\n"},
	{A "listen: 81 = x\n", "f:5: expected 'key = value', not 'listen: 81 = x'\n"},
	{A "= 5\n", "f:5: expected 'key = value', not '= 5'\n"},
	{A "host ;= 5\n", "f:5: expected 'key = value', not 'host'\n"},
	{A "/b\x01/ = http://x\n", "f:5: control byte 0x01 in column 3\n"},
	{A "/b/ = http://x\r http://y\n", "f:5: control byte 0x0d in column 15\n"},
	{A " host = x\n", "f:5: 'host' is indented: only a further target of the route above may be\n"},
	{A " /b/ = http://x\n", "f:5: '/b/' is indented: only a further target of the route above may be\n"},
	{A " weight=2\n", "f:5: 'weight' is indented: only a further target of the route above may be\n"},
	{A "[site b]\n http://x\n/ = http://y\n", "f:6: 'http://x' is indented, but there is no route above that it could belong to\n"},
	{A "host = *\n http://x\n", "f:6: 'http://x' is indented, but the line above is no route\n"},
	{A "/b http://x\n http://y\n http://z\n", "f:5: expected 'key = value', not '/b http://x'\n"},
	{A "/1234567890123456789012345678901234567890123456789/ = http://x\n",
	 "f:5: a key holds at most 49 characters: '/1234567890123456789012345678901234567890123456789/' has 51; write it as 'path =' in a [route]\n"},
	/* keys */
	{A "[gateway]\nlitsen = :81\n", "f:6: unknown key 'litsen' (did you mean 'listen'?)\n"},
	{A "hots = x\n", "f:5: unknown key 'hots' (did you mean 'host'?)\n"},
	{A "upstraem = x\n", "f:5: unknown key 'upstraem'\n"},
	{A "workers = 2\n", "f:5: 'workers' does not belong in a [site], but in [gateway]\n"},
	{A "weight = 2\n", "f:5: 'weight' does not belong in a [site], but behind a target\n"},
	{A "inject = x\n", "f:5: 'inject' is not available in this version\n"},
	{A "[gateway]\n/b/ = http://x\n", "f:6: route '/b/' does not stand in a [site]\n"},
	{A "host =\n", "f:5: 'host' has no value\n"},
	{A "tries = 2\ntries = 3\n", "f:6: 'tries' is already set in line 5\n"},
	/* values */
	{A "tries = two\n", "f:5: tries: 'two' is not a number from 1 to 32\n"},
	{A "tries = 33\n", "f:5: tries: '33' is not from 1 to 32\n"},
	{A "connect_timeout = 10\n", "f:5: connect_timeout: '10' is not a time such as 500ms, 10s, 5m, 1h or 1d\n"},
	{A "connect_timeout = 10 s\n", "f:5: connect_timeout: '10 s' is not a time such as 500ms, 10s, 5m, 1h or 1d\n"},
	{A "body_timeout = 53w\n", "f:5: body_timeout: '53w' is not from 1ms to 1y\n"},
	{A "body_timeout = 2147483647y\n", "f:5: body_timeout: '2147483647y' is not from 1ms to 1y\n"},
	{A "connect_timeout = 2h\n", "f:5: connect_timeout: '2h' is not from 1ms to 1h\n"},
	{A "connect_timeout = 0s\n", "f:5: connect_timeout: '0s' is not from 1ms to 1h\n"},
	{A "connect_timeout = 99999999999999999999h\n",
	 "f:5: connect_timeout: '99999999999999999999h' is not a time such as 500ms, 10s, 5m, 1h or 1d\n"},
	{A "[gateway]\nbuffer = 64kb\n", "f:6: buffer: '64kb' is not a size such as 9000, 64k or 4M\n"},
	{A "[gateway]\nbuffer = 17M\n", "f:6: buffer: '17M' is not from 9k to 16M\n"},
	{A "[gateway]\nrequests = 100000\nbuffer = 16M\n",
	 "f: clients = 512, requests = 100000, buffer = 16777216 and idle_links = 32 take more than 2 GB together\n"},
	{A "[gateway]\nworkers = 33\n", "f:6: workers: '33' is not from 1 to 32\n"},
	{A "forwarded = yes\n", "f:5: forwarded: 'yes' is neither on nor off\n"},
	{A "[gateway]\nlog_format = jason\n", "f:6: log_format: 'jason' is neither combined nor json\n"},
	{A "[gateway]\naccess_log = sysloog\n", "f:6: access_log: unknown word 'sysloog' (did you mean 'syslog'?)\n"},
	{A "[gateway]\nerror_log = file.txt\n",
	 "f:6: error_log: 'file.txt' is neither stderr, syslog, off nor a file with a '/' in its path\n"},
	{A "[gateway]\ntrusted = 10.0.0.0/33\n", "f:6: '10.0.0.0/33' is not an address or a network such as 192.168.0.0/16\n"},
	{A "allow = ,\n", "f:5: allow: ',' names no address\n"},
	{A "allow = lan\n", "f:5: 'lan' is not an address or a network such as 192.168.0.0/16\n"},
	{A "host = a b:80\n", "f:5: 'b:80': a host stands without its port; 'listen =' says which one\n"},
	{A "host = a/b\n", "f:5: 'a/b' is not a host name\n"},
	{A "host = *.*.a a.*\n", "f:5: '*.*.a' is not a host name\nf:5: 'a.*' is not a host name\n"},
	{A "header = X\n", "f:5: header: expected 'Name: value' or '-Name', not 'X'\n"},
	{A "header = X Y: z\n", "f:5: header: 'X Y' is not a field name\n"},
	{A "header = connection: close\n", "f:5: header: 'connection' is written by gateway itself\n"},
	{A "header = -Content-Length\n", "f:5: header: 'Content-Length' is written by gateway itself\n"},
	{A "header = Host: x\n", "f:5: header: 'Host' is written by gateway itself\n"},
	{A "request_header = -Host\n", "f:5: request_header: 'Host' is written by gateway itself\n"},
	{A "request_header = X-Forwarded-For: 1.2.3.4\n", "f:5: request_header: 'X-Forwarded-For' is written by gateway itself\n"},
	{A "request_header = Transfer-Encoding: chunked\n", "f:5: request_header: 'Transfer-Encoding' is written by gateway itself\n"},
	{A "header = \"X: a\\nSet-Cookie: b\"\n", "f:5: header: the value of 'X' holds a control byte\n"},
	{A "header = \"X: a\n", "f:5: '\"X: a': the quotes are not closed (a ';' after a blank begins a comment, even there)\n"},
	{A "header = \"X: a\" b\n", "f:5: 'b' after the closing quote\n"},
	/* listeners */
	{"[site *]\n/ = http://a\n", "f: nothing listens: add 'listen = :80' to [gateway]\n"},
	{A "[gateway]\nlisten = 81\n", "f:6: listen: '81' has no port; did you mean ':81'?\n"},
	{A "[gateway]\nlisten = 127.0.0.1\n", "f:6: listen: '127.0.0.1' has no port; did you mean '127.0.0.1:80'?\n"},
	{A "[gateway]\nlisten = localhost:81\n",
	 "f:6: listen: 'localhost:81' is not an address such as :80, 192.168.1.1:80, [::1]:80 or unix:/run/gateway.sock\n"},
	{A "[gateway]\nlisten = [127.0.0.1]:81\n",
	 "f:6: listen: '[127.0.0.1]:81' is not an address such as :80, 192.168.1.1:80, [::1]:80 or unix:/run/gateway.sock\n"},
	{A "[gateway]\nlisten = ::1:81\n", "f:6: '::1:81': an IPv6 address stands in brackets, as in [fd00::1]:80\n"},
	{A "[gateway]\nlisten = :0\n", "f:6: ':0': port '0' is not a number from 1 to 65535\n"},
	{A "[gateway]\nlisten = :65536\n", "f:6: ':65536': port '65536' is not a number from 1 to 65535\n"},
	{A "[gateway]\nlisten = unix:run/a\n", "f:6: 'unix:run/a': the path of a socket begins with '/'\n"},
	{A "[gateway]\nlisten = :81 porxy\n", "f:6: listen: unknown word 'porxy' (did you mean 'proxy'?)\n"},
	{A "[gateway]\nlisten = :81 :82\n", "f:6: listen: unknown word ':82'; one address stands in a line\n"},
	{A "[gateway]\nlisten = 127.0.0.1:80\n", "f:6: listen: '127.0.0.1:80' takes connections that ':80' in line 2 takes, too\n"},
	{A "[site b]\nlisten = :80 proxy\n/ = http://b\n", "f:6: listen: ':80' is already in line 2, but without 'proxy'\n"},
	{S "listen = :81\n/ = http://a\n", "f:2: listen: no site answers on ':80', since each has a 'listen' of its own\n"},
	{A "[site b]\nhost = c *\n/ = http://x\n", "f:5: host '*' on ':80' belongs to the site in line 3 already\n"},
	/* routes */
	{S "/ =\n", "f:4: '/' leads nowhere: a target is missing, such as http://192.168.1.2:8080\n"},
	{S "/ = allow=10.0.0.1\n", "f:4: route '/' leads nowhere: a target is missing, such as http://192.168.1.2:8080\n"},
	{S "/ = 192.168.1.2:80\n", "f:4: '192.168.1.2:80' is not a target: those begin with http://, https://, unix:, redirect: or reply:\n"},
	{S "/ = file:/srv\n", "f:4: 'file:' is not available in this version\n"},
	{S "/ = mock:/srv\n", "f:4: 'mock:' is not available in this version\n"},
	{S "/ = status:\n", "f:4: 'status:' is not available in this version\n"},
	{S "/ = metrics:\n", "f:4: 'metrics:' is not available in this version\n"},
	{S "/ = http://a bakcup\n", "f:4: unknown word 'bakcup' (did you mean 'backup'?)\n"},
	{S "/ = http://a wieght=2\n", "f:4: unknown word 'wieght' (did you mean 'weight'?)\n"},
	{S "/ = http://a weight=0\n", "f:4: weight: '0' is not from 1 to 1000\n"},
	{S "/ = http://a weight=\n", "f:4: 'weight' has no value\n"},
	{S "/ = http://a backup=yes\n", "f:4: 'backup' takes no value\n"},
	{A "[gateway]\nlisten = :81 proxy\n", "f:6: listen: 'proxy' takes connections from 'trusted' peers only, and [gateway] names none\n"},
	{S "/ = http://a weight\n", "f:4: unknown word 'weight' ('weight=' needs a value)\n"},
	{S "/ = http://a proxy=v3\n", "f:4: proxy: 'v3' is neither v1 nor v2\n"},
	{S "/ = weight=2 http://a\n", "f:4: 'weight' belongs behind the target that it is about\n"},
	{S "/ = backup\n", "f:4: 'backup' belongs behind the target that it is about\n"},
	{S "/ = http://a backup\n", "f:4: route '/': every target is a backup\n"},
	{S "/ = http://a # my server\n", "f:4: '# my server': inside a line a comment begins with ';'\n"},
	{S "/ = http://a listen=:80\n", "f:4: 'listen' does not belong behind a target, but in [gateway]\n"},
	{S "/ = http://a tries=2\n http://b tries=3\n", "f:5: 'tries' is already set in line 4\n"},
	{S "/ = http://a:x\n", "f:4: 'http://a:x': port 'x' is not a number from 1 to 65535\n"},
	{S "/ = http://a:\n", "f:4: 'http://a:': port '' is not a number from 1 to 65535\n"},
	{S "/ = http://\n", "f:4: 'http://': '' is neither a name nor an address\n"},
	{S "/ = http:///x\n", "f:4: 'http:///x': '' is neither a name nor an address\n"},
	{S "/ = http://192.168.1.300\n", "f:4: 'http://192.168.1.300': '192.168.1.300' is neither a name nor an address\n"},
	{S "/ = http://10.1/\n", "f:4: 'http://10.1/': '10.1' is neither a name nor an address\n"},
	{S "/ = http://a..b/\n", "f:4: 'http://a..b/': 'a..b' is neither a name nor an address\n"},
	{S "/ = http://a_b!/\n", "f:4: 'http://a_b!/': 'a_b!' is neither a name nor an address\n"},
	{S "/ = http://u:p@a/\n",
	 "f:4: 'http://u:p@a/': a target holds no user name; 'request_header = Authorization: ...' sends one\n"},
	{S "/ = http://fd00::1:80/\n", "f:4: 'http://fd00::1:80/': an IPv6 address stands in brackets, as in [fd00::1]:80\n"},
	{S "/ = http://[fd00::1/\n", "f:4: 'http://[fd00::1/': ']' is missing\n"},
	{S "/ = http://[fd00::1]x/\n", "f:4: 'http://[fd00::1]x/': 'x' after the address\n"},
	{S "/ = http://[fd00::g]/\n", "f:4: 'http://[fd00::g]/': 'fd00::g' is not an IPv6 address\n"},
	{S "/ = http://[10.0.0.1]/\n", "f:4: 'http://[10.0.0.1]/': '10.0.0.1' is not an IPv6 address\n"},
	{S "/ = http://a/b?c\n", "f:4: '/b?c': '?', '//', '\\', ';', %2F, %5C and %25 are not possible in this path\n"},
	{S "/ = http://a?c\n", "f:4: 'http://a?c': a target ends with its path; '?c' cannot be sent\n"},
	{S "/ = unix:a\n", "f:4: 'unix:a': the path of a socket begins with '/'\n"},
	{S "/ = redirect:\n", "f:4: 'redirect:' leads nowhere: expected redirect:https://HOST/... or redirect:/PATH\n"},
	{S "/ = redirect:https://\n", "f:4: 'redirect:https://' leads nowhere: expected redirect:https://HOST/... or redirect:/PATH\n"},
	{S "/ = \"redirect:/a b\"\n", "f:4: 'redirect:/a b': a byte in it has to be percent-encoded\n"},
	{S "/ = redirect:/a status=304\n", "f:4: status: '304' is none of 301, 302, 303, 307 and 308\n"},
	{S "/ = redirect:/a status=200\n", "f:4: status: '200' is not from 301 to 308\n"},
	{S "/ = redirect:/a text=x\n", "f:4: 'text' is for reply: only\n"},
	{S "/ = reply:99\n", "f:4: 'reply:99': '99' is not a status from 200 to 599\n"},
	{S "/ = reply:200 status=301\n", "f:4: 'status' is for redirect: only\n"},
	{S "/ = reply:204 text=x\n", "f:4: an answer with status 204 has no text\n"},
	{S "/ = reply:200 type=text/html\n", "f:4: 'type' says what 'text' is; there is no 'text'\n"},
	{S "/ = reply:200 text=x type=\"a\\nb\"\n", "f:4: type: 'a?b' is not a media type such as text/html\n"},
	{S "/ = reply:200 text=\"a ;b\"\n",
	 "f:4: 'text=\"a': the quotes are not closed (a ';' after a blank begins a comment, even there)\n"},
	{S "/ = reply:200 text=\"\\x\"\n", "f:4: 'text=\"\\x\"': inside quotes a backslash stands before \" \\ n or t\n"},
	{S "/ = reply:200 http://a\n", "f:4: 'http://a': the route leads to 'reply:200' already, in line 4\n"},
	{S "/ = reply:200\n/ = reply:201\n", "f:5: 'reply:201': the route leads to 'reply:200' already, in line 4\n"},
	{S "/ = http://a\n/ = redirect:/b\n", "f:5: 'redirect:/b': the route leads to 'http://a' already, in line 4\n"},
	{S "/.. = http://a\n", "f:4: '/..': path escapes the root\n"},
	{S "/%zz = http://a\n", "f:4: '/%zz': bad percent-encoding in the path\n"},
	{S "/a%2fb = http://a\n", "f:4: '/a%2fb': '?', '//', '\\', ';', %2F, %5C and %25 are not possible in this path\n"},
	{S "/a?b = http://a\n", "f:4: '/a?b': '?', '//', '\\', ';', %2F, %5C and %25 are not possible in this path\n"},
	/* conditions */
	{S "/ = http://a when=moon:full\n",
	 "f:4: unknown condition 'moon:full': there are method:, header:, cookie:, query: and from:\n"},
	{S "/ = http://a when=method:\n", "f:4: when=method:: expected methods, as in when=method:POST,PUT\n"},
	{S "/ = http://a when=method:G(T\n", "f:4: when: 'G(T' is not a method\n"},
	{S "/ = http://a when=header:X(\n", "f:4: when=header:X(: 'X(' is not a name\n"},
	{S "/ = http://a when=cookie:=1\n", "f:4: when=cookie:=1: '' is not a name\n"},
	{S "/ = http://a when=from:\n", "f:4: when=from:: expected an address or network, as in when=from:192.168.0.0/16\n"},
	{S "/ = http://a when=from:lan\n", "f:4: 'lan' is not an address or a network such as 192.168.0.0/16\n"},
	/* the long form */
	{A "[route]\n", "f:5: [route] needs a name: [route LABEL]\n"},
	{A "[route x]\n", "f:5: [route x] has no 'site ='\n"},
	{A "[route x]\nsite = *\n", "f:5: [route x] has no 'path ='\n"},
	{A "[route x]\nsite = b\npath = /\nto = http://x\n", "f:5: [route x]: there is no [site b]\n"},
	{A "[route x]\nsite = *\npath = /\n", "f:5: route 'x' leads nowhere: a target is missing, such as http://192.168.1.2:8080\n"},
	{A "[route x]\nsite = *\nsite = a\npath = /\nto = http://x\n", "f:7: 'site' is already set: '*'\n"},
	{A "[route x]\nsite = *\npath = b\nto = http://x\n", "f:5: 'b' is not a path: those begin with '/'\n"},
	{A "[route x]\nsite = *\npath = /\nto = http://x\nhost = b\n", "f:9: 'host' does not belong in a [route], but in a [site]\n"},
	{A "[route x]\nsite = *\npath = /b\nto = http://x\ntext = b\n", "f:9: 'text' is for reply: only\n"},
	/* all in one go, by line */
	{"[gateway]\nlisten = :80 tsl\nworker = 2\n[site a]\n/ = http://x weigth=2\nhst = b\n",
	 "f:2: listen: unknown word 'tsl' (did you mean 'tls'?)\nf:3: unknown key 'worker' (did you mean 'workers'?)\n"
	 "f:5: unknown word 'weigth' (did you mean 'weight'?)\nf:6: unknown key 'hst' (did you mean 'host'?)\n"},
};

static void tells_every_mistake(void **state)
{
	(void)state;
	config_refuses(mistakes, COUNT(mistakes));
}

/* What a right file means, as `gateway check` prints it. */
static const struct { const char *text, *print; } tables[] = {
	{G "[site home.example.org]\n"
	   "host = Home.example.org., *.home.lan\n"
	   "/         = http://192.168.1.10\n"
	   "/printer/ = http://192.168.1.20:5000/\n"
	   "/app/     = http://[fd00::1]:81/x proxy=v2 allow=10.0.0.0/8\n"
	   "/api/     = http://10.0.0.5:8000 weight=2\n"
	   "            http://10.0.0.6:8000 ; the second\n"
	   "\n"
	   "; not the third\n"
	   "            http://10.0.0.7:8000 backup\n"
	   "/file     = http://a/b.html\n"
	   "/u/       = unix:/run/a.sock\n"
	   "/v/       = unix:/run/a.sock:/x/ deny=10.0.0.1\n",
	 "http://home.example.org/         -> http://192.168.1.10/                open\n"
	 "http://home.example.org/printer/ -> http://192.168.1.20:5000/           open\n"
	 "http://home.example.org/app/     -> http://[fd00::1]:81/x/ proxy=v2     restricted\n"
	 "http://home.example.org/api/     -> http://10.0.0.5:8000/api/ weight=2  open\n"
	 "                                    http://10.0.0.6:8000/api/\n"
	 "                                    http://10.0.0.7:8000/api/ backup\n"
	 "http://home.example.org/file     -> http://a/b.html                     open\n"
	 "http://home.example.org/u/       -> unix:/run/a.sock:/u/                open\n"
	 "http://home.example.org/v/       -> unix:/run/a.sock:/x/                restricted\n"
	 "\n"
	 "listen :80 (IPv4 and IPv6): home.example.org *.home.lan\n"},
	{"[gateway]\ntrusted = ::1\nlisten = 127.0.0.1:8080\nlisten=[::1]:8080 proxy\n"
	 "[site *]\n"
	 "/a/ = redirect:https://b/ status=308\n"
	 "/ = reply:404\n"
	 "[site b]\n"
	 "listen = unix:/run/gateway.sock\n"
	 "/ = redirect:/x\n"
	 "[site c]\n"
	 "listen = 127.0.0.1:8080\n"
	 "/ = http://x when=method:POST when=query:y\n"
	 "/ = http://y\n"
	 "/ = http://z when=query:y when=method:POST\n",
	 "http://*:8080/a/                             -> redirect:https://b/ status=308  open\n"
	 "http://*:8080/                               -> reply:404                       open\n"
	 "http://b/                                    -> redirect:/x status=302          open\n"
	 "http://c:8080/ when=method:POST when=query:y -> http://x/                       open\n"
	 "                                                http://z/\n"
	 "http://c:8080/                               -> http://y/                       open\n"
	 "\n"
	 "listen 127.0.0.1:8080 (IPv4): * c\n"
	 "listen [::1]:8080 (IPv6, behind PROXY): *\n"
	 "listen unix:/run/gateway.sock (Unix socket): b\n"},
	{"\xef\xbb\xbf[gateway]\r\nlisten = :80\r\n[ site  * ]\r\n/caf\xc3\xa9/ = http://a/\xc3\xa9\r\n"
	 "[route long]\r\nsite = *\r\npath = /%7euser/./x\r\nto = http://b\r\n\thttp://c weight=3\r\nwhen = cookie:a=b",
	 "http://*/caf%C3%A9/              -> http://a/%C3%A9/           open\n"
	 "http://*/~user/x when=cookie:a=b -> http://b/~user/x           open\n"
	 "                                    http://c/~user/x weight=3\n"
	 "\n"
	 "listen :80 (IPv4 and IPv6): *\n"},
};

static void means_what_it_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(tables); i++) {
		struct config *c = config_right(tables[i].text);
		struct text out = block_text(strlen(tables[i].print));

		config_print(c, &out);
		block_same(text_span(&out), tables[i].print, tables[i].text);
		assert_false(out.full);
		free(out.at);
		config_free(c);
	}
}

static const struct route *route_of(const struct config *c, const char *label)
{
	for (size_t i = 0; i < c->route_count; i++)
		if (strcmp(c->routes[i].label, label) == 0)
			return &c->routes[i];
	fail_msg("no route %s", label);
	return NULL;
}

static void standard_values(void **state)
{
	struct config *c = config_right(A);
	const struct options *o = &c->routes[0].options;

	(void)state;
	assert_string_equal(c->file, "f");
	assert_int_equal(c->workers, 1);
	assert_int_equal(c->clients, GW_CLIENTS);
	assert_int_equal(c->requests, GW_REQUESTS);
	assert_int_equal(c->per_client, 64);
	assert_int_equal(c->idle_links, 32);
	assert_int_equal(c->buffer, GW_BUFFER);
	assert_null(c->user);
	assert_null(c->group);
	assert_string_equal(c->access_log, "stderr");
	assert_string_equal(c->error_log, "stderr");
	assert_int_equal(c->log_format, LOG_COMBINED);
	assert_int_equal(c->head_timeout, 10000);
	assert_int_equal(c->idle_timeout, 60000);
	assert_int_equal(c->link_timeout, 60000);
	assert_int_equal(c->send_timeout, 60000);
	assert_int_equal(c->linger_timeout, 5000);
	assert_int_equal(c->drain_timeout, 60000);
	assert_int_equal(c->resolve_interval, 60000);
	assert_int_equal(o->connect_timeout, 3000);
	assert_int_equal(o->response_timeout, 60000);
	assert_int_equal(o->body_timeout, 60000);
	assert_int_equal(o->tunnel_timeout, 3600000);
	assert_int_equal(o->fail_timeout, 10000);
	assert_int_equal(o->max_fails, 3);
	assert_int_equal(o->tries, 3);
	assert_false(o->forwarded);
	assert_false(c->sites[0].guarded);
	config_free(c);
}

static void said_values(void **state)
{
	struct config *c = config_right(G "workers = 2\nclients = 20\nrequests = 10\nper_client = 3\nidle_links = 0\nbuffer = 32k\nuser = nobody\n"
					  "group = \"no group\"\naccess_log = off\nerror_log = /var/log/gateway\nlog_format = json\nhead_timeout = 500ms\n"
					  "idle_timeout = 2m\nlink_timeout = 1h\nsend_timeout = 1s\nlinger_timeout = 0s\ndrain_timeout = 10m\n"
					  "resolve_interval = 5s\ntrusted = 127.0.0.1\ntrusted = 10.0.0.0/8, fd00::/8\n"
					  "[site *]\n/ = http://a\n");

	(void)state;
	assert_int_equal(c->workers, 2);
	assert_int_equal(c->clients, 20);
	assert_int_equal(c->requests, 10);
	assert_int_equal(c->per_client, 3);
	assert_int_equal(c->idle_links, 0);
	assert_int_equal(c->buffer, 32768);
	assert_string_equal(c->user, "nobody");
	assert_string_equal(c->group, "no group");
	assert_string_equal(c->access_log, "off");
	assert_string_equal(c->error_log, "/var/log/gateway");
	assert_int_equal(c->log_format, LOG_JSON);
	assert_int_equal(c->head_timeout, 500);
	assert_int_equal(c->idle_timeout, 120000);
	assert_int_equal(c->link_timeout, 3600000);
	assert_int_equal(c->send_timeout, 1000);
	assert_int_equal(c->linger_timeout, 0);
	assert_int_equal(c->drain_timeout, 600000);
	assert_int_equal(c->resolve_interval, 5000);
	assert_int_equal(c->trusted_count, 3);
	assert_int_equal(c->trusted[2].family, NET_IP6);
	assert_int_equal(c->trusted[2].bits, 8);
	config_free(c);
}

static void inheritance(void **state)
{
	struct config *c = config_right("[site *]\ntries = 2\nheader = X-Two: site\nheader = -Server\nheader = X-Two: again\ndeny = 10.0.0.2\n"
					"/ = http://a\n"
					"/x/ = http://a tries=5 header=\"x-one: route\" header=-X-Two allow=10.0.0.1 deny=10.0.0.3 request_header=Host:b\n"
					"[gateway]\nlisten = :80\ntries = 4\nmax_fails = 0\nforwarded = on\nheader = X-One: all\nheader = X-Two: all\n"
					"allow = 10.0.0.0/8\ndeny = 10.0.0.1\n");
	const struct options *site = &route_of(c, "/")->options;
	const struct options *route = &route_of(c, "/x/")->options;

	(void)state;
	assert_int_equal(site->tries, 2);
	assert_int_equal(route->tries, 5);
	assert_int_equal(route->max_fails, 0);
	assert_true(route->forwarded);
	block_same(site->response.block, "X-Two: site\r\nX-Two: again\r\nX-One: all\r\nCache-Control: private\r\n", "site");
	block_same(route->response.block, "x-one: route\r\nCache-Control: private\r\n", "route");
	assert_int_equal(route->response.count, 6); /* x-one, -X-Two, -Server, and what caches heed before ours */
	block_same(route->request.block, "Host: b\r\n", "route");
	assert_int_equal(route->request.at[0].id, FIELD_HOST);
	assert_int_equal(site->request.count, 0);
	/* the innermost allow, all deny */
	assert_int_equal(site->allow[0].bits, 8);
	assert_int_equal(route->allow_count, 1);
	assert_int_equal(route->allow[0].bits, 32);
	assert_int_equal(site->deny_count, 2);
	assert_int_equal(route->deny_count, 3);
	assert_true(c->sites[0].guarded);
	config_free(c);
}

/* One server under several spellings is one; with another PROXY header it is not. */
static void servers_are_shared(void **state)
{
	struct config *c = config_right(S "/ = http://Nas:80/x http://nas http://nas:81 http://nas proxy=v1\n"
					  "/b/ = http://[fd00::0:1] http://[fd00::1]:80/c http://10.0.0.1 http://10.0.0.1:80\n"
					  "/c/ = unix:/a unix:/a:/b unix:/b http://[fe80::1%25eth0]:81\n");
	const struct route *b = route_of(c, "/b/"), *last = route_of(c, "/c/");

	(void)state;
	assert_int_equal(c->target_count, 12);
	assert_int_equal(c->server_count, 8);
	assert_int_equal(b->group, 4);
	assert_int_equal(last->group, 8);
	for (size_t i = 0; i < c->server_count; i++)
		assert_int_equal(c->servers[i].number, i);
	assert_ptr_equal(b->targets[0].server, b->targets[1].server);
	assert_string_equal(c->servers[0].host, "nas");
	assert_int_equal(c->servers[0].address.port, 80);
	assert_int_equal(c->servers[2].proxy, 1);
	assert_null(b->targets[0].server->host);
	assert_int_equal(b->targets[0].server->address.family, NET_IP6);
	assert_string_equal(last->targets[1].server->path, "/a");
	assert_string_equal(last->targets[3].server->host, "fe80::1%eth0");
	config_free(c);
}

/* Conditions in the order of the file, then exact paths, then the longest prefix. */
static void order_of_routes(void **state)
{
	static const char *const order[] = {"/", "/a/b/", "/a/", "/b/c", "/a", "/a/b/c/", "/a/b/", "/"};
	struct config *c = config_right(S "/ = http://a when=query:x\n/ = http://a\n/a/b/ = http://a\n/a/b/ = http://a when=query:x\n"
					  "/a/ = http://a when=query:y\n/a = http://a\n/b/c = http://a\n/a/b/c/ = http://a\n");

	(void)state;
	assert_int_equal(c->sites[0].route_count, COUNT(order));
	for (size_t i = 0; i < COUNT(order); i++)
		assert_string_equal(c->sites[0].routes[i]->label, order[i]);
	config_free(c);
}

static void replies(void **state)
{
	struct config *c = config_right(S "/a = reply:200 text=\"say \\\"hi\\\" \\\\ \\t;\\n\"\n/b = reply:200 type=text/html text=<p>x\n/c = reply:404\n"
					  "[route d]\nsite = *\npath = /d\nto = reply:200\ntext = plain words; no quotes\n");

	(void)state;
	block_same(route_of(c, "/a")->text, "say \"hi\" \\ \t;\n", "/a");
	block_same(route_of(c, "/a")->type, "text/plain; charset=utf-8", "/a");
	block_same(route_of(c, "/b")->text, "<p>x", "/b");
	block_same(route_of(c, "/b")->type, "text/html", "/b");
	assert_int_equal(route_of(c, "/c")->text.len + route_of(c, "/c")->type.len, 0);
	block_same(route_of(c, "d")->text, "plain words; no quotes", "d");
	config_free(c);
}

/* The longest line that inih keeps whole is kept whole, and one more is told. */
static void long_lines(void **state)
{
	static struct said said;
	char text[512], host[200];
	struct config *c;

	(void)state;
	memset(host, 'a', sizeof host);
	host[198 - (sizeof "/ = http://" - 1)] = '\0';
	snprintf(text, sizeof text, S "/ = http://%s\n", host);
	c = config_right(text);
	assert_string_equal(c->servers[0].host, host);
	config_free(c);
	snprintf(text, sizeof text, S "/ = http://%sb\n http://c\n", host);
	assert_null(config_made(&said, text));
	block_same(text_span(&said.text),
		   "f:4: line of 199 characters; at most 198 can be read: more targets may follow on indented lines, more options in a [route]\n", text);
}

static void too_many_targets(void **state)
{
	static struct said said;
	char text[2048] = S "/ = http://a\n";
	struct config *c;

	(void)state;
	for (int i = 1; i < GW_TARGETS; i++)
		strcat(text, " http://a\n");
	c = config_right(text);
	assert_int_equal(c->routes[0].target_count, GW_TARGETS);
	config_free(c);
	strcat(text, " http://b\n");
	assert_null(config_made(&said, text));
	block_same(text_span(&said.text), "f:36: 'http://b': more than 32 targets in one group\n", text);
}

/* A flood of faults, and of fields, ends. */
static void floods(void **state)
{
	static struct said said;
	static char text[300000];
	size_t len = (size_t)snprintf(text, sizeof text, "%s", A);

	(void)state;
	for (int i = 0; i < 150; i++)
		len += (size_t)snprintf(text + len, sizeof text - len, "x%d = y\n", i);
	assert_null(config_made(&said, text));
	assert_non_null(strstr(said.room, "f:104: unknown key 'x99'\nf: 50 more mistakes are not shown\n"));
	len = (size_t)snprintf(text, sizeof text, "%s", A);
	for (int i = 0; i < 65; i++)
		len += (size_t)snprintf(text + len, sizeof text - len, "header = -X%d\n", i);
	assert_null(config_made(&said, text));
	block_same(text_span(&said.text), "f:69: 65 fields are changed here; at most 64\n", "65 fields");
	len = (size_t)snprintf(text, sizeof text, "%s", A);
	for (int i = 0; i < 16; i++)
		len += (size_t)snprintf(text + len, sizeof text - len, "header = X: %0128d\n", i);
	assert_null(config_made(&said, text));
	block_same(text_span(&said.text), "f:20: the fields set up to here take 2128 bytes; at most 2048\n", "long fields");
}

/* Thousands of routes are no matter of patience, and their numbers fit. */
static void big(void **state)
{
	static char text[256 * 1024];
	size_t len = (size_t)snprintf(text, sizeof text, "%s", S);
	struct config *c;
	int count = 0;

	(void)state;
	while (len + 32 < sizeof text)
		len += (size_t)snprintf(text + len, sizeof text - len, "/%x/=http://a%d\n", count, count % 100), count++;
	c = config_right(text);
	assert_int_equal(c->route_count, count);
	assert_int_equal(c->server_count, 100);
	assert_int_equal(c->routes[count - 1].group, count - 1);
	config_free(c);
}

/* What would take more memory than a configuration may is refused as a whole. */
static void no_memory(void **state)
{
	static struct said said;
	static char text[256 * 1024];
	size_t len = (size_t)snprintf(text, sizeof text, "%s", S);

	(void)state;
	for (int i = 0; i < 60; i++)
		len += (size_t)snprintf(text + len, sizeof text - len, "header = X%d: %020d\n", i, i);
	for (int i = 0; len + 40 < sizeof text; i++)
		len += (size_t)snprintf(text + len, sizeof text - len, "/%x=reply:200 header=-a\n", i);
	assert_null(config_made(&said, text));
	block_same(text_span(&said.text), "gateway: not enough memory for the configuration\n", "many routes");
}

static const char *const rich = "\xef\xbb\xbf; all at once\n[gateway]\nlisten = :80 proxy ; x\nlisten = unix:/a tls\ntrusted = 10.0.0.0/8 ::1\nbuffer = 64k\n"
				"listen = :81 redirect\nlisten = :443 tls\nstate = /nowhere\nhsts = 1y preload\n"
				"[site a.b]\nhost = a.b *.c\nheader = X: y\nrequest_header = \"Host: z\"\nallow = 10.0.0.1\n"
				"/z/ = https://z verify=off verify_name=y\nclient_ca = none\n/ = http://a:1/b weight=2 proxy=v2 http://[::1]:2\n unix:/c:/d backup when=method:GET when=header:a:b\n"
				"/x = reply:200 text=\"a b\\n\" type=a/b\n/y/ = redirect:https://a/ status=301 when=from:10.0.0.0/8\n"
				"[route r]\nsite = a.b\npath = /%41/\nto = http://b\nwhen = cookie:c=d\ntries = 2\n";

static bool is_warning(struct span line)
{
	for (; line.len; line = span_of(line.at + 1, line.len - 1))
		if (span_starts(line, SPAN(": warning: ")))
			return true;
	return false;
}

static bool told_fault(const struct said *s)
{
	struct span all = text_span(&s->text);

	while (all.len)
		if (!is_warning(span_cut(&all, '\n')))
			return true;
	return false;
}

/* Whatever is cut off or changed, there is a configuration or there are faults. */
static void broken_anywhere(void **state)
{
	static struct said said;
	char text[1024];
	static const char bytes[] = " \t\r\n\"\\;#=:/[]%*a1-,.\x01\xff";
	size_t len = strlen(rich);
	unsigned random = 1;

	(void)state;
	config_free(config_right(rich));
	for (size_t cut = 0; cut < len; cut++) {
		struct config *c;

		memcpy(text, rich, cut);
		text[cut] = '\0';
		c = config_made(&said, text);
		assert_true((c != NULL) == !told_fault(&said));
		config_free(c);
	}
	for (int i = 0; i < 3000; i++) {
		struct config *c;

		memcpy(text, rich, len + 1);
		for (int j = 0; j < 3; j++) {
			random = random * 1103515245 + 12345;
			text[(random >> 8) % len] = bytes[(random >> 24) % (sizeof bytes - 1)];
		}
		c = config_made(&said, text);
		assert_true((c != NULL) == !told_fault(&said));
		config_free(c);
	}
}

static const struct { const char *words[5], *said; } commands[] = {
	{{":8080"}, "there is no route: add a word such as /=http://192.168.1.2:8080\n"},
	{{"/=http://a"}, "nothing listens: begin with an address such as :8080\n"},
	{{"chekc"}, "word 1: 'chekc' is neither an address to listen on, as :8080, nor a route, as /nas/=http://192.168.1.2:5000/\n"},
	{{":8080", "/a"}, "word 2: '/a' leads nowhere: expected PATH=TARGET, such as /=http://192.168.1.2:8080\n"},
	{{":8080", "/a/=x"}, "word 2: unknown word 'x'\n"},
	{{":8080", "/a/=192.168.1.2:80"},
	 "word 2: '192.168.1.2:80' is not a target: those begin with http://, https://, unix:, redirect: or reply:\n"},
	{{":8080", "/a/=http://a", "bakcup"}, "word 3: unknown word 'bakcup' (did you mean 'backup'?)\n"},
	{{":8080", "/a/=http://a", "tries=2", "tries=3"}, "word 4: 'tries' is already set by word 3\n"},
	{{":80x", "/a/=http://a"}, "word 1: ':80x': port '80x' is not a number from 1 to 65535\n"},
	{{"127.0.0.1", "/a/=http://a"},
	 "word 1: '127.0.0.1' is neither an address to listen on, as :8080, nor a route, as /nas/=http://192.168.1.2:5000/\n"},
	{{"80", "/a/=http://a\x1b[2J"}, "word 1: listen: '80' has no port; did you mean ':80'?\n"
					"word 2: 'http://a?[2J': 'a?[2J' is neither a name nor an address\n"},
};

static struct config *from_words(struct said *s, const char *const *words)
{
	char *copy[5];
	int count = 0;

	s->text = text_in(s->room, sizeof s->room);
	for (; count < 5 && words[count]; count++)
		copy[count] = (char *)(uintptr_t)words[count];
	return config_words(count, copy, said_add, s);
}

static void command_line(void **state)
{
	static const char *const right[5] = {":8080", "[::1]:8081", "/nas/=http://a:5000/", "http://b", "header=X: y z"};
	static struct said said;
	struct config *c = from_words(&said, right);
	char room[256];
	struct text out = text_in(room, sizeof room);

	(void)state;
	assert_non_null(c);
	config_print(c, &out);
	block_same(text_span(&out),
		   "http://*:8080/nas/ -> http://a:5000/  open\n                      http://b/nas/\n\n"
		   "listen :8080 (IPv4 and IPv6): *\nlisten [::1]:8081 (IPv6): *\n", "words");
	block_same(c->routes[0].options.response.block, "X: y z\r\n", "words");
	config_free(c);
	for (size_t i = 0; i < COUNT(commands); i++) {
		assert_null(from_words(&said, commands[i].words));
		block_same(text_span(&said.text), commands[i].said, commands[i].words[0]);
	}
}

static void files(void **state)
{
	static struct said said;
	struct config *c;

	(void)state;
	said.text = text_in(said.room, sizeof said.room);
	assert_null(config_load("/nowhere/gateway.ini", said_add, &said));
	assert_null(config_load("/", said_add, &said));
	block_same(text_span(&said.text),
		   "gateway: cannot read /nowhere/gateway.ini: no such file or directory\ngateway: cannot read /: is a directory\n", "files");
	c = config_load("gateway.ini", said_add, &said);
	assert_non_null(c);
	assert_int_equal(c->listener_count, 3);
	config_free(c);
}

/* The defaults that the shipped file names are the defaults: its comments
 * "; key = value" after the last [gateway] are taken by their word. */
static void shipped_defaults(void **state)
{
	static const char *const examples[] = {"trusted", "user", "group", "state", "header", "request_header", "allow", "deny"};
	static char text[16384];
	struct config *said, *standard = config_right(A);
	struct text out = text_in(text, sizeof text - 1);
	FILE *file = fopen("gateway.ini", "r");
	char line[256], key[64];
	int count = 0;

	(void)state;
	assert_non_null(file);
	text_str(&out, A "[gateway]\n");
	while (fgets(line, sizeof line, file) && strncmp(line, "; --- more of [gateway]", 23) != 0)
		;
	while (fgets(line, sizeof line, file)) {
		int end = 0;
		bool example = sscanf(line, "; %63[a-z_] = %n", key, &end) != 1 || !end;

		for (size_t i = 0; i < COUNT(examples); i++)
			example |= strcmp(key, examples[i]) == 0;
		if (!example)
			text_str(&out, line + 2), count++;
	}
	fclose(file);
	assert_true(count > 20);
	said = config_right(text);
	assert_int_equal(said->clients, standard->clients);
	assert_int_equal(said->requests, standard->requests);
	assert_int_equal(said->per_client, standard->per_client);
	assert_int_equal(said->idle_links, standard->idle_links);
	assert_int_equal(said->buffer, standard->buffer);
	assert_int_equal(said->workers, standard->workers);
	assert_int_equal(said->log_format, standard->log_format);
	assert_string_equal(said->access_log, standard->access_log);
	assert_memory_equal(&said->head_timeout, &standard->head_timeout, offsetof(struct config, state) - offsetof(struct config, head_timeout));
	assert_memory_equal(&said->routes[0].options.connect_timeout, &standard->routes[0].options.connect_timeout,
			    offsetof(struct options, forwarded) - offsetof(struct options, connect_timeout));
	assert_false(said->routes[0].options.forwarded);
	config_free(said);
	config_free(standard);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_every_mistake),
		cmocka_unit_test(means_what_it_says),
		cmocka_unit_test(standard_values),
		cmocka_unit_test(said_values),
		cmocka_unit_test(inheritance),
		cmocka_unit_test(servers_are_shared),
		cmocka_unit_test(order_of_routes),
		cmocka_unit_test(replies),
		cmocka_unit_test(long_lines),
		cmocka_unit_test(too_many_targets),
		cmocka_unit_test(floods),
		cmocka_unit_test(big),
		cmocka_unit_test(no_memory),
		cmocka_unit_test(broken_anywhere),
		cmocka_unit_test(command_line),
		cmocka_unit_test(files),
		cmocka_unit_test(shipped_defaults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

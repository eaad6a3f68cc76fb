# SPDX-License-Identifier: MIT
"""Fields: hop-by-hop ones, where a request came from, Via and loops, additions and removals."""
from harness import Row, scenario, table
from wire import check, get, ok, post

table("fields", "/ = {o}\n/p/ = {o}/base/", [
    Row("host-kept", get(host="Home.example:8080"), "GET / HTTP/1.1\nHost: Home.example:8080"),
    Row("order-kept", get("/", "B: 1", "A: 2", "B: 3", "Accept: x", "A: 4"), "GET / HTTP/1.1\nB: 1 && 3\nA: 2 && 4"),
    Row("authorization-kept", get("/", "Authorization: Basic eDp5", "Cookie: a=b; c=d", "Referer: http://x/"), "GET / HTTP/1.1\nAuthorization: Basic eDp5\nCookie: a=b; c=d\nReferer: http://x/"),
    Row("hop-by-hop", get("/", "Keep-Alive: timeout=5", "Proxy-Connection: keep-alive", "TE: trailers", "Proxy-Authorization: Basic x"),
        "GET / HTTP/1.1\n!Keep-Alive\n!Proxy-Connection\n!TE\n!Proxy-Authorization\n!Connection"),
    Row("connection-names", get("/", "Connection: close, X-Hop, x-other", "X-Hop: 1", "X-Other: 2", "X-Stay: 3"), "GET / HTTP/1.1\n!X-Hop\n!X-Other\nX-Stay: 3\n!Connection", closes=True),
    Row("connection-two-fields", get("/", "Connection: X-Hop", "Connection: X-Other", "X-Hop: 1", "X-Other: 2"), "GET / HTTP/1.1\n!X-Hop\n!X-Other"),
    Row("connection-after", get("/", "X-Hop: 1", "Connection: X-Hop"), "GET / HTTP/1.1\n!X-Hop"),
    Row("ours-not-named-away", get("/", "Connection: X-Forwarded-For, X-Real-IP, Via, Host, X-Forwarded-Proto, X-Forwarded-Host", "X-Real-IP: 9.9.9.9"),
        "GET / HTTP/1.1\nHost: a.example\nX-Forwarded-For: 127.0.0.1\nX-Real-IP: 127.0.0.1\nX-Forwarded-Proto: <scheme>\nX-Forwarded-Host: a.example\nVia: 1.1 gateway"),
    Row("length-not-named-away", post(b"abc", "Connection: Content-Length"), "POST / HTTP/1.1\nContent-Length: 3\n\nabc", closes=False),
    Row("response-hop-by-hop", get(), "~GET .*", ok(b"x", "Connection: X-Hop, keep-alive", "X-Hop: 1", "Keep-Alive: timeout=5", "Proxy-Connection: x", "X-Stay: 2", "Server: origin/1"),
        "HTTP/1.1 200 OK\n!X-Hop\n!Keep-Alive\n!Proxy-Connection\n!Connection\nX-Stay: 2\nServer: origin/1", closes=False),
    Row("response-cookies", get(), "~GET .*", ok(b"x", "Set-Cookie: a=1", "Set-Cookie: b=2; Path=/"), "HTTP/1.1 200 OK\nSet-Cookie: a=1 && b=2; Path=/"),
    Row("response-length-not-named-away", get(), "~GET .*", ok(b"abc", "Connection: Content-Length"), "HTTP/1.1 200 OK\n\nabc", closes=False),
    Row("forwarded-untrusted", get("/x", "X-Forwarded-For: 1.2.3.4", "X-Forwarded-Proto: https", "X-Forwarded-Host: evil", "X-Forwarded-Port: 1", "X-Forwarded-Prefix: /evil", "X-Real-IP: 6.6.6.6", "Forwarded: for=6.6.6.6"),
        "GET /x HTTP/1.1\nX-Forwarded-For: 127.0.0.1\nX-Forwarded-Proto: <scheme>\nX-Forwarded-Host: a.example\nX-Forwarded-Port: ~\\d+\n!X-Forwarded-Prefix\nX-Real-IP: 127.0.0.1\n!Forwarded"),
    Row("forwarded-family", get("/", "X-Forwarded-Ssl: on", "X-Forwarded-User: admin", "x-forwarded-anything: x", "X-Forward: kept"),
        "GET / HTTP/1.1\n!X-Forwarded-Ssl\n!X-Forwarded-User\n!X-Forwarded-Anything\nX-Forward: kept"),
    Row("forwarded-case", get("/", "x-forwarded-FOR: 1.2.3.4", "X-REAL-ip: 1.1.1.1"), "GET / HTTP/1.1\nX-Forwarded-For: 127.0.0.1\nX-Real-IP: 127.0.0.1"),
    Row("prefix-told", get("/p/x"), "GET /base/x HTTP/1.1\nX-Forwarded-Prefix: /p"),
    Row("host-with-port-told", get(host="b.example:8443"), "GET / HTTP/1.1\nHost: b.example:8443\nX-Forwarded-Host: b.example:8443"),
    Row("via-appended", get("/", "Via: 1.0 first, 1.1 second"), "~GET .*\nVia: 1.0 first, 1.1 second && 1.1 gateway"),
    Row("via-seven", get("/", "Via: " + ", ".join(["1.1 gateway"] * 7)), "~GET .*"),
    Row("via-loop", get("/", "Via: " + ", ".join(["1.1 gateway"] * 8)), None, None, "HTTP/1.1 508\n\n~508", log='" 508 '),
    Row("via-loop-fields", get("/", *["Via: 1.1 gateway"] * 8), None, None, "HTTP/1.1 508"),
    Row("via-loop-comment", get("/", "Via: " + ", ".join(["HTTP/1.1 Gateway (x)"] * 9)), None, None, "HTTP/1.1 508"),
    Row("via-others-are-no-loop", get("/", "Via: " + ", ".join(["1.1 other"] * 20)), "~GET .*"),
    Row("via-response", get(), "~GET .*", ok(b"", "Via: 1.1 other"), "HTTP/1.1 200\nVia: 1.1 other && 1.1 gateway"),
    Row("max-forwards-goes-with-get", get("/", "Max-Forwards: 0"), "GET / HTTP/1.1"),
])

TRUSTED = "trusted = 127.0.0.1, 10.0.0.0/8"
table("trusted", "/ = {o}\n/p/ = {o}/", [
    Row("appended", get("/", "X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: https", "X-Forwarded-Host: public.example", "X-Forwarded-Port: 443"),
        "GET / HTTP/1.1\nX-Forwarded-For: 192.0.2.1, 127.0.0.1\nX-Forwarded-Proto: https\nX-Forwarded-Host: public.example\nX-Forwarded-Port: 443\nX-Real-IP: 192.0.2.1",
        log=r"^192\.0\.2\.1 - - \["),
    Row("list", get("/", "X-Forwarded-For: 203.0.113.9, 192.0.2.1, 10.1.1.1"), "GET / HTTP/1.1\nX-Forwarded-For: 203.0.113.9, 192.0.2.1, 10.1.1.1, 127.0.0.1\nX-Real-IP: 192.0.2.1"),
    Row("two-fields", get("/", "X-Forwarded-For: 203.0.113.9", "X-Forwarded-For: 192.0.2.1"), "GET / HTTP/1.1\nX-Forwarded-For: 203.0.113.9, 192.0.2.1, 127.0.0.1\nX-Real-IP: 192.0.2.1"),
    Row("all-trusted", get("/", "X-Forwarded-For: 10.2.2.2, 10.1.1.1"), "GET / HTTP/1.1\nX-Real-IP: 10.2.2.2"),
    Row("none", get("/"), "GET / HTTP/1.1\nX-Forwarded-For: 127.0.0.1\nX-Real-IP: 127.0.0.1\nX-Forwarded-Proto: <scheme>"),
    Row("ip6", get("/", "X-Forwarded-For: 2001:db8::1"), "GET / HTTP/1.1\nX-Forwarded-For: 2001:db8::1, 127.0.0.1\nX-Real-IP: 2001:db8::1"),
    Row("nonsense-not-believed", get("/", "X-Forwarded-For: 192.0.2.1, nonsense"), "GET / HTTP/1.1\nX-Real-IP: 127.0.0.1"),
    Row("quote-is-no-string", get("/", 'X-Forwarded-For: ", 203.0.113.9'), "GET / HTTP/1.1\nX-Real-IP: 203.0.113.9", log=r"^203\.0\.113\.9 - - \["),
    Row("quotes-around-commas", get("/", 'X-Forwarded-For: "1.1.1.1, 2.2.2.2", 203.0.113.9'), "GET / HTTP/1.1\nX-Real-IP: 203.0.113.9"),
    Row("empty-members", get("/", "X-Forwarded-For: ,203.0.113.9,,10.1.1.1, ,"), "GET / HTTP/1.1\nX-Real-IP: 203.0.113.9"),
    Row("family-kept", get("/", "X-Forwarded-User: alice"), "GET / HTTP/1.1\nX-Forwarded-User: alice"),
    Row("prefix-appended", get("/p/x", "X-Forwarded-Prefix: /outer"), "GET /x HTTP/1.1\nX-Forwarded-Prefix: /outer/p"),
], top=TRUSTED)

table("forwarded", "/ = {o}", [
    Row("made", get("/", "Forwarded: for=6.6.6.6"), 'GET / HTTP/1.1\nForwarded: ~for=127\\.0\\.0\\.1;proto=<scheme>;host="?a\\.example"?'),
    Row("host-quoted", get(host="a.example:81"), 'GET / HTTP/1.1\nForwarded: for=127.0.0.1;proto=<scheme>;host="a.example:81"'),
], top="forwarded = on")
table("forwarded-trusted", "/ = {o}", [
    Row("appended", get("/", 'Forwarded: for=192.0.2.1;proto=https, for="[2001:db8::1]"'), 'GET / HTTP/1.1\nForwarded: ~for=192\\.0\\.2\\.1;proto=https, for="\\[2001:db8::1\\]", for=127\\.0\\.0\\.1;proto=<scheme>;.*'),
], top="forwarded = on\ntrusted = 127.0.0.1")
table("forwarded-off", "/ = {o}", [
    Row("trusted-kept-or-dropped-but-never-ours", get("/"), "GET / HTTP/1.1\n!Forwarded"),
], top="trusted = 127.0.0.1")


@scenario("forwarded/ip6")
def forwarded_ip6(t):
    o = t.origin()
    g = t.gateway(f"[site *]\n/ = {o.url}", top="forwarded = on", listen=[t.tcp6()])
    check(g.ask(), "HTTP/1.1 200")
    check(o.requests[0], 'GET / HTTP/1.1\nForwarded: ~for="\\[::1\\]";proto=<scheme>.*')


EDITS = """
[gateway]
{listen}
access_log = stderr
error_log = stderr
header = X-All: gateway
request_header = X-From: gateway

[site a.example]
header = X-Site: one
header = -Server
header = -X-Secret
request_header = X-Up: site
request_header = -Cookie
/ = {o}
/r/ = {o} header="X-Site: route" request_header="X-Up: route \\"quoted\\"" header=-X-Inner
/host/ = {o} request_header="Host: inner.example"
/reply/ = reply:200 text=hello header="X-Reply: yes"
/dead/ = {dead}
"""


@scenario("edits")
def edits(t):
    """header and request_header for all, for a site, for a route: set, replaced, removed; each level inherits."""
    o, dead, place = t.origin(answers=ok(b"x", "Server: s", "X-Secret: 1", "X-Site: origin", "X-Inner: 2", "X-Stay: 3")), t.dead(), t.tcp()
    g = t.gateway(EDITS.format(listen=f"listen = {place.text}", o=o.url, dead=dead.url), listen=[place])
    m = g.ask(get("/x", "Cookie: a=b", "X-Up: client", "X-From: client"))
    check(m, "HTTP/1.1 200 OK\nX-All: gateway\nX-Site: one\n!Server\n!X-Secret\nX-Inner: 2\nX-Stay: 3\n\nx")
    check(o.requests[0], "GET /x HTTP/1.1\nX-From: gateway\nX-Up: site\n!Cookie")
    m = g.ask(get("/r/", "Cookie: a=b"))
    check(m, "HTTP/1.1 200 OK\nX-Site: route\n!X-Inner\n!X-Secret\nX-All: gateway\n\nx")
    check(o.requests[1], 'GET /r/ HTTP/1.1\nX-Up: route "quoted"\nX-From: gateway\n!Cookie')
    check(g.ask(get("/host/")), "HTTP/1.1 200")
    check(o.requests[2], "GET /host/ HTTP/1.1\nHost: inner.example\nX-Forwarded-Host: a.example")
    check(g.ask(get("/reply/")), "HTTP/1.1 200\nX-Reply: yes\nX-Site: one\nX-All: gateway\n\nhello")
    o.answers(ok(b"", "X-Site: origin", status="404 Not Found"))
    check(g.ask(get("/")), "HTTP/1.1 404\nX-Site: one")

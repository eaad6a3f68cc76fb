# SPDX-License-Identifier: MIT
"""Which server gets a request: hosts, prefixes, conditions, redirects, the reading of paths, who may pass."""
import re

from harness import SCENARIOS, Entry, scenario
from wire import check, equal, get, ok, post


def where(t, config, cases, **how):
    """Each target @X in the config becomes an origin that answers X; cases: (row, request, X or status, target seen)."""
    names = sorted(set(re.findall(r"@(\w+)", config)))
    origins = {n: t.origin(answers=ok(n.encode())) for n in names}
    g = t.gateway(re.sub(r"@(\w+)", lambda m: origins[m.group(1)].url, config), **how)
    for name, request, goes, *more in cases:
        with t.row(name) as wanted:
            if not wanted:
                continue
            before = {n: len(o.requests) for n, o in origins.items()}
            source = more[1] if len(more) > 1 else None
            m = g.ask(request, source=source)
            seen = [(n, r) for n, o in origins.items() for r in o.requests[before[n]:]]
            if isinstance(goes, str) and goes in origins:
                check(m, f"HTTP/1.1 200 OK\n\n{goes}")
                equal([n for n, _ in seen], [goes], "origins asked")
                if more and more[0] is not None:
                    equal(seen[0][1].target, more[0], "target at the origin")
            else:
                check(m, goes if isinstance(goes, str) else f"HTTP/1.1 {goes}")
                equal(seen, [], "origins asked")


def rows(name, config, cases, **how):
    SCENARIOS.append(Entry(name, lambda t: where(t, config, cases, **how), rows=[c[0] for c in cases]))


rows("host", """
[site home.example.org]
/ = @home
[site two]
host = two.example.org, zwei.example.org
/ = @two
[site wild]
host = *.wild.example.org
/ = @wild
[site deep]
host = x.wild.example.org
/ = @deep
[site ip]
host = 127.0.0.1
/ = @ip
[site six]
host = [::1]
/ = @six
""", [
    ("exact", get(host="home.example.org"), "home"),
    ("case", get(host="Home.EXAMPLE.org"), "home"),
    ("port-ignored", get(host="home.example.org:8443"), "home"),
    ("final-dot", get(host="home.example.org."), "home"),
    ("second-name", get(host="zwei.example.org"), "two"),
    ("label-not-host", get(host="two"), 421),
    ("wildcard", get(host="a.wild.example.org"), "wild"),
    ("wildcard-deep", get(host="a.b.wild.example.org"), "wild"),
    ("wildcard-not-itself", get(host="wild.example.org"), 421),
    ("wildcard-not-suffix", get(host="evilwild.example.org"), 421),
    ("exact-before-wildcard", get(host="x.wild.example.org"), "deep"),
    ("address", get(host="127.0.0.1:8080"), "ip"),
    ("address-6", get(host="[::1]:8080"), "six"),
    ("unknown", get(host="other.example.org"), "HTTP/1.1 421\n\n~421"),
    ("unknown-longer", get(host="home.example.org.evil.example"), 421),
    ("unknown-post", post(b"abc", host="other.example.org"), 421),
    ("absolute-form-decides", get("http://two.example.org/", host="home.example.org"), "two"),
    ("1.0-without-host", get(host=None, version="1.0"), 421),
])

rows("host-any", """
[site home.example.org]
/ = @home
[site *]
/ = @any
""", [
    ("exact", get(host="home.example.org"), "home"),
    ("unknown", get(host="other.example.org"), "any"),
    ("address", get(host="10.1.2.3"), "any"),
    ("1.0-without-host", get(host=None, version="1.0"), "any"),
])

rows("prefix", """
[site *]
/ = @root
/nas/ = @nas
/nas/photos/ = @photos
/printer/ = @printer/
/deep/er/ = @deep/base/path/
/Case/ = @case
/esc%20ape/ = @escape
/noslash = @noslash
""", [
    ("root", get("/"), "root", "/"),
    ("root-other", get("/other/x"), "root", "/other/x"),
    ("kept", get("/nas/x?y=z"), "nas", "/nas/x?y=z"),
    ("kept-itself", get("/nas/"), "nas", "/nas/"),
    ("longest", get("/nas/photos/1.jpg"), "photos", "/nas/photos/1.jpg"),
    ("whole-segments", get("/nasty"), "root", "/nasty"),
    ("whole-segments-deep", get("/nas/photosx/1"), "nas", "/nas/photosx/1"),
    ("replaced", get("/printer/status?a=b"), "printer", "/status?a=b"),
    ("replaced-itself", get("/printer/"), "printer", "/"),
    ("replaced-query", get("/printer/?q"), "printer", "/?q"),
    ("replaced-deep", get("/deep/er/x/y"), "deep", "/base/path/x/y"),
    ("case-matters", get("/case/x"), "root", "/case/x"),
    ("case", get("/Case/x"), "case", "/Case/x"),
    ("redirect-slash", get("/nas"), "~HTTP/1\\.1 30[1278] .*\nLocation: ~(<scheme>://a\\.example)?/nas/"),
    ("redirect-slash-query", get("/nas?a=b"), "~HTTP/1\\.1 30[1278] .*\nLocation: ~(<scheme>://a\\.example)?/nas/\\?a=b"),
    ("redirect-slash-replaced", get("/printer"), "~HTTP/1\\.1 30[1278] .*\nLocation: ~(<scheme>://a\\.example)?/printer/"),
    ("redirect-slash-deep", get("/nas/photos"), "~HTTP/1\\.1 30[1278] .*\nLocation: ~(<scheme>://a\\.example)?/nas/photos/"),
    ("redirect-keeps-method", post(b"x", target="/nas"), "~HTTP/1\\.1 30[78] .*\nLocation: ~(<scheme>://a\\.example)?/nas/"),
    ("encoded-prefix", get("/n%61s/x"), "nas", "/nas/x"),
    ("dots-resolved", get("/x/../nas/./y"), "nas", "/nas/y"),
    ("dots-leave-prefix", get("/nas/../other"), "root", "/other"),
    ("dots-encoded", get("/nas/%2e%2e/other"), "root", "/other"),
    ("dots-encoded-upper", get("/nas/%2E%2E/other"), "root", "/other"),
    ("dots-half-encoded", get("/nas/.%2e/other"), "root", "/other"),
    ("dots-at-end", get("/nas/x/.."), "nas", "/nas/"),
    ("dot-at-end", get("/nas/x/."), "nas", "/nas/x/"),
    ("dots-in-query-stay", get("/nas/x?a=/../b"), "nas", "/nas/x?a=/../b"),
    ("three-dots-stay", get("/nas/.../x"), "nas", "/nas/.../x"),
    ("unreserved-decoded", get("/nas/%41%7e%2D%5f%2e"), "nas", "/nas/A~-_."),
    ("reserved-stay", get("/nas/%2f%3b%20%3F%25"), "nas", "/nas/%2F%3B%20%3F%25"),
    ("hex-upper", get("/nas/%c3%bc"), "nas", "/nas/%C3%BC"),
    ("query-untouched", get("/nas/?%41%2e=%c3"), "nas", "/nas/?%41%2e=%c3"),
    ("empty-query", get("/nas/?"), "nas", "/nas/?"),
    ("two-questions", get("/nas/?a?b"), "nas", "/nas/?a?b"),
    ("double-slash-stays", get("/nas//x"), "nas", "/nas//x"),
    ("double-slash-not-prefix", get("//nas/x"), "root", "//nas/x"),
    ("backslash", get("/nas/a%5Cb"), "nas", "/nas/a%5Cb"),
    ("params-stay", get("/nas/x;a=b"), "nas", "/nas/x;a=b"),
    ("absolute-form", get("http://a.example/nas/../printer/x"), "printer", "/x"),
])

# what stands behind a prefix shows what lies below it and nothing else, however it reads a path
rows("confined", """
[site *]
/ = @root
/pub/ = @pub/files/
/keep/ = @keep
""", [
    ("below", get("/pub/x/y"), "pub", "/files/x/y"),
    ("encoded-slash-below", get("/pub/a%2Fb"), "pub", "/files/a%2Fb"),
    ("double-slash-below", get("/pub//x"), "pub", "/files//x"),
    ("params-below", get("/pub/x;y/z"), "pub", "/files/x;y/z"),
    ("dots-below", get("/pub/a/..%2Fb"), "pub", "/files/a/..%2Fb"),
    ("params-on-dots", get("/pub/..;/private"), 403),
    ("params-on-dots-more", get("/pub/..;x=y/private"), 403),
    ("encoded-slash", get("/pub/..%2Fprivate"), 403),
    ("encoded-slash-lower", get("/pub/..%2fprivate"), 403),
    ("encoded-backslash", get("/pub/..%5Cprivate"), 403),
    ("backslash", get("/pub/..\\private"), 403),
    ("twice-encoded", get("/pub/%252e%252e/private"), 403),
    ("twice-encoded-slash", get("/pub/..%252Fprivate"), 403),
    ("deeper", get("/pub/a/..%2F..%2Fprivate"), 403),
    ("kept-prefix", get("/keep/..;/private"), 403),
    ("post", post(b"x", target="/pub/..;/private"), 403),
    ("at-the-root-nothing-to-leave", get("/..;/x"), "root", "/..;/x"),
])

rows("no-root", "[site *]\n/nas/ = @nas\n", [
    ("404", get("/"), "HTTP/1.1 404\nContent-Type: ~text/html.*\n\n~404"),
    ("404-other", get("/x"), 404),
    ("found", get("/nas/"), "nas"),
    ("options-asterisk", get("*", method="OPTIONS"), "~HTTP/1\\.1 (200|204|404) .*"),
])

rows("when", """
[site *]
/ = @plain
/both/ = @both when=method:PUT when=header:X-A:1
/ = @write when=method:POST,PUT
/ = @yes when=header:X-Mock:yes
/ = @present when=header:X-Present
/ = @beta when=cookie:beta=1
/ = @anybeta when=cookie:tester
/ = @query when=query:mock
/ = @queryis when=query:version=2
/ = @from when=from:127.0.0.2
/ = @net when=from:127.0.1.0/24
/sub/ = @sub when=method:DELETE
""", [
    ("none", get(), "plain"),
    ("method", post(b"x"), "write"),
    ("method-second", post(b"x", method="PUT"), "write"),
    ("method-case", get(method="post"), "plain"),
    ("header", get("/", "X-Mock: yes"), "yes"),
    ("header-name-case", get("/", "x-mock: yes"), "yes"),
    ("header-other-value", get("/", "X-Mock: no"), "plain"),
    ("header-second-field", get("/", "X-Mock: no", "X-Mock: yes"), "yes"),
    ("header-present", get("/", "X-Present: anything"), "present"),
    ("cookie", get("/", "Cookie: a=b; beta=1; c=d"), "beta"),
    ("cookie-first", get("/", "Cookie: beta=1"), "beta"),
    ("cookie-other-value", get("/", "Cookie: beta=11"), "plain"),
    ("cookie-other-name", get("/", "Cookie: xbeta=1"), "plain"),
    ("cookie-name-case", get("/", "Cookie: Beta=1"), "plain"),
    ("cookie-present", get("/", "Cookie: tester="), "anybeta"),
    ("query", get("/?mock"), "query"),
    ("query-value", get("/?a=1&mock=2"), "query"),
    ("query-other", get("/?mocking=1"), "plain"),
    ("query-in-value", get("/?x=mock"), "plain"),
    ("query-name-encoded", get("/?a=1&m%6Fck=2"), "query"),
    ("query-is", get("/?version=2"), "queryis"),
    ("query-is-other", get("/?version=22"), "plain"),
    ("from", get(), "from", None, "127.0.0.2"),
    ("from-net", get(), "net", None, "127.0.1.77"),
    ("from-outside", get(), "plain", None, "127.0.2.1"),
    ("all-must-hold", post(b"x", "X-A: 1", method="PUT", target="/both/"), "both"),
    ("all-must-hold-one-missing", get("/both/", "X-A: 1"), "plain"),
    ("file-order", post(b"x", "X-Mock: yes"), "write"),
    ("conditional-first-over-longer", post(b"x", method="PUT", target="/sub/x"), "write"),
    ("prefix-and-condition", get("/sub/x", method="DELETE"), "sub"),
])

rows("reply", """
[site *]
/ = @root
/no/ = reply:204
/gone/ = reply:410
/hello/ = reply:200 text="hello there"
/json/ = reply:200 text="[1, 2]" type=application/json
/old/ = redirect:https://new.example/base/
/exact/ = redirect:https://new.example/page
/perm/ = redirect:/here/ status=308
/up/ = redirect:/
""", [
    ("204", get("/no/"), "HTTP/1.1 204 No Content\n!Content-Length\n\n"),
    ("410", get("/gone/x"), "HTTP/1.1 410\n\n~410"),
    ("text", get("/hello/"), "HTTP/1.1 200 OK\nContent-Length: 11\nContent-Type: ~text/plain.*\nDate: ~.* GMT\n\nhello there"),
    ("text-head", get("/hello/", method="HEAD"), "HTTP/1.1 200 OK\nContent-Length: 11\n\n"),
    ("text-post", post(b"body", target="/hello/"), "HTTP/1.1 200 OK\n\nhello there"),
    ("type", get("/json/"), "HTTP/1.1 200 OK\nContent-Type: application/json\n\n[1, 2]"),
    ("redirect-rest", get("/old/a/b?c=d"), "HTTP/1.1 302\nLocation: https://new.example/base/a/b?c=d"),
    ("redirect-exact", get("/exact/a?b"), "~HTTP/1\\.1 302 .*\nLocation: https://new.example/page"),
    ("redirect-status", get("/perm/x"), "HTTP/1.1 308\nLocation: /here/x"),
    ("redirect-up", get("/up/x?y"), "HTTP/1.1 302\nLocation: /x?y"),
    # a browser reads //host and /\\host as another host
    ("redirect-not-elsewhere", get("/up//evil.example/x"), "~HTTP/1\\.1 (302|400|404) .*\nLocation: ~(?![/\\\\]{2}).*"),
    ("redirect-not-elsewhere-backslash", get("/up/\\evil.example/x"), "~HTTP/1\\.1 (302|400|404) .*\nLocation: ~(?![/\\\\]{2}).*"),
    ("redirect-page-escaped", get('/perm/x?"><script>alert(1)</script>'), "HTTP/1.1 308\n\n~^((?!<script).)*$"),
])

rows("long-form", """
[site home.example.org]
/ = @root

[route printer]
site = home.example.org
path = /printer/
to = @printer/p/
response_timeout = 30s
request_header = X-Route: long
""", [
    ("route", get("/printer/x", host="home.example.org"), "printer", "/p/x"),
    ("other", get("/x", host="home.example.org"), "root", "/x"),
])


# --- who may pass ----------------------------------------------------------------

GUARD = """
[site *]
/ = @open
/secret/ = @secret deny=127.0.0.0/8
/lan/ = @lan allow=127.0.0.2
/nets/ = @nets allow=127.0.0.0/8 deny=127.0.0.3
"""
rows("access", GUARD, [
    ("open", get("/x"), "open"),
    ("denied", get("/secret/x"), "HTTP/1.1 403\nContent-Type: ~text/html.*\n\n~403"),
    ("denied-itself", get("/secret/"), 403),
    ("denied-post", post(b"x", target="/secret/x"), 403),
    ("allowed-other", get("/lan/x"), 403),
    ("allowed", get("/lan/x"), "lan", "/lan/x", "127.0.0.2"),
    ("allow-and-deny", get("/nets/x"), "nets"),
    ("deny-of-allowed", get("/nets/x"), 403, None, "127.0.0.3"),
    # every reading that a backend might have of a path that the open route would get
    ("encoded-slash", get("/x%2F..%2Fsecret/y"), 403),
    ("encoded-slash-plain", get("/secret%2Fx"), 403),
    ("encoded-slash-lower", get("/secret%2fx"), 403),
    ("backslash-encoded", get("/secret%5Cx"), 403),
    ("backslash-raw", get("/secret\\x"), 403),
    ("backslash-dots", get("/x/..%5Csecret%5Cy"), 403),
    ("double-slash", get("//secret/x"), 403),
    ("double-slash-inside", get("/a/..//secret/x"), 403),
    ("triple-slash", get("///secret///x"), 403),
    ("params", get("/secret;a=b/x"), 403),
    ("params-on-dots", get("/x/..;/secret/y"), 403),
    ("params-dots-only", get("/x/..;a=b/secret/y"), 403),
    ("params-encoded", get("/secret%3Ba=b/x"), 403),
    ("twice-encoded", get("/%2573ecret/x"), 403),
    ("twice-encoded-slash", get("/secret%252Fx"), 403),
    ("twice-encoded-dots", get("/x/%252e%252e/secret/y"), 403),
    ("twice-encoded-dots-slash", get("/x%252F%252e%252e%252Fsecret%252Fy"), 403),
    ("encoded-letter", get("/%73ecret/x"), 403),
    ("dots", get("/x/../secret/y"), 403),
    ("dots-encoded", get("/x/%2e%2e/secret/y"), 403),
    ("mixed", get("/x%5C..;a/..%2F/secret%2Fy"), 403),
    ("no-slash", get("/secret"), "~HTTP/1\\.1 (403|30[1278]) .*"),
    ("harmless-slash", get("/x%2Fy"), "open", "/x%2Fy"),
    ("harmless-double", get("//x//y"), "open", "//x//y"),
    ("harmless-params", get("/x;y=z"), "open", "/x;y=z"),
    ("absolute-form", get("http://a.example//secret/x"), 403),
    ("in-query-is-fine", get("/x?/secret/x"), "open"),
])

rows("access-site", """
[site locked.example]
allow = 127.0.0.2
/ = @locked
/free/ = @free allow=127.0.0.0/8
[site *]
/ = @any
""", [
    ("site-denies", get(host="locked.example"), 403),
    ("site-allows", get(host="locked.example"), "locked", "/", "127.0.0.2"),
    ("route-over-site", get("/free/x", host="locked.example"), "free"),
    ("other-site", get(host="x.example"), "any"),
])


@scenario("access/trusted-address-counts")
def trusted_address(t):
    """allow, deny and when=from look at the address that a trusted proxy names; nobody else's word counts."""
    o = t.origin()
    g = t.gateway(f"[site *]\n/ = {o.url} allow=192.0.2.0/24", top="trusted = 127.0.0.2")
    check(g.ask(get("/", "X-Forwarded-For: 192.0.2.7"), source="127.0.0.2"), "HTTP/1.1 200")
    check(g.ask(get("/", "X-Forwarded-For: 198.51.100.1"), source="127.0.0.2"), "HTTP/1.1 403")
    check(g.ask(get("/", "X-Forwarded-For: 192.0.2.7, 198.51.100.1"), source="127.0.0.2"), "HTTP/1.1 403")
    check(g.ask(get("/", "X-Forwarded-For: 192.0.2.7"), source="127.0.0.1"), "HTTP/1.1 403")
    equal(len(o.requests), 1)

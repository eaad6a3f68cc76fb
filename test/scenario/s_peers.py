# SPDX-License-Identifier: MIT
"""Real peers: nginx, python's http.server and a Node WebSocket server behind gateway; curl and a WebSocket client before it."""
import hashlib
import os
import shutil
import subprocess
import sys

import harness
import wire
from harness import Output, scenario
from wire import Wrong, check, equal, get, ok, post, true

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
NODE_PATH = os.path.join(ROOT, "build", "node_modules") + ":/usr/share/nodejs"


def program(name, *places):
    found = shutil.which(name) or next((p for p in places if os.path.exists(p)), None)
    true(found, f"{name} is not installed: test/install-deps test")
    return found


def curl(t, *args, code=0):
    trust = ["--cacert", harness.RUN.ca.cert] if harness.RUN else []
    p = subprocess.run([program("curl"), "-sS", "--max-time", "60", *trust, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=t.dir, timeout=90)
    if p.returncode != code:
        raise Wrong(f"curl {args}: exit code {p.returncode}: {p.stderr.decode()} {p.stdout[:500]!r}")
    return p.stdout


# --- nginx ---------------------------------------------------------------------------

NGINX = """
daemon off; master_process off; worker_processes 1; pid {dir}/nginx.pid; error_log {dir}/nginx.err;
{user}
events {{ worker_connections 256; }}
http {{
  access_log off; client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
  client_max_body_size 64m; types {{ text/html html; }} default_type application/octet-stream; gzip on; gzip_types *; gzip_min_length 10;
  server {{
    listen {listen}; root {dir}/www;
    location /echo {{ add_header X-Seen-For $http_x_forwarded_for; add_header X-Seen-Host $host; return 200 "$request_method $request_uri $http_via"; }}
    location /small {{ client_max_body_size 1k; return 200 "taken"; }}
    location /put/ {{ dav_methods PUT; create_full_put_path on; client_body_in_file_only off; }}
    location /auth {{ auth_basic "secret"; auth_basic_user_file {dir}/users; }}
    location /self {{ proxy_http_version 1.1; proxy_set_header Connection ""; proxy_pass http://127.0.0.1:{port}/www.bin; }}
    location /loop/ {{ proxy_http_version 1.1; proxy_set_header Host $http_host; proxy_pass <scheme>://{back}; }}
  }}
}}
"""


def nginx(t, back="127.0.0.1:1"):
    place = t.tcp()
    os.makedirs(os.path.join(t.dir, "www"))
    os.chmod(os.path.join(t.dir, "www"), 0o777)
    t.file("users", "alice:{PLAIN}secret\n")
    t.file("www/index.html", "<h1>nginx</h1>\n" * 20)
    t.file("www/www.bin", os.urandom(1 << 20))
    conf = NGINX.format(dir=t.dir, listen=place.text, port=place.port, back=back, user="user root;" if os.getuid() == 0 else "").replace("<scheme>", wire.SCHEME)
    binary = program("nginx", "/usr/sbin/nginx")
    if b"http_dav_module" not in subprocess.run([binary, "-V"], stderr=subprocess.PIPE).stderr:
        conf = "\n".join(line for line in conf.split("\n") if "dav_methods" not in line)
    t.peer([binary, "-p", t.dir, "-e", os.path.join(t.dir, "nginx.err"), "-c", t.file("nginx.conf", conf)], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    t.until(place.listening, "nginx listens: " + conf)
    return place


@scenario("peers/nginx", slow=True)
def nginx_pages(t):
    """Files, ranges, conditional requests, compression and errors of nginx, keep-alive all along, fetched with curl."""
    place = nginx(t)
    g = t.gateway(f"[site *]\n/ = {place.url}\n/sub/ = {place.url}/\n")
    url = g.url
    with open(os.path.join(t.dir, "www/www.bin"), "rb") as f:
        data = f.read()
    equal(curl(t, f"{url}/"), b"<h1>nginx</h1>\n" * 20)
    equal(curl(t, "--compressed", f"{url}/index.html"), b"<h1>nginx</h1>\n" * 20)
    equal(curl(t, f"{url}/sub/index.html"), b"<h1>nginx</h1>\n" * 20)
    equal(hashlib.sha256(curl(t, f"{url}/www.bin")).digest(), hashlib.sha256(data).digest())
    equal(curl(t, "-r", "1000-1999", f"{url}/www.bin"), data[1000:2000])
    true(curl(t, "-I", f"{url}/www.bin").startswith(b"HTTP/1.1 200 OK\r\n"), "HEAD")
    true(b"404 Not Found" in curl(t, "-i", f"{url}/none"), "404 of nginx")
    true(b"HTTP/1.1 200" in curl(t, "-0", "-i", f"{url}/index.html"), "HTTP/1.0")
    true(curl(t, f"{url}/echo?a=b").startswith(b"GET /echo?a=b 1.1 gateway"), "echo")
    head = curl(t, "-i", "-H", "Host: some.example", f"{url}/echo")
    true(b"X-Seen-Host: some.example\r\n" in head and b"X-Seen-For: 127.0.0.1\r\n" in head, f"{head}")
    # many on one connection: curl reuses it, and so does gateway
    many = curl(t, *[f"{url}/echo?{i}" for i in range(50)], "-w", "[%{num_connects}]")
    equal(many.count(b"[0]"), 49)
    c = g.client()
    first = check(c.ask(get("/index.html")), "HTTP/1.1 200")
    check(c.ask(get("/index.html", f"If-None-Match: {first.get('ETag')}")), "HTTP/1.1 304\n\n")
    check(c.ask(get("/index.html")), "HTTP/1.1 200")


@scenario("peers/nginx-uploads", slow=True)
def nginx_uploads(t):
    """curl uploads with Expect: 100-continue, chunked, and too large for nginx."""
    place = nginx(t)
    g = t.gateway(f"[site *]\n/ = {place.url}\n")
    url = g.url
    size = (64 << 10) if t.tiny else (8 << 20)
    big = t.file("big", os.urandom(size))
    refused = curl(t, "-i", "-F", f"file=@{big}", f"{url}/small", "-H", "Expect: 100-continue")
    true(b"HTTP/1.1 413" in refused, f"{refused[:300]}")
    for args in ["-X", "PUT", "-T", big], ["-T", big, "-H", "Transfer-Encoding: chunked"], ["-T", big, "-H", "Expect: 100-continue"]:
        said = curl(t, "-i", *args, f"{url}/put/x")
        true(b"HTTP/1.1 20" in said or b"HTTP/1.1 405" in said, f"{said[:300]}")
        if b"HTTP/1.1 20" in said:
            with open(os.path.join(t.dir, "www/put/x"), "rb") as f, open(big, "rb") as h:
                true(f.read() == h.read(), "the upload differs")


@scenario("peers/nginx-in-front")
def nginx_front(t):
    """nginx in front and behind: gateway as a trusted proxy's next hop."""
    o = t.origin()
    g = t.gateway(f"[site *]\n/ = {o.url}\n", top="trusted = 127.0.0.1")
    place = nginx(t, back=g.place.text)
    said = curl(t, "-H", "X-Forwarded-For: 192.0.2.9", f"http://{place.text}/loop/x")
    equal(said, b"ok")
    check(o.requests[0], "GET /loop/x HTTP/1.1\nX-Forwarded-For: 192.0.2.9, 127.0.0.1\nX-Real-IP: 192.0.2.9")


@scenario("peers/loop")
def loop(t):
    """gateway behind itself: the loop ends with 508, not with all places taken."""
    place = t.tcp()
    g = t.gateway(f"[site *]\n/ = http://{place.text}\n", listen=[place], top="clients = 40\nrequests = 40", settle=False)
    check(g.ask(), "HTTP/1.1 508\n\n~508")


# --- python's http.server -----------------------------------------------------------------

@scenario("peers/http.server")
def http_server(t):
    """A backend of HTTP/1.0 that closes after each answer; directory listings and files through a sub-path."""
    os.makedirs(os.path.join(t.dir, "files", "sub dir"))
    t.file("files/hello.txt", "hello\n")
    t.file("files/sub dir/\xfc.txt", "umlaut\n")
    data = os.urandom(300000)
    t.file("files/random.bin", data)
    place = t.tcp()
    # it sets SO_REUSEADDR, so that the place may stay held
    t.peer([sys.executable, "-u", "-m", "http.server", "--bind", "127.0.0.1", "--directory", os.path.join(t.dir, "files"), str(place.port)],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    t.until(place.listening, "http.server listens")
    g = t.gateway(f"[site *]\n/files/ = {place.url}/\n")
    url = f"{g.url}/files"
    true(b"hello.txt" in curl(t, f"{url}/"), "listing")
    equal(curl(t, f"{url}/hello.txt"), b"hello\n")
    equal(curl(t, f"{url}/sub%20dir/%C3%BC.txt"), b"umlaut\n")
    equal(curl(t, f"{url}/random.bin"), data)
    equal(curl(t, "-L", url + "/sub%20dir/../hello.txt", "--path-as-is"), b"hello\n")
    true(b"404" in curl(t, "-i", f"{url}/none"), "404")
    c = g.client()
    for _ in range(3):
        check(c.ask(get("/files/hello.txt")), "HTTP/1.1 200 OK\nVia: ~1\\.0 gateway\n!Connection\n\nhello\n")
        check(c.ask(get("/files/hello.txt", method="HEAD")), "HTTP/1.1 200")
    check(c.ask(post(b"x", target="/files/")), "HTTP/1.1 501")


# --- WebSockets ------------------------------------------------------------------------------

def node(t, *args, **how):
    return t.peer([program("node"), os.path.join(HERE, "peer_ws.js"), *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                   env={**os.environ, "NODE_PATH": NODE_PATH, **({"NODE_EXTRA_CA_CERTS": harness.RUN.ca.cert} if harness.RUN else {})}, **how)


def ws_server(t):
    place = t.tcp()
    server = node(t, "serve", str(place.port))
    out = Output(server.stdout)
    out.wait("^ready")
    return place


def talk(t, url, size, count):
    client = node(t, "talk", url, str(size), str(count))
    out = Output(client.stdout)
    t.until(lambda: client.poll() is not None, f"the WebSocket client ends: {out.lines}")
    out.thread.join(5)
    equal(client.returncode, 0, f"exit code of the WebSocket client ({out.lines})")
    equal(out.lines, [f"closed 1000 over after {count}"])


@scenario("peers/websocket", slow=True)
def websocket(t):
    """A Node WebSocket server (npm ws) and client: compressed, text and binary, small and large, an orderly end."""
    place = ws_server(t)
    g = t.gateway(f"[site *]\n/ = reply:404\n/ws/ = {place.url}/\n")
    url = f"{g.url.replace('http', 'ws')}/ws/"
    talk(t, url, 5, 100)
    talk(t, url, 70000 if not t.tiny else 3000, 10)
    if not t.tiny:
        talk(t, url, 5 << 20, 2)
    g.logged(r'"GET /ws/ HTTP/1.1" 101 ')


@scenario("peers/websocket-server-speaks-first")
def websocket_first(t):
    place = ws_server(t)
    g = t.gateway(f"[site *]\n/ = {place.url}\n")
    c = g.client()
    c.send(get("/first", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13"))
    check(c.response(), "HTTP/1.1 101\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    c.expect(b"\x81\x0fhello 127.0.0.1")
    # a masked close frame; the server answers it and ends
    c.send(b"\x88\x82\0\0\0\0\x03\xe8")
    c.expect(b"\x88\x02\x03\xe8")
    c.finish()
    c.eof()


@scenario("peers/websocket-bad-version")
def websocket_refused(t):
    """ws refuses a wrong version with 400 or 426: an ordinary answer."""
    place = ws_server(t)
    o = t.origin()
    g = t.gateway(f"[site *]\n/ = {o.url}\n/ws/ = {place.url}/\n")
    c = g.client()
    m = c.ask(get("/ws/", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 99"))
    check(m, "~HTTP/1\\.1 4(00|26) .*")
    if not m.lists("Connection", "close"):
        check(c.ask(get("/after")), "HTTP/1.1 200")


# --- curl -------------------------------------------------------------------------------------

@scenario("peers/curl")
def with_curl(t):
    """What curl does by itself: redirects, parallel requests, ranges of addresses, Unix sockets, PROXY headers."""
    o = t.origin(answers=ok(b"hello\n"))
    unix, proxy, both = t.unix(), t.tcp(), t.both()
    g = t.gateway(f"[site *]\n/ = {o.url}\n/nas/ = {o.url}/\n", listen=[both, unix, (proxy, "proxy")], top="trusted = 127.0.0.1")
    url = f"{wire.SCHEME}://127.0.0.1:{both.port}"
    equal(curl(t, f"{url}/"), b"hello\n")
    equal(curl(t, f"{wire.SCHEME}://[::1]:{both.port}/"), b"hello\n")
    equal(curl(t, "--unix-socket", unix.path, "http://x/"), b"hello\n")
    equal(curl(t, "--haproxy-protocol", f"{proxy.url}/"), b"hello\n")
    equal(curl(t, "-L", f"{url}/nas"), b"hello\n")
    equal(curl(t, "-d", "a=b", f"{url}/post"), b"hello\n")
    curl(t, "-Z", "--parallel-max", "10", *[word for i in range(20) for word in ("-o", f"out{i}", f"{url}/{i}")])
    for i in range(20):
        with open(os.path.join(t.dir, f"out{i}"), "rb") as f:
            equal(f.read(), b"hello\n")
    check(next(m for m in o.requests if m.method == "POST"), "POST /post HTTP/1.1\nContent-Type: application/x-www-form-urlencoded\n\na=b")

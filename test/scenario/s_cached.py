# SPDX-License-Identifier: MIT
"""What a cache in front of gateway may keep of protected places: nothing."""
import os
import subprocess

from harness import scenario
from login import basic, guarded, session
from s_peers import program
from wire import check, equal, get, ok

NGINX = """
daemon off; master_process off; pid {dir}/nginx.pid; error_log {dir}/nginx.err;
events {{ worker_connections 64; }}
http {{
  access_log off; client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2; fastcgi_temp_path {dir}/t3; uwsgi_temp_path {dir}/t4; scgi_temp_path {dir}/t5;
  proxy_cache_path {dir}/cache keys_zone=all:1m;
  server {{
    listen {place};
    location / {{
      proxy_pass http://{gateway}; proxy_http_version 1.1; proxy_set_header Host a.example; proxy_set_header Connection "";
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_cache all; add_header X-Cache $upstream_cache_status;
    }}
  }}
}}
"""

LASTS = ("Cache-Control: public, max-age=600", "X-Accel-Expires: 600", "CDN-Cache-Control: max-age=600", "Surrogate-Control: max-age=600")


def protected(o, header=""):
    return (f"[site a.example]\n{header}/open/ = {o.url}\n/in/ = {o.url} auth=family\n/net/ = {o.url} auth=family open_to=127.0.0.5\n"
            f"/few/ = {o.url} allow=127.0.0.5\n/denied/ = {o.url} deny=127.0.0.6\n")


@scenario("cached/fields")
def fields(t):
    """Answers of routes with auth or allow are private, whoever gets them; others stay as the server has them."""
    o = t.origin(answers=ok(b"x", *LASTS))
    g = guarded(t, protected(o))
    cookie = session(g, target="/in/")
    for target in "/in/", "/net/", "/few/":
        m = g.ask(get(target, cookie), source="127.0.0.5")
        check(m, "HTTP/1.1 200\n!X-Accel-Expires\n!CDN-Cache-Control\n!Surrogate-Control")
        equal(m.all("Cache-Control"), ["public, max-age=600", "private"], target)
    for target in "/open/", "/denied/":
        m = g.ask(get(target))
        check(m, "HTTP/1.1 200\nX-Accel-Expires: 600\nCDN-Cache-Control: max-age=600\nSurrogate-Control: max-age=600")
        equal(m.all("Cache-Control"), ["public, max-age=600"], target)


@scenario("cached/own-word")
def own_word(t):
    """What the configuration says of Cache-Control holds."""
    o = t.origin(answers=ok(b"x", *LASTS))
    g = guarded(t, protected(o, "header = Cache-Control: no-cache\n"))
    m = g.ask(get("/net/"), source="127.0.0.5")
    equal(m.all("Cache-Control"), ["no-cache"])


@scenario("cached/nginx", slow=True, plain="nginx before gateway speaks plain HTTP to it")
def nginx(t):
    """nginx with a cache before gateway: nobody gets from it what gateway would not give."""
    o, place = t.origin(answers=ok(b"inside", *LASTS)), t.tcp()
    g = guarded(t, protected(o), top="trusted = 127.0.0.1")
    conf = t.file("nginx.conf", NGINX.format(dir=t.dir, place=place.text, gateway=g.place.text))
    t.peer([program("nginx", "/usr/sbin/nginx"), "-p", t.dir, "-e", os.path.join(t.dir, "nginx.err"), "-c", conf], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    t.until(place.listening, "nginx listens")

    def ask(target, source, *fields):
        return g.ask(get(target, *fields), place=place, source=source)
    for target, who in ("/in/", (basic(),)), ("/net/", ()), ("/few/", ()):
        check(ask(target, "127.0.0.5", *who), "HTTP/1.1 200\nX-Cache: MISS\n\ninside")
        check(ask(target, "127.0.0.6"), f"HTTP/1.1 {403 if target == '/few/' else 401}")
    check(ask("/open/", "127.0.0.5"), "HTTP/1.1 200\nX-Cache: MISS")
    check(ask("/open/", "127.0.0.6"), "HTTP/1.1 200\nX-Cache: HIT")  # so it does keep what it may

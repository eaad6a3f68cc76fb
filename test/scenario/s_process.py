# SPDX-License-Identifier: MIT
"""Processes: reload, draining, workers that die, log files and their formats."""
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import threading

from harness import Skip, scenario
from login import basic, users
from s_tunnel import echo, tunnel
from wire import Client, Wrong, check, equal, get, http, ok, page_id, true


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


# --- reload --------------------------------------------------------------------------

@scenario("reload/next-request")
def reload_next(t):
    """The new configuration serves the next request, on a new connection."""
    a, b = t.origin(answers=ok(b"a")), t.origin(answers=ok(b"b"))
    g = t.gateway(f"[site *]\n/ = {a.url}\n")
    check(g.ask(), "HTTP/1.1 200 OK\n\na")
    for _ in range(3):
        for o, name in (b, b"b"), (a, b"a"):
            g.reload(f"[site *]\n/ = {o.url}\n")
            for _ in range(5):
                equal(g.ask().body, name)


@scenario("reload/keep-alive-connection")
def reload_keep_alive(t):
    """A request on a connection from before is still answered (the last one says close), or the idle
    connection was closed before it: never an error in between."""
    a, b = t.origin(answers=ok(b"a")), t.origin(answers=ok(b"b"))
    g = t.gateway(f"[site *]\n/ = {a.url}\n")
    c = g.client()
    check(c.ask(get()), "HTTP/1.1 200 OK\n\na")
    g.reload(f"[site *]\n/ = {b.url}\n")
    try:
        # the old worker may not know yet that it is to end; its last answer says close
        while True:
            c.send(get())
            m = c.head()
            if m is None or check(c.body(m, "GET"), "HTTP/1.1 200 OK\n\na").lists("Connection", "close"):
                break
        c.eof()
    except OSError:
        pass
    check(g.ask(), "HTTP/1.1 200 OK\n\nb")


@scenario("reload/download-and-tunnel-go-on")
def reload_running(t):
    go = threading.Event()

    def serve(link):
        m = link.request_head()
        if m.target == "/ws":
            link.send(http("HTTP/1.1 101 Switching Protocols\nConnection: upgrade\nUpgrade: websocket\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\n\n"))
            while link.fill():
                data, link.got = link.got, b""
                link.send(data)
            return
        link.send(http("HTTP/1.1 200 OK\nContent-Length: 200000\n\n") + b"x" * 100000)
        go.wait(60)
        link.send(b"y" * 100000)
    a, b = t.origin(serve), t.origin(answers=ok(b"new"))
    g = t.gateway(f"[site *]\n/ = {a.url}\n")
    ws = tunnel(g)
    ws.send(b"before").expect(b"before")
    down = g.client()
    down.send(get("/download"))
    equal(down.head().get("Content-Length"), "200000")
    equal(down.exactly(100000), b"x" * 100000)
    old = g.processes()
    g.reload(f"[site *]\n/ = {b.url}\n")
    check(g.ask(), "HTTP/1.1 200 OK\n\nnew")
    ws.send(b"after").expect(b"after")
    go.set()
    equal(down.exactly(100000), b"y" * 100000)
    g.reload(f"[site *]\n/ = {b.url}\n")
    ws.send(b"after the second").expect(b"after the second")
    ws.finish()
    ws.eof()
    down.close()
    t.until(lambda: not any(alive(pid) for pid in old), "the old processes end once their last connection has")
    check(g.ask(), "HTTP/1.1 200 OK\n\nnew")


@scenario("reload/upload-goes-on")
def reload_upload(t):
    a = t.origin()
    g = t.gateway(f"[site *]\n/ = {a.url}\n")
    c = g.client()
    c.send(get("/", "Content-Length: 10", method="POST") + b"12345")
    a.wait(1, "links")
    g.reload()
    c.send(b"67890")
    check(c.final("POST"), "HTTP/1.1 200")
    check(a.requests[0], "POST / HTTP/1.1\n\n1234567890")


@scenario("reload/broken")
def reload_broken(t):
    """A broken file is told with its line, and nothing else happens."""
    o = t.origin()
    g = t.gateway(f"[site *]\n/ = {o.url}\n")
    c = g.client()
    check(c.ask(get()), "HTTP/1.1 200")
    before = g.processes()
    mark = g.reload("[site *]\nupstraem = x\n/ = nonsense\n", good=False)
    g.logged(r"upstraem", mark)
    g.logged(r"nonsense", mark)
    g.logged(r"not taken", mark)
    equal(g.processes(), before, "processes")
    check(c.ask(get()), "HTTP/1.1 200 OK\n!Connection")
    check(g.ask(), "HTTP/1.1 200")
    g.reload(f"[site *]\n/ = {o.url}\n")
    check(g.ask(), "HTTP/1.1 200")


@scenario("reload/file-gone")
def reload_gone(t):
    o = t.origin()
    g = t.gateway(f"[site *]\n/ = {o.url}\n")
    mark = g.mark()
    os.unlink(g.file)
    g.signal(signal.SIGHUP)
    g.logged(r"(?i)no such file", mark)
    check(g.ask(), "HTTP/1.1 200")


@scenario("reload/port-that-is-taken")
def reload_taken(t):
    """A new listener that cannot be had: the old configuration goes on."""
    o = t.origin()
    g = t.gateway(f"[site *]\n/ = {o.url}\n")
    before = g.processes()
    mark = g.mark()
    g.write(f"[gateway]\nlisten = {g.place.text}\nlisten = {o.text}\nerror_log = stderr\naccess_log = stderr\n[site *]\n/ = reply:404\n")
    g.signal(signal.SIGHUP)
    g.logged(r"(?i)in use", mark)
    check(g.ask(), "HTTP/1.1 200")
    equal(g.processes(), before, "processes")


@scenario("reload/listeners-come-and-go")
def reload_listeners(t):
    o = t.origin()
    a, b = t.tcp(), t.tcp()
    g = t.gateway(f"[site *]\n/ = {o.url}\n", listen=[a])
    g.places = [(b, "")]
    g.reload(f"[site *]\n/ = {o.url}\n")
    check(g.ask(place=b), "HTTP/1.1 200")
    t.until(lambda: not a.listening(), "the old listener is closed")
    with contextlib.suppress(ConnectionRefusedError):
        a.connect()
        raise Wrong("the old port still answers")


@scenario("reload/drain-timeout")
def reload_drain(t):
    """A tunnel of an old configuration lives for reload_timeout at most."""
    o = t.origin(echo)
    g = t.gateway(f"[site *]\n/ = {o.url}\n", top="reload_timeout = 500ms")
    c, old = tunnel(g), g.processes()
    g.reload()
    c.ends()
    t.until(lambda: not any(alive(pid) for pid in old), "the old processes end")
    c = tunnel(g)
    c.send(b"new").expect(b"new")


@scenario("reload/then-stop")
def reload_stop(t):
    """SIGTERM has its own time for all workers, those of an old configuration too."""
    o = t.origin(echo)
    g = t.gateway(f"[site *]\n/ = {o.url}\n", top="drain_timeout = 500ms\nreload_timeout = 1h")
    old = tunnel(g)
    g.reload(f"[site *]\n/ = {o.url}\n", top="drain_timeout = 500ms\nreload_timeout = 1h")
    young = tunnel(g)
    old.send(b"old").expect(b"old")
    g.signal(signal.SIGTERM)
    old.ends()
    young.ends()
    g.wait(0)


@scenario("reload/again-and-again")
def reload_again(t):
    """Each configuration leaves a tunnel behind: the oldest have to go before there are too many processes."""
    o = t.origin(echo)
    config = f"[site *]\n/ = {o.url}\n"
    g = t.gateway(config, top="reload_timeout = 1h\ndrain_timeout = 1s")
    tunnels = []
    for i in range(10):
        tunnels.append(tunnel(g))
        tunnels[-1].send(b"there").expect(b"there")
        g.reload(config, top="reload_timeout = 1h\ndrain_timeout = 1s")
    tunnels[0].ends()
    t.until(lambda: len(g.processes()) <= 12, f"old processes end: {g.processes()}")
    for c in tunnels[-3:]:
        c.send(b"still").expect(b"still")
    tunnel(g).send(b"new").expect(b"new")


@scenario("reload/overlapping-listener")
def reload_overlap(t):
    """The port is held by gateway's own listener of another form: told so, and nothing changes."""
    both = t.both()
    g = t.gateway("[site *]\n/ = reply:200\n", listen=[both])
    mark = g.mark()
    g.write(f"[gateway]\nlisten = 127.0.0.1:{both.port}\nerror_log = stderr\naccess_log = stderr\n[site *]\n/ = reply:404\n")
    g.signal(signal.SIGHUP)
    g.logged(rf"127\.0\.0\.1:{both.port}.*gateway's own.*restart", mark)
    g.logged("not taken", mark)
    check(g.ask(), "HTTP/1.1 200")
    check(g.ask(address="::1"), "HTTP/1.1 200")


@scenario("reload/under-load", slow=True)
def reload_load(t):
    """Requests without a pause over several reloads: none fails."""
    o = t.origin()
    g = t.gateway(f"[site *]\n/ = {o.url}\n")
    over, wrong, count = threading.Event(), [], [0]

    def work():
        while not over.is_set():
            try:
                check(g.ask(get("/", "Connection: close")), "HTTP/1.1 200")
                count[0] += 1
            except Exception as e:
                wrong.append(e)
                return
    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(5):
        before = count[0]
        g.reload()
        t.until(lambda: count[0] > before + 5 or wrong, "requests go on")
    over.set()
    for thread in threads:
        thread.join()
    true(not wrong, f"a request failed: {wrong[:1]}")


@scenario("reload/more-workers")
def reload_workers(t):
    """More workers after a reload."""
    o = t.origin()
    g = t.gateway(f"[site *]\n/ = {o.url}\n")
    g.workers(1)
    g.reload(f"[site *]\n/ = {o.url}\n", top="workers = 3")
    g.workers(3)
    for _ in range(6):
        check(g.ask(), "HTTP/1.1 200")


# --- the end -----------------------------------------------------------------------------

@scenario("stop/drains")
def stop_drains(t):
    """SIGTERM: no new connections, the running request ends well, idle connections are closed, exit 0."""
    go = threading.Event()

    def serve(link):
        while (m := link.request()) is not None:
            if m.target == "/slow":
                go.wait(60)
            link.send(ok(m.target.encode()))
    o = t.origin(serve)
    g = t.gateway(f"[site *]\n/ = {o.url}\n")
    idle = g.client()
    check(idle.ask(get("/idle")), "HTTP/1.1 200")
    c = g.client()
    c.send(get("/slow"))
    o.wait(2)
    g.signal(signal.SIGTERM)
    t.until(lambda: not g.place.listening(), "the listener is closed")
    idle.eof()
    go.set()
    check(c.final(), "HTTP/1.1 200 OK\nConnection: close\n\n/slow")
    c.eof()
    g.wait(0)


@scenario("stop/half-a-head-is-answered")
def stop_half(t):
    """A request that had begun is answered, by a server or by gateway itself; the connection ends with it."""
    o = t.origin()
    g = t.gateway(f"[site *]\n/ = {o.url}\n/own/ = reply:200 text=own\n")
    clients = {}
    for target in "/", "/own/", "/../x":
        c = clients[target] = g.client()
        check(c.ask(get("/own/")), "HTTP/1.1 200")
        c.send(get(target)[:10])
    # a request that came later has been answered: so the halves before it have arrived
    check(g.ask(get("/own/")), "HTTP/1.1 200")
    g.signal(signal.SIGTERM)
    t.until(lambda: not g.place.listening(), "the listener is closed")
    for (target, c), (status, answer) in zip(clients.items(), [(200, "ok"), (200, "own"), (400, "...")]):
        c.send(get(target)[10:])
        check(c.final(), f"HTTP/1.1 {status}\nConnection: close\n\n{answer}")
        c.eof()
    g.wait(0)


@scenario("stop/drain-timeout")
def drain_timeout(t):
    """What does not end is ended when drain_timeout is over."""
    o, g, _ = t.proxy(echo, top="drain_timeout = 500ms")
    _.close()
    c = tunnel(g)
    g.signal(signal.SIGTERM)
    c.ends()
    g.wait(0)


@scenario("stop/twice")
def stop_twice(t):
    """A second SIGTERM ends at once."""
    o, g, _ = t.proxy(echo)
    _.close()
    c = tunnel(g)
    mark = g.mark()
    g.signal(signal.SIGTERM)
    g.logged(r"(?i)stopping", mark)
    c.send(b"still").expect(b"still")
    g.signal(signal.SIGTERM)
    c.ends()
    g.wait(0)


@scenario("stop/interrupt")
def stop_int(t):
    """SIGINT drains as well: that is what a terminal sends."""
    o, g, c = t.proxy()
    check(c.ask(get()), "HTTP/1.1 200")
    c.close()
    g.signal(signal.SIGINT)
    g.wait(0)


@scenario("stop/unix-socket-removed")
def stop_unix(t):
    place = t.unix()
    o = t.origin()
    g = t.gateway(f"[site *]\n/ = {o.url}\n", listen=[place])
    check(g.ask(), "HTTP/1.1 200")
    g.stop()
    true(not os.path.exists(place.path), "the socket file was left")


@scenario("stop/supervisor-killed")
def supervisor_killed(t):
    """The supervisor dies by force: its workers do not go on alone."""
    o, g, c = t.proxy()
    check(c.ask(get()), "HTTP/1.1 200")
    pids = g.processes()
    g.deaths = True
    g.signal(signal.SIGKILL)
    t.until(lambda: not any(alive(pid) for pid in pids), "all processes end")
    g.process.wait()


# --- workers that die ------------------------------------------------------------------

@scenario("worker/killed-is-replaced")
def killed(t):
    """workers = 2, one is killed: reported with its signal, replaced, the other goes on."""
    o = t.origin()
    g = t.gateway(f"[site *]\n/ = {o.url}\n", top="workers = 2")
    workers = g.workers(2)
    g.deaths, g.before = True, {}
    mark = g.mark()
    os.kill(workers[0], signal.SIGKILL)
    g.logged(rf"(?i)worker {workers[0]} died.*(signal 9|SIGKILL|killed)", mark)
    check(g.ask(), "HTTP/1.1 200")
    g.workers(2)
    true(workers[1] in g.workers(), "the other worker went too")
    for _ in range(10):
        check(g.ask(), "HTTP/1.1 200")


@scenario("worker/tunnel-on-the-other-goes-on")
def other_goes_on(t):
    o, g, _ = t.proxy(echo, top="workers = 2")
    _.close()
    tunnels = [tunnel(g) for _ in range(6)]
    g.deaths, g.before = True, {}
    workers = g.workers(2)
    os.kill(workers[0], signal.SIGKILL)
    t.until(lambda: len(set(g.workers()) - {workers[0]}) == 2, "a new worker")
    for c in tunnels:
        try:
            c.send(b"there?")
            c.expect(b"there?")
        except (Wrong, OSError):
            pass  # this one was on the worker that died
        c.close()
    c = tunnel(g)
    c.send(b"new").expect(b"new")


@scenario("worker/only-one-killed")
def only_one_killed(t):
    o, g, _ = t.proxy()
    _.close()
    (worker,) = g.workers(1)
    g.deaths, g.before = True, {}
    os.kill(worker, signal.SIGABRT)
    # the listening socket is the supervisor's: who comes now waits and is served
    check(g.ask(), "HTTP/1.1 200")
    true(worker not in g.workers(), "it did not die")
    g.logged(rf"(?i)worker {worker} died")


@scenario("worker/offload-killed")
def offload_killed(t):
    """The process that resolves names dies: it is replaced, and names resolve."""
    o = t.origin()
    g = t.gateway(f"[site *]\n/ = {o.url}\n/name/ = http://localhost:{o.place.port}\n")
    check(g.ask(get("/name/")), "HTTP/1.1 200")
    (offload,) = set(g.processes()) - set(g.workers(1))
    g.deaths, g.before = True, {}
    os.kill(offload, signal.SIGKILL)
    t.until(lambda: len(g.processes()) == 2 and offload not in g.processes(), "a new offload process")
    check(g.ask(get("/")), "HTTP/1.1 200")
    check(g.ask(get("/name/")), "HTTP/1.1 200")
    g.reload()
    check(g.ask(get("/name/")), "HTTP/1.1 200")


def titles(g):
    """What ps calls the processes, without those that are no workers or helpers yet, or no more."""
    found = []
    for pid in g.processes():
        with contextlib.suppress(OSError), open(f"/proc/{pid}/comm") as f:
            found.append(f.read().strip())
    return sorted(name for name in found if name.startswith("gateway-"))


@scenario("worker/passwords-killed")
def passwords_killed(t):
    """The process that looks at passwords is there when somebody may log in; killed, it has a successor that answers, and nobody else dies."""
    g = t.gateway("[site a.example]\n/ = reply:200\n", top=f"state = {t.dir}/state")
    usual = ["gateway-offload", "gateway-worker"]
    t.until(lambda: titles(g) == usual, f"the processes are {usual}")
    g.reload(f"{users()}[site a.example]\n/ = reply:200 auth=family\n", top=f"state = {t.dir}/state")
    t.until(lambda: titles(g) == ["gateway-login", *usual], "one more")
    check(g.ask(get("/", basic())), "HTTP/1.1 200")
    processes = {pid: open(f"/proc/{pid}/comm").read().strip() for pid in g.processes()}
    victim = next(pid for pid, name in processes.items() if name == "gateway-login")
    g.deaths, g.before = True, {}
    for _ in range(2):
        mark = g.mark()
        os.kill(victim, signal.SIGKILL)
        g.logged(rf"(?i)password process {victim} died.*(signal 9|killed)", mark)
        new = t.until(lambda: set(g.processes()) - set(processes), "a successor")
        # asked before it begins to read, or after: the pair is the same
        check(g.ask(get("/", basic("bob"))), "HTTP/1.1 200")
        check(g.ask(get("/", basic("bob", f"wrong {victim}"))), "HTTP/1.1 401")
        true(not set(processes) - {victim} - set(g.processes()), "others died too")
        del processes[victim]
        victim = new.pop()
        processes[victim] = "gateway-login"
    g.reload("[site a.example]\n/ = reply:200\n", top=f"state = {t.dir}/state")
    t.until(lambda: titles(g) == usual, "nobody to ask, nobody there")


@scenario("worker/pause-grows")
def pause_grows(t):
    """A worker that dies again and again is started again after longer and longer pauses."""
    o = t.origin()
    g = t.gateway(f"[site *]\n/ = {o.url}\n")
    g.deaths, pauses = True, []
    for _ in range(4):
        (worker,) = g.workers(1)
        g.before, mark = {}, g.mark()
        os.kill(worker, signal.SIGKILL)
        line = g.logged(rf"worker {worker} died", mark)
        pauses.append(int(re.search(r"starts in (\d+) ms", line).group(1)))
        t.until(lambda: g.workers() not in ([], [worker]), "a new worker")
    true(pauses == sorted(pauses) and pauses[0] < pauses[-1], f"pauses: {pauses}")
    check(g.ask(), "HTTP/1.1 200")


@scenario("reload/many-at-once")
def reload_many(t):
    """Signals faster than workers can start: the last configuration counts, nothing is left over."""
    a, b = t.origin(answers=ok(b"a")), t.origin(answers=ok(b"b"))
    g = t.gateway(f"[site *]\n/ = {a.url}\n")
    g.deaths, g.before = True, {}
    for i in range(10):
        g.write(f"[site *]\n/ = {(a, b)[i % 2].url}\n")
        g.signal(signal.SIGHUP)
    g.reload(f"[site *]\n/ = {b.url}\n")
    t.until(lambda: g.ask().body == b"b", "the last configuration counts")
    t.until(lambda: len(g.processes()) == 2, "one worker and one offload process are left")
    for _ in range(5):
        check(g.ask(), "HTTP/1.1 200 OK\n\nb")


@scenario("worker/share-the-listener")
def share_listener(t):
    """workers = 4: all hold the listener, all requests are served."""
    o = t.origin()
    g = t.gateway(f"[site *]\n/ = {o.url}\n", top="workers = 4")
    g.workers(4)
    for _ in range(30):
        check(g.ask(), "HTTP/1.1 200")


# --- logs -----------------------------------------------------------------------------------

def log_lines(t, path, count):
    def enough():
        with contextlib.suppress(OSError), open(path) as f:
            lines = f.read().split("\n")
            return lines[:-1] if len(lines) > count else None
    return t.until(enough, f"{count} lines in {os.path.basename(path)}")


@scenario("log/combined")
def log_combined(t):
    """Combined format, then host, backend, seconds in all, seconds of the backend, request id, reason, the cache."""
    o, g, c = t.proxy()
    o.answers(ok(b"12345"))
    c.ask(get('/x?y="z"', "Referer: http://r/", "User-Agent: test/1.0"))
    g.logged(r'^127\.0\.0\.1 - - \[\d\d/[A-Z][a-z][a-z]/\d{4}:\d\d:\d\d:\d\d \+0000\] "GET /x\?y=\\x22z\\x22 HTTP/1\.1" 200 5 "http://r/" "test/1\.0" '
             rf'a\.example {re.escape(o.text)} \d+\.\d\d\d \d+\.\d\d\d [0-9a-z]+ "-" -$')


@scenario("log/nobody-writes-lines-of-his-own")
def log_injection(t):
    """What a client sends cannot end a line or a quoted value."""
    o, g, c = t.proxy()
    c.ask(get("/", 'User-Agent: x" 200 0 "-" "y\\', "Referer: \xe9\t1"))
    g.logged(r'"\\xe9\\x091" "x\\x22 200 0 \\x22-\\x22 \\x22y\\x5c" ')


@scenario("log/one-line-a-request")
def log_lines_each(t):
    o, g, c = t.proxy()
    c.send(get("/1") + get("/2") + get("/3"))
    for _ in range(3):
        c.final()
    c.send(b"nonsense\r\n\r\n")
    c.ends()
    g.logged(r'" 400 ')
    o.stop()
    g.finish()
    seen = [re.search(r'"(?:GET )?(\S+)(?: HTTP/1.1)?" (\d+)', line).groups() for line in g.err.lines if " - - [" in line]
    equal([s[1] for s in seen], ["200", "200", "200", "400"])
    equal([s[0] for s in seen[:3]], ["/1", "/2", "/3"])


@scenario("log/json")
def log_json(t):
    path = os.path.join(t.dir, "access.json")
    o = t.origin(answers=ok(b"12345"))
    dead = t.dead()
    g = t.gateway(f"[site *]\n/ = {o.url}\n/dead/ = {dead.url}\n", top="log_format = json", logs=f"access_log = {path}\nerror_log = stderr\n")
    g.ask(get('/x?a="b"', "User-Agent: t\xe9st", "Referer: http://r/"))
    m = g.ask(get("/dead/"))
    first, second = [json.loads(line) for line in log_lines(t, path, 2)]
    for key, value in {"client": "127.0.0.1", "method": "GET", "host": "a.example", "target": '/x?a="b"', "status": 200, "bytes": 5, "referer": "http://r/", "server": o.text, "why": ""}.items():
        equal(first[key], value, key)
    true(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", first["time"]), first["time"])
    true(isinstance(first["seconds"], float) and isinstance(first["server_seconds"], float), f"{first}")
    equal((second["status"], second["server"], second["id"], second["server_seconds"]), (502, dead.text, page_id(m), None))
    true("refused" in second["why"].lower(), second["why"])


@scenario("log/off")
def log_off(t):
    o = t.origin()
    g = t.gateway(f"[site *]\n/ = {o.url}\n", logs="access_log = off\nerror_log = stderr\n")
    check(g.ask(), "HTTP/1.1 200")
    o.stop()
    g.finish()
    true(not any('"GET' in line for line in g.err.lines), "it was logged")


@scenario("log/reopen")
def log_reopen(t):
    """SIGUSR1 after the files were renamed: new ones are made, nothing is lost."""
    access, error = os.path.join(t.dir, "access.log"), os.path.join(t.dir, "error.log")
    o = t.origin()
    g = t.gateway(f"[site *]\n/ = {o.url}\n", logs=f"access_log = {access}\nerror_log = {error}\n", ready=False)
    t.until(g.place.listening, "gateway listens")
    g.remember()
    c = g.client()
    c.ask(get("/before"))
    log_lines(t, access, 1)
    os.rename(access, access + ".1")
    os.rename(error, error + ".1")
    g.signal(signal.SIGUSR1)
    t.until(lambda: os.path.exists(access) and os.path.exists(error), "new log files")

    def moved():
        c.ask(get("/after"))
        return os.path.getsize(access)
    t.until(moved, "lines in the new file")
    with open(access + ".1") as f:
        old = f.read()
    with open(access) as f:
        new = f.read()
    equal((old.count("/before"), new.count("/before")), (1, 0))
    # the request during the change may be in either, but each is in one of them
    g.before = {}
    g.stop()
    with open(access + ".1") as f, open(access) as h:
        equal(f.read().count('"GET /after') + h.read().count('"GET /after'), len(o.requests) - 1)


@scenario("log/reopen-of-stderr")
def log_reopen_stderr(t):
    """SIGUSR1 when there is no file to open: logging goes on."""
    o, g, c = t.proxy()
    c.ask(get("/before"))
    g.logged("/before")
    for _ in range(3):
        g.signal(signal.SIGUSR1)
    c.ask(get("/after"))
    g.logged("/after")


@scenario("log/appends")
def log_appends(t):
    """A log file that is there already is continued."""
    access = t.file("access.log", "old line\n")
    o = t.origin()
    g = t.gateway(f"[site *]\n/ = {o.url}\n", logs=f"access_log = {access}\nerror_log = stderr\n")
    g.ask()
    equal(log_lines(t, access, 2)[0], "old line")


@scenario("log/cannot-open")
def log_cannot(t):
    g = t.gateway("[site *]\n/ = reply:200\n", logs=f"access_log = {t.dir}/no/such/file\nerror_log = stderr\n", ready=False)
    g.wait(1)
    g.logged(rf"(?i){t.dir}/no/such/file.*no such file")


@scenario("log/times-of-client-that-left")
def log_left(t):
    """A client that leaves before the answer is logged too."""
    over = threading.Event()

    def serve(link):
        link.request()
        over.wait(30)
    o, g, c = t.proxy(serve)
    c.send(get("/left"))
    o.wait(1)
    c.reset()
    g.logged(r'"GET /left HTTP/1.1" 499 .*"(?i:.*client.*)" -$')
    over.set()


@scenario("log/syslog")
def log_syslog(t):
    """Access and error log as datagrams to /dev/log, with facility and tag."""
    if os.getuid() != 0:
        raise Skip("not root")
    dev = os.path.join(t.dir, "dev")
    os.mkdir(dev)
    os.chmod(dev, 0o755)
    for name, minor in ("null", 3), ("urandom", 9):
        os.mknod(os.path.join(dev, name), 0o666 | 0o020000, os.makedev(1, minor))
    log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    log.settimeout(30)
    log.bind(os.path.join(dev, "log"))
    os.chmod(os.path.join(dev, "log"), 0o666)
    o = t.origin()
    g = t.gateway(f"[site *]\n/ = {o.url}\n", logs="access_log = syslog\nerror_log = syslog\n", around={"/dev": dev}, ready=False)
    seen = []

    def wait(pattern):
        while not any(re.search(pattern, line) for line in seen):
            seen.append(log.recv(8192).decode())
    wait(r"^<\d+>.*gateway.*ready")
    t.until(g.place.listening, "gateway listens")
    check(g.ask(get("/x")), "HTTP/1.1 200")
    wait(r'^<\d+>.*gateway.*"GET /x HTTP/1.1" 200 ')
    g.stop()
    log.close()


@scenario("log/stalled-reader-costs-lines-not-time", plain="about the log")
def log_stalled(t):
    """stderr is a pipe that nobody reads: requests are served all the same."""
    o = t.origin()
    place = t.tcp()
    read, write = os.pipe()
    file = t.file("stalled.ini", f"[gateway]\nlisten = {place.text}\naccess_log = stderr\nerror_log = stderr\n[site *]\n/ = {o.url}\n")
    p = t.spawn([t.binary, "-c", file], stderr=write, stdout=subprocess.DEVNULL)
    os.close(write)
    t.until(place.listening, "gateway listens")
    c = Client(place.connect())
    filler = "x" * 900
    for i in range(200):
        check(c.ask(get(f"/{filler}", f"User-Agent: {filler}"[:300])), "HTTP/1.1 200")
    c.close()
    p.send_signal(signal.SIGTERM)
    t.until(lambda: p.poll() is not None, "gateway ends")
    os.close(read)
    equal(p.returncode, 0)

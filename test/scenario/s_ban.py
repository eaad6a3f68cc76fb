# SPDX-License-Identifier: MIT
"""What bans addresses by our log: the expressions in package/ against lines that gateway wrote.

Needs neither fail2ban nor banIP; where fail2ban is installed it is asked, too.
"""
import os
import re
import shutil
import subprocess

import wire
from harness import scenario
from login import basic, behind, fail
from wire import check, equal, get, true

PACKAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "package")
FILTER = os.path.join(PACKAGE, "fail2ban", "gateway.conf")
LINE = re.compile(r"(\S+Z) gateway\[(\d+)\] warning: ((?:too many )?failed log-ins? from (\S+) as .*)")
VICTIM = "198.51.100.1"  # whom an attacker would like to have banned
CLIENTS = ["203.0.113.7", "2001:db8:1:2::7"]
NAMES = ["alice", "", "bob2", "alice.smith", "al ice", "Zo\xeb"]
# What is to be read as another address: behind quotes and line ends of its own, and in the ways of other lines.
CRAFTED = [VICTIM, f'x" on site y from {VICTIM} as "z', f"alice from {VICTIM}", f"x\\\" on site {VICTIM}", f"failed log-in from {VICTIM} as x on site y",
           f"gateway[1]: failed log-in from {VICTIM} as x on site", "2001_db8_dead_beef.1.2.3.4"]


def parts(name):
    with open(os.path.join(PACKAGE, name), encoding="utf-8") as f:
        return f.read()


def lines_of(t):
    """What gateway logs while these try; (client, name) in the order of the lines, and all lines."""
    o, g = behind(t, top="trusted = 127.0.0.2\nrequests = 60")
    mark = g.mark()
    for name in NAMES + CRAFTED:
        for client in CLIENTS:  # each name is a user of its own, but the network is not: so a new one each time
            address = client[:-1] + str(len(name) % 10) if client != CLIENTS[1] else f"2001:db8:{len(g.err.lines) + 1:x}:2::7"
            check(g.ask(get("/", basic(name, "wrong"), f"X-Forwarded-For: {address}", f"User-Agent: gateway[1]: failed log-in from {VICTIM} as x on site y"), source="127.0.0.2"), "HTTP/1.1 401")
    fail(g, 10, source="127.0.0.9")
    check(g.ask(get("/", basic(password="another")), source="127.0.0.9"), "HTTP/1.1 429")
    g.logged("too many failed log-ins from 127.0.0.9 as", mark)
    lines = g.err.lines[mark:]
    told = [m for m in map(LINE.fullmatch, lines) if m]
    equal(len(told), 2 * len(NAMES + CRAFTED) + 11, "lines about log-ins")
    true(any(VICTIM in l for l in lines if not LINE.fullmatch(l)), "the access log should hold the victim's address, too")
    return told, lines


def forms(line, told):
    """One line as it comes: by standard error or into a file, by syslog, and by standard error through the journal."""
    return [line, f"Nov 23 16:05:37 host gateway[{told[2]}]: {told[3]}", f"Nov 23 16:05:37 host gateway[7]: {line}"]


@scenario("ban/fail2ban", plain="about the log")
def fail2ban(t):
    """The filter finds the client's address in each line about a failed log-in, in each form, and nothing in any other line."""
    told, lines = lines_of(t)
    (pattern,) = re.findall(r"(?m)^failregex = (.*)$", parts("fail2ban/gateway.conf"))
    # fail2ban takes the time off a line first
    stamp = re.compile(r"^(?:\d{4}-\d\d-\d\dT[0-9:]{8}Z|[A-Z][a-z]{2} [ \d]\d [0-9:]{8})")
    failed = re.compile(pattern.replace("<HOST>", "(?P<host>[0-9A-Fa-f:.]+)"))
    wanted, file = [], []
    for line in lines:
        m = LINE.fullmatch(line)
        for form in forms(line, m) if m else [line, f"Nov 23 16:05:37 host gateway[7]: {line}"]:
            found = failed.search(stamp.sub("", form))
            equal(found and found["host"], m and m[4], form)
            wanted += [m[4]] if m else []
            file.append(form)
    if shutil.which("fail2ban-regex"):
        path = t.file("log", "\n".join(file) + "\n")
        p = subprocess.run(["fail2ban-regex", "-o", "ip", path, os.path.abspath(FILTER)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=wire.WAIT)
        equal(p.stdout.decode().split(), wanted, "what fail2ban finds")


# As banIP looks for addresses in a line that matches: the last other one, and of IPv4 before all of IPv6.
IP4 = re.compile(r"(?:[1-9][0-9]{0,2}\.)(?:[0-9]{1,3}\.){2}(?:1?[0-9][0-9]?|2[0-4][0-9]|25[0-5])")
IP6 = re.compile(r"(?:[A-Fa-f0-9]{1,4}::?){3,7}[A-Fa-f0-9]{1,4}")


def taken(line):
    for pattern in IP4, IP6:
        found = list(dict.fromkeys(pattern.findall(line)))
        if found:
            return found[-1]
    return None


@scenario("ban/banip", plain="about the log")
def banip(t):
    """The term finds these lines and no others of the error log, and the address that banIP takes from them is the client's."""
    told, lines = lines_of(t)
    (term,) = re.findall(r"add_list banip\.global\.ban_logterm='([^']*)'", parts("openwrt/banip"))
    true(not re.search(r'["`$\\]', term), "banIP's shell would read that")
    # as logread has them: by syslog, and from standard error by way of procd
    lines = [f"gateway[{m[2]}]: {m[3]}" for m in told] + [f"gateway[7]: {m[0]}" for m in told]
    others = "gateway[7]: 2026-11-23T16:05:37Z gateway[812] notice: server a:1 answers again\ndropbear[9]: Exit before auth from <192.0.2.1:5>"
    p = subprocess.run(["grep", "-e", term], input="\n".join([*lines, others, ""]).encode(), stdout=subprocess.PIPE)
    equal(p.stdout.decode().splitlines(), lines, "lines found")
    for line, m in zip(lines, told + told):
        equal(taken(line), m[4], f"whom banIP would ban: {line}")

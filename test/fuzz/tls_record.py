#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tls_record - how was test/fuzz/corpus/tls made?

    tls_record.py PROGRAM DIRECTORY

PROGRAM is tls.c built with -DRECORD (its head says how). It speaks with openssl's
s_client and s_server, and what they say goes to files in DIRECTORY. To be done again
when tls.c or the order in which tls draws random numbers has changed: old
recordings are not understood to their end any more.
"""
import os
import re
import socket
import subprocess
import sys
import time

CLIENT, RSA, GUESTS, NAMED, DEAF, TALKS, FINISHES = 1, 2, 4, 8, 32, 64, 128

# name, flags, cut, session of, what openssl is told, what it is given to say
CLIENTS = [
    ("client-ec", 0, 0, None, ["-servername", "example.org", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"], "hello\n"),
    ("client-resumed", 0, 0, "client-ec", ["-servername", "example.org", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"], "hello again\n"),
    ("client-resumed-alpn", 0, 0, "client-ec", ["-servername", "example.org", "-alpn", "foo"], "hello\n"),
    ("client-resumed-bytes", 0, 7, "client-ec", ["-servername", "example.org"], "hello\n"),
    ("client-rsa", RSA, 0, None, ["-cipher", "ECDHE-RSA-AES256-GCM-SHA384"], "hello\n"),
    ("client-chacha", NAMED, 3, None, ["-servername", "example.org", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305"], "hello\n" * 40),
    ("client-unknown", NAMED, 0, None, ["-servername", "example.net"], "hello\n"),
    ("client-guest", GUESTS, 0, None, ["-cert", "ec.pem", "-cert_chain", "inter.pem", "-key", "ec.key"], "hello\n"),
    ("client-no-guest", GUESTS, 0, None, [], "hello\n"),
    ("client-short", TALKS, 0, None, ["-maxfraglen", "512"], "hello\n" * 9),
    ("client-renegotiates", 0, 0, None, [], "R\n"),
    ("client-deaf", DEAF | TALKS, 5, None, [], "hello\n"),
    ("client-finished", FINISHES, 0, None, [], "hello\n"),
    ("client-old", 0, 0, None, ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], ""),
    ("client-1.3", 0, 0, None, ["-tls1_3"], ""),
]
SERVERS = [
    ("server-ec", CLIENT, 0, ["-cert", "ec.pem", "-key", "ec.key"]),
    ("server-rsa", CLIENT | TALKS, 0, ["-cert", "rsa.pem", "-key", "rsa.key", "-cipher", "ECDHE-RSA-CHACHA20-POLY1305"]),
    ("server-asks", CLIENT, 9, ["-cert", "ec.pem", "-key", "ec.key", "-verify", "2"]),
    ("server-insists", CLIENT, 0, ["-cert", "ec.pem", "-key", "ec.key", "-Verify", "2"]),
    ("server-finished", CLIENT | FINISHES, 0, ["-cert", "ec.pem", "-key", "ec.key", "-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384"]),
    ("server-1.3", CLIENT, 0, ["-cert", "ec.pem", "-key", "ec.key", "-tls1_3"]),
]


def write_made(directory):
    """Certificates and keys from credential_made.h, as files."""
    here = os.path.dirname(os.path.abspath(__file__))
    text = open(os.path.join(here, "..", "unit", "credential_made.h")).read()
    made = {}
    for name, body in re.findall(r"#define MADE_(\w+) \\\n((?:.*\\\n)*.*\n)", text):
        made[name] = "".join(re.findall(r'"(.*)\\n"', line)[0] + "\n" for line in body.splitlines())
    open(os.path.join(directory, "inter.pem"), "w").write(made["INTER"])
    for kind in ("EC", "RSA"):
        open(os.path.join(directory, kind.lower() + ".pem"), "w").write(made[kind] + made["INTER"])
        open(os.path.join(directory, kind.lower() + ".key"), "w").write(made[kind + "_KEY"])


def record(program, to, flags, cut, session, peer):
    args = [program, str(flags), str(cut), to] + ([session] if session else [])
    return subprocess.Popen(args, stdin=peer, stdout=peer)


def say(process, words):
    time.sleep(0.5)
    try:
        process.stdin.write(words.encode())
        process.stdin.flush()
        time.sleep(0.5)
        process.stdin.close()
    except OSError:
        pass


def record_client(program, directory, name, flags, cut, earlier, args, words):
    listener = socket.create_server(("127.0.0.1", 0))
    command = ["openssl", "s_client", "-connect", "127.0.0.1:%d" % listener.getsockname()[1]]
    command += args if "-tls1_3" in args or "-tls1_1" in args else ["-tls1_2", "-no_ticket"] + args
    if earlier:
        command += ["-sess_in", earlier + ".openssl"]
    else:
        command += ["-sess_out", name + ".openssl"]
    client = subprocess.Popen(command, cwd=directory, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peer = listener.accept()[0]
    session = os.path.join(directory, earlier) if earlier else None
    ours = record(program, os.path.join(directory, name), flags, cut, session, peer)
    peer.close()
    say(client, words)
    client.wait()
    ours.wait()
    listener.close()


def record_server(program, directory, name, flags, cut, args):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = ["openssl", "s_server", "-accept", "127.0.0.1:%d" % port, "-naccept", "1"] + args
    command += [] if "-tls1_3" in args else ["-tls1_2"]
    server = subprocess.Popen(command, cwd=directory, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(0.5)
    peer = socket.create_connection(("127.0.0.1", port))
    ours = record(program, os.path.join(directory, name), flags, cut, None, peer)
    peer.close()
    say(server, "welcome\nQ\n")
    ours.wait()
    server.wait()


def main():
    program, directory = os.path.abspath(sys.argv[1]), sys.argv[2]
    os.makedirs(directory, exist_ok=True)
    write_made(directory)
    for name, flags, cut, earlier, args, words in CLIENTS:
        record_client(program, directory, name, flags, cut, earlier, args, words)
    for name, flags, cut, args in SERVERS:
        record_server(program, directory, name, flags, cut, args)
    for name in os.listdir(directory):
        if name.endswith((".pem", ".key", ".session", ".openssl")):
            os.remove(os.path.join(directory, name))


if __name__ == "__main__":
    main()

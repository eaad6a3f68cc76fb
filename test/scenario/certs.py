# SPDX-License-Identifier: MIT
"""certs - which certificates do scenarios need? openssl makes them."""
import datetime
import os
import subprocess

KEYS = {
    "p256": ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "p384": ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
    "p521": ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"],
    "rsa": ["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
    "rsa1024": ["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"],
    "secp256k1": ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"],
    "ed25519": ["genpkey", "-algorithm", "ED25519"],
}


class Refused(Exception):
    """openssl did not do it."""


def openssl(*args, input=None):
    p = subprocess.run(["openssl", *args], stdin=None if input is not None else subprocess.DEVNULL, input=input, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if p.returncode:
        raise Refused(f"openssl {' '.join(args)}: {p.stderr.decode()}")
    return p.stdout


def moment(days):
    return (datetime.datetime.utcnow() + datetime.timedelta(days=days)).strftime("%Y%m%d%H%M%SZ")


def names(hosts):
    """subjectAltName of hosts and addresses."""
    return ",".join(("IP:" if h.replace(".", "").isdigit() or ":" in h else "DNS:") + h for h in hosts)


def read(path):
    with open(path, "rb") as f:
        return f.read()


class Cert:
    """A certificate in PEM and its key, in files; issuer: the Cert that signed it, None: itself."""

    def __init__(self, base, issuer):
        self.base, self.issuer = base, issuer
        self.cert, self.key, self.both = base + ".pem", base + ".key", base + ".both.pem"

    @property
    def pem(self):
        return read(self.cert)

    @property
    def key_pem(self):
        return read(self.key)

    @property
    def fingerprint(self):
        """SHA-256 in hexadecimal, without colons, in lower case."""
        return openssl("x509", "-in", self.cert, "-noout", "-fingerprint", "-sha256").decode().partition("=")[2].strip().replace(":", "").lower()

    @property
    def pin(self):
        """SHA-256 of the public key (SubjectPublicKeyInfo)."""
        spki = openssl("pkey", "-pubin", "-outform", "DER", input=openssl("x509", "-in", self.cert, "-noout", "-pubkey"))
        return openssl("dgst", "-sha256", "-r", input=spki).split()[0].decode()


class Maker:
    """Makes certificates in a directory."""

    def __init__(self, directory):
        self.dir, self.count = directory, 0

    def key(self, kind, path):
        openssl(*KEYS[kind], "-out", path)

    def cert(self, subject, hosts=(), *, issuer=None, key="p256", ca=False, since=-1, days=90, usage=None, key_file=None, extra=()):
        """Signed by issuer, or by itself. since, days: when it begins and ends, from now. key: a kind;
        key_file: a key that there is."""
        self.count += 1
        c = Cert(os.path.join(self.dir, f"c{self.count}"), issuer)
        if key_file:
            with open(c.key, "wb") as f:
                f.write(read(key_file))
        else:
            self.key(key, c.key)
        subject = subject if subject.startswith("/") or not subject else "/CN=" + subject
        lines = ["[ca]", "default_ca = d", "[d]", f"database = {c.base}.db", f"new_certs_dir = {self.dir}", "default_md = sha256", "policy = p", "unique_subject = no",
                 "email_in_dn = no", "rand_serial = yes", "[p]", *(f"{n} = optional" for n in ("countryName", "organizationName", "organizationalUnitName", "commonName", "emailAddress")), "[x]",
                 f"basicConstraints = critical,CA:{'TRUE' if ca else 'FALSE'}"]
        if ca:
            lines.append("keyUsage = critical,keyCertSign,cRLSign")
        elif usage:
            lines.append("extendedKeyUsage = " + usage)
        if hosts:
            lines.append("subjectAltName = " + names(hosts))
        with open(c.base + ".cnf", "w") as f:
            f.write("\n".join([*lines, *extra, "[req]", "distinguished_name = n", "[n]"]) + "\n")
        open(c.base + ".db", "w").close()
        openssl("req", "-new", "-utf8", "-config", c.base + ".cnf", "-key", c.key, "-subj", subject or "/", "-out", c.base + ".csr")
        by = ["-selfsign", "-keyfile", c.key] if issuer is None else ["-cert", issuer.cert, "-keyfile", issuer.key]
        openssl("ca", "-batch", "-notext", "-utf8", "-config", c.base + ".cnf", "-extensions", "x", "-startdate", moment(since), "-enddate", moment(days), *by, "-in", c.base + ".csr", "-out", c.cert)
        with open(c.both, "wb") as f:
            f.write(c.pem + c.key_pem)
        os.chmod(c.key, 0o644)  # for those who run as nobody
        return c


# Every name and address that scenarios ask for or put servers under.
EVERYWHERE = ["a", "a.example", "b.example", "c.example", "localhost", "*.example", "*.example.org", "*.wild.example.org", "*.b.wild.example.org", "*.test", "*.example.com",
              "127.0.0.1", "::1", *(f"127.0.0.{i}" for i in range(2, 10))]


class Shop:
    """The certificates that many scenarios use, made once."""

    def __init__(self, directory, full):
        make = Maker(directory)
        self.maker = None  # of a scenario's own; in its directory
        self.ca = make.cert("Test CA", ca=True)
        self.server = make.cert("a.example", EVERYWHERE, issuer=self.ca)  # what a run over TLS shows everywhere
        if not full:
            return
        self.other_ca = make.cert("Other CA", ca=True)
        self.a, self.b, self.c = (make.cert(h, [h], issuer=self.ca) for h in ("a.example", "b.example", "c.example"))
        self.rsa = make.cert("a.example", ["a.example"], issuer=self.ca, key="rsa")
        self.p384 = make.cert("a.example", ["a.example"], issuer=self.ca, key="p384")
        self.wild = make.cert("*.wild.example", ["*.wild.example"], issuer=self.ca)
        self.star = make.cert("star.example", ["star.example"], issuer=self.ca)
        self.expired = make.cert("localhost", EVERYWHERE, issuer=self.ca, since=-20, days=-3)
        self.future = make.cert("localhost", EVERYWHERE, issuer=self.ca, since=5, days=20)
        self.alone = make.cert("localhost", EVERYWHERE)  # signed by itself
        self.elsewhere = make.cert("elsewhere.example", ["elsewhere.example", "127.0.0.77"], issuer=self.ca)
        self.alice = make.cert("/O=Example/CN=alice", issuer=self.ca, usage="clientAuth")
        self.alice_rsa = make.cert("/O=Example/CN=alice rsa", issuer=self.ca, usage="clientAuth", key="rsa")
        self.old_alice = make.cert("/O=Example/CN=alice", issuer=self.ca, usage="clientAuth", since=-20, days=-3)
        self.mallory = make.cert("/O=Example/CN=alice", issuer=self.other_ca, usage="clientAuth")

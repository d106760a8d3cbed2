# SPDX-License-Identifier: BSD-3-Clause
"""The conversations of the differential test. A case is a function of a Run; what it sends may depend on
what came out. Each has ports of its own, so that none knows the others' flows.

Hosts: A, A2 inside, R, R2 far outside, P the address that A is seen by, D the one that is translated to
an inside server S, B the same with SNAT.
"""
from scapy.all import (GRE, ICMP, IP, TCP, UDP, ICMPv6DestUnreach, ICMPv6EchoReply, ICMPv6EchoRequest,
                       ICMPv6PacketTooBig, ICMPv6ParamProblem, ICMPv6TimeExceeded, IPOption, IPv6,
                       IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, PadN, Raw, SCTP, SCTPChunkInit, fragment, fragment6)

A, A2, R, R2, P = "10.1.0.7", "10.1.0.8", "203.0.113.5", "203.0.113.6", "198.51.100.4"
D, B, S, S2, INNER = "198.51.100.5", "198.51.100.6", "10.1.0.10", "10.1.0.11", "198.51.100.50"
A6, R6, P6 = "2001:db8:1::7", "2001:db8:99::5", "2001:db8:64::4"
D6, S6 = "2001:db8:64::5", "2001:db8:1::10"
ROUTER, INROUTER, ROUTER6, INROUTER6 = "192.0.2.77", "10.1.99.1", "2001:db8:77::1", "2001:db8:1:99::1"
DATA = Raw(b"differential" * 3)
CASES = {}


def case(*params):
    """Registers a case, once for each parameter."""
    def add(fn):
        name = fn.__name__.replace("_", "-")
        if not params:
            CASES[name] = (fn, ())
        for p in params:
            CASES["%s-%s" % (name, p)] = (fn, (p,))
        return fn
    return add


class Run:
    """One case at one translator. steps: what was sent from where, and what came out."""

    def __init__(self, twin, number):
        self.twin, self.port, self.steps = twin, 2000 + number * 8, []

    def send(self, side, *packets):
        out = self.twin.exchange(side, [p if isinstance(p, bytes) else bytes(p) for p in packets])
        self.steps.append(out)
        return out

    def wait(self, seconds):
        """What comes by itself."""
        self.steps.append(self.twin.collect(timeout=seconds))

    def out(self, *packets):
        """From inside."""
        return self.send("in", *packets)

    def back(self, *packets):
        return self.send("out", *packets)


def ip(src, dst, **kw):
    return IPv6(src=src, dst=dst, **kw) if ":" in src else IP(**{"src": src, "dst": dst, "id": 4711, **kw})


def ends(family):
    return (A, R, P) if family == 4 else (A6, R6, P6)


# Flows that are as they should be ---------------------------------------------------------------
@case(4, 6)
def udp(x, f):
    a, r, p = ends(f)
    for _ in range(2):
        x.out(ip(a, r) / UDP(sport=x.port, dport=5300) / DATA)
        x.back(ip(r, p) / UDP(sport=5300, dport=x.port) / DATA)
    x.back(ip(r, p) / UDP(sport=54, dport=x.port) / DATA)
    x.out(ip(a, r) / UDP(sport=x.port, dport=5300))


@case()
def udp_without_checksum(x):
    x.out(ip(A, R) / UDP(sport=x.port, dport=5300, chksum=0) / DATA)
    x.back(ip(R, P) / UDP(sport=5300, dport=x.port, chksum=0) / DATA)


@case(4, 6)
def udp_checksum_of_zero(x, f):
    """One that would be computed as 0 behind the translation is sent as 0xffff."""
    a, r, p = ends(f)
    probe = bytes(ip(p, r) / UDP(sport=x.port, dport=5300) / Raw(b"\0\0"))
    word = int.from_bytes(probe[-4:-2], "big")
    x.out(ip(a, r) / UDP(sport=x.port, dport=5300) / Raw(word.to_bytes(2, "big")))


@case(4, 6)
def fields_kept(x, f):
    a, r, p = ends(f)
    kw = {"tos": 0x2b, "flags": "DF", "ttl": 33} if f == 4 else {"tc": 0x2b, "fl": 0x12345, "hlim": 33}
    x.out(ip(a, r, **kw) / UDP(sport=x.port, dport=5300) / DATA)
    x.back(ip(r, p, **kw) / UDP(sport=5300, dport=x.port) / DATA)


def tcp(flags, seq=0, ack=0, **kw):
    return TCP(flags=flags, seq=seq, ack=ack, **kw)


def connect(x, a, r, p, sport, dport=80):
    x.out(ip(a, r) / tcp("S", 100, sport=sport, dport=dport, options=[("MSS", 1400), ("WScale", 3), ("SAckOK", b"")]))
    x.back(ip(r, p) / tcp("SA", 500, 101, sport=dport, dport=sport, options=[("MSS", 1460)]))
    x.out(ip(a, r) / tcp("A", 101, 501, sport=sport, dport=dport))


@case(4, 6)
def tcp_life(x, f):
    a, r, p = ends(f)
    connect(x, a, r, p, x.port)
    x.out(ip(a, r) / tcp("PA", 101, 501, sport=x.port, dport=80) / DATA)
    x.back(ip(r, p) / tcp("A", 501, 137, sport=80, dport=x.port))
    x.back(ip(r, p) / tcp("FA", 501, 137, sport=80, dport=x.port))
    x.out(ip(a, r) / tcp("A", 137, 502, sport=x.port, dport=80))
    x.out(ip(a, r) / tcp("PA", 137, 502, sport=x.port, dport=80) / DATA)
    x.out(ip(a, r) / tcp("FA", 173, 502, sport=x.port, dport=80))
    x.back(ip(r, p) / tcp("A", 502, 174, sport=80, dport=x.port))


@case(4, 6)
def tcp_reset(x, f):
    a, r, p = ends(f)
    connect(x, a, r, p, x.port)
    x.back(ip(r, p) / tcp("RA", 501, 101, sport=80, dport=x.port))
    x.out(ip(a, r) / tcp("S", 9000, sport=x.port + 1, dport=80))
    x.back(ip(r, p) / tcp("RA", 0, 9001, sport=80, dport=x.port + 1))


@case("reset", "fin")
def tcp_again(x, which):
    """A new connection between the same ends, soon after."""
    connect(x, A, R, P, x.port)
    if which == "reset":
        x.out(ip(A, R) / tcp("RA", 101, 501, sport=x.port, dport=80))
    else:
        x.out(ip(A, R) / tcp("FA", 101, 501, sport=x.port, dport=80))
        x.back(ip(R, P) / tcp("FA", 501, 102, sport=80, dport=x.port))
        x.out(ip(A, R) / tcp("A", 102, 502, sport=x.port, dport=80))
    x.out(ip(A, R) / tcp("S", 100000, sport=x.port, dport=80))
    x.back(ip(R, P) / tcp("SA", 900000, 100001, sport=80, dport=x.port))
    x.out(ip(A, R) / tcp("A", 100001, 900001, sport=x.port, dport=80))


@case()
def tcp_out_of_window(x):
    connect(x, A, R, P, x.port)
    x.back(ip(R, P) / tcp("A", 3000000, 101, sport=80, dport=x.port) / DATA)
    x.out(ip(A, R) / tcp("A", 101, 3000000, sport=x.port, dport=80))


@case()
def tcp_syn_twice(x):
    for _ in range(2):
        x.out(ip(A, R) / tcp("S", 100, sport=x.port, dport=80))
    for _ in range(2):
        x.back(ip(R, P) / tcp("SA", 7, 101, sport=80, dport=x.port))


@case()
def tcp_simultaneous_open(x):
    x.out(ip(A, R) / tcp("S", 100, sport=x.port, dport=80))
    x.back(ip(R, P) / tcp("S", 700, sport=80, dport=x.port))
    x.out(ip(A, R) / tcp("SA", 100, 701, sport=x.port, dport=80))
    x.back(ip(R, P) / tcp("SA", 700, 101, sport=80, dport=x.port))
    x.out(ip(A, R) / tcp("A", 101, 701, sport=x.port, dport=80))


@case(4, 6)
def echo(x, f):
    a, r, p = ends(f)
    for seq in range(2):
        if f == 4:
            x.out(ip(a, r) / ICMP(id=x.port, seq=seq) / DATA)
            x.back(ip(r, p) / ICMP(type=0, id=x.port, seq=seq) / DATA)
        else:
            x.out(ip(a, r) / ICMPv6EchoRequest(id=x.port, seq=seq, data=b"abc"))
            x.back(ip(r, p) / ICMPv6EchoReply(id=x.port, seq=seq, data=b"abc"))
    if f == 4:
        x.back(ip(r, p) / ICMP(type=0, id=x.port + 1) / DATA)


@case()
def timestamp(x):
    x.out(ip(A, R) / ICMP(type=13, id=x.port, ts_ori=1))
    x.back(ip(R, P) / ICMP(type=14, id=x.port, ts_ori=1, ts_rx=2))


@case()
def exempt(x):
    x.out(ip(A, "10.2.0.5") / UDP(sport=x.port, dport=5300) / DATA)
    x.back(ip("10.2.0.5", A) / UDP(sport=5300, dport=x.port) / DATA)


@case()
def dnat(x):
    x.back(ip(R, D) / tcp("S", 1, sport=x.port, dport=80))
    x.out(ip(S, R) / tcp("SA", 9, 2, sport=8080, dport=x.port))
    x.back(ip(R, D) / tcp("A", 2, 10, sport=x.port, dport=80))


@case(4, 6)
def dnat_udp(x, f):
    r, d, s = (R, D, S) if f == 4 else (R6, D6, S6)
    x.back(ip(r, d) / UDP(sport=x.port, dport=5300) / DATA)
    x.out(ip(s, r) / UDP(sport=5399, dport=x.port) / DATA)


@case()
def dnat_with_snat(x):
    x.back(ip(R, B) / tcp("S", 1, sport=x.port, dport=80))
    x.out(ip(S2, INNER) / tcp("SA", 9, 2, sport=80, dport=x.port))
    x.back(ip(R, B) / tcp("A", 2, 10, sport=x.port, dport=80))


@case()
def hairpin(x):
    x.out(ip(A, D) / tcp("S", 1, sport=x.port, dport=80))
    x.out(ip(S, P) / tcp("SA", 9, 2, sport=8080, dport=x.port))
    x.out(ip(A, D) / tcp("A", 2, 10, sport=x.port, dport=80))


@case("tcp", "udp", "icmp")
def same_port_twice(x, which):
    """Two hosts behind one address: the second gets another port or identifier."""
    proto = {"tcp": tcp("S", 100, sport=x.port, dport=80), "udp": UDP(sport=x.port, dport=5300) / DATA,
             "icmp": ICMP(id=x.port) / DATA}[which]
    for host in (A, A2):
        sent = IP(x.out(ip(host, R) / proto)[0][1])
        if which == "icmp":
            x.back(ip(R, P) / ICMP(type=0, id=sent[ICMP].id) / DATA)
        else:
            x.back(ip(R, P) / (tcp("SA", 5, 101, sport=80, dport=sent.sport) if which == "tcp" else
                               UDP(sport=5300, dport=sent.sport) / DATA))


@case(4, 6)
def too_long(x, f):
    """For the outside's MTU of 1400: an error with it where nobody may cut it up, else fragments."""
    a, r, p = ends(f)
    flags = {"flags": "DF"} if f == 4 else {}
    x.out(ip(a, r, **flags) / UDP(sport=x.port, dport=5300) / Raw(bytes(1400)))
    x.out(ip(a, r) / UDP(sport=x.port, dport=5300) / Raw(bytes(1300)))
    if f == 4:
        x.out(ip(a, r) / UDP(sport=x.port, dport=5300) / Raw(bytes(1400)))


@case("gre", "esp", "udplite", "sctp")
def other_protocol(x, which):
    number = {"gre": 47, "esp": 50, "udplite": 136, "sctp": 132}[which]
    body = GRE(key_present=1, key=7, proto=0x800) / DATA if which == "gre" else Raw(bytes(range(40)))
    r = "203.0.113.%d" % number  # such flows are pairs of addresses
    if which == "udplite":
        body = UDP(sport=x.port, dport=5300, len=0) / DATA
    if which == "sctp":
        body = SCTP(sport=x.port, dport=5300) / SCTPChunkInit(init_tag=1, n_out_streams=1, n_in_streams=1,
                                                              a_rwnd=1500)
    x.out(ip(A, r, proto=number) / body)
    if which != "gre":
        return
    x.back(ip(r, P, proto=number) / body)


# ICMP errors ------------------------------------------------------------------------------------
TYPES4 = {"net": (3, 0), "host": (3, 1), "port": (3, 3), "mtu": (3, 4), "admin": (3, 13), "quench": (4, 0),
          "redirect": (5, 1), "ttl": (11, 0), "reassembly": (11, 1), "parameter": (12, 0)}


def error4(src, dst, kind, about, **kw):
    t, c = TYPES4[kind]
    extra = {"nexthopmtu": 1300} if kind == "mtu" else {"gw": "10.9.9.9"} if kind == "redirect" else {}
    return ip(src, dst) / ICMP(type=t, code=c, **extra, **kw) / about


def about(data, length):
    """The first bytes of a packet's IP header and what follows it."""
    return Raw(bytes(data)[:length])


def translated(out, default):
    return out[0][1] if out else bytes(default)


@case(*TYPES4)
def error_from_outside(x, kind):
    """About what A sent: from a router and from R; little and much of the packet inside."""
    for proto in (UDP(sport=x.port, dport=5300), tcp("S", 5, sport=x.port, dport=80), ICMP(id=x.port)):
        sent = translated(x.out(ip(A, R) / proto / DATA), ip(P, R) / proto / DATA)
        for src, length in ((ROUTER, 28), (R, 64)):
            x.back(error4(src, P, kind, about(sent, length)))


@case(*TYPES4)
def error_from_inside(x, kind):
    """About what R sent to A, and to the server behind D: from a router and from the host itself."""
    x.out(ip(A, R) / UDP(sport=x.port, dport=5300) / DATA)
    sent = translated(x.back(ip(R, P) / UDP(sport=5300, dport=x.port) / DATA), ip(R, A) / UDP() / DATA)
    for src, length in ((INROUTER, 28), (A, 64)):
        x.out(error4(src, R, kind, about(sent, length)))
    sent = translated(x.back(ip(R, D) / UDP(sport=x.port, dport=5300) / DATA), ip(R, S) / UDP() / DATA)
    for src, length in ((INROUTER, 28), (S, 64)):
        x.out(error4(src, R, kind, about(sent, length)))


@case("both", "hairpin")
def error_about(x, which):
    """Where both ends change."""
    if which == "both":
        sent = translated(x.back(ip(R, B) / tcp("S", 1, sport=x.port, dport=80)), ip(INNER, S2) / TCP())
        x.out(error4(INROUTER, INNER, "host", about(sent, 28)))
        x.out(error4(S2, INNER, "port", about(sent, 28)))
    else:
        sent = translated(x.out(ip(A, D) / UDP(sport=x.port, dport=5300) / DATA), ip(P, S) / UDP())
        x.out(error4(INROUTER, P, "host", about(sent, 28)))
        x.out(error4(S, P, "port", about(sent, 28)))


ERRORS6 = {"unreachable": ICMPv6DestUnreach(code=4), "too-big": ICMPv6PacketTooBig(mtu=1300),
           "ttl": ICMPv6TimeExceeded(), "parameter": ICMPv6ParamProblem(code=1, ptr=6)}


@case(*ERRORS6)
def error6(x, kind):
    for proto in (UDP(sport=x.port, dport=5300) / DATA, tcp("S", 5, sport=x.port, dport=80),
                  ICMPv6EchoRequest(id=x.port, data=b"abc")):
        sent = translated(x.out(ip(A6, R6) / proto), ip(P6, R6) / proto)
        for src, length in ((ROUTER6, 48), (R6, 100)):
            x.back(ip(src, P6) / ERRORS6[kind] / about(sent, length))
    sent = translated(x.back(ip(R6, D6) / UDP(sport=x.port, dport=5300) / DATA), ip(R6, S6) / UDP())
    for src in (INROUTER6, S6):
        x.out(ip(src, R6) / ERRORS6[kind] / about(sent, 88))


@case("outer", "inner-udp", "elsewhere", "unknown", "short", "extension-header")
def error6_odd(x, what):
    p = ip(A6, R6) / UDP(sport=x.port, dport=5300) / DATA
    sent = translated(x.out(p), ip(P6, R6) / UDP() / DATA)
    error = ICMPv6DestUnreach(code=4)
    if what == "outer":
        x.back(ip(R6, P6) / ICMPv6DestUnreach(code=4, cksum=0xdead) / about(sent, 84))
    elif what == "inner-udp":
        x.back(ip(R6, P6) / error / about(sent[:46] + b"\xde\xad" + sent[48:], 84))
    elif what == "elsewhere":
        x.back(ip(R6, "2001:db8:1::8") / error / about(sent, 84))
    elif what == "unknown":
        x.back(ip(R6, P6) / error / about(ip(P6, R6) / UDP(sport=1, dport=2) / DATA, 84))
    elif what == "short":
        for length in (0, 8, 39, 40, 44, 47):
            x.back(ip(R6, P6) / error / about(sent, length))
    else:
        ext = IPv6ExtHdrDestOpt(nh=17, options=[PadN(optdata=bytes(4))])
        inner = IPv6(sent)
        inner.nh, inner.plen = 60, inner.plen + 8
        x.back(ip(ROUTER6, P6) / error / Raw(bytes(inner)[:40] + bytes(ext) + bytes(sent)[40:]))


@case("outer", "inner-ip", "inner-udp", "elsewhere", "unknown", "short", "options", "extension")
def error_odd(x, what):
    sent = translated(x.out(ip(A, R) / UDP(sport=x.port, dport=5300) / DATA), ip(P, R) / UDP() / DATA)
    if what == "outer":
        x.back(error4(R, P, "port", about(sent, 64), chksum=0xdead))
    elif what == "inner-ip":
        x.back(error4(R, P, "port", about(sent[:10] + b"\xde\xad" + sent[12:], 64)))
    elif what == "inner-udp":
        x.back(error4(R, P, "port", about(sent[:26] + b"\xde\xad" + sent[28:], 64)))
    elif what == "elsewhere":
        x.back(error4(R, A2, "port", about(sent, 64)))
    elif what == "unknown":
        x.back(error4(R, P, "port", ip(P, R) / UDP(sport=1, dport=2) / DATA))
    elif what == "short":
        for length in (0, 4, 19, 20, 24, 27):
            x.back(error4(R, P, "port", about(sent, length)))
    elif what == "options":
        p = IP(sent)
        p.options, p.ihl, p.len, p.chksum = [IPOption(b"\x01\x01\x01\x00")], None, None, None
        x.back(error4(R, P, "port", about(bytes(p), 68)))
    elif what == "extension":
        padded = bytes(sent) + bytes(128 - len(sent)) + bytes.fromhex("2000dfff0008010100010111")
        x.back(error4(ROUTER, P, "ttl", Raw(padded), length=32))


# Fragments --------------------------------------------------------------------------------------
@case("in-order", "reversed", "only-later")
def fragments(x, order):
    f = fragment(ip(A, R, id=x.port) / UDP(sport=x.port, dport=5300) / Raw(bytes(range(256)) * 4), 400)
    if order == "only-later":
        x.out(*f[1:])
        return
    x.out(*(f if order == "in-order" else f[::-1]))
    f = fragment(ip(R, P, id=x.port) / UDP(sport=5300, dport=x.port) / Raw(bytes(range(256)) * 4), 400)
    x.back(*(f if order == "in-order" else f[::-1]))


@case("in-order", "reversed", "only-later")
def fragments6(x, order):
    def pieces(p, ident):
        f = fragment6(p.copy(), 600)
        for piece in f:
            piece[IPv6ExtHdrFragment].id = ident
        return f[1:] if order == "only-later" else f if order == "in-order" else f[::-1]
    body, ext = Raw(bytes(range(256)) * 6), IPv6ExtHdrFragment()
    x.out(*pieces(ip(A6, R6) / ext / UDP(sport=x.port, dport=5300) / body, x.port))
    if order != "only-later":
        x.back(*pieces(ip(R6, P6) / ext / UDP(sport=5300, dport=x.port) / body, x.port))


@case()
def echo_in_fragments(x):
    f = fragment(ip(A, R, id=x.port) / ICMP(id=x.port) / Raw(bytes(1000)), 400)
    x.out(*f)
    x.back(*fragment(ip(R, P, id=x.port) / ICMP(type=0, id=x.port) / Raw(bytes(1000)), 400))


@case()
def fragments_one_by_one(x):
    for f in fragment(ip(A, R, id=x.port) / UDP(sport=x.port, dport=5300) / Raw(bytes(range(256)) * 4), 400):
        x.out(f)


@case()
def fragments_overlap(x):
    f = fragment(ip(A, R, id=x.port) / UDP(sport=x.port, dport=5300) / Raw(bytes(range(256)) * 4), 400)
    f[1].frag -= 1
    x.out(*f)


# What is not as it should be --------------------------------------------------------------------
@case("null", "syn-fin", "syn-rst", "xmas", "ack", "rst", "fin-ack")
def tcp_flags(x, which):
    """Amid a connection, and where there is none."""
    flags = {"null": "", "syn-fin": "SF", "syn-rst": "SR", "xmas": "FPU", "ack": "A", "rst": "R", "fin-ack": "FA"}[which]
    connect(x, A, R, P, x.port)
    x.out(ip(A, R) / tcp(flags, 101, 501, sport=x.port, dport=80))
    x.out(ip(A, R) / tcp(flags, 101, 501, sport=x.port + 1, dport=80))
    x.back(ip(R, P) / tcp(flags, 501, 101, sport=80, dport=x.port + 2))


@case("tcp", "udp", "icmp", "ip")
def bad_checksum(x, which):
    proto = {"tcp": tcp("S", 1, sport=x.port, dport=80, chksum=0xdead), "ip": UDP(sport=x.port, dport=5300),
             "udp": UDP(sport=x.port, dport=5300, chksum=0xdead), "icmp": ICMP(id=x.port, chksum=0xdead)}[which]
    x.out(ip(A, R, **({"chksum": 0xdead} if which == "ip" else {})) / proto / DATA)


@case()
def unsolicited(x):
    x.back(ip(R, P) / UDP(sport=5300, dport=x.port) / DATA)
    x.back(ip(R, P) / ICMP(id=x.port))
    x.back(ip(R, D) / UDP(sport=5300, dport=x.port) / DATA)


@case()
def unsolicited_syn(x):
    """RFC 5382 REQ-4: silence for six seconds; nothing then where the inside opened meanwhile."""
    x.back(ip(R, P) / tcp("S", 7, sport=80, dport=x.port), ip(R, P) / tcp("S", 7, sport=80, dport=x.port + 1))
    x.out(ip(A, R) / tcp("S", 100, sport=x.port + 1, dport=80))
    x.wait(7)


@case(4, 6)
def ttl(x, f):
    a, r, p = ends(f)
    hops = "ttl" if f == 4 else "hlim"
    for n in (2, 1, 0):
        x.out(ip(a, r, **{hops: n}) / UDP(sport=x.port, dport=5300) / DATA)
    x.out(ip(a, r) / UDP(sport=x.port, dport=5300) / DATA)
    for n in (2, 1):
        x.back(ip(r, p, **{hops: n}) / UDP(sport=5300, dport=x.port) / DATA)


@case()
def ttl_behind_dnat(x):
    x.back(ip(R, D, ttl=1) / UDP(sport=x.port, dport=5300) / DATA)


@case("nop", "record-route", "source-route", "unknown")
def ip_options(x, which):
    option = {"nop": b"\x01\x01\x01\x00", "record-route": b"\x07\x0b\x04" + bytes(8) + b"\0",
              "source-route": b"\x83\x07\x04\xcb\x00\x71\x09\x00", "unknown": b"\x5e\x04\xaa\xbb"}[which]
    x.out(ip(A, R, options=[IPOption(option)]) / UDP(sport=x.port, dport=5300) / DATA)
    x.back(ip(R, P, options=[IPOption(option)]) / UDP(sport=5300, dport=x.port) / DATA)


@case()
def destination_options(x):
    ext = IPv6ExtHdrDestOpt(options=[PadN(optdata=bytes(4))])
    x.out(ip(A6, R6) / ext / UDP(sport=x.port, dport=5300) / DATA)
    x.back(ip(R6, P6) / ext / UDP(sport=5300, dport=x.port) / DATA)


@case("beyond", "within")
def udp_length(x, which):
    x.out(ip(A, R) / UDP(sport=x.port, dport=5300, len=60 if which == "beyond" else 16) / DATA)


@case("offset", "cut")
def tcp_header(x, which):
    p = bytes(ip(A, R) / tcp("S", 1, sport=x.port, dport=80, **({"dataofs": 4} if which == "offset" else {})))
    if which == "cut":
        p = bytes(ip(A, R, proto=6) / Raw(p[20:36]))
    x.out(p)

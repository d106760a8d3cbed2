# SPDX-License-Identifier: BSD-3-Clause
"""What connections do beside transferring, through the NVA's translation: half-closed, reset, opened from
both ends at once, idle for longer than the timers; bindings that peers may use; what is unsolicited."""
import contextlib
import errno
import select
import socket
import time

import nat_lab
import pytest
from nat_apps import TcpEcho, UdpEcho, ask, echoes, eventually, icmp_errors, line, make_socket, reset, tcp, udp
from nat_lab import EIM, INTERNET, OUTSIDE, POOL, SERVICE, TINY

families = pytest.mark.parametrize("family", [4, 6])
TIMEOUTS = {k: int(v[:-1]) for k, v in nat_lab.FLOWS["timeouts"].items()}


@pytest.fixture(scope="module")
def region(make_region):
    return nat_lab.prepare(make_region(nics=2))


@pytest.fixture(scope="module", params=nat_lab.KINDS)
def nva(region, request):
    nva = nat_lab.start(region, request.param)
    yield nva
    if nva.alive():
        nva.stop()


@pytest.fixture
def nvad(nva):
    """For what the kernel does not show: conftest.py leaves those tests out for it."""
    return nva


@contextlib.contextmanager
def dropping(region, node, rule):
    """nftables on a node drops what the rule matches on its way in."""
    region.exec(node, "nft", "-f", "-", input="table inet test { chain in { type filter hook input priority 0; "
                "%s drop; }; }" % rule)
    try:
        yield
    finally:
        region.exec(node, "nft", "delete", "table", "inet", "test")


@families
def test_half_closed(region, nva, family):
    """The client has said all; the server goes on sending and ends later."""
    with TcpEcho(region, "internet", INTERNET[family], 7000):
        s = tcp(region, "spoke-a", INTERNET[family], 7000)
        line(s)
        s.sendall(b"x" * 100000)
        s.shutdown(socket.SHUT_WR)
        data = b""
        while True:
            more = s.recv(65536)
            if not more:
                break
            data += more
        assert data == b"x" * 100000 + b"end 100000\n"
        s.close()


@families
def test_reset_by_the_client(region, nva, family):
    listener = make_socket(region, "internet", family, socket.SOCK_STREAM)
    with listener:
        listener.bind((INTERNET[family], 7001))
        listener.listen()
        s = tcp(region, "spoke-a", INTERNET[family], 7001, sport=11001)
        c, _ = listener.accept()
        with c:
            reset(s)
            c.settimeout(3)
            with pytest.raises(ConnectionResetError):
                c.recv(1)
    if nva.is_nvad:
        rows = nva.show("flows", "port", "11001", "destination", INTERNET[family])
        assert not rows or rows[0]["expires_ms"] <= TIMEOUTS["tcp_reset"] * 1000 + 1100, rows


@families
def test_reset_by_the_server(region, nva, family):
    listener = make_socket(region, "internet", family, socket.SOCK_STREAM)
    with listener:
        listener.bind((INTERNET[family], 7001))
        listener.listen()
        with tcp(region, "spoke-a", INTERNET[family], 7001) as s:
            reset(listener.accept()[0])
            with pytest.raises(ConnectionResetError):
                s.recv(1)
    with pytest.raises(ConnectionRefusedError):  # nobody listens any more: RST answers the SYN
        tcp(region, "spoke-a", INTERNET[family], 7001)


@pytest.mark.parametrize("spoke,outside", [("spoke-a", OUTSIDE), ("spoke-b", EIM)],
                         ids=["endpoint-dependent", "endpoint-independent"])
@families
def test_simultaneous_open(region, nva, family, spoke, outside):
    """Both ends connect to the other's port; both SYNs have passed the NVA before either is answered
    (RFC 5382 REQ-2)."""
    inner = make_socket(region, spoke, family, socket.SOCK_STREAM)
    outer = make_socket(region, "internet", family, socket.SOCK_STREAM)
    with inner, outer:
        inner.bind(("" if family == 4 else "::", 12000))
        outer.bind((INTERNET[family], 12001))
        for s in (inner, outer):
            s.setblocking(False)
        # The first SYN of each is lost at the other's door, so that both are in SYN-SENT.
        with dropping(region, spoke, "tcp dport 12000"), dropping(region, "internet", "tcp dport 12001"):
            assert inner.connect_ex((INTERNET[family], 12001)) == errno.EINPROGRESS
            time.sleep(0.05)
            assert outer.connect_ex((outside[family], 12000)) == errno.EINPROGRESS
            time.sleep(0.2)
        for s in (inner, outer):  # after the retransmissions
            assert select.select([], [s], [], 5)[1], "not connected"
            assert s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
            s.settimeout(3)
        inner.sendall(b"in")
        outer.sendall(b"out")
        assert outer.recv(10) == b"in" and inner.recv(10) == b"out"
        if nva.is_nvad:
            row, = nva.show("flows", "port", "12001", "source", region.nics[spoke].addr(family))
            assert row["state"] == "established"


class Idle:
    """Connections of one family that are left alone for longer than the timers, or are not."""

    def __init__(self, region, family, stack):
        enter = stack.enter_context
        internet, self.outside, self.spoke = INTERNET[family], OUTSIDE[family], region.nics["spoke-a"].addr(family)
        enter(TcpEcho(region, "internet", internet, 7000))
        enter(UdpEcho(region, "internet", internet, 7000))
        self.keepalive, self.silent, listener = (
            enter(s) for s in (tcp(region, "spoke-a", internet, 7000, sport=13001),
                               tcp(region, "spoke-a", internet, 7000, sport=13002),
                               make_socket(region, "internet", family, socket.SOCK_STREAM)))
        self.keepalive.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self.keepalive.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1)
        self.keepalive.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1)
        for s in (self.keepalive, self.silent):
            line(s)
        self.chatting = enter(udp(region, "spoke-a", internet, 7000, sport=13003))
        self.mute = enter(udp(region, "spoke-a", internet, 7000, sport=13004))
        ask(self.mute)
        # The client has sent its FIN; the far end is in the test's hand.
        listener.bind((internet, 7002))
        listener.listen()
        self.half = enter(tcp(region, "spoke-a", internet, 7002, sport=13005))
        self.far_half = enter(listener.accept()[0])
        self.half.shutdown(socket.SHUT_WR)
        assert self.far_half.recv(10) == b""
        # A peer that alone speaks after the first packet.
        self.peer = enter(make_socket(region, "internet", family, socket.SOCK_DGRAM))
        self.peer.bind((internet, 7003))
        self.peer.settimeout(2)
        self.listening = enter(udp(region, "spoke-a", internet, 7003, sport=13006))
        self.listening.send(b"hello")
        self.name = self.peer.recvfrom(100)[1]
        assert self.name[:2] == (self.outside, 13006)

    def each_second(self):
        assert ask(self.chatting) == (self.outside, 13003)
        self.peer.sendto(b"inbound", self.name)
        assert self.listening.recv(100) == b"inbound"

    def half_closed_goes_on(self):
        self.far_half.sendall(b"late")
        assert self.half.recv(10) == b"late"


def test_idle(region, nva):
    """What keepalives keep, of either end (`inbound_refreshes`, RFC 4787 REQ-6), outlives the timers by
    far; what says nothing is forgotten; a half-closed connection lasts as an open one does."""
    assert TIMEOUTS["tcp_closing"] + 2 < TIMEOUTS["tcp_established"]
    with contextlib.ExitStack() as stack:
        both = [Idle(region, family, stack) for family in (4, 6)]
        for second in range(1, TIMEOUTS["tcp_established"] + 4):
            time.sleep(1)
            for idle in both:
                idle.each_second()
                if second == TIMEOUTS["tcp_closing"] + 2:
                    idle.half_closed_goes_on()
        for idle in both:
            assert echoes(idle.keepalive, b"still here")
            idle.silent.settimeout(1)
            with pytest.raises(OSError):  # nvad drops it; the stand-in's reaches the peer as it is: RST
                echoes(idle.silent, b"gone")
            if nva.is_nvad:
                ports = {r["source_port"] for r in nva.show("flows", "source", idle.spoke)}
                assert {13001, 13003, 13006} <= ports and not ports & {13002, 13004}, ports
        if nva.is_nvad:
            assert nva.drops()["flow-midflow"] > 0


@families
def test_endpoint_independent_binding(region, nvad, family):
    """One external port for all destinations, and anyone may send to it (RFC 4787 REQ-1, REQ-8)."""
    with UdpEcho(region, "internet", INTERNET[family], 7000), UdpEcho(region, "internet", SERVICE[family], 7001), \
            make_socket(region, "spoke-b", family, socket.SOCK_DGRAM) as s, \
            make_socket(region, "internet", family, socket.SOCK_DGRAM) as third:
        s.bind(("" if family == 4 else "::", 14000))
        s.settimeout(3)
        seen = set()
        for to in ((INTERNET[family], 7000), (SERVICE[family], 7001)):
            s.sendto(b"x", to)
            seen.add(tuple(s.recv(100).split()[:2]))
        assert len(seen) == 1, seen
        address, port = seen.pop()
        assert address.decode() == EIM[family]
        third.bind((INTERNET[family], 7009))
        third.sendto(b"from a third", (EIM[family], int(port)))
        data, peer = s.recvfrom(100)
        assert (data, peer[:2]) == (b"from a third", (INTERNET[family], 7009))
        row, = [r for r in nvad.show("nat", "bindings", "address", region.nics["spoke-b"].addr(family))
                if (r["protocol"], r["inside_port"]) == ("udp", 14000)]
        assert (row["outside"], row["outside_port"]) == (EIM[family], int(port))
        assert row["sessions"] == 3, row
        # From spoke-a to the binding: hairpin, though spoke-a is no user of this pool. Its source is its own
        # rule's (RFC 4787 REQ-9).
        with udp(region, "spoke-a", EIM[family], int(port), sport=14001) as a:
            a.send(b"hairpin")
            data, peer = s.recvfrom(100)
            assert (data, peer[0]) == (b"hairpin", region.nics["spoke-a"].addr(family))


def test_unsolicited(region, nvad):
    """To an address that is only NAT's: a UDP packet is dropped; a SYN is answered by silence for 6 s, then
    by ICMP (RFC 5382 REQ-4)."""
    with contextlib.ExitStack() as stack:
        syns = {}
        for family in (4, 6):
            before = nvad.drops()["nat-no-mapping"]
            stack.enter_context(udp(region, "internet", POOL[family], 999)).send(b"x")
            assert eventually(lambda n=before: nvad.drops()["nat-no-mapping"] > n)
            s = stack.enter_context(make_socket(region, "internet", family, socket.SOCK_STREAM))
            s.setblocking(False)
            assert s.connect_ex((POOL[family], 999)) == errno.EINPROGRESS
            syns[s] = time.monotonic()
        while syns:
            ready = select.select([], list(syns), [], 9)[1]
            assert ready, "neither answered nor refused"
            for s in ready:
                assert 5.5 <= time.monotonic() - syns.pop(s) <= 8.5
                assert s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) in (errno.ECONNREFUSED, errno.EHOSTUNREACH)


@families
def test_exhausted(region, nvad, family):
    """Eight ports: the ninth connection to one destination is refused by ICMP, counted, and harms
    nobody; a freed port is used again."""
    before, held = nvad.drops()["nat-no-port"], []
    with TcpEcho(region, "internet", TINY[family], 7000) as server:
        try:
            for _ in range(8):
                held.append(tcp(region, "spoke-a", TINY[family], 7000))
            seen = {line(s) for s in held}
            assert seen == {"%s %d" % (POOL[family], p) for p in range(20000, 20008)}
            with make_socket(region, "spoke-a", family, socket.SOCK_STREAM) as s:
                s.settimeout(3)
                s.setsockopt(*((socket.IPPROTO_IP, 11, 1) if family == 4 else (socket.IPPROTO_IPV6, 25, 1)))
                with pytest.raises(OSError) as e:
                    s.connect((TINY[family], 7000))
                assert e.value.errno in (errno.EHOSTUNREACH, errno.EACCES), e.value
                assert icmp_errors(s)[:1] == [(3, 1) if family == 4 else (1, 3)]
            assert nvad.drops()["nat-no-port"] > before
            pool, = [r for r in nvad.show("nat", "pools") if r["name"] == "tiny%d" % family]
            assert pool["exhausted"] > 0 and pool["sessions"] == 8 and pool["peak"] == 8, pool
            assert all(echoes(s, b"unharmed") for s in held)
            # The ports are taken only towards this destination.
            with UdpEcho(region, "internet", TINY[family], 7001), udp(region, "spoke-b", TINY[family], 7001) as u:
                assert ask(u)[0] == POOL[family]
            reset(held.pop())
            time.sleep(TIMEOUTS["tcp_reset"] + 2.2)  # and the wheel's tick
            held.append(tcp(region, "spoke-a", TINY[family], 7000))
            assert line(held[-1]) in seen and len(server.seen) == 9
        finally:
            for s in held:
                reset(s)

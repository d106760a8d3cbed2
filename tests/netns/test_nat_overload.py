# SPDX-License-Identifier: BSD-3-Clause
"""Two workers that get each other's packets; and a flood that fills the flow table while established
flows go on."""
import contextlib
import random
import struct
import threading
import time

import nat_lab
import pytest
from nat_apps import TcpEcho, UdpEcho, Web, ask, curl, echoes, eventually, iperf, line, tcp, udp, url
from nat_lab import EIM, INTERNET, OUTSIDE, SERVICE
from nvlab.nat import WEB_PORT
from nvlab.net import wait_for
from nvlab.region import FABRIC_MAC

families = pytest.mark.parametrize("family", [4, 6])
MAX_SESSIONS = 4096
# Routed to the Internet's node, which drops what is not its own.
BLACK_HOLE = {4: "203.0.113.99", 6: "2001:db8:203:113::99"}


@pytest.fixture(scope="module")
def region(make_region):
    return nat_lab.prepare(make_region(nics=2))


@pytest.fixture(scope="module")
def nvad(region):
    # Each worker has runs of 64 ports.
    nvad = nat_lab.start(region, "nvad", workers=2, flows={**nat_lab.FLOWS, "max_sessions": MAX_SESSIONS},
                         nat=nat_lab.policy(region, "20000-20127"))
    yield nvad
    nvad.stop()


def summary(nvad):
    return nvad.show("flows", "summary")[0]


@families
def test_connections_of_both_workers(region, nvad, family):
    """af_packet spreads by the kernel's flow hash, which knows nothing of owners."""
    before, spoke = summary(nvad)["handed_over"], region.nics["spoke-a"].addr(family)
    with contextlib.ExitStack() as stack:
        for service in (TcpEcho, UdpEcho):
            stack.enter_context(service(region, "internet", INTERNET[family], 7000))
        conns = [stack.enter_context(tcp(region, "spoke-a", INTERNET[family], 7000)) for _ in range(150)]
        assert {line(s).split()[0] for s in conns} == {OUTSIDE[family]}
        for _ in range(3):
            assert all(echoes(s, random.randbytes(3000)) for s in conns)
        for _ in range(50):
            s = stack.enter_context(udp(region, "spoke-a", INTERNET[family], 7000))
            for size in (10, 1000, 4000):  # fragments too
                assert ask(s, random.randbytes(size))[0] == OUTSIDE[family]
        rows = nvad.show("flows", "source", spoke)
        of = [sum(r["worker"] == w for r in rows) for w in (0, 1)]
        assert sum(of) >= 150 and min(of) >= 30, of  # idle ones may have gone
    assert summary(nvad)["handed_over"] - before > 200


@families
def test_errors_and_echo_of_both_workers(region, nvad, family):
    for size in (56, 4000):
        for _ in range(4):  # an identifier each
            answered, out = region.ping("spoke-a", INTERNET[family], 1, size=size)
            assert answered == 1, out
    for _ in range(4):
        assert region.traceroute("spoke-a", INTERNET[family])[1:] == [
            nat_lab.INSIDE[family], region.nics["nva-eth1"].gw(family), INTERNET[family]]


@families
@pytest.mark.parametrize("spoke,address,owners", [("spoke-a", SERVICE, {0, 1}), ("spoke-b", INTERNET, {0})])
def test_bindings_of_both_workers(region, nvad, family, spoke, address, owners):
    """Endpoint-independent: all destinations by one port, whichever worker their packets come to. All of
    spoke-b's ports are reached from the Internet as well, and rules that change ports go there: one worker
    has all that is its."""
    source, workers = region.nics[spoke].addr(family), set()
    with UdpEcho(region, "internet", address[family], 7000), UdpEcho(region, "internet", address[family], 7064):
        for i in range(16):  # an inside port says who the owner is
            with udp(region, spoke, address[family], 7000, sport=16000 + 64 * i) as s:
                one = ask(s)
            with udp(region, spoke, address[family], 7064, sport=16000 + 64 * i) as s:
                assert ask(s) == one and one[0] == EIM[family]
            if i % 4 == 3:
                workers |= {r["worker"] for r in nvad.show("nat", "bindings", "address", source)
                            if r["protocol"] == "udp"}
    assert workers == owners


@families
def test_inbound_of_both_workers(region, nvad, family):
    with Web(region, "spoke-a", region.nics["spoke-a"].addr(family), 80):
        for _ in range(20):
            assert curl(region, "internet", url(OUTSIDE[family], WEB_PORT, "/who")).split()[0] == nat_lab.INSIDE[family]


def test_throughput_of_both_workers(region, nvad):
    """Several streams; the handed-over keep their order."""
    end = iperf(region, "spoke-a", "internet", INTERNET[4], "-P", "4", seconds=1)
    assert end["sum_received"]["bytes"] > 1e6
    end = iperf(region, "spoke-a", "internet", INTERNET[4], "-u", "-b", "5M", "-P", "4", seconds=1)
    assert end["sum"]["lost_percent"] < 1, end["sum"]
    assert sum(s["udp"]["out_of_order"] for s in end["streams"]) == 0


def syns(region, family, count):
    """Frames of spoke-a's, each a SYN of another port pair; the checksums right."""
    from scapy.all import IP, TCP, Ether, IPv6
    src = region.nics["spoke-a"].addr(family)
    ip = (IP if family == 4 else IPv6)(src=src, dst=BLACK_HOLE[family])
    frame = bytearray(bytes(Ether(src=region.mac("spoke-a", "eth0"), dst=FABRIC_MAC) / ip / TCP(sport=0, dport=0, flags="S", seq=1)))
    at = 14 + (20 if family == 4 else 40)
    base = struct.unpack_from("!H", frame, at + 16)[0] ^ 0xffff
    for n in range(count):
        sport, dport = 1024 + n % 60000, 1 + n // 60000 + n % 7
        total = base + sport + dport
        total = (total & 0xffff) + (total >> 16)
        struct.pack_into("!HH", frame, at, sport, dport)
        struct.pack_into("!H", frame, at + 16, total & 0xffff ^ 0xffff)
        yield bytes(frame)


@contextlib.contextmanager
def flood(region, family):
    """SYNs without an end till the `with` ends; [number sent]."""
    sent, stop = [0], threading.Event()

    def run(sock):
        while not stop.is_set():
            for frame in syns(region, family, 50000):
                if stop.is_set():
                    return
                with contextlib.suppress(OSError):  # queue full
                    sock.send(frame)
                    sent[0] += 1
                if sent[0] % 100 == 0:
                    time.sleep(0.005)  # some 20,000 a second: one core is shared by all

    with region.frames("spoke-a", "eth0") as sock:
        thread = threading.Thread(target=run, args=(sock,), daemon=True)
        thread.start()
        try:
            yield sent
        finally:
            stop.set()
            thread.join(5)


@families
def test_syn_flood(region, nvad, family):
    """The table is full of half-open connections: no new flow, counted; established ones lose nothing
    and none of them is evicted; when the flood is over its sessions go by themselves."""
    with TcpEcho(region, "internet", INTERNET[family], 7000), UdpEcho(region, "internet", INTERNET[family], 7000), \
            contextlib.ExitStack() as stack:
        conns = [stack.enter_context(tcp(region, "spoke-a", INTERNET[family], 7000)) for _ in range(20)]
        for s in conns:
            line(s)
        u = stack.enter_context(udp(region, "spoke-a", INTERNET[family], 7000, sport=16000))
        assert ask(u) == (OUTSIDE[family], 16000)
        before = nvad.drops()["flow-full"]
        with flood(region, family) as sent:
            wait_for("the table to be full", lambda: nvad.drops()["flow-full"] > before + 1000, 20)
            for _ in range(5):
                assert all(echoes(s, random.randbytes(2000)) for s in conns)
                assert ask(u) == (OUTSIDE[family], 16000)
            assert sent[0] > MAX_SESSIONS
            s = summary(nvad)
            assert s["sessions"] > 0.8 * s["capacity"]
            assert s["full"] > 1000
            with pytest.raises(OSError):
                tcp(region, "spoke-a", INTERNET[family], 7000, timeout=0.2).close()
        # RFC 6146's transitory timer, and the wheel's tick.
        opening = int(nat_lab.FLOWS["timeouts"]["tcp_opening"][:-1])
        assert eventually(lambda: summary(nvad)["sessions"] < 300, opening + 4), summary(nvad)
        assert all(echoes(s, b"still here") for s in conns)
        with tcp(region, "spoke-a", INTERNET[family], 7000) as s:
            assert line(s).split()[0] == OUTSIDE[family]

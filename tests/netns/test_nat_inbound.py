# SPDX-License-Identifier: BSD-3-Clause
"""From the Internet to servers in spokes, with SNAT of the same packet and without; the same endpoints
from inside (hairpin); and path MTUs, which only the ICMP errors of routers behind a translation tell."""
import contextlib
import json
import random

import nat_lab
import pytest
from nat_apps import TcpEcho, UdpEcho, Web, ask, certificate, curl, echoes, line, tcp, udp, url
from nat_lab import INSIDE, INTERNET, ONE, OUTSIDE, host
from nvlab.nat import WEB_PORT

families = pytest.mark.parametrize("family", [4, 6])
BOTTLENECK = 1300


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


@families
def test_web_server(region, nva, family):
    """The server sees the NVA's inside address: its answers find this NVA whatever the routes are."""
    with Web(region, "spoke-a", region.nics["spoke-a"].addr(family), 80):
        who = curl(region, "internet", url(OUTSIDE[family], WEB_PORT, "/who"))
        assert who.split()[0] == INSIDE[family]
        size = curl(region, "internet", "-o", "/dev/null", "-w", "%{size_download}",
                    url(OUTSIDE[family], WEB_PORT, "/bytes/3000000"))
        assert size == "3000000"


@families
def test_row_of_a_translation_of_both_ends(region, nvad, family):
    spoke = region.nics["spoke-a"].addr(family)
    with TcpEcho(region, "spoke-a", spoke, 80), tcp(region, "internet", OUTSIDE[family], WEB_PORT, sport=15000) as s:
        address, port = line(s).split()
        row, = nvad.show("flows", "port", "15000", "source", INTERNET[family])
        assert (row["source"], row["destination"], row["destination_port"]) == (
            INTERNET[family], OUTSIDE[family], WEB_PORT)
        assert (row["to_source"], row["to_source_port"]) == (address, int(port)) and address == INSIDE[family]
        assert (row["to_destination"], row["to_destination_port"]) == (spoke, 80)
        assert row["rule"] == "web%d" % family
        rule, = [r for r in nvad.show("nat", "rules") if r["name"] == "web%d" % family]
        assert rule["kind"] == "dnat" and rule["sessions"] >= 1


@families
def test_without_snat(region, nva, family):
    """The server sees the client; its answers come back because one NVA alone is there."""
    with TcpEcho(region, "spoke-a", region.nics["spoke-a"].addr(family), 81), \
            tcp(region, "internet", OUTSIDE[family], 8081, sport=15001) as s:
        assert line(s) == "%s 15001" % INTERNET[family]
        assert echoes(s, random.randbytes(100000))


@families
def test_tls_of_a_server_in_a_spoke(region, nva, family):
    with Web(region, "spoke-a", region.nics["spoke-a"].addr(family), 80, tls=True):
        # The certificate is for the server's own address; the client connects to the NVA's.
        cert = certificate(region, region.nics["spoke-a"].addr(family))
        who = curl(region, "internet", "-k", "--cacert", cert, url(OUTSIDE[family], WEB_PORT, "/who", "https"))
        assert who.split()[0] == INSIDE[family]


@families
def test_backends_share(region, nvad, family):
    """Two servers behind one endpoint: both get connections, one connection stays with one."""
    a, b = (region.nics[n].addr(family) for n in ("spoke-a", "spoke-b"))
    with TcpEcho(region, "spoke-a", a, 443) as ea, TcpEcho(region, "spoke-b", b, 443) as eb, \
            contextlib.ExitStack() as stack:
        conns = [stack.enter_context(tcp(region, "internet", OUTSIDE[family], 8443)) for _ in range(40)]
        assert {line(s).split()[0] for s in conns} == {INSIDE[family]}
        for _ in range(3):
            assert all(echoes(s, b"again") for s in conns)
        assert len(ea.seen) + len(eb.seen) == 40
        assert min(len(ea.seen), len(eb.seen)) >= 5, "the flows are not spread"


@families
def test_range(region, nvad, family):
    b = region.nics["spoke-b"].addr(family)
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(TcpEcho(region, "spoke-b", b, 7000 + i)) for i in range(4)]
        for i in range(4):
            with tcp(region, "internet", OUTSIDE[family], 9000 + i) as s:
                assert line(s).split()[0] == INSIDE[family]
            assert [len(server.seen) for server in servers] == [1] * (i + 1) + [0] * (3 - i)


@families
def test_address_for_a_server(region, nva, family):
    """One address outside for one host inside: echo, fragments, any port, errors of the host itself."""
    b = region.nics["spoke-b"].addr(family)
    for size in (56, 4000):
        answered, out = region.ping("internet", ONE[family], 3, size=size)
        assert answered == 3, out
    with UdpEcho(region, "spoke-b", b, 7000), udp(region, "internet", ONE[family], 7000, sport=15002) as u:
        for size in (10, 4000):
            assert ask(u, random.randbytes(size)) == (INTERNET[family], 15002)
    with TcpEcho(region, "spoke-b", b, 7000), tcp(region, "internet", ONE[family], 7000, sport=15003) as s:
        assert line(s) == "%s 15003" % INTERNET[family]
        assert echoes(s, random.randbytes(50000))
    with udp(region, "internet", ONE[family], 7001) as u:  # nobody listens: spoke-b's error, from ONE
        u.send(b"x")
        with pytest.raises(ConnectionRefusedError):
            u.recv(10)


@families
@pytest.mark.parametrize("client", ["spoke-a", "spoke-b"])
def test_hairpin(region, nva, family, client):
    """A spoke uses the outside endpoint of a server in a spoke, its own included."""
    with TcpEcho(region, "spoke-a", region.nics["spoke-a"].addr(family), 80), \
            tcp(region, client, OUTSIDE[family], WEB_PORT) as s:
        assert line(s).split()[0] == INSIDE[family]
        assert echoes(s, random.randbytes(50000))


@contextlib.contextmanager
def bottleneck(region, node, family):
    """The fabric's way to a node has a smaller MTU, which the node does not know."""
    nic = region.nics[node]
    route = [host(nic.addr(family)), "dev", nic.fabric_if]
    region.ip("fabric", "route", "replace", *route, "mtu", str(BOTTLENECK))
    try:
        yield
    finally:
        region.ip("fabric", "route", "replace", *route)
        for n in ("spoke-a", "internet"):
            region.ip(n, "-%d" % family, "route", "flush", "cache")


def path_mtu(region, node, address):
    row = json.loads(region.exec(node, "ip", "-j", "route", "get", address))[0]
    return min([m["mtu"] for m in row.get("metrics", []) if "mtu" in m], default=None)


@families
def test_path_mtu_of_the_way_out(region, nva, family):
    """The router's error is about a packet of the NVA's; the spoke must understand it as about its own."""
    with bottleneck(region, "internet", family):
        with TcpEcho(region, "internet", INTERNET[family], 7000), \
                tcp(region, "spoke-a", INTERNET[family], 7000) as s:
            line(s)
            assert echoes(s, random.randbytes(200000))  # TCP heard of it
        assert path_mtu(region, "spoke-a", INTERNET[family]) == BOTTLENECK
        with UdpEcho(region, "internet", INTERNET[family], 7000), \
                udp(region, "spoke-a", INTERNET[family], 7000) as u:
            assert ask(u, b"x" * 1400)[0] == OUTSIDE[family]  # fragmented by the sender


@families
def test_path_mtu_of_the_way_in(region, nva, family):
    """The way to the server is narrow: the error is about the packet with both ends translated."""
    with bottleneck(region, "spoke-a", family):
        with TcpEcho(region, "spoke-a", region.nics["spoke-a"].addr(family), 80), \
                tcp(region, "internet", OUTSIDE[family], WEB_PORT) as s:
            line(s)
            assert echoes(s, random.randbytes(200000))
        assert path_mtu(region, "internet", OUTSIDE[family]) == BOTTLENECK


@families
def test_path_mtu_of_the_answers(region, nva, family):
    """The server in the spoke answers at length, and the client's link is narrow."""
    with bottleneck(region, "internet", family):
        with Web(region, "spoke-a", region.nics["spoke-a"].addr(family), 80):
            size = curl(region, "internet", "-o", "/dev/null", "-w", "%{size_download}",
                        url(OUTSIDE[family], WEB_PORT, "/bytes/500000"))
            assert size == "500000"
        assert path_mtu(region, "spoke-a", INSIDE[family]) == BOTTLENECK

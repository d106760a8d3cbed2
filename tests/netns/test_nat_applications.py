# SPDX-License-Identifier: BSD-3-Clause
"""Applications through the NVA's translation, from a spoke to the Internet; the kernel with nftables in
nvad's place first, so that what fails is not the lab."""
import random
import time

import nat_lab
import pytest
from nat_apps import TcpEcho, UdpEcho, Web, ask, certificate, curl, echoes, iperf, line, tcp, udp, url
from nat_lab import INSIDE, INTERNET, OUTSIDE, SERVICE, SERVICE_PREFIX
from nvlab import peers
from nvlab.net import wait_for
from nvlab.traffic import Flow

families = pytest.mark.parametrize("family", [4, 6])


@pytest.fixture(scope="module")
def region(make_region):
    return nat_lab.prepare(make_region(nics=2))


@pytest.fixture(scope="module", params=nat_lab.KINDS)
def nva(region, request):
    nva = nat_lab.start(region, request.param)
    yield nva
    if nva.alive():
        nva.stop()


@families
def test_tcp_has_the_nvas_address(region, nva, family):
    with TcpEcho(region, "internet", INTERNET[family], 7000):
        with tcp(region, "spoke-a", INTERNET[family], 7000, sport=10001) as s:
            assert line(s) == "%s 10001" % OUTSIDE[family]
            assert echoes(s, random.randbytes(300000))
            if nva.is_nvad:
                row, = nva.show("flows", "port", "10001", "source", region.nics["spoke-a"].addr(family))
                assert (row["protocol"], row["state"]) == ("tcp", "established")
                assert (row["source"], row["source_port"]) == (region.nics["spoke-a"].addr(family), 10001)
                assert (row["to_source"], row["to_source_port"]) == (OUTSIDE[family], 10001)
                assert (row["destination"], row["to_destination"]) == (INTERNET[family],) * 2
                assert row["rule"] == "egress%d" % family
                assert row["bytes"] > 300000 and row["reply_bytes"] > 300000


@families
def test_udp_has_the_nvas_address(region, nva, family):
    with UdpEcho(region, "internet", INTERNET[family], 7000), \
            udp(region, "spoke-a", INTERNET[family], 7000, sport=10002) as s:
        assert ask(s) == (OUTSIDE[family], 10002)


@families
def test_curl(region, nva, family):
    with Web(region, "internet", INTERNET[family], 80):
        who = curl(region, "spoke-a", url(INTERNET[family], 80, "/who"))
        assert who.split()[0] == OUTSIDE[family]
        size = curl(region, "spoke-a", "-o", "/dev/null", "-w", "%{size_download}",
                    url(INTERNET[family], 80, "/bytes/3000000"))
        assert size == "3000000"


@families
def test_curl_tls(region, nva, family):
    with Web(region, "internet", INTERNET[family], 443, tls=True):
        cert = certificate(region, INTERNET[family])
        who = curl(region, "spoke-a", "--cacert", cert, url(INTERNET[family], 443, "/who", "https"))
        assert who.split()[0] == OUTSIDE[family]
        sent = curl(region, "spoke-a", "--cacert", cert, "-T", "/bin/ls", url(INTERNET[family], 443, "/", "https"))
        assert int(sent) > 50000


@families
def test_ping(region, nva, family):
    answered, out = region.ping("spoke-a", INTERNET[family], 5)
    assert answered == 5, out
    if nva.is_nvad:
        rows = nva.show("flows", "source", region.nics["spoke-a"].addr(family), "protocol",
                        "icmp" if family == 4 else "icmp6")
        assert rows and rows[0]["to_source"] == OUTSIDE[family]


@families
def test_fragments(region, nva, family):
    """Requests and answers of three fragments; later ones have no port and no identifier."""
    answered, out = region.ping("spoke-a", INTERNET[family], 3, size=4000)
    assert answered == 3, out
    with UdpEcho(region, "internet", INTERNET[family], 7000), \
            udp(region, "spoke-a", INTERNET[family], 7000, sport=10003) as s:
        for _ in range(3):
            assert ask(s, random.randbytes(4000)) == (OUTSIDE[family], 10003)


@pytest.mark.parametrize("how", ["udp", "icmp", "tcp"])
@families
def test_traceroute(region, nva, family, how):
    """The errors of the router behind the NVA come back to the spoke, about the packet as it sent it."""
    args = {"udp": [], "icmp": ["-I"], "tcp": ["-T", "-p", "80"]}[how]
    out = region.exec("spoke-a", "traceroute", "-n", "-q", "1", "-w", "2", "-m", "6", *args, INTERNET[family])
    hops = [row.split()[1] for row in out.splitlines()[1:]]
    assert hops == [region.nics["spoke-a"].gw(family), INSIDE[family], region.nics["nva-eth1"].gw(family),
                    INTERNET[family]], out


@families
def test_dns(region, nva, family):
    """dnsmasq: answers by UDP, and by TCP where UDP's was cut off."""
    from scapy.layers.dns import DNS, DNSQR
    server = INTERNET[family]
    region.spawn("internet", "dnsmasq", [
        "dnsmasq", "-k", "-C", "/dev/null", "-R", "-h", "-u", "root", "-g", "root", "--pid-file=", "-i", "eth0",
        "--bind-interfaces", "-I", "lo", "--address=/web.nvlab/198.51.100.7", "--log-facility=-",
        *("--txt-record=big.nvlab," + "x" * 200 + str(i) for i in range(8))])
    try:
        wait_for("dnsmasq", lambda: ":53" in region.exec("internet", "ss", "-lnut"), 5, 0.02)
        with udp(region, "spoke-a", server, 53) as s:
            for i in range(20):
                s.send(bytes(DNS(id=i, rd=1, qd=DNSQR(qname="web.nvlab"))))
                answer = DNS(s.recv(4096))
                assert answer.id == i and answer.an[0].rdata == "198.51.100.7"
            query = bytes(DNS(id=99, rd=1, qd=DNSQR(qname="big.nvlab", qtype="TXT")))
            s.send(query)
            assert DNS(s.recv(4096)).tc == 1
        with tcp(region, "spoke-a", server, 53) as s:
            s.sendall(len(query).to_bytes(2, "big") + query)
            answer = DNS(s.makefile("rb").read(2 + 1600)[2:])
            assert answer.id == 99 and answer.ancount == 8
    finally:
        region.kill("dnsmasq")


@pytest.mark.parametrize("args", [(), ("-R",), ("-u", "-b", "20M"), ("-u", "-b", "20M", "-R")],
                         ids=["tcp", "tcp-reverse", "udp", "udp-reverse"])
def test_iperf3(region, nva, args):
    end = iperf(region, "spoke-a", "internet", INTERNET[4], *args, seconds=1)
    if "-u" in args:
        assert end["sum"]["packets"] > 500
        assert end["sum"]["lost_percent"] < 1, end["sum"]
    else:
        assert end["sum_received"]["bytes"] > 1e6


@families
def test_flow_outlives_a_route_change(region, nva, family):
    """The destination's route moves to the other NIC amid a transfer, and back: nothing is lost and the
    peer sees the same address and port."""
    with Flow(region, "spoke-a", "internet", SERVICE[family], rate=300, port=7100) as probe, \
            TcpEcho(region, "internet", SERVICE[family], 7101) as echo, \
            tcp(region, "spoke-a", SERVICE[family], 7101) as s:
        who = line(s)
        assert echoes(s, random.randbytes(10000))
        sent = []
        for prefixes in ((SERVICE_PREFIX[family],), ()):
            peers.rs_announce(region, *prefixes)
            wait_for("the route to move", lambda p=prefixes: learned(region, nva, family) == bool(p))
            time.sleep(0.3)  # every flow has sent by the new way
            before = sent_by(region, "eth0")
            assert echoes(s, random.randbytes(200000))
            sent.append(sent_by(region, "eth0") - before)
        # Over eth0 also go the answers to the spoke: twice as much at first.
        assert sent[0] > sent[1] + 150000, sent
        assert echo.seen == [tuple(x if i == 0 else int(x) for i, x in enumerate(who.split()))]
    assert probe.result["sent"] > 100
    assert probe.result["n_lost"] == 0, probe.result


def learned(region, nva, family):
    if nva.is_nvad:
        return nva.fib(SERVICE[family])["interface"] == "eth0"
    return "eth0" in region.ip("nva", "route", "get", SERVICE[family])


def sent_by(region, ifname):
    """Bytes that came to the fabric from the NVA's NIC."""
    text = region.exec("fabric", "cat", "/proc/net/dev")
    name = region.nics["nva" if ifname == "eth0" else "nva-eth1"].fabric_if
    row, = [r for r in text.splitlines() if r.strip().startswith(name + ":")]
    return int(row.split(":")[1].split()[0])


def test_the_nvas_own_connections_stay(region, nva):
    """BGP and echo end on addresses that are pools as well."""
    answered, out = region.ping("spoke-a", INSIDE[4], 2)
    assert answered == 2, out
    answered, out = region.ping("internet", OUTSIDE[4], 2)
    assert answered == 2, out
    if nva.is_nvad:
        assert nva.established() == {"rs0", "rs1"}
        assert all(r["flaps"] == 0 for r in nva.show("bgp", "summary") if "flaps" in r)


@pytest.fixture
def nvad(nva):
    """For what the kernel does not show: conftest.py leaves those tests out for it."""
    return nva


def test_nothing_was_dropped_in_error(region, nvad):
    drops = {k: v for k, v in nvad.drops().items() if v > nvad.dropped_at_start[k]}
    # Multicast of kernels' own (MLD, router solicitations), nvad's included, is no traffic that it carries.
    bad = set(drops) - {"ip4-ttl", "ip6-hop-limit", "ip6-destination", "ip6-source", "nd-not-local", "eth-type",
                        "punt-malformed"}
    assert not bad, drops



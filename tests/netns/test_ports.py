# SPDX-License-Identifier: BSD-3-Clause
"""BGP and transit traffic over each kind of port: af_packet everywhere else, here net_tap and af_xdp."""
import pytest
from nvlab.net import wait_for
from nvlab.nva import Nvad, default_config

INTERNET = {4: "203.0.113.10", 6: "2001:db8:203:113::10"}


@pytest.fixture(scope="module", params=["tap", "af_xdp"])
def lab(request, make_region):
    region = make_region()
    config = default_config(region, kind=request.param)
    if request.param == "tap":
        # nvad's TAP device and the NIC on one bridge: the wire.
        config = config.replace("interface: eth0", "interface: wire0")
        region.ip("nva", "link", "add", "br0", "type", "bridge")
        region.sysctl("nva", "net.ipv6.conf.br0.disable_ipv6=1")
        region.ip("nva", "link", "set", "eth0", "master", "br0")
        region.ip("nva", "link", "set", "br0", "up")
    nvad = Nvad(region, config).start()
    if request.param == "tap":
        region.sysctl("nva", "net.ipv6.conf.wire0.disable_ipv6=1")
        region.ip("nva", "link", "set", "wire0", "master", "br0")
        region.ip("nva", "link", "set", "wire0", "up")
    nvad.wait_established()
    yield region, nvad
    nvad.stop()


@pytest.mark.parametrize("family", [4, 6])
def test_bgp_and_transit(lab, family):
    region, nvad = lab
    region.wait_injected({4: "0.0.0.0/0", 6: "::/0"}[family], next_hop=region.nics["nva"].addr(family))
    for address in (INTERNET[family], region.nics["spoke-b"].addr(family)):
        wait_for("an answer of " + address, lambda a=address: region.ping("spoke-a", a, 1)[0])
        answered, out = region.ping("spoke-a", address, 5)
        assert answered == 5, out
    hops = region.traceroute("spoke-a", INTERNET[family])
    assert hops[1] == region.nics["nva"].addr(family), hops
    row = [r for r in nvad.show("interfaces") if r["name"] == "eth0"][0]
    assert row["rx_packets"] >= 10 and row["tx_packets"] >= 10


def test_sessions_stay(lab):
    """Over more than a hold time, so that keepalives of both sides have passed."""
    region, nvad = lab
    wait_for("ten seconds of session", lambda: min(
        r["uptime_s"] for r in nvad.show("bgp", "summary")) >= 10, 20, 0.5)
    assert nvad.established() == {"rs0", "rs1"}

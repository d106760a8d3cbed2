# SPDX-License-Identifier: BSD-3-Clause
"""Spoke injection: nvad attracts the spokes' default route through two route-server instances (BIRD),
and forwards by what it learns from them. With a gateway and on-prem beside it."""
import signal
import time

import pytest
from nvlab import peers
from nvlab.net import wait_for
from nvlab.nva import SUPERSETS, Nvad
from nvlab.traffic import Flow

INTERNET = {4: "203.0.113.10", 6: "2001:db8:203:113::10"}
DEFAULT = {4: "0.0.0.0/0", 6: "::/0"}
# A service of the Internet's that on-prem also offers, more specific than the default.
SERVICE = {4: "198.51.100.10", 6: "2001:db8:198::10"}
SERVICE_PREFIX = {4: "198.51.100.0/24", 6: "2001:db8:198::/48"}
families = pytest.mark.parametrize("family", [4, 6])


@pytest.fixture(scope="module")
def region(make_region):
    region = make_region(onprem=True)
    for family, bits in ((4, 32), (6, 128)):
        nodad = ["nodad"] if family == 6 else []
        for node in ("internet", "onprem"):
            region.ip(node, "addr", "add", "%s/%d" % (SERVICE[family], bits), "dev", "lo", *nodad)
        region.ip("er-gw", "route", "add", SERVICE_PREFIX[family], "via", "192.168.0.4" if family == 4
                  else "fd00:192:168::4")
    return region


@pytest.fixture(scope="module")
def running(region):
    nvad = Nvad(region).start()
    yield nvad
    if nvad.alive():
        nvad.stop()


@pytest.fixture
def nvad(region, running):
    """nvad with both sessions up and all that it announces injected, whatever the last test did."""
    if not running.alive():
        running.start()
    for rs in ("rs0", "rs1"):
        if not region.alive(rs):
            region.start_rs(rs)
    running.wait_established()
    for family in (4, 6):
        region.wait_injected(DEFAULT[family], next_hop=region.nics["nva"].addr(family))
    # The spokes' VNets and on-prem are learned from both.
    wait_for("routes of both instances", lambda: all(r["received"] >= 8 for r in running.show("bgp", "summary")))
    return running


@families
def test_both_instances_inject(region, nvad, family):
    nva = region.nics["nva"].addr(family)
    for table in ("hub", "nva", "spoke-a", "spoke-b"):
        for prefix in (DEFAULT[family], SUPERSETS[family]):
            region.wait_injected(prefix, table=table, next_hop=nva)


def test_nothing_else_is_announced(region, nvad):
    """Not what was learned: neither to the other instance nor back."""
    seen = {prefix for family in (4, 6) for prefix in region.injected("spoke-a", family)}
    assert seen == set(DEFAULT.values()) | set(SUPERSETS.values()) | {"192.168.0.0/16", "fd00:192:168::/48"}
    assert all(r["advertised"] == 4 for r in nvad.show("bgp", "summary"))


@families
def test_learned_routes(region, nvad, family):
    prefix = {4: "10.1.0.0/16", 6: "fd00:10:1::/48"}[family]
    rows = [r for r in nvad.routes() if r["prefix"] == prefix]
    assert {r["peer"] for r in rows} == {"rs0", "rs1"}
    for r in rows:
        assert r["source"] == "bgp"
        assert str(r["as_path"]).split()[0] == "65515"
        assert "65517:65517" in r["communities"]
        assert r["next_hop"] == region.nics[r["peer"]].addr(family)
    # One is best, the other shares its load.
    assert sorted((r["selected"], r["multipath"]) for r in rows) == [(True, False), (True, True)]


@families
@pytest.mark.parametrize("node", ["spoke-a", "spoke-b"])
def test_learned_routes_are_in_the_fib(region, nvad, node, family):
    nic = region.nics[node]
    row = nvad.fib(nic.addr(family))
    assert row["prefix"] == {"spoke-a": {4: "10.1.0.0/16", 6: "fd00:10:1::/48"},
                             "spoke-b": {4: "10.2.0.0/16", 6: "fd00:10:2::/48"}}[node][family]
    assert row["interface"] == "eth0"
    # The instance forwards nothing: its routes resolve to the subnet's gateway.
    assert row["next_hop"] == region.nics["nva"].gw(family)
    assert row["mac"] == "12:34:56:78:9a:bc"


@families
@pytest.mark.parametrize("to", ["internet", "spoke-b"])
def test_spoke_reaches(region, nvad, to, family):
    address = INTERNET[family] if to == "internet" else region.nics[to].addr(family)
    region.ping("spoke-a", address, 1)
    before = [r for r in nvad.show("interfaces") if r["name"] == "eth0"][0]
    answered, out = region.ping("spoke-a", address, 10)
    after = [r for r in nvad.show("interfaces") if r["name"] == "eth0"][0]
    assert answered == 10, out
    assert after["rx_packets"] - before["rx_packets"] >= 20
    assert after["tx_packets"] - before["tx_packets"] >= 20


@families
def test_traceroute(region, nvad, family):
    hops = region.traceroute("spoke-a", INTERNET[family])
    assert hops[1] == region.nics["nva"].addr(family), hops
    assert hops[-1] == INTERNET[family], hops


@families
def test_echo_to_nvad(region, nvad, family):
    answered, out = region.ping("spoke-a", region.nics["nva"].addr(family), 3)
    assert answered == 3, out


@pytest.mark.parametrize("rs", ["rs0", "rs1"])
def test_instance_killed_without_loss(region, nvad, rs):
    other = {"rs0": "rs1", "rs1": "rs0"}[rs]
    with Flow(region, "spoke-a", "internet", INTERNET[4]) as v4, \
            Flow(region, "spoke-a", "spoke-b", region.nics["spoke-b"].v6) as v6:
        time.sleep(1)
        region.kill(rs, signal.SIGKILL)
        region.wait_injected("0.0.0.0/0", instances=[other])
        wait_for("nvad to miss " + rs, lambda: rs not in nvad.established())
        assert other in nvad.established()
        time.sleep(1)
        region.start_rs(rs)
        nvad.wait_established()
        region.wait_injected("0.0.0.0/0")
        time.sleep(1)
    for flow in (v4, v6):
        assert flow.result["sent"] > 1000
        assert flow.result["n_lost"] == 0, flow.result


@families
def test_gateway_with_more_specifics_wins_and_loses(region, nvad, family):
    gateway, nva = region.nics["er-gw"].addr(family), region.nics["nva"].addr(family)
    assert region.traceroute("spoke-a", SERVICE[family])[1] == nva
    peers.gateway_announce(region, *SERVICE_PREFIX.values())
    region.wait_injected(SERVICE_PREFIX[family], next_hop=gateway)
    hops = region.traceroute("spoke-a", SERVICE[family])
    assert hops[1] == gateway and nva not in hops, hops
    nvad.wait_route(SERVICE_PREFIX[family])
    wait_for("the FIB to follow", lambda: nvad.fib(SERVICE[family])["prefix"] == SERVICE_PREFIX[family])
    peers.gateway_announce(region)
    region.wait_injected(SERVICE_PREFIX[family], instances=[])
    nvad.wait_route(SERVICE_PREFIX[family], present=False)
    assert nvad.fib(SERVICE[family])["prefix"] == DEFAULT[family]
    assert region.traceroute("spoke-a", SERVICE[family])[1] == nva


def test_onprem_is_reached_over_the_gateway(region, nvad):
    assert region.traceroute("spoke-a", "192.168.0.4")[1] == region.nics["er-gw"].v4
    assert nvad.fib("192.168.0.4")["prefix"] == "192.168.0.0/16"


def gone(region):
    return not any(nh == region.nics["nva"].addr(f) for f in (4, 6)
                   for by in region.injected("spoke-a", f).values() for nh in by.values())


def test_orderly_stop_withdraws_at_once(region, nvad):
    marks = {rs: len(region.log(rs)) for rs in ("rs0", "rs1")}
    begin = time.monotonic()
    region.procs["nvad"].terminate()
    wait_for("nvad's routes to be withdrawn", lambda: gone(region), 2.0, 0.02)
    assert time.monotonic() - begin <= 2.0
    assert region.procs.pop("nvad").wait(10) == 0
    for rs, mark in marks.items():  # RFC 4486: Cease, administrative shutdown
        assert "Received: Administrative shutdown" in region.log(rs)[mark:]


def test_killed_is_noticed_by_the_hold_timer(region, nvad):
    begin = time.monotonic()
    assert nvad.stop(signal.SIGKILL) == -signal.SIGKILL
    wait_for("the hold timers", lambda: gone(region), peers.HOLD_S + 3)
    assert time.monotonic() - begin <= peers.HOLD_S + 3


def test_comes_back_after_kill(region, nvad):
    """The fixture started it again: a killed nvad leaves nothing behind that stops the next."""
    answered, out = region.ping("spoke-a", INTERNET[4], 3)
    assert answered == 3, out

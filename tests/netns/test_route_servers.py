# SPDX-License-Identifier: BSD-3-Clause
"""Other implementations in the place of the route-server instances: nvad is bound to no one's habits."""
import pytest
from nvlab.net import wait_for
from nvlab.nva import Nvad

FAMILIES = {"frr": (4, 6), "openbgpd": (4,)}  # OpenBGPD: see start_rs_openbgpd
INTERNET = {4: "203.0.113.10", 6: "2001:db8:203:113::10"}


@pytest.fixture(scope="module", params=list(FAMILIES))
def lab(request, make_region):
    region = make_region(rs=request.param)
    nvad = Nvad(region).start()
    nvad.wait_established()
    yield region, nvad
    nvad.stop()


def test_injects_and_forwards(lab):
    region, nvad = lab
    for family in FAMILIES[region.rs_kind]:
        one_family(region, nvad, family)


def one_family(region, nvad, family):
    nva = region.nics["nva"].addr(family)
    region.wait_injected({4: "0.0.0.0/0", 6: "::/0"}[family], next_hop=nva)
    prefix = {4: "10.2.0.0/16", 6: "fd00:10:2::/48"}[family]
    wait_for("routes of both instances", lambda: {r["peer"] for r in nvad.routes() if r["prefix"] == prefix} == {"rs0", "rs1"})
    for address in (INTERNET[family], region.nics["spoke-b"].addr(family)):
        wait_for("an answer", lambda a=address: region.ping("spoke-a", a, 1)[0], 10)
        answered, out = region.ping("spoke-a", address, 5)
        assert answered == 5, out
    assert region.traceroute("spoke-a", INTERNET[family])[1] == nva

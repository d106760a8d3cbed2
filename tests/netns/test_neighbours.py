# SPDX-License-Identifier: BSD-3-Clause
"""ARP and neighbour discovery against real kernels on directly connected links."""
import json

import pytest
from lan import Lan
from nvlab.net import wait_for
from nvlab.traffic import Flow

families = pytest.mark.parametrize("family", [4, 6])


@pytest.fixture(scope="module")
def lab(make_net):
    net = make_net(Lan, hosts=2).up()
    nvad = net.start_nvad()
    yield net, nvad
    nvad.stop()


def reaches(net, address, count=1):
    out = net.run("lan1", "ping", "-n", "-i", "0.2", "-c", str(count), "-W", "1", address).stdout
    return out.count("bytes from")


def neighbour(nvad, address):
    rows = [r for r in nvad.show("neighbors") if r["address"] == address]
    return rows[0] if rows else None


def mac(net, host):
    return json.loads(net.ip(host, "-j", "link", "show", "dev", "eth0"))[0]["address"]


@families
def test_first_packet_waits_and_arrives(lab, family):
    """The hold queue: nothing is lost while the neighbour is resolved (RFC 1122 2.3.2.2)."""
    net, nvad = lab
    assert neighbour(nvad, net.addr("lan2", family)) is None
    assert reaches(net, net.addr("lan2", family), 3) == 3
    row = neighbour(nvad, net.addr("lan2", family))
    assert row["mac"] == mac(net, "lan2") and row["interface"] == "lan2"
    assert row["state"].lower() in ("reachable", "delay", "probe", "stale")


@families
def test_kernel_resolves_nvad(lab, family):
    net, nvad = lab
    rows = json.loads(net.ip("lan1", "-j", "neigh", "show"))
    mine = {r["dst"]: r.get("lladdr") for r in rows}
    assert mine[net.nics["lan1"].addr(family)] == net.mac_of_nvad(nvad, "lan1")


@families
def test_host_changes_mac(lab, family):
    net, nvad = lab
    address, new = net.addr("lan2", family), "02:00:00:00:%02d:99" % family
    # The other family's test may have changed the MAC before; a host that does so silently is found
    # when its entry is checked, within RFC 4861's REACHABLE_TIME of 30 s.
    wait_for("an answer", lambda: reaches(net, address), 60)
    net.ip("lan2", "link", "set", "eth0", "down")
    net.ip("lan2", "link", "set", "eth0", "address", new)
    net.ip("lan2", "link", "set", "eth0", "up")
    net.address("lan2")
    # The host speaks first, as hosts do; a silent one is found out when its entry ages.
    net.run("lan2", "ping", "-c1", "-W1", net.nics["lan2"].addr(family))
    wait_for("an answer from the new MAC", lambda: reaches(net, address), 60)
    wait_for("the new MAC in the table", lambda: neighbour(nvad, address)["mac"] == new, 10)


@families
def test_host_disappears_and_returns(lab, family):
    net, nvad = lab
    address, bits = net.addr("lan2", family), {4: 24, 6: 64}[family]
    wait_for("the host", lambda: reaches(net, address), 60)
    net.ip("lan2", "addr", "del", "%s/%d" % (address, bits), "dev", "eth0")
    before = nvad.drops()["neigh-failed"]

    def failed():
        reaches(net, address)
        row = neighbour(nvad, address)
        return row is None or row["state"].lower() in ("failed", "incomplete")

    wait_for("nvad to give the host up", failed, 90)
    wait_for("drops counted", lambda: reaches(net, address) == 0 and nvad.drops()["neigh-failed"] > before, 20)
    net.address("lan2")
    wait_for("the host again", lambda: reaches(net, address), 30)
    assert reaches(net, address, 3) == 3


@families
def test_sender_is_told_of_an_absent_host(lab, family):
    net, _ = lab
    absent = {4: "10.9.2.99", 6: "fd00:10:9:2::99"}[family]
    out = net.run("lan1", "ping", "-n", "-c", "6", "-i", "0.5", "-W", "4", absent).stdout
    assert {4: "Destination Host Unreachable", 6: "Address unreachable"}[family] in out, out


def test_traffic_passes_while_neighbours_age(lab):
    net, _ = lab
    with Flow(net, "lan1", "lan2", net.addr("lan2", 4), rate=200) as v4, \
            Flow(net, "lan1", "lan2", net.addr("lan2", 6), rate=200) as v6:
        import time
        time.sleep(20)
    assert v4.result["sent"] > 3000 and v4.result["n_lost"] == 0, v4.result
    assert v6.result["sent"] > 3000 and v6.result["n_lost"] == 0, v6.result

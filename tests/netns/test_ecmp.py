# SPDX-License-Identifier: BSD-3-Clause
"""Three hosts announce one prefix: flows spread over them, and a change of one path moves only its own."""
import time

import pytest
from lan import Lan
from nvlab import peers
from nvlab.net import wait_for
from nvlab.traffic import Flow

HOSTS = ("lan2", "lan3", "lan4")
SERVICE = {4: "198.51.100.1", 6: "2001:db8:198::1"}
PREFIX = {4: "198.51.100.0/24", 6: "2001:db8:198::/48"}


def start_host(net, host):
    conf = peers.HEAD % {"rid": net.addr(host, 4)} + "".join(
        "protocol static { ipv%d; route %s unreachable; }\n" % (f, PREFIX[f]) for f in (4, 6))
    conf += """protocol direct { ipv4; ipv6; }
protocol bgp nva {
	local %s as 65201;
	neighbor %s as 65001;
	hold time 9; connect retry time 1; connect delay time 1; error wait time 1, 4;
	ipv4 { import none; export where source = RTS_STATIC; next hop self; };
	ipv6 { import none; export where source = RTS_STATIC; next hop address %s; };
}
""" % (net.addr(host, 4), net.nics[host].v4, net.addr(host, 6))
    peers.start_bird(net, host, "bird-" + host, conf)


@pytest.fixture(scope="module")
def lab(make_net):
    net = make_net(Lan, hosts=4).up()
    bgp = "bgp:\n  as: 65001\n  router_id: 10.9.1.4\n  peers:\n" + "".join(
        "    - {name: %s, address: %s, as: 65201, hold_time: 9s}\n" % (h, net.addr(h, 4)) for h in HOSTS)
    for h in HOSTS:
        for f, bits in ((4, 32), (6, 128)):
            net.ip(h, "addr", "add", "%s/%d" % (SERVICE[f], bits), "dev", "lo", *(["nodad"] if f == 6 else []))
        start_host(net, h)
    nvad = net.start_nvad(bgp=bgp)
    nvad.wait_established(HOSTS)
    yield net, nvad
    nvad.stop()


def paths(nvad, family):
    return {r["peer"] for r in nvad.routes() if r["prefix"] == PREFIX[family] and (r["selected"] or r["multipath"])}


@pytest.mark.parametrize("family", [4, 6])
def test_flows_stay(lab, family):
    net, nvad = lab
    wait_for("three paths", lambda: paths(nvad, family) == set(HOSTS))
    wait_for("an answer", lambda: net.run("lan1", "ping", "-c1", "-W1", SERVICE[family]).returncode == 0)
    with Flow(net, "lan1", HOSTS, SERVICE[family], rate=640) as flow:
        time.sleep(2)
        net.kill("bird-lan4")
        wait_for("two paths", lambda: paths(nvad, family) == {"lan2", "lan3"})
        time.sleep(2)
        start_host(net, "lan4")
        wait_for("three paths again", lambda: paths(nvad, family) == set(HOSTS))
        time.sleep(2)
    seen = flow.result["paths"]
    assert {p[0] for p in seen} == set(HOSTS), "flows use every path"
    for p in seen:
        if p[0] != "lan4":
            assert p == [p[0]], "a flow of another path was moved"
        else:
            assert p[1:2] and p[1] in ("lan2", "lan3"), "a flow of the lost path was not moved"
    assert flow.result["n_lost"] == 0, flow.result

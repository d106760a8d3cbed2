# SPDX-License-Identifier: BSD-3-Clause
"""Sessions with the BGP daemons that people run: both families, refresh, both sides connecting, and their ends."""
import json
import os
import shutil
import signal
import time

import pytest
from lan import Lan
from nvlab import peers
from nvlab.net import wait_for

AS = {"bird": 65101, "frr": 4200000102, "openbgpd": 65103, "gobgp": 65001}  # the last is iBGP
HOST = {"bird": "lan1", "frr": "lan2", "openbgpd": "lan3", "gobgp": "lan4"}
HOLD_S = 9


def prefixes(daemon):
    i = HOST[daemon][3:]
    return "100.64.%s.0/24" % i, "fd00:64:%s::/48" % i


def bgp_section(net, **more):
    out = "bgp:\n  as: 65001\n  router_id: 10.255.0.1\n  peers:\n"
    for d, host in HOST.items():
        out += "    - name: %s\n      address: %s\n      as: %d\n      hold_time: %ds\n      connect_retry: 1s\n" % (
            d, net.addr(host, 4), AS[d], HOLD_S)
        out += more.get(d, "")
        out += "      export: [{prefix: 0.0.0.0/0}, {prefix: \"::/0\"}]\n"
    return out


def start_bird(net, node, as_, nva_as=65001, more="", name="bird"):
    a4, a6 = net.addr(node, 4), net.addr(node, 6)
    v4, v6 = prefixes("bird")
    conf = peers.HEAD % {"rid": a4} + """
protocol static { ipv4; route %s blackhole; }
protocol static { ipv6; route %s blackhole; }
protocol bgp nva {
	local %s as %d;
	neighbor %s as %d;
	hold time %d; connect retry time 1; connect delay time 1; error wait time 1, 2;
	%s
	ipv4 { import all; export where source = RTS_STATIC; };
	ipv6 { import all; export where source = RTS_STATIC; next hop address %s; };
}
""" % (v4, v6, a4, as_, net.nics[node].v4, nva_as, HOLD_S, more, a6)
    peers.start_bird(net, node, name, conf)


def start_frr(net, node):
    d = net.path("frr-" + node)
    os.makedirs(d, exist_ok=True)
    v4, v6 = prefixes("frr")
    nva = net.nics[node].v4
    conf = "frr defaults traditional\nhostname %s\nlog stdout\nrouter bgp %d\n bgp router-id %s\n" % (
        node, AS["frr"], net.addr(node, 4))
    conf += " no bgp ebgp-requires-policy\n no bgp network import-check\n neighbor %s remote-as 65001\n" % nva
    conf += " neighbor %s timers 3 %d\n neighbor %s timers connect 1\n" % (nva, HOLD_S, nva)
    conf += " address-family ipv4 unicast\n  network %s\n exit-address-family\n" % v4
    conf += " address-family ipv6 unicast\n  network %s\n  neighbor %s activate\n" % (v6, nva)
    conf += "  neighbor %s route-map OUT out\n exit-address-family\n" % nva
    conf += "route-map OUT permit 10\n set ipv6 next-hop global %s\n" % net.addr(node, 6)
    path = peers.write(net, "frr.conf", conf)
    for f in (d, path):
        shutil.chown(f, "frr", "frr")
    net.spawn(node, "frr", ["/usr/lib/frr/bgpd", "-n", "-Z", "-f", path, "-i", d + "/bgpd.pid", "--vty_socket", d,
                            "-P", "0"])


def start_openbgpd(net, node):
    v4, v6 = prefixes("openbgpd")
    path = peers.write(net, "openbgpd.conf", """
AS %d
router-id %s
fib-update no
holdtime %d
socket "%s"
network %s
network %s
neighbor %s {
	remote-as 65001
	announce IPv4 unicast
	announce IPv6 unicast
}
allow from any
allow to any
""" % (AS["openbgpd"], net.addr(node, 4), HOLD_S, net.path("openbgpd.ctl"), v4, v6, net.nics[node].v4), mode=0o600)
    os.makedirs("/run/openbgpd", exist_ok=True)  # it changes its root to there
    net.spawn(node, "openbgpd", ["bgpd", "-d", "-f", path])


def gobgp(net, *words):
    return net.exec(HOST["gobgp"], "gobgp", *words)


def start_gobgp(net, node):
    path = peers.write(net, "gobgp.toml", """
[global.config]
as = %d
router-id = "%s"
[[neighbors]]
[neighbors.config]
neighbor-address = "%s"
peer-as = 65001
[neighbors.timers.config]
hold-time = %d
keepalive-interval = 3
connect-retry = 1
idle-hold-time-after-reset = 1
[[neighbors.afi-safis]]
[neighbors.afi-safis.config]
afi-safi-name = "ipv4-unicast"
[[neighbors.afi-safis]]
[neighbors.afi-safis.config]
afi-safi-name = "ipv6-unicast"
""" % (AS["gobgp"], net.addr(node, 4), net.nics[node].v4, HOLD_S))
    net.spawn(node, "gobgp", ["gobgpd", "-f", path])
    wait_for("gobgpd", lambda: net.run(node, "gobgp", "global").returncode == 0)
    v4, v6 = prefixes("gobgp")
    gobgp(net, "global", "rib", "add", v4, "nexthop", net.addr(node, 4), "-a", "ipv4")
    gobgp(net, "global", "rib", "add", v6, "nexthop", net.addr(node, 6), "-a", "ipv6")


def start(net, daemon):
    node = HOST[daemon]
    if daemon == "bird":
        start_bird(net, node, AS["bird"])
    else:
        {"frr": start_frr, "openbgpd": start_openbgpd, "gobgp": start_gobgp}[daemon](net, node)


def summary(nvad, name):
    return [r for r in nvad.show("bgp", "summary") if r["peer"] == name][0]


def has_routes(nvad, daemon):
    got = {r["prefix"] for r in nvad.routes() if r["peer"] == daemon and r["selected"]}
    # OpenBGPD announces IPv6 over IPv4 with the next hop ::1, which is no route.
    return set(prefixes(daemon)[:1 if daemon == "openbgpd" else 2]) <= got


@pytest.fixture(scope="module")
def lab(make_net):
    net = make_net(Lan, hosts=4).up()
    nvad = net.start_nvad(bgp=bgp_section(net))
    for d in HOST:
        start(net, d)
    yield net, nvad
    nvad.stop()


@pytest.mark.parametrize("daemon", HOST)
def test_both_families(lab, daemon):
    _, nvad = lab
    nvad.wait_established([daemon], 40)
    wait_for("both prefixes of " + daemon, lambda: has_routes(nvad, daemon), 20)
    row = summary(nvad, daemon)
    if daemon == "openbgpd":
        wait_for("the reason", lambda: "next hop" in summary(nvad, daemon)["last_error"].lower().replace("_", " "), 5)
    else:
        assert row["last_error"] == "", "an error that is over shown as current"
    assert row["advertised"] == 2
    peer = nvad.show("bgp", "peer", daemon)[0]
    assert peer["ipv4"] and peer["ipv6"] and peer["as4"] and peer["refresh"]
    assert peer["ebgp"] == (daemon != "gobgp")
    assert "peer %s: Established" % daemon in nvad.log()


def test_peers_have_what_nvad_announces(lab):
    net, nvad = lab
    nvad.wait_established(HOST, 40)
    out = net.exec("lan1", "birdc", "-s", net.path("bird.ctl"), "show route 0.0.0.0/0 all")
    assert "bgp_path: 65001\n" in out.replace("BGP.as_path", "bgp_path"), out
    out = net.exec("lan1", "birdc", "-s", net.path("bird.ctl"), "show route ::/0 all")
    assert net.nics["lan1"].v6 in out, out
    rib = json.loads(gobgp(net, "global", "rib", "-a", "ipv4", "-j"))
    assert "0.0.0.0/0" in rib and rib["0.0.0.0/0"], rib
    out = net.exec("lan3", "bgpctl", "-s", net.path("openbgpd.ctl"), "-j", "show", "rib")
    assert {"0.0.0.0/0", "::/0"} <= {r["prefix"] for r in json.loads(out)["rib"]}


def test_refresh(lab):
    net, nvad = lab
    nvad.wait_established(["bird"])
    before = nvad.show("bgp", "peer", "bird")[0]["updates_out"]
    net.exec("lan1", "birdc", "-s", net.path("bird.ctl"), "reload in nva")
    wait_for("the table again", lambda: nvad.show("bgp", "peer", "bird")[0]["updates_out"] >= before + 2, 5)
    assert summary(nvad, "bird")["state"] == "Established"


@pytest.mark.parametrize("daemon", HOST)
def test_peer_restarts(lab, daemon):
    net, nvad = lab
    nvad.wait_established([daemon], 40)
    net.kill(daemon)
    wait_for("the routes of %s to go" % daemon, lambda: not has_routes(nvad, daemon), 5)
    row = summary(nvad, daemon)
    assert row["state"] != "Established" and row["last_error"] != ""
    start(net, daemon)
    nvad.wait_established([daemon], 40)
    wait_for("both prefixes of " + daemon, lambda: has_routes(nvad, daemon), 20)
    assert "eceived" not in summary(nvad, daemon)["last_error"], "an error that is over shown as current"


def test_silent_peer_is_gone_by_hold_time(lab):
    net, nvad = lab
    nvad.wait_established(["bird"], 40)
    os.kill(net.pid("bird"), signal.SIGSTOP)
    begin = time.monotonic()
    try:
        wait_for("the hold timer", lambda: summary(nvad, "bird")["state"] != "Established", HOLD_S + 3)
    finally:
        os.kill(net.pid("bird"), signal.SIGCONT)
    assert time.monotonic() - begin > HOLD_S - 5
    assert not has_routes(nvad, "bird")
    assert nvad.show("bgp", "peer", "bird")[0]["sent_notification"] == "4/0"
    nvad.wait_established(["bird"], 40)
    assert nvad.established() >= set(HOST), "another session was disturbed"


@pytest.mark.parametrize("nva_as, as_, what", [(65009, AS["bird"], "received OPEN Message Error: Bad Peer AS"),
                                               (65001, 65999, "sent OPEN Message Error: Bad Peer AS")])
def test_wrong_as(lab, nva_as, as_, what):
    net, nvad = lab
    net.kill("bird")
    start_bird(net, "lan1", as_, nva_as)
    try:
        wait_for("the reason", lambda: what in summary(nvad, "bird")["last_error"], 20)
        assert summary(nvad, "bird")["state"] != "Established"
        time.sleep(2)
        lines = [x for x in nvad.log().splitlines() if what in x]
        assert 1 <= len(lines) <= 4, "a line for every attempt"
    finally:
        net.kill("bird")
        start(net, "bird")
    # The back-off after errors is 60 s at most.
    nvad.wait_established(["bird"], 70)


def test_two_octet_peer(lab):
    net, nvad = lab
    net.kill("bird")
    start_bird(net, "lan1", AS["bird"], more="enable as4 off;")
    try:
        nvad.wait_established(["bird"], 70)
        wait_for("both prefixes", lambda: has_routes(nvad, "bird"), 10)
        assert not nvad.show("bgp", "peer", "bird")[0]["as4"]
    finally:
        net.kill("bird")
        start(net, "bird")
    nvad.wait_established(["bird"], 70)
    assert nvad.show("bgp", "peer", "bird")[0]["as4"]

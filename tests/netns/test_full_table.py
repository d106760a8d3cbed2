# SPDX-License-Identifier: BSD-3-Clause
"""A real table of a million prefixes from BIRD: loaded, listed and lost while the operator is answered."""
import json
import lzma
import os
import signal
import socket
import time

import pytest
from lan import Lan
from nvlab import nva, peers
from nvlab.net import wait_for

BGP = """
bgp:
  as: 65001
  peers:
    - {name: bird, address: 10.9.1.10, as: 65101, hold_time: 90s, connect_retry: 1s, export: [{prefix: 0.0.0.0/0}]}
"""


@pytest.fixture(scope="module")
def table():
    with lzma.open(os.path.join(nva.ROOT, "tests/data/prefixes.txt.xz"), "rt") as f:
        return f.read().split()  # its lines end in CR LF


@pytest.fixture(scope="module")
def lab(make_net, table):
    net = make_net(Lan, hosts=1).up()
    nvad = net.start_nvad(bgp=BGP)
    conf = peers.HEAD % {"rid": "10.9.1.10"}
    for family in (4, 6):
        conf += "protocol static {\n\tipv%d;\n%s}\n" % (family, "".join(
            "\troute %s blackhole;\n" % p for p in table if (":" in p) == (family == 6)))
    conf += """
protocol bgp nva {
	local 10.9.1.10 as 65101;
	neighbor %s as 65001;
	hold time 90; connect retry time 1; connect delay time 1;
	ipv4 { import all; export where source = RTS_STATIC; };
	ipv6 { import all; export where source = RTS_STATIC; next hop address %s; };
}
""" % (net.nics["lan1"].v4, net.addr("lan1", 6))
    peers.start_bird(net, "lan1", "bird", conf)
    yield net, nvad
    nvad.stop()


def answered_s(nvad):
    begin = time.monotonic()
    nvad.show("version")
    return time.monotonic() - begin


def wait_and_ask(nvad, what, predicate):
    """Waits while asking now and then; returns the longest time that an answer took."""
    worst = 0.0

    def step():
        nonlocal worst
        worst = max(worst, answered_s(nvad))
        return predicate()
    wait_for(what, step, 90, 0.2)
    return worst


def test_loads(lab, table):
    _, nvad = lab
    worst = wait_and_ask(nvad, "the whole table",
                         lambda: nvad.show("bgp", "summary")[0]["received"] == len(table))
    assert worst < 1.5
    fib = nvad.show("fib", "summary")[0]
    assert fib["v4_routes"] + fib["v6_routes"] >= len(table)
    assert fib["failed"] == fib["unresolved"] == 0


def test_listing_is_whole_and_starves_nobody(lab, table):
    _, nvad = lab
    clients = []
    for _ in range(4):  # who ask for all of it, and never read
        s = socket.socket(socket.AF_UNIX)
        s.connect(nvad.socket)
        s.sendall(b'{"command": "show route", "args": {"limit": 0}}\n')
        clients.append(s)
    assert max(answered_s(nvad) for _ in range(10)) < 1.5
    out = nvad.ctl("show", "route", "limit", "0", timeout=180).stdout
    got = {r["prefix"] for r in json.loads(out)["rows"] if r["source"] == "bgp"}
    assert got == set(table)
    for s in clients:
        s.close()
    assert len(nvad.show("route")) == 1000  # a person gets a screenful or fifty


def test_goes_with_the_peer(lab, table):
    net, nvad = lab
    net.kill("bird", signal.SIGKILL)
    worst = wait_and_ask(nvad, "the routes to go",
                         lambda: nvad.show("fib", "summary")[0]["rib_routes"] < 100)
    assert worst < 1.5
    fib = nvad.show("fib", "summary")[0]
    assert fib["v4_routes"] + fib["v6_routes"] < 100
    assert nvad.alive()

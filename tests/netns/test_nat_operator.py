# SPDX-License-Identifier: BSD-3-Clause
"""What an operator sees of flows and changes: filters, listings of many flows under traffic, clear, new
rules under connections, and who may."""
import collections
import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time

import pytest
from lan import Lan
from nat_apps import TcpEcho, UdpEcho, ask, echoes, line, make_socket, reset, tcp, udp
from nvlab import nat, nva
from nvlab.net import wait_for
from nvlab.traffic import Flow

INSIDE, INSIDE6, SERVER, SERVER6 = "10.9.1.10", "fd00:10:9:1::10", "10.9.2.10", "fd00:10:9:2::10"
OUTSIDE, OUTSIDE6, EIM = "10.9.2.4", "fd00:10:9:2::4", "10.9.2.50"
FLOWS = {"max_sessions": 65536, "timeouts": {"udp_new": "200s", "udp": "300s", "icmp": "100s"}}
NAT = {
    "pools": [{"name": "outside", "addresses": [OUTSIDE]}, {"name": "eim", "addresses": [EIM]},
              {"name": "outside6", "addresses": [OUTSIDE6]}],
    "snat": [{"name": "tcp", "ingress": ["lan1"], "source": ["10.9.1.0/24"], "protocols": ["tcp"], "pool": "outside"},
             {"name": "peer", "ingress": ["lan1"], "source": [INSIDE + "/32"], "destination": ["10.9.2.11/32"],
              "protocols": ["udp"], "pool": "eim", "mapping": "endpoint-independent"},
             {"name": "rest", "ingress": ["lan1"], "source": ["10.9.1.0/24"], "pool": "outside"},
             {"name": "rest6", "ingress": ["lan1"], "source": ["fd00:10:9:1::/64"], "pool": "outside6"}],
}
MANY = 10000


def config(net, nat_section=None, flows=None):
    text = net.config(routes=nat.yaml(nat_section or NAT, flows or FLOWS))
    return text.replace("system:\n", "system:\n  socket_group: nogroup\n", 1)


@pytest.fixture(scope="module")
def net(make_net):
    net = make_net(Lan, hosts=2).up()
    net.ip("lan2", "addr", "add", "10.9.2.11/24", "dev", "eth0")
    return net


@pytest.fixture(scope="module")
def running(net):
    nvad = nva.Nvad(net, config(net)).start()
    wait_for("nvad to forward", lambda: net.run("lan1", "ping", "-c1", "-W1", SERVER).returncode == 0, 20)
    yield nvad
    assert nvad.stop() == 0


@pytest.fixture
def nvad(net, running):
    """With the configuration as above, and without flows."""
    write(net, running, config(net))
    change(running, "reload")
    settled(running)
    change(running, "flow", "clear", "all")
    return running


def reply(nvad, *words):
    """The reply of nvactl --json, refusal or not."""
    p = nvad.ctl(*words, check=False, timeout=60)
    return {**json.loads(p.stdout), "status": p.returncode}


def refused(nvad, *words):
    """(code, exit status, message, hint)"""
    r = reply(nvad, *words)
    assert "error" in r, r
    return r["error"]["code"], r["status"], r["error"]["message"], r["error"]["hint"]


def change(nvad, *words):
    r = reply(nvad, *words)
    assert r["status"] == 0, r
    return r["rows"][0]


def write(net, nvad, text):
    with open(net.path(nvad.name + ".yaml"), "w") as f:
        f.write(text)


def summary(nvad):
    return nvad.show("flows", "summary")[0]


def settled(nvad):
    wait_for("the change of rules", lambda: not summary(nvad)["changing"], 5, 0.02)


def flows(nvad, *words):
    return nvad.show("flows", *words)


def end(row, which):
    return row[which], row[which + "_port"]


# Filters ----------------------------------------------------------------------------------------
@pytest.fixture
def some(net, nvad):
    """Six sessions: TCP and UDP of both families, a binding's, a query."""
    with contextlib.ExitStack() as stack:
        for cls, address, port in ((TcpEcho, SERVER, 7000), (TcpEcho, SERVER6, 7000), (UdpEcho, SERVER, 7001),
                                   (UdpEcho, SERVER6, 7001), (UdpEcho, "10.9.2.11", 7002)):
            stack.enter_context(cls(net, "lan2", address, port))
        for address in (SERVER, SERVER6):
            s = tcp(net, "lan1", address, 7000, 40000)
            stack.callback(reset, s)  # the port is wanted again at once
            line(s)
            assert echoes(s, b"hello")
            ask(stack.enter_context(udp(net, "lan1", address, 7001, 40001)))
        ask(stack.enter_context(udp(net, "lan1", "10.9.2.11", 7002, 40002)))
        assert net.run("lan1", "ping", "-c1", "-W2", SERVER).returncode == 0
        yield nvad


def test_rows(some):
    rows = flows(some)
    assert len(rows) == 6
    row = flows(some, "protocol", "tcp", "source", INSIDE)[0]
    assert row["state"] == "established" and row["rule"] == "tcp" and row["worker"] == 0
    assert end(row, "source") == (INSIDE, 40000) and end(row, "destination") == (SERVER, 7000)
    assert end(row, "to_source") == (OUTSIDE, 40000) and end(row, "to_destination") == (SERVER, 7000)
    # SYN, ACK, data, ACKs: and about as many back; bytes are of whole packets.
    assert 4 <= row["packets"] <= 12 and 3 <= row["reply_packets"] <= 12
    assert row["bytes"] >= 40 * row["packets"] + 5
    assert row["idle_ms"] < 5000 and 7430000 < row["expires_ms"] <= 7440000
    udp_ = flows(some, "protocol", "udp", "source", INSIDE, "destination", SERVER)[0]
    assert udp_["state"] == "replied" and udp_["packets"] == udp_["reply_packets"] == 1
    assert udp_["bytes"] == 20 + 8 + 1
    assert 290000 < udp_["expires_ms"] <= 300000 and udp_["idle_ms"] < 10000
    assert abs(udp_["idle_ms"] + udp_["expires_ms"] - 300000) <= 1100
    icmp = flows(some, "protocol", "icmp")[0]
    assert icmp["source_port"] == icmp["destination_port"] and icmp["rule"] == "rest"
    v6 = flows(some, "protocol", "tcp", "address", SERVER6)[0]
    assert v6["to_source"] == OUTSIDE6 and v6["rule"] == "rest6"


@pytest.mark.parametrize("words,want", [
    ("source 10.9.1.0/24", 4), ("source fd00:10:9:1::/64", 2), ("source 10.9.2.0/24", 0),
    ("destination " + SERVER, 3), ("destination 10.9.2.11", 1), ("translated " + OUTSIDE, 3),
    ("translated " + OUTSIDE6, 2), ("translated " + SERVER, 0), ("address " + OUTSIDE, 3), ("address " + INSIDE, 4),
    ("address ::/0", 2), ("protocol tcp", 2), ("protocol 17", 3), ("protocol icmp6", 0), ("port 40000", 2),
    ("port 7001", 2), ("state established", 2), ("state replied", 4), ("state syn", 0), ("rule peer", 1),
    ("rule rest", 2), ("worker 0", 6), ("protocol tcp rule rest6 port 7000 state established", 1),
    ("protocol udp state established", 0)])
def test_filters(some, words, want):
    assert len(flows(some, *words.split())) == want


def test_limit(some):
    r = reply(some, "show", "flows", "limit", "2")
    assert len(r["rows"]) == 2 and r["truncated"]
    r = reply(some, "show", "flows", "limit", "6")
    assert len(r["rows"]) == 6 and "truncated" not in r


def test_rules_pools_bindings(some):
    rules = {r["name"]: r for r in some.show("nat", "rules")}
    assert list(rules) == ["tcp", "peer", "rest", "rest6"]
    assert {r["kind"] for r in rules.values()} == {"snat"}
    assert [rules[n]["sessions"] for n in rules] == [1, 1, 2, 2]
    assert rules["tcp"]["created"] >= rules["tcp"]["peak"] >= 1
    pools = {p["name"]: p for p in some.show("nat", "pools")}
    assert pools["outside"]["sessions"] == 3 and pools["outside6"]["sessions"] == 2
    assert pools["eim"]["mapping"] == "endpoint-independent" and pools["eim"]["bindings"] == 1
    assert pools["outside"]["ports"] == "1024-65535" and pools["outside"]["addresses"] == OUTSIDE
    bindings = some.show("nat", "bindings")
    assert len(bindings) == 1
    b = bindings[0]
    assert (b["protocol"], end(b, "inside"), b["outside"]) == ("udp", (INSIDE, 40002), EIM)
    assert b["sessions"] == 1 and b["rule"] == "peer" and not b["held"] and b["expires_ms"] is None
    assert some.show("nat", "bindings", "address", EIM, "rule", "peer") == bindings
    assert some.show("nat", "bindings", "address", "10.9.1.11") == []
    assert some.show("nat", "bindings", "rule", "rest") == []


def test_summary(some):
    s = summary(some)
    assert s["sessions"] >= 6 and s["peak"] >= s["sessions"] and s["capacity"] >= FLOWS["max_sessions"]
    assert s["created"] >= 6 and not s["changing"]
    assert s["memory_bytes"] <= 180 * s["capacity"]


@pytest.mark.parametrize("words,code,status", [
    ("show flows source", "incomplete", 2), ("show flows source 10.9.1.1/24", "bad-argument", 2),
    ("show flows source 10.9.1.0/24 source 10.9.1.0/24", "bad-argument", 2), ("show flows port 65536", "bad-argument", 2),
    ("show flows port -1", "bad-argument", 2), ("show flows protocol tpc", "bad-argument", 2),
    ("show flows state up", "bad-argument", 2), ("show flows rule nosuch", "not-found", 1),
    ("show flows worker 1", "not-found", 1), ("show flows limit x", "bad-argument", 2), ("show flows nonsense", "bad-argument", 2),
    ("show nat", "incomplete", 2), ("show nat bindings rule nosuch", "not-found", 1), ("flow clear", "incomplete", 2),
    ("flow clear all port 1", "bad-argument", 2), ("flow clear rule nosuch", "not-found", 1), ("reload now", "bad-argument", 2)])
def test_bad_input(some, words, code, status):
    before = len(flows(some))
    assert refused(some, *words.split())[:2] == (code, status)
    assert len(flows(some)) == before


# Many flows -------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def many_ports(net):
    """Takes what MANY flows send, and says nothing."""
    socks = []
    for port in range(20000, 20100):
        s = make_socket(net, "lan2", 4, socket.SOCK_DGRAM)
        s.bind((SERVER, port))
        socks.append(s)
    yield
    for s in socks:
        s.close()


def make_many(net, nvad):
    socks = [make_socket(net, "lan1", 4, socket.SOCK_DGRAM) for _ in range(100)]
    for i, s in enumerate(socks):
        s.bind((INSIDE, 30000 + i))

    def send():
        for s in socks:
            for port in range(20000, 20100):
                s.sendto(b"x", (SERVER, port))
            time.sleep(0.002)
        return sum(r["sessions"] for r in nvad.show("nat", "rules")) >= MANY
    wait_for("%d flows" % MANY, send, 20)
    for s in socks:
        s.close()


def is_of_many(row):
    return 20000 <= row["destination_port"] < 20100


def check_whole(rows):
    """Each of the many flows is there, once."""
    tuples = collections.Counter(end(r, "source") + end(r, "destination") for r in rows if is_of_many(r))
    assert len(tuples) == MANY and set(tuples.values()) == {1}


def test_many_flows_listed_under_traffic(net, nvad, many_ports):
    """10,000 flows are listed again and again, by several clients of which one does not read: no packet is
    lost, and none waits."""
    make_many(net, nvad)
    gaps = {}
    for name in ("quiet", "listing"):
        with Flow(net, "lan1", "lan2", SERVER, rate=1000) as probe:
            if name == "quiet":
                time.sleep(3)
            else:
                stuck = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                stuck.connect(nvad.socket)
                stuck.sendall(b'{"command": "show flows", "args": {"limit": 0}}\n')
                for _ in range(3):
                    check_whole(flows(nvad, "limit", "0"))
                lists = [[], []]
                threads = [threading.Thread(target=lambda k=k: lists[k].extend(flows(nvad, "limit", "0")))
                           for k in range(2)]
                for t in threads:
                    t.start()
                for t in threads:
                    t.join()
                for rows in lists:
                    check_whole(rows)
                stuck.close()
        assert probe.result["sent"] > 300
        assert probe.result["n_lost"] == 0, (name, probe.result["n_lost"], probe.result["sent"], nvad.drops())
        gaps[name] = probe.result["longest_gap_ms"]
    # The clients' own work on a small machine is in it; a worker that stood still for a listing would
    # stand for much longer.
    assert gaps["listing"] < gaps["quiet"] + 150, gaps
    assert len(flows(nvad)) == 1000
    assert reply(nvad, "show", "flows")["truncated"]


def test_control_loop_rests_while_it_waits(net, nvad):
    """A listing whose client does not read costs nothing."""
    make_many(net, nvad)
    stuck = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    stuck.connect(nvad.socket)
    stuck.sendall(b'{"command": "show flows", "args": {"limit": 0}}\n')
    time.sleep(0.5)
    pid = nvad.show("version")[0]["pid"]

    def cpu_s():
        with open("/proc/%d/task/%d/stat" % (pid, pid)) as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    before = cpu_s()
    time.sleep(2)
    assert cpu_s() - before < 0.5
    stuck.close()


def test_eight_listings_at_once(net, nvad):
    """Those who do not read keep a place; it comes back when they leave."""
    make_many(net, nvad)
    clients = []
    for _ in range(8):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        s.connect(nvad.socket)
        s.sendall(b'{"command": "show flows", "args": {"limit": 0}}\n')
        clients.append(s)
    wait_for("places to be taken", lambda: "error" in reply(nvad, "show", "flows"), 5)
    assert refused(nvad, "show", "flows")[:2] == ("busy", 1)
    for s in clients:
        s.close()
    wait_for("places to come back", lambda: "error" not in reply(nvad, "show", "flows"), 5)
    check_whole(flows(nvad, "limit", "0"))


# Clear ------------------------------------------------------------------------------------------
def test_clear(net, some):
    before = summary(some)["cleared"]
    assert change(some, "flow", "clear", "port", "40001") == {"cleared": 2}
    assert {r["protocol"] for r in flows(some)} == {"tcp", "icmp", "udp"}
    assert len(flows(some)) == 4
    assert change(some, "flow", "clear", "port", "40001") == {"cleared": 0}
    assert change(some, "flow", "clear", "rule", "tcp", "state", "established") == {"cleared": 1}
    assert len(flows(some, "protocol", "tcp")) == 1
    assert summary(some)["cleared"] == before + 3
    # The binding stays when its session goes; `all` takes it too.
    assert change(some, "flow", "clear", "rule", "peer") == {"cleared": 1}
    assert some.show("nat", "bindings")[0]["sessions"] == 0
    assert some.show("nat", "bindings")[0]["expires_ms"] > 0
    assert change(some, "flow", "clear", "all") == {"cleared": 2}
    assert flows(some) == [] and some.show("nat", "bindings") == []
    assert [r["sessions"] for r in some.show("nat", "rules")] == [0, 0, 0, 0]
    assert re.search(r"flow clear rule tcp state established|flow clear state established rule tcp", some.log())
    assert re.search(r"flow clear all: 2 sessions ended, for uid 0", some.log())


def test_cleared_connection_is_cut(net, nvad):
    with TcpEcho(net, "lan2", SERVER, 7000):
        s = tcp(net, "lan1", SERVER, 7000, timeout=1)
        line(s)
        assert echoes(s, b"before")
        assert change(nvad, "flow", "clear", "protocol", "tcp") == {"cleared": 1}
        before = nvad.drops()["flow-midflow"]
        with pytest.raises(TimeoutError):
            echoes(s, b"after")
        assert nvad.drops()["flow-midflow"] > before
        s.close()


# Reload -----------------------------------------------------------------------------------------
class Transfer(threading.Thread):
    """Echoes over a connection until stop(); counts what came back."""

    def __init__(self, s):
        super().__init__(daemon=True)
        self.s, self.rounds, self.error, self.stopping = s, 0, None, threading.Event()
        self.start()

    def run(self):
        try:
            while not self.stopping.is_set():
                if not echoes(self.s, b"x" * 20000):
                    raise ConnectionError("the connection ended")
                self.rounds += 1
        except OSError as e:
            self.error = e

    def stop(self):
        self.stopping.set()
        self.join(10)
        assert self.error is None, self.error
        return self.rounds


def rules_without(name, **more):
    out = json.loads(json.dumps(NAT))
    out["snat"] = [r for r in out["snat"] if r["name"] != name]
    return {**out, **more}


def test_reload_keeps_what_still_matches(net, nvad):
    with TcpEcho(net, "lan2", SERVER, 7000), UdpEcho(net, "lan2", SERVER, 7001):
        s = tcp(net, "lan1", SERVER, 7000, timeout=5)
        seen = line(s)
        u = udp(net, "lan1", SERVER, 7001, 40001)
        assert ask(u) == (OUTSIDE, 40001)
        transfer = Transfer(s)
        row = flows(nvad, "protocol", "tcp")[0]
        # Another rule goes, one is new, and the rule of the connection has another place.
        new = rules_without("rest", pools=NAT["pools"][::-1])
        new["snat"].insert(0, {"name": "new", "ingress": ["lan1"], "source": ["10.9.1.99/32"], "pool": "outside"})
        write(net, nvad, config(net, new))
        r = change(nvad, "reload")
        assert r["file"] == net.path("nvad.yaml") and r["changed"] == ["nat"]
        assert len(r["warnings"]) == 2 and all("own address" in w for w in r["warnings"])
        settled(nvad)
        rounds = transfer.rounds
        wait_for("the transfer to go on", lambda: transfer.rounds > rounds + 10, 5)
        after = flows(nvad, "protocol", "tcp")
        assert len(after) == 1 and after[0]["rule"] == "tcp"
        assert end(after[0], "to_source") == end(row, "to_source") == (seen.split()[0], int(seen.split()[1]))
        assert after[0]["packets"] > row["packets"]
        assert flows(nvad, "protocol", "udp") == []
        assert [r["name"] for r in nvad.show("nat", "rules")] == ["new", "tcp", "peer", "rest6"]
        assert {r["name"]: r["sessions"] for r in nvad.show("nat", "rules")}["tcp"] == 1
        # And back: what was translated by the rule that is back begins anew.
        write(net, nvad, config(net))
        change(nvad, "reload")
        settled(nvad)
        assert ask(u) == (OUTSIDE, 40001)
        assert transfer.stop() > 20
        assert "reload of %s for uid 0" % net.path("nvad.yaml") in nvad.log()


def test_pool_that_is_gone(net, nvad):
    """Its sessions and bindings end, its address is nobody's; with the rules back all begins anew."""
    with UdpEcho(net, "lan2", "10.9.2.11", 7002):
        u = udp(net, "lan1", "10.9.2.11", 7002, 40002)
        assert ask(u) == (EIM, 40002)
        before = nvad.fib(EIM)
        new = rules_without("peer")
        new["pools"] = [p for p in new["pools"] if p["name"] != "eim"]
        write(net, nvad, config(net, new))
        change(nvad, "reload")
        settled(nvad)
        assert flows(nvad) == [] and nvad.show("nat", "bindings") == []
        wait_for("the pool's address to be let go", lambda: nvad.fib(EIM)["kind"] != before["kind"], 5)
        assert ask(u) == (OUTSIDE, 40002)  # the next rule's
        write(net, nvad, config(net))
        change(nvad, "reload")
        settled(nvad)
        assert ask(u) == (EIM, 40002)
        assert nvad.fib(EIM)["kind"] == before["kind"]
        assert len(nvad.show("nat", "bindings")) == 1


def test_session_of_a_rule_that_is_gone_ends(net, nvad):
    with TcpEcho(net, "lan2", SERVER, 7000):
        s = tcp(net, "lan1", SERVER, 7000, timeout=1)
        line(s)
        new = rules_without("tcp")
        new["snat"] = [r for r in new["snat"] if r["name"] != "rest"]
        write(net, nvad, config(net, new))
        change(nvad, "reload")
        settled(nvad)
        assert flows(nvad, "protocol", "tcp") == []
        # No rule is for it any more: it goes on untranslated, which is nothing to the server.
        with pytest.raises(ConnectionResetError):
            echoes(s, b"x")
        s.close()


def test_many_reloads_under_traffic(net, nvad):
    """Rules go back and forth, one change behind the other; connections that both want stay."""
    configs = [config(net), config(net, rules_without("rest6"))]
    with TcpEcho(net, "lan2", SERVER, 7000):
        s = tcp(net, "lan1", SERVER, 7000, timeout=5)
        line(s)
        transfer = Transfer(s)
        busy = 0
        for i in range(20):
            write(net, nvad, configs[i % 2])
            while "error" in (r := reply(nvad, "reload")):
                assert r["error"]["code"] == "busy", r
                busy += 1
                time.sleep(0.01)
        assert 0 < busy < 1000
        settled(nvad)
        assert transfer.stop() > 5
        assert len(flows(nvad, "protocol", "tcp")) == 1


def test_reload_of_times(net, nvad):
    with UdpEcho(net, "lan2", SERVER, 7001):
        u = udp(net, "lan1", SERVER, 7001)
        ask(u)
        assert flows(nvad)[0]["expires_ms"] > 200000
        write(net, nvad, config(net, flows={**FLOWS, "timeouts": {"udp": "3s", "udp_new": "3s"}}))
        assert change(nvad, "reload")["changed"] == ["flows"]
        settled(nvad)
        assert flows(nvad)[0]["expires_ms"] <= 3000
        wait_for("the session to expire", lambda: flows(nvad) == [], 8)


def test_reload_of_stateful_ports(net, nvad):
    """A port becomes stateful: what comes in there is tracked, rule or not."""
    assert not any(r["rule"] is None for r in flows(nvad))
    text = config(net, rules_without("rest6"))
    write(net, nvad, text)
    change(nvad, "reload")
    settled(nvad)
    assert text.count("  - name: lan2\n") == 1
    write(net, nvad, text.replace("  - name: lan2\n", "  - name: lan2\n    stateful: true\n"))
    assert change(nvad, "reload")["changed"] == ["ports.stateful"]
    settled(nvad)
    with UdpEcho(net, "lan1", INSIDE6, 7003):
        u = udp(net, "lan2", INSIDE6, 7003)
        assert ask(u)[0] == SERVER6
        row = flows(nvad, "port", "7003")[0]
        assert row["rule"] is None and end(row, "to_source") == end(row, "source")
        write(net, nvad, text)
        change(nvad, "reload")
        settled(nvad)
        assert flows(nvad, "port", "7003") == []
        assert ask(u)[0] == SERVER6  # forwarded as before


@pytest.mark.parametrize("old,new,code,says", [
    ("workers: 1", "workers: 010", "bad-config", "nvad.yaml:3:"), ("\"rest\"", "\"re st\"", "bad-config", "re st"),
    ("\"pool\": \"eim\"", "\"pool\": \"emi\"", "bad-config", "emi"), ("workers: 1", "workers: 2", "restart", "system.workers"),
    ("10.9.1.4/24", "10.9.1.5/24", "restart", "port lan1: addresses"),
    ("ports:\n", "routes: [{prefix: 192.0.2.0/24, blackhole: true}]\nports:\n", "restart", "routes"),
    ("65536", "65537", "restart", "max_sessions")])
def test_reload_refused(some, net, old, new, code, says):
    """Nothing changes, and the refusal says what and where."""
    rules, text = some.show("nat", "rules"), config(net)
    assert old in text
    write(net, some, text.replace(old, new, 1))
    got = refused(some, "reload")
    assert got[0] == code and got[1] == 1 and says in got[2], got
    if code == "bad-config":
        assert re.match(re.escape(net.path("nvad.yaml")) + r":\d+:\d+: ", got[2]), got
    assert [r["name"] for r in some.show("nat", "rules")] == [r["name"] for r in rules]
    assert len(flows(some)) == 6
    assert re.search(r"reload for uid 0 refused: .*" + re.escape(says), some.log())


def test_reload_without_a_file(some, net):
    os.unlink(net.path("nvad.yaml"))
    assert refused(some, "reload")[0] == "bad-config"
    assert len(flows(some)) == 6


def test_drop_reasons(some):
    """Those of tracking and translation are told of, each with a hint where something can be done."""
    drops = {r["reason"]: r for r in some.show("drops", "all")}
    for reason in ("flow-midflow", "flow-full", "nat-no-port", "nat-no-mapping", "nat-limit", "nat-rate"):
        assert drops[reason]["text"] and drops[reason]["hint"], reason
    assert len([r for r in drops if r.startswith(("flow-", "nat-", "frag-"))]) >= 8


# Who may ----------------------------------------------------------------------------------------
ASK = """import json, socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(json.dumps({"command": sys.argv[2]}).encode() + b"\\n")
print(s.makefile().readline())
"""


def ask_as(nvad, uid, gid, command):
    p = subprocess.run([sys.executable, "-c", ASK, nvad.socket, command], user=uid, group=gid, extra_groups=[], cwd="/",
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=20)
    return json.loads(p.stdout) if p.returncode == 0 else p.stderr


def test_permission(some):
    """The socket's group may look, and change nothing."""
    assert len(ask_as(some, 65534, 65534, "show flows")["rows"]) == 6
    assert ask_as(some, 65534, 65534, "show nat rules")["rows"]
    for command in ("flow clear all", "flow clear port 40000", "reload"):
        answer = ask_as(some, 65534, 65534, command)
        assert answer["error"]["code"] == "permission" and "65534" in answer["error"]["message"], answer
    assert len(flows(some)) == 6
    assert "PermissionError" in ask_as(some, 65534, 1, "show flows")
    assert ask_as(some, 0, 0, "flow clear all")["rows"][0]["cleared"] == 6

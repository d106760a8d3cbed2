# SPDX-License-Identifier: BSD-3-Clause
"""BGP messages, most of them malformed, from a peer that is this test: each gets what its RFC says.

tests/data/bgp-malformed.jsonl: hex, the phase to send it in, and what is expected. An UPDATE comes after
a valid one for the same prefix, so that a withdrawal shows. A second, honest peer stays up throughout.
"""
import json
import os
import re
import socket
import struct
import time

import pytest
from lan import Lan
from nvlab import nva, peers
from nvlab.net import wait_for

DATA = os.path.join(nva.ROOT, "tests/data/bgp-malformed.jsonl")
CASES = [json.loads(line) for line in open(DATA)]
ROWS = {row["id"]: bytes.fromhex(row["hex"]) for row in CASES}
PREFIX, PREFIX6 = "198.51.100.0/24", "2001:db8:1::/48"
AS_PEER, AS_NVAD = 64500, 64510
MARKER = b"\xff" * 16
KEEPALIVE = MARKER + struct.pack("!HB", 19, 4)
CAPS = bytes.fromhex("0104000100010104000200010200") + struct.pack("!BBI", 65, 4, AS_PEER)


def open_message(hold=90):
    body = struct.pack("!BHH4s", 4, AS_PEER, hold, socket.inet_aton("10.99.1.1"))
    body += struct.pack("!BBB", len(CAPS) + 2, 2, len(CAPS)) + CAPS
    return MARKER + struct.pack("!HB", 19 + len(body), 1) + body


# Both prefixes: MP_UNREACH_NLRI and the field of old.
WITHDRAW = MARKER + bytes.fromhex("0028" "02" "0004" "18c63364" "000d" "800f0a" "000201" "3020010db80001")


class Peer:
    """One connection to nvad. read() returns (type, body) or None at the end of the connection."""

    def __init__(self, net, address):
        with net.inside("peer"):
            self.sock = socket.create_connection(("10.99.1.2", 179), timeout=5, source_address=(address, 0))
        self.buffer = b""

    def send(self, data):
        self.sock.sendall(data)

    def read(self, timeout):
        deadline = time.monotonic() + timeout
        while True:
            if len(self.buffer) >= 19:
                n, kind = struct.unpack("!HB", self.buffer[16:19])
                if len(self.buffer) >= n:
                    body, self.buffer = self.buffer[19:n], self.buffer[n:]
                    return kind, body
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self.sock.settimeout(left)
            try:
                data = self.sock.recv(65536)
            except (TimeoutError, socket.timeout):
                raise TimeoutError from None
            except ConnectionResetError:
                return None
            if not data:
                return None
            self.buffer += data

    def expect(self, kind, timeout=5):
        while True:
            m = self.read(timeout)
            assert m is not None and m[0] != 3, "NOTIFICATION or close: %s" % (m,)
            if m[0] == kind:
                return m[1]

    def reaction(self, timeout):
        """"notification C/S", "close" or "none" within the time; other messages pass."""
        deadline = time.monotonic() + timeout
        try:
            while True:
                m = self.read(max(0.01, deadline - time.monotonic()))
                if m is None:
                    return "close"
                if m[0] == 3:
                    return "notification %d/%d" % (m[1][0], m[1][1])
        except TimeoutError:
            return "none"

    def establish(self):
        self.send(open_message())
        self.expect(1)
        self.send(KEEPALIVE)
        self.expect(4)
        return self

    def close(self):
        self.sock.close()


class Direct(Lan):
    """nvad at 10.99.1.2; testers at 10.99.1.10 and up; lan1 is the honest peer. NEXT_HOPs are 10.99.1.1."""

    def up(self):
        super().up()
        self.create("peer")
        self.link("nva", "peer0", "peer", "eth0")
        self.sysctl("nva", "net.ipv6.conf.peer0.disable_ipv6=1")
        self.batch("peer", ["addr add 10.99.1.%d/24 dev eth0" % i for i in [1, 50] + list(range(FIRST, 255))])
        self.ip("peer", "addr", "add", "fd99:1::1/64", "dev", "eth0", "nodad")
        return self

    def config(self, **kw):
        text = super().config(**kw)
        port = ('  - name: peer0\n    device: {kind: af_packet, interface: peer0}\n'
                '    addresses: [10.99.1.2/24, "fd99:1::2/64"]\n')
        return text.replace("bgp:\n", port + "bgp:\n", 1)


FIRST = 60


def may_end_the_session(row):
    return row["phase"] != "established" or "notification" in row["expect"] or "close" in row["expect"]


# A peer of its own for each case that may end the session: nvad keeps one that sends errors waiting
# before the next. The others share the first "shared" one that is still up.
TESTERS = {key: "10.99.1.%d" % (FIRST + i) for i, key in enumerate(
    [r["id"] for r in CASES if may_end_the_session(r)] + ["marker", "length-beyond-4096", "length-0", "text", "version"]
    + ["shared%d" % i for i in range(8)])}


@pytest.fixture(scope="module")
def lab(make_net):
    net = make_net(Direct, hosts=1).up()
    conf = peers.HEAD % {"rid": "10.9.1.10"} + """
protocol direct { ipv4; ipv6; }
protocol static { ipv4; route 203.0.113.0/24 unreachable; }
protocol bgp nva {
	local 10.9.1.10 as 65201; neighbor 10.9.1.4 as %d; hold time 90; connect retry time 1;
	ipv4 { import all; export where source = RTS_STATIC; };
}
""" % AS_NVAD
    peers.start_bird(net, "lan1", "bird", conf)
    testers = "".join("    - {name: %s, address: %s, as: %d, hold_time: 90s, passive: true}\n" % (key, address, AS_PEER)
                      for key, address in TESTERS.items())
    nvad = net.start_nvad(bgp="bgp:\n  as: %d\n  router_id: 10.99.1.2\n  peers:\n"
                          "    - {name: honest, address: 10.9.1.10, as: 65201, hold_time: 90s}\n" % AS_NVAD + testers)
    nvad.wait_established(["honest"])
    yield net, nvad
    nvad.stop()


@pytest.fixture(scope="module")
def shared(lab):
    """Gives (name, peer) with a session up and no routes."""
    names = [k for k in TESTERS if k.startswith("shared")]
    held = []

    def get():
        net, nvad = lab
        if held and held[0][0] not in nvad.established():
            held.pop()[1].close()
        if not held:
            name = names.pop(0)
            held.append((name, Peer(net, TESTERS[name]).establish()))
            nvad.wait_established([name])
        held[0][1].send(WITHDRAW)
        wait_for("an empty table", lambda: not {PREFIX, PREFIX6} & set(routes(nvad, held[0][0])), 5, 0.02)
        return held[0]

    yield get
    for _, peer in held:
        peer.close()


def routes(nvad, key):
    return {r["prefix"]: r for r in nvad.show("route", "peer", key)}


def wanted(expect):
    return [re.sub(r" \(.*\)", "", e.strip()) for e in expect.split(" or ")]


@pytest.mark.parametrize("row", [r for r in CASES if r["phase"] == "established"], ids=lambda r: r["id"])
def test_update(lab, shared, row):
    net, nvad = lab
    key, expected, ends = row["id"], wanted(row["expect"]), may_end_the_session(row)
    if ends:
        peer = Peer(net, TESTERS[key])
    else:
        key, peer = shared()
    try:
        if ends:
            peer.establish()
        if not row["expect"].startswith("accept"):
            # What may be withdrawn is there before.
            peer.send(ROWS["U00"] + ROWS["U12"])
            wait_for("both routes", lambda: {PREFIX, PREFIX6} <= set(routes(nvad, key)), 5, 0.02)
        peer.send(ROWS[row["id"]])
        reaction = peer.reaction(0.3)
        if reaction != "none":
            assert reaction in expected, "%s: %s instead of %s" % (row["desc"], reaction, row["expect"])
            wait_for("the routes to go with the session", lambda: not routes(nvad, key), 5)
            return
        assert key in nvad.established()
        got = routes(nvad, key)
        v4, v6 = PREFIX in got, PREFIX6 in got
        holds = {"accept": v4, "accept+propagate": v4, "accept/discard": v4, "accept6": v6, "withdraw": not v4,
                 "withdraw6": not v6, "ignored": v4 and v6}
        assert any(holds.get(e, False) for e in expected), "%s: v4 route %s, v6 route %s, wanted %s" % (
            row["desc"], v4, v6, row["expect"])
        if "v6 route not used" in row["expect"]:
            assert not (v6 and got[PREFIX6]["selected"])
    finally:
        if ends:
            peer.close()


@pytest.mark.parametrize("row", [r for r in CASES if r["phase"] != "established"], ids=lambda r: r["id"])
def test_before_established(lab, row):
    net, nvad = lab
    peer = Peer(net, TESTERS[row["id"]])
    try:
        if row["phase"] == "openconfirm":
            peer.send(open_message())
            peer.expect(1)
        peer.send(ROWS[row["id"]])
        expected = wanted(row["expect"])
        reaction = peer.reaction(0.5)
        if reaction == "none":
            assert "accept" in expected, "accepted instead of " + row["expect"]
            peer.send(KEEPALIVE)
            nvad.wait_established([row["id"]], 5)
        else:
            assert reaction in expected, "%s: %s instead of %s" % (row["desc"], reaction, row["expect"])
    finally:
        peer.close()


@pytest.mark.parametrize("name,data,expected", [
    ("marker", b"\0" * 16 + struct.pack("!HB", 19, 4), ["notification 1/1"]),
    ("length-beyond-4096", MARKER + struct.pack("!HB", 4097, 2), ["notification 1/2"]),
    ("length-0", MARKER + struct.pack("!HB", 0, 2), ["notification 1/2"]),
    ("text", b"GET / HTTP/1.1\r\nHost: nvad\r\n\r\n", ["notification 1/1"]),
], ids=lambda v: v if isinstance(v, str) else "")
def test_bad_header(lab, name, data, expected):
    peer = Peer(lab[0], TESTERS[name])
    try:
        peer.send(data)
        assert peer.reaction(2) in expected
    finally:
        peer.close()


def test_version(lab):
    peer = Peer(lab[0], TESTERS["version"])
    try:
        m = bytearray(open_message())
        m[19] = 3
        peer.send(bytes(m))
        assert peer.reaction(2) == "notification 2/1"
    finally:
        peer.close()


def test_stranger_is_refused(lab):
    """A connection from an address that is no peer gets no session."""
    net, _ = lab
    with net.inside("peer"):
        try:
            s = socket.create_connection(("10.99.1.2", 179), timeout=5, source_address=("10.99.1.50", 0))
        except OSError:
            return
    s.settimeout(5)
    s.sendall(open_message())
    try:
        data = s.recv(4096)
    except ConnectionResetError:
        data = b""
    s.close()
    # Closed, or with a Cease / Connection Rejected (RFC 4486).
    assert data == b"" or data[18:21] == b"\x03\x06\x05", data


def test_honest_peer_was_undisturbed(lab):
    _, nvad = lab
    row = [r for r in nvad.show("bgp", "summary") if r["peer"] == "honest"][0]
    assert row["state"] == "Established" and row["received"] == 1
    uptime = min(r["uptime_s"] for r in nvad.show("bgp", "summary") if r["peer"] == "honest")
    assert uptime >= 5
    assert "203.0.113.0/24" in {r["prefix"] for r in nvad.routes()}

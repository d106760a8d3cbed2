# SPDX-License-Identifier: BSD-3-Clause
"""Numbered UDP packets between two namespaces, so that each lost one is known by its number.

As a program: `traffic.py echo ADDRESS PORT NAME` answers with NAME until it is killed; `traffic.py probe
ADDRESS PORT RATE` sends RATE packets a second in FLOWS flows until its stdin closes, waits for stragglers
and prints JSON: sent, received, n_lost, lost (numbers), longest_gap_ms between two answers, paths
(for each flow who answered, in order, a name once for as long as it does not change), flow_lost.
"""
import json
import select
import socket
import struct
import subprocess
import sys
import time

PORT = 7777
FLOWS = 32


def sock(address):
    s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    return s


def echo(address, port, name):
    s = sock(address)
    s.bind((address, port))
    sys.stderr.write("ready\n")
    sys.stderr.flush()
    while True:
        data, peer = s.recvfrom(2048)
        s.sendto(data[:8] + name.encode(), peer)


def probe(address, port, rate, flows=FLOWS, size=64):
    """`flows` sockets in turn, so that every path of an ECMP set is used."""
    socks = [sock(address) for _ in range(flows)]
    for s in socks:
        s.connect((address, port))
        s.setblocking(False)
    pad = b"\0" * (size - 8)
    got, last, gap, sent = set(), time.monotonic(), 0.0, 0
    paths = [[] for _ in range(flows)]
    next_at, done_at = time.monotonic(), None
    while True:
        now = time.monotonic()
        if done_at is None and now >= next_at:
            socks[sent % flows].send(struct.pack("!Q", sent) + pad)
            sent += 1
            next_at += 1.0 / rate
        until = next_at if done_at is None else done_at
        ready = select.select(socks + ([sys.stdin] if done_at is None else []), [], [], max(0.0, until - now))[0]
        for s in ready:
            if s is sys.stdin:
                done_at = time.monotonic() + 1.0
                continue
            try:
                data = s.recv(2048)
            except OSError:
                continue  # an ICMP error of an earlier packet
            got.add(struct.unpack("!Q", data[:8])[0])
            path = paths[socks.index(s)]
            if path[-1:] != [data[8:].decode()]:
                path.append(data[8:].decode())
            now = time.monotonic()
            gap, last = max(gap, now - last), now
        if done_at is not None and (time.monotonic() >= done_at or len(got) == sent):
            break
    lost = sorted(set(range(sent)) - got)
    print(json.dumps({"sent": sent, "received": len(got), "lost": lost[:1000], "n_lost": len(lost),
                      "longest_gap_ms": round(gap * 1000, 1), "paths": paths,
                      "flow_lost": [sum(n % flows == f for n in lost) for f in range(flows)]}))


class Flow:
    """A probe from a node to an address that one node answers, or several share:
    `with Flow(net, "spoke-a", "internet", ADDRESS) as f: ...`, then f.result."""

    def __init__(self, net, src, dst, address, rate=500, port=PORT):
        self.net, self.src, self.address, self.rate, self.port = net, src, address, rate, port
        self.dst = [dst] if isinstance(dst, str) else dst
        self.servers, self.client, self.result = [], None, None

    def __enter__(self):
        me = [sys.executable, "-B", __file__]
        try:
            for node in self.dst:
                p = subprocess.Popen(self.net.argv(node, me + ["echo", self.address, str(self.port), node]),
                                     stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
                self.servers.append(p)
                line = p.stderr.readline()
                if line != "ready\n":
                    raise RuntimeError("echo server on %s: %s" % (node, line + p.stderr.read()))
            self.client = subprocess.Popen(
                self.net.argv(self.src, me + ["probe", self.address, str(self.port), str(self.rate)]),
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *exc):
        try:
            out, _ = self.client.communicate(timeout=10)
            self.result = json.loads(out)
        finally:
            self._end()
        return False

    def _end(self):
        for p in self.servers + ([self.client] if self.client else []):
            if p.poll() is None:
                p.kill()
            p.wait()
            for f in (p.stdin, p.stdout, p.stderr):
                if f:
                    f.close()


if __name__ == "__main__":
    try:
        if sys.argv[1] == "echo":
            echo(sys.argv[2], int(sys.argv[3]), sys.argv[4])
        else:
            probe(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
    except KeyboardInterrupt:
        pass

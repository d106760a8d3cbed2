# SPDX-License-Identifier: BSD-3-Clause
"""Numbered UDP packets between two namespaces, so that each lost one is known by its number.

As a program: `traffic.py echo ADDRESS PORT` answers until it is killed; `traffic.py probe ADDRESS PORT
RATE` sends RATE packets a second until its stdin closes, waits for stragglers and prints JSON:
sent, received, lost (numbers), longest_gap_ms between two answers.
"""
import json
import select
import socket
import struct
import subprocess
import sys
import time

PORT = 7777


def sock(address):
    s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    return s


def echo(address, port):
    s = sock(address)
    s.bind((address, port))
    sys.stderr.write("ready\n")
    sys.stderr.flush()
    while True:
        data, peer = s.recvfrom(2048)
        s.sendto(data, peer)


def probe(address, port, rate, flows=16, size=64):
    """`flows` sockets in turn, so that every path of an ECMP set is used."""
    socks = [sock(address) for _ in range(flows)]
    for s in socks:
        s.connect((address, port))
        s.setblocking(False)
    pad = b"\0" * (size - 8)
    got, last, gap, sent = set(), time.monotonic(), 0.0, 0
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
                got.add(struct.unpack("!Q", s.recv(2048)[:8])[0])
            except OSError:
                continue  # an ICMP error of an earlier packet
            now = time.monotonic()
            gap, last = max(gap, now - last), now
        if done_at is not None and (time.monotonic() >= done_at or len(got) == sent):
            break
    lost = sorted(set(range(sent)) - got)
    print(json.dumps({"sent": sent, "received": len(got), "lost": lost[:1000], "n_lost": len(lost),
                      "longest_gap_ms": round(gap * 1000, 1)}))


class Flow:
    """A probe from one node to another: `with Flow(...) as f: ...; f.result`."""

    def __init__(self, net, src, dst, address, rate=500, port=PORT):
        self.net, self.src, self.dst, self.address, self.rate, self.port = net, src, dst, address, rate, port
        self.result = None

    def __enter__(self):
        me = [sys.executable, __file__]
        net, tag = self.net, "%s-%d" % (self.dst, 6 if ":" in self.address else 4)
        self.server = subprocess.Popen(net.argv(self.dst, me + ["echo", self.address, str(self.port)]),
                                       stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        if self.server.stderr.readline() != "ready\n":
            raise RuntimeError("echo server on %s did not start" % tag)
        self.client = subprocess.Popen(net.argv(self.src, me + ["probe", self.address, str(self.port), str(self.rate)]),
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *exc):
        try:
            out, _ = self.client.communicate(timeout=10)
            self.result = json.loads(out)
        finally:
            for p in (self.client, self.server):
                if p.poll() is None:
                    p.kill()
                p.wait()
            self.server.stderr.close()
        return False


if __name__ == "__main__":
    try:
        if sys.argv[1] == "echo":
            echo(sys.argv[2], int(sys.argv[3]))
        else:
            probe(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
    except KeyboardInterrupt:
        pass

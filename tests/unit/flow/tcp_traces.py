#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Captures tests/data/tcp/*.pcap: two kernels' TCP over TUN devices in namespaces of their own, as somebody
between them sees it who has loss, duplication and reordering on both sides of him. Needs root.

    tcp_traces.py OUTPUT_DIRECTORY [NAME]
"""
import ctypes, fcntl, heapq, os, random, select, socket, struct, subprocess, sys, threading, time

CLIENT, SERVER = "tcptrace-c", "tcptrace-s"
TUNSETIFF, IFF_TUN_NO_PI = 0x400454CA, 0x1001
libc = ctypes.CDLL(None, use_errno=True)


def run(*words):
    subprocess.run(words, check=True)


def in_namespace(name, function):
    """Calls it in a thread of that namespace; sockets and devices stay there."""
    result = []

    def call():
        with open(f"/run/netns/{name}") as f:
            if libc.setns(f.fileno(), 0x40000000) != 0:
                raise OSError(ctypes.get_errno(), "setns")
        result.append(function())

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    return result[0]


def tun():
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH", b"tun0", IFF_TUN_NO_PI))
    return fd


class Path:
    """From each tun to the other: hold for a while or lose, record, hold or lose again."""

    def __init__(self, tuns, output, seed, loss, reorder, duplicate, snap):
        self.tuns, self.queue, self.count = tuns, [], 0
        self.random, self.loss, self.reorder, self.duplicate = random.Random(seed), loss, reorder, duplicate
        self.file, self.snap, self.stop = open(output, "wb"), snap, False
        self.file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, snap, 101))
        self.thread = threading.Thread(target=self.loop)
        self.thread.start()

    def enter(self, stage, to, packet):
        for _ in range(2 if self.random.random() < self.duplicate else 1):
            if self.random.random() < self.loss:
                continue
            delay = 0.002 + (self.random.random() * 0.008 if self.random.random() < self.reorder else 0)
            self.count += 1
            heapq.heappush(self.queue, (time.monotonic() + delay, self.count, stage, to, packet))

    def record(self, packet):
        now, n = time.time(), min(len(packet), self.snap)
        self.file.write(struct.pack("<IIII", int(now), int(now % 1 * 1e6), n, len(packet)) + packet[:n])

    def loop(self):
        while not self.stop:
            while self.queue and self.queue[0][0] <= time.monotonic():
                _, _, stage, to, packet = heapq.heappop(self.queue)
                if stage == 0:
                    self.record(packet)
                    self.enter(1, to, packet)
                else:
                    os.write(self.tuns[to], packet)
            wait = max(0, self.queue[0][0] - time.monotonic()) if self.queue else 0.05
            for fd in select.select(self.tuns, [], [], wait)[0]:
                packet = os.read(fd, 65536)
                if (packet[9] if packet[0] >> 4 == 4 else packet[6]) == 6:
                    self.enter(0, 1 - self.tuns.index(fd), packet)

    def close(self):
        time.sleep(0.3)
        self.stop = True
        self.thread.join()
        self.file.close()


def sysctl(name, value):
    for ns in CLIENT, SERVER:
        run("ip", "netns", "exec", ns, "sysctl", "-qw", f"{name}={value}")


def connect(family=socket.AF_INET, server_rcvbuf=None, client_rcvbuf=None):
    address = {socket.AF_INET: "10.99.0.2", socket.AF_INET6: "fd99::2"}[family]
    listener = in_namespace(SERVER, lambda: socket.socket(family))
    client = in_namespace(CLIENT, lambda: socket.socket(family))
    if server_rcvbuf:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, server_rcvbuf)
    if client_rcvbuf:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, client_rcvbuf)
    listener.bind((address, 8000))
    listener.listen()
    client.connect((address, 8000))
    server = listener.accept()[0]
    listener.close()
    return client, server


def pour(sender, receiver, size, pause=0):
    """Sends, half-closes, and returns once all was read; the reader may sleep in between."""

    def send():
        sender.sendall(bytes(size))
        sender.shutdown(socket.SHUT_WR)

    thread = threading.Thread(target=send)
    thread.start()
    got = 0
    while chunk := receiver.recv(65536):
        got += len(chunk)
        if pause and got % 7 == 0 or got == len(chunk):
            time.sleep(pause)
    thread.join()
    assert got == size


def bulk(family=socket.AF_INET):
    client, server = connect(family)
    pour(client, server, 300000)
    pour(server, client, 150000)  # the other half is closed
    client.close(), server.close()


def small_window():
    client, server = connect(server_rcvbuf=4000)
    pour(client, server, 60000, pause=0.7)
    server.close()
    time.sleep(0.2)
    client.close()


def keepalive():
    client, server = connect()
    for option, value in (socket.TCP_KEEPIDLE, 1), (socket.TCP_KEEPINTVL, 1):
        client.setsockopt(socket.IPPROTO_TCP, option, value)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    client.send(b"request")
    server.recv(100)
    time.sleep(4.5)
    server.send(b"answer")
    client.recv(100)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()  # a RST
    time.sleep(0.2)
    server.close()


def simultaneous():
    ends = [in_namespace(ns, socket.socket) for ns in (CLIENT, SERVER)]
    addresses = ("10.99.0.1", 7001), ("10.99.0.2", 7002)
    for end, own in zip(ends, addresses):
        end.bind(own)
    threads = [threading.Thread(target=end.connect, args=(to,)) for end, to in zip(ends, reversed(addresses))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pour(ends[0], ends[1], 20000)
    pour(ends[1], ends[0], 20000)


# name: scenario, loss, reorder, duplicate, sysctls
TRACES = {
    "bulk": (bulk, 0.02, 0.2, 0.02, {}),
    "bulk6": (lambda: bulk(socket.AF_INET6), 0.02, 0.2, 0.02, {}),
    "no-sack": (bulk, 0.01, 0.05, 0.01, {"net.ipv4.tcp_sack": 0}),
    "no-scale": (bulk, 0.02, 0.2, 0.02, {"net.ipv4.tcp_window_scaling": 0}),
    "small-window": (small_window, 0.02, 0.1, 0.02, {}),
    "keepalive": (keepalive, 0, 0, 0, {}),
    "simultaneous": (simultaneous, 0, 0.2, 0.02, {}),
}


def main():
    output, names = sys.argv[1], sys.argv[2:] or TRACES
    for seed, name in enumerate(names):
        scenario, loss, reorder, duplicate, settings = TRACES[name]
        try:
            for ns in CLIENT, SERVER:
                run("ip", "netns", "add", ns)
            tuns = [in_namespace(ns, tun) for ns in (CLIENT, SERVER)]
            for i, ns in enumerate((CLIENT, SERVER)):
                run("ip", "-n", ns, "addr", "add", f"10.99.0.{i + 1}/24", "dev", "tun0")
                run("ip", "-n", ns, "addr", "add", f"fd99::{i + 1}/64", "dev", "tun0", "nodad")
                run("ip", "-n", ns, "link", "set", "tun0", "up")
            for key, value in settings.items():
                sysctl(key, value)
            path = Path(tuns, f"{output}/{name}.pcap", seed, loss, reorder, duplicate, 100)
            try:
                scenario()
            finally:
                path.close()
                for fd in tuns:
                    os.close(fd)
        finally:
            for ns in CLIENT, SERVER:
                run("ip", "netns", "del", ns)


if __name__ == "__main__":
    main()

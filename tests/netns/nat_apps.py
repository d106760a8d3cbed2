# SPDX-License-Identifier: BSD-3-Clause
"""Servers and clients on the lab's nodes, in this process: sockets are made inside a namespace and stay
there. What a server tells of its clients is what shows translation."""
import contextlib
import http.server
import os
import select
import socket
import ssl
import struct
import subprocess
import threading
import time

from nvlab.net import wait_for

INTERNET = {4: "203.0.113.10", 6: "2001:db8:203:113::10"}
DEFAULT = {4: "0.0.0.0/0", 6: "::/0"}
IP_RECVERR, IPV6_RECVERR = 11, 25


def family_of(address):
    return 6 if ":" in address else 4


def make_socket(net, node, family, kind):
    with net.inside(node):
        s = socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6, kind)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return s


class Server:
    """A thread that serves until the `with` ends."""

    def __init__(self, net, node, address, port):
        self.net, self.node, self.address, self.port = net, node, address, port
        self.family = family_of(address)
        self.stopping = threading.Event()

    def __enter__(self):
        self.open()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.stopping.set()
        self.thread.join(5)
        self.sock.close()
        return False


class UdpEcho(Server):
    """Answers with "ADDRESS PORT " of the client as seen here, and the data. `seen`: all clients;
    `clients`: their sockets' names, for send()."""

    def open(self):
        self.seen = []
        self.sock = make_socket(self.net, self.node, self.family, socket.SOCK_DGRAM)
        self.sock.bind((self.address, self.port))
        self.sock.settimeout(0.1)

    def serve(self):
        while not self.stopping.is_set():
            try:
                data, peer = self.sock.recvfrom(65536)
            except (socket.timeout, OSError):
                continue
            self.seen.append(peer[:2])
            self.sock.sendto(("%s %d " % peer[:2]).encode() + data, peer)


class TcpEcho(Server):
    """Says "ADDRESS PORT\\n" of the client as seen here, echoes until the client's FIN, then says
    "end BYTES\\n" into the half that is still open, and closes."""

    def open(self):
        self.seen, self.conns = [], []
        self.sock = make_socket(self.net, self.node, self.family, socket.SOCK_STREAM)
        self.sock.bind((self.address, self.port))
        self.sock.listen(1024)

    def serve(self):
        poll = select.epoll()
        poll.register(self.sock, select.EPOLLIN)
        conns = {}
        while not self.stopping.is_set():
            for fd, _ in poll.poll(0.1):
                if fd == self.sock.fileno():
                    c, peer = self.sock.accept()
                    self.seen.append(peer[:2])
                    conns[c.fileno()] = [c, 0]
                    poll.register(c, select.EPOLLIN)
                    with contextlib.suppress(OSError):  # reset already: the next event tells
                        c.sendall(("%s %d\n" % peer[:2]).encode())
                    continue
                c, n = conns[fd]
                try:
                    data = c.recv(65536)
                    if data:
                        conns[fd][1] += len(data)
                        c.sendall(data)
                        continue
                    c.sendall(b"end %d\n" % n)
                except OSError:
                    pass
                poll.unregister(fd)
                conns.pop(fd)[0].close()
        for c, _ in conns.values():
            c.close()
        poll.close()


class Web(Server):
    """HTTP, or HTTPS with a certificate. GET /who: the client's address; GET /bytes/N: N bytes; PUT:
    how many bytes came."""

    def __init__(self, net, node, address, port, tls=False):
        super().__init__(net, node, address, port)
        self.tls = tls

    def open(self):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self, body):
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                if self.path.startswith("/bytes/"):
                    return self.answer(bytes(int(self.path.split("/")[2])))
                self.answer(("%s %d" % self.client_address[:2]).encode())

            def do_PUT(self):
                self.answer(b"%d" % len(self.rfile.read(int(self.headers["Content-Length"]))))

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer((self.address, self.port), Handler, bind_and_activate=False)
        self.server.daemon_threads = True
        self.server.socket.close()
        self.sock = make_socket(self.net, self.node, self.family, socket.SOCK_STREAM)
        self.sock.bind((self.address, self.port))
        self.sock.listen(64)
        if self.tls:
            cert = certificate(self.net, self.address)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(cert)
            self.sock = context.wrap_socket(self.sock, server_side=True)
        self.server.socket = self.sock

    def serve(self):
        self.server.serve_forever(0.05)

    def __exit__(self, *exc):
        self.server.shutdown()
        return super().__exit__(*exc)


def certificate(net, address):
    """A key and a certificate of its own signing, for the address."""
    path = net.path("cert-%s.pem" % address.replace(":", "-"))
    if not os.path.exists(path):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-days", "2", "-subj", "/CN=nvlab", "-addext", "subjectAltName=IP:" + address,
                        "-keyout", path, "-out", path + ".crt"], check=True, stderr=subprocess.DEVNULL)
        with open(path, "a") as out, open(path + ".crt") as crt:
            out.write(crt.read())
    return path


def url(address, port, path, scheme="http"):
    return "%s://%s:%d%s" % (scheme, "[%s]" % address if ":" in address else address, port, path)


def curl(net, node, *args):
    """curl's output; fails with its message."""
    p = net.run(node, "curl", "-sS", "-m", "8", "--connect-timeout", "5", *args)
    assert p.returncode == 0, p.stderr
    return p.stdout


def tcp(net, node, address, port, sport=0, timeout=5):
    """A connected socket."""
    s = make_socket(net, node, family_of(address), socket.SOCK_STREAM)
    s.settimeout(timeout)
    try:
        if sport:
            s.bind(("" if family_of(address) == 4 else "::", sport))
        s.connect((address, port))
    except BaseException:
        s.close()
        raise
    return s


def udp(net, node, address, port, sport=0, timeout=3):
    """A connected socket that hears of ICMP errors at once."""
    f = family_of(address)
    s = make_socket(net, node, f, socket.SOCK_DGRAM)
    s.settimeout(timeout)
    s.bind(("" if f == 4 else "::", sport))
    s.setsockopt(*((socket.IPPROTO_IP, IP_RECVERR, 1) if f == 4 else (socket.IPPROTO_IPV6, IPV6_RECVERR, 1)))
    s.connect((address, port))
    return s


def line(s):
    """One line from a TcpEcho, without its end; what has come when the peer closes."""
    data = b""
    while not data.endswith(b"\n"):
        got = s.recv(1)
        if not got:
            break
        data += got
    return data.decode().rstrip("\n")


def ask(s, data=b"x"):
    """Sends to an UdpEcho; returns the client's address and port as seen there."""
    s.send(data)
    answer = s.recv(65536).split(b" ", 2)
    assert answer[2] == data
    return answer[0].decode(), int(answer[1])


def echoes(s, data):
    """Sends on a TcpEcho's connection and reads it back."""
    s.sendall(data)
    got = b""
    while len(got) < len(data):
        more = s.recv(65536)
        if not more:
            return False
        got += more
    return got == data


def reset(s):
    """Closes with RST."""
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


def icmp_errors(s):
    """(type, code) of the ICMP errors in the socket's error queue."""
    out = []
    s.setblocking(False)
    while True:
        try:
            _, control, _, _ = s.recvmsg(2048, 512, socket.MSG_ERRQUEUE)
        except BlockingIOError:
            return out
        for level, kind, data in control:
            if (level, kind) in ((socket.IPPROTO_IP, IP_RECVERR), (socket.IPPROTO_IPV6, IPV6_RECVERR)):
                out.append(tuple(data[5:7]))  # struct sock_extended_err: errno, origin, type, code


def iperf(net, client, server, address, *args, seconds=2):
    """iperf3's JSON of a run from client to server."""
    import json
    port = 5201
    p = subprocess.Popen(net.argv(server, ["iperf3", "-s", "-1", "-p", str(port)]), stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL)
    try:
        wait_for("iperf3", lambda: ":%d" % port in net.exec(server, "ss", "-ltn"), 5, 0.02)
        out = net.run(client, "iperf3", "-c", address, "-p", str(port), "-t", str(seconds), "-J", *args,
                      timeout=seconds + 20)
        result = json.loads(out.stdout)
        assert "error" not in result, result["error"]
        return result["end"]
    finally:
        p.kill()
        p.wait()


def eventually(predicate, seconds=5.0):
    """Whether it becomes true in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if predicate():
            return True
        time.sleep(0.05)
    return bool(predicate())

# SPDX-License-Identifier: BSD-3-Clause
"""The operator's view of flows that two workers share."""
import socket
import time

import pytest
import test_nat_operator as one
from nat_apps import TcpEcho, line, tcp
from nvlab import nva
from nvlab.net import wait_for
from test_nat_operator import change, check_whole, flows, make_many, net, many_ports, reply, settled, write  # noqa: F401


def config(net, *args):
    return one.config(net, *args).replace("workers: 1\n", "workers: 2\n", 1)


@pytest.fixture(scope="module")
def nvad(net):  # noqa: F811
    nvad = nva.Nvad(net, config(net)).start()
    wait_for("nvad to forward", lambda: net.run("lan1", "ping", "-c1", "-W1", one.SERVER).returncode == 0, 20)
    yield nvad
    nvad.stop()  # where it still runs


def test_both_are_asked(net, nvad, many_ports):  # noqa: F811
    make_many(net, nvad)
    rows = flows(nvad, "limit", "0")
    check_whole(rows)
    share = [len(flows(nvad, "worker", str(w), "limit", "0")) for w in (0, 1)]
    assert sum(share) == len(rows) and min(share) > one.MANY / 4
    assert {r["worker"] for r in rows} == {0, 1}
    cut = reply(nvad, "show", "flows", "limit", "9000")
    assert len(cut["rows"]) == 9000 and cut["truncated"]
    assert one.refused(nvad, "show", "flows", "worker", "2")[0] == "not-found"


def test_reload_and_clear(net, nvad, many_ports):  # noqa: F811
    """The rule of the many goes; connections on both workers stay, till they are cleared."""
    make_many(net, nvad)
    with TcpEcho(net, "lan2", one.SERVER, 7000):
        transfers = []
        for _ in range(12):
            s = tcp(net, "lan1", one.SERVER, 7000)
            line(s)
            transfers.append(one.Transfer(s))
        rows = flows(nvad, "protocol", "tcp")
        assert {r["worker"] for r in rows} == {0, 1} and len(rows) == 12
        write(net, nvad, config(net, one.rules_without("rest")))
        assert change(nvad, "reload")["changed"] == ["nat"]
        settled(nvad)
        assert len(flows(nvad, "limit", "0")) == 12
        assert [r["sessions"] for r in nvad.show("nat", "rules") if r["name"] == "tcp"] == [12]
        for t in transfers:
            assert t.stop() > 0
        write(net, nvad, config(net))
        change(nvad, "reload")
        settled(nvad)
        make_many(net, nvad)
        one_worker = len(flows(nvad, "worker", "1", "limit", "0"))
        assert change(nvad, "flow", "clear", "worker", "1") == {"cleared": one_worker}
        assert {r["worker"] for r in flows(nvad, "limit", "0")} == {0}
        left = len(flows(nvad, "limit", "0"))
        assert change(nvad, "flow", "clear", "all") == {"cleared": left}
        assert flows(nvad) == []


def test_stop_amid_listings(net, nvad, many_ports):  # noqa: F811
    """Clients that do not read have workers with full mailboxes: nvad stops in order all the same."""
    make_many(net, nvad)
    clients = [socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) for _ in range(3)]
    for s in clients:
        s.connect(nvad.socket)
        s.sendall(b'{"command": "show flows", "args": {"limit": 0}}\n')
    time.sleep(0.3)
    begin = time.monotonic()
    assert nvad.stop() == 0
    assert time.monotonic() - begin < 5
    for s in clients:
        s.close()

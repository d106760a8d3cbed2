# SPDX-License-Identifier: BSD-3-Clause
"""nvad between hosts on its own links: no fabric, so that its neighbours are real kernels.

Host lanI (I from 1) is 10.9.I.10 / fd00:10:9:I::10 on nvad's port lanI (ethI, .4 / ::4).
"""
from nvlab import nva
from nvlab.net import Net
from nvlab.region import Nic


class Lan(Net):
    def __init__(self, prefix, hosts=2, **kw):
        super().__init__(prefix, **kw)
        self.hosts = ["lan%d" % i for i in range(1, hosts + 1)]
        self.nics = {h: Nic("nva", "eth" + h[3:], "10.9." + h[3:], 4, None) for h in self.hosts}

    def up(self):
        self.prepare()
        self.create("nva")
        for h in self.hosts:
            self.create(h)
            self.link("nva", self.nics[h].ifname, h, "eth0")
            self.address(h)
        return self

    def address(self, host):
        """Gives a host its addresses and routes (again)."""
        self.batch(host, ["addr replace %s/24 dev eth0" % self.addr(host, 4),
                          "route replace default via " + self.nics[host].v4])
        self.batch(host, ["addr replace %s/64 dev eth0 nodad" % self.addr(host, 6),
                          "route replace default via " + self.nics[host].v6], "-6")

    def addr(self, host, family):
        i = host[3:]
        return "10.9.%s.10" % i if family == 4 else "fd00:10:9:%s::10" % i

    def config(self, routes="", bgp="", socket="nvad.sock"):
        out = "system:\n  workers: 1\n  memory_mb: 512\n  socket: %s\nports:\n" % self.path(socket)
        for h, nic in self.nics.items():
            out += "  - name: %s\n    device: {kind: af_packet, interface: %s}\n" % (h, nic.ifname)
            out += "    addresses: [%s/24, \"%s/64\"]\n" % (nic.v4, nic.v6)
        return out + routes + bgp

    def start_nvad(self, **kw):
        return nva.Nvad(self, self.config(**kw)).start()

    def mac_of_nvad(self, nvad, host):
        return [r for r in nvad.show("interfaces") if r["name"] == host][0]["mac"]

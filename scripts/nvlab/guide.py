# SPDX-License-Identifier: BSD-3-Clause
"""How to look around in a lab that is up."""
import os

from . import nva


def look_around(region, kind="nvad", nat=False):
    lab = os.path.relpath(os.path.join(nva.ROOT, "scripts/lab"))
    if region.prefix != "nvlab-":
        lab = "NVLAB_PREFIX=%s %s" % (region.prefix, lab)
    lines = ["The lab is up; its configurations, sockets and logs are in %s. Look around:" % region.run_dir,
             "  %s status" % lab,
             "  %s exec spoke-a ping 203.0.113.10" % lab,
             "  %s exec spoke-a traceroute -n 10.2.0.4" % lab,
             "  %s exec fabric ip route show table 103    # effective routes of spoke-a's NIC" % lab,
             "  birdc -s %s show route" % region.path("rs0.ctl")]
    if kind == "nvad":
        ctl = os.path.relpath(os.path.join(nva.BUILD, "app/nvactl/nvactl"))
        for words in ("show bgp summary", "show route", "show graph") + (("show flows", "show nat rules") if nat else ()):
            lines.append("  %s --socket %s %s" % (ctl, region.path("nvad.sock"), words))
    return "\n".join(lines + ["and end it with", "  %s down" % lab])

# SPDX-License-Identifier: BSD-3-Clause
"""Counts tests for scripts/test: `count.py meson TESTLOG.json OUT`, `count.py junit XML OUT`.

Appends "passed N", "failed N", "skipped N" to OUT and prints each skip with its reason. A cmocka
program counts as its individual tests, another one as one; a file that cannot be read is a failure.
"""
import json
import re
import sys
import xml.etree.ElementTree as ET

CMOCKA = re.compile(r"\[\s+(OK|FAILED|SKIPPED)\s+\] (?!\d+ test)(\S+)")


def meson(path):
    n = {"passed": 0, "failed": 0, "skipped": 0}
    with open(path) as f:
        for line in f:
            t = json.loads(line)
            output = (t.get("stdout") or "") + "\n" + (t.get("stderr") or "")
            seen = {(word, name) for word, name in CMOCKA.findall(output)}
            of = {w: {name for word, name in seen if word == w} for w in ("OK", "FAILED", "SKIPPED")}
            bad = t["result"] not in ("OK", "SKIP", "EXPECTEDFAIL")
            n["passed"] += len(of["OK"]) or int(not seen and t["result"] == "OK")
            # A program that crashed names no failed test: it counts as one.
            n["failed"] += len(of["FAILED"]) or int(bad)
            n["skipped"] += len(of["SKIPPED"]) or int(not seen and t["result"] == "SKIP")
            for name in sorted(of["SKIPPED"]):
                # A test that skips says why in a line "skipped: REASON" of its own.
                reason = re.search(r"skipped: (.*)(?=(?:.|\n)*?SKIPPED\s+\] %s$)" % re.escape(name), output, re.M)
                print("skipped: %s %s: %s" % (t["name"], name, reason.group(1) if reason else "see its output"))
    return n


def junit(path):
    n = {"passed": 0, "failed": 0, "skipped": 0}
    for case in ET.parse(path).getroot().iter("testcase"):
        kinds = {child.tag for child in case}
        n["failed" if kinds & {"failure", "error"} else "skipped" if "skipped" in kinds else "passed"] += 1
    return n


def main():
    kind, path, out = sys.argv[1:]
    try:
        n = {"meson": meson, "junit": junit}[kind](path)
    except (OSError, ValueError, ET.ParseError) as e:
        print("no results in %s: %s" % (path, e))
        n = {"failed": 1}
    with open(out, "a") as f:
        f.writelines("%s %d\n" % kv for kv in n.items())


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""nvactl against a server of canned answers: what it sends, shows, and exits with.

Usage: test_nvactl.py NVACTL
"""
import json
import os
import pty
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

NVACTL = None


def reply(rows, columns, more=False, layout="table", **extra):
    return json.dumps({
        "schema": 1, "command": "show test", "layout": layout, "more": more, "rows": rows,
        "columns": [dict(zip(("name", "title", "type", "unit"), c)) for c in columns], **extra})


COLUMNS = [("name", "NAME", "text", ""), ("packets", "PACKETS", "number", ""),
           ("up", "UP", "bool", ""), ("age_s", "AGE", "number", "s"),
           ("addresses", "ADDRESSES", "list", ""), ("error", "ERROR", "text", "")]


def row(name, packets=1, up=True, age=5, addresses=(), error=""):
    return {"name": name, "packets": packets, "up": up, "age_s": age,
            "addresses": list(addresses), "error": error}


class Server:
    """Answers each connection's line with the canned lines, and keeps what was asked."""

    def __init__(self, *lines):
        self.dir = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.dir.name, "s")
        self.lines, self.asked = lines, []
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.bind(self.path)
        self.sock.listen(8)
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                client, _ = self.sock.accept()
            except OSError:
                return
            with client, client.makefile("rw") as f:
                line = f.readline()
                if line:
                    self.asked.append(json.loads(line))
                try:
                    for answer in self.lines:
                        f.write(answer + "\n")
                    f.flush()
                except OSError:
                    pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()
        self.thread.join(5)
        self.dir.cleanup()


def run(*args, stdin=subprocess.DEVNULL):
    p = subprocess.run([NVACTL, *args], stdin=stdin, capture_output=True, text=True, timeout=20)
    return p.returncode, p.stdout, p.stderr


def error(code, message="no", hint="do this"):
    return json.dumps({"schema": 1, "error": {"code": code, "message": message, "hint": hint}})


class Words(unittest.TestCase):
    def test_words_go_as_they_are(self):
        with Server(reply([], COLUMNS)) as s:
            self.assertEqual(run("-s", s.path, "sh", "bgp  sum", "--json")[0], 0)
            self.assertEqual(s.asked, [{"words": ["sh", "bgp", "sum"]}])

    def test_usage(self):
        for args in (["--nonsense"], [], ["--json"], [" "], ["x"] * 40):
            status, out, err = run(*args)
            self.assertEqual((status, out), (2, ""), args)
            self.assertIn("nvactl --help", err)
        self.assertEqual(run("--help")[0], 0)
        self.assertRegex(run("--version")[1], r"^nvactl \d+\.\d+")


    def test_reals_as_a_person_writes_them(self):
        columns = [("name", "NAME", "text", ""), ("share", "SHARE", "number", "percent")]
        with Server(reply([{"name": "a", "share": 2.03}], columns)) as s:
            self.assertIn('"share":2.03}', run("-s", s.path, "show", "test", "--json")[1])


class Connection(unittest.TestCase):
    def test_nobody_there(self):
        status, out, err = run("--socket", "/nonexistent/s", "show", "version")
        self.assertEqual((status, out), (2, ""))
        self.assertIn("cannot talk to nvad at /nonexistent/s: No such file", err)
        self.assertIn("is nvad running?", err)

    def test_stale_socket(self):
        with tempfile.TemporaryDirectory() as d:
            with socket.socket(socket.AF_UNIX) as s:
                s.bind(d + "/s")
            status, _, err = run("-s", d + "/s", "x")
            self.assertEqual(status, 2)
            self.assertIn("start nvad", err)

    def test_path_too_long(self):
        self.assertEqual(run("-s", "/" + "a" * 200, "x")[0], 2)

    def test_hung_up(self):
        for lines in ((), (reply([row("a")], COLUMNS, more=True),)):
            with Server(*lines) as s:
                status, _, err = run("-s", s.path, "x")
                self.assertEqual(status, 2)
                self.assertIn("hung up", err)

    def test_other_protocol(self):
        for line in ("HTTP/1.1 400", "{}", '{"schema":2}', "[]"):
            with Server(line) as s:
                status, _, err = run("-s", s.path, "x")
                self.assertEqual(status, 2)
                self.assertIn("does not speak nvad's protocol", err)


class Status(unittest.TestCase):
    def test_refused_and_usage(self):
        for code, want in (("not-found", 1), ("not-running", 1), ("denied", 1), ("busy", 1),
                           ("unknown-command", 2), ("ambiguous", 2), ("incomplete", 2),
                           ("bad-argument", 2)):
            with Server(error(code)) as s:
                status, out, err = run("-s", s.path, "x")
                self.assertEqual((status, out), (want, ""), code)
                self.assertEqual(err, "nvactl: no\n  do this\n")

    def test_error_as_json(self):
        with Server(error("not-found")) as s:
            status, out, _ = run("-s", s.path, "--json", "x")
            self.assertEqual(status, 1)
            self.assertEqual(json.loads(out)["error"]["code"], "not-found")


class Tables(unittest.TestCase):
    def show(self, *lines):
        with Server(*lines) as s:
            status, out, err = run("-s", s.path, "x")
            self.assertEqual(status, 0, err)
            return out.splitlines(), err

    def test_alignment_and_units(self):
        lines, _ = self.show(reply([
            row("a", 7, age=59, addresses=["10.0.0.1/24", "fd00::1/64"]),
            row("länger", 123456, up=False, age=3725), row("c", None, age=200000)], COLUMNS))
        self.assertEqual(lines, [
            "NAME    PACKETS  UP     AGE  ADDRESSES",
            "a             7  yes    59s  10.0.0.1/24,fd00::1/64",
            "länger   123456  no   1h02m  -",
            "c             -  yes  2d07h  -"])

    def test_slices_share_their_widths(self):
        lines, _ = self.show(reply([row("abcdefgh")], COLUMNS, more=True),
                             reply([row("b")], COLUMNS))
        self.assertEqual(len(lines), 3)
        self.assertEqual(lines[1].index("1"), lines[2].index("1"))

    def test_nothing(self):
        self.assertEqual(self.show(reply([], COLUMNS))[0], ["(none)"])

    def test_record_with_nested_rows(self):
        columns = [("peer", "peer", "text", ""), ("hold_s", "hold time", "number", "s"),
                   ("gone", "gone", "text", ""), ("adverts", "advertised", "rows", "")]
        rows = [{"peer": "p", "hold_s": 30, "gone": None,
                 "adverts": [{"prefix": "0.0.0.0/0", "as_path": "1 2"}]}]
        lines, _ = self.show(reply(rows, columns, layout="record"))
        self.assertEqual(lines[:2], ["peer        p", "hold time   30s"])
        self.assertEqual(lines[2], "advertised:")
        self.assertEqual(lines[4].split(), ["0.0.0.0/0", "1", "2"])

    def test_hint_goes_to_stderr(self):
        _, err = self.show(reply([row("a")], COLUMNS, hint="there is more", truncated=True))
        self.assertEqual(err, "  there is more\n")

    def test_control_characters_are_masked(self):
        lines, _ = self.show(reply([row("a\x1b[31mb\nc")], COLUMNS))
        self.assertIn("a?[31mb?c", lines[1])

    def test_no_colour_in_a_pipe(self):
        lines, _ = self.show(reply([row("a", error="bad")], COLUMNS))
        self.assertNotIn("\x1b", "\n".join(lines))


class Json(unittest.TestCase):
    def test_one_object_of_many_slices(self):
        with Server(reply([row("a")], COLUMNS, more=True), reply([row("b"), row("c")], COLUMNS,
                    truncated=True)) as s:
            status, out, _ = run("-s", s.path, "-j", "x")
        got = json.loads(out)
        self.assertEqual(status, 0)
        self.assertEqual((got["schema"], got["command"], got["truncated"]), (1, "show test", True))
        self.assertEqual([r["name"] for r in got["rows"]], ["a", "b", "c"])

    def test_full_disk(self):
        for more in ([], ["-j"]):
            with Server(reply([row("a")], COLUMNS)) as s, open("/dev/full", "w") as full:
                p = subprocess.run([NVACTL, "-s", s.path, *more, "x"], stdout=full, stderr=subprocess.PIPE,
                                   text=True, timeout=20)
                self.assertEqual(p.returncode, 1)
                self.assertIn("No space left", p.stderr)

    def test_reader_that_leaves(self):
        rows = [row("a%d" % i) for i in range(1000)]
        with Server(*[reply(rows, COLUMNS, more=True)] * 5, reply(rows, COLUMNS)) as s:
            p = subprocess.run("%s -s %s x | head -1; exit ${PIPESTATUS[0]}" % (NVACTL, s.path), shell=True,
                               executable="/bin/bash", capture_output=True, text=True, timeout=20)
        self.assertEqual((p.returncode, p.stderr), (0, ""))

    def test_empty(self):
        with Server(reply([], COLUMNS)) as s:
            self.assertEqual(json.loads(run("-s", s.path, "-j", "x")[1])["rows"], [])


class Terminal(unittest.TestCase):
    def talk(self, typed, env=None, *lines, interrupt_after=None):
        with Server(*lines) as s, tempfile.TemporaryDirectory() as home:
            master, slave = pty.openpty()
            p = subprocess.Popen([NVACTL, "-s", s.path], stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
                                 env={**os.environ, "HOME": home, "TERM": "dumb", **(env or {})})
            os.close(slave)
            time.sleep(0.3)
            if interrupt_after is not None:
                os.write(master, interrupt_after.encode())
                time.sleep(0.3)
                p.send_signal(signal.SIGINT)
                time.sleep(0.3)
            os.write(master, typed.encode())
            out = b""
            while True:
                try:
                    part = os.read(master, 4096)
                except OSError:
                    break
                if not part:
                    break
                out += part
            os.close(master)
            return p.wait(10), out.decode(errors="replace"), s.asked

    def test_prompt(self):
        status, out, asked = self.talk("show this\nquit\n", None, reply([row("a")], COLUMNS))
        self.assertEqual(status, 0)
        self.assertEqual(asked, [{"words": ["show", "this"]}])
        self.assertIn("NAME", out)
        self.assertIn("\x1b[1m", out)

    def test_interrupt_leaves_the_line_not_the_program(self):
        status, _, asked = self.talk("show this\nquit\n", None, reply([row("a")], COLUMNS),
                                     interrupt_after="show something el")
        self.assertEqual(status, 0)
        self.assertEqual(asked, [{"words": ["show", "this"]}])

    def test_colour_of_states(self):
        """What is well is green and what is not red; a flow's states are neither."""
        columns = [("state", "STATE", "text", "")]
        states = ["Established", "Active", "up", "down", "failed", "established", "syn", "static"]
        _, out, _ = self.talk("show\nquit\n", {}, reply([{"state": s} for s in states], columns))
        colours = {s: c for s in states for c in ("32", "31") if "\x1b[%sm%s\x1b" % (c, s) in out}
        self.assertEqual(colours, {"Established": "32", "up": "32", "Active": "31", "down": "31", "failed": "31"})

    def test_no_color(self):
        _, out, _ = self.talk("show\nquit\n", {"NO_COLOR": "1"}, reply([row("a")], COLUMNS))
        self.assertNotIn("\x1b[1m", out)

    def test_completion(self):
        _, _, asked = self.talk("show in\t\nquit\n", None, json.dumps({
            "schema": 1, "command": "complete", "layout": "table", "more": False,
            "columns": [{"name": "word", "title": "WORD", "type": "text", "unit": ""}],
            "rows": [{"word": "interfaces"}, {"word": "version"}]}))
        self.assertEqual(asked[0], {"words": ["complete", "show"]})
        self.assertEqual(asked[1], {"words": ["show", "interfaces"]})


if __name__ == "__main__":
    NVACTL = sys.argv.pop(1)
    unittest.main()

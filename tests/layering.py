#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Fails on an #include between modules that meson does not declare, and on a cycle.

Usage: layering.py SOURCE_ROOT
"""
import pathlib
import re
import sys


def declared(root, module):
    text = (root / "lib" / module / "meson.build").read_text()
    match = re.search(r"^deps\s*=\s*\[(.*?)\]", text, re.S | re.M)
    return set(re.findall(r"'([a-z0-9_]+)'", match.group(1))) if match else set()


def included(root, module, names):
    """Yields (file, line number, module) for each include of another module's header."""
    for path in sorted((root / "lib" / module).rglob("*.[ch]")):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = re.match(r'\s*#\s*include\s+"([a-z0-9_]+)/', line)
            if match and match.group(1) in names and match.group(1) != module:
                yield path.relative_to(root), number, match.group(1)


def find_cycle(edges):
    state, stack = {}, []

    def visit(name):
        state[name] = "open"
        stack.append(name)
        for target in sorted(edges[name]):
            if state.get(target) == "open":
                return stack[stack.index(target):] + [target]
            if target not in state and (cycle := visit(target)):
                return cycle
        state[name] = "done"
        stack.pop()
        return None

    for name in sorted(edges):
        if name not in state and (cycle := visit(name)):
            return cycle
    return None


def check(root):
    names = {p.parent.name for p in (root / "lib").glob("*/meson.build")}
    errors, edges = [], {}
    for module in sorted(names):
        deps = declared(root, module)
        errors += [f"lib/{module}/meson.build: unknown module '{d}'" for d in deps - names]
        used = set()
        for path, number, target in included(root, module, names):
            used.add(target)
            if target not in deps:
                errors.append(f"{path}:{number}: includes {target}, which "
                              f"lib/{module}/meson.build does not list in deps")
        edges[module] = used | (deps & names)
    if cycle := find_cycle(edges):
        errors.append("cycle: " + " -> ".join(cycle))
    return errors


if __name__ == "__main__":
    problems = check(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "."))
    print("\n".join(problems) or "layering: every edge is declared, no cycle")
    sys.exit(1 if problems else 0)

#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Writes a file's bytes as a C array. Usage: embed.py NAME IN OUT"""
import pathlib
import sys

name, source, target = sys.argv[1:]
data = pathlib.Path(source).read_bytes()
rows = [", ".join(str(b) for b in data[i:i + 24]) for i in range(0, len(data), 24)]
pathlib.Path(target).write_text(
    f"static const unsigned char {name}[] = {{\n" + ",\n".join(rows) + "\n};\n")

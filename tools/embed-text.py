#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a text file as a C array: static const char NAME[] = { ... 0 }, in small numbers."""
import pathlib
import sys

out, name, source = sys.argv[1:]
data = pathlib.Path(source).read_bytes() + b"\0"
rows = ",\n".join(", ".join(map(str, data[i : i + 24])) for i in range(0, len(data), 24))
pathlib.Path(out).write_text(f"/* Made from {pathlib.Path(source).name}. */\n"
                             f"static const char {name}[] = {{\n{rows}\n}};\n")

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the numbered .sql files as one C header: a table of names and texts, in order."""
import json
import pathlib
import sys

out, *files = sys.argv[1:]
rows = []
for path in sorted(map(pathlib.Path, files), key=lambda p: p.name):
    lines = "\n".join("    " + json.dumps(line + "\n") for line in path.read_text().splitlines())
    rows.append(f"    {{ {json.dumps(path.stem)},\n{lines} }},\n")
pathlib.Path(out).write_text(
    "/* Made from migrations/. */\n"
    "static const struct { const char *name; const char *sql; } MIGRATIONS[] = {\n"
    + "".join(rows) + "};\n")

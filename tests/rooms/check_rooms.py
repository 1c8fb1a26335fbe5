#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Which room may include which: the table of docs/architecture.md, enforced.

Reads the #include lines of lib/ and fails naming file and line. Also: a library does not print, exit, abort or install
signal handlers, so those calls are refused outside lib/programs."""

import pathlib
import re
import sys

# Every room may include itself and include/sbi/.
MAY = {
    "base": set(),
    "io": {"base"},
    "device": {"base"},
    "net": {"device", "io", "base"},
    "ratio": {"net", "io", "base"},
    "tape": {"base"},
    "model": {"tape", "io", "base"},
    "fit": {"tape", "model", "base"},
    "exec": {"base"},
    "jobs": {"net", "ratio", "model", "fit", "exec", "io", "base"},
    "programs": set(),
}
# The columns of a tape or a data set are read through io's strided readers.
MAY["tape"].add("io/column.h")
# Public headers that a room must not know of, and outside libraries that only some rooms may use.
FORBIDDEN_PUBLIC = {
    "tape": {"network.h", "train.h", "dataset.h", "model.h", "fit.h", "executor.h", "campaign.h", "ratio.h"},
    "net": {"tape.h", "model.h", "fit.h"},
    "ratio": {"tape.h", "model.h", "fit.h"},
    "model": {"network.h", "train.h", "dataset.h", "fit.h"},
    "fit": {"network.h", "dataset.h"},
    "exec": {"network.h", "train.h", "dataset.h", "tape.h", "model.h", "ratio.h"},
    "io": {"network.h", "model.h", "train.h", "fit.h", "tape.h"},
    "base": {"network.h", "model.h", "train.h", "fit.h", "tape.h", "executor.h"},
    "device": {"dataset.h", "train.h", "tape.h"},
}
OUTSIDE = {
    "cblas.h": {"device", "tape", "net"},
    "lapacke.h": {"fit"},
    "zlib.h": {"io"},
    "jansson.h": {"io"},
}
CALLS = re.compile(r"(?<![\w.>])(exit|_exit|abort|printf|puts|putchar|perror|signal|sigaction|setlocale|fesetround)\s*\(")
INCLUDE = re.compile(r'\s*#\s*include\s+["<]([^">]+)[">]')
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\])*\"", re.S)


def blank(match):
    return re.sub(r"[^\n]", " ", match.group())


def problems(root):
    lib = root / "lib"
    for path in sorted(lib.rglob("*.[ch]")):
        room = path.relative_to(lib).parts[0]
        name = path.relative_to(root)
        if room not in MAY:
            yield f"{name}:1: room {room} is not in the table"
            continue
        text = path.read_text()
        for number, line in enumerate(text.splitlines(), 1):
            found = INCLUDE.match(line)
            if not found:
                continue
            header = found.group(1)
            other = header.split("/")[0]
            if header in OUTSIDE and room not in OUTSIDE[header]:
                yield f"{name}:{number}: room {room} may not use {header}"
            if other == "sbi":
                if header.split("/")[1] in FORBIDDEN_PUBLIC.get(room, set()):
                    yield f"{name}:{number}: room {room} must not know of {header}"
            elif other in MAY and "/" in header and other != room:
                if other not in MAY[room] and header not in MAY[room]:
                    yield f"{name}:{number}: room {room} may not include {header}"
        if room == "programs":
            continue
        for number, line in enumerate(COMMENT.sub(blank, text).splitlines(), 1):
            found = CALLS.search(line)
            if found:
                yield f"{name}:{number}: {found.group(1)}() in a library"


def main():
    root = pathlib.Path(__file__).resolve().parents[2]
    found = list(problems(root))
    print("\n".join(found) if found else "rooms: every include is in the table")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

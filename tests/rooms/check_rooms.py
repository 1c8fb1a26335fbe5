#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Which room may include which: the table of docs/architecture.md, enforced. Usage: check_rooms.py [ROOT]

Reads the #include lines of lib/ and fails naming file and line. Also: a library does not print, exit, abort, install signal
handlers or take memory behind its own allocator's back, so those calls are refused outside lib/programs. (tests/abi/
check_library.py looks for the same calls in the linked library, where a macro cannot hide them.)"""

import pathlib
import re
import sys

# Every room may include itself and the public headers that it or a room it may include answers for.
MAY = {
    "base": set(),
    "io": {"base"},
    "device": {"base"},
    "device/cuda/likelihood": {"device", "tape", "base"},
    "net": {"device", "io", "base"},
    "ratio": {"net", "io", "base"},
    "tape": {"base"},
    "model": {"tape", "io", "base"},
    "fit": {"tape", "model", "base"},
    "exec": {"base"},
    "jobs": {"net", "ratio", "model", "fit", "exec", "io", "base"},
    "grid": {"io", "base"},
    "programs": set(),
}
# A folder that is a room of its own, whose first word is another one's.
INNER = "device/cuda/likelihood"
# Single headers beyond the table, each with its reason.
ALSO = {
    ("tape", "io/column.h"): "the columns of a tape are read through io's strided readers",
    ("tape", "device/plugin.h"): "finding who else evaluates events, by name",
    ("fit", "io/json.h"): "results are archived as JSON",
    ("exec", "io/json.h"): "how an executor was opened is kept as JSON, without secrets",
    ("device", "device/cuda/likelihood/likelihood.h"): "the plugin offers it beside its own functions",
    ("device", "sbi/network.h"): "the numbers of the activations",
    ("grid", "exec/grid_plugin.h"): "what the core asks of the plugin",
    ("grid", "sbi/store.h"): "the contracts that it fulfils",
    ("grid", "sbi/job.h"): "tasks are staged, and their ends read, by those who know what they mean",
    ("grid", "sbi/executor.h"): "the contracts that it fulfils",
    ("jobs", "sbi/shard.h"): "parts of a Hessian travel as shards",
}
# Who answers for which public header.
OWNER = {
    "version.h": "base", "status.h": "base", "context.h": "base", "array.h": "base",
    "dataset.h": "net", "network.h": "net", "onnx.h": "net", "train.h": "net", "ratio.h": "ratio", "calibration.h": "ratio", "tape.h": "tape", "shard.h": "tape", "model.h": "model",
    "fit.h": "fit", "systematics.h": "fit", "objective.h": "fit", "interval.h": "fit", "distribution.h": "fit", "toy.h": "model",
    "limit.h": "fit", "neyman.h": "jobs", "search.h": "jobs", "executor.h": "exec", "store.h": "exec", "campaign.h": "exec", "job.h": "jobs", "columns.h": "jobs", "variation.h": "jobs", "sbi.h": "programs",
}
# Libraries that only some rooms may use.
OUTSIDE = {
    "cblas.h": set(),
    "lapacke.h": {"fit"},
    "zlib.h": {"io", "grid"},
    "jansson.h": {"io", "grid"},
    "cuda_runtime.h": {"device", INNER},
    "cublas_v2.h": {"device"},
    "cublasLt.h": {"device"},
    "check.h": set(),
    "curl/curl.h": {"grid"},
    "yaml.h": {"grid"},
    "expat.h": {"grid"},
}
REFUSED = re.compile(
    r"(?<![\w.>])(_?exit|_Exit|quick_exit|atexit|abort|assert|raise|system|popen|fork|v?printf|puts|putchar|perror|signal|sigaction"
    r"|setlocale|fesetround|feenableexcept|setenv|putenv|srand|rand|random|strtok|localtime|gmtime|ctime"
    r"|openblas_set_num_threads|omp_set_num_threads|mkl_set_num_threads)\s*\(|\b(stdout|stderr)\b")
ALLOCATION = re.compile(r"(?<![\w.>])(malloc|calloc|realloc|strdup|strndup|v?asprintf|getline|aligned_alloc|posix_memalign)\s*\(")
MAY_ALLOCATE = {"lib/base/memory.c", "lib/base/context.c"}
INCLUDE = re.compile(r'\s*#\s*include\s+(["<])([^">]+)[">]')
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"", re.S)


def blank(match):
    return re.sub(r"[^\n]", " ", match.group())


def include_problem(root, room, quote, header):
    """What is wrong with this include in a file of this room, or None."""
    if (room, header) in ALSO:
        return None
    if room not in OUTSIDE.get(header, {room}):
        return f"room {room} may not use {header}"
    first, _, rest = header.partition("/")
    if quote == "<":
        return f'own headers are included with "", not <{header}>' if first in MAY or first == "sbi" else None
    if first == "sbi":
        if rest not in OWNER:
            return f"no room answers for {header}: add it to OWNER in tests/rooms/check_rooms.py"
        return None if OWNER[rest] in MAY[room] | {room, "base"} else f"room {room} must not know of {header}"
    if first not in MAY or not rest or ".." in header or not (root / "lib" / header).is_file():
        return f'"{header}" is not a header of a room: write "room/file.h"'
    first = room_of(header)
    return None if first == room or first in MAY[room] else f"room {room} may not include {header}"


def room_of(path):
    return INNER if path.startswith(INNER + "/") else path.split("/")[0]


def problems(root):
    lib = root / "lib"
    for path in sorted(p for end in ("c", "h", "cu", "cuh") for p in lib.rglob(f"*.{end}")):
        room = room_of(path.relative_to(lib).as_posix())
        name = path.relative_to(root).as_posix()
        if room not in MAY:
            yield f"{name}:1: room {room} is not in the table"
            continue
        text = path.read_text()
        for number, line in enumerate(text.splitlines(), 1):
            found = INCLUDE.match(line)
            problem = include_problem(root, room, *found.groups()) if found else None
            if found and found.group(2).startswith(("cuda_", "cublas")) and not name.startswith("lib/device/cuda/"):
                problem = f"{found.group(2)}: only the plugin lib/device/cuda may know of CUDA"
            if problem:
                yield f"{name}:{number}: {problem}"
        if room == "programs":
            continue
        for number, line in enumerate(COMMENT.sub(blank, text).splitlines(), 1):
            found = REFUSED.search(line)
            if found:
                yield f"{name}:{number}: {found.group(1) or found.group(2)} in a library"
            found = ALLOCATION.search(line)
            if found and name not in MAY_ALLOCATE:
                yield f"{name}:{number}: {found.group(1)}: memory comes from base/memory.h"
    for path in sorted((root / "include" / "sbi").glob("*.h")):
        if path.name not in OWNER:
            yield f"include/sbi/{path.name}:1: no room answers for it: add it to OWNER in tests/rooms/check_rooms.py"


def main():
    root = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2]
    found = list(problems(root))
    print("\n".join(found) if found else "rooms: every include is in the table, no refused call")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The room check itself: that it finds each kind of offence at its line, and that its table is the one in the documents."""

import pathlib
import re
import tempfile
import unittest

import check_rooms

ROOT = pathlib.Path(__file__).resolve().parents[2]


class CheckRooms(unittest.TestCase):
    def found(self, files):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for name, text in {"lib/net/network.h": "", "lib/io/npy.h": "", "lib/io/column.h": "", "lib/base/memory.h": "", **files}.items():
                path = root / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            return [line.partition(": ")[::2] for line in check_rooms.problems(root)]

    def one(self, name, text, line, wanted):
        found = self.found({name: text})
        self.assertEqual([place for place, _ in found], [f"{name}:{line}"], found)
        self.assertIn(wanted, found[0][1])

    def test_allowed(self):
        self.assertEqual(self.found({
            "lib/net/a.c": '#include "sbi/train.h"\n#include "net/network.h"\n#include "io/npy.h"\n#include <stdio.h>\n',
            "lib/tape/a.c": '#include "io/column.h"\n',
            "lib/io/a.c": '/* never printf() */ const char *s = "exit(1)"; // abort()\nsnprintf(s, 1, "x"); f->free(x); sbi_exit(1);\n',
            "lib/base/memory.c": "p = malloc(1);\n",
            "lib/programs/a.c": '#include "sbi/sbi.h"\nint main(void) { printf("x"); exit(0); }\n',
        }), [])

    def test_rooms(self):
        self.one("lib/tape/a.c", '\n#include "net/network.h"\n', 2, "tape may not include net/network.h")
        self.one("lib/tape/kernels/a.h", '  #  include "io/npy.h"\n', 1, "tape may not include io/npy.h")
        self.one("lib/base/a.h", '#include "sbi/train.h"\n', 1, "must not know of sbi/train.h")
        self.one("lib/fit/a.c", '#include "sbi/executor.h"\n', 1, "must not know of sbi/executor.h")
        self.one("lib/io/a.c", '#include "sbi/sbi.h"\n', 1, "must not know of sbi/sbi.h")
        self.one("lib/io/a.c", '#include "sbi/nowhere.h"\n', 1, "no room answers for sbi/nowhere.h")
        self.one("lib/cellar/a.c", "", 1, "room cellar is not in the table")

    def test_paths(self):
        self.one("lib/io/a.c", '#include "../net/network.h"\n', 1, "is not a header of a room")
        self.one("lib/io/a.c", '#include "io/../net/network.h"\n', 1, "is not a header of a room")
        self.one("lib/io/a.c", '#include "npy.h"\n', 1, "is not a header of a room")
        self.one("lib/io/a.c", "#include <net/network.h>\n", 1, "own headers are included with")
        self.one("lib/io/a.c", "#include <sbi/tape.h>\n", 1, "own headers are included with")

    def test_libraries(self):
        self.one("lib/model/a.c", "#include <zlib.h>\n", 1, "model may not use zlib.h")
        self.one("lib/device/cpu/a.c", "#include <cuda_runtime.h>\n", 1, "only the plugin lib/device/cuda may know of CUDA")

    def test_calls(self):
        for call in ("exit(1)", "abort()", "assert(x)", 'printf("x")', "signal(SIGINT, f)", "setlocale(LC_ALL, 0)", "rand()"):
            self.one("lib/io/a.c", f"\n\nvoid f(void) {{ {call}; }}\n", 3, call.split("(")[0])
        self.one("lib/io/a.c", 'fprintf(stderr, "x");\n', 1, "stderr")
        self.one("lib/io/a.c", "p = malloc(8);\n", 1, "memory comes from base/memory.h")
        # A comment before it does not hide a call, nor shift its line.
        self.one("lib/io/a.c", '/* one\n two */ abort(); char *s = "\\"";\n', 2, "abort")

    def test_table_of_the_documents(self):
        rows = re.findall(r"^\| `lib/([\w/]+)` \|[^|]*\|([^|]*)\|", (ROOT / "docs" / "architecture.md").read_text(), re.M)
        rooms = {room: {x for x in check_rooms.MAY if re.search(rf"\b{x}\b(?!/)", may)} for room, may in rows}
        self.assertEqual(rooms, check_rooms.MAY)


if __name__ == "__main__":
    unittest.main()

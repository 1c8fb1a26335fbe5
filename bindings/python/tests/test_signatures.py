# SPDX-License-Identifier: Apache-2.0
"""The ctypes interface equals the headers: regenerated text, and struct layouts from the compiler."""

import ctypes
import io
import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import generate_api  # noqa: E402
from sbi import _api  # noqa: E402


class Signatures(unittest.TestCase):
    def test_generated_text_is_current(self):
        out = io.StringIO()
        generate_api.main(out)
        committed = (HERE.parent / "sbi" / "_api.py").read_text()
        self.assertEqual(out.getvalue(), committed, "run generate_api.py > sbi/_api.py")

    def test_layouts(self):
        headers = generate_api.Headers()
        lines = ["#include <stddef.h>", "#include <stdio.h>", '#include "sbi/sbi.h"', "int main(void) {"]
        expected = []
        for name in headers.structs:
            cls = getattr(_api, generate_api.camel(name))
            lines.append(f'printf("{name} %zu\\n", sizeof({name}));')
            expected.append(f"{name} {ctypes.sizeof(cls)}")
            for member, _ in cls._fields_:
                lines.append(f'printf("{name}.{member} %zu\\n", offsetof({name}, {member}));')
                expected.append(f"{name}.{member} {getattr(cls, member).offset}")
        lines.append("return 0; }")
        with tempfile.TemporaryDirectory() as folder:
            source = pathlib.Path(folder, "layout.c")
            source.write_text("\n".join(lines))
            subprocess.run(["cc", f"-I{HERE.parents[2] / 'include'}", str(source), "-o", f"{folder}/layout"], check=True)
            out = subprocess.run([f"{folder}/layout"], check=True, capture_output=True, text=True).stdout
        self.assertEqual(out.split("\n")[:-1], expected)
        self.assertGreater(len(expected), 100)


if __name__ == "__main__":
    unittest.main()

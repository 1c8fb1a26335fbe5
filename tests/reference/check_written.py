#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks with numpy what libsbi wrote: python3 tests/reference/check_written.py [FOLDER]

FOLDER (default tests/data/written) holds files that tests/unit/test_io_npz.c and test_io_npy.c write again and compare
byte for byte, so what numpy says about them holds for every build. Needs numpy.
"""
import os
import sys

import numpy as np

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data", "written")


def same(found, wanted):
    assert found.dtype == wanted.dtype and found.shape == wanted.shape, (found.dtype, found.shape)
    assert np.array_equal(found, wanted), found


def main(folder):
    table = np.arange(12, dtype="<f4").reshape(3, 4)
    same(np.load(os.path.join(folder, "table.npy")), table)
    same(np.load(os.path.join(folder, "table.npy"), mmap_mode="r"), table)
    for name in ("stored.npz", "deflated.npz"):
        with np.load(os.path.join(folder, name)) as archive:
            assert archive.zip.testzip() is None
            assert archive.zip.namelist() == ["table.npy", "meta.json", "scalar.npy", "empty.npy", "long.npy",
                                              "\u00e9t\u00e9.npy"], archive.zip.namelist()
            same(archive["table"], table)
            assert archive["meta.json"] == b'{"version":1}'
            same(archive["scalar"], np.array(-7, "<i8"))
            same(archive["empty"], np.zeros((0, 3), "<u2"))
            same(archive["long"], np.arange(1000, dtype="<i4") // 7)
            same(archive["\u00e9t\u00e9"], np.array([0.5, -0.5], "<f2"))
    print("numpy", np.__version__, "reads what libsbi wrote")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else FOLDER)

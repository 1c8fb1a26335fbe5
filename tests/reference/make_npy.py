#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the files of tests/data/npy with numpy: python3 tests/reference/make_npy.py

tests/unit/test_io_npy.c and test_io_npz.c hold the values they expect. Needs numpy; any 1.22 or later gives files that
differ at most in the padding of their headers.
"""
import os

import numpy as np

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data", "npy")


def save(name, array, version=None):
    with open(os.path.join(FOLDER, name + ".npy"), "wb") as f:
        np.lib.format.write_array(f, array, version=version, allow_pickle=array.dtype.hasobject)


def main():
    os.makedirs(FOLDER, exist_ok=True)
    for code in ("f2", "f4", "f8"):
        save(code, np.array([0.5, -1.25, 3, 0, 1000], "<" + code))
    for code in ("i1", "i2", "i4", "i8"):
        info = np.iinfo(code)
        save(code, np.array([info.min, -1, 0, 1, info.max], "<" + code))
    for code in ("u1", "u2", "u4", "u8"):
        save(code, np.array([0, 1, 2, np.iinfo(code).max - 1, np.iinfo(code).max], "<" + code))
    save("bool", np.array([True, False, True]))
    table = np.arange(12).reshape(3, 4)
    save("table", table.astype("<f4"))
    save("table_fortran", np.asfortranarray(table.astype("<f8")))
    save("scalar", np.array(2.5))
    save("empty", np.zeros((0, 3), "<f4"))
    save("version2", table.astype("<f4"), (2, 0))
    save("version3", table.astype("<f4"), (3, 0))
    save("big_endian", np.arange(3, dtype=">f8"))
    save("structured", np.zeros(2, [("x", "<f4"), ("y", "<i4")]))
    save("object", np.array([None, {}], dtype=object))
    save("complex", np.zeros(2, "<c16"))
    save("text", np.array(["abc", "d"]))
    members = dict(
        table=table.astype("<f4"),
        table_fortran=np.asfortranarray(table.astype("<f8")),
        scalar=np.array(-7, "<i8"),
        empty=np.zeros((0, 3), "<f4"),
        long=np.arange(3000, dtype="<i4") // 7,
    )
    np.savez(os.path.join(FOLDER, "stored.npz"), **{k: v for k, v in members.items() if k != "long"})
    np.savez_compressed(os.path.join(FOLDER, "deflated.npz"), **members)


if __name__ == "__main__":
    main()

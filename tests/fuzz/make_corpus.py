#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fills FOLDER/{npy,npz,json} with seeds for the fuzzers, from tests/data and from small documents made here.

    python3 tests/fuzz/make_corpus.py FOLDER
"""
import glob
import json
import os
import shutil
import sys

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data")

DOCUMENTS = [
    {"version": "1.0.0", "channels": [{"name": "SR", "events": {"weights": "w.npy"}, "samples": [
        {"name": "S", "yield": 12.5, "factor": "mu - sqrt(mu)", "ratio": "S.npy", "modifiers": [
            {"name": "JES", "type": "normsys", "data": {"hi": 1.02, "lo": 0.98}}]}]}]},
    [], {}, [[[]]], [True, False, None, -0.0, 1e-300, 9007199254740993, "\u00e9\n\u0000\""],
]


def main(folder):
    for kind in ("npy", "npz"):
        os.makedirs(os.path.join(folder, kind), exist_ok=True)
        for i, path in enumerate(sorted(glob.glob(os.path.join(DATA, "*", "*." + kind)))):
            shutil.copyfile(path, os.path.join(folder, kind, "%02d-%s" % (i, os.path.basename(path))))
    os.makedirs(os.path.join(folder, "json"), exist_ok=True)
    for i, document in enumerate(DOCUMENTS):
        with open(os.path.join(folder, "json", "%02d.json" % i), "w") as f:
            json.dump(document, f)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What onnxruntime makes of tests/data/onnx/written/transforms.onnx, a network with every kind of transform.

    SBI_UPDATE_REFERENCE=1 build/tests/unit/test_net_transform   writes that file (the test compares with it, byte for byte)
    python3 onnx_transforms.py           writes onnx_transform_values.h beside this file
    python3 onnx_transforms.py --check   runs onnx.checker and onnxruntime again and compares to 1e-6 of 1 + |value|
"""
import argparse
import math
import pathlib
import re
import sys

import numpy as np
import onnx
import onnxruntime

HERE = pathlib.Path(__file__).resolve().parent
FILE = HERE.parent / "data" / "onnx" / "written" / "transforms.onnx"
OUT = HERE / "onnx_transform_values.h"
EVENTS, FEATURES = 24, 8


def features():
    """f64, each column in the range of its transform; a category that is not known in every fifth row."""
    u = np.array([[math.sin(12.9898 * (i + 1) + 4.1 * j) for j in range(FEATURES)] for i in range(EVENTS)])
    x = u.copy()
    x[:, 0] = np.exp(3 * u[:, 0] + 8)
    x[:, 1] = 1e3 * u[:, 1] ** 3
    x[:, 2] = np.where(np.arange(EVENTS) % 5 == 4, 7, np.arange(EVENTS) % 4 - 1)
    x[:, 4] = u[:, 4] + 0.4
    x[:, 5:] = 5 * u[:, 5:]
    return x


def run():
    session = onnxruntime.InferenceSession(str(FILE), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"features": features()})[0], dtype=np.float64).reshape(-1)


def rows(values):
    values = ["%.17g" % v for v in np.asarray(values).reshape(-1)]
    return ["    " + ", ".join(values[i:i + 4]) + "," for i in range(0, len(values), 4)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    onnx.checker.check_model(str(FILE), full_check=True)
    values = run()
    if not parser.parse_args().check:
        lines = ["/* SPDX-License-Identifier: Apache-2.0 */", f"/* Written by onnx_transforms.py with onnxruntime {onnxruntime.__version__}. */", "",
                 f"enum {{ ONNX_TRANSFORM_EVENTS = {EVENTS}, ONNX_TRANSFORM_FEATURES = {FEATURES} }};", "",
                 "static const double onnx_transform_x[] = {", *rows(features()), "};",
                 "static const double onnx_transform_values[] = {", *rows(values), "};"]
        OUT.write_text("\n".join(lines) + "\n")
        return 0
    stored = OUT.read_text().partition("onnx_transform_values[] = {")[2]
    stored = np.array([float(v) for v in re.findall(r"[-+0-9.e]+", stored) if re.search(r"\d", v)])
    worst = np.max(np.abs(stored - values) / (1 + np.abs(values)))
    print(f"transforms.onnx: largest difference {worst:.1e}")
    return 0 if worst < 1e-6 else 1


if __name__ == "__main__":
    sys.exit(main())

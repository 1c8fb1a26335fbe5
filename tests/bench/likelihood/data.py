# SPDX-License-Identifier: Apache-2.0
"""The model of the likelihood benchmark as .npy files, the same numbers whatever the dtype and whichever files are asked for.

4 processes x 100 nuisance parameters; |ln up|, |ln down| reach 0.01 to 0.2, one size for each (process, nuisance parameter).
"""
import pathlib

import numpy as np

PROCESSES, NUISANCES = 4, 100
ROW, ROWS = 31, 10  # the Hessian row, and the first of the ten, that are timed
POINTS = ("inside", "outside")  # all |alpha| < 1; some |alpha| > 1
STORAGES = {"f64-ratio": np.float64, "f64-log": np.float64, "f32-log": np.float32, "f16-log": np.float16}


def generator(*key):
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([20261124, *key])))


def points():
    rng = generator(1)
    inside = np.concatenate([[1.1], rng.uniform(-0.95, 0.95, NUISANCES)])
    outside = inside.copy()
    chosen = rng.choice(NUISANCES, 8, replace=False)
    outside[1 + chosen] = rng.uniform(1.05, 2.0, 8) * np.array([1, -1] * 4)
    return np.stack([inside, outside])


def yields(events):
    """[process, 1 + nuisance, 2]: the nominal yield, then its ratios at alpha = +1 and -1."""
    rng = generator(2)
    size = rng.uniform(0.002, 0.03, (PROCESSES, NUISANCES))
    table = np.empty((PROCESSES, 1 + NUISANCES, 2))
    table[:, 0, :] = (events * np.array([0.10, 0.15, 0.35, 0.40]))[:, None]
    table[:, 1:, 0] = 1 + size
    table[:, 1:, 1] = 1 - 0.9 * size
    return table


def write_common(folder, events):
    folder = pathlib.Path(folder)
    rng = generator(3)
    np.save(folder / "points.npy", points())
    np.save(folder / "yields.npy", yields(events))
    np.save(folder / "ratios.npy", 0.3 + 1.4 * rng.random((PROCESSES, events)))
    np.save(folder / "weights.npy", 0.5 + rng.random(events))


def write_morphs(folder, events, storage):
    """morphs-STORAGE.npy [process, nuisance, 2, event], column by column: no more than a column is in memory."""
    path = pathlib.Path(folder) / f"morphs-{storage}.npy"
    if path.exists():
        return path
    part = path.with_suffix(".part")
    with open(part, "wb") as f:
        np.lib.format.write_array_header_1_0(f, {
            "descr": np.dtype(STORAGES[storage]).str, "fortran_order": False, "shape": (PROCESSES, NUISANCES, 2, events)})
        for p in range(PROCESSES):
            for k in range(NUISANCES):
                rng = generator(4, p, k)
                size = 0.01 * 20.0 ** rng.random()
                up = size * (2 * rng.random(events) - 1)
                down = -0.85 * up + 0.15 * size * (2 * rng.random(events) - 1)
                for column in (up, down):
                    (np.exp(column) if storage == "f64-ratio" else column).astype(STORAGES[storage]).tofile(f)
    part.rename(path)
    return path

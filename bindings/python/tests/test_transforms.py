# SPDX-License-Identifier: Apache-2.0
"""Transforms of features from Python."""

import json
import pathlib
import sys
import tempfile
import unittest

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "bindings" / "python"))

import sbi  # noqa: E402


class Transforms(unittest.TestCase):
    def setUp(self):
        self._folder = tempfile.TemporaryDirectory()
        self.addCleanup(self._folder.cleanup)
        self.folder = pathlib.Path(self._folder.name)
        rng = np.random.default_rng(3)
        self.x = np.stack([rng.lognormal(size=400), rng.integers(0, 3, 400).astype(float), rng.normal(size=400)], axis=1)

    def data(self):
        return sbi.Dataset().add(sbi.NUMERATOR, self.x[:200].copy()).add(sbi.DENOMINATOR, self.x[200:].copy()).names(["pt", "jets", "eta"])

    def test_networks_carry_them(self):
        data = self.data().transform("pt", "log", 0.5).transform(0, "yeo_johnson").transform("jets", "one_hot")
        network = sbi.Ensemble.train(data, depth=1, width=4, epochs=1, memory=100)[0]
        steps = network.transforms
        self.assertEqual([[kind for kind, _ in chain] for chain in steps], [["log", "yeo_johnson"], ["one_hot"], []])
        np.testing.assert_array_equal(steps[1][0][1], [0, 1, 2])
        self.assertEqual(steps[0][0][1][0], 0.5)
        self.assertEqual(network.layer(0)[0].shape, (4, 5))
        shift, scale = network.standardisation
        self.assertAlmostEqual(shift[4], self.x[:, 2].mean())
        np.testing.assert_array_equal(scale[1:4], 1)
        network.save(self.folder / "net.npz")
        with np.load(self.folder / "net.npz") as archive:
            self.assertEqual(archive["transforms"].tolist(), [[0, 1, 0, 1], [0, 3, 1, 1], [1, 4, 2, 3]])
            self.assertEqual(len(archive["transform_values"]), 5)
            self.assertEqual(json.loads(archive["meta.json"])["version"], 2)
        again = sbi.Network(self.folder / "net.npz")
        np.testing.assert_array_equal(again.logit(self.x), network.logit(self.x))
        network.write_onnx(self.folder / "net.onnx")
        again = sbi.Network.read_onnx(self.folder / "net.onnx")
        np.testing.assert_array_equal(again.logit(self.x), network.logit(self.x))
        self.x[7, 1] = 9
        with self.assertRaisesRegex(sbi.SbiError, "row 7, column 1: 9 is none of the 3 categories"):
            network.logit(self.x)

    def test_refusals(self):
        with self.assertRaises(ValueError):
            self.data().transform("mass", "log")
        with self.assertRaises(ValueError):
            self.data().transform("pt", "logarithm")
        with self.assertRaisesRegex(sbi.SbiError, "cannot follow"):
            self.data().transform("pt", "yeo_johnson").transform("pt", "log")


if __name__ == "__main__":
    unittest.main()

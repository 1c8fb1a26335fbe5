# SPDX-License-Identifier: Apache-2.0
"""Minima, confidence sets, contours, JSON and truncated Newton from Python."""

import json
import pathlib
import sys
import tempfile
import unittest

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import sbi  # noqa: E402


def valleys(x):
    """10 (x^2 - 1)^2 + x / 10 + (y - x)^2 / 2: two minima."""
    w, d = x[0] ** 2 - 1, x[1] - x[0]
    return 10 * w**2 + 0.1 * x[0] + 0.5 * d**2, np.array([40 * w * x[0] + 0.1 - d, d])


def valleys_hessian(x):
    return np.array([[120 * x[0] ** 2 - 39, -1.0], [-1.0, 1.0]])


class Intervals(unittest.TestCase):
    def setUp(self):
        self.fit = sbi.Fit.of_function(["x", "y"], [0.6, 0.2], valleys, valleys_hessian, n_starts=12, seed=1)

    def test_minima(self):
        minima = self.fit.local_minima
        self.assertEqual([m.is_global for m in minima], [True, False])
        self.assertEqual(sum(m.n_starts for m in minima) + self.fit.info.n_failed_starts, 12)
        np.testing.assert_allclose([m.values[0] for m in minima], [-1, 1], atol=5e-3)
        self.assertAlmostEqual(minima[1].above, 0.2, delta=1e-3)
        self.assertIn("12 starts led to 2 minima: global at", self.fit.message)

    def test_confidence_set(self):
        found = self.fit.confidence_set("x", delta_t=1, low=-2, high=2)
        self.assertEqual(len(found.intervals), 2, found.message)
        for interval in found.intervals:
            for end, kind in zip((interval.low, interval.high), interval.kind):
                self.assertEqual(kind, sbi.END_CROSSING)
                t = 2 * (valleys([end, end])[0] - found.nll_min)
                self.assertAlmostEqual(t, 1, delta=1e-4)
        self.assertIn(-1.0, found)
        self.assertNotIn(0.0, found)
        self.assertIn("may have been missed", found.message)
        self.assertAlmostEqual(self.fit.confidence_set("x", cl=0.95).delta_t, 3.841458821, delta=1e-6)
        with self.assertRaises(ValueError):
            self.fit.confidence_set("x", cl=0.9, delta_t=1)
        with self.assertRaises(sbi.NotFound):
            self.fit.confidence_set("z")

    def test_contour(self):
        curves = self.fit.contour("x", "y", cl=0.683)
        self.assertEqual(len(curves), 2)
        level = -2 * np.log(1 - 0.683)
        for curve in curves:
            t = [2 * (valleys(p)[0] - self.fit.nll) for p in zip(curve.x, curve.y)]
            np.testing.assert_allclose(t, level, rtol=1e-4)
            self.assertTrue((curve.kind == sbi.END_CROSSING).all())
            area = np.sum(curve.x * np.roll(curve.y, -1) - np.roll(curve.x, -1) * curve.y)
            self.assertGreater(area, 0)
        self.assertEqual(len(self.fit.contour("x", "y", delta_t=30, scan=True, n_grid=8)), 1)
        with self.assertRaises(sbi.ArgumentError):
            self.fit.contour("x", "x")

    def test_json(self):
        out = self.fit.to_json()
        self.assertEqual(out["reason"], self.fit.reason)
        self.assertEqual(out["message"], self.fit.message)
        self.assertEqual([p["name"] for p in out["parameters"]], ["x", "y"])
        self.assertEqual([p["value"] for p in out["parameters"]], list(self.fit.values))
        np.testing.assert_array_equal(out["covariance"], self.fit.covariance)
        self.assertEqual(len(out["minima"]), 2)
        self.assertIsNone(out["parameters"][0]["lower"])
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "fit.json"
            self.fit.write_json(path)
            self.assertEqual(json.loads(path.read_text())["edm"], out["edm"])


class Truncated(unittest.TestCase):
    def test_products_alone(self):
        rng = np.random.default_rng(2)
        n = 1500
        scale = 10 ** rng.uniform(-3, 3, n)
        centre = rng.normal(size=n) * scale
        A = rng.normal(size=(40, n)) / np.sqrt(n)

        def products(v):
            z = v / scale
            return (z + (z @ A.T) @ A) / scale

        fit = sbi.Fit.of_function([f"p{k}" for k in range(n)], np.zeros(n),
                                  lambda x: (0.5 * (x - centre) @ products(x - centre), products(x - centre)),
                                  hvp=lambda x, V: products(V))
        self.assertTrue(fit.converged, fit.message)
        self.assertEqual(fit.info.method, sbi.FIT_TRUNCATED_NEWTON)
        self.assertEqual(fit.info.hessian_evaluations, 0)
        np.testing.assert_allclose((fit.values - centre) / scale, 0, atol=1e-3)
        inverse = np.linalg.inv(np.eye(40) + A @ A.T)
        row = -A[:, 7] @ inverse @ A
        row[7] += 1
        np.testing.assert_allclose(fit.covariance_row("p7") / (scale * scale[7]), row, atol=1e-6)
        with self.assertRaises(sbi.SbiError):
            fit.errors


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: Apache-2.0
"""Toys, limits and the Neyman construction from Python."""

import math
import pathlib
import sys
import tempfile
import unittest

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "bindings" / "python"))

import sbi  # noqa: E402


def workspace(name):
    return sbi.Model(ROOT / "tests" / "data" / "pyhf" / f"{name}.json")


class OneToy(unittest.TestCase):
    def test_by_number(self):
        model = workspace("33_uncorrelated_background")
        theta = model.start
        toys = sbi.ToyGenerator(model, theta, seed=4)
        first, again, other = (toys[n].evaluator()(theta) for n in (3, 3, 4))
        self.assertEqual(first, again)
        self.assertNotEqual(first, other)
        kept = sbi.ToyGenerator(model, theta, seed=4, auxiliary="kept")[3]
        name = model.parameters[1]
        self.assertEqual(kept.parameter(name).auxiliary, model.parameter(name).auxiliary)
        self.assertNotEqual(toys[3].parameter(name).auxiliary, model.parameter(name).auxiliary)
        with self.assertRaises(ValueError):
            sbi.ToyGenerator(model, theta, auxiliary="lost")
        with self.assertRaises(ValueError):
            sbi.ToyGenerator(model, [1.0])


class ManyToys(unittest.TestCase):
    def test_table(self):
        model = workspace("33_uncorrelated_background")
        theta = model.start
        options = dict(count=40, compute=["t", "q", "parameters", "saturated"], tested=[0.5, 1.0], seed=2)
        toys = sbi.Toys(model, theta, **options)
        self.assertEqual(len(toys), 40)
        self.assertEqual(toys.columns[:7], ["nll", "value", "error", "t_0", "t_1", "q_0", "q_1"])
        self.assertEqual(toys.failed, {})
        values = toys.values
        np.testing.assert_array_equal(toys["t_1"], values[:, 4])
        np.testing.assert_array_equal(toys["q_1"], np.where(toys["value"] > 1.0, 0.0, toys["t_1"]))
        np.testing.assert_array_equal(toys["fit:" + model.poi], toys["value"])
        p, error = toys.p_value("t_1", 1.0)
        self.assertAlmostEqual(p, np.mean(toys["t_1"] >= 1.0 - 1e-6))
        self.assertGreater(error, 0)
        self.assertAlmostEqual(toys.quantile("nll", 0.5)[0], np.quantile(toys["nll"], 0.5), places=12)
        with tempfile.TemporaryDirectory() as folder:
            toys.write_json(folder + "/t.json")
            toys.write_npy(folder + "/t.npy")
            np.testing.assert_array_equal(np.load(folder + "/t.npy"), values)
            np.testing.assert_array_equal(sbi.Toys.read(folder + "/t.json").values, values)
            there = sbi.Toys(model, theta, executor=sbi.Executor("local", threads=2), campaign=folder + "/c", **options)
            np.testing.assert_array_equal(there.values, values)
            part = sbi.Toys(model, theta, campaign=folder + "/c", collect=True, **options)
            np.testing.assert_array_equal(part.values, values)
        both = toys + there
        self.assertEqual(len(both), 80)
        np.testing.assert_array_equal(both.numbers, np.r_[0:40, 0:40])
        with self.assertRaises(sbi.NotFound):
            toys["nothing"]
        with self.assertRaises(ValueError):
            sbi.Toys(model, theta, compute=["z"])
        with self.assertRaises(sbi.ArgumentError) as caught:
            sbi.Toys(model, theta, compute=["t"], tested=[99.0])
        self.assertIn("outside of its bounds", str(caught.exception))


class Limits(unittest.TestCase):
    def test_asymptotics(self):
        fit = sbi.Fit(workspace("33_uncorrelated_background"))
        limit = sbi.upper_limits(fit, "mu")
        asimov = sbi.asimov_fit(fit, "mu", 0.0)
        q, a = (f.test_statistic("mu", limit.observed, sbi.STATISTIC_QTILDE) for f in (fit, asimov))
        clsb = sbi.asymptotic_p_value(sbi.STATISTIC_Q, q)
        clb = 0.5 * math.erfc((math.sqrt(q) - math.sqrt(a)) / math.sqrt(2))
        self.assertAlmostEqual(clsb / clb, 0.05, places=4)
        self.assertTrue(np.all(np.diff(limit.expected) > 0))
        self.assertAlmostEqual(sbi.significance(0.5), 0.0)
        found = sbi.discovery(fit, "mu")
        self.assertAlmostEqual(found.significance, math.sqrt(found.q0))
        self.assertAlmostEqual(sbi.significance(found.p0), found.significance, places=9)
        self.assertGreater(sbi.discovery(sbi.asimov_fit(fit, "mu", 1.0), "mu").q0, 0)
        self.assertAlmostEqual(sbi.profiled(fit, "mu", 0.0)[0], 0.0)
        good = sbi.goodness_of_fit(fit)
        self.assertTrue(0 <= good.p_value <= 1 and good.dof == 1)

    def test_toys(self):
        fit = sbi.Fit(workspace("33_uncorrelated_background"))
        asymptotic = sbi.upper_limits(fit, "mu")
        limit = sbi.upper_limits_by_toys(fit, "mu", np.linspace(0.5, 1.8, 4) * asymptotic.observed, count=300, seed=5)
        self.assertEqual(limit.cls.shape, (4, 6))
        self.assertLess(abs(limit.observed - asymptotic.observed), 5 * limit.observed_error + 0.1 * asymptotic.observed)

    def test_neyman(self):
        fit = sbi.Fit(workspace("33_uncorrelated_background"))
        mu, error = fit.value("mu"), fit.error("mu")
        belt = sbi.Neyman(fit, "mu", np.linspace(0.0, mu + 2.5 * error, 7), count=200, seed=5)
        critical, spread = belt.critical(0)
        self.assertEqual(spread.shape, (7, 2))
        self.assertTrue(np.all(critical > 0) and np.all(belt.critical(1)[0] > critical))
        intervals = belt.intervals(0)
        self.assertTrue(any(a <= mu <= b for a, b in intervals))
        self.assertEqual(belt.intervals(0, np.full(7, 1e9)), [])
        p, _ = belt.p_values()
        self.assertTrue(np.all((p >= 0) & (p <= 1)))


if __name__ == "__main__":
    unittest.main()

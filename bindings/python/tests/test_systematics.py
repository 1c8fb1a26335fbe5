# SPDX-License-Identifier: Apache-2.0
"""Systematics against numpy and against fits of shifted data."""

import pathlib
import sys
import tempfile
import unittest

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import sbi  # noqa: E402


def workspace(auxiliary=(0.0, 0.0)):
    """Two bins, a shape, a normalisation and Poisson gammas."""
    parameters = [{"name": "mu", "inits": [1.0], "bounds": [[0.0, 10.0]]}]
    parameters += [{"name": name, "auxdata": [a]} for name, a in zip(("JES_1", "JES_2"), auxiliary)]
    background = [{"name": "JES_1", "type": "normsys", "data": {"hi": 1.1, "lo": 0.92}},
                  {"name": "JES_2", "type": "histosys", "data": {"hi_data": [55.0, 38.0], "lo_data": [46.0, 42.0]}},
                  {"name": "bkg", "type": "shapesys", "data": [5.0, 4.0]}]
    return {
        "version": "1.0.0",
        "channels": [{"name": "SR", "samples": [
            {"name": "S", "data": [8.0, 16.0], "modifiers": [{"name": "mu", "type": "normfactor", "data": None}]},
            {"name": "B", "data": [50.0, 40.0], "modifiers": background}]}],
        "observations": [{"name": "SR", "data": [64.0, 61.0]}],
        "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": parameters}}],
    }


class Binned(unittest.TestCase):
    def setUp(self):
        self.model = sbi.Model.from_spec(workspace())
        self.fit = sbi.Fit(self.model)
        self.mu = self.fit.parameters.index("mu")

    def test_impacts(self):
        V, names = self.fit.covariance, self.fit.parameters
        for method in ("postfit_hessian", "postfit"):
            found = sbi.impacts(self.fit, "mu", method)
            self.assertEqual({i.name for i in found}, {"JES_1", "JES_2", "bkg[0]", "bkg[1]"})
            self.assertEqual([i.size for i in found], sorted((i.size for i in found), reverse=True))
            for i in found:
                k = names.index(i.name)
                self.assertAlmostEqual(i.impact[1], V[self.mu, k] / np.sqrt(V[k, k]), delta=0.25 * i.size)
                self.assertEqual(i.message, ("", ""))
        for i in sbi.impacts(self.fit, "mu", "auxiliary", ["JES_*"]):
            side = {"JES_1": (1, 0), "JES_2": (0, 1)}[i.name]
            moved = sbi.Fit(sbi.Model.from_spec(workspace(side)))
            self.assertAlmostEqual(i.impact[1], moved.value("mu") - self.fit.value("mu"), delta=1e-4)
            np.testing.assert_allclose(i.shifts[1], moved.values - self.fit.values, atol=1e-3)
        with self.assertRaises(ValueError):
            sbi.impacts(self.fit, "mu", "guess")
        with self.assertRaises(sbi.NotFound):
            sbi.impacts(self.fit, "mu", parameters=["JER_*"])

    def test_breakdown(self):
        lines = sbi.breakdown(self.fit, "mu", {"jets": "JES_*", "MC": ["bkg[0]", "bkg[1]"]})
        self.assertEqual(list(lines), ["jets", "MC", "statistical", "total"])
        parts = sum(lines[name].variance for name in ("jets", "MC", "statistical"))
        self.assertAlmostEqual(parts / lines["total"].variance, 1, delta=1e-12)
        shifts = sbi.impacts(self.fit, "mu", parameters=["JES_*"])
        self.assertAlmostEqual(lines["jets"].variance, sum(i.impact[1] ** 2 for i in shifts), delta=1e-12)
        held = sbi.Fit(self.model, start=dict(zip(self.fit.parameters, self.fit.values)),
                       fixed={n: self.fit.value(n) for n in ("JES_1", "JES_2")})
        self.assertAlmostEqual(lines["jets"].without, held.error("mu"), delta=1e-4)
        self.assertEqual(list(sbi.breakdown(self.fit, "mu")), ["other", "statistical", "total"])

    def test_pulls_of_gammas(self):
        pull, constraint = self.fit.pulls()
        k = self.fit.parameters.index("bkg[0]")
        self.assertAlmostEqual(pull[k], (self.fit.values[k] - 1) / 0.1, delta=1e-12)  # 5 of 50
        self.assertAlmostEqual(constraint[k], self.fit.errors[k] / 0.1, delta=1e-12)


class Ensembles(unittest.TestCase):
    def setUp(self):
        rng = np.random.default_rng(3)
        self.M, n = 6, 3000
        x = np.where(rng.uniform(size=n) < 0.5, rng.uniform(size=n) ** (1 / 3), rng.uniform(size=n))
        noise = 0.02 * rng.normal(size=(2, self.M))
        self.members = 3 * x[:, None] ** 2 * np.exp(np.cos(np.pi * x)[:, None] * noise[0] + x[:, None] * noise[1])
        self.ones, self.n = np.ones(n), n
        self.model = self.build(self.members.mean(1))
        self.fit = sbi.Fit(self.model)

    def build(self, ratio):
        m = sbi.Model.build()
        m.add_parameter(sbi.Parameter("mu", 1.0, 0.0, 10.0, sbi.CONSTRAINT_NONE))
        c = m.add_channel("SR", self.n)
        self.sample = m.add_sample(c, "S", 1500.0, ratio, "mu")
        m.add_sample(c, "B", 1500.0, self.ones)
        return m.seal()

    def test_covariance(self):
        V, shifts = sbi.ensemble_covariance(self.fit, [sbi.Members(0, self.sample, self.members)])
        M = self.M
        left = [(self.members.sum(1) - self.members[:, m]) / (M - 1) for m in range(M)]
        moved = np.array([sbi.Fit(self.build(r)).value("mu") for r in left])
        self.assertAlmostEqual(V[0, 0] / ((M - 1) * moved.var()), 1, delta=0.02)
        np.testing.assert_allclose(shifts[:, 0], moved - self.fit.value("mu"), atol=1e-4)
        boot, _ = sbi.ensemble_covariance(self.fit, [sbi.Members(0, self.sample, np.log(self.members), logarithms=True)], "bootstrap")
        self.assertAlmostEqual(boot[0, 0] / V[0, 0], M, delta=1e-6)
        replaced = sbi.Fit(self.model.replace_ratios({(0, self.sample): left[2]}))
        self.assertAlmostEqual(replaced.value("mu"), moved[2], delta=1e-7)
        with self.assertRaises(ValueError):
            sbi.ensemble_covariance(self.fit, [sbi.Members(0, self.sample, self.members[:5])])
        with self.assertRaises(sbi.ArgumentError):
            sbi.ensemble_covariance(self.fit, [sbi.Members(0, 7, self.members)])

    def test_modes(self):
        logs = np.log(self.members)
        d = (logs - logs.mean(1, keepdims=True)) / np.sqrt(self.M * (self.M - 1))
        modes = sbi.MemberModes(self.members)
        self.assertEqual(len(modes), 2)  # the noise has two directions
        self.assertAlmostEqual(modes.fractions.sum(), 1, delta=1e-12)
        u = np.array([modes.column(j, self.members) for j in range(2)])
        np.testing.assert_allclose(u.T[:50] @ u[:, :50], d[:50] @ d[:50].T, atol=1e-15)
        np.testing.assert_allclose((u**2).sum(1) / (d**2).sum(), modes.fractions, rtol=1e-9)
        np.testing.assert_allclose(modes.column(1, logs[::-2], True), u[1, ::-2], atol=1e-15)
        np.testing.assert_allclose(sbi.member_spread(self.members), np.sqrt((d**2).sum(1)), rtol=1e-12)
        self.assertEqual(len(sbi.MemberModes(logs, True, weights=self.ones, max_modes=1)), 1)
        self.assertLess(len(sbi.MemberModes(self.members, fraction=0.5)), 3)
        with self.assertRaises(ValueError):
            sbi.MemberModes(-self.members)


class Campaigns(unittest.TestCase):
    def test_same_bits(self):
        rng = np.random.default_rng(8)
        m = sbi.Model.build()
        m.add_parameter(sbi.Parameter("mu", 1.0, 0.0, 10.0, sbi.CONSTRAINT_NONE))
        for k in range(3):
            m.add_parameter(sbi.Parameter(f"alpha{k}"))
        c = m.add_channel("SR", 7000)
        s = m.add_sample(c, "S", 3000.0, rng.uniform(0.1, 1.9, 7000), "mu")
        m.add_sample(c, "B", 4000.0, np.ones(7000))
        for k in range(3):
            m.add_eventsys(c, s, f"alpha{k}", rng.uniform(0.99, 1.01, 7000), rng.uniform(0.99, 1.01, 7000))
        fit = sbi.Fit(m.seal())
        here = fit.hessian()
        with tempfile.TemporaryDirectory() as folder:
            for _ in range(2):
                np.testing.assert_array_equal(fit.hessian_campaign(None, 3, 2048, folder), here)
            self.assertEqual(len(list(pathlib.Path(folder, "results").iterdir())), 8)


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: Apache-2.0
"""Calibration, verdicts, columns as tasks and variations against numpy; their plots."""

import json
import pathlib
import sys
import tempfile
import unittest

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

try:
    import matplotlib

    matplotlib.use("Agg")
except ImportError:
    matplotlib = None

import sbi  # noqa: E402
from sbi import plots  # noqa: E402

SETTINGS = {"depth": 1, "width": 12, "epochs": 4, "batch": 250, "members": 2, "learning_rate": 5e-3}


def events(seed, n=5000, shift=0.8):
    rng = np.random.default_rng(seed)
    return np.float32(rng.normal(size=(n, 2)) + [shift, 0]), np.float32(rng.normal(size=(n, 2)))


def dataset(seed, **options):
    num, den = events(seed, **options)
    return sbi.Dataset().add(sbi.NUMERATOR, num).add(sbi.DENOMINATOR, den)


class Ratios(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.data = dataset(1)
        cls.ensemble = sbi.Ensemble.train(cls.data, **SETTINGS)

    def test_calibration(self):
        with self.assertRaises(sbi.SbiError):
            sbi.Calibration.fit(self.ensemble, self.data, seed=2)  # not the training's seed
        cal = sbi.Calibration.fit(self.ensemble, self.data)
        self.assertEqual(cal.info.members, 2)
        self.assertTrue(np.all(np.diff(cal.knots[:, 0]) > 0))
        x = events(2)[1]
        plain, _ = self.ensemble.ratio(x, log=True)
        calibrated, spread = self.ensemble.ratio(x, log=True, calibration=cal)
        np.testing.assert_array_equal(calibrated, cal(plain))
        self.assertTrue(np.all(np.isfinite(spread)))
        fresh = dataset(3)
        num, den = events(3)
        l = [0.8 * s[:, 0] - 0.32 + 0.3 for s in (num, den)]  # exact but for a factor
        shifted = sbi.Calibration.fit_ratios(fresh, l[0], l[1], held_out=0, method=sbi.CALIBRATION_HISTOGRAM, bins=20)
        self.assertAlmostEqual(np.mean(np.exp(shifted(l[1]))), 1, places=10)
        with tempfile.TemporaryDirectory() as folder:
            cal.save(folder + "/calibration.npz")
            np.testing.assert_array_equal(sbi.Calibration(folder + "/calibration.npz")(plain), calibrated)
            with np.load(folder + "/calibration.npz") as archive:  # as numpy sees it
                np.testing.assert_array_equal(archive["knots"], cal.knots)

    def test_verdicts(self):
        diagnostics = sbi.Diagnostics(self.ensemble, self.data, held_out=1)
        self.assertGreater(diagnostics.summary.ks_numerator_p, 1e-4)
        verdict = sbi.Verdict(diagnostics, events_fail=1e6)
        self.assertEqual(verdict.result(), "fail")
        self.assertEqual({c.name for c in verdict.checks if c.result == "fail"}, {"events"})
        every = sbi.Verdict.ensemble(self.ensemble, self.data, {"held_out": 1})
        self.assertEqual(len(every.checks), 33)
        with tempfile.TemporaryDirectory() as folder:
            every.write(folder + "/v.json")
            diagnostics.write(folder + "/d.json")
            document = json.loads(pathlib.Path(folder, "v.json").read_text())
            self.assertEqual([s["subject"] for s in document["subjects"]], ["ensemble", "member 0", "member 1"])
            self.assertIn("tails", json.loads(pathlib.Path(folder, "d.json").read_text()))
        with self.assertRaises(TypeError):
            sbi.Verdict(diagnostics, closure=1)

    def test_columns(self):
        x = events(4)[0]
        expected, expected_spread = self.ensemble.ratio(x)
        with tempfile.TemporaryDirectory() as folder:
            np.save(folder + "/x.npy", x)
            column = sbi.Column(self.ensemble, folder + "/r.npy", folder + "/s.npy")
            sbi.evaluate_columns(folder + "/x.npy", [column], events_a_task=2048, campaign=folder + "/c", executor=sbi.Executor("local"))
            np.testing.assert_array_equal(np.load(folder + "/r.npy"), expected)
            np.testing.assert_array_equal(np.load(folder + "/s.npy"), expected_spread)
            sbi.pack_columns(folder + "/x.npy", folder + "/p.npy", [[(sbi.Column(self.ensemble), sbi.Column(self.ensemble, correction=2.0)), None]],
                             dtype="f64")
            store = np.load(folder + "/p.npy")
            self.assertEqual(store.shape, (3, 1, 2, 2, 2048))
            flat = store[:, 0].transpose(1, 2, 0, 3).reshape(2, 2, -1)[:, :, :len(x)]
            np.testing.assert_allclose(flat[0, 0], np.log(expected), atol=1e-12)
            np.testing.assert_allclose(flat[0, 1], np.log(expected / 2), atol=1e-12)
            self.assertTrue(np.all(flat[1] == 0))

    def test_variations(self):
        up, down = dataset(5, shift=0.2), dataset(6, shift=-0.2)
        with tempfile.TemporaryDirectory() as folder:
            at = pathlib.Path(folder)
            x, v = events(7, n=1500)
            np.save(at / "x.npy", x)
            np.save(at / "v.npy", v)
            np.save(at / "one.npy", np.ones(len(x)))
            workspace = {"channels": [{"name": "SR", "integration": {"weights": "one.npy"}, "samples": [
                {"name": "S", "yield": 1500, "factor": "mu", "ratio": "one.npy", "ratio_integration": "one.npy"}]}],
                "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": []}}], "version": "1.0.0"}
            (at / "base.json").write_text(json.dumps(workspace))
            pair = sbi.Variation("S", "JES", up, down, hi=1.02, lo=0.98)
            variations = sbi.Variations.train([pair], campaign=at / "training", **SETTINGS)
            self.assertEqual(len(variations), 1)
            variations.write(at / "base.json", "SR", at / "x.npy", at / "full.json", integration=at / "v.npy")
            model = sbi.Model(at / "full.json")
            fit = sbi.Fit(model)
            self.assertGreater(fit.value("JES"), 1)  # the events are those of an alpha of 4
            with self.assertRaises(sbi.SbiError):
                variations.add("S", "JES", self.ensemble, self.ensemble)
            with self.assertRaises(sbi.SbiError):
                sbi.Variations().add_parameterised("S", ["a"], self.ensemble)

    @unittest.skipIf(matplotlib is None, "matplotlib is not installed")
    def test_plots(self):
        import matplotlib.pyplot as plt

        d = sbi.Diagnostics(self.ensemble, self.data, held_out=1, calibration_bins=8, closure_bins=8)
        before = dict(matplotlib.rcParams)
        summary = d.table(sbi.TABLE_CLOSURE_SUMMARY)
        drawn = [plots.calibration(d.table(sbi.TABLE_CALIBRATION)), plots.roc(d.table(sbi.TABLE_ROC), d.summary.auc),
                 plots.closure(d.table(sbi.TABLE_CLOSURE, 0), "x0", summary=summary[0]), plots.overtraining(d.table(sbi.TABLE_SCORES), d.summary),
                 plots.member_spread(d.table(sbi.TABLE_SPREAD)), plots.verdict_table(sbi.Verdict.ensemble(self.ensemble, self.data).checks)]
        self.assertEqual(dict(matplotlib.rcParams), before)
        self.assertEqual(drawn[1].get_legend().get_texts()[0].get_text(), f"AUC = {d.summary.auc:.4f}")
        self.assertIn(f"{summary[0, 4]:.3f}", drawn[2].get_legend().get_title().get_text())
        cells = [c.get_text().get_text() for c in drawn[5].tables[0].get_celld().values()]
        self.assertIn("member 1", cells)
        self.assertIn("closure", cells)
        for ax in drawn:
            ax.figure.canvas.draw()
            plt.close(ax.figure)


if __name__ == "__main__":
    unittest.main()

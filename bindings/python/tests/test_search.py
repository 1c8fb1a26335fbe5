# SPDX-License-Identifier: Apache-2.0
"""Searches of hyper-parameters, folds and epoch logs from Python."""

import json
import pathlib
import sys
import tempfile
import unittest

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "bindings" / "python"))

import sbi  # noqa: E402

try:
    import matplotlib

    matplotlib.use("Agg")
except ImportError:
    matplotlib = None

BASE = dict(depth=1, width=8, epochs=9, batch=100, validation_fraction=0.25, optimiser=sbi.OPTIMISER_SGD)


def events():
    random = np.random.default_rng(5)
    data = sbi.Dataset()
    data.add(sbi.NUMERATOR, random.normal(1, 1, (300, 2)).astype("f4"))
    data.add(sbi.DENOMINATOR, random.normal(0, 1, (300, 2)).astype("f4"))
    return data


class Searching(unittest.TestCase):
    def test_halving(self):
        data = events()
        with tempfile.TemporaryDirectory() as folder:
            found = sbi.search(data, {"learning_rate": np.array([1e-3, 1e-2, 1e6]), "width": [4, 8]}, strategy="halving", min_epochs=3,
                               members=2, sigmas=1, campaign=folder, **BASE)
            board = found.leaderboard
            self.assertEqual(len(found), 6)
            self.assertEqual([t["rank"] for t in board], list(range(6)))
            self.assertEqual([t["state"] for t in board], ["done", "done"] + ["stopped"] * 2 + ["diverged"] * 2)
            best = board[0]
            self.assertAlmostEqual(best["score"], best["loss"] + best["spread"], places=14)
            self.assertLessEqual(best["score"], board[1]["score"])
            self.assertAlmostEqual(best["loss"], np.mean([m["validation_loss"] for m in best["members"]]), places=14)
            self.assertGreaterEqual(board[-1]["members"][0]["diverged"]["batch"], 1)
            self.assertEqual(found.best_options["learning_rate"], best["options"]["learning_rate"])
            self.assertEqual(found.trial(best["trial"]).rank, 0)
            again = sbi.Ensemble.train(data, **found.best_options)
            np.testing.assert_array_equal(found.ensemble()[1].layer(0)[0], again[1].layer(0)[0])
            stored = json.loads((pathlib.Path(folder) / "leaderboard.json").read_text())
            self.assertEqual(stored["rungs"], [3, 9])
            lines = (pathlib.Path(folder) / "trials" / f"{best['trial']:04d}" / "member-0001.jsonl").read_text().splitlines()
            self.assertEqual([json.loads(line)["epoch"] for line in lines], list(range(1, 10)))
            found.close()

    def test_random_is_reproducible(self):
        data = events()
        space = {"learning_rate": {"log": [1e-4, 1e-2]}, "depth": {"integer": [0, 2]}}
        a = sbi.Search(data, space, method="random", trials=5, search_seed=2**63, **BASE)
        b = sbi.Search(data, space, method="random", trials=5, search_seed=2**63, **BASE)
        c = sbi.Search(data, space, method="random", trials=5, search_seed=3, **BASE)
        rates = [[s.options(i)["learning_rate"] for i in range(5)] for s in (a, b, c)]
        self.assertEqual(rates[0], rates[1])
        self.assertNotEqual(rates[0], rates[2])
        with self.assertRaises(sbi.SbiError):
            a.best_options
        with self.assertRaises(sbi.NotFound):
            sbi.Search(data, {"no_such_option": [1]}, **BASE)

    @unittest.skipIf(matplotlib is None, "matplotlib is not installed")
    def test_plot(self):
        from sbi import plots

        trials = [{"trial": 3, "state": "done", "loss": 0.5, "spread": 0.01, "epochs": 9, "options": {"width": 8}},
                  {"trial": 1, "state": "stopped", "loss": 0.6, "spread": 0.0, "epochs": 3, "options": {"width": 4}},
                  {"trial": 0, "state": "diverged", "loss": None, "spread": None, "epochs": 3, "options": {"width": 2}}]
        ax = plots.leaderboard(trials)
        self.assertEqual([t.get_text() for t in ax.get_yticklabels()], ["3: width 8", "1: width 4"])
        self.assertEqual([c.lines[0].get_xdata()[0] for c in ax.containers], [0.5, 0.6])
        self.assertIn("1 of 3", ax.get_title(loc="right"))
        ax.figure.canvas.draw()
        import matplotlib.pyplot as plt

        plt.close(ax.figure)


class Folds(unittest.TestCase):
    def test_held_out(self):
        data = events()
        ensemble = sbi.Ensemble.train(data, folds=3, members=3, **BASE)
        fold = data.folds(sbi.NUMERATOR, seed=1, folds=3)
        self.assertEqual(sorted(set(fold)), [0, 1, 2])
        ratio, spread = ensemble.held_out_ratio(data, sbi.NUMERATOR, log=True)
        features = data._arrays[0]
        for f in range(3):
            np.testing.assert_allclose(ratio[fold == f], ensemble[f].logit(features)[fold == f], rtol=0, atol=1e-12)
        np.testing.assert_array_equal(spread, 0)
        self.assertEqual(ensemble[1].training["folds"], 3)
        self.assertGreater(ensemble[1].training["held_out_loss"], 0)
        with tempfile.TemporaryDirectory() as folder:
            ensemble.write_report(folder + "/report.json")
            report = json.loads(pathlib.Path(folder + "/report.json").read_text())
        self.assertEqual([m["fold"] for m in report["members"]], [0, 1, 2])
        self.assertEqual(sbi.Diagnostics(ensemble, data, held_out=2).summary.numerator_events, 300)


if __name__ == "__main__":
    unittest.main()

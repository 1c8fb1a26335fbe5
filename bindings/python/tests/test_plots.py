# SPDX-License-Identifier: Apache-2.0
"""Every plot draws, and shows the numbers it was given."""

import pathlib
import sys
import unittest

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

try:
    import matplotlib

    matplotlib.use("Agg")
except ImportError:
    matplotlib = None

from sbi import plots  # noqa: E402


@unittest.skipIf(matplotlib is None, "matplotlib is not installed")
class Plots(unittest.TestCase):
    def finish(self, ax):
        import matplotlib.pyplot as plt

        ax.figure.canvas.draw()
        plt.close(ax.figure)

    def test_scan(self):
        x = np.linspace(0, 3, 31)
        ax = plots.nll_scan(x, {"learnt": (x - 1) ** 2, "truth": (x - 1.1) ** 2}, minima=[(1.0, 0.0)])
        np.testing.assert_array_equal(ax.lines[0].get_ydata(), (x - 1) ** 2)
        self.finish(ax)

    def test_impacts_are_ranked(self):
        ax = plots.impacts(["mu", "a", "b"], [np.nan, 0.1, -0.4], [0, 0.5, -0.5], [1, 0.9, 0.8])
        self.assertEqual([t.get_text() for t in ax.get_yticklabels()], ["a", "b"])
        self.assertEqual(max(p.get_width() for p in ax.patches), 0.4)
        self.finish(ax)

    def test_timeline_returns_to_zero(self):
        ax = plots.timeline([0, 1, 2], [3, 2, 4])
        y = ax.lines[0].get_ydata()
        self.assertEqual((y.max(), y[-1]), (2, 0))
        self.finish(ax)

    def test_the_others(self):
        rng = np.random.default_rng(1)
        self.finish(plots.training_curves([rng.uniform(0.5, 0.7, (5, 5))], labels=["S"]))
        self.finish(plots.calibration(rng.uniform(0, 1, (10, 7))))
        table = np.column_stack([np.arange(5.0), np.arange(1.0, 6.0), rng.uniform(0, 1, (5, 6))])
        self.finish(plots.closure(table))
        self.finish(plots.correlation(np.eye(3), ["a", "b", "c"]))


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: Apache-2.0
"""Every plot draws, and shows the numbers it was given."""

import pathlib
import subprocess
import sys
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

HERE = pathlib.Path(__file__).resolve().parent


def texts(legend):
    return [t.get_text() for t in legend.get_texts()]


@unittest.skipIf(matplotlib is None, "matplotlib is not installed")
class Drawing(unittest.TestCase):
    def setUp(self):
        self.settings = dict(matplotlib.rcParams)

    def tearDown(self):
        self.assertEqual(dict(matplotlib.rcParams), self.settings)

    def finish(self, ax):
        import matplotlib.pyplot as plt

        figure = np.ravel(ax)[0].figure
        figure.canvas.draw()
        plt.close(figure)


class Scans(Drawing):
    x = np.linspace(0, 3, 301)

    def test_crossings(self):
        t = 8 * (self.x - 0.5) ** 2 * (self.x - 2) ** 2
        found = plots.crossings(self.x, t, 0.5)
        self.assertEqual(found.shape, (2, 2))
        np.testing.assert_allclose(8 * (found - 0.5) ** 2 * (found - 2) ** 2, 0.5, atol=2e-3)
        np.testing.assert_allclose(plots.crossings([0, 1, 2], [0, 1, 2], 0.5), [[0, 0.5]])
        np.testing.assert_allclose(plots.crossings([2, 1, 0], [0, 1, np.nan], 1.5), [[1, 2]])
        self.assertEqual(len(plots.crossings([0, 1], [5, 6], 1)), 0)

    def test_curves_levels_and_several_intervals(self):
        t = 8 * (self.x - 0.5) ** 2 * (self.x - 2) ** 2 + 0.1 * (self.x > 1)
        ax = plots.nll_scan(self.x, {"observed": t, "expected": (self.x[::10], (self.x[::10] - 1) ** 2)}, minima=[(0.5, 0.0), (2.0, 0.1)],
                            unit="pb", truth=1.5)
        np.testing.assert_array_equal(ax.lines[0].get_ydata(), t)
        np.testing.assert_array_equal(ax.lines[1].get_xdata(), self.x[::10])
        thick = [line for line in ax.lines if line.get_linewidth() > 4]
        ends = np.array([line.get_xdata() for line in thick if line.get_ydata()[0] == 1.0])
        np.testing.assert_allclose(ends, plots.crossings(self.x, t, 1.0))
        self.assertEqual(len(ends), 2)
        markers = [line for line in ax.lines if line.get_marker() == "v"]
        self.assertEqual([m.get_markerfacecolor() == "white" for m in markers], [False, True])
        self.assertEqual(ax.get_xlabel(), "mu [pb]")
        self.assertTrue(any(text.startswith("68 %: [") and text.count("[") == 2 for text in texts(ax.get_legend())))
        self.finish(ax)

    def test_given_intervals_replace_those_of_the_curve(self):
        ax = plots.nll_scan(self.x, {"t": 9 * (self.x - 1) ** 2}, intervals={"68 %": [(0.6, 1.4)]})
        thick = [list(line.get_xdata()) for line in ax.lines if line.get_linewidth() > 4]
        self.assertEqual(thick, [[0.6, 1.4]])
        self.finish(ax)


class Systematics(Drawing):
    def test_impacts_are_ranked(self):
        ax = plots.impacts(["mu", "a", "b"], [np.nan, 0.1, -0.4], [0, 0.5, -0.5], [1, 0.9, 0.8])
        self.assertEqual([t.get_text() for t in ax.get_yticklabels()], ["a", "b"])
        self.assertEqual(max(p.get_width() for p in ax.patches), 0.4)
        top = ax.figure.axes[1]
        np.testing.assert_allclose(top.containers[0].lines[0].get_xdata(), [0.5, -0.5])
        self.finish(ax)

    def test_prefit_is_open_and_the_rest_is_counted(self):
        n = 100
        post = np.column_stack([-np.linspace(0.01, 1, n), np.linspace(0.02, 0.9, n)])
        ax = plots.impacts([f"nuisance_parameter_{i:03d}" for i in range(n)], post, np.zeros(n), np.ones(n), prefit=1.2 * post, most=30)
        bars = [p for p in ax.patches if p.get_height() < 1]
        self.assertEqual(len(bars), 4 * 30)
        self.assertEqual(sum(not p.get_fill() for p in bars), 2 * 30)
        self.assertEqual(ax.get_yticklabels()[-1].get_text(), "nuisance_parameter_099")
        self.assertEqual(ax.get_legend().get_title().get_text(), "70 smaller impacts are not shown")
        self.finish(ax)

    def test_methods_side_by_side(self):
        ax = plots.impacts_by_method(["a", "b"], {"one": [0.1, 0.3], "two": [[-0.2, 0.1], [-0.3, np.nan]]})
        self.assertEqual([t.get_text() for t in ax.get_yticklabels()], ["a", "b"])
        self.assertEqual(texts(ax.get_legend()), ["one", "two"])
        self.assertEqual(len(ax.patches), 8)
        self.finish(ax)

    def test_cluster_joins_what_correlates(self):
        rho = np.eye(6)
        for i, j in ((0, 3), (3, 5), (1, 4)):
            rho[i, j] = rho[j, i] = -0.8
        order = list(plots.cluster(rho))
        self.assertEqual(sorted(order), list(range(6)))
        for i, j in ((0, 3), (3, 5), (1, 4)):
            self.assertEqual(abs(order.index(i) - order.index(j)), 1)

    def test_correlation_threshold(self):
        rho = np.eye(4)
        rho[0, 2] = rho[2, 0] = 0.5
        ax = plots.correlation(rho, list("abcd"), threshold=0.1, keep=["d"])
        self.assertEqual([t.get_text() for t in ax.get_xticklabels()], ["a", "c", "d"])
        np.testing.assert_array_equal(ax.images[0].get_array(), rho[np.ix_([0, 2, 3], [0, 2, 3])])
        self.assertEqual([t.get_text() for t in ax.texts][:3], ["1.00", "0.50", "0.00"])
        self.assertEqual(ax.get_title(), "1 with |correlation| < 0.1 left out")
        self.finish(ax)
        self.finish(plots.correlation(np.eye(100), [f"p{i}" for i in range(100)], clustered=True))

    def test_breakdown(self):
        ax = plots.breakdown({"jets": 0.3, "theory": 0.4, "statistical": 1.2, "total": 1.3}, unit="fb")
        self.assertEqual([t.get_text() for t in ax.get_yticklabels()], ["theory", "jets", "statistical", "total"])
        self.assertEqual([p.get_width() for p in ax.patches], [0.4, 0.3, 1.2, 1.3])
        self.assertEqual(ax.texts[0].get_text(), "0.4  (9.5 %)")
        self.finish(ax)


class Contours(Drawing):
    def test_curves_holes_and_markers(self):
        phi = np.linspace(0, 2 * np.pi, 50, endpoint=False)
        ring = np.column_stack([np.cos(phi), np.sin(phi)])
        curve = sbi.Curve(5 + ring[:, 0], ring[:, 1], np.zeros(50))
        ax = plots.contours({"68 %": [ring, curve, 0.3 * ring[::-1]], "95 %": [(2 * ring[:, 0], 2 * ring[:, 1])]}, best=(0, 0.5),
                            minima=[(5, 0), (6, 0)], truth=(1, 1))
        self.assertEqual(len(ax.patches), 4)
        path = ax.patches[0].get_path()
        self.assertEqual(int(np.sum(path.codes == path.MOVETO)), 3)
        self.assertEqual([line.get_marker() for line in ax.lines], ["P", "v", "v", "*"])
        self.assertEqual(texts(ax.get_legend()), ["68 % (3 curves)", "95 %", "best fit", "other minimum", "truth"])
        self.assertGreater(ax.get_xlim()[1], 6)
        self.finish(ax)


class Statistics(Drawing):
    def test_asymptotic_formulae_are_the_library_s(self):
        kinds = {"chi2": sbi.STATISTIC_T, "half_chi2": sbi.STATISTIC_Q, "qtilde": sbi.STATISTIC_QTILDE, "ttilde": sbi.STATISTIC_TTILDE}
        for kind, number in kinds.items():
            for t in (0.3, 2.0, 7.0):
                self.assertAlmostEqual(1 - plots.asymptotic_cdf(kind, t, 2.5), sbi.asymptotic_p_value(number, t, 2.5), places=12)
        for q in (0.7, 6.0):
            clb = sbi.asymptotic_cls("qtilde", q, 2.5)[1]
            self.assertAlmostEqual(float(1 - plots.asymptotic_cdf("qtilde", q, 2.5, background=True)), clb, places=12)
        with self.assertRaisesRegex(ValueError, "Asimov"):
            plots.asymptotic_cdf("qtilde", 1.0)
        with self.assertRaisesRegex(ValueError, "'chi3'"):
            plots.asymptotic_cdf("chi3", 1.0)

    def test_toys_and_their_failures(self):
        z = np.random.default_rng(2).standard_normal(20000)
        q = np.where(z > 0, z**2, 0.0)
        q[:7] = np.nan
        bins = np.linspace(0, 10, 21)
        ax = plots.toys(q, asymptotic="half_chi2", observed=4.0, failed=3, bins=bins)
        histogram, curve = (p.get_data() for p in ax.patches)
        n = len(q) - 7
        expected = curve.values * n * 0.5
        self.assertAlmostEqual(histogram.values.sum() * 0.5, np.mean(q[7:] <= 10))
        self.assertGreater(expected[0], 0.5 * n)  # half of the toys are exactly zero
        pull = (histogram.values * n * 0.5 - expected) / np.sqrt(expected)
        self.assertLess(np.sum(pull[expected > 5] ** 2), 35)
        self.assertEqual(texts(ax.get_legend())[0], f"toys ({n}, 10 failed)")
        self.assertIn(f"observed 4, p = {np.mean(q[7:] >= 4):.3g}", texts(ax.get_legend()))
        plots.toys(q + 1, ax=ax, asymptotic=None, bins=bins, label="without")
        self.assertEqual(len(ax.patches), 3)
        self.finish(ax)

    def test_cls_and_limit(self):
        mu = np.linspace(0.1, 3, 30)
        expected = np.exp(-np.outer(mu, [3.0, 2.5, 2.0, 1.5, 1.2]))
        ax = plots.cls_scan(mu, np.exp(-1.8 * mu), expected)
        limits = [line.get_xdata()[0] for line in ax.lines if list(line.get_ydata()) == [0, 0.05]]
        np.testing.assert_allclose(limits, [np.log(20) / 1.8, np.log(20) / 2], rtol=1e-12)
        self.assertEqual(texts(ax.get_legend())[:2], ["observed", "expected"])
        self.assertEqual(len(ax.collections), 2)  # the bands
        self.finish(ax)
        ax = plots.cls_scan(mu, np.full(30, 0.5), errors=np.full(30, 0.1))
        self.assertEqual(len(ax.collections), 1)
        self.assertFalse(any("limit" in t for t in texts(ax.get_legend())))
        self.finish(ax)

    def test_limit_band(self):
        expected = np.outer([1.0, 2.0, 3.0], [0.5, 0.7, 1.0, 1.4, 2.0])
        ax = plots.limit_band([100, 200, 300], expected, [1.1, 1.9, 2.5], unit="GeV", theory={"model": [3, 2, 1]})
        np.testing.assert_array_equal(ax.lines[0].get_ydata(), [1, 2, 3])
        np.testing.assert_array_equal(ax.lines[1].get_ydata(), [1.1, 1.9, 2.5])
        wide = ax.collections[0].get_paths()[0].vertices
        self.assertEqual((wide[:, 1].min(), wide[:, 1].max()), (0.5, 6.0))
        self.assertEqual(ax.get_yscale(), "log")
        self.finish(ax)

    def test_neyman(self):
        mu = np.linspace(0, 2, 5)
        rng = np.random.default_rng(3)
        best = [m + 0.3 * rng.standard_normal(500) for m in mu]
        t = [((b - m) / 0.3) ** 2 for m, b in zip(mu, best)]
        t[2][:5] = np.nan
        critical = {0.95: np.full(5, 3.84), 0.6827: np.full(5, 1.0)}
        ax = plots.neyman_belt(mu, best, t, critical, observed=1.1)
        at_one = sorted((p.get_x(), p.get_x() + p.get_width()) for p in ax.patches if abs(p.get_y() + p.get_height() / 2 - 1) < 1e-9)
        np.testing.assert_allclose(at_one, [(1 - 0.588, 1 + 0.588), (0.7, 1.3)], atol=0.06)
        self.finish(ax)
        observed = ((mu - 1.1) / 0.3) ** 2
        ax = plots.neyman_critical(mu, {0.95: critical[0.95]}, observed, {0.95: np.full((5, 2), 0.1)})
        self.assertIn("Wilks, 95 %: 3.84", texts(ax.get_legend()))
        bar = [line.get_xdata() for line in ax.lines if line.get_linewidth() == 4]
        np.testing.assert_allclose(bar, plots.crossings(mu, observed - 3.84, 0))
        self.finish(ax)

    def test_neyman_of_a_fit(self):
        fit = sbi.Fit(sbi.Model.from_spec(SPEC))
        belt = sbi.Neyman(fit, "mu", [0.5, 1.5, 2.5], count=40, seed=2)
        toys = belt.toys(1)
        self.assertEqual(list(toys), ["nll", "value", "error", "t_0"])
        self.assertEqual(len(toys["t_0"]), 40)
        self.assertTrue(np.all(toys["t_0"][np.isfinite(toys["t_0"])] >= 0))
        with self.assertRaisesRegex(IndexError, "no value 3"):
            belt.toys(3)
        ax = plots.neyman_critical(belt)
        curves = [line.get_ydata() for line in ax.lines if line.get_marker() == "o"]
        np.testing.assert_array_equal(curves, [belt.critical(0)[0], belt.critical(1)[0]])
        self.finish(ax)
        ax = plots.neyman_belt(belt, observed=fit.value("mu"))
        self.assertGreaterEqual(len(ax.patches), 6)  # a region for each of 3 values and 2 levels
        self.finish(ax)

    def test_cls_kinds(self):
        cl = sbi.asymptotic_cls("q", 1.0, 4.0)
        self.assertAlmostEqual(cl[0], 0.15865525393145707, places=12)
        self.assertAlmostEqual(cl[1], 0.8413447460685429, places=12)
        with self.assertRaisesRegex(ValueError, "'t'"):
            sbi.asymptotic_cls("t", 1.0, 4.0)

    def test_what_sbi_impacts_and_breakdown_give(self):
        fit = sbi.Fit(sbi.Model.from_spec(SPEC))
        post, pre = sbi.impacts(fit, "mu", "postfit"), sbi.impacts(fit, "mu", "prefit")
        ax = plots.impacts(post, prefit=pre)
        names = [t.get_text() for t in ax.get_yticklabels()][::-1]
        self.assertEqual(names, [i.name for i in post])
        up = [p.get_width() for p in ax.containers[1]][::-1]
        np.testing.assert_array_equal(up, [i.impact[1] for i in post])
        self.finish(ax)
        parts = sbi.breakdown(fit, "mu", {"all": "*"})
        ax = plots.breakdown(parts)
        self.assertEqual([p.get_width() for p in ax.patches], [parts[n].uncertainty for n in ("all", "statistical", "total")])
        self.finish(ax)


SPEC = {
    "version": "1.0.0",
    "channels": [{"name": "SR", "samples": [
        {"name": "S", "data": [8.0, 16.0, 4.0], "modifiers": [{"name": "mu", "type": "normfactor", "data": None}]},
        {"name": "B", "data": [50.0, 40.0, 30.0], "modifiers": [
            {"name": "rate", "type": "normsys", "data": {"hi": 1.1, "lo": 0.92}},
            {"name": "shape", "type": "histosys", "data": {"hi_data": [55.0, 38.0, 30.0], "lo_data": [46.0, 42.0, 30.5]}}]}]}],
    "observations": [{"name": "SR", "data": [64.0, 61.0, 29.0]}],
    "measurements": [{"name": "m", "config": {"poi": "mu", "parameters": [{"name": "mu", "inits": [1.0], "bounds": [[0.0, 10.0]]}]}}],
}


class Distributions(Drawing):
    def test_stack_band_ratio_and_pull(self):
        samples = {"B": [10, 20], "I": [-2, -4], "S": [1, 2]}
        upper, lower = plots.distribution([0, 1, 3], samples, data=[12, 16], errors=[2, 3])
        tops = [p.get_data() for p in upper.patches]
        np.testing.assert_array_equal(tops[1].baseline, [0, 0])
        np.testing.assert_array_equal(tops[1].values, [-2, -4])
        np.testing.assert_array_equal(tops[2].values, [11, 22])
        np.testing.assert_array_equal(tops[3].values, [9, 18])  # the sum
        np.testing.assert_array_equal([tops[4].baseline, tops[4].values], [[7, 15], [11, 21]])
        np.testing.assert_allclose(lower.containers[0].lines[0].get_ydata(), [12 / 9, 16 / 18])
        self.finish(upper)
        upper, lower = plots.distribution([0, 1, 3], samples, data=[12, 16], errors=[2, 3], panel="pull", log=True)
        np.testing.assert_allclose([p.get_height() for p in lower.patches], [3 / 4, -2 / 5])
        self.finish(upper)
        with self.assertRaisesRegex(ValueError, "'difference'"):
            plots.distribution([0, 1], {"B": [1]}, panel="difference")

    def test_before_and_after(self):
        model = sbi.Model.from_spec(SPEC)
        fit = sbi.Fit(model)
        axes = plots.before_after(model, fit)
        for column, (theta, covariance) in enumerate((model.prefit(), (fit.values, fit.covariance))):
            total = sum(model.expected(theta).values())
            errors = model.expected_errors(theta, covariance)[0]
            band = axes[0, column].patches[3].get_data()
            np.testing.assert_allclose([band.baseline, band.values], [total - errors, total + errors])
        self.finish(axes)

    def test_errors_of_expected_counts(self):
        model = sbi.Model.from_spec(SPEC)
        fit = sbi.Fit(model)
        J = np.empty((3, len(fit.values)))
        for k in range(len(fit.values)):
            step = np.zeros(len(fit.values))
            step[k] = 1e-5
            J[:, k] = (sum(model.expected(fit.values + step).values()) - sum(model.expected(fit.values - step).values())) / 2e-5
        errors, counts, total = model.expected_errors(fit.values, fit.covariance)
        np.testing.assert_allclose(counts, J @ fit.covariance @ J.T, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(errors, np.sqrt(np.diag(counts)), rtol=1e-12)
        self.assertAlmostEqual(total, np.sqrt(counts.sum()), places=9)
        with self.assertRaisesRegex(ValueError, "expected shape"):
            model.expected_errors(fit.values, np.eye(2))

    def test_reweighted(self):
        model = sbi.Model(HERE.parents[2] / "tests" / "data" / "model" / "normalised.json")
        theta = model.start
        weights = model.asimov_weights(theta)
        feature = np.linspace(0, 1, len(weights))
        edges = np.linspace(0, 1, 5)
        counts = plots.reweighted(feature, {"all": weights}, edges)["all"]
        self.assertAlmostEqual(counts.sum(), weights.sum())
        k = 1
        covariance = np.zeros((len(theta), len(theta)))
        covariance[k, k] = 0.04
        errors = plots.reweighted_errors(model, feature, edges, theta, covariance)
        step = np.zeros(len(theta))
        step[k] = 0.2
        moved = [np.histogram(feature, edges, weights=model.asimov_weights(theta + s * step))[0] for s in (1, -1)]
        np.testing.assert_allclose(errors, np.abs(moved[0] - moved[1]) / 2, rtol=0.15, atol=1e-3 * counts.max())
        self.assertGreater(errors.max(), 0)


class Others(Drawing):
    def test_timeline_returns_to_zero(self):
        ax = plots.timeline([0, 1, 2], [3, 2, 4])
        y = ax.lines[0].get_ydata()
        self.assertEqual((y.max(), y[-1]), (2, 0))
        self.finish(ax)

    def test_training(self):
        rng = np.random.default_rng(1)
        history, table = rng.uniform(0.5, 0.7, (5, 5)), rng.uniform(0, 1, (10, 7))
        ax = plots.training_curves([history], labels=["S"])
        np.testing.assert_array_equal(ax.lines[1].get_ydata(), history[:, 2])
        self.finish(ax)
        ax = plots.calibration(table)
        np.testing.assert_array_equal(ax.containers[0].lines[0].get_ydata(), table[:, 3])
        self.finish(ax)
        table = np.column_stack([np.arange(5.0), np.arange(1.0, 6.0), rng.uniform(0, 1, (5, 6))])
        ax = plots.closure(table)
        np.testing.assert_array_equal(ax.patches[1].get_data().values, table[:, 4])
        self.finish(ax)


class Importing(unittest.TestCase):
    def test_matplotlib_is_imported_when_something_is_drawn(self):
        code = "import sys; import sbi.plots; sys.exit('matplotlib' in sys.modules)"
        self.assertEqual(subprocess.run([sys.executable, "-c", code], cwd=HERE.parent).returncode, 0)


if __name__ == "__main__":
    unittest.main()

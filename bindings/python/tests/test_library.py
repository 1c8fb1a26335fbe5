# SPDX-License-Identifier: Apache-2.0
"""The package against numpy: errors, arrays of any stride, tapes, models, fits, training."""

import json
import math
import pathlib
import sys
import tempfile
import unittest

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import sbi  # noqa: E402


def code4(alpha, up, down):
    """HistFactory's code 4, from its matching conditions at alpha = -1 and 1 solved by numpy."""
    if abs(alpha) > 1:
        return up**alpha if alpha > 0 else down ** (-alpha)
    rows, right = [], []
    for x, base in ((1.0, up), (-1.0, down)):
        sign = 1 if x > 0 else -1
        log = np.log(base)
        rows += [[x**n for n in range(1, 7)], [n * x ** (n - 1) for n in range(1, 7)],
                 [n * (n - 1) * x ** (n - 2) for n in range(1, 7)]]
        right += [base - 1, sign * base * log, base * log**2]
    a = np.linalg.solve(np.array(rows), np.array(right))
    return 1 + sum(a[n - 1] * alpha**n for n in range(1, 7))


class Errors(unittest.TestCase):
    def test_message_and_type(self):
        with self.assertRaises(sbi.FileError) as caught:
            with tempfile.NamedTemporaryFile(suffix=".npz") as f:
                f.write(b"not an archive")
                f.flush()
                sbi.Network(f.name)
        self.assertIn(".npz", str(caught.exception))
        with self.assertRaises(sbi.NotFound):
            sbi.Model("/nonexistent/workspace.json")
        with self.assertRaises(ValueError):
            tape = sbi.Tape()
            tape.column(tape.events("e", 2), np.array([1.0, np.nan]))

    def test_closed_handle(self):
        tape = sbi.Tape()
        tape.close()
        with self.assertRaises(ValueError):
            tape.param("x")


class Tapes(unittest.TestCase):
    def test_strided_columns_and_derivatives(self):
        rng = np.random.default_rng(1)
        table = rng.uniform(0.5, 1.5, (1000, 6))
        x, w = table[::2, 1], np.float32(table[::-2, 3])
        t = sbi.Tape()
        a, b = t.param("a"), t.param("b")
        events = t.events("events", len(x))
        value = -((a * t.column(events, x, "x") + b**2).log().sum(t.column(events, w, "w")))
        nll = t.seal(value)

        def direct(theta):
            return -np.sum(w.astype(float) * np.log(theta[0] * x + theta[1] ** 2))

        theta = np.array([0.7, 1.3])
        self.assertAlmostEqual(nll(theta), direct(theta), delta=1e-10)
        step = 1e-5
        numeric = [(direct(theta + d) - direct(theta - d)) / (2 * step) for d in step * np.eye(2)]
        np.testing.assert_allclose(nll.gradient(theta), numeric, rtol=1e-7)
        hessian = nll.hessian(theta)
        np.testing.assert_array_equal(hessian, hessian.T)
        np.testing.assert_allclose(nll.hvp(theta, np.eye(2)), hessian, rtol=1e-12)
        np.testing.assert_array_equal(nll.hessian_rows(theta, 1, 1), hessian[1:])
        self.assertIn("log", str(t))

    def test_morph(self):
        rng = np.random.default_rng(2)
        up, down = rng.uniform(0.8, 1.2, (3, 50)), rng.uniform(0.8, 1.2, (3, 50))
        for alphas in ([0.3, -0.9, 0.0], [1.7, -2.2, 1.0]):
            t = sbi.Tape()
            events = t.events("events", 50)
            g = t.morph(events, [t.param(f"a{k}") for k in range(3)], up, down)
            expected = sum(np.prod([code4(alphas[k], up[k, i], down[k, i]) for k in range(3)]) for i in range(50))
            self.assertAlmostEqual(t.seal(g.sum())(alphas), expected, delta=1e-10)


    def test_registered_functions(self):
        x = np.linspace(0.1, 2.0, 5000)
        t = sbi.Tape(sbi.Context(threads=2))
        a, b = t.param("a"), t.param("b")
        column = t.column(t.events("events", len(x)), x, "x")

        def two(v, order):
            p, q = v
            return [p * q**2, (p * q**2, [q**2, 2 * p * q]), (p * q**2, [q**2, 2 * p * q], [[0, 2 * q], [2 * q, 2 * p]])][order]

        def sine(v, order):
            if np.any(v > 100):
                raise KeyError("too large")
            return [np.sin(v), (np.sin(v), np.cos(v)), (np.sin(v), np.cos(v), -np.sin(v))][order]

        f = t.seal(t.apply("two", two, [a, b]) + t.map("sine", sine, a * column).sum())
        theta = np.array([0.8, 1.5])
        self.assertAlmostEqual(f(theta), 0.8 * 2.25 + np.sin(0.8 * x).sum(), delta=1e-9)
        np.testing.assert_allclose(f.gradient(theta), [2.25 + (x * np.cos(0.8 * x)).sum(), 2.4], rtol=1e-12)
        hessian = f.hessian(theta)
        np.testing.assert_allclose(hessian, [[-(x**2 * np.sin(0.8 * x)).sum(), 3.0], [3.0, 1.6]], rtol=1e-12)
        np.testing.assert_allclose(f.hvp(theta, [1.0, 1.0]), hessian @ [1, 1], rtol=1e-12)
        with self.assertRaises(KeyError):
            f([1000.0, 1.0])
        self.assertTrue(np.isfinite(f(theta)))

    def test_terms_dot_and_graph(self):
        rng = np.random.default_rng(4)
        c, n = rng.uniform(0.5, 1.5, (3, 40)), rng.poisson(2.0, 40).astype(float)
        t = sbi.Tape()
        p = [t.param(f"p{k}") for k in range(3)]
        events = t.events("bins", 40)
        rate = t.dot(p, [t.column(events, row, f"c{k}") for k, row in enumerate(c)])
        nll = t.poisson(rate, t.column(events, n, "n"), normalised=True).sum() + t.gaussian(p[0], 1.0, 0.3) + t.lognormal(1.1, p[1], 1.4)
        f = t.seal(nll)
        theta = np.array([0.9, 1.2, 0.4])
        rates = theta @ c
        direct = sum(r - k * math.log(r) + math.lgamma(k + 1) for r, k in zip(rates, n))
        direct += ((0.9 - 1) / 0.3) ** 2 / 2 + (np.log(1.1 / 1.2) / np.log(1.4)) ** 2 / 2
        self.assertAlmostEqual(f(theta), direct, delta=1e-10)
        self.assertTrue(t.graph().startswith("digraph tape {"))
        self.assertIn("dot product", t.graph())


class Models(unittest.TestCase):
    def toy(self, n=2000, seed=3):
        rng = np.random.default_rng(seed)
        signal, background = rng.normal(0.5, 0.4, n // 10), rng.uniform(-2, 2, n)
        x = np.concatenate([signal, background])
        m = sbi.Model.build()
        m.add_parameter(sbi.Parameter("mu", start=1, lower=0, upper=10, constraint=sbi.CONSTRAINT_NONE))
        m.add_parameter(sbi.Parameter("norm"))
        m.set_poi("mu")
        channel = m.add_channel("SR", len(x))
        density = np.exp(-0.5 * ((x - 0.5) / 0.4) ** 2) / (0.4 * np.sqrt(2 * np.pi))
        s = m.add_sample(channel, "S", n / 10, density, factor="mu")
        m.add_sample(channel, "B", n, np.full(len(x), 0.25))
        m.add_normsys(channel, s, "norm", 1.05, 0.95)
        return m.seal(), x, density

    def test_fit_finds_the_minimum(self):
        m, x, density = self.toy()
        fit = sbi.Fit(m)
        self.assertTrue(fit.converged, fit.message)
        self.assertEqual(fit.parameters, ["mu", "norm"])
        nll = m.evaluator()
        theta = fit.values
        np.testing.assert_allclose(nll.gradient(theta), 0, atol=1e-3)
        np.testing.assert_allclose(fit.covariance, np.linalg.inv(nll.hessian(theta)), rtol=1e-8)
        down, up = fit.minos("mu")
        self.assertLess(down, 0)
        self.assertAlmostEqual(up / fit.error("mu"), 1, delta=0.1)
        crossing = fit.profile("mu", [theta[0] + up])[0]
        self.assertAlmostEqual(crossing - fit.nll, 0.5, delta=2e-3)
        direct = 200 * theta[0] * code4(theta[1], 1.05, 0.95)
        expected = direct + 2000 - np.sum(np.log(direct * density + 500)) + theta[1] ** 2 / 2
        self.assertAlmostEqual(nll(theta), expected, delta=1e-8)
        self.assertAlmostEqual(m.yields(theta)["S"], direct, delta=1e-9)

    def test_devices(self):
        m, _, _ = self.toy()
        self.assertEqual(m.evaluator(device="cpu", device_memory=1)([1.0, 0.1]), m.evaluator()([1.0, 0.1]))
        with self.assertRaisesRegex(sbi.NotFound, "abacus"):
            m.evaluator(device="abacus")
        with self.assertRaisesRegex(sbi.NotFound, "abacus"):
            sbi.Fit(m, device="abacus")
        with self.assertRaisesRegex(ValueError, "device_memory"):
            m.evaluator(device_memory=-1)

    def test_asimov_data_give_back_the_truth(self):
        rng = np.random.default_rng(4)
        v, signal = rng.uniform(0.5, 1.5, 500), rng.uniform(0.2, 2, 500)
        signal /= np.sum(v * signal) / np.sum(v)
        m = sbi.Model.build()
        m.add_parameter(sbi.Parameter("mu", start=1, lower=0, upper=10, constraint=sbi.CONSTRAINT_NONE))
        m.add_parameter(sbi.Parameter("norm"))
        channel = m.add_channel("SR", 500, v, reference=True)
        s = m.add_sample(channel, "S", 50, signal, factor="mu")
        m.add_sample(channel, "B", 200, np.ones(500))
        m.add_normsys(channel, s, "norm", 1.05, 0.95)
        asimov = m.seal().asimov([1.7, 0.4])
        m.close()
        np.testing.assert_allclose(sbi.Fit(asimov).values, [1.7, 0.4], atol=1e-4)
        self.assertEqual(asimov.parameter("norm").auxiliary, 0.4)
        total, effective = asimov.effective_events()
        self.assertAlmostEqual(total, sum(asimov.yields([1.7, 0.4]).values()), delta=0.1 * math.sqrt(total))
        self.assertTrue(0 < effective <= sbi._api.lib.sbi_model_n_events(asimov.pointer, 0))
        with self.assertRaises(ValueError):
            asimov.asimov([1.0])

    def test_choosing_a_measurement(self):
        spec = {"channels": [{"name": "SR", "samples": [{"name": "S", "yield": 1, "ratio": "r.npy"}]}],
                "measurements": [{"name": n, "config": {"poi": n}} for n in ("mu", "kappa")]}
        with tempfile.TemporaryDirectory() as folder:
            np.save(pathlib.Path(folder) / "r.npy", np.ones(3))
            self.assertEqual(sbi.Model.from_spec(spec, folder).poi, "mu")
            self.assertEqual(sbi.Model.from_spec(spec, folder, measurement="kappa").poi, "kappa")
            self.assertEqual(sbi.Model.from_spec(spec, folder, poi="eta").parameters, ["eta"])
            with self.assertRaises(sbi.NotFound):
                sbi.Model.from_spec(spec, folder, measurement="tau")

    def test_packed_and_streamed(self):
        rng = np.random.default_rng(7)
        eventsys = {"name": "JES", "type": "eventsys", "data": {"hi": "hi.npy", "lo": "lo.npy"}}
        spec = {"channels": [{"name": "SR", "samples": [{"name": "S", "yield": 3000, "ratio": "r.npy", "modifiers": [eventsys]}]}],
                "measurements": [{"name": "m", "config": {}}], "version": "1.0.0"}
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            for name in ("r", "hi", "lo"):
                np.save(folder / f"{name}.npy", rng.uniform(0.9, 1.1, 3000))
            (folder / "w.json").write_text(json.dumps(spec))
            sbi.pack_workspace(folder / "w.json", folder / "p.json", dtype="f64")
            sbi.pack_workspace(folder / "w.json", folder / "half.json")
            self.assertEqual(np.load(folder / "p.channel0.npy").shape, (2, 1, 1, 2, 2048))
            self.assertEqual(np.load(folder / "half.channel0.npy").dtype, np.float16)
            values = {sbi.Model(folder / f, column_memory=memory).evaluator()([0.7])
                      for f in ("w.json", "p.json") for memory in (None, 0)}
            self.assertEqual(len(values), 1)
            self.assertAlmostEqual(sbi.Model(folder / "half.json").evaluator()([0.7]), values.pop(), delta=0.1)
            with self.assertRaises(sbi.SbiError):
                sbi.pack_workspace(folder / "w.json", folder / "p.json")
            with self.assertRaises(ValueError):
                sbi.pack_workspace(folder / "w.json", folder / "q.json", dtype="f8")

    def test_hessian_rows_through_an_executor(self):
        m, *_ = self.toy()
        fit = sbi.Fit(m)
        with sbi.Executor("local", threads=2) as executor:
            np.testing.assert_array_equal(fit.hessian(executor), fit.hessian())

    def test_own_function(self):
        centre, matrix = np.array([1.0, -2.0]), np.array([[2.0, 0.5], [0.5, 1.0]])

        def value_and_gradient(x):
            d = x - centre
            return 0.5 * d @ matrix @ d, matrix @ d

        fit = sbi.Fit.of_function(["x", "y"], [0, 0], value_and_gradient, lambda x: matrix)
        np.testing.assert_allclose(fit.values, centre, atol=1e-6)
        np.testing.assert_allclose(fit.covariance, np.linalg.inv(matrix), rtol=1e-9)

        def failing(x):
            raise KeyError("in the callback")

        with self.assertRaises(KeyError):
            sbi.Fit.of_function(["x"], [0], failing)


class Training(unittest.TestCase):
    def test_ratio_of_gaussians(self):
        rng = np.random.default_rng(4)
        n = 20000
        numerator = rng.normal(0.5, 1, (n, 2)).astype(np.float32)
        denominator = rng.normal(0, 1, (n, 2)).astype(np.float32)
        data = sbi.Dataset().add(sbi.NUMERATOR, numerator).add(sbi.DENOMINATOR, denominator).names(["a", "b"])
        options = dict(depth=2, width=16, epochs=6, members=2, batch=512, seed=5)
        ensemble = sbi.Ensemble.train(data, **options)
        self.assertEqual(len(ensemble), 2)
        x = rng.normal(0, 1, (500, 2)).astype(np.float32)
        log_ratio, spread = ensemble.ratio(x, log=True)
        truth = 0.5 * x.sum(axis=1) - 0.25
        self.assertLess(np.sqrt(np.mean((log_ratio - truth) ** 2)), 0.15)
        self.assertEqual(ensemble[0].history.shape[1], 5)
        with tempfile.TemporaryDirectory() as folder:
            ensemble.save(folder)
            again = sbi.Ensemble(folder)
            np.testing.assert_array_equal(again.ratio(x)[0], ensemble.ratio(x)[0])
            stored = np.load(pathlib.Path(folder, "member-0000.npz"))
            np.testing.assert_array_equal(stored["W0"], ensemble[0].layer(0)[0])
        repeated = sbi.Ensemble.train(data, **options)
        np.testing.assert_array_equal(repeated[1].layer(1)[0], ensemble[1].layer(1)[0])
        with sbi.Executor("local", threads=2) as executor:
            elsewhere = sbi.Ensemble.train(data, executor, **options)
        np.testing.assert_array_equal(elsewhere[1].layer(2)[0], ensemble[1].layer(2)[0])
        summary = sbi.Diagnostics(ensemble, data).summary
        self.assertGreater(summary.auc, 0.6)

    def test_bad_data(self):
        bad = np.ones((10, 2))
        bad[7, 1] = np.inf
        with self.assertRaises(ValueError) as caught:
            sbi.Dataset().add(sbi.NUMERATOR, bad)
        self.assertIn("row 7", str(caught.exception))

    def test_averaging_and_precision(self):
        rng = np.random.default_rng(5)
        x = [rng.normal(m, 1, (600, 2)).astype("f4") for m in (0.0, 0.7)]
        data = sbi.Dataset().add(sbi.DENOMINATOR, x[0]).add(sbi.NUMERATOR, x[1])
        common = dict(depth=1, width=8, epochs=4, batch=100, schedule=sbi.SCHEDULE_EXPONENTIAL, schedule_factor=0.9)
        results = {a: sbi.Ensemble.train(data, averaging=a, averaging_decay=0.9, averaging_start=1, **common)
                   for a in (sbi.AVERAGING_NONE, sbi.AVERAGING_EMA, sbi.AVERAGING_SWA)}
        layers = [e[0].layer(0)[0] for e in results.values()]
        self.assertFalse(any(np.array_equal(layers[i], layers[j]) for i, j in ((0, 1), (0, 2), (1, 2))))
        rates = results[sbi.AVERAGING_NONE][0].history[:, 3]
        batches = np.round(np.log(rates[0] / 1e-3) / np.log(0.9), 12)
        np.testing.assert_allclose(rates, 1e-3 * 0.9 ** (np.arange(4) + batches), rtol=1e-12)
        with self.assertRaisesRegex(sbi.SbiError, "averaging_start is 4"):
            sbi.Ensemble.train(data, averaging=sbi.AVERAGING_SWA, averaging_start=4, **common)
        try:  # where there is no bf16 it is refused by name, never replaced
            sbi.Ensemble.train(data, precision=sbi.PRECISION_BF16, **common)
        except sbi.SbiError as error:
            self.assertIn("precision bf16", str(error))


class Cancellation(unittest.TestCase):
    def test_cancel_stops_training(self):
        calls = []

        def cancel():
            calls.append(1)
            return len(calls) > 3

        rng = np.random.default_rng(6)
        context = sbi.Context(threads=1, cancel=cancel)
        data = sbi.Dataset(context)
        for side in (sbi.NUMERATOR, sbi.DENOMINATOR):
            data.add(side, rng.normal(side, 1, (5000, 3)))
        with self.assertRaises(sbi.Cancelled):
            sbi.Ensemble.train(data, epochs=1000)


if __name__ == "__main__":
    unittest.main()

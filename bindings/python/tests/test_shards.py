# SPDX-License-Identifier: Apache-2.0
"""Shards through the package, and their bytes by the reader that docs/sharding.md gives."""

import pathlib
import re
import sys
import unittest

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import sbi  # noqa: E402

PAGE = pathlib.Path(__file__).resolve().parents[3] / "docs" / "sharding.md"


def documented():
    """What the page defines."""
    out = {}
    exec(re.search(r"```python\n(.*?)```", PAGE.read_text(), re.S).group(1), out)
    return out


class Shards(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        rng = np.random.default_rng(5)
        cls.x, cls.w = rng.uniform(0.5, 1.5, 9000), rng.uniform(0.5, 1.5, 9000)
        t = sbi.Tape()
        a, b = t.param("a"), t.param("b")
        events = t.events("data", 9000)
        x = t.column(events, cls.x, "x")
        z = (-(a * x)).exp().sum() / 9000
        t.seal(-((b * x + a / z).log().sum(t.column(events, cls.w, "w"))))
        cls.tape, cls.theta = t, np.array([0.7, 1.3])
        cls.sharder = sbi.Sharder(t)
        cls.read = documented()

    def pieces(self, number, want, earlier=None):
        cuts = [0, 100, 4096, 5000, 9000]
        rows = [(0, 1), (1, 1)] if want == "hessian" else [(0, -1)]
        return [self.sharder.shard(self.theta, want, number, (low, high - low), r, earlier)
                for low, high in zip(cuts, cuts[1:]) for r in rows]

    def test_same_bits(self):
        s = self.sharder
        self.assertEqual(s.passes, [("data", 9000, 1), ("data", 9000, 2)])
        for want in ("value", "gradient", "hessian"):
            first = sbi.merge_shards(self.pieces(0, want))
            second = self.pieces(1, want, first)
            merged = sbi.merge_shards([*second, first])
            self.assertEqual(merged, sbi.merge_shards([sbi.merge_shards([first, second[2]]), *second[3:], *second[:2]]))
            value, gradient, rows = s.finish(self.theta, merged, want)
            if want == "value":
                self.assertEqual(value, s(self.theta))
            else:
                expected = s.value_and_gradient(self.theta)
                self.assertEqual(value, expected[0])
                np.testing.assert_array_equal(gradient, expected[1])
            if want == "hessian":
                np.testing.assert_array_equal(rows, s.hessian(self.theta))
                np.testing.assert_array_equal(s.finish(self.theta, merged, want, (1, 1))[2], rows[1:])

    def test_documented_reader(self):
        first = sbi.merge_shards(self.pieces(0, "gradient"))
        part = self.sharder.shard(self.theta, "gradient", 1, (2048, 6000), earlier=first)
        shard = self.read["read_shard"](part)
        self.assertEqual((shard["version"], shard["want"], shard["precision"]), (1, sbi.SHARD_GRADIENT, 0))
        np.testing.assert_array_equal(shard["theta"], self.theta)
        self.assertRegex(shard["instructions"], r"^[\w-]+ \w+$")
        (section,) = shard["sections"]
        self.assertEqual((section["pass"], section["stage"], section["events"], section["rows"]), (1, 2, 9000, 0))
        self.assertEqual([(int(n["level"]), int(n["index"])) for n in section["nodes"]], [(0, 1), (1, 1)])
        (z,) = self.read["read_shard"](first)["sections"]
        self.assertEqual([(int(n["level"]), int(n["index"])) for n in z["nodes"]], [(2, 0), (0, 4)])
        # Z by the reader and by numpy, and the likelihood of the events in the shard.
        a, b = self.theta
        total = self.read["total"](z)
        self.assertAlmostEqual(total[0], np.exp(-a * self.x).sum(), delta=1e-9)
        inside = slice(2048, 8192)
        value = np.sum(self.w[inside] * np.log(b * self.x[inside] + a / (total[0] / 9000)))
        self.assertAlmostEqual(self.read["total"](section)[0], value, delta=1e-9)

    def test_model(self):
        rng = np.random.default_rng(7)
        m = sbi.Model.build()
        m.add_parameter(sbi.Parameter("mu", start=1, lower=0, upper=10, constraint=sbi.CONSTRAINT_NONE))
        m.add_parameter(sbi.Parameter("norm"))
        channels = [m.add_channel(name, 5000) for name in ("SR", "CR")]
        for channel in channels:
            s = m.add_sample(channel, "S", 500, rng.uniform(0.2, 2, 5000), factor="mu")
            m.add_sample(channel, "B", 4500, np.ones(5000))
            m.add_normsys(channel, s, "norm", 1.05, 0.95)
        s, theta = sbi.Sharder(m.seal()), [1.2, 0.4]
        self.assertEqual([p.n_events for p in s.passes], [5000, 5000])
        parts = [s.shard(theta, "hessian", p, events) for p in (1, 0) for events in ((2048, -1), (0, 2048))]
        value, gradient, rows = s.finish(theta, sbi.merge_shards(parts), "hessian")
        nll = m.evaluator()
        self.assertEqual(value, nll(theta))
        np.testing.assert_array_equal(gradient, nll.gradient(theta))
        np.testing.assert_array_equal(rows, nll.hessian(theta))

    def test_refused(self):
        first = self.pieces(0, "value")
        with self.assertRaisesRegex(sbi.SbiError, "damaged"):
            sbi.merge_shards([first[0], first[1][:-1] + bytes([first[1][-1] ^ 1])])
        with self.assertRaisesRegex(ValueError, "damaged"):
            self.read["read_shard"](first[0][:-1])
        with self.assertRaisesRegex(sbi.SbiError, r"events \[2048, 9000\) of pass 0 .* are missing"):
            self.sharder.finish(self.theta, first[0], "value")
        with self.assertRaisesRegex(ValueError, "both hold event 0"):
            sbi.merge_shards([first[0], first[0]])


if __name__ == "__main__":
    unittest.main()

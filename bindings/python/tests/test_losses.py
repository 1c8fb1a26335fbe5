# SPDX-License-Identifier: Apache-2.0
"""Theta, joint ratios, scores, targets and classes from Python."""

import pathlib
import tempfile
import unittest

import numpy as np

import sbi
from sbi import _api
from sbi.errors import ArgumentError, SbiError


def simulate(seed, n, numerator):
    """x ~ N(v, 1/2), v ~ N(theta, 1); the reference has theta = 0."""
    rng = np.random.default_rng(seed)
    theta = rng.uniform(-1, 1, (n, 1))
    v = rng.normal(theta if numerator else 0.0, 1.0, (n, 1))
    x = rng.normal(v, 0.5)
    return dict(features=x, theta=theta, joint_ratio=np.exp(theta * v - theta**2 / 2)[:, 0], score=v - theta)


class Losses(unittest.TestCase):
    def test_parameterised_ratio_with_scores(self):
        data = sbi.Dataset()
        for side in (sbi.DENOMINATOR, sbi.NUMERATOR):
            data.add(side, **simulate(side, 2000, side == sbi.NUMERATOR))
        data.names(["x"]).parameters(["mu"])
        ens = sbi.Ensemble.train(data, depth=2, width=16, epochs=30, batch=100, learning_rate=5e-3, activation=_api.ACTIVATION_TANH,
                                 loss=_api.LOSS_ALICES)
        x = np.linspace(-2, 2, 50)[:, None]
        for theta in (-0.5, 0.75):
            got, _ = ens.ratio(x, log=True, theta=[theta])
            truth = ((theta * x - theta**2 / 2) / 1.25)[:, 0]
            self.assertLess(np.abs(got - truth).max(), 0.25)
            rows = np.hstack([x, np.full_like(x, theta)])
            np.testing.assert_array_equal(got, ens.ratio(rows, log=True)[0])
            np.testing.assert_array_equal(ens[0].outputs(x, theta=theta)[:, 0], got)
        self.assertEqual(ens[0].info.theta, 1)

    def test_classes(self):
        rng = np.random.default_rng(1)
        data = sbi.Dataset()
        for k in range(3):
            data.add(k, rng.normal(k, 1, (3000, 1)))
        data.name_class(2, "signal")
        self.assertEqual(data.classes, ["denominator", "numerator", "signal"])
        for loss, outputs in ((_api.LOSS_MULTICLASS, 3), (_api.LOSS_BCE, 2)):
            ens = sbi.Ensemble.train(data, depth=1, width=16, epochs=20, batch=100, learning_rate=1e-2, loss=loss)
            self.assertEqual(ens[0].classes, data.classes)
            x = np.linspace(0, 2, 20)[:, None]
            self.assertEqual(ens[0].outputs(x).shape, (20, outputs))
            got = ens.ratio(x, log=True, numerator=2, denominator=1)[0]
            self.assertLess(np.abs(got - (x[:, 0] - 1.5)).max(), 0.3)
            with self.assertRaises(ArgumentError):
                ens.ratio(x, numerator=3)

    def test_files(self):
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            here, there = sbi.Dataset(), sbi.Dataset()
            for side in (0, 1):
                events = dict(simulate(side, 100, side == 1), target=np.arange(200.0).reshape(100, 2))
                paths = {}
                for name, values in events.items():
                    paths[name] = folder / f"{name}{side}.npy"
                    np.save(paths[name], values)
                here.add(side, **events)
                there.add(side, **paths)
            self.assertEqual(here.checksum, there.checksum)
            net = sbi.Ensemble.train(there, depth=1, width=4, epochs=1, loss=_api.LOSS_REGRESSION)[0]
            self.assertEqual((net.info.outputs, net.info.classes, net.classes), (2, 0, []))

    def test_bad_values(self):
        data, events = sbi.Dataset(), simulate(1, 10, True)
        events["joint_ratio"][3] = 0
        with self.assertRaisesRegex(SbiError, "row 3: joint ratio is 0"):
            data.add(sbi.NUMERATOR, **events)


if __name__ == "__main__":
    unittest.main()

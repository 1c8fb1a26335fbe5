# SPDX-License-Identifier: Apache-2.0
"""The executor "processes" by name and configuration."""

import os
import pathlib
import sys
import tempfile
import unittest

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import sbi  # noqa: E402

WORKER = pathlib.Path(os.environ["SBI_LIBRARY"]).resolve().parent / "bin" / "sbi-worker"


class Processes(unittest.TestCase):
    def test_ensemble(self):
        self.assertTrue(WORKER.exists(), f"{WORKER} is not there: make programs")
        rng = np.random.default_rng(3)
        data = sbi.Dataset()
        data.add(sbi.NUMERATOR, rng.normal(0.5, 1, (300, 2)))
        data.add(sbi.DENOMINATOR, rng.normal(0.0, 1, (300, 2)))
        options = dict(depth=1, width=4, epochs=2, members=2)
        with tempfile.TemporaryDirectory() as folder:
            with sbi.Executor("processes", store=f"{folder}/store", worker=str(WORKER), processes=2, survives=False) as executor:
                self.assertEqual(executor.capabilities.name, b"processes")
                self.assertEqual(executor.capabilities.stages, 1)
                there = sbi.Ensemble.train(data, executor, **options)
            here = sbi.Ensemble.train(data, **options)
            x = rng.normal(0, 1, (50, 2))
            np.testing.assert_array_equal(here.ratio(x)[0], there.ratio(x)[0])
            self.assertTrue((pathlib.Path(folder) / "store" / "jobs").is_dir())

    def test_configuration(self):
        with self.assertRaises(ValueError):
            sbi.Executor("processes", processes=0)
        with self.assertRaises(sbi.SbiError):
            sbi.Executor("processes", stores="/nowhere")


if __name__ == "__main__":
    unittest.main()

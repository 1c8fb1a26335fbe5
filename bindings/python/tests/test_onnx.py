# SPDX-License-Identifier: Apache-2.0
"""ONNX files from Python."""

import pathlib
import sys
import tempfile
import unittest

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "bindings" / "python"))

import sbi  # noqa: E402

DATA = ROOT / "tests" / "data" / "onnx"


class Onnx(unittest.TestCase):
    def setUp(self):
        self._folder = tempfile.TemporaryDirectory()
        self.addCleanup(self._folder.cleanup)
        self.folder = pathlib.Path(self._folder.name)

    def test_round_trip(self):
        network = sbi.Network.read_onnx(DATA / "keras_relu.onnx")
        x = np.linspace(-2, 2, 40).reshape(10, 4)
        for options in ({}, {"dtype": "f8"}, {"ratio": True, "input_name": "x", "output_name": "r"}):
            network.write_onnx(self.folder / "net.onnx", **options)
            again = sbi.Network.read_onnx(self.folder / "net.onnx")
            np.testing.assert_array_equal(again.logit(x), network.logit(x))
        self.assertEqual(network.info.activation, sbi.ACTIVATION_RELU)
        with self.assertRaises(ValueError):
            network.write_onnx(self.folder / "net.onnx", dtype="f2")

    def test_layers_and_outputs(self):
        network = sbi.Network.read_onnx(DATA / "torch_heads.onnx")
        x = np.linspace(-2, 2, 40).reshape(10, 4)
        self.assertEqual((network.info.outputs, network.info.layer_norms, network.info.residual_blocks), (3, 5, 2))
        self.assertEqual([network.residual(l) for l in range(6)], [0, 0, 2, 0, 2, 0])
        h = ((x - network.standardisation[0]) * network.standardisation[1]).astype("f4").astype("f8")
        began = None
        for l in range(6):  # the network by hand
            weight, bias = network.layer(l)
            z = h @ weight.T.astype("f8") + bias
            if l == 5:
                break
            gain, offset = network.norm(l)
            u = gain * (z - z.mean(1, keepdims=True)) / np.sqrt(z.var(1, keepdims=True) + network.info.epsilon) + offset
            began = h if l in (1, 3) else began
            h = np.where(u > 0, u, network.info.leaky_slope * u) + (began if network.residual(l) else 0)
        self.assertIsNone(network.norm(5))
        np.testing.assert_allclose(network.outputs(x), z, atol=3e-6)
        with self.assertRaises(sbi.SbiError):
            network.logit(x)
        network.write_onnx(self.folder / "net.onnx")
        np.testing.assert_array_equal(sbi.Network.read_onnx(self.folder / "net.onnx").outputs(x), network.outputs(x))

    def test_columns_without_training(self):
        networks = [sbi.Network.read_onnx(DATA / f"{name}.onnx") for name in ("keras_swish", "keras_gelu", "gelu_node")]
        ensemble = sbi.Ensemble.of(networks)
        ensemble.combination = sbi.COMBINE_MEAN_LOG
        self.assertEqual(ensemble.combination, sbi.COMBINE_MEAN_LOG)
        x = np.linspace(-1, 1, 40).reshape(10, 4)
        np.save(self.folder / "x.npy", x)
        ensemble.write_ratio(self.folder / "x.npy", self.folder / "r.npy", log=True)
        wanted = np.mean([n.logit(x) for n in networks], axis=0)
        np.testing.assert_allclose(np.load(self.folder / "r.npy"), wanted, rtol=0, atol=1e-12)
        ensemble.write_onnx(self.folder / "ensemble.onnx", correction=1.1)
        self.assertGreater((self.folder / "ensemble.onnx").stat().st_size, 1000)

    def test_refusals(self):
        with self.assertRaisesRegex(sbi.SbiError, r'bad_softmax.onnx: node 2 "Softmax_2" \(Softmax\)'):
            sbi.Network.read_onnx(DATA / "bad_softmax.onnx")
        with self.assertRaises(sbi.NotFound):
            sbi.Network.read_onnx(self.folder / "none.onnx")


if __name__ == "__main__":
    unittest.main()

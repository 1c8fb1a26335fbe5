#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""ONNX files by PyTorch's and Keras' exporters and by onnx.helper, and what onnxruntime makes of them.

    python3 onnx_files.py             writes tests/data/onnx/*.onnx and onnx_values.h beside this file
    python3 onnx_files.py --written   then has libsbi (SBI_LIBRARY) write tests/data/onnx/written/*.onnx from them, and adds their values
    python3 onnx_files.py --check     runs onnx.checker and onnxruntime over all stored files and compares: those of others with the
                                      stored values to 2e-6, those that libsbi wrote to 1e-5 of 1 + |value|

tests/unit/test_net_onnx.c reads the first, compares its own evaluation with the same values, and writes the second again, byte for byte.
"""
import argparse
import math
import os
import pathlib
import re
import sys
import warnings

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

HERE = pathlib.Path(__file__).resolve().parent
DATA = HERE.parent / "data" / "onnx"
WRITTEN = DATA / "written"
EVENTS, FEATURES, WIDTH, NARROW, HEADS = 12, 4, 7, 5, 3
NONE, SIGMOID, EXP = 0, 1, 2


def numbers(shape, phase, scale=1.0):
    """f32 numbers of order one without structure, the same on every machine."""
    n = int(np.prod(shape))
    x = [math.sin(12.9898 * (i + 1) + phase) * 1.2 + 0.3 * math.cos(78.233 * i + phase) for i in range(n)]
    return (scale * np.array(x)).astype(np.float32).reshape(shape)


X = numbers((EVENTS, FEATURES), 0.4, 1.5)
SHIFT, SCALE = numbers(FEATURES, 0.9, 0.4), 1 / (1.3 + numbers(FEATURES, 2.2, 0.4))
SCALE = SCALE.astype(np.float32)


def layers(phase, sizes=(FEATURES, WIDTH, NARROW, 1)):
    """Weights [out, in] and biases."""
    return [(numbers((o, i), phase + l, 0.7), numbers(o, phase + 10 + l, 0.3)) for l, (i, o) in enumerate(zip(sizes, sizes[1:]))]


# ---- by onnx.helper ------------------------------------------------------------------------------------------------


class Graph:
    """Nodes in a row: each works on what the last one gave."""

    def __init__(self, features=FEATURES, batch="batch", dtype=TensorProto.FLOAT):
        self.nodes, self.constants, self.now, self.dtype = [], [], "input", dtype
        self.inputs = [helper.make_tensor_value_info("input", dtype, [batch, features])]
        self.out_shape = [batch, 1]

    def constant(self, array, raw=True):
        name = f"c{len(self.constants)}"
        array = np.asarray(array)
        if raw:
            self.constants.append(numpy_helper.from_array(array, name))
        else:
            kind = helper.np_dtype_to_tensor_dtype(array.dtype)
            self.constants.append(helper.make_tensor(name, kind, array.shape, array.ravel().tolist()))
        return name

    def add(self, op, *inputs, first=True, **attributes):
        """inputs: names of others, behind the present tensor (in front of it with first=False)."""
        before = self.now
        self.now = f"t{len(self.nodes)}"
        names = [before, *inputs] if first else [*inputs, before]
        self.nodes.append(helper.make_node(op, names, [self.now], name=f"{op}_{len(self.nodes)}", **attributes))
        return before

    def dense(self, weight, bias, raw=True):
        """As Keras has it: x @ kernel + bias."""
        self.add("MatMul", self.constant(np.ascontiguousarray(weight.T), raw))
        self.add("Add", self.constant(bias, raw))

    def silu(self):
        z = self.now
        self.add("Sigmoid")
        self.add("Mul", z, first=False)

    def save(self, name, opset=17, domains=(), functions=None):
        self.nodes[-1].output[0] = "output"
        outputs = [helper.make_tensor_value_info("output", self.dtype, self.out_shape)]
        graph = helper.make_graph(self.nodes, name, self.inputs, outputs, self.constants)
        opsets = [helper.make_opsetid("", opset)] + [helper.make_opsetid(d, 1) for d in domains]
        model = helper.make_model(graph, opset_imports=opsets, producer_name="onnx.helper", ir_version=8)
        (DATA / f"{name}.onnx").write_bytes(model.SerializeToString(deterministic=True))


def hidden(g, activation, phase=3.0, **options):
    parts = layers(phase)
    for weight, bias in parts[:-1]:
        g.dense(weight, bias, **options)
        activation(g)
    g.dense(*parts[-1], **options)
    return g


def gelu_of_keras(g):
    z = g.now
    g.add("Div", g.constant(np.float32(math.sqrt(2))))
    g.add("Erf")
    g.add("Add", g.constant(np.float32(1)), first=False)
    gate = g.now
    g.now = z
    g.add("Mul", g.constant(np.float32(0.5)), first=False)
    g.add("Mul", gate)


def helper_files():
    """name -> what the graph's end applies to ln r."""
    names = {}
    g = Graph(batch="unk__1")  # Normalization layer, kernels by MatMul, a sigmoid at the end
    g.add("Sub", g.constant(SHIFT.reshape(1, -1)))
    g.add("Div", g.constant((1 / SCALE).reshape(1, -1)))
    hidden(g, lambda g: g.add("Relu"))
    g.add("Sigmoid")
    g.save("keras_relu", 15)
    names["keras_relu"] = SIGMOID

    g = hidden(Graph(), Graph.silu, 4.0)
    g.add("Identity")
    g.save("keras_swish")
    names["keras_swish"] = NONE

    g = hidden(Graph(), gelu_of_keras, 5.0)
    g.save("keras_gelu")
    names["keras_gelu"] = NONE

    g = Graph()
    g.add("Flatten", axis=1)
    g.add("Reshape", g.constant(np.array([-1, FEATURES], np.int64)))
    hidden(g, lambda g: g.add("Tanh"), 6.0, raw=False)  # float_data
    g.add("Exp")
    g.add("Squeeze", g.constant(np.array([1], np.int64)))
    g.out_shape = ["batch"]
    g.save("typed_data", 13)
    names["typed_data"] = EXP

    g = Graph(dtype=TensorProto.DOUBLE)  # f64 throughout
    for l, (weight, bias) in enumerate(layers(7.0)):
        g.add("Gemm", g.constant(weight.astype(np.float64), raw=l % 2 == 0), g.constant(bias.astype(np.float64), raw=False), transB=1)
        if l < 2:
            g.add("Tanh")  # onnxruntime has no Softplus in double
    g.save("double")
    names["double"] = NONE

    g = Graph()  # all that Gemm can do; the constants as nodes; no bias in the last layer
    for l, (weight, bias) in enumerate(layers(8.0)):
        kernel, name = np.ascontiguousarray(weight.T), f"w{l}"
        g.nodes.append(helper.make_node("Constant", [], [name], value=numpy_helper.from_array(kernel)))
        rest = [g.constant(bias.reshape(1, -1))] if l < 2 else []
        g.add("Gemm", name, *rest, alpha=0.5, beta=2.0)
        if l < 2:
            g.add("LeakyRelu", alpha=0.01)
    g.save("gemm_options")
    names["gemm_options"] = NONE

    g = hidden(Graph(), lambda g: g.add("Gelu"), 9.0)
    g.save("gelu_node", 20)
    names["gelu_node"] = NONE

    g = hidden(Graph(), lambda g: (normalisation_written_out(g, 1e-3), g.add("Tanh")), 10.0)
    g.save("keras_norm", 15)
    names["keras_norm"] = NONE

    g = hidden(Graph(), lambda g: g.add("Identity"), 11.0)  # layers without activation
    g.save("linear")
    names["linear"] = NONE

    g = Graph()  # a block of two layers, the second without activation, and one of one layer whose input comes first in the sum
    g.dense(*layers(12.0, (FEATURES, WIDTH))[0])
    g.add("Relu")
    kept = g.now
    g.dense(numbers((NARROW, WIDTH), 1.0, 0.5), numbers(NARROW, 1.5, 0.2))
    g.add("Relu")
    g.dense(numbers((WIDTH, NARROW), 2.0, 0.5), numbers(WIDTH, 2.5, 0.2))
    g.add("Add", kept)
    kept = g.now
    g.dense(numbers((WIDTH, WIDTH), 3.0, 0.5), numbers(WIDTH, 3.5, 0.2))
    g.add("Relu")
    g.add("Add", kept, first=False)
    g.dense(*layers(13.0, (WIDTH, 1))[0])
    g.save("keras_residual")
    names["keras_residual"] = NONE
    return names


def normalisation_written_out(g, epsilon):
    """(x - mean) / sqrt(variance + epsilon) * gamma + beta in small steps."""
    z = g.now
    width = NARROW if len(g.nodes) > 10 else WIDTH
    g.add("ReduceMean", axes=[-1], keepdims=1)
    mean, g.now = g.now, z
    g.add("Sub", mean)
    centred = g.now
    g.add("Mul", centred)
    g.add("ReduceMean", axes=[-1], keepdims=1)
    g.add("Add", g.constant(np.float32(epsilon)))
    g.add("Sqrt")
    g.add("Reciprocal")
    g.add("Mul", centred)
    g.add("Mul", g.constant(1 + numbers(width, 1.0, 0.3)))
    g.add("Add", g.constant(numbers(width, 2.0, 0.3)))


# ---- graphs that no network here can hold, and files that are wrong -------------------------------------------------


def bad_files():
    def plain():
        return Graph(), layers(3.0)

    def two_layers(name, activation, end=None, **save):
        g = Graph()
        (w0, b0), (w1, b1) = layers(3.0, (FEATURES, 3, 1))
        g.dense(w0, b0)
        activation(g)
        g.dense(w1, b1)
        if end:
            end(g)
        g.save("bad_" + name, **save)

    relu = lambda g: g.add("Relu")  # noqa: E731
    two_layers("softmax", lambda g: g.add("Softmax"))
    two_layers("sigmoid", lambda g: g.add("Sigmoid"))
    two_layers("alpha", lambda g: g.add("LeakyRelu", alpha=1.5))
    two_layers("tanh_gelu", lambda g: g.add("Gelu", approximate="tanh"), opset=20)
    two_layers("axis", lambda g: (g.add("LayerNormalization", g.constant(np.ones(3, np.float32)), axis=0), g.add("Relu")))
    two_layers("mean", lambda g: g.add("ReduceMean", axes=[-1], keepdims=1), opset=13)
    two_layers("twice", lambda g: (g.add("Relu"), g.add("Add", g.now)))
    two_layers("domain", lambda g: g.add("FastGelu", domain="com.microsoft"), domains=["com.microsoft"])
    two_layers("scaled", relu, lambda g: g.add("Mul", g.constant(np.float32(2))))
    two_layers("opset", relu, opset=6)
    two_layers("training", lambda g: (g.add("Relu"), g.add("Dropout", g.constant(np.float32(0.5)), g.constant(np.array(True)))))
    two_layers("half", lambda g: g.add("Cast", to=TensorProto.FLOAT16))

    g, parts = plain()  # an activation behind the sum
    g.dense(parts[0][0], parts[0][1])
    g.add("Relu")
    kept = g.now
    g.dense(numbers((WIDTH, WIDTH), 1.0), numbers(WIDTH, 1.0))
    g.add("Add", kept)
    g.add("Relu")
    g.save("bad_residual")

    g, parts = plain()  # two epsilons
    for epsilon, width in ((1e-5, 3), (1e-3, 3)):
        g.dense(numbers((width, FEATURES if width == 3 and len(g.nodes) == 0 else 3), 1.0), numbers(width, 1.0))
        g.add("LayerNormalization", g.constant(np.ones(width, np.float32)), epsilon=epsilon)
        g.add("Relu")
    g.dense(numbers((1, 3), 1.0), numbers(1, 1.0))
    g.save("bad_epsilon")

    g, parts = plain()  # blocks that overlap
    g.dense(numbers((3, FEATURES), 1.0), numbers(3, 1.0))
    g.add("Relu")
    outer = g.now
    for l in range(3):
        inner = g.now
        g.dense(numbers((3, 3), 2.0 + l), numbers(3, 1.0))
        g.add("Relu")
        if l == 1:
            g.add("Add", inner)
    g.add("Add", outer)
    g.dense(numbers((1, 3), 1.0), numbers(1, 1.0))
    g.save("bad_overlap")

    g, parts = plain()  # two activations
    g.dense(*parts[0])
    g.add("Relu")
    g.dense(*parts[1])
    g.add("Tanh")
    g.dense(*parts[2])
    g.save("bad_mixed")

    g, parts = plain()  # weights that do not fit
    g.dense(numbers((1, FEATURES + 1), 1.0), numbers(1, 1.0))
    g.save("bad_shape")

    g, parts = plain()
    weight = numbers((1, FEATURES), 1.0).copy()
    weight[0, 2] = np.nan
    g.dense(weight, numbers(1, 1.0))
    g.save("bad_nan")

    g, parts = plain()
    g.dense(numbers((1, FEATURES), 1.0).astype(np.float16), numbers(1, 1.0))
    g.save("bad_f16")

    g, parts = plain()
    g.inputs.append(helper.make_tensor_value_info("theta", TensorProto.FLOAT, ["batch", 1]))
    g.dense(numbers((1, FEATURES), 1.0), numbers(1, 1.0))
    g.save("bad_inputs")

    g = Graph(features="d")
    g.dense(numbers((1, FEATURES), 1.0), numbers(1, 1.0))
    g.save("bad_symbolic")

    g, parts = plain()
    g.dense(numbers((1, FEATURES), 1.0), numbers(1, 1.0))
    c = g.constants[0]
    c.ClearField("raw_data")
    c.data_location = TensorProto.EXTERNAL
    for key, value in (("location", "weights.bin"), ("length", "16")):
        entry = c.external_data.add()
        entry.key, entry.value = key, value
    g.save("bad_external")

    g, parts = plain()
    g.dense(numbers((1, FEATURES), 1.0), numbers(1, 1.0))
    g.constants[0].dims[0] = 1 << 40
    g.save("bad_dims")

    g, parts = plain()
    g.dense(numbers((1, FEATURES), 1.0), numbers(1, 1.0))
    g.nodes[0].input[0] = "nothing"
    g.save("bad_name")


# ---- by PyTorch's exporter -----------------------------------------------------------------------------------------


def torch_files():
    import torch  # only here: the other files, and --check, do without

    class Standardised(torch.nn.Module):
        def __init__(self, net):
            super().__init__()
            self.net = net
            self.register_buffer("shift", torch.tensor(SHIFT))
            self.register_buffer("scale", torch.tensor(SCALE))

        def forward(self, x):
            return self.net((x - self.shift) * self.scale)

    class Squeeze(torch.nn.Module):
        def forward(self, x):
            return x.squeeze(1)

    def mlp(activation, phase, *end):
        parts = []
        for weight, bias in layers(phase):
            linear = torch.nn.Linear(weight.shape[1], weight.shape[0])
            with torch.no_grad():
                linear.weight.copy_(torch.tensor(weight))
                linear.bias.copy_(torch.tensor(bias))
            parts += [linear, activation(), torch.nn.Dropout(0.2)]
        return torch.nn.Sequential(*parts[:-2], *end)

    nn = torch.nn

    class Layer(nn.Module):
        """Linear, normalisation, activation, dropout."""

        def __init__(self, i, o, activation, norm, phase):
            super().__init__()
            self.linear, self.activation, self.dropout = nn.Linear(i, o), activation(), nn.Dropout(0.1)
            self.norm = nn.LayerNorm(o) if norm else nn.Identity()
            with torch.no_grad():
                self.linear.weight.copy_(torch.tensor(numbers((o, i), phase, 0.7)))
                self.linear.bias.copy_(torch.tensor(numbers(o, phase + 1, 0.3)))
                if norm:
                    self.norm.weight.copy_(torch.tensor(1 + numbers(o, phase + 2, 0.3)))
                    self.norm.bias.copy_(torch.tensor(numbers(o, phase + 3, 0.3)))

        def forward(self, x):
            return self.dropout(self.activation(self.norm(self.linear(x))))

    class Block(nn.Module):
        def __init__(self, *inside):
            super().__init__()
            self.inside = nn.Sequential(*inside)

        def forward(self, x):
            return x + self.inside(x)

    def blocks(activation, norm, phase, per_block=2, outputs=1):
        first = Layer(FEATURES, WIDTH, activation, norm, phase)
        rest = [Block(*(Layer(WIDTH, WIDTH, activation, norm, phase + 5 * b + k) for k in range(per_block))) for b in (1, 2)]
        return Standardised(nn.Sequential(first, *rest, Layer(WIDTH, outputs, nn.Identity, False, phase + 20)))

    def chain(activation, phase):
        return nn.Sequential(Layer(FEATURES, WIDTH, activation, True, phase), Layer(WIDTH, NARROW, activation, True, phase + 1),
                             Layer(NARROW, 1, nn.Identity, False, phase + 2))

    models = {
        "torch_norm": (chain(nn.SiLU, 21.0), NONE),
        "torch_residual": (blocks(nn.ReLU, False, 22.0), NONE),
        "torch_both": (blocks(nn.GELU, True, 23.0), NONE),
        "torch_ones": (blocks(nn.Softplus, True, 24.0, per_block=1), NONE),
        "torch_heads": (blocks(lambda: nn.LeakyReLU(0.2), True, 25.0, outputs=HEADS), NONE),
        "torch_silu": (Standardised(mlp(nn.SiLU, 11.0)), NONE),
        "torch_relu": (mlp(nn.ReLU, 12.0), NONE),
        "torch_leaky_relu": (Standardised(mlp(nn.LeakyReLU, 13.0, nn.Sigmoid(), Squeeze())), SIGMOID),
        "torch_tanh": (mlp(nn.Tanh, 14.0, nn.Sigmoid()), SIGMOID),
        "torch_gelu": (Standardised(mlp(nn.GELU, 15.0)), NONE),
        "torch_softplus": (mlp(nn.Softplus, 16.0), NONE),
    }
    x = torch.tensor(X)
    names = {}
    for name, (model, end) in models.items():
        model.eval()
        for dynamo in (False, True):
            path = DATA / (name.replace("torch", "dynamo" if dynamo else "torch") + ".onnx")
            how = {"dynamic_shapes": ({0: torch.export.Dim("batch")},), "external_data": False} if dynamo else {
                "dynamic_axes": {"features": {0: "batch"}}}
            torch.onnx.export(model, (x,), str(path), input_names=["features"], output_names=["score"],
                              opset_version=18 if dynamo else 17, dynamo=dynamo, **how)
            shorten(path)
            names[path.stem] = end
    path = DATA / "torch_norm13.onnx"  # before LayerNormalization: written out
    torch.onnx.export(chain(nn.SiLU, 21.0).eval(), (x,), str(path), input_names=["features"], output_names=["score"], opset_version=13,
                      dynamo=False, dynamic_axes={"features": {0: "batch"}})
    shorten(path)
    names[path.stem] = NONE
    return names


def keras_files():
    """By Keras' own exporter, with PyTorch as its backend."""
    os.environ["KERAS_BACKEND"] = "torch"
    import keras

    names = {}
    for i, activation in enumerate(("silu", "relu", "leaky_relu", "gelu", "tanh", "softplus")):
        end = "sigmoid" if activation in ("relu", "gelu") else None
        weights = layers(31.0 + i)
        dense = [keras.layers.Dense(len(b), activation=activation if l + 1 < len(weights) else end) for l, (_, b) in enumerate(weights)]
        model = keras.Sequential([keras.Input((FEATURES,)), *dense])
        for layer, (weight, bias) in zip(dense, weights):
            layer.set_weights([weight.T, bias])
        path = DATA / f"exported_{activation}.onnx"
        model(X)
        model.export(str(path), format="onnx", verbose=False)
        shorten(path)
        names[path.stem] = SIGMOID if end else NONE
    return names


def shorten(path):
    """Without the paths and stack traces that the exporter leaves in a file."""
    model = onnx.load(path)
    for node in model.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    for value in [*model.graph.input, *model.graph.output, *model.graph.value_info, *model.graph.initializer]:
        del value.metadata_props[:]
    del model.graph.metadata_props[:]
    del model.metadata_props[:]
    path.write_bytes(model.SerializeToString(deterministic=True))


# ---- running -------------------------------------------------------------------------------------------------------


def run(path):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    entry = session.get_inputs()[0]
    x = X.astype(np.float64 if "double" in entry.type else np.float32)
    return np.asarray(session.run(None, {entry.name: x})[0], dtype=np.float64).reshape(-1)


def combined(logits, how):
    if how == "mean_ratio":
        return np.log(np.mean(np.exp(logits), axis=0))
    return np.mean(logits, axis=0) if how == "mean_log" else np.median(logits, axis=0)


MEMBERS = ["torch_silu", "keras_swish", "torch_gelu", "torch_relu"]
ENSEMBLES = {  # members, combination, options
    "mean_ratio": (4, "mean_ratio", {}), "mean_log": (3, "mean_log", {"dtype": "f8"}), "median_3": (3, "median", {}),
    "median_4": (4, "median", {"ratio": True, "dtype": "f8", "correction": 1.25}),
}


def logit(values, end):
    return values if end == NONE else np.log(values) if end == EXP else np.log(values / (1 - values))


def write_by_libsbi():
    sys.path.insert(0, str(HERE.parents[1] / "bindings" / "python"))
    import sbi

    WRITTEN.mkdir(exist_ok=True)
    stored = read_values()
    networks = {name: sbi.Network.read_onnx(DATA / f"{name}.onnx") for name in stored}
    for name, network in networks.items():
        network.write_onnx(WRITTEN / f"{name}.onnx")
    for name, (n, how, options) in ENSEMBLES.items():
        ensemble = sbi.Ensemble.of([networks[m] for m in MEMBERS[:n]])
        ensemble.combination = getattr(sbi, "COMBINE_" + how.upper())
        ensemble.write_onnx(WRITTEN / f"{name}.onnx", **options)
    write_values({name: end for name, (end, _) in stored.items()})
    return 0


# ---- stored values -------------------------------------------------------------------------------------------------


def entry(name, kind, values):
    body = ["        " + ", ".join("%.17g" % v for v in values[i:i + 4]) + "," for i in range(0, len(values), 4)]
    return [f'    {{"{name}", {kind}, {{', *body, f"    }}, {len(values) // EVENTS}}},"]


def write_values(ends):
    lines = ["/* SPDX-License-Identifier: Apache-2.0 */",
             f"/* Written by onnx_files.py: what onnxruntime {onnxruntime.__version__} makes of tests/data/onnx. */", "",
             f"#define ONNX_EVENTS {EVENTS}", f"#define ONNX_FEATURES {FEATURES}",
             f"#define ONNX_HEADS {HEADS}", "",
             "/* What the graph's end applies to ln r. */", "enum { ONNX_NONE, ONNX_SIGMOID, ONNX_EXP };", "",
             "static const double onnx_x[] = {"]
    flat = X.reshape(-1).astype(np.float64).tolist()
    lines += ["    " + ", ".join("%.17g" % v for v in flat[i:i + 4]) + "," for i in range(0, len(flat), 4)] + ["};", ""]
    lines += ["typedef struct onnx_case {", "    const char *name;", "    int end;", "    double value[ONNX_HEADS * ONNX_EVENTS];", "    int outputs;",
              "} onnx_case;", "",
              "static const onnx_case onnx_cases[] = {"]
    for name, end in ends.items():
        lines += entry(name, ("ONNX_NONE", "ONNX_SIGMOID", "ONNX_EXP")[end], run(DATA / f"{name}.onnx").tolist())
    lines += ["};", "", "/* Ensembles that libsbi wrote, of the first of these. */",
              "#define ONNX_MEMBERS " + ", ".join(f'"{m}"' for m in MEMBERS), "static const onnx_case onnx_ensembles[] = {"]
    for name in ENSEMBLES:
        path = WRITTEN / f"{name}.onnx"
        lines += entry(name, "ONNX_NONE", run(path).tolist()) if path.exists() else [f'    {{"{name}", ONNX_NONE, {{0}}, 1}},']
    lines += ["};"]
    (HERE / "onnx_values.h").write_text("\n".join(lines) + "\n")


def read_values(table="onnx_cases"):
    text = (HERE / "onnx_values.h").read_text().partition(table + "[]")[2].partition("\n};")[0]
    found = re.findall(r'\{"(\w+)", ONNX_(\w+), \{([^}]*)\}', text)
    return {name: ({"NONE": NONE, "SIGMOID": SIGMOID, "EXP": EXP}[end], np.array([float(v) for v in body.split(",") if v.strip()]))
            for name, end, body in found}


def check():
    stored, worst, worst_written, logits = read_values(), 0.0, 0.0, {}
    ensembles = read_values("onnx_ensembles")
    for name, (end, values) in stored.items():
        onnx.checker.check_model(str(DATA / f"{name}.onnx"), full_check=True)
        worst = max(worst, np.abs(run(DATA / f"{name}.onnx") - values).max())
        path = WRITTEN / f"{name}.onnx"
        onnx.checker.check_model(str(path), full_check=True)
        logits[name], wanted = run(path), logit(values, end)
        worst_written = max(worst_written, (np.abs(logits[name] - wanted) / (1 + np.abs(wanted))).max())
    for name, (n, how, options) in ENSEMBLES.items():
        path = WRITTEN / f"{name}.onnx"
        onnx.checker.check_model(str(path), full_check=True)
        wanted = combined(np.array([logits[m] for m in MEMBERS[:n]]), how) - math.log(options.get("correction", 1))
        wanted = np.exp(wanted) if options.get("ratio") else wanted
        worst_written = max(worst_written, (np.abs(run(path) - wanted) / (1 + np.abs(wanted))).max())
        worst = max(worst, np.abs(run(path) - ensembles[name][1]).max())
    print(f"{len(stored)} files of others: largest difference {worst:.1e}; {len(stored) + len(ENSEMBLES)} of libsbi: {worst_written:.1e}")
    return 0 if worst < 2e-6 and worst_written < 1e-5 and len(stored) > 10 else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--written", action="store_true")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    if arguments.check:
        return check()
    if arguments.written:
        return write_by_libsbi()
    DATA.mkdir(exist_ok=True)
    bad_files()
    write_values({**helper_files(), **torch_files(), **keras_files()})
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Gradients of the losses of training, those with a score by torch.autograd.grad(..., create_graph=True), computed by PyTorch.

    python3 torch_losses.py           writes torch_losses_values.h beside this file
    python3 torch_losses.py --check   recomputes, and fails if a stored value differs by more than 1e-9

Values are of double precision; beside each gradient stands by how much PyTorch's own in single precision differs from it."""
import argparse
import math
import pathlib
import re
import sys

import torch

HERE = pathlib.Path(__file__).resolve().parent
EVENTS, FEATURES, PARAMETERS, TARGETS, WIDTH, DEPTH = 48, 3, 2, 2, 6, 3
INPUTS = FEATURES + PARAMETERS
ACTIVATIONS = {"silu": torch.nn.SiLU(), "relu": torch.nn.ReLU(), "leaky_relu": torch.nn.LeakyReLU(0.01), "tanh": torch.nn.Tanh(),
               "gelu": torch.nn.GELU(), "softplus": torch.nn.Softplus()}
CASES = {
    "smoothed": dict(loss="bce", smoothing=0.2),
    "unbalanced": dict(loss="bce", balance=False),
    "multiclass": dict(loss="multiclass", classes=3),
    "multiclass_smoothed": dict(loss="multiclass", classes=3, smoothing=0.3),
    "heads": dict(loss="bce", classes=3),
    "heads_smoothed": dict(loss="bce", classes=3, smoothing=0.2),
    "regression": dict(loss="regression"),
    "rolr": dict(loss="rolr"),
    "alice": dict(loss="alice"),
    "alice_unbalanced": dict(loss="alice", balance=False),
    "rascal": dict(loss="rascal"),
    "cascal": dict(loss="cascal"),
    "alices": dict(loss="alices"),
    "alices_smoothed": dict(loss="alices", smoothing=0.2),
    "alices_norm": dict(loss="alices", norm=True),
    "alices_residual": dict(loss="alices", residual=2),
    "alices_norm_residual": dict(loss="alices", norm=True, residual=2),
    "rascal_norm_residual": dict(loss="rascal", norm=True, residual=1),
    **{"cascal_" + name: dict(loss="cascal", activation=name) for name in ACTIVATIONS if name != "silu"},
    **{"cascal_norm_residual_" + name: dict(loss="cascal", activation=name, norm=True, residual=2) for name in ("tanh", "gelu", "softplus")},
}
SCORE_WEIGHT = 0.7


def f32(x):
    return torch.tensor(x, dtype=torch.float32).double()


def numbers(n, phase):
    """Some f32 numbers of order one without structure; the same on every machine, since sin is rounded to f32."""
    return f32([math.sin(12.9898 * (i + 1) + phase) * 1.5 + 0.3 * math.cos(78.233 * i + phase) for i in range(n)])


def events():
    """The denominator first; three classes of a third each, or the first third and the others."""
    return {
        "x": numbers(EVENTS * INPUTS, 0.1).reshape(EVENTS, INPUTS), "w": f32((0.25 + numbers(EVENTS, 2.0).abs()).tolist()),
        "ratio": f32(torch.exp(0.8 * numbers(EVENTS, 6.0)).tolist()), "score": numbers(EVENTS * PARAMETERS, 7.0).reshape(EVENTS, PARAMETERS),
        "target": numbers(EVENTS * TARGETS, 8.0).reshape(EVENTS, TARGETS),
    }


def label(classes):
    return torch.tensor([min(i // (EVENTS // 3), classes - 1) for i in range(EVENTS)])


def first(outputs):
    """Weight matrices, biases, then gain and offset of each hidden layer."""
    sizes = [INPUTS] + [WIDTH] * DEPTH + [outputs]
    w = [f32((0.6 * numbers(i * o, 3.0 + l)).tolist()).reshape(o, i) for l, (i, o) in enumerate(zip(sizes, sizes[1:]))]
    b = [f32((0.2 * numbers(o, 5.0 + l)).tolist()) for l, o in enumerate(sizes[1:])]
    gain = [f32((1 + 0.2 * numbers(WIDTH, 9.0 + l)).tolist()) for l in range(DEPTH)]
    offset = [f32((0.2 * numbers(WIDTH, 12.0 + l)).tolist()) for l in range(DEPTH)]
    return w, b, gain, offset


def forward(x, parameters, activation, norm, residual):
    w, b, gain, offset = parameters
    h = [x]
    for l in range(DEPTH):
        u = h[-1] @ w[l].T + b[l]
        if norm:
            u = torch.nn.functional.layer_norm(u, (WIDTH,), gain[l], offset[l], 1e-5)
        y = ACTIVATIONS[activation](u)
        if residual and l > 0 and l % residual == 0:
            y = y + h[l + 1 - residual]
        h.append(y)
    return h[-1] @ w[-1].T + b[-1]


def loss_of(e, parameters, loss, classes=2, smoothing=0.0, balance=True, activation="silu", norm=False, residual=0):
    y = label(classes)
    sums = torch.stack([e["w"][y == c].sum() for c in range(classes)])
    w = e["w"] * EVENTS / ((classes * sums[y]) if balance else e["w"].sum())
    x = e["x"].clone().requires_grad_(True)
    z = forward(x, parameters, activation, norm, residual)
    bce = torch.nn.functional.binary_cross_entropy_with_logits
    one, r = z[:, 0], e["ratio"]
    if loss == "multiclass":
        each = torch.nn.functional.cross_entropy(z, y, reduction="none", label_smoothing=smoothing)
    elif loss == "regression":
        each = ((z - e["target"]) ** 2).sum(1)
    elif loss == "bce" and classes > 2:
        each = 0
        for k in range(1, classes):
            t = (1 - smoothing) * (y == k).to(z.dtype) + smoothing / 2
            each = each + ((y == 0) | (y == k)) * bce(z[:, k - 1], t, reduction="none")
    elif loss in ("rolr", "rascal"):
        each = torch.where(y == 1, (torch.exp(-one) - 1 / r) ** 2, (torch.exp(one) - r) ** 2)
    else:
        odds = 1.0 if balance else sums[1] / sums[0]
        t = odds * r / (1 + odds * r) if loss in ("alice", "alices") else y.to(z.dtype)
        each = bce(one, (1 - smoothing) * t + smoothing / 2, reduction="none")
    if loss in ("rascal", "alices", "cascal"):
        t_hat = torch.autograd.grad(one.sum(), x, create_graph=True)[0][:, FEATURES:]
        each = each + SCORE_WEIGHT * (y == 1) * ((t_hat - e["score"]) ** 2).sum(1)
    return (w * each).sum() / EVENTS


def gradient(case, dtype):
    e = {k: v.to(dtype) for k, v in events().items()}
    outputs = 3 if case["loss"] == "multiclass" else 2 if case["loss"] == "regression" or case.get("classes") == 3 else 1
    parameters = [[p.to(dtype).requires_grad_(True) for p in group] for group in first(outputs)]
    value = loss_of(e, parameters, **case)
    value.backward()
    w, b, gain, offset = parameters
    parts = w + b + ([p for pair in zip(gain, offset) for p in pair] if case.get("norm") else [])
    return value.item(), torch.cat([p.grad.reshape(-1) for p in parts]).double()


def compute():
    e = events()
    values = {k: v.reshape(-1).tolist() for k, v in e.items()}
    for outputs in (1, 2, 3):
        w, b, gain, offset = first(outputs)
        values[f"first_{outputs}"] = torch.cat([p.reshape(-1) for p in w + b]).tolist()
    values["norms"] = torch.cat([p for pair in zip(gain, offset) for p in pair]).tolist()
    for name, case in CASES.items():
        value, g = gradient(case, torch.float64)
        single = gradient(case, torch.float32)[1]
        values["loss_" + name] = [value]
        values["gradient_" + name] = g.tolist()
        values["single_" + name] = [((single - g).abs() / (1 + g.abs())).max().item()]
    return values


def write(values, path):
    lines = ["/* SPDX-License-Identifier: Apache-2.0 */",
             f"/* Written by torch_losses.py with PyTorch {torch.__version__.split('+')[0]}. Weight matrices, biases, gain and offset of each "
             "layer. */", "",
             f"#define TORCH_LOSS_EVENTS {EVENTS}", f"#define TORCH_LOSS_FEATURES {FEATURES}", f"#define TORCH_LOSS_PARAMETERS {PARAMETERS}",
             f"#define TORCH_LOSS_TARGETS {TARGETS}", f"#define TORCH_LOSS_WIDTH {WIDTH}", f"#define TORCH_LOSS_DEPTH {DEPTH}",
             f"#define TORCH_LOSS_SCORE_WEIGHT {SCORE_WEIGHT}"]
    for name, numbers_of in values.items():
        lines += ["", f"static const double torch_loss_{name}[] = {{"]
        lines += ["    " + ", ".join("%.17g" % v for v in numbers_of[i:i + 5]) + "," for i in range(0, len(numbers_of), 5)]
        lines += ["};"]
    path.write_text("\n".join(lines) + "\n")


def read(path):
    arrays = re.findall(r"double torch_loss_(\w+)\[\] = \{([^}]*)\}", path.read_text())
    return {name: [float(v) for v in body.replace("\n", " ").split(",") if v.strip()] for name, body in arrays}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    path, values = HERE / "torch_losses_values.h", compute()
    if not arguments.check:
        write(values, path)
        return 0
    stored, worst = read(path), 0.0
    if stored.keys() != values.keys() or any(len(stored[k]) != len(values[k]) for k in values):
        print("the stored file has other arrays")
        return 1
    for name in values:
        if name.startswith("single_"):  # rounding: of this machine's kernels
            continue
        for a, b in zip(stored[name], values[name]):
            worst = max(worst, abs(a - b) / (1 + abs(b)))
    print(f"largest difference {worst:.1e}")
    return 0 if worst < 1e-9 else 1


if __name__ == "__main__":
    sys.exit(main())

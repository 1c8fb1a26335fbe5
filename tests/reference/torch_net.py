#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Gradients and optimiser trajectories of small networks, computed by PyTorch in double precision.

    python3 torch_net.py           writes torch_net_values.h beside this file
    python3 torch_net.py --check   recomputes, and fails if a stored value differs by more than 1e-9

The events, weights and first parameters are f32 numbers, so that the library can start from exactly the same."""
import argparse
import math
import pathlib
import re
import sys

import torch

torch.set_default_dtype(torch.float64)
HERE = pathlib.Path(__file__).resolve().parent
EVENTS, FEATURES, WIDTH, DEPTH, STEPS = 48, 3, 5, 2, 25
ACTIVATIONS = {
    "silu": torch.nn.SiLU, "relu": torch.nn.ReLU, "leaky_relu": lambda: torch.nn.LeakyReLU(0.01),
    "tanh": torch.nn.Tanh, "gelu": torch.nn.GELU, "softplus": torch.nn.Softplus,
}
OPTIMISERS = {
    "nadam": lambda p: torch.optim.NAdam(p, lr=0.01, betas=(0.9, 0.999), eps=1e-8, momentum_decay=0.004),
    "adam": lambda p: torch.optim.Adam(p, lr=0.01, betas=(0.9, 0.999), eps=1e-8),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.5),
    "sgd": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=0.1),
}


def f32(x):
    return torch.tensor(x, dtype=torch.float32).double()


def numbers(n, phase):
    """Some f32 numbers of order one without structure; the same on every machine, since sin is rounded to f32."""
    return f32([math.sin(12.9898 * (i + 1) + phase) * 1.5 + 0.3 * math.cos(78.233 * i + phase) for i in range(n)])


def problem():
    x = numbers(EVENTS * FEATURES, 0.1).reshape(EVENTS, FEATURES)
    y = torch.tensor([float(i >= EVENTS // 3) for i in range(EVENTS)])  # the denominator first
    x[y == 1] = f32((x[y == 1] + 0.5).tolist())
    w = f32((0.25 + numbers(EVENTS, 2.0).abs()).tolist())
    return x, y, w


def scaled(w, y):
    """Each side the same sum, mean one."""
    side = torch.where(y == 1, w[y == 1].sum(), w[y == 0].sum())
    return w * len(w) / (2 * side)


def network(activation):
    sizes = [FEATURES] + [WIDTH] * DEPTH + [1]
    layers = []
    for l, (i, o) in enumerate(zip(sizes, sizes[1:])):
        linear = torch.nn.Linear(i, o)
        with torch.no_grad():
            linear.weight.copy_(f32((0.7 * numbers(i * o, 3.0 + l)).tolist()).reshape(o, i))
            linear.bias.copy_(f32((0.2 * numbers(o, 5.0 + l)).tolist()))
        layers += [linear, ACTIVATIONS[activation]()]
    return torch.nn.Sequential(*layers[:-1])


def loss_of(net, x, y, w):
    z = net(x)[:, 0]
    return torch.nn.functional.binary_cross_entropy_with_logits(z, y, weight=scaled(w, y), reduction="mean")


def flat(tensors):
    """Weight matrices, then biases."""
    tensors = list(tensors)
    return torch.cat([t.reshape(-1) for t in tensors[0::2] + tensors[1::2]]).tolist()


def compute():
    x, y, w = problem()
    values = {"x": x.reshape(-1).tolist(), "w": w.tolist(), "first": flat(network("silu").parameters())}
    for name in ACTIVATIONS:
        net = network(name)
        loss = loss_of(net, x, y, w)
        loss.backward()
        values["loss_" + name] = [loss.item()]
        values["gradient_" + name] = flat(p.grad for p in net.parameters())
    for name, make in OPTIMISERS.items():
        net = network("silu")
        decayed = [p for n, p in net.named_parameters() if n.endswith("weight")]
        others = [p for n, p in net.named_parameters() if not n.endswith("weight")]
        optimiser = make([{"params": decayed}, {"params": others, "weight_decay": 0.0}])
        losses = []
        for _ in range(STEPS):
            optimiser.zero_grad()
            loss = loss_of(net, x, y, w)
            loss.backward()
            losses.append(loss.item())
            optimiser.step()
        values["losses_" + name] = losses
        values["last_" + name] = flat(p.detach() for p in net.parameters())
    return values


def write(values, path):
    lines = ["/* SPDX-License-Identifier: Apache-2.0 */",
             f"/* Written by torch_net.py with PyTorch {torch.__version__.split('+')[0]}. Weight matrices, then biases. */", "",
             f"#define TORCH_EVENTS {EVENTS}", f"#define TORCH_DENOMINATORS {EVENTS // 3}",
             f"#define TORCH_FEATURES {FEATURES}", f"#define TORCH_WIDTH {WIDTH}", f"#define TORCH_DEPTH {DEPTH}",
             f"#define TORCH_STEPS {STEPS}"]
    for name, numbers_of in values.items():
        lines += ["", f"static const double torch_{name}[] = {{"]
        lines += ["    " + ", ".join("%.17g" % v for v in numbers_of[i:i + 5]) + "," for i in range(0, len(numbers_of), 5)]
        lines += ["};"]
    path.write_text("\n".join(lines) + "\n")


def read(path):
    arrays = re.findall(r"double torch_(\w+)\[\] = \{([^}]*)\}", path.read_text())
    return {name: [float(v) for v in body.replace("\n", " ").split(",") if v.strip()] for name, body in arrays}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    path, values = HERE / "torch_net_values.h", compute()
    if not arguments.check:
        write(values, path)
        return 0
    stored, worst = read(path), 0.0
    if stored.keys() != values.keys() or any(len(stored[k]) != len(values[k]) for k in values):
        print("the stored file has other arrays")
        return 1
    for name in values:
        for a, b in zip(stored[name], values[name]):
            worst = max(worst, abs(a - b) / (1 + abs(b)))
    print(f"largest difference {worst:.1e}")
    return 0 if worst < 1e-9 else 1


if __name__ == "__main__":
    sys.exit(main())

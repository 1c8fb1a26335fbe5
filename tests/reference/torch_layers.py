#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Gradients and optimiser trajectories of networks with layer normalisation, residual blocks and every activation, by PyTorch in double
precision; and outputs of networks with several heads.

    python3 torch_layers.py           writes torch_layers_values.h beside this file
    python3 torch_layers.py --check   recomputes, and fails if a stored value differs by more than 1e-9

The problem is that of torch_net.py; first parameters are f32 numbers. Order of parameters: weight matrices, then biases, then gain and
offset of each normalised layer."""
import argparse
import pathlib
import sys

import torch

from torch_net import ACTIVATIONS, EVENTS, FEATURES, OPTIMISERS, STEPS, f32, loss_of, numbers, problem, read

HERE = pathlib.Path(__file__).resolve().parent
WIDTH = 5
# name: (activation, depth, layers of a residual block, normalised, slope of LeakyReLU)
NETWORKS = {f"norm_{a}": (a, 2, 0, True, 0.01) for a in ACTIVATIONS}
NETWORKS |= {f"residual_{a}": (a, 5, 2, False, 0.2) for a in ACTIVATIONS}
NETWORKS |= {f"both_{a}": (a, 5, 2, True, 0.2) for a in ACTIVATIONS}
NETWORKS |= {"ones": ("silu", 4, 1, True, 0.01), "one_block": ("gelu", 4, 3, False, 0.01), "blocks_tanh": ("tanh", 7, 3, True, 0.01)}


class Hidden(torch.nn.Module):
    def __init__(self, i, o, activation, norm, slope, number):
        super().__init__()
        self.linear = torch.nn.Linear(i, o)
        self.norm = torch.nn.LayerNorm(o) if norm else None
        self.activation = torch.nn.LeakyReLU(slope) if activation == "leaky_relu" else ACTIVATIONS[activation]()
        with torch.no_grad():
            self.linear.weight.copy_(f32((0.7 * numbers(i * o, 3.0 + number)).tolist()).reshape(o, i))
            self.linear.bias.copy_(f32((0.2 * numbers(o, 5.0 + number)).tolist()))
            if norm:
                self.norm.weight.copy_(f32((1 + 0.3 * numbers(o, 7.0 + number)).tolist()))
                self.norm.bias.copy_(f32((0.2 * numbers(o, 9.0 + number)).tolist()))

    def forward(self, h):
        z = self.linear(h)
        return self.activation(self.norm(z) if self.norm else z)


class Network(torch.nn.Module):
    def __init__(self, activation, depth, residual, norm, slope, outputs=1):
        super().__init__()
        self.residual = residual
        self.hidden = torch.nn.ModuleList(Hidden(FEATURES if l == 0 else WIDTH, WIDTH, activation, norm, slope, l) for l in range(depth))
        self.head = torch.nn.Linear(WIDTH, outputs)
        with torch.no_grad():
            self.head.weight.copy_(f32((0.7 * numbers(WIDTH * outputs, 3.0 + depth)).tolist()).reshape(outputs, WIDTH))
            self.head.bias.copy_(f32((0.2 * numbers(outputs, 5.0 + depth)).tolist()))

    def forward(self, x):
        h = self.hidden[0](x)
        rest, step = list(self.hidden)[1:], self.residual or 1
        for first in range(0, len(rest), step):
            f = h
            for layer in rest[first:first + step]:
                f = layer(f)
            h = h + f if self.residual else f
        return self.head(h)

    def ordered(self):
        linear = [h.linear for h in self.hidden] + [self.head]
        norms = [p for h in self.hidden if h.norm for p in (h.norm.weight, h.norm.bias)]
        return [l.weight for l in linear] + [l.bias for l in linear] + norms


def flat(tensors):
    return torch.cat([t.detach().reshape(-1) for t in tensors]).tolist()


def trajectory(net, make, x, y, w):
    weights = {id(l.weight) for l in [h.linear for h in net.hidden] + [net.head]}
    parameters = net.ordered()
    optimiser = make([{"params": [p for p in parameters if id(p) in weights]},
                      {"params": [p for p in parameters if id(p) not in weights], "weight_decay": 0.0}])
    losses = []
    for _ in range(STEPS):
        optimiser.zero_grad()
        loss = loss_of(net, x, y, w)
        loss.backward()
        losses.append(loss.item())
        optimiser.step()
    return losses, flat(parameters)


def compute():
    x, y, w = problem()
    values = {"x": x.reshape(-1).tolist(), "w": w.tolist()}
    for name, how in NETWORKS.items():
        net = Network(*how)
        values["first_" + name] = flat(net.ordered())
        loss = loss_of(net, x, y, w)
        loss.backward()
        values["loss_" + name] = [loss.item()]
        values["gradient_" + name] = flat(p.grad for p in net.ordered())
    for name in OPTIMISERS:
        losses, last = trajectory(Network(*NETWORKS["both_silu"]), OPTIMISERS[name], x, y, w)
        values["losses_" + name], values["last_" + name] = losses, last
    heads = Network(*NETWORKS["both_gelu"], outputs=3)
    values["first_heads"] = flat(heads.ordered())
    values["outputs_heads"] = heads(x).detach().reshape(-1).tolist()
    return values


def write(values, path):
    lines = ["/* SPDX-License-Identifier: Apache-2.0 */",
             f"/* Written by torch_layers.py with PyTorch {torch.__version__.split('+')[0]}. Weight matrices, biases, gains and offsets. */", "",
             f"#define TORCH_EVENTS {EVENTS}", f"#define TORCH_DENOMINATORS {EVENTS // 3}", f"#define TORCH_FEATURES {FEATURES}",
             f"#define TORCH_STEPS {STEPS}", f"#define LAYERS_WIDTH {WIDTH}", "#define LAYERS_HEADS 3"]
    for name, numbers_of in values.items():
        lines += ["", f"static const double torch_{name}[] = {{"]
        lines += ["    " + ", ".join("%.17g" % v for v in numbers_of[i:i + 5]) + "," for i in range(0, len(numbers_of), 5)]
        lines += ["};"]
    lines += ["", "static const struct layers_network {", "    const char *name, *activation;", "    int depth, residual, norm;",
              "    double slope, loss;", "    const double *first, *gradient;", "} layers_networks[] = {"]
    for name, (activation, depth, residual, norm, slope) in NETWORKS.items():
        lines += [f'    {{"{name}", "{activation}", {depth}, {residual}, {int(norm)}, {slope}, {values["loss_" + name][0]:.17g}, '
                  f'torch_first_{name}, torch_gradient_{name}}},']
    lines += ["};"]
    path.write_text("\n".join(lines) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    path, values = HERE / "torch_layers_values.h", compute()
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

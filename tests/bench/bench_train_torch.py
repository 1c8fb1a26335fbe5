#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The ensembles of bench_train.c in PyTorch, on the CPU: one member after another, the same network, batches and optimiser. Prints JSON lines.

A member's rate is that of the ensemble, so a few steps of one are measured, the best of three times, with PyTorch's own number of
threads and with one, and with the optimiser's loop over tensors as it is by default and batched (foreach): the best counts.

    build/venv-peers/bin/python tests/bench/bench_train_torch.py [seconds a case, 2]"""

import json
import sys
import time

try:
    import torch
except ImportError:
    print("SKIP: no PyTorch here: scripts/check-peers.sh build --prepare makes build/venv-peers, which has it", file=sys.stderr)
    sys.exit(0)

EVENTS, FEATURES = 51200, 20
SHAPES = [(4, 100, 1024), (4, 64, 1024), (4, 64, 8192)]


def network(depth, width):
    layers, size = [], FEATURES
    for _ in range(depth):
        layers += [torch.nn.Linear(size, width), torch.nn.SiLU()]
        size = width
    return torch.nn.Sequential(*layers, torch.nn.Linear(size, 1))


def rate(depth, width, batch, foreach, seconds):
    torch.manual_seed(1)
    net = network(depth, width)
    optimiser = torch.optim.NAdam(net.parameters(), lr=1e-4, foreach=foreach)
    x = torch.randn(EVENTS, FEATURES)
    y = (torch.arange(EVENTS) % 2).float()
    w = torch.ones(EVENTS)
    best = 0.0
    for _ in range(3):
        events, began = 0, time.perf_counter()
        while time.perf_counter() - began < seconds / 3:
            order = torch.randperm(EVENTS)
            for first in range(0, EVENTS - batch + 1, batch):
                index = order[first:first + batch]
                loss = torch.nn.functional.binary_cross_entropy_with_logits(net(x[index]).squeeze(1), y[index], weight=w[index])
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                events += batch
                if time.perf_counter() - began >= seconds / 3:
                    break
        best = max(best, events / (time.perf_counter() - began))
    return best


def main():
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 2.0
    threads = torch.get_num_threads()
    for depth, width, batch in SHAPES:
        rates = {}
        for n in sorted({1, threads}):
            torch.set_num_threads(n)
            for foreach in (False, True):
                rates[n, foreach] = rate(depth, width, batch, foreach, seconds / 4)
        n, foreach = max(rates, key=rates.get)
        print(json.dumps({"bench": "train_torch", "depth": depth, "width": width, "batch": batch, "torch": torch.__version__,
                          "threads": n, "foreach": foreach, "events_per_second": round(rates[n, foreach])}), flush=True)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The trainings of bench_train_gpu.c in PyTorch: the same network, batches and optimiser, data on the device. Prints JSON lines.

Each case is measured as people write it (eager, fused optimiser) and with the step as a CUDA graph, which is what libsbi does."""

import json
import os
import sys
import time

try:
    import torch
except ImportError:
    print("SKIP: no PyTorch here: no ratios", file=sys.stderr)
    sys.exit(0)
if not torch.cuda.is_available():
    print("SKIP: PyTorch sees no CUDA device: no ratios", file=sys.stderr)
    sys.exit(0)

SMALL = bool(os.environ.get("SBI_BENCH_SMALL"))
EVENTS, FEATURES, EPOCHS = (600, 5, 2) if SMALL else (400000, 20, 5)


def network(depth, width):
    layers, size = [], FEATURES
    for _ in range(depth):
        layers += [torch.nn.Linear(size, width), torch.nn.SiLU()]
        size = width
    return torch.nn.Sequential(*layers, torch.nn.Linear(size, 1)).cuda()


class Training:
    def __init__(self, precision, depth, width, batch):
        torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
        self.net, self.batch = network(depth, width), batch
        self.optimiser = torch.optim.Adam(self.net.parameters(), lr=1e-3, fused=True, capturable=True)
        self.half = {"bf16": torch.bfloat16, "f16": torch.float16}.get(precision)
        self.x = torch.rand(EVENTS, FEATURES, device="cuda")
        self.y = (torch.arange(EVENTS, device="cuda") % 2).float()
        self.w = torch.ones(EVENTS, device="cuda")
        self.index = torch.zeros(batch, dtype=torch.long, device="cuda")

    def step(self):
        x, y, w = self.x[self.index], self.y[self.index], self.w[self.index]
        self.optimiser.zero_grad(set_to_none=False)
        with torch.autocast("cuda", dtype=self.half or torch.bfloat16, enabled=self.half is not None):
            z = self.net(x).squeeze(1)
        # (f16 without a gradient scaler: the scaler's wait for the device would only make it slower.)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(z.float(), y, weight=w)
        loss.backward()
        self.optimiser.step()

    def epochs(self, run, n):
        for _ in range(n):
            order = torch.randperm(EVENTS, device="cuda")
            for first in range(0, EVENTS - self.batch + 1, self.batch):
                self.index.copy_(order[first:first + self.batch])
                run()

    def measure(self, graph):
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(5):
                self.step()
        torch.cuda.current_stream().wait_stream(side)
        run = self.step
        if graph:
            made = torch.cuda.CUDAGraph()
            with torch.cuda.graph(made):
                self.step()
            run = made.replay
        times = []
        for _ in range(3):
            torch.cuda.synchronize()
            began = time.perf_counter()
            self.epochs(run, EPOCHS)
            torch.cuda.synchronize()
            times.append(time.perf_counter() - began)
        return EVENTS // self.batch * self.batch * EPOCHS / sorted(times)[1]


def main():
    wide, batches = (24, (64, 128)) if SMALL else (1000, (1024, 8192))
    cases = [(p, 2 if SMALL else 4, wide, b) for p in ("f32", "tf32", "bf16", "f16") for b in batches]
    cases.append(("f32", 2 if SMALL else 4, 8 if SMALL else 64, batches[0]))
    for precision, depth, width, batch in cases:
        for graph in (False, True):
            rate = Training(precision, depth, width, batch).measure(graph)
            print(json.dumps({"bench": "torch", "precision": precision, "depth": depth, "width": width, "batch": batch, "graph": graph,
                              "events_per_s": rate, "torch": torch.__version__}), flush=True)


main()

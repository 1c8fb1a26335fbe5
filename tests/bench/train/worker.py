#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One side of the training benchmark: worker.py libsbi | torch. Reads jobs as lines of JSON and answers each with a line.

Both sides read the same events and make the same number of steps of Adam with the same batch size and rate. A job's "seconds" are
those of the whole call of libsbi, and of PyTorch's loop over batches."""
import json
import sys
import time

import numpy as np

RATE = 1e-3


def load(job):
    return np.load(job["numerator"]), np.load(job["denominator"])


class Libsbi:
    def __init__(self):
        import sbi
        self.sbi, self.data = sbi, {}

    def dataset(self, job):
        key = job["numerator"]
        if key not in self.data:
            numerator, denominator = load(job)
            self.data[key] = self.sbi.Dataset().add(self.sbi.NUMERATOR, numerator).add(self.sbi.DENOMINATOR, denominator)
        return self.data[key]

    def options(self, job, members, epochs):
        bf16 = job["precision"] == "bf16"
        return dict(depth=job["depth"], width=job["width"], batch=job["batch"], members=members, epochs=epochs, learning_rate=RATE,
                    optimiser=self.sbi._api.OPTIMISER_ADAM, schedule=self.sbi._api.SCHEDULE_CONSTANT, validation_fraction=0.0,
                    standardise=self.sbi._api.STANDARDISE_NONE,
                    precision=self.sbi._api.PRECISION_BF16 if bf16 else self.sbi._api.PRECISION_F32)

    def train(self, job):
        data = self.dataset(job)
        began = time.perf_counter()
        ensemble = self.sbi.Ensemble.train(data, **self.options(job, job["members"], job["epochs"]))
        took = time.perf_counter() - began
        networks = [ensemble[m] for m in range(job["members"])]
        return {"seconds": took, "loss": float(np.mean([n.history[-1, 1] for n in networks]))}

    def infer(self, job):
        network = self.sbi.Ensemble.train(self.dataset(job), **self.options({**job, "batch": 8192}, 1, 1))[0]
        x = load(job)[0]
        best = min(timed(lambda: network.logit(x)) for _ in range(job["repeats"]))
        return {"seconds": best, "events": len(x)}


class Torch:
    def __init__(self):
        import torch
        self.torch, self.choice = torch, {}
        self.threads = torch.get_num_threads()

    def network(self, job):
        torch = self.torch
        layers, size = [], job["features"]
        for _ in range(job["depth"]):
            layers += [torch.nn.Linear(size, job["width"]), torch.nn.SiLU()]
            size = job["width"]
        return torch.nn.Sequential(*layers, torch.nn.Linear(size, 1))

    def data(self, job):
        numerator, denominator = load(job)
        x = self.torch.tensor(np.concatenate([denominator, numerator]))
        y = self.torch.cat([self.torch.zeros(len(denominator)), self.torch.ones(len(numerator))])
        return x, y, self.torch.ones(len(x))

    def steps(self, job, threads, fused, epochs, most=None):
        """(seconds of the steps, their number, mean loss of the last epoch)"""
        torch = self.torch
        torch.set_num_threads(threads)
        torch.manual_seed(1)
        net, (x, y, w) = self.network(job), self.data(job)
        optimiser = torch.optim.Adam(net.parameters(), lr=RATE, fused=fused, foreach=None if fused else True)
        loss_of = torch.nn.functional.binary_cross_entropy_with_logits
        n, batch, bf16 = len(x), job["batch"], job["precision"] == "bf16"
        taken, began = 0, time.perf_counter()
        for _ in range(epochs):
            order, losses = torch.randperm(n), []
            for first in range(0, n, batch):
                index = order[first:first + batch]
                with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
                    z = net(x[index]).squeeze(1)
                loss = loss_of(z.float(), y[index], weight=w[index])
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                losses.append(loss.detach())
                taken += 1
                if most and taken == most:
                    return time.perf_counter() - began, taken, None
        return time.perf_counter() - began, taken, float(torch.stack(losses).mean())

    def best(self, job):
        """PyTorch's threads and form of the optimiser, by a few steps of each."""
        key = job["depth"], job["width"], job["batch"], job["precision"]
        if key not in self.choice:
            def rate(threads, fused):
                self.steps(job, threads, fused, 1, 2)
                took, taken, _ = self.steps(job, threads, fused, 1, 8)
                return taken / took
            choices = [(t, f) for t in sorted({1, self.threads}) for f in (False, True)]
            self.choice[key] = max(choices, key=lambda c: rate(*c))
        return self.choice[key]

    def train(self, job):
        threads, fused = self.best(job)
        took, _, loss = self.steps(job, threads, fused, job["epochs"])
        return {"seconds": took, "loss": loss, "threads": threads, "fused": fused}

    def infer(self, job):
        torch = self.torch
        torch.set_num_threads(self.threads)
        net, x = self.network(job), torch.tensor(load(job)[0])

        def run():
            with torch.inference_mode():
                for first in range(0, len(x), 8192):
                    net(x[first:first + 8192])
        run()
        return {"seconds": min(timed(run) for _ in range(job["repeats"])), "events": len(x)}

    def sgemm(self, job):
        """FLOP/s of the products of a hidden layer, the better of numpy's BLAS and PyTorch's."""
        rows, width = job["rows"], job["width"]
        x, w = np.random.rand(rows, width).astype("f4"), np.random.rand(width, width).astype("f4")
        tx, tw = self.torch.tensor(x), self.torch.tensor(w)
        self.torch.set_num_threads(self.threads)
        y, ty = np.empty_like(x), self.torch.empty_like(tx)
        kinds = (lambda: np.matmul(x, w, out=y)), (lambda: self.torch.mm(tx, tw, out=ty))
        best = []
        for kind in kinds:
            kind()
            once = min(timed(kind) for _ in range(3))
            best.append(min(timed(kind) for _ in range(max(3, int(job["seconds"] / 2 / once)))))
        return {"flops": 2.0 * rows * width * width / min(best)}


def timed(f):
    began = time.perf_counter()
    f()
    return time.perf_counter() - began


def main():
    side = {"libsbi": Libsbi, "torch": Torch}[sys.argv[1]]()
    for line in sys.stdin:
        job = json.loads(line)
        try:
            answer = getattr(side, job["do"])(job)
        except Exception as error:  # a refusal is a result
            answer = {"refused": str(error)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()

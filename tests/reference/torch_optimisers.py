#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""100 steps of each optimiser with clipping, weight decay, each schedule and averages of weights, by PyTorch in double precision.

    python3 torch_optimisers.py           writes torch_optimisers_values.h beside this file
    python3 torch_optimisers.py --check   recomputes, and fails if a stored value differs by more than 1e-9

Problem and network are those of torch_net.py; a step is an epoch of one batch."""
import argparse
import pathlib
import re
import sys

import torch

from torch_net import flat, loss_of, network, problem

torch.set_num_threads(1)  # more would only wait for each other
HERE = pathlib.Path(__file__).resolve().parent
STEPS, SAMPLED = 100, 10  # the loss of every tenth step is stored
OPTIMISERS = {"NADAM": 0.003, "ADAM": 0.003, "ADAMW": 0.003, "SGD": 0.05}  # f32 follows f64 to 1e-5 up to such rates
PLAIN = {"schedule": "CONSTANT", "factor": 0.1, "epochs": 10, "final": 0.01, "warmup": 0, "threshold": 0.0, "clip": 0.0, "decay": 0.0,
         "averaging": "NONE", "mix": 0.9, "start": 0}
VARIANTS = {
    "plain": {}, "clip": {"clip": 0.15}, "decay": {"decay": 0.1},
    "step": {"schedule": "STEP", "factor": 0.5, "epochs": 30}, "cosine": {"schedule": "COSINE"},
    "geometric": {"schedule": "GEOMETRIC"}, "exponential": {"schedule": "EXPONENTIAL", "factor": 0.97},
    "plateau": {"schedule": "PLATEAU", "factor": 0.5, "epochs": 4, "threshold": 0.01},
    "warm": {"warmup": 20}, "ema": {"averaging": "EMA", "mix": 0.9}, "late_ema": {"averaging": "EMA", "mix": 0.99, "start": 50},
    "swa": {"averaging": "SWA", "start": 40},
    "all": {"schedule": "COSINE", "warmup": 10, "clip": 0.1, "decay": 0.01, "averaging": "EMA", "mix": 0.95, "start": 20},
}


def make_optimiser(name, net, decay):
    kinds = {"NADAM": torch.optim.NAdam, "ADAM": torch.optim.Adam, "ADAMW": torch.optim.AdamW, "SGD": torch.optim.SGD}
    weights = [p for n, p in net.named_parameters() if n.endswith("weight")]
    biases = [p for n, p in net.named_parameters() if not n.endswith("weight")]
    more = {"momentum": 0.9} if name == "SGD" else {"betas": (0.9, 0.999), "eps": 1e-8}
    groups = [{"params": weights, "weight_decay": decay}, {"params": biases, "weight_decay": 0.0}]
    return kinds[name](groups, lr=OPTIMISERS[name], **more)


def make_schedule(optimiser, o):
    rate = optimiser.param_groups[0]["lr"]
    s = torch.optim.lr_scheduler
    if o["schedule"] == "STEP":
        return s.StepLR(optimiser, o["epochs"], gamma=o["factor"])
    if o["schedule"] == "COSINE" and not o["warmup"]:
        return s.CosineAnnealingLR(optimiser, STEPS, eta_min=rate * o["final"])
    if o["schedule"] == "GEOMETRIC":
        return s.ExponentialLR(optimiser, o["final"] ** (1 / STEPS))
    if o["schedule"] == "EXPONENTIAL":
        return s.ExponentialLR(optimiser, o["factor"])
    if o["schedule"] == "PLATEAU":
        return s.ReduceLROnPlateau(optimiser, factor=o["factor"], patience=o["epochs"] - 1, threshold=o["threshold"],
                                   threshold_mode="abs", eps=0)
    if o["warmup"]:
        def rate_of(step):
            cosine = o["schedule"] == "COSINE"
            wave = 0.5 * (1 + torch.cos(torch.tensor(torch.pi * step / STEPS)).item())
            return min(1.0, (step + 1) / o["warmup"]) * (o["final"] + (1 - o["final"]) * wave if cosine else 1)
        return s.LambdaLR(optimiser, rate_of)
    return None


def make_average(net, o):
    if o["averaging"] == "NONE":
        return None
    if o["averaging"] == "SWA":
        return torch.optim.swa_utils.AveragedModel(net)
    d = o["mix"]  # the exponential average, divided by the sum of its weights
    return torch.optim.swa_utils.AveragedModel(net, avg_fn=lambda mean, p, n: mean + (1 - d) / (1 - d ** (n + 1)) * (p - mean))


def trajectory(name, o):
    x, y, w = problem()
    net = network("silu")
    optimiser = make_optimiser(name, net, o["decay"])
    schedule, average = make_schedule(optimiser, o), make_average(net, o)
    losses, rates = [], []
    for step in range(STEPS):
        optimiser.zero_grad()
        loss = loss_of(net, x, y, w)
        loss.backward()
        if o["clip"]:
            norm = torch.nn.utils.get_total_norm([p.grad for p in net.parameters()])
            torch.nn.utils.clip_grads_with_norm_(net.parameters(), o["clip"], norm - 1e-6)  # PyTorch adds 1e-6 to it
        losses.append(loss.item())
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        if average and step + 1 > o["start"]:
            average.update_parameters(net)
        if isinstance(schedule, torch.optim.lr_scheduler.ReduceLROnPlateau):
            schedule.step(loss.item())
        elif schedule:
            schedule.step()
    return losses[::SAMPLED], rates[::SAMPLED], flat(p.detach() for p in (average.module if average else net).parameters())


def compute():
    return {(name, variant): ({**PLAIN, **more}, *trajectory(name, {**PLAIN, **more}))
            for name in OPTIMISERS for variant, more in VARIANTS.items()}


def braces(values):
    return "{" + ", ".join("%.15g" % v for v in values) + "}"


def write(cases, path):
    n = len(next(iter(cases.values()))[3])
    lines = ["/* SPDX-License-Identifier: Apache-2.0 */",
             f"/* Written by torch_optimisers.py with PyTorch {torch.__version__.split('+')[0]}. Weight matrices, then biases. */", "",
             f"#define TRAJECTORY_STEPS {STEPS}", f"#define TRAJECTORY_SAMPLED {SAMPLED}", "",
             "static const struct trajectory {", "    const char *name;", "    int32_t optimiser, schedule, schedule_epochs, averaging;",
             "    double rate, factor, final_rate, warmup, threshold, clip, decay, mix, start;",
             f"    double losses[{STEPS // SAMPLED}], rates[{STEPS // SAMPLED}], last[{n}];", "} trajectories[] = {"]
    for (name, variant), (o, losses, rates, last) in cases.items():
        numbers = ", ".join("%.15g" % v for v in (OPTIMISERS[name], o["factor"], o["final"], o["warmup"], o["threshold"], o["clip"],
                                                  o["decay"], o["mix"], o["start"]))
        lines += [f'    {{"{name.lower()} {variant}", SBI_OPTIMISER_{name}, SBI_SCHEDULE_{o["schedule"]}, {o["epochs"]}, '
                  f'SBI_AVERAGING_{o["averaging"]}, {numbers},', f"     {braces(losses)},", f"     {braces(rates)},", f"     {braces(last)}}},"]
    path.write_text("\n".join(lines + ["};"]) + "\n")


def read(path):
    """The lists in braces, three a case."""
    lists = [[float(v) for v in body.split(",")] for body in re.findall(r"     \{([^{}]*)\}", path.read_text())]
    return list(zip(lists[0::3], lists[1::3], lists[2::3]))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    path, cases = HERE / "torch_optimisers_values.h", compute()
    if not arguments.check:
        write(cases, path)
        return 0
    stored, worst = read(path), 0.0
    if len(stored) != len(cases):
        print("the stored file has other cases")
        return 1
    for old, (_, *new) in zip(stored, cases.values()):
        for a, b in zip(old, new):
            if len(a) != len(b):
                print("the stored file has other arrays")
                return 1
            worst = max([worst] + [abs(p - q) / (1 + abs(q)) for p, q in zip(a, b)])
    print(f"largest difference {worst:.1e}")
    return 0 if worst < 1e-9 else 1


if __name__ == "__main__":
    sys.exit(main())

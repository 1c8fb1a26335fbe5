#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Ratios learnt by libsbi and by PyTorch from the same events with the same settings, for docs/ratio_quality.md. JSON lines.

    bench_ratio_quality.py [--seeds 4] [--part ratios|two_moons]

ratios: rms error of ln r against the exact one on fresh events, for `seeds` networks of each trainer.
two_moons: the task of sbibm (Lueckmann et al., arXiv 2101.04653): r(x, theta) = p(x | theta) / p(x) from 10,000 simulations, posterior samples by
rejection from the prior, and C2ST against exact posterior samples by the classifier of sbibm (a multilayer perceptron of scikit-learn, ten times as wide
as the data, five folds). With the package sbibm at hand, its simulator, observations and reference samples are used; otherwise the same written down here.

Both trainers: SiLU, Nadam, cosine schedule to a hundredth of the rate, the best epoch on a tenth of the events; PyTorch with libsbi's initial
weights, and with its own, which differ in the output and the biases."""
import argparse
import itertools
import json
import pathlib
import sys

import numpy as np
import torch
from sklearn.model_selection import KFold, cross_val_score
from sklearn.neural_network import MLPClassifier

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bindings" / "python"))
import sbi  # noqa: E402

SETTINGS = {"depth": 3, "width": 64, "epochs": 20, "batch": 500, "learning_rate": 3e-3}


def initialise(net):
    """libsbi's initial weights: uniform of variance 1/3 an input, 1/100 for the output; biases 0."""
    layers = [layer for layer in net if isinstance(layer, torch.nn.Linear)]
    with torch.no_grad():
        for i, layer in enumerate(layers):
            gain = 0.01 if i + 1 == len(layers) else 1 / 3
            bound = float(np.sqrt(3 * gain / layer.in_features))
            layer.weight.uniform_(-bound, bound)
            layer.bias.zero_()


def with_torch(num, den, seed, settings):
    """ln r as a function of features."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    rng = np.random.default_rng(seed)
    x = np.concatenate([num, den]).astype(np.float32)
    y = np.repeat([1.0, 0.0], [len(num), len(den)]).astype(np.float32)
    shift, scale = x.mean(0), 1 / x.std(0)
    held = rng.random(len(x)) < 0.1
    xs, ys = torch.tensor((x - shift) * scale), torch.tensor(y)
    train, test = np.flatnonzero(~held), np.flatnonzero(held)
    layers, d = [], x.shape[1]
    for _ in range(settings["depth"]):
        layers += [torch.nn.Linear(d, settings["width"]), torch.nn.SiLU()]
        d = settings["width"]
    net = torch.nn.Sequential(*layers, torch.nn.Linear(d, 1))
    if settings["init"] == "libsbi":
        initialise(net)
    optimiser = torch.optim.NAdam(net.parameters(), lr=settings["learning_rate"])
    loss = torch.nn.BCEWithLogitsLoss()
    steps, step, best, kept = settings["epochs"] * -(-len(train) // settings["batch"]), 0, np.inf, None
    for _ in range(settings["epochs"]):
        order = rng.permutation(train)
        for at in range(0, len(order), settings["batch"]):
            for group in optimiser.param_groups:
                group["lr"] = settings["learning_rate"] * (0.01 + 0.99 * 0.5 * (1 + np.cos(np.pi * step / steps)))
            rows = order[at:at + settings["batch"]]
            optimiser.zero_grad()
            loss(net(xs[rows])[:, 0], ys[rows]).backward()
            optimiser.step()
            step += 1
        with torch.no_grad():
            now = float(loss(net(xs[test])[:, 0], ys[test]))
        if now < best:
            best, kept = now, {k: v.clone() for k, v in net.state_dict().items()}
    net.load_state_dict(kept)

    def log_ratio(features):
        with torch.no_grad():
            return net(torch.tensor((features.astype(np.float32) - shift) * scale))[:, 0].numpy().astype(float)

    return log_ratio


def with_libsbi(num, den, seed, settings):
    data = sbi.Dataset().add(sbi.NUMERATOR, np.float32(num)).add(sbi.DENOMINATOR, np.float32(den))
    ensemble = sbi.Ensemble.train(data, seed=seed, **settings)
    return lambda features: ensemble.ratio(np.float32(features), log=True)[0]


def libsbis(settings):
    return {k: v for k, v in settings.items() if k != "init"}


TRAINERS = {
    "libsbi": lambda num, den, seed, settings: with_libsbi(num, den, seed, libsbis(settings)),
    "torch": lambda num, den, seed, settings: with_torch(num, den, seed, {**settings, "init": "libsbi"}),
    "torch, its own initial weights": lambda num, den, seed, settings: with_torch(num, den, seed, {**settings, "init": "torch"}),
}


def normal(rng, side, n, d):
    mean, width = 1 / np.sqrt(d), np.r_[1.15, np.ones(d - 1)]
    z = rng.normal(size=(n, d))
    x = mean + width * z if side else z
    return x, np.sum(0.5 * x**2 - 0.5 * ((x - mean) / width) ** 2 - np.log(width), 1)


def heavy(rng, side, n, d):
    move, width = np.r_[0.7, np.zeros(d - 1)], np.r_[1.2, np.ones(d - 1)]
    t = rng.standard_t(3, size=(n, d))
    x = move + width * t if side else t
    return x, np.sum(-2 * np.log1p(((x - move) / width) ** 2 / 3) - np.log(width) + 2 * np.log1p(x**2 / 3), 1)


def ratios(seeds, n):
    for name, make, d in (("normal", normal, 2), ("normal", normal, 5), ("normal", normal, 20), ("student_t", heavy, 3)):
        rng = np.random.default_rng(d)
        num, den = make(rng, 1, n, d)[0], make(rng, 0, n, d)[0]
        tests = [make(rng, side, 20000, d) for side in (0, 1)]
        x, truth = np.concatenate([t[0] for t in tests]), np.concatenate([t[1] for t in tests])
        line = {"problem": name, "dimensions": d, "events_a_side": n}
        for trainer, train in TRAINERS.items():
            errors = [np.sqrt(np.mean((train(num, den, s, SETTINGS)(x) - truth) ** 2)) for s in range(1, seeds + 1)]
            line[trainer] = {"rms": round(float(np.mean(errors)), 4), "spread": round(float(np.std(errors, ddof=1)), 4)}
        print(json.dumps(line), flush=True)


# ---- two moons ----

def moons(rng, theta):
    """The simulator of sbibm's task, from its definition."""
    angle = rng.uniform(-np.pi / 2, np.pi / 2, len(theta))
    radius = rng.normal(0.1, 0.01, len(theta))
    p = np.stack([radius * np.cos(angle) + 0.25, radius * np.sin(angle)], 1)
    return p + np.stack([-np.abs(theta[:, 0] + theta[:, 1]), -theta[:, 0] + theta[:, 1]], 1) / np.sqrt(2)


def moons_posterior(rng, observed, n):
    """Exact: the offset of x from p is undone, each of the two signs of theta_0 + theta_1 with probability one half."""
    out = np.empty((0, 2))
    while len(out) < n:
        angle = rng.uniform(-np.pi / 2, np.pi / 2, n)
        radius = rng.normal(0.1, 0.01, n)
        p = np.stack([radius * np.cos(angle) + 0.25, radius * np.sin(angle)], 1)
        q = (observed - p) * np.sqrt(2)
        total, difference = q[:, 0], q[:, 1]  # -|t0 + t1| and -t0 + t1
        sign = np.where(rng.random(n) < 0.5, 1.0, -1.0)
        good = total <= 0
        s = -total * sign
        theta = np.stack([(s - difference) / 2, (s + difference) / 2], 1)[good]
        out = np.concatenate([out, theta[np.all(np.abs(theta) <= 1, axis=1)]])
    return out[:n]


def c2st(a, b, seed=1):
    mean, std = a.mean(0), a.std(0)
    data = np.concatenate([(a - mean) / std, (b - mean) / std])
    label = np.repeat([0, 1], [len(a), len(b)])
    width = 10 * a.shape[1]
    net = MLPClassifier(activation="relu", hidden_layer_sizes=(width, width), max_iter=10000, solver="adam", random_state=seed)
    return float(np.mean(cross_val_score(net, data, label, cv=KFold(n_splits=5, shuffle=True, random_state=seed), scoring="accuracy")))


def two_moons(seeds, simulations, observations, samples):
    try:
        import sbibm

        task = sbibm.get_task("two_moons")
    except ImportError:
        task = None
    rng = np.random.default_rng(3)
    theta = rng.uniform(-1, 1, (simulations, 2))
    if task:
        torch.manual_seed(3)
        x = task.get_simulator()(torch.tensor(theta, dtype=torch.float32)).numpy()
    else:
        x = moons(rng, theta)
    # A joint event against x with the parameters of other events, four times anew.
    num = np.concatenate([np.hstack([x, theta])] * 4)
    den = np.concatenate([np.hstack([x, theta[rng.permutation(simulations)]]) for _ in range(4)])
    settings = {"depth": 4, "width": 64, "epochs": 40, "batch": 1000, "learning_rate": 3e-3}
    line = {"task": "two_moons", "sbibm": bool(task), "simulations": simulations, "observations": observations}
    for trainer, seed in itertools.product(TRAINERS, range(1, seeds + 1)):
        log_ratio, values = TRAINERS[trainer](num, den, seed, settings), []
        for number in range(1, observations + 1):
            observed = task.get_observation(number).numpy()[0] if task else moons(np.random.default_rng(number), np.random.default_rng(number).uniform(-1, 1, (1, 2)))[0]
            exact = task.get_reference_posterior_samples(number).numpy()[:samples] if task else moons_posterior(rng, observed, samples)
            mine, top = np.empty((0, 2)), None
            while len(mine) < samples:
                draw = rng.uniform(-1, 1, (400000, 2))
                l = log_ratio(np.hstack([np.tile(observed, (len(draw), 1)), draw]))
                top = l.max() + 0.1 if top is None else top
                mine = np.concatenate([mine, draw[np.log(rng.random(len(draw))) < l - top]])
            values.append(c2st(exact, mine[:samples]))
        print(json.dumps({**line, "trainer": trainer, "seed": seed, "c2st": [round(v, 3) for v in values]}), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--events", type=int, default=30000)
    parser.add_argument("--simulations", type=int, default=10000)
    parser.add_argument("--observations", type=int, default=3)
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--part", choices=["ratios", "two_moons"])
    a = parser.parse_args()
    if a.part != "two_moons":
        ratios(a.seeds, a.events)
    if a.part != "ratios":
        two_moons(a.seeds, a.simulations, a.observations, a.samples)


if __name__ == "__main__":
    main()

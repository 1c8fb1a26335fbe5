#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One fit of the fit benchmark in a process of its own; prints one JSON object.

    peer.py ENGINE NUISANCES LONGEST [CALLS]

ENGINE numpy, jax-value, jax-gradient: iminuit's migrad() as it comes (strategy 1, tolerance 0.1, covariance included); libsbi:
sbi.Fit(model) as it comes (Hessian and covariance included). Timed is the fit alone: data, compilation and the building of the model are
over (their seconds stand beside). A fit that would take more than LONGEST seconds is extrapolated: calls times the time of a call. CALLS
is how many there are if that is known from another engine, which calls the same function. Otherwise a fit is given up after LONGEST
seconds, or not begun if its covariance alone, P^2 / 2 calls, takes longer, and calls are counted on the same likelihood with fewer
events, each of which stands for several."""
import json
import pathlib
import statistics
import sys
import time

import numpy as np

import model

ROUNDS = 5  # of libsbi's fit


class TooLong(Exception):
    pass


def clock(function, *arguments):
    began = time.perf_counter()
    result = function(*arguments)
    return time.perf_counter() - began, result


def of_call(function, theta):
    """Seconds of a call: the median of several, at points that change."""
    times, began = [], time.perf_counter()
    while len(times) < 3 or len(times) < 30 and time.perf_counter() - began < 1:
        times.append(clock(function, theta + 1e-6 * len(times))[0])
    return statistics.median(times)


class Function:
    """Value and gradient with counts, and an end."""

    def __init__(self, engine, nuisances, thin=1):
        data = model.Data(nuisances, thin)
        self.calls, self.gradients, self.end = 0, 0, None
        arrays = data.arrays()
        if engine == "numpy":
            self._value, self._gradient = lambda theta: float(model.nll(np, theta, *arrays)), None
        else:
            import jax

            jax.config.update("jax_enable_x64", True)
            import jax.numpy as jnp

            arrays = [jnp.asarray(a) for a in arrays]
            value = jax.jit(lambda theta, *a: model.nll(jnp, theta, *a))
            gradient = jax.jit(jax.grad(lambda theta, *a: model.nll(jnp, theta, *a)))
            self._value = lambda theta: float(value(theta, *arrays))
            self._gradient = (lambda theta: np.asarray(gradient(theta, *arrays))) if engine == "jax-gradient" else None

    def value(self, theta):
        self.check()
        self.calls += 1
        return self._value(np.asarray(theta))

    def gradient(self, theta):
        self.check()
        self.gradients += 1
        return self._gradient(np.asarray(theta))

    def check(self):
        if self.end and time.perf_counter() > self.end:
            raise TooLong

    def compile(self, theta):
        self._value(theta)
        if self._gradient:
            self._gradient(theta)


def minuit(function, nuisances):
    import iminuit

    names = ["mu"] + [f"a{k}" for k in range(nuisances)]
    m = iminuit.Minuit(function.value, model.start(nuisances), grad=function.gradient if function._gradient else None, name=names)
    m.errordef = iminuit.Minuit.LIKELIHOOD
    m.limits["mu"] = (0.01, 10)
    for name in names[1:]:
        m.limits[name] = (-5, 5)
    return m


def fit_minuit(engine, nuisances, longest, known):
    begin = model.start(nuisances)
    function = Function(engine, nuisances)
    out = {"prepare_seconds": clock(function.compile, begin)[0], "value_seconds": of_call(function._value, begin)}
    if function._gradient:
        out["gradient_seconds"] = of_call(function._gradient, begin)
    out["extrapolated"] = out["value_seconds"] * (known or (nuisances + 1) ** 2 / 2) > longest
    if not out["extrapolated"]:
        m = minuit(function, nuisances)
        function.end = time.perf_counter() + longest
        try:
            out["seconds"], _ = clock(m.migrad)
            out |= {"valid": bool(m.valid), "edm": m.fmin.edm, "nll": m.fval, "values": list(m.values), "errors": list(m.errors),
                    "calls": function.calls, "gradients": function.gradients}
        except TooLong:
            out["extrapolated"], out["given_up_after"] = True, longest
    if out["extrapolated"] and known:
        out |= {"calls": known, "gradients": 0, "seconds": known * out["value_seconds"]}
    elif out["extrapolated"]:
        del function
        thin = max(10, nuisances // 2)
        few = Function("jax-value" if engine == "numpy" else engine, nuisances, thin)
        few.compile(begin)
        m = minuit(few, nuisances)
        out["count_seconds"], _ = clock(m.migrad)
        out |= {"thin": thin, "valid": bool(m.valid), "calls": few.calls, "gradients": few.gradients}
        out["seconds"] = few.calls * out["value_seconds"] + few.gradients * out.get("gradient_seconds", 0)
    return out


def build(sbi, data):
    m = sbi.Model.build()
    m.add_parameter(sbi.Parameter("mu", 1.0, 0.01, 10.0, constraint=sbi.CONSTRAINT_NONE))
    for k in range(data.nuisances):
        m.add_parameter(sbi.Parameter(f"a{k}"))
    m.set_poi("mu")
    channel = m.add_channel("SR", data.events, data.weights)
    for p, factor in enumerate(("mu", "sqrt(mu)", None, None)):
        sample = m.add_sample(channel, f"p{p}", data.yields[p], data.ratios[p], factor)
        for k in range(data.nuisances):
            m.add_normsys(channel, sample, f"a{k}", data.high[p, k], data.low[p, k])
            m.add_eventsys(channel, sample, f"a{k}", data.up[p, k], data.down[p, k])
    return m.seal()


def fit_libsbi(nuisances):
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "bindings" / "python"))
    import sbi

    data = model.Data(nuisances)
    prepared, built = clock(build, sbi, data)
    times = []
    for _ in range(ROUNDS):
        seconds, fit = clock(sbi.Fit, built)
        times.append(seconds)
    info, evaluator = fit.info, built.evaluator()
    begin = model.start(nuisances)
    return {"prepare_seconds": prepared, "value_seconds": of_call(evaluator.value, begin), "gradient_seconds": of_call(evaluator.value_and_gradient, begin),
            "hessian_seconds": of_call(evaluator.hessian, begin), "extrapolated": False, "seconds": statistics.median(times), "least": min(times),
            "most": max(times), "valid": fit.converged, "edm": info.edm, "nll": fit.nll, "values": fit.values.tolist(), "errors": fit.errors.tolist(),
            "calls": info.value_evaluations, "gradients": info.gradient_evaluations, "hessians": info.hessian_evaluations}


def main(engine, nuisances, longest, known=None):
    out = fit_libsbi(nuisances) if engine == "libsbi" else fit_minuit(engine, nuisances, longest, known)
    print(json.dumps({"kind": "fit", "engine": engine, "nuisances": nuisances} | out))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), *map(int, sys.argv[4:]))

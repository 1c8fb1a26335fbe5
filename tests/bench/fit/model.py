# SPDX-License-Identifier: Apache-2.0
"""The likelihood of the fit benchmark: 4 processes, mu and K nuisance parameters with per-event variations, as arrays and as a function.

    NLL = sum_p nu_p - sum_i w_i ln sum_p nu_p r_pi prod_k g_pk,i(alpha_k) + sum_k alpha_k^2 / 2

theta = (mu, alpha_1 ...), nu_p = f_p(mu) nu_p0 prod_k G_pk(alpha_k), f = mu, sqrt(mu), 1, 1; code 4 everywhere. The data are the expectation
at TRUTH, so all K have a minimum near it, and no fit starts there. Variations are normalised at alpha = +-1 and between 0.2 and 1 per
cent: in between code 4 is not normalised, and larger ones would leave the likelihood of 20,000 events without a minimum. What constrains the nuisance
parameters beyond 1 are the yields, of 0.2 to 3 per cent.
"""
import numpy as np

PROCESSES, EVENTS = 4, 20000
YIELDS = np.array([0.10, 0.15, 0.35, 0.40])


def generator(*key):
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([20261128, *key])))


def truth(nuisances):
    """mu and alphas that the data are made at; those of fewer nuisance parameters are the first ones of more."""
    return np.concatenate([[1.2], np.clip(0.7 * generator(1).standard_normal(1000)[:nuisances], -1.8, 1.8)])


def start(nuisances):
    return np.concatenate([[1.0], np.zeros(nuisances)])


class Data:
    """ratios [process, event], up, down [process, nuisance, event], yields [process], high, low [process, nuisance], weights [event].

    thin: every event stands for that many; the same likelihood but for fluctuations, where calls are counted."""

    def __init__(self, nuisances, thin=1):
        events = EVENTS // thin
        self.nuisances, self.events = nuisances, events
        self.ratios = 0.3 + 1.4 * generator(2).random((PROCESSES, EVENTS))[:, :events]
        self.ratios /= self.ratios.mean(axis=1, keepdims=True)
        self.yields = YIELDS * EVENTS
        size = generator(3).uniform(0.002, 0.03, (1000, PROCESSES))[:nuisances].T
        self.high, self.low = 1 + size, 1 - 0.9 * size
        self.up, self.down = (np.empty((PROCESSES, nuisances, events)) for _ in range(2))
        for p in range(PROCESSES):
            for k in range(nuisances):
                rng = generator(4, p, k)
                width = 0.002 * 5.0 ** rng.random()
                x = width * (2 * rng.random(EVENTS)[:events] - 1)
                y = -0.85 * x + 0.15 * width * (2 * rng.random(EVENTS)[:events] - 1)
                for out, column in ((self.up, 1 + x), (self.down, 1 + y)):
                    out[p, k] = column / (self.ratios[p] @ column / events)
        self.weights = np.ones(events)
        nu, density = mixture(np, truth(nuisances), *self.arrays()[:-1])
        self.weights = density / events

    def arrays(self):
        return self.yields, self.high, self.low, self.ratios, self.up, self.down, self.weights


def code4(xp, u, d, a):
    """Interpolation code 4 as toolkits write it: from ratios, with where(), though with one exp() for both sides. The same text for numpy and jax.numpy."""
    lu, ld = xp.log(u), xp.log(d)
    s0, a0 = (u + d) / 2, (u - d) / 2
    s1, a1 = (u * lu - d * ld) / 2, (u * lu + d * ld) / 2
    s2, a2 = (u * lu**2 + d * ld**2) / 2, (u * lu**2 - d * ld**2) / 2
    c = [(15 * a0 - 7 * s1 + a2) / 8, (-24 + 24 * s0 - 9 * a1 + s2) / 8, (-5 * a0 + 5 * s1 - a2) / 4,
         (12 - 12 * s0 + 7 * a1 - s2) / 4, (3 * a0 - 3 * s1 + a2) / 8, (-8 + 8 * s0 - 5 * a1 + s2) / 8]
    inside = 1 + a * (c[0] + a * (c[1] + a * (c[2] + a * (c[3] + a * (c[4] + a * c[5])))))
    return xp.where(xp.abs(a) > 1, xp.exp(xp.where(a > 0, a * lu, -a * ld)), inside)


def mixture(xp, theta, yields, high, low, ratios, up, down):
    """Expected yields [process], and the density [event]."""
    mu, alpha = theta[0], theta[1:]
    factors = xp.stack([mu, xp.sqrt(mu), mu * 0 + 1, mu * 0 + 1])
    nu = factors * yields * xp.prod(code4(xp, high, low, alpha[None, :]), axis=1)
    varied = ratios * xp.prod(code4(xp, up, down, alpha[None, :, None]), axis=1)
    return nu, xp.sum(nu[:, None] * varied, axis=0)


def nll(xp, theta, *arrays):
    nu, density = mixture(xp, theta, *arrays[:-1])
    return xp.sum(nu) - xp.sum(arrays[-1] * xp.log(density)) + xp.sum(theta[1:] ** 2) / 2

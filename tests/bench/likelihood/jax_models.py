# SPDX-License-Identifier: Apache-2.0
"""The benchmark's likelihood in JAX: as toolkits write it (Plain), laid out for speed, and with derivative rules of our own (Blocked).

    NLL = sum_p nu_p - sum_i w_i ln sum_p nu_p r_pi prod_k g_pk,i(alpha_k) + sum_k alpha_k^2 / 2

theta = (mu, alpha_1 ...), nu_p = f_p(mu) nu_p0 prod_k G_pk(alpha_k), f = mu, sqrt(mu), 1, 1; code 4 everywhere.
"""
import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec


def code4_of_ratios(u, d, a):
    """Interpolation code 4 as toolkits write it: from ratios, with where()."""
    lu, ld = jnp.log(u), jnp.log(d)
    s0, a0 = (u + d) / 2, (u - d) / 2
    s1, a1 = (u * lu - d * ld) / 2, (u * lu + d * ld) / 2
    s2, a2 = (u * lu**2 + d * ld**2) / 2, (u * lu**2 - d * ld**2) / 2
    c = [(15 * a0 - 7 * s1 + a2) / 8, (-24 + 24 * s0 - 9 * a1 + s2) / 8, (-5 * a0 + 5 * s1 - a2) / 4,
         (12 - 12 * s0 + 7 * a1 - s2) / 4, (3 * a0 - 3 * s1 + a2) / 8, (-8 + 8 * s0 - 5 * a1 + s2) / 8]
    inside = 1 + sum(c[n] * a ** (n + 1) for n in range(6))
    return jnp.where(a > 1, u**a, jnp.where(a < -1, d ** (-a), inside))


def expected(theta, yields):
    g = code4_of_ratios(yields[:, 1:, 0], yields[:, 1:, 1], theta[None, 1:])
    mu = theta[0]
    f = jnp.stack([mu, jnp.sqrt(mu)] + [jnp.ones_like(mu)] * (yields.shape[0] - 2))
    return f * yields[:, 0, 0] * jnp.prod(g, axis=1)


def outside_events(theta, yields):
    """All of the NLL but the sum over events."""
    return jnp.sum(expected(theta, yields)) + jnp.sum(theta[1:] ** 2) / 2


class Plain:
    """Whole arrays [process, nuisance, 2, event] of ratios; XLA does what it can."""

    def __init__(self, source, dtype):
        self.yields = jnp.asarray(source["yields"].astype(dtype))
        self.data = (jnp.asarray(np.array(source["morphs"], dtype)), jnp.asarray(source["ratios"].astype(dtype)),
                     jnp.asarray(source["weights"].astype(dtype)))

    def nll(self, theta, morphs, ratios, weights):
        g = code4_of_ratios(morphs[:, :, 0], morphs[:, :, 1], theta[None, 1:, None])
        density = jnp.sum(expected(theta, self.yields)[:, None] * ratios * jnp.prod(g, axis=1), axis=0)
        return outside_events(theta, self.yields) - jnp.sum(weights * jnp.log(density))

    def function(self, quantity, tangents, _setting, _outside):
        row = lambda t, v, *x: jax.jvp(lambda s: jax.grad(self.nll)(s, *x), (t,), (v,))[1]
        return {
            "value": self.nll,
            "gradient": lambda t, *x: jax.value_and_grad(self.nll)(t, *x),
            "row": lambda t, *x: row(t, tangents[0], *x),
            "rows": lambda t, *x: jax.vmap(lambda v: row(t, v, *x))(tangents),
        }[quantity], self.data


# ---- blocked ---------------------------------------------------------------------------------------------------------


def code4_coefficients(a):
    """Code 4 for |a| <= 1 is 1 + sum of six numbers of alpha times u-1, d-1, u ln u, d ln d, u ln^2 u, d ln^2 d of the event."""
    odd0, odd1, odd2 = (15 * a - 10 * a**3 + 3 * a**5) / 8, (-7 * a + 10 * a**3 - 3 * a**5) / 8, (a - 2 * a**3 + a**5) / 8
    even0, even1, even2 = (24 * a**2 - 24 * a**4 + 8 * a**6) / 8, (-9 * a**2 + 14 * a**4 - 5 * a**6) / 8, (a**2 - 2 * a**4 + a**6) / 8
    # A0 and S1, A2 come with odd powers, S0 and A1, S2 with even ones.
    return ((even0 + odd0) / 2, (even0 - odd0) / 2, (even1 + odd1) / 2, (even1 - odd1) / 2, (even2 + odd2) / 2, (even2 - odd2) / 2)


def derivative(f, order):
    for _ in range(order):
        g = f
        f = lambda a, g=g: jax.jvp(g, (a,), (jnp.ones_like(a),))[1]
    return f


def code4_of_logs(a, logs, anywhere, order=0):
    """g of code 4 for a [nuisance] and logs [process, nuisance, 2, event], or its derivative of that order; |a| <= 1 unless `anywhere`."""
    lu, ld = logs[:, :, 0], logs[:, :, 1]
    c = [x[None, :, None] for x in derivative(code4_coefficients, order)(a)]
    inside = (jnp.exp(lu) * (c[0] + lu * (c[2] + lu * c[4])) + jnp.exp(ld) * (c[1] + ld * (c[3] + ld * c[5]))
              + ((order == 0) - (c[0] + c[1])))
    if not anywhere:
        return inside
    b = a[None, :, None]
    slope = jnp.where(b > 0, lu, -ld)
    return jnp.where(jnp.abs(b) > 1, jnp.exp(b * slope) * slope**order, inside)


def groups(g, size):
    """The product over nuisance parameters as exp of a sum of logarithms, of the products of `size` factors."""
    parts = g.reshape(g.shape[0], size, g.shape[1] // size, g.shape[2])
    return jnp.exp(jnp.sum(jnp.log(functools.reduce(jnp.multiply, [parts[:, i] for i in range(size)])), axis=1))


PRODUCTS = {"prod": lambda g: jnp.prod(g, axis=1), "logs": lambda g: groups(g, 1), "logs4": lambda g: groups(g, 4)}


@functools.cache
def wide(anywhere):
    """prod_k g of [process, event] with first and second derivatives by rule: what reverse mode does not find out is that d ln y is one
    number phi = g'/g an entry, its derivative one more, and that many tangents over them are matrix products."""

    def g(a, logs, order=0):
        return code4_of_logs(a, logs, anywhere, order)

    def phi(a, logs):
        return g(a, logs, 1) / g(a, logs)

    @jax.custom_jvp
    def forward(a, logs):
        return groups(g(a, logs), 1)

    @forward.defjvp
    def _forward_rule(primals, tangents):
        y = forward(*primals)
        return y, y * jnp.einsum("pkb,k->pb", phi(*primals), tangents[0])

    @jax.custom_jvp
    def backward(a, logs, c):
        return jnp.einsum("pkb,pb->k", phi(a, logs), c)

    @backward.defjvp
    def _backward_rule(primals, tangents):
        a, logs, c = primals
        chi = g(a, logs, 2) / g(a, logs) - phi(a, logs) ** 2
        return backward(*primals), jnp.einsum("pkb,pb->k", phi(a, logs), tangents[2]) + jnp.einsum("pkb,pb->k", chi, c) * tangents[0]

    @jax.custom_vjp
    def y(a, logs):
        return forward(a, logs)

    # The logarithms are data: no one asks for their cotangent, and zeros cost nothing once compiled.
    y.defvjp(lambda a, logs: (forward(a, logs), (a, logs)),
             lambda kept, bar: (backward(*kept, bar * forward(*kept)), jnp.zeros_like(kept[1])))
    return y


def aligned(shape, dtype):
    """An uninitialised array that JAX can take over without a copy: it wants 64-byte alignment, which numpy does not promise."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    raw = np.empty(size + 64, np.uint8)
    return raw[-raw.ctypes.data % 64:][:size].view(dtype).reshape(shape)


class Blocked:
    """Blocks of events in one loop, value and all derivatives taken inside of it; events last; logarithms stored; code 4's coefficients
    per alpha, not per event; where() only for points that need it; one host device a core (shard_map) where that is faster."""

    def __init__(self, source, dtype):
        self.source, self.dtype, self.layout, self.data = source, dtype, None, None
        self.yields = jnp.asarray(source["yields"].astype(dtype))

    def lay_out(self, block, devices):
        """[block, process, nuisance, 2, event], padded with events of weight 0, shared out over the devices."""
        if self.layout == (block, devices):
            return
        self.data = None
        morphs, ratios, weights = (self.source[name] for name in ("morphs", "ratios", "weights"))
        events = weights.shape[0]
        blocks = -(-events // (block * devices)) * devices

        def blocked(column, fill, first, count):
            out = np.full(count * block, fill, self.dtype)
            piece = column[first * block:(first + count) * block]
            out[:len(piece)] = piece
            return out.reshape(count, block)

        def place(parts):
            each = blocks // devices
            pieces = [jax.device_put(parts(d * each, each), jax.devices()[d], may_alias=True) for d in range(devices)]
            if devices == 1:
                return pieces[0]
            sharding = NamedSharding(self.mesh(devices), PartitionSpec("cores"))
            return jax.make_array_from_single_device_arrays((blocks, *pieces[0].shape[1:]), sharding, pieces)

        def morph_blocks(first, count):
            processes, nuisances = morphs.shape[:2]
            out = aligned((count, processes, nuisances, 2, block), self.dtype)
            for p in range(processes):
                for k in range(nuisances):
                    for side in range(2):
                        out[:, p, k, side] = blocked(morphs[p, k, side], 0, first, count)
            return out

        def ratio_blocks(first, count):
            return np.stack([blocked(r, 1, first, count) for r in ratios], axis=1)

        self.data = place(morph_blocks), place(ratio_blocks), place(lambda first, count: blocked(weights, 0, first, count))
        self.layout = (block, devices)

    @staticmethod
    def mesh(devices):
        return jax.sharding.Mesh(np.array(jax.devices()[:devices]), ("cores",))

    def block_nll(self, product, anywhere, theta, logs, ratios, weights):
        nu = expected(theta, self.yields)
        a = theta[1:]
        y = wide(anywhere)(a, logs) if product == "rules" else PRODUCTS[product](code4_of_logs(a, logs, anywhere))
        density = jnp.sum(nu[:, None] * ratios * y, axis=0)
        return -jnp.sum(weights * jnp.log(density))

    def function(self, quantity, tangents, setting, outside):
        """setting: events a block, devices, and how the product over nuisance parameters is formed. `outside`: some |alpha| > 1; the caller
        knows before it calls, and two functions are compiled."""
        block, devices = setting["block"], setting["devices"]
        self.lay_out(block, devices)
        rest = functools.partial(outside_events, yields=self.yields)

        def derived(f):
            if quantity == "value":
                return f
            if quantity == "gradient":
                return jax.value_and_grad(f)
            return lambda theta, *x: jax.vmap(lambda v: jax.jvp(lambda s: jax.grad(f)(s, *x), (theta,), (v,))[1])(tangents)

        of_block = derived(functools.partial(self.block_nll, setting["product"], outside))

        def over_blocks(theta, *data):
            step = lambda total, x: (jax.tree.map(jnp.add, total, of_block(theta, *x)), None)
            zero = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), jax.eval_shape(of_block, theta, *(x[0] for x in data)))
            return jax.lax.scan(step, zero, data)[0]

        summed = over_blocks
        if devices > 1:
            shared = PartitionSpec("cores")
            summed = jax.shard_map(lambda *x: jax.tree.map(lambda y: jax.lax.psum(y, "cores"), over_blocks(*x)),
                                   mesh=self.mesh(devices), in_specs=(PartitionSpec(), shared, shared, shared),
                                   out_specs=PartitionSpec(), check_vma=False)
        return lambda theta, *data: jax.tree.map(jnp.add, summed(theta, *data), derived(rest)(theta)), self.data

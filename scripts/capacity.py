#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints the tables of docs/capacity.md: what the reference campaign takes on devices that nobody here has to have."""

FEATURES, WIDTH, DEPTH = 20, 1000, 4
NETWORKS, EVENTS, EPOCHS = 1000, 1e6, 100
PRODUCTS, MEMORY = 0.6, 0.8  # what is reached of the rate of products and of the memory's
# Peak TFLOP/s of dense products, memory TB/s (NVIDIA's data sheets), dollars an hour (order of an on-demand price).
DEVICES = {
    "T4": ({"f32": 8.1, "f16": 65}, 0.32, 0.35),
    "A100 40 GB": ({"f32": 19.5, "tf32": 156, "bf16": 312}, 1.555, 3.0),
    "H100 SXM": ({"f32": 67, "tf32": 495, "bf16": 989}, 3.35, 6.0),
}


def sizes():
    return [FEATURES] + [WIDTH] * DEPTH + [1]


def flop_of_event():
    """Products: forward, weights' gradient; data's gradient for all but the first layer and the single output."""
    n = sizes()
    return sum(2 * n[l] * n[l + 1] * (2 if l == 0 or n[l + 1] == 1 else 3) for l in range(DEPTH + 1))


def parameters():
    n = sizes()
    return sum(n[l] * n[l + 1] + n[l + 1] for l in range(DEPTH + 1))


def bytes_of_event(precision, batch):
    """What kernels that are not products move. Activation: z in, y and derivative out. Going back: product and derivative in, product out;
    from the output, derivative in and product out. A step: squares of the gradient; Adam reads four arrays and writes three."""
    hidden = DEPTH * WIDTH
    per_event = 12 * hidden + 12 * (hidden - WIDTH) + 8 * WIDTH + 8 * (FEATURES + 2)
    per_step = 32 * parameters()
    if precision in ("bf16", "f16"):  # operands rounded (4 in, 2 out), bias gradients by a pass of their own
        per_event += 12 * hidden + 4 * hidden
        per_step += 6 * parameters()
    if precision == "f16":  # the largest gradient
        per_event += 4 * hidden
    return per_event + per_step / batch


def main():
    print(f"{parameters()} parameters; {flop_of_event() / 1e6:.2f} MFLOP an event; campaign {flop_of_event() * NETWORKS * EVENTS * EPOCHS:.3g} FLOP\n")
    print("| device | precision | batch | FLOP time, us an event | bytes time, us an event | events/s | campaign, hours | networks a day | dollars |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, (peaks, bandwidth, price) in DEVICES.items():
        for precision, peak in peaks.items():
            for batch in (1024, 8192):
                compute = flop_of_event() / (PRODUCTS * peak * 1e12)
                memory = bytes_of_event(precision, batch) / (MEMORY * bandwidth * 1e12)
                rate = 1 / (compute + memory)
                hours = NETWORKS * EVENTS * EPOCHS / rate / 3600
                print(f"| {name} | {precision} | {batch} | {1e6 * compute:.3f} | {1e6 * memory:.3f} | {rate:.2e} | {hours:.1f} | "
                      f"{NETWORKS * 24 / hours:.0f} | {hours * price:.0f} |")


main()

# SPDX-License-Identifier: Apache-2.0
"""JAX's half of the likelihood benchmark: one JSON command a line on stdin, one JSON object a reply on stdout.

    jax_peer.py FOLDER plain|blocked f64|f32

    {"do": "compile", "quantity": ..., "setting": {...}}   temporary memory that XLA will take, bytes
    {"do": "run", "quantity": ..., "point": 0, "setting": {...}, "result": true}   seconds (and result)
    {"do": "release"}   forgets compiled functions and arrays laid out for them

quantity: value, gradient, row, rows, hessian. A setting {"block", "devices", "product"} is of blocked (jax_models.py).
"""
import json
import sys
import time


def main(folder, variant, dtype_name):
    import jax
    jax.config.update("jax_enable_x64", dtype_name == "f64")
    import numpy as np
    import data
    import jax_models

    dtype = {"f64": np.float64, "f32": np.float32}[dtype_name]
    stored = "f64-ratio" if variant == "plain" and dtype_name == "f64" else "f64-log" if dtype_name == "f64" else "f32-log"
    source = {name: np.load(f"{folder}/{name}.npy", mmap_mode="r") for name in ("ratios", "weights", "yields")}
    source["morphs"] = np.load(f"{folder}/morphs-{stored}.npy", mmap_mode="r")
    if variant == "plain" and stored == "f32-log":
        source["morphs"] = np.exp(source["morphs"])
    points = np.load(f"{folder}/points.npy").astype(dtype)
    model = (jax_models.Plain if variant == "plain" else jax_models.Blocked)(source, dtype)
    if variant == "plain":
        source.clear()
    unit = np.eye(points.shape[1], dtype=dtype)
    tangents = {"row": unit[data.ROW:data.ROW + 1], "rows": unit[data.ROW:data.ROW + data.ROWS], "hessian": unit}
    compiled = {}

    def function(command):
        quantity, setting = command["quantity"], command.get("setting") or {}
        outside = bool(np.any(np.abs(points[command.get("point", 0)][1:]) > 1))
        key = (quantity, outside, *sorted(setting.items()))
        if key not in compiled:
            compiled.clear()
            f, arrays = model.function(quantity, tangents.get(quantity), setting, outside)
            compiled[key] = jax.jit(f).lower(points[0], *arrays).compile(), arrays
        return compiled[key]

    def answer(command):
        if command["do"] == "release":
            compiled.clear()
            return {}
        f, arrays = function(command)
        if command["do"] == "compile":
            return {"temporary": f.memory_analysis().temp_size_in_bytes}
        theta = points[command.get("point", 0)]
        start = time.perf_counter()
        out = jax.block_until_ready(f(theta, *arrays))
        reply = {"seconds": time.perf_counter() - start}
        if command.get("result"):
            reply["result"] = np.concatenate([np.asarray(x, np.float64).ravel() for x in jax.tree.leaves(out)]).tolist()
        return reply

    print(json.dumps({"ready": True, "version": jax.__version__, "devices": len(jax.devices()), "dtype": dtype_name}), flush=True)
    for line in sys.stdin:
        try:
            reply = answer(json.loads(line))
        except Exception as error:  # the driver records it and goes on
            reply = {"error": f"{type(error).__name__}: {str(error).splitlines()[0]}"}
        print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What was compiled for NVIDIA devices. Usage: check_plugin.py LIBSBI PLUGIN CUOBJDUMP

libsbi.so names nothing of CUDA; the plugin exports one symbol and needs the three libraries it should; every kernel exists for every
architecture, keeps its values in registers (no stack, no local memory), and the element-wise ones load and store 128 bits at a time."""

import os
import re
import subprocess
import sys

ARCHITECTURES = {"sm_75", "sm_80", "sm_86", "sm_89", "sm_90"}
# Kernels that move memory and little else: a part of the mangled name, with vector loads and stores looked for (stores of pairs of
# halves are of 64 bits).
VECTORS = {"activate_vectors": "128", "multiply_kernel": "128", "adam_kernel": "128", "sgd_kernel": "128", "sum_parts_kernel": "128",
           "gather_vectors": "128", "outer_kernel": "128", "squares_kernel": "128", "round_kernel": "128"}


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def check_libsbi(library):
    names = run("nm", "-D", library)
    for line in names.splitlines():
        if re.search(r"\b(cuda[A-Z]|cublas|cu[A-Z][a-z]+[A-Z]|__cuda)", line):
            yield f"libsbi names {line.split()[-1]}"
    for needed in re.findall(r"\(NEEDED\).*\[(.*?)\]", run("readelf", "-dW", library)):
        if re.search("cuda|cublas|nv", needed):
            yield f"libsbi needs {needed}"


def check_exports(plugin):
    exported = [l.split()[2].split("@")[0] for l in run("nm", "-D", "--defined-only", plugin).splitlines() if l.split()[1] != "A"]
    if exported != ["sbi_device_plugin_cuda"]:
        yield f"the plugin exports {exported}"
    needed = re.findall(r"\(NEEDED\).*\[(.*?)\]", run("readelf", "-dW", plugin))
    for library in ("libcudart.so.", "libcublas.so.", "libcublasLt.so."):
        if not any(n.startswith(library) for n in needed):
            yield f"the plugin does not need {library}N"
    if any(n.startswith("libsbi") for n in needed):
        yield "the plugin is linked against libsbi"


def check_resources(plugin, cuobjdump):
    text = run(cuobjdump, "--dump-resource-usage", plugin)
    found, kernels, arch = {}, set(), None
    for line in text.splitlines():
        named = re.search(r"arch = (sm_\d+)", line)
        if named:
            arch = named.group(1)
        function = re.match(r"\s*Function (\S+):", line)
        if function:
            name = function.group(1)
        used = re.search(r"REG:(\d+) STACK:(\d+).*LOCAL:(\d+)", line)
        if used:
            found.setdefault(name, set()).add(arch)
            kernels.add(name)
            if int(used.group(2)) or int(used.group(3)):
                yield f"{name} for {arch} spills: stack {used.group(2)}, local {used.group(3)} bytes"
    if not kernels:
        yield "no kernel was found"
    for name, archs in sorted(found.items()):
        if not ARCHITECTURES <= archs:
            yield f"{name} is missing for {sorted(ARCHITECTURES - archs)}"
    if "arch = " not in run(cuobjdump, "-lptx", plugin) and ".ptx" not in run(cuobjdump, "-lptx", plugin):
        yield "there is no PTX for devices to come"


def check_vectors(plugin, cuobjdump):
    for arch in sorted(ARCHITECTURES):
        bodies = re.split(r"\n\s*Function : ", run(cuobjdump, "-arch", arch, "-sass", plugin))[1:]
        for part, width in VECTORS.items():
            mine = [b for b in bodies if part in b.split("\n", 1)[0]]
            if not mine:
                yield f"no kernel {part} for {arch}"
            for body in mine:
                name = body.split("\n", 1)[0].strip()
                if not re.search(rf"\bLDG\.E\.{width}", body):
                    yield f"{name} for {arch} has no load of {width} bits"


def main():
    libsbi, plugin, cuobjdump = sys.argv[1:]
    os.environ["PATH"] += os.pathsep + os.path.dirname(cuobjdump)  # it calls nvdisasm
    found = [*check_libsbi(libsbi), *check_exports(plugin), *check_resources(plugin, cuobjdump), *check_vectors(plugin, cuobjdump)]
    print("\n".join(found) if found else f"cuda: {os.path.basename(plugin)}: no spills, 128-bit loads, every architecture; "
          "libsbi.so knows nothing of CUDA")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

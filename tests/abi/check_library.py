#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What libsbi.so asks of its host. Usage: check_library.py LIBRARY

Looks into the linked library: the functions it calls, the libraries it needs, the variables it could change, the version of
each export. A library that others embed does not end, print, or change what belongs to the process."""

import pathlib
import re
import subprocess
import sys

REFUSED = set("""exit _exit _Exit quick_exit atexit abort __assert_fail raise fork vfork system popen longjmp
    printf vprintf puts putchar putc fputs fputc perror stdout stderr __printf_chk __vprintf_chk
    signal sigaction bsd_signal setlocale fesetround feenableexcept setenv putenv unsetenv clearenv chdir umask
    rand srand random srandom drand48 strtok localtime gmtime ctime asctime strerror readdir_r tmpnam mktemp
    strcpy strcat sprintf vsprintf gets alloca
    openblas_set_num_threads goto_set_num_threads omp_set_num_threads mkl_set_num_threads cblas_xerbla LAPACKE_xerbla""".split())
NEEDED = re.compile(r"lib(c|m|dl|pthread|z|jansson|lapacke|openblas|blas|cblas|lapack|blis|mkl_rt|gcc_s)\.so|ld-linux")

# (kill is not among them: the executor "processes" ends the workers that it started.)

# Variables in writable memory, each with the reason why it may be there. Handles hold all other state.
VARIABLES = {
    "last_error": "the message of the last failure, one a thread",
    "inside_body": "whether this thread runs a parallel body, one a thread",
    "build_info": "a text made once",
    "build_info_once": "that it is made once",
    "looked": "which BLAS is loaded, asked once",
    "unsafe": "the answer",
    "set_threads": "its function to use one thread in the calling thread",
    "bf16": "its product of bf16 numbers",
    "bf16_name": "what that is called",
    "one_at_a_time": "the lock around a BLAS that is not thread-safe: it is the process's, not a context's",
}


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def problems(library):
    dynamic = run("readelf", "-dW", library)
    for name in re.findall(r"\(NEEDED\).*\[(.*?)\]", dynamic):
        if not NEEDED.match(name):
            yield f"needs {name}"
    for tag in ("RPATH", "RUNPATH", "TEXTREL"):
        if f"({tag})" in dynamic:
            yield f"has {tag}"
    soname = re.search(r"\(SONAME\).*\[(.*?)\]", dynamic)
    if not soname or not pathlib.Path(library).name.startswith(soname.group(1)):
        yield f"SONAME is {soname and soname.group(1)}"
    if re.search(r"GNU_STACK.*RWE", run("readelf", "-lW", library)):
        yield "asks for an executable stack"

    for line in run("nm", "-D", "--undefined-only", library).splitlines():
        name = line.split()[-1].split("@")[0]
        if name in REFUSED:
            yield f"calls {name}"
    for line in run("nm", "-D", "--defined-only", library).splitlines():
        kind, name = line.split()[1:]
        if not name.startswith("sbi_"):
            if kind != "A":
                yield f"exports {name}"
        elif not name.endswith("@@SBI_0"):
            yield f"{name} is not in version SBI_0"
        elif kind not in "TW":
            yield f"exports the variable {name}"

    sections = {number: name for number, name in re.findall(r"\[ *(\d+)\] (\S+)", run("readelf", "-SW", library))}
    for line in run("readelf", "-sW", library).splitlines():
        field = line.split()
        # (libgcc keeps what the processor can do in __cpu_model.)
        if len(field) == 8 and field[3] in ("OBJECT", "TLS") and sections.get(field[6]) in (".data", ".bss", ".tdata", ".tbss"):
            name = field[7].partition(".")[0]
            if name not in VARIABLES and not name.startswith(("__", "completed")):
                yield f"{name} is a variable in {sections[field[6]]}: state belongs to a context"


def main():
    found = sorted(set(problems(sys.argv[1])))
    name = pathlib.Path(sys.argv[1]).name
    print("\n".join(f"{name}: {x}" for x in found) if found else f"abi: {name} calls, needs and keeps only what it may")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

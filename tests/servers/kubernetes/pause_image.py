#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The image that holds a pod's namespaces: a static program that waits. Usage: pause_image.py NAME:TAG IMAGE.tar"""

import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "container"))
import oci_image  # noqa: E402

PROGRAM = """
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
static void end(int n) { (void)n; _exit(0); }
static void reap(int n) { (void)n; while (waitpid(-1, NULL, WNOHANG) > 0) {} }
int main(void) { signal(SIGTERM, end); signal(SIGINT, end); signal(SIGCHLD, reap); for (;;) pause(); }
"""


def main():
    name, image = sys.argv[1:3]
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder, "root")
        root.mkdir()
        subprocess.run(["gcc", "-O2", "-static", "-x", "c", "-", "-o", root / "pause"], input=PROGRAM.encode(), check=True)
        oci_image.write(image, name, root, {"Entrypoint": ["/pause"]})


if __name__ == "__main__":
    main()

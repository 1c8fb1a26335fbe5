#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the image of sbi-worker as Containerfile would, without a container engine. Usage: make_image.py BUILD IMAGE.tar [NAME:TAG]

It needs a machine like the one that the image is for: the libraries are those that sbi-worker was linked with here."""

import pathlib
import subprocess
import sys
import tempfile

import oci_image

HERE = pathlib.Path(__file__).resolve().parent
CONFIG = {"Entrypoint": ["/usr/bin/sbi-worker"], "Env": ["PATH=/usr/bin", "TMPDIR=/work"], "User": "1000:1000", "WorkingDir": "/work"}


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    build, image = sys.argv[1:3]
    name = sys.argv[3] if len(sys.argv) == 4 else "libsbi.test/sbi-worker:1"
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder, "root")
        subprocess.run([HERE / "collect.sh", build, root], check=True)
        digest = oci_image.write(image, name, root, CONFIG)
        size = sum(p.lstat().st_size for p in root.rglob("*") if p.is_file() and not p.is_symlink())
    print(f"{image}: {name}, {digest}, {1e-6 * size:.1f} MB unpacked, {1e-6 * pathlib.Path(image).stat().st_size:.1f} MB packed")


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: Apache-2.0
"""An OCI image as one tar file, made without a container engine: one layer from a folder, a config, a manifest, an index.

The same files give the same bytes: names sorted, times zero, owner root. Source: the OCI image layout and image specifications, 1.0."""

import gzip
import hashlib
import io
import json
import pathlib
import platform
import tarfile

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def entry(name, path):
    """The tar header of a file, folder or link, without what differs from machine to machine."""
    info = tarfile.TarInfo(name)
    status = path.lstat()
    info.mode, info.mtime = status.st_mode & 0o7777, 0
    if path.is_symlink():
        info.type, info.linkname = tarfile.SYMTYPE, str(path.readlink())
    elif path.is_dir():
        info.type = tarfile.DIRTYPE
    else:
        info.size = status.st_size
    return info


def layer(folder):
    """The folder as an uncompressed tar."""
    folder, out = pathlib.Path(folder), io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(folder.rglob("*")):
            info = entry(path.relative_to(folder).as_posix(), path)
            if info.isreg():
                with path.open("rb") as f:
                    tar.addfile(info, f)
            else:
                tar.addfile(info)
    return out.getvalue()


def write(path, name, folder, config):
    """Writes the image `name` with the files of `folder` to `path`. config: "Entrypoint", "Env", "User", ... of the image."""
    blobs = {}

    def blob(media_type, data):
        digest = hashlib.sha256(data).hexdigest()
        blobs[digest] = data
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data)}

    def text(value):
        return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()

    files = layer(folder)
    packed = blob("application/vnd.oci.image.layer.v1.tar+gzip", gzip.compress(files, 6, mtime=0))
    described = blob("application/vnd.oci.image.config.v1+json", text(
        {"architecture": ARCHITECTURES.get(platform.machine(), platform.machine()), "os": "linux", "config": config,
         "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(files).hexdigest()]}}))
    manifest = blob("application/vnd.oci.image.manifest.v1+json", text(
        {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": described, "layers": [packed]}))
    manifest["annotations"] = {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": name.rsplit(":", 1)[-1]}
    members = {"oci-layout": text({"imageLayoutVersion": "1.0.0"}),
               "index.json": text({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [manifest]})}
    members.update({f"blobs/sha256/{digest}": data for digest, data in blobs.items()})
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        for member in sorted(members):
            info = tarfile.TarInfo(member)
            info.size, info.mode = len(members[member]), 0o644
            tar.addfile(info, io.BytesIO(members[member]))
    return manifest["digest"]

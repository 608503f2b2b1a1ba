"""Images made of one static program each, written as an archive that `docker load` and containerd import."""

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ProgramImage:
    """An image that holds one program at its root and runs it, by default as `user` (uid:gid)."""

    reference: str
    program: Path
    name: str
    user: str = ""


def write(images: list[ProgramImage], architecture: str, target: Path) -> None:
    """Write all images into one archive. The same inputs give the same bytes."""
    manifest: list[Mapping[str, object]] = []
    with tarfile.open(target, "w") as archive:
        for image in images:
            layer = _layer(image)
            digest = _digest(layer)
            config = _config(image, architecture, digest)
            config_name = f"{hashlib.sha256(config).hexdigest()}.json"
            layer_name = f"{digest}/layer.tar"
            _add(archive, config_name, config)
            archive.addfile(_entry(layer_name, layer.stat().st_size), layer.open("rb"))
            layer.unlink()
            manifest.append({"Config": config_name, "RepoTags": [image.reference], "Layers": [layer_name]})
        _add(archive, "manifest.json", json.dumps(manifest).encode())


def _layer(image: ProgramImage) -> Path:
    path = image.program.with_name(f"{image.program.name}.layer")
    with tarfile.open(path, "w") as layer, image.program.open("rb") as program:
        layer.addfile(_entry(image.name, image.program.stat().st_size, 0o755), program)
        folder = _entry("tmp", 0, 0o1777)
        folder.type = tarfile.DIRTYPE
        layer.addfile(folder)
    return path


def _config(image: ProgramImage, architecture: str, digest: str) -> bytes:
    settings = {"Entrypoint": [f"/{image.name}"], "User": image.user, "Env": ["PATH=/"]}
    return json.dumps(
        {
            "architecture": architecture,
            "os": "linux",
            "config": settings,
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
            "history": [{"created_by": f"COPY {image.name} /"}],
        }
    ).encode()


def _digest(path: Path) -> str:
    with path.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()


def _entry(name: str, size: int, mode: int = 0o644) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, mode
    return entry


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    archive.addfile(_entry(name, len(data)), io.BytesIO(data))

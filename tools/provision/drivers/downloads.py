"""Ready-made Kubernetes programs: where they can be fetched and checked by digest, they save the longest build.

The digest is the one published beside each file, read over verified TLS. Anything that does not work here (no network,
another status, a wrong digest) means that the programs are built from source instead.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import tarfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tools.errors import Failed
from tools.progress import Progress, Steps

CONNECT_LIMIT = 5.0  # seconds of silence
_CHUNK = 1 << 20
_PROGRAMS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl")
_KUBERNETES = "https://dl.k8s.io/release/v{version}/bin/linux/{architecture}/"
_ETCD = "https://github.com/etcd-io/etcd/releases/download/v{version}/"


@dataclass(frozen=True)
class Download:
    """A file, the text that holds its digest, and the member to take if it is an archive."""

    url: str
    digests: str
    member: str = ""

    @property
    def file(self) -> str:
        """Name of the file at its source."""
        return self.url.rsplit("/", 1)[1]

    @property
    def program(self) -> str:
        """Name of the program that it gives."""
        return Path(self.member or self.file).name


def kubernetes(version: str, etcd: str, architecture: str) -> list[Download]:
    """What makes up a node, of these versions."""
    base = _KUBERNETES.format(version=version, architecture=architecture)
    folder = f"etcd-v{etcd}-linux-{architecture}"
    source = _ETCD.format(version=etcd)
    return [
        Download(f"{source}{folder}.tar.gz", f"{source}SHA256SUMS", f"{folder}/etcd"),
        *(Download(base + program, f"{base}{program}.sha256") for program in _PROGRAMS),
    ]


def fetch(downloads: list[Download], target: Path) -> Steps[bool]:
    """Fetch all programs into the folder `target`, or none of them; False when that is not possible."""
    partial = target.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        for number, download in enumerate(downloads):
            label = f"Fetching {download.program} ({number + 1} of {len(downloads)})"
            yield Progress(label)
            yield from _fetch_one(download, partial, label)
        partial.rename(target)
        return True
    except (OSError, Failed, tarfile.TarError, KeyError, ValueError) as error:
        yield Progress(f"No ready-made programs ({_reason(error)}): building them")
        return False
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _fetch_one(download: Download, folder: Path, label: str) -> Steps[None]:
    wanted = digest_of(download.file, _text(download.digests))
    path = folder / download.file
    digest = hashlib.sha256()
    told = time.monotonic()
    with path.open("wb") as sink:
        for chunk in _chunks(download.url):
            sink.write(chunk)
            digest.update(chunk)
            if time.monotonic() - told > 0.5:
                told = time.monotonic()
                yield Progress(f"{label}: {sink.tell() >> 20} MiB")
    if digest.hexdigest() != wanted:
        raise Failed(f"{download.file} does not have its published digest")
    program = folder / download.program
    if download.member:
        with tarfile.open(path) as archive:
            member = archive.getmember(download.member)
            member.name = download.program
            archive.extract(member, folder, filter="data")
        path.unlink()
    program.chmod(0o755)


def digest_of(file: str, published: str) -> str:
    """The SHA-256 of a file in what is published: the digest alone, or `digest  name` lines."""
    for line in published.splitlines():
        fields = line.split()
        if fields and re.fullmatch(r"[0-9a-f]{64}", fields[0]) and (len(fields) == 1 or fields[1].lstrip("*") == file):
            return fields[0]
    raise Failed(f"no digest is published for {file}")


def _text(url: str) -> str:
    return b"".join(_chunks(url)).decode(errors="replace")


def _chunks(url: str) -> Iterator[bytes]:
    with urllib.request.urlopen(url, timeout=CONNECT_LIMIT) as reply:  # noqa: S310 - only the URLs above
        while chunk := reply.read(_CHUNK):
            yield chunk


def _reason(error: Exception) -> str:
    return str(getattr(error, "reason", error))[:80]

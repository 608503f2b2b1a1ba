"""Charts: found, read, and pinned, that is copied under the digest of their content so that what was shown is used."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any

from tools.errors import BadRequest, NotFound
from tools.helm.documents import Document, documents
from tools.helm.values import Values, check_known
from tools.paths import looking_at

_SKIPPED = {".git", "node_modules", "__pycache__"}
_MOST = 50 * 1024 * 1024  # bytes; Helm itself refuses releases over 1 MB
_RANDOM = re.compile(
    rb"\b(rand(?:Alpha|Numeric|Ascii|AlphaNum|Bytes|Int)|uuidv4|now|shuffle|gen(?:CA|PrivateKey|SelfSignedCert|SignedCert)"
    rb"(?:WithKey)?|htpasswd|bcrypt|encryptAES|getHostByName)\b"
)
_TEXTS = (".yaml", ".yml", ".tpl", ".txt", ".json")
_READS_ALL = re.compile(r"(?:toYaml|toJson|range|with|include \S+) \(?\$?\.Values\b(?!\.)")


@dataclass(frozen=True)
class Chart:
    """A pinned chart; `path` is Shipmate's own copy, `values` its defaults, `random` whether renderings may differ."""

    name: str
    version: str
    path: Path
    digest: str
    values: dict[str, Any] = field(default_factory=dict)
    random: bool = False


def check_settings(given: Values, chart: Chart) -> None:
    """Raise BadRequest for a setting that the chart does not have: a misspelt one, or one that nothing in it reads."""
    check_known(given, chart.values)
    unknown = [key for key in given if key not in chart.values and key != "global"]
    if not unknown:
        return
    text = "\n".join(file.read_text("utf-8", "replace") for file in chart.path.rglob("*") if file.suffix in _TEXTS)
    for key in unknown:
        if not re.search(rf"(?<![\w-]){re.escape(key)}(?![\w-])", text) and not _READS_ALL.search(text):
            known = ", ".join(sorted(chart.values)[:8]) or "none"
            raise BadRequest(f"The chart {chart.name} has no setting {key}.", f"Its settings are: {known}.")


def pin(source: str, root: Path, cache: Path, fetch: Callable[[str, Path], Path] | None = None) -> Chart:
    """Copy a chart (folder, archive, or with `fetch` a reference) to where nobody edits it, and read it.

    `root` is what a relative path is relative to. Raises NotFound when there is no chart, BadRequest for a bad one.
    """
    if re.match(r"(oci|https?)://", source):
        if fetch is None:
            raise NotFound(f"The chart {source} has to be fetched first.")
        cache.mkdir(parents=True, exist_ok=True, mode=0o700)
        with TemporaryDirectory(dir=cache) as folder:
            return _pin_archive(fetch(source, Path(folder)), cache)
    with looking_at(source):
        path = (root / Path(source).expanduser()).resolve()
        is_archive, is_folder = path.is_file(), (path / "Chart.yaml").is_file()
    if is_archive:
        return _pin_archive(path, cache)
    if not is_folder:
        raise NotFound(
            f"There is no chart at {source}.", "Name a folder with a Chart.yaml, an archive or an oci:// URL."
        )
    return _read(_copy(path, cache))


def from_release(chart: Mapping[str, Any], cache: Path) -> Chart:
    """The chart that Helm stored with a release, written to a folder; raises NotFound when parts were not stored."""
    metadata: dict[str, Any] = chart.get("metadata") or {}
    if metadata.get("dependencies"):
        raise NotFound(
            f"Helm did not keep the charts that {metadata.get('name')} depends on.",
            "Name the chart's folder or address.",
        )
    cache.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = Path(mkdtemp(dir=cache))
    try:
        folder = draft / _safe(str(metadata.get("name") or "chart"))
        _write(folder, "Chart.yaml", _dump(metadata))
        _write(folder, "values.yaml", _dump(chart.get("values") or {}))
        if chart.get("schema"):
            _write(folder, "values.schema.json", base64.b64decode(chart["schema"]))
        for file in (*(chart.get("templates") or ()), *(chart.get("files") or ())):
            _write(folder, file["name"], base64.b64decode(file["data"] or ""))
        return _read(_copy(folder, cache))
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def definitions(chart: Chart, namespace: str) -> list[Document]:
    """The custom resource definitions that helm creates before the rest, unless they are there."""
    texts = [path.read_text(encoding="utf-8") for path in _files(chart.path) if "crds" in path.parts[-2:-1]]
    return [found for text in texts for found in documents(text, namespace)]


def digest_of(folder: Path) -> str:
    """SHA-256 over the names and contents of a chart's files."""
    total = hashlib.sha256()
    size = 0
    for path in _files(folder):
        data = path.read_bytes()
        size += len(data)
        if size > _MOST:
            raise BadRequest(f"The chart {folder} is over {_MOST // 1024 // 1024} MB.", "Is it the right folder?")
        name = str(path.relative_to(folder)).encode()
        total.update(b"%d:%s%d:" % (len(name), name, len(data)))
        total.update(data)
    return total.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    for current, folders, files in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED)
        for name in sorted(files):
            path = Path(current, name)
            if not path.resolve().is_relative_to(folder.resolve()):
                raise BadRequest(f"The chart's {path.relative_to(folder)} is a link out of its folder.")
            yield path


def _copy(folder: Path, cache: Path) -> Path:
    """The copy of a chart's folder that its content determines; made when it is not there yet."""
    digest = digest_of(folder)
    name = _safe(str(_yaml(folder / "Chart.yaml").get("name") or folder.name))
    there = cache / digest[:32] / name
    if there.is_dir() and digest_of(there) == digest:
        return there
    cache.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = Path(mkdtemp(dir=cache))
    for path in _files(folder):
        target = draft / name / path.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    if digest_of(draft / name) != digest:
        shutil.rmtree(draft, ignore_errors=True)
        raise BadRequest(f"The chart {folder} changed while it was read.", "Ask again.")
    shutil.rmtree(there.parent, ignore_errors=True)
    draft.rename(there.parent)
    return there


def _pin_archive(path: Path, cache: Path) -> Chart:
    """Unpack an archive (helm package) and go on with the folder in it."""
    import tarfile

    cache.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = Path(mkdtemp(dir=cache))
    try:
        with tarfile.open(path) as archive:
            if sum(member.size for member in archive) > _MOST:
                raise BadRequest(f"The chart {path.name} is over {_MOST // 1024 // 1024} MB unpacked.")
            archive.extractall(draft, filter="data")
        folders = [folder for folder in draft.iterdir() if (folder / "Chart.yaml").is_file()]
        if len(folders) != 1:
            raise NotFound(f"The archive {path.name} holds no chart.", "Make one with `helm package`.")
        return _read(_copy(folders[0], cache))
    except (tarfile.TarError, OSError) as error:
        why = str(error).partition("\n")[0].rstrip(":")
        raise BadRequest(f"{path} is not a chart archive: {why}.", "Name a folder or a .tgz.") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _read(folder: Path) -> Chart:
    metadata = _yaml(folder / "Chart.yaml")
    values = _yaml(folder / "values.yaml") if (folder / "values.yaml").is_file() else {}
    return Chart(
        name=str(metadata.get("name") or folder.name),
        version=str(metadata.get("version") or ""),
        path=folder,
        digest=digest_of(folder),
        values=values,
        random=any(_may_differ(path) for path in _files(folder)),
    )


def _may_differ(path: Path) -> bool:
    """Whether a file may make each rendering different; packed sub-charts count, since nobody looks into them."""
    if "templates" in path.parts:
        return bool(_RANDOM.search(path.read_bytes()))
    return path.suffix == ".tgz"


def _yaml(path: Path) -> dict[str, Any]:
    import yaml

    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise BadRequest(f"{path} cannot be read: {error}.") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark else ""
        raise BadRequest(f"{path.name}{line} of the chart is not YAML: {getattr(error, 'problem', error)}.") from error
    if not isinstance(data or {}, dict):
        raise BadRequest(f"{path.name} of the chart is not a mapping.")
    return data or {}


def _dump(data: Mapping[str, Any]) -> bytes:
    return json.dumps(data, indent=1).encode()  # JSON is YAML


def _write(folder: Path, name: str, data: bytes) -> None:
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise BadRequest(f"The stored chart names a file outside of its folder: {name}.")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _safe(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "-", name).lstrip(".") or "chart"

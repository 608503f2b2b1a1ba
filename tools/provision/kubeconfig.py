"""The person's kubeconfig: one context per cluster is added and removed, nothing else is touched.

Entries of Shipmate carry an extension with its name, so that a context of somebody else is never overwritten.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, cast

from tools.errors import BadRequest, Failed
from tools.provision.folders import locked
from tools.provision.made import write_whole

_MARK = "shipmate.dev"
_SECTIONS = {"clusters": "cluster", "users": "user", "contexts": "context"}
Config = dict[str, Any]


def files() -> list[Path]:
    """The kubeconfig files in the order in which kubectl reads them."""
    named = os.environ.get("KUBECONFIG", "")
    paths = [Path(part).expanduser() for part in named.split(os.pathsep) if part]
    return paths or [Path.home() / ".kube" / "config"]


def check_free(name: str) -> None:
    """Raise BadRequest when a context, cluster or user of that name belongs to somebody else."""
    for file in files():
        config = _read(file)
        for section in _SECTIONS:
            for entry in _entries(config, section):
                if entry.get("name") == name and not _ours(config, entry):
                    raise BadRequest(
                        f"{file} already has an entry {name!r} under {section} that Shipmate did not make.",
                        "Choose another --name.",
                    )


def merge(name: str, config: Config, *, switch: bool = False) -> Path:
    """Write a cluster's context under `name`; the current context stays unless there is none or `switch`.

    Returns the file that was written: where the name is already, else the first file that exists, else the last.
    """
    target = _target(name)
    cluster, user = (_entries(config, section)[0][key] for section, key in list(_SECTIONS.items())[:2])
    bodies = {
        "clusters": {**cluster, "extensions": [{"name": _MARK, "extension": {"cluster": name}}]},
        "users": user,
        "contexts": {"cluster": name, "user": name},
    }
    with locked("kubeconfig"):
        merged = _read(target) or {"apiVersion": "v1", "kind": "Config", "preferences": {}, "current-context": ""}
        before = repr(merged)
        for section, key in _SECTIONS.items():
            kept = [entry for entry in _entries(merged, section) if entry.get("name") != name]
            merged[section] = [*kept, {"name": name, key: _keep_namespace(merged, section, name, bodies[section])}]
        if switch or not merged.get("current-context"):
            merged["current-context"] = name
        if repr(merged) != before:
            _write(target, merged)
    return target


def remove(name: str) -> None:
    """Remove the entries of that name that Shipmate made, and the current context if it was that."""
    for file in files():
        if not file.exists():
            continue
        with locked("kubeconfig"):
            config = _read(file)
            if not any(entry.get("name") == name and _ours(config, entry) for entry in _entries(config, "clusters")):
                continue
            for section in _SECTIONS:
                config[section] = [entry for entry in _entries(config, section) if entry.get("name") != name]
            if config.get("current-context") == name:
                config["current-context"] = ""
            _write(file, config)


def _keep_namespace(config: Config, section: str, name: str, body: Config) -> Config:
    """A person may have set the context's namespace: that is theirs."""
    old = next((entry for entry in _entries(config, section) if entry.get("name") == name), None)
    namespace = old.get("context", {}).get("namespace") if old and section == "contexts" else None
    return {**body, "namespace": namespace} if namespace else body


def _ours(config: Config, entry: Config) -> bool:
    """An entry is ours when the cluster of the same name carries our mark."""
    cluster = next((c for c in _entries(config, "clusters") if c.get("name") == entry.get("name")), None)
    extensions = (cluster or {}).get("cluster", {}).get("extensions") or []
    return any(extension.get("name") == _MARK for extension in extensions)


def _target(name: str) -> Path:
    paths = files()
    holding = [file for file in paths if any(e.get("name") == name for e in _entries(_read(file), "contexts"))]
    existing = [file for file in paths if file.exists()]
    return (holding or existing or paths[-1:])[0]


def _entries(config: Config, section: str) -> list[Config]:
    return cast(list[Config], config.get(section) or [])


def _read(file: Path) -> Config:
    import yaml

    if not file.exists():
        return {}
    try:
        config = yaml.safe_load(file.read_text()) or {}
    except yaml.YAMLError as error:
        raise Failed(f"{file} is not a valid kubeconfig.", "Repair or move it first; nothing was written.") from error
    if not isinstance(config, dict):
        raise Failed(f"{file} is not a valid kubeconfig.", "Repair or move it first; nothing was written.")
    return cast(Config, config)


def _write(file: Path, config: Config) -> None:
    import yaml

    write_whole(file.resolve(), yaml.safe_dump(config, sort_keys=False))

"""Renders the chart with the real helm."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).parents[2] / "charts" / "todo-chatbot"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "shipmate" / "bin"
APP_VERSION: str = yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"]
PASSWORD = "database.auth.password=correct-horse"
GIVEN = "database.auth.existingSecret=given"

Document = dict[str, Any]


class Refused(Exception):
    """Helm's own words about why it did not render."""


def helm() -> str:
    """The helm program: from PATH, else the one that `shipmate cluster up` built."""
    found = shutil.which("helm") or shutil.which("helm", path=str(CACHE))
    if found is None:
        raise FileNotFoundError("helm is neither in PATH nor built: run `shipmate cluster up`, or install it")
    return found


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([helm(), *arguments], capture_output=True, text=True, check=False, timeout=60)


@functools.cache
def template(*settings: str, release: str = "todo-chatbot", namespace: str = "shop") -> str:
    """What `helm template` prints; settings are `a.b=c`, or `a.b:={"json": 1}`. Raises Refused."""
    arguments = ["template", release, str(CHART), "--namespace", namespace, "--kube-version", "1.35.0"]
    for setting in settings:
        path, json_marker, value = setting.partition(":=")
        arguments += ["--set-json", f"{path}={value}"] if json_marker else ["--set", setting]
    done = run(*arguments)
    if done.returncode:
        raise Refused(done.stderr)
    return done.stdout


class Rendered(Mapping[str, Document]):
    """Documents by `Kind/name`."""

    def __init__(self, text: str) -> None:
        documents = [document for document in yaml.safe_load_all(text) if document]
        self._documents = {f"{d['kind']}/{d['metadata']['name']}": d for d in documents}
        assert len(self._documents) == len(documents), "two documents of one name"

    def __getitem__(self, key: str) -> Document:
        return self._documents[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._documents)

    def __len__(self) -> int:
        return len(self._documents)

    def kind(self, kind: str) -> list[str]:
        """Names of the documents of a kind."""
        return sorted(key.partition("/")[2] for key in self if key.startswith(f"{kind}/"))

    def pods(self) -> dict[str, Document]:
        """Pod templates, and Helm's test pods, by `Kind/name`."""
        found: dict[str, Document] = {}
        for key, document in self.items():
            kind = key.partition("/")[0]
            if kind in ("Deployment", "StatefulSet"):
                found[key] = document["spec"]["template"]
            elif kind == "Pod":
                found[key] = document
        return found

    def pod(self, component: str) -> Document:
        """Pod template of a component of the release `todo-chatbot`."""
        kind = "StatefulSet" if component == "database" else "Deployment"
        return self[f"{kind}/todo-chatbot-{component}"]["spec"]["template"]


def render(*settings: str, **where: str) -> Rendered:
    """The chart's documents; with a Secret given for the database, unless the settings say otherwise."""
    if not any(setting.startswith("database.") for setting in settings):
        settings = (GIVEN, *settings)
    return Rendered(template(*settings, **where))


def env(pod: Document) -> dict[str, Any]:
    """Variables of the first container: the value, or where it comes from."""
    return {entry["name"]: entry.get("value", entry.get("valueFrom")) for entry in pod["spec"]["containers"][0]["env"]}

"""Secrets planted one in each place, and the search for them, in every form, on every surface."""

from __future__ import annotations

import base64
import random
import string
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import quote

# Where each secret is planted. The text behind the name is a form that the place demands ({} is the secret itself).
PLACES: dict[str, str] = {
    "opaque-secret": "{}",
    "secret-of-two-lines": "user=bob\npassword={}",
    "basic-auth-secret": "{}",
    "registry-secret": "{}",
    "ssh-key-secret": "-----BEGIN OPENSSH PRIVATE KEY-----\n{}\n-----END OPENSSH PRIVATE KEY-----",
    "tls-key-secret": "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----",
    "url-secret": "postgres://bob:{}@db:5432/todo",
    "htpasswd-secret": "{}",
    "last-applied-of-a-secret": "{}",
    "last-applied-of-a-deployment": "{}",
    "environment": "{}",
    "environment-url": "amqp://bob:{}@queue:5672/",
    "environment-by-disorder": "{}",
    "argument": "{}",
    "argument-of-its-own": "{}",
    "annotation": "{}",
    "configmap-url": "https://bob:{}@git.example.com/x.git",
    "configmap-file": "[default]\naws_secret_access_key = {}\n",
    "configmap-pgpass": "db:5432:todo:bob:{}",
    "configmap-netrc": "machine git.example.com login bob password {}",
    "configmap-kubeconfig": "users:\n- name: bob\n  user:\n    token: {}\n",
    "log-line": "{}",
    "log-header": "{}",
    "log-json": "{}",
    "event-message": "https://bob:{}@registry.example.com/v2",
    "helm-value": "{}",
    "helm-list-value": "{}",
    "helm-secret-of-the-chart": "{}",
    "helm-notes": "{}",
    "helm-value-typed": "{}",
    "build-argument": "{}",
    "image-environment": "{}",
    "image-label": "{}",
    "image-history": "{}",
    "dotenv-of-the-context": "{}",
    "workspace-file": "{}",
    "git-remote": "https://bob:{}@github.com/x/y.git",
    "docker-login": "{}",
    "kubeconfig-token": "{}",
    "exec-plugin": "{}",
    "model-key": "{}",
    "typed-environment": "{}",
    "typed-sentence": "{}",
    "typed-question": "{}",
    "pasted-manifest": "{}",
    "pasted-command": "{}",
    "refused-by-the-server": "{}",
    "echoed-by-the-model": "{}",
}
_LETTERS = string.ascii_letters + string.digits


class Canaries:
    """The secrets of one run: `self[name]` is the bare value, `text(name)` the form that the place demands."""

    def __init__(self, seed: int | None = None) -> None:
        source = random.Random(seed)  # noqa: S311 - a test that can be repeated
        self._values = {
            name: f"cnRy{number:02}{''.join(source.choices(_LETTERS, k=16))}{number % 10}x"
            for number, name in enumerate(PLACES)
        }
        self._values["echoed-by-the-model"] = "ghp_" + self._values["echoed-by-the-model"].ljust(36, "9")

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def __len__(self) -> int:
        return len(self._values)

    def text(self, name: str) -> str:
        return PLACES[name].format(self._values[name])

    def found(self, surfaces: Mapping[str, bytes]) -> list[str]:
        """Which canary stands on which surface, in which form."""
        hits: list[str] = []
        for name, value in self._values.items():
            for form, needle in written(value):
                hits += [f"{name} ({form}) in {where}" for where, content in surfaces.items() if needle in content]
        return hits


def written(value: str) -> Iterable[tuple[str, bytes]]:
    """The forms in which a value could stand somewhere."""
    raw = value.encode()
    yield "raw", raw
    yield "lower case", value.lower().encode()
    yield "upper case", value.upper().encode()
    yield "hexadecimal", raw.hex().encode()
    yield "URL-encoded", quote(value, safe="").encode()
    yield "UTF-16", value.encode("utf-16-le")
    for offset in range(3):  # in base64 with anything before it
        coded = base64.b64encode(b"\0" * offset + raw)
        yield f"base64 at {offset}", coded[-(-offset * 8 // 6) : (offset + len(raw)) * 8 // 6]


def files_in(*folders: Path) -> dict[str, bytes]:
    """Every file below these folders, byte for byte."""
    found: dict[str, bytes] = {}
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file() and not path.is_symlink():
                found[str(path)] = path.read_bytes()
    return found


class Processes:
    """Remembers the command line of every process of this machine (not of its containers) while the block lasts."""

    def __init__(self) -> None:
        self.seen: set[bytes] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Processes:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        here = Path("/proc/self/ns/pid").readlink()
        while not self._stop.wait(0.05):
            for entry in Path("/proc").iterdir():
                if entry.name.isdigit():
                    try:
                        if (entry / "ns/pid").readlink() == here:
                            self.seen.add((entry / "cmdline").read_bytes())
                    except OSError:
                        continue

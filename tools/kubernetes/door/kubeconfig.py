"""Which cluster, as whom: kubeconfig files read and merged by kubectl's rules, or a pod's service account.

The first file that names something wins, which is also how kubectl picks the current context: the two must never
disagree about the cluster that is meant.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools.errors import Unreachable

_START = "Make one with `shipmate cluster up`, or say which kubeconfig to use with --kubeconfig."
_SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")

Entry = Mapping[str, Any]


@dataclass(frozen=True)
class Access:
    """One context: where the server is, and what proves who is asking. `folder` resolves relative file names."""

    context: str
    server: str
    user: str
    namespace: str
    cluster_entry: Entry = field(default_factory=dict[str, Any], repr=False)
    user_entry: Entry = field(default_factory=dict[str, Any], repr=False)
    cluster_folder: Path = Path()
    user_folder: Path = Path()
    files: tuple[Path, ...] = ()


@dataclass
class _Merged:
    current: str = ""
    contexts: dict[str, Entry] = field(default_factory=dict[str, Entry])
    clusters: dict[str, tuple[Entry, Path]] = field(default_factory=dict[str, tuple[Entry, Path]])
    users: dict[str, tuple[Entry, Path]] = field(default_factory=dict[str, tuple[Entry, Path]])


def kubeconfig_files(kubeconfig: str | None) -> tuple[Path, ...]:
    """The files to read: the argument, else KUBECONFIG, else ~/.kube/config. A named single file must exist."""
    named = kubeconfig or os.environ.get("KUBECONFIG") or ""
    paths = tuple(Path(part).expanduser() for part in named.split(os.pathsep) if part)
    if kubeconfig and len(paths) == 1 and not paths[0].is_file():
        raise Unreachable(f"There is no kubeconfig file {paths[0]}.", _START)
    return paths or (Path("~/.kube/config").expanduser(),)


def find_access(kubeconfig: str | None, context: str | None) -> Access:
    """The access that kubectl would use; raises Unreachable where there is none, and names the contexts there are."""
    files = kubeconfig_files(kubeconfig)
    merged = _merge(files)
    if not merged.contexts and not kubeconfig and not context and os.environ.get("KUBERNETES_SERVICE_HOST"):
        return _service_account()
    if not merged.contexts:
        raise Unreachable("There is no Kubernetes cluster configured on this machine.", _START)
    name = context or merged.current
    if name not in merged.contexts:
        known = ", ".join(sorted(merged.contexts))
        problem = f"There is no context {name!r}." if name else "No context is chosen."
        raise Unreachable(problem, f"Choose one with --context: {known}.")
    chosen = merged.contexts[name]
    cluster, cluster_folder = merged.clusters.get(chosen.get("cluster") or "", ({}, Path()))
    user_name = chosen.get("user") or ""
    user, user_folder = merged.users.get(user_name, ({}, Path()))
    server = str(cluster.get("server") or "").rstrip("/")
    if not server.startswith(("http://", "https://")):
        raise Unreachable(
            f"The context {name!r} does not say where its cluster is.",
            f"Look at `kubectl config view --context {name}`, or choose another with --context.",
        )
    return Access(
        context=name,
        server=server,
        user=user_name,
        namespace=chosen.get("namespace") or "default",
        cluster_entry=cluster,
        user_entry=user,
        cluster_folder=cluster_folder,
        user_folder=user_folder,
        files=files,
    )


def _merge(files: tuple[Path, ...]) -> _Merged:
    merged = _Merged()
    for path in files:
        document = _read(path)
        merged.current = merged.current or str(document.get("current-context") or "")
        for name, entry in _named(document, "contexts", "context", path):
            merged.contexts.setdefault(name, entry)
        for name, entry in _named(document, "clusters", "cluster", path):
            merged.clusters.setdefault(name, (entry, path.absolute().parent))
        for name, entry in _named(document, "users", "user", path):
            merged.users.setdefault(name, (entry, path.absolute().parent))
    return merged


def _read(path: Path) -> Entry:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the same loader in C is ten times as fast
    try:
        document = yaml.load(path.read_bytes(), Loader=loader)  # noqa: S506 - both are the safe one
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise Unreachable(
            f"The kubeconfig {path} cannot be read: {error.strerror}.", "Check its owner and mode."
        ) from error
    except yaml.YAMLError as error:
        raise Unreachable(f"The kubeconfig {path} is not valid YAML.", "`kubectl config view` shows more.") from error
    if document is None:
        return {}
    if not isinstance(document, Mapping):
        raise Unreachable(f"The file {path} is not a kubeconfig.", _START)
    return document  # pyright: ignore[reportUnknownVariableType]


def _named(document: Entry, section: str, item: str, path: Path) -> Iterator[tuple[str, Entry]]:
    for entry in document.get(section) or ():
        try:
            yield str(entry["name"]), entry.get(item) or {}
        except (TypeError, KeyError, AttributeError) as error:
            raise Unreachable(f"The kubeconfig {path} has a broken entry in {section}.", "Mend it by hand.") from error


def _service_account() -> Access:
    host = os.environ["KUBERNETES_SERVICE_HOST"]
    port = os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    if not (_SERVICE_ACCOUNT / "token").is_file():
        raise Unreachable(
            "This pod has no service account token, so it cannot talk to its cluster.",
            "Set automountServiceAccountToken: true, or give a kubeconfig.",
        )
    namespace_file = _SERVICE_ACCOUNT / "namespace"
    namespace = namespace_file.read_text().strip() if namespace_file.is_file() else "default"
    return Access(
        context="in-cluster",
        server=f"https://{f'[{host}]' if ':' in host else host}:{port}",
        user="service account",
        namespace=namespace,
        cluster_entry={"certificate-authority": str(_SERVICE_ACCOUNT / "ca.crt")},
        user_entry={"tokenFile": str(_SERVICE_ACCOUNT / "token")},
    )

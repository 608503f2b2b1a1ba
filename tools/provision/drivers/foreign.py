"""What the drivers for minikube and kind share: a kubeconfig of their own, a cluster asked through kubectl."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

from tools.errors import Failed
from tools.provision import command
from tools.provision.folders import cache_folder, state_folder


def config_path(name: str) -> Path:
    """Where the driver's program writes its kubeconfig: never the person's own file."""
    return state_folder("kubeconfigs") / name


def read_config(path: Path) -> dict[str, Any]:
    """A kubeconfig reduced to its current context."""
    import yaml

    config = cast(dict[str, Any], yaml.safe_load(path.read_text()) or {})
    current = config.get("current-context")
    context = next((c["context"] for c in config.get("contexts") or [] if c["name"] == current), None)
    if context is None:
        raise Failed(f"{path} has no current context.", "Run `shipmate cluster down` and `up` again.")
    return {
        "clusters": [c for c in config["clusters"] if c["name"] == context["cluster"]],
        "users": [u for u in config["users"] if u["name"] == context["user"]],
        "contexts": [{"name": current, "context": context}],
    }


def ask(path: Path, *argv: str) -> dict[str, Any] | None:
    """JSON that kubectl prints for the cluster of a kubeconfig; None when it does not answer."""
    kubectl = command.find("kubectl") or str(cache_folder("bin") / "kubectl")
    result = command.attempt([kubectl, "--kubeconfig", str(path), "--request-timeout=5s", *argv, "-o", "json"])
    return json.loads(result.stdout) if result.returncode == 0 else None


def facts(path: Path) -> tuple[str, str, str]:
    """UID, version and server of the cluster of a kubeconfig; empty strings when it does not answer."""
    if not path.exists():
        return "", "", ""
    namespace, version = ask(path, "get", "namespace", "kube-system"), ask(path, "version")
    server = read_config(path)["clusters"][0]["cluster"]["server"]
    if namespace is None or version is None:
        return "", "", server
    return namespace["metadata"]["uid"], version["serverVersion"]["gitVersion"], server

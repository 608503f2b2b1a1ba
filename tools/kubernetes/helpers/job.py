"""The Job of a helper: it asks for little, runs once, and goes away by itself even if nobody is left to remove it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from secrets import token_hex
from typing import Any

from tools.change import Ref
from tools.errors import Failed
from tools.kubernetes.helpers.position import Position

STARTING = 120  # seconds that a pod may take to start
_LEFT = 120  # seconds until the cluster removes what ended, should Shipmate not live to do it
NEVER_READY = "ShipmateHelper"  # a condition that nobody ever sets, so that no service sends anything to the pod
_NOBODY = 65534
CREATED_BY = {"app.kubernetes.io/created-by": "shipmate"}


def helper_ref(namespace: str, what: str) -> Ref:
    """The Job under a name that nobody else has."""
    return Ref(api_version="batch/v1", kind="Job", name=f"shipmate-{what}-{token_hex(4)}", namespace=namespace)


def helper_job(
    ref: Ref,
    position: Position,
    containers: Sequence[Mapping[str, Any]],
    *,
    seconds: int,
    labels: Mapping[str, str],
    extra: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """A Job of one pod at this place; `seconds` is what it may run once it has started."""
    spec: dict[str, Any] = {
        **position.spec(),
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 1,
        "enableServiceLinks": False,
        "readinessGates": [{"conditionType": NEVER_READY}],
        **(extra or {}),
        "containers": list(containers),
    }
    spec.setdefault("automountServiceAccountToken", False)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": ref.name, "namespace": ref.namespace, "labels": CREATED_BY},
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": STARTING + seconds,
            "ttlSecondsAfterFinished": _LEFT,
            "template": {"metadata": {"labels": dict(labels)}, "spec": spec},
        },
    }


def small_container(name: str, image: str, argv: Sequence[str], user: Mapping[str, int], **more: Any) -> dict[str, Any]:
    """A container that even the strictest pod security lets in, as the given user if that is not root."""
    uid = user.get("runAsUser") or _NOBODY
    return {
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": list(argv),
        "resources": {"requests": {"cpu": "5m", "memory": "16Mi"}, "limits": {"cpu": "500m", "memory": "128Mi"}},
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": uid,
            **({"runAsGroup": user["runAsGroup"]} if user.get("runAsGroup") else {}),
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        **more,
    }


def stays_at_most(manifest: Mapping[str, Any]) -> int:
    """Seconds after which the cluster itself has removed the Job; Failed where the manifest does not say so."""
    try:
        spec = manifest["spec"]
        return int(spec["activeDeadlineSeconds"]) + int(spec["ttlSecondsAfterFinished"])
    except (KeyError, TypeError, ValueError):
        raise Failed(
            "A helper job has to say after how many seconds it ends and is removed.",
            "Set spec.activeDeadlineSeconds and spec.ttlSecondsAfterFinished.",
        ) from None

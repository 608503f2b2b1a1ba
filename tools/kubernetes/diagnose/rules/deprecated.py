"""Objects that were applied in a version of the API that newer clusters no longer have.

Example: an autoscaler whose manifest says autoscaling/v2beta2. It works here, since the server translates it; the
manifest will not apply after an upgrade.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator

from tools.finding import Fix, Severity
from tools.kubernetes.diagnose.rule import Seen, field, seen
from tools.kubernetes.diagnose.snapshot import Object, Snapshot
from tools.kubernetes.workload_changes import ref_of

IDS = {"SM-DEPRECATED-API": "a manifest uses a version of the API that newer clusters no longer have"}
_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
# Versions that are gone, with the version of Kubernetes that dropped them.
_GONE = {
    "extensions/v1beta1": "1.22", "networking.k8s.io/v1beta1": "1.22", "batch/v1beta1": "1.25",
    "policy/v1beta1": "1.25", "autoscaling/v2beta1": "1.25", "autoscaling/v2beta2": "1.26",
    "apps/v1beta1": "1.16", "apps/v1beta2": "1.16",
}  # fmt: skip
_KINDS = (
    "deployments.apps", "statefulsets.apps", "daemonsets.apps", "ingresses.networking.k8s.io", "cronjobs.batch",
    "poddisruptionbudgets.policy", "horizontalpodautoscalers.autoscaling",
)  # fmt: skip


def check(snap: Snapshot) -> Iterator[Seen]:
    """One finding for each old version, with the objects that were applied in it."""
    old: dict[str, list[Object]] = defaultdict(list)
    for kind in _KINDS:
        for item in snap.all(kind):
            text = (item["metadata"].get("annotations") or {}).get(_APPLIED, "")
            for version in _GONE:
                if f'"{version}"' in text and _version(text) == version:
                    old[version].append(item)
    for version, items in old.items():
        names = ", ".join(str(ref_of(item)) for item in items[:5])
        yield seen(
            "SM-DEPRECATED-API",
            items[0],
            f"{names} {'was' if len(items) == 1 else 'were'} applied as {version}, which Kubernetes "
            f"{_GONE[version]} no longer has.",
            severity=Severity.INFO,
            evidence=(field("apiVersion of the manifest", version),),
            fixes=(Fix(text=f"Write {items[0]['apiVersion']} in the manifest, and apply it again."),),
        )


def _version(text: str) -> str:
    try:
        applied = json.loads(text)
    except ValueError:
        return ""
    return str(applied.get("apiVersion")) if isinstance(applied, dict) else ""

"""A volume claim is not bound: no such class, no default class, nobody provisions it, or it does not exist at all."""

from __future__ import annotations

from collections.abc import Iterator

from tools.change import ApplyManifest, Ref
from tools.finding import Asks, Fix
from tools.kubernetes.diagnose.again import made_again
from tools.kubernetes.diagnose.claim_template import remade
from tools.kubernetes.diagnose.mending import pod_patch
from tools.kubernetes.diagnose.rule import Seen, change_fix, event, field, latest, near, pods_text, seen
from tools.kubernetes.diagnose.snapshot import Object, Snapshot
from tools.kubernetes.quantity import parse

IDS = {
    "SM-CLAIM-CLASS": "the claim names a storage class that does not exist",
    "SM-CLAIM-NO-CLASS": "the claim names no storage class, and there is no default one",
    "SM-CLAIM-PROVISION": "nothing has made a volume for the claim",
    "SM-CLAIM-LOST": "the volume of the claim is gone",
    "SM-CLAIM-MISSING": "a pod uses a claim that does not exist",
}
_PATIENCE = 10.0
_DEFAULT = "storageclass.kubernetes.io/is-default-class"


def check(snap: Snapshot) -> Iterator[Seen]:
    """Claims that are not bound though they should be, and claims that pods miss."""
    for claim in snap.all("persistentvolumeclaims"):
        phase = (claim.get("status") or {}).get("phase")
        if phase == "Lost":
            yield seen("SM-CLAIM-LOST", claim, f"The volume of claim {_name(claim)} is gone, and its data with it.")
        elif phase == "Pending" and snap.seconds_since(claim["metadata"]["creationTimestamp"]) > _PATIENCE:
            yield from _pending(snap, claim)
    yield from _missing(snap)


def _pending(snap: Snapshot, claim: Object) -> Iterator[Seen]:
    classes = {item["metadata"]["name"]: item for item in snap.all("storageclasses.storage.k8s.io")}
    name = claim["spec"].get("storageClassName")
    users = [pod for pod in snap.pods if _uses(pod, claim["metadata"]["name"], claim["metadata"]["namespace"])]
    chain = [f"{pods_text(1, snap.owner(pod))} waits for its volume" for pod in users[:1]]
    told = latest(snap, claim)
    if meant := _meant(snap, claim):
        yield _refused(claim, meant, chain)
    elif name and "storageclasses" not in snap.unchecked and name not in classes:
        best = near(name, classes) or next((key for key, item in classes.items() if _is_default(item)), "")
        hint = f"; there is {', '.join(sorted(classes))}" if classes else "; there is none at all"
        yield seen(
            "SM-CLAIM-CLASS",
            claim,
            f"Claim {_name(claim)} names the storage class {name}, which does not exist{hint}.",
            chain=[*chain, f"storage class {name} does not exist"],
            evidence=(field("spec.storageClassName", name), event(told)),
            fixes=(
                _of_class(snap, claim, best) if best else None,
                Fix(text=f"Make the claim again with {best or 'an existing class'}: its class cannot be changed."),
            ),
        )
    elif name is None and not any(_is_default(item) for item in classes.values()):
        yield seen(
            "SM-CLAIM-NO-CLASS",
            claim,
            f"Claim {_name(claim)} names no storage class, and the cluster has no default.",
            chain=chain,
            evidence=(event(told),),
            fixes=(Fix(text="Name a class in the claim, or make one the default."),),
        )
    elif users or (classes.get(name or "") or {}).get("volumeBindingMode") != "WaitForFirstConsumer":
        placed = any(pod["spec"].get("nodeName") for pod in users)
        if told and told.get("reason") == "WaitForFirstConsumer" and not placed:
            return  # the pod has no node yet: that is the story
        yield seen(
            "SM-CLAIM-PROVISION",
            claim,
            f"Claim {_name(claim)} has no volume yet.",
            chain=chain,
            evidence=(event(told), field("spec.storageClassName", name)),
            fixes=(Fix(text='Look at the provisioner of its class; for class "" make a matching volume.'),),
        )


def _meant(snap: Snapshot, claim: Object) -> Object | None:
    """The volume that was made for the claim by hand: the one that it names, or the only free one of its class."""
    spec = claim["spec"]
    if name := spec.get("volumeName"):
        return snap.find("persistentvolumes", name, None)
    known = {item["metadata"]["name"] for item in snap.all("storageclasses.storage.k8s.io")}
    if not spec.get("storageClassName") or spec["storageClassName"] in known:
        return None  # its volume is made for it
    free = [
        item
        for item in snap.all("persistentvolumes")
        if item["spec"].get("storageClassName") == spec["storageClassName"] and not item["spec"].get("claimRef")
    ]
    return free[0] if len(free) == 1 else None


def _refused(claim: Object, volume: Object, chain: list[str]) -> Seen:
    """The claim asks for what its volume does not offer."""
    asked, offered = claim["spec"].get("accessModes") or [], volume["spec"].get("accessModes") or []
    size, room = claim["spec"]["resources"]["requests"]["storage"], volume["spec"]["capacity"]["storage"]
    name, spec = volume["metadata"]["name"], {}
    why = f"volume {name} is not free for it"
    if missing := [mode for mode in asked if mode not in offered]:
        spec = {"accessModes": offered}
        why = f"it wants {', '.join(missing)}, volume {name} offers {', '.join(offered)}"
    elif parse(size) > parse(room):
        spec = {"resources": {"requests": {"storage": room}}}
        why = f"it wants {size}, volume {name} has {room}"
    said = "with what its volume offers"
    return seen(
        "SM-CLAIM-PROVISION",
        claim,
        f"Claim {_name(claim)} does not get its volume: {why}.",
        chain=[*chain, why],
        evidence=(field("spec.accessModes", ", ".join(asked)), field("spec.resources.requests.storage", size)),
        fixes=(
            _again(claim, {**spec, "volumeName": name}, said) if spec else None,
            Fix(text=f"Look at volume {name}."),
        ),
    )


def _missing(snap: Snapshot) -> Iterator[Seen]:
    told: set[tuple[str, str]] = set()
    for pod in snap.pods:
        if (pod.get("status") or {}).get("phase") != "Pending":
            continue
        space = pod["metadata"]["namespace"]
        for volume in pod["spec"].get("volumes") or ():
            name = (volume.get("persistentVolumeClaim") or {}).get("claimName")
            if not name or (space, name) in told or snap.find("persistentvolumeclaims", name, space):
                continue
            told.add((space, name))
            owner = snap.owner(pod)
            known = [
                c["metadata"]["name"] for c in snap.all("persistentvolumeclaims") if c["metadata"]["namespace"] == space
            ]
            best = near(name, known)
            ref = Ref(api_version="v1", kind="PersistentVolumeClaim", name=name, namespace=space)
            yield seen(
                "SM-CLAIM-MISSING",
                ref,
                f"Volume claim {name} does not exist in {space}{f'; there is {best}' if best else ''}.",
                chain=(f"{pods_text(1, owner)} cannot start", f"claim {name} does not exist"),
                fixes=(
                    _other(owner, volume["name"], best) if best else _made(ref),
                    Fix(text=f"Make the claim {name}, or correct its name in the pod."),
                ),
            )


def _other(owner: Object, volume: str, claim: str) -> Fix | None:
    """The claim that was probably meant."""
    body = {"volumes": [{"name": volume, "persistentVolumeClaim": {"claimName": claim}}]}
    change = pod_patch(owner, "set claim", f"use claim {claim} for volume {volume}", body)
    return change_fix(f"Use the claim {claim}.", change) if change else None


def _made(ref: Ref) -> Fix:
    """A new claim; only a person knows how large."""
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "{value}"}}}
    meta = {"name": ref.name, "namespace": ref.namespace}
    manifest = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta, "spec": spec}
    change = ApplyManifest(summary=f"make {ref} of {{value}}", ref=ref, manifest=manifest, create_only=True)
    asks = Asks(question=f"Which size shall the new claim {ref.name} have (10Gi, say)?")
    return Fix(text=f"Make the claim {ref.name}.", changes=(change,), asks=asks)


def _of_class(snap: Snapshot, claim: Object, name: str) -> Fix | None:
    why = f"with storage class {name}"
    if changes := remade(snap, claim, {"storageClassName": name}, why):
        return change_fix(f"Make its StatefulSet again {why}; what waits for a volume holds no data yet.", *changes)
    return _again(claim, {"storageClassName": name, "volumeName": None}, why)


def _again(claim: Object, spec: dict[str, object], why: str) -> Fix | None:
    """The claim made anew: without a volume it holds nothing."""
    if (claim.get("status") or {}).get("phase") != "Pending":
        return None
    return change_fix(f"Make the claim again {why}; it holds no data yet.", *made_again(claim, spec, why))


def _uses(pod: Object, name: str, namespace: str) -> bool:
    return pod["metadata"]["namespace"] == namespace and any(
        (volume.get("persistentVolumeClaim") or {}).get("claimName") == name
        for volume in pod["spec"].get("volumes") or ()
    )


def _is_default(item: Object) -> bool:
    return (item["metadata"].get("annotations") or {}).get(_DEFAULT) == "true"


def _name(claim: Object) -> str:
    return f"{claim['metadata']['name']} in {claim['metadata']['namespace']}"

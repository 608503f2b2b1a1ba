"""An autoscaler does not work: no metrics, no requests to measure against, no target, or another one beside it.

Example: autoscaler web aims at 70 % of the CPU request, and the sidecar of web requests none. One that is two minutes
old, or whose target was scaled to zero on purpose, is well.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from tools.change import Delete, Patch
from tools.finding import Fix, Severity
from tools.kubernetes.diagnose.rule import Seen, change_fix, field, near, seen
from tools.kubernetes.diagnose.snapshot import Object, Snapshot
from tools.kubernetes.rollout.state import condition
from tools.kubernetes.workload_changes import ref_of, resources_change, template_of

IDS = {
    "SM-HPA-TARGET": "the workload that the autoscaler names does not exist",
    "SM-HPA-TWICE": "two autoscalers pull at one workload",
    "SM-HPA-REQUESTS": "the pods request nothing that the autoscaler could measure against",
    "SM-HPA-METRICS": "the autoscaler gets no metrics",
}
_KIND = "horizontalpodautoscalers.autoscaling"
_KINDS = {"Deployment": "deployments.apps", "StatefulSet": "statefulsets.apps"}
_PATIENCE = 120.0  # seconds until the first metrics of a new autoscaler or new pods
_UNSERVED = ("no custom metrics API", "no external metrics API", "the server could not find the requested resource")
_FIRST = {"cpu": "100m", "memory": "128Mi"}  # what a container requests until its use is known


def check(snap: Snapshot) -> Iterator[Seen]:
    """Autoscalers that cannot do their work."""
    by_target: dict[tuple[str, str, str], list[Object]] = defaultdict(list)
    for item in snap.all(_KIND):
        aim, space = item["spec"]["scaleTargetRef"], item["metadata"]["namespace"]
        by_target[space, aim["kind"], aim["name"]].append(item)
    for (space, kind, name), items in by_target.items():
        target = snap.find(_KINDS[kind], name, space) if kind in _KINDS else None
        if kind in _KINDS and target is None:
            yield from (_aimless(snap, item) for item in items)
        elif len(items) > 1:
            yield _twice(sorted(items, key=lambda one: (one["metadata"]["creationTimestamp"], one["metadata"]["name"])))
        else:
            yield from _blind(snap, items[0], target)


def _aimless(snap: Snapshot, item: Object) -> Seen:
    ref, aim, space = ref_of(item), item["spec"]["scaleTargetRef"], item["metadata"]["namespace"]
    there = {
        kind: {o["metadata"]["name"] for o in snap.all(plural) if o["metadata"]["namespace"] == space}
        for kind, plural in _KINDS.items()
    }
    other = next((kind for kind, names in there.items() if aim["name"] in names), "")
    best = aim["name"] if other else near(aim["name"], there[aim["kind"]])
    kind = other or aim["kind"]
    hint = f", but {f'{kind.lower()} {best}' if other else best}" if best else ""
    right = {"apiVersion": "apps/v1", "kind": kind, "name": best}
    change = Patch(
        summary=f"let {ref} scale {kind.lower()} {best}",
        ref=ref,
        verb="set target",
        type="merge",
        patch={"spec": {"scaleTargetRef": right}},
    )
    away = Delete(summary=f"delete {ref}", ref=ref)
    return seen(
        "SM-HPA-TARGET",
        item,
        f"Autoscaler {ref.name} has no target: there is no {aim['kind'].lower()} {aim['name']}{hint}.",
        evidence=(field("spec.scaleTargetRef", f"{aim['kind']} {aim['name']}"),),
        fixes=(
            change_fix(f"Let it scale {kind.lower()} {best}.", change) if best else None,
            change_fix("Delete it, if its workload is gone for good.", away),
        ),
    )


def _twice(items: list[Object]) -> Seen:
    first, *rest = items
    aim, names = first["spec"]["scaleTargetRef"], ", ".join(item["metadata"]["name"] for item in items)
    target = f"{aim['kind'].lower()} {aim['name']}"
    metrics = [*(first["spec"].get("metrics") or ())]
    for item in rest:
        metrics += [metric for metric in item["spec"].get("metrics") or () if metric not in metrics]
    join = Patch(
        summary=f"let {ref_of(first)} follow the metrics of all of them",
        ref=ref_of(first),
        verb="set metrics",
        type="merge",
        patch={"spec": {"metrics": metrics}},
    )
    ends = [Delete(summary=f"delete {ref_of(item)}", ref=ref_of(item)) for item in rest]
    return seen(
        "SM-HPA-TWICE",
        rest[-1],
        f"Autoscalers {names} pull at one and the same {target}: none of them does anything.",
        severity=Severity.WARNING,
        chain=(f"{target} is not scaled", f"{len(items)} autoscalers name it"),
        evidence=(field("status.conditions.ScalingActive", condition(rest[-1], "ScalingActive").get("message")),),
        fixes=(change_fix(f"Keep {ref_of(first).name} with the metrics of all of them.", join, *ends),),
    )


def _blind(snap: Snapshot, item: Object, target: Object | None) -> Iterator[Seen]:
    """What an autoscaler follows and does not get."""
    active = condition(item, "ScalingActive")
    if active.get("status") != "False" or active.get("reason") == "ScalingDisabled":
        return
    message = str(active.get("message", ""))
    if target and (lacking := list(_lacking(item, target))):
        yield _unmeasurable(item, target, lacking, message)
    elif any(text in message for text in _UNSERVED) or not _young(snap, item, target):
        yield _unmeasured(item, target, message)


def _young(snap: Snapshot, item: Object, target: Object | None) -> bool:
    """Whether it, or one of the pods that it measures, may just not have been measured yet."""
    made = [obj["metadata"]["creationTimestamp"] for obj in (item, *(snap.pods_of(target) if target else ()))]
    return snap.seconds_since(max(made)) < _PATIENCE


def _lacking(item: Object, target: Object) -> Iterator[tuple[str, str]]:
    """Containers without a request for what is measured against it, each with that resource."""
    spec = template_of(target).get("spec") or {}
    sidecars = [one for one in spec.get("initContainers") or () if one.get("restartPolicy") == "Always"]
    containers = [*(spec.get("containers") or ()), *sidecars]
    for metric in item["spec"].get("metrics") or ():
        source = metric.get("resource") or metric.get("containerResource") or {}
        if (source.get("target") or {}).get("type") != "Utilization":
            continue
        for container in containers:
            resources, name = container.get("resources") or {}, source["name"]
            asked = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
            if name not in asked and source.get("container") in (None, container["name"]):
                yield container["name"], name


def _unmeasurable(item: Object, target: Object, lacking: Iterable[tuple[str, str]], message: str) -> Seen:
    name, ref = item["metadata"]["name"], ref_of(target)
    told = " and ".join(f"container {container} requests no {resource}" for container, resource in lacking)
    own = {container["name"] for container in template_of(target)["spec"]["containers"]}
    changes = [
        resources_change(target, container, {resource: _FIRST[resource]})
        for container, resource in lacking
        if container in own and resource in _FIRST
    ]
    values = ", ".join(sorted({f"{_FIRST[resource]} {resource}" for _, resource in lacking if resource in _FIRST}))
    fix = Fix(text="Set a request on every container.")
    return seen(
        "SM-HPA-REQUESTS",
        item,
        f"Autoscaler {name} has nothing to measure against: in {ref}, {told}.",
        severity=Severity.WARNING,
        chain=(f"{ref} is not scaled", told),
        evidence=(field("status.conditions.ScalingActive", message),),
        fixes=(change_fix(f"Request {values} for a start, and correct it by what they use.", *changes), fix)
        if changes
        else (fix,),
    )


def _unmeasured(item: Object, target: Object | None, message: str) -> Seen:
    name = item["metadata"]["name"]
    kinds = {metric["type"] for metric in item["spec"].get("metrics") or ()}
    source = "metrics-server" if kinds <= {"Resource", "ContainerResource"} else "the adapter of its metric"
    return seen(
        "SM-HPA-METRICS",
        item,
        f"Autoscaler {name} gets no metrics, so it does nothing.",
        severity=Severity.WARNING,
        chain=(f"autoscaler {name} does nothing", f"{source} does not answer"),
        evidence=(field("status.conditions.ScalingActive", message),),
        symptom_of=(ref_of(target),) if target else (),
        fixes=(Fix(text=f"Check that {source} is installed, runs and answers."),),
    )

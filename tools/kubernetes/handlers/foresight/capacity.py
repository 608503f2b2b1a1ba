"""Sums over requests: what pods need, what quota leaves, what the nodes have room for. Pure functions on dicts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from tools.kubernetes.quantity import parse, show

Pod = Mapping[str, Any]
Amounts = dict[str, Decimal]


# --- what a pod needs ---------------------------------------------------------------------------------------------


def needs(spec: Mapping[str, Any], part: str = "requests") -> Amounts:
    """What the scheduler reserves for a pod: containers with sidecars, or one init container if that is more."""
    running: Counter[str] = Counter()
    peak: Amounts = {}
    for item in spec.get("initContainers") or ():
        own = _amounts(item, part)
        if item.get("restartPolicy") == "Always":
            running.update(own)  # pyright: ignore[reportArgumentType]
            own = {}
        for key in {*own, *running}:
            peak[key] = max(peak.get(key, Decimal(0)), Decimal(running[key]) + own.get(key, Decimal(0)))
    for item in spec.get("containers") or ():
        running.update(_amounts(item, part))  # pyright: ignore[reportArgumentType]
    total = {key: max(Decimal(running[key]), peak.get(key, Decimal(0))) for key in {*running, *peak}}
    for key, value in (spec.get("overhead") or {}).items():
        total[key] = total.get(key, Decimal(0)) + parse(value)
    return total


def _amounts(container: Mapping[str, Any], part: str) -> Amounts:
    resources: Mapping[str, Any] = container.get("resources") or {}
    amounts: Mapping[str, str] = resources.get(part) or {}
    if part == "requests":  # a limit without a request is the request
        amounts = {**(resources.get("limits") or {}), **amounts}
    return {key: parse(value) for key, value in amounts.items()}


# --- what the nodes have ------------------------------------------------------------------------------------------


class Room(NamedTuple):
    """How many more pods the nodes take now.

    fits      number of pods that find a place, up to the number asked for
    ever      whether an empty node would take one
    reasons   for each obstacle the number of nodes that it keeps out
    free      the most that one suitable node has left
    largest   the most that one suitable node has in all
    """

    fits: int
    ever: bool
    reasons: Mapping[str, int]
    free: Amounts
    largest: Amounts


def room(
    nodes: Iterable[Mapping[str, Any]],
    pods: Sequence[Pod],
    pod: Pod,
    count: int,
    taken: Mapping[str, Amounts] | None = None,
) -> Room:
    """Room for `count` pods like `pod` (with metadata and spec) beside the pods that run or wait on nodes.

    `taken` is what `reserved(pods)` said, for whoever asks about many pods.
    """
    spec = pod["spec"]
    need = {**needs(spec), "pods": Decimal(1)}
    taken, lonely = reserved(pods) if taken is None else taken, _shunned(pods, pod)
    alone = _alone(pod)
    fits, ever, reasons = 0, False, Counter[str]()
    free: Amounts = {}
    largest: Amounts = {}
    for node in nodes:
        name = node["metadata"]["name"]
        if obstacle := unsuitable(node, spec):
            reasons[obstacle] += 1
            continue
        has = (node.get("status") or {}).get("allocatable") or {}
        whole = {key: parse(has[key]) for key in need if key in has}
        left = {key: value - taken.get(name, {}).get(key, Decimal(0)) for key, value in whole.items()}
        ever = ever or _times(whole, need) > 0
        here = min(_times(left, need), 0 if name in lonely else 1 if alone else count)
        fits += here
        if here < 1:
            reasons.update({_near_text(alone)} if name in lonely else _short(left, need))
        for best, own in ((free, left), (largest, whole)):
            for key in need:
                best[key] = max(best.get(key, Decimal(0)), own.get(key, Decimal(0)))
    return Room(min(fits, count), ever, reasons, free, largest)


def reserved(pods: Iterable[Pod]) -> dict[str, Amounts]:
    """What pods that have not ended hold of each node."""
    taken: dict[str, Amounts] = {}
    known: dict[tuple[int, ...], Amounts] = {}  # pods of one template may share its parts
    for pod in pods:
        spec, name = pod["spec"], pod["spec"].get("nodeName")
        if not name or (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
            continue
        parts = tuple(id(spec.get(part)) for part in ("containers", "initContainers", "overhead"))
        if parts not in known:
            known[parts] = {**needs(spec), "pods": Decimal(1)}
        sums = taken.setdefault(name, {})
        for key, value in known[parts].items():
            sums[key] = sums.get(key, Decimal(0)) + value
    return taken


def _shunned(pods: Iterable[Pod], pod: Pod) -> set[str]:
    """The nodes with a pod that it must not share them with."""
    apart, home = _apart(pod), (pod.get("metadata") or {}).get("namespace")
    alike: set[str] = set()
    for other in pods if apart else ():
        name = other["spec"].get("nodeName")
        if not name or (other.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
            continue
        theirs = other.get("metadata") or {}
        if home in (None, theirs.get("namespace")) and any(selects(one, theirs.get("labels") or {}) for one in apart):
            alike.add(name)
    return alike


def _alone(pod: Pod) -> bool:
    """Whether the pod refuses to share a node with its own kind (required anti-affinity by host name)."""
    labels = (pod.get("metadata") or {}).get("labels") or {}
    return any(selects(one, labels) for one in _apart(pod))


def _near_text(alike: bool) -> str:
    return "another pod like it is there" if alike else "a pod that it must keep away from is there"


def _apart(pod: Pod) -> list[Mapping[str, Any] | None]:
    """The selectors of the pods of its namespace that it must not share a node with."""
    anti = (pod["spec"].get("affinity") or {}).get("podAntiAffinity") or {}
    return [
        term.get("labelSelector")
        for term in anti.get("requiredDuringSchedulingIgnoredDuringExecution") or ()
        if term.get("topologyKey") == "kubernetes.io/hostname"
    ]


def _times(left: Amounts, need: Amounts) -> int:
    return min((int(left.get(key, Decimal(0)) // value) for key, value in need.items() if value > 0), default=0)


def _short(left: Amounts, need: Amounts) -> list[str]:
    names = {"pods": "the limit of pods is reached", "cpu": "too little CPU left", "memory": "too little memory left"}
    return [
        names.get(key, f"too little {key} left")
        for key, value in need.items()
        if value > 0 and left.get(key, Decimal(0)) < value
    ]


def unsuitable(node: Mapping[str, Any], spec: Mapping[str, Any]) -> str:
    """Why a node never takes such a pod as things are, or an empty string."""
    meta, state = node["metadata"], node.get("spec") or {}
    labels: Mapping[str, str] = meta.get("labels") or {}
    if spec.get("nodeName") and spec["nodeName"] != meta["name"]:
        return "the pod names another node"
    tolerations = spec.get("tolerations") or ()
    taints: list[Mapping[str, Any]] = list(state.get("taints") or ())
    if state.get("unschedulable") and not any(t.get("key") == "node.kubernetes.io/unschedulable" for t in taints):
        taints.append({"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"})
    for taint in taints:
        if taint.get("effect") in ("NoSchedule", "NoExecute") and not any(tolerates(t, taint) for t in tolerations):
            named = {"node.kubernetes.io/unschedulable": "cordoned", "node.kubernetes.io/not-ready": "not ready"}
            return named.get(taint["key"], f"taint {taint['key']}")
    wrong = [f"{key}={value}" for key, value in (spec.get("nodeSelector") or {}).items() if labels.get(key) != value]
    if wrong:
        return f"without the label {wrong[0]}"
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    if required and not any(_term(term, labels, meta["name"]) for term in required.get("nodeSelectorTerms") or ()):
        return "ruled out by the pod's node affinity"
    return ""


def tolerates(toleration: Mapping[str, Any], taint: Mapping[str, Any]) -> bool:
    """Whether a toleration covers a taint."""
    if toleration.get("effect") not in (None, "", taint.get("effect")):
        return False
    if toleration.get("operator") == "Exists":
        return toleration.get("key") in (None, "", taint["key"])
    return toleration.get("key") == taint["key"] and (toleration.get("value") or "") == (taint.get("value") or "")


def _term(term: Mapping[str, Any], labels: Mapping[str, str], name: str) -> bool:
    rules = term.get("matchExpressions") or ()
    fields = term.get("matchFields") or ()
    if not rules and not fields:
        return False
    return all(_matches(rule, labels) for rule in rules) and all(
        _matches(rule, {"metadata.name": name}) for rule in fields
    )


def selects(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Whether a LabelSelector (None selects nothing, an empty one everything) selects these labels."""
    if selector is None:
        return False
    exact = (selector.get("matchLabels") or {}).items()
    rules = selector.get("matchExpressions") or ()
    return all(labels.get(k) == v for k, v in exact) and all(_matches(rule, labels) for rule in rules)


def _matches(rule: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key: str = rule["key"]
    values: list[str] = rule.get("values") or []
    there, value = key in labels, labels.get(key, "")
    match rule["operator"]:
        case "In":
            return there and value in values
        case "NotIn":
            return value not in values if there else True
        case "Exists":
            return there
        case "DoesNotExist":
            return not there
        case "Gt":
            return value.isdigit() and int(value) > int(values[0])
        case "Lt":
            return value.isdigit() and int(value) < int(values[0])
        case _:
            return False


# --- what quota leaves --------------------------------------------------------------------------------------------


class Shortage(NamedTuple):
    """A quota that `count` more pods would exceed; `fits` of them it still allows."""

    quota: str
    resource: str
    each: Decimal
    left: Decimal
    fits: int


def shortages(
    quotas: Iterable[Mapping[str, Any]], spec: Mapping[str, Any], count: int, freed: int = 0
) -> list[Shortage]:
    """Quotas that do not allow `count` more pods like this after `freed` pods of the same size are gone."""
    requests, limits = needs(spec), needs(spec, "limits")
    found: list[Shortage] = []
    for quota in quotas:
        if not _in_scope(quota, requests, limits):
            continue
        status = quota.get("status") or {}
        for resource, hard in (status.get("hard") or {}).items():
            each = _quota_amount(resource, requests, limits)
            if not each:
                continue
            left = parse(hard) - parse((status.get("used") or {}).get(resource, "0")) + each * freed
            if left < each * count:
                fits = max(int(left // each), 0)
                found.append(Shortage(quota["metadata"]["name"], resource, each, max(left, Decimal(0)), fits))
    return found


def counted_in(
    quotas: Iterable[Mapping[str, Any]], planned: Iterable[tuple[Mapping[str, Any], int]]
) -> list[Mapping[str, Any]]:
    """The quotas as they will be with these pods: each a spec, and how many more (or fewer) of them there are."""
    pods = [(needs(spec), needs(spec, "limits"), count) for spec, count in planned]
    found: list[Mapping[str, Any]] = []
    for quota in quotas:
        status = quota.get("status") or {}
        used: dict[str, str] = dict(status.get("used") or {})
        for resource in status.get("hard") or {}:
            more = [
                _quota_amount(resource, requests, limits) * count
                for requests, limits, count in pods
                if _in_scope(quota, requests, limits)
            ]
            if any(more):
                used[resource] = format(max(parse(used.get(resource, "0")) + sum(more), Decimal(0)), "f")
        found.append({**quota, "status": {**status, "used": used}})
    return found


def _quota_amount(resource: str, requests: Amounts, limits: Amounts) -> Decimal:
    if resource in ("pods", "count/pods"):
        return Decimal(1)
    part, _, name = resource.rpartition(".")
    if part == "limits":
        return limits.get(name, Decimal(0))
    return requests.get(name if part == "requests" else resource, Decimal(0))


def _in_scope(quota: Mapping[str, Any], requests: Amounts, limits: Amounts) -> bool:
    spec = quota.get("spec") or {}
    if spec.get("scopeSelector"):
        return False  # priority classes and the like: the dry run of the pod judges those
    effort = bool(requests or limits)
    verdicts = {"BestEffort": not effort, "NotBestEffort": effort, "NotTerminating": True, "Terminating": False}
    return all(verdicts.get(scope, False) for scope in spec.get("scopes") or ())


# --- in words -----------------------------------------------------------------------------------------------------


def shortage_text(short: Shortage, total: int, more: int) -> str:
    """Quota compute leaves 500m CPU (requests.cpu); 3 replicas need 3 × 250m, so 1 of the 2 more pods would start."""
    name = short.resource.rpartition(".")[2] if "." in short.resource else short.resource.removeprefix("count/")
    each = "1 pod" if name == "pods" else show(name, short.each)
    return (
        f"Quota {short.quota} leaves {show(name, short.left)} ({short.resource}), {_replicas(total)} of {each} each "
        f"would need {show(name, short.each * more)} more: {short.fits} of the {more} more pods could start."
    )


def room_text(found: Room, spec: Mapping[str, Any], total: int, more: int) -> str:
    """needs 3 × 2 CPU; the nodes have room for 1 of the 2 more pods (1.2 CPU free); 1 node: too little CPU left."""
    need = needs(spec)
    each = " and ".join(show(key, value) for key, value in sorted(need.items()) if value > 0) or "a place on a node"
    pods = "the 1 more pod" if more == 1 else f"the {more} more pods"
    able = f"{found.fits} of {pods}"
    most = ", ".join(show(key, found.free[key]) for key in sorted(need) if key in found.free and need[key] > 0)
    free = f" (at most {most} free on one node)" if most else ""
    why = "; ".join(f"{n} node{'s' if n > 1 else ''}: {reason}" for reason, n in sorted(found.reasons.items()))
    return f"It needs {total} × {each}; the nodes have room for {able}{free}{'; ' + why if why else ''}."


def _replicas(count: int) -> str:
    return f"{count} replica{'' if count == 1 else 's'}"

"""Two workloads whose selectors take each other's pods.

Example: deployments web and web-canary both select app=web, and so do their pods. Labels that tell them apart in the
selector (track=canary) are enough to be well.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from tools.finding import Severity
from tools.kubernetes.diagnose.again import made_again
from tools.kubernetes.diagnose.rule import Seen, change_fix, field, seen
from tools.kubernetes.diagnose.snapshot import Object, Snapshot
from tools.kubernetes.handlers.foresight.capacity import selects
from tools.kubernetes.workload_changes import ref_of, template_of

IDS = {"SM-SELECTOR-OVERLAP": "two workloads select each other's pods"}
_MARK = "app.kubernetes.io/instance"


def check(snap: Snapshot) -> Iterator[Seen]:
    """Pairs of workloads of one namespace that fight over pods."""
    spaces: dict[str, list[Object]] = defaultdict(list)
    for item in snap.workloads():
        spaces[item["metadata"].get("namespace") or ""].append(item)
    for items in spaces.values():
        by_pair: dict[tuple[str, str], list[Object]] = defaultdict(list)
        for item in items:  # only those that share a pair of labels can clash: no comparing all with all
            for pair in sorted(((item["spec"].get("selector") or {}).get("matchLabels") or {}).items())[:1]:
                by_pair[pair].append(item)
        for same in by_pair.values():
            for number, one in enumerate(same):
                for other in same[number + 1 : number + 20]:
                    if _takes(one, other) and _takes(other, one):
                        yield _finding(*sorted((one, other), key=_age))


def _takes(one: Object, other: Object) -> bool:
    labels = (template_of(other).get("metadata") or {}).get("labels") or {}
    return selects(one["spec"].get("selector"), labels)


def _age(item: Object) -> tuple[str, str]:
    return item["metadata"]["creationTimestamp"], item["metadata"]["name"]


def _finding(one: Object, other: Object) -> Seen:
    """`other` is the younger one: it is the one to be told apart."""
    ref, told = ref_of(other), (one["spec"].get("selector") or {}).get("matchLabels")
    mark = {_MARK: other["metadata"]["name"]}
    selector, template = other["spec"].get("selector") or {}, other["spec"]["template"]
    labels = {**((template.get("metadata") or {}).get("labels") or {}), **mark}
    spec = {
        "selector": {**selector, "matchLabels": {**(selector.get("matchLabels") or {}), **mark}},
        "template": {**template, "metadata": {**(template.get("metadata") or {}), "labels": labels}},
    }
    changes = made_again(other, spec, f"with the label {_MARK} in its selector")
    return seen(
        "SM-SELECTOR-OVERLAP",
        other,
        f"{ref_of(one)} and {ref_of(other)} select each other's pods.",
        severity=Severity.WARNING,
        chain=("autoscalers, budgets and services count the pods of both", "their selectors are not told apart"),
        evidence=(field("spec.selector of both", told),),
        fixes=(
            change_fix(
                f"Make {ref} again with a selector of its own, since selectors cannot be changed; its pods are "
                "gone for that moment.",
                *changes,
            ),
        ),
    )

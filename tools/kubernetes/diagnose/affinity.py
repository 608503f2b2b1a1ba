"""What a pod demands of its node's labels, in words, and the demand that was probably meant. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any, NamedTuple

from tools.kubernetes.diagnose.rule import near

Object = Mapping[str, Any]


class Corrected(NamedTuple):
    """The patch of the pod's spec, and what it corrects: "Linux to linux"."""

    body: dict[str, Any]
    told: str


def affinity_text(spec: Object) -> str:
    """The required node affinity of a pod, as one line."""
    return terms_text(_required(spec))


def terms_text(selector: Object) -> str:
    """A node selector with terms: "zone in eu-1, eu-2 or disk exists"."""
    terms = [
        " and ".join(
            f"{rule['key']} {rule['operator']} {', '.join(rule.get('values') or ())}".strip() for rule in rules
        )
        for term in selector.get("nodeSelectorTerms") or ()
        if (rules := [*(term.get("matchExpressions") or ()), *(term.get("matchFields") or ())])
    ]
    return " or ".join(terms)


def corrected(spec: Object, nodes: Iterable[Object]) -> Corrected | None:
    """The affinity with one value replaced by that of a node's label that differs in a letter or in its case."""
    labels = [node["metadata"].get("labels") or {} for node in nodes]
    terms: list[dict[str, Any]] = deepcopy(list(_required(spec).get("nodeSelectorTerms") or ()))
    for term in terms:
        for rule in term.get("matchExpressions") or ():
            known = {own[rule["key"]] for own in labels if rule["key"] in own}
            if rule["operator"] != "In" or known & set(rule["values"]):
                continue
            wrong = rule["values"][0]
            right = next((value for value in known if value.lower() == wrong.lower()), "") or near(wrong, known)
            if len(rule["values"]) == 1 and right:
                rule["values"] = [right]
                required = {"nodeSelectorTerms": terms}
                body = {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}}
                return Corrected(body, f"{rule['key']}={wrong} to {right}")
    return None


def _required(spec: Object) -> Object:
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    return affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}

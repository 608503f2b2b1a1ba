"""Questions about one fact, a number, or a choice of objects, as arguments of the read tools."""

from __future__ import annotations

import re
from typing import Any

from agent.minds.planner.meaning import Question, Step, Unknown
from agent.minds.planner.reading.clause import Clause
from agent.minds.planner.reading.facts import WORKLOADS
from agent.minds.planner.reading.names import Spoken, Target
from agent.minds.planner.reading.subjects import Built, place, where

_USABLE = ("configmap", "secret", "persistentvolumeclaim", "serviceaccount", "service")
_ASPECTS = (
    ("timetable", "schedule"), ("contents", "data"), ("age", "age"), ("probes", "probes"), ("volumes", "volumes"),
    ("env", "environment"), ("labels", "labels"), ("port", "port"), ("hosts", "host"), ("address", "address"),
    ("owner", "owner"), ("image", "image"), ("version", "image"), ("resources", "resources"),
)  # fmt: skip
_COMPARED = (
    r"(more than|over|above|at least|fewer than|less than|below|under|exactly|>=|<=|>|<)\s*(\d+|once|twice|one|no)"
)
_SIGNS = {"more than": ">", "over": ">", "above": ">", "at least": ">=", "exactly": "="}
_STATES = ("pending", "completed", "evicted", "terminating", "imagepullbackoff", "crashloopbackoff", "oomkilled")


def about(clause: Clause) -> str:
    """The one aspect of an object that is asked for, or nothing."""
    if clause.says("describe", "manifest"):
        return ""
    return next((aspect for concept, aspect in _ASPECTS if clause.says(concept)), "")


def condition(clause: Clause, kind: str) -> str:
    """What the rows of a list are chosen by, as `list_objects` takes it; nothing when no choice is stated."""
    low = clause.text.lower()
    compared = re.search(rf"{_COMPARED}\s*(\w*)", low)
    if compared and re.match(r"replica|instance|cop(?:y|ies)", compared[3]):
        return f"replicas{_sign(compared[1])}{_number(compared[2])}"
    if re.search(r"\brestart(?:s|ed|ing)?\b", low) and kind == "pod":
        return f"restarts{_sign(compared[1])}{_number(compared[2])}" if compared else "restarts>0"
    if age := re.search(r"\b(older|younger|newer) than (?:an? )?(\d+)?\s*([smhdw])\w*", low):
        unit = age[3] if age[3] != "w" else "d"
        count = int(age[2] or 1) * (7 if age[3] == "w" else 1)
        return f"age{'>' if age[1] == 'older' else '<'}{count}{unit}"
    if re.search(r"\b(?:not (?:yet )?ready|unready|un-ready)\b", low):
        return "not ready"
    if re.search(r"\bready\b", low):
        return "not ready" if re.match(r"\W*(?:are|is)\b", low) else "ready"
    if kind == "pod" and (state := next((state for state in _STATES if re.search(rf"\b{state}\b", low)), "")):
        return f"status={state}"
    if kind == "pod" and re.search(r"\bnot running\b", low):
        return "status!=Running,status!=Completed"
    if kind == "pod" and clause.says("count") and re.search(r"\brunning\b", low):
        return "status=Running"
    return ""


def _sign(words: str) -> str:
    return _SIGNS.get(words, words if words[0] in "<>" else "<")


def _number(word: str) -> int:
    return {"once": 1, "twice": 2, "one": 1, "no": 0}.get(word) or (int(word) if word.isdigit() else 0)


def pods_of(target: Target) -> bool:
    """Whether *pods* and a name mean the pods of a workload."""
    return target.known and target.kind in ("", "service", "job", *WORKLOADS)


def users(clause: Clause, spoken: Spoken) -> Built:
    """ "who uses config map app-config?" """
    kind = next((word.kind for word in reversed(clause.kinds) if word.kind in _USABLE), "")
    for target in spoken.targets:
        found = target.kind if target.kind in _USABLE else kind or _kind_of(target.name, spoken)
        if found:
            arguments: dict[str, Any] = {"kind": found, "name": target.name, **place(spoken)}
            return [Step("users", arguments, f"find out who uses {found} {target.name}{where(arguments)}")]
    if clause.parts.images:
        return running_images(clause, spoken)
    if not spoken.targets and kind:
        names = spoken.facts.names(kind, spoken.namespace or None)
        step = Step("users", {"kind": kind, "name": "", **place(spoken)}, f"find out who uses {kind}")
        return Question(f"Which {kind}?", names[:20], slot="name", steps=(step,))
    return Unknown("I can tell who uses a config map, secret, volume claim, service account or service. Name one.")


def _kind_of(name: str, spoken: Spoken) -> str:
    return next((kind for kind in _USABLE if name in spoken.facts.names(kind, spoken.namespace or None)), "")


def running_images(clause: Clause, spoken: Spoken) -> Built:
    """ "which images run here?", "who runs nginx:1.27?" """
    name = clause.parts.images[0] if clause.parts.images else next((t.name for t in spoken.targets if not t.app), "")
    scope = {"all_namespaces": True} if clause.parts.all_namespaces or clause.says("cluster") else place(spoken)
    if not scope and spoken.facts.home:
        scope = {"namespace": spoken.facts.home}
    arguments = {**({"name": name} if name else {}), **scope}
    return [Step("running_images", arguments, f"list the images that run{where(arguments)}")]


def rights(clause: Clause, spoken: Spoken) -> Built:
    """ "can I delete pods here?" """
    verbs = {
        "delete": "delete",
        "create": "create",
        "show": "list",
        "deploy": "create",
        "scale": "patch",
        "set": "patch",
    }
    verbs |= {"restart": "patch", "upgrade": "patch", "cordon": "patch", "apply": "patch"}
    verb = next((verbs[sense.concept] for word in clause.words for sense in word.senses if sense.concept in verbs), "")
    kind = next((word.kind for word in clause.kinds if word.kind != "namespace"), "") or "namespace"
    if not verb or not clause.kinds:
        return Unknown("I can tell whether you may list, create, change or delete objects of a kind. Name both.")
    arguments: dict[str, Any] = {"verb": verb, "kind": kind, **place(spoken)}
    return [Step("can_i", arguments, f"find out whether you may {verb} {kind} objects{where(arguments)}")]


def whereabouts(clause: Clause, spoken: Spoken) -> Built:
    """ "which namespace am I in?" """
    return [Step("cluster_info", {}, "show which cluster, namespace and user this is")]


def placement(clause: Clause, spoken: Spoken) -> Built:
    """ "where does api run?" """
    named = [target for target in spoken.targets if pods_of(target)]
    if not named:
        return Unknown("I can tell on which nodes the pods of a workload run. Name the workload.")
    steps: list[Step] = []
    for target in named:
        running = spoken.facts.running(target.name) if target.component and not place(spoken) else None
        own = {"namespace": running.namespace} if running else place(spoken)
        arguments = {"kind": "pod", "of": running.name if running else target.name, "wide": True, **own}
        steps.append(Step("list_objects", arguments, f"show where {target.said} runs{where(arguments)}"))
    return steps

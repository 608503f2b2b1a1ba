"""What clauses that ask to see something share: where they look, whom they name, one object as arguments."""

from __future__ import annotations

from typing import Any

from agent.minds.planner.meaning import Question, Step
from agent.minds.planner.reading.clause import Clause
from agent.minds.planner.reading.facts import WORKLOADS
from agent.minds.planner.reading.names import Spoken, Target, together
from agent.minds.planner.reading.subjects import Built, place, remembered, where


def scope_of(clause: Clause, spoken: Spoken) -> dict[str, Any]:
    if clause.parts.all_namespaces:
        return {"all_namespaces": True}
    return place(spoken) or ({"namespace": spoken.facts.home} if spoken.facts.home else {})


def itself(target: Target, spoken: Spoken) -> dict[str, Any]:
    """Kind, name and namespace of what runs a component, for tools that take an object's own name; else its name."""
    found = spoken.facts.running(target.name) if target.component and not place(spoken) else None
    if not found:
        return {"name": target.name, **({"kind": target.kind} if target.kind else {}), **place(spoken)}
    return {"name": found.name, "kind": target.kind or found.kind, "namespace": found.namespace}


def whom(clause: Clause, spoken: Spoken) -> list[Target]:
    """What is named, else what a pronoun points back to."""
    named = [target for target in spoken.targets if not target.app]
    known = [target for target in named if target.known]
    if known and not together(clause, named):  # "show the password in db-secret"
        return known
    return named or (
        remembered(spoken)
        if clause.pronoun or (not spoken.targets and not clause.kinds and clause.memory.subject)
        else []
    )


def one_target(target: Target, spoken: Spoken) -> dict[str, Any]:
    arguments: dict[str, Any] = {"name": target.name}
    if target.kind and (target.kind != "service" or not target.component):
        arguments["kind"] = target.kind
    own = place(spoken)
    if not own and not spoken.targets and spoken.clause.memory.subject.get("namespace"):
        own = {"namespace": spoken.clause.memory.subject["namespace"]}
    return {**arguments, **own}


def plural(kind: str) -> str:
    """pods, ingresses, networkpolicies."""
    if kind.endswith("s"):
        return kind + "es" if not kind.endswith("endpoints") else kind
    return f"{kind[:-1]}ies" if kind.endswith("y") and kind[-2:] != "ay" else f"{kind}s"


def kind_said(clause: Clause, *, without: tuple[str, ...] = ()) -> str:
    return next((word.kind for word in clause.kinds if word.kind not in without), "")


def each_object(clause: Clause, spoken: Spoken, tool: str, verb: str, about: str = "") -> Built:
    kind = kind_said(clause)
    steps: list[Step] = []
    for target in whom(clause, spoken):
        arguments = itself(target, spoken)
        said = arguments["kind"] = target.kind or kind or arguments.get("kind") or _own_kind(target, spoken)
        if about in ("address", "host") and said in WORKLOADS and target.name in spoken.facts.names("service"):
            said = arguments["kind"] = "service"
        whole = f"{verb} {said} {arguments['name']}{where(arguments)}"
        if about:
            arguments["about"] = about
            whole = f"show the {about} of {said} {arguments['name']}{where(arguments)}"
        steps.append(Step(tool, arguments, whole))
    if steps:
        return steps
    if not kind:
        return Question(
            "Of what? Say a kind and a name, for instance deployment backend.",
            slot="name",
            steps=(Step(tool, {"kind": "deployment", "name": ""}, verb),),
        )
    names = spoken.facts.names(kind, spoken.namespace or None)
    return Question(
        f"Which {kind}?",
        names[:20],
        slot="name",
        steps=(Step(tool, {"kind": kind, "name": "", **place(spoken)}, f"{verb} {kind}"),),
    )


def _own_kind(target: Target, spoken: Spoken) -> str:
    namespace = spoken.namespace or None
    if target.component:
        return "statefulset" if target.name in spoken.facts.names("statefulset", namespace) else "deployment"
    for kind in (
        "deployment",
        "statefulset",
        "daemonset",
        "pod",
        "service",
        "configmap",
        "job",
        "cronjob",
        "ingress",
        "node",
    ):
        if target.name in spoken.facts.names(kind, namespace):
            return kind
    return "deployment"

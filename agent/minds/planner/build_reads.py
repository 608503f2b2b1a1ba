"""Clauses that ask to see something as arguments of the read tools."""

from __future__ import annotations

import re
from typing import Any

from agent.minds.planner.clause import Clause
from agent.minds.planner.lexicon import lexicon
from agent.minds.planner.meaning import Question, Step, Unknown
from agent.minds.planner.names import Spoken, Target
from agent.minds.planner.says import say
from agent.minds.planner.subjects import Built, place, remembered, subjects, where


def _scope(clause: Clause, spoken: Spoken) -> dict[str, Any]:
    if clause.parts.all_namespaces:
        return {"all_namespaces": True}
    return place(spoken) or ({"namespace": spoken.facts.home} if spoken.facts.home else {})


def _itself(target: Target, spoken: Spoken) -> dict[str, Any]:
    """Kind, name and namespace of what runs a component, for tools that take an object's own name; else its name."""
    found = spoken.facts.running(target.name) if target.component and not place(spoken) else None
    if not found:
        return {"name": target.name, **({"kind": target.kind} if target.kind else {}), **place(spoken)}
    return {"name": found.name, "kind": target.kind or found.kind, "namespace": found.namespace}


def _named(clause: Clause, spoken: Spoken) -> list[Target]:
    """What is named, else what a pronoun points back to."""
    named = [target for target in spoken.targets if not target.app]
    return named or (
        remembered(spoken)
        if clause.pronoun or (not spoken.targets and not clause.kinds and clause.memory.subject)
        else []
    )


def _one(target: Target, spoken: Spoken) -> dict[str, Any]:
    arguments: dict[str, Any] = {"name": target.name}
    if target.kind and (target.kind != "service" or not target.component):
        arguments["kind"] = target.kind
    own = place(spoken)
    if not own and not spoken.targets and spoken.clause.memory.subject.get("namespace"):
        own = {"namespace": spoken.clause.memory.subject["namespace"]}
    return {**arguments, **own}


def _each(clause: Clause, spoken: Spoken, tool: str, verb: str, extra: dict[str, Any] | None = None) -> list[Step]:
    steps: list[Step] = []
    for target in _named(clause, spoken):
        arguments = {**_one(target, spoken), **(extra or {})}
        steps.append(Step(tool, arguments, f"{verb} {target.said}{where(arguments)}"))
    return steps


def plural(kind: str) -> str:
    """pods, ingresses, networkpolicies."""
    if kind.endswith("s"):
        return kind + "es" if not kind.endswith("endpoints") else kind
    return f"{kind[:-1]}ies" if kind.endswith("y") and kind[-2:] != "ay" else f"{kind}s"


def _kind(clause: Clause, *, without: tuple[str, ...] = ()) -> str:
    return next((word.kind for word in clause.kinds if word.kind not in without), "")


def logs(clause: Clause, spoken: Spoken) -> Built:
    parts = clause.parts
    extra: dict[str, Any] = {}
    if parts.container:
        extra["container"] = parts.container
    if clause.says("previous") or re.search(r"\bbefore (?:it|the|they) (?:crash|restart|die)", clause.text.lower()):
        extra["previous"] = True
    if parts.since:
        extra["since"] = parts.since
    if parts.tail is not None:
        extra["tail"] = parts.tail
    if parts.grep:
        extra["grep"] = parts.grep
    elif clause.says("errors") or re.search(r"\berrors?\b", clause.text.lower()):
        extra["grep"] = "error"
    elif parts.quoted and spoken.targets:
        extra["grep"] = parts.quoted[0]
        spoken.__dict__["targets"] = tuple(t for t in spoken.targets if t.name != parts.quoted[0]) or spoken.targets
    found = _each(clause, spoken, "logs", "show the logs of", extra)
    if found:
        return found
    if parts.container:  # "the backend container": with nothing else named, the workload is meant
        extra.pop("container")
        return [
            Step("logs", {"name": parts.container, **extra, **place(spoken)}, f"show the logs of {parts.container}")
        ]
    if any(target.app for target in spoken.targets) or clause.says("whole"):
        return [
            Step("logs", {"name": name, **extra, **place(spoken)}, f"show the logs of {name}")
            for name in spoken.facts.components
        ]
    step = Step("logs", {"name": "", **extra, **place(spoken)}, "show the logs of")
    return Question("Whose logs?", spoken.facts.components, slot="name", steps=(step,))


def events(clause: Clause, spoken: Spoken) -> Built:
    extra: dict[str, Any] = {}
    if clause.says("warnings"):
        extra["warnings_only"] = True
    if clause.parts.since:
        extra["since"] = clause.parts.since
    if named := _named(clause, spoken):
        found = [{**_itself(target, spoken), **extra} for target in named]
        return [Step("events", one, f"show the events of {one['name']}{where(one)}") for one in found]
    arguments = {**_scope(clause, spoken), **extra}
    return [Step("events", arguments, f"show the events{where(arguments)}")]


def top(clause: Clause, spoken: Spoken) -> Built:
    low = clause.text.lower()
    sort = "memory" if re.search(r"\b(?:memory|ram|mem)\b", low) else "cpu" if "cpu" in low else ""
    what = "nodes" if any(word.kind == "node" for word in clause.kinds) else "pods"
    extra: dict[str, Any] = {"what": what, **({"sort_by": sort} if sort else {})}
    named = _named(clause, spoken)
    if named:
        found = [{**extra, **_itself(target, spoken)} for target in named]
        for one in found:
            one.pop("kind", None)
        return [Step("top", one, f"show what {one['name']} uses{where(one)}") for one in found]
    arguments = {**extra, **({} if what == "nodes" else _scope(clause, spoken))}
    return [Step("top", arguments, f"show what {what} use{where(arguments)}")]


def rollout(clause: Clause, spoken: Spoken) -> Built:
    return _workloads(clause, spoken, "rollout_status", "show the rollout of")


def history(clause: Clause, spoken: Spoken) -> Built:
    if clause.says("release", "releases") or any(target.app for target in spoken.targets):
        return _release_step(clause, spoken, "release_history", "show the history of the release")
    return _workloads(clause, spoken, "rollout_history", "show the revisions of")


def _workloads(clause: Clause, spoken: Spoken, tool: str, verb: str) -> Built:
    if found := _each(clause, spoken, tool, verb):
        return [step.having(kind=None) if step.arguments.get("kind") in ("pod", "service") else step for step in found]
    if clause.says("whole") or any(target.app for target in spoken.targets):
        return [Step(tool, {"name": name, **place(spoken)}, f"{verb} {name}") for name in spoken.facts.components]
    return Question(
        "Of which workload?",
        spoken.facts.components,
        slot="name",
        steps=(Step(tool, {"name": "", **place(spoken)}, verb),),
    )


def values(clause: Clause, spoken: Spoken) -> Built:
    return _release_step(clause, spoken, "release_values", "show the values of the release")


def releases(clause: Clause, spoken: Spoken) -> Built:
    plural = clause.says("releases") or not spoken.targets
    if plural and not (clause.says("status") and spoken.facts.release and not clause.says("releases")):
        arguments = _scope(clause, spoken)
        return [Step("list_releases", arguments, f"list the releases{where(arguments)}")]
    return _release_step(clause, spoken, "release_status", "show the release")


def _release_step(clause: Clause, spoken: Spoken, tool: str, verb: str) -> Built:
    own = [target for target in spoken.targets if not target.component and not target.app]
    release = (
        own[0].name
        if own
        else str(clause.memory.subject.get("release", ""))
        or spoken.facts.release
        or (spoken.targets[0].name if spoken.targets else "")
    )
    if not release:
        return Question(
            "Which release?",
            spoken.facts.releases(),
            slot="release",
            steps=(Step(tool, {"release": "", **place(spoken)}, verb),),
        )
    arguments = {"release": release, **place(spoken)}
    return [Step(tool, arguments, f"{verb} {release}{where(arguments)}")]


def why(clause: Clause, spoken: Spoken) -> Built:
    return diagnose(clause, spoken)


def diagnose(clause: Clause, spoken: Spoken) -> Built:
    kinds = [word.kind for word in clause.kinds if word.kind not in ("namespace", "node")]
    workloads = lexicon().groups["workloads"]
    named = (
        [target for target in subjects(spoken) if not target.app]
        if spoken.targets or clause.pronoun or not kinds
        else []
    )
    if not spoken.targets and not clause.pronoun and clause.says("whole", "cluster"):
        named = []
    if not named and kinds and not set(kinds) & workloads:
        return listing(clause, spoken)
    steps = [
        Step("diagnose", arguments := _one(t, spoken), f"find out what is wrong with {t.said}{where(arguments)}")
        for t in named
    ]
    if steps and not (any(target.app for target in spoken.targets) or clause.says("whole")):
        return list(steps)
    arguments = place(spoken)
    return [Step("diagnose", arguments, f"find out what is wrong{where(arguments) or ' here'}")]


def count_replicas(clause: Clause, spoken: Spoken) -> Built:
    named = _named(clause, spoken)
    if named:
        return _each(clause, spoken, "rollout_status", "show the replicas of")
    return status(clause, spoken)


def manifest(clause: Clause, spoken: Spoken) -> Built:
    return _objects(clause, spoken, "get_object", "show the definition of")


def describe(clause: Clause, spoken: Spoken) -> Built:
    if not _named(clause, spoken):
        return listing(clause, spoken) if clause.kinds else status(clause, spoken)
    return _objects(clause, spoken, "describe", "describe")


def _objects(clause: Clause, spoken: Spoken, tool: str, verb: str) -> Built:
    kind = _kind(clause)
    steps: list[Step] = []
    for target in _named(clause, spoken):
        arguments = _itself(target, spoken)
        said = arguments["kind"] = target.kind or kind or arguments.get("kind") or _own_kind(target, spoken)
        steps.append(Step(tool, arguments, f"{verb} {said} {arguments['name']}{where(arguments)}"))
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


def components(clause: Clause, spoken: Spoken) -> Built:
    return [Step("list_components", {}, "list the components of the workspace")]


def images(clause: Clause, spoken: Spoken) -> Built:
    if spoken.targets and not clause.says("images"):
        return describe(clause, spoken)
    arguments = {"name": spoken.targets[0].name} if spoken.targets and not spoken.targets[0].app else {}
    return [Step("list_images", arguments, "list the images of the Docker engine")]


def context(clause: Clause, spoken: Spoken) -> Built:
    named = [target.name for target in spoken.targets if target.component]
    if clause.parts.charts:
        return [Step("build_context", {"path": clause.parts.charts[0]}, "show the build context")]
    if not named:
        return Question(
            "Of which component?",
            spoken.facts.buildable,
            slot="component",
            steps=(Step("build_context", {}, "show the build context of"),),
        )
    return [Step("build_context", {"component": name}, f"show the build context of {name}") for name in named]


def kinds(clause: Clause, spoken: Spoken) -> Built:
    return [Step("list_kinds", {}, "list the kinds of objects that the cluster knows")]


def status(clause: Clause, spoken: Spoken) -> Built:
    named = _named(clause, spoken) if spoken.targets or clause.pronoun else []
    plain = [
        target for target in named if target.kind in ("", "service") or target.kind in lexicon().groups["workloads"]
    ]
    if plain:
        found = _each(clause, spoken, "rollout_status", "show how it is with")
        return [step.having(kind=None) if step.arguments.get("kind") == "service" else step for step in found]
    if named:
        return _objects(clause, spoken, "describe", "describe")
    if _kind(clause, without=("namespace",)) and not any(target.app for target in spoken.targets):
        return listing(clause, spoken)
    arguments = _scope(clause, spoken)
    if clause.says("cluster") and not arguments:
        arguments = {"all_namespaces": True}
    return [Step("status", arguments, f"show how things are{where(arguments)}")]


_RULE = re.compile(
    r"\b(?:without|whose|more than|less than|fewer than|at least|(?:with|have|has|having) no|not using|older than"
    r"|younger than)\b [\w ]*",
    re.IGNORECASE,
)
_SORTS = {"oldest": "-age", "newest": "age", "creation": "age", "created": "age"}


def listing(clause: Clause, spoken: Spoken) -> Built:
    steps: list[Step] = []
    if rule := _RULE.search(clause.text):
        return Unknown(say("no-rule", rule=rule[0].strip()))
    found = list(dict.fromkeys(word.kind for word in clause.kinds))
    if len(found) > 1 and "namespace" in found:
        found.remove("namespace")
    for kind in found:
        named = [target for target in spoken.targets if not target.app and target.kind in ("", kind)]
        arguments: dict[str, Any] = {"kind": kind, **_scope(clause, spoken)}
        if kind in lexicon().groups["cluster-wide"]:
            arguments.pop("namespace", None)
        if clause.parts.selector:
            arguments["selector"] = clause.parts.selector
        elif clause.parts.pairs:
            arguments["selector"] = ",".join(f"{key}={value}" for key, value in clause.parts.pairs)
        if clause.parts.sort:
            arguments["sort_by"] = _SORTS.get(clause.parts.sort, clause.parts.sort)
        elif age := re.search(
            r"\b(oldest|newest|youngest|latest)\b(?: \w+)? ?first|\b(oldest|newest)\b", clause.text.lower()
        ):
            arguments["sort_by"] = "-age" if "oldest" in age[0] else "age"
        if kind == "pod" and len(named) == 1 and ("on", named[0].name) in clause.parts.places:
            return [Step("describe", {"kind": "node", "name": named[0].name}, f"describe node {named[0].name}")]
        if len(named) == 1:
            own = {key: value for key, value in _itself(named[0], spoken).items() if key != "kind"}
            arguments |= own if kind not in lexicon().groups["cluster-wide"] else {"name": named[0].name}
        said = f"list {plural(kind)}" + (f" of {arguments['name']}" if len(named) == 1 else "")
        steps.append(Step("list_objects", arguments, f"{said}{where(arguments)}"))
    return steps or Unknown("Say what to list, for instance: list pods, or list services in kube-system.")


def look(clause: Clause, spoken: Spoken) -> Built:
    """ "show backend": how a component is; anything else is described."""
    named = _named(clause, spoken)
    if any(target.app for target in spoken.targets) or not named:
        return status(clause, spoken)
    if all(target.component or not target.kind for target in named):
        return _each(clause, spoken, "rollout_status", "show how it is with")
    return _objects(clause, spoken, "describe", "describe")

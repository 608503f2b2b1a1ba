"""Clauses that ask to see something as arguments of the read tools."""

from __future__ import annotations

import re
from typing import Any

from agent.minds.planner.calls import questions
from agent.minds.planner.calls.lists import listing
from agent.minds.planner.calls.looking import each_object, itself, kind_said, one_target, scope_of, whom
from agent.minds.planner.meaning import Question, Step
from agent.minds.planner.reading.clause import Clause
from agent.minds.planner.reading.facts import WORKLOADS
from agent.minds.planner.reading.lexicon import lexicon
from agent.minds.planner.reading.names import Spoken
from agent.minds.planner.reading.subjects import Built, is_release, place, subjects, where
from agent.minds.planner.talk.wording import worded

_TROUBLE = "error|exception|fatal|panic|traceback|failed"


def _each(clause: Clause, spoken: Spoken, tool: str, verb: str, extra: dict[str, Any] | None = None) -> list[Step]:
    steps: list[Step] = []
    for target in whom(clause, spoken):
        arguments = {**one_target(target, spoken), **(extra or {})}
        steps.append(Step(tool, arguments, f"{verb} {target.said}{where(arguments)}"))
    return steps


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
        extra["grep"] = _TROUBLE if clause.says("errors") and not clause.says("logs") else "error"
    elif parts.quoted and spoken.targets:
        extra["grep"] = parts.quoted[0]
        spoken.__dict__["targets"] = tuple(t for t in spoken.targets if t.name != parts.quoted[0]) or spoken.targets
    _container_among_names(spoken, extra)
    if "container" not in extra and spoken.targets and re.search(r"\bside-?car\b", clause.text.lower()):
        extra["container"] = "sidecar"
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


def _container_among_names(spoken: Spoken, extra: dict[str, Any]) -> None:
    """ "logs of api from the sidecar": of two names the one that is no workload is the container."""
    known = tuple(target for target in spoken.targets if target.known)
    other = [target for target in spoken.targets if not target.known]
    if known and len(other) == 1 and "container" not in extra:
        extra["container"] = other[0].name
        spoken.__dict__["targets"] = known


def events(clause: Clause, spoken: Spoken) -> Built:
    extra: dict[str, Any] = {}
    if clause.says("warnings"):
        extra["warnings_only"] = True
    if clause.parts.since:
        extra["since"] = clause.parts.since
    if named := whom(clause, spoken):
        found = [{**itself(target, spoken), **extra} for target in named]
        return [Step("events", one, f"show the events of {one['name']}{where(one)}") for one in found]
    arguments = {**scope_of(clause, spoken), **extra}
    return [Step("events", arguments, f"show the events{where(arguments)}")]


def top(clause: Clause, spoken: Spoken) -> Built:
    low = clause.text.lower()
    if re.search(r"\b(?:limits?|requests?|reserved|allowed)\b", low) and not clause.says("usage") and spoken.targets:
        return each_object(clause, spoken, "describe", "show the resources of", "resources")
    sort = "memory" if re.search(r"\b(?:memory|ram|mem)\b", low) else "cpu" if "cpu" in low else ""
    what = "nodes" if any(word.kind == "node" for word in clause.kinds) else "pods"
    extra: dict[str, Any] = {"what": what, **({"sort_by": sort} if sort else {})}
    named = whom(clause, spoken)
    if named:
        found = [{**extra, **itself(target, spoken)} for target in named]
        for one in found:
            one.pop("kind", None)
        return [Step("top", one, f"show what {one['name']} uses{where(one)}") for one in found]
    arguments = {**extra, **({} if what == "nodes" else scope_of(clause, spoken))}
    return [Step("top", arguments, f"show what {what} use{where(arguments)}")]


def rollout(clause: Clause, spoken: Spoken) -> Built:
    return _workloads(clause, spoken, "rollout_status", "show the rollout of")


_CHANGED = re.compile(r"\b(?:chang(?:e|es|ed|ing)|different|new|happened)\b")


def history(clause: Clause, spoken: Spoken) -> Built:
    named = [target for target in spoken.targets if not target.app]
    if clause.parts.since or (_CHANGED.search(clause.text.lower()) and not named):
        return _lately(clause, spoken)
    release = any(target.app or is_release(target, spoken) for target in spoken.targets)
    if clause.says("release", "releases") or release:
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


def _lately(clause: Clause, spoken: Spoken, tool: str = "what_changed") -> list[Step]:
    """ "what changed since yesterday?": rollouts, releases, objects and restarts, by time."""
    lately = {"since": clause.parts.since} if clause.parts.since else {}
    named = [target for target in whom(clause, spoken) if not target.app] if spoken.targets or clause.pronoun else []
    found = [{**itself(target, spoken), **lately} for target in named] or [{**scope_of(clause, spoken), **lately}]
    for one in found:
        one.pop("kind", None)
    return [Step(tool, one, worded(tool, one)) for one in found]


def restarts(clause: Clause, spoken: Spoken) -> Built:
    """ "who restarted?": containers that were started again, when and why."""
    return [*_lately(clause, spoken, "restarted")]


def values(clause: Clause, spoken: Spoken) -> Built:
    setting = re.search(r"\bwhere (?:does |do |is |are )?(?:the |its |their )?([\w.-]+)", clause.text.lower())
    if not clause.says("origin") or not setting:
        built = _release_step(clause, spoken, "release_values", "show the values of the release")
        every = re.search(r"\b(?:defaults?|all (?:the )?(?:\w+ )?values|computed)\b", clause.text.lower())
        return [step.having(all=True) for step in built] if every and isinstance(built, list) else built
    spoken.__dict__["targets"] = tuple(target for target in spoken.targets if target.name != setting[1])
    built = _release_step(clause, spoken, "release_values", f"show where {setting[1]} comes from in the release")
    return [step.having(setting=setting[1]) for step in built] if isinstance(built, list) else built


def releases(clause: Clause, spoken: Spoken) -> Built:
    if any(is_release(target, spoken) for target in spoken.targets):
        return _release_step(clause, spoken, "release_status", "show the release")
    plural = clause.says("releases") or not spoken.targets
    if plural and not (clause.says("status") and spoken.facts.release and not clause.says("releases")):
        arguments = scope_of(clause, spoken)
        return [Step("list_releases", arguments, f"list the releases{where(arguments)}")]
    return _release_step(clause, spoken, "release_status", "show the release")


def _release_step(clause: Clause, spoken: Spoken, tool: str, verb: str) -> Built:
    own = [target for target in spoken.targets if not target.component and not target.app]
    own = [target for target in own if target.name in spoken.facts.releases()] or own
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
    if not named and kinds and (not set(kinds) & workloads or _chosen(clause, kinds[0])):
        return listing(clause, spoken)
    if any(is_release(target, spoken) for target in named):
        looked = releases(clause, spoken)
        rest = Step("diagnose", place(spoken), f"find out what is wrong{where(place(spoken)) or ' here'}")
        return [*looked, rest] if isinstance(looked, list) else looked
    steps = [
        Step("diagnose", arguments := one_target(t, spoken), f"find out what is wrong with {t.said}{where(arguments)}")
        for t in named
    ]
    if steps and not (any(target.app for target in spoken.targets) or clause.says("whole")):
        return list(steps)
    arguments = place(spoken)
    return [Step("diagnose", arguments, f"find out what is wrong{where(arguments) or ' here'}")]


def count_replicas(clause: Clause, spoken: Spoken) -> Built:
    named = whom(clause, spoken)
    if named:
        return _each(clause, spoken, "rollout_status", "show the replicas of")
    return status(clause, spoken)


def manifest(clause: Clause, spoken: Spoken) -> Built:
    if any(is_release(target, spoken) for target in spoken.targets):
        return releases(clause, spoken)
    return each_object(clause, spoken, "get_object", "show the definition of")


def _chosen(clause: Clause, kind: str) -> bool:
    """Whether a list of those in one state is asked for, and not what is the matter with them."""
    asked = clause.says("count", "which") or clause.text.lower().startswith(("are ", "list ", "show "))
    return asked and not clause.says("why") and bool(questions.condition(clause, kind))


def describe(clause: Clause, spoken: Spoken) -> Built:
    if not whom(clause, spoken):
        if clause.mood == "do" and clause.says("describe") and not (clause.kinds or _whole(clause, spoken)):
            return each_object(clause, spoken, "describe", "describe")
        return listing(clause, spoken) if clause.kinds else status(clause, spoken)
    if clause.says("age") and re.search(r"\b(?:deployed|updated|upgraded|rolled out|changed)\b", clause.text.lower()):
        return history(clause, spoken)
    return each_object(clause, spoken, "describe", "describe", questions.about(clause))


def _whole(clause: Clause, spoken: Spoken) -> bool:
    """Whether the state of everything is asked for, and not one object."""
    meant = clause.says("whole", "cluster", "status", "components", "each") or clause.parts.all_namespaces
    return meant or bool(spoken.namespace) or any(target.app for target in spoken.targets)


def components(clause: Clause, spoken: Spoken) -> Built:
    return [Step("list_components", {}, "list the components of the workspace")]


def images(clause: Clause, spoken: Spoken) -> Built:
    if spoken.targets and not clause.says("images"):
        return describe(clause, spoken)
    low = clause.text.lower()
    here = re.search(r"\b(?:run|runs|running|use[sd]?|using|deployed|pods?|workloads?|namespaces?|cluster)\b", low)
    if here and not re.search(r"\b(?:docker|local|engine|built)\b", low):
        return questions.running_images(clause, spoken)
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


_WELL = re.compile(r"\b(?:health\w*|ok|okay|well|fine|good|alright|all right|in (?:good )?shape|check)\b")


def status(clause: Clause, spoken: Spoken) -> Built:
    named = whom(clause, spoken) if spoken.targets or clause.pronoun else []
    plain = [target for target in named if target.kind in ("", "service", "pod", *WORKLOADS)]
    if plain:
        found = _each(clause, spoken, "rollout_status", "show how it is with")
        return [step.having(kind=None) if step.arguments.get("kind") == "service" else step for step in found]
    if named:
        return each_object(clause, spoken, "describe", "describe")
    if kind_said(clause, without=("namespace",)) and not any(target.app for target in spoken.targets):
        return listing(clause, spoken)
    if clause.says("cluster") and not spoken.namespace and _WELL.search(clause.text.lower()):
        return [Step("diagnose", {"namespace": "*"}, "find out what is wrong in the cluster")]
    arguments = scope_of(clause, spoken)
    if clause.says("cluster") and not arguments:
        arguments = {"all_namespaces": True}
    return [Step("status", arguments, f"show how things are{where(arguments)}")]


def look(clause: Clause, spoken: Spoken) -> Built:
    """ "show backend": how a component is; anything else is described."""
    if spoken.targets and re.match(r"\W*(?:some|a few|a bit|a little) more\b", clause.text.lower()):
        step = Step("scale", {"name": spoken.targets[0].name, **place(spoken)}, "scale", change=True)
        return Question(f"How many replicas shall {spoken.targets[0].name} have?", slot="replicas", steps=(step,))
    named = whom(clause, spoken)
    if any(target.app for target in spoken.targets) or not named:
        return status(clause, spoken)
    if any(is_release(target, spoken) for target in named):
        return releases(clause, spoken)
    if all(target.component or not target.kind for target in named):
        return _each(clause, spoken, "rollout_status", "show how it is with")
    return each_object(clause, spoken, "describe", "describe")

"""Clauses about objects, releases, nodes and images as arguments of the change tools."""

from __future__ import annotations

import re
from typing import Any

from agent.minds.planner.calls.undoing import undo
from agent.minds.planner.calls.workloads import set_image
from agent.minds.planner.meaning import Question, Step, Unknown
from agent.minds.planner.reading.clause import Clause
from agent.minds.planner.reading.lexicon import lexicon
from agent.minds.planner.reading.names import Spoken, Target
from agent.minds.planner.reading.subjects import (
    Built,
    ask_whom,
    is_release,
    join,
    per_target,
    place,
    remembered,
    subjects,
    unclear_name,
    where,
)
from agent.minds.planner.talk.says import say

_TOO_BROAD = "That is too broad for me. Name what shall go: a component, a release, or objects of a kind."
_DNS = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def delete(clause: Clause, spoken: Spoken) -> Built:
    if clause.says("releases", "release") or any(is_release(target, spoken) for target in spoken.targets):
        return _uninstall(clause, spoken)
    if question := unclear_name(spoken, (Step("delete_objects", {"names": [], **place(spoken)}, "delete", True),)):
        return question
    kinds = list(dict.fromkeys(word.kind for word in clause.kinds if word is not clause.verb))
    if clause.says("autoscale"):
        kinds = ["horizontalpodautoscaler"]
    if clause.parts.all_namespaces:
        return Unknown(_TOO_BROAD)
    namespaces = _named_namespaces(clause, spoken, kinds)
    if namespaces:
        return [
            Step(
                "delete_objects",
                {"kind": "namespace", "names": namespaces},
                f"delete namespace {join(namespaces)}",
                True,
            )
        ]
    if clause.parts.selector and kinds:
        arguments = {"kind": kinds[0], "selector": clause.parts.selector, **place(spoken)}
        return [
            Step(
                "delete_objects",
                arguments,
                f"delete every {kinds[0]} with {arguments['selector']}{where(arguments)}",
                True,
            )
        ]
    named = [target for target in spoken.targets if not target.app]
    if not named and (clause.says("whole") or any(target.app for target in spoken.targets)) and not kinds:
        return _whole(clause, spoken)
    if not named and clause.pronoun and not kinds:
        named = remembered(spoken)
    if not named:
        return _delete_nameless(clause, spoken, kinds)
    if whole := _taken_from(clause, named):
        return Unknown(say("taken-from", name=whole))
    if question := _confirm_typos(named, clause, spoken, kinds):
        return question
    return _delete_steps(clause, spoken, named, kinds)


def _taken_from(clause: Clause, named: list[Target]) -> str:
    """ "remove the flux capacitor from web": a part of web is meant, never web itself."""
    source = re.search(
        r"\b(?:from|off|out of)\s+(?:(?:the|its|my|our)\s+)?(?:[a-z]+\s+)?([\w.-]+)\s*[.!]?$", clause.text, re.I
    )
    return next((one.name for one in named if source and source[1].lower() in (one.name, one.said, one.typed)), "")


def _named_namespaces(clause: Clause, spoken: Spoken, kinds: list[str]) -> list[str]:
    """ "delete namespace staging", "delete the staging namespace": the namespace itself is meant."""
    if clause.parts.namespace and not spoken.targets and not kinds:
        return [clause.parts.namespace]
    if kinds == ["namespace"]:
        return [target.name for target in spoken.targets]
    return []


def _delete_steps(clause: Clause, spoken: Spoken, named: list[Target], kinds: list[str]) -> Built:
    groups: dict[str, list[Target]] = {}
    steps: list[Step] = []
    undeploying = clause.concept == "undeploy"
    if len(kinds) > 1 and len(named) == 1:  # "the service and the deployment of web"
        named = [Target(named[0].name, kind, known=True) for kind in kinds]
    for target in named:
        kind = (
            target.kind
            or (kinds[0] if len(kinds) == 1 else "")
            or ("" if target.component else _kind_of(target, spoken) or _kind_of_others(named, spoken))
        )
        if not kind and (target.component or undeploying):
            arguments = {"component": target.name, **place(spoken)}
            steps.append(Step("undeploy", arguments, f"take down {target.said}{where(arguments)}", True))
        elif not kind:
            return Question(
                f"What kind of object is {target.name}?",
                ("deployment", "pod", "service", "configmap"),
                slot="kind",
                steps=(
                    Step(
                        "delete_objects",
                        {"kind": "", "names": [target.name], **place(spoken)},
                        f"delete {target.name}",
                        True,
                    ),
                ),
            )
        elif kind == "pod" and (
            target.component or target.name not in spoken.facts.names("pod", spoken.namespace or None)
        ):
            groups.setdefault(kind, []).extend(_pods_of(target, spoken))
        else:
            groups.setdefault(kind, []).append(target)
    for kind, targets in groups.items():
        arguments = {"kind": kind, "names": [target.name for target in targets], **place(spoken)}
        said = join([target.name + (f" (for {target.typed!r})" if target.typed else "") for target in targets])
        steps.append(Step("delete_objects", arguments, f"delete {kind} {said}{where(arguments)}", True))
    return steps


def _pods_of(target: Target, spoken: Spoken) -> list[Target]:
    """The pods of a workload of that name, as far as they are known; else the name itself."""
    pods = spoken.facts.names("pod", spoken.namespace or None)
    own = [pod for pod in pods if pod.startswith(f"{target.name}-") or f"-{target.name}-" in pod]
    return [Target(pod, "pod", known=True) for pod in own] or [target]


def _kind_of_others(named: list[Target], spoken: Spoken) -> str:
    """ "delete web, web2 and web3": what is not found is of the kind of those that are."""
    return next((kind for target in named if not target.component and (kind := _kind_of(target, spoken))), "")


def _kind_of(target: Target, spoken: Spoken) -> str:
    namespace = spoken.namespace or None
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
        "secret",
        "persistentvolumeclaim",
    ):
        if target.name in spoken.facts.names(kind, namespace):
            return kind
    return "release" if target.name in spoken.facts.releases() else ""


def _confirm_typos(named: list[Target], clause: Clause, spoken: Spoken, kinds: list[str]) -> Question | None:
    """A deletion never rests on a corrected spelling alone."""
    typed = next((target for target in named if target.typed), None)
    if not typed:
        return None
    steps = _delete_steps(clause, spoken, named, kinds)
    if not isinstance(steps, list):
        return None
    return Question(
        f"There is no {typed.typed!r}. Delete {typed.name} instead?", ("yes", "no"), choices=(tuple(steps), ())
    )


def _delete_nameless(clause: Clause, spoken: Spoken, kinds: list[str]) -> Built:
    if not kinds:
        return ask_whom(spoken, "delete", "undeploy", {}, "component")
    kind = kinds[0]
    if clause.says("problem", "status"):
        return Unknown(f'I delete {kind}s by name or by label. Ask "list {kind}s" first, then say which ones.')
    if clause.says("each", "whole") or any(sense.form == "s" for word in clause.kinds for sense in word.senses):
        names = list(spoken.facts.names(kind, spoken.namespace or None))
        if kind in lexicon().groups["cluster-wide"] or not names or len(names) > 50:
            return Unknown(
                f"That is too broad for me. Say which {kind}s by name, or by label: delete {kind}s with label app=web."
            )
        arguments = {"kind": kind, "names": names, **place(spoken)}
        step = Step(
            "delete_objects", arguments, f"delete all {len(names)} {kind}s{where(arguments)}: {join(names)}", True
        )
        return Question(
            f"Delete all {len(names)} {kind}s{where(arguments)} ({join(names)})?", ("yes", "no"), choices=((step,), ())
        )
    names = spoken.facts.names(kind, spoken.namespace or None)
    step = Step("delete_objects", {"kind": kind, "names": [], **place(spoken)}, f"delete {kind}", True)
    return Question(f"Which {kind} shall I delete?", names[:20], slot="names", steps=(step,))


def _whole(clause: Clause, spoken: Spoken) -> Built:
    app = spoken.facts.app
    meant = any(target.app for target in spoken.targets) or re.search(
        r"\b(?:app|application|stack|project|components)\b", clause.text.lower()
    )
    if not app or not meant:
        return Unknown(_TOO_BROAD)
    arguments = {"component": app, **place(spoken)}
    return [Step("undeploy", arguments, f"take down the whole application {app}{where(arguments)}", True)]


def _uninstall(clause: Clause, spoken: Spoken) -> Built:
    release = _release(clause, spoken)
    if not release:
        return ask_whom(spoken, "uninstall", "helm_uninstall", {}, "release")
    arguments = {"release": release, **place(spoken)}
    return [Step("helm_uninstall", arguments, f"uninstall the release {release}{where(arguments)}", True)]


def _release(clause: Clause, spoken: Spoken) -> str:
    if spoken.targets:
        return spoken.targets[0].name
    return str(clause.memory.subject.get("release", "")) if clause.pronoun else spoken.facts.release


def rollback(clause: Clause, spoken: Spoken) -> Built:
    parts = clause.parts
    whole = clause.says("whole") or any(target.app for target in spoken.targets)
    named = [target for target in spoken.targets if not target.app]
    releases = (*spoken.facts.releases(), spoken.facts.release) if named and not named[0].component else ()
    number = parts.revision if parts.revision is not None else parts.to
    if number is None and parts.numbers:
        number = parts.numbers[0]
    if clause.says("release") or whole or any(target.name in releases for target in named if not target.component):
        return _helm_rollback(clause, spoken, number)
    if parts.tag or parts.images:
        if number is None and re.fullmatch(r"\d{1,4}", parts.tag):
            number = int(parts.tag)
        else:
            return set_image(clause, spoken)
    if clause.concept == "undo" and not named:
        return undo(clause, spoken)
    if not named and not clause.pronoun and number is None and not clause.memory.subject.get("name"):
        return undo(clause, spoken)
    if (not named and clause.says("plan")) or (
        not named and clause.pronoun and re.search(r"\b(?:that|this)\b", clause.text.lower())
    ):
        return undo(clause, spoken)
    extra = {"revision": number} if number is not None else {}
    return per_target(
        spoken,
        "rollback",
        "roll back",
        extra,
        f" to revision {number}" if number is not None else " to its revision before",
    )


def _helm_rollback(clause: Clause, spoken: Spoken, number: int | None) -> Built:
    release = next((t.name for t in spoken.targets if not t.component and not t.app), "") or spoken.facts.release
    if not release:
        return ask_whom(spoken, "roll back", "helm_rollback", {}, "release")
    arguments: dict[str, Any] = {"release": release, **place(spoken)}
    if number is not None:
        arguments["revision"] = number
    said = f" to revision {number}" if number is not None else " to its revision before"
    return [Step("helm_rollback", arguments, f"roll back the release {release}{said}{where(arguments)}", True)]


def label(clause: Clause, spoken: Spoken) -> Built:
    if clause.concept == "delete" and clause.parts.selector and re.search(r"\bwith (?:the )?labels?\b", clause.text):
        return delete(clause, spoken)
    return _marks(clause, spoken, "label", "labels")


def annotate(clause: Clause, spoken: Spoken) -> Built:
    return _marks(clause, spoken, "annotate", "annotations")


def _marks(clause: Clause, spoken: Spoken, tool: str, slot: str) -> Built:
    parts = clause.parts
    pairs = [*parts.pairs, *parts.settings]
    if parts.selector:
        pairs += [(key, value) for key, _, value in (pair.partition("=") for pair in parts.selector.split(","))]
    values: dict[str, str | None] = dict(pairs)
    targets = subjects(spoken)
    if clause.concept in ("delete", "unlabel"):
        keys = re.findall(r"(?:labels?|annotations?) ([\w./-]+)", clause.text) or [key for key, _ in pairs]
        values = dict.fromkeys(keys)
        targets = [target for target in targets if target.name not in values]
    if not values:
        return Unknown(f"Say the {slot} as key=value, for instance: {tool} deployment backend team=web.")
    if not targets and not spoken.namespace:
        return Question(
            f"What shall I {tool}?",
            spoken.facts.components,
            slot="name",
            steps=(Step(tool, {"kind": "deployment", "name": "", slot: values, **place(spoken)}, tool, True),),
        )
    kinds = [word.kind for word in clause.kinds]
    own = place(spoken)
    if not spoken.targets and own:  # "label namespace staging": the namespace itself is meant
        targets, own = [Target(spoken.namespace, "namespace", known=True)], {}
    steps: list[Step] = []
    for target in targets:
        kind = (
            target.kind
            or (kinds[0] if kinds else "")
            or ("deployment" if target.component else _kind_of(target, spoken) or "deployment")
        )
        arguments = {"kind": kind, "name": target.name, slot: values, **own}
        said = ", ".join(f"{key}={value}" if value is not None else f"without {key}" for key, value in values.items())
        steps.append(Step(tool, arguments, f"{tool} {kind} {target.name}: {said}{where(arguments)}", True))
    return steps


def cordon(clause: Clause, spoken: Spoken) -> Built:
    return _cordon(clause, spoken, True)


def uncordon(clause: Clause, spoken: Spoken) -> Built:
    return _cordon(clause, spoken, False)


def _cordon(clause: Clause, spoken: Spoken, on: bool) -> Built:
    verb = "cordon" if on else "uncordon"
    nodes = spoken.targets or tuple(remembered(spoken)) if clause.pronoun else spoken.targets
    if not nodes:
        step = Step("cordon", {"node": "", "on": on}, f"{verb} node", True)
        return Question(f"Which node shall I {verb}?", spoken.facts.names("node"), slot="node", steps=(step,))
    return [Step("cordon", {"node": node.name, "on": on}, f"{verb} node {node.name}", True) for node in nodes]


def create_namespace(clause: Clause, spoken: Spoken) -> Built:
    names = [target.typed or target.name for target in spoken.targets]  # a new name is no misspelling of another
    if not names and clause.parts.namespace:
        names = [clause.parts.namespace]
    wrong = next((name for name in names if name in clause.text.lower() and name not in clause.text), None)
    if wrong:
        return Unknown(f"Names of namespaces are in lower case only. Say: create namespace {wrong}")
    if not names:
        word = re.search(r"\b(?:namespaces?|ns)(?: called| named)? ([\w.-]+)", clause.text)
        names = [word[1]] if word and word[1].lower() not in lexicon().common else []
    if not names:
        return Question(
            "What shall the namespace be called?",
            slot="name",
            steps=(Step("create_namespace", {"name": ""}, "create namespace", True),),
        )
    wrong = next((name for name in names if not _DNS.fullmatch(name)), None)
    if wrong:
        return Unknown(f"{wrong!r} cannot be the name of a namespace: lower-case letters, digits and -, at most 63.")
    return [Step("create_namespace", {"name": name}, f"create the namespace {name}", True) for name in names]


def build(clause: Clause, spoken: Spoken) -> Built:
    facts, parts = spoken.facts, clause.parts
    extra: dict[str, Any] = {"tag": parts.tag} if parts.tag else {}
    if parts.images:
        extra["image"] = parts.images[-1]
    if parts.charts:
        path = parts.charts[0]
        return [Step("build_image", {"path": path, **extra}, f"build an image from {path}", True)]
    named = [target for target in spoken.targets if not target.app]
    all_of_them = clause.says("whole", "images", "each") or any(target.app for target in spoken.targets)
    if not named and all_of_them and facts.buildable:
        named = [Target(name, component=True) for name in facts.buildable]
    if not named and clause.pronoun:
        named = [target for target in remembered(spoken) if target.component]
    if not named and len(facts.buildable) == 1:
        named = [Target(facts.buildable[0], component=True)]
    if not named:
        step = Step("build_image", extra, "build the image of", True)
        return Question("Which component's image shall I build?", facts.buildable, slot="component", steps=(step,))
    said = f" as {extra.get('image') or extra.get('tag')}" if extra else ""
    return [
        Step("build_image", {"component": t.name, **extra}, f"build the image of {t.said}{said}", True) for t in named
    ]


def apply(clause: Clause, spoken: Spoken) -> Built:
    what = f"the content of {clause.parts.files[0]}" if clause.parts.files else "the manifest"
    return Unknown(f"Paste {what} here, from its line apiVersion on, and I show what applying it would change.")

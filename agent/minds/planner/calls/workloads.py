"""Clauses about workloads as arguments of the change tools: deploy, scale, image, resources, env, restart, expose."""

from __future__ import annotations

import re
from typing import Any

from agent.minds.planner.calls.relative import relative_amounts
from agent.minds.planner.meaning import Question, Step, Unknown
from agent.minds.planner.reading.clause import Clause
from agent.minds.planner.reading.lexicon import lexicon
from agent.minds.planner.reading.names import Spoken, Target
from agent.minds.planner.reading.subjects import Built, ask_whom, is_release, join, per_target, place, subjects, where
from agent.minds.planner.reading.text import chart_value
from agent.minds.planner.talk.says import say

_DEPLOYABLE = ("deployment", "pod", "service", "namespace", "statefulset")
MOST_REPLICAS = 10_000
_IMAGE = re.compile(
    r"(?:(?:[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?(?::\d+)?)/)?[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
    r"(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*(?::\w[\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?"
)


def check_replicas(number: int) -> Unknown | None:
    """The sentence for a count that no cluster could run."""
    if number < 0:
        return Unknown(f"A replica count cannot be negative ({number}). Say a number from 0 on, for instance 3.")
    if number > MOST_REPLICAS:
        return Unknown(f"{number:,} replicas are more than Shipmate sets in one go. Say a smaller number.")
    return None


def check_image(image: str) -> Unknown | None:
    """The sentence for a reference that no registry could hold."""
    if _IMAGE.fullmatch(image):
        return None
    return Unknown(f"{image!r} is not an image reference. It looks like registry/name:tag, in lower case.")


def scale(clause: Clause, spoken: Spoken) -> Built:
    parts = clause.parts
    down = clause.concept in ("decrease", "delete") or (
        bool(re.search(r"\b(?:down|fewer|less|in)\b(?! \w+ namespace)", clause.text.lower()))
        and clause.concept == "scale"
    )
    if clause.concept == "stop":
        return per_target(spoken, "scale", "stop", {"replicas": 0}, ": scale to 0 replicas")
    if either := re.search(r"\b(\d+)\s+(?:or(?: to)?|and to)\s+(\d+)\b", clause.text):
        steps = per_target(spoken, "scale", "scale", {})
        question = f"{either[1]} or {either[2]} replicas?"
        return (
            Question(question, (either[1], either[2]), "replicas", tuple(steps)) if isinstance(steps, list) else steps
        )
    amount = _amount(parts, down, clause.concept)
    if isinstance(amount, Unknown):
        return amount
    if not amount:
        if clause.concept == "scale" and re.search(r"\bto (?:\w+ )?zero\b", clause.text):
            amount = {"replicas": 0}
        else:
            return _how_many(clause, spoken)
    if wrong := check_replicas(amount.get("replicas", 0)):
        return wrong
    return per_target(spoken, "scale", "scale", amount, _amount_said(amount))


def _amount(parts: Any, down: bool, verb: str) -> dict[str, Any] | Unknown:
    """How far: `replicas`, `by` or `percent` (of the present count: 50 halves, 200 doubles)."""
    sign = -1 if down else 1
    if parts.percent is not None:
        percent = parts.percent if parts.percent_is_goal else 100 + sign * parts.percent
        return {"percent": percent} if percent >= 0 else Unknown("That would be fewer than zero replicas.")
    if parts.factor is not None:
        factor = 1 / parts.factor if parts.factor > 1 and down else parts.factor
        return {"percent": round(100 * factor, 2)}
    if parts.more is not None:
        return {"by": sign * parts.more if parts.more > 0 else parts.more}
    if parts.by is not None:
        return {"by": sign * abs(parts.by) if parts.by > 0 else parts.by}
    if parts.to is not None:
        return {"replicas": parts.to}
    if parts.count is not None:
        relative = verb in ("add", "delete")
        return {"by": sign * parts.count} if relative else {"replicas": parts.count}
    if parts.numbers:
        return {"replicas": parts.numbers[0]}
    if parts.tag and re.fullmatch(r"\d+\.\d+", parts.tag):
        return Unknown(f"A replica count is a whole number, {parts.tag} is not.")
    return {}


def _amount_said(amount: dict[str, Any]) -> str:
    if "replicas" in amount:
        return f" to {amount['replicas']} replica{'' if amount['replicas'] == 1 else 's'}"
    if "by" in amount:
        return f" by {amount['by']:+d} replica{'' if abs(amount['by']) == 1 else 's'}"
    return f" to {amount['percent']:g} % of its replicas"


def _how_many(clause: Clause, spoken: Spoken) -> Built:
    targets = subjects(spoken)
    if not targets:
        return ask_whom(spoken, "scale", "scale", {})
    steps = per_target(spoken, "scale", "scale", {})
    if not isinstance(steps, list):
        return steps
    return Question(f"To how many replicas shall I scale {targets[0].name}?", slot="replicas", steps=tuple(steps))


def deploy(clause: Clause, spoken: Spoken) -> Built:
    if clause.parts.charts or clause.says("chart"):
        return _chart(clause, spoken)
    parts = clause.parts
    if kind := next((word.kind for word in clause.kinds if word.kind not in _DEPLOYABLE), ""):
        return Unknown(say("create-kind", kind=kind))
    extra: dict[str, Any] = {}
    if parts.factor and parts.factor.is_integer():  # "3x backend"
        parts.count = int(parts.factor)
    count = next(
        (n for n in (parts.count, parts.to, parts.numbers[0] if len(parts.numbers) == 1 else None) if n is not None),
        None,
    )
    if count is not None:
        if wrong := check_replicas(count):
            return wrong
        extra["replicas"] = count
    if parts.images:
        if wrong := check_image(parts.images[-1]):
            return wrong
        extra["image"] = parts.images[-1]
    if parts.tag:
        extra["tag"] = parts.tag
    if parts.pairs:
        extra["values"] = {key: chart_value(value) for key, value in parts.pairs}
    if clause.says("only"):
        extra["only"] = True
    extra |= place(spoken)
    return _deploy_steps(clause, spoken, extra)


def _deploy_steps(clause: Clause, spoken: Spoken, extra: dict[str, Any]) -> Built:
    from agent.minds.planner.reading.subjects import unclear_name

    if question := unclear_name(spoken, (Step("deploy", {"component": "", **extra}, "deploy", True),)):
        return question
    named = [target for target in spoken.targets if not target.app]
    if not named and (clause.says("whole") or any(target.app for target in spoken.targets)):
        reading = f"deploy the whole application {clause.facts.app}".rstrip() + _deploy_said(extra)
        return [Step("deploy", extra, reading, True)]
    if not named and extra.get("image"):
        name = re.split(r"[:@]", extra["image"].rsplit("/", 1)[-1])[0]
        named = [Target(re.sub(r"[^a-z0-9-]+", "-", name))]
    named = named or subjects(spoken)
    if not named:
        options = (*clause.facts.components, *(("the whole app",) if clause.facts.app else ()))
        return Question(
            "What shall I deploy?", options, slot="component", steps=(Step("deploy", extra, "deploy", True),)
        )
    names = {target.name for target in named if target.component}
    if len(names) > 1 and names >= set(clause.facts.buildable) and not extra.keys() & {"replicas", "image", "only"}:
        return [Step("deploy", extra, f"deploy the whole application {clause.facts.app}{_deploy_said(extra)}", True)]
    steps: list[Step] = []
    for target in named:
        own = dict(extra)
        if (
            not target.component
            and "image" not in own
            and target.name in lexicon().images
            and target.name not in clause.facts.components
        ):
            own["image"] = f"{target.name}:{own.pop('tag')}" if "tag" in own else target.name
        steps.append(
            Step("deploy", {"component": target.name, **own}, f"deploy {target.said}{_deploy_said(own)}", True)
        )
    return steps


def _deploy_said(extra: dict[str, Any]) -> str:
    said = ""
    if "image" in extra:
        said += f" from image {extra['image']}"
    if "tag" in extra:
        said += f" with tag {extra['tag']}"
    if "replicas" in extra:
        said += f" with {extra['replicas']} replica{'' if extra['replicas'] == 1 else 's'}"
    if "values" in extra:
        said += " with " + ", ".join(f"{key}={value}" for key, value in extra["values"].items())
    if extra.get("only"):
        said += ", without what it needs"
    return said + where(extra)


def _chart(clause: Clause, spoken: Spoken) -> Built:
    """Install or upgrade a chart as a release of its own."""
    parts = clause.parts
    upgrade = clause.concept != "deploy"
    chart = parts.charts[0] if parts.charts else ""
    names = [target.name for target in spoken.targets if target.name != chart]
    alias = re.search(r"\bas (?:release )?([a-z0-9][a-z0-9-]*)", clause.text)
    release = parts.named or (
        alias[1] if alias else names[0] if names else chart.rstrip("/").rsplit("/", 1)[-1].split(":")[0]
    )
    release = release or (spoken.facts.release if upgrade else "")
    if not release:
        return Unknown("Say which chart to install, for instance: install ./charts/todo-chatbot as todo.")
    arguments: dict[str, Any] = {"release": release}
    if chart or not upgrade:
        arguments["chart"] = chart or release
    places = [where_to for preposition, where_to in parts.places if preposition in ("in", "into")]
    arguments |= place(spoken) or ({"namespace": places[0]} if places else {})
    if parts.pairs:
        arguments["values"] = {key: chart_value(value) for key, value in parts.pairs}
    verb = "upgrade" if upgrade else "install"
    reading = f"{verb} the release {release}" + (f" from chart {chart}" if chart else "") + where(arguments)
    return [Step(f"helm_{verb}", arguments, reading, True)]


def upgrade(clause: Clause, spoken: Spoken) -> Built:
    parts = clause.parts
    if any("." in key for key, _ in parts.pairs):
        component = any(target.component for target in spoken.targets) and not clause.says("release")
        return deploy(clause, spoken) if component else _chart(clause, spoken)
    if parts.charts or (
        clause.says("chart", "release")
        and any(
            target.name in (*spoken.facts.releases(), spoken.facts.release) or not target.component
            for target in spoken.targets
        )
    ):
        return _chart(clause, spoken)
    if parts.images or parts.tag:
        if any(target.app for target in spoken.targets) or clause.says("whole"):
            return deploy(clause, spoken)
        return set_image(clause, spoken)
    number = parts.to if parts.to is not None else parts.numbers[0] if parts.numbers else None
    if number is None or clause.says("version"):
        return (
            deploy(clause, spoken)
            if number is None
            else per_target(spoken, "set_image", "set the tag of", {"tag": str(number)}, f" to {number}")
        )
    counted = per_target(spoken, "scale", "scale", {"replicas": number}, f" to {number} replicas")
    tagged = per_target(spoken, "set_image", "set the tag of", {"tag": str(number)}, f" to {number}")
    if not isinstance(counted, list) or not isinstance(tagged, list):
        return counted
    return Question(
        f"Do you mean {number} replicas, or version {number}?",
        (f"{number} replicas", f"version {number}"),
        choices=(tuple(counted), tuple(tagged)),
    )


def set_image(clause: Clause, spoken: Spoken) -> Built:
    parts = clause.parts
    extra: dict[str, Any] = {}
    if parts.images:
        if wrong := check_image(parts.images[-1]):
            return wrong
        extra["image"] = parts.images[-1]
    elif parts.tag:
        extra["tag"] = parts.tag
    elif match := re.search(r"\b(?:image|version|tag)\b.*\bto (\S+?)[.!]?$", clause.text):
        clause.parts.container = clause.parts.container or ""
        return _image_by_word(clause, spoken, match[1])
    elif parts.to is not None and clause.says("version"):
        extra["tag"] = str(parts.to)
    if parts.container:
        extra["container"] = parts.container
    if not extra.get("image") and not extra.get("tag"):
        steps = per_target(spoken, "set_image", "set the image of", extra)
        if not isinstance(steps, list):
            return steps
        return Question(
            f"Which image (or tag) shall {steps[0].arguments['name']} use?", slot="image", steps=tuple(steps)
        )
    said = f" to {extra['image']}" if "image" in extra else f" to {extra['tag']}"
    return per_target(
        spoken, "set_image", "set the image of" if "image" in extra else "set the image tag of", extra, said
    )


def _image_by_word(clause: Clause, spoken: Spoken, word: str) -> Built:
    """ "set the image of web to nginx": the word after *to* is the image (or, after *tag*, the tag), not a name."""
    slot = "tag" if clause.says("version") and not clause.says("image") else "image"
    if slot == "image" and (wrong := check_image(word)):
        return wrong
    targets = [target for target in subjects(spoken) if word not in (target.name, target.typed)]
    steps = [
        Step("set_image", {"name": t.name, slot: word, **place(spoken)}, f"set the {slot} of {t.said} to {word}", True)
        for t in targets
    ]
    return steps or ask_whom(spoken, "set the image of", "set_image", {slot: word})


def set_resources(clause: Clause, spoken: Spoken) -> Built:
    extra: dict[str, Any] = {}
    relative = relative_amounts(clause) if clause.concept != "delete" or clause.parts.amounts else {}
    limiting = clause.verb is not None and clause.verb.text in ("limit", "cap", "restrict")
    for amount in clause.parts.amounts:
        for role in (amount.role,) if amount.role else ("limit",) if limiting else ("request", "limit"):
            extra[f"{amount.resource}_{role}"] = amount.value
    extra |= relative
    if clause.concept == "delete" and not relative:
        roles = [role for role in ("request", "limit") if role in clause.text.lower()] or ["request", "limit"]
        kinds = [kind for kind in ("cpu", "memory") if clause.says(kind)] or ["cpu", "memory"]
        extra = {f"{kind}_{role}": "none" for kind in kinds for role in roles}
        said = f" the {join(kinds)} {join(roles)}"
        return per_target(spoken, "set_resources", "take from", extra, said)
    if clause.parts.container:
        extra["container"] = clause.parts.container
    if not clause.parts.amounts and not relative:
        resource = "cpu" if clause.says("cpu") and not clause.says("memory") else "memory"
        example = "500m" if resource == "cpu" else "512Mi"
        steps = per_target(spoken, "set_resources", f"set the {resource} of", extra)
        if not isinstance(steps, list):
            return steps
        name, role = (
            steps[0].arguments["name"],
            "request" if "request" in clause.text and "limit" not in clause.text else "limit",
        )
        return Question(
            f"To how much {resource} shall I set the {role} of {name} (for instance {example})?",
            slot=f"{resource}_{role}",
            steps=tuple(steps),
        )
    said = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in extra.items() if key != "container")
    return per_target(spoken, "set_resources", "set the resources of", extra, f": {said}")


def set_env(clause: Clause, spoken: Spoken) -> Built:
    parts = clause.parts
    if parts.pairs and any(is_release(target, spoken) for target in spoken.targets):
        return _chart(clause, spoken)
    env: dict[str, str | None] = dict((*parts.pairs, *parts.settings))
    if clause.concept == "delete":
        env = dict.fromkeys((*parts.capitals, *(key for key, _ in parts.pairs)))
    extra: dict[str, Any] = {"env": env}
    if parts.container:
        extra["container"] = parts.container
    if not env:
        return Unknown("Say the variable as NAME=value, for instance: set LOG_LEVEL=debug on backend.")
    if clause.concept == "delete":
        return per_target(spoken, "set_env", "remove from", extra, f" the variable {', '.join(env)}")
    return per_target(spoken, "set_env", "set on", extra, f" the variable {', '.join(env)}")


def restart(clause: Clause, spoken: Spoken) -> Built:
    return per_target(spoken, "restart", "restart", {})


def expose(clause: Clause, spoken: Spoken) -> Built:
    parts = clause.parts
    ports = parts.ports or [number for number in (*([parts.to] if parts.to else []), *parts.numbers) if number]
    extra: dict[str, Any] = {}
    if ports:
        if not 0 < ports[0] < 65_536:
            return Unknown(f"{ports[0]} is not a port; ports go from 1 to 65535.")
        extra["port"] = ports[0]
    if parts.target_port:
        extra["target_port"] = parts.target_port
    text = clause.text.lower().replace(" ", "").replace("-", "")
    kinds = {"nodeport": "NodePort", "loadbalancer": "LoadBalancer", "clusterip": "ClusterIP"}
    if kind := next((kind for word, kind in kinds.items() if word in text), ""):
        extra["type"] = kind
    if parts.named:
        extra["service_name"] = parts.named
        spoken.__dict__["targets"] = tuple(t for t in spoken.targets if t.name != parts.named)
    said = f" on port {extra['port']}" if ports else ""
    return per_target(spoken, "expose", "expose", extra, said)


def autoscale(clause: Clause, spoken: Spoken) -> Built:
    parts = clause.parts
    extra: dict[str, Any] = {}
    low, high = parts.range or (None, parts.to if parts.to is not None else parts.count)
    if high is None and parts.numbers:
        high = parts.numbers[-1]
    if low is not None:
        extra["min"] = low
    if high is not None:
        extra["max"] = high
    if parts.percent is not None:
        extra["cpu_percent"] = int(parts.percent)
    for number in extra.values():
        if wrong := check_replicas(number):
            return wrong
    if low is not None and high is not None and low > high:
        return Unknown(f"The lower bound {low} is above the upper bound {high}.")
    if high is None:
        steps = per_target(spoken, "autoscale", "autoscale", extra)
        if not isinstance(steps, list):
            return steps
        return Question(
            f"Up to how many replicas may {steps[0].arguments['name']} grow?", slot="max", steps=tuple(steps)
        )
    said = f" from {low if low is not None else 1} to {high} replicas" + (
        f" at {int(parts.percent)} % CPU" if parts.percent else ""
    )
    return per_target(spoken, "autoscale", "autoscale", extra, said)

"""kubectl lines that change something."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from agent.minds.planner.calls.workloads import check_image, check_replicas
from agent.minds.planner.meaning import Step
from agent.minds.planner.pasted.commandline import Line, NotTaken, kind_of, objects, one_object, valid
from agent.minds.planner.reading.subjects import where


def _workload(line: Line) -> dict[str, Any]:
    kind, name = one_object(line.words)
    return {"name": name, "kind": kind, **line.place}


def scale(line: Line) -> list[Step]:
    replicas = line.number("--replicas")
    if replicas is None:
        raise NotTaken("Say how many: --replicas=N.")
    if wrong := check_replicas(replicas):
        raise NotTaken(wrong.text)
    found = objects(line.words)
    return [
        Step(
            "scale",
            {"name": name, "kind": kind, **line.place, "replicas": replicas},
            f"scale {kind} {name} to {replicas} replicas{where(line.place)}",
            True,
        )
        for kind, name in found
    ]


def _pairs(words: list[str], removal: bool = True) -> dict[str, str | None]:
    pairs: dict[str, str | None] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals and removal and key.endswith("-"):
            pairs[key[:-1]] = None
        elif not equals or not key:
            raise NotTaken(f"I expected NAME=value, not {word!r}.")
        else:
            pairs[key] = value
    if not pairs:
        raise NotTaken("That line sets nothing.")
    return pairs


def set_fields(line: Line) -> list[Step]:
    what, line.words = (line.words[0] if line.words else ""), line.words[1:]
    target = [word for word in line.words if "=" not in word and not re.fullmatch(r"[A-Z_][A-Z0-9_]*-", word)]
    values = [word for word in line.words if word not in target]
    kind, name = one_object(target)
    arguments: dict[str, Any] = {"name": name, "kind": kind, **line.place}
    if what == "image":
        return _set_images(kind, arguments, _pairs(values, removal=False))
    if "--container" in line.flags:
        arguments["container"] = valid(line.one("--container"))
    if what == "env":
        env = _pairs(values)
        return [
            Step(
                "set_env",
                {**arguments, "env": env},
                f"set on {kind} {name} the variable {', '.join(env)}{where(line.place)}",
                True,
            )
        ]
    if what == "resources":
        sums = _resources(line)
        return [
            Step(
                "set_resources",
                {**arguments, **sums},
                f"set the resources of {kind} {name}: {', '.join(f'{key} {value}' for key, value in sums.items())}",
                True,
            )
        ]
    raise NotTaken(f"I do not know `kubectl set {what}`; I can set image, env and resources.")


def _set_images(kind: str, arguments: dict[str, Any], pairs: dict[str, str | None]) -> list[Step]:
    steps: list[Step] = []
    for container, image in pairs.items():
        if wrong := check_image(image or ""):
            raise NotTaken(wrong.text)
        own = {**arguments, "image": image, **({"container": valid(container)} if container != "*" else {})}
        steps.append(
            Step(
                "set_image",
                own,
                f"set the image of {kind} {arguments['name']} ({container}) to {image}{where(arguments)}",
                True,
            )
        )
    return steps


def _resources(line: Line) -> dict[str, str]:
    found: dict[str, str] = {}
    for flag, role in (("--limits", "limit"), ("--requests", "request")):
        for pair in line.one(flag).split(",") if flag in line.flags else ():
            resource, _, value = pair.partition("=")
            if resource not in ("cpu", "memory") or not re.fullmatch(r"\d+(?:\.\d+)?(?:m|[kMGT]i?|Ki)?", value):
                raise NotTaken(f"I can set cpu and memory, not {pair!r}.")
            found[f"{resource}_{role}"] = value
    if not found:
        raise NotTaken("Say --limits or --requests.")
    return found


def rollout(line: Line) -> list[Step]:
    what, line.words = (line.words[0] if line.words else ""), line.words[1:]
    tools = {"restart": "restart", "status": "rollout_status", "history": "rollout_history", "undo": "rollback"}
    if what not in tools:
        raise NotTaken(f"I do not know `kubectl rollout {what}`; I can restart, undo, and show status and history.")
    arguments, change = _workload(line), what in ("restart", "undo")
    if "--to-revision" in line.flags:
        if what != "undo":
            raise NotTaken("--to-revision belongs to rollout undo.")
        arguments["revision"] = line.number("--to-revision")
    verb = {
        "restart": "restart",
        "status": "show the rollout of",
        "history": "show the revisions of",
        "undo": "roll back",
    }[what]
    return [Step(tools[what], arguments, f"{verb} {arguments['kind']} {arguments['name']}{where(arguments)}", change)]


def delete(line: Line) -> list[Step]:
    if "--selector" in line.flags:
        if len(line.words) != 1:
            raise NotTaken("With -l, name one kind and no objects.")
        arguments: dict[str, Any] = {"kind": kind_of(line.words[0]), "selector": line.one("--selector"), **line.place}
        return [
            Step(
                "delete_objects",
                arguments,
                f"delete every {arguments['kind']} with {arguments['selector']}{where(line.place)}",
                True,
            )
        ]
    groups: dict[str, list[str]] = {}
    for kind, name in objects(line.words):
        groups.setdefault(kind, []).append(name)
    if not groups:
        raise NotTaken("Say what to delete by name or by label.")
    return [
        Step(
            "delete_objects",
            {"kind": kind, "names": names, **line.place},
            f"delete {kind} {', '.join(names)}{where(line.place)}",
            True,
        )
        for kind, names in groups.items()
    ]


def expose(line: Line) -> list[Step]:
    kind, name = one_object(line.words)
    arguments: dict[str, Any] = {"name": name, **line.place}
    for flag, slot in (("--port", "port"), ("--target-port", "target_port")):
        if (number := line.number(flag)) is not None:
            arguments[slot] = number
    if "--type" in line.flags:
        if line.one("--type") not in ("ClusterIP", "NodePort", "LoadBalancer"):
            raise NotTaken("--type takes ClusterIP, NodePort or LoadBalancer.")
        arguments["type"] = line.one("--type")
    if "--name" in line.flags:
        arguments["service_name"] = valid(line.one("--name"))
    return [Step("expose", arguments, f"expose {kind} {name}{where(line.place)}", True)]


def mark(tool: str, slot: str) -> Callable[[Line], list[Step]]:
    def reader(line: Line) -> list[Step]:
        target = [word for word in line.words if "=" not in word and not word.endswith("-")]
        pairs = _pairs([word for word in line.words if word not in target])
        return [
            Step(
                tool,
                {"kind": kind, "name": name, slot: pairs, **line.place},
                f"{tool} {kind} {name}: {', '.join(pairs)}{where(line.place)}",
                True,
            )
            for kind, name in objects(target)
        ]

    return reader


def autoscale(line: Line) -> list[Step]:
    kind, name = one_object(line.words)
    arguments: dict[str, Any] = {"name": name, "kind": kind, **line.place}
    for flag, slot in (("--min", "min"), ("--max", "max"), ("--cpu-percent", "cpu_percent")):
        if (number := line.number(flag)) is not None:
            arguments[slot] = number
    if "max" not in arguments:
        raise NotTaken("Say up to how many: --max=N.")
    return [
        Step(
            "autoscale",
            arguments,
            f"autoscale {kind} {name} up to {arguments['max']} replicas{where(line.place)}",
            True,
        )
    ]


def cordon(on: bool) -> Callable[[Line], list[Step]]:
    def reader(line: Line) -> list[Step]:
        nodes = [valid(word.removeprefix("node/")) for word in line.words]
        if not nodes:
            raise NotTaken("Say which node.")
        return [
            Step("cordon", {"node": node, "on": on}, f"{'cordon' if on else 'uncordon'} node {node}", True)
            for node in nodes
        ]

    return reader


def create(line: Line) -> list[Step]:
    kind = kind_of(line.words[0]) if line.words else ""
    if "--filename" in line.flags:
        return apply(line)
    if kind == "namespace" and len(line.words) == 2:
        return [Step("create_namespace", {"name": valid(line.words[1])}, f"create the namespace {line.words[1]}", True)]
    if kind == "deployment" and len(line.words) == 2 and "--image" in line.flags:
        return run(Line(line.words[1:], line.flags))
    raise NotTaken(
        "I can create namespaces, and deployments with --image. For anything else, paste the manifest to apply."
    )


def run(line: Line) -> list[Step]:
    if len(line.words) != 1 or "--image" not in line.flags:
        raise NotTaken("Say one name and its --image.")
    if wrong := check_image(line.one("--image")):
        raise NotTaken(wrong.text)
    arguments: dict[str, Any] = {"component": valid(line.words[0]), "image": line.one("--image"), **line.place}
    if (replicas := line.number("--replicas")) is not None:
        if wrong := check_replicas(replicas):
            raise NotTaken(wrong.text)
        arguments["replicas"] = replicas
    return [
        Step(
            "deploy",
            arguments,
            f"deploy {arguments['component']} from image {arguments['image']}{where(line.place)}",
            True,
        )
    ]


def apply(line: Line) -> list[Step]:
    file = line.one("--filename", "the manifest")
    raise NotTaken(
        f"I do not read files named in a pasted line. Paste the content of {file} here, "
        "and I show what applying it would change."
    )

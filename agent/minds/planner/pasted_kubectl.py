"""kubectl lines as typed calls: one small reader for each sub-command, flags in tables."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from agent.minds.planner.build_workloads import check_image, check_replicas
from agent.minds.planner.commandline import Line, NotTaken, kind_of, objects, one_object, parse, valid
from agent.minds.planner.facts import Facts
from agent.minds.planner.meaning import Step
from agent.minds.planner.subjects import where

REFUSED = {
    "exec": "I do not run commands inside of containers. Ask for logs, events or a diagnosis.",
    "attach": "I do not attach to containers. Ask for logs.",
    "port-forward": "I do not open tunnels. Ask to expose the workload.",
    "proxy": "I do not open tunnels.",
    "cp": "I do not copy files into or out of containers.",
    "edit": "I do not open an editor. Say what is to be changed, or paste the manifest to apply.",
    "patch": "I do not take patches. Say what is to be changed, or paste the manifest to apply.",
    "replace": "I do not replace objects. Paste the manifest, and I show what applying it would change.",
    "drain": "I do not drain nodes by myself. I can cordon the node.",
    "taint": "I do not taint nodes. I can cordon one.",
    "config": "I do not change the kubeconfig. Start Shipmate with --context NAME for another cluster.",
    "auth": "I do not answer questions about rights.",
    "certificate": "I do not decide over certificates.",
    "debug": "I do not start debug containers. Ask why the workload is not healthy.",
    "diff": "Every change is shown with its diff before anything happens: paste the manifest to apply.",
    "wait": "Every change is watched until it is healthy. Ask for the rollout status.",
    "explain": "I do not explain fields of the schema.",
    "version": "`shipmate doctor` shows the versions of cluster and tools.",
    "cluster-info": "`shipmate doctor` shows the cluster.",
    "kustomize": "I do not render kustomizations. Paste the result to apply it.",
    "plugin": "I do not run plugins.",
    "completion": "`shipmate --help` shows how to complete commands.",
}
_GET = {
    "-A": "--all-namespaces", "--all-namespaces": "--all-namespaces", "-l": "--selector=", "--selector": "--selector=",
    "-o": "--output=", "--output": "--output=", "--sort-by": "--sort-by=", "--show-labels": "--show-labels", "--no-headers": "--no-headers",
}  # fmt: skip
_SORTS = {"name": "name", "creationTimestamp": "age", "restartCount": "restarts", "lastTimestamp": "age", "phase": "status"}


def read(words: list[str], facts: Facts) -> list[Step]:
    """The calls of a line after `kubectl`; raises NotTaken with the sentence for the person."""
    for index, word in enumerate(words):  # global flags may stand before the sub-command
        if not word.startswith("-") and (index == 0 or words[index - 1] not in ("-n", "--namespace", "--context")):
            verb, rest = word, words[:index] + words[index + 1 :]
            break
    else:
        raise NotTaken("That line names no sub-command of kubectl.")
    if verb in REFUSED:
        raise NotTaken(REFUSED[verb])
    if verb not in VERBS:
        raise NotTaken(f"I do not know `kubectl {verb}`. Say in words what you want.")
    reader, flags = VERBS[verb]
    return reader(parse(rest, dict(flags), facts))


def _scope(line: Line) -> dict[str, Any]:
    return {"all_namespaces": True} if "--all-namespaces" in line.flags else line.place


def _get(line: Line) -> list[Step]:
    output = line.one("--output", "wide")
    if output not in ("wide", "name", "yaml", "json"):
        raise NotTaken(f"I do not format output as {output.split('=')[0]!r}. Leave -o out, or take -o yaml.")
    if not line.words:
        raise NotTaken("That line does not say what to get.")
    kinds = line.words[0].split(",")
    if len(kinds) == 1 and (len(line.words) > 1 or "/" in line.words[0]):
        return [_get_one(kind, name, output, line) for kind, name in objects(line.words)]
    if len(line.words) > 1:
        raise NotTaken("Name objects of one kind at a time.")
    return [_list(kind_of(kind), line) for kind in kinds]


def _get_one(kind: str, name: str, output: str, line: Line) -> Step:
    if output in ("yaml", "json"):
        return Step("get_object", {"kind": kind, "name": name, **line.place}, f"show the definition of {kind} {name}{where(line.place)}")
    return Step("list_objects", {"kind": kind, "name": name, **line.place}, f"show {kind} {name}{where(line.place)}")


def _list(kind: str, line: Line) -> Step:
    scope = _scope(line)
    if kind == "all":
        return Step("status", scope, f"show what runs{where(scope)}")
    if kind in ("events", "event", "ev"):
        return Step("events", scope, f"show the events{where(scope)}")
    if line.one("--output") in ("yaml", "json"):
        raise NotTaken("Name the object whose definition you want to see.")
    arguments: dict[str, Any] = {"kind": kind, **scope}
    if "--selector" in line.flags:
        arguments["selector"] = line.one("--selector")
    if "--sort-by" in line.flags:
        field = line.one("--sort-by").strip("'\"{}").rsplit(".", 1)[-1]
        if field not in _SORTS:
            raise NotTaken(f"I cannot sort by {line.one('--sort-by')!r}; I can by name, age, status or restarts.")
        arguments["sort_by"] = _SORTS[field]
    return Step("list_objects", arguments, f"list {kind}s{where(scope)}")


def _describe(line: Line) -> list[Step]:
    found = objects(line.words)
    if not found:
        raise NotTaken("Say which object to describe.")
    return [Step("describe", {"kind": kind, "name": name, **line.place}, f"describe {kind} {name}{where(line.place)}") for kind, name in found]


def _logs(line: Line) -> list[Step]:
    if len(line.words) not in (1, 2):
        raise NotTaken("Say whose logs: a pod or KIND/NAME.")
    kind, name = one_object(line.words) if "/" in line.words[0] else ("", valid(line.words[0]))
    arguments: dict[str, Any] = {"name": name, **({"kind": kind} if kind else {}), **line.place}
    container = line.one("--container") or (line.words[1] if len(line.words) == 2 else "")
    if container:
        arguments["container"] = valid(container)
    if "--previous" in line.flags:
        arguments["previous"] = True
    if "--since" in line.flags:
        if not re.fullmatch(r"(?:\d+[smh])+", line.one("--since")):
            raise NotTaken("--since takes a duration like 10m or 1h.")
        arguments["since"] = line.one("--since")
    if (tail := line.number("--tail")) is not None and tail >= 0:
        arguments["tail"] = tail
    return [Step("logs", arguments, f"show the logs of {name}{where(line.place)}")]


def _top(line: Line) -> list[Step]:
    what = {"pod": "pods", "node": "nodes"}.get(kind_of(line.words[0]) if line.words else "", "")
    if not what or len(line.words) > 2:
        raise NotTaken("kubectl top is about pods or nodes.")
    arguments: dict[str, Any] = {"what": what, **(_scope(line) if what == "pods" else {})}
    if len(line.words) == 2:
        arguments["name"] = valid(line.words[1])
    if "--sort-by" in line.flags:
        if line.one("--sort-by") not in ("cpu", "memory"):
            raise NotTaken("--sort-by takes cpu or memory here.")
        arguments["sort_by"] = line.one("--sort-by")
    return [Step("top", arguments, f"show what {what} use{where(arguments)}")]


def _events(line: Line) -> list[Step]:
    if line.words:
        raise NotTaken("kubectl events takes no names; use --for KIND/NAME.")
    arguments: dict[str, Any] = _scope(line)
    if "--for" in line.flags:
        kind, name = one_object([line.one("--for")])
        arguments |= {"kind": kind, "name": name}
    if "--types" in line.flags:
        arguments["warnings_only"] = line.one("--types") == "Warning"
    return [Step("events", arguments, f"show the events{where(arguments)}")]


def _workload(line: Line) -> dict[str, Any]:
    kind, name = one_object(line.words)
    return {"name": name, "kind": kind, **line.place}


def _scale(line: Line) -> list[Step]:
    replicas = line.number("--replicas")
    if replicas is None:
        raise NotTaken("Say how many: --replicas=N.")
    if wrong := check_replicas(replicas):
        raise NotTaken(wrong.text)
    found = objects(line.words)
    return [
        Step("scale", {"name": name, "kind": kind, **line.place, "replicas": replicas}, f"scale {kind} {name} to {replicas} replicas{where(line.place)}", True)
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


def _set(line: Line) -> list[Step]:
    what, line.words = (line.words[0] if line.words else ""), line.words[1:]
    target = [word for word in line.words if "=" not in word and not re.fullmatch(r"[A-Z_][A-Z0-9_]*-", word)]
    values = [word for word in line.words if word not in target]
    kind, name = one_object(target)
    arguments: dict[str, Any] = {"name": name, **line.place}
    if what == "image":
        return _set_images(kind, arguments, _pairs(values, removal=False))
    if "--container" in line.flags:
        arguments["container"] = valid(line.one("--container"))
    if what == "env":
        env = _pairs(values)
        return [Step("set_env", {**arguments, "env": env}, f"set on {kind} {name} the variable {', '.join(env)}{where(line.place)}", True)]
    if what == "resources":
        sums = _resources(line)
        return [Step("set_resources", {**arguments, **sums}, f"set the resources of {kind} {name}: {', '.join(f'{key} {value}' for key, value in sums.items())}", True)]
    raise NotTaken(f"I do not know `kubectl set {what}`; I can set image, env and resources.")


def _set_images(kind: str, arguments: dict[str, Any], pairs: dict[str, str | None]) -> list[Step]:
    steps: list[Step] = []
    for container, image in pairs.items():
        if wrong := check_image(image or ""):
            raise NotTaken(wrong.text)
        own = {**arguments, "image": image, **({"container": valid(container)} if container != "*" else {})}
        steps.append(Step("set_image", own, f"set the image of {kind} {arguments['name']} ({container}) to {image}{where(arguments)}", True))
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


def _rollout(line: Line) -> list[Step]:
    what, line.words = (line.words[0] if line.words else ""), line.words[1:]
    tools = {"restart": "restart", "status": "rollout_status", "history": "rollout_history", "undo": "rollback"}
    if what not in tools:
        raise NotTaken(f"I do not know `kubectl rollout {what}`; I can restart, undo, and show status and history.")
    arguments, change = _workload(line), what in ("restart", "undo")
    if "--to-revision" in line.flags:
        if what != "undo":
            raise NotTaken("--to-revision belongs to rollout undo.")
        arguments["revision"] = line.number("--to-revision")
    verb = {"restart": "restart", "status": "show the rollout of", "history": "show the revisions of", "undo": "roll back"}[what]
    return [Step(tools[what], arguments, f"{verb} {arguments['kind']} {arguments['name']}{where(arguments)}", change)]


def _delete(line: Line) -> list[Step]:
    if "--selector" in line.flags:
        if len(line.words) != 1:
            raise NotTaken("With -l, name one kind and no objects.")
        arguments: dict[str, Any] = {"kind": kind_of(line.words[0]), "selector": line.one("--selector"), **line.place}
        return [Step("delete_objects", arguments, f"delete every {arguments['kind']} with {arguments['selector']}{where(line.place)}", True)]
    groups: dict[str, list[str]] = {}
    for kind, name in objects(line.words):
        groups.setdefault(kind, []).append(name)
    if not groups:
        raise NotTaken("Say what to delete by name or by label.")
    return [
        Step("delete_objects", {"kind": kind, "names": names, **line.place}, f"delete {kind} {', '.join(names)}{where(line.place)}", True)
        for kind, names in groups.items()
    ]


def _expose(line: Line) -> list[Step]:
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


def _mark(tool: str, slot: str) -> Callable[[Line], list[Step]]:
    def reader(line: Line) -> list[Step]:
        target = [word for word in line.words if "=" not in word and not word.endswith("-")]
        pairs = _pairs([word for word in line.words if word not in target])
        return [
            Step(tool, {"kind": kind, "name": name, slot: pairs, **line.place}, f"{tool} {kind} {name}: {', '.join(pairs)}{where(line.place)}", True)
            for kind, name in objects(target)
        ]

    return reader


def _autoscale(line: Line) -> list[Step]:
    kind, name = one_object(line.words)
    arguments: dict[str, Any] = {"name": name, "kind": kind, **line.place}
    for flag, slot in (("--min", "min"), ("--max", "max"), ("--cpu-percent", "cpu_percent")):
        if (number := line.number(flag)) is not None:
            arguments[slot] = number
    if "max" not in arguments:
        raise NotTaken("Say up to how many: --max=N.")
    return [Step("autoscale", arguments, f"autoscale {kind} {name} up to {arguments['max']} replicas{where(line.place)}", True)]


def _cordon(on: bool) -> Callable[[Line], list[Step]]:
    def reader(line: Line) -> list[Step]:
        nodes = [valid(word.removeprefix("node/")) for word in line.words]
        if not nodes:
            raise NotTaken("Say which node.")
        return [Step("cordon", {"node": node, "on": on}, f"{'cordon' if on else 'uncordon'} node {node}", True) for node in nodes]

    return reader


def _create(line: Line) -> list[Step]:
    kind = kind_of(line.words[0]) if line.words else ""
    if "--filename" in line.flags:
        return _apply(line)
    if kind == "namespace" and len(line.words) == 2:
        return [Step("create_namespace", {"name": valid(line.words[1])}, f"create the namespace {line.words[1]}", True)]
    if kind == "deployment" and len(line.words) == 2 and "--image" in line.flags:
        return _run(Line(line.words[1:], line.flags))
    raise NotTaken("I can create namespaces, and deployments with --image. For anything else, paste the manifest to apply.")


def _run(line: Line) -> list[Step]:
    if len(line.words) != 1 or "--image" not in line.flags:
        raise NotTaken("Say one name and its --image.")
    if wrong := check_image(line.one("--image")):
        raise NotTaken(wrong.text)
    arguments: dict[str, Any] = {"component": valid(line.words[0]), "image": line.one("--image"), **line.place}
    if (replicas := line.number("--replicas")) is not None:
        if wrong := check_replicas(replicas):
            raise NotTaken(wrong.text)
        arguments["replicas"] = replicas
    return [Step("deploy", arguments, f"deploy {arguments['component']} from image {arguments['image']}{where(line.place)}", True)]


def _apply(line: Line) -> list[Step]:
    file = line.one("--filename", "the manifest")
    raise NotTaken(f"I do not read files named in a pasted line. Paste the content of {file} here, and I show what applying it would change.")


def _api_resources(line: Line) -> list[Step]:
    return [Step("list_kinds", {}, "list the kinds of objects that the cluster knows")]


_CONTAINER = {"-c": "--container=", "--container": "--container="}
_FILE = {"-f": "--filename=", "--filename": "--filename="}
_SELECTOR = {"-l": "--selector=", "--selector": "--selector="}
_IMAGE = {"--image": "--image=", "--replicas": "--replicas="}
VERBS: dict[str, tuple[Callable[[Line], list[Step]], dict[str, str]]] = {
    "get": (_get, _GET),
    "describe": (_describe, {}),
    "logs": (_logs, {**_CONTAINER, "-p": "--previous", "--previous": "--previous", "--since": "--since=", "--tail": "--tail=", "-f": "--follow", "--follow": "--follow"}),
    "top": (_top, {"-A": "--all-namespaces", "--all-namespaces": "--all-namespaces", "--sort-by": "--sort-by="}),
    "events": (_events, {"-A": "--all-namespaces", "--all-namespaces": "--all-namespaces", "--for": "--for=", "--types": "--types="}),
    "scale": (_scale, {"--replicas": "--replicas="}),
    "set": (_set, {**_CONTAINER, "--limits": "--limits=", "--requests": "--requests="}),
    "rollout": (_rollout, {"--to-revision": "--to-revision="}),
    "delete": (_delete, _SELECTOR),
    "expose": (_expose, {"--port": "--port=", "--target-port": "--target-port=", "--type": "--type=", "--name": "--name="}),
    "label": (_mark("label", "labels"), {"--overwrite": "--overwrite"}),
    "annotate": (_mark("annotate", "annotations"), {"--overwrite": "--overwrite"}),
    "autoscale": (_autoscale, {"--min": "--min=", "--max": "--max=", "--cpu-percent": "--cpu-percent="}),
    "cordon": (_cordon(True), {}),
    "uncordon": (_cordon(False), {}),
    "create": (_create, {**_IMAGE, **_FILE}),
    "run": (_run, _IMAGE),
    "apply": (_apply, _FILE),
    "api-resources": (_api_resources, {}),
}

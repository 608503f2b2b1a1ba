"""What a draft still lacks: what has to be asked, and what follows from the rest without being said."""

from __future__ import annotations

import re
from typing import Any

from agent.minds.planner.drafts.access import by_group
from agent.minds.planner.drafts.data import groups, kinds
from agent.minds.planner.drafts.relations import own_labels

Object = dict[str, Any]


def missing(kind: str, name: str, manifest: Object) -> str:
    """The one question that has to be answered first; empty when nothing is missing."""
    if not name:
        return f"What shall the {kind} be called?"
    if kind in groups()["pods"]:
        pods = inner(manifest, kinds()[kind]["pods"])
        for container in (*pods.get("containers", ()), *pods.get("initContainers", ())):
            if not container.get("image"):
                called = container.get("name")
                return f"Which image shall {f'container {called} of ' if called else ''}{kind} {name} run?"
    for path, question in kinds()[kind].get("needs", {}).items():
        if not has(manifest, path):
            return question.replace("{name}", name)
    return ""


def suggestion(kind: str, manifest: Object) -> str:
    """The name that suggests itself for an object that was given none; empty where none does."""
    form = kinds()[kind]
    for path in form.get("unnamed", ()):
        if has(manifest, path):
            *steps, last = path.split(".")
            return inner(manifest, ".".join(steps))[last]
    if not form.get("named-by-work"):
        return ""
    container = inner(manifest, form["pods"]).get("containers", [{}])[0]
    command = [word for word in container.get("command", ()) if re.fullmatch(r"[\w./-]+", word)]
    verb = command[0].rsplit("/", 1)[-1].split(".")[0] if command else ""
    said = verb if verb not in ("", "sh", "bash", "echo", "sleep", "python", "python3") else container.get("image", "")
    return said.rsplit("/", 1)[-1].split(":")[0].split("@")[0].lower().replace("_", "-")


def finished(kind: str, manifest: Object) -> list[Object]:
    """The manifest with what follows by itself, and the objects that it needs besides."""
    name = manifest["metadata"]["name"]
    form = kinds()[kind]
    more: list[Object] = []
    if kind in groups()["pods"]:
        _finish_pods(kind, name, manifest)
        more = _claims(kind, manifest)
    if "rules" in manifest:
        manifest["rules"] = [split for rule in manifest["rules"] for split in by_group(rule)]
    for one in manifest.get("subjects", ()):
        if one["kind"] == "ServiceAccount":
            one.setdefault("namespace", manifest["metadata"].get("namespace", "default"))
    for path, value in form.get("defaults", {}).items():
        if not has(manifest, path):
            _set(manifest, path, value.replace("{name}", name) if isinstance(value, str) else value)
    return [*more, _ordered(manifest)]


_LATE = ("template", "jobTemplate", "volumeClaimTemplates")


def _ordered(manifest: Object) -> Object:
    """The manifest as people write it: small fields before templates, nothing empty."""
    spec = manifest.get("spec", {})
    spec.update({field: spec.pop(field) for field in _LATE if field in spec})
    return {key: value for key, value in manifest.items() if value or key != "spec"}


def _finish_pods(kind: str, name: str, manifest: Object) -> None:
    pods = inner(manifest, kinds()[kind]["pods"])
    for field in ("containers", "initContainers"):
        pods[field] = [_container(one, name, pods, len(pods[field]) == 1) for one in pods.get(field, ())]
    pods.update({"containers": pods.pop("containers")})  # where people look for them: at the end, with what they mount
    pods.update({field: pods.pop(field) for field in ("initContainers", "volumes") if field in pods})
    for field in ("initContainers", "volumes"):
        if not pods.get(field, True):
            del pods[field]
    own_labels(pods, {"app": name, **_own(kind, manifest)})
    if kind in groups()["selecting"]:
        labels = manifest["metadata"].setdefault("labels", {})
        labels.setdefault("app", name)
        template = manifest["spec"]["template"]
        own = template.setdefault("metadata", {}).setdefault("labels", {})
        own.update({**labels, **own})
        manifest["spec"]["selector"] = {"matchLabels": {"app": own["app"]}}
        manifest["spec"]["template"] = {"metadata": template["metadata"], "spec": template["spec"]}


def _own(kind: str, manifest: Object) -> Object:
    """The label by which the pods will be known."""
    template = manifest.get("spec", {}).get("template", {}) if kind in groups()["selecting"] else {}
    labels = template.get("metadata", {}).get("labels", {})
    own = {**manifest["metadata"].get("labels", {}), **labels}
    return {"app": own["app"]} if "app" in own else {}


def _container(said: Object, name: str, pods: Object, only: bool) -> Object:
    """A container as Kubernetes writes it: names first, variables as a list, mounts with their volumes in the pod."""
    default = name if only else said["image"].split("/")[-1].split(":")[0]
    container: Object = {"name": said.pop("name", default), "image": said.pop("image"), **said}
    for key, value in container.pop("environment", {}).items():
        container.setdefault("env", []).append({"name": key, "value": value})
    for variable in container.get("env", ()):
        for reference in variable.get("valueFrom", {}).values():
            reference.setdefault("key", variable["name"])
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        if (get := container.get(probe, {}).get("httpGet")) is not None and "port" not in get:
            get["port"] = next((port["containerPort"] for port in container.get("ports", ())), 80)
    for mount in container.pop("mount", ()):
        container.setdefault("volumeMounts", []).append(_mounted(mount, pods))
    return container


def _mounted(mount: Object, pods: Object) -> Object:
    """The mount of a volume, which the pod gets if it does not have it yet."""
    name = mount.get("name") or ("data" if "claim" in mount else "shared")
    if "claim" in mount:
        pods.setdefault("newClaims", []).append({"name": name, "spec": mount["claim"]})
    elif all(volume["name"] != name for volume in pods.setdefault("volumes", [])):
        pods["volumes"].append({"name": name, **mount["source"]})
    return {"name": name, "mountPath": mount["path"], **({"readOnly": True} if mount.get("readOnly") else {})}


def _claims(kind: str, manifest: Object) -> list[Object]:
    """New claims that pods were said to have: templates of a stateful set, objects of their own otherwise."""
    pods = inner(manifest, kinds()[kind]["pods"])
    claims = pods.pop("newClaims", [])
    if kind == "statefulset":
        if claims:
            manifest["spec"]["volumeClaimTemplates"] = [
                {"metadata": {"name": claim["name"]}, "spec": claim["spec"]} for claim in claims
            ]
        return []
    place = {key: manifest["metadata"][key] for key in ("namespace",) if key in manifest["metadata"]}
    made: list[Object] = []
    for claim in claims:
        full = f"{manifest['metadata']['name']}-{claim['name']}"
        pods.setdefault("volumes", []).append({"name": claim["name"], "persistentVolumeClaim": {"claimName": full}})
        made.append(
            {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "metadata": {"name": full, **place},
                "spec": claim["spec"],
            }
        )
    return made


def inner(manifest: Object, path: str) -> Object:
    """The mapping at a path, made where it is not there."""
    for name in path.split("."):
        manifest = manifest.setdefault(name, {})
    return manifest


def has(manifest: Object, path: str) -> bool:
    """Whether something was said about a path; `a|b` is either."""
    return any(_has(manifest, one) for one in path.split("|"))


def _has(manifest: Object, path: str) -> bool:
    for name in path.split("."):
        if name not in manifest:
            return False
        manifest = manifest[name]
    return True


def _set(manifest: Object, path: str, value: Any) -> None:
    *steps, last = path.split(".")
    (inner(manifest, ".".join(steps)) if steps else manifest)[last] = value

"""The pod of a helper while it runs: until it has ended, or until it is clear that it never will begin."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from tools.change import Ref
from tools.context import Context
from tools.errors import ShipmateError
from tools.kubernetes.look.events import fetch_events
from tools.kubernetes.look.pods import containers
from tools.progress import Progress, Steps

Object = Mapping[str, Any]

_TICK = 0.3  # seconds between two looks
_MOST_BYTES = 64 * 1024  # of one container's output
_MISSING = ("StartError", "ContainerCannotRun")  # reasons of a container whose program is not in the image
_NEVER = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "CreateContainerConfigError",
          "CreateContainerError", "RunContainerError")  # fmt: skip


class Ran(NamedTuple):
    """What the containers printed, by name, where their program was there at all; else why nothing came."""

    outputs: Mapping[str, str]
    problem: str = ""
    pod: str = ""


def until_ended(ctx: Context, ref: Ref, seconds: float) -> Steps[Ran]:
    """Wait for all containers of the helper's pod to end, and read what they printed."""
    pod: Object | None = None
    for pod, told in _looks(ctx, ref, seconds):
        yield Progress(told)
        if pod is None:
            continue
        if problem := _in_vain(pod):
            return Ran({}, problem, pod["metadata"]["name"])
        if _all_ended(pod):
            return _outputs(ctx, pod)
    return Ran({}, _why_not(ctx, ref, pod))


def until_started(ctx: Context, ref: Ref, seconds: float) -> Steps[Ran]:
    """Wait for the helper's pod to run."""
    pod: Object | None = None
    for pod, told in _looks(ctx, ref, seconds):
        yield Progress(told)
        if pod is None:
            continue
        name = pod["metadata"]["name"]
        states = [status.get("state") or {} for _, _, status in containers(pod)]
        if states and all("running" in state for state in states):
            return Ran({}, "", name)
        ended = [state["terminated"] for state in states if "terminated" in state]
        if problem := _in_vain(pod) or "; ".join(f"it ended at once ({_ending(one)})" for one in ended):
            return Ran({}, problem, name)
    return Ran({}, _why_not(ctx, ref, pod))


def _looks(ctx: Context, ref: Ref, seconds: float) -> Any:
    """The pod as it is now, again and again, with how far it is in words; None while there is none."""
    pods = ctx.cluster.kinds.resolve("pods")
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        pod = next(iter(ctx.cluster.list(pods, ref.namespace, selector=f"job-name={ref.name}")), None)
        phase = (pod or {}).get("status", {}).get("phase", "")
        yield pod, "the helper is running" if phase == "Running" else "waiting for the helper to start"
        time.sleep(_TICK)


def _all_ended(pod: Object) -> bool:
    if pod["status"].get("phase") in ("Succeeded", "Failed"):
        return True
    main = [status for role, _, status in containers(pod) if role == "main"]
    return bool(main) and all("terminated" in (status.get("state") or {}) for status in main)


def _in_vain(pod: Object) -> str:
    """Why the pod will never run, as soon as that is certain."""
    for _, spec, status in containers(pod):
        waiting: Object = (status.get("state") or {}).get("waiting") or {}
        if waiting.get("reason") in _NEVER and not _no_program(waiting):
            return f"its image {spec['image']} does not start here ({waiting['reason']}: {waiting.get('message', '')})"
    return ""


def _no_program(state: Object) -> bool:
    return "executable file not found" in str(state.get("message")) or state.get("reason") in _MISSING


def _outputs(ctx: Context, pod: Object) -> Ran:
    found: dict[str, str] = {}
    name, problem = pod["metadata"]["name"], ""
    for _, spec, status in containers(pod):
        ended: Object = (status.get("state") or {}).get("terminated") or {}
        if _no_program(ended):
            problem = problem or f"image {spec['image']} has none of the programs that are needed for it"
            continue
        path = f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{name}/log"
        try:
            raw = ctx.cluster.get_raw(path, accept="*/*", container=spec["name"], limitBytes=_MOST_BYTES)
        except ShipmateError as error:
            problem = f"its output could not be read: {error.message}"
            continue
        found[spec["name"]] = raw.decode("utf-8", "replace")
    evicted = pod["status"].get("message") if not found and not problem else ""
    return Ran(found, problem if not found else "", name) if not evicted else Ran({}, str(evicted), name)


def _ending(ended: Object) -> str:
    if _no_program(ended):
        return "the image has no such program"
    return f"{ended.get('reason') or 'Error'}, exit code {ended.get('exitCode')}"


def _why_not(ctx: Context, ref: Ref, pod: Object | None) -> str:
    """Why nothing came of it in time."""
    if pod is None:
        events = fetch_events(ctx, ref.namespace, fields=f"involvedObject.name={ref.name}", warnings_only=True)
        reason = str(events[-1].get("message") or events[-1].get("note") or "") if events else ""
        return f"no pod was made for it{f': {reason}' if reason else ''}"
    for one in pod["status"].get("conditions") or ():
        if one.get("type") == "PodScheduled" and one.get("status") != "True":
            return f"its pod finds no place: {one.get('message') or one.get('reason')}"
    phase = pod["status"].get("phase", "Pending")
    return "it did not end in time" if phase == "Running" else "its pod did not start in time"

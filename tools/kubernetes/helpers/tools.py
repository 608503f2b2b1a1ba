"""Checks that reading cannot replace, and a copy of a pod to look around in: each a helper Job that removes itself."""

from __future__ import annotations

from typing import Any, Literal

from tools.change import HelperJob, Json, Proposal
from tools.context import Context
from tools.errors import BadRequest
from tools.kubernetes.helpers.images import Chosen, choose, choose_userland, command
from tools.kubernetes.helpers.job import helper_job, helper_ref, small_container
from tools.kubernetes.helpers.position import Position, disturbed, on_node, position_of
from tools.kubernetes.helpers.targets import host_of, target_of
from tools.kubernetes.helpers.volumes import reader_of
from tools.kubernetes.helpers.way import way

_SPARE = 15  # seconds that a check may take beyond what it waits for the network
_MOST_SECONDS = 60


def check_connection(
    ctx: Context,
    *,
    target: str,
    source: str | None = None,
    namespace: str | None = None,
    port: int | None = None,
    timeout: int = 5,
    image: str | None = None,
) -> Proposal:
    """Try from a pod's own network position whether a service or host:port (TCP) or a URL (HTTP) is reached.

    target: backend, backend:8000, db.staging:5432, http://backend:8000/health. source: the pod or workload to stand
    beside, with its labels, node and service account, so that NetworkPolicies hold as for it; without it, a plain pod.
    A helper pod is run for a moment and removed. image: one with python3, node or perl, if no other is at hand.
    """
    _check_seconds(timeout)
    place = position_of(ctx, source, namespace)
    aim = target_of(ctx, target, place.namespace, port)
    asks: Literal["connect", "http"] = "http" if aim.url else "connect"
    summary = f"check whether {source or place.title} reaches {aim.title}"
    about: dict[str, Json] = {"host": aim.host, "url": aim.url, "near": list(aim.near), "source": source or place.title}
    arguments = [asks, aim.host, ",".join(map(str, aim.ports)), aim.url or "-", str(timeout)]
    limit = timeout * len(aim.ports) * 4 + _SPARE  # a name may have several addresses
    proposal = _asking(ctx, place, asks, summary, about, arguments, limit, image, aim.notes)
    return proposal.model_copy(update={"notes": way(ctx, place, aim).lines}) if source else proposal


def check_dns(
    ctx: Context, *, name: str, source: str | None = None, namespace: str | None = None, image: str | None = None
) -> Proposal:
    """Try from a pod's own network position whether a name resolves, and to which addresses.

    source: the pod or workload to stand beside; without it, a plain pod. A helper pod is run for a moment and removed.
    """
    place = position_of(ctx, source, namespace)
    host, near = host_of(ctx, name, place.namespace)
    summary = f"check whether {source or place.title} resolves {host}"
    about: dict[str, Json] = {"host": host, "near": list(near), "source": source or place.title}
    arguments = ["resolve", host, "0", "-", "5"]
    return _asking(ctx, place, "resolve", summary, about, arguments, 30, image)


def _check_seconds(timeout: int) -> None:
    if not 1 <= timeout <= _MOST_SECONDS:
        raise BadRequest(f"The timeout must be between 1 and {_MOST_SECONDS} seconds.")


def _asking(
    ctx: Context,
    place: Position,
    asks: Literal["resolve", "connect", "http"],
    summary: str,
    about: dict[str, Json],
    arguments: list[str],
    seconds: int,
    image: str | None,
    notes: tuple[str, ...] = (),
) -> Proposal:
    chosen = choose(ctx, place, image)
    containers = [
        small_container(tool, chosen.image, [*command(tool), *arguments], place.user()) for tool in chosen.instruments
    ]
    ref = helper_ref(place.namespace, "check")
    manifest = helper_job(
        ref, place, containers, seconds=seconds, labels=place.labels, extra=_beside_image(place, chosen)
    )
    notes = (*notes, *disturbed(ctx, place))
    if not chosen.sure:
        tools = ", ".join(chosen.instruments)
        notes += (f"What image {chosen.image} has in it is not known: {tools} are tried at once.",)
    change = HelperJob(
        summary=summary, ref=ref, manifest=manifest, asks=asks, about={**about, "notes": list(notes)},
        why="what reading cannot tell is tried from where it matters",
    )  # fmt: skip
    return Proposal(changes=(change,))


def _beside_image(place: Position, chosen: Chosen) -> dict[str, Any]:
    """Where no pod says where to stand, a node that has the image."""
    return on_node(chosen.node) if chosen.node and not place.node else {}


def list_volume(
    ctx: Context,
    *,
    claim: str,
    path: str = "/",
    head: int = 0,
    namespace: str | None = None,
    image: str | None = None,
) -> Proposal:
    """List the files in a volume claim, read-only: of a folder, or one file with its size.

    path: within the volume. head: how many of a file's first bytes to show. A helper pod is run for a moment beside
    the pod that uses the claim, as its user, and removed.
    """
    if not 0 <= head <= 16_384:
        raise BadRequest("The number of bytes to show must be between 0 and 16384.")
    reader = reader_of(ctx, claim, namespace)
    place = reader.position
    inside = reader.inside(path)
    chosen = choose_userland(ctx, place, image)
    programs = {"list": ["ls", "-lA", inside], "size": ["df", "-h", "-P", inside]}
    if head:
        programs["head"] = ["head", "-c", str(head), inside]
    containers = [reader.container(name, chosen.image, argv) for name, argv in programs.items()]
    ref = helper_ref(place.namespace, "look")
    extra = {**_beside_image(place, chosen), **reader.spec()}
    manifest = helper_job(ref, place, containers, seconds=_SPARE, labels={}, extra=extra)
    what = f"the first {head} bytes of {path}" if head else f"the files in {path}"
    change = HelperJob(
        summary=f"show {what} of claim {claim} in {place.namespace}", ref=ref, manifest=manifest, asks="files",
        about={"claim": claim, "path": path, "notes": list(reader.notes)}, why="the volume is only read",
    )  # fmt: skip
    return Proposal(changes=(change,))


def debug_copy(
    ctx: Context, *, name: str, container: str | None = None, namespace: str | None = None, minutes: int = 30
) -> Proposal:
    """Start a copy of a pod that only sleeps, to look around in with kubectl exec: same image, environment, volumes.

    name: a pod or workload. No service sends anything to the copy, and nothing of the application runs in it. It
    removes itself after `minutes`, or by undo.
    """
    from tools.kubernetes.helpers.copies import copy_of

    if not 1 <= minutes <= 480:
        raise BadRequest("The copy may stay between 1 and 480 minutes.")
    return Proposal(changes=(copy_of(ctx, position_of(ctx, name, namespace), name, container, minutes * 60),))

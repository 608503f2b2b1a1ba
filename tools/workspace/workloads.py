"""Change tools for components and workloads: image, resources, environment, rollback (replicas: `scaling.py`)."""

from __future__ import annotations

from tools.change import Change, Proposal, RolloutUndo
from tools.context import Context
from tools.docker.reference import Reference
from tools.errors import BadRequest, NeedsAnswer, NotFound, Refused, Unreachable
from tools.helm import store
from tools.helm.changes import helm_rollback
from tools.helm.values import Values
from tools.kubernetes.look.owners import helm_release
from tools.kubernetes.names import check_image
from tools.kubernetes.relative import resolved
from tools.kubernetes.workload_changes import (
    containers_of,
    env_change,
    image_change,
    pick_container,
    ref_of,
    resources_change,
)
from tools.secrets.sealing import seal, sealed
from tools.workspace.chart_values import env_values, image_values, resource_values
from tools.workspace.components import Component
from tools.workspace.images import image_plan
from tools.workspace.routing import Managed, Subject, changed, subject


def set_image(
    ctx: Context,
    *,
    name: str,
    image: str | None = None,
    tag: str | None = None,
    container: str | None = None,
    kind: str | None = None,
    namespace: str | None = None,
) -> Proposal:
    """Set the image of a component or workload: a whole reference, or only another `tag` of the image it has."""
    if not image and not tag:
        raise NeedsAnswer(f"Which image (or tag) shall {name} get?", slot="image")
    target = subject(ctx, name, kind, namespace)
    return image_subject(ctx, target, _reference(target, image, tag, container), container)


def image_subject(ctx: Context, target: Subject, image: str, container: str | None = None) -> Proposal:
    """Have a workload run this image, brought to the cluster first where that is needed and possible."""
    picked = pick_container(target.live, container)
    ref = ref_of(target.live)
    already = f"{ref.kind} {ref.name} in {ref.namespace} runs {image} already."
    steps: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()
    if picked.get("image") != image:
        try:
            steps, image, notes = image_plan(ctx, Component(image=image))
        except (NeedsAnswer, Unreachable):  # no engine, or nobody knows the registry: the cluster pulls by itself
            notes = ("Whether the image can be pulled could not be checked.",)
    plain = image_change(target.live, container, image)

    def direct() -> Change | None:
        return None if picked.get("image") == image else plain

    def values(found: Managed) -> Values:
        if len(containers_of(target.live)) > 1 and picked["name"] != containers_of(target.live)[0]["name"]:
            raise NotFound(f"The chart's setting for the image is not known to be that of container {picked['name']}.")
        return image_values(found.values, found.prefix, image)

    proposal = changed(ctx, target, values, direct, plain.summary, already)
    if not proposal.changes:
        return proposal
    return Proposal(changes=(*steps, *proposal.changes), notes=(*notes, *proposal.notes))


def set_resources(
    ctx: Context,
    *,
    name: str,
    cpu_request: str | None = None,
    cpu_limit: str | None = None,
    memory_request: str | None = None,
    memory_limit: str | None = None,
    container: str | None = None,
    kind: str | None = None,
    namespace: str | None = None,
) -> Proposal:
    """Set requests and limits of a component or workload, like cpu 250m, memory 512Mi; "none" takes one away; x2, +20%
    or -128Mi are worked out from what is set now."""
    target = subject(ctx, name, kind, namespace)
    live: dict[str, dict[str, str]] = pick_container(target.live, container).get("resources") or {}
    requests = _amounts(live.get("requests"), target, cpu=cpu_request, memory=memory_request)
    limits = _amounts(live.get("limits"), target, cpu=cpu_limit, memory=memory_limit)
    if not requests and not limits and any((cpu_request, cpu_limit, memory_request, memory_limit)):
        raise BadRequest(f"{_title(target)} has nothing set of that to go by.", "Say an amount, like memory 512Mi.")
    plain = resources_change(target.live, container, requests, limits)
    same = all(
        (live.get(part) or {}).get(key) == value
        for part, given in (("requests", requests), ("limits", limits))
        for key, value in given.items()
    )

    def direct() -> Change | None:
        return None if same else plain

    def values(found: Managed) -> Values:
        return resource_values(found.prefix, requests, limits)

    return changed(ctx, target, values, direct, plain.summary, f"{_title(target)} has these resources already.")


def set_env(
    ctx: Context,
    *,
    name: str,
    env: dict[str, str | None],
    container: str | None = None,
    kind: str | None = None,
    namespace: str | None = None,
) -> Proposal:
    """Set environment variables of a component or workload; null as a value removes the variable."""
    target = subject(ctx, name, kind, namespace)
    hidden: dict[str, str | None] = seal(ctx, dict(env))
    plain = sealed(ctx, env_change(target.live, container, hidden))
    now = {item["name"]: item.get("value") for item in pick_container(target.live, container).get("env") or ()}
    same = all(key in now and now[key] == value for key, value in env.items() if value is not None) and not any(
        key in now for key, value in env.items() if value is None
    )

    def direct() -> Change | None:
        return None if same else plain

    def values(found: Managed) -> Values:
        return env_values(found.values, found.release.values, found.prefix, env)

    return changed(ctx, target, values, direct, plain.summary, f"{_title(target)} has these variables already.")


def rollback(
    ctx: Context,
    *,
    name: str,
    revision: int | None = None,
    kind: str | None = None,
    namespace: str | None = None,
) -> Proposal:
    """Put a component, workload or Helm release back to an earlier revision (without one: to the one before)."""
    try:
        target = subject(ctx, name, kind, namespace)
    except NotFound as error:
        try:
            return helm_rollback(ctx, release=name, revision=revision, namespace=namespace)
        except NotFound:
            raise error from None
    owner = helm_release(target.live)
    if owner and store.history(ctx, *owner):
        proposal = helm_rollback(ctx, release=owner[0], revision=revision, namespace=owner[1])
        note = f"{_title(target)} belongs to Helm release {owner[0]}, which goes back as a whole."
        return Proposal(changes=proposal.changes, notes=(note, *target.notes))
    if target.live["spec"].get("paused"):
        raise Refused(f"{_title(target)} is paused, so a rollback would not happen.", "Resume it first.")
    to = f"revision {revision}" if revision else "the revision before"
    change = RolloutUndo(
        summary=f"roll back {ref_of(target.live)} to {to}", ref=ref_of(target.live), revision=revision or 0
    )
    return Proposal(changes=(change,), notes=target.notes)


def _reference(target: Subject, image: str | None, tag: str | None, container: str | None) -> str:
    """The whole reference that is meant; the registry of the image at hand stays when only a tag is given."""
    if image is None:
        present = Reference.parse(str(pick_container(target.live, container).get("image") or ""))
        return str(present.tagged(tag or ""))
    check_image(image)
    given = Reference.parse(image)
    if tag and given.tag not in ("", tag):
        raise BadRequest(
            f"The image {image} has the tag {given.tag}, and {tag} was asked for as well.", "Give one of them."
        )
    return str(given.tagged(tag)) if tag else image


def _amounts(live: dict[str, str] | None, target: Subject, **given: str | None) -> dict[str, str | None]:
    gone = ("none", "no", "unlimited", "")
    said = {key: value for key, value in given.items() if value is not None}
    kept = {key: value for key, value in said.items() if value.lower() not in gone}
    return dict.fromkeys(key for key in said if key not in kept) | resolved(kept, live or {}, _title(target))


def _title(target: Subject) -> str:
    ref = ref_of(target.live)
    return f"{ref.kind} {ref.name} in {ref.namespace}"

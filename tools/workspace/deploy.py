"""Deploy what the workspace holds: images built and delivered, the chart installed or upgraded with what is needed."""

from __future__ import annotations

from typing import Any

from tools.change import Change, Delete, HelmRelease, HelmUninstall, Proposal, Ref
from tools.context import Context
from tools.errors import BadRequest, NeedsAnswer, NotFound
from tools.helm import charts, store
from tools.helm.changes import helm_uninstall, pinned, upgrade
from tools.helm.values import Values, look, merged, nested
from tools.kubernetes.door.paths import check_namespace
from tools.kubernetes.look.find import find_workload
from tools.kubernetes.look.owners import helm_release
from tools.kubernetes.workload_changes import ref_of
from tools.secrets.sealing import seal
from tools.workspace import deploy_values
from tools.workspace.components import Component
from tools.workspace.images import image_plan
from tools.workspace.plain import deploy_image
from tools.workspace.routing import Subject, managed, subject, workspace_chart
from tools.workspace.scaling import check_replicas, scale_subject
from tools.workspace.workloads import set_image


def deploy(
    ctx: Context,
    *,
    component: str | None = None,
    replicas: int | None = None,
    image: str | None = None,
    tag: str | None = None,
    namespace: str | None = None,
    values: dict[str, Any] | None = None,
    only: bool = False,
) -> Proposal:
    """Deploy a component of the workspace together with what it needs (`only`: just it), or without `component` the
    whole application: images are built and delivered where they are missing, then the chart is installed or upgraded.

    `values` are settings of the chart by dotted path. Any other name with an `image` becomes a plain Deployment.
    """
    if replicas is not None:
        check_replicas(replicas)
    if namespace:
        check_namespace(namespace)
    workspace = ctx.workspace
    if workspace.components and workspace.is_whole(component) and not image:
        return _deploy(ctx, None, replicas, None, tag, namespace, values, only=False)
    if component in workspace.components:
        return _deploy(ctx, component, replicas, image, tag, namespace, values, only=only)
    if not component and not image:
        raise NeedsAnswer("What shall I deploy?", tuple(workspace.components), slot="component")
    return _deploy_other(ctx, component or _name_of(image or ""), replicas, image, tag, namespace)


def undeploy(ctx: Context, *, component: str, namespace: str | None = None) -> Proposal:
    """Take down a component, a Helm release, a plain workload, or the whole application; kept volumes stay."""
    if ctx.workspace.is_whole(component) or component == ctx.workspace.release:
        return helm_uninstall(ctx, release=ctx.workspace.release, namespace=namespace)
    try:
        target = subject(ctx, component, None, namespace)
    except NotFound as error:
        try:
            return helm_uninstall(ctx, release=component, namespace=namespace)
        except NotFound:
            raise error from None
    if owner := helm_release(target.live):
        return _switch_off(ctx, target, owner)
    ref = ref_of(target.live)
    changes: list[Change] = [Delete(summary=f"delete {ref}", ref=ref)]
    service = Ref(api_version="v1", kind="Service", name=ref.name, namespace=ref.namespace)
    try:
        ctx.cluster.read(service)
        changes.append(Delete(summary=f"delete {service}", ref=service))
    except NotFound:
        pass
    return Proposal(changes=tuple(changes), notes=target.notes)


# --- the workspace's own components -------------------------------------------------------------------------------


def _deploy(
    ctx: Context,
    name: str | None,
    replicas: int | None,
    image: str | None,
    tag: str | None,
    namespace: str | None,
    values: dict[str, Any] | None,
    *,
    only: bool,
) -> Proposal:
    """`name` is one component, None all of them."""
    workspace = ctx.workspace
    live = _find(ctx, name, namespace) if name else None
    if live and not helm_release(live):
        return _as_it_is(ctx, live, replicas, image, tag, values)
    if workspace.chart is None:
        if name is None:
            raise NeedsAnswer(
                "Without a chart, one at a time. Which one?", tuple(workspace.components), slot="component"
            )
        return deploy_image(
            ctx, name, workspace.component(name).image, replicas, namespace or ctx.cluster.namespace,
            component=_retagged(workspace.component(name), image, tag),
        )  # fmt: skip
    present = _release(ctx, live, namespace)
    if live and name and present and replicas is not None and not (image or tag or values):
        # Only the number is asked for: what runs keeps its image and its chart.
        return scale_subject(ctx, _subject(ctx, live), replicas)
    if live and present and present.chart_name != pinned(ctx, workspace_chart(ctx)).name:
        return _as_it_is(ctx, live, replicas, image, tag, values)
    place = present.namespace if present else _namespace(ctx, namespace)
    names = (name,) if name else tuple(workspace.components)
    wanted = workspace.with_needs(names) if not only else tuple(workspace.component(one) for one in names)
    return _through_chart(ctx, present, place, names, wanted, replicas, image, tag, nested(values or {}))


def _through_chart(
    ctx: Context,
    present: store.Revision | None,
    namespace: str,
    names: tuple[str, ...],
    wanted: tuple[Component, ...],
    replicas: int | None,
    image: str | None,
    tag: str | None,
    given: Values,
) -> Proposal:
    """Build and deliver what is missing, then install the chart or upgrade its release."""
    workspace = ctx.workspace
    source = workspace_chart(ctx)
    chart = pinned(ctx, source)
    charts.check_settings(given, chart)
    release = present.name if present else workspace.release
    now = present.values if present else {}
    running = deploy_values.enabled(workspace, chart.values, now) if present else ()
    settings = deploy_values.switches(workspace, chart.values, wanted, present is None)
    steps: list[Change] = []
    notes: list[str] = []
    for one in wanted:
        if one.name not in names and one.name in running:
            continue  # what is needed runs already, and was not asked for
        plan = image_plan(ctx, _retagged(one, image if one.name in names else None, None), _tag(one, names, tag))
        steps += plan.changes
        notes += plan.notes
        settings = merged(settings, deploy_values.image_of(chart.values, one, plan.reference))
    in_force = merged(chart.values, now)
    for one in wanted:
        if replicas is not None and one.name in names and (one.source or len(names) == 1):
            settings = merged(settings, deploy_values.replicas_of(in_force, one, replicas, notes))
        if one.name not in running:
            settings = merged(settings, deploy_values.password_of(ctx, in_force, one, release, namespace))
    whole = len(names) != 1
    if whole:
        settings = merged(settings, deploy_values.ingress_of(ctx, in_force, notes))
    settings = merged(settings, given)
    said = "the whole application" if whole else names[0]
    what = ", ".join(one.name for one in wanted if one.name not in (*names, *running))
    notes += [f"Comes with what {said} needs: {what}."] if what else []
    if present:
        change = _upgrade(ctx, present, chart, source, settings, said)
        if change is None:
            text = f"{said[:1].upper()}{said[1:]} is deployed like that already: release {release} in {namespace}."
            return Proposal(notes=(text, *notes))
    else:
        change = HelmRelease(
            summary=f"install release {release} in {namespace}: {said}{_many(replicas)}",
            action="install",
            release=release,
            namespace=namespace,
            chart=source,
            values=seal(ctx, settings),
            create_namespace=True,
            chart_digest=chart.digest,
        )
    return Proposal(changes=(*steps, change), notes=tuple(dict.fromkeys(notes)))


def _upgrade(
    ctx: Context, present: store.Revision, chart: Any, source: str, settings: Values, said: str
) -> HelmRelease | None:
    """The upgrade, or None when release and chart are like that already."""
    if present.pending:
        raise BadRequest(
            f"Release {present.name} in {present.namespace} is in state {present.status}: an operation on it still "
            "runs, or was cut off.",
            f'If none runs, say "roll back release {present.name}" or "uninstall release {present.name}" first.',
        )
    after = merged(present.values, settings, chart.values)
    same_chart = (present.chart_name, present.chart_version) == (chart.name, chart.version)
    if same_chart and present.status == "deployed" and after == present.values:
        return None
    summary = f"upgrade release {present.name} in {present.namespace}: {said}"
    return upgrade(ctx, present, chart, source, settings, summary=summary)


def _find(ctx: Context, name: str, namespace: str | None) -> dict[str, Any] | None:
    try:
        return find_workload(ctx, name, None, namespace)
    except NotFound:
        return None


def _release(ctx: Context, live: dict[str, Any] | None, namespace: str | None) -> store.Revision | None:
    """The release that the component is in or belongs into, if there is one."""
    if live and (owner := helm_release(live)):
        history = store.history(ctx, *owner)
        return history[-1] if history else None
    try:
        return store.locate(ctx, ctx.workspace.release, namespace)
    except NotFound:
        return None


def _namespace(ctx: Context, namespace: str | None) -> str:
    """From the request, -n, the context, else the workspace's own."""
    home = ctx.cluster.namespace
    return namespace or ctx.namespace or (home if home != "default" else ctx.workspace.namespace)


def _full_name(live: dict[str, Any]) -> str:
    return f"{live['kind'].lower()}/{live['metadata']['name']}"


def _retagged(component: Component, image: str | None, tag: str | None) -> Component:
    """The component, with another image (then nothing is built), or under another tag."""
    if image:
        return component.model_copy(update={"image": f"{image}:{tag}" if tag else image, "source": None})
    return component


def _tag(component: Component, names: tuple[str, ...], tag: str | None) -> str | None:
    """The tag asked for; what others make (a database) keeps its own unless it was named alone."""
    return tag if component.name in names and (component.source or len(names) == 1) else None


def _many(replicas: int | None) -> str:
    return "" if replicas is None else f" with {replicas} replica{'' if replicas == 1 else 's'}"


# --- what is there already, or belongs to nobody ------------------------------------------------------------------


def _as_it_is(
    ctx: Context,
    live: dict[str, Any],
    replicas: int | None,
    image: str | None,
    tag: str | None,
    values: dict[str, Any] | None,
) -> Proposal:
    """Change a workload that does not come from the workspace's chart; what it is made by stays in charge of it."""
    ref = ref_of(live)
    if values:
        raise BadRequest(f"{ref} does not come from the workspace's chart.", "Its values do not apply to it.")
    parts: list[Proposal] = []
    if replicas is not None:
        parts.append(scale_subject(ctx, _subject(ctx, live), replicas))
    if image or tag:
        parts.append(set_image(ctx, name=_full_name(live), image=image, tag=tag, namespace=ref.namespace))
    if not parts:
        parts.append(Proposal(notes=(f"{ref.kind} {ref.name} runs in {ref.namespace} already.",)))
    notes = [text for part in parts for text in part.notes]
    if not helm_release(live) and ref.name in ctx.workspace.components:
        notes.append(
            f"{ref.kind} {ref.name} in {ref.namespace} was not made by Helm, so it is changed directly. To have the "
            f'chart manage it, take it down first, then say "deploy {ref.name}".'
        )
    return Proposal(changes=tuple(change for part in parts for change in part.changes), notes=tuple(notes))


def _subject(ctx: Context, live: dict[str, Any]) -> Subject:
    return subject(ctx, _full_name(live), None, live["metadata"]["namespace"])


def _deploy_other(
    ctx: Context, name: str, replicas: int | None, image: str | None, tag: str | None, namespace: str | None
) -> Proposal:
    """Not a component: change the workload of that name, or make one from the image."""
    place = namespace or ctx.namespace or ctx.cluster.namespace
    live = _find(ctx, name, place if image else namespace)
    if live and (not image or live["metadata"]["name"] == name):
        return _as_it_is(ctx, live, replicas, image, tag, None)
    if not image:
        error = _unknown(ctx, name)
        raise NotFound(error.message, f"{error.next_step} Or name an image: deploy {name} from image {name}:latest.")
    return deploy_image(ctx, name, f"{image}:{tag}" if tag else image, replicas, place)


def _unknown(ctx: Context, name: str) -> NotFound:
    try:
        ctx.workspace.component(name)
    except NotFound as error:
        return error
    return NotFound(f"There is no {name}.")


def _name_of(image: str) -> str:
    from tools.docker.reference import Reference

    return Reference.parse(image).path.rpartition("/")[2]


def _switch_off(ctx: Context, target: Subject, owner: tuple[str, str]) -> Proposal:
    """Take one component out of its release; the last one takes the release with it."""
    found = managed(ctx, target.live)
    workspace = ctx.workspace
    uninstall = HelmUninstall(
        summary=f"uninstall release {owner[0]} in {owner[1]}", release=owner[0], namespace=owner[1]
    )
    if found is None or look(found.chart.values, f"{found.prefix}.enabled") is None:
        note = f"{ref_of(target.live)} cannot be taken out of its release alone, so the whole release goes."
        return Proposal(changes=(uninstall,), notes=(note,))
    running = deploy_values.enabled(workspace, found.chart.values, found.release.values)
    if set(running) <= {found.prefix}:
        return Proposal(changes=(uninstall,), notes=("It is the only one in its release, so the release goes.",))
    needy = [one for one in running if found.prefix in workspace.components[one].needs and one != found.prefix]
    notes = (f"{' and '.join(needy)} will miss it.",) if needy else ()
    values = nested({f"{found.prefix}.enabled": False})
    summary = f"take {found.prefix} out of release {owner[0]} in {owner[1]}"
    change = upgrade(ctx, found.release, found.chart, found.source, values, summary=summary)
    return Proposal(changes=(change,), notes=notes)

"""How many replicas: by count, difference or percentage, past no autoscaler, through the release where there is one."""

from __future__ import annotations

from tools.change import Change, Patch, Proposal, Ref
from tools.context import Context
from tools.errors import BadRequest, NeedsAnswer
from tools.kubernetes.look.owners import Owner, helm_release
from tools.kubernetes.workload_changes import ref_of, scale_change
from tools.workspace.chart_values import autoscaled, bounds_values, replica_values
from tools.workspace.routing import Managed, Subject, changed, managed, subject, through_release

MOST = 100  # replicas; more is far more often a slip of the finger than a wish


def scale(
    ctx: Context,
    *,
    name: str,
    kind: str | None = None,
    namespace: str | None = None,
    replicas: int | None = None,
    by: int | None = None,
    percent: float | None = None,
) -> Proposal:
    """Set how many replicas a component or workload runs: to `replicas`, `by` more (negative: fewer), or to `percent`
    of what it has now (50 halves, 200 doubles). Exactly one of the three."""
    if sum(value is not None for value in (replicas, by, percent)) > 1:
        raise BadRequest("Give a number of replicas, a difference or a percentage, not several of them.")
    if replicas is None and by is None and percent is None:
        raise NeedsAnswer(f"To how many replicas shall I scale {name}?", slot="replicas")
    target = subject(ctx, name, kind, namespace)
    return scale_subject(ctx, target, wanted(target, replicas, by, percent))


def wanted(target: Subject, replicas: int | None, by: int | None = None, percent: float | None = None) -> int:
    """The number of replicas asked for; raises BadRequest for one that makes no sense."""
    now = int(target.live["spec"].get("replicas", 1))
    if by is not None:
        replicas = now + by
        if replicas < 0:
            raise BadRequest(f"{target} has {now} replicas; {-by} fewer is not possible.", "Scale it to 0 to stop it.")
    elif percent is not None:
        replicas = max(round(now * percent / 100), 1 if percent > 0 and now else 0)
    return check_replicas(now if replicas is None else replicas)


def check_replicas(replicas: int) -> int:
    """The count; raises BadRequest when nobody can mean it."""
    if replicas < 0:
        raise BadRequest(f"{replicas} replicas is not possible.", "Give a number from 0 on; 0 stops it.")
    if replicas > MOST:
        raise BadRequest(
            f"{replicas} replicas is more than Shipmate sets in one go ({MOST}).",
            "Give a smaller number, or let an autoscaler go higher.",
        )
    return replicas


def scale_subject(ctx: Context, target: Subject, replicas: int) -> Proposal:
    """Have a workload run this many replicas, the way that lasts."""
    plain = scale_change(target.live, replicas)  # also refuses kinds that have no replicas
    scaler = target.autoscaler
    if scaler and replicas:
        return _through_autoscaler(ctx, target, scaler, replicas)
    now = int(target.live["spec"].get("replicas", 1))
    already = f"{_title(target)} has {_count(replicas)} already."
    if now == replicas:
        return Proposal(notes=(already, *_drift(ctx, target, replicas), *target.notes))
    found = managed(ctx, target.live)
    if scaler or (found and autoscaled(found.values, found.prefix)):
        note = f"Autoscaler {scaler.name if scaler else ''} rests while there are no replicas; scale up to wake it."
        return Proposal(changes=(plain,), notes=(note, *target.notes))

    def direct() -> Change:
        return plain

    def values(found: Managed) -> dict[str, object]:
        return replica_values(found.values, found.prefix, replicas)

    return changed(ctx, target, values, direct, plain.summary, already)


def _drift(ctx: Context, target: Subject, replicas: int) -> tuple[str, ...]:
    """Said when the release would set another number at its next upgrade."""
    found = managed(ctx, target.live)
    if not found or autoscaled(found.values, found.prefix):
        return ()
    try:
        values = replica_values(found.values, found.prefix, replicas)
    except BadRequest:
        return ()
    if through_release(ctx, found, values, "") is None:
        return ()
    return (f"Release {found.release.name} says another number, which its next upgrade would set.",)


def _through_autoscaler(ctx: Context, target: Subject, scaler: Owner, replicas: int) -> Proposal:
    """A count set by hand would be overridden; so the autoscaler's minimum becomes that count."""
    low, high = replicas, max(scaler.maximum, replicas)
    raised = f" and its maximum from {scaler.maximum} to {high}" if high != scaler.maximum else ""
    if (low, high) == (scaler.minimum, scaler.maximum):
        already = f"Autoscaler {scaler.name} keeps {_title(target)} at {low} to {high} replicas already."
        return Proposal(notes=(already, *target.notes))
    note = (
        f"Autoscaler {scaler.name} decides about the replicas ({scaler.minimum} to {scaler.maximum}) and would "
        f"override a count set by hand, so its minimum becomes {low}{raised}."
    )
    said = f"set the minimum of autoscaler {scaler.name} in {scaler.namespace} from {scaler.minimum} to {low}{raised}"
    found = managed(ctx, target.live)
    ref = Ref(
        api_version="autoscaling/v2", kind="HorizontalPodAutoscaler", name=scaler.name, namespace=scaler.namespace
    )
    if found and helm_release(ctx.cluster.read(ref)) == (found.release.name, found.release.namespace):
        values = bounds_values(found.values, found.prefix, low, high)
        if values is not None:
            change = through_release(ctx, found, values, f"{said}, through Helm release {found.release.name}")
            if change:
                return Proposal(changes=(change,), notes=(note, *target.notes))
    spec = {"minReplicas": low, "maxReplicas": high}
    patch = Patch(summary=said, ref=ref, verb="set bounds", type="merge", patch={"spec": spec})
    return Proposal(changes=(patch,), notes=(note, *target.notes))


def _title(target: Subject) -> str:
    ref = ref_of(target.live)
    return f"{ref.kind} {ref.name} in {ref.namespace}"


def _count(replicas: int) -> str:
    return "1 replica" if replicas == 1 else f"{replicas} replicas"

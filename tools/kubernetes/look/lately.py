"""What happened to objects lately: rollouts with what differs, objects written by whom, containers that restarted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from tools.catalog import Result
from tools.context import Context
from tools.errors import Forbidden, NotFound
from tools.kubernetes.handlers.diff import MISSING, Changed, Item, changes, told
from tools.kubernetes.look.lookup import check_exists
from tools.kubernetes.look.owners import SYSTEM
from tools.kubernetes.look.pods import containers
from tools.kubernetes.quantity import age, parse_duration, parse_time
from tools.secrets.redact import redact_text

Object = dict[str, Any]
_REVISION = "deployment.kubernetes.io/revision"
_WRITTEN = ("deployments.apps", "statefulsets.apps", "daemonsets.apps", "services", "configmaps",
            "ingresses.networking.k8s.io", "horizontalpodautoscalers.autoscaling", "networkpolicies.networking.k8s.io",
            "cronjobs.batch", "serviceaccounts", "persistentvolumeclaims", "resourcequotas")  # fmt: skip
_METADATA_ONLY = ("secrets",)
_ROLLOUTS = ("ReplicaSet", "ControllerRevision")
_MOST_FIELDS = 4
_GIVEN = ("kube-root-ca.crt", "default", "kubernetes")  # what the cluster itself puts into a namespace


class Moment(NamedTuple):
    """Something that happened: when, to what (kind/name), in which namespace, in a few words."""

    at: datetime
    subject: str
    namespace: str
    text: str


class Restart(NamedTuple):
    """A container that was started again: how often, when it ended last, and how."""

    pod: str
    namespace: str
    container: str
    times: int
    at: datetime | None
    how: str


def restarted(
    ctx: Context,
    *,
    name: str | None = None,
    namespace: str | None = None,
    all_namespaces: bool = False,
    since: str | None = None,
) -> Result:
    """Who restarted: containers that were started again, how often, when last and how they ended; newest first.

    name: of a pod, or of the workload that pods belong to. since: only those that ended no longer ago, such as 1h.
    """
    place = None if all_namespaces else namespace or ctx.namespace or ctx.cluster.namespace
    pods = [pod for pod in _listed(ctx, "pods", place) if name is None or _belongs(pod["metadata"]["name"], name)]
    found = [one for pod in pods for one in restarts_of(pod)]
    if since:
        seconds = parse_duration(since)
        found = [one for one in found if one.at and (datetime.now(one.at.tzinfo) - one.at).total_seconds() <= seconds]
    found.sort(key=lambda one: (one.at.timestamp() if one.at else 0.0, one.times), reverse=True)
    where = (f" of {name}" if name else "") + (f" in namespace {place}" if place else " in the cluster")
    lately = f" in the last {since}" if since else ""
    if not found:
        check_exists(ctx, place)
        return Result(text=f"No container{where} restarted{lately}: {len(pods)} pods looked at.", data=[])
    lines = [f"{len(found)} container{'s' if len(found) > 1 else ''}{where} restarted{lately}:"]
    for one in found:
        home = f"{one.namespace}/" if place is None else ""
        last = f", last {age(one.at.isoformat())} ago" if one.at else ""
        lines.append(
            f"  {home}{one.pod} ({one.container}): {_times(one.times)}{last}{f': {one.how}' if one.how else ''}"
        )
    return Result(text="\n".join(lines), data=[one._asdict() | {"at": str(one.at or "")} for one in found])


def restarts_of(pod: Mapping[str, Any]) -> Iterator[Restart]:
    """The containers of a pod that ran more than once."""
    meta = pod["metadata"]
    for _, spec, status in containers(pod):
        if not status.get("restartCount"):
            continue
        ended = (status.get("lastState") or {}).get("terminated") or (status.get("state") or {}).get("terminated") or {}
        code, reason = ended.get("exitCode"), ended.get("reason") or ""
        how = f"{reason} (exit code {code})" if code is not None else ""
        at = parse_time(ended["finishedAt"]) if ended.get("finishedAt") else None
        yield Restart(meta["name"], meta.get("namespace", ""), spec["name"], status["restartCount"], at, how)


def moments(ctx: Context, place: str | None, oldest: datetime) -> tuple[list[Moment], list[str]]:
    """What happened in a namespace (None: anywhere) since then, and the kinds that could not be looked at."""
    found: list[Moment] = []
    denied: list[str] = []
    for kind in ("replicasets.apps", "controllerrevisions.apps"):
        found += _rollouts(_tried(ctx, kind, place, denied), oldest)
    for kind in (*_WRITTEN, *_METADATA_ONLY):
        items = _tried(ctx, kind, place, denied, metadata_only=kind in _METADATA_ONLY)
        found += [moment for item in items for moment in _written(item, oldest)]
    for pod in _tried(ctx, "pods", place, denied):
        for one in restarts_of(pod):
            if one.at and one.at >= oldest:
                text = f"container {one.container} restarted ({_times(one.times)} in all): {one.how}"
                found.append(Moment(one.at, f"pod/{one.pod}", one.namespace, text))
    return found, denied


def _rollouts(items: Iterable[Object], oldest: datetime) -> Iterator[Moment]:
    """New revisions, with what differs from the one before; the first of a workload is just its beginning."""
    by_owner: dict[str, list[Object]] = defaultdict(list)
    for item in items:
        for owner in item["metadata"].get("ownerReferences") or ():
            by_owner[owner["uid"]].append(item)
    for revisions in by_owner.values():
        revisions.sort(key=_number)
        for index, item in enumerate(revisions):
            at = parse_time(item["metadata"]["creationTimestamp"])
            if at < oldest or not index:
                continue
            owner = item["metadata"]["ownerReferences"][0]
            subject = f"{owner['kind'].lower()}/{owner['name']}"
            found = changes(_template(revisions[index - 1]), _template(item))
            text = f"rolled out revision {_number(item)}: {differences(found)}"
            yield Moment(at, subject, item["metadata"].get("namespace", ""), text)


def _number(item: Mapping[str, Any]) -> int:
    notes: Mapping[str, str] = item["metadata"].get("annotations") or {}
    return int(item.get("revision") or notes.get(_REVISION) or 0)


def _template(item: Mapping[str, Any]) -> Object:
    """The pod template without the mark that each revision has for itself."""
    template: Object = (item.get("spec") or (item.get("data") or {}).get("spec") or {}).get("template") or {}
    meta: Mapping[str, Any] = template.get("metadata") or {}
    labels = {key: value for key, value in (meta.get("labels") or {}).items() if key != "pod-template-hash"}
    return {**template, "metadata": {"labels": labels, "annotations": meta.get("annotations") or {}}}


def differences(found: Sequence[Changed]) -> str:
    """What differs, in words: images with both values, variables by name only, for they may be secret."""
    told_ = list(dict.fromkeys(_difference(item) for item in found))
    more = f" and {len(told_) - _MOST_FIELDS} more" if len(told_) > _MOST_FIELDS else ""
    return "; ".join(told_[:_MOST_FIELDS]) + more if told_ else "the same settings again"


def _difference(item: Changed) -> str:
    parts = [part for part in item.path if part not in ("spec", "template", "metadata", "containers")]
    if "kubectl.kubernetes.io/restartedAt" in parts or any("restarted-at" in str(part) for part in parts):
        return "restarted"
    verb = "set" if item.before is MISSING else "removed" if item.after is MISSING else "changed"
    if "env" in parts:
        return f"variable {_variables(item, parts[parts.index('env') + 1 :])} {verb}"
    name = told(tuple(parts))
    if isinstance(item.before, str | int) and isinstance(item.after, str | int):
        return redact_text(f"{name} {_cut(item.before)} → {_cut(item.after)}")
    return f"{name} {verb}"


def _variables(item: Changed, below: Sequence[Any]) -> str:
    """The name of the variable that differs, or those of all where the whole list came or went."""
    if below and isinstance(below[0], Item):
        return below[0].name
    whole: Any = item.after if item.before is MISSING else item.before
    return ", ".join(str(one.get("name")) for one in whole) if isinstance(whole, list) else ""


def _cut(value: str | int) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= 60 else f"{text[:59]}…"


def _written(item: Mapping[str, Any], oldest: datetime) -> Iterator[Moment]:
    """That an object was made, or its settings written last by a person's tool or a program, and who that was."""
    meta: Mapping[str, Any] = item["metadata"]
    subject, space = f"{str(item['kind']).lower()}/{meta['name']}", meta.get("namespace") or ""
    if meta["name"] in _GIVEN or meta["name"].startswith("sh.helm.release."):
        return
    made = parse_time(meta["creationTimestamp"])
    if made >= oldest:
        yield Moment(made, subject, space, f"made{_by(_first_manager(meta, made))}")
    entries = [one for one in meta.get("managedFields") or () if _counts(one) and one.get("time")]
    later = [one for one in entries if (parse_time(one["time"]) - made).total_seconds() > 1]
    if later:
        last = max(later, key=lambda one: str(one["time"]))
        if parse_time(last["time"]) >= oldest:
            yield Moment(parse_time(last["time"]), subject, space, f"changed{_by(str(last.get('manager') or ''))}")


def _counts(entry: Mapping[str, Any]) -> bool:
    """Whether somebody wrote settings, and not a controller its own notes."""
    return not entry.get("subresource") and not str(entry.get("manager") or "").startswith(SYSTEM)


def _first_manager(meta: Mapping[str, Any], made: datetime) -> str:
    for one in meta.get("managedFields") or ():
        if one.get("time") and abs((parse_time(one["time"]) - made).total_seconds()) <= 1:
            return str(one.get("manager") or "")
    return ""


def _by(manager: str) -> str:
    return f" by {redact_text(manager)}" if manager else ""


def _times(count: int) -> str:
    return f"{count} restart{'s' if count != 1 else ''}"


def _belongs(pod: str, name: str) -> bool:
    return pod == name or pod.startswith(f"{name}-")


def _listed(ctx: Context, kind: str, place: str | None, metadata_only: bool = False) -> list[Object]:
    resource = ctx.cluster.kinds.resolve(kind)
    found = ctx.cluster.list(resource, place, metadata_only=metadata_only)
    return [{**item, "kind": resource.kind} for item in found]


def _tried(ctx: Context, kind: str, place: str | None, denied: list[str], metadata_only: bool = False) -> list[Object]:
    try:
        return _listed(ctx, kind, place, metadata_only)
    except (Forbidden, NotFound):
        denied.append(kind.partition(".")[0])
        return []

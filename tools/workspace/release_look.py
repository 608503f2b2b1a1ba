"""What a Helm operation would change: each document tried by a dry run and compared with what is live."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tools.change import Json, Ref
from tools.context import Context
from tools.errors import BadRequest, Conflict, NotFound
from tools.helm.documents import Document, defined_by, owned, same_object
from tools.kubernetes.handlers.diff import MISSING, clean
from tools.kubernetes.handlers.foresight.beside import Beside
from tools.kubernetes.handlers.foresight.impact import Impact, impact, owner_warnings
from tools.kubernetes.handlers.foresight.losses import losses
from tools.kubernetes.handlers.foresight.newcomers import arrival
from tools.kubernetes.handlers.foresight.pods_to_come import Outlook, outlook
from tools.kubernetes.handlers.foresight.preflight import CONTENT_TYPES, Tried, attempt, compare, live_object
from tools.kubernetes.handlers.guarded import field_conflicts
from tools.kubernetes.handlers.show_diff import unified
from tools.kubernetes.look.owners import helm_release
from tools.kubernetes.rollout.rolling import WORKLOADS, replicas_of
from tools.kubernetes.workload_changes import template_of
from tools.preview import Risk
from tools.secrets.redact import redact_object

Object = dict[str, Any]

_MANAGER = "helm"
_FIRST = (
    *("deployment", "statefulset", "daemonset", "job", "cronjob", "horizontalpodautoscaler"),
    *("service", "ingress", "persistentvolumeclaim", "configmap", "secret"),
)
_SCALED = ("Deployment", "StatefulSet", "ReplicaSet")


@dataclass
class Look:
    """What was found.

    diffs     of each object that would change
    forced    whether fields are taken from others who set them
    others    what comes with the release
    untried   documents that no dry run has tried, so that nothing is known of the rights to write them
    unstable  objects that come out differently at each rendering
    """

    release: str
    namespace: str
    diffs: dict[str, str] = field(default_factory=dict[str, str])
    warnings: list[str] = field(default_factory=list[str])
    blockers: list[str] = field(default_factory=list[str])
    risk: Risk = Risk.LOW
    forced: bool = False
    others: Beside = field(default_factory=Beside)
    untried: list[Document] = field(default_factory=list[Document])
    unstable: set[str] = field(default_factory=set[str])

    @property
    def diff(self) -> str:
        return "\n".join(self.diffs[name] for name in sorted(self.diffs, key=_interest))

    @property
    def steady(self) -> str:
        """Digest of the differences that must still be the same when the change is applied."""
        lasting = [text for name, text in self.diffs.items() if name not in self.unstable]
        return hashlib.sha256("\n".join(lasting).encode()).hexdigest()

    def raise_risk(self, risk: Risk) -> None:
        self.risk = max(self.risk, risk, key=list(Risk).index)

    def add(self, ref: Ref, found: Impact | Outlook) -> None:
        """Take over what was found out about an object, under its name."""
        self.warnings.extend(f"{ref}: {text}" for text in found.warnings)
        if isinstance(found, Outlook):
            self.blockers.extend(f"{ref}: {text}" for text in found.blockers)
        else:
            self.raise_risk(found.risk)


def _interest(name: str) -> int:
    """What people look for comes first: what runs, how it is reached, what it keeps; then the rest in Helm's order."""
    kind = name.partition(" ")[0]
    return _FIRST.index(kind) if kind in _FIRST else len(_FIRST)


def namespace_exists(ctx: Context, namespace: str) -> bool:
    """Whether the namespace is there; one that may not be looked at is taken to be."""
    from tools.errors import Forbidden

    try:
        return live_object(ctx, Ref(api_version="v1", kind="Namespace", name=namespace)) is not None
    except Forbidden:
        return True


def look_at(
    ctx: Context, look: Look, new: Iterable[Document], old: Iterable[Document], *, on_server: bool, placed: bool
) -> None:
    """Try every document of `new`; `old` is what the release has now.

    on_server  helm will use server-side apply, rather than patches made from the former manifest
    placed     the namespace exists; else only the form of the documents can be checked
    """
    before, after = list(old), list(new)
    look.others = Beside(frozenset((one.ref.kind, one.ref.name) for one in after))
    for document in after:
        try:
            ctx.cluster.path(document.ref)
        except NotFound as error:
            look.untried.append(document)
            if defined_by(after, document.ref):
                look.warnings.append(
                    f"{document.ref} can only be checked once the chart's own definition of it is there."
                )
                look.diffs[str(document.ref)] = unified(None, document.body, str(document.ref), redact_object)
            else:
                look.blockers.append(error.message)
            continue
        except BadRequest as error:
            look.blockers.append(f"{document.source or 'The chart'}: {error}")
            continue
        if placed or not document.ref.namespace:
            former = next((one.body for one in before if same_object(one.ref, document.ref)), None)
            _try(ctx, look, document, former, on_server)
        else:
            look.untried.append(document)
            _try_elsewhere(ctx, look, document)


def look_at_deletions(ctx: Context, look: Look, gone: Iterable[Document]) -> None:
    """Show what is deleted, and what is lost with it."""
    documents = list(gone)
    going = frozenset((one.ref.kind, one.ref.name) for one in documents)
    for document in documents:
        try:
            live = live_object(ctx, document.ref)
        except NotFound:  # its kind is gone, and it with its kind
            continue
        if live is None:
            continue
        look.diffs[str(document.ref)] = unified(clean(live), None, str(document.ref), redact_object)
        look.raise_risk(Risk.MEDIUM)
        look.add(document.ref, losses(ctx, live, going=going))
        look.add(document.ref, Impact(_other_owners(ctx, live)))


def look_at_hooks(ctx: Context, look: Look, hooks: Iterable[Document]) -> None:
    """Try what helm runs before or after; it is made anew each time, so an old one of that name is no obstacle."""
    for hook in hooks:
        try:
            path, there = ctx.cluster.path(hook.ref), live_object(ctx, hook.ref)
        except BadRequest as error:
            look.blockers.append(f"{hook.ref}: {error}")
            continue
        if there is not None:
            continue
        collection = path.rpartition("/")[0]
        tried = attempt(ctx, "POST", collection, hook.body, "application/json", fieldManager=_MANAGER)
        look.add(hook.ref, Outlook(tried.blockers, tried.warnings))
        if tried.body is not None:
            place = hook.ref.namespace or look.namespace
            look.add(hook.ref, outlook(ctx, None, _with_account(look, tried.body), place, look.others))


def _try(ctx: Context, look: Look, document: Document, former: Object | None, on_server: bool) -> None:
    ref, body = document.ref, owned(document.body, look.release, look.namespace)
    live = live_object(ctx, ref)
    owner = helm_release(live) if live else None
    if live and owner != (look.release, look.namespace):
        whose = f"belongs to release {owner[0]} in {owner[1]}" if owner else "is not managed by Helm"
        look.blockers.append(f"{ref} exists already and {whose}; Helm does not take it over.")
        return
    tried = _dry_run(ctx, look, ref, body, former, live, on_server)
    look.add(ref, Impact(tried.warnings))
    if tried.body is None:
        look.blockers.extend(f"{ref}: {text}" for text in tried.blockers)
        return
    seen = compare(ctx, ref, live, tried.body, body)
    if not seen.diff:
        return
    look.diffs[str(ref)] = seen.diff
    if live:
        look.add(ref, impact(ctx, live, tried.body))
        scaling = ref.kind in _SCALED and replicas_of(live) != replicas_of(tried.body)
        look.add(ref, Impact(_other_owners(ctx, live, scaling=scaling)))
    else:
        look.add(ref, arrival(ctx, tried.body, look.others.made))
    former_pods = _with_account(look, live) if live else None
    place = ref.namespace or look.namespace
    look.add(ref, outlook(ctx, former_pods, _with_account(look, tried.body), place, look.others))
    if ref.kind in _SCALED and (more := replicas_of(tried.body) - (replicas_of(live) if live else 0)):
        spec = template_of(tried.body)["spec"]
        look.others = look.others._replace(pods=(*look.others.pods, (spec, more)))


def _other_owners(ctx: Context, live: Object, *, scaling: bool = False) -> tuple[str, ...]:
    return tuple(text for text in owner_warnings(ctx, live, scaling=scaling) if "Helm release" not in text)


def _dry_run(
    ctx: Context, look: Look, ref: Ref, body: Object, former: Object | None, live: Object | None, on_server: bool
) -> Tried:
    path = ctx.cluster.path(ref)
    if live is not None and not on_server:
        patch = three_way(former or body, body)
        tried = attempt(ctx, "PATCH", path, patch, CONTENT_TYPES["strategic"], fieldManager=_MANAGER)
        if isinstance(tried.error, BadRequest) and "strategic merge patch" in str(tried.error):
            return attempt(ctx, "PATCH", path, patch, CONTENT_TYPES["merge"], fieldManager=_MANAGER)
        return tried
    if live is None and not on_server:
        return attempt(ctx, "POST", path.rpartition("/")[0], body, "application/json", fieldManager=_MANAGER)
    tried = attempt(ctx, "PATCH", path, body, CONTENT_TYPES["apply"], fieldManager=_MANAGER)
    others = field_conflicts(tried.error) if isinstance(tried.error, Conflict) else []
    if not others:
        return tried
    look.forced = True
    for manager in dict.fromkeys(name for name, _ in others):
        fields = ", ".join(place for name, place in others if name == manager)
        look.warnings.append(f"{ref}: {fields} was set by {manager} outside of Helm; the chart's value replaces it.")
    return attempt(ctx, "PATCH", path, body, CONTENT_TYPES["apply"], fieldManager=_MANAGER, force=True)


def _try_elsewhere(ctx: Context, look: Look, document: Document) -> None:
    """The namespace does not exist yet: check the document's form in another one, where nothing is stored either."""
    ref, body = document.ref, owned(document.body, look.release, look.namespace)
    there = ref.model_copy(update={"namespace": "default"})
    moved = {**body, "metadata": {**body["metadata"], "namespace": "default"}}
    collection = ctx.cluster.path(there).rpartition("/")[0]
    tried = attempt(ctx, "POST", collection, moved, "application/json", fieldManager=_MANAGER)
    if tried.body is None:
        if isinstance(tried.error, BadRequest):
            look.blockers.extend(f"{ref}: {text}" for text in tried.blockers)
        stored: Object = moved
    else:
        stored = tried.body
        look.add(ref, Impact(tried.warnings))
        stored["metadata"] = {**stored["metadata"], "namespace": ref.namespace}
        pods = outlook(ctx, None, _with_account(look, stored), "default", look.others)
        look.add(ref, Outlook(tuple(text for text in pods.blockers if "No node" in text), pods.warnings))
        look.add(ref, arrival(ctx, stored, look.others.made))
    stored["metadata"] = {**stored["metadata"], "namespace": ref.namespace}
    look.diffs[str(ref)] = compare(ctx, ref, None, stored, body).diff


def _with_account(look: Look, workload: Object) -> Object:
    """The workload as it can be judged now: an account that comes with the release is not there yet."""
    if workload.get("kind") not in WORKLOADS:
        return workload
    workload = copy.deepcopy(workload)
    spec = template_of(workload).get("spec") or {}
    if ("ServiceAccount", spec.get("serviceAccountName")) in look.others.made:
        spec["serviceAccountName"] = spec["serviceAccount"] = "default"
    return workload


def three_way(former: Json, new: Json) -> Json:
    """A strategic merge patch from the former document to the new one: all of the new, and what is gone removed."""
    if isinstance(former, Mapping) and isinstance(new, Mapping):
        gone = {key: None for key in former if key not in new}
        return {**{key: three_way(former.get(key, MISSING), value) for key, value in new.items()}, **gone}
    if isinstance(former, list) and isinstance(new, list):
        old, now = _named(former), _named(new)
        if old is not None and now is not None:
            kept = [three_way(old.get(name, MISSING), item) for name, item in now.items()]
            return [*kept, *({"name": name, "$patch": "delete"} for name in old if name not in now)]
    return new


def _named(items: list[Json]) -> dict[str, Json] | None:
    names = [item.get("name") if isinstance(item, Mapping) else None for item in items]
    if not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        return None
    return dict(zip((str(name) for name in names), items, strict=True))

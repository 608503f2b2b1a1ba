"""The policy file as data: rules in order, and examples that it is tested with. Its JSON schema comes from here."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal, cast, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from agent.guard.policy.acts import Act
from agent.guard.policy.kinds import kind_names
from agent.guard.policy.ruling import Decision
from tools.catalog import Effect

Verb = Literal[
    "create", "update", "delete", "scale", "restart", "rollback", "label", "annotate", "cordon",
    "set-image", "set-env", "set-resources", "check", "debug", "install", "upgrade", "uninstall",
    "build", "tag", "push", "load", "remove-image", "write-file", "delete-file", "read", "reveal", "reach",
]  # fmt: skip
ChangeKind = Literal[
    "apply-manifest", "patch", "scale", "delete", "rollout-undo", "helper-job",
    "helm-release", "helm-rollback", "helm-uninstall",
    "build-image", "tag-image", "deliver-image", "remove-image", "write-file",
]  # fmt: skip


_BUT_READS = (Effect.REVEAL, Effect.REACH, Effect.CHANGE)


def _listed(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else [value]


def _one_or_more(item: Mapping[str, Any]) -> WithJsonSchema:
    return WithJsonSchema({"anyOf": [item, {"type": "array", "items": item, "minItems": 1}]})


_TEXT = {"type": "string", "minLength": 1}
Glob = Annotated[str, Field(min_length=1, strict=True)]
Globs = Annotated[tuple[Glob, ...], BeforeValidator(_listed), Field(min_length=1), _one_or_more(_TEXT)]
Verbs = Annotated[
    tuple[Verb, ...], BeforeValidator(_listed), Field(min_length=1), _one_or_more({"enum": [*get_args(Verb)]})
]
Changes = Annotated[
    tuple[ChangeKind, ...],
    BeforeValidator(_listed),
    Field(min_length=1),
    _one_or_more({"enum": [*get_args(ChangeKind)]}),
]
Effects = Annotated[
    tuple[Effect, ...], BeforeValidator(_listed), Field(min_length=1), _one_or_more({"enum": [*map(str, Effect)]})
]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=False)


class Criteria(_Strict):
    """What a rule is about: everything that is named must match; what is left out matches anything.

    Texts are globs (`*`, `?`, `[…]`); one with `!` in front excludes. `verb: update` covers the narrower ones (scale,
    restart, set-image and so on). `labels` are those of the object now and in a manifest at hand. `namespace` matches
    only what is in a namespace (a Namespace is in itself). `registry` is `host` or `host/path` of every image that the
    change names.
    """

    effect: Effects = ()
    change: Changes = ()
    verb: Verbs = ()
    kind: Globs = ()
    name: Globs = ()
    namespace: Globs = ()
    labels: dict[str, Globs] = Field(default_factory=dict, min_length=1)
    cluster: Globs = Field((), description="the cluster's own UID (of its namespace kube-system), or its URL")
    context: Globs = ()
    registry: Globs = ()
    path: Globs = ()
    tool: Globs = Field((), description="reads only: the name of the tool")

    @model_validator(mode="after")
    def _about_reads(self) -> Criteria:
        """What can be read in a cluster is for its own rights to limit; a policy may take tools away."""
        reads = Effect.READ in self.effect
        others = self.model_fields_set - {"effect", "tool"}
        if reads and (others or self.effect != (Effect.READ,)):
            raise ValueError("a rule about `effect: read` may name `tool` alone (what may be read is for RBAC)")
        if self.tool and not reads:
            raise ValueError("`tool` is for rules about `effect: read`")
        return self

    @property
    def tells_objects_apart(self) -> bool:
        """Whether it is about objects of some sort, and so about those in a release, too."""
        return any((self.kind, self.name, self.labels, self.verb))

    def match(self, act: Act, *, allows: bool) -> bool:
        """Whether the act is meant. Where it has several values, `allows` wants all of them to match, else any."""
        if act.effect not in (self.effect or _BUT_READS):
            return False
        every = all if allows else any
        return (
            (not self.change or act.change in self.change)
            and (not self.verb or any(verb in self.verb for verb in (act.verbs if allows else _all_verbs(act))))
            and (not self.kind or _kind(self.kind, act.kinds))
            and _one(self.name, act.name)
            and _one(self.namespace, act.namespace)
            and (not self.cluster or _any_of(self.cluster, (act.cluster, act.server)))
            and _one(self.context, act.context)
            and _one(self.path, act.path)
            and _one(self.tool, act.tool)
            and (
                not self.registry
                or (bool(act.images) and every(_registry(self.registry, image) for image in act.images))
            )
            and (not self.labels or self._labelled(act, every))
        )

    def _labelled(self, act: Act, every: Any) -> bool:
        wanted = self.labels
        sets = act.labels()
        return bool(sets) and every(
            all(key in labels and _glob(globs, labels[key]) for key, globs in wanted.items()) for labels in sets
        )


def _all_verbs(act: Act) -> tuple[str, ...]:
    return (*act.verbs, *act.also)


def _glob(globs: tuple[str, ...], value: str) -> bool:
    """Whether the value matches one of the globs (or there are only excluding ones) and none that excludes."""
    wanted = [glob for glob in globs if not glob.startswith("!")]
    excluded = [glob[1:] for glob in globs if glob.startswith("!")]
    return (not wanted or any(fnmatchcase(value, glob) for glob in wanted)) and not any(
        fnmatchcase(value, glob) for glob in excluded
    )


def _one(globs: tuple[str, ...], value: str) -> bool:
    return not globs or (bool(value) and _glob(globs, value))


def _any_of(globs: tuple[str, ...], values: tuple[str, ...]) -> bool:
    """As `_glob`, for something that goes by several names."""
    wanted = tuple(glob for glob in globs if not glob.startswith("!"))
    excluded = tuple(glob[1:] for glob in globs if glob.startswith("!"))
    there = [value for value in values if value]
    if not there or any(_glob((glob,), value) for glob in excluded for value in there):
        return False
    return not wanted or any(_glob((glob,), value) for glob in wanted for value in there)


def _kind(globs: tuple[str, ...], names: frozenset[str]) -> bool:
    """Kinds are matched by any of their names; what is no glob may be a short name or a plural itself."""
    spelled = tuple(
        name
        for glob in globs
        for name in ({f"!{one}" for one in kind_names(glob[1:])} if glob.startswith("!") else kind_names(glob))
    )
    return _any_of(spelled, tuple(names))


def _registry(globs: tuple[str, ...], image: str) -> bool:
    from tools.docker.reference import Reference
    from tools.errors import BadRequest

    try:
        found = Reference.parse(image)
    except BadRequest:
        return _any_of(globs, (image,))
    return _any_of(globs, (found.registry, f"{found.registry}/{found.path}"))


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={_shown(inner)}" for key, inner in value.items())
    return " or ".join(map(str, _listed(value)))


def _exactly_one(schema: dict[str, Any]) -> None:
    schema["oneOf"] = [{"required": [str(decision)]} for decision in Decision]
    for decision in Decision:
        schema["properties"][decision] = schema["properties"][decision]["anyOf"][0]


class Rule(_Strict):
    """One rule: a decision with what it is about (`deny: {kind: secret, verb: delete}`), and why."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra=_exactly_one)

    allow: Criteria | None = None
    ask: Criteria | None = None
    confirm: Criteria | None = None
    deny: Criteria | None = None
    reason: str = Field("", strict=True, max_length=300)
    on_unhealthy: Literal["stop", "roll-back"] = Field("stop", alias="on-unhealthy")
    _line: int = PrivateAttr(0)

    @model_validator(mode="before")
    @classmethod
    def _one_decision(cls, data: Any) -> Any:
        named = [key for key in Decision if isinstance(data, Mapping) and key in data]
        if isinstance(data, Mapping) and len(named) != 1:
            raise ValueError(f"a rule has exactly one of {', '.join(Decision)}")
        if named and data[named[0]] is None:
            raise ValueError(f"{named[0]} says of nothing: write {{}} where anything is meant")
        return data

    @model_validator(mode="after")
    def _reads_are_allowed_or_denied(self) -> Rule:
        if self.criteria.effect == (Effect.READ,) and self.decision not in (Decision.ALLOW, Decision.DENY):
            raise ValueError("a rule about `effect: read` is `allow` or `deny`: reading is never asked about")
        return self

    @property
    def decision(self) -> Decision:
        return next(one for one in Decision if getattr(self, one) is not None)

    @property
    def criteria(self) -> Criteria:
        return cast(Criteria, getattr(self, self.decision))

    @property
    def line(self) -> int:
        """Where it stands in its file."""
        return self._line

    def __str__(self) -> str:
        about = self.criteria.model_dump(mode="json", exclude_defaults=True)
        named = ", ".join(f"{key} {_shown(value)}" for key, value in about.items()) or "anything"
        more = " (rolled back when unhealthy)" if self.on_unhealthy == "roll-back" else ""
        return f"{self.decision:8} {named}{more}{f': {self.reason}' if self.reason else ''}"

    def placed(self, line: int) -> Rule:
        """The same rule, with its line known."""
        self._line = line
        return self


class Example(_Strict):
    """A change that the policy is tested with, by the facts that rules look at, and what must become of it."""

    expect: Decision
    effect: Effect = Effect.CHANGE
    change: ChangeKind | None = None
    verb: Verb | None = None
    kind: str = ""
    name: str = "example"
    namespace: str = ""
    labels: dict[str, str] = Field(default_factory=dict)
    cluster: str = ""
    context: str = ""
    image: str = ""
    path: str = ""
    tool: str = ""
    powers: tuple[str, ...] = Field((), description="power over the node, as `privileged` or `hostPath`")
    _line: int = PrivateAttr(0)

    @field_validator("powers", mode="before")
    @classmethod
    def _as_list(cls, value: Any) -> Any:
        return _listed(value)

    @property
    def line(self) -> int:
        return self._line

    def placed(self, line: int) -> Example:
        """The same example, with its line known."""
        self._line = line
        return self

    def act(self) -> Act:
        """The act that it describes."""
        verb = self.verb or ("read" if self.effect is Effect.READ else "update")
        wider = ("update",) if verb in _UPDATES else ("write-file",) if verb == "delete-file" else ()
        return Act(
            verbs=(verb, *wider),
            effect=self.effect,
            change=self.change or "",
            tool=self.tool,
            kind=self.kind,
            name=self.name,
            namespace=self.name if "namespace" in kind_names(self.kind) else self.namespace,
            context=self.context,
            cluster=self.cluster,
            images=(self.image,) if self.image else (),
            path=self.path,
            powers=self.powers,
            labels=lambda: (self.labels,),
        )


_UPDATES = {
    *("scale", "restart", "label", "annotate", "cordon", "set-image", "set-env", "set-resources", "rollback"),
}


class PolicyFile(_Strict):
    """What a policy file holds."""

    rules: tuple[Rule, ...]
    tests: tuple[Example, ...] = ()

    def first(self, act: Act) -> Rule | None:
        """The first rule that means this act."""
        return next(
            (rule for rule in self.rules if rule.criteria.match(act, allows=rule.decision is Decision.ALLOW)), None
        )


def schema() -> dict[str, Any]:
    """The JSON schema of a policy file, for editors and CI."""
    found = PolicyFile.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found, "title": "Shipmate policy"}

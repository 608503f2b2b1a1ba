"""A change: a mutation fully described before it runs. Pure data, so it can be shown, hashed, stored and sent.

Every kind of change has one handler (`tools/handlers.py`) that previews, applies, verifies and inverts it.
Secret values in a change are references into the vault (`vault:ID`), never the values.
"""

import json
from collections.abc import Iterable
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tools.secrets.told import Told

Json = Any  # a JSON value; precise recursive types cost more than they catch here


def is_unicode(value: Json) -> bool:
    """Whether all text in a JSON value can be written down; JSON's escapes allow halves of a character."""
    try:
        json.dumps(value, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError:
        return False
    return True


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Ref(Frozen):
    """An object in a cluster, for instance apps/v1 Deployment backend in namespace todo."""

    api_version: str
    kind: str
    name: str
    namespace: str | None = None

    def __str__(self) -> str:
        place = f" in {self.namespace}" if self.namespace else ""
        return f"{self.kind.lower()} {self.name}{place}"


class BaseChange(Frozen):
    """`summary` is one line for people: "scale deployment backend in todo from 1 to 3"; `why` says what it is for.

    `undoes` names the applied steps that it takes back, as PLAN/STEP.
    """

    summary: Told
    why: Told = ""
    undoes: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _can_be_written_down(self) -> Self:
        if not is_unicode(self.model_dump()):
            raise ValueError("it holds half a character")
        return self


# --- Kubernetes ---------------------------------------------------------------------------------------------------


class ApplyManifest(BaseChange):
    """Server-side apply of one document (create or update), field manager `shipmate`.

    `create_only` makes an existing object of that name an error instead of an update.
    """

    kind: Literal["apply-manifest"] = "apply-manifest"
    ref: Ref
    manifest: dict[str, Json]
    create_only: bool = False

    @model_validator(mode="after")
    def _is_well_formed(self) -> Self:
        if not isinstance(self.manifest.get("metadata", {}), dict):
            raise ValueError("the manifest's metadata is no object")
        return self


class Patch(BaseChange):
    """A JSON patch (RFC 6902), merge patch (RFC 7386) or strategic merge patch of one object or its sub-resource.

    `verb` names what it means to a person: set image, restart, label, annotate, set env, cordon, …
    """

    kind: Literal["patch"] = "patch"
    ref: Ref
    verb: str
    type: Literal["json", "merge", "strategic"] = "strategic"
    patch: dict[str, Json] | list[dict[str, Json]]
    subresource: str | None = None

    @model_validator(mode="after")
    def _is_well_formed(self) -> Self:
        if isinstance(self.patch, dict) is (self.type == "json"):
            raise ValueError("a JSON patch is a list of operations, any other patch an object")
        if isinstance(self.patch, list):
            for operation in self.patch:
                if not isinstance(operation.get("op"), str) or not isinstance(operation.get("path"), str):
                    raise ValueError("an operation of a JSON patch needs `op` and `path`")
        return self


class Scale(BaseChange):
    """Set the replica count through the `scale` sub-resource."""

    kind: Literal["scale"] = "scale"
    ref: Ref
    replicas: int = Field(ge=0, le=10_000)


class Delete(BaseChange):
    """Delete one object; `propagation` as in the API."""

    kind: Literal["delete"] = "delete"
    ref: Ref
    propagation: Literal["Foreground", "Background", "Orphan"] = "Background"


class RolloutUndo(BaseChange):
    """Put a workload's pod template back to an earlier revision (0 = the one before)."""

    kind: Literal["rollout-undo"] = "rollout-undo"
    ref: Ref
    revision: int = 0


class HelperJob(BaseChange):
    """Run a short-lived Job of Shipmate's own for a look at what cannot be read, tell what it saw, and remove it.

    `asks` says how its output is read. `keeps`: it stays for a person to look around in, until its own deadline.
    """

    kind: Literal["helper-job"] = "helper-job"
    ref: Ref
    manifest: dict[str, Json]
    asks: Literal["resolve", "connect", "http", "files", "debug"]
    about: dict[str, Json] = Field(default_factory=dict[str, Json])
    keeps: bool = False


# --- Helm ---------------------------------------------------------------------------------------------------------


class HelmRelease(BaseChange):
    """Install or upgrade a release from a chart with exactly these values (user-supplied values, merged already).

    `chart` is a folder, archive or OCI/repository reference; `chart_digest` pins its content.
    """

    kind: Literal["helm-release"] = "helm-release"
    action: Literal["install", "upgrade"]
    release: str
    namespace: str
    chart: str
    values: dict[str, Json] = Field(default_factory=dict)
    create_namespace: bool = False
    chart_digest: str = ""


class HelmRollback(BaseChange):
    kind: Literal["helm-rollback"] = "helm-rollback"
    release: str
    namespace: str
    revision: int


class HelmUninstall(BaseChange):
    kind: Literal["helm-uninstall"] = "helm-uninstall"
    release: str
    namespace: str


# --- Docker and files ---------------------------------------------------------------------------------------------


class BuildImage(BaseChange):
    """Build `context` with `dockerfile` (path relative to the context) and tag the result `image`.

    `context` is relative to the workspace root. `context_digest` pins the source; without it the build always runs.
    """

    kind: Literal["build-image"] = "build-image"
    image: str
    context: str
    dockerfile: str = "Dockerfile"
    target: str | None = None
    build_args: dict[str, str] = Field(default_factory=dict)
    context_digest: str = ""


class TagImage(BaseChange):
    kind: Literal["tag-image"] = "tag-image"
    source: str
    image: str


class DeliverImage(BaseChange):
    """Bring an image of the engine to where the cluster pulls from.

    `how` is `push` (to the registry in `image`), or the name of a local cluster's own loader (`minikube`, `kind`).
    """

    kind: Literal["deliver-image"] = "deliver-image"
    source: str
    image: str
    how: Literal["push", "minikube", "kind"] = "push"
    cluster: str = ""


class RemoveImage(BaseChange):
    """Take a name off an image of the engine; the image itself goes with its last name."""

    kind: Literal["remove-image"] = "remove-image"
    image: str


class WriteFile(BaseChange):
    """Write a text file of the workspace; `path` is relative to its root.

    `content` is the text or its reference in the vault; None takes the file away.
    """

    kind: Literal["write-file"] = "write-file"
    path: str
    content: str | None


Change = Annotated[
    ApplyManifest
    | Patch
    | Scale
    | Delete
    | RolloutUndo
    | HelperJob
    | HelmRelease
    | HelmRollback
    | HelmUninstall
    | BuildImage
    | TagImage
    | DeliverImage
    | RemoveImage
    | WriteFile,
    Field(discriminator="kind"),
]


class Trouble(Frozen):
    """What tells one finding of a diagnosis from another: its id and what it is about."""

    id: str
    subject: Ref


class Cure(Frozen):
    """What changes are to mend, proved by looking again in `namespace` (None: everywhere) after they were applied.

    It is mended when none of `troubles` is left, and nothing is there that was not `known` before; the causes come
    first. `way` is the number of the fix that is tried.
    """

    troubles: tuple[Trouble, ...]
    known: tuple[Trouble, ...] = ()
    namespace: str | None = None
    way: int = 1


class Proposal(Frozen):
    """What a change tool returns: the changes in order, and what the person should know about them.

    No changes means that there is nothing to do, and `notes` says why. `cure`: it is to mend what a diagnosis found.
    """

    changes: tuple[Change, ...] = ()
    notes: tuple[Told, ...] = ()
    cure: Cure | None = None

    @property
    def undoes(self) -> tuple[str, ...]:
        """The plans that it takes back."""
        return plans_undone(self.changes)


def plans_undone(changes: Iterable[Change]) -> tuple[str, ...]:
    """The plans of which these changes take steps back."""
    return tuple(dict.fromkeys(step.partition("/")[0] for change in changes for step in change.undoes))

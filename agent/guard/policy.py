"""What may be done at all, and what a person has to do for it: the mode and the floor."""

from enum import StrEnum

from agent.guard.plan import Aim
from tools.catalog import Effect, Tool
from tools.change import ApplyManifest, Change, Delete, Patch, Ref, RolloutUndo, Scale


class Mode(StrEnum):
    """How far Shipmate may go.

    read-only  change tools do not exist
    dry-run    plans end at the preview
    ask        every plan waits for a yes
    """

    READ_ONLY = "read-only"
    DRY_RUN = "dry-run"
    ASK = "ask"


_PRECIOUS_WHEN_DELETED = {
    "Namespace", "PersistentVolume", "PersistentVolumeClaim", "CustomResourceDefinition", "StorageClass",
}  # fmt: skip
_RBAC = {"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"}
_SYSTEM_NAMESPACES = {"kube-system", "kube-public", "kube-node-lease"}


def tools_in(mode: Mode, tools: tuple[Tool, ...]) -> tuple[Tool, ...]:
    """The tools that exist in this mode."""
    if mode is Mode.READ_ONLY:
        return tuple(tool for tool in tools if tool.effect is Effect.READ)
    return tools


def to_type(change: Change, aim: Aim) -> str:
    """The name that a person has to type before this change, empty when a yes is enough.

    This is the floor: nothing lowers it. It holds for deleting what cannot be made again (namespaces, volumes, CRDs),
    for rights (RBAC), for nodes and for the system's own namespaces.
    """
    ref = _object_of(change)
    if ref is None:
        namespace = getattr(change, "namespace", "")
        return str(getattr(change, "release", "")) if namespace in _SYSTEM_NAMESPACES else ""
    if isinstance(change, Delete) and ref.kind in _PRECIOUS_WHEN_DELETED:
        return ref.name
    if ref.kind in _RBAC or ref.kind == "Node" or ref.namespace in _SYSTEM_NAMESPACES:
        return ref.name
    return ""


def _object_of(change: Change) -> Ref | None:
    match change:
        case ApplyManifest() | Patch() | Scale() | Delete() | RolloutUndo():
            return change.ref
        case _:
            return None

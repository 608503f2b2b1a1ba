"""The floor: what no policy file, mode or standing grant lowers.

Some things do not come back when they are gone, and some give away the cluster or the node. For them the name is
typed, or a yes is given each time, whatever a file says.
"""

from agent.guard.policy.acts import Act
from agent.guard.policy.ruling import Decision, Ruling
from tools.catalog import Effect

WORKSPACE_POLICY = "shipmate-policy.yaml"
_SETTINGS = ("shipmate/policy.yaml", "shipmate/config.toml")  # in whatever folder settings are kept

_NOT_BACK = {"namespace", "persistentvolume", "persistentvolumeclaim", "customresourcedefinition", "storageclass"}
_RIGHTS = {"role", "clusterrole", "rolebinding", "clusterrolebinding", "certificatesigningrequest"}
_ADMISSION = {
    "validatingwebhookconfiguration", "mutatingwebhookconfiguration", "validatingadmissionpolicy",
    "validatingadmissionpolicybinding", "mutatingadmissionpolicy", "mutatingadmissionpolicybinding",
}  # fmt: skip
_WHOLE_CLUSTER = {"apiservice", "priorityclass", "flowschema", "prioritylevelconfiguration"}
_SYSTEM_NAMESPACES = {"kube-system", "kube-public", "kube-node-lease"}

# For people: `shipmate policy show` prints it.
TOLD = (
    "confirm  deleting namespaces, volumes, volume claims, storage classes and definitions of kinds",
    "confirm  rights: roles, bindings, certificate signing requests",
    "confirm  what decides on admission: webhook configurations, admission policies",
    "confirm  API services, priority classes, flow schemas; nodes; everything in kube-system and its like",
    "confirm  writing a policy file",
    "ask      pods that get power over their node: privileged, hostPath, hostNetwork, capabilities and the like",
    "ask      revealing the value of a Secret; writing hidden files",
)


def floor(act: Act) -> Ruling | None:
    """The least that this act needs, None where the floor says nothing about it."""
    if reason := _to_type(act):
        return Ruling(decision=Decision.CONFIRM, by="the floor", reason=reason, each_time=True)
    if reason := _each_time(act):
        return Ruling(decision=Decision.ASK, by="the floor", reason=reason, each_time=True)
    return None


def _to_type(act: Act) -> str:
    """Why the name has to be typed, empty when it need not be."""
    kinds = act.kinds
    if "delete" in act.verbs and kinds & _NOT_BACK:
        return f"a deleted {act.kind.lower()} does not come back"
    if kinds & _RIGHTS:
        return "it changes who may do what"
    if kinds & _ADMISSION:
        return "it changes what the cluster lets in"
    if kinds & _WHOLE_CLUSTER:
        return "it concerns the whole cluster"
    if "node" in kinds:
        return "it changes a node"
    if act.namespace in _SYSTEM_NAMESPACES:
        return f"{act.namespace} belongs to the cluster itself"
    if act.change == "write-file" and f"/{act.path}".endswith(
        tuple(f"/{name}" for name in (WORKSPACE_POLICY, *_SETTINGS))
    ):
        return "it changes what Shipmate may do"
    return ""


def _each_time(act: Act) -> str:
    """Why a yes is needed each time, empty when it is not."""
    if act.effect is Effect.REVEAL:
        return "it shows the value of a secret"
    if act.powers:
        return f"it gives pods power over their node ({', '.join(act.powers)})"
    if act.change == "write-file" and any(part.startswith(".") for part in act.path.split("/")):
        return "it writes a hidden file"
    return ""

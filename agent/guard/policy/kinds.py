"""The names that one kind of object goes by, without asking a cluster: `pvc`, `PersistentVolumeClaim`, its plural."""

from functools import lru_cache

_SHORT = {
    "cj": "cronjob", "cm": "configmap", "crd": "customresourcedefinition", "csr": "certificatesigningrequest",
    "deploy": "deployment", "ds": "daemonset", "hpa": "horizontalpodautoscaler", "ing": "ingress",
    "netpol": "networkpolicy", "no": "node", "ns": "namespace", "pc": "priorityclass", "pdb": "poddisruptionbudget",
    "po": "pod", "pv": "persistentvolume", "pvc": "persistentvolumeclaim", "quota": "resourcequota",
    "rs": "replicaset", "sa": "serviceaccount", "sc": "storageclass", "sts": "statefulset", "svc": "service",
}  # fmt: skip


@lru_cache(maxsize=512)
def kind_names(kind: str) -> frozenset[str]:
    """Every name of this kind, in lower case; `kind` may be any of them."""
    if not kind:
        return frozenset()
    given = _SHORT.get(kind.lower(), kind.lower())
    one = _singular(given)
    names = {given, one, _plural(one)}
    return frozenset(names | {short for short, full in _SHORT.items() if full in names})


def _plural(name: str) -> str:
    if name.endswith("y") and name[-2:-1] not in "aeiou":
        return f"{name[:-1]}ies"
    return f"{name}es" if name.endswith(("s", "x", "ch")) else f"{name}s"


def _singular(name: str) -> str:
    if name.endswith("ies"):
        return f"{name[:-3]}y"
    if name.endswith(("sses", "xes", "ches")):
        return name[:-2]
    return name[:-1] if name.endswith("s") and not name.endswith("ss") else name

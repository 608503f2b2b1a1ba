"""What the server fills in by itself, so that a diff can leave it out, and nothing but it. Pure.

A value that nobody asked for and that is not one of these comes from admission (a webhook, a policy) and is shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_GROUPS = {
    *("", "apps", "batch", "autoscaling", "policy", "networking.k8s.io", "rbac.authorization.k8s.io"),
    *("storage.k8s.io", "scheduling.k8s.io", "coordination.k8s.io", "discovery.k8s.io"),
}

# Given anew to each object, or derived from what was asked for.
_GENERATED = {
    *("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "nodePort", "healthCheckNodePort", "targetPort"),
    *("finalizers", "namespace", "serviceAccount", "creationTimestamp", "status", "policies", "nodeName"),
    *("controller-uid", "batch.kubernetes.io/controller-uid", "job-name", "batch.kubernetes.io/job-name"),
    "kubernetes.io/metadata.name",
}

_DEFAULTS: dict[str, tuple[Any, ...]] = {
    # pods
    "restartPolicy": ("Always",),
    "dnsPolicy": ("ClusterFirst",),
    "schedulerName": ("default-scheduler",),
    "terminationGracePeriodSeconds": (30,),
    "enableServiceLinks": (True,),
    "serviceAccountName": ("default",),
    "preemptionPolicy": ("PreemptLowerPriority",),
    "priority": (0,),
    "terminationMessagePath": ("/dev/termination-log",),
    "terminationMessagePolicy": ("File",),
    "imagePullPolicy": ("Always", "IfNotPresent"),
    "protocol": ("TCP",),
    "timeoutSeconds": (1,),
    "periodSeconds": (10,),
    "successThreshold": (1,),
    "failureThreshold": (3,),
    "scheme": ("HTTP",),
    "path": ("/",),
    "service": ("",),
    "divisor": ("0",),
    "apiVersion": ("v1",),
    "defaultMode": (420,),
    "expirationSeconds": (3600, 3607),
    # what makes pods
    "replicas": (1,),
    "progressDeadlineSeconds": (600,),
    "revisionHistoryLimit": (10,),
    "type": ("RollingUpdate", "ClusterIP", "Opaque", ""),
    "maxSurge": ("25%", 0),
    "maxUnavailable": ("25%", 1),
    "partition": (0,),
    "podManagementPolicy": ("OrderedReady",),
    "serviceName": ("",),
    "whenDeleted": ("Retain",),
    "whenScaled": ("Retain",),
    "backoffLimit": (6,),
    "completionMode": ("NonIndexed",),
    "completions": (1,),
    "parallelism": (1,),
    "manualSelector": (False,),
    "podReplacementPolicy": ("TerminatingOrFailed",),
    "suspend": (False,),
    "concurrencyPolicy": ("Allow",),
    "successfulJobsHistoryLimit": (3,),
    "failedJobsHistoryLimit": (1,),
    "minReplicas": (1,),
    "selectPolicy": ("Max",),
    "stabilizationWindowSeconds": (0, 300),
    # what leads to them, and what they keep
    "internalTrafficPolicy": ("Cluster",),
    "externalTrafficPolicy": ("Cluster",),
    "sessionAffinity": ("None",),
    "allocateLoadBalancerNodePorts": (True,),
    "volumeMode": ("Filesystem",),
    "kind": ("PersistentVolumeClaim",),
    "phase": ("Pending",),
    "persistentVolumeReclaimPolicy": ("Retain",),
    "reclaimPolicy": ("Delete",),
    "volumeBindingMode": ("Immediate",),
    "apiGroup": ("rbac.authorization.k8s.io", ""),
}

# Every pod gets the token of its account and stays a while on a node that fails.
_TOKEN = ("kube-api-access-", "/var/run/secrets/kubernetes.io/serviceaccount")
_FAILING = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")


def known(api_version: str) -> bool:
    """Whether the defaults of such a kind are those of here; a custom resource has its own."""
    return api_version.rpartition("/")[0] in _GROUPS


def is_default(key: str, value: Any) -> bool:
    """Whether a field has the value that it has when nobody says anything about it."""
    if key in _GENERATED or value in ({}, [], None) or (key == "selector" and _counted(value)):
        return True
    if isinstance(value, Mapping):
        return all(is_default(name, item) for name, item in value.items())
    if isinstance(value, list):
        return all(is_given(item) for item in value)
    return any(value == one and type(value) is type(one) for one in _DEFAULTS.get(key, ()))


def is_given(item: Any) -> bool:
    """Whether an item of a list is one that every pod gets."""
    if not isinstance(item, Mapping):
        return False
    named = str(item.get("name", "")).startswith(_TOKEN[0])
    return named or item.get("mountPath") == _TOKEN[1] or item.get("key") in _FAILING


def _counted(selector: Any) -> bool:
    """A Job's selector, which the server makes from the uid."""
    return isinstance(selector, Mapping) and "controller-uid" in str(selector.get("matchLabels"))

"""Kubernetes objects of many kinds, drawn at random; nothing of them has to run."""

# ruff: noqa: E501

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

Object = dict[str, Any]

WORD = st.from_regex(r"[a-z]([a-z0-9]{0,6})", fullmatch=True)
TEXT = st.one_of(WORD, st.sampled_from(["", "true", "1", "a: b", "line\nline\n", "päö", "x" * 300]))
LABELS = st.dictionaries(st.one_of(WORD, st.sampled_from(["a.example.com/b", "team", "tier"])), WORD, max_size=3)
NOTES = st.dictionaries(st.one_of(WORD, st.sampled_from(["example.com/a.b", "note"])), TEXT, max_size=3)
AMOUNT = st.sampled_from(["10m", "100m", "0.5", "1", "250m"])
MEMORY = st.sampled_from(["16Mi", "64Mi", "0.1Gi", "100M"])
IMAGE = st.sampled_from(["registry.k8s.io/pause:3.10", "example.com/none:1", "example.com/none@sha256:" + "a" * 64])
PORT = st.integers(1, 65535)


def some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Object]:
    """A map with any of these fields."""
    return st.fixed_dictionaries({}, optional=fields)


@st.composite
def environment(draw: st.DrawFn) -> list[Object]:
    names = draw(st.lists(st.sampled_from(["A", "B", "LOG_LEVEL", "DB_PASSWORD", "TOKEN"]), unique=True, max_size=4))
    source = st.just({"valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}})
    return [{"name": name, **draw(st.one_of(TEXT.map(lambda value: {"value": value}), source))} for name in names]


PROBE = st.builds(lambda port, every: {"tcpSocket": {"port": port}, "periodSeconds": every}, PORT, st.integers(1, 60))


@st.composite
def containers(draw: st.DrawFn) -> list[Object]:
    names = draw(st.lists(st.sampled_from(["main", "side", "log", "proxy"]), unique=True, min_size=1, max_size=3))
    return [
        {"name": name, "image": draw(IMAGE), **draw(some(
            env=environment(),
            args=st.lists(st.one_of(WORD, st.sampled_from(["--token", "--v=2"])), max_size=3),
            resources=some(requests=some(cpu=st.just("5m"), memory=st.just("8Mi")), limits=some(cpu=AMOUNT, memory=MEMORY)),
            ports=st.lists(PORT, max_size=2, unique=True).map(lambda ports: [{"containerPort": one} for one in ports]),
            readinessProbe=PROBE,
            imagePullPolicy=st.sampled_from(["Always", "IfNotPresent"]),
        ))}
        for name in names
    ]  # fmt: skip


@st.composite
def template(draw: st.DrawFn, **more: Any) -> Object:
    # Pods that a gate holds back may be made, and never run.
    gates = [{"name": "example.com/never"}]
    spec = {"containers": draw(containers()), "schedulingGates": gates, **more, **draw(some(
        terminationGracePeriodSeconds=st.integers(0, 60),
        nodeSelector=st.dictionaries(WORD, WORD, max_size=2),
        tolerations=st.lists(st.builds(lambda key: {"key": key, "operator": "Exists"}, WORD), max_size=2),
        volumes=st.just([{"name": "tmp", "emptyDir": {}}]),
    ))}  # fmt: skip
    return {"metadata": {"labels": {"app": "x", **draw(LABELS)}, "annotations": draw(NOTES)}, "spec": spec}


def _whole(version: str, kind: str, **body: Any) -> st.SearchStrategy[Object]:
    meta = st.fixed_dictionaries({"labels": LABELS, "annotations": NOTES})
    parts = {key: value if isinstance(value, st.SearchStrategy) else st.just(value) for key, value in body.items()}
    return st.fixed_dictionaries({"apiVersion": st.just(version), "kind": st.just(kind), "metadata": meta, **parts})


SELECTOR = {"matchLabels": {"app": "x"}}


def _spec(fixed: dict[str, Any], **optional: st.SearchStrategy[Any]) -> st.SearchStrategy[Object]:
    needed = {key: value if isinstance(value, st.SearchStrategy) else st.just(value) for key, value in fixed.items()}
    return st.fixed_dictionaries(needed, optional=optional)


DEPLOYMENT = _whole("apps/v1", "Deployment", spec=_spec(
    {"replicas": 0, "selector": SELECTOR, "template": template()},
    strategy=st.sampled_from([{"type": "Recreate"}, {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}]),
    minReadySeconds=st.integers(0, 9), revisionHistoryLimit=st.integers(2, 9), paused=st.just(True),
))  # fmt: skip

STATEFUL_SET = _whole("apps/v1", "StatefulSet", spec=_spec(
    {"replicas": 0, "selector": SELECTOR, "serviceName": "x", "template": template()},
    updateStrategy=st.sampled_from([{"type": "OnDelete"}, {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}]),
    minReadySeconds=st.integers(0, 9),
))  # fmt: skip

_PORTS = st.lists(PORT, min_size=1, max_size=3, unique=True).map(
    lambda ports: [{"name": f"p{one}", "port": one, "targetPort": one} for one in ports]
)
SERVICE = _whole("v1", "Service", spec=_spec(
    {"ports": st.one_of(_PORTS, st.builds(lambda port: [{"port": port}], PORT)), "selector": st.dictionaries(WORD, WORD, min_size=1, max_size=2)},
    type=st.sampled_from(["ClusterIP", "NodePort"]),
    sessionAffinity=st.sampled_from(["None", "ClientIP"]),
))  # fmt: skip

CONFIG_MAP = _whole("v1", "ConfigMap", data=st.dictionaries(
    st.one_of(WORD, st.sampled_from(["app.yaml", "DB_PASSWORD", "token"])), TEXT, max_size=4
))  # fmt: skip

SECRET = _whole("v1", "Secret", type=st.just("Opaque"), data=st.dictionaries(
    st.one_of(WORD, st.sampled_from(["password", "tls.key"])), st.sampled_from(["cTdSazJtWDl2TA==", "YQ==", "", "AAEC/w=="]), max_size=4
))  # fmt: skip

CRON_JOB = _whole("batch/v1", "CronJob", spec=_spec(
    {
        "schedule": st.sampled_from(["0 0 1 1 *", "*/5 * * * *"]), "suspend": True,
        "jobTemplate": template(restartPolicy="Never").map(lambda pods: {"spec": {"template": pods}}),
    },
    concurrencyPolicy=st.sampled_from(["Forbid", "Replace"]), successfulJobsHistoryLimit=st.integers(0, 5),
    timeZone=st.sampled_from(["UTC", "Europe/Vienna"]),
))  # fmt: skip

_BACKEND = st.builds(lambda port: {"service": {"name": "x", "port": {"number": port}}}, PORT)
_PATHS = st.lists(st.builds(lambda path, end: {"path": f"/{path}", "pathType": "Prefix", "backend": end}, WORD, _BACKEND),
                  min_size=1, max_size=2)  # fmt: skip
INGRESS = _whole("networking.k8s.io/v1", "Ingress", spec=_spec(
    {"rules": st.lists(st.builds(lambda host, paths: {"host": f"{host}.example.com", "http": {"paths": paths}}, WORD, _PATHS),
                       min_size=1, max_size=3)},
    ingressClassName=WORD, tls=st.just([{"hosts": ["a.example.com"], "secretName": "t"}]),
))  # fmt: skip

AUTOSCALER = _whole("autoscaling/v2", "HorizontalPodAutoscaler", spec=_spec(
    {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "none"}, "maxReplicas": st.integers(5, 9)},
    minReplicas=st.integers(1, 4),
    metrics=st.integers(1, 99).map(lambda aim: [
        {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": aim}}}
    ]),
))  # fmt: skip

BUDGET = _whole("policy/v1", "PodDisruptionBudget", spec=st.one_of(
    st.builds(lambda few, labels: {"minAvailable": few, "selector": {"matchLabels": labels}}, st.integers(0, 3), LABELS),
    st.builds(lambda few, labels: {"maxUnavailable": few, "selector": {"matchLabels": labels}}, st.sampled_from([1, "50%"]), LABELS),
))  # fmt: skip

_PEERS = st.lists(st.one_of(
    st.builds(lambda labels: {"podSelector": {"matchLabels": labels}}, LABELS),
    st.just({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}),
), min_size=1, max_size=2)  # fmt: skip
NETWORK_POLICY = _whole("networking.k8s.io/v1", "NetworkPolicy", spec=_spec(
    {"podSelector": st.builds(lambda labels: {"matchLabels": labels}, LABELS)},
    ingress=st.lists(st.builds(lambda peers, port: {"from": peers, "ports": [{"port": port, "protocol": "TCP"}]}, _PEERS, PORT), max_size=2),
    egress=st.lists(st.builds(lambda peers: {"to": peers}, _PEERS), max_size=2),
))  # fmt: skip

_FREE = st.recursive(
    st.one_of(st.integers(-9, 9), st.booleans(), TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORD, inner, max_size=3)), max_leaves=8,
)  # fmt: skip
BOAT = _whole("undo.example.com/v1", "Boat", spec=st.dictionaries(WORD, _FREE, min_size=1, max_size=4))

KINDS: dict[str, st.SearchStrategy[Object]] = {
    "Deployment": DEPLOYMENT, "StatefulSet": STATEFUL_SET, "Service": SERVICE, "ConfigMap": CONFIG_MAP, "Secret": SECRET,
    "CronJob": CRON_JOB, "Ingress": INGRESS, "HorizontalPodAutoscaler": AUTOSCALER, "PodDisruptionBudget": BUDGET,
    "NetworkPolicy": NETWORK_POLICY, "Boat": BOAT,
}  # fmt: skip

BOATS = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "boats.undo.example.com"},
    "spec": {
        "group": "undo.example.com",
        "scope": "Namespaced",
        "names": {"kind": "Boat", "plural": "boats", "singular": "boat"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
            }
        ],
    },
}

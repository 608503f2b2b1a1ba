"""What objects are like, and which of them a rule means."""

from __future__ import annotations

from typing import Any, cast

import pytest

from tools.context import Context
from tools.errors import BadRequest
from tools.kubernetes.look.conditions import keep, read_condition
from tools.kubernetes.look.forms import grouped, shaped
from tools.kubernetes.look.tables import Row, Table
from tools.kubernetes.look.traits import at_path, image_parts
from tools.kubernetes.look.world import World, selects


class Around(World):
    """Nothing is around but what a test says."""

    def __init__(self, pods: int = 0, used: bool = False) -> None:
        super().__init__(cast(Context, None), "shop")
        self._pods, self._used = pods, used

    def pods(self, obj: Any) -> int:
        return self._pods

    def used(self, obj: Any) -> bool:
        return self._used


def workload(*containers: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"kind": "Deployment", "metadata": more, "spec": {"template": {"spec": {"containers": list(containers)}}}}


BARE = workload({"name": "app", "image": "nginx"})
FULL = workload(
    {
        "name": "app",
        "image": "ghcr.io/acme/shop:1.2@sha256:abc",
        "resources": {"limits": {"memory": "2Gi", "cpu": "500m"}, "requests": {"memory": "1Gi", "cpu": "250m"}},
        "readinessProbe": {"tcpSocket": {"port": 80}},
        "livenessProbe": {"tcpSocket": {"port": 80}},
        "securityContext": {
            "runAsNonRoot": True,
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        },
        "env": [{"name": "MODE", "value": "dark"}],
    },
    labels={"team": "web", "app.kubernetes.io/name": "shop"},
)
MIXED = workload(
    {"name": "app", "image": "nginx:1.27", "resources": {"limits": {"memory": "64Mi"}}},
    {"name": "side", "image": "quay.io/x/y:latest", "securityContext": {"privileged": True, "runAsUser": 0}},
)
WORLD = {"bare": BARE, "full": FULL, "mixed": MIXED}


def fitting(where: str | list[str], things: dict[str, Any] = WORLD, around: World | None = None) -> dict[str, str]:
    table = Table(["Name"], [Row(name, "shop", (name,)) for name in things])
    objects = {("shop", name): obj for name, obj in things.items()}
    why = keep(table, read_condition(where), objects, around or Around())
    return {name: reason for (_, name), reason in why.items()}


@pytest.mark.parametrize(
    ("where", "left"),
    [
        ("no memory limit", "bare mixed"),
        ("memory limit", "full"),
        ("no cpu limit", "bare mixed"),
        ("no limits", "bare mixed"),
        ("memory limit>1Gi", "full"),
        ("memory limit<=64Mi", "mixed"),
        ("memory limit=2048Mi", "full"),
        ("cpu request>0.2", "full"),
        ("cpu request>1", ""),
        ("no readiness probe", "bare mixed"),
        ("readiness probe", "full"),
        ("latest", "bare mixed"),
        ("not latest", "full"),
        ("root", "bare mixed"),
        ("privileged", "mixed"),
        ("not privileged", "bare full"),
        ("no read-only root", "bare mixed"),
        ("privilege escalation", "bare mixed"),
        ("registry!=ghcr.io", "bare mixed"),
        ("registry=docker.io", "bare mixed"),
        ("image~nginx", "bare mixed"),
        ("image!~nginx", "full mixed"),
        ("no digest", "bare mixed"),
        ("label team", "full"),
        ("no label team", "bare mixed"),
        ("label team=web", "full"),
        ("label app.kubernetes.io/name=shop", "full"),
        ("no env MODE", "bare mixed"),
        ("env MODE", "full"),
        ("no limits or no digest", "bare mixed"),
        (["label team", "no limits"], ""),
        ("containers>1", "mixed"),
        (".spec.template.spec.containers.name=side", "mixed"),
        ("no .metadata.labels.team", "bare mixed"),
    ],
)
def test_a_rule_keeps_what_it_means(where: str | list[str], left: str) -> None:
    assert " ".join(fitting(where)) == left


def test_why_names_the_container() -> None:
    assert fitting("no memory limit")["mixed"] == "container side: no memory limit"
    assert fitting("privileged")["mixed"] == "container side: true"


@pytest.mark.parametrize(
    ("where", "obj"),
    [
        ("type=loadbalancer", {"kind": "Service", "spec": {"type": "LoadBalancer"}}),
        ("port=80", {"kind": "Service", "spec": {"ports": [{"port": 443}, {"port": 80}]}}),
        ("no pods", {"kind": "Service", "spec": {"selector": {"app": "gone"}}}),
        ("unused", {"kind": "ConfigMap"}),
        ("bound", {"kind": "PersistentVolumeClaim", "status": {"phase": "Bound"}}),
        (
            "size>=10Gi",
            {"kind": "PersistentVolumeClaim", "spec": {"resources": {"requests": {"storage": "10Gi"}}}},
        ),
        ("class=fast", {"kind": "PersistentVolumeClaim", "spec": {"storageClassName": "fast"}}),
        ("no tls", {"kind": "Ingress", "spec": {"rules": [{"host": "a.example"}]}}),
        ("host=a.example", {"kind": "Ingress", "spec": {"rules": [{"host": "a.example"}]}}),
        ("cordoned", {"kind": "Node", "spec": {"unschedulable": True}}),
        ("pressure", {"kind": "Node", "status": {"conditions": [{"type": "DiskPressure", "status": "True"}]}}),
        ("taints~NoSchedule", {"kind": "Node", "spec": {"taints": [{"key": "gpu", "effect": "NoSchedule"}]}}),
        ("failed", {"kind": "Job", "status": {"conditions": [{"type": "Failed", "status": "True"}]}}),
        ("suspended", {"kind": "CronJob", "spec": {"suspend": True}}),
        ("at maximum", {"kind": "HPA", "spec": {"maxReplicas": 3}, "status": {"currentReplicas": 3}}),
        (".spec.tier=gold", {"kind": "Widget", "spec": {"tier": "gold"}}),
    ],
)
def test_each_kind_has_its_own(where: str, obj: dict[str, Any]) -> None:
    assert "one" in fitting(where, {"one": obj})
    negated = f"no {where}" if not set(where) & set("=~<>") and not where.startswith("no ") else None
    assert negated is None or "one" not in fitting(negated, {"one": obj})


def test_what_is_missing_is_neither_more_nor_less() -> None:
    assert list(fitting("memory limit<1Ti")) == ["full", "mixed"]


@pytest.mark.parametrize("where", ["no sense at all", "memory limit >", "=3", ["", "ready"]])
def test_an_unknown_fact_is_refused_with_those_there_are(where: str | list[str]) -> None:
    with pytest.raises(BadRequest) as error:
        fitting(where)
    assert where == "no sense at all" or "memory limit" in error.value.next_step


@pytest.mark.parametrize(
    ("image", "parts"),
    [
        ("nginx", ("docker.io", "nginx", "", "")),
        ("acme/web:2", ("docker.io", "acme/web", "2", "")),
        ("localhost:5000/web", ("localhost:5000", "web", "", "")),
        ("ghcr.io/a/b:1@sha256:f", ("ghcr.io", "a/b", "1", "sha256:f")),
    ],
)
def test_an_image_falls_into_its_parts(image: str, parts: tuple[str, ...]) -> None:
    assert image_parts(image) == parts


def test_a_path_goes_through_lists_and_dotted_keys() -> None:
    assert at_path({"a": [{"b": 1}, {"b": 2}]}, "a.b") == [1, 2]
    assert at_path({"a": {"x.y/z": 3}}, "a.x.y/z") == [3]
    assert at_path({}, "a.b") == [None]


def test_selectors_take_what_the_server_would_take() -> None:
    web, none = {"key": "tier", "operator": "In", "values": ["web"]}, {"key": "x", "operator": "DoesNotExist"}
    rules = {"matchExpressions": [web, none]}
    assert selects(rules, {"tier": "web"})
    assert not selects(rules, {"tier": "web", "x": ""})
    assert selects({}, {})


def test_lines_and_names_are_as_they_were_asked_for() -> None:
    items = [{"kind": "Pod", "name": "a", "namespace": "shop", "why": "container x: no limits", "columns": {}}]
    assert shaped(items, "names", None, everywhere=True) == "shop/a"
    assert shaped(items, "lines", None, everywhere=False) == "a: container x: no limits"
    assert shaped(items, "lines", "VIOLATION <kind>/{name}", everywhere=False) == "VIOLATION Pod/a"
    assert '"name": "a"' in shaped(items, "json", None, everywhere=False)


def test_counts_come_in_groups() -> None:
    rows = [Row(name, place, (name, "Running")) for name, place in (("a", "x"), ("b", "x"), ("c", "y"))]
    assert grouped(Table(["Name", "Status"], rows), "namespace", {}, Around()) == {"x": 2, "y": 1}
    assert grouped(Table(["Name", "Status"], rows), "status", {}, Around()) == {"Running": 3}

"""Edits of live objects: the patch says just what differs, and nothing is written."""

from __future__ import annotations

from typing import Any

import pytest

from tests.tools.kubernetes.api_server import ApiServer
from tools.catalog import by_name
from tools.change import Patch, Proposal
from tools.context import Context
from tools.errors import BadRequest, NeedsAnswer, NotFound
from tools.kubernetes.edits import edit_change
from tools.kubernetes.relative import resolved

Object = dict[str, Any]


def deployment(**spec: Any) -> Object:
    main = {
        "name": "web",
        "image": "nginx:1.28",
        "ports": [{"containerPort": 80}],
        "env": [{"name": "LEVEL", "value": "info"}],
        "livenessProbe": {"tcpSocket": {"port": 80}, "periodSeconds": 10},
        "volumeMounts": [{"name": "conf", "mountPath": "/etc/app"}],
        "resources": {"requests": {"memory": "128Mi"}, "limits": {"memory": "256Mi"}},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "uid": "1"},
        "spec": {
            "replicas": 2,
            "template": {"spec": {"containers": [main], "tolerations": [{"key": "a", "operator": "Exists"}]}},
            **spec,
        },
    }


def service(*ports: Object) -> Object:
    spec = {"selector": {"app": "web", "version": "blue"}, "type": "ClusterIP", "ports": list(ports)}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop"}, "spec": spec}


def in_container(**fields: Any) -> Object:
    return {"spec": {"template": {"spec": {"containers": [fields]}}}}


def patched(obj: Object, fields: Object, container: str | None = None) -> Any:
    change = edit_change(obj, fields, container)
    assert change is not None
    return change.patch


def test_a_probe_replaces_the_way_of_asking_and_keeps_the_rest() -> None:
    change = edit_change(deployment(), in_container(livenessProbe={"httpGet": {"path": "/healthz", "port": 8000}}))
    assert change is not None
    assert change.type == "strategic"
    probe = {"httpGet": {"path": "/healthz", "port": 8000}, "tcpSocket": None}
    assert change.patch == in_container(name="web", livenessProbe=probe)
    assert change.summary == "change deployment web in shop: container web (livenessProbe)"


def test_only_what_differs_is_said() -> None:
    fields = {"spec": {"replicas": 2, "paused": True, "template": {"spec": {"containers": [{"image": "nginx:1.28"}]}}}}
    assert patched(deployment(), fields) == {"spec": {"paused": True}}
    assert edit_change(deployment(), {"spec": {"replicas": 2}}) is None
    assert edit_change(deployment(), {"spec": {"paused": None}}) is None


def test_lists_of_named_things_are_matched_and_others_added_to() -> None:
    fields: Object = {
        "spec": {"template": {"spec": {
            "containers": [{
                "ports": [{"containerPort": 80}, {"containerPort": 9090}], "env": [{"name": "A", "value": "b"}],
            }],
            "tolerations": [{"key": "gpu", "operator": "Exists"}],
        }}}
    }  # fmt: skip
    pods = patched(deployment(), fields)["spec"]["template"]["spec"]
    assert pods["containers"] == [
        {"name": "web", "ports": [{"containerPort": 9090}], "env": [{"name": "A", "value": "b"}]}
    ]
    assert pods["tolerations"] == [{"key": "a", "operator": "Exists"}, {"key": "gpu", "operator": "Exists"}]


def test_elements_are_taken_away_by_what_tells_them_apart() -> None:
    gone = {"$patch": "delete"}
    assert patched(deployment(), in_container(ports=[{"containerPort": 80, **gone}])) == in_container(
        name="web", ports=[{"containerPort": 80, **gone}]
    )
    body = patched(deployment(), {"spec": {"template": {"spec": {"tolerations": [{"key": "a", **gone}]}}}})
    assert body["spec"]["template"]["spec"]["tolerations"] == []
    with pytest.raises(NotFound, match=r"no variable DEBUG.*LEVEL"):
        edit_change(deployment(), in_container(env=[{"name": "DEBUG", **gone}]))
    with pytest.raises(NotFound, match="no such toleration"):
        edit_change(deployment(), {"spec": {"template": {"spec": {"tolerations": [{"key": "b", **gone}]}}}})


def test_a_variable_from_a_secret_takes_the_value_away() -> None:
    source = {"secretKeyRef": {"name": "db", "key": "LEVEL"}}
    body = patched(deployment(), in_container(env=[{"name": "LEVEL", "valueFrom": source}]))
    assert body == in_container(name="web", env=[{"name": "LEVEL", "valueFrom": source, "value": None}])


def test_which_container_is_meant_must_be_clear() -> None:
    obj = deployment()
    obj["spec"]["template"]["spec"]["containers"].append({"name": "log", "image": "busybox"})
    with pytest.raises(NeedsAnswer):
        edit_change(obj, in_container(imagePullPolicy="Always"))
    assert patched(obj, in_container(imagePullPolicy="Always"), "log") == in_container(
        name="log", imagePullPolicy="Always"
    )


def test_recreate_takes_the_settings_of_rolling_updates_away() -> None:
    obj = deployment(strategy={"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}})
    assert patched(obj, {"spec": {"strategy": {"type": "Recreate"}}}) == {
        "spec": {"strategy": {"type": "Recreate", "rollingUpdate": None}}
    }


def test_a_service_is_switched_by_its_selector_and_its_only_port() -> None:
    one = service({"port": 80, "targetPort": 80, "protocol": "TCP"})
    assert patched(one, {"spec": {"selector": {"version": "green"}}}) == {"spec": {"selector": {"version": "green"}}}
    assert patched(one, {"spec": {"ports": [{"targetPort": 8080}]}}) == {
        "spec": {"ports": [{"port": 80, "targetPort": 8080}]}
    }
    assert patched(one, {"spec": {"ports": [{"port": 9090}]}})["spec"]["ports"] == [
        {"port": 9090, "name": "port-9090"},
        {"port": 80, "name": "port-80"},
    ]
    with pytest.raises(BadRequest, match="80, 443"):
        edit_change(service({"port": 80}, {"port": 443}), {"spec": {"ports": [{"targetPort": 8080}]}})


@pytest.mark.parametrize("fields", [
    {}, {"status": {"replicas": 3}}, {"kind": "StatefulSet"},
    {"metadata": {"name": "other"}}, {"metadata": {"uid": "2"}},
])  # fmt: skip
def test_what_no_edit_can_change_is_refused(fields: Object) -> None:
    with pytest.raises(BadRequest):
        edit_change(deployment(), fields)


def test_a_custom_resource_gets_its_lists_as_a_whole() -> None:
    obj = {
        "apiVersion": "shop.example.com/v1beta1",
        "kind": "CashRegister",
        "metadata": {"name": "till", "namespace": "shop"},
        "spec": {"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]},
    }
    change = edit_change(obj, {"spec": {"env": [{"name": "B", "value": "3"}]}})
    assert change is not None
    assert change.type == "merge"
    assert change.patch == {"spec": {"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "3"}]}}


def propose(ctx: Context, tool: str = "edit_object", **arguments: Any) -> Proposal:
    proposal = by_name()[tool].run(ctx, arguments)
    assert isinstance(proposal, Proposal)
    return proposal


def served(api: ApiServer, path: str, obj: Object) -> None:
    api.script[f"GET {path}/{obj['metadata']['name']}"] = obj
    api.script[f"GET {path}"] = {"items": [obj]}


CONFIGMAPS, SECRETS = "/api/v1/namespaces/shop/configmaps", "/api/v1/namespaces/shop/secrets"


def test_the_tool_proposes_a_patch_and_writes_nothing(api: ApiServer, fake_ctx: Context) -> None:
    meta = {"name": "app", "namespace": "shop"}
    served(api, CONFIGMAPS, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"A": "1", "B": "2"}})
    proposal = propose(fake_ctx, kind="configmap", name="app", fields={"data": {"A": "3", "B": None}})
    (change,) = proposal.changes
    assert isinstance(change, Patch)
    assert change.patch == {"data": {"A": "3", "B": None}}
    same = propose(fake_ctx, kind="cm", name="app", fields={"data": {"A": "1"}})
    assert not same.changes
    assert "so already" in same.notes[0]
    assert {request.method for request in api.seen} == {"GET"}


def test_the_value_of_a_secret_is_in_no_proposal(api: ApiServer, fake_ctx: Context) -> None:
    meta = {"name": "db", "namespace": "shop"}
    served(api, SECRETS, {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": {}})
    proposal = propose(fake_ctx, kind="secret", name="db", fields={"stringData": {"password": "correct-horse-9"}})
    assert "correct-horse-9" not in proposal.model_dump_json()
    assert "vault:" in str(proposal.changes[0])


def test_what_does_not_exist_is_said(api: ApiServer, fake_ctx: Context) -> None:
    api.script |= {f"GET {CONFIGMAPS}": {"items": []}, "GET /api/v1/configmaps": {"items": []}}
    with pytest.raises(NotFound):
        propose(fake_ctx, kind="configmap", name="nothing", fields={"data": {"A": "1"}})


@pytest.mark.parametrize(("said", "now", "after"), [
    ("x2", "256Mi", "512Mi"), ("x0.5", "1Gi", "512Mi"), ("+20%", "100Mi", "120Mi"), ("-128Mi", "256Mi", "128Mi"),
    ("512Mi", "1Gi", "512Mi"), ("+1Gi", "1Gi", "2Gi"), ("x0.3333", "100Mi", "33Mi"),
])  # fmt: skip
def test_relative_amounts_are_worked_out_from_what_is_set(said: str, now: str, after: str) -> None:
    assert resolved({"memory": said}, {"memory": now}, "web") == {"memory": after}


def test_relative_amounts_of_nothing_are_left_out_and_none_falls_to_zero() -> None:
    assert resolved({"cpu": "x2"}, {}, "web") == {}
    assert resolved({"cpu": "x0.5"}, {"cpu": "250m"}, "web") == {"cpu": "125m"}
    with pytest.raises(BadRequest, match="nothing"):
        resolved({"memory": "-1Gi"}, {"memory": "256Mi"}, "web")


def test_doubling_takes_the_amounts_of_the_live_container(api: ApiServer, fake_ctx: Context) -> None:
    deployments = "/apis/apps/v1/namespaces/shop/deployments"
    served(api, deployments, deployment())
    found = propose(
        fake_ctx, "set_resources", name="web", kind="deployment", namespace="shop", memory_limit="x2", cpu_limit="x2"
    )
    (change,) = found.changes
    assert isinstance(change, Patch)
    assert isinstance(change.patch, dict)
    (container,) = change.patch["spec"]["template"]["spec"]["containers"]
    assert container["resources"] == {"limits": {"memory": "512Mi"}}
    with pytest.raises(BadRequest, match="nothing set"):
        propose(fake_ctx, "set_resources", name="web", kind="deployment", namespace="shop", cpu_request="x2")

"""The read tools on the real API server, kubelet and metrics-server."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from tests.conftest import CLUSTER_CONTEXT, write_directly
from tools.catalog import Result, by_name
from tools.context import Context
from tools.errors import BadRequest, Conflict, Forbidden, NotFound, ShipmateError
from tools.kubernetes.door.client import Cluster
from tools.kubernetes.door.errors import AlreadyExists, Denied
from tools.progress import finish
from tools.provision.drivers.builtin import BuiltIn

pytestmark = pytest.mark.cluster

IMAGE = "debian:bookworm-slim"
Put = Callable[[str], None]


@pytest.fixture(scope="module", autouse=True)
def image(cluster_uid: str) -> None:
    """The image that the tests' containers run, where the cluster pulls from."""
    finish(BuiltIn().load(CLUSTER_CONTEXT, IMAGE))


@pytest.fixture
def read(ctx: Context) -> Callable[..., Result]:
    """Call a read tool by its name, as a mind would."""
    tools = by_name()

    def call(tool: str, **arguments: Any) -> Result:
        result = tools[tool].run(ctx, arguments)
        assert isinstance(result, Result)
        json.dumps(result.data)
        return result

    return call


def workload(name: str, script: str, replicas: int = 1, extra: str = "") -> str:
    return f"""
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
  labels: {{app.kubernetes.io/component: {name}}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - name: main
        image: {IMAGE}
        command: [bash, -c, {json.dumps(script)}]
        resources: {{requests: {{cpu: 5m, memory: 8Mi}}, limits: {{memory: 32Mi}}}}
        {extra}
"""


def until(ask: Callable[[], Any], seconds: float = 90) -> Any:
    """Ask until there is an answer; what kubelet and scheduler do takes its time."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        try:
            if answer := ask():
                return answer
        except NotFound:
            pass
        time.sleep(0.5)
    pytest.fail("it never came true")


def pods(ctx: Context, app: str) -> list[dict[str, Any]]:
    return list(ctx.cluster.list(ctx.cluster.kinds.resolve("pods"), ctx.namespace, selector=f"app={app}"))


def running(ctx: Context, app: str, count: int = 1) -> bool:
    return sum(pod["status"].get("phase") == "Running" for pod in pods(ctx, app)) == count


# --- Lists ------------------------------------------------------------------------------------------------------


def test_lists_show_what_the_server_prints(read: Callable[..., Result], apply: Put, ctx: Context) -> None:
    apply(workload("web", "sleep infinity") + "---" + workload("worker", "sleep infinity", replicas=0))
    text = read("list_objects", kind="deploy").text
    assert "2 deployments in namespace" in text
    assert "UP-TO-DATE" in text
    items = read("list_objects", kind="Deployments", name="we").data["items"]
    assert [(item["name"], item["kind"], item["namespace"]) for item in items] == [("web", "Deployment", ctx.namespace)]
    assert items[0]["columns"]["Ready"] in ("0/1", "1/1")
    by_glob = read("list_objects", kind="deployment", name="w*r").data["items"]
    assert [item["name"] for item in by_glob] == ["worker"]
    backwards = read("list_objects", kind="deployments.apps", sort_by="-name").data["items"]
    assert [item["name"] for item in backwards] == ["worker", "web"]
    limited = read("list_objects", kind="deploy", limit=1)
    assert "1 or more are not shown" in limited.text
    assert len(limited.data["items"]) == 1
    several = read("list_objects", kind="deploy,svc")
    assert {item["kind"] for item in several.data["items"]} == {"Deployment"}
    assert "replicasets" in read("list_objects", kind="all").text
    selected = read("list_objects", kind="deploy", selector="app.kubernetes.io/component in (web,x)")
    assert [item["name"] for item in selected.data["items"]] == ["web"]
    everywhere = read("list_objects", kind="deploy", all_namespaces=True)
    assert "kube-system" in everywhere.text
    assert "in all namespaces" in everywhere.text


def test_empty_and_mistaken_lists(read: Callable[..., Result], apply: Put, ctx: Context) -> None:
    assert read("list_objects", kind="ingresses").text == f"There are no ingresses in namespace {ctx.namespace}."
    apply(workload("backend", "sleep infinity", replicas=0))
    misspelt = read("list_objects", kind="deploy", name="bakcend")  # that there is none is an answer, not an error
    assert "Did you mean backend?" in misspelt.text
    for arguments, words in (
        ({"kind": "deploy", "namespace": "kube-sytem"}, "Did you mean kube-system?"),
        ({"kind": "deploi"}, "deployments.apps"),
        ({"kind": "deploy", "sort_by": "beauty"}, "There are: name, ready"),
        ({"kind": "deploy", "namespace": "../x"}, "lower-case"),
        ({"kind": ""}, "Say which"),
        ({"kind": "deploy", "limit": 0}, "at least 1"),
    ):
        with pytest.raises(ShipmateError) as caught:
            read("list_objects", **arguments)
        assert words in str(caught.value), arguments


def test_custom_resources_are_listed_described_and_shown(read: Callable[..., Result], ctx: Context) -> None:
    name = f"boats.{ctx.namespace}.example.com"
    columns = [{"name": "Sails", "type": "integer", "jsonPath": ".spec.sails"}]
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": name},
        "spec": {
            "group": f"{ctx.namespace}.example.com",
            "scope": "Namespaced",
            "names": {"plural": "boats", "singular": "boat", "kind": "Boat", "shortNames": ["bt"]},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "additionalPrinterColumns": columns,
                    "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
                }
            ],
        },
    }
    crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    read("list_kinds")  # so that the discovery at hand does not know it yet
    write_directly(ctx.cluster, "POST", crds, definition)
    try:
        boats = until(lambda: fresh(ctx).kinds.resolve(f"boats.{ctx.namespace}.example.com"))
        body = {
            "apiVersion": boats.api_version,
            "kind": "Boat",
            "metadata": {"name": "titania"},
            "spec": {"sails": 3, "apiToken": "hunter22"},
        }
        path = fresh(ctx).collection(boats, ctx.namespace)
        until(lambda: _created(ctx, path, body))
        ctx.__dict__.pop("cluster", None)
        listed = read("list_objects", kind=boats.full_name)
        assert listed.data["items"][0]["columns"]["Sails"] == 3
        shown = read("get_object", kind="bt", name="titania")
        assert yaml.safe_load(shown.text)["spec"] == {"sails": 3, "apiToken": "[redacted]"}
        described = read("describe", kind="boat", name="titania").text
        assert "spec.sails: 3" in described
        assert "hunter22" not in described
    finally:
        write_directly(ctx.cluster, "DELETE", f"{crds}/{name}")


def fresh(ctx: Context) -> Cluster:
    """The same cluster, known anew."""
    return Cluster.connect(ctx.kubeconfig, ctx.context, ctx.namespace, ctx.cache)


def _created(ctx: Context, path: str, body: dict[str, Any]) -> bool:
    try:
        write_directly(fresh(ctx), "POST", path, body)
    except AlreadyExists:
        return True
    return True


# --- One object -------------------------------------------------------------------------------------------------


def test_describe_tells_what_matters(read: Callable[..., Result], apply: Put, ctx: Context) -> None:
    extra = "env: [{name: DB_PASSWORD, value: hunter22}, {name: LEVEL, value: debug}]"
    apply(workload("web", "sleep infinity", extra=extra))
    until(lambda: running(ctx, "web"))
    until(lambda: "Started" in read("describe", kind="deployment", name="web").text)
    result = read("describe", kind="deployment", name="web")
    for words in (
        f"Image: {IMAGE}",
        "Available",
        "DB_PASSWORD=[redacted]",
        "LEVEL=debug",
        "limits memory 32Mi",
        "Events",
    ):
        assert words in result.text
    assert "hunter22" not in result.text + json.dumps(result.data)
    (pod,) = result.data["pods"]
    assert (pod["ready"], pod["status"]) == ("1/1", "Running")
    of_pod = read("describe", kind="po", name=pod["name"]).text
    assert "Owner: replicaset/web-" in of_pod
    assert "Container main: running, 0 restarts" in of_pod
    node = read("describe", kind="node", name=pod["node"]).text
    assert "Schedulable: yes" in node


@pytest.mark.parametrize(
    "kind", ["namespaces", "nodes", "configmaps", "services", "storageclasses", "leases", "clusterroles"]
)
def test_every_kind_can_be_described_and_shown(read: Callable[..., Result], kind: str, ctx: Context) -> None:
    resource = ctx.cluster.kinds.resolve(kind)
    obj = next(ctx.cluster.list(resource))
    arguments = {"kind": kind, "name": obj["metadata"]["name"], "namespace": obj["metadata"].get("namespace")}
    assert obj["metadata"]["name"] in read("describe", **arguments).text
    shown = yaml.safe_load(read("get_object", **arguments).text)
    assert shown["metadata"]["uid"] == obj["metadata"]["uid"]
    assert "managedFields" not in shown["metadata"]


def test_secrets_show_their_keys_only(read: Callable[..., Result], apply: Put) -> None:
    apply("{apiVersion: v1, kind: Secret, metadata: {name: login}, stringData: {password: hunter22, user: bob}}")
    for tool in ("describe", "get_object"):
        result = read(tool, kind="secret", name="login")
        everything = result.text + json.dumps(result.data)
        assert "password" in everything
        assert "hunter22" not in everything
        assert "aHVudGVyMjI" not in everything


def test_a_wrong_name_leads_to_the_right_one(read: Callable[..., Result], apply: Put, ctx: Context) -> None:
    apply(workload("backend", "sleep infinity", replicas=0))
    for arguments, words in (
        ({"name": "bakcend"}, "Did you mean backend?"),
        ({"name": "backend", "namespace": "default"}, ctx.namespace),
        ({"name": "coredns"}, "kube-system"),
        ({"name": "backend", "namespace": "kube-sytem"}, "Did you mean kube-system?"),
    ):
        with pytest.raises(NotFound) as caught:
            read("describe", kind="deploy", **arguments)
        assert str(words) in caught.value.next_step


# --- Events, logs, usage ----------------------------------------------------------------------------------------


def test_events_of_a_workload_include_those_of_its_pods(read: Callable[..., Result], apply: Put) -> None:
    apply(workload("broken", "exit 3") + "---" + workload("other", "sleep infinity", replicas=0))
    until(lambda: "BackOff" in read("events", name="deployment/broken", warnings_only=True).text)
    result = read("events", name="broken", kind="deploy")
    assert {item["type"] for item in result.data["items"]} == {"Normal", "Warning"}
    assert all(item["name"].startswith("broken") for item in result.data["items"])
    assert "There are no events" in read("events", name="nobody").text
    assert read("events", since="1h").data["items"]


def test_logs_of_all_pods_in_the_order_of_time(read: Callable[..., Result], apply: Put, ctx: Context) -> None:
    script = 'for i in 1 2 3; do echo "line $i API_TOKEN=hunter22"; sleep 0.2; done; echo needle 42; sleep infinity'
    apply(workload("chatty", script, replicas=2))
    until(lambda: read("logs", name="chatty").text.count("needle") == 2)
    result = read("logs", name="chatty")
    assert "(2 pods)" in result.text
    assert "hunter22" not in result.text + json.dumps(result.data)
    assert len({line["pod"] for line in result.data["lines"]}) == 2
    times = [line["time"] for line in result.data["lines"]]
    assert times == sorted(times)
    found = read("logs", name="deployment/chatty", grep="NEEDLE \\d+")
    assert {line["text"] for line in found.data["lines"]} == {"needle 42"}
    assert len(read("logs", name="chatty", tail=3).data["lines"]) == 3
    assert "The last 3 of" in read("logs", name="chatty", tail=3).text
    one = pods(ctx, "chatty")[0]["metadata"]["name"]
    assert f"pod {one}" in read("logs", name=one).text
    assert "No lines that match 'absent'" in read("logs", name=one, grep="absent").text
    assert read("logs", name=one, since="1h").data["lines"]
    with pytest.raises(NotFound, match="There are: main"):
        read("logs", name=one, container="sidecar")
    with pytest.raises(NotFound, match="chatty"):
        read("logs", name="chatti")
    with pytest.raises(BadRequest):
        read("logs", name=one, tail=0)


def test_logs_before_a_restart_and_of_what_never_started(read: Callable[..., Result], apply: Put, ctx: Context) -> None:
    apply(workload("crashing", "echo the reason; exit 1") + "---" + workload("steady", "echo up; sleep infinity"))
    unpullable = workload("unpullable", "true").replace(IMAGE, "debian:no-such-tag")
    apply(unpullable)
    until(
        lambda: any(
            pod["status"].get("containerStatuses", [{}])[0].get("restartCount") for pod in pods(ctx, "crashing")
        )
    )
    until(lambda: "the reason" in read("logs", name="crashing", previous=True).text)
    until(lambda: "up" in [line["text"] for line in read("logs", name="steady").data["lines"]])
    assert "has not been restarted" in read("logs", name="steady", previous=True).text
    until(lambda: "has not started" in read("logs", name="unpullable").text)


def test_usage_of_pods_and_nodes(read: Callable[..., Result], apply: Put) -> None:
    nodes = until(lambda: read("top", what="nodes").data["items"])
    assert nodes[0]["memory_bytes"] > 0
    assert 0 < nodes[0]["cpu_cores"] < nodes[0]["cpu_of"]
    apply(workload("idle", "sleep infinity"))
    (idle,) = until(lambda: read("top").data["items"])
    assert idle["name"].startswith("idle-")
    assert idle["memory_of"] == 32 * 2**20
    everywhere = read("top", all_namespaces=True, sort_by="memory").data["items"]
    sizes = [item["memory_bytes"] for item in everywhere]
    assert sizes == sorted(sizes, reverse=True)


# --- The door ---------------------------------------------------------------------------------------------------


def test_a_dry_run_never_changes_anything(apply: Put, ctx: Context) -> None:
    apply(workload("web", "sleep infinity", replicas=0))
    cluster = ctx.cluster
    resource = cluster.kinds.resolve("deploy")
    path = cluster.path(resource.ref("web", ctx.namespace))
    before = settled(ctx, path)
    cluster.dry_run("PATCH", path, {"spec": {"paused": True}}, "application/merge-patch+json")
    cluster.dry_run("DELETE", path, {"propagationPolicy": "Foreground"})
    cluster.dry_run("DELETE", path)
    cluster.dry_run("PATCH", f"{path}/scale", {"spec": {"replicas": 3}}, "application/merge-patch+json")
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "ghost"}}
    cluster.dry_run("POST", f"/api/v1/namespaces/{ctx.namespace}/configmaps", body)
    after = cluster.get(path)["metadata"]
    assert (after["uid"], after["resourceVersion"]) == before
    with pytest.raises(NotFound):
        cluster.get(f"/api/v1/namespaces/{ctx.namespace}/configmaps/ghost")


def settled(ctx: Context, path: str) -> tuple[str, str]:
    """Uid and version once the controllers have nothing more to write."""

    def observed() -> tuple[str, str] | None:
        obj = ctx.cluster.get(path)
        conditions = {item["type"] for item in obj["status"].get("conditions") or ()}
        seen = obj["status"].get("observedGeneration") == obj["metadata"]["generation"]
        done = seen and {"Available", "Progressing"} <= conditions
        return (obj["metadata"]["uid"], obj["metadata"]["resourceVersion"]) if done else None

    until(observed)
    time.sleep(1)
    return until(observed)


def test_the_servers_refusals_arrive_as_our_errors(apply: Put, ctx: Context) -> None:
    cluster = ctx.cluster
    place = f"/api/v1/namespaces/{ctx.namespace}"
    apply("{apiVersion: v1, kind: ResourceQuota, metadata: {name: tight}, spec: {hard: {pods: '0', configmaps: '5'}}}")
    quota = f"{place}/resourcequotas/tight"
    until(lambda: (cluster.get(quota).get("status") or {}).get("hard"))
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p"},
        "spec": {"containers": [{"name": "c", "image": IMAGE}]},
    }
    with pytest.raises(Denied, match="exceeded quota"):
        cluster.dry_run("POST", f"{place}/pods", pod)
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}
    write_directly(cluster, "POST", f"{place}/configmaps", config)
    with pytest.raises(AlreadyExists):
        cluster.dry_run("POST", f"{place}/configmaps", config)
    with pytest.raises(BadRequest, match="unknown field"):
        cluster.dry_run("POST", f"{place}/configmaps", {**config, "dta": {}})
    with pytest.raises(BadRequest, match="must be greater than or equal to 0"):
        apply(workload("w", "true", replicas=-1))
    stale = {**config, "metadata": {"name": "a", "resourceVersion": "1"}}
    with pytest.raises(Conflict):
        cluster.dry_run("PUT", f"{place}/configmaps/a", stale)
    with pytest.raises(NotFound):
        cluster.dry_run("PATCH", f"{place}/configmaps/b", {}, "application/merge-patch+json")


def test_someone_without_rights_is_told_which_one_is_missing(ctx: Context, tmp_path: Any) -> None:
    admin = ctx.cluster
    user = {**admin.access.user_entry, "as": f"system:serviceaccount:{ctx.namespace}:nobody"}
    raw = {
        "current-context": "x",
        "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x", "namespace": ctx.namespace}}],
        "clusters": [{"name": "x", "cluster": dict(admin.access.cluster_entry)}],
        "users": [{"name": "x", "user": user}],
    }
    file = tmp_path / "nobody"
    file.write_text(yaml.safe_dump(raw))
    nobody = Context(kubeconfig=str(file), root=tmp_path)
    assert nobody.cluster.whoami() == f"system:serviceaccount:{ctx.namespace}:nobody"
    with pytest.raises(Forbidden, match=f"may not list deployments.apps in namespace {ctx.namespace}"):
        by_name()["list_objects"].run(nobody, {"kind": "deploy"})
    pods_kind = nobody.cluster.kinds.resolve("pods")
    assert not nobody.cluster.can("delete", pods_kind, ctx.namespace)
    assert admin.can("delete", pods_kind, ctx.namespace)
    assert nobody.cluster.uid().startswith("server-")


def test_a_watch_sees_what_is_there_and_what_comes(apply: Put, ctx: Context) -> None:
    apply("{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {x: '1'}}")
    cluster = ctx.cluster
    watch = cluster.watch(cluster.kinds.resolve("cm"), ctx.namespace, name="a", timeout=30)
    assert next(watch)[0] == "ADDED"
    path = f"/api/v1/namespaces/{ctx.namespace}/configmaps/a"
    write_directly(fresh(ctx), "DELETE", path)
    kind, obj = next(watch)
    assert (kind, obj["metadata"]["name"]) == ("DELETED", "a")
    watch.close()
    ended = list(cluster.watch(cluster.kinds.resolve("cm"), ctx.namespace, name="a", timeout=1))
    assert ended == []

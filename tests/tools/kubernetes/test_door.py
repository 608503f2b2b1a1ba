"""The door: nothing is written without a permit, and every refusal is told in plain words."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tools.kubernetes.api_server import Answer, ApiServer, Request, refusal
from tools.change import Ref
from tools.errors import BadRequest, Conflict, Failed, Forbidden, NotFound, Refused, Unreachable
from tools.kubernetes.door.client import AGENT, Cluster
from tools.kubernetes.door.errors import AlreadyExists, Denied, OutcomeUnknown, status_of
from tools.permit import Permit
from tools.preview import Write

DEPLOYMENT = "/apis/apps/v1/namespaces/shop/deployments/web"
PODS = "/api/v1/namespaces/shop/pods"


def permit(method: str, path: str) -> Permit:
    return Permit("p1", 0, (Write(door="kubernetes", method=method, path=path),))


# --- Writes need a permit -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_no_write_leaves_without_a_permit(cluster: Cluster, api: ApiServer, method: str) -> None:
    with pytest.raises(Refused):
        cluster.write(None, method, DEPLOYMENT, {})
    with pytest.raises(Refused):
        cluster.write(permit(method, DEPLOYMENT), method, DEPLOYMENT, {})  # not opened
    assert api.seen == []


def test_a_permit_covers_only_what_was_shown(cluster: Cluster, api: ApiServer) -> None:
    api.script[f"PATCH {DEPLOYMENT}"] = {"kind": "Deployment"}
    key = permit("PATCH", DEPLOYMENT)
    with key.opened():
        with pytest.raises(Refused):
            cluster.write(key, "DELETE", DEPLOYMENT)
        with pytest.raises(Refused):
            cluster.write(key, "PATCH", DEPLOYMENT + "x", {})
        reply = cluster.write(key, "PATCH", DEPLOYMENT, {"spec": {}}, "application/merge-patch+json")
    assert reply.body == {"kind": "Deployment"}
    (sent,) = api.seen
    assert sent.query == {"fieldManager": "shipmate", "fieldValidation": "Strict"}
    assert sent.header("Content-Type") == "application/merge-patch+json"
    assert sent.header("User-Agent") == f"{AGENT} (plan/p1 step/0 journal/none)"


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/namespaces/shop/pods/../../default/pods/x",
        "/api/v1/namespaces/shop/pods/%2e%2e",
        "/api/v1/namespaces/shop/pods/web%2Fexec",
        "/api/v1/namespaces/shop/pods//web",
        "/api/v1/namespaces/shop/pods/web?dryRun=",
        "/api/v1/namespaces/shop/pods/web#x",
        "/api/v1/namespaces/shop/pods/web/",
        "/api/v1/namespaces/shop/pods/web\n",
        "/api/v1/watch/pods",
        "/api/v1/proxy/nodes/n1",
        "api/v1/pods",
        "http://elsewhere/api/v1/pods",
        "",
    ],
)
def test_paths_that_could_be_read_in_two_ways_are_refused(cluster: Cluster, api: ApiServer, path: str) -> None:
    key = Permit("p1", 0, (Write(door="kubernetes", method="PATCH", path="*"),))
    with key.opened(), pytest.raises(BadRequest):
        cluster.write(key, "PATCH", path, {})
    with pytest.raises(BadRequest):
        cluster.get(path)
    with pytest.raises(BadRequest):
        cluster.dry_run("PATCH", path, {})
    assert api.seen == []


@pytest.mark.parametrize(
    "path",
    [
        f"{PODS}/web/exec",
        f"{PODS}/web/attach",
        f"{PODS}/web/portforward",
        f"{PODS}/web/proxy",
        f"{PODS}/web/proxy/admin",
        "/api/v1/namespaces/shop/services/web/proxy",
        "/api/v1/nodes/n1/proxy/run",
    ],
)
def test_ways_into_a_container_are_closed(cluster: Cluster, api: ApiServer, path: str) -> None:
    for use in (cluster.get, cluster.stream, lambda path: cluster.dry_run("POST", path)):
        with pytest.raises(Refused):
            use(path)
    assert api.seen == []


def test_objects_that_are_called_like_a_sub_resource_can_be_read(cluster: Cluster, api: ApiServer) -> None:
    api.script["GET /api/v1/namespaces/shop/services/proxy"] = {"kind": "Service"}
    api.script["GET /api/v1/namespaces/exec"] = {"kind": "Namespace"}
    assert cluster.get("/api/v1/namespaces/shop/services/proxy")["kind"] == "Service"
    assert cluster.get("/api/v1/namespaces/exec")["kind"] == "Namespace"


def test_reading_verbs_cannot_be_smuggled_into_writes(cluster: Cluster) -> None:
    with pytest.raises(BadRequest):
        cluster.dry_run("GET", DEPLOYMENT)
    with pytest.raises(BadRequest):
        cluster.dry_run("patch", DEPLOYMENT)
    with pytest.raises(BadRequest):
        cluster.dry_run("POST", "/version")


# --- Dry runs -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_a_dry_run_is_always_one(cluster: Cluster, api: ApiServer, method: str) -> None:
    api.script[f"{method} {DEPLOYMENT}"] = Answer(
        {"kind": "Deployment"}, 200, (("Warning", '299 - "apps/v1 is \\"old\\""'), ("Warning", '299 - "second"'))
    )
    reply = cluster.dry_run(method, DEPLOYMENT, {}, dryRun="", fieldValidation="Ignore")
    (sent,) = api.seen
    assert sent.query["dryRun"] == "All"
    assert reply.warnings == ('apps/v1 is "old"', "second")


def test_the_dry_run_of_a_deletion_says_so_in_its_body_too(cluster: Cluster, api: ApiServer) -> None:
    api.script[f"DELETE {DEPLOYMENT}"] = {"kind": "Status"}
    cluster.dry_run("DELETE", DEPLOYMENT, {"propagationPolicy": "Foreground", "dryRun": []})
    (sent,) = api.seen
    assert sent.query["dryRun"] == "All"
    assert sent.body["dryRun"] == ["All"]
    assert sent.body["propagationPolicy"] == "Foreground"


def test_a_dry_run_hands_out_no_credentials(cluster: Cluster) -> None:
    with pytest.raises(Refused):
        cluster.dry_run("POST", "/api/v1/namespaces/shop/serviceaccounts/bot/token", {})


# --- What the server refuses --------------------------------------------------------------------------------------

RIGHTS = (
    'deployments.apps "web" is forbidden: User "jane" cannot patch resource "deployments" '
    'in API group "apps" in the namespace "shop"'
)


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (refusal(404, "NotFound", 'deployments.apps "web" not found'), NotFound, '"web" not found'),
        (refusal(401, "Unauthorized", "Unauthorized"), Forbidden, "Log in again"),
        (refusal(403, "Forbidden", RIGHTS), Forbidden, "jane may not patch deployments.apps in namespace shop"),
        (
            refusal(403, "Forbidden", 'pods "a" is forbidden: exceeded quota: q, requested: pods=3'),
            Denied,
            "exceeded quota",
        ),
        (
            refusal(403, "Forbidden", 'pods "a" is forbidden: violates PodSecurity "restricted:latest"'),
            Denied,
            "PodSecurity",
        ),
        (refusal(400, "BadRequest", 'admission webhook "x" denied the request: no'), BadRequest, "denied the request"),
        (
            refusal(422, "Invalid", 'Deployment.apps "web" is invalid: spec.replicas: must be positive'),
            BadRequest,
            "positive",
        ),
        (refusal(400, "BadRequest", 'strict decoding error: unknown field "spec.replica"'), BadRequest, "spec.replica"),
        (
            refusal(409, "Conflict", "Operation cannot be fulfilled on x: the object has been modified"),
            Conflict,
            "modified",
        ),
        (refusal(409, "AlreadyExists", 'deployments.apps "web" already exists'), AlreadyExists, "already exists"),
        (Answer("<html>gateway</html>", 418), Failed, "418"),
    ],
)
def test_refusals_are_sorted_by_who_can_do_something(
    cluster: Cluster, api: ApiServer, answer: Answer, kind: type[Exception], words: str
) -> None:
    api.script[f"PATCH {DEPLOYMENT}"] = answer
    with pytest.raises(kind) as caught:
        cluster.dry_run("PATCH", DEPLOYMENT, {})
    assert type(caught.value) is kind
    assert words in str(caught.value)
    status = status_of(caught.value)
    assert status is not None
    assert status.code == answer.status


def test_the_causes_of_a_conflict_stay_readable(cluster: Cluster, api: ApiServer) -> None:
    cause = {"reason": "FieldManagerConflict", "message": 'conflict with "helm"', "field": ".spec.replicas"}
    api.script[f"PATCH {DEPLOYMENT}"] = refusal(409, "Conflict", "1 conflict", details={"causes": [cause]})
    with pytest.raises(Conflict) as caught:
        cluster.dry_run("PATCH", DEPLOYMENT, {})
    status = status_of(caught.value)
    assert status is not None
    assert status.causes[0].field == ".spec.replicas"


# --- Reads are tried again, writes never --------------------------------------------------------------------------


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.kubernetes.door.transport.time.sleep", lambda seconds: None)


@pytest.mark.usefixtures("no_pauses")
@pytest.mark.parametrize(
    "trouble", [refusal(429, "TooManyRequests", "slow down"), Answer("x", 503), Answer(broken=True)]
)
def test_reads_survive_a_short_trouble(cluster: Cluster, api: ApiServer, trouble: Answer) -> None:
    api.script[f"GET {DEPLOYMENT}"] = [trouble, trouble, {"kind": "Deployment"}]
    assert cluster.get(DEPLOYMENT)["kind"] == "Deployment"


@pytest.mark.usefixtures("no_pauses")
def test_reads_give_up_in_the_end(cluster: Cluster, api: ApiServer) -> None:
    api.script[f"GET {DEPLOYMENT}"] = Answer("overloaded", 503)
    with pytest.raises(Unreachable):
        cluster.get(DEPLOYMENT)
    assert len(api.seen) == 4


@pytest.mark.usefixtures("no_pauses")
def test_a_write_is_sent_once(cluster: Cluster, api: ApiServer) -> None:
    key = permit("PATCH", DEPLOYMENT)
    with key.opened():
        api.script[f"PATCH {DEPLOYMENT}"] = Answer("busy", 503)
        with pytest.raises(Unreachable):
            cluster.write(key, "PATCH", DEPLOYMENT, {})
        api.script[f"PATCH {DEPLOYMENT}"] = Answer(broken=True)
        with pytest.raises(OutcomeUnknown):
            cluster.write(key, "PATCH", DEPLOYMENT, {})
    assert len(api.seen) == 2


def test_a_cluster_that_is_not_there(api: ApiServer, connect: Callable[..., Cluster]) -> None:
    with socket.socket() as taken:  # by somebody who does not listen
        taken.bind(("127.0.0.1", 0))
        api.url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        cluster = connect(api)
        key = permit("PATCH", DEPLOYMENT)
        with pytest.raises(Unreachable) as caught:
            cluster.get("/version")
        assert "connection refused" in caught.value.message
        assert "shipmate cluster up" in caught.value.next_step
        with key.opened(), pytest.raises(Unreachable):
            cluster.write(key, "PATCH", DEPLOYMENT, {})  # never sent, so nothing is unknown


# --- Reading ------------------------------------------------------------------------------------------------------


def _page(*names: str, token: str = "") -> dict[str, object]:
    return {
        "metadata": {"continue": token, "resourceVersion": "7"},
        "items": [{"metadata": {"name": name}} for name in names],
    }


def test_lists_come_page_by_page_with_their_kind(cluster: Cluster, api: ApiServer) -> None:
    api.script[f"GET {PODS}"] = [_page("a", "b", token="t1"), _page("c")]
    pods = cluster.kinds.resolve("pods")
    found = list(cluster.list(pods, "shop", selector="app=web", limit=2))
    assert [item["metadata"]["name"] for item in found] == ["a", "b", "c"]
    assert {(item["apiVersion"], item["kind"]) for item in found} == {("v1", "Pod")}
    first, second = api.asked("GET", PODS)
    assert (first.query, second.query) == (
        {"labelSelector": "app=web", "limit": "2"},
        {"labelSelector": "app=web", "limit": "2", "continue": "t1"},
    )


def test_a_list_goes_on_when_its_token_has_expired(cluster: Cluster, api: ApiServer) -> None:
    expired = refusal(410, "Expired", "too old", metadata={"continue": "t2"})
    api.script[f"GET {PODS}"] = [_page("a", token="t1"), expired, _page("b")]
    found = [item["metadata"]["name"] for item in cluster.list(cluster.kinds.resolve("pods"), "shop")]
    assert found == ["a", "b"]
    assert api.asked("GET", PODS)[-1].query["continue"] == "t2"


def test_names_alone_are_asked_for_where_they_are_enough(cluster: Cluster, api: ApiServer) -> None:
    api.script[f"GET {PODS}"] = _page("a")
    list(cluster.list(cluster.kinds.resolve("pods"), "shop", metadata_only=True))
    assert "as=PartialObjectMetadataList" in api.asked("GET", PODS)[0].header("Accept")


def test_a_watch_begins_with_what_is_there_and_begins_again_after_it_lost_the_thread(
    cluster: Cluster, api: ApiServer
) -> None:
    def event(kind: str, name: str, version: str) -> str:
        return f'{{"type":"{kind}","object":{{"metadata":{{"name":"{name}","resourceVersion":"{version}"}}}}}}\n'

    def answer(request: Request) -> object:
        if "watch" not in request.query:
            return _page("a")
        if request.query["resourceVersion"] == "7" and len(api.asked("GET", PODS)) == 2:
            gone = '{"type":"ERROR","object":{"kind":"Status","code":410}}\n'
            return event("MODIFIED", "a", "8") + event("BOOKMARK", "", "9") + gone
        return event("DELETED", "a", "10")

    api.script[f"GET {PODS}"] = answer
    watch = cluster.watch(cluster.kinds.resolve("pods"), "shop", name="a", timeout=30)
    seen = [next(watch)[0] for _ in range(4)]
    watch.close()
    assert seen == ["ADDED", "MODIFIED", "ADDED", "DELETED"]
    assert api.asked("GET", PODS)[0].query == {"fieldSelector": "metadata.name=a"}


def test_questions_about_rights_change_nothing(cluster: Cluster, api: ApiServer) -> None:
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    api.script[f"POST {path}"] = lambda request: {
        "status": {"allowed": request.body["spec"]["resourceAttributes"]["verb"] == "get"}
    }
    ref = Ref(api_version="apps/v1", kind="Deployment", name="web", namespace="shop")
    assert cluster.can("get", ref)
    assert not cluster.can("delete", ref)
    asked = api.asked("POST", path)[1].body["spec"]["resourceAttributes"]
    assert (asked["group"], asked["resource"], asked["name"], asked["namespace"]) == (
        "apps",
        "deployments",
        "web",
        "shop",
    )


def test_the_uid_of_the_cluster_is_asked_once_and_has_a_substitute(cluster: Cluster, api: ApiServer) -> None:
    path = "/api/v1/namespaces/kube-system"
    api.script[f"GET {path}"] = {"metadata": {"uid": "u-1"}}
    assert (cluster.uid(), cluster.uid()) == ("u-1", "u-1")
    assert len(api.asked("GET", path)) == 1


def test_who_may_not_see_kube_system_still_has_an_identity(cluster: Cluster, api: ApiServer) -> None:
    api.script["GET /api/v1/namespaces/kube-system"] = refusal(403, "Forbidden", RIGHTS)
    assert cluster.uid() == f"server-{cluster.identity}"


def test_paths_are_built_from_checked_names(cluster: Cluster) -> None:
    def path(kind: str, name: str, namespace: str | None = None) -> str:
        return cluster.path(cluster.kinds.resolve(kind).ref(name, namespace))

    assert path("deploy", "web", "todo") == "/apis/apps/v1/namespaces/todo/deployments/web"
    assert path("deploy", "web") == DEPLOYMENT  # the context's namespace
    assert path("clusterrole", "system:node") == "/apis/rbac.authorization.k8s.io/v1/clusterroles/system:node"
    for bad in ("../x", "a/b", "A", "", "a%2f", "x" * 300, "a\n", ".."):
        with pytest.raises(BadRequest):
            path("deploy", bad)
        with pytest.raises(BadRequest):
            path("deploy", "web", bad or " ")


def test_a_namespace_from_the_command_line_is_checked(api: ApiServer, tmp_path: Path, cluster: Cluster) -> None:
    with pytest.raises(BadRequest):
        Cluster.connect(str(tmp_path / "kubeconfig"), None, "not/one", tmp_path)
    assert Cluster.connect(str(tmp_path / "kubeconfig"), None, "todo", tmp_path).namespace == "todo"
    assert cluster.namespace == "shop"

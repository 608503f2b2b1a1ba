"""What the built-in cluster promises to whoever deploys to it."""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from secrets import token_hex

import pytest
import yaml

from agent.cli.main import main
from tests.cluster.kubectl import NON_ROOT_WRITER, Kubectl, until
from tests.conftest import CLUSTER_CONTEXT
from tools.progress import finish
from tools.provision import cluster
from tools.provision.drivers import builtin, container

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module", autouse=True)
def base_image(cluster_uid: str) -> None:
    """The image of the pods here, in the node's registry."""
    finish(builtin.BuiltIn().load(CLUSTER_CONTEXT, "debian:bookworm-slim"))


@pytest.fixture
def kubectl(namespace: str) -> Kubectl:
    return Kubectl(CLUSTER_CONTEXT, namespace)


@pytest.fixture
def info(cluster_uid: str) -> cluster.ClusterInfo:
    return builtin.BuiltIn().info(CLUSTER_CONTEXT)


def test_kube_system_looks_familiar(kubectl: Kubectl) -> None:
    pods = kubectl.data("get", "pods", "-n", "kube-system")["items"]
    names = {pod["metadata"]["name"].rsplit("-", 2)[0] for pod in pods}
    assert {"coredns", "metrics-server", "traefik", "local-volumes"} <= names
    (node,) = (n for n in kubectl.data("get", "nodes")["items"] if "kwok" not in n["metadata"]["labels"].values())
    assert "node-role.kubernetes.io/control-plane" in node["metadata"]["labels"]


def test_up_when_it_is_up_says_so_and_changes_nothing(
    info: cluster.ClusterInfo, capsys: pytest.CaptureFixture[str]
) -> None:
    until("good health", lambda: builtin.BuiltIn().info(CLUSTER_CONTEXT).state == "running")
    before = subprocess.run(["docker", "inspect", "-f", "{{.State.StartedAt}}", info.container], capture_output=True)
    assert main(["cluster", "status", "-o", "json", "--name", CLUSTER_CONTEXT]) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "running"
    assert main(["cluster", "up", "--driver", "built-in", "--name", CLUSTER_CONTEXT]) == 0
    after = subprocess.run(["docker", "inspect", "-f", "{{.State.StartedAt}}", info.container], capture_output=True)
    assert before.stdout == after.stdout


def test_everything_is_published_on_the_loopback_address_only(info: cluster.ClusterInfo) -> None:
    listed = subprocess.run(["docker", "port", info.container], capture_output=True, text=True, check=True).stdout
    assert len(listed.split("\n")) > len(container.PORTS)
    assert all("-> 127.0.0.1:" in line for line in listed.strip().splitlines())


def test_a_pod_that_is_not_root_can_write_to_its_volume_which_goes_with_the_claim(kubectl: Kubectl) -> None:
    kubectl.apply(NON_ROOT_WRITER)
    kubectl.rolled_out("writer")
    kubectl("delete", "pod", "-l", "app=writer")
    until(
        "both starts", lambda: kubectl.attempt("exec", "deploy/writer", "--", "cat", "/data/log").count("started") == 2
    )
    volume = kubectl.data("get", "pvc", "data")["spec"]["volumeName"]
    path = kubectl.data("get", "pv", volume)["spec"]["local"]["path"]
    kubectl("delete", "deploy/writer", "pvc/data")
    gone = container.inside(CLUSTER_CONTEXT, "test", "!", "-e", path)
    until("the folder's end", lambda: subprocess.run(gone, check=False).returncode == 0)


def test_names_of_services_resolve(kubectl: Kubectl) -> None:
    name = "kubernetes.default.svc.cluster.local"
    argv = ["run", "ask", "--image=debian:bookworm-slim", "--restart=Never", "--", "getent", "hosts", name]
    kubectl(*argv)
    until("the end", lambda: kubectl.data("get", "pod", "ask")["status"]["phase"] == "Succeeded")
    assert kubectl("logs", "ask").split() == ["10.96.0.1", name]


def test_a_service_without_pods_refuses_at_once(kubectl: Kubectl) -> None:
    kubectl("create", "service", "clusterip", "nobody", "--tcp=80")
    argv = ["run", "ask", "--image=debian:bookworm-slim", "--restart=Never", "--"]
    kubectl(*argv, "bash", "-c", "timeout 20 bash -c '</dev/tcp/nobody/80'; test $? = 1")
    until("the end", lambda: kubectl.data("get", "pod", "ask")["status"]["phase"] in ("Succeeded", "Failed"))
    assert kubectl.data("get", "pod", "ask")["status"]["phase"] == "Succeeded"


def test_an_image_that_exists_nowhere_is_reported_as_such(kubectl: Kubectl) -> None:
    kubectl("run", "ghost", f"--image=no-such-image-{token_hex(4)}:1", "--restart=Never")

    def reasons() -> str:
        statuses = kubectl.data("get", "pod", "ghost")["status"].get("containerStatuses") or [{}]
        return str(statuses[0].get("state", {}).get("waiting", {}).get("reason"))

    until("the refusal", lambda: reasons() in ("ErrImagePull", "ImagePullBackOff"))


def test_a_loaded_image_runs_under_its_own_name(kubectl: Kubectl) -> None:
    image = f"shipmate-test-{token_hex(4)}:latest"
    subprocess.run(["docker", "tag", "debian:bookworm-slim", image], check=True)
    try:
        assert main(["cluster", "load", image, "--name", CLUSTER_CONTEXT]) == 0
        kubectl("run", "loaded", f"--image={image}", "--image-pull-policy=Always", "--restart=Never", "--", "true")
        until("the end", lambda: kubectl.data("get", "pod", "loaded")["status"]["phase"] == "Succeeded")
    finally:
        subprocess.run(["docker", "rmi", image], check=True, capture_output=True)


def test_tools_are_told_where_to_push(kubectl: Kubectl, info: cluster.ClusterInfo) -> None:
    found = kubectl.data("get", "configmap", "local-registry-hosting", "-n", "kube-public")
    hosting = yaml.safe_load(found["data"]["localRegistryHosting.v1"])
    assert hosting["host"] == info.registry
    with urllib.request.urlopen(f"http://{info.registry.replace('localhost', '127.0.0.1')}/v2/") as reply:
        assert reply.status == 200


def test_the_ingress_serves_what_an_ingress_object_says(kubectl: Kubectl, info: cluster.ClusterInfo) -> None:
    host = f"{token_hex(4)}.example.test"
    kubectl("create", "service", "clusterip", "page", "--tcp=80:8000")
    kubectl("create", "ingress", "page", f"--rule={host}/*=page:80")

    def status(name: str) -> int:
        request = urllib.request.Request(info.ingress, headers={"Host": name})
        try:
            with urllib.request.urlopen(request, timeout=5) as reply:
                return reply.status
        except urllib.error.HTTPError as error:
            return error.code

    until("the route", lambda: status(host) == 503)  # a route, but no pod behind it
    ingress = kubectl.data("get", "ingress", "page")
    assert ingress["spec"]["ingressClassName"] == "traefik"


def test_usage_of_nodes_and_pods_is_measured(kubectl: Kubectl) -> None:
    def cpu() -> list[str]:
        answer = json.loads(kubectl("get", "--raw", "/apis/metrics.k8s.io/v1beta1/nodes"))
        return [item["usage"]["cpu"] for item in answer["items"]]

    until("a measurement", lambda: any(value != "0" for value in cpu()))


def test_the_audit_log_tells_of_writes_without_telling_secrets(kubectl: Kubectl, tmp_path: Path) -> None:
    secret, setting = token_hex(12), token_hex(12)
    kubectl("create", "secret", "generic", "hidden", f"--from-literal=password={secret}")
    kubectl("create", "service", "clusterip", f"x{setting}", "--tcp=80")
    kubectl("get", "pods")
    copy = tmp_path / "audit.log"
    assert main(["cluster", "audit-log", str(copy), "--name", CLUSTER_CONTEXT]) == 0
    text = copy.read_text()
    assert secret not in text
    events = [json.loads(line) for line in text.splitlines()]
    about = [event for event in events if event.get("objectRef", {}).get("name") == f"x{setting}"]
    (created,) = (event for event in about if event["objectRef"]["resource"] == "services")
    assert created["requestObject"]["spec"]["type"] == "ClusterIP"
    hidden = [event for event in events if event.get("objectRef", {}).get("name") == "hidden"]
    assert hidden
    assert all(event["level"] == "Metadata" for event in hidden)
    assert not [event for event in events if event["verb"] in ("list", "watch")]


def test_the_persons_identity_is_bound_by_rbac_and_not_beyond_it(kubectl: Kubectl) -> None:
    me = kubectl.data("auth", "whoami")["status"]["userInfo"]
    assert me["username"] == "shipmate-admin"
    assert "system:masters" not in me["groups"]


def test_every_component_has_a_log(capfd: pytest.CaptureFixture[str], cluster_uid: str) -> None:
    wanted = {"containerd", "etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet"}
    assert wanted | {"kube-proxy", "registry", "audit"} == set(builtin.components(CLUSTER_CONTEXT))
    assert main(["cluster", "logs", "kubelet", "--tail", "3", "--name", CLUSTER_CONTEXT]) == 0
    assert capfd.readouterr().out.strip()
    assert main(["cluster", "logs", "nonsense", "--name", CLUSTER_CONTEXT]) == 13

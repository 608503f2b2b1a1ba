"""Ways that policies cut, and hosts that are misspelt."""

from __future__ import annotations

import pytest

from tests.tools.kubernetes.diagnose_rules.made import (
    container,
    crashed,
    env,
    found,
    ids,
    made,
    namespace,
    pod,
    service,
    snapshot,
    workload,
)
from tools.kubernetes.diagnose.reach import End, Network


def policy(name: str, selector: dict | None = None, **spec) -> dict:
    return made("NetworkPolicy", name, "networking.k8s.io/v1", spec={"podSelector": selector or {}, **spec})


def shop(url: str = "http://backend:8080", **settings) -> list[dict]:
    front = workload("frontend", container(env=env(BACKEND_URL=url, **settings)))
    back = workload("backend", container(ports=[{"name": "http", "containerPort": 8000}]))
    return [namespace(), front, pod(front), back, pod(back), service("backend", "backend", 8080, "http")]


DENY_IN = policy("deny", policyTypes=["Ingress"])
FRONTEND = {"podSelector": {"matchLabels": {"app": "frontend"}}}


def test_ingress_that_cuts_a_needed_way_with_the_policy_that_opens_it():
    (one,) = found(snapshot(*shop(), DENY_IN))
    assert one.id == "SM-POLICY-INGRESS"
    assert one.subject.name == "frontend"
    assert "network policy deny" in one.summary
    assert "backend at port 8000" in one.summary
    (change,) = one.fixes[0].changes
    assert change.manifest["spec"]["ingress"][0]["ports"] == [{"port": 8000, "protocol": "TCP"}]
    opened = {**change.manifest, "metadata": {**change.manifest["metadata"], "uid": "x"}}
    assert ids(snapshot(*shop(), DENY_IN, opened)) == []


@pytest.mark.parametrize(
    "allow",
    [
        policy("by-name", ingress=[{"from": [FRONTEND], "ports": [{"port": "http"}]}]),
        policy("by-range", ingress=[{"ports": [{"port": 7000, "endPort": 9000}]}]),
        policy("by-space", ingress=[{"from": [
            {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "shop"}}}]}]),
        policy("by-address", ingress=[{"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}]),
        policy("other", {"matchLabels": {"app": "database"}}, policyTypes=["Ingress"]),
    ],
    ids=lambda item: item["metadata"]["name"],
)  # fmt: skip
def test_policies_that_leave_the_way_open(allow):
    deny = [DENY_IN] if allow["spec"].get("ingress") else []
    assert ids(snapshot(*shop(), *deny, allow)) == []


def test_address_range_with_a_hole():
    block = {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.0.0.0/24"]}}
    assert ids(snapshot(*shop(), policy("holed", ingress=[{"from": [block]}]))) == ["SM-POLICY-INGRESS"]


def test_egress_without_the_name_server():
    out = {"podSelector": {"matchLabels": {"app": "backend"}}}
    closed = policy("out", FRONTEND["podSelector"], policyTypes=["Egress"], egress=[{"to": [out]}])
    (one,) = found(snapshot(*shop(), closed))
    assert one.id == "SM-POLICY-DNS"
    assert ids(snapshot(*shop(), closed, one.fixes[0].changes[0].manifest)) == []


def test_egress_that_lets_only_names_through():
    names = [{"ports": [{"port": 53, "protocol": "UDP"}]}]
    (one,) = found(snapshot(*shop(), policy("out", policyTypes=["Egress"], egress=names)))
    assert one.id == "SM-POLICY-EGRESS"


def test_deny_all_where_nobody_needs_a_way_is_no_fault():
    assert ids(snapshot(*shop("http://example.test"), DENY_IN, policy("out", policyTypes=["Egress"]))) == []


def test_one_finding_for_several_clients_and_the_crash_of_one():
    objects = shop()
    other = workload("mobile", container(env=env(BACKEND_HOST="backend.shop.svc", BACKEND_PORT="8080")))
    dead = pod(other, ready=False, status=crashed())
    said = {f"{dead['metadata']['name']}/main/previous": "Error: connect ETIMEDOUT backend:8080"}
    (one,) = found(snapshot(*objects, other, dead, DENY_IN, logs=said))
    assert one.id == "SM-POLICY-INGRESS"
    assert any("mobile" in text for text in one.chain)
    assert one.severity == "critical"


def test_without_policies_everything_passes():
    one = End("a", {"app": "x"})
    assert Network((), {}).blocks(one, one, 80) == []


def test_misspelt_host_with_its_fix():
    (one,) = found(snapshot(*shop("http://bakend:8080/x")))
    assert one.id == "SM-DNS-NAME"
    assert "bakend" in one.summary
    assert "http://backend:8080/x" in str(one.fixes[0].changes[0].patch)


def test_a_password_beside_a_misspelt_host_stays_where_it_is():
    (one,) = found(snapshot(*shop("postgres://u:hunter22@bakend:8080/x")))
    assert one.fixes[0].text == "Correct the host to backend in BACKEND_URL."
    assert "hunter22" not in one.model_dump_json()


def test_misspelt_host_is_the_cause_of_the_crash():
    front = workload("frontend", container(env=env(BACKEND_HOST="bakend")))
    dead = pod(front, ready=False, status=crashed())
    said = {f"{dead['metadata']['name']}/main/previous": "getaddrinfo ENOTFOUND bakend"}
    (one,) = found(snapshot(*shop()[3:], front, dead, logs=said))
    assert (one.id, one.severity) == ("SM-DNS-NAME", "critical")


@pytest.mark.parametrize(
    "value", ["backend", "backend.shop", "backend.shop.svc.cluster.local:8080", "example.com", "localhost", "10.0.0.1"]
)
def test_hosts_that_are_right_or_outside(value):
    assert ids(snapshot(*shop(f"http://{value}/"), namespace=None)) == []


def test_a_name_that_the_pod_is_told_about_itself():
    assert ids(snapshot(*shop(HOSTNAME="bakend", LISTEN_HOST="bakend", TITLE="bakend"))) == []

"""What another program may send through the Kubernetes door: a table of requests with and without an open permit."""

import json

import pytest

from tools.errors import Refused
from tools.kubernetes.door.forward import check
from tools.permit import Permit
from tools.preview import Write

PODS = "/api/v1/namespaces/todo/pods"
SHOWN = (
    Write(door="kubernetes", method="POST", path=PODS),
    Write(door="kubernetes", method="PATCH", path=f"{PODS}/web"),
    Write(door="kubernetes", method="DELETE", path=f"{PODS}/old"),
)


def body(**data: object) -> bytes:
    return json.dumps(data).encode()


def protobuf(*names: bytes) -> bytes:
    """A message as Kubernetes writes it: Unknown{typeMeta, raw: object{metadata: {name}}}."""

    def field(number: int, content: bytes) -> bytes:
        return bytes([number << 3 | 2, len(content)]) + content

    metadata = b"".join(field(1, name) for name in names)
    return b"k8s\0" + field(1, field(1, b"v1")) + field(2, field(1, metadata) + field(2, b"spec"))


WEB = body(metadata={"name": "web"})
REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


@pytest.mark.parametrize(
    ("method", "target", "content"),
    [
        ("GET", f"{PODS}/web", b""),
        ("GET", f"{PODS}?watch=true", b""),
        ("GET", f"{PODS}/web/log", b""),
        ("HEAD", "/version", b""),
        ("GET", "/openapi/v3/apis/apps/v1?hash=AB12", b""),
        ("POST", REVIEW, body(kind="SelfSubjectAccessReview")),
        ("PATCH", f"{PODS}/web?dryRun=All&fieldManager=helm", WEB),
        ("POST", f"{PODS}?dryRun=All", WEB),
        ("DELETE", f"{PODS}/web?dryRun=All", b""),
        ("DELETE", f"{PODS}/web", body(dryRun=["All"])),
    ],
)
def test_what_changes_nothing_needs_no_permit(method: str, target: str, content: bytes) -> None:
    check(None, method, target, content)


@pytest.mark.parametrize(
    ("method", "target", "content"),
    [
        ("POST", PODS, WEB),
        ("PUT", f"{PODS}/web", WEB),
        ("PATCH", f"{PODS}/web", WEB),
        ("DELETE", f"{PODS}/web", b""),
        ("DELETE", PODS, b""),
        ("OPTIONS", PODS, b""),
        # Dry runs that are none.
        ("PATCH", f"{PODS}/web?dryRun=None", WEB),
        ("PATCH", f"{PODS}/web?dryRun=All&dryRun=x", WEB),
        ("PATCH", f"{PODS}/web?dryrun=All", WEB),
        ("PATCH", f"{PODS}/web", body(dryRun=["All"])),
        ("DELETE", f"{PODS}/web?dryRun=All", body(kind="DeleteOptions")),
        ("DELETE", f"{PODS}/web?dryRun=All", protobuf(b"web")),
        ("POST", f"{PODS}/web/eviction?dryRun=All", WEB),
        ("POST", "/api/v1/namespaces/todo/serviceaccounts/sa/token?dryRun=All", b"{}"),
        ("POST", f"{PODS}?a=b#&dryRun=All", WEB),
        ("DELETE", f"{PODS}/web?a=b#&dryRun=All", b""),
        ("POST", f"{PODS}?a=%zz&dryRun=All", WEB),
        ("POST", f"{PODS}?a;b&dryRun=All", WEB),
        ("POST", f"{PODS}?a\\b&dryRun=All", WEB),
        ("POST", f"{PODS}?é&dryRun=All", WEB),
        ("POST", f"{PODS}?a\x00&dryRun=All", WEB),
        ("POST", f"{PODS}?dryRun=All\n", WEB),
        ("POST", f"{PODS}#?dryRun=All", WEB),
        # Ways into a pod, also when they look like reads.
        ("GET", f"{PODS}/web/exec?command=sh", b""),
        ("POST", f"{PODS}/web/exec?dryRun=All", b""),
        ("GET", f"{PODS}/web/proxy/admin", b""),
        ("GET", "/api/v1/namespaces/todo/services/db:5432/proxy/", b""),
        ("GET", "/api/v1/nodes/n1/proxy/pods", b""),
        ("GET", "/api/v1/proxy/nodes/n1", b""),
        # Paths that the server would read in another way than they look.
        ("GET", f"{PODS}/web/%65xec", b""),
        ("GET", "/api/v1/namespaces/todo/pods/../secrets/x", b""),
        ("GET", "//api/v1/pods", b""),
        ("POST", REVIEW + "/x", b""),
    ],
)
def test_everything_else_is_refused_without_a_permit(method: str, target: str, content: bytes) -> None:
    with pytest.raises(Refused):
        check(None, method, target, content)


@pytest.mark.parametrize(
    ("method", "target", "content", "allowed"),
    [
        ("PATCH", f"{PODS}/web?fieldManager=helm", WEB, True),
        ("POST", PODS, WEB, True),
        ("POST", PODS, protobuf(b"web"), True),
        ("DELETE", f"{PODS}/old", b"", True),
        ("DELETE", f"{PODS}/web", b"", False),
        ("PATCH", f"{PODS}/web2", WEB, False),
        ("PATCH", f"{PODS}/web/status", WEB, False),
        ("POST", PODS, body(metadata={"name": "intruder"}), False),
        ("POST", PODS, body(metadata={"generateName": "web"}), False),
        ("POST", PODS, protobuf(b"web", b"intruder"), False),
        ("POST", PODS, protobuf(b"intruder"), False),
        ("POST", PODS, protobuf(b"web")[:-3], False),
        ("POST", PODS, b"not json", False),
        ("POST", "/api/v1/namespaces/other/pods", WEB, False),
    ],
)
def test_an_open_permit_lets_through_only_what_the_plan_showed(
    method: str, target: str, content: bytes, allowed: bool
) -> None:
    with Permit("plan", 1, SHOWN).opened() as permit:
        if allowed:
            check(permit, method, target, content)
        else:
            with pytest.raises(Refused):
                check(permit, method, target, content)


def test_a_permit_that_is_not_open_lets_nothing_through() -> None:
    permit = Permit("plan", 1, SHOWN)
    with pytest.raises(Refused):
        check(permit, "PATCH", f"{PODS}/web", WEB)
    with permit.opened():
        check(permit, "PATCH", f"{PODS}/web", WEB)
    with pytest.raises(Refused):
        check(permit, "PATCH", f"{PODS}/web", WEB)

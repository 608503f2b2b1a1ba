"""Fixes of one workload that are applied as one."""

from __future__ import annotations

from typing import Any

from tools.change import Patch, Ref, Scale
from tools.finding import Finding, Fix, Severity
from tools.workspace.together import together, with_it

WEB = Ref(api_version="apps/v1", kind="Deployment", name="web", namespace="shop")
API = Ref(api_version="apps/v1", kind="Deployment", name="api", namespace="shop")


def patch(ref: Ref = WEB, **spec: Any) -> Patch:
    return Patch(summary=f"set {', '.join(spec)}", ref=ref, verb="set", patch={"spec": {"template": {"spec": spec}}})


def chosen(*changes: Any) -> tuple[Finding, Fix]:
    finding = Finding(id="SM-A", severity=Severity.CRITICAL, subject=WEB, summary="broken")
    return finding, Fix(text="mend it", changes=changes)


def test_patches_of_one_workload_become_one_container_by_container():
    one = patch(containers=[{"name": "main", "image": "app:2"}], nodeSelector={"disk": None})
    two = patch(containers=[{"name": "main", "envFrom": []}, {"name": "side", "image": "side:2"}])
    (done,) = together([one, two])
    assert isinstance(done, Patch)
    assert isinstance(done.patch, dict)
    assert done.patch["spec"]["template"]["spec"] == {
        "containers": [{"name": "main", "image": "app:2", "envFrom": []}, {"name": "side", "image": "side:2"}],
        "nodeSelector": {"disk": None},
    }
    assert done.summary == "set containers, nodeSelector; set containers"


def test_changes_of_other_objects_and_kinds_stay_apart():
    changes = [patch(serviceAccountName="web"), Scale(summary="scale", ref=WEB, replicas=2), patch(API, hostIPC=None)]
    assert together(changes) == changes


def test_what_is_mended_along_with_the_first():
    first, same = chosen(patch(serviceAccountName="web")), chosen(patch(hostIPC=None))
    other, mixed = chosen(patch(API, hostIPC=None)), chosen(Scale(summary="scale", ref=WEB, replicas=2))
    assert with_it(first, [other, same, mixed]) == [first, same]
    assert with_it(mixed, [same]) == [mixed]

"""Refusals of the API server in plain words, and what earlier steps of a plan make."""

import pytest

from tools.change import ApplyManifest, HelmRelease, Ref
from tools.kubernetes.handlers.foresight.preflight import made_earlier
from tools.kubernetes.handlers.foresight.refusals import plain_text
from tools.kubernetes.look.owners import helm_release


@pytest.mark.parametrize(
    ("message", "says"),
    [
        (
            'pods "web-1" is forbidden: exceeded quota: two, requested: pods=1, used: pods=2, limited: pods=2',
            "Quota two is used up: this asks for pods=1; pods=2 of pods=2 is used.",
        ),
        (
            'pods "x" is forbidden: failed quota: compute: must specify limits.cpu for: main',
            "Quota compute wants every container to state limits.cpu for: main.",
        ),
        (
            'pods "x" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true (pod must set it)',
            "Pod security level restricted of the namespace refuses this: runAsNonRoot != true (pod must set it).",
        ),
        (
            "x is forbidden: ValidatingAdmissionPolicy 'few' with binding 'b' denied request: no more than 5",
            "Policy few denies this: no more than 5.",
        ),
        (
            'admission webhook "check.example.com" denied the request: no latest tag',
            "Admission webhook check.example.com denies this: no latest tag.",
        ),
        (
            'pods "x" is forbidden: error looking up service account todo/robot: serviceaccount "robot" not found',
            "Service account robot does not exist in that namespace.",
        ),
        (
            'strict decoding error: unknown field "spec.replcas"',
            "Kubernetes does not know the field spec.replcas; check its spelling and place.",
        ),
        (
            'pods "x" is forbidden: minimum memory usage per Container is 64Mi',
            "A limit range of the namespace refuses this: minimum memory usage per Container is 64Mi.",
        ),
    ],
)
def test_refusals_in_plain_words(message, says):
    assert plain_text(message) == says


def made(kind, name, **more):
    ref = Ref(api_version="v1", kind=kind, name=name)
    return ApplyManifest(summary="make it", ref=ref, manifest={"kind": kind, **more})


def test_what_earlier_steps_make():
    inside = Ref(api_version="v1", kind="ConfigMap", name="a", namespace="new")
    assert made_earlier((made("Namespace", "new"),), inside)
    assert not made_earlier((made("Namespace", "other"),), inside)
    definition = made(
        "CustomResourceDefinition", "things.example.com", spec={"group": "example.com", "names": {"kind": "Thing"}}
    )
    thing = Ref(api_version="example.com/v1", kind="Thing", name="t", namespace="default")
    assert made_earlier((definition,), thing)
    release = HelmRelease(summary="install", action="install", release="r", namespace="new", chart="c")
    assert made_earlier((release,), inside)


def test_helm_release_of_an_object():
    notes = {"meta.helm.sh/release-name": "todo"}
    assert helm_release({"metadata": {"namespace": "ns", "annotations": notes}}) == ("todo", "ns")
    assert helm_release({"metadata": {}}) is None

"""What the API server says, in plain words with the next step."""

import json

import pytest

from tools.kubernetes.door.errors import parse_status, translate
from tools.kubernetes.handlers.foresight.refusals import plain, plain_text, plain_warning


def refused(code, reason, message, *causes):
    """The error that the door raises for such an answer."""
    details = {"causes": [{"field": field, "reason": "x", "message": text} for field, text in causes]}
    body = {"kind": "Status", "code": code, "reason": reason, "message": message, "details": details}
    status = parse_status(code, json.dumps(body).encode())
    error = translate(status, "PATCH", "/apis/apps/v1/namespaces/a/deployments/web")
    error.__cause__ = status
    return error


@pytest.mark.parametrize(
    ("code", "message", "says"),
    [
        (
            400,
            'admission webhook "check.example.com" does not support dry run',
            "Admission webhook check.example.com refuses dry runs, so nobody can see before what it would do. "
            "Whoever runs it can state `sideEffects: NoneOnDryRun`.",
        ),
        (
            500,
            'Internal error occurred: failed calling webhook "w.example.com": connection refused',
            "Admission webhook w.example.com does not answer, so nothing it guards can change: connection refused. "
            "Get its service to run again, or have its configuration removed.",
        ),
        (
            403,
            'pods "x" is forbidden: exceeded quota: two, requested: pods=1, used: pods=2, limited: pods=2',
            "Quota two is used up: this asks for pods=1; pods=2 of pods=2 is used. "
            "Ask for less, make room, or have the quota raised.",
        ),
        (
            403,
            "configmaps is forbidden: unable to create new content in namespace old because it is being terminated",
            "Namespace old is being deleted, so nothing can be made in it. "
            "Wait until it is gone and create it again, or choose another.",
        ),
        (
            403,
            'persistentvolumeclaims "d" is forbidden: only dynamically provisioned pvc can be resized and the '
            "storageclass that provisions the pvc must support resize",
            "This volume cannot grow: its storage class does not allow it. Make a larger claim and copy the data.",
        ),
        (
            403,
            'deployments.apps "web" is forbidden: User "ann" cannot patch resource "deployments" in API group "apps" '
            'in the namespace "a"',
            "The user ann may not patch deployments.apps in namespace a. Ask for that right; "
            "`kubectl auth can-i patch deployments.apps -n a` checks it.",
        ),
    ],
)
def test_a_refusal_says_what_to_do(code, message, says):
    assert plain(refused(code, "Forbidden", message)) == says


@pytest.mark.parametrize(
    ("kind", "field", "text", "parts"),
    [
        ("Deployment.apps", "spec.selector", "Invalid value: {}: field is immutable", ("pods are stopped meanwhile",)),
        (
            "StatefulSet.apps",
            "spec",
            "updates to statefulset spec for fields other than 'replicas', 'template' are forbidden",
            ("only replicas, template can", "volume claims stay"),
        ),
        ("Service", "spec.clusterIPs[0]", "Invalid value: []: may not change once set", ("its address changes",)),
        ("PersistentVolumeClaim", "spec", "Forbidden: spec is immutable after creation", ("copy the data",)),
        ("Secret", "type", "Invalid value: x: field is immutable", ("another name",)),
        ("RoleBinding.rbac.authorization.k8s.io", "roleRef", "cannot change roleRef", ("rights are gone meanwhile",)),
        ("IngressClass.networking.k8s.io", "spec.controller", "field is immutable", ("delete it and create it again",)),
    ],
)
def test_what_never_changes_says_what_it_takes(kind, field, text, parts):
    told = plain(refused(422, "Invalid", f'{kind} "x" is invalid: {field}: {text}', (field, text)))
    assert told.startswith(f"{field} of an existing {kind.partition('.')[0]} cannot be changed")
    for part in parts:
        assert part in told


def test_a_wrong_value_is_told_without_the_whole_object():
    dump = "core.PodSpec{" + "x" * 5000 + "}"
    told = plain(refused(422, "Invalid", "Pod x is invalid", ("spec", f"Invalid value: {dump}: must be short\n  diff")))
    assert told == "Kubernetes refuses these values: spec: must be short."


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "Validation failed for ValidatingAdmissionPolicy 'tidy' with binding 'b': no team label",
            "Policy tidy warns: no team label.",
        ),
        (
            'would violate PodSecurity "restricted:latest": runAsNonRoot != true',
            "Its pods are not as pod security level restricted wants them: runAsNonRoot != true.",
        ),
        ("policy/v1beta1 is deprecated in v1.21+", "Policy/v1beta1 is deprecated in v1.21+."),
    ],
)
def test_warnings_in_plain_words(text, says):
    assert plain_warning(text) == says


def test_what_is_only_known_as_text_keeps_to_the_facts():
    assert plain_text("x is forbidden: exceeded quota: q, requested: a, used: b, limited: c").endswith("is used.")

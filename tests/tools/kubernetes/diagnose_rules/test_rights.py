"""Rights that programs lack, as their logs tell."""

from __future__ import annotations

import pytest

from tests.tools.kubernetes.diagnose_rules.made import crashed, found, ids, pod, snapshot, workload


def denied(verb="list", resource="pods", account="shop:watcher", where='in the namespace "shop"', group="") -> str:
    return (
        f'{resource} is forbidden: User "system:serviceaccount:{account}" cannot {verb} resource "{resource}" '
        f'in API group "{group}" {where}'
    )


def watcher(said: str, broken: bool = True):
    owner = workload("watcher", serviceAccountName="watcher")
    one = pod(owner, ready=not broken, status=crashed() if broken else None)
    suffix = "/previous" if broken else ""
    return [owner, one], {f"{one['metadata']['name']}/main{suffix}": said}


def test_missing_right_with_the_role_that_gives_it():
    objects, logs = watcher(denied() + "\n" + denied("watch"))
    (one,) = found(snapshot(*objects, logs=logs))
    assert (one.id, one.severity) == ("SM-RIGHTS", "critical")
    assert "list, watch pods in shop" in one.summary
    role, binding = one.fixes[0].changes
    assert role.manifest["rules"] == [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "watch"]}]
    given = [{**change.manifest, "metadata": {**change.manifest["metadata"], "uid": change.ref.kind}}
             for change in (role, binding)]  # fmt: skip
    assert "SM-RIGHTS" not in ids(snapshot(*objects, *given, logs=logs))


def test_a_running_program_that_complains_is_a_warning():
    objects, logs = watcher(denied(), broken=False)
    (one,) = found(snapshot(*objects, logs=logs))
    assert (one.id, one.severity) == ("SM-RIGHTS", "warning")


@pytest.mark.parametrize(
    "said",
    [
        denied("delete"),
        denied(resource="secrets"),
        denied(where="at the cluster scope"),
        denied(where='in the namespace "kube-system"'),
        denied("get", resource="pods/exec"),
        denied("list", "roles", group="rbac.authorization.k8s.io"),
    ],
)
def test_delicate_rights_are_never_offered_as_a_change(said):
    objects, logs = watcher(said)
    (one,) = found(snapshot(*objects, logs=logs))
    assert one.id == "SM-RIGHTS"
    assert not any(fix.changes for fix in one.fixes)


@pytest.mark.parametrize(
    "said", [denied(account="kube-system:admin"), denied(account="shop:other"), "forbidden: quota", "403 Forbidden"]
)
def test_a_log_cannot_ask_for_somebody_else(said):
    objects, logs = watcher(said, broken=False)
    assert ids(snapshot(*objects, logs=logs)) == []

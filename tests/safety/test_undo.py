"""Undo as people meet it: through the journal, the guard and a yes, on the real API server."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.events import Event
from agent.guard.guard import Guard
from agent.guard.ledger import Ledger
from agent.guard.plan import Plan
from agent.guard.undo import journal_of, undo
from agent.store.sqlite import Store
from tests.conftest import write_directly
from tools.change import ApplyManifest, Change, Delete, Patch, Proposal, Ref, Scale, WriteFile
from tools.context import Context
from tools.errors import NeedsAnswer, NotFound, Refused
from tools.secrets.sealing import sealed

Object = dict[str, Any]
Put = Callable[[str], None]

WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 0
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: main, image: "example.com/none:1", env: [{name: LEVEL, value: info}]}]
"""
CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {a: '1', b: '2'}"


class Hand:
    """A person who says yes to whatever is planned, and looks afterwards."""

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx
        self.guard = Guard(ctx, journal_of(ctx), Store(ctx.state / "shipmate.db"))

    def plan(self, proposal: Proposal) -> Plan:
        return _end(self.guard.propose(proposal, "test", "test"))

    def do(self, *changes: Change) -> Plan:
        plan = self.yes(Proposal(changes=changes))
        assert plan
        return plan

    def yes(self, proposal: Proposal) -> Plan:
        plan = self.plan(proposal)
        assert not plan.blockers, plan.blockers
        grant = self.guard.approve(plan, plan.digest, "tester", "yes", plan.confirm)
        assert _end(self.guard.carry_out(plan, grant)) is True
        return plan

    def undo(self, **how: Any) -> Plan:
        return self.yes(undo(self.ctx, **how))

    def ref(self, kind: str, name: str) -> Ref:
        resource = self.ctx.cluster.kinds.resolve(kind)
        return resource.ref(name, self.ctx.namespace)

    def live(self, kind: str, name: str) -> Object:
        return self.ctx.cluster.read(self.ref(kind, name))

    def there(self, kind: str, name: str) -> bool:
        try:
            return not self.live(kind, name)["metadata"].get("deletionTimestamp")
        except NotFound:
            return False

    def by_hand(self, kind: str, name: str, patch: Object, manager: str = "kubectl-edit") -> None:
        """Somebody else's write."""
        from tools.permit import Permit
        from tools.preview import Write

        path = self.ctx.cluster.path(self.ref(kind, name))
        permit = Permit("test", 0, (Write(door="kubernetes", method="PATCH", path=path),))
        with permit.opened():
            self.ctx.cluster.write(permit, "PATCH", path, patch, "application/merge-patch+json", fieldManager=manager)

    def remove_by_hand(self, kind: str, name: str) -> None:
        write_directly(self.ctx.cluster, "DELETE", self.ctx.cluster.path(self.ref(kind, name)))
        ends = time.monotonic() + 30
        while self.there(kind, name):
            assert time.monotonic() < ends
            time.sleep(0.05)

    # the changes of these tests

    def scale(self, replicas: int) -> Change:
        return Scale(summary=f"scale web to {replicas}", ref=self.ref("deployment", "web"), replicas=replicas)

    def patch(self, kind: str, name: str, patch: Object) -> Change:
        change = Patch(summary=f"change {name}", ref=self.ref(kind, name), verb="set", type="merge", patch=patch)
        return sealed(self.ctx, change)

    def settings(self, **data: str) -> Change:
        return self.patch("configmap", "settings", {"data": data})

    def make(self, manifest: Object) -> Change:
        place = None if manifest["kind"] == "Namespace" else self.ctx.namespace
        ref = Ref(
            api_version=manifest["apiVersion"],
            kind=manifest["kind"],
            name=manifest["metadata"]["name"],
            namespace=place,
        )
        return sealed(self.ctx, ApplyManifest(summary=f"apply {ref}", ref=ref, manifest=manifest))

    def delete(self, kind: str, name: str) -> Change:
        return Delete(summary=f"delete {name}", ref=self.ref(kind, name))

    @property
    def data(self) -> dict[str, str]:
        return self.live("configmap", "settings")["data"]


def _end(work: Iterator[Event]) -> Any:
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


@pytest.fixture
def hand(ctx: Context) -> Hand:
    return Hand(ctx)


def config(name: str, **data: str) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


# --- which plan ---------------------------------------------------------------------------------------------------


def test_every_step_of_a_plan_goes_back_the_last_first_and_one_thing_by_one_change(hand: Hand, apply: Put):
    apply(CONFIG)
    hand.do(hand.settings(a="9"), hand.make(config("new", x="1")), hand.settings(b="8", c="7"))
    proposal = undo(hand.ctx)
    assert [change.kind for change in proposal.changes] == ["delete", "patch"]
    hand.yes(proposal)
    assert hand.data == {"a": "1", "b": "2"}
    assert not hand.there("configmap", "new")


def test_the_last_two_go_back_together_over_the_same_field(hand: Hand, apply: Put):
    apply(CONFIG)
    hand.do(hand.settings(a="kept"))
    hand.do(hand.settings(a="2nd"))
    hand.do(hand.settings(a="3rd", d="4"))
    (change,) = undo(hand.ctx, last=2).changes
    assert len({step.partition("/")[0] for step in change.undoes}) == 2
    hand.undo(last=2)
    assert hand.data == {"a": "kept", "b": "2"}
    hand.undo()
    assert hand.data == {"a": "1", "b": "2"}
    with pytest.raises(NotFound, match="nothing to undo"):
        undo(hand.ctx)


def test_undone_and_done_again_and_undone_once_more(hand: Hand, apply: Put):
    apply(CONFIG)
    first = hand.do(hand.settings(a="9"))
    with pytest.raises(NotFound, match="nothing to redo"):
        undo(hand.ctx, redo=True)
    back = hand.undo()
    assert back.undoes == (first.id,)
    with pytest.raises(Refused, match=f"undone already, by plan {back.id}"):
        undo(hand.ctx, plan=first.id)
    with pytest.raises(Refused, match="nothing to do again"):
        undo(hand.ctx, plan=hand.do(hand.settings(b="8")).id, redo=True)
    hand.undo()
    again = hand.undo(redo=True, plan=first.id)
    assert hand.data["a"] == "9"
    assert undo(hand.ctx, plan=first.id).undoes == (again.id,), "what stands for the first plan now is taken back"
    with pytest.raises(Refused, match="done again already"):
        undo(hand.ctx, plan=back.id, redo=True)
    hand.undo(plans=[first.id, back.id, "unknown"])
    assert hand.data["a"] == "1"


def test_what_was_made_and_unmade_is_known_by_its_uid_when_it_is_done_again(hand: Hand):
    hand.do(hand.make(config("new", x="1")))
    hand.undo()
    hand.undo(redo=True)
    assert hand.live("configmap", "new")["data"] == {"x": "1"}
    hand.undo()
    assert not hand.there("configmap", "new")


def test_changed_and_then_deleted_comes_back_as_it_was_before_both(hand: Hand, apply: Put):
    apply(CONFIG)
    hand.do(hand.settings(a="9"))
    hand.do(hand.delete("configmap", "settings"))
    (change,) = undo(hand.ctx, last=2).changes
    assert change.kind == "apply-manifest"
    hand.undo(last=2)
    assert hand.data == {"a": "1", "b": "2"}


def test_of_a_plan_that_stopped_in_the_middle_what_was_applied_goes_back(hand: Hand, apply: Put):
    apply(CONFIG)
    proposal = Proposal(changes=(hand.settings(a="9"), hand.make(config("new", x="1"))))
    plan = hand.plan(proposal)
    write_directly(
        hand.ctx.cluster, "POST", f"/api/v1/namespaces/{hand.ctx.namespace}/configmaps", config("new", y="1")
    )
    grant = hand.guard.approve(plan, plan.digest, "tester", "yes")
    with pytest.raises(Exception, match="created since"):
        _end(hand.guard.carry_out(plan, grant))
    assert hand.data["a"] == "9"
    hand.undo()
    assert hand.data["a"] == "1"
    assert hand.live("configmap", "new")["data"] == {"y": "1"}


def test_ids(hand: Hand, apply: Put):
    apply(CONFIG)
    plan = hand.do(hand.settings(a="9"))
    with pytest.raises(NotFound, match="no applied plan 'zz'"):
        undo(hand.ctx, plan="zz")
    assert undo(hand.ctx, plan=plan.id[:3].upper()).undoes == (plan.id,)
    _retold(hand, plan.id, f"{plan.id[:4]}ffff")
    with pytest.raises(NeedsAnswer) as asked:
        undo(hand.ctx, plan=plan.id[:4])
    assert set(asked.value.options) == {plan.id, f"{plan.id[:4]}ffff"}


def test_a_plan_of_another_cluster_is_refused_with_the_context_to_use(hand: Hand, apply: Put):
    apply(CONFIG)
    plan = hand.do(hand.settings(a="9"))
    _retold(hand, plan.id, "0123abcd", cluster_uid="another", context="production")
    with pytest.raises(Refused, match="--context production undo 0123abcd"):
        undo(hand.ctx)
    assert undo(hand.ctx, plan=plan.id).changes


def _retold(hand: Hand, plan: str, name: str, **aim: str) -> None:
    """The records of a plan once more, under another id and aimed elsewhere."""
    for record in list(hand.guard.journal.records()):
        if record["plan"] == plan and record["type"] in ("proposed", "intent", "outcome"):
            data = dict(record["data"])
            if record["type"] == "proposed":
                data["aim"] = {**data["aim"], **aim}
            hand.guard.journal.append(record["type"], name, record["step"], **data)


# --- where others have been ---------------------------------------------------------------------------------------


def test_what_others_changed_beside_it_stays_and_is_named(hand: Hand, apply: Put):
    apply(WEB)
    hand.do(hand.patch("deployment", "web", {"metadata": {"labels": {"team": "a"}}, "spec": {"minReadySeconds": 5}}))
    hand.by_hand("deployment", "web", {"metadata": {"labels": {"tier": "b"}}, "spec": {"revisionHistoryLimit": 3}})
    proposal = undo(hand.ctx)
    (note,) = proposal.notes
    assert "spec.revisionHistoryLimit (by kubectl-edit)" in note
    assert "metadata.labels.tier (by kubectl-edit)" in note
    assert "minReadySeconds" not in note
    hand.yes(proposal)
    now = hand.live("deployment", "web")
    assert now["metadata"]["labels"] == {"app": "web", "tier": "b"}
    assert now["spec"]["revisionHistoryLimit"] == 3
    assert "minReadySeconds" not in now["spec"]


def test_a_field_that_both_changed_is_a_question_and_never_overwritten_unasked(hand: Hand, apply: Put):
    apply(CONFIG)
    hand.do(hand.settings(a="9", b="9"))
    hand.by_hand("configmap", "settings", {"data": {"a": "theirs"}})
    with pytest.raises(NeedsAnswer, match=r"data\.a \(by kubectl-edit\) of configmap settings") as asked:
        undo(hand.ctx)
    assert (asked.value.slot, asked.value.options) == ("others", ("keep", "overwrite"))
    kept = undo(hand.ctx, others="keep")
    assert "They stay so." in " ".join(kept.notes)
    hand.yes(kept)
    assert hand.data == {"a": "theirs", "b": "2"}


def test_overwriting_what_others_changed_is_possible_when_said(hand: Hand, apply: Put):
    apply(CONFIG)
    hand.do(hand.settings(a="9"))
    hand.by_hand("configmap", "settings", {"data": {"a": "theirs"}})
    hand.undo(others="overwrite")
    assert hand.data == {"a": "1", "b": "2"}


def test_what_moves_between_the_question_and_the_yes_is_not_overwritten(hand: Hand, apply: Put):
    apply(CONFIG)
    hand.do(hand.settings(a="9"))
    plan = hand.plan(undo(hand.ctx))
    hand.by_hand("configmap", "settings", {"data": {"a": "theirs"}})
    grant = hand.guard.approve(plan, plan.digest, "tester", "yes")
    with pytest.raises(Exception, match="changed since it was shown"):
        _end(hand.guard.carry_out(plan, grant))
    assert hand.data["a"] == "theirs"


def test_gone_or_made_anew(hand: Hand, apply: Put):
    apply(CONFIG)
    changed = hand.do(hand.settings(a="9"))
    made = hand.do(hand.make(config("new", x="1")))
    for name in ("settings", "new"):
        hand.remove_by_hand("configmap", name)
    with pytest.raises(Refused, match="no longer exists"):
        undo(hand.ctx, plan=changed.id)
    assert undo(hand.ctx, plan=made.id).notes == (f"Configmap new in {hand.ctx.namespace} is gone already.",)
    apply(CONFIG)
    apply("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: new}")
    with pytest.raises(Refused, match="made anew"):
        undo(hand.ctx, plan=changed.id)
    proposal = undo(hand.ctx, plan=made.id)
    assert not proposal.changes
    assert "made anew by somebody else" in proposal.notes[0]


def test_what_was_deleted_and_made_anew_by_others_is_left_alone(hand: Hand, apply: Put):
    apply(CONFIG)
    hand.do(hand.delete("configmap", "settings"))
    apply("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {z: '1'}")
    proposal = undo(hand.ctx)
    assert not proposal.changes
    assert "made anew since" in proposal.notes[0]
    assert hand.data == {"z": "1"}


def test_what_others_put_into_an_object_of_ours_is_told_before_it_goes(hand: Hand):
    hand.do(hand.make(config("new", x="1")))
    hand.by_hand("configmap", "new", {"data": {"theirs": "2"}})
    (note,) = undo(hand.ctx).notes
    assert "lost with it: data.theirs (by kubectl-edit)" in note


# --- what comes back, and what does not ---------------------------------------------------------------------------


def test_secret_values_come_back_and_a_lost_one_is_told(hand: Hand, apply: Put):
    apply("apiVersion: v1\nkind: Secret\nmetadata: {name: login}\nstringData: {password: q7Rk2mX9vLpT4wZs, user: me}")
    was = hand.live("secret", "login")["data"]
    change = hand.patch("secret", "login", {"stringData": {"password": "another-Password-1"}})
    hand.do(change)
    hand.undo()
    assert hand.live("secret", "login")["data"] == was
    hand.undo(redo=True)
    old = time.time() - 40 * 86400
    for file in (hand.ctx.state / "vault").iterdir():
        if file.name != "key":
            os.utime(file, (old, old))
    with pytest.raises(Refused, match=r"former value of data\.password .* no longer kept"):
        undo(hand.ctx)


def test_deleting_says_before_what_will_not_come_back(hand: Hand, apply: Put):
    apply(WEB)
    apply("apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: web}, ports: [{port: 80}]}")
    apply(
        "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data}\n"
        "spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}"
    )
    plan = hand.plan(Proposal(changes=(
        hand.delete("deployment", "web"), hand.delete("service", "web"), hand.delete("persistentvolumeclaim", "data"),
    )))  # fmt: skip
    workload, service, claim = (step.preview for step in plan.steps)
    assert "a new uid" in workload.undo
    assert "its pods start anew" in workload.undo
    assert "another cluster IP" in service.undo
    assert "data" in claim.no_undo


def test_a_service_without_endpoints_comes_back_well(hand: Hand, apply: Put):
    apply(
        "apiVersion: v1\nkind: Service\nmetadata: {name: lonely}\nspec: {selector: {app: nobody}, ports: [{port: 80}]}"
    )
    hand.do(hand.delete("service", "lonely"))
    hand.undo()
    assert hand.there("service", "lonely")


def test_of_several_steps_the_one_that_cannot_go_back_is_named_and_not_in_the_way_later(hand: Hand, apply: Put):
    apply(CONFIG)
    apply(
        "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data}\n"
        "spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}"
    )
    hand.do(hand.make(config("early", x="1")))
    hand.do(hand.settings(a="9"), hand.delete("persistentvolumeclaim", "data"))
    proposal = undo(hand.ctx)
    assert any("This stays as it is" in note and "data on its volume" in note for note in proposal.notes)
    hand.yes(proposal)
    assert hand.data["a"] == "1"
    hand.undo()
    assert not hand.there("configmap", "early")


def test_what_belongs_to_a_living_owner_still_belongs_to_it(hand: Hand, apply: Put):
    apply(CONFIG)
    owner = hand.live("configmap", "settings")
    own = {"apiVersion": "v1", "kind": "ConfigMap", "name": "settings", "uid": owner["metadata"]["uid"]}
    child = config("child", x="1")
    child["metadata"]["ownerReferences"] = [own, {**own, "name": "gone", "uid": "0000"}]
    write_directly(hand.ctx.cluster, "POST", f"/api/v1/namespaces/{hand.ctx.namespace}/configmaps", child)
    hand.do(hand.delete("configmap", "child"))
    hand.undo()
    assert hand.live("configmap", "child")["metadata"]["ownerReferences"] == [own]


def test_a_namespace_and_what_is_in_it(hand: Hand):
    other = f"{hand.ctx.namespace}-b"
    inside = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "in", "namespace": other}}
    change = ApplyManifest(
        summary="apply in", manifest=inside, ref=Ref(api_version="v1", kind="ConfigMap", name="in", namespace=other)
    )
    hand.do(hand.make({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": other}}), change)
    proposal = undo(hand.ctx)
    assert [one.ref.kind for one in proposal.changes if isinstance(one, Delete)] == ["ConfigMap", "Namespace"]
    hand.yes(proposal)
    assert not hand.there("namespace", other)


def test_fields_that_kubectl_set_and_the_manifest_dropped_are_named(hand: Hand):
    former = config("mixed", a="1", b="2")
    kept = {**former, "metadata": {"name": "mixed", "annotations": {
        "kubectl.kubernetes.io/last-applied-configuration": json.dumps(former)
    }}}  # fmt: skip
    write_directly(hand.ctx.cluster, "POST", f"/api/v1/namespaces/{hand.ctx.namespace}/configmaps", kept)
    (step,) = hand.plan(Proposal(changes=(hand.make(config("mixed", a="9")),))).steps
    assert any("so it stays: data.b." in text for text in step.preview.warnings), step.preview.warnings


# --- files --------------------------------------------------------------------------------------------------------


def test_files_go_back_and_forth_and_stay_where_others_wrote(hand: Hand, tmp_path: Path):
    file = tmp_path / "notes.txt"
    file.write_text("one\n")

    def write(content: str | None) -> Plan:
        return hand.do(WriteFile(summary="write notes.txt", path="notes.txt", content=content))

    write("two\n")
    write("three\n")
    hand.undo(last=2)
    assert file.read_text() == "one\n"
    hand.undo(redo=True)
    assert file.read_text() == "three\n"
    file.write_text("theirs\n")
    with pytest.raises(NeedsAnswer, match="somebody else since"):
        undo(hand.ctx)
    with pytest.raises(Refused, match="left as it is"):
        undo(hand.ctx, others="keep")
    hand.undo(others="overwrite")
    assert file.read_text() == "one\n"
    (tmp_path / "new").mkdir()
    elsewhere = Context(context=hand.ctx.context, root=tmp_path / "new", state=hand.ctx.state)
    hand.do(WriteFile(summary="write a", path="a.txt", content="a"))
    with pytest.raises(Refused, match="--workspace"):
        undo(elsewhere)
    hand.undo()
    assert not (tmp_path / "a.txt").exists()


def test_the_ledger_reads_what_is_in_effect(hand: Hand, apply: Put):
    apply(CONFIG)
    one = hand.do(hand.settings(a="9"))
    two = hand.do(hand.settings(b="9"))
    hand.undo(plan=one.id)
    ledger = Ledger(hand.guard.journal.records())
    assert [act.plan for act in ledger.in_effect()] == [two.id]
    assert [act.undoes for act in ledger.in_effect(undos=True)] == [{one.id}]

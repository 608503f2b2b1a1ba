"""The witness finds whatever audit log and journal do not agree on, and nothing where they agree."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.guard.journal import Journal
from agent.guard.witness import write_rules
from agent.guard.witness.compare import Report, witness
from tools import handlers
from tools.change import ApplyManifest, Change, Delete, HelmRelease, Patch, Ref, Scale
from tools.permit import Permit
from tools.preview import Write

DEPLOYMENT = Ref(api_version="apps/v1", kind="Deployment", name="web", namespace="shop")
PATH = "/apis/apps/v1/namespaces/shop/deployments/web"
SECRETS = "/api/v1/namespaces/shop/secrets"
RECORD = f"{SECRETS}/sh.helm.release.v1.shop.v1"
VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
ME = "shipmate-admin"
_serial = itertools.count(1)


def event(method: str, path: str, agent: str = "kubectl/v1.35.4", **more: Any) -> dict[str, Any]:
    """An event as the API server writes it; `more` replaces parts, `query` is added to the address."""
    parts = path.split("/namespaces/")[-1].split("/") if "/namespaces/" in path else ["", *path.split("/")[-2:]]
    now = (datetime.now(UTC) + timedelta(microseconds=next(_serial))).isoformat()
    return {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "Metadata",
        "auditID": f"id-{next(_serial)}",
        "stage": "ResponseComplete",
        "requestURI": path + (f"?{query}" if (query := more.pop("query", "")) else ""),
        "verb": VERBS.get(method, method.lower()),
        "user": {"username": more.pop("user", ME)},
        "userAgent": agent,
        "objectRef": {"namespace": parts[0], "resource": (parts[1:] or [""])[0], "subresource": (parts[3:] or [""])[0]},
        "responseStatus": {"code": more.pop("code", 200)},
        "requestReceivedTimestamp": now,
        "stageTimestamp": now,
        **more,
    }


@dataclass
class Story:
    """A journal and the log of the same time, told together."""

    journal: Journal
    events: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    cluster: str = "uid-1"

    def plan(self, name: str) -> None:
        aim = {"cluster_uid": self.cluster, "identity": ME}
        self.journal.append("proposed", name, aim=aim, request=f"request {name}")
        self.journal.append("approved", name, grant={"by": "me", "how": "typed yes"})

    def sent(self, plan: str, step: int, *writes: tuple[str, str], **more: Any) -> None:
        """Requests with the mark of that step."""
        agent = f"shipmate/1.2.3 ({Permit(plan, step, (), journal=self.journal.id).mark})"
        self.events += [event(method, path, agent, **more) for method, path in writes]

    def began(self, plan: str, step: int, change: Change, *allowed: tuple[str, str]) -> None:
        self.journal.append("intent", plan, step, change=change.model_dump(mode="json"), writes=dumped(*allowed))

    def ended(self, plan: str, step: int, status: str, *writes: tuple[str, str], unsure: Any = ()) -> None:
        self.journal.append("outcome", plan, step, status=status, writes=dumped(*writes), unsure=dumped(*unsure))

    def did(self, plan: str, change: Change, *writes: tuple[str, str]) -> None:
        """A plan of one step, all of it as it should be."""
        self.plan(plan)
        self.began(plan, 1, change, *writes)
        self.sent(plan, 1, *writes)
        self.ended(plan, 1, "applied", *writes)

    def judged(self, events: list[dict[str, Any]] | None = None, **more: Any) -> Report:
        now = datetime.now(UTC)
        more = {"since": now - timedelta(hours=1), "until": now + timedelta(hours=1), "cluster_uid": "uid-1", **more}
        return witness(self.events if events is None else events, self.journal.records(), **more)

    def codes(self, **more: Any) -> list[str]:
        return [finding.code for finding in self.judged(**more).findings]


def dumped(*writes: tuple[str, str]) -> list[dict[str, Any]]:
    return [Write(door="kubernetes", method=method, path=path).model_dump() for method, path in writes]


SCALE = Scale(summary="scale web to 3", ref=DEPLOYMENT, replicas=3)
IMAGE = Patch(summary="set image", ref=DEPLOYMENT, verb="set image", patch={"spec": {}})
MAKE = ApplyManifest(summary="make web", ref=DEPLOYMENT, manifest={})
DROP = Delete(summary="delete web", ref=DEPLOYMENT)
INSTALL = HelmRelease(summary="install shop", action="install", release="shop", namespace="shop", chart="chart")
HELM = (("POST", SECRETS), ("POST", "/api/v1/namespaces/shop/services"), ("PATCH", PATH), ("PUT", RECORD))


def told(journal: Journal) -> Story:
    """One of everything that can go well, and what is set apart."""
    story = Story(journal)
    story.did("aa01", SCALE, ("PATCH", f"{PATH}/scale"))
    story.did("aa02", IMAGE, ("PATCH", PATH))
    story.did("aa03", MAKE, ("PATCH", PATH))
    story.did("aa04", DROP, ("DELETE", PATH))
    story.did("aa05", INSTALL, *HELM)
    story.plan("aa06")  # a conflict, then written; then refused for good
    story.began("aa06", 1, SCALE, ("PATCH", f"{PATH}/scale"))
    story.sent("aa06", 1, ("PATCH", f"{PATH}/scale"), code=409)
    story.sent("aa06", 1, ("PATCH", f"{PATH}/scale"))
    story.ended("aa06", 1, "applied", ("PATCH", f"{PATH}/scale"))
    story.began("aa06", 2, IMAGE, ("PATCH", PATH))
    story.sent("aa06", 2, ("PATCH", PATH), code=422)
    story.ended("aa06", 2, "failed")
    story.journal.append("proposed", "aa07", request="never approved")
    return story


@pytest.fixture
def story(tmp_path: Path) -> Story:
    return told(Journal(tmp_path / "journal.jsonl"))


def test_what_agrees_is_no_finding(story: Story) -> None:
    report = story.judged()
    assert report.findings == (), report.text()
    assert (report.steps, report.writes, report.refused, report.unjudged) == (6, 9, 2, 0)
    assert "Log and journal agree." in report.text()


def test_what_changes_nothing_is_set_apart(story: Story) -> None:
    review = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    reference = {"resource": "selfsubjectaccessreviews", "apiGroup": "authorization.k8s.io"}
    story.events += [
        event("PATCH", PATH, "shipmate/1.2.3", query="fieldManager=shipmate&dryRun=All"),
        event("DELETE", PATH, "shipmate/1.2.3", query="dryRun=All", requestObject={"dryRun": ["All"]}),
        event("POST", review, "shipmate/1.2.3", objectRef=reference),
        event("PATCH", PATH, "kubectl/v1.35.4"),  # somebody else
        event("get", PATH, "shipmate/1.2.3"),
        event("PATCH", PATH, "shipmate/1.2.3", stage="RequestReceived"),
    ]
    report = story.judged()
    assert report.findings == ()
    assert report.pretended == 3


@pytest.mark.parametrize(
    "forged",
    [
        event("PATCH", PATH, "shipmate/1.2.3"),
        event("PATCH", PATH, "shipmate/1.2.3 (plan/aa01 step/1 journal/0123456789abcdef)"),
        event("PATCH", PATH, "curl/8", query="fieldManager=shipmate"),
        event("DELETE", PATH, "shipmate/1.2.3", query="dryRun=All", requestObject={"propagationPolicy": "Background"}),
        event("deletecollection", "/api/v1/namespaces/shop/pods", "shipmate/1.2.3"),
        event("POST", "/api/v1/namespaces/shop/serviceaccounts/default/token", "shipmate/1.2.3"),
        event("get", "/api/v1/namespaces/shop/pods/web-1/exec", "shipmate/1.2.3", code=101),
        event("PATCH", PATH, "shipmate/1.2.3", code=403),
        event("PATCH", PATH, "shipmate/1.2.3", stage="Panic", code=500),
    ],
    ids=lambda one: f"{one['verb']} {one['requestURI'].rpartition('/')[2]} {one['userAgent']}",
)  # fmt: skip
def test_a_write_that_no_step_explains_is_stray(story: Story, forged: dict[str, Any]) -> None:
    story.events.append(forged)
    assert story.codes() == ["stray-write"]


def test_a_forged_mark_is_stray(story: Story) -> None:
    story.sent("aa99", 1, ("PATCH", PATH))  # no such plan
    story.sent("aa01", 2, ("PATCH", PATH))  # no such step
    story.sent("aa07", 1, ("PATCH", PATH))  # a plan without an approval
    story.sent("aa01", 1, ("DELETE", PATH))  # not what the step was for
    story.sent("aa05", 1, ("DELETE", "/api/v1/namespaces/kube-system"))  # not among what the intent names
    assert story.codes() == ["stray-write"] * 5


def test_a_write_of_an_identity_that_is_shipmates_alone(story: Story) -> None:
    story.events.append(event("PATCH", PATH, "python-requests/2", user="system:serviceaccount:ops:shipmate"))
    assert story.codes() == []
    assert story.codes(users={"system:serviceaccount:ops:shipmate"}) == ["stray-write"]


def test_a_step_begun_without_an_approval(tmp_path: Path) -> None:
    story = Story(Journal(tmp_path / "journal.jsonl"))
    story.journal.append("proposed", "aa01", aim={})
    story.began("aa01", 1, SCALE, ("PATCH", f"{PATH}/scale"))
    story.sent("aa01", 1, ("PATCH", f"{PATH}/scale"))
    story.ended("aa01", 1, "applied", ("PATCH", f"{PATH}/scale"))
    assert sorted(story.codes()) == ["journal-broken", "stray-write"]


def test_a_journal_that_claims_other_writes_than_its_change_makes(tmp_path: Path) -> None:
    story = Story(Journal(tmp_path / "journal.jsonl"))
    story.did("aa01", SCALE, ("DELETE", PATH))
    assert set(story.codes()) == {"stray-write", "unexplained-approval"}


@pytest.mark.parametrize("change", [SCALE, INSTALL], ids=["scale", "helm"])
def test_an_applied_step_that_records_no_write(tmp_path: Path, change: Change) -> None:
    story = Story(Journal(tmp_path / "journal.jsonl"))
    story.did("aa01", change)
    assert story.codes() == ["unexplained-approval"]


def test_a_write_after_all(tmp_path: Path) -> None:
    story = Story(Journal(tmp_path / "journal.jsonl"))
    story.plan("aa01")
    story.began("aa01", 1, SCALE, ("PATCH", f"{PATH}/scale"))
    story.sent("aa01", 1, ("PATCH", f"{PATH}/scale"))
    story.ended("aa01", 1, "failed")
    assert story.codes() == ["outcome-differs"]


@pytest.mark.parametrize("end", ["cut off", "unanswered"])
@pytest.mark.parametrize(("sent", "codes"), [(0, []), (1, []), (2, ["replayed-write"])])
def test_where_nobody_knows_it_may_be_written_once(tmp_path: Path, end: str, sent: int, codes: list[str]) -> None:
    story = Story(Journal(tmp_path / "journal.jsonl"))
    story.plan("aa01")
    story.began("aa01", 1, SCALE, ("PATCH", f"{PATH}/scale"))
    for _ in range(sent):
        story.sent("aa01", 1, ("PATCH", f"{PATH}/scale"))
    if end == "unanswered":
        story.ended("aa01", 1, "unknown", unsure=[("PATCH", f"{PATH}/scale")])
    story.journal.append("resolved", "aa01", 1, status="applied" if sent else "not applied")
    assert story.codes() == codes


def test_a_step_tried_again_is_compared_as_a_whole(tmp_path: Path) -> None:
    story = Story(Journal(tmp_path / "journal.jsonl"))
    write = ("PATCH", f"{PATH}/scale")
    story.plan("aa01")
    story.began("aa01", 1, SCALE, write)
    story.sent("aa01", 1, write, code=500)
    story.ended("aa01", 1, "unknown", unsure=[write])
    story.journal.append("resolved", "aa01", 1, status="not applied")
    story.ended("aa01", 1, "failed")  # refused before its intent was written down
    story.began("aa01", 1, SCALE, write)
    story.sent("aa01", 1, write)
    story.ended("aa01", 1, "applied", write)
    assert story.codes() == []
    story.sent("aa01", 1, write)  # what nobody answered for may have been carried out
    assert story.codes() == []
    story.sent("aa01", 1, write)
    assert story.codes() == ["replayed-write"]


def test_a_release_that_was_cut_off_may_be_written_in_part(tmp_path: Path) -> None:
    story = Story(Journal(tmp_path / "journal.jsonl"))
    story.plan("aa01")
    story.began("aa01", 1, INSTALL, *HELM)
    story.sent("aa01", 1, *HELM[:2])
    assert story.codes() == []
    story.sent("aa01", 1, ("PATCH", "/apis/apps/v1/namespaces/shop/deployments/other"))
    assert story.codes() == ["stray-write"]


def test_another_identity_or_cluster_than_the_plan_was_aimed_at(story: Story) -> None:
    story.events[0]["user"] = {"username": "mallory"}
    assert story.codes() == ["other-identity"]
    story.events[0]["user"] = {"username": ME}
    story.events[0]["impersonatedUser"] = {"username": "mallory"}
    assert story.codes() == ["other-identity"]
    del story.events[0]["impersonatedUser"]
    assert set(story.codes(cluster_uid="uid-2")) == {"other-cluster"}


def test_plans_for_another_cluster_are_not_looked_for(story: Story) -> None:
    assert story.judged(events=[], cluster_uid="uid-2").findings == ()
    assert len(story.judged(events=[]).findings) == 9


def test_what_lies_outside_of_the_log_is_not_missed(story: Story) -> None:
    report = story.judged(events=[], since=datetime.now(UTC) + timedelta(minutes=1))
    assert report.findings == ()
    assert report.unjudged == 6
    assert witness([], story.journal.records()).unjudged == 6
    assert witness(story.events, story.journal.records()).findings == ()  # reaches from its first event to its last


def test_several_journals_are_compared_together(story: Story, tmp_path: Path) -> None:
    other = Story(Journal(tmp_path / "other.jsonl"))
    other.did("aa01", SCALE, ("PATCH", f"{PATH}/scale"))
    both = story.events + other.events
    assert [one.code for one in story.judged(both).findings] == ["stray-write"]
    report = story.judged(both, others={other.journal.id})
    assert (report.findings, report.others) == ((), {other.journal.id: 1})
    assert witness(both, story.journal.records(), other.journal.records(), cluster_uid="uid-1").findings == ()


def test_a_broken_journal_is_a_finding(story: Story) -> None:
    story.journal.path.write_bytes(story.journal.path.read_bytes().replace(b"request aa02", b"request aa99"))
    assert story.codes() == ["journal-broken"]
    assert story.codes(problems=[]) == []


@pytest.mark.parametrize("kept", [0, 1], ids=["from the start", "behind its first record"])
def test_a_journal_written_anew_without_a_plan_is_found_out(story: Story, tmp_path: Path, kept: int) -> None:
    """Whoever can write the file can make a chain that holds; the marks in the log still tell."""
    anew = Journal(tmp_path / "anew.jsonl")
    anew.path.write_bytes(b"".join(story.journal.path.read_bytes().splitlines(keepends=True)[:kept]))
    for record in list(story.journal.records())[kept:]:
        if record["plan"] != "aa04":
            anew.append(record["type"], record["plan"], record["step"], **record["data"])
    assert anew.verify() == []
    now = datetime.now(UTC)
    found = witness(story.events, anew.records(), since=now - timedelta(hours=1), until=now + timedelta(hours=1))
    codes = {finding.code for finding in found.findings}
    assert codes == ({"stray-write"} if kept else {"stray-write", "unexplained-approval"})


# --- Whatever is done to a log that agreed ------------------------------------------------------------------------

_OTHERS = ("/api/v1/namespaces/shop/pods/x", "/api/v1/nodes/n", f"{PATH}/status", "/apis/x.io/v1/things/one")


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_event_dropped_doubled_or_forged_is_found(story: Story, data: st.DataObject) -> None:
    events = [json.loads(json.dumps(one)) for one in story.events]
    done = [one for one in events if one["responseStatus"]["code"] < 400]
    victim = data.draw(st.sampled_from(done))
    match data.draw(
        st.sampled_from(["drop", "double", "copied id", "path", "method", "mark", "user", "refused", "new"])
    ):
        case "drop":
            events.remove(victim)
        case "double":
            events.append({**victim, "auditID": "other"})
        case "copied id":  # clients may choose the id, but not when the server received them
            later = datetime.now(UTC) + timedelta(seconds=1)
            events.append({**victim, "requestReceivedTimestamp": later.isoformat()})
        case "path":
            victim["requestURI"] = data.draw(st.sampled_from(_OTHERS))
        case "method":
            others = [verb for verb in VERBS.values() if verb != victim["verb"]]
            victim["verb"] = data.draw(st.sampled_from(others))
        case "mark":
            plan, step = data.draw(st.sampled_from(["aa01", "aa05", "aa07", "zz"])), data.draw(st.integers(0, 3))
            mark = Permit(plan, step, (), journal=story.journal.id).mark
            if mark in victim["userAgent"]:
                return
            victim["userAgent"] = f"shipmate/1.2.3 ({mark})"
        case "user":
            victim["user"] = {"username": data.draw(st.text(max_size=8).filter(lambda name: name != ME))}
        case "refused":
            victim["responseStatus"]["code"] = data.draw(st.integers(400, 499))
        case _:
            method, path = data.draw(st.sampled_from(list(VERBS))), data.draw(st.sampled_from([PATH, *_OTHERS]))
            events.append(event(method, path, victim["userAgent"].partition(" ")[0]))
    assert story.judged(events).findings


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_order_repetition_and_other_peoples_events_do_not_matter(story: Story, data: st.DataObject) -> None:
    noise = [event(method, PATH, "kubectl/v1.35.4") for method in VERBS]
    again = data.draw(st.lists(st.sampled_from(story.events), max_size=5))  # a rotated file read twice
    events = data.draw(st.permutations([*story.events, *noise, *again]))
    assert story.judged(list(events)).findings == ()


def test_every_kind_of_change_states_its_rule() -> None:
    assert write_rules.RULES.keys() == handlers._HANDLERS.keys()  # pyright: ignore[reportPrivateUsage]

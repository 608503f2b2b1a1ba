"""`shipmate journal` and `shipmate audit` as a person or a script meets them, without a cluster."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.cli.moments import moment
from agent.guard.journal import Journal
from agent.guard.plan import Aim, Plan
from agent.guard.recovery import recover
from agent.store.sqlite import Store
from tests.cluster.command import Shipmate
from tools.context import Context
from tools.errors import BadRequest


@pytest.fixture
def shipmate(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shipmate:
    return Shipmate(capsys, monkeypatch)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """Two plans, one of them carried out."""
    journal = Journal(tmp_path / "state" / "shipmate" / "journal.jsonl")
    steps = [{"summary": "scale web", "diff": "-1\n+3"}]
    journal.append(
        "proposed", "aa11", request="scale web to 3", aim={"context": "prod", "cluster_uid": ""}, steps=steps
    )
    journal.append("approved", "aa11", grant={"by": "jo", "how": "typed yes"})
    journal.append("intent", "aa11", 1, change={}, writes=[])
    write = {"door": "kubernetes", "method": "PATCH", "path": "/apis/apps/v1/namespaces/a/deployments/web/scale"}
    journal.append("outcome", "aa11", 1, status="applied", writes=[write], unsure=[])
    journal.append("verified", "aa11", 1, healthy=True, text="3 of 3 replicas ready", findings=[])
    journal.append("proposed", "aa22", request='say; "hi", now', aim={}, steps=[])
    return journal


@pytest.mark.usefixtures("journal")
def test_one_plan_is_shown_in_full(shipmate: Shipmate) -> None:
    for name in ("aa11", "aa1"):
        shown = shipmate("journal", "show", name)
        assert shown.code == 0
        for part in (
            "scale web to 3",
            "+3",
            "jo (typed yes)",
            "PATCH /apis/apps/v1",
            "3 of 3 replicas",
            "context prod",
        ):
            assert part in shown.text
        assert "aa22" not in shown.text
    assert len(json.loads(shipmate("journal", "show", "aa11", "-o", "json").text)) == 5


@pytest.mark.usefixtures("journal")
@pytest.mark.parametrize(("name", "said"), [("zz", "knows no plan"), ("aa", "Several plans begin with aa: aa11, aa22")])
def test_a_plan_that_cannot_be_told(shipmate: Shipmate, name: str, said: str) -> None:
    ran = shipmate("journal", "show", name)
    assert ran.code == 2
    assert said in ran.text


@pytest.mark.usefixtures("journal")
def test_the_export_holds_everything(shipmate: Shipmate, journal: Journal) -> None:
    lines = shipmate("journal", "export").text.splitlines()
    assert [json.loads(line) for line in lines] == list(journal.records())
    table = list(csv.DictReader(io.StringIO(shipmate("journal", "export", "--format", "csv").text)))
    assert [json.loads(row["data"]) for row in table] == [record["data"] for record in journal.records()]
    assert [row["plan"] for row in table] == ["aa11"] * 5 + ["aa22"]
    assert len(shipmate("journal", "export", "aa22").text.splitlines()) == 1
    assert shipmate("journal", "export", "--since", "2999-01-01").text == ""
    assert len(shipmate("journal", "export", "--since", "1h").text.splitlines()) == 6


def test_verify_names_the_first_broken_record(shipmate: Shipmate, journal: Journal) -> None:
    assert shipmate("journal", "verify").text == f"The journal is intact: 6 records, id {journal.id}.\n"
    journal.path.write_bytes(journal.path.read_bytes().replace(b"typed yes", b"forged ok"))
    broken = shipmate("journal", "verify")
    assert (broken.code, broken.text) == (1, "Record 2 was altered.\n")


def test_an_empty_journal(shipmate: Shipmate) -> None:
    assert shipmate("journal").text == "The journal is empty.\n"
    assert shipmate("journal", "verify").code == 0
    assert shipmate("journal", "export").text == ""


@pytest.mark.parametrize("text", ["yesterday", "5", "-1h", "2026-13-01", "99999999999d", ""])
def test_what_is_no_time(shipmate: Shipmate, text: str) -> None:
    ran = shipmate("journal", "--since", text) if not text.startswith("-") else shipmate("journal", f"--since={text}")
    if text:
        assert (ran.code, "is not a time" in ran.text) == (2, True)
    with pytest.raises(BadRequest):
        moment(text)


def test_times() -> None:
    now = datetime.now(UTC)
    assert timedelta(minutes=89) < now - moment("90m") < timedelta(minutes=91)
    assert moment("2026-11-23T20:00:00+01:00") == datetime(2026, 11, 23, 19, tzinfo=UTC)


@pytest.mark.usefixtures("journal")
def test_a_log_is_compared_without_its_cluster(shipmate: Shipmate, tmp_path: Path) -> None:
    event = {
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "stage": "ResponseComplete", "verb": "patch",
        "requestURI": "/api/v1/namespaces/a/pods/b", "userAgent": "shipmate/1", "responseStatus": {"code": 200},
        "stageTimestamp": "2026-11-23T20:00:00Z", "requestReceivedTimestamp": "2026-11-23T20:00:00Z",
    }  # fmt: skip
    log = tmp_path / "audit.log"
    log.write_text(json.dumps(event) + "\n")
    flags = ("--kubeconfig", "/nowhere")
    found = shipmate("audit", "verify", *flags, "--audit-log", str(log))
    assert found.code == 1
    assert "stray-write: PATCH /api/v1/namespaces/a/pods/b" in found.text
    assert shipmate("audit", "verify", *flags, "--audit-log", str(log), "--since", "2026-11-24").code == 0
    log.write_text("shipmate\n")
    assert shipmate("audit", "verify", *flags, "--audit-log", str(log)).code == 2
    assert shipmate("audit", "verify", *flags, "--audit-log", str(log), "--journal", "/nowhere").code == 2


def test_a_journal_of_a_newer_version_settles_nothing_and_stops_nobody(tmp_path: Path) -> None:
    ctx = Context(state=tmp_path)
    store, journal = Store(tmp_path / "shipmate.db"), Journal(tmp_path / "journal.jsonl")
    plan = Plan(aim=Aim(), steps=(), request="scale web")
    store.save_plan(plan, "applying")
    journal.path.write_bytes(b'{"version":99}\n')
    for _ in range(2):
        (line,) = recover(ctx, journal, store)
        assert "what became of it is not known: The journal was written by a newer Shipmate" in line
    assert store.plan_status(plan.id) == "applying"
    journal.path.unlink()
    assert len(list(recover(ctx, journal, store))) == 1
    assert store.plan_status(plan.id) != "applying"

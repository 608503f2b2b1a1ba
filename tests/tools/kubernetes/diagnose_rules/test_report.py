"""A diagnosis in words and as data: short, one finding first, and nothing of a fix's payload in it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tests.tools.kubernetes.diagnose_rules.made import snapshot
from tools.change import Cure, Patch, Ref, Trouble
from tools.errors import BadRequest
from tools.finding import Asks, Confidence, Evidence, Finding, Fix, Severity
from tools.kubernetes.diagnose import report
from tools.kubernetes.diagnose.proof import compare
from tools.kubernetes.diagnose.remedy import filled, place_in_code
from tools.kubernetes.diagnose.run import Look

WEB = Ref(api_version="apps/v1", kind="Deployment", name="web", namespace="shop")
API = Ref(api_version="apps/v1", kind="Deployment", name="api", namespace="shop")
SECRET = "correct-horse-battery"


def patch(value: Any) -> Patch:
    return Patch(summary="set DB_PASSWORD", ref=WEB, verb="set env", patch={"spec": {"env": value}})


def finding(id: str = "SM-OOM", ref: Ref = WEB, **more: Any) -> Finding:
    usual: dict[str, Any] = {
        "severity": Severity.CRITICAL, "summary": f"{ref.name} is broken.", "chain": ("it cannot start", "the cause"),
        "evidence": (Evidence(source="log", text="\n".join(f"line {n}" for n in range(1, 7))),),
        "fixes": (Fix(text="Mend it.", changes=(patch([{"name": "A", "value": SECRET}]),)), Fix(text="Or that.")),
    }  # fmt: skip
    return Finding(id=id, subject=ref, **{**usual, **more})


def test_one_finding_first_the_others_named() -> None:
    found = [finding(), finding("SM-CRASH", API), finding("SM-SLOW", API, severity=Severity.WARNING)]
    text = report.of_namespace(snapshot(), found).text
    assert text.startswith("3 problems in namespace shop. The gravest:\nweb is broken. [critical, SM-OOM]")
    assert "  it cannot start\n  └─ the cause" in text
    assert "line 6" in text
    assert "line 2" not in text, "of a log only the end"
    assert "Next: Mend it." in text
    assert "Or that." not in text
    assert text.endswith("2 more: deployment api in shop (SM-CRASH), deployment api in shop (SM-SLOW).")
    assert len(text.splitlines()) < 12


def test_another_one_and_all_of_them() -> None:
    found = [finding(), finding("SM-CRASH", API)]
    second = report.of_namespace(snapshot(), found, 2).text
    assert "Number 2 of 2:\napi is broken." in second
    assert "1 more: deployment web in shop (SM-OOM)." in second
    whole = report.of_namespace(snapshot(), found, every=True).text
    for part in ("1. web is broken.", "2. api is broken.", "line 1", "Or: Or that."):
        assert part in whole


def test_the_data_holds_what_a_fix_does_and_not_with_which_values() -> None:
    data = report.of_namespace(snapshot(), [finding()]).data
    assert SECRET not in str(data)
    assert data["findings"][0]["fixes"][0] == {"text": "Mend it.", "steps": ["set DB_PASSWORD"], "asks": ""}
    assert SECRET not in str(report.finding_data(finding()))


def test_how_sure_it_is_is_said_with_what_it_rests_on() -> None:
    assert "Certain: the cluster itself says so." in report.told(finding())[-2]
    assert "Likely: concluded from what the program logged." in report.told(finding(confidence=Confidence.LIKELY))[-2]


@pytest.mark.parametrize(
    ("summary", "log", "place"),
    [
        ("it ends with an exception at /app/main.py:3: KeyError", "", "/app/main.py line 3"),
        ("it ends at <string>:12: ValueError", "", "<string> line 12"),
        ("it ends", 'File "/lib/x.py", line 9, in f\n  File "main.py", line 3, in g', "main.py line 3"),
        ("it ends at server.js:44", "", "server.js line 44"),
        ("it cannot connect to db.shop:5432", "dial tcp 10.0.0.1:5432", ""),
    ],
)
def test_the_place_in_the_code(summary: str, log: str, place: str) -> None:
    assert place_in_code(finding(summary=summary, evidence=(Evidence(source="log", text=log),))) == place


def asking(form: Any, value: Any) -> Fix:
    return Fix(text="Use another.", changes=(patch(value),), asks=Asks(question="Which?", form=form))


@pytest.mark.parametrize(
    ("fix", "answer", "put"),
    [
        (asking("tag", "nginx:{value}"), "1.27", "nginx:1.27"),
        (asking("tag", "nginx:{value}"), " 'nginx:1.27' ", "nginx:1.27"),
        (asking("number", "{value}"), "8080", 8080),
        (asking("number", "port {value}"), "8080", "port 8080"),
        (asking("name", ["{value}"]), "web-2", ["web-2"]),
    ],
)
def test_an_answer_is_put_where_it_belongs(fix: Fix, answer: str, put: Any) -> None:
    (change,) = filled(fix, answer)
    assert isinstance(change, Patch)
    assert isinstance(change.patch, dict)
    assert change.patch["spec"]["env"] == put


@pytest.mark.parametrize(("form", "answer"), [("tag", "1 27"), ("number", "many"), ("name", "Web_2"), ("tag", "")])
def test_an_answer_that_cannot_be_one_is_refused(form: str, answer: str) -> None:
    with pytest.raises(BadRequest):
        filled(asking(form, "{value}"), answer)


def proof(*after: Finding) -> tuple[list[str], list[str], bool]:
    cure = Cure(
        troubles=(Trouble(id="SM-OOM", subject=WEB), Trouble(id="SM-SERVICE", subject=API)),
        known=(Trouble(id="SM-OOM", subject=WEB), Trouble(id="SM-CRASH", subject=API)),
    )
    folded = tuple((item, frozenset[tuple[str, str, str]]()) for item in after)
    seen = Look(SimpleNamespace(), None, (), (), folded)  # type: ignore[arg-type]
    found = compare(cure, seen)
    return [item.id for item in found.left], [item.id for item in found.new], found.cured


def test_fixed_is_what_is_gone_while_nothing_new_came() -> None:
    assert proof() == ([], [], True)
    assert proof(finding("SM-CRASH", API)) == ([], [], True), "known before, and not what was to be mended"
    assert proof(finding("SM-SERVICE", API)) == (["SM-SERVICE"], [], False)
    assert proof(finding("SM-CRASH", WEB)) == ([], ["SM-CRASH"], False)
    assert proof(finding("SM-CRASH", WEB, severity=Severity.INFO)) == ([], [], True)
    newer = WEB.model_copy(update={"api_version": "apps/v2"})
    assert proof(finding("SM-OOM", newer)) == (["SM-OOM"], [], False)

"""`shipmate diagnose` as a script meets it: exit codes, formats, and what could not be checked in all of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest
import yaml

from agent.cli import diagnose
from agent.cli.findings.junit import junit
from agent.cli.findings.levels import verdict
from agent.cli.findings.picture import WIDTH, picture
from agent.cli.findings.sarif import sarif
from agent.cli.findings.watching import Watch
from agent.cli.main import main
from tests.tools.kubernetes.api_server import ApiServer, refusal, serving
from tests.tools.kubernetes.conftest import kubeconfig_text
from tests.tools.kubernetes.diagnose import made_up
from tools.change import Ref
from tools.finding import Confidence, Evidence, Finding, Fix, Severity
from tools.kubernetes.door import transport

Run = Callable[..., int]
UNREAD = refusal(403, "Forbidden", 'ingresses is forbidden: User "me" cannot list resource "ingresses"')
INGRESSES = "GET /apis/networking.k8s.io/v1/namespaces/shop/ingresses"


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiServer]:
    monkeypatch.setattr(transport, "_PAUSES", ())
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    with serving() as server:
        (tmp_path / "kubeconfig").write_text(kubeconfig_text(server.url))
        yield server


@pytest.fixture
def run(api: ApiServer, tmp_path: Path) -> Run:
    def make(*words: str) -> int:
        return main(["diagnose", "--kubeconfig", str(tmp_path / "kubeconfig"), *words])

    return make


def holding(api: ApiServer, broken: bool) -> None:
    made_up.serve(api, made_up.workload("web", "shop", broken))


# --- exit codes -----------------------------------------------------------------------------------------------------


def test_exit_codes_alone_tell_a_script(api: ApiServer, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    holding(api, broken=False)
    assert run() == 0
    assert "Nothing is wrong in namespace shop: 1 deployment, 10 pods, 1 service." in capsys.readouterr().out
    holding(api, broken=True)
    assert run() == 1
    assert run("-A", "--fail-on", "error") == 1
    assert run("web") == 1
    assert run("no-such") == 2
    assert run("-n", "no-such") == 2
    assert run("-A", "-n", "shop") == 2
    assert run("--watch", "-o", "sarif") == 2


def test_a_bug_is_never_taken_for_findings(
    api: ApiServer, run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(diagnose, "_look", broken)
    assert run() == 70
    assert "bug in Shipmate" in capsys.readouterr().err


def test_a_name_that_could_mean_several_is_a_usage_error(api: ApiServer, run: Run) -> None:
    made_up.serve(
        api, made_up.workload("web", "shop", False) + made_up.workload("web", "yard", False), ("shop", "yard")
    )
    assert run("-A", "web") == 2
    assert run("-n", "yard", "web") == 0


def test_wrong_flags_are_usage(run: Run) -> None:
    for words in (("--fail-on", "grave"), ("-o", "html"), ("--every", "soon")):
        with pytest.raises(SystemExit) as stopped:
            run(*words)
        assert stopped.value.code == 2


def test_no_cluster_is_3(tmp_path: Path, run: Run, api: ApiServer) -> None:
    (tmp_path / "kubeconfig").write_text(kubeconfig_text("http://127.0.0.1:9"))
    assert run("-A") == 3


def test_a_login_that_is_refused_is_3(api: ApiServer, run: Run) -> None:
    api.script = dict.fromkeys(("GET /api", "GET /apis"), refusal(401, "Unauthorized", "Unauthorized"))
    assert run("-A") == 3


@pytest.mark.parametrize("output", ["text", "json", "yaml", "sarif", "junit"])
def test_what_cannot_be_read_is_told_in_every_form_and_never_healthy(
    output: str, api: ApiServer, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    holding(api, broken=False)
    api.script[INGRESSES] = UNREAD
    assert run("-o", output) == 4
    told = capsys.readouterr().out
    assert "ingresses" in told
    assert "Nothing is wrong" not in told
    assert run("-o", output, "--allow-unchecked") == 0
    assert "ingresses" in capsys.readouterr().out
    holding(api, broken=True)
    api.script[INGRESSES] = UNREAD
    assert run("-o", output, "--allow-unchecked") == 1


def test_the_level_decides() -> None:
    warning, info = finding(severity=Severity.WARNING), finding(severity=Severity.INFO)
    codes = {level: verdict([warning], {}, level, False) for level in ("info", "warning", "error")}
    assert codes == {"info": 1, "warning": 1, "error": 0}
    assert verdict([info], {}, "warning", False) == 0
    assert verdict([info], {}, "info", False) == 1


# --- forms ----------------------------------------------------------------------------------------------------------


def finding(name: str = "web", **more: Any) -> Finding:
    known: dict[str, Any] = {
        "id": "SM-IMAGE-NOT-FOUND",
        "severity": Severity.CRITICAL,
        "subject": Ref(api_version="apps/v1", kind="Deployment", name=name, namespace="shop"),
        "summary": f"Image registry.example.com/{name}:1.0 cannot be pulled: the registry does not have it.",
        "chain": ("service web has no endpoints", "10 pods of deployment web cannot start", "no such tag"),
        "evidence": (Evidence(source="event", text="Failed: \x1b[31mmanifest unknown <&> \x00"),),
        "fixes": (Fix(text="Use registry.example.com/web:1.1, which the nodes have."), Fix(text="Push it.")),
    }
    return Finding(**{**known, **more})


def test_json_and_yaml_hold_the_same(api: ApiServer, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    holding(api, broken=True)
    assert run("-o", "json") == 1
    first = json.loads(capsys.readouterr().out)
    assert run("-o", "yaml") == 1
    assert yaml.safe_load(capsys.readouterr().out) == first
    assert first["healthy"] is False
    assert first["complete"] is True
    (found,) = first["findings"]
    assert set(found) >= {"id", "severity", "confidence", "subject", "summary", "chain", "evidence", "fixes"}


def test_the_picture_leads_from_the_symptom_to_the_cause_in_80_columns() -> None:
    long = tuple(f"step {number} of a long way from what is seen to what is the matter with it" for number in range(12))
    found = [finding(), finding("api", chain=long, confidence=Confidence.LIKELY)]
    lines = [line.text for line in picture("in namespace shop", found, {"nodes": "x may not list nodes"}, {})]
    assert max(map(len, lines)) <= WIDTH
    start = lines.index("  service web has no endpoints")
    assert lines[start + 1 : start + 3] == ["  └─ 10 pods of deployment web cannot start", "     └─ no such tag"]
    assert any("likely" in line for line in lines)
    assert lines[-1].startswith("not checked: nodes")
    assert not any("\x1b" in line for line in lines)


def text_object(**more: Any) -> Any:
    return {"type": "object", "required": ["text"], "properties": {"text": {"type": "string"}}, **more}


def obj(required: str, **properties: Any) -> Any:
    kind = {"type": "object", "additionalProperties": False, "required": required.split()}
    return {**kind, "properties": properties}


# What SARIF 2.1.0 requires of, and allows in, the parts that we write.
_TEXT, _BAG, _LEVEL = {"type": "string"}, {"type": "object"}, {"enum": ["none", "note", "warning", "error"]}
_NOTIFICATION = obj("message", level=_LEVEL, message=text_object(), descriptor=obj("", id=_TEXT), properties=_BAG)
_LOCATION = obj(
    "",
    physicalLocation=obj("", artifactLocation=obj("", uri={"type": "string", "format": "uri-reference"})),
    logicalLocations={"type": "array", "items": obj("", name=_TEXT, fullyQualifiedName=_TEXT, kind=_TEXT)},
)
_RESULT = obj(
    "message", ruleId=_TEXT, ruleIndex={"type": "integer", "minimum": -1}, level=_LEVEL, message=text_object(),
    locations={"type": "array", "items": _LOCATION}, properties=_BAG,
    partialFingerprints={"type": "object", "additionalProperties": _TEXT},
)  # fmt: skip
_RULES = {"type": "array", "uniqueItems": True, "items": obj("id", id=_TEXT, shortDescription=text_object())}
_INVOCATION = obj(
    "executionSuccessful",
    executionSuccessful={"type": "boolean"},
    toolExecutionNotifications={"type": "array", "items": _NOTIFICATION},
)
SARIF = obj(
    "version runs",
    **{"$schema": {"type": "string", "format": "uri"}},
    version={"const": "2.1.0"},
    runs={
        "type": "array",
        "items": obj(
            "tool",
            tool=obj("driver", driver=obj("name", name=_TEXT, version=_TEXT, rules=_RULES)),
            invocations={"type": "array", "items": _INVOCATION},
            results={"type": "array", "items": _RESULT},
        ),
    },
)


def test_sarif_is_what_its_schema_asks_for() -> None:
    found = [finding(), finding("api"), finding(id="SM-OOM", severity=Severity.INFO)]
    document = json.loads(json.dumps(sarif(found, {"pods": "you may not list them"}, {"SM-OOM": "too little memory"})))
    jsonschema.validate(document, SARIF, format_checker=jsonschema.FormatChecker())
    (run,) = document["runs"]
    ids = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert [ids[result["ruleIndex"]] for result in run["results"]] == [item.id for item in found]
    assert [result["level"] for result in run["results"]] == ["error", "error", "note"]
    marks = [result["partialFingerprints"]["subject/v1"] for result in run["results"]]
    assert len(set(marks)) == 3
    assert run["invocations"][0]["executionSuccessful"] is False
    assert "not checked: pods" in run["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"]


def test_the_same_fault_keeps_its_fingerprint() -> None:
    one = sarif([finding()], {}, {})["runs"][0]["results"][0]
    other = sarif([finding(summary="said otherwise", chain=())], {}, {})["runs"][0]["results"][0]
    assert one["partialFingerprints"] == other["partialFingerprints"]


def parsed(document: str) -> ElementTree.Element:
    return ElementTree.fromstring(document)  # noqa: S314  (our own)


def test_junit_counts_failures_errors_and_what_passed() -> None:
    found = [finding(), finding("api", severity=Severity.INFO)]
    told = junit("in shop", found, {"nodes": "no right \x0b"}, {"pods": 3}, "warning", False)
    root = parsed(told)
    (suite,) = root
    assert (root.tag, suite.tag) == ("testsuites", "testsuite")
    for element in (root, suite):
        assert {name: element.get(name) for name in ("tests", "failures", "errors", "skipped")} == {
            "tests": "4", "failures": "1", "errors": "1", "skipped": "0",
        }  # fmt: skip
    assert all(case.get("name") and case.get("classname") for case in suite)
    assert len(list(suite)) == 4
    assert suite.find("testcase/failure").get("type") == "error"
    assert "not checked: nodes" in suite.find("testcase/error").get("message")
    lenient = parsed(junit("", found, {"nodes": "no"}, {}, "warning", True))
    assert lenient[0].find("testcase/skipped") is not None


# --- watching -------------------------------------------------------------------------------------------------------


def test_a_watch_tells_what_is_new_and_what_is_gone() -> None:
    watch = Watch()
    assert watch.look([finding()], {}).new
    assert not watch.look([finding(summary="the same in other words")], {})
    assert [item.subject.name for item in watch.look([finding(), finding("api")], {}).new] == ["api"]
    assert [item.subject.name for item in watch.look([finding("api")], {}).gone] == ["web"]


def test_what_is_out_of_sight_is_not_gone() -> None:
    watch = Watch()
    watch.look([finding(), finding("api")], {})
    blind = watch.look([finding("api")], {"pods": "no right"})
    assert [item.subject.name for item in blind.lost] == ["web"]
    assert blind.unreadable == {"pods": "no right"}
    assert not blind.gone
    assert not watch.look([finding("api")], {"pods": "no right"}), "told once"
    back = watch.look([finding("api")], {})
    assert back.readable == ["pods"]
    assert [item.subject.name for item in back.gone] == ["web"]


def test_watching_prints_changes_only(
    api: ApiServer, run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    holding(api, broken=False)
    steps = iter((lambda: holding(api, broken=True), lambda: None, lambda: holding(api, broken=False)))

    def pause(seconds: float) -> None:
        if (step := next(steps, None)) is None:
            raise KeyboardInterrupt
        step()

    monkeypatch.setattr("time.sleep", pause)
    assert run("--watch", "-o", "json") == 130
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["event"] for line in lines] == ["first", "change", "change"]
    assert lines[1]["new"][0]["id"] == lines[2]["gone"][0]["id"] == "SM-IMAGE-NOT-FOUND"


def test_the_help_names_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["diagnose", "--help"])
    told = capsys.readouterr().out
    assert diagnose.__doc__
    assert all(f"  {code}  " in told for code in (0, 1, 2, 3, 4))

"""Symptoms fold into their cause; every rule is found and documented."""

from tools.change import Ref
from tools.finding import Severity
from tools.kubernetes.diagnose.rule import seen
from tools.kubernetes.diagnose.run import all_rules, fold

DATABASE = Ref(api_version="apps/v1", kind="Deployment", name="database", namespace="todo")
BACKEND = Ref(api_version="apps/v1", kind="Deployment", name="backend", namespace="todo")
SERVICE = Ref(api_version="v1", kind="Service", name="database", namespace="todo")


def test_a_chain_of_symptoms_becomes_one_finding():
    found = fold([
        seen("SM-CRASH-DEPENDENCY", BACKEND, "backend cannot connect", symptom_of=(SERVICE,)),
        seen("SM-SERVICE-NOT-READY", SERVICE, "service has no endpoints", symptom_of=(DATABASE,)),
        seen("SM-IMAGE-NOT-FOUND", DATABASE, "image is not there", chain=("pods cannot start", "no such tag")),
    ])  # fmt: skip
    ((finding, keys),) = found
    assert finding.id == "SM-IMAGE-NOT-FOUND"
    assert finding.chain == ("backend cannot connect", "service has no endpoints", "pods cannot start", "no such tag")
    assert {key[2] for key in keys} == {"backend", "database"}


def test_a_symptom_without_a_cause_stands_for_itself():
    found = fold([seen("SM-SERVICE-NOT-READY", SERVICE, "service has no endpoints", symptom_of=(DATABASE,))])
    assert [finding.id for finding, _ in found] == ["SM-SERVICE-NOT-READY"]


def test_a_grave_symptom_makes_its_cause_grave_and_the_worst_come_first():
    found = fold([
        seen("SM-A", DATABASE, "small", severity=Severity.WARNING),
        seen("SM-B", BACKEND, "middling", severity=Severity.WARNING),
        seen("SM-C", SERVICE, "grave", severity=Severity.CRITICAL, symptom_of=(DATABASE,)),
    ])  # fmt: skip
    assert [(finding.id, finding.severity) for finding, _ in found] == [("SM-A", "critical"), ("SM-B", "warning")]


def test_what_is_merely_worth_knowing_is_no_cause():
    found = fold([
        seen("SM-A", DATABASE, "an old manifest", severity=Severity.INFO),
        seen("SM-C", SERVICE, "nobody answers", symptom_of=(DATABASE,)),
    ])  # fmt: skip
    assert [finding.id for finding, _ in found] == ["SM-C", "SM-A"]


def test_a_symptom_joins_the_gravest_cause_of_its_object():
    found = fold([
        seen("SM-A", DATABASE, "its budget is tight", severity=Severity.WARNING),
        seen("SM-B", DATABASE, "its image is not there"),
        seen("SM-C", SERVICE, "nobody answers", symptom_of=(DATABASE,)),
    ])  # fmt: skip
    assert [(finding.id, finding.chain) for finding, _ in found] == [("SM-B", ("nobody answers",)), ("SM-A", ())]


def test_symptoms_without_their_cause_still_form_one_chain():
    gone = Ref(api_version="v1", kind="ConfigMap", name="settings", namespace="todo")
    ((finding, keys),) = fold([
        seen("SM-C", SERVICE, "nobody answers", symptom_of=(DATABASE,)),
        seen("SM-B", DATABASE, "its settings are missing", symptom_of=(gone,)),
    ])  # fmt: skip
    assert (finding.id, finding.chain) == ("SM-B", ("nobody answers",))
    assert len(keys) == 2


def test_texts_are_redacted_and_cut():
    found = seen("SM-A", DATABASE, "login failed: password=hunter2secret " + "x" * 900).finding
    assert "hunter2secret" not in found.summary
    assert len(found.summary) <= 400


def test_every_rule_has_documented_ids_that_are_its_own():
    ids = [id for rule in all_rules() for id in rule.IDS]
    assert len(ids) == len(set(ids)) >= 40
    assert all(id.startswith("SM-") for id in ids)
    assert all(rule.__doc__ and all(rule.IDS.values()) for rule in all_rules())

"""What holds for every policy file: nothing lowers the floor, the first match wins, more files never permit more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from agent.guard.policy.acts import Act
from agent.guard.policy.file import parse
from agent.guard.policy.modes import Mode, lowest
from agent.guard.policy.rules import PolicyFile, Rule, schema
from agent.guard.policy.ruling import Decision
from agent.guard.policy.standing import StandingGrant, scope_of
from tests.safety.policy_samples import acts, decided, least, policies, rules
from tools.errors import BadRequest

SCHEMA = jsonschema.Draft202012Validator(schema())


@given(st.lists(policies, max_size=2), acts())
def test_no_file_lowers_the_floor(files: list[dict[str, Any]], act: Act) -> None:
    assert decided(act, *files).decision.strictness >= least(act)


@given(acts())
def test_allowing_everything_allows_only_what_the_floor_leaves(act: Act) -> None:
    found = decided(act, {"rules": [{"allow": {}}]})
    assert found.decision.strictness == least(act)
    assert found.each_time == (least(act) > 0)


@given(policies, acts())
def test_the_first_rule_that_matches_wins(policy: dict[str, Any], act: Act) -> None:
    first = Decision.ASK
    for each in policy["rules"]:
        rule = Rule.model_validate(each)
        if rule.criteria.match(act, allows=rule.decision is Decision.ALLOW):
            first = rule.decision
            break
    assert decided(act, policy).decision.strictness == max(first.strictness, least(act))


@given(policies, rules, acts())
def test_rules_behind_the_first_match_do_not_count(policy: dict[str, Any], late: dict[str, Any], act: Act) -> None:
    assume(PolicyFile.model_validate(policy).first(act))
    more = {"rules": [*policy["rules"], late]}
    assert decided(act, policy).decision is decided(act, more).decision


@given(policies, policies, acts())
def test_a_further_file_never_permits_more(one: dict[str, Any], other: dict[str, Any], act: Act) -> None:
    alone = decided(act, one).decision.strictness
    assert decided(act, one, other).decision.strictness >= alone
    assert decided(act, one, workspace=other).decision.strictness >= alone


@given(policies, acts())
def test_the_file_of_a_workspace_never_permits_anything(policy: dict[str, Any], act: Act) -> None:
    assert decided(act, workspace=policy).decision is not Decision.ALLOW
    assert decided(act, {"rules": []}, workspace=policy).decision is not Decision.ALLOW


@given(acts())
def test_without_a_file_nothing_is_done_unasked(act: Act) -> None:
    assert decided(act).decision.strictness >= Decision.ASK.strictness


@given(acts(), acts())
def test_a_standing_grant_covers_only_its_own_sort(one: Act, other: Act) -> None:
    verb, kind, namespace, cluster, only = scope_of(one)
    until = datetime.now(UTC) + timedelta(hours=1)
    grant = StandingGrant(
        verb=verb, kind=kind, namespace=namespace, cluster=cluster, only=only, by="me", plan="p", until=until
    )
    assert grant.covers(one)
    if grant.covers(other):
        assert (other.verb, other.namespace, other.cluster) == (one.verb, one.namespace, one.cluster)
        assert (other.kind or other.change) == (one.kind or one.change)


@given(st.lists(st.sampled_from(list(Mode)), min_size=1), st.sampled_from(list(Mode)))
def test_a_further_mode_only_lowers(modes: list[Mode], more: Mode) -> None:
    order = list(Mode)
    assert order.index(lowest([*modes, more])) <= order.index(lowest(modes))


@given(policies)
def test_what_the_model_takes_the_schema_takes_and_text_keeps_it(policy: dict[str, Any]) -> None:
    assert SCHEMA.is_valid(policy)
    read = parse(yaml.safe_dump(policy), "x")
    assert read.model_dump() == PolicyFile.model_validate(policy).model_dump()


values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.sampled_from(("allow", "ask", "web", "scale", ""))),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(("allow", "deny", "verb", "kind", "rules", "labels", "reason", "x")), inner),
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(("rules", "tests", "more")), st.one_of(values, st.lists(values, max_size=2))))
def test_what_the_schema_refuses_the_model_refuses(policy: dict[str, Any]) -> None:
    if SCHEMA.is_valid(policy):
        return
    with pytest.raises(ValidationError):
        PolicyFile.model_validate(policy)


@given(st.one_of(st.text(max_size=60), st.text("rules: -{}[]\n\"'!&*|>#allowdeny", max_size=60)))
@settings(max_examples=300)
def test_any_text_is_a_policy_or_is_refused_with_its_line(text: str) -> None:
    try:
        parse(text, "policy.yaml")
    except BadRequest as error:
        line = int(error.message.partition(" in line ")[2].partition(":")[0])
        assert 1 <= line <= text.count("\n") + text.count("\r") + text.count("\x85") + text.count("\u2028") * 2 + 2


def test_everything_about_reading_stays_free(tmp_path: Path) -> None:
    from agent.guard.policy.judge import Judge
    from tools.catalog import Effect

    (tmp_path / "shipmate-policy.yaml").write_text("rules: [")
    judge = Judge(tmp_path)
    assert judge.of_call(Effect.READ, "logs").decision is Decision.ALLOW
    with pytest.raises(BadRequest):
        judge.of_call(Effect.REACH, "exec")

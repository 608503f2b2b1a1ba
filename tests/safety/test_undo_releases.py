"""Releases of a tiny chart: whatever was done to one, in whatever order, taken back it is as it was."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from agent.guard.undo import undo
from tests.safety.test_undo import Hand
from tools.change import Change, HelmRelease, HelmRollback, HelmUninstall, Proposal
from tools.context import Context
from tools.errors import NeedsAnswer, Refused
from tools.helm import charts, store
from tools.helm.changes import helm_install, helm_rollback, helm_uninstall

CONFIG = """
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}, labels: {{ toJson .Values.labels }}}
data: {{ toJson .Values.data }}
{{- if .Values.login }}
---
apiVersion: v1
kind: Secret
metadata: {name: {{ .Release.Name }}-login}
stringData: {password: {{ .Values.login | quote }}}
{{- end }}
"""
_NUMBER = count()
WORD = st.from_regex(r"[a-z]{1,5}", fullmatch=True)
VALUES = st.fixed_dictionaries({
    "data": st.dictionaries(WORD, WORD, max_size=3), "labels": st.dictionaries(WORD, WORD, max_size=2),
    "login": st.sampled_from(["", "q7Rk2mX9vLpT4wZs", "another-Password-1"]),
})  # fmt: skip


@pytest.fixture
def hand(ctx: Context, tmp_path: Path) -> Hand:
    chart = tmp_path / "tiny"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: tiny\nversion: 0.1.0\n")
    (chart / "values.yaml").write_text(yaml.safe_dump({"data": {}, "labels": {}, "login": ""}))
    (chart / "templates/all.yaml").write_text(CONFIG)
    return Hand(ctx)


def state(hand: Hand, release: str) -> Any:
    """What the release has put into the cluster, and the values that it holds."""
    history = store.history(hand.ctx, release, hand.ctx.namespace or "")
    if not history:
        return None
    login = hand.live("secret", f"{release}-login")["data"] if hand.there("secret", f"{release}-login") else None
    made = hand.live("configmap", release)
    labels = {key: value for key, value in made["metadata"].get("labels", {}).items() if "/" not in key}
    return made.get("data"), labels, login, history[-1].values


def install(hand: Hand, release: str, values: dict[str, Any]) -> Change:
    return _only(helm_install(hand.ctx, release=release, chart="tiny", values=values))


def upgrade(hand: Hand, release: str, values: dict[str, Any]) -> Change:
    found = charts.pin("tiny", hand.ctx.workspace.root, hand.ctx.helm.charts)
    return HelmRelease(
        summary=f"upgrade {release}", action="upgrade", release=release, namespace=hand.ctx.namespace or "",
        chart="tiny", values=values, chart_digest=found.digest,
    )  # fmt: skip


def uninstall(hand: Hand, release: str) -> Change:
    return _only(helm_uninstall(hand.ctx, release=release))


def _only(proposal: Any) -> Change:
    (change,) = proposal.changes
    return change


def test_installed_upgraded_uninstalled_and_back(hand: Hand):
    hand.do(install(hand, "tiny", {"data": {"a": "1"}, "login": "q7Rk2mX9vLpT4wZs"}))
    first = state(hand, "tiny")
    hand.do(upgrade(hand, "tiny", {"data": {"a": "2"}, "labels": {"x": "y"}}))
    second = state(hand, "tiny")
    (back,) = undo(hand.ctx).changes
    assert isinstance(back, HelmRollback)
    hand.undo()
    assert state(hand, "tiny") == first
    hand.undo(redo=True)
    assert state(hand, "tiny") == second
    hand.do(uninstall(hand, "tiny"))
    hand.undo()
    assert state(hand, "tiny") == second


def test_a_release_that_others_changed_since_is_a_question(hand: Hand):
    hand.do(install(hand, "tiny", {"data": {"a": "1"}}))
    plan = hand.do(upgrade(hand, "tiny", {"data": {"a": "2"}}))
    hand.do(_only(helm_rollback(hand.ctx, release="tiny", revision=1)))
    with pytest.raises(NeedsAnswer, match="somebody else since"):
        undo(hand.ctx, plan=plan.id)
    with pytest.raises(Refused, match="left as it is"):
        undo(hand.ctx, plan=plan.id, others="keep")
    assert isinstance(_only(undo(hand.ctx, plan=plan.id, others="overwrite")), HelmRollback)
    (all_of_it,) = undo(hand.ctx, last=3).changes
    assert isinstance(all_of_it, HelmUninstall)


def _random(hand: Hand, data: st.DataObject) -> None:
    release = f"r{next(_NUMBER)}"
    if data.draw(st.booleans(), label="there before"):
        hand.do(install(hand, release, data.draw(VALUES)))
    was, done = state(hand, release), 0
    for _ in range(data.draw(st.integers(1, 3), label="steps")):
        there = state(hand, release) is not None
        what = data.draw(st.sampled_from(["upgrade", "uninstall", "roll back"] if there else ["install"]))
        if what == "uninstall" and done and was is not None:
            continue  # the revisions before go with it, which is told
        change = _step(hand, release, what, data)
        if change and not hand.plan(Proposal(changes=(change,))).steps[0].preview.noop:
            hand.do(change)
            done += 1
    if done:
        hand.yes(undo(hand.ctx, last=done))
    assert state(hand, release) == was


def _step(hand: Hand, release: str, what: str, data: st.DataObject) -> Change | None:
    if what == "install":
        return install(hand, release, data.draw(VALUES))
    if what == "upgrade":
        return upgrade(hand, release, data.draw(VALUES))
    if what == "uninstall":
        return uninstall(hand, release)
    if len(store.history(hand.ctx, release, hand.ctx.namespace or "")) < 2:
        return None
    return _only(helm_rollback(hand.ctx, release=release, revision=1))


@pytest.mark.long
@pytest.mark.timeout(0)
@settings(
    max_examples=20, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate), print_blob=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(data=st.data())
def test_whatever_was_done_to_a_release_goes_back(hand: Hand, data: st.DataObject) -> None:
    _random(hand, data)

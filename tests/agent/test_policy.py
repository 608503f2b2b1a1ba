"""Policy as a person meets it: files, modes, standing grants, denied and expired plans. Files of a workspace serve as
what is changed, so that no cluster is needed; a handful of tests use a real one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from agent.events import Answered, Errored, Event, Noticed, PlanProposed
from agent.guard.guard import Guard
from agent.guard.plan import Plan
from agent.guard.policy.judge import own_file
from agent.guard.policy.modes import Mode, tools_in
from agent.guard.policy.ruling import Decision
from agent.guard.policy.standing import everywhere, revoke
from agent.guard.undo import journal_of
from agent.session import TOOLS, Session
from agent.settings import Settings, config_file
from agent.store.sqlite import Store
from tests.agent.scripted import ScriptedMind, calling
from tests.agent.terminal import Terminal
from tests.conftest import CLUSTER_CONTEXT
from tools.catalog import Effect, Tool
from tools.change import Proposal, WriteFile
from tools.context import Context
from tools.errors import BadRequest, Refused

SHIPMATE = str(Path(sys.executable).with_name("shipmate"))
WEB = (Path(__file__).parent / "web.yaml").read_text()


@pytest.fixture
def here(tmp_path: Path) -> Context:
    """A workspace, and no cluster."""
    root = tmp_path / "work"
    root.mkdir()
    return Context(root=root, state=tmp_path / "state" / "shipmate", kubeconfig=str(tmp_path / "none"))


def policy(text: str) -> Path:
    """Make this the person's own policy."""
    own_file().parent.mkdir(parents=True, exist_ok=True)
    own_file().write_text(text)
    return own_file()


def guard_of(ctx: Context, mode: Mode = Mode.ASK) -> Guard:
    return Guard(ctx, journal_of(ctx), Store(ctx.state / "shipmate.db"), mode)


def plan_of(guard: Guard, *paths: str) -> Plan:
    """A plan that writes these files."""
    changes = tuple(WriteFile(summary=f"write {path}", path=path, content="text\n") for path in paths)
    work = guard.propose(Proposal(changes=changes), "write", "write")
    return ended(work)


def ended(work: Iterator[Event]) -> Plan:
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


def apply_plan(guard: Guard, plan: Plan, **how: str) -> bool:
    grant = guard.approve(plan, plan.digest, "tester", "yes", **how)
    return bool(ended(guard.carry_out(plan, grant)))


def shipmate(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SHIPMATE, *words],
        capture_output=True,
        text=True,
        env={**os.environ, **env},
        check=False,
        timeout=120,
        stdin=-3,
    )


# --- modes -----------------------------------------------------------------------------------------------------------


def done_in(ctx: Context, mode: Mode, path: str) -> set[str]:
    """What is possible in a mode with one file: to propose, to approve, and without a question."""
    guard, found = guard_of(ctx, mode), set[str]()
    try:
        plan = plan_of(guard, path)
    except Refused:
        return found
    found.add("propose")
    if guard.cover(plan):
        found.add("unasked")
    try:
        guard.approve(plan, plan.digest, "tester", "yes", typed=plan.confirm)
        found.add("approve")
    except Refused:
        pass
    return found


@pytest.mark.parametrize("rules", ["rules: []", "rules: [{allow: {}}]", "rules: [{deny: {path: '*.md'}}, {allow: {}}]"])
@pytest.mark.parametrize("path", ["a.txt", "a.md", ".hidden", "shipmate-policy.yaml"])
def test_a_mode_never_does_more_than_a_further_one(here: Context, rules: str, path: str) -> None:
    policy(rules)
    steps = [done_in(here, mode, path) for mode in Mode]
    for weaker, further in pairwise(steps):
        assert weaker <= further
    tools = [{tool.name for tool in tools_in(mode, TOOLS)} for mode in Mode]
    for weaker, further in pairwise(tools):
        assert weaker <= further


def test_auto_does_what_a_rule_allows_and_nothing_else(here: Context) -> None:
    policy("rules:\n  - allow: {verb: write-file, path: 'notes/*'}\n")
    guard = guard_of(here, Mode.AUTO)
    allowed, mixed, other = plan_of(guard, "notes/a"), plan_of(guard, "notes/b", "c"), plan_of(guard, "d")
    assert guard.cover(allowed) == (f"rule {own_file()}:2",)
    assert not guard.cover(mixed)
    for plan in (mixed, other):
        with pytest.raises(Refused, match="waits for a yes"):
            guard.approve_unasked(plan)
    grant = guard.approve_unasked(allowed)
    assert ended(guard.carry_out(allowed, grant)) is True
    assert (here.root / "notes/a").read_text() == "text\n"
    approved = next(record for record in guard.journal.records() if record["type"] == "approved")
    assert approved["data"]["grant"]["standing"] == [f"rule {own_file()}:2"]


def test_in_ask_mode_what_is_allowed_still_waits(here: Context) -> None:
    policy("rules: [{allow: {}}]")
    guard = guard_of(here)
    plan = plan_of(guard, "a")
    assert plan.ruling.decision is Decision.ALLOW
    with pytest.raises(Refused, match="waits for a yes"):
        guard.approve_unasked(plan)
    assert apply_plan(guard, plan)


def test_without_a_policy_auto_asks_about_everything(here: Context) -> None:
    guard = guard_of(here, Mode.AUTO)
    assert not guard.cover(plan_of(guard, "a"))


def test_a_workspace_cannot_permit_for_itself(here: Context) -> None:
    (here.root / "shipmate-policy.yaml").write_text("rules: [{allow: {}}]")
    guard = guard_of(here, Mode.AUTO)
    assert not guard.cover(plan_of(guard, "a"))
    policy("rules: [{allow: {}}]")
    assert guard.cover(plan_of(guard, "a"))


@pytest.mark.parametrize(
    ("file", "environment", "flag", "mode"),
    [
        ("read-only", "ask", "auto", Mode.READ_ONLY),
        ("auto", "dry-run", "ask", Mode.DRY_RUN),
        ("auto", "auto", "ask", Mode.ASK),
        ("ask", "", "auto", Mode.ASK),
        ("", "", "auto", Mode.AUTO),
        ("", "", "", Mode.ASK),
    ],
)
def test_each_layer_only_lowers_the_mode(
    monkeypatch: pytest.MonkeyPatch, file: str, environment: str, flag: str, mode: Mode
) -> None:
    if file:
        config_file().parent.mkdir(parents=True)
        config_file().write_text(f'mode = "{file}"')
    if environment:
        monkeypatch.setenv("SHIPMATE_MODE", environment)
    assert Settings.load(mode=flag or None).mode is mode


def test_all_files_that_are_named_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHIPMATE_POLICY", str(tmp_path / "a"))
    assert Settings.load(policy=str(tmp_path / "b")).policy == (tmp_path / "a", tmp_path / "b")


# --- denied, confirmed, expired --------------------------------------------------------------------------------------


def test_a_denied_plan_names_its_rule_and_can_never_be_approved(here: Context) -> None:
    file = policy("rules:\n  - deny: {path: '*.lock'}\n    reason: tools write these\n")
    guard = guard_of(here)
    plan = plan_of(guard, "a.lock")
    for _ in range(2):
        with pytest.raises(Refused, match=f"{file}:2: tools write these"):
            guard.approve(plan, plan.digest, "tester", "yes")
        file.unlink(missing_ok=True)  # what was denied stays so
    assert not (here.root / "a.lock").exists()
    assert [record["type"] for record in guard.journal.records()] == ["proposed", "refused"]


def test_one_denied_step_denies_the_plan(here: Context) -> None:
    policy("rules: [{deny: {path: b}}, {allow: {}}]")
    guard = guard_of(here, Mode.AUTO)
    plan = plan_of(guard, "a", "b")
    assert plan.ruling.decision is Decision.DENY
    with pytest.raises(Refused):
        guard.approve(plan, plan.digest, "tester", "yes")
    assert not (here.root / "a").exists()


def test_a_rule_can_want_the_name(here: Context) -> None:
    policy("rules: [{confirm: {path: 'deploy/*'}}]")
    guard = guard_of(here)
    plan = plan_of(guard, "deploy/prod.txt")
    assert plan.confirm == "prod.txt"
    with pytest.raises(Refused, match="name typed"):
        guard.approve(plan, plan.digest, "tester", "yes")
    assert apply_plan(guard, plan, typed="prod.txt")


def test_every_name_has_to_be_typed(here: Context) -> None:
    policy("rules: [{confirm: {path: 'deploy/*'}}, {allow: {}}]")
    guard = guard_of(here)
    plan = plan_of(guard, "deploy/a", "b", "deploy/c")
    assert plan.confirm == "a,c"
    with pytest.raises(Refused, match="name typed"):
        guard.approve(plan, plan.digest, "tester", "yes", typed="a")


def test_a_policy_in_force_is_not_changed_by_a_yes_alone(here: Context) -> None:
    (here.root / "ours").mkdir()
    (here.root / "ours" / "rules.yaml").write_text("rules: [{allow: {}}]")
    files = (here.root / "ours" / "rules.yaml",)
    guard = Guard(here, journal_of(here), Store(here.state / "shipmate.db"), Mode.AUTO, files)
    assert guard.cover(plan_of(guard, "ours/other.yaml"))
    assert plan_of(guard, "ours/rules.yaml").confirm == "rules.yaml"


@pytest.mark.parametrize("rule", ["{deny: {}}", "{confirm: {}}"])
def test_a_policy_that_became_stricter_holds_for_waiting_plans(here: Context, rule: str) -> None:
    guard = guard_of(here)
    plan = plan_of(guard, "a")
    policy(f"rules: [{rule}]")
    with pytest.raises(Refused, match=r"stricter|denied"):
        guard.approve(plan, plan.digest, "tester", "yes")
    assert not (here.root / "a").exists()


def test_a_decision_is_part_of_what_is_approved(here: Context) -> None:
    policy("rules: [{confirm: {}}]")
    guard = guard_of(here)
    plan = plan_of(guard, "a")
    forged = plan.model_copy(update={"confirm": "", "steps": tuple(
        step.model_copy(update={"ruling": step.ruling.model_copy(update={"decision": Decision.ALLOW})})
        for step in plan.steps)})  # fmt: skip
    with pytest.raises(Refused, match="another plan"):
        guard.approve(forged, forged.digest, "tester", "yes")


@pytest.mark.parametrize("hours", [25, -1])
def test_a_plan_waits_for_a_day_and_comes_from_the_past(here: Context, hours: int) -> None:
    guard = guard_of(here)
    plan = plan_of(guard, "a")
    moved = plan.model_copy(update={"created": datetime.now(UTC) - timedelta(hours=hours)}).sealed(here.vault.key)
    guard.store.save_plan(moved)
    with pytest.raises(Refused, match=r"expired|to come"):
        guard.approve(moved, moved.digest, "tester", "yes")
    with pytest.raises(Refused, match="another plan"):
        guard.approve(moved.model_copy(update={"created": plan.created}), moved.digest, "tester", "yes")
    assert not (here.root / "a").exists()


def test_a_used_approval_says_what_became_of_it(here: Context) -> None:
    guard = guard_of(here)
    plan = plan_of(guard, "a")
    apply_plan(guard, plan)
    with pytest.raises(Refused, match=r"decided already \(applied\)"):
        guard.approve(plan, plan.digest, "tester", "yes")


def test_a_rule_can_roll_back_by_itself(here: Context) -> None:
    policy("rules: [{ask: {}, on-unhealthy: roll-back}]")
    assert plan_of(guard_of(here), "a").on_failure == "roll-back"


# --- broken files ----------------------------------------------------------------------------------------------------

BROKEN = "rules:\n  - allow: {verb: scael}\n"


def test_a_broken_file_stops_changes_and_not_reads(here: Context) -> None:
    file = policy(BROKEN)
    session = Session(here, ScriptedMind(calling("list_components"), calling("list_components")))
    events = list(session.send("what is here?"))
    notice = next(event for event in events if isinstance(event, Noticed))
    assert f"{file} is wrong in line 2" in notice.text
    assert not any(isinstance(event, Errored) for event in events)
    assert not any(isinstance(event, Noticed) for event in session.send("and now?")), "it is told once"
    with pytest.raises(BadRequest, match="allowed: 'create', 'update'"):
        plan_of(guard_of(here), "a")


def test_a_file_that_breaks_later_stops_waiting_plans(here: Context) -> None:
    guard = guard_of(here)
    plan = plan_of(guard, "a")
    (here.root / "shipmate-policy.yaml").write_text(BROKEN)
    with pytest.raises(BadRequest, match="line 2"):
        guard.approve(plan, plan.digest, "tester", "yes")


@pytest.mark.parametrize("how", ["missing", "folder", "huge", "open to all", "binary", "dangling"])
def test_files_that_cannot_be_relied_on(here: Context, tmp_path: Path, how: str) -> None:
    path = tmp_path / "p.yaml"
    match how:
        case "folder":
            path.mkdir()
        case "huge":
            path.write_text("rules: []\n" + "#" * 300_000)
        case "open to all":
            path.write_text("rules: []\n")
            path.chmod(0o666)
        case "binary":
            path.write_bytes(b"\xff\xfe\x00")
        case "dangling":
            path.symlink_to(tmp_path / "nowhere")
        case _:
            pass
    guard = Guard(here, journal_of(here), Store(here.state / "shipmate.db"), Mode.ASK, (path,))
    with pytest.raises(BadRequest, match=r"p\.yaml"):
        plan_of(guard, "a")


def test_nothing_of_yaml_is_imported_without_a_policy(here: Context) -> None:
    code = (
        "import sys; from pathlib import Path; from agent.guard.policy.judge import Judge; import agent.guard.guard; "
        f"assert Judge(Path({str(here.root)!r})).sources() == (); sys.exit('yaml' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# --- reads that a policy takes away ----------------------------------------------------------------------------------


def test_a_tool_can_be_taken_away(here: Context) -> None:
    policy("rules: [{deny: {effect: read, tool: 'l*'}, reason: not here}]")
    mind = ScriptedMind(calling("list_components"))
    list(Session(here, mind).send("what is here?"))
    (returned,) = next(turn.returned for turn in mind.seen[-1].turns if turn.returned)
    assert "not here" in returned.error


@pytest.mark.parametrize("effect", [Effect.REVEAL, Effect.REACH])
def test_a_mind_cannot_reveal_or_reach_unless_a_rule_allows_it(here: Context, effect: Effect) -> None:
    guard, tool = guard_of(here), Tool("some", effect, "x:y")
    with pytest.raises(Refused, match="needs a yes"):
        guard.check_call(tool)
    policy("rules: [{allow: {effect: [reveal, reach]}}]")
    if effect is Effect.REACH:
        guard.check_call(tool)
    else:
        with pytest.raises(Refused, match="floor"):
            guard.check_call(tool)


# --- standing grants -------------------------------------------------------------------------------------------------


def standing(guard: Guard, path: str = "a") -> str:
    plan = plan_of(guard, path)
    apply_plan(guard, plan)
    (given,) = guard.stand(plan, "tester")
    (guard.ctx.root / path).unlink()
    return given.id


def test_a_standing_grant_covers_the_same_and_is_named_in_the_journal(here: Context) -> None:
    guard = guard_of(here)
    given = standing(guard)
    assert not guard.cover(plan_of(guard, "b"))
    assert not guard.cover(plan_of(guard, "a", "b"))
    again = plan_of(guard, "a")
    assert guard.cover(again) == (f"standing grant {given}",)
    assert ended(guard.carry_out(again, guard.approve_unasked(again))) is True
    types = [record["type"] for record in guard.journal.records()]
    assert "granted" in types
    last = [record for record in guard.journal.records() if record["type"] == "approved"][-1]
    assert last["data"]["grant"]["standing"] == [f"standing grant {given}"]


def test_a_standing_grant_is_of_one_session(here: Context) -> None:
    standing(guard_of(here))
    other = guard_of(here)
    assert not other.cover(plan_of(other, "a"))


@pytest.mark.parametrize("rules", ["{confirm: {}}", "{deny: {}}"])
def test_a_rule_that_is_stricter_ends_what_stood(here: Context, rules: str) -> None:
    guard = guard_of(here)
    standing(guard)
    policy(f"rules: [{rules}]")
    plan = plan_of(guard, "a")
    assert not guard.cover(plan)
    with pytest.raises(Refused, match="each time"):
        guard.stand(plan, "tester")


@pytest.mark.parametrize("path", [".hidden", "shipmate-policy.yaml"])
def test_the_floor_is_asked_each_time(here: Context, path: str) -> None:
    guard = guard_of(here, Mode.AUTO)
    plan = plan_of(guard, path)
    apply_plan(guard, plan, typed=plan.confirm)
    with pytest.raises(Refused, match="floor"):
        guard.stand(plan, "tester")


def test_it_can_be_revoked_here_and_from_elsewhere(here: Context) -> None:
    guard = guard_of(here)
    first, second = standing(guard, "a"), standing(guard, "b")
    assert {grant.id for grant in everywhere(here.state)} == {first, second}
    assert guard.revoke("tester", [first]) == [first]
    assert not guard.cover(plan_of(guard, "a"))
    assert guard.cover(plan_of(guard, "b"))
    assert [grant.id for grant in revoke(here.state, second[:4])] == [second]
    plan = plan_of(guard, "b")
    assert not guard.cover(plan)
    with pytest.raises(Refused, match="waits for a yes"):
        guard.approve_unasked(plan)


def test_it_ends_after_its_time_and_with_the_session(here: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    guard = guard_of(here)
    standing(guard)
    assert guard.standing.active()
    now = datetime.now(UTC)

    class Later(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:
            return now + timedelta(hours=8, seconds=1)

    with monkeypatch.context() as patched:
        patched.setattr("agent.guard.policy.standing.datetime", Later)
        assert not guard.standing.active()
    assert guard.standing.active()
    guard.revoke("the end of the session")
    assert not guard.standing.active()
    assert everywhere(here.state) == []


def test_the_chat_tells_and_revokes_without_asking_a_mind(here: Context) -> None:
    mind = ScriptedMind()
    session = Session(here, mind)
    given = standing(session.guard)

    def said(text: str) -> str:
        return "\n".join(event.text for event in session.send(text) if isinstance(event, Answered))

    assert given in said("what may you do without asking?")
    assert given in said("/grants")
    assert "nothing to revoke" in said("revoke 00000000")
    assert given in said("Revoke")
    assert "every plan waits for a yes" in said("grants")
    assert mind.seen == []
    assert said("revoke the role binding of alice") == "done"


def test_asking_what_is_permitted_keeps_the_plan_that_waits(here: Context) -> None:
    session = Session(here, ScriptedMind())
    session.pending = plan_of(session.guard, "a")
    list(session.send("/grants"))
    assert session.pending
    assert session.store.plan_status(session.pending.id) == "pending"


def test_the_same_in_a_session_is_done_at_once(here: Context) -> None:
    policy("rules: [{allow: {path: 'a'}}]")
    session = Session(here, ScriptedMind(), Mode.AUTO)
    proposal = Proposal(changes=(WriteFile(summary="write a", path="a", content="x"),))
    from agent.loop import propose

    def turn() -> Iterator[Event]:
        session.pending = yield from propose(session.conversation, session.guard, proposal, "write a")
        yield from session._unasked()  # pyright: ignore[reportPrivateUsage]

    events = list(turn())
    assert [event.awaits for event in events if isinstance(event, PlanProposed)] == [False]
    assert session.pending is None
    assert (here.root / "a").read_text() == "x"


# --- the command -----------------------------------------------------------------------------------------------------


def test_examples_in_a_file_are_run(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(
        "rules:\n  - allow: {verb: scale, namespace: 'dev-*'}\n  - deny: {kind: secret}\ntests:\n"
        "  - {verb: scale, kind: deployment, namespace: dev-1, expect: allow}\n"
        "  - {verb: scale, kind: deployment, namespace: kube-system, expect: confirm}\n"
        "  - {verb: update, kind: secret, namespace: dev-1, expect: ask}\n"
    )
    done = shipmate("policy", "test", str(file))
    assert done.returncode == 1
    assert f"{file}:7:" in done.stdout
    assert "2 of 3" in done.stdout
    file.write_text(file.read_text().replace("expect: ask", "expect: deny"))
    assert shipmate("policy", "test", str(file)).returncode == 0


def test_the_example_in_the_readme_is_a_policy(tmp_path: Path) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    (tmp_path / "p.yaml").write_text(readme.partition("### Policy")[2].partition("```yaml")[2].partition("```")[0])
    assert shipmate("policy", "test", str(tmp_path / "p.yaml")).returncode == 0


@pytest.mark.parametrize("words", [("test",), ("test", "nowhere.yaml"), ("why",), ("why", "nope"), ("revoke", "nope")])
def test_wrong_use_of_the_command(words: tuple[str, ...], here: Context) -> None:
    done = shipmate("policy", *words, "--workspace", str(here.root))
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


def test_the_schema_and_what_is_in_force_are_printed(here: Context) -> None:
    assert json.loads(shipmate("policy", "schema").stdout)["title"] == "Shipmate policy"
    policy("rules: [{deny: {kind: secret}, reason: kept elsewhere}]")
    shown = shipmate("policy", "--workspace", str(here.root)).stdout
    assert "kept elsewhere" in shown
    assert "deleting namespaces" in shown


def test_why_names_every_voice(here: Context) -> None:
    policy("rules:\n  - ask: {path: '*'}\n    reason: look first\n")
    plan = plan_of(guard_of(here), ".env", "b")
    shown = shipmate("policy", "why", plan.id).stdout
    assert f"{own_file()}:2: ask, since look first" in shown
    assert "the floor: ask, since it writes a hidden file" in shown


@pytest.mark.cluster
class TestOnACluster:
    def test_a_rule_can_forbid_to_reveal_what_is_in_one_namespace(self, ctx: Context) -> None:
        from agent.guard.reveal import check_may_reveal
        from tools.change import Ref
        from tools.kubernetes.look.reveal import Hidden

        policy(f"rules: [{{deny: {{effect: reveal, namespace: {ctx.namespace}}}}}]")
        guard = guard_of(ctx)
        here = Ref(api_version="v1", kind="Secret", name="db", namespace=ctx.namespace)
        check_may_reveal(guard, Hidden(here.model_copy(update={"namespace": "default"}), "password"))
        with pytest.raises(Refused, match="denied"):
            check_may_reveal(guard, Hidden(here, "password"))

    def ask(self, ctx: Context, *words: str) -> subprocess.CompletedProcess[str]:
        flags = ("--context", CLUSTER_CONTEXT, "-n", str(ctx.namespace), "--workspace", str(ctx.root))
        return shipmate("ask", *flags, *words)

    def replicas(self, ctx: Context) -> int:
        return ctx.cluster.get(f"/apis/apps/v1/namespaces/{ctx.namespace}/deployments/web")["spec"]["replicas"]

    def test_auto_mode_applies_what_is_allowed_and_waits_with_the_rest(
        self, ctx: Context, apply: Callable[[str], None]
    ) -> None:
        apply(WEB)
        policy(f"rules: [{{allow: {{verb: scale, kind: deployment, namespace: {ctx.namespace}}}}}]")
        done = self.ask(ctx, "--mode", "auto", "scale web to 2")
        assert done.returncode == 0, done.stderr
        assert self.replicas(ctx) == 2
        waits = self.ask(ctx, "--mode", "auto", "delete deployment web")
        assert waits.returncode == 10
        assert "shipmate plan approve" in waits.stderr
        flags = ("--context", CLUSTER_CONTEXT, "--mode", "auto")
        assert shipmate("undo", *flags).returncode == 0, "the way back is a scale that the rule allows, too"
        assert self.replicas(ctx) == 1
        assert self.ask(ctx, "scale web to 3").returncode == 0
        assert self.replicas(ctx) == 1, "in ask mode nobody was there to say yes"

    def test_denied_is_eleven_and_names_the_rule(self, ctx: Context, apply: Callable[[str], None]) -> None:
        apply(WEB.replace("name: web}", "name: web, labels: {app: web}}", 1))
        labelled = "{labels: {app: web}}"
        file = policy(f"rules:\n  - deny: {labelled}\n    reason: web is frozen\n")
        for more in (("--yes",), ("--yes", "--mode", "auto"), ("--yes", "-o", "json")):
            done = self.ask(ctx, *more, "scale web to 2")
            assert done.returncode == 11, done.stdout
            assert f"{file}:2: web is frozen" in done.stdout
        assert self.replicas(ctx) == 1

    def test_a_broken_policy_is_two_and_reads_go_on(self, ctx: Context, apply: Callable[[str], None]) -> None:
        apply(WEB)
        (ctx.root / "shipmate-policy.yaml").write_text(BROKEN)
        done = self.ask(ctx, "--yes", "scale web to 2")
        assert done.returncode == 2
        assert "line 2" in done.stderr
        assert self.ask(ctx, "list deployments").returncode == 0
        assert self.replicas(ctx) == 1

    def test_always_covers_the_same_and_nothing_else(
        self, ctx: Context, apply: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        apply(WEB)
        monkeypatch.chdir(ctx.root)
        with Terminal(SHIPMATE, "--context", CLUSTER_CONTEXT, "-n", str(ctx.namespace)) as chat:
            chat.say("scale web to 2")
            chat.see("Apply it? [y/n/always")
            chat.say("a")
            chat.see("From now on without a question: scale deployment")
            chat.see("›")
            chat.say("scale web to 3")
            chat.see("Applied without a question, by standing grant")
            chat.see("3 of 3 replicas ready")
            chat.see("›")
            chat.say("restart web")
            chat.see("Apply it?")
            chat.say("n")
            chat.see("›")
            chat.say("revoke")
            chat.see("Revoked")
            chat.see("›")
            chat.say("scale web to 1")
            chat.see("Apply it?")
            chat.say("n")
            assert chat.leave() == 0
        assert self.replicas(ctx) == 3
        assert everywhere(ctx.state) == []

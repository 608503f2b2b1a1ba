"""Lists of objects: of which kind, which of them, in which order."""

from __future__ import annotations

import re
from typing import Any

from agent.minds.planner.calls import questions
from agent.minds.planner.calls.looking import each_object, itself, plural, scope_of
from agent.minds.planner.meaning import Step, Unknown
from agent.minds.planner.reading.clause import Clause
from agent.minds.planner.reading.facts import WORKLOADS
from agent.minds.planner.reading.lexicon import lexicon
from agent.minds.planner.reading.names import Spoken
from agent.minds.planner.reading.subjects import Built, remembered, where
from agent.minds.planner.talk.says import say

_RULE = re.compile(
    r"\b(?:without|whose|more than|less than|fewer than|at least|(?:with|have|has|having) no|not using|older than"
    r"|younger than)\b [\w ]*",
    re.IGNORECASE,
)
_SORTS = {"oldest": "-age", "newest": "age", "creation": "age", "created": "age"}


def listing(clause: Clause, spoken: Spoken) -> Built:
    found = list(dict.fromkeys(word.kind for word in clause.kinds))
    if len(found) > 1 and "namespace" in found:
        found.remove("namespace")
    if "node" in found and any(t.known and t.kind in ("", *WORKLOADS) for t in spoken.targets):
        return questions.placement(clause, spoken)
    if clause.parts.images and set(found) & {*WORKLOADS, "pod"}:
        return questions.running_images(clause, spoken)
    if len(found) > 1 and re.search(r"\b(?:uses?|using|used|mounts?|mounting|references?)\b", clause.text.lower()):
        return questions.users(clause, spoken)
    if _asks_for_contents(clause, spoken, found):
        return each_object(clause, spoken, "describe", "describe", questions.about(clause))
    steps: list[Step] = []
    for kind in found:
        step = listing_of(kind, clause, spoken)
        if not isinstance(step, Step):
            return step
        steps.append(step)
    return steps or Unknown("Say what to list, for instance: list pods, or list services in kube-system.")


def _asks_for_contents(clause: Clause, spoken: Spoken, kinds: list[str]) -> bool:
    """ "what does the config map app-config contain?": a fact of one object, not its line in a list."""
    exact = [target for target in spoken.targets if target.known and target.kind == kinds[0]] if kinds else []
    return len(kinds) == 1 and len(exact) == 1 and bool(questions.about(clause)) and not clause.says("count")


def listing_of(kind: str, clause: Clause, spoken: Spoken, ruled: bool = False) -> Step | Unknown:
    """One list; `ruled` when the conditions were read, and cut out of the clause, before."""
    arguments: dict[str, Any] = {"kind": kind, **scope_of(clause, spoken)}
    if kind in lexicon().groups["cluster-wide"]:
        arguments.pop("namespace", None)
    low = clause.text.lower()
    if not ruled and (where_ := questions.condition(clause, kind)):
        arguments["where"] = where_
    elif rule := _RULE.search(clause.text):
        return Unknown(say("no-rule", rule=rule[0].strip()))
    if clause.says("count"):
        arguments["count"] = True
    if clause.says("cluster") and "namespace" not in arguments and kind not in lexicon().groups["cluster-wide"]:
        arguments["all_namespaces"] = True
    if re.search(r"\bwide\b|\bwith (?:their |the )?(?:ips?|nodes?|addresses)\b", low):
        arguments["wide"] = True
    if clause.parts.selector:
        arguments["selector"] = clause.parts.selector
    elif clause.parts.pairs:
        arguments["selector"] = ",".join(f"{key}={value}" for key, value in clause.parts.pairs)
    _sorted(arguments, clause)
    return _of_whom(arguments, kind, clause, spoken)


def _of_whom(arguments: dict[str, Any], kind: str, clause: Clause, spoken: Spoken) -> Step:
    """The list, kept to what the clause names or points back to."""
    named = [target for target in spoken.targets if not target.app and target.kind in ("", kind)]
    if not named and clause.pronoun and kind == "pod":
        named = [target for target in remembered(spoken) if target.kind != "pod"]
    if len(named) != 1:
        return Step("list_objects", arguments, f"list {plural(kind)}{where(arguments)}")
    if kind == "pod" and ("on", named[0].name) in clause.parts.places:
        own = {"all_namespaces": True, "where": f"node={named[0].name}", "wide": True}
        return Step("list_objects", {"kind": kind, **arguments, **own}, f"list pods on node {named[0].name}")
    own = {key: value for key, value in itself(named[0], spoken).items() if key != "kind"}
    if kind == "pod" and questions.pods_of(named[0]):
        own["of"] = own.pop("name")
    arguments |= own if kind not in lexicon().groups["cluster-wide"] else {"name": named[0].name}
    whose = arguments.get("of") or arguments.get("name")
    return Step("list_objects", arguments, f"list {plural(kind)} of {whose}{where(arguments)}")


def _sorted(arguments: dict[str, Any], clause: Clause) -> None:
    if clause.parts.sort:
        arguments["sort_by"] = _SORTS.get(clause.parts.sort, clause.parts.sort)
    elif age := re.search(
        r"\b(oldest|newest|youngest|latest)\b(?: \w+)? ?first|\b(oldest|newest)\b", clause.text.lower()
    ):
        arguments["sort_by"] = "-age" if "oldest" in age[0] else "age"
        plurals = any(sense.form == "s" for word in clause.kinds for sense in word.senses)
        if age[2] and not plurals:
            arguments["limit"] = 1

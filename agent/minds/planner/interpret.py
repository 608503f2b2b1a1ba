"""A sentence in, tool calls out: `interpret` is pure, apart from the look-ups that its facts make."""

from __future__ import annotations

import re
from types import ModuleType
from typing import Any

from agent.minds.planner.calls import fixing, objects, questions, reads, undoing, workloads
from agent.minds.planner.calls.audits import asked
from agent.minds.planner.calls.checks import checks
from agent.minds.planner.calls.declined import beyond, conditional, declined, orders
from agent.minds.planner.drafts.orders import drafted
from agent.minds.planner.drafts.quoting import quoted_commands
from agent.minds.planner.edits.orders import edited
from agent.minds.planner.meaning import NOTHING, Interpretation, Meaning, Memory, Question, Reply, Step, Unknown
from agent.minds.planner.pasted.read import manifest_of, pasted
from agent.minds.planner.reading.clause import Clause
from agent.minds.planner.reading.facts import Facts
from agent.minds.planner.reading.frames import Fit, fitting
from agent.minds.planner.reading.names import Spoken
from agent.minds.planner.reading.split import clauses
from agent.minds.planner.reading.subjects import CHANGEABLE, Built
from agent.minds.planner.reading.text import LONGEST_SENTENCE, clean, garbled, plain
from agent.minds.planner.talk.answering import answer, subject_of
from agent.minds.planner.talk.followup import follow_up
from agent.minds.planner.talk.says import nearest_examples, nearest_things, say
from agent.minds.planner.talk.trouble import about_trouble

_BUILDERS: tuple[ModuleType, ...] = (workloads, objects, fixing, undoing, reads, questions)
_SHELL_MARKS = re.compile(r"&&|\|\||\$[({\w]|`|>>|<\(|\s\|\s|\brm -\w*[rf]")
_TOO_CLOSE = 0.4
_DOUBTFUL = 0.55


def interpret(text: str, facts: Facts, memory: Memory = NOTHING) -> Meaning:
    """What a person's message asks for. Never raises on any text, never guesses at a change."""
    if manifest := manifest_of(text):
        return manifest
    if len(text) > LONGEST_SENTENCE:
        return Unknown(say("too-long", count=f"{len(text):,}"))
    text = clean(text)
    if not text:
        return Unknown(say("empty"))
    if command := pasted(text, facts):
        return command
    if garbled(text):
        return Unknown(say("garbled"))
    if marks := _SHELL_MARKS.search(_unquoted(quoted_commands(text))):
        return Unknown(say("shell-marks", mark=marks[0].strip()))
    if refused := beyond(text):
        return refused
    return _read(plain(text), facts, memory)


def _read(text: str, facts: Facts, memory: Memory) -> Meaning:
    """What a plain sentence asks for: an answer, a question about many objects, or orders."""
    if memory.question and (answered := answer(memory.question, text, facts)):
        return answered
    if trouble := about_trouble(text, memory):
        return trouble
    if listed := asked(text, facts, memory) or checks(text, facts, memory):
        return listed
    found = clauses(text, facts, memory)
    if not found:
        return Unknown(say("empty"))
    if refused := conditional(found):
        return refused
    if follows := follow_up(text, found, facts, memory):
        return follows

    def framed(part: str, told: Memory) -> Meaning:
        return _together(clauses(part, facts, told), facts, told)

    plainly = framed(text, memory)
    if isinstance(plainly, Interpretation) and plainly.confidence == 1 and _PLAIN.match(text):
        return plainly  # one order, read to its last word: other readings need not be tried
    if len(text) > _LONGEST_ORDER:
        return plainly
    meaning = edited(text, facts, memory, framed)
    return drafted(text, facts, meaning, lambda part: edited(part, facts, memory, framed))


_LONGEST_ORDER = 1_500  # characters; reading phrases takes time with the square of the length
_PLAIN = re.compile(
    r"\W*(?:please\s+)?(?:scale|restart|undo|roll\s?back|list|show|get|describe|logs?|status|what|which|how|why|is|are|top"
    r"|cordon|uncordon|uninstall)\b(?!.*(?:\b(?:and|then|but|with)\b|`))",
    re.IGNORECASE | re.DOTALL,
)


def _unquoted(text: str) -> str:
    return re.sub(r"\"[^\"]*\"|'[^']*'", "", text)


def _together(found: list[Clause], facts: Facts, memory: Memory) -> Meaning:
    """All clauses as one interpretation; the first question or refusal among them wins."""
    changing = any(orders(clause) and clause.concept != "want" for clause in found)
    steps: list[Step] = []
    confidence, problems = 1.0, list[Meaning]()
    for clause in found:
        story = clause.mood in ("tell", "ask") if changing and clause.text[-1:] != "?" else False
        meaning = _clause(clause, memory)
        if isinstance(meaning, Interpretation):
            if not story or all(step.change for step in meaning.calls):
                steps += [step for step in meaning.calls if step not in steps]
                confidence = min(confidence, meaning.confidence)
        elif not story and not (clause.empty and len(found) > 1):
            problems.append(meaning)
        memory = _carry(memory, meaning, clause)
    if problems and (changing or not steps):
        return _first_problem(problems, steps)
    if not steps:
        return problems[0] if problems else Unknown(nearest_things(" ".join(clause.text for clause in found)))
    if clash := contradiction(steps):
        return clash
    return Interpretation(tuple(steps), "; ".join(dict.fromkeys(step.reading for step in steps)), confidence)


def _first_problem(problems: list[Meaning], steps: list[Step]) -> Meaning:
    """A question keeps the steps that were clear; a refusal names nothing else, because nothing else happens."""
    for problem in problems:
        if isinstance(problem, Question) and len(problems) == 1 and problem.steps:
            return Question(
                problem.text, problem.options, problem.slot, (*steps, *problem.steps), len(steps) + problem.index
            )
    return problems[0]


def _carry(memory: Memory, meaning: Meaning, clause: Clause) -> Memory:
    """What the next clause's pronouns refer to."""
    if isinstance(meaning, Interpretation) and meaning.calls:
        return Memory(memory.last, subject_of(meaning.calls) or memory.subject, None, memory.plan, memory.fate)
    named = [word.name for word in clause.words if word.name]
    if named:
        return Memory(memory.last, {"name": named[-1]}, None, memory.plan, memory.fate)
    return memory


def _clause(clause: Clause, memory: Memory) -> Meaning:
    clause.memory = memory
    if clause.mood == "never":
        return Reply(say("negated"))
    if refused := declined(clause):
        return refused
    if clause.mood == "help":
        return Reply(say("help"))
    if clause.says("whatdone"):
        return Reply(memory.fate or say("nothing-done"))
    if clause.mood in ("howto", "whatif"):
        return Unknown(say(clause.mood, nearest=nearest_examples(clause.text)))
    spoken = Spoken(clause)
    if clause.mood == "whatchange":
        return _whatchange(clause, spoken)
    fits = fitting(clause, spoken)
    if not fits:
        return _without_frame(clause, spoken)
    built = _build(fits[0], clause, spoken)
    if isinstance(built, Question | Unknown):
        return built
    if clause.sense and clause.sense.section == "light":
        built = _all_settings(built, clause, spoken, fits)
    return _judged(built, clause, fits)


def _all_settings(built: list[Step], clause: Clause, spoken: Spoken, fits: list[Fit]) -> list[Step]:
    """ "set its memory to 512Mi and its image to nginx:1.28": one verb, several settings."""
    evidence = {
        "set_image": clause.parts.images,
        "set_resources": clause.parts.amounts,
        "set_env": clause.parts.settings,
    }
    for fit in fits[1:]:
        if evidence.get(fit.frame.name) and all(step.tool != fit.frame.name for step in built):
            more = _build(fit, clause, spoken)
            built = [*built, *more] if isinstance(more, list) else built
    return built


def _unused(steps: list[Step], clause: Clause) -> str:
    """A value that was recognised but is in no call: it must not be dropped silently."""
    parts, told = clause.parts, str([step.arguments for step in steps])
    numbers = {str(value) for step in steps for value in _leaves(step.arguments)}
    values = [
        *parts.images,
        *(amount.value for amount in parts.amounts),
        *(key for key, _ in parts.pairs),
        *parts.ports,
    ]
    values += [key for key, _ in parts.settings] + ([parts.tag] if parts.tag else []) + parts.charts
    if any(step.tool in ("scale", "delete_objects", "undeploy", "helm_install", "helm_upgrade") for step in steps):
        counted = [str(abs(number)) for number in (parts.count, parts.more) if number is not None]
        if lost := next((number for number in counted if number not in numbers and f"-{number}" not in numbers), ""):
            return lost
    return next((str(value) for value in values if str(value) not in told), "")


def _leaves(value: Any) -> list[Any]:
    """All plain values inside of arguments."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return [value] if inner is None else [leaf for one in inner for leaf in _leaves(one)]


def _build(fit: Fit, clause: Clause, spoken: Spoken) -> Built:
    builder = next(getattr(module, fit.frame.name) for module in _BUILDERS if hasattr(module, fit.frame.name))
    return builder(clause, spoken)


def _judged(steps: list[Step], clause: Clause, fits: list[Fit]) -> Meaning:
    """How sure the reading is. Doubt about a change becomes a question."""
    if not steps:
        return Unknown(nearest_things(clause.text))
    confidence = 1.0
    if any(sense.typo for word in clause.words for sense in word.senses):
        confidence -= 0.1
    change = any(step.change for step in steps)
    left = [word.raw for word in clause.words if word.unknown and not _used(word.text, steps)]
    confidence -= min(0.12 * len(left), 0.5)
    if change and left and (odd := _qualifier(clause, left)):
        return Unknown(say("not-understood-part", part=odd, reading=steps[0].reading))
    if change and (value := _unused(steps, clause)):
        helm = any(step.tool in ("helm_install", "helm_upgrade") for step in steps) and value.isdigit()
        return Unknown(say("unused-chart" if helm else "unused", part=value, reading=steps[0].reading))
    rivals = [fit for fit in fits[1:] if change and fit.frame.change and fits[0].score - fit.score < _TOO_CLOSE]
    if rivals and confidence < 0.8:
        confidence -= 0.2
    note = f" ({'; '.join(clause.notes)})" if clause.notes else ""
    steps = [step.having(step.reading + note) for step in steps]
    reading = "; ".join(step.reading for step in steps)
    if change and confidence < _DOUBTFUL:
        return Question(say("doubt", reading=reading), ("yes", "no"), choices=(tuple(steps), ()))
    return Interpretation(tuple(steps), reading, round(confidence, 2))


def _used(word: str, steps: list[Step]) -> bool:
    return any(word in str(step.arguments).lower() or repr(word) in step.reading for step in steps)


def _qualifier(clause: Clause, left: list[str]) -> str:
    """A part that was not understood and that may qualify the change: it must not be dropped silently."""
    for word in left:
        match = re.search(
            rf"\b((?:with|without|using|via|except|through|like)\s+(?:\w+\s+){{0,3}}?{re.escape(word)})\b",
            clause.text,
            re.I,
        )
        if match:
            return match[1]
    return ""


def _whatchange(clause: Clause, spoken: Spoken) -> Meaning:
    conditional = re.search(r"\bif\b", clause.text.lower())
    if conditional or any(word.in_section("change") and not word.is_a("upgrade", "fix") for word in clause.words):
        return Unknown(say("whatif", nearest=""))
    built = reads.diagnose(clause, spoken)
    return _judged(built, clause, []) if isinstance(built, list) else built


def _without_frame(clause: Clause, spoken: Spoken) -> Meaning:
    """No frame fits: what is asked of something known is its state; a bare name with a number may be an order."""
    known = [target for target in spoken.targets if target.known]
    parts = clause.parts
    number = next((n for n in (parts.to, parts.count, parts.more, parts.percent, parts.factor) if n is not None), None)
    telegraphic = bool(known) and clause.mood == "tell"
    setters = {"set_resources": parts.amounts, "set_image": parts.images, "set_env": parts.settings or parts.pairs}
    setter = next((name for name, found in setters.items() if found), "scale" if number is not None else "")
    if telegraphic and clause.says("memory", "cpu") and not parts.amounts:
        built = reads.top(clause, spoken) if number is None else workloads.set_resources(clause, spoken)
        return _judged(built, clause, []) if isinstance(built, list) else built
    if telegraphic and setter:
        built = getattr(workloads, setter)(clause, spoken)
        if not isinstance(built, list):
            return built
        return Question(say("doubt", reading=built[0].reading), ("yes", "no"), choices=(tuple(built), ()))
    light = clause.sense is not None and clause.sense.section in ("change", "light")
    if (known or (clause.pronoun and clause.memory.subject)) and not light:
        built = reads.look(clause, spoken)
        return _judged(built, clause, []) if isinstance(built, list) else built
    if spoken.namespace and not spoken.targets and not light:  # "what is in staging?"
        built = reads.status(clause, spoken)
        return _judged(built, clause, []) if isinstance(built, list) else built
    if light and known and known[0].kind and known[0].kind not in CHANGEABLE:
        return Unknown(say("change-kind", kind=known[0].kind, name=known[0].name))
    if light and known:
        return Unknown(say("change-what", name=known[0].name))
    return Unknown(nearest_things(clause.text))


_TAKES_AWAY = ("delete_objects", "undeploy", "helm_uninstall")


def contradiction(steps: list[Step]) -> Question | None:
    """Steps that cannot all be meant: something changed and taken away, or one value set twice."""
    for index, first in enumerate(steps):
        for second in steps[index + 1 :]:
            if not (first.change and second.change and _names(first) & _names(second)) or _place(first) != _place(
                second
            ):
                continue
            gone = [step.tool in _TAKES_AWAY for step in (first, second)]
            twice = (
                first.tool == second.tool
                and first.tool in ("scale", "deploy", "set_image", "autoscale", "rollback")
                and first != second
            )
            if (gone[0] != gone[1] and not (gone[0] and second.tool == "deploy")) or twice:
                options = (first.reading, second.reading)
                return Question(
                    say("contradiction", first=options[0], second=options[1]), options, choices=((first,), (second,))
                )
    return None


def _names(step: Step) -> set[str]:
    arguments = step.arguments
    return {str(arguments[key]) for key in ("name", "component", "release") if arguments.get(key)} | set(
        arguments.get("names") or ()
    )


def _place(step: Step) -> str:
    return str(step.arguments.get("namespace") or "")

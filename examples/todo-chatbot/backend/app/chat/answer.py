"""Doing what was understood, and saying what is now true."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from app.chat.dates import say
from app.chat.matching import find
from app.chat.understand import Intent, Kind, understand
from app.models import TITLE_LIMIT, Todo
from app.store import TodoChange, TodoStore

SHOWN = 12
"""How many todos an answer spells out."""

HELP = """You can say, for example:
• add buy milk tomorrow
• what is left? · what is due this weekend? · what is done?
• done with milk · milk is not done
• move milk to friday · rename milk to oat milk
• delete milk · clear done"""

_NOT_UNDERSTOOD = (
    "I did not understand that, so I changed nothing. To add it, say “add {what}”; “help” shows the rest."
)

_TOO_LONG = f"That is {{length}} characters long; a todo can have {TITLE_LIMIT}. Please say it shorter."


@dataclass(frozen=True)
class Answer:
    """What to say, and what kind of request it was."""

    reply: str
    intent: Kind


def answer(message: str, todos: TodoStore, today: date) -> Answer:
    """Understand the message, carry it out, and say so."""
    intent = understand(message, today)
    return Answer(_ACTIONS[intent.kind](intent, todos, today), intent.kind)


def _add(intent: Intent, todos: TodoStore, today: date) -> str:
    if not intent.what:
        when = f" for {say(intent.due, today)}" if intent.due else ""
        return f"What shall I add{when}? For example: “add buy milk tomorrow”."
    if len(intent.what) > TITLE_LIMIT:
        return _TOO_LONG.format(length=len(intent.what))
    todo = todos.add(intent.what, intent.due)
    return f"Added {_quoted(todo)}{f', due {say(intent.due, today)}' if intent.due else ''}."


def _list(intent: Intent, todos: TodoStore, today: date) -> str:
    number_open, number_done = todos.counts()
    if intent.which == "done":
        heading = f"{_count(number_done)} done" if number_done else "Nothing is done yet."
        return _listing(heading, todos.list(done=True), number_done, today)
    chosen = todos.list(done=False)
    if intent.which == "overdue":
        chosen = [todo for todo in chosen if todo.due and todo.due < today]
        heading = f"{_count(len(chosen))} overdue" if chosen else "Nothing is overdue."
        return _listing(heading, chosen, len(chosen), today)
    if intent.which == "due" and intent.due:
        day = intent.due
        chosen = [
            todo for todo in chosen if todo.due == day or (day == today and todo.due and todo.due < day)
        ]
        heading = (
            f"{_count(len(chosen))} due {say(day, today)}" if chosen else f"Nothing is due {say(day, today)}."
        )
        return _listing(heading, chosen, len(chosen), today)
    finished = f", {number_done} done" if number_done and intent.which == "all" else ""
    if not number_open:
        return (
            f"Nothing is left{finished}. Enjoy!"
            if number_done
            else "Your list is empty. Try “add buy milk tomorrow”."
        )
    return _listing(f"{_count(number_open)} left{finished}", chosen, number_open, today)


def _done(intent: Intent, todos: TodoStore, today: date) -> str:
    return _set_done(intent, todos, True)


def _reopen(intent: Intent, todos: TodoStore, today: date) -> str:
    return _set_done(intent, todos, False)


def _set_done(intent: Intent, todos: TodoStore, done: bool) -> str:
    state = "done" if done else "open"
    everything = todos.newest()
    if done and re.fullmatch(r"(?:all|everything)(?: of (?:it|them))?", intent.what, re.IGNORECASE):
        chosen = [todo for todo in everything if not todo.done]
    else:
        chosen_or_question = _choose(
            intent.what, everything, prefer=lambda todo: todo.done is not done, verb=state
        )
        if isinstance(chosen_or_question, str):
            return chosen_or_question
        chosen = chosen_or_question
    if all(todo.done is done for todo in chosen):
        return f"{_names(chosen)} {_is(chosen)} already {state}." if chosen else "Nothing was open."
    changed = [todo for todo in chosen if todos.change(todo.id, {"done": done})]
    number_open, _ = todos.counts()
    left = f"{_count(number_open)} left." if number_open else "Nothing is left. Enjoy!"
    return f"{_names(changed)} {_is(changed)} {'done' if done else 'open again'}. {left}"


def _delete(intent: Intent, todos: TodoStore, today: date) -> str:
    if re.fullmatch(r"(?:all|everything)(?: .*)?", intent.what, re.IGNORECASE):
        return "I don't delete a whole list at once: “clear done” removes what is done, the rest goes singly."
    chosen = _choose(intent.what, todos.newest(), prefer=lambda todo: True, verb="delete")
    if isinstance(chosen, str):
        return chosen
    return f"Deleted {_names([todo for todo in chosen if todos.delete(todo.id)])}."


def _clear(intent: Intent, todos: TodoStore, today: date) -> str:
    number = todos.delete_done()
    return (
        f"Deleted {_count(number)} that {'was' if number == 1 else 'were'} done."
        if number
        else "Nothing is done yet."
    )


def _move(intent: Intent, todos: TodoStore, today: date) -> str:
    return _edit(
        intent, todos, {"due": intent.due}, f"is now due {say(intent.due, today)}" if intent.due else ""
    )


def _rename(intent: Intent, todos: TodoStore, today: date) -> str:
    if not intent.title:
        return "What shall it be called? For example: “rename milk to oat milk”."
    if len(intent.title) > TITLE_LIMIT:
        return _TOO_LONG.format(length=len(intent.title))
    return _edit(intent, todos, {"title": intent.title}, f"is now called “{intent.title}”")


def _edit(intent: Intent, todos: TodoStore, change: TodoChange, outcome: str) -> str:
    chosen = _choose(intent.what, todos.newest(), prefer=lambda todo: not todo.done, verb="change")
    if isinstance(chosen, str):
        return chosen
    before = _names(chosen)
    gone = [todo for todo in chosen if todos.change(todo.id, change) is None]
    return f"{_names(gone)} has just been deleted." if gone else f"{before} {outcome}."


def _choose(
    phrase: str, todos: Sequence[Todo], prefer: Callable[[Todo], bool], verb: str
) -> list[Todo] | str:
    """The todos that are meant, or what to ask unless each part of the phrase is clear."""
    if not phrase:
        return f"Which one shall I {verb}?" if verb in ("delete", "change") else "Which one?"
    whole = _one(phrase, todos, prefer)
    if not isinstance(whole, str):
        return [whole]
    parts = [part for part in re.split(r"\s*,\s*(?:and\s+)?|\s+and\s+", phrase) if part]
    if len(parts) == 1 or find(phrase, todos):
        return whole
    chosen: dict[int, Todo] = {}
    for part in parts:
        one = _one(part, todos, prefer)
        if isinstance(one, str):
            return f"{one} I changed nothing."
        chosen[one.id] = one
    return list(chosen.values())


def _one(phrase: str, todos: Sequence[Todo], prefer: Callable[[Todo], bool]) -> Todo | str:
    found = find(phrase, todos)
    preferred = [todo for todo in found if prefer(todo)] or found
    if not preferred:
        return f"There is no todo like “{phrase}”."
    if len(preferred) == 1:
        return preferred[0]
    listed = ", ".join(f"{_quoted(todo)} (#{todo.id})" for todo in preferred[:5])
    more = f" and {len(preferred) - 5} more" if len(preferred) > 5 else ""
    return f"Which one do you mean: {listed}{more}? You can say its number."


def _greet(intent: Intent, todos: TodoStore, today: date) -> str:
    number_open, _ = todos.counts()
    return (
        f"Hello! {_count(number_open)} left."
        if number_open
        else "Hello! Your list is empty. What is to be done?"
    )


def _listing(heading: str, todos: Sequence[Todo], total: int, today: date) -> str:
    if not todos:
        return heading
    lines = [f"• {todo.title}{_when(todo, today)}" for todo in todos[:SHOWN]]
    more = [f"… and {total - SHOWN} more"] if total > SHOWN else []
    return "\n".join([f"{heading}:", *lines, *more])


def _when(todo: Todo, today: date) -> str:
    if todo.due is None:
        return ""
    overdue = "overdue since " if todo.due < today and not todo.done else ""
    return f" ({overdue}{say(todo.due, today)})"


def _count(number: int) -> str:
    return "1 todo" if number == 1 else f"{number} todos"


def _is(todos: Sequence[Todo]) -> str:
    return "is" if len(todos) == 1 else "are"


def _quoted(todo: Todo) -> str:
    return f"“{todo.title}”"


def _names(todos: Sequence[Todo]) -> str:
    names = [_quoted(todo) for todo in todos[:5]] + ([f"{len(todos) - 5} more"] if len(todos) > 5 else [])
    return (
        " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
        if names
        else "nothing: it was just deleted"
    )


_ACTIONS: dict[Kind, Callable[[Intent, TodoStore, date], str]] = {
    "add": _add,
    "list": _list,
    "done": _done,
    "reopen": _reopen,
    "delete": _delete,
    "clear": _clear,
    "move": _move,
    "rename": _rename,
    "greet": _greet,
    "help": lambda intent, todos, today: HELP,
    "thank": lambda intent, todos, today: "You're welcome.",
    "unknown": lambda intent, todos, today: _NOT_UNDERSTOOD.format(what=intent.what[:60]),
}

"""From a sentence to what is wanted. Pure: looks at nothing but the words."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from app.chat.dates import take_date

Kind = Literal[
    "add", "list", "done", "reopen", "delete", "clear", "move", "rename", "help", "greet", "thank", "unknown"
]
Which = Literal["open", "done", "all", "overdue", "due"]


@dataclass(frozen=True)
class Intent:
    """What is wanted. `what` names a todo or is the title of a new one; `title` is what to rename it to."""

    kind: Kind
    what: str = ""
    due: date | None = None
    title: str = ""
    which: Which = "open"


_VERBS: Mapping[Kind, Sequence[str]] = {
    "add": (
        *(
            "add",
            "create",
            "note",
            "note down",
            "write down",
            "put",
            "insert",
            "schedule",
            "remember",
            "remember to",
        ),
        *("remind me", "remind me to", "remind me about", "new", "todo", "to-do", "task"),
        *(
            "i need",
            "i need to",
            "i have to",
            "i must",
            "i should",
            "i've got to",
            "don't forget",
            "don't forget to",
        ),
    ),
    "done": (
        *("done", "done with", "did", "i did", "i've done", "i have done", "i'm done with", "i am done with"),
        *(
            "finish",
            "finished",
            "finished with",
            "i finished",
            "i've finished",
            "i have finished",
            "i'm finished with",
        ),
        *("complete", "completed", "i completed", "i've completed", "i have completed", "check", "tick"),
        *("check off", "tick off", "cross off", "close"),
    ),
    "reopen": (
        *(
            "reopen",
            "re-open",
            "uncheck",
            "untick",
            "undo",
            "restore",
            "not done",
            "not done with",
            "i'm not done with",
        ),
        *(
            "not finished",
            "not finished with",
            "i'm not finished with",
            "i did not finish",
            "i didn't finish",
        ),
    ),
    "delete": (
        *(
            "delete",
            "remove",
            "drop",
            "forget",
            "forget about",
            "cancel",
            "scrap",
            "erase",
            "discard",
            "get rid of",
        ),
        *("rm", "throw away"),
    ),
    "move": ("move", "postpone", "reschedule", "delay", "shift", "push", "defer", "set", "change"),
    "rename": ("rename", "reword", "replace"),
}
_KIND_OF: Mapping[str, Kind] = {phrase: kind for kind, phrases in _VERBS.items() for phrase in phrases}
_VERB = re.compile(
    rf"({'|'.join(re.escape(phrase) for phrase in sorted(_KIND_OF, key=len, reverse=True))})\b[\s:,]*(.*)",
    re.I,
)

# The same said the other way round: "milk is done", "mark milk as done", "milk is not done yet".
_FINISHED = r"(?:done|finished|completed?)"
_NOT_DONE_STATE = re.compile(
    rf"(?:mark\s+)?(.+?)\s+(?:(?:(?:is|are|as)\s+not|isn't|aren't)\s+(?:yet\s+)?{_FINISHED}(?:\s+yet)?"
    r"|(?:is|are|as)\s+(?:still\s+)?(?:undone|unfinished|open))",
    re.I,
)
_DONE_STATE = re.compile(
    rf"(?:(?:mark|set)\s+)?(.+?)(?:\s*[:,-]\s*|\s+)(?:(?:is|are|as|has been|have been)\s+)?"
    rf"(?:now\s+|already\s+|all\s+)?{_FINISHED}",
    re.I,
)
_CLEAR = re.compile(
    r"(?:clear|clean up|delete|remove|purge)\s+(?:away\s+)?(?:all\s+|everything\s+)?(?:that's\s+|that is\s+)?"
    r"(?:of\s+)?(?:the\s+|my\s+)?(?:done|completed?|finished)(?:\s+(?:ones|todos|tasks|items|things|stuff))?",
    re.I,
)
_TO = re.compile(r"(.+?)\s+(?:to|into|as|with|by)\s+(.+)", re.I)

_THANK = re.compile(r"(?:thanks?|thank you|thx|cheers|great|nice|perfect|cool)(?:[\s,].{0,20})?", re.I)
_GREET = re.compile(r"(?:hi|hello|hey|good (?:morning|afternoon|evening))(?:\s+there)?", re.I)
_HELP = re.compile(
    r"(?:help(?:\s+me)?|\?+|what (?:can|do) you (?:do|understand)|how does this work|commands?)", re.I
)

_ASKS = re.compile(
    r"(?:what(?:'s|s)?|which|how (?:many|much)|anything|any|is there|are there|do i|show|list|"
    r"tell me|give me|see|my|the|all|everything|todos?|to-dos?|tasks?|overdue|open|next|ls)\b",
    re.I,
)
_TOPIC = {
    *(
        "left",
        "remaining",
        "remains",
        "open",
        "pending",
        "next",
        "due",
        "overdue",
        "late",
        "do",
        "still",
        "list",
    ),
    *(
        "todo",
        "todos",
        "to-do",
        "to-dos",
        "task",
        "tasks",
        "items",
        "things",
        "everything",
        "all",
        "agenda",
        "ls",
    ),
    *("done", "finished", "completed", "complete", "show"),
}
_DONE_WORDS = {"done", "finished", "completed", "complete"}
_STILL_OPEN_WORDS = {"left", "still", "open", "remaining", "remains", "pending", "not"}

# These begin like questions: "the milk is done", "everything is done", "todo: call Bob".
_NO_QUESTION = re.compile(
    r"(?:my|the|all|everything|next|open)\b.+?\s(?:is|are|isn't|aren't)\s.+|everything (?:is|'s) .+"
    r"|(?:task|todo|to-do)\s*[:\s]\s*\S.*",
    re.I,
)

_POLITE = re.compile(
    r"(?:(?:hey|ok(?:ay)?|so|please|pls|now|and|then|just|also|can you|could you|would you|will you|"
    r"i(?:'d| would) like (?:you )?to|i want (?:you )?to|let's)[,\s]+)+(?=\S)",
    re.I,
)
_POLITE_END = re.compile(r"[,\s]+(?:please|pls|thanks|thank you|for me)$", re.I)
_ON_LIST = re.compile(
    r"\s+(?:to|on|onto|in|into|from|off)\s+(?:my|the|our)\s+(?:(?:todo|to-do|task|shopping)\s+)?(?:list|todos)\b",
    re.I,
)
_A_TODO = re.compile(
    r"(?:an?\s+(?:new\s+)?(?:todo|to-do|task|item|reminder)\b\s*(?::|(?:to|for|called|about)\s)?|"
    r"(?:new\s+)?(?:todo|to-do|task|item|reminder)\s*(?::|to\s))\s*",
    re.I,
)


def understand(message: str, today: date) -> Intent:
    """What the message asks for; `unknown` rather than a guess."""
    text = " ".join(message.replace("’", "'").split())
    text = text.rstrip(" .!?") or text
    text = _POLITE_END.sub("", text[match.end() :] if (match := _POLITE.match(text)) else text)
    return (
        _talk(text) or _question(text, today) or _order(text, today) or _statement(text, today)
        or Intent("unknown", what=text)
    )  # fmt: skip


def _talk(text: str) -> Intent | None:
    """About the conversation itself."""
    if _HELP.fullmatch(text):
        return Intent("help")
    if _GREET.fullmatch(text):
        return Intent("greet")
    return Intent("thank") if _THANK.fullmatch(text) else None


def _question(text: str, today: date) -> Intent | None:
    """What is on the list: a word that asks, and one that says that it is about the list."""
    words = set(re.findall(r"[\w'-]+", text.lower()))
    due = take_date(text, today)[1]
    if not _ASKS.match(text) or not (due or words & _TOPIC) or "you" in words or _NO_QUESTION.fullmatch(text):
        return None
    if words & {"overdue", "late"}:
        return Intent("list", which="overdue")
    if due:
        return Intent("list", which="due", due=due)
    if words & _DONE_WORDS and not words & _STILL_OPEN_WORDS:
        return Intent("list", which="done")
    return Intent(
        "list", which="all" if words & {"all", "everything"} and not words & _STILL_OPEN_WORDS else "open"
    )


def _order(text: str, today: date) -> Intent | None:
    """A verb first: "add …", "done with …", "delete …"."""
    if _CLEAR.fullmatch(text):
        return Intent("clear")
    match = _VERB.fullmatch(text)
    if match is None:
        return None
    kind, rest = _KIND_OF[match[1].lower()], match[2]
    if kind == "add":
        return _new(rest, today)
    if kind == "move":
        return _move(rest, today) or _statement(text, today) or _rename(rest)
    if kind == "rename":
        return _rename(rest)
    if kind == "done" and (stated := re.fullmatch(r"(.+?)\s+off", rest, re.I)):
        rest = stated[1]
    return Intent(kind, what=_name(rest))


def _statement(text: str, today: date) -> Intent | None:
    """What is to be true: "milk is done", "milk is not done yet", "milk is due friday"."""
    if match := _NOT_DONE_STATE.fullmatch(text):
        return Intent("reopen", what=_name(match[1]))
    if match := _DONE_STATE.fullmatch(text):
        return Intent("done", what=_name(match[1]))
    rest, due = take_date(text, today)
    if due and (match := re.fullmatch(r"(.+?)\s+(?:is|are)(?:\s+now)?", rest, re.I)):
        return Intent("move", what=_name(match[1]), due=due)
    return None


def _new(text: str, today: date) -> Intent:
    bare = _ON_LIST.sub("", text)
    if match := _A_TODO.match(bare):
        bare = bare[match.end() :]
    title, due = take_date(bare, today)
    return Intent("add", what=_unquoted(title), due=due)


def _move(text: str, today: date) -> Intent | None:
    rest, due = take_date(text, today)
    if due is None:
        return None
    return Intent("move", what=_name(re.sub(r"\s+(?:to|till|at)$", "", rest, flags=re.I)), due=due)


def _rename(text: str) -> Intent:
    match = _TO.fullmatch(text)
    if match is None:
        return Intent("rename", what=_name(text))
    return Intent("rename", what=_name(match[1]), title=_unquoted(match[2]))


def _name(text: str) -> str:
    return _unquoted(_ON_LIST.sub("", text))


def _unquoted(text: str) -> str:
    return text.strip().strip("\"'“”‘’«»").strip()

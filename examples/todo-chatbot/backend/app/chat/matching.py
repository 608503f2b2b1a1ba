"""Which todos a phrase means."""

import difflib
import re
from collections.abc import Callable, Iterable, Sequence

from app.models import Todo

_IGNORED = {
    "the",
    "a",
    "an",
    "my",
    "our",
    "that",
    "this",
    "some",
    "todo",
    "task",
    "item",
    "with",
    "to",
    "of",
    "number",
}
_NUMBER = re.compile(r"(?:(?:number|no\.?|nr\.?|todo|task|item)\s*)?#?\s*(\d{1,18})", re.IGNORECASE)


def find(phrase: str, todos: Sequence[Todo]) -> list[Todo]:
    """The best matches, all equally good: by number, title, words, beginnings of words, then typos."""
    if match := _NUMBER.fullmatch(phrase):
        numbered = [todo for todo in todos if todo.id == int(match[1])]
        if numbered:
            return numbered
    exact = [todo for todo in todos if todo.title.casefold() == phrase.casefold()]
    if exact:
        return exact
    wanted = _words(phrase)
    if not wanted:
        return []
    for alike in (_same, _begins, _nearly):
        found = [todo for todo in todos if _has_all(wanted, _words(todo.title), alike)]
        if found:
            return found
    return []


def _words(text: str) -> list[str]:
    return [word for word in re.findall(r"\w+", text.casefold()) if word not in _IGNORED]


def _has_all(wanted: Iterable[str], words: list[str], alike: Callable[[str, str], bool]) -> bool:
    return all(any(alike(one, word) for word in words) for one in wanted)


def _same(wanted: str, word: str) -> bool:
    return wanted == word


def _begins(wanted: str, word: str) -> bool:
    return len(wanted) >= 3 and (word.startswith(wanted) or (len(word) >= 3 and wanted.startswith(word)))


def _nearly(wanted: str, word: str) -> bool:
    return len(wanted) >= 4 and difflib.SequenceMatcher(None, wanted, word).ratio() >= 0.75

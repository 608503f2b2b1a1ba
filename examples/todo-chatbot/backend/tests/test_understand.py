"""What sentences mean. Today is Monday, 23 November 2026."""

from datetime import date

import pytest

from app.chat.dates import say, take_date
from app.chat.understand import Intent, understand

TODAY = date(2026, 11, 23)


@pytest.mark.parametrize(
    ("sentence", "title", "due"),
    [
        ("add buy milk tomorrow", "buy milk", date(2026, 11, 24)),
        ("Please add a task: call Bob by friday at 5pm", "call Bob at 5pm", date(2026, 11, 27)),
        ("remind me to pay the rent on 1 Dec", "pay the rent", date(2026, 12, 1)),
        ("I need to water the plants in three days", "water the plants", date(2026, 11, 26)),
        ("don’t forget to stretch", "stretch", None),
        ("put eggs on the shopping list for saturday", "eggs", date(2026, 11, 28)),
        ("add tomorrow: call the bank", "call the bank", date(2026, 11, 24)),
        ('todo: "read a book" this weekend', "read a book", date(2026, 11, 28)),
        ("add gym tomorrow morning", "gym in the morning", date(2026, 11, 24)),
        ("add sit in the sun", "sit in the sun", None),
        ("add get it done", "get it done", None),
        ("add tomorrow", "", date(2026, 11, 24)),
    ],
)
def test_adding(sentence: str, title: str, due: date | None) -> None:
    assert understand(sentence, TODAY) == Intent("add", what=title, due=due)


@pytest.mark.parametrize(
    ("sentence", "kind", "what"),
    [
        ("done with milk", "done", "milk"),
        ("I'm done with the milk.", "done", "the milk"),
        ("milk is done", "done", "milk"),
        ("mark milk as done please", "done", "milk"),
        ("check milk off", "done", "milk"),
        ("finished the report", "done", "the report"),
        ("milk is not done yet", "reopen", "milk"),
        ("mark milk as not done", "reopen", "milk"),
        ("not done with milk", "reopen", "milk"),
        ("delete milk", "delete", "milk"),
        ("could you remove #3 from my list?", "delete", "#3"),
        ("delete all done tasks", "clear", ""),
        ("clear completed", "clear", ""),
        ("help", "help", ""),
        ("?", "help", ""),
        ("Hi there!", "greet", ""),
        ("thanks!", "thank", ""),
    ],
)
def test_other_requests(sentence: str, kind: str, what: str) -> None:
    intent = understand(sentence, TODAY)
    assert (intent.kind, intent.what) == (kind, what)


@pytest.mark.parametrize(
    ("sentence", "which", "due"),
    [
        ("what is left?", "open", None),
        ("What's on my list?", "open", None),
        ("what do I still have to do", "open", None),
        ("what is not done yet?", "open", None),
        ("list", "open", None),
        ("how many are left?", "open", None),
        ("show everything", "all", None),
        ("what have I done?", "done", None),
        ("anything overdue?", "overdue", None),
        ("what is due tomorrow?", "due", date(2026, 11, 24)),
    ],
)
def test_asking(sentence: str, which: str, due: date | None) -> None:
    assert understand(sentence, TODAY) == Intent("list", which=which, due=due)  # type: ignore[arg-type]


def test_changing_words_and_dates() -> None:
    assert understand("move milk to friday", TODAY) == Intent("move", what="milk", due=date(2026, 11, 27))
    assert understand("milk is due next friday", TODAY) == Intent("move", what="milk", due=date(2026, 12, 4))
    assert understand("change milk to oat milk", TODAY) == Intent("rename", what="milk", title="oat milk")


@pytest.mark.parametrize("sentence", ["buy milk", "what is the weather?", "what do you think", "…", "milk"])
def test_no_guessing(sentence: str) -> None:
    assert understand(sentence, TODAY).kind == "unknown"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("today", TODAY),
        ("tomorow", date(2026, 11, 24)),
        ("the day after tomorrow", date(2026, 11, 25)),
        ("monday", date(2026, 11, 30)),
        ("by wed", date(2026, 11, 25)),
        ("in a week", date(2026, 11, 30)),
        ("2 months from now", date(2027, 1, 23)),
        ("next month", date(2026, 12, 23)),
        ("2026-12-24", date(2026, 12, 24)),
        ("24.12.2026", date(2026, 12, 24)),
        ("December 24th, 2027", date(2027, 12, 24)),
        ("the 5th of may", date(2027, 5, 5)),
        ("29 feb", date(2028, 2, 29)),
    ],
)
def test_dates(words: str, expected: date) -> None:
    assert take_date(f"pay {words}", TODAY) == ("pay", expected)


@pytest.mark.parametrize(
    "text", ["31 february", "2026-13-01", "mayday", "sunny sunday-school", "version 1.2.3"]
)
def test_what_is_no_date_stays_in_the_text(text: str) -> None:
    assert take_date(text, TODAY) == (text, None)


def test_dates_are_said_as_people_do() -> None:
    days = [date(2026, 11, 22), TODAY, date(2026, 11, 27), date(2026, 12, 24), date(2027, 1, 4)]
    assert [say(day, TODAY) for day in days] == [
        "yesterday",
        "today",
        "Friday",
        "24 December",
        "4 January 2027",
    ]

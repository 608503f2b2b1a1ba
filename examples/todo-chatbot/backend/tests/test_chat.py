"""Conversations over HTTP."""

from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient

Say = Callable[[str], str]


def test_a_todo_from_beginning_to_end(client: TestClient, say: Say) -> None:
    assert say("add buy milk tomorrow") == "Added “buy milk”, due tomorrow."
    assert say("what is left?") == "1 todo left:\n• buy milk (tomorrow)"
    assert say("move milk to friday") == "“buy milk” is now due Friday."
    assert say("done with milk") == "“buy milk” is done. Nothing is left. Enjoy!"
    assert say("done with milk") == "“buy milk” is already done."
    assert say("milk is not done") == "“buy milk” is open again. 1 todo left."
    assert say("delete milk") == "Deleted “buy milk”."
    assert client.get("/todos").json() == []


def test_the_answer_carries_the_list_as_it_is_now(client: TestClient) -> None:
    for message in ("add eggs", "add bread today", "done with eggs"):
        answer = client.post("/chat", json={"message": message, "today": "2026-11-23"}).json()
    assert [(todo["title"], todo["done"], todo["due"]) for todo in answer["todos"]] == [
        ("bread", False, "2026-11-23"),
        ("eggs", True, None),
    ]


def test_the_server_has_a_date_of_its_own(client: TestClient) -> None:
    assert client.post("/chat", json={"message": "add milk tomorrow"}).json()["todos"][0]["due"] is not None


def test_an_ambiguous_name_is_asked_about_and_changes_nothing(client: TestClient, say: Say) -> None:
    say("add buy milk")
    say("add milk the cow")
    question = say("delete milk")
    assert question == "Which one do you mean: “milk the cow” (#2), “buy milk” (#1)? You can say its number."
    assert len(client.get("/todos").json()) == 2
    assert say("delete #1") == "Deleted “buy milk”."


def test_open_ones_are_preferred_when_finishing(say: Say) -> None:
    say("add milk")
    say("done with milk")
    say("add milk again")
    assert say("done with milk again").startswith("“milk again” is done")


def test_several_at_once_all_or_nothing(say: Say) -> None:
    say("add milk")
    say("add bread")
    assert say("done with milk and cheese") == "There is no todo like “cheese”. I changed nothing."
    assert say("done with milk and bread") == "“milk” and “bread” are done. Nothing is left. Enjoy!"


def test_typos_and_beginnings_of_words_are_found(say: Say) -> None:
    say("add call the dentist")
    assert say("done with dentits").startswith("“call the dentist” is done")
    say("add Äpfel kaufen")
    assert say("delete äpf") == "Deleted “Äpfel kaufen”."


def test_asking_for_parts_of_the_list(say: Say) -> None:
    say("add pay rent 2026-11-20")
    say("add milk tomorrow")
    say("add bread")
    say("done with bread")
    assert say("anything overdue?") == "1 todo overdue:\n• pay rent (overdue since 20 November)"
    assert say("what is due tomorrow?") == "1 todo due tomorrow:\n• milk (tomorrow)"
    assert say("what is due friday?") == "Nothing is due Friday."
    assert say("what is done?") == "1 todo done:\n• bread"
    assert say("show everything").startswith("2 todos left, 1 done:")
    assert say("clear done") == "Deleted 1 todo that was done."
    assert say("what is done?") == "Nothing is done yet."


def test_everything_can_be_finished_but_not_deleted_at_once(client: TestClient, say: Say) -> None:
    say("add milk")
    say("add bread")
    assert say("delete everything").startswith("I don't delete a whole list at once")
    assert say("everything is done") == "“bread” and “milk” are done. Nothing is left. Enjoy!"
    assert len(client.get("/todos").json()) == 2


@pytest.mark.parametrize(
    "message", ["buy milk", "done with nothing like it", "delete", "move milk", "add", "rename x"]
)
def test_what_is_unclear_changes_nothing(client: TestClient, say: Say, message: str) -> None:
    assert say(message)
    assert client.get("/todos").json() == []


def test_help_and_manners(say: Say) -> None:
    assert "add buy milk tomorrow" in say("help")
    assert say("hello") == "Hello! Your list is empty. What is to be done?"
    assert say("thanks") == "You're welcome."


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"message": ""},
        {"message": "  \n "},
        {"message": "x" * 501},
        {"message": 5},
        {"message": "a\x00b"},
    ],
)
def test_what_cannot_be_a_message_is_refused(client: TestClient, body: dict[str, object]) -> None:
    answer = client.post("/chat", json=body)
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("message: ")

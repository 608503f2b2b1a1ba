"""The list over HTTP."""

import pytest
from fastapi.testclient import TestClient


def test_create_read_change_delete(client: TestClient) -> None:
    answer = client.post("/todos", json={"title": "  buy \n milk ", "due": "2026-11-24"})
    assert answer.status_code == 201
    todo = answer.json()
    assert answer.headers["Location"] == f"/todos/{todo['id']}"
    assert (todo["title"], todo["done"], todo["due"]) == ("buy milk", False, "2026-11-24")

    changed = client.patch(f"/todos/{todo['id']}", json={"done": True, "due": None}).json()
    assert (changed["title"], changed["done"], changed["due"]) == ("buy milk", True, None)
    assert changed["updated_at"] > todo["updated_at"]
    assert client.get(f"/todos/{todo['id']}").json() == changed

    assert client.delete(f"/todos/{todo['id']}").status_code == 204
    for method in (client.get, client.delete):
        missing = method(f"/todos/{todo['id']}")
        assert (missing.status_code, missing.json()["detail"]) == (404, f"There is no todo {todo['id']}.")


def test_order_filter_and_pages(client: TestClient) -> None:
    for title, due in (
        ("later", "2026-12-01"),
        ("undated", None),
        ("sooner", "2026-11-24"),
        ("finished", None),
    ):
        client.post("/todos", json={"title": title, "due": due})
    client.patch("/todos/4", json={"done": True})
    titles = [todo["title"] for todo in client.get("/todos").json()]
    assert titles == ["sooner", "later", "undated", "finished"]
    assert [todo["title"] for todo in client.get("/todos?done=true").json()] == ["finished"]
    page = client.get("/todos?limit=1&offset=1")
    assert [todo["title"] for todo in page.json()] == ["later"]
    assert page.headers["X-Total-Count"] == "4"


def test_numbers_are_not_used_again(client: TestClient) -> None:
    first = client.post("/todos", json={"title": "a"}).json()["id"]
    client.delete(f"/todos/{first}")
    assert client.post("/todos", json={"title": "b"}).json()["id"] > first


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({}, "title: "),
        ({"title": " "}, "title: must not be empty"),
        ({"title": "x" * 201}, "title: "),
        ({"title": "bell\x07"}, "title: must not contain control characters"),
        ({"title": "null\x00"}, "title: must not contain control characters"),
        ({"title": "a", "due": "soon"}, "due: "),
        ({"title": "a", "colour": "red"}, "colour: "),
    ],
)
def test_a_bad_todo_is_refused_with_the_reason(
    client: TestClient, body: dict[str, object], detail: str
) -> None:
    answer = client.post("/todos", json=body)
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(detail)
    assert client.get("/todos").json() == []


@pytest.mark.parametrize("body", [{}, {"title": None}, {"done": None}, {"done": "perhaps"}, {"id": 5}])
def test_a_bad_change_is_refused(client: TestClient, body: dict[str, object]) -> None:
    client.post("/todos", json={"title": "milk"})
    assert client.patch("/todos/1", json=body).status_code == 422
    assert client.get("/todos/1").json()["title"] == "milk"


@pytest.mark.parametrize(
    "path", ["/todos/0", "/todos/-1", "/todos/abc", f"/todos/{2**63}", "/todos?limit=501"]
)
def test_numbers_out_of_range_are_refused(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 422


@pytest.mark.parametrize("body", [b"{", b'{"title": "\\ud800"}', b"\xff\xfe", b"[]", b'"title"'])
def test_what_is_not_a_todo_at_all_is_refused(client: TestClient, body: bytes) -> None:
    answer = client.post("/todos", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)
    assert answer.json()["detail"]


def test_a_huge_body_is_refused(client: TestClient) -> None:
    assert client.post("/todos", json={"title": "x" * 100_000}).status_code == 413


def test_emoji_and_other_alphabets_survive(client: TestClient) -> None:
    title = "👩‍👩‍👧 Молоко 牛乳 حليب"
    assert client.post("/todos", json={"title": title}).json()["title"] == title

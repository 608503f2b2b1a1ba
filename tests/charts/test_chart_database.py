"""Where the todos are kept: PostgreSQL, a file, or elsewhere; and its password."""

import pytest
from rendering import PASSWORD, Rendered, env, render, template

EXTERNAL = ("database.enabled=false", "database.external.url=postgresql://todo:pw@db.example.com/todos")
SQLITE = ("database.engine=sqlite",)


def test_a_password_is_made_up_only_when_nothing_gives_one() -> None:
    def passwords(*settings: str) -> set[str]:
        texts = [template.__wrapped__("database.service.port=5432", *settings) for _ in range(2)]
        return {str(Rendered(text).get("Secret/todo-chatbot-database", {}).get("data")) for text in texts}

    assert len(passwords()) == 2
    assert len(passwords(PASSWORD)) == 1
    assert passwords("database.auth.existingSecret=mine") == {"None"}


def test_the_backend_gets_the_database_of_the_release() -> None:
    chart = render("database.service.port=6543", PASSWORD)
    secret = {"secretKeyRef": {"name": "todo-chatbot-database", "key": "password"}}
    assert env(chart.pod("backend")) == {
        "DATABASE_HOST": "todo-chatbot-database",
        "DATABASE_PORT": "6543",
        "DATABASE_NAME": "todos",
        "DATABASE_USER": "todo",
        "DATABASE_PASSWORD": secret,
    }
    database = env(chart.pod("database"))
    assert database["POSTGRES_PASSWORD"] == secret
    assert database["PGDATA"].startswith("/var/lib/postgresql/data/")
    assert (database["POSTGRES_DB"], database["POSTGRES_USER"]) == ("todos", "todo")


def test_an_existing_secret_is_used_under_its_own_key() -> None:
    chart = render("database.auth.existingSecret=mine", "database.auth.existingSecretKey=pw")
    expected = {"secretKeyRef": {"name": "mine", "key": "pw"}}
    assert env(chart.pod("backend"))["DATABASE_PASSWORD"] == expected
    assert env(chart.pod("database"))["POSTGRES_PASSWORD"] == expected
    assert not chart.kind("Secret")


def test_a_database_outside_the_release() -> None:
    chart = render(*EXTERNAL)
    assert not chart.kind("StatefulSet")
    assert not chart.kind("PersistentVolumeClaim")
    backend = env(chart.pod("backend"))
    assert backend == {"DATABASE_URL": {"secretKeyRef": {"name": "todo-chatbot-database-url", "key": "DATABASE_URL"}}}
    chart = render("database.enabled=false", "database.external.existingSecret=rds")
    backend = env(chart.pod("backend"))
    assert backend == {"DATABASE_URL": {"secretKeyRef": {"name": "rds", "key": "DATABASE_URL"}}}
    assert not chart.kind("Secret")


def test_sqlite_is_a_file_on_the_volume_of_one_backend() -> None:
    chart = render(*SQLITE)
    assert not chart.kind("StatefulSet")
    assert chart.kind("Service") == ["todo-chatbot-backend", "todo-chatbot-frontend"]
    spec = chart["Deployment/todo-chatbot-backend"]["spec"]
    assert spec["strategy"] == {"type": "Recreate"}
    assert env(spec["template"]) == {"DATABASE_URL": "sqlite:////data/todos.db"}
    assert {"name": "data", "mountPath": "/data"} in spec["template"]["spec"]["containers"][0]["volumeMounts"]
    claims = {render(*SQLITE).kind("PersistentVolumeClaim")[0], render().kind("PersistentVolumeClaim")[0]}
    assert len(claims) == 2, "one engine must never mount what the other has written"


@pytest.mark.parametrize("settings", [(PASSWORD,), SQLITE])
def test_the_volume_outlives_the_release(settings: tuple[str, ...]) -> None:
    chart = render(*settings, "database.persistence.size=3Gi", "database.persistence.storageClass=fast")
    (name,) = chart.kind("PersistentVolumeClaim")
    claim = chart[f"PersistentVolumeClaim/{name}"]
    assert claim["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    assert claim["spec"]["resources"] == {"requests": {"storage": "3Gi"}}
    assert claim["spec"]["storageClassName"] == "fast"


def test_new_credentials_restart_the_backend_and_can_not_be_guessed_from_what_a_pod_shows() -> None:
    def annotations(*settings: str) -> dict[str, str]:
        return render(*settings).pod("backend")["metadata"]["annotations"]

    one, two = annotations(PASSWORD), annotations("database.auth.password=other-password")
    assert one["checksum/credentials"] != two["checksum/credentials"]
    assert one["prometheus.io/port"] == "8000"
    assert "checksum/credentials" not in annotations("database.auth.existingSecret=mine")
    elsewhere = render(PASSWORD, namespace="elsewhere").pod("backend")["metadata"]["annotations"]
    assert elsewhere["checksum/credentials"] != one["checksum/credentials"], "salted"

"""Values that the chart refuses, and that it says why."""

import pytest
from rendering import PASSWORD, Refused, render

SQLITE_ONCE = "set backend.replicaCount=1 and backend.autoscaling.enabled=false, or choose database.engine=postgres"


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (("database.engine=sqlite", "backend.replicaCount=2"), SQLITE_ONCE),
        (("database.engine=sqlite", "backend.autoscaling.enabled=true"), SQLITE_ONCE),
        (("database.enabled=false",), "point database.external.url or database.external.existingSecret"),
        (
            (
                "database.enabled=false",
                "database.external.url=sqlite:///x",
                "database.external.existingSecret=s",
            ),
            "exclude each other",
        ),
        ((PASSWORD, "database.auth.existingSecret=s"), "exclude each other"),
        (("backend.env.DATABASE_URL=sqlite:///x",), "use database.external"),
        (("backend.env.DATABASE_PASSWORD=hunter22",), "use database.external"),
        (
            ("backend.autoscaling.enabled=true", "backend.autoscaling.minReplicas=9"),
            "above its maxReplicas (5)",
        ),
        (
            ("frontend.autoscaling.enabled=true", "frontend.resources.requests.cpu=null"),
            "set frontend.resources.requests.cpu",
        ),
    ],
)
def test_values_that_contradict_each_other(settings: tuple[str, ...], reason: str) -> None:
    with pytest.raises(Refused) as refused:
        render(*settings)
    assert reason in str(refused.value)


def test_a_contradiction_in_a_component_that_is_not_installed_is_none() -> None:
    render("database.engine=sqlite", "backend.replicaCount=2", "backend.enabled=false")
    render("database.enabled=false", "backend.enabled=false")


def test_a_release_whose_name_can_not_name_a_service() -> None:
    with pytest.raises(Refused, match="starts with a letter"):
        render(release="2048")
    assert render("fullnameOverride=game", release="2048").kind("StatefulSet") == ["game-database"]
    assert render(release="a.b").kind("StatefulSet") == ["a-b-database"]


@pytest.mark.parametrize(
    ("setting", "where"),
    [
        ("backend.replicaCount=-1", "/backend/replicaCount"),
        ("backend.replicaCount=many", "/backend/replicaCount"),
        ("backend.replicaCount=2.5", "/backend/replicaCount"),
        ("backend.replicacount=2", "'replicacount' not allowed"),
        ("database.replicaCount=2", "'replicaCount' not allowed"),
        ("middleware.enabled=true", "'middleware' not allowed"),
        ("backend.image.tag=15", "/backend/image/tag"),
        ("backend.image.tag=a b", "/backend/image/tag"),
        ("backend.image.digest=sha256:abc", "/backend/image/digest"),
        ("backend.image.repository=Todo", "/backend/image/repository"),
        ("backend.image.pullPolicy=Sometimes", "/backend/image/pullPolicy"),
        ("backend.runAsUser=0", "/backend/runAsUser"),
        ("backend.resources.limits.memory=256mb", "/backend/resources/limits/memory"),
        ("backend.resources.limit.memory=256Mi", "'limit' not allowed"),
        ("backend.service.port=70000", "/backend/service/port"),
        ("backend.service.type=Cluster", "/backend/service/type"),
        ('backend.env:={"a b": "x"}', "/backend/env"),
        ('backend.env:={"A": {"b": "c"}}', "/backend/env/A"),
        ("backend.podAnnotations.on=true", "/backend/podAnnotations/on"),
        ("backend.extraEnvFrom[0].secret=x", "/backend/extraEnvFrom/0"),
        ("backend.autoscaling.minReplicas=0", "/backend/autoscaling/minReplicas"),
        ("backend.enabled=yes", "/backend/enabled"),
        ("database.engine=mysql", "/database/engine"),
        ("database.auth.password=short", "/database/auth/password"),
        ("database.auth.username=todo; drop", "/database/auth/username"),
        ("database.persistence.size=big", "/database/persistence/size"),
        ("database.external.url=db.example.com", "/database/external/url"),
        ("ingress.host=http://todo.example.com/", "/ingress/host"),
        ("ingress.tls=true", "/ingress/tls"),
        ("imagePullSecrets[0]=mine", "/imagePullSecrets/0"),
        ("fullnameOverride=Todo", "/fullnameOverride"),
    ],
)
def test_values_that_make_no_sense_are_named(setting: str, where: str) -> None:
    with pytest.raises(Refused) as refused:
        render(setting)
    assert where in str(refused.value)

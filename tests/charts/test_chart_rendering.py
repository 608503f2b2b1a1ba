"""What the chart makes of its values."""

import json

import pytest
import yaml
from rendering import APP_VERSION, CHART, GIVEN, PASSWORD, env, render, run, template

EVERYTHING = (
    PASSWORD,
    "ingress.enabled=true",
    "frontend.autoscaling.enabled=true",
    "backend.autoscaling.enabled=true",
    "database.podDisruptionBudget.enabled=true",
)
EXTERNAL = ("database.enabled=false", "database.external.url=postgresql://todo:pw@db.example.com/todos")
SQLITE = ("database.engine=sqlite",)
COMBINATIONS = [
    (),
    EVERYTHING,
    EXTERNAL,
    SQLITE,
    ("backend.enabled=false", "database.enabled=false"),
    ("frontend.enabled=false",),
    ("frontend.enabled=false", "backend.enabled=false", PASSWORD),
    ("networkPolicy.enabled=false", "backend.replicaCount=3"),
]


@pytest.mark.parametrize("settings", COMBINATIONS, ids=lambda settings: " ".join(settings) or "defaults")
def test_every_pod_passes_the_restricted_pod_security_standard(settings: tuple[str, ...]) -> None:
    pods = render(*settings).pods()
    assert pods
    for pod in pods.values():
        spec = pod["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] > 0
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False
        assert all(len({"emptyDir", "persistentVolumeClaim"} & volume.keys()) == 1 for volume in spec["volumes"])
        for container in spec["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert container["resources"]["requests"].keys() >= {"cpu", "memory"}
            assert "memory" in container["resources"]["limits"]


@pytest.mark.parametrize("settings", COMBINATIONS, ids=lambda settings: " ".join(settings) or "defaults")
def test_what_refers_to_something_finds_it(settings: tuple[str, ...]) -> None:
    chart = render(*settings)
    for key, pod in chart.pods().items():
        spec = pod["spec"]
        assert f"ServiceAccount/{spec['serviceAccountName']}" in chart, key
        volumes = {volume["name"]: volume for volume in spec["volumes"]}
        for volume in volumes.values():
            if "persistentVolumeClaim" in volume:
                assert f"PersistentVolumeClaim/{volume['persistentVolumeClaim']['claimName']}" in chart
        for container in spec["containers"]:
            assert {mount["name"] for mount in container["volumeMounts"]} == set(volumes)
            for variable in container.get("env", []):
                if source := variable.get("valueFrom"):
                    if source["secretKeyRef"]["name"] == "given":
                        continue
                    secret = chart[f"Secret/{source['secretKeyRef']['name']}"]
                    assert source["secretKeyRef"]["key"] in secret["data"]
    templates = [pod for key, pod in chart.pods().items() if not key.startswith("Pod/")]
    for name in chart.kind("Service"):
        service = chart[f"Service/{name}"]["spec"]
        selected = [p for p in chart.pods().values() if service["selector"].items() <= p["metadata"]["labels"].items()]
        assert len(selected) == 1
        assert selected[0] in templates
        ports = {port["name"] for port in selected[0]["spec"]["containers"][0]["ports"]}
        assert {port["targetPort"] for port in service["ports"]} <= ports
    for kind in ("Deployment", "StatefulSet"):
        for name in chart.kind(kind):
            spec = chart[f"{kind}/{name}"]["spec"]
            assert spec["selector"]["matchLabels"].items() <= spec["template"]["metadata"]["labels"].items()


@pytest.mark.parametrize("settings", COMBINATIONS, ids=lambda settings: " ".join(settings) or "defaults")
def test_rendering_is_repeatable(settings: tuple[str, ...]) -> None:
    if not any(setting.startswith("database.") for setting in settings):
        settings = (GIVEN, *settings)
    assert template.__wrapped__(*settings) == template(*settings)


def test_helm_finds_nothing_to_object_to() -> None:
    for settings in COMBINATIONS:
        arguments = [part for setting in settings for part in ("--set", setting)]
        done = run("lint", "--strict", str(CHART), *arguments)
        assert done.returncode == 0, done.stdout


def test_names_and_labels() -> None:
    chart = render()
    assert chart.kind("Deployment") == ["todo-chatbot-backend", "todo-chatbot-frontend"]
    assert chart.kind("StatefulSet") == ["todo-chatbot-database"]
    labels = chart["Deployment/todo-chatbot-backend"]["metadata"]["labels"]
    assert labels == {
        "app.kubernetes.io/name": "todo-chatbot",
        "app.kubernetes.io/instance": "todo-chatbot",
        "app.kubernetes.io/component": "backend",
        "app.kubernetes.io/version": APP_VERSION,
        "app.kubernetes.io/part-of": "todo-chatbot",
        "app.kubernetes.io/managed-by": "Helm",
        "helm.sh/chart": "todo-chatbot-0.1.0",
    }
    pod = chart.pod("backend")
    assert pod["metadata"]["labels"] == {k: v for k, v in labels.items() if k != "helm.sh/chart"}
    assert chart["StatefulSet/todo-chatbot-database"]["metadata"]["labels"]["app.kubernetes.io/component"] == "database"
    assert render(release="shop").kind("Service") == ["shop-backend", "shop-database", "shop-frontend"]
    assert render("fullnameOverride=todo", release="shop").kind("StatefulSet") == ["todo-database"]


def test_the_longest_release_names_stay_apart_and_short_enough() -> None:
    names = [render(release="a" * 52 + last).kind("StatefulSet")[0] for last in "bc"]
    assert len(set(names)) == 2
    assert all(len(name) <= 52 for name in names), "a revision's hash of 11 characters must fit into the label"


@pytest.mark.parametrize("tag", ["v1.2.3", "_odd-", "x" * 128, "15"])
def test_any_tag_gives_a_valid_version_label(tag: str) -> None:
    chart = render(f'backend.image.tag:="{tag}"')
    version = chart.pod("backend")["metadata"]["labels"]["app.kubernetes.io/version"]
    assert isinstance(version, str)
    assert 0 < len(version) <= 63
    assert version[0].isalnum()
    assert version[-1].isalnum()


@pytest.mark.parametrize(
    ("settings", "image"),
    [
        ((), f"todo-backend:{APP_VERSION}"),
        (("backend.image.tag=dev",), "todo-backend:dev"),
        (
            ("backend.image.registry=localhost:5001", "backend.image.tag=dev"),
            "localhost:5001/todo-backend:dev",
        ),
        (("global.imageRegistry=mirror.example.com/team/",), f"mirror.example.com/team/todo-backend:{APP_VERSION}"),
        (("global.imageRegistry=mirror", "backend.image.registry=own:5000"), f"own:5000/todo-backend:{APP_VERSION}"),
        (
            ("backend.image.tag=dev", f"backend.image.digest=sha256:{'0' * 64}"),
            f"todo-backend@sha256:{'0' * 64}",
        ),
    ],
)
def test_image_references(settings: tuple[str, ...], image: str) -> None:
    chart = render(*settings)
    assert chart.pod("backend")["spec"]["containers"][0]["image"] == image
    assert chart["Pod/todo-chatbot-backend-test"]["spec"]["containers"][0]["image"] == image


def test_replicas_are_the_autoscaler_s_while_there_is_one() -> None:
    chart = render("backend.replicaCount=3")
    assert chart["Deployment/todo-chatbot-backend"]["spec"]["replicas"] == 3
    assert not chart.kind("HorizontalPodAutoscaler")
    chart = render("backend.autoscaling.enabled=true", "backend.replicaCount=3")
    assert "replicas" not in chart["Deployment/todo-chatbot-backend"]["spec"]
    assert chart["Deployment/todo-chatbot-frontend"]["spec"]["replicas"] == 1
    scaler = chart["HorizontalPodAutoscaler/todo-chatbot-backend"]["spec"]
    assert scaler["scaleTargetRef"] == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "name": "todo-chatbot-backend",
    }
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (2, 5)
    assert scaler["metrics"][0]["resource"]["target"] == {"type": "Utilization", "averageUtilization": 75}
    assert render("backend.replicaCount=0")["Deployment/todo-chatbot-backend"]["spec"]["replicas"] == 0


@pytest.mark.parametrize(
    ("settings", "budgets"),
    [
        ((), []),
        (("backend.replicaCount=2",), ["todo-chatbot-backend"]),
        (("backend.replicaCount=2", "backend.podDisruptionBudget.enabled=false"), []),
        (("frontend.autoscaling.enabled=true",), ["todo-chatbot-frontend"]),
        (
            (
                "frontend.autoscaling.enabled=true",
                "frontend.autoscaling.minReplicas=1",
                "frontend.replicaCount=3",
            ),
            [],
        ),
        ((PASSWORD, "database.podDisruptionBudget.enabled=true"), ["todo-chatbot-database"]),
    ],
)
def test_disruption_budgets_never_hold_a_node_for_a_single_replica(
    settings: tuple[str, ...], budgets: list[str]
) -> None:
    assert render(*settings).kind("PodDisruptionBudget") == budgets


def test_rolling_updates_never_go_below_what_was_asked_for() -> None:
    chart = render()
    for name in chart.kind("Deployment"):
        strategy = chart[f"Deployment/{name}"]["spec"]["strategy"]
        assert strategy == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}


def test_environment_values_arrive_as_they_were_written() -> None:
    extra = {"WORKERS": 1000000, "DEBUG": False, "EMPTY": "", "RATIO": 0.5, "TEXT": 'a "b" {{ c }}'}
    chart = render(f"backend.env:={json.dumps(extra)}", f"frontend.env:={json.dumps(extra)}")
    expected = {"WORKERS": "1000000", "DEBUG": "false", "EMPTY": "", "RATIO": "0.5", "TEXT": 'a "b" {{ c }}'}
    for component in ("backend", "frontend"):
        assert expected.items() <= env(chart.pod(component)).items()


def test_the_frontend_looks_for_the_backend_of_the_release_unless_told_otherwise() -> None:
    def backend_url(*settings: str) -> str:
        return env(render(*settings).pod("frontend"))["BACKEND_URL"]

    assert backend_url() == "http://todo-chatbot-backend:8000"
    assert backend_url("backend.service.port=80") == "http://todo-chatbot-backend:80"
    assert backend_url("backend.enabled=false", "database.enabled=false") == "http://todo-chatbot-backend:8000"
    assert backend_url("frontend.env.BACKEND_URL=https://api.example.com") == "https://api.example.com"


def test_pod_labels_can_be_added_but_selectors_not_broken() -> None:
    labels = {"team": "shop", "app.kubernetes.io/component": "mine"}
    chart = render(f"backend.podLabels:={json.dumps(labels)}")
    pod = chart.pod("backend")
    assert pod["metadata"]["labels"]["team"] == "shop"
    assert pod["metadata"]["labels"]["app.kubernetes.io/component"] == "backend"


def test_placement_and_extra_environment_pass_through() -> None:
    chart = render(
        "imagePullSecrets[0].name=pull",
        "backend.nodeSelector.disk=ssd",
        'backend.tolerations:=[{"key": "spot", "operator": "Exists"}]',
        # Own constraints replace the default one.
        'backend.topologySpread:=[{"maxSkew": 2, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}]',
        "backend.extraEnvFrom[0].secretRef.name=keys",
        "backend.livenessProbe=null",
        "backend.serviceAccount.name=robot",
    )
    spec = chart.pod("backend")["spec"]
    assert spec["imagePullSecrets"] == [{"name": "pull"}]
    assert spec["nodeSelector"] == {"disk": "ssd"}
    assert spec["tolerations"] == [{"key": "spot", "operator": "Exists"}]
    assert [constraint["topologyKey"] for constraint in spec["topologySpreadConstraints"]] == ["zone"]
    assert spec["containers"][0]["envFrom"] == [{"secretRef": {"name": "keys"}}]
    assert "livenessProbe" not in spec["containers"][0]
    assert "readinessProbe" in spec["containers"][0]
    assert spec["serviceAccountName"] == "robot"
    assert "robot" in chart.kind("ServiceAccount")
    borrowed = render("backend.serviceAccount.create=false", "backend.serviceAccount.name=robot")
    assert "robot" not in borrowed.kind("ServiceAccount")


def test_the_ingress_leads_to_the_frontend() -> None:
    assert not render().kind("Ingress")
    spec = render(
        "ingress.enabled=true",
        "ingress.host=todo.example.com",
        "ingress.className=nginx",
        "ingress.tls[0].secretName=cert",
    )["Ingress/todo-chatbot-frontend"]["spec"]
    assert spec["ingressClassName"] == "nginx"
    assert spec["tls"] == [{"secretName": "cert", "hosts": ["todo.example.com"]}]
    (rule,) = spec["rules"]
    assert rule["host"] == "todo.example.com"
    (path,) = rule["http"]["paths"]
    assert (path["path"], path["pathType"]) == ("/", "Prefix")
    assert path["backend"]["service"] == {"name": "todo-chatbot-frontend", "port": {"name": "http"}}
    (rule,) = render("ingress.enabled=true")["Ingress/todo-chatbot-frontend"]["spec"]["rules"]
    assert "host" not in rule
    assert not render("ingress.enabled=true", "frontend.enabled=false").kind("Ingress")


def test_the_readme_and_the_schema_describe_every_value() -> None:
    readme = (CHART / "README.md").read_text()
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())

    def described(node: dict[str, object]) -> dict[str, object]:
        reference = node.get("$ref")
        return schema["definitions"][reference.rpartition("/")[2]] if isinstance(reference, str) else node

    def walk(tree: dict[str, object], node: dict[str, object], path: tuple[str, ...]) -> None:
        properties = described(node).get("properties")
        if not tree or not isinstance(properties, dict):
            shown = {".".join(path), ".".join(("*", *path[1:])), ".".join(("*", path[1] if path[1:] else ""))}
            assert any(f"`{name}`" in readme for name in shown), f"{path} is not in the README"
            return
        for key, value in tree.items():
            assert key in properties, f"{(*path, key)} is not in the schema"
            walk(value if isinstance(value, dict) else {}, properties[key], (*path, key))

    walk(values, schema, ())

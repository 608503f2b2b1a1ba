"""Secrets planted everywhere, a session that touches them all, and not one of them anywhere afterwards.

Prints `canaries: N planted, M surfaces searched`.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from secrets import token_hex

import pytest
import yaml

from tests.agent.fake_openai import Script, piece, serving
from tests.agent.terminal import CTRL_D, Terminal
from tests.conftest import CLUSTER_CONTEXT, write_directly
from tests.images import remove_images
from tests.safety.canaries import Canaries, Processes, files_in
from tools.change import Json
from tools.context import Context
from tools.programs import find

pytestmark = [pytest.mark.cluster, pytest.mark.engine]

SHIPMATE = str(Path(sys.executable).with_name("shipmate"))
MINIMUM = 25
# Where the test itself put them, and Shipmate's copy of the chart (as it is in the workspace, for its owner only).
LEGITIMATE = ("kubeconfig", "workspace/", "docker/", "cache/shipmate/charts/")


class Stage:
    """What is planted, and every place to look at afterwards."""

    def __init__(self, ctx: Context, folder: Path) -> None:
        self.ctx = ctx
        self.canaries = Canaries()
        self.folder = folder
        self.workspace = folder / "workspace"
        self.image = f"canary-{token_hex(4)}"
        self.kubeconfig = folder / "kubeconfig"
        self.surfaces: dict[str, bytes] = {}
        self.environment = {
            "KUBECONFIG": str(self.kubeconfig),
            "DOCKER_CONFIG": str(folder / "docker"),
            "XDG_STATE_HOME": str(folder / "state"),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "XDG_CACHE_HOME": str(folder / "cache"),
            "TMPDIR": str(folder / "tmp"),
            "PATH": f"{Path(find('helm', ctx.cache)).parent}:{os.environ['PATH']}",
            "API_TOKEN": self.canaries["model-key"],
        }
        for made in ("tmp", "docker", "config", "workspace/app", "workspace/.git"):
            (folder / made).mkdir(parents=True)

    @property
    def flags(self) -> tuple[str, ...]:
        return ("-n", str(self.ctx.namespace), "--workspace", str(self.workspace))

    def ask(self, request: str, *more: str, code: int | None = None, env: dict[str, str] | None = None) -> str:
        """One request by standard input; all that it printed is a surface."""
        done = subprocess.run(
            [SHIPMATE, *self.flags, "ask", *more],
            input=request,
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
            env={**os.environ, **self.environment, **(env or {})},
        )
        said = done.stdout + done.stderr
        self.surfaces[f"output of ask {len(self.surfaces)} {' '.join(more)}"] = said.encode()
        assert "bug in Shipmate" not in said, said
        assert code is None or done.returncode == code, (request, done.returncode, said)
        return said


@pytest.fixture
def stage(ctx: Context, tmp_path: Path, apply: Callable[[str], None]) -> Iterator[Stage]:
    """Everything planted."""
    stage = Stage(ctx, tmp_path / "run")
    plant_files(stage)
    plant_objects(stage, apply)
    plant_release(stage)
    yield stage
    remove_images(stage.image)


def plant_files(stage: Stage) -> None:
    """The workspace with its build context, the docker login, and a kubeconfig with three users."""
    canary, app = stage.canaries, stage.workspace / "app"
    (app / "Dockerfile").write_text(
        "FROM debian:bookworm-slim\n"
        f"ARG NPM_TOKEN={canary['build-argument']}\n"
        f"ENV API_KEY={canary['image-environment']}\n"
        f"LABEL api-token={canary['image-label']}\n"
        f'RUN echo "Authorization: Bearer {canary["image-history"]}"\n'
        "COPY . /app\n"
    )
    (app / ".env").write_text(f"SECRET_KEY={canary['dotenv-of-the-context']}\n")
    (stage.workspace / "notes.md").write_text(f"password: {canary['workspace-file']}\n")
    (stage.workspace / ".git" / "config").write_text(f'[remote "origin"]\n\turl = {canary.text("git-remote")}\n')
    (stage.workspace / "shipmate.yaml").write_text(
        f"name: nest\nnamespace: {stage.ctx.namespace}\ncomponents:\n  app: {{source: app, image: {stage.image}}}\n"
    )
    login = base64.b64encode(f"bob:{canary['docker-login']}".encode()).decode()
    (stage.folder / "docker" / "config.json").write_text(
        json.dumps({"auths": {"localhost:5001": {"auth": login}, "registry.example.com": {"auth": login}}})
    )
    plugin = stage.folder / "docker" / "plugin"
    credential = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential"}
    answer = json.dumps({**credential, "status": {"token": canary["exec-plugin"]}})
    plugin.write_text(f"#!/bin/sh\necho '{answer}'\necho 'token={canary['exec-plugin']}' >&2\n")
    plugin.chmod(0o700)
    view = ("config", "view", "--raw", "--minify", "--flatten", "--context", CLUSTER_CONTEXT)
    raw = subprocess.run([find("kubectl", stage.ctx.cache), *view], capture_output=True, text=True, check=True)
    config = yaml.safe_load(raw.stdout)
    run = {"apiVersion": "client.authentication.k8s.io/v1", "command": str(plugin), "interactiveMode": "Never"}
    config["users"] += [
        {"name": "by-token", "user": {"token": canary["kubeconfig-token"]}},
        {"name": "by-plugin", "user": {"exec": run}},
    ]
    cluster = config["clusters"][0]["name"]
    config["contexts"] += [
        {"name": user, "context": {"cluster": cluster, "user": user}} for user in ("by-token", "by-plugin")
    ]
    stage.kubeconfig.write_text(yaml.safe_dump(config))
    stage.kubeconfig.chmod(0o600)


def plant_objects(stage: Stage, apply: Callable[[str], None]) -> None:
    """Secrets of all types, a Deployment that talks, ConfigMaps and an event."""
    canary = stage.canaries
    user = {"username": "bob", "password": canary["registry-secret"]}
    pair = base64.b64encode(f"bob:{canary['registry-secret']}".encode()).decode()
    login = json.dumps({"auths": {"registry.example.com": {**user, "auth": pair}}})
    secrets = {
        "opaque": ("Opaque", {"password": canary["opaque-secret"], "file": canary.text("secret-of-two-lines"),
                              "address": canary.text("url-secret"), "auth": f"bob:{canary['htpasswd-secret']}"}),
        "basic": ("kubernetes.io/basic-auth", {"username": "bob", "password": canary["basic-auth-secret"]}),
        "pull": ("kubernetes.io/dockerconfigjson", {".dockerconfigjson": login}),
        "ssh": ("kubernetes.io/ssh-auth", {"ssh-privatekey": canary.text("ssh-key-secret")}),
        "tls": ("kubernetes.io/tls", {"tls.crt": "public", "tls.key": canary.text("tls-key-secret")}),
    }  # fmt: skip
    for name, (kind, values) in secrets.items():
        manifest = {"apiVersion": "v1", "kind": "Secret", "type": kind, "stringData": values}
        metadata: dict[str, object] = {"name": name}
        if name == "opaque":
            applied = json.dumps({**manifest, "stringData": {"note": canary["last-applied-of-a-secret"]}})
            metadata["annotations"] = {"kubectl.kubernetes.io/last-applied-configuration": applied}
        apply(json.dumps({**manifest, "metadata": metadata}))
    settings = {
        "git": canary.text("configmap-url"),
        "aws": canary.text("configmap-file"),
        ".pgpass": canary.text("configmap-pgpass"),
        ".netrc": canary.text("configmap-netrc"),
        "kubeconfig": canary.text("configmap-kubeconfig"),
    }
    apply(json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": settings}))
    apply(json.dumps(talker(canary)))
    known = base64.b64encode(canary["opaque-secret"].encode()).decode()
    lines = f"trying {canary['opaque-secret']}\n{known}\n{canary['opaque-secret'].encode().hex()}"
    apply(json.dumps(workload("mute", [{"name": "LINES", "value": lines}])))
    event = {
        "apiVersion": "v1", "kind": "Event", "metadata": {"name": "pulling.1"}, "type": "Warning", "reason": "Failed",
        "message": f"cannot pull from {canary.text('event-message')}",
        "involvedObject": {
            "apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "namespace": stage.ctx.namespace,
        },
        "firstTimestamp": "2026-11-23T10:00:00Z", "lastTimestamp": "2026-11-23T10:00:00Z", "count": 1,
    }  # fmt: skip
    write_directly(stage.ctx.cluster, "POST", f"/api/v1/namespaces/{stage.ctx.namespace}/events", event)


def talker(canary: Canaries) -> dict[str, Json]:
    """A Deployment with secrets in its environment, arguments and annotations, which logs more of them."""
    lines = [
        f"password={canary['log-line']}",
        f"> Authorization: Bearer {canary['log-header']}",
        json.dumps({"level": "info", "api_key": canary["log-json"]}),
    ]
    before = [{"name": "X_TOKEN", "value": canary["last-applied-of-a-deployment"]}]
    applied = {"kind": "Deployment", "spec": {"env": before}}
    args = [f"--api-token={canary['argument']}", "--password", canary["argument-of-its-own"]]
    env = [
        {"name": "DB_PASSWORD", "value": canary["environment"]},
        {"name": "QUEUE", "value": canary.text("environment-url")},
        {"name": "SESSION", "value": canary["environment-by-disorder"]},
        {"name": "LINES", "value": "\n".join(lines)},
    ]
    annotations = {
        "example.com/api-token": canary["annotation"],
        "kubectl.kubernetes.io/last-applied-configuration": json.dumps(applied),
    }
    return workload("web", env, args, annotations)


def workload(name: str, env: Json, args: Json = (), annotations: Json = None) -> dict[str, Json]:
    """A Deployment that logs its variable LINES."""
    container = {
        "name": "main",
        "image": "debian:bookworm-slim",
        "command": ["bash", "-c", 'cat <<< "$LINES"; exec sleep infinity'],
        "args": ["x", *args],
        "env": env,
        "envFrom": [{"secretRef": {"name": "opaque"}}],
    }
    pods = {"terminationGracePeriodSeconds": 0, "containers": [container]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "annotations": annotations or {}},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": pods},
        },
    }


def plant_release(stage: Stage) -> None:
    """A Helm release with secrets in its values, a Secret in its chart, and one in its notes."""
    chart, canary = stage.workspace / "chart", stage.canaries
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: nest\nversion: 0.1.0\n")
    (chart / "values.yaml").write_text("auth: {password: ''}\n")
    (chart / "templates" / "secret.yaml").write_text(
        "apiVersion: v1\nkind: Secret\nmetadata: {name: nest}\n"
        f"stringData: {{note: {canary['helm-secret-of-the-chart']}, "
        "password: {{ .Values.auth.password | quote }}}\n"
    )
    (chart / "templates" / "NOTES.txt").write_text(f"Log in with password: {canary['helm-notes']}\n")
    values = {
        "auth": {"password": canary["helm-value"]},
        "tokens": [{"name": "TOKEN", "value": canary["helm-list-value"]}],
    }
    where = ("-n", str(stage.ctx.namespace), "--kube-context", CLUSTER_CONTEXT, "-f", "-")
    install = [find("helm", stage.ctx.cache), "install", "nest", str(chart), *where]
    subprocess.run(install, input=json.dumps(values), text=True, check=True, capture_output=True)


LOOKS = (
    "show secret opaque as yaml", "describe secret opaque", "list secrets", "show secret basic as yaml",
    "show secret pull as yaml", "show secret ssh as yaml", "show secret tls as yaml", "show deployment web as yaml",
    "describe deployment web", "describe pods", "logs of web", "logs of mute", "events",
    "show configmap settings as yaml",
    "describe configmap settings", "what is wrong", "status", "values of release nest", "status of release nest",
    "history of release nest", "show secret nest as yaml", "show secret sh.helm.release.v1.nest.v1 as yaml",
    "list images", "what would the build of app send", "who uses secret opaque", "is the password of web set?",
)  # fmt: skip


def drive_planner(stage: Stage) -> None:
    """A chat on a terminal: looks at everything, sets secrets, applies, takes back."""
    canary = stage.canaries
    with Terminal(SHIPMATE, *stage.flags, columns=200, env=stage.environment) as chat:
        chat.see("›")
        for look in LOOKS:
            chat.say(look)
            chat.see("›")
        shown = len(chat.raw)
        typed = [
            (f"set env DB_PASSWORD={canary['typed-environment']} on web", "y"),
            ("undo that", "y"),
            (f"set API_TOKEN to {canary['typed-sentence']} on web", "n"),
            (f"is the password {canary['typed-question']} any good?", ""),
            (f"helm upgrade nest ./chart --set auth.password={canary['helm-value-typed']}", "y"),
            (f"kubectl create secret generic new --from-literal=word={canary['pasted-command']}", ""),
        ]
        for request, answer in typed:
            chat.say(request)
            after = len(chat.raw)
            if answer and chat.shows("Apply it?", 60):
                chat.say(answer)
                after = len(chat.raw)
            chat.see("›", 120)
            stage.surfaces[f"terminal after: {request.split()[0]} {len(stage.surfaces)}"] = chat.raw[after:].encode()
        chat.type(CTRL_D)
        assert chat.wait() == 0
        assert "met a bug" not in chat.raw, chat.raw[-3000:]
        stage.surfaces["terminal while looking"] = chat.raw[:shown].encode()


def drive_requests(stage: Stage) -> None:
    """One-shot requests: manifests that are pasted, a server that refuses, an image that is built, JSON output."""
    canary = stage.canaries
    secret = {
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "pasted"},
        "stringData": {"note": canary["pasted-manifest"]},
    }  # fmt: skip
    stage.ask(yaml.safe_dump(secret), "-o", "json")
    stage.ask(yaml.safe_dump(secret), "--yes", code=0)
    wrong = {
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "wrong", "labels": {"api-token": f"{canary['refused-by-the-server']} is no label!"}},
    }  # fmt: skip
    assert "label" in stage.ask(yaml.safe_dump(wrong), "-o", "json")
    stage.ask("build app", "--yes")
    stage.ask("show deployment web as yaml", "-o", "json", code=0)
    stage.ask("logs of web", "-o", "json", code=0)
    for user in ("by-token", "by-plugin"):
        stage.ask("list pods", "--context", user, code=13)
    for words in (("journal",), ("journal", "export"), ("plan",)):
        done = subprocess.run(
            [SHIPMATE, *words], capture_output=True, check=False, env={**os.environ, **stage.environment}
        )
        stage.surfaces[" ".join(words)] = done.stdout + done.stderr


def drive_model(stage: Stage, script: Script) -> None:
    """A model that looks at everything, sets a secret by its mark, and says a token in its answer."""
    canary = stage.canaries
    for tool, arguments in (
        ("get_object", {"kind": "secret", "name": "opaque"}),
        ("get_object", {"kind": "deployment", "name": "web"}),
        ("get_object", {"kind": "configmap", "name": "settings"}),
        ("logs", {"name": "web"}),
        ("logs", {"name": "mute"}),
        ("events", {}),
        ("release_values", {"release": "nest", "all": True}),
        ("describe", {"kind": "deployment", "name": "web"}),
    ):
        script.call(piece(json.dumps(arguments), tool, token_hex(4)))
    script.call(piece(json.dumps({"name": "web", "env": {"DB_PASSWORD": "[secret-1]"}}), "set_env", "z"))
    model = {"SHIPMATE_MODEL": "openai:test", "OPENAI_BASE_URL": script.url, "OPENAI_API_KEY": canary["model-key"]}
    said = stage.ask(f"set env DB_PASSWORD={canary['typed-environment']} on web", "-o", "json", env=model)
    assert '"type": "plan"' in said, said[-2000:]
    echo = canary["echoed-by-the-model"]
    script.say("The token is ", echo[:9], echo[9:20], echo[20:], " and that", " was all of it.")
    assert "was all of it" in stage.ask("say it", env=model)
    stage.surfaces["requests that the model got"] = json.dumps(
        [{name: value for name, value in request.items() if name != "key"} for request in script.requests]
    ).encode()


def test_no_planted_secret_is_found_anywhere(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("langchain_openai")
    with Processes() as processes, serving() as script:
        drive_planner(stage)
        drive_requests(stage)
        drive_model(stage, script)
    assert len(script.requests) == 10
    stage.surfaces |= {f"process {number}": line for number, line in enumerate(processes.seen)}
    kept = files_in(stage.folder)
    own = {str(stage.folder / name) for name in LEGITIMATE}
    stage.surfaces |= {path: content for path, content in kept.items() if not path.startswith(tuple(own))}
    assert (stage.folder / "cache/shipmate/charts").stat().st_mode & 0o077 == 0
    assert any(path.endswith("journal.jsonl") for path in stage.surfaces)
    assert any(path.endswith("shipmate.db") for path in stage.surfaces)
    assert any(path.endswith("history") for path in stage.surfaces)
    assert len(stage.canaries) >= MINIMUM
    with capsys.disabled():
        print(f"\ncanaries: {len(stage.canaries)} planted, {len(stage.surfaces)} surfaces searched")  # noqa: T201
    found = stage.canaries.found(stage.surfaces)
    assert not found, "\n".join(found)


def test_the_search_finds_what_is_there() -> None:
    canaries = Canaries(1)
    value = canaries["argument"]
    for form in (value, base64.b64encode(f"x:{value}".encode()).decode(), value.encode().hex()):
        assert canaries.found({"here": f"… {form} …".encode()})
    assert not canaries.found({"here": b"nothing"})

"""A planted secret never survives; text without secrets is not touched."""

from __future__ import annotations

import base64
import json
import string

import pytest
import yaml
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from tools.secrets.forms import HARMLESS, PROSE, is_secret_name, looks_random
from tools.secrets.redact import REDACTED, redact_object, redact_text

NAMES = [
    "DB_PASSWORD",
    "password",
    "apiKey",
    "API_KEY",
    "secretKey",
    "token",
    "GITHUB_TOKEN",
    "auth-token",
    "client_secret",
    "AWS_SECRET_ACCESS_KEY",
    "PGPASSWORD",
    "private_key",
    "DATABASE_DSN",
    "smtpPass",
    "PASSWORD_2",
    "JWT_SECRET",
    "ENCRYPTION_KEY",
    "FERNET_KEY",
    "connectionString",
    "slack_webhook",
    "MYSQL_ROOT_PASSWORD",
    "GITHUB_PAT",
]
ORDINARY_NAMES = [
    "secretName",
    "secretKeyRef",
    "passwordFile",
    "TOKEN_TTL",
    "tokenExpirationSeconds",
    "key",
    "name",
    "image",
    "monkey",
    "author",
    "imagePullSecrets.name",
    "PUBLIC_KEY",
    "primary_key",
    "keyboard",
    "passenger",
    "PASS",
    "checksum/secret",
    "tokenReview",
    "authorization-mode",
    "automountServiceAccountTokenMode",
    "SSH_KEY_PATH",
]
secret_values = st.text(string.ascii_letters + string.digits + "!#%^*+/=_.:@-~?", min_size=8, max_size=40).filter(
    lambda value: (
        value.lower() not in PROSE
        and not HARMLESS.fullmatch(value)
        and value[0] not in "[{|>&<-@!%*?:=.#"
        and value.strip(".:!") == value
        and REDACTED not in value
        and not value.isalpha()
        and ":" not in value
        and "#" not in value
    )
)
plain = st.text(string.ascii_lowercase + " .,\n", max_size=60).filter(lambda text: redact_text(text) == text)


@pytest.mark.parametrize("name", NAMES)
def test_names_that_announce_a_secret(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize("name", ORDINARY_NAMES)
def test_names_that_only_sound_like_it(name: str) -> None:
    assert not is_secret_name(name)


FORMS = [
    "{name}={value}",
    "export {name}={value}",
    "2026-11-23T10:00:00Z INFO starting with {name}={value} user=bob",
    '{name}: "{value}"',
    "{name}: {value}",
    "  - {name}: {value}",
    "+  {name}: {value}",
    '{{"{name}": "{value}", "port": 80}}',
    "{{'{name}': '{value}'}}",
    "app --{name} {value} --port 80",
    "app --{name}={value} --port 80",
    'args: ["--{name}", "{value}"]',
    "helm install x --set env.{name}={value},replicas=3",
    "?user=bob&{name}={value}&x=1",
    "name: {name}\nvalue: {value}\nother: x",
    "- name: {name}\n  value: {value}\n- name: B\n  value: c",
    '{{"name": "{name}", "value": "{value}"}}',
    "{name}: |\n  {value}\n  {value}\nother: x",
    "- --{name}\n- {value}",
    "error: could not log in ({name}={value})",
]


@given(form=st.sampled_from(FORMS), name=st.sampled_from(NAMES), value=secret_values, before=plain, after=plain)
@settings(max_examples=600, deadline=None)
@example(form=FORMS[0], name="token", value="a,b1,c2,d3", before="", after="")
@example(form=FORMS[4], name="password", value="correct horse battery", before="", after="")
def test_a_value_behind_a_secret_name_never_survives(form: str, name: str, value: str, before: str, after: str) -> None:
    assume(value not in before + after)
    text = f"{before}\n{form.format(name=name, value=value)}\n{after}"
    once = redact_text(text)
    assert value not in once
    assert REDACTED in once
    assert redact_text(once) == once


@given(form=st.sampled_from(FORMS), name=st.sampled_from(NAMES), value=secret_values)
@settings(max_examples=200, deadline=None)
def test_not_even_within_json_within_json(form: str, name: str, value: str) -> None:
    text = json.dumps({"log": f"first\n{form.format(name=name, value=value)}"})
    assert value not in redact_text(text)
    assert value not in redact_text(json.dumps({"line": text}))


random_part = st.text(string.ascii_letters + string.digits, min_size=40, max_size=40)
TOKENS = [
    "AKIAIOSFODNN7EXAMPLE",
    "ghp_{0}",
    "github_pat_{0}",
    "glpat-{0}",
    "xoxb-{0}",
    "sk-{0}",
    "sk-proj-{0}",
    "sk_live_{0}",
    "npm_{0}",
    "dckr_pat_{0}",
    "hf_{0}",
    "hvs.{0}",
    "eyJhbGciOiJIUzI1NiJ9.eyJ{0}.{0}",
    "postgres://bob:{0}@db:5432/todo",
    "redis://:{0}@cache:6379/0",
    "https://bob:{0}@git.example.com/x.git",
    "amqp://u:{0}@mq:5672/",
    "root:{0}@tcp(db:3306)/x",
    "https://hooks.slack.com/services/T0/B0/{0}",
    "Authorization: Bearer {0}",
    "authorization: Basic {0}=",
    "bearer {0}1",
    "Cookie: session={0}",
]


@given(form=st.sampled_from(TOKENS), part=random_part, before=plain, after=plain)
@settings(max_examples=400, deadline=None)
def test_values_that_are_secrets_by_their_form_never_survive(form: str, part: str, before: str, after: str) -> None:
    text = f"{before} {form.format(part)} {after}"
    once = redact_text(text)
    assert part not in once
    assert "AKIAIOSFODNN7EXAMPLE" not in once
    assert redact_text(once) == once
    assert part not in json.dumps(redact_object({"spec": {"note": [text]}}))


def test_a_password_with_an_at_sign_in_an_address() -> None:
    assert redact_text("postgres://bob:p@ss@w0rd@db:5432/todo") == f"postgres://bob:{REDACTED}@db:5432/todo"


@pytest.mark.parametrize("kind", ["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "])
def test_private_keys(kind: str) -> None:
    body = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC" * 3
    key = f"-----BEGIN {kind}PRIVATE KEY-----\n{body}\n{body}\n-----END {kind}PRIVATE KEY-----"
    cut_off = key[:100]
    in_base64 = base64.b64encode(key.encode()).decode()
    for text in (
        key,
        json.dumps({"tls": key}),
        cut_off,
        f"ca: {in_base64}",
        f"x: |\n  {key.replace(chr(10), chr(10) + '  ')}",
    ):
        assert body[:40] not in redact_text(text)
        assert in_base64[60:120] not in redact_text(text)


ORDINARY = [
    "image: registry.example.com/team/auth-token:1.2.3",
    "localhost:5001/todo-backend@sha256:4355a46b19d348dc2f57c046f8ef63d4538ebb936000f3c9ee954a27460dd865",
    "uid: 8b1f6a2e-1111-4e8b-9d0e-0123456789ab",
    "pod-template-hash: 5d4f8c7b9",
    "commit 9c18212f0a1b2c3d4e5f60718293a4b5c6d7e8f9",
    "secretName: db-credentials",
    'secret "db-credentials" not found',
    'MountVolume.SetUp failed for volume "certs" : secret "certs" not found',
    "error: token: is expired",
    "valueFrom:\n  secretKeyRef:\n    name: db\n    key: password",
    "env DB_PASSWORD: $(PASSWORD_FROM_ABOVE)",
    "automountServiceAccountToken: true",
    "password: null",
    'token: ""',
    "password: {{ .Values.password }}",
    "--- PASS: TestLogin (0.00s)",
    "GET http://backend:8000/api/todos?limit=5 200",
    "mail to bob@example.com failed",
    "serviceAccountToken:\n  path: token",
    "postgres://bob@db:5432/todo",
    "resources: [secrets, configmaps]",
    "Basic authentication is required",
    "the bearer token is missing",
    "kind: Secret\nmetadata:\n  name: db",
    "kubectl get secrets -n todo",
    "checksum/secret: 4355a46b19d348dc2f57c046f8ef63d4",
    "max_tokens_count: 100",
]


@pytest.mark.parametrize("text", ORDINARY)
def test_what_is_no_secret_stays_as_it_is(text: str) -> None:
    assert redact_text(text) == text


@given(st.text(max_size=200))
@settings(max_examples=300, deadline=None)
def test_any_text_is_survived_and_doing_it_twice_changes_nothing(text: str) -> None:
    once = redact_text(text)
    assert redact_text(once) == once


# --- Objects --------------------------------------------------------------------------------------------------------

SECRET = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {
        "name": "db",
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": '{"stringData":{"p":"hunter22"}}'},
    },
    "data": {"password": "aHVudGVyMjI="},
    "stringData": {"note": "hunter22"},
}


@pytest.mark.parametrize("wrap", [lambda obj: obj, lambda obj: {"items": [obj]}, lambda obj: {"a": {"b": [[obj]]}}])
def test_a_secret_keeps_its_keys_only(wrap) -> None:  # type: ignore[no-untyped-def]
    text = json.dumps(redact_object(wrap(SECRET)))
    assert "hunter22" not in text
    assert "aHVudGVyMjI=" not in text
    assert "password" in text


@pytest.mark.parametrize("dump", [json.dumps, lambda obj: json.dumps(obj, indent=2), yaml.safe_dump])
@pytest.mark.parametrize("wrap", [lambda obj: obj, lambda obj: {"kind": "List", "items": [obj, {"kind": "ConfigMap"}]}])
def test_a_secret_within_text_keeps_its_keys_only(dump, wrap) -> None:  # type: ignore[no-untyped-def]
    text = dump(wrap(SECRET))
    for variant in (
        text,
        f"apiVersion: v1\nkind: ConfigMap\n---\n{text}",
        "\n".join("+" + line for line in text.split("\n")),
    ):
        clean = redact_text(variant)
        assert "hunter22" not in clean
        assert "aHVudGVyMjI=" not in clean
        assert "password" in clean
        assert redact_text(clean) == clean


def test_a_block_in_a_secret_of_a_manifest() -> None:
    text = "kind: Secret\nstringData:\n  conf: |\n    user = bob\n    word = hunter22\n  b: x1\ntype: Opaque"
    assert redact_text(text) == (
        f"kind: Secret\nstringData:\n  conf: {REDACTED}\n    {REDACTED}\n    {REDACTED}\n  b: {REDACTED}\ntype: Opaque"
    )


def test_environment_and_arguments_of_containers() -> None:
    container = {
        "env": [
            {"name": "DB_PASSWORD", "value": "hunter22"},
            {"name": "SESSION", "value": "k7Jx0Qm9Zr4Tb2Wv8Ln3Yp6Hd1Sc5Gf"},
            {"name": "DATABASE_URL", "value": "postgres://u:hunter22@db/x"},
            {"name": "LOG_LEVEL", "value": "debug"},
            {"name": "API_TOKEN", "valueFrom": {"secretKeyRef": {"name": "api", "key": "token"}}},
        ],
        "args": ["--password", "hunter22", "--port", "80", "--token=hunter22"],
        "image": "nginx:1.27",
    }
    clean = redact_object(container)
    text = json.dumps(clean)
    assert "hunter22" not in text
    assert "k7Jx0Qm9" not in text
    assert clean["env"][3]["value"] == "debug"
    assert clean["env"][4]["valueFrom"]["secretKeyRef"] == {"name": "api", "key": "token"}
    assert clean["args"] == ["--password", REDACTED, "--port", "80", f"--token={REDACTED}"]
    assert redact_object(clean) == clean


def test_the_original_is_left_alone() -> None:
    before = json.dumps(SECRET)
    redact_object(SECRET)
    assert json.dumps(SECRET) == before


@given(name=st.sampled_from(NAMES), value=secret_values)
@settings(deadline=None)
def test_no_value_of_a_secret_name_survives_in_an_object(name: str, value: str) -> None:
    for obj in (
        {name: value},
        {"env": [{"name": name, "value": value}]},
        {"data": {name: value}},
        [{"x": f"{name}={value}"}],
    ):
        assert value not in json.dumps(redact_object(obj))


def test_disorder_is_told_from_digests_names_and_paths() -> None:
    assert looks_random("k7Jx0Qm9Zr4Tb2Wv8Ln3Yp6Hd1Sc5Gf")
    for ordinary in (
        "4355a46b19d348dc2f57c046f8ef63d4538ebb93",
        "8b1f6a2e-1111-4e8b-9d0e-0123456789ab",
        "localhost:5001/todo-backend:1.2.3",
        "/usr/local/lib/Python3.11/site",
        "MyVeryLongJavaClassNameFactoryBean",
        "TZ=Europe/Berlin",
    ):
        assert not looks_random(ordinary)


# --- Places ---------------------------------------------------------------------------------------------------------

IN_A_PLACE = [
    "db:5432:todo:bob:{}",
    "*:*:*:bob:{}",
    "pgpass: db.example.com:5432:*:bob:{}",
    "machine git.example.com login bob password {}",
    "machine git.example.com\n  login bob\n  password {}",
    "curl -u bob:{} https://git.example.com",
    "curl --user bob:{} https://git.example.com",
    "mysql -h db -p{} todo",
    "sshpass -p {} ssh bob@host",
    "redis-cli -h cache -a {} ping",
    "docker login -u bob -p {} registry.example.com",
    "https://x.blob.core.windows.net/y?sv=1&sig={}&se=2",
    "https://bucket.s3.amazonaws.com/x?X-Amz-Signature={}",
    "map[apiVersion:v1 data:map[note:{} other:x] kind:Secret]",
    'map[string]interface {{}}{{"kind":"Secret", "data":map[string]interface {{}}{{"note":"{}"}}}}',
    "client-key-data: {}",
]
HASHES = [
    "$2y$05$" + "abcDEF123./" * 5,
    "$apr1$abcdefgh$abcdefghijklmnopqrstuv",
    "{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=",
    "$6$saltsalt$" + "abcDEF123./" * 7,
]


@pytest.mark.parametrize("form", IN_A_PLACE)
@pytest.mark.parametrize("value", ["Pw9xxyyzz1", "a8c1d9e2f3b4a5c6d7e8f9a0b1c2d3e4", "q7WmZx0Lk2"])
def test_a_value_in_a_known_place_never_survives(form: str, value: str) -> None:
    for text in (form.format(value), f"x: 1\n{form.format(value)}\ny: 2"):
        clean = redact_text(text)
        assert value not in clean
        assert redact_text(clean) == clean
        assert value not in redact_text(json.dumps({"log": f"first\n{text}"}))


@pytest.mark.parametrize("value", HASHES)
def test_hashes_of_passwords(value: str) -> None:
    assert value not in redact_text(f"htpasswd: |\n  bob:{value}\n")


def test_the_login_of_a_docker_configuration() -> None:
    packed = base64.b64encode(b"bob:Pw9xxyyzz1").decode()
    for text in (
        json.dumps({"auths": {"r": {"auth": packed}}}),
        json.dumps(json.dumps({"auth": packed})),
        f"auth: {packed}",
    ):
        assert packed not in redact_text(text)


ALSO_ORDINARY = [
    "10.0.0.1:5432 is up",
    "root:x:0:0:root:/root:/bin/bash",
    "12:30:45:678:900 something",
    "fe80::1:2:3:4 dev eth0",
    "pulled localhost:5001/library/nginx:1.27 in 1.2s",
    "this machine default password policy",
    "mkdir -p /var/lib/mysql && chown mysql /var/lib/mysql",
    "curl -u bob https://git.example.com",
    "curl -s http://backend:8000/health",
    "auth: basic",
    "basic                       kubernetes.io/basic-auth    2      17s",
    "docker run -p 8080:80 nginx",
    "docker login registry.example.com",
    "map[app:web tier:front]",
    "kind: ConfigMap\ndata:\n  LOG_LEVEL: debug\n  WORKERS: '4'\n  URL: http://backend:8000/api",
    "resourceVersion: '1234567'",
    "Digest: sha256:4355a46b19d348dc2f57c046f8ef63d4538ebb936000f3c9ee954a27460dd865",
    "pod/web-5d4f8c7b9-x2k4q created",
    "2026-11-23T10:00:00.123456Z INFO [main] o.s.b.w.e.t.TomcatWebServer - Tomcat started on port 8080",
    'etag: W/"5d4f8c7b9-1a2b3c"',
    "request_id=8b1f6a2e-1111-4e8b-9d0e-0123456789ab trace=4bf92f3577b34da6a3ce929d0e0e4736",
    "git checkout 9c18212f0a1b2c3d4e5f60718293a4b5c6d7e8f9",
    "LABEL org.opencontainers.image.revision=9c18212f0a1b2c3d4e5f60718293a4b5c6d7e8f9",
    "certificate expires 2027-01-01, CN=web.example.com, O=Example",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl bob@host",
    "env: PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
]


@pytest.mark.parametrize("text", ALSO_ORDINARY)
def test_more_that_is_no_secret(text: str) -> None:
    assert redact_text(text) == text
    assert redact_object({"spec": {"note": text}}) == {"spec": {"note": text}}


@pytest.mark.parametrize(
    "unit",
    [
        "x://",
        "a@b:",
        "password ",
        "eyJ",
        "token: <",
        '"',
        "\\",
        "machine a login b ",
        "*:*:",
        "mysql ",
        "map[data:",
        "-p ",
        "$6$",
    ],
)
@pytest.mark.timeout(60)
def test_no_text_hangs_it(unit: str) -> None:
    """A pattern that goes back over the text again and again would take minutes for this."""
    redact_text(f"{unit * (300_000 // len(unit))} password @tcp( Secret data value name")

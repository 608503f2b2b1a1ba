"""A value that was seen in a Secret is masked everywhere, in every form; words that occur everywhere are not."""

from __future__ import annotations

import base64
import json
import string
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.catalog import Result
from tools.change import Ref
from tools.errors import Failed
from tools.finding import Evidence
from tools.preview import Preview
from tools.secrets import known
from tools.secrets.known import REDACTED, learn, learn_named, learn_object, learn_secret, mask
from tools.secrets.redact import redact_object, redact_text


@pytest.fixture(autouse=True)
def nothing_known() -> Iterator[None]:
    known.forget_all()
    yield
    known.forget_all()


def coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


telling = st.text(string.ascii_letters + string.digits + "!#%+/=_~é ", min_size=10, max_size=40).filter(
    lambda text: text == text.strip() and any(c.isdigit() for c in text) and any(c in "!#%+~" for c in text)
)


@given(value=telling, around=st.sampled_from(["", "bob:", "a", "xy"]))
@settings(max_examples=200, deadline=None)
def test_every_form_of_a_known_value_is_masked(value: str, around: str) -> None:
    known.forget_all()
    learn_secret({"data": {"password": coded(value)}})
    for form in (
        value,
        json.dumps(value),
        json.dumps({"log": json.dumps({"x": value})}),
        quote(value, safe=""),
        quote(value),
        value.encode().hex(),
        coded(value),
        coded(around + value + around),
        base64.urlsafe_b64encode((around + value).encode()).decode(),
    ):
        clean = redact_text(f"trying {form} now")
        assert form.strip('"') not in clean
        assert value not in clean
        assert REDACTED in clean
        assert redact_text(clean) == clean


def test_what_a_secret_of_each_type_holds() -> None:
    login = {"auths": {"r": {"username": "bob", "password": "Rgs7try!", "auth": coded("bob:Rgs7try!")}}}
    key = "-----BEGIN PRIVATE KEY-----\n" + "Ab3" * 21 + "a\n-----END PRIVATE KEY-----\n"
    conf = "user=bob\npassword=w0rd-in-file\n"
    learn_object(
        {
            "kind": "SecretList",
            "items": [
                {"data": {".dockerconfigjson": coded(json.dumps(login)), "tls.key": coded(key)}},
                {"data": {"url": coded("postgres://bob:p4ss-in-url@db/x"), "conf": coded(conf)}},
                {"stringData": {"token": "given-4s-text"}},
            ],
        }
    )  # fmt: skip
    for value in ("Rgs7try!", coded("bob:Rgs7try!"), "p4ss-in-url", "w0rd-in-file", "given-4s-text", "Ab3" * 21 + "a"):
        assert value not in mask(f"log: {value};")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("user", "bob-4-you!"),
        ("username", "postgres"),
        ("password", "postgres"),
        ("password", "todo-backend"),
        ("database", "todo"),
        ("host", "db-1.example.com"),
        ("port", "5432"),
        ("debug", "true"),
        ("version", "1.27.3"),
        ("path", "/var/lib/postgresql/data"),
        ("address", "http://backend.todo.svc:8000/api"),
        ("ca.crt", "-----BEGIN CERTIFICATE-----\nMIIB0123456789abcdef\n-----END CERTIFICATE-----"),
        ("level", "INFO"),
        ("password", "12"),
    ],
)
def test_ordinary_words_in_a_secret_hide_nothing_elsewhere(name: str, value: str) -> None:
    learn_secret({"data": {name: coded(value)}})
    text = f"deployment {value} is ready: {value}"
    assert mask(text) == text


def test_the_settings_of_a_release() -> None:
    learn_named({"auth": {"password": "Chart7pass", "user": "bob"}, "image": {"tag": "sha-12Ab34Cd"}})
    assert mask("Chart7pass bob sha-12Ab34Cd") == f"{REDACTED} bob sha-12Ab34Cd"


def test_a_short_value_is_masked_as_a_word_only() -> None:
    learn("hunt3r", sure=True)
    assert mask("hunt3r, hunt3rs") == f"{REDACTED}, hunt3rs"


def test_a_packed_release_is_not_taken_for_a_password() -> None:
    learn_secret({"type": "helm.sh/release.v1", "data": {"release": coded("Ab1!" * 20)}})
    assert mask("Ab1!" * 20) == "Ab1!" * 20


def test_all_that_leaves_the_tools_is_clean_by_its_type() -> None:
    learn("Kn0wn-value!", sure=True)
    text = "saw Kn0wn-value! and token=abc123def"
    clean = f"saw {REDACTED} and token={REDACTED}"
    assert Result(text=text, data={"lines": [text]}).model_dump() == {"text": clean, "data": {"lines": [clean]}}
    assert Preview(summary=text, diff=text, warnings=(text,), blockers=(text,)).model_dump().items() >= {
        "summary": clean, "diff": clean, "warnings": (clean,), "blockers": (clean,),
    }.items()  # fmt: skip
    assert Evidence(source="log", text=text).text == clean
    assert str(Failed(text, text)) == f"{clean} {clean}"
    assert Ref(api_version="v1", kind="Secret", name="token-abc123def").name == "token-abc123def"


def test_objects_are_masked_at_any_depth() -> None:
    learn("Kn0wn-value!", sure=True)
    assert redact_object({"a": [{"b": ["x Kn0wn-value! y"]}]}) == {"a": [{"b": [f"x {REDACTED} y"]}]}

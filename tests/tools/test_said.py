"""What a person types holds secrets in sentences, too; the rest of the sentence stays."""

from __future__ import annotations

import pytest

from tools.secrets import known
from tools.secrets.known import REDACTED, mask
from tools.secrets.said import learn_said, redact_said

SAID = [
    "set env DB_PASSWORD={} on web",
    "set DB_PASSWORD to {} on web",
    "set DB_PASSWORD={}, LOG_LEVEL=debug on web",
    "set the password of user bob in db to {}",
    "the token is {}",
    "use password {}!",
    "set API_KEY to '{}' on web",
    'change the api key to "{}"',
    "create secret db with user=bob7x and pin={}",
    "kubectl create secret generic db --from-literal=word={}",
    "helm upgrade shop ./chart --set auth.password={}",
    "docker login -u bob --password {}",
    "connect to postgres://bob:{}@db/x",
    "kind: Secret\nmetadata: {{name: db}}\nstringData:\n  note: {}\n",
    "restart web; token: {}",
]
ORDINARY = [
    "scale web to 3",
    "set LOG_LEVEL to debug",
    "why is the token invalid",
    "who uses secret db2",
    "rotate the password for the backend",
    "set image of auth-token to 1.2.3",
    "show me the password in secret db",
    "annotate web with token-ttl=5",
    "is the password of db set?",
    "set PASSWORD_FILE to /run/x",
    "the secret key API_KEY of db is missing",
    "deploy backend with 3 replicas",
    "label deployment web tier=frontend",
    "kubectl get secret db -o yaml",
    "delete secret db-credentials",
    "set the memory limit of web to 512Mi",
    "why can't backend read secret db",
    "upgrade shop with image.tag=1.4.2",
]


@pytest.mark.parametrize("value", ["tr0ub4dor", "Ab3-Cd4+Ef5", "s3cr3t/with=signs"])
@pytest.mark.parametrize("form", SAID)
def test_a_typed_secret_is_hidden_and_masked_from_then_on(form: str, value: str) -> None:
    known.forget_all()
    text = form.format(value)
    clean = redact_said(text)
    assert value not in clean
    assert REDACTED in clean
    assert redact_said(clean) == clean
    learn_said(text)
    assert value not in mask(f"the log says {value} here")
    known.forget_all()


@pytest.mark.parametrize("text", ORDINARY)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact_said(text) == text

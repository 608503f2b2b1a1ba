"""What really leaves this process: every HTTP request that may change something, taken down where urllib3 sends it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from tools.permit import Permit

_READS = {"GET", "HEAD", "OPTIONS"}
_REVIEW = re.compile(r"/apis/auth(orization|entication)\.k8s\.io/v1/self\w+reviews")
_MARK = re.compile(r"plan[/ ](?P<plan>\w+) step[/ ](?P<step>\d+)")
OUTSIDER = "outsider/1"  # the agent of requests that set the stage


class Sent(NamedTuple):
    """One request that may change something; `plan` and `step` are what its User-Agent says."""

    method: str
    path: str
    agent: str

    @property
    def mark(self) -> tuple[str, int]:
        found = _MARK.search(self.agent)
        return (found["plan"], int(found["step"])) if found else ("", 0)


@dataclass
class Tap:
    """Requests since the last `take`, and every permit that was ever made."""

    sent: list[Sent] = field(default_factory=list[Sent])
    permits: list[Permit] = field(default_factory=list[Permit])

    def take(self) -> list[Sent]:
        taken = self.sent[:]
        self.sent.clear()
        return taken


def is_harmless(method: str, target: str) -> bool:
    """A read, a dry run, or a question about rights."""
    parts = urlsplit(target)
    dry = parse_qs(parts.query).get("dryRun") == ["All"]
    return method in _READS or dry or bool(_REVIEW.fullmatch(parts.path))


@contextmanager
def tapped(monkeypatch: pytest.MonkeyPatch) -> Iterator[Tap]:
    """Listen for as long as the block lasts."""
    from urllib3 import HTTPConnectionPool

    tap = Tap()
    send, make = HTTPConnectionPool.urlopen, Permit.__init__

    def urlopen(
        pool: Any, method: str, url: str, body: Any = None, headers: Any = None, *rest: Any, **more: Any
    ) -> Any:
        agent = next((str(v) for k, v in dict(headers or {}).items() if str(k).lower() == "user-agent"), "")
        if not is_harmless(method, url) and agent != OUTSIDER:
            tap.sent.append(Sent(method, unquote(urlsplit(url).path), agent))
        return send(pool, method, url, body, headers, *rest, **more)

    def remember(permit: Permit, *given: Any, **named: Any) -> None:
        make(permit, *given, **named)
        tap.permits.append(permit)

    with monkeypatch.context() as patch:
        patch.setattr(HTTPConnectionPool, "urlopen", urlopen)
        patch.setattr(Permit, "__init__", remember)
        yield tap

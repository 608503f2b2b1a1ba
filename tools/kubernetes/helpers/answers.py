"""What a helper printed, as an answer: yes or no first, then why. Pure; the output is data, whatever it says."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from tools.kubernetes.helpers.running import Ran

Told = Mapping[str, Any]

_LONGEST = 300  # characters of an answer's body


class Answer(NamedTuple):
    """`answered` is False where the helper could not find out; `good` whether what was tried works."""

    answered: bool
    good: bool
    text: str


def answer(asks: str, about: Told, ran: Ran) -> Answer:
    """The answer to what was asked."""
    if asks == "files":
        return _files(about, ran)
    found = _reports(ran)
    if not found:
        why = ran.problem or "it printed nothing that can be read"
        return Answer(False, False, f"The check could not be made: {why}.{_other_image(ran.problem)}")
    tell = {"resolve": _resolved, "connect": _connected, "http": _fetched}[asks]
    return tell(about, found)


def _other_image(problem: str) -> str:
    wanted = "image" in problem
    return " Name an image with python3, node or perl: … with image python:3.13-slim." if wanted else ""


def _reports(ran: Ran) -> list[Told]:
    """The reports of the first program that gave any: one for each port."""
    for text in ran.outputs.values():
        found = [told for line in text.splitlines() if (told := _report(line))]
        if found:
            return found
    return []


def _report(line: str) -> Told | None:
    try:
        told = json.loads(line)
    except ValueError:
        return None
    return told if isinstance(told, dict) and "stage" in told and "error" in told else None


def _resolved(about: Told, found: list[Told]) -> Answer:
    told, name, source = found[0], about["host"], about["source"]
    if told["error"]:
        return Answer(True, False, f"No: {source} cannot resolve {name} ({told['detail']}).{_near(about)}")
    return Answer(True, True, f"Yes: from {source}, {name} resolves to {_listed(told['addresses'])} ({told['ms']} ms).")


def _connected(about: Told, found: list[Told]) -> Answer:
    host, source = about["host"], about["source"]
    if found[0]["error"] == "unresolved":
        return _unresolved(about, found[0])
    open_ports = [str(told["port"]) for told in found if not told["error"]]
    shut = [told for told in found if told["error"]]
    if not shut:
        ms = max(told["ms"] for told in found)
        ports = _listed(open_ports)
        return Answer(True, True, f"Yes: {source} connects to {host}:{ports} ({_address(found[0])}, {ms} ms).")
    lines = [f"No: {source} cannot connect to {host}:{told['port']}: {_why(told)}" for told in shut]
    if open_ports:
        lines.append(f"It does connect to port {_listed(open_ports)}.")
    return Answer(True, False, "\n".join(lines))


def _fetched(about: Told, found: list[Told]) -> Answer:
    told, url, source = found[0], about["url"], about["source"]
    if told["error"] == "unresolved":
        return _unresolved(about, told)
    if told["error"]:
        what = "connects, but gets no answer" if told["stage"] == "http" else "cannot connect"
        return Answer(
            True, False, f"No: {source} {what} from {url}: {_why(told)}".replace("connect from", "connect to")
        )
    if not told.get("status"):
        text = f"{source} connects to {url}; what it answers was not seen, since the image has nothing that speaks TLS."
        return Answer(True, True, text)
    status = int(told["status"])
    head = f"{url} answers {status} {told.get('reason', '')}".rstrip() + f" to {source} in {told['ms']} ms"
    head += f", to go to {told['location']}" if told.get("location") else ""
    body = " ".join(str(told.get("body") or "").split())[:_LONGEST]
    good = status < 400
    text = f"{'Yes' if good else 'It is reached, but'}: {head}." if good else f"It is reached, but {head}."
    return Answer(True, good, text + (f"\n{body}" if body else ""))


def _unresolved(about: Told, told: Told) -> Answer:
    text = f"No: {about['source']} cannot resolve {about['host']} ({told['detail']}), so nothing was connected to."
    return Answer(True, False, text + _near(about))


def _near(about: Told) -> str:
    near = about.get("near") or ()
    return f" Did you mean {' or '.join(near)}?" if near else ""


def _why(told: Told) -> str:
    """What an error of the network means."""
    meaning = {
        "refused": "it was refused at once: the address is reached, and nothing listens there, or the service has no"
        " ready pod",
        "timeout": "no answer at all: something on the way drops it, such as a NetworkPolicy or a firewall, or the"
        " address is nobody's",
        "reset": "the connection was cut by the other side",
        "tls": f"TLS fails ({told['detail']})",
        "protocol": f"the answer is no HTTP ({told['detail']})",
    }.get(str(told["error"]), str(told["detail"] or told["error"]))
    return f"{meaning} ({_address(told)}, {told['ms']} ms)."


def _address(told: Told) -> str:
    return _listed(told["addresses"]) or "no address"


def _listed(words: Iterable[object]) -> str:
    return ", ".join(str(word) for word in words)


def _files(about: Told, ran: Ran) -> Answer:
    """What `ls`, `df` and `head` printed."""
    if not ran.outputs.get("list"):
        why = ran.problem or "it printed nothing"
        return Answer(False, False, f"The claim could not be read: {why}.")
    listed = ran.outputs["list"].strip()
    if "No such file" in listed or "cannot access" in listed:
        return Answer(True, False, f"There is no {about['path']} in claim {about['claim']}.")
    lines = listed.splitlines()
    shown = lines[:200] + ([f"… and {len(lines) - 200} more"] if len(lines) > 200 else [])
    parts = [f"{about['path']} in claim {about['claim']}:", *shown]
    if size := ran.outputs.get("size", "").strip():
        parts.append(f"Space on the volume: {' '.join(size.splitlines()[-1].split()[1:5])} (size, used, free, share).")
    if "head" in ran.outputs:
        parts += [f"The beginning of {about['path']}:", ran.outputs["head"].rstrip()]
    return Answer(True, True, "\n".join(parts))

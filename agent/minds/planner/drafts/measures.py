"""Values of bounds, ports and places: shares, periods, counted kinds, service ports, topologies, node labels."""

# ruff: noqa: E501  (patterns are easier to read in one piece)
from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from agent.minds.planner.drafts.data import table
from agent.minds.planner.reading.quantities import amounts

Slot = tuple[str, Callable[[str], Any]]
_WELL_KNOWN = {80: "http", 443: "https", 9090: "metrics", 5432: "postgres", 3306: "mysql", 6379: "redis", 53: "dns"}
_BOUNDS = (("default request", "defaultRequest"), ("default", "default"), ("max", "max"), ("min", "min"))
_SIZE = r"\d+(?:\.\d+)?\s?(?:[kmgt]i?b?|millicores?|m|cores?)?"
_MEASURED = rf"(?:(?:cpu|memory|ram|mem)(?: limit| request)?(?: of| is| to|:|=)?\s?{_SIZE}|{_SIZE}(?: of)? ?(?:cpus?|memory|ram|mem|cores?))"
_PORT_NAME = r"[a-z][a-z0-9-]*"
_PORT = (
    rf"(?:(?!(?:and|to|ports?)\b)(?P<before>{_PORT_NAME})(?:\s|=|:\s?))?(?P<port>\d{{1,5}})(?:/(?P<protocol>tcp|udp))?"
    r"(?:\s?(?:->|→|:|to|targeting)\s?(?:(?:target )?port )?(?P<target>\d{1,5}))?"
    rf"(?:\s(?:named|called|as)\s(?P<after>{_PORT_NAME}))?"
)
_PLAIN_PORT = re.sub(r"\?P<\w+>", "?:", _PORT)
_TOPOLOGIES = {"zone": "topology.kubernetes.io/zone", "region": "topology.kubernetes.io/region"}
_LABEL = r"[A-Za-z0-9][\w./-]*"


def service_ports(text: str) -> list[dict[str, Any]]:
    """Ports of a service in a row, each with a name: "http 80 to 8080 and https 443"."""
    found: list[dict[str, Any]] = []
    for match in re.finditer(_PORT, text, re.IGNORECASE):
        name = match["before"] or match["after"]
        one: dict[str, Any] = {"name": name.lower()} if name else {}
        one["port"] = int(match["port"])
        if match["target"]:
            one["targetPort"] = int(match["target"])
        if match["protocol"]:
            one["protocol"] = match["protocol"].upper()
        found.append(one)
    return found


def named_ports(ports: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Several ports of one service have names; those that were not said follow from the numbers."""
    if len(ports) < 2:
        return ports
    return [
        {"name": port.get("name") or _WELL_KNOWN.get(port["port"], f"port-{port['port']}"), **port} for port in ports
    ]


def _counted(text: str) -> str:
    return next(
        (
            name
            for name, forms in table("counted").items()
            if any(re.fullmatch(form, text.lower().replace("-", " ")) for form in forms)
        ),
        text,
    )


def _measured(text: str) -> dict[str, str]:
    return {amount.resource: amount.value for amount in amounts(text)}


def _topology(text: str) -> str:
    low = text.lower()
    if "/" in low:
        return text
    return next((key for word, key in _TOPOLOGIES.items() if word in low), "kubernetes.io/hostname")


def _choice(text: str) -> list[dict[str, Any]]:
    """Labels that a node is chosen by: "disktype in (ssd, nvme)", "disktype=ssd or nvme", "gpu"."""
    match = re.fullmatch(
        rf"({_LABEL})(?:\s?(=|!=|not in|is not|in|is|are)\s?\(?([^()]*)\)?)?", text.strip(), re.IGNORECASE
    )
    if not match:
        return []
    if not match[2]:
        return [{"key": match[1], "operator": "Exists"}]
    values = [value for value in re.split(r"\s*(?:,|\bor\b|\band\b|\s)\s*", match[3]) if value]
    return [
        {
            "key": match[1],
            "operator": "NotIn" if match[2].lower() in ("!=", "not in", "is not") else "In",
            "values": values,
        }
    ]


def _period(text: str) -> int:
    match = re.match(r"(\d*)\s*([a-z]*)", text.lower())
    number, unit = (match[1], match[2]) if match else ("", "")
    return int(number or 1) * {"m": 60, "h": 3600}.get(unit[:1], 1)


_COUNTED = "|".join(form.replace(" ?", r"[\s-]?") for forms in table("counted").values() for form in forms)
MEASURES: dict[str, Slot] = {
    "pct": (r"\d{1,3}\s?(?:%|percent)", lambda text: int(re.sub(r"\D", "", text))),
    "period": (r"\d+\s?(?:s|m|h|secs?|seconds?|mins?|minutes?|hours?)\b|second|minute|hour", _period),
    "number": (r"\d+", str),
    "counted": (rf"(?:{_COUNTED})\b", _counted),
    "bound": (
        r"default requests?|default(?: limits?)?|max(?:imum)?(?: limits?)?|min(?:imum)?(?: requests?)?",
        lambda text: next(field for word, field in _BOUNDS if text.lower().startswith(word)),
    ),
    "measured": (rf"{_MEASURED}(?:(?:\s?,\s?(?:and )?| and | ){_MEASURED})*(?: limits?| requests?)?", _measured),
    "serviceports": (rf"{_PLAIN_PORT}(?:(?:\s?,\s?(?:and )?| and ){_PLAIN_PORT})+|(?!to\b){_PORT_NAME} \d{{1,5}}\b", service_ports),
    "topology": (r"(?:availability )?zones?|regions?|(?:worker )?nodes?|hosts?(?:names?)?|machines?|[a-z0-9.-]+\.[a-z]+/[\w-]+", _topology),
    "choice": (
        rf"{_LABEL}\s?(?:(?:not in|in) ?\([^()]*\)|(?:=|!=|\s(?:is not|not in|is|in|are)\s)\s?[\w.-]+(?:(?:, | or |, or ){_LABEL})*)",
        _choice,
    ),
}  # fmt: skip

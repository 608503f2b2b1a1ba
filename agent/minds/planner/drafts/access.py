"""Rights in words: verbs and resources as roles write them."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from agent.minds.planner.drafts.data import kind_of, kind_words, table

Object = dict[str, Any]
READ = ["get", "list", "watch"]
_ALL = re.compile(r"\b(?:all|any|every|full|everything|anything|manage|admin\w*|\*)\b")
SPOKEN = {
    "read": READ, "view": READ, "see": READ, "read-only": READ, "readonly": READ, "look": READ,
    "edit": ["update", "patch"], "modify": ["update", "patch"], "change": ["update", "patch"],
    "write": ["create", "update", "patch", "delete"], "remove": ["delete"],
}  # fmt: skip


def verbs(text: str) -> list[str]:
    """The verbs of a rule: "get, list and watch", "read", "full access"."""
    low = text.lower()
    if _ALL.search(low):
        return ["*"]
    found: list[str] = []
    for word in re.findall(r"[a-z-]+", low):
        found += SPOKEN.get(word, [word] if word in table("verbs")["known"] else [])
    return list(dict.fromkeys(found))


def resources(text: str) -> list[str]:
    """The resources of a rule by their plural names: "pods and config maps", "pod logs"."""
    low = re.sub(r"\bpods?[ /]logs?\b", "pods/log", text.lower())
    low = re.sub(r"\bpods?[ /]exec\b", "pods/exec", low)
    found: list[str] = []
    for match in re.finditer(rf"pods/(?:log|exec)|(?:{kind_words()})\b", low, re.IGNORECASE):
        word = match[0]
        found.append(word if "/" in word else plural(kind_of(word)))
    return list(dict.fromkeys(found))


@cache
def plural(kind: str) -> str:
    """The name of a kind in addresses and rules."""
    if kind.endswith(("endpoints", "s")) and not kind.endswith("ss"):
        return kind
    return f"{kind[:-1]}ies" if kind.endswith("y") else f"{kind}es" if kind.endswith("s") else f"{kind}s"


def by_group(rule: Object) -> list[Object]:
    """One rule for each API group of the resources that were named together."""
    groups: dict[str, list[str]] = {}
    for resource in rule["resources"]:
        found = next((group for group, names in table("api-groups").items() if resource.split("/")[0] in names), "core")
        groups.setdefault("" if found == "core" else found, []).append(resource)
    return [{"apiGroups": [group], "resources": names, "verbs": list(rule["verbs"])} for group, names in groups.items()]

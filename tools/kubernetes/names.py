"""Names, labels and images by Kubernetes' own rules, each refused with a sentence that helps."""

from __future__ import annotations

import re

from tools.errors import BadRequest
from tools.kubernetes.door.paths import check_name, check_namespace

__all__ = ["check_image", "check_label", "check_name", "check_namespace", "check_port", "check_service_name"]

_SERVICE = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?\Z")
_QUALIFIED = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?\Z")
_PREFIX = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*\Z")
_IMAGE = re.compile(
    r"(?:(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(?::\d+)?/)?"  # registry
    r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*"  # repository
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?\Z"  # tag and digest
)


def check_service_name(name: str) -> str:
    """Services are DNS labels that begin with a letter."""
    if not _SERVICE.match(name):
        raise BadRequest(
            f"{name[:80]!r} is not a valid service name.",
            "Service names begin with a letter and hold lower-case letters, digits and dashes, at most 63.",
        )
    return name


def check_label(key: str, value: str | None, *, annotation: bool = False) -> None:
    """A label's (or annotation's) key and value; None as value stands for its removal."""
    what = "annotation" if annotation else "label"
    prefix, slash, name = key.rpartition("/")
    if (slash and (not _PREFIX.match(prefix) or len(prefix) > 253)) or not _QUALIFIED.match(name):
        raise BadRequest(
            f"{key[:80]!r} is not a valid {what} key.",
            "Keys hold letters, digits, dashes, dots and underscores, after an optional DNS prefix: example.com/role.",
        )
    if value and not annotation and not _QUALIFIED.match(value):
        raise BadRequest(
            f"{value[:80]!r} is not a valid label value.",
            "Label values have at most 63 letters, digits, dashes, dots and underscores.",
        )


def check_image(image: str) -> str:
    """An image reference: [registry/]name[:tag][@digest]."""
    if not _IMAGE.match(image) or len(image) > 512:
        raise BadRequest(
            f"{image[:120]!r} is not a valid image reference.",
            "Write it like nginx:1.27 or registry.example.com/team/app:v2 (the name in lower case).",
        )
    return image


def check_port(port: int) -> int:
    if not 1 <= port <= 65535:
        raise BadRequest(f"{port} is not a port.", "Ports go from 1 to 65535.")
    return port

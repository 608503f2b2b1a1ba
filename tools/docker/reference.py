"""Names of images: parsed, checked and put together as the engine does."""

from __future__ import annotations

import re
from typing import NamedTuple

from tools.errors import BadRequest

DEFAULT_REGISTRY = "docker.io"
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_PATH = re.compile(rf"{_PART}(?:/{_PART})*")
_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class Reference(NamedTuple):
    """An image name in its parts; `tag` is empty where there is none, `path` has no `library/` added."""

    registry: str
    path: str
    tag: str = ""
    digest: str = ""

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Take a name apart; raises BadRequest with what is wrong about it."""
        rest, _, digest = text.partition("@")
        if digest and not _DIGEST.fullmatch(digest):
            raise BadRequest(f"The image {text!r} has a digest that is not sha256:<64 hexadecimal digits>.")
        head, slash, tail = rest.rpartition("/")
        tail, colon, tag = tail.partition(":")
        if colon and not _TAG.fullmatch(tag):
            raise BadRequest(f"The image {text!r} has a tag that is not valid: {tag!r}.")
        registry, path = _split_registry(head + slash + tail)
        if not _HOST.fullmatch(registry):
            raise BadRequest(f"The image {text!r} has a registry name that is not valid: {registry!r}.")
        if not _PATH.fullmatch(path) or len(path) > 255:
            hint = "Names are lower case letters, digits and . _ - between slashes."
            raise BadRequest(f"The image name {text!r} is not valid.", hint)
        return cls(registry, path, tag, digest)

    @property
    def name(self) -> str:
        """The name without tag and digest, as people write it."""
        return self.path if self.registry == DEFAULT_REGISTRY else f"{self.registry}/{self.path}"

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.name}{tag}{digest}"

    def tagged(self, tag: str) -> Reference:
        """The same name with this tag."""
        return Reference.parse(str(self._replace(tag=tag, digest="")))

    def at(self, registry: str) -> Reference:
        """The same image in another registry, under its short name."""
        return self._replace(registry=registry)


def _split_registry(name: str) -> tuple[str, str]:
    first, slash, rest = name.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return (DEFAULT_REGISTRY if first in ("index.docker.io", "registry-1.docker.io") else first), rest
    return DEFAULT_REGISTRY, name

"""Pages of lists as small objects: what no rule reads is skipped, and what siblings share is decoded once.

Ten thousand pods must fit into little memory and a second; most of a page is bookkeeping (managedFields) and specs that
came from one template.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from tools.errors import Failed

Object = dict[str, Any]
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_OLD_VERSION = re.compile(r'\{"apiVersion":"[\w.-]+/v\d+beta\d+"')  # what the rule about old versions reads
_TOKEN = "kube-api-access-"  # noqa: S105  (the name of a volume that admission adds to each pod)
_TOKEN_NAME = re.compile(rb'"name":\s*"kube-api-access-[a-z0-9-]+"')
_NODE_NAME = re.compile(rb'"nodeName":\s*"([^"\\]*)"')
_OWN = ("name", "uid", "resourceVersion", "generation")  # no two objects have the same


class _Page(msgspec.Struct):
    kind: str = ""
    metadata: dict[str, Any] = {}
    items: list[dict[str, msgspec.Raw]] | None = None


_page = msgspec.json.Decoder(_Page)
_parts = msgspec.json.Decoder(dict[str, msgspec.Raw])
_whole = msgspec.json.Decoder()


class Slimmer:
    """Decodes the pages of one list. Its objects share equal parts, so they are only to be read."""

    def __init__(self) -> None:
        self._shared: dict[bytes, Any] = {}

    def page(self, data: bytes) -> Object:
        """What the server answered to a list, without what no rule reads."""
        try:
            page = _page.decode(data)
            pods = page.kind in ("PodList", "")  # without a kind (a server that is none) nothing is lost by looking
            items = [self._object(item, pods) for item in page.items or ()]
        except msgspec.MsgspecError as error:
            raise Failed(f"The answer of the API server cannot be read: {error}.") from error
        return {"kind": page.kind, "metadata": page.metadata, "items": items}

    def _object(self, parts: dict[str, msgspec.Raw], pod: bool) -> Object:
        found = {name: _whole.decode(raw) for name, raw in parts.items() if name not in ("metadata", "spec")}
        found["metadata"] = self._metadata(parts["metadata"])
        if "spec" in parts:
            found["spec"] = self._pod_spec(bytes(parts["spec"])) if pod else _whole.decode(parts["spec"])
        return found

    def _metadata(self, raw: msgspec.Raw) -> Object:
        found: Object = {}
        for name, value in _parts.decode(raw).items():
            if name in _OWN:
                found[name] = _whole.decode(value)
            elif name != "managedFields":
                found[name] = self._once(bytes(value))
        if (notes := found.get("annotations")) and not _OLD_VERSION.match(notes.get(_LAST_APPLIED, "")):
            notes.pop(_LAST_APPLIED, None)
        return found

    def _once(self, data: bytes) -> Any:
        if data not in self._shared:
            self._shared[data] = _whole.decode(data)
        return self._shared[data]

    def _pod_spec(self, data: bytes) -> Object:
        """Pods of one template differ by their node and by the random name of their token's volume."""
        nodes = _NODE_NAME.findall(data)
        if len(nodes) > 1:
            return _without_token(_whole.decode(data))
        template = _TOKEN_NAME.sub(b"", _NODE_NAME.sub(b"", data))
        spec = self._shared.get(template)
        if spec is None:
            spec = self._shared[template] = _without_token(_whole.decode(data))
            spec.pop("nodeName", None)
        return {**spec, "nodeName": self._once(b'"%s"' % nodes[0])} if nodes else spec


def _without_token(spec: Object) -> Object:
    if not any(item["name"].startswith(_TOKEN) for item in spec.get("volumes") or ()):
        return spec
    spec["volumes"] = [item for item in spec["volumes"] if not item["name"].startswith(_TOKEN)]
    for part in ("initContainers", "containers"):
        for container in spec.get(part) or ():
            mounts = container.get("volumeMounts") or ()
            container["volumeMounts"] = [item for item in mounts if not item["name"].startswith(_TOKEN)]
    return spec

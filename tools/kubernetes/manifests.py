"""Read manifests: YAML or JSON text into documents, with errors that say where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tools.errors import BadRequest
from tools.kubernetes.names import check_name, check_namespace

_LONGEST = 1_500_000  # bytes; the API server takes no larger object
_MOST = 200

Object = dict[str, Any]


def read_documents(text: str) -> list[Object]:
    """The objects of a text, lists taken apart; raises BadRequest that names the document and what is wrong."""
    import yaml

    if len(text.encode()) > _LONGEST:
        raise BadRequest("The manifest is larger than Kubernetes takes.", "Split it.")
    try:
        loaded: list[Any] = list(yaml.load_all(text, Loader=_loader()))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        raise BadRequest(f"The manifest is not valid YAML{where}: {getattr(error, 'problem', error)}.") from error
    found = [item for number, document in enumerate(loaded, 1) for item in _objects(document, number)]
    if not found:
        raise BadRequest("The manifest is empty.")
    if len(found) > _MOST:
        raise BadRequest(f"{len(found)} objects at once are too many to check.", f"At most {_MOST} go in one.")
    _check_doubles(found)
    return found


def _loader() -> type[Any]:
    """A safe loader that refuses doubled keys and reads times as text, as Kubernetes does."""
    import yaml

    def mapping(loader: Any, node: Any) -> Object:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                problem = f"the key {key.value!r} stands twice"
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
            seen.add(key.value)
        loader.flatten_mapping(node)
        return {
            str(loader.construct_object(key, deep=True)): loader.construct_object(value, deep=True)
            for key, value in node.value
        }

    fast: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    loader: Any = type("Loader", (fast,), {})
    loader.add_constructor("tag:yaml.org,2002:map", mapping)
    loader.add_constructor("tag:yaml.org,2002:timestamp", lambda made, node: made.construct_scalar(node))
    return loader


def _objects(document: Any, number: int) -> Iterator[Object]:
    if document is None:
        return
    if not isinstance(document, Mapping):
        raise BadRequest(f"Document {number} of the manifest is no object.", "It needs apiVersion, kind and metadata.")
    item: Object = dict(document)
    if str(item.get("kind", "")).endswith("List") and isinstance(item.get("items"), list):
        for inner in item["items"]:
            yield from _objects(inner, number)
        return
    missing = [key for key in ("apiVersion", "kind", "metadata") if not item.get(key)]
    if missing:
        raise BadRequest(f"Document {number} of the manifest has no {' and no '.join(missing)}.")
    meta: Any = item["metadata"]
    if not isinstance(meta, Mapping) or not isinstance(meta.get("name"), str):
        hint = "A generated name cannot be applied; give it a fixed one." if "generateName" in (meta or {}) else ""
        raise BadRequest(f"Document {number} of the manifest ({item['kind']}) has no metadata.name.", hint)
    check_name(meta["name"], str(item["apiVersion"]).rpartition("/")[0])
    if meta.get("namespace"):
        check_namespace(str(meta["namespace"]))
    dropped = ("uid", "resourceVersion", "managedFields", "creationTimestamp", "generation", "selfLink")
    item["metadata"] = {key: value for key, value in meta.items() if key not in dropped}
    item.pop("status", None)
    yield item


def _check_doubles(found: list[Object]) -> None:
    seen: set[tuple[str, ...]] = set()
    for item in found:
        meta = item["metadata"]
        key = (str(item["apiVersion"]), str(item["kind"]), meta["name"], str(meta.get("namespace") or ""))
        if key in seen:
            raise BadRequest(f"{item['kind']} {meta['name']} stands twice in the manifest.", "Keep one of them.")
        seen.add(key)

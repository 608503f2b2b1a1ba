"""What helm would send: a dry run on the server, its documents and hooks, and its complaints in plain words."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from tools.change import Ref
from tools.errors import BadRequest, Failed
from tools.helm import store
from tools.helm.charts import Chart
from tools.helm.documents import Document, documents
from tools.helm.runner import Helm
from tools.programs import Output
from tools.secrets.redact import redact_text

HISTORY = 10  # revisions that Helm keeps


@dataclass(frozen=True)
class Rendering:
    """One rendering; `unstable` names the objects that come out differently each time."""

    release: store.Revision
    documents: tuple[Document, ...]
    hooks: tuple[Document, ...]
    unstable: tuple[Ref, ...] = ()

    def digest(self, key: bytes) -> str:
        """Keyed digest of everything that is the same in each rendering."""
        loose = {str(ref) for ref in self.unstable}
        parts = [
            str(document.ref) if str(document.ref) in loose else [str(document.ref), document.body]
            for document in (*self.documents, *self.hooks)
        ]
        text = json.dumps(parts, sort_keys=True, default=str)
        return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def command(
    action: str, release: str, namespace: str, chart: Chart, *, create: bool = False, force: bool = False
) -> list[str]:
    """The helm command line for an installation or upgrade; the values come by standard input."""
    line = [action, release, str(chart.path), "--namespace", namespace, "-f", "-"]
    if action == "install":
        line += ["--create-namespace"] if create else []
    else:
        line += ["--reset-values", "--history-max", str(HISTORY)]
    return line + (["--force-conflicts"] if force else [])


def render(
    helm: Helm, line: list[str], values: Mapping[str, Any], namespace: str, *, twice: bool, alone: bool = False
) -> Rendering:
    """Render by a dry run of this command line; `twice` to find what differs each time.

    `alone`: without asking the server, for a chart whose kinds the cluster does not know yet. Raises BadRequest that
    explains what the chart or the values do wrong.
    """
    # The first seven words are action, release, chart, namespace and values.
    line = ["template", *line[1:7], "--skip-tests"] if alone else [*line, "--dry-run=server", "-o", "json"]
    text = json.dumps(dict(values))
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(helm.run, line, text) for _ in range(2 if twice else 1)]
        outputs = [run.result() for run in runs]
    first, *others = (_rendering(output, values, namespace, alone) for output in outputs)
    for other in others:
        first = Rendering(first.release, first.documents, first.hooks, _unstable(first, other))
    return first


def _rendering(output: Output, values: Mapping[str, Any], namespace: str, alone: bool) -> Rendering:
    if output.code:
        raise BadRequest(explain(output.stderr or output.stdout, values))
    if alone:
        return _from_text(output.stdout, namespace)
    try:
        data: dict[str, Any] = json.loads(output.stdout[output.stdout.index("{") :])
    except ValueError as error:
        raise Failed("helm printed something else than a release.", "Is the helm on PATH the real one?") from error
    release = store.from_json(data, namespace)
    hooks = [
        Document(found.ref, found.body, str(hook.get("path") or ""))
        for hook in release.hooks
        for found in documents(str(hook.get("manifest") or ""), namespace)
    ]
    return Rendering(release, tuple(documents(release.manifest, namespace)), tuple(hooks))


def _from_text(manifest: str, namespace: str) -> Rendering:
    """A rendering from plain documents, in which hooks are told by their annotation."""
    hooks: list[Document] = []
    told: list[dict[str, Any]] = []
    rest: list[Document] = []
    for document in documents(manifest, namespace):
        notes: Mapping[str, str] = (document.body.get("metadata") or {}).get("annotations") or {}
        if events := notes.get("helm.sh/hook"):
            hooks.append(document)
            names = [event.strip() for event in events.split(",")]
            told.append({"kind": document.ref.kind, "name": document.ref.name, "events": names})
        else:
            rest.append(document)
    return Rendering(store.Revision("", namespace, 0, "", hooks=tuple(told)), tuple(rest), tuple(hooks))


def _unstable(one: Rendering, other: Rendering) -> tuple[Ref, ...]:
    first = [*one.documents, *one.hooks]
    second = {str(document.ref): document.body for document in (*other.documents, *other.hooks)}
    if {str(document.ref) for document in first} != set(second):
        raise BadRequest(
            "The chart makes objects with other names at each rendering, so that nobody can approve what it would do.",
            "Give them fixed names in the chart.",
        )
    return tuple(document.ref for document in first if second[str(document.ref)] != document.body)


# --- Helm's complaints --------------------------------------------------------------------------------------------

_SCHEMA = re.compile(r"^- (?:at '(?P<at>[^']*)': |(?P<old>[\w.()/-]+): )(?P<what>.+)$", re.MULTILINE)
_SCHEMA_SIGN = "values don't meet the specifications of the schema"
_UNKNOWN = re.compile(r"additional propert(?:y|ies) (?P<names>.+?) (?:is |are )?not allowed", re.IGNORECASE)
_FAIL = re.compile(r"error calling (?:fail|required): (?P<why>.+)", re.DOTALL)
_TEMPLATE = re.compile(r"(?:execution|parse) error at \((?P<where>[^)]+)\):?\s*(?P<why>.*)", re.DOTALL)
_EXISTS = re.compile(
    r'(?P<kind>\S+) "(?P<name>[^"]+)" in namespace "(?P<ns>[^"]*)" exists and cannot be imported', re.DOTALL
)
_MISSING = re.compile(r"found in Chart.yaml, but missing in charts/ directory: (?P<names>.+)")
_KUBE = re.compile(r"chart requires kubeVersion: (?P<wants>.+?) which is incompatible with Kubernetes (?P<has>\S+)")
_NO_KIND = re.compile(r'no matches for kind "(?P<kind>[^"]+)" in version "(?P<version>[^"]+)"')


def explain(text: str, values: Mapping[str, Any] | None = None) -> str:
    """One sentence on what helm complains about, without secrets."""
    text = redact_text(text.strip())
    if _SCHEMA_SIGN in text:
        problems = [_schema_problem(match, values or {}) for match in _SCHEMA.finditer(text)]
        return "The chart does not accept these values: " + ("; ".join(problems) or text.splitlines()[-1]) + "."
    if found := _EXISTS.search(text):
        return (
            f"{found['kind']} {found['name']} in {found['ns']} exists already and does not belong to this release; "
            "Helm will not take it over."
        )
    if found := _MISSING.search(text):
        return (
            f"The chart lacks the charts it depends on ({found['names'].strip()}): run `helm dependency build` on it."
        )
    if found := _KUBE.search(text):
        return f"The chart wants Kubernetes {found['wants']}, but this cluster has {found['has']}."
    if found := _NO_KIND.search(text):
        return f"The cluster does not know the kind {found['kind']} ({found['version']}); is its definition installed?"
    if found := _FAIL.search(text):
        return f"The chart refuses these values: {_one_line(found['why'])}."
    if found := _TEMPLATE.search(text):
        return f"The chart cannot be rendered ({found['where']}): {_one_line(found['why'])}."
    return "helm says: " + _one_line(re.sub(r"^(Error: )?((INSTALLATION|UPGRADE) FAILED: )?", "", text)) + "."


def _schema_problem(match: re.Match[str], values: Mapping[str, Any]) -> str:
    place = (match["at"] or "").strip("/").replace("/", ".") or (match["old"] or "").removeprefix("(root)")
    what = match["what"].strip().rstrip(".")
    if unknown := _UNKNOWN.search(what):
        names = re.findall(r"'([^']+)'", unknown["names"]) or [unknown["names"]]
        return f"{f'{place} has' if place else 'there is'} no setting {' or '.join(names)}"
    value: Any = values
    for part in place.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    name = place.rpartition(".")[2]
    given = f" ({redact_text(f'{name}: {value}')})" if isinstance(value, str | int | float) else ""
    return f"{place or 'the values'}: {what}{given}"


def _one_line(text: str) -> str:
    line = re.sub(r"\s+", " ", text).strip().rstrip(".")
    return line[:600]

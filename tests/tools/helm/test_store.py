"""Releases as Helm's Secrets tell them, and the writes that follow from them."""

import base64
import gzip
import json
from typing import Any

import pytest

from tools.change import Ref
from tools.errors import Failed
from tools.helm.documents import Document
from tools.helm.store import Revision, decode, deployed
from tools.helm.writes import dropped, forgotten, hooked, recorded, unique, written


def secret(data: dict[str, Any], compress: bool = True) -> dict[str, Any]:
    raw = json.dumps(data).encode()
    packed = base64.b64encode(base64.b64encode(gzip.compress(raw) if compress else raw)).decode()
    return {"metadata": {"name": "sh.helm.release.v1.shop.v3", "namespace": "todo"}, "data": {"release": packed}}


STORED = {
    "name": "shop",
    "version": 3,
    "info": {"status": "deployed", "notes": "hello"},
    "chart": {"metadata": {"name": "shop", "version": "1.0.0", "appVersion": "7"}},
    "config": {"a": 1},
    "apply_method": "ssa",
}


@pytest.mark.parametrize("compress", [True, False])
def test_a_record_is_decoded(compress: bool) -> None:
    one = decode(secret(STORED, compress))
    assert (one.name, one.namespace, one.revision, one.status, one.method) == ("shop", "todo", 3, "deployed", "ssa")
    assert (one.chart_name, one.chart_version, one.app_version, one.values) == ("shop", "1.0.0", "7", {"a": 1})
    assert one.secret == "sh.helm.release.v1.shop.v3"


@pytest.mark.parametrize("data", [{}, {"release": "!!"}, {"release": base64.b64encode(b"{").decode()}])
def test_a_broken_record_is_told(data: dict[str, str]) -> None:
    with pytest.raises(Failed, match="cannot be read"):
        decode({**secret(STORED), "data": data})


def history(*states: str) -> list[Revision]:
    return [Revision("shop", "todo", number, state) for number, state in enumerate(states, start=1)]


def test_what_is_in_place_while_something_is_pending() -> None:
    found = deployed(history("superseded", "deployed", "failed", "pending-upgrade"))
    assert found is not None
    assert found.revision == 2
    assert deployed(history("failed")) is None


def document(name: str, keep: bool = False) -> Document:
    notes = {"helm.sh/resource-policy": "keep"} if keep else {}
    ref = Ref(api_version="v1", kind="ConfigMap", name=name, namespace="todo")
    return Document(ref, {"metadata": {"name": name, "annotations": notes}})


def path_of(ref: Ref) -> str:
    return f"/api/v1/namespaces/{ref.namespace}/configmaps/{ref.name}"


def told(writes: list[Any]) -> list[str]:
    return [f"{one.method} {one.path.rpartition('/')[2]}" for one in writes]


def test_writes_of_objects_and_hooks() -> None:
    assert told(written(path_of, [document("a")])) == ["POST configmaps", "PATCH a"]
    assert told(hooked(path_of, [document("h")])) == ["POST configmaps", "PATCH h", "DELETE h"]
    assert len(unique(written(path_of, [document("a"), document("b")]))) == 3


def test_writes_of_helms_own_records() -> None:
    found = told(recorded("todo", "shop", history("superseded", "deployed")))
    prefix = "sh.helm.release.v1.shop"
    assert found == ["POST secrets", f"PUT {prefix}.v3", f"PUT {prefix}.v2"]
    assert told(recorded("todo", "shop", [])) == ["POST secrets", f"PUT {prefix}.v1"]
    assert told(forgotten("todo", history("deployed"))) == [f"PUT {prefix}.v1", f"DELETE {prefix}.v1"]


def test_the_oldest_record_falls_out_but_never_the_one_in_place() -> None:
    full = history("deployed", *["failed"] * 9)
    deletions = [line for line in told(recorded("todo", "shop", full)) if line.startswith("DELETE")]
    assert deletions == ["DELETE sh.helm.release.v1.shop.v2"]


def test_what_an_upgrade_deletes() -> None:
    old = [document("a"), document("b"), document("kept", keep=True)]
    assert [one.ref.name for one in dropped(old, [document("a")])] == ["b"]

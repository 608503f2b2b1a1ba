"""Charts are found, pinned by content, and come back from what Helm stored."""

import base64
import tarfile
from pathlib import Path

import pytest

from tools.errors import BadRequest, NotFound
from tools.helm.charts import definitions, from_release, pin


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    folder = tmp_path / "work" / "chart"
    (folder / "templates").mkdir(parents=True)
    (folder / "Chart.yaml").write_text("name: shop\nversion: 1.2.3\n")
    (folder / "values.yaml").write_text("replicas: 1\n")
    (folder / "templates" / "a.yaml").write_text("kind: ConfigMap\n")
    return folder


def test_a_folder_is_copied_under_its_digest(chart: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first = pin("chart", chart.parent, cache)
    assert (first.name, first.version, first.values, first.random) == ("shop", "1.2.3", {"replicas": 1}, False)
    assert pin("chart", chart.parent, cache) == first
    (chart / "templates" / "a.yaml").write_text("kind: Secret\n")
    second = pin("chart", chart.parent, cache)
    assert second.digest != first.digest
    assert (first.path / "templates" / "a.yaml").read_text() == "kind: ConfigMap\n"


def test_a_copy_that_somebody_edited_is_made_anew(chart: Path, tmp_path: Path) -> None:
    first = pin("chart", chart.parent, tmp_path / "cache")
    (first.path / "templates" / "a.yaml").write_text("kind: Intruder\n")
    again = pin("chart", chart.parent, tmp_path / "cache")
    assert (again.path / "templates" / "a.yaml").read_text() == "kind: ConfigMap\n"


def test_random_values_in_templates_are_noticed(chart: Path, tmp_path: Path) -> None:
    (chart / "templates" / "b.yaml").write_text("x: {{ randAlphaNum 8 }}\n")
    assert pin("chart", chart.parent, tmp_path / "cache").random


def test_an_archive_is_the_same_chart(chart: Path, tmp_path: Path) -> None:
    archive = tmp_path / "shop-1.2.3.tgz"
    with tarfile.open(archive, "w:gz") as file:
        file.add(chart, "shop")
    cache = tmp_path / "cache"
    assert pin(str(archive), tmp_path, cache).digest == pin("chart", chart.parent, cache).digest


def test_an_address_is_fetched(chart: Path, tmp_path: Path) -> None:
    def fetch(reference: str, folder: Path) -> Path:
        assert reference == "oci://example.com/shop"
        path = folder / "shop.tgz"
        with tarfile.open(path, "w:gz") as file:
            file.add(chart, "shop")
        return path

    assert pin("oci://example.com/shop", tmp_path, tmp_path / "cache", fetch).name == "shop"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [("Chart.yaml", "name: [", "Chart.yaml line 2 of the chart is not YAML"), ("values.yaml", "- 1", "not a mapping")],
)
def test_a_broken_chart_is_told(chart: Path, tmp_path: Path, name: str, content: str, said: str) -> None:
    (chart / name).write_text(content + "\n")
    with pytest.raises(BadRequest, match=said):
        pin("chart", chart.parent, tmp_path / "cache")


def test_what_is_no_chart(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no chart at nowhere"):
        pin("nowhere", tmp_path, tmp_path / "cache")
    (tmp_path / "x.tgz").write_text("no archive")
    with pytest.raises(BadRequest, match="not a chart archive"):
        pin("x.tgz", tmp_path, tmp_path / "cache")


def test_links_out_of_the_chart_are_refused(chart: Path, tmp_path: Path) -> None:
    (chart / "files.txt").symlink_to("/etc/passwd")
    with pytest.raises(BadRequest, match="link out of its folder"):
        pin("chart", chart.parent, tmp_path / "cache")


def test_a_chart_comes_back_from_its_release(tmp_path: Path) -> None:
    text = base64.b64encode(b"kind: ConfigMap\n").decode()
    stored = {
        "metadata": {"name": "shop", "version": "1.0.0"},
        "values": {"replicas": 1},
        "templates": [{"name": "templates/a.yaml", "data": text}],
        "files": [{"name": "README.md", "data": base64.b64encode(b"hello").decode()}],
        "schema": base64.b64encode(b"{}").decode(),
    }
    found = from_release(stored, tmp_path)
    assert (found.name, found.values) == ("shop", {"replicas": 1})
    assert (found.path / "templates/a.yaml").read_text() == "kind: ConfigMap\n"
    assert (found.path / "values.schema.json").read_text() == "{}"
    assert from_release(stored, tmp_path) == found
    with pytest.raises(BadRequest, match="outside"):
        from_release({**stored, "files": [{"name": "../../escape", "data": text}]}, tmp_path)
    with pytest.raises(NotFound, match="did not keep"):
        from_release({"metadata": {"name": "x", "dependencies": [{"name": "y"}]}}, tmp_path)


def test_definitions_of_own_kinds_are_found(chart: Path, tmp_path: Path) -> None:
    (chart / "crds").mkdir()
    (chart / "crds" / "t.yaml").write_text("kind: CustomResourceDefinition\nmetadata: {name: t.x.io}\n")
    found = definitions(pin("chart", chart.parent, tmp_path / "cache"), "todo")
    assert [one.ref.name for one in found] == ["t.x.io"]

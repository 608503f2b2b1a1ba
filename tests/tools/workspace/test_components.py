"""The workspace: what `shipmate.yaml` states, what is read off a folder, and clear words for errors."""

from pathlib import Path

import pytest

from tools.data import data_folder, data_root
from tools.errors import BadRequest, NotFound
from tools.workspace.components import Workspace

GOOD = """\
name: shop
components:
  web:
    source: web
    needs: [api]
  api:
    source: services/api
    image: shop-api
    needs: [db, web]
  db:
    image: postgres:15
"""


def write(root: Path, text: str) -> Path:
    (root / "shipmate.yaml").write_text(text)
    return root


def test_a_declared_workspace_completes_what_is_left_out(tmp_path: Path) -> None:
    workspace = Workspace.find(write(tmp_path, GOOD))
    assert (workspace.namespace, workspace.release, workspace.declared) == ("shop", "shop", True)
    assert workspace.components["web"].image == "web"
    assert workspace.components["api"].image == "shop-api"
    assert workspace.source(workspace.components["api"]) == tmp_path / "services/api"
    assert workspace.source(workspace.components["db"]) is None


def test_needs_come_first_once_each_and_circles_end(tmp_path: Path) -> None:
    workspace = Workspace.find(write(tmp_path, GOOD))
    assert [one.name for one in workspace.with_needs(("web",))] == ["db", "api", "web"]
    assert [one.name for one in workspace.with_needs(("db", "web"))] == ["db", "api", "web"]


def test_the_file_is_found_from_a_folder_below_within_the_repository(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    below = tmp_path / "services" / "api"
    below.mkdir(parents=True)
    assert not Workspace.find(below).declared  # without a repository, other people's parents are not ours
    (tmp_path / ".git").mkdir()
    assert Workspace.find(below).root == tmp_path


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD + "colour: blue\n", r"line 12: colour: is not a known key"),
        (GOOD.replace("needs: [api]", "need: [api]"), r"line 5: components.web.need: is not a known key"),
        (GOOD.replace("needs: [api]", "needs: [nobody]"), r"web needs nobody, which is not a component"),
        (GOOD.replace("name: shop\n", "name: Shop!\n"), r"line 1: name: string should match"),
        ("name: shop\n", r"line 1: components: field required"),
        ("name: shop\ncomponents: [web]\n", r"line 2: components: input should be a valid dictionary"),
        ("name: [\n", r"line 2 is not YAML"),
        ("", r"line 1: file: must hold name and components"),
        (GOOD + "chart: nowhere\n", r"holds no Chart.yaml"),
        (GOOD + "chart: ../elsewhere\n", r"outside of the workspace"),
    ],
)
def test_what_is_wrong_is_said_with_line_and_key(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(BadRequest, match=said):
        Workspace.find(write(tmp_path, text))


def test_source_outside_of_the_workspace_is_refused(tmp_path: Path) -> None:
    workspace = Workspace.find(write(tmp_path, GOOD.replace("source: web", "source: ../../etc")))
    with pytest.raises(BadRequest, match="outside"):
        workspace.source(workspace.components["web"])


def test_an_unknown_component_names_the_nearest(tmp_path: Path) -> None:
    workspace = Workspace.find(write(tmp_path, GOOD))
    with pytest.raises(NotFound) as caught:
        workspace.component("apii")
    assert "api" in caught.value.next_step


def test_a_folder_without_the_file_is_read(tmp_path: Path) -> None:
    root = tmp_path / "My Shop"
    for path in (
        "web/package.json",
        "api/Dockerfile",
        "api/inner/package.json",
        "node_modules/x/package.json",
    ):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("")
    chart = root / "charts" / "shop"
    chart.mkdir(parents=True)
    (chart / "Chart.yaml").write_text("name: shop\n")
    (chart / "values.yaml").write_text("api: {replicaCount: 1}\n")
    workspace = Workspace.find(root)
    assert (workspace.name, workspace.chart, workspace.declared) == ("shop", chart, False)
    assert sorted(workspace.components) == ["api", "web"]
    assert workspace.components["api"].values == "api"
    assert workspace.components["web"].values == ""


def test_an_empty_folder_is_an_empty_workspace(tmp_path: Path) -> None:
    workspace = Workspace.find(tmp_path)
    assert workspace.components == {}
    with pytest.raises(NotFound, match="no component"):
        workspace.component("backend")


def test_the_example_is_a_workspace_with_chart_and_sources() -> None:
    workspace = Workspace.find(data_root())
    assert list(workspace.components) == ["frontend", "backend", "database"]
    assert workspace.chart == data_folder("charts") / "todo-chatbot"
    assert [one.name for one in workspace.with_needs(("backend",))] == ["database", "backend"]
    assert workspace.is_whole("the app")
    assert workspace.is_whole(None)
    assert not workspace.is_whole("backend")

"""Where the folders that travel with Shipmate are: charts, examples, prompts, cluster.

In a checkout they lie beside `tools/`; an installed wheel carries them in `shipmate_data/` beside it.
"""

from pathlib import Path

from tools.errors import NotFound


def data_root() -> Path:
    """The folder that holds `shipmate.yaml` of the example and the data folders."""
    beside = Path(__file__).resolve().parent.parent
    installed = beside / "shipmate_data"
    return installed if installed.is_dir() else beside


def data_folder(name: str) -> Path:
    """One of the data folders by name; raises NotFound when this installation lacks it."""
    folder = data_root() / name
    if not folder.is_dir():
        raise NotFound(f"This installation has no folder {name}.", "Install Shipmate again.")
    return folder

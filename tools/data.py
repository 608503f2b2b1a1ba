"""Where the files that travel with Shipmate are: charts, prompts, examples, cluster."""

from pathlib import Path

from tools.errors import Failed

_HERE = Path(__file__).resolve().parent


def data_folder(name: str) -> Path:
    """The folder (or file) of that name: in a checkout at its root, in an installed wheel inside the package."""
    for base in (_HERE.parent, _HERE / "data"):
        if (base / name).exists():
            return base / name
    raise Failed(f"Shipmate's own {name!r} files are missing.", "Install Shipmate again.")

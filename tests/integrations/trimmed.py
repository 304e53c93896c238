"""Copies of the sources without some integrations, and programs that run in them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

from nodeflow.manifests import integrations

HERE = Path(__file__).resolve().parent


def copy_without(names: Collection[str], root: Path, folder: Path) -> Path:
    """Copy the checkout into a folder, leaving out integrations; returns the folder.

    An integration takes its shim with it, and all of them the package around them.
    """

    def left_out(inside: str, found: list[str]) -> set[str]:
        if names and Path(inside) == root / "nodeflow" and set(names) == all_names(root):
            return {"integrations", *(each.shim for each in integrations())}
        if Path(inside) == root / "nodeflow":
            return {each.shim for each in integrations() if each.name in names}
        return set(names) & set(found) if Path(inside).name == "integrations" else set()

    shutil.copytree(root / "nodeflow", folder / "nodeflow", ignore=left_out)
    shutil.copy(root / "pyproject.toml", folder)
    for name in ("resources", "examples"):
        (folder / name).symlink_to(root / name)
    return folder


def all_names(root: Path) -> set[str]:
    """Return the names of all integrations of a checkout."""
    return {path.parent.name for path in root.glob("nodeflow/integrations/*/manifest.json")}


def run_in(folder: Path, *command: str) -> str:
    """Run Python with the sources in a folder; returns what it printed.

    Raises:
        AssertionError: it ends with another exit status than 0, or ran the checkout's sources.
    """
    environment = {**os.environ, "PYTHONPATH": str(folder), "QT_QPA_PLATFORM": "offscreen"}
    environment |= {"XDG_STATE_HOME": str(folder / "state"), "XDG_DATA_HOME": str(folder / "data")}
    environment |= {"XDG_CONFIG_HOME": str(folder / "config")}
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout

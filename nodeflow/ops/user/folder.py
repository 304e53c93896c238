"""The location of the user's plugin folder, and new files in it."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from nodeflow.atomic_write import write_atomically
from nodeflow.errors import FileProblem
from nodeflow.file_reading import read_own_text
from nodeflow.paths import (
    PLUGINS_VARIABLE,
    default_plugin_folder,
    folder_named_by,
    plugin_choice_file,
)
from nodeflow.resources import resource

SAMPLE = "plugins/leaky.py"
TEMPLATE = "plugins/new_op.txt"


def plugin_folder() -> Path:
    """Return the plugin folder, which need not exist.

    It is ``NODEFLOW_PLUGINS`` if set, else the folder chosen in the window, else ``plugins`` in the
    user's data folder.
    """
    named = folder_named_by(PLUGINS_VARIABLE)
    return named.absolute() if named else chosen_folder() or default_plugin_folder()


def is_named() -> bool:
    """Return whether an environment variable sets the plugin folder. It then takes precedence over
    the user's choice.
    """
    return folder_named_by(PLUGINS_VARIABLE) is not None


def chosen_folder() -> Path | None:
    """Return the folder that the user chose, or None."""
    try:
        text = read_own_text(plugin_choice_file()).strip()
    except (OSError, ValueError):
        return None
    return Path(text) if text and os.path.isabs(text) else None


def choose_folder(folder: Path | None) -> None:
    """Store which plugin folder the user chose.

    Args:
        folder: the folder; None restores the default.

    Raises:
        FileProblem: the choice cannot be written.
    """
    path = plugin_choice_file()
    try:
        if folder is None:
            path.unlink(missing_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, f"{folder.absolute()}\n".encode())
    except OSError as error:
        raise FileProblem(f"the choice cannot be saved in {path}: {error.strerror}") from error


def make_folder(folder: Path | None = None) -> Path:
    """Create the plugin folder, with a sample in it if it is new. Return it.

    Raises:
        FileProblem: it cannot be created.
    """
    folder = folder or plugin_folder()
    if folder.is_dir():
        return folder
    sample = resource(SAMPLE)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        try:
            write_atomically(made / sample.name, sample.read_bytes())
            os.replace(made, folder)
        except OSError:
            shutil.rmtree(made, ignore_errors=True)
            raise
    except OSError as error:
        raise FileProblem(
            f"the plugin folder {folder} cannot be created: {error.strerror}"
        ) from error
    return folder


def new_file(name: str, folder: Path | None = None) -> Path:
    """Write a file with a template of an op of this name. Return its path.

    Raises:
        FileProblem: the file exists already, or cannot be written.
    """
    path = make_folder(folder) / f"{name}.py"
    if path.exists():
        raise FileProblem(f"the file {path.name} already exists")
    text = resource(TEMPLATE).read_text(encoding="utf-8").replace("NAME", name)
    try:
        write_atomically(path, text.encode())
    except OSError as error:
        raise FileProblem(f"{path} cannot be written: {error.strerror}") from error
    return path

"""Where nodeflow keeps a user's files: subfolders ``nodeflow`` of each platform's own folders.

- config: ``$XDG_CONFIG_HOME`` (else ``~/.config``); Windows: ``%APPDATA%``
- data: ``$XDG_DATA_HOME`` (else ``~/.local/share``); Windows: ``%APPDATA%``
- state: ``$XDG_STATE_HOME`` (else ``~/.local/state``); Windows: ``%LOCALAPPDATA%``
- cache: ``$XDG_CACHE_HOME`` (else ``~/.cache``); macOS: ``~/Library/Caches``; Windows: ``cache`` in
  ``%LOCALAPPDATA%\\nodeflow``

On macOS the first three are ``~/Library/Application Support``. A relative XDG variable is ignored,
as the XDG specification requires. No function here creates a folder, but for a user without a home
folder, as in many containers: then a temporary one is home, for the processes that this one starts
as well.
"""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from pathlib import Path

CACHE_VARIABLE = "NODEFLOW_CACHE_DIR"
"""Names the folder whose subfolder ``kernels`` holds compiled kernels."""
KEY_VARIABLE = "NODEFLOW_KERNEL_KEY"
"""Names the file with the key that seals compiled kernels; it is made where it is missing."""
DATA_VARIABLE = "NODEFLOW_DATA_DIR"
"""Names the folder with the user's own copy of the data sets."""
PLUGINS_VARIABLE = "NODEFLOW_PLUGINS"
"""Names the plugin folder."""
RUNS_VARIABLE = "NODEFLOW_RUNS"
"""Names the folder of kept runs; ``off`` keeps none."""

_NAME = "nodeflow"


_no_home: list[str] = []
"""What `home_notice` says."""


def home() -> Path:
    """The user's home folder, or a temporary one where there is none that can be written to."""
    try:
        found = Path.home()
    except RuntimeError:  # no variable, and no entry in the list of users
        return _temporary_home("There is no home folder")
    if not found.is_dir() and not os.access(found.parent, os.W_OK):
        return _temporary_home(f"The home folder {found} does not exist")
    if found == Path(found.anchor) and not os.access(found, os.W_OK):
        return _temporary_home("There is no home folder that can be written to")
    return found


def home_notice() -> str | None:
    """What the user has to know about a temporary home folder; None where there is a real one."""
    home()
    return _no_home[0] if _no_home else None


def _temporary_home(why: str) -> Path:
    user = os.getuid() if hasattr(os, "getuid") else 0
    folder = Path(tempfile.gettempdir()) / f"nodeflow-home-{user}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        mine = stat.S_ISDIR(found.st_mode) and found.st_uid == user and not found.st_mode & 0o077
    except OSError:
        mine = False
    if not mine:  # somebody else made it
        folder = Path(tempfile.mkdtemp(prefix="nodeflow-home-"))
    os.environ["HOME"] = str(folder)
    text = f"{why}, so settings, caches and recovery are kept in {folder} and may be lost."
    _no_home[:] = [text + " Set HOME to a folder of your own to keep them."]
    return folder


def config_folder() -> Path:
    """What the user chose."""
    return _application_folder("XDG_CONFIG_HOME", ".config")


def data_folder() -> Path:
    """What the user made and keeps."""
    return _application_folder("XDG_DATA_HOME", ".local/share")


def state_folder() -> Path:
    """What belongs to this machine and must survive a restart."""
    if sys.platform == "win32":
        return _local_app_data() / _NAME
    return _application_folder("XDG_STATE_HOME", ".local/state")


def cache_folder() -> Path:
    """What can be made or downloaded again."""
    if sys.platform == "win32":
        return _local_app_data() / _NAME / "cache"
    if sys.platform == "darwin":
        return home() / "Library" / "Caches" / _NAME
    return _xdg("XDG_CACHE_HOME", ".cache") / _NAME


def kernel_folder() -> Path:
    """Compiled kernels: ``kernels`` in ``NODEFLOW_CACHE_DIR``, else in the cache folder."""
    override = os.environ.get(CACHE_VARIABLE)
    return (Path(override) if override else cache_folder()) / "kernels"


def kernel_key_file() -> Path:
    """The key that seals them: ``NODEFLOW_KERNEL_KEY``, else in the state folder, not the cache."""
    return folder_named_by(KEY_VARIABLE) or state_folder() / "kernel-key"


def journal_folder() -> Path:
    """Crash journals of open documents."""
    return state_folder() / "journals"


def open_files_folder() -> Path:
    """Records of which files are open in which windows."""
    return state_folder() / "open"


def consents_folder() -> Path:
    """Records of what each document may read outside its folder."""
    return state_folder() / "consents"


def trainings_folder() -> Path:
    """States of the trainings of windows, to go on from after a crash or a stop."""
    return state_folder() / "trainings"


def rescue_folder() -> Path:
    """What could not be written where it was meant to go."""
    return state_folder() / "rescued"


def backups_folder() -> Path:
    """Earlier versions of the user's files."""
    return data_folder() / "backups"


def library_folder() -> Path:
    """The user's subgraphs and templates."""
    return data_folder() / "library"


def runs_folder() -> Path | None:
    """Kept runs: ``NODEFLOW_RUNS``, else in the data folder; None where that is ``off``."""
    if os.environ.get(RUNS_VARIABLE, "").strip().lower() == "off":
        return None
    return folder_named_by(RUNS_VARIABLE) or data_folder() / "runs"


def default_plugin_folder() -> Path:
    """The plugin folder where neither the user nor ``NODEFLOW_PLUGINS`` names another."""
    return data_folder() / "plugins"


def plugin_choice_file() -> Path:
    """The file that holds the plugin folder that the user chose."""
    return config_folder() / "plugin-folder.txt"


def folder_named_by(variable: str) -> Path | None:
    """The folder that an environment variable names, with ``~`` expanded; None if it is not set."""
    value = os.environ.get(variable)
    return Path(value).expanduser() if value else None


def _application_folder(variable: str, usual: str) -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA") or home() / "AppData" / "Roaming") / _NAME
    if sys.platform == "darwin":
        return home() / "Library" / "Application Support" / _NAME
    return _xdg(variable, usual) / _NAME


def _local_app_data() -> Path:
    return Path(os.environ.get("LOCALAPPDATA") or home() / "AppData" / "Local")


def _xdg(variable: str, usual: str) -> Path:
    value = os.environ.get(variable, "")
    return Path(value) if os.path.isabs(value) else home() / usual

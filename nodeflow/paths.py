"""Where nodeflow keeps a user's files: subfolders ``nodeflow`` of each platform's own folders.

- config: ``$XDG_CONFIG_HOME`` (else ``~/.config``); Windows: ``%APPDATA%``
- data: ``$XDG_DATA_HOME`` (else ``~/.local/share``); Windows: ``%APPDATA%``
- state: ``$XDG_STATE_HOME`` (else ``~/.local/state``); Windows: ``%LOCALAPPDATA%``
- cache: ``$XDG_CACHE_HOME`` (else ``~/.cache``); macOS: ``~/Library/Caches``; Windows: ``cache`` in
  ``%LOCALAPPDATA%\\nodeflow``

On macOS the first three are ``~/Library/Application Support``. A relative XDG variable is ignored,
as the XDG specification requires. No function here creates a folder.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

CACHE_VARIABLE = "NODEFLOW_CACHE_DIR"
"""Names the folder whose subfolder ``kernels`` holds compiled kernels."""
DATA_VARIABLE = "NODEFLOW_DATA_DIR"
"""Names the folder with the user's own copy of the data sets."""
PLUGINS_VARIABLE = "NODEFLOW_PLUGINS"
"""Names the plugin folder."""

_NAME = "nodeflow"


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
        return Path.home() / "Library" / "Caches" / _NAME
    return _xdg("XDG_CACHE_HOME", ".cache") / _NAME


def kernel_folder() -> Path:
    """Compiled kernels: ``kernels`` in ``NODEFLOW_CACHE_DIR``, else in the cache folder."""
    override = os.environ.get(CACHE_VARIABLE)
    return (Path(override) if override else cache_folder()) / "kernels"


def journal_folder() -> Path:
    """Crash journals of open documents."""
    return state_folder() / "journals"


def open_files_folder() -> Path:
    """Records of which files are open in which windows."""
    return state_folder() / "open"


def versions_folder() -> Path:
    """Versions of files that others have replaced, or that have replaced theirs."""
    return state_folder() / "versions"


def library_folder() -> Path:
    """The user's subgraphs and templates."""
    return data_folder() / "library"


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
        return Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming") / _NAME
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / _NAME
    return _xdg(variable, usual) / _NAME


def _local_app_data() -> Path:
    return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")


def _xdg(variable: str, usual: str) -> Path:
    value = os.environ.get(variable, "")
    return Path(value) if os.path.isabs(value) else Path.home() / usual

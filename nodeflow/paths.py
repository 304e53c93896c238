"""The places of a user's files: subfolders ``nodeflow`` of each platform's own folders.

- config: ``$XDG_CONFIG_HOME`` (else ``~/.config``); Windows: ``%APPDATA%``
- data: ``$XDG_DATA_HOME`` (else ``~/.local/share``); Windows: ``%APPDATA%``
- state: ``$XDG_STATE_HOME`` (else ``~/.local/state``); Windows: ``%LOCALAPPDATA%``
- cache: ``$XDG_CACHE_HOME`` (else ``~/.cache``); macOS: ``~/Library/Caches``; Windows: ``cache`` in
  ``%LOCALAPPDATA%\\nodeflow``

On macOS the first three are ``~/Library/Application Support``. A relative XDG variable is ignored,
as the XDG specification requires.

No function here creates one of these folders. A user without a home folder, as in many containers,
gets a temporary home folder, which child processes share.
"""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from pathlib import Path

CACHE_VARIABLE = "NODEFLOW_CACHE_DIR"
"""The variable that names the parent of the folders ``kernels``, with compiled kernels,
``courses``, with unpacked courses, and ``glyphs``, with drawn icons."""
KEY_VARIABLE = "NODEFLOW_KERNEL_KEY"
"""The variable that names the file with the key that seals compiled kernels, created if missing."""
DATA_VARIABLE = "NODEFLOW_DATA_DIR"
"""The variable that names the folder with the user's own copy of the data sets."""
COURSES_VARIABLE = "NODEFLOW_COURSES"
"""The variable that names courses to offer to every learner: folders and zips, separated as in
``PATH``."""
LESSONS_VARIABLE = "NODEFLOW_LESSONS_DIR"
"""The variable that names the folder with the learner's answers and progress."""
PLUGINS_VARIABLE = "NODEFLOW_PLUGINS"
"""The variable that names the plugin folder."""
RUNS_VARIABLE = "NODEFLOW_RUNS"
"""The variable that names the folder of kept runs; ``off`` keeps none."""

_NAME = "nodeflow"


_no_home: list[str] = []
"""The text that `home_notice` returns."""


def home() -> Path:
    """Return the user's home folder, or a temporary one if there is no writable home folder."""
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
    """Return a notice about a temporary home folder, or None where there is a real one."""
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
    if not mine:  # another user created it
        folder = Path(tempfile.mkdtemp(prefix="nodeflow-home-"))
    os.environ["HOME"] = str(folder)
    text = f"{why}, so settings, caches and recovery are kept in {folder} and may be lost."
    _no_home[:] = [text + " Set HOME to a folder of your own to keep them."]
    return folder


def config_folder() -> Path:
    """Return the folder for the user's choices."""
    return _application_folder("XDG_CONFIG_HOME", ".config")


def data_folder() -> Path:
    """Return the folder for the user's own creations."""
    return _application_folder("XDG_DATA_HOME", ".local/share")


def state_folder() -> Path:
    """Return the folder for data of this machine that must survive a restart."""
    if sys.platform == "win32":
        return _local_app_data() / _NAME
    return _application_folder("XDG_STATE_HOME", ".local/state")


def cache_folder() -> Path:
    """Return the folder for data that can be computed or downloaded again."""
    if sys.platform == "win32":
        return _local_app_data() / _NAME / "cache"
    if sys.platform == "darwin":
        return home() / "Library" / "Caches" / _NAME
    return _xdg("XDG_CACHE_HOME", ".cache") / _NAME


def kernel_folder() -> Path:
    """Return the folder ``kernels`` in ``NODEFLOW_CACHE_DIR``, else in the cache folder."""
    return _chosen_cache() / "kernels"


def glyphs_folder() -> Path:
    """Return the folder of drawn icons, beside `kernel_folder`."""
    return _chosen_cache() / "glyphs"


def courses_folder() -> Path:
    """Return the folder of unpacked courses, beside `kernel_folder`."""
    return _chosen_cache() / "courses"


def _chosen_cache() -> Path:
    override = os.environ.get(CACHE_VARIABLE)
    return Path(override) if override else cache_folder()


def kernel_key_file() -> Path:
    """Return the path of the file with the key that authenticates cached kernels.

    The environment variable ``NODEFLOW_KERNEL_KEY`` names it. By default it is in the state folder,
    which is not cleared like a cache.
    """
    return folder_named_by(KEY_VARIABLE) or state_folder() / "kernel-key"


def journal_folder() -> Path:
    """Return the folder of crash journals of open documents."""
    return state_folder() / "journals"


def open_files_folder() -> Path:
    """Return the folder that records which files are open in windows of the program."""
    return state_folder() / "open"


def consents_folder() -> Path:
    """Return the folder with records of the user's consent: the files outside a document's folder
    that the document may read.
    """
    return state_folder() / "consents"


def trainings_folder() -> Path:
    """Return the folder of training states, for resuming after a crash or a stop."""
    return state_folder() / "trainings"


def rescue_folder() -> Path:
    """Return the folder for files that could not be written to their own place."""
    return state_folder() / "rescued"


def lessons_folder() -> Path:
    """Return the folder of the answers to lessons that the user is working on:
    ``NODEFLOW_LESSONS_DIR``, else in the data folder.
    """
    return folder_named_by(LESSONS_VARIABLE) or data_folder() / "lessons"


def offered_courses() -> list[Path]:
    """Return the folders and zips that ``NODEFLOW_COURSES`` names."""
    names = os.environ.get(COURSES_VARIABLE, "").split(os.pathsep)
    return [Path(name).expanduser() for name in names if name]


def backups_folder() -> Path:
    """Return the folder of earlier versions of the user's files."""
    return data_folder() / "backups"


def library_folder() -> Path:
    """Return the folder of the user's subgraphs and templates."""
    return data_folder() / "library"


def runs_folder() -> Path | None:
    """Return the folder of kept runs: ``NODEFLOW_RUNS`` or in the data folder. None for ``off``."""
    if os.environ.get(RUNS_VARIABLE, "").strip().lower() == "off":
        return None
    return folder_named_by(RUNS_VARIABLE) or data_folder() / "runs"


def default_plugin_folder() -> Path:
    """Return the plugin folder in the user's data folder. It is used unless the user or
    ``NODEFLOW_PLUGINS`` names another one.
    """
    return data_folder() / "plugins"


def plugin_choice_file() -> Path:
    """Return the path of the settings file that stores which plugin folder the user chose."""
    return config_folder() / "plugin-folder.txt"


def folder_named_by(variable: str) -> Path | None:
    """Return the folder that an environment variable names, with ``~`` expanded, or None."""
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

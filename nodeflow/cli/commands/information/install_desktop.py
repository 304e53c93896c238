"""``nodeflow install-desktop``: a menu entry for nodeflow, which opens ``.flow`` files."""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
from pathlib import Path

from nodeflow.atomic_write import write_atomically, writing
from nodeflow.cli.environment import DONE, PROBLEM, Environment
from nodeflow.paths import data_folder
from nodeflow.resources import resource
from nodeflow.start_process import start_process

ENTRY = """\
[Desktop Entry]
Type=Application
Name=nodeflow
GenericName=Graph editor
Comment=Build, see and train dataflow graphs
Exec={command} %f
Icon=nodeflow
Terminal=false
Categories=Education;ArtificialIntelligence;
Keywords=tensor;graph;machine learning;
MimeType=application/x-nodeflow;
StartupWMClass=nodeflow
"""
TYPE = """\
<?xml version="1.0" encoding="UTF-8"?>
<mime-info xmlns="http://www.freedesktop.org/standards/shared-mime-info">
  <mime-type type="application/x-nodeflow">
    <comment>nodeflow graph</comment>
    <sub-class-of type="application/json"/>
    <icon name="nodeflow"/>
    <glob pattern="*.flow"/>
  </mime-type>
</mime-info>
"""
ELSEWHERE = {
    "win32": "right-click a .flow file, choose Open with, and name this program: {program}",
    "darwin": "choose a .flow file in Finder, then File → Get Info → Open with, and name {program}",
}
"""What to do instead on systems that know programs by other means."""


def install_desktop(arguments: argparse.Namespace, environment: Environment) -> int:
    """Install or remove the menu entry, the type of ``.flow`` files and the icon of this user."""
    if sys.platform in ELSEWHERE:
        advice = ELSEWHERE[sys.platform].format(program=command()[0])
        environment.message(f"nodeflow: install-desktop is for Linux desktops. Here, {advice}")
        return PROBLEM
    share = data_folder().parent
    for name, content in desktop_files().items():
        path = share / name
        with writing(path):
            if arguments.remove:
                path.unlink(missing_ok=True)
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                write_atomically(path, content)
    _refresh(share)
    if arguments.remove:
        environment.message(f"nodeflow: removed from the menu of programs ({share})")
    else:
        environment.message(
            f"nodeflow: installed in the menu of programs ({share}). A double click on a .flow "
            "file opens it. Remove both with: nodeflow install-desktop --remove"
        )
    return DONE


def desktop_files() -> dict[str, bytes]:
    """Return the contents of the files to install, by their paths in ``$XDG_DATA_HOME``."""
    quoted = " ".join(in_entry(word) for word in command())
    return {
        "applications/nodeflow.desktop": ENTRY.format(command=quoted).encode(),
        "mime/packages/nodeflow.xml": TYPE.encode(),
        "icons/hicolor/scalable/apps/nodeflow.svg": resource("icons/nodeflow.svg").read_bytes(),
        "icons/hicolor/256x256/apps/nodeflow.png": resource("icons/nodeflow-256.png").read_bytes(),
    }


def command() -> list[str]:
    """Return the command that opens this installation's window."""
    if getattr(sys, "frozen", False):
        return [sys.executable]
    script = Path(sys.executable).with_name("nodeflow")
    return [str(script)] if script.is_file() else [sys.executable, "-m", "nodeflow"]


def in_entry(word: str) -> str:
    """Quote a word of a command as the specification of desktop entries asks.

    The value of ``Exec`` is unescaped twice: as a string, then as a command.
    """
    word = word.replace("%", "%%")
    if not re.search(r"""[\s"'\\><~|&;$*?#()`]""", word):
        return word
    quoted = re.sub(r'(["`$\\])', r"\\\1", word)
    return '"' + quoted.replace("\\", "\\\\") + '"'


def _refresh(share: Path) -> None:
    """Let the desktop read the files again, where it has programs for that."""
    programs = {"update-desktop-database": "applications", "update-mime-database": "mime"}
    for program, folder in programs.items():
        if shutil.which(program) and (share / folder).is_dir():
            words = [program, str(share / folder)]
            start_process(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).wait()

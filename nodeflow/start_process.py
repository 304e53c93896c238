"""The start of a process: all of nodeflow's processes start here, except those of Qt.

On Windows, a program with a window has no console, and a process that it starts would open one.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from typing import Any


def start_process(command: Sequence[str], **settings: Any) -> subprocess.Popen[Any]:
    """Start a process without a console of its own; see `subprocess.Popen` for the settings."""
    if sys.platform == "win32":
        settings.setdefault("creationflags", subprocess.CREATE_NO_WINDOW)
        if sys.__stderr__ is None:  # no stream to inherit, which the process would fail to write
            settings.setdefault("stderr", subprocess.DEVNULL)
    return subprocess.Popen(command, **settings)

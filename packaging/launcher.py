"""The program of the bundle: the command ``nodeflow``, and a Python that runs its modules.

nodeflow starts processes of its own as ``sys.executable -m nodeflow.…``. In the bundle
``sys.executable`` is this program, so it answers ``-m`` as Python does.
"""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path


def main() -> int:
    """Run a module of nodeflow for ``-m MODULE …``, else the command line."""
    _restore_environment()
    # the bundle's loader ignores the variable, by which a process passes its import path on
    passed = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    sys.path += [path for path in passed if path and path not in sys.path]
    if sys.argv[1:2] == ["-m"]:
        module = sys.argv[2] if len(sys.argv) > 2 else ""
        if module.partition(".")[0] != "nodeflow":
            print(
                f"nodeflow: the bundle runs modules of nodeflow only, not {module!r}.",
                file=sys.stderr,
            )
            return 2
        del sys.argv[1:3]
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        return 0
    from nodeflow.cli.main import main_without_console

    return main_without_console()


def _restore_environment() -> None:
    """Take the loader's variables out, so that other programs load no library of the bundle."""
    before = os.environ.pop("LD_LIBRARY_PATH_ORIG", None)
    if sys.platform == "linux":
        os.environ.pop("LD_LIBRARY_PATH", None)
        if before is not None:
            os.environ["LD_LIBRARY_PATH"] = before
    # with these, a process of nodeflow's own would not set the path of its libraries again
    for name in [name for name in os.environ if name.startswith("_PYI_")]:
        del os.environ[name]
    if sys.platform == "win32":  # the processes of the window need streams, as a console has
        sys.executable = str(Path(sys.executable).with_name("nodeflow.exe"))


if __name__ == "__main__":
    sys.exit(main())

"""Runs a TensorFlow 1 program unchanged: ``import tensorflow`` imports nodeflow's names."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Sequence
from pathlib import Path

from nodeflow.integrations.tensorflow1.runner.import_hook import provide


def run(program: Path, arguments: Sequence[str] = ()) -> int:
    """Run a program like ``python PROGRAM ARGUMENTS``, with nodeflow in place of TensorFlow.

    Modules are searched for in the program's folder first. Exceptions of the program are raised.
    """
    if not program.is_file():
        print(f"{program}: there is no such file", file=sys.stderr)
        return 1
    provide("tensorflow")
    sys.argv = [str(program), *arguments]
    sys.path.insert(0, str(program.resolve().parent))
    runpy.run_path(str(program), run_name="__main__")
    return 0


def command(program: Path, arguments: Sequence[str], target: Path) -> list[str]:
    """Return the command that runs a program and writes its graph; see `graph_of_program`."""
    return [
        sys.executable,
        "-m",
        f"{__package__}.graph_of_program",
        str(target),
        str(program),
        *arguments,
    ]

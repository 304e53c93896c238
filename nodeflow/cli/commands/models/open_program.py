"""``nodeflow open-program``: run a program, and open the window with the graph that it made."""

from __future__ import annotations

import argparse
import signal
import tempfile
from collections.abc import Sequence
from pathlib import Path

from nodeflow.cli.environment import DONE, PROBLEM, Environment
from nodeflow.cli.left_graphs import Runner
from nodeflow.cli.main import no_display, show_window
from nodeflow.errors import FileProblem
from nodeflow.manifests import offers
from nodeflow.start_process import start_process


def open_program(arguments: argparse.Namespace, environment: Environment) -> int:
    """Run a program, then show its graph. Without a display, the program does not run.

    Raises:
        FileProblem: there is no such file.
    """
    program = environment.path(arguments.program)
    if not program.is_file():
        raise FileProblem(f"there is no file {arguments.program}", hint="Name a Python program.")
    if reason := no_display():
        environment.message(f"nodeflow: {reason}")
        return PROBLEM
    runner: Runner = offers("program")[0].load()
    with tempfile.TemporaryDirectory(prefix="nodeflow-") as folder:
        target = Path(folder) / f"{program.stem}.flow"
        code = _run(runner(program, arguments.arguments, target), environment)
        if not target.exists():
            return code or PROBLEM
        if code != DONE:
            environment.message(
                f"nodeflow: {program.name} ended with exit code {code}; the window shows the "
                "graph that it had built"
            )
        return show_window(target, is_new=True)


def _run(command: Sequence[str], environment: Environment) -> int:
    """Run a command to its end and return its exit code. Ctrl-C interrupts only the command."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        return start_process(command, cwd=environment.folder).wait()
    finally:
        signal.signal(signal.SIGINT, before)

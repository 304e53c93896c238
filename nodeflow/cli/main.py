"""The entry point: it parses arguments, runs the command, turns errors into messages and exit
codes.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from nodeflow.cli.definition.all_commands import COMMAND_NAMES, build_parser
from nodeflow.cli.environment import DONE, INTERRUPTED, PROBLEM, SYNTAX, Environment
from nodeflow.errors import NodeflowError, suggest
from nodeflow.file_reading import chosen_limit, limited
from nodeflow.paths import home_notice


def main(argv: Sequence[str] | None = None, environment: Environment | None = None) -> int:
    """Run one command line. A user error becomes a message and an exit code.

    Returns:
        The exit code.
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    environment = environment or Environment()
    if notice := home_notice():
        environment.message(f"nodeflow: note: {notice}")
    try:
        if argv[:1] == ["--safe"]:
            return _open_window(argv[1:], environment, safe=True)
        if not argv or (argv[0] not in COMMAND_NAMES and not argv[0].startswith("-")):
            return _open_window(argv, environment)
        arguments = build_parser(argv[0]).parse_args(argv)
        arguments.words = argv
        if arguments.version:
            environment.print(_version())
            return DONE
        if not getattr(arguments, "handler", None):
            build_parser(argv[0]).print_help(environment.stderr)
            return SYNTAX
        if environment.interactive:
            from nodeflow.graph.session_hooks.activity import show_progress_by

            show_progress_by(environment.show_progress)
        module, _, function = arguments.handler.partition(":")
        with limited(chosen_limit(_given(arguments, "read_limit"), _given(arguments, "any_file"))):
            if hasattr(arguments, "plugins"):
                _load_plugins(arguments.plugins, environment)
            return getattr(import_module(module), function)(arguments, environment) or DONE
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else SYNTAX
    except NodeflowError as error:
        environment.message(f"nodeflow: {error.text('cli')}")
        return getattr(error, "exit_code", PROBLEM)
    except KeyboardInterrupt:
        environment.message("nodeflow: interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return DONE


def main_without_console() -> int:
    """Run ``nodeflow`` where there is no console, as on Windows for a program with a window."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115  stays open
    return main()


def _given(arguments: argparse.Namespace, name: str) -> Any:
    return getattr(arguments, name, None)


def _load_plugins(folder: str | None, environment: Environment) -> None:
    """Register the user's own ops. Warn about a file that does not load."""
    from nodeflow.ops.user import PLUGINS, load_plugins

    load_plugins(environment.path(folder) if folder else None)
    for problem in PLUGINS.problems:
        environment.message(f"nodeflow: warning: {problem}")


def _open_window(argv: list[str], environment: Environment, *, safe: bool = False) -> int:
    if len(argv) > 1:
        environment.message(
            f"nodeflow: {argv[0]!r} is not a command. "
            f"{suggest(argv[0], COMMAND_NAMES) or 'See nodeflow --help.'}"
        )
        return SYNTAX
    if argv and not environment.path(argv[0]).exists():
        hint = suggest(argv[0], COMMAND_NAMES) or "Give an existing .flow file, or see --help."
        environment.message(f"nodeflow: there is no file {argv[0]}. {hint}")
        return PROBLEM
    if reason := no_display():
        environment.message(f"nodeflow: {reason}")
        return PROBLEM
    return show_window(environment.path(argv[0]) if argv else None, safe=safe)


def show_window(path: Path | None, *, safe: bool = False, is_new: bool = False) -> int:
    """Open the window, and return its exit code when it is closed; `ui.app.run` has the
    arguments.
    """
    from nodeflow.ui.app import run

    return run(path, safe=safe, is_new=is_new)


def no_display() -> str | None:
    """Return the reason why no window can open, or None. Without a display, Qt would abort the
    process.
    """
    names = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    if not sys.platform.startswith("linux") or any(os.environ.get(name) for name in names):
        return None
    return (
        "there is no display to open a window on (DISPLAY and WAYLAND_DISPLAY are not set). "
        "Start it in a desktop session, or use a command that needs no window: nodeflow --help."
    )


def _version() -> str:
    from nodeflow import __version__

    return f"nodeflow {__version__}"

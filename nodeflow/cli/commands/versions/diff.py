"""``nodeflow diff``: the differences between two graphs, for people, programs and git."""

from __future__ import annotations

import argparse
import os

from nodeflow.cli.environment import DONE, PROBLEM, Environment
from nodeflow.cli.option_values import ArgumentProblem
from nodeflow.cli.output_format import json_line
from nodeflow.document.diff.differences import ADDED, CHANGED, REMOVED, compare
from nodeflow.document.diff.text import as_json, lines
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document

COLOURS = {ADDED: "32", REMOVED: "31", CHANGED: "33"}
"""ANSI colours: green, red, yellow. The signs + - ~ show the same."""
_NOTHING = (os.devnull, "/dev/null", "nul")
"""Names that git gives to a missing file."""


def diff(arguments: argparse.Namespace, environment: Environment) -> int:
    """Print the differences of two files. Return 1 if there are any (0 with ``--git``).

    Raises:
        FileProblem: a file is missing or damaged.
        ArgumentProblem: more than two files.
    """
    before, after = arguments.before, arguments.after
    if arguments.git:
        before, after = _of_git(arguments)
    elif arguments.rest:
        raise ArgumentProblem(
            f"diff compares two files, and {len(arguments.rest) + 2} are given",
            hint="git's external diff needs --git.",
        )
    documents = [_read(environment, name) for name in (before, after)]
    found = compare(*documents, layout=arguments.layout)
    if arguments.json:
        environment.print(json_line([as_json(one) for one in found]))
    else:
        if arguments.git and found:
            environment.print(f"nodeflow diff {arguments.before}")
        shows = _has_colours(environment)
        for marked in lines(found, lambda line, change: f"{COLOURS[change]}\0{line}"):
            color, mark, line = marked.partition("\0")
            environment.print(line if mark else marked, color if mark and shows else "")
    return PROBLEM if found and not arguments.git else DONE


def _of_git(arguments: argparse.Namespace) -> tuple[str, str]:
    """Return the old and the new file that git wants compared.

    An external diff of git gets seven arguments: the path, then file, hash and mode of the old
    and of the new version.
    """
    if len(arguments.rest) < 5:
        raise ArgumentProblem(
            "--git needs the seven arguments of an external diff of git",
            hint='Configure it: git config diff.flow.command "nodeflow diff --git"',
        )
    return arguments.after, arguments.rest[2]


def _read(environment: Environment, name: str) -> Document:
    return Document() if name in _NOTHING else flow.load(environment.path(name))


def _has_colours(environment: Environment) -> bool:
    stream = environment.stdout
    return bool(getattr(stream, "isatty", lambda: False)()) and not os.environ.get("NO_COLOR")

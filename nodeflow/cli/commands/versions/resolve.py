"""``nodeflow resolve``: list the conflicts that a merge left in a file, and decide them."""

from __future__ import annotations

import argparse

from nodeflow.cli.environment import DONE, PROBLEM, Environment
from nodeflow.cli.option_values import ArgumentProblem
from nodeflow.cli.output_format import json_line, plural
from nodeflow.document.diff.conflicts import Conflict, conflicts_of, name_of, node_name
from nodeflow.document.diff.problems import values_in_words
from nodeflow.document.diff.resolve_conflicts import resolve_all
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.errors import UnknownName, suggest_or_list


def resolve(arguments: argparse.Namespace, environment: Environment) -> int:
    """List the conflicts of a file, or decide them with ``--keep``. Return 1 if any is left.

    Raises:
        FileProblem: the file is missing or damaged, or cannot be written.
        ArgumentProblem: an output or places without ``--keep``.
        UnknownName: a place is not in conflict.
    """
    document = flow.load(environment.path(arguments.file))
    if arguments.keep is None:
        if arguments.output or arguments.places:
            raise ArgumentProblem(
                "--keep is missing, which says which side to keep",
                hint="Use --keep ours, theirs, base or current.",
            )
        return _list(document, arguments, environment)
    chosen = _chosen(document, arguments.places)
    failed = resolve_all(document, arguments.keep, lambda found: found in chosen)
    flow.save(document, environment.path(arguments.output or arguments.file))
    left = conflicts_of(document)
    if arguments.json:
        reasons = [str(error) for error in failed]
        environment.print(json_line({"left": [c.item for c in left], "refused": reasons}))
    else:
        for error in failed:
            environment.message(f"nodeflow: not decided: {error.text('cli')}")
        if left:
            environment.message(f"nodeflow: {plural(len(left), 'conflict')} left")
    return PROBLEM if left else DONE


def _list(document: Document, arguments: argparse.Namespace, environment: Environment) -> int:
    found = conflicts_of(document)
    if arguments.json:
        environment.print(json_line([one.item for one in found]))
    elif not found:
        environment.message(f"nodeflow: {arguments.file} has no conflicts")
    for conflict in [] if arguments.json else found:
        sides = values_in_words(document, conflict).items()
        words = ", ".join(f"{side} {value}" for side, value in sides)
        environment.print(f"{name_of(document, conflict)}: {words}")
    return PROBLEM if found else DONE


def _chosen(document: Document, places: list[str]) -> list[Conflict]:
    """Return the conflicts that the user names, by the conflict's place or by its node. If
    ``places`` is empty, return all conflicts.
    """
    found = conflicts_of(document)
    if not places:
        return found
    names = [{name_of(document, c), node_name(document, c)} for c in found]
    for place in places:
        if not any(place in known for known in names):
            all_names = [name_of(document, c) for c in found]
            raise UnknownName(
                f"there is no conflict at {place!r}", hint=suggest_or_list(place, all_names)
            )
    return [c for c, known in zip(found, names, strict=True) if known.intersection(places)]

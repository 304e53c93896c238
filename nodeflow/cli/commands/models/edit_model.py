"""``nodeflow model VERB IN -o OUT``: a changed copy of a model file."""

from __future__ import annotations

import argparse

from nodeflow.cli.environment import Environment
from nodeflow.cli.output_format import json_line
from nodeflow.exchange.model_edits import edit_model, option_names


def edit(arguments: argparse.Namespace, environment: Environment) -> None:
    """Write the changed copy, and print what changed.

    Raises:
        NodeflowError: the model has no such node or tensor, or would compute something else.
    """
    path, verb = environment.path(arguments.model), arguments.command_model
    options = {name: getattr(arguments, name) for name in option_names(path, verb)}
    found = edit_model(
        path,
        environment.path(arguments.output),
        verb,
        samples=environment.path(arguments.samples) if arguments.samples else None,
        **options,
    )
    if arguments.json:
        facts = {
            "file": str(found.path),
            "done": list(found.done),
            "verified": found.verified,
            "text": found.verdict,
        }
        environment.print(json_line(facts))
        return
    for line in (*found.done, found.verdict):
        environment.print(line)

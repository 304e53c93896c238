"""``nodeflow check-gradients``: numeric against symbolic gradients, node by node."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from nodeflow.cli.environment import DONE, PROBLEM, Environment
from nodeflow.cli.load_graph import load_task, open_session
from nodeflow.cli.output_format import json_line, plural
from nodeflow.cli.progress_bar import Progress
from nodeflow.document.to_graph.gradient_checks import GradientChecks
from nodeflow.engine.gradient_check.check import WRONG


def check_gradients(arguments: argparse.Namespace, environment: Environment) -> int:
    """Print the result of each check. Return exit code 1 if a gradient is wrong.

    Raises:
        NodeflowError: the file, the data or the graph has an error, or a node that the user named
            does not exist.
    """
    arguments.tier, arguments.threads, arguments.without = "reference", None, []
    task = load_task(arguments, environment)
    found = []
    with open_session(task, arguments, environment) as session:
        checks = GradientChecks(task, session.run)
        for name in arguments.nodes:
            checks.piece(name)  # raises for a wrong name
        names = arguments.nodes or checks.names()
        progress = Progress(environment)
        progress.start(len(names))
        for checked in checks.every(names):
            found.append(checked)
            if arguments.json:
                environment.print(json_line(asdict(checked)))
            else:
                progress.clear()
                environment.print(str(checked))
            progress.advance(len(found), checked.node)
        progress.clear()
    wrong = [checked for checked in found if checked.verdict == WRONG]
    if not arguments.json:
        compared = [checked for checked in found if checked.error is not None]
        words = f"{len(wrong)} wrong" if wrong else "all right"
        environment.print(f"{plural(len(compared), 'node')} checked: {words}")
    return PROBLEM if wrong else DONE

"""``nodeflow verify``: check whether another program computes the same values.

The file is a graph, or a model of another program (`model_checks`).
"""

from __future__ import annotations

import argparse

from nodeflow.cli.commands.verification.model_checks import verify_model
from nodeflow.cli.environment import Environment
from nodeflow.cli.load_graph import load_task, open_session
from nodeflow.cli.option_values import ArgumentProblem
from nodeflow.cli.output_format import json_line, show_notices
from nodeflow.exchange.comparison import NotVerified
from nodeflow.exchange.comparison import verify as compared
from nodeflow.exchange.model_checks import reads
from nodeflow.exchange.peers import peer


def verify(arguments: argparse.Namespace, environment: Environment) -> None:
    """Compare every value of a graph with the value that another program computes.

    Raises:
        NotVerified: a value differs; the error names the node where the first large difference
            arises.
        NodeflowError: an error in file, feeds or graph, or the other program is not installed.
    """
    if reads(environment.path(arguments.file)):
        verify_model(arguments, environment)
        return
    if arguments.samples:
        raise ArgumentProblem(
            "--samples is for model files", hint="Feed a graph with --feed or --dataset."
        )
    other = peer(arguments.against)
    task = load_task(arguments, environment)
    show_notices(task.notices(), environment)
    with open_session(task, arguments, environment) as session:
        found = compared(task, session, other, arguments.fetches)
    if arguments.json:
        facts = {
            "verified": found.first is None,
            "against": other.title,
            "text": found.text,
            "node": (found.first or found.largest).name,
            "difference": (found.first or found.largest).largest,
            "values": len(found.nodes),
            "left_out": dict(found.left_out),
        }
        environment.print(json_line(facts))
    else:
        environment.print(f"{found.text} ({len(found.nodes)} values)")
        for name, why in found.left_out.items():
            environment.message(f"nodeflow: {name} was not compared: {why}")
    if found.first is not None and not arguments.json:
        raise NotVerified(
            f"{other.title} computes something else: {found.first.largest:.2g}",
            node=found.first.name,
        )

"""``nodeflow run``: compute tensors and print them."""

from __future__ import annotations

import argparse

from nodeflow.cli.environment import Environment
from nodeflow.cli.load import load_task, open_session
from nodeflow.cli.output import json_line, value_text, write_trace
from nodeflow.cli.predict import check_output, write_predictions
from nodeflow.cli.values import ArgumentProblem
from nodeflow.document.build.predictions import Predictions
from nodeflow.errors import FetchError, said
from nodeflow.train.weights import check_writable


def run(arguments: argparse.Namespace, environment: Environment) -> None:
    """Fetch tensors by name, or all tensors without a consumer; of all rows with an output file.

    Raises:
        NodeflowError: in file, feeds, graph or run.
    """
    if arguments.output:
        _predict(arguments, environment)
        return
    task = load_task(arguments, environment)
    if arguments.profile:
        check_writable(environment.path(arguments.profile))
    names = arguments.fetches or task.default_fetches()
    if not names:
        raise FetchError("the graph has nothing to compute", hint="Add a node, or use --fetch.")
    fetches = [task.fetchable(name) for name in names]
    seed = arguments.seed
    if seed is None:
        seed = task.build.settings.seed
    feeds = task.feeds(fetches, arguments.split or "test")
    for notice in task.notices():
        environment.message(f"nodeflow: {said(notice, 'cli')}")
    with open_session(task, arguments, environment, seed) as session:
        if arguments.explain:
            environment.print(session.explain(fetches, feeds))
            return
        if arguments.profile:
            values, trace = session.profile(fetches, feeds)
            write_trace(trace, arguments.profile, environment)
        else:
            values = session.run(fetches, feeds)
    if arguments.json:
        environment.print(json_line({"fetches": dict(zip(names, values, strict=True))}))
        return
    for name, value in zip(names, values, strict=True):
        environment.print(value_text(name, value))


def _predict(arguments: argparse.Namespace, environment: Environment) -> None:
    """Write what is computed of every row to a file."""
    output = environment.path(arguments.output)
    check_output(output)
    if arguments.split:
        raise ArgumentProblem("-o computes all rows, so --split has no place beside it")
    check_writable(output)
    task = load_task(arguments, environment, whole=True)
    predictions = Predictions(task, arguments.fetches)
    seed = task.build.settings.seed if arguments.seed is None else arguments.seed
    if task.trains and not (arguments.weights or task.document.weights):
        environment.message(
            "nodeflow: warning: nothing was trained: the variables have their initial values. "
            "Use --weights with what nodeflow train --save-weights wrote."
        )
    with open_session(task, arguments, environment, seed) as session:
        write_predictions(predictions, session, output, environment)

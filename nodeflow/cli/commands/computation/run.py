"""``nodeflow run``: compute tensors and print them."""

from __future__ import annotations

import argparse

from nodeflow.cli.environment import Environment
from nodeflow.cli.load_graph import load_task, open_session
from nodeflow.cli.output_format import json_line, say_needs, show_notices, value_text, write_trace
from nodeflow.errors import FetchError
from nodeflow.train.saving.weights import check_writable


def run(arguments: argparse.Namespace, environment: Environment) -> None:
    """Fetch tensors by name, or all tensors without a consumer. With an output file, fetch all
    rows.

    Raises:
        NodeflowError: an error in file, feeds, graph or run.
    """
    if arguments.output:
        from nodeflow.cli.commands.computation.predict import predict

        predict(arguments, environment)
        return
    task = load_task(arguments, environment)
    if arguments.profile:
        check_writable(environment.path(arguments.profile))
    names = arguments.fetches or task.default_fetches()
    if not names:
        raise FetchError("the graph has nothing to compute", hint="Add a node, or use --fetch.")
    fetches = [task.fetchable(name) for name in names]
    feeds = task.feeds(fetches, arguments.split or "test")
    show_notices(task.notices(), environment)
    with open_session(task, arguments, environment) as session:
        if arguments.explain:
            environment.print(session.explain(fetches, feeds))
            return
        if arguments.memory is not None:
            say_needs(session.needs(fetches, feeds), arguments.memory, environment)
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

"""``nodeflow run``: compute tensors and print them."""

from __future__ import annotations

import argparse
import json

from nodeflow.cli.environment import Environment
from nodeflow.cli.load import load_task, open_session
from nodeflow.cli.output import json_line, value_text
from nodeflow.errors import FetchError


def run(arguments: argparse.Namespace, environment: Environment) -> None:
    """Fetch tensors by name, or everything that nothing consumes.

    Raises:
        NodeflowError: in file, feeds, graph or run.
    """
    task = load_task(arguments, environment)
    names = arguments.fetches or task.default_fetches()
    if not names:
        raise FetchError("the graph has nothing to compute", hint="Add a node, or use --fetch.")
    fetches = [task.fetchable(name) for name in names]
    seed = arguments.seed
    if seed is None:
        seed = task.build.settings.seed
    feeds = task.feeds(fetches, arguments.split)
    for notice in task.notices():
        environment.say(f"nodeflow: {notice}")
    with open_session(task, arguments, environment, seed) as session:
        if arguments.explain:
            environment.print(session.explain(fetches, feeds))
            return
        if arguments.profile:
            values, trace = session.profile(fetches, feeds)
            path = environment.path(arguments.profile)
            path.write_text(json.dumps(trace), encoding="utf-8")
            environment.say(f"nodeflow: trace written to {arguments.profile}; open it in Perfetto")
        else:
            values = session.run(fetches, feeds)
    if arguments.json:
        environment.print(json_line({"fetches": dict(zip(names, values, strict=True))}))
        return
    for name, value in zip(names, values, strict=True):
        environment.print(value_text(name, value))

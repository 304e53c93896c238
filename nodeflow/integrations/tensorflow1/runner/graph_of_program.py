"""Runs a program, and writes the graph that it has built.

``python -m nodeflow.integrations.tensorflow1.runner.graph_of_program TARGET PROGRAM ...``

The program may end, exit, fail, or be interrupted by Ctrl-C. The written graph is the default
graph. If that is empty, it is the last graph that was the default in a ``with`` block.
"""

from __future__ import annotations

import signal
import sys
import traceback
from pathlib import Path

from nodeflow.document.to_graph.python_graphs.save_and_load import save
from nodeflow.errors import NodeflowError
from nodeflow.graph.graph import Graph as AnyGraph
from nodeflow.graph.graph import get_default_graph
from nodeflow.integrations.tensorflow1.graphs import Graph
from nodeflow.integrations.tensorflow1.runner.run_program import run

INTERRUPTED = 130
"""The exit code of a program that Ctrl-C ended."""


def main() -> int:
    target, program, *arguments = sys.argv[1:]
    entered: list[AnyGraph] = []
    Graph.entered = entered.append
    code = _exit_code(Path(program), arguments)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C would lose the graph
    graphs = [graph for graph in (*entered, get_default_graph()) if graph.nodes]
    name = Path(program).name
    if not graphs:
        print(f"nodeflow: {name} left no graph to show", file=sys.stderr)
        return code
    try:
        save(graphs[-1], target)
    except NodeflowError as error:
        print(f"nodeflow: the graph of {name} cannot be shown: {error}", file=sys.stderr)
    return code


def _exit_code(program: Path, arguments: list[str]) -> int:
    """Run a program as Python does, and return its exit code."""
    try:
        return run(program, arguments)
    except SystemExit as error:
        if error.code is None or isinstance(error.code, int):
            return error.code or 0
        print(error.code, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("nodeflow: the program was interrupted", file=sys.stderr)
        return INTERRUPTED
    except BaseException:
        traceback.print_exc()
        return 1


if __name__ == "__main__":
    sys.exit(main())

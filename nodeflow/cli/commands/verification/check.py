"""``nodeflow check``: list all problems of graphs, with node and port."""

from __future__ import annotations

import argparse

from nodeflow.cli.environment import DONE, PROBLEM, Environment
from nodeflow.cli.load_graph import load_document
from nodeflow.cli.output_format import json_line
from nodeflow.data.errors import OutsideData
from nodeflow.document.diff.problems import conflict_problems
from nodeflow.document.model.document import Document
from nodeflow.document.model.problems import Problem
from nodeflow.document.to_graph.build import build
from nodeflow.document.to_graph.saved_weights import weights_path
from nodeflow.errors import FileProblem, said
from nodeflow.train.saving.weights import load_saved


def check(arguments: argparse.Namespace, environment: Environment) -> int:
    """Print the problems of each file. Return exit code 1 if any is an error."""
    failed = False
    results = []
    for file in arguments.files:
        problems = _problems(file, arguments, environment)
        failed = failed or any(p.severity == "error" for p in problems)
        results.append({"file": file, "problems": [_json(p) for p in problems]})
        if not arguments.json:
            _print(file, problems, environment)
    if arguments.json:
        environment.print(json_line(results))
    return PROBLEM if failed else DONE


def _problems(file: str, arguments: argparse.Namespace, environment: Environment) -> list[Problem]:
    arguments.file = file
    try:
        document = load_document(arguments, environment)
    except FileProblem as error:
        return [Problem.of(error, "")]
    # some problems appear only with derived gradients
    problems = build(document, partial=True).problems
    return [*problems, *_weights_problems(document), *conflict_problems(document)]


def _weights_problems(document: Document) -> list[Problem]:
    """Return a problem if the document's file of trained variables is missing or damaged."""
    try:
        path = weights_path(document)
    except OutsideData as error:
        return [Problem.of(error, "")]
    if path is None:
        return []
    if not path.exists():
        text = f"the file of weights {document.weights} is missing; runs start from initial values"
        hint = "Put it beside the graph, or train and save the weights again."
        return [Problem("", "weights", text, hint, "warning", kind=FileProblem.__name__)]
    try:
        load_saved(path)
    except FileProblem as error:
        return [Problem.of(error, "")]
    return []


def _print(file: str, problems: list[Problem], environment: Environment) -> None:
    shown = [p for p in problems if p.severity != "info"]
    for problem in shown:
        text = problem.text("cli").removeprefix(f"{environment.path(file)}: ")
        environment.print(f"{file}: {problem.severity}: {text}")
    if not shown:
        environment.print(f"{file}: no problems")


def _json(problem: Problem) -> dict[str, str | None]:
    return {
        "node": problem.node or None,
        "port": problem.port,
        "severity": problem.severity,
        "kind": problem.kind,
        "message": problem.message,
        "hint": said(problem.hint, "cli") if problem.hint else None,
    }

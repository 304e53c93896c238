"""``nodeflow verify MODEL`` and ``nodeflow compare``: checks of other programs' model files."""

from __future__ import annotations

import argparse

from nodeflow.atomic_write import write_atomically, writing
from nodeflow.cli.environment import DONE, PROBLEM, Environment
from nodeflow.cli.option_values import ArgumentProblem
from nodeflow.cli.output_format import json_line
from nodeflow.exchange.comparison import NotVerified
from nodeflow.exchange.model_checks import Report, checks_of

OF_GRAPHS = {
    "fetches": "--fetch", "feeds": "--feed", "settings": "--set", "datasets": "--dataset",
    "weights": "--weights", "data_dir": "--data-dir",
}  # fmt: skip
"""Options of ``nodeflow verify`` that a model file does not have."""


def verify_model(arguments: argparse.Namespace, environment: Environment) -> None:
    """Compare every tensor of a model file with the value that another program computes.

    Raises:
        ArgumentProblem: an option is for graphs.
        NotVerified: a value differs.
        NodeflowError: the model or a sample is damaged, or a program is not installed.
    """
    given = next((flag for name, flag in OF_GRAPHS.items() if getattr(arguments, name)), None)
    if given is not None:
        raise ArgumentProblem(
            f"{given} is for graphs, and {arguments.file} is a model",
            hint="Give its inputs with --samples, or import it with nodeflow import.",
        )
    path = environment.path(arguments.file)
    samples = environment.path(arguments.samples) if arguments.samples else None
    report = checks_of(path).verify(
        path,
        against=arguments.against,
        samples=samples,
        tier=arguments.tier,
        said=_progress(environment),
    )
    _show(report, arguments, environment)
    if not report.passed and not arguments.json:
        raise NotVerified(f"{arguments.against} computes something else")


def compare(arguments: argparse.Namespace, environment: Environment) -> int:
    """Compare two model files. Return 1 if an isolated error is over the bound.

    Raises:
        ArgumentProblem: the models are of different kinds.
        NodeflowError: a model or a sample is damaged, or a program is not installed or cannot
            compute a model.
    """
    reference, path = environment.path(arguments.reference), environment.path(arguments.file)
    if reference.suffix.lower() != path.suffix.lower():
        raise ArgumentProblem(
            f"{reference.name} and {path.name} are of different kinds",
            hint="Choose two models with the same ending.",
        )
    report = checks_of(path).compare(
        reference,
        path,
        samples=environment.path(arguments.samples) if arguments.samples else None,
        values=arguments.values,
        bound=arguments.bound,
        tier=arguments.tier,
        said=_progress(environment),
    )
    if arguments.output:
        target = environment.path(arguments.output)
        with writing(target):
            write_atomically(target, report.page().encode())
    _show(report, arguments, environment)
    return DONE if report.passed else PROBLEM


def _progress(environment: Environment):
    """Return a function that shows long steps in a terminal."""
    return environment.message if environment.interactive else lambda text: None


def _show(report: Report, arguments: argparse.Namespace, environment: Environment) -> None:
    if arguments.json:
        environment.print(json_line(report.facts))
        return
    for line in report.text.splitlines():
        environment.print(line)

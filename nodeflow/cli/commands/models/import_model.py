"""``nodeflow import``: a model of another program as a ``.flow`` file."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

from nodeflow.cli.environment import Environment
from nodeflow.cli.option_values import ArgumentProblem
from nodeflow.cli.output_format import json_line, plural
from nodeflow.exchange.importing import INITIAL_SUFFIX, WEIGHTS_SUFFIX, Imported, beside
from nodeflow.exchange.importing import import_model as written
from nodeflow.number_text import bytes_text

SHOWN = 8
"""Maximum number of reasons that messages list for nodes without a counterpart."""


def import_model(arguments: argparse.Namespace, environment: Environment) -> None:
    """Write a document and its weights.

    Raises:
        ArgumentProblem: an output exists.
        SoftwareMissing, FileProblem: the model cannot be read, or a file cannot be written.
    """
    source = environment.path(arguments.model)
    target = environment.path(arguments.output or f"{Path(arguments.model).stem}.flow")
    for place in (target, *(beside(target, end) for end in (INITIAL_SUFFIX, WEIGHTS_SUFFIX))):
        if place.exists() and not arguments.force:
            raise ArgumentProblem(
                f"{place.name} exists", hint="Choose another name with -o, or use --force."
            )
    imported = written(source, target, trainable=arguments.trainable)
    nodes = sum(n.derived_from is None for n in imported.graph.nodes)
    size = sum(array.nbytes for array in imported.weights.values())
    if arguments.json:
        facts = {
            "file": str(target),
            "nodes": nodes,
            "weights": len(imported.weights),
            "inputs": {name: str(t.type) for name, t in imported.inputs.items()},
            "outputs": {name: str(t.type) for name, t in imported.outputs.items()},
            "missing": dict(imported.missing),
        }
        environment.print(json_line(facts))
        return
    weights = f", {plural(len(imported.weights), 'array')} of weights ({bytes_text(size)})"
    environment.print(f"{target.name}: {plural(nodes, 'node')}{weights if size else ''}")
    _say_missing(imported, environment)


def _say_missing(imported: Imported, environment: Environment) -> None:
    """Print each reason why nodes cannot be computed, with one node's name and the number of
    others.
    """
    reasons = Counter(imported.missing.values())
    for reason, count in reasons.most_common(SHOWN):
        first = next(name for name, why in imported.missing.items() if why == reason)
        more = f" and {count - 1} more" if count > 1 else ""
        environment.message(f"nodeflow: {first}{more} cannot be computed: {reason}")
    if len(reasons) > SHOWN:
        environment.message(f"nodeflow: {len(reasons) - SHOWN} more reasons; --json has all")

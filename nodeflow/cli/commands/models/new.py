"""``nodeflow new``: a graph that learns from a data file, ready to train."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from nodeflow.cli.environment import Environment
from nodeflow.cli.option_values import ArgumentProblem
from nodeflow.cli.output_format import json_line, plural
from nodeflow.data.survey import survey
from nodeflow.document.analysis.datasets.outside_data import outside_data
from nodeflow.document.edit.data.locate import reanchor
from nodeflow.document.io import flow
from nodeflow.document.starters import STARTERS, look_at, make
from nodeflow.document.starters.catalog import StarterMisfit
from nodeflow.document.starters.choices import Choices
from nodeflow.document.starters.guessing import starters_for
from nodeflow.errors import suggest_or_list


def new(arguments: argparse.Namespace, environment: Environment) -> None:
    """Write a starter for a data file.

    Raises:
        DataError: the file is missing or damaged.
        StarterMisfit: the starter cannot use the data, with the reason.
        ArgumentProblem: the output exists, or there is no such column.
    """
    place = environment.path(arguments.data)
    target = environment.path(arguments.output or f"{Path(arguments.data).stem}.flow")
    if target.exists() and not arguments.force:
        raise ArgumentProblem(
            f"{target.name} exists", hint="Choose another name with -o, or use --force."
        )
    found = survey(place)
    choices = Choices.guessed(found, starters_for(found))
    if arguments.label is not None:
        _choose_label(choices, arguments.label)
    if arguments.starter is not None:
        choices.choose_task(arguments.starter)
    reason = choices.misfit(choices.task)
    if reason:
        raise StarterMisfit(f"{STARTERS[choices.task].title}: {reason}".rstrip("."))
    material = look_at(choices.survey.source, choices.options())
    document = make(choices.task, material)
    reanchor(document, target.parent)
    flow.save(document, target)
    if arguments.json:
        facts = {"file": str(target), "starter": choices.task, "rows": material.rows}
        environment.print(json_line(facts))
        return
    rows = plural(material.rows, "training row")
    environment.print(f"{target.name}: {STARTERS[choices.task].title.lower()}, {rows}")
    outside = [f" --allow-data {shlex.quote(o.place)}" for o in outside_data(flow.load(target))]
    if document.training:
        how = f"nodeflow train {target.name}{''.join(outside)}"
        environment.message(f"nodeflow: train it with: {how}")


def _choose_label(choices: Choices, label: str) -> None:
    names = [column.name for column in choices.survey.columns]
    if not choices.is_table or label not in names:
        raise ArgumentProblem(
            f"{choices.survey.title} has no column {label!r}", hint=suggest_or_list(label, names)
        )
    choices.use_as_label(label, True)

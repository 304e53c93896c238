"""``nodeflow export``: a graph as a file or as code of another program."""

from __future__ import annotations

import argparse
from pathlib import Path

from nodeflow.atomic_write import write_atomically, writing
from nodeflow.cli.environment import Environment
from nodeflow.cli.load_graph import load_task, open_session
from nodeflow.cli.option_values import ArgumentProblem
from nodeflow.cli.output_format import json_line
from nodeflow.document.io import flow
from nodeflow.document.model.records import Json
from nodeflow.exchange.code_targets import DOCUMENT, export_code, module_name
from nodeflow.exchange.exporting import Exporter
from nodeflow.manifests import Offer, offers
from nodeflow.number_text import bytes_text
from nodeflow.train.saving.weights import check_writable


def export_graph(arguments: argparse.Namespace, environment: Environment) -> None:
    """Write a graph for another program; raise the errors of `export_file` and `export_program`."""
    exporters = {each.name: each for each in offers("exporter")}
    for name, each in exporters.items():
        if name != arguments.to:
            _check_not_given(each, arguments)
    if arguments.to in exporters:
        export_file(exporters[arguments.to], arguments, environment)
    else:
        export_program(arguments, environment)


def _check_not_given(other: Offer, arguments: argparse.Namespace) -> None:
    """Raise ArgumentProblem if the command line has an option of another export format."""
    for flag, value in _options(other, arguments).items():
        if value is not None:
            raise ArgumentProblem(
                f"--{flag} is for {other.label}",
                hint=f"Leave it out, or use --to {other.name}.",
            )


def _options(exporter: Offer, arguments: argparse.Namespace) -> dict[str, Json]:
    """Return the values of the options that only this target has, by name without dashes."""
    flags = (flag.removeprefix("--") for flag in exporter.fields.get("options", {}))
    return {flag: getattr(arguments, flag.replace("-", "_")) for flag in flags}


def export_program(arguments: argparse.Namespace, environment: Environment) -> None:
    """Write the graph as code.

    Raises:
        ArgumentProblem: an option does not suit the target, or the output is not a folder.
        NotInCode: parts of the graph cannot be written; the error names all of them. Nothing is
            written.
        NodeflowError: the file, graph or weights have an error.
    """
    if arguments.fetches and arguments.to == DOCUMENT:
        raise ArgumentProblem(
            f"--fetch is not for --to {arguments.to}, whose code builds the whole graph",
            hint="Leave it out.",
        )
    if arguments.to == DOCUMENT and arguments.weights:
        raise ArgumentProblem(
            "--weights is not for --to nodeflow, whose code names the file that the graph names",
            hint="Leave it out; train --save-weights writes a file that a graph can name.",
        )
    if Path(arguments.output or "").suffix == ".py":
        raise ArgumentProblem(
            f"-o {arguments.output} names a file, and code is several files",
            hint=f"Give a folder: -o {Path(arguments.output).with_suffix('')}",
        )
    stem = module_name(Path(arguments.file).name)
    folder = arguments.output or f"{stem}-{arguments.to}"
    task = load_task(arguments, environment)
    variables = None
    if arguments.to != DOCUMENT:
        with open_session(task, arguments, environment) as session:
            variables = dict(session.variables.items())
    place, fetches = environment.path(folder), arguments.fetches
    files = export_code(task, stem, arguments.to, place, variables, fetches)
    if arguments.json:
        environment.print(json_line({"folder": folder, "files": files}))
    else:
        environment.print(f"{folder}: {', '.join(files)}")


def export_file(chosen: Offer, arguments: argparse.Namespace, environment: Environment) -> None:
    """Write the graph for predictions, with its weights.

    Raises:
        SoftwareMissing: the integration that writes the file needs a package.
        NodeflowError: the file, graph or weights have an error, or nodes cannot be written; the
            error names all of them. Nothing is written.
    """
    chosen.integration.check_software()
    exporter: Exporter = chosen.load()()
    name = f"{Path(arguments.file).stem}{chosen.fields['ending']}"
    target = environment.path(arguments.output or name)
    check_writable(target)
    with exporter.reading(flow.load(environment.path(arguments.file))):
        task = load_task(arguments, environment)
        with open_session(task, arguments, environment) as session:
            options = _options(chosen, arguments)
            made = exporter.exported(task, session, arguments.fetches, options)
    with writing(target):
        write_atomically(target, made.content)
    names = {"inputs": list(made.inputs), "outputs": list(made.outputs)}
    if arguments.json:
        facts = {"file": str(target), "text": made.text, **names, **made.facts}
        environment.print(json_line(facts))
        return
    environment.print(f"{target.name}: {made.text}, {bytes_text(len(made.content))}")
    inputs, outputs = (", ".join(names[key]) for key in ("inputs", "outputs"))
    environment.message(f"nodeflow: it computes {outputs} from {inputs}")

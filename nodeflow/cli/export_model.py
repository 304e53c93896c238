"""``nodeflow export``: a graph as a file or as code of another program."""

from __future__ import annotations

import argparse
from pathlib import Path

from nodeflow.atomic_write import write_atomically, writing
from nodeflow.cli.environment import Environment
from nodeflow.cli.load import load_task, open_session
from nodeflow.cli.output import json_line, plural
from nodeflow.cli.values import ArgumentProblem
from nodeflow.document.io import flow
from nodeflow.exchange.code.export import TARGETS, export_code, module_name
from nodeflow.exchange.onnx import opaque
from nodeflow.exchange.onnx.export import all_records, exported
from nodeflow.number_text import bytes_text
from nodeflow.train.saving.weights import check_writable


def export_graph(arguments: argparse.Namespace, environment: Environment) -> None:
    """Write a graph for another program; raise as `export_model` and `export_program`."""
    if arguments.to == "onnx":
        export_model(arguments, environment)
    else:
        export_program(arguments, environment)


def export_program(arguments: argparse.Namespace, environment: Environment) -> None:
    """Write the graph as code.

    Raises:
        ArgumentProblem: an option does not suit the target, or the output is not a folder.
        NotInCode: parts of the graph cannot be written; names all of them. Nothing is written.
        NodeflowError: the file, graph or weights have an error.
    """
    if arguments.opset:
        raise ArgumentProblem("--opset is for ONNX", hint="Leave it out, or use --to onnx.")
    if arguments.fetches and not TARGETS[arguments.to].fetches:
        raise ArgumentProblem(
            f"--fetch is not for --to {arguments.to}, whose code builds the whole graph",
            hint="Leave it out.",
        )
    if arguments.to == "nodeflow" and arguments.weights:
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
    if arguments.to != "nodeflow":
        with open_session(task, arguments, environment) as session:
            variables = dict(session.variables.items())
    place, fetches = environment.path(folder), arguments.fetches
    files = export_code(task, stem, arguments.to, place, variables, fetches)
    if arguments.json:
        environment.print(json_line({"folder": folder, "files": files}))
    else:
        environment.print(f"{folder}: {', '.join(files)}")


def export_model(arguments: argparse.Namespace, environment: Environment) -> None:
    """Write the inference graph with its weights.

    Raises:
        OnnxMissing: the package onnx is not installed.
        NotInOnnx: nodes cannot be written; names all of them. Nothing is written.
        NodeflowError: the file, graph or weights have an error.
    """
    target = environment.path(arguments.output or f"{Path(arguments.file).stem}.onnx")
    check_writable(target)
    records = list(all_records(flow.load(environment.path(arguments.file))))
    with opaque.known(records):
        task = load_task(arguments, environment)
        with open_session(task, arguments, environment) as session:
            model, outputs = exported(task, session, arguments.fetches, arguments.opset)
    content = model.SerializeToString(deterministic=True)
    with writing(target):
        write_atomically(target, content)
    opset = next(entry.version for entry in model.opset_import if not entry.domain)
    inputs = [value.name for value in model.graph.input]
    if arguments.json:
        facts = {
            "file": str(target),
            "opset": opset,
            "nodes": len(model.graph.node),
            "functions": len(model.functions),
            "inputs": inputs,
            "outputs": [value.name for value in model.graph.output],
        }
        environment.print(json_line(facts))
        return
    counts = f"{plural(len(model.graph.node), 'node')}, {plural(len(model.functions), 'function')}"
    environment.print(f"{target.name}: opset {opset}, {counts}, {bytes_text(len(content))}")
    environment.message(f"nodeflow: it computes {', '.join(outputs)} from {', '.join(inputs)}")

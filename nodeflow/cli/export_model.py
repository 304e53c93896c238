"""``nodeflow export``: a graph as a file of another program."""

from __future__ import annotations

import argparse
from pathlib import Path

from nodeflow.atomic_write import write_atomically, writing
from nodeflow.cli.environment import Environment
from nodeflow.cli.load import load_task, open_session
from nodeflow.cli.output import json_line, plural
from nodeflow.document.io import flow
from nodeflow.exchange.onnx import opaque
from nodeflow.exchange.onnx.export import all_records, exported
from nodeflow.number_text import bytes_text
from nodeflow.train.saving.weights import check_writable


def export_model(arguments: argparse.Namespace, environment: Environment) -> None:
    """Write the inference graph with its weights.

    Raises:
        OnnxMissing: the package onnx is not installed.
        NotInOnnx: names the nodes that cannot be written; nothing is.
        NodeflowError: in file, graph or weights.
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

"""``nodeflow render``: draw a graph as a picture; the only command that loads Qt (offscreen)."""

from __future__ import annotations

import argparse

from nodeflow.cli.environment import Environment
from nodeflow.cli.load import load_document, use_weights
from nodeflow.cli.values import ArgumentProblem


def render(arguments: argparse.Namespace, environment: Environment) -> None:
    """Draw the graph as PNG, SVG or PDF.

    Raises:
        NodeflowError: in the file, or while writing the picture.
    """
    output = environment.path(arguments.output)
    if output.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise ArgumentProblem(
            f"{output.name} is neither .png, .svg nor .pdf", hint="Name a .png, .svg or .pdf file."
        )
    document = load_document(arguments, environment)
    from nodeflow.ui.canvas.export_image import render_file

    values = _previews(document, arguments, environment) if arguments.values else {}
    render_file(document, output, scale=arguments.scale, theme=arguments.theme, values=values)
    environment.message(f"nodeflow: picture written to {arguments.output}")


def _previews(document, arguments: argparse.Namespace, environment: Environment) -> dict:
    from nodeflow.host.evaluator import Evaluator

    folder = environment.path(arguments.file).parent
    evaluator = Evaluator(document, base_dir=folder)
    if document.weights:
        use_weights(evaluator.session, evaluator.task.build, folder / document.weights, environment)
    return evaluator.previews().values

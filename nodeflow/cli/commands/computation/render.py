"""``nodeflow render``: draw a graph as a picture.

PNG and PDF are drawn by Qt (offscreen), which no other command loads.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from nodeflow.atomic_write import write_atomically, writing
from nodeflow.cli.environment import Environment
from nodeflow.cli.load_graph import load_document
from nodeflow.cli.option_values import ArgumentProblem
from nodeflow.document.to_graph.saved_weights import use_weights
from nodeflow.drawing.formats.graph_file import svg_file
from nodeflow.drawing.formats.html_page import page_file

if TYPE_CHECKING:
    from nodeflow.document.model.document import Document
    from nodeflow.host.protocol import Preview, ViewValue


def render(arguments: argparse.Namespace, environment: Environment) -> None:
    """Draw the graph as PNG, SVG, PDF or a web page.

    Raises:
        NodeflowError: an error in the file, or while writing the picture.
    """
    output = environment.path(arguments.output)
    if output.suffix.lower() not in (".png", ".svg", ".pdf", ".html"):
        raise ArgumentProblem(
            f"{output.name} is neither .png, .svg, .pdf nor .html",
            hint="Name a .png, .svg, .pdf or .html file.",
        )
    if arguments.run is not None and output.suffix.lower() != ".html":
        raise ArgumentProblem(
            f"--run makes a web page, and {output.name} is none", hint="Name a .html file."
        )
    document = load_document(arguments, environment)
    if arguments.run is not None:
        content = _recorded(document, arguments, environment).encode()
        with writing(output):
            write_atomically(output, content)
        environment.message(f"nodeflow: page written to {arguments.output}")
        return
    values, views = _constants(document), {}
    if arguments.values:
        values, views = _values(document, environment)
    options = {"theme": arguments.theme or "light", "values": values, "views": views}
    if output.suffix.lower() in (".svg", ".html"):
        if output.suffix.lower() == ".svg":
            content = svg_file(document, **options).encode()
        else:
            options["theme"] = arguments.theme  # None: the theme that the reader's system prefers
            title = document.path.stem if document.path is not None else "Graph"
            content = page_file(document, title=title, **options).encode()
        with writing(output):
            write_atomically(output, content)
    else:
        from nodeflow.ui.canvas.export_image import render_file

        render_file(document, output, scale=arguments.scale, **options)
    environment.message(f"nodeflow: picture written to {arguments.output}")


def _recorded(document: Document, arguments: argparse.Namespace, environment: Environment) -> str:
    """Return a web page with the recording of a run of the document."""
    from nodeflow.cli.progress_bar import Progress
    from nodeflow.document.diff.differences import compare
    from nodeflow.host.past.record_for_page import record
    from nodeflow.run_store.store import RunStore

    progress, allowed = Progress(environment), [environment.path(p) for p in arguments.allowed_data]

    def report(done: int, total: int) -> None:
        if not done:
            progress.start(total)
        progress.advance(done, "recorded")

    with RunStore(write=False) as store:
        run = store.find(arguments.run)
        recording = record(store, run, allow_data=allowed, report=report)
    progress.clear()
    for notice in recording.notices:
        environment.message(f"nodeflow: warning: {notice}")
    if any(change.kind in ("node", "wire", "subgraph")
           for change in compare(recording.document, document)):  # fmt: skip
        environment.message(
            f"nodeflow: the run {run.name} trained a different graph; the page shows that graph"
        )
    title = document.path.stem if document.path is not None else "Graph"
    return page_file(recording.document, title=title, theme=arguments.theme, recording=recording)


def _constants(document: Document) -> dict[str, Preview]:
    """Return the values of constants, which need no run."""
    from nodeflow.document.to_graph.build import build
    from nodeflow.host.evaluation.previews import make_preview

    ids = [record.id for record in document.nodes.values() if record.op == "constant"]
    names = {document.nodes[i].name for i in ids}
    made = build(document, only=ids, partial=True).graph.nodes if ids else []
    found = [node for node in made if node.op.id == "constant" and node.name in names]
    return {node.name: make_preview(node.op.reference(**node.attrs)) for node in found}


def _values(
    document: Document, environment: Environment
) -> tuple[dict[str, Preview], dict[str, ViewValue]]:
    """Return the previews and views of the nodes by name."""
    from nodeflow.host.evaluation.evaluator import Evaluator
    from nodeflow.host.views.views_on_nodes import pinned_views
    from nodeflow.host.views.watched_views import view_value

    evaluator = Evaluator(document)
    weights = evaluator.task.weights_path()
    if weights is not None:
        for warning in use_weights(evaluator.session, evaluator.task.build, weights):
            environment.message(f"nodeflow: warning: {warning}")
    previews = evaluator.previews().values
    specs = pinned_views(document).items()
    return previews, {name: view_value(evaluator.view_source, spec) for name, spec in specs}

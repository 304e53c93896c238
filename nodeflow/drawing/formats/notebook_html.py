"""HTML of objects for notebooks: small, without scripts and without network access."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from nodeflow.document.from_graph.convert import from_graph
from nodeflow.drawing.formats.svg import graph_svg, plain
from nodeflow.drawing.graph_drawing import draw_graph
from nodeflow.drawing.theme_colors import LIGHT
from nodeflow.engine.session import Session
from nodeflow.errors import NodeflowError
from nodeflow.graph.graph import Graph, Tensor
from nodeflow.number_text import counted, number
from nodeflow.train.training_history import History

MOST_NODES = 200
"""Nodes of a drawn graph. A larger graph is shown as a table of its ops."""
MOST_ROWS = 12
HEIGHT = 480
"""Pixels of the highest drawing in a notebook."""

Rows = Iterable[tuple[object, ...]]


def html_of(shown: object) -> str | None:
    """Return an object as HTML, or None to show its plain text."""
    if isinstance(shown, Graph):
        return graph_html(shown)
    if isinstance(shown, Tensor):
        return _tensor(shown)
    if isinstance(shown, Session):
        return _session(shown)
    return _history(shown) if isinstance(shown, History) else None


def graph_html(graph: Graph) -> str:
    """Return a graph as HTML for a notebook: an SVG drawing. If the graph is too large to draw, or
    cannot be written as a document, return a table of its ops.
    """
    try:
        document = from_graph(graph) if len(graph.nodes) <= MOST_NODES else None
    except NodeflowError:
        document = None
    if document is None or not document.nodes:
        return _ops(graph)
    svg = graph_svg(draw_graph(document), LIGHT, f"Graph of {counted(len(document.nodes), 'node')}")
    svg = svg[svg.index("<svg") :]
    style = f"max-width:100%;max-height:{HEIGHT}px;height:auto"
    return f"<div>{svg.replace('<svg ', f'<svg style={chr(34)}{style}{chr(34)} ', 1)}</div>"


def _ops(graph: Graph) -> str:
    counts = Counter(node.op.id for node in graph.nodes).most_common()
    rows = counts[:MOST_ROWS]
    more = len(counts) - len(rows)
    title = f"Graph of {counted(len(graph.nodes), 'node')}"
    return table(("op", "nodes"), rows, title + (f"; {more} more ops" if more > 0 else ""))


def _tensor(tensor: Tensor) -> str:
    shape = "×".join("?" if d is None else str(d) for d in tensor.type.shape) \
        if tensor.type.has_rank else "any shape"  # fmt: skip
    inputs = ", ".join(each.name for each in tensor.node.inputs[:6]) or "–"
    rows = [
        ("name", tensor.name),
        ("dtype", tensor.type.dtype),
        ("shape", shape or "scalar"),
        ("op", tensor.node.op.id),
        ("inputs", inputs),
    ]
    return table(("Tensor", ""), rows)


def _session(session: Session) -> str:
    rows = [
        ("graph", counted(len(session.graph.nodes), "node")),
        ("runs", session.runs),
        ("seed", session.seed),
        ("backend", session.backend),
    ]
    return table(("Session", ""), rows)


def _history(history: History) -> str:
    keys = list(history.metrics)
    single = not any(epoch.phase for epoch in history.epochs)  # else the losses are among the keys
    rows = [
        (
            epoch.epoch,
            *([number(epoch.loss)] if single else []),
            *(_measured(epoch.metrics.get(key)) for key in keys),
        )
        for epoch in history.epochs[-MOST_ROWS:]
    ]
    hidden = len(history.epochs) - len(rows)
    title = counted(len(history.steps), "step")
    title += f"; the last {len(rows)} of {len(history.epochs)} epochs" if hidden > 0 else ""
    return table(("epoch", *(["loss"] if single else []), *keys), rows, title)


def _measured(value: float | None) -> str:
    return "–" if value is None else number(value)


def table(head: tuple[str, ...], rows: Rows, title: str = "") -> str:
    """Return a table with escaped texts."""

    def line(cells: Iterable[object], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{plain(str(c))}</{tag}>" for c in cells) + "</tr>"

    caption = f"<caption>{plain(title)}</caption>" if title else ""
    body = "".join(line(row, "td") for row in rows)
    return f"<table>{caption}<thead>{line(head, 'th')}</thead><tbody>{body}</tbody></table>"

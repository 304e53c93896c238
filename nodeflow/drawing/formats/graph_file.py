"""The drawing of a document written as an SVG file, without Qt; the file also contains the
graph.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.io import embedded_graph, flow
from nodeflow.document.model.document import Document
from nodeflow.drawing.formats.svg import graph_svg
from nodeflow.drawing.graph_drawing import draw_graph
from nodeflow.drawing.theme_colors import PALETTES
from nodeflow.host.protocol import ViewValue


def svg_file(
    document: Document,
    *,
    theme: str = "light",
    values: Mapping[str, Any] | None = None,
    views: Mapping[str, ViewValue] | None = None,
    analysis: Analysis | None = None,
) -> str:
    """Return the SVG of a document, with the graph in it, so that the file can be opened again.

    Args:
        theme: ``light`` or ``dark``.
        values: previews by node name, to be shown in the nodes.
        views: contents of views on nodes, by node name.
        analysis: an analysis that knows types which the document alone does not determine.
    """
    drawing = draw_graph(document, analysis, values, views)
    svg = graph_svg(drawing, PALETTES[theme])
    return embedded_graph.with_text_in_svg(svg, flow.dumps(document.root))

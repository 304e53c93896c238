"""The page of a graph: one HTML file that works offline and computes nothing.

The page has the drawing as inline SVG, the facts about nodes as JSON, and the graph, which the
reader can save as a file for nodeflow. Its script and style are in `resources/page`. A content
security policy allows only this script, and nothing from the network.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np

from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.analysis.subgraphs.subgraph_interface import definition_of
from nodeflow.document.io import embedded_graph, flow
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import SUBGRAPH
from nodeflow.drawing import text_layout as texts
from nodeflow.drawing.cards.card_looks import RADIUS
from nodeflow.drawing.formats.node_facts import Facts, node_facts
from nodeflow.drawing.formats.png_data import data_uri
from nodeflow.drawing.formats.recording_page import (
    Cards,
    Slots,
    card_shapes,
    recorded_cards,
    recorded_facts,
    recording_data,
    recording_section,
)
from nodeflow.drawing.formats.svg import Style, SvgWriter, grid, plain, rect_of
from nodeflow.drawing.geometry import Rect
from nodeflow.drawing.graph_drawing import Drawing, DrawnNode, draw_graph
from nodeflow.drawing.shapes import Box, Picture, Shapes
from nodeflow.drawing.theme_colors import DARK, LIGHT, Ink, Palette, mixed
from nodeflow.host.page_recording import RecordedStep, Recording
from nodeflow.host.protocol import ViewValue
from nodeflow.number_text import counted
from nodeflow.resources import resource

MOST_NODES = 2000
"""Drawn nodes after which groups with the same definition share one drawing, without values."""
PICTURES = 500_000
"""Bytes of all pictures of a page. With more nodes, each has fewer pixels."""
RECORDED = 1_500_000
"""Bytes of all pictures of a page with a recording."""
MANY_PICTURES = 300
"""Pictures of a page above which each has the colours of the light theme only."""
LARGEST_SIDE, SMALLEST_SIDE = 64, 12
"""Pixels of the longer side of a picture in a page."""
COARSE = np.uint8(0b1111_1000)
"""The bits of each colour that pictures of a page keep, because fewer colours take fewer bytes."""
_BARE = re.compile(r"[\w.#-]+")
_PAGE_ROLES = (
    *("canvas", "grid", "surface", "raised", "border", "border_strong", "ink", "ink_muted"),
    *("accent", "accent_soft", "error"),
)
"""The colours that the style of the page uses."""


@dataclass
class _Scope:
    """A drawn graph of the page: the whole graph, or the inside of a group."""

    title: str
    parent: int | None
    document: Document
    drawing: Drawing
    facts: list[Facts]
    cards: Cards


def page_file(
    document: Document,
    *,
    title: str = "Graph",
    theme: str | None = None,
    values: Mapping[str, Any] | None = None,
    views: Mapping[str, ViewValue] | None = None,
    analysis: Analysis | None = None,
    recording: Recording | None = None,
) -> str:
    """Return a document as a complete HTML page.

    Args:
        title: the name of the graph in the title of the page.
        theme: ``light`` or ``dark``; None for the theme that the reader's system prefers.
        values: previews by node name, to be shown in the nodes.
        views: contents of views on nodes, by node name.
        analysis: an analysis that knows types which the document alone does not determine.
        recording: a run of the document, whose last step replaces values and views.
    """
    steps = recording.steps if recording is not None else ()
    if steps:
        values, views = steps[-1].values, steps[-1].views
    known = analysis or Analysis(document)
    scopes = _scopes(document, known, title, values or {}, views or {}, steps)
    pictures = sum(_pictures(scope.drawing) for scope in scopes)
    writer = _PageWriter(pictures * max(1, len(steps)), RECORDED if steps else PICTURES)
    worlds = [_world(writer, index, scope) for index, scope in enumerate(scopes)]
    writer.in_both_themes = True  # the pictures of the main view
    section = "" if recording is None else recording_section(recording, writer.slots, writer)
    script = resource("page/page.js").read_text(encoding="utf-8")
    classes = "".join(f".{name}{{{rule}}}" for rule, name in writer.rules.items())
    style = _colors(writer.roles) + classes + resource("page/page.css").read_text(encoding="utf-8")
    seal = b64encode(sha256(script.encode()).digest()).decode()
    data = {"scopes": [_data(s) for s in scopes], "file": _file_name(title)}
    data["about"] = _about(document)
    if recording is not None:
        data["recording"] = recording_data(recording, [recorded_facts(s.cards) for s in scopes])
    chosen = f' data-theme="{theme}"' if theme else ""
    page = _PAGE.format(
        title=plain(title),
        theme=chosen,
        policy=_POLICY.format(seal),
        style=style,
        recording=section,
        kind=' class="recorded"' if recording is not None else "",
        templates=writer.slots.templates(len(steps)),
        worlds="".join(worlds),
        defs=grid("grid", "var(--grid)") + "".join(writer.defs.values()),
        data=_in_script(data),
        script=script,
    )
    return embedded_graph.with_text_in_svg(page, flow.dumps(document.root))


_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{}'"

_PAGE = """<!doctype html>
<html lang="en"{theme}>
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="nodeflow">
<title>{title}</title>
<style>{style}</style>
</head>
<body{kind}>
<header>
<nav id="path" aria-label="Groups"></nav>
<label class="hidden-text" for="search">Search nodes</label>
<input id="search" type="search" placeholder="Search nodes" autocomplete="off">
<button id="zoom-out" aria-label="Zoom out" title="Zoom out (-)">−</button>
<button id="zoom-in" aria-label="Zoom in" title="Zoom in (+)">+</button>
<button id="fit" title="Show everything (0)">Fit</button>
<button id="theme" title="Light or dark colours">Theme</button>
<button id="save" title="Save the graph as a file that nodeflow opens">Save graph</button>
</header>
<main id="stage" tabindex="0" aria-describedby="keys" aria-label="Graph">
{worlds}</main>
{recording}<aside id="side" aria-label="Nodes and details"></aside>
<p id="keys" class="hidden-text">Arrow keys select the next node. Enter opens a group, Escape leaves
it. Plus and minus zoom, 0 shows everything, slash searches.</p>
<p id="status" class="hidden-text" role="status"></p>
<svg width="0" height="0" aria-hidden="true" focusable="false"><defs>{defs}</defs></svg>
{templates}<script type="application/json" id="graph">{data}</script>
<script>{script}</script>
</body>
</html>
"""


def _scopes(
    document: Document,
    analysis: Analysis,
    title: str,
    values: Mapping[str, Any],
    views: Mapping[str, ViewValue],
    steps: Sequence[RecordedStep] = (),
) -> list[_Scope]:
    """Draw the document and the inside of each subgraph instance. Return a drawing for each, in
    which instances link to the drawings of their insides.
    """
    scopes: list[_Scope] = []
    shared: dict[str, int] = {}
    waiting: list[tuple[Document, Analysis, str, int | None, Facts | None, str]] = [
        (document, analysis, title, None, None, "")
    ]
    while waiting:
        inside, known, name, parent, owner, prefix = waiting.pop(0)
        shown = {n.removeprefix(prefix): v for n, v in values.items() if n.startswith(prefix)}
        drawing = draw_graph(inside, known, shown, views if not prefix else {})
        facts = [node_facts(inside, node) for node in drawing.nodes]
        index = len(scopes)
        cards = recorded_cards(inside, known, drawing, steps, prefix) if steps else {}
        scopes.append(_Scope(name, parent, inside, drawing, facts, cards))
        if owner is not None:
            owner["inside"] = index
            shared.setdefault(inside.scope, index)
        for fact in facts:
            record = inside.nodes[fact["id"]]
            definition = definition_of(inside, record) if record.op == SUBGRAPH else None
            if definition is None:
                continue
            if sum(len(scope.facts) for scope in scopes) > MOST_NODES:
                fact["inside"] = shared.get(definition.scope)
                continue
            below = known.inside.get(record.id) or Analysis(definition)
            deeper = f"{prefix}{record.name}/"
            waiting.append((definition, below, record.name, index, fact, deeper))
    return scopes


def _data(scope: _Scope) -> Facts:
    area = [round(part, 1) for part in scope.drawing.area]
    nodes = [
        {name: v for name, v in fact.items() if v not in ("", [], None)} for fact in scope.facts
    ]
    return {"title": scope.title, "parent": scope.parent, "area": area, "nodes": nodes}


def _world(writer: _PageWriter, index: int, scope: _Scope) -> str:
    """Return the HTML element with the drawing of the document or of a subgraph. All except the
    first are hidden.
    """
    writer.scope, writer.cards = index, scope.cards
    area = scope.drawing.area
    size = f'width="{area.width:.0f}" height="{area.height:.0f}"'
    box = " ".join(f"{part:.1f}" for part in area)
    hidden = " hidden" if index else ""
    body = writer.graph(scope.drawing)
    label = plain(f"{scope.title}: {counted(len(scope.facts), 'node')}")
    return (
        f'<div class="world" id="scope{index}"{hidden}>'
        f'<svg {size} viewBox="{box}" role="group" aria-label="{label}">\n'
        f'{rect_of(area)} fill="url(#grid)"/>\n{body}</svg></div>\n'
    )


class _PageWriter(SvgWriter):
    """A writer of shapes whose colors are CSS variables of the page.

    Attributes:
        roles: the used roles with the names of their variables.
        rules: the used styles with the names of their classes.
        scope: the number of the graph that is being written.
        cards: the cards of that graph in each step of a recording.
        slots: the places that change from step to step.
        in_both_themes: whether pictures have the colors of both themes, or of the light one.
    """

    def __init__(self, pictures: int, room: int = PICTURES) -> None:
        super().__init__(LIGHT)
        self.cards: Cards = {}
        self.slots = Slots(self)
        self.roles: dict[str, str] = {role: role for role in _PAGE_ROLES}
        self.rules: dict[str, str] = {}
        self.scope = 0
        self.in_both_themes = pictures <= MANY_PICTURES
        # in base64, n pixels take about 300 + 1.4 n bytes, in each of two themes
        each = room / max(pictures, 1) / (2 if self.in_both_themes else 1)
        side = int((max(each - 300, 1) / 1.4) ** 0.5)
        self._side = min(max(side, SMALLEST_SIDE), LARGEST_SIDE)

    def color(self, ink: Ink) -> str:
        name = self.roles.get(ink.role)
        if name is None:
            name = self.roles[ink.role] = f"c{len(self.roles)}"
        return f"var(--{name})"

    def attributes(self, places: Style) -> str:
        pairs = places.items()
        # the quotes and spaces that HTML can do without are a third of a page
        return "".join(f" {n}={v}" if _BARE.fullmatch(v) else f' {n}="{v}"' for n, v in pairs)

    def looks(self, style: Style) -> str:
        """Return the CSS class for a style; a class saves space, because most elements share
        their style.
        """
        rules = ";".join(f"{name}:{value}" for name, value in style.items())
        # the space keeps the slash of an empty element out of the value
        return f" class={self.rules.setdefault(rules, f'k{len(self.rules)}')} "

    def picture(self, shape: Picture) -> str:
        light, dark = (self._small(shape, palette) for palette in (LIGHT, DARK))
        if not self.in_both_themes or np.array_equal(light, dark):
            return self.image(shape, data_uri(light))
        pairs = (("l", light), ("d", dark))
        return "".join(self.image(shape, data_uri(p), name) for name, p in pairs)

    def _small(self, shape: Picture, palette: Palette) -> np.ndarray:
        pixels = shape.pixels(palette)
        most = self._side * (4 if shape.rect.height > 100 else 1)  # a view fills its card
        height, width = pixels.shape[:2]
        rows, columns = (_chosen(count, most) for count in (height, width))
        chosen = pixels[rows][:, columns]
        return (chosen & COARSE) | (chosen >> 5)

    def node(self, node: DrawnNode) -> str:
        card, rect = node.card, node.rect
        place = f"translate({rect.left:g} {rect.top:g})"
        words = plain(f"{card.title}, {card.subtitle}")
        name = plain(node.id)
        return (
            f'<g class=n id="s{self.scope}-{name}" data-id="{name}" transform="{place}" '
            f'role=button tabindex=-1 aria-label="{words}">'
            f"<g class=near>{self._near(node)}</g>"
            f"<g class=far>{self._far(node)}</g></g>"
        )

    def _near(self, node: DrawnNode) -> str:
        cards = self.cards.get(node.id)
        return self.slots.drawn(card_shapes(cards)) if cards else self.shapes(node.shapes)

    def _far(self, node: DrawnNode) -> str:
        """Return a node's card as it appears when the page is zoomed out: only its color, and its
        name as large as it fits.
        """
        sheet, card = Shapes(), node.card
        ground = Ink(mixed("raised", f"category:{card.category}", 0.2))
        sheet.add(Box(Rect(0, 0, card.width, card.height), ground, radius=RADIUS))
        if card.form != "dot":
            name = texts.elide(card.title, texts.FAR_TITLE, card.width - 16)
            middle = card.height / 2 + texts.FAR_TITLE[0] * 0.36
            ink = Ink("ink")
            sheet.line_of_text(card.width / 2, middle, name, texts.FAR_TITLE, ink, "center")
        return self.shapes(sheet.found)


def _chosen(count: int, most: int) -> np.ndarray:
    """Return evenly spaced indices of at most ``most`` of ``count`` rows, to shrink a picture."""
    shown = min(count, most)
    return ((np.arange(shown) + 0.5) * count / shown).astype(np.intp)


def _pictures(drawing: Drawing) -> int:
    return sum(isinstance(shape, Picture) for node in drawing.nodes for shape in node.shapes)


def _colors(roles: Mapping[str, str]) -> str:
    """Return the CSS variables of the colors in both themes."""

    def of(palette: Palette, shown: str, other: str) -> str:
        pairs = ";".join(f"--{name}:{palette.hex(role)}" for role, name in roles.items())
        return f"{{color-scheme:{palette.name};--{shown}:inline;--{other}:none;{pairs}}}"

    dark = of(DARK, "d", "l")
    return (
        f":root{of(LIGHT, 'l', 'd')}\n"
        f"@media (prefers-color-scheme:dark){{:root:not([data-theme=light]){dark}}}\n"
        f":root[data-theme=dark]{dark}\n"
    )


def _in_script(data: object) -> str:
    """Return data as JSON that cannot end the script element around it."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _file_name(title: str) -> str:
    kept = "".join(c if c.isalnum() or c in "-_ " else "_" for c in title)[:80].strip()
    return f"{kept or 'graph'}.flow"


def _about(document: Document) -> str:
    return f"{counted(len(document.nodes), 'node')}, {counted(len(document.wires), 'wire')}"

"""The recording of a run on a page: the contents that change from step to step, and the curves.

All steps are drawn when the page is written. Contents that are equal in all steps are written once.
All others are in a ``template`` element for each step, and the page's script copies them from
there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import numpy as np

from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.model.document import Document
from nodeflow.drawing.cards.card_builder import CardBuilder
from nodeflow.drawing.cards.card_data import CardData
from nodeflow.drawing.cards.card_drawing import draw_card
from nodeflow.drawing.formats.node_facts import value_facts
from nodeflow.drawing.formats.svg import SvgWriter, number, plain
from nodeflow.drawing.geometry import Rect
from nodeflow.drawing.graph_drawing import Drawing
from nodeflow.drawing.shapes import Shape, Shapes
from nodeflow.drawing.views.axes import Chart, draw_axes, make_chart
from nodeflow.drawing.views.palette import class_color
from nodeflow.drawing.views.view import ShownView, draw_shown
from nodeflow.host.page_recording import RecordedStep, Recording
from nodeflow.number_text import count
from nodeflow.number_text import number as number_text
from nodeflow.run_store.curves import LOSS, Curve

VIEW = Rect(0, 0, 330, 270)
CHART = Rect(0, 0, 330, 100)
MOST_POINTS = 300
"""Points of a drawn curve. A longer curve is shown by means of equal parts of the steps."""

Cards = Mapping[str, Sequence[CardData]]
"""The card of each node in each step."""


class Slots:
    """The places of a page whose contents change from step to step.

    Attributes:
        contents: the contents of each place in each step.
    """

    def __init__(self, writer: SvgWriter) -> None:
        self._writer = writer
        self.contents: list[list[str]] = []

    def drawn(self, steps: Sequence[Sequence[Shape]]) -> str:
        """Return the text of one SVG drawing that can show every step. It begins with the last
        step. Shapes that differ between steps become slots, which the page fills.
        """
        texts = [[self._writer.shape(shape) for shape in shapes] for shapes in steps]
        if len({len(shapes) for shapes in texts}) > 1:
            return self._slot(["".join(shapes) for shapes in texts])
        found = []
        rows = [list(row) for row in zip(*texts, strict=True)]
        for is_same, run in groupby(rows, key=lambda row: len(set(row)) == 1):
            same = list(run)
            if is_same:
                found += [row[0] for row in same]
            else:
                found.append(self._slot(["".join(part) for part in zip(*same, strict=True)]))
        return "".join(found)

    def _slot(self, contents: list[str]) -> str:
        self.contents.append(contents)
        return f"<g id=slot{len(self.contents) - 1}>{contents[-1]}</g>"

    def templates(self, steps: int) -> str:
        """Return the changing parts of the page as HTML: one `<template>` for each step, which
        contains the shapes of all slots in that step. The page shows a step by copying them.
        """
        return "".join(
            f"<template id=step{step}><svg>"
            + "".join(f"<g data-slot={i}>{c[step]}</g>" for i, c in enumerate(self.contents))
            + "</svg></template>\n"
            for step in range(steps)
        )


def recorded_cards(
    document: Document,
    analysis: Analysis,
    drawing: Drawing,
    steps: Sequence[RecordedStep],
    prefix: str,
) -> Cards:
    """Return, for each node of a recorded graph, its card at each step. All cards of a node have
    the same size as in the drawing.

    Args:
        prefix: the prefix of the names of the graph's nodes in the recording.
    """
    ids = {f"{prefix}{record.name}": node_id for node_id, record in document.nodes.items()}
    found: dict[str, list[CardData]] = {node.id: [] for node in drawing.nodes}
    for step in steps:
        builder = CardBuilder(document, analysis)
        builder.set_values({ids[n]: value for n, value in step.values.items() if n in ids})
        if not prefix:
            builder.set_views({ids[n]: value for n, value in step.views.items() if n in ids})
        for node in drawing.nodes:
            card = builder.build(document.nodes[node.id])
            found[node.id].append(replace(node.card, value=card.value, slider=card.slider))
    return found


def card_shapes(cards: Sequence[CardData]) -> list[list[Shape]]:
    """Return the drawing of a card in each step."""
    return [draw_card(card) for card in cards]


def recorded_facts(cards: Cards) -> dict[str, list[dict[str, Any]]]:
    """Return, for each node whose value changes, the value in words in each step."""
    found = {}
    for node_id, each in cards.items():
        facts = [value_facts(card.value) for card in each]
        if any(fact != facts[0] for fact in facts):
            found[node_id] = facts
    return found


def recording_section(recording: Recording, slots: Slots, writer: SvgWriter) -> str:
    """Return the HTML section of a recorded run: its title and notices, the controls, the main view
    and the curves.
    """
    parts = [f"<h2>{plain(recording.title)}</h2>"]
    parts += [f"<p class=muted>{plain(notice)}</p>" for notice in recording.notices]
    if recording.steps:
        parts.append(_CONTROLS.format(last=len(recording.steps) - 1))
    if recording.main is not None and recording.steps:
        parts.append(_main_view(recording, recording.main, slots))
    charts = _charts(recording)
    parts += [chart.figure(writer, index) for index, chart in enumerate(charts)]
    return (
        '<section id="recording" aria-label="Recording of a training">'
        + "\n".join(parts)
        + "</section>\n"
    )


_CONTROLS = """<div id="player">
<button id="play" aria-label="Play" title="Play or pause (Space)">▶</button>
<label class="hidden-text" for="step">Step of the training</label>
<input id="step" type="range" min="0" max="{last}" value="{last}">
<output id="step-text" for="step"></output>
</div>"""


def recording_data(recording: Recording, facts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the data about a recording that the page's script reads.

    Args:
        facts: the result of `recorded_facts` for each drawn graph.
    """
    return {
        "steps": [[s.step, s.epoch, _figures(recording, s.step)] for s in recording.steps],
        "facts": list(facts),
        "charts": [chart.place for chart in _charts(recording)],
    }


def _figures(recording: Recording, step: int) -> list[list[str]]:
    """Return loss and metrics at a step, in words."""
    found = []
    for curve in recording.curves:
        index = int(np.searchsorted(curve.step, step, side="right")) - 1
        if index >= 0:
            found.append([_title(curve), number_text(float(curve.values[index]))])
    return found


def _title(curve: Curve) -> str:
    return "loss" if curve.name == LOSS else curve.name


# ---- the main view and the curves ---------------------------------------------------------------


def _main_view(recording: Recording, key: str, slots: Slots) -> str:
    steps, words, name = [], "", key
    for step in recording.steps:
        sheet, value = Shapes(), step.views.get(key)
        name = name if value is None else value.spec.name
        shown = ShownView("" if value is None else value.spec.kind, value)
        draw_shown(sheet, VIEW, shown)
        steps.append(sheet.found)
        words = shown.text
    box = " ".join(number(part) for part in VIEW)
    label = plain(f"{name}, {words}")
    return (
        f'<svg id="main-view" viewBox="{box}" role="img" aria-label="{label}">'
        f"{slots.drawn(steps)}</svg>"
    )


@dataclass(frozen=True)
class _Curves:
    """A chart of curves with one scale."""

    curves: tuple[Curve, ...]
    marks: tuple[tuple[int, str], ...]
    chart: Chart

    @property
    def place(self) -> list[float]:
        """The x coordinates of a chart's left and right edge in its drawing, and the training steps
        at these edges.
        """
        area, extent = self.chart.area, self.chart.extent
        return [round(area.left, 1), round(area.right, 1), extent[0], extent[1]]

    def figure(self, writer: SvgWriter, index: int) -> str:
        """Return the HTML figure of one chart of a recording. It contains a line that the page's
        script moves to the shown step.
        """
        sheet, area = Shapes(), self.chart.area
        draw_axes(sheet, self.chart, ("step", ""), titled=False)
        x = area.left
        for place, curve in enumerate(self.curves):
            ink = class_color(place)
            with sheet.clip(area):
                sheet.line(self.chart.to_sheet(*_drawn(curve)), ink, 1.6)
            name = _title(curve)
            sheet.text(x, area.top - 5, name, ink.role)
            x += 12 + 6.4 * len(name)
        left, right, first, last = self.place
        marks = []
        for step, words in self.marks:
            at = left + (step - first) / max(last - first, 1e-9) * (right - left)
            marks.append(
                f"<g><title>{plain(f'After step {count(step)}: {words}')}</title>"
                f'<path class=mark d="M{at:.1f} {area.top:.1f}V{area.bottom:.1f}"/></g>'
            )
        box = " ".join(number(part) for part in CHART)
        return (
            f'<svg class=curves id="curves{index}" viewBox="{box}" role="img" '
            f'aria-label="{plain(self._words())}">{writer.shapes(sheet.found)}{"".join(marks)}'
            f'<path class=now d="M{right:.1f} {area.top:.1f}V{area.bottom:.1f}"/></svg>'
        )

    def _words(self) -> str:
        parts = []
        for curve in self.curves:
            first, last = (number_text(float(curve.values[at])) for at in (0, -1))
            parts.append(f"{_title(curve)} from {first} to {last}")
        return f"Curves over the steps: {', '.join(parts)}"


def _charts(recording: Recording) -> list[_Curves]:
    """Return the charts of a recorded training: one of the loss and one of the metrics, as far as
    there are curves.
    """
    groups = [
        [curve for curve in recording.curves if (curve.name == LOSS) is is_loss]
        for is_loss in (True, False)
    ]
    last = max((int(c.step[-1]) for c in recording.curves), default=1)
    first = min((int(c.step[0]) for c in recording.curves), default=0)
    found = []
    for curves in filter(None, groups):
        values = np.concatenate([_drawn(curve)[1] for curve in curves])
        finite = values[np.isfinite(values)]
        low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
        margin = 0.05 * (high - low) or abs(high) * 0.05 or 1.0
        extent = (float(first), float(max(last, first + 1)), low - margin, high + margin)
        chart = make_chart(CHART, extent, titled=False)
        found.append(_Curves(tuple(curves), recording.marks, chart))
    return found


def _drawn(curve: Curve) -> tuple[np.ndarray, np.ndarray]:
    """Return steps and finite values of a curve. If there are more than `MOST_POINTS`, average over
    equal parts of the curve.
    """
    keep = np.isfinite(curve.values)
    steps, values = curve.step[keep].astype(float), curve.values[keep]
    if len(values) <= MOST_POINTS:
        return steps, values
    edges = np.linspace(0, len(values), MOST_POINTS + 1).astype(int)[:-1]
    sizes = np.diff([*edges, len(values)])
    return np.add.reduceat(steps, edges) / sizes, np.add.reduceat(values, edges) / sizes

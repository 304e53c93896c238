"""A lesson in Python: one function draws its graph and its mistakes, and texts stand by steps."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.edit import commands
from nodeflow.document.edit.sweep_settings import TRAINING
from nodeflow.document.io import flow
from nodeflow.document.layout.card_size import node_size
from nodeflow.document.layout.layered import layout
from nodeflow.document.model.document import Document
from nodeflow.document.starters.drawing import Drawing
from nodeflow.lessons import fields as f
from nodeflow.lessons.parts import offer, part_of
from nodeflow.lessons.schema import Part

COURSE = "first-steps"
GAP = 48.0
"""The distance between unconnected parts of a graph."""


@dataclass(frozen=True)
class Step:
    """A step with its texts; see `nodeflow.lessons.schema.Step`."""

    id: str
    title: str
    text: str
    checks: Sequence[str] = ()
    points: str = ""
    deed: Mapping[str, Any] | None = None
    predict: Mapping[str, Any] | None = None
    question: str = ""
    choices: Sequence[str] = ()
    answer: str = ""
    """Shown after a prediction: why the right answer is right."""


@dataclass(frozen=True)
class Mistake:
    """A typical mistake: a graph, which `build` makes for its id, or signs."""

    hint: str
    signs: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Milestone:
    node: str
    found: str
    credit: float = 0.25


@dataclass(frozen=True)
class LessonSource:
    """A lesson.

    Attributes:
        build: draws the solution for "", and a mistake for its id.
        given: names of the nodes that the learner starts with; None for all.
        done: the last text.
        start: attributes with which given nodes start, by name of the node; ``training`` stands for
            the settings.
        checks: checks by id, with their title as ``title``.
        builds: the part that the solved lesson gives to later lessons, see `schema.Part`.
        uses: earlier lessons whose parts are offered.
    """

    id: str
    title: str
    summary: str
    minutes: int
    build: Callable[[Drawing, str], None]
    given: Sequence[str] | None
    steps: Sequence[Step]
    done: str
    checks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    probes: Mapping[str, Any] = field(default_factory=dict)
    mistakes: Mapping[str, Mistake] = field(default_factory=dict)
    milestones: Mapping[str, Milestone] = field(default_factory=dict)
    start: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    locked: Sequence[str] | None = None
    offered: Sequence[str] | None = None
    builds: Mapping[str, Any] | None = None
    uses: Sequence[LessonSource] = ()

    def drawn(self, mistake: str = "") -> Document:
        """Return the solution, laid out, or the graph of a mistake."""
        drawing = Drawing()
        drawing.group("", "math")
        self.build(drawing, mistake)
        document = drawing.doc
        if mistake:  # nobody sees it
            return document
        _arrange(document)
        return document

    def part(self) -> Document:
        """Return the part that the solution builds, as `parts.part_of`."""
        assert self.builds is not None
        return part_of(self.drawn(), f.read(Part, self.builds, "builds"))

    def document(self, place: int, following: str) -> Document:
        """Return the lesson's document, at a place of the course."""
        solution = self.drawn()
        for earlier in self.uses:
            offer(solution, earlier.part())
        given = list(solution.nodes) if self.given is None else _ids(solution, self.given)
        content = json.loads(flow.dumps(solution))
        lesson: dict[str, Any] = {
            "schema": 1,
            "id": self.id,
            "course": COURSE,
            "place": place,
            "minutes": self.minutes,
            "next": following,
            "given": given,
            "probes": dict(self.probes),
            "checks": [
                {"id": i, **{k: v for k, v in check.items() if k != "title"}}
                for i, check in self.checks.items()
            ],
            "steps": [_step(step) for step in self.steps],
            "twins": [self._twin(i, mistake) for i, mistake in self.mistakes.items()],
            "milestones": [
                {"id": i, "node": m.node, "credit": m.credit} for i, m in self.milestones.items()
            ],
            "texts": self._texts(),
        }
        if self.start:
            lesson["start"] = {
                name if name == TRAINING else _ids(solution, [name])[0]: dict(attrs)
                for name, attrs in self.start.items()
            }
        if self.locked is not None:
            lesson["locked"] = _ids(solution, self.locked)
        if self.offered is not None:
            lesson["offered"] = list(self.offered)
        if self.builds is not None:
            lesson["builds"] = dict(self.builds)
        if self.uses:
            lesson["uses"] = {e.builds["name"]: e.id for e in self.uses if e.builds is not None}
        content["lesson"] = lesson
        return flow.loads(json.dumps(content))

    def _twin(self, name: str, mistake: Mistake) -> dict[str, Any]:
        if mistake.signs is not None:
            return {"id": name, **mistake.signs}
        data = json.loads(flow.dumps(self.drawn(name)))
        graph = {key: data[key] for key in ("nodes", "wires", "training") if data[key]}
        return {"id": name, "graph": graph}

    def _texts(self) -> dict[str, str]:
        texts = {"title": self.title, "summary": self.summary, "done": self.done}
        for step in self.steps:
            key = f"steps.{step.id}"
            texts[f"{key}.title"], texts[f"{key}.text"] = step.title, step.text
            if step.question:
                texts[f"{key}.question"] = step.question
            if step.answer:
                texts[f"{key}.answer"] = step.answer
            texts.update({f"{key}.choices.{i}": text for i, text in enumerate(step.choices)})
        for name, check in self.checks.items():
            texts[f"checks.{name}.title"] = check["title"]
        texts.update({f"twins.{i}.hint": mistake.hint for i, mistake in self.mistakes.items()})
        texts.update({f"milestones.{i}.found": m.found for i, m in self.milestones.items()})
        return texts


def _arrange(document: Document) -> None:
    """Lay out each connected part of a graph, the parts below each other."""
    analysis, bottom = Analysis(document), 0.0
    for part in _parts(document):
        places = layout(document, part, analysis=analysis, origin=(0.0, bottom))
        commands.move(document, places)
        heights = {i: node_size(document, document.nodes[i], analysis)[1] for i in places}
        bottom = max(places[i][1] + heights[i] for i in places) + GAP


def _parts(document: Document) -> list[list[str]]:
    """Return the nodes of each connected part, in the order of their first nodes."""
    found: list[list[str]] = []
    left = list(document.nodes)
    while left:
        part, waiting = {left[0]}, [left[0]]
        while waiting:
            node = waiting.pop()
            ends = {w.source for w in document.wires_into(node)}
            ends |= {w.target for w in document.wires_out_of(node)}
            waiting += ends - part
            part |= ends
        found.append([node for node in left if node in part])
        left = [node for node in left if node not in part]
    return found


def _ids(document: Document, names: Sequence[str]) -> list[str]:
    records = [document.node_named(name) for name in names]
    return [record.id for record in records if record is not None]


def _step(step: Step) -> dict[str, Any]:
    found: dict[str, Any] = {"id": step.id}
    if step.checks:
        found["checks"] = list(step.checks)
    if step.points:
        found["points"] = step.points
    if step.deed is not None:
        found["deed"] = dict(step.deed)
    if step.predict is not None:
        found["predict"] = {
            **step.predict,
            **({"choices": len(step.choices)} if step.choices else {}),
        }
    return found

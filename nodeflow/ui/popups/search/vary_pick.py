"""A list to choose, by name, an attribute of the training or of a node that a sweep varies."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from nodeflow.document.analysis.bound_attributes import bound_attributes
from nodeflow.document.analysis.subgraphs.instance_paths import scoped_name, walk
from nodeflow.document.analysis.subgraphs.subgraph_interface import BORDER
from nodeflow.document.analysis.training_settings import is_optimizer
from nodeflow.document.edit.sweep_settings import TRAINING, can_vary, value_at, varied
from nodeflow.train.settings import PlainSettings, declared
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.popups.search.fuzzy_match import score
from nodeflow.ui.popups.search.quick_pick import QuickPick, Row

MOST, MOST_LOOKED_AT = 50, 5000


@dataclass(frozen=True)
class Place:
    """An attribute that a sweep can vary: the path of its node or ``training``, its name and
    its documentation.
    """

    path: str
    attr: str
    name: str
    doc: str
    weight: float


def places(workspace: Workspace) -> Iterator[Place]:
    """Yield the attributes that a sweep can vary, the likeliest first."""
    root = workspace.root
    for setting in declared(PlainSettings):
        yield Place(TRAINING, setting.name, f"{TRAINING}.{setting.name}", setting.help, 0.02)
    for path, graph, record in islice(walk(root), MOST_LOOKED_AT):
        op = None if record.op in BORDER else workspace.declaration(record)
        if op is None or not graph:
            continue
        node = scoped_name(root, path) or record.name
        weight = 0.03 if is_optimizer(record.op) else 0.0
        given = bound_attributes(graph, record)
        for attr in op.attrs:
            if can_vary(attr) and attr.name not in given:
                yield Place(path, attr.name, f"{node}.{attr.name}", attr.doc, weight)


class VaryPick:
    """A list over the canvas to pick an attribute from."""

    def __init__(
        self, popup: QuickPick, workspace: Workspace, picked: Callable[[str, str], None]
    ) -> None:
        self._popup, self._workspace, self._picked = popup, workspace, picked

    def open(self) -> None:
        self._popup.open(
            self.rows,
            lambda row: self._picked(*row.data),
            title="What a sweep varies",
            hint="Node, attribute or setting, such as learning rate",
            nothing="No attribute or setting of this name.",
        )

    def rows(self, query: str) -> Sequence[Row]:
        """Return the attributes that match a query, best first."""
        known = varied(self._workspace.root)
        words = query.replace(" ", "_") if " " in query.strip() else query
        scored = (
            (max(score(words, one.name), score(words, one.attr)) + one.weight, -i, one)
            for i, one in enumerate(places(self._workspace))
        )
        best = heapq.nlargest(MOST, (item for item in scored if item[0] > 0.05))
        return [self._row(one, (one.path, one.attr) in known) for *_, one in best]

    def _row(self, one: Place, varies: bool) -> Row:
        value: Any = value_at(self._workspace.root, one.path, one.attr)
        aside = "varies" if varies else _short(value)
        doc = one.doc.split(". ")[0].rstrip(".")
        return Row(one.name, doc, aside, (one.path, one.attr), icon="sliders-horizontal")


def _short(value: Any) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= 16 else f"{text[:15]}…"

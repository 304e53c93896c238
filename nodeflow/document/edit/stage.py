"""The stage of a document: the views and controls that its author pinned.

It is part of the file, with undo, differences and merges::

    {"views": [{"node": "n17", "view": "regions"}, {"view": "loss"}],
     "controls": [{"node": "n20", "attr": "learning_rate"}, {"node": "training", "attr": "seed"},
                  {"node": "data", "attr": "rows"}]}

Nodes are named by id, or by path inside subgraphs. In place of a node, ``training`` means the
training settings and ``data`` the rows that all nodes show. The last view is the main one. The file
does not say whether a window shows its stage.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from nodeflow.document.analysis.subgraphs.instance_paths import at_path, scoped_name
from nodeflow.document.edit.sweep_settings import TRAINING
from nodeflow.document.model.document import Document
from nodeflow.document.model.errors import DocumentError
from nodeflow.document.model.records import Json

DATA, ROWS = "data", "rows"
"""The control of the rows that all nodes show, as node and attribute."""
VALUE, LOSS = "value", "loss"
"""Views without a module of their own among the views: the value of a node, and the curves of the
training."""
MOST_CONTROLS = 6


class StageFull(DocumentError):
    """A new control for a stage that already has as many controls as fit.

    Remedy: Take a control off the stage first.
    """


@dataclass(frozen=True)
class PinnedView:
    """A view on the stage.

    Attributes:
        node: path of the node; empty for a view of the whole training.
        view: the kind of view, as in `nodeflow.drawing.views`, or `VALUE`, `LOSS`.
    """

    node: str
    view: str


@dataclass(frozen=True)
class PinnedControl:
    """A control on the stage.

    Attributes:
        node: path of the node, ``training`` or ``data``.
        attr: the attribute or setting.
    """

    node: str
    attr: str


def views_of(doc: Document) -> tuple[PinnedView, ...]:
    """Return the pinned views of nodes that exist, earliest first."""
    found = (PinnedView(i.get("node", ""), i.get("view", VALUE)) for i in _items(doc, "views"))
    return tuple(v for v in dict.fromkeys(found) if not v.node or at_path(doc.root, v.node))


def controls_of(doc: Document) -> tuple[PinnedControl, ...]:
    """Return the pinned controls of nodes that exist, at most `MOST_CONTROLS`, earliest first."""
    found = (PinnedControl(i.get("node", ""), i.get("attr", "")) for i in _items(doc, "controls"))
    known = [c for c in dict.fromkeys(found) if c.attr and _exists(doc, c)]
    return tuple(known[:MOST_CONTROLS])


def is_control(doc: Document, node: str, attr: str) -> bool:
    """Return whether an attribute, or a setting of ``training``, is on the stage."""
    return PinnedControl(node, attr) in controls_of(doc)


def is_pair(value: Any) -> bool:
    """Return whether a value is two finite numbers: `[x, y]`, or one row of two."""
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], list):
        value = value[0]
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(isinstance(n, (int, float)) and not isinstance(n, bool) for n in value)
        and all(math.isfinite(n) for n in value)
    )


def is_staged(doc: Document) -> bool:
    """Return whether the file has anything on its stage."""
    return bool(doc.root.stage.get("views") or doc.root.stage.get("controls"))


def pin_view(doc: Document, view: PinnedView) -> None:
    """Put a view into the main slot of the stage, as one undo step."""
    item = {"node": view.node, "view": view.view} if view.node else {"view": view.view}
    kept = [i for i in _items(doc, "views") if _view(i) != view]
    _set(doc, "views", [*kept, item], f"Put {title_of(doc, view)} on the stage")


def unpin_view(doc: Document, view: PinnedView) -> None:
    """Take a view off the stage, as one undo step."""
    kept = [i for i in _items(doc, "views") if _view(i) != view]
    _set(doc, "views", kept, unpin_label(doc, view))


def unpin_label(doc: Document, view: PinnedView) -> str:
    """Return the label of the undo step that takes a view off the stage."""
    return f"Take {title_of(doc, view)} off the stage"


def pin_control(doc: Document, control: PinnedControl) -> None:
    """Put a control on the stage, as one undo step.

    Raises:
        StageFull: there are `MOST_CONTROLS` already.
    """
    if control in controls_of(doc):
        return
    if len(controls_of(doc)) >= MOST_CONTROLS:
        raise StageFull(f"the stage has {MOST_CONTROLS} controls already")
    item = {"node": control.node, "attr": control.attr}
    name = control_name(doc, control)
    _set(doc, "controls", [*_items(doc, "controls"), item], f"Put {name} on the stage")


def unpin_control(doc: Document, control: PinnedControl) -> None:
    """Take a control off the stage, as one undo step."""
    kept = [i for i in _items(doc, "controls") if _control(i) != control]
    _set(doc, "controls", kept, f"Take {control_name(doc, control)} off the stage")


def title_of(doc: Document, view: PinnedView) -> str:
    """Return the title of a pinned view: ``regions of probabilities``, ``loss``."""
    name = scoped_name(doc.root, view.node) if view.node else ""
    return f"{view.view} of {name}" if name else view.view


def control_name(doc: Document, control: PinnedControl) -> str:
    """Return ``NODE.ATTRIBUTE``, ``training.SETTING`` or ``data.rows``."""
    if control.node in (TRAINING, DATA):
        return f"{control.node}.{control.attr}"
    return f"{scoped_name(doc.root, control.node) or control.node}.{control.attr}"


def _exists(doc: Document, control: PinnedControl) -> bool:
    if control.node == DATA:
        return control.attr == ROWS
    if control.node == TRAINING:
        return True
    return at_path(doc.root, control.node) is not None


def _items(doc: Document, kind: str) -> list[dict[str, Json]]:
    return list(doc.root.stage.get(kind) or ())


def _view(item: dict[str, Json]) -> PinnedView:
    return PinnedView(item.get("node", ""), item.get("view", VALUE))


def _control(item: dict[str, Json]) -> PinnedControl:
    return PinnedControl(item.get("node", ""), item.get("attr", ""))


def _set(doc: Document, kind: str, items: list[dict[str, Json]], label: str) -> None:
    """Replace one list of the stage, as one undo step; remove the list from the file if it is
    empty.
    """
    root = doc.root
    stage = {**root.stage, kind: items} if items else _without(root.stage, kind)
    with root.transaction(label) as t:
        t.set_stage(stage)


def _without(stage: dict[str, Json], kind: str) -> dict[str, Json]:
    return {name: value for name, value in stage.items() if name != kind}

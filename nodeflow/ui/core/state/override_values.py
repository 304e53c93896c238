"""Overrides: values that the user puts in place of computed values. They exist only in this module.

No document, file or run stores overrides. They end when the window closes or another document
is opened. Overrides and edits of the document share one order of undo steps, except for drawn
rows, because the sketch pad undoes its own strokes. An override follows its node through
renaming and ends when the node is deleted. Undoing the deletion does not restore the override.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from PySide6.QtCore import QObject, Signal, Slot

from nodeflow.document.analysis.subgraphs.instance_paths import at_path, scoped_name
from nodeflow.document.analysis.subgraphs.loops_and_branches import is_flow
from nodeflow.document.model.records import Change
from nodeflow.engine.feeds import fitted
from nodeflow.graph.types import TensorType
from nodeflow.host import protocol as p
from nodeflow.host.messages.values import SKETCH
from nodeflow.number_text import whole_number
from nodeflow.ui.core.state.workspace import Workspace

DRAWN = "drawn"
DERIVED = "="
"""Prefix of the names of generated nodes, which have no ids."""


@dataclass(frozen=True)
class Place:
    """A tensor, identified by its node and the index of the output.

    The node is a path of ids. For a generated node it is `DERIVED` followed by the name.
    """

    node: str
    output: int = 0


@dataclass(frozen=True, eq=False)
class Given:
    """A value that replaces a computed one.

    Attributes:
        how: its origin: ``typed``, ``drawn`` or the name of a file.
        rows: a name for the rows, if they are fed and do not come from the data set.
    """

    array: np.ndarray
    how: str
    rows: str = ""


class Overrides(QObject):
    """The overrides of the open document.

    Args:
        send: called with all overrides whenever they change.

    Signals:
        changed(): an override was set, changed or removed.
        dropped(name): a node is gone, and its override with it.
        apply_requested(name): the value of this variable is to be set in the training.
    """

    changed = Signal()
    dropped = Signal(str)
    apply_requested = Signal(str)

    def __init__(
        self,
        workspace: Workspace,
        send: Callable[[p.Override], None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._workspace, self._send = workspace, send
        self._given: dict[Place, Given] = {}
        self._names: dict[Place, str] = {}
        workspace.replaced.connect(self._on_replaced)
        workspace.edited.connect(self._on_edited)

    # ---- reading ----------------------------------------------------------------------------

    def __bool__(self) -> bool:
        return bool(self._given)

    def __len__(self) -> int:
        return len(self._given)

    @property
    def by_name(self) -> dict[str, Given]:
        """All overrides by tensor name, the oldest first."""
        return {self._names[place]: given for place, given in self._given.items()}

    @property
    def hypothetical(self) -> list[str]:
        """Return the overridden tensors, except those fed from the sketch pad."""
        return [name for name, given in self.by_name.items() if given.rows != SKETCH]

    @property
    def rows(self) -> dict[str, str]:
        """The names of fed rows, for the placeholders that are not fed from the data set."""
        return {name: given.rows for name, given in self.by_name.items() if given.rows}

    def of(self, name: str) -> Given | None:
        """Return the override of a tensor, or None."""
        place = self._place(name)
        return None if place is None else self._given.get(place)

    def path_of(self, name: str) -> str:
        """Return the path of ids of the node of an overridden tensor; empty for generated nodes."""
        place = self._place(name)
        return "" if place is None or place.node.startswith(DERIVED) else place.node

    def shown_here(self) -> dict[str, list[str]]:
        """Return the overridden nodes of the shown graph: id -> names of their tensors."""
        prefix = "".join(f"{step}/" for step in self._workspace.path)
        found: dict[str, list[str]] = {}
        for place, name in self._names.items():
            node = place.node.removeprefix(prefix)
            if place.node.startswith(prefix) and node in self._workspace.document.nodes:
                found.setdefault(node, []).append(name)
        return found

    def type_of(self, name: str) -> TensorType | None:
        """Return the type of a tensor of the document, or None if unknown."""
        node, _, output = name.partition(":")
        path = self._workspace.find(node)
        if path is None:
            return None
        *steps, last = path.split("/")
        analysis = self._workspace.root_analysis.at(steps)
        types = list((analysis.out_types(last) or {}).values()) if analysis is not None else []
        index = int(output or 0)
        return types[index] if index < len(types) else None

    def may_be_variable(self, name: str) -> bool:
        """Return whether a tensor may be a variable.

        For generated nodes the document does not say, so return True.
        """
        path = self._workspace.find(name.partition(":")[0])
        found = at_path(self._workspace.root, path) if path is not None else None
        return found is None or found[1].op == "variable"

    def why_not(self, name: str) -> str:
        """Return the reason why a tensor cannot be overridden; empty if it can."""
        path = self._workspace.find(name.partition(":")[0])
        if path is None:
            return ""  # a generated node
        steps = path.split("/")
        for depth in range(1, len(steps)):
            found = at_path(self._workspace.root, "/".join(steps[:depth]))
            if found is not None and is_flow(found[1]):
                return "Values inside a loop or branch belong to one iteration."
        return ""

    # ---- changing ---------------------------------------------------------------------------

    def set(
        self, name: str, value: object, how: str, rows: str = "", *, merge: str | None = None
    ) -> None:
        """Override a tensor.

        Args:
            how: the origin of the value, for the list of overrides.
            rows, merge: as in `set_many`.

        Raises:
            FeedError: the value does not have the dtype and shape of the tensor.
        """
        self.set_many({name: value}, how, rows, merge=merge)

    def set_many(
        self,
        values: Mapping[str, object],
        how: str,
        rows: str = "",
        *,
        merge: str | None = None,
    ) -> None:
        """Override several tensors at once. If this raises, as `set` does, nothing has changed.

        Args:
            rows: origin of the rows. If given, all other placeholders lose their rows.
            merge: a key. Consecutive values of one tensor with the same key are one undo step,
                until `seal`.
        """
        new = {}
        for name, value in values.items():
            place, kind = self._place(name), self.type_of(name)
            if place is not None:
                array = np.array(value) if kind is None else fitted(name, kind, value)
                new[place] = Given(np.array(array), how, rows)
        after: dict[Place, Given | None] = dict(new)
        if rows:
            after |= {c: None for c, g in self._given.items() if g.rows and c not in new}
        key = None if merge is None else (merge, tuple(new))
        self._do(f"Override {_listed(values)}", after, key)

    def seal(self) -> None:
        """End the current undo step, so that later values start a new one."""
        self._workspace.root.seal()

    def take_back(self, *names: str) -> None:
        """Remove the overrides of some tensors."""
        after: dict[Place, Given | None] = {
            place: None for name in names if (place := self._place(name)) in self._given
        }
        if after:
            self._do(f"Remove override of {_listed(names)}", after)

    def end(self, name: str) -> None:
        """Drop an override without an undo step, because the tensor itself now has this value."""
        place = self._place(name)
        if place is not None:
            self._put({place: None})

    def take_back_all(self) -> None:
        """Remove all overrides."""
        self.take_back(*self.by_name)

    def take_back_rows(self) -> None:
        """Remove the overrides of rows, so that the data set feeds the placeholders again."""
        self.take_back(*self.rows)

    # ---- internals --------------------------------------------------------------------------

    def _do(self, label: str, after: dict[Place, Given | None], merge: object = None) -> None:
        """Change overrides as one undo step. Drawn values are not part of the step."""
        before = {place: self._given.get(place) for place in after}
        drawn = {c for values in (before, after) for c, g in values.items() if g and g.how == DRAWN}
        undone = {c: given for c, given in before.items() if c not in drawn}
        redone = {c: given for c, given in after.items() if c not in drawn}
        if undone:
            self._workspace.root.note_aside(
                label, partial(self._put, redone), partial(self._put, undone), merge
            )
        self._put(after)

    def _put(self, values: Mapping[Place, Given | None]) -> bool:
        """Set overrides by place; None removes one. Return whether anything changed.

        Places of nodes that do not exist are ignored.
        """
        there = {place: given for place, given in values.items() if self._name(place) is not None}
        changed = any(self._given.get(place) is not given for place, given in there.items())
        if changed:
            now = {**self._given, **there}
            self._given = {place: given for place, given in now.items() if given is not None}
            self._tell()
        return changed

    def _place(self, name: str) -> Place | None:
        node, _, output = name.partition(":")
        index = whole_number(output or "0")
        if index is None or index < 0:
            return None
        path = self._workspace.find(node)
        return Place(f"{DERIVED}{node}" if path is None else path, index)

    def _name(self, place: Place) -> str | None:
        """Return the current name of a tensor, or None if its node is gone."""
        if place.node.startswith(DERIVED):
            name: str | None = place.node.removeprefix(DERIVED)
        else:
            name = scoped_name(self._workspace.root, place.node)
        return f"{name}:{place.output}" if name and place.output else name

    def _tell(self) -> None:
        self._names = {place: name for place in self._given if (name := self._name(place))}
        arrays = {name: self._given[place].array for place, name in self._names.items()}
        self._send(p.Override(arrays, self.rows))
        self.changed.emit()

    @Slot(object)
    def _on_edited(self, change: Change) -> None:
        if not self._given or change.only_moves:
            return
        now = {place: self._name(place) for place in self._given}
        gone = [place for place, name in now.items() if name is None]
        for place in gone:
            del self._given[place]
        if gone or now != self._names:
            lost = [self._names[place] for place in gone]
            self._tell()
            for name in lost:
                self.dropped.emit(name)

    @Slot()
    def _on_replaced(self) -> None:
        if self._given:
            self._given = {}
            self._tell()


def drawn(values: Mapping[str, object]) -> tuple[Mapping[str, object], str, str]:
    """Return the arguments of `Overrides.set_many` for sketch-pad drawings."""
    return values, DRAWN, SKETCH


def _listed(names: Collection[str]) -> str:
    first = next(iter(names))
    return first if len(names) == 1 else f"{first} and {len(names) - 1} more"

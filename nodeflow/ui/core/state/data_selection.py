"""The choice of the data rows whose values nodes show, and the engine's answer to it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from PySide6.QtCore import QObject, Signal, Slot

from nodeflow.data.data_splits import SPLITS
from nodeflow.host import protocol as p
from nodeflow.number_text import count as step_number
from nodeflow.train.settings import TrainingSettings
from nodeflow.ui.core.engine_link.engine_link import EngineLink
from nodeflow.ui.core.state.override_values import Overrides, drawn
from nodeflow.ui.core.state.workspace import Workspace


class DataSelection(QObject):
    """The choice of data for everything that shows values. Views whose samples can be clicked call
    `show_row`.

    Signals:
        changed(): other data are shown, or could be shown.
        left_by_hand(): data made by hand, for example on the sketch pad, are no longer shown.

    Attributes:
        choice: the data requested from the engine.
        shown: the last answer of the engine, or None if no data set feeds a placeholder.
    """

    changed = Signal()
    left_by_hand = Signal()

    def __init__(
        self,
        workspace: Workspace,
        link: EngineLink,
        overrides: Overrides,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._workspace, self._link, self._overrides = workspace, link, overrides
        self.choice = p.ShowData()
        self.shown: p.ShownData | None = None
        self._by_hand: dict[str, str] = {}
        overrides.changed.connect(self._on_overrides)
        workspace.replaced.connect(self._on_replaced)
        link.previews.connect(self._on_previews)
        link.past.chosen.connect(self.changed)

    # ---- choosing ---------------------------------------------------------------------------

    def show_batch(self, split: str, first: int = 0) -> None:
        """Show a batch of rows, from row ``first`` on (counted from 0)."""
        self._choose(p.ShowData(split, max(0, first)))

    def show_row(self, split: str, row: int) -> None:
        """Let all nodes show their values for a single row of a split, counted from 0."""
        self._choose(p.ShowData(split, max(0, row), 1))

    def show_by_hand(self, feeds: Mapping[str, np.ndarray]) -> None:
        """Feed drawn data instead of rows of the data set.

        Args:
            feeds: arrays by placeholder name.
        """
        self._overrides.set_many(*drawn(feeds))

    def end_by_hand(self) -> None:
        """Show again the rows that were shown before the drawn data."""
        self._overrides.take_back_rows()

    def step(self, direction: int) -> None:
        """Show the next batch or row (``direction`` 1), or the previous one (-1)."""
        if self.can_step(direction):
            first = max(0, self.choice.first + direction * self.count)
            self._choose(p.ShowData(self.choice.split, first, self.choice.count))

    def can_step(self, direction: int) -> bool:
        """Return whether there is a next or previous batch or row."""
        if self.shown is None or self.is_by_hand or not self.shown.rows.split:
            return False
        if direction < 0:
            return self.choice.first > 0
        return self.choice.first + self.count < self.rows_in(self.shown.rows.split)

    # ---- reading ----------------------------------------------------------------------------

    @property
    def is_by_hand(self) -> bool:
        """Whether placeholders are fed by hand, for example from the sketch pad."""
        return bool(self._by_hand)

    @property
    def is_single(self) -> bool:
        """Whether a single row is shown instead of a batch."""
        return self.choice.count == 1

    @property
    def count(self) -> int:
        """The number of rows shown at a time."""
        return self.choice.count or self.batch_size

    @property
    def batch_size(self) -> int:
        """The batch size of the training."""
        return self._workspace.root.training.get("batch_size") or TrainingSettings().batch_size

    @property
    def splits(self) -> list[str]:
        """Return the splits of the data, in their usual order."""
        found = self.shown.splits if self.shown is not None else {}
        return [split for split in SPLITS if split in found]

    def rows_in(self, split: str) -> int:
        return self.shown.splits.get(split, 0) if self.shown is not None else 0

    @property
    def split(self) -> str:
        """The split of the shown rows. For data made by hand, the split that was shown before."""
        rows = self.shown.rows if self.shown is not None else None
        return rows.split if rows is not None and rows.split else self.choice.split

    @property
    def text(self) -> str:
        """Return a description of the shown data, as ``Test rows 1–100``; empty if they depend on
        no data set."""
        step, by_hand = self._link.past.step, next(iter(self._by_hand.values()), "")
        if step is not None and not by_hand:
            return f"Batch of step {step_number(step)}"
        if by_hand or self.shown is None:
            text = by_hand
        else:
            text = str(self.shown.rows)
        text = f"{text[:1].upper()}{text[1:]}"
        return text if step is None else f"{text}, step {step_number(step)}"

    def class_names(self, count: int) -> tuple[str, ...]:
        """Return names for ``count`` classes: the names in the data, or else numbers."""
        return self.names_of(count) or tuple(str(i) for i in range(count))

    def names_of(self, count: int) -> tuple[str, ...] | None:
        """Return the names of ``count`` classes, or None if the data do not name that many."""
        classes = self.shown.classes.values() if self.shown is not None else ()
        return next((names for names in classes if len(names) == count), None)

    # ---- internals --------------------------------------------------------------------------

    def _choose(self, choice: p.ShowData) -> None:
        self.choice = choice
        self._link.past.back()
        self._link.live.choose(choice)
        self._overrides.take_back_rows()
        self.changed.emit()

    @Slot()
    def _on_overrides(self) -> None:
        """Update the shown rows after fed rows were overridden or restored."""
        before, self._by_hand = self._by_hand, self._overrides.rows
        if self._by_hand.keys() != before.keys():
            self.changed.emit()
        if before and not self._by_hand:
            self.left_by_hand.emit()

    @Slot(object)
    def _on_previews(self, message: p.Previews) -> None:
        if message.past is None and message.data != self.shown:
            self.shown = message.data
            self.changed.emit()

    @Slot()
    def _on_replaced(self) -> None:
        self.shown = None
        self._choose(p.ShowData())

"""Which data the nodes show: chosen here and nowhere else, and what the engine says of it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from PySide6.QtCore import QObject, Signal, Slot

from nodeflow.data.data_splits import SPLITS
from nodeflow.host import protocol as p
from nodeflow.number_text import count as step_number
from nodeflow.train.settings import TrainingSettings
from nodeflow.ui.core.engine.link import EngineLink
from nodeflow.ui.core.workspace import Workspace


class DataSelection(QObject):
    """The choice of data for all that shows values; a view that lets people click a sample calls
    `show_row`.

    Signals:
        changed(): something else is shown, or could be.
        left_by_hand(): what was made by hand, as on the sketch pad, is no longer shown.

    Attributes:
        choice: what the engine is asked for.
        shown: what the engine said last; None where no data set feeds anything.
    """

    changed = Signal()
    left_by_hand = Signal()

    def __init__(self, workspace: Workspace, link: EngineLink, parent: QObject | None = None):
        super().__init__(parent)
        self._workspace, self._link = workspace, link
        self.choice = p.ShowData()
        self.shown: p.ShownData | None = None
        self._rows = self.choice  # what to come back to from what is made by hand
        workspace.replaced.connect(self._on_replaced)
        link.previews.connect(self._on_previews)
        link.past.chosen.connect(self.changed)

    # ---- choosing ---------------------------------------------------------------------------

    def show_batch(self, split: str, first: int = 0) -> None:
        """Show as many rows as a batch has, from one on (from 0)."""
        self._choose(p.ShowData(split, max(0, first)))

    def show_row(self, split: str, row: int) -> None:
        """Show a single row (from 0)."""
        self._choose(p.ShowData(split, max(0, row), 1))

    def show_by_hand(self, feeds: Mapping[str, np.ndarray]) -> None:
        """Show what is made by hand: arrays by name of placeholder."""
        self._choose(p.ShowData(self._rows.split, feeds=dict(feeds)))

    def end_by_hand(self) -> None:
        """Show the rows again that were shown before."""
        if self.is_by_hand:
            self._choose(self._rows)

    def step(self, direction: int) -> None:
        """Show the next batch or row, or the one before."""
        if self.can_step(direction):
            first = max(0, self.choice.first + direction * self.count)
            self._choose(p.ShowData(self.choice.split, first, self.choice.count))

    def can_step(self, direction: int) -> bool:
        """Whether there are rows after, or before, those that are shown."""
        if self.shown is None or self.is_by_hand or not self.shown.rows.split:
            return False
        if direction < 0:
            return self.choice.first > 0
        return self.choice.first + self.count < self.rows_in(self.shown.rows.split)

    # ---- reading ----------------------------------------------------------------------------

    @property
    def is_by_hand(self) -> bool:
        return bool(self.choice.feeds)

    @property
    def is_single(self) -> bool:
        """Whether one row is shown, not a batch."""
        return self.choice.count == 1

    @property
    def count(self) -> int:
        """How many rows are shown at a time."""
        return self.choice.count or self.batch_size

    @property
    def batch_size(self) -> int:
        """The training's."""
        return self._workspace.root.training.get("batch_size") or TrainingSettings().batch_size

    @property
    def splits(self) -> list[str]:
        """The splits that the data have, in their usual order."""
        found = self.shown.splits if self.shown is not None else {}
        return [split for split in SPLITS if split in found]

    def rows_in(self, split: str) -> int:
        return self.shown.splits.get(split, 0) if self.shown is not None else 0

    @property
    def split(self) -> str:
        """The split whose rows are shown, or were before something was made by hand."""
        rows = self.shown.rows if self.shown is not None else None
        return rows.split if rows is not None and rows.split else self._rows.split

    @property
    def text(self) -> str:
        """What is shown, as ``Test rows 1–100``; nothing where it depends on no data."""
        if self._link.past.step is not None:
            return f"Batch of step {step_number(self._link.past.step)}"
        if self.shown is None:
            return ""
        text = str(self.shown.rows)
        return f"{text[0].upper()}{text[1:]}"

    def class_names(self, count: int) -> tuple[str, ...]:
        """The names of so many classes: those of the data, else their numbers."""
        return self.names_of(count) or tuple(str(i) for i in range(count))

    def names_of(self, count: int) -> tuple[str, ...] | None:
        """The names of so many classes, if the data name them."""
        classes = self.shown.classes.values() if self.shown is not None else ()
        return next((names for names in classes if len(names) == count), None)

    # ---- the inside -------------------------------------------------------------------------

    def _choose(self, choice: p.ShowData) -> None:
        left = self.is_by_hand and not choice.feeds
        goes_on = self.is_by_hand and choice.feeds.keys() == self.choice.feeds.keys()
        self.choice = choice
        if not choice.feeds:
            self._rows = choice
        self._link.past.back()
        self._link.show_data(choice)
        if not goes_on:
            self.changed.emit()
        if left:
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

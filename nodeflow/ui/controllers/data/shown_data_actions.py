"""The actions that choose the data shown by the nodes."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QObject, Signal

from nodeflow.ui.actions.action_set import ActionSet
from nodeflow.ui.actions.binding import Binding, Blocked
from nodeflow.ui.core.state.data_selection import DataSelection

SPLIT_ACTIONS = {"data_test": "test", "data_validation": "validation", "data_train": "train"}
STEPS = ("data_next", "data_previous")
NO_DATA = Blocked("No data set feeds the graph.")


class DataActions(QObject):
    """The actions that choose the shown data, and their state.

    Signals:
        row_requested: the user wants to choose a row by its number.
    """

    row_requested = Signal()

    def __init__(self, data: DataSelection, actions: ActionSet) -> None:
        super().__init__(data)
        self._data, self._actions = data, actions
        actions.bind(
            {
                **{
                    name: Binding(
                        partial(data.show_batch, split), partial(self._split_blocked, split)
                    )
                    for name, split in SPLIT_ACTIONS.items()
                },
                "data_single": Binding(self._toggle_single, self._blocked),
                "data_row": Binding(self.row_requested.emit, self._blocked),
                "data_next": Binding(partial(data.step, 1), partial(self._step_blocked, 1)),
                "data_previous": Binding(partial(data.step, -1), partial(self._step_blocked, -1)),
            }
        )
        actions.refreshing.connect(self._check)
        data.changed.connect(self._refresh)

    def _refresh(self) -> None:
        """Update the arrows and check marks at once."""
        self._check()
        self._actions.refresh((*SPLIT_ACTIONS, "data_single", "data_row", *STEPS))

    def _blocked(self) -> Blocked | None:
        return None if self._data.splits else NO_DATA

    def _split_blocked(self, split: str) -> Blocked | None:
        if self._data.splits and split not in self._data.splits:
            return Blocked("The data have no such split.")
        return self._blocked()

    def _step_blocked(self, direction: int) -> Blocked | None:
        if self._data.is_by_hand:
            return Blocked("The displayed data come from the sketch pad.")
        if self._blocked() is None and not self._data.can_step(direction):
            return Blocked(
                "There are no later rows." if direction > 0 else "There are no earlier rows."
            )
        return self._blocked()

    def _toggle_single(self) -> None:
        data = self._data
        if data.is_single and not data.is_by_hand:
            data.show_batch(data.split, data.choice.first // _batch(data) * _batch(data))
        else:
            data.show_row(data.split, data.choice.first)

    def _check(self) -> None:
        data = self._data
        for name, split in SPLIT_ACTIONS.items():
            shown = bool(data.splits) and data.split == split and not data.is_by_hand
            self._actions[name].setChecked(shown)
        self._actions["data_single"].setChecked(data.is_single and not data.is_by_hand)


def _batch(data: DataSelection) -> int:
    return max(1, data.batch_size)

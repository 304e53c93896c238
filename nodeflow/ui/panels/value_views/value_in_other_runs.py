"""The value of the shown node in other runs, at the same step."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Slot
from PySide6.QtWidgets import QGridLayout, QLabel, QWidget

from nodeflow.host import protocol as p
from nodeflow.number_text import number
from nodeflow.ui.core.theming.theme import SPACE
from nodeflow.ui.core.widgets.common_widgets import ElidedLabel, clear, label
from nodeflow.ui.core.widgets.plain_tips import plain_tip
from nodeflow.ui.panels.trainings.run_table import swatch
from nodeflow.ui.panels.value_views.runs_at_shown_step import Follower, FollowingRuns


class RunsBeside(QWidget):
    """A line for each run that follows the shown step, with colour, name and value; hidden if
    there is none.
    """

    def __init__(self, following: FollowingRuns) -> None:
        super().__init__()
        self._following = following
        self.setAccessibleName("The same step of other runs")
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(SPACE[2])
        self._grid.setVerticalSpacing(SPACE[1])
        self._grid.setColumnStretch(1, 1)
        self._grid.setColumnStretch(2, 2)
        self.lines: dict[str, QLabel] = {}
        following.changed.connect(self.refresh)
        self.refresh()

    @Slot()
    def refresh(self) -> None:
        """Show the value or the progress of each run."""
        followers = self._following.followers
        if list(followers) != list(self.lines):
            self._make(followers.values())
        for id, follower in followers.items():
            line = self.lines[id]
            line.setText(follower.text or value_text(follower.preview))
            line.setToolTip(plain_tip("\n".join(follower.notices)))
        self.setVisible(bool(followers))

    def _make(self, followers: object) -> None:
        clear(self._grid)
        self.lines = {}
        for row, follower in enumerate(followers):  # type: ignore[call-overload]
            assert isinstance(follower, Follower)
            sign = QLabel()
            sign.setPixmap(swatch(follower.run.color).pixmap(QSize(12, 12)))
            sign.setFixedWidth(14)
            value = label("", "strong")
            value.setAlignment(Qt.AlignmentFlag.AlignLeft)
            self._grid.addWidget(sign, row, 0)
            self._grid.addWidget(ElidedLabel(follower.run.title, "caption"), row, 1)
            self._grid.addWidget(value, row, 2)
            self.lines[follower.run.id] = value


def value_text(preview: p.Preview | None) -> str:
    """Format a value in one line: the number, or mean and range."""
    if preview is None:
        return ""
    if preview.minimum is None or preview.maximum is None or preview.mean is None:
        return preview.text
    if preview.minimum == preview.maximum:
        return number(preview.mean)
    span = f"{number(preview.minimum, 3)} … {number(preview.maximum, 3)}"
    return f"mean {number(preview.mean, 3)}, {span}"

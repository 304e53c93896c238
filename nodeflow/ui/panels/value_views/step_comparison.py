"""The comparison of the Viewer's value with that node's value at another step or in another run."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QInputDialog, QMenu, QWidget

from nodeflow.host import protocol as p
from nodeflow.number_text import count
from nodeflow.ui.core.engine_link.engine_link import EngineLink
from nodeflow.ui.core.theming.theme_manager import ThemeManager
from nodeflow.ui.core.user_messages import sentence
from nodeflow.ui.core.widgets.common_widgets import button, switch
from nodeflow.ui.panels.plots.shared_plots import SharedPlots
from nodeflow.ui.panels.value_views.difference_view import DifferenceView

TRAINING = "This training"


@dataclass(frozen=True)
class Other:
    """The run and the step whose value is compared with the shown value.

    Attributes:
        run: id of a kept run; empty for the current or last training.
        title: the name of the run.
        step: the number of the step; None to follow the shown step.
        by: the offset from the shown step if ``step`` is None.
    """

    run: str
    title: str
    step: int | None = None
    by: int = 0

    def step_beside(self, shown: int) -> int:
        """Return the step to compare with, if ``shown`` is the shown step."""
        return shown + self.by if self.step is None else self.step


class StepComparison(QObject):
    """The button *Compare with…* and the page that it opens.

    Signals:
        changed: the comparison began, changed or ended.

    Attributes:
        other: the run and step to compare with; None without a comparison.
        view: the page.
    """

    changed = Signal()

    def __init__(
        self, link: EngineLink, plots: SharedPlots, themes: ThemeManager, parent: QWidget
    ) -> None:
        super().__init__(parent)
        self._link, self._plots, self._parent = link, plots, parent
        self.other: Other | None = None
        self.view = DifferenceView(themes)
        self.button = button("Compare with…", "")
        self.button.setToolTip("The same node at another step, or of another run, side by side")
        self.menu = QMenu(parent)
        self.menu.setToolTipsVisible(True)
        self.menu.aboutToShow.connect(self._fill)
        self.button.setMenu(self.menu)
        self._left: p.TensorValue | None = None
        self._asked: tuple[int, str, int] | None = None
        link.tensor.connect(self._on_tensor)
        link.failed.connect(self._on_failed)
        link.past.progressed.connect(self._on_progress)
        link.past.chosen.connect(self.refresh_button)
        link.past.changed.connect(self.refresh_button)
        plots.overlays_changed.connect(self.refresh_button)
        self.refresh_button()

    # ---- choosing -----------------------------------------------------------------------------

    @Slot()
    def refresh_button(self) -> None:
        """Show the button if past steps can be computed again."""
        past = self._link.past
        possible = past.is_possible or past.has_training or bool(self._plots.runs)
        self.button.setVisible(possible or self.other is not None)
        self.button.setText("Comparing…" if self.other is not None else "Compare with…")

    def _runs(self) -> list[tuple[str, str]]:
        """Return id and title of the runs to compare with. The shown run comes first."""
        past = self._link.past
        found = [(past.run, past.title or TRAINING)] if past.is_possible else []
        if past.run and past.has_training:
            found.append(("", TRAINING))
        return found + [(r.id, r.title) for r in self._plots.runs if r.id != past.run]

    @Slot()
    def _fill(self) -> None:
        self.menu.clear()
        past, runs = self._link.past, self._runs()
        if past.step is not None:
            for by, text in ((-1, "The previous step"), (1, "The next step")):
                action = self.menu.addAction(text)
                is_there = past.first <= past.step + by <= past.last
                switch(action, "" if is_there else "There is no such step.")
                action.triggered.connect(partial(self._on_other, Other(*runs[0], None, by)))
        for index, (run, title) in enumerate(runs):
            if index == 0 or past.step is None:
                self.menu.addAction(f"{title}: a step…", partial(self._ask_step, run, title))
                continue
            self.menu.addAction(
                f"{title}: the same step", partial(self.compare_with, Other(run, title))
            )
            self.menu.addAction(f"{title}: a step…", partial(self._ask_step, run, title))
        if self.other is not None:
            self.menu.addSeparator()
            self.menu.addAction("Stop comparing", partial(self.compare_with, None))

    def _on_other(self, other: Other, _: bool = False) -> None:
        self.compare_with(other)

    def _ask_step(self, run: str, title: str) -> None:
        past = self._link.past
        start = past.step or past.last or 1
        most = past.last if run == past.run and past.is_possible else 2**31 - 1
        step, accepted = QInputDialog.getInt(
            self._parent, "Compare with a step", f"Step of {title}:", start, 1, most
        )
        if accepted:
            self.compare_with(Other(run, title, step))

    def compare_with(self, other: Other | None) -> None:
        """Compare the shown value with another one. None ends the comparison."""
        self.other, self._asked = other, None
        self.refresh_button()
        self._ask()
        self.changed.emit()

    # ---- showing ------------------------------------------------------------------------------

    def show_left(self, value: p.TensorValue | None) -> None:
        """Set the shown value, at the left; None if the node has no value."""
        self._left = value
        self._ask()

    def _titles(self) -> tuple[str, str]:
        left, other = self._left, self.other
        assert left is not None and other is not None
        here = "Now" if left.past is None else f"Step {count(left.past)}"
        title = self._link.past.title
        here = f"{here} of {title}" if left.run and title else here
        there = f"Step {count(other.step_beside(self._shown))}"
        is_same = other.run == left.run and left.past is not None
        return here, there if is_same else f"{there} of {other.title}"

    @property
    def _shown(self) -> int:
        """The shown step. While the present is shown, the last step."""
        past = self._link.past
        return past.last if past.step is None else past.step

    def _ask(self) -> None:
        """Request the other value and show that it is being computed."""
        left, other = self._left, self.other
        if left is None or other is None:
            return
        step = other.step_beside(self._shown)
        request = self._link.fetch_step(left.name, other.run, step)
        self._asked = request, other.run, step
        self.view.first.show_value(self._titles()[0], None, None, None)
        self.view.wait(self._titles(), "Computing…")

    @Slot(object)
    def _on_tensor(self, message: p.TensorValue) -> None:
        if self._asked is None or message.request != self._asked[0] or self._left is None:
            return
        self._asked = None
        left = self._left
        self.view.show_values(
            self._titles(), (left.array, message.array), left.image_shape, left.column_shape
        )
        told = [self.view.text.text(), *message.notices]
        if left.is_what_if:
            told.append("The first value depends on overrides, the second does not.")
        self.view.text.setText(" ".join(told))

    @Slot(object)
    def _on_failed(self, message: p.Failed) -> None:
        if self._asked is not None and message.request == self._asked[0]:
            self._asked = None
            self.view.wait(self._titles(), sentence(message.error))

    @Slot(object)
    def _on_progress(self, message: p.PastProgress) -> None:
        if self._asked is None or message.request != self._asked[0]:
            return
        share = f" {100 * message.done // message.total} %" if message.total else ""
        self.view.text.setText("Preparing…" if message.preparing else f"Computing…{share}")

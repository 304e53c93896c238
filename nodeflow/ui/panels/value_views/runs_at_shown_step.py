"""The drawn runs, brought to the step that is shown as soon as its values are computed."""

from __future__ import annotations

from dataclasses import dataclass, replace

from PySide6.QtCore import QObject, Signal, Slot

from nodeflow.host import protocol as p
from nodeflow.ui.core.engine_link.engine_link import EngineLink
from nodeflow.ui.core.user_messages import in_window
from nodeflow.ui.panels.plots.shared_plots import DrawnRun, SharedPlots

TRAINING = DrawnRun("", "This training", "")


@dataclass(frozen=True)
class Follower:
    """A run that is brought to the shown step.

    Attributes:
        run: the run.
        preview: the watched tensor at the step; None until it is computed.
        text: the progress, or the reason why there is no value; empty once there is one.
        notices: notes about its values.
    """

    run: DrawnRun
    preview: p.Preview | None = None
    text: str = "Waiting…"
    notices: tuple[str, ...] = ()


class FollowingRuns(QObject):
    """The drawn runs that are brought to the shown step.

    Signals:
        changed: a run has arrived, or the set of runs has changed.

    Attributes:
        name: the watched tensor; empty for none.
        followers: the runs by id, in the order of the plots.
    """

    changed = Signal()

    def __init__(self, link: EngineLink, plots: SharedPlots, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._link, self._plots = link, plots
        self._request = 0
        self._asked: tuple[object, ...] = ()
        self.name = ""
        self.followers: dict[str, Follower] = {}
        link.past.changed.connect(self._follow)
        link.past.followed.connect(self._on_followed)
        link.past.progressed.connect(self._on_progress)
        plots.overlays_changed.connect(self._follow)

    def look_at(self, name: str) -> None:
        """Watch another tensor's values in the runs."""
        if name != self.name:
            self.name = name
            self._follow()

    def _runs(self) -> list[DrawnRun]:
        past = self._link.past
        live = [TRAINING] if past.run and past.has_training else []
        return [*live, *(run for run in self._plots.runs if run.id != past.run)]

    @Slot()
    def _follow(self) -> None:
        """Bring the runs to the shown step, after the step's own values are computed."""
        past, runs = self._link.past, self._runs()
        if past.step is None or not runs:
            if self._asked:
                self._asked, self.followers = (), {}
                self._request = self._link.follow_step((), 0, "")
                self.changed.emit()
            return
        asked = (past.step, self.name, *(run.id for run in runs))
        if not past.is_there or asked == self._asked:
            return
        self._asked = asked
        self.followers = {run.id: Follower(run) for run in runs}
        ids = tuple(run.id for run in runs)
        self._request = self._link.follow_step(ids, past.step, self.name)
        self.changed.emit()

    def _note(self, run: str, **fields: object) -> None:
        if run in self.followers:
            self.followers[run] = replace(self.followers[run], **fields)  # type: ignore[arg-type]
            self.changed.emit()

    @Slot(object)
    def _on_followed(self, message: p.RunAtStep) -> None:
        if message.request != self._request:
            return
        if message.error is not None:
            self._note(message.run, text=in_window(message.error.message))
            return
        missing = "This run has no such node." if self.name and message.preview is None else ""
        self._note(message.run, preview=message.preview, text=missing, notices=message.notices)

    @Slot(object)
    def _on_progress(self, message: p.PastProgress) -> None:
        if message.request != self._request:
            return
        share = f" {100 * message.done // message.total} %" if message.total else ""
        self._note(message.run, text="Preparing…" if message.preparing else f"Computing…{share}")

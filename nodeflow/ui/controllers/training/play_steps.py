"""Plays the kept steps of a training again: nodes, plots and the stage move together."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from nodeflow.number_text import count
from nodeflow.ui.actions.action_set import ActionSet
from nodeflow.ui.actions.binding import Binding, Blocked
from nodeflow.ui.core import reduced_motion
from nodeflow.ui.core.engine_link.engine_link import EngineLink
from nodeflow.ui.core.engine_link.shown_step import ShownStep
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.user_messages import Messages

FULL_SPEED_SECONDS = 10.0
"""The length of a replay at full speed."""
TICK_MS = 33
VIEW_SECONDS = 0.2
"""Seconds that a replay waits for a view of a step, because a later step would replace it."""
LONGEST_PAUSE = 0.5
"""Seconds without values, for example while kernels are compiled, that a replay makes up for."""


class Replay(QObject):
    """The action that plays the steps from the shown one, and pauses.

    It shows a step once values and views of the previous one are there, and leaves out steps to
    keep the speed. Any other choice of a step pauses it. The present follows the last step.

    Signals:
        changed(): it began, paused or ended.

    Attributes:
        is_playing: whether it plays now.
    """

    changed = Signal()

    def __init__(
        self,
        workspace: Workspace,
        link: EngineLink,
        messages: Messages,
        actions: ActionSet,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        super().__init__(link)
        self._workspace, self._link, self._messages = workspace, link, messages
        self._actions, self._clock = actions, clock
        self._past: ShownStep = link.past
        self.is_playing = False
        self._is_choosing = self._is_viewed = False
        self._place = self._seen = 0.0
        self._timer = QTimer(self, interval=TICK_MS)
        self._timer.timeout.connect(self._tick)
        for signal in (self._past.requested, self._past.chosen):
            signal.connect(self._on_chosen)
        link.view.connect(self._on_view)
        actions.bind({"replay": Binding(self._toggle, self._blocked)})
        actions.refreshing.connect(self._name_action)

    def _blocked(self) -> Blocked | None:
        past = self._past
        if not past.is_possible or past.first == past.last:
            return Blocked("There are no past steps to replay.", "train")
        if self._link.state == "training":
            return Blocked("A training is running.", "pause")
        return None

    @property
    def steps_per_second(self) -> float:
        """The stored speed of the training; at full speed, the kept steps take ten seconds."""
        speed = self._workspace.root.training.get("speed")
        whole = (self._past.last - self._past.first) / FULL_SPEED_SECONDS
        return float(speed) if isinstance(speed, (int, float)) else max(1.0, whole)

    def _toggle(self) -> None:
        if self.is_playing:
            self.pause()
            return
        past = self._past
        begins = past.step is None or past.step == past.last
        step = past.first if begins else past.step
        assert step is not None
        if reduced_motion.is_still():
            self._choose(step)
            self._messages.show_status(
                f"Step {count(step)}. Nothing moves by itself: go on with the arrow keys."
            )
            return
        self.is_playing = True
        self._place, self._seen = float(step), self._clock()
        self._choose(step)
        self._timer.start()
        self._show_state()

    def pause(self) -> None:
        """Stop at the shown step."""
        if self.is_playing:
            self.is_playing = False
            self._timer.stop()
            self._show_state()

    @Slot()
    def _tick(self) -> None:
        past, now = self._past, self._clock()
        if not past.is_there or self._link.ops.is_waiting:
            return
        if not self._is_viewed and now - self._seen < VIEW_SECONDS:
            return
        self._place += min(now - self._seen, LONGEST_PAUSE) * self.steps_per_second
        self._seen = now
        if past.step == past.last:
            self.pause()
            if not past.run:
                past.back()
        elif int(self._place) != past.step:
            self._choose(int(self._place))

    def _choose(self, step: int) -> None:
        self._is_choosing, self._is_viewed = True, not self._link.watches_views
        self._past.show(step)
        self._is_choosing = False

    @Slot(object)
    def _on_view(self, _: object) -> None:
        self._is_viewed = self._is_viewed or self._past.is_there

    @Slot()
    def _on_chosen(self) -> None:
        if not self._is_choosing:
            self.pause()

    def _show_state(self) -> None:
        self._name_action()
        self._actions.refresh()
        self.changed.emit()

    @Slot()
    def _name_action(self) -> None:
        if self.is_playing:
            self._actions.set_text("replay", "Pause replay", "pause", "Stay at this step")
        else:
            spec = self._actions.spec("replay")
            self._actions.set_text("replay", spec.text, spec.icon, spec.tip)

"""The training panel: progress, speed, remaining time, and live plots of loss and metrics.

Events only update the record. Drawing happens at a rate that adapts to the time it takes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from nodeflow.drawing.message_text import plain
from nodeflow.host import protocol as p
from nodeflow.host.messages.values import SPLIT_WORDS
from nodeflow.number_text import count, number
from nodeflow.train.events import Diverged, Done, Event, Started
from nodeflow.ui.actions.binding import Binding
from nodeflow.ui.actions.specs import ActionSpec
from nodeflow.ui.core.concurrency.redraw_throttle import FASTEST_MS, RedrawThrottle
from nodeflow.ui.core.engine_link.shown_step import ShownStep
from nodeflow.ui.core.state.data_selection import DataSelection
from nodeflow.ui.core.state.user_settings import Settings
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.theming.theme import SPACE
from nodeflow.ui.core.theming.theme_manager import ThemeManager
from nodeflow.ui.core.user_messages import in_window, sentence
from nodeflow.ui.core.widgets.common_widgets import ElidedLabel, button, label, restyle, switch
from nodeflow.ui.core.widgets.plain_tips import plain_tip
from nodeflow.ui.panels.panel import LatePanel, PanelSpec, Place, always
from nodeflow.ui.panels.panel_context import PanelContext
from nodeflow.ui.panels.plots.shared_plots import SharedPlots
from nodeflow.ui.panels.trainings.early_stopping_toggle import EarlyStoppingToggle
from nodeflow.ui.panels.trainings.scrubber import Scrubber
from nodeflow.ui.panels.trainings.training_history import TrainingRecord, duration

DOWNLOAD = "Download the full set"
LOSS_TIP = (
    "The mean over the latest training batches, each before its update. Nodes show the loss for "
    "other rows, named in the toolbar."
)
EDITS = {
    "": "",
    "preparing": "Preparing your edit while the training continues.",
    "waits": "Your edit applies from the next epoch on.",
    "invalid": "The graph cannot be trained. The training continues without your edits.",
}
"""Texts about edits on their way to the running training, by their state."""
LISTED = 3
"""Maximum number of listed parts of an edit."""
SIDE_HEIGHT = 190
"""Minimum height of the panel in pixels, enough for the figures of a training with few metrics."""
SIDE_WIDTH = 256
"""Initial width of the column of figures in pixels. Longer figures widen it."""


class TrainingPanel(QWidget):
    """The panel that shows one training at a time.

    Signals:
        download_requested, download_cancelled: a button of the data notice was clicked.
        metric_requested: the user clicked the link that is shown while there are no metrics.
        node_requested: the user clicked the link to the node that blocks edits.
    """

    download_requested = Signal()
    download_cancelled = Signal()
    metric_requested = Signal()
    node_requested = Signal(str)

    def __init__(
        self,
        workspace: Workspace,
        shared: SharedPlots,
        settings: Settings,
        themes: ThemeManager,
        data: DataSelection,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._workspace, self._shared = workspace, shared
        self._settings, self._themes, self._data = settings, themes, data
        self.record = TrainingRecord(settings.smoothing)
        self.plots: Any = None
        self.why_no_download: Callable[[], str] = str
        """Returns why nothing can be downloaded; empty if a download is possible."""
        self._state = "off"
        self._make()
        self._throttle = RedrawThrottle()
        self._timer = QTimer(self, singleShot=True, interval=FASTEST_MS)
        self._timer.timeout.connect(self.draw)

    # ---- construction -----------------------------------------------------------------------

    def _make(self) -> None:
        self.headline = label("No training yet", "strong")
        self.ending = label("", "caption", wrap=True)
        self.ending.hide()
        self.edits = label("", "caption", wrap=True)
        self.edits.hide()
        self.problem = button("Show the problem", "link", self._ask_for_problem)
        self.problem.hide()
        self._edit_state = p.EditState()
        self.bar = QProgressBar()
        self.bar.setAccessibleName("Progress of the training")
        self.bar.setTextVisible(False)
        self.bar.setRange(0, 1000)
        self.figures = {name: label("–") for name in ("epoch", "step", "speed", "left", "loss")}
        texts = {
            "epoch": "Epoch",
            "step": "Step",
            "speed": "Steps per second",
            "left": "Time left",
            "loss": "Training loss, smoothed",
        }
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(SPACE[4])
        self._grid.setVerticalSpacing(SPACE[1])
        for row, (name, text) in enumerate(texts.items()):
            caption = label(text, "caption")
            if name == "loss":
                caption.setToolTip(LOSS_TIP)
            self._grid.addWidget(caption, row, 0)
            self.figures[name].setAlignment(Qt.AlignmentFlag.AlignRight)
            self._grid.addWidget(self.figures[name], row, 1)
        self.metric_rows: dict[str, tuple[QLabel, QLabel]] = {}
        """Name and value of each metric shown so far."""
        left = QVBoxLayout()
        left.setContentsMargins(0, 0, SPACE[2], 0)
        left.setSpacing(SPACE[2])
        left.addWidget(self.headline)
        left.addWidget(self.ending)
        left.addWidget(self.edits)
        left.addWidget(self.problem)
        left.addWidget(self.bar)
        self._controls = QVBoxLayout()
        left.addLayout(self._controls)
        left.addLayout(self._grid)
        left.addStretch(1)
        inner = QWidget()
        inner.setLayout(left)
        side = QScrollArea()  # scrolls, so that many metrics do not make the panel higher
        side.setWidget(inner)
        side.setWidgetResizable(True)
        side.setFrameShape(QFrame.Shape.NoFrame)
        side.setMinimumHeight(SIDE_HEIGHT)
        side.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        side.setFixedWidth(SIDE_WIDTH)
        self._side, self._inner = side, inner
        self._plots = QStackedWidget()
        hint = label(
            "Press Train (Ctrl+T): loss and metrics appear here while the graph learns.", "muted"
        )
        hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._plots.addWidget(hint)
        body = QHBoxLayout()
        body.setSpacing(SPACE[4])
        body.addWidget(side)
        right = QVBoxLayout()
        right.setSpacing(SPACE[2])
        right.addWidget(self._make_notice())  # takes its height from the plots, not the canvas
        right.addWidget(self._plots, 1)
        body.addLayout(right, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE[3], SPACE[2], SPACE[3], SPACE[2])
        layout.setSpacing(SPACE[2])
        layout.addLayout(body, 1)
        self._layout = layout

    def add_scrubber(self, scrubber: Scrubber) -> None:
        """Add the scrubber below the plots."""
        self.scrubber = scrubber
        self._layout.addWidget(scrubber)

    def add_control(self, widget: QWidget) -> None:
        """Add a control above the figures."""
        self._controls.addWidget(widget)

    def _make_notice(self) -> QFrame:
        """Make the notice about the data above the plots, with the download button."""
        self.notice = QFrame()
        self.notice.setObjectName("notice")
        self.notice_text = ElidedLabel("", "caption")
        self.download_bar = QProgressBar()
        self.download_bar.setAccessibleName("Progress of the download")
        self.download_bar.setTextVisible(False)
        self.download_bar.setFixedWidth(160)
        self.download_bar.hide()
        self.download_button = button(DOWNLOAD, "link", self.download_requested.emit)
        self.cancel_button = button("Cancel", "link", self.download_cancelled.emit)
        self.cancel_button.hide()
        layout = QHBoxLayout(self.notice)
        layout.setContentsMargins(SPACE[3], SPACE[1], SPACE[2], SPACE[1])
        layout.setSpacing(SPACE[2])
        layout.addWidget(self.notice_text, 1)
        for widget in (self.download_bar, self.download_button, self.cancel_button):
            layout.addWidget(widget)
        self.notice.hide()
        return self.notice

    def preload(self) -> None:
        """Import the plotting library and create the plots in advance."""
        if self.plots is not None:
            return
        from nodeflow.ui.panels.plots.training_plots import TrainingPlots

        plots = TrainingPlots(
            self._workspace, self._shared, self._settings, self._themes, self._data
        )
        plots.metric_requested.connect(self.metric_requested)
        plots.smoothing_changed.connect(self._on_smoothing)
        self._plots.addWidget(plots)
        self.plots = plots

    # ---- events -----------------------------------------------------------------------------

    def reset(self) -> None:
        """Forget the training, because another document is open."""
        self._forget()
        self._plots.setCurrentIndex(0)

    def _forget(self) -> None:
        """Remove all figures and curves, and reset the axes."""
        self.record = TrainingRecord(self._settings.smoothing)
        self._timer.stop()
        if self.plots is not None:
            self.plots.forget()
        self._side.setFixedWidth(SIDE_WIDTH)
        self._draw_figures()

    def begin(self) -> None:
        """Show that a training is being prepared."""
        self.headline.setText("Preparing…")
        restyle(self.headline, "role", "strong")
        self.preload()

    @Slot(object)
    def on_event(self, event: Event) -> None:
        """Record an event of the training, and draw soon."""
        if isinstance(event, Started):
            self._on_started(event)
        self.record.take(event)
        if isinstance(event, (Diverged, Done)):
            self.draw()
        elif not self._timer.isActive():
            self._timer.start()

    def _on_started(self, event: Started) -> None:
        self.preload()
        self._plots.setCurrentIndex(1)
        if event.first_epoch == 1:
            self._forget()
        if event.notices:
            self.show_notices(event.notices)

    @Slot()
    def show_overlays(self) -> None:
        """Show the plots, if there are curves of other runs."""
        if self._shared.overlays:
            self.preload()
            self._plots.setCurrentIndex(1)

    def show_state(self, state: str) -> None:
        """Adapt the panel to the state of the engine."""
        if state == "paused":
            self.record.pause()
        self._state = state
        self._draw_figures()

    @Slot(object)
    def show_edits(self, state: p.EditState) -> None:
        """Show the progress of edits on their way to the running training."""
        self._edit_state = state
        self._draw_edits()

    def _draw_edits(self) -> None:
        state, edited = self._edit_state, self.record.edited
        text = EDITS[state.state]
        if state.problem is not None:
            text = f"{text} {sentence(state.problem)}"
        elif not state.state and edited is not None:
            left = len(edited.what) - LISTED
            more = (f"{left} more",) if left > 0 else ()
            parts = (*edited.what[:LISTED], *more, *edited.notices)
            text = f"Since step {count(edited.step + 1)}: {'; '.join(parts)}."
        restyle(self.edits, "role", "caption" if state.problem is None else "warning")
        self.edits.setText(plain(text))
        self.edits.setVisible(bool(text))
        self.problem.setVisible(state.problem is not None and bool(state.problem.node))

    def _ask_for_problem(self) -> None:
        problem = self._edit_state.problem
        path = self._workspace.find(problem.node) if problem is not None and problem.node else None
        if path:
            self.node_requested.emit(path)

    @Slot(object)
    def show_notices(self, notices: tuple[str, ...]) -> None:
        """Show notices about the data."""
        self.notice_text.setText("  ".join(map(in_window, notices)))
        self.notice.setVisible(bool(notices))
        offers = any("mnist" in text.lower() for text in notices)
        self.download_button.setText(DOWNLOAD)
        self.download_button.setVisible(offers and not self.cancel_button.isVisibleTo(self.notice))

    # ---- download ---------------------------------------------------------------------------

    @Slot()
    def refresh_download(self) -> None:
        """Disable the button while nothing can be downloaded. Its tooltip then tells the reason."""
        switch(self.download_button, self.why_no_download())

    def on_download_started(self) -> None:
        self.notice.show()
        if not self.notice_text.text():
            self.notice_text.setText("Downloading MNIST")
        self.download_bar.setRange(0, 0)
        self.download_bar.show()
        self.cancel_button.show()
        self.download_button.hide()

    @Slot(object)
    def on_download(self, message: Any) -> None:
        """Show the progress, the end or the failure of a download."""
        if isinstance(message, p.DownloadProgress):
            self.download_bar.setRange(0, 1000 if message.total else 0)
            if message.total:
                self.download_bar.setValue(round(1000 * message.received / message.total))
            self.notice_text.setText(f"Downloading {message.file}: {_size(message.received)}")
            return
        self.download_bar.hide()
        self.cancel_button.hide()
        if isinstance(message, p.Downloaded):
            self.notice_text.setText(f"The full set was saved in {message.folder}.")
        else:
            # the hint comes first, because the reasons of all mirrors are long
            error = message.error
            text = f"The download failed. {in_window(error.hint)} {in_window(error.message)}"
            self.notice_text.setText(" ".join(text.split()))
            self.download_button.setText("Try again")
            self.download_button.show()
        self.notice.show()

    # ---- drawing ----------------------------------------------------------------------------

    @Slot()
    def draw(self) -> None:
        """Draw new values. The time that this takes determines the pause before the next
        drawing.
        """
        self._timer.setInterval(self._throttle.pause_ms())
        self._draw_figures()
        if self.isVisible() and self.plots is not None:
            self.plots.show_record(self.record)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self.plots is not None:
            self._timer.start()

    def _draw_figures(self) -> None:
        record, figures = self.record, self.figures
        self.headline.setText(self._headline())
        self._draw_ending()
        self._draw_edits()
        self.bar.setValue(round(1000 * record.part))
        last = record.first_epoch - 1 + record.epochs
        of = f" of {last}" if record.has_end else ""
        figures["epoch"].setText(f"{record.current_epoch()}{of}" if record.epochs else "–")
        total = record.total_steps
        of = f" of {count(total)}" if total else ""
        is_known = bool(total) or not record.has_end
        figures["step"].setText(f"{count(record.last_step)}{of}" if is_known else "–")
        figures["speed"].setText(self._speed())
        left = record.seconds_left if self._state == "training" else None
        figures["left"].setText(duration(left) if left is not None else "–")
        loss = record.last_loss
        figures["loss"].setText("–" if loss is None else number(loss))
        for name, texts in self.metric_rows.items():
            for text in texts:
                text.setVisible(name in record.metrics)
        for name, points in record.metrics.items():
            self._metric_label(name).setText(number(points.values[-1]))
        for name in self.record.once:
            if name not in record.metrics:
                self._metric_label(name).setText("at the end")
        self._widen_side()

    def _widen_side(self) -> None:
        """Widen the column of figures as needed.

        It never shrinks, so that the plots stay in place.
        """
        bar = self._side.verticalScrollBar().sizeHint().width()
        needed = self._inner.minimumSizeHint().width() + bar
        self._side.setFixedWidth(max(self._side.width(), needed))

    def _headline(self) -> str:
        done = self.record.done
        if self._state == "paused":
            return "Paused"
        if self._state == "preparing":
            return "Preparing…"
        if self._state == "training":
            return "Training" if self.record.has_stepped else "Preparing…"
        if self.record.diverged is not None:
            what = "Out of bounds" if self.record.diverged.crossing else "Diverged"
            return f"{what} at step {count(self.record.diverged.step)}"
        if done is not None:
            word = "Stopped early" if done.reason else "Stopped" if done.stopped else "Done"
            return f"{word} after {duration(done.seconds)}"
        return "No training yet" if not self.record.epochs else "Ended"

    def _draw_ending(self) -> None:
        """Show why the training ended, unless it simply ran all epochs."""
        is_over = self._state not in ("preparing", "training", "paused")
        diverged = self.record.diverged if is_over else None
        restyle(self.headline, "role", "strong" if diverged is None else "alarm")
        if diverged is not None:
            what = f"{diverged.node} is {number(diverged.value)}"
            what = str(diverged.crossing) if diverged.crossing else f"{what[0].upper()}{what[1:]}"
            text = f"{what}. The weights are {diverged.kept}."
            self.ending.setText(text)
            self.ending.show()
            return
        done = self.record.done if is_over else None
        says_more = done is not None and bool(done.reason or done.best_epoch)
        text = done.ending if done is not None and says_more else ""
        self.ending.setText(f"{text[0].upper()}{text[1:]}." if text else "")
        self.ending.setVisible(says_more)

    def _speed(self) -> str:
        if self._state not in ("training", "paused") and self.record.done is not None:
            return count(round(self.record.done.steps_per_second))
        speed = self.record.speed
        return "–" if speed is None else count(round(speed))

    def _metric_label(self, name: str) -> QLabel:
        if name not in self.metric_rows:
            row = self._grid.rowCount()
            texts = self.metric_rows[name] = label(name, "caption"), label("", "strong")
            texts[1].setAlignment(Qt.AlignmentFlag.AlignRight)
            for at, text in enumerate(texts):
                self._grid.addWidget(text, row, at)
        caption, value = self.metric_rows[name]
        split, rows = self.record.measured.get(name, ("", 0))
        if rows:
            words = f"{count(rows)} {SPLIT_WORDS.get(split, split)} rows"
            caption.setText(f"{name.removeprefix(f'{split}/')}, {words}")
            when = "once, after the last epoch," if name in self.record.once else "after each epoch"
            tip = f"Measured {when} on all {words}."
            caption.setToolTip(plain_tip(f"{tip} Nodes show other rows, named in the toolbar."))
        return value

    @Slot()
    def _on_smoothing(self) -> None:
        self.record.set_smoothing(self._settings.smoothing)
        if not self._timer.isActive():
            self._timer.start()


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB"


def _show_metrics(context: PanelContext) -> None:
    """Show the graph's training settings, which include the metrics."""
    context.middle.canvas.selection.select([])
    context.window.show_panel("inspector")


def _go_to(past: ShownStep, plots: SharedPlots, step: int) -> None:
    """Show the step that was clicked in a plot: a step of the training, or else of the first
    drawn run.
    """
    if not past.is_possible and plots.runs:
        past.open(plots.runs[0].id, plots.runs[0].title, step)
    else:
        past.show(step)


def _show_unless_staged(context: PanelContext, panel: LatePanel) -> None:
    """Show the panel when a training begins, unless the stage shows the training."""
    if not context.middle.pages.shows_stage:
        panel.show()


def _make(context: PanelContext) -> TrainingPanel:
    run, link, plots = context.trainings.run, context.engine.link, context.trainings.plots
    panel = TrainingPanel(
        context.document.workspace,
        plots,
        context.look.settings,
        context.look.themes,
        context.chosen.data,
    )
    panel.add_control(EarlyStoppingToggle(context.document.workspace, panel))
    why = partial(context.window.actions.reason, "train")
    scrubber = Scrubber(link.past, link.ops, context.look.themes, why)
    context.window.actions.refreshed.connect(scrubber.refresh)
    scrubber.branch_requested.connect(run.branch)
    panel.add_scrubber(scrubber)
    context.engine.values.notices_changed.connect(panel.show_notices)
    panel.show_notices(context.engine.values.notices)
    link.state_changed.connect(panel.show_state)
    panel.show_state(link.state)
    link.edits.connect(panel.show_edits)
    panel.show_edits(link.edit_state)
    panel.metric_requested.connect(partial(_show_metrics, context))
    panel.node_requested.connect(context.middle.navigator.show_path)
    panel.why_no_download = partial(context.window.actions.reason, "fetch_data")
    context.window.actions.refreshed.connect(panel.refresh_download)
    panel.refresh_download()
    panel.download_requested.connect(partial(context.window.actions.trigger, "fetch_data"))
    panel.download_cancelled.connect(link.cancel_download)
    context.document.workspace.replaced.connect(panel.reset)
    plots.overlays_changed.connect(panel.show_overlays)
    panel.show_overlays()
    return panel


def _wire(context: PanelContext, panel: LatePanel) -> None:
    context.window.actions.bind({SHOW.id: Binding(panel.show)})
    past, run, plots = context.engine.link.past, context.trainings.run, context.trainings.plots
    past.chosen.connect(lambda: plots.show_cursor(past.step))
    past.refused.connect(lambda text: context.window.messages.show(text, "warning"))
    plots.step_chosen.connect(partial(_go_to, past, plots))
    for signal in (run.download_started, run.notices_requested):
        signal.connect(panel.show)
    run.training_started.connect(partial(_show_unless_staged, context, panel))
    panel.hear(run.training_started, TrainingPanel.begin)
    panel.hear(run.download_started, TrainingPanel.on_download_started)
    panel.hear(context.engine.link.training, TrainingPanel.on_event)
    panel.hear(context.engine.link.download, TrainingPanel.on_download)
    panel.hear(context.window.idle, TrainingPanel.preload)


SHOW = ActionSpec("show_training", "Show the training", icon="chart-line", tip="Its curves")
PANEL = PanelSpec("training", "Training", Place.BOTTOM, 20, _make, _wire, (SHOW,), always)

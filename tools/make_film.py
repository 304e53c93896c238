"""Record the film of the README: the real window, driven by mouse and keys, as animated WebP.

xvfb-run -s "-screen 0 1280x800x24" .venv/bin/python tools/make_film.py [light|dark ...]

Frames are taken where something is to be seen, so waiting takes no time in the film.
"""

from __future__ import annotations

import io
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import nodeflow.ui  # noqa: F401  before the first Qt call: see there

# isort: split
from PIL import Image, ImageDraw, ImageFont
from PySide6.QtCore import QBuffer, QPoint, Qt
from PySide6.QtTest import QTest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from nodeflow.document.edit import commands  # noqa: E402
from nodeflow.resources import example, resource  # noqa: E402
from nodeflow.ui.app import make_application, make_window  # noqa: E402
from nodeflow.ui.core.state.user_settings import Settings  # noqa: E402
from nodeflow.ui.core.theming.stylesheet import apply_theme  # noqa: E402
from nodeflow.ui.core.theming.theme import THEMES  # noqa: E402
from nodeflow.ui.panels.sketch_pad import SketchPad  # noqa: E402
from nodeflow.ui.panels.training import TrainingPanel  # noqa: E402
from nodeflow.ui.window.main_window import MainWindow  # noqa: E402
from tests.ui.first_hour import LEFT, NONE, Newcomer, Strokes  # noqa: E402

SIZE = (1120, 760)
FILM_WIDTH = 960
CAPTION_HEIGHT = 44
QUALITY = 62
FRAME_MS, HOLD_MS, END_MS = 100, 900, 1600
FOLDER = ROOT / "docs" / "images"
SEVEN: Strokes = (
    (
        *((0.24 + 0.05 * i, 0.22) for i in range(11)),
        *((0.74 - 0.03 * i, 0.22 + 0.058 * i) for i in range(1, 11)),
    ),
)
EDITED_AT, TRAINED_TO = 120, 330
"""Steps of spirals: when the activation changes, and when the training is scrubbed."""
SPEED = 20
"""Steps per second, few enough for a busy computer to show."""


class Film:
    """Frames with their durations, under a caption of at most four words."""

    def __init__(self, window: MainWindow, theme: str) -> None:
        self._window = window
        self._ground, self._ink = (
            ("#f4f5f8", "#1d2433") if theme == "light" else ("#14171f", "#e8ebf2")
        )
        self._font = ImageFont.truetype(str(resource("fonts/Inter-SemiBold.otf")), 22)
        self.frames: list[Image.Image] = []
        self.times: list[int] = []
        self.caption = ""

    def take(self, milliseconds: int = FRAME_MS) -> None:
        """Add what the window shows now."""
        buffer = QBuffer()
        buffer.open(QBuffer.OpenModeFlag.WriteOnly)
        self._window.grab().save(buffer, "PNG")
        picture = Image.open(io.BytesIO(buffer.data().data())).convert("RGB")
        height = round(FILM_WIDTH * picture.height / picture.width)
        frame = Image.new("RGB", (FILM_WIDTH, height + CAPTION_HEIGHT), self._ground)
        frame.paste(picture.resize((FILM_WIDTH, height), Image.Resampling.LANCZOS))
        at = (FILM_WIDTH / 2, height + CAPTION_HEIGHT / 2)
        ImageDraw.Draw(frame).text(at, self.caption, self._ink, self._font, anchor="mm")
        self.frames.append(frame)
        self.times.append(milliseconds)

    def end(self, name: str) -> None:
        """Add the name, on an empty frame."""
        frame = Image.new("RGB", self.frames[-1].size, self._ground)
        draw = ImageDraw.Draw(frame)
        font = ImageFont.truetype(str(resource("fonts/Inter-SemiBold.otf")), 72)
        draw.text((frame.width / 2, frame.height / 2), name, self._ink, font, anchor="mm")
        self.frames.append(frame)
        self.times.append(END_MS)

    def save(self, path: Path) -> None:
        first, *rest = self.frames
        first.save(
            path, save_all=True, append_images=rest, duration=self.times, loop=0,
            quality=QUALITY, method=6, minimize_size=False,
        )  # fmt: skip
        print(f"{path}: {len(self.frames)} frames, {sum(self.times) / 1000:.1f} s, "
              f"{path.stat().st_size / 1e6:.2f} MB", flush=True)  # fmt: skip


class Player:
    """Somebody who shows the program."""

    def __init__(self, window: MainWindow, film: Film) -> None:
        self.window, self.film = window, film
        self.newcomer = Newcomer(window)

    def wait(self, until: Callable[[], object], what: str) -> None:
        self.newcomer.wait(until, what)

    def play(self) -> None:
        self.formula()
        self.drag_b()
        self.spirals()
        self.seven()
        self.film.end("nodeflow")

    def formula(self) -> None:
        """Type a formula; its nodes appear with their values."""
        self.film.caption = "Type a formula"
        self.window.files.new()
        QTest.qWait(800)
        self.window.actions_.trigger("formula")
        bar = self.window.popups.formula
        self.wait(bar.isVisible, "the formula bar")
        for count, letter in enumerate("b=2; c=1; a = (b + c) * (c + 2)"):
            QTest.keyClicks(bar.field, letter)
            if count % 2:
                QTest.qWait(30)
                self.film.take(90)
        QTest.qWait(300)
        self.film.take(400)
        QTest.keyClick(bar.field, Qt.Key.Key_Return)
        find = self.window.workspace.document.node_named
        self.wait(lambda: self.shown("a") is not None, "the value of a")
        self.window.actions_.trigger("fit")
        self.film.caption = "Values appear at once"
        QTest.qWait(900)
        self.film.take(HOLD_MS)
        assert find("b") is not None

    def shown(self, name: str) -> object:
        record = self.window.workspace.document.node_named(name)
        return None if record is None else self.window.canvas.node_state.value_of(record.id)

    def drag_b(self) -> None:
        """Drag the number on b; a follows."""
        self.film.caption = "Drag b: a follows"
        canvas = self.window.canvas
        record = self.window.workspace.document.node_named("b")
        assert record is not None
        at = canvas.viewport.value_rect(record.id).center().toPoint()
        QTest.mousePress(canvas, LEFT, NONE, at)
        for x in range(0, 320, 20):
            QTest.mouseMove(canvas, at + QPoint(x, 0))
            QTest.qWait(150)
            self.film.take(90)
        QTest.mouseRelease(canvas, LEFT, NONE, at + QPoint(300, 0))
        QTest.qWait(400)
        self.film.take(500)
        self.window.workspace.root.mark_saved()

    def open(self, name: str) -> None:
        self.window.workspace.root.mark_saved()
        self.window.files.open_example(example(f"{name}.flow"))
        self.wait(lambda: self.window.link.state == "idle", f"{name} is open")

    def step(self) -> int:
        panel = self.window.panels["training"]
        assert isinstance(panel, TrainingPanel)
        return panel.record.losses.count

    def spirals(self) -> None:
        """Train spirals beside its stage, change an activation, and scrub back."""
        window, film = self.window, self.film
        window.actions_.trigger("panel_right")
        self.open("spirals")
        self.newcomer.click_action("train")  # once before, so that the film has no pause to compile
        self.wait(lambda: self.step() > 50, "the first steps")
        window.actions_.trigger("stop")
        self.wait(lambda: not window.link.is_training, "the training stops")
        window.files.weights.discard()
        self.open("spirals")
        commands.set_training(window.workspace.root, speed=SPEED)
        film.caption = "Press Train"
        stage = window.stage_modes.stage
        assert stage is not None
        self.wait(lambda: self.shown("logits") is not None, "values of spirals")
        QTest.qWait(1500)
        window.actions_.trigger("fit")
        QTest.qWait(1500)
        film.take(HOLD_MS)
        self.newcomer.click_action("train")
        film.caption = "The regions bend"
        self.watch(EDITED_AT, 26)
        film.caption = "Change it while training"
        record = window.workspace.document.node_named("hidden2")
        assert record is not None
        window.canvas.selection.select([record.id])
        window.actions_.trigger("replace")
        field = window.search.field
        self.wait(field.isVisible, "the search")
        QTest.keyClicks(field, "tanh")
        QTest.qWait(250)
        film.take(700)
        QTest.keyClick(field, Qt.Key.Key_Return)
        self.watch(TRAINED_TO, 24)
        if window.link.is_training:
            window.actions_.trigger("stop")
        self.wait(lambda: not window.link.is_training, "the training stops")
        film.caption = "Scrub back in time"
        QTest.qWait(800)
        slider = stage.bar.scrubber.slider
        last = slider.maximum()
        for part in range(1, 15):
            to = round(last * (1 - part / 14) ** 1.5) or 1
            slider.setSliderDown(True)
            slider.setValue(to)
            slider.setSliderDown(False)
            self.wait(
                lambda to=to: window.link.past.step == to and window.link.past.is_there,
                f"step {to}",
            )
            QTest.qWait(250)
            film.take(110)
        film.times[-1] = 500
        window.files.weights.discard()

    def watch(self, last: int, frames: int) -> None:
        """Take frames of a training until a step, evenly over its steps."""
        first = self.step()
        for number in range(frames):
            goal = first + (last - first) * (number + 1) / frames
            self.wait(lambda goal=goal: self.step() >= goal, f"step {goal}")
            self.film.take()

    def seven(self) -> None:
        """Draw a seven before a network that was trained here."""
        window, film = self.window, self.film
        self.open("mnist")
        self.wait(lambda: window.data.shown is not None, "live values")
        self.newcomer.train()
        self.newcomer.click_tab("Sketch pad")
        panel = window.panels["sketch_pad"]
        assert isinstance(panel, SketchPad)
        self.wait(panel.pad.isVisible, "the sketch pad")
        film.caption = "Draw: the network answers"
        QTest.qWait(800)
        film.take(300)
        (stroke,) = SEVEN
        for end in range(3, len(stroke) + 1, 2):
            QTest.mouseClick(panel.clear, LEFT)
            self.newcomer.draw((stroke[:end],))
            QTest.qWait(400)
            film.take(120)
        self.wait(lambda: (self.newcomer.answer() or "?")[0] == "7", "the seven is read")
        QTest.qWait(600)
        film.take(1400)
        window.files.weights.discard()


def main(themes: list[str]) -> None:
    application = make_application()
    os.environ["NODEFLOW_RUNS"] = tempfile.mkdtemp()
    for theme in themes:
        apply_theme(application, THEMES[theme])
        settings = Settings(Path(tempfile.mkdtemp()) / "window.ini")
        settings.theme = theme
        window = make_window(settings)
        window.resize(*SIZE)
        window.show()
        window.link.start()
        window.activateWindow()
        film = Film(window, theme)
        try:
            Player(window, film).play()
        finally:
            if film.frames:
                film.save(FOLDER / f"film-{theme}.webp")
        window.workspace.root.mark_saved()
        window.close()


if __name__ == "__main__":
    main(sys.argv[1:] or ["light", "dark"])

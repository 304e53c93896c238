"""Saves around the end of a training: what it learned stays, and it goes on from there.

Every training begins in a graph without a file, whose data are named by their whole path; a save
makes that relative, and lets the engine have the document with its folder again.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog
from thread_engine import ThreadClient

from nodeflow.document.edit import commands
from nodeflow.host import protocol as p
from nodeflow.train.events import Done, Edited, Epoch, Steps
from nodeflow.train.saving.weights import load_weights
from nodeflow.ui.controllers.files.shared_file import SharedFile
from nodeflow.ui.popups.dialogs import confirmation_dialogs
from tests.host.desk import Desk as EngineDesk
from tests.host.desk import reference, same, write_rows
from tests.host.documents import fitted_layer
from tests.volumes import seeds

CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
EPOCHS, AT_ONCE = 25, 10
SAVES = seeds("saves around the end of a training")
WAYS = ("into the data's folder", "elsewhere", "below", "under another name", "again")


class ReferenceClient(ThreadClient):
    """An engine that trains by one tier from the first step on: equal trainings have equal bits."""

    def __init__(self, on_message) -> None:
        super().__init__(on_message)
        self.engine._make_session = reference  # type: ignore[method-assign]


class Unsaved(NamedTuple):
    """Losses and variables of a training, and of one that goes on from there."""

    losses: list[float]
    trained: dict[str, np.ndarray]
    more: list[float]
    final: dict[str, np.ndarray]


class Desk:
    """A window and the training in it."""

    def __init__(self, window, qtbot, monkeypatch) -> None:
        self.window, self.qtbot = window, qtbot
        self.events: list[object] = []
        self.arrived = 0
        self.alarms: list[object] = []
        window.link.training.connect(self.events.append)
        window.link.channel.arrived.connect(self._on_message)
        window.messages.message_shown.connect(
            lambda text, level, *_: self.alarms.append(text) if level != "info" else None
        )
        window.link.edits.connect(
            lambda state: self.alarms.append(state.problem) if state.state == "invalid" else None
        )
        monkeypatch.setattr(
            confirmation_dialogs, "ask_unsaved", lambda *_: confirmation_dialogs.DISCARD
        )
        monkeypatch.setattr(confirmation_dialogs, "ask_open_elsewhere", lambda *_: True)
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(self.target), ""))
        self.target = Path()
        self.save = lambda: None

    def _on_message(self, *_: object) -> None:
        self.arrived += 1

    def begin(self, folder: Path) -> None:
        """Another graph without a file, that nothing was learned in."""
        self.folder = folder
        (folder / "below").mkdir(parents=True)
        (folder.parent / f"other {folder.name}").mkdir()
        write_rows(folder / "rows.npz")
        assert self.window.files.begin_with(fitted_layer(folder / "rows.npz", EPOCHS), "")
        self.events.clear()

    def press(self, way: str, chance: random.Random) -> None:
        """Save by the keys."""
        path = self.window.workspace.root.path
        name = f"{chance.randrange(10**6)}.flow"
        self.target = {
            "elsewhere": self.folder.parent / f"other {self.folder.name}" / name,
            "below": self.folder / "below" / name,
            "under another name": (path.parent if path else self.folder) / name,
        }.get(way, self.folder / "graph.flow")
        keys = CONTROL if way == "again" else CONTROL | SHIFT
        self.qtbot.keyClick(self.window.canvas, Qt.Key.Key_S, keys)
        assert not self.window.workspace.root.is_modified, way

    def run(self, action: str, save_after: list[int], save) -> list[float]:
        """Train, and save after so many messages; returns the losses once the engine rests."""
        self.events.clear()
        self.arrived = 0
        self.window.actions_.trigger(action)
        for count in sorted(save_after):
            self.qtbot.waitUntil(lambda n=count: self.arrived >= n or self.is_done, timeout=60_000)
            save()
        self.qtbot.waitUntil(lambda: self.is_done, timeout=60_000)
        self.rest()
        return [float(x) for e in self.events if isinstance(e, Steps) for x in e.losses]

    @property
    def is_done(self) -> bool:
        return any(isinstance(e, Done) for e in self.events)

    def has_looked_at_edits(self) -> bool:
        """Whether the training knows the document as it is."""
        engine, edits = ThreadClient.made[-1].engine, ThreadClient.made[-1].engine._training.edits
        is_there = engine._mirror.folder == self.window.workspace.base_dir and not len(
            engine._inbox
        )
        return is_there and edits is not None and edits._due is None and not edits._is_busy

    def rest(self) -> None:
        """Until the engine has nothing to do, derived nodes included."""
        engine = ThreadClient.made[-1].engine
        self.qtbot.waitUntil(
            lambda: (
                self.window.link.state == "idle"
                and not len(engine._inbox)
                and engine._handled is None
                and (engine._evaluator is None or engine._evaluator.is_settled)
            ),
            timeout=60_000,
        )

    def values(self, path: Path) -> dict[str, np.ndarray]:
        """What the engine has learned, as it writes it."""
        number = self.window.link.save_weights(str(path))
        said: list[object] = []
        self.window.link.done.connect(said.append)
        self.qtbot.waitUntil(
            lambda: any(isinstance(m, p.WeightsSaved) and m.request == number for m in said),
            timeout=60_000,
        )
        self.window.link.done.disconnect(said.append)
        return dict(load_weights(path))


@pytest.fixture
def desk(open_window, qtbot, monkeypatch) -> Desk:
    return Desk(open_window(ReferenceClient), qtbot, monkeypatch)


@pytest.fixture(scope="module")
def unsaved(tmp_path_factory) -> Unsaved:
    """What the same training gives that nothing is saved beside, and another one that goes on."""
    folder = tmp_path_factory.mktemp("unsaved")
    write_rows(folder / "rows.npz")
    quiet = EngineDesk(fitted_layer(folder / "rows.npz", EPOCHS))
    quiet.train()
    losses, trained = quiet.losses, quiet.values
    quiet.train(resume=True)
    return Unsaved(losses, trained, quiet.losses[len(losses) :], quiet.values)


@pytest.mark.thorough
@pytest.mark.parametrize("first", SAVES[::AT_ONCE])
def test_what_was_learned_outlasts_every_save(desk, unsaved, tmp_path, monkeypatch, first):
    messages = 60
    write = SharedFile.write
    for seed in range(first, min(first + AT_ONCE, SAVES.stop)):
        chance = random.Random(seed)
        desk.begin(tmp_path / f"data {seed}")
        slow = chance.random() < 0.5

        def save(chance=chance, slow=slow):
            def written(shared, *args):
                """As on a slow disk: the engine has time for all that it does meanwhile."""
                if slow and desk.window.link.state == "idle":
                    desk.rest()
                return write(shared, *args)

            with monkeypatch.context() as patch:
                patch.setattr(SharedFile, "write", written)
                desk.press(chance.choice(WAYS), chance)

        when = [chance.randrange(messages) for _ in range(chance.randint(0, 2))]
        assert desk.run("train", when, save) == unsaved.losses, f"seed {seed}"
        for _ in range(chance.randint(not when, 2)):
            save()
        desk.rest()
        found = desk.values(tmp_path / "now.safetensors")
        assert same(found, unsaved.trained), f"seed {seed}: what was learned is lost"
        again = [chance.randrange(messages) for _ in range(chance.randint(0, 1))]
        assert desk.run("continue", again, save) == unsaved.more, f"seed {seed}"
        assert same(desk.values(tmp_path / "now.safetensors"), unsaved.final), f"seed {seed}"
        assert not desk.window.workspace.problems(), f"seed {seed}"
        assert not desk.alarms, f"seed {seed}: {desk.alarms}"


def begun(desk, qtbot, monkeypatch, folder: Path) -> None:
    """A training that is paused after its fifth epoch."""
    engine = ThreadClient.made[-1].engine
    report = engine._report

    def pausing(event: object) -> None:
        report(event)
        if isinstance(event, Epoch) and event.epoch == 5:
            engine.receive(p.Pause())

    monkeypatch.setattr(engine, "_report", pausing)
    desk.begin(folder)
    desk.window.actions_.trigger("train")
    qtbot.waitUntil(lambda: desk.window.link.state == "paused", timeout=60_000)
    monkeypatch.setattr(engine, "_report", report)


@pytest.mark.thorough
def test_a_save_while_paused(desk, unsaved, tmp_path, qtbot, monkeypatch):
    begun(desk, qtbot, monkeypatch, tmp_path / "data")
    for way in ("into the data's folder", "elsewhere"):
        desk.press(way, random.Random(1))
    desk.window.link.resume()
    qtbot.waitUntil(lambda: desk.is_done, timeout=60_000)
    desk.rest()
    assert same(desk.values(tmp_path / "now.safetensors"), unsaved.trained)


@pytest.mark.thorough
def test_a_stopped_training_is_resumed_after_a_save(desk, unsaved, tmp_path, qtbot, monkeypatch):
    begun(desk, qtbot, monkeypatch, tmp_path / "data")
    desk.window.actions_.trigger("stop")
    qtbot.waitUntil(lambda: desk.is_done, timeout=60_000)
    desk.rest()
    for way in ("into the data's folder", "below"):
        desk.press(way, random.Random(1))
    desk.run("continue", [], None)
    assert same(desk.values(tmp_path / "now.safetensors"), unsaved.trained)


@pytest.mark.thorough
def test_a_training_that_goes_on_hears_of_the_new_folder(desk, tmp_path, qtbot):
    """Its edits look for data where the document is now, and say so where there are none."""
    desk.begin(tmp_path / "data")
    window = desk.window
    commands.set_training(window.workspace.root, epochs=100_000)
    window.actions_.trigger("train")
    qtbot.waitUntil(lambda: any(isinstance(e, Steps) for e in desk.events), timeout=60_000)
    chance = random.Random(1)
    for way in ("into the data's folder", "elsewhere", "below", "into the data's folder"):
        desk.press(way, chance)
        qtbot.waitUntil(desk.has_looked_at_edits, timeout=60_000)
    assert not desk.alarms and not any(isinstance(e, Edited) for e in desk.events)
    rows = window.workspace.root.node_named("data").id
    commands.set_attr(window.workspace.root, rows, "source", "npz:gone.npz")
    qtbot.waitUntil(lambda: bool(desk.alarms), timeout=60_000)
    assert f"there is no file gone.npz in {desk.folder}" in str(desk.alarms[0])
    window.actions_.trigger("stop")
    qtbot.waitUntil(lambda: desk.is_done, timeout=60_000)

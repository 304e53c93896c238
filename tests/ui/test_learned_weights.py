"""Initial and learned weights in the window, over renaming and grouping; with a real engine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QApplication, QFileDialog, QLabel, QPushButton
from test_expand import shown
from test_subgraph_actions import make, node, shortcut
from thread_engine import ThreadClient

from nodeflow.document.edit import commands
from nodeflow.host import protocol as p
from nodeflow.paths import journal_folder
from nodeflow.resources import example
from nodeflow.train.events import Done
from nodeflow.train.saving.assignment import Taken
from nodeflow.train.saving.weights import load_saved, save_weights
from nodeflow.ui.popups.dialogs import confirmation_dialogs, recovery_dialog
from nodeflow.ui.popups.dialogs.load_weights_dialog import WeightsDialog


@pytest.fixture
def window(qtbot, live_window):
    """A window on spirals.flow, its values there."""
    window = live_window("spirals")
    qtbot.waitUntil(lambda: shown(window.canvas, "loss") is not None, timeout=20000)
    return window


@pytest.fixture
def settled(qtbot, window):
    """Waits until the values of the document as it is now have come."""
    arrived: list[int] = []
    window.link.previews.connect(lambda message: arrived.append(message.revision))

    def wait() -> None:
        revision = window.workspace.root.revision
        qtbot.waitUntil(lambda: bool(arrived) and arrived[-1] == revision, timeout=20000)

    return wait


def rename(qtbot, window, old: str, new: str) -> None:
    """F2, and a name typed into the title."""
    window.canvas.setFocus()
    window.canvas.selection.select([node(window, old).id])
    shortcut(qtbot, window, "F2")
    field = window.focusWidget()
    qtbot.keyClick(field, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClicks(field, new)
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert node(window, new)


@pytest.mark.thorough
def test_renaming_and_grouping_redraw_no_initial_weights(qtbot, window, settled):
    loss = shown(window.canvas, "loss")
    make(qtbot, window, "W1", "b1", called="layer")
    settled()
    assert shown(window.canvas, "loss") == loss
    rename(qtbot, window, "layer", "dense")
    settled()
    assert shown(window.canvas, "loss") == loss
    rename(qtbot, window, "W2", "weights")
    settled()
    assert shown(window.canvas, "loss") == loss


# ---- what a training learned --------------------------------------------------------------------


def variables() -> dict[str, bytes]:
    """The values that the engine has, by name."""
    evaluator = ThreadClient.made[-1].engine._current()
    return {name: value.tobytes() for name, value in evaluator.variables().items()}


def own(values: dict[str, bytes]) -> list[bytes]:
    """The values of the graph's own variables, whatever they are called."""
    return sorted(value for name, value in values.items() if not name.startswith("train/"))


def choose(monkeypatch, saved: Path | None = None, opened: Path | None = None) -> None:
    """What the user picks in file dialogs."""
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(saved or ""), ""))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(opened or ""), ""))


def train(qtbot, window) -> None:
    """Two epochs, by Ctrl+T."""
    commands.set_training(window.workspace.root, epochs=2)
    window.canvas.setFocus()
    with qtbot.waitSignal(
        window.link.training, timeout=60000, check_params_cb=lambda event: isinstance(event, Done)
    ):
        shortcut(qtbot, window, "Ctrl+T")
    qtbot.waitUntil(lambda: window.link.state == "idle", timeout=60000)


def trigger(qtbot, window, action: str, message: type) -> None:
    """Runs an action, and waits for the engine's answer."""
    with qtbot.waitSignal(
        window.link.done, timeout=20000, check_params_cb=lambda m: isinstance(m, message)
    ):
        window.actions_.trigger(action)


@pytest.mark.thorough
def test_trained_renamed_grouped_saved_and_reopened_it_has_the_same_values(
    qtbot, window, settled, tmp_path, monkeypatch
):
    train(qtbot, window)
    trained = variables()
    choose(monkeypatch, saved=tmp_path / "net.flow")
    window.actions_.trigger("save")
    choose(monkeypatch, saved=tmp_path / "first.safetensors")
    trigger(qtbot, window, "save_weights", p.WeightsSaved)
    make(qtbot, window, "W1", "b1", called="layer")
    rename(qtbot, window, "W2", "weights")
    assert own(variables()) == own(trained)
    trigger(qtbot, window, "save", p.WeightsSaved)
    assert own(variables()) == own(trained)
    window.files.begin_empty()
    with qtbot.waitSignal(window.link.done, timeout=20000):  # the weights are loaded
        assert window.files.load(tmp_path / "net.flow")
    found = variables()
    assert own(found) == own(trained) and "layer/W1" in found and "weights" in found
    assert found["weights"] == trained["W2"] and found["layer/W1"] == trained["W1"]
    assert not window.info.isVisible(), "everything fits"


def saved_with_weights(qtbot, window, folder: Path, monkeypatch) -> dict[str, bytes]:
    """Train, save as net.flow with net.safetensors, and return what was learned."""
    train(qtbot, window)
    choose(monkeypatch, saved=folder / "net.flow")
    window.actions_.trigger("save")
    choose(monkeypatch, saved=folder / "net.safetensors")
    trigger(qtbot, window, "save_weights", p.WeightsSaved)
    trigger(qtbot, window, "save", p.WeightsSaved)
    return variables()


@pytest.mark.thorough
def test_a_copy_under_another_name_has_weights_of_its_own(qtbot, window, tmp_path, monkeypatch):
    trained = saved_with_weights(qtbot, window, tmp_path, monkeypatch)
    first = (tmp_path / "net.safetensors").read_bytes()
    choose(monkeypatch, saved=tmp_path / "copy.flow")
    trigger(qtbot, window, "save_as", p.WeightsSaved)
    assert window.workspace.root.weights == "copy.safetensors"
    assert not window.workspace.root.is_modified
    with qtbot.waitSignal(window.link.training, timeout=60000, check_params_cb=_is_done):
        window.actions_.trigger("continue")
    trigger(qtbot, window, "save", p.WeightsSaved)
    assert own(variables()) != own(trained)
    assert (tmp_path / "net.safetensors").read_bytes() == first, "those of the other file"
    with qtbot.waitSignal(window.link.done, timeout=20000):
        assert window.files.load(tmp_path / "net.flow")
    assert own(variables()) == own(trained)


@pytest.mark.thorough
@pytest.mark.parametrize("place", ["elsewhere/net.flow", "other.flow"])
def test_weights_that_are_not_loaded_yet_follow_the_document(
    qtbot, window, tmp_path, monkeypatch, place
):
    trained = saved_with_weights(qtbot, window, tmp_path, monkeypatch)
    window.files.begin_empty()
    assert window.files.load(tmp_path / "net.flow")
    assert not window.link.has_trained, "the engine has not answered"
    target = tmp_path / place
    target.parent.mkdir(exist_ok=True)
    choose(monkeypatch, saved=target)
    assert window.files.save_as()
    assert window.workspace.root.weights == f"{target.stem}.safetensors"
    window.files.begin_empty()
    with qtbot.waitSignal(window.link.done, timeout=20000, check_params_cb=_is_loaded):
        assert window.files.load(target)
    qtbot.waitUntil(lambda: window.link.has_trained, timeout=20000)
    assert own(variables()) == own(trained)


def _is_done(event: object) -> bool:
    return isinstance(event, Done)


def _is_loaded(message: object) -> bool:
    return isinstance(message, p.WeightsLoaded)


def test_weights_saved_under_old_names_are_loaded_by_what_they_are(
    qtbot, window, settled, tmp_path, monkeypatch
):
    train(qtbot, window)
    trained = variables()
    choose(monkeypatch, tmp_path / "w.safetensors", tmp_path / "w.safetensors")
    trigger(qtbot, window, "save_weights", p.WeightsSaved)
    rename(qtbot, window, "W1", "weights")
    rename(qtbot, window, "W2", "W1")  # the name of another one in the file
    window.link.initialise()
    qtbot.waitUntil(lambda: not window.link.has_trained, timeout=20000)
    assert own(variables()) != own(trained)
    trigger(qtbot, window, "load_weights", p.WeightsLoaded)
    found = variables()
    assert found["weights"] == trained["W1"] and found["W1"] == trained["W2"]
    assert window.link.has_trained, "Continue goes on from them"


def answer(qtbot, act) -> None:
    """Does something with the next dialog of weights, by real events."""

    def when_open() -> None:
        dialog = QApplication.activeModalWidget()
        if not isinstance(dialog, WeightsDialog):
            QTimer.singleShot(20, when_open)
            return
        try:
            act(dialog)
        except BaseException:
            dialog.reject()
            raise

    QTimer.singleShot(20, when_open)


def press(qtbot, dialog: WeightsDialog, text: str) -> None:
    (found,) = [b for b in dialog.findChildren(QPushButton) if b.text() == text]
    qtbot.mouseClick(found, Qt.MouseButton.LeftButton)


def test_what_does_not_fit_is_listed_before_anything_is_loaded(
    qtbot, window, settled, tmp_path, monkeypatch
):
    path = tmp_path / "other.safetensors"
    values = {"W1": np.ones((2, 3), "float32"), "b3": np.full(2, 7, "float32"), "V": np.ones(1)}
    save_weights(path, values)
    choose(monkeypatch, opened=path)
    before = variables()
    seen: list[WeightsDialog] = []

    def refuse(dialog: WeightsDialog) -> None:
        cells = [dialog.table.item(row, 0).text() for row in range(dialog.table.rowCount())]
        assert cells == ["W1", "b1", "W2", "b2", "W3", "b3"]
        assert dialog.taken() == {"b3": Taken("b3")}
        assert "Not used from the file: V, W1." in {x.text() for x in dialog.findChildren(QLabel)}
        press(qtbot, dialog, "Cancel")
        seen.append(dialog)

    answer(qtbot, refuse)
    trigger(qtbot, window, "load_weights", p.WeightsChecked)
    assert seen and variables() == before, "cancelled"
    answer(qtbot, lambda dialog: press(qtbot, dialog, "Load 1 variable"))
    trigger(qtbot, window, "load_weights", p.WeightsLoaded)
    changed = {name for name, value in variables().items() if value != before[name]}
    assert changed == {"b3"}


@pytest.mark.thorough
def test_weights_of_another_program_are_assigned(qtbot, window, settled, tmp_path, monkeypatch):
    """PyTorch's names, matrices the other way round, and float64 in an .npz file."""
    random = np.random.default_rng(1)
    evaluator = ThreadClient.made[-1].engine._current()
    here = evaluator.variables()
    torch = {}
    for layer in (1, 2, 3):
        torch[f"net.{layer}.weight"] = random.normal(size=here[f"W{layer}"].shape[::-1])
        torch[f"net.{layer}.bias"] = random.normal(size=here[f"b{layer}"].shape)
    np.savez(tmp_path / "torch.npz", **torch)
    choose(monkeypatch, opened=tmp_path / "torch.npz")

    def change_mind(dialog: WeightsDialog) -> None:
        first = dialog.table.cellWidget(1, 2)
        assert first.currentText() == "net.1.bias  (to float32)"
        qtbot.keyClick(first, Qt.Key.Key_Home)
        assert first.currentText() == "Keep the current value"
        press(qtbot, dialog, "Load 5 variables")

    answer(qtbot, change_mind)
    trigger(qtbot, window, "load_weights", p.WeightsLoaded)
    found = evaluator.variables()
    for layer in (1, 2, 3):
        wanted = torch[f"net.{layer}.weight"].T.astype("float32")
        np.testing.assert_array_equal(found[f"W{layer}"], wanted)
    np.testing.assert_array_equal(found["b1"], here["b1"])
    np.testing.assert_array_equal(found["b2"], torch["net.2.bias"].astype("float32"))
    assert window.files.weights.is_unsaved, "only a new file has them by these names"
    assert window.workspace.root.weights is None


@pytest.mark.thorough
def test_closing_asks_about_what_was_learned(qtbot, window, tmp_path, monkeypatch):
    asked: list[str] = []
    answers = iter(
        [confirmation_dialogs.CANCEL, confirmation_dialogs.SAVE, confirmation_dialogs.SAVE]
    )

    def ask(parent, name):
        asked.append(name)
        return next(answers)

    monkeypatch.setattr(confirmation_dialogs, "ask_unsaved_weights", ask)
    train(qtbot, window)
    window.workspace.root.mark_saved()
    assert window.files.may_leave() and not asked, "an example learns that again"
    (tmp_path / "mine").mkdir()
    own = tmp_path / "mine" / "spirals.flow"
    own.write_bytes(example("spirals").read_bytes())
    assert window.files.load(own)
    assert window.files.may_leave() and not asked, "nothing was learned"
    train(qtbot, window)
    window.workspace.root.mark_saved()
    window.close()
    assert window.isVisible() and asked == ["spirals"], "cancelled"
    choose(monkeypatch, saved=None)
    window.close()
    assert window.isVisible(), "no file was chosen"
    trained = variables()
    choose(monkeypatch, saved=tmp_path / "w.safetensors")
    window.close()
    assert not window.isVisible() and len(asked) == 3
    saved = load_saved(tmp_path / "w.safetensors")
    assert {name: value.tobytes() for name, value in saved.arrays.items()} == trained
    assert saved.ids["W1"][1] == "W1" and not saved.slots & {"W1", "b1"} and saved.slots


@pytest.mark.thorough
def test_saved_or_reset_weights_are_not_asked_about(qtbot, window, tmp_path, monkeypatch):
    train(qtbot, window)
    assert window.files.weights.is_unsaved
    choose(monkeypatch, saved=tmp_path / "w.safetensors")
    trigger(qtbot, window, "save_weights", p.WeightsSaved)
    qtbot.waitUntil(lambda: not window.files.weights.is_unsaved)
    train(qtbot, window)
    assert window.files.weights.is_unsaved
    trigger(qtbot, window, "initialise", p.VariablesInitialized)
    qtbot.waitUntil(lambda: not window.files.weights.is_unsaved)


@pytest.mark.thorough
def test_a_crash_does_not_lose_what_was_learned(qtbot, window, monkeypatch):
    train(qtbot, window)
    trained = variables()
    files = lambda: list(journal_folder().glob("*.safetensors"))  # noqa: E731
    qtbot.waitUntil(lambda: bool(files()), timeout=20000)
    (kept,) = files()
    qtbot.waitUntil(lambda: bool(kept.exists() and kept.stat().st_size), timeout=20000)
    journal = window.files.recovery.journal
    journal._unsubscribe()
    journal._file.close()  # the process died: the lock is gone
    window.files.recovery.journal = window.files.weights.journal = None
    monkeypatch.setattr(
        recovery_dialog, "ask_recover", lambda _, found: (confirmation_dialogs.SAVE, found)
    )
    with qtbot.waitSignal(window.link.done, timeout=20000):
        window.files.recovery.offer()
    assert own(variables()) == own(trained)
    assert window.files.weights.is_unsaved and kept.exists()
    window.files.close()
    assert not list(journal_folder().iterdir()), "closed on purpose: nothing is left"

"""The stage of a window: modes, pins, controls that act live or begin afresh, and the speed."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMenu

from nodeflow.document.edit import commands
from nodeflow.document.edit.stage import (
    DATA,
    LOSS,
    VALUE,
    PinnedControl,
    PinnedView,
    controls_of,
    pin_control,
    pin_view,
    views_of,
)
from nodeflow.document.formula.insert import add_expression
from nodeflow.document.io import flow
from nodeflow.host import protocol as p
from nodeflow.resources import example
from nodeflow.train.settings import UNTIL_STOPPED
from nodeflow.ui.stage.control_row import RESTARTS, ControlRow
from nodeflow.ui.stage.controls import control_label
from nodeflow.ui.stage.default_pins import default_controls, default_view
from nodeflow.ui.window.stage_modes import BESIDE, CANVAS, STAGE

LEFT = Qt.MouseButton.LeftButton


def node(window, name: str) -> str:
    return window.workspace.root.node_named(name).id


def press(qtbot, window) -> None:
    """F4, as pressed by a user."""
    qtbot.keyClick(window, Qt.Key.Key_F4)


@pytest.fixture
def spirals(window, qtbot):
    """The example, whose file has pins."""
    window.files.open_example(example("spirals"))
    qtbot.waitUntil(lambda: window.stage_modes.mode == BESIDE)
    stage = window.stage_modes.stage
    qtbot.waitUntil(lambda: bool(stage.main.views))
    return window


def test_one_key_cycles_canvas_beside_and_stage(window, qtbot):
    window.files.open_example(example("linear_regression"))
    assert window.stage_modes.mode == CANVAS and not window.pages.shows_stage
    seen = []
    for _ in range(3):
        press(qtbot, window)
        modes = window.stage_modes
        seen.append((modes.mode, window.canvas.isVisible(), modes.stage.isVisible()))
    assert seen == [(BESIDE, True, True), (STAGE, False, True), (CANVAS, True, False)]


def test_the_panels_leave_their_places_and_come_back(window, qtbot):
    window.files.open_example(example("linear_regression"))
    window.docking.show("viewer")
    before = {name: dock.isVisible() for name, dock in window.docking.docks.items()}
    press(qtbot, window)
    press(qtbot, window)
    assert not any(dock.isVisible() for dock in window.docking.docks.values())
    press(qtbot, window)
    after = {name: dock.isVisible() for name, dock in window.docking.docks.items()}
    assert after == before


def test_a_file_with_pins_opens_beside_and_a_choice_of_its_user_counts(window, qtbot, tmp_path):
    path = tmp_path / "mine.flow"
    path.write_bytes(example("spirals").read_bytes())
    assert window.files.load_quietly(path)
    assert window.stage_modes.mode == BESIDE
    press(qtbot, window)
    press(qtbot, window)
    assert window.stage_modes.mode == CANVAS
    window.files.open_example(example("expression"))
    assert window.stage_modes.mode == CANVAS
    assert window.files.load_quietly(path)
    assert window.stage_modes.mode == CANVAS, "chosen for this file"
    assert "mode" not in path.read_text(encoding="utf-8")


def test_the_default_view_follows_from_the_graph(window):
    kinds = {
        "spirals": "regions",
        "regression": "plot",
        "autoencoder": "value",
        "word2vec": "projection",
        "mnist_adam": "class_accuracy",
        "mnist_cnn_layers": "class_accuracy",
        "mnist": "class_accuracy",
        "expression": LOSS,
    }
    found = {}
    for name in kinds:
        window.files.open_example(example(name))
        workspace = window.workspace
        found[name] = default_view(workspace.root, workspace.root_analysis)
    assert {name: view.view for name, view in found.items()} == kinds
    window.files.open_example(example("mnist"))
    assert found["mnist"].node == node(window, "probabilities"), "its loss is written out"
    window.files.open_example(example("spirals"))
    assert default_controls(window.workspace.root) == (
        PinnedControl(node(window, "train"), "learning_rate"),
    )


def test_the_last_pin_is_in_front_and_the_strip_shows_the_others(spirals, qtbot):
    main = spirals.stage_modes.stage.main
    assert main.view == PinnedView(node(spirals, "logits"), "regions")
    assert [tab.text() for tab in main.tabs] == ["Loss and metrics", "Regions of logits"]
    qtbot.mouseClick(main.tabs[0], LEFT)
    assert main.view == PinnedView("", LOSS) and main.tabs[0].isChecked()
    assert not spirals.workspace.root.is_modified, "looking changes nothing"


def test_a_node_is_put_on_the_stage_and_taken_off(window, qtbot):
    window.files.open_example(example("linear_regression"))
    window.canvas.selection.select([node(window, "prediction")])
    window.actions_.trigger("stage_node")
    assert views_of(window.workspace.root) == (PinnedView(node(window, "prediction"), "plot"),)
    assert window.stage_modes.mode == BESIDE, "what was put there is seen"
    window.actions_.refresh()
    assert window.actions_["stage_node"].text() == "Take off the stage"
    window.actions_.trigger("stage_node")
    assert views_of(window.workspace.root) == ()
    window.actions_.trigger("undo")
    assert len(views_of(window.workspace.root)) == 1


@pytest.fixture
def digits(window):
    """A generator of digits from noise and what judges them, with two optimizers."""
    window.files.begin_empty()
    for formula in (
        "images = placeholder(float32, [None, 784])",
        "fake = dense(dense(random_normal([100, 16]), 32), 784, activation='sigmoid')",
        "d_train = adam(reduce_mean(dense(images, 1)))",
        "g_train = adam(reduce_mean(dense(fake, 1)))",
    ):
        add_expression(window.workspace.root, window.workspace.root_analysis, formula)
    return window


def test_generated_pictures_are_on_the_stage(digits, qtbot):
    """They have an activation like probabilities, and as many columns as pictures have pixels."""
    root, analysis = digits.workspace.root, digits.workspace.root_analysis
    assert default_view(root, analysis) == PinnedView(node(digits, "fake"), VALUE)
    rates = [PinnedControl(node(digits, n), "learning_rate") for n in ("d_train", "g_train")]
    assert list(default_controls(root)) == rates
    digits.canvas.selection.select([node(digits, "fake")])
    digits.actions_.trigger("stage_node")
    assert views_of(root) == (PinnedView(node(digits, "fake"), VALUE),)
    stage = digits.stage_modes.stage
    qtbot.waitUntil(lambda: list(stage.controls.rows) == rates)


@pytest.mark.parametrize("value", ("[[0.0, 0.5]]", "2.0"))
def test_a_constant_is_put_on_the_stage_as_a_control(window, value):
    """Its numbers can be changed there; a picture of them would say nothing."""
    window.files.begin_empty()
    root = window.workspace.root
    add_expression(root, window.workspace.root_analysis, f"point = constant({value})")
    window.canvas.selection.select([node(window, "point")])
    window.actions_.trigger("stage_node")
    assert controls_of(root) == (PinnedControl(node(window, "point"), "value"),)
    assert views_of(root) == () and window.actions_["stage_node"].text() == "Take off the stage"
    window.actions_.trigger("stage_node")
    assert controls_of(root) == () and window.actions_["stage_node"].text() == "Put on the stage"


def test_a_field_is_put_on_the_stage_from_its_menu(window, qtbot):
    window.files.open_example(example("linear_regression"))
    window.canvas.selection.select([node(window, "train")])
    row = window.panels["inspector"].outside.page.attributes.attr_rows["learning_rate"]

    def entry(text: str):
        menu = QMenu()
        row.fill_menu(menu)
        return next(a for a in menu.actions() if a.text() == text), menu

    action, menu = entry("Put on the stage")
    action.trigger()
    control = PinnedControl(node(window, "train"), "learning_rate")
    assert controls_of(window.workspace.root) == (control,)
    stage = window.stage_modes.stage
    qtbot.waitUntil(lambda: control in stage.controls.rows)
    action, menu = entry("Take off the stage")
    action.trigger()
    assert controls_of(window.workspace.root) == ()
    assert menu is not None


def row_of(window, name: str, attr: str) -> ControlRow:
    place = name if name == "training" else node(window, name)
    return window.stage_modes.stage.controls.rows[PinnedControl(place, attr)]


def test_a_slider_edits_the_document_in_one_undo_step(spirals, qtbot):
    row = row_of(spirals, "train", "learning_rate")
    root = spirals.workspace.root
    row.slider.setFocus()
    at = row.slider.value()
    row.slider.setSliderDown(True)
    for position in (at + 5, at + 10, at + 20):
        row.slider.setValue(position)
    row.slider.setSliderDown(False)
    rate = root.nodes[node(spirals, "train")].attrs["learning_rate"]
    assert rate > 0.012
    qtbot.waitUntil(lambda: float(row.editor.focus_widget().text()) == rate)
    spirals.actions_.trigger("undo")
    assert root.nodes[node(spirals, "train")].attrs["learning_rate"] == 0.01
    assert row.mark.text() == "", "it acts live"


def test_a_seed_is_marked_and_begins_the_training_afresh(spirals, engine, qtbot):
    row = row_of(spirals, "training", "seed")
    assert row.mark.text() == RESTARTS
    spirals.actions_.trigger("train")
    engine.begin_training()
    engine.train_steps(1, [1.0, 0.9])
    qtbot.waitUntil(lambda: spirals.link.is_training)
    before = len(engine.requests(p.Train))
    row._on_moved(7)  # as typed: the editor reports it
    qtbot.waitUntil(lambda: bool(engine.requests(p.Stop)))
    engine.end_training(stopped=True)
    qtbot.waitUntil(lambda: len(engine.requests(p.Train)) == before + 1)
    assert spirals.workspace.root.training["seed"] == 7
    assert not engine.requests(p.Train)[-1].resume


def test_a_control_of_nothing_learned_only_edits(spirals, engine, qtbot):
    row = row_of(spirals, "training", "seed")
    row.edited.emit(9)
    controls = spirals.stage_modes.stage.controls
    qtbot.waitUntil(lambda: not controls._soon.isActive())
    assert spirals.workspace.root.training["seed"] == 9 and not engine.requests(p.Train)


def test_the_speed_is_stored_and_the_end_of_its_slider_is_full_speed(spirals, qtbot):
    slider = spirals.stage_modes.stage.bar.speed.slider
    assert spirals.workspace.root.training["speed"] == 50
    slider.setFocus()
    qtbot.keyClick(slider, Qt.Key.Key_Home)
    assert spirals.workspace.root.training["speed"] == 1
    qtbot.keyClick(slider, Qt.Key.Key_End)
    assert "speed" not in spirals.workspace.root.training
    assert spirals.stage_modes.stage.bar.speed.text.text() == "Full speed"


def test_the_bar_offers_what_is_usable_now(spirals, engine, qtbot):
    bar = spirals.stage_modes.stage.bar

    def offered() -> list[str]:
        return [name for name, tool in bar.buttons.items() if not tool.isHidden()]

    assert offered() == ["train"]
    qtbot.mouseClick(bar.buttons["train"], LEFT)
    engine.begin_training()
    engine.train_steps(1, [1.0])
    qtbot.waitUntil(lambda: offered() == ["pause", "stop"])
    assert not spirals.docking.docks["training"].isVisible(), "the stage shows the training"
    engine.end_training()
    qtbot.waitUntil(lambda: offered() == ["continue", "train"])


def test_a_hidden_stage_asks_for_nothing(spirals, engine, qtbot):
    qtbot.waitUntil(lambda: any(r.views for r in engine.requests(p.WatchViews)))
    commands.remove(spirals.workspace.root, [])
    spirals.stage_modes.show(CANVAS)
    main = spirals.stage_modes.stage.main
    assert not main.isVisible() and spirals.view_watcher._asked["stage"] == ()


def test_messages_are_seen_on_the_stage(spirals, qtbot):
    spirals.stage_modes.show(STAGE)
    spirals.messages.show("Something happened.", "info")
    assert spirals.info.isVisible()
    spirals.stage_modes.show(CANVAS)
    assert spirals.info.isVisible() and spirals.info.parentWidget() is spirals.canvas


def test_a_seventh_control_is_refused_in_words(window):
    window.files.open_example(example("linear_regression"))
    root = window.workspace.root
    for name in ("seed", "epochs", "batch_size", "shuffle", "patience", "use_averages"):
        pin_control(root, PinnedControl("training", name))
    window.staging.toggle_control(node(window, "train"), "learning_rate")
    assert len(controls_of(root)) == 6
    assert "6 controls already" in f"{window.info.text} {window.status.text.text()}"


def test_a_removed_node_leaves_the_stage_to_the_default(window, qtbot):
    window.files.open_example(example("linear_regression"))
    pin_view(window.workspace.root, PinnedView(node(window, "error"), "value"))
    main = window.stage_modes.stage.main
    qtbot.waitUntil(lambda: main.view.view == "value")
    commands.remove(window.workspace.root, [node(window, "error")])
    qtbot.waitUntil(lambda: main.view.view != "value")


def test_a_training_until_stopped_shows_no_end(window, engine, qtbot):
    window.files.open_example(example("linear_regression"))
    window.actions_.trigger("train")
    engine.begin_training(epochs=UNTIL_STOPPED)
    engine.train_steps(1, [1.0, 0.9, 0.8])
    panel = window.panels["training"]
    qtbot.waitUntil(lambda: panel.figures["step"].text() == "3")
    assert panel.figures["epoch"].text() == "1" and panel.figures["left"].text() == "–"
    assert panel.record.part == 0.0


def test_a_stage_that_opens_after_a_training_shows_its_loss(window, engine, qtbot):
    window.files.open_example(example("mnist"))
    pin_view(window.workspace.root, PinnedView("", LOSS))
    window.stage_modes.show(CANVAS)
    window.actions_.trigger("train")
    engine.begin_training()
    engine.train_steps(1, [0.5, 0.4, 0.3])
    engine.end_epoch(1, 0.4, accuracy=0.8)
    engine.end_training()
    press(qtbot, window)
    main = window.stage_modes.stage.main
    assert main.view.view == LOSS
    qtbot.waitUntil(lambda: main.pages.currentWidget() is main.curves)
    (losses,) = (
        c for c in window.context.trainings.latest.record.curves if c.name == "training loss"
    )
    assert losses.values.tolist() == [0.5, 0.4, 0.3]


def test_the_bar_says_where_the_training_is_if_there_is_room(spirals, engine, qtbot):
    bar = spirals.stage_modes.stage.bar
    spirals.stage_modes.show(STAGE)
    spirals.actions_.trigger("train")
    engine.begin_training()
    engine.train_steps(1, [1.0, 0.75])
    qtbot.waitUntil(lambda: bar.place.text() == "Step 2, loss 0.75")
    spirals.resize(1000, 700)
    spirals.stage_modes.show(BESIDE)
    engine.end_training()
    qtbot.waitUntil(lambda: bar.place.text() in ("", "Step 2, loss 0.75"))
    assert "…" not in bar.place.text()


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("mnist_layers", ["Learning rate", "Units of hidden", "Activation of hidden"]),
        ("gan", ["Learning rate of train_judge", "Learning rate of train_generator"]),
        ("vae", ["point", "Learning rate"]),
    ],
)
def test_controls_are_named_in_words(name, labels):
    document = flow.load(example(name))
    controls = [c for c in controls_of(document) or default_controls(document) if c.node != DATA]
    assert [control_label(document, c) for c in controls] == labels

"""The runs panel, driven by mouse and keys, over a real store and a fake engine."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtWidgets import QApplication, QFileDialog, QInputDialog, QLineEdit, QWidget

from nodeflow.document.io import flow
from nodeflow.host import protocol as p
from nodeflow.resources import example
from nodeflow.run_store.curves import Piece
from nodeflow.run_store.run_records import DONE, RUNNING, Run, RunEvent
from nodeflow.run_store.size_limit import limit
from nodeflow.run_store.store import FINAL, Batch, RunStore
from nodeflow.train.events import Epoch, RunKept
from nodeflow.train.saving.weights import save_weights
from nodeflow.ui.panels.plots.curve import LOSS
from nodeflow.ui.popups.dialogs import confirmation_dialogs

SPIRALS = example("spirals")
TEXT = SPIRALS.read_text("utf-8")
OTHER = TEXT.replace('"learning_rate": 0.01', '"learning_rate": 0.5')
RUNS = [  # name, status, accuracy, settings, graph
    ("first", DONE, 0.5, {"epochs": 3, "train.learning_rate": 0.01}, TEXT),
    ("second <b>", DONE, 0.9, {"epochs": 3, "train.learning_rate": 0.5}, OTHER),
    ("third", RUNNING, 0.7, {"epochs": 9, "train.learning_rate": 0.01}, TEXT),
]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A store with three runs; the last one still trains."""
    monkeypatch.setenv("NODEFLOW_RUNS", str(tmp_path / "runs"))
    with RunStore() as found:
        for number, (name, status, accuracy, settings, text) in enumerate(RUNS):
            now = time.time() - 60 + number
            run = Run(
                f"raaaaaaa{'abc'[number]}", name, file=str(SPIRALS) if number else "/else.flow",
                created=now, updated=time.time(), settings=settings, shares=("accuracy",),
                steps_per_epoch=4,
            )  # fmt: skip
            run = found.begin(run, text)
            losses = np.linspace(2, 1, 4) / (number + 1)
            epoch = Epoch(1, float(losses.mean()), {"accuracy": accuracy}, 4, 0.4)
            values = {**vars(run), "status": status, "steps": 4, "epochs": 1,
                      "loss": epoch.loss, "metrics": epoch.metrics, "bytes": 10 if number else 0,
                      "updated": time.time()}  # fmt: skip
            pieces = [Piece(1, losses, np.array([[4, 0.4]]))]
            events = [RunEvent(2, now, "pause"), RunEvent(2, now, "resume")]
            found.add(Batch(Run(**values), pieces, [epoch], events))
            if number:
                (found.folder / run.id).mkdir()
                owner = f"run {run.id} step 4"
                save_weights(found.folder / run.id / FINAL, {"w": np.ones(2)}, owner=owner)
        yield found


@pytest.fixture
def panel(store, window, qtbot):
    window.files.open_example(SPIRALS)
    window.docking.show("runs")
    panel = window.panels["runs"]
    qtbot.waitUntil(lambda: panel.shown.rowCount() == 3)
    return panel


def names(panel) -> list[str]:
    column = panel.model.columns.index("Name")
    return [panel.shown.index(r, column).data() for r in range(panel.shown.rowCount())]


def click(panel, qtbot, name: str, title: str, keys=Qt.KeyboardModifier.NoModifier, at=None):
    """Clicks into the cell of a run."""
    index = panel.shown.index(names(panel).index(name), panel.model.columns.index(title))
    panel.table.scrollTo(index)
    area = panel.table.visualRect(index)
    place = area.center() if at is None else area.topLeft() + at
    qtbot.mouseClick(panel.table.viewport(), Qt.MouseButton.LeftButton, keys, place)


def choose(panel, qtbot, *chosen: str) -> None:
    for number, name in enumerate(chosen):
        extend = Qt.KeyboardModifier.ControlModifier
        click(panel, qtbot, name, "Name", extend if number else Qt.KeyboardModifier.NoModifier)
    assert [run.name for run in panel.selected()] == sorted(chosen, key=[r[0] for r in RUNS].index)


@pytest.mark.thorough
def test_runs_are_listed_the_newest_first_with_their_figures(panel):
    assert names(panel) == ["third", "second <b>", "first"]
    titles = panel.model.columns
    cells = [panel.shown.index(1, titles.index(t)).data() for t in ("accuracy", "Steps", "Status")]
    assert cells == ["0.9", "4", "done"]
    assert panel.count.text() == "3 runs"


@pytest.mark.thorough
def test_a_click_on_a_title_sorts(panel, qtbot):
    header = panel.table.horizontalHeader()
    section = panel.model.columns.index("accuracy")
    for expected in (["first", "third", "second <b>"], ["second <b>", "third", "first"]):
        place = QPoint(header.sectionViewportPosition(section) + 20, header.height() // 2)
        qtbot.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=place)
        assert names(panel) == expected


@pytest.mark.thorough
def test_searching_looks_at_names_settings_and_all_else(panel, qtbot):
    for text, expected in (
        ("epochs=9", ["third"]),
        ("SPIRALS done", ["second <b>"]),
        ("raaaaaaaa", ["first"]),
        ("nothing", []),
    ):
        panel.search.clear()
        qtbot.keyClicks(panel.search, text)
        assert names(panel) == expected
    assert panel.empty.isVisible() and panel.empty.text() == "No run matches the search."
    assert panel.count.text() == "0 of 3 runs"


@pytest.mark.thorough
def test_this_file_and_starred_filter(panel, window, qtbot, store, tmp_path):
    panel.this_file.click()
    assert names(panel) == []  # an example has no file of its own
    window.workspace.root.path = SPIRALS
    window.workspace.replaced.emit()
    assert names(panel) == ["third", "second <b>"]
    panel.this_file.click()
    panel.starred.click()
    assert names(panel) == []
    panel.starred.click()
    click(panel, qtbot, "first", "★")
    qtbot.waitUntil(lambda: store.find("first").star)
    panel.starred.click()
    qtbot.waitUntil(lambda: names(panel) == ["first"])


@pytest.mark.thorough
def test_a_run_is_renamed_in_place(panel, qtbot, store):
    choose(panel, qtbot, "first")
    qtbot.keyClick(panel.table, Qt.Key.Key_F2)
    field = panel.table.viewport().findChild(QLineEdit) or QApplication.focusWidget()
    assert isinstance(field, QLineEdit)
    field.selectAll()
    qtbot.keyClicks(field, "a better name")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: "a better name" in names(panel))
    assert store.get("raaaaaaaa").name == "a better name"


@pytest.mark.sample(1)
@pytest.mark.parametrize(
    ("action", "text", "field"), [("note", "good", "good"), ("tags", "b, a,b", ("b", "a"))]
)
def test_notes_and_tags_are_edited_in_place(panel, qtbot, store, action, text, field):
    choose(panel, qtbot, "first")
    panel.actions_[action].trigger()
    editor = panel.table.viewport().findChild(QLineEdit)
    qtbot.keyClicks(editor, text)
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: getattr(store.find("first"), action) == field)


@pytest.mark.thorough
def test_checked_runs_are_drawn_in_all_plots(panel, window, qtbot):
    click(panel, qtbot, "first", "Plot", at=QPoint(12, 13))
    qtbot.waitUntil(lambda: len(window.shared_plots.overlays) == 2)
    choose(panel, qtbot, "second <b>", "third")
    qtbot.keyClick(panel.table, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: len(window.shared_plots.overlays) == 6)
    curves = {(curve.run, curve.name): curve for curve in window.shared_plots.overlays}
    drawn = curves["second <b>", LOSS]
    np.testing.assert_array_equal(drawn.values, np.linspace(2, 1, 4) / 2)
    np.testing.assert_array_equal(drawn.x("step"), [1, 2, 3, 4])
    np.testing.assert_array_equal(drawn.x("epoch"), [0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(drawn.x("seconds"), [0.1, 0.2, 0.3, 0.4])
    assert curves["first", "accuracy"].is_share and ("third (trains)", LOSS) in curves
    assert len({curve.color for curve in curves.values()}) == 3
    choose(panel, qtbot, "second <b>")
    qtbot.keyClick(panel.table, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: len(window.shared_plots.overlays) == 4)


def test_a_chosen_colour_is_that_of_the_curves(panel, window, qtbot, store):
    click(panel, qtbot, "first", "Plot", at=QPoint(12, 13))
    choose(panel, qtbot, "first")
    panel.colors.actions()[3].trigger()
    qtbot.waitUntil(lambda: store.find("first").colour != "")
    colour = store.find("first").colour
    qtbot.waitUntil(lambda: {curve.color for curve in window.shared_plots.overlays} == {colour})


@pytest.mark.thorough
def test_a_drawn_run_that_still_trains_grows(panel, window, qtbot, store):
    click(panel, qtbot, "third", "Plot", at=QPoint(12, 13))
    qtbot.waitUntil(lambda: len(window.shared_plots.overlays) == 2)
    run = store.find("third")
    values = {**vars(run), "steps": 6, "updated": time.time()}
    store.add(Batch(Run(**values), [Piece(5, np.array([0.3, 0.2]), np.array([[6, 0.6]]))]))
    qtbot.waitUntil(lambda: window.shared_plots.overlays[0].count == 6, timeout=10_000)


@pytest.mark.thorough
def test_what_was_changed_in_a_drawn_run_is_marked_in_its_colour(panel, window, qtbot, store):
    changed = RunEvent(2, 5.0, "changed", {"node": "train", "attr": "learning_rate", "value": 0.1})
    edited = RunEvent(3, 6.0, "edited", {"what": ["h: relu -> tanh", "k: added"], "notices": []})
    paused = RunEvent(3, 7.0, "pause", {})
    store.add(Batch(store.find("first"), events=[changed, edited, paused]))
    window.docking.show("training")
    click(panel, qtbot, "first", "Plot", at=QPoint(12, 13))
    qtbot.waitUntil(lambda: len(window.shared_plots.overlays) == 2)
    grid = window.panels["training"].plots.grid
    grid.set_arrangement(replace(grid.arrangement, x="seconds"))
    curve = grid.overlays[0]
    lines = [line for line in grid.cells[0].plot.changes.lines if line.isVisible()]
    shown = {line.label.toPlainText(): line for line in lines}
    assert list(shown) == ["train.learning_rate 0.1", "h: relu -> tanh +1"]
    assert [line.value() for line in lines] == list(curve.seconds[[1, 2]])
    assert {line.pen.color().name() for line in lines} == {curve.color.lower()}
    click(panel, qtbot, "first", "Plot", at=QPoint(12, 13))
    qtbot.waitUntil(lambda: not any(line.isVisible() for line in lines))


def rows(panel) -> dict[str, dict[str, list[str]]]:
    """Section -> name -> values in the tree of details."""
    tree, found = panel.details.tree, {}
    for number in range(tree.topLevelItemCount()):
        top = tree.topLevelItem(number)
        inner = (top.child(n) for n in range(top.childCount()))
        found[top.text(0)] = {
            item.text(0): [item.text(c) for c in range(1, tree.columnCount())] for item in inner
        }
    return found


@pytest.mark.thorough
def test_one_run_shows_how_it_was_trained(panel, qtbot):
    choose(panel, qtbot, "first")
    qtbot.waitUntil(lambda: panel.details.title.text() == "first")
    found = rows(panel)
    assert found["Settings"]["epochs"] == ["3"] and found["Run"]["Id"] == ["raaaaaaaa"]
    assert list(found["Events"]) == ["After step 2"]


@pytest.mark.thorough
def test_two_runs_show_what_changed(panel, qtbot):
    assert not panel.compare.isEnabled() and panel.compare.toolTip() == "Select two runs."
    choose(panel, qtbot, "second <b>", "first")
    qtbot.waitUntil(lambda: panel.details.title.text() == "first → second <b>")
    found = rows(panel)
    assert found["Settings"] == {"train.learning_rate": ["0.01", "0.5"]}
    assert list(found["Graph: 1 difference"]) == ["~ node train: learning_rate 0.01 -> 0.5"]
    choose(panel, qtbot, "first", "third")
    qtbot.waitUntil(lambda: panel.details.title.text() == "first → third")
    assert rows(panel) == {"Settings": {"epochs": ["3", "9"]}}


@pytest.fixture
def zero(store) -> str:
    """The name that the first run has from the beginning."""
    store.edit(["raaaaaaaa"], name="zero")
    return "zero"


def test_of_two_runs_the_earlier_one_comes_first_whatever_they_are_called(zero, panel, qtbot):
    click(panel, qtbot, "second <b>", "Name")
    click(panel, qtbot, zero, "Name", Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: panel.details.title.text() != "")
    assert panel.details.title.text() == "zero → second <b>"
    assert rows(panel)["Settings"] == {"train.learning_rate": ["0.01", "0.5"]}


@pytest.mark.thorough
def test_a_run_that_is_ticked_is_selected(panel, qtbot):
    """So what can be done with two runs can be done with two that are drawn."""
    for name, count in (("first", 1), ("second <b>", 2)):
        click(panel, qtbot, name, "Plot", at=QPoint(12, 13))
        assert len(panel.selected()) == count and len(panel._overlays.colors) == count
    qtbot.waitUntil(lambda: panel.details.title.text() == "first → second <b>")
    assert panel.compare.isEnabled() and panel.side_by_side.isEnabled()
    click(panel, qtbot, "first", "Plot", at=QPoint(12, 13))
    assert [run.name for run in panel.selected()] == ["second <b>"]
    assert list(panel._overlays.colors) == ["raaaaaaab"]
    assert not panel.compare.isEnabled() and panel.compare.toolTip() == "Select two runs."


@pytest.mark.thorough
def test_ticks_and_what_is_compared_go_with_the_document(panel, window, qtbot):
    for name in ("first", "second <b>"):
        click(panel, qtbot, name, "Plot", at=QPoint(12, 13))
    qtbot.waitUntil(lambda: len(window.shared_plots.overlays) == 4)
    qtbot.mouseClick(panel.side_by_side, Qt.MouseButton.LeftButton)
    assert len(panel._library.compared) == 2
    window.docking.show("training")
    training = window.panels["training"]
    assert training._plots.currentIndex() == 1
    window.workspace.root.mark_saved()
    window.files.load(example("mnist"), as_copy=True)
    assert not panel._overlays.colors and not window.shared_plots.overlays
    assert not panel.selected() and panel._library.compared == ()
    assert training._plots.currentIndex() == 0 and not training.plots.grid.overlays
    column = panel.model.columns.index("Plot")
    ticks = {panel.shown.index(r, column).data(Qt.ItemDataRole.CheckStateRole) for r in range(3)}
    assert ticks == {Qt.CheckState.Unchecked}
    qtbot.waitUntil(lambda: panel.details.hint.isVisibleTo(panel))


@pytest.mark.thorough
def test_the_edits_that_explain_a_difference_are_named_with_their_steps(panel, qtbot, store):
    """Both ended with one rate and one activation; a branch shares what came before it."""
    rate = {"node": "train", "attr": "learning_rate"}
    events = [
        RunEvent(1, 1.0, "edited", {"what": ["act: relu -> tanh"], "notices": [], "changes": {}}),
        RunEvent(2, 2.0, "changed", {**rate, "before": 0.01, "value": 1000.0}),
        RunEvent(3, 3.0, "changed", {**rate, "before": 1000.0, "value": 0.01}),
    ]
    first = store.find("first")
    settings = {"epochs": 3, "train.learning_rate": 0.01}
    store.add(Batch(replace(first, settings=settings), events=events, graphs=[(1, TEXT)]))
    made = Run("raaaaaaad", "branch", created=time.time(), updated=time.time(),
               settings=settings, parent=first.id, parent_step=2)  # fmt: skip
    made = store.begin(made, TEXT)
    store.add(Batch(replace(made, status=DONE, steps=6)))
    qtbot.waitUntil(lambda: panel.shown.rowCount() == 4, timeout=10_000)
    click(panel, qtbot, "branch", "Name")
    qtbot.waitUntil(lambda: panel.details.title.text() == "branch")
    found = rows(panel)
    assert found["Run"]["Branch of"] == ["first, after step 2"]
    assert found["Edits"] == {
        "After step 1": ["act: relu -> tanh (in first)"],
        "After step 2": ["train: learning_rate 1000.0 -> 0.01"],
    }
    click(panel, qtbot, "first", "Name", Qt.KeyboardModifier.ControlModifier)
    title = "first → branch: the same up to step 2"
    qtbot.waitUntil(lambda: panel.details.title.text() == title)
    assert panel.details.tree.topLevelItem(0).text(0) == "Edits"
    edits = panel.details.tree.topLevelItem(0)
    assert [[edits.child(n).text(c) for c in range(3)] for n in range(edits.childCount())] == [
        ["After step 3", "train.learning_rate 1000 -> 0.01", ""],
        ["After step 2", "", "train: learning_rate 1000.0 -> 0.01"],
    ]
    assert "Settings" not in rows(panel) and not any("Graph" in name for name in rows(panel))


def test_a_graph_opens_as_a_new_document(panel, window, qtbot):
    choose(panel, qtbot, "second <b>")
    panel.actions_["graph"].trigger()
    train = lambda: window.workspace.root.node_named("train")  # noqa: E731
    qtbot.waitUntil(lambda: train() is not None and train().attrs["learning_rate"] == 0.5)
    root = window.workspace.root
    assert root.path is None and root.is_modified and window.files.title.startswith("second <b>")
    assert root.nodes.keys() == flow.loads(OTHER).nodes.keys()


@pytest.mark.thorough
def test_weights_are_loaded_into_the_open_graph(panel, window, engine, qtbot, store):
    choose(panel, qtbot, "first")
    assert not panel.actions_["weights"].isEnabled()
    assert panel.actions_["weights"].toolTip() == "This run has no weights."
    choose(panel, qtbot, "second <b>")
    panel.actions_["weights"].trigger()
    qtbot.waitUntil(lambda: bool(engine.requests(p.CheckWeights)))
    assert engine.requests(p.CheckWeights)[-1].path == str(store.folder / "raaaaaaab" / FINAL)


@pytest.mark.thorough
def test_export_writes_a_folder(panel, qtbot, tmp_path, monkeypatch):
    chosen = (str(tmp_path / "out"), "")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: chosen)
    choose(panel, qtbot, "second <b>")
    panel.actions_["export"].trigger()
    expected = {"run.json", "curves.csv", "graph.flow", FINAL}
    qtbot.waitUntil(
        lambda: (
            (tmp_path / "out").exists()
            and {f.name for f in (tmp_path / "out").iterdir()} == expected
        )
    )
    assert (tmp_path / "out" / "graph.flow").read_text("utf-8") == OTHER


@pytest.mark.thorough
def test_deleting_asks_first_and_spares_what_trains(panel, window, qtbot, store, monkeypatch):
    asked: list[list[str]] = []
    answers = iter([False, True])
    monkeypatch.setattr(
        confirmation_dialogs,
        "ask_delete_runs",
        lambda parent, names: asked.append(names) or next(answers),
    )
    choose(panel, qtbot, "third")
    assert not panel.actions_["delete"].isEnabled()
    assert panel.actions_["delete"].toolTip() == "Stop the training first."
    choose(panel, qtbot, "first", "second <b>")
    panel.actions_["plot"].trigger()
    qtbot.waitUntil(lambda: len(window.shared_plots.overlays) == 4)
    for _ in range(2):
        qtbot.keyClick(panel.table, Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: names(panel) == ["third"])
    assert asked == [["first", "second <b>"]] * 2 and window.shared_plots.overlays == ()
    assert [run.name for run in store.runs()] == ["third"]
    assert not (store.folder / "raaaaaaab").exists()


@pytest.mark.parametrize("key", [Qt.Key.Key_Return, Qt.Key.Key_Escape])
def test_neither_enter_nor_escape_deletes_runs(qtbot, key):
    parent, asked = QWidget(), []
    qtbot.addWidget(parent)

    def press() -> None:
        box = QApplication.activeModalWidget()
        asked.append(box.text())
        qtbot.keyClick(box, key)

    QTimer.singleShot(0, press)
    assert not confirmation_dialogs.ask_delete_runs(parent, ["first"])
    assert asked == ["Delete “first”?"]


@pytest.mark.thorough
def test_what_another_process_trains_appears(panel, qtbot, store):
    store.begin(Run("rbbbbbbbb", "elsewhere", created=time.time(), updated=time.time()))
    qtbot.waitUntil(lambda: names(panel)[0] == "elsewhere", timeout=10_000)


@pytest.mark.thorough
def test_a_run_that_cannot_be_kept_is_said(panel, engine, window, qtbot):
    engine.on_message(RunKept("", "", "this training is not kept as a run: the disk is full"))
    text = "This training is not kept as a run: the disk is full"
    qtbot.waitUntil(lambda: text in shown_messages(window))


def shown_messages(window) -> str:
    from PySide6.QtWidgets import QLabel

    return "\n".join(label.text() for label in window.findChildren(QLabel) if label.isVisible())


@pytest.mark.thorough
def test_without_runs_the_panel_says_why(window, qtbot):
    window.docking.show("runs")
    panel = window.panels["runs"]
    qtbot.waitUntil(lambda: "NODEFLOW_RUNS is off" in panel.empty.text())
    assert panel.empty.isVisible()


@pytest.mark.thorough
def test_a_damaged_store_is_said_in_words(tmp_path, monkeypatch, window, qtbot):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "runs.sqlite").write_bytes(b"no database" * 500)
    monkeypatch.setenv("NODEFLOW_RUNS", str(tmp_path / "runs"))
    window.docking.show("runs")
    panel = window.panels["runs"]
    qtbot.waitUntil(lambda: "file is not a database" in panel.empty.text())


@pytest.mark.thorough
def test_the_graphs_of_two_runs_are_compared_on_the_canvas(panel, window, qtbot):
    choose(panel, qtbot, "second <b>", "first")
    qtbot.waitUntil(lambda: panel.details.on_canvas.isVisible())
    qtbot.mouseClick(panel.details.on_canvas, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.pages.shows_comparison)
    qtbot.waitUntil(lambda: window.pages.comparison.found is not None)
    found = window.pages.comparison.found
    assert [(d.kind, d.name, d.change) for d in found.differences] == [("node", "train", "changed")]
    assert window.workspace.root.node_named("train").attrs["learning_rate"] == 0.01


def test_the_room_for_all_runs_is_a_setting(panel, qtbot, store, monkeypatch):
    asked: list[float] = []

    def answer(parent, title, text, value, *rest):
        asked.append(value)
        return 0.5, True

    monkeypatch.setattr(QInputDialog, "getDouble", answer)
    panel.actions_["limit"].trigger()
    qtbot.waitUntil(lambda: limit(store) == 500_000_000)
    assert asked == [2.0]


@pytest.mark.thorough
def test_a_training_of_the_window_becomes_a_run(live_window, tmp_path, monkeypatch, qtbot):
    monkeypatch.setenv("NODEFLOW_RUNS", str(tmp_path / "kept"))
    window = live_window("linear_regression")
    qtbot.waitUntil(lambda: window.link.is_up, timeout=30_000)
    window.docking.show("runs")
    panel = window.panels["runs"]
    qtbot.waitUntil(lambda: "No trainings yet" in panel.empty.text())
    window.actions_.trigger("train")
    window.docking.show("runs")
    qtbot.waitUntil(lambda: bool(panel.model.runs), timeout=60_000)
    qtbot.waitUntil(lambda: panel.model.runs[0].status == "done", timeout=60_000)
    (run,) = panel.model.runs
    assert run.surface == "window" and run.epochs == window.workspace.root.training["epochs"]
    with RunStore(write=False) as kept:
        losses = kept.curves(run)["training loss"].values
    record = window.panels["training"].record
    np.testing.assert_array_equal(losses, record.losses.values)


@pytest.mark.thorough
def test_the_slider_of_the_plots_smooths_drawn_runs_too(panel, window, qtbot):
    click(panel, qtbot, "first", "Plot", at=QPoint(12, 13))
    qtbot.waitUntil(lambda: len(window.shared_plots.overlays) == 2)
    window.docking.show("training")
    training = window.panels["training"]
    training.preload()
    qtbot.keyClick(training.plots.bar.smoothing, Qt.Key.Key_Home)
    loss = next(curve for curve in window.shared_plots.overlays if curve.name == LOSS)
    assert loss.smoothing == 0 and loss.smooth.tolist() == loss.values.tolist()
    qtbot.keyClick(training.plots.bar.smoothing, Qt.Key.Key_End)
    assert loss.smoothing == 0.99


@pytest.mark.thorough
def test_a_damaged_run_is_shown_as_damaged_and_can_be_deleted(panel, store, qtbot, monkeypatch):
    monkeypatch.setattr(confirmation_dialogs, "ask_delete_runs", lambda parent, names: True)
    with store.database.writing():
        store.database.run("UPDATE runs SET facts = '{', tags = 'x' WHERE id = 'raaaaaaab'")
    titles, row = panel.model.columns, names(panel).index("second <b>")
    status = lambda: panel.shown.index(row, panel.model.columns.index("Status")).data()  # noqa: E731
    qtbot.waitUntil(lambda: status() == "damaged")
    assert "Status" in titles
    choose(panel, qtbot, "second <b>")
    qtbot.waitUntil(lambda: panel.details.title.text() == "second <b>")
    assert panel.details.tree.topLevelItem(0).child(0).text(1) == (
        "its row is damaged: tags, facts cannot be read"
    )
    panel.actions_["delete"].trigger()
    qtbot.waitUntil(lambda: names(panel) == ["third", "first"])


@pytest.mark.thorough
def test_damaged_losses_are_one_message(panel, store, qtbot):
    shown, answered = [], []
    panel._messages.message_shown.connect(lambda text, *more: shown.append(text))
    panel._library.answered.connect(lambda key, result: answered.append(key))
    with store.database.writing():
        store.database.run("UPDATE losses SET data = x'00' WHERE run = 'raaaaaaaa'")
    for number in range(2):
        key = ("curves of", number)
        panel._library.ask(key, lambda found: found.curves(found.find("first")))
        qtbot.waitUntil(lambda key=key: key in answered)
    (said,) = [text for text in shown if "losses of the run raaaaaaaa cannot be read" in text]
    assert said.startswith("1 row of the losses")
